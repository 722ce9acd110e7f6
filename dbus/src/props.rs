//! wpantund's properties by name: where each comes from, and the type in which wpantund sends it.

mod here;
mod table;
mod told;

use crate::control::{lock, Asked};
use crate::ctx::Ctx;
use crate::dataset;
use crate::signals;
use crate::status;
use crate::v1::EMPTY;
use crate::val::Val;
use crate::values::{self, address, number, octets, pack, unhex};
use spinel_bridge::ctl::{Failure, Field};
use spinel_bridge::wire::ids::{Access, Capability, Needs, Property};
use std::net::Ipv6Addr;
pub(crate) use table::ROWS;

/// A name.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// In the list that the empty name gives.
    pub(crate) listed: bool,
    pub(crate) source: Source,
}

/// How a property of the co-processor is shown.
pub(crate) type Show = fn(Property, &[u8]) -> Val;

/// Where the value of a name comes from.
pub(crate) enum Source {
    /// A property of the co-processor.
    Of(Property, Show),
    /// What is known here.
    Here(fn(&Ctx<'_>) -> Val),
    /// A setting of wpantund's: asked for by name, in case the daemon has it; else this is how the daemon is.
    Setting(Fixed),
    /// What the co-processor told last, unasked.
    Told(Property, fn(&[Vec<u8>]) -> Val),
    /// The daemon keeps it, in its own words.
    Daemon,
    /// A property that wpantund takes and does not give.
    WriteOnly(Property),
    /// It is not given.
    Not(i32, &'static str),
}

/// A value that does not change.
#[derive(Clone, Copy)]
pub(crate) enum Fixed {
    Bool(bool),
    Byte(u8),
    Short(u16),
    Long(u64),
    Text(&'static str),
}

impl Fixed {
    fn val(self) -> Val {
        match self {
            Fixed::Bool(value) => Val::Bool(value),
            Fixed::Byte(value) => Val::Y(value),
            Fixed::Short(value) => Val::Q(value),
            Fixed::Long(value) => Val::T(value),
            Fixed::Text(text) => Val::s(text),
        }
    }
}

/// The status and the value, or why there is none.
type Got = Result<(i32, Val), Failure>;

/// PropGet.
pub(crate) fn get(ctx: &Ctx<'_>, name: &str) -> Got {
    if name.is_empty() {
        let listed = ROWS.iter().filter(|row| row.listed);
        let names = listed.map(|row| row.name.to_owned()).collect();
        return Ok((status::OK, Val::Strings(names)));
    }
    let lower = name.to_ascii_lowercase();
    if dataset::is_local(&lower) {
        return Ok(match dataset::get(ctx, &lower) {
            Some(val) => (status::OK, val),
            None => not_found(),
        });
    }
    let Some(row) = find(name) else {
        return match lower.starts_with("stat:") {
            true => Ok(refused(status::PROPERTY_NOT_FOUND, NO_STAT)),
            false => Ok(not_found()),
        };
    };
    match &row.source {
        Source::Of(property, show) => of_property(ctx, row.name, *property, *show),
        Source::Here(make) => Ok((status::OK, make(ctx))),
        Source::Setting(fixed) => Ok((status::OK, setting(ctx, row.name, *fixed))),
        Source::Told(property, make) => {
            if let Some(why) = lacks(ctx, row.name, *property) {
                return Ok(refused(status::NOT_SUPPORTED, &why));
            }
            let known = lock(&ctx.instance.known);
            let told = known.told.get(property).map_or(&[][..], Vec::as_slice);
            Ok((status::OK, make(told)))
        }
        Source::Daemon => of_daemon(ctx, row.name),
        Source::WriteOnly(_) => Ok(not_found()),
        Source::Not(status, why) => Ok(refused(*status, why)),
    }
}

/// The row of a name, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name.eq_ignore_ascii_case(name))
}

fn refused(status: i32, why: &str) -> (i32, Val) {
    (status, Val::s(why))
}

fn not_found() -> (i32, Val) {
    refused(status::PROPERTY_NOT_FOUND, "Property Not Found")
}

fn of_property(ctx: &Ctx<'_>, name: &str, property: Property, show: Show) -> Got {
    if let Some(why) = lacks(ctx, name, property) {
        // Without the capability there is one kind of link.
        return Ok(match property {
            Property::SUPPORTED_RADIO_LINKS => (status::OK, show(property, &[0])),
            _ => refused(status::NOT_SUPPORTED, &why),
        });
    }
    if property == Property::THREAD_BACKBONE_ROUTER_PRIMARY {
        // Firmware that has no primary router never answers, nor anything after it.
        return Ok(refused(status::TIMEOUT, EMPTY));
    }
    match ctx.get(property) {
        Ok(octets) => Ok((status::OK, show(property, &octets))),
        Err(failure) => Ok(refused(ctx.status(failure)?, EMPTY)),
    }
}

/// The daemon's own value of a name, as far as it has one.
fn of_daemon(ctx: &Ctx<'_>, name: &str) -> Got {
    match ctx.rows(&Asked::new("getprop").word(name)) {
        Ok(rows) if rows.len() == 1 => match rows[0].0.first() {
            Some((_, Field::Bool(value))) => Ok((status::OK, Val::Bool(*value))),
            Some((_, Field::Number(n))) => Ok((status::OK, Val::I(*n as i32))),
            Some((_, Field::Word(text) | Field::Text(text))) => Ok((status::OK, Val::s(text))),
            None => Ok(refused(status::PROPERTY_EMPTY, EMPTY)),
        },
        Ok(rows) => {
            let line = |field: &Field| match field {
                Field::Bool(value) => value.to_string(),
                Field::Number(n) => n.to_string(),
                Field::Word(text) | Field::Text(text) => text.clone(),
            };
            let fields = rows.iter().flat_map(|row| &row.0);
            let lines = fields.map(|(_, field)| line(field)).collect();
            Ok((status::OK, Val::Strings(lines)))
        }
        Err(_) => Ok(refused(status::NOT_IMPLEMENTED, EMPTY)),
    }
}

fn setting(ctx: &Ctx<'_>, name: &str, fixed: Fixed) -> Val {
    let told = match fixed {
        Fixed::Bool(_) => ctx.field(name).ok(),
        _ => None,
    };
    match told {
        Some(Field::Bool(value)) => Val::Bool(value),
        _ => fixed.val(),
    }
}

/// wpantund's text where the co-processor lacks what a property needs.
fn lacks(ctx: &Ctx<'_>, name: &str, property: Property) -> Option<String> {
    let needed = match property.info()?.needs {
        Needs::AnyOf(list) => list,
        Needs::ToWrite(_) | Needs::Nothing => return None,
    };
    let known = lock(&ctx.instance.known);
    // Without the list nothing is known to be missing.
    let caps = known.values.get(&Property::CAPS)?;
    let has = |capability: &Capability| {
        let rows = values::rows(Property::CAPS, caps);
        rows.iter()
            .any(|row| number(row, 0) == i64::from(capability.0))
    };
    if needed.iter().any(has) {
        return None;
    }
    let capability = needed.first()?.name().unwrap_or("UNKNOWN");
    Some(format!(
        "Capability {capability} (required for \"{name}\") is not supported by NCP"
    ))
}

/// PropSet, PropInsert or PropRemove, as `verb` says.
pub(crate) fn change(
    ctx: &Ctx<'_>,
    verb: &str,
    name: &str,
    value: Option<&Val>,
) -> Result<i32, Failure> {
    let lower = name.to_ascii_lowercase();
    let is_set = verb == "setprop";
    if is_set && dataset::is_local(&lower) {
        return match value {
            Some(value) => dataset::set(ctx, &lower, value),
            None => Ok(status::INVALID_ARGUMENT),
        };
    }
    let Some(row) = find(name) else {
        return Ok(status::PROPERTY_NOT_FOUND);
    };
    let Some(value) = value else {
        return Ok(status::INVALID_ARGUMENT);
    };
    match (&row.source, is_set) {
        (Source::Of(property, _), true) => set(ctx, row.name, *property, value),
        (Source::WriteOnly(property), true) => set(ctx, row.name, *property, value),
        (Source::Of(property, _), false) if LISTS.contains(&row.name) => {
            item(ctx, verb, *property, value)
        }
        (Source::Setting(fixed), true) => set_setting(ctx, row.name, *fixed, value),
        (Source::Here(_), true) if row.name == "Daemon:Enabled" => enable(ctx, value),
        _ => Ok(status::PROPERTY_NOT_FOUND),
    }
}

fn set(ctx: &Ctx<'_>, name: &str, property: Property, value: &Val) -> Result<i32, Failure> {
    let settable = property
        .info()
        .is_some_and(|info| info.access.contains(Access::SET));
    if !settable || READ_ONLY.contains(&name) {
        return Ok(status::PROPERTY_NOT_FOUND);
    }
    if lacks(ctx, name, property).is_some() {
        return Ok(status::NOT_SUPPORTED);
    }
    match name {
        "Interface:Up" => return interface_up(ctx, value),
        "Commissioner:State" => return commissioner(ctx, value),
        _ => {}
    }
    let packed = match name {
        "Network:Key" | "Network:PSKc" => match loose_octets(value) {
            // wpantund hands it on as it is.
            Some(octets) if octets.len() != 16 => return Ok(status::of_ncp(PARSE_ERROR)),
            octets => octets,
        },
        "Network:XPANID" => match xpanid(value) {
            Some(octets) if octets.len() != 8 => return Ok(status::of_ncp(PARSE_ERROR)),
            octets => octets,
        },
        "IPv6:MeshLocalPrefix" => loose_prefix(value).map(|prefix| {
            let mut packed = prefix.octets().to_vec();
            packed.push(64);
            packed
        }),
        "Thread:BackboneRouter:State" => match value.text() {
            Some("primary") => Some(vec![2]),
            Some("secondary") => Some(vec![1]),
            Some("disabled") => Some(vec![0]),
            _ => None,
        },
        "Thread:BackboneRouter:Register" => Some(Vec::new()),
        "Commissioner:Send:MgmtGet" | "Commissioner:Send:MgmtSet" => {
            loose_octets(value).map(|octets| {
                let mut packed = (octets.len() as u16).to_le_bytes().to_vec();
                packed.extend(octets);
                packed
            })
        }
        _ => pack_loosely(property, value),
    };
    let Some(packed) = packed else {
        return Ok(status::INVALID_ARGUMENT);
    };
    let status = ctx.outcome(ctx.set(property, &packed))?;
    // The only one that wpantund tells and the co-processor does not.
    if status == status::OK && name == "NCP:TXPower" {
        let known = lock(&ctx.instance.known);
        let power = packed.first().map_or(0, |octet| i32::from(*octet as i8));
        signals::changed(&ctx.instance.bus, &known, name, &Val::I(power));
    }
    Ok(status)
}

fn item(ctx: &Ctx<'_>, verb: &str, property: Property, value: &Val) -> Result<i32, Failure> {
    let packed = match property {
        Property::IPV6_MULTICAST_ADDRESS_TABLE => {
            loose_prefix(value).map(|address| address.octets().to_vec())
        }
        _ => loose_octets(value)
            .filter(|octets| octets.len() == 8)
            .map(|mut eui64| {
                // 127: no RSSI is fixed (protocol §3.5).
                if property == Property::MAC_ALLOWLIST && verb == "insertprop" {
                    eui64.push(127);
                }
                eui64
            }),
    };
    let Some(packed) = packed else {
        return Ok(status::INVALID_ARGUMENT);
    };
    let status = ctx.outcome(ctx.change(verb, property, &packed))?;
    // wpantund does not mind what is there already, or is not.
    Ok(match status {
        status::ALREADY => status::OK,
        other if verb == "removeprop" && other == status::of_ncp(ITEM_NOT_FOUND) => status::OK,
        other => other,
    })
}

/// What the daemon does not have is as it is: only that can be set.
fn set_setting(ctx: &Ctx<'_>, name: &str, fixed: Fixed, value: &Val) -> Result<i32, Failure> {
    let wanted = match fixed {
        Fixed::Bool(_) => match loose_boolean(value) {
            Some(wanted) => wanted,
            None => return Ok(status::INVALID_ARGUMENT),
        },
        _ => return Ok(status::NOT_IMPLEMENTED),
    };
    if setting(ctx, name, fixed).boolean() == Some(wanted) {
        return Ok(status::OK);
    }
    let asked = Asked::new("setprop").word(name).word(wanted.to_string());
    match ctx.order(&asked) {
        Ok(()) => Ok(status::OK),
        Err(_) => Ok(status::NOT_IMPLEMENTED),
    }
}

fn enable(ctx: &Ctx<'_>, value: &Val) -> Result<i32, Failure> {
    let Some(enable) = loose_boolean(value) else {
        return Ok(status::INVALID_ARGUMENT);
    };
    if enable == signals::is_enabled(&lock(&ctx.instance.known)) {
        return Ok(status::OK);
    }
    let verb = if enable { "wake" } else { "begin-low-power" };
    ctx.outcome(ctx.order(&Asked::new(verb)))
}

fn interface_up(ctx: &Ctx<'_>, value: &Val) -> Result<i32, Failure> {
    match loose_boolean(value) {
        None => Ok(status::INVALID_ARGUMENT),
        Some(true) => ctx.outcome(ctx.begin(&Asked::new("attach"))),
        Some(false) => {
            let down = ctx.set(Property::NET_STACK_UP, &[0]);
            ctx.outcome(down.and_then(|()| ctx.set(Property::NET_IF_UP, &[0])))
        }
    }
}

fn commissioner(ctx: &Ctx<'_>, value: &Val) -> Result<i32, Failure> {
    let action = match value.text() {
        Some("active" | "1" | "true") => "start",
        Some("disabled" | "0" | "false") => "stop",
        _ => return Ok(status::INVALID_ARGUMENT),
    };
    let is_off = matches!(
        ctx.get(Property::MESHCOP_COMMISSIONER_STATE).as_deref(),
        Ok([0])
    );
    if action == "stop" && is_off {
        return Ok(status::ALREADY);
    }
    ctx.outcome(ctx.order(&Asked::new("commissioner").raw(action)))
}

/// A number as wpantund reads one: a text by C's strtol, which makes 0 of what is none.
pub(crate) fn loose_number(value: &Val) -> Option<i128> {
    match value {
        Val::S(text) => Some(strtol(text)),
        Val::Bool(value) => Some(i128::from(*value)),
        value => value.number(),
    }
}

fn strtol(text: &str) -> i128 {
    let text = text.trim_start();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match (text.strip_prefix("0x").or(text.strip_prefix("0X")), text) {
        (Some(digits), _) => (16, digits),
        (None, text) if text.starts_with('0') => (8, text),
        (None, text) => (10, text),
    };
    let end = digits
        .find(|sign: char| !sign.is_digit(radix))
        .unwrap_or(digits.len());
    // More than 64 bits are too many for every property.
    let value = i128::from_str_radix(digits[..end].get(..32.min(end)).unwrap_or_default(), radix)
        .unwrap_or(0);
    if negative {
        -value
    } else {
        value
    }
}

fn loose_boolean(value: &Val) -> Option<bool> {
    match value {
        Val::S(text) => Some(match text.as_str() {
            "true" | "yes" | "TRUE" | "YES" => true,
            "false" | "no" | "FALSE" | "NO" => false,
            other => strtol(other) != 0,
        }),
        value => loose_number(value).map(|n| n != 0),
    }
}

/// Octets, or the hex digits of a text.
pub(crate) fn loose_octets(value: &Val) -> Option<Vec<u8>> {
    match value {
        Val::Bytes(octets) => Some(octets.clone()),
        Val::S(text) => {
            let digits: String = text
                .chars()
                .filter(|sign| !matches!(sign, ':' | ' ' | '-'))
                .collect();
            unhex(digits.strip_prefix("0x").unwrap_or(&digits))
        }
        _ => None,
    }
}

/// 8 octets; a text or a number is that of a 64-bit number.
pub(crate) fn xpanid(value: &Val) -> Option<Vec<u8>> {
    match value {
        Val::Bytes(octets) => Some(octets.clone()),
        // Too short, and so a parse error of the co-processor.
        Val::S(text) => Some(unhex(text).unwrap_or_default()),
        value => u64::try_from(value.number()?)
            .ok()
            .map(|n| n.to_be_bytes().to_vec()),
    }
}

/// An address, or a prefix without its length.
pub(crate) fn loose_prefix(value: &Val) -> Option<Ipv6Addr> {
    match value {
        Val::S(text) => text.split('/').next()?.parse().ok(),
        Val::Bytes(octets) if !octets.is_empty() => {
            let mut address = [0; 16];
            address.get_mut(..octets.len())?.copy_from_slice(octets);
            Some(address.into())
        }
        _ => None,
    }
}

/// Packs a value for a property of one member.
fn pack_loosely(property: Property, value: &Val) -> Option<Vec<u8>> {
    let signature = property.info()?.signature;
    let text = match signature.as_str() {
        "b" => loose_boolean(value)?.to_string(),
        code @ ("C" | "S" | "L" | "X" | "c" | "s" | "l" | "x") => {
            let n = loose_number(value)?;
            let bits = match code {
                "C" | "c" => 8,
                "S" | "s" => 16,
                "L" | "l" => 32,
                _ => 64,
            };
            // Cut to its width, as C does.
            let packed = n.to_le_bytes();
            return packed.get(..bits / 8).map(<[u8]>::to_vec);
        }
        "U" => spinel_bridge::ctl::line::quoted(value.text()?),
        "D" => return loose_octets(value),
        "E" => return loose_octets(value).filter(|octets| octets.len() == 8),
        "6" => loose_prefix(value)?.to_string(),
        "A(C)" => {
            let mask = u32::try_from(loose_number(value)?).ok()?;
            return Some((0..32).filter(|channel| mask & 1 << channel != 0).collect());
        }
        _ => value.text()?.to_owned(),
    };
    pack(signature, &text)
}

// How values are shown.

fn first(property: Property, value: &[u8]) -> i64 {
    number(&values::members(property, value), 0)
}

pub(crate) fn boolean(property: Property, value: &[u8]) -> Val {
    Val::Bool(first(property, value) != 0)
}

pub(crate) fn byte(property: Property, value: &[u8]) -> Val {
    Val::Y(first(property, value) as u8)
}

pub(crate) fn unsigned16(property: Property, value: &[u8]) -> Val {
    Val::Q(first(property, value) as u16)
}

pub(crate) fn signed32(property: Property, value: &[u8]) -> Val {
    Val::I(first(property, value) as i32)
}

pub(crate) fn unsigned32(property: Property, value: &[u8]) -> Val {
    Val::U(first(property, value) as u32)
}

pub(crate) fn unsigned64(_: Property, value: &[u8]) -> Val {
    // Packed with its low octet first.
    Val::T(
        value
            .iter()
            .take(8)
            .rev()
            .fold(0, |n, octet| n << 8 | u64::from(*octet)),
    )
}

pub(crate) fn big64(_: Property, value: &[u8]) -> Val {
    Val::T(values::big_endian(value))
}

pub(crate) fn text(property: Property, value: &[u8]) -> Val {
    let octets = octets(&values::members(property, value), 0);
    Val::s(String::from_utf8_lossy(&octets))
}

pub(crate) fn raw(_: Property, value: &[u8]) -> Val {
    Val::Bytes(value.to_vec())
}

pub(crate) fn ipv6(property: Property, value: &[u8]) -> Val {
    Val::s(address(&values::members(property, value), 0).to_string())
}

pub(crate) fn prefix64(property: Property, value: &[u8]) -> Val {
    Val::s(format!(
        "{}/64",
        address(&values::members(property, value), 0)
    ))
}

fn word(words: &[&str], property: Property, value: &[u8]) -> Val {
    let index = usize::try_from(first(property, value)).ok();
    Val::s(
        *index
            .and_then(|index| words.get(index))
            .unwrap_or(&"unknown"),
    )
}

pub(crate) fn joiner_state(property: Property, value: &[u8]) -> Val {
    const WORDS: &[&str] = &[
        "idle",
        "discover",
        "connect",
        "connected",
        "entrust",
        "joined",
    ];
    word(WORDS, property, value)
}

pub(crate) fn commissioner_state(property: Property, value: &[u8]) -> Val {
    word(&["disabled", "petition", "active"], property, value)
}

pub(crate) fn backbone_state(property: Property, value: &[u8]) -> Val {
    word(&["disabled", "secondary", "primary"], property, value)
}

pub(crate) fn mcu_power(property: Property, value: &[u8]) -> Val {
    word(&["on", "low-power", "off"], property, value)
}

/// A router id of an RLOC16: its highest 6 bits.
pub(crate) fn router_id(property: Property, value: &[u8]) -> Val {
    Val::Y((first(property, value) >> 10) as u8)
}

/// Those that take PropInsert and PropRemove.
const LISTS: &[&str] = &[
    "IPv6:MulticastAddresses",
    "MAC:Allowlist:Entries",
    "MAC:Denylist:Entries",
    "MAC:Whitelist:Entries",
    "MAC:Blacklist:Entries",
];

/// What Spinel lets be set and wpantund does not.
const READ_ONLY: &[&str] = &[
    "NCP:HardwareAddress",
    "NCP:Capabilities",
    "NCP:ChannelMask",
    "Network:Role",
    "Thread:RouterID",
    "IPv6:AllAddresses",
];

/// Protocol §4.1.
const PARSE_ERROR: u32 = 9;
const ITEM_NOT_FOUND: u32 = 20;

const NO_STAT: &str =
    "Unknown stat property. Please use \"get Stat:Help\" to get help about StatCollector.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_c_reads_them() {
        for (text, number) in [
            ("12", 12),
            (" -5", -5),
            ("0x1F", 31),
            ("010", 8),
            ("abc", 0),
            ("7up", 7),
            ("", 0),
            ("+3", 3),
            ("0", 0),
            ("-0x10", -16),
            ("é", 0),
        ] {
            assert_eq!(strtol(text), number, "{text}");
        }
        assert_eq!(loose_boolean(&Val::s("maybe")), Some(false));
        assert_eq!(loose_boolean(&Val::s("YES")), Some(true));
        assert_eq!(loose_boolean(&Val::Other), None);
    }

    #[test]
    fn no_name_is_there_twice() {
        for (index, row) in ROWS.iter().enumerate() {
            let first = ROWS
                .iter()
                .position(|other| other.name.eq_ignore_ascii_case(row.name));
            assert_eq!(first, Some(index), "{}", row.name);
        }
        assert_eq!(ROWS.iter().filter(|row| row.listed).count(), 116);
    }
}
