//! The co-processor's counters (protocol §3.10). What the bridge counted is shown and cleared by the
//! host, in every state: a co-processor that counts nothing, or cannot be asked, is no failure.

use super::property::row_name;
use crate::ctl::{Failure, Field, Fields};
use crate::host::known::Known;
use crate::host::script::{OnError, Report, Script, Send};
use crate::wire::ids::{Access, Capability, Property, PROPERTIES};
use crate::wire::packed::Reader;

/// A row of `name` and `value` for each single counter, then one for each member of each group.
pub(super) fn show(known: &Known) -> Result<Script, Failure> {
    let mut script = Script::new();
    if !can_count(known) {
        return Ok(script);
    }
    let singles = PROPERTIES
        .iter()
        .filter(|info| (FIRST_SINGLE..=LAST_SINGLE).contains(&info.id));
    for info in singles.filter(|info| info.access.contains(Access::GET)) {
        let get = Send::get(info.id)?.on_error(OnError::Tolerate);
        script.push(get.reporting(Report::Counter(info.id)));
    }
    for &(group, rows) in GROUPS {
        if has_group(known, group) {
            let get = Send::get(group)?.on_error(OnError::Tolerate);
            script.push(get.reporting(Report::Rows(rows)));
        }
    }
    Ok(script)
}

/// Each group by itself, then all others. Firmware that cannot do the last (older OpenThread answers
/// UNIMPLEMENTED) fails, but has cleared what it can.
pub(super) fn clear(known: &Known) -> Result<Script, Failure> {
    let mut script = Script::new();
    if !can_count(known) {
        return Ok(script);
    }
    let one = |property| Send::set(property, |value| value.uint8(1));
    for &(group, _) in GROUPS {
        let is_writable = group
            .info()
            .is_some_and(|info| info.access.contains(Access::SET));
        if is_writable && has_group(known, group) {
            script.push(one(group)?.on_error(OnError::Tolerate));
        }
    }
    Ok(script.then(one(Property::CNTR_RESET)?))
}

/// The row of a single counter; none of what is too short for one.
pub fn counter_rows(counter: Property, value: &[u8]) -> Vec<Fields> {
    let value = Reader::new(value).uint32().ok();
    let row = value.map(|value| Fields::new().with(row_name(counter), value));
    row.map(rows).unwrap_or_default()
}

fn can_count(known: &Known) -> bool {
    known.state.is_initialized() && known.has(Capability::COUNTERS)
}

fn has_group(known: &Known, group: Property) -> bool {
    group != Property::CNTR_MAC_RETRY_HISTOGRAM || known.has(Capability::MAC_RETRY_HISTOGRAM)
}

fn buffer_rows(value: &[u8]) -> Vec<Fields> {
    row_of_16("BUFFERS_", BUFFERS, value)
}

fn mle_rows(value: &[u8]) -> Vec<Fields> {
    row_of_16("MLE_", MLE, value)
}

fn mac_rows(value: &[u8]) -> Vec<Fields> {
    row_of_structures(&[("MAC_TX_", MAC_TX), ("MAC_RX_", MAC_RX)], value)
}

fn ip_rows(value: &[u8]) -> Vec<Fields> {
    let members = &["SUCCESS", "FAILURE"];
    row_of_structures(&[("IP_TX_", members), ("IP_RX_", members)], value)
}

/// How many frames needed so many retries.
fn histogram_rows(value: &[u8]) -> Vec<Fields> {
    let mut reader = Reader::new(value);
    let mut row = Fields::new();
    for name in ["RETRIES_DIRECT", "RETRIES_INDIRECT"] {
        let mut counters = reader.structure().unwrap_or(Reader::new(&[]));
        let values = core::iter::from_fn(|| counters.uint32().ok());
        for (retries, value) in values.enumerate() {
            row.push(format!("{name}_{retries}"), value);
        }
    }
    rows(row)
}

fn row_of_16(prefix: &str, names: &[&str], value: &[u8]) -> Vec<Fields> {
    let mut reader = Reader::new(value);
    let mut row = Fields::new();
    for name in names {
        if let Ok(value) = reader.uint16() {
            row.push(format!("{prefix}{name}"), value);
        }
    }
    rows(row)
}

/// Counters of 32 bits in structures. Members of later versions have no name yet.
fn row_of_structures(structures: &[(&str, &[&str])], value: &[u8]) -> Vec<Fields> {
    let mut reader = Reader::new(value);
    let mut row = Fields::new();
    for (prefix, names) in structures {
        let mut counters = reader.structure().unwrap_or(Reader::new(&[]));
        for name in *names {
            if let Ok(value) = counters.uint32() {
                row.push(format!("{prefix}{name}"), value);
            }
        }
    }
    rows(row)
}

/// A row of its own for each member.
fn rows(members: Fields) -> Vec<Fields> {
    let members = members.0.into_iter();
    members
        .map(|(name, value)| {
            Fields::new()
                .with("name", Field::Text(name))
                .with("value", value)
        })
        .collect()
}

type ToRows = fn(&[u8]) -> Vec<Fields>;

const GROUPS: &[(Property, ToRows)] = &[
    (Property::MSG_BUFFER_COUNTERS, buffer_rows),
    (Property::CNTR_ALL_MAC_COUNTERS, mac_rows),
    (Property::CNTR_MLE_COUNTERS, mle_rows),
    (Property::CNTR_ALL_IP_COUNTERS, ip_rows),
    (Property::CNTR_MAC_RETRY_HISTOGRAM, histogram_rows),
];

/// Protocol §3.10: the single counters.
const FIRST_SINGLE: Property = Property::CNTR_TX_PKT_TOTAL;
const LAST_SINGLE: Property = Property::CNTR_IP_RX_FAILURE;

/// Protocol §3.10.
const BUFFERS: &[&str] = &[
    "TOTAL",
    "FREE",
    "6LO_SEND_MESSAGES",
    "6LO_SEND_BUFFERS",
    "6LO_REASSEMBLY_MESSAGES",
    "6LO_REASSEMBLY_BUFFERS",
    "IP6_MESSAGES",
    "IP6_BUFFERS",
    "MPL_MESSAGES",
    "MPL_BUFFERS",
    "MLE_MESSAGES",
    "MLE_BUFFERS",
    "ARP_MESSAGES",
    "ARP_BUFFERS",
    "COAP_MESSAGES",
    "COAP_BUFFERS",
];

/// Protocol §3.10.
const MLE: &[&str] = &[
    "DISABLED",
    "DETACHED",
    "CHILD",
    "ROUTER",
    "LEADER",
    "ATTACH_ATTEMPTS",
    "PARTITION_ID_CHANGES",
    "BETTER_PARTITION_ATTACH_ATTEMPTS",
    "PARENT_CHANGES",
];

/// In the order in which OpenThread's firmware packs its `otMacCounters`.
const MAC_TX: &[&str] = &[
    "TOTAL",
    "UNICAST",
    "BROADCAST",
    "ACK_REQUESTED",
    "ACKED",
    "NO_ACK_REQUESTED",
    "DATA",
    "DATA_POLL",
    "BEACON",
    "BEACON_REQUEST",
    "OTHER",
    "RETRY",
    "ERR_CCA",
    "ERR_ABORT",
    "ERR_BUSY_CHANNEL",
    "DIRECT_MAX_RETRY_EXPIRY",
    "INDIRECT_MAX_RETRY_EXPIRY",
];

/// As [`MAC_TX`].
const MAC_RX: &[&str] = &[
    "TOTAL",
    "UNICAST",
    "BROADCAST",
    "DATA",
    "DATA_POLL",
    "BEACON",
    "BEACON_REQUEST",
    "OTHER",
    "ADDRESS_FILTERED",
    "DEST_ADDR_FILTERED",
    "DUPLICATED",
    "ERR_NO_FRAME",
    "ERR_UNKNOWN_NEIGHBOR",
    "ERR_INVALID_SRC_ADDR",
    "ERR_SEC",
    "ERR_FCS",
    "ERR_OTHER",
];
