//! HDLC-lite (protocol §6): the co-processor as a serial NCP, on a pty or on stdin and stdout.
//!
//! [`decode::Decoder`] and [`encode::encode`] are the codec; [`Port`] is the face that the bridge sees:
//! frames on one side, a stream of octets on the other. No descriptor here: the event loop reads into
//! [`Upper::input`] and writes from [`Upper::output`].

pub mod decode;
pub mod encode;
mod heard;
pub mod host;
pub mod revive;

use crate::bridge::Upper;
use crate::buffer::Buffer;
use crate::wire::spi::FRAME_MAX;
use crate::wire::spinel::Header;
use decode::{Decoder, Discard, Event};
use encode::{encode, encoded_max};

/// Begins and ends a frame.
pub const FLAG: u8 = 0x7E;
/// The next octet was changed by [`ESCAPE_XOR`].
pub const ESCAPE: u8 = 0x7D;
/// What an escaped octet is combined with.
pub const ESCAPE_XOR: u8 = 0x20;
/// The reset sequence (protocol §6.4): a client that sends it asks for a hardware reset, and it is what
/// a client is told when the co-processor restarted.
pub const RESET_SEQUENCE: [u8; 4] = [FLAG, 0x13, 0x11, FLAG];

/// The octets that must be escaped: flag, escape, XON, XOFF, and the vendor's F8 (protocol §6.3).
pub const SPECIAL: [u8; 5] = [FLAG, ESCAPE, 0x11, 0x13, 0xF8];

/// Copies octets from the front of `from` to that of `to`, up to the first that `ends` a run, or as many as
/// fit. Returns how many; what is behind them in `to` is of no use.
///
/// A word at a time, without a branch for each octet: `ends` gives a word in which the lowest octet with a
/// bit set is that of the first octet that ends a run.
#[inline(always)]
fn copy_run(from: &[u8], to: &mut [u8], ends: impl Fn(usize) -> usize) -> usize {
    let mut run = 0;
    for (chunk, room) in from.chunks_exact(WORD).zip(to.chunks_exact_mut(WORD)) {
        room.copy_from_slice(chunk);
        let mut word = [0; WORD];
        word.copy_from_slice(chunk);
        let found = ends(usize::from_le_bytes(word));
        if found != 0 {
            return run + found.trailing_zeros() as usize / 8;
        }
        run += WORD;
    }
    for (&octet, room) in from[run..].iter().zip(&mut to[run..]) {
        if ends(usize::from(octet)) & 0xFF != 0 {
            break;
        }
        *room = octet;
        run += 1;
    }
    run
}

/// Where 7D, 7E or 7F stand in a word: flag and escape, and one that is as well looked at by itself. These
/// three alone have no highest bit, and get one when 3 is added. No octet has a carry.
#[inline(always)]
fn flags_and_escapes(word: usize) -> usize {
    ((word & (ONES * 0x7F)) + ONES * 3) & !word & (ONES << 7)
}

/// Where the octets stand that must be escaped, with 7F. Bits above the lowest mean nothing.
#[inline(always)]
fn specials(word: usize) -> usize {
    // A bit is set in the lowest place where `x` is 0.
    let zero = |x: usize| x.wrapping_sub(ONES) & !x & (ONES << 7);
    // XON and XOFF differ in a bit.
    flags_and_escapes(word)
        | zero((word & (ONES * 0xFD)) ^ (ONES * 0x11))
        | zero(word ^ (ONES * 0xF8))
}

/// Octets that are looked at together.
const WORD: usize = core::mem::size_of::<usize>();
/// A one in each octet of a word.
const ONES: usize = usize::MAX / 0xFF;

/// Whether a frame's first octet says so (protocol §1.1: anything else is to be ignored).
fn is_spinel(frame: &[u8]) -> bool {
    frame
        .first()
        .is_some_and(|&octet| Header::parse(octet).is_some())
}

/// The HDLC-lite face of the bridge.
#[derive(Debug)]
pub struct Port {
    decoder: Decoder,
    input: Buffer,
    output: Buffer,
    reset_requested: bool,
    /// A hardware reset can be made: what waits before the request is dropped by it.
    has_reset: bool,
    has_client: bool,
    stats: Stats,
}

/// What the HDLC-lite face counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames from the client.
    pub frames_from_client: u64,
    /// Frames for the client.
    pub frames_to_client: u64,
    /// Frames from the client that were discarded: wrong FCS.
    pub bad_fcs: u64,
    /// Frames from the client that were discarded: more than [`FRAME_MAX`] octets.
    pub too_long: u64,
    /// Frames from the client that were discarded: given up by the client.
    pub aborted: u64,
    /// Frames that were discarded because they are not Spinel (FLG is not 2, protocol §1.1).
    pub not_spinel: u64,
    /// Frames for the client that were discarded because there was none.
    pub no_client: u64,
    /// Reset sequences from the client.
    pub reset_requests: u64,
}

impl Port {
    /// A port whose client is there, before a co-processor with a RES line.
    pub fn new() -> Self {
        Port {
            decoder: Decoder::new(),
            input: Buffer::new(INPUT_LEN),
            output: Buffer::new(OUTPUT_LEN),
            reset_requested: false,
            has_reset: true,
            has_client: true,
            stats: Stats::default(),
        }
    }

    /// The same, where RES may not be wired. Then a request for a reset comes to nothing, and no frame is
    /// dropped for it.
    pub fn with_reset_line(self, has_reset: bool) -> Self {
        Port { has_reset, ..self }
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn discarded(&mut self, why: Discard) {
        let (counter, text) = match why {
            Discard::BadFcs => (&mut self.stats.bad_fcs, "its FCS is wrong"),
            Discard::TooLong => (&mut self.stats.too_long, "it is longer than 2043 octets"),
            Discard::Aborted => (&mut self.stats.aborted, "the client gave it up"),
        };
        *counter += 1;
        log::debug!("discarded a frame from the client: {text}");
    }
}

impl Upper for Port {
    fn has_room(&self) -> bool {
        self.output.room() >= encoded_max(FRAME_MAX) + RESET_SEQUENCE.len()
    }

    fn deliver(&mut self, frame: &[u8]) {
        if !is_spinel(frame) {
            self.stats.not_spinel += 1;
            return;
        }
        if !self.has_client {
            self.stats.no_client += 1;
            return;
        }
        if let Some(len) = encode(frame, self.output.space()) {
            self.output.commit(len);
            self.stats.frames_to_client += 1;
        }
    }

    fn slave_was_reset(&mut self) {
        // Behind each frame there is room for one, see `has_room`: without room the last thing that the
        // client has to read is such a sequence.
        let len = RESET_SEQUENCE.len();
        if self.has_client && self.output.room() >= len {
            self.output.space()[..len].copy_from_slice(&RESET_SEQUENCE);
            self.output.commit(len);
        }
    }

    fn next_frame(&mut self) -> Option<&[u8]> {
        loop {
            let (taken, event) = self.decoder.decode(self.input.filled());
            self.input.consume(taken);
            match event? {
                Event::Frame { len } if is_spinel(self.decoder.frame(len)) => {
                    self.stats.frames_from_client += 1;
                    return Some(self.decoder.frame(len));
                }
                Event::Frame { .. } => self.stats.not_spinel += 1,
                Event::Reset => self.request_reset(),
                Event::Discarded(why) => self.discarded(why),
            }
        }
    }

    fn take_reset_request(&mut self) -> bool {
        core::mem::take(&mut self.reset_requested)
    }

    fn input(&mut self) -> &mut [u8] {
        self.input.space()
    }

    fn input_filled(&mut self, n: usize) {
        self.input.commit(n);
        self.look_for_reset(n);
    }

    fn output(&self) -> &[u8] {
        self.output.filled()
    }

    fn output_written(&mut self, n: usize) {
        self.output.consume(n);
    }

    /// What a client that went did not read is dropped, so that the next one does not read stale
    /// frames; a frame that it had begun is given up. What it sent in whole is kept.
    fn set_client(&mut self, has_client: bool) {
        self.has_client = has_client;
        if !has_client {
            self.output.clear();
            self.give_up_partial_frame();
        }
    }

    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        let Stats {
            frames_from_client,
            frames_to_client,
            ..
        } = self.stats;
        print("frames read from the client", frames_from_client);
        print("frames written to the client", frames_to_client);
        print("client frames dropped: wrong FCS", self.stats.bad_fcs);
        print("client frames dropped: too long", self.stats.too_long);
        print("client frames dropped: given up", self.stats.aborted);
        print("frames dropped: not Spinel", self.stats.not_spinel);
        print("frames dropped: no client", self.stats.no_client);
        print("hardware resets asked for", self.stats.reset_requests);
    }

    fn clear_counters(&mut self) {
        self.stats = Stats::default();
    }
}

impl Port {
    /// A reset sequence overtakes the frames that wait before it: they may be what the co-processor
    /// chokes on, and a reset drops them anyway (protocol §5.10, step 1). No frame can hold the
    /// sequence, because 7E is a flag wherever it stands.
    ///
    /// Only the `new` octets, and those before them that may begin the sequence, are looked at.
    fn look_for_reset(&mut self, new: usize) {
        if !self.has_reset {
            // The decoder comes across it when its turn has come.
            return;
        }
        let len = RESET_SEQUENCE.len();
        let filled = self.input.filled();
        let from = filled.len().saturating_sub(new + len - 1);
        let rest = &filled[from..];
        // It is rare that the second octet of the sequence is there at all: senders escape it.
        if !rest.contains(&RESET_SEQUENCE[1]) {
            return;
        }
        let mut windows = rest.windows(len);
        let last = windows.rposition(|octets| octets == RESET_SEQUENCE);
        let last = last.map(|at| from + at);
        if let Some(at) = last {
            // The last flag may begin the next frame.
            self.input.consume(at + len - 1);
            self.decoder.reset();
            self.request_reset();
        }
    }

    fn request_reset(&mut self) {
        self.reset_requested = true;
        self.stats.reset_requests += 1;
    }

    /// Ends a frame whose sender is gone, as its sender would have.
    fn give_up_partial_frame(&mut self) {
        let partial = match self.input.filled().last() {
            Some(&octet) => octet != FLAG,
            None => self.decoder.has_begun(),
        };
        // An octet first: behind an escape octet it is the one that was escaped, and the abort stays one.
        let abort = [0, ESCAPE, FLAG];
        if let Some(space) = self
            .input
            .space()
            .get_mut(..abort.len())
            .filter(|_| partial)
        {
            space.copy_from_slice(&abort);
            self.input.commit(abort.len());
        }
    }
}

impl Default for Port {
    fn default() -> Self {
        Port::new()
    }
}

/// Room for what one read can bring: a pty gives at most 4095 octets at a time, a pipe more. Twice
/// the longest frame with every octet escaped.
const INPUT_LEN: usize = 2 * encoded_max(FRAME_MAX);

/// Room for frames that wait for the client: four of the longest, or some dozens of usual ones, go in
/// one write.
const OUTPUT_LEN: usize = 4 * encoded_max(FRAME_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a run ends: what is copied up to there, octet by octet.
    fn ends(octets: &[u8], ends: &[u8]) -> usize {
        octets
            .iter()
            .take_while(|octet| !ends.contains(octet))
            .count()
    }

    #[test]
    fn a_run_ends_at_the_first_octet_that_ends_it() {
        // Each octet in each place of a word and behind it, among octets that are special to no one, and
        // behind it whatever can disturb.
        for octet in 0..=255u8 {
            for len in 0..3 * WORD {
                for (around, behind) in [(0x00, 0x7E), (0xFF, 0x11), (0x7C, 0xF8), (0x80, 0x00)] {
                    for at in 0..len {
                        let mut octets = vec![around; len];
                        octets[at] = octet;
                        octets[at + 1..].fill(behind);
                        let mut copy = vec![0x55; len];
                        let run = copy_run(&octets, &mut copy, flags_and_escapes);
                        assert_eq!(run, ends(&octets, &[0x7D, 0x7E, 0x7F]), "{octets:02X?}");
                        assert_eq!(copy[..run], octets[..run]);
                        let run = copy_run(&octets, &mut copy, specials);
                        let all = [0x7D, 0x7E, 0x7F, 0x11, 0x13, 0xF8];
                        assert_eq!(run, ends(&octets, &all), "{octets:02X?}");
                        assert_eq!(copy[..run], octets[..run]);
                        let short = copy_run(&octets, &mut copy[..at], specials);
                        assert_eq!(short, run.min(at));
                    }
                }
            }
        }
    }
}
