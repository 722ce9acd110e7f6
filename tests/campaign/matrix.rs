//! What a campaign may be: the kinds of faults, with what is promised under each, and the lengths of frames.

use super::run::WINDOW;
use super::scenario::{Promise, ONCE};
use crate::common::percent;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::time::Duration;

/// A kind of fault: what is promised under it, and how often it happens.
pub(crate) struct FaultKind {
    pub(crate) name: &'static str,
    /// The promise, in words.
    pub(crate) permits: &'static str,
    pub(crate) promise: Promise,
    pub(crate) crc: &'static [bool],
    pub(crate) levels: &'static [Level],
    /// The slave counts its frame as given behind a garbage header, though no CRC protects it.
    pub(crate) worst_garbage: bool,
}

/// How much of it: the name of the row, and what it means for the slave.
pub(crate) type Level = (&'static str, fn(&mut Spec));

pub(crate) const FAULT_KINDS: [FaultKind; 24] = [
    FaultKind {
        levels: &[("0 %", |_| {})],
        ..kind("no fault")
    },
    FaultKind {
        levels: &[
            ("1 %", |spec| spec.void = percent(1)),
            ("20 %", |spec| spec.void = percent(20)),
        ],
        ..kind("void headers")
    },
    FaultKind {
        levels: &[
            ("1 %", |spec| spec.refuse = percent(1)),
            ("20 %", |spec| spec.refuse = percent(20)),
        ],
        ..kind("refusals")
    },
    FaultKind {
        levels: &[
            ("1 %", |spec| spec.lose_edge = percent(1)),
            ("20 %", |spec| spec.lose_edge = percent(20)),
        ],
        ..kind("lost INT edges")
    },
    FaultKind {
        levels: &[
            ("100us", |spec| {
                spec.late_interrupt = Duration::from_micros(100)
            }),
            ("2ms", |spec| spec.late_interrupt = Duration::from_millis(2)),
        ],
        ..kind("late INT")
    },
    FaultKind {
        levels: &[("always", |spec| spec.stuck_interrupt = true)],
        ..kind("INT stuck active")
    },
    FaultKind {
        levels: &[("always", |spec| spec.no_interrupt = true)],
        ..kind("no INT line")
    },
    FaultKind {
        levels: &[
            ("1 %", |spec| spec.eio = percent(1)),
            ("20 %", |spec| spec.eio = percent(20)),
        ],
        ..kind("driver errors")
    },
    FaultKind {
        crc: &[true],
        levels: &[
            ("1 %", |spec| spec.flip = percent(1)),
            ("20 %", |spec| spec.flip = percent(20)),
        ],
        ..kind("flips in data and CRC")
    },
    FaultKind {
        permits: "a fault may double a frame to the slave",
        promise: Promise {
            lost: 0,
            doubled: 1,
        },
        crc: &[false],
        levels: GARBAGE,
        ..kind("garbage headers")
    },
    FaultKind {
        permits: "a fault may double a frame each way",
        promise: Promise {
            lost: 0,
            doubled: 2,
        },
        crc: &[true],
        levels: GARBAGE,
        ..kind("garbage headers under CRC")
    },
    FaultKind {
        permits: "a fault may double a frame to the slave",
        promise: Promise {
            lost: 0,
            doubled: 1,
        },
        crc: &[false],
        levels: ALL,
        ..kind("all of the above at once")
    },
    FaultKind {
        permits: "a fault may double a frame each way",
        promise: Promise {
            lost: 0,
            doubled: 2,
        },
        crc: &[true],
        levels: &[
            ("1 %", |spec| all_and_flips(spec, 1)),
            ("20 %", |spec| all_and_flips(spec, 20)),
        ],
        ..kind("all of the above at once, and flips in data and CRC")
    },
    FaultKind {
        permits: "a fault may double a frame to the slave and lose one from it",
        promise: Promise {
            lost: 1,
            doubled: 1,
        },
        crc: &[false],
        levels: GARBAGE,
        worst_garbage: true,
        ..kind("garbage headers, and the slave believes that its frame was read")
    },
    FaultKind {
        permits: "a fault may double a frame each way, or lose one",
        promise: Promise {
            lost: 1,
            doubled: 2,
        },
        crc: &[true],
        levels: &[
            ("1 %", |spec| spec.flip_any = percent(1)),
            ("20 %", |spec| spec.flip_any = percent(20)),
        ],
        ..kind("flips anywhere")
    },
    FaultKind {
        permits: "a fault may lose all that is on its way",
        promise: Promise {
            lost: WINDOW as u64,
            doubled: 0,
        },
        levels: &[
            ("1 %", |spec| restarts(spec, 1)),
            ("20 %", |spec| restarts(spec, 20)),
        ],
        ..kind("restarts of the co-processor")
    },
    FaultKind {
        permits: "a fault may lose all that is on its way",
        promise: Promise {
            lost: WINDOW as u64,
            doubled: 0,
        },
        levels: &[
            ("FF", |spec| slow_restarts(spec)),
            ("00", |spec| {
                slow_restarts(spec);
                spec.boot_low = true;
            }),
            ("INT", |spec| {
                slow_restarts(spec);
                spec.boot_interrupt = true;
            }),
        ],
        ..kind("restarts of 1 % that take 30 ms, with FF, 00, or INT active meanwhile")
    },
    FaultKind {
        permits: "a fault may double a frame to the slave",
        promise: Promise {
            lost: 0,
            doubled: 1,
        },
        levels: &[
            ("1 %", |spec| spec.late_header = percent(1)),
            ("20 %", |spec| spec.late_header = percent(20)),
        ],
        ..kind("headers that come late")
    },
    FaultKind {
        levels: &[
            ("1 %", |spec| spec.data_len = percent(1)),
            ("20 %", |spec| spec.data_len = percent(20)),
        ],
        ..kind("another DATA_LEN than before")
    },
    FaultKind {
        levels: &[
            ("60us", |spec| rearms(spec, 60, 0)),
            ("+500us", |spec| rearms(spec, 100, 500)),
            ("3ms", |spec| rearms(spec, 3_000, 0)),
        ],
        ..kind("a slave that arms late, or now sooner and now later")
    },
    FaultKind {
        levels: &[
            ("1300", |spec| ring(spec, 1_300, 20)),
            ("1500", |spec| ring(spec, 1_500, 100)),
            ("4000", |spec| ring(spec, 4_000, 20)),
        ],
        ..kind("a ring buffer, of so many octets")
    },
    FaultKind {
        levels: &[
            ("2048", |spec| spec.buffer = 2_048),
            ("4096", |spec| spec.buffer = 4_096),
        ],
        ..kind("larger buffers")
    },
    FaultKind {
        levels: &[
            ("700us", |spec| stale(spec, 700)),
            ("5ms", |spec| stale(spec, 5_000)),
        ],
        ..kind("a slave that is busy, and then takes nothing before its reply is fetched")
    },
    FaultKind {
        permits: "a fault may double a frame to the slave",
        promise: Promise {
            lost: 0,
            doubled: 1,
        },
        levels: &[("1 %", |spec| odd(spec, 1)), ("20 %", |spec| odd(spec, 20))],
        ..kind("a ring, late arming, late headers, other DATA_LENs, void headers at once")
    },
];

const fn kind(name: &'static str) -> FaultKind {
    FaultKind {
        name,
        permits: "each frame arrives once",
        promise: ONCE,
        crc: &[false, true],
        levels: &[],
        worst_garbage: false,
    }
}

const GARBAGE: &[Level] = &[
    ("1 %", |spec| spec.garbage = percent(1)),
    ("20 %", |spec| spec.garbage = percent(20)),
];

const ALL: &[Level] = &[("1 %", |spec| all(spec, 1)), ("20 %", |spec| all(spec, 20))];

fn all(spec: &mut Spec, rate: u32) {
    spec.void = percent(rate);
    spec.refuse = percent(rate);
    spec.lose_edge = percent(rate);
    spec.late_interrupt = Duration::from_micros(100);
    spec.eio = percent(rate);
    spec.garbage = percent(rate);
}

fn all_and_flips(spec: &mut Spec, rate: u32) {
    all(spec, rate);
    spec.flip = percent(rate);
}

/// The fault pulls RES, which must be wired for that.
fn restarts(spec: &mut Spec, rate: u32) {
    spec.reset = percent(rate);
    spec.no_reset = false;
}

fn slow_restarts(spec: &mut Spec) {
    restarts(spec, 1);
    spec.boot = Duration::from_millis(30);
}

fn rearms(spec: &mut Spec, least: u64, spread: u64) {
    spec.rearm = Duration::from_micros(least);
    spec.rearm_spread = Duration::from_micros(spread);
}

fn ring(spec: &mut Spec, octets: usize, drain: usize) {
    spec.ring = octets;
    spec.drain = drain;
}

fn stale(spec: &mut Spec, busy: u64) {
    spec.busy = Duration::from_micros(busy);
    spec.stale_room = true;
}

fn odd(spec: &mut Spec, rate: u32) {
    ring(spec, 1_500, 100);
    rearms(spec, 60, 200);
    spec.stale_room = true;
    spec.late_header = percent(rate);
    spec.data_len = percent(rate);
    spec.void = percent(rate);
}

/// Frame lengths, each equally often.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) shortest: usize,
    pub(crate) longest: usize,
}

/// As the first offer takes them, a few times as much, and up to the longest (protocol §5.5).
pub(crate) const CLASSES: [Class; 4] = [
    class("short", 1, 32),
    class("middle", 33, 256),
    class("long", 257, 1295),
    class("mixed", 1, 1295),
];

const fn class(name: &'static str, shortest: usize, longest: usize) -> Class {
    Class {
        name,
        shortest,
        longest,
    }
}
