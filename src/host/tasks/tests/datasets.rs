//! Datasets as they are shown, taken and put into force, against firmware that answers as it is told.

use super::*;
use crate::host::dataset::Dataset;
use crate::host::tlvs::{kind, Tlvs};

/// As OpenThread's `dataset active -x` prints one, with a TLV (200) that nobody knows.
pub(super) const WHOLE: &str =
    "0e08000000000007ffff 000300000f 35060004001fffe0 c8020102 02081111111122222222
    0708fddead00beef0000 051000112233445566778899aabbccddeeff 030e4f70656e54687265616444656d6f
    01021234 0410445f2b5ca6f2a93a55ce570a70efeecb 0c0402a0f7f8";

/// `A(t(iD))`: an active timestamp; and with a pending one and a delay.
fn members(active: u64, pending: Option<(u64, u32)>) -> Vec<u8> {
    let mut dataset = Dataset::from_tlvs(&hex(WHOLE)).unwrap();
    dataset.set(Property::DATASET_ACTIVE_TIMESTAMP, &active.to_le_bytes());
    if let Some((seconds, delay)) = pending {
        dataset.set(Property::DATASET_PENDING_TIMESTAMP, &seconds.to_le_bytes());
        dataset.set(Property::DATASET_DELAY_TIMER, &delay.to_le_bytes());
    }
    let mut buf = [0; 512];
    let mut writer = crate::wire::packed::Writer::new(&mut buf);
    dataset.write_value(&mut writer).unwrap();
    writer.written().to_vec()
}

/// The rows of a request, and how many pauses it made, on firmware that answers so to what it is asked and told.
fn talk(
    request: &Request,
    state: State,
    mut answer: impl FnMut(Property, &[u8]) -> Result<Vec<u8>, Status>,
) -> Result<(Vec<String>, usize), Failure> {
    let mut left = script(request, &known(state), &CONTEXT)?.steps;
    let (mut rows, mut pauses) = (Vec::new(), 0);
    while let Some(step) = left.pop_front() {
        match step {
            Step::Row(row) => rows.push(show_row(&row)),
            Step::Pause(_) => pauses += 1,
            Step::Ask(send, follow) => {
                let mut payload = Reader::new(&send.payload);
                let property = Property(payload.uint_packed().unwrap());
                let answer = answer(property, payload.rest());
                let steps = follow.steps(answer.as_deref().map_err(|status| *status))?;
                for step in steps.into_iter().rev() {
                    left.push_front(step);
                }
            }
            _ => {}
        }
    }
    Ok((rows, pauses))
}

/// What has both properties of both datasets, as today's firmware does.
fn stored(property: Property, _: &[u8]) -> Result<Vec<u8>, Status> {
    match property {
        Property::THREAD_ACTIVE_DATASET => Ok(members(7, None)),
        Property::THREAD_ACTIVE_DATASET_TLVS => Ok(hex(WHOLE)),
        Property::THREAD_PENDING_DATASET => Ok(Vec::new()),
        other => panic!("{other} is asked for"),
    }
}

fn show_of(secrets: bool) -> Request {
    Request::DatasetShow {
        pending: false,
        secrets,
    }
}

#[test]
fn a_dataset_in_words() {
    let (rows, _) = talk(&show_of(false), State::Offline, stored).unwrap();
    assert_eq!(
        rows,
        ["active_timestamp=7 channel=15 channels=11-26 tlv_200=0102 xpanid=1111111122222222 \
          mesh_local_prefix=fdde:ad00:beef::/64 network_key=<hidden> network_name=\"OpenThreadDemo\" panid=0x1234 \
          pskc=<hidden> security_policy=\"keys rotate after 672 h, flags F7F8\""]
    );
    let (rows, _) = talk(&show_of(true), State::Offline, stored).unwrap();
    assert!(rows[0].contains("network_key=00112233445566778899AABBCCDDEEFF"));
    // What has a form that nobody knows is shown as it is.
    let odd = |property: Property, _: &[u8]| match property {
        Property::THREAD_ACTIVE_DATASET => Ok(members(7, None)),
        _ => Ok(hex("0001 0f 0300 01 01 0c00 3503 000401 0e 01 00"
            .replace(' ', "")
            .as_str())),
    };
    assert!(talk(&show_of(false), State::Offline, odd).is_err());
    let odd = |property: Property, _: &[u8]| match property {
        Property::THREAD_ACTIVE_DATASET => Ok(members(7, None)),
        _ => Ok(hex("00010f 0302ff00 010101 0c00 3503000401 0e0100")),
    };
    let (rows, _) = talk(&show_of(false), State::Offline, odd).unwrap();
    assert_eq!(
        rows,
        ["tlv_0=0F tlv_3=FF00 tlv_1=01 tlv_12=- tlv_53=000401 tlv_14=00"]
    );
}

#[test]
fn exported_octet_for_octet_and_by_old_firmware_as_far_as_it_knows() {
    let export = Request::DatasetExport { pending: false };
    let (rows, _) = talk(&export, State::Associated, stored).unwrap();
    let whole = WHOLE.replace(char::is_whitespace, "").to_uppercase();
    assert_eq!(rows, [format!("THREAD_ACTIVE_DATASET_TLVS={whole}")]);
    let old = |property: Property, _: &[u8]| match property {
        Property::THREAD_ACTIVE_DATASET => Ok(members(7, None)),
        _ => Err(Status::PROP_NOT_FOUND),
    };
    let (rows, _) = talk(&export, State::Associated, old).unwrap();
    assert!(
        !rows[0].contains("C8020102") && rows[0].contains("051000112233"),
        "{rows:?}"
    );
}

#[test]
fn where_there_is_none_its_tlvs_are_not_asked_for() {
    for nothing in [Ok(Vec::new()), Err(Status::STACK_NOT_FOUND)] {
        for (pending, part) in [(false, "no network is stored"), (true, "no change")] {
            let firmware = |property: Property, _: &[u8]| {
                // Errata E46: who asks is never answered.
                assert!(!matches!(
                    property,
                    Property::THREAD_ACTIVE_DATASET_TLVS | Property::THREAD_PENDING_DATASET_TLVS
                ));
                nothing.clone()
            };
            let export = Request::DatasetExport { pending };
            let failure = talk(&export, State::Associated, firmware).unwrap_err();
            assert_eq!(failure.code, Code::State);
            assert!(failure.message.contains(part), "{failure:?}");
        }
    }
}

#[test]
fn a_new_one_has_what_was_given() {
    let network = Network {
        name: Some("Attic".into()),
        channel: Some(17),
        ..Network::default()
    };
    let lacks = |_: Property, _: &[u8]| Err(Status::PROP_NOT_FOUND);
    let (rows, _) = talk(&Request::DatasetNew(network), State::Offline, lacks).unwrap();
    let tlvs = rows[0].strip_prefix("THREAD_ACTIVE_DATASET_TLVS=").unwrap();
    let tlvs = Tlvs::parse(&hex(tlvs)).unwrap();
    assert_eq!(tlvs.get(kind::NAME), Some(&b"Attic"[..]));
    assert_eq!(tlvs.get(kind::CHANNEL), Some(&[0, 0, 17][..]));
    let nameless = Request::DatasetNew(Network::default());
    let (rows, _) = talk(&nameless, State::Associated, lacks).unwrap();
    let name: String = "Thread-1E1F"
        .bytes()
        .map(|octet| format!("{octet:02X}"))
        .collect();
    assert!(rows[0].contains(&name), "{rows:?}");
}

#[test]
fn what_is_imported_is_a_whole_active_one() {
    let import = |tlvs: &str| Request::DatasetImport(hex(tlvs));
    for (state, tlvs, part) in [
        (State::Associated, WHOLE, "dataset migrate"),
        (State::Associating, WHOLE, "leave it"),
        (State::Offline, "000300000f", "NET_NETWORK_KEY is missing"),
        (State::Offline, "0510", "it ends within the TLV of type 5"),
        (State::Offline, "340400007530", "a pending one"),
    ] {
        let failure = refusal(&import(tlvs), &known(state));
        assert!(failure.message.contains(part), "{failure:?}");
    }
    let steps = steps(&import(WHOLE), &known(State::Offline));
    assert!(steps[0].starts_with("ask 03 BC 2A 0E 08"), "{steps:?}");
}

/// A leader that takes what is newer, makes short delays 30 s, and is in force after some looks.
fn leader(old: (u64, u64)) -> impl FnMut(Property, &[u8]) -> Result<Vec<u8>, Status> {
    let (mut active, newest) = old;
    let mut pending: Option<(Tlvs, u32)> = None;
    move |property, value| match property {
        Property::THREAD_ACTIVE_DATASET_TLVS => Ok(hex(WHOLE)),
        Property::THREAD_ACTIVE_DATASET => {
            if let Some((tlvs, looks)) = &mut pending {
                *looks += 1;
                if *looks == 5 {
                    active = tlvs.seconds(kind::ACTIVE_TIMESTAMP).unwrap();
                }
            }
            Ok(members(active, None))
        }
        Property::THREAD_MGMT_SET_PENDING_DATASET_TLVS => {
            let tlvs = Tlvs::parse(value).unwrap();
            assert!(tlvs.seconds(kind::PENDING_TIMESTAMP) > Some(newest));
            assert_eq!(tlvs.get(200), Some(&[1, 2][..]));
            pending = Some((tlvs, 0));
            Ok(Vec::new())
        }
        Property::THREAD_PENDING_DATASET => Ok(match &pending {
            Some((tlvs, _)) => {
                let seconds = tlvs.seconds(kind::PENDING_TIMESTAMP).unwrap();
                members(active, Some((seconds, 29_500)))
            }
            None if newest > 0 => members(active, Some((newest, 1))),
            None => Vec::new(),
        }),
        other => panic!("{other} is asked for"),
    }
}

fn to_channel(channel: u8, waits: bool) -> Request {
    Request::DatasetMigrate(Migration {
        changes: Network {
            channel: Some(channel),
            ..Network::default()
        },
        delay_ms: 1_000,
        waits,
        ..Migration::default()
    })
}

#[test]
fn a_network_moves() {
    let (rows, pauses) = talk(&to_channel(20, true), State::Associated, leader((7, 0))).unwrap();
    assert_eq!(rows[0], "moves_in_s=30");
    assert!(
        rows[1].starts_with("network_name=\"OpenThreadDemo\""),
        "{rows:?}"
    );
    assert_eq!((rows.len(), pauses), (2, 4));
    // What another change is pending for: this one is newer.
    let (rows, pauses) = talk(&to_channel(20, false), State::Associated, leader((7, 9))).unwrap();
    assert_eq!(rows, ["moves_in_s=30"]);
    assert_eq!(pauses, 0);
}

#[test]
fn the_new_one_is_the_old_one_with_what_is_given() {
    let set = |request: &Request| {
        let mut told = None;
        let result = talk(
            request,
            State::Associated,
            |property, value| match property {
                Property::THREAD_MGMT_SET_PENDING_DATASET_TLVS => {
                    told = Some(Tlvs::parse(value).unwrap());
                    Err(Status::BUSY)
                }
                property => stored(property, value),
            },
        );
        assert_eq!(result.unwrap_err().code, Code::Busy);
        told.unwrap()
    };
    let tlvs = set(&to_channel(20, true));
    for (kind, value) in Tlvs::parse(&hex(WHOLE)).unwrap().iter() {
        let expected = match kind {
            kind::ACTIVE_TIMESTAMP => &[0, 0, 0, 0, 0, 8, 0, 0],
            kind::CHANNEL => &[0, 0, 20][..],
            _ => value,
        };
        assert_eq!(tlvs.get(kind), Some(expected), "TLV {kind}");
    }
    assert_eq!(tlvs.seconds(kind::PENDING_TIMESTAMP), Some(8));
    assert_eq!(tlvs.get(kind::DELAY), Some(&[0, 0, 3, 0xE8][..]));
    // A whole one keeps its own time where that is newer.
    let newer = WHOLE.replace("0e08000000000007ffff", "0e0800000000ff000000");
    let tlvs = set(&Request::DatasetMigrate(Migration {
        dataset: Some(hex(&newer)),
        ..Migration::default()
    }));
    assert_eq!(tlvs.seconds(kind::ACTIVE_TIMESTAMP), Some(0xFF00));
    // The PSKc of a passphrase is that of the new name.
    let tlvs = set(&Request::DatasetMigrate(Migration {
        changes: Network {
            name: Some("MyOTBRNetwork".into()),
            xpanid: Some([0x12, 0x34, 0xAA, 0xAA, 0x12, 0x34, 0xBB, 0xBB]),
            passphrase: Some("J01NME".into()),
            ..Network::default()
        },
        ..Migration::default()
    }));
    let published = hex("ee4fb64e9341e13846bbe7e1c52b6785");
    assert_eq!(tlvs.get(kind::PSKC), Some(&published[..]));
}

#[test]
fn old_firmware_is_told_in_structures() {
    let mut told = Vec::new();
    let result = talk(
        &to_channel(20, true),
        State::Associated,
        |property, value| match property {
            Property::THREAD_MGMT_SET_PENDING_DATASET_TLVS => Err(Status::PROP_NOT_FOUND),
            Property::THREAD_MGMT_SET_PENDING_DATASET => {
                told = value.to_vec();
                Err(Status::INVALID_STATE)
            }
            property => stored(property, value),
        },
    );
    assert!(result.is_err());
    let members = Dataset::from_value(&told).unwrap();
    assert_eq!(members.get(Property::PHY_CHAN), Some(&[20][..]));
    assert_eq!(
        members.get(Property::DATASET_DELAY_TIMER),
        Some(&1_000_u32.to_le_bytes()[..])
    );
    let pending = members.get(Property::DATASET_PENDING_TIMESTAMP);
    assert_eq!(pending, Some(&8_u64.to_le_bytes()[..]));
    // What has no structure of its own.
    assert_eq!(
        members.get(Property::DATASET_RAW_TLVS),
        Some(&[200, 2, 1, 2][..])
    );
}

#[test]
fn who_does_not_move_is_told() {
    // The leader takes nothing.
    let failure = talk(
        &to_channel(20, true),
        State::Associated,
        |property, value| match property {
            Property::THREAD_MGMT_SET_PENDING_DATASET_TLVS => Ok(Vec::new()),
            property => stored(property, value),
        },
    );
    let failure = failure.unwrap_err();
    assert_eq!(failure.code, Code::Timeout);
    assert!(failure.message.contains("has not taken"), "{failure:?}");
    // It takes it, and nothing comes of it; or the network is left.
    for (left, code) in [(false, Code::Timeout), (true, Code::State)] {
        let mut seconds = None;
        let failure = talk(
            &to_channel(20, true),
            State::Associated,
            |property, value| {
                Ok(match property {
                    Property::THREAD_MGMT_SET_PENDING_DATASET_TLVS => {
                        seconds = Tlvs::parse(value).unwrap().seconds(kind::PENDING_TIMESTAMP);
                        Vec::new()
                    }
                    Property::THREAD_PENDING_DATASET => match seconds {
                        Some(seconds) => members(7, Some((seconds, 1_000))),
                        None => Vec::new(),
                    },
                    Property::THREAD_ACTIVE_DATASET if seconds.is_some() && left => Vec::new(),
                    property => stored(property, value)?,
                })
            },
        );
        assert_eq!(failure.unwrap_err().code, code);
    }
    for (request, state, part) in [
        (to_channel(20, true), State::Commissioned, "attach first"),
        (to_channel(10, true), State::Associated, "11-26"),
        (
            Request::DatasetMigrate(Migration::default()),
            State::Associated,
            "what changes?",
        ),
        (
            Request::DatasetMigrate(Migration {
                dataset: Some(hex(WHOLE)),
                changes: test_net(),
                ..Migration::default()
            }),
            State::Associated,
            "leave the channel",
        ),
    ] {
        let failure = refusal(&request, &known(state));
        assert!(failure.message.contains(part), "{failure:?}");
    }
}
