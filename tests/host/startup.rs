//! The handshake, failing it, and the firmware gate (protocol §7.3, §7.12).

use crate::host_world::octets;
use crate::host_world::Trace;
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::request::ResetKind;
use spinel_bridge::ctl::Answer;
use spinel_bridge::ctl::Code;
use spinel_bridge::ctl::Request;
use spinel_bridge::host::known::State;
use spinel_bridge::host::Service;
use spinel_bridge::host::ServiceDone;
use spinel_bridge::host::Settings;
use spinel_bridge::time::Duration;
use spinel_bridge::wire::ids::Property;

#[test]
fn the_handshake_asks_step_by_step() {
    let mut trace = Trace::new(Settings::default());
    trace.quiet();
    trace.at(99);
    trace.quiet();
    trace.at(100);
    trace.exchange("81 02 01", "81 06 01 04 03");
    trace.exchange("82 02 02", "82 06 02 53 50 49 4E 45 4C 00");
    trace.exchange("83 02 03", "83 06 03 03");
    trace.exchange("84 02 04", "84 06 04 00");
    trace.exchange("85 02 05", "85 06 05 05 0C 18 20 30 35 80 04 84 08");
    trace.exchange("86 02 08", "86 06 08 00 12 4B 00 01 02 03 04");
    trace.exchange("87 02 42", "87 06 42 00");
    trace.exchange("88 02 40", "88 06 40 00");
    trace.exchange("89 02 41", "89 06 41 00");
    trace.exchange("8A 02 43", "8A 06 43 00");
    let mut asked = Vec::new();
    while let Some(frame) = trace.frame() {
        trace.quiet();
        asked.push(u32::from(frame[2]));
        trace.refuse(&frame, 13);
        if trace.host.known().state != State::Uninitialized {
            break;
        }
    }
    // 5377 is packed as 81 2A. Last the filter of updates, 4104 or 88 20, is cleared.
    let order = [
        33, 34, 41, 54, 52, 70, 71, 68, 69, 96, 97, 99, 102, 90, 91, 92, 94, 72, 98, 0x81, 0x88,
    ];
    assert_eq!(asked, order);
    assert_eq!(trace.host.known().state, State::Offline);
    assert_eq!(trace.states(), ["offline"]);
    trace.quiet();
}

#[test]
fn net_recall_only_with_its_capability() {
    let mut trace = Trace::new(Settings::default());
    trace.at(100);
    trace.exchange("81 02 01", "81 06 01 04 03");
    trace.exchange("82 02 02", "82 06 02 53 00");
    trace.exchange("83 02 03", "83 06 03 03");
    trace.exchange("84 02 04", "84 06 04 00");
    trace.exchange("85 02 05", "85 06 05 02");
    trace.exchange("86 02 08", "86 06 08 00 12 4B 00 01 02 03 04");
    trace.exchange("87 0B", "87 06 00 00");
    trace.expect("88 02 42");
}

/// A handshake up to the properties of the network, with a co-processor that has CMD_MULTI (11).
fn asks_for_many() -> Trace {
    let mut trace = Trace::new(Settings::default());
    trace.at(100);
    trace.exchange("81 02 01", "81 06 01 04 03");
    trace.exchange("82 02 02", "82 06 02 53 00");
    trace.exchange("83 02 03", "83 06 03 03");
    trace.exchange("84 02 04", "84 06 04 00");
    trace.exchange("85 02 05", "85 06 05 0B");
    trace.exchange("86 02 08", "86 06 08 00 12 4B 00 01 02 03 04");
    trace
}

/// What is asked for next, until the handshake is over; everything is refused.
fn asked_singly(trace: &mut Trace) -> Vec<u8> {
    let mut asked = Vec::new();
    while trace.host.known().state == State::Uninitialized {
        let frame = trace.frame().expect("a question");
        assert_eq!(frame[1], 2);
        asked.push(frame[2]);
        trace.refuse(&frame, 13);
    }
    asked
}

#[test]
fn many_properties_are_asked_for_at_once_where_that_is_possible() {
    let mut trace = asks_for_many();
    trace.exchange(
        "87 15 42 40 41 43",
        "87 17 02 00 42 00 02 00 40 01 02 00 41 00 02 00 43 00",
    );
    // The channel and the name come, the rest is not there (13), but for two: one cannot be had this way (21), and
    // one had no room (11).
    let question = "88 15 21 22 29 36 34 46 47 44 45 60 61 5E 48 62 81 2A";
    let absent = "02 00 00 0D ";
    let answer = [
        "88 17 02 00 21 0F ",
        &absent.repeat(6),
        "06 00 44 4E 61 6D 65 00 ",
        "02 00 00 15 02 00 00 0B ",
        &absent.repeat(5),
    ]
    .concat();
    trace.exchange(question, answer.trim());
    // Those, then the lists.
    assert_eq!(
        asked_singly(&mut trace),
        [0x45, 0x60, 99, 102, 90, 91, 92],
        "{:x?}",
        trace.sent
    );
    let known = trace.host.known();
    assert_eq!(known.uint8(Property::PHY_CHAN), Some(15));
    assert_eq!(
        known.text(Property::NET_NETWORK_NAME).as_deref(),
        Some("Name")
    );
    assert_eq!(known.state, State::Commissioned);
}

#[test]
fn who_cannot_tell_many_properties_at_once_is_asked_for_each() {
    for (answer, left) in [
        // INVALID_COMMAND, as OpenThread says; INVALID_ARGUMENT; another command.
        ("87 06 00 09", &[0x42, 0x40, 0x41, 0x43][..]),
        ("87 06 00 03", &[0x42, 0x40, 0x41, 0x43]),
        ("87 06 42 00", &[0x42, 0x40, 0x41, 0x43]),
        // Nothing, too little, one that was not asked for, one that runs past the end.
        ("87 17", &[0x42, 0x40, 0x41, 0x43]),
        ("87 17 02 00 42 00 02 00 40 00", &[0x41, 0x43]),
        ("87 17 02 00 42 00 02 00 43 00", &[0x40, 0x41, 0x43]),
        ("87 17 02 00 42 00 09 00 40 00", &[0x40, 0x41, 0x43]),
        ("87 17 02 00 42 00 00 00", &[0x40, 0x41, 0x43]),
    ] {
        let mut trace = asks_for_many();
        trace.exchange("87 15 42 40 41 43", answer);
        for property in left {
            let frame = trace.frame().expect("a question");
            assert_eq!(frame[1..], [2, *property], "{answer}");
            trace.host.deliver(&[frame[0], 6, *property, 0]);
        }
        let frame = trace.frame().expect("a question");
        assert_eq!(frame[1], 0x15, "{answer}");
        trace.refuse(&frame, 9);
        assert_eq!(asked_singly(&mut trace).len(), 20, "{answer}");
        assert_eq!(trace.host.known().state, State::Offline, "{answer}");
    }
}

#[test]
fn what_cannot_be_talked_to_is_a_fault() {
    for (answers, reason) in [
        (&["81 06 01 03 00"][..], "speaks Spinel 3"),
        (&["81 06 01 04 01", "82 06 02 00"], "no version"),
        (
            &["81 06 01 04 03", "82 06 02 53 00", "83 06 03 02"],
            "interface type is 2",
        ),
        (
            &["81 06 01 04 03", "82 06 02 53 00", "83 06 03 00"],
            "bootloader",
        ),
        (
            &[
                "81 06 01 04 03",
                "82 06 02 53 00",
                "83 06 03 03",
                "84 06 04 00",
                "85 06 05 22 19",
            ],
            "it is an RCP",
        ),
    ] {
        let mut trace = Trace::new(Settings::default());
        trace.at(100);
        for answer in answers {
            assert!(trace.frame().is_some());
            trace.send(answer);
        }
        assert_eq!(trace.host.known().state, State::Fault, "{reason}");
        let why = trace.host.known().fault.clone().unwrap();
        assert!(why.contains(reason), "{why}");
        assert!(trace.events().iter().any(|event| event.name == "fault"));
        trace.at(30_000);
        trace.quiet();
        trace.request(1, Request::Get(Property::NET_ROLE));
        assert_eq!(trace.failed(1), Some(Code::State));
        trace.request(2, Request::Reset(ResetKind::Soft));
        trace.expect("80 01");
        assert_eq!(trace.host.known().state, State::Uninitialized);
        trace.send("80 06 00 72");
        trace.handshake();
        assert_eq!(trace.answers(2), [Answer::Done]);
    }
}

#[test]
fn a_reset_at_start_is_waited_for() {
    let mut trace = Trace::new(Settings {
        reset_at_start: true,
        has_hardware_reset: true,
        ..Settings::default()
    });
    assert!(trace.host.take_reset_request());
    assert!(!trace.host.take_reset_request());
    trace.at(1_000);
    // What is left in the pipe does not count.
    trace.send("81 06 01 04 03");
    trace.quiet();
    trace.send("80 06 00 71");
    trace.at(1_099);
    trace.quiet();
    trace.at(1_100);
    trace.expect("81 02 01");
}

#[test]
fn attempts_that_fail_reset_softly_hard_softly_and_end_in_fault() {
    let mut trace = Trace::new(Settings {
        has_hardware_reset: true,
        ..Settings::default()
    });
    trace.at(100);
    trace.expect("81 02 01");
    for again in [1_100, 3_100, 7_100] {
        trace.at(again - 1);
        trace.quiet();
        trace.at(again);
        trace.expect("81 02 01");
    }
    trace.at(10_100);
    trace.quiet();
    trace.at(10_599);
    trace.quiet();
    trace.at(10_600);
    trace.expect("80 01");
    trace.quiet();
    // No notification within 5 s: the second repetition is a hard one.
    trace.at(15_600);
    trace.quiet();
    assert!(!trace.host.take_reset_request());
    trace.at(16_100);
    assert!(trace.host.take_reset_request());
    trace.quiet();
    trace.at(21_100);
    trace.at(21_600);
    trace.expect("80 01");
    trace.at(26_599);
    assert_eq!(trace.host.known().state, State::Uninitialized);
    trace.at(26_600);
    assert_eq!(trace.host.known().state, State::Fault);
    // It is looked for later: `recovery`.
    let due = trace.host.poll_timeout();
    assert_eq!(due, Some(trace.now + Duration::from_secs(30)));
}

#[test]
fn without_a_reset_line_the_hard_reset_is_a_command() {
    let mut trace = Trace::new(Settings::default());
    trace.at(100);
    trace.expect("81 02 01");
    for again in [1_100, 3_100, 7_100] {
        trace.at(again);
        trace.expect("81 02 01");
    }
    for millis in [10_600, 16_100, 21_600] {
        trace.at(millis);
        trace.expect("80 01");
    }
    assert!(!trace.host.take_reset_request());
}

#[test]
fn a_reset_during_the_handshake_begins_it_again() {
    let mut trace = Trace::new(Settings::default());
    for millis in [100, 200, 300] {
        trace.at(millis);
        trace.exchange("81 02 01", "81 06 01 04 03");
        trace.expect("82 02 02");
        trace.send("80 06 00 74");
        // A late answer to what was asked before.
        trace.send("82 06 02 53 00");
        trace.at(millis + 99);
        trace.quiet();
    }
    trace.at(400);
    trace.expect("81 02 01");
    trace.send("80 06 00 74");
    assert_eq!(trace.host.known().state, State::Fault, "the fourth");
}

#[test]
fn a_runaway_is_left_alone_for_longer_and_longer() {
    let mut trace = Trace::ready();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        trace.send("80 06 00 70");
        let due = trace.host.poll_timeout().unwrap();
        pauses.push(due.since(trace.now).as_millis());
        trace.advance(due);
        trace.handshake_now();
    }
    assert_eq!(pauses, [100, 100, 100, 100, 600, 2_100, 4_600, 8_100]);
    // One is forgotten in 15 s.
    trace.idle_for(Duration::from_secs(14 * 15));
    trace.send("80 06 00 70");
    let due = trace.host.poll_timeout().unwrap();
    assert_eq!(due.since(trace.now).as_millis(), 100);
}

#[test]
fn joining_half_way_is_reset() {
    let mut trace = Trace::new(Settings::default());
    trace.at(100);
    trace.values = vec![(66, vec![1]), (64, vec![0]), (67, vec![0])];
    trace.serve();
    assert_eq!(trace.sent.last().unwrap(), &octets("80 01"));
    trace.values.clear();
    trace.send("80 06 00 72");
    trace.handshake();
    assert_eq!(trace.host.known().state, State::Offline);
}

#[test]
fn a_running_stack_is_kept() {
    for (values, state) in [
        (&[(66, 1), (64, 1), (65, 1), (67, 3)][..], State::Associated),
        (&[(66, 1), (64, 1), (65, 1), (67, 0)], State::Associating),
        (
            &[(66, 1), (64, 1), (65, 1), (67, 0), (94, 4)],
            State::Isolated,
        ),
        (&[(66, 0), (64, 0), (67, 4)], State::Offline),
    ] {
        let mut trace = Trace::new(Settings::default());
        trace.values = values
            .iter()
            .map(|(id, value)| (*id, vec![*value]))
            .collect();
        trace.handshake();
        assert_eq!(trace.host.known().state, state);
        assert!(
            trace
                .sent
                .iter()
                .all(|frame| frame[1] == 2 || frame[1..] == [3, 0x88, 0x20]),
            "nothing but GETs, and updates are not filtered: {:02X?}",
            trace.sent
        );
    }
}

#[test]
fn a_stored_network_is_resumed_if_wanted() {
    for auto_resume in [true, false] {
        let mut trace = Trace::new(Settings {
            auto_resume,
            ..Settings::default()
        });
        trace.values = vec![(64, vec![1])];
        trace.handshake();
        assert_eq!(trace.host.known().state, State::Commissioned);
        if auto_resume {
            trace.expect_set("41 01");
            trace.expect_set("42 01");
            assert_eq!(trace.host.known().state, State::Associating);
        }
        trace.quiet();
    }
}

#[test]
fn settings_are_applied_again_after_a_reset() {
    let mut trace = Trace::new(Settings {
        reapply: vec![(Property::PHY_TX_POWER, vec![8])],
        ..Settings::default()
    });
    trace.handshake();
    assert!(trace.was_sent("03 25 08"));
    trace.request(
        1,
        Request::Set(Property::THREAD_CHILD_TIMEOUT, vec![240, 0, 0, 0]),
    );
    trace.expect_set("80 2A F0 00 00 00");
    trace.request(2, Request::Set(Property::UNSOL_UPDATE_FILTER, vec![0x70]));
    trace.expect_set("88 20 70");
    trace.request(
        3,
        Request::Set(Property::THREAD_CHILD_TIMEOUT, vec![60, 0, 0, 0]),
    );
    trace.expect_set("80 2A 3C 00 00 00");
    trace.sent.clear();
    trace.send("80 06 00 78");
    trace.handshake();
    let sets: Vec<_> = trace.sent.iter().filter(|frame| frame[1] == 3).collect();
    let sets: Vec<_> = sets.iter().map(|frame| &frame[2..]).collect();
    assert_eq!(
        sets,
        [
            octets("88 20"),
            octets("25 08"),
            octets("88 20 70"),
            octets("80 2A 3C 00 00 00")
        ]
    );
}

#[test]
fn the_firmware_gate_asks_once_for_each_version() {
    let mut trace = Trace::new(Settings {
        check_firmware: true,
        has_upgrade_command: true,
        ..Settings::default()
    });
    trace.at(100);
    trace.exchange("81 02 01", "81 06 01 04 03");
    trace.exchange("82 02 02", "82 06 02 53 00");
    trace.quiet();
    let version = "S".to_owned();
    assert_eq!(
        trace.host.poll_service(),
        Some(Service::CheckFirmware { version })
    );
    trace
        .host
        .service_done(ServiceDone::FirmwareChecked { upgrade: true });
    assert_eq!(trace.host.poll_service(), Some(Service::Upgrade));
    assert_eq!(trace.host.known().state, State::Upgrading);
    trace.quiet();
    trace.request(1, Request::Get(Property::NET_ROLE));
    assert_eq!(trace.failed(1), Some(Code::Busy));
    trace.send("80 06 00 70");
    assert_eq!(trace.host.known().state, State::Upgrading);
    trace.host.service_done(ServiceDone::Upgraded { ok: true });
    trace.handshake();
    assert_eq!(trace.host.poll_service(), None, "checked before");
    assert_eq!(trace.host.known().state, State::Offline);
}

/// Found by fuzzing: a firmware that did not start was written over and over.
#[test]
fn a_bootloader_that_stays_is_upgraded_once() {
    let mut trace = Trace::new(Settings {
        has_upgrade_command: true,
        ..Settings::default()
    });
    trace.at(100);
    for answer in ["81 06 01 04 03", "82 06 02 53 00", "83 06 03 00"] {
        assert!(trace.frame().is_some());
        trace.send(answer);
    }
    assert_eq!(trace.host.poll_service(), Some(Service::Upgrade));
    trace.host.service_done(ServiceDone::Upgraded { ok: true });
    trace.wait_for(Duration::from_secs(1));
    for answer in ["81 06 01 04 03", "82 06 02 53 00", "83 06 03 00"] {
        assert!(trace.frame().is_some());
        trace.send(answer);
    }
    assert_eq!(trace.host.poll_service(), None);
    assert_eq!(trace.host.known().state, State::Fault);
    let why = trace.host.known().fault.clone().unwrap();
    assert!(why.contains("again after the upgrade command"), "{why}");
}

#[test]
fn an_upgrade_by_request_ends_with_the_handshake() {
    for ok in [true, false] {
        let mut trace = Trace::with(Settings {
            has_upgrade_command: true,
            ..Settings::default()
        });
        trace.request(1, Request::Upgrade);
        assert_eq!(trace.host.poll_service(), Some(Service::Upgrade));
        trace.host.service_done(ServiceDone::Upgraded { ok });
        trace.handshake();
        let code = (!ok).then_some(Code::Failed);
        assert_eq!(trace.failed(1), code);
    }
}

#[test]
fn a_co_processor_that_never_answers_is_given_one_firmware_also_without_a_check() {
    let mut trace = Trace::new(Settings {
        has_upgrade_command: true,
        auto_upgrade: true,
        ..Settings::default()
    });
    let mut upgrades = 0;
    for second in 0..200 {
        trace.at(second * 1_000);
        while trace.frame().is_some() {}
        if trace.host.poll_service() == Some(Service::Upgrade) {
            upgrades += 1;
            trace.host.service_done(ServiceDone::Upgraded { ok: true });
        }
    }
    assert_eq!(upgrades, 1);
    assert_eq!(trace.host.known().state, State::Fault);
}

#[test]
fn a_transport_that_is_lost_is_waited_for() {
    let mut trace = Trace::with(Settings {
        has_upgrade_command: true,
        auto_upgrade: true,
        ..Settings::default()
    });
    trace.request(1, Request::Get(Property::NET_ROLE));
    trace.host.transport_lost();
    assert_eq!(trace.failed(1), Some(Code::State));
    trace.at(10_000_000);
    trace.quiet();
    assert_eq!(trace.host.known().state, State::Uninitialized);
    assert_eq!(trace.host.poll_service(), None);
    for request in [
        Request::Get(Property::NET_ROLE),
        Request::Reset(ResetKind::Soft),
    ] {
        trace.request(2, request);
        assert_eq!(trace.failed(2), Some(Code::State));
    }
    trace.request(3, Request::Status);
    assert!(trace.answers(3).contains(&Answer::Done));
    trace.host.transport_opened();
    trace.handshake();
    assert_eq!(trace.host.known().state, State::Offline);
    // What is no loss: it was not there before, either.
    trace.host.transport_opened();
    assert_eq!(trace.host.known().state, State::Offline);
}

#[test]
fn a_reset_during_the_firmware_check_does_not_make_it_needless() {
    let mut trace = Trace::new(Settings {
        check_firmware: true,
        ..Settings::default()
    });
    trace.at(100);
    for _ in 0..2 {
        trace.exchange("81 02 01", "81 06 01 04 03");
        trace.exchange("82 02 02", "82 06 02 53 00");
        let check = trace.host.poll_service();
        assert!(matches!(check, Some(Service::CheckFirmware { .. })));
        trace.send("80 06 00 72");
        trace.wait_for(Duration::from_millis(100));
    }
}

/// Found by fuzzing: the state was that of a co-processor that is initialised, so `status` sent a command
/// into the handshake. Its client was never answered when that failed, and the next attempt forgot it.
#[test]
fn a_join_that_ends_during_the_handshake_does_not_end_that() {
    let mut trace = Trace::new(Settings {
        check_firmware: true,
        ..Settings::default()
    });
    trace.at(100);
    trace.exchange("81 02 01", "81 06 01 04 03");
    trace.exchange("82 02 02", "82 06 02 53 00");
    trace.send("80 06 00 6D");
    assert_eq!(trace.host.known().state, State::Uninitialized);
    trace.request(1, Request::Status);
    assert!(matches!(
        trace.answers(1)[..],
        [Answer::Row(_), Answer::Done]
    ));
    trace.quiet();
    // What was asked before the join ended is asked for again.
    let done = ServiceDone::FirmwareChecked { upgrade: false };
    trace.host.service_done(done);
    trace.handshake_now();
    trace.serve();
    assert_eq!(trace.host.known().state, State::Offline);
    for property in [64, 66, 67] {
        let asked = |frame: &&Vec<u8>| frame[1..] == [2, property];
        assert_eq!(trace.sent.iter().filter(asked).count(), 2, "{property}");
    }
}

/// Found by exploring: whose transport came back found it asleep, and left it so.
#[test]
fn a_co_processor_that_is_found_asleep_is_told_to_stay_awake() {
    let mut trace = Trace::new(Settings::default());
    trace.values = vec![(13, vec![1])];
    trace.handshake();
    assert!(trace.was_sent("03 0D 00"));
    let mut awake = Trace::new(Settings::default());
    awake.values = vec![(13, vec![0])];
    awake.handshake();
    assert!(!awake.was_sent("03 0D 00"));
}

#[test]
fn the_version_that_was_checked_is_the_one_that_was_asked_for() {
    let mut trace = Trace::new(Settings {
        check_firmware: true,
        ..Settings::default()
    });
    trace.at(100);
    trace.exchange("81 02 01", "81 06 01 04 03");
    trace.exchange("82 02 02", "82 06 02 53 00");
    assert!(trace.host.poll_service().is_some());
    trace.send("80 06 02 54 00");
    let done = ServiceDone::FirmwareChecked { upgrade: false };
    trace.host.service_done(done);
    trace.handshake_now();
    trace.send("80 06 00 72");
    trace.wait_for(Duration::from_millis(100));
    trace.exchange("81 02 01", "81 06 01 04 03");
    trace.exchange("82 02 02", "82 06 02 54 00");
    let version = "T".to_owned();
    assert_eq!(
        trace.host.poll_service(),
        Some(Service::CheckFirmware { version })
    );
}

/// Firmware that starts its stack after each reset, with or without a network.
fn starts_by_itself(settings: Settings, saved: bool) -> Trace {
    let mut trace = Trace::new(settings);
    trace.values = vec![(64, vec![u8::from(saved)]), (66, vec![1]), (65, vec![1])];
    trace.on_set = vec![(66, 66, vec![0]), (65, 65, vec![0])];
    trace.send("80 06 00 70");
    trace
}

/// It is not reset again and again until it is given up.
#[test]
fn firmware_that_starts_without_a_network_is_taken_down() {
    let mut trace = starts_by_itself(Settings::default(), false);
    trace.wait_for(Duration::from_millis(100));
    trace.serve();
    assert_eq!(trace.host.known().state, State::Uninitialized, "reset once");
    trace.send("80 06 00 72");

    trace.wait_for(Duration::from_millis(100));
    trace.serve();
    assert!(trace.was_sent("03 42 00") && trace.was_sent("03 41 00"));
    assert_eq!(trace.host.known().state, State::Offline);
    assert_eq!(trace.host.known().fault, None);
    // One that does not stop is used as it is.
    let mut trace = starts_by_itself(Settings::default(), false);
    trace.on_set.clear();
    trace.wait_for(Duration::from_millis(100));
    trace.serve();
    trace.send("80 06 00 72");
    trace.wait_for(Duration::from_millis(100));
    trace.serve();
    assert_eq!(trace.host.known().state, State::Associating);
}

#[test]
fn firmware_that_starts_with_its_network_is_used_if_that_is_wanted() {
    let mut trace = starts_by_itself(Settings::default(), true);
    trace.wait_for(Duration::from_millis(100));
    trace.serve();
    assert_eq!(trace.host.known().state, State::Associating);
    assert!(!trace.was_sent("03 42 00"));

    let settings = Settings {
        auto_resume: false,
        ..Settings::default()
    };
    let mut trace = starts_by_itself(settings.clone(), true);
    trace.wait_for(Duration::from_millis(100));
    trace.serve();
    assert!(trace.was_sent("03 42 00"));
    assert_eq!(trace.host.known().state, State::Commissioned);

    // Without a reset it has run before us, and is kept.
    let mut trace = Trace::new(settings);
    trace.values = vec![(64, vec![1]), (66, vec![1])];
    trace.handshake();
    assert_eq!(trace.host.known().state, State::Associating);
    assert!(!trace.was_sent("03 42 00"));
}

/// Firmware that takes no TLVs gets the retained network as a list of members.
#[test]
fn retained_credentials_are_restored_in_the_older_way() {
    let mut trace = Trace::new(Settings {
        retain: true,
        retained: Some(octets("00 03 00 00 0F 01 02 12 34")),
        ..Settings::default()
    });
    trace.at(100);
    while let Some(frame) = trace.frame() {
        match frame[1..].starts_with(&octets("03 BC 2A")) {
            true => trace.refuse(&frame, 13),
            false => trace.answer(&frame),
        }
    }
    assert!(trace.was_sent("03 98 2A 02 00 21 0F 03 00 36 34 12"));
}
