//! What a host may send besides the properties, frame by frame: save, recall, offload, lock, other interfaces. The rules
//! of the host driver for these rest on what OpenThread's NCP says here, through the translator.

use crate::hosts::wait;
use crate::process::Client;
use crate::world::{ask, Board, World, GET, IS, SET};
use spinel_bridge::wire::ids::Status;
use std::time::Duration;

/// What is asked, without its header, and the status that it is answered with.
#[rustfmt::skip] // a table
const ANSWERED: &[(&str, &[u8], Status)] = &[
    ("NET_SAVE", &[9], Status::UNIMPLEMENTED),
    ("NET_RECALL", &[11], Status::UNIMPLEMENTED),
    ("NET_CLEAR", &[10], Status::OK),
    // It has no buffers to lend out: neither the properties that allow it, nor the commands of either side.
    ("GET HBO_MEM_MAX", &[GET, 10], Status::PROP_NOT_FOUND),
    ("SET HBO_MEM_MAX", &[SET, 10, 0, 16, 0, 0], Status::PROP_NOT_FOUND),
    ("GET HBO_BLOCK_MAX", &[GET, 11], Status::PROP_NOT_FOUND),
    ("SET HBO_BLOCK_MAX", &[SET, 11, 4, 0], Status::PROP_NOT_FOUND),
    ("HBO_OFFLOAD", &[12, 7, 0, 0, 0, 60, 0, 2, 1, 2], Status::INVALID_COMMAND),
    ("HBO_OFFLOADED", &[15, 7, 0, 0, 0, 0], Status::INVALID_COMMAND),
    ("HBO_RECLAIMED", &[16, 7, 0, 0, 0, 0, 1, 2], Status::INVALID_COMMAND),
    ("HBO_DROPPED", &[17, 7, 0, 0, 0, 0], Status::INVALID_COMMAND),
    ("GET LOCK", &[GET, 9], Status::UNIMPLEMENTED),
    ("SET LOCK", &[SET, 9, 1], Status::PROP_NOT_FOUND),
];

/// NET_SAVED.
const NET_SAVED: u8 = 64;

fn client(world: &World, board: &Board) -> (crate::world::Translator, Client) {
    let translator = world.translator(board, &[]);
    let (client, _) = translator.answering_client(Duration::from_secs(20));
    (translator, client)
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn what_openthread_has_not_it_says() {
    let world = World::new();
    let board = Board::start(&world, "ot-ncp-ftd-spi", 1, &[]);
    let (_translator, mut client) = client(&world, &board);
    for (what, question, status) in ANSWERED {
        let answer = ask(&mut client, &[&[0x81], *question].concat());
        assert_eq!(answer[1..], [IS, 0, status.0 as u8], "{what}");
    }
    let capabilities = ask(&mut client, &[0x81, GET, 5]);
    for (capability, name) in [(1, "LOCK"), (2, "NET_SAVE"), (3, "HBO")] {
        assert!(!capabilities[3..].contains(&capability), "{name}");
    }
}

/// It has one interface: what is for another one is refused with the header that it came with.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn frames_for_other_interfaces_are_refused() {
    let world = World::new();
    let board = Board::start(&world, "ot-ncp-ftd-spi", 1, &[]);
    let (_translator, mut client) = client(&world, &board);
    for interface in 1..4 {
        let header = 0x81 | interface << 4;
        for question in [&[0][..], &[GET, 1], &[SET, 65, 1], &[10]] {
            let answer = ask(&mut client, &[&[header], question].concat());
            let refused = [header, IS, 0, Status::INVALID_INTERFACE.0 as u8];
            assert_eq!(answer, refused, "{question:?}");
        }
        assert_eq!(ask(&mut client, &[0x82, GET, 65])[1..], [IS, 65, 0]);
    }
    assert_eq!(board.resets(), 1);
}

/// It saves by itself: a network is there after the power was gone, with no NET_SAVE; and gone after NET_CLEAR.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_network_is_saved_unasked() {
    let world = World::new();
    let mut board = Board::start(&world, "ot-ncp-ftd-spi", 1, &[]);
    let (translator, mut client) = client(&world, &board);
    let mut other = world.node(2);
    other.run("dataset init new");
    other.run("dataset commit active");
    let dataset = other.get("dataset active -x");
    let octets: Vec<u8> = (0..dataset.len() / 2)
        .map(|at| u8::from_str_radix(&dataset[2 * at..2 * at + 2], 16).expect("hex"))
        .collect();
    assert_eq!(ask(&mut client, &[0x81, GET, NET_SAVED])[3], 0);
    // THREAD_ACTIVE_DATASET_TLVS, 5436.
    let answer = ask(
        &mut client,
        &[&[0x81, SET, 0xbc, 0x2a], &octets[..]].concat(),
    );
    assert_eq!(answer[1..4], [IS, 0xbc, 0x2a], "{answer:02x?}");
    assert_eq!(ask(&mut client, &[0x81, GET, NET_SAVED])[3], 1);
    board.kill();
    drop(client);
    board.power(&world, "ot-ncp-ftd-spi", 1, &[]);
    let saved = |wanted: u8| {
        wait("what is saved", || {
            let (mut client, _) = translator.answering_client(Duration::from_secs(60));
            (ask(&mut client, &[0x83, GET, NET_SAVED])[3] == wanted).then_some(client)
        })
    };
    let mut client = saved(1);
    assert_eq!(ask(&mut client, &[0x84, 10])[1..], [IS, 0, 0]);
    assert_eq!(ask(&mut client, &[0x85, GET, NET_SAVED])[3], 0);
}

/// The host driver asks for none of it in vain, and says why.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_driver_knows_what_is_not_there() {
    let world = World::with_ncp();
    for (words, code, text) in [
        ("getprop LOCK", 8, "capability LOCK"),
        ("setprop LOCK true", 8, "capability LOCK"),
        ("getprop HBO_MEM_MAX", 8, "capability HBO"),
        (
            "setprop HBO_MEM_MAX 4096",
            8,
            "lends the co-processor no memory",
        ),
        (
            "setprop HBO_BLOCK_MAX 4",
            8,
            "lends the co-processor no memory",
        ),
    ] {
        let (found, said) = world.host.refused(words);
        assert_eq!(found, code, "{words}: {said}");
        assert!(said.contains(text), "{words}: {said}");
    }
}
