//! Commands as the host uses them, and the states (protocol §7.2, §7.4).

use crate::host_world::{octets, Trace};
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::Answer;
use spinel_bridge::ctl::Code;
use spinel_bridge::ctl::Request;
use spinel_bridge::host::known::State;
use spinel_bridge::host::Settings;
use spinel_bridge::time::Duration;
use spinel_bridge::wire::ids::Property;

#[test]
fn a_timeout_fails_the_request_and_resets_hard() {
    let mut trace = Trace::with(Settings {
        has_hardware_reset: true,
        ..Settings::default()
    });
    trace.request(1, Request::Get(Property::PHY_CHAN));
    let first = trace.frame().unwrap();
    for seconds in [1, 2, 4] {
        trace.wait_for(Duration::from_secs(seconds));
        assert_eq!(trace.frame(), Some(first.clone()), "the same once more");
    }
    trace.wait_for(Duration::from_secs(3));
    assert_eq!(trace.failed(1), Some(Code::Timeout));
    assert!(trace.host.take_reset_request());
    assert_eq!(trace.host.known().state, State::Uninitialized);
    trace.send("80 06 00 71");
    trace.handshake();
    assert_eq!(trace.host.known().state, State::Offline);
}

#[test]
fn stale_and_foreign_frames_are_counted() {
    let mut trace = Trace::ready();
    for (frame, counter) in [
        ("85 06 43 03", "replies dropped: stale"),
        ("91 06 00 00", "frames dropped: another interface"),
        ("00 11", "frames dropped: not Spinel"),
        ("C1 06 00 00", "frames dropped: not Spinel"),
        ("80 80", "frames dropped: unknown or malformed"),
        ("80 0C 01", "frames dropped: unknown or malformed"),
    ] {
        let before = trace.counter(counter);
        trace.send(frame);
        assert_eq!(trace.counter(counter), before + 1, "{frame}");
    }
    assert_eq!(trace.host.known().state, State::Offline);
}

#[test]
fn another_property_completes_a_command() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Set(Property::PHY_CHAN, vec![11]));
    let set = trace.frame().unwrap();
    trace.host.deliver(&[set[0], 6, 0x22, 11]);
    assert_eq!(trace.answers(1), [Answer::Done]);
    assert_eq!(trace.counter("replies with another property"), 1);
}

#[test]
fn silence_is_broken_by_a_noop() {
    let mut trace = Trace::ready();
    trace.wait_for(Duration::from_millis(59_999));
    trace.quiet();
    trace.wait_for(Duration::from_millis(1));
    let noop = trace.frame().unwrap();
    assert_eq!(noop[1..], [0]);
    trace.host.deliver(&[noop[0], 6, 0, 0]);
    trace.wait_for(Duration::from_secs(60));
    for seconds in [1, 2, 4, 3] {
        assert_eq!(trace.frame().unwrap()[1..], [0]);
        trace.wait_for(Duration::from_secs(seconds));
    }
    trace.expect("80 01");
    assert_eq!(trace.host.known().state, State::Uninitialized);
}

#[test]
fn a_hint_of_a_reset_is_looked_into() {
    let mut trace = Trace::ready();
    trace.host.slave_was_reset();
    trace.quiet();
    trace.wait_for(Duration::from_millis(250));
    let ask = trace.frame().unwrap();
    assert_eq!(ask[1..], [2, 0]);
    trace.host.deliver(&[ask[0], 6, 0, 0]);
    assert_eq!(trace.host.known().state, State::Offline);
    trace.host.slave_was_reset();
    trace.wait_for(Duration::from_millis(250));
    let ask = trace.frame().unwrap();
    trace.host.deliver(&[ask[0], 6, 0, 0x72]);
    assert_eq!(trace.host.known().state, State::Uninitialized);
    // With the notification nothing has to be asked.
    trace.handshake();
    trace.host.slave_was_reset();
    trace.send("80 06 00 70");
    trace.handshake();
    trace.wait_for(Duration::from_secs(1));
    trace.quiet();
}

#[test]
fn every_transition() {
    // Updates, and the state after each.
    for steps in [
        &[
            ("42 01", State::Associating),
            ("43 01", State::Associated),
            ("43 00", State::Isolated),
            ("43 02", State::Associated),
            ("43 07", State::Associated),
            // Disabled: firmware of today tells of its stack by the role alone (protocol §7.2).
            ("43 04", State::Offline),
            ("42 00", State::Offline),
            ("42 01", State::Associating),
            ("43 04", State::Offline),
            ("43 03", State::Associated),
            ("43 00", State::Isolated),
        ][..],
        &[
            ("42 01", State::Associating),
            ("00 69", State::CredentialsNeeded),
            ("43 03", State::Associated),
            ("40 01", State::Associated),
            ("42 00", State::Commissioned),
            ("40 00", State::Offline),
        ],
        &[
            ("40 01", State::Commissioned),
            ("5E 04", State::Commissioned),
            ("42 01", State::Isolated),
            ("43 01", State::Associated),
        ],
        &[
            ("42 01", State::Associating),
            ("00 6D", State::Commissioned),
        ],
        &[("00 6D", State::Commissioned)],
        &[("00 68", State::Offline)],
        &[
            ("43 03", State::Associated),
            ("00 70", State::Uninitialized),
        ],
        &[
            ("43 03", State::Associated),
            ("00 7F", State::Uninitialized),
        ],
    ] {
        let mut trace = Trace::ready();
        for (update, state) in steps {
            trace.send(&format!("80 06 {update}"));
            assert_eq!(trace.host.known().state, *state, "{update} of {steps:?}");
        }
        let mut states: Vec<_> = steps.iter().map(|(_, state)| state.to_string()).collect();
        states.dedup();
        let told: Vec<_> = trace.states().into_iter().skip(1).collect();
        let expected: Vec<_> = states
            .into_iter()
            .filter(|state| state != "offline" || told.contains(state))
            .collect();
        assert_eq!(told, expected, "{steps:?}");
    }
}

#[test]
fn association_asks_for_what_changed() {
    let mut trace = Trace::ready();
    trace.send("80 06 42 01");
    trace.send("80 06 43 03");
    for property in [52, 97, 69, 54, 33, 99, 98, 64] {
        let get = trace.frame().unwrap();
        assert_eq!(get[1..], [2, property]);
        trace.refuse(&get, 13);
    }
    // THREAD_RLOC16, which changes with the role.
    let get = trace.frame().unwrap();
    assert_eq!(get[1..], [2, 0x81, 0x2A]);
    trace.refuse(&get, 13);
    trace.quiet();
}

#[test]
fn losses_are_made_good() {
    let mut trace = Trace::ready();
    trace.send("80 06 00 0E");
    trace.send("80 06 00 0B");
    trace.quiet();
    trace.wait_for(Duration::from_millis(100));
    for property in [66, 64, 65, 67, 96, 97, 99, 102, 90, 91] {
        let get = trace.frame().unwrap();
        assert_eq!(get[1..], [2, property]);
        trace.refuse(&get, 13);
    }
    trace.send("80 06 00 0E");
    trace.wait_for(Duration::from_millis(900));
    trace.quiet();
    trace.wait_for(Duration::from_millis(100));
    assert!(trace.frame().is_some(), "once a second");
}

#[test]
fn another_version_without_a_reset_is_misbehaviour() {
    let mut trace = Trace::ready();
    trace.send("80 06 02 58 59 00");
    assert_eq!(trace.host.known().state, State::Uninitialized);
    trace.expect("80 01");
}

#[test]
fn the_log_of_the_co_processor_is_told() {
    let mut trace = Trace::ready();
    trace.events();
    trace.send("80 06 70 68 69 0A");
    let events = trace.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].name, "log");
    trace.send("80 06 46 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF");
    let events = trace.events();
    assert!(format!("{events:?}").contains("hidden"));
    assert!(!format!("{events:?}").contains("AABB"));
}

#[test]
fn a_sleeping_co_processor_is_silent_or_misbehaves() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Sleep);
    while let Some(frame) = trace.frame() {
        trace.host.deliver(&[frame[0], 6, 0, 0]);
    }
    assert_eq!(trace.host.known().state, State::DeepSleep);
    trace.send("80 06 43 00");
    trace.wait_for(Duration::from_secs(1));
    assert_eq!(trace.answers(1), [Answer::Done]);
    trace.request(2, Request::Get(Property::PHY_CHAN));
    assert_eq!(trace.failed(2), Some(Code::State));
    trace.wait_for(Duration::from_secs(600));
    trace.quiet();
    trace.request(3, Request::Wake);
    trace.sent.clear();
    trace.serve();
    assert_eq!(trace.host.known().state, State::Offline);
    assert_eq!(trace.answers(3), [Answer::Done]);
    trace.request(4, Request::Sleep);
    while let Some(frame) = trace.frame() {
        trace.host.deliver(&[frame[0], 6, 0, 0]);
    }
    trace.wait_for(Duration::from_secs(1));
    trace.send("80 06 43 00");
    assert_eq!(trace.host.known().state, State::Uninitialized);
}

/// Whatever ends the sleep, and even where the node does not attach by itself.
#[test]
fn a_node_that_slept_is_in_its_network_again() {
    for auto_resume in [true, false] {
        for is_reset in [true, false] {
            let mut trace = Trace::new(Settings {
                auto_resume,
                ..Settings::default()
            });
            // No MCU_POWER_STATE.
            trace.values = vec![(5, vec![5, 12, 32, 48])];
            trace.handshake();
            for update in ["41 01", "42 01", "43 03"] {
                trace.send(&format!("80 06 {update}"));
            }
            trace.serve();
            assert_eq!(trace.host.known().state, State::Associated);
            trace.request(1, Request::Sleep);
            trace.serve();
            trace.wait_for(Duration::from_secs(1));
            assert_eq!(trace.answers(1), [Answer::Done]);
            assert_eq!(trace.host.known().state, State::DeepSleep);
            trace.sent.clear();
            trace.values.push((64, vec![1]));
            if is_reset {
                trace.send("80 06 00 70");
                trace.handshake();
            } else {
                trace.request(2, Request::Wake);
                trace.handshake_now();
            }
            trace.expect_set("41 01");
            trace.expect_set("42 01");
            assert_eq!(trace.host.known().state, State::Associating);
            // That is the raw radio, which locks the stack out.
            assert!(!trace
                .sent
                .iter()
                .any(|frame| frame[1..].starts_with(&[3, 0x20])));
        }
    }
}

/// Found by exploring: a role that came late left the state "no parent" behind, for ever.
#[test]
fn a_role_that_comes_after_the_end_of_the_stack_does_not_hide_that() {
    let mut trace = Trace::ready();
    trace.values = vec![(66, vec![0]), (64, vec![1])];
    for update in ["42 01", "43 03", "42 00", "43 03"] {
        trace.send(&format!("80 06 {update}"));
    }
    assert_eq!(trace.host.known().state, State::Associated);
    trace.send("80 06 43 00");
    trace.serve();
    assert_eq!(trace.host.known().state, State::Commissioned);
}

#[test]
fn nothing_that_has_no_answer_is_repeated_into_the_sleep() {
    let mut trace = Trace::ready();
    // After a loss the host asks for what it may have missed; the first question gets no answer.
    trace.send("80 06 00 0E");
    trace.wait_for(Duration::from_millis(100));
    assert_eq!(trace.frame().unwrap()[1], 2);
    trace.request(1, Request::Sleep);
    while let Some(frame) = trace.frame() {
        trace.accept(&frame);
    }
    assert_eq!(trace.host.known().state, State::DeepSleep);
    trace.wait_for(Duration::from_secs(60));
    assert_eq!(trace.answers(1), [Answer::Done]);
    trace.quiet();
    assert_eq!(trace.host.known().state, State::DeepSleep);
}

/// Found by fuzzing: `wake` began the handshake anew and took the answers of the other requests with it.
#[test]
fn waking_what_is_awake_leaves_others_alone() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Get(Property::PHY_CHAN));
    trace.request(2, Request::Wake);
    let get = trace.frame().unwrap();
    assert_eq!(get[1..], [2, 0x21]);
    // The later one is answered first: NOOP, then MCU_POWER_STATE.
    for _ in 0..2 {
        let wake = trace.frame().unwrap();
        trace.accept(&wake);
    }
    assert_eq!(trace.answers(2), [Answer::Done]);
    trace.values.push((0x21, vec![11]));
    trace.answer(&get);
    assert!(matches!(
        trace.answers(1)[..],
        [Answer::Row(_), Answer::Done]
    ));
    assert_eq!(trace.host.known().state, State::Offline);
    trace.serve();
}

#[test]
fn what_no_update_tells_is_asked_for() {
    let mut trace = Trace::ready();
    // After an association: the mesh-local prefix, and whether the network is stored.
    let prefix = octets("FD 01 02 03 04 05 00 00 00 00 00 00 00 00 00 00 40");
    trace.values = vec![(64, vec![1]), (98, prefix.clone())];
    trace.send("80 06 42 01");
    trace.send("80 06 43 01");
    trace.serve();
    let known = trace.host.known();
    assert_eq!(known.value(Property::IPV6_ML_PREFIX), Some(&prefix[..]));
    assert!(known.flag(Property::NET_SAVED));
    // After a change of a list, whoever made it.
    let ports = Property::THREAD_ASSISTING_PORTS;
    for (ticket, request, list) in [
        (1, Request::Insert(ports, octets("34 16")), "34 16"),
        (2, Request::Remove(ports, octets("34 16")), ""),
    ] {
        trace.values = vec![(ports.0, octets(list))];
        trace.request(ticket, request);
        trace.serve();
        let known = trace.host.known().value(ports);
        assert_eq!(known, Some(&octets(list)[..]));
    }
}

/// A dataset that is set is a network at once, and no update tells it (protocol §7.5).
#[test]
fn a_dataset_that_is_set_makes_the_network_known() {
    for property in [5400_u32, 5436] {
        let mut trace = Trace::ready();
        let number = match property {
            5400 => "98 2A",
            _ => "BC 2A",
        };
        trace.values = vec![
            (64, vec![1]),
            (68, b"new\0".to_vec()),
            (
                98,
                octets("FD 01 02 03 04 05 06 07 00 00 00 00 00 00 00 00 40"),
            ),
        ];
        trace.request(1, Request::Set(Property(property), vec![]));
        let set = trace.frame().unwrap();
        assert_eq!(set[1..], octets(&format!("03 {number}")));
        trace.accept(&set);
        // The client that was told so asks at once, before the answers are there.
        assert!(trace.answers(1).contains(&Answer::Done));
        trace.request(2, Request::Status);
        trace.request(3, Request::Attach);
        assert_eq!(trace.answers(2), []);
        trace.serve();
        let status = format!("{:?}", trace.answers(2));
        for part in ["offline:commissioned", "new", "fd01:203:405:607::/64"] {
            assert!(status.contains(part), "{part}: {status}");
        }
        assert_eq!(trace.failed(3), None);
        assert!(trace.was_sent("03 42 01"), "it attaches");
    }
}

/// Members of a dataset that are set alone make firmware forget the dataset.
#[test]
fn what_a_member_undoes_is_asked_for() {
    for member in [
        "21 0B",
        "36 01 00",
        "45 01 02 03 04 05 06 07 08",
        "44 41 00",
        "46",
    ] {
        let mut trace = Trace::ready();
        trace.send("80 06 40 01");
        assert_eq!(trace.host.known().state, State::Commissioned);
        trace.send(&format!("80 06 {member}"));
        trace.serve();
        assert_eq!(trace.host.known().state, State::Offline, "{member}");
    }
}

/// The mesh-local prefix is told by no update, but the address is.
#[test]
fn a_new_mesh_local_address_asks_for_the_prefix() {
    let mut trace = Trace::ready();
    trace.values = vec![(
        98,
        octets("FD 00 00 00 00 00 00 01 00 00 00 00 00 00 00 00 40"),
    )];
    let address = "80 06 61 FD 00 00 00 00 00 00 01 00 00 00 00 00 00 00 01";
    trace.send(address);
    let get = trace.frame().unwrap();
    assert_eq!(get[1..], [2, 98]);
    trace.answer(&get);
    trace.serve();
    let prefix = trace.host.known().ipv6(Property::IPV6_ML_PREFIX);
    assert_eq!(prefix, "fd00:0:0:1::".parse().ok());
    let asked = trace.sent.len();
    trace.send(address);
    trace.quiet();
    assert_eq!(trace.sent.len(), asked);
}

/// Firmware starts its stack: it tells "detached", and not that the stack is up.
#[test]
fn a_stack_that_starts_by_itself_is_seen() {
    let mut trace = Trace::ready();
    trace.values = vec![(66, vec![1])];
    trace.send("80 06 43 00");
    trace.serve();
    assert_eq!(trace.host.known().state, State::Associating);
    trace.send("80 06 43 04");
    assert_eq!(trace.host.known().state, State::Offline);
}

/// Whatever it tells of its own accord can be monitored: what is not known here, too.
#[test]
fn what_is_told_unasked_reaches_who_monitors() {
    let mut trace = Trace::ready();
    trace.events();
    for (frame, shown) in [
        // JAM_DETECTED, an item of the table of children, PARENT_RESPONSE_INFO cut short, unknown ones.
        ("80 06 81 24 01", "JAM_DETECTED"),
        ("80 07 52 01", "THREAD_CHILD_TABLE"),
        ("80 06 8D 32 01 02", "PARENT_RESPONSE_INFO"),
        ("80 06 A0 9C 01 07 08", "0708"),
        ("80 08 A0 9C 01 07 08", "removed"),
        ("80 06 75 44 6F 6E 65 00", "Done"),
    ] {
        trace.send(frame);
        let events = trace.events();
        assert_eq!(events.len(), 1, "{frame}: {events:?}");
        assert_eq!(events[0].name, "property");
        let text = format!("{events:?}");
        assert!(text.contains(shown), "{frame}: {text}");
    }
    // Raw frames are for who sniffs.
    trace.send("80 06 71 05 00 02 00 2A E0 3B");
    assert!(trace.events().is_empty());
}

/// Protocol §1.3, errata E14: there is no memory to lend, and it is told so.
#[test]
fn an_offered_block_is_refused() {
    let mut trace = Trace::ready();
    for (offered, answer) in [
        ("80 0C 07 00 00 00 3C 00 02 01 02", "0F 07 00 00 00 0B"),
        ("80 0D 07 00 00 00 00", "10 07 00 00 00 14"),
        ("80 0E 07 00 00 00", "11 07 00 00 00 14"),
    ] {
        trace.send(offered);
        let sent = trace.frame().expect("an answer");
        assert_eq!(sent[1..], octets(answer), "{offered}");
    }
    trace.quiet();
    // Nothing need follow.
    trace.wait_for(Duration::from_secs(20));
    trace.quiet();
    assert_eq!(trace.host.known().state, State::Offline);
    let set = Request::Set(Property::HBO_MEM_MAX, vec![0, 4, 0, 0]);
    trace.request(1, set);
    assert_eq!(trace.failed(1), Some(Code::NotSupported));
}
