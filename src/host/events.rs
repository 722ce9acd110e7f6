//! What everyone who monitors is told of the co-processor's values and of its log.

use super::tasks;
use crate::ctl::{Event, Field, Fields};
use crate::wire::ids::{Command, Property};
use crate::wire::packed::Reader;

/// A property's value, or an item that came or went.
pub(super) fn property(command: Command, property: Property, value: &[u8]) -> Event {
    let row = tasks::property_row(command, property, value);
    let mut fields = Fields::new();
    for (name, value) in row.0 {
        fields.push("name", Field::Word(name));
        let shown = if property.is_secret() {
            Field::word("hidden")
        } else {
            value
        };
        fields.push("value", shown);
    }
    match command {
        Command::PROP_VALUE_INSERTED => fields.push("change", Field::word("inserted")),
        Command::PROP_VALUE_REMOVED => fields.push("change", Field::word("removed")),
        _ => {}
    }
    Event {
        name: "property",
        fields,
    }
}

/// What the co-processor tells of its own accord: also what is not known here, and what is an event and no state.
/// Frames have their own listeners, log lines their own event.
pub(super) fn told_unasked(command: Command, told: Property, value: &[u8]) -> Option<Event> {
    let is_frame = matches!(told.0, 113..=115);
    (!is_frame && !is_log(told)).then(|| property(command, told, value))
}

/// Whether the property carries the co-processor's log.
pub(super) fn is_log(property: Property) -> bool {
    matches!(property, Property::STREAM_DEBUG | Property::STREAM_LOG)
}

/// A line of the co-processor's log, which goes into ours, too: text to the end, or to a zero octet (errata E33).
pub(super) fn log(property: Property, value: &[u8]) -> Option<Event> {
    let text = value.split(|octet| *octet == 0).next().unwrap_or_default();
    let metadata = value.get(text.len() + 1..).unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let text = text.trim_end();
    if text.is_empty() {
        return None;
    }
    log::info!(target: LOG_TARGET, "{}", text.escape_debug());
    let mut fields = Fields::new().with("text", Field::text(text));
    if property == Property::STREAM_LOG {
        if let Ok(level) = Reader::new(metadata).uint8() {
            fields.push("level", level);
        }
    }
    Some(Event {
        name: "log",
        fields,
    })
}

/// Where the co-processor's own log goes, beside the event.
const LOG_TARGET: &str = "co-processor";
