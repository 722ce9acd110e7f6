//! Slaves that need time to arm, have rings and odd buffers: served by the link and by a model of
//! OpenThread's posix host, on the same bus in virtual time.

use super::posix::Posix;
use spinel_bridge::bridge::{Bridge, Step, Upper};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::Port;
use spinel_bridge::link::{CrcMode, Link, Settings};
use spinel_bridge::sim::echo::Echo;
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::sim::slave::faults::Faults;
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::time::{Duration, Instant};
use std::io;

pub const fn us(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// A slave, what lies before it, and what a client has to say to it.
#[derive(Clone, Debug)]
pub struct Draw {
    pub spec: Spec,
    pub seed: u64,
    pub speed_hz: u32,
    pub rearm: u64,
    pub spread: u64,
    /// What it needs to arm at first, for [`SLOW`], if not 0.
    pub slow: u64,
    /// It is not armed after a transaction that it took no part in either.
    pub since_any: bool,
    /// How many frames.
    pub count: usize,
    pub shortest: usize,
    pub longest: usize,
    /// Frames on their way at the same time.
    pub window: usize,
}

impl Draw {
    fn bus(&self) -> Timed {
        let slave = Slave::new(Echo::new(), &self.spec, START);
        Timed {
            bus: Faults::new(slave, &self.spec),
            rng: Rng::new(!self.seed),
            speed_hz: self.speed_hz,
            rearm: self.rearm,
            spread: self.spread,
            slow: self.slow,
            since_any: self.since_any,
            armed_at: START,
            elapsed_ns: 0,
            transactions: 0,
        }
    }

    /// The frames, in the order in which they are sent.
    fn frames(&self) -> Vec<Vec<u8>> {
        let mut rng = Rng::new(self.seed ^ 0xF00D);
        let lengths = (self.longest - self.shortest + 1) as u64;
        (0..self.count)
            .map(|number| {
                let len = self.shortest + rng.below(lengths) as usize;
                let mut frame = vec![0x81 + (number % 8) as u8; len];
                frame[1..5].copy_from_slice(&(number as u32).to_le_bytes());
                frame
            })
            .collect()
    }
}

/// A bus on which a transaction takes time, and a slave that has to arm after each.
struct Timed {
    bus: Faults<Slave<Echo>>,
    rng: Rng,
    speed_hz: u32,
    rearm: u64,
    spread: u64,
    slow: u64,
    since_any: bool,
    armed_at: Instant,
    /// Since the owner last let it pass.
    elapsed_ns: u64,
    transactions: u64,
}

impl Timed {
    fn pass_time(&mut self, now: &mut Instant) {
        *now = *now + us(self.elapsed_ns / 1_000);
        self.elapsed_ns %= 1_000;
    }
}

impl Bus for Timed {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        self.transactions += 1;
        let begins = now + Duration::from_nanos(self.elapsed_ns);
        let clocks = mosi.len() as u64 * 8;
        self.elapsed_ns += FIXED_NS + clocks * 1_000_000_000 / u64::from(self.speed_hz);
        let ends = now + Duration::from_nanos(self.elapsed_ns);
        let is_armed = begins >= self.armed_at;
        if is_armed || self.since_any {
            let slow = match ends.since(START) < SLOW {
                true => self.slow,
                false => 0,
            };
            self.armed_at = ends + us(slow.max(self.rearm) + self.rng.below(self.spread + 1));
        }
        if !is_armed {
            miso.fill(0xFF);
            return Ok(());
        }
        self.bus.transfer(ends, mosi, miso)
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        let now = now + Duration::from_nanos(self.elapsed_ns);
        self.bus.interrupt(now)
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        self.bus.take_edge(now)
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        self.bus.set_reset(now, line)
    }

    fn has_interrupt(&self) -> bool {
        true
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.bus.poll_timeout()
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Run {
    pub delivered: usize,
    /// When each was, of ours.
    pub at: Vec<Duration>,
    pub time: Duration,
    pub transactions: u64,
}

/// Those that came back, in order; the reset notification is none of them.
struct Client {
    frames: Vec<Vec<u8>>,
    sent: usize,
    back: usize,
    window: usize,
    /// One was lost, doubled or out of order.
    is_wrong: bool,
}

impl Client {
    fn new(draw: &Draw) -> Self {
        Client {
            frames: draw.frames(),
            sent: 0,
            back: 0,
            window: draw.window,
            is_wrong: false,
        }
    }

    fn may_send(&self) -> bool {
        self.sent < self.frames.len() && self.sent - self.back < self.window
    }

    fn hears(&mut self, frame: &[u8]) {
        if matches!(frame, [0x80, 0x06, 0x00, 112..=127]) {
            return;
        }
        let expected = self.frames.get(self.back);
        self.is_wrong |= expected.map(Vec::as_slice) != Some(frame);
        self.back += usize::from(!self.is_wrong);
    }

    fn is_done(&self) -> bool {
        self.is_wrong || self.back == self.frames.len()
    }
}

pub fn ours(draw: &Draw) -> Run {
    let mut now = START;
    let settings = Settings {
        crc: match draw.spec.crc {
            true => CrcMode::On,
            false => CrcMode::Off,
        },
        speed_hz: draw.speed_hz,
        has_reset: false,
        ..Settings::default()
    };
    let mut bridge = Bridge {
        bus: draw.bus(),
        link: Link::new(settings, now),
        upper: Port::new(),
    };
    let mut client = Client::new(draw);
    let mut decoder = Decoder::new();
    let mut scratch = vec![0; encoded_max(2_043)];
    let mut at = Vec::new();
    while !client.is_done() && now.since(START) < LIMIT {
        while client.may_send() {
            let len = encode(&client.frames[client.sent], &mut scratch).expect("room");
            let space = bridge.upper.input();
            if space.len() < len {
                break;
            }
            space[..len].copy_from_slice(&scratch[..len]);
            bridge.upper.input_filled(len);
            client.sent += 1;
        }
        if bridge.bus.poll_timeout().is_some_and(|at| at <= now) {
            bridge.take_edge(now).expect("a bus");
        }
        let before = now;
        let step = bridge.step(now).expect("a bus");
        bridge.bus.pass_time(&mut now);
        let back = client.back;
        loop {
            let (taken, event) = decoder.decode(bridge.upper.output());
            bridge.upper.output_written(taken);
            match event {
                Some(Event::Frame { len }) => client.hears(decoder.frame(len)),
                Some(_) => {}
                None => break,
            }
        }
        if back < client.back {
            at.resize(client.back, now.since(START));
            continue;
        }
        // A look at the clock takes a little.
        let next = match step {
            Step::Again => now.max(before + us(1)),
            Step::Idle => bridge.poll_timeout().unwrap_or(now + LIMIT),
        };
        now = next.max(now).max(before + us(1)).min(START + LIMIT);
    }
    Run {
        delivered: client.back,
        at,
        time: now.since(START),
        transactions: bridge.bus.transactions,
    }
}

pub fn theirs(draw: &Draw) -> Run {
    let mut now = START;
    let mut bus = draw.bus();
    let mut host = Posix::new();
    let mut client = Client::new(draw);
    while !client.is_done() && now.since(START) < LIMIT && !host.is_dead() {
        if client.may_send() && host.has_room() {
            host.send(&client.frames[client.sent]);
            client.sent += 1;
            host.transact(&mut bus, now, &mut |frame| client.hears(frame));
            bus.pass_time(&mut now);
            continue;
        }
        let until = host.wait(&mut bus, now);
        let edge = bus.poll_timeout();
        // An edge ends the wait, unless the line is active already and so is not waited for.
        now = match (host.waits_for_edge, edge) {
            (true, Some(edge)) => until.min(edge.max(now)),
            _ => until,
        };
        now = now.min(START + LIMIT);
        let _ = bus.take_edge(now);
        host.process(&mut bus, now, &mut |frame| client.hears(frame));
        bus.pass_time(&mut now);
        now = now + us(1);
    }
    Run {
        delivered: client.back,
        at: Vec::new(),
        time: now.since(START),
        transactions: bus.transactions,
    }
}

const START: Instant = Instant::from_millis(1_000);

/// What a transaction takes beside its octets, in the middle of what was measured (`link::limits`).
const FIXED_NS: u64 = 100_000;

/// How long a slave is slow that is at first.
pub const SLOW: Duration = Duration::from_secs(2);

/// Frames of a run.
pub const FRAMES: usize = 200;

/// When a slave that is reset at the start has said that it was reset, and how many
/// transactions that took.
pub fn boot(spec: &Spec) -> (Duration, u64) {
    let settings = Settings {
        crc: CrcMode::Off,
        reset_at_start: true,
        has_interrupt: !spec.no_interrupt,
        ..Settings::default()
    };
    let mut now = START;
    let mut bridge = Bridge {
        bus: Slave::new(Echo::new(), spec, START),
        link: Link::new(settings, now),
        upper: Port::new(),
    };
    while now.since(START) < LIMIT {
        if bridge.bus.poll_timeout().is_some_and(|at| at <= now) {
            bridge.take_edge(now).expect("a bus");
        }
        let step = bridge.step(now).expect("a bus");
        if bridge.link.stats().frames_received > 0 {
            break;
        }
        let next = match step {
            Step::Again => now,
            Step::Idle => bridge.poll_timeout().unwrap_or(now + LIMIT),
        };
        now = next.max(now + us(1));
    }
    (now.since(START), bridge.link.stats().transactions)
}

/// No slave takes so long for all frames.
const LIMIT: Duration = Duration::from_secs(120);
