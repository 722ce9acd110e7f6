//! What is sent, in which order.

use super::*;
use crate::ctl::request::{Filter, Prefix, RandomKind, ResetKind};
use crate::time::Duration;

/// Protocol §7.6.
#[test]
fn scans() {
    let known = known(State::Offline);
    let active = Request::Scan(scan_for(ScanKind::Active));
    assert_eq!(
        steps(&active, &known),
        [
            "03 31 0B 0C 0D 0E 0F 10 11 12 13 14 15 16 17 18 19 1A",
            "03 32 C8 00",
            "03 30 01",
            "wait ScanEnds 18.2s"
        ]
    );
    assert!(undo(&active, &known).is_empty());
    let energy = Request::Scan(Scan {
        channels: Some(1 << 11 | 1 << 26),
        ..scan_for(ScanKind::Energy)
    });
    assert_eq!(
        steps(&energy, &known),
        [
            "03 31 0B 1A",
            "03 32 C8 00",
            "03 30 02",
            "wait ScanEnds 15.4s"
        ]
    );
    let radio = known_with(State::Offline, &[34]);
    assert_eq!(
        steps(&energy, &radio),
        [
            "03 31 0B",
            "03 32 C8 00",
            "03 30 02",
            "wait ScanEnds 15.2s",
            "03 31 1A",
            "03 30 02",
            "wait ScanEnds 15.2s"
        ]
    );
    assert_eq!(steps(&Request::ScanStop, &known), ["03 30 00 ?"]);
}

#[test]
fn discovery_needs_the_interface_and_puts_it_back() {
    let request = Request::Scan(Scan {
        channels: Some(1 << 11),
        joinable: true,
        panid: Some(0xFACE),
        ..scan_for(ScanKind::Discover)
    });
    let mut known = known(State::Offline);
    assert_eq!(
        steps(&request, &known),
        [
            "03 31 0B",
            "03 93 2A 01",
            "03 94 2A 00 ?",
            "03 95 2A CE FA",
            "03 41 01 ~",
            "03 32 C8 00",
            "03 30 03",
            "wait ScanEnds 15.2s",
            "03 41 00 ?"
        ]
    );
    assert_eq!(undo(&request, &known), ["03 41 00"]);
    known.remember(Property::NET_IF_UP, &[1]);
    let steps = steps(&request, &known);
    assert!(!steps.iter().any(|step| step.starts_with("03 41")));
    assert!(undo(&request, &known).is_empty());
}

/// Protocol §7.11.
#[test]
fn sniff() {
    let request = Request::Sniff {
        channel: Some(15),
        promiscuous: true,
    };
    // MAC_RAW, then PCAP as today's firmware has it (protocol §7.11).
    let radio = known_with(State::Offline, &[513, 14]);
    let channel = ["03 21 0F"];
    let raw_stream = ["03 37 01", "undo 03 37 00"];
    let mode = ["03 38 02", "undo 03 38 00"];
    let radio_on = ["03 20 01", "undo 03 20 00"];
    let copies = ["03 28 01", "undo 03 28 00"];
    let detour = [
        &radio_on[..],
        &["03 38 02", "03 20 00", "undo 03 38 00", "undo 03 20 01"],
    ]
    .concat();
    let up = ["03 41 01 ~", "undo 03 41 00"];
    assert_eq!(
        ways(&request, &radio),
        [
            [&raw_stream[..], &radio_on, &channel, &mode].concat(),
            [&mode[..], &raw_stream, &radio_on, &channel].concat(),
            [&detour[..], &channel, &["undo 03 21 0B"], &copies, &up].concat(),
        ]
    );
    let same = Request::Sniff {
        channel: None,
        promiscuous: true,
    };
    assert_eq!(
        ways(&same, &radio),
        [
            [&raw_stream[..], &radio_on, &["03 21 0B"], &mode].concat(),
            [mode, raw_stream, radio_on].concat(),
            [&detour[..], &copies, &up].concat(),
            copies.to_vec(),
        ]
    );
    let interface = ["03 28 01 ?", "undo 03 28 00", "03 41 01 ~", "undo 03 41 00"];
    assert_eq!(
        ways(&request, &known(State::Offline)),
        [[
            &channel[..],
            &["undo 03 21 0B"],
            &mode,
            &raw_stream,
            &interface
        ]
        .concat()]
    );
    // There a change of the channel would cost the network.
    let mut stored = self::known(State::Commissioned);
    stored.remember(Property::NET_SAVED, &[1]);
    assert!(refusal(&request, &stored).message.contains("forgets"));
    assert_eq!(ways(&same, &stored).len(), 1);
    stored.remember(Property::CAPS, &[0x81, 4]);
    assert_eq!(ways(&request, &stored).len(), 2);
}

/// The steps of each way, without the row that says which it is.
fn ways(request: &Request, known: &Known) -> Vec<Vec<String>> {
    let mut ways = Vec::new();
    let mut next = Some(Box::new(script(request, known, &CONTEXT).unwrap()));
    while let Some(way) = next {
        let mut steps: Vec<_> = way.steps.iter().map(show_step).collect();
        assert_eq!(steps.pop().as_deref(), Some("Sniff"));
        assert!(steps.pop().is_some_and(|row| row.contains("way")));
        ways.push(steps);
        next = way.otherwise;
    }
    ways
}

#[test]
fn sniffing_a_network_leaves_it_alone() {
    let request = Request::Sniff {
        channel: Some(11),
        promiscuous: false,
    };
    let mut known = known_with(State::Associated, &[513, 14]);
    known.remember(Property::NET_IF_UP, &[1]);
    let old = ["03 38 01", "undo 03 38 00", "03 37 01", "undo 03 37 00"];
    let copies = vec!["03 28 01", "undo 03 28 00"];
    assert_eq!(ways(&request, &known), [copies, old.to_vec()]);
    let mut known = known_with(State::Associated, &[513]);
    known.remember(Property::NET_IF_UP, &[1]);
    assert_eq!(ways(&request, &known), [old]);
}

/// Protocol §3.16.
#[test]
fn network_data() {
    let known = known_with(State::Associated, &caps_and(&[1029]));
    let prefix = "2001:db8:3::1:2:3:4".parse().unwrap();
    let digits = "20 01 0D B8 00 03 00 00 00 00 00 00 00 00 00 00 40";
    let add = Request::AddPrefix(Prefix {
        prefix,
        bits: 64,
        stable: true,
        flags: 0x31,
    });
    assert_eq!(
        steps(&add, &known),
        [
            "03 5D 01".into(),
            format!("04 5A {digits} 01 31 ~"),
            "03 5D 00".into()
        ]
    );
    assert_eq!(undo(&add, &known), ["03 5D 00"]);
    assert_eq!(
        steps(&Request::RemovePrefix { prefix, bits: 64 }, &known)[1],
        format!("05 5A {digits} ~")
    );
    let route = Request::AddRoute {
        prefix,
        bits: 0,
        stable: true,
        preference: 0,
    };
    assert_eq!(
        steps(&route, &known)[1],
        "04 5B 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00 ~"
    );
    assert_eq!(
        steps(&Request::RemoveRoute { prefix, bits: 64 }, &known)[1],
        format!("05 5B {digits} ~")
    );
    let service = Request::AddService {
        enterprise: 44970,
        service: vec![0x5D],
        stable: true,
        server: vec![1],
    };
    assert_eq!(
        steps(&service, &known),
        [
            "03 A0 01 01",
            "04 A1 01 AA AF 00 00 01 00 5D 01 01 00 01 ~",
            "03 A0 01 00"
        ]
    );
    let gone = Request::RemoveService {
        enterprise: 44970,
        service: vec![0x5D],
    };
    assert_eq!(steps(&gone, &known)[1], "05 A1 01 AA AF 00 00 01 00 5D ~");
}

#[test]
fn route_preferences_are_two_bits() {
    let known = known(State::Associated);
    for (preference, flags) in [(1, "40"), (-1, "C0")] {
        let request = Request::AddRoute {
            prefix: "fd00::".parse().unwrap(),
            bits: 8,
            stable: false,
            preference,
        };
        let insert = steps(&request, &known)[1].clone();
        assert!(insert.ends_with(&format!("08 00 {flags} ~")), "{insert}");
    }
}

/// Protocol §7.10.
#[test]
fn power() {
    let with = known_with(State::Associated, &[13]);
    assert_eq!(
        steps(&Request::Sleep, &with),
        [
            "03 42 00 ?",
            "03 41 00 ?",
            "03 0D 01",
            "FallAsleep { was_up: true }",
            "pause 500ms"
        ]
    );
    // PHY_ENABLED is left alone: it locks the stack out.
    assert_eq!(
        steps(&Request::Sleep, &known(State::Offline))[2],
        "FallAsleep { was_up: false }"
    );
    assert_eq!(
        steps(&Request::Wake, &known_with(State::DeepSleep, &[13])),
        ["00", "03 0D 00", "WakeUp"]
    );
    assert_eq!(
        steps(&Request::Wake, &known(State::DeepSleep)),
        ["00", "WakeUp"]
    );
    assert_eq!(steps(&Request::HostSleep, &with), ["03 0C 03"]);
    assert_eq!(steps(&Request::HostDidWake, &with), ["00"]);
    for request in [Request::HostSleep, Request::HostDidWake] {
        assert!(steps(&request, &known(State::DeepSleep)).is_empty());
    }
    assert_eq!(
        steps(&Request::Poll, &with),
        ["02 72 |", "wait Value(Property(114)) 0ns"]
    );
}

#[test]
fn resets() {
    let known = known_with(State::Associated, &[66]);
    let steps = |kind| steps(&Request::Reset(kind), &known);
    assert_eq!(steps(ResetKind::Soft), ["Soft(None)"]);
    assert_eq!(steps(ResetKind::Hard), ["Hard"]);
    assert_eq!(steps(ResetKind::Bootloader), ["Soft(Some(3))"]);
    assert_eq!(
        steps(ResetKind::Factory),
        [
            "03 42 00 ?",
            "03 41 00 ?",
            "0A",
            "retain Forget",
            "Soft(None)"
        ]
    );
    for state in [State::Uninitialized, State::Fault, State::DeepSleep] {
        let request = Request::Reset(ResetKind::Hard);
        assert_eq!(super::steps(&request, &known_with(state, &[])), ["Hard"]);
    }
}

/// Protocol §1.5, §3.14, §3.15, §3.16.
#[test]
fn the_device() {
    let known = known_with(State::Offline, &caps_and(&[6, 7, 9, 10]));
    let steps = |request| steps(&request, &known);
    assert_eq!(
        steps(Request::Peek {
            address: 0x2000_0000,
            count: 4
        }),
        ["12 00 00 00 20 04 00"]
    );
    assert_eq!(
        steps(Request::Poke {
            address: 0x2000_0000,
            octets: vec![0xAA, 0x55]
        }),
        ["14 00 00 00 20 02 00 AA 55"]
    );
    assert_eq!(steps(Request::Random(RandomKind::Bits32)), ["02 85 20"]);
    assert_eq!(steps(Request::Random(RandomKind::Bits128)), ["02 86 20"]);
    assert_eq!(steps(Request::Random(RandomKind::Raw)), ["02 87 20"]);
    assert_eq!(steps(Request::GpioList), ["02 80 20", "02 82 20"]);
    let gpio = |number, high| steps(Request::GpioSet { number, high });
    assert_eq!(gpio(0, true), ["03 83 20 80"]);
    assert_eq!(gpio(10, false), ["03 84 20 00 20"]);
    assert!(gpio(255, true)[0].ends_with("00 00 01"));
    assert_eq!(
        steps(Request::GpioConfigure {
            number: 1,
            flags: 0x50
        }),
        ["04 80 20 01 50 00"]
    );
    assert_eq!(steps(Request::JamEnable(true)), ["03 80 24 01"]);
    assert_eq!(steps(Request::JamStatus).len(), 6);
    assert_eq!(steps(Request::Mfg("a b".into())), ["03 C0 77 61 20 62 00"]);
    assert_eq!(steps(Request::Upgrade), ["Upgrade"]);
}

#[test]
fn filters() {
    let known = known(State::Offline);
    let steps = |request| steps(&request, &known);
    let eui64 = [0, 0x12, 0x4B, 0, 1, 2, 3, 4];
    let digits = "00 12 4B 00 01 02 03 04";
    assert_eq!(
        steps(Request::FilterAdd(Filter::Allow, eui64, None)),
        [format!("04 80 26 {digits} 7F ~")]
    );
    assert_eq!(
        steps(Request::FilterAdd(Filter::Allow, eui64, Some(-70))),
        [format!("04 80 26 {digits} BA ~")]
    );
    assert_eq!(
        steps(Request::FilterAdd(Filter::Deny, eui64, None)),
        [format!("04 86 26 {digits} ~")]
    );
    assert_eq!(
        steps(Request::FilterRemove(Filter::Allow, eui64)),
        [format!("05 80 26 {digits} ~")]
    );
    assert_eq!(
        steps(Request::FilterEnable(Filter::Deny, true)),
        ["03 87 26 01"]
    );
    assert_eq!(
        steps(Request::FilterShow(Filter::Allow)),
        ["02 81 26", "02 80 26"]
    );
}

#[test]
fn commissioner() {
    let known = known_with(State::Associated, &[1024]);
    let steps = |request| steps(&request, &known);
    let eui64 = Some([0, 0x12, 0x4B, 0, 1, 2, 3, 4]);
    assert_eq!(
        steps(Request::Commissioner(true)),
        ["03 82 01 02 |", "03 90 2A 01 ~", "02 82 01 ?"]
    );
    assert_eq!(
        steps(Request::Commissioner(false)),
        ["03 82 01 00 |", "03 90 2A 00 ~"]
    );
    let add = |eui64| Request::CommissionerAdd {
        eui64,
        pskd: "J01NME".into(),
        timeout: Duration::from_secs(120),
    };
    assert_eq!(
        steps(add(eui64)),
        [
            "02 82 01 ?",
            "04 83 01 08 00 00 12 4B 00 01 02 03 04 78 00 00 00 4A 30 31 4E 4D 45 00 |",
            "04 8F 2A 4A 30 31 4E 4D 45 00 78 00 00 00 00 12 4B 00 01 02 03 04"
        ]
    );
    assert_eq!(
        steps(add(None)),
        [
            "02 82 01 ?",
            "04 83 01 00 00 78 00 00 00 4A 30 31 4E 4D 45 00 |",
            "04 8F 2A 4A 30 31 4E 4D 45 00 78 00 00 00"
        ]
    );
    assert_eq!(
        steps(Request::CommissionerRemove { eui64 }),
        ["02 82 01 ?", "05 83 01 08 00 00 12 4B 00 01 02 03 04 ~"]
    );
}

#[test]
fn counters() {
    let show = Request::Counters { clear: false };
    let all = steps(&show, &known(State::Offline));
    // 45 single counters and four groups; the histogram is a capability of its own.
    assert_eq!(all.len(), 49);
    assert_eq!(all[0], "02 81 0A ?");
    assert_eq!(all[45], "02 90 0D ?");
    let with = known_with(State::Offline, &[5, 524]);
    assert_eq!(steps(&show, &with).len(), 50);
    for request in [show, Request::Counters { clear: true }] {
        for state in [State::Fault, State::DeepSleep] {
            assert!(steps(&request, &known(state)).is_empty());
        }
        assert!(steps(&request, &known_with(State::Offline, &[])).is_empty());
    }
    assert_eq!(
        steps(&Request::Counters { clear: true }, &known(State::Offline)),
        [
            "03 91 0D 01 ?",
            "03 92 0D 01 ?",
            "03 93 0D 01 ?",
            "03 80 0A 01"
        ]
    );
}

#[test]
fn properties() {
    let known = known(State::Offline);
    let steps = |request| steps(&request, &known);
    assert_eq!(steps(Request::Get(Property::NET_ROLE)), ["02 43"]);
    assert_eq!(
        steps(Request::Set(Property::PHY_CHAN, vec![11])),
        ["03 21 0B"]
    );
    assert_eq!(
        steps(Request::Insert(Property::UNSOL_UPDATE_FILTER, vec![0x70])),
        ["04 88 20 70"]
    );
    assert_eq!(
        steps(Request::Remove(Property::UNSOL_UPDATE_FILTER, vec![0x52])),
        ["05 88 20 52"]
    );
    // What is not known is carried through.
    assert_eq!(
        steps(Request::Set(Property(15_360), vec![1, 2])),
        ["03 80 78 01 02"]
    );
    // An array that is empty, and a tail that is missing.
    assert_eq!(
        steps(Request::Set(Property::CNTR_ALL_IP_COUNTERS, vec![])).len(),
        1
    );
    assert_eq!(
        steps(Request::Remove(
            Property::IPV6_ADDRESS_TABLE,
            vec![0xFD; 16]
        ))
        .len(),
        1
    );
}
