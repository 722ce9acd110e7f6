//! The Thread side: interface, stack, role and addresses. Without a radio it is alone on its channel,
//! so a start ends with a network of one, led by itself, as long as there is a dataset to lead. With one,
//! `mesh` finds a parent meanwhile.
//!
//! Becoming leader takes what it takes OpenThread ([`LEADING`]), and a former router or leader asks for its
//! old network much longer ([`RESTORING`]); the seed chooses within the range.

use super::ping::Ipv6;
use crate::sim::ncp::spinel::numbers::*;

use crate::sim::rng::Rng;
use crate::time::{Duration, Instant};

/// Values of NET_ROLE (protocol §4.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Detached = 0,
    Child = 1,
    Router = 2,
    Leader = 3,
    /// The stack is down.
    Disabled = 4,
}

/// How attaching ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Leader of a new partition.
    Formed,
    /// Nobody to join, as NET_REQUIRE_JOIN_EXISTING demanded: the stack is down again.
    JoinFailed,
}

/// What becomes of a node that finds nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// It leads a network of its own.
    Leads,
    /// It searches on: it has no dataset that it could lead, or may not lead.
    Searches,
}

/// What does not change with a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The factory EUI-64.
    pub(crate) eui64: [u8; 8],
    /// The extended address in use.
    pub(crate) extended_address: [u8; 8],
    /// The interface identifier of the mesh-local endpoint identifier.
    pub(crate) mesh_local_iid: [u8; 8],
}

impl Identity {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let [a, b] = rng.octets();
        let mut extended_address = rng.octets::<8>();
        // Locally administered, and no group address (IEEE 802).
        extended_address[0] = extended_address[0] & !0x01 | 0x02;
        Identity {
            eui64: [0x18, 0xB4, 0x30, 0, 0, 0, a, b],
            extended_address,
            mesh_local_iid: rng.octets(),
        }
    }
}

impl Identity {
    /// The one that was kept, as far as it is there.
    pub(crate) fn restored(mut self, kept: &[(u32, Vec<u8>)]) -> Self {
        for (id, value) in kept {
            let Ok(value) = <[u8; 8]>::try_from(value.as_slice()) else {
                continue;
            };
            match *id {
                HWADDR => self.eui64 = value,
                MAC_15_4_LADDR => self.extended_address = value,
                IPV6_ML_ADDR => self.mesh_local_iid = value,
                _ => {}
            }
        }
        self
    }
}

#[derive(Debug)]
pub(crate) struct Net {
    interface_up: bool,
    stack_up: bool,
    role: Role,
    join_existing: bool,
    /// When attaching ends, one way or another.
    attached_at: Option<Instant>,
    rloc16: u16,
    leader_id: u8,
    /// The router id of former times, kept over a reset of the stack.
    previous_id: Option<u8>,
    /// How long leading takes, the shortest and the longest.
    patience: (Duration, Duration),
    partition_id: u32,
    extended_address: [u8; 8],
    mesh_local_iid: [u8; 8],
    mesh_local_prefix: [u8; 8],
    mle: MleCounters,
}

/// CNTR_MLE_COUNTERS (protocol §3.10), of what can happen here.
#[derive(Clone, Copy, Debug, Default)]
struct MleCounters {
    disabled: u16,
    detached: u16,
    child: u16,
    router: u16,
    leader: u16,
    attempts: u16,
    partition_changes: u16,
    parent_changes: u16,
}

impl Net {
    pub(crate) fn new(identity: &Identity, mesh_local_prefix: [u8; 8]) -> Self {
        Net {
            interface_up: false,
            stack_up: false,
            role: Role::Disabled,
            join_existing: false,
            attached_at: None,
            rloc16: NO_RLOC16,
            leader_id: 0,
            previous_id: None,
            patience: LEADING,
            partition_id: 0,
            extended_address: identity.extended_address,
            mesh_local_iid: identity.mesh_local_iid,
            mesh_local_prefix,
            mle: MleCounters {
                disabled: 1,
                ..MleCounters::default()
            },
        }
    }

    pub(crate) const fn is_interface_up(&self) -> bool {
        self.interface_up
    }

    pub(crate) const fn is_stack_up(&self) -> bool {
        self.stack_up
    }

    pub(crate) const fn is_attached(&self) -> bool {
        !matches!(self.role, Role::Detached | Role::Disabled)
    }

    /// How long it asks for others, the shortest and the longest time, before it leads.
    pub(crate) fn set_patience(&mut self, patience: (Duration, Duration)) {
        self.patience = patience;
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// Router or leader.
    pub(crate) const fn is_router(&self) -> bool {
        matches!(self.role, Role::Router | Role::Leader)
    }

    /// Whether attaching has to end now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.attached_at.is_some_and(|at| at <= now)
    }

    /// Attaching may take until then.
    pub(crate) fn postpone(&mut self, until: Instant) {
        self.attached_at = self.attached_at.map(|at| at.max(until));
    }

    /// Whether it looks for a parent.
    pub(crate) const fn is_attaching(&self) -> bool {
        self.attached_at.is_some()
    }

    pub(crate) const fn wants_existing(&self) -> bool {
        self.join_existing
    }

    pub(crate) const fn partition_id(&self) -> u32 {
        self.partition_id
    }

    pub(crate) const fn leader_id(&self) -> u8 {
        self.leader_id
    }

    pub(crate) const fn extended_address(&self) -> [u8; 8] {
        self.extended_address
    }

    /// Brings the interface up, or down together with the stack.
    pub(crate) fn set_interface(&mut self, up: bool) {
        self.interface_up = up;
        if !up {
            self.stop();
        }
    }

    /// Starts attaching; nothing happens if the stack runs already.
    ///
    /// # Errors
    /// INVALID_STATE while the interface is down.
    pub(crate) fn start(&mut self, now: Instant, rng: &mut Rng) -> Result<(), Status> {
        if !self.interface_up {
            return Err(INVALID_STATE);
        }
        if !self.stack_up {
            self.stack_up = true;
            self.attach(now, rng);
        }
        Ok(())
    }

    pub(crate) fn stop(&mut self) {
        if self.stack_up {
            self.mle.disabled = self.mle.disabled.wrapping_add(1);
        }
        self.stack_up = false;
        self.detach();
        self.role = Role::Disabled;
        self.attached_at = None;
    }

    fn detach(&mut self) {
        self.role = Role::Detached;
        self.rloc16 = NO_RLOC16;
    }

    /// Loses its parent or partition, and looks for another until `until`.
    pub(crate) fn lose(&mut self, until: Instant) {
        self.detach();
        self.mle.detached = self.mle.detached.wrapping_add(1);
        self.search(until);
    }

    /// Attaching goes on until then, at the least.
    pub(crate) fn search(&mut self, until: Instant) {
        self.attached_at = Some(until);
        self.mle.attempts = self.mle.attempts.wrapping_add(1);
    }

    /// A parent took it: child `rloc16` of a partition.
    pub(crate) fn become_child(&mut self, rloc16: u16, partition_id: u32, leader_id: u8) {
        self.role = Role::Child;
        self.attached_at = None;
        self.mle.child = self.mle.child.wrapping_add(1);
        self.mle.parent_changes = self.mle.parent_changes.wrapping_add(1);
        if self.partition_id != partition_id {
            self.mle.partition_changes = self.mle.partition_changes.wrapping_add(1);
        }
        self.rloc16 = rloc16;
        self.partition_id = partition_id;
        self.leader_id = leader_id;
    }

    /// The leader gave the child a router id.
    pub(crate) fn become_router(&mut self, rloc16: u16) {
        self.role = Role::Router;
        self.mle.router = self.mle.router.wrapping_add(1);
        self.rloc16 = rloc16;
    }

    /// Forces a transition (SET of NET_ROLE). A role that does not exist is taken, and changes nothing.
    ///
    /// # Errors
    /// INVALID_STATE while the stack is down, and for a router's role, which a leader gives, or a leader's without a
    /// dataset.
    pub(crate) fn set_role(
        &mut self,
        role: u8,
        alone: Alone,
        now: Instant,
        rng: &mut Rng,
    ) -> Result<(), Status> {
        match role {
            0..=3 if !self.stack_up => return Err(INVALID_STATE),
            0 | 1 => self.attach(now, rng),
            2 if self.is_router() => {}
            2 => return Err(INVALID_STATE),
            3 if self.role != Role::Leader && alone == Alone::Searches => {
                return Err(INVALID_STATE);
            }
            3 => self.lead(None, rng),
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn set_join_existing(&mut self, join_existing: bool) {
        self.join_existing = join_existing;
    }

    pub(crate) fn set_extended_address(&mut self, address: [u8; 8]) {
        self.extended_address = address;
    }

    pub(crate) fn set_mesh_local_prefix(&mut self, prefix: [u8; 8]) {
        self.mesh_local_prefix = prefix;
    }

    pub(crate) fn clear_counters(&mut self) {
        self.mle = MleCounters::default();
    }

    /// Ends attaching when its time has come.
    pub(crate) fn poll(&mut self, now: Instant, alone: Alone, rng: &mut Rng) -> Option<Outcome> {
        if now < self.attached_at? {
            return None;
        }
        self.attached_at = None;
        if alone == Alone::Searches {
            self.search(now + self.patience.1);
            return None;
        }
        if self.join_existing {
            self.join_existing = false;
            self.stop();
            return Some(Outcome::JoinFailed);
        }
        self.lead(None, rng);
        Some(Outcome::Formed)
    }

    pub(crate) const fn poll_timeout(&self) -> Option<Instant> {
        self.attached_at
    }

    /// The RLOC16: the router's id and the child's, or 0xFFFE (no short address).
    pub(crate) const fn rloc16(&self) -> u16 {
        self.rloc16
    }

    /// Everything about the network that is a scalar property.
    pub(crate) fn properties(&self) -> Vec<(u32, Vec<u8>)> {
        let rloc16 = self.rloc16().to_le_bytes().to_vec();
        vec![
            (NET_IF_UP, vec![u8::from(self.interface_up)]),
            (NET_STACK_UP, vec![u8::from(self.stack_up)]),
            (NET_ROLE, vec![self.role as u8]),
            (NET_PARTITION_ID, self.partition_id.to_le_bytes().to_vec()),
            (
                NET_REQUIRE_JOIN_EXISTING,
                vec![u8::from(self.join_existing)],
            ),
            (THREAD_RLOC16, rloc16.clone()),
            (MAC_15_4_SADDR, rloc16),
            (THREAD_LEADER_ADDR, self.leader_address().to_vec()),
            (THREAD_LEADER_RID, vec![self.leader_id]),
            (IPV6_LL_ADDR, self.link_local().to_vec()),
            (IPV6_ML_ADDR, self.mesh_local(self.mesh_local_iid).to_vec()),
        ]
    }

    /// The unicast addresses that are the stack's own, as items of IPV6_ADDRESS_TABLE, with the anycast locators of
    /// the services that its host offers.
    pub(crate) fn addresses(&self, services: &[u8]) -> Vec<Vec<u8>> {
        let mut addresses = Vec::new();
        if self.interface_up {
            addresses.push(self.link_local());
        }
        if self.stack_up {
            addresses.push(self.mesh_local(self.mesh_local_iid));
        }
        if self.is_attached() {
            addresses.push(self.rloc());
        }
        if self.role == Role::Leader {
            addresses.push(self.mesh_local(locator(LEADER_ALOC16)));
        }
        if self.is_attached() {
            let aloc = |id: &u8| self.mesh_local(locator(SERVICE_ALOC16 + u16::from(*id)));
            addresses.extend(services.iter().map(aloc));
        }
        let for_ever = [[64].as_slice(), &[0xFF; 8]].concat();
        let item = |address: &Ipv6| [address.as_slice(), &for_ever].concat();
        addresses.iter().map(item).collect()
    }

    /// The multicast groups that are the stack's own.
    pub(crate) fn groups(&self) -> Vec<Vec<u8>> {
        if !self.interface_up {
            return Vec::new();
        }
        let well_known = [
            (LINK_LOCAL_SCOPE, 1),
            (REALM_LOCAL_SCOPE, 1),
            // All MPL forwarders.
            (REALM_LOCAL_SCOPE, 0xFC),
        ];
        let routers = [(LINK_LOCAL_SCOPE, 2), (REALM_LOCAL_SCOPE, 2)];
        let group = |(scope, id): &(u8, u8)| [[0xFF, *scope].as_slice(), &[0; 13], &[*id]].concat();
        // All Thread nodes, formed from the prefix (RFC 3306).
        let thread_nodes = |flags_and_scope: u8| {
            let head = [0xFF, flags_and_scope, 0, 64];
            [head.as_slice(), &self.mesh_local_prefix, &[0, 0, 0, 1]].concat()
        };
        let mut groups: Vec<_> = well_known.iter().map(group).collect();
        if self.stack_up {
            groups.extend([thread_nodes(0x32), thread_nodes(0x33)]);
        }
        if self.is_attached() {
            groups.extend(routers.iter().map(group));
        }
        groups
    }

    /// CNTR_MLE_COUNTERS.
    pub(crate) fn mle_counters(&self) -> Vec<u8> {
        let mle = &self.mle;
        let counters = [
            mle.disabled,
            mle.detached,
            mle.child,
            mle.router,
            mle.leader,
            mle.attempts,
            mle.partition_changes,
            0,
            mle.parent_changes,
        ];
        counters.iter().flat_map(|n| n.to_le_bytes()).collect()
    }

    fn attach(&mut self, now: Instant, rng: &mut Rng) {
        self.detach();
        self.mle.detached = self.mle.detached.wrapping_add(1);
        let (shortest, longest) = self.patience;
        let spread = (longest - shortest).as_millis() as u64;
        self.search(now + shortest + Duration::from_millis(rng.below(spread + 1)));
    }

    /// Becomes leader of a new partition, as the router that it is, or with an id that is random.
    pub(crate) fn lead(&mut self, router_id: Option<u8>, rng: &mut Rng) {
        self.attached_at = None;
        if self.role == Role::Leader {
            return;
        }
        self.role = Role::Leader;
        let random_id = rng.below(63) as u8;
        let id = router_id.or(self.previous_id).unwrap_or(random_id);
        self.leader_id = id.min(ROUTER_ID_MAX);
        self.previous_id = Some(self.leader_id);
        self.rloc16 = u16::from(self.leader_id) << 10;
        self.partition_id = rng.next_u64() as u32;
        self.mle.leader = self.mle.leader.wrapping_add(1);
        self.mle.partition_changes = self.mle.partition_changes.wrapping_add(1);
    }

    fn leader_address(&self) -> Ipv6 {
        match self.role {
            Role::Detached | Role::Disabled => self.rloc(),
            _ => self.locator(u16::from(self.leader_id) << 10),
        }
    }

    pub(crate) fn link_local(&self) -> Ipv6 {
        link_local(&self.extended_address)
    }

    /// The address of a locator in this network.
    pub(crate) fn locator(&self, rloc16: u16) -> Ipv6 {
        self.mesh_local(locator(rloc16))
    }

    fn rloc(&self) -> Ipv6 {
        self.mesh_local(locator(self.rloc16()))
    }

    fn mesh_local(&self, iid: [u8; 8]) -> Ipv6 {
        join(self.mesh_local_prefix, iid)
    }
}

/// The link-local address that belongs to an extended address.
pub(crate) fn link_local(extended_address: &[u8; 8]) -> Ipv6 {
    let mut iid = *extended_address;
    // The universal/local bit is inverted in an interface identifier (RFC 4291, appendix A).
    iid[0] ^= 0x02;
    join([0xFE, 0x80, 0, 0, 0, 0, 0, 0], iid)
}

/// The extended address that a link-local address was made of.
pub(crate) fn extended_address(link_local: &Ipv6) -> [u8; 8] {
    let mut address = [0; 8];
    address.copy_from_slice(&link_local[8..]);
    address[0] ^= 0x02;
    address
}

/// Whether an address is a routing or anycast locator (protocol §7.8).
pub(crate) fn is_locator(address: &Ipv6) -> bool {
    address[8..14] == [0, 0, 0, 0xFF, 0xFE, 0]
}

fn join(prefix: [u8; 8], iid: [u8; 8]) -> Ipv6 {
    let mut address = [0; 16];
    address[..8].copy_from_slice(&prefix);
    address[8..].copy_from_slice(&iid);
    address
}

/// The interface identifier of a locator, 0000:00ff:fe00:xxxx (protocol §7.8).
fn locator(rloc16: u16) -> [u8; 8] {
    let [high, low] = rloc16.to_be_bytes();
    [0, 0, 0, 0xFF, 0xFE, 0, high, low]
}

/// How long a node that has not been in a network asks for one before it leads: measured on OpenThread's
/// `ot-ncp-ftd`, 6 s to 7 s.
pub(crate) const LEADING: (Duration, Duration) =
    (Duration::from_millis(6_000), Duration::from_millis(7_000));
/// The same of a former router or leader: measured, 35 s.
pub(crate) const RESTORING: (Duration, Duration) =
    (Duration::from_millis(34_000), Duration::from_millis(36_000));
/// The same in a hurry (`sim:hurry`), so that nobody who tries something has to wait.
pub(crate) const HURRIED: (Duration, Duration) =
    (Duration::from_millis(1_500), Duration::from_millis(2_500));
/// The anycast locator of the leader (protocol §7.8).
const LEADER_ALOC16: u16 = 0xFC00;
/// That of the service with id 0.
const SERVICE_ALOC16: u16 = 0xFC10;
const LINK_LOCAL_SCOPE: u8 = 0x02;
const REALM_LOCAL_SCOPE: u8 = 0x03;
/// No short address.
pub(crate) const NO_RLOC16: u16 = 0xFFFE;
/// A Thread network has at most 63 routers, 0..=62.
pub(crate) const ROUTER_ID_MAX: u8 = 62;

#[cfg(test)]
mod tests;
