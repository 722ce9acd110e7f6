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
mod tests;
