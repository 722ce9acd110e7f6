//! What campaigns of `soak.rs` were minimised to, replayed; and the minimiser itself.
//!
//! A failed campaign prints a test for here, with the seed that it comes from. It stays when its mistake is
//! mended.

mod campaign;
mod common;

use campaign::minimise::minimise;
use campaign::run::{Kind, Violation};
use campaign::scenario::{frame, replay, Finding, Promise, Scenario, ONCE};
use common::percent;
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::sim::slave::faults::{Behind::*, Fault::*};
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::time::Duration;
use spinel_bridge::trace::Way::*;

/// A link that forgot a frame after two refusals in a row. Seed 0x5eed0115, 20 % of everything.
#[test]
fn a_refused_frame_is_offered_again() {
    replay(
        "echo:crc:no-res",
        ONCE,
        &[frame(0, 1), frame(51, 1)],
        &[(6, Refuse), (7, Refuse)],
    );
}

/// The same mistake without CRC: the fourth frame. Seed 0x5eed0035, 20 % refusals.
#[test]
fn a_frame_refused_three_times_is_offered_again() {
    replay(
        "echo:no-res",
        ONCE,
        &[frame(0, 1), frame(0, 1), frame(0, 1), frame(0, 1)],
        &[(5, Refuse), (6, Refuse), (7, Refuse)],
    );
}

/// A link that took a frame in flight for received when a garbage header hid the slave's CCF. Seed
/// 0x5eed0115, 20 % of everything.
#[test]
fn a_frame_in_flight_outlives_a_garbage_header() {
    replay(
        "echo:crc:no-res",
        Promise {
            lost: 0,
            doubled: 2,
        },
        &[frame(0, 1), frame(51, 1)],
        &[
            (
                6,
                Flip {
                    way: ToSlave,
                    bit: 0,
                },
            ),
            (
                7,
                Garbage {
                    behind: Nothing,
                    seed: 0,
                },
            ),
        ],
    );
}

/// Each way a frame is doubled by one garbage header that the slave did not see: the one in flight, and
/// the one that was not confirmed yet. No fewer frames can be; no more may be. Seed 0x5eed00e4.
#[test]
fn a_garbage_header_doubles_one_frame_each_way() {
    let (run, outcome) = Scenario {
        spec: Spec {
            crc: true,
            ..quiet()
        },
        promise: Promise {
            lost: 0,
            doubled: 2,
        },
        frames: [1, 1, 33, 1, 1, 1].map(|len| frame(0, len)).to_vec(),
        faults: vec![(
            13,
            Garbage {
                behind: Nothing,
                seed: 0,
            },
        )],
    }
    .run();
    assert_eq!(outcome, Ok(()));
    assert_eq!(run.tally.doubled, 2);
}

/// The oracle holds any void header against any frame of a hundred octets that arrives: one of each is
/// all that it takes.
#[test]
fn the_minimiser_leaves_one_frame_and_one_fault() {
    let (small, _) = minimise(recorded(&crowd()), &|scenario| {
        let (run, _) = scenario.run();
        let long = scenario.frames.iter().any(|frame| frame.len >= 100);
        let void = run.pair.bridge.bus.injected().void > 0;
        (long && void).then_some(Finding {
            violation: Violation {
                kind: Kind::Changed,
                text: "a void header and a frame of a hundred octets".to_owned(),
            },
            started: run.started,
        })
    })
    .expect("the oracle objects");
    assert_eq!(small.frames, [frame(0, 100)]);
    assert_eq!(small.faults, [(1, Void { low: false })]);
    assert_eq!(small.spec.to_string(), "echo:crc:no-res");
}

/// The promise is wrong: a garbage header does double a frame that the slave took behind it.
#[test]
fn the_minimiser_finds_what_a_garbage_header_does() {
    let spec = Spec {
        crc: false,
        garbage: percent(5),
        ..quiet()
    };
    let recorded = recorded(&Scenario { spec, ..crowd() });
    let (small, finding) = minimise(recorded, &Scenario::judge).expect("some are doubled");
    assert_eq!(finding.violation.kind, Kind::Doubled);
    assert_eq!(
        small.as_test("garbage, 5 %", "From a wrong promise", &finding.violation),
        "\
/// Doubled: of 1 sent 1 arrived, 0 are lost, 1 doubled, 0 changed, with 1 faults.
///
/// From a wrong promise.
#[test]
fn garbage_5() {
    replay(
        \"echo:no-res\",
        ONCE,
        &[frame(0, 1)],
        &[(2, Garbage { behind: Took, seed: 0 })],
    );
}
"
    );
}

#[test]
fn the_minimiser_does_not_object_to_what_is_sound() {
    assert!(minimise(recorded(&crowd()), &Scenario::judge).is_none());
}

/// From a list the same faults happen to the same frames in the same transactions, and nothing else.
#[test]
fn what_was_recorded_happens_again() {
    let by_chance = Scenario {
        spec: Spec {
            crc: true,
            no_reset: false,
            late_interrupt: Duration::from_micros(70),
            void: percent(5),
            garbage: percent(5),
            flip: percent(5),
            flip_any: percent(5),
            refuse: percent(5),
            lose_edge: percent(5),
            reset: percent(5),
            eio: percent(5),
            ..quiet()
        },
        // Whatever happens.
        promise: Promise {
            lost: 1_000,
            doubled: 1_000,
        },
        ..crowd()
    };
    let (first, outcome) = by_chance.run();
    let (second, again) = recorded(&by_chance).run();
    assert_eq!(outcome, again);
    assert_eq!(first.tally, second.tally);
    assert_eq!(first.started, second.started);
    assert_eq!(first.pair.now, second.pair.now);
    let (first, second) = (&first.pair.bridge.bus, &second.pair.bridge.bus);
    assert_eq!(first.recorded(), second.recorded());
    assert_eq!(first.transactions(), second.transactions());
    let injected = first.injected();
    assert_eq!(injected, second.injected());
    let all = [
        injected.void,
        injected.garbage,
        injected.flip,
        injected.flip_any,
        injected.refuse,
        injected.lose_edge,
        injected.reset,
        injected.eio,
    ];
    assert!(all.iter().all(|&count| count > 0), "{injected:?}");
}

/// Two hundred frames of all lengths, with void headers and refusals.
fn crowd() -> Scenario {
    let mut rng = Rng::new(7);
    let mut at = 0;
    let frames = (0..200).map(|_| {
        at += rng.below(3_000);
        frame(at, 1 + rng.below(1295) as usize)
    });
    Scenario {
        frames: frames.collect(),
        spec: Spec {
            crc: true,
            half_duplex: true,
            void: percent(20),
            refuse: percent(20),
            ..quiet()
        },
        promise: ONCE,
        faults: Vec::new(),
    }
}

/// An echo without faults.
fn quiet() -> Spec {
    "echo:no-res".parse().expect("what follows sim:")
}

/// The same frames, with the faults that chance brought as a list.
fn recorded(by_chance: &Scenario) -> Scenario {
    let (run, _) = by_chance.run();
    let Spec {
        crc,
        half_duplex,
        no_reset,
        late_interrupt,
        ..
    } = by_chance.spec;
    Scenario {
        spec: Spec {
            crc,
            half_duplex,
            no_reset,
            late_interrupt,
            ..quiet()
        },
        faults: run.pair.bridge.bus.recorded().to_vec(),
        ..by_chance.clone()
    }
}
