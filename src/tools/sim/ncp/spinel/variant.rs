//! Builds of the firmware.

/// What can be different about a co-processor, so that a host refuses it (protocol §7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The major protocol version: 4.
    pub major: u8,
    /// The interface that it serves, 0..=3: 0.
    pub iid: u8,
    /// It runs its bootloader (interface type 0).
    pub bootloader: bool,
    /// Built with OPERATIONAL_DATASET_AUTO_INIT: a leader without a dataset makes one of the single properties, and
    /// NET_REQUIRE_JOIN_EXISTING fails with JOIN_FAILURE.
    pub auto_init: bool,
    /// Built with LINK_RAW (capability MAC_RAW): PHY_ENABLED takes the radio away from the stack.
    pub link_raw: bool,
    /// With what OpenThread's default build has not: GPIO, random numbers, PEEK and POKE, CMD_MULTI, MCU power,
    /// steering data, retry histograms, a log level and a manufacturing command line.
    pub extras: bool,
    /// It attaches within seconds, as no firmware does.
    pub hurry: bool,
    /// Room for addresses of the host in IPV6_ADDRESS_TABLE (default: 4).
    pub addresses: usize,
    /// Room for groups of the host in IPV6_MULTICAST_ADDRESS_TABLE (default: 2).
    pub groups: usize,
}

impl Variant {
    /// Firmware that makes it easy for its host: `auto-init`, `extras` and `hurry`.
    pub fn easy() -> Self {
        Variant {
            auto_init: true,
            extras: true,
            hurry: true,
            ..Variant::default()
        }
    }
}

impl Default for Variant {
    fn default() -> Self {
        Variant {
            major: 4,
            iid: 0,
            bootloader: false,
            auto_init: false,
            link_raw: false,
            extras: false,
            hurry: false,
            // OPENTHREAD_CONFIG_IP6_MAX_EXT_UCAST_ADDRS and _MCAST_ADDRS.
            addresses: 4,
            groups: 2,
        }
    }
}
