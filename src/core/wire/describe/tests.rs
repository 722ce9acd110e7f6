use super::*;
use crate::wire::ids::PROPERTIES;
use crate::wire::packed::Writer;
use proptest::prelude::*;

fn describe(hex: &str) -> String {
    let octets: Vec<u8> = hex
        .split_whitespace()
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect();
    Described(&octets).to_string()
}

fn property_frame(command: Command, property: Property, value: &[u8]) -> Vec<u8> {
    let mut buf = [0; 2048];
    let mut writer = Writer::new(&mut buf);
    writer.uint8(0x81).unwrap();
    writer.uint_packed(command.0).unwrap();
    writer.uint_packed(property.0).unwrap();
    writer.data(value).unwrap();
    writer.written().to_vec()
}

#[test]
fn commands_and_values() {
    for (hex, line) in [
        ("81 00", "TID 1 NOOP"),
        ("80 01 02", "TID 0 RESET 2"),
        ("81 02 01", "TID 1 PROP_VALUE_GET PROTOCOL_VERSION"),
        ("81 06 01 04 03", "TID 1 PROP_VALUE_IS PROTOCOL_VERSION 4 3"),
        (
            "91 06 00 06",
            "IID 1 TID 1 PROP_VALUE_IS LAST_STATUS INVALID_INTERFACE(6)",
        ),
        (
            "80 06 00 72",
            "TID 0 PROP_VALUE_IS LAST_STATUS RESET_SOFTWARE(114)",
        ),
        (
            "80 06 00 7F",
            "TID 0 PROP_VALUE_IS LAST_STATUS UNKNOWN(127)",
        ),
        ("88 03 21 0B", "TID 8 PROP_VALUE_SET PHY_CHAN 11"),
        (
            "85 06 05 05 0C 18 20 30 35 80 04 84 08",
            "TID 5 PROP_VALUE_IS CAPS [COUNTERS UNSOL_UPDATE_FILTER 2450MHZ_OQPSK CONFIG_FTD \
             ROLE_ROUTER NET_THREAD_1_1 MAC_ALLOWLIST THREAD_BORDER_ROUTER]",
        ),
        (
            "8A 03 88 20 45 4B",
            "TID 10 PROP_VALUE_SET UNSOL_UPDATE_FILTER [NET_XPANID NET_PSKC]",
        ),
        (
            "8A 03 88 20",
            "TID 10 PROP_VALUE_SET UNSOL_UPDATE_FILTER []",
        ),
        (
            "81 15 01 02 05",
            "TID 1 PROP_VALUE_MULTI_GET [PROTOCOL_VERSION NCP_VERSION CAPS]",
        ),
        (
            "82 17 02 00 21 0B 02 00 00 03",
            "TID 2 PROP_VALUES_ARE [ PHY_CHAN 11, LAST_STATUS INVALID_ARGUMENT(3) ]",
        ),
        ("83 12 00 00 00 20 04 00", "TID 3 PEEK 536870912 4"),
        (
            "83 13 00 00 00 20 04 00 DE AD BE EF",
            "TID 3 PEEK_RET 536870912 4 <4 octets>",
        ),
        (
            "80 07 33 0F C4 0D 00 B6 40 D4 8C E9 38 F9 52 FF FF D2 04 00 \
             13 00 03 20 73 70 69 6E 65 6C 00 08 00 DE AD 00 BE EF 00 CA FE",
            "TID 0 PROP_VALUE_INSERTED MAC_SCAN_BEACON 15 -60 (B640D48CE938F952 65535 1234 0) \
             (3 32 \"spinel\" DEAD00BEEF00CAFE)",
        ),
        (
            "80 06 5A 17 00 20 01 0D B8 00 03 00 00 00 00 00 00 00 00 00 00 40 01 31 01 00 04 00",
            "TID 0 PROP_VALUE_IS THREAD_ON_MESH_NETS [(2001:db8:3:: 64 true 49 true 1024 0)]",
        ),
        (
            "85 04 5A 20 01 0D B8 00 03 00 00 00 00 00 00 00 00 00 00 40 01 31",
            "TID 5 PROP_VALUE_INSERT THREAD_ON_MESH_NETS 2001:db8:3:: 64 true 49",
        ),
        (
            "80 06 71 05 00 02 00 2A E0 3B C4 9E",
            "TID 0 PROP_VALUE_IS STREAM_RAW <5 octets> <2 octets>",
        ),
    ] {
        assert_eq!(describe(hex), line);
    }
}

#[test]
fn border_router_firmware_is_described() {
    for (octets, text) in [
        (
            "80 06 75 6F 6B 00",
            "TID 0 PROP_VALUE_IS STREAM_CLI <3 octets>",
        ),
        ("81 03 B1 12 01", "TID 1 PROP_VALUE_SET DNSSD_STATE 1"),
        (
            "80 06 F1 12 02",
            "TID 0 PROP_VALUE_IS BACKBONE_ROUTER_STATE 2",
        ),
        (
            "80 06 93 12 07 00 00 00 FE 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01 02 00 85 00",
            "TID 0 PROP_VALUE_IS INFRA_IF_SEND_ICMP6 7 fe80::1 <2 octets>",
        ),
        // The key lets commissioners in.
        (
            "81 03 D4 12 31 32 00 E8 03 00 00 00 00",
            "TID 1 PROP_VALUE_SET BORDER_AGENT_EPHEMERAL_KEY_ACTIVATE <9 octets>",
        ),
        (
            "81 06 00 90 80 01",
            "TID 1 PROP_VALUE_IS LAST_STATUS DETACHED(16400)",
        ),
    ] {
        assert_eq!(describe(octets), text);
    }
}

#[test]
fn packets_show_their_header() {
    let header = "60 00 00 00 00 04 3A 40";
    let source = "FE 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01";
    let destination = "FF 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01";
    assert_eq!(
        describe(&format!(
            "80 06 72 2C 00 {header} {source} {destination} 80 00 AA BB"
        )),
        "TID 0 PROP_VALUE_IS STREAM_NET IPv6 fe80::1 > ff02::1 ICMPv6(58) length 4"
    );
    assert_eq!(
        describe(&format!(
            "80 03 73 29 00 {header} {source} {destination} 80 01 02"
        )),
        "TID 0 PROP_VALUE_SET STREAM_NET_INSECURE IPv6 fe80::1 > ff02::1 ICMPv6(58) length 4 \
         (1 present) +2 octets"
    );
    assert_eq!(
        describe("80 06 72 01 00 60"),
        "TID 0 PROP_VALUE_IS STREAM_NET <1 octets, not IPv6>"
    );
}

#[test]
fn text_of_the_co_processor_stays_in_its_line() {
    assert_eq!(
        describe("80 06 70 68 0A 1B 5B 32 4A FF 22 00 41"),
        r#"TID 0 PROP_VALUE_IS STREAM_DEBUG "h\n\u{1b}[2J\xFF\"""#
    );
    assert_eq!(
        describe("80 06 70 68 65 6C 6C 6F"),
        "TID 0 PROP_VALUE_IS STREAM_DEBUG \"hello\""
    );
    assert_eq!(
        describe("81 06 02 4F 54 0D 0A 00"),
        r#"TID 1 PROP_VALUE_IS NCP_VERSION "OT\r\n""#
    );
}

#[test]
fn log_lines_show_their_metadata() {
    assert_eq!(
        describe("80 06 74 5B 49 5D 20 62 6F 6F 74 00 06 0D E8 03 00 00 00 00 00 00"),
        "TID 0 PROP_VALUE_IS STREAM_LOG \"[I] boot\" INFO region 13 at 1000 ms"
    );
    assert_eq!(
        describe("80 06 74 41"),
        "TID 0 PROP_VALUE_IS STREAM_LOG \"A\""
    );
    assert_eq!(
        describe("80 06 74 41 00 09"),
        "TID 0 PROP_VALUE_IS STREAM_LOG \"A\" level 9"
    );
}

#[test]
fn what_cannot_be_decoded_says_why() {
    for (hex, line) in [
        ("", "empty frame"),
        (
            "7E 00",
            "not Spinel: the first octet is 0x7E, not 0x80..=0xBF: 7E 00",
        ),
        ("81 80", "the frame ends before its command does: 81 80"),
        (
            "81 06",
            "TID 1 PROP_VALUE_IS malformed, a value runs past the end: no octets",
        ),
        ("81 18 01 02", "TID 1 UNKNOWN(24) 01 02"),
        ("81 06 80 78 AA", "TID 1 PROP_VALUE_IS UNKNOWN(15360) AA"),
        (
            "81 06 34 00 12",
            "TID 1 PROP_VALUE_IS MAC_15_4_LADDR malformed, a value runs past the end: 00 12",
        ),
        (
            "81 06 21 0B 01 02",
            "TID 1 PROP_VALUE_IS PHY_CHAN 11 +2 octets",
        ),
        ("81 06 21", "TID 1 PROP_VALUE_IS PHY_CHAN"),
        (
            "81 17 05 00 46 AB",
            "TID 1 PROP_VALUES_ARE [ <4 octets>: a value runs past the end ]",
        ),
    ] {
        assert_eq!(describe(hex), line);
    }
    assert!(describe(&"7E ".repeat(40)).ends_with("7E 7E .. (40 octets)"));
    let dumped = describe(&"7E ".repeat(40)).matches("7E").count();
    // One in the message, then the octets.
    assert_eq!(dumped, 1 + DUMP_MAX);
}

#[test]
fn where_a_secret_begins() {
    let key = [&[0x81, 0x03, 0x46][..], &[7; 16]].concat();
    assert_eq!(secret_at(&key), Some(3));
    assert_eq!(secret_at(&[0x81, 0x06, 0x98, 0x2A, 1, 2, 3]), Some(4));
    assert_eq!(secret_at(&[0x81, 0x02, 0x46]), None);
    assert_eq!(secret_at(&[0x81, 0x06, 0x21, 11]), None);
    // Memory, and several properties at once.
    assert_eq!(secret_at(&[0x81, 0x13, 1, 2]), Some(2));
    assert_eq!(secret_at(&[0x81, 0x17, 1, 2]), Some(2));
    for frame in [&[][..], &[0x81], &[0x81, 0x06], &[0x81, 0x06, 0xFF]] {
        assert_eq!(secret_at(frame), None);
    }
}

#[test]
fn secrets_are_never_in_clear() {
    let key = [0xAB; 16];
    for property in PROPERTIES
        .iter()
        .map(|row| row.id)
        .filter(|id| id.is_secret())
    {
        for command in 3..=8 {
            let line = Described(&property_frame(Command(command), property, &key)).to_string();
            assert!(line.ends_with(" <16 octets>"), "{line}");
        }
        let entry = property_frame(Command(22), property, &key)[2..].to_vec();
        let mut multi = vec![0x82, 22, entry.len() as u8, 0];
        multi.extend_from_slice(&entry);
        let line = Described(&multi).to_string();
        assert!(line.ends_with(" <16 octets> ]"), "{line}");
    }
}

#[test]
fn long_lines_are_cut() {
    let property = Property::THREAD_NETWORK_DATA;
    let value = [0xAB; 1200];
    let line = Described(&property_frame(Command(6), property, &value)).to_string();
    assert_eq!(line.chars().count(), LINE_MAX);
    assert!(line.ends_with("A..."), "{line}");
    let text = "é".repeat(600);
    let frame = property_frame(Command(6), Property::STREAM_DEBUG, text.as_bytes());
    assert_eq!(Described(&frame).to_string().chars().count(), LINE_MAX);
}

fn assert_one_short_line(octets: &[u8]) {
    let line = Described(octets).to_string();
    assert!(line.chars().count() <= LINE_MAX);
    assert!(!line.chars().any(char::is_control), "{line:?}");
}

proptest! {
    #[test]
    fn any_octets_make_one_short_line(octets in prop::collection::vec(any::<u8>(), 0..1500)) {
        assert_one_short_line(&octets);
    }

    #[test]
    fn any_value_makes_one_short_line(
        command in 0..=25_u32,
        row in 0..PROPERTIES.len(),
        value in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        assert_one_short_line(&property_frame(Command(command), PROPERTIES.iter().nth(row).unwrap().id, &value));
    }

    #[test]
    fn any_short_lengths_make_one_short_line(
        row in 0..PROPERTIES.len(),
        value in prop::collection::vec(0..4_u8, 0..100),
    ) {
        assert_one_short_line(&property_frame(Command(6), PROPERTIES.iter().nth(row).unwrap().id, &value));
    }
}
