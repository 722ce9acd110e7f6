//! Two frames each way between link and slave, with every way to place up to four faults, each at most
//! once, among the transactions: no deadlock, nothing lost, nothing reordered, and nothing doubled but by
//! a garbage header.

mod common;

use common::{spec, Pair};
use spinel_bridge::link::{CrcMode, Settings};
use spinel_bridge::sim::slave::faults::Fault::{Eio, Flip, Garbage, LoseEdge, Refuse, Void};
use spinel_bridge::sim::slave::faults::{Behind, Fault, Faults};
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::trace::Way;

/// Faults in the transactions of their numbers.
type Script = Vec<(u64, Fault)>;

const VOID: Fault = Void { low: false };
/// The slave takes no part.
const GARBAGE_UNSEEN: Fault = garbage(Behind::Nothing);
/// A bit of our frame flips.
const FLIP_OURS: Fault = flip(Way::ToSlave);
/// A bit of the slave's frame flips.
const FLIP_THEIRS: Fault = flip(Way::FromSlave);

const fn garbage(behind: Behind) -> Fault {
    Garbage { behind, seed: 0 }
}

const fn flip(way: Way) -> Fault {
    Flip { way, bit: 2 }
}

/// Says two frames of its own after each reset, and notes what it is told.
#[derive(Default)]
struct Duo {
    to_say: Vec<Vec<u8>>,
    heard: Vec<Vec<u8>>,
}

impl Firmware for Duo {
    fn reset(&mut self, _now: Instant, _cause: ResetCause) {
        // The last is said first.
        self.to_say = vec![THEIRS[1].to_vec(), THEIRS[0].to_vec()];
    }

    fn receive(&mut self, _now: Instant, frame: &[u8]) {
        self.heard.push(frame.to_vec());
    }

    fn transmit(&mut self, _now: Instant, buf: &mut [u8]) -> Option<usize> {
        let frame = self.to_say.pop()?;
        buf[..frame.len()].copy_from_slice(&frame);
        Some(frame.len())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        None
    }
}

/// One frame that fits in the first offer, and one that does not, each way.
const OURS: [&[u8]; 2] = [&[0x81, 0x02, 0x01], &[0x82; 40]];
const THEIRS: [&[u8]; 2] = [&[0x80; 50], &[0x80, 0x06, 0x43]];

/// Runs a script to its end. Returns how many transactions there were.
fn run(crc: bool, busy: Duration, script: &Script) -> u64 {
    let spec = Spec {
        crc,
        busy,
        no_reset: true,
        ..spec(1)
    };
    let now = Instant::from_millis(1_000);
    let slave = Slave::new(Duo::default(), &spec, now);
    let bus = Faults::scripted(slave, &spec, script.clone());
    let mode = if crc { CrcMode::On } else { CrcMode::Off };
    let mut pair = Pair::new(
        bus,
        Settings {
            crc: mode,
            ..Settings::default()
        },
        now,
    );
    OURS.iter().for_each(|frame| assert!(pair.send(frame)));
    let read = pair.run(Duration::from_secs(25));
    let heard = core::mem::take(&mut pair.bridge.bus.inner().firmware().heard);
    let garbage = pair.bridge.bus.injected().garbage;
    for (got, said) in [(&heard, &OURS), (&read, &THEIRS)] {
        let mut once = got.clone();
        once.dedup();
        assert_eq!(once, said.map(<[u8]>::to_vec), "CRC {crc}, {script:?}");
        assert!(
            got.len() - once.len() <= garbage as usize,
            "CRC {crc}, {script:?}: {} doubled",
            got.len()
        );
    }
    pair.bridge.bus.transactions()
}

/// Every script of `left` faults more, none of a kind twice, in transactions that come after the last.
fn explore(crc: bool, faults: &[Fault], script: &mut Script, left: usize) -> usize {
    let busy = Duration::from_micros(if script.len() % 2 == 0 { 0 } else { 700 });
    let transactions = run(crc, busy, script);
    let mut scripts = 1;
    if left == 0 {
        return scripts;
    }
    let first = script.last().map_or(1, |entry| entry.0 + 1);
    // With the faults so far there were this many transactions in which the next one can happen.
    for transaction in first..=transactions {
        for &fault in faults {
            if script.iter().any(|entry| entry.1 == fault) {
                continue;
            }
            script.push((transaction, fault));
            scripts += explore(crc, faults, script, left - 1);
            script.pop();
        }
    }
    scripts
}

#[test]
fn without_crc() {
    // Nobody could know, without CRC, that the slave's frame is gone: it keeps it.
    let seen = garbage(Behind::Took);
    let faults = [VOID, GARBAGE_UNSEEN, seen, Refuse, Eio, LoseEdge];
    let scripts = explore(false, &faults, &mut Vec::new(), 4);
    println!("{scripts} scripts");
    assert!(scripts > 10_000);
}

#[test]
fn with_crc() {
    let seen = garbage(Behind::Gave);
    let faults = [
        VOID,
        GARBAGE_UNSEEN,
        seen,
        Refuse,
        FLIP_OURS,
        FLIP_THEIRS,
        Eio,
        LoseEdge,
    ];
    let scripts = explore(true, &faults, &mut Vec::new(), 4);
    println!("{scripts} scripts");
    assert!(scripts > 10_000);
}
