//! Addresses, groups, prefixes and routes, kept in step between a hostile co-processor and a kernel that
//! does anything: nothing is done without bound, and once both sides behave all falls silent.
//!
//! Input: an octet of settings, then steps: what, which, the length of a value, the value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::host::kernel::{Address, Change, Event};
use spinel_bridge::host::known::Known;
use spinel_bridge::host::netif::{Netif, Settings};
use spinel_bridge::wire::ids::{Property, Status};
use std::net::Ipv6Addr;

const PROPERTIES: [Property; 12] = [
    Property::IPV6_ADDRESS_TABLE,
    Property::IPV6_MULTICAST_ADDRESS_TABLE,
    Property::THREAD_ON_MESH_NETS,
    Property::THREAD_OFF_MESH_ROUTES,
    Property::SERVER_SERVICES,
    Property::IPV6_LL_ADDR,
    Property::IPV6_ML_ADDR,
    Property::IPV6_ML_PREFIX,
    Property::THREAD_RLOC16,
    Property::CAPS,
    Property::SLAAC_ENABLED,
    Property::NET_ROLE,
];

fuzz_target!(|input: &[u8]| {
    let Some((&flags, mut rest)) = input.split_first() else {
        return;
    };
    let mut bench = Bench {
        netif: Netif::new(Settings {
            default_route: flags & 0x20 != 0,
            slaac: flags & 1 == 0,
            publish_prefixes: flags & 2 == 0,
            skip_link_local: flags & 4 == 0,
            show_rloc: flags & 8 != 0,
            routes: flags & 16 == 0,
        }),
        known: Known::new(),
        waits: false,
    };
    while let [what, which, len, octets @ ..] = rest {
        let (value, after) = octets.split_at(usize::from(*len).min(octets.len()));
        rest = after;
        bench.step(*what, *which, value);
    }
    bench.settle();
});

struct Bench {
    netif: Netif,
    known: Known,
    /// A command waits for its answer.
    waits: bool,
}

impl Bench {
    fn step(&mut self, what: u8, which: u8, value: &[u8]) {
        let property = PROPERTIES[usize::from(which) % PROPERTIES.len()];
        let inserted = which & 0x80 == 0;
        match what % 12 {
            0 | 1 => {
                self.known.remember(property, value);
                self.netif.ncp_value(property, value, &self.known);
            }
            2 => self.netif.ncp_item(property, value, inserted, &self.known),
            3 => self.netif.user_item(property, value, inserted),
            4 => {
                self.netif.ncp_reset();
                self.waits = false;
            }
            5 => self.netif.ncp_ready(&self.known),
            6 => self.netif.set_up(inserted),
            7 => self.netif.kernel(event(which, value)),
            8 => {
                self.change(which);
            }
            9 => {
                self.command();
            }
            10 => self.answer(which),
            _ => {
                let _ = self.netif.owns_source(&address(value).address);
            }
        }
    }

    /// The next change for the kernel, which does it or not.
    fn change(&mut self, which: u8) -> bool {
        let Some(change) = self.netif.poll_change() else {
            return false;
        };
        let works = which & 1 == 0;
        let (address, added) = match change {
            Change::Up(up) => {
                self.netif.kernel(Event::Up(up && works));
                return true;
            }
            Change::AddAddress { address, .. } => (address, true),
            Change::RemoveAddress(address) => (address, false),
            _ => return true,
        };
        if works {
            self.netif.kernel(match added {
                true => Event::AddressAdded(address),
                false => Event::AddressRemoved(address),
            });
        }
        let present = added == works;
        self.netif.kernel(Event::Answered { address, present });
        true
    }

    /// The next command; one at a time.
    fn command(&mut self) -> bool {
        let sent = self.netif.poll_command();
        if let Some(send) = &sent {
            assert!(!self.waits, "two commands at a time");
            // An item comes back as it was given, of which there are 255 octets here, behind its property.
            assert!(send.payload.len() < 260, "{} octets", send.payload.len());
        }
        self.waits |= sent.is_some();
        sent.is_some()
    }

    fn answer(&mut self, which: u8) {
        if core::mem::take(&mut self.waits) {
            let failed = (which != 0).then_some(Status(u32::from(which)));
            self.netif.command_done(failed);
        }
    }

    /// A kernel and a co-processor that do as they are told. The tables have 64 rows of addresses, of groups, of
    /// what is published and of each of two kinds of routes, of which each is tried eight times, with a gate that
    /// is opened and closed around it: less than 8,000 in all.
    fn settle(&mut self) {
        self.answer(0);
        for _ in 0..10_000 {
            let moved = self.change(0) | self.command();
            self.answer(0);
            if !moved {
                return;
            }
        }
        panic!("it does not fall silent");
    }
}

fn event(which: u8, value: &[u8]) -> Event {
    let address = address(value);
    // The others keep their numbers, and the corpus its meaning.
    match which {
        0xFE => return Event::RouteAdded(address),
        0xFF => return Event::RouteRemoved(address),
        _ => {}
    }
    match which % 11 {
        0 => Event::AddressAdded(address),
        1 => Event::AddressRemoved(address),
        2 => Event::Up(true),
        3 => Event::Up(false),
        4 => Event::GroupJoined(address.address),
        5 => Event::GroupLeft(address.address),
        6 => Event::ListBegins,
        7 => Event::ListEnds,
        8 => Event::ElsewhereAdded(address),
        9 => Event::ElsewhereRemoved(address),
        _ => Event::Answered {
            address,
            present: which & 0x80 == 0,
        },
    }
}

/// Sixteen octets and the length of the prefix; zeros for what is missing.
fn address(value: &[u8]) -> Address {
    let mut octets = [0; 17];
    let len = value.len().min(octets.len());
    octets[..len].copy_from_slice(&value[..len]);
    let [address @ .., bits] = octets;
    Address {
        address: Ipv6Addr::from(address),
        prefix_len: bits % 129,
    }
}
