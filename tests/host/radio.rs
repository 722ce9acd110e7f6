//! Sniffing on firmware that takes one way or the other (protocol §7.11), and packets for which it has no
//! room (§7.9).

use crate::host_world::{octets, Trace};
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::{Answer, Code, Request};
use spinel_bridge::host::Settings;
use spinel_bridge::time::Duration;

const SNIFF: Request = Request::Sniff {
    channel: None,
    promiscuous: true,
};

/// COUNTERS, UNSOL_UPDATE_FILTER, PCAP, CONFIG_FTD, MAC_RAW.
const WITH_RAW_RADIO: &str = "05 0C 0E 20 81 04";

/// Answers what is sent, INVALID_STATE to these, until nothing is; what was sent behind the headers.
fn serve_but(trace: &mut Trace, refused: &[&str]) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    while let Some(frame) = trace.frame() {
        match refused.iter().any(|hex| frame[1..] == octets(hex)) {
            true => trace.refuse(&frame, 4),
            false => trace.answer(&frame),
        }
        sent.push(frame[1..].to_vec());
    }
    sent
}

fn all(hex: &[&str]) -> Vec<Vec<u8>> {
    hex.iter().map(|hex| octets(hex)).collect()
}

#[test]
fn a_way_that_is_barred_is_left_as_it_was_found_and_the_next_one_taken() {
    let mut trace = Trace::new(Settings::default());
    trace.values = vec![(5, octets(WITH_RAW_RADIO))];
    trace.handshake();
    trace.request(1, SNIFF);
    // What neither this host nor the firmware tells: the interface is up.
    let refused = ["03 20 01", "03 38 02"];
    assert_eq!(
        serve_but(&mut trace, &refused),
        all(&["03 37 01", "03 20 01", "03 37 00", "03 38 02", "03 20 01", "03 28 01"])
    );
    let answers = trace.answers(1);
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(format!("{answers:?}").contains("while its stack runs"));
    trace.send("80 06 71 05 00 02 00 2A E0 3B");
    assert!(matches!(trace.answers(1)[..], [Answer::Row(_)]));
    // A reset takes it back, and only what worked is repeated.
    trace.send("80 06 00 70");
    trace.sent.clear();
    trace.handshake();
    assert!(trace.was_sent("03 28 01"));
    assert!(!trace.was_sent("03 37 01"));
    trace.sent.clear();
    trace.host.cancel(spinel_bridge::ctl::Ticket(1));
    assert_eq!(serve_but(&mut trace, &[]), all(&["03 28 00"]));
}

#[test]
fn who_cannot_sniff_is_told_and_nothing_is_left_behind() {
    let mut trace = Trace::new(Settings::default());
    trace.values = vec![(5, octets(WITH_RAW_RADIO))];
    trace.handshake();
    trace.request(1, SNIFF);
    let refused = ["03 20 01", "03 38 02", "03 28 01"];
    serve_but(&mut trace, &refused);
    assert_eq!(trace.failed(1), Some(Code::State));
    trace.idle_for(Duration::from_secs(1));
    let last = |hex: &str| {
        let sent = trace.sent.iter();
        sent.clone().rposition(|frame| frame[1..] == octets(hex))
    };
    assert!(last("03 37 01") < last("03 37 00"));
}

/// A co-processor with 44 message buffers of 128 octets, of which its radio empties one each 10 ms.
struct Buffers {
    used: u64,
    at: spinel_bridge::time::Instant,
    taken: Vec<u16>,
    /// Datagrams without a TID for which there was no room.
    lost: u32,
}

impl Buffers {
    /// What it answers to a frame.
    fn receive(&mut self, trace: &mut Trace, frame: &[u8]) {
        if frame[1..3] != [3, 0x72] {
            return trace.answer(frame);
        }
        let free = trace.now.since(self.at).as_millis() as u64 / 10;
        self.used = self.used.saturating_sub(free);
        self.at = self.at + Duration::from_millis(10 * free);
        let packet = &frame[5..];
        let needed = packet.len().div_ceil(128) as u64;
        let status = match self.used + needed <= 44 {
            true => {
                self.used += needed;
                self.taken
                    .push(u16::from_be_bytes([packet[48], packet[49]]));
                0
            }
            false => 11,
        };
        match (frame[0] & 15, status) {
            (0, 0) => {}
            (0, _) => {
                self.lost += 1;
                trace.send("80 06 00 0B");
            }
            _ => trace.refuse(frame, status),
        }
    }
}

/// From an address of ours, with a number in its payload.
fn datagram(number: u16, len: usize) -> Vec<u8> {
    let length = ((len + 8) as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, length[0], length[1], 17, 64];
    let udp = [0x12, 0x34, 0x12, 0x34, length[0], length[1], 1, 1];
    let peer = [&[0xFD; 15][..], &[1]].concat();
    let mut packet = [&head[..], &[0xFD; 16], &peer, &udp].concat();
    packet.extend(number.to_be_bytes());
    packet.resize(48 + len, 0x5A);
    packet
}

fn in_a_network() -> Trace {
    let mut trace = Trace::ready();
    trace.send("80 06 61 FD FD FD FD FD FD FD FD FD FD FD FD FD FD FD FD");
    for update in ["41 01", "42 01", "43 03"] {
        trace.send(&format!("80 06 {update}"));
    }
    trace.serve();
    trace
}

fn fill(trace: &mut Trace, packet: &[u8]) -> bool {
    let space = trace.host.input();
    if space.is_empty() {
        return false;
    }
    space[..packet.len()].copy_from_slice(packet);
    trace.host.input_filled(packet.len());
    true
}

/// Protocol §7.9: the co-processor says when it has no room, and who sends can wait.
#[test]
fn of_a_burst_nothing_is_lost_for_want_of_buffers() {
    let mut trace = in_a_network();
    let mut buffers = Buffers {
        used: 0,
        at: trace.now,
        taken: Vec::new(),
        lost: 0,
    };
    let mut next = 0;
    let end = trace.now + Duration::from_secs(60);
    while buffers.taken.len() < 200 && trace.now < end {
        if next < 200 && fill(&mut trace, &datagram(next, 957)) {
            next += 1;
        }
        match trace.frame() {
            Some(frame) => buffers.receive(&mut trace, &frame),
            None => trace.wait_for(Duration::from_millis(1)),
        }
    }
    assert_eq!(buffers.lost, 0);
    assert_eq!(buffers.taken, (0..200).collect::<Vec<_>>());
    // The radio was not left idle for long: 200 times 80 ms, and a fifth more.
    let took = 60_000 - end.since(trace.now).as_millis();
    assert!(took < 19_200, "{took} ms");
    let sent = trace.counter("packets to the co-processor");
    assert_eq!(sent, 200, "each counted once");
    assert_eq!(
        trace.counter("packets dropped: no room in the co-processor"),
        0
    );
}

/// A few packets now and then cost no reply.
#[test]
fn light_traffic_asks_for_nothing() {
    let mut trace = in_a_network();
    for number in 0..50 {
        assert!(fill(&mut trace, &datagram(number, 1_232)));
        let frame = trace.frame().expect("the packet");
        assert_eq!(frame[0], 0x80);
        trace.quiet();
        trace.wait_for(Duration::from_millis(200));
    }
}

#[test]
fn a_co_processor_without_room_for_ever_blocks_nobody_for_ever() {
    let mut trace = in_a_network();
    let mut refused = 0;
    for number in 0..4 {
        while !fill(&mut trace, &datagram(number, 1_232)) {
            trace.wait_for(Duration::from_millis(1));
            if let Some(frame) = trace.frame() {
                trace.refuse(&frame, 11);
                refused += 1;
            }
        }
        while let Some(frame) = trace.frame() {
            if frame[0] & 15 != 0 {
                trace.refuse(&frame, 11);
                refused += 1;
            }
        }
    }
    assert!((30..100).contains(&refused), "{refused} tries in 5 s");
    // Not what the stack does not want: that is not repeated.
    let frame = loop {
        trace.wait_for(Duration::from_millis(10));
        if let Some(frame) = trace.frame() {
            break frame;
        }
    };
    trace.refuse(&frame, 14);
    assert!(fill(&mut trace, &datagram(9, 10)));
    let count = |name: &str| trace.counter(name);
    assert_eq!(count("packets dropped: no room in the co-processor"), 1);
    assert_eq!(count("packets dropped: refused by the co-processor"), 1);
}

/// Firmware that says nothing of a datagram with a TID is not asked any more.
#[test]
fn who_does_not_answer_to_packets_is_not_asked() {
    let mut trace = in_a_network();
    let mut asked = 0;
    for number in 0..100 {
        while !fill(&mut trace, &datagram(number, 1_232)) {
            trace.wait_for(Duration::from_millis(1));
            trace.send("80 06 21 0B");
        }
        while let Some(frame) = trace.frame() {
            match frame[2..].first() {
                Some(0x72) => asked += u32::from(frame[0] & 15 != 0),
                _ => trace.answer(&frame),
            }
        }
    }
    assert_eq!(asked, 3);
    assert!(trace.host.known().state.is_initialized());
}
