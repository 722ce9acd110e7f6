//! Form, join, attach, leave and permit-join: the frames of protocol §7.5.

use super::*;
use crate::ctl::request::NodeType;
use crate::host::dataset::Dataset;
use crate::time::Duration;

const KEY: &str = "03 46 00 11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF";
const PREFIX_DEAD: &str = "03 62 FD DE AD 00 BE EF 00 00 00 00 00 00 00 00 00 00 40";

/// What comes first. Mode and router role: a device that once joined as something less could not lead
/// a network.
const FIRST: [&str; 5] = [
    "0A ?",
    "03 5E 0F",
    "03 87 2A 01",
    "03 38 00 ?",
    "ask 02 A8 2A",
];

/// Protocol §7.5. One of the co-processor's making, with what was given in it.
#[test]
fn form_takes_a_dataset_of_the_co_processor() {
    let request = Request::Form(Network {
        name: Some("Test-Net".into()),
        channel: Some(11),
        panid: Some(0xFACE),
        ..Network::default()
    });
    let offered = hex(OFFERED);
    let answers = [
        (Property::THREAD_NEW_DATASET, &offered[..]),
        (Property::THREAD_ACTIVE_DATASET, &[]),
    ];
    let steps = walk(&request, &known(State::Offline), &answers);
    assert_eq!(steps[..5], FIRST);
    assert_eq!(
        steps[5..],
        [
            format!("ask 03 98 2A {}", spaced(OFFERED_AND_GIVEN)),
            "03 41 01 ~".into(),
            "03 42 01 ~".into(),
            "wait Associated 60s".into(),
            "network_name=\"Test-Net\" channel=11 panid=0xface xpanid=1112131415161718 \
             mesh_local_prefix=fd21:2223:2425:2627::/64"
                .into(),
        ]
    );
    // Firmware that takes TLVs alone.
    let answers = [
        (Property::THREAD_NEW_DATASET, &offered[..]),
        (Property::THREAD_ACTIVE_DATASET_TLVS, &[]),
    ];
    let steps = walk(&request, &known(State::Offline), &answers);
    assert_eq!(
        steps[6],
        format!("ask 03 BC 2A {}", spaced(OFFERED_AND_GIVEN_AS_TLVS))
    );
    assert_eq!(steps[7], "03 41 01 ~");
    let shown = undo(&request, &known(State::Commissioned));
    assert_eq!(shown, ["03 42 00 ?", "03 41 00 ?", "0A ?"]);
    assert_eq!(
        run(&request, &known(State::Offline)).exclusive,
        Some("form")
    );
}

/// Timestamp 1, key, name "OT", XPANID, prefix, PAN id, channel, PSKc, policy, mask.
const OFFERED: &str = "0A 00 9C 2A 01 00 00 00 00 00 00 00
    11 00 46 30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F 04 00 44 4F 54 00
    09 00 45 11 12 13 14 15 16 17 18 12 00 62 FD 21 22 23 24 25 26 27 00 00 00 00 00 00 00 00 40
    03 00 36 34 12 02 00 21 14 11 00 4B 50 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E 5F
    06 00 9F 2A A0 02 F7 F8 04 00 22 0B 0C 14";
const OFFERED_AND_GIVEN: &str = "0A 00 9C 2A 01 00 00 00 00 00 00 00
    11 00 46 30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F 0A 00 44 54 65 73 74 2D 4E 65 74 00
    09 00 45 11 12 13 14 15 16 17 18 12 00 62 FD 21 22 23 24 25 26 27 00 00 00 00 00 00 00 00 40
    03 00 36 CE FA 02 00 21 0B 11 00 4B 50 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E 5F
    06 00 9F 2A A0 02 F7 F8 04 00 22 0B 0C 14";
const OFFERED_AND_GIVEN_AS_TLVS: &str = "0E 08 00 00 00 00 00 01 00 00
    05 10 30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F 03 08 54 65 73 74 2D 4E 65 74
    02 08 11 12 13 14 15 16 17 18 07 08 FD 21 22 23 24 25 26 27
    01 02 FA CE 00 03 00 00 0B 04 10 50 51 52 53 54 55 56 57 58 59 5A 5B 5C 5D 5E 5F
    0C 04 02 A0 F7 F8 35 06 00 04 00 18 08 00";

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is set in firmware that has a dataset, and makes none; or makes this one.
fn dataset(network: Network, offered: Option<&str>) -> Dataset {
    let request = Request::Form(network);
    let mut steps = run(&request, &known(State::Offline)).steps;
    let Some(Step::Ask(_, follow)) = steps.pop_back() else {
        panic!("the dataset comes last");
    };
    let offered = offered.map(hex);
    let answer = offered.as_deref().ok_or(Status::PROP_NOT_FOUND);
    let steps = follow.steps(answer).unwrap();
    let Step::Ask(set, _) = &steps[0] else {
        panic!("it is set");
    };
    Dataset::from_value(&set.payload[2..]).unwrap()
}

fn named() -> Network {
    Network {
        name: Some("a".into()),
        ..Network::default()
    }
}

#[test]
fn a_dataset_is_made_where_the_co_processor_makes_none_or_a_useless_one() {
    for offered in [None, Some(""), Some("02 00 21 0B"), Some("FF FF")] {
        let made = dataset(named(), offered);
        for (property, value) in [
            (
                Property::DATASET_ACTIVE_TIMESTAMP,
                "01 00 00 00 00 00 00 00",
            ),
            // Allowed and preferred are 15 and 20; octet 26 of the seed is even.
            (Property::PHY_CHAN, "0F"),
            (Property::MAC_15_4_PANID, "18 19"),
            (Property::NET_XPANID, "10 11 12 13 14 15 16 17"),
            (
                Property::NET_NETWORK_KEY,
                "00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F",
            ),
            (
                Property::IPV6_ML_PREFIX,
                "FD 10 11 12 13 14 00 00 00 00 00 00 00 00 00 00 40",
            ),
            (
                Property::NET_PSKC,
                "99 99 99 99 99 99 99 99 99 99 99 99 99 99 99 99",
            ),
            (Property::DATASET_SECURITY_POLICY, "A0 02 F7 F8"),
        ] {
            assert_eq!(made.get(property), Some(&hex(value)[..]), "{property}");
        }
        let all: Vec<u8> = (11..=26).collect();
        assert_eq!(made.get(Property::PHY_CHAN_SUPPORTED), Some(&all[..]));
    }
}

/// The published vector of the passphrase, with the name and XPANID that the network really gets.
#[test]
fn a_passphrase_becomes_the_pskc() {
    let network = Network {
        name: Some("MyOTBRNetwork".into()),
        xpanid: Some([0x12, 0x34, 0xAA, 0xAA, 0x12, 0x34, 0xBB, 0xBB]),
        passphrase: Some("J01NME".into()),
        ..Network::default()
    };
    let pskc = hex("EE 4F B6 4E 93 41 E1 38 46 BB E7 E1 C5 2B 67 85");
    for offered in [None, Some(OFFERED_XPANID)] {
        let made = dataset(network.clone(), offered);
        assert_eq!(made.get(Property::NET_PSKC), Some(&pskc[..]));
    }
    // Nobody gave the XPANID: that of the co-processor counts.
    let network = Network {
        xpanid: None,
        ..network
    };
    let made = dataset(network.clone(), Some(OFFERED_XPANID));
    assert_eq!(made.get(Property::NET_PSKC), Some(&pskc[..]));
    assert_ne!(
        dataset(network, None).get(Property::NET_PSKC),
        Some(&pskc[..])
    );
}

const OFFERED_XPANID: &str =
    "11 00 46 30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F 04 00 44 4F 54 00
    09 00 45 12 34 AA AA 12 34 BB BB 03 00 36 34 12 02 00 21 14";

/// Old firmware, property by property.
#[test]
fn form_without_datasets() {
    let request = Request::Form(test_net());
    let steps = walk(&request, &known(State::Offline), &[]);
    assert_eq!(steps[..5], FIRST);
    assert!(steps[5].starts_with("ask 03 98 2A "), "{steps:?}");
    assert!(steps[6].starts_with("ask 03 BC 2A "), "{steps:?}");
    assert_eq!(
        steps[7..],
        [
            "03 21 0B",
            "03 36 CE FA",
            "03 45 DE AD 00 BE EF 00 CA FE",
            "03 44 54 65 73 74 2D 4E 65 74 00",
            KEY,
            "03 47 01 00 00 00",
            PREFIX_DEAD,
            "03 41 01 ~",
            "03 42 01 ~",
            "wait Associated 60s",
            "network_name=\"Test-Net\" channel=11 panid=0xface xpanid=DEAD00BEEF00CAFE \
             mesh_local_prefix=fdde:ad00:beef::/64",
        ]
    );
}

/// Any other refusal of a dataset has a reason.
#[test]
fn a_dataset_that_is_refused_fails() {
    let mut steps = run(&Request::Form(test_net()), &known(State::Offline)).steps;
    let Some(Step::Ask(_, follow)) = steps.pop_back() else {
        panic!("the dataset comes last");
    };
    let steps = follow.steps(Err(Status::PROP_NOT_FOUND)).unwrap();
    let Step::Ask(_, follow) = &steps[0] else {
        panic!("it is set");
    };
    let failure = follow.steps(Err(Status::INVALID_ARGUMENT)).unwrap_err();
    assert!(
        failure.message.starts_with(
            "set THREAD_ACTIVE_DATASET: the co-processor answered INVALID_ARGUMENT (3)"
        ),
        "{failure}"
    );
}

#[test]
fn a_random_pan_id_is_never_the_broadcast_one() {
    let request = Request::Form(named());
    let context = Context {
        seed: [0xFF; 32],
        ..CONTEXT
    };
    let mut script = script(&request, &known(State::Offline), &context).unwrap();
    let Some(Step::Ask(_, follow)) = script.steps.pop_back() else {
        panic!("the dataset comes last");
    };
    let steps = follow.steps(Err(Status::PROP_NOT_FOUND)).unwrap();
    let shown = show_step(&steps[0]);
    assert!(shown.contains(" 03 00 36 FE FF "), "{shown}");
}

#[test]
fn form_keeps_to_the_channels_that_are_given() {
    let choose = |channel_mask: u32, offered| {
        let network = Network {
            channel_mask: Some(channel_mask),
            ..named()
        };
        let made = dataset(network, offered);
        let channels = made.get(Property::PHY_CHAN_SUPPORTED).unwrap().to_vec();
        (made.get(Property::PHY_CHAN).unwrap()[0], channels)
    };
    // What is offered is on channel 20.
    for offered in [None, Some(OFFERED)] {
        assert_eq!(choose(1 << 20, offered), (20, vec![20]));
        // None of them is preferred, but it is allowed.
        assert_eq!(choose(3 << 25, offered).1, [25, 26]);
        assert_eq!(choose(1 << 26, offered).0, 26);
    }
    assert_eq!(choose(1 << 20 | 1 << 26, Some(OFFERED)), (20, vec![20, 26]));
}

/// Today's firmware begins with 0; the old way has a random key begin with 1.
#[test]
fn a_key_sequence_is_set_where_it_is_given() {
    let request = |key_sequence| {
        Request::Form(Network {
            key_sequence,
            ..test_net()
        })
    };
    let sequence = |request: &Request, answers: &[_]| {
        let steps = walk(request, &known(State::Offline), answers);
        let mut sequence = steps.into_iter().filter(|step| step.starts_with("03 47"));
        sequence.next()
    };
    let taken = [(Property::THREAD_ACTIVE_DATASET, &[][..])];
    assert_eq!(sequence(&request(None), &taken), None);
    assert_eq!(sequence(&request(None), &[]), None, "the key is given");
    assert_eq!(sequence(&Request::Form(named()), &taken), None);
    let first = Some("03 47 01 00 00 00".into());
    assert_eq!(sequence(&Request::Form(named()), &[]), first);
    for answers in [&taken[..], &[]] {
        let sequence = sequence(&request(Some(7)), answers);
        assert_eq!(sequence, Some("03 47 07 00 00 00".into()));
    }
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
            "03 38 00 ?",
            "03 21 0B",
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
        ]
    );
    assert_eq!(
        undo(&request, &known),
        ["03 42 00 ?", "03 41 00 ?", "0A ?", "03 49 00"]
    );
}

/// How border routers and phones hand a network over.
#[test]
fn join_by_dataset() {
    let tlvs = hex(&[OFFERED_AND_GIVEN_AS_TLVS, "F0 01 77"].concat());
    let request = Request::Join(Network {
        dataset: Some(tlvs),
        ..Network::default()
    });
    let known = known(State::Offline);
    let last = [
        "03 41 01 ~",
        "03 49 01",
        "03 42 01 ~",
        "wait Associated 60s",
    ];
    // As it was given, with what we do not know.
    let tlvs = format!(
        "ask 03 BC 2A {} F0 01 77",
        spaced(OFFERED_AND_GIVEN_AS_TLVS)
    );
    let taken = [(Property::THREAD_ACTIVE_DATASET_TLVS, &[][..])];
    let steps = walk(&request, &known, &taken);
    assert_eq!(steps[..4], FIRST[..4]);
    assert_eq!(steps[4], tlvs);
    assert_eq!(steps[5..], last);
    let taken = [(Property::THREAD_ACTIVE_DATASET, &[][..])];
    let steps = walk(&request, &known, &taken);
    assert_eq!(
        steps[5],
        format!("ask 03 98 2A {}", spaced(OFFERED_AND_GIVEN))
    );
    assert_eq!(steps[6..], last);
    // Property by property.
    let steps = walk(&request, &known, &[]);
    assert!(steps.contains(&"03 21 0B".into()) && steps.contains(&"03 36 CE FA".into()));
    assert!(
        !steps.iter().any(|step| step.starts_with("03 22")),
        "{steps:?}"
    );
    assert_eq!(steps[steps.len() - 4..], last);
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
    assert_eq!(mode(NodeType::EndDevice, &[33]), ["03 5E 0D", "03 38 00 ?"]);
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
            "03 36 FF FF ?",
            "03 41 01 ~",
            "Joining",
            "join 03 81 01 01 4A 30 31 4E 4D 45 00 3 times 60s",
            "03 42 01 ~",
            "wait Associated 60s",
        ]
    );
    assert_eq!(
        steps(&request("u"), &known)[3],
        "join 03 81 01 01 4A 30 31 4E 4D 45 00 75 00 3 times 60s"
    );
    assert_eq!(
        undo(&request(""), &known),
        ["03 81 01 00", "03 42 00 ?", "03 41 00 ?"]
    );
    assert_eq!(steps(&Request::JoinerStop, &known), ["03 81 01 00"]);
    let stored = known_with(State::Commissioned, &[1027]);
    assert!(refusal(&request(""), &stored)
        .message
        .contains("leave it first"));
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
