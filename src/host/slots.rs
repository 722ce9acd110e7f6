//! Room for packets, laid out once: one packet on its way to the co-processor, a few on their way to
//! the TUN, and the pace that the co-processor can stand (protocol §7.7, §7.9).

use super::packet::{Stream, MTU};
use crate::buffer::Buffer;
use crate::time::{Duration, Instant};
use crate::wire::ids::{Command, Property};
use crate::wire::spinel::Header;

#[derive(Debug)]
pub(super) struct Slots {
    /// A STREAM frame: room for its head, then the packet, as it was read.
    up: Box<[u8]>,
    /// Length of the packet in `up`; 0: none.
    up_len: usize,
    /// The packet was handed on and may be overwritten.
    taken: bool,
    /// Packets for the TUN, each behind its length in two octets.
    down: Buffer,
    pace: Pace,
}

impl Slots {
    pub(super) fn new() -> Self {
        Slots {
            up: vec![0; HEAD_LEN + MTU + 1].into_boxed_slice(),
            up_len: 0,
            taken: true,
            down: Buffer::new(DOWN_PACKETS * (LENGTH_LEN + PACKET_MAX)),
            pace: Pace::default(),
        }
    }

    /// Where the next packet from the TUN goes: one octet more than the MTU, so that a packet that is
    /// too long shows. Empty while one waits.
    pub(super) fn input(&mut self) -> &mut [u8] {
        if !self.taken {
            return &mut [];
        }
        &mut self.up[HEAD_LEN..]
    }

    /// The first `n` octets of the input.
    pub(super) fn packet(&self, n: usize) -> &[u8] {
        self.up.get(HEAD_LEN..HEAD_LEN + n).unwrap_or_default()
    }

    /// The packet of `n` octets goes to the co-processor.
    pub(super) fn submit(&mut self, n: usize, stream: Stream) {
        let property = match stream {
            Stream::Net => Property::STREAM_NET,
            Stream::NetInsecure => Property::STREAM_NET_INSECURE,
        };
        // Both fit: 114 and 115 are packed in one octet, and `n` is at most 1280.
        let [low, high] = (n as u16).to_le_bytes();
        let head = [
            Header::UNSOLICITED.to_octet(),
            Command::PROP_VALUE_SET.0 as u8,
            property.0 as u8,
            low,
            high,
        ];
        self.up[..HEAD_LEN].copy_from_slice(&head);
        self.up_len = n;
        self.taken = false;
    }

    /// The frame with the packet, unless it has to wait.
    pub(super) fn next_frame(&mut self, now: Instant) -> Option<&[u8]> {
        if self.taken || self.pace.opens_at(now).is_some() {
            return None;
        }
        self.taken = true;
        self.pace.passed(now);
        self.up.get(..HEAD_LEN + self.up_len)
    }

    /// What waits for the co-processor is void.
    pub(super) fn drop_waiting(&mut self) {
        self.taken = true;
    }

    /// The co-processor ran out of room.
    pub(super) fn slow_down(&mut self, now: Instant) {
        self.pace.slow_down(now);
    }

    /// When the packet that waits may go; `None` if none has to wait.
    pub(super) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        self.pace.opens_at(now).filter(|_| !self.taken)
    }

    /// Whether one more packet for the TUN fits.
    pub(super) fn has_room(&self) -> bool {
        self.down.room() >= LENGTH_LEN + PACKET_MAX
    }

    /// Keeps a packet for the TUN; false if it is too long or there is no room.
    pub(super) fn push(&mut self, packet: &[u8]) -> bool {
        let end = LENGTH_LEN + packet.len();
        if packet.is_empty() || packet.len() > PACKET_MAX || self.down.room() < end {
            return false;
        }
        let space = self.down.space();
        // At most PACKET_MAX, which fits in 16 bits.
        space[..LENGTH_LEN].copy_from_slice(&(packet.len() as u16).to_le_bytes());
        space[LENGTH_LEN..end].copy_from_slice(packet);
        self.down.commit(end);
        true
    }

    /// The first packet for the TUN.
    pub(super) fn output(&self) -> &[u8] {
        let filled = self.down.filled();
        let end = LENGTH_LEN + self.first_len();
        filled.get(LENGTH_LEN..end).unwrap_or_default()
    }

    /// The first packet was written: a TUN takes packets whole.
    pub(super) fn written(&mut self) {
        if !self.down.filled().is_empty() {
            self.down.consume(LENGTH_LEN + self.first_len());
        }
    }

    fn first_len(&self) -> usize {
        match self.down.filled() {
            [low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => 0,
        }
    }
}

/// How fast datagrams may follow each other: as they come, or for some time half as fast.
#[derive(Debug, Default)]
struct Pace {
    last: Option<Instant>,
    /// The usual gap between two datagrams, in microseconds.
    usual: u64,
    /// The least gap until `slow_until`, in microseconds.
    gap: u64,
    slow_until: Option<Instant>,
}

impl Pace {
    fn slow_down(&mut self, now: Instant) {
        let before = if self.is_slow(now) { self.gap } else { 0 };
        self.gap = before
            .max(self.usual)
            .max(GAP_MIN)
            .saturating_mul(2)
            .min(GAP_MAX);
        self.slow_until = Some(now + SLOW_FOR);
    }

    fn is_slow(&self, now: Instant) -> bool {
        self.slow_until.is_some_and(|until| now < until)
    }

    /// When the next datagram may go; `None`: now.
    fn opens_at(&self, now: Instant) -> Option<Instant> {
        let until = self.slow_until.filter(|until| now < *until)?;
        let at = self.last? + Duration::from_micros(self.gap);
        Some(at.min(until)).filter(|at| now < *at)
    }

    fn passed(&mut self, now: Instant) {
        if let Some(last) = self.last {
            let gap = now.since(last).as_micros().min(u128::from(GAP_MAX)) as u64;
            // An eighth of the new one, as RFC 6298 smooths round trips.
            self.usual = (self.usual * 7 + gap) / 8;
        }
        self.last = Some(now);
    }
}

/// The longest packet that firmware hands to its host (protocol §7.7).
const PACKET_MAX: usize = 1_296;
/// `80 03 72` and the packet's length (protocol §7.7).
const HEAD_LEN: usize = 5;
const LENGTH_LEN: usize = 2;
/// Twice what a co-processor holds ("a handful of 1280-octet packets", protocol §7.9), so that all it
/// has fits while the TUN is busy.
const DOWN_PACKETS: usize = 12;
/// Protocol §7.9.
const SLOW_FOR: Duration = Duration::from_millis(100);
/// A packet of 1280 octets takes some 50 ms on air in its eleven fragments: slower helps nobody.
const GAP_MAX: u64 = 50_000;
/// A transaction of some 40 octets takes 0.4 ms at 1 MHz; twice that with its gap.
const GAP_MIN: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    fn fill(slots: &mut Slots, octets: &[u8]) {
        slots.input()[..octets.len()].copy_from_slice(octets);
        assert_eq!(slots.packet(octets.len()), octets);
        slots.submit(octets.len(), Stream::Net);
    }

    #[test]
    fn a_packet_is_framed_where_it_was_read() {
        let mut slots = Slots::new();
        assert_eq!(slots.input().len(), 1_281);
        fill(&mut slots, &[0x60, 1, 2]);
        assert!(slots.input().is_empty(), "one at a time");
        let frame = [0x80, 3, 0x72, 3, 0, 0x60, 1, 2];
        assert_eq!(slots.next_frame(at(0)), Some(&frame[..]));
        assert_eq!(slots.next_frame(at(0)), None);
        assert!(!slots.input().is_empty());
        slots.submit(3, Stream::NetInsecure);
        assert_eq!(slots.next_frame(at(0)).map(|frame| frame[2]), Some(0x73));
    }

    #[test]
    fn packets_for_the_tun_come_out_whole_and_in_order() {
        let mut slots = Slots::new();
        let mut sent = 0_u32;
        let mut got = 0_u32;
        for round in 0..50 {
            while slots.has_room() {
                let mut packet = vec![0x60; 40 + (sent as usize * 97) % 1_257];
                packet[..4].copy_from_slice(&sent.to_be_bytes());
                assert!(slots.push(&packet));
                sent += 1;
            }
            for _ in 0..=round % 7 {
                let packet = slots.output();
                assert_eq!(packet.len(), 40 + (got as usize * 97) % 1_257);
                assert_eq!(packet[..4], got.to_be_bytes());
                got += 1;
                slots.written();
            }
        }
        assert!(!slots.push(&[0; PACKET_MAX + 1]));
        assert!(!slots.push(&[]));
    }

    #[test]
    fn the_rate_is_halved_for_a_tenth_of_a_second() {
        let mut slots = Slots::new();
        for millis in (0..400).step_by(4) {
            fill(&mut slots, &[0x60]);
            assert!(slots.next_frame(at(millis)).is_some());
        }
        // The last one left at 396, one every 4 ms.
        slots.slow_down(at(397));
        fill(&mut slots, &[0x60]);
        assert_eq!(slots.next_frame(at(400)), None);
        let due = slots.poll_timeout(at(400)).unwrap();
        let gap = due.since(at(396)).as_micros();
        assert!((7_900..=8_000).contains(&gap), "{gap}");
        assert!(slots.next_frame(due).is_some());
        fill(&mut slots, &[0x60]);
        assert!(slots.next_frame(due).is_none());
        assert_eq!(slots.poll_timeout(at(497)), None);
        assert!(slots.next_frame(at(497)).is_some(), "over");
    }
}
