//! The core on a bus that takes as long as a real one, in virtual time: the same on every machine.
//!
//! The turn is that of `event_loop`: wait, edge, read, step, write. What it would ask the system for is
//! counted.

use super::{Pace, Way};
use spinel_bridge::bridge::{Bridge, Step, Upper};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::Port;
use spinel_bridge::link::{CrcMode, Link, Settings};
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{Duration, Instant};
use std::io;

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub len: usize,
    pub way: Way,
    pub pace: Pace,
    pub speed_hz: u32,
    pub crc: bool,
    /// How long the slave takes nothing after a frame.
    pub busy: Duration,
}

impl Case {
    /// At 1 MHz, without CRC, on a slave that is always ready.
    pub fn new(len: usize, way: Way, pace: Pace) -> Self {
        Case {
            len,
            way,
            pace,
            speed_hz: 1_000_000,
            crc: false,
            busy: Duration::ZERO,
        }
    }

    pub fn slave(&self) -> Paced {
        let spec = Spec {
            crc: self.crc,
            busy: self.busy,
            ..Spec::default()
        };
        let station = Station {
            len: self.len,
            way: self.way,
            pace: self.pace,
            waiting: 0,
            next: START,
        };
        Paced {
            bus: Slave::new(station, &spec, START),
            speed_hz: self.speed_hz,
            calls: Calls::default(),
            elapsed_ns: 0,
        }
    }
}

/// What a number of frames took. Frames of an echo count once for each way.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pub frames: u64,
    pub payload: u64,
    pub calls: Calls,
    pub micros: u64,
    /// Of each frame from the co-processor: microseconds from INT until its last octet was written.
    pub latencies: Vec<u64>,
}

impl Counts {
    pub fn per_frame(&self, count: u64) -> f64 {
        count as f64 / self.frames as f64
    }

    pub fn clocked_per_octet(&self) -> f64 {
        self.calls.octets as f64 / self.payload as f64
    }

    /// Of what the clock alone would permit each way, 0..=1.
    pub fn share_of_wire(&self, case: &Case) -> f64 {
        let ways = if case.way == Way::Echo { 2 } else { 1 };
        let wire = self.payload * 8 * 1_000_000 / u64::from(case.speed_hz) / ways;
        wire as f64 / self.micros as f64
    }
}

/// What the system would be asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    pub waits: u64,
    pub reads: u64,
    pub writes: u64,
    pub edges: u64,
    pub transfers: u64,
    pub levels: u64,
    /// Clocked in the transfers.
    pub octets: u64,
}

impl Calls {
    /// Those that concern the bus: edge, transfer, level.
    pub fn bus(&self) -> u64 {
        self.edges + self.transfers + self.levels
    }

    /// All.
    pub fn all(&self) -> u64 {
        self.waits + self.reads + self.writes + self.bus()
    }

    pub fn since(&self, before: &Calls) -> Calls {
        Calls {
            waits: self.waits - before.waits,
            reads: self.reads - before.reads,
            writes: self.writes - before.writes,
            edges: self.edges - before.edges,
            transfers: self.transfers - before.transfers,
            levels: self.levels - before.levels,
            octets: self.octets - before.octets,
        }
    }
}

/// Runs `case` until `frames` frames have gone each way that it has, after some to get used to it.
pub fn run(case: &Case, frames: u64) -> Counts {
    let mut host = Host::new(case);
    host.run(case, WARM_UP);
    let (before, began) = (host.bridge.bus.calls, host.now);
    let (sent, received) = (host.sent(), host.received());
    host.latencies.clear();
    host.run(case, frames);
    let moved = host.sent() - sent + host.received() - received;
    Counts {
        frames: moved,
        payload: moved * case.len as u64,
        calls: host.bridge.bus.calls.since(&before),
        micros: host.now.since(began).as_micros() as u64,
        latencies: core::mem::take(&mut host.latencies),
    }
}

/// What a transaction is taken to cost beside its octets: the middle of what was measured
/// (`link::limits`).
pub const FIXED_NS: u64 = 100_000;

/// The co-processor's side: gives and takes frames of one length.
pub struct Station {
    len: usize,
    way: Way,
    pace: Pace,
    waiting: u64,
    next: Instant,
}

impl Firmware for Station {
    fn reset(&mut self, _now: Instant, _cause: ResetCause) {}

    fn receive(&mut self, _now: Instant, _frame: &[u8]) {
        self.waiting += u64::from(self.way == Way::Echo);
    }

    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        match (self.way, self.pace) {
            (Way::To, _) => return None,
            (Way::Echo, _) => self.waiting = self.waiting.checked_sub(1)?,
            (Way::From, Pace::Load) => {}
            (Way::From, Pace::Lone) if self.next > now => return None,
            (Way::From, Pace::Lone) => self.next = now + PERIOD,
        }
        buf[..self.len].fill(0x81);
        Some(self.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (self.way == Way::From && self.pace == Pace::Lone).then_some(self.next)
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        None
    }
}

/// A bus whose transactions take time, and whose calls are counted.
pub struct Paced {
    bus: Slave<Station>,
    speed_hz: u32,
    pub calls: Calls,
    /// Since the owner last took it.
    pub elapsed_ns: u64,
}

impl Paced {
    /// Lets the time of the transactions pass; what is less than a microsecond is kept.
    pub fn pass_time(&mut self, now: &mut Instant) {
        *now = *now + Duration::from_micros(self.elapsed_ns / 1_000);
        self.elapsed_ns %= 1_000;
    }
}

impl Bus for Paced {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        self.calls.transfers += 1;
        self.calls.octets += mosi.len() as u64;
        self.elapsed_ns +=
            FIXED_NS + mosi.len() as u64 * 8 * 1_000_000_000 / u64::from(self.speed_hz);
        let end = now + Duration::from_nanos(self.elapsed_ns);
        self.bus.transfer(end, mosi, miso)
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        self.calls.levels += 1;
        let end = now + Duration::from_nanos(self.elapsed_ns);
        self.bus.interrupt(end)
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        self.calls.edges += 1;
        self.bus.take_edge(now)
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        self.bus.set_reset(now, line)
    }

    fn has_interrupt(&self) -> bool {
        true
    }

    fn has_reset(&self) -> bool {
        true
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.bus.poll_timeout()
    }
}

/// Our side, with a client that is always quick.
struct Host {
    bridge: Bridge<Paced, Port>,
    now: Instant,
    /// What the client sent and was not read yet.
    unread: Vec<u8>,
    /// Frames that the client has yet to send, and when the next one comes.
    to_send: u64,
    next: Instant,
    /// One frame in HDLC.
    frame: Vec<u8>,
    /// INT became active then, and its frame was not written yet.
    announced: Option<Instant>,
    latencies: Vec<u64>,
}

impl Host {
    fn new(case: &Case) -> Self {
        let settings = Settings {
            crc: if case.crc { CrcMode::On } else { CrcMode::Off },
            speed_hz: case.speed_hz,
            ..Settings::default()
        };
        let mut frame = vec![0; encoded_max(case.len)];
        let len = encode(&vec![0x81; case.len], &mut frame).expect("the room is enough");
        frame.truncate(len);
        Host {
            bridge: Bridge {
                bus: case.slave(),
                link: Link::new(settings, START),
                upper: Port::new(),
            },
            now: START,
            unread: Vec::new(),
            to_send: 0,
            next: START,
            frame,
            announced: None,
            latencies: Vec::new(),
        }
    }

    fn sent(&self) -> u64 {
        self.bridge.link.stats().frames_sent
    }

    fn received(&self) -> u64 {
        self.bridge.link.stats().frames_received
    }

    fn run(&mut self, case: &Case, frames: u64) {
        let end = (self.sent() + frames, self.received() + frames);
        let is_done = |host: &Host| match case.way {
            Way::To => host.sent() >= end.0,
            Way::From => host.received() >= end.1,
            Way::Echo => host.sent() >= end.0 && host.received() >= end.1,
        };
        self.to_send = if case.way == Way::From { 0 } else { frames };
        self.next = self.now;
        loop {
            self.turn(case);
            if is_done(self) {
                return;
            }
            let can_read = !self.unread.is_empty() && !self.bridge.upper.input().is_empty();
            let event = [
                self.bridge.poll_timeout(),
                (self.to_send > 0 && self.unread.len() < PTY_LEN).then_some(self.next),
                can_read.then_some(self.now),
            ];
            let event = event.into_iter().flatten().min();
            self.now = self.now.max(event.unwrap_or(self.now));
        }
    }

    fn turn(&mut self, case: &Case) {
        self.bridge.bus.calls.waits += 1;
        let start = self.now;
        for _ in 0..ROUNDS {
            let edge = self.bridge.bus.poll_timeout();
            if edge.is_some_and(|at| at <= self.now) {
                self.announced.get_or_insert(self.now);
                self.bridge.take_edge(self.now).expect("the bus is there");
            }
            self.say(case);
            self.read();
            let began = self.now;
            let step = self.bridge.step(began).expect("the bus is there");
            self.bridge.bus.pass_time(&mut self.now);
            if self.bridge.link.wants_time() {
                self.bridge.link.took(self.now.since(began));
            }
            self.write();
            self.say(case);
            let due = self.bridge.poll_timeout().is_some_and(|at| at <= self.now);
            if step == Step::Idle && !due && self.unread.is_empty() {
                break;
            }
            if self.now.since(start) >= TURN_MAX {
                break;
            }
        }
    }

    /// What the client has to say.
    fn say(&mut self, case: &Case) {
        while self.to_send > 0 && self.next <= self.now && self.unread.len() < PTY_LEN {
            self.unread.extend_from_slice(&self.frame);
            self.to_send -= 1;
            if case.pace == Pace::Lone {
                self.next = self.now + PERIOD;
            }
        }
    }

    fn read(&mut self) {
        let space = self.bridge.upper.input();
        let len = space.len().min(self.unread.len()).min(PTY_LEN);
        if len > 0 {
            self.bridge.bus.calls.reads += 1;
            space[..len].copy_from_slice(&self.unread[..len]);
            self.unread.drain(..len);
            self.bridge.upper.input_filled(len);
        }
    }

    fn write(&mut self) {
        loop {
            let len = self.bridge.upper.output().len();
            if len == 0 {
                return;
            }
            self.bridge.bus.calls.writes += 1;
            self.bridge.upper.output_written(len);
            if let Some(at) = self.announced.take() {
                self.latencies.push(self.now.since(at).as_micros() as u64);
            }
        }
    }
}

/// Frames before those that count.
pub const WARM_UP: u64 = 64;

/// Time does not start at zero.
pub const START: Instant = Instant::from_millis(1_000);

/// Between two lone frames.
pub const PERIOD: Duration = Duration::from_millis(50);

/// Rounds of a turn, as in `event_loop`.
const ROUNDS: usize = 16;

/// How long a turn goes on, as in `event_loop`.
const TURN_MAX: Duration = Duration::from_millis(5);

/// The most that one read of a pty brings.
const PTY_LEN: usize = 4_095;
