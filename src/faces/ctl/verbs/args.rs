//! The words of a request, sorted by the row of its verb, and read into numbers and octets.

use super::super::line::{quoted, Word};
use super::super::Failure;
use super::{nearest, usage, Arg, Takes, Values, Verb, NAME_MAX};
use core::fmt::Display;
use core::ops::RangeInclusive;
use std::net::Ipv6Addr;

/// The arguments of a verb. What must be there is there; the values are not read yet.
#[derive(Debug)]
pub struct Args<'a> {
    verb: &'static Verb,
    given: Vec<(&'static Arg, Word<'a>)>,
    rest: &'a [Word<'a>],
}

impl<'a> Args<'a> {
    /// Sorts words into the arguments of a verb.
    ///
    /// # Errors
    /// What is missing, unknown, given twice, or too much.
    pub fn sort(verb: &'static Verb, words: &'a [Word<'a>]) -> Result<Self, Failure> {
        let mut args = Args {
            verb,
            given: Vec::new(),
            rest: &[],
        };
        let mut places = verb
            .args
            .iter()
            .filter(|arg| arg.is_word() && arg.is_for_server());
        for (index, word) in words.iter().enumerate() {
            let rest_begins =
                matches!(places.clone().next(), Some(arg) if arg.takes == Takes::Rest);
            match word.key_value() {
                Some((key, value)) if !rest_begins || verb.key(key).is_some() => {
                    args.key(key, value)?;
                    continue;
                }
                _ => {}
            }
            let place = places.next().ok_or_else(|| args.too_much(word))?;
            if place.takes == Takes::Rest {
                args.rest = &words[index..];
                return Ok(args);
            }
            args.given.push((place, *word));
            // What follows is a value, which may have a `=` in it.
            if matches!(places.clone().next(), Some(next) if next.takes == Takes::Rest) {
                args.rest = &words[index + 1..];
                break;
            }
        }
        let missing = verb.args.iter().find(|arg| match arg.takes {
            Takes::Word => !args.has(arg.name),
            Takes::Rest => args.rest.is_empty(),
            _ => false,
        });
        match missing {
            Some(arg) => Err(args.wrong(format!("{} is missing ({})", arg.name, arg.help))),
            None => Ok(args),
        }
    }

    /// Whether an argument was given.
    pub fn has(&self, name: &str) -> bool {
        self.word(name).is_some()
    }

    /// The words of [`Takes::Rest`].
    pub fn rest(&self) -> &'a [Word<'a>] {
        self.rest
    }

    /// The value of an argument.
    ///
    /// # Errors
    /// It is not UTF-8, or not one of the words that it can be.
    pub fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        let Some((arg, word)) = self.word(name) else {
            return Ok(None);
        };
        let text = match (arg.values, word.text()) {
            (Values::Secret(_), Err(_)) => return Err(self.invalid(name, "", "text in UTF-8")),
            (_, text) => text?,
        };
        match arg.values {
            Values::Of(words) if !words.contains(&text.as_str()) => {
                Err(self.invalid(name, &text, format!("one of {}", words.join(", "))))
            }
            _ => Ok(Some(text)),
        }
    }

    /// The value of an argument that must be there.
    ///
    /// # Errors
    /// As [`Args::text`].
    pub fn need(&self, name: &str) -> Result<String, Failure> {
        self.text(name)?
            .ok_or_else(|| self.wrong(format!("{name} is missing")))
    }

    /// A switch; false if it was not given.
    ///
    /// # Errors
    /// It is neither true nor false.
    pub fn switch(&self, name: &str) -> Result<bool, Failure> {
        match self.text(name)?.as_deref() {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(text) => Err(self.invalid(name, text, "true or false")),
        }
    }

    /// A number, decimal or `0x..`.
    ///
    /// # Errors
    /// It is none, or out of range.
    pub fn number<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<Option<T>, Failure>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let number = integer(&text).and_then(|number| T::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let wanted = format!("a number {}..={}", range.start(), range.end());
                Err(self.invalid(name, &text, wanted))
            }
        }
    }

    /// A number that must be there.
    ///
    /// # Errors
    /// As [`Args::number`].
    pub fn need_number<T>(&self, name: &str, range: RangeInclusive<T>) -> Result<T, Failure>
    where
        T: TryFrom<i64> + PartialOrd + Display,
    {
        self.number(name, range)?
            .ok_or_else(|| self.wrong(format!("{name} is missing")))
    }

    /// Octets in hex digits, with or without `0x` or colons; `-` for none.
    ///
    /// # Errors
    /// It is something else.
    pub fn octets(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match octets(&text) {
            Some(octets) => Ok(Some(octets)),
            None => Err(self.invalid(name, &text, "octets in hex, like 0A1B, or - for none")),
        }
    }

    /// As many octets as wanted.
    ///
    /// # Errors
    /// It is something else.
    pub fn array<const N: usize>(&self, name: &str) -> Result<Option<[u8; N]>, Failure> {
        let Some(octets) = self.octets(name)? else {
            return Ok(None);
        };
        match <[u8; N]>::try_from(octets) {
            Ok(array) => Ok(Some(array)),
            Err(octets) => Err(self.invalid(
                name,
                &format!("of {} octets", octets.len()),
                format!("{N} octets in hex"),
            )),
        }
    }

    /// An IPv6 prefix, its bits beyond the length zero. The length comes from `ADDRESS/BITS`, or the
    /// argument `length`, or is 64.
    ///
    /// # Errors
    /// It is something else.
    pub fn prefix(&self, name: &str) -> Result<Option<(Ipv6Addr, u8)>, Failure> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let length = match self.verb.key("length") {
            Some(_) => self.number("length", 0..=128_u8)?,
            None => None,
        };
        if length.is_some() && text.contains('/') {
            return Err(self.wrong(format!(
                "{name} {}: give /BITS or length, not both",
                quoted(&text)
            )));
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, bits.parse().ok().filter(|&bits| bits <= 128)),
            None => (text.as_str(), Some(length.unwrap_or(PREFIX_BITS))),
        };
        match (address.parse::<Ipv6Addr>(), bits) {
            (Ok(address), Some(bits)) => Ok(Some((masked(address, bits), bits))),
            _ => Err(self.invalid(name, &text, "an IPv6 prefix like fd00:1::/64")),
        }
    }

    /// A failure that names the verb.
    pub fn wrong(&self, message: impl Display) -> Failure {
        let name = self.verb.name;
        usage(format!("{name}: {message}"))
    }

    /// A failure for the value of an argument; a secret one is not shown.
    pub fn invalid(&self, name: &str, value: &str, wanted: impl Display) -> Failure {
        if self.is_secret(name) {
            return self.wrong(format!("{name}: give {wanted}"));
        }
        let shown: String = value.chars().take(NAME_MAX).collect();
        self.wrong(format!("{name} {}: give {wanted}", quoted(&shown)))
    }

    fn is_secret(&self, name: &str) -> bool {
        let arg = self.verb.args.iter().find(|arg| arg.name == name);
        matches!(arg, Some(arg) if matches!(arg.values, Values::Secret(_)))
    }

    fn word(&self, name: &str) -> Option<(&'static Arg, Word<'a>)> {
        debug_assert!(
            self.verb.args.iter().any(|arg| arg.name == name),
            "{} has no argument {name}",
            self.verb.name
        );
        let found = self.given.iter().find(|(arg, _)| arg.name == name);
        found.copied()
    }

    fn key(&mut self, key: &str, value: Word<'a>) -> Result<(), Failure> {
        let arg = self.verb.key(key).filter(|arg| arg.is_for_server());
        let arg = arg.ok_or_else(|| self.unknown_key(key))?;
        if self.has(arg.name) {
            return Err(self.wrong(format!("{key}= is given twice: remove one")));
        }
        self.given.push((arg, value));
        Ok(())
    }

    fn unknown_key(&self, key: &str) -> Failure {
        let keys = || {
            let keys = self.verb.args.iter();
            keys.filter(|arg| arg.is_for_server() && !arg.is_word())
                .map(|arg| arg.name)
        };
        let hint = match nearest(key, keys()) {
            Some(name) => format!("did you mean {name}=?"),
            None if keys().next().is_none() => "it takes no keys".to_owned(),
            None => format!("it takes {}=", keys().collect::<Vec<_>>().join("=, ")),
        };
        let shown: String = key.chars().take(NAME_MAX).collect();
        self.wrong(format!(
            "there is no {}: {hint} (a word with = in it needs quotes)",
            quoted(&format!("{shown}="))
        ))
    }

    fn too_much(&self, word: &Word<'_>) -> Failure {
        // It may be a part of one.
        if self.given.iter().any(|(arg, _)| self.is_secret(arg.name)) {
            return self.wrong("there is a word too much: remove it, or put quotes around two");
        }
        let shown: String = word.raw().chars().take(NAME_MAX).collect();
        self.wrong(format!("{} is too much: remove it", quoted(&shown)))
    }
}

/// A number, decimal or `0x..`, with a sign.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let hex = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"));
    let (digits, radix) = match hex {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    let number = i64::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

pub(super) fn octets(text: &str) -> Option<Vec<u8>> {
    if text == "-" {
        return Some(Vec::new());
    }
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let mut octets = Vec::with_capacity(digits.len() / 2);
    let mut rest = digits;
    while let Some(&[high, low]) = rest.get(..2) {
        octets.push(hex_digit(high)? << 4 | hex_digit(low)?);
        rest = &rest[2..];
        // A colon between two pairs.
        if let [b':', after @ ..] = rest {
            if !after.is_empty() {
                rest = after;
            }
        }
    }
    (rest.is_empty() && !octets.is_empty()).then_some(octets)
}

fn hex_digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn masked(address: Ipv6Addr, bits: u8) -> Ipv6Addr {
    let host_bits = 128_u32.saturating_sub(bits.into());
    let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
    Ipv6Addr::from(u128::from(address) & mask)
}

/// Thread's prefixes are /64s (protocol §7.8), and wpanctl's default.
const PREFIX_BITS: u8 = 64;
