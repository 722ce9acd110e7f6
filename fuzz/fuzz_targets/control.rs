//! The control protocol: a line of a client is a request or is refused in one line; a line of a server is
//! read or refused.
//!
//! Input: lines, as a client sends them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::ctl::line::{answer, is_tag, refusal, RequestLine, Told, LINE_MAX};
use spinel_bridge::ctl::privilege::{is_never_written, needs_privilege};
use spinel_bridge::ctl::request::Request;
use spinel_bridge::ctl::verbs::{parse, Asked};
use spinel_bridge::ctl::Answer;

fuzz_target!(|input: &[u8]| {
    for line in input.split(|&octet| octet == b'\n') {
        let Ok(text) = core::str::from_utf8(line) else {
            continue;
        };
        let _ = Told::parse(text);
        let failure = match RequestLine::parse(text) {
            Ok(None) => continue,
            Ok(Some(request)) => {
                assert!(is_tag(request.tag));
                match parse(request.verb, &request.words) {
                    Ok(asked) => {
                        check(&asked);
                        continue;
                    }
                    Err(failure) => failure,
                }
            }
            Err(error) => error.failure,
        };
        let written = refusal(&failure);
        assert!(
            !written.trim_end_matches('\n').contains(char::is_control),
            "{written:?}"
        );
        assert!(written.len() < LINE_MAX, "{written}");
        let told = Told::parse(written.trim_end_matches('\n'));
        let expected = Answer::Failed(failure);
        assert!(
            matches!(&told, Ok(Told::Answer { answer, .. }) if *answer == expected),
            "{told:?}"
        );
        let _ = answer("t", &expected);
    }
});

/// What reaches the host is never a raw frame, and what is not known needs privilege.
fn check(asked: &Asked) {
    if let Asked::Host(request) = asked {
        let privileged = needs_privilege(request);
        match request {
            Request::Set(property, value)
            | Request::Insert(property, value)
            | Request::Remove(property, value) => {
                assert!(!is_never_written(*property), "{property}");
                assert!(value.len() < 2043);
                assert!(privileged || property.info().is_some(), "{property}");
            }
            Request::Get(property) => assert!(privileged || property.info().is_some()),
            Request::Form(network) | Request::Join(network) => {
                assert!(!matches!(&network.name, Some(name) if name.is_empty() || name.len() > 16));
                assert_ne!(network.panid, Some(0xFFFF));
            }
            Request::AddPrefix(prefix) => assert!(prefix.bits <= 128),
            _ => {}
        }
    }
}
