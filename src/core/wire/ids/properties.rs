//! Every property of protocol §3, in one table.

mod stored;

pub use stored::{Properties, PROPERTIES};

use super::{name_of, Capability};
use crate::wire::signature::Signature;
use core::{fmt, str::FromStr};
use Capability as C;
use Needs::{AnyOf, Nothing, ToWrite};

/// What is known of a property: one row of protocol §3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PropertyInfo {
    /// Its number.
    pub id: Property,
    /// Its name, without the prefix `PROP_` or `SPINEL_PROP_`.
    pub name: &'static str,
    /// How its value is packed. A fixed length (`D(16)`) is written as `D`.
    pub signature: Signature<'static>,
    /// What a co-processor offers for it.
    pub access: Access,
    /// The capability that says that it is there.
    pub needs: Needs,
}

impl PropertyInfo {
    /// How the item is packed that INSERTED and REMOVED carry unasked. OpenThread tells a neighbour with the length of
    /// its structure in front, unlike all other items (errata E43).
    #[must_use]
    pub fn told_item(&self) -> Signature<'static> {
        match self.id {
            Property::THREAD_NEIGHBOR_TABLE => self.signature.element(),
            _ => self.signature.item(),
        }
    }
}

/// A set of operations that OpenThread's firmware offers for a property (protocol §3.1), as a union
/// of the constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// `G`: the value can be read.
    pub const GET: Access = Access(0x01);
    /// `S`: the value can be written.
    pub const SET: Access = Access(0x02);
    /// `I`: an item can be added to the value.
    pub const INSERT: Access = Access(0x04);
    /// `R`: an item can be taken from the value.
    pub const REMOVE: Access = Access(0x08);
    /// `A`: changes of the value are sent unsolicited.
    pub const UPDATES: Access = Access(0x10);
    /// `E`: events are sent unsolicited; there is no value to read.
    pub const EVENTS: Access = Access(0x20);
    /// `M`: only a member of datasets.
    pub const MEMBER: Access = Access(0x40);
    /// `N`: defined by a document; OpenThread's firmware has no handler for it.
    pub const NOT_IN_FIRMWARE: Access = Access(0x80);

    /// Whether every operation of `other` is in this set.
    pub const fn contains(self, other: Access) -> bool {
        self.0 & other.0 == other.0
    }

    const fn from_letters(letters: &str) -> Access {
        let letters = letters.as_bytes();
        let mut access = 0;
        let mut index = 0;
        while index < letters.len() {
            access |= match letters[index] {
                b'G' => Self::GET.0,
                b'S' => Self::SET.0,
                b'I' => Self::INSERT.0,
                b'R' => Self::REMOVE.0,
                b'A' => Self::UPDATES.0,
                b'E' => Self::EVENTS.0,
                b'M' => Self::MEMBER.0,
                b'N' => Self::NOT_IN_FIRMWARE.0,
                // Only the table below calls this, and only while it is compiled.
                _ => panic!("an access letter that is not one of GSIRAEMN"),
            };
            index += 1;
        }
        Access(access)
    }
}

impl fmt::Display for Access {
    /// The letters in the order of the constants: `GSA`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in "GSIRAEMN".chars().enumerate() {
            if self.0 & 1 << bit != 0 {
                write!(f, "{letter}")?;
            }
        }
        Ok(())
    }
}

/// Which capability a co-processor must list before a property is worth asking for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// None, or none that a capability tells.
    Nothing,
    /// Any one of these.
    AnyOf(&'static [Capability]),
    /// Any one of these to change the value; none to read it.
    ToWrite(&'static [Capability]),
}

impl Property {
    /// The property's row in [`PROPERTIES`]; `None` for a number that is not known here.
    pub fn info(self) -> Option<PropertyInfo> {
        PROPERTIES.get(self)
    }

    /// The name in the protocol; `None` for a number that is not known here.
    pub fn name(self) -> Option<&'static str> {
        self.info().map(|info| info.name)
    }

    /// Whether the value holds a key, a passphrase or what one can be made of, and so does not
    /// belong into a log.
    pub const fn is_secret(self) -> bool {
        matches!(
            self,
            Property::NET_NETWORK_KEY
                | Property::NET_PSKC
                | Property::MESHCOP_JOINER_COMMISSIONING
                | Property::MESHCOP_COMMISSIONER_JOINERS
                | Property::MESHCOP_COMMISSIONER_GENERATE_PSKC
                | Property::THREAD_JOINERS
                | Property::THREAD_ACTIVE_DATASET
                | Property::THREAD_PENDING_DATASET
                | Property::THREAD_MGMT_SET_ACTIVE_DATASET
                | Property::THREAD_MGMT_SET_PENDING_DATASET
                | Property::THREAD_NEW_DATASET
                | Property::THREAD_ACTIVE_DATASET_TLVS
                | Property::THREAD_PENDING_DATASET_TLVS
                | Property::THREAD_MGMT_SET_PENDING_DATASET_TLVS
                | Property::DATASET_RAW_TLVS
                | Property::RCP_MAC_KEY
                | Property::BORDER_AGENT_EPHEMERAL_KEY_ACTIVATE
                | Property::TRNG_32
                | Property::TRNG_128
                | Property::TRNG_RAW_32
        )
    }
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::display(self.name(), self.0, f)
    }
}

/// The text names no property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownProperty;

impl fmt::Display for UnknownProperty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a property: give a name like NET_ROLE, or a number 0..=2097151 or 0x43")
    }
}

impl std::error::Error for UnknownProperty {}

impl FromStr for Property {
    type Err = UnknownProperty;

    /// A name in any case, with or without `SPINEL_` and `PROP_`, today's or the draft's (protocol
    /// §3.2); or a number, decimal or `0x..`, known or not.
    fn from_str(text: &str) -> Result<Self, UnknownProperty> {
        if let Some(number) = number(text) {
            return Ok(Property(number));
        }
        let name = strip_prefix(strip_prefix(text, "SPINEL_"), "PROP_");
        PROPERTIES
            .iter()
            .map(|row| (row.name, row.id))
            .chain(DRAFT_NAMES.iter().copied())
            .find(|row| row.0.eq_ignore_ascii_case(name))
            .map(|row| row.1)
            .ok_or(UnknownProperty)
    }
}

fn number(text: &str) -> Option<u32> {
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u32::from_str_radix(digits, 16).ok()?,
        _ if text.starts_with('+') => return None,
        _ => text.parse().ok()?,
    };
    (number <= crate::wire::packed::UINT_PACKED_MAX).then_some(number)
}

fn strip_prefix<'t>(text: &'t str, prefix: &str) -> &'t str {
    match text.get(..prefix.len()) {
        Some(front) if front.eq_ignore_ascii_case(prefix) => &text[prefix.len()..],
        _ => text,
    }
}

macro_rules! properties {
    ($(
        $(#[$doc:meta])*
        $number:literal $name:ident $(as $text:literal)?: $signature:literal, $access:literal, $needs:expr;
    )*) => {
        /// The number of a property (protocol §3). Displays as `CAPS` or `UNKNOWN(15360)`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct Property(pub u32);

        impl Property {
            $(
                $(#[$doc])*
                #[doc = concat!("\n\n", $number, ", packed `\"", $signature, "\"`, access ", $access, ".")]
                pub const $name: Property = Property($number);
            )*
        }

        /// What [`stored`] is made of. Only the compiler uses it.
        const ALL: &[PropertyInfo] = &[$(
            PropertyInfo {
                id: Property($number),
                name: name_of!($name $($text)?),
                signature: match Signature::parse($signature) {
                    Ok(signature) => signature,
                    // Seen by the compiler alone.
                    Err(_) => panic!("a signature that does not parse"),
                },
                access: Access::from_letters($access),
                needs: $needs,
            },
        )*];
    };
}

// The type is the one that today's firmware uses where the documents disagree. "E10" and the like
// are the errata of protocol §9.
#[rustfmt::skip] // a table; rustfmt would take its indentation away
properties! {
    // protocol §3.3
    /// Status of the last operation; carrier of every error and of the reset reason
    /// (unsolicited after boot).
    0 LAST_STATUS: "i", "GA", Nothing;
    /// Major, minor protocol version: draft 4.1, firmware 4.3; major other than 4 = refuse
    /// to talk.
    1 PROTOCOL_VERSION: "ii", "G", Nothing;
    /// Build string of the firmware, name/version; platform; date.
    2 NCP_VERSION: "U", "G", Nothing;
    /// Network protocol family, §4.5; 3 = Thread.
    3 INTERFACE_TYPE: "i", "G", Nothing;
    /// Vendor registered number (PUI); OpenThread reports 0.
    4 VENDOR_ID: "i", "G", Nothing;
    /// Capability list, §4.2; constant until reset.
    5 CAPS: "A(i)", "G", Nothing;
    /// Number of interfaces offered; draft: MUST be 1.
    6 INTERFACE_COUNT: "C", "G", Nothing;
    /// NCP radio/stack power state, §4.3; deprecated. Firmware: get gives 4, set gives
    /// UNIMPLEMENTED.
    7 POWER_STATE: "C", "GS", AnyOf(&[C::POWER_SAVE]);
    /// Factory EUI-64 (serial number); not the address in use on air (that is 52); a vendor
    /// may make it writable.
    8 HWADDR: "E", "G", Nothing;
    /// Lock: true freezes the NCP so that several changes take effect together on release;
    /// setting true twice must fail with ALREADY. Firmware: get gives UNIMPLEMENTED, set
    /// PROP_NOT_FOUND.
    9 LOCK: "b", "GS", AnyOf(&[C::LOCK]);
    /// Bytes of host memory the NCP may fill by offload, default 0 = no offload until the
    /// host sets it; a newer page wrongly puts HOST_POWER_STATE here, see E10.
    10 HBO_MEM_MAX: "L", "GSN", AnyOf(&[C::HBO]);
    /// Number of blocks that may be offloaded, default 32, 0 disables.
    11 HBO_BLOCK_MAX: "S", "GSN", AnyOf(&[C::HBO]);
    /// Power state of the HOST, §4.4; special: the reply may be delayed until the TX queue
    /// drains.
    12 HOST_POWER_STATE: "C", "GS", Nothing;
    /// NCP MCU power state 0 ON, 1 LOW_POWER, 2 OFF; OFF also takes stack and interface
    /// down.
    13 MCU_POWER_STATE: "C", "GS", AnyOf(&[C::MCU_POWER_STATE]);

    // protocol §3.4
    /// Radio on. Writable only with raw-MAC support; otherwise the stack owns it and GET
    /// tells.
    32 PHY_ENABLED: "b", "GS", ToWrite(&[C::MAC_RAW, C::CONFIG_RADIO]);
    /// Current channel; SET decoded as PUI by firmware (same byte for <128).
    33 PHY_CHAN: "C", "GSA", Nothing;
    /// Allowed channel list; SET restricts it (setter in fw, draft says read only).
    34 PHY_CHAN_SUPPORTED: "A(C)", "GSA", Nothing;
    /// Centre frequency in kHz.
    35 PHY_FREQ: "L", "G", Nothing;
    /// CCA energy threshold, dBm.
    36 PHY_CCA_THRESHOLD: "c", "GS", Nothing;
    /// Transmit power, dBm.
    37 PHY_TX_POWER: "c", "GS", Nothing;
    /// Instantaneous RSSI, dBm.
    38 PHY_RSSI: "c", "G", Nothing;
    /// Receiver sensitivity, dBm.
    39 PHY_RX_SENSITIVITY: "c", "G", Nothing;
    /// IEEE 802.15.4 PCAP on.
    40 PHY_PCAP_ENABLED: "b", "GS", AnyOf(&[C::PCAP]);
    /// Channels preferred by the vendor/regulation.
    41 PHY_CHAN_PREFERRED: "A(C)", "G", Nothing;
    /// Gain of an external LNA, dBm.
    42 PHY_FEM_LNA_GAIN: "c", "GS", Nothing;
    /// Channel, maximum power dBm.
    43 PHY_CHAN_MAX_POWER: "Cc", "S", Nothing;
    /// Regulatory region, two ASCII letters of ISO 3166 alpha-2.
    44 PHY_REGION_CODE: "S", "GS", Nothing;
    /// Calibrated power table: INSERT one entry, SET with empty payload clears.
    45 PHY_CALIBRATED_POWER: "A(t(Csd))", "SI", AnyOf(&[C::CONFIG_RADIO]);
    /// Channel, target power in 0.01 dBm.
    46 PHY_CHAN_TARGET_POWER: "t(Cs)", "S", AnyOf(&[C::CONFIG_RADIO]);

    // protocol §3.5
    /// Scan state, §4.6; SET 1..3 starts a scan, the end is an unsolicited 0; never
    /// filtered.
    48 MAC_SCAN_STATE: "C", "GSA", Nothing;
    /// Channels to scan.
    49 MAC_SCAN_MASK: "A(C)", "GS", Nothing;
    /// Ms spent on each channel.
    50 MAC_SCAN_PERIOD: "S", "GS", Nothing;
    /// One found network, §3.12.
    51 MAC_SCAN_BEACON: "Cct(ESSC)t(iCUdd)", "E", Nothing;
    /// 802.15.4 extended address in use.
    52 MAC_15_4_LADDR: "E", "GS", Nothing;
    /// 802.15.4 short address in use.
    53 MAC_15_4_SADDR: "S", "GS", Nothing;
    /// PAN id.
    54 MAC_15_4_PANID: "S", "GSA", Nothing;
    /// Raw frames are copied to STREAM_RAW; cleared by reset.
    55 MAC_RAW_STREAM_ENABLED: "b", "GS", Nothing;
    /// Promiscuous mode: 0 OFF, 1 NETWORK (own network), 2 FULL.
    56 MAC_PROMISCUOUS_MODE: "C", "GS", Nothing;
    /// Channel, highest RSSI dBm (an RCP sends VALUE_IS).
    57 MAC_ENERGY_SCAN_RESULT: "Cc", "E", Nothing;
    /// Data poll period of a sleepy device, ms.
    58 MAC_DATA_POLL_PERIOD: "L", "GS", Nothing;
    /// Keep the receiver on while idle.
    59 MAC_RX_ON_WHEN_IDLE_MODE: "b", "S", AnyOf(&[C::CONFIG_RADIO]);
    /// A second short address of the radio.
    60 MAC_15_4_ALT_SADDR: "S", "S", AnyOf(&[C::MAC_RAW, C::CONFIG_RADIO]);
    /// Receive at a time (µs), for a duration (µs), on a channel.
    61 MAC_RX_AT: "XLC", "S", AnyOf(&[C::MAC_RAW, C::CONFIG_RADIO]);

    // protocol §3.6
    /// A network configuration is stored (fw: active dataset commissioned).
    64 NET_SAVED: "b", "G", Nothing;
    /// IPv6 interface up; data streams only work while true.
    65 NET_IF_UP: "b", "GS", Nothing;
    /// Network protocol running; true = start attaching, false = stop.
    66 NET_STACK_UP: "b", "GSA", Nothing;
    /// Role, §4.7; SET forces a transition and is decoded as PUI.
    67 NET_ROLE: "C", "GSA", Nothing;
    /// Network name, at most 16 bytes of UTF-8.
    68 NET_NETWORK_NAME: "U", "GSA", Nothing;
    /// Extended PAN id, big-endian order as displayed; 8 octets.
    69 NET_XPANID: "D", "GSA", Nothing;
    /// Network key (draft name NET_MASTER_KEY); 16 octets.
    70 NET_NETWORK_KEY: "D", "GSA", Nothing;
    /// Key sequence counter.
    71 NET_KEY_SEQUENCE_COUNTER: "L", "GSA", Nothing;
    /// Partition id (draft read only, firmware sets a preferred id on FTD).
    72 NET_PARTITION_ID: "L", "GSA", Nothing;
    /// True before STACK_UP = join an existing partition or fail; firmware drops it to
    /// false on attach.
    73 NET_REQUIRE_JOIN_EXISTING: "b", "GSA", Nothing;
    /// Key switch guard time, hours.
    74 NET_KEY_SWITCH_GUARDTIME: "L", "GS", Nothing;
    /// PSKc; 16 octets.
    75 NET_PSKC: "D", "GSA", Nothing;
    /// Leave: tell the parent/neighbours, then detach; completion is an unsolicited empty
    /// VALUE_IS.
    76 NET_LEAVE_GRACEFULLY: "", "SA", Nothing;

    // protocol §3.7
    /// Leader address.
    80 THREAD_LEADER_ADDR: "6", "G", Nothing;
    /// Parent: address, rloc16, age s, avg RSSI, last RSSI, LQ in, LQ out, version, CSL
    /// accuracy, uncertainty; trailing fields may be missing.
    81 THREAD_PARENT: "ESLccCCCCC", "G", Nothing;
    /// Children: address, rloc16, timeout, age, netdata version C, LQ in, avg RSSI, mode,
    /// last RSSI; deltas as INSERTED/REMOVED.
    82 THREAD_CHILD_TABLE: "A(t(ESLLCCcCc))", "GA", AnyOf(&[C::CONFIG_FTD]);
    /// Router id of the leader.
    83 THREAD_LEADER_RID: "C", "G", Nothing;
    /// Leader weight.
    84 THREAD_LEADER_WEIGHT: "C", "G", Nothing;
    /// Own leader weight.
    85 THREAD_LOCAL_LEADER_WEIGHT: "C", "GS", Nothing;
    /// Local network data TLVs.
    86 THREAD_NETWORK_DATA: "D", "G", Nothing;
    /// Version of it.
    87 THREAD_NETWORK_DATA_VERSION: "C", "G", Nothing;
    /// Stable part.
    88 THREAD_STABLE_NETWORK_DATA: "D", "G", Nothing;
    /// Version of it.
    89 THREAD_STABLE_NETWORK_DATA_VERSION: "C", "G", Nothing;
    /// On-mesh prefixes: prefix, bits, stable, flags, local, rloc16, ext flags. INSERT
    /// takes 6CbC (rest optional, only the 7th is used), REMOVE 6C. Needs 93 = true.
    90 THREAD_ON_MESH_NETS: "A(t(6CbCbSC))", "GIRA", ToWrite(&[C::THREAD_BORDER_ROUTER]);
    /// Off-mesh routes (draft THREAD_LOCAL_ROUTES): prefix, bits, stable, flags, local,
    /// next hop is me, rloc16. INSERT 6CbC, REMOVE 6C. Needs 93.
    91 THREAD_OFF_MESH_ROUTES: "A(t(6CbCbbS))", "GIRA", ToWrite(&[C::THREAD_BORDER_ROUTER]);
    /// UDP/TCP ports whose unsecured traffic may pass (joining).
    92 THREAD_ASSISTING_PORTS: "A(S)", "GSIR", Nothing;
    /// Gate for 90/91; falling edge registers the changes with the leader.
    93 THREAD_ALLOW_LOCAL_NET_DATA_CHANGE: "b", "GS", Nothing;
    /// Mode: 0x01 full network data, 0x02 full Thread device, 0x04 secure data request
    /// (ignored since 1.2), 0x08 rx on when idle.
    94 THREAD_MODE: "C", "GS", Nothing;

    // protocol §3.8
    /// Link-local address.
    96 IPV6_LL_ADDR: "6", "GA", Nothing;
    /// Mesh-local address (EID).
    97 IPV6_ML_ADDR: "6", "GA", Nothing;
    /// Mesh-local prefix; length must be 64; only while stopped.
    98 IPV6_ML_PREFIX: "6C", "GS", Nothing;
    /// Unicast addresses: address, prefix bits, lifetimes. Firmware order preferred, valid
    /// (E12); INSERT 6CLL, REMOVE 6 (rest ignored).
    99 IPV6_ADDRESS_TABLE: "A(t(6CLL))", "GIRA", Nothing;
    /// Routes, deprecated; GET gives UNIMPLEMENTED in fw.
    100 IPV6_ROUTE_TABLE: "D", "G", Nothing;
    /// NCP answers pings itself.
    101 IPV6_ICMP_PING_OFFLOAD: "b", "GS", Nothing;
    /// Multicast groups; INSERT of a joined group and REMOVE of a missing one succeed.
    102 IPV6_MULTICAST_ADDRESS_TABLE: "A(t(6))", "GIRA", Nothing;
    /// Ping offload: 0 off, 1 unicast, 2 multicast, 3 all, 4 RLOC/ALOC only (firmware
    /// default).
    103 IPV6_ICMP_PING_OFFLOAD_MODE: "C", "GS", Nothing;

    // protocol §3.9
    /// Debug text, newline placement arbitrary. firmware writes the bytes without a
    /// terminator: take everything to the end of the frame or to a zero byte.
    112 STREAM_DEBUG: "U", "E", Nothing;
    /// Raw 802.15.4 frame + metadata, §3.13.
    113 STREAM_RAW: "dD", "SE", AnyOf(&[C::MAC_RAW, C::CONFIG_RADIO]);
    /// IPv6 packet with link security + metadata (empty in firmware).
    114 STREAM_NET: "dD", "SE", Nothing;
    /// IPv6 packet without link security (joining); the 2017 draft prints id 114 for it by
    /// mistake.
    115 STREAM_NET_INSECURE: "dD", "SE", Nothing;
    /// Log line + metadata C level, i region, X time when CAP 518 present.
    116 STREAM_LOG: "UD", "E", Nothing;
    /// OpenThread's command line (build option NCP_CLI_STREAM): a line to it, its output in pieces
    /// back.
    117 STREAM_CLI: "U", "SE", Nothing;

    // protocol §3.11
    /// Joiner state 0 idle,1 discover,2 connecting,3 connected,4 entrust,5 joined.
    128 MESHCOP_JOINER_STATE: "C", "G", AnyOf(&[C::THREAD_JOINER]);
    /// Start/stop the joiner: PSKd, provisioning URL, vendor name, model, SW version, data;
    /// result = unsolicited LAST_STATUS JOIN_*.
    129 MESHCOP_JOINER_COMMISSIONING: "bUUUUUU", "S", AnyOf(&[C::THREAD_JOINER]);
    /// Commissioner state 0 off, 1 petitioning, 2 active.
    130 MESHCOP_COMMISSIONER_STATE: "C", "GS", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Joiners expected: id (none/EUI-64/discerner), timeout, PSKd. The header says PSKd, timeout;
    /// firmware and wpantund do it this way.
    131 MESHCOP_COMMISSIONER_JOINERS: "A(t(dLU))", "GIR", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Provisioning URL.
    132 MESHCOP_COMMISSIONER_PROVISIONING_URL: "U", "GS", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Commissioner session id.
    133 MESHCOP_COMMISSIONER_SESSION_ID: "S", "G", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Own discerner, bit length and value.
    134 MESHCOP_JOINER_DISCERNER: "CX", "GS", AnyOf(&[C::THREAD_JOINER]);
    /// Gate for 161, falling edge registers.
    160 SERVER_ALLOW_LOCAL_DATA_CHANGE: "b", "GS", AnyOf(&[C::THREAD_SERVICE]);
    /// Services: enterprise, service data, stable, server data, rloc16; INSERT Ldbd, REMOVE
    /// Ld. Needs 160.
    161 SERVER_SERVICES: "A(t(LdbdS))", "GIR", AnyOf(&[C::THREAD_SERVICE]);
    /// Services in leader data, first field service id.
    162 SERVER_LEADER_SERVICES: "A(t(CLdbdS))", "G", AnyOf(&[C::THREAD_SERVICE]);
    /// RCP API version (10 in current header).
    176 RCP_API_VERSION: "i", "G", AnyOf(&[C::RCP_API_VERSION]);
    /// Oldest host API the RCP accepts (4).
    177 RCP_MIN_HOST_API_VERSION: "i", "G", AnyOf(&[C::RCP_MIN_HOST_API_VERSION]);
    /// Write the crash log to the log stream.
    178 RCP_LOG_CRASH_DUMP: "", "S", AnyOf(&[C::RCP_LOG_CRASH_DUMP]);
    /// UART bit rate; the reply travels at the old rate.
    256 UART_BITRATE: "L", "GSN", Nothing;
    /// XON/XOFF on.
    257 UART_XON_XOFF: "b", "GSN", Nothing;
    /// 802.15.4 PIB channels.
    1025 IEEE_802_15_4_PIB_PHY_CHANNELS_SUPPORTED as "15_4_PIB_PHY_CHANNELS_SUPPORTED": "A(L)", "GN", AnyOf(&[C::IEEE_802_15_4_PIB]);
    /// PIB promiscuous mode.
    1105 IEEE_802_15_4_PIB_MAC_PROMISCUOUS_MODE as "15_4_PIB_MAC_PROMISCUOUS_MODE": "b", "GSN", AnyOf(&[C::IEEE_802_15_4_PIB]);
    /// PIB security enabled.
    1117 IEEE_802_15_4_PIB_MAC_SECURITY_ENABLED as "15_4_PIB_MAC_SECURITY_ENABLED": "b", "GSN", AnyOf(&[C::IEEE_802_15_4_PIB]);

    // protocol §3.10
    /// Reset all counters; older text demands the value 1, firmware ignores the payload.
    /// Safe: send 01.
    1280 CNTR_RESET: "C", "S", AnyOf(&[C::COUNTERS]);

    // protocol §3.10
    /// A single counter.
    1281 CNTR_TX_PKT_TOTAL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1282 CNTR_TX_PKT_ACK_REQ: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1283 CNTR_TX_PKT_ACKED: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1284 CNTR_TX_PKT_NO_ACK_REQ: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1285 CNTR_TX_PKT_DATA: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1286 CNTR_TX_PKT_DATA_POLL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1287 CNTR_TX_PKT_BEACON: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1288 CNTR_TX_PKT_BEACON_REQ: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1289 CNTR_TX_PKT_OTHER: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1290 CNTR_TX_PKT_RETRY: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1291 CNTR_TX_ERR_CCA: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1292 CNTR_TX_PKT_UNICAST: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1293 CNTR_TX_PKT_BROADCAST: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1294 CNTR_TX_ERR_ABORT: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1380 CNTR_RX_PKT_TOTAL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1381 CNTR_RX_PKT_DATA: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1382 CNTR_RX_PKT_DATA_POLL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1383 CNTR_RX_PKT_BEACON: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1384 CNTR_RX_PKT_BEACON_REQ: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1385 CNTR_RX_PKT_OTHER: "L", "G", AnyOf(&[C::COUNTERS]);
    /// Frames that the allowlist filtered out.
    1386 CNTR_RX_PKT_FILT_WL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// Frames that the destination filter dropped.
    1387 CNTR_RX_PKT_FILT_DA: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1388 CNTR_RX_ERR_EMPTY: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1389 CNTR_RX_ERR_UKWN_NBR: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1390 CNTR_RX_ERR_NVLD_SADDR: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1391 CNTR_RX_ERR_SECURITY: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1392 CNTR_RX_ERR_BAD_FCS: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1393 CNTR_RX_ERR_OTHER: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1394 CNTR_RX_PKT_DUP: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1395 CNTR_RX_PKT_UNICAST: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1396 CNTR_RX_PKT_BROADCAST: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1480 CNTR_TX_IP_SEC_TOTAL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1481 CNTR_TX_IP_INSEC_TOTAL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1482 CNTR_TX_IP_DROPPED: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1483 CNTR_RX_IP_SEC_TOTAL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1484 CNTR_RX_IP_INSEC_TOTAL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1485 CNTR_RX_IP_DROPPED: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1580 CNTR_TX_SPINEL_TOTAL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1581 CNTR_RX_SPINEL_TOTAL: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1582 CNTR_RX_SPINEL_ERR: "L", "G", AnyOf(&[C::COUNTERS]);
    /// Frames with a TID out of sequence; no getter in firmware.
    1583 CNTR_RX_SPINEL_OUT_OF_ORDER_TID: "L", "GN", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1584 CNTR_IP_TX_SUCCESS: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1585 CNTR_IP_RX_SUCCESS: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1586 CNTR_IP_TX_FAILURE: "L", "G", AnyOf(&[C::COUNTERS]);
    /// A single counter.
    1587 CNTR_IP_RX_FAILURE: "L", "G", AnyOf(&[C::COUNTERS]);

    // protocol §3.10
    /// Message buffer use: total, free, then messages/buffers of the 6lo send, reassembly,
    /// IPv6, MPL, MLE, ARP, CoAP queues.
    1680 MSG_BUFFER_COUNTERS: "SSSSSSSSSSSSSSSS", "G", AnyOf(&[C::COUNTERS]);
    /// 17 TX and 17 RX MAC counters; SET of anything clears.
    1681 CNTR_ALL_MAC_COUNTERS: "t(A(L))t(A(L))", "GS", AnyOf(&[C::COUNTERS]);
    /// MLE: disabled, detached, child, router, leader, attempts, partition changes, better
    /// partition, parent changes; SET clears.
    1682 CNTR_MLE_COUNTERS: "SSSSSSSSS", "GS", AnyOf(&[C::COUNTERS]);
    /// IPv6 TX ok/fail, RX ok/fail; SET clears.
    1683 CNTR_ALL_IP_COUNTERS: "t(LL)t(LL)", "GS", AnyOf(&[C::COUNTERS]);
    /// Retry histogram direct, indirect; SET clears.
    1684 CNTR_MAC_RETRY_HISTOGRAM: "t(A(L))t(A(L))", "GS", AnyOf(&[C::MAC_RETRY_HISTOGRAM]);

    // protocol §3.11
    /// Key id mode, key id, previous/current/next key.
    2048 RCP_MAC_KEY: "CCddd", "S", AnyOf(&[C::CONFIG_RADIO]);
    /// Frame counter.
    2049 RCP_MAC_FRAME_COUNTER: "L", "S", AnyOf(&[C::CONFIG_RADIO]);
    /// Radio time, µs.
    2050 RCP_TIMESTAMP: "X", "G", AnyOf(&[C::CONFIG_RADIO]);
    /// Enhanced-ACK probing.
    2051 RCP_ENH_ACK_PROBING: "SEC", "S", AnyOf(&[C::CONFIG_RADIO]);
    /// CSL accuracy ppm.
    2052 RCP_CSL_ACCURACY: "C", "G", AnyOf(&[C::CONFIG_RADIO]);
    /// CSL uncertainty, 10 µs.
    2053 RCP_CSL_UNCERTAINTY: "C", "G", AnyOf(&[C::CONFIG_RADIO]);
    /// Multi-PAN RCP: bits 0-1 interface, bit 7 set = finish the pending radio operation
    /// first.
    2304 MULTIPAN_ACTIVE_INTERFACE: "C", "GS", AnyOf(&[C::CONFIG_RADIO]);

    // protocol §3.11, "newer than the tables above"
    /// The host's infrastructure interface: index, running, its addresses.
    2321 INFRA_IF_STATE: "LbA(6)", "S", Nothing;
    /// An ICMPv6 message that arrived there with hop limit 255: index, source, message.
    2322 INFRA_IF_RECV_ICMP6: "L6d", "S", Nothing;
    /// An ICMPv6 message to be sent there: index, destination, message.
    2323 INFRA_IF_SEND_ICMP6: "L6d", "E", Nothing;
    /// SRP server on.
    2337 SRP_SERVER_ENABLED: "b", "GS", Nothing;
    /// The border router decides whether the SRP server is on.
    2338 SRP_SERVER_AUTO_ENABLE_MODE: "b", "GS", Nothing;
    /// The host's DNS-SD: 0 stopped, 1 ready.
    2353 DNSSD_STATE: "C", "S", Nothing;
    /// The outcome of one of the three below: otError, request id, its context.
    2354 DNSSD_REQUEST_RESULT: "CLD", "S", Nothing;
    /// To be published or withdrawn: host name, count of addresses; then these, the request id (`L`)
    /// and its context (the header writes `USA(6)LD`).
    2355 DNSSD_HOST: "USD", "E", Nothing;
    /// To be published or withdrawn: host, instance, type, subtypes, TXT data, port, priority,
    /// weight, TTL, request id, context. The header writes `S` for the TTL; firmware sends `L`.
    2356 DNSSD_SERVICE: "UUUt(A(U))dSSSLLD", "E", Nothing;
    /// To be published or withdrawn: name, type, key, class, TTL, request id, context.
    2357 DNSSD_KEY_RECORD: "Ut(U)dSLLD", "E", Nothing;
    /// To be browsed for or not: type, subtype, interface, context.
    2358 DNSSD_BROWSER: "Ut(U)LD", "E", Nothing;
    /// Found: type, subtype, instance, TTL (0: gone), interface, context.
    2359 DNSSD_BROWSE_RESULT: "Ut(U)ULLD", "S", Nothing;
    /// To be resolved or not: instance, type, interface, context.
    2360 DNSSD_SRV_RESOLVER: "UULD", "E", Nothing;
    /// Resolved: instance, type, host, port, priority, weight, TTL, interface, context.
    2361 DNSSD_SRV_RESULT: "UUt(U)SSSLLD", "S", Nothing;
    /// To be resolved or not: instance, type, interface, context.
    2362 DNSSD_TXT_RESOLVER: "UULD", "E", Nothing;
    /// Resolved: instance, type, TXT data, TTL, interface, context.
    2363 DNSSD_TXT_RESULT: "UUdLLD", "S", Nothing;
    /// To be resolved or not: host, interface, context.
    2364 DNSSD_IP6_ADDRESS_RESOLVER: "ULD", "E", Nothing;
    /// Resolved: host, interface, addresses and their TTLs (`6L` each), context.
    2365 DNSSD_IP6_ADDRESS_RESULT: "ULdD", "S", Nothing;
    /// To be resolved or not: host, interface, context.
    2366 DNSSD_IP4_ADDRESS_RESOLVER: "ULD", "E", Nothing;
    /// Resolved: as the IPv6 addresses, IPv4 as mapped ones.
    2367 DNSSD_IP4_ADDRESS_RESULT: "ULdD", "S", Nothing;
    /// The border agent: running, UDP port, MeshCoP TXT data.
    2385 BORDER_AGENT_MESHCOP_SERVICE_STATE: "bSD", "GA", Nothing;
    /// The border agent's ephemeral key: state, UDP port (0 when stopped).
    2386 BORDER_AGENT_EPHEMERAL_KEY_STATE: "CS", "GA", Nothing;
    /// Ephemeral keys are possible.
    2387 BORDER_AGENT_EPHEMERAL_KEY_ENABLE: "b", "S", Nothing;
    /// Lets commissioners in with this key, for so many ms, on this UDP port (0: any).
    2388 BORDER_AGENT_EPHEMERAL_KEY_ACTIVATE: "ULS", "S", Nothing;
    /// Ends that; true keeps a session that is there.
    2389 BORDER_AGENT_EPHEMERAL_KEY_DEACTIVATE: "b", "S", Nothing;
    /// Backbone router: 0 disabled, 1 secondary, 2 primary. Firmware has a getter beside the update.
    2417 BACKBONE_ROUTER_STATE: "C", "GA", Nothing;
    /// Backbone router on.
    2418 BACKBONE_ROUTER_ENABLE: "b", "S", Nothing;
    /// A multicast group that the mesh listens to, or does not any more.
    2419 BACKBONE_ROUTER_MULTICAST_LISTENER: "6", "E", Nothing;
    /// DHCPv6 prefix delegation on.
    2449 BORDER_ROUTER_DHCP6_PD_ENABLE: "b", "S", Nothing;
    /// A prefix that was delegated: prefix, length, valid and preferred lifetime (s).
    2450 BORDER_ROUTER_DHCP6_PD_PREFIX: "6CLL", "S", Nothing;

    // protocol §3.3
    /// GPIO list: number, flags (§3.14), name.
    4096 GPIO_CONFIG: "A(t(CCU))", "GIN", AnyOf(&[C::GPIO]);
    /// GPIO levels, bit 0x80 of the first byte is GPIO 0.
    4098 GPIO_STATE: "D", "GSN", AnyOf(&[C::GPIO]);
    /// Raise the outputs whose bit is 1, leave the rest.
    4099 GPIO_STATE_SET: "D", "SN", AnyOf(&[C::GPIO]);
    /// Lower the outputs whose bit is 1, leave the rest.
    4100 GPIO_STATE_CLEAR: "D", "SN", AnyOf(&[C::GPIO]);
    /// 32 ready-to-use random bits, §3.15.
    4101 TRNG_32: "L", "GN", AnyOf(&[C::TRNG]);
    /// 128 ready-to-use random bits; 16 octets.
    4102 TRNG_128: "D", "GN", AnyOf(&[C::TRNG]);
    /// Raw entropy source samples worth 32 bits, for tests only.
    4103 TRNG_RAW_32: "D", "GN", AnyOf(&[C::TRNG]);
    /// Property ids whose unsolicited updates are suppressed; empty after reset; ids that
    /// cannot be filtered are ignored on SET.
    4104 UNSOL_UPDATE_FILTER: "A(i)", "GSIR", AnyOf(&[C::UNSOL_UPDATE_FILTER]);
    /// Property ids that can be put into 4104; constant for a build.
    4105 UNSOL_UPDATE_LIST: "A(i)", "G", AnyOf(&[C::UNSOL_UPDATE_FILTER]);

    // protocol §3.4
    /// Jamming detection on.
    4608 JAM_DETECT_ENABLE: "b", "GS", AnyOf(&[C::JAM_DETECT]);
    /// Jam seen now.
    4609 JAM_DETECTED: "b", "GA", AnyOf(&[C::JAM_DETECT]);
    /// RSSI above which the channel counts as busy, dBm.
    4610 JAM_DETECT_RSSI_THRESHOLD: "c", "GS", AnyOf(&[C::JAM_DETECT]);
    /// Observation window in s, 1..63.
    4611 JAM_DETECT_WINDOW: "C", "GS", AnyOf(&[C::JAM_DETECT]);
    /// Busy seconds within the window that mean a jam; more than the window = undefined.
    4612 JAM_DETECT_BUSY: "C", "GS", AnyOf(&[C::JAM_DETECT]);
    /// History, bit 0 = latest second, bit 63 = oldest; the draft's two little-endian L
    /// words are the same eight bytes.
    4613 JAM_DETECT_HISTORY_BITMAP: "X", "G", AnyOf(&[C::JAM_DETECT]);
    /// Channel monitor: ms between samples.
    4614 CHANNEL_MONITOR_SAMPLE_INTERVAL: "L", "G", AnyOf(&[C::CHANNEL_MONITOR]);
    /// Channel monitor: RSSI threshold, dBm.
    4615 CHANNEL_MONITOR_RSSI_THRESHOLD: "c", "G", AnyOf(&[C::CHANNEL_MONITOR]);
    /// Channel monitor: samples in the averaging window.
    4616 CHANNEL_MONITOR_SAMPLE_WINDOW: "L", "G", AnyOf(&[C::CHANNEL_MONITOR]);
    /// Channel monitor: samples taken so far.
    4617 CHANNEL_MONITOR_SAMPLE_COUNT: "L", "G", AnyOf(&[C::CHANNEL_MONITOR]);
    /// Channel, occupancy 0..0xFFFF (header comment says U, wire is S).
    4618 CHANNEL_MONITOR_CHANNEL_OCCUPANCY: "A(t(CS))", "G", AnyOf(&[C::CHANNEL_MONITOR]);
    /// Radio capability bits (RCP).
    4619 RADIO_CAPS: "i", "G", AnyOf(&[C::CONFIG_RADIO]);
    /// Coexistence counters TX, RX, stopped, glitches.
    4620 RADIO_COEX_METRICS: "t(LLLLLLLL)t(LLLLLLLLL)bL", "G", AnyOf(&[C::RADIO_COEX]);
    /// Coexistence enable.
    4621 RADIO_COEX_ENABLE: "b", "GS", AnyOf(&[C::RADIO_COEX]);

    // protocol §3.5
    /// Allowed neighbours: address, fixed RSSI (127 = not fixed; the RSSI byte is
    /// optional). Old name WHITELIST.
    4864 MAC_ALLOWLIST: "A(t(Ec))", "GSIR", AnyOf(&[C::MAC_ALLOWLIST]);
    /// Allowlist active.
    4865 MAC_ALLOWLIST_ENABLED: "b", "GS", AnyOf(&[C::MAC_ALLOWLIST]);
    /// Extended address (newer alias of 52, get only).
    4866 MAC_EXTENDED_ADDR: "E", "G", Nothing;
    /// Source match active (RCP).
    4867 MAC_SRC_MATCH_ENABLED: "b", "GS", AnyOf(&[C::MAC_RAW, C::CONFIG_RADIO]);
    /// Source match short addresses.
    4868 MAC_SRC_MATCH_SHORT_ADDRESSES: "A(S)", "SIR", AnyOf(&[C::MAC_RAW, C::CONFIG_RADIO]);
    /// Source match extended addresses.
    4869 MAC_SRC_MATCH_EXTENDED_ADDRESSES: "A(E)", "SIR", AnyOf(&[C::MAC_RAW, C::CONFIG_RADIO]);
    /// Denied neighbours. Old name BLACKLIST.
    4870 MAC_DENYLIST: "A(t(E))", "GSIR", AnyOf(&[C::MAC_ALLOWLIST]);
    /// Denylist active.
    4871 MAC_DENYLIST_ENABLED: "b", "GS", AnyOf(&[C::MAC_ALLOWLIST]);
    /// Fixed RSSI per address; an entry without address = default.
    4872 MAC_FIXED_RSS: "A(t(Ec))", "GSIR", AnyOf(&[C::MAC_ALLOWLIST]);
    /// CCA failure rate, 0xFFFF = 100 %.
    4873 MAC_CCA_FAILURE_RATE: "S", "G", Nothing;
    /// Direct retries.
    4874 MAC_MAX_RETRY_NUMBER_DIRECT: "C", "GS", Nothing;
    /// Indirect retries.
    4875 MAC_MAX_RETRY_NUMBER_INDIRECT: "C", "GS", AnyOf(&[C::CONFIG_FTD]);

    // protocol §3.7
    /// Child timeout, s.
    5376 THREAD_CHILD_TIMEOUT: "L", "GS", Nothing;
    /// Own RLOC16.
    5377 THREAD_RLOC16: "S", "G", Nothing;
    /// Router upgrade threshold.
    5378 THREAD_ROUTER_UPGRADE_THRESHOLD: "C", "GS", AnyOf(&[C::CONFIG_FTD]);
    /// Context id reuse delay, s.
    5379 THREAD_CONTEXT_REUSE_DELAY: "L", "GS", AnyOf(&[C::CONFIG_FTD]);
    /// Network id timeout, s.
    5380 THREAD_NETWORK_ID_TIMEOUT: "C", "GS", AnyOf(&[C::CONFIG_FTD]);
    /// Active router ids; firmware only REMOVE (leader).
    5381 THREAD_ACTIVE_ROUTER_IDS: "A(C)", "R", AnyOf(&[C::CONFIG_FTD]);
    /// Pass packets for RLOC16 addresses to the host.
    5382 THREAD_RLOC16_DEBUG_PASSTHRU: "b", "GS", Nothing;
    /// Router role allowed; false on a router = re-attach as child.
    5383 THREAD_ROUTER_ROLE_ENABLED: "b", "GS", AnyOf(&[C::CONFIG_FTD]);
    /// Router downgrade threshold.
    5384 THREAD_ROUTER_DOWNGRADE_THRESHOLD: "C", "GS", AnyOf(&[C::CONFIG_FTD]);
    /// Router selection jitter.
    5385 THREAD_ROUTER_SELECTION_JITTER: "C", "GS", AnyOf(&[C::CONFIG_FTD]);
    /// Preferred router id, only while detached/disabled.
    5386 THREAD_PREFERRED_ROUTER_ID: "C", "GS", AnyOf(&[C::CONFIG_FTD]);
    /// Neighbours: address, rloc16, age, LQ in, avg RSSI, mode, is child, link counter, MLE
    /// counter, last RSSI.
    5387 THREAD_NEIGHBOR_TABLE: "A(t(ESLCcCbLLc))", "G", Nothing;
    /// Maximum children, only while stopped.
    5388 THREAD_CHILD_COUNT_MAX: "C", "GS", AnyOf(&[C::CONFIG_FTD]);
    /// Leader network data TLVs.
    5389 THREAD_LEADER_NETWORK_DATA: "D", "GA", Nothing;
    /// Stable part of it.
    5390 THREAD_STABLE_LEADER_NETWORK_DATA: "D", "G", Nothing;
    /// Old joiner list: PSKd, timeout, optional EUI-64.
    5391 THREAD_JOINERS: "A(t(ULE))", "I", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Old commissioner switch.
    5392 THREAD_COMMISSIONER_ENABLED: "b", "GS", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// TMF proxy; obsolete.
    5393 THREAD_TMF_PROXY_ENABLED: "b", "GSN", AnyOf(&[C::THREAD_TMF_PROXY]);
    /// TMF proxy stream; obsolete.
    5394 THREAD_TMF_PROXY_STREAM: "dSS", "SEN", AnyOf(&[C::THREAD_TMF_PROXY]);
    /// Discovery: joiner flag.
    5395 THREAD_DISCOVERY_SCAN_JOINER_FLAG: "b", "GS", Nothing;
    /// Discovery: filter by own EUI-64.
    5396 THREAD_DISCOVERY_SCAN_ENABLE_FILTERING: "b", "GS", Nothing;
    /// Discovery: PAN id filter, 0xFFFF none.
    5397 THREAD_DISCOVERY_SCAN_PANID: "S", "GS", Nothing;
    /// Steering data: zeros clear, ones allow all, else add this EUI-64.
    5398 THREAD_STEERING_DATA: "E", "GS", AnyOf(&[C::OOB_STEERING_DATA]);
    /// Routers: address, rloc16, id, next hop, cost, LQ in, LQ out, age, link.
    5399 THREAD_ROUTER_TABLE: "A(t(ESCCCCCCb))", "G", AnyOf(&[C::CONFIG_FTD]);
    /// Active dataset: pairs of property id and value (members: 5404, 33, 34, 70, 68, 54,
    /// 69, 98, 75, 5407).
    5400 THREAD_ACTIVE_DATASET: "A(t(iD))", "GS", Nothing;
    /// Pending dataset (adds 5405 and 5406).
    5401 THREAD_PENDING_DATASET: "A(t(iD))", "GS", Nothing;
    /// Send MGMT_SET of the active dataset (may add 5408, 5415).
    5402 THREAD_MGMT_SET_ACTIVE_DATASET: "A(t(iD))", "S", Nothing;
    /// Send MGMT_SET of the pending dataset.
    5403 THREAD_MGMT_SET_PENDING_DATASET: "A(t(iD))", "S", Nothing;
    /// Active timestamp.
    5404 DATASET_ACTIVE_TIMESTAMP: "X", "M", Nothing;
    /// Pending timestamp.
    5405 DATASET_PENDING_TIMESTAMP: "X", "M", Nothing;
    /// Delay timer, ms.
    5406 DATASET_DELAY_TIMER: "L", "M", Nothing;
    /// Security policy: rotation hours, flags, optional extension flags (0xF8 if absent).
    5407 DATASET_SECURITY_POLICY: "SCC", "M", Nothing;
    /// Extra raw TLVs.
    5408 DATASET_RAW_TLVS: "D", "M", Nothing;
    /// IPv6 addresses per child.
    5409 THREAD_CHILD_TABLE_ADDRESSES: "A(t(ESA(6)))", "G", AnyOf(&[C::CONFIG_FTD]);
    /// Frame and message error rates per neighbour.
    5410 THREAD_NEIGHBOR_TABLE_ERROR_RATES: "A(t(ESSScc))", "G", AnyOf(&[C::ERROR_RATE_TRACKING]);
    /// Address resolution cache: target, rloc16, age order, state, cached info, query info.
    5411 THREAD_ADDRESS_CACHE_TABLE: "A(t(6SCCt(bL6)t(bSS)))", "G", AnyOf(&[C::CONFIG_FTD]);
    /// Forwarded UDP: payload, peer port, peer address, local port.
    5412 THREAD_UDP_FORWARD_STREAM: "dS6S", "SE", AnyOf(&[C::THREAD_UDP_FORWARD]);
    /// Send MGMT_GET active.
    5413 THREAD_MGMT_GET_ACTIVE_DATASET: "A(t(iD))", "S", Nothing;
    /// Send MGMT_GET pending.
    5414 THREAD_MGMT_GET_PENDING_DATASET: "A(t(iD))", "S", Nothing;
    /// Destination of the MGMT command.
    5415 DATASET_DEST_ADDRESS: "6", "M", Nothing;
    /// Freshly generated dataset, each GET is new.
    5416 THREAD_NEW_DATASET: "A(t(iD))", "G", AnyOf(&[C::CONFIG_FTD]);
    /// CSL period, µs, a multiple of 160, 0 = off (wpantund writes S, E21).
    5417 THREAD_CSL_PERIOD: "L", "GS", AnyOf(&[C::THREAD_CSL_RECEIVER]);
    /// CSL timeout, s.
    5418 THREAD_CSL_TIMEOUT: "L", "GS", AnyOf(&[C::THREAD_CSL_RECEIVER]);
    /// CSL channel, 0 = the PAN channel.
    5419 THREAD_CSL_CHANNEL: "C", "GS", AnyOf(&[C::THREAD_CSL_RECEIVER]);
    /// Thread domain name.
    5420 THREAD_DOMAIN_NAME: "U", "GS", AnyOf(&[C::NET_THREAD_1_2]);
    /// Link metrics query: address, series, metric bits.
    5421 THREAD_LINK_METRICS_QUERY: "6CC", "S", AnyOf(&[C::THREAD_LINK_METRICS]);
    /// Its result.
    5422 THREAD_LINK_METRICS_QUERY_RESULT: "6Ct(A(t(CD)))", "E", AnyOf(&[C::THREAD_LINK_METRICS]);
    /// Link probe: address, series, length.
    5423 THREAD_LINK_METRICS_PROBE: "6CC", "S", AnyOf(&[C::THREAD_LINK_METRICS]);
    /// Enhanced-ACK probing request.
    5424 THREAD_LINK_METRICS_MGMT_ENH_ACK: "6CC", "S", AnyOf(&[C::THREAD_LINK_METRICS]);
    /// Probing report.
    5425 THREAD_LINK_METRICS_MGMT_ENH_ACK_IE: "SEt(A(t(CD)))", "E", AnyOf(&[C::THREAD_LINK_METRICS]);
    /// Forward-tracking request.
    5426 THREAD_LINK_METRICS_MGMT_FORWARD: "6CCC", "S", AnyOf(&[C::THREAD_LINK_METRICS]);
    /// Status of a request.
    5427 THREAD_LINK_METRICS_MGMT_RESPONSE: "6C", "E", AnyOf(&[C::THREAD_LINK_METRICS]);
    /// Multicast listener registration.
    5428 THREAD_MLR_REQUEST: "t(A(6))A(t(CD))", "S", AnyOf(&[C::NET_THREAD_1_2]);
    /// Its answer.
    5429 THREAD_MLR_RESPONSE: "CCt(A(6))", "E", AnyOf(&[C::NET_THREAD_1_2]);
    /// Fixed interface id of the domain address.
    5430 THREAD_DUA_ID: "A(C)", "GS", AnyOf(&[C::DUA]);
    /// Primary backbone router: rloc16, delay, timeout, sequence.
    5431 THREAD_BACKBONE_ROUTER_PRIMARY: "SSLC", "G", AnyOf(&[C::THREAD_BACKBONE_ROUTER]);
    /// Own BBR state 0 disabled, 1 secondary, 2 primary.
    5432 THREAD_BACKBONE_ROUTER_LOCAL_STATE: "C", "GS", AnyOf(&[C::THREAD_BACKBONE_ROUTER]);
    /// Own BBR configuration.
    5433 THREAD_BACKBONE_ROUTER_LOCAL_CONFIG: "SLC", "GS", AnyOf(&[C::THREAD_BACKBONE_ROUTER]);
    /// Register now.
    5434 THREAD_BACKBONE_ROUTER_LOCAL_REGISTER: "", "S", AnyOf(&[C::THREAD_BACKBONE_ROUTER]);
    /// Registration jitter.
    5435 THREAD_BACKBONE_ROUTER_LOCAL_REGISTRATION_JITTER: "C", "GS", AnyOf(&[C::THREAD_BACKBONE_ROUTER]);
    /// Active dataset as raw TLVs.
    5436 THREAD_ACTIVE_DATASET_TLVS: "D", "GS", Nothing;
    /// Pending dataset as raw TLVs.
    5437 THREAD_PENDING_DATASET_TLVS: "D", "GS", Nothing;
    /// MGMT_SET pending as TLVs; immediate reply has the property empty or LAST_STATUS;
    /// completion is unsolicited with the status as L.
    5438 THREAD_MGMT_SET_PENDING_DATASET_TLVS: "D", "GSA", Nothing;
    /// The channel on which a device samples to be woken up; 0 = the PAN channel.
    5439 THREAD_WAKEUP_CHANNEL: "C", "GS", Nothing;

    // protocol §3.11
    /// Announce begin: channel mask, count, period, destination.
    6144 MESHCOP_COMMISSIONER_ANNOUNCE_BEGIN: "LCS6", "S", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Remote energy scan.
    6145 MESHCOP_COMMISSIONER_ENERGY_SCAN: "LCSS6", "S", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Its result.
    6146 MESHCOP_COMMISSIONER_ENERGY_SCAN_RESULT: "Ld", "E", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// PAN id query.
    6147 MESHCOP_COMMISSIONER_PAN_ID_QUERY: "SL6", "S", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// PAN id conflict seen.
    6148 MESHCOP_COMMISSIONER_PAN_ID_CONFLICT_RESULT: "SL", "E", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// MGMT_COMMISSIONER_GET.
    6149 MESHCOP_COMMISSIONER_MGMT_GET: "d", "S", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// MGMT_COMMISSIONER_SET.
    6150 MESHCOP_COMMISSIONER_MGMT_SET: "d", "S", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Derive a PSKc from passphrase, name, XPANID; reply VALUE_IS D(16).
    6151 MESHCOP_COMMISSIONER_GENERATE_PSKC: "UUd", "S", AnyOf(&[C::THREAD_COMMISSIONER]);
    /// Channel to migrate to.
    6400 CHANNEL_MANAGER_NEW_CHANNEL: "C", "GSA", AnyOf(&[C::CHANNEL_MANAGER]);
    /// Migration delay, s.
    6401 CHANNEL_MANAGER_DELAY: "S", "GS", AnyOf(&[C::CHANNEL_MANAGER]);
    /// Channels that may be chosen.
    6402 CHANNEL_MANAGER_SUPPORTED_CHANNELS: "A(C)", "GS", AnyOf(&[C::CHANNEL_MANAGER]);
    /// Favoured channels.
    6403 CHANNEL_MANAGER_FAVORED_CHANNELS: "A(C)", "GS", AnyOf(&[C::CHANNEL_MANAGER]);
    /// Pick now; true = skip the quality check.
    6404 CHANNEL_MANAGER_CHANNEL_SELECT: "b", "GS", AnyOf(&[C::CHANNEL_MANAGER]);
    /// Automatic selection.
    6405 CHANNEL_MANAGER_AUTO_SELECT_ENABLED: "b", "GS", AnyOf(&[C::CHANNEL_MANAGER]);
    /// Its interval, s.
    6406 CHANNEL_MANAGER_AUTO_SELECT_INTERVAL: "L", "GS", AnyOf(&[C::CHANNEL_MANAGER]);
    /// Network time µs, sync state.
    6407 THREAD_NETWORK_TIME: "Xc", "GA", AnyOf(&[C::TIME_SYNC]);
    /// Sync period, s.
    6408 TIME_SYNC_PERIOD: "S", "GS", AnyOf(&[C::TIME_SYNC]);
    /// Crystal threshold, ppm.
    6409 TIME_SYNC_XTAL_THRESHOLD: "S", "GS", AnyOf(&[C::TIME_SYNC]);
    /// Child supervision interval, s.
    6410 CHILD_SUPERVISION_INTERVAL: "S", "GS", AnyOf(&[C::CHILD_SUPERVISION]);
    /// Supervision check timeout, s.
    6411 CHILD_SUPERVISION_CHECK_TIMEOUT: "S", "GS", AnyOf(&[C::CHILD_SUPERVISION]);
    /// RCP version below a POSIX-hosted stack.
    6412 RCP_VERSION: "U", "G", AnyOf(&[C::POSIX]);
    /// A parent response heard: address, rloc16, RSSI, priority, LQ3, LQ2, LQ1, attached.
    6413 PARENT_RESPONSE_INFO: "ESccCCCb", "E", Nothing;
    /// NCP forms SLAAC addresses itself.
    6414 SLAAC_ENABLED: "b", "GS", AnyOf(&[C::SLAAC]);
    /// Radio links, 0 = 802.15.4, 1 = TREL.
    6415 SUPPORTED_RADIO_LINKS: "A(i)", "G", AnyOf(&[C::MULTI_RADIO]);
    /// Radio preference per neighbour.
    6416 NEIGHBOR_TABLE_MULTI_RADIO_INFO: "A(t(ESA(t(iC))))", "G", AnyOf(&[C::MULTI_RADIO]);
    /// SRP client start/stop.
    6417 SRP_CLIENT_START: "b6Sb", "S", AnyOf(&[C::SRP_CLIENT]);
    /// Lease, s.
    6418 SRP_CLIENT_LEASE_INTERVAL: "L", "GS", AnyOf(&[C::SRP_CLIENT]);
    /// Key lease, s.
    6419 SRP_CLIENT_KEY_LEASE_INTERVAL: "L", "GS", AnyOf(&[C::SRP_CLIENT]);
    /// Host name, state, addresses.
    6420 SRP_CLIENT_HOST_INFO: "UCt(A(6))", "G", AnyOf(&[C::SRP_CLIENT]);
    /// Host name.
    6421 SRP_CLIENT_HOST_NAME: "U", "GS", AnyOf(&[C::SRP_CLIENT]);
    /// Host addresses.
    6422 SRP_CLIENT_HOST_ADDRESSES: "A(6)", "GS", AnyOf(&[C::SRP_CLIENT]);
    /// Services.
    6423 SRP_CLIENT_SERVICES: "A(t(UUSSSd))", "GIR", AnyOf(&[C::SRP_CLIENT]);
    /// Remove all, with/without key.
    6424 SRP_CLIENT_HOST_SERVICES_REMOVE: "bb", "S", AnyOf(&[C::SRP_CLIENT]);
    /// Forget everything locally.
    6425 SRP_CLIENT_HOST_SERVICES_CLEAR: "", "S", AnyOf(&[C::SRP_CLIENT]);
    /// Result of an update.
    6426 SRP_CLIENT_EVENT: "D", "E", AnyOf(&[C::SRP_CLIENT]);
    /// Key record in service (test).
    6427 SRP_CLIENT_SERVICE_KEY_ENABLED: "b", "GS", AnyOf(&[C::SRP_CLIENT]);
    /// Manufacturing command line; the reply VALUE_IS carries the text.
    15296 NEST_STREAM_MFG: "U", "S", Nothing;
    /// Legacy ULA prefix.
    15297 NEST_LEGACY_ULA_PREFIX: "D", "GSN", AnyOf(&[C::NEST_LEGACY_INTERFACE]);
    /// Last legacy node joined.
    15298 NEST_LEGACY_LAST_NODE_JOINED: "E", "EN", AnyOf(&[C::NEST_LEGACY_INTERFACE]);
    /// GET triggers an assertion (test).
    16384 DEBUG_TEST_ASSERT: "b", "G", Nothing;
    /// Log level, §4.8.
    16385 DEBUG_NCP_LOG_LEVEL: "C", "GS", Nothing;
    /// GET hangs the NCP to trigger the watchdog.
    16386 DEBUG_TEST_WATCHDOG: "", "G", Nothing;
    /// Base added to log timestamps, ms.
    16387 DEBUG_LOG_TIMESTAMP_BASE: "X", "GS", AnyOf(&[C::OPENTHREAD_LOG_METADATA]);
    /// TREL test mode.
    16388 DEBUG_TREL_TEST_MODE_ENABLE: "b", "GS", AnyOf(&[C::MULTI_RADIO]);}

/// What the draft called them (protocol §3.2).
const DRAFT_NAMES: &[(&str, Property)] = &[
    ("NET_MASTER_KEY", Property::NET_NETWORK_KEY),
    ("MAC_WHITELIST", Property::MAC_ALLOWLIST),
    ("MAC_WHITELIST_ENABLED", Property::MAC_ALLOWLIST_ENABLED),
    ("INTERFACE_VENDOR_ID", Property::VENDOR_ID),
    ("THREAD_LOCAL_ROUTES", Property::THREAD_OFF_MESH_ROUTES),
    (
        "THREAD_BA_PROXY_ENABLED",
        Property::THREAD_TMF_PROXY_ENABLED,
    ),
    ("THREAD_BA_PROXY_STREAM", Property::THREAD_TMF_PROXY_STREAM),
    (
        "THREAD_DISOVERY_SCAN_JOINER_FLAG",
        Property::THREAD_DISCOVERY_SCAN_JOINER_FLAG,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_unique_and_complete() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
        let mut names: Vec<_> = PROPERTIES.iter().map(|row| row.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        // 255 rows in the tables of protocol §3.3 to §3.11, 34 newer ones and 45 single counters.
        assert_eq!(PROPERTIES.len(), 334);
    }

    #[test]
    fn rows_say_what_the_protocol_says() {
        let row = |number: u32| {
            let info = Property(number).info().unwrap();
            (
                info.name,
                info.signature.as_str(),
                info.access.to_string(),
                info.needs,
            )
        };
        let radio: &[C] = &[C::MAC_RAW, C::CONFIG_RADIO];
        let letters = |text: &str| text.to_string();
        assert_eq!(row(0), ("LAST_STATUS", "i", letters("GA"), Nothing));
        assert_eq!(row(32), ("PHY_ENABLED", "b", letters("GS"), ToWrite(radio)));
        assert_eq!(
            row(51),
            (
                "MAC_SCAN_BEACON",
                "Cct(ESSC)t(iCUdd)",
                letters("E"),
                Nothing
            )
        );
        assert_eq!(
            row(90),
            (
                "THREAD_ON_MESH_NETS",
                "A(t(6CbCbSC))",
                letters("GIRA"),
                ToWrite(&[C::THREAD_BORDER_ROUTER])
            )
        );
        assert_eq!(
            row(113),
            (
                "STREAM_RAW",
                "dD",
                letters("SE"),
                AnyOf(&[C::MAC_RAW, C::CONFIG_RADIO])
            )
        );
        assert_eq!(
            row(1025),
            (
                "15_4_PIB_PHY_CHANNELS_SUPPORTED",
                "A(L)",
                letters("GN"),
                AnyOf(&[C::IEEE_802_15_4_PIB])
            )
        );
        assert_eq!(
            row(1291),
            ("CNTR_TX_ERR_CCA", "L", letters("G"), AnyOf(&[C::COUNTERS]))
        );
        assert_eq!(
            row(5411),
            (
                "THREAD_ADDRESS_CACHE_TABLE",
                "A(t(6SCCt(bL6)t(bSS)))",
                letters("G"),
                AnyOf(&[C::CONFIG_FTD])
            )
        );
        assert_eq!(
            row(5404),
            ("DATASET_ACTIVE_TIMESTAMP", "X", letters("M"), Nothing)
        );
        assert_eq!(
            row(16385),
            ("DEBUG_NCP_LOG_LEVEL", "C", letters("GS"), Nothing)
        );
        assert_eq!(Property::CNTR_RX_ERR_EMPTY, Property(1388));
        assert_eq!(Property::CNTR_RX_PKT_DUP, Property(1394));
        assert_eq!(Property::CNTR_IP_RX_FAILURE, Property(1587));
    }

    #[test]
    fn access_is_a_set() {
        let access = Property::NET_NETWORK_KEY.info().unwrap().access;
        assert!(access.contains(Access::GET));
        assert!(access.contains(Access::SET));
        assert!(access.contains(Access::UPDATES));
        assert!(!access.contains(Access::INSERT));
    }

    #[test]
    fn unknown_numbers_are_carried_through() {
        assert_eq!(Property(15_360).info(), None);
        assert_eq!(Property(15_360).to_string(), "UNKNOWN(15360)");
    }

    #[test]
    fn parses_names_and_numbers() {
        for text in [
            "NET_NETWORK_KEY",
            "net_network_key",
            "SPINEL_PROP_NET_NETWORK_KEY",
        ]
        .into_iter()
        .chain(["PROP_NET_MASTER_KEY", "70", "0x46", "0X46"])
        {
            assert_eq!(text.parse(), Ok(Property::NET_NETWORK_KEY), "{text}");
        }
        assert_eq!("2097151".parse(), Ok(Property(2_097_151)));
        for text in [
            "", "PROP_", "2097152", "+70", "0x", "0x+46", "-1", "NET", "Ünknown",
        ] {
            assert_eq!(text.parse::<Property>(), Err(UnknownProperty), "{text}");
        }
    }

    #[test]
    fn every_name_parses_back() {
        for row in PROPERTIES.iter() {
            assert_eq!(row.name.parse(), Ok(row.id));
        }
    }

    #[test]
    fn keys_are_secret() {
        let secrets = PROPERTIES.iter().filter(|row| row.id.is_secret());
        for row in secrets.clone() {
            assert_ne!(row.id, Property::NET_XPANID);
        }
        for word in ["KEY", "PSKC", "DATASET_TLVS", "KEY_ACTIVATE"] {
            for row in PROPERTIES.iter().filter(|row| row.name.ends_with(word)) {
                assert!(row.id.is_secret(), "{}", row.name);
            }
        }
        assert_eq!(secrets.count(), 20);
    }
}
