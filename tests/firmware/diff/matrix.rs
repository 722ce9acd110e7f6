//! Every property of the table, with GET, SET, INSERT and REMOVE.

use super::normal;
use super::peer::Peer;
use super::scenes::QUIET;
use super::session::{Session, GET, INSERT, REMOVE, SET};
use super::Transcript;
use spinel_bridge::wire::ids::{Property, PROPERTIES};

/// Asks for everything; what is set is put back.
pub(crate) fn run<P: Peer>(session: &mut Session<P>, state: &str, transcript: &mut Transcript) {
    for info in PROPERTIES.iter() {
        let id = info.id.0;
        let mut note = |operation: &str, case: &str, outcome: String| {
            let key = format!("{state} {operation} {} {case}", normal::name(id));
            transcript.push((key.trim_end().to_owned(), outcome));
        };
        if NEVER.contains(&id) {
            continue;
        }
        note("GET", "", session.outcome(GET, id, &[]));
        for (case, value) in cases(info.id, false) {
            let keeps = KEPT.contains(&id) && !matches!(case, "empty" | "short");
            // Once a channel is gone, it is gone for good.
            if keeps || id == 34 && case != "ones" {
                continue;
            }
            let before = session.value(id);
            note("SET", case, session.outcome(SET, id, &value));
            if let Some(before) = before.filter(|_| id != 34) {
                if session.value(id).as_ref() != Some(&before) {
                    session.command(SET, id, &before);
                }
            }
        }
        if KEPT.contains(&id) {
            continue;
        }
        for (case, value) in cases(info.id, true) {
            note("INSERT", case, session.outcome(INSERT, id, &value));
        }
        for (case, value) in cases(info.id, true) {
            note("REMOVE", case, session.outcome(REMOVE, id, &value));
        }
    }
    // What it told meanwhile depends on how fast it was asked.
    session.told(QUIET);
}

fn cases(property: Property, item: bool) -> Vec<(&'static str, Vec<u8>)> {
    let signature = property.info().unwrap().signature;
    let signature = signature.to_string();
    let mut code = signature.as_str();
    if let (true, Some(inner)) = (item, inside(code, "A(")) {
        // A lone item comes without the length of its structure (protocol §1.3).
        code = inside(inner, "t(").unwrap_or(inner);
    }
    let sample = sample(code);
    let mut cases = vec![("empty", Vec::new())];
    if sample.is_empty() {
        return cases;
    }
    let short = sample[..sample.len() - 1].to_vec();
    if !short.is_empty() {
        cases.push(("short", short));
    }
    cases.push(("zeros", vec![0; sample.len()]));
    cases.push(("ones", vec![0xFF; sample.len()]));
    cases.push(("long", [sample.as_slice(), &[0]].concat()));
    cases.push(("sample", sample));
    cases
}

/// What an array or structure holds.
fn inside<'s>(code: &'s str, open: &str) -> Option<&'s str> {
    code.strip_prefix(open)?.strip_suffix(')')
}

/// A value of a signature.
fn sample(code: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let after = &rest[1..];
        rest = after;
        match first {
            'b' | 'i' => octets.push(1),
            'C' => octets.push(12),
            'c' => octets.push(0xC4),
            'S' | 's' => octets.extend([1, 0]),
            'L' | 'l' => octets.extend([1, 0, 0, 0]),
            'X' | 'x' => octets.extend([1, 0, 0, 0, 0, 0, 0, 0]),
            '6' => octets.extend([0xFD, 0xAA, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            'E' => octets.extend([2, 0x12, 0x4B, 0, 1, 2, 3, 4]),
            'e' => octets.extend([2, 1, 2, 3, 4, 5]),
            'U' => octets.extend(b"name\0"),
            'D' => octets.extend([1, 2, 3, 4]),
            'd' => octets.extend([2, 0, 0xAB, 0xCD]),
            't' | 'A' => {
                let mut depth = 0;
                let end = after.find(|c| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    depth == 0
                });
                let end = end.unwrap();
                let inner = sample(&after[1..end]);
                if first == 't' {
                    octets.extend((inner.len() as u16).to_le_bytes());
                }
                octets.extend(inner);
                rest = &after[end + 1..];
            }
            _ => {}
        }
    }
    octets
}

/// What the last command was, and what ends the run: leaving the network, the one getter that is never answered (errata E46), an assertion, and the
/// watchdog.
const NEVER: [u32; 5] = [0, 76, 5431, 16_384, 16_386];

/// What is not set to anything valid here, for it changes the state: sequences do that.
const KEPT: [u32; 39] = [
    13, 32, 48, 52, 65, 66, 67, 70, 71, 72, 73, 94, 114, 115, 113, 129, 130, 1280, 5376, 5381,
    5383, 5386, 5391, 5392, 5400, 5401, 5402, 5403, 5413, 5414, 5436, 5437, 5438, 6400, 6417, 6144,
    56, 15_296, 40,
];
