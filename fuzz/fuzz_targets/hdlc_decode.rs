//! HDLC-lite: any cut of a stream gives the same events, what was encoded is decoded again, and frames go
//! in order from a host's end ([`Carrier`]) to a client's face ([`Port`]) and back, in any pieces, while
//! clients come and go, somebody asks for resets and noise comes between.
//!
//! Input: the length of the pieces (0: one), then the stream; which is also the steps of the conversation,
//! each by a choice.
#![no_main]

#[path = "../common/mod.rs"]
mod common;

use common::Input;
use libfuzzer_sys::fuzz_target;
use spinel_bridge::bridge::{Step, Upper};
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::host::Carrier;
use spinel_bridge::hdlc::{Port, RESET_SEQUENCE, SPECIAL};
use spinel_bridge::wire::spi::FRAME_MAX;
use spinel_bridge::wire::spinel::Header;
use std::collections::VecDeque;

fuzz_target!(|input: &[u8]| {
    let Some((&piece, stream)) = input.split_first() else {
        return;
    };
    codec(usize::from(piece), stream);
    let mut line = Line::new(piece & 1 == 0);
    let mut steps = Input::new(stream);
    while !steps.is_empty() {
        line.step(&mut steps);
    }
    line.end();
});

fn codec(piece: usize, stream: &[u8]) {
    let whole = events(&mut Decoder::new(), stream);
    let mut decoder = Decoder::new();
    let pieces = stream.chunks(piece.max(1));
    let cut: Vec<_> = pieces
        .flat_map(|piece| events(&mut decoder, piece))
        .collect();
    assert_eq!(whole, cut);
    for (event, frame) in &whole {
        if let Event::Frame { len } = *event {
            assert!((1..=FRAME_MAX).contains(&len));
            assert_eq!(decoded(frame), *frame);
        }
    }
    if (1..=FRAME_MAX).contains(&stream.len()) {
        assert_eq!(decoded(stream), stream);
    }
}

/// All events, each with its frame if it is one.
fn events(decoder: &mut Decoder, mut octets: &[u8]) -> Vec<(Event, Vec<u8>)> {
    let mut events = Vec::new();
    loop {
        let (taken, event) = decoder.decode(octets);
        octets = &octets[taken..];
        match event {
            Some(Event::Frame { len }) => {
                events.push((Event::Frame { len }, decoder.frame(len).to_vec()))
            }
            Some(event) => events.push((event, Vec::new())),
            None => break,
        }
    }
    assert!(octets.is_empty(), "octets were left without an event");
    events
}

/// The frame, encoded and decoded, in the least room.
fn decoded(frame: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; encoded_max(frame.len())];
    let len = encode(frame, &mut octets).expect("encoded_max is room enough");
    assert_eq!(encode(frame, &mut octets[..len]), Some(len));
    assert_eq!(encode(frame, &mut octets[..len - 1]), None);
    encode(frame, &mut octets);
    let mut events = events(&mut Decoder::new(), &octets[..len]);
    let (event, frame) = events.pop().expect("a frame");
    assert!(matches!(event, Event::Frame { .. }) && events.is_empty());
    frame
}

/// A host behind its carrier, a co-processor behind its port, and octets that move between the two when
/// they are told to.
struct Line {
    host: Host,
    carrier: Carrier,
    port: Port,
    has_client: bool,
    has_reset: bool,
    /// From the host, and from the co-processor.
    down: Way,
    up: Way,
    /// Of the co-processor, that the host may learn of.
    restarts: u64,
    /// Those that had no room of their own: the host learns of them with the one before.
    restarts_at_once: u64,
}

/// What one end sent and the other has not got yet.
#[derive(Default)]
struct Way {
    sent: VecDeque<Vec<u8>>,
    /// Something was dropped, as it should be: what arrives still is of what was sent, and in order.
    loses: bool,
    /// Frames that were cut off: the rest of one may have a good FCS in 2^16 times once.
    stumps: usize,
    /// Octets came between, which may be anything, and so may what arrives.
    noise: bool,
}

impl Way {
    fn arrived(&mut self, frame: &[u8]) {
        let at = self.sent.iter().position(|sent| sent == frame);
        match at {
            Some(at) if at == 0 || self.loses || self.noise => drop(self.sent.drain(..=at)),
            _ if self.noise => {}
            None if self.stumps > 0 => self.stumps -= 1,
            _ => panic!("{at:?} of {} arrived: {frame:02X?}", self.sent.len()),
        }
    }

    fn is_whole(&self) -> bool {
        !self.loses && !self.noise && self.stumps == 0
    }
}

impl Line {
    fn new(has_reset: bool) -> Self {
        let mut carrier = Carrier::new();
        carrier.opened();
        Line {
            host: Host {
                has_room: true,
                ..Host::default()
            },
            carrier,
            port: Port::new().with_reset_line(has_reset),
            has_client: true,
            has_reset,
            down: Way::default(),
            up: Way::default(),
            restarts: 0,
            restarts_at_once: 0,
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.octet() % 16 {
            0 | 1 => self.host.frames.push_back(frame(input)),
            2 | 3 => self.tell(&frame(input)),
            4 | 5 => {
                let n = input.below(1 << 12);
                self.move_down(n);
            }
            6 | 7 => {
                let n = input.below(1 << 12);
                self.move_up(n);
            }
            8 => self.take(usize::from(input.octet() % 4)),
            9 => self.host.has_room = !self.host.has_room,
            10 => match self.has_client {
                true => self.close(),
                false => self.open(),
            },
            11 => self.host.wants_reset = true,
            12 => self.restart(),
            13 => {
                let n = put(input.octets(64), self.port.input());
                self.port.input_filled(n);
                self.down.noise |= n > 0;
            }
            14 => {
                let n = put(input.octets(64), self.carrier.input());
                self.carrier.input_filled(n);
                self.up.noise |= n > 0;
            }
            _ => self.counters(),
        }
        self.carry();
    }

    /// The carrier does what it can.
    fn carry(&mut self) {
        let waited = self.host.frames.len();
        let asked = self.carrier.stats().resets_asked;
        // Each step that is not the last takes 64 frames, of three octets and their flag at least.
        for _ in 0..=encoded_max(FRAME_MAX) / 64 {
            if self.carrier.step(&mut self.host) == Step::Idle {
                break;
            }
        }
        assert_eq!(self.carrier.step(&mut self.host), Step::Idle);
        if self.carrier.stats().resets_asked > asked {
            // What waited in the carrier is dropped, and one frame may have gone in part.
            self.down.loses = true;
            self.down.stumps += 1;
        }
        for frame in self.host.sent.drain(..) {
            if is_spinel(&frame) {
                self.down.sent.push_back(frame);
            }
        }
        assert!(
            self.has_client || self.host.frames.len() == waited,
            "a closed stream takes frames"
        );
        for frame in core::mem::take(&mut self.host.got) {
            self.up.arrived(&frame);
        }
        assert!(self.up.noise || self.host.restarts <= self.restarts);
    }

    /// The co-processor has a frame, if there is room.
    fn tell(&mut self, frame: &[u8]) {
        if !self.port.has_room() {
            return;
        }
        let before = *self.port.stats();
        self.port.deliver(frame);
        let after = *self.port.stats();
        if !is_spinel(frame) {
            assert_eq!(after.not_spinel, before.not_spinel + 1);
        } else if !self.has_client {
            assert_eq!(after.no_client, before.no_client + 1);
        } else {
            assert_eq!(after.frames_to_client, before.frames_to_client + 1);
            self.up.sent.push_back(frame.to_vec());
        }
    }

    fn restart(&mut self) {
        let before = self.port.output().len();
        self.port.slave_was_reset();
        self.restarts += u64::from(self.has_client);
        if self.has_client && self.port.output().len() == before {
            // Nothing but a restart is told last, where there is no room for another one.
            assert!(self.port.output().ends_with(&RESET_SEQUENCE));
            self.restarts_at_once += 1;
        }
    }

    fn move_down(&mut self, most: usize) {
        let octets = self.carrier.output();
        let n = put(&octets[..most.min(octets.len())], self.port.input());
        let asked = self.port.stats().reset_requests;
        self.port.input_filled(n);
        self.carrier.output_written(n);
        if self.port.stats().reset_requests > asked {
            assert!(self.has_reset);
            self.down.loses = true;
        }
    }

    fn move_up(&mut self, most: usize) {
        if !self.has_client {
            return assert!(self.port.output().is_empty(), "for nobody");
        }
        let octets = self.port.output();
        let n = put(&octets[..most.min(octets.len())], self.carrier.input());
        self.carrier.input_filled(n);
        self.port.output_written(n);
    }

    /// The co-processor takes frames.
    fn take(&mut self, most: usize) {
        for _ in 0..most {
            let Some(frame) = self.port.next_frame() else {
                break;
            };
            assert!(frame.len() <= FRAME_MAX && is_spinel(frame));
            let frame = frame.to_vec();
            self.down.arrived(&frame);
        }
        if self.port.take_reset_request() {
            assert!(self.down.noise || self.carrier.stats().resets_asked > 0);
            assert!(!self.port.take_reset_request(), "once");
        }
    }

    fn close(&mut self) {
        self.has_client = false;
        self.port.set_client(false);
        self.carrier.closed();
        self.down.loses = true;
        self.down.stumps += 1;
        // The next client reads nothing of what was for this one.
        self.up.sent.clear();
        self.restarts = self.host.restarts;
        self.restarts_at_once = 0;
        assert!(self.port.output().is_empty() && self.carrier.output().is_empty());
    }

    fn open(&mut self) {
        self.has_client = true;
        self.port.set_client(true);
        self.carrier.opened();
    }

    fn counters(&mut self) {
        let mut sum = 0_u64;
        let mut add = |name: &str, value| {
            assert!(!name.is_empty());
            sum += value;
        };
        self.port.counters(&mut add);
        self.carrier.counters(&mut add);
        let (port, carrier) = (self.port.stats(), self.carrier.stats());
        assert!(sum >= port.frames_to_client + carrier.frames_sent);
        if self.down.is_whole() {
            assert_eq!((port.bad_fcs, port.too_long, port.aborted), (0, 0, 0));
        }
        if self.up.is_whole() {
            let discarded = (carrier.bad_fcs, carrier.too_long, carrier.aborted);
            assert_eq!((discarded, carrier.not_spinel), ((0, 0, 0), 0));
        }
    }

    /// Everybody reads: all that was sent and not dropped arrives.
    fn end(&mut self) {
        self.host.has_room = true;
        if !self.has_client {
            self.open();
        }
        // Each round takes a frame from the host, if it has one, and there is at most one for each octet.
        for _ in 0..=self.host.frames.len() + ROUNDS_MORE {
            self.carry();
            self.move_down(usize::MAX);
            self.take(usize::MAX);
            self.move_up(usize::MAX);
        }
        assert!(self.host.frames.is_empty());
        assert!(self.carrier.output().is_empty() && self.port.output().is_empty());
        for (name, way) in [("down", &self.down), ("up", &self.up)] {
            let left = way.sent.len();
            assert!(
                left == 0 || !way.is_whole(),
                "{left} frames are lost on their way {name}"
            );
        }
        if self.up.is_whole() {
            let told = self.restarts - self.restarts_at_once;
            assert_eq!(self.host.restarts, told, "restarts that were told");
        }
        self.counters();
    }
}

/// A host that takes frames when it has room.
#[derive(Default)]
struct Host {
    has_room: bool,
    got: Vec<Vec<u8>>,
    restarts: u64,
    frames: VecDeque<Vec<u8>>,
    /// Those that the carrier took.
    sent: Vec<Vec<u8>>,
    wants_reset: bool,
}

impl Upper for Host {
    fn has_room(&self) -> bool {
        self.has_room
    }

    fn deliver(&mut self, frame: &[u8]) {
        assert!(self.has_room && is_spinel(frame) && frame.len() <= FRAME_MAX);
        self.got.push(frame.to_vec());
    }

    fn slave_was_reset(&mut self) {
        self.restarts += 1;
    }

    fn next_frame(&mut self) -> Option<&[u8]> {
        self.sent.push(self.frames.pop_front()?);
        self.sent.last().map(Vec::as_slice)
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

/// A frame of any length that there can be: what the fuzzer says, or one octet again and again.
fn frame(input: &mut Input<'_>) -> Vec<u8> {
    let head = match input.octet() {
        0xF0..=0xFF => input.octet(),
        octet => 0x80 | octet & 0x3F,
    };
    let mut frame = vec![head];
    match input.octet() % 4 {
        0 => frame.resize(1 + input.below(FRAME_MAX), *input.pick(&SPECIAL)),
        1 => frame.extend(&RESET_SEQUENCE),
        _ => frame.extend(input.octets(64)),
    }
    frame
}

/// As many of the octets as there is room for.
fn put(octets: &[u8], space: &mut [u8]) -> usize {
    let n = octets.len().min(space.len());
    space[..n].copy_from_slice(&octets[..n]);
    n
}

fn is_spinel(frame: &[u8]) -> bool {
    Header::parse(frame[0]).is_some()
}

/// What moves octets that are no frames of the host: a clearing of buffers, a restart's sequence, a flag.
const ROUNDS_MORE: usize = 8;
