//! Who is there: neighbours, children, routers, what the network's leader knows, and which node an address belongs to.

use super::property::hex;
use super::status::hex16;
use super::{reader, require, wrong_state};
use crate::ctl::request::Whose;
use crate::ctl::{Code, Failure, Field, Fields};
use crate::host::known::{Known, State};
use crate::host::script::{Follow, OnError, Report, Script, Send, Step};
use crate::wire::ids::{Capability, Property};
use crate::wire::netdata::{self, Entry, ENTERPRISE_THREAD};
use crate::wire::packed::{Malformed, Reader};
use crate::wire::signature::Hex;
use std::net::Ipv6Addr;
use std::rc::Rc;

/// Each node that is heard, by its link.
pub(super) fn neighbours(known: &Known) -> Result<Script, Failure> {
    require_network(known)?;
    let get = Send::get(Property::THREAD_NEIGHBOR_TABLE)?;
    Ok(Script::new().then(get.reporting(Report::Rows(neighbour_rows))))
}

/// Each child, and the addresses that it has registered.
pub(super) fn children(known: &Known) -> Result<Script, Failure> {
    require_network(known)?;
    require(known, "children", &[Capability::CONFIG_FTD])?;
    let get = Send::get(Property::THREAD_CHILD_TABLE)?.reporting(Report::Rows(child_rows));
    let addresses = Send::get(Property::THREAD_CHILD_TABLE_ADDRESSES)?;
    let addresses = addresses.reporting(Report::Rows(child_address_rows));
    Ok(Script::new()
        .then(get)
        .then(addresses.on_error(OnError::Tolerate)))
}

/// Each router of the network, and how far it is.
pub(super) fn routers(known: &Known) -> Result<Script, Failure> {
    require_network(known)?;
    require(known, "routers", &[Capability::CONFIG_FTD])?;
    let get = Send::get(Property::THREAD_ROUTER_TABLE)?;
    Ok(Script::new().then(get.reporting(Report::Rows(router_rows))))
}

/// What border routers have told the leader.
pub(super) fn network_data(known: &Known) -> Result<Script, Failure> {
    require_network(known)?;
    let get = Send::get(Property::THREAD_LEADER_NETWORK_DATA)?;
    Ok(Script::new().then(get.reporting(Report::Rows(network_data_rows))))
}

fn require_network(known: &Known) -> Result<(), Failure> {
    match known.state {
        State::Associated | State::Isolated => Ok(()),
        _ => Err(wrong_state(
            "not in a network: form one, join one, or attach first",
        )),
    }
}

/// The items of an array of structures; those that are cut off end it.
fn rows(value: &[u8], row: impl Fn(&mut Reader<'_>) -> Result<Fields, Malformed>) -> Vec<Fields> {
    let mut items = Reader::new(value);
    let mut rows = Vec::new();
    while let Ok(mut item) = items.structure() {
        if let Ok(row) = row(&mut item) {
            rows.push(row);
        }
    }
    rows
}

fn neighbour_rows(value: &[u8]) -> Vec<Fields> {
    rows(value, neighbour)
}

/// One of THREAD_NEIGHBOR_TABLE: `A(t(ESLCcCbLLc))`.
fn neighbour(item: &mut Reader<'_>) -> Result<Fields, Malformed> {
    let node = node(item)?;
    let age = item.uint32()?;
    let quality = item.uint8()?;
    let (rssi, mode) = (item.int8()?, item.uint8()?);
    let is_child = item.boolean()?;
    let (_link_frames, _mle_frames) = (item.uint32()?, item.uint32()?);
    let last = item.int8()?;
    Ok(Fields::new()
        .with("rloc16", hex16(node.rloc16))
        .with("eui64", hex(&node.eui64))
        .with("is", Field::word(if is_child { "child" } else { "router" }))
        .with("mode", mode_letters(mode))
        .with("age_s", age)
        .with("link_quality", quality)
        .with("rssi_dbm", rssi)
        .with("last_rssi_dbm", last))
}

fn child_rows(value: &[u8]) -> Vec<Fields> {
    rows(value, child)
}

/// One of THREAD_CHILD_TABLE: `A(t(ESLLCCcCc))`.
fn child(item: &mut Reader<'_>) -> Result<Fields, Malformed> {
    let node = node(item)?;
    let (timeout, age) = (item.uint32()?, item.uint32()?);
    let _network_data_version = item.uint8()?;
    let quality = item.uint8()?;
    let (rssi, mode) = (item.int8()?, item.uint8()?);
    let last = item.int8()?;
    Ok(Fields::new()
        .with("rloc16", hex16(node.rloc16))
        .with("eui64", hex(&node.eui64))
        .with("mode", mode_letters(mode))
        .with("age_s", age)
        .with("timeout_s", timeout)
        .with("link_quality", quality)
        .with("rssi_dbm", rssi)
        .with("last_rssi_dbm", last))
}

/// The addresses of THREAD_CHILD_TABLE_ADDRESSES: `A(t(ESA(6)))`; a row for each.
fn child_address_rows(value: &[u8]) -> Vec<Fields> {
    let mut rows = Vec::new();
    for_each_child_address(value, |node, address| {
        rows.push(
            Fields::new()
                .with("child", hex16(node.rloc16))
                .with("address", address),
        );
    });
    rows
}

fn for_each_child_address(value: &[u8], mut tell: impl FnMut(Node, Ipv6Addr)) {
    let mut items = Reader::new(value);
    while let Ok(mut item) = items.structure() {
        let Ok(node) = node(&mut item) else { continue };
        while let Ok(address) = item.array::<16>() {
            tell(node, address.into());
        }
    }
}

fn router_rows(value: &[u8]) -> Vec<Fields> {
    rows(value, router)
}

/// One of THREAD_ROUTER_TABLE: `A(t(ESCCCCCCb))`.
fn router(item: &mut Reader<'_>) -> Result<Fields, Malformed> {
    let node = node(item)?;
    let (id, next_hop, cost) = (item.uint8()?, item.uint8()?, item.uint8()?);
    let (quality_in, quality_out) = (item.uint8()?, item.uint8()?);
    let age = item.uint8()?;
    let is_linked = item.boolean()?;
    Ok(Fields::new()
        .with("rloc16", hex16(node.rloc16))
        .with("eui64", known_eui64(&node.eui64))
        .with("id", id)
        .with("next_hop", router_name(next_hop))
        .with("cost", cost)
        .with("link_quality_in", quality_in)
        .with("link_quality_out", quality_out)
        .with("age_s", age)
        .with("linked", is_linked))
}

/// Network data; what cannot be read ends it.
fn network_data_rows(value: &[u8]) -> Vec<Fields> {
    let mut rows = Vec::new();
    let cut_off = netdata::entries(value, |entry| rows.push(entry_row(entry))).is_err();
    if cut_off {
        rows.push(Fields::new().with("unreadable", hex(value)));
    }
    rows
}

fn entry_row(entry: Entry<'_>) -> Fields {
    let row = |kind| Fields::new().with("kind", Field::word(kind));
    match entry {
        Entry::Prefix {
            prefix,
            rloc16,
            flags,
            stable,
        } => row("prefix")
            .with("what", Field::word(prefix))
            .with("rloc16", hex16(rloc16))
            .with("preference", preference((flags >> 14) as u8))
            .with("stable", stable)
            .with("flags", prefix_flags(flags)),
        Entry::Route {
            prefix,
            rloc16,
            flags,
            stable,
        } => row("route")
            .with("what", Field::word(prefix))
            .with("rloc16", hex16(rloc16))
            .with("preference", preference(flags >> 6))
            .with("stable", stable)
            .with(
                "flags",
                Field::word(if flags & 0x20 != 0 { "nat64" } else { "-" }),
            ),
        Entry::Context {
            prefix,
            id,
            compress,
        } => row("context")
            .with("what", Field::word(prefix))
            .with("id", id)
            .with("compress", compress),
        Entry::Service {
            id,
            enterprise,
            service,
            rloc16,
            server,
            stable,
        } => row("service")
            .with("what", service_name(enterprise, service))
            .with("rloc16", hex16(rloc16))
            .with("stable", stable)
            .with("id", id)
            .with("server_data", hex(server)),
        Entry::Commissioning(tlvs) => row("commissioning").with("what", hex(tlvs)),
        Entry::Unknown { kind, value } => {
            row("unknown").with("what", hex(value)).with("type", kind)
        }
    }
}

/// RFC 4191's two bits.
fn preference(bits: u8) -> Field {
    Field::word(match bits & 3 {
        1 => "high",
        3 => "low",
        0 => "medium",
        _ => "reserved",
    })
}

/// The letters of OpenThread's command line (`netdata show`); a border router's flags, the highest two bits left out.
fn prefix_flags(flags: u16) -> Field {
    const LETTERS: [(u16, char); 8] = [
        (1 << 13, 'p'),
        (1 << 12, 'a'),
        (1 << 11, 'd'),
        (1 << 10, 'c'),
        (1 << 9, 'r'),
        (1 << 8, 'o'),
        (1 << 7, 'n'),
        (1 << 6, 'D'),
    ];
    let set = LETTERS.iter().filter(|(bit, _)| flags & bit != 0);
    let letters: String = set.map(|(_, letter)| letter).collect();
    Field::word(if letters.is_empty() { "-" } else { &letters })
}

/// Thread's own services by name (Thread specification, section 14.6 and the ones of 1.3); others in hex.
fn service_name(enterprise: u32, service: &[u8]) -> Field {
    let name = match (enterprise, service) {
        (ENTERPRISE_THREAD, [0x01]) => "backbone-router",
        (ENTERPRISE_THREAD, [0x5C, ..]) => "dns-srp-anycast",
        (ENTERPRISE_THREAD, [0x5D, ..]) => "dns-srp-unicast",
        _ => return Field::word(format!("{enterprise}:{}", Hex(service))),
    };
    Field::word(name)
}

/// The letters of OpenThread's command line: `r`adio on when idle, full Thread `d`evice, full `n`etwork data.
fn mode_letters(mode: u8) -> Field {
    let letters: String = [(0x08, 'r'), (0x02, 'd'), (0x01, 'n')]
        .iter()
        .filter(|(bit, _)| mode & bit != 0)
        .map(|(_, letter)| letter)
        .collect();
    Field::word(if letters.is_empty() { "-" } else { &letters })
}

/// A router that was never heard itself has no address here.
fn known_eui64(eui64: &[u8; 8]) -> Field {
    match eui64 {
        [0, 0, 0, 0, 0, 0, 0, 0] => Field::word("-"),
        eui64 => hex(eui64),
    }
}

/// `63` is no router (OpenThread's `kInvalidRouterId`).
fn router_name(id: u8) -> Field {
    match id {
        0..=62 => hex16(u16::from(id) << 10),
        _ => Field::word("-"),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Node {
    eui64: [u8; 8],
    rloc16: u16,
}

/// What all of these tables begin with.
fn node(item: &mut Reader<'_>) -> Result<Node, Malformed> {
    Ok(Node {
        eui64: item.array()?,
        rloc16: item.uint16()?,
    })
}

/// Which node an address, an EUI-64 or an RLOC16 belongs to, and how it is reached.
pub(super) fn whois(whose: Whose, known: &Known) -> Result<Script, Failure> {
    require_network(known)?;
    let own = Own {
        rloc16: reader(known, Property::THREAD_RLOC16).uint16().ok(),
        addresses: [Property::IPV6_ML_ADDR, Property::IPV6_LL_ADDR]
            .into_iter()
            .filter_map(|property| known.ipv6(property))
            .collect(),
    };
    let found = move |tables: &[Vec<u8>]| Ok(vec![Step::Row(find(whose, &own, tables)?)]);
    let first = gather(TABLES, Vec::new(), Rc::new(found))?;
    Ok(Script::new().then(first))
}

/// What `whois` looks into, in this order.
const TABLES: &[Property] = &[
    Property::THREAD_NEIGHBOR_TABLE,
    Property::THREAD_CHILD_TABLE,
    Property::THREAD_ROUTER_TABLE,
    Property::THREAD_CHILD_TABLE_ADDRESSES,
    Property::THREAD_ADDRESS_CACHE_TABLE,
    // Our own.
    Property::MAC_15_4_LADDR,
];

type WithTables = dyn Fn(&[Vec<u8>]) -> Result<Vec<Step>, Failure>;

/// Asks for one after the other, and goes on with all values; of what the firmware does not have, with nothing.
fn gather(
    left: &'static [Property],
    got: Vec<Vec<u8>>,
    then: Rc<WithTables>,
) -> Result<Step, Failure> {
    let (first, left) = (left[0], &left[1..]);
    Ok(Step::Ask(
        Send::get(first)?,
        Follow::new(move |answer| {
            let mut got = got.clone();
            got.push(answer.unwrap_or_default().to_vec());
            match left {
                [] => then(&got),
                left => Ok(vec![gather(left, got, then.clone())?]),
            }
        }),
    ))
}

struct Own {
    rloc16: Option<u16>,
    addresses: Vec<Ipv6Addr>,
}

fn find(whose: Whose, own: &Own, tables: &[Vec<u8>]) -> Result<Fields, Failure> {
    let value = |index: usize| tables.get(index).map_or(&[][..], Vec::as_slice);
    let [neighbours, children, routers, addresses, cache, own_eui64] = core::array::from_fn(value);
    let with_eui64 = |eui64: [u8; 8]| {
        let all = [neighbours, children, routers].into_iter();
        let mut found = all.filter_map(|table| node_that(table, |node| node.eui64 == eui64));
        found.next().map(|(node, _)| node.rloc16)
    };
    let wanted = match whose {
        Whose::Rloc16(rloc16) => Some(rloc16),
        Whose::Eui64(eui64) if own_eui64 == eui64 => own.rloc16,
        Whose::Eui64(eui64) => with_eui64(eui64),
        Whose::Address(address) if own.addresses.contains(&address) => own.rloc16,
        Whose::Address(address) => locator(address)
            .or_else(|| child_with(addresses, address))
            .or_else(|| cached(cache, address)),
    };
    let nobody = || {
        Failure::new(
            Code::Failed,
            "nobody here is known by it: a node is known once it was heard, or a packet was sent to its address: ping it",
        )
    };
    let wanted = wanted.ok_or_else(nobody)?;
    let of = |table, rloc16| node_that(table, |node| node.rloc16 == rloc16).map(|found| found.1);
    let (router_of_it, number) = (wanted & !CHILD_MASK, wanted & CHILD_MASK);
    let mut row = Fields::new().with("rloc16", hex16(wanted));
    let is_ours = own.rloc16 == Some(wanted);
    let is = match number {
        _ if is_ours => "this node",
        0 => "router",
        _ => "child",
    };
    row.push("is", Field::text(is));
    if number != 0 {
        row.push("parent", hex16(router_of_it));
    }
    let near = of(children, wanted).and_then(|mut item| child(&mut item).ok());
    let near =
        near.or_else(|| of(neighbours, wanted).and_then(|mut item| neighbour(&mut item).ok()));
    if let Some(near) = near {
        let more = near
            .0
            .into_iter()
            .filter(|(name, _)| row.get(name).is_none());
        row.0.extend(more.collect::<Vec<_>>());
    } else if !is_ours {
        // Who is no router knows no others.
        let far = of(routers, router_of_it).and_then(|mut item| router(&mut item).ok());
        if far.is_none() && !routers.is_empty() {
            return Err(nobody());
        }
        for name in ["next_hop", "cost"] {
            if let Some(value) = far.as_ref().and_then(|far| far.get(name)) {
                row.push(name, value.clone());
            }
        }
    }
    Ok(row)
}

/// The first node of a table that is so, with its whole item.
fn node_that(table: &[u8], is_it: impl Fn(Node) -> bool) -> Option<(Node, Reader<'_>)> {
    let mut items = Reader::new(table);
    while let Ok(item) = items.structure() {
        let octets = item.rest();
        match node(&mut Reader::new(octets)) {
            Ok(node) if is_it(node) => return Some((node, Reader::new(octets))),
            _ => {}
        }
    }
    None
}

/// An RLOC or a link-local address of one: `..:0:ff:fe00:RLOC16`. Anycast locators (0xFC00 and up) are no node's.
fn locator(address: Ipv6Addr) -> Option<u16> {
    match address.segments() {
        [.., 0, 0x00FF, 0xFE00, rloc16] if rloc16 < 0xFC00 => Some(rloc16),
        _ => None,
    }
}

fn child_with(table: &[u8], wanted: Ipv6Addr) -> Option<u16> {
    let mut found = None;
    for_each_child_address(table, |node, address| {
        if address == wanted {
            found = Some(node.rloc16);
        }
    });
    found
}

/// THREAD_ADDRESS_CACHE_TABLE: `A(t(6SCCt(bL6)t(bSS)))`; an entry that is not cached has no RLOC16 (0xFFFE).
fn cached(table: &[u8], wanted: Ipv6Addr) -> Option<u16> {
    let mut items = Reader::new(table);
    while let Ok(mut item) = items.structure() {
        let (Ok(target), Ok(rloc16)) = (item.array::<16>(), item.uint16()) else {
            continue;
        };
        if Ipv6Addr::from(target) == wanted && rloc16 < 0xFFFE {
            return Some(rloc16);
        }
    }
    None
}

/// The child's number in an RLOC16 (Thread specification, section 5.2.1.3).
const CHILD_MASK: u16 = 0x01FF;
