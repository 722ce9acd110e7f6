//! Get, set, insert and remove of any property, by its row in the table of protocol §3.

use super::{not_supported, require, usage, wrong_state};
use crate::ctl::{Code, Failure, Field, Fields};
use crate::host::known::{Known, FORGETTING, REMEMBERED};
use crate::host::script::{Report, Script, Send};
use crate::wire::ids::{Access, Command, Needs, Property, PropertyInfo};
use crate::wire::packed::{Malformed, Reader};
use crate::wire::signature::{Formatted, Hex, Items, Signature, Value};

pub(super) fn get(property: Property, known: &Known) -> Result<Script, Failure> {
    if let Some(info) = property.info() {
        check_access(info, Access::GET, "read")?;
        check_needs(info, Access::GET, known)?;
    }
    let has_none =
        property == Property::THREAD_ACTIVE_DATASET_TLVS && !known.flag(Property::NET_SAVED);
    if has_none || MUTING.contains(&property) {
        log::warn!("{property} is asked for: where there is none, some firmware does not answer, nor anything that is asked afterwards, until it is reset");
    }
    Ok(Script::new().then(Send::get(property)?))
}

pub(super) fn set(property: Property, value: &[u8], known: &Known) -> Result<Script, Failure> {
    check_no_stream(property)?;
    if matches!(property, Property::HBO_MEM_MAX | Property::HBO_BLOCK_MAX) {
        return Err(not_supported(format!(
            "{property} cannot be written: this host lends the co-processor no memory"
        )));
    }
    if let Some(info) = property.info() {
        check_access(info, Access::SET, "written")?;
        check_needs(info, Access::SET, known)?;
        check_value(info, info.signature, value)?;
    }
    check_filter(property, value)?;
    check_power(property, value)?;
    check_member(property, known)?;
    let set = Send::set(property, |writer| writer.data(value))?;
    let report = match property {
        // The PSKc that it makes comes back, not the passphrase (protocol §3.11).
        Property::MESHCOP_COMMISSIONER_GENERATE_PSKC => Report::Rows(pskc_rows),
        property => echo(property),
    };
    Ok(Script::new().then(set.reporting(report)))
}

pub(super) fn insert(property: Property, item: &[u8], known: &Known) -> Result<Script, Failure> {
    check_no_stream(property)?;
    check_item(property, Access::INSERT, item, known)?;
    check_filter(property, item)?;
    let insert = Send::insert(property, |writer| writer.data(item))?;
    Ok(Script::new().then(insert.reporting(echo(property))))
}

pub(super) fn remove(property: Property, item: &[u8], known: &Known) -> Result<Script, Failure> {
    check_no_stream(property)?;
    check_item(property, Access::REMOVE, item, known)?;
    let remove = Send::remove(property, |writer| writer.data(item))?;
    Ok(Script::new().then(remove.reporting(echo(property))))
}

/// What a client sees of what it wrote: not a key, which it would have to ask for by name.
fn echo(property: Property) -> Report {
    match property.is_secret() {
        true => Report::Nothing,
        false => Report::Property(property),
    }
}

/// The row that a client sees of a value: one pair, the property's name (the number where it has
/// none) and the value. `command` is that of the frame which carried it: INSERTED and REMOVED carry
/// one item, IS the whole value.
///
/// A single `b` is a [`Field::Bool`], a single number a [`Field::Number`], a single `U` its text; an
/// address or octets are a word; several members are the text that `wire::signature` describes. A
/// value that is not packed as the table says is shown as hex digits.
pub fn property_row(command: Command, property: Property, value: &[u8]) -> Fields {
    let field = match property.info() {
        Some(info) if matches!(command, Command::PROP_VALUE_IS) => field(info.signature, value),
        Some(info) => field(info.told_item(), value),
        None => hex(value),
    };
    Fields::new().with(row_name(property), field)
}

/// The name in rows: one word, whatever the property.
pub(super) fn row_name(property: Property) -> String {
    match property.name() {
        Some(name) => name.into(),
        None => property.0.to_string(),
    }
}

/// Octets as one word.
pub(super) fn hex(octets: &[u8]) -> Field {
    match octets {
        [] => Field::word("-"),
        octets => Field::word(Hex(octets)),
    }
}

fn field(signature: Signature<'_>, octets: &[u8]) -> Field {
    let Ok(formatted) = Formatted::new(signature, octets) else {
        return hex(octets);
    };
    let mut items = Items::new(signature, octets);
    let single = match (signature.as_str().len(), items.next()) {
        (1, Some(Ok(value))) => Some(value),
        _ => None,
    };
    match single {
        Some(Value::Bool(value)) => Field::Bool(value),
        Some(Value::Unsigned(value)) => match i64::try_from(value) {
            Ok(value) => Field::Number(value),
            Err(_) => Field::word(value),
        },
        Some(Value::Signed(value)) => Field::Number(value),
        Some(Value::Text(text)) => Field::Text(String::from_utf8_lossy(text).into_owned()),
        Some(_) => Field::word(formatted),
        None => Field::Text(formatted.to_string()),
    }
}

fn pskc_rows(value: &[u8]) -> Vec<Fields> {
    vec![Fields::new().with("pskc", hex(value))]
}

/// Errata E46: what firmware up to 2025 cannot say that it has not (the last one, today's neither).
const MUTING: &[Property] = &[
    Property::THREAD_PENDING_DATASET_TLVS,
    Property::THREAD_BACKBONE_ROUTER_PRIMARY,
];

/// Frames are the driver's to send (draft §13), and only packets of the interface become some.
fn check_no_stream(property: Property) -> Result<(), Failure> {
    // STREAM_CLI carries lines for OpenThread's command line, which root may say.
    let is_stream = matches!(property.0, 112..=116 | 118..=127 | 5_888..=6_143)
        || matches!(
            property,
            Property::THREAD_TMF_PROXY_STREAM | Property::THREAD_UDP_FORWARD_STREAM
        );
    if !is_stream {
        return Ok(());
    }
    Err(Failure::new(
        Code::Denied,
        format!("{property}: clients may not send frames; send packets to the interface"),
    ))
}

/// What the driver's own state rests on stays told, whoever asks: without it the driver would believe in a
/// network that is gone.
fn check_filter(property: Property, value: &[u8]) -> Result<(), Failure> {
    if property != Property::UNSOL_UPDATE_FILTER {
        return Ok(());
    }
    let mut numbers = Reader::new(value);
    while let Ok(number) = numbers.uint_packed() {
        let filtered = Property(number);
        if filtered == Property::LAST_STATUS || REMEMBERED.contains(&filtered) {
            return Err(Failure::new(
                Code::Denied,
                format!(
                    "{filtered} cannot be filtered: the driver's own state rests on its updates"
                ),
            ));
        }
    }
    Ok(())
}

/// Who sleeps is for the driver to know: it would wait for packets that are held back, or take a co-processor that
/// sleeps for one that died.
fn check_power(property: Property, value: &[u8]) -> Result<(), Failure> {
    let (awake, verbs) = match property {
        Property::HOST_POWER_STATE => (HOST_ONLINE, "host-sleep and host-did-wake"),
        Property::MCU_POWER_STATE => (MCU_ON, "begin-low-power and wake"),
        Property::POWER_STATE => (POWER_ONLINE, "begin-low-power and wake"),
        _ => return Ok(()),
    };
    if value == [awake] {
        return Ok(());
    }
    Err(Failure::new(
        Code::Denied,
        format!("{property} cannot be set to that: the driver would not know who sleeps; {verbs} do that"),
    ))
}

/// OpenThread forgets its datasets when one of their members is set alone, without a word of it: who wants another
/// channel would be left without a network.
fn check_member(property: Property, known: &Known) -> Result<(), Failure> {
    let forgets = FORGETTING.contains(&property);
    if !forgets || known.state.is_up() || !known.flag(Property::NET_SAVED) {
        return Ok(());
    }
    Err(wrong_state(format!(
        "{property}: set alone, it makes the co-processor forget the network that is stored: set THREAD_ACTIVE_DATASET_TLVS as a whole (getprop shows it), use form or join, or leave first"
    )))
}

fn check_access(info: PropertyInfo, access: Access, done: &str) -> Result<(), Failure> {
    if info.access.contains(access) {
        return Ok(());
    }
    let name = info.name;
    let offered: Vec<_> = [
        (Access::GET, "read"),
        (Access::SET, "written"),
        (Access::INSERT, "added to"),
        (Access::REMOVE, "taken from"),
    ]
    .into_iter()
    .filter(|(offered, _)| info.access.contains(*offered))
    .map(|(_, done)| done)
    .collect();
    Err(not_supported(if info.access.contains(Access::MEMBER) {
        format!("{name} is only part of a dataset: ask for THREAD_ACTIVE_DATASET")
    } else if info.access.contains(Access::EVENTS) && (access == Access::GET || offered.is_empty())
    {
        format!("{name} is an event, it cannot be {done}: monitor it")
    } else if offered.is_empty() {
        format!("{name} cannot be {done}: the co-processor alone tells it")
    } else {
        format!("{name} cannot be {done}: it can be {}", offered.join(", "))
    }))
}

fn check_needs(info: PropertyInfo, access: Access, known: &Known) -> Result<(), Failure> {
    match info.needs {
        Needs::AnyOf(capabilities) => require(known, info.name, capabilities),
        Needs::ToWrite(capabilities) if access != Access::GET => {
            require(known, info.name, capabilities)
        }
        Needs::ToWrite(_) | Needs::Nothing => Ok(()),
    }
}

fn check_item(
    property: Property,
    access: Access,
    item: &[u8],
    known: &Known,
) -> Result<(), Failure> {
    let Some(info) = property.info() else {
        return Ok(());
    };
    let done = match access {
        Access::INSERT => "added to",
        _ => "taken from",
    };
    check_access(info, access, done)?;
    check_needs(info, access, known)?;
    check_value(info, info.signature.item(), item)
}

fn check_value(info: PropertyInfo, signature: Signature<'_>, octets: &[u8]) -> Result<(), Failure> {
    let wrong = |why: &str| {
        usage(format!(
            "{}: {why}; its value is {}",
            info.name,
            signature.in_words()
        ))
    };
    match Items::new(signature, octets).check() {
        Ok(0) => Ok(()),
        Ok(surplus) => Err(wrong(&format!("{surplus} octets too many"))),
        Err(Malformed::Truncated) => Err(wrong("the value is too short")),
        Err(error) => Err(wrong(&error.to_string())),
    }
}

/// Protocol §4.4, §4.3.
const HOST_ONLINE: u8 = 4;
const MCU_ON: u8 = 0;
const POWER_ONLINE: u8 = 4;
