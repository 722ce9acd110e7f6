//! Every property: a value of its signature as text, packed, and back; and what get makes of it.

use super::*;
use crate::wire::ids::{Access, Needs, PROPERTIES};
use crate::wire::packed::Writer;
use crate::wire::signature::{encode_text, Formatted, Signature};

/// A text for a signature with something in each member.
fn sample(codes: &str) -> String {
    let mut texts = Vec::new();
    let mut rest = codes;
    while let Some(code) = rest.chars().next() {
        rest = &rest[1..];
        if matches!(code, 't' | 'A') {
            let end = closing(rest);
            let inner = sample(&rest[1..end]);
            texts.push(match code {
                't' => format!("({inner})"),
                _ => format!("[{inner} {inner}]"),
            });
            rest = &rest[end + 1..];
            continue;
        }
        texts.extend(member(code));
    }
    texts.join(" ")
}

/// The position of the parenthesis that closes the first one.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    text.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })
    .unwrap()
}

fn member(code: char) -> Option<String> {
    Some(String::from(match code {
        '.' => return None,
        'b' => "true",
        'C' => "250",
        'c' => "-100",
        'S' => "64206",
        's' => "-32768",
        'L' => "4294967294",
        'l' => "-2147483648",
        'X' => "18446744073709551615",
        'x' => "-9223372036854775808",
        'i' => "2097150",
        '6' => "2001:db8::1",
        'E' => "00124B0001020304",
        'e' => "00124B000102",
        'D' | 'd' => "00AA55",
        'U' => "\"a \\\"b\\\"\"",
        other => panic!("no sample for {other}"),
    }))
}

fn pack(signature: Signature<'_>, text: &str) -> Vec<u8> {
    let mut buf = [0xA5; 1024];
    let mut writer = Writer::new(&mut buf);
    encode_text(signature, text, &mut writer).unwrap();
    writer.written().to_vec()
}

#[test]
fn there_is_a_sample_for_every_code() {
    for code in ".bCcSsLlXxi6EeDdU".chars() {
        let text = sample(&code.to_string());
        let codes = code.to_string();
        let signature = Signature::parse(&codes).unwrap();
        let octets = pack(signature, &text);
        assert_eq!(
            Formatted::new(signature, &octets).unwrap().to_string(),
            text
        );
    }
    assert_eq!(sample("A(t(CU))"), r#"[(250 "a \"b\"") (250 "a \"b\"")]"#);
}

#[test]
fn every_property_is_encoded_and_decoded() {
    for info in PROPERTIES.iter() {
        for signature in [info.signature, info.signature.item()] {
            let text = sample(signature.as_str());
            let octets = pack(signature, &text);
            let back = Formatted::new(signature, &octets).unwrap();
            assert_eq!(back.surplus(), 0, "{}", info.name);
            assert_eq!(back.to_string(), text, "{}", info.name);
        }
    }
}

/// A co-processor with everything but what `missing` names.
fn all_but(missing: &[Capability]) -> Known {
    let all = (1..=16)
        .chain(18..=70)
        .chain(510..=530)
        .chain(1024..=1040)
        .chain(15_296..=15_298);
    let left: Vec<u32> = all
        .filter(|&number| !missing.contains(&Capability(number)))
        .collect();
    known_with(State::Associated, &left)
}

#[test]
fn get_of_every_property_is_a_frame_or_a_refusal_that_says_why() {
    let complete = all_but(&[]);
    let mut frames = 0;
    for info in PROPERTIES.iter() {
        let request = Request::Get(info.id);
        if !info.access.contains(Access::GET) {
            let failure = refusal(&request, &complete);
            assert_eq!(failure.code, Code::NotSupported, "{}", info.name);
            assert!(failure.message.starts_with(info.name), "{failure}");
            continue;
        }
        frames += 1;
        let octets = steps(&request, &complete);
        assert_eq!(octets.len(), 1, "{}", info.name);
        assert!(octets[0].starts_with("02 "), "{octets:?}");
        if let Needs::AnyOf(needed) = info.needs {
            let failure = refusal(&request, &all_but(needed));
            assert_eq!(failure.code, Code::NotSupported, "{}", info.name);
            for capability in needed {
                assert!(
                    failure.message.contains(&capability.to_string()),
                    "{failure}"
                );
            }
        }
    }
    assert!(frames > 200, "{frames}");
}

/// What a client writes as text passes the check, except for streams.
#[test]
fn samples_can_be_written_where_the_table_says_so() {
    let complete = all_but(&[]);
    let request = |access, property, octets| match access {
        Access::SET => Request::Set(property, octets),
        Access::INSERT => Request::Insert(property, octets),
        _ => Request::Remove(property, octets),
    };
    for info in PROPERTIES.iter() {
        for access in [Access::SET, Access::INSERT, Access::REMOVE] {
            let signature = match access {
                Access::SET => info.signature,
                _ => info.signature.item(),
            };
            let octets = pack(signature, &sample(signature.as_str()));
            let request = request(access, info.id, octets.clone());
            let is_stream = info.name.contains("STREAM")
                && !matches!(
                    info.id,
                    Property::NEST_STREAM_MFG
                        | Property::MAC_RAW_STREAM_ENABLED
                        | Property::STREAM_CLI
                );
            match script(&request, &complete, &CONTEXT) {
                Ok(script) => {
                    assert!(info.access.contains(access) && !is_stream, "{request:?}");
                    let shown = show_step(&script.steps[0]);
                    let digits: String = shown.split(' ').collect();
                    assert!(digits.ends_with(&Hex(&octets).to_string()), "{request:?}");
                }
                Err(failure) if is_stream => assert_eq!(failure.code, Code::Denied),
                Err(failure) => {
                    // There is no memory of ours behind the first two; the others have a verb each.
                    let expected = match info.id {
                        Property::HBO_MEM_MAX | Property::HBO_BLOCK_MAX => Code::NotSupported,
                        Property::POWER_STATE
                        | Property::HOST_POWER_STATE
                        | Property::MCU_POWER_STATE
                            if access == Access::SET =>
                        {
                            Code::Denied
                        }
                        _ => {
                            assert!(!info.access.contains(access), "{request:?}: {failure}");
                            Code::NotSupported
                        }
                    };
                    assert_eq!(failure.code, expected);
                }
            }
        }
    }
}
