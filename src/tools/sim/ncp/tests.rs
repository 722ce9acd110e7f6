//! Frames in, frames out. `exchange` reads like a trace: what the host sends, what it gets.

mod features;

use super::spinel::property::{Access, When};
use super::spinel::shape::{self, Shape};
use super::thread::ping::{self, Ipv6};
use super::*;
use crate::time::Duration;
use crate::wire::packed::Reader;
use proptest::prelude::*;

const START: Instant = Instant::ZERO;

/// A co-processor whose reset notification was taken.
fn ncp() -> Ncp {
    let mut ncp = Ncp::with(1, Variant::easy(), Surroundings::default());
    assert_eq!(said(&mut ncp, START), ["80 06 00 70"]);
    ncp
}

fn octets(hex: &str) -> Vec<u8> {
    hex.split_whitespace()
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect()
}

fn hex(octets: &[u8]) -> String {
    let octets: Vec<_> = octets.iter().map(|octet| format!("{octet:02X}")).collect();
    octets.join(" ")
}

/// All that it has to say.
fn said(ncp: &mut Ncp, now: Instant) -> Vec<String> {
    let mut frames = Vec::new();
    let mut buf = [0xA5; 1300];
    while let Some(length) = ncp.transmit(now, &mut buf) {
        frames.push(hex(&buf[..length]));
    }
    frames
}

/// Sends one frame and returns everything that comes back.
fn ask_at(ncp: &mut Ncp, now: Instant, frame: &str) -> Vec<String> {
    ncp.receive(now, &octets(frame));
    said(ncp, now)
}

fn ask(ncp: &mut Ncp, frame: &str) -> Vec<String> {
    ask_at(ncp, START, frame)
}

/// The first thing that comes back: the reply.
#[track_caller]
fn exchange(ncp: &mut Ncp, frame: &str, reply: &str) {
    assert_eq!(ask(ncp, frame).first().map(String::as_str), Some(reply));
}

/// Up and leader, everything said.
fn leader() -> (Ncp, Instant) {
    let mut ncp = ncp();
    ask(&mut ncp, "81 03 36 CE FA");
    ask(&mut ncp, "81 03 41 01");
    ask(&mut ncp, "81 03 42 01");
    let at = ncp.poll_timeout().unwrap();
    said(&mut ncp, at);
    (ncp, at)
}

fn field<const N: usize>(ncp: &Ncp, id: u32) -> [u8; N] {
    ncp.store.array(id)
}

/// A whole STREAM_NET frame with an echo request between two addresses.
fn ping(header: u8, source: &Ipv6, destination: &Ipv6) -> Vec<u8> {
    let mut icmp = [128, 0, 0, 0, 0x12, 0x34, 0, 1];
    let sum = ping::checksum(source, destination, ping::ICMPV6, &icmp);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    let head = [header, 3, 0x72, 48, 0, 0x60, 0, 0, 0, 0, 8, 58, 64];
    [head.as_slice(), source, destination, &icmp].concat()
}

#[test]
fn vectors_of_the_documents() {
    let mut ncp = ncp();
    for (frame, reply) in [
        // §1.5
        ("81 00", "81 06 00 00"),
        ("81 02 01", "81 06 01 04 03"),
        ("88 03 21 0B", "88 06 21 0B"),
        ("8A 03 88 20 46 4B", "8A 06 88 20 46 4B"),
        ("8B 04 88 20 52", "8B 07 88 20 52"),
        ("8C 05 88 20 52", "8C 08 88 20 52"),
        ("8C 03 81 80 01 03", "8C 06 81 80 01 03"),
        ("81 09", "81 06 00 02"),
        ("82 0B", "82 06 00 02"),
        ("81 0A", "81 06 00 00"),
        // §7.3
        ("83 02 03", "83 06 03 03"),
        ("84 02 04", "84 06 04 00"),
        ("88 02 42", "88 06 42 00"),
        ("81 03 0C 03", "81 06 0C 03"),
        // §3.16
        ("8A 03 5C 34 16", "8A 06 5C 34 16"),
        (
            "88 03 80 26 09 00 00 12 4B 00 01 02 03 04 7F",
            "88 06 80 26 09 00 00 12 4B 00 01 02 03 04 7F",
        ),
        (
            "89 03 86 26 08 00 00 12 4B 00 01 02 03 04",
            "89 06 86 26 08 00 00 12 4B 00 01 02 03 04",
        ),
    ] {
        exchange(&mut ncp, frame, reply);
    }
}

#[test]
fn the_filter_list_is_ours_in_order() {
    let mut ncp = ncp();
    exchange(
        &mut ncp,
        "89 02 89 20",
        "89 06 89 20 70 60 61 63 43 48 47 8D 2A 52 5A 5B 42 49 00 00 \
         81 24 66 21 36 44 45 46 4B 22 80 32 8D 32",
    );
}

#[test]
fn errors_of_the_documents() {
    let mut ncp = ncp();
    for (frame, reply) in [
        // §1.4
        ("89 3F", "89 06 00 05"),
        ("87 02 0A", "87 06 00 0D"),
        ("8A 03 05 01", "8A 06 00 0D"),
        ("8C 03 36", "8C 06 00 09"),
        ("8B 03 21 28", "8B 06 00 03"),
        ("8B 03 21 0A", "8B 06 00 03"),
        // A command that is none of the host's, and those that are not offered.
        ("81 06 00 00", "81 06 00 05"),
        ("81 0C 07 00", "81 06 00 05"),
        ("81 17 00", "81 06 00 05"),
        // Another interface (§1.1).
        ("91 02 01", "91 06 00 06"),
        // Numbers that do not end, and none at all.
        ("81", "81 06 00 09"),
        ("81 80", "81 06 00 09"),
        ("81 02 80 80 80 01", "81 06 00 09"),
        ("81 02", "81 06 00 09"),
        // Bools are 0 or 1 (E41), names end and are short, keys have their length.
        ("81 03 41 02", "81 06 00 09"),
        ("81 03 44 41", "81 06 00 09"),
        (
            "81 03 44 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 00",
            "81 06 00 03",
        ),
        ("81 03 46 00", "81 06 00 09"),
        // The wrong moment.
        ("81 03 42 01", "81 06 00 04"),
        ("81 03 43 03", "81 06 00 04"),
        ("81 03 30 03", "81 06 00 04"),
        ("81 04 5A", "81 06 00 04"),
        // Half implemented (E38, §3.3, §3.8).
        ("81 02 09", "81 06 00 02"),
        ("81 03 09 01", "81 06 00 0D"),
        ("81 03 07 01", "81 06 00 02"),
        ("81 02 64", "81 06 00 02"),
        ("81 02 72", "81 06 00 0D"),
        // Filters: what cannot be filtered cannot be inserted.
        ("81 04 88 20 30", "81 06 00 03"),
        ("81 03 88 20 30 46", "81 06 88 20 46"),
    ] {
        exchange(&mut ncp, frame, reply);
    }
    assert_eq!(ncp.take_reset_request(), None);
}

#[test]
fn what_is_no_spinel_gets_no_answer() {
    let mut ncp = ncp();
    assert!(ask(&mut ncp, "").is_empty());
    assert!(ask(&mut ncp, "01 02 01").is_empty());
    assert!(ask(&mut ncp, "C1 02 01").is_empty());
    ncp.receive(START, &[0x81; 1301]);
    assert!(said(&mut ncp, START).is_empty());
    assert_eq!(ncp.store.uint32(CNTR_RX_SPINEL_ERR), 4);
}

#[test]
fn tid_0_is_not_answered() {
    let mut ncp = ncp();
    for frame in ["80 00", "80 02 01", "80 03 21 28", "80 3F"] {
        assert!(ask(&mut ncp, frame).is_empty(), "{frame}");
    }
    // It is obeyed all the same, and the change is told.
    assert_eq!(ask(&mut ncp, "80 03 21 0C"), ["80 06 21 0C"]);
}

#[test]
fn last_status_remembers() {
    let mut ncp = ncp();
    exchange(&mut ncp, "81 02 00", "81 06 00 70");
    exchange(&mut ncp, "81 3F", "81 06 00 05");
    exchange(&mut ncp, "81 02 00", "81 06 00 05");
}

#[test]
fn the_sixteenth_reply_is_dropped() {
    let mut ncp = ncp();
    for tid in 1..=15 {
        ncp.receive(START, &[0x80 | tid, 0x00]);
    }
    // Of another interface, since there is no sixteenth TID.
    ncp.receive(START, &[0x91, 0x00]);
    let frames = said(&mut ncp, START);
    assert_eq!(frames.len(), 16);
    assert_eq!(frames[0], "81 06 00 00");
    assert_eq!(frames[14], "8F 06 00 00");
    assert_eq!(frames[15], "80 06 00 0E");
}

#[test]
fn a_tid_that_is_used_again_replaces_its_reply() {
    let mut ncp = ncp();
    ncp.receive(START, &octets("81 02 01"));
    ncp.receive(START, &octets("82 00"));
    ncp.receive(START, &octets("81 02 03"));
    assert_eq!(said(&mut ncp, START), ["82 06 00 00", "81 06 03 03"]);
}

#[test]
fn a_value_is_evaluated_when_its_reply_leaves() {
    let mut ncp = ncp();
    ncp.receive(START, &octets("81 02 21"));
    ncp.receive(START, &octets("82 03 21 14"));
    assert_eq!(
        said(&mut ncp, START),
        ["81 06 21 14", "82 06 21 14", "80 06 21 14"]
    );
}

/// §7.5, with the exact frames.
#[test]
fn forms_a_network() {
    let mut ncp = ncp();
    for (frame, reply) in [
        ("81 0A", "81 06 00 00"),
        ("82 03 21 0B", "82 06 21 0B"),
        ("83 03 38 00", "83 06 38 00"),
        ("84 03 36 CE FA", "84 06 36 CE FA"),
        (
            "85 03 45 DE AD 00 BE EF 00 CA FE",
            "85 06 45 DE AD 00 BE EF 00 CA FE",
        ),
        (
            "86 03 44 54 65 73 74 2D 4E 65 74 00",
            "86 06 44 54 65 73 74 2D 4E 65 74 00",
        ),
        (
            "87 03 46 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF",
            "87 06 46 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF",
        ),
        ("88 03 47 01 00 00 00", "88 06 47 01 00 00 00"),
        (
            "89 03 62 FD DE AD 00 BE EF 00 00 00 00 00 00 00 00 00 00 40",
            "89 06 62 FD DE AD 00 BE EF 00 00 00 00 00 00 00 00 00 00 40",
        ),
        ("8A 03 41 01", "8A 06 41 01"),
    ] {
        exchange(&mut ncp, frame, reply);
    }
    let frames = ask(&mut ncp, "8B 03 42 01");
    assert_eq!(frames[0], "8B 06 42 01");
    // The role is told, NET_STACK_UP is not.
    assert!(frames.contains(&"80 06 43 00".to_owned()), "{frames:?}");
    assert!(!frames.iter().any(|frame| frame.starts_with("80 06 42")));
    let at = ncp.poll_timeout().unwrap();
    assert!(said(&mut ncp, at - Duration::from_millis(1)).is_empty());
    let frames = said(&mut ncp, at);
    assert!(frames[0].starts_with("80 06 63 19 00 FE 80"), "{frames:?}");
    assert_eq!(frames[1], "80 06 43 03");
    assert!(frames[2].starts_with("80 06 48 "), "{frames:?}");
    // Credentials are refused now (§7.5), and the network is stored.
    exchange(&mut ncp, "81 03 21 0C", "81 06 00 04");
    exchange(&mut ncp, "81 0A", "81 06 00 04");
    exchange(&mut ncp, "81 02 40", "81 06 40 01");
}

#[test]
fn joins_nobody() {
    let mut ncp = ncp();
    ask(&mut ncp, "81 03 41 01");
    exchange(&mut ncp, "8B 03 49 01", "8B 06 49 01");
    exchange(&mut ncp, "8C 03 42 01", "8C 06 42 01");
    let at = ncp.poll_timeout().unwrap();
    let frames = said(&mut ncp, at);
    for frame in ["80 06 43 04", "80 06 42 00", "80 06 49 00", "80 06 00 68"] {
        assert!(frames.contains(&frame.to_owned()), "{frames:?}");
    }
}

/// What OpenThread does without AUTO_INIT: neither a network of its own nor JOIN_FAILURE.
#[test]
fn without_a_dataset_it_searches_for_ever() {
    let variant = Variant {
        auto_init: false,
        ..Variant::easy()
    };
    for join in [false, true] {
        let mut ncp = Ncp::with(1, variant, Surroundings::default());
        ask(&mut ncp, "81 03 41 01");
        if join {
            ask(&mut ncp, "81 03 49 01");
        }
        ask(&mut ncp, "81 03 42 01");
        for _ in 0..10 {
            let at = ncp.poll_timeout().unwrap();
            assert_eq!(said(&mut ncp, at), [""; 0]);
        }
        exchange(&mut ncp, "81 02 43", "81 06 43 00");
        exchange(&mut ncp, "81 03 43 03", "81 06 00 04");
    }
}

#[test]
fn single_properties_end_a_dataset_and_die_with_a_reset() {
    let mut ncp = Ncp::new(1);
    said(&mut ncp, START);
    exchange(&mut ncp, "81 02 43", "81 06 43 04");
    exchange(&mut ncp, "81 02 BC 2A", "81 06 BC 2A");
    let set = "81 03 BC 2A 0E 08 00 00 00 00 00 01 00 00 00 03 00 00 14 C8 01 AA";
    exchange(&mut ncp, set, &set.replacen(" 03 ", " 06 ", 1));
    ncp.reset(START, ResetCause::Software);
    said(&mut ncp, START);
    exchange(&mut ncp, "81 02 21", "81 06 21 14");
    ask(&mut ncp, "81 03 44 41 00");
    exchange(&mut ncp, "81 02 BC 2A", "81 06 BC 2A");
    ncp.reset(START, ResetCause::Software);
    said(&mut ncp, START);
    exchange(&mut ncp, "81 02 21", "81 06 21 0B");
}

#[test]
fn there_is_room_for_four_addresses_and_two_groups() {
    let mut ncp = Ncp::new(1);
    for (command, room) in [
        (
            "81 04 63 FD 00 00 00 00 00 00 00 00 00 00 00 00 00 00 NN 40 00 00 00 00 00 00 00 00",
            4,
        ),
        (
            "81 04 66 FF 05 00 00 00 00 00 00 00 00 00 00 00 00 00 NN",
            2,
        ),
    ] {
        for n in 1..=room {
            let insert = command.replace("NN", &format!("{n:02X}"));
            assert!(ask(&mut ncp, &insert).contains(&insert.replacen(" 04 ", " 07 ", 1)));
        }
        exchange(&mut ncp, &command.replace("NN", "99"), "81 06 00 0B");
    }
}

#[test]
fn a_reset_keeps_the_credentials_alone() {
    let (mut ncp, at) = leader();
    ask_at(&mut ncp, at, "81 03 25 05");
    assert!(ask_at(&mut ncp, at, "80 01").is_empty());
    assert_eq!(ncp.take_reset_request(), Some(ResetCause::Software));
    ncp.reset(at, ResetCause::Software);
    assert_eq!(ncp.poll_timeout(), None);
    // A reply does not overtake the notification.
    assert_eq!(
        ask_at(&mut ncp, at, "81 02 36"),
        ["80 06 00 72", "81 06 36 CE FA"]
    );
    exchange(&mut ncp, "81 02 40", "81 06 40 01");
    exchange(&mut ncp, "81 02 41", "81 06 41 00");
    exchange(&mut ncp, "81 02 25", "81 06 25 00");
    exchange(&mut ncp, "81 0A", "81 06 00 00");
    exchange(&mut ncp, "81 02 40", "81 06 40 00");
    ncp.reset(at, ResetCause::External);
    said(&mut ncp, at);
    exchange(&mut ncp, "81 02 36", "81 06 36 FF FF");
}

#[test]
fn says_nothing_between_the_command_and_the_reset() {
    let mut ncp = ncp();
    for command in ["81 01", "80 01 01", "80 01 02", "81 01 03"] {
        ncp.receive(START, &octets("82 00"));
        ncp.receive(START, &octets(command));
        assert!(ask(&mut ncp, "83 00").is_empty());
        assert_eq!(ncp.take_reset_request(), Some(ResetCause::Software));
        assert_eq!(ncp.take_reset_request(), None);
        ncp.reset(START, ResetCause::Software);
        assert_eq!(said(&mut ncp, START), ["80 06 00 72"]);
    }
}

#[test]
fn the_filter_is_honoured_and_cleared_by_a_reset() {
    let mut ncp = ncp();
    exchange(&mut ncp, "81 03 88 20 21", "81 06 88 20 21");
    assert_eq!(ask(&mut ncp, "81 03 21 14"), ["81 06 21 14"]);
    ncp.reset(START, ResetCause::Software);
    said(&mut ncp, START);
    assert_eq!(ask(&mut ncp, "81 03 21 15"), ["81 06 21 15", "80 06 21 15"]);
}

#[test]
fn a_sleeping_host_is_left_alone() {
    let mut ncp = ncp();
    exchange(&mut ncp, "81 03 0C 03", "81 06 0C 03");
    // A scan is started by a frame, which wakes the host; so let the host fall asleep during it.
    ask(&mut ncp, "81 03 31 0F");
    ask(&mut ncp, "81 03 30 02");
    assert_eq!(ask(&mut ncp, "81 03 0C 01"), ["81 06 0C 01"]);
    let at = ncp.poll_timeout().unwrap();
    assert!(said(&mut ncp, at).is_empty());
    let frames = ask_at(&mut ncp, at, "81 00");
    assert_eq!(frames[0], "81 06 00 00");
    assert_eq!(frames[2], "80 06 30 00");
}

#[test]
fn packets_wait_for_a_host_in_deep_sleep_alone() {
    let (mut ncp, at) = leader();
    let eid: Ipv6 = field(&ncp, IPV6_ML_ADDR);
    ncp.receive(at, &ping(0x80, &eid, &eid));
    assert_eq!(ask_at(&mut ncp, at, "81 03 0C 01"), ["81 06 0C 01"]);
    let frames = ask_at(&mut ncp, at, "81 03 0C 03");
    assert_eq!(frames[0], "81 06 0C 03");
    assert!(frames[1].starts_with("80 06 72 30 00 60"));
}

#[test]
fn a_list_is_bounded() {
    let mut ncp = ncp();
    for port in 0..shape::ITEMS_MAX {
        let insert = format!("81 04 5C {port:02X} 16");
        exchange(&mut ncp, &insert, &insert.replacen(" 04 ", " 07 ", 1));
    }
    exchange(&mut ncp, "81 04 5C FF 16", "81 06 00 0B");
    // What is there already needs no room.
    exchange(&mut ncp, "81 04 5C 00 16", "81 07 5C 00 16");
}

#[test]
fn answers_pings() {
    let (mut ncp, at) = leader();
    let eid: Ipv6 = field(&ncp, IPV6_ML_ADDR);
    let all_routers: Ipv6 = [0xFF, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    for destination in [eid, field(&ncp, IPV6_LL_ADDR), all_routers] {
        ncp.receive(at, &ping(0x80, &eid, &destination));
        let frames = said(&mut ncp, at);
        let reply = octets(&frames[0]);
        assert_eq!(frames.len(), 1);
        assert_eq!(reply[..5], [0x80, 6, 0x72, 48, 0]);
        assert_eq!(reply[29..45], eid);
        assert_eq!(reply[45], 129);
        let source: Ipv6 = reply[13..29].try_into().unwrap();
        assert_eq!(ping::checksum(&source, &eid, ping::ICMPV6, &reply[45..]), 0);
        assert!(!ping::is_multicast(&source));
    }
    for id in [CNTR_TX_IP_SEC_TOTAL, CNTR_RX_IP_SEC_TOTAL] {
        assert_eq!(ncp.store.uint32(id), 3);
    }
    // With a TID the datagram itself is confirmed first.
    ncp.receive(at, &ping(0x85, &eid, &eid));
    let frames = said(&mut ncp, at);
    assert_eq!(frames[0], "85 06 00 00");
    assert!(frames[1].starts_with("80 06 72 30 00 60"));
}

#[test]
fn an_inserted_address_is_its_own_and_a_group_is_joined() {
    let (mut ncp, at) = leader();
    let insert = "87 04 63 FD DE AD 00 BE EF 00 00 00 00 00 00 00 00 00 01 40 \
                  FF FF FF FF FF FF FF FF";
    let frames = ask_at(&mut ncp, at, insert);
    assert_eq!(frames[0], insert.replace(" 04 63", " 07 63"));
    assert!(frames[1].starts_with("80 06 63 19 00"));
    let address: Ipv6 = octets(insert)[3..19].try_into().unwrap();
    ncp.receive(at, &ping(0x80, &address, &address));
    assert_eq!(said(&mut ncp, at).len(), 1);
    let remove = insert.replace("87 04", "88 05");
    assert_eq!(
        ask_at(&mut ncp, at, &remove)[0],
        remove.replace("88 05", "88 08")
    );
    // What is not there is removed all the same (errata E48).
    assert_eq!(
        ask_at(&mut ncp, at, &remove),
        [remove.replace("88 05", "88 08")]
    );

    let join = "89 04 66 FF 05 00 00 00 00 00 00 00 00 00 00 00 00 00 02";
    assert_eq!(
        ask_at(&mut ncp, at, join)[0],
        join.replace("89 04", "89 07")
    );
    assert_eq!(ask_at(&mut ncp, at, join), [join.replace("89 04", "89 07")]);
    let leave = join.replace("89 04", "89 05");
    assert_eq!(
        ask_at(&mut ncp, at, &leave)[0],
        join.replace("89 04", "89 08")
    );
    assert_eq!(
        ask_at(&mut ncp, at, &leave),
        [join.replace("89 04", "89 08")]
    );
}

#[test]
fn drops_packets_while_the_interface_is_down() {
    let mut ncp = ncp();
    let eid: Ipv6 = field(&ncp, IPV6_ML_ADDR);
    ncp.receive(START, &ping(0x85, &eid, &eid));
    ncp.receive(START, &ping(0x80, &eid, &eid));
    assert_eq!(said(&mut ncp, START), ["85 06 00 04"]);
    assert_eq!(ncp.store.uint32(CNTR_TX_IP_DROPPED), 2);
}

#[test]
fn packets_that_do_not_fit_are_reported() {
    let (mut ncp, at) = leader();
    let eid: Ipv6 = field(&ncp, IPV6_ML_ADDR);
    for _ in 0..PACKETS_MAX + 3 {
        ncp.receive(at, &ping(0x80, &eid, &eid));
    }
    let frames = said(&mut ncp, at);
    assert_eq!(frames.len(), PACKETS_MAX + 1);
    assert_eq!(frames[PACKETS_MAX], "80 06 00 0B");
    assert_eq!(ncp.store.uint32(CNTR_RX_IP_DROPPED), 3);
}

#[test]
fn prefixes_need_the_gate_and_reach_the_leader() {
    let (mut ncp, at) = leader();
    let insert = "85 04 5A 20 01 0D B8 00 03 00 00 00 00 00 00 00 00 00 00 40 01 31";
    assert_eq!(ask_at(&mut ncp, at, insert), ["85 06 00 04"]);
    assert_eq!(ask_at(&mut ncp, at, "84 03 5D 01"), ["84 06 5D 01"]);
    let frames = ask_at(&mut ncp, at, insert);
    // Told when the network knows of it.
    assert_eq!(frames, [insert.replace("85 04", "85 07")]);
    let frames = ask_at(&mut ncp, at, "86 03 5D 00");
    assert_eq!(frames[0], "86 06 5D 00");
    assert!(
        frames[1].starts_with("80 06 8D 2A 08 04 0B 02"),
        "{frames:?}"
    );
    // Once of its own, and once of the network's.
    let prefix = "17 00 20 01 0D B8 00 03 00";
    assert_eq!(frames[2].matches(prefix).count(), 2, "{frames:?}");
    let without_length = "86 05 5A 20 01 0D B8 00 03 00 00 00 00 00 00 00 00 00 00";
    ask_at(&mut ncp, at, "84 03 5D 01");
    assert_eq!(ask_at(&mut ncp, at, without_length), ["86 06 00 09"]);
}

#[test]
fn scans_channel_by_channel() {
    let mut ncp = ncp();
    exchange(&mut ncp, "81 03 31 0F 10 11", "81 06 31 0F 10 11");
    exchange(&mut ncp, "82 03 32 C8 00", "82 06 32 C8 00");
    exchange(&mut ncp, "83 03 30 01", "83 06 30 01");
    exchange(&mut ncp, "83 03 30 02", "83 06 00 0C");
    // IDLE stops nothing (E19).
    exchange(&mut ncp, "83 03 30 00", "83 06 30 01");
    assert_eq!(ncp.poll_timeout(), Some(Instant::from_millis(200)));
    assert!(said(&mut ncp, Instant::from_millis(199)).is_empty());
    let beacons = said(&mut ncp, Instant::from_millis(200));
    assert!(beacons[0].starts_with("80 07 33 0F "), "{beacons:?}");
    said(&mut ncp, Instant::from_millis(400));
    let last = said(&mut ncp, Instant::from_millis(600));
    assert_eq!(last.last().map(String::as_str), Some("80 06 30 00"));
    assert_eq!(ncp.poll_timeout(), None);
    exchange(&mut ncp, "83 02 30", "83 06 30 00");
}

#[test]
fn scans_energy() {
    let mut ncp = ncp();
    ask(&mut ncp, "83 03 30 02");
    // All sixteen channels, although nobody looked for a long time.
    let frames = said(&mut ncp, Instant::from_millis(60_000));
    assert_eq!(frames.len(), 17);
    assert!(frames[0].starts_with("80 07 39 0B "));
    assert!(frames[15].starts_with("80 07 39 1A "));
    assert_eq!(frames[16], "80 06 30 00");
}

#[test]
fn discovers_with_the_interface_up() {
    let mut ncp = ncp();
    ask(&mut ncp, "81 03 41 01");
    ask(&mut ncp, "81 03 31 0F");
    exchange(&mut ncp, "83 03 30 03", "83 06 30 03");
    let frames = said(&mut ncp, Instant::from_millis(200));
    assert!(frames[0].starts_with("80 07 33 0F "));
}

#[test]
fn counts_and_clears() {
    let mut ncp = ncp();
    // The GET itself is the third frame that was received.
    ask(&mut ncp, "81 00");
    ask(&mut ncp, "81 00");
    exchange(&mut ncp, "81 02 AD 0C", "81 06 AD 0C 03 00 00 00");
    exchange(&mut ncp, "81 03 80 0A 01", "81 06 00 00");
    exchange(&mut ncp, "81 02 AD 0C", "81 06 AD 0C 01 00 00 00");
    // An active scan is on the air; SET of all MAC counters clears them and shows the result.
    ask(&mut ncp, "83 03 30 01");
    said(&mut ncp, Instant::from_millis(60_000));
    exchange(&mut ncp, "81 02 81 0A", "81 06 81 0A 10 00 00 00");
    let all = octets(&ask(&mut ncp, "81 02 91 0D")[0]);
    assert_eq!(all.len(), 4 + 2 * (2 + 17 * 4));
    assert_eq!(all[4..14], [68, 0, 16, 0, 0, 0, 0, 0, 0, 0]);
    let cleared = octets(&ask(&mut ncp, "81 03 91 0D 01")[0]);
    assert_eq!(cleared[4..14], [68, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    exchange(&mut ncp, "81 02 81 0A", "81 06 81 0A 00 00 00 00");
    let mle = "81 06 92 0D 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
    exchange(&mut ncp, "81 03 92 0D 01", mle);
}

#[test]
fn a_dataset_comes_back_as_it_was_set() {
    let mut ncp = ncp();
    let set = "81 03 98 2A 02 00 21 14 03 00 36 34 12 04 00 44 41 42 00";
    let frames = ask(&mut ncp, set);
    assert_eq!(
        frames[0],
        "81 06 98 2A 04 00 44 41 42 00 03 00 36 34 12 02 00 21 14"
    );
    exchange(&mut ncp, "81 02 21", "81 06 21 14");
    exchange(&mut ncp, "81 02 36", "81 06 36 34 12");
    exchange(&mut ncp, "81 02 44", "81 06 44 41 42 00");
    exchange(&mut ncp, "81 02 23", "81 06 23 50 62 25 00");
    // All or nothing.
    exchange(
        &mut ncp,
        "81 03 98 2A 02 00 21 15 02 00 36 34",
        "81 06 00 09",
    );
    exchange(&mut ncp, "81 02 21", "81 06 21 14");
    exchange(
        &mut ncp,
        "81 02 BC 2A",
        "81 06 BC 2A 00 03 00 00 14 03 02 41 42 01 02 12 34",
    );
}

#[test]
fn every_property_can_be_read_in_every_state() {
    let (mut ncp, at) = leader();
    for round in 0..2 {
        for property in properties::PROPERTIES {
            let mut frame = vec![0x81, 0x02];
            frame.extend(pack(|w| w.uint_packed(property.id)));
            ncp.receive(at, &frame);
            let reply = octets(&said(&mut ncp, at)[0]);
            let mut reader = Reader::new(&reply[2..]);
            let id = reader.uint_packed().unwrap();
            if id != property.id {
                let refused =
                    !property.access.offers(Access::G) || property.read_when != When::Always;
                assert!(refused, "property {} in round {round}", property.id);
            }
        }
        ask_at(&mut ncp, at, "81 03 41 00");
    }
}

#[test]
fn the_same_seed_says_the_same() {
    let script = ["81 03 41 01", "82 03 42 01", "83 03 30 01", "84 02 63"];
    let run = |seed| {
        let mut ncp = Ncp::with(seed, Variant::easy(), Surroundings::default());
        let mut frames = Vec::new();
        for (n, frame) in script.iter().enumerate() {
            frames.extend(ask_at(&mut ncp, Instant::from_millis(10 * n as u64), frame));
        }
        while let Some(at) = ncp.poll_timeout() {
            frames.push(at.as_micros().to_string());
            frames.extend(said(&mut ncp, at));
        }
        frames
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

/// What a host can send that means something, so that the properties reach further than noise does.
fn command() -> impl Strategy<Value = Vec<u8>> {
    let ids: Vec<u32> = properties::PROPERTIES.iter().map(|row| row.id).collect();
    (
        any::<u8>(),
        0..24u32,
        prop::sample::select(ids),
        prop::collection::vec(
            prop_oneof![Just(0), Just(1), 0x0B..=0x1Au8, any::<u8>()],
            0..80,
        ),
    )
        .prop_map(|(tid, command, id, value)| {
            let mut frame = vec![0x80 | tid & 0x0F];
            frame.extend(pack(|w| w.uint_packed(command)));
            frame.extend(pack(|w| w.uint_packed(id)));
            frame.extend(value);
            frame
        })
}

/// The bounds of the module documentation.
fn check_bounds(ncp: &Ncp) -> Result<(), TestCaseError> {
    prop_assert!(ncp.replies.len() <= REPLIES_MAX);
    prop_assert!(ncp.packets.len() <= PACKETS_MAX);
    prop_assert!(ncp.found.len() <= FOUND_MAX);
    for row in properties::PROPERTIES {
        if matches!(row.shape, Shape::List(_)) {
            prop_assert!(ncp.store.items(row.id).count() <= shape::ITEMS_MAX + 8);
            prop_assert!(ncp
                .store
                .items(row.id)
                .all(|item| item.len() <= shape::ITEM_MAX));
        } else {
            prop_assert!(ncp.store.value(row.id).len() <= FRAME_MAX);
        }
    }
    Ok(())
}

proptest! {
    // Each case is a session of many frames.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn noise_is_harmless(frames in prop::collection::vec(
        prop::collection::vec(any::<u8>(), 0..64), 0..40,
    )) {
        let mut ncp = ncp();
        for frame in frames {
            ncp.receive(START, &frame);
            check_bounds(&ncp)?;
        }
        said(&mut ncp, START);
    }

    #[test]
    fn sense_is_harmless(
        frames in prop::collection::vec((command(), 0..500u64, any::<bool>()), 0..120),
    ) {
        let (mut ncp, mut now) = leader();
        for (frame, ms, listen) in frames {
            now = now + Duration::from_millis(ms);
            ncp.receive(now, &frame);
            check_bounds(&ncp)?;
            if let Some(cause) = ncp.take_reset_request() {
                ncp.reset(now, cause);
            }
            if listen {
                said(&mut ncp, now);
            }
        }
        // What it says at last is finite, and Spinel.
        for frame in said(&mut ncp, now) {
            prop_assert_eq!(octets(&frame)[0] >> 6, 2);
        }
    }

    /// Every command with a TID has one reply, if the host listens.
    #[test]
    fn one_command_one_reply(mut frame in command(), tid in 1..16u8) {
        let (mut ncp, now) = leader();
        frame[0] = 0x80 | tid;
        ncp.receive(now, &frame);
        if ncp.take_reset_request().is_none() {
            let replies = said(&mut ncp, now);
            let own = replies.iter().filter(|reply| octets(reply)[0] == frame[0]);
            prop_assert_eq!(own.count(), 1);
        }
    }
}
