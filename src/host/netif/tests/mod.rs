//! The synchronisation alone, between a kernel and a co-processor that are a few lines each.

mod addresses;
mod published;
mod routes;
mod trouble;

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

fn send(command: Command, property: Property, value: &[u8]) -> Send {
    follow::send(command, property, value)
}
