//! What the host knows of its co-processor: the state, the capabilities, and the last value of the
//! properties that matter.

use crate::wire::ids::{Capability, Property};
use crate::wire::packed::Reader;
use core::fmt;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// The state of the co-processor (protocol §7.2). Displays as wpantund's users know it (§8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No valid handshake yet.
    Uninitialized,
    /// The co-processor cannot be used, and is looked for from time to time.
    Fault,
    /// The firmware is being replaced; the transport is closed.
    Upgrading,
    /// Put to sleep by the host.
    DeepSleep,
    /// The stack is down, and no network is stored.
    Offline,
    /// The stack is down, and a network is stored.
    Commissioned,
    /// The stack is up and looks for its network.
    Associating,
    /// Like [`State::Associating`], with insecure data only.
    CredentialsNeeded,
    /// Child, router or leader.
    Associated,
    /// Was associated, and looks for a parent.
    Isolated,
}

impl State {
    /// Whether the handshake is done, so that commands make sense.
    pub const fn is_initialized(self) -> bool {
        !matches!(
            self,
            State::Uninitialized | State::Fault | State::Upgrading | State::DeepSleep
        )
    }

    /// Whether the stack runs.
    pub const fn is_up(self) -> bool {
        matches!(
            self,
            State::Associating | State::CredentialsNeeded | State::Associated | State::Isolated
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Uninitialized => "uninitialized",
            State::Fault => "uninitialized:fault",
            State::Upgrading => "uninitialized:upgrading",
            State::DeepSleep => "offline:deep-sleep",
            State::Offline => "offline",
            State::Commissioned => "offline:commissioned",
            State::Associating => "associating",
            State::CredentialsNeeded => "associating:credentials-needed",
            State::Associated => "associated",
            State::Isolated => "associated:no-parent",
        })
    }
}

/// What is known now.
#[derive(Clone, Debug)]
pub struct Known {
    /// The state.
    pub state: State,
    /// Why, where it is [`State::Fault`].
    pub fault: Option<String>,
    /// Why it is left alone for a while, and for how long.
    pub pause: Option<String>,
    values: BTreeMap<Property, Vec<u8>>,
}

impl Known {
    /// Nothing is known.
    pub fn new() -> Self {
        Known {
            state: State::Uninitialized,
            fault: None,
            pause: None,
            values: BTreeMap::new(),
        }
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// Remembers the value of a property that is worth it ([`REMEMBERED`]), and says whether it
    /// differs from what was known.
    pub fn remember(&mut self, property: Property, value: &[u8]) -> bool {
        if REMEMBERED.binary_search(&property).is_err() {
            return false;
        }
        match self.values.get_mut(&property) {
            Some(known) if known == value => false,
            Some(known) => {
                known.clear();
                known.extend_from_slice(value);
                true
            }
            None => {
                self.values.insert(property, value.to_vec());
                true
            }
        }
    }

    /// The last value, packed.
    pub fn value(&self, property: Property) -> Option<&[u8]> {
        self.values.get(&property).map(Vec::as_slice)
    }

    /// Whether the co-processor lists a capability.
    pub fn has(&self, capability: Capability) -> bool {
        let mut caps = Reader::new(self.value(Property::CAPS).unwrap_or_default());
        core::iter::from_fn(|| caps.uint_packed().ok()).any(|number| number == capability.0)
    }

    /// A `b`; false where it is not known.
    pub fn flag(&self, property: Property) -> bool {
        self.reader(property).boolean().unwrap_or(false)
    }

    /// A `C` or a small `i`.
    pub fn uint8(&self, property: Property) -> Option<u8> {
        self.reader(property).uint8().ok()
    }

    /// An `S`.
    pub fn uint16(&self, property: Property) -> Option<u16> {
        self.reader(property).uint16().ok()
    }

    /// A `6`.
    pub fn ipv6(&self, property: Property) -> Option<Ipv6Addr> {
        let octets = self.reader(property).array::<16>().ok()?;
        Some(Ipv6Addr::from(octets))
    }

    /// A `U`, what is not UTF-8 replaced.
    pub fn text(&self, property: Property) -> Option<String> {
        let octets = self.reader(property).utf8().ok()?;
        Some(String::from_utf8_lossy(octets).into_owned())
    }

    fn reader(&self, property: Property) -> Reader<'_> {
        Reader::new(self.value(property).unwrap_or_default())
    }
}

impl Default for Known {
    fn default() -> Self {
        Known::new()
    }
}

/// What is asked for at start (protocol §7.3, steps 3 to 11) and kept up to date by updates. Sorted by
/// number.
pub const REMEMBERED: &[Property] = &[
    Property::PROTOCOL_VERSION,
    Property::NCP_VERSION,
    Property::INTERFACE_TYPE,
    Property::VENDOR_ID,
    Property::CAPS,
    Property::HWADDR,
    Property::MCU_POWER_STATE,
    Property::PHY_CHAN,
    Property::PHY_CHAN_SUPPORTED,
    Property::PHY_CHAN_PREFERRED,
    Property::MAC_15_4_LADDR,
    Property::MAC_15_4_PANID,
    Property::NET_SAVED,
    Property::NET_IF_UP,
    Property::NET_STACK_UP,
    Property::NET_ROLE,
    Property::NET_NETWORK_NAME,
    Property::NET_XPANID,
    Property::NET_NETWORK_KEY,
    Property::NET_KEY_SEQUENCE_COUNTER,
    Property::NET_PARTITION_ID,
    Property::THREAD_ON_MESH_NETS,
    Property::THREAD_OFF_MESH_ROUTES,
    Property::THREAD_ASSISTING_PORTS,
    Property::THREAD_MODE,
    Property::IPV6_LL_ADDR,
    Property::IPV6_ML_ADDR,
    Property::IPV6_ML_PREFIX,
    Property::IPV6_ADDRESS_TABLE,
    Property::IPV6_MULTICAST_ADDRESS_TABLE,
    Property::SERVER_SERVICES,
    Property::THREAD_RLOC16,
    Property::RCP_VERSION,
    Property::SLAAC_ENABLED,
];
