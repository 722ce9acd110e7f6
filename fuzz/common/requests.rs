//! Lines of a client, made by the table of verbs.

use super::values::{self, property};
use super::Input;
use spinel_bridge::ctl::verbs::{Arg, Does, Takes, Values, Verb, VERBS};
use spinel_bridge::wire::ids::Property;
use spinel_bridge::wire::signature::{Formatted, Signature};
use std::fmt::Write;

/// A verb with arguments that make sense, most of the time.
pub(crate) fn line(input: &mut Input<'_>) -> String {
    let verb = input.pick(VERBS);
    let words = words(verb, input, &|arg| arg.is_for_server());
    match verb.does {
        Does::Ask(_) | Does::Serve(_) => [&[verb.name.to_owned()], &words[..]].concat().join(" "),
        Does::Local(_) => "status".to_owned(),
    }
}

/// The arguments of a verb, as a control client writes them.
fn words(verb: &Verb, input: &mut Input<'_>, wanted: &dyn Fn(&Arg) -> bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut property = None;
    for arg in verb.args.iter().filter(|arg| wanted(arg)) {
        if is_given(arg, input) {
            let value = value(verb, arg, &mut property, input);
            words.push(match arg.takes {
                Takes::Value | Takes::Switch => format!("{}={value}", arg.name),
                _ => value,
            });
        }
    }
    words
}

/// The same verb as the words of a command line of spinelctl.
pub(crate) fn command_line(input: &mut Input<'_>) -> Vec<String> {
    let mut words = Vec::new();
    match input.octet() {
        0xC0..=0xC7 => words.extend(["-I", "wpan1"].map(str::to_owned)),
        0xC8..=0xCF => words.push("--json".to_owned()),
        0xD0..=0xD7 => words.push(format!("--timeout={}", input.octet())),
        0xD8..=0xDF => words.push(text(input.octets(32))),
        _ => {}
    }
    let verb = input.pick(VERBS);
    words.extend(verb.name.split(' ').map(str::to_owned));
    let mut property = None;
    for arg in verb.args {
        if !is_given(arg, input) {
            continue;
        }
        let value = match arg.takes {
            Takes::Switch | Takes::LocalSwitch | Takes::Means(..) => String::new(),
            _ => value(verb, arg, &mut property, input),
        };
        let long = format!("--{}", arg.name);
        match (arg.takes, arg.letter, input.octet() % 4) {
            (Takes::Value, Some(letter), 0) => words.push(format!("-{letter}{value}")),
            (Takes::Value, Some(letter), 1) => words.extend([format!("-{letter}"), value]),
            (Takes::Value, _, 2) => words.push(format!("{long}={value}")),
            (Takes::Value, ..) => words.extend([long, value]),
            (Takes::Switch | Takes::LocalSwitch | Takes::Means(..), Some(letter), 0 | 1) => {
                words.push(format!("-{letter}"));
            }
            (Takes::Switch | Takes::LocalSwitch | Takes::Means(..), ..) => words.push(long),
            _ => words.extend(value.split(' ').map(str::to_owned)),
        }
    }
    words
}

fn is_given(arg: &Arg, input: &mut Input<'_>) -> bool {
    match arg.takes {
        Takes::Word | Takes::Rest => !input.rarely(64),
        Takes::MaybeWord | Takes::LocalWord => input.octet() & 1 == 0,
        // Of many, some.
        Takes::Value | Takes::Switch | Takes::Means(..) | Takes::LocalSwitch => {
            input.octet() % 3 == 2
        }
    }
}

fn value(verb: &Verb, arg: &Arg, known: &mut Option<Property>, input: &mut Input<'_>) -> String {
    if input.rarely(64) {
        return text(input.octets(40));
    }
    match arg.values {
        Values::Of(words) => (*input.pick(words)).to_owned(),
        Values::Property => {
            let property = property(input);
            *known = Some(property);
            property
                .name()
                .map_or_else(|| property.0.to_string(), str::to_owned)
        }
        Values::Verb => input.pick(VERBS).name.to_owned(),
        Values::File => "-".to_owned(),
        Values::Any(_) if arg.takes == Takes::Switch && arg.name == "data" => "false".to_owned(),
        Values::Any(_) if arg.takes == Takes::Switch => "true".to_owned(),
        Values::Any(_) if arg.takes == Takes::Rest && known.is_some() => {
            packed_text(verb, *known, input)
        }
        Values::Any(kind) | Values::Secret(kind) => plausible(kind, input),
    }
}

/// A value of the property as text.
fn packed_text(verb: &Verb, property: Option<Property>, input: &mut Input<'_>) -> String {
    let signature = values::signature(property.and_then(Property::info));
    let signature: Signature<'_> = match verb.name {
        "insertprop" | "removeprop" => signature.item(),
        _ => signature,
    };
    let octets = values::value(signature, input);
    Formatted::new(signature, &octets).map_or_else(|_| hex(&octets), |text| text.to_string())
}

/// By what usage calls it.
fn plausible(kind: &str, input: &mut Input<'_>) -> String {
    match kind {
        "PREFIX" => {
            let address = std::net::Ipv6Addr::from(values::address(input));
            match input.octet() % 4 {
                0 => address.to_string(),
                _ => format!("{address}/{}", input.octet() % 129),
            }
        }
        "EUI64" => hex(&[input.octet(); 8]),
        "EUI64|any" => match input.octet() % 2 {
            0 => "any".to_owned(),
            _ => hex(&[input.octet(); 8]),
        },
        "HEX" => match input.octet() % 4 {
            0 => hex(&[input.octet(); 8]),
            1 => hex(&[input.octet(); 16]),
            _ => hex(input.octets(32)),
        },
        "PSKD" => (*input.pick(&["J01NME", "ABCDEFGH0123456789", "1O"])).to_owned(),
        "PANID" => format!("0x{:04X}", u16::from_le_bytes(input.array())),
        "ADDRESS" => format!("0x{:X}", u32::from_le_bytes(input.array())),
        "LIST" => (*input.pick(&["all", "11", "11,12,20-26", "15-15", "26-11"])).to_owned(),
        "NAME" => (*input.pick(&["net", "\"two words\"", "abcdefghijklmnop"])).to_owned(),
        "low|medium|high" => (*input.pick(&["low", "medium", "high", "-1"])).to_owned(),
        "DBM" => format!("-{}", input.octet()),
        "LINE" => (*input.pick(&["\"diag start\"", "a b", "diag"])).to_owned(),
        "TAG" => (*input.pick(&["1", "2", "3"])).to_owned(),
        _ => number(input),
    }
}

fn number(input: &mut Input<'_>) -> String {
    match input.octet() {
        octet @ 0..=0xBF => (octet % 32).to_string(),
        octet @ 0xC0..=0xDF => octet.to_string(),
        0xE0..=0xF7 => u16::from_le_bytes(input.array()).to_string(),
        0xF8..=0xFE => u32::from_le_bytes(input.array()).to_string(),
        0xFF => format!("-{}", input.octet()),
    }
}

pub(crate) fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

pub(crate) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02X}");
        text
    })
}
