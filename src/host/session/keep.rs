//! What a reset of the co-processor must not lose: settings of the user (protocol §7.3, step 12) and
//! the network's credentials.

use super::Session;
use crate::host::known::{State, DATASET};
use crate::host::script::{Retain, Script, Step};
use crate::wire::ids::{Command, Property};

pub(in crate::host) struct Keep {
    /// What was set or inserted, in that order, each once.
    settings: Vec<(Command, Property, Vec<u8>)>,
    /// The active dataset as TLVs.
    retained: Option<Vec<u8>>,
    /// The network may have another one by now.
    is_outdated: bool,
}

impl Session {
    /// A property changed: is it one of those that a dataset is made of?
    pub(in crate::host) fn keep_value(&mut self, property: Property) {
        let is_member = property == Property::NET_PSKC || DATASET.contains(&property);
        if is_member || property == Property::NET_SAVED {
            self.keep.is_outdated = true;
        }
    }

    /// A command of a client, or what undoes it, succeeded.
    pub(in crate::host) fn wrote(&mut self, command: Command, property: Property, value: &[u8]) {
        self.keep.note(command, property, value);
        if (command, property) == (Command::PROP_VALUE_SET, Property::NET_STACK_UP) {
            self.watch.wants_up = value.first() != Some(&0);
        }
    }

    /// The credentials are these now: whether that is news.
    pub(in crate::host) fn retain(&mut self, tlvs: &[u8]) -> bool {
        self.keep.retain(tlvs)
    }

    /// No credentials are to be kept: whether there were any.
    pub(in crate::host) fn forget_retained(&mut self) -> bool {
        self.keep.forget()
    }

    /// The factory settings count again.
    pub(in crate::host) fn forget_settings(&mut self) {
        self.keep.settings.clear();
    }

    /// The credentials of the network that it is in may be others than those that are kept.
    pub(in crate::host) fn keep_network(&mut self) {
        self.keep.is_outdated = true;
    }

    /// What fetches the credentials to keep them, when it is known whether there are any.
    pub(in crate::host) fn fetch_to_keep(&mut self, retains: bool) -> Option<Script> {
        let is_settled = self.is_ready() && !self.watch.asks_for(DATASET);
        if !self.keep.is_outdated || self.known.state != State::Associated || !is_settled {
            return None;
        }
        self.keep.is_outdated = false;
        (retains && self.known.flag(Property::NET_SAVED)).then(fetch)
    }
}

impl Keep {
    pub(in crate::host) fn new(retained: Option<Vec<u8>>) -> Self {
        Keep {
            settings: Vec::new(),
            retained: retained.filter(|tlvs| !tlvs.is_empty()),
            is_outdated: true,
        }
    }

    /// A command of a client succeeded: is it one to repeat after a reset?
    pub(in crate::host) fn note(&mut self, command: Command, property: Property, value: &[u8]) {
        let key = LISTS.iter().find(|(list, _)| *list == property);
        match (command, key) {
            (Command::PROP_VALUE_SET, _) if SETTINGS.contains(&property) => {
                self.settings.retain(|(_, known, _)| *known != property);
            }
            (Command::PROP_VALUE_INSERT | Command::PROP_VALUE_REMOVE, Some((_, key))) => {
                let key = value.get(..*key).unwrap_or(value);
                self.settings.retain(|(command, known, item)| {
                    *command == Command::PROP_VALUE_SET
                        || *known != property
                        || !item.starts_with(key)
                });
                if command == Command::PROP_VALUE_REMOVE {
                    // It may be one of those that a SET of the whole list brought.
                    return self.push(command, property, key);
                }
            }
            _ => return,
        }
        self.push(command, property, value);
    }

    /// What is to be repeated, in this order.
    pub(in crate::host) fn settings(&self) -> impl Iterator<Item = (Command, Property, &[u8])> {
        let settings = self.settings.iter();
        settings.map(|(command, property, value)| (*command, *property, &value[..]))
    }

    pub(in crate::host) fn retained(&self) -> Option<&[u8]> {
        self.retained.as_deref()
    }

    /// Whether that is news.
    pub(in crate::host) fn retain(&mut self, tlvs: &[u8]) -> bool {
        if tlvs.is_empty() || self.retained() == Some(tlvs) {
            return false;
        }
        self.retained = Some(tlvs.to_vec());
        true
    }

    /// Whether there was something to forget.
    pub(in crate::host) fn forget(&mut self) -> bool {
        self.retained.take().is_some()
    }

    fn push(&mut self, command: Command, property: Property, value: &[u8]) {
        if self.settings.len() >= SETTINGS_MAX {
            log::warn!("{property} will be lost when the co-processor is reset: {SETTINGS_MAX} settings are kept at the most; put some into the configuration of its firmware");
            return;
        }
        self.settings.push((command, property, value.to_vec()));
    }
}

/// Fetch the credentials, to keep them.
fn fetch() -> Script {
    Script {
        steps: [Step::Retain(Retain::Network)].into(),
        ..Script::default()
    }
}

/// What a user sets of the host's choice, and a reset takes back. Not the network, which the
/// co-processor stores, and not what belongs to one task.
const SETTINGS: &[Property] = &[
    Property::PHY_CHAN_SUPPORTED,
    Property::PHY_CCA_THRESHOLD,
    Property::PHY_TX_POWER,
    Property::PHY_FEM_LNA_GAIN,
    Property::PHY_REGION_CODE,
    Property::MAC_DATA_POLL_PERIOD,
    Property::MAC_ALLOWLIST,
    Property::MAC_ALLOWLIST_ENABLED,
    Property::MAC_DENYLIST,
    Property::MAC_DENYLIST_ENABLED,
    Property::MAC_FIXED_RSS,
    Property::MAC_MAX_RETRY_NUMBER_DIRECT,
    Property::MAC_MAX_RETRY_NUMBER_INDIRECT,
    Property::JAM_DETECT_ENABLE,
    Property::JAM_DETECT_RSSI_THRESHOLD,
    Property::JAM_DETECT_WINDOW,
    Property::JAM_DETECT_BUSY,
    Property::THREAD_LOCAL_LEADER_WEIGHT,
    Property::THREAD_MODE,
    Property::THREAD_CHILD_TIMEOUT,
    Property::THREAD_ROUTER_UPGRADE_THRESHOLD,
    Property::THREAD_CONTEXT_REUSE_DELAY,
    Property::THREAD_NETWORK_ID_TIMEOUT,
    Property::THREAD_RLOC16_DEBUG_PASSTHRU,
    Property::THREAD_ROUTER_ROLE_ENABLED,
    Property::THREAD_ROUTER_DOWNGRADE_THRESHOLD,
    Property::THREAD_ROUTER_SELECTION_JITTER,
    Property::THREAD_CHILD_COUNT_MAX,
    Property::THREAD_CSL_PERIOD,
    Property::THREAD_CSL_TIMEOUT,
    Property::THREAD_CSL_CHANNEL,
    Property::IPV6_ICMP_PING_OFFLOAD,
    Property::IPV6_ICMP_PING_OFFLOAD_MODE,
    Property::SLAAC_ENABLED,
    Property::UNSOL_UPDATE_FILTER,
    Property::DEBUG_NCP_LOG_LEVEL,
];

/// Lists that are kept item by item, and how many octets tell items apart: an EUI-64 (protocol §3.5), or
/// the whole item, which is one packed number.
const LISTS: &[(Property, usize)] = &[
    (Property::MAC_ALLOWLIST, 8),
    (Property::MAC_DENYLIST, 8),
    (Property::MAC_FIXED_RSS, 8),
    (Property::UNSOL_UPDATE_FILTER, usize::MAX),
];

/// All the properties above, and twice OpenThread's list of allowed neighbours (32 entries by default).
const SETTINGS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const SET: Command = Command::PROP_VALUE_SET;
    const INSERT: Command = Command::PROP_VALUE_INSERT;
    const REMOVE: Command = Command::PROP_VALUE_REMOVE;

    fn kept(keep: &Keep) -> Vec<(Command, Property, Vec<u8>)> {
        let settings = keep.settings();
        settings
            .map(|(command, property, value)| (command, property, value.to_vec()))
            .collect()
    }

    #[test]
    fn the_last_value_of_a_setting_is_kept_and_no_credentials() {
        let mut keep = Keep::new(None);
        keep.note(SET, Property::PHY_TX_POWER, &[4]);
        keep.note(SET, Property::PHY_CHAN, &[11]);
        keep.note(SET, Property::NET_NETWORK_KEY, &[0; 16]);
        keep.note(SET, Property::THREAD_MODE, &[15]);
        keep.note(SET, Property::PHY_TX_POWER, &[8]);
        assert_eq!(
            kept(&keep),
            [
                (SET, Property::THREAD_MODE, vec![15]),
                (SET, Property::PHY_TX_POWER, vec![8]),
            ]
        );
    }

    #[test]
    fn items_are_told_apart_by_their_address() {
        let mut keep = Keep::new(None);
        let list = Property::MAC_ALLOWLIST;
        let one = [1, 1, 1, 1, 1, 1, 1, 1, 0x7F];
        let other = [2, 2, 2, 2, 2, 2, 2, 2, 0x7F];
        keep.note(INSERT, list, &one);
        keep.note(INSERT, list, &other);
        keep.note(INSERT, list, &one[..8]);
        keep.note(REMOVE, list, &other[..8]);
        assert_eq!(
            kept(&keep),
            [
                (INSERT, list, one[..8].to_vec()),
                (REMOVE, list, other[..8].to_vec()),
            ]
        );
        keep.note(SET, list, &[]);
        assert_eq!(kept(&keep), [(SET, list, vec![])]);
    }

    #[test]
    fn the_number_of_settings_is_bounded() {
        let mut keep = Keep::new(None);
        for n in 0..1_000_u64 {
            keep.note(INSERT, Property::MAC_ALLOWLIST, &n.to_be_bytes());
        }
        assert_eq!(keep.settings().count(), SETTINGS_MAX);
    }

    #[test]
    fn credentials_are_news_once() {
        let mut keep = Keep::new(Some(vec![]));
        assert_eq!(keep.retained(), None);
        assert!(keep.retain(&[1]));
        assert!(!keep.retain(&[1]));
        assert!(!keep.retain(&[]));
        assert!(keep.forget());
        assert!(!keep.forget());
    }
}
