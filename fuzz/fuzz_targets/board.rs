//! A board in virtual time, as a command line describes it: `--check` of it, or the bridge with its link on
//! the simulated bus, with all the faults that `sim:` has, and a client. No panic, no spin, bounded memory;
//! `--check` recommends a command line that can be read.
//!
//! Input: the arguments behind the program's name, separated by spaces, and a line feed; then steps,
//! each by a choice. With `--check`, where there are any, they are a board that `sim:` does not have
//! (`common/odd.rs`); and a path in place of `sim:` is looked for on a machine of `fuzz/machines`, which the
//! first step chooses.
#![no_main]

#[path = "../common/mod.rs"]
mod common;

use common::{bounded, coprocessor, odd, Input};
use libfuzzer_sys::fuzz_target;
use spinel_bridge::bridge::{Bridge, Step, Upper};
use spinel_bridge::bus::Bus;
use spinel_bridge::check::board::Time;
use spinel_bridge::check::command::command_line;
use spinel_bridge::check::examine::examine;
use spinel_bridge::check::report::Report;
use spinel_bridge::check::system::System;
use spinel_bridge::cli::{parse, Command};
use spinel_bridge::config::{Config, Device};
use spinel_bridge::hdlc::encode::encode;
use spinel_bridge::hdlc::Port;
use spinel_bridge::link::Link;
use spinel_bridge::raw;
use spinel_bridge::sim;
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::spi::FRAME_MAX;
use std::path::{Component, Path};

fuzz_target!(|octets: &[u8]| bounded::within(MEMORY_MAX, || {
    let end = octets.iter().position(|octet| *octet == b'\n');
    let (line, steps) = octets.split_at(end.unwrap_or(octets.len()));
    let Ok(line) = core::str::from_utf8(line) else {
        return;
    };
    let input = Input::new(steps.get(1..).unwrap_or_default());
    match parse(line.split(' ')) {
        Ok(Command::Check(config)) => check(&config, input),
        Ok(Command::Run(config)) if is_simulated(&config.device) => run(&config, input),
        _ => {}
    }
}));

/// Neither files nor devices are touched.
fn is_simulated(device: &Device) -> bool {
    matches!(device, Device::Sim(spec) if spec.radio.is_none() && spec.state.is_none())
}

struct Virtual {
    now: Instant,
    /// When somebody asks to end, if ever.
    over: Option<Instant>,
}

impl Time for Virtual {
    fn now(&self) -> Instant {
        self.now
    }

    fn sleep(&mut self, duration: Duration) {
        self.now = self.now + duration;
        assert!(self.now < Instant::ZERO + CHECK_MAX, "a check without end");
    }

    fn is_over(&mut self) -> bool {
        self.over.is_some_and(|at| at <= self.now)
    }
}

fn check(config: &Config, mut input: Input<'_>) {
    let mut out = Vec::new();
    let now = Instant::from_millis(1_000);
    let over = match input.octet() {
        0 => None,
        tenths => Some(now + Duration::from_millis(100) * u32::from(tenths)),
    };
    let mut time = Virtual { now, over };
    let mut report = Report::new(&mut out);
    let mut fit = None;
    match &config.device {
        Device::Sim(_) if !is_simulated(&config.device) => return,
        Device::Sim(spec) if !input.is_empty() => {
            let bus = odd::board(spec, input.rest(), now);
            fit = examine(bus, usize::MAX, config, &mut time, &mut report);
        }
        Device::Spi(path) => look_for(path, *input.pick(MACHINES), &mut report),
        // Of those that are not on SPI nothing is opened.
        _ => spinel_bridge::check::run(config, &System::new(NOWHERE), &mut time, &mut report),
    }
    let failures = report.failures();
    let text = String::from_utf8(out).expect("a report");
    assert!(
        !text.contains(|c: char| c.is_control() && c != '\n'),
        "{text:?}"
    );
    // At the end, and below it perhaps a line about options that are not checked.
    if let (Some((_, used)), 0) = (text.rsplit_once("use: spinel-bridge "), failures) {
        recommended(used.lines().next().expect("a line"));
    }
    if let Some(fit) = fit {
        let line = command_line(&fit);
        let words = line.strip_prefix("spinel-bridge ").expect("our name");
        if let Some(read) = recommended(words) {
            assert_eq!((&read.spi, &read.device), (&fit.spi, &fit.device), "{line}");
            assert_eq!(read.reset_settle, fit.reset_settle, "{line}");
        }
    }
}

/// The command line, read again; `None` if some of it is quoted for a shell.
fn recommended(words: &str) -> Option<Box<Config>> {
    if words.contains('\'') {
        return None;
    }
    match parse(words.split(' ')) {
        Ok(Command::Run(config)) => Some(config),
        other => panic!("{words}: {other:?}"),
    }
}

/// What there is on a machine for the device. Nothing is opened.
fn look_for(path: &Path, machine: &str, report: &mut Report<'_>) {
    let is_up = |part: Component<'_>| part == Component::ParentDir;
    if !path.is_absolute() || path.components().any(is_up) {
        return;
    }
    let system = System::new(machine);
    report.add(system.user());
    let found = system.spi(path);
    assert!(!found.is_empty());
    found.into_iter().for_each(|finding| report.add(finding));
    report.add(system.bufsiz());
    system
        .gpio()
        .into_iter()
        .for_each(|finding| report.add(finding));
}

fn run(config: &Config, mut input: Input<'_>) {
    let Device::Sim(spec) = &config.device else {
        return;
    };
    let now = Instant::from_millis(1_000);
    let mut bus = sim::open(spec, now);
    bus.configure(config.spi.mode, config.spi.speed_hz)
        .expect("a simulated bus");
    let settings = config.link_settings(FRAME_MAX + 64, bus.has_interrupt(), bus.has_reset());
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
            assert!(at_once < AT_ONCE_MAX, "it spins at {:?}", self.now);
            self.now = due
                .unwrap_or(end)
                .max(self.now + Duration::from_micros(1))
                .min(end);
        }
    }
}

/// The buffers of the bridge and its longest transactions.
const MEMORY_MAX: usize = 4 << 20;
/// The longest check: four questions asked eleven times, of 5 s each and the first of up to 10 s more
/// (`--spi-reset-delay`), are 330 s; 100 probes at each of eight rates, up to 0.1 s apart (`--spi-gap`), 80 s;
/// boots, pulses of RES, other spacings and 50 more questions of half a second less than 100 s.
const CHECK_MAX: Duration = Duration::from_secs(600);
/// So that an input takes no longer than a tenth of a second: what is left of it is not played.
const TRANSACTIONS_MAX: usize = 20_000;
/// A file, so that there is nothing in it.
const NOWHERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
const MACHINES: &[&str] = &[
    NOWHERE,
    concat!(env!("CARGO_MANIFEST_DIR"), "/machines/bare"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/machines/whole"),
];
/// The link's deadline, the slave's clock, an edge and the fault that delays it may come one after the other; twice
/// that.
const AT_ONCE_MAX: usize = 8;
/// 37 octets at 1 MHz take 0.3 ms.
const TRANSACTION: Duration = Duration::from_micros(300);
