//! `differences.txt`: where the simulated co-processor is not like the firmware, and why.

use super::Transcript;
use std::collections::{BTreeMap, HashMap};

/// Every difference must be listed, and everything listed must be a difference.
pub(crate) fn check(firmware: &Transcript, simulated: &Transcript, build: &str) {
    let rows = parse(include_str!("../differences.txt"), build);
    let mut used = vec![0; rows.len()];
    let mut unlisted = Vec::new();
    for (key, firmware, simulated) in differences(firmware, simulated) {
        let row = rows.iter().position(|row| {
            row.what.matches(&key)
                && row.firmware.matches(&firmware)
                && row.simulated.matches(&simulated)
        });
        match row {
            Some(index) => used[index] += 1,
            None => unlisted.push(format!("{key} | {firmware} | {simulated}")),
        }
    }
    let gone = rows.iter().zip(&used).filter(|(_, used)| **used == 0);
    let gone: Vec<_> = gone.map(|(row, _)| row.what.0.to_owned()).collect();
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "what | firmware | simulated, not in differences.txt:\n{}\nin differences.txt, but no difference any more:\n{}",
        unlisted.join("\n"),
        gone.join("\n")
    );
}

/// What was asked, and what the two said, where it is not the same.
fn differences(firmware: &Transcript, simulated: &Transcript) -> Vec<(String, String, String)> {
    let (firmware, simulated) = (unique(firmware), unique(simulated));
    let mut keys: Vec<_> = firmware.keys().chain(simulated.keys()).collect();
    keys.sort();
    keys.dedup();
    let said = |said: &BTreeMap<String, String>, key: &String| {
        let text = said.get(key).map(String::as_str);
        text.unwrap_or("not told").to_owned()
    };
    let both = |key: &String| (key.clone(), said(&firmware, key), said(&simulated, key));
    keys.into_iter()
        .map(both)
        .filter(|(_, a, b)| a != b)
        .collect()
}

/// The same question is asked more than once.
fn unique(transcript: &Transcript) -> BTreeMap<String, String> {
    let mut counts = HashMap::new();
    let mut map = BTreeMap::new();
    for (key, text) in transcript {
        let count = counts.entry(key).or_insert(0);
        *count += 1;
        let key = match count {
            1 => key.clone(),
            _ => format!("{key} ({count})"),
        };
        map.insert(key, text.clone());
    }
    map
}

struct Row<'a> {
    what: Pattern<'a>,
    firmware: Pattern<'a>,
    simulated: Pattern<'a>,
}

/// A text in which `*` stands for anything.
struct Pattern<'a>(&'a str);

impl Pattern<'_> {
    fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or("")) else {
            return false;
        };
        let parts: Vec<_> = parts.collect();
        let Some((last, middle)) = parts.split_last() else {
            return rest.is_empty();
        };
        for part in middle {
            match rest.split_once(part) {
                Some((_, behind)) => rest = behind,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// The rows of every build, which stand before the first section, and those of the section `[build]`.
fn parse<'t>(text: &'t str, build: &str) -> Vec<Row<'t>> {
    let mut rows = Vec::new();
    let mut reason = "";
    let mut section = "";
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if let Some(comment) = line.strip_prefix('#') {
            reason = comment.trim();
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            reason = "";
            continue;
        }
        assert!(!reason.is_empty(), "without a reason: {line}");
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [what, firmware, simulated] = fields[..] else {
            panic!("differences.txt: what | firmware | simulated: {line}");
        };
        if !["", build].contains(&section) {
            continue;
        }
        rows.push(Row {
            what: Pattern(what),
            firmware: Pattern(firmware),
            simulated: Pattern(simulated),
        });
    }
    rows
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("*b", "ba", false),
        ("a*b*c", "a1b2c", true),
        ("a*b*c", "a1c2b", false),
        ("*", "", true),
    ] {
        assert_eq!(Pattern(pattern).matches(text), expected, "{pattern} {text}");
    }
}
