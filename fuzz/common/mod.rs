//! What the targets share: octets of the fuzzer as choices, as values, as requests of clients and as a
//! co-processor that means well most of the time.

// Each target uses its own part of it.
#![allow(dead_code)]

pub(crate) mod bounded;
pub(crate) mod client;
pub(crate) mod coprocessor;
pub(crate) mod kernel;
pub(crate) mod odd;
pub(crate) mod requests;
pub(crate) mod values;

/// The fuzzer's octets, from the first to the last; zeros when there are no more. A choice takes one
/// octet, so that a change of an octet changes one choice.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Input(octets)
    }

    /// How many octets are left.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn octet(&mut self) -> u8 {
        match self.0.split_first() {
            Some((&octet, rest)) => {
                self.0 = rest;
                octet
            }
            None => 0,
        }
    }

    /// 0..count, for counts up to 65,536.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        match count {
            0 | 1 => 0,
            2..=256 => usize::from(self.octet()) % count,
            _ => usize::from(u16::from_le_bytes([self.octet(), self.octet()])) % count,
        }
    }

    pub(crate) fn pick<'p, T>(&mut self, of: &'p [T]) -> &'p T {
        &of[self.below(of.len())]
    }

    /// True once in `count` times.
    pub(crate) fn rarely(&mut self, count: u8) -> bool {
        self.octet() % count == count - 1
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.octet())
    }

    /// A length, and as many octets as there are of it.
    pub(crate) fn octets(&mut self, max: usize) -> &'a [u8] {
        let len = self.below(max + 1).min(self.0.len());
        let (octets, rest) = self.0.split_at(len);
        self.0 = rest;
        octets
    }

    /// What is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.0)
    }
}
