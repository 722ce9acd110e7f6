//! What the co-processor tells.

use super::item::{self, Listed, NetEntry};
use super::published::By;
use super::shared::{Kernel, Origin, Row};
use super::{row_for, Facts, Netif};
use crate::host::kernel::Address;
use crate::host::known::Known;
use crate::wire::ids::{Capability, Property};
use crate::wire::packed::{Malformed, Reader};
use std::net::Ipv6Addr;

impl Netif {
    pub(super) fn learn(&mut self, known: &Known) {
        self.facts = Facts {
            border_router: known.has(Capability::THREAD_BORDER_ROUTER),
            forms_addresses: known.has(Capability::SLAAC) && known.flag(Property::SLAAC_ENABLED),
            rloc16: known.uint16(Property::THREAD_RLOC16),
        };
    }

    pub(super) fn own_address(&mut self, value: &[u8], link_local: bool) -> Result<(), Malformed> {
        let address = Ipv6Addr::from(Reader::new(value).array::<16>()?);
        let new = (!address.is_unspecified()).then_some(address);
        let known = if link_local {
            &mut self.link_local
        } else {
            &mut self.mesh_local
        };
        let old = core::mem::replace(known, new);
        if old == new {
            return Ok(());
        }
        if let Some(row) = old.and_then(|old| self.addresses.find(&old)) {
            *told_by(row, link_local) = false;
            row.ncp_lost();
        }
        let Some(address) = new.filter(|address| self.is_shown(*address)) else {
            return Ok(());
        };
        let prefix_len = 64;
        if let Some(row) = self.addresses.entry(Address {
            address,
            prefix_len,
        }) {
            *told_by(row, link_local) = true;
            row.ncp_has();
        }
        Ok(())
    }

    pub(super) fn address_table(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let items = item::items(value)?;
        let listed: Vec<_> = items
            .into_iter()
            .map(Listed::read)
            .collect::<Result<_, _>>()?;
        let is_listed = |row: &Row| {
            let same = |listed: &&Listed| listed.address.address == row.address.address;
            matches!(listed.iter().find(same), Some(listed) if !listed.invalid)
        };
        let mut has_room = false;
        for row in &mut self.addresses.rows {
            if !is_listed(row) {
                has_room |= row.told.table && row.op.is_none();
                row.table_told(false);
            }
        }
        if has_room {
            self.addresses.room_came(self.now);
        }
        // What has gone makes room for what has come.
        self.addresses.tidy();
        for listed in listed.into_iter().filter(|listed| !listed.invalid) {
            self.address_told(listed, true);
        }
        Ok(())
    }

    pub(super) fn address_told(&mut self, listed: Listed, has: bool) {
        let address = narrowed(listed.address);
        if !self.is_shown(address.address) {
            return;
        }
        let Some(row) = row_for(&mut self.addresses, address, has) else {
            return;
        };
        if row.op.is_some() {
            return;
        }
        row.table_told(has);
        if has && !matches!(row.origin, Origin::Interface | Origin::User) {
            row.deprecated = listed.deprecated;
        }
        if row.origin == Origin::Ncp && row.kernel == Kernel::Absent {
            row.address.prefix_len = address.prefix_len;
        }
    }

    pub(super) fn is_shown(&self, address: Ipv6Addr) -> bool {
        let is_unicast =
            !(address.is_multicast() || address.is_unspecified() || address.is_loopback());
        is_unicast && (self.settings.show_rloc || !item::is_locator(address))
    }

    pub(super) fn group_table(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let items = item::items(value)?;
        let listed: Vec<_> = items.into_iter().map(group).collect::<Result<_, _>>()?;
        let mut has_room = false;
        for row in &mut self.groups.rows {
            if !listed.contains(&row.address) {
                has_room |= row.told.table && row.op.is_none();
                row.table_told(false);
            }
        }
        if has_room {
            self.groups.room_came(self.now);
        }
        self.groups.tidy();
        for group in listed {
            self.group_told(group, true);
        }
        Ok(())
    }

    pub(super) fn group_told(&mut self, group: Address, has: bool) {
        if !group.address.is_multicast() {
            return;
        }
        if let Some(row) = row_for(&mut self.groups, group, has) {
            row.table_told(has);
        }
    }

    pub(super) fn on_mesh_nets(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let entries = net_entries(value, NetEntry::read_on_mesh)?;
        self.published.listed(Property::THREAD_ON_MESH_NETS, |key| {
            published_by(&entries, key)
        });
        self.routes.set_on_mesh(entries);
        Ok(())
    }

    pub(super) fn off_mesh_routes(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let entries = net_entries(value, NetEntry::read_off_mesh)?;
        self.published
            .listed(Property::THREAD_OFF_MESH_ROUTES, |key| {
                published_by(&entries, key)
            });
        self.routes.set_off_mesh(entries);
        Ok(())
    }

    pub(super) fn services(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let items = item::items(value)?;
        let keys: Vec<_> = items
            .into_iter()
            .map(item::service_key)
            .collect::<Result<_, _>>()?;
        self.published.listed(Property::SERVER_SERVICES, |key| {
            if keys.iter().any(|other| other == key) {
                By::Us
            } else {
                By::Nobody
            }
        });
        Ok(())
    }

    pub(super) fn settle(&mut self, property: Property, result: Result<(), Malformed>) {
        if let Err(error) = result {
            log::warn!("{property} of the co-processor is ignored: {error}");
        }
        self.rearrange();
    }
}

fn told_by(row: &mut Row, link_local: bool) -> &mut bool {
    if link_local {
        &mut row.told.link_local
    } else {
        &mut row.told.mesh_local
    }
}

fn net_entries(
    value: &[u8],
    read: fn(&[u8]) -> Result<NetEntry, Malformed>,
) -> Result<Vec<NetEntry>, Malformed> {
    item::items(value)?.into_iter().map(read).collect()
}

/// Who publishes what has a key.
fn published_by(entries: &[NetEntry], key: &[u8]) -> By {
    let mut found = entries
        .iter()
        .filter(|entry| item::key(entry.prefix) == key)
        .peekable();
    if found.peek().is_none() {
        By::Nobody
    } else if found.any(|entry| entry.local != Some(false)) {
        By::Us
    } else {
        By::Others
    }
}

/// Nothing of a mesh is wider than a /64 (Thread 1.3, section 5.10); of link-local addresses the kernel makes a route,
/// to what it always is.
pub(super) fn narrowed(address: Address) -> Address {
    let prefix_len = match item::is_link_local(address.address) {
        true => 64,
        false => address.prefix_len.max(64),
    };
    Address {
        prefix_len,
        ..address
    }
}

/// A group, with the length of a whole address.
pub(super) fn group(item: &[u8]) -> Result<Address, Malformed> {
    let octets = Reader::new(item).array::<16>()?;
    Ok(whole(Ipv6Addr::from(octets)))
}

/// An address as a prefix of its own.
pub(super) fn whole(address: Ipv6Addr) -> Address {
    Address {
        address,
        prefix_len: 128,
    }
}
