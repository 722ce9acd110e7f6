//! Whole frames (`--raw`): one per read and one per write, without HDLC; for datagram sockets and for
//! pipes in packet mode.

use crate::bridge::Upper;
use crate::buffer::Buffer;
use crate::wire::spi::FRAME_MAX;

/// The raw face of the bridge.
#[derive(Debug)]
pub struct Port {
    mtu: usize,
    /// One octet longer than the MTU, so that a frame that is too long shows.
    input: Box<[u8]>,
    /// Length of the frame in `input`; 0: none.
    input_len: usize,
    /// The frame in `input` was handed on and may be overwritten.
    taken: bool,
    /// Frames that wait, each behind its length in two octets.
    output: Buffer,
    /// Octets of the first frame that are still to be written.
    unwritten: usize,
    stats: Stats,
}

/// What the raw face counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames from the client.
    pub frames_from_client: u64,
    /// Frames for the client.
    pub frames_to_client: u64,
    /// Frames that were discarded: longer than the MTU.
    pub too_long: u64,
}

impl Port {
    /// A port for frames of at most `mtu` octets: 1..=[`FRAME_MAX`].
    pub fn new(mtu: usize) -> Self {
        let mtu = mtu.clamp(1, FRAME_MAX);
        Port {
            mtu,
            input: vec![0; mtu + 1].into_boxed_slice(),
            input_len: 0,
            taken: false,
            output: Buffer::new(OUTPUT_LEN),
            unwritten: 0,
            stats: Stats::default(),
        }
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn first_len(&self) -> usize {
        match self.output.filled() {
            [low, high, ..] => usize::from(u16::from_le_bytes([*low, *high])),
            _ => 0,
        }
    }
}

impl Upper for Port {
    fn has_room(&self) -> bool {
        self.output.room() >= LENGTH_LEN + FRAME_MAX
    }

    fn deliver(&mut self, frame: &[u8]) {
        if frame.len() > self.mtu {
            self.stats.too_long += 1;
            return;
        }
        let space = self.output.space();
        let end = LENGTH_LEN + frame.len();
        if let Some(space) = space.get_mut(..end) {
            // At most FRAME_MAX, which fits in 16 bits.
            space[..LENGTH_LEN].copy_from_slice(&(frame.len() as u16).to_le_bytes());
            space[LENGTH_LEN..].copy_from_slice(frame);
            self.output.commit(end);
            self.stats.frames_to_client += 1;
        }
        if self.unwritten == 0 {
            self.unwritten = self.first_len();
        }
    }

    /// There is nothing in a raw stream that could tell.
    fn slave_was_reset(&mut self) {}

    fn next_frame(&mut self) -> Option<&[u8]> {
        if self.input_len == 0 || self.taken {
            return None;
        }
        self.taken = true;
        self.stats.frames_from_client += 1;
        Some(&self.input[..self.input_len])
    }

    fn take_reset_request(&mut self) -> bool {
        false
    }

    fn input(&mut self) -> &mut [u8] {
        if self.input_len > 0 && !self.taken {
            return &mut [];
        }
        &mut self.input
    }

    fn input_filled(&mut self, n: usize) {
        self.taken = false;
        self.input_len = n;
        if n > self.mtu {
            self.stats.too_long += 1;
            self.input_len = 0;
        }
    }

    fn output(&self) -> &[u8] {
        let len = self.first_len();
        let written = len - self.unwritten.min(len);
        self.output
            .filled()
            .get(LENGTH_LEN + written..LENGTH_LEN + len)
            .unwrap_or(&[])
    }

    fn output_written(&mut self, n: usize) {
        self.unwritten = self.unwritten.saturating_sub(n);
        if self.unwritten == 0 {
            self.output.consume(LENGTH_LEN + self.first_len());
            self.unwritten = self.first_len();
        }
    }

    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        print("frames read from the client", self.stats.frames_from_client);
        print("frames written to the client", self.stats.frames_to_client);
        print("frames dropped: longer than the MTU", self.stats.too_long);
    }

    fn clear_counters(&mut self) {
        self.stats = Stats::default();
    }
}

const LENGTH_LEN: usize = 2;

/// Four of the longest frames wait for the client, or dozens of usual ones.
const OUTPUT_LEN: usize = 4 * (LENGTH_LEN + FRAME_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_one_by_one_and_survive_partial_writes() {
        let mut port = Port::new(1300);
        for frame in [&b"\x81\x00"[..], &b"\x80\x06\x00\x72"[..]] {
            assert!(port.has_room());
            port.deliver(frame);
        }
        assert_eq!(port.output(), b"\x81\x00");
        port.output_written(2);
        assert_eq!(port.output(), b"\x80\x06\x00\x72");
        port.output_written(3);
        assert_eq!(port.output(), b"\x72");
        port.output_written(1);
        assert_eq!(port.output(), b"");
    }

    #[test]
    fn one_frame_is_read_at_a_time_and_none_above_the_mtu() {
        let mut port = Port::new(4);
        assert_eq!(port.input().len(), 5);
        port.input()[..4].copy_from_slice(b"\x81\x02\x01\x00");
        port.input_filled(4);
        assert!(port.input().is_empty(), "the frame was not handed on yet");
        assert_eq!(port.next_frame(), Some(&b"\x81\x02\x01\x00"[..]));
        assert_eq!(port.next_frame(), None);
        port.input().fill(0x80);
        port.input_filled(5);
        assert_eq!(port.next_frame(), None);
        assert_eq!(port.stats().too_long, 1);
    }
}
