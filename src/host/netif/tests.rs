use super::*;
use crate::time::Duration;
use crate::wire::ids::Command;

const GATE: Property = Property::THREAD_ALLOW_LOCAL_NET_DATA_CHANGE;

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn address(text: &str) -> Address {
    let (address, prefix_len) = text.split_once('/').unwrap();
    Address {
        address: ip(address),
        prefix_len: prefix_len.parse().unwrap(),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let octets = text.split_whitespace();
    octets
        .map(|octet| u8::from_str_radix(octet, 16).unwrap())
        .collect()
}

/// `A(t(..))` of the items.
fn table(items: &[Vec<u8>]) -> Vec<u8> {
    let with_length = |item: &Vec<u8>| [&[item.len() as u8, 0], item.as_slice()].concat();
    items.iter().flat_map(with_length).collect()
}

fn address_table(addresses: &[&str]) -> Vec<u8> {
    let items: Vec<_> = addresses
        .iter()
        .map(|text| item::address_item(address(text)))
        .collect();
    table(&items)
}

/// `6CbCbSC` or `6CbCbbS`.
fn net(prefix: &str, flags: u8, rest: &str) -> Vec<u8> {
    [item::key(address(prefix)), vec![1, flags], hex(rest)].concat()
}

struct World {
    netif: Netif,
    known: Known,
    now: Instant,
}

impl World {
    /// An interface that is up, and a co-processor that is ready and publishes prefixes.
    fn new() -> Self {
        World::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let mut world = World {
            netif: Netif::new(settings),
            known: Known::new(),
            now: Instant::ZERO,
        };
        // 1028: THREAD_BORDER_ROUTER.
        world.told(Property::CAPS, &hex("84 08"));
        world.told(Property::THREAD_RLOC16, &hex("00 04"));
        world.netif.kernel(Event::ListBegins);
        world.netif.kernel(Event::Up(true));
        world.netif.kernel(Event::ListEnds);
        world.ready();
        world
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.netif.set_now(self.now);
    }

    fn told(&mut self, property: Property, value: &[u8]) {
        self.known.remember(property, value);
        self.netif.ncp_value(property, value, &self.known);
    }

    fn item(&mut self, property: Property, item: &[u8], inserted: bool) {
        self.netif.ncp_item(property, item, inserted, &self.known);
    }

    fn ready(&mut self) {
        self.netif.ncp_ready(&self.known);
    }

    /// What the kernel is told until there is no more; it does everything at once.
    fn changes(&mut self) -> Vec<String> {
        let mut changes = Vec::new();
        while let Some(change) = self.netif.poll_change() {
            match change {
                Change::AddAddress { address, .. } => self.answer(address, true),
                Change::RemoveAddress(address) => self.answer(address, false),
                Change::Up(up) => self.netif.kernel(Event::Up(up)),
                _ => {}
            }
            changes.push(show(&change));
            assert!(changes.len() < 300, "{changes:?}");
        }
        changes
    }

    /// The answer, then the echo; what comes before is old.
    fn answer(&mut self, address: Address, present: bool) {
        let (echo, old) = if present {
            (Event::AddressAdded(address), Event::AddressRemoved(address))
        } else {
            (Event::AddressRemoved(address), Event::AddressAdded(address))
        };
        self.netif.kernel(old);
        self.netif.kernel(Event::Answered { address, present });
        self.netif.kernel(echo);
    }

    /// The commands until there is no more, each answered with success.
    fn commands(&mut self) -> Vec<String> {
        let mut commands = Vec::new();
        while let Some(command) = self.command() {
            commands.push(command);
            self.netif.command_done(None);
            assert!(commands.len() < 300, "{commands:?}");
        }
        commands
    }

    /// The next command as a frame's octets behind the header.
    fn command(&mut self) -> Option<String> {
        let send = self.netif.poll_command()?;
        assert!(self.netif.poll_command().is_none(), "two at a time");
        let mut text = format!("{:02X}", send.command.0);
        for octet in send.payload {
            text += &format!(" {octet:02X}");
        }
        Some(text)
    }

    #[track_caller]
    fn is_silent(&mut self) {
        assert_eq!(self.changes(), [""; 0]);
        assert_eq!(self.commands(), [""; 0]);
    }
}

fn show(change: &Change) -> String {
    match change {
        Change::Up(up) => format!("up {up}"),
        Change::AddAddress {
            address,
            deprecated: true,
            ..
        } => format!("+{address} deprecated"),
        Change::AddAddress { address, .. } => format!("+{address}"),
        Change::RemoveAddress(address) => format!("-{address}"),
        Change::JoinGroup(group) => format!("join {group}"),
        Change::LeaveGroup(group) => format!("leave {group}"),
        Change::AddRoute { prefix, metric } => format!("+route {prefix} {metric}"),
        Change::RemoveRoute { prefix, metric } => format!("-route {prefix} {metric}"),
    }
}

#[test]
fn the_list_of_the_co_processor_is_followed() {
    let mut world = World::new();
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fd00::1/64", "fe80::1/64"]),
    );
    assert_eq!(world.changes(), ["+fd00::1/64", "+fe80::1/64"]);
    world.is_silent();
    assert!(world.netif.owns_source(&ip("fd00::1")));
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fd00::2/64", "fe80::1/64"]),
    );
    let mut changes = world.changes();
    changes.sort();
    assert_eq!(changes, ["+fd00::2/64", "-fd00::1/64"]);
    assert!(!world.netif.owns_source(&ip("fd00::1")));
    // One more and one less.
    world.item(
        Property::IPV6_ADDRESS_TABLE,
        &item::address_item(address("fd00::3/64")),
        true,
    );
    assert_eq!(world.changes(), ["+fd00::3/64"]);
    world.item(Property::IPV6_ADDRESS_TABLE, &ip("fd00::3").octets(), false);
    assert_eq!(world.changes(), ["-fd00::3/64"]);
    world.is_silent();
}

/// The entry of protocol §3.16, with both orders of lifetimes, and the item of newer firmware.
#[test]
fn lifetimes_are_read_in_either_order() {
    let entry = "FD DE AD 00 BE EF 00 00 00 00 00 00 00 00 00 01 40";
    let mut world = World::new();
    let mut tell = |lifetimes: &str| {
        let item = hex(&format!("{entry} {lifetimes}"));
        world.told(Property::IPV6_ADDRESS_TABLE, &table(&[item]));
        world.changes()
    };
    const ADDRESS: &str = "+fdde:ad00:beef::1/64";
    assert_eq!(tell("FF FF FF FF FF FF FF FF"), [ADDRESS]);
    assert_eq!(tell("FF FF FF FF FF FF FF FF 00"), [""; 0]);
    assert_eq!(
        tell("00 00 00 00 10 00 00 00"),
        [format!("{ADDRESS} deprecated")]
    );
    assert_eq!(tell("10 00 00 00 00 00 00 00"), [""; 0]);
    assert_eq!(tell("01 00 00 00 01 00 00 00"), [ADDRESS]);
    assert_eq!(tell("00 00 00 00 00 00 00 00"), ["-fdde:ad00:beef::1/64"]);
    assert_eq!(tell(""), [ADDRESS]);
}

#[test]
fn locators_are_kept_from_the_interface() {
    let listed = [
        "fd00::ff:fe00:400/64",
        "fd00::ff:fe00:fc00/64",
        "fd00::ff:fe00:fc10/64",
        "fd00::ff:fe00:fc2f/64",
        "fd00::ff:fe00:fc30/64",
        "fd00::ff:fe01:400/64",
    ];
    let mut world = World::new();
    world.told(Property::IPV6_ADDRESS_TABLE, &address_table(&listed));
    let shown = [
        "+fd00::ff:fe00:fc10/64",
        "+fd00::ff:fe00:fc2f/64",
        "+fd00::ff:fe01:400/64",
    ];
    assert_eq!(world.changes(), shown);
    let locator = item::address_item(address(listed[0]));
    world.item(Property::IPV6_ADDRESS_TABLE, &locator, true);
    world.is_silent();

    let mut world = World::with(Settings {
        show_rloc: true,
        ..Settings::default()
    });
    world.told(Property::IPV6_ADDRESS_TABLE, &address_table(&listed));
    assert_eq!(world.changes().len(), listed.len());
}

#[test]
fn own_addresses_need_no_table() {
    let mut world = World::new();
    world.told(Property::IPV6_LL_ADDR, &ip("fe80::1").octets());
    world.told(Property::IPV6_ML_ADDR, &ip("fd00::1").octets());
    assert_eq!(
        world.changes(),
        ["+fe80::1/64", "+fd00::1/64", "+route fd00::/64 256"]
    );
    // The table has one of them, and loses it again.
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fd00::1/64"]),
    );
    world.told(Property::IPV6_ADDRESS_TABLE, &[]);
    world.is_silent();
    assert!(world.netif.owns_source(&ip("fe80::1")));
    // A new network; then none.
    world.told(Property::IPV6_ML_ADDR, &ip("fd01::1").octets());
    assert_eq!(
        world.changes(),
        [
            "-fd00::1/64",
            "+fd01::1/64",
            "-route fd00::/64 256",
            "+route fd01::/64 256"
        ]
    );
    world.told(Property::IPV6_ML_ADDR, &[0; 16]);
    assert_eq!(world.changes(), ["-fd01::1/64", "-route fd01::/64 256"]);
    world.is_silent();
}

/// Protocol §3.16 and §7.8.
#[test]
fn an_address_of_somebody_is_inserted_and_its_prefix_published() {
    const ADDRESS: &str =
        "63 FD DE AD 00 BE EF 00 00 00 00 00 00 00 00 00 01 40 FF FF FF FF FF FF FF FF";
    let mut world = World::new();
    let theirs = address("fdde:ad00:beef::1/64");
    world.netif.kernel(Event::AddressAdded(theirs));
    let prefix = "5A FD DE AD 00 BE EF 00 00 00 00 00 00 00 00 00 00 40";
    assert_eq!(
        world.commands(),
        [
            format!("04 {ADDRESS}"),
            "03 5D 01".to_owned(),
            format!("04 {prefix} 01 31"),
            "03 5D 00".to_owned(),
        ]
    );
    assert!(world.netif.owns_source(&theirs.address));
    // Echoes from both sides, also of what was in the table before.
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fdde:ad00:beef::1/64"]),
    );
    world.netif.kernel(Event::AddressAdded(theirs));
    world.is_silent();
    // A second address with the same prefix publishes nothing, nor does its removal.
    let second = address("fdde:ad00:beef::2/64");
    world.netif.kernel(Event::AddressAdded(second));
    assert_eq!(world.commands().len(), 1);
    world.netif.kernel(Event::AddressRemoved(second));
    assert_eq!(world.commands().len(), 1);
    // The last one takes the prefix along.
    world.netif.kernel(Event::AddressRemoved(theirs));
    assert_eq!(
        world.commands(),
        [
            format!("05 {ADDRESS}"),
            "03 5D 01".to_owned(),
            format!("05 {prefix}"),
            "03 5D 00".to_owned(),
        ]
    );
    world.is_silent();
}

#[test]
fn what_is_not_published() {
    let none: [&dyn Fn(&mut World); 3] = [
        // Not a /64.
        &|world| {
            world
                .netif
                .kernel(Event::AddressAdded(address("fd02::1/48")))
        },
        // Mesh-local.
        &|world| {
            world.told(Property::IPV6_ML_ADDR, &ip("fd02::5").octets());
            world
                .netif
                .kernel(Event::AddressAdded(address("fd02::1/64")));
        },
        // No border router.
        &|world| {
            world.told(Property::CAPS, &[]);
            world
                .netif
                .kernel(Event::AddressAdded(address("fd02::1/64")));
        },
    ];
    for tell in none {
        let mut world = World::new();
        tell(&mut world);
        assert_eq!(world.commands().len(), 1);
    }
    // Not even inserted.
    let mut world = World::new();
    for text in ["fe80::1/64", "::1/128", "fd00::ff:fe00:400/64"] {
        world.netif.kernel(Event::AddressAdded(address(text)));
    }
    world.is_silent();
}

#[test]
fn one_gate_for_a_batch() {
    let mut world = World::new();
    for n in 1..4 {
        let theirs = address(&format!("fd0{n}::1/64"));
        world.netif.kernel(Event::AddressAdded(theirs));
    }
    let gates: Vec<_> = world
        .commands()
        .into_iter()
        .map(|command| command[..5].to_owned())
        .collect();
    let expected = [
        "04 63", "04 63", "04 63", "03 5D", "04 5A", "04 5A", "04 5A", "03 5D",
    ];
    assert_eq!(gates, expected);
}

#[test]
fn a_gate_that_somebody_closed_is_opened_again() {
    let mut world = World::new();
    let item = net("fd01::/64", 0x31, "");
    world
        .netif
        .user_item(Property::THREAD_ON_MESH_NETS, &item, true);
    world.is_silent();
    world.netif.ncp_reset();
    world.ready();
    assert_eq!(world.command().unwrap(), "03 5D 01");
    world.netif.command_done(None);
    assert!(world.command().unwrap().starts_with("04 5A"));
    world.netif.command_done(Some(Status::INVALID_STATE));
    assert_eq!(world.command().unwrap(), "03 5D 01");
    world.netif.command_done(None);
    assert!(world.command().unwrap().starts_with("04 5A"));
    world.netif.command_done(Some(Status::NOMEM));
    assert!(world.command().unwrap().starts_with("04 5A"));
    world.netif.command_done(Some(Status::ALREADY));
    assert_eq!(world.commands(), ["03 5D 00"]);
    world.is_silent();

    // A gate that does not open is left alone until the next time.
    world.netif.ncp_reset();
    world.ready();
    assert_eq!(world.command().unwrap(), "03 5D 01");
    world.netif.command_done(Some(Status::PROP_NOT_FOUND));
    world.is_silent();
    world.ready();
    assert_eq!(world.commands().len(), 3);
}

#[test]
fn everything_of_ours_is_given_again_after_a_reset() {
    let mut world = World::new();
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fd00::1/64"]),
    );
    world
        .netif
        .kernel(Event::AddressAdded(address("fd05::1/48")));
    let user = item::address_item(address("fd06::1/64"));
    world
        .netif
        .user_item(Property::IPV6_ADDRESS_TABLE, &user, true);
    world.netif.kernel(Event::GroupJoined(ip("ff05::2")));
    let route = net("::/0", 0x00, "");
    world
        .netif
        .user_item(Property::THREAD_OFF_MESH_ROUTES, &route, true);
    let service = hex("AA AF 00 00 01 00 5D 01 01 00 01");
    world
        .netif
        .user_item(Property::SERVER_SERVICES, &service, true);
    assert_eq!(world.changes(), ["+fd00::1/64", "+fd06::1/64"]);
    assert_eq!(world.commands().len(), 2);

    // In the middle of a command.
    world
        .netif
        .kernel(Event::AddressAdded(address("fd07::1/48")));
    assert!(world.command().is_some());
    world.netif.ncp_reset();
    assert_eq!(world.changes(), ["-fd00::1/64"]);
    assert!(world.command().is_none());
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fd00::2/64"]),
    );
    world.ready();
    assert_eq!(world.changes(), ["+fd00::2/64"]);
    let mut commands = world.commands();
    let tail = commands.split_off(3);
    commands.sort();
    assert!(commands[0].starts_with("04 63 FD 05"));
    assert!(commands[1].starts_with("04 63 FD 06"));
    assert!(commands[2].starts_with("04 63 FD 07"));
    assert_eq!(
        tail,
        [
            "04 66 FF 05 00 00 00 00 00 00 00 00 00 00 00 00 00 02",
            "03 5D 01",
            "04 5B 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 00",
            "03 5D 00",
            "03 A0 01 01",
            "04 A1 01 AA AF 00 00 01 00 5D 01 01 00 01",
            "03 A0 01 00",
        ]
    );
    // A new association finds nothing missing.
    world.ready();
    world.is_silent();
    // A user's removal.
    let key = hex("AA AF 00 00 01 00 5D");
    world
        .netif
        .user_item(Property::SERVER_SERVICES, &key, false);
    world
        .netif
        .user_item(Property::IPV6_ADDRESS_TABLE, &user, false);
    assert_eq!(world.changes(), ["-fd06::1/64"]);
    world.netif.ncp_reset();
    world.ready();
    assert_eq!(world.commands().len(), 6);
}

#[test]
fn groups_both_ways() {
    let mut world = World::new();
    let group = |text: &str| ip(text).octets().to_vec();
    // The vector of protocol §3.16.
    let listed = hex("10 00 FF 02 00 00 00 00 00 00 00 00 00 00 00 00 00 01");
    world.told(Property::IPV6_MULTICAST_ADDRESS_TABLE, &listed);
    assert_eq!(world.changes(), ["join ff02::1"]);
    for text in [
        "ff02::1", "ff02::2", "ff02::16", "ff03::1", "ff03::2", "ff03::fc", "ff01::9",
    ] {
        world.netif.kernel(Event::GroupJoined(ip(text)));
    }
    world.is_silent();
    world.netif.kernel(Event::GroupJoined(ip("ff05::2")));
    let insert = "66 FF 05 00 00 00 00 00 00 00 00 00 00 00 00 00 02";
    assert_eq!(world.commands(), [format!("04 {}", insert)]);
    let both = [group("ff02::1"), group("ff05::2")];
    world.told(Property::IPV6_MULTICAST_ADDRESS_TABLE, &table(&both));
    // Who is in a group here needs no help.
    world.is_silent();
    world.netif.kernel(Event::GroupLeft(ip("ff05::2")));
    assert_eq!(world.commands(), [format!("05 {}", insert)]);

    // A group of the co-processor that somebody here is in, too, outlives the co-processor's.
    world.told(
        Property::IPV6_MULTICAST_ADDRESS_TABLE,
        &table(&[group("ff05::7")]),
    );
    assert_eq!(world.changes(), ["leave ff02::1", "join ff05::7"]);
    world.netif.kernel(Event::GroupJoined(ip("ff05::7")));
    world.is_silent();
    world.told(Property::IPV6_MULTICAST_ADDRESS_TABLE, &[]);
    assert_eq!(world.changes(), ["leave ff05::7"]);
    assert_eq!(world.commands().len(), 1);
    world.is_silent();
}

/// The table of firmware in protocol §3.16.
#[test]
fn addresses_are_formed_on_prefixes() {
    const TABLE: &str = "17 00 20 01 0D B8 00 01 00 00 00 00 00 00 00 00 00 00 40 01 31 01 00 A4 \
                         00 17 00 20 01 0D B8 00 02 00 00 00 00 00 00 00 00 00 00 40 00 31 00 00 \
                         B8 00";
    // The length of the items is 22 with all members; the vector's is one more.
    let mut world = World::new();
    world.told(Property::THREAD_ON_MESH_NETS, &hex(TABLE));
    let routes = ["+route 2001:db8:1::/64 1025", "+route 2001:db8:2::/64 1025"];
    assert_eq!(world.changes(), routes);
    world.told(
        Property::IPV6_ML_ADDR,
        &ip("fd00::1122:3344:5566:7788").octets(),
    );
    assert_eq!(
        world.changes(),
        [
            "+fd00::1122:3344:5566:7788/64",
            "+2001:db8:1:0:1122:3344:5566:7788/64",
            "+2001:db8:2:0:1122:3344:5566:7788/64",
            "+route fd00::/64 256",
        ]
    );
    assert_eq!(world.commands().len(), 2);
    assert!(world
        .netif
        .owns_source(&ip("2001:db8:2:0:1122:3344:5566:7788")));
    // Echo; then one prefix goes.
    world.told(Property::THREAD_ON_MESH_NETS, &hex(TABLE));
    world.is_silent();
    world.told(Property::THREAD_ON_MESH_NETS, &hex(TABLE)[..25]);
    let mut changes = world.changes();
    changes.sort();
    let gone = [
        "-2001:db8:2:0:1122:3344:5566:7788/64",
        "-route 2001:db8:2::/64 1025",
    ];
    assert_eq!(changes, gone);
    assert!(world.commands()[0].starts_with("05 63 20 01 0D B8 00 02"));
    // The co-processor does it itself: 522 and 6414.
    world.told(Property::CAPS, &hex("84 08 8A 04"));
    world.is_silent();
    world.told(Property::SLAAC_ENABLED, &[1]);
    assert_eq!(world.changes(), ["-2001:db8:1:0:1122:3344:5566:7788/64"]);
    assert_eq!(world.commands().len(), 1);
    world.is_silent();
}

#[test]
fn no_address_is_formed_where_the_host_has_one() {
    let mut world = World::new();
    world.told(Property::IPV6_ML_ADDR, &ip("fd00::5").octets());
    world
        .netif
        .kernel(Event::AddressAdded(address("fd01::1/64")));
    assert_eq!(world.changes(), ["+fd00::5/64", "+route fd00::/64 256"]);
    assert_eq!(world.commands().len(), 4);
    // The leader's copy of our own, and the local one.
    let copies = [
        net("fd01::/64", 0x31, "00 00 04 00"),
        net("fd01::/64", 0x31, "01 00 04 00"),
    ];
    world.told(Property::THREAD_ON_MESH_NETS, &table(&copies));
    assert_eq!(world.changes(), ["+route fd01::/64 1025"]);
    world.is_silent();
    // Nor when it goes, as long as only we published it.
    world
        .netif
        .kernel(Event::AddressRemoved(address("fd01::1/64")));
    assert_eq!(world.changes(), [""; 0]);
    assert_eq!(world.commands().len(), 4);
    world.told(Property::THREAD_ON_MESH_NETS, &[]);
    assert_eq!(world.changes(), ["-route fd01::/64 1025"]);
    world.is_silent();
}

#[test]
fn routes_of_others_become_routes() {
    let mut world = World::new();
    let routes = [
        net("fd20::/32", 0x00, "00 00 00 A4"),
        net("fd20:f::/48", 0x40, "00 00 00 A4"),
        net("::/0", 0xC0, "00 00 00 A4"),
        // Ours: local; next hop is here; our RLOC16; and another's to the same place.
        net("fd11::/64", 0x00, "01 00 00 A4"),
        net("fd12::/64", 0x00, "00 01 00 A4"),
        net("fd13::/64", 0x00, "00 00 00 04"),
        net("fd13::/64", 0x00, "00 00 00 A4"),
        net("fe80::/64", 0x00, "00 00 00 A4"),
        net("ff00::/8", 0x00, "00 00 00 A4"),
        // As good as the default route, and before it.
        net("8000::/1", 0x40, "00 00 00 A4"),
        net("2620:fe::/48", 0x40, "00 00 00 A4"),
    ];
    world.told(Property::THREAD_OFF_MESH_ROUTES, &table(&routes));
    let expected = [
        "+route fd20::/32 1025",
        "+route fd20:f::/48 513",
        "+route ::/0 1002049",
    ];
    assert_eq!(world.changes(), expected);
    // The kernel forgets them with the interface.
    world.netif.kernel(Event::Up(false));
    assert_eq!(world.changes(), [""; 0]);
    world.netif.kernel(Event::Up(true));
    assert_eq!(world.changes(), expected);
    world.item(Property::THREAD_OFF_MESH_ROUTES, &routes[0], false);
    assert_eq!(world.changes(), ["-route fd20::/32 1025"]);
    world.netif.ncp_reset();
    assert_eq!(world.changes().len(), 2);

    let mut world = World::with(Settings {
        routes: false,
        ..Settings::default()
    });
    world.told(Property::THREAD_OFF_MESH_ROUTES, &table(&routes));
    world.is_silent();
    // The network itself is reached all the same.
    let own = [net("2001:db8:1::/64", 0x01, "00 00 A4 00")];
    world.told(Property::THREAD_ON_MESH_NETS, &table(&own));
    assert_eq!(world.changes(), ["+route 2001:db8:1::/64 1025"]);
}

/// The gateway of the LAN, a DNS server of everybody, and the LAN itself.
#[test]
fn the_mesh_takes_nothing_of_other_interfaces() {
    let mut world = World::new();
    let lan = address("2001:db8:7::5/64");
    world.netif.kernel(Event::ElsewhereAdded(lan));
    let hostile = [
        "2001:db8:7::1/64",
        "2001:4860:4860::8888/0",
        "::ffff:127.0.0.1/128",
    ];
    world.told(Property::IPV6_ADDRESS_TABLE, &address_table(&hostile));
    let nets = [
        net("2001:db8:7::/64", 0x31, "00 00 A4 00"),
        net("::/1", 0x31, "00 00 A4 00"),
        net("2001:db8:7::1/128", 0x31, "00 00 A4 00"),
    ];
    world.told(Property::THREAD_ON_MESH_NETS, &table(&nets));
    let routes = [
        net("2001:db8:7::1/128", 0x40, "00 00 00 A4"),
        net("2000::/3", 0x40, "00 00 00 A4"),
    ];
    world.told(Property::THREAD_OFF_MESH_ROUTES, &table(&routes));
    world.told(Property::IPV6_ML_ADDR, &ip("2001:db8:7::9").octets());
    assert_eq!(world.changes(), [""; 0]);
    // Nor later, when the LAN comes up after the mesh.
    let mut world = World::new();
    let mesh = [net("fd07::/64", 0x01, "00 00 A4 00")];
    world.told(Property::THREAD_ON_MESH_NETS, &table(&mesh));
    world.told(Property::IPV6_ADDRESS_TABLE, &address_table(&["fd07::1/0"]));
    assert_eq!(world.changes(), ["+fd07::1/64", "+route fd07::/64 1025"]);
    let lan = address("fd07::5/64");
    world.netif.kernel(Event::ElsewhereAdded(lan));
    assert_eq!(world.changes(), ["-fd07::1/64", "-route fd07::/64 1025"]);
    world.netif.kernel(Event::ElsewhereRemoved(lan));
    assert_eq!(world.changes(), ["+fd07::1/64", "+route fd07::/64 1025"]);
}

#[test]
fn the_default_route_competes_if_it_may() {
    let mut world = World::with(Settings {
        default_route: true,
        ..Settings::default()
    });
    let routes = [
        net("::/0", 0x40, "00 00 00 A4"),
        net("2000::/3", 0x00, "00 00 00 A4"),
    ];
    world.told(Property::THREAD_OFF_MESH_ROUTES, &table(&routes));
    assert_eq!(world.changes(), ["+route ::/0 513", "+route 2000::/3 1025"]);
}

#[test]
fn what_the_kernel_takes_down_comes_back() {
    let mut world = World::new();
    world.netif.set_up(true);
    assert_eq!(world.changes(), ["up true"]);
    world.netif.set_up(true);
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fd00::1/64"]),
    );
    world
        .netif
        .kernel(Event::AddressAdded(address("fd05::1/48")));
    world.changes();
    world.commands();
    world.netif.kernel(Event::Up(false));
    for text in ["fd00::1/64", "fd05::1/48"] {
        world.netif.kernel(Event::AddressRemoved(address(text)));
    }
    world.is_silent();
    world.netif.kernel(Event::Up(true));
    assert_eq!(world.changes(), ["+fd00::1/64", "+fd05::1/48"]);
    world.is_silent();
}

#[test]
fn a_lost_event_is_found_in_the_list() {
    let mut world = World::new();
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fd00::1/64"]),
    );
    world
        .netif
        .kernel(Event::AddressAdded(address("fd05::1/48")));
    world.changes();
    world.commands();
    world.netif.kernel(Event::ListBegins);
    world
        .netif
        .kernel(Event::AddressAdded(address("fd06::1/48")));
    assert_eq!(world.changes(), [""; 0]);
    world.netif.kernel(Event::ListEnds);
    assert_eq!(world.changes(), ["+fd00::1/64"]);
    let mut commands = world.commands();
    commands.sort();
    assert_eq!(commands.len(), 2);
    assert!(commands[0].starts_with("04 63 FD 06"));
    assert!(commands[1].starts_with("05 63 FD 05"));
}

#[test]
fn refusals_end() {
    let mut world = World::new();
    world
        .netif
        .kernel(Event::AddressAdded(address("fd05::1/48")));
    assert!(world.command().is_some());
    world.netif.command_done(Some(Status::INVALID_ARGUMENT));
    world.is_silent();
    assert_eq!(world.netif.command_timeout(), None);
    assert!(!world.netif.owns_source(&ip("fd05::1")));
    world.ready();
    assert!(world.command().is_some());
    world.netif.command_done(Some(Status::ALREADY));
    // What the co-processor does not give up is its own.
    world
        .netif
        .kernel(Event::AddressRemoved(address("fd05::1/48")));
    assert!(world.command().is_some());
    world.netif.command_done(Some(Status::FAILURE));
    assert_eq!(world.changes(), ["+fd05::1/48"]);
    world.is_silent();
    // An answer that nobody waits for.
    world.netif.command_done(None);
}

/// Another program takes an address away each time that we add it, all day: no core is kept busy, and the
/// address is back soon after it stopped.
#[test]
fn what_does_not_last_is_tried_again_after_growing_pauses_for_as_long_as_it_takes() {
    let mut world = World::new();
    let theirs = address("fd00::1/64");
    world.told(
        Property::IPV6_ADDRESS_TABLE,
        &address_table(&["fd00::1/64"]),
    );
    let mut tries = Vec::new();
    while world.now < Instant::ZERO + Duration::from_secs(600) {
        if let Some(change) = world.changes().pop() {
            assert_eq!(change, "+fd00::1/64");
            tries.push(world.now.since(Instant::ZERO).as_secs());
            world.netif.kernel(Event::AddressRemoved(theirs));
            continue;
        }
        let due = world.netif.change_timeout().expect("another try");
        world.pass(due.since(world.now));
    }
    let pauses: Vec<u64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses[..10], [0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
    // They stop.
    world.pass(Duration::from_secs(60));
    assert_eq!(world.changes(), ["+fd00::1/64"]);
    // A day later somebody flushes the interface, more than eight times.
    for _ in 0..20 {
        world.pass(Duration::from_secs(3_600));
        world.netif.kernel(Event::AddressRemoved(theirs));
        assert_eq!(world.changes(), ["+fd00::1/64"], "at once");
    }
    assert_eq!(world.netif.change_timeout(), None);
}

/// OpenThread's NCP has room for four addresses.
#[test]
fn what_finds_no_room_waits_for_it_and_the_interface_shows_the_truth() {
    let mut world = World::new();
    let theirs: Vec<String> = (1..=5).map(|n| format!("fd05::{n}/48")).collect();
    for text in &theirs[..4] {
        world.netif.kernel(Event::AddressAdded(address(text)));
    }
    assert_eq!(world.commands().len(), 4);
    world.netif.kernel(Event::AddressAdded(address(&theirs[4])));
    assert!(world.command().unwrap().starts_with("04 63 FD 05"));
    world.netif.command_done(Some(Status::NOMEM));
    let none = |world: &World| world.netif.without_room().collect::<Vec<_>>();
    assert_eq!(none(&world), [ip("fd05::5")]);
    assert!(world.netif.poll_command().is_none());
    // The kernel is not to choose it.
    let change = world.netif.poll_change();
    let (address_5, deprecated) = (address(&theirs[4]), true);
    let expected = Change::AddAddress {
        address: address_5,
        deprecated,
        routed: true,
    };
    assert_eq!(change, Some(expected));
    world.answer(address_5, true);
    world.is_silent();
    // From time to time.
    let mut pauses = Vec::new();
    for _ in 0..6 {
        assert!(world.netif.poll_command().is_none());
        let due = world.netif.command_timeout().expect("another try");
        pauses.push(due.since(world.now).as_secs());
        world.pass(due.since(world.now));
        assert!(world.command().is_some());
        world.netif.command_done(Some(Status::NOMEM));
    }
    assert_eq!(pauses, [30, 60, 120, 240, 300, 300]);
    // At once when another one goes.
    world
        .netif
        .kernel(Event::AddressRemoved(address(&theirs[0])));
    let commands = world.commands();
    assert!(commands[0].starts_with("05 63"), "{commands:?}");
    assert!(commands[1].starts_with("04 63"), "{commands:?}");
    assert!(none(&world).is_empty());
    let expected = Change::AddAddress {
        address: address_5,
        deprecated: false,
        routed: true,
    };
    assert_eq!(world.netif.poll_change(), Some(expected));
    world.answer(address_5, true);
    world.is_silent();
    assert_eq!(world.netif.command_timeout(), None);
}

#[test]
fn what_is_formed_here_and_finds_no_room_is_not_on_the_interface() {
    let mut world = World::new();
    world.told(Property::IPV6_ML_ADDR, &ip("fd00::1").octets());
    world.changes();
    let prefix = net("fd01::/64", 0x31, "0000");
    world.told(Property::THREAD_ON_MESH_NETS, &table(&[prefix]));
    assert!(world.command().is_some());
    world.netif.command_done(Some(Status::NOMEM));
    assert!(world.netif.poll_command().is_none());
    let changes = world.changes();
    assert!(
        !changes.iter().any(|change| change.starts_with("+fd01")),
        "{changes:?}"
    );
    let due = world.netif.command_timeout().expect("another try");
    world.pass(due.since(world.now));
    assert_eq!(world.commands().len(), 1);
    assert_eq!(world.changes(), ["+fd01::1/64"]);
}

#[test]
fn who_gets_the_room_after_a_reset() {
    let mut world = World::new();
    world
        .netif
        .kernel(Event::AddressAdded(address("fd05::1/48")));
    let item = item::address_item(address("fd06::1/48"));
    world
        .netif
        .user_item(Property::IPV6_ADDRESS_TABLE, &item, true);
    world.commands();
    world.netif.ncp_reset();
    world.ready();
    let commands = world.commands();
    assert!(commands[0].starts_with("04 63 FD 06"), "{commands:?}");
    assert!(commands[1].starts_with("04 63 FD 05"), "{commands:?}");
}

#[test]
fn old_news_are_not_believed() {
    let mut world = World::new();
    let theirs = address("fd05::1/48");
    let with = address_table(&["fd05::1/48"]);
    world.netif.kernel(Event::AddressAdded(theirs));
    world.commands();
    world.told(Property::IPV6_ADDRESS_TABLE, &with);
    world.netif.kernel(Event::AddressRemoved(theirs));
    assert!(world.command().unwrap().starts_with("05"));
    // Sent before the command arrived.
    world.told(Property::IPV6_ADDRESS_TABLE, &with);
    assert_eq!(world.changes(), [""; 0]);
    world.netif.command_done(None);
    world.told(Property::IPV6_ADDRESS_TABLE, &[]);
    world.is_silent();
}

#[test]
fn tables_are_bounded() {
    let mut world = World::new();
    let many: Vec<_> = (0..100)
        .map(|n| item::address_item(address(&format!("fd00::{n:x}/64"))))
        .collect();
    world.told(Property::IPV6_ADDRESS_TABLE, &table(&many));
    assert_eq!(world.changes().len(), shared::ROWS);
    assert_eq!(world.netif.lost(), 36);
    let nets: Vec<_> = (0..100)
        .map(|n| net(&format!("fd00:{n:x}::/64"), 0x01, "00 00 A4 00"))
        .collect();
    world.told(Property::THREAD_ON_MESH_NETS, &table(&nets));
    assert_eq!(world.changes().len(), shared::ROWS);
    for nets in &nets {
        world
            .netif
            .user_item(Property::THREAD_ON_MESH_NETS, nets, true);
        world.netif.kernel(Event::GroupJoined(Ipv6Addr::new(
            0xFF05,
            0,
            0,
            0,
            0,
            0,
            0,
            nets[3].into(),
        )));
    }
    assert_eq!(world.netif.lost(), 36 + 36 + 36 + 36);
}

#[test]
fn malformed_values_change_nothing() {
    let mut world = World::new();
    let good = address_table(&["fd00::1/64"]);
    world.told(Property::IPV6_ADDRESS_TABLE, &good);
    world.changes();
    for property in [
        Property::IPV6_ADDRESS_TABLE,
        Property::IPV6_MULTICAST_ADDRESS_TABLE,
        Property::THREAD_ON_MESH_NETS,
        Property::THREAD_OFF_MESH_ROUTES,
        Property::SERVER_SERVICES,
    ] {
        for value in [
            &[1][..],
            &[1, 0],
            &[1, 0, 5],
            &good[..good.len() - 1],
            &[9, 0, 1, 2],
        ] {
            world.told(property, value);
            let item = &value[1..value.len().min(12)];
            world.item(property, item, true);
            world.netif.user_item(property, item, true);
        }
    }
    world.told(Property::IPV6_LL_ADDR, &[1, 2]);
    world.is_silent();
    assert_eq!(send(Command::NOOP, GATE, &[]).payload, [0x5D]);
}

fn send(command: Command, property: Property, value: &[u8]) -> Send {
    follow::send(command, property, value)
}
