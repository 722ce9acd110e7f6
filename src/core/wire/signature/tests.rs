use super::*;
use crate::wire::ids::PROPERTIES;
use crate::wire::packed::{Writer, UINT_PACKED_MAX};
use proptest::prelude::*;

fn signature(text: &str) -> Signature<'_> {
    Signature::parse(text).unwrap()
}

fn format(codes: &str, octets: &[u8]) -> Result<String, Malformed> {
    Formatted::new(signature(codes), octets).map(|formatted| formatted.to_string())
}

fn encode<'t>(codes: &str, text: &'t str) -> Result<Vec<u8>, TextError<'t>> {
    let mut buf = [0xA5; 256];
    let mut writer = Writer::new(&mut buf);
    encode_text(signature(codes), text, &mut writer).map(|()| writer.written().to_vec())
}

/// The examples of protocol §2.1 and the values of §3: signature, octets, text.
const VECTORS: &[(&str, &[u8], &str)] = &[
    ("", &[], ""),
    ("b", &[0x01], "true"),
    ("C", &[0xFF], "255"),
    ("c", &[0x80], "-128"),
    ("S", &[0x34, 0x12], "4660"),
    ("s", &[0xFE, 0xFF], "-2"),
    ("L", &[0x78, 0x56, 0x34, 0x12], "305419896"),
    ("l", &[0xFE, 0xFF, 0xFF, 0xFF], "-2"),
    ("X", &[0xFF; 8], "18446744073709551615"),
    ("x", &[0, 0, 0, 0, 0, 0, 0, 0x80], "-9223372036854775808"),
    ("i", &[0xB9, 0x0A], "1337"),
    (
        "6",
        &[0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        "2001:db8::1",
    ),
    (
        "E",
        &[0x00, 0x12, 0x4B, 0x00, 0x01, 0x02, 0x03, 0x04],
        "00124B0001020304",
    ),
    ("e", &[0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F], "0A0B0C0D0E0F"),
    ("D", &[0xAA, 0xBB], "AABB"),
    ("D", &[], "-"),
    ("d", &[0x02, 0x00, 0xAA, 0xBB], "AABB"),
    ("d", &[0x00, 0x00], "-"),
    ("U", b"Hi\0", "\"Hi\""),
    ("U", b"\0", "\"\""),
    ("U", b"a \"b\" \\ \n\xFF\0", r#""a \"b\" \\ \n\xFF""#),
    ("t(CS)", &[0x03, 0x00, 0x01, 0x03, 0x02], "(1 515)"),
    ("t(CS)", &[0x00, 0x00], "()"),
    ("A(S)", &[0x01, 0x00, 0x02, 0x00, 0x03, 0x00], "[1 2 3]"),
    ("A(S)", &[], "[]"),
    (
        "A(t(CU))",
        &[0x03, 0x00, 0x01, 0x61, 0x00, 0x02, 0x00, 0x02, 0x00],
        "[(1 \"a\") (2 \"\")]",
    ),
    ("dC", &[0x01, 0x00, 0xAA, 0x05], "AA 5"),
    ("DC", &[0x01, 0x00, 0xAA, 0x05], "AA 5"),
    ("DD", &[0x01, 0x00, 0xAA, 0x05], "AA 05"),
    ("D.", &[0x01, 0x00, 0xAA], "AA"),
    ("C.S", &[0x05, 0x01, 0x00], "5 1"),
    ("t(A(L))t(A(L))", &[4, 0, 1, 0, 0, 0, 0, 0], "([1]) ([])"),
    ("A(t(ESA(t(iC))))", &[], "[]"),
    ("t(t(A(C))C)", &[5, 0, 2, 0, 7, 8, 9], "(([7 8]) 9)"),
    ("A(A(C))", &[1, 2], "[[1 2]]"),
];

#[test]
fn vectors_are_formatted() {
    for &(codes, octets, text) in VECTORS {
        assert_eq!(format(codes, octets).as_deref(), Ok(text), "{codes}");
    }
}

#[test]
fn vectors_are_encoded() {
    for &(codes, octets, text) in VECTORS.iter().filter(|vector| !vector.2.is_empty()) {
        assert_eq!(encode(codes, text).as_deref(), Ok(octets), "{codes} {text}");
    }
    assert_eq!(encode("", ""), Ok(vec![]));
}

#[test]
fn trailing_octets_are_surplus() {
    for (codes, surplus) in [
        ("", 5),
        ("C", 4),
        ("CS", 2),
        ("d", 3),
        ("D", 0),
        ("A(C)", 0),
    ] {
        let formatted = Formatted::new(signature(codes), &[0, 0, 1, 2, 3]).unwrap();
        assert_eq!(formatted.surplus(), surplus, "{codes}");
    }
    // A later version's third member is not surplus, it is skipped.
    let formatted = Formatted::new(signature("t(C)C"), &[2, 0, 1, 0xA5, 7]).unwrap();
    assert_eq!(
        (formatted.to_string().as_str(), formatted.surplus()),
        ("(1) 7", 0)
    );
}

#[test]
fn a_missing_tail_is_no_error_and_a_cut_value_is() {
    assert_eq!(format("CSU", &[1]).as_deref(), Ok("1"));
    assert_eq!(format("CSU", &[1, 2]), Err(Malformed::Truncated));
    assert_eq!(format("CU", &[1, b'a']), Err(Malformed::Unterminated));
    assert_eq!(
        format("A(i)", &[1, 0x80, 0x80, 0x80]),
        Err(Malformed::IntegerTooLong)
    );
    assert_eq!(
        format("A(t(S))", &[2, 0, 1, 0, 1, 0, 1]),
        Err(Malformed::Truncated)
    );
    assert_eq!(
        format("t(t(d))", &[4, 0, 2, 0, 1, 0]),
        Err(Malformed::Truncated)
    );
    let mut items = Items::new(signature("CSC"), &[1, 2]);
    assert!(matches!(items.next(), Some(Ok(Value::Unsigned(1)))));
    assert!(matches!(items.next(), Some(Err(Malformed::Truncated))));
    assert!(items.next().is_none());
}

#[test]
fn hidden_data_is_counted() {
    let formatted = Formatted::new(signature("CdD"), &[1, 1, 0, 0xAB, 0xCD]).unwrap();
    assert_eq!(formatted.hide_data().to_string(), "1 <1 octets> <1 octets>");
}

#[test]
fn control_and_direction_characters_are_escaped() {
    let escaped = |text: &str| Escaped(text.as_bytes()).to_string();
    assert_eq!(
        escaped("a\r\n\u{1b}\u{202e}\u{85}\u{2028}é"),
        r"a\r\n\u{1b}\u{202e}\u{85}\u{2028}é"
    );
    assert_eq!(Escaped(b"\xE2\x82").to_string(), r"\xE2\x82");
}

#[test]
fn signatures_are_refused() {
    use SignatureError::*;
    for (text, error) in [
        ("CZ", UnknownCode(1)),
        ("C S", UnknownCode(1)),
        ("(C)", UnknownCode(0)),
        ("é", UnknownCode(0)),
        ("C)", Parenthesis(1)),
        ("tC", Parenthesis(0)),
        ("t", Parenthesis(0)),
        ("Ct(C", Parenthesis(1)),
        ("A()", ArrayItem(0)),
        ("A(.)", ArrayItem(0)),
        ("CA(CS)", ArrayItem(1)),
        ("A(C)S", ArrayNotLast(0)),
        ("t(A(C)S)", ArrayNotLast(2)),
        ("t(t(t(t(t(t(t(t(t(C)))))))))", TooDeep(16)),
    ] {
        assert_eq!(Signature::parse(text), Err(error), "{text}");
    }
    assert!(Signature::parse("t(t(t(t(t(t(t(t(C))))))))").is_ok());
    assert!(Signature::parse(&"A(".repeat(50_000)).is_err());
}

#[test]
fn items_of_arrays() {
    for (codes, item) in [
        ("A(t(6CbCbSC))", "6CbCbSC"),
        ("A(t(t(C)t(S)))", "t(C)t(S)"),
        ("A(i)", "i"),
        ("Cc", "Cc"),
        ("t(A(6))A(t(CD))", "t(A(6))A(t(CD))"),
    ] {
        assert_eq!(signature(codes).item(), signature(item));
    }
}

#[test]
fn items_of_all_properties_are_signatures() {
    for row in PROPERTIES.iter() {
        let item = row.signature.item().as_str();
        assert_eq!(
            Signature::parse(item).map(Signature::as_str),
            Ok(item),
            "{}",
            row.name
        );
    }
}

/// One value: its signature, its octets, whether it must be last.
type Packed = (String, Vec<u8>, bool);

fn packed_member() -> impl Strategy<Value = Packed> {
    let fixed = |code: &'static str, len: usize| {
        prop::collection::vec(any::<u8>(), len)
            .prop_map(move |octets| (code.to_string(), octets, false))
    };
    let with_length = |code: &str, octets: &[u8]| {
        let mut packed = (octets.len() as u16).to_le_bytes().to_vec();
        packed.extend_from_slice(octets);
        (code.to_string(), packed, false)
    };
    let data = || prop::collection::vec(any::<u8>(), 0..8);
    let leaf = prop_oneof![
        any::<bool>().prop_map(|value| ("b".to_string(), vec![value.into()], false)),
        fixed("C", 1),
        fixed("c", 1),
        fixed("S", 2),
        fixed("s", 2),
        fixed("L", 4),
        fixed("l", 4),
        fixed("X", 8),
        fixed("x", 8),
        fixed("6", 16),
        fixed("E", 8),
        fixed("e", 6),
        Just((".".to_string(), vec![], false)),
        (0..=UINT_PACKED_MAX).prop_map(|value| {
            let mut buf = [0; 3];
            let mut writer = Writer::new(&mut buf);
            writer.uint_packed(value).unwrap();
            ("i".to_string(), writer.written().to_vec(), false)
        }),
        prop::collection::vec(1..=u8::MAX, 0..8).prop_map(|mut text| {
            text.push(0);
            ("U".to_string(), text, false)
        }),
        data().prop_map(move |octets| with_length("d", &octets)),
        data().prop_map(|octets| ("D".to_string(), octets, true)),
        prop::collection::vec(any::<u16>(), 0..4).prop_map(|items| {
            let octets = items.iter().flat_map(|item| item.to_le_bytes()).collect();
            ("A(S)".to_string(), octets, true)
        }),
    ];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        packed_members(inner)
            .prop_map(move |(codes, octets, _)| with_length(&format!("t({codes})"), &octets))
    })
}

/// Some values in a row, up to the first that must be last.
fn packed_members(member: impl Strategy<Value = Packed>) -> impl Strategy<Value = Packed> {
    prop::collection::vec(member, 1..6).prop_map(|members| {
        let (mut codes, mut octets) = (String::new(), Vec::new());
        for (code, packed, last) in members {
            codes.push_str(&code);
            octets.extend(packed);
            if last {
                break;
            }
        }
        (codes, octets, false)
    })
}

proptest! {
    #[test]
    fn values_round_trip_through_text((codes, octets, _) in packed_members(packed_member())) {
        let formatted = Formatted::new(signature(&codes), &octets);
        let text = formatted.map(|formatted| formatted.to_string());
        prop_assert!(text.is_ok(), "{}: {:?}", codes, text);
        let text = text.unwrap();
        // A text of nothing stands for no value only where the signature has none.
        if !text.is_empty() {
            prop_assert_eq!(encode(&codes, &text), Ok(octets), "{}: {}", codes, text);
        }
    }

    #[test]
    fn any_octets_are_formatted_or_refused(
        row in 0..PROPERTIES.len(),
        octets in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..100),
    ) {
        if let Ok(formatted) = Formatted::new(PROPERTIES.iter().nth(row).unwrap().signature, &octets) {
            prop_assert!(formatted.surplus() <= octets.len());
            prop_assert!(!formatted.to_string().chars().any(char::is_control));
        }
    }

    #[test]
    fn any_text_is_a_signature_or_not(text in "[.bCcSXi6EeDdUtA()z]{0,12}") {
        if let Ok(signature) = Signature::parse(&text) {
            let octets = [1, 0, 1, 0, 0, 0, 1, 2, 3];
            let _ = Formatted::new(signature, &octets).map(|formatted| formatted.to_string());
        }
    }
}
