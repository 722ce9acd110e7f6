//! HDLC-lite: the vectors of protocol §6.5 both ways, the receiver's table of §6.3, the reset sequence
//! of §6.4, and what a client can do to the port.

use proptest::prelude::*;
use spinel_bridge::bridge::Upper;
use spinel_bridge::hdlc::decode::{Decoder, Discard, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::{Port, RESET_SEQUENCE};
use spinel_bridge::wire::spi::FRAME_MAX;

const VECTORS: [(&str, &str); 11] = [
    ("81 00", "7E 81 00 53 9A 7E"),
    ("81 06 00 00", "7E 81 06 00 00 D2 1B 7E"),
    ("80 01", "7E 80 01 02 92 7E"),
    ("80 06 00 72", "7E 80 06 00 72 FC 57 7E"),
    ("81 02 01", "7E 81 02 01 C5 B2 7E"),
    ("81 06 01 04 03", "7E 81 06 01 04 03 DB 0A 7E"),
    ("85 02 05", "7E 85 02 05 80 97 7E"),
    ("82 03 21 11", "7E 82 03 21 7D 31 41 3C 7E"),
    ("82 03 21 13", "7E 82 03 21 7D 33 53 1F 7E"),
    (
        "83 03 80 78 7E 7D 11 13 F8",
        "7E 83 03 80 78 7D 5E 7D 5D 7D 31 7D 33 7D D8 55 F5 7E",
    ),
    ("84 03 21 05", "7E 84 03 21 05 7D 5E 21 7E"),
];

fn octets(hex: &str) -> Vec<u8> {
    hex.split_whitespace()
        .map(|octet| u8::from_str_radix(octet, 16).expect("hex"))
        .collect()
}

fn encoded(frame: &[u8]) -> Vec<u8> {
    // Filled, so that an octet that is not written shows.
    let mut out = vec![0xA5; encoded_max(frame.len()) + 4];
    let len = encode(frame, &mut out).expect("it fits");
    assert!(out[len..].iter().all(|&octet| octet == 0xA5));
    out.truncate(len);
    out
}

/// Everything that a decoder finds in `input`, cut where `cuts` says.
fn decode(input: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Vec<Event>) {
    let mut decoder = Decoder::new();
    let (mut frames, mut others) = (Vec::new(), Vec::new());
    let mut start = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        let mut piece = &input[start.min(end)..end];
        while !piece.is_empty() {
            let (taken, event) = decoder.decode(piece);
            assert!(taken > 0, "no progress");
            piece = &piece[taken..];
            match event {
                Some(Event::Frame { len }) => frames.push(decoder.frame(len).to_vec()),
                Some(event) => others.push(event),
                None => assert!(piece.is_empty(), "stopped without an event"),
            }
        }
        start = end;
    }
    (frames, others)
}

#[test]
fn vectors_both_ways() {
    for (frame, wire) in VECTORS {
        assert_eq!(encoded(&octets(frame)), octets(wire), "{frame}");
        // With octets of the next frame behind it.
        let mut input = octets(wire);
        input.extend_from_slice(&[0x81, 0x00]);
        assert_eq!(decode(&input, &[]), (vec![octets(frame)], vec![]), "{wire}");
    }
}

#[test]
fn octets_that_pyspinel_does_not_escape_are_data() {
    let input = octets("7E 83 03 80 78 7D 5E 7D 5D 11 13 F8 55 F5 7E");
    assert_eq!(
        decode(&input, &[]).0,
        [octets("83 03 80 78 7E 7D 11 13 F8")]
    );
}

#[test]
fn any_octet_may_be_escaped() {
    let input = octets("7E 7D A1 7D 20 53 9A 7E");
    assert_eq!(decode(&input, &[]).0, [octets("81 00")]);
}

#[test]
fn one_flag_ends_a_frame_and_begins_the_next() {
    let input = octets("81 00 53 9A 7E 81 02 01 C5 B2 7E 7E 7E 80 01 02 92 7E");
    let frames = ["81 00", "81 02 01", "80 01"].map(octets);
    assert_eq!(decode(&input, &[]).0, frames);
}

#[test]
fn noise_of_less_than_three_octets_is_silent() {
    let (frames, others) = decode(&octets("7E F8 7E 00 00 7E 81 00 53 9A 7E"), &[]);
    assert_eq!((frames, others), (vec![octets("81 00")], vec![]));
}

#[test]
fn a_bad_fcs_takes_nothing_else_with_it() {
    let (frames, others) = decode(&octets("7E 81 00 53 9B 7E 81 00 53 9A 7E"), &[]);
    assert_eq!(frames, [octets("81 00")]);
    assert_eq!(others, [Event::Discarded(Discard::BadFcs)]);
}

#[test]
fn an_aborted_frame_takes_nothing_else_with_it() {
    let (frames, others) = decode(&octets("7E 81 00 53 7D 7E 81 00 53 9A 7E"), &[]);
    assert_eq!(frames, [octets("81 00")]);
    assert_eq!(others, [Event::Discarded(Discard::Aborted)]);
}

#[test]
fn the_longest_frame_passes_and_one_octet_more_takes_nothing_else_with_it() {
    let longest = vec![0x81; FRAME_MAX];
    let mut input = encoded(&longest);
    input.extend(encoded(&vec![0x81; FRAME_MAX + 1]));
    input.extend(encoded(&octets("81 00")));
    let (frames, others) = decode(&input, &[]);
    assert_eq!(frames, [longest, octets("81 00")]);
    assert_eq!(others, [Event::Discarded(Discard::TooLong)]);
}

#[test]
fn the_reset_sequence_is_no_data_and_data_is_no_reset_sequence() {
    assert_eq!(decode(&RESET_SEQUENCE, &[]).1, [Event::Reset]);
    for cut in 1..RESET_SEQUENCE.len() {
        assert_eq!(
            decode(&RESET_SEQUENCE, &[cut]).1,
            [Event::Reset],
            "cut at {cut}"
        );
    }
    // Escaped, it is two octets of noise.
    assert_eq!(decode(&octets("7E 7D 33 7D 31 7E"), &[]), (vec![], vec![]));
    // As data of a frame, raw as pyspinel sends it.
    let frame = octets("82 03 21 13 11");
    let mut raw = vec![0x7E];
    raw.extend_from_slice(&frame);
    raw.extend_from_slice(&spinel_bridge::wire::fcs::of(&frame));
    raw.push(0x7E);
    assert_eq!(decode(&raw, &[]), (vec![frame], vec![]));
}

/// What the client writes goes into the port as the event loop would put it there.
fn write(port: &mut Port, octets: &[u8]) {
    port.input()[..octets.len()].copy_from_slice(octets);
    port.input_filled(octets.len());
}

#[test]
fn a_reset_request_overtakes_the_frames_that_wait() {
    let mut port = Port::new();
    let mut input = encoded(&octets("81 00"));
    input.extend_from_slice(&RESET_SEQUENCE);
    input.extend(encoded(&octets("82 00")));
    write(&mut port, &input);
    assert!(port.take_reset_request());
    assert!(!port.take_reset_request());
    assert_eq!(port.next_frame(), Some(&octets("82 00")[..]));
    assert_eq!(port.next_frame(), None);
}

#[test]
fn a_reset_of_the_slave_is_told_at_once() {
    let mut port = Port::new();
    port.slave_was_reset();
    assert_eq!(port.output(), RESET_SEQUENCE);
}

#[test]
fn frames_that_are_not_spinel_are_dropped_and_counted_both_ways() {
    let mut port = Port::new();
    write(&mut port, &encoded(&octets("01 03 0C 00")));
    assert_eq!(port.next_frame(), None);
    port.deliver(&octets("C1 00"));
    assert_eq!(port.output(), []);
    assert_eq!(port.stats().not_spinel, 2);
}

#[test]
fn nothing_is_kept_for_a_client_that_went() {
    let mut port = Port::new();
    port.deliver(&octets("80 06 00 72"));
    // It wrote a whole frame, and the beginning of another.
    let mut input = encoded(&octets("81 00"));
    input.extend_from_slice(&octets("7E 82 03 21"));
    write(&mut port, &input);
    port.set_client(false);
    assert_eq!(port.output(), []);
    port.deliver(&octets("80 06 43 03"));
    assert_eq!(port.stats().no_client, 1);
    port.set_client(true);
    write(&mut port, &encoded(&octets("81 02 01"))[1..]);
    assert_eq!(port.next_frame(), Some(&octets("81 00")[..]));
    assert_eq!(port.next_frame(), Some(&octets("81 02 01")[..]));
}

#[test]
fn a_frame_that_was_cut_behind_an_escape_octet_is_given_up() {
    let mut port = Port::new();
    write(&mut port, &octets("7E 82 03 21 7D"));
    port.set_client(false);
    assert_eq!(port.next_frame(), None);
    assert_eq!((port.stats().aborted, port.stats().bad_fcs), (1, 0));
}

#[test]
fn room_means_room_for_the_worst_frame() {
    let mut port = Port::new();
    let worst = vec![0x91; FRAME_MAX].into_iter().map(|_| 0x7E);
    let worst: Vec<u8> = [0x80].into_iter().chain(worst).take(FRAME_MAX).collect();
    let mut delivered = 0;
    while port.has_room() {
        port.slave_was_reset();
        port.deliver(&worst);
        delivered += 1;
        assert_eq!(port.stats().frames_to_client, delivered);
    }
    assert!(delivered >= 3);
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_whatever_the_cuts(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..80), 1..6),
        cuts in prop::collection::vec(0usize..600, 0..8),
    ) {
        let wire: Vec<u8> = frames.iter().flat_map(|frame| encoded(frame)).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(wire.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(decode(&wire, &cuts), (frames, vec![]));
    }

    #[test]
    fn an_encoded_frame_has_flags_at_its_ends_alone_and_fits(
        frame in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let wire = encoded(&frame);
        let inside = &wire[1..wire.len() - 1];
        prop_assert!(inside.iter().all(|octet| ![0x7E, 0x11, 0x13, 0xF8].contains(octet)));
        prop_assert!(wire.len() <= encoded_max(frame.len()));
        let mut short = vec![0; wire.len() - 1];
        prop_assert_eq!(encode(&frame, &mut short), None);
    }

    #[test]
    fn any_octets_are_taken_whole(
        input in prop::collection::vec(prop_oneof![Just(0x7E), Just(0x7D), any::<u8>()], 0..4000),
    ) {
        decode(&input, &[]);
    }
}
