//! The network interface for real: TUN and netlink, each case in a network namespace of its own, which
//! goes away with everything in it. Needs root and iproute2.

mod needs;

use mio::unix::SourceFd;
use spinel_bridge::host::kernel::{Address, Change, Event};
use spinel_bridge::host::known::{Known, State};
use spinel_bridge::host::netif::Netif;
use spinel_bridge::host::traffic::packet::{outbound, Dropped, Path, Sessions};
use spinel_bridge::io::netlink::Netlink;
use spinel_bridge::io::tun::{Name, OpenError, Tun, PACKET_MAX};
use spinel_bridge::wire::ids::Property;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::net::{Ipv6Addr, UdpSocket};
use std::os::fd::RawFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a case in a fresh network namespace: this program again, with only that test.
fn in_namespace(test: &str, case: fn()) {
    if std::env::var_os(INSIDE).is_some() {
        return case();
    }
    if !needs::root() {
        return;
    }
    assert!(ip("-V").contains("iproute2"), "install iproute2");
    let program = std::env::current_exe().unwrap();
    let status = Command::new("timeout")
        .args(["60", "unshare", "--net", "--"])
        .arg(program)
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespace");
}

/// How long anything may take that the kernel does at once, on a machine with other work to do.
const LIMIT: Duration = Duration::from_secs(10);

const INSIDE: &str = "SPINEL_BRIDGE_TEST_INSIDE";

fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "ip {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The addresses of the interface as iproute2 shows them, sorted.
fn addresses() -> Vec<String> {
    let shown = ip("-6 -o addr show dev wpan0");
    let address = |line: &str| line.split_whitespace().nth(3).map(str::to_owned);
    let mut addresses: Vec<_> = shown.lines().filter_map(address).collect();
    addresses.sort();
    addresses
}

fn address(text: &str) -> Address {
    let (address, length) = text.split_once('/').unwrap();
    Address {
        address: address.parse().unwrap(),
        prefix_len: length.parse().unwrap(),
    }
}

fn add(text: &str) -> Change {
    Change::AddAddress {
        address: address(text),
        deprecated: false,
        routed: true,
    }
}

fn answered(text: &str, present: bool) -> Event {
    let address = address(text);
    Event::Answered { address, present }
}

fn readable(fd: RawFd, within: Duration) -> bool {
    let mut poll = mio::Poll::new().unwrap();
    let mut source = SourceFd(&fd);
    let registry = poll.registry();
    registry
        .register(&mut source, mio::Token(0), mio::Interest::READABLE)
        .unwrap();
    let mut events = mio::Events::with_capacity(1);
    poll.poll(&mut events, Some(within)).unwrap();
    !events.is_empty()
}

/// The next event, which must come.
fn next(netlink: &mut Netlink) -> Event {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(event) = poll(netlink) {
            return event;
        }
        let left = end.saturating_duration_since(Instant::now());
        assert!(readable(netlink.fd(), left), "no event came");
    }
}

/// All events until, and with, this one.
fn until(netlink: &mut Netlink, last: Event) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let event = next(netlink);
        events.push(event);
        if event == last {
            return events;
        }
        assert!(events.len() < 10_000, "{last:?} does not come");
    }
}

/// Nothing more comes for a while: a quarter of a second, in which the kernel does what it does later.
fn silent(netlink: &mut Netlink) {
    while readable(netlink.fd(), Duration::from_millis(250)) {
        assert_eq!(poll(netlink), None);
    }
    assert_eq!(poll(netlink), None);
}

/// The next event of our interface; `lo` and a test's own have addresses, too.
fn poll(netlink: &mut Netlink) -> Option<Event> {
    loop {
        match netlink.poll_event()? {
            Event::ElsewhereAdded(_) | Event::ElsewhereRemoved(_) => {}
            Event::RouteAdded(_) | Event::RouteRemoved(_) => {}
            event => return Some(event),
        }
    }
}

fn start() -> (Tun, Netlink) {
    let tun = Tun::open(&Name::Default).unwrap();
    assert_eq!(tun.name(), "wpan0");
    let mut netlink = Netlink::open(tun.name()).unwrap();
    let events = until(&mut netlink, Event::ListEnds);
    assert!(events.contains(&Event::Up(false)), "{events:?}");
    assert_eq!(
        events.iter().filter(|e| **e == Event::ListBegins).count(),
        1
    );
    (tun, netlink)
}

fn start_up() -> (Tun, Netlink) {
    let (tun, mut netlink) = start();
    netlink.apply(&Change::Up(true));
    until(&mut netlink, Event::Up(true));
    (tun, netlink)
}

#[test]
fn addresses_and_routes_are_applied() {
    in_namespace("addresses_and_routes_are_applied", || {
        let (_tun, mut netlink) = start_up();
        let link = ip("-o link show dev wpan0");
        assert!(
            link.contains("mtu 1280") && link.contains("MULTICAST"),
            "{link}"
        );
        // The kernel made no link-local address.
        assert_eq!(addresses(), [""; 0]);

        let ours = ["fd00:1::1/64", "fd00:1::2/128", "fe80::1234/64"];
        for text in ours {
            netlink.apply(&add(text));
            let events = until(&mut netlink, answered(text, true));
            if !events.contains(&Event::AddressAdded(address(text))) {
                until(&mut netlink, Event::AddressAdded(address(text)));
            }
        }
        assert_eq!(addresses(), ours);
        let shown = ip("-6 addr show dev wpan0");
        assert!(
            !shown.contains("tentative") && !shown.contains("deprecated"),
            "{shown}"
        );

        // Once more, and with other lifetimes: an answer each time.
        for deprecated in [false, true, false] {
            let address = address("fd00:1::1/64");
            netlink.apply(&Change::AddAddress {
                address,
                deprecated,
                routed: true,
            });
            until(
                &mut netlink,
                Event::Answered {
                    address,
                    present: true,
                },
            );
            let shown = ip("-6 addr show dev wpan0");
            assert_eq!(shown.contains("deprecated"), deprecated, "{shown}");
            assert_eq!(
                shown.matches("preferred_lft 0sec").count(),
                usize::from(deprecated)
            );
        }
        for _ in 0..2 {
            netlink.apply(&Change::RemoveAddress(address("fd00:1::2/128")));
            until(&mut netlink, answered("fd00:1::2/128", false));
        }
        assert_eq!(addresses(), ["fd00:1::1/64", "fe80::1234/64"]);
        // What cannot be done is answered, too.
        netlink.apply(&add("ff02::1/64"));
        until(&mut netlink, answered("ff02::1/64", false));
        while readable(netlink.fd(), Duration::from_millis(250)) {
            while netlink.poll_event().is_some() {}
        }

        let routes = || ip("-6 route show dev wpan0 proto static");
        for (prefix, metric) in [
            ("2001:db8::/32", 513),
            ("::/0", 2049),
            ("fd00:1::/64", 1025),
        ] {
            let prefix = address(prefix);
            for _ in 0..2 {
                netlink.apply(&Change::AddRoute { prefix, metric });
            }
        }
        silent(&mut netlink);
        let shown = routes();
        assert_eq!(shown.lines().count(), 3, "{shown}");
        assert!(shown.contains("2001:db8::/32 metric 513"), "{shown}");
        assert!(shown.contains("default metric 2049"), "{shown}");
        for (prefix, metric) in [("2001:db8::/32", 513), ("::/0", 2049)] {
            let prefix = address(prefix);
            for _ in 0..2 {
                netlink.apply(&Change::RemoveRoute { prefix, metric });
            }
        }
        silent(&mut netlink);
        assert_eq!(routes().lines().count(), 1);
    });
}

#[test]
fn what_others_do_is_seen() {
    in_namespace("what_others_do_is_seen", || {
        let (_tun, mut netlink) = start_up();
        let theirs = address("fd00:2::1/64");
        ip("-6 addr add fd00:2::1/64 dev wpan0 nodad");
        until(&mut netlink, Event::AddressAdded(theirs));
        // Of another interface.
        ip("link set lo up");
        ip("-6 addr add fd00:3::1/64 dev lo");
        silent(&mut netlink);
        ip("-6 addr del fd00:2::1/64 dev wpan0");
        until(&mut netlink, Event::AddressRemoved(theirs));

        // First that it is down, then what that takes with it.
        netlink.apply(&add("fd00:1::1/64"));
        until(&mut netlink, Event::AddressAdded(address("fd00:1::1/64")));
        ip("link set wpan0 down");
        let gone = Event::AddressRemoved(address("fd00:1::1/64"));
        let events = until(&mut netlink, gone);
        assert!(
            events[..events.len() - 1].contains(&Event::Up(false)),
            "{events:?}"
        );
        ip("link set wpan0 up");
        until(&mut netlink, Event::Up(true));
    });
}

#[test]
fn groups_are_joined_and_those_of_others_seen() {
    in_namespace("groups_are_joined_and_those_of_others_seen", || {
        let (tun, mut netlink) = start_up();
        let group = |text: &str| text.parse::<Ipv6Addr>().unwrap();
        let (ours, theirs) = (group("ff03::1"), group("ff05::abcd"));
        netlink.refresh_groups();
        // The kernel's own.
        while netlink.poll_event().is_some() {}
        netlink.apply(&Change::JoinGroup(ours));
        netlink.apply(&Change::JoinGroup(ours));
        assert!(ip("-6 maddr show dev wpan0").contains("ff03::1"));
        netlink.refresh_groups();
        assert_eq!(netlink.poll_event(), None);

        let other = UdpSocket::bind("[::]:0").unwrap();
        other.join_multicast_v6(&theirs, netlink.index()).unwrap();
        other.join_multicast_v6(&ours, netlink.index()).unwrap();
        netlink.refresh_groups();
        assert_eq!(netlink.poll_event(), Some(Event::GroupJoined(ours)));
        assert_eq!(netlink.poll_event(), Some(Event::GroupJoined(theirs)));
        netlink.refresh_groups();
        assert_eq!(netlink.poll_event(), None);

        netlink.apply(&Change::LeaveGroup(ours));
        drop(other);
        netlink.refresh_groups();
        assert_eq!(netlink.poll_event(), Some(Event::GroupLeft(ours)));
        assert_eq!(netlink.poll_event(), Some(Event::GroupLeft(theirs)));
        assert!(!ip("-6 maddr show dev wpan0").contains("ff03::1"));
        drop(tun);
    });
}

#[test]
fn the_kernels_noise_is_dropped_and_tells_of_groups() {
    in_namespace("the_kernels_noise_is_dropped_and_tells_of_groups", || {
        let (tun, mut netlink) = start_up();
        netlink.apply(&add("fd00:1::1/64"));
        netlink.apply(&add("fe80::1234/64"));
        let _other = {
            let other = UdpSocket::bind("[::]:0").unwrap();
            let group = "ff05::abcd".parse().unwrap();
            other.join_multicast_v6(&group, netlink.index()).unwrap();
            other
        };
        // RS would come after a second.
        let mut dropped = Vec::new();
        let end = Instant::now() + Duration::from_millis(1_500);
        let netif = Netif::new(Default::default());
        let mut buf = [0; PACKET_MAX];
        while readable(tun.fd(), end.saturating_duration_since(Instant::now())) {
            let length = tun.read(&mut buf).unwrap();
            let path = Path {
                state: State::Associated,
                joining: false,
                netif: &netif,
            };
            let result = outbound(&buf[..length], &path, &mut Sessions::new());
            dropped.push(result.unwrap_err());
        }
        assert!(dropped.contains(&Dropped::MldReport), "{dropped:?}");
        assert!(
            dropped.iter().all(|why| *why == Dropped::MldReport),
            "{dropped:?}"
        );
        let empty = tun.read(&mut buf).unwrap_err();
        assert_eq!(empty.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn lost_events_are_made_good_by_a_list() {
    in_namespace("lost_events_are_made_good_by_a_list", || {
        let (_tun, mut netlink) = start_up();
        ip("-6 addr add fd00:2::1/64 dev wpan0 nodad");
        until(&mut netlink, Event::AddressAdded(address("fd00:2::1/64")));
        // More than the socket holds, unread.
        let mut batch = Command::new("ip")
            .args(["-6", "-batch", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = String::from("addr del fd00:2::1/64 dev wpan0\n");
        for n in 0..1_500 {
            lines += &format!("addr add fd00:4::{n:x}/64 dev wpan0 nodad\n");
        }
        for n in 5..1_500 {
            lines += &format!("addr del fd00:4::{n:x}/64 dev wpan0\n");
        }
        batch
            .stdin
            .take()
            .unwrap()
            .write_all(lines.as_bytes())
            .unwrap();
        assert!(batch.wait().unwrap().success());
        netlink.apply(&add("fd00:5::1/64"));

        let shown = |known: &BTreeSet<Address>| -> Vec<String> {
            let mut known: Vec<_> = known.iter().map(ToString::to_string).collect();
            known.sort();
            known
        };
        let mut known = BTreeSet::new();
        let mut seen: Option<BTreeSet<Address>> = None;
        let mut lists = 0;
        // The kernel finishes what is new a little later.
        let end = Instant::now() + LIMIT;
        while lists == 0 || shown(&known) != addresses() {
            assert!(Instant::now() < end, "{lists} lists, {:?}", shown(&known));
            readable(netlink.fd(), Duration::from_millis(100));
            while let Some(event) = netlink.poll_event() {
                match event {
                    Event::AddressAdded(address) => {
                        known.insert(address);
                        seen.iter_mut().for_each(|seen| {
                            seen.insert(address);
                        });
                    }
                    Event::AddressRemoved(address) => {
                        known.remove(&address);
                    }
                    Event::ListBegins => seen = Some(BTreeSet::new()),
                    Event::ListEnds => {
                        let seen = seen.take().unwrap();
                        known.retain(|address| seen.contains(address));
                        lists += 1;
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(known.len(), 6);
    });
}

#[test]
fn a_deleted_interface_is_told() {
    in_namespace("a_deleted_interface_is_told", || {
        let (tun, mut netlink) = start_up();
        let packet = [&[0x60, 0, 0, 0, 0, 0, 59, 64][..], &[1; 32]].concat();
        assert!(tun.write(&packet).unwrap());
        ip("link set wpan0 down");
        assert!(!tun.write(&packet).unwrap());
        ip("link del wpan0");
        assert!(readable(tun.fd(), LIMIT));
        for error in [
            tun.read(&mut [0; 64]).unwrap_err(),
            tun.write(&packet).unwrap_err(),
        ] {
            assert!(
                error.to_string().contains("wpan0 was deleted by somebody"),
                "{error}"
            );
        }
        until(&mut netlink, Event::Up(false));
        netlink.apply(&add("fd00:1::1/64"));
        until(&mut netlink, answered("fd00:1::1/64", false));
    });
}

#[test]
fn names_are_taken_or_free() {
    in_namespace("names_are_taken_or_free", || {
        let first = Tun::open(&Name::Default).unwrap();
        let second = Tun::open(&Name::Default).unwrap();
        assert_eq!((first.name(), second.name()), ("wpan0", "wpan1"));
        let third = Tun::open(&Name::Exactly("wpan1".to_owned()));
        assert!(matches!(third, Err(OpenError::Taken(name)) if name == "wpan1"));
        // A device of another kind.
        let loopback = Tun::open(&Name::Exactly("lo".to_owned()));
        assert!(matches!(loopback, Err(OpenError::Taken(_))));
        drop(first);
        assert_eq!(Tun::open(&Name::Default).unwrap().name(), "wpan0");
        // A device that was made for us beforehand.
        ip("tuntap add mode tun name made");
        let made = Tun::open(&Name::Exactly("made".to_owned())).unwrap();
        assert_eq!(made.name(), "made");
    });
}

/// Runs the two until neither has anything to say.
fn settle(netif: &mut Netif, netlink: &mut Netlink) {
    loop {
        while let Some(event) = netlink.poll_event() {
            netif.kernel(event);
        }
        match netif.poll_change() {
            Some(change) => netlink.apply(&change),
            None if readable(netlink.fd(), Duration::from_millis(250)) => {}
            None => return,
        }
    }
}

#[test]
fn the_interface_follows_the_co_processor() {
    in_namespace("the_interface_follows_the_co_processor", || {
        let (_tun, mut netlink) = start();
        let mut netif = Netif::new(Default::default());
        let known = Known::new();
        let table = |addresses: &[&str]| {
            let mut value = Vec::new();
            for text in addresses {
                let Address {
                    address,
                    prefix_len,
                } = address(text);
                value.extend_from_slice(&[25, 0]);
                value.extend_from_slice(&address.octets());
                value.push(prefix_len);
                value.extend_from_slice(&[0xFF; 8]);
            }
            value
        };
        let property = Property::IPV6_ADDRESS_TABLE;
        netif.set_up(true);
        netif.ncp_value(property, &table(&["fd00::1/64", "fe80::1/64"]), &known);
        netif.ncp_ready(&known);
        settle(&mut netif, &mut netlink);
        assert!(netif.is_up());
        assert_eq!(addresses(), ["fd00::1/64", "fe80::1/64"]);
        assert!(netif.poll_command().is_none());

        // The co-processor's own is put back, somebody's own is passed on.
        ip("-6 addr del fd00::1/64 dev wpan0");
        ip("-6 addr add fd00:7::7/64 dev wpan0 nodad");
        settle(&mut netif, &mut netlink);
        assert_eq!(addresses(), ["fd00:7::7/64", "fd00::1/64", "fe80::1/64"]);
        let insert = netif.poll_command().unwrap();
        assert_eq!(insert.payload[..4], [0x63, 0xFD, 0x00, 0x00]);
        netif.command_done(None);

        // Down and up again: all are back, nobody removed any.
        ip("link set wpan0 down");
        settle(&mut netif, &mut netlink);
        assert_eq!(addresses(), [""; 0]);
        ip("link set wpan0 up");
        settle(&mut netif, &mut netlink);
        assert_eq!(addresses(), ["fd00:7::7/64", "fd00::1/64", "fe80::1/64"]);
        assert!(netif.poll_command().is_none());

        // A reset takes what was the co-processor's.
        netif.ncp_reset();
        settle(&mut netif, &mut netlink);
        assert_eq!(addresses(), ["fd00:7::7/64"]);
    });
}
