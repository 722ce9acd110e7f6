//! Prefixes that are published for the interface, and what a reset makes of what is ours.

use super::*;

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
