//! The randomness of everything simulated: splitmix64, seeded, so that a run can be repeated.
//!
//! The generator and its constants are from G. Steele, D. Lea, C. Flood, "Fast splittable
//! pseudorandom number generators", OOPSLA 2014, in the form that S. Vigna put into the public
//! domain in 2015. It is no cryptography and stands for none.

use super::spec::Rate;

/// A stream of numbers that depends on nothing but its seed.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// The stream of `seed`; any number will do.
    pub const fn new(seed: u64) -> Self {
        Rng { state: seed }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(MIX_1);
        z = (z ^ (z >> 27)).wrapping_mul(MIX_2);
        z ^ (z >> 31)
    }

    /// A number from `0..n`; 0 if `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        // The high half of a 128-bit product: no division, and a bias below n / 2^64.
        let product = u128::from(self.next_u64()) * u128::from(n);
        (product >> 64) as u64
    }

    /// Whether something that happens at `rate` happens now.
    pub fn chance(&mut self, rate: Rate) -> bool {
        // A rate of 0 takes no number: turning one fault off does not change the others.
        rate.ppm > 0 && self.below(PPM) < u64::from(rate.ppm)
    }

    /// `N` random octets.
    pub fn octets<const N: usize>(&mut self) -> [u8; N] {
        let mut octets = [0; N];
        for chunk in octets.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        octets
    }
}

/// 2^64 divided by the golden ratio, made odd (OOPSLA 2014, section 4).
const GOLDEN_GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
/// The two multipliers of the finaliser (Stafford's variant 13, as in the public-domain code).
const MIX_1: u64 = 0xBF58_476D_1CE4_E5B9;
const MIX_2: u64 = 0x94D0_49BB_1331_11EB;
/// What a [`Rate`] counts in.
const PPM: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_splitmix64() {
        // The reference output for seed 1234567 that the public-domain code is checked against.
        let mut rng = Rng::new(1_234_567);
        let first: [u64; 3] = [rng.next_u64(), rng.next_u64(), rng.next_u64()];
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::new(1);
        let mut seen = [false; 6];
        for _ in 0..1_000 {
            seen[rng.below(6) as usize] = true;
        }
        assert_eq!(seen, [true; 6]);
        assert_eq!(rng.below(0), 0);
    }

    #[test]
    fn a_chance_is_kept() {
        let mut rng = Rng::new(2);
        let quarter = Rate { ppm: 250_000 };
        let hits = (0..100_000).filter(|_| rng.chance(quarter)).count();
        assert!((24_000..26_000).contains(&hits), "{hits}");
        assert!(!(0..1_000).any(|_| rng.chance(Rate { ppm: 0 })));
        assert!((0..1_000).all(|_| rng.chance(Rate { ppm: 1_000_000 })));
    }
}
