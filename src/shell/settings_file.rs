//! The configuration file: from text to keys and values.
//!
//! One `key = value` or `key value` in each line; `#` begins a comment where a word could begin. A
//! value that begins with a quote ends with it: in `"` a backslash makes `"` and `\` plain, in `'` nothing
//! is special. A value that does not begin with a quote is taken as it stands, quotes inside included.
//!
//! ```
//! let text = "device = /dev/spidev0.0 # the HAT\ntun wpan0\n";
//! let entries = spinel_bridge::settings_file::parse(text).unwrap();
//! assert_eq!(entries[1].key, "tun");
//! assert_eq!(entries[1].value.as_deref(), Some("wpan0"));
//! assert_eq!(entries[1].line, 2);
//! ```
//!
//! What a key means is not known here: the keys are the names of the options of [`cli`](crate::cli), and
//! those of wpantund that have a meaning for us ([`wpantund`]).

pub mod wpantund;

use core::fmt;

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Letters, digits, `-`, `_`, `:` and `.`; never empty.
    pub key: String,
    /// Without its quotes and never with a control character; `None`: there is none.
    pub value: Option<String>,
    /// Counted from 1.
    pub line: usize,
}

/// The first line that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Counted from 1; 0: the file as a whole.
    pub line: usize,
    /// What is wrong with it.
    pub kind: SyntaxErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// More than [`LEN_MAX`].
    TooLong,
    /// It does not begin with a key.
    NoKey,
    /// The key begins with dashes, as on the command line.
    Dashes,
    /// A quote that does not end.
    OpenQuote,
    /// Something other than a comment follows the quote that ends the value.
    AfterQuote,
    /// A control character in the value.
    Control,
}

impl fmt::Display for SyntaxErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SyntaxErrorKind::TooLong => {
                write!(
                    f,
                    "longer than {LEN_MAX} octets: is it a configuration file?"
                )
            }
            SyntaxErrorKind::NoKey => f.write_str("no key; write key = value, or # and a comment"),
            SyntaxErrorKind::Dashes => {
                f.write_str("write the key without dashes, like tun = wpan0")
            }
            SyntaxErrorKind::OpenQuote => f.write_str(
                "a quote does not end; put the whole value into the other kind of quotes",
            ),
            SyntaxErrorKind::AfterQuote => f.write_str(
                "something follows the quoted value; quote all of it, or begin a comment with #",
            ),
            SyntaxErrorKind::Control => f.write_str("a control character in the value; remove it"),
        }
    }
}

/// Reads a whole file.
///
/// # Errors
/// [`SyntaxError`], for the first line that cannot be read.
pub fn parse(text: &str) -> Result<Vec<Entry>, SyntaxError> {
    if text.len() > LEN_MAX {
        return Err(SyntaxError {
            line: 0,
            kind: SyntaxErrorKind::TooLong,
        });
    }
    // Editors elsewhere put a byte order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let entries = text.lines().zip(1..).filter_map(|(text, line)| {
        let entry = parse_line(text.trim()).transpose()?;
        Some(match entry {
            Ok((key, value)) => Ok(Entry { key, value, line }),
            Err(kind) => Err(SyntaxError { line, kind }),
        })
    });
    entries.collect()
}

type KeyAndValue = (String, Option<String>);

fn parse_line(text: &str) -> Result<Option<KeyAndValue>, SyntaxErrorKind> {
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.starts_with('-') {
        return Err(SyntaxErrorKind::Dashes);
    }
    let is_key = |c: char| c.is_ascii_alphanumeric() || "-_:.".contains(c);
    let end = text.find(|c| !is_key(c)).unwrap_or(text.len());
    let (key, rest) = text.split_at(end);
    let separated = rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace() || c == '=');
    if key.is_empty() || !separated {
        return Err(SyntaxErrorKind::NoKey);
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim_start();
    let value = match parse_value(rest) {
        // wpantund, whose keys have colons, takes it to the end of the line.
        Err(SyntaxErrorKind::OpenQuote) if key.contains(':') => {
            Some(rest.trim_start_matches(['"', '\'']).to_owned())
        }
        value => value?,
    };
    if value
        .as_deref()
        .is_some_and(|value| value.contains(char::is_control))
    {
        return Err(SyntaxErrorKind::Control);
    }
    Ok(Some((key.to_owned(), value)))
}

fn parse_value(text: &str) -> Result<Option<String>, SyntaxErrorKind> {
    match text.chars().next() {
        None | Some('#') => Ok(None),
        Some(quote @ ('"' | '\'')) => quoted(&text[1..], quote).map(Some),
        Some(_) => Ok(Some(plain(text)?.to_owned())),
    }
}

/// What follows an opening quote.
fn quoted(text: &str, quote: char) -> Result<String, SyntaxErrorKind> {
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            _ if c == quote => {
                let rest = chars.as_str().trim_start();
                return match rest.is_empty() || rest.starts_with('#') {
                    true => Ok(value),
                    false => Err(SyntaxErrorKind::AfterQuote),
                };
            }
            '\\' if quote == '"' && chars.as_str().starts_with(['"', '\\']) => {
                value.extend(chars.next());
            }
            _ => value.push(c),
        }
    }
    Err(SyntaxErrorKind::OpenQuote)
}

/// Up to a comment, which does not begin within quotes.
fn plain(text: &str) -> Result<&str, SyntaxErrorKind> {
    let mut open = None;
    let mut after_space = false;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match open {
            _ if escaped => escaped = false,
            Some('\'') if c == '\\' => {}
            _ if c == '\\' => escaped = true,
            Some(quote) if c == quote => open = None,
            Some(_) => {}
            None if c == '#' && after_space => return Ok(text[..at].trim_end()),
            None if c == '"' || c == '\'' => open = Some(c),
            None => {}
        }
        after_space = c.is_whitespace();
    }
    match open {
        Some(_) => Err(SyntaxErrorKind::OpenQuote),
        None => Ok(text),
    }
}

/// The longest file. The example of every option has some 6,000 octets; ten times that is enough for
/// anybody, and what is longer is not meant to be read by us.
pub const LEN_MAX: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> Result<Option<KeyAndValue>, SyntaxErrorKind> {
        match parse(text) {
            Ok(entries) => Ok(entries.into_iter().next().map(|e| (e.key, e.value))),
            Err(error) => Err(error.kind),
        }
    }

    #[test]
    fn lines() {
        let entry = |key: &str, value: &str| Some((key.to_owned(), Some(value.to_owned())));
        for (text, expected) in [
            ("", None),
            ("  # tun = wpan0", None),
            ("tun", Some(("tun".to_owned(), None))),
            ("tun = # which?", Some(("tun".to_owned(), None))),
            ("tun = wpan0", entry("tun", "wpan0")),
            ("tun=wpan0", entry("tun", "wpan0")),
            ("\ttun\twpan0\r", entry("tun", "wpan0")),
            ("\u{feff}tun wpan0", entry("tun", "wpan0")),
            ("tun wpan0 # comment", entry("tun", "wpan0")),
            ("log = file:/a#b", entry("log", "file:/a#b")),
            ("gpio-int = \"RING OSC\" # x", entry("gpio-int", "RING OSC")),
            ("user ''", entry("user", "")),
            (
                "x = \"a \\\"b\\\" \\\\ \\n # c\"",
                entry("x", "a \"b\" \\ \\n # c"),
            ),
            ("x = 'a \"b\" \\'", entry("x", "a \"b\" \\")),
            (
                "set = NET_NETWORK_NAME=\"a # b\" # c",
                entry("set", "NET_NETWORK_NAME=\"a # b\""),
            ),
            (
                "set NET_NETWORK_NAME=\"a \\\" # b\"",
                entry("set", "NET_NETWORK_NAME=\"a \\\" # b\""),
            ),
            (
                "Config:NCP:FirmwareCheckCommand \"test 'My/1.0' !=\"",
                entry("Config:NCP:FirmwareCheckCommand", "test 'My/1.0' !="),
            ),
        ] {
            assert_eq!(one(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn malformed_lines() {
        for (text, kind) in [
            ("= x", SyntaxErrorKind::NoKey),
            ("[section]", SyntaxErrorKind::NoKey),
            ("a+b c", SyntaxErrorKind::NoKey),
            ("--tun wpan0", SyntaxErrorKind::Dashes),
            ("x = \"a", SyntaxErrorKind::OpenQuote),
            ("x = 'a\" # b", SyntaxErrorKind::OpenQuote),
            ("x = it's", SyntaxErrorKind::OpenQuote),
            ("x = \"a\" b", SyntaxErrorKind::AfterQuote),
            ("x = a\tb", SyntaxErrorKind::Control),
            ("x = \"a\u{7f}\"", SyntaxErrorKind::Control),
        ] {
            assert_eq!(one(text), Err(kind), "{text}");
            assert!(!kind.to_string().is_empty());
        }
        let error = parse("# 1\ntun\n\nx = \"\n").unwrap_err();
        assert_eq!(error.line, 4);
    }

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        assert_eq!(parse(&"#".repeat(LEN_MAX)), Ok(vec![]));
        let error = parse(&"#".repeat(LEN_MAX + 1)).unwrap_err();
        assert_eq!((error.line, error.kind), (0, SyntaxErrorKind::TooLong));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "(\\PC|[\n\r\t\"'#=\\\\ ]){0,200}") {
            if let Ok(entries) = parse(&text) {
                for entry in entries {
                    prop_assert!(!entry.key.is_empty());
                    prop_assert!(!entry.value.unwrap_or_default().contains(char::is_control));
                }
            }
        }

        #[test]
        fn every_value_can_be_quoted(value in "\\PC{0,40}", key in "[a-z][a-z-]{0,10}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(one(&format!("{key} = \"{quoted}\" # x")), Ok(Some((key, Some(value)))));
        }
    }
}
