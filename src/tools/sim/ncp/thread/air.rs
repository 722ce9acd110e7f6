//! This node's end of the radio: frames out and in, back-pressure, and a sniffer's backlog.
//!
//! What cannot be sent at once waits here, and the host has to wait too; what the host does not fetch
//! stays in the medium for [`STALL_MAX`], and is dropped after that (NOMEM), as in firmware.

use super::lowpan::Reassembler;
use crate::sim::radio::Medium;
use crate::time::{earliest, Duration, Instant};
use std::collections::VecDeque;

/// One end of the medium.
#[derive(Debug, Default)]
pub(crate) struct Air {
    medium: Option<Box<dyn Medium>>,
    /// Frames that wait for a free channel.
    out: VecDeque<Vec<u8>>,
    /// When to try again.
    retry_at: Option<Instant>,
    /// The host has not fetched its packets; frames are dropped from then on.
    stalled_until: Option<Instant>,
    /// It has not for so long that frames are dropped.
    overrun: bool,
    /// There was more than one round takes.
    more: bool,
    /// Frames that this round still takes.
    left: usize,
    reassembler: Reassembler,
    sequence: u8,
    tag: u16,
    /// Frames for a sniffer.
    raw: VecDeque<Vec<u8>>,
    /// When the neighbourhood speaks next, while somebody sniffs.
    chatter_at: Option<Instant>,
}

impl Air {
    pub(crate) fn new(medium: Option<Box<dyn Medium>>) -> Self {
        Air {
            medium,
            ..Air::default()
        }
    }

    /// Forgets everything but the radio itself.
    pub(crate) fn restart(&mut self) {
        *self = Air::new(self.medium.take());
    }

    /// Whether there is anybody else.
    pub(crate) fn has_radio(&self) -> bool {
        self.medium.is_some()
    }

    /// Whether a packet of the host can be taken.
    pub(crate) fn is_ready(&self) -> bool {
        self.out.len() <= OUT_MAX
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.more {
            return Some(Instant::ZERO);
        }
        let heard = match (self.stalled_until, &self.medium) {
            (Some(until), _) if !self.overrun => Some(until),
            (_, Some(medium)) => medium.poll_timeout(),
            (_, None) => None,
        };
        earliest(earliest(self.retry_at, self.chatter_at), heard)
    }

    /// Sends what waits, as far as the channel is free.
    pub(crate) fn flush(&mut self, now: Instant) {
        let Some(medium) = &mut self.medium else {
            return self.out.clear();
        };
        self.retry_at = None;
        while let Some(frame) = self.out.front() {
            if !medium.send(now, frame) {
                break;
            }
            self.out.pop_front();
        }
        if !(medium.flush() && self.out.is_empty()) {
            self.retry_at = Some(now + RETRY);
        }
    }

    /// Puts a frame of the MAC on the air, or has it wait; false if too many wait.
    pub(crate) fn send(&mut self, now: Instant, channel: u8, power: u8, psdu: &[u8]) -> bool {
        if self.out.len() >= OUT_LIMIT {
            return false;
        }
        self.out.push_back([&[channel, power], psdu].concat());
        self.flush(now);
        true
    }

    pub(crate) fn next_sequence(&mut self) -> u8 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Of the fragments of one packet.
    pub(crate) fn next_tag(&mut self) -> u16 {
        self.tag = self.tag.wrapping_add(1);
        self.tag
    }

    /// From here on [`Air::receive`] gives as many frames as one round takes.
    pub(crate) fn begin_round(&mut self) {
        self.more = false;
        self.left = FRAMES_PER_ROUND;
    }

    /// The next frame that was heard. `is_full`: the host has not fetched its packets, so that what is heard
    /// stays where it is for a while.
    pub(crate) fn receive(&mut self, now: Instant, is_full: bool, buf: &mut [u8]) -> Option<usize> {
        if self.left == 0 {
            // The host gets its turn, and then the rest is heard.
            self.more = true;
            return None;
        }
        self.left -= 1;
        if self.is_stalled(now, is_full) {
            return None;
        }
        let len = self.medium.as_mut()?.receive(now, buf)?;
        Some(len.min(buf.len()))
    }

    fn is_stalled(&mut self, now: Instant, is_full: bool) -> bool {
        if !is_full {
            self.stalled_until = None;
            self.overrun = false;
            return false;
        }
        let until = *self.stalled_until.get_or_insert(now + STALL_MAX);
        self.overrun = now >= until;
        !self.overrun
    }

    /// The packet that a frame completes.
    pub(crate) fn reassemble(
        &mut self,
        now: Instant,
        source: [u8; 8],
        payload: &[u8],
    ) -> Option<Vec<u8>> {
        self.reassembler.take(now, source, payload)
    }

    /// A frame for the sniffer; one too many is lost.
    pub(crate) fn push_raw(&mut self, frame: Vec<u8>) {
        if self.raw.len() < RAW_MAX {
            self.raw.push_back(frame);
        }
    }

    pub(crate) fn take_raw(&mut self) -> Option<Vec<u8>> {
        self.raw.pop_front()
    }

    /// Whether the neighbourhood speaks now, which it does while somebody sniffs.
    pub(crate) fn is_chatter_due(&mut self, now: Instant, is_sniffing: bool) -> bool {
        if !is_sniffing {
            self.chatter_at = None;
            return false;
        }
        if now < *self.chatter_at.get_or_insert(now) {
            return false;
        }
        self.chatter_at = Some(now + CHATTER);
        true
    }
}

/// Two packets of 1280 octets in fragments.
const OUT_MAX: usize = 28;
/// And what the network itself has to say meanwhile.
pub(crate) const OUT_LIMIT: usize = 4 * OUT_MAX;
/// Half of what epoll can time: on a busy channel the others read meanwhile.
const RETRY: Duration = Duration::from_micros(500);
/// How long the host may leave its packets, before others are dropped: a moment for a host, and less than
/// the 12 s after which this node would lose its neighbours.
const STALL_MAX: Duration = Duration::from_millis(200);
/// Four packets of 1280 octets in fragments: then the host gets its turn.
const FRAMES_PER_ROUND: usize = 64;
/// A sniffer's backlog.
pub(crate) const RAW_MAX: usize = 32;
const CHATTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    /// Has as many frames as wanted, and takes none.
    #[derive(Debug)]
    struct Busy(usize);

    impl Medium for Busy {
        fn send(&mut self, _now: Instant, _frame: &[u8]) -> bool {
            false
        }

        fn receive(&mut self, _now: Instant, buf: &mut [u8]) -> Option<usize> {
            self.0 = self.0.checked_sub(1)?;
            buf[0] = 1;
            Some(1)
        }
    }

    fn air(frames: usize) -> Air {
        Air::new(Some(Box::new(Busy(frames))))
    }

    #[test]
    fn a_round_ends_and_the_rest_is_heard_at_once() {
        let mut air = air(FRAMES_PER_ROUND + 1);
        let now = Instant::from_millis(1_000);
        let mut buf = [0; 4];
        air.begin_round();
        let heard = core::iter::from_fn(|| air.receive(now, false, &mut buf)).count();
        assert_eq!(heard, FRAMES_PER_ROUND);
        assert_eq!(air.poll_timeout(), Some(Instant::ZERO));
        air.begin_round();
        assert_eq!(air.receive(now, false, &mut buf), Some(1));
        assert_eq!(air.receive(now, false, &mut buf), None);
        assert_eq!(air.poll_timeout(), None);
    }

    #[test]
    fn what_the_host_does_not_fetch_stalls_for_a_while() {
        let mut air = air(2);
        let now = Instant::from_millis(1_000);
        let mut buf = [0; 4];
        air.begin_round();
        assert_eq!(air.receive(now, true, &mut buf), None);
        assert_eq!(air.poll_timeout(), Some(now + STALL_MAX));
        assert_eq!(air.receive(now + STALL_MAX, true, &mut buf), Some(1));
        assert_eq!(air.receive(now + STALL_MAX, false, &mut buf), Some(1));
    }

    #[test]
    fn a_busy_channel_holds_so_many_frames_and_no_more() {
        let mut air = air(0);
        let now = Instant::from_millis(1_000);
        let sent = (0..1_000).filter(|_| air.send(now, 15, 0, &[1])).count();
        assert_eq!((sent, air.is_ready()), (OUT_LIMIT, false));
        assert_eq!(air.poll_timeout(), Some(now + RETRY));
    }
}
