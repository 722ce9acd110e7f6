//! The command line of spinelctl, and what it shows: no panic, what it refuses is one line, and what it
//! sends is a request that the server can read.
//!
//! Input: an octet that says what the rest is: choices that make a command line, its words each ended by a
//! zero octet, or lines of a server.
#![no_main]

#[path = "../common/mod.rs"]
mod common;

use common::client::{check_failure, request};
use common::{requests, Input};
use libfuzzer_sys::fuzz_target;
use spinel_bridge::ctl::client::{self, completion, Command};
use spinel_bridge::ctl::line::{self, RequestLine, Told};
use spinel_bridge::ctl::privilege::needs_privilege;
use spinel_bridge::ctl::secrets::hide;
use spinel_bridge::ctl::verbs::{self, Does};
use spinel_bridge::ctl::wpantund::lookup;
use spinel_bridge::ctl::{Answer, Fields};

fuzz_target!(|octets: &[u8]| {
    let mut input = Input::new(octets);
    match input.octet() % 4 {
        0 => {
            while !input.is_empty() {
                command(&requests::command_line(&mut input));
            }
        }
        1 => {
            let words = input.rest().split(|octet| *octet == 0);
            command(&words.map(requests::text).collect::<Vec<_>>());
        }
        2 => told(&requests::text(input.rest())),
        _ => {
            while !input.is_empty() {
                if let Some(request) = request(&requests::line(&mut input)) {
                    let _ = needs_privilege(&request);
                }
            }
        }
    }
});

fn command(words: &[String]) {
    let invocation = match client::parse(words) {
        Ok(Command::Run(invocation)) => invocation,
        Ok(Command::Help(Some(verb))) => {
            let text = client::help_of(&verb).unwrap_or_default();
            return assert!(
                !text.contains(|c: char| c.is_control() && c != '\n'),
                "{text:?}"
            );
        }
        Ok(Command::Help(None) | Command::Version | Command::Wait(_)) => return,
        Err(failure) => return check_failure(&failure),
    };
    let verb = invocation.verb;
    for word in &invocation.local {
        let _ = completion::script(word);
        let _ = client::help_of(word);
    }
    if matches!(verb.does, Does::Local(_)) {
        return;
    }
    // What is sent is one line that can be split again; the server may still refuse its values.
    let sent = line::request("t-1", verb.name, &invocation.words);
    let text = sent.trim_end_matches('\n');
    assert!(!text.contains('\n'), "{sent:?}");
    match RequestLine::parse(text) {
        Ok(Some(read)) => {
            assert_eq!(read.tag, "t-1");
            match verbs::parse(read.verb, &read.words) {
                Ok(_) => {}
                Err(failure) => check_failure(&failure),
            }
        }
        other => panic!("{sent:?} is read as {other:?}"),
    }
    for word in &invocation.words {
        match lookup(word) {
            Ok(_) => {}
            Err(failure) => check_failure(&failure),
        }
    }
}

/// What a hostile server says.
fn told(text: &str) {
    let mut all: Vec<Fields> = Vec::new();
    for line in text.lines() {
        match Told::parse(line) {
            Ok(Told::Answer { answer, tag }) => {
                let written = line::answer(&tag, &answer);
                let again = Told::parse(written.trim_end_matches('\n'));
                assert!(matches!(again, Ok(Told::Answer { .. })), "{written:?}");
                if let Answer::Row(row) = answer {
                    let _ = hide(&row);
                    all.push(row);
                }
            }
            Ok(Told::Event { name, fields }) => {
                let shown = client::event_line(&name, &fields);
                assert!(
                    !shown.trim_end_matches('\n').contains(char::is_control),
                    "{shown:?}"
                );
            }
            Ok(Told::Greeting { .. }) => {}
            Err(failure) => check_failure(&failure),
        }
    }
    let shown = client::rows(&all, all.len() % 2 == 0);
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    let shown = client::values(&all);
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
}
