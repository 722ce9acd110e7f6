//! Co-processors as they are: slow to boot, busy, half-duplex, resetting, stuck, dead. In virtual time,
//! through link and HDLC, over the simulated slave.

mod common;

use common::{percent, spec, EchoBus, Pair};
use spinel_bridge::bridge::Upper;
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::link::{CrcMode, Settings};
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

/// Three seconds took 14.7, and ten more than a minute: it was reset again and again.
#[test]
fn a_slave_is_up_within_a_fifth_more_than_its_boot_takes() {
    for boot in [0, 50, 300, 1_000, 2_500, 3_000, 5_000, 10_000, 30_000].map(ms) {
        for (reset_at_start, boot_low, boot_interrupt, no_interrupt, no_reset) in [
            (true, false, false, false, false),
            (false, false, false, false, false),
            (true, true, false, false, false),
            (true, false, true, false, false),
            (true, false, false, true, false),
            (false, true, true, false, true),
        ] {
            let spec = Spec {
                boot,
                boot_low,
                boot_interrupt,
                no_interrupt,
                no_reset,
                ..spec(1)
            };
            let settings = Settings {
                reset_at_start,
                ..Settings::default()
            };
            let mut pair = Pair::echo(&spec, settings);
            let start = pair.now;
            // What is said meanwhile is delivered.
            assert!(pair.send(&[0x81; 64]));
            let mut back = false;
            while !back {
                pair.turn(Instant::from_micros(u64::MAX), |frame| {
                    back |= frame == [0x81; 64]
                });
                assert!(pair.now.since(start) < ms(90_000), "{spec}: lost");
            }
            let time = pair.now.since(start);
            assert!(time <= boot * 6 / 5 + ms(60), "{spec}: {time:?}");
            let stats = pair.bridge.link.stats();
            assert_eq!(stats.link_failures, 0, "{spec}");
            assert_eq!(stats.hardware_resets, u64::from(reset_at_start), "{spec}");
            assert_eq!(stats.dropped_by_reset, 0, "{spec}");
        }
    }
}

#[test]
fn a_slave_that_restarts_by_itself_boots_in_peace_too() {
    for boot in [300, 1_500, 8_000].map(ms) {
        let spec = Spec { boot, ..spec(1) };
        let settings = Settings {
            reset_at_start: true,
            ..Settings::default()
        };
        let mut pair = Pair::echo(&spec, settings);
        pair.run(boot + ms(300));
        // It crashes: to the link that is the same as RES pulled by somebody else.
        for line in [Line::Active, Line::Inactive] {
            let now = pair.now;
            let result = pair.bridge.bus.inner().set_reset(now, line);
            assert!(result.expect("a line"));
        }
        assert!(pair.send(&[0x82; 64]));
        let frames = pair.run(boot * 6 / 5 + ms(100));
        assert!(frames.contains(&vec![0x82; 64]), "{boot:?}");
        assert_eq!(pair.bridge.link.stats().hardware_resets, 1);
    }
}

/// Of 100 frames of 600 octets nine arrived.
#[test]
fn nothing_is_lost_to_a_ring_buffer() {
    for (ring, drain, len) in [(1_500, 20, 600), (1_300, 5, 1_200), (700, 100, 64)] {
        let spec = Spec {
            ring,
            drain,
            ..spec(1)
        };
        let mut pair = Pair::echo(&spec, Settings::default());
        let start = pair.now;
        let (mut sent, mut back) = (0u32, 0);
        while back < 100 {
            while sent < 100 && pair.send(&vec![0x81; len]) {
                sent += 1;
            }
            pair.turn(Instant::from_micros(u64::MAX), |frame| {
                back += u32::from(frame.len() == len)
            });
            assert!(pair.now.since(start) < ms(60_000), "{spec}: {back} of 100");
        }
        let least = ms((100 * len / drain) as u64);
        let time = pair.now.since(start);
        assert!(time <= least * 5 / 4 + ms(20), "{spec}: {time:?}");
        let stats = pair.bridge.link.stats();
        assert_eq!(
            (stats.dropped_too_big, stats.link_failures),
            (0, 0),
            "{spec}"
        );
        // Three for each frame, and thirty a second where that takes long.
        let most = 300 + time.as_millis() as u64 / 33;
        assert!(stats.refused <= most, "{spec}: {}", stats.refused);
    }
}

#[test]
fn buffers_of_any_size_are_served() {
    for buffer in [512, 1_300, 2_048, 4_096] {
        let spec = Spec { buffer, ..spec(1) };
        let mut pair = Pair::echo(&spec, Settings::default());
        echo(&mut pair, 20, 500);
        assert_eq!(pair.bridge.link.stats().garbage_headers, 0);
    }
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
    assert!(
        transactions <= 60 * 10,
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

/// Four and more, before a frame in flight waited for its answer.
#[test]
fn under_crc_an_echo_costs_three_transactions_and_a_pair_under_load_two() {
    for busy in [Duration::ZERO, Duration::from_micros(300), ms(4)] {
        let spec = Spec {
            crc: true,
            busy,
            ..spec(1)
        };
        let settings = Settings {
            crc: CrcMode::On,
            ..Settings::default()
        };
        let mut pair = Pair::echo(&spec, settings);
        echo(&mut pair, 20, 64);
        let before = pair.bridge.link.stats().transactions;
        for _ in 0..100 {
            echo(&mut pair, 1, 64);
            pair.run(ms(50));
        }
        let each = pair.bridge.link.stats().transactions - before;
        assert!(each <= 300, "{busy:?}: {each} for 100 echoes");
        let before = pair.bridge.link.stats().transactions;
        let (mut sent, mut back) = (0u32, 0);
        while back < 1_000 {
            while sent < 1_000 && pair.send(&[0x81; 64]) {
                sent += 1;
            }
            pair.turn(Instant::from_micros(u64::MAX), |_| back += 1);
        }
        let each = pair.bridge.link.stats().transactions - before;
        if busy.is_zero() {
            assert!(each <= 2_100, "{each} for 1000 pairs");
        }
    }
}
