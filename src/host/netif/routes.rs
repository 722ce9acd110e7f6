//! The prefixes and routes of the network, and the kernel's routes to them.

use super::item::{NetEntry, ON_MESH, PREFERENCE, PREFERENCE_HIGH, PREFERENCE_LOW, SLAAC};
use super::shared::ROWS;
use super::trust::{is_public, Refused, Trust};
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
        self.on_mesh
            .iter()
            .filter(|entry| entry.flags & SLAAC != 0 && entry.prefix.prefix_len == 64)
    }

    /// All on-mesh prefixes, also those that are not used.
    pub(super) fn on_mesh(&self) -> impl Iterator<Item = Address> + '_ {
        self.on_mesh.iter().map(|entry| entry.prefix)
    }

    /// What is to be changed in the kernel.
    pub(super) fn poll(&mut self, wish: &Wish, trust: &mut Trust) -> Option<Change> {
        let wanted = self.wanted(wish, trust);
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
    fn wanted(&self, wish: &Wish, trust: &mut Trust) -> Vec<(Address, u32)> {
        let mut wanted = Vec::new();
        let mut want =
            |what, prefix, metric, allowed: Result<(), Refused>, trust: &mut Trust| match allowed {
                Ok(()) => wanted.push((prefix, metric)),
                Err(why) => trust.tell(what, prefix, why),
            };
        if let Some(prefix) = wish.mesh_local {
            let allowed = trust.on_mesh(prefix);
            want(
                "mesh-local prefix",
                prefix,
                METRIC_MESH_LOCAL,
                allowed,
                trust,
            );
        }
        for entry in &self.on_mesh {
            if entry.flags & ON_MESH != 0 && Some(entry.prefix) != wish.mesh_local {
                let allowed = trust.on_mesh(entry.prefix);
                want(
                    "on-mesh prefix",
                    entry.prefix,
                    METRIC_MEDIUM,
                    allowed,
                    trust,
                );
            }
        }
        let ours = |prefix| {
            let mut entries = self.off_mesh.iter();
            entries.any(|entry| entry.prefix == prefix && entry.is_own(wish.rloc16))
        };
        let leads_on = |entry: &&NetEntry| wish.off_mesh && !ours(entry.prefix);
        for entry in self.off_mesh.iter().filter(leads_on) {
            let allowed = trust.route(entry.prefix);
            let is_last = is_public(entry.prefix) && !wish.default_route;
            let metric = match is_last {
                // A longer one would be taken before any default route.
                true if entry.prefix.prefix_len > 0 => {
                    trust.tell("route", entry.prefix, Refused::Default);
                    continue;
                }
                true => metric(entry.flags).saturating_add(METRIC_LAST),
                false => metric(entry.flags),
            };
            want("route", entry.prefix, metric, allowed, trust);
        }
        wanted
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

/// What else decides which routes there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// The /64 of the mesh-local addresses.
    pub(super) mesh_local: Option<Address>,
    /// Ours.
    pub(super) rloc16: Option<u16>,
    /// Its off-mesh routes lead on, too.
    pub(super) off_mesh: bool,
    /// The mesh's default route competes with the host's own.
    pub(super) default_route: bool,
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

fn metric(flags: u8) -> u32 {
    match flags & PREFERENCE {
        PREFERENCE_HIGH => METRIC_HIGH,
        PREFERENCE_LOW => METRIC_LOW,
        // 10 is reserved and read as medium (RFC 4191, section 2.1).
        _ => METRIC_MEDIUM,
    }
}

/// As the kernel's own routes to the prefix of an address (`IP6_RT_PRIO_ADDRCONF`).
const METRIC_MESH_LOCAL: u32 = 256;

/// Behind every default route of the host: programs that manage networks give some hundred up to some ten
/// thousand (NetworkManager adds 20,000 to one that does not work).
const METRIC_LAST: u32 = 1_000_000;

/// RFC 4191 preferences as metrics: half, once and twice the kernel's own default of 1024
/// (`IP6_RT_PRIO_USER`), and one more. Between routes of the same prefix the lower one goes first, also of
/// those that somebody added by hand.
const METRIC_HIGH: u32 = 513;
const METRIC_MEDIUM: u32 = 1025;
const METRIC_LOW: u32 = 2049;
