//! What the sources cite of docs/protocol.md is there: sections (`§5.4`) and errata (`E9`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 8] = [
    "src", "tests", "benches", "examples", "fuzz", "init", "udev", "dts",
];

/// Of other documents: what stands before their `§`.
const OTHERS: [&str; 2] = ["RFC", "draft"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The anchors of the reference: `5`, `5.4`, `E9`.
fn anchors(text: &str) -> BTreeSet<String> {
    text.split("<a id=\"")
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(id, _)| id.to_string())
        .collect()
}

/// A number with dots, `5.4`, at the start of a text; a full stop at its end is none of it.
fn number(text: &str) -> &str {
    let end = text
        .find(|found: char| !found.is_ascii_digit() && found != '.')
        .unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

/// The sections and errata that a line cites.
fn cited(line: &str, in_comment: bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut pieces = line.split('§');
    let mut before = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        // "RFC 8439 §2.3": what stands in the two words before. In a list, each has its own name.
        let words = before.split_whitespace().rev().take(2);
        let other = words
            .map(|word| word.trim_start_matches(|c: char| !c.is_alphanumeric()))
            .any(|word| OTHERS.contains(&word));
        if !other && !number(piece).is_empty() {
            found.push(number(piece).to_string());
        }
        before = piece.to_string();
    }
    if in_comment {
        let words: Vec<&str> = line
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        for (at, word) in words.iter().enumerate() {
            // "8C E9 38" are octets.
            let octets = |at: usize| words.get(at).is_some_and(|word| is_octet(word));
            let errata = word.strip_prefix('E').is_some_and(|digits| {
                (1..=2).contains(&digits.len()) && digits.bytes().all(|c| c.is_ascii_digit())
            });
            let among = at.checked_sub(1).is_some_and(octets) || octets(at + 1);
            if errata && !(word.len() == 2 && among) {
                found.push((*word).to_string());
            }
        }
    }
    found
}

fn is_octet(word: &str) -> bool {
    word.len() == 2 && word.bytes().all(|c| c.is_ascii_hexdigit()) && !word.starts_with('E')
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            // Built, or inputs of octets.
            if name != "target" && name != "corpus" {
                sources(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}

#[test]
fn what_is_cited_is_in_the_reference() {
    let reference = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let anchors = anchors(&reference);
    let mut files = vec![root().join("README.md")];
    // The reference itself is held by the next test.
    sources(&root().join("docs"), &mut files);
    files.retain(|path| !path.ends_with("docs/protocol.md"));
    for folder in FOLDERS {
        sources(&root().join(folder), &mut files);
    }
    let (mut sections, mut errata, mut wrong) = (0, 0, Vec::new());
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let is_rust = path.extension().is_some_and(|end| end == "rs");
        // This file cites what is not there.
        if path.ends_with("tests/protocol.rs") {
            continue;
        }
        for (line, number) in text.lines().zip(1..) {
            let comment = is_rust && line.contains("//");
            for name in cited(line, comment) {
                if name.starts_with('E') {
                    errata += 1;
                } else {
                    sections += 1;
                }
                if !anchors.contains(&name) {
                    wrong.push(format!("{}:{number}: {name}", path.display()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "not in docs/protocol.md:\n{}",
        wrong.join("\n")
    );
    // More than 500 and 30 when this was written: far fewer would mean that they are not found.
    assert!(sections > 300 && errata > 15, "{sections} {errata}");
}

/// The reference's own: of its sections, and each heading and erratum has its anchor.
#[test]
fn the_reference_holds_together() {
    let text = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let anchors = anchors(&text);
    let mut headings = 0;
    for (line, at) in text.lines().zip(1..) {
        for name in cited(line, false) {
            assert!(anchors.contains(&name), "line {at}: {name}");
        }
        let heading = line.trim_start_matches('#');
        let section = number(heading.trim_start());
        if heading.len() != line.len() && !section.is_empty() {
            headings += 1;
            assert!(anchors.contains(section), "line {at}: {section}");
        }
    }
    assert!(headings > 50, "{headings}");
    for link in text.split("](#").skip(1) {
        let link = link.split(')').next().unwrap_or_default();
        assert!(anchors.contains(link), "{link}");
    }
}

#[test]
fn citations_are_found() {
    let cited = |line| cited(line, true);
    assert_eq!(cited("// see protocol §5.3, §5.11."), ["5.3", "5.11"]);
    assert_eq!(
        cited("/// RFC 8200 §3, and (§2.1, errata E4)."),
        ["2.1", "E4"]
    );
    assert_eq!(cited("//! (draft §13), E99"), ["E99"]);
    assert_eq!(cited("// 8C E9 38 F9"), [""; 0]);
    assert_eq!(cited("// (errata E6, E12, E31)"), ["E6", "E12", "E31"]);
}
