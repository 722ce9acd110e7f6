//! The frame check sequence of HDLC-lite and of the SPI CRC option: CRC-16/X-25 (protocol §6.2).
//!
//! The Spinel draft calls it "KERMIT"; every implementation uses X-25 (errata E1): polynomial 0x1021
//! reflected, initial value and final exclusive-or 0xFFFF, low octet first on the wire.

/// Octets of an FCS on the wire.
pub const FCS_LEN: usize = 2;

/// A running FCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fcs {
    register: u16,
}

impl Fcs {
    /// Nothing taken in yet.
    pub const fn new() -> Self {
        Fcs { register: 0xFFFF }
    }

    /// Takes one octet in.
    pub fn push(&mut self, octet: u8) {
        let mut quotient = (self.register as u8) ^ octet;
        quotient ^= quotient << 4;
        let quotient = u16::from(quotient);
        self.register = (self.register >> 8) ^ (quotient << 8) ^ (quotient << 3) ^ (quotient >> 4);
    }

    /// Takes octets in, a word at a time.
    pub fn update(&mut self, octets: &[u8]) {
        let mut pairs = octets.chunks_exact(2 * WORD);
        for pair in &mut pairs {
            let (first, second) = pair.split_at(WORD);
            self.take_word(first);
            self.take_word(second);
        }
        let mut words = pairs.remainder().chunks_exact(WORD);
        for word in &mut words {
            self.take_word(word);
        }
        for &octet in words.remainder() {
            self.push(octet);
        }
    }

    #[inline(always)]
    fn take_word(&mut self, octets: &[u8]) {
        let mut word = [0; WORD];
        word.copy_from_slice(octets);
        let quotient = divided(usize::from_le_bytes(word) ^ usize::from(self.register));
        let rest = (quotient >> (BITS - 16)) ^ (quotient >> (BITS - 11)) ^ (quotient >> (BITS - 4));
        self.register = rest as u16;
    }

    /// The two octets that go on the wire behind the data, low octet first.
    pub const fn to_octets(self) -> [u8; FCS_LEN] {
        (self.register ^ 0xFFFF).to_le_bytes()
    }

    /// Whether what was taken in is data followed by its own, correct FCS.
    pub const fn is_good(self) -> bool {
        self.register == RESIDUE
    }
}

impl Default for Fcs {
    fn default() -> Self {
        Fcs::new()
    }
}

/// The FCS of `data`, as it goes on the wire.
pub fn of(data: &[u8]) -> [u8; FCS_LEN] {
    let mut fcs = Fcs::new();
    fcs.update(data);
    fcs.to_octets()
}

/// What the register holds after data and its FCS (protocol §6.2).
const RESIDUE: u16 = 0xF0B8;

/// Octets that are taken in at a time, and their bits.
const WORD: usize = core::mem::size_of::<usize>();
const BITS: u32 = usize::BITS;

/// The quotient of a word of data, with the register in its first 16 bits, by the polynomial: it tells what
/// is left in the register.
///
/// A bit of the quotient is that of the data and those of the quotient 4, 11 and 16 places before, where the
/// polynomial x¹⁶ + x¹² + x⁵ + 1 has its next terms: so the quotient is the data divided by 1 + a, with
/// a = y⁴ + y¹¹ + y¹⁶, as power series. And one over 1 + a is (1 + a)(1 + a²)(1 + a⁴)…, since 1 + 1 is 0.
///
/// Measured against tables for eight octets at a time: 3.8 instructions an octet in place of 5.8 on 32-bit
/// ARM, 4.4 in place of 2.9 on x86-64 in a fifth more time; and no tables of 4 kB, which the cache has to hold
/// as well as the program.
#[inline(always)]
fn divided(word: usize) -> usize {
    let mut quotient = word;
    let mut power = 1;
    while 4 * power < BITS {
        // Beyond the word there is nothing.
        let shifted = |by: u32| quotient.checked_shl(by * power).unwrap_or(0);
        quotient ^= shifted(4) ^ shifted(11) ^ shifted(16);
        power *= 2;
    }
    quotient
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_is_that_of_x25() {
        assert_eq!(of(b"123456789"), [0x6E, 0x90]);
    }

    #[test]
    fn the_fcs_of_nothing_is_zero() {
        assert_eq!(of(b""), [0x00, 0x00]);
    }

    /// As the polynomial says it: bit by bit.
    #[test]
    fn an_octet_is_eight_divisions() {
        for register in [0x0000, 0xFFFF, 0x8408, 0x1234, 0xF0B8] {
            for octet in 0..=255 {
                let mut expected = register ^ u16::from(octet);
                for _ in 0..8 {
                    let carry = expected & 1;
                    expected = (expected >> 1) ^ (carry * 0x8408);
                }
                let mut fcs = Fcs { register };
                fcs.push(octet);
                assert_eq!(fcs.register, expected, "{octet:02X} to {register:04X}");
            }
        }
    }

    #[test]
    fn data_with_its_fcs_leaves_the_residue() {
        let mut fcs = Fcs::new();
        fcs.update(&[0x81, 0x00, 0x53, 0x9A]);
        assert!(fcs.is_good());
        fcs.push(0x00);
        assert!(!fcs.is_good());
    }

    proptest::proptest! {
        #[test]
        fn a_word_at_a_time_is_the_same_as_one_by_one(
            data in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
            cut in 0usize..64,
        ) {
            let (mut whole, mut single) = (Fcs::new(), Fcs::new());
            let (front, back) = data.split_at(cut.min(data.len()));
            whole.update(front);
            whole.update(back);
            data.iter().for_each(|&octet| single.push(octet));
            proptest::prop_assert_eq!(whole, single);
        }

        #[test]
        fn every_single_and_double_bit_error_is_seen(
            data in proptest::collection::vec(proptest::num::u8::ANY, 1..64),
            a in 0usize..66 * 8,
            b in 0usize..66 * 8,
        ) {
            let mut octets = data.clone();
            octets.extend_from_slice(&of(&data));
            let bits = octets.len() * 8;
            let (a, b) = (a % bits, b % bits);
            octets[a / 8] ^= 1 << (a % 8);
            if b != a {
                octets[b / 8] ^= 1 << (b % 8);
            }
            let mut fcs = Fcs::new();
            fcs.update(&octets);
            proptest::prop_assert!(!fcs.is_good());
        }
    }
}
