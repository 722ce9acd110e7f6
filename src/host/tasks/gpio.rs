//! The GPIO lines of the co-processor (protocol §3.14).

use super::{require, usage};
use crate::ctl::{Failure, Field, Fields};
use crate::host::known::Known;
use crate::host::script::{Report, Script, Send};
use crate::wire::ids::{Capability, Property};
use crate::wire::packed::{Malformed, Reader};

/// One row for each line, then one that names those which are high.
pub(super) fn list(known: &Known) -> Result<Script, Failure> {
    require(known, "GPIO", NEEDED)?;
    let lines = Send::get(Property::GPIO_CONFIG)?.reporting(Report::Rows(line_rows));
    let levels = Send::get(Property::GPIO_STATE)?.reporting(Report::Rows(level_rows));
    Ok(Script::new().then(lines).then(levels))
}

pub(super) fn set(number: u8, high: bool, known: &Known) -> Result<Script, Failure> {
    require(known, "GPIO", NEEDED)?;
    let property = match high {
        true => Property::GPIO_STATE_SET,
        false => Property::GPIO_STATE_CLEAR,
    };
    let (octet, bit) = (usize::from(number / 8), 0x80_u8 >> (number % 8));
    // Octets that are missing at the end count as 0.
    let send = Send::set(property, |value| {
        value.data(&[0; 32][..octet])?;
        value.uint8(bit)
    })?;
    Ok(Script::new().then(send))
}

pub(super) fn configure(number: u8, flags: u8, known: &Known) -> Result<Script, Failure> {
    require(known, "GPIO", NEEDED)?;
    if flags & RESERVED != 0 {
        return Err(usage(format!(
            "flags 0x{flags:02x}: the bits 0x07 are reserved, leave them 0"
        )));
    }
    let insert = Send::insert(Property::GPIO_CONFIG, |item| {
        item.uint8(number)?;
        item.uint8(flags)?;
        item.utf8("")
    })?;
    Ok(Script::new().then(insert))
}

fn line_rows(value: &[u8]) -> Vec<Fields> {
    let mut reader = Reader::new(value);
    let lines = core::iter::from_fn(|| reader.structure().ok());
    lines.filter_map(|line| line_row(line).ok()).collect()
}

fn line_row(mut line: Reader<'_>) -> Result<Fields, Malformed> {
    let (number, flags) = (line.uint8()?, line.uint8()?);
    let name = String::from_utf8_lossy(line.utf8().unwrap_or_default());
    let is_output = flags & OUTPUT != 0;
    let pull = match (flags & PULL_UP != 0, flags & PULL_DOWN_OR_OPEN_DRAIN != 0) {
        (true, _) => "up",
        (false, true) if !is_output => "down",
        _ => "none",
    };
    let trigger = match flags & TRIGGER {
        0 => "none",
        0x08 => "falling",
        0x10 => "rising",
        _ => "any",
    };
    Ok(Fields::new()
        .with("gpio", number)
        .with("name", Field::text(name))
        .with("output", is_output)
        .with("pull", Field::word(pull))
        .with(
            "open_drain",
            is_output && flags & PULL_DOWN_OR_OPEN_DRAIN != 0,
        )
        .with("trigger", Field::word(trigger)))
}

/// The numbers of the lines that are high. The host cannot tell here which of them have an entry in
/// the list: those without are to be ignored.
fn level_rows(value: &[u8]) -> Vec<Fields> {
    let bits = value
        .iter()
        .take(LEVELS_LEN)
        .flat_map(|octet| (0..8_u8).map(move |bit| octet & (0x80 >> bit) != 0));
    let high: Vec<_> = bits
        .enumerate()
        .filter(|(_, is_high)| *is_high)
        .map(|(number, _)| number.to_string())
        .collect();
    vec![Fields::new().with("high", Field::Text(high.join(" ")))]
}

const NEEDED: &[Capability] = &[Capability::GPIO];
/// Protocol §3.14.
const OUTPUT: u8 = 0x80;
const PULL_UP: u8 = 0x40;
const PULL_DOWN_OR_OPEN_DRAIN: u8 = 0x20;
const TRIGGER: u8 = 0x18;
const RESERVED: u8 = 0x07;
/// A line's number is one octet. What is beyond 256 lines has no entry, and would make a longer answer than
/// there may be.
const LEVELS_LEN: usize = 32;
