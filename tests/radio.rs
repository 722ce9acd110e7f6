//! Several simulated co-processors in one air, in virtual time: what their hosts see.

use proptest::prelude::*;
use spinel_bridge::sim::ncp::{Ncp, Variant};
use spinel_bridge::sim::radio::{Ether, EtherRadio, Medium, Surroundings, FRAME_MAX};
use spinel_bridge::sim::spec::Rate;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::ids::{Access, Capability, Needs, Property, Status, PROPERTIES};
use spinel_bridge::wire::packed::{Reader, Writer};
use spinel_bridge::wire::signature::Items;

/// Some co-processors in one air.
struct World {
    ether: Ether,
    now: Instant,
    nodes: Vec<Ncp>,
    /// What each of them said without being asked.
    events: Vec<Vec<Vec<u8>>>,
    /// Everything that was said, for comparisons.
    log: Vec<(u64, usize, Vec<u8>)>,
}

impl World {
    fn new(count: usize) -> Self {
        World::seeded(count, 1, Ether::perfect())
    }

    fn seeded(count: usize, seed: u64, ether: Ether) -> Self {
        let mut world = World {
            ether: ether.clone(),
            now: Instant::from_millis(1),
            nodes: Vec::new(),
            events: Vec::new(),
            log: Vec::new(),
        };
        for n in 0..count {
            let surroundings = Surroundings {
                medium: Some(Box::new(ether.radio())),
                salt: n as u64 + 1,
                ..Surroundings::default()
            };
            let ncp = Ncp::with(seed, Variant::easy(), surroundings);
            world.nodes.push(ncp);
            world.events.push(Vec::new());
        }
        world.run(0);
        world
    }

    /// Lets `millis` pass.
    fn run(&mut self, millis: u64) {
        let until = self.now + Duration::from_millis(millis);
        for _ in 0..1_000_000 {
            self.settle();
            let next = self.nodes.iter().filter_map(Firmware::poll_timeout).min();
            match next.filter(|next| *next <= until) {
                Some(next) => self.now = self.now.max(next),
                None => {
                    self.now = until;
                    return self.settle();
                }
            }
        }
        panic!("time stands still");
    }

    /// Until nobody has anything to say at this moment.
    fn settle(&mut self) {
        let mut buf = [0; 1300];
        for _ in 0..10_000 {
            let mut quiet = true;
            for (n, node) in self.nodes.iter_mut().enumerate() {
                node.poll(self.now);
                while let Some(len) = node.transmit(self.now, &mut buf) {
                    quiet = false;
                    self.log
                        .push((self.now.as_micros(), n, buf[..len].to_vec()));
                    self.events[n].push(buf[..len].to_vec());
                }
            }
            let due = |node: &Ncp| node.poll_timeout().is_some_and(|at| at <= self.now);
            if quiet && !self.nodes.iter().any(due) {
                return;
            }
        }
        panic!("never quiet");
    }

    /// Sends a command and returns its reply without the header.
    fn ask(&mut self, n: usize, frame: &[u8]) -> Vec<u8> {
        self.settle();
        let frame = [&[0x81], frame].concat();
        self.nodes[n].receive(self.now, &frame);
        self.settle();
        let is_reply = |frame: &Vec<u8>| frame[0] == 0x81;
        let index = self.events[n].iter().position(is_reply).expect("a reply");
        self.events[n].remove(index)[1..].to_vec()
    }

    fn command(&mut self, n: usize, command: u8, property: Property, value: &[u8]) -> Vec<u8> {
        self.ask(n, &[&[command], id(property).as_slice(), value].concat())
    }

    /// The value, or the status of a refusal.
    fn get(&mut self, n: usize, property: Property) -> Result<Vec<u8>, u32> {
        answer(property, &self.command(n, 2, property, &[]))
    }

    fn value(&mut self, n: usize, property: Property) -> Vec<u8> {
        self.get(n, property).expect("a value")
    }

    #[track_caller]
    fn set(&mut self, n: usize, property: Property, value: &[u8]) {
        let result = answer(property, &self.command(n, 3, property, value));
        assert!(matches!(result, Ok(_) | Err(0)), "{property}: {result:?}");
    }

    fn role(&mut self, n: usize) -> u8 {
        self.value(n, Property::NET_ROLE)[0]
    }

    fn ml_addr(&mut self, n: usize) -> [u8; 16] {
        self.value(n, Property::IPV6_ML_ADDR).try_into().unwrap()
    }

    /// The credentials, and up.
    fn start(&mut self, n: usize, key: u8, join: bool) {
        self.credentials(n, key);
        self.set(n, Property::NET_IF_UP, &[1]);
        if join {
            self.set(n, Property::NET_REQUIRE_JOIN_EXISTING, &[1]);
        }
        self.set(n, Property::NET_STACK_UP, &[1]);
    }

    fn credentials(&mut self, n: usize, key: u8) {
        self.set(n, Property::PHY_CHAN, &[15]);
        self.set(n, Property::MAC_15_4_PANID, &[0xCE, 0xFA]);
        self.set(n, Property::NET_NETWORK_NAME, b"test\0");
        self.set(n, Property::NET_NETWORK_KEY, &[key; 16]);
        self.set(n, Property::NET_XPANID, &[1, 2, 3, 4, 5, 6, 7, 8]);
    }

    /// One leads, the other is its child.
    fn pair() -> Self {
        let mut world = World::new(2);
        world.start(0, 7, false);
        world.run(3_000);
        world.start(1, 7, true);
        world.run(2_500);
        assert_eq!((world.role(0), world.role(1)), (LEADER, CHILD));
        world
    }

    /// Like [`World::pair`], and the child has become a router.
    fn routers() -> Self {
        let mut world = World::pair();
        world.run(12_000);
        assert_eq!((world.role(0), world.role(1)), (LEADER, ROUTER));
        world
    }

    /// Sends a packet of the host.
    fn send(&mut self, n: usize, packet: &[u8]) {
        self.events.iter_mut().for_each(Vec::clear);
        let length = (packet.len() as u16).to_le_bytes();
        let frame = [&[0x80, 3, 114], length.as_slice(), packet];
        self.nodes[n].receive(self.now, &frame.concat());
        self.run(20);
    }

    /// The packets that a host got.
    fn packets(&self, n: usize) -> Vec<Vec<u8>> {
        let frames = self.events[n].iter();
        let packets = frames.filter(|frame| frame[..3] == [0x80, 6, 114]);
        packets.map(|frame| frame[5..].to_vec()).collect()
    }

    fn has_event(&self, n: usize, frame: &[u8]) -> bool {
        self.events[n].iter().any(|event| event.starts_with(frame))
    }
}

fn id(property: Property) -> Vec<u8> {
    let mut buf = [0; 3];
    let mut writer = Writer::new(&mut buf);
    writer.uint_packed(property.0).unwrap();
    writer.written().to_vec()
}

fn answer(property: Property, reply: &[u8]) -> Result<Vec<u8>, u32> {
    let mut reader = Reader::new(reply);
    let _command = reader.uint_packed().unwrap();
    match reader.uint_packed().unwrap() {
        0 if property.0 != 0 => Err(reader.uint_packed().unwrap()),
        number => {
            assert_eq!(number, property.0);
            Ok(reader.rest().to_vec())
        }
    }
}

/// A UDP packet of `len` octets in all; nobody looks at its checksum.
fn packet(source: &[u8; 16], destination: &[u8; 16], len: usize) -> Vec<u8> {
    let payload = vec![0x5A; len - 40];
    let length = ((len - 40) as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, length[0], length[1], 17, 64];
    [&head, source.as_slice(), destination, &payload].concat()
}

fn ping(source: &[u8; 16], destination: &[u8; 16]) -> Vec<u8> {
    let mut icmp = [128, 0, 0, 0, 0x12, 0x34, 0, 1];
    let words = [source.as_slice(), destination, &icmp].concat();
    let words = words
        .chunks(2)
        .map(|w| u64::from(u16::from_be_bytes([w[0], w[1]])));
    let mut sum = words.sum::<u64>() + 8 + 58;
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    icmp[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    let head = [0x60, 0, 0, 0, 0, 8, 58, 64];
    [&head, source.as_slice(), destination, &icmp].concat()
}

const DETACHED: u8 = 0;
const DISABLED: u8 = 4;
const CHILD: u8 = 1;
const ROUTER: u8 = 2;
const LEADER: u8 = 3;

#[test]
fn forms_and_joins() {
    let mut world = World::new(2);
    world.start(0, 7, false);
    world.run(1_400);
    assert_eq!(world.role(0), DETACHED);
    world.run(1_200);
    assert_eq!(world.role(0), LEADER);
    world.start(1, 7, true);
    world.run(500);
    assert_eq!(world.role(1), DETACHED);
    world.run(2_000);
    assert_eq!(world.role(1), CHILD);
    assert!(world.has_event(1, &[0x80, 6, 67, 1]));
    assert_eq!(world.value(1, Property::NET_REQUIRE_JOIN_EXISTING), [0]);
    for property in [
        Property::NET_PARTITION_ID,
        Property::THREAD_LEADER_ADDR,
        Property::THREAD_LEADER_RID,
        Property::IPV6_ML_PREFIX,
    ] {
        assert_eq!(
            world.value(0, property),
            world.value(1, property),
            "{property}"
        );
    }
    let parent = world.value(0, Property::MAC_15_4_LADDR);
    let child = world.value(1, Property::MAC_15_4_LADDR);
    assert_ne!(parent, child);
    let rloc16 = |octets: &[u8]| u16::from_le_bytes([octets[0], octets[1]]);
    let leader_rloc16 = rloc16(&world.value(0, Property::THREAD_RLOC16));
    let child_rloc16 = rloc16(&world.value(1, Property::THREAD_RLOC16));
    assert_eq!(child_rloc16, leader_rloc16 | 1);
    assert_eq!(world.value(1, Property::THREAD_PARENT)[..8], parent);
    assert_eq!(world.get(0, Property::THREAD_PARENT), Err(4));
    assert_eq!(world.value(0, Property::THREAD_CHILD_TABLE)[2..10], child);
    assert_eq!(world.value(1, Property::THREAD_CHILD_TABLE), []);
    assert_eq!(
        world.value(0, Property::THREAD_NEIGHBOR_TABLE)[2..10],
        child
    );
    // A child's parent is none of its neighbours, in OpenThread.
    assert_eq!(world.value(1, Property::THREAD_NEIGHBOR_TABLE), []);
    assert!(world.has_event(0, &[&[0x80, 7, 82], child.as_slice()].concat()));
}

#[test]
fn the_child_becomes_a_router_unless_it_must_not() {
    let mut world = World::routers();
    assert_eq!(world.value(0, Property::THREAD_CHILD_TABLE), []);
    assert!(world.has_event(0, &[0x80, 8, 82]));
    assert_eq!(world.get(1, Property::THREAD_PARENT), Err(4));
    assert_eq!(world.value(1, Property::THREAD_ROUTER_TABLE).len(), 2 * 19);
    world.set(1, Property::THREAD_ROUTER_ROLE_ENABLED, &[0]);
    world.run(30_000);
    assert_eq!(world.role(1), CHILD);
}

#[test]
fn another_key_does_not_attach() {
    let mut world = World::new(2);
    world.start(0, 7, false);
    world.run(3_000);
    world.start(1, 8, true);
    world.run(3_000);
    assert_eq!(world.role(1), DISABLED);
    assert!(world.has_event(1, &[0x80, 6, 0, 104]));
    assert_eq!(world.value(1, Property::NET_STACK_UP), [0]);
    assert_eq!(world.value(0, Property::THREAD_CHILD_TABLE), []);
    // Nor does it hear anything when it has a network of its own in the same place.
    world.set(1, Property::NET_STACK_UP, &[1]);
    world.run(30_000);
    assert_eq!((world.role(0), world.role(1)), (LEADER, LEADER));
    let (from, to) = (world.ml_addr(0), world.ml_addr(1));
    let mut everyone = [0; 16];
    (everyone[0], everyone[1], everyone[15]) = (0xFF, 2, 1);
    for to in [to, everyone] {
        world.send(0, &packet(&from, &to, 100));
        assert_eq!(world.packets(1), Vec::<Vec<u8>>::new());
    }
}

#[test]
fn packets_pass_both_ways_in_all_sizes() {
    let mut world = World::pair();
    let (a, b) = (world.ml_addr(0), world.ml_addr(1));
    for len in [48, 100, 103, 104, 105, 200, 1279, 1280] {
        let there = packet(&a, &b, len);
        world.send(0, &there);
        assert_eq!(world.packets(1), [there]);
        assert!(world.packets(0).is_empty());
        let back = packet(&b, &a, len);
        world.send(1, &back);
        assert_eq!(world.packets(0), [back]);
    }
}

#[test]
fn a_host_answers_for_its_address_and_firmware_for_locators() {
    let mut world = World::pair();
    let (a, b) = (world.ml_addr(0), world.ml_addr(1));
    let request = ping(&b, &a);
    world.send(1, &request);
    assert_eq!(
        world.packets(0),
        std::slice::from_ref(&request),
        "the kernel's to answer"
    );
    assert!(world.packets(1).is_empty());
    let leader: [u8; 16] = world
        .value(1, Property::THREAD_LEADER_ADDR)
        .try_into()
        .unwrap();
    let mut aloc = leader;
    aloc[14..].copy_from_slice(&[0xFC, 0]);
    for locator in [leader, aloc] {
        world.send(1, &ping(&b, &locator));
        assert!(world.packets(0).is_empty());
        let replies = world.packets(1);
        assert_eq!(replies.len(), 1);
        assert_eq!(
            (&replies[0][8..24], replies[0][40]),
            (locator.as_slice(), 129)
        );
    }
    // The NCP's own locators, from its own host.
    world.send(0, &ping(&a, &aloc));
    assert_eq!(world.packets(0).len(), 1);
    // With the offload on, the firmware answers for all of them.
    world.set(0, Property::IPV6_ICMP_PING_OFFLOAD_MODE, &[3]);
    world.send(1, &request);
    assert!(world.packets(0).is_empty());
    assert_eq!(world.packets(1).len(), 1);
}

#[test]
fn multicasts_reach_those_who_joined() {
    let mut world = World::pair();
    let a = world.ml_addr(0);
    let mut group = [0; 16];
    group[..2].copy_from_slice(&[0xFF, 5]);
    group[15] = 0x42;
    world.send(0, &packet(&a, &group, 60));
    assert!(world.packets(1).is_empty());
    let insert = world.command(1, 4, Property::IPV6_MULTICAST_ADDRESS_TABLE, &group);
    assert_eq!(insert[0], 7);
    world.send(0, &packet(&a, &group, 60));
    assert_eq!(world.packets(1).len(), 1);
    for scope in [2, 3] {
        group = [0; 16];
        group[..2].copy_from_slice(&[0xFF, scope]);
        group[15] = 1;
        world.send(0, &packet(&a, &group, 60));
        assert_eq!(world.packets(1).len(), 1, "scope {scope}");
        assert!(world.packets(0).is_empty());
    }
}

#[test]
fn a_leader_that_stays_away_is_missed_and_found_again() {
    let mut world = World::pair();
    // The child stays one, so that it has a parent to lose.
    world.set(1, Property::THREAD_ROUTER_ROLE_ENABLED, &[0]);
    world.set(0, Property::NET_STACK_UP, &[0]);
    world.run(8_000);
    assert_eq!(world.role(1), CHILD);
    world.run(6_000);
    assert_eq!(world.role(1), DETACHED);
    world.set(0, Property::NET_STACK_UP, &[1]);
    world.run(6_000);
    assert_eq!((world.role(0), world.role(1)), (LEADER, CHILD));
}

#[test]
fn a_leader_that_starts_over_is_noticed_at_once() {
    for routers in [false, true] {
        let mut world = match routers {
            true => World::routers(),
            false => World::pair(),
        };
        let now = world.now;
        world.nodes[0].reset(now, ResetCause::External);
        world.set(0, Property::NET_IF_UP, &[1]);
        world.set(0, Property::NET_STACK_UP, &[1]);
        world.run(300);
        let role = if routers { LEADER } else { DETACHED };
        assert_eq!(world.role(1), role);
        world.run(8_000);
        let roles = [world.role(0), world.role(1)];
        assert!(
            roles.contains(&LEADER) && !roles.contains(&DETACHED),
            "{roles:?}"
        );
        let same = |world: &mut World, n| world.value(n, Property::NET_PARTITION_ID);
        assert_eq!(same(&mut world, 0), same(&mut world, 1));
        let (a, b) = (world.ml_addr(0), world.ml_addr(1));
        world.send(0, &packet(&a, &b, 1280));
        assert_eq!(world.packets(1).len(), 1);
    }
}

#[test]
fn a_router_takes_over_when_its_leader_is_gone_for_long() {
    let mut world = World::routers();
    world.set(0, Property::NET_STACK_UP, &[0]);
    world.run(100_000);
    assert_eq!(world.role(1), ROUTER);
    world.run(30_000);
    assert_eq!(world.role(1), LEADER);
    world.set(0, Property::NET_STACK_UP, &[1]);
    world.run(3_000);
    assert_eq!(world.role(0), CHILD);
}

#[test]
fn two_that_form_at_once_end_in_one_partition() {
    let mut world = World::new(3);
    (0..3).for_each(|n| world.start(n, 7, false));
    world.run(30_000);
    let roles: Vec<_> = (0..3).map(|n| world.role(n)).collect();
    assert_eq!(
        roles.iter().filter(|role| **role == LEADER).count(),
        1,
        "{roles:?}"
    );
    let ids: Vec<_> = (0..3)
        .map(|n| world.value(n, Property::NET_PARTITION_ID))
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
}

#[test]
fn a_lossy_air_delays_and_does_not_prevent() {
    let ether = Ether::new(5, Rate { ppm: 100_000 }, Duration::from_millis(3));
    let mut world = World::seeded(2, 5, ether);
    world.start(0, 7, false);
    world.run(3_000);
    world.start(1, 7, false);
    world.run(30_000);
    let ids: Vec<_> = (0..2)
        .map(|n| world.value(n, Property::NET_PARTITION_ID))
        .collect();
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn leaves_gracefully() {
    let mut world = World::pair();
    world.set(1, Property::NET_LEAVE_GRACEFULLY, &[]);
    assert_eq!(world.role(1), DISABLED);
    assert!(world.has_event(1, &[0x80, 6, 76]));
    assert!(world.has_event(0, &[0x80, 8, 82]));
    assert_eq!(world.value(0, Property::THREAD_CHILD_TABLE), []);
}

/// 2001:db8:3::/64
const PREFIX: [u8; 16] = [0x20, 1, 0x0D, 0xB8, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn prefixes_routes_and_services_are_seen_by_the_other() {
    let mut world = World::pair();
    let net = [PREFIX.as_slice(), &[64, 1, 0x31]].concat();
    let refused = world.command(1, 4, Property::THREAD_ON_MESH_NETS, &net);
    assert_eq!(refused, [6, 0, 4]);
    world.set(1, Property::THREAD_ALLOW_LOCAL_NET_DATA_CHANGE, &[1]);
    world.command(1, 4, Property::THREAD_ON_MESH_NETS, &net);
    let route = [[0; 16].as_slice(), &[0, 1, 0x40]].concat();
    world.command(1, 4, Property::THREAD_OFF_MESH_ROUTES, &route);
    world.run(5_000);
    assert_eq!(world.value(0, Property::THREAD_ON_MESH_NETS), []);
    let before = world.value(0, Property::THREAD_NETWORK_DATA_VERSION);
    world.set(1, Property::THREAD_ALLOW_LOCAL_NET_DATA_CHANGE, &[0]);
    world.set(1, Property::SERVER_ALLOW_LOCAL_DATA_CHANGE, &[1]);
    let service = [0xAA, 0xAF, 0, 0, 1, 0, 0x5D, 1, 1, 0, 1];
    world.command(1, 4, Property::SERVER_SERVICES, &service);
    world.set(1, Property::SERVER_ALLOW_LOCAL_DATA_CHANGE, &[0]);
    world.run(3_000);
    let rloc16 = world.value(1, Property::THREAD_RLOC16);
    let entry = [&[23, 0], net.as_slice(), &[0], &rloc16, &[0]].concat();
    assert_eq!(world.value(0, Property::THREAD_ON_MESH_NETS), entry);
    let entry = [&[23, 0], route.as_slice(), &[0, 0], &rloc16].concat();
    assert_eq!(world.value(0, Property::THREAD_OFF_MESH_ROUTES), entry);
    let entry = [&[14, 0, 0], service.as_slice(), &rloc16].concat();
    assert_eq!(world.value(0, Property::SERVER_LEADER_SERVICES), entry);
    assert_eq!(world.value(1, Property::SERVER_LEADER_SERVICES), entry);
    // Here it is in the network's data and local, with our RLOC16.
    let own = world.value(1, Property::THREAD_ON_MESH_NETS);
    let entry = |local| [&[23, 0], net.as_slice(), &[local], &rloc16, &[0]].concat();
    assert_eq!(own, [entry(0), entry(1)].concat());
    assert_ne!(
        before,
        world.value(0, Property::THREAD_NETWORK_DATA_VERSION)
    );
    assert!(world.has_event(0, &[0x80, 6, 90]));
    let data = world.value(0, Property::THREAD_LEADER_NETWORK_DATA);
    assert_eq!(data, world.value(1, Property::THREAD_LEADER_NETWORK_DATA));

    // What is in nobody's table goes to whoever offers a way.
    let a = world.ml_addr(0);
    let mut outside = [0x33; 16];
    world.send(0, &packet(&a, &outside, 80));
    assert_eq!(world.packets(1).len(), 1);
    outside[0] = 0xFE;
    outside[1] = 0x80;
    world.send(1, &packet(&a, &outside, 80));
    assert!(world.packets(0).is_empty());

    // Withdrawn, it is gone.
    world.set(1, Property::THREAD_ALLOW_LOCAL_NET_DATA_CHANGE, &[1]);
    world.command(1, 5, Property::THREAD_ON_MESH_NETS, &net[..17]);
    world.set(1, Property::THREAD_ALLOW_LOCAL_NET_DATA_CHANGE, &[0]);
    world.run(3_000);
    assert_eq!(world.value(0, Property::THREAD_ON_MESH_NETS), []);
}

#[test]
fn an_address_that_the_host_inserts_is_found() {
    let mut world = World::pair();
    let mut address = PREFIX;
    address[15] = 9;
    let item = [address.as_slice(), &[64], &[0xFF; 8]].concat();
    world.command(1, 4, Property::IPV6_ADDRESS_TABLE, &item);
    world.run(100);
    let a = world.ml_addr(0);
    world.send(0, &packet(&a, &address, 500));
    assert_eq!(world.packets(1).len(), 1);
}

/// `status` of the joiner as an unsolicited update.
fn joins(world: &mut World, pskd: &str) -> Option<u32> {
    let value = [&[1], pskd.as_bytes(), &[0; 6]].concat();
    world.events[1].clear();
    world.set(1, Property::MESHCOP_JOINER_COMMISSIONING, &value);
    world.run(20_000);
    let frames = world.events[1].iter();
    let mut statuses = frames.filter(|frame| frame[..3] == [0x80, 6, 0]);
    statuses.next().map(|frame| u32::from(frame[3]))
}

#[test]
fn a_joiner_gets_the_credentials_by_its_pskd() {
    let mut world = World::new(2);
    world.set(1, Property::NET_IF_UP, &[1]);
    assert_eq!(joins(&mut world, "J01NME"), Some(106), "nobody there");
    world.start(0, 7, false);
    world.run(3_000);
    assert_eq!(joins(&mut world, "J01NME"), Some(106), "nobody lets it in");
    world.set(0, Property::MESHCOP_COMMISSIONER_STATE, &[2]);
    world.run(500);
    assert_eq!(world.value(0, Property::MESHCOP_COMMISSIONER_STATE), [2]);
    let eui64 = world.value(1, Property::HWADDR);
    let item = |eui64: &[u8]| [&[8, 0], eui64, &[120, 0, 0, 0], b"J01NME\0"].concat();
    let joiners = Property::MESHCOP_COMMISSIONER_JOINERS;
    assert_eq!(world.command(0, 4, joiners, &item(&[9; 8]))[0], 7);
    assert_eq!(
        joins(&mut world, "J01NME"),
        Some(106),
        "another is expected"
    );
    assert_eq!(world.command(0, 4, joiners, &item(&eui64))[0], 7);
    assert_eq!(joins(&mut world, "WR0NG1"), Some(105));
    assert_eq!(joins(&mut world, "J01NME"), Some(109));
    assert_eq!(world.value(1, Property::NET_SAVED), [1]);
    for property in [
        Property::NET_NETWORK_KEY,
        Property::NET_NETWORK_NAME,
        Property::PHY_CHAN,
        Property::MAC_15_4_PANID,
    ] {
        assert_eq!(
            world.value(0, property),
            world.value(1, property),
            "{property}"
        );
    }
    world.set(1, Property::NET_STACK_UP, &[1]);
    world.run(3_000);
    assert_eq!(world.role(1), CHILD);
    // The list says who is expected, and forgets in time.
    assert!(!world.value(0, joiners).is_empty());
    world.run(130_000);
    assert_eq!(world.value(0, joiners), []);
}

#[test]
fn scans_find_the_other() {
    let mut world = World::new(2);
    world.start(0, 7, false);
    world.run(3_000);
    world.set(1, Property::NET_IF_UP, &[1]);
    let address = world.value(0, Property::MAC_15_4_LADDR);
    let finds = |world: &mut World, state: u8| {
        world.events[1].clear();
        world.set(1, Property::MAC_SCAN_MASK, &[11, 15, 20]);
        world.set(1, Property::MAC_SCAN_STATE, &[state]);
        world.run(2_000);
        assert!(world.has_event(1, &[0x80, 6, 48, 0]));
        let found = world.events[1]
            .iter()
            .find(|frame| frame[..3] == [0x80, 7, 51] && frame[7..15] == address[..]);
        found.cloned()
    };
    for state in [1, 3] {
        let found = finds(&mut world, state).expect("the other");
        assert_eq!((found[3], &found[17..19]), (15, [0xCE, 0xFA].as_slice()));
        let name = found.windows(5).any(|octets| octets == b"test\0");
        assert!(name && found[23] & 1 == 0, "not joinable");
    }
    world.set(0, Property::THREAD_ASSISTING_PORTS, &[0x34, 0x16]);
    for state in [1, 3] {
        assert_eq!(finds(&mut world, state).expect("the other")[23] & 1, 1);
    }
    world.set(1, Property::THREAD_DISCOVERY_SCAN_PANID, &[1, 2]);
    assert_eq!(finds(&mut world, 3), None);
}

#[test]
fn the_filters_keep_neighbours_out() {
    let mut world = World::new(2);
    let other = world.value(1, Property::MAC_15_4_LADDR);
    world.start(0, 7, false);
    world.run(3_000);
    world.command(0, 4, Property::MAC_DENYLIST, &other);
    world.set(0, Property::MAC_DENYLIST_ENABLED, &[1]);
    world.start(1, 7, true);
    world.run(3_000);
    assert_eq!(world.role(1), DISABLED);
    world.set(0, Property::MAC_DENYLIST_ENABLED, &[0]);
    world.set(0, Property::MAC_ALLOWLIST_ENABLED, &[1]);
    world.start(1, 7, true);
    world.run(3_000);
    assert_eq!(world.role(1), DISABLED);
    let item = [other.as_slice(), &[0xB5]].concat();
    world.command(0, 4, Property::MAC_ALLOWLIST, &item);
    world.start(1, 7, true);
    world.run(3_000);
    assert_eq!(world.role(1), CHILD);
    // With the RSSI of the list: after address, RLOC16, age and link quality.
    assert_eq!(world.value(0, Property::THREAD_NEIGHBOR_TABLE)[17], 0xB5);
}

#[test]
fn a_sniffer_sees_frames() {
    let mut world = World::new(3);
    world.set(2, Property::PHY_CHAN, &[15]);
    world.set(2, Property::MAC_PROMISCUOUS_MODE, &[2]);
    world.set(2, Property::PHY_PCAP_ENABLED, &[1]);
    world.set(2, Property::NET_IF_UP, &[1]);
    world.start(0, 7, false);
    world.run(3_000);
    world.start(1, 7, true);
    world.run(3_000);
    let (a, b) = (world.ml_addr(0), world.ml_addr(1));
    world.send(0, &packet(&a, &b, 1280));
    let raw: Vec<_> = world.events[2]
        .iter()
        .filter(|frame| frame[..3] == [0x80, 6, 113])
        .cloned()
        .collect();
    // Fourteen fragments.
    assert!(raw.len() >= 14, "{}", raw.len());
    for frame in &raw {
        let mut reader = Reader::new(&frame[3..]);
        let psdu = reader.data_with_length().unwrap();
        assert!(psdu.len() <= 127 && psdu[0] & 7 == 1);
        reader.take(2).unwrap();
        assert_eq!(reader.uint16(), Ok(0));
        let mut phy = reader.structure().unwrap();
        assert_eq!(phy.uint8(), Ok(15));
        assert_eq!(phy.uint8(), Ok(255));
        assert!(phy.uint64().unwrap() <= world.now.as_micros());
        assert_eq!(reader.rest(), [1, 0, 0]);
    }
    // Its own frames are flagged; those of another channel are not there.
    world.events[2].clear();
    world.set(2, Property::PHY_CHAN, &[26]);
    world.set(2, Property::MAC_SCAN_MASK, &[26]);
    world.set(2, Property::MAC_SCAN_STATE, &[1]);
    let is_raw = |frame: &&Vec<u8>| frame[..3] == [0x80, 6, 113];
    let own = world.events[2].iter().find(is_raw).expect("its own");
    assert_eq!(own[5 + 10 + 2..5 + 10 + 4], [1, 0]);
    world.events[2].clear();
    world.run(5_000);
    assert!(!world.has_event(2, &[0x80, 6, 113]));
    world.set(2, Property::PHY_CHAN, &[15]);
    world.run(5_000);
    assert!(world.has_event(2, &[0x80, 6, 113]));
    world.events[2].clear();
    world.set(2, Property::PHY_PCAP_ENABLED, &[0]);
    world.run(5_000);
    assert!(!world.has_event(2, &[0x80, 6, 113]));
}

#[test]
fn a_sniffer_alone_hears_its_neighbourhood() {
    let mut ncp = Ncp::new(1);
    let mut buf = [0; 1300];
    // Channel 15, everything, copies, and the radio on.
    for frame in [
        [0x81, 3, 33, 15],
        [0x82, 3, 56, 2],
        [0x83, 3, 40, 1],
        [0x84, 3, 65, 1],
    ] {
        ncp.receive(Instant::ZERO, &frame);
    }
    let mut raw = 0;
    for second in 0..5 {
        while let Some(len) = ncp.transmit(Instant::from_millis(second * 1_000), &mut buf) {
            raw += usize::from(buf[..len].starts_with(&[0x80, 6, 113]));
        }
    }
    assert!(raw >= 5, "{raw}");
}

/// A host that does not fetch makes the others wait, and after a while loses packets.
#[test]
fn a_host_that_fetches_late_loses_nothing() {
    let mut world = World::pair();
    let (a, b) = (world.ml_addr(0), world.ml_addr(1));
    let mut buf = [0; 1300];
    for n in 0..40 {
        let mut packet = packet(&a, &b, 1280);
        packet[50] = n;
        let frame = [&[0x80, 3, 114, 0, 5], packet.as_slice()].concat();
        assert!(world.nodes[0].is_ready());
        world.nodes[0].receive(world.now, &frame);
    }
    let mut got = Vec::new();
    while let Some(len) = world.nodes[1].transmit(world.now, &mut buf) {
        if buf[..len].starts_with(&[0x80, 6, 114]) {
            got.push(buf[55]);
        }
    }
    assert_eq!(got, (0..40).collect::<Vec<_>>());
}

#[test]
fn the_memory_keeps_who_it_is_and_its_network() {
    use std::cell::RefCell;
    use std::rc::Rc;

    #[derive(Debug, Clone, Default)]
    struct Flash(Rc<RefCell<Option<Vec<u8>>>>);
    impl spinel_bridge::sim::radio::Memory for Flash {
        fn load(&mut self) -> Option<Vec<u8>> {
            self.0.borrow().clone()
        }
        fn store(&mut self, octets: &[u8]) {
            *self.0.borrow_mut() = Some(octets.to_vec());
        }
    }

    let flash = Flash::default();
    let boot = |seed| {
        let mut world = World::new(0);
        let surroundings = Surroundings {
            memory: Some(Box::new(flash.clone())),
            ..Surroundings::default()
        };
        let ncp = Ncp::with(seed, Variant::easy(), surroundings);
        world.nodes.push(ncp);
        world.events.push(Vec::new());
        world
    };
    let mut world = boot(1);
    world.start(0, 7, false);
    world.run(3_000);
    let of = |world: &mut World| {
        [
            Property::HWADDR,
            Property::IPV6_ML_ADDR,
            Property::NET_NETWORK_KEY,
            Property::NET_SAVED,
        ]
        .map(|property| world.value(0, property))
    };
    let before = of(&mut world);
    let mut world = boot(2);
    assert_eq!(of(&mut world), before);
    // Cleared, the network is gone, and the identity is not.
    assert_eq!(world.ask(0, &[10]), [6, 0, 0]);
    let mut world = boot(3);
    let after = of(&mut world);
    assert_eq!((&after[0], &after[3]), (&before[0], &vec![0]));
    // What is no memory of ours is as good as none.
    *flash.0.borrow_mut() = Some(vec![0xFF; 99]);
    assert_eq!(of(&mut boot(4))[3], [0]);
}

#[test]
fn refuses_and_bootloaders_can_be_tried() {
    let variant = Variant {
        major: 3,
        bootloader: true,
        ..Variant::default()
    };
    let mut world = World::new(0);
    world
        .nodes
        .push(Ncp::with(1, variant, Surroundings::default()));
    world.events.push(Vec::new());
    assert_eq!(world.value(0, Property::PROTOCOL_VERSION), [3, 3]);
    assert_eq!(world.value(0, Property::INTERFACE_TYPE), [0]);
}

/// Every property that a real firmware of these capabilities has can be read, and is what its signature
/// says; or the status is one that firmware gives.
#[test]
fn every_property_of_the_tables_answers() {
    for attached in [false, true] {
        let mut world = match attached {
            true => World::pair(),
            false => World::new(1),
        };
        let caps = world.value(0, Property::CAPS);
        let mut reader = Reader::new(&caps);
        let caps: Vec<_> = core::iter::from_fn(|| reader.uint_packed().ok()).collect();
        let has = |capability: &Capability| caps.contains(&capability.0);
        for row in PROPERTIES.iter() {
            let needed = match row.needs {
                Needs::AnyOf(capabilities) => capabilities.iter().any(has),
                Needs::Nothing | Needs::ToWrite(_) => true,
            };
            // Of those that OpenThread has not got, these have a capability that we list.
            let gadget = (4096..=4103).contains(&row.id.0);
            let absent = row.access.contains(Access::NOT_IN_FIRMWARE) && !gadget;
            // And these are of a border router's firmware alone.
            let absent = absent || (2321..=2450).contains(&row.id.0);
            // And a wake-up coordinator's.
            let absent = absent || row.id == Property::THREAD_WAKEUP_CHANNEL;
            let wanted = needed && !absent && row.access.contains(Access::GET);
            match world.get(0, row.id) {
                Ok(value) => {
                    let checked = Items::new(row.signature, &value).check();
                    assert!(checked.is_ok(), "{}: {value:02X?}", row.name);
                    // Firmware has these without their capabilities, too.
                    let extra = [
                        Property::POWER_STATE,
                        Property::NET_LEAVE_GRACEFULLY,
                        Property::RCP_CSL_ACCURACY,
                        Property::RCP_CSL_UNCERTAINTY,
                        Property::SUPPORTED_RADIO_LINKS,
                        Property::THREAD_NEIGHBOR_TABLE_ERROR_RATES,
                    ];
                    let extra = extra.contains(&row.id);
                    assert!(wanted || extra, "{} has a value", row.name);
                }
                Err(status) => {
                    let expected = match row.id {
                        Property::LOCK | Property::IPV6_ROUTE_TABLE => 2,
                        Property::THREAD_PARENT => 4,
                        Property::THREAD_LEADER_ADDR if !attached => 16_400,
                        _ => Status::PROP_NOT_FOUND.0,
                    };
                    assert_eq!(status, expected, "{}", row.name);
                    assert!(
                        !wanted || expected != Status::PROP_NOT_FOUND.0,
                        "{}",
                        row.name
                    );
                }
            }
        }
    }
}

#[test]
fn the_same_seed_is_the_same_story() {
    let run = |seed| {
        let ether = Ether::new(seed, Rate { ppm: 50_000 }, Duration::from_millis(2));
        let mut world = World::seeded(3, seed, ether);
        (0..3).for_each(|n| world.start(n, 7, false));
        world.run(40_000);
        world.log
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}

/// A radio that records what it hears, and sends it back changed.
fn frames_of_a_session() -> Vec<Vec<u8>> {
    let ether = Ether::perfect();
    let mut world = World::seeded(2, 1, ether.clone());
    let mut ear: EtherRadio = ether.radio();
    world.start(0, 7, false);
    world.run(3_000);
    world.start(1, 7, true);
    world.run(15_000);
    let (a, b) = (world.ml_addr(0), world.ml_addr(1));
    world.send(0, &packet(&a, &b, 1280));
    let mut frames = Vec::new();
    let mut buf = [0; FRAME_MAX];
    while let Some(len) = ear.receive(world.now, &mut buf) {
        frames.push(buf[..len].to_vec());
    }
    frames
}

/// The check sum of a PSDU made right again, so that it is looked at.
fn mend(frame: &mut Vec<u8>) {
    frame.truncate(frame.len().saturating_sub(2).max(2));
    let sum = frame[2..].iter().fold(0_u16, |sum, octet| {
        (0..8).fold(sum ^ u16::from(*octet), |sum, _| match sum & 1 {
            1 => sum >> 1 ^ 0x8408,
            _ => sum >> 1,
        })
    });
    frame.extend(sum.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hostile_frames_are_harmless(
        noise in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..3u8,
             prop::collection::vec(any::<u8>(), 0..140)),
            1..60,
        ),
    ) {
        let recorded = frames_of_a_session();
        let mut world = World::pair();
        world.set(0, Property::PHY_PCAP_ENABLED, &[1]);
        world.set(0, Property::MESHCOP_COMMISSIONER_STATE, &[2]);
        let mut enemy = world.ether.radio();
        for (which, place, octet, kind, random) in noise {
            let mut frame = match kind {
                0 => [&[15, 0], random.as_slice()].concat(),
                _ => which.get(&recorded).clone(),
            };
            if kind == 2 {
                let at = place.index(frame.len());
                frame[at] = octet;
            }
            mend(&mut frame);
            enemy.send(world.now, &frame);
            world.run(50);
        }
        world.run(60_000);
        // Whatever came, both still talk to their hosts.
        for n in 0..2 {
            prop_assert_eq!(world.ask(n, &[0]), [6, 0, 0]);
        }
    }
}
