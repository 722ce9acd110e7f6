//! A co-processor that does not stop, and one that does not speak Spinel at all, over each transport: the driver answers,
//! goes on, and takes it up again once it makes sense.

use crate::coprocessor::Transport;
use crate::lies::{frame, Liar, UNASKED};
use crate::world::World;
use crate::{packets, rounds, seed, with_length};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::FLAG;
use spinel_bridge::wire::ids::{Command, Property};
use std::time::{Duration, Instant};

const TRANSPORTS: [Transport; 3] = [Transport::Command, Transport::Tcp, Transport::Serial];

/// So much of each, in octets: seconds of a serial port at its highest speed.
const AMOUNT: usize = 500_000;

fn encoded(frame: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; encoded_max(frame.len())];
    let len = encode(frame, &mut octets).expect("room for any frame");
    octets.truncate(len);
    octets
}

fn told(property: Property, value: &[u8]) -> Vec<u8> {
    encoded(&frame(UNASKED, Command::PROP_VALUE_IS, property, value))
}

/// Says it again and again, in pieces, and sees to it that somebody is served meanwhile.
fn flood(world: &mut World, kind: &str, amount: usize, mut next: impl FnMut() -> Vec<u8>) {
    let mut said = 0;
    let mut piece = Vec::new();
    while said < amount {
        while piece.len() < 16_384 {
            piece.extend(next());
        }
        said += piece.len();
        world.coprocessor.say_octets(std::mem::take(&mut piece));
    }
    world.settle();
    world.is_unharmed();
    println!(
        "{kind}: {} s at the most to answer",
        world.slowest.as_secs_f32()
    );
}

#[test]
fn frames_that_do_not_stop() {
    for transport in TRANSPORTS {
        let mut world = World::over(transport, seed(), &[]);
        let mut liar = Liar::new(seed());
        let mesh = world.host.status().unwrap()["mesh_local_address"].clone();
        let ours = mesh.as_str().unwrap().parse().unwrap();
        let honest = "fdaa:0:0:1::99".parse().unwrap();
        let packet = packets::udp(honest, ours, crate::world::PORT, &[7; 1_000]);
        let packet = told(Property::STREAM_NET, &with_length(&packet));
        let answers: Vec<Vec<u8>> = (0x81..=0x8F_u8)
            .map(|header| encoded(&[header, 6, 0, 0]))
            .collect();
        let role = |n| told(Property::NET_ROLE, &[n]);
        let text = told(Property::STREAM_DEBUG, &[b'x'; 500]);
        let log = told(Property::STREAM_LOG, &with_length(&[b'y'; 500]));
        let beacon = told(Property::MAC_SCAN_BEACON, &[0; 40]);
        let mut n = 0;
        for _ in 0..rounds() {
            flood(&mut world, "packets", AMOUNT, || packet.clone());
            flood(&mut world, "answers", AMOUNT, || {
                liar.pick(&answers).clone()
            });
            flood(&mut world, "text", AMOUNT, || text.clone());
            flood(&mut world, "log", AMOUNT, || log.clone());
            flood(&mut world, "finds", AMOUNT, || beacon.clone());
            // Each of them changes the state, which is told to whoever listens.
            flood(&mut world, "roles", AMOUNT / 4, || {
                n = (n + 1) % 4;
                role(n)
            });
            flood(&mut world, "resets", AMOUNT / 8, || {
                told(Property::LAST_STATUS, &[0x72])
            });
        }
        world.is_sound();
        world.is_used_again();
        println!("{transport:?}: ok");
    }
}

#[test]
fn octets_that_are_no_frames() {
    for transport in TRANSPORTS {
        let mut world = World::over(transport, seed(), &[]);
        let mut liar = Liar::new(seed());
        let noise =
            |liar: &mut Liar| -> Vec<u8> { (0..997).map(|_| liar.below(256) as u8).collect() };
        for _ in 0..rounds() {
            flood(&mut world, "noise", AMOUNT, || noise(&mut liar));
            flood(&mut world, "flags", AMOUNT, || vec![FLAG; 1_000]);
            flood(&mut world, "escapes", AMOUNT, || vec![0x7D; 1_000]);
            flood(&mut world, "no end", AMOUNT, || vec![0x55; 1_000]);
            flood(&mut world, "zeros", AMOUNT, || vec![0; 1_000]);
            flood(&mut world, "a prompt", AMOUNT, || {
                b"\r\n> Error 35: InvalidCommand\r\n".to_vec()
            });
            flood(&mut world, "ASH", AMOUNT, || {
                vec![0x1A, 0xC1, 2, 0x0B, 0x0A, 0x52, 0x7E]
            });
            // Frames with a wrong FCS, and with nothing in them.
            let mut wrong = encoded(&[0x80, 6, 0x43, 2]);
            wrong[2] ^= 1;
            flood(&mut world, "damaged frames", AMOUNT, || wrong.clone());
            flood(&mut world, "empty frames", AMOUNT, || encoded(&[]));
            flood(&mut world, "long frames", AMOUNT, || {
                encoded(&[0x80; 5_000])
            });
            // Cut, joined and altered.
            flood(&mut world, "pieces", AMOUNT, || {
                let property = *liar.pick(&[Property::NET_ROLE, Property::IPV6_ADDRESS_TABLE]);
                let mut octets: Vec<u8> = liar
                    .frames_of(property)
                    .iter()
                    .flat_map(|frame| encoded(frame))
                    .collect();
                let at = liar.below(octets.len());
                octets[at] = liar.below(256) as u8;
                octets.truncate(liar.below(octets.len()) + 1);
                octets
            });
        }
        world.is_sound();
        world.is_used_again();
        println!("{transport:?}: ok");
    }
}

/// On a bus every transaction is asked for: what comes is as wrong as a slave can make it.
#[test]
fn a_bus_with_nothing_but_lies() {
    for faults in [
        "garbage=60%",
        "flip-any=60%",
        "data-len=60%",
        "late-header=60%",
        "crc:flip=80%",
        "void=60%:eio=20%",
        "refuse=95%",
        "reset=2%",
        "stuck-int:garbage=30%:flip-any=30%:data-len=30%:refuse=30%:lose-edge=50%",
        "miso-low",
        "loopback",
    ] {
        let seed = seed();
        let folder = crate::hosts::Folder::new();
        let state = folder.join("state");
        let honest = format!("sim:hurry:auto-init:seed={seed}:state={}", state.display());
        let mut world = World::on(&honest, &[]);
        // The same co-processor, and what it says is not what it meant.
        world.host.kill_bridge();
        let device = format!("{honest}:{faults}");
        world.host.start_bridge_anyhow(&[&device]);
        world.host.wait_for("the driver", |host| {
            host.try_ctl("version").status.success().then_some(())
        });
        world.begins_anew();
        let end = Instant::now() + Duration::from_secs(5 * rounds());
        while Instant::now() < end {
            world.ask();
            world.is_unharmed();
        }
        world.is_sound();
        println!("{faults}: ok");
    }
}
