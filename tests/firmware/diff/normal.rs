//! Replies as texts, without what is random, measured or only a matter of taste in them.

use spinel_bridge::wire::ids::{Property, Status};
use spinel_bridge::wire::packed::Reader;
use std::collections::BTreeMap;

/// What is said for one command.
pub(crate) fn reply(reply: Option<&[u8]>) -> String {
    let Some(reply) = reply else {
        return "no reply".into();
    };
    let mut reader = Reader::new(reply);
    let (Ok(command), Ok(property)) = (reader.uint_packed(), reader.uint_packed()) else {
        return format!("odd {}", hex(reply));
    };
    let value = reader.rest();
    let verb = match command {
        6 if property == 0 => return status(value),
        6 => "is",
        7 => "inserted",
        8 => "removed",
        _ => return format!("command {command} {property} {}", hex(value)),
    };
    format!("{verb} {}", text(property, value))
}

fn status(value: &[u8]) -> String {
    let mut reader = Reader::new(value);
    match reader.uint_packed() {
        Ok(number) => match Status(number).name() {
            Some(name) => name.to_owned(),
            None => format!("status {number}"),
        },
        Err(_) => format!("odd status {}", hex(value)),
    }
}

/// A value, or what kind of value it is where it is random or measured.
pub(crate) fn text(property: u32, value: &[u8]) -> String {
    match property {
        // Random, measured, or the build's own; and what counts what happened.
        2
        | 8
        | 38
        | 52..=54
        | 70
        | 72
        | 80..=84
        | 87
        | 89
        | 96
        | 97
        | 133
        | 1281..=1684
        | 4101..=4103
        | 4617
        | 4866
        | 4873
        | 5377
        | 5387
        | 5399
        | 5409
        | 5411
        | 16_387 => length(value),
        // The RLOC16 is in them.
        86 | 88 | 5389 | 5390 => length(value),
        90 => items(value, |item| hex(&mask(item, item.len() - 3, 2))),
        91 | 161 | 162 => items(value, |item| hex(&mask(item, item.len() - 2, 2))),
        99 => items(value, address),
        102 => items(value, hex),
        5416 => items(value, |member| match Reader::new(member).uint_packed() {
            Ok(id) => name(id),
            Err(_) => hex(member),
        }),
        _ => hex(value),
    }
}

fn length(value: &[u8]) -> String {
    format!("{} octets", value.len())
}

/// The structures of a list, in an order of their own.
fn items(value: &[u8], text: impl Fn(&[u8]) -> String) -> String {
    let mut reader = Reader::new(value);
    let mut items = Vec::new();
    while !reader.is_empty() {
        match reader.structure() {
            Ok(item) => items.push(text(item.rest())),
            Err(_) => items.push(format!("odd {}", hex(reader.rest()))),
        }
        if items.last().is_some_and(|item| item.starts_with("odd")) {
            break;
        }
    }
    items.sort();
    format!("[{}]", items.join(" "))
}

/// The item with `count` octets left out.
fn mask(item: &[u8], start: usize, count: usize) -> Vec<u8> {
    [&item[..start], &item[start + count..]].concat()
}

/// What kind of address it is, with its prefix length and lifetimes.
fn address(item: &[u8]) -> String {
    let Some((address, rest)) = item.get(..16).map(|address| (address, &item[16..])) else {
        return hex(item);
    };
    let kind = match address {
        [0xFE, 0x80, ..] => "link-local".into(),
        [_, _, _, _, _, _, _, _, 0, 0, 0, 0xFF, 0xFE, 0, 0xFC, _] => "anycast locator".into(),
        [_, _, _, _, _, _, _, _, 0, 0, 0, 0xFF, 0xFE, 0, ..] => "routing locator".into(),
        [0xFD, 0xBA, 0xDC, ..] | [0xFD, 0xDE, 0xAD, ..] => "mesh-local".into(),
        _ => hex(address),
    };
    format!("{kind} {}", hex(rest))
}

pub(crate) fn hex(octets: &[u8]) -> String {
    if octets.is_empty() {
        return "nothing".into();
    }
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

pub(crate) fn name(property: u32) -> String {
    match Property(property).name() {
        Some(name) => format!("{property} {name}"),
        None => property.to_string(),
    }
}

/// What was said unasked: for each property the last that was said of it.
pub(crate) fn told(frames: &[Vec<u8>]) -> BTreeMap<String, String> {
    let mut last = BTreeMap::new();
    for frame in frames {
        let mut reader = Reader::new(frame.get(1..).unwrap_or(&[]));
        let (Ok(_), Ok(property)) = (reader.uint_packed(), reader.uint_packed()) else {
            continue;
        };
        let text = reply(Some(&frame[1..]));
        match property {
            // What the radio does by the way.
            113 | 115 => {}
            // Each status counts.
            0 => {
                let _ = last.insert(text, "yes".into());
            }
            _ => {
                let _ = last.insert(name(property), text);
            }
        }
    }
    last
}
