//! IPv6 over IEEE 802.15.4 (RFC 4944): the uncompressed dispatch, and fragments. A sniffer decodes it
//! without knowing anything of Thread.

use super::ping::MTU;
use crate::time::{Duration, Instant};

/// The payloads of the frames that carry `packet` (1..=[`MTU`] octets), each of at most `max` octets.
pub(crate) fn split(packet: &[u8], tag: u16, max: usize) -> Vec<Vec<u8>> {
    if packet.len() < max {
        return vec![[&[IPV6], packet].concat()];
    }
    // All fragments but the last hold a multiple of eight octets.
    let room = max.saturating_sub(FRAGN_LEN).max(8) / 8 * 8;
    let [high, low] = (packet.len() as u16).to_be_bytes();
    let tag = tag.to_be_bytes();
    let fragments = packet.chunks(room).enumerate();
    fragments
        .map(|(n, chunk)| match n {
            0 => [&[FRAG1 | high, low, tag[0], tag[1], IPV6], chunk].concat(),
            _ => {
                let offset = (n * room / 8) as u8;
                [&[FRAGN | high, low, tag[0], tag[1], offset], chunk].concat()
            }
        })
        .collect()
}

/// Puts packets together again.
#[derive(Debug, Default)]
pub(crate) struct Reassembler {
    partial: Vec<Partial>,
}

#[derive(Debug)]
struct Partial {
    source: [u8; 8],
    tag: [u8; 2],
    packet: Vec<u8>,
    /// Which units of eight octets are there.
    there: [bool; UNITS],
    until: Instant,
}

impl Reassembler {
    /// Takes the payload of a frame from `source`; a packet that is complete comes back.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        source: [u8; 8],
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        let (&dispatch, rest) = payload.split_first()?;
        if dispatch == IPV6 {
            return Some(rest.to_vec()).filter(|packet| packet.len() <= MTU);
        }
        let first = match dispatch & 0xF8 {
            FRAG1 => true,
            FRAGN => false,
            _ => return None,
        };
        let head = payload.get(..FRAGN_LEN)?;
        let size = usize::from(u16::from_be_bytes([head[0] & 0x07, head[1]]));
        let tag = [head[2], head[3]];
        let start = match first {
            true if head[4] == IPV6 => 0,
            true => return None,
            false => usize::from(head[4]) * 8,
        };
        let data = payload.get(FRAGN_LEN..)?;
        let end = start + data.len();
        let whole = data.len() % 8 == 0 || end == size;
        if size > MTU || end > size || data.is_empty() || !whole {
            return None;
        }
        let index = self.find(now, source, tag, size);
        let partial = self.partial.get_mut(index)?;
        partial.packet[start..end].copy_from_slice(data);
        let units = start / 8..end.div_ceil(8);
        partial.there[units].fill(true);
        let all = size.div_ceil(8);
        if partial.there[..all].iter().all(|there| *there) {
            return Some(self.partial.swap_remove(index).packet);
        }
        None
    }

    /// The place where this packet grows, a new one if there is none yet.
    fn find(&mut self, now: Instant, source: [u8; 8], tag: [u8; 2], size: usize) -> usize {
        self.partial.retain(|partial| partial.until > now);
        let same = |partial: &Partial| {
            (partial.source, partial.tag, partial.packet.len()) == (source, tag, size)
        };
        if let Some(index) = self.partial.iter().position(same) {
            return index;
        }
        if self.partial.len() >= PARTIAL_MAX {
            self.partial.remove(0);
        }
        self.partial.push(Partial {
            source,
            tag,
            packet: vec![0; size],
            there: [false; UNITS],
            until: now + PATIENCE,
        });
        self.partial.len() - 1
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.partial.len()
    }
}

/// RFC 4944, section 5.1.
const IPV6: u8 = 0x41;
/// RFC 4944, section 5.3: five bits of dispatch, then the size.
const FRAG1: u8 = 0xC0;
const FRAGN: u8 = 0xE0;
/// Also what the first fragment has with the dispatch of the packet.
const FRAGN_LEN: usize = 5;
const UNITS: usize = MTU / 8;
/// A handful, as in firmware with its few dozen buffers.
pub(crate) const PARTIAL_MAX: usize = 8;
/// RFC 4944, section 5.3: at most 60 s; OpenThread waits two.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_as_in_the_rfc() {
        assert_eq!(split(&[0x60; 40], 7, 104)[0][..2], [0x41, 0x60]);
        let fragments = split(&[0x60; 1280], 0x1234, 104);
        assert_eq!(fragments.len(), 14);
        assert_eq!(fragments[0][..6], [0xC5, 0x00, 0x12, 0x34, 0x41, 0x60]);
        assert_eq!(fragments[1][..5], [0xE5, 0x00, 0x12, 0x34, 12]);
    }

    #[test]
    fn gives_up_what_never_ends() {
        let mut reassembler = Reassembler::default();
        for tag in 0..100 {
            let first = split(&[0x60; 200], tag, 104).remove(0);
            assert_eq!(reassembler.take(Instant::ZERO, [0; 8], &first), None);
        }
        assert_eq!(reassembler.len(), PARTIAL_MAX);
    }

    proptest! {
        #[test]
        fn comes_back_in_any_order(
            packet in prop::collection::vec(any::<u8>(), 1..=MTU),
            max in 20usize..105,
            turn: prop::sample::Index,
            tag: u16,
        ) {
            let mut fragments = split(&packet, tag, max);
            prop_assert!(fragments.iter().all(|fragment| fragment.len() <= max));
            let count = fragments.len();
            fragments.rotate_left(turn.index(count));
            let mut reassembler = Reassembler::default();
            let mut whole = Vec::new();
            for fragment in &fragments {
                whole.extend(reassembler.take(Instant::ZERO, [1; 8], fragment));
            }
            prop_assert_eq!(whole, vec![packet]);
        }

        #[test]
        fn noise_is_harmless(frames in prop::collection::vec(
            (prop_oneof![Just(0x41u8), 0xC0..0xC6u8, 0xE0..0xE6u8],
             prop::collection::vec(any::<u8>(), 0..100)), 0..50,
        )) {
            let mut reassembler = Reassembler::default();
            for (dispatch, rest) in frames {
                let payload = [&[dispatch], rest.as_slice()].concat();
                if let Some(packet) = reassembler.take(Instant::ZERO, [0; 8], &payload) {
                    prop_assert!(packet.len() <= MTU);
                }
                prop_assert!(reassembler.len() <= PARTIAL_MAX);
            }
        }
    }
}
