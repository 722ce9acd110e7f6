//! Room for packets, laid out once: one packet on its way to the co-processor, a few on their way to
//! the TUN, and the pace that the co-processor can stand (protocol §7.7, §7.9).
//!
//! A packet goes without a TID as a rule: nothing comes back, and what the co-processor has no room for is
//! lost. One that comes on top of others, more than the radio can have sent meanwhile, goes with a TID, so
//! that the co-processor says whether it took it; if it had no room, the packet stays here and is sent
//! again soon. A few packets now and then cost no reply, and of a burst nothing is lost.

use super::packet::{Stream, MTU};
use crate::buffer::Buffer;
use crate::time::{Duration, Instant};
use crate::wire::ids::{Command, Property, Status};
use crate::wire::spinel::Header;

#[derive(Debug)]
pub(in crate::host) struct Slots {
    /// The interface that packets go to.
    iid: u8,
    /// A STREAM frame: room for its head, then the packet, as it was read.
    up: Box<[u8]>,
    /// Length of the packet in `up`; 0: none.
    up_len: usize,
    /// The packet was handed on and may be overwritten.
    taken: bool,
    /// It was sent with a TID, and is kept until the reply comes.
    asked: bool,
    flow: Flow,
    /// Packets sent, each counted once.
    pub(in crate::host) sent: u64,
    /// Packets that had to be sent again for want of room.
    pub(in crate::host) waited: u64,
    /// Packets for the TUN, each behind its length in two octets.
    down: Buffer,
    pace: Pace,
}

impl Slots {
    pub(in crate::host) fn new(iid: u8) -> Self {
        Slots {
            iid,
            up: vec![0; HEAD_LEN + MTU + 1].into_boxed_slice(),
            up_len: 0,
            taken: true,
            asked: false,
            flow: Flow::default(),
            sent: 0,
            waited: 0,
            down: Buffer::new(DOWN_PACKETS * (LENGTH_LEN + PACKET_MAX)),
            pace: Pace::default(),
        }
    }

    /// Where the next packet from the TUN goes: one octet more than the MTU, so that a packet that is
    /// too long shows. Empty while one waits.
    pub(in crate::host) fn input(&mut self) -> &mut [u8] {
        if !self.taken {
            return &mut [];
        }
        &mut self.up[HEAD_LEN..]
    }

    /// The first `n` octets of the input.
    pub(in crate::host) fn packet(&self, n: usize) -> &[u8] {
        self.up.get(HEAD_LEN..HEAD_LEN + n).unwrap_or_default()
    }

    /// The packet of `n` octets goes to the co-processor.
    pub(in crate::host) fn submit(&mut self, n: usize, stream: Stream) {
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

    /// Whether [`Slots::next_frame`] has one: a packet that does not have to wait.
    pub(in crate::host) fn has_frame(&self, now: Instant) -> bool {
        !self.taken && !self.asked && self.opens_at(now).is_none()
    }

    /// Whether it is to go with a TID.
    pub(in crate::host) fn asks(&mut self, now: Instant) -> bool {
        self.flow.asks(now, self.up_len)
    }

    /// The frame with the packet, unless it has to wait. With a TID that is not 0 it is kept until
    /// [`Slots::replied`] or [`Slots::unanswered`].
    pub(in crate::host) fn next_frame(&mut self, now: Instant, tid: u8) -> Option<&[u8]> {
        if !self.has_frame(now) {
            return None;
        }
        if !self.flow.waits() {
            self.sent += 1;
        }
        self.asked = tid != 0;
        self.taken = !self.asked;
        self.pace.passed(now);
        self.flow.sent(now, self.up_len);
        self.up[0] = Header::new(self.iid, tid)?.to_octet();
        self.up.get(..HEAD_LEN + self.up_len)
    }

    /// What the co-processor said of the packet that was sent with a TID.
    pub(in crate::host) fn replied(&mut self, now: Instant, error: Option<Status>) -> Fate {
        if !self.asked {
            return Fate::Taken;
        }
        self.asked = false;
        let no_room = matches!(error, Some(Status::NOMEM | Status::BUSY));
        if no_room {
            self.waited += u64::from(!self.flow.waits());
            if self.flow.no_room(now, self.up_len) {
                return Fate::Waits;
            }
        }
        self.flow.over(no_room);
        self.taken = true;
        match error {
            None => Fate::Taken,
            Some(_) if no_room => Fate::NoRoom,
            Some(_) => Fate::Refused,
        }
    }

    /// No reply came: the packet is on its way as far as can be known.
    pub(in crate::host) fn unanswered(&mut self) {
        if self.asked {
            self.asked = false;
            self.taken = true;
            self.flow.unanswered();
        }
    }

    /// What waits for the co-processor is void, and so is what was known of it.
    pub(in crate::host) fn drop_waiting(&mut self) {
        self.taken = true;
        self.asked = false;
        self.flow = Flow::default();
    }

    /// The co-processor ran out of room.
    pub(in crate::host) fn slow_down(&mut self, now: Instant) {
        self.pace.slow_down(now);
        self.flow.ask_from(now);
    }

    pub(in crate::host) fn clear_counters(&mut self) {
        self.sent = 0;
        self.waited = 0;
    }

    /// When the packet that waits may go; `None` if none has to wait.
    pub(in crate::host) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        self.opens_at(now).filter(|_| !self.taken && !self.asked)
    }

    fn opens_at(&self, now: Instant) -> Option<Instant> {
        let retry = self.flow.retry_at.filter(|at| now < *at);
        retry.max(self.pace.opens_at(now))
    }

    /// Whether one more packet for the TUN fits.
    pub(in crate::host) fn has_room(&self) -> bool {
        self.down.room() >= LENGTH_LEN + PACKET_MAX
    }

    /// Keeps a packet for the TUN; false if it is too long or there is no room.
    pub(in crate::host) fn push(&mut self, packet: &[u8]) -> bool {
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
    pub(in crate::host) fn output(&self) -> &[u8] {
        let filled = self.down.filled();
        let end = LENGTH_LEN + self.first_len();
        filled.get(LENGTH_LEN..end).unwrap_or_default()
    }

    /// The first packet was written: a TUN takes packets whole.
    pub(in crate::host) fn written(&mut self) {
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

/// What became of a packet that was sent with a TID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Fate {
    /// The co-processor has it.
    Taken,
    /// It had no room: sent again soon.
    Waits,
    /// It had no room for so long that the packet was given up.
    NoRoom,
    /// Its stack does not want it (§7.9: not to be repeated).
    Refused,
}

/// Which packets are sent with a TID, and when those are sent again for which there was no room.
#[derive(Debug, Default)]
struct Flow {
    /// Octets that the co-processor may still have, at `filled_at`.
    fill: u64,
    filled_at: Instant,
    /// It said that it has no room: until then everything is asked for.
    ask_until: Option<Instant>,
    /// When the packet that waits is sent again.
    retry_at: Option<Instant>,
    /// When there was no room for it for the first time.
    waits_since: Option<Instant>,
    /// How long it waits until the next try.
    wait: Duration,
    /// Packets in a row without a reply.
    unanswered: u8,
}

impl Flow {
    fn asks(&mut self, now: Instant, len: usize) -> bool {
        if self.unanswered >= UNANSWERED_MAX {
            // Firmware that does not answer to packets.
            return false;
        }
        self.drain(now);
        let is_much = self.fill + len as u64 > UNASKED_MAX;
        is_much || self.waits() || self.ask_until.is_some_and(|until| now < until)
    }

    fn sent(&mut self, now: Instant, len: usize) {
        self.drain(now);
        self.retry_at = None;
        // More than its buffers hold is not there.
        self.fill = (self.fill + len as u64).min(FILL_MAX);
    }

    /// Whether the packet has been sent, in vain.
    fn waits(&self) -> bool {
        self.waits_since.is_some()
    }

    /// There was no room; false if the packet is to be given up.
    fn no_room(&mut self, now: Instant, len: usize) -> bool {
        self.ask_from(now);
        self.unanswered = 0;
        self.fill = self.fill.saturating_sub(len as u64);
        let since = *self.waits_since.get_or_insert(now);
        if now >= since + GIVE_UP {
            return false;
        }
        self.wait = self.wait.saturating_mul(2).max(WAIT_MIN).min(WAIT_MAX);
        self.retry_at = Some(now + self.wait);
        true
    }

    /// The packet is gone, one way or the other.
    fn over(&mut self, no_room: bool) {
        self.unanswered = 0;
        self.waits_since = None;
        self.retry_at = None;
        if !no_room {
            // The next one has a better chance sooner than this one had.
            self.wait /= 4;
        }
    }

    fn unanswered(&mut self) {
        let before = self.unanswered;
        self.over(false);
        self.unanswered = before.saturating_add(1);
    }

    fn ask_from(&mut self, now: Instant) {
        self.ask_until = Some(now + ASK_FOR);
    }

    fn drain(&mut self, now: Instant) {
        let millis = now
            .since(self.filled_at)
            .as_millis()
            .min(u128::from(FILL_MAX)) as u64;
        if millis > 0 {
            self.fill = self.fill.saturating_sub(millis * DRAIN_PER_MS);
            self.filled_at = now;
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
/// How long the reply to a packet is waited for: it is one of the first things that firmware does with it.
pub(in crate::host) const REPLY_WITHIN: Duration = Duration::from_millis(500);
/// Protocol §7.9: about two packets ahead, which the smallest firmware holds. More than that at once is
/// asked for.
const UNASKED_MAX: u64 = 2 * MTU as u64;
/// 250 kbit/s are 31 octets in a millisecond; with headers, back-off and acknowledgements of fragments a
/// third of that is left on one hop, and less on several.
const DRAIN_PER_MS: u64 = 8;
/// OpenThread's message buffers: 44 of 128 octets by default, four times as many on large chips.
const FILL_MAX: u64 = 4 * 44 * 128;
/// A fragment leaves each few milliseconds, a packet each few dozen.
const WAIT_MIN: Duration = Duration::from_millis(10);
const WAIT_MAX: Duration = Duration::from_millis(160);
/// As for a serial line whose other end is full (protocol §7.9).
const GIVE_UP: Duration = Duration::from_secs(5);
/// What filled its buffers may go on.
const ASK_FOR: Duration = Duration::from_secs(10);
/// One reply may get lost.
const UNANSWERED_MAX: u8 = 3;
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
        let mut slots = Slots::new(0);
        assert_eq!(slots.input().len(), 1_281);
        fill(&mut slots, &[0x60, 1, 2]);
        assert!(slots.input().is_empty(), "one at a time");
        let frame = [0x80, 3, 0x72, 3, 0, 0x60, 1, 2];
        assert_eq!(slots.next_frame(at(0), 0), Some(&frame[..]));
        assert_eq!(slots.next_frame(at(0), 0), None);
        assert!(!slots.input().is_empty());
        slots.submit(3, Stream::NetInsecure);
        assert_eq!(slots.next_frame(at(0), 0).map(|frame| frame[2]), Some(0x73));
    }

    #[test]
    fn packets_for_the_tun_come_out_whole_and_in_order() {
        let mut slots = Slots::new(0);
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
        let mut slots = Slots::new(0);
        for millis in (0..400).step_by(4) {
            fill(&mut slots, &[0x60]);
            assert!(slots.next_frame(at(millis), 0).is_some());
        }
        // The last one left at 396, one every 4 ms.
        slots.slow_down(at(397));
        fill(&mut slots, &[0x60]);
        assert_eq!(slots.next_frame(at(400), 0), None);
        let due = slots.poll_timeout(at(400)).unwrap();
        let gap = due.since(at(396)).as_micros();
        assert!((7_900..=8_000).contains(&gap), "{gap}");
        assert!(slots.next_frame(due, 0).is_some());
        fill(&mut slots, &[0x60]);
        assert!(slots.next_frame(due, 0).is_none());
        assert_eq!(slots.poll_timeout(at(497)), None);
        assert!(slots.next_frame(at(497), 0).is_some(), "over");
    }
}
