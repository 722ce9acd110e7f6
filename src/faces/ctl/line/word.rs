//! Words of a line, with quotes.

use super::{shortened, usage, Failure};
use crate::wire::signature::Escaped;

/// A word as it stands in the line. Its quotes match and its escapes are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a>(&'a str);

/// A text in quotes, in one line of printable characters.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", Escaped(text.as_bytes()))
}

impl<'a> Word<'a> {
    /// The words of a text; ends after the first error.
    pub fn split(text: &'a str) -> impl Iterator<Item = Result<Word<'a>, Failure>> {
        let mut rest = text;
        core::iter::from_fn(move || {
            rest = rest.trim_start_matches([' ', '\t']);
            if rest.is_empty() {
                return None;
            }
            match end_of_word(rest) {
                Ok(end) => {
                    let (word, after) = rest.split_at(end);
                    rest = after;
                    Some(Ok(Word(word)))
                }
                Err(failure) => {
                    rest = "";
                    Some(Err(failure))
                }
            }
        })
    }

    /// As it stands in the line.
    pub fn raw(&self) -> &'a str {
        self.0
    }

    /// Whether it is one quoted text from its start to its end.
    pub fn is_quoted(&self) -> bool {
        let inside = self.0.strip_prefix('"');
        matches!(inside.map(end_of_quotes), Some(Ok("")))
    }

    /// Key and value, if there is an `=` after a name that is not quoted.
    pub fn key_value(&self) -> Option<(&'a str, Word<'a>)> {
        let (key, value) = self.0.split_once('=')?;
        (!key.is_empty() && !key.contains('"')).then_some((key, Word(value)))
    }

    /// Without its quotes.
    ///
    /// # Errors
    /// The octets that were given as `\x..` are not UTF-8.
    pub fn text(&self) -> Result<String, Failure> {
        let mut octets = Vec::with_capacity(self.0.len());
        let mut rest = self.0;
        while let Some(at) = rest.find('"') {
            octets.extend_from_slice(&rest.as_bytes()[..at]);
            rest = &rest[at + 1..];
            while !rest.starts_with('"') {
                rest = unescape(rest, &mut octets)?;
            }
            rest = &rest[1..];
        }
        octets.extend_from_slice(rest.as_bytes());
        String::from_utf8(octets)
            .map_err(|_| usage(format!("{}: this is not UTF-8", shortened(self.0))))
    }
}

/// Where the word ends that a text begins with.
fn end_of_word(text: &str) -> Result<usize, Failure> {
    let mut rest = text;
    loop {
        match rest.find([' ', '\t', '"']) {
            None => return Ok(text.len()),
            Some(at) if rest[at..].starts_with('"') => rest = end_of_quotes(&rest[at + 1..])?,
            Some(at) => return Ok(text.len() - rest.len() + at),
        }
    }
}

/// What follows the closing quote; `text` follows the opening one.
fn end_of_quotes(text: &str) -> Result<&str, Failure> {
    let mut rest = text;
    let mut octets = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('"') {
            return Ok(after);
        }
        octets.clear();
        rest = unescape(rest, &mut octets)?;
    }
}

/// Reads the text up to the next escape or quote, or an escape; returns what follows.
fn unescape<'t>(text: &'t str, octets: &mut Vec<u8>) -> Result<&'t str, Failure> {
    let Some(escape) = text.strip_prefix('\\') else {
        let end = text
            .find(['"', '\\'])
            .ok_or_else(|| usage("a quoted text has no end: add the closing \""))?;
        octets.extend_from_slice(&text.as_bytes()[..end]);
        return Ok(&text[end..]);
    };
    let unknown = || {
        usage(format!(
            "\\{} is no escape: use \\n \\r \\t \\0 \\\\ \\\" \\' \\u{{e9}} or \\xE9",
            Escaped(escape.chars().take(1).collect::<String>().as_bytes())
        ))
    };
    let mut chars = escape.chars();
    let octet = match chars.next().ok_or_else(unknown)? {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        '0' => 0,
        plain @ ('\\' | '"' | '\'') => plain as u8,
        'x' => {
            let digits = chars.as_str().get(..2).ok_or_else(unknown)?;
            chars = chars.as_str()[2..].chars();
            // Two hex digits make an octet.
            hex(digits).ok_or_else(unknown)? as u8
        }
        'u' => {
            let braces = chars.as_str().strip_prefix('{');
            let (digits, after) = braces
                .and_then(|text| text.split_once('}'))
                .ok_or_else(unknown)?;
            let letter = hex(digits).and_then(char::from_u32).ok_or_else(unknown)?;
            octets.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(after);
        }
        _ => return Err(unknown()),
    };
    octets.push(octet);
    Ok(chars.as_str())
}

fn hex(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok();
    number.filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Word<'_>> {
        Word::split(text).collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn quotes_and_escapes() {
        let cases = [
            (r#""two words""#, "two words"),
            (r#"a"b c"d"#, "ab cd"),
            (r#""\n\r\t\0\\\"\'\u{e9}\xC3\xA9""#, "\n\r\t\0\\\"'éé"),
            (r"C:\dir", r"C:\dir"),
            (r#""""#, ""),
        ];
        for (raw, text) in cases {
            let words = words(raw);
            assert_eq!(words.len(), 1, "{raw}");
            assert_eq!(words[0].text().as_deref(), Ok(text));
        }
    }

    #[test]
    fn wrong_quotes_are_refused() {
        for raw in [
            r#"""#,
            r#""a"#,
            r#""\"#,
            r#""\q""#,
            r#""\x4""#,
            r#""\x+4""#,
            r#""\u{110000}""#,
            r#""\u{d800}""#,
            r#""\u41""#,
            r#"a "b"#,
        ] {
            let failed = Word::split(raw).any(|word| word.is_err());
            assert!(failed, "{raw}");
        }
        assert!(words(r#""\xFF""#)[0].text().is_err());
    }

    #[test]
    fn keys_are_not_quoted() {
        let key = |raw| {
            words(raw)[0]
                .key_value()
                .map(|(key, word)| (key, word.raw()))
        };
        assert_eq!(key("a=b=c"), Some(("a", "b=c")));
        assert_eq!(key(r#"a="b c""#), Some(("a", r#""b c""#)));
        assert_eq!(key("a="), Some(("a", "")));
        assert_eq!(key(r#""a=b""#), None);
        assert_eq!(key("=b"), None);
        assert_eq!(key("ab"), None);
    }

    #[test]
    fn quoted_from_start_to_end() {
        for (raw, whole) in [
            (r#""a b""#, true),
            (r#""a \" b""#, true),
            (r#""a"b"#, false),
            (r#"a"b""#, false),
            (r#""a""b""#, false),
            ("a", false),
        ] {
            assert_eq!(words(raw)[0].is_quoted(), whole, "{raw}");
        }
    }
}
