//! The states in which everything is asked for, and the ways there and back.

use super::matrix;
use super::normal;
use super::peer::{Air, Peer};
use super::session::{Session, GET, INSERT, REMOVE, SET};
use super::Transcript;
use std::time::Duration;

/// One scene after the other, each with nodes of its own.
pub(crate) fn all<A: Air>(air: &mut A) -> Transcript {
    let mut scene = Scene {
        transcript: Transcript::new(),
    };
    factory_new(air, &mut scene);
    interface_up(air, &mut scene);
    detached(air, &mut scene);
    datasets(air, &mut scene);
    leader(air, &mut scene);
    child(air, &mut scene);
    scene.transcript
}

struct Scene {
    transcript: Transcript,
}

impl Scene {
    fn note(&mut self, key: &str, outcome: String) {
        self.transcript.push((key.to_owned(), outcome));
    }

    fn told(&mut self, key: &str, frames: &[Vec<u8>]) {
        for (property, text) in normal::told(frames) {
            self.note(&format!("{key} {property}"), text);
        }
    }

    /// A command, its reply, and what is told after it.
    fn step<P: Peer>(
        &mut self,
        node: &mut Session<P>,
        name: &str,
        (command, property): (u8, u32),
        value: &[u8],
    ) {
        let verb = match command {
            GET => "GET",
            SET => "SET",
            INSERT => "INSERT",
            _ => "REMOVE",
        };
        let key = format!(
            "{name}: {verb} {} {}",
            normal::name(property),
            normal::hex(value)
        );
        let outcome = node.outcome(command, property, value);
        self.note(&key, outcome);
        let told = node.told(QUIET);
        self.told(&format!("{key}, told"), &told);
    }

    /// What can be seen of the state.
    fn look<P: Peer>(&mut self, node: &mut Session<P>, name: &str) {
        for property in [
            32, 33, 34, 35, 54, 64, 65, 66, 67, 68, 69, 71, 73, 75, 90, 91, 93, 94, 98, 99, 102,
            5400, 5401, 5383, 5436, 5437,
        ] {
            let outcome = node.outcome(GET, property, &[]);
            self.note(&format!("{name}: GET {}", normal::name(property)), outcome);
        }
    }

    /// Waits for a role, and notes roughly how long it took.
    fn role<P: Peer>(&mut self, node: &mut Session<P>, name: &str, role: u8, within: (u64, u64)) {
        let (min, max) = (Duration::from_secs(within.0), Duration::from_secs(within.1));
        let took = node.wait(&[0x80, 6, 67, role], max + SLACK);
        let outcome = match took {
            Some(took) if took < min => format!("sooner: {} ms", took.as_millis()),
            Some(took) if took > max => format!("later: {} ms", took.as_millis()),
            Some(_) => "in time".into(),
            None => "never".into(),
        };
        self.note(
            &format!("{name}: role {role} after {} to {} s", within.0, within.1),
            outcome,
        );
        let told = node.told(SETTLED);
        self.told(&format!("{name}: role {role}, told"), &told);
    }
}

fn start<A: Air>(air: &mut A, scene: &mut Scene, node: u8, name: &str) -> Session<A::Peer> {
    let mut session = Session::new(air.start(node));
    session.wait(&[0x80, 6, 0], Duration::from_secs(10));
    // Whether a node forms addresses from prefixes itself is a matter of its build; here it does not.
    session.command(SET, 6414, &[0]);
    let told = session.told(QUIET);
    scene.told(&format!("{name}: power on, told"), &told);
    session
}

fn factory_new<A: Air>(air: &mut A, scene: &mut Scene) {
    let mut node = start(air, scene, 1, "new");
    scene.look(&mut node, "new");
    matrix::run(&mut node, "new", &mut scene.transcript);
    for frame in [
        &[0][..],
        &[9],
        &[10],
        &[11],
        &[24],
        &[1, 0x7F],
        &[2],
        &[2, 0x80],
        &[0x81, 0x82, 0x83, 1],
        &[18, 0, 0, 0, 0x20, 1, 0],
        &[21, 1],
        &[22, 2, 0, 67, 0],
        &[6, 67, 0],
    ] {
        let reply = node.ask(frame);
        scene.note(
            &format!("new: frame {}", normal::hex(frame)),
            normal::reply(reply.as_deref()),
        );
    }
}

fn interface_up<A: Air>(air: &mut A, scene: &mut Scene) {
    let mut node = start(air, scene, 1, "up");
    scene.step(&mut node, "up", (SET, 65), &[1]);
    scene.step(&mut node, "up", (SET, 65), &[1]);
    scene.look(&mut node, "up");
    addresses(&mut node, scene);
    matrix::run(&mut node, "up", &mut scene.transcript);
    scene.step(&mut node, "up", (SET, 56), &[1]);
    scene.step(&mut node, "up", (SET, 56), &[0]);
    scene.step(&mut node, "up", (SET, 40), &[1]);
    scene.step(&mut node, "up", (SET, 40), &[0]);
    scene.step(&mut node, "up", (SET, 65), &[0]);
    scene.look(&mut node, "down again");
}

/// How many there is room for.
fn addresses<P: Peer>(node: &mut Session<P>, scene: &mut Scene) {
    for n in 1..=6 {
        let mut item = [0; 25];
        item[..2].copy_from_slice(&[0xFD, 0xCC]);
        item[15] = n;
        item[16] = 64;
        item[17..].fill(0xFF);
        scene.step(node, "room", (INSERT, 99), &item);
    }
    for n in 1..=6 {
        let mut item = [0; 16];
        item[..2].copy_from_slice(&[0xFD, 0xCC]);
        item[15] = n;
        scene.step(node, "room", (REMOVE, 99), &item);
    }
    for n in 1..=4 {
        let mut item = [0; 16];
        item[..2].copy_from_slice(&[0xFF, 0x05]);
        item[14..].copy_from_slice(&[0xAA, n]);
        scene.step(node, "room", (INSERT, 102), &item);
    }
    for n in 1..=4 {
        let mut item = [0; 16];
        item[..2].copy_from_slice(&[0xFF, 0x05]);
        item[14..].copy_from_slice(&[0xAA, n]);
        scene.step(node, "room", (REMOVE, 102), &item);
    }
    let all_nodes = [0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    scene.step(node, "own group", (INSERT, 102), &all_nodes);
    scene.step(node, "own group", (REMOVE, 102), &all_nodes);
    let with_rest = |address: [u8; 16]| [address.as_slice(), &[64], &[0xFF; 8]].concat();
    for (name, address) in [
        (
            "link-local",
            [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        ),
        ("multicast", all_nodes),
        ("unspecified", [0; 16]),
        ("loopback", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] {
        scene.step(node, name, (INSERT, 99), &with_rest(address));
        scene.step(node, name, (REMOVE, 99), &with_rest(address));
    }
    if let Some(prefix) = node.value(98) {
        let mut address = [0; 16];
        address[..8].copy_from_slice(&prefix[..8]);
        address[15] = 9;
        let outcome = node.outcome(INSERT, 99, &with_rest(address));
        scene.note("mesh-local address: INSERT", outcome);
        let outcome = node.outcome(REMOVE, 99, &with_rest(address));
        scene.note("mesh-local address: REMOVE", outcome);
    }
}

fn detached<A: Air>(air: &mut A, scene: &mut Scene) {
    let mut node = start(air, scene, 1, "detached");
    scene.step(&mut node, "detached", (SET, 66), &[1]);
    scene.step(&mut node, "detached", (SET, 65), &[1]);
    scene.step(&mut node, "detached", (SET, 66), &[1]);
    scene.step(&mut node, "detached", (SET, 66), &[1]);
    scene.look(&mut node, "detached");
    matrix::run(&mut node, "detached", &mut scene.transcript);
    scene.step(&mut node, "detached", (SET, 73), &[1]);
    scene.step(&mut node, "detached", (SET, 73), &[0]);
    scene.step(&mut node, "detached", (SET, 67), &[9]);
    scene.step(&mut node, "detached", (SET, 66), &[0]);
    scene.look(&mut node, "stopped");
    scene.step(&mut node, "stopped", (SET, 73), &[1]);
    scene.step(&mut node, "stopped", (SET, 66), &[1]);
    scene.step(&mut node, "stopped", (SET, 65), &[0]);
    scene.look(&mut node, "stopped by the interface");
}

fn datasets<A: Air>(air: &mut A, scene: &mut Scene) {
    let mut node = start(air, scene, 1, "datasets");
    scene.step(&mut node, "datasets", (SET, 33), &[20]);
    scene.step(&mut node, "datasets", (SET, 54), &[0x34, 0x12]);
    scene.step(&mut node, "datasets", (SET, 68), b"single\0");
    scene.step(&mut node, "datasets", (SET, 69), &[1, 2, 3, 4, 5, 6, 7, 8]);
    scene.step(&mut node, "datasets", (SET, 70), &[0x55; 16]);
    scene.step(&mut node, "datasets", (SET, 71), &[5, 0, 0, 0]);
    scene.step(&mut node, "datasets", (SET, 75), &[0x66; 16]);
    scene.look(&mut node, "singles");
    for (name, tlvs) in [
        ("odd length", &[0, 3, 0, 0][..]),
        ("one channel", &[0, 3, 0, 0, 15]),
        ("bad channel", &[0, 3, 0, 0, 9]),
        ("short channel", &[0, 2, 0, 15]),
        (
            "no timestamp",
            &[
                1, 2, 0xAB, 0xCD, 5, 16, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
            ],
        ),
    ] {
        scene.step(&mut node, name, (SET, 5436), tlvs);
        scene.look(&mut node, name);
    }
    scene.step(&mut node, "datasets", (SET, 5436), TLVS);
    scene.look(&mut node, "TLVs");
    scene.step(&mut node, "datasets", (SET, 5400), STRUCTURES);
    scene.look(&mut node, "structures");
    scene.step(&mut node, "datasets", (SET, 5400), &[]);
    scene.step(&mut node, "datasets", (SET, 5436), &[]);
    scene.look(&mut node, "nothing set");
    scene.step(&mut node, "datasets", (SET, 33), &[21]);
    scene.step(&mut node, "datasets", (SET, 70), &[0x77; 16]);
    scene.look(&mut node, "singles after a dataset");
    reset(&mut node, scene, "datasets");
    scene.look(&mut node, "after a reset");
    let reply = node.ask(&[10]);
    scene.note("datasets: NET_CLEAR", normal::reply(reply.as_deref()));
    let told = node.told(QUIET);
    scene.told("datasets: NET_CLEAR, told", &told);
    scene.look(&mut node, "cleared");
}

fn reset<P: Peer>(node: &mut Session<P>, scene: &mut Scene, name: &str) {
    node.peer.send(&[0x80, 1]);
    node.wait(&[0x80, 6, 0], Duration::from_secs(10));
    let told = node.told(QUIET);
    scene.told(&format!("{name}: RESET, told"), &told);
}

/// Brings a node into the network of [`TLVS`].
fn join<P: Peer>(node: &mut Session<P>, scene: &mut Scene, name: &str) {
    scene.step(node, name, (SET, 5436), TLVS);
    scene.step(node, name, (SET, 65), &[1]);
    scene.step(node, name, (SET, 66), &[1]);
}

fn leader<A: Air>(air: &mut A, scene: &mut Scene) {
    let mut node = start(air, scene, 1, "leader");
    join(&mut node, scene, "leader");
    scene.role(&mut node, "leader", 3, (5, 8));
    scene.look(&mut node, "leader");
    matrix::run(&mut node, "leader", &mut scene.transcript);
    node.told(SETTLED);
    prefixes(&mut node, scene);
    scene.step(&mut node, "leader", (SET, 40), &[1]);
    scene.step(&mut node, "leader", (SET, 40), &[0]);
    scene.step(&mut node, "leader", (SET, 56), &[1]);
    scene.step(&mut node, "leader", (SET, 71), &[9, 0, 0, 0]);
    scene.step(&mut node, "leader", (SET, 130), &[1]);
    scene.step(&mut node, "leader", (SET, 130), &[0]);
    scene.step(&mut node, "leader", (SET, 67), &[3]);
    scan(&mut node, scene, "leader", 2);
    scene.step(&mut node, "leader", (SET, 66), &[0]);
    scene.look(&mut node, "leader stopped");
    scene.step(&mut node, "leader", (SET, 65), &[0]);
    reset(&mut node, scene, "leader");
    scene.look(&mut node, "leader after a reset");
}

fn scan<P: Peer>(node: &mut Session<P>, scene: &mut Scene, name: &str, kind: u8) {
    node.set(49, &[15, 16]);
    node.set(50, &[100, 0]);
    let outcome = node.outcome(SET, 48, &[kind]);
    scene.note(&format!("{name}: scan {kind}"), outcome);
    let outcome = node.outcome(SET, 48, &[kind]);
    scene.note(&format!("{name}: scan {kind} twice"), outcome);
    let ended = node.wait(&[0x80, 6, 48, 0], Duration::from_secs(5));
    scene.note(
        &format!("{name}: scan {kind} ends"),
        ended.is_some().to_string(),
    );
    node.told(QUIET);
}

/// Prefixes, routes and services.
fn prefixes<P: Peer>(node: &mut Session<P>, scene: &mut Scene) {
    let net = |n: u8, rest: &[u8]| {
        let mut item = [0; 17];
        item[..4].copy_from_slice(&[0x20, 1, 0x0D, 0xB8]);
        item[5] = n;
        item[16] = 64;
        [item.as_slice(), rest].concat()
    };
    scene.step(node, "closed", (INSERT, 90), &net(1, &[1, 0x31]));
    scene.step(node, "prefix", (SET, 93), &[1]);
    scene.step(node, "prefix", (INSERT, 90), &net(1, &[1, 0x31]));
    scene.step(node, "prefix", (INSERT, 91), &net(2, &[1, 0]));
    scene.step(node, "prefix", (SET, 93), &[0]);
    node.told(SETTLED);
    scene.look(node, "prefix");
    scene.step(node, "prefix", (SET, 93), &[1]);
    scene.step(node, "prefix", (REMOVE, 90), &net(1, &[]));
    scene.step(node, "prefix", (REMOVE, 90), &net(9, &[]));
    scene.step(node, "prefix", (REMOVE, 91), &net(2, &[]));
    scene.step(node, "prefix", (SET, 93), &[0]);
    node.told(SETTLED);
    scene.look(node, "no prefix");
    scene.step(node, "service", (SET, 160), &[1]);
    let service = [0xAA, 0xAF, 0, 0, 1, 0, 0x5D, 1, 1, 0, 1];
    scene.step(node, "service", (INSERT, 161), &service);
    scene.step(node, "service", (SET, 160), &[0]);
    scene.step(node, "service", (GET, 161), &[]);
    scene.step(node, "service", (GET, 162), &[]);
    scene.step(node, "service", (SET, 160), &[1]);
    scene.step(node, "service", (REMOVE, 161), &service[..7]);
    scene.step(node, "service", (REMOVE, 161), &service[..7]);
    scene.step(node, "service", (SET, 160), &[0]);
    scene.step(node, "service", (GET, 162), &[]);
}

fn child<A: Air>(air: &mut A, scene: &mut Scene) {
    let mut parent = start(air, scene, 2, "parent");
    join(&mut parent, scene, "parent");
    scene.role(&mut parent, "parent", 3, (5, 8));
    let mut node = start(air, scene, 1, "child");
    scene.step(&mut node, "child", (SET, 5383), &[0]);
    join(&mut node, scene, "child");
    scene.role(&mut node, "child", 1, (0, 3));
    let told = parent.told(SETTLED);
    scene.told("parent: told of its child", &told);
    scene.look(&mut node, "child");
    matrix::run(&mut node, "child", &mut scene.transcript);
    scan(&mut node, scene, "child", 1);
    scene.step(&mut node, "child", (SET, 76), &[]);
    scene.look(&mut node, "child that left");
    let told = parent.told(SETTLED);
    scene.told("parent: told of the child that left", &told);
}

/// It has nothing more to say now.
pub(crate) const QUIET: Duration = Duration::from_millis(60);
/// Nor soon: the network has settled.
const SETTLED: Duration = Duration::from_millis(1200);
/// How much later than it should something may happen on a machine that is busy.
const SLACK: Duration = Duration::from_secs(20);

/// A whole dataset: channel 15, with an unknown TLV (200) and a wake-up channel.
const TLVS: &[u8] = &[
    14, 8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 15, 53, 6, 0, 4, 0x00, 0x1F, 0xFF, 0xE0, 2, 8, 0x11,
    0x11, 0x11, 0x11, 0x22, 0x22, 0x22, 0x22, 7, 8, 0xFD, 0xBA, 0xDC, 0, 0, 0, 0, 0, 5, 16, 0, 1,
    2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 3, 5, b'd', b'i', b'f', b'f', b's', 1, 2, 0xFA,
    0xCE, 4, 16, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 12, 4, 2, 0xA0, 0xF7, 0xF8, 200,
    2, 0xAB, 0xCD,
];

/// Active timestamp, channel, key, and a name.
const STRUCTURES: &[u8] = &[
    10, 0, 0x9C, 0x2A, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 33, 18, 17, 0, 70, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    9, 9, 9, 9, 9, 9, 9, 7, 0, 68, b'o', b't', b'h', b'e', b'r', 0,
];
