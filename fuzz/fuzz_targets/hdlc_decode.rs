//! HDLC-lite: any cut of a stream gives the same events, and what was encoded is decoded again.
//!
//! Input: the length of the pieces (0: one), then the stream.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::wire::spi::FRAME_MAX;

fuzz_target!(|input: &[u8]| {
    let Some((&piece, stream)) = input.split_first() else {
        return;
    };
    let whole = events(&mut Decoder::new(), stream);
    let mut decoder = Decoder::new();
    let pieces = stream.chunks(usize::from(piece).max(1));
    let cut: Vec<_> = pieces
        .flat_map(|piece| events(&mut decoder, piece))
        .collect();
    assert_eq!(whole, cut);
    for (event, frame) in &whole {
        if let Event::Frame { len } = *event {
            assert!((1..=FRAME_MAX).contains(&len));
            assert_eq!(decoded(frame), *frame);
        }
    }
    if (1..=FRAME_MAX).contains(&stream.len()) {
        assert_eq!(decoded(stream), stream);
    }
});

/// All events, each with its frame if it is one.
fn events(decoder: &mut Decoder, mut octets: &[u8]) -> Vec<(Event, Vec<u8>)> {
    let mut events = Vec::new();
    loop {
        let (taken, event) = decoder.decode(octets);
        octets = &octets[taken..];
        match event {
            Some(Event::Frame { len }) => {
                events.push((Event::Frame { len }, decoder.frame(len).to_vec()))
            }
            Some(event) => events.push((event, Vec::new())),
            None => break,
        }
    }
    assert!(octets.is_empty(), "octets were left without an event");
    events
}

/// The frame, encoded and decoded, in the least room.
fn decoded(frame: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; encoded_max(frame.len())];
    let len = encode(frame, &mut octets).expect("encoded_max is room enough");
    assert_eq!(encode(frame, &mut octets[..len]), Some(len));
    assert_eq!(encode(frame, &mut octets[..len - 1]), None);
    encode(frame, &mut octets);
    let mut events = events(&mut Decoder::new(), &octets[..len]);
    let (event, frame) = events.pop().expect("a frame");
    assert!(matches!(event, Event::Frame { .. }) && events.is_empty());
    frame
}
