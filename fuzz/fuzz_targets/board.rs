//! A board in virtual time, as a command line describes it: `--check` of it, or the bridge with its link on
//! the simulated bus, with all the faults that `sim:` has, and a client. No panic, no spin, bounded memory;
//! `--check` recommends a command line that can be read.
//!
//! Input: the arguments behind the program's name, separated by spaces, and a line feed; then steps,
//! each by a choice.
#![no_main]

#[path = "../common/mod.rs"]
mod common;

use common::{bounded, coprocessor, Input};
use libfuzzer_sys::fuzz_target;
use spinel_bridge::bridge::{Bridge, Step, Upper};
use spinel_bridge::bus::Bus;
use spinel_bridge::check::board::Time;
use spinel_bridge::check::report::Report;
use spinel_bridge::check::system::System;
use spinel_bridge::cli::{parse, Command};
use spinel_bridge::config::{Config, Device};
use spinel_bridge::hdlc::encode::encode;
use spinel_bridge::hdlc::Port;
use spinel_bridge::link::{Link, Settings};
use spinel_bridge::raw;
use spinel_bridge::sim;
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::spi::FRAME_MAX;

fuzz_target!(|octets: &[u8]| bounded::within(MEMORY_MAX, || {
    let end = octets.iter().position(|octet| *octet == b'\n');
    let (line, steps) = octets.split_at(end.unwrap_or(octets.len()));
    let Ok(line) = core::str::from_utf8(line) else {
        return;
    };
    let input = Input::new(steps.get(1..).unwrap_or_default());
    match parse(line.split(' ')) {
        Ok(Command::Check(config)) if is_simulated(&config) => check(&config),
        Ok(Command::Run(config)) if is_simulated(&config) => run(&config, input),
        _ => {}
    }
}));

/// Neither files nor devices are touched.
fn is_simulated(config: &Config) -> bool {
    matches!(&config.device, Device::Sim(spec) if spec.radio.is_none() && spec.state.is_none())
}

struct Virtual(Instant);

impl Time for Virtual {
    fn now(&self) -> Instant {
        self.0
    }

    fn sleep(&mut self, duration: Duration) {
        self.0 = self.0 + duration;
    }

    fn is_over(&mut self) -> bool {
        self.0 > Instant::ZERO + CHECK_MAX
    }
}

fn check(config: &Config) {
    let mut out = Vec::new();
    let mut time = Virtual(Instant::from_millis(1_000));
    let mut report = Report::new(&mut out);
    spinel_bridge::check::run(config, &System::new("/nonexistent"), &mut time, &mut report);
    let failures = report.failures();
    let text = String::from_utf8(out).expect("a report");
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text:?}"
    );
    if let (Some((_, used)), 0) = (text.split_once("use: spinel-bridge "), failures) {
        let words = used.split_whitespace();
        let read = parse(words);
        assert!(
            used.contains('\'') || matches!(read, Ok(Command::Run(_))),
            "{used}: {read:?}"
        );
    }
}

fn run(config: &Config, mut input: Input<'_>) {
    let Device::Sim(spec) = &config.device else {
        return;
    };
    let now = Instant::from_millis(1_000);
    let mut bus = sim::open(spec, now);
    bus.configure(config.spi.mode, config.spi.speed_hz)
        .expect("a simulated bus");
    let settings = Settings::new(config, FRAME_MAX + 64, bus.has_interrupt(), bus.has_reset());
    let link = Link::new(settings, now);
    let is_raw = input.octet() & 1 == 1;
    let upper: Box<dyn Upper> = match is_raw {
        true => Box::new(raw::Port::new(FRAME_MAX)),
        false => Box::new(Port::new()),
    };
    let mut bench = Bench {
        bridge: Bridge { bus, link, upper },
        now,
        is_raw,
        reads: true,
        transactions: 0,
    };
    bench.bridge.upper.set_client(true);
    while !input.is_empty() && bench.transactions < TRANSACTIONS_MAX {
        bench.step(&mut input);
    }
}

struct Bench {
    bridge: Bridge<Box<dyn Bus>, Box<dyn Upper>>,
    now: Instant,
    is_raw: bool,
    reads: bool,
    transactions: usize,
}

impl Bench {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.octet() % 8 {
            0..=2 => self.send(&coprocessor::command(input)),
            3 => self.send(input.octets(255)),
            4 => {
                let octets = input.octets(255);
                self.fill(octets);
            }
            5 => {
                let millis = *input.pick(&[1, 10, 100, 1_000, 10_000]);
                return self.pass(Duration::from_millis(millis));
            }
            6 => self.reads = !self.reads,
            _ => {
                let has_client = input.octet() & 1 == 0;
                self.bridge.upper.set_client(has_client);
                self.bridge.link.request_reset(self.now);
            }
        }
        self.pass(Duration::from_millis(2));
    }

    fn send(&mut self, frame: &[u8]) {
        if self.is_raw {
            return self.fill(frame);
        }
        let mut encoded = vec![0; 2 * frame.len() + 8];
        let len = encode(frame, &mut encoded).expect("room");
        self.fill(&encoded[..len]);
    }

    fn fill(&mut self, octets: &[u8]) {
        let space = self.bridge.upper.input();
        let len = space.len().min(octets.len());
        space[..len].copy_from_slice(&octets[..len]);
        if len > 0 {
            self.bridge.upper.input_filled(len);
        }
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        let mut at_once = 0;
        while self.now < end && self.transactions < TRANSACTIONS_MAX {
            let edge = self.bridge.bus.poll_timeout();
            if edge.is_some_and(|at| at <= self.now) {
                self.bridge.take_edge(self.now).expect("the bus is there");
            }
            let step = self.bridge.step(self.now).expect("the bus is there");
            self.transactions += 1;
            let mut read = 0;
            while self.reads && !self.bridge.upper.output().is_empty() {
                let len = self.bridge.upper.output().len();
                self.bridge.upper.output_written(len);
                read += len;
            }
            let due = match step {
                Step::Again => Some(self.now + TRANSACTION),
                Step::Idle if read > 0 => Some(self.now),
                Step::Idle => self.bridge.poll_timeout(),
            };
            // Idle, nothing was read, and due again at once: the loop would spin.
            let is_spin = step == Step::Idle && read == 0 && due.is_some_and(|due| due <= self.now);
            at_once = if is_spin { at_once + 1 } else { 0 };
            assert!(at_once < 8, "it spins at {:?}", self.now);
            self.now = due
                .unwrap_or(end)
                .max(self.now + Duration::from_micros(1))
                .min(end);
        }
    }
}

/// The buffers of the bridge and its longest transactions.
const MEMORY_MAX: usize = 4 << 20;
/// The longest check takes some minutes of boots and spacings.
const CHECK_MAX: Duration = Duration::from_secs(3_600);
/// So that an input takes no longer than a tenth of a second.
const TRANSACTIONS_MAX: usize = 20_000;
/// 37 octets at 1 MHz take 0.3 ms.
const TRANSACTION: Duration = Duration::from_micros(300);
