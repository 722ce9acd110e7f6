//! A co-processor that serves another interface id than the one that is spoken to (protocol §1.1).

use crate::host_world::{Trace, World};
use spinel_bridge::ctl::{Answer, Request};
use spinel_bridge::host::known::State;
use spinel_bridge::host::Settings;
use spinel_bridge::sim::ncp::Variant;
use spinel_bridge::time::Duration;
use spinel_bridge::wire::ids::Property;

fn on(iid: u8) -> Settings {
    Settings {
        iid,
        ..Settings::default()
    }
}

fn serves(iid: u8) -> Variant {
    Variant {
        iid,
        ..Variant::easy()
    }
}

#[test]
fn everything_goes_to_the_interface_that_was_chosen() {
    let mut trace = Trace::new(on(2));
    trace.at(100);
    trace.exchange("A1 02 01", "A1 06 01 04 03");
    // Nothing of this is for us.
    for other in ["82 06 02 58 00", "90 06 02 59 00", "B2 06 02 5A 00"] {
        trace.send(other);
    }
    assert_eq!(trace.counter("frames dropped: another interface"), 3);
    trace.exchange("A2 02 02", "A2 06 02 53 00");
    trace.expect("A3 02 03");
    assert_eq!(
        trace.host.known().text(Property::NCP_VERSION).as_deref(),
        Some("S")
    );
}

#[test]
fn a_reset_is_told_to_everybody() {
    for (ours, told_on) in [(0, "B0"), (1, "B0"), (2, "80")] {
        let mut world = World::with(1, on(ours), serves(ours));
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.host.known().state, State::Offline);
        let notification = crate::host_world::octets(&format!("{told_on} 06 00 70"));
        spinel_bridge::bridge::Upper::deliver(&mut world.host, &notification);
        assert_eq!(world.host.known().state, State::Uninitialized, "{told_on}");
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.host.known().state, State::Offline);
    }
}

/// It is the reason for what waits, at once, and for the fault.
#[test]
fn one_that_serves_another_interface_is_no_silent_one() {
    for (ours, theirs) in [(0, 1), (0, 3), (2, 0)] {
        let mut world = World::with(1, on(ours), serves(theirs));
        world.run_for(Duration::from_secs(1));
        world.request(1, Request::Get(Property::PHY_CHAN));
        world.run_for(Duration::from_secs(1));
        let why = format!("it does not serve interface id {ours}: --check finds");
        match world.last_answer(1) {
            Some(Answer::Failed(failure)) => {
                assert!(failure.message.contains(&why), "{}", failure.message);
            }
            other => panic!("{other:?}"),
        }
        world.run_for(Duration::from_secs(60));
        let known = world.host.known();
        assert_eq!(known.state, State::Fault);
        let fault = known.fault.clone().expect("a reason");
        assert!(fault.contains(&why), "{fault}");
    }
}

#[test]
fn answers_on_another_interface_name_it() {
    let mut trace = Trace::new(on(0));
    trace.at(100);
    trace.expect("81 02 01");
    // One may be damaged.
    trace.send("91 06 01 04 03");
    assert_eq!(trace.host.known().diagnosis, None);
    trace.send("91 06 01 04 03");
    let found = trace.host.known().diagnosis.clone();
    let wanted = "it answers on interface id 1, not on 0: start with --iid 1";
    assert_eq!(found.as_deref(), Some(wanted));
    // What the transport sees comes first, and it is not forgotten over that.
    trace.host.set_diagnosis(Some("unplugged"), true);
    assert_eq!(trace.host.known().diagnosis.as_deref(), Some("unplugged"));
    trace.host.set_diagnosis(None, false);
    assert_eq!(trace.host.known().diagnosis.as_deref(), Some(wanted));
    // One word on ours, and nothing is wrong any more.
    trace.send("81 06 01 04 03");
    assert_eq!(trace.host.known().diagnosis, None);
}

/// A status and the log are for all, whoever is served.
#[test]
fn what_is_for_everybody_names_no_interface() {
    let mut trace = Trace::new(on(0));
    trace.at(100);
    trace.expect("81 02 01");
    for _ in 0..3 {
        trace.send("B0 06 00 19");
        trace.send("B0 06 70 68 69");
    }
    assert_eq!(trace.host.known().diagnosis, None);
}

/// Beside ours that works, the others are somebody else's.
#[test]
fn another_interface_beside_ours_is_nobodys_fault() {
    let mut trace = Trace::ready();
    for _ in 0..3 {
        trace.send("90 06 43 02");
    }
    assert_eq!(trace.host.known().diagnosis, None);
    assert_eq!(trace.counter("frames dropped: another interface"), 3);
}
