//! A co-processor that sends every frame back, in order: for throughput, soak tests and a first look at
//! a link (`sim:echo`).

use super::{Firmware, ResetCause};
use crate::buffer::Buffer;
use crate::time::Instant;

/// Sends every frame back.
#[derive(Debug)]
pub struct Echo {
    /// Frames that wait, each behind its length in two octets.
    queue: Buffer,
}

impl Echo {
    /// An echo with nothing to say.
    pub fn new() -> Self {
        Echo {
            queue: Buffer::new(QUEUE_LEN),
        }
    }

    fn push(&mut self, frame: &[u8]) {
        let Ok(len) = u16::try_from(frame.len()) else {
            return;
        };
        if self.queue.room() < LENGTH_LEN + frame.len() {
            return;
        }
        let space = self.queue.space();
        space[..LENGTH_LEN].copy_from_slice(&len.to_le_bytes());
        space[LENGTH_LEN..LENGTH_LEN + frame.len()].copy_from_slice(frame);
        self.queue.commit(LENGTH_LEN + frame.len());
    }
}

impl Default for Echo {
    fn default() -> Self {
        Echo::new()
    }
}

impl Firmware for Echo {
    fn reset(&mut self, _now: Instant, cause: ResetCause) {
        self.queue.clear();
        // PROP_VALUE_IS LAST_STATUS (protocol §1.5).
        self.push(&[0x80, 0x06, 0x00, cause as u8]);
    }

    fn receive(&mut self, _now: Instant, frame: &[u8]) {
        self.push(frame);
    }

    fn transmit(&mut self, _now: Instant, buf: &mut [u8]) -> Option<usize> {
        let queued = self.queue.filled();
        let length = queued.get(..LENGTH_LEN)?;
        let len = usize::from(u16::from_le_bytes([length[0], length[1]]));
        let frame = queued.get(LENGTH_LEN..LENGTH_LEN + len)?;
        buf.get_mut(..len)?.copy_from_slice(frame);
        self.queue.consume(LENGTH_LEN + len);
        Some(len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn is_ready(&self) -> bool {
        self.queue.room() >= QUEUE_LEN / 2
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        None
    }
}

const LENGTH_LEN: usize = 2;

/// Room for a handful of frames of 1300 octets, as an NCP has (protocol §7.9).
const QUEUE_LEN: usize = 8 * 1302;
