//! What follows from what is known: rows that hang on others, and the next step on either side.

use super::item::{self, NetEntry};
use super::published::Step;
use super::routes::Wish;
use super::shared::{Kernel, Op, Origin, Row};
use super::trust::{Refused, Trust};
use super::{Netif, Task};
use crate::host::kernel::{Address, Change};
use crate::host::script::{OnError, Report, Send};
use crate::time::Instant;
use crate::wire::ids::{Command, Property};
use crate::wire::packed::Writer;
use std::net::Ipv6Addr;

impl Netif {
    /// To be called after every change of what is known: derives what hangs on something else, and
    /// forgets what nobody needs.
    pub(super) fn rearrange(&mut self) {
        self.form_addresses();
        self.publish_prefixes();
        self.addresses.tidy();
        self.groups.tidy();
        self.is_due = [true; 2];
    }

    /// SLAAC: an address on each prefix that asks for it, where the host has none.
    pub(super) fn form_addresses(&mut self) {
        let wanted = self.slaac_addresses();
        for row in &mut self.addresses.rows {
            let is_wanted = wanted.contains(&row.address);
            match row.origin {
                Origin::Slaac if !is_wanted => row.set_origin(Origin::Nobody),
                // Ours of before a restart.
                Origin::Ncp if is_wanted => row.set_origin(Origin::Slaac),
                _ => {}
            }
        }
        for address in wanted {
            if let Some(row) = self.addresses.entry(address) {
                if row.origin == Origin::Nobody {
                    row.set_origin(Origin::Slaac);
                }
            }
        }
    }

    pub(super) fn slaac_addresses(&self) -> Vec<Address> {
        let Some(mesh_local) = self.mesh_local else {
            return Vec::new();
        };
        if !self.settings.slaac || self.facts.forms_addresses {
            return Vec::new();
        }
        let mesh_local_prefix = item::prefix_of(mesh_local, 64);
        let mut wanted = Vec::new();
        for entry in self.routes.slaac() {
            let prefix = entry.prefix;
            if self.trust.on_mesh(prefix).is_err()
                || prefix == mesh_local_prefix
                || self.is_ours_alone(entry)
                || self.has_one_in(prefix)
            {
                continue;
            }
            let address = formed(prefix, mesh_local);
            if !wanted.contains(&address) {
                wanted.push(address);
            }
        }
        wanted
    }

    /// Whether we published a prefix only because the interface has an address in it, or had one: the
    /// network tells of it for a while longer.
    pub(super) fn is_ours_alone(&self, entry: &NetEntry) -> bool {
        let key = item::key(entry.prefix);
        let property = Property::THREAD_ON_MESH_NETS;
        entry.is_own(self.facts.rloc16) && self.published.is_for_interface(property, &key)
    }

    /// Whether somebody else gave the host an address with this prefix.
    pub(super) fn has_one_in(&self, prefix: Address) -> bool {
        self.addresses.rows.iter().any(|row| {
            matches!(row.origin, Origin::Interface | Origin::User)
                && item::prefix_of(row.address.address, prefix.prefix_len) == prefix
        })
    }

    /// The /64 of each address that somebody gave the interface.
    pub(super) fn publish_prefixes(&mut self) {
        let publishes = self.settings.publish_prefixes && self.facts.border_router;
        let mesh_local = self.mesh_local.map(|address| item::prefix_of(address, 64));
        let rows = self.addresses.rows.iter().filter(|row| {
            publishes
                && row.origin == Origin::Interface
                && row.address.prefix_len == 64
                && !item::is_link_local(row.address.address)
        });
        let mut wanted: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for row in rows {
            let prefix = item::prefix_of(row.address.address, 64);
            let key = item::key(prefix);
            if Some(prefix) != mesh_local && !wanted.iter().any(|(other, _)| *other == key) {
                let mut item = key.clone();
                item.extend_from_slice(&[STABLE, self.published_flags()]);
                wanted.push((key, item));
            }
        }
        self.published.set_interface(&wanted);
    }

    pub(super) fn published_flags(&self) -> u8 {
        let slaac = if self.settings.slaac { item::SLAAC } else { 0 };
        item::ON_MESH | item::PREFERRED | slaac
    }

    pub(super) fn address_change(&mut self) -> Option<Change> {
        let now = self.now;
        let on_mesh = self.on_mesh();
        for row in &mut self.addresses.rows {
            let trusted = trusts(&self.trust, row, &on_mesh);
            if let Err(why) = trusted {
                self.trust.tell("address", row.address, why);
            }
            let wants = kernel_wants(row, trusted.is_ok());
            let Some(add) = wants.filter(|_| row.changes.may(now)) else {
                continue;
            };
            row.changes.note(now);
            if row.changes.is_news() {
                log::warn!(
                    "{}: what we do with it on the interface does not last: tried again after {} s, and for \
                     as long as it takes",
                    row.address,
                    row.changes.pause().as_secs()
                );
            }
            if add {
                let deprecated = row.is_deprecated();
                row.kernel = Kernel::Adding;
                row.kernel_deprecated = deprecated;
                return Some(Change::AddAddress {
                    address: row.address,
                    deprecated,
                    routed: is_routed(&self.trust, row),
                });
            }
            row.kernel = Kernel::Removing;
            return Some(Change::RemoveAddress(row.address));
        }
        None
    }

    /// The prefixes that the mesh may have addresses of.
    fn on_mesh(&self) -> Vec<Address> {
        let mesh_local = self.mesh_local.map(|address| item::prefix_of(address, 64));
        self.routes.on_mesh().chain(mesh_local).collect()
    }

    /// When [`Netif::address_change`] has one, if it has none now and nothing happens.
    pub(super) fn address_change_due(&self) -> Option<Instant> {
        let on_mesh = self.on_mesh();
        let due = self.addresses.rows.iter().filter_map(|row| {
            let trusted = trusts(&self.trust, row, &on_mesh);
            kernel_wants(row, trusted.is_ok()).and(row.changes.due())
        });
        due.min()
    }

    /// Joining and leaving is done by a socket of ours: it is done at once.
    pub(super) fn group_change(&mut self) -> Option<Change> {
        for row in &mut self.groups.rows {
            let wanted = matches!(row.origin, Origin::Ncp | Origin::User);
            if wanted != (row.kernel == Kernel::Present) {
                let group = row.address.address;
                return Some(if wanted {
                    row.kernel = Kernel::Present;
                    Change::JoinGroup(group)
                } else {
                    row.kernel = Kernel::Absent;
                    Change::LeaveGroup(group)
                });
            }
        }
        self.groups.tidy();
        None
    }

    /// The next command for a row. Removals come first, as they make room; then what a user gave to the
    /// co-processor, what somebody gave the interface, and what is formed here; each in the order in which
    /// it came.
    pub(super) fn row_command(&mut self) -> Option<(Task, Send)> {
        let now = self.now;
        for is_group in [false, true] {
            let rows = match is_group {
                false => self.addresses.rows.iter_mut(),
                true => self.groups.rows.iter_mut(),
            };
            let due = rows.filter_map(|row| Some((row.command(now)?, row)));
            let Some((op, row)) = due.min_by_key(|(op, row)| (*op != Op::Remove, rank(row.origin)))
            else {
                continue;
            };
            row.op = Some(op);
            row.commands.note(now);
            let command = match op {
                Op::Insert => Command::PROP_VALUE_INSERT,
                Op::Remove => Command::PROP_VALUE_REMOVE,
            };
            let (task, property, item) = if is_group {
                let item = row.address.address.octets().to_vec();
                let property = Property::IPV6_MULTICAST_ADDRESS_TABLE;
                (Task::Group(row.address), property, item)
            } else {
                let item = item::address_item(row.address);
                let property = Property::IPV6_ADDRESS_TABLE;
                (Task::Address(row.address), property, item)
            };
            return Some((task, send(command, property, &item)));
        }
        None
    }

    /// The next step of what is published.
    pub(super) fn publish_command(&mut self) -> Option<(Task, Send)> {
        let step = self.published.poll()?;
        let send = match &step {
            Step::Gate(gate, open) => send(Command::PROP_VALUE_SET, *gate, &[u8::from(*open)]),
            Step::Insert(property, item) => send(Command::PROP_VALUE_INSERT, *property, item),
            Step::Remove(property, key) => send(Command::PROP_VALUE_REMOVE, *property, key),
        };
        Some((Task::Publish(step), send))
    }

    /// The next route.
    pub(super) fn route_change(&mut self) -> Option<Change> {
        let wish = Wish {
            mesh_local: self.mesh_local.map(|address| item::prefix_of(address, 64)),
            rloc16: self.facts.rloc16,
            off_mesh: self.settings.routes,
            default_route: self.settings.default_route,
        };
        self.routes.poll(&wish, &mut self.trust)
    }
}

fn is_mesh(row: &Row) -> bool {
    matches!(row.origin, Origin::Ncp | Origin::Slaac)
}

/// Whether an address that the mesh has, or a user of the control socket gave it, may be on the interface, or why
/// not.
fn trusts(trust: &Trust, row: &Row, on_mesh: &[Address]) -> Result<(), Refused> {
    match is_mesh(row) || row.origin == Origin::User {
        true => trust.address(row.address.address, &mut on_mesh.iter().copied()),
        false => Ok(()),
    }
}

/// Whether the kernel makes a route to the prefix of an address. fe80::/64 is everybody's; other routes of what the
/// mesh says are ours.
fn is_routed(trust: &Trust, row: &Row) -> bool {
    let address = row.address;
    match row.origin {
        _ if item::is_link_local(address.address) => true,
        Origin::User => trust
            .on_mesh(item::prefix_of(address.address, address.prefix_len))
            .is_ok(),
        _ => !is_mesh(row),
    }
}

/// Whether the interface is to be given a row, or to lose it; `None`: it is as it is to be.
fn kernel_wants(row: &Row, is_trusted: bool) -> Option<bool> {
    let wanted = row.is_for_kernel() && is_trusted;
    let stale = row.is_deprecated() != row.kernel_deprecated;
    match row.kernel {
        Kernel::Absent if wanted => Some(true),
        Kernel::Present if wanted && stale => Some(true),
        Kernel::Present if !wanted => Some(false),
        _ => None,
    }
}

/// Who gets what room there is at the co-processor.
fn rank(origin: Origin) -> u8 {
    match origin {
        Origin::User => 0,
        Origin::Interface => 1,
        _ => 2,
    }
}

pub(super) fn send(command: Command, property: Property, value: &[u8]) -> Send {
    let mut number = [0; 3];
    let mut writer = Writer::new(&mut number);
    // Every property's number fits: the constants are below 2,097,152.
    let _ = writer.uint_packed(property.0);
    Send {
        command,
        payload: [writer.written(), value].concat(),
        on_error: OnError::TolerateAlready,
        report: Report::Nothing,
    }
}

/// The address on a /64 with the interface identifier of another one.
fn formed(prefix: Address, other: Ipv6Addr) -> Address {
    let identifier = u128::from(other) & u128::from(u64::MAX);
    Address {
        address: Ipv6Addr::from(u128::from(prefix.address) | identifier),
        prefix_len: 64,
    }
}

/// The member "stable" of a published prefix, as in protocol §3.16.
const STABLE: u8 = 1;
