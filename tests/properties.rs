//! Properties that hold for any input: the HDLC face, the buffer, and the link between a hostile slave
//! and a hostile client. Those of the codecs stand beside the codecs.

#[path = "common/hostile.rs"]
mod hostile;

use proptest::collection::vec;
use proptest::prelude::*;
use spinel_bridge::bridge::Upper;
use spinel_bridge::buffer::Buffer;
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::{Port, FLAG};
use spinel_bridge::wire::spi::FRAME_MAX;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;

proptest! {
    #[test]
    fn frames_come_out_of_any_cut_with_any_noise_between(
        stream in vec((frame(), noise()), 1..12),
        cuts in vec(1usize..400, 1..20),
    ) {
        let mut octets = Vec::new();
        for (frame, noise) in &stream {
            octets.extend(noise);
            octets.extend(encoded(frame));
        }
        let mut port = Port::new();
        let mut received = Vec::new();
        let mut rest = &octets[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let space = port.input();
            let len = space.len().min(*cut).min(rest.len());
            space[..len].copy_from_slice(&rest[..len]);
            rest = &rest[len..];
            port.input_filled(len);
            while let Some(frame) = port.next_frame() {
                received.push(frame.to_vec());
            }
        }
        let sent: Vec<_> = stream.into_iter().map(|(frame, _)| frame).collect();
        prop_assert_eq!(received, sent);
        prop_assert!(!port.take_reset_request());
    }

    #[test]
    fn frames_reach_the_client_over_any_partial_writes(
        frames in vec(frame(), 1..12),
        writes in vec(1usize..3_000, 1..20),
    ) {
        let mut port = Port::new();
        let mut client = Decoder::new();
        let mut received = Vec::new();
        let mut waiting = frames.iter();
        let mut writes = writes.iter().cycle();
        loop {
            while port.has_room() {
                let Some(frame) = waiting.next() else { break };
                port.deliver(frame);
            }
            let output = port.output();
            if output.is_empty() {
                break;
            }
            let written = output.len().min(*writes.next().expect("they cycle"));
            received.extend(decoded(&mut client, &output[..written]));
            port.output_written(written);
        }
        prop_assert_eq!(received, frames);
    }

    #[test]
    fn a_frame_needs_no_more_room_than_said(frame in frame()) {
        let octets = encoded(&frame);
        prop_assert!(octets.len() <= encoded_max(frame.len()));
        let mut room = vec![0; octets.len()];
        prop_assert_eq!(encode(&frame, &mut room), Some(octets.len()));
        room.pop();
        prop_assert_eq!(encode(&frame, &mut room), None);
    }

    #[test]
    fn a_buffer_is_a_queue(capacity in 0usize..40, steps in vec((0u8..4, 0usize..50), 0..100)) {
        let mut buffer = Buffer::new(capacity);
        let mut model: VecDeque<u8> = VecDeque::new();
        let mut next = 0u8;
        for (step, n) in steps {
            match step {
                0 | 1 => {
                    let space = buffer.space();
                    prop_assert_eq!(space.len(), capacity - model.len());
                    for octet in space.iter_mut().take(n) {
                        *octet = next;
                        model.push_back(next);
                        next = next.wrapping_add(1);
                    }
                    buffer.commit(n);
                }
                2 => {
                    buffer.consume(n);
                    model.drain(..n.min(model.len()));
                }
                _ if n == 0 => {
                    buffer.clear();
                    model.clear();
                }
                _ => {}
            }
            prop_assert!(buffer.filled().iter().eq(model.iter()));
            prop_assert_eq!(buffer.room(), capacity - model.len());
        }
    }
}

proptest! {
    // Each script is a run of its own with hundreds of transactions.
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_script_breaks_the_link(script in vec(any::<u8>(), 0..600)) {
        hostile::run(&script);
    }

    #[test]
    fn no_sensible_slave_breaks_the_link(
        settings in any::<[u8; 5]>(),
        steps in vec(step(), 0..80),
    ) {
        hostile::run(&[settings.to_vec(), steps.concat()].concat());
    }
}

/// The seeds of the fuzz target, among them everything that it ever found.
#[test]
fn no_seed_breaks_the_link() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/link");
    let seeds = fs::read_dir(seeds).expect("the seeds are in the repository");
    let mut count = 0;
    for seed in seeds {
        let path = seed.expect("a directory entry").path();
        println!("{}", path.display());
        hostile::run(&fs::read(path).expect("a seed"));
        count += 1;
    }
    assert!(count > 10, "{count} seeds");
}

/// `encoded_max` is tight: eight octets can be such that they and their FCS are all escaped.
#[test]
fn a_frame_can_need_all_the_room() {
    const SPECIAL: [u8; 5] = [FLAG, 0x7D, 0x11, 0x13, 0xF8];
    const LEN: usize = 8;
    let worst = (0..SPECIAL.len().pow(LEN as u32)).any(|mut number| {
        let mut frame = [0; LEN];
        for octet in &mut frame {
            *octet = SPECIAL[number % SPECIAL.len()];
            number /= SPECIAL.len();
        }
        encoded(&frame).len() == encoded_max(LEN)
    });
    assert!(worst, "no frame of {LEN} octets needs encoded_max({LEN})");
}

/// A step of a hostile run that is more to the point than random octets: often a slave's header.
fn step() -> impl Strategy<Value = Vec<u8>> {
    let action = prop::sample::select(&[1u8, 3, 3, 4, 4, 5, 7, 7][..]);
    let length = || prop_oneof![2 => 0u8..8, 3 => Just(0xFF), 1 => Just(0xFE), 1 => Just(0xFD), 1 => any::<u8>()];
    let flags = prop::sample::select(&[0x02u8, 0x02, 0x42, 0x42, 0x62, 0x82, 0xC2][..]);
    let kind = prop_oneof![
        3 => prop::sample::select(&[0x30u8, 0x31, 0x31, 0x70, 0x71, 0x71][..]),
        1 => any::<u8>(),
    ];
    (action, kind, flags, length(), length(), any::<u16>()).prop_map(
        |(action, kind, flags, takes, gives, first_and_repeats)| {
            let [first, repeats] = first_and_repeats.to_le_bytes();
            vec![action, kind, flags, takes, gives, first, repeats]
        },
    )
}

/// A Spinel frame: FLG 2, mostly short, now and then as long as can be, with many special octets.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let octet = || prop_oneof![3 => any::<u8>(), 1 => prop::sample::select(&[FLAG, 0x7D, 0x11, 0x13, 0xF8][..])];
    let body = prop_oneof![
        8 => vec(octet(), 0..64),
        1 => vec(octet(), FRAME_MAX - 4..FRAME_MAX),
    ];
    (0x80u8..0xC0, body).prop_map(|(header, mut frame)| {
        frame.insert(0, header);
        frame
    })
}

/// Octets that hold neither a frame nor the reset sequence, and end where a flag may follow.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![4 => any::<u8>(), 1 => Just(FLAG), 1 => Just(0x7D)];
    let len = prop_oneof![15 => 0usize..24, 1 => 2_000usize..2_100];
    let octets = len.prop_flat_map(move |len| vec(octet.clone(), len));
    octets.prop_filter("frames are not noise", |noise| {
        let stream = [&[FLAG], &noise[..], &[FLAG]].concat();
        let mut decoder = Decoder::new();
        let mut rest = &stream[..];
        while let (taken, Some(event)) = decoder.decode(rest) {
            rest = &rest[taken..];
            if !matches!(event, Event::Discarded(_)) {
                return false;
            }
        }
        true
    })
}

fn encoded(frame: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; encoded_max(frame.len())];
    let len = encode(frame, &mut octets).expect("encoded_max is room enough");
    octets.truncate(len);
    octets
}

fn decoded(decoder: &mut Decoder, mut octets: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let (taken, Some(event)) = decoder.decode(octets) {
        octets = &octets[taken..];
        match event {
            Event::Frame { len } => frames.push(decoder.frame(len).to_vec()),
            event => panic!("the client was sent {event:?}"),
        }
    }
    frames
}
