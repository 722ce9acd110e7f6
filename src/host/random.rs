//! Random numbers from the octets that the shell gave: the ChaCha20 block function (RFC 8439 §2.3) as
//! a generator. Keys are made of it, and names that everyone can hear; what is heard must not tell the
//! key, so a simple generator will not do.

/// A stream of random octets.
pub(super) struct Random {
    key: [u32; 8],
    counter: u32,
}

impl Random {
    /// From 32 octets that nobody can guess.
    pub(super) fn new(seed: [u8; 32]) -> Self {
        let mut key = [0; 8];
        for (word, octets) in key.iter_mut().zip(seed.chunks_exact(4)) {
            *word = octets
                .iter()
                .rev()
                .fold(0, |sum, octet| sum << 8 | u32::from(*octet));
        }
        Random { key, counter: 0 }
    }

    /// The next 32 octets.
    pub(super) fn next(&mut self) -> [u8; 32] {
        let block = block(&self.key, self.counter, [0; 3]);
        self.counter = self.counter.wrapping_add(1);
        let mut octets = [0; 32];
        for (chunk, word) in octets.chunks_exact_mut(4).zip(block) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        octets
    }
}

fn block(key: &[u32; 8], counter: u32, nonce: [u32; 3]) -> [u32; 16] {
    let mut start = [0; 16];
    start[..4].copy_from_slice(&CONSTANTS);
    start[4..12].copy_from_slice(key);
    start[12] = counter;
    start[13..].copy_from_slice(&nonce);
    let mut state = start;
    for _ in 0..DOUBLE_ROUNDS {
        for [a, b, c, d] in QUARTERS {
            quarter_round(&mut state, a, b, c, d);
        }
    }
    for (word, first) in state.iter_mut().zip(start) {
        *word = word.wrapping_add(first);
    }
    state
}

fn quarter_round(state: &mut [u32; 16], a: usize, b: usize, c: usize, d: usize) {
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(16);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(12);
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(8);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(7);
}

/// RFC 8439 §2.3.
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646E, 0x7962_2D32, 0x6B20_6574];
const DOUBLE_ROUNDS: usize = 10;
const QUARTERS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8439 §2.3.2.
    #[test]
    fn is_chacha20() {
        let seed: [u8; 32] = core::array::from_fn(|n| n as u8);
        let key = Random::new(seed).key;
        let nonce = [0x0900_0000, 0x4A00_0000, 0];
        let block = block(&key, 1, nonce);
        assert_eq!(block[..3], [0xE4E7_F110, 0x1559_3BD1, 0x1FDD_0F50]);
        assert_eq!(block[15], 0x4E3C_50A2);
    }

    #[test]
    fn octets_differ() {
        let mut random = Random::new([7; 32]);
        let mut seen: Vec<_> = (0..100).map(|_| random.next()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 100);
    }
}
