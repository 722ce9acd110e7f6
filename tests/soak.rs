//! Millions of echo frames through link and HDLC in virtual time: each kind of fault, at 1 % and 20 % of
//! all transactions and not at all, with short, middle, long and mixed frames, with CRC and without, on a
//! slave that is full duplex and on one that is not. The outcome is the table in `soak.txt`, which is under
//! review: `cargo test --test soak -- --nocapture` prints it.
//!
//! A campaign that breaks a promise is run again to note its frames and faults, which are then made as few
//! and as small as possible, and printed as a test for `minimised.rs`.
//!
//! `SOAK_FRAMES=n` sends n frames in each campaign, `SOAK_SEED=n` begins with another seed: both without
//! a look at the table. `SOAK_BLESS=1` writes the table.

mod campaign;
mod common;

use campaign::matrix::{Class, FaultKind, Level, CLASSES, FAULT_KINDS};
use campaign::minimise::minimise;
use campaign::run::{Run, Violation};
use campaign::scenario::{Frame, Scenario};
use common::spec;
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::sim::spec::{Kind, Rate, Spec};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One cell of the matrix.
struct Campaign {
    kind: &'static FaultKind,
    level: &'static Level,
    class: &'static Class,
    crc: bool,
    half_duplex: bool,
    frames: u64,
    seed: u64,
}

#[test]
fn every_promise_is_kept_under_every_fault() {
    let campaigns = matrix();
    let total: u64 = campaigns.iter().map(|campaign| campaign.frames).sum();
    println!("{} campaigns, {total} frames", campaigns.len());
    let outcomes = run_all(&campaigns);
    let broken: Vec<(&Campaign, &Violation)> = campaigns
        .iter()
        .zip(&outcomes)
        .filter_map(|(campaign, outcome)| Some((campaign, outcome.as_ref().err()?)))
        .collect();
    for (campaign, violation) in &broken {
        println!("{}: {}", campaign.name(), violation.text);
    }
    let mut seen = Vec::new();
    for (campaign, _) in &broken {
        if seen.len() < MINIMISED_MAX && !seen.contains(&campaign.kind.name) {
            seen.push(campaign.kind.name);
            println!("\n{}", campaign.minimised());
        }
    }
    assert!(broken.is_empty(), "{} campaigns failed", broken.len());
    let rows: Vec<Row> = outcomes.into_iter().flatten().collect();
    let table = table(&campaigns, &rows, total);
    println!("{table}");
    if std::env::var_os("SOAK_FRAMES").is_none() && std::env::var_os("SOAK_SEED").is_none() {
        review(&table);
    }
}

/// The outcome is as it was when it was last looked at. It depends on nothing but the seed and the code.
fn review(table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/soak.txt");
    if std::env::var_os("SOAK_BLESS").is_some() {
        std::fs::write(path, table).expect("the table can be written");
    }
    let reviewed = std::fs::read_to_string(path).expect("tests/soak.txt is there");
    assert!(
        table == reviewed,
        "the outcome is not that of tests/soak.txt. If the change is meant, run \
         SOAK_BLESS=1 cargo test --test soak and look at the difference"
    );
}

/// Every campaign, in the order of the table.
fn matrix() -> Vec<Campaign> {
    let frames = number("SOAK_FRAMES").unwrap_or(FRAMES);
    let seed = number("SOAK_SEED").unwrap_or(SEED);
    let mut campaigns = Vec::new();
    for kind in &FAULT_KINDS {
        for (crc, half_duplex, level) in rows_of(kind) {
            for class in &CLASSES {
                campaigns.push(Campaign {
                    kind,
                    level,
                    class,
                    crc,
                    half_duplex,
                    frames,
                    seed: seed + campaigns.len() as u64,
                });
            }
        }
    }
    campaigns
}

/// What differs between the rows of a kind of fault.
fn rows_of(kind: &'static FaultKind) -> impl Iterator<Item = (bool, bool, &'static Level)> {
    let duplexes = [false, true];
    kind.crc.iter().flat_map(move |&crc| {
        duplexes
            .into_iter()
            .flat_map(move |half| kind.levels.iter().map(move |level| (crc, half, level)))
    })
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number")),
    )
}

/// What came of a campaign.
struct Row {
    lost: u64,
    doubled: u64,
    faults: u64,
    transactions: u64,
}

/// Two workers, since the machines that run this have two cores.
fn run_all(campaigns: &[Campaign]) -> Vec<Result<Row, Violation>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut outcomes = Vec::new();
        while let Some(place) = Some(next.fetch_add(1, Ordering::Relaxed)) {
            let Some(campaign) = campaigns.get(place) else {
                break;
            };
            outcomes.push((place, campaign.run()));
        }
        outcomes
    };
    let mut outcomes = std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let mut outcomes = work();
        outcomes.extend(other.join().expect("no panic"));
        outcomes
    });
    outcomes.sort_by_key(|outcome| outcome.0);
    outcomes.into_iter().map(|outcome| outcome.1).collect()
}

impl Campaign {
    fn spec(&self) -> Spec {
        let mut spec = Spec {
            crc: self.crc,
            half_duplex: self.half_duplex,
            no_reset: true,
            ..spec(self.seed)
        };
        self.level.1(&mut spec);
        spec
    }

    fn name(&self) -> String {
        format!(
            "{} {}, {} frames, CRC {}, {} duplex, seed {:#x}",
            self.kind.name,
            self.level.0,
            self.class.name,
            on_off(self.crc),
            full_half(self.half_duplex),
            self.seed
        )
    }

    fn start(&self) -> Run {
        let mut run = Run::new(&self.spec(), self.kind.promise, Vec::new());
        run.pair.bridge.bus.lose_behind_garbage = self.kind.worst_garbage;
        run
    }

    fn run(&self) -> Result<Row, Violation> {
        let mut run = self.start();
        let mut source = Source::new(self);
        run.go(|now| source.next(now))?;
        let row = Row {
            lost: run.tally.lost,
            doubled: run.tally.doubled,
            faults: run.pair.bridge.bus.injected().total(),
            transactions: run.pair.bridge.bus.transactions(),
        };
        let by_chance = self.level.0.ends_with('%') && self.level.0 != "0 %";
        assert!(
            row.faults > 0 || !by_chance || self.frames < FRAMES,
            "{}: no fault happened",
            self.name()
        );
        Ok(row)
    }

    /// The test that the violation comes down to.
    fn minimised(&self) -> String {
        let mut run = self.start();
        run.pair.bridge.bus.record();
        let mut source = Source::new(self);
        let mut frames = Vec::new();
        let outcome = run.go(|now| {
            let frame = source.next(now)?;
            frames.push(frame);
            Some(frame)
        });
        outcome.expect_err("the same campaign ends in the same way");
        // The last one was not sent yet.
        frames.truncate(run.tally.sent as usize);
        let recorded = Scenario {
            spec: without_chance(self.spec()),
            promise: self.kind.promise,
            frames,
            faults: run.pair.bridge.bus.recorded().to_vec(),
        };
        let name = format!("{} {} {:x}", self.kind.name, self.level.0, self.seed);
        let origin = format!("From {}", self.name());
        match minimise(recorded, &Scenario::judge) {
            Some((scenario, finding)) => scenario.as_test(&name, &origin, &finding.violation),
            None => format!("{origin}: its frames and faults alone do not fail"),
        }
    }
}

/// The slave, without the faults that chance brings.
fn without_chance(spec: Spec) -> Spec {
    Spec {
        kind: Kind::Echo,
        void: Rate::default(),
        garbage: Rate::default(),
        late_header: Rate::default(),
        data_len: Rate::default(),
        flip: Rate::default(),
        flip_any: Rate::default(),
        refuse: Rate::default(),
        lose_edge: Rate::default(),
        reset: Rate::default(),
        eio: Rate::default(),
        ..spec
    }
}

/// Frames of random lengths, most of them one after the other, some after a pause.
struct Source {
    rng: Rng,
    left: u64,
    shortest: u64,
    lengths: u64,
}

impl Source {
    fn new(campaign: &Campaign) -> Self {
        let Class {
            shortest, longest, ..
        } = *campaign.class;
        Source {
            rng: Rng::new(campaign.seed),
            left: campaign.frames,
            shortest: shortest as u64,
            lengths: (longest + 1 - shortest) as u64,
        }
    }

    fn next(&mut self, now: u64) -> Option<Frame> {
        self.left = self.left.checked_sub(1)?;
        let pause = match self.rng.below(PAUSE_EVERY) {
            0 => self.rng.below(PAUSE_MAX),
            _ => 0,
        };
        let len = self.shortest + self.rng.below(self.lengths);
        Some(Frame {
            at: now + pause,
            len: len as usize,
        })
    }
}

fn on_off(crc: bool) -> &'static str {
    match crc {
        true => "on",
        false => "off",
    }
}

fn full_half(half_duplex: bool) -> &'static str {
    match half_duplex {
        true => "half",
        false => "full",
    }
}

/// A section for each kind of fault, a row for each way to drive the link, a group of columns for each
/// class of lengths. A dot is none.
fn table(campaigns: &[Campaign], rows: &[Row], total: u64) -> String {
    let Campaign { frames, seed, .. } = campaigns[0];
    let mut text = format!(
        "{frames} frames in each of {} campaigns, {total} in all.\n\
         Seed {seed:#x}, and one more for each campaign. t/frame: transactions for each frame. A dot: none.\n\n",
        campaigns.len()
    );
    let _ = write!(text, "{:17}", "");
    for Class {
        name,
        shortest,
        longest,
    } in &CLASSES
    {
        let _ = write!(text, " | {:29}", format!("{name}: {shortest}..={longest}"));
    }
    let _ = write!(text, "\n{:>6} {:>3} {:>6}", "rate", "CRC", "duplex");
    for _ in &CLASSES {
        let _ = write!(
            text,
            " | {:>6} {:>6} {:>7} {:>7}",
            "lost", "double", "faults", "t/frame"
        );
    }
    let mut section = "";
    for (campaign, row) in campaigns.iter().zip(rows) {
        if campaign.kind.name != section {
            section = campaign.kind.name;
            let _ = write!(text, "\n\n{section}: {}", campaign.kind.permits);
        }
        if campaign.class.name == CLASSES[0].name {
            let (crc, duplex) = (on_off(campaign.crc), full_half(campaign.half_duplex));
            let _ = write!(text, "\n{:>6} {crc:>3} {duplex:>6}", campaign.level.0);
        }
        let _ = write!(
            text,
            " | {:>6} {:>6} {:>7} {:>7.3}",
            dot(row.lost),
            dot(row.doubled),
            dot(row.faults),
            row.transactions as f64 / campaign.frames as f64
        );
    }
    text.push('\n');
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

fn dot(number: u64) -> String {
    match number {
        0 => ".".to_owned(),
        number => number.to_string(),
    }
}

/// The frames of a campaign, unless SOAK_FRAMES asks for another number.
const FRAMES: u64 = 30_000;
const SEED: u64 = 0x5EED_0001;

/// One of so many frames comes after a pause, of so many microseconds at most: the link falls idle.
const PAUSE_EVERY: u64 = 16;
const PAUSE_MAX: u64 = 50_000;

/// Of so many kinds of fault one failure is minimised. A mistake in the link breaks most of the matrix.
const MINIMISED_MAX: usize = 4;
