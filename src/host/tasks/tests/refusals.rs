//! What is refused, and how.

use super::*;
use crate::ctl::request::{Filter, NodeType, Prefix, ResetKind};
use crate::time::Duration;
use proptest::prelude::*;

fn refused(request: Request, known: &Known, code: Code, part: &str) {
    let failure = refusal(&request, known);
    assert_eq!(failure.code, code, "{request:?}: {failure}");
    assert!(failure.message.contains(part), "{request:?}: {failure}");
    assert!(!failure.message.contains('\n'));
}

#[test]
fn nothing_is_sent_to_a_co_processor_that_cannot_answer() {
    let always = |request: &Request| {
        matches!(
            request,
            Request::Status
                | Request::ListProperties
                | Request::Counters { .. }
                | Request::Upgrade
                | Request::Reset(ResetKind::Soft | ResetKind::Hard)
        )
    };
    let all: Vec<u32> = (0..150).collect();
    for state in [State::Uninitialized, State::Fault] {
        let known = known_with(state, &all);
        for request in all_requests() {
            match script(&request, &known, &CONTEXT) {
                Ok(script) => {
                    assert!(always(&request), "{request:?}");
                    let sends = script.steps.iter();
                    assert!(!sends.clone().any(|step| matches!(step, Step::Send(_))));
                }
                Err(failure) => {
                    assert!(!always(&request), "{request:?}");
                    assert_eq!(failure.code, Code::State, "{request:?}");
                }
            }
        }
    }
    let mut known = known(State::Upgrading);
    refused(Request::Upgrade, &known, Code::Busy, "upgraded");
    refused(
        Request::Reset(ResetKind::Hard),
        &known,
        Code::Busy,
        "upgraded",
    );
    known.state = State::DeepSleep;
    refused(Request::Poll, &known, Code::State, "wake it first");
    known.state = State::Fault;
    known.fault = Some("major version 5".into());
    refused(Request::Poll, &known, Code::State, "major version 5");
}

#[test]
fn a_missing_capability_is_named() {
    let known = known_with(State::Associated, &[]);
    for (request, capability) in [
        (
            Request::Peek {
                address: 0,
                count: 1,
            },
            "PEEK_POKE",
        ),
        (Request::GpioList, "GPIO"),
        (Request::JamStatus, "JAM_DETECT"),
        (Request::FilterShow(Filter::Allow), "MAC_ALLOWLIST"),
        (Request::Commissioner(true), "THREAD_COMMISSIONER"),
        (Request::JoinerStop, "THREAD_JOINER"),
        (
            Request::Random(crate::ctl::request::RandomKind::Raw),
            "TRNG",
        ),
        (
            Request::Reset(ResetKind::Bootloader),
            "RCP_RESET_TO_BOOTLOADER",
        ),
        (Request::Get(Property::TRNG_32), "TRNG"),
        (
            Request::Set(Property::PHY_ENABLED, vec![1]),
            "MAC_RAW or CONFIG_RADIO",
        ),
        (
            Request::RemovePrefix {
                prefix: "fd00::".parse().unwrap(),
                bits: 64,
            },
            "THREAD_BORDER_ROUTER",
        ),
        (
            Request::Insert(Property::THREAD_ON_MESH_NETS, vec![0; 19]),
            "THREAD_BORDER_ROUTER",
        ),
        (
            Request::Remove(Property::MAC_ALLOWLIST, vec![0; 8]),
            "MAC_ALLOWLIST",
        ),
        (
            Request::RemoveService {
                enterprise: 1,
                service: vec![],
            },
            "THREAD_SERVICE",
        ),
    ] {
        refused(request, &known, Code::NotSupported, capability);
    }
    // Reading needs less than writing.
    assert!(script(&Request::Get(Property::PHY_ENABLED), &known, &CONTEXT).is_ok());
    let offline = known_with(State::Offline, &[]);
    refused(
        Request::Form(test_net()),
        &offline,
        Code::NotSupported,
        "ROLE_ROUTER",
    );
    refused(
        Request::Join(test_net()),
        &offline,
        Code::NotSupported,
        "end-device",
    );
}

#[test]
fn properties_are_refused_by_their_row() {
    let known = known_with(State::Associated, &caps_and(&[513, 1026]));
    for stream in [112, 113, 114, 115, 116, 120, 5_412, 5_900] {
        for request in [
            Request::Set(Property(stream), vec![0; 4]),
            Request::Insert(Property(stream), vec![0; 4]),
            Request::Remove(Property(stream), vec![0; 4]),
        ] {
            refused(request, &known, Code::Denied, "frames");
        }
    }
    for (request, part) in [
        (Request::Set(Property::CAPS, vec![1]), "cannot be written"),
        (Request::Get(Property::CNTR_RESET), "cannot be read"),
        (Request::Get(Property::STREAM_NET), "monitor"),
        (Request::Get(Property::DATASET_DELAY_TIMER), "dataset"),
        (
            Request::Insert(Property::NET_ROLE, vec![1]),
            "cannot be added to",
        ),
        (
            Request::Remove(Property::NET_ROLE, vec![1]),
            "cannot be taken from",
        ),
    ] {
        refused(request, &known, Code::NotSupported, part);
    }
    for (request, part) in [
        (Request::Set(Property::MAC_15_4_PANID, vec![1]), "too short"),
        (
            Request::Set(Property::PHY_CHAN, vec![1, 2]),
            "1 octets too many",
        ),
        (Request::Set(Property::NET_NETWORK_NAME, vec![65]), "zero"),
        (Request::Set(Property(15_360), vec![0; 2000]), "1300"),
        (
            Request::Insert(Property::MAC_ALLOWLIST, vec![0; 10]),
            "its value is an EUI-64, a number -128..=127",
        ),
    ] {
        refused(request, &known, Code::Usage, part);
    }
}

/// Firmware clears both datasets when one member is set (`otLinkSetChannel`).
#[test]
fn no_member_of_a_stored_network_is_set_alone() {
    let mut stored = known(State::Commissioned);
    stored.remember(Property::NET_SAVED, &[1]);
    let none = known(State::Offline);
    for (property, value) in [
        (Property::PHY_CHAN, vec![15]),
        (Property::MAC_15_4_PANID, vec![1, 2]),
        (Property::NET_XPANID, vec![1; 8]),
        (Property::NET_NETWORK_NAME, b"net\0".to_vec()),
        (Property::NET_NETWORK_KEY, vec![1; 16]),
        (Property::NET_PSKC, vec![1; 16]),
        (Property::IPV6_ML_PREFIX, vec![0xFD; 17]),
    ] {
        let request = Request::Set(property, value);
        refused(request.clone(), &stored, Code::State, "leave first");
        // In a network the co-processor itself refuses it; without one there is nothing to forget.
        let mut up = stored.clone();
        up.state = State::Associated;
        assert!(script(&request, &up, &CONTEXT).is_ok());
        assert!(script(&request, &none, &CONTEXT).is_ok());
    }
    for (property, value) in [
        (Property::PHY_TX_POWER, vec![1]),
        (Property::NET_KEY_SEQUENCE_COUNTER, vec![1, 0, 0, 0]),
    ] {
        assert!(script(&Request::Set(property, value), &stored, &CONTEXT).is_ok());
    }
}

/// Who filters what the driver rests on would blind it.
#[test]
fn what_the_driver_rests_on_is_not_filtered() {
    let known = known(State::Offline);
    let filter = Property::UNSOL_UPDATE_FILTER;
    for request in [
        Request::Insert(filter, vec![0x43]),
        Request::Set(filter, vec![0x70, 0x63]),
        Request::Set(filter, vec![0x00]),
    ] {
        refused(request, &known, Code::Denied, "cannot be filtered");
    }
    for request in [
        Request::Set(filter, vec![]),
        Request::Insert(filter, vec![0x70]),
        Request::Remove(filter, vec![0x43]),
    ] {
        assert!(!steps(&request, &known).is_empty());
    }
}

#[test]
fn networks() {
    let known = known(State::Offline);
    let with = |change: fn(&mut Network)| {
        let mut network = test_net();
        change(&mut network);
        network
    };
    for (network, part) in [
        (with(|network| network.name = None), "needs a name"),
        (
            with(|network| network.name = Some(String::new())),
            "1 to 16",
        ),
        (
            with(|network| network.name = Some("é".repeat(9))),
            "18 octets",
        ),
        (
            with(|network| network.name = Some("a\0b".into())),
            "control",
        ),
        (with(|network| network.channel = Some(27)), "11-26"),
        (with(|network| network.channel = Some(255)), "11-26"),
        (with(|network| network.panid = Some(0xFFFF)), "0xffff"),
        (
            with(|network| network.channel_mask = Some(1 << 12)),
            "leave one of the two out",
        ),
        (
            with(|network| {
                network.channel = None;
                network.channel_mask = Some(1 << 5);
            }),
            "no channel of the mask",
        ),
        (
            with(|network| network.mesh_local_prefix = Some("fd00::1".parse().unwrap())),
            "/64",
        ),
        (
            with(|network| network.mesh_local_prefix = Some("2001:db8::".parse().unwrap())),
            "fd00::/8",
        ),
        (
            with(|network| network.node_type = NodeType::SleepyEndDevice),
            "node type",
        ),
        (
            with(|network| network.passphrase = Some("12345".into())),
            "6 to 255",
        ),
        (
            with(|network| network.passphrase = Some("x".repeat(256))),
            "6 to 255",
        ),
        (
            with(|network| network.passphrase = Some("two\nlines".into())),
            "control",
        ),
        (
            with(|network| {
                network.passphrase = Some("123456".into());
                network.pskc = Some([0; 16]);
            }),
            "not both",
        ),
        (
            with(|network| network.dataset = Some(vec![])),
            "leave the name",
        ),
    ] {
        refused(Request::Form(network), &known, Code::Usage, part);
    }
    for (network, part) in [
        (Network::default(), "which network"),
        (
            with(|network| network.channel_mask = Some(1 << 12)),
            "one channel",
        ),
        (with(|network| network.channel = Some(10)), "11-26"),
        (
            with(|network| network.dataset = Some(vec![])),
            "leave the name",
        ),
        (of_dataset(&[5]), "it ends within the TLV of type 5"),
        (of_dataset(&[0, 3, 0, 0, 15]), "NET_NETWORK_KEY is missing"),
    ] {
        refused(Request::Join(network), &known, Code::Usage, part);
    }
}

fn of_dataset(tlvs: &[u8]) -> Network {
    Network {
        dataset: Some(tlvs.to_vec()),
        ..Network::default()
    }
}

#[test]
fn states() {
    let joiner = Request::JoinerStart {
        pskd: "J01NME".into(),
        provisioning_url: String::new(),
    };
    let caps = caps_and(&[1024, 1027]);
    let associated = known_with(State::Associated, &caps);
    for request in [Request::Form(test_net()), Request::Join(test_net()), joiner] {
        refused(request, &associated, Code::State, "leave");
    }
    let offline = known_with(State::Offline, &caps);
    for (request, part) in [
        (Request::Attach, "no network is stored"),
        (Request::Poll, "no parent"),
        (Request::Commissioner(true), "join or attach"),
        (
            Request::PermitJoin {
                period: Duration::from_secs(1),
                port: 1,
            },
            "join or attach",
        ),
    ] {
        refused(request, &offline, Code::State, part);
    }
    let elsewhere = Request::Sniff {
        channel: Some(12),
        promiscuous: true,
    };
    refused(
        elsewhere.clone(),
        &associated,
        Code::State,
        "another channel",
    );
    let context = Context {
        is_sniffing: true,
        ..CONTEXT
    };
    let failure = script(&elsewhere, &offline, &context).unwrap_err();
    assert_eq!(failure.code, Code::Busy);
    let context = Context {
        has_upgrade_command: false,
        ..CONTEXT
    };
    let failure = script(&Request::Upgrade, &offline, &context).unwrap_err();
    assert_eq!(failure.code, Code::NotSupported);
}

#[test]
fn arguments() {
    let known = known_with(State::Associated, &caps_and(&[7, 9, 514, 1024, 1027, 1029]));
    let prefix = "fd00::".parse().unwrap();
    let scan = |change: fn(&mut Scan)| {
        let mut scan = scan_for(ScanKind::Active);
        change(&mut scan);
        Request::Scan(scan)
    };
    for (request, part) in [
        (
            Request::Peek {
                address: 0,
                count: 0,
            },
            "1 to 1292",
        ),
        (
            Request::Peek {
                address: 0,
                count: 1293,
            },
            "1 to 1292",
        ),
        (
            Request::Poke {
                address: 0,
                octets: vec![],
            },
            "1 to 1292",
        ),
        (
            Request::Poke {
                address: 0,
                octets: vec![0; 70_000],
            },
            "70000 octets",
        ),
        (Request::RemovePrefix { prefix, bits: 129 }, "0 to 128"),
        (
            Request::AddPrefix(Prefix {
                prefix,
                bits: 64,
                stable: true,
                flags: 0xB1,
            }),
            "reserved",
        ),
        (
            Request::AddRoute {
                prefix,
                bits: 64,
                stable: true,
                preference: 2,
            },
            "preference 2",
        ),
        (
            Request::RemoveService {
                enterprise: 1,
                service: vec![0; 253],
            },
            "at most 252",
        ),
        (
            Request::GpioConfigure {
                number: 0,
                flags: 0x81,
            },
            "reserved",
        ),
        (Request::FilterAdd(Filter::Deny, [0; 8], Some(-50)), "RSSI"),
        (
            Request::CommissionerAdd {
                eui64: None,
                pskd: "J01NME".into(),
                timeout: Duration::from_millis(999),
            },
            "1 to 4294967295",
        ),
        (
            Request::PermitJoin {
                period: Duration::from_secs(1),
                port: 0,
            },
            "5684",
        ),
        (Request::Mfg("a\nb".into()), "control"),
        (Request::Mfg("a".repeat(1300)), "too long"),
        (scan(|scan| scan.channels = Some(0)), "no channel"),
        (
            scan(|scan| scan.channels = Some(1 << 10 | 1 << 11)),
            "channel 10",
        ),
        (scan(|scan| scan.period = Duration::ZERO), "65535"),
        (scan(|scan| scan.period = Duration::from_secs(66)), "65535"),
        (scan(|scan| scan.joinable = true), "discover"),
    ] {
        refused(request, &known, Code::Usage, part);
    }
}

#[test]
fn passphrases_are_checked_and_not_repeated() {
    let known = known_with(State::Offline, &[1027]);
    for pskd in ["", "J01NM", "J01NMI", "j01nme", "J01NMÉ"] {
        let request = Request::JoinerStart {
            pskd: pskd.into(),
            provisioning_url: String::new(),
        };
        refused(request.clone(), &known, Code::Usage, "6 to 32");
        let message = refusal(&request, &known).message;
        assert!(pskd.is_empty() || !message.contains(pskd));
    }
    for length in [6, 32, 33] {
        let request = Request::JoinerStart {
            pskd: "0".repeat(length),
            provisioning_url: String::new(),
        };
        assert_eq!(script(&request, &known, &CONTEXT).is_ok(), length <= 32);
    }
    let request = Request::JoinerStart {
        pskd: "J01NME".into(),
        provisioning_url: "u".repeat(65),
    };
    refused(request, &known, Code::Usage, "at most 64");
}

proptest! {
    /// Whatever the co-processor said before, every request is a script or a refusal.
    #[test]
    fn hostile_values_break_nothing(
        values in proptest::collection::vec(
            (0..crate::host::known::REMEMBERED.len(), proptest::collection::vec(any::<u8>(), 0..40)),
            0..30,
        ),
        state in 0..10_usize,
    ) {
        let mut known = Known::new();
        known.state = STATES[state];
        for (index, value) in &values {
            known.remember(crate::host::known::REMEMBERED[*index], value);
        }
        for request in all_requests() {
            match script(&request, &known, &CONTEXT) {
                Ok(script) => script.steps.iter().for_each(|step| drop(show_step(step))),
                Err(failure) => prop_assert!(!failure.message.contains('\n')),
            }
        }
    }

    #[test]
    fn any_value_is_written_or_refused(
        id in 0..17_000_u32,
        value in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let known = known_with(State::Associated, &[]);
        for request in [
            Request::Get(Property(id)),
            Request::Set(Property(id), value.clone()),
            Request::Insert(Property(id), value.clone()),
            Request::Remove(Property(id), value.clone()),
        ] {
            let _ = script(&request, &known, &CONTEXT);
        }
    }
}

const STATES: [State; 10] = [
    State::Uninitialized,
    State::Fault,
    State::Upgrading,
    State::DeepSleep,
    State::Offline,
    State::Commissioned,
    State::Associating,
    State::CredentialsNeeded,
    State::Associated,
    State::Isolated,
];
