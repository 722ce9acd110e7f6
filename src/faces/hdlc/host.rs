//! The host's end of HDLC-lite (protocol §6): the co-processor is behind a stream of octets, and the host
//! is an [`Upper`] in this program.
//!
//! No descriptor here: the event loop reads into [`Carrier::input`] and writes from
//! [`Carrier::output`], as it does with the faces. Room is the only flow control, in both directions:
//! a host without room leaves the octets unread, a stream that takes nothing leaves the frames with the
//! host.

use super::decode::{Decoder, Discard, Event};
use super::encode::{encode, encoded_max};
use super::heard::Heard;
use super::{is_spinel, FLAG, RESET_SEQUENCE};
use crate::bridge::{Step, Upper};
use crate::buffer::Buffer;
use crate::trace::{self, Way};
use crate::wire::spi::FRAME_MAX;

/// Moves frames between a host and a stream of octets.
#[derive(Debug)]
pub struct Carrier {
    decoder: Decoder,
    input: Buffer,
    output: Buffer,
    is_open: bool,
    stats: Stats,
    heard: Heard,
}

/// What the carrier counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Frames from the co-processor.
    pub frames_received: u64,
    /// Frames for the co-processor.
    pub frames_sent: u64,
    /// Frames from the co-processor that were discarded: wrong FCS.
    pub bad_fcs: u64,
    /// Frames from the co-processor that were discarded: more than [`FRAME_MAX`] octets.
    pub too_long: u64,
    /// Frames from the co-processor that were discarded: given up by it.
    pub aborted: u64,
    /// Frames that were discarded because they are not Spinel (FLG is not 2, protocol §1.1).
    pub not_spinel: u64,
    /// Signs that the co-processor restarted (protocol §6.4).
    pub resets_seen: u64,
    /// Hardware resets that were asked for by the reset sequence.
    pub resets_asked: u64,
    /// How often the stream was opened.
    pub opened: u64,
}

impl Carrier {
    /// A carrier without a stream.
    pub fn new() -> Self {
        Carrier {
            decoder: Decoder::new(),
            input: Buffer::new(INPUT_LEN),
            output: Buffer::new(OUTPUT_LEN),
            is_open: false,
            stats: Stats::default(),
            heard: Heard::default(),
        }
    }

    /// What was counted.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The stream is open: whatever came before is forgotten, and a flag goes first so that the
    /// co-processor forgets it too (protocol §6.1).
    pub fn opened(&mut self) {
        self.closed();
        self.is_open = true;
        self.stats.opened += 1;
        self.put(&[FLAG]);
    }

    /// The stream is closed: nothing is taken from the host until [`Carrier::opened`].
    pub fn closed(&mut self) {
        self.is_open = false;
        self.heard = Heard::default();
        self.decoder.reset();
        self.input.clear();
        self.output.clear();
    }

    /// Where octets from the stream go. Empty: read nothing now.
    pub fn input(&mut self) -> &mut [u8] {
        self.input.space()
    }

    /// The first `n` octets of [`Carrier::input`] were filled.
    pub fn input_filled(&mut self, n: usize) {
        self.input.commit(n);
        let filled = self.input.filled();
        self.heard.came(&filled[filled.len().saturating_sub(n)..]);
    }

    /// What is at the other end if it is no co-processor that speaks Spinel, and what to do, in one line;
    /// `None`: it is one, or nothing tells yet.
    pub fn diagnosis(&self) -> Option<&'static str> {
        self.heard.diagnosis()
    }

    /// Whether a frame was sent since the stream was opened, and nothing at all has come.
    pub fn is_silent(&self) -> bool {
        self.is_open && self.heard.is_silent()
    }

    /// Whether octets wait that [`Carrier::step`] has not taken: the host had no room, or they were too many
    /// for one step.
    pub fn has_input(&self) -> bool {
        !self.input.filled().is_empty()
    }

    /// Whether [`Carrier::step`] takes frames from the host: not while much waits for the stream.
    pub fn takes_frames(&self) -> bool {
        self.is_open && self.output.filled().len() <= AHEAD
    }

    /// The octets for one write to the stream. Empty: nothing to write.
    pub fn output(&self) -> &[u8] {
        self.output.filled()
    }

    /// The first `n` octets of [`Carrier::output`] were written.
    pub fn output_written(&mut self, n: usize) {
        let written = self.output.filled();
        self.heard.sent(&written[..n.min(written.len())]);
        self.output.consume(n);
    }

    /// Moves frames both ways, as many as there is room for and a bounded number of them.
    /// [`Step::Again`]: there are more.
    pub fn step<U: Upper + ?Sized>(&mut self, host: &mut U) -> Step {
        if !self.is_open {
            return Step::Idle;
        }
        for _ in 0..FRAMES_PER_STEP {
            self.send(host);
            if !self.receive(host) {
                return Step::Idle;
            }
        }
        Step::Again
    }

    /// Calls `print` with each counter and what it counts.
    pub fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        let stats = &self.stats;
        print("frames read from the co-processor", stats.frames_received);
        print("frames written to the co-processor", stats.frames_sent);
        print("co-processor's frames dropped: wrong FCS", stats.bad_fcs);
        print("co-processor's frames dropped: too long", stats.too_long);
        print("co-processor's frames dropped: given up", stats.aborted);
        print(
            "co-processor's frames dropped: not Spinel",
            stats.not_spinel,
        );
        print("signs of a restart of the co-processor", stats.resets_seen);
        print("hardware resets asked for", stats.resets_asked);
        print("times the stream was opened", stats.opened);
    }

    /// Sets all counters to zero.
    pub fn clear_counters(&mut self) {
        self.stats = Stats::default();
    }

    /// Takes one thing from the stream; false: there is nothing, or no room for it.
    fn receive<U: Upper + ?Sized>(&mut self, host: &mut U) -> bool {
        if !host.has_room() || self.input.filled().is_empty() {
            return false;
        }
        if self.skip_to_frame() {
            self.reset_seen(host);
            return true;
        }
        let (taken, event) = self.decoder.decode(self.input.filled());
        self.input.consume(taken);
        match event {
            Some(Event::Frame { len }) if is_spinel(self.decoder.frame(len)) => {
                self.stats.frames_received += 1;
                self.heard.frame();
                trace::on_stream(Way::FromSlave, self.decoder.frame(len));
                trace::frame(Way::FromSlave, self.decoder.frame(len));
                host.deliver(self.decoder.frame(len));
            }
            Some(Event::Frame { .. }) => self.stats.not_spinel += 1,
            Some(Event::Reset) => self.reset_seen(host),
            Some(Event::Discarded(why)) => self.discarded(why),
            None => return false,
        }
        true
    }

    /// Passes over flags between frames. True if a raw F8 stands there, which tells that the
    /// co-processor restarted (protocol §6.4); no Spinel frame begins with it.
    fn skip_to_frame(&mut self) -> bool {
        if self.decoder.has_begun() {
            return false;
        }
        let octets = self.input.filled();
        let flags = octets.iter().take_while(|octet| **octet == FLAG).count();
        match octets.get(flags) {
            Some(&RESTARTED) => {
                self.input.consume(flags + 1);
                true
            }
            _ => false,
        }
    }

    fn reset_seen<U: Upper + ?Sized>(&mut self, host: &mut U) {
        self.stats.resets_seen += 1;
        host.slave_was_reset();
    }

    /// Takes frames from the host, not further ahead of the stream than [`AHEAD`].
    fn send<U: Upper + ?Sized>(&mut self, host: &mut U) {
        while self.takes_frames() {
            if host.take_reset_request() {
                self.ask_for_reset();
            }
            let Some(frame) = host.next_frame() else {
                return;
            };
            match encode(frame, self.output.space()) {
                Some(len) => {
                    trace::on_stream(Way::ToSlave, frame);
                    trace::frame(Way::ToSlave, frame);
                    self.output.commit(len);
                    self.stats.frames_sent += 1;
                }
                // There is room for the longest, so this one is longer than any frame may be.
                None => log::warn!(
                    "dropped a frame of {} octets: no frame is so long",
                    frame.len()
                ),
            }
        }
    }

    /// A co-processor behind an SPI adapter can be reset this way, to any other it is an empty frame
    /// (protocol §6.4). What waits is for a co-processor that will have forgotten it.
    fn ask_for_reset(&mut self) {
        self.output.clear();
        self.stats.resets_asked += 1;
        self.put(&RESET_SEQUENCE);
    }

    /// Puts a few octets into an output that is empty.
    fn put(&mut self, octets: &[u8]) {
        if let Some(space) = self.output.space().get_mut(..octets.len()) {
            space.copy_from_slice(octets);
            self.output.commit(octets.len());
        }
    }

    fn discarded(&mut self, why: Discard) {
        let (counter, text) = match why {
            Discard::BadFcs => (&mut self.stats.bad_fcs, "its FCS is wrong"),
            Discard::TooLong => (&mut self.stats.too_long, "it is longer than 2043 octets"),
            Discard::Aborted => (&mut self.stats.aborted, "the co-processor gave it up"),
        };
        *counter += 1;
        log::debug!("discarded a frame from the co-processor: {text}");
    }
}

impl Default for Carrier {
    fn default() -> Self {
        Carrier::new()
    }
}

/// The octet that tells of a restart, where it stands outside a frame (protocol §6.4).
const RESTARTED: u8 = 0xF8;

/// Room for what one read can bring: a serial port gives at most 4095 octets at a time, a socket more.
/// Twice the longest frame with every octet escaped.
const INPUT_LEN: usize = 2 * encoded_max(FRAME_MAX);

/// About two datagrams may wait for the stream, so that a command does not wait behind many (protocol
/// §7.9): two packets of 1280 octets with their heads.
const AHEAD: usize = 2 * 1_300;

/// What may wait, and after it one frame of the longest kind.
const OUTPUT_LEN: usize = AHEAD + encoded_max(FRAME_MAX);

/// How many frames one turn may take from the stream before the loop looks at its descriptors again.
/// The input holds two of the longest, so this many are short ones.
const FRAMES_PER_STEP: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A host that keeps what it gets.
    #[derive(Default)]
    struct Host {
        room: usize,
        got: Vec<Vec<u8>>,
        resets: usize,
        frames: VecDeque<Vec<u8>>,
        current: Vec<u8>,
        wants_reset: bool,
    }

    impl Upper for Host {
        fn has_room(&self) -> bool {
            self.got.len() < self.room
        }
        fn deliver(&mut self, frame: &[u8]) {
            assert!(self.has_room());
            self.got.push(frame.to_vec());
        }
        fn slave_was_reset(&mut self) {
            self.resets += 1;
        }
        fn next_frame(&mut self) -> Option<&[u8]> {
            self.current = self.frames.pop_front()?;
            Some(&self.current)
        }
        fn take_reset_request(&mut self) -> bool {
            core::mem::take(&mut self.wants_reset)
        }
        fn input(&mut self) -> &mut [u8] {
            &mut []
        }
        fn input_filled(&mut self, _: usize) {}
        fn output(&self) -> &[u8] {
            &[]
        }
        fn output_written(&mut self, _: usize) {}
        fn counters(&self, _: &mut dyn FnMut(&'static str, u64)) {}
        fn clear_counters(&mut self) {}
    }

    fn host(room: usize) -> Host {
        Host {
            room,
            ..Host::default()
        }
    }

    /// A carrier on an open stream, past its first flag.
    fn open() -> Carrier {
        let mut carrier = Carrier::new();
        carrier.opened();
        assert_eq!(carrier.output(), [FLAG]);
        carrier.output_written(1);
        carrier
    }

    fn feed(carrier: &mut Carrier, octets: &[u8]) {
        carrier.input()[..octets.len()].copy_from_slice(octets);
        carrier.input_filled(octets.len());
    }

    fn written(carrier: &mut Carrier) -> Vec<u8> {
        let octets = carrier.output().to_vec();
        carrier.output_written(octets.len());
        octets
    }

    /// Protocol §6.5.
    const VECTORS: [(&[u8], &[u8]); 5] = [
        (&[0x81, 0x00], &[0x7E, 0x81, 0x00, 0x53, 0x9A, 0x7E]),
        (
            &[0x80, 0x06, 0x00, 0x72],
            &[0x7E, 0x80, 0x06, 0x00, 0x72, 0xFC, 0x57, 0x7E],
        ),
        (
            &[0x82, 0x03, 0x21, 0x11],
            &[0x7E, 0x82, 0x03, 0x21, 0x7D, 0x31, 0x41, 0x3C, 0x7E],
        ),
        (
            &[0x83, 0x03, 0x80, 0x78, 0x7E, 0x7D, 0x11, 0x13, 0xF8],
            &[
                0x7E, 0x83, 0x03, 0x80, 0x78, 0x7D, 0x5E, 0x7D, 0x5D, 0x7D, 0x31, 0x7D, 0x33, 0x7D,
                0xD8, 0x55, 0xF5, 0x7E,
            ],
        ),
        (
            &[0x84, 0x03, 0x21, 0x05],
            &[0x7E, 0x84, 0x03, 0x21, 0x05, 0x7D, 0x5E, 0x21, 0x7E],
        ),
    ];

    #[test]
    fn vectors_both_ways() {
        for (frame, octets) in VECTORS {
            let (mut carrier, mut host) = (open(), host(9));
            feed(&mut carrier, octets);
            host.frames.push_back(frame.to_vec());
            assert_eq!(carrier.step(&mut host), Step::Idle);
            assert_eq!(host.got, [frame]);
            assert_eq!(written(&mut carrier), octets);
        }
    }

    #[test]
    fn octets_come_in_any_cut() {
        let (mut carrier, mut host) = (open(), host(99));
        for (_, octets) in VECTORS {
            for octet in octets {
                feed(&mut carrier, &[*octet]);
                carrier.step(&mut host);
            }
        }
        let frames: Vec<&[u8]> = VECTORS.iter().map(|(frame, _)| *frame).collect();
        assert_eq!(host.got, frames);
        assert_eq!(carrier.stats().frames_received, 5);
    }

    #[test]
    fn a_host_without_room_leaves_the_octets_unread() {
        let (mut carrier, mut host) = (open(), host(1));
        for (_, octets) in VECTORS {
            feed(&mut carrier, octets);
        }
        assert_eq!(carrier.step(&mut host), Step::Idle);
        assert_eq!(host.got.len(), 1);
        let mut free = carrier.input().len();
        for room in 2..=VECTORS.len() {
            host.room = room;
            carrier.step(&mut host);
            assert_eq!(host.got.len(), room);
            assert!(carrier.input().len() > free);
            free = carrier.input().len();
        }
    }

    #[test]
    fn a_stream_that_takes_nothing_leaves_the_frames_with_the_host() {
        let (mut carrier, mut host) = (open(), host(0));
        let frame = vec![0x80; 1_280];
        host.frames.extend((0..100).map(|_| frame.clone()));
        for _ in 0..10 {
            carrier.step(&mut host);
        }
        assert_eq!(host.frames.len(), 97);
        written(&mut carrier);
        carrier.step(&mut host);
        assert_eq!(host.frames.len(), 94);
        // The longest, every octet of which is escaped, fits behind what may wait.
        host.frames.clear();
        written(&mut carrier);
        host.frames.push_back(vec![0x7E; FRAME_MAX]);
        host.frames.push_back(vec![0x7E; FRAME_MAX]);
        carrier.step(&mut host);
        assert_eq!(carrier.stats().frames_sent, 7);
    }

    #[test]
    fn a_closed_stream_takes_and_gives_nothing() {
        let (mut carrier, mut host) = (open(), host(9));
        feed(&mut carrier, VECTORS[0].1);
        host.frames.push_back(vec![0x81, 0]);
        carrier.closed();
        assert_eq!(carrier.step(&mut host), Step::Idle);
        assert!(host.got.is_empty() && carrier.output().is_empty());
        assert_eq!(host.frames.len(), 1);
        // Half a frame of the old stream and half of the new make none.
        carrier.opened();
        feed(&mut carrier, &VECTORS[0].1[..3]);
        carrier.step(&mut host);
        carrier.closed();
        carrier.opened();
        feed(&mut carrier, &VECTORS[0].1[3..]);
        carrier.step(&mut host);
        assert!(host.got.is_empty());
    }

    #[test]
    fn what_is_wrong_is_counted() {
        let (mut carrier, mut host) = (open(), host(9));
        feed(&mut carrier, &[0x7E, 0x81, 0x00, 0x53, 0x9B, 0x7E]);
        feed(&mut carrier, &[0x81, 0x00, 0x7D, 0x7E]);
        // Good, but its first octet is not Spinel's: 12 34, FCS.
        let mut noise = [0; 16];
        let len = encode(&[0x12, 0x34], &mut noise).unwrap();
        feed(&mut carrier, &noise[..len]);
        feed(&mut carrier, VECTORS[0].1);
        carrier.step(&mut host);
        let expected = Stats {
            frames_received: 1,
            bad_fcs: 1,
            aborted: 1,
            not_spinel: 1,
            opened: 1,
            ..Stats::default()
        };
        assert_eq!(*carrier.stats(), expected);
        assert_eq!(host.got, [VECTORS[0].0]);
        let mut all = vec![0x55; FRAME_MAX + 3];
        all.push(FLAG);
        feed(&mut carrier, &all);
        carrier.step(&mut host);
        assert_eq!(carrier.stats().too_long, 1);
        carrier.clear_counters();
        carrier.counters(&mut |_, count| assert_eq!(count, 0));
    }

    #[test]
    fn signs_of_a_restart() {
        let (mut carrier, mut host) = (open(), host(9));
        feed(&mut carrier, &RESET_SEQUENCE);
        carrier.step(&mut host);
        assert_eq!(host.resets, 1);
        feed(&mut carrier, &[0x7E, 0xF8]);
        feed(&mut carrier, VECTORS[1].1);
        carrier.step(&mut host);
        assert_eq!((host.resets, host.got.len()), (2, 1));
        // Within a frame it is data.
        feed(&mut carrier, &[0x7E, 0x81, 0xF8]);
        carrier.step(&mut host);
        assert_eq!(host.resets, 2);
    }

    #[test]
    fn a_reset_that_is_asked_for_overtakes() {
        let (mut carrier, mut host) = (open(), host(0));
        host.frames.push_back(vec![0x81, 0]);
        carrier.step(&mut host);
        host.wants_reset = true;
        carrier.step(&mut host);
        assert_eq!(written(&mut carrier), RESET_SEQUENCE);
    }

    #[test]
    fn many_short_frames_end_the_step() {
        let (mut carrier, mut host) = (open(), host(usize::MAX));
        for _ in 0..2 * FRAMES_PER_STEP {
            feed(&mut carrier, VECTORS[0].1);
        }
        assert_eq!(carrier.step(&mut host), Step::Again);
        assert_eq!(host.got.len(), FRAMES_PER_STEP);
        carrier.step(&mut host);
        assert_eq!(host.got.len(), 2 * FRAMES_PER_STEP);
        assert_eq!(carrier.step(&mut host), Step::Idle);
    }
}
