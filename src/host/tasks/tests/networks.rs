//! Form, join, attach, leave and permit-join: the frames of protocol §7.5.

use super::*;
use crate::ctl::request::NodeType;
use crate::time::Duration;

const KEY: &str = "03 46 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF";
const PREFIX_DEAD: &str = "03 62 FD DE AD 00 BE EF 00 00 00 00 00 00 00 00 00 00 40";

/// Protocol §7.5. Mode and router role come first: a device that once joined as something less could
/// not lead a network.
#[test]
fn form() {
    let request = Request::Form(test_net());
    assert_eq!(
        steps(&request, &known(State::Offline)),
        [
            "0A ?",
            "03 5E 0F",
            "03 87 2A 01",
            "03 21 0B",
            "03 38 00 ?",
            "03 36 CE FA",
            "03 45 DE AD 00 BE EF 00 CA FE",
            "03 44 54 65 73 74 2D 4E 65 74 00",
            KEY,
            "03 47 01 00 00 00",
            PREFIX_DEAD,
            "03 41 01 ~",
            "03 42 01 ~",
            "wait Associated 60s",
            "retain Network",
            "network_name=\"Test-Net\" channel=11 panid=0xface xpanid=DEAD00BEEF00CAFE \
             mesh_local_prefix=fdde:ad00:beef::/64",
        ]
    );
    assert_eq!(
        undo(&request, &known(State::Commissioned)),
        ["03 42 00 ?", "03 41 00 ?"]
    );
    assert_eq!(
        run(&request, &known(State::Offline)).exclusive,
        Some("form")
    );
}

#[test]
fn form_chooses_what_is_not_given_from_the_seed() {
    let request = Request::Form(Network {
        name: Some("a".into()),
        ..Network::default()
    });
    let steps = steps(&request, &known(State::Offline));
    // Allowed and preferred are 15 and 20; octet 26 of the seed is even.
    assert_eq!(steps[3], "03 21 0F");
    assert_eq!(steps[5], "03 36 18 19");
    assert_eq!(steps[6], "03 45 10 11 12 13 14 15 16 17");
    assert_eq!(
        steps[8],
        "03 46 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F"
    );
    assert_eq!(steps[9], "03 47 01 00 00 00");
    assert_eq!(
        steps[10],
        "03 62 FD 10 11 12 13 14 00 00 00 00 00 00 00 00 00 00 40"
    );
}

#[test]
fn a_random_pan_id_is_never_the_broadcast_one() {
    let request = Request::Form(Network {
        name: Some("a".into()),
        ..Network::default()
    });
    let context = Context {
        seed: [0xFF; 32],
        ..CONTEXT
    };
    let script = script(&request, &known(State::Offline), &context).unwrap();
    let steps: Vec<_> = script.steps.iter().map(show_step).collect();
    assert!(steps.contains(&"03 36 FE FF".into()), "{steps:?}");
}

#[test]
fn form_keeps_to_the_channels_that_are_given() {
    let choose = |channel_mask: u32| {
        let request = Request::Form(Network {
            name: Some("a".into()),
            channel_mask: Some(channel_mask),
            ..Network::default()
        });
        steps(&request, &known(State::Offline))[3].clone()
    };
    assert_eq!(choose(1 << 20), "03 21 14");
    // None of them is preferred, but it is allowed.
    assert_eq!(choose(1 << 26), "03 21 1A");
}

#[test]
fn a_given_key_leaves_its_sequence_alone() {
    let request = Request::Form(Network {
        key_sequence: None,
        ..test_net()
    });
    let steps = steps(&request, &known(State::Offline));
    assert!(!steps.iter().any(|step| step.starts_with("03 47")));
}

#[test]
fn join() {
    let request = Request::Join(test_net());
    let known = known_with(State::Offline, &caps_and(&[2]));
    assert_eq!(
        steps(&request, &known),
        [
            "0A ?",
            "03 5E 0F",
            "03 87 2A 01",
            "03 21 0B",
            "03 38 00 ?",
            "03 36 CE FA",
            "03 45 DE AD 00 BE EF 00 CA FE",
            "03 44 54 65 73 74 2D 4E 65 74 00",
            KEY,
            "03 47 01 00 00 00",
            "03 41 01 ~",
            "03 49 01",
            "03 42 01 ~",
            "wait Associated 60s",
            "09 ?",
            "retain Network",
        ]
    );
    assert_eq!(
        undo(&request, &known),
        ["03 42 00 ?", "03 41 00 ?", "03 49 00"]
    );
}

#[test]
fn the_node_type_decides_mode_and_role() {
    let mode = |node_type, capabilities: &[u32]| {
        let request = Request::Join(Network {
            node_type,
            ..test_net()
        });
        steps(&request, &known_with(State::Offline, capabilities))[1..3].to_vec()
    };
    assert_eq!(mode(NodeType::EndDevice, CAPS), ["03 5E 0F", "03 87 2A 00"]);
    assert_eq!(
        mode(NodeType::SleepyEndDevice, CAPS),
        ["03 5E 04", "03 87 2A 00"]
    );
    // A minimal device has no router role to switch off.
    assert_eq!(mode(NodeType::EndDevice, &[33]), ["03 5E 0D", "03 21 0B"]);
}

#[test]
fn attach() {
    assert_eq!(
        steps(&Request::Attach, &known(State::Commissioned)),
        ["03 41 01 ~", "03 42 01 ~", "wait Associated 60s"]
    );
    let recalls = known_with(State::Commissioned, &[2]);
    assert_eq!(steps(&Request::Attach, &recalls)[0], "0B ?");
    assert_eq!(
        steps(&Request::Attach, &known(State::Isolated)),
        ["wait Associated 60s"]
    );
    assert!(steps(&Request::Attach, &known(State::Associated)).is_empty());
    assert!(undo(&Request::Attach, &known(State::Commissioned)).is_empty());
}

#[test]
fn leave() {
    let offline = [
        "03 42 00 ?",
        "03 41 00 ?",
        "0A",
        "retain Forget",
        "Soft(None)",
    ];
    assert_eq!(steps(&Request::Leave, &known(State::Commissioned)), offline);
    let online = steps(&Request::Leave, &known(State::Associated));
    assert_eq!(online[..2], ["03 4C >", "linger Left 2s"]);
    assert_eq!(online[2..], offline);
}

#[test]
fn joiner() {
    let request = |url: &str| Request::JoinerStart {
        pskd: "J01NME".into(),
        provisioning_url: url.into(),
    };
    let known = known_with(State::Offline, &[1027]);
    assert_eq!(
        steps(&request(""), &known),
        [
            "03 41 01 ~",
            "Joining",
            "03 81 01 01 4A 30 31 4E 4D 45 00",
            "wait Joined 60s",
            "03 42 01 ~",
            "wait Associated 60s",
            "retain Network",
        ]
    );
    assert_eq!(
        steps(&request("u"), &known)[2],
        "03 81 01 01 4A 30 31 4E 4D 45 00 75 00"
    );
    assert_eq!(
        undo(&request(""), &known),
        ["03 81 01 00", "03 42 00 ?", "03 41 00 ?"]
    );
    assert_eq!(steps(&Request::JoinerStop, &known), ["03 81 01 00"]);
}

#[test]
fn permit_join() {
    let request = |secs| Request::PermitJoin {
        period: Duration::from_secs(secs),
        port: 5684,
    };
    let with = known_with(State::Associated, &caps_and(&[514]));
    assert_eq!(
        steps(&request(60), &with),
        [
            "03 5C 34 16",
            "03 96 2A FF FF FF FF FF FF FF FF",
            "PermitJoin(60s, 5684)"
        ]
    );
    assert_eq!(
        undo(&request(60), &with),
        ["03 5C", "03 96 2A 00 00 00 00 00 00 00 00"]
    );
    assert_eq!(
        steps(&request(0), &with),
        [
            "PermitJoin(0ns, 5684)",
            "03 5C",
            "03 96 2A 00 00 00 00 00 00 00 00"
        ]
    );
    assert_eq!(
        steps(&request(60), &known(State::Associated)),
        ["03 5C 34 16", "PermitJoin(60s, 5684)"]
    );
}
