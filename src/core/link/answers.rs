//! Whether the slave owes an answer, so that its INT is looked at more often.

use super::limits::ANSWER_TIMEOUT;
use crate::time::Instant;

/// The TIDs that an answer is due for. TID 0 stands for datagrams and resets, whose answer, if there is
/// one, has TID 0 too.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answers {
    tids: u16,
    since: Instant,
}

impl Answers {
    /// The slave took `frame`.
    pub(super) fn asked(&mut self, now: Instant, frame: &[u8]) {
        self.tids |= Self::bit(frame);
        self.since = now;
    }

    /// The slave gave `frame`.
    pub(super) fn heard(&mut self, frame: &[u8]) {
        self.tids &= !Self::bit(frame);
    }

    /// Whether an answer may still come.
    pub(super) fn are_due(&self, now: Instant) -> bool {
        self.tids != 0 && now.since(self.since) < ANSWER_TIMEOUT
    }

    fn bit(frame: &[u8]) -> u16 {
        1 << (frame.first().map_or(0, |octet| octet & 0x0F))
    }
}
