//! What the host knows of its co-processor: the state, the capabilities, and the last value of the
//! properties that matter.
//!
//! Firmware tells changes of some properties unasked, and of others never (protocol §3.2, §7.5). What is
//! remembered here is decided by, so somebody has to see to it that it is true:
//!
//! | property | who keeps it true |
//! | --- | --- |
//! | PROTOCOL_VERSION, NCP_VERSION, INTERFACE_TYPE, VENDOR_ID, CAPS, HWADDR, RCP_VERSION, PHY_CHAN_PREFERRED | the handshake: constant until the next reset |
//! | PHY_CHAN, PHY_CHAN_SUPPORTED, MAC_15_4_PANID, NET_NETWORK_NAME, NET_XPANID, NET_NETWORK_KEY, NET_KEY_SEQUENCE_COUNTER, NET_PARTITION_ID, NET_ROLE, IPV6_LL_ADDR, IPV6_ML_ADDR, IPV6_ADDRESS_TABLE, IPV6_MULTICAST_ADDRESS_TABLE | told unasked; those of a dataset are asked for after a SET of it, too |
//! | THREAD_ON_MESH_NETS, THREAD_OFF_MESH_ROUTES | told when the leader's data change; own ones that the leader does not know yet: asked for after INSERT and REMOVE |
//! | NET_SAVED | asked for after a SET of a dataset or of a member of one, after NET_CLEAR and NET_SAVE, when the network tells another member, on association and when the stack goes down |
//! | NET_STACK_UP | NET_ROLE tells it: 4 is down, 1 to 3 are up; 0 (either, in old firmware): asked for |
//! | NET_IF_UP | only we change it: the answer to the SET |
//! | IPV6_ML_PREFIX | asked for after a SET of a dataset, on association, and when IPV6_ML_ADDR is told that has another prefix |
//! | MAC_15_4_LADDR | asked for on association |
//! | THREAD_RLOC16 | asked for when the role or the addresses are told |
//! | THREAD_MODE, SLAAC_ENABLED, MCU_POWER_STATE | only we change them: the answer to the SET |
//! | THREAD_ASSISTING_PORTS, SERVER_SERVICES | only we change them: asked for after INSERT and REMOVE |
//!
//! After a command of OpenThread's command line (`cli`) whatever it may have changed is asked for.
//!
//! The table is `after_success` and `after_update`. Requests wait while one of `DECISIVE` is being
//! asked for (`host::requests`).

use crate::wire::ids::{Capability, Command, Property};
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
    /// What stands in the way of frames, and what to do, as the transport sees it.
    pub diagnosis: Option<String>,
    /// Addresses and groups of the host for which the co-processor has no room.
    pub no_room: Vec<Ipv6Addr>,
    values: BTreeMap<Property, Vec<u8>>,
}

impl Known {
    /// Nothing is known.
    pub fn new() -> Self {
        Known {
            state: State::Uninitialized,
            fault: None,
            pause: None,
            diagnosis: None,
            no_room: Vec::new(),
            values: BTreeMap::new(),
        }
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.no_room.clear();
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

    /// Whether an address has the mesh-local prefix that is known.
    fn is_of_the_mesh(&self, address: Property) -> bool {
        let prefix = |property| self.value(property).and_then(|value| value.get(..8));
        prefix(address) == prefix(Property::IPV6_ML_PREFIX)
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

/// What is to be asked for again after a command succeeded: no update tells it.
pub(super) fn after_success(command: Command, property: Option<Property>) -> &'static [Property] {
    match (command, property) {
        (Command::NET_CLEAR | Command::NET_SAVE | Command::NET_RECALL, _) => SAVED,
        (
            Command::PROP_VALUE_SET,
            Some(Property::THREAD_ACTIVE_DATASET | Property::THREAD_ACTIVE_DATASET_TLVS),
        ) => DATASET,
        // Firmware forgets the dataset of which this was a member; the answer tells the value.
        (Command::PROP_VALUE_SET, Some(member)) if FORGETTING.contains(&member) => SAVED,
        // Everything can be said there.
        (Command::PROP_VALUE_SET, Some(Property::STREAM_CLI)) => COMMAND_LINE,
        (Command::PROP_VALUE_INSERT | Command::PROP_VALUE_REMOVE, Some(property)) => {
            let list = LISTS.iter().find(|list| list[0] == property);
            list.map_or(&[], |list| &list[..])
        }
        _ => &[],
    }
}

/// What is to be asked for after an update told a property: it changes with that, and no update tells it.
pub(super) fn after_update(property: Property, known: &Known) -> &'static [Property] {
    match property {
        // The network has a new dataset, or we have that of the network now.
        Property::PHY_CHAN
        | Property::MAC_15_4_PANID
        | Property::NET_XPANID
        | Property::NET_NETWORK_NAME
        | Property::NET_NETWORK_KEY
        | Property::NET_PSKC => SAVED,
        Property::IPV6_ML_ADDR if !known.is_of_the_mesh(Property::IPV6_ML_ADDR) => {
            &[Property::IPV6_ML_PREFIX]
        }
        // A child that finds another parent gets another one.
        Property::IPV6_ADDRESS_TABLE if known.state == State::Associated => {
            &[Property::THREAD_RLOC16]
        }
        // Detached, or in old firmware disabled.
        Property::NET_ROLE if known.uint8(property) == Some(0) => &[Property::NET_STACK_UP],
        _ => &[],
    }
}

const SAVED: &[Property] = &[Property::NET_SAVED];
const LISTS: &[[Property; 1]] = &[
    [Property::THREAD_ASSISTING_PORTS],
    [Property::SERVER_SERVICES],
    [Property::THREAD_ON_MESH_NETS],
    [Property::THREAD_OFF_MESH_ROUTES],
];

/// Protocol §7.5, "after any SET of 5400, 5436 ..."; what a dataset says, and what follows from that.
pub(super) const DATASET: &[Property] = &[
    Property::NET_SAVED,
    Property::PHY_CHAN,
    Property::MAC_15_4_PANID,
    Property::NET_NETWORK_NAME,
    Property::NET_XPANID,
    Property::NET_NETWORK_KEY,
    Property::NET_KEY_SEQUENCE_COUNTER,
    Property::IPV6_ML_PREFIX,
    Property::IPV6_ML_ADDR,
];

/// What a command of OpenThread's command line may have changed without a word of it.
const COMMAND_LINE: &[Property] = &[
    Property::NET_IF_UP,
    Property::NET_STACK_UP,
    Property::NET_SAVED,
    Property::PHY_CHAN,
    Property::MAC_15_4_PANID,
    Property::MAC_15_4_LADDR,
    Property::NET_NETWORK_NAME,
    Property::NET_XPANID,
    Property::NET_NETWORK_KEY,
    Property::NET_KEY_SEQUENCE_COUNTER,
    Property::IPV6_ML_PREFIX,
    Property::IPV6_ML_ADDR,
    Property::THREAD_ON_MESH_NETS,
    Property::THREAD_OFF_MESH_ROUTES,
    Property::THREAD_ASSISTING_PORTS,
    Property::THREAD_MODE,
];

/// Members of the active dataset with a property of their own, in the order of protocol §7.5 (`otLinkSetChannel` and the like, which clear
/// both datasets). While the stack is up they are refused (INVALID_STATE).
pub(super) const FORGETTING: &[Property] = &[
    Property::PHY_CHAN,
    Property::MAC_15_4_PANID,
    Property::NET_XPANID,
    Property::NET_NETWORK_NAME,
    Property::NET_NETWORK_KEY,
    Property::NET_PSKC,
    Property::IPV6_ML_PREFIX,
];

/// What requests decide by, or show, and no update tells: they wait while it is being asked for.
pub(super) const DECISIVE: &[Property] = &[
    Property::PHY_CHAN,
    Property::MAC_15_4_PANID,
    Property::NET_SAVED,
    Property::NET_IF_UP,
    Property::NET_STACK_UP,
    Property::NET_ROLE,
    Property::NET_NETWORK_NAME,
    Property::NET_XPANID,
    Property::NET_NETWORK_KEY,
    Property::NET_KEY_SEQUENCE_COUNTER,
    Property::IPV6_ML_ADDR,
    Property::IPV6_ML_PREFIX,
];

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

#[cfg(test)]
mod tests {
    use super::*;

    /// The table above says of each who keeps it true, and of nothing else.
    #[test]
    fn somebody_keeps_true_what_is_remembered() {
        let rows = include_str!("known.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .skip(2)
            .filter_map(|row| row.split_once(" | "));
        let mut listed: Vec<Property> = rows
            .flat_map(|(names, _)| names.split(", "))
            .map(|name| name.parse().expect(name))
            .collect();
        listed.sort();
        assert_eq!(listed, REMEMBERED);
        assert!(DECISIVE
            .iter()
            .all(|property| REMEMBERED.contains(property)));
    }
}
