//! Against the simulated co-processor.

use crate::host_world::World;
use crate::network;
use crate::scan;
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::Answer;
use spinel_bridge::ctl::Request;
use spinel_bridge::host::known::{State, REMEMBERED};
use spinel_bridge::host::Host;
use spinel_bridge::host::Settings;
use spinel_bridge::sim::ncp::Variant;
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::sim::ResetCause;
use spinel_bridge::time::Duration;
use spinel_bridge::time::Instant;
use spinel_bridge::wire::ids::Property;

#[test]
fn a_network_is_formed_and_kept_over_our_own_restart() {
    let mut world = World::new(1, Settings::default());
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.host.known().state, State::Offline);
    world.request(1, Request::Form(network()));
    world.run_for(Duration::from_secs(70));
    assert_eq!(world.last_answer(1), Some(Answer::Done));
    assert_eq!(world.host.known().state, State::Associated);
    // kill -9, and again.
    let role = world.host.known().uint8(Property::NET_ROLE);
    let address = world.host.known().ipv6(Property::IPV6_ML_ADDR);
    world.host = Host::new(Settings::default(), world.now);
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.host.known().state, State::Associated);
    assert_eq!(world.host.known().uint8(Property::NET_ROLE), role);
    assert_eq!(world.host.known().ipv6(Property::IPV6_ML_ADDR), address);
    assert_eq!(world.resets, 0);
}

/// With CMD_MULTI (`extras`) and without it, the start-up finds out the same.
#[test]
fn properties_asked_for_at_once_are_those_asked_for_singly() {
    let found = |extras| {
        let variant = Variant {
            extras,
            ..Variant::easy()
        };
        let mut world = World::with(1, Settings::default(), variant);
        world.request(1, Request::Form(network()));
        world.run_for(Duration::from_secs(30));
        assert_eq!(world.host.known().state, State::Associated);
        world.host = Host::new(Settings::default(), world.now);
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.host.known().state, State::Associated);
        let known = REMEMBERED
            .iter()
            .filter(|property| !matches!(**property, Property::CAPS | Property::MCU_POWER_STATE))
            .map(|property| {
                let value = world.host.known().value(*property);
                (*property, value.map(<[u8]>::to_vec))
            });
        known.collect::<Vec<_>>()
    };
    let (at_once, singly) = (found(true), found(false));
    assert_eq!(at_once, singly);
    assert!(at_once.iter().filter(|(_, value)| value.is_some()).count() > 25);
}

#[test]
fn a_scan_reports_what_is_found() {
    let mut world = World::new(1, Settings::default());
    world.request(1, scan());
    world.run_for(Duration::from_secs(20));
    let rows = world.answers(1);
    let found = rows
        .iter()
        .filter(|answer| matches!(answer, Answer::Row(_)));
    assert!(found.count() > 0, "{rows:?}");
    let progress = rows
        .iter()
        .filter(|answer| matches!(answer, Answer::Progress { of: 16, .. }));
    assert!(progress.count() >= 2);
    assert_eq!(rows.last(), Some(&Answer::Done));
}

#[test]
fn a_reset_at_any_point_is_recovered() {
    let mut rng = Rng::new(42);
    for point in 0..200 {
        let mut world = World::new(point, Settings::default());
        let before = Duration::from_micros(rng.below(12_000_000));
        let associated = point % 2 == 0;
        world.run_for(Duration::from_millis(500));
        world.request(1, Request::Form(network()));
        if associated {
            world.run_for(Duration::from_secs(30));
            assert_eq!(world.host.known().state, State::Associated);
            world.request(2, scan());
        }
        world.run_for(before);
        world.run_frames(rng.below(20));
        world.events();
        world.reset(ResetCause::Crash);
        world.run_for(Duration::from_secs(40));
        let saved = world.host.known().flag(Property::NET_SAVED);
        let state = world.host.known().state;
        let expected = if saved {
            State::Associated
        } else {
            State::Offline
        };
        assert_eq!(state, expected, "point {point}");
        assert!(saved || !associated, "point {point}");
        let mesh_local = world.host.known().ipv6(Property::IPV6_ML_ADDR);
        let has_address = mesh_local.is_some_and(|address| world.has_address(address));
        assert_eq!(has_address, saved, "point {point}: {:?}", world.addresses);
        let resets = world.events();
        let resets = resets.iter().filter(|event| event.name == "reset");
        assert_eq!(resets.count(), 1, "point {point}");
        for ticket in [1, 2] {
            let last = world.last_answer(ticket);
            assert!(
                matches!(last, None | Some(Answer::Done | Answer::Failed(_))),
                "point {point}: {last:?}"
            );
        }
    }
}

/// An echo request from the co-processor's mesh-local address to its locator, which is not the
/// interface's: what comes back must not seem to come from this host.
fn ping(address: [u8; 16], sequence: u16, len: usize) -> Vec<u8> {
    let locator = [
        &address[..8],
        &[0, 0, 0, 0xFF, 0xFE, 0, RLOC16[0], RLOC16[1]],
    ]
    .concat();
    let mut icmp = vec![0x5A; 8 + len];
    icmp[..8].copy_from_slice(&[128, 0, 0, 0, 0x12, 0x34, 0, 0]);
    icmp[6..8].copy_from_slice(&sequence.to_be_bytes());
    let length = (icmp.len() as u16).to_be_bytes();
    let words = |octets: &[u8]| -> u32 {
        let pairs = octets.chunks(2);
        let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
        pairs.map(word).sum()
    };
    let mut sum = words(&address) + words(&locator) + words(&icmp) + icmp.len() as u32 + 58;
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    icmp[2..4].copy_from_slice(&(!sum as u16).to_be_bytes());
    let head = [0x60, 0, 0, 0, length[0], length[1], 58, 64];
    [&head, &address[..], &locator, &icmp].concat()
}

/// That of the only router.
const RLOC16: [u8; 2] = [0, 0];

/// A world in a network, and its mesh-local address.
fn associated() -> (World, [u8; 16]) {
    let mut world = World::new(5, Settings::default());
    world.request(1, Request::Form(network()));
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.host.known().state, State::Associated);
    let address = world.host.known().ipv6(Property::IPV6_ML_ADDR).unwrap();
    let rloc16 = world.host.known().uint16(Property::THREAD_RLOC16);
    assert_eq!(rloc16, Some(u16::from_be_bytes(RLOC16)));
    (world, address.octets())
}

#[test]
fn packets_come_back_as_they_went() {
    let (mut world, address) = associated();
    for (sequence, len) in [0, 1, 100, 1_232].into_iter().enumerate() {
        let mut packet = ping(address, sequence as u16, len);
        assert!(world.send_packet(&packet));
        world.run_frames(100);
        // The answer differs in type and checksum only.
        packet[40] = 129;
        let answer = world.host.output().to_vec();
        assert_eq!(answer.len(), packet.len());
        assert_eq!(answer[..8], packet[..8]);
        assert_eq!(answer[8..24], packet[24..40]);
        assert_eq!(answer[24..40], packet[8..24]);
        assert_eq!(answer[40], packet[40]);
        assert_eq!(answer[44..], packet[44..]);
        world.host.output_written(answer.len());
        assert!(world.host.output().is_empty());
    }
    let counter = |world: &World, wanted: &str| {
        let mut found = 0;
        world.host.counters(&mut |name, value| {
            if name == wanted {
                found = value;
            }
        });
        found
    };
    assert_eq!(counter(&world, "packets to the co-processor"), 4);
    assert_eq!(counter(&world, "packets to the interface"), 4);
    // Too long, too short, from somebody else: dropped, and the slot is free again.
    for packet in [vec![0x60; 1_281], vec![0x60; 39], ping([0xFD; 16], 0, 0)] {
        assert!(world.send_packet(&packet));
        assert!(world.host.next_frame().is_none());
        assert!(!world.host.input().is_empty());
    }
}

#[test]
fn a_tun_that_does_not_read_stops_the_co_processor() {
    let (mut world, address) = associated();
    for sequence in 0..40 {
        world.send_packet(&ping(address, sequence, 1_232));
        world.run_frames(100);
    }
    assert!(!world.host.has_room());
    let mut sequences = Vec::new();
    while !world.host.output().is_empty() {
        let packet = world.host.output();
        sequences.push(u16::from_be_bytes([packet[46], packet[47]]));
        world.host.output_written(1_280);
        world.run_frames(100);
    }
    assert!(sequences.len() >= 12);
    assert!(sequences.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(world.host.has_room());
}

#[test]
fn control_goes_before_data() {
    let (mut world, address) = associated();
    assert!(world.send_packet(&ping(address, 1, 10)));
    assert!(!world.send_packet(&ping(address, 2, 10)), "one at a time");
    world.request(2, Request::Get(Property::PHY_CHAN));
    let first = world.host.next_frame().unwrap().to_vec();
    assert_eq!(first[1..], [2, 33]);
    let second = world.host.next_frame().unwrap();
    assert_eq!(second[..3], [0x80, 3, 0x72]);
}

#[test]
fn leaving_ends_offline() {
    let mut world = World::new(3, Settings::default());
    world.request(1, Request::Form(network()));
    world.run_for(Duration::from_secs(70));
    world.request(2, Request::Leave);
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.last_answer(2), Some(Answer::Done));
    assert_eq!(world.host.known().state, State::Offline);
}

#[test]
fn idle_is_idle() {
    let mut world = World::new(3, Settings::default());
    world.run_for(Duration::from_secs(1));
    let turns = world.turns;
    world.run_for(Duration::from_secs(600));
    // A NOOP each minute: it leaves, it is answered, and that is all.
    assert!(world.turns - turns <= 30, "{}", world.turns - turns);
    assert!(world.now >= Instant::from_millis(601_000));
}
