//! Addresses and groups that are followed, formed and given again.

use super::*;

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
