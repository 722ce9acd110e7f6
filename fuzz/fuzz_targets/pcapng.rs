//! What a control client makes of the lines of a server: rows for people, and frames as pcapng blocks that
//! have their own length.
//!
//! Input: lines, as a server sends them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::ctl::client;
use spinel_bridge::ctl::line::Told;
use spinel_bridge::ctl::{Answer, Fields};
use spinel_bridge::pcapng::{head, packet, Frame};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let (mut file, mut blocks, mut rows) = (head("wpan0"), 2, Vec::new());
    for (time, line) in text.lines().enumerate() {
        match Told::parse(line) {
            Ok(Told::Answer {
                answer: Answer::Row(row),
                ..
            }) => {
                if let Some(frame) = Frame::from_row(&row) {
                    file.extend(packet(time as u64 * 1_000_003, &frame));
                    blocks += 1;
                }
                rows.push(row);
            }
            Ok(Told::Greeting { interface, .. }) => {
                assert_eq!(count(&head(&interface)), 2);
            }
            Ok(Told::Event { name, fields }) => {
                let shown = client::event_line(&name, &fields);
                assert_eq!(shown.matches('\n').count(), 1, "{shown:?}");
            }
            Ok(Told::Answer { .. }) | Err(_) => {}
        }
    }
    assert_eq!(count(&file), blocks);
    printable(&rows);
});

/// The blocks of a file, each with its length in front and behind (draft-ietf-opsawg-pcapng §3.1).
fn count(mut file: &[u8]) -> usize {
    let mut blocks = 0;
    while !file.is_empty() {
        let number = |at: usize| {
            let octets = file.get(at..at + 4).expect("four octets");
            u32::from_le_bytes([octets[0], octets[1], octets[2], octets[3]]) as usize
        };
        let length = number(4);
        assert!(
            length >= 12 && length % 4 == 0 && length <= file.len(),
            "{length}"
        );
        assert_eq!(number(length - 4), length);
        file = &file[length..];
        blocks += 1;
    }
    blocks
}

/// A terminal gets nothing but text.
fn printable(rows: &[Fields]) {
    for text in [client::rows(rows, true), client::values(rows)] {
        let control = |c: char| c.is_control() && c != '\n';
        assert!(!text.contains(control), "{text:?}");
    }
}
