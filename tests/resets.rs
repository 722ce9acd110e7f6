//! The co-processor resets itself at every octet of every transaction of a run, in virtual time: what it
//! had is gone with it, and nothing else. No deadlock, nothing doubled, nothing reordered, nothing made up.

mod common;

use common::{spec, Pair};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::link::{CrcMode, Settings};
use spinel_bridge::sim::echo::Echo;
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::spi::HEADER_LEN;
use std::io;

/// A slave that is reset while an octet of a transaction is clocked.
struct Breaking {
    slave: Slave<Echo>,
    /// In this transaction, before this octet; after the last one if there are no more.
    at: Option<(usize, usize)>,
    /// What MISO shows when nobody drives it.
    idle: u8,
    /// How long each transaction was.
    lengths: Vec<usize>,
}

impl Bus for Breaking {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        let number = self.lengths.len();
        self.lengths.push(mosi.len());
        self.slave.transfer(now, mosi, miso)?;
        match self.at {
            Some((transaction, octet)) if transaction == number => {
                miso[octet..].fill(self.idle);
                // Whatever it took meanwhile goes with the rest.
                self.slave.set_reset(now, Line::Active)?;
                self.slave.set_reset(now, Line::Inactive)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        self.slave.interrupt(now)
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        self.slave.take_edge(now)
    }

    fn set_reset(&mut self, _: Instant, _: Line) -> io::Result<bool> {
        // RES of the slave is what this bus resets it with; the host has none.
        Ok(false)
    }

    fn has_interrupt(&self) -> bool {
        self.slave.has_interrupt()
    }

    fn has_reset(&self) -> bool {
        false
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.slave.poll_timeout()
    }
}

/// Under which circumstances.
#[derive(Clone, Copy, Debug)]
struct Case {
    crc: bool,
    no_interrupt: bool,
    boot: Duration,
    idle: u8,
}

/// The frames of a run: short, longer than what is offered at first, and short again.
fn frames() -> [Vec<u8>; 5] {
    let lengths = [4, 40, 7, 64, 5];
    let mut number = 0;
    lengths.map(|len| {
        number += 1;
        let mut frame = vec![0xA0 + number; len];
        frame[0] = 0x81;
        frame
    })
}

/// Sent when all is over.
const LAST: [u8; 4] = [0x8F, 0x02, 0x5A, 0xA5];

/// LAST_STATUS, RESET_POWER_ON and RESET_EXTERNAL (protocol §1.5).
const NOTICES: [[u8; 4]; 2] = [[0x80, 0x06, 0x00, 112], [0x80, 0x06, 0x00, 113]];

struct Seen {
    /// What the client read.
    frames: Vec<Vec<u8>>,
    /// How many frames the link had handed over when the reset came.
    sent_before: u64,
    /// The transactions up to the last frame.
    lengths: Vec<usize>,
    resets: u64,
}

fn run(case: Case, at: Option<(usize, usize)>) -> Seen {
    let start = Instant::from_millis(1_000);
    let spec = Spec {
        crc: case.crc,
        no_interrupt: case.no_interrupt,
        boot: case.boot,
        ..spec(1)
    };
    let bus = Breaking {
        slave: Slave::new(Echo::new(), &spec, start),
        at,
        idle: case.idle,
        lengths: Vec::new(),
    };
    let settings = Settings {
        crc: if case.crc { CrcMode::On } else { CrcMode::Off },
        ..Settings::default()
    };
    let mut pair = Pair::new(bus, settings, start);
    // Two before it has booted, the others behind.
    let mut seen = Vec::new();
    let mut sent_before = None;
    for (number, frame) in frames().iter().enumerate() {
        if number == 2 {
            turn(&mut pair, 60, at, &mut seen, &mut sent_before);
        }
        assert!(pair.send(frame));
    }
    turn(&mut pair, 4_000, at, &mut seen, &mut sent_before);
    let lengths = pair.bridge.bus.lengths.clone();
    assert!(pair.send(&LAST), "{case:?} {at:?}: no room for a frame");
    turn(&mut pair, 1_000, at, &mut seen, &mut sent_before);
    Seen {
        frames: seen,
        sent_before: sent_before.unwrap_or(0),
        resets: pair.bridge.link.stats().slave_resets,
        lengths,
    }
}

fn turn(
    pair: &mut Pair<Breaking>,
    millis: u64,
    at: Option<(usize, usize)>,
    seen: &mut Vec<Vec<u8>>,
    sent_before: &mut Option<u64>,
) {
    let end = pair.now + Duration::from_millis(millis);
    let mut turns = 0;
    while pair.now < end {
        pair.turn(end, |frame| seen.push(frame.to_vec()));
        let over = at.is_some_and(|(number, _)| pair.bridge.bus.lengths.len() > number);
        if over && sent_before.is_none() {
            *sent_before = Some(pair.bridge.link.stats().frames_sent);
        }
        turns += 1;
        assert!(turns < 20_000, "{at:?}: it spins");
    }
}

/// Checks what came of a reset.
fn check(case: Case, at: (usize, usize), seen: &Seen) {
    let sent = frames();
    let context = || format!("{case:?}, reset at {at:?}: {:02X?}", seen.frames);
    let mut place = 0;
    let mut broken = 0;
    let mut whole = 0;
    let (last, before) = seen
        .frames
        .split_last()
        .unwrap_or_else(|| panic!("{}", context()));
    assert_eq!(last, &LAST, "the last frame must come: {}", context());
    // Without a CRC nobody can know that a slave went away behind a good header.
    let is_cut = |frame: &[u8], sent: &[u8]| {
        let cut = at.1.saturating_sub(HEADER_LEN).min(frame.len());
        let gone = frame[cut..].iter().all(|&octet| octet == case.idle);
        !case.crc && frame.len() == sent.len() && frame[..cut] == sent[..cut] && gone
    };
    for frame in before {
        if NOTICES.iter().any(|notice| frame == notice) {
            continue;
        }
        if NOTICES.iter().any(|notice| is_cut(frame, notice)) {
            broken += 1;
            continue;
        }
        // In order and once: each is found behind the one before.
        let behind = &sent[place..];
        let found = behind
            .iter()
            .position(|sent| frame == sent || is_cut(frame, sent));
        let found = found.unwrap_or_else(|| panic!("made up, doubled or reordered: {}", context()));
        match *frame == sent[place + found] {
            true => whole += 1,
            false => broken += 1,
        }
        place += found + 1;
    }
    assert!(broken <= 1, "{}", context());
    assert!(seen.resets >= 1, "nobody was told: {}", context());
    // What the slave had not taken comes back.
    let safe = (sent.len() as u64).saturating_sub(seen.sent_before);
    assert!(
        whole >= safe,
        "{whole} of {safe} that it had not taken: {}",
        context()
    );
}

#[test]
fn a_reset_at_any_octet_of_any_transaction_loses_only_what_the_slave_had() {
    let mut runs = 0;
    let mut cases = Vec::new();
    for crc in [false, true] {
        for no_interrupt in [false, true] {
            for boot in [Duration::ZERO, Duration::from_millis(5)] {
                for idle in [0xFF, 0x00] {
                    cases.push(Case {
                        crc,
                        no_interrupt,
                        boot,
                        idle,
                    });
                }
            }
        }
    }
    for case in cases {
        let usual = run(case, None);
        let all = [NOTICES[0].to_vec()].into_iter().chain(frames());
        let all: Vec<Vec<u8>> = all.chain([LAST.to_vec()]).collect();
        assert_eq!(usual.frames, all, "{case:?}");
        // Those that move frames; the polls of an idle bus are all alike.
        for transaction in 0..usual.lengths.len().min(40) {
            for octet in 0..=usual.lengths[transaction] {
                let at = (transaction, octet);
                check(case, at, &run(case, Some(at)));
                runs += 1;
            }
        }
    }
    println!("{runs} runs");
    assert!(runs > 5_000, "{runs} runs");
}
