//! Two host drivers, each with a simulated co-processor, in one air with a stranger who sends anything, in
//! virtual time. What the fuzzer chooses is what clients ask for, what goes to a co-processor past its
//! host, what the stranger says, and when one of them restarts. No panic, no spin, bounded memory, and
//! each request has one end.
//!
//! Input: an octet that seeds both co-processors, then steps, each by a choice.
#![no_main]

#[path = "../common/mod.rs"]
mod common;

use common::client::Clients;
use common::{bounded, coprocessor, kernel, requests, values, Input};
use libfuzzer_sys::fuzz_target;
use spinel_bridge::bridge::Upper;
use spinel_bridge::host::{Host, Settings};
use spinel_bridge::sim::ncp::{Ncp, Variant};
use spinel_bridge::sim::radio::{Ether, EtherRadio, Medium, Memory, Surroundings, FRAME_MAX};
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{earliest, Duration, Instant};

fuzz_target!(|octets: &[u8]| bounded::within(MEMORY_MAX, || {
    let mut input = Input::new(octets);
    let mut bench = Bench::new(input.octet());
    bench.pass(Duration::from_secs(2));
    // Time in the mesh costs: each step may pass some seconds.
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        bench.step(&mut input);
    }
    bench.end();
}));

struct Bench {
    now: Instant,
    nodes: [Node; 2],
    stranger: EtherRadio,
    /// What the stranger heard last.
    heard: Vec<Vec<u8>>,
}

struct Node {
    host: Host,
    ncp: Ncp,
    clients: Clients,
    /// The addresses that the kernel was told of.
    works: bool,
}

#[derive(Debug, Default)]
struct Cell(Option<Vec<u8>>);

impl Memory for Cell {
    fn load(&mut self) -> Option<Vec<u8>> {
        self.0.clone()
    }

    fn store(&mut self, octets: &[u8]) {
        assert!(octets.len() <= 64 * 1024);
        self.0 = Some(octets.to_vec());
    }
}

impl Bench {
    fn new(seed: u8) -> Self {
        let ether = Ether::perfect();
        let node = |salt| Node {
            host: Host::new(Settings::default(), Instant::ZERO),
            ncp: Ncp::with(
                u64::from(seed),
                Variant::default(),
                Surroundings {
                    medium: Some(Box::new(ether.radio())),
                    memory: Some(Box::<Cell>::default()),
                    salt,
                },
            ),
            clients: Clients::default(),
            works: true,
        };
        Bench {
            now: Instant::ZERO,
            nodes: [node(1), node(2)],
            stranger: ether.radio(),
            heard: Vec::new(),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let what = input.octet();
        let now = self.now;
        let node = &mut self.nodes[usize::from(what >> 7)];
        match what % 16 {
            0..=2 => {
                let line = requests::line(input);
                node.clients.ask(&mut node.host, &line);
            }
            // The networks that take a host's wish and its neighbour's agreement.
            3 => {
                let line = *input.pick(SCRIPT);
                node.clients.ask(&mut node.host, line);
            }
            4 => node.ncp.receive(now, &coprocessor::command(input)),
            5 => node.ncp.receive(now, input.octets(255)),
            6..=8 => {
                let frame = self.frame(input);
                let _ = self.stranger.send(now, &frame);
            }
            9 | 10 => self.ping(usize::from(what >> 7), input),
            11 => node.ncp.reset(now, *input.pick(CAUSES)),
            12 => node.host.kernel(kernel::event(input)),
            13 => node
                .clients
                .leave(&mut node.host, usize::from(input.octet())),
            14 => {
                let millis = *input.pick(&[1, 50, 500, 3_000, 20_000]);
                return self.pass(Duration::from_millis(millis));
            }
            _ => node.works = !node.works,
        }
        self.turn();
    }

    /// A frame of the stranger: one that it heard, with some octets changed, or its own.
    fn frame(&mut self, input: &mut Input<'_>) -> Vec<u8> {
        if input.rarely(4) || self.heard.is_empty() {
            let own = [&[11, 0][..], input.octets(FRAME_MAX - 2)].concat();
            return own;
        }
        let which = usize::from(input.octet()) % self.heard.len();
        let mut frame = self.heard[which].clone();
        // It has its channel and power at least (`sim::radio`).
        for _ in 0..input.octet() % 4 {
            let at = usize::from(input.octet()) % frame.len();
            frame[at] = input.octet();
        }
        if input.rarely(8) {
            frame.truncate(2 + usize::from(input.octet()));
        }
        frame
    }

    /// A packet from one host to an address of the other.
    fn ping(&mut self, from: usize, input: &mut Input<'_>) {
        let own = self.nodes[from].host.known();
        let other = self.nodes[1 - from].host.known();
        let property = *input.pick(&[
            spinel_bridge::wire::ids::Property::IPV6_ML_ADDR,
            spinel_bridge::wire::ids::Property::IPV6_LL_ADDR,
        ]);
        let (Some(source), Some(destination)) = (own.ipv6(property), other.ipv6(property)) else {
            return;
        };
        let destination = match input.rarely(8) {
            true => values::address(input),
            false => destination.octets(),
        };
        // Long enough for fragments.
        let payload = [
            &[128, 0, 0, 0, 0, 1, 0, 1][..],
            &vec![0x55; input.below(1_200)],
        ]
        .concat();
        let len = (payload.len() as u16).to_be_bytes();
        let head = [&[0x60, 0, 0, 0][..], &len, &[58, 64]].concat();
        let packet = [&head[..], &source.octets(), &destination, &payload].concat();
        let host = &mut self.nodes[from].host;
        let space = host.input();
        if space.len() >= packet.len() {
            space[..packet.len()].copy_from_slice(&packet);
            host.input_filled(packet.len());
        }
    }

    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..TURNS_MAX {
            self.turn();
            let due = self.nodes.iter().fold(None, |due, node| {
                let own = earliest(node.host.poll_timeout(), node.ncp.poll_timeout());
                earliest(due, own)
            });
            match due {
                Some(due) if due <= end => self.now = self.now.max(due),
                _ => {
                    self.now = end;
                    return self.turn();
                }
            }
        }
        panic!("time does not go on");
    }

    fn turn(&mut self) {
        for _ in 0..FRAMES_MAX {
            let now = self.now;
            let mut moved = false;
            for node in &mut self.nodes {
                moved |= node.turn(now);
            }
            let mut buf = [0; FRAME_MAX];
            while let Some(len) = self.stranger.receive(now, &mut buf) {
                if self.heard.len() >= HEARD_MAX {
                    self.heard.remove(0);
                }
                self.heard.push(buf[..len].to_vec());
                moved = true;
            }
            if !moved {
                return;
            }
        }
        panic!("frames without end");
    }

    /// All that was asked for has an end.
    fn end(&mut self) {
        for node in &mut self.nodes {
            node.works = true;
            node.clients.stop_listening(&mut node.host);
        }
        for _ in 0..END_ROUNDS {
            if self.nodes.iter().all(|node| node.clients.open().is_empty()) {
                return;
            }
            self.pass(Duration::from_secs(20));
        }
        for node in &self.nodes {
            let open = node.clients.open();
            assert!(
                open.is_empty(),
                "no end, {:?}: {open:?}",
                node.host.known().state
            );
        }
    }
}

impl Node {
    /// Moves a frame each way; false if there was none.
    fn turn(&mut self, now: Instant) -> bool {
        let mut moved = false;
        self.host.handle_time(now);
        self.ncp.poll(now);
        if self.ncp.is_ready() {
            if let Some(frame) = self.host.next_frame() {
                self.ncp.receive(now, frame);
                moved = true;
            }
        }
        if let Some(cause) = self.ncp.take_reset_request() {
            self.ncp.reset(now, cause);
            moved = true;
        }
        if self.host.take_reset_request() {
            self.ncp.reset(now, ResetCause::External);
        }
        let mut buf = [0; 1_300];
        if self.host.has_room() {
            if let Some(len) = self.ncp.transmit(now, &mut buf) {
                self.host.deliver(&buf[..len]);
                moved = true;
            }
        }
        while !self.host.output().is_empty() {
            let len = self.host.output().len();
            self.host.output_written(len);
        }
        kernel::apply(&mut self.host, self.works);
        self.clients.read(&mut self.host);
        while self.host.poll_service().is_some() {}
        moved
    }
}

const CAUSES: &[ResetCause] = &[
    ResetCause::PowerOn,
    ResetCause::External,
    ResetCause::Software,
    ResetCause::Crash,
];

const SCRIPT: &[&str] = &[
    "form net channel=15 panid=0x1234 key=00112233445566778899AABBCCDDEEFF",
    "join net channel=15 panid=0x1234 key=00112233445566778899AABBCCDDEEFF",
    "join net channel=15 panid=0x1234 key=00112233445566778899AABBCCDDEEFF type=sleepy-end-device",
    "join net channel=15 panid=0x1234 key=00112233445566778899AABBCCDDEE00",
    "attach",
    "leave",
    "scan",
    "scan kind=discover",
    "scan kind=energy",
    "commissioner start",
    "commissioner add any J01NME",
    "joiner start J01NME",
    "add-prefix fd00:1::/64 on-mesh=true slaac=true",
    "add-route fd00:2::/64",
    "permit-join 120",
    "pcap channel=15 promiscuous=true",
    "reset factory",
    "reset",
    "list",
    "status",
];

/// Two hosts, and two co-processors and a stranger who have yet to hear 1024 frames of 129 octets each.
const MEMORY_MAX: usize = 8 << 20;
/// So that an input takes no longer than some tenths of a second: what is left of it is not played.
const STEPS_MAX: usize = 100;
/// The longest pass has 20 s, in which two nodes exchange some frames a second. A packet of 1280 octets has
/// fourteen fragments, and of packets there is one for each step, with its answer: 3,000 frames.
const TURNS_MAX: usize = 20_000;
/// A frame for each node moves in each round. Three radios have 1024 frames yet to hear, each of which may bring
/// an answer.
const FRAMES_MAX: usize = 20_000;
/// Only so that there are some to choose from.
const HEARD_MAX: usize = 32;
/// Of 20 s each: the longest wait is for a scan of 32 channels, 65.5 s each and 15 s more: 36 minutes. Before it
/// start-ups may fail, which takes a few.
const END_ROUNDS: usize = 180;
