//! The Spinel frame: what is read is written the same, and described in one line.
//!
//! Input: a frame.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::wire::describe::{Described, LINE_MAX};
use spinel_bridge::wire::spinel::{write_frame, write_property, Frame, FrameError, Header};

fuzz_target!(|octets: &[u8]| {
    let line = Described(octets).to_string();
    assert!(!line.is_empty() && line.chars().count() <= LINE_MAX);
    assert!(!line.contains(char::is_control), "{line:?}");

    let frame = match Frame::parse(octets) {
        Ok(frame) => frame,
        Err(FrameError::Empty) => return assert!(octets.is_empty()),
        Err(FrameError::NotSpinel(octet)) => {
            assert_eq!(octet, octets[0]);
            return assert_ne!(octet >> 6, 2);
        }
        Err(error) => return assert!(!error.to_string().contains('\n')),
    };
    let header = frame.header;
    assert_eq!(header.to_octet(), octets[0]);
    assert_eq!(Header::parse(octets[0]), Some(header));
    assert!(header.iid() <= 3 && header.tid().map_or(0, |tid| tid.get()) <= 15);

    let mut buf = vec![0xA5; octets.len() + 1];
    let len = write_frame(&mut buf, header, frame.command, |payload| {
        payload.data(frame.payload)
    });
    let len = len.expect("the frame is no longer than what was read");
    assert!(len <= octets.len());
    assert_eq!(Frame::parse(&buf[..len]), Ok(frame));

    if let Ok((property, value)) = frame.property() {
        let len = write_property(&mut buf, header, frame.command, property, |payload| {
            payload.data(value)
        });
        let len = len.expect("the frame is no longer than what was read");
        let again = Frame::parse(&buf[..len]).expect("what was written is read");
        assert_eq!(again.property(), Ok((property, value)));
    }
});
