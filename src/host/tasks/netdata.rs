//! On-mesh prefixes, off-mesh routes and services (protocol §3.16). Changes are made between the
//! two edges of a gate; the falling one registers them with the leader.

use super::{require, usage};
use crate::ctl::request::Prefix;
use crate::ctl::Failure;
use crate::host::known::Known;
use crate::host::script::{OnError, Script, Send};
use crate::wire::ids::{Capability, Property};
use crate::wire::packed::{Overflow, Writer};
use std::net::Ipv6Addr;

pub(super) fn add_prefix(wanted: &Prefix, known: &Known) -> Result<Script, Failure> {
    require(known, "prefixes", BORDER_ROUTER)?;
    if wanted.flags & PREFERENCE == PREFERENCE_RESERVED {
        return Err(usage(format!(
            "flags 0x{:02x}: the preference 0x80 is reserved; use 0x40 high, 0x00 medium, 0xc0 low",
            wanted.flags
        )));
    }
    let prefix = network_of(wanted.prefix, wanted.bits)?;
    let insert = Send::insert(Property::THREAD_ON_MESH_NETS, |item| {
        write_prefix(item, prefix, wanted.bits)?;
        item.boolean(wanted.stable)?;
        item.uint8(wanted.flags)
    })?;
    gated(ROUTER_GATE, insert)
}

pub(super) fn remove_prefix(prefix: Ipv6Addr, bits: u8, known: &Known) -> Result<Script, Failure> {
    require(known, "prefixes", BORDER_ROUTER)?;
    remove_by_prefix(Property::THREAD_ON_MESH_NETS, prefix, bits)
}

pub(super) fn add_route(
    prefix: Ipv6Addr,
    bits: u8,
    stable: bool,
    preference: i8,
    known: &Known,
) -> Result<Script, Failure> {
    require(known, "routes", BORDER_ROUTER)?;
    let flags = match preference {
        1 => PREFERENCE_HIGH,
        0 => 0,
        -1 => PREFERENCE_LOW,
        other => {
            return Err(usage(format!(
                "preference {other}: use 1 for high, 0 for medium, -1 for low"
            )))
        }
    };
    let prefix = network_of(prefix, bits)?;
    let insert = Send::insert(Property::THREAD_OFF_MESH_ROUTES, |item| {
        write_prefix(item, prefix, bits)?;
        item.boolean(stable)?;
        item.uint8(flags)
    })?;
    gated(ROUTER_GATE, insert)
}

pub(super) fn remove_route(prefix: Ipv6Addr, bits: u8, known: &Known) -> Result<Script, Failure> {
    require(known, "routes", BORDER_ROUTER)?;
    remove_by_prefix(Property::THREAD_OFF_MESH_ROUTES, prefix, bits)
}

pub(super) fn add_service(
    enterprise: u32,
    service: &[u8],
    stable: bool,
    server: &[u8],
    known: &Known,
) -> Result<Script, Failure> {
    require(known, "services", &[Capability::THREAD_SERVICE])?;
    check_length("service data", service, SERVICE_DATA_MAX)?;
    check_length("server data", server, SERVER_DATA_MAX)?;
    let insert = Send::insert(Property::SERVER_SERVICES, |item| {
        item.uint32(enterprise)?;
        item.data_with_length(service)?;
        item.boolean(stable)?;
        item.data_with_length(server)
    })?;
    gated(SERVICE_GATE, insert)
}

pub(super) fn remove_service(
    enterprise: u32,
    service: &[u8],
    known: &Known,
) -> Result<Script, Failure> {
    require(known, "services", &[Capability::THREAD_SERVICE])?;
    check_length("service data", service, SERVICE_DATA_MAX)?;
    let remove = Send::remove(Property::SERVER_SERVICES, |item| {
        item.uint32(enterprise)?;
        item.data_with_length(service)
    })?;
    gated(SERVICE_GATE, remove)
}

fn remove_by_prefix(table: Property, prefix: Ipv6Addr, bits: u8) -> Result<Script, Failure> {
    let prefix = network_of(prefix, bits)?;
    let remove = Send::remove(table, |item| write_prefix(item, prefix, bits))?;
    gated(ROUTER_GATE, remove)
}

fn write_prefix(item: &mut Writer<'_>, prefix: Ipv6Addr, bits: u8) -> Result<(), Overflow> {
    item.data(&prefix.octets())?;
    item.uint8(bits)
}

/// Opens the gate, does it, closes the gate. The gate is closed again if anything fails.
fn gated(gate: Property, change: Send) -> Result<Script, Failure> {
    let set_gate = |open| Send::set(gate, |value| value.boolean(open));
    Ok(Script::exclusive("change of network data")
        .undone_by(set_gate(false)?)
        .then(set_gate(true)?)
        .then(change.on_error(OnError::TolerateAlready))
        .then(set_gate(false)?))
}

/// The prefix without what is behind its bits.
fn network_of(prefix: Ipv6Addr, bits: u8) -> Result<Ipv6Addr, Failure> {
    if bits > 128 {
        return Err(usage(format!(
            "{prefix}/{bits}: a prefix has 0 to 128 bits"
        )));
    }
    let mask = u128::MAX
        .checked_shl(128 - u32::from(bits))
        .unwrap_or_default();
    Ok((u128::from(prefix) & mask).into())
}

fn check_length(what: &str, octets: &[u8], max: usize) -> Result<(), Failure> {
    if octets.len() > max {
        return Err(usage(format!(
            "{what}: {} octets are too long, at most {max} are possible",
            octets.len()
        )));
    }
    Ok(())
}

const BORDER_ROUTER: &[Capability] = &[Capability::THREAD_BORDER_ROUTER];
/// Protocol §3.7 and §3.11.
const ROUTER_GATE: Property = Property::THREAD_ALLOW_LOCAL_NET_DATA_CHANGE;
const SERVICE_GATE: Property = Property::SERVER_ALLOW_LOCAL_DATA_CHANGE;
/// Protocol §3.16: the preference in the flags octet.
const PREFERENCE: u8 = 0xC0;
const PREFERENCE_HIGH: u8 = 0x40;
const PREFERENCE_LOW: u8 = 0xC0;
const PREFERENCE_RESERVED: u8 = 0x80;
/// OpenThread's `OT_SERVICE_DATA_MAX_SIZE` and `OT_SERVER_DATA_MAX_SIZE`: what a TLV of network data
/// has room for.
const SERVICE_DATA_MAX: usize = 252;
const SERVER_DATA_MAX: usize = 248;
