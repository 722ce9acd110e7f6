//! A bridge, a simulated slave and a client in virtual time.

#![allow(dead_code)]

use spinel_bridge::bridge::{Bridge, Step, Upper};
use spinel_bridge::bus::Bus;
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::Port;
use spinel_bridge::link::{Link, Settings};
use spinel_bridge::sim::echo::Echo;
use spinel_bridge::sim::slave::faults::{Fault, Faults};
use spinel_bridge::sim::slave::wires::Wires;
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::{Rate, Spec};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::spi::FRAME_MAX;

/// The bus of most tests.
pub(crate) type EchoBus = Faults<Wires<Slave<Echo>>>;

/// Both ends of a link, the HDLC face, and a client behind it.
pub(crate) struct Pair<B> {
    pub(crate) bridge: Bridge<B, Port>,
    pub(crate) now: Instant,
    decoder: Decoder,
    scratch: Vec<u8>,
}

impl Pair<EchoBus> {
    /// A co-processor that echoes, with the faults of `spec`.
    pub(crate) fn echo(spec: &Spec, settings: Settings) -> Self {
        Pair::echo_scripted(spec, settings, Vec::new())
    }

    /// The same, and the faults of `script`.
    pub(crate) fn echo_scripted(
        spec: &Spec,
        settings: Settings,
        script: Vec<(u64, Fault)>,
    ) -> Self {
        let now = Instant::from_millis(1_000);
        let slave = Slave::new(Echo::new(), spec, now);
        let bus = Faults::scripted(Wires::new(slave, spec), spec, script);
        Pair::new(bus, settings, now)
    }
}

impl<B: Bus> Pair<B> {
    /// A bridge over `bus`.
    pub(crate) fn new(bus: B, settings: Settings, now: Instant) -> Self {
        let settings = Settings {
            has_interrupt: bus.has_interrupt(),
            has_reset: bus.has_reset(),
            ..settings
        };
        let link = Link::new(settings, now);
        let bridge = Bridge {
            bus,
            link,
            upper: Port::new(),
        };
        Pair {
            bridge,
            now,
            decoder: Decoder::new(),
            scratch: vec![0; encoded_max(FRAME_MAX)],
        }
    }

    /// The client sends octets, as far as there is room. Returns how many were taken.
    pub(crate) fn send_octets(&mut self, octets: &[u8]) -> usize {
        let space = self.bridge.upper.input();
        let len = space.len().min(octets.len());
        space[..len].copy_from_slice(&octets[..len]);
        self.bridge.upper.input_filled(len);
        len
    }

    /// The client sends a frame; false if there is no room for it.
    pub(crate) fn send(&mut self, frame: &[u8]) -> bool {
        let len = encode(frame, &mut self.scratch).expect("scratch holds the longest frame");
        let space = self.bridge.upper.input();
        if space.len() < len {
            return false;
        }
        space[..len].copy_from_slice(&self.scratch[..len]);
        self.bridge.upper.input_filled(len);
        true
    }

    /// One turn of the event loop, then on to the next deadline, `limit` at the latest; but if the
    /// client read something it answers before time goes on. Calls `deliver` for each frame that it
    /// reads. False if nothing will ever happen again.
    pub(crate) fn turn(&mut self, limit: Instant, mut deliver: impl FnMut(&[u8])) -> bool {
        let mut step = self.step();
        self.drain(&mut |frame| {
            deliver(frame);
            step = Step::Again;
        });
        self.pass_time(step, limit)
    }

    /// The same, while the client does not read.
    pub(crate) fn stall(&mut self, limit: Instant) {
        let step = self.step();
        self.pass_time(step, limit);
    }

    fn step(&mut self) -> Step {
        let edge_due = self.bridge.bus.poll_timeout();
        if edge_due.is_some_and(|at| at <= self.now) {
            self.bridge.take_edge(self.now).expect("the bus is there");
        }
        self.bridge.step(self.now).expect("the bus is there")
    }

    fn pass_time(&mut self, step: Step, limit: Instant) -> bool {
        let next = match step {
            Step::Again => Some(self.now + Duration::from_micros(50)),
            Step::Idle => self.bridge.poll_timeout(),
        };
        let least = self.now + Duration::from_micros(1);
        self.now = next.unwrap_or(limit).max(least).min(limit.max(self.now));
        next.is_some()
    }

    /// Runs for `time` and returns the frames that the client read.
    pub(crate) fn run(&mut self, time: Duration) -> Vec<Vec<u8>> {
        let end = self.now + time;
        let mut frames = Vec::new();
        while self.now < end {
            self.turn(end, |frame| frames.push(frame.to_vec()));
        }
        self.turn(end, |frame| frames.push(frame.to_vec()));
        frames
    }

    /// The client reads all that is there.
    pub(crate) fn drain(&mut self, deliver: &mut impl FnMut(&[u8])) {
        loop {
            let (taken, event) = self.decoder.decode(self.bridge.upper.output());
            self.bridge.upper.output_written(taken);
            match event {
                Some(Event::Frame { len }) => deliver(self.decoder.frame(len)),
                Some(_) => {}
                None => return,
            }
        }
    }
}

/// `percent` of all transactions.
pub(crate) fn percent(percent: u32) -> Rate {
    Rate {
        ppm: percent * 10_000,
    }
}

/// No faults, no reset.
pub(crate) fn spec(seed: u64) -> Spec {
    Spec {
        seed,
        ..Spec::default()
    }
}
