//! A model of both sides, with everything delayed and in any order: whatever happens, they come to
//! agree and then fall silent.

use super::*;
use crate::wire::ids::Command;
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};

/// What the co-processor says, in order.
#[derive(Clone, Debug)]
enum Said {
    Table(BTreeSet<u8>),
    Inserted(u8),
    Removed(u8),
    /// The answer to a command; from which life; and whether a user's task asked.
    Answer(u32, Option<(u8, bool)>),
    Reset,
    Ready,
}

#[derive(Clone, Debug)]
struct Asked {
    life: u32,
    address: u8,
    insert: bool,
    user: bool,
}

/// Addresses are numbers: 0 and 1 are only the co-processor's, 2 and 3 only the administrator's, the
/// others everybody's.
#[derive(Debug, Default)]
struct Ncp {
    table: BTreeSet<u8>,
    own: BTreeSet<u8>,
    said: VecDeque<Said>,
    asked: VecDeque<Asked>,
    /// How many resets the host has heard of, and how many there were.
    life: u32,
    lives: u32,
    /// A command of an earlier life was done in a later one. What it inserted is taken for the
    /// co-processor's own then: nobody can tell.
    crossed: bool,
}

impl Ncp {
    fn tell(&mut self) {
        self.said.push_back(Said::Table(self.table.clone()));
    }

    fn set_own(&mut self, address: u8, has: bool, by_item: bool) {
        if has {
            self.own.insert(address);
            self.table.insert(address);
        } else {
            self.own.remove(&address);
            self.table.remove(&address);
        }
        match (by_item, has) {
            (true, true) => self.said.push_back(Said::Inserted(address)),
            (true, false) => self.said.push_back(Said::Removed(address)),
            (false, _) => self.tell(),
        }
    }

    fn act(&mut self) {
        let Some(asked) = self.asked.pop_front() else {
            return;
        };
        self.crossed |= asked.life != self.lives;
        if asked.insert {
            self.table.insert(asked.address);
        } else {
            self.own.remove(&asked.address);
            self.table.remove(&asked.address);
        }
        let user = asked.user.then_some((asked.address, asked.insert));
        self.said.push_back(Said::Answer(asked.life, user));
        self.tell();
    }

    fn reset(&mut self) {
        self.table = self.own.clone();
        self.asked.clear();
        self.lives += 1;
        self.said.push_back(Said::Reset);
        self.tell();
        self.said.push_back(Said::Ready);
    }
}

#[derive(Debug, Default)]
struct Kernel {
    up: bool,
    addresses: BTreeSet<u8>,
    events: VecDeque<Event>,
}

impl Kernel {
    fn set(&mut self, address: u8, has: bool) {
        if has {
            self.addresses.insert(address);
            self.events.push_back(Event::AddressAdded(number(address)));
        } else {
            self.addresses.remove(&address);
            self.events
                .push_back(Event::AddressRemoved(number(address)));
        }
    }

    /// Our change: its answer, then the echo, if anything changed. A down interface takes nothing.
    fn change(&mut self, address: Address, has: bool) {
        let number = from_octets(&address.address.octets());
        let had = self.addresses.contains(&number);
        let present = has && (self.up || had);
        self.events.push_back(Event::Answered { address, present });
        if present != had {
            self.set(number, present);
        }
    }

    fn set_up(&mut self, up: bool) {
        self.up = up;
        self.events.push_back(Event::Up(up));
        if !up {
            for address in core::mem::take(&mut self.addresses) {
                self.events
                    .push_back(Event::AddressRemoved(number(address)));
            }
        }
    }

    fn lose_events(&mut self) {
        let lost: Vec<_> = self.events.drain(..).collect();
        self.events.push_back(Event::ListBegins);
        self.events.push_back(Event::Up(self.up));
        for address in &self.addresses {
            self.events.push_back(Event::AddressAdded(number(*address)));
        }
        // Answers are made good.
        for event in lost {
            if let Event::Answered { address, .. } = event {
                let number = from_octets(&address.address.octets());
                let present = self.addresses.contains(&number);
                self.events.push_back(Event::Answered { address, present });
            }
        }
        self.events.push_back(Event::ListEnds);
    }
}

fn number(address: u8) -> Address {
    Address {
        address: Ipv6Addr::new(0xFD00, 0, 0, 0, 0, 0, 0, 0x100 + u16::from(address)),
        // No prefix is published for it.
        prefix_len: 72,
    }
}

fn from_octets(octets: &[u8]) -> u8 {
    octets[15]
}

#[derive(Clone, Debug)]
enum Happens {
    NcpHas(u8, bool, bool),
    AdminSets(u8, bool),
    UserSets(u8, bool),
    Reset,
    Down,
    Up,
    EventsAreLost,
    /// Something that waits is done, by one of the five who can.
    Works(u8),
}

fn happens() -> impl Strategy<Value = Happens> {
    let ncps = prop::sample::select(vec![0, 1, 4, 5]);
    let admins = prop::sample::select(vec![2, 3, 4, 5]);
    prop_oneof![
        4 => (ncps, any::<bool>(), any::<bool>()).prop_map(|(a, b, c)| Happens::NcpHas(a, b, c)),
        4 => (admins, any::<bool>()).prop_map(|(a, b)| Happens::AdminSets(a, b)),
        2 => (4..6_u8, any::<bool>()).prop_map(|(a, b)| Happens::UserSets(a, b)),
        1 => Just(Happens::Reset),
        1 => Just(Happens::Down),
        1 => Just(Happens::Up),
        1 => Just(Happens::EventsAreLost),
        24 => (0..5_u8).prop_map(Happens::Works),
    ]
}

struct World {
    netif: Netif,
    known: Known,
    ncp: Ncp,
    kernel: Kernel,
    /// What the administrator last did to the addresses that are only his.
    theirs: BTreeSet<u8>,
    exact: bool,
}

impl World {
    fn new() -> Self {
        let mut world = World {
            netif: Netif::new(Settings::default()),
            known: Known::new(),
            ncp: Ncp::default(),
            kernel: Kernel::default(),
            theirs: BTreeSet::new(),
            exact: true,
        };
        world.kernel.set_up(true);
        world.ncp.reset();
        world
    }

    fn happen(&mut self, what: Happens) {
        match what {
            Happens::NcpHas(address, has, by_item) => self.ncp.set_own(address, has, by_item),
            Happens::AdminSets(address, true) => {
                self.kernel.set(address, true);
                self.theirs.insert(address);
            }
            Happens::AdminSets(address, false) => {
                if self.kernel.up && self.kernel.addresses.contains(&address) {
                    self.kernel.set(address, false);
                    self.theirs.remove(&address);
                }
            }
            Happens::UserSets(address, insert) => self.ncp.asked.push_back(Asked {
                life: self.ncp.life,
                address,
                insert,
                user: true,
            }),
            Happens::Reset => self.ncp.reset(),
            Happens::Down if self.kernel.up => self.kernel.set_up(false),
            Happens::Up if !self.kernel.up => self.kernel.set_up(true),
            Happens::Down | Happens::Up => {}
            Happens::EventsAreLost => {
                // Whether somebody removed an address or the interface was down cannot be told then.
                self.exact = false;
                self.kernel.lose_events();
            }
            Happens::Works(who) => {
                self.work(who);
            }
        }
    }

    /// Whether there was something to do.
    fn work(&mut self, who: u8) -> bool {
        match who {
            0 => {
                let said = self.ncp.said.pop_front();
                said.map(|said| self.hear(said)).is_some()
            }
            1 => {
                let event = self.kernel.events.pop_front();
                event.map(|event| self.netif.kernel(event)).is_some()
            }
            2 => {
                let any = !self.ncp.asked.is_empty();
                self.ncp.act();
                any
            }
            3 => {
                let change = self.netif.poll_change();
                match change {
                    Some(Change::AddAddress { address, .. }) => {
                        // Put back while its removal is still to be heard of: it stays.
                        let unheard =
                            [Event::AddressAdded(address), Event::AddressRemoved(address)];
                        let mut events = self.kernel.events.iter();
                        self.exact &= !events.any(|event| unheard.contains(event));
                        self.kernel.change(address, true);
                    }
                    Some(Change::RemoveAddress(address)) => self.kernel.change(address, false),
                    _ => {}
                }
                change.is_some()
            }
            _ => {
                let Some(send) = self.netif.poll_command() else {
                    return false;
                };
                self.ncp.asked.push_back(Asked {
                    life: self.ncp.life,
                    address: from_octets(&send.payload[1..]),
                    insert: send.command == Command::PROP_VALUE_INSERT,
                    user: false,
                });
                true
            }
        }
    }

    fn hear(&mut self, said: Said) {
        let property = Property::IPV6_ADDRESS_TABLE;
        match said {
            Said::Table(addresses) => {
                let mut value = Vec::new();
                for address in addresses {
                    value.extend_from_slice(&[25, 0]);
                    value.extend(item::address_item(number(address)));
                }
                self.netif.ncp_value(property, &value, &self.known);
            }
            Said::Inserted(address) | Said::Removed(address) => {
                let inserted = matches!(said, Said::Inserted(_));
                let item = item::address_item(number(address));
                self.netif.ncp_item(property, &item, inserted, &self.known);
            }
            // The engine knows of which life an answer is.
            Said::Answer(life, _) if life != self.ncp.life => {}
            Said::Answer(_, Some((address, inserted))) => {
                let item = item::address_item(number(address));
                self.netif.user_item(property, &item, inserted);
            }
            Said::Answer(_, None) => self.netif.command_done(None),
            Said::Reset => {
                self.ncp.life += 1;
                self.netif.ncp_reset();
            }
            Said::Ready => self.netif.ncp_ready(&self.known),
        }
    }

    /// Everybody does what there is to do; says in how many steps it ended.
    fn settle(&mut self) -> usize {
        for steps in 0..2_000 {
            if !(0..5).fold(false, |any, who| self.work(who) | any) {
                return steps;
            }
        }
        panic!("they never fall silent: {self:?}", self = self.netif);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn both_sides_come_to_agree(trace in prop::collection::vec(happens(), 0..120)) {
        let mut world = World::new();
        for what in trace {
            world.happen(what);
        }
        world.happen(Happens::Up);
        world.settle();
        // A new association: a fight that was given up is taken up again.
        world.netif.ncp_ready(&world.known);
        world.settle();

        prop_assert_eq!(&world.kernel.addresses, &world.ncp.table);
        for address in [0, 1] {
            prop_assert_eq!(world.ncp.own.contains(&address), world.ncp.table.contains(&address));
        }
        if world.exact && !world.ncp.crossed {
            for address in [2, 3] {
                let there = world.ncp.table.contains(&address);
                prop_assert_eq!(world.theirs.contains(&address), there, "{}", address);
            }
        }
        for address in 0..6 {
            let owned = world.netif.owns_source(&number(address).address);
            prop_assert_eq!(world.ncp.table.contains(&address), owned);
        }
    }
}
