//! Values from text: the way back from [`Formatted`](super::Formatted).

use super::{Escaped, Member, Signature};
use crate::wire::packed::{Overflow, Writer, UINT_PACKED_MAX};
use core::fmt;
use std::net::Ipv6Addr;

/// Why a text does not give a value for its signature. Borrows the offending part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextError<'t> {
    /// The text ends before a value of this code.
    Missing(char),
    /// The word is not a value of this code.
    Invalid(char, &'t str),
    /// Something else stands where this character is wanted.
    Expected(char, &'t str),
    /// The signature has no member for this part of the text.
    Surplus(&'t str),
    /// The value does not fit into the frame.
    TooLong,
}

impl fmt::Display for TextError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TextError::Missing(code) => {
                write!(f, "a value is missing: give {}", wanted(code))
            }
            TextError::Invalid(code, text) => {
                write!(f, "{} is not {}", Quoted(text), wanted(code))
            }
            TextError::Expected(wanted, "") => write!(f, "the text ends before its '{wanted}'"),
            TextError::Expected(wanted, text) => {
                write!(f, "'{wanted}' is wanted before {}", Quoted(text))
            }
            TextError::Surplus(text) => {
                write!(f, "there is no member for {}: remove it", Quoted(text))
            }
            TextError::TooLong => f.write_str("the value is too long for a frame: shorten it"),
        }
    }
}

impl std::error::Error for TextError<'_> {}

impl From<Overflow> for TextError<'_> {
    fn from(_: Overflow) -> Self {
        TextError::TooLong
    }
}

impl<'s> Signature<'s> {
    /// What a value is, for a person: `a list of (an IPv6 address, a number 0..=255)`.
    pub fn in_words(self) -> impl fmt::Display + 's {
        InWords(self.0.as_bytes())
    }
}

struct InWords<'s>(&'s [u8]);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut codes = self.0;
        let mut separator = "";
        while let Some((member, rest)) = Member::split(codes) {
            codes = rest;
            if member.code == b'.' {
                continue;
            }
            f.write_str(separator)?;
            separator = ", ";
            match member.code {
                b't' => write!(f, "({})", InWords(member.inner))?,
                b'A' => write!(f, "a list in [ ] of {}", InWords(member.inner))?,
                code => f.write_str(kind(code.into()))?,
            }
        }
        match separator {
            "" => f.write_str("nothing"),
            _ => Ok(()),
        }
    }
}

/// A value of a code, without how it is written.
fn kind(code: char) -> &'static str {
    match code {
        'C' => "a number 0..=255",
        'S' => "a number 0..=65535",
        'L' => "a number 0..=4294967295",
        'X' => "a number 0..=18446744073709551615",
        'i' => "a number 0..=2097151",
        '6' => "an IPv6 address",
        'E' => "an EUI-64",
        'e' => "an EUI-48",
        'D' | 'd' => "octets in hex",
        'U' => "a text",
        code => wanted(code),
    }
}

/// Packs the value that `text` gives for `signature`; the grammar is in the doc of the [module](super).
///
/// # Errors
/// The first [`TextError`]; the writer is left where it was.
pub fn encode_text<'t>(
    signature: Signature<'_>,
    text: &'t str,
    writer: &mut Writer<'_>,
) -> Result<(), TextError<'t>> {
    let mut text = Text { rest: text };
    writer.attempt(|writer| {
        text.skip_space();
        match Member::first(signature.0.as_bytes()) {
            Some(member) if text.rest.is_empty() && member.code != b'D' => {
                return Err(TextError::Missing(member.code.into()));
            }
            _ => encode_members(signature.0.as_bytes(), &mut text, writer)?,
        }
        text.skip_space();
        match text.rest {
            "" => Ok(()),
            rest => Err(TextError::Surplus(rest)),
        }
    })
}
fn encode_members<'t>(
    mut codes: &[u8],
    text: &mut Text<'t>,
    writer: &mut Writer<'_>,
) -> Result<(), TextError<'t>> {
    while let Some((member, rest)) = Member::split(codes) {
        codes = rest;
        if member.code == b'.' {
            continue;
        }
        text.skip_space();
        if text.is_at_end_of_group() {
            return Ok(());
        }
        encode_member(&member, text, writer)?;
    }
    Ok(())
}

fn encode_member<'t>(
    member: &Member<'_>,
    text: &mut Text<'t>,
    writer: &mut Writer<'_>,
) -> Result<(), TextError<'t>> {
    match member.code {
        b't' => {
            text.expect('(')?;
            structure(writer, |writer| encode_members(member.inner, text, writer))?;
            text.expect(')')
        }
        b'A' => {
            text.expect('[')?;
            let Some((item, _)) = Member::split(member.inner) else {
                return text.expect(']');
            };
            loop {
                text.skip_space();
                if text.is_at_end_of_group() {
                    return text.expect(']');
                }
                encode_member(&item, text, writer)?;
            }
        }
        b'U' => encode_string(text, writer),
        code => encode_word(code, text.word(code)?, writer),
    }
}

fn encode_word<'t>(code: u8, word: &'t str, writer: &mut Writer<'_>) -> Result<(), TextError<'t>> {
    let invalid = || TextError::Invalid(code.into(), word);
    match code {
        b'b' => writer.boolean(boolean(word).ok_or_else(invalid)?)?,
        b'C' => writer.uint8(integer(word).ok_or_else(invalid)?)?,
        b'c' => writer.int8(integer(word).ok_or_else(invalid)?)?,
        b'S' => writer.uint16(integer(word).ok_or_else(invalid)?)?,
        b's' => writer.int16(integer(word).ok_or_else(invalid)?)?,
        b'L' => writer.uint32(integer(word).ok_or_else(invalid)?)?,
        b'l' => writer.int32(integer(word).ok_or_else(invalid)?)?,
        b'X' => writer.uint64(integer(word).ok_or_else(invalid)?)?,
        b'x' => writer.int64(integer(word).ok_or_else(invalid)?)?,
        b'i' => {
            let value = integer(word).filter(|&value| value <= UINT_PACKED_MAX);
            writer.uint_packed(value.ok_or_else(invalid)?)?;
        }
        b'6' => {
            let address: Ipv6Addr = word.parse().map_err(|_| invalid())?;
            writer.data(&address.octets())?;
        }
        b'E' => encode_hex(code, word, Some(8), writer)?,
        b'e' => encode_hex(code, word, Some(6), writer)?,
        b'd' => structure(writer, |writer| encode_hex(code, word, None, writer))?,
        _ => encode_hex(code, word, None, writer)?,
    }
    Ok(())
}

/// Hex digits in pairs, with an optional `0x` in front and an optional `:` between the pairs; `-` where there is no octet.
fn encode_hex<'t>(
    code: u8,
    word: &'t str,
    length: Option<usize>,
    writer: &mut Writer<'_>,
) -> Result<(), TextError<'t>> {
    let invalid = TextError::Invalid(code.into(), word);
    let start = writer.len();
    // Others, wpanctl among them, print octets as a number.
    let word = match word.get(..2) {
        Some("0x" | "0X") => &word[2..],
        _ => word,
    };
    let mut rest = if word == "-" { "" } else { word };
    while !rest.is_empty() {
        let pair = rest.get(..2).ok_or(invalid)?;
        let digit = |index: usize| {
            char::from(pair.as_bytes()[index])
                .to_digit(16)
                .ok_or(invalid)
        };
        // Two digits below 16 make an octet.
        writer.uint8((digit(0)? << 4 | digit(1)?) as u8)?;
        rest = &rest[2..];
        match rest.strip_prefix(':') {
            Some("") => return Err(invalid),
            Some(after) => rest = after,
            None => {}
        }
    }
    match length {
        Some(length) if writer.len() - start != length => Err(invalid),
        _ => Ok(()),
    }
}

fn encode_string<'t>(text: &mut Text<'t>, writer: &mut Writer<'_>) -> Result<(), TextError<'t>> {
    let Some(quoted) = text.rest.strip_prefix('"') else {
        let word = text.word(b'U')?;
        if word.contains('\0') {
            return Err(TextError::Invalid('U', word));
        }
        return Ok(writer.utf8(word)?);
    };
    let mut rest = quoted;
    loop {
        let end = rest
            .find(['"', '\\', '\0'])
            .ok_or(TextError::Expected('"', ""))?;
        writer.data(&rest.as_bytes()[..end])?;
        let (special, after) = rest[end..].split_at(1);
        rest = match special {
            "\"" => {
                text.rest = after;
                return Ok(writer.uint8(0)?);
            }
            "\\" => encode_escape(after, writer)?,
            _ => return Err(TextError::Invalid('U', &rest[end..])),
        };
    }
}

/// What follows a backslash; returns what follows the escape.
fn encode_escape<'t>(after: &'t str, writer: &mut Writer<'_>) -> Result<&'t str, TextError<'t>> {
    let invalid = TextError::Invalid('U', after);
    let mut chars = after.chars();
    let plain = match chars.next().ok_or(invalid)? {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        quoted @ ('\\' | '"' | '\'') => quoted as u8,
        'x' => {
            let digits = chars.as_str().get(..2).ok_or(invalid)?;
            let octet = hex_number(digits).ok_or(invalid)?;
            chars = chars.as_str()[2..].chars();
            // Two hex digits make an octet.
            octet as u8
        }
        'u' => {
            let braces = chars
                .as_str()
                .strip_prefix('{')
                .and_then(|text| text.split_once('}'));
            let (digits, rest) = braces.ok_or(invalid)?;
            let number = hex_number(digits).filter(|&number| number != 0);
            let character = number.and_then(char::from_u32).ok_or(invalid)?;
            writer.data(character.encode_utf8(&mut [0; 4]).as_bytes())?;
            return Ok(rest);
        }
        _ => return Err(invalid),
    };
    if plain == 0 {
        return Err(invalid);
    }
    writer.uint8(plain)?;
    Ok(chars.as_str())
}

/// [`Writer::structure`] for members that can fail in more ways.
fn structure<'t>(
    writer: &mut Writer<'_>,
    members: impl FnOnce(&mut Writer<'_>) -> Result<(), TextError<'t>>,
) -> Result<(), TextError<'t>> {
    let mut outcome = Ok(());
    let written = writer.structure(|writer| {
        outcome = members(writer);
        outcome.map_err(|_| Overflow)
    });
    outcome?;
    Ok(written?)
}

fn boolean(word: &str) -> Option<bool> {
    match word {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// A number in decimal, or in hex after `0x`, that is in the range of `T`.
fn integer<T: TryFrom<i128>>(word: &str) -> Option<T> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let magnitude: u64 = match digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        Some(digits) => parse_digits(digits, 16)?,
        None => parse_digits(digits, 10)?,
    };
    let magnitude = i128::from(magnitude);
    T::try_from(if negative { -magnitude } else { magnitude }).ok()
}

fn hex_number(digits: &str) -> Option<u32> {
    u32::try_from(parse_digits(digits, 16)?).ok()
}

/// Digits alone: `from_str_radix` would take a sign.
fn parse_digits(digits: &str, radix: u32) -> Option<u64> {
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

/// A text that is being read.
struct Text<'t> {
    rest: &'t str,
}

impl<'t> Text<'t> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    fn is_at_end_of_group(&self) -> bool {
        self.rest.is_empty() || self.rest.starts_with([')', ']'])
    }

    fn expect(&mut self, wanted: char) -> Result<(), TextError<'t>> {
        self.skip_space();
        self.rest = self
            .rest
            .strip_prefix(wanted)
            .ok_or(TextError::Expected(wanted, self.rest))?;
        Ok(())
    }

    /// Everything up to the next separator.
    fn word(&mut self, code: u8) -> Result<&'t str, TextError<'t>> {
        let ends = |character| is_space(character) || "()[]\"".contains(character);
        let (word, rest) = self
            .rest
            .split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        if word.is_empty() {
            return Err(TextError::Invalid(code.into(), self.rest));
        }
        self.rest = rest;
        Ok(word)
    }
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || character == ','
}

/// Displays what the user wrote, cut where it would fill the line.
struct Quoted<'t>(&'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(QUOTED_MAX) {
            Some((end, _)) => write!(f, "\"{}...\"", Escaped(&self.0.as_bytes()[..end])),
            None => write!(f, "\"{}\"", Escaped(self.0.as_bytes())),
        }
    }
}

fn wanted(code: char) -> &'static str {
    match code {
        'b' => "true or false",
        'C' => "a number 0..=255, decimal or 0x..",
        'c' => "a number -128..=127",
        'S' => "a number 0..=65535, decimal or 0x..",
        's' => "a number -32768..=32767",
        'L' => "a number 0..=4294967295, decimal or 0x..",
        'l' => "a number -2147483648..=2147483647",
        'X' => "a number 0..=18446744073709551615, decimal or 0x..",
        'x' => "a number -9223372036854775808..=9223372036854775807",
        'i' => "a number 0..=2097151, decimal or 0x..",
        '6' => "an IPv6 address like fd00::1",
        'E' => "an EUI-64 of 16 hex digits",
        'e' => "an EUI-48 of 12 hex digits",
        'D' | 'd' => "pairs of hex digits, or - for none",
        'U' => {
            "a word or a \"quoted string\"; escapes: \\n \\r \\t \\\\ \\\" \\u{e9} \\xFF, no zero"
        }
        't' => "a structure in ( )",
        _ => "an array in [ ]",
    }
}

/// Characters of the user's text in a message: enough to find the place.
const QUOTED_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ids::PROPERTIES;
    use proptest::prelude::*;

    fn encode<'t>(codes: &str, text: &'t str) -> Result<Vec<u8>, TextError<'t>> {
        let mut buf = [0xA5; 256];
        let mut writer = Writer::new(&mut buf);
        encode_text(Signature::parse(codes).unwrap(), text, &mut writer)
            .map(|()| writer.written().to_vec())
    }

    #[test]
    fn other_spellings_are_read() {
        for (codes, text, octets) in [
            ("C", "0x0b", &[0x0B][..]),
            ("c", "-0x02", &[0xFE]),
            ("bb", "1 0", &[1, 0]),
            ("CC", " 1, 2 ", &[1, 2]),
            ("A(C)", "[ 1,2 ]", &[1, 2]),
            (
                "e",
                "0a:0b:0C:0d:0e:0f",
                &[0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F],
            ),
            ("D", "aa:05", &[0xAA, 0x05]),
            ("D", "", &[]),
            ("dD", "-", &[0, 0]),
            ("U", "MyNet-1", b"MyNet-1\0"),
            ("U", r#""\u{e9}\x41\'""#, "éA'\0".as_bytes()),
            ("CSC", "1 2", &[1, 2, 0]),
            ("t(Cc)C", "(1)", &[1, 0, 1]),
        ] {
            assert_eq!(encode(codes, text).as_deref(), Ok(octets), "{codes} {text}");
        }
    }

    #[test]
    fn wrong_texts_say_what_is_wrong() {
        for (codes, text, message) in [
            (
                "C",
                "",
                "a value is missing: give a number 0..=255, decimal or 0x..",
            ),
            (".A(C)", " ", "a value is missing: give an array in [ ]"),
            (
                "C",
                "256",
                "\"256\" is not a number 0..=255, decimal or 0x..",
            ),
            ("C", "+1", "\"+1\" is not a number 0..=255, decimal or 0x.."),
            ("C", "0x", "\"0x\" is not a number 0..=255, decimal or 0x.."),
            ("c", "-129", "\"-129\" is not a number -128..=127"),
            (
                "i",
                "2097152",
                "\"2097152\" is not a number 0..=2097151, decimal or 0x..",
            ),
            ("b", "yes", "\"yes\" is not true or false"),
            (
                "6",
                "fd00::/64",
                "\"fd00::/64\" is not an IPv6 address like fd00::1",
            ),
            ("E", "0012", "\"0012\" is not an EUI-64 of 16 hex digits"),
            (
                "D",
                "AAB",
                "\"AAB\" is not pairs of hex digits, or - for none",
            ),
            (
                "D",
                "AA:",
                "\"AA:\" is not pairs of hex digits, or - for none",
            ),
            (
                "D",
                "éé",
                "\"éé\" is not pairs of hex digits, or - for none",
            ),
            ("C", "1 2", "there is no member for \"2\": remove it"),
            ("", "2", "there is no member for \"2\": remove it"),
            ("A(C)", "1", "'[' is wanted before \"1\""),
            ("A(C)", "[1", "the text ends before its ']'"),
            ("A(C)", "[1)", "']' is wanted before \")\""),
            ("t(C)", "(1 2)", "')' is wanted before \"2)\""),
            ("U", "\"a", "the text ends before its '\"'"),
            ("C", "(", "\"(\" is not a number 0..=255, decimal or 0x.."),
            (
                "C",
                "0123456789012345678901234567890123456789",
                "\"01234567890123456789012345678901...\" is not a number 0..=255, decimal or 0x..",
            ),
        ] {
            let error = encode(codes, text).unwrap_err();
            assert_eq!(error.to_string(), message, "{codes} {text}");
        }
        for text in [
            "\"\\q\"",
            "\"\\x0\"",
            "\"\\x00\"",
            "\"\\u{0}\"",
            "\"\\u{d800}\"",
            "\"\0\"",
            "a\0",
        ] {
            assert!(
                matches!(encode("U", text), Err(TextError::Invalid('U', _))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_failed_text_leaves_the_writer_where_it_was() {
        let mut buf = [0; 4];
        let mut writer = Writer::new(&mut buf);
        writer.uint8(0xA5).unwrap();
        for (codes, text, error) in [
            ("L", "1", TextError::TooLong),
            ("CCC", "1 2 x", TextError::Invalid('C', "x")),
            ("t(CC)", "(1 2)", TextError::TooLong),
            ("t(CC)", "(1 x)", TextError::Invalid('C', "x")),
            ("U", "\"abc\"", TextError::TooLong),
        ] {
            assert_eq!(
                encode_text(Signature::parse(codes).unwrap(), text, &mut writer),
                Err(error)
            );
            assert_eq!(writer.written(), [0xA5]);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_encoded_or_refused(
            row in 0..PROPERTIES.len(),
            text in r#"([-0-9a-fx:.,"\\() \[\]é]|true|0x|\\x)*"#,
        ) {
            let signature = PROPERTIES.iter().nth(row).unwrap().signature;
            let mut buf = [0; 64];
            let mut writer = Writer::new(&mut buf);
            if let Err(error) = encode_text(signature, &text, &mut writer) {
                prop_assert!(!error.to_string().is_empty());
                prop_assert!(writer.is_empty());
            }
        }
    }
}
