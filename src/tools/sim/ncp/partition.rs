//! This node in its network, after Thread: what it says, what it hears, and whom it loses (how one gets there:
//! `roles`). Each node announces its role, its addresses and its network data every two seconds, and that is
//! what the tables show.

use super::spinel::numbers::*;
use super::spinel::updates::Update;
use super::tables::leader_prefixes;
use super::thread::mesh::{LeaderData, SEARCH, SILENCE_S};
use super::thread::mle::{self, Message};
use super::thread::net::{self, Role};
use super::thread::netdata;
use super::thread::ping;
use super::Ncp;
use crate::sim::radio::mac::{self, Address};
use crate::time::{Duration, Instant};

impl Ncp {
    /// Lets the network do what is due.
    pub(super) fn advance_mesh(&mut self, now: Instant) {
        if !self.air.has_radio() || !self.net.is_stack_up() {
            return;
        }
        self.forget_the_silent(now);
        self.advance_attach(now);
        if self.mesh.takes_announcement(now) {
            self.announce(now);
        }
        if self.mesh.upgrade_at.is_some_and(|at| at <= now) {
            self.mesh.upgrade_at = None;
            self.ask_for_router_id(now);
        }
        if self.mesh.leader_until.is_some_and(|at| at <= now) {
            self.mesh.leader_until = None;
            self.take_over(now);
        }
    }

    /// Forgets everything that belongs to a partition.
    pub(super) fn leave_mesh(&mut self) {
        for member in self.mesh.leave() {
            if member.is_child() {
                self.tell_child(CMD_VALUE_REMOVED, &member);
            }
        }
        self.gather_network_data();
    }

    /// It became part of a partition: whoever is there shall know.
    pub(super) fn settle(&mut self, now: Instant) {
        self.mesh.attach = None;
        self.mesh.leader_until = None;
        if self.air.has_radio() {
            self.mesh.announce_from(now);
        }
        if self.net.role() != Role::Child {
            self.mesh.parent = None;
            self.mesh.upgrade_at = None;
        }
    }

    fn forget_the_silent(&mut self, now: Instant) {
        while let Some(address) = self.mesh.silent(now) {
            self.forget(address);
            if self.mesh.parent == Some(address) {
                return self.lose(now, SEARCH);
            }
        }
    }

    /// A node is no member any more.
    pub(super) fn forget(&mut self, address: [u8; 8]) {
        let Some(member) = self.mesh.remove(address) else {
            return;
        };
        if member.is_child() {
            self.tell_child(CMD_VALUE_REMOVED, &member);
        }
        if !member.entries.is_empty() {
            self.gather_network_data();
        }
    }

    /// Sends an IPv6 packet of this node or its host to whoever it is for; says whether there is one.
    pub(super) fn send_to_mesh(&mut self, now: Instant, packet: &[u8]) -> bool {
        let Some(destination) = ping::destination(packet) else {
            return false;
        };
        let to = match ping::is_multicast(&destination) {
            true => Address::Short(mac::BROADCAST),
            false => match self.mesh.next_hop(&destination) {
                Some(address) => Address::Extended(address),
                None => return false,
            },
        };
        let channel = self.store.uint8(PHY_CHAN);
        let panid = self.store.uint16(MAC_15_4_PANID);
        self.send_packet(now, channel, panid, to, packet);
        true
    }

    /// Sends a message under the network key, to one node or to all.
    pub(super) fn say(&mut self, now: Instant, message: &Message, to: Option<[u8; 8]>) {
        let key = self.store.array(NET_NETWORK_KEY);
        let place = (
            self.store.uint8(PHY_CHAN),
            self.store.uint16(MAC_15_4_PANID),
        );
        self.say_with(now, message, to, Some(&key), place);
    }

    /// Sends a message under a key, or none, to a channel and PAN.
    pub(super) fn say_with(
        &mut self,
        now: Instant,
        message: &Message,
        to: Option<[u8; 8]>,
        key: Option<&[u8; 16]>,
        (channel, panid): (u8, u16),
    ) {
        let (address, destination) = match to {
            Some(to) => (net::link_local(&to), Address::Extended(to)),
            None => (mle::ALL_NODES, Address::Short(mac::BROADCAST)),
        };
        let packet = message.to_packet(&self.net.link_local(), &address, key);
        self.send_packet(now, channel, panid, destination, &packet);
    }

    /// A whole packet from the air.
    pub(super) fn hear_packet(
        &mut self,
        now: Instant,
        channel: u8,
        rssi: i8,
        source: [u8; 8],
        panid: u16,
        packet: &[u8],
    ) {
        let key = self.store.array(NET_NETWORK_KEY);
        let Some((from, message, checked)) = mle::parse(packet, &key) else {
            return self.hear_data(now, source, packet);
        };
        if net::extended_address(&from) != source {
            return;
        }
        match message.command {
            mle::DISCOVERY_REQUEST => self.answer_discovery(now, channel, source),
            mle::DISCOVERY_RESPONSE => self.discovered(channel, rssi, source, panid, &message),
            mle::JOIN_REQUEST => self.answer_join_request(now, source, packet, &message),
            mle::JOIN_ENTRUST | mle::JOIN_REJECT => self.join_answered(source, packet, &message),
            _ if !self.net.is_stack_up() => {}
            _ if checked => self.hear_message(now, source, rssi, &message),
            _ => self.store.count(CNTR_RX_ERR_SECURITY, 1),
        }
    }

    fn hear_data(&mut self, now: Instant, source: [u8; 8], packet: &[u8]) {
        if !self.net.is_attached() {
            return;
        }
        if self.mesh.find(&source).is_none() {
            return self.store.count(CNTR_RX_ERR_UKWN_NBR, 1);
        }
        self.deliver(now, packet);
    }

    fn hear_message(&mut self, now: Instant, source: [u8; 8], rssi: i8, message: &Message) {
        match message.command {
            mle::PARENT_REQUEST => self.answer_parent_request(now, source, message),
            mle::PARENT_RESPONSE => self.consider_parent(source, rssi, message),
            mle::CHILD_ID_REQUEST => self.adopt(now, source, rssi, message),
            mle::CHILD_ID_RESPONSE => {
                // Nothing to do if it is not whom we asked, or incomplete.
                let _ = self.adopted(now, source, message);
            }
            mle::ADVERTISEMENT | mle::CHILD_UPDATE => {
                let _ = self.hear_announcement(now, source, rssi, message);
            }
            mle::ROUTER_ID_REQUEST => self.give_router_id(now, source),
            mle::ROUTER_ID_RESPONSE => self.take_router_id(now, source, message),
            _ => {}
        }
    }

    /// A message with source address and leader data.
    pub(super) fn about_us(&self, command: u8) -> Message {
        let [a, b, c, d] = self.net.partition_id().to_be_bytes();
        let version = self.store.uint8(THREAD_NETWORK_DATA_VERSION);
        let stable = self.store.uint8(THREAD_STABLE_NETWORK_DATA_VERSION);
        let weight = self.store.uint8(THREAD_LOCAL_LEADER_WEIGHT);
        let leader = [a, b, c, d, weight, version, stable, self.net.leader_id()];
        Message::new(command)
            .with(mle::SOURCE_ADDRESS, &self.net.rloc16().to_be_bytes())
            .with(mle::LEADER_DATA, &leader)
    }

    pub(super) fn expect_leader(&mut self, now: Instant) {
        if self.net.role() == Role::Router {
            let timeout = self.store.uint8(THREAD_NETWORK_ID_TIMEOUT).max(SILENCE_S);
            self.mesh.leader_until = Some(now + Duration::from_secs(timeout.into()));
        }
    }

    /// Tells everyone who we are, and what we have.
    pub(super) fn announce(&mut self, now: Instant) {
        let message = self.announcement(self.net.role());
        self.say(now, &message, None);
    }

    fn announcement(&self, role: Role) -> Message {
        let command = match role {
            Role::Child | Role::Detached | Role::Disabled => mle::CHILD_UPDATE,
            Role::Router | Role::Leader => mle::ADVERTISEMENT,
        };
        let timeout = self.store.uint32(THREAD_CHILD_TIMEOUT).to_be_bytes();
        let mut message = self
            .about_us(command)
            .with(mle::ROLE, &[role as u8])
            .with(mle::MODE, &[self.store.uint8(THREAD_MODE)])
            .with(mle::TIMEOUT, &timeout);
        let addresses: Vec<_> = self.store.items(IPV6_ADDRESS_TABLE).collect();
        for some in addresses.chunks(mle::TLV_MAX / 16) {
            let addresses = some.iter().filter_map(|item| item.get(..16));
            let octets: Vec<u8> = addresses.flatten().copied().collect();
            message = message.with(mle::ADDRESSES, &octets);
        }
        let data = netdata::encode(self.mesh.registered.iter(), false);
        message.with(mle::NETWORK_DATA, &data)
    }

    /// Says goodbye, where anybody listens.
    pub(super) fn say_goodbye(&mut self, now: Instant) {
        if self.air.has_radio() && self.net.is_attached() {
            let message = self.announcement(Role::Detached);
            self.say(now, &message, None);
        }
    }

    fn hear_announcement(
        &mut self,
        now: Instant,
        source: [u8; 8],
        rssi: i8,
        message: &Message,
    ) -> Option<()> {
        let data = LeaderData::of(message)?;
        let [role] = message.array(mle::ROLE)?;
        let rloc16 = u16::from_be_bytes(message.array(mle::SOURCE_ADDRESS)?);
        if !self.net.is_attached() {
            return None;
        }
        let ours = data.partition_id == self.net.partition_id();
        if role == Role::Detached as u8 || !ours {
            self.forget(source);
            if self.mesh.parent == Some(source) {
                self.lose(now, SEARCH);
            } else if !ours && role >= Role::Router as u8 {
                self.merge(now, data.partition_id);
            }
            return None;
        }
        if role == Role::Leader as u8 {
            self.expect_leader(now);
        }
        self.release_child(source, role, rloc16);
        let [mode] = message.array(mle::MODE)?;
        let timeout = message.array(mle::TIMEOUT).map_or(0, u32::from_be_bytes);
        let member = self.mesh.member_or_new(source, now)?;
        let timeout = Duration::from_secs(timeout.into());
        member.child_timeout = member.child_timeout.map(|_| timeout);
        (member.rloc16, member.role, member.mode) = (rloc16, role, mode);
        (member.rssi, member.heard_at) = (rssi, now);
        let addresses = message.all(mle::ADDRESSES).flat_map(|a| a.chunks_exact(16));
        member.addresses = addresses
            .filter_map(|address| address.try_into().ok())
            .collect();
        let data = message.get(mle::NETWORK_DATA).unwrap_or(&[]);
        if member.data != data {
            member.data = data.to_vec();
            member.entries = netdata::parse(data);
            self.gather_network_data();
        }
        Some(())
    }

    /// A child that became a router, or somebody else's child, is ours no more.
    fn release_child(&mut self, source: [u8; 8], role: u8, rloc16: u16) {
        let known = self.mesh.members.iter_mut().find(|m| m.address == source);
        let Some(member) = known.filter(|member| member.is_child()) else {
            return;
        };
        if role != Role::Child as u8 || rloc16 != member.rloc16 {
            let child = member.clone();
            member.child_timeout = None;
            self.tell_child(CMD_VALUE_REMOVED, &child);
        }
    }

    /// Works out all network data from what everyone offers.
    pub(super) fn gather_network_data(&mut self) {
        let own = |items: Vec<Vec<u8>>, id, ncp: &mut Ncp| {
            if ncp.store.put_own(id, items) && ncp.net.is_attached() {
                ncp.updates.mark(Update::Property(id));
            }
        };
        let (nets, routes) = leader_prefixes(self.mesh.entries(), self.net.rloc16());
        own(nets, THREAD_ON_MESH_NETS, self);
        own(routes, THREAD_OFF_MESH_ROUTES, self);
        let full = netdata::encode(self.mesh.entries(), false);
        let stable = netdata::encode(self.mesh.entries(), true);
        // The session of the last commissioner, which every leader's data begins with.
        let session = self.net.partition_id().to_le_bytes();
        let head = [COMMISSIONING_DATA, 4, SESSION_ID, 2, session[0], session[1]];
        let head = Some(head.as_slice()).filter(|_| self.net.is_attached());
        self.put_network_data(head.unwrap_or(&[]), &full, &stable);
    }
}

/// TLVs of network data and of MeshCoP (Thread specification, sections 5.18.6 and 8.10).
const COMMISSIONING_DATA: u8 = 4 << 1;
const SESSION_ID: u8 = 11;
