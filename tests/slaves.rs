//! Slaves as nobody has thought of them: times, sizes and rules drawn from a seed, each served by the
//! link and by a model of OpenThread's posix host, on the same bus in virtual time: never less delivered,
//! and no slower, but for those that [`is_slower`] names.
//!
//! `SLAVES=n` draws n of them, `SLAVES_SEED=n` begins with another seed.

mod hosts;
mod measure;
mod process;

use measure::slaves::{boot, ours, theirs, us, Draw, Run, FRAMES, SLOW};
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::sim::spec::{Rate, Spec};
use std::time::Duration;

/// What chance makes of a slave.
fn draw(seed: u64) -> Draw {
    let mut rng = Rng::new(seed);
    let mut one_of = |choices: &[u64]| choices[rng.below(choices.len() as u64) as usize];
    let rearm = one_of(&[0, 0, 20, 60, 90, 150, 300, 500, 1_000, 2_000, 3_000, 5_000]);
    let spread = rearm * one_of(&[0, 0, 1, 3]) / 3;
    let (ring, drain) = (one_of(&[0, 0, 0, 700, 1_500, 4_000]), one_of(&[5, 20, 200]));
    let buffer = one_of(&[0, 0, 512, 2_048, 4_096]);
    let room = match (ring, buffer) {
        (0, 0) => 1_295,
        (0, buffer) => (buffer - 5).min(1_295),
        (ring, _) => ring.min(1_295),
    };
    let longest = one_of(&[32, 100, 500, 1_295]).min(room);
    let rate = |ppm: u64| Rate { ppm: ppm as u32 };
    Draw {
        seed,
        speed_hz: one_of(&[1, 2, 4, 8]) as u32 * 1_000_000,
        rearm,
        spread,
        slow: 0,
        count: FRAMES,
        since_any: one_of(&[0, 1]) == 1,
        shortest: one_of(&[8, longest]) as usize,
        longest: longest as usize,
        window: one_of(&[1, 1, 2, 8]) as usize,
        spec: Spec {
            seed,
            ring: ring as usize,
            drain: if ring > 0 { drain as usize } else { 0 },
            buffer: if ring > 0 { 0 } else { buffer as usize },
            busy: us(one_of(&[0, 0, 100, 700, 3_000, 20_000])),
            half_duplex: one_of(&[0, 0, 1]) == 1,
            stale_room: one_of(&[0, 1]) == 1,
            void: rate(one_of(&[0, 0, 0, 10_000])),
            data_len: rate(one_of(&[0, 0, 0, 20_000])),
            no_reset: true,
            ..Spec::default()
        },
    }
}

#[test]
fn no_slower_and_never_less_delivered_than_openthreads_own_host() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first: u64 = number("SLAVES_SEED").unwrap_or(1);
    let count: u64 = number("SLAVES").unwrap_or(SLAVES);
    let mut wrong = Vec::new();
    let (mut compared, mut ratios, mut transactions) = (0.0, 0.0, 0.0);
    for seed in first..first + count {
        let draw = draw(seed);
        let (ours, theirs) = (ours(&draw), theirs(&draw));
        let whole = ours.delivered == FRAMES;
        if theirs.delivered == FRAMES {
            compared += 1.0;
            transactions += ours.transactions as f64 / theirs.transactions as f64;
            ratios += ours.time.as_secs_f64() / theirs.time.as_secs_f64();
        }
        let share = if is_slower(&draw) { SLOWER } else { 100 };
        let slower = theirs.delivered == FRAMES && ours.time > theirs.time * share / 100 + SLACK;
        if !whole || slower {
            let Draw {
                spec,
                speed_hz,
                rearm,
                spread,
                since_any,
                shortest,
                longest,
                window,
                ..
            } = &draw;
            let said = |run: &Run| (run.delivered, run.time, run.transactions);
            wrong.push(format!("sim:{spec}, {speed_hz} Hz, rearm {rearm} + {spread} us, since any {since_any}, {shortest}..={longest} octets, window {window}: ours {:?}, theirs {:?}", said(&ours), said(&theirs)));
        }
    }
    let mean = ratios / compared;
    println!(
        "{count} slaves; the posix host gave up {}, of the others ours took {mean:.2} of its time \
         and {:.2} of its transactions",
        count as f64 - compared,
        transactions / compared
    );
    assert!(mean < 0.9 || count < SLAVES, "{mean} of the time");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Echoes of 64 octets, one at a time, at 1 MHz.
fn plain(rearm: u64, since_any: bool) -> Draw {
    Draw {
        rearm,
        spread: 0,
        slow: 0,
        count: FRAMES,
        since_any,
        speed_hz: 1_000_000,
        shortest: 64,
        longest: 64,
        window: 1,
        spec: Spec {
            no_reset: true,
            ..Spec::default()
        },
        seed: 1,
    }
}

/// Two seconds of a slow slave, as a busy machine makes one: the frames behind them do not pay for it.
#[test]
fn a_slave_that_was_slow_for_a_moment_is_soon_served_as_before() {
    for slow in [200, 1_000, 5_000, 12_000] {
        for since_any in [false, true] {
            let draw = Draw {
                slow,
                count: 5_000,
                ..plain(0, since_any)
            };
            let at = ours(&draw).at;
            let quick = at.partition_point(|at| *at < SLOW);
            let (from, to) = (quick + 64, quick + 264);
            assert!(to < at.len(), "{slow} us: {quick} frames in the slow time");
            let each = (at[to] - at[from]) / 200;
            let most = us(2 * (100 + (5 + 64) * 8)) * 11 / 10;
            assert!(
                each <= most,
                "slow {slow} us, since any {since_any}: {each:?} an echo"
            );
        }
    }
}

/// The best fixed gap is the least with which no header is void.
#[test]
fn without_an_option_it_comes_close_to_the_best_fixed_gap() {
    for rearm in [0, 60, 150, 500, 1_000, 3_000, 5_000] {
        for since_any in [false, true] {
            let draw = plain(rearm, since_any);
            let time = ours(&draw).time;
            // A transaction to the slave and one from it, each followed by the pause.
            let transaction = 100 + (5 + 64) * 8;
            let best = us(FRAMES as u64 * 2 * (transaction + rearm));
            assert!(
                time <= best * 13 / 10 + LEARNING,
                "rearm {rearm}: {time:?}, best {best:?}"
            );
        }
    }
}

/// From none to the 30 s of a verified one, whatever the wires show meanwhile: the start, which resets the slave,
/// takes its boot and a fifth more, and a probe.
#[test]
fn a_slave_is_up_soon_after_its_boot() {
    let boots = [
        0, 5, 50, 300, 1_000, 2_500, 3_000, 5_000, 10_000, 20_000, 30_000,
    ];
    for wires in ["", "boot-low", "boot-int", "no-int"] {
        for took in boots.map(Duration::from_millis) {
            let spec: Spec = wires.parse().expect("what follows sim:");
            let (up, transactions) = boot(&Spec { boot: took, ..spec });
            let most = PULSE + took * 6 / 5 + PROBE;
            assert!(
                up <= most,
                "{wires}, boots in {took:?}: up after {up:?}, {transactions} transactions"
            );
        }
    }
}

/// An answer comes in two parts where it does not fit, each with an edge; what is told of the second is old.
#[test]
fn an_edge_that_is_old_costs_nothing() {
    let draw = Draw {
        shortest: 8,
        longest: 1_295,
        ..plain(0, true)
    };
    let (ours, theirs) = (ours(&draw), theirs(&draw));
    assert!(
        ours.time <= theirs.time * 101 / 100,
        "{:?}, the posix host {:?}",
        ours.time,
        theirs.time
    );
}

/// A slave that is busy for 5 ms, and takes nothing before its reply is fetched: under CRC a frame, its
/// confirmation, its answer, which may not fit at first, and the confirmation of that.
#[test]
fn under_crc_a_slave_that_is_busy_is_not_asked_in_vain() {
    let draw = Draw {
        shortest: 33,
        longest: 256,
        window: 8,
        spec: Spec {
            crc: true,
            busy: us(5_000),
            stale_room: true,
            no_reset: true,
            ..Spec::default()
        },
        ..plain(0, false)
    };
    let run = ours(&draw);
    assert_eq!(run.delivered, FRAMES);
    assert!(
        run.transactions <= 5 * FRAMES as u64,
        "{} transactions for {FRAMES} echoes",
        run.transactions
    );
}

/// The reset at start, and what a slave that is dead for long is left alone for.
const PULSE: Duration = Duration::from_millis(20);
const PROBE: Duration = Duration::from_millis(10);

/// How many are drawn, unless SLAVES says so.
const SLAVES: u64 = 300;

/// What it may take to find out what a slave needs.
const LEARNING: Duration = Duration::from_millis(30);

/// What the 600 transactions of a run may take longer together: 20 times what each costs beside its octets.
const SLACK: Duration = Duration::from_millis(2);

/// Those that may take longer with us, which 11 of 300 do. Who asks each millisecond meets a slave that needs now 2 ms
/// to arm and now 4, or just 1 ms, earlier than who waits for it, with up to twice the transactions. And one
/// that takes nothing before its reply is fetched, which it has at a time that varies, is waited for a little too
/// long.
fn is_slower(draw: &Draw) -> bool {
    draw.rearm >= 500 || (draw.spec.stale_room && !draw.spec.busy.is_zero())
}

/// By so much, in per cent of its time.
const SLOWER: u32 = 112;
