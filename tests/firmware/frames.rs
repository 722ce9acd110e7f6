//! Frames of many sizes through the translator to OpenThread's NCP on an SPI bus that refuses, that takes its time, or
//! that is not there yet: each question is answered, once, and with what was asked for.

use crate::process::Client;
use crate::world::{ask, Board, World, GET, INSERT, INSERTED, IS};
use spinel_bridge::sim::rng::Rng;
use std::time::{Duration, Instant};

/// MAC_ALLOWLIST, as it is packed.
const ALLOWLIST: [u8; 2] = [0x80, 0x26];
/// What is asked for: answers of 1 to 390 octets that do not change.
const PROPERTIES: [&[u8]; 8] = [&[1], &[2], &[3], &[5], &[8], &[0x44], &[0x46], &ALLOWLIST];
/// The longest frame that the firmware takes: kSpiBufferSize without the SPI header (src/ncp/ncp_spi.hpp).
const FRAME_MAX: usize = 1295;

/// Asks `count` times, and checks each answer; the time it took.
fn echo(client: &mut Client, count: usize) -> Duration {
    for index in 0..32u8 {
        let mut insert = [&[0x81, INSERT][..], &ALLOWLIST, &[0x10; 8], &[0xd0]].concat();
        insert[11] = index;
        let answer = ask(client, &insert);
        assert_eq!(answer[1], INSERTED, "{answer:?}");
    }
    let wanted: Vec<Vec<u8>> = PROPERTIES
        .iter()
        .map(|property| {
            let answer = ask(client, &[&[0x81, GET], *property].concat());
            assert_eq!(answer[1], IS, "{answer:?}");
            answer
        })
        .collect();
    assert!(wanted.last().unwrap().len() > 350, "{wanted:?}");

    let mut rng = Rng::new(3);
    let start = Instant::now();
    for index in 0..count {
        let which = rng.below(PROPERTIES.len() as u64) as usize;
        let header = 0x81 + (index % 15) as u8;
        let mut frame = [&[header, GET], PROPERTIES[which]].concat();
        // What follows the property is ignored, so a question has any length.
        let len = frame.len() + rng.below((FRAME_MAX - frame.len()) as u64 + 1) as usize;
        frame.resize(len, 0x5a);
        let answer = ask(client, &frame);
        assert_eq!(answer[1..], wanted[which][1..], "answer {index}");
    }
    start.elapsed()
}

fn echo_with(count: usize, options: &[(&str, &str)]) {
    let world = World::new();
    let board = Board::start(&world, "ot-ncp-ftd-spi", 1, options);
    let translator = world.translator(&board, &[]);
    let (mut client, _) = translator.answering_client(Duration::from_secs(20));
    let (before, unanswered) = (board.transactions(), board.unanswered());
    let took = echo(&mut client, count);
    println!(
        "{options:?}: {count} questions in {took:?}, {:.2} transactions each, {} without an answer",
        (board.transactions() - before) as f64 / count as f64,
        board.unanswered() - unanswered,
    );
    assert_eq!(board.resets(), 1, "{}", translator.log());
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_slave_that_is_always_ready() {
    echo_with(10_000, &[]);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_slave_that_refuses_every_third_transaction() {
    echo_with(10_000, &[("SPI_SLAVE_REFUSE", "3")]);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn slaves_that_take_their_time_to_arm_again() {
    for delay in ["60", "150", "500", "3000"] {
        echo_with(2_500, &[("SPI_SLAVE_REARM_US", delay)]);
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_slave_that_takes_no_frame_while_it_processes_one() {
    let options = [
        ("SPI_SLAVE_PROCESS_US", "400"),
        ("SPI_SLAVE_REARM_US", "100"),
        ("SPI_SLAVE_REFUSE", "5"),
    ];
    echo_with(2_500, &options);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn slow_boots_are_waited_for() {
    for boot in ["0", "300", "1000", "2500", "5000", "10000"] {
        let world = World::new();
        let board = Board::start(&world, "ot-ncp-ftd-spi", 1, &[("SPI_SLAVE_BOOT_MS", boot)]);
        let translator = world.translator(&board, &[]);
        let (mut client, took) = translator.answering_client(Duration::from_secs(60));
        println!(
            "boot of {boot} ms: an answer after {took:?}, {} resets",
            board.resets()
        );
        echo(&mut client, 100);
    }
}
