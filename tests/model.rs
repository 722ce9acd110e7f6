//! Two frames each way between link and slave, with every way to place up to four faults, each at most
//! once, among the transactions, and up to two with slaves that arm late, have rings, boot slowly and the
//! like: no deadlock, nothing lost, nothing reordered, and nothing doubled but by
//! a garbage header or one that comes late.

mod common;

use common::{spec, Pair};
use spinel_bridge::link::{CrcMode, Settings};
use spinel_bridge::sim::slave::faults::Fault::{
    DataLen, Eio, Flip, Garbage, LateHeader, LoseEdge, Refuse, Void,
};
use spinel_bridge::sim::slave::faults::{Behind, Fault, Faults};
use spinel_bridge::sim::slave::wires::Wires;
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
fn run(spec: &Spec, script: &Script) -> u64 {
    let crc = spec.crc;
    let now = Instant::from_millis(1_000);
    let slave = Slave::new(Duo::default(), spec, now);
    let bus = Faults::scripted(Wires::new(slave, spec), spec, script.clone());
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
    let heard = core::mem::take(&mut pair.bridge.bus.inner().inner().firmware().heard);
    let injected = pair.bridge.bus.injected();
    let garbage = injected.garbage + injected.late_header;
    for (got, said) in [(&heard, &OURS), (&read, &THEIRS)] {
        let mut once = got.clone();
        once.dedup();
        assert_eq!(once, said.map(<[u8]>::to_vec), "sim:{spec}, {script:?}");
        assert!(
            got.len() - once.len() <= garbage as usize,
            "sim:{spec}, {script:?}: {} doubled",
            got.len()
        );
    }
    pair.bridge.bus.transactions()
}

/// Every script of `left` faults more, none of a kind twice, in transactions that come after the last.
fn explore(slave: &Spec, faults: &[Fault], script: &mut Script, left: usize) -> usize {
    // Every other script finds it busy behind each frame.
    let busy = Duration::from_micros(if script.len() % 2 == 0 { 0 } else { 700 });
    let busier = Spec {
        busy: slave.busy.max(busy),
        ..slave.clone()
    };
    let transactions = run(&busier, script);
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
            scripts += explore(slave, faults, script, left - 1);
            script.pop();
        }
    }
    scripts
}

fn plain(crc: bool) -> Spec {
    Spec {
        crc,
        no_reset: true,
        ..spec(1)
    }
}

/// Slaves as they are: what follows `sim:`.
const SLAVES: [&str; 16] = [
    "ring=64:drain=5",
    "ring=64:drain=100",
    "ring=100:drain=20:stale-room",
    "buffer=64",
    "buffer=4096",
    "stale-room:busy=300us",
    "half-duplex",
    "half-duplex:busy=2ms",
    "rearm=60us",
    "rearm=150us:rearm-spread=300us",
    "rearm=500us:busy=1ms",
    "rearm=3ms",
    "boot=5ms",
    "boot=30ms:boot-low",
    "boot=30ms:boot-int",
    "boot=5ms:boot-int:rearm=150us:ring=80:drain=20:stale-room",
];

/// Every way to place up to two faults in the transactions with each of them: among the faults a header
/// that comes late, and a DATA_LEN that changes, to more and to nothing.
#[test]
fn slaves_as_they_are() {
    let longer = DataLen { longer: true };
    let none = DataLen { longer: false };
    let late = LateHeader { octets: 1 };
    let mut scripts = 0;
    for slave in SLAVES {
        for crc in [false, true] {
            let slave: Spec = slave.parse().expect("what follows sim:");
            let slave = Spec {
                crc,
                no_reset: true,
                ..slave
            };
            let mut faults = vec![VOID, late, longer, none, Refuse, Eio, LoseEdge];
            if crc {
                faults.extend([FLIP_OURS, FLIP_THEIRS]);
            }
            scripts += explore(&slave, &faults, &mut Vec::new(), 2);
        }
    }
    println!("{scripts} scripts");
    assert!(scripts > 10_000);
}

#[test]
fn without_crc() {
    // Nobody could know, without CRC, that the slave's frame is gone: it keeps it.
    let seen = garbage(Behind::Took);
    let faults = [VOID, GARBAGE_UNSEEN, seen, Refuse, Eio, LoseEdge];
    let scripts = explore(&plain(false), &faults, &mut Vec::new(), 4);
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
    let scripts = explore(&plain(true), &faults, &mut Vec::new(), 4);
    println!("{scripts} scripts");
    assert!(scripts > 10_000);
}
