use super::*;
use crate::host::kernel;
use crate::host::kernel::Address;
use crate::host::known::Known;
use crate::time::Duration;
use crate::wire::ids::Property;
use proptest::prelude::*;

const OWN: &str = "fdde:ad00:beef:0:11:1122:2233:3344";
const PEER: &str = "fdde:ad00:beef::ff:fe00:fc00";
/// This host, on another interface.
const LAN: &str = "fd12:1::5";
/// The port of commissioning (protocol §7.7).
const PORT: u16 = 5684;

/// The packet of protocol §7.7 without its frame: an echo request.
const ECHO_REQUEST: [u8; 48] = [
    0x60, 0x00, 0x00, 0x00, 0x00, 0x08, 0x3A, 0x40, 0xFD, 0xDE, 0xAD, 0x00, 0xBE, 0xEF, 0x00, 0x00,
    0x00, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44, 0xFD, 0xDE, 0xAD, 0x00, 0xBE, 0xEF, 0x00, 0x00,
    0x00, 0x00, 0x00, 0xFF, 0xFE, 0x00, 0xFC, 0x00, 0x80, 0x00, 0xF4, 0x3D, 0x12, 0x34, 0x00, 0x01,
];

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn packet(from: &str, to: &str, next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let header = [0x60, 0, 0, 0, length[0], length[1], next, 64];
    [
        &header,
        ip(from).octets().as_slice(),
        &ip(to).octets(),
        payload,
    ]
    .concat()
}

fn udp(from: &str, to: &str, source: u16, destination: u16) -> Vec<u8> {
    let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    packet(from, to, UDP, &[&ports[..], &[0, 8, 0, 0]].concat())
}

fn icmp(from: &str, to: &str, kind: u8) -> Vec<u8> {
    packet(from, to, ICMPV6, &[kind, 0, 0, 0, 0, 0, 0, 0])
}

/// An interface that is up, with one address.
fn netif() -> Netif {
    let mut netif = Netif::new(Default::default());
    netif.kernel(kernel::Event::Up(true));
    netif.ncp_value(Property::IPV6_ML_ADDR, &ip(OWN).octets(), &Known::new());
    netif
}

struct World {
    netif: Netif,
    sessions: Sessions,
    state: State,
    joining: bool,
}

impl World {
    fn new(state: State) -> Self {
        World {
            netif: netif(),
            sessions: Sessions::new(),
            state,
            joining: false,
        }
    }

    fn out(&mut self, packet: &[u8]) -> Result<Stream, Dropped> {
        let (state, joining, netif) = (self.state, self.joining, &self.netif);
        let path = Path {
            state,
            joining,
            netif,
        };
        outbound(packet, &path, &mut self.sessions)
    }

    fn come(&mut self, stream: Stream, packet: &[u8]) -> Result<(), Dropped> {
        let (state, joining, netif) = (self.state, self.joining, &self.netif);
        let path = Path {
            state,
            joining,
            netif,
        };
        inbound(packet, stream, &path, &mut self.sessions)
    }
}

#[test]
fn the_vector_passes() {
    let mut world = World::new(State::Associated);
    assert_eq!(
        packet(OWN, PEER, ICMPV6, &ECHO_REQUEST[40..])[8..],
        ECHO_REQUEST[8..]
    );
    assert_eq!(world.out(&ECHO_REQUEST), Ok(Stream::Net));
    let reply = icmp(PEER, OWN, 129);
    assert_eq!(world.come(Stream::Net, &reply), Ok(()));
}

#[test]
fn out_depends_on_the_state() {
    let stream = |state, joining| {
        let mut world = World::new(state);
        world.joining = joining;
        world.out(&ECHO_REQUEST)
    };
    for state in [
        State::Uninitialized,
        State::Fault,
        State::Upgrading,
        State::DeepSleep,
        State::Offline,
        State::Commissioned,
        State::Associating,
        State::Isolated,
    ] {
        assert_eq!(stream(state, false), Err(Dropped::NoNetwork), "{state}");
    }
    assert_eq!(stream(State::Associated, false), Ok(Stream::Net));
    assert_eq!(stream(State::Associated, true), Ok(Stream::NetInsecure));
    assert_eq!(
        stream(State::CredentialsNeeded, false),
        Ok(Stream::NetInsecure)
    );
    assert_eq!(stream(State::Associating, true), Ok(Stream::NetInsecure));
}

#[test]
fn shapes_are_checked_both_ways() {
    let whole = udp(OWN, PEER, 1, 2);
    let mut ipv4 = whole.clone();
    ipv4[0] = 0x45;
    let mut long = whole.clone();
    long[5] += 1;
    let mut more = whole.clone();
    more.push(0);
    let biggest = packet(OWN, PEER, 59, &[0; MTU - 40]);
    let too_big = packet(OWN, PEER, 59, &[0; MTU - 39]);
    let rows: [(&[u8], Option<Dropped>); 9] = [
        (&whole, None),
        (&biggest, None),
        (&too_big, Some(Dropped::TooBig)),
        (&[], Some(Dropped::Short)),
        (&whole[..39], Some(Dropped::Short)),
        (&whole[..40], Some(Dropped::Length)),
        (&ipv4, Some(Dropped::NotIpv6)),
        (&long, Some(Dropped::Length)),
        (&more, Some(Dropped::Length)),
    ];
    for (packet, expected) in rows {
        let mut world = World::new(State::Associated);
        assert_eq!(world.out(packet).err(), expected);
        let mut back = packet.to_vec();
        if let Some(addresses) = back.get_mut(8..40) {
            addresses.rotate_left(16);
        }
        assert_eq!(world.come(Stream::Net, &back).err(), expected);
    }
}

#[test]
fn noise_of_the_kernel_is_dropped_in_every_state() {
    let hop_by_hop = [ICMPV6, 0, 5, 2, 0, 0, 1, 0, 143, 0, 0, 0, 0, 0, 0, 0];
    let rows = [
        (
            packet("::", "ff02::16", HOP_BY_HOP, &hop_by_hop),
            Dropped::MldReport,
        ),
        (
            packet(OWN, "ff02::16", HOP_BY_HOP, &hop_by_hop),
            Dropped::MldReport,
        ),
        (icmp("fe80::1", "ff02::2", 133), Dropped::RouterDiscovery),
        (icmp(OWN, "ff02::2", 134), Dropped::RouterDiscovery),
        (
            icmp("::", "ff02::1:ff00:1", 135),
            Dropped::NeighbourDiscovery,
        ),
        (icmp(OWN, PEER, 135), Dropped::NeighbourDiscovery),
        (icmp(OWN, "ff02::1", 136), Dropped::NeighbourDiscovery),
        (icmp(OWN, PEER, 137), Dropped::NeighbourDiscovery),
    ];
    for (packet, expected) in rows {
        for state in [State::Associated, State::Offline, State::CredentialsNeeded] {
            assert_eq!(World::new(state).out(&packet), Err(expected));
        }
    }
    // Behind extension headers, too; and only those.
    let options = [ICMPV6, 0, 1, 4, 0, 0, 0, 0, 135, 0, 0, 0];
    let hidden = packet(OWN, PEER, DESTINATION_OPTIONS, &options);
    let mut world = World::new(State::Associated);
    assert_eq!(world.out(&hidden), Err(Dropped::NeighbourDiscovery));
    assert_eq!(world.out(&icmp(OWN, PEER, 133)), Ok(Stream::Net));
    assert_eq!(world.out(&icmp(OWN, "ff02::2", 128)), Ok(Stream::Net));
    assert_eq!(
        world.out(&packet(OWN, "ff03::1", HOP_BY_HOP, &hop_by_hop)),
        Ok(Stream::Net)
    );
}

#[test]
fn addresses_out() {
    let rows = [
        ("fdde:ad00:beef::1", PEER, Some(Dropped::ForeignSource)),
        ("::", PEER, Some(Dropped::BadAddress)),
        ("ff02::1", PEER, Some(Dropped::BadAddress)),
        ("::1", PEER, Some(Dropped::BadAddress)),
        (OWN, "::", Some(Dropped::BadAddress)),
        (OWN, "::1", Some(Dropped::BadAddress)),
        (OWN, "ff01::1", Some(Dropped::Scope)),
        (OWN, "ff11::1", Some(Dropped::Scope)),
        (OWN, "ff00::1", Some(Dropped::Scope)),
        (OWN, "ff02::1", None),
        (OWN, "ff33:40:fd00::1", None),
    ];
    for (from, to, expected) in rows {
        let mut world = World::new(State::Associated);
        assert_eq!(
            world.out(&udp(from, to, 1, 2)).err(),
            expected,
            "{from} {to}"
        );
    }
}

#[test]
fn addresses_in() {
    let rows = [
        (PEER, OWN, None),
        // Off-mesh: the host routes it.
        (PEER, "2001:db8::1", None),
        (PEER, "ff03::1", None),
        (OWN, "ff03::1", Some(Dropped::MulticastLoop)),
        ("ff03::1", OWN, Some(Dropped::BadAddress)),
        ("::1", OWN, Some(Dropped::BadAddress)),
        (PEER, "::1", Some(Dropped::BadAddress)),
        // What services take for this host itself, or for somebody in IPv4.
        (OWN, OWN, Some(Dropped::OwnSource)),
        (LAN, OWN, Some(Dropped::OwnSource)),
        ("::", OWN, Some(Dropped::BadAddress)),
        ("::ffff:127.0.0.1", OWN, Some(Dropped::BadAddress)),
        ("::127.0.0.1", OWN, Some(Dropped::BadAddress)),
        (PEER, "::ffff:127.0.0.1", Some(Dropped::BadAddress)),
        (PEER, "ff01::1", Some(Dropped::Scope)),
    ];
    for (from, to, expected) in rows {
        let mut world = World::new(State::Associated);
        world.netif.kernel(kernel::Event::ElsewhereAdded(Address {
            address: LAN.parse().unwrap(),
            prefix_len: 64,
        }));
        let packet = udp(from, to, 1, 2);
        assert_eq!(
            world.come(Stream::Net, &packet).err(),
            expected,
            "{from} {to}"
        );
    }
}

#[test]
fn nothing_comes_while_the_interface_is_down() {
    let mut world = World::new(State::Associated);
    world.joining = true;
    world.netif.kernel(kernel::Event::Up(false));
    for stream in [Stream::Net, Stream::NetInsecure] {
        let packet = icmp(PEER, OWN, 129);
        assert_eq!(world.come(stream, &packet), Err(Dropped::InterfaceDown));
    }
}

#[test]
fn extension_headers_are_walked() {
    let chain = |count: usize, last: &[u8]| {
        let options = [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0].repeat(count);
        let mut payload = [&options[..], last].concat();
        if count > 0 {
            payload[8 * count - 8] = UDP;
        }
        packet(
            OWN,
            PEER,
            if count > 0 { DESTINATION_OPTIONS } else { UDP },
            &payload,
        )
    };
    let ports = [0, 1, 0, 2];
    let mut world = World::new(State::Associated);
    for count in 0..=EXTENSION_HEADERS {
        assert_eq!(world.out(&chain(count, &ports)), Ok(Stream::Net), "{count}");
        assert_eq!(world.out(&chain(count, &ports[..3])), Err(Dropped::Headers));
    }
    assert_eq!(
        world.out(&chain(EXTENSION_HEADERS + 1, &ports)),
        Err(Dropped::Headers)
    );
    let rows: [(u8, &[u8]); 7] = [
        (ICMPV6, &[]),
        (ROUTING, &[UDP]),
        (ROUTING, &[UDP, 1, 0, 0, 0, 0, 0, 0]),
        (FRAGMENT, &[UDP, 0, 0, 0, 0, 0, 0]),
        (AUTHENTICATION, &[UDP, 1, 0, 0, 0, 0, 0, 0]),
        // Hop-by-hop options only come first.
        (
            DESTINATION_OPTIONS,
            &[HOP_BY_HOP, 0, 0, 0, 0, 0, 0, 0, UDP, 0, 0, 0, 0, 0, 0, 0],
        ),
        (TCP, &[0, 1, 0]),
    ];
    for (next, payload) in rows {
        let packet = packet(OWN, PEER, next, payload);
        assert_eq!(world.out(&packet), Err(Dropped::Headers), "{next}");
    }
    // A later fragment shows neither type nor ports.
    let later = [ICMPV6, 0, 0, 8, 0, 0, 0, 0, 135];
    assert_eq!(
        world.out(&packet(OWN, PEER, FRAGMENT, &later)),
        Ok(Stream::Net)
    );
    let first = [ICMPV6, 0, 0, 1, 0, 0, 0, 0, 135];
    assert!(world.out(&packet(OWN, PEER, FRAGMENT, &first)).is_err());
}

#[test]
fn joining_devices_talk_insecurely_while_it_is_permitted() {
    const DEVICE: &str = "fe80::1234";
    let at = Instant::from_millis;
    let mut world = World::new(State::Associated);
    let hello = udp(DEVICE, OWN, 49_152, PORT);
    let answer = udp(OWN, DEVICE, PORT, 49_152);
    let refused = Err(Dropped::Insecure);

    world.sessions.set_now(at(1_000));
    assert_eq!(world.come(Stream::NetInsecure, &hello), refused);
    assert_eq!(world.out(&answer), Ok(Stream::Net));

    world.sessions.permit(at(61_000), PORT);
    assert_eq!(
        world.come(Stream::NetInsecure, &udp(DEVICE, OWN, 1, 80)),
        refused
    );
    assert_eq!(
        world.come(Stream::NetInsecure, &packet(DEVICE, OWN, 59, &[])),
        refused
    );
    assert_eq!(world.come(Stream::NetInsecure, &hello), Ok(()));
    assert_eq!(world.out(&answer), Ok(Stream::NetInsecure));
    // Another port, another peer, another protocol.
    assert_eq!(world.out(&udp(OWN, DEVICE, PORT, 49_153)), Ok(Stream::Net));
    assert_eq!(world.out(&udp(OWN, PEER, PORT, 49_152)), Ok(Stream::Net));
    assert_eq!(world.out(&icmp(OWN, DEVICE, 128)), Ok(Stream::Net));
    // Any ICMPv6.
    assert_eq!(
        world.come(Stream::NetInsecure, &icmp(DEVICE, OWN, 128)),
        Ok(())
    );
    assert_eq!(world.out(&icmp(OWN, DEVICE, 129)), Ok(Stream::NetInsecure));

    // It has the key now.
    assert_eq!(world.come(Stream::Net, &hello), Ok(()));
    assert_eq!(world.out(&answer), Ok(Stream::Net));
    assert_eq!(world.out(&icmp(OWN, DEVICE, 129)), Ok(Stream::NetInsecure));

    world.sessions.set_now(at(60_999));
    assert_eq!(world.come(Stream::NetInsecure, &hello), Ok(()));
    world.sessions.set_now(at(61_000));
    assert_eq!(world.come(Stream::NetInsecure, &hello), refused);
    assert_eq!(world.out(&answer), Ok(Stream::Net));
}

#[test]
fn permission_ends() {
    let mut world = World::new(State::Associated);
    let hello = icmp(PEER, OWN, 128);
    let until = Instant::ZERO + Duration::from_secs(9);
    world.sessions.permit(until, PORT);
    assert_eq!(world.come(Stream::NetInsecure, &hello), Ok(()));
    world.sessions.end();
    assert_eq!(
        world.come(Stream::NetInsecure, &hello),
        Err(Dropped::Insecure)
    );
    world.sessions.permit(until, PORT);
    world.sessions.permit(Instant::ZERO, PORT);
    assert_eq!(
        world.come(Stream::NetInsecure, &hello),
        Err(Dropped::Insecure)
    );
    // Our own joining needs no permission.
    world.joining = true;
    assert_eq!(world.come(Stream::NetInsecure, &hello), Ok(()));
}

#[test]
fn the_oldest_session_makes_room() {
    let mut world = World::new(State::Associated);
    world.sessions.permit(Instant::from_millis(9), PORT);
    let device = |n: usize| format!("fe80::{:x}", n + 1);
    for n in 0..SESSIONS + 2 {
        let hello = icmp(&device(n), OWN, 128);
        assert_eq!(world.come(Stream::NetInsecure, &hello), Ok(()));
    }
    assert_eq!(world.sessions.replaced(), 2);
    for n in 0..SESSIONS + 2 {
        let expected = if n < 2 {
            Stream::Net
        } else {
            Stream::NetInsecure
        };
        assert_eq!(world.out(&icmp(OWN, &device(n), 129)), Ok(expected), "{n}");
    }
}

#[test]
fn every_reason_has_its_place_and_name() {
    for (index, reason) in Dropped::ALL.iter().enumerate() {
        assert_eq!(reason.index(), index);
        let same = |other: &&Dropped| other.to_string() == reason.to_string();
        assert_eq!(Dropped::ALL.iter().filter(same).count(), 1);
    }
}

/// Octets that are often nearly a packet.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let header = prop::sample::select(vec![
        HOP_BY_HOP,
        ROUTING,
        FRAGMENT,
        AUTHENTICATION,
        DESTINATION_OPTIONS,
        TCP,
        UDP,
        ICMPV6,
        59,
    ]);
    let address = prop::sample::select(vec![OWN, PEER, "ff02::16", "ff02::2", "::", "fe80::9"]);
    let payload = prop::collection::vec(prop_oneof![header.clone(), any::<u8>(), Just(0)], 0..64);
    let whole = (address.clone(), address, header, payload)
        .prop_map(|(from, to, next, payload)| packet(from, to, next, &payload));
    (whole, 0..120_usize, any::<u8>(), any::<bool>()).prop_map(|(mut packet, at, octet, spoil)| {
        if spoil {
            packet.truncate(at.max(1));
            let place = at % packet.len();
            packet[place] = octet;
        }
        packet
    })
}

proptest! {
    #[test]
    fn any_octets_are_judged(packets in prop::collection::vec((nearly(), any::<bool>(), any::<bool>()), 1..20)) {
        let mut world = World::new(State::Associated);
        world.sessions.permit(Instant::from_millis(9), PORT);
        for (packet, out, secure) in packets {
            if out {
                if world.out(&packet).is_ok() {
                    prop_assert_eq!(&packet[8..24], &ip(OWN).octets());
                }
            } else {
                let stream = if secure { Stream::Net } else { Stream::NetInsecure };
                let _ = world.come(stream, &packet);
            }
            prop_assert!(world.sessions.table.iter().flatten().count() <= SESSIONS);
        }
    }
}
