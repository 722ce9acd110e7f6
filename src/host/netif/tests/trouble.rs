//! Losses, refusals, no room, and nonsense.

use super::*;

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
