//! Who is listened to: allow list and deny list (protocol §3.5), and jam detection (§3.4).

use super::property::hex;
use super::{require, usage};
use crate::ctl::request::Filter;
use crate::ctl::{Failure, Fields};
use crate::host::known::Known;
use crate::host::script::{OnError, Report, Script, Send};
use crate::wire::ids::{Capability, Property};
use crate::wire::packed::Reader;

/// Whether the list counts, then one row for each neighbour: `eui64`, and `rssi` where it is fixed.
pub(super) fn show(filter: Filter, known: &Known) -> Result<Script, Failure> {
    require(known, "MAC filter", NEEDED)?;
    let (list, enabled) = properties(filter);
    let list = Send::get(list)?.reporting(Report::Rows(entry_rows));
    Ok(Script::new().then(Send::get(enabled)?).then(list))
}

pub(super) fn enable(filter: Filter, on: bool, known: &Known) -> Result<Script, Failure> {
    require(known, "MAC filter", NEEDED)?;
    let set = Send::set(properties(filter).1, |value| value.boolean(on))?;
    Ok(Script::new().then(set))
}

pub(super) fn add(
    filter: Filter,
    eui64: [u8; 8],
    rssi: Option<i8>,
    known: &Known,
) -> Result<Script, Failure> {
    require(known, "MAC filter", NEEDED)?;
    if filter == Filter::Deny && rssi.is_some() {
        return Err(usage(
            "a denied neighbour has no RSSI: leave it out, or use the allow list",
        ));
    }
    let insert = Send::insert(properties(filter).0, |item| {
        item.data(&eui64)?;
        match filter {
            Filter::Allow => item.int8(rssi.unwrap_or(RSSI_NOT_FIXED)),
            Filter::Deny => Ok(()),
        }
    })?;
    Ok(Script::new().then(insert.on_error(OnError::TolerateAlready)))
}

pub(super) fn remove(filter: Filter, eui64: [u8; 8], known: &Known) -> Result<Script, Failure> {
    require(known, "MAC filter", NEEDED)?;
    let remove = Send::remove(properties(filter).0, |item| item.data(&eui64))?;
    Ok(Script::new().then(remove.on_error(OnError::TolerateAlready)))
}

/// One row for each property of jam detection.
pub(super) fn jam_status(known: &Known) -> Result<Script, Failure> {
    require(known, "jam detection", JAM)?;
    let mut script = Script::new();
    for property in [
        Property::JAM_DETECT_ENABLE,
        Property::JAM_DETECTED,
        Property::JAM_DETECT_RSSI_THRESHOLD,
        Property::JAM_DETECT_WINDOW,
        Property::JAM_DETECT_BUSY,
        Property::JAM_DETECT_HISTORY_BITMAP,
    ] {
        script.push(Send::get(property)?.on_error(OnError::Tolerate));
    }
    Ok(script)
}

pub(super) fn jam_enable(on: bool, known: &Known) -> Result<Script, Failure> {
    require(known, "jam detection", JAM)?;
    let set = Send::set(Property::JAM_DETECT_ENABLE, |value| value.boolean(on))?;
    Ok(Script::new().then(set))
}

/// The list, and the switch.
fn properties(filter: Filter) -> (Property, Property) {
    match filter {
        Filter::Allow => (Property::MAC_ALLOWLIST, Property::MAC_ALLOWLIST_ENABLED),
        Filter::Deny => (Property::MAC_DENYLIST, Property::MAC_DENYLIST_ENABLED),
    }
}

fn entry_rows(value: &[u8]) -> Vec<Fields> {
    let mut reader = Reader::new(value);
    let entries = core::iter::from_fn(|| reader.structure().ok());
    entries.filter_map(entry_row).collect()
}

fn entry_row(mut entry: Reader<'_>) -> Option<Fields> {
    let mut row = Fields::new().with("eui64", hex(&entry.array::<8>().ok()?));
    match entry.int8() {
        Ok(rssi) if rssi != RSSI_NOT_FIXED => row.push("rssi", rssi),
        _ => {}
    }
    Some(row)
}

const NEEDED: &[Capability] = &[Capability::MAC_ALLOWLIST];
const JAM: &[Capability] = &[Capability::JAM_DETECT];
/// Protocol §3.5, MAC_ALLOWLIST.
const RSSI_NOT_FIXED: i8 = 127;
