//! The Thread side: interface, stack, role and addresses. It is alone on its channel, so a start ends
//! with a network of one, led by itself, and joining somebody else's fails.
//!
//! The only thing that takes time is attaching: 1.5 s to 2.5 s, chosen by the seed. It is what an
//! OpenThread router takes to ask for a parent twice, in vain, before it becomes leader.

use super::numbers::*;
use super::ping::Ipv6;
use super::store::{pack, Status};
use crate::sim::rng::Rng;
use crate::time::{Duration, Instant};

/// Values of NET_ROLE (protocol §4.7). A stopped stack says DETACHED, as older firmware does:
/// spinel-cli falls over the newer 4 (DISABLED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Detached = 0,
    Leader = 3,
}

/// How attaching ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Leader of a new partition.
    Formed,
    /// Nobody to join, as NET_REQUIRE_JOIN_EXISTING demanded: the stack is down again.
    JoinFailed,
}

/// What does not change with a reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The factory EUI-64.
    pub(super) eui64: [u8; 8],
    /// The extended address in use.
    pub(super) extended_address: [u8; 8],
    /// The interface identifier of the mesh-local endpoint identifier.
    pub(super) mesh_local_iid: [u8; 8],
}

impl Identity {
    pub(super) fn random(rng: &mut Rng) -> Self {
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

#[derive(Debug)]
pub(super) struct Net {
    interface_up: bool,
    stack_up: bool,
    role: Role,
    join_existing: bool,
    attached_at: Option<Instant>,
    router_id: u8,
    partition_id: u32,
    preferred_partition_id: Option<u32>,
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
    leader: u16,
    attempts: u16,
    partition_changes: u16,
}

impl Net {
    pub(super) fn new(identity: &Identity, mesh_local_prefix: [u8; 8]) -> Self {
        Net {
            interface_up: false,
            stack_up: false,
            role: Role::Detached,
            join_existing: false,
            attached_at: None,
            router_id: 0,
            partition_id: 0,
            preferred_partition_id: None,
            extended_address: identity.extended_address,
            mesh_local_iid: identity.mesh_local_iid,
            mesh_local_prefix,
            mle: MleCounters {
                disabled: 1,
                ..MleCounters::default()
            },
        }
    }

    pub(super) const fn is_interface_up(&self) -> bool {
        self.interface_up
    }

    pub(super) const fn is_stack_up(&self) -> bool {
        self.stack_up
    }

    pub(super) fn is_attached(&self) -> bool {
        self.role == Role::Leader
    }

    /// Brings the interface up, or down together with the stack.
    pub(super) fn set_interface(&mut self, up: bool) {
        self.interface_up = up;
        if !up {
            self.stop();
        }
    }

    /// Starts attaching; nothing happens if the stack runs already.
    ///
    /// # Errors
    /// INVALID_STATE while the interface is down.
    pub(super) fn start(&mut self, now: Instant, rng: &mut Rng) -> Result<(), Status> {
        if !self.interface_up {
            return Err(INVALID_STATE);
        }
        if !self.stack_up {
            self.stack_up = true;
            self.attach(now, rng);
        }
        Ok(())
    }

    pub(super) fn stop(&mut self) {
        if self.stack_up {
            self.mle.disabled += 1;
        }
        self.stack_up = false;
        self.role = Role::Detached;
        self.attached_at = None;
    }

    /// Forces a transition (SET of NET_ROLE).
    ///
    /// # Errors
    /// INVALID_STATE while the stack is down, and for a router's role: there is no partition to be
    /// a router of. INVALID_ARGUMENT for a role that does not exist.
    pub(super) fn set_role(&mut self, role: u8, now: Instant, rng: &mut Rng) -> Result<(), Status> {
        if !self.stack_up {
            return Err(INVALID_STATE);
        }
        match role {
            0 | 1 => self.attach(now, rng),
            2 => return Err(INVALID_STATE),
            3 => self.lead(rng),
            _ => return Err(INVALID_ARGUMENT),
        }
        Ok(())
    }

    pub(super) fn set_join_existing(&mut self, join_existing: bool) {
        self.join_existing = join_existing;
    }

    pub(super) fn set_extended_address(&mut self, address: [u8; 8]) {
        self.extended_address = address;
    }

    pub(super) fn set_mesh_local_prefix(&mut self, prefix: [u8; 8]) {
        self.mesh_local_prefix = prefix;
    }

    /// The partition id to take as a leader.
    pub(super) fn set_preferred_partition_id(&mut self, partition_id: u32) {
        self.preferred_partition_id = Some(partition_id);
    }

    pub(super) fn clear_counters(&mut self) {
        self.mle = MleCounters::default();
    }

    /// Ends attaching when its time has come.
    pub(super) fn poll(&mut self, now: Instant, rng: &mut Rng) -> Option<Outcome> {
        if now < self.attached_at? {
            return None;
        }
        self.attached_at = None;
        if self.join_existing {
            self.join_existing = false;
            self.stop();
            return Some(Outcome::JoinFailed);
        }
        self.lead(rng);
        Some(Outcome::Formed)
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        self.attached_at
    }

    /// The RLOC16: the router's id, or 0xFFFE (no short address).
    pub(super) fn rloc16(&self) -> u16 {
        if self.is_attached() {
            u16::from(self.router_id) << 10
        } else {
            0xFFFE
        }
    }

    /// Everything about the network that is a scalar property.
    pub(super) fn properties(&self) -> Vec<(u32, Vec<u8>)> {
        let rloc16 = self.rloc16().to_le_bytes().to_vec();
        vec![
            (PHY_ENABLED, vec![u8::from(self.interface_up)]),
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
            (THREAD_LEADER_ADDR, self.rloc().to_vec()),
            (THREAD_LEADER_RID, vec![self.router_id]),
            (THREAD_ROUTER_TABLE, self.router_table()),
            (IPV6_LL_ADDR, self.link_local().to_vec()),
            (IPV6_ML_ADDR, self.mesh_local(self.mesh_local_iid).to_vec()),
        ]
    }

    /// The unicast addresses that are the stack's own, as items of IPV6_ADDRESS_TABLE.
    pub(super) fn addresses(&self) -> Vec<Vec<u8>> {
        let mut addresses = Vec::new();
        if self.interface_up {
            addresses.push(self.link_local());
            addresses.push(self.mesh_local(self.mesh_local_iid));
        }
        if self.is_attached() {
            addresses.push(self.rloc());
            addresses.push(self.mesh_local(locator(LEADER_ALOC16)));
        }
        let for_ever = [[64].as_slice(), &[0xFF; 8]].concat();
        let item = |address: &Ipv6| [address.as_slice(), &for_ever].concat();
        addresses.iter().map(item).collect()
    }

    /// The multicast groups that are the stack's own.
    pub(super) fn groups(&self) -> Vec<Vec<u8>> {
        if !self.interface_up {
            return Vec::new();
        }
        let well_known = [
            (LINK_LOCAL_SCOPE, 1),
            (LINK_LOCAL_SCOPE, 2),
            (REALM_LOCAL_SCOPE, 1),
            (REALM_LOCAL_SCOPE, 2),
            // All MPL forwarders.
            (REALM_LOCAL_SCOPE, 0xFC),
        ];
        let group = |(scope, id): &(u8, u8)| [[0xFF, *scope].as_slice(), &[0; 13], &[*id]].concat();
        // All Thread nodes, formed from the prefix (RFC 3306).
        let thread_nodes = |flags_and_scope: u8| {
            let head = [0xFF, flags_and_scope, 0, 64];
            [head.as_slice(), &self.mesh_local_prefix, &[0, 0, 0, 1]].concat()
        };
        let mut groups: Vec<_> = well_known.iter().map(group).collect();
        groups.extend([thread_nodes(0x32), thread_nodes(0x33)]);
        groups
    }

    /// CNTR_MLE_COUNTERS.
    pub(super) fn mle_counters(&self) -> Vec<u8> {
        let mle = &self.mle;
        let counters = [
            mle.disabled,
            mle.detached,
            0,
            0,
            mle.leader,
            mle.attempts,
            mle.partition_changes,
            0,
            0,
        ];
        counters.iter().flat_map(|n| n.to_le_bytes()).collect()
    }

    fn attach(&mut self, now: Instant, rng: &mut Rng) {
        self.role = Role::Detached;
        self.mle.detached = self.mle.detached.wrapping_add(1);
        self.mle.attempts = self.mle.attempts.wrapping_add(1);
        let spread = Duration::from_millis(rng.below(ATTACH_SPREAD_MS + 1));
        self.attached_at = Some(now + ATTACH_MIN + spread);
    }

    fn lead(&mut self, rng: &mut Rng) {
        self.attached_at = None;
        if self.role == Role::Leader {
            return;
        }
        self.role = Role::Leader;
        self.router_id = rng.below(63) as u8;
        let random = rng.next_u64() as u32;
        self.partition_id = self.preferred_partition_id.unwrap_or(random);
        self.mle.leader = self.mle.leader.wrapping_add(1);
        self.mle.partition_changes = self.mle.partition_changes.wrapping_add(1);
    }

    /// `A(t(ESCCCCCCb))`: this router alone, its own next hop.
    fn router_table(&self) -> Vec<u8> {
        if !self.is_attached() {
            return Vec::new();
        }
        pack(|w| {
            w.structure(|router| {
                router.data(&self.extended_address)?;
                router.uint16(self.rloc16())?;
                router.uint8(self.router_id)?;
                router.data(&[NO_NEXT_HOP, 0, 0, 0, 0, 0])
            })
        })
    }

    fn link_local(&self) -> Ipv6 {
        let mut iid = self.extended_address;
        // The universal/local bit is inverted in an interface identifier (RFC 4291, appendix A).
        iid[0] ^= 0x02;
        join([0xFE, 0x80, 0, 0, 0, 0, 0, 0], iid)
    }

    fn rloc(&self) -> Ipv6 {
        self.mesh_local(locator(self.rloc16()))
    }

    fn mesh_local(&self, iid: [u8; 8]) -> Ipv6 {
        join(self.mesh_local_prefix, iid)
    }
}

/// The Thread network data of a list of on-mesh prefixes: prefix TLVs, each with the border router
/// `rloc16`. Only the stable ones if `stable_only`.
pub(super) fn network_data<'a>(
    on_mesh_nets: impl Iterator<Item = &'a [u8]>,
    rloc16: u16,
    stable_only: bool,
) -> Vec<u8> {
    let mut tlvs = Vec::new();
    for net in on_mesh_nets {
        // `6CbC..`, checked when it was inserted.
        let (bits, stable, flags) = match net.get(16..19) {
            Some([bits, stable, flags]) => (*bits, *stable, *flags),
            _ => continue,
        };
        let prefix = &net[..(usize::from(bits.min(128)) + 7) / 8];
        let [high, low] = rloc16.to_be_bytes();
        let entry = [2 << 1 | stable, 4, high, low, flags, 0];
        let length = (2 + prefix.len() + entry.len()) as u8;
        let tlv = [&[1 << 1 | stable, length, 0, bits], prefix, &entry].concat();
        if (stable == 1 || !stable_only) && tlvs.len() + tlv.len() <= NETWORK_DATA_MAX {
            tlvs.extend(tlv);
        }
    }
    tlvs
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

/// See the module documentation.
const ATTACH_MIN: Duration = Duration::from_millis(1_500);
const ATTACH_SPREAD_MS: u64 = 1_000;
/// The anycast locator of the leader (protocol §7.8).
const LEADER_ALOC16: u16 = 0xFC00;
const LINK_LOCAL_SCOPE: u8 = 0x02;
const REALM_LOCAL_SCOPE: u8 = 0x03;
/// The router id that OpenThread shows where there is no next hop.
const NO_NEXT_HOP: u8 = 63;
/// Thread's limit for network data.
const NETWORK_DATA_MAX: usize = 254;

#[cfg(test)]
mod tests {
    use super::*;

    fn net() -> (Net, Rng) {
        let mut rng = Rng::new(7);
        let identity = Identity::random(&mut rng);
        (
            Net::new(&identity, [0xFD, 0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0]),
            rng,
        )
    }

    #[test]
    fn leads_after_a_while() {
        let (mut net, mut rng) = net();
        assert_eq!(net.start(Instant::ZERO, &mut rng), Err(INVALID_STATE));
        net.set_interface(true);
        assert_eq!(net.addresses().len(), 2);
        net.start(Instant::ZERO, &mut rng).unwrap();
        let at = net.poll_timeout().unwrap();
        assert!((1_500_000..=2_500_000).contains(&at.as_micros()));
        assert_eq!(net.poll(at - Duration::from_micros(1), &mut rng), None);
        assert_eq!(net.poll(at, &mut rng), Some(Outcome::Formed));
        assert_eq!(net.poll_timeout(), None);
        assert_eq!(net.addresses().len(), 4);
        assert_eq!(
            net.addresses()[3][..16],
            [0xFD, 0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0, 0, 0, 0, 0xFF, 0xFE, 0, 0xFC, 0]
        );
        net.set_interface(false);
        assert!(!net.is_stack_up() && net.addresses().is_empty() && net.groups().is_empty());
    }

    #[test]
    fn the_link_local_address_follows_the_extended_address() {
        let (mut net, _) = net();
        net.set_extended_address([0x02, 0x12, 0x4B, 0, 1, 2, 3, 4]);
        net.set_interface(true);
        assert_eq!(
            net.addresses()[0][..16],
            [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0x00, 0x12, 0x4B, 0, 1, 2, 3, 4]
        );
    }

    #[test]
    fn finds_nobody_to_join() {
        let (mut net, mut rng) = net();
        net.set_interface(true);
        net.set_join_existing(true);
        net.start(Instant::ZERO, &mut rng).unwrap();
        let at = net.poll_timeout().unwrap();
        assert_eq!(net.poll(at, &mut rng), Some(Outcome::JoinFailed));
        assert!(!net.is_stack_up() && !net.is_attached());
    }

    #[test]
    fn network_data_of_one_prefix() {
        let mut item = [0; 23];
        item[..4].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
        item[16..19].copy_from_slice(&[64, 1, 0x31]);
        let expected = [
            0x03, 0x10, 0x00, 0x40, 0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0x05, 0x04, 0x04, 0x00,
            0x31, 0x00,
        ];
        let items = [item.as_slice()];
        assert_eq!(network_data(items.into_iter(), 0x0400, true), expected);
        item[17] = 0;
        let items = [item.as_slice()];
        assert_eq!(network_data(items.into_iter(), 0x0400, true), []);
    }
}
