//! What is not network: several properties at once, memory, pins, random numbers, jam detection,
//! datasets, the manufacturing command line; and what happens when the host falls behind.

use super::*;
use crate::sim::radio::{Ether, Medium, Surroundings};

/// §1.5.
#[test]
fn several_properties_in_one_command() {
    let mut ncp = ncp();
    let frames = ask(&mut ncp, "81 15 01 03 40");
    assert_eq!(
        frames,
        ["81 17 03 00 01 04 03 02 00 03 03 02 00 40 00"],
        "in the order of the request"
    );
    exchange(&mut ncp, "81 15 0A 03", "81 17 02 00 00 0D 02 00 03 03");
    exchange(
        &mut ncp,
        "82 16 02 00 21 0B 03 00 36 CE FA",
        "82 17 02 00 21 0B 03 00 36 CE FA",
    );
    // It stops after the first failure.
    exchange(
        &mut ncp,
        "82 16 02 00 21 0C 02 00 21 28 03 00 36 CE FB",
        "82 17 02 00 21 0C 02 00 00 03",
    );
    exchange(&mut ncp, "81 02 36", "81 06 36 CE FA");
    // What has no value answers OK and goes on.
    exchange(
        &mut ncp,
        "82 16 03 00 80 0A 01 02 00 21 0D",
        "82 17 02 00 00 00 02 00 21 0D",
    );
    exchange(&mut ncp, "81 16 09 00 21 0B", "81 06 00 09");
    exchange(&mut ncp, "81 15 80", "81 06 00 09");
    exchange(&mut ncp, "81 15", "81 17");
    // An answer that would be longer than a frame is none.
    let many = format!("81 15{}", " 66".repeat(200));
    ask(&mut ncp, "81 03 41 01");
    exchange(&mut ncp, &many, "81 06 00 0B");
}

/// §1.5.
#[test]
fn memory_is_read_and_written() {
    let mut ncp = ncp();
    exchange(
        &mut ncp,
        "83 12 00 00 00 20 04 00",
        "83 13 00 00 00 20 04 00 00 00 00 00",
    );
    exchange(&mut ncp, "84 14 00 00 00 20 02 00 AA 55", "84 06 00 00");
    exchange(
        &mut ncp,
        "83 12 00 00 00 20 04 00",
        "83 13 00 00 00 20 04 00 AA 55 00 00",
    );
    exchange(
        &mut ncp,
        "83 12 FF FF 00 20 01 00",
        "83 13 FF FF 00 20 01 00 00",
    );
    for (frame, reply) in [
        ("83 12 00 00 01 20 01 00", "83 06 00 03"),
        ("83 12 FF FF FF 1F 01 00", "83 06 00 03"),
        ("83 12 FF FF FF FF FF FF", "83 06 00 03"),
        ("83 12 00 00 00 20 FF FF", "83 06 00 03"),
        ("84 14 FF FF 00 20 02 00 AA 55", "84 06 00 03"),
        ("84 14 00 00 00 20 03 00 AA 55", "84 06 00 09"),
        ("83 12 00 00 00 20 04", "83 06 00 09"),
    ] {
        exchange(&mut ncp, frame, reply);
    }
}

#[test]
fn pins_are_listed_set_and_configured() {
    let mut ncp = ncp();
    exchange(
        &mut ncp,
        "85 02 80 20",
        "85 06 80 20 06 00 00 80 4C 45 44 00 09 00 01 58 42 55 54 54 4F 4E 00 07 00 02 00 50 49 4E 32 00",
    );
    // The button's pull-up is high; nobody presses it.
    exchange(&mut ncp, "87 02 82 20", "87 06 82 20 40");
    exchange(&mut ncp, "86 03 83 20 80", "86 06 00 00");
    exchange(&mut ncp, "87 02 82 20", "87 06 82 20 C0");
    exchange(&mut ncp, "86 03 84 20 80", "86 06 00 00");
    exchange(&mut ncp, "86 03 82 20 FF", "86 06 82 20 C0");
    // The third becomes an output; the reserved bits do not stay.
    exchange(&mut ncp, "86 04 80 20 02 87 00", "86 07 80 20 02 87 00");
    assert!(ask(&mut ncp, "85 02 80 20")[0].contains(" 02 80 50 49"));
    exchange(&mut ncp, "86 03 83 20 20", "86 06 00 00");
    exchange(&mut ncp, "87 02 82 20", "87 06 82 20 E0");
    exchange(&mut ncp, "86 04 80 20 03 80 00", "86 06 00 03");
    exchange(&mut ncp, "86 04 80 20 02", "86 06 00 09");
}

#[test]
fn random_numbers_are_new_each_time() {
    let mut ncp = ncp();
    for (frame, octets) in [("81 02 85 20", 4), ("81 02 86 20", 16), ("81 02 87 20", 4)] {
        let (one, other) = (ask(&mut ncp, frame), ask(&mut ncp, frame));
        assert_eq!(one[0].len(), 3 * (4 + octets) - 1);
        assert_ne!(one, other);
    }
}

#[test]
fn a_threshold_below_the_noise_finds_a_jam() {
    let mut ncp = ncp();
    let at = Instant::from_millis;
    // -96 dBm, three seconds; the level is -95 dBm.
    ask(&mut ncp, "81 03 82 24 A0");
    ask(&mut ncp, "81 03 84 24 03");
    ask_at(&mut ncp, at(1_000), "81 03 80 24 01");
    assert!(said(&mut ncp, at(1_000)).is_empty());
    let due = ncp.poll_timeout().unwrap();
    assert_eq!(due, at(4_000));
    assert!(said(&mut ncp, at(3_999)).is_empty());
    assert_eq!(said(&mut ncp, due), ["80 06 81 24 01"]);
    assert_eq!(ncp.poll_timeout(), None);
    let history = ask_at(&mut ncp, due, "81 02 85 24");
    assert_eq!(history, ["81 06 85 24 07 00 00 00 00 00 00 00"]);
    let frames = ask_at(&mut ncp, due, "81 03 80 24 00");
    assert_eq!(frames, ["81 06 80 24 00", "80 06 81 24 00"]);
}

#[test]
fn a_dataset_as_tlvs_comes_back_and_is_kept() {
    let mut ncp = ncp();
    let tlvs = "00 03 00 00 14 01 02 12 34 02 08 01 02 03 04 05 06 07 08 03 03 41 42 43 \
                05 10 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 07 08 FD 01 02 03 04 05 00 00 63 01 FF";
    let frames = ask(&mut ncp, &format!("81 03 BC 2A {tlvs}"));
    assert_eq!(frames[0], format!("81 06 BC 2A {tlvs}"));
    exchange(&mut ncp, "81 02 40", "81 06 40 01");
    exchange(&mut ncp, "81 02 21", "81 06 21 14");
    exchange(&mut ncp, "81 02 36", "81 06 36 34 12");
    exchange(&mut ncp, "81 02 44", "81 06 44 41 42 43 00");
    // What it says is what it takes.
    let own = frames[0].replacen(" 06 ", " 03 ", 1);
    assert_eq!(ask(&mut ncp, &own)[0], frames[0]);
    ncp.reset(START, ResetCause::Software);
    said(&mut ncp, START);
    assert_eq!(ask(&mut ncp, "81 02 BC 2A")[0], frames[0]);
    for wrong in ["00 03 00 00", "00 02 00 14", "05 01 00", "00 03 00 00 28"] {
        exchange(&mut ncp, &format!("81 03 BC 2A {wrong}"), "81 06 00 03");
    }
    exchange(&mut ncp, "81 02 21", "81 06 21 14");
    // A new one each time.
    let (one, other) = (ask(&mut ncp, "81 02 A8 2A"), ask(&mut ncp, "81 02 A8 2A"));
    assert_ne!(one, other);
}

#[test]
fn the_manufacturing_command_line_answers() {
    let mut ncp = ncp();
    // "echo hi"
    exchange(
        &mut ncp,
        "81 03 C0 77 65 63 68 6F 20 68 69 00",
        "81 06 C0 77 68 69 00",
    );
    let version = ask(&mut ncp, "81 03 C0 77 76 65 72 73 69 6F 6E 00");
    assert!(version[0].starts_with("81 06 C0 77 53 50 49 4E 45 4C"));
    exchange(&mut ncp, "81 03 C0 77 41", "81 06 00 09");
    exchange(&mut ncp, "81 02 C0 77", "81 06 00 0D");
}

#[test]
fn joins_nobody_by_pskd_without_a_radio() {
    let mut ncp = ncp();
    let start = "81 03 81 01 01 4A 30 31 4E 4D 45 00";
    exchange(&mut ncp, start, "81 06 00 04");
    ask(&mut ncp, "81 03 41 01");
    exchange(&mut ncp, start, "81 06 00 00");
    exchange(&mut ncp, start, "81 06 00 0C");
    exchange(&mut ncp, "81 02 80 01", "81 06 80 01 01");
    let mut now = START;
    while let Some(at) = ncp.poll_timeout() {
        now = at;
        ncp.poll(now);
    }
    assert_eq!(said(&mut ncp, now), ["80 06 00 6A"]);
    assert_eq!(ask_at(&mut ncp, now, "81 02 80 01"), ["81 06 80 01 00"]);
    // Too short, and with a letter that is none.
    for pskd in ["41 42 43", "4A 30 31 4E 4D 4F"] {
        let start = format!("81 03 81 01 01 {pskd} 00");
        assert_eq!(ask_at(&mut ncp, now, &start), ["81 06 00 03"]);
    }
    assert_eq!(ask_at(&mut ncp, now, "81 03 81 01 00"), ["81 06 00 00"]);
}

#[test]
fn leaving_gracefully_is_told_when_it_is_done() {
    let (mut ncp, at) = leader();
    let frames = ask_at(&mut ncp, at, "81 03 4C");
    assert_eq!(frames[0], "81 06 4C");
    assert!(frames.contains(&"80 06 4C".to_owned()), "{frames:?}");
    assert!(frames.contains(&"80 06 43 04".to_owned()), "{frames:?}");
}

/// A host that fetches nothing stops the radio for a moment; then packets are lost, and it is told.
#[test]
fn a_host_that_fetches_nothing_loses_packets() {
    let ether = Ether::perfect();
    let mut ncps: Vec<_> = (0..2)
        .map(|salt| {
            let surroundings = Surroundings {
                medium: Some(Box::new(ether.radio())),
                salt,
                ..Surroundings::default()
            };
            Ncp::with(1, Variant::easy(), surroundings)
        })
        .collect();
    let mut now = START;
    for ncp in &mut ncps {
        ask_at(ncp, now, "81 03 36 CE FA");
        ask_at(
            ncp,
            now,
            "81 03 46 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F",
        );
        ask_at(ncp, now, "81 03 41 01");
    }
    ask_at(&mut ncps[0], now, "81 03 42 01");
    for _ in 0..800 {
        now = now + Duration::from_millis(10);
        ncps.iter_mut().for_each(|ncp| drop(said(ncp, now)));
        if now == Instant::from_millis(3_000) {
            ask_at(&mut ncps[1], now, "81 03 42 01");
        }
    }
    let (from, to): (Ipv6, Ipv6) = (field(&ncps[0], IPV6_ML_ADDR), field(&ncps[1], IPV6_ML_ADDR));
    for _ in 0..PACKETS_MAX + 4 {
        ncps[0].receive(now, &ping(0x80, &from, &to));
    }
    ncps[1].poll(now);
    assert_eq!(ncps[1].packets.len(), PACKETS_MAX);
    let until = ncps[1].poll_timeout().unwrap();
    assert!(until > now && until <= now + Duration::from_millis(200));
    assert_eq!(ncps[1].store.uint32(CNTR_RX_IP_DROPPED), 0);
    ncps[1].poll(until);
    assert_eq!(ncps[1].store.uint32(CNTR_RX_IP_DROPPED), 4);
    assert!(ncps[1].poll_timeout().map_or(true, |at| at > until));
    let frames = said(&mut ncps[1], until);
    assert!(frames.contains(&"80 06 00 0B".to_owned()));
}

/// A channel that is always busy.
#[derive(Debug)]
struct Jammed;

impl Medium for Jammed {
    fn send(&mut self, _now: Instant, _frame: &[u8]) -> bool {
        false
    }

    fn receive(&mut self, _now: Instant, _buf: &mut [u8]) -> Option<usize> {
        None
    }
}

#[test]
fn a_busy_channel_makes_the_host_wait() {
    let surroundings = Surroundings {
        medium: Some(Box::new(Jammed)),
        ..Surroundings::default()
    };
    let mut ncp = Ncp::with(1, Variant::easy(), surroundings);
    ask(&mut ncp, "81 03 41 01");
    ask(&mut ncp, "81 03 42 01");
    let mut now = START;
    while !ncp.net.is_attached() {
        now = now + Duration::from_millis(10);
        said(&mut ncp, now);
    }
    assert!(ncp.is_ready());
    let from: Ipv6 = field(&ncp, IPV6_ML_ADDR);
    let group: Ipv6 = [0xFF, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let mut taken = 0;
    while ncp.is_ready() {
        ncp.receive(now, &ping(0x80, &from, &group));
        taken += 1;
        assert!(taken < 100);
    }
    let at = ncp.poll_timeout().unwrap();
    assert!(at > now && at <= now + Duration::from_millis(1));
    for _ in 0..300 {
        now = now + Duration::from_secs(2);
        ncp.poll(now);
    }
    assert_eq!(ncp.air.waiting(), super::super::thread::air::OUT_LIMIT);
    assert!(ncp.store.uint32(CNTR_TX_ERR_CCA) > 0);
}
