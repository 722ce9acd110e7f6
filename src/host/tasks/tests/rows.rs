//! What a client sees of the answers.

use super::*;
use crate::ctl::request::{Filter, RandomKind};
use crate::wire::ids::Command;
use proptest::prelude::*;

fn row(fields: Option<Fields>) -> String {
    show_row(&fields.unwrap())
}

/// Protocol §3.12, without the three octets of the frame's head.
const DRAFT_BEACON: &str = "0F C4 0D 00 B6 40 D4 8C E9 38 F9 52 FF FF D2 04 00
    13 00 03 20 73 70 69 6E 65 6C 00 08 00 DE AD 00 BE EF 00 CA FE";
const BEACON: &str = "0F C4 0D 00 B6 40 D4 8C E9 38 F9 52 FF FF D2 04 FF
    15 00 03 21 73 70 69 6E 65 6C 00 08 00 DE AD 00 BE EF 00 CA FE 00 00";

#[test]
fn beacons() {
    assert_eq!(
        row(beacon_row(&hex(DRAFT_BEACON))),
        "channel=15 rssi=-60 address=B640D48CE938F952 panid=0x04d2 lqi=0 protocol=3 version=2 \
         native_commissioner=false joinable=false network_name=\"spinel\" xpanid=DEAD00BEEF00CAFE"
    );
    assert_eq!(
        row(beacon_row(&hex(BEACON))),
        "channel=15 rssi=-60 address=B640D48CE938F952 panid=0x04d2 lqi=255 protocol=3 version=2 \
         native_commissioner=false joinable=true network_name=\"spinel\" xpanid=DEAD00BEEF00CAFE"
    );
}

/// By MLE discovery: the flag is not set there.
#[test]
fn steering_data_says_that_a_network_is_joinable() {
    let found = hex("16 EC 0D 00 5E 98 80 6B 7E 85 31 A9 FF FF 81 A3 00
        14 00 03 50 63 6F 6D 6D 00 08 00 24 D8 73 AC 77 08 91 07 01 00 FF");
    assert_eq!(
        row(beacon_row(&found)),
        "channel=22 rssi=-20 address=5E98806B7E8531A9 panid=0xa381 lqi=0 protocol=3 version=5 \
         native_commissioner=false joinable=true network_name=\"comm\" xpanid=24D873AC77089107 \
         steering_data=FF"
    );
}

#[test]
fn members_of_a_beacon_may_be_missing() {
    assert_eq!(beacon_row(&[]), None);
    // As firmware tells of a beacon without a payload.
    let nameless = hex("14 EC 0D 00 86 CC 64 2E 3E 41 8B 73 FF FF A4 FD 00
        0D 00 03 00 00 08 00 00 00 00 00 00 00 00 00");
    assert_eq!(
        row(beacon_row(&nameless)),
        "channel=20 rssi=-20 address=86CC642E3E418B73 panid=0xfda4 lqi=0 protocol=3 version=0 \
         native_commissioner=false joinable=false"
    );
    let octets = hex(BEACON);
    assert_eq!(row(beacon_row(&octets[..1])), "channel=15");
    assert_eq!(row(beacon_row(&octets[..2])), "channel=15 rssi=-60");
    // A MAC structure that ends early does not hide the network.
    let short = hex("0F C4 08 00 B6 40 D4 8C E9 38 F9 52 08 00 03 08 61 00 00 00 01 00 5A");
    assert_eq!(
        row(beacon_row(&short)),
        "channel=15 rssi=-60 address=B640D48CE938F952 protocol=3 version=0 \
         native_commissioner=true joinable=false network_name=\"a\""
    );
}

#[test]
fn energy() {
    assert_eq!(row(energy_row(&[0x0B, 0xA6])), "channel=11 rssi=-90");
    assert_eq!(energy_row(&[0x0B]), None);
}

/// Protocol §3.13.
const RAW: &str = "05 00 02 00 2A E0 3B C4 9E 00 00 0A 00 0F FF 40 42 0F 00 00 00 00 00 01 00 00";

#[test]
fn raw_frames() {
    assert_eq!(
        row(sniff_row(&hex(RAW))),
        "frame=02002AE03B fcs=true channel=15 rssi=-60 noise=-98 lqi=255 timestamp=1000000 \
         flags=0x0000 tx=false bad_fcs=false duplicate=false"
    );
    // Bare, as older firmware sends it.
    assert_eq!(
        row(sniff_row(&hex("05 00 02 00 2A E0 3B"))),
        "frame=02002AE03B fcs=true flags=0x0000 tx=false bad_fcs=false duplicate=false"
    );
    assert_eq!(
        row(sniff_row(&hex("03 00 02 00 2A 80 80 0C 00 01 00 14 01 00 05"))),
        "frame=02002A fcs=true channel=20 flags=0x000c tx=false bad_fcs=true duplicate=true error=5"
    );
}

#[test]
fn frames_of_our_own_lose_their_dummy_fcs() {
    assert_eq!(
        row(sniff_row(&hex("05 00 02 00 2A 00 00 05 80 01 00 01 00 0F"))),
        "frame=02002A fcs=false channel=15 power=5 flags=0x0001 tx=true bad_fcs=false \
         duplicate=false"
    );
    for octets in ["00 00", "02 00 01 02 05 80 01 00", "05 00 01", ""] {
        assert_eq!(sniff_row(&hex(octets)), None, "{octets}");
    }
}

#[test]
fn values_by_signature() {
    let show = |property, octets: &str| {
        show_row(&property_row(
            Command::PROP_VALUE_IS,
            property,
            &hex(octets),
        ))
    };
    assert_eq!(show(Property::NET_ROLE, "03"), "NET_ROLE=3");
    assert_eq!(show(Property::PHY_RSSI, "A6"), "PHY_RSSI=-90");
    assert_eq!(show(Property::NET_IF_UP, "01"), "NET_IF_UP=true");
    assert_eq!(
        show(Property::NET_NETWORK_NAME, "61 20 0A 62 00"),
        "NET_NETWORK_NAME=\"a \\nb\""
    );
    assert_eq!(
        show(Property::HWADDR, "00124B0001020304"),
        "HWADDR=00124B0001020304"
    );
    assert_eq!(
        show(Property::PROTOCOL_VERSION, "04 03"),
        "PROTOCOL_VERSION=\"4 3\""
    );
    assert_eq!(
        show(Property::THREAD_NETWORK_DATA, ""),
        "THREAD_NETWORK_DATA=-"
    );
    assert_eq!(
        show(Property::JAM_DETECT_HISTORY_BITMAP, "FFFFFFFFFFFFFFFF"),
        "JAM_DETECT_HISTORY_BITMAP=18446744073709551615"
    );
    // Too short, not known, and longer than the table says (errata E32).
    assert_eq!(show(Property::MAC_15_4_PANID, "01"), "MAC_15_4_PANID=01");
    assert_eq!(show(Property(15_360), "0102"), "15360=0102");
    assert_eq!(
        show(Property::THREAD_NETWORK_DATA_VERSION, "07 00"),
        "THREAD_NETWORK_DATA_VERSION=7"
    );
}

#[test]
fn items_by_the_signature_of_an_item() {
    let octets = hex("00124B0001020304 7F");
    let row = property_row(
        Command::PROP_VALUE_INSERTED,
        Property::MAC_ALLOWLIST,
        &octets,
    );
    assert_eq!(show_row(&row), "MAC_ALLOWLIST=\"00124B0001020304 127\"");
    let row = property_row(
        Command::PROP_VALUE_REMOVED,
        Property::UNSOL_UPDATE_FILTER,
        &[0x52],
    );
    assert_eq!(show_row(&row), "UNSOL_UPDATE_FILTER=82");
    // As OpenThread tells it, with its length.
    let octets = hex("1B00 CEAB46391B2B2D4B 0044 07000000 03 EC 0B 00 04000000 03000000 EC");
    let row = property_row(
        Command::PROP_VALUE_INSERTED,
        Property::THREAD_NEIGHBOR_TABLE,
        &octets,
    );
    assert_eq!(
        show_row(&row),
        "THREAD_NEIGHBOR_TABLE=\"(CEAB46391B2B2D4B 17408 7 3 -20 11 false 4 3 -20)\""
    );
}

#[test]
fn answers_of_verbs() {
    let known = known_with(State::Offline, &caps_and(&[5, 7, 9, 10, 524]));
    let rows = |request: Request, octets: &str| rows_of(&run(&request, &known), &hex(octets));
    assert_eq!(
        rows(
            Request::Peek {
                address: 0,
                count: 4
            },
            "00 00 00 20 04 00 DE AD BE EF"
        ),
        ["address=0x20000000 octets=DEADBEEF"]
    );
    assert_eq!(
        rows(Request::Random(RandomKind::Bits32), "01020304"),
        ["random=01020304"]
    );
    // The list of protocol §3.14; the second function, that of the levels, sees it too.
    let list = rows(
        Request::GpioList,
        "06 00 00 80 4C 45 44 00 06 00 01 50 42 54 4E 00",
    );
    assert_eq!(
        list[..2],
        [
            "gpio=0 name=\"LED\" output=true pull=none open_drain=false trigger=none",
            "gpio=1 name=\"BTN\" output=false pull=up open_drain=false trigger=rising"
        ]
    );
    assert_eq!(rows(Request::GpioList, "81 40"), ["high=\"0 7 9\""]);
    // As long as a frame can be: an answer has 64 KiB at the most, and lines have 256 numbers.
    let all_high = rows(Request::GpioList, &"FF ".repeat(2_038)).concat();
    assert!(all_high.starts_with("high=\"0 1 2") && all_high.ends_with(" 254 255\""));
    assert_eq!(
        rows(
            Request::FilterShow(Filter::Allow),
            "09 00 00124B0001020304 7F 09 00 00124B0001020305 BA 03 00 010203"
        ),
        ["eui64=00124B0001020304", "eui64=00124B0001020305 rssi=-70"]
    );
    assert_eq!(
        rows(Request::Mfg("x".into()), "6F 6B 00 7A"),
        ["output=\"ok\""]
    );
    let pskc = Request::Set(
        Property::MESHCOP_COMMISSIONER_GENERATE_PSKC,
        hex("61 00 62 00 08 00 DEAD00BEEF00CAFE"),
    );
    let known = known_with(State::Offline, &[1024]);
    assert_eq!(rows_of(&run(&pskc, &known), &[0xAB; 2]), ["pskc=ABAB"]);
}

/// Who wrote a key knows it; whoever looks over a shoulder need not. `getprop` shows it.
#[test]
fn what_is_secret_does_not_come_back() {
    let known = known_with(State::Offline, &[]);
    let key = vec![0xAB; 16];
    let rows_of = |request| match &run(&request, &known).steps[0] {
        Step::Send(send) => format!("{:?}", send.report),
        step => panic!("{step:?}"),
    };
    for request in [
        Request::Set(Property::NET_NETWORK_KEY, key.clone()),
        Request::Set(Property::NET_PSKC, key),
        Request::Set(Property::THREAD_ACTIVE_DATASET_TLVS, vec![]),
    ] {
        assert_eq!(rows_of(request), "Nothing");
    }
    let shown = rows_of(Request::Set(Property::PHY_TX_POWER, vec![1]));
    assert!(shown.contains("Property"), "{shown}");
    let asked = rows_of(Request::Get(Property::NET_NETWORK_KEY));
    assert!(asked.contains("Property"), "{asked}");
}

#[test]
fn groups_of_counters_have_names() {
    let known = known_with(State::Offline, &[5, 524]);
    let script = run(&Request::Counters { clear: false }, &known);
    let words: Vec<u8> = (1..=16_u16).flat_map(u16::to_le_bytes).collect();
    let named = |name: &str, value: u32| format!("name=\"{name}\" value={value}");
    let buffers = rows_of(&script, &words);
    assert_eq!(buffers[0], named("BUFFERS_TOTAL", 1));
    assert_eq!(buffers[2], named("BUFFERS_6LO_SEND_MESSAGES", 3));
    assert_eq!(buffers[15], named("BUFFERS_COAP_BUFFERS", 16));
    let single = super::counter_rows(Property::CNTR_TX_ERR_CCA, &[5, 1, 0, 0]);
    assert_eq!(show_row(&single[0]), named("CNTR_TX_ERR_CCA", 261));
    assert!(super::counter_rows(Property::CNTR_TX_ERR_CCA, &[5]).is_empty());
    let half = |first: u32| {
        let counters: Vec<u8> = (first..first + 17).flat_map(u32::to_le_bytes).collect();
        [vec![68, 0], counters].concat()
    };
    let rows = rows_of(&script, &[half(100), half(200)].concat());
    for (name, value) in [
        ("MAC_TX_TOTAL", 100),
        ("MAC_TX_INDIRECT_MAX_RETRY_EXPIRY", 116),
        ("MAC_RX_TOTAL", 200),
        ("MAC_RX_ERR_OTHER", 216),
        ("IP_TX_SUCCESS", 100),
        ("IP_RX_FAILURE", 201),
        ("RETRIES_DIRECT_0", 100),
        ("RETRIES_INDIRECT_16", 216),
    ] {
        assert!(rows.contains(&named(name, value)), "{name} in {rows:?}");
    }
    assert!(rows_of(&script, &[]).is_empty());
}

#[test]
fn status() {
    let mut known = known(State::Associated);
    for (property, value) in [
        (Property::NCP_VERSION, "53 50 00"),
        (Property::HWADDR, "00124B0001020304"),
        (Property::NET_NETWORK_NAME, "54 00"),
        (Property::NET_XPANID, "DEAD00BEEF00CAFE"),
        (Property::MAC_15_4_PANID, "CE FA"),
        (Property::IPV6_LL_ADDR, "FE800000000000000000000000000001"),
        (
            Property::IPV6_ML_PREFIX,
            "FDDEAD00BEEF00000000000000000000 40",
        ),
        (Property::NET_ROLE, "03"),
        (Property::NET_PARTITION_ID, "4D3C2B1A"),
        (Property::THREAD_RLOC16, "0004"),
    ] {
        assert!(known.remember(property, &hex(value)));
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        steps(&Request::Status, &known),
        [
            "00".to_string(),
            format!(
                "state=associated ncp_version=\"SP\" driver_version={version} driver_name=spinel \
                 hardware_address=00124B0001020304 channel=11 node_type=leader \
                 network_name=\"T\" xpanid=DEAD00BEEF00CAFE panid=0xface \
                 link_local_address=fe80::1 mesh_local_prefix=fdde:ad00:beef::/64 role=leader \
                 partition_id=0x1a2b3c4d rloc16=0x0400"
            )
        ]
    );
    known.state = State::Offline;
    let offline = steps(&Request::Status, &known);
    assert!(offline[1].ends_with("hardware_address=00124B0001020304"));
    known.state = State::DeepSleep;
    assert_eq!(steps(&Request::Status, &known).len(), 1);
    known.state = State::Fault;
    known.fault = Some("no reply".into());
    assert!(steps(&Request::Status, &known)[0]
        .starts_with("state=uninitialized:fault fault=\"no reply\""));
}

#[test]
fn node_types() {
    let show = |role: u8, mode: u8| {
        let mut known = known(State::Associated);
        known.remember(Property::NET_ROLE, &[role]);
        known.remember(Property::THREAD_MODE, &[mode]);
        let row = steps(&Request::Status, &known)[1].clone();
        let mut pairs = row.split(' ');
        pairs
            .find_map(|pair| pair.strip_prefix("node_type="))
            .unwrap()
            .to_string()
    };
    assert_eq!(show(3, 0x0F), "leader");
    assert_eq!(show(2, 0x0F), "router");
    assert_eq!(show(1, 0x0F), "end-device");
    assert_eq!(show(1, 0x04), "sleepy-end-device");
    assert_eq!(show(0, 0x0F), "router");
    assert_eq!(show(0, 0x0D), "end-device");
}

#[test]
fn the_list_hides_keys() {
    let mut known = known(State::Offline);
    known.remember(Property::NET_NETWORK_KEY, &[0xAB; 16]);
    known.remember(Property::NET_ROLE, &[0]);
    let list = steps(&Request::ListProperties, &known);
    assert!(list.contains(&"NET_NETWORK_KEY=hidden".into()));
    assert!(list.contains(&"NET_ROLE=0".into()));
    assert!(!list.iter().any(|row| row.contains("ABAB")));
}

/// A word that is empty or has white space could not be read back by a client.
fn is_sound(row: &Fields) -> bool {
    row.0.iter().all(|(name, value)| {
        let is_word = |text: &str| {
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"')
        };
        is_word(name) && !matches!(value, Field::Word(word) if !is_word(word))
    })
}

proptest! {
    #[test]
    fn any_octets_make_rows_or_none(
        octets in proptest::collection::vec(any::<u8>(), 0..80),
        index in 0..crate::wire::ids::PROPERTIES.len(),
    ) {
        let all: Vec<u32> = (0..1100).collect();
        for chunk in all.chunks(200) {
            let known = known_with(State::Associated, chunk);
            for request in all_requests() {
                let Ok(script) = script(&request, &known, &CONTEXT) else { continue };
                for step in &script.steps {
                    if let Step::Send(Send { report: crate::host::script::Report::Rows(rows), .. }) = step {
                        prop_assert!(rows(&octets).iter().all(is_sound));
                    }
                }
            }
        }
        for row in [beacon_row(&octets), energy_row(&octets), sniff_row(&octets)] {
            prop_assert!(row.iter().all(is_sound));
        }
        let property = crate::wire::ids::PROPERTIES.iter().nth(index).unwrap().id;
        for command in [Command::PROP_VALUE_IS, Command::PROP_VALUE_INSERTED] {
            prop_assert!(is_sound(&property_row(command, property, &octets)));
        }
    }
}
