//! Values by their packing signature (protocol §2.1): `Cct(ESSC)t(iCUdd)` and the like.
//!
//! [`Signature::parse`] checks a signature once; then [`Items`] walks the octets of a value without
//! copying, [`Formatted`] prints them and [`encode_text`] packs them from the same text.
//!
//! # The text
//!
//! Members are separated by white space or commas.
//!
//! | code | text | also read |
//! | --- | --- | --- |
//! | `.` | nothing | |
//! | `b` | `true`, `false` | `1`, `0` |
//! | `C c S s L l X x i` | `11`, `-90` | `0x0b` |
//! | `6` | `fd00::1` | every form of RFC 4291 |
//! | `E` `e` | `00124B0001020304` | `00:12:4b:..` |
//! | `D` `d` | `AA05`, empty `-` | `aa:05` |
//! | `U` | `"two words"` | `word` |
//! | `t(..)` | `(1 2)` | |
//! | `A(..)` | `[1 2 3]` | |
//!
//! Inside quotes a backslash begins `\n`, `\r`, `\t`, `\\`, `\"`, `\'`, `\u{e9}` or, for an octet
//! that is not part of UTF-8, `\xFF`.
//!
//! Members at the end may be left out, both on the wire and in the text (§2.1 "missing tail"), but a
//! text that gives none at all for a signature that has some is an error.
//!
//! `T(..)` of older texts is not read: write `t(..)` or the bare members (§2.1).

mod text;

pub use text::{encode_text, TextError};

use super::packed::{Malformed, Reader};
use core::{fmt, str};
use std::net::Ipv6Addr;

/// How deep `t(..)` and `A(..)` may be nested. The deepest property of protocol §3 has 4
/// (`A(t(ESA(t(iC))))`); twice that leaves room and bounds the stack.
pub const DEPTH_MAX: usize = 8;

/// A packing signature that has been checked: every code is known, the parentheses match, an array
/// holds one type and stands last, the nesting is at most [`DEPTH_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'s>(&'s str);

/// Why a text is not a packing signature; the number is the position of the offending code, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureError {
    /// Not a code of protocol §2.1.
    UnknownCode(usize),
    /// `t` or `A` without its `(`, or without the `)` that ends it, or a `)` too many.
    Parenthesis(usize),
    /// An array of nothing, or of more than one type.
    ArrayItem(usize),
    /// Something follows an array, which has no length.
    ArrayNotLast(usize),
    /// Nested deeper than [`DEPTH_MAX`].
    TooDeep(usize),
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, at) = match *self {
            SignatureError::UnknownCode(at) => ("is not one of .bCcSsLlXxi6EeDdUtA", at),
            SignatureError::Parenthesis(at) => ("has no matching parenthesis", at),
            SignatureError::ArrayItem(at) => ("must hold exactly one type: A(S) or A(t(..))", at),
            SignatureError::ArrayNotLast(at) => ("must be last: put the array into t(..)", at),
            SignatureError::TooDeep(at) => ("is nested too deep", at),
        };
        write!(f, "signature: the code at position {at} {what}")
    }
}

impl std::error::Error for SignatureError {}

impl<'s> Signature<'s> {
    /// Checks `text`. The empty signature is that of an empty value.
    ///
    /// # Errors
    /// The first [`SignatureError`].
    pub const fn parse(text: &'s str) -> Result<Self, SignatureError> {
        let octets = text.as_bytes();
        match check_members(octets, 0, 0) {
            Ok(end) if end == octets.len() => Ok(Signature(text)),
            Ok(end) => Err(SignatureError::Parenthesis(end)),
            Err(error) => Err(error),
        }
    }

    /// A text that [`Signature::parse`] has accepted.
    pub(super) const fn checked_before(text: &'s str) -> Self {
        Signature(text)
    }

    /// The signature as text.
    pub const fn as_str(self) -> &'s str {
        self.0
    }

    /// The signature of what INSERT, REMOVE, INSERTED and REMOVED carry: for `A(t(..))` the members
    /// of the structure, without its length, and for `A(..)` the item (protocol §1.3, errata E43).
    /// Any other signature stays what it is.
    #[must_use]
    pub fn item(self) -> Self {
        match inside(self.0, "A(") {
            Some(item) => Signature(inside(item, "t(").unwrap_or(item)),
            None => self,
        }
    }

    /// The signature of one element of `A(..)`, as it stands in the list.
    #[must_use]
    pub fn element(self) -> Self {
        inside(self.0, "A(").map_or(self, Signature)
    }
}

/// `A(..)` is last in a signature, so its `)` is the last; an item is one type, so the same holds for `t`.
fn inside<'s>(text: &'s str, open: &str) -> Option<&'s str> {
    text.strip_prefix(open)?.strip_suffix(')')
}

impl fmt::Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// One value of a Spinel data type.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// `b`
    Bool(bool),
    /// `C`, `S`, `L`, `X`, `i`
    Unsigned(u64),
    /// `c`, `s`, `l`, `x`
    Signed(i64),
    /// `6`
    Ipv6(Ipv6Addr),
    /// `E`
    Eui64([u8; 8]),
    /// `e`
    Eui48([u8; 6]),
    /// `D`, `d`
    Data(&'a [u8]),
    /// `U`, without the terminator; it need not be valid UTF-8
    Text(&'a [u8]),
    /// `t(..)`
    Structure(Items<'a>),
    /// `A(..)`
    Array(Items<'a>),
}

/// Iterates over the values that a signature finds in some octets.
///
/// It ends where the octets end, even if the signature has more members (§2.1 "missing tail"), and
/// after the first error. `.` yields nothing.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a> {
    /// What is left of a checked signature. For an array: its one item.
    codes: &'a [u8],
    octets: Reader<'a>,
    array: bool,
}

impl<'a> Items<'a> {
    /// The members of `signature` in `octets`.
    pub fn new(signature: Signature<'a>, octets: &'a [u8]) -> Self {
        Items {
            codes: signature.0.as_bytes(),
            octets: Reader::new(octets),
            array: false,
        }
    }

    /// The octets that have not been read yet; after the last value, the surplus.
    pub fn rest(&self) -> &'a [u8] {
        self.octets.rest()
    }

    /// Reads everything, nested values too, and returns how many surplus octets follow the last
    /// value. Surplus octets of a structure do not count: later versions may append members.
    ///
    /// # Errors
    /// [`Malformed`] for the first value that the octets do not hold.
    pub fn check(mut self) -> Result<usize, Malformed> {
        for value in &mut self {
            if let Value::Structure(items) | Value::Array(items) = value? {
                items.check()?;
            }
        }
        Ok(self.rest().len())
    }

    fn read(&mut self, member: &Member<'a>) -> Result<Value<'a>, Malformed> {
        let octets = &mut self.octets;
        let nested = |octets, array| Items {
            codes: member.inner,
            octets,
            array,
        };
        Ok(match member.code {
            b'b' => Value::Bool(octets.boolean()?),
            b'C' => Value::Unsigned(octets.uint8()?.into()),
            b'c' => Value::Signed(octets.int8()?.into()),
            b'S' => Value::Unsigned(octets.uint16()?.into()),
            b's' => Value::Signed(octets.int16()?.into()),
            b'L' => Value::Unsigned(octets.uint32()?.into()),
            b'l' => Value::Signed(octets.int32()?.into()),
            b'X' => Value::Unsigned(octets.uint64()?),
            b'x' => Value::Signed(octets.int64()?),
            b'i' => Value::Unsigned(octets.uint_packed()?.into()),
            b'6' => Value::Ipv6(octets.array::<16>()?.into()),
            b'E' => Value::Eui64(octets.array()?),
            b'e' => Value::Eui48(octets.array()?),
            b'U' => Value::Text(octets.utf8()?),
            b'd' => Value::Data(octets.data_with_length()?),
            b't' => Value::Structure(nested(octets.structure()?, false)),
            b'A' => Value::Array(nested(take_rest(octets), true)),
            _ => Value::Data(take_rest(octets).rest()),
        })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Value<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let member = loop {
            let (member, rest) = Member::split(self.codes)?;
            if !self.array {
                self.codes = rest;
            }
            if member.code != b'.' {
                break member;
            }
        };
        if self.octets.is_empty() && (self.array || !matches!(member.code, b'D' | b'A')) {
            self.codes = &[];
            return None;
        }
        let value = self.read(&member);
        if value.is_err() {
            self.codes = &[];
        }
        Some(value)
    }
}

/// Displays a value as the text that [`encode_text`] reads.
///
/// Surplus octets are not shown: [`Formatted::surplus`] tells how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Formatted<'a> {
    items: Items<'a>,
    surplus: usize,
    hide_data: bool,
}

impl<'a> Formatted<'a> {
    /// A value that has been checked to its end.
    ///
    /// # Errors
    /// [`Malformed`] when `octets` does not hold what `signature` says.
    pub fn new(signature: Signature<'a>, octets: &'a [u8]) -> Result<Self, Malformed> {
        let items = Items::new(signature, octets);
        Ok(Formatted {
            items,
            surplus: items.check()?,
            hide_data: false,
        })
    }

    /// Shows `<3 octets>` instead of what is in `D` and `d`. Such a text cannot be read back.
    #[must_use]
    pub fn hide_data(self) -> Self {
        Formatted {
            hide_data: true,
            ..self
        }
    }

    /// How many octets follow the last member.
    pub fn surplus(&self) -> usize {
        self.surplus
    }

    fn write_items(&self, items: Items<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `new` has read all of them, so there is no error to show.
        for (index, value) in items.flatten().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            self.write_value(value, f)?;
        }
        Ok(())
    }

    fn write_value(&self, value: Value<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match value {
            Value::Bool(value) => write!(f, "{value}"),
            Value::Unsigned(value) => write!(f, "{value}"),
            Value::Signed(value) => write!(f, "{value}"),
            Value::Ipv6(value) => write!(f, "{value}"),
            Value::Eui64(value) => write!(f, "{}", Hex(&value)),
            Value::Eui48(value) => write!(f, "{}", Hex(&value)),
            Value::Data(value) if self.hide_data => write!(f, "<{} octets>", value.len()),
            Value::Data([]) => f.write_str("-"),
            Value::Data(value) => write!(f, "{}", Hex(value)),
            Value::Text(value) => write!(f, "\"{}\"", Escaped(value)),
            Value::Structure(items) => {
                f.write_str("(")?;
                self.write_items(items, f)?;
                f.write_str(")")
            }
            Value::Array(items) => {
                f.write_str("[")?;
                self.write_items(items, f)?;
                f.write_str("]")
            }
        }
    }
}

impl fmt::Display for Formatted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_items(self.items, f)
    }
}

/// Displays octets as hex digits without spaces.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
    }
}

/// Displays a text from elsewhere in one line of printable characters: control characters, quotes
/// and backslashes become escapes, and so does each octet that is not part of valid UTF-8.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while !rest.is_empty() {
            let (text, after) = valid_utf8_prefix(rest);
            write!(f, "{}", text.escape_debug())?;
            rest = after;
            if let Some((octet, after)) = rest.split_first() {
                write!(f, "\\x{octet:02X}")?;
                rest = after;
            }
        }
        Ok(())
    }
}

const fn check_members(codes: &[u8], mut at: usize, depth: usize) -> Result<usize, SignatureError> {
    while at < codes.len() && codes[at] != b')' {
        let array = codes[at] == b'A';
        let next = match check_member(codes, at, depth) {
            Ok(next) => next,
            Err(error) => return Err(error),
        };
        if array && next < codes.len() && codes[next] != b')' {
            return Err(SignatureError::ArrayNotLast(at));
        }
        at = next;
    }
    Ok(at)
}

/// Returns the position after the member at `at`.
const fn check_member(codes: &[u8], at: usize, depth: usize) -> Result<usize, SignatureError> {
    match codes[at] {
        b'.' | b'b' | b'C' | b'c' | b'S' | b's' | b'L' | b'l' | b'X' | b'x' | b'i' | b'6'
        | b'E' | b'e' | b'D' | b'd' | b'U' => return Ok(at + 1),
        b't' | b'A' => {}
        _ => return Err(SignatureError::UnknownCode(at)),
    }
    if depth == DEPTH_MAX {
        return Err(SignatureError::TooDeep(at));
    }
    if at + 1 >= codes.len() || codes[at + 1] != b'(' {
        return Err(SignatureError::Parenthesis(at));
    }
    let end = match check_members(codes, at + 2, depth + 1) {
        Ok(end) => end,
        Err(error) => return Err(error),
    };
    if end == codes.len() {
        return Err(SignatureError::Parenthesis(at));
    }
    if codes[at] == b'A' && !is_one_type(codes, at + 2, end, depth + 1) {
        return Err(SignatureError::ArrayItem(at));
    }
    Ok(end + 1)
}

/// Whether `codes[at..end]` is one type that takes room: without that, an array would not end.
const fn is_one_type(codes: &[u8], at: usize, end: usize, depth: usize) -> bool {
    if at == end || codes[at] == b'.' {
        return false;
    }
    matches!(check_member(codes, at, depth), Ok(next) if next == end)
}

/// One code of a checked signature, with what is in its parentheses.
struct Member<'s> {
    code: u8,
    inner: &'s [u8],
}

impl<'s> Member<'s> {
    /// The first member of `codes` and the codes after it. A `D` that another code follows comes out
    /// as `d`, which it is (§2.1 "legacy D").
    fn split(codes: &'s [u8]) -> Option<(Self, &'s [u8])> {
        let (&code, rest) = codes.split_first()?;
        if !matches!(code, b't' | b'A') {
            let code = if code == b'D' && !rest.is_empty() {
                b'd'
            } else {
                code
            };
            return Some((Member { code, inner: &[] }, rest));
        }
        let mut depth = 0_usize;
        let end = rest.iter().position(|&octet| {
            match octet {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0
        })?;
        let inner = rest.get(1..end)?;
        Some((Member { code, inner }, &rest[end + 1..]))
    }

    /// The first member of `codes` that is not `.`.
    fn first(mut codes: &'s [u8]) -> Option<Self> {
        loop {
            let (member, rest) = Member::split(codes)?;
            if member.code != b'.' {
                return Some(member);
            }
            codes = rest;
        }
    }
}

fn take_rest<'a>(octets: &mut Reader<'a>) -> Reader<'a> {
    core::mem::replace(octets, Reader::new(&[]))
}

fn valid_utf8_prefix(octets: &[u8]) -> (&str, &[u8]) {
    let end = match str::from_utf8(octets) {
        Ok(text) => return (text, &[]),
        Err(error) => error.valid_up_to(),
    };
    let (valid, rest) = octets.split_at(end);
    (str::from_utf8(valid).unwrap_or_default(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ids::PROPERTIES;
    use crate::wire::packed::{Writer, UINT_PACKED_MAX};
    use proptest::prelude::*;

    fn signature(text: &str) -> Signature<'_> {
        Signature::parse(text).unwrap()
    }

    fn format(codes: &str, octets: &[u8]) -> Result<String, Malformed> {
        Formatted::new(signature(codes), octets).map(|formatted| formatted.to_string())
    }

    fn encode<'t>(codes: &str, text: &'t str) -> Result<Vec<u8>, TextError<'t>> {
        let mut buf = [0xA5; 256];
        let mut writer = Writer::new(&mut buf);
        encode_text(signature(codes), text, &mut writer).map(|()| writer.written().to_vec())
    }

    /// The examples of protocol §2.1 and the values of §3: signature, octets, text.
    const VECTORS: &[(&str, &[u8], &str)] = &[
        ("", &[], ""),
        ("b", &[0x01], "true"),
        ("C", &[0xFF], "255"),
        ("c", &[0x80], "-128"),
        ("S", &[0x34, 0x12], "4660"),
        ("s", &[0xFE, 0xFF], "-2"),
        ("L", &[0x78, 0x56, 0x34, 0x12], "305419896"),
        ("l", &[0xFE, 0xFF, 0xFF, 0xFF], "-2"),
        ("X", &[0xFF; 8], "18446744073709551615"),
        ("x", &[0, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775808"),
        ("i", &[0xB9, 0x0A], "1337"),
        (
            "6",
            &[0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            "2001:db8::1",
        ),
        (
            "E",
            &[0x00, 0x12, 0x4B, 0x00, 0x01, 0x02, 0x03, 0x04],
            "00124B0001020304",
        ),
        ("e", &[0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F], "0A0B0C0D0E0F"),
        ("D", &[0xAA, 0xBB], "AABB"),
        ("D", &[], "-"),
        ("d", &[0x02, 0x00, 0xAA, 0xBB], "AABB"),
        ("d", &[0x00, 0x00], "-"),
        ("U", b"Hi\0", "\"Hi\""),
        ("U", b"\0", "\"\""),
        ("U", b"a \"b\" \\ \n\xFF\0", r#""a \"b\" \\ \n\xFF""#),
        ("t(CS)", &[0x03, 0x00, 0x01, 0x03, 0x02], "(1 515)"),
        ("t(CS)", &[0x00, 0x00], "()"),
        ("A(S)", &[0x01, 0x00, 0x02, 0x00, 0x03, 0x00], "[1 2 3]"),
        ("A(S)", &[], "[]"),
        (
            "A(t(CU))",
            &[0x03, 0x00, 0x01, 0x61, 0x00, 0x02, 0x00, 0x02, 0x00],
            "[(1 \"a\") (2 \"\")]",
        ),
        ("dC", &[0x01, 0x00, 0xAA, 0x05], "AA 5"),
        ("DC", &[0x01, 0x00, 0xAA, 0x05], "AA 5"),
        ("DD", &[0x01, 0x00, 0xAA, 0x05], "AA 05"),
        ("D.", &[0x01, 0x00, 0xAA], "AA"),
        ("C.S", &[0x05, 0x01, 0x00], "5 1"),
        ("t(A(L))t(A(L))", &[4, 0, 1, 0, 0, 0, 0, 0], "([1]) ([])"),
        ("A(t(ESA(t(iC))))", &[], "[]"),
        ("t(t(A(C))C)", &[5, 0, 2, 0, 7, 8, 9], "(([7 8]) 9)"),
        ("A(A(C))", &[1, 2], "[[1 2]]"),
    ];

    #[test]
    fn vectors_are_formatted() {
        for &(codes, octets, text) in VECTORS {
            assert_eq!(format(codes, octets).as_deref(), Ok(text), "{codes}");
        }
    }

    #[test]
    fn vectors_are_encoded() {
        for &(codes, octets, text) in VECTORS.iter().filter(|vector| !vector.2.is_empty()) {
            assert_eq!(encode(codes, text).as_deref(), Ok(octets), "{codes} {text}");
        }
        assert_eq!(encode("", ""), Ok(vec![]));
    }

    #[test]
    fn trailing_octets_are_surplus() {
        for (codes, surplus) in [
            ("", 5),
            ("C", 4),
            ("CS", 2),
            ("d", 3),
            ("D", 0),
            ("A(C)", 0),
        ] {
            let formatted = Formatted::new(signature(codes), &[0, 0, 1, 2, 3]).unwrap();
            assert_eq!(formatted.surplus(), surplus, "{codes}");
        }
        // A later version's third member is not surplus, it is skipped.
        let formatted = Formatted::new(signature("t(C)C"), &[2, 0, 1, 0xA5, 7]).unwrap();
        assert_eq!(
            (formatted.to_string().as_str(), formatted.surplus()),
            ("(1) 7", 0)
        );
    }

    #[test]
    fn a_missing_tail_is_no_error_and_a_cut_value_is() {
        assert_eq!(format("CSU", &[1]).as_deref(), Ok("1"));
        assert_eq!(format("CSU", &[1, 2]), Err(Malformed::Truncated));
        assert_eq!(format("CU", &[1, b'a']), Err(Malformed::Unterminated));
        assert_eq!(
            format("A(i)", &[1, 0x80, 0x80, 0x80]),
            Err(Malformed::IntegerTooLong)
        );
        assert_eq!(
            format("A(t(S))", &[2, 0, 1, 0, 1, 0, 1]),
            Err(Malformed::Truncated)
        );
        assert_eq!(
            format("t(t(d))", &[4, 0, 2, 0, 1, 0]),
            Err(Malformed::Truncated)
        );
        let mut items = Items::new(signature("CSC"), &[1, 2]);
        assert!(matches!(items.next(), Some(Ok(Value::Unsigned(1)))));
        assert!(matches!(items.next(), Some(Err(Malformed::Truncated))));
        assert!(items.next().is_none());
    }

    #[test]
    fn hidden_data_is_counted() {
        let formatted = Formatted::new(signature("CdD"), &[1, 1, 0, 0xAB, 0xCD]).unwrap();
        assert_eq!(formatted.hide_data().to_string(), "1 <1 octets> <1 octets>");
    }

    #[test]
    fn control_and_direction_characters_are_escaped() {
        let escaped = |text: &str| Escaped(text.as_bytes()).to_string();
        assert_eq!(
            escaped("a\r\n\u{1b}\u{202e}\u{85}\u{2028}é"),
            r"a\r\n\u{1b}\u{202e}\u{85}\u{2028}é"
        );
        assert_eq!(Escaped(b"\xE2\x82").to_string(), r"\xE2\x82");
    }

    #[test]
    fn signatures_are_refused() {
        use SignatureError::*;
        for (text, error) in [
            ("CZ", UnknownCode(1)),
            ("C S", UnknownCode(1)),
            ("(C)", UnknownCode(0)),
            ("é", UnknownCode(0)),
            ("C)", Parenthesis(1)),
            ("tC", Parenthesis(0)),
            ("t", Parenthesis(0)),
            ("Ct(C", Parenthesis(1)),
            ("A()", ArrayItem(0)),
            ("A(.)", ArrayItem(0)),
            ("CA(CS)", ArrayItem(1)),
            ("A(C)S", ArrayNotLast(0)),
            ("t(A(C)S)", ArrayNotLast(2)),
            ("t(t(t(t(t(t(t(t(t(C)))))))))", TooDeep(16)),
        ] {
            assert_eq!(Signature::parse(text), Err(error), "{text}");
        }
        assert!(Signature::parse("t(t(t(t(t(t(t(t(C))))))))").is_ok());
        assert!(Signature::parse(&"A(".repeat(50_000)).is_err());
    }

    #[test]
    fn items_of_arrays() {
        for (codes, item) in [
            ("A(t(6CbCbSC))", "6CbCbSC"),
            ("A(t(t(C)t(S)))", "t(C)t(S)"),
            ("A(i)", "i"),
            ("Cc", "Cc"),
            ("t(A(6))A(t(CD))", "t(A(6))A(t(CD))"),
        ] {
            assert_eq!(signature(codes).item(), signature(item));
        }
    }

    #[test]
    fn items_of_all_properties_are_signatures() {
        for row in PROPERTIES.iter() {
            let item = row.signature.item().as_str();
            assert_eq!(
                Signature::parse(item).map(Signature::as_str),
                Ok(item),
                "{}",
                row.name
            );
        }
    }

    /// One value: its signature, its octets, whether it must be last.
    type Packed = (String, Vec<u8>, bool);

    fn packed_member() -> impl Strategy<Value = Packed> {
        let fixed = |code: &'static str, len: usize| {
            prop::collection::vec(any::<u8>(), len)
                .prop_map(move |octets| (code.to_string(), octets, false))
        };
        let with_length = |code: &str, octets: &[u8]| {
            let mut packed = (octets.len() as u16).to_le_bytes().to_vec();
            packed.extend_from_slice(octets);
            (code.to_string(), packed, false)
        };
        let data = || prop::collection::vec(any::<u8>(), 0..8);
        let leaf = prop_oneof![
            any::<bool>().prop_map(|value| ("b".to_string(), vec![value.into()], false)),
            fixed("C", 1),
            fixed("c", 1),
            fixed("S", 2),
            fixed("s", 2),
            fixed("L", 4),
            fixed("l", 4),
            fixed("X", 8),
            fixed("x", 8),
            fixed("6", 16),
            fixed("E", 8),
            fixed("e", 6),
            Just((".".to_string(), vec![], false)),
            (0..=UINT_PACKED_MAX).prop_map(|value| {
                let mut buf = [0; 3];
                let mut writer = Writer::new(&mut buf);
                writer.uint_packed(value).unwrap();
                ("i".to_string(), writer.written().to_vec(), false)
            }),
            prop::collection::vec(1..=u8::MAX, 0..8).prop_map(|mut text| {
                text.push(0);
                ("U".to_string(), text, false)
            }),
            data().prop_map(move |octets| with_length("d", &octets)),
            data().prop_map(|octets| ("D".to_string(), octets, true)),
            prop::collection::vec(any::<u16>(), 0..4).prop_map(|items| {
                let octets = items.iter().flat_map(|item| item.to_le_bytes()).collect();
                ("A(S)".to_string(), octets, true)
            }),
        ];
        leaf.prop_recursive(3, 24, 5, move |inner| {
            packed_members(inner)
                .prop_map(move |(codes, octets, _)| with_length(&format!("t({codes})"), &octets))
        })
    }

    /// Some values in a row, up to the first that must be last.
    fn packed_members(member: impl Strategy<Value = Packed>) -> impl Strategy<Value = Packed> {
        prop::collection::vec(member, 1..6).prop_map(|members| {
            let (mut codes, mut octets) = (String::new(), Vec::new());
            for (code, packed, last) in members {
                codes.push_str(&code);
                octets.extend(packed);
                if last {
                    break;
                }
            }
            (codes, octets, false)
        })
    }

    proptest! {
        #[test]
        fn values_round_trip_through_text((codes, octets, _) in packed_members(packed_member())) {
            let formatted = Formatted::new(signature(&codes), &octets);
            let text = formatted.map(|formatted| formatted.to_string());
            prop_assert!(text.is_ok(), "{}: {:?}", codes, text);
            let text = text.unwrap();
            // A text of nothing stands for no value only where the signature has none.
            if !text.is_empty() {
                prop_assert_eq!(encode(&codes, &text), Ok(octets), "{}: {}", codes, text);
            }
        }

        #[test]
        fn any_octets_are_formatted_or_refused(
            row in 0..PROPERTIES.len(),
            octets in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..100),
        ) {
            if let Ok(formatted) = Formatted::new(PROPERTIES.iter().nth(row).unwrap().signature, &octets) {
                prop_assert!(formatted.surplus() <= octets.len());
                prop_assert!(!formatted.to_string().chars().any(char::is_control));
            }
        }

        #[test]
        fn any_text_is_a_signature_or_not(text in "[.bCcSXi6EeDdUtA()z]{0,12}") {
            if let Ok(signature) = Signature::parse(&text) {
                let octets = [1, 0, 1, 0, 0, 0, 1, 2, 3];
                let _ = Formatted::new(signature, &octets).map(|formatted| formatted.to_string());
            }
        }
    }
}
