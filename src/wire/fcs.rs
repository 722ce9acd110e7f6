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
        let index = (self.register ^ u16::from(octet)) & 0xFF;
        self.register = (self.register >> 8) ^ TABLES[0][usize::from(index)];
    }

    /// Takes octets in, eight at a time: what each of the eight does to the register behind them is
    /// looked up on its own.
    pub fn update(&mut self, octets: &[u8]) {
        let mut chunks = octets.chunks_exact(STEP);
        for chunk in &mut chunks {
            let [low, high] = self.register.to_le_bytes();
            let mut register = TABLES[STEP - 1][usize::from(chunk[0] ^ low)]
                ^ TABLES[STEP - 2][usize::from(chunk[1] ^ high)];
            for (index, &octet) in chunk.iter().enumerate().skip(2) {
                register ^= TABLES[STEP - 1 - index][usize::from(octet)];
            }
            self.register = register;
        }
        for &octet in chunks.remainder() {
            self.push(octet);
        }
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

/// Octets that are taken in at a time.
const STEP: usize = 8;

/// `TABLES[n][octet]`: what `octet` leaves in the register after `n` more octets of zero.
const TABLES: [[u16; 256]; STEP] = tables();

const fn tables() -> [[u16; 256]; STEP] {
    let mut tables = [[0; 256]; STEP];
    let mut index = 0;
    while index < 256 {
        let mut register = index as u16;
        let mut bit = 0;
        while bit < 8 {
            let carry = register & 1 == 1;
            register >>= 1;
            if carry {
                register ^= POLYNOMIAL;
            }
            bit += 1;
        }
        tables[0][index] = register;
        index += 1;
    }
    let mut step = 1;
    while step < STEP {
        index = 0;
        while index < 256 {
            let before = tables[step - 1][index];
            tables[step][index] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            index += 1;
        }
        step += 1;
    }
    tables
}

/// 0x1021 with its bits in the order in which they are sent.
const POLYNOMIAL: u16 = 0x8408;

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
        fn eight_at_a_time_is_the_same_as_one_by_one(
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
