//! Routes, and what the mesh may not take.

use super::*;

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
