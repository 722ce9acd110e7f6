//! MISO wired to MOSI: what comes back is what was sent, and no slave said it.

mod common;
mod process;

use common::{spec, Pair};
use process::{command, Program, Said, Scratch};
use spinel_bridge::bus::Line;
use spinel_bridge::link::{CrcMode, Link, Settings};
use spinel_bridge::sim;
use spinel_bridge::sim::spec::{Kind, Spec};
use spinel_bridge::time::{Duration, Instant};
use std::fs;

const START: Instant = Instant::from_millis(1_000_000);

fn settings(crc: CrcMode) -> Settings {
    Settings {
        crc,
        adaptive: false,
        ..Settings::default()
    }
}

const CRC: [CrcMode; 3] = [CrcMode::Off, CrcMode::Auto, CrcMode::On];

#[test]
fn our_own_frames_are_never_given_to_the_client() {
    for crc in CRC {
        for (no_interrupt, no_reset) in [(false, false), (true, false), (false, true), (true, true)]
        {
            let spec = Spec {
                loopback: true,
                no_interrupt,
                no_reset,
                ..spec(1)
            };
            let mut pair = Pair::new(sim::open(&spec, START), settings(crc), START);
            for tid in 1..9 {
                pair.send(&[0x80 | tid, 0x02, 0x01]);
                assert_eq!(pair.run(Duration::from_millis(500)), [[0; 0]; 0]);
            }
            pair.run(Duration::from_secs(10));
            let stats = pair.bridge.link.stats();
            assert_eq!(
                (stats.frames_sent, stats.frames_received),
                (0, 0),
                "{crc:?}"
            );
            assert!(stats.came_back >= 200 && stats.link_failures > 0, "{stats}");
            // One at the start, before anything was sent that cannot be a slave's.
            assert!(stats.slave_resets <= 1, "{stats}");
        }
    }
}

/// The frame waits while the jumper is there, and goes once it is not.
#[test]
fn a_jumper_that_comes_and_goes_costs_no_frame() {
    for crc in CRC {
        let slave = |loopback| {
            let spec = Spec {
                crc: crc != CrcMode::Off,
                kind: Kind::Echo,
                no_reset: true,
                loopback,
                ..spec(1)
            };
            sim::open(&spec, START)
        };
        let mut pair = Pair::new(slave(false), settings(crc), START);
        pair.run(Duration::from_millis(100));
        let good = core::mem::replace(&mut pair.bridge.bus, slave(true));
        pair.send(&[0x81, 0x02, 0x01]);
        assert_eq!(pair.run(Duration::from_secs(5)), [[0; 0]; 0]);
        pair.bridge.bus = good;
        assert_eq!(pair.run(Duration::from_secs(10)), [[0x81, 0x02, 0x01]]);
        let stats = pair.bridge.link.stats();
        assert_eq!(
            (stats.frames_sent, stats.garbage_headers),
            (1, 0),
            "{stats}"
        );
    }
}

/// The words are those of `--check`.
#[test]
fn one_line_says_what_to_do() {
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let line = format!("--stdio --log file:{} sim:loopback:no-res", log.display());
    let (_program, mut client) = Program::on_pipes(command(&line));
    client.send(&FRAME);
    let text = || fs::read_to_string(&log).unwrap_or_default();
    let words = "MISO carries what we send on MOSI: the two are connected: remove the jumper, or look for the short";
    // 200 transactions with a pause of 10 ms come before.
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !text().contains(words) {
        assert!(std::time::Instant::now() < deadline, "{}", text());
        match client.next_within(Duration::from_millis(50)) {
            // What the start looks like.
            Said::Reset | Said::Nothing => {}
            said => panic!("{said:?}"),
        }
    }
    assert_eq!(text().matches(words).count(), 1, "{}", text());
}

/// Runs the transaction that is due: `answer` makes what comes from what goes.
fn run(link: &mut Link, now: Instant, answer: impl Fn(&[u8]) -> Vec<u8>) -> Option<Vec<u8>> {
    let transfer = link.poll_transfer(now, true).expect("due");
    let octets = answer(transfer.mosi);
    transfer.miso.fill(0xFF);
    transfer.miso[..octets.len()].copy_from_slice(&octets);
    link.handle_transfer(now).delivered.map(<[u8]>::to_vec)
}

/// A link with INT inactive that has heard from its slave, and then got a frame to send.
fn with_frame(crc: CrcMode) -> Link {
    let mut link = Link::new(settings(crc), START);
    let flags = if crc == CrcMode::Off { 0x02 } else { 0x42 };
    run(&mut link, START, |_| vec![flags, 0x0F, 0x05, 0x00, 0x00]);
    link.handle_level(START, Ok(Some(Line::Inactive)))
        .expect("no error");
    link.vacant().expect("room").fill(&FRAME);
    link
}

#[test]
fn a_frame_that_comes_back_was_neither_taken_nor_given_and_is_offered_again() {
    for crc in [CrcMode::Off, CrcMode::On] {
        let mut link = with_frame(crc);
        assert_eq!(run(&mut link, START, <[u8]>::to_vec), None);
        let stats = *link.stats();
        assert_eq!(
            (stats.came_back, stats.frames_sent, stats.frames_received),
            (1, 0, 0)
        );
        let next = link.poll_timeout(true).expect("a deadline");
        assert_eq!(next.since(START), Duration::from_millis(10));
        let transfer = link.poll_transfer(next, true).expect("due");
        assert_eq!(transfer.mosi[5..8], FRAME);
        // Should it have been a slave after all: under CRC it is asked for its frame again.
        let header = match crc {
            CrcMode::On => [0x62, 0x00, 0x00, 0x03, 0x00],
            _ => [0x02, 0x20, 0x00, 0x03, 0x00],
        };
        assert_eq!(transfer.mosi[..5], header);
    }
}

#[test]
fn a_slave_that_pads_or_has_another_buffer_is_believed() {
    type Change = fn(&mut Vec<u8>);
    let changes: [Change; 3] = [
        // Its padding is its own.
        |octets| octets[8..].fill(0xFF),
        // Its RECV_LEN, too.
        |octets| octets[1] = 0x21,
        // And what it says.
        |octets| octets[7] ^= 0x01,
    ];
    for change in changes {
        let mut link = with_frame(CrcMode::Off);
        let delivered = run(&mut link, START, |mosi| {
            let mut octets = mosi.to_vec();
            change(&mut octets);
            octets
        });
        assert!(delivered.is_some());
        assert_eq!((link.stats().came_back, link.stats().frames_sent), (0, 1));
    }
}

/// Both have the same frame to say, and neither takes one: an echo, and a client that does not read.
#[test]
fn a_slave_that_offers_nothing_to_us_who_offer_nothing_is_believed() {
    let mut link = with_frame(CrcMode::Off);
    let transfer = link.poll_transfer(START, false).expect("due");
    assert_eq!(transfer.mosi[..5], [0x02, 0x00, 0x00, 0x03, 0x00]);
    transfer.miso.copy_from_slice(transfer.mosi);
    assert_eq!(link.handle_transfer(START).delivered, None);
    let stats = link.stats();
    assert_eq!(
        (stats.came_back, stats.refused, stats.frames_sent),
        (0, 1, 0)
    );
}

#[test]
fn an_empty_header_that_is_like_ours_is_a_slave_unless_a_frame_came_back_before() {
    let mut link = Link::new(settings(CrcMode::Off), START);
    run(&mut link, START, <[u8]>::to_vec);
    assert!(link.is_up());
    assert_eq!(link.stats().came_back, 0);

    // 200 transactions later the link is begun anew, and what comes back is no sign of a slave.
    let mut link = with_frame(CrcMode::Off);
    let mut now = START;
    while link.stats().link_failures == 0 && now.since(START) < Duration::from_secs(5) {
        now = link.poll_timeout(true).expect("a deadline").max(now);
        if link.wants_level(now, true) {
            let level = Ok(Some(Line::Inactive));
            link.handle_level(now, level).expect("no error");
        } else {
            run(&mut link, now, <[u8]>::to_vec);
        }
    }
    assert_eq!(link.stats().came_back, 200);
    for line in [Some(Line::Active), None, Some(Line::Inactive), None, None] {
        assert_eq!(link.poll_reset_line(now), line);
        if line.is_some() {
            link.reset_line_set(now, Ok(true)).expect("no error");
        }
        now = now + Duration::from_secs(1);
    }
    run(&mut link, now, <[u8]>::to_vec);
    assert!(!link.is_up());
    assert_eq!(
        (link.stats().came_back, link.stats().slave_resets),
        (201, 0)
    );

    // Any other answer is a slave's.
    now = now + Duration::from_millis(10);
    run(&mut link, now, |_| vec![0x82, 0x0F, 0x05, 0x00, 0x00]);
    assert!(link.is_up());
    assert_eq!(
        (link.stats().came_back, link.stats().slave_resets),
        (201, 1)
    );
}

const FRAME: [u8; 3] = [0x81, 0x02, 0x01];
