//! Values under wpantund's names, as `wpanctl get` prints them, so that scripts which read them go on working.
//!
//! | Spinel's signature | is printed as |
//! | --- | --- |
//! | `b` | `true`, `false` |
//! | `C` | `0x0B`, two digits |
//! | `S` | `0xABCD`, four digits |
//! | `X`, and the extended PAN id | `0xDEAD00BEEF00CAFE`, sixteen digits |
//! | `c`, `s`, `L`, `l`, `i` | decimal |
//! | `U`, `6`, and what is a word to a person | `"text"` |
//! | `E`, `D` | `[18B4300000000001]` |
//! | `A` | `[`, an item in each line, `]` |
//!
//! Items and structures are those of [`wire::signature`](crate::wire::signature), as everywhere here.

use super::show::Plain;
use crate::ctl::wpantund::{lookup, Named};
use crate::ctl::{Field, Fields};
use crate::wire::ids::{Capability, Property};
use core::fmt::Write;

/// What is printed for the answer to `get NAME`; `None` where `name` is not one of wpantund's, or the answer is
/// not one value.
pub fn text(name: &str, rows: &[Fields], value_only: bool) -> Option<String> {
    let is_spinel = name.parse::<Property>().is_ok();
    let [row] = rows else { return None };
    let [(_, field)] = row.0.as_slice() else {
        return None;
    };
    let value = match lookup(name).ok()? {
        _ if is_spinel => return None,
        Named::Status(_) => plain(field),
        Named::Property(property) => of_property(name, property, field),
    };
    Some(match value_only {
        true => format!("{value}\n"),
        false => format!("{} = {value}\n", Plain(name)),
    })
}

fn of_property(name: &str, property: Property, field: &Field) -> String {
    let ends_with = |end: &str| {
        let at = name.len().saturating_sub(end.len());
        name.get(at..)
            .is_some_and(|last| last.eq_ignore_ascii_case(end))
    };
    let number = as_number(field);
    let words = as_words(field);
    match (property, number) {
        (Property::PHY_CHAN, Some(number)) => return number.to_string(),
        (Property::MESHCOP_COMMISSIONER_STATE, Some(number)) => {
            return named(number, &["disabled", "petitioning", "active"]);
        }
        (Property::MESHCOP_JOINER_STATE, Some(number)) => {
            let states = [
                "idle",
                "discover",
                "connecting",
                "connected",
                "entrust",
                "joined",
            ];
            return named(number, &states);
        }
        // The router id is its upper six bits (Thread 1.1, 5.9.9).
        (Property::THREAD_RLOC16, Some(number)) if ends_with("RouterID") => {
            return format!("0x{:02X}", number >> 10);
        }
        (Property::NET_XPANID, _) => return format!("0x{}", hex(field)),
        (Property::MESHCOP_JOINER_DISCERNER, _) => {
            let member = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
            return match ends_with("BitLength") {
                true => format!("0x{:02X}", member(0).unwrap_or(0)),
                false => format!("0x{:016X}", member(1).unwrap_or(0)),
            };
        }
        (Property::IPV6_ML_PREFIX, _) => {
            if let [prefix, length] = words.as_slice() {
                return format!("\"{prefix}/{length}\"");
            }
        }
        (Property::THREAD_PARENT, _) => {
            if let [address, rloc16, age, average, last, lq_in, lq_out, ..] = words.as_slice() {
                let rloc16: u16 = rloc16.parse().unwrap_or(0);
                return format!(
                    "\"{}, RLOC16:{rloc16:04x}, Age:{age}, AveRssi:{average}, LastRssi:{last}, \
                     LQIn:{lq_in}, LQOut:{lq_out}\"",
                    address.to_uppercase()
                );
            }
        }
        _ => {}
    }
    let signature = property.info().map_or("", |info| info.signature.as_str());
    match (signature, number) {
        ("C", Some(number)) => format!("0x{number:02X}"),
        ("S", Some(number)) => format!("0x{number:04X}"),
        ("X", Some(number)) => format!("0x{number:016X}"),
        ("E" | "D", _) => format!("[{}]", hex(field)),
        (signature, _) if signature.starts_with('A') => list(property, field),
        (signature, _) if signature.len() > 1 => lines(&words),
        _ => plain(field),
    }
}

/// A word to a person stands in quotes, numbers and switches do not.
fn plain(field: &Field) -> String {
    match field {
        Field::Bool(value) => value.to_string(),
        Field::Number(value) => value.to_string(),
        Field::Word(text) | Field::Text(text) => format!("\"{}\"", Plain(text)),
    }
}

/// The whole of numbers above `i64` comes as a word.
fn as_number(field: &Field) -> Option<u64> {
    match field {
        Field::Number(value) => u64::try_from(*value).ok(),
        Field::Word(text) | Field::Text(text) => text.parse().ok(),
        Field::Bool(_) => None,
    }
}

fn as_words(field: &Field) -> Vec<&str> {
    match field {
        Field::Word(text) | Field::Text(text) => text.split_whitespace().collect(),
        _ => Vec::new(),
    }
}

fn hex(field: &Field) -> String {
    match field {
        Field::Word(text) | Field::Text(text) if text != "-" => text.to_uppercase(),
        _ => String::new(),
    }
}

fn named(number: u64, names: &[&str]) -> String {
    let name = usize::try_from(number).ok().and_then(|at| names.get(at));
    match name {
        Some(name) => format!("\"{name}\""),
        None => number.to_string(),
    }
}

fn list(property: Property, field: &Field) -> String {
    let (Field::Word(text) | Field::Text(text)) = field else {
        return plain(field);
    };
    let text = text.trim();
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let items = items(inner.unwrap_or(text));
    let shown: Vec<String> = items
        .into_iter()
        .map(|item| match property {
            Property::CAPS => match item.parse() {
                Ok(number) => {
                    let name = Capability(number).name().unwrap_or("UNKNOWN");
                    format!("{name} ({number})")
                }
                Err(_) => item.to_owned(),
            },
            _ => item.to_owned(),
        })
        .collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    lines(&shown)
}

fn lines(items: &[&str]) -> String {
    let mut text = String::from("[\n");
    for item in items {
        // A String takes everything.
        let _ = writeln!(text, "\t\"{}\"", Plain(item));
    }
    text.push(']');
    text
}

/// The items of a list: words, or groups in parentheses, whose texts may hold both.
fn items(text: &str) -> Vec<&str> {
    let mut items = Vec::new();
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut start = None;
    for (at, letter) in text.char_indices() {
        if quoted {
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '"' => quoted = true,
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if letter.is_whitespace() && depth == 0 => {
                items.extend(start.take().map(|start: usize| &text[start..at]));
                continue;
            }
            _ => {}
        }
        start.get_or_insert(at);
    }
    items.extend(start.map(|start| &text[start..]));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(name: &str, field: Field, wanted: &str) {
        let rows = [Fields(vec![("SOMETHING".to_owned(), field)])];
        let found = text(name, &rows, true).unwrap();
        assert_eq!(found, format!("{wanted}\n"), "{name}");
        let found = text(name, &rows, false).unwrap();
        assert_eq!(found, format!("{name} = {wanted}\n"));
    }

    /// As recorded of wpanctl with wpantund 0.08.
    #[test]
    fn values_are_printed_as_wpanctl_does() {
        is("NCP:State", Field::word("associated"), "\"associated\"");
        is("Network:IsConnected", Field::Bool(true), "true");
        is("Network:PANID", Field::Number(43_981), "0xABCD");
        is(
            "Network:XPANID",
            Field::word("1122334455667788"),
            "0x1122334455667788",
        );
        is("Network:Name", Field::text("a \"b\""), "\"a \"b\"\"");
        is(
            "Network:Key",
            Field::word("00112233445566778899aabbccddeeff"),
            "[00112233445566778899AABBCCDDEEFF]",
        );
        is("Network:Role", Field::Number(3), "0x03");
        is(
            "Network:PartitionId",
            Field::Number(344_868_054),
            "344868054",
        );
        is("NCP:Channel", Field::Number(15), "15");
        is("NCP:TXPower", Field::Number(-4), "-4");
        is(
            "NCP:HardwareAddress",
            Field::word("18b4300000000001"),
            "[18B4300000000001]",
        );
        is(
            "IPv6:MeshLocalAddress",
            Field::word("fd00::1"),
            "\"fd00::1\"",
        );
        is(
            "IPv6:MeshLocalPrefix",
            Field::text("fd11:2233:4455:: 64"),
            "\"fd11:2233:4455::/64\"",
        );
        is("Thread:RLOC16", Field::Number(0x7400), "0x7400");
        is("Thread:RouterID", Field::Number(0x7400), "0x1D");
        is("Thread:DeviceMode", Field::Number(11), "0x0B");
        is(
            "JamDetection:Debug:HistoryBitmap",
            Field::word("18446744073709551615"),
            "0xFFFFFFFFFFFFFFFF",
        );
        is("Commissioner:State", Field::Number(2), "\"active\"");
        is("Joiner:State", Field::Number(0), "\"idle\"");
        is(
            "Joiner:Discerner:Value",
            Field::text("16 4660"),
            "0x0000000000001234",
        );
        is("Joiner:Discerner:BitLength", Field::text("16 4660"), "0x10");
        is(
            "Thread:Parent",
            Field::text("1ad7821f88219a90 13312 1 -20 -20 3 3 4 0"),
            "\"1AD7821F88219A90, RLOC16:3400, Age:1, AveRssi:-20, LastRssi:-20, LQIn:3, LQOut:3\"",
        );
        is(
            "NCP:Capabilities",
            Field::text("[5 999999]"),
            "[\n\t\"COUNTERS (5)\"\n\t\"UNKNOWN (999999)\"\n]",
        );
        is("MAC:Allowlist:Entries", Field::text("[]"), "[\n]");
        is(
            "Thread:ChildTable:AsValMap",
            Field::text("[(a \") (\" [1 2]) (b)]"),
            "[\n\t\"(a \") (\" [1 2])\"\n\t\"(b)\"\n]",
        );
    }

    #[test]
    fn other_names_are_printed_as_ever() {
        let rows = [Fields::new().with("NET_ROLE", 3)];
        assert_eq!(text("NET_ROLE", &rows, true), None);
        assert_eq!(text("67", &rows, true), None);
        assert_eq!(text("Network:Role", &[], true), None);
    }
}
