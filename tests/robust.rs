//! Co-processors as they are: slow to boot, busy, half-duplex, resetting, stuck, dead. In virtual time,
//! through link and HDLC, over the simulated slave.

mod common;

use common::{percent, spec, EchoBus, Pair};
use spinel_bridge::bridge::Upper;
use spinel_bridge::config::CrcMode;
use spinel_bridge::link::Settings;
use spinel_bridge::sim::spec::{Rate, Spec};
use spinel_bridge::time::{Duration, Instant};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Sends `count` frames of `len` octets one after the other and waits for each to come back. Returns
/// how long it took.
fn echo(pair: &mut Pair<EchoBus>, count: u32, len: usize) -> Duration {
    let start = pair.now;
    for number in 0..count {
        let mut frame = vec![0x81; len];
        frame[1..5].copy_from_slice(&number.to_le_bytes());
        assert!(pair.send(&frame));
        let mut back = false;
        while !back {
            pair.turn(Instant::from_micros(u64::MAX), |echoed| {
                back |= echoed == frame
            });
            assert!(pair.now.since(start) < ms(60_000), "frame {number} is lost");
        }
    }
    pair.now.since(start)
}

#[test]
fn a_slave_that_is_silent_for_its_first_500_ms_is_waited_for() {
    for no_interrupt in [false, true] {
        let spec = Spec {
            boot: ms(500),
            no_interrupt,
            ..spec(1)
        };
        let mut pair = Pair::echo(
            &spec,
            Settings {
                reset_at_start: true,
                ..Settings::default()
            },
        );
        let frames = pair.run(ms(600));
        assert_eq!(frames, [[0x80, 0x06, 0x00, 113]]);
        assert_eq!(pair.bridge.link.stats().link_failures, 0);
    }
}

#[test]
fn a_slave_that_boots_for_three_seconds_is_not_reset_for_ever() {
    let spec = Spec {
        boot: ms(3_000),
        ..spec(1)
    };
    let mut pair = Pair::echo(&spec, Settings::default());
    pair.run(ms(30_000));
    assert!(pair.bridge.link.is_up());
    let failures = pair.bridge.link.stats().link_failures;
    assert!((1..=6).contains(&failures), "{failures} failures");
}

#[test]
fn a_slave_that_is_busy_for_3_ms_after_each_frame_costs_little_more_than_that() {
    let spec = Spec {
        busy: ms(3),
        ..spec(1)
    };
    let mut pair = Pair::echo(&spec, Settings::default());
    echo(&mut pair, 100, 64);
    let refused = pair.bridge.link.stats().refused;
    // The client waits for each answer, so the slave is ready again when the next frame comes.
    let time = echo(&mut pair, 100, 64);
    assert!(time < ms(100 * 4), "{time:?} for 100 echoes");
    let refused = pair.bridge.link.stats().refused - refused;
    assert!(refused < 100, "{refused} refusals");
}

#[test]
fn frames_in_a_row_to_a_busy_slave_are_paced_by_the_slave() {
    let spec = Spec {
        busy: ms(3),
        ..spec(1)
    };
    let mut pair = Pair::echo(&spec, Settings::default());
    echo(&mut pair, 50, 64);
    let before = *pair.bridge.link.stats();
    let start = pair.now;
    let (mut sent, mut back) = (0u32, 0);
    while back < 200 {
        while sent < 200 && pair.send(&[0x81; 64]) {
            sent += 1;
        }
        pair.turn(Instant::from_micros(u64::MAX), |_| back += 1);
    }
    let time = pair.now.since(start);
    assert!(
        time < ms(200 * 4),
        "{time:?} for 200 frames that take 3 ms each"
    );
    let refused = pair.bridge.link.stats().refused - before.refused;
    assert!(refused < 200, "{refused} refusals for 200 frames");
}

#[test]
fn a_half_duplex_slave_does_not_deadlock() {
    let spec = Spec {
        half_duplex: true,
        ..spec(1)
    };
    let mut pair = Pair::echo(&spec, Settings::default());
    let (mut sent, mut back) = (0u32, 0);
    while back < 500 {
        while sent < 500 && pair.send(&[0x81; 200]) {
            sent += 1;
        }
        assert!(pair.turn(Instant::from_micros(u64::MAX), |_| back += 1));
    }
}

#[test]
fn the_other_direction_goes_on_while_the_client_does_not_read() {
    let spec = spec(1);
    let mut pair = Pair::echo(&spec, Settings::default());
    echo(&mut pair, 1, 64);
    // The echo co-processor holds some 10 kB, our output 16 kB; nobody reads.
    let sent = |pair: &Pair<EchoBus>| pair.bridge.link.stats().frames_sent;
    let before = sent(&pair);
    let end = pair.now + ms(2_000);
    let mut fed = 0;
    while pair.now < end {
        while fed < 60 && pair.send(&[0x81; 400]) {
            fed += 1;
        }
        pair.stall(end);
    }
    // Some 30 echoes fill our output; the slave takes frames until its own buffers are full too.
    assert!(!pair.bridge.upper.has_room());
    assert!(
        sent(&pair) - before >= 40,
        "{} frames",
        sent(&pair) - before
    );
    let transactions = pair.bridge.link.stats().transactions;
    let end = pair.now + ms(10_000);
    while pair.now < end {
        pair.stall(end);
    }
    let transactions = pair.bridge.link.stats().transactions - transactions;
    assert!(
        transactions <= 10 * 31,
        "{transactions} transactions in ten seconds"
    );
    // The client wakes up: nothing is lost.
    let mut back = 0;
    while back < 60 {
        while fed < 60 && pair.send(&[0x81; 400]) {
            fed += 1;
        }
        assert!(pair.turn(Instant::from_micros(u64::MAX), |_| back += 1));
    }
}

#[test]
fn a_stuck_int_costs_thirty_transactions_a_second() {
    let spec = Spec {
        stuck_interrupt: true,
        ..spec(1)
    };
    let mut pair = Pair::echo(&spec, Settings::default());
    pair.run(ms(1_000));
    let before = pair.bridge.link.stats().transactions;
    pair.run(ms(10_000));
    let transactions = pair.bridge.link.stats().transactions - before;
    assert!(
        transactions <= 310,
        "{transactions} transactions in ten seconds"
    );
    // And it works all the same.
    assert!(echo(&mut pair, 50, 300) < ms(50 * 40));
}

#[test]
fn a_dead_slave_costs_little_and_less_with_time() {
    let spec = Spec {
        dead: true,
        ..spec(1)
    };
    let mut pair = Pair::echo(&spec, Settings::default());
    pair.run(ms(60_000));
    let before = pair.bridge.link.stats().transactions;
    pair.run(ms(60_000));
    let transactions = pair.bridge.link.stats().transactions - before;
    // 200 in two seconds, then a pause of 6.4 s.
    assert!(
        transactions <= 60 * 30,
        "{transactions} transactions in a minute"
    );
}

#[test]
fn a_slave_that_resets_itself_is_told_and_served_again() {
    let spec = Spec {
        reset: percent(1),
        ..spec(1)
    };
    let mut pair = Pair::echo(&spec, Settings::default());
    let end = pair.now + ms(10_000);
    while pair.now < end {
        let _ = pair.send(&[0x81; 100]);
        pair.turn(end, |_| {});
        pair.now = pair.now + ms(1);
    }
    let stats = pair.bridge.link.stats();
    assert!(stats.slave_resets >= 10, "{} resets", stats.slave_resets);
    assert_eq!(stats.link_failures, 0);
    assert!(stats.frames_received > 1_000);
}

#[test]
fn a_frame_behind_one_that_can_never_be_sent_goes_at_once() {
    let settings = Settings {
        max_transfer: 512,
        ..Settings::default()
    };
    let mut pair = Pair::echo(&spec(1), settings);
    pair.run(ms(100));
    assert!(pair.send(&[0x81; 1000]));
    assert!(pair.send(&[0x82; 100]));
    assert_eq!(pair.run(ms(50)), [vec![0x82; 100]]);
    assert_eq!(pair.bridge.link.stats().dropped_too_big, 1);
}

#[test]
fn everything_at_once() {
    let rate = Rate { ppm: 20_000 };
    for seed in 0..20 {
        let spec = Spec {
            crc: true,
            align: 3,
            busy: Duration::from_micros(300),
            half_duplex: seed % 2 == 0,
            void: rate,
            garbage: rate,
            flip: rate,
            refuse: rate,
            lose_edge: rate,
            eio: rate,
            late_interrupt: Duration::from_micros(500),
            ..spec(seed)
        };
        let settings = Settings {
            align_allowance: 3,
            crc: CrcMode::On,
            gap: Duration::from_micros(100),
            ..Settings::default()
        };
        let mut pair = Pair::echo(&spec, settings);
        echo(&mut pair, 300, 700);
    }
}

#[test]
fn without_int_300_frames_a_second_and_an_echo_within_3_ms() {
    let spec = Spec {
        no_interrupt: true,
        ..spec(1)
    };
    let mut pair = Pair::echo(&spec, Settings::default());
    pair.run(ms(5_000));
    let time = echo(&mut pair, 300, 256);
    assert!(time < ms(1_000), "{time:?} for 300 echoes");
    pair.run(ms(5_000));
    let first = echo(&mut pair, 1, 256);
    assert!(first <= ms(3), "{first:?} for an echo after a pause");
}
