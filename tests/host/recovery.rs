//! What is disturbed comes back: FAULT and what leads out of it, co-processors that restart all the time,
//! firmware that is replaced again and again (protocol §7.2, §7.3, §7.12).

use crate::host_world::Trace;
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::request::ResetKind;
use spinel_bridge::ctl::{Answer, Code, Field, Request};
use spinel_bridge::host::known::State;
use spinel_bridge::host::{Service, ServiceDone, Settings};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::ids::{Capability, Property};
use spinel_bridge::wire::packed::Writer;

/// Silent until it is given up.
fn silent(settings: Settings) -> Trace {
    let mut trace = Trace::new(settings);
    while trace.host.known().state != State::Fault {
        trace.wait_for(Duration::from_secs(1));
        while trace.frame().is_some() {}
        trace.host.take_reset_request();
        assert!(trace.now < Instant::from_millis(60_000), "no end");
    }
    trace.events();
    trace
}

/// Lets it be silent; what it was asked meanwhile, and when it was reset.
fn looks(trace: &mut Trace, duration: Duration) -> (Vec<u64>, Vec<u64>) {
    let (mut asked, mut reset) = (Vec::new(), Vec::new());
    let end = trace.now + duration;
    let second = |trace: &Trace| trace.now.since(Instant::ZERO).as_secs();
    while trace.now < end {
        trace.wait_for(Duration::from_millis(100));
        while let Some(frame) = trace.frame() {
            assert_eq!(frame[1..], [2, 1], "nothing but the first question");
            asked.push(second(trace));
        }
        if trace.host.take_reset_request() {
            reset.push(second(trace));
        }
    }
    (asked, reset)
}

fn with_reset_line() -> Settings {
    Settings {
        has_hardware_reset: true,
        ..Settings::default()
    }
}

#[test]
fn one_that_is_silent_is_looked_for_less_and_less_often_and_reset_once_each_time() {
    let mut trace = silent(with_reset_line());
    let why = trace.host.known().fault.clone();
    let (asked, reset) = looks(&mut trace, Duration::from_secs(1_500));
    let gaps: Vec<u64> = reset.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Two questions of 5 s, one reset of 5 s, and the pause.
    assert_eq!(gaps[..5], [75, 135, 255, 315, 315], "{reset:?}");
    assert!(asked.len() >= 2 * reset.len(), "{asked:?}");
    // Nothing is news of all that: who monitors is told once.
    assert!(trace.events().is_empty());
    assert_eq!(trace.host.known().fault, why);
    assert_eq!(trace.host.known().state, State::Fault);
    // And then it is there.
    trace.wait_for(Duration::from_secs(310));
    while trace.host.known().state == State::Fault {
        trace.wait_for(Duration::from_secs(1));
        trace.serve();
        trace.host.take_reset_request();
    }
    assert_eq!(trace.states(), ["offline"]);
    assert_eq!(trace.host.known().fault, None);
    assert!(!trace.host.wants_shell());
}

#[test]
fn who_asks_while_it_is_looked_for_is_told_the_fault_at_once() {
    let mut trace = silent(Settings::default());
    trace.wait_for(Duration::from_secs(31));
    trace.expect("81 02 01");
    trace.request(1, Request::Get(Property::NET_ROLE));
    assert_eq!(trace.failed(1), Some(Code::State));
    // An operator need not wait for the end of the look.
    trace.request(2, Request::Reset(ResetKind::Soft));
    trace.expect("80 01");
    assert_eq!(trace.host.known().state, State::Uninitialized);
    trace.send("80 06 00 72");
    trace.handshake();
    assert_eq!(trace.answers(2), [Answer::Done]);
}

#[test]
fn a_board_that_boots_for_long_is_used_when_it_says_so() {
    let mut trace = silent(Settings::default());
    trace.send("80 06 00 70");
    assert_eq!(trace.host.known().state, State::Fault);
    trace.handshake_in_fault();
    assert_eq!(trace.states(), ["offline"]);
}

#[test]
fn a_sign_on_the_transport_or_any_frame_of_one_that_was_silent_is_a_sign_of_life() {
    for sign in [true, false] {
        let mut trace = silent(Settings::default());
        match sign {
            true => trace.host.slave_was_reset(),
            false => trace.send("80 06 43 00"),
        }
        trace.handshake_in_fault();
        assert_eq!(trace.host.known().state, State::Offline);
    }
}

#[test]
fn four_resets_while_it_powers_up_are_no_end() {
    let mut trace = Trace::new(Settings::default());
    for millis in [100, 200, 300, 400] {
        trace.at(millis);
        trace.expect("81 02 01");
        trace.send("80 06 00 74");
    }
    assert_eq!(trace.host.known().state, State::Fault);
    trace.handshake_in_fault();
    assert_eq!(trace.host.known().state, State::Offline);
    assert!(trace.now < Instant::from_millis(3_000), "{:?}", trace.now);
}

#[test]
fn one_that_restarts_in_every_start_up_is_looked_for_less_and_less_often() {
    let mut trace = Trace::new(Settings::default());
    let mut resets = 0;
    let end = Instant::from_millis(3_600_000);
    while trace.now < end {
        while trace.frame().is_some() {
            resets += 1;
            trace.send("80 06 00 74");
        }
        let due = trace.host.poll_timeout().unwrap();
        trace.advance(due.min(end));
    }
    // One is forgotten in 15 s: some 240 an hour, and what was free at first.
    assert!(resets < 300, "{resets}");
}

/// An RCP, whose owner loads an NCP and plugs it in again.
#[test]
fn what_comes_back_to_its_port_may_be_another() {
    let mut trace = Trace::new(with_reset_line());
    trace.values = vec![(5, vec![0x22, 0x19])];
    trace.at(100);
    while trace.host.known().state != State::Fault {
        let frame = trace.frame().expect("a question");
        trace.answer(&frame);
    }
    // It answers: no reset makes another of it, and what it says meanwhile is no news.
    for _ in 0..60 {
        trace.wait_for(Duration::from_secs(10));
        trace.send("80 06 43 00");
        assert!(!trace.host.take_reset_request());
        while let Some(frame) = trace.frame() {
            assert_ne!(frame[1], 1, "a reset");
            trace.answer(&frame);
        }
    }
    let asked = trace.sent.iter().filter(|frame| frame[1..] == [2, 1]);
    assert_eq!(asked.count(), 5, "after 30, 60, 120 and 240 s");
    let faults = trace.events();
    let faults = faults.iter().filter(|event| event.name == "fault");
    assert_eq!(faults.count(), 1);
    assert_eq!(trace.host.known().state, State::Fault);
    trace.host.transport_lost();
    assert_eq!(trace.host.known().state, State::Uninitialized);
    trace.values.clear();
    trace.host.transport_opened();
    trace.handshake();
    assert_eq!(trace.host.known().state, State::Offline);
}

#[test]
fn who_loads_a_firmware_is_not_disturbed() {
    let mut trace = Trace::new(with_reset_line());
    let mut caps = [0; 3];
    let mut writer = Writer::new(&mut caps);
    writer
        .uint_packed(Capability::RCP_RESET_TO_BOOTLOADER.0)
        .unwrap();
    trace.values = vec![(5, writer.written().to_vec())];
    trace.handshake();
    trace.request(1, Request::Reset(ResetKind::Bootloader));
    assert_eq!(trace.answers(1), [Answer::Done]);
    trace.expect("80 01 03");
    trace.at(10_000_000);
    trace.quiet();
    assert!(!trace.host.take_reset_request());
    // The new firmware starts.
    trace.send("80 06 00 72");
    trace.handshake_in_fault();
    assert_eq!(trace.host.known().state, State::Offline);
}

#[test]
fn a_pause_after_many_restarts_is_told_and_ended_by_an_operator() {
    let mut trace = Trace::ready();
    for _ in 0..7 {
        trace.send("80 06 00 70");
        let due = trace.host.poll_timeout().unwrap();
        trace.advance(due);
        trace.handshake_now();
    }
    trace.send("80 06 00 70");
    let pause = trace.pause().expect("a reason");
    assert!(
        pause.contains("8 times") && pause.contains("8 s"),
        "{pause}"
    );
    trace.request(2, Request::Reset(ResetKind::Soft));
    trace.expect("80 01");
    assert_eq!(trace.pause(), None);
    trace.send("80 06 00 72");
    let due = trace.host.poll_timeout().unwrap();
    assert_eq!(due.since(trace.now), Duration::from_millis(100));
    trace.handshake();
    assert_eq!(trace.answers(2), [Answer::Done]);
}

/// A version with the time of its build, say, which the check command never finds good.
#[test]
fn a_version_that_changes_with_every_start_is_not_replaced_without_end() {
    let mut trace = Trace::new(Settings {
        check_firmware: true,
        has_upgrade_command: true,
        ..Settings::default()
    });
    let mut upgrades = Vec::new();
    let mut octet = b'A';
    let hour = Duration::from_secs(3_600);
    while trace.now < Instant::ZERO + 47 * hour {
        let due = trace.host.poll_timeout().unwrap();
        trace.advance(due);
        octet = if octet == b'Z' { b'A' } else { octet + 1 };
        trace.values = vec![(2, vec![octet, 0])];
        loop {
            match trace.host.poll_service() {
                Some(Service::CheckFirmware { .. }) => trace
                    .host
                    .service_done(ServiceDone::FirmwareChecked { upgrade: true }),
                Some(Service::Upgrade) => {
                    upgrades.push(trace.now);
                    trace.host.service_done(ServiceDone::Upgraded { ok: true });
                }
                _ => match trace.frame() {
                    Some(frame) => trace.answer(&frame),
                    None => break,
                },
            }
        }
        if trace.host.known().state.is_initialized() {
            // It works all the same, and restarts now and then.
            trace.idle_for(Duration::from_secs(1_200));
            trace.send("80 06 00 70");
        }
    }
    // Three in the first day, and three in the second.
    assert_eq!(upgrades.len(), 6, "{upgrades:?}");
}

#[test]
fn a_connection_that_says_nothing_is_made_anew_once_before_it_is_given_up() {
    let mut trace = Trace::new(Settings {
        can_renew: true,
        silence: Some("nothing comes from it"),
        ..Settings::default()
    });
    trace.host.transport_lost();
    trace.host.transport_opened();
    let mut renewals = 0;
    while trace.host.known().state != State::Fault {
        trace.wait_for(Duration::from_millis(100));
        while trace.frame().is_some() {}
        if trace.host.take_renewal_request() {
            renewals += 1;
            trace.host.transport_lost();
            trace.host.transport_opened();
        }
        assert!(trace.now < Instant::from_millis(120_000), "no end");
    }
    assert_eq!(renewals, 1);
    let why = trace.host.known().fault.clone().unwrap();
    assert_eq!(why, "nothing comes from it");
}

/// Waiting would change nothing, and the client would be told what it is told now.
#[test]
fn what_the_transport_sees_is_told_at_once_to_who_waits_and_is_the_reason_of_the_fault() {
    let mut trace = Trace::new(Settings::default());
    let echo = "what is sent comes back";
    trace.request(1, Request::Get(Property::NET_ROLE));
    trace.host.set_diagnosis(Some(echo), true);
    trace.host.set_diagnosis(Some(echo), true);
    let told = |answers: Vec<Answer>| match &answers[..] {
        [Answer::Failed(failure)] => {
            assert_eq!(failure.code, Code::State);
            assert!(failure.message.contains(echo), "{}", failure.message);
        }
        other => panic!("{other:?}"),
    };
    told(trace.answers(1));
    trace.request(2, Request::Get(Property::NET_ROLE));
    told(trace.answers(2));
    let events = trace.events();
    let events = events.iter().filter(|event| event.name == "diagnosis");
    assert_eq!(events.count(), 1);
    while trace.host.known().state != State::Fault {
        trace.wait_for(Duration::from_secs(1));
        while trace.frame().is_some() {}
    }
    assert_eq!(trace.host.known().fault.as_deref(), Some(echo));
    // A board that boots is waited for, whatever the bus looks like.
    let mut trace = Trace::new(Settings::default());
    trace.request(1, Request::Get(Property::NET_ROLE));
    trace.host.set_diagnosis(Some("MISO is all FF"), false);
    assert!(trace.answers(1).is_empty());
    trace.host.set_diagnosis(None, false);
    trace.handshake();
    trace.serve();
    assert!(trace.answers(1).contains(&Answer::Done));
}

impl Trace {
    /// The next look, which succeeds.
    fn handshake_in_fault(&mut self) {
        let due = self.host.poll_timeout().expect("a look");
        assert!(due.since(self.now) <= Duration::from_secs(2));
        self.advance(due);
        self.handshake_now();
    }

    /// What `status` says of a pause.
    fn pause(&mut self) -> Option<String> {
        self.request(99, Request::Status);
        let answers = self.answers(99);
        let row = answers.iter().find_map(|answer| match answer {
            Answer::Row(row) => Some(row.clone()),
            _ => None,
        });
        match row?.get("pause")? {
            Field::Text(text) => Some(text.clone()),
            other => panic!("{other:?}"),
        }
    }
}

/// What decides is being asked for, `status` waits for it, and the co-processor restarts: who asked is told that, and does
/// not wait for the start-up, which may be two minutes away.
#[test]
fn who_asks_for_the_status_is_not_left_waiting_by_a_reset() {
    let mut trace = Trace::ready();
    // Detached: is the stack still up?
    trace.send("80 06 43 02");
    trace.send("80 06 43 00");
    trace.request(1, Request::Status);
    assert!(trace.answers(1).is_empty(), "it waits for the answer");
    trace.send("80 06 00 71");
    assert!(
        matches!(trace.answers(1)[..], [Answer::Row(_), Answer::Done]),
        "the state is known"
    );
}
