//! Tables of the co-processor, as wpantund writes them: lines of text, and dictionaries (`:AsValMap`).

use crate::val::{Map, Val};
use crate::values::{address, big_endian, hex, members, number, octets, rows};
use spinel_bridge::wire::ids::{Capability, Property};
use spinel_bridge::wire::signature::Value;
use std::net::Ipv6Addr;

type Members<'a> = [Value<'a>];

fn lines(property: Property, value: &[u8], line: impl Fn(&Members<'_>) -> String) -> Val {
    Val::Strings(rows(property, value).iter().map(|row| line(row)).collect())
}

fn maps(property: Property, value: &[u8], map: impl Fn(&Members<'_>) -> Map) -> Val {
    Val::Maps(rows(property, value).iter().map(|row| map(row)).collect())
}

fn entry(key: &str, value: Val) -> (String, Val) {
    (key.to_owned(), value)
}

fn y(row: &Members<'_>, index: usize) -> Val {
    Val::Y(number(row, index) as u8)
}

fn q(row: &Members<'_>, index: usize) -> Val {
    Val::Q(number(row, index) as u16)
}

fn u(row: &Members<'_>, index: usize) -> Val {
    Val::U(number(row, index) as u32)
}

fn n(row: &Members<'_>, index: usize) -> Val {
    Val::N(number(row, index) as i16)
}

fn t(row: &Members<'_>, index: usize) -> Val {
    Val::T(big_endian(&octets(row, index)))
}

fn b(row: &Members<'_>, index: usize) -> Val {
    Val::Bool(number(row, index) != 0)
}

fn yes(value: bool) -> &'static str {
    if value {
        "yes"
    } else {
        "no"
    }
}

/// The bits of a mode (protocol §3.7), as wpantund names them.
fn mode_text(mode: i64) -> String {
    format!(
        "RxOnIdle:{}, FTD:{}, SecDataReq:{}, FullNetData:{}",
        yes(mode & 0x08 != 0),
        yes(mode & 0x02 != 0),
        yes(mode & 0x04 != 0),
        yes(mode & 0x01 != 0)
    )
}

fn mode_entries(mode: i64) -> [(String, Val); 4] {
    [
        entry("RxOnWhenIdle", Val::Bool(mode & 0x08 != 0)),
        entry("FullFunction", Val::Bool(mode & 0x02 != 0)),
        entry("SecureDataRequest", Val::Bool(mode & 0x04 != 0)),
        entry("FullNetworkData", Val::Bool(mode & 0x01 != 0)),
    ]
}

pub(crate) fn child_table(property: Property, value: &[u8]) -> Val {
    // ESLLCCcCc
    lines(property, value, |row| {
        format!(
            "{}, RLOC16:{:04x}, Timeout:{}, Age:{}, LQIn:{}, AveRssi:{}, LastRssi:{}, NetDataVer:{}, {}",
            hex(&octets(row, 0)),
            number(row, 1),
            number(row, 2),
            number(row, 3),
            number(row, 5),
            number(row, 6),
            number(row, 8),
            number(row, 4),
            mode_text(number(row, 7))
        )
    })
}

pub(crate) fn child_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        let mut map = vec![
            entry("ExtAddress", t(row, 0)),
            entry("RLOC16", q(row, 1)),
            entry("Timeout", u(row, 2)),
            entry("Age", u(row, 3)),
            entry("NetworkDataVersion", y(row, 4)),
            entry("LinkQualityIn", y(row, 5)),
            entry("AverageRssi", n(row, 6)),
            entry("LastRssi", n(row, 8)),
        ];
        map.extend(mode_entries(number(row, 7)));
        map
    })
}

pub(crate) fn neighbor_table(property: Property, value: &[u8]) -> Val {
    // ESLCcCbLLc
    lines(property, value, |row| {
        format!(
            "{}, RLOC16:{:04x}, LQIn:{}, AveRssi:{}, LastRssi:{}, Age:{}, LinkFC:{}, MleFC:{}, IsChild:{}, {}",
            hex(&octets(row, 0)),
            number(row, 1),
            number(row, 3),
            number(row, 4),
            number(row, 9),
            number(row, 2),
            number(row, 7),
            number(row, 8),
            yes(number(row, 6) != 0),
            mode_text(number(row, 5))
        )
    })
}

pub(crate) fn neighbor_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        let mut map = vec![
            entry("ExtAddress", t(row, 0)),
            entry("RLOC16", q(row, 1)),
            entry("Age", u(row, 2)),
            entry("LinkQualityIn", y(row, 3)),
            entry("AverageRssi", n(row, 4)),
            entry("LastRssi", n(row, 9)),
            entry("IsChild", b(row, 6)),
            entry("LinkFrameCounter", u(row, 7)),
            entry("MleFrameCounter", u(row, 8)),
        ];
        map.extend(mode_entries(number(row, 5)));
        map
    })
}

pub(crate) fn error_rates(property: Property, value: &[u8]) -> Val {
    // ESSScc, the rates of 65535
    let percent = |rate: i64| rate as f64 * 100.0 / 65_535.0;
    lines(property, value, |row| {
        format!(
            "{}, RLOC16:{:04x}, FrameErrorRate:{:.2}%, MessageErrorRate:{:.2}%, AveRssi:{}, LastRssi:{}",
            hex(&octets(row, 0)),
            number(row, 1),
            percent(number(row, 2)),
            percent(number(row, 3)),
            number(row, 4),
            number(row, 5)
        )
    })
}

pub(crate) fn error_rate_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        vec![
            entry("ExtAddress", t(row, 0)),
            entry("RLOC16", q(row, 1)),
            entry("FrameErrorRate", q(row, 2)),
            entry("MessageErrorRate", q(row, 3)),
            entry("AverageRssi", n(row, 4)),
            entry("LastRssi", n(row, 5)),
        ]
    })
}

pub(crate) fn router_table(property: Property, value: &[u8]) -> Val {
    // ESCCCCCCb
    lines(property, value, |row| {
        format!(
            "{}, RLOC16:{:04x}, RouterId:{}, NextHop:{}, PathCost:{}, LQIn:{}, LQOut:{}, Age:{}, LinkEst:{}",
            hex(&octets(row, 0)),
            number(row, 1),
            number(row, 2),
            number(row, 3),
            number(row, 4),
            number(row, 5),
            number(row, 6),
            number(row, 7),
            yes(number(row, 8) != 0)
        )
    })
}

pub(crate) fn router_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        vec![
            entry("ExtAddress", t(row, 0)),
            entry("RLOC16", q(row, 1)),
            entry("RouterId", y(row, 2)),
            entry("NextHop", y(row, 3)),
            entry("PathCost", y(row, 4)),
            entry("LinkQualityIn", y(row, 5)),
            entry("LinkQualityOut", y(row, 6)),
            entry("Age", u(row, 7)),
            entry("LinkEstablished", b(row, 8)),
        ]
    })
}

pub(crate) fn parent(property: Property, value: &[u8]) -> Val {
    // ESLccCCCCC
    let row = members(property, value);
    Val::S(format!(
        "{}, RLOC16:{:04x}, Age:{}, AveRssi:{}, LastRssi:{}, LQIn:{}, LQOut:{}",
        hex(&octets(&row, 0)),
        number(&row, 1),
        number(&row, 2),
        number(&row, 3),
        number(&row, 4),
        number(&row, 5),
        number(&row, 6)
    ))
}

pub(crate) fn parent_map(property: Property, value: &[u8]) -> Val {
    let row = members(property, value);
    Val::Map(vec![
        entry("Age", u(&row, 2)),
        entry("AverageRssi", n(&row, 3)),
        entry("ExtAddress", t(&row, 0)),
        entry("LastRssi", n(&row, 4)),
        entry("LinkQualityIn", y(&row, 5)),
        entry("RLOC16", q(&row, 1)),
    ])
}

pub(crate) fn child_addresses(property: Property, value: &[u8]) -> Val {
    lines(property, value, |row| {
        let list: Vec<String> = match row.get(2) {
            Some(Value::Array(items)) => items
                .flatten()
                .map(|item| address(&[item], 0).to_string())
                .collect(),
            _ => Vec::new(),
        };
        format!(
            "{}, RLOC16:{:04x}, IPv6Addrs:[{}]",
            hex(&octets(row, 0)),
            number(row, 1),
            list.join(", ")
        )
    })
}

/// Names of the states of an entry (protocol §3.7).
const CACHE_STATES: [&str; 4] = ["cached", "snooped", "query", "retry-query"];

pub(crate) fn address_cache(property: Property, value: &[u8]) -> Val {
    // 6SCC..
    lines(property, value, |row| {
        let state = usize::try_from(number(row, 3))
            .ok()
            .and_then(|n| CACHE_STATES.get(n));
        format!(
            "{} -> 0x{:04x}, Age:{}, State:{}",
            address(row, 0),
            number(row, 1),
            number(row, 2),
            state.unwrap_or(&"unknown")
        )
    })
}

pub(crate) fn address_cache_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        vec![
            entry("Address", Val::s(address(row, 0).to_string())),
            entry("RLOC16", q(row, 1)),
            entry("Age", y(row, 2)),
            entry("State", y(row, 3)),
        ]
    })
}

pub(crate) fn addresses(property: Property, value: &[u8]) -> Val {
    // 6CLL
    let life = |seconds: i64| match seconds {
        FOREVER => "forever".to_owned(),
        seconds => seconds.to_string(),
    };
    lines(property, value, |row| {
        format!(
            "{:<40} prefix_len:{:<4} origin:{:<8} valid:{:<9} preferred:{}",
            address(row, 0).to_string(),
            number(row, 1),
            "ncp",
            life(number(row, 3)),
            life(number(row, 2))
        )
    })
}

/// No end to a lifetime.
const FOREVER: i64 = 0xFFFF_FFFF;

pub(crate) fn multicast(property: Property, value: &[u8]) -> Val {
    lines(property, value, |row| {
        format!("{:<40} origin:ncp", address(row, 0).to_string())
    })
}

pub(crate) fn allow_list(property: Property, value: &[u8]) -> Val {
    lines(property, value, |row| {
        let rssi = number(row, 1);
        match row.len() {
            // 127: none is fixed (protocol §3.5).
            2 if rssi != 127 => format!("{}   fixed-rssi:{rssi}", hex(&octets(row, 0))),
            _ => hex(&octets(row, 0)),
        }
    })
}

pub(crate) fn allow_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        let mut map = vec![entry("ExtAddress", Val::Bytes(octets(row, 0)))];
        if row.len() == 2 && number(row, 1) != 127 {
            map.push(entry("FixedRssi", n(row, 1)));
        }
        map
    })
}

/// The value for all others is an entry without an address.
pub(crate) fn filter_entries(property: Property, value: &[u8]) -> Val {
    let rows = rows(property, value);
    let lines = rows
        .iter()
        .filter(|row| !is_default(row))
        .map(|row| format!("{}   rssi:{}", hex(&octets(row, 0)), number(row, 1)));
    Val::Strings(lines.collect())
}

pub(crate) fn filter_maps(property: Property, value: &[u8]) -> Val {
    let rows = rows(property, value);
    let maps = rows.iter().filter(|row| !is_default(row)).map(|row| {
        vec![
            entry("ExtAddress", Val::Bytes(octets(row, 0))),
            entry("FixedRssi", n(row, 1)),
        ]
    });
    Val::Maps(maps.collect())
}

pub(crate) fn filter_default(property: Property, value: &[u8]) -> Val {
    let rows = rows(property, value);
    let found = rows.iter().find(|row| is_default(row));
    Val::N(found.map_or(-100, |row| number(row, 1) as i16))
}

fn is_default(row: &Members<'_>) -> bool {
    matches!(
        octets(row, 0)[..],
        [] | [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
    )
}

pub(crate) fn on_mesh(property: Property, value: &[u8]) -> Val {
    // 6CbCbSC
    lines(property, value, |row| {
        let flags = number(row, 3) | number(row, 6) << 8;
        let bit = |mask: i64| u8::from(flags & mask != 0);
        let priority = match flags >> 6 & 3 {
            1 => "high",
            3 => "low",
            _ => "med",
        };
        format!(
            "{:<22} prefix_len:{:<4} origin:{:<8} stable:{:<3} flags:0x{flags:02x} [on-mesh:{} def-route:{} config:{} dhcp:{} slaac:{} pref:{} nd-dns:{} dp:{} prio:{priority}] rloc:0x{:04x}",
            address(row, 0).to_string(),
            number(row, 1),
            if number(row, 4) != 0 { "user" } else { "ncp" },
            yes(number(row, 2) != 0),
            bit(0x01),
            bit(0x02),
            bit(0x04),
            bit(0x08),
            bit(0x10),
            bit(0x20),
            bit(0x8000),
            bit(0x4000),
            number(row, 5),
        )
    })
}

pub(crate) fn off_mesh(property: Property, value: &[u8]) -> Val {
    // 6CbCbbS
    lines(property, value, |row| {
        let priority = match number(row, 3) >> 6 & 3 {
            1 => "high",
            3 => "low",
            _ => "medium",
        };
        format!(
            "{:<26} origin:{:<8} stable:{:<3} preference:{priority:<7} rloc:0x{:04x} next_hop_is_host:{}",
            format!("{}/{}", address(row, 0), number(row, 1)),
            if number(row, 4) != 0 { "user" } else { "ncp" },
            yes(number(row, 2) != 0),
            number(row, 6),
            yes(number(row, 5) != 0),
        )
    })
}

/// The routes of the interface: prefixes whose addresses are on the mesh, each once.
pub(crate) fn routes(property: Property, value: &[u8]) -> Val {
    let mut list: Vec<(Ipv6Addr, i64)> = rows(property, value)
        .iter()
        .filter(|row| number(row, 3) & 0x01 != 0)
        .map(|row| (address(row, 0), number(row, 1)))
        .collect();
    list.sort_unstable();
    list.dedup();
    let line = |(prefix, bits): &(Ipv6Addr, i64)| {
        format!("{:<26} metric:{:<6}", format!("{prefix}/{bits}"), 256)
    };
    Val::Strings(list.iter().map(line).collect())
}

pub(crate) fn services(property: Property, value: &[u8]) -> Val {
    // LdbdS
    lines(property, value, |row| {
        format!(
            "EnterpriseNumber:{}, Stable:{}",
            number(row, 0),
            number(row, 2)
        )
    })
}

pub(crate) fn service_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        vec![
            entry("EnterpriseNumber", u(row, 0)),
            entry("ServerData", Val::Bytes(octets(row, 3))),
            entry("ServiceData", Val::Bytes(octets(row, 1))),
            entry("Stable", b(row, 2)),
        ]
    })
}

pub(crate) fn leader_services(property: Property, value: &[u8]) -> Val {
    // CLdbdS
    lines(property, value, |row| {
        format!(
            "ServiceId:{}, EnterpriseNumber:{}, Stable:{}, RLOC16:{:04x}",
            number(row, 0),
            number(row, 1),
            number(row, 3),
            number(row, 5)
        )
    })
}

pub(crate) fn leader_service_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        vec![
            entry("EnterpriseNumber", u(row, 1)),
            entry("RLOC16", q(row, 5)),
            entry("ServerData", Val::Bytes(octets(row, 4))),
            entry("ServiceData", Val::Bytes(octets(row, 2))),
            entry("ServiceId", y(row, 0)),
            entry("Stable", b(row, 3)),
        ]
    })
}

pub(crate) fn joiners(property: Property, value: &[u8]) -> Val {
    // dLU; the time in ms
    lines(property, value, |row| {
        let who = match octets(row, 0) {
            any if any.is_empty() => "any joiner".to_owned(),
            eui64 if eui64.len() == 8 => format!("eui64:{}", hex(&eui64)),
            discerner => format!("discerner:{}", hex(&discerner)),
        };
        let pskd = octets(row, 2);
        format!(
            "{who}, psk:{}, timeout:{:.2}",
            String::from_utf8_lossy(&pskd),
            number(row, 1) as f64 / 1000.0
        )
    })
}

pub(crate) fn channel_quality(property: Property, value: &[u8]) -> Val {
    lines(property, value, |row| {
        let busy = number(row, 1);
        format!(
            "ch {} (0x{busy:04x}) {:.2}% busy ",
            number(row, 0),
            busy as f64 * 100.0 / 65_535.0
        )
    })
}

pub(crate) fn channel_quality_maps(property: Property, value: &[u8]) -> Val {
    maps(property, value, |row| {
        vec![
            entry("Channel", Val::I(number(row, 0) as i32)),
            entry("Quality", Val::I(number(row, 1) as i32)),
        ]
    })
}

pub(crate) fn capabilities(property: Property, value: &[u8]) -> Val {
    lines(property, value, |row| {
        let capability = number(row, 0) as u32;
        let name = match Capability(capability).name() {
            // wpantund's prefix for the family of radios.
            Some(name) if (16..32).contains(&capability) => {
                format!("802_15_4_{}", name.trim_start_matches("802_15_4_"))
            }
            Some(name) => name.to_owned(),
            None => "UNKNOWN".to_owned(),
        };
        format!("{name} ({capability})")
    })
}

/// A mask of channels.
pub(crate) fn channel_mask(_: Property, value: &[u8]) -> Val {
    let bit = |mask: u32, channel: &u8| mask | 1_u32.checked_shl(u32::from(*channel)).unwrap_or(0);
    Val::U(value.iter().fold(0, bit))
}

pub(crate) fn radio_links(_: Property, value: &[u8]) -> Val {
    let name = |link: &u8| match link {
        0 => "IEEE_802_15_4".to_owned(),
        1 => "TREL_UDP6".to_owned(),
        other => format!("UNKNOWN ({other})"),
    };
    Val::Strings(value.iter().map(name).collect())
}

/// Whole numbers of a value, however deep, in their order.
fn flat(members: &Members<'_>, list: &mut Vec<i64>) {
    for (index, member) in members.iter().enumerate() {
        match member {
            Value::Structure(items) | Value::Array(items) => {
                flat(&items.flatten().collect::<Vec<_>>(), list);
            }
            _ => list.push(number(members, index)),
        }
    }
}

fn numbers(property: Property, value: &[u8]) -> Vec<i64> {
    let mut list = Vec::new();
    flat(&members(property, value), &mut list);
    list
}

fn counter_lines(names: &[&str], property: Property, value: &[u8]) -> Val {
    let list = numbers(property, value);
    let line = |(name, value): (&&str, &i64)| format!("{name:<20} = {value}");
    Val::Strings(names.iter().zip(&list).map(line).collect())
}

fn counter_map(names: &[&str], property: Property, value: &[u8], make: fn(i64) -> Val) -> Val {
    let list = numbers(property, value);
    let mut map: Map = names
        .iter()
        .zip(&list)
        .map(|(name, value)| entry(name, make(*value)))
        .collect();
    map.sort_by(|a, b| a.0.cmp(&b.0));
    Val::Map(map)
}

pub(crate) fn mac_counters(property: Property, value: &[u8]) -> Val {
    counter_lines(MAC_COUNTERS, property, value)
}

pub(crate) fn mac_counter_map(property: Property, value: &[u8]) -> Val {
    counter_map(MAC_COUNTERS, property, value, |n| Val::U(n as u32))
}

pub(crate) fn mle_counters(property: Property, value: &[u8]) -> Val {
    counter_lines(MLE_COUNTERS, property, value)
}

pub(crate) fn mle_counter_map(property: Property, value: &[u8]) -> Val {
    counter_map(MLE_COUNTERS, property, value, |n| Val::Q(n as u16))
}

pub(crate) fn ip_counters(property: Property, value: &[u8]) -> Val {
    counter_lines(IP_COUNTERS, property, value)
}

pub(crate) fn ip_counter_map(property: Property, value: &[u8]) -> Val {
    counter_map(IP_COUNTERS, property, value, |n| Val::U(n as u32))
}

pub(crate) fn coex(property: Property, value: &[u8]) -> Val {
    counter_lines(COEX, property, value)
}

pub(crate) fn coex_map(property: Property, value: &[u8]) -> Val {
    let Val::Map(mut map) = counter_map(COEX, property, value, |n| Val::U(n as u32)) else {
        return Val::Map(Map::new());
    };
    for (key, value) in &mut map {
        if key == "Stopped" {
            *value = Val::Bool(!matches!(value, Val::U(0)));
        }
    }
    Val::Map(map)
}

pub(crate) fn buffers(property: Property, value: &[u8]) -> Val {
    let list = numbers(property, value);
    let line = |(name, value): (&&str, &i64)| format!("m{name} = {value}");
    Val::Strings(BUFFERS.iter().zip(&list).map(line).collect())
}

pub(crate) fn buffers_text(property: Property, value: &[u8]) -> Val {
    let list = numbers(property, value);
    let word = |(name, value): (&&str, &i64)| format!("{name} = {value:<3}, ");
    Val::S(BUFFERS.iter().zip(&list).map(word).collect())
}

#[rustfmt::skip] // tables
const MAC_COUNTERS: &[&str] = &[
    "TxTotal", "TxUnicast", "TxBroadcast", "TxAckRequested", "TxAcked", "TxNoAckRequested", "TxData",
    "TxDataPoll", "TxBeacon", "TxBeaconRequest", "TxOther", "TxRetry", "TxErrCca", "TxErrAbort",
    "TxErrBusyChannel", "RxTotal", "RxUnicast", "RxBroadcast", "RxData", "RxDataPoll", "RxBeacon",
    "RxBeaconRequest", "RxOther", "RxAddressFiltered", "RxDestAddrFiltered", "RxDuplicated", "RxErrNoFrame",
    "RxErrUnknownNeighbor", "RxErrInvalidSrcAddr", "RxErrSec", "RxErrFcs", "RxErrOther",
];
#[rustfmt::skip]
const MLE_COUNTERS: &[&str] = &[
    "DisabledRole", "DetachedRole", "ChildRole", "RouterRole", "LeaderRole", "AttachAttempts",
    "PartitionIdChanges", "BetterPartAttaches", "ParentChanges",
];
const IP_COUNTERS: &[&str] = &["TxSuccess", "TxFailure", "RxSuccess", "RxFailure"];
#[rustfmt::skip]
const COEX: &[&str] = &[
    "NumTxRequest", "NumTxGrantImmediate", "NumTxGrantWait", "NumTxGrantWaitActivated",
    "NumTxGrantWaitTimeout", "NumTxGrantDeactivatedDuringRequest", "NumTxDelayedGrant",
    "AvgTxRequestToGrantTime", "NumRxRequest", "NumRxGrantImmediate", "NumRxGrantWait",
    "NumRxGrantWaitActivated", "NumRxGrantWaitTimeout", "NumRxGrantDeactivatedDuringRequest",
    "NumRxDelayedGrant", "AvgRxRequestToGrantTime", "NumRxGrantNone", "Stopped", "NumGrantGlitch",
];
#[rustfmt::skip]
const BUFFERS: &[&str] = &[
    "TotalBuffers", "FreeBuffers", "6loSendMessages", "6loSendBuffers", "6loReassemblyMessages",
    "6loReassemblyBuffers", "Ip6Messages", "Ip6Buffers", "MplMessages", "MplBuffers", "MleMessages",
    "MleBuffers", "ArpMessages", "ArpBuffers", "CoapClientMessages", "CoapClientBuffers",
];
