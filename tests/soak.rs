//! A million echo frames of random sizes through link and HDLC in virtual time, for each kind of fault
//! at 0 %, 1 % and 20 % of all transactions. The outcome is the table in `soak.txt`, which is under review:
//! `cargo test --test soak -- --nocapture` prints it.

mod common;

use common::{percent, spec, Pair};
use spinel_bridge::config::CrcMode;
use spinel_bridge::link::Settings;
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::sim::spec::{Rate, Spec};
use spinel_bridge::time::{Duration, Instant};
use std::collections::VecDeque;

/// What may happen to a frame under a kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    /// Each arrives once, in order, unchanged.
    Nothing,
    /// Each arrives at least once, in order, unchanged; not more often doubled than there were faults.
    Doubled,
    /// Some may be lost or doubled, which is counted; nothing changed is delivered, nor out of order.
    Lost,
}

struct Case {
    name: &'static str,
    allowed: Allowed,
    crc: bool,
    set: fn(&mut Spec, Rate),
    /// The slave counts its frame as given behind a garbage header, though no CRC protects it.
    worst_garbage: bool,
}

const fn case(name: &'static str, allowed: Allowed, crc: bool, set: fn(&mut Spec, Rate)) -> Case {
    Case {
        name,
        allowed,
        crc,
        set,
        worst_garbage: false,
    }
}

const CASES: [Case; 11] = [
    case("void headers", Allowed::Nothing, false, |spec, rate| {
        spec.void = rate
    }),
    case("void headers", Allowed::Nothing, true, |spec, rate| {
        spec.void = rate
    }),
    case("refusals", Allowed::Nothing, false, |spec, rate| {
        spec.refuse = rate
    }),
    case("lost INT edges", Allowed::Nothing, false, |spec, rate| {
        spec.lose_edge = rate
    }),
    case("late INT", Allowed::Nothing, false, |spec, rate| {
        spec.late_interrupt = Duration::from_micros(u64::from(rate.ppm) / 100);
    }),
    case("driver errors", Allowed::Nothing, false, |spec, rate| {
        spec.eio = rate
    }),
    case(
        "flips in data and CRC",
        Allowed::Nothing,
        true,
        |spec, rate| spec.flip = rate,
    ),
    case("garbage headers", Allowed::Doubled, false, |spec, rate| {
        spec.garbage = rate
    }),
    case("garbage headers", Allowed::Doubled, true, |spec, rate| {
        spec.garbage = rate
    }),
    Case {
        name: "garbage headers, slave believes its frame was read",
        allowed: Allowed::Lost,
        crc: false,
        set: |spec, rate| spec.garbage = rate,
        worst_garbage: true,
    },
    case("flips anywhere", Allowed::Lost, true, |spec, rate| {
        spec.flip_any = rate
    }),
];

/// What became of the frames of one campaign.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    arrived: u64,
    lost: u64,
    doubled: u64,
    changed: u64,
    faults: u64,
    transactions: u64,
}

#[test]
fn a_million_frames_per_kind_of_fault() {
    let frames = frames_per_campaign();
    println!("{frames} frames of 1..=1295 octets each, seed {SEED:#x}\n\n{HEADLINE}");
    // Two workers, since the machines that run this have two cores.
    let workers: Vec<_> = (0..2)
        .map(|worker| std::thread::spawn(move || campaigns(worker, frames)))
        .collect();
    let mut outcomes: Vec<Outcome> = workers
        .into_iter()
        .flat_map(|worker| worker.join().expect("no panic"))
        .collect();
    outcomes.sort_by_key(|outcome| outcome.place);
    let failures: Vec<&str> = outcomes
        .iter()
        .filter_map(|outcome| outcome.failure.as_deref())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    if frames == FRAMES {
        review(&outcomes);
    }
}

/// The outcome is as it was when it was last looked at. It depends on nothing but the seed and the code.
fn review(outcomes: &[Outcome]) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/soak.txt");
    let rows = outcomes.iter().map(|outcome| outcome.row.as_str());
    let table: String = [HEADLINE]
        .into_iter()
        .chain(rows)
        .map(|row| format!("{}\n", row.trim_end()))
        .collect();
    if std::env::var_os("SOAK_BLESS").is_some() {
        std::fs::write(path, &table).expect("the table can be written");
    }
    let reviewed = std::fs::read_to_string(path).expect("tests/soak.txt is there");
    assert!(
        table == reviewed,
        "the outcome is not that of tests/soak.txt. If the change is meant, run \
         SOAK_BLESS=1 cargo test --test soak and look at the difference:\n{table}"
    );
}

/// The whole number, unless SOAK_FRAMES asks for another.
fn frames_per_campaign() -> u64 {
    match std::env::var("SOAK_FRAMES") {
        Ok(frames) => frames.parse().expect("SOAK_FRAMES is a number"),
        Err(_) => FRAMES,
    }
}

const FRAMES: u64 = 1_000_000;
const SEED: u64 = 0x5EED_0001;
const HEADLINE: &str = "fault                                                CRC  rate   arrived     lost double  changed   faults  transact.";

/// What came of a campaign.
struct Outcome {
    /// Its row and column in the table.
    place: (usize, usize),
    row: String,
    failure: Option<String>,
}

/// Every second campaign.
fn campaigns(worker: usize, frames: u64) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (index, case) in CASES.iter().enumerate() {
        for (column, rate) in [0, 1, 20].into_iter().enumerate() {
            if (index + column) % 2 == worker {
                let (row, failure) = judge(case, rate, frames);
                println!("{row}");
                let place = (index, column);
                outcomes.push(Outcome {
                    place,
                    row,
                    failure,
                });
            }
        }
    }
    outcomes
}

/// The row of a campaign, and what is wrong with it.
fn judge(case: &Case, rate: u32, frames: u64) -> (String, Option<String>) {
    let tally = campaign(case, percent(rate), frames, SEED);
    let crc = if case.crc { "on" } else { "off" };
    let row = format!(
        "{:52} {crc:>3} {rate:>3} % {:>9} {:>8} {:>6} {:>8} {:>8} {:>10}",
        case.name,
        tally.arrived,
        tally.lost,
        tally.doubled,
        tally.changed,
        tally.faults,
        tally.transactions
    );
    let kept = tally.changed == 0
        && match case.allowed {
            Allowed::Nothing => tally.lost == 0 && tally.doubled == 0,
            Allowed::Doubled => tally.lost == 0 && tally.doubled <= tally.faults,
            Allowed::Lost => tally.lost + tally.doubled <= tally.faults,
        };
    let hit = rate == 0 || case.name == "late INT" || tally.faults > 0;
    let failure = !kept || !hit;
    let failure = failure.then(|| format!("{} at {rate} %, CRC {crc}: {tally:?}", case.name));
    (row, failure)
}

fn campaign(case: &Case, rate: Rate, frames: u64, seed: u64) -> Tally {
    let mut spec = Spec {
        crc: case.crc,
        no_reset: true,
        ..spec(seed)
    };
    (case.set)(&mut spec, rate);
    let crc = if case.crc { CrcMode::On } else { CrcMode::Off };
    let mut pair = Pair::echo(
        &spec,
        Settings {
            crc,
            ..Settings::default()
        },
    );
    pair.bridge.bus.lose_behind_garbage = case.worst_garbage;
    let mut source = Source::new(seed);
    let mut expected: VecDeque<Vec<u8>> = VecDeque::new();
    let mut last: Vec<u8> = BOOT.to_vec();
    let mut tally = Tally::default();
    let (mut sent, mut next) = (0, source.frame());
    let mut stalled_since = pair.now;
    let never = Instant::from_micros(u64::MAX);
    while sent < frames || !expected.is_empty() {
        while sent < frames && expected.len() < WINDOW && pair.send(&next) {
            expected.push_back(core::mem::replace(&mut next, source.frame()));
            sent += 1;
        }
        let before = pair.now;
        let arrived = tally.arrived;
        let alive = pair.turn(never, |frame| {
            match_up(frame, &mut expected, &mut last, &mut tally)
        });
        if tally.arrived > arrived {
            stalled_since = pair.now;
        }
        let stalled = pair.now.since(stalled_since) > Duration::from_secs(60);
        if !alive || stalled {
            // What is still expected is lost; with a frame that may be lost the end looks like this.
            assert!(
                case.allowed == Allowed::Lost && sent == frames,
                "{}: stuck at {before:?} after {} frames: {:?}",
                case.name,
                tally.arrived,
                pair.bridge.link,
            );
            tally.lost += expected.len() as u64;
            break;
        }
    }
    let injected = pair.bridge.bus.injected();
    tally.faults = injected.void
        + injected.garbage
        + injected.flip
        + injected.flip_any
        + injected.refuse
        + injected.lose_edge
        + injected.eio;
    tally.transactions = pair.bridge.link.stats().transactions;
    tally
}

/// The echo co-processor's reset notification.
const BOOT: [u8; 4] = [0x80, 0x06, 0x00, 112];

/// Frames on their way: more than both ends can hold.
const WINDOW: usize = 64;

/// Compares a frame that arrived with those that are on their way.
fn match_up(frame: &[u8], expected: &mut VecDeque<Vec<u8>>, last: &mut Vec<u8>, tally: &mut Tally) {
    if let Some(index) = expected.iter().position(|sent| sent == frame) {
        tally.arrived += 1;
        tally.lost += index as u64;
        expected.drain(..index);
        *last = expected.pop_front().expect("it was found there");
    } else if frame == last || frame == BOOT {
        tally.doubled += u64::from(frame != BOOT);
    } else {
        tally.changed += 1;
    }
}

/// Frames of random sizes and contents; two in a row differ.
struct Source {
    rng: Rng,
    count: u64,
}

impl Source {
    fn new(seed: u64) -> Self {
        Source {
            rng: Rng::new(seed),
            count: 0,
        }
    }

    fn frame(&mut self) -> Vec<u8> {
        let len = 1 + self.rng.below(1295) as usize;
        self.count += 1;
        let mut frame: Vec<u8> = Vec::with_capacity(len + 8);
        // FLG 2; the frame's number, so that it is found again, as far as there is room for it.
        frame.push(0x80 | (self.count & 0x3F) as u8);
        frame.extend_from_slice(&(self.count >> 6).to_le_bytes()[..4]);
        while frame.len() < len {
            frame.extend_from_slice(&self.rng.next_u64().to_le_bytes());
        }
        frame.truncate(len);
        frame
    }
}
