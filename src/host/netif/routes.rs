//! The prefixes and routes of the network, and the kernel's routes to them.

use super::item::{
    is_link_local, NetEntry, ON_MESH, PREFERENCE, PREFERENCE_HIGH, PREFERENCE_LOW, SLAAC,
};
use super::shared::ROWS;
use crate::host::kernel::{Address, Change};

/// What the co-processor listed, and which routes the kernel was given for it.
#[derive(Debug, Default)]
pub(super) struct Routes {
    on_mesh: Vec<NetEntry>,
    off_mesh: Vec<NetEntry>,
    /// Prefix and metric.
    installed: Vec<(Address, u32)>,
    lost: u64,
}

impl Routes {
    /// How many times there was no room for an entry more.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// All on-mesh prefixes.
    pub(super) fn set_on_mesh(&mut self, entries: Vec<NetEntry>) {
        self.on_mesh = entries;
        self.cut();
    }

    /// All off-mesh routes.
    pub(super) fn set_off_mesh(&mut self, entries: Vec<NetEntry>) {
        self.off_mesh = entries;
        self.cut();
    }

    /// One on-mesh prefix more, or less.
    pub(super) fn change_on_mesh(&mut self, entry: NetEntry, inserted: bool) {
        change(&mut self.on_mesh, entry, inserted);
        self.cut();
    }

    /// One off-mesh route more, or less.
    pub(super) fn change_off_mesh(&mut self, entry: NetEntry, inserted: bool) {
        change(&mut self.off_mesh, entry, inserted);
        self.cut();
    }

    /// The co-processor restarted.
    pub(super) fn ncp_reset(&mut self) {
        self.on_mesh.clear();
        self.off_mesh.clear();
    }

    /// The kernel took all routes away, because the interface is down.
    pub(super) fn flushed(&mut self) {
        self.installed.clear();
    }

    /// The prefixes on which hosts form their own addresses.
    pub(super) fn slaac(&self) -> impl Iterator<Item = &NetEntry> {
        self.on_mesh.iter().filter(|entry| {
            entry.flags & SLAAC != 0 && entry.prefix.prefix_len == 64 && is_routable(entry.prefix)
        })
    }

    /// What is to be changed in the kernel. `own`: our RLOC16. `off_mesh`: its routes lead on, too.
    pub(super) fn poll(&mut self, own: Option<u16>, off_mesh: bool) -> Option<Change> {
        let wanted = self.wanted(own, off_mesh);
        if let Some(index) = self
            .installed
            .iter()
            .position(|route| !wanted.contains(route))
        {
            let (prefix, metric) = self.installed.swap_remove(index);
            return Some(Change::RemoveRoute { prefix, metric });
        }
        let route = wanted
            .into_iter()
            .find(|route| !self.installed.contains(route))?;
        self.installed.push(route);
        let (prefix, metric) = route;
        Some(Change::AddRoute { prefix, metric })
    }

    /// What leads into the network: its prefixes, and where others lead on to. Where packets leave the
    /// network here, the host has the route.
    fn wanted(&self, own: Option<u16>, off_mesh: bool) -> Vec<(Address, u32)> {
        let on_mesh = self.on_mesh.iter().filter(|entry| {
            entry.flags & ON_MESH != 0 && entry.prefix.prefix_len > 0 && is_routable(entry.prefix)
        });
        let ours = |prefix| {
            let mut entries = self.off_mesh.iter();
            entries.any(|entry| entry.prefix == prefix && entry.is_own(own))
        };
        let leads_on =
            |entry: &&NetEntry| off_mesh && is_routable(entry.prefix) && !ours(entry.prefix);
        let beyond = self.off_mesh.iter().filter(leads_on);
        on_mesh
            .map(|entry| (entry.prefix, METRIC_MEDIUM))
            .chain(beyond.map(|entry| (entry.prefix, metric(entry.flags))))
            .collect()
    }

    fn cut(&mut self) {
        for list in [&mut self.on_mesh, &mut self.off_mesh] {
            let more = list.len().saturating_sub(ROWS);
            if more > 0 && self.lost == 0 {
                log::warn!(
                    "the network has {} prefixes or routes: those after the first {ROWS} are ignored",
                    list.len()
                );
            }
            self.lost = self.lost.saturating_add(more as u64);
            list.truncate(ROWS);
        }
    }
}

/// Without its publisher a removal means what this co-processor published.
fn change(list: &mut Vec<NetEntry>, entry: NetEntry, inserted: bool) {
    let same = |other: &NetEntry| {
        other.prefix == entry.prefix
            && other.local.unwrap_or(true) == entry.local.unwrap_or(true)
            && (entry.rloc16.is_none() || other.rloc16 == entry.rloc16)
    };
    list.retain(|other| !same(other));
    if inserted {
        list.push(entry);
    }
}

/// Groups and the link itself need no route.
fn is_routable(prefix: Address) -> bool {
    !prefix.address.is_multicast() && !is_link_local(prefix.address)
}

fn metric(flags: u8) -> u32 {
    match flags & PREFERENCE {
        PREFERENCE_HIGH => METRIC_HIGH,
        PREFERENCE_LOW => METRIC_LOW,
        // 10 is reserved and read as medium (RFC 4191, section 2.1).
        _ => METRIC_MEDIUM,
    }
}

/// RFC 4191 preferences as metrics: half, once and twice the kernel's own default of 1024
/// (`IP6_RT_PRIO_USER`), and one more, so that a route that somebody added by hand goes first.
const METRIC_HIGH: u32 = 513;
const METRIC_MEDIUM: u32 = 1025;
const METRIC_LOW: u32 = 2049;
