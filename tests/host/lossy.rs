//! A line that swallows frames now and then: a lost answer costs a second, never the co-processor
//! (protocol §7.4).

use crate::host_world::octets;
use crate::host_world::Trace;
use crate::host_world::World;
use crate::network;
use spinel_bridge::ctl::Answer;
use spinel_bridge::ctl::Code;
use spinel_bridge::ctl::Request;
use spinel_bridge::host::known::State;
use spinel_bridge::host::Settings;
use spinel_bridge::time::Duration;
use spinel_bridge::wire::ids::Property;

/// Ten minutes, a request each second, and of a hundred frames two are lost on either way.
#[test]
fn ten_minutes_of_a_bad_line_fail_nothing_and_reset_nothing() {
    for seed in 0..4 {
        let mut world = World::new(seed, Settings::default());
        world.request(1, Request::Form(network()));
        world.run_for(Duration::from_secs(60));
        assert_eq!(world.host.known().state, State::Associated, "seed {seed}");
        let resets = world.resets;
        world.events();
        world.lost_of_1000 = 20;
        for ticket in 2..602 {
            let eui64 = [&[0x18; 7][..], &[ticket as u8]].concat();
            world.request(
                ticket,
                match ticket % 5 {
                    0 => Request::Get(Property::PHY_CHAN),
                    1 => Request::Set(Property::PHY_TX_POWER, vec![(ticket % 9) as u8]),
                    2 => Request::Insert(Property::MAC_ALLOWLIST, [&eui64[..], &[127]].concat()),
                    3 => Request::Remove(
                        Property::MAC_ALLOWLIST,
                        [&[0x18; 7][..], &[ticket as u8 - 1]].concat(),
                    ),
                    _ => Request::Get(Property::NCP_VERSION),
                },
            );
            world.run_for(Duration::from_secs(1));
        }
        world.lost_of_1000 = 0;
        world.run_for(Duration::from_secs(30));
        let failed: Vec<_> = (2..602)
            .filter_map(|ticket| match world.last_answer(ticket) {
                Some(Answer::Done) => None,
                other => Some((ticket, other)),
            })
            .collect();
        assert!(failed.is_empty(), "seed {seed}: {failed:?}");
        assert_eq!(world.resets, resets, "seed {seed}");
        let events = world.events();
        assert!(!events.iter().any(|event| event.name == "reset"));
    }
}

/// The sign of life of a quiet hour, with each second frame lost.
#[test]
fn a_lost_sign_of_life_is_asked_for_again() {
    let mut trace = Trace::ready();
    trace.wait_for(Duration::from_secs(60));
    let first = trace.frame().expect("a NOOP");
    assert_eq!(first[1..], [0]);
    for seconds in [1, 2, 4] {
        trace.wait_for(Duration::from_secs(seconds) - Duration::from_millis(1));
        trace.quiet();
        trace.wait_for(Duration::from_millis(1));
        assert_eq!(trace.frame(), Some(first.clone()), "the same once more");
    }
    trace.wait_for(Duration::from_millis(2_999));
    trace.accept(&first);
    trace.wait_for(Duration::from_secs(59));
    trace.quiet();
    assert_eq!(trace.host.known().state, State::Offline);
    // Nothing at all for the whole time: that is another matter.
    trace.wait_for(Duration::from_secs(1));
    for seconds in [1, 2, 4, 3] {
        trace.expect("84 00");
        trace.wait_for(Duration::from_secs(seconds));
    }
    assert_eq!(trace.host.known().state, State::Uninitialized);
}

#[test]
fn what_must_not_be_done_twice_is_sent_once() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Mfg("blink".into()));
    let sent = trace.frame().expect("the line");
    trace.wait_for(Duration::from_secs(4));
    trace.quiet();
    // It talks, so it is well.
    trace.send("80 06 22 0B");
    trace.wait_for(Duration::from_secs(1));
    assert_eq!(trace.failed(1), Some(Code::Timeout));
    assert_eq!(trace.host.known().state, State::Offline);
    let noop = trace.frame().expect("a question whether it answers");
    assert_eq!(noop[1..], [0]);
    trace.accept(&noop);
    // The late answer is nobody's.
    trace.accept(&sent);
    assert!(trace.answers(1).is_empty());
    trace.wait_for(Duration::from_secs(30));
    assert_eq!(trace.host.known().state, State::Offline);
}

/// Errata E46: older firmware answers nothing any more, but goes on telling.
#[test]
fn who_talks_but_answers_nothing_is_reset_in_the_end() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Get(Property::PHY_CHAN));
    let mut seconds = 0;
    while trace.host.known().state.is_initialized() {
        while trace.frame().is_some() {}
        trace.send("80 06 21 0B");
        trace.wait_for(Duration::from_secs(1));
        seconds += 1;
        assert!(seconds < 60, "it is never noticed");
    }
    assert_eq!(
        seconds, 20,
        "its time, and that of the question that follows"
    );
    assert_eq!(trace.failed(1), Some(Code::Timeout));
}

/// What was asked for last counts in the end, whatever got lost before.
#[test]
fn a_repetition_undoes_nothing_that_came_later() {
    let mut trace = Trace::ready();
    for (ticket, power) in [(1, 5), (2, 6)] {
        trace.request(ticket, Request::Set(Property::PHY_TX_POWER, vec![power]));
    }
    trace.request(3, Request::Get(Property::PHY_CHAN));
    let lost = trace.frame().expect("the first");
    assert_eq!(lost[1..], octets("03 25 05"));
    let get = trace.frame().expect("what does not depend on it");
    assert_eq!(get[1..], [2, 33]);
    trace.answer(&get);
    trace.quiet();
    trace.wait_for(Duration::from_secs(1));
    assert_eq!(trace.frame(), Some(lost.clone()));
    trace.accept(&lost);
    assert_eq!(trace.frame().expect("the second")[1..], octets("03 25 06"));
}

/// The first did it, its answer was lost, and the second says that it is done.
#[test]
fn what_a_repetition_finds_done_is_done() {
    let mut trace = Trace::ready();
    for (ticket, request, status) in [
        (
            1,
            Request::Insert(
                Property::IPV6_MULTICAST_ADDRESS_TABLE,
                octets("FF 05 00 00 00 00 00 00 00 00 00 00 00 00 00 02"),
            ),
            19,
        ),
        (
            2,
            Request::Remove(
                Property::IPV6_MULTICAST_ADDRESS_TABLE,
                octets("FF 05 00 00 00 00 00 00 00 00 00 00 00 00 00 02"),
            ),
            20,
        ),
    ] {
        trace.request(ticket, request);
        trace.frame().expect("the first");
        trace.wait_for(Duration::from_secs(1));
        let again = trace.frame().expect("once more");
        trace.refuse(&again, status);
        assert_eq!(trace.answers(ticket).pop(), Some(Answer::Done));
        trace.serve();
    }
}
