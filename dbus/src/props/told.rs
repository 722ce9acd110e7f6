//! What the co-processor told unasked, and values of a few members, as dictionaries.

use crate::props::unsigned64;
use crate::val::{Map, Val};
use crate::values::{address, members, number, octets};
use spinel_bridge::wire::ids::Property;
use spinel_bridge::wire::signature::Value;

fn entry(key: &str, value: Val) -> (String, Val) {
    (key.to_owned(), value)
}

/// MESHCOP_COMMISSIONER_ENERGY_SCAN_RESULT, `Ld`: the channels, and a level for each.
pub(crate) fn energy(told: &[Vec<u8>]) -> Val {
    let map = |value: &Vec<u8>| {
        let row = members(Property::MESHCOP_COMMISSIONER_ENERGY_SCAN_RESULT, value);
        vec![
            entry("ChannelMask", Val::U(number(&row, 0) as u32)),
            entry("Data", Val::Bytes(octets(&row, 1))),
        ]
    };
    Val::Maps(told.iter().map(map).collect())
}

/// MESHCOP_COMMISSIONER_PAN_ID_CONFLICT_RESULT, `SL`.
pub(crate) fn conflicts(told: &[Vec<u8>]) -> Val {
    let map = |value: &Vec<u8>| {
        let row = members(Property::MESHCOP_COMMISSIONER_PAN_ID_CONFLICT_RESULT, value);
        vec![
            entry("PanId", Val::Q(number(&row, 0) as u16)),
            entry("ChannelMask", Val::U(number(&row, 1) as u32)),
        ]
    };
    Val::Maps(told.iter().map(map).collect())
}

/// The metrics of an `A(t(CD))` among members.
fn metric_entries(member: Option<&Value<'_>>, map: &mut Map) {
    let (Some(Value::Array(items)) | Some(Value::Structure(items))) = member else {
        return;
    };
    for item in items.flatten() {
        match item {
            Value::Structure(pair) => {
                let pair: Vec<Value<'_>> = pair.flatten().collect();
                let name = match number(&pair, 0) {
                    0 => "PduCount",
                    1 => "LQI",
                    2 => "LinkMargin",
                    3 => "RSSI",
                    _ => continue,
                };
                map.push(entry(name, Val::Bytes(octets(&pair, 1))));
            }
            nested => metric_entries(Some(&nested), map),
        }
    }
}

/// THREAD_LINK_METRICS_QUERY_RESULT, `6Ct(A(t(CD)))`: the last one.
pub(crate) fn metrics(told: &[Vec<u8>]) -> Val {
    let Some(value) = told.last() else {
        return Val::Map(Map::new());
    };
    let row = members(Property::THREAD_LINK_METRICS_QUERY_RESULT, value);
    let mut map = vec![
        entry("Source", Val::s(address(&row, 0).to_string())),
        entry("Status", Val::Y(number(&row, 1) as u8)),
    ];
    metric_entries(row.get(2), &mut map);
    Val::Map(map)
}

/// THREAD_LINK_METRICS_MGMT_RESPONSE, `6C`.
pub(crate) fn metrics_response(told: &[Vec<u8>]) -> Val {
    let Some(value) = told.last() else {
        return Val::Map(Map::new());
    };
    let row = members(Property::THREAD_LINK_METRICS_MGMT_RESPONSE, value);
    Val::Map(vec![
        entry("Source", Val::s(address(&row, 0).to_string())),
        entry("Status", Val::Y(number(&row, 1) as u8)),
    ])
}

/// THREAD_LINK_METRICS_MGMT_ENH_ACK_IE, `SEA(t(CD))`.
pub(crate) fn enh_ack(told: &[Vec<u8>]) -> Val {
    let Some(value) = told.last() else {
        return Val::Map(Map::new());
    };
    let row = members(Property::THREAD_LINK_METRICS_MGMT_ENH_ACK_IE, value);
    let mut map = vec![
        entry("ShortAddress", Val::Q(number(&row, 0) as u16)),
        entry("ExtAddress", Val::Bytes(octets(&row, 1))),
    ];
    metric_entries(row.get(2), &mut map);
    Val::Map(map)
}

/// THREAD_MLR_RESPONSE, `CCt(A(6))`.
pub(crate) fn mlr(told: &[Vec<u8>]) -> Val {
    let Some(value) = told.last() else {
        return Val::Map(Map::new());
    };
    let row = members(Property::THREAD_MLR_RESPONSE, value);
    let mut failed = Vec::new();
    collect(row.get(2), &mut failed);
    Val::Map(vec![
        entry("ServerStatus", Val::Y(number(&row, 0) as u8)),
        entry("MlrStatus", Val::Y(number(&row, 1) as u8)),
        entry("FailedAddresses", Val::Strings(failed)),
    ])
}

fn collect(member: Option<&Value<'_>>, list: &mut Vec<String>) {
    match member {
        Some(Value::Structure(items) | Value::Array(items)) => {
            items.flatten().for_each(|item| collect(Some(&item), list));
        }
        Some(Value::Ipv6(address)) => list.push(address.to_string()),
        _ => {}
    }
}

/// THREAD_NETWORK_TIME, `Xc`.
pub(crate) fn network_time(property: Property, value: &[u8]) -> Val {
    let status = number(&members(property, value), 1);
    match unsigned64(property, value) {
        Val::T(time) => Val::s(format!("ThreadNetworkTime:{time}, TimeSyncStatus:{status}")),
        other => other,
    }
}

pub(crate) fn network_time_map(property: Property, value: &[u8]) -> Val {
    Val::Map(vec![
        entry("Time", unsigned64(property, value)),
        entry(
            "Status",
            Val::N(number(&members(property, value), 1) as i16),
        ),
    ])
}

/// THREAD_BACKBONE_ROUTER_LOCAL_CONFIG, `SLC`.
pub(crate) fn backbone_config(property: Property, value: &[u8]) -> Val {
    let row = members(property, value);
    Val::Map(vec![
        entry("ReregistrationDelay", Val::Q(number(&row, 0) as u16)),
        entry("MultilistenerTimeout", Val::U(number(&row, 1) as u32)),
        entry("SequenceNumber", Val::Y(number(&row, 2) as u8)),
    ])
}
