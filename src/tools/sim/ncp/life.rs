//! What happens by and by: attaching, IPv6 packets, scans.

use super::spinel::dataset;
use super::spinel::numbers::*;
use super::spinel::store::Store;
use super::spinel::updates::{Found, Update};
use super::thread::net::{Alone, Outcome, Role};
use super::thread::ping::{self, Addresses, Ipv6};
use super::thread::scan::{Kind, Neighbour, Scan};
use super::{Ncp, FOUND_MAX};
use crate::sim::radio::mac::{self, Address, Header};
use crate::time::Instant;

impl Ncp {
    /// Lets happen what is due at `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        self.advance_air(now);
        let outcome = match self.postpones_leading(now) {
            true => None,
            false => self.net.poll(now, self.alone(), &mut self.rng),
        };
        match outcome {
            Some(Outcome::Formed) => {
                self.settle(now);
                self.publish();
            }
            Some(Outcome::JoinFailed) => {
                self.leave_mesh();
                self.publish();
                self.updates.mark(Update::Property(NET_STACK_UP));
                self.updates
                    .mark(Update::Property(NET_REQUIRE_JOIN_EXISTING));
                self.updates.mark(Update::Status(JOIN_FAILURE));
            }
            None => {}
        }
        self.advance_mesh(now);
        self.advance_commissioning(now);
        self.advance_jam(now);
        self.advance_migration(now);
        self.advance_scan(now);
    }

    /// What becomes of it when it finds nobody: only a whole dataset can be led, or one that AUTO_INIT makes.
    pub(super) fn alone(&self) -> Alone {
        let dataset = match self.active.is_empty() {
            true => self.variant.auto_init,
            false => dataset::is_complete(&self.active),
        };
        let may = !self.net.wants_existing() || self.variant.auto_init;
        match dataset && may && self.can_route() {
            true => Alone::Leads,
            false => Alone::Searches,
        }
    }

    pub(super) fn start(&mut self, now: Instant) -> Result<(), Status> {
        // OpenThread starts no stack while it listens to everything.
        if self.store.uint8(MAC_PROMISCUOUS_MODE) != 0 {
            return Err(INVALID_STATE);
        }
        let was_up = self.net.is_stack_up();
        self.net.start(now, &mut self.rng)?;
        if self.store.uint16(MAC_15_4_PANID) == PANID_BROADCAST {
            let panid = self.rng.below(u64::from(PANID_BROADCAST)) as u16;
            self.put(MAC_15_4_PANID, &panid.to_le_bytes());
        }
        if !was_up {
            self.start_attach(now);
        }
        self.publish();
        if !was_up {
            // Detached is what it was; a start is told all the same (protocol §7.5).
            self.updates.mark(Update::Property(NET_ROLE));
        }
        Ok(())
    }

    pub(super) fn stop(&mut self) {
        self.net.stop();
        self.leave_mesh();
        self.stop_commissioner();
        self.publish();
    }

    pub(super) fn set_interface(&mut self, now: Instant, up: bool) {
        let was_up = self.net.is_interface_up();
        if !up {
            self.say_goodbye(now);
        }
        self.net.set_interface(up);
        if up && !was_up {
            self.updates.mark(Update::Property(IPV6_LL_ADDR));
        }
        if !up {
            self.packets.clear();
            self.end_joining(0, None);
            self.stop();
        }
        self.publish();
    }

    /// Forces a transition (SET of NET_ROLE).
    pub(super) fn set_role(&mut self, now: Instant, role: u8) -> Result<(), Status> {
        if role == Role::Router as u8 && self.net.role() == Role::Child {
            self.ask_for_router_id(now);
            return Ok(());
        }
        let before = self.net.role();
        self.net.set_role(role, self.alone(), now, &mut self.rng)?;
        if self.net.is_attaching() {
            self.start_attach(now);
        } else if self.net.role() != before {
            self.leave_mesh();
            self.settle(now);
        }
        self.publish();
        Ok(())
    }

    /// A router that must not be one looks for a parent (protocol §3.7, property 5383).
    pub(super) fn reconsider_role(&mut self, now: Instant) {
        let allowed = self.store.uint8(THREAD_ROUTER_ROLE_ENABLED) == 1;
        if !allowed && self.air.has_radio() && self.net.is_router() {
            // The stack is up, so this cannot fail.
            let _ = self.set_role(now, Role::Child as u8);
        }
    }

    /// Keeps what has to be there after a reset: a dataset where AUTO_INIT makes one, and what this node was.
    fn save(&mut self) {
        let led = self.net.is_router();
        if self.active.is_empty() {
            self.active = dataset::from_store(&self.store);
        } else if self.was_router || !led {
            return;
        }
        self.was_router |= led;
        self.remember();
    }

    /// Copies the state of the network to the properties that show it.
    pub(super) fn publish(&mut self) {
        for (id, value) in self.net.properties() {
            // Nobody is told these two: whoever sets them knows, and the role says the rest.
            if [NET_STACK_UP, NET_REQUIRE_JOIN_EXISTING].contains(&id) {
                self.store.put(id, &value);
            } else {
                self.put(id, &value);
            }
        }
        self.publish_addresses();
        self.store.stamp(self.net.rloc16());
        self.mesh.hurry();
        if self.net.is_attached() {
            self.save();
            // What is being changed is registered when the gate falls.
            if self.store.uint8(THREAD_ALLOW_LOCAL_NET_DATA_CHANGE) == 0 {
                self.register_network_data();
            }
        }
    }

    pub(super) fn publish_addresses(&mut self) {
        let addresses = self.net.addresses(&self.own_service_ids());
        for (id, own) in [
            (IPV6_ADDRESS_TABLE, addresses),
            (IPV6_MULTICAST_ADDRESS_TABLE, self.net.groups()),
        ] {
            if self.store.put_own(id, own) {
                self.updates.mark(Update::Property(id));
            }
        }
    }

    /// Takes a packet from the host; the answer, if any, comes back on `stream`.
    pub(super) fn datagram(
        &mut self,
        now: Instant,
        packet: &[u8],
        tx: u32,
        rx: u32,
        stream: u32,
    ) -> Result<(), Status> {
        let outcome = match () {
            // OpenThread finds no buffer for what is no packet.
            () if ping::destination(packet).is_none() => Err(NOMEM),
            () if !self.net.is_interface_up() => Err(INVALID_STATE),
            () => self.answer_host(now, packet, stream),
        };
        let answer = match outcome {
            Ok(answer) => answer,
            Err(status) => {
                self.store.count(CNTR_TX_IP_DROPPED, 1);
                self.store.count(CNTR_IP_TX_FAILURE, 1);
                return Err(status);
            }
        };
        self.store.count(tx, 1);
        self.store.count(CNTR_IP_TX_SUCCESS, 1);
        if let Some(answer) = answer {
            self.push_packet(stream, rx, &answer);
        }
        Ok(())
    }

    /// What this node itself says to a packet of its host; the mesh gets it if it is for somebody
    /// else.
    fn answer_host(
        &mut self,
        now: Instant,
        packet: &[u8],
        stream: u32,
    ) -> Result<Option<Vec<u8>>, Status> {
        let answer = ping::answer(packet, &OwnAddresses(&self.store)).map_err(|_| DROPPED)?;
        if !self.air.has_radio() {
            if answer.is_none() {
                self.count_radio(&[CNTR_TX_PKT_DATA, CNTR_TX_PKT_BROADCAST], 1);
            }
            return Ok(answer);
        }
        let multicast = packet.get(24) == Some(&0xFF);
        if answer.is_some() && !multicast {
            return Ok(answer);
        }
        if stream == STREAM_NET_INSECURE {
            // Nobody here listens to what is not secured.
            return Ok(None);
        }
        if !self.net.is_attached() {
            return Err(DROPPED);
        }
        self.send_to_mesh(now, packet);
        Ok(answer.filter(|_| self.answers_echo(multicast, false)))
    }

    /// The answer to a ping from the mesh, if it is one.
    pub(super) fn echo_answer(&self, packet: &[u8]) -> Option<Vec<u8>> {
        ping::answer(packet, &OwnAddresses(&self.store)).ok()?
    }

    /// Counts `n` frames on the air that nobody acknowledges, of the given kinds.
    pub(super) fn count_radio(&mut self, kinds: &[u32], n: u32) {
        for id in [CNTR_TX_PKT_TOTAL, CNTR_TX_PKT_NO_ACK_REQ]
            .iter()
            .chain(kinds)
        {
            self.store.count(*id, n);
        }
    }

    /// Starts a scan. Writing IDLE is no error and stops nothing (errata E19).
    pub(super) fn start_scan(&mut self, now: Instant, state: u8) -> Result<(), Status> {
        let kind = match Kind::from_state(state) {
            Some(kind) => kind,
            None => return Ok(()),
        };
        if self.scan.is_some() {
            return Err(BUSY);
        }
        if kind == Kind::Discover && !self.net.is_interface_up() {
            return Err(INVALID_STATE);
        }
        let mut channels = self.store.value(MAC_SCAN_MASK);
        if channels.is_empty() {
            channels = self.store.value(PHY_CHAN_SUPPORTED);
        }
        let period = self.store.uint16(MAC_SCAN_PERIOD);
        let panid = self.store.uint16(THREAD_DISCOVERY_SCAN_PANID);
        self.scan = Some(Scan::new(kind, &channels, period, panid, now));
        self.store.put(MAC_SCAN_STATE, &[kind as u8]);
        self.probe(now);
        Ok(())
    }

    fn advance_scan(&mut self, now: Instant) {
        let mut scan = match self.scan.take() {
            Some(scan) => scan,
            None => return,
        };
        let joinable_only = self.store.uint8(THREAD_DISCOVERY_SCAN_JOINER_FLAG) == 1;
        let mut next = false;
        while let Some(channel) = scan.next_channel(now) {
            if scan.kind() != Kind::Energy {
                self.count_radio(&[CNTR_TX_PKT_BEACON_REQ, CNTR_TX_PKT_BROADCAST], 1);
            }
            for found in scan.found(channel, &self.neighbours, joinable_only, &mut self.rng) {
                self.push_found(found);
            }
            if scan.kind() == Kind::Beacon {
                let there = |neighbour: &&Neighbour| neighbour.channel == channel;
                for neighbour in self.neighbours.clone().iter().filter(there) {
                    self.sniff_beacon(now, neighbour);
                }
            }
            next = true;
        }
        if scan.is_done() {
            self.store.put(MAC_SCAN_STATE, &[0]);
            self.updates.mark(Update::Property(MAC_SCAN_STATE));
        } else {
            self.scan = Some(scan);
            if next {
                self.probe(now);
            }
        }
    }

    /// Asks who is there on the channel that is scanned.
    fn probe(&mut self, now: Instant) {
        let Some((kind, channel)) = self.scan.as_ref().and_then(|scan| {
            let channel = scan.channel()?;
            Some((scan.kind(), channel))
        }) else {
            return;
        };
        match kind {
            Kind::Energy => {}
            Kind::Discover => {
                let joiner = self.store.uint8(THREAD_DISCOVERY_SCAN_JOINER_FLAG) == 1;
                self.send_discovery_request(now, channel, joiner);
            }
            Kind::Beacon => {
                let header = Header {
                    kind: mac::Kind::Command,
                    sequence: 0,
                    panid: mac::BROADCAST,
                    destination: Address::Short(mac::BROADCAST),
                    source: Address::None,
                };
                self.send_frame(now, channel, header, &[mac::BEACON_REQUEST]);
            }
        }
    }

    /// A beacon came from the radio.
    pub(super) fn found_beacon(
        &mut self,
        channel: u8,
        rssi: i8,
        source: [u8; 8],
        panid: u16,
        payload: &[u8],
    ) {
        let neighbour = Neighbour::of_beacon(channel, rssi, source, panid, payload);
        if let Some(neighbour) = neighbour {
            self.found_network(Kind::Beacon, &neighbour);
        }
    }

    /// A network on the radio, of interest to a scan of this kind on its channel.
    pub(super) fn found_network(&mut self, kind: Kind, neighbour: &Neighbour) {
        let joinable_only = self.store.uint8(THREAD_DISCOVERY_SCAN_JOINER_FLAG) == 1;
        let wanted = self.scan.as_ref().is_some_and(|scan| {
            scan.kind() == kind
                && scan.channel() == Some(neighbour.channel)
                && scan.wants(neighbour, joinable_only)
        });
        if wanted {
            self.push_found(neighbour.found());
        }
    }

    pub(super) fn push_found(&mut self, found: Found) {
        if found.property == MAC_SCAN_BEACON {
            for id in [CNTR_RX_PKT_TOTAL, CNTR_RX_PKT_BEACON, CNTR_RX_PKT_BROADCAST] {
                self.store.count(id, 1);
            }
        }
        if self.found.len() >= FOUND_MAX {
            return self.updates.mark(Update::Status(NOMEM));
        }
        self.found.push_back(found);
    }
}

/// The addresses that the tables hold.
struct OwnAddresses<'a>(&'a Store);

impl Addresses for OwnAddresses<'_> {
    fn is_own(&self, address: &Ipv6) -> bool {
        self.0
            .items(IPV6_ADDRESS_TABLE)
            .any(|item| item.starts_with(address))
    }

    fn is_joined(&self, address: &Ipv6) -> bool {
        self.0
            .items(IPV6_MULTICAST_ADDRESS_TABLE)
            .any(|item| item == address)
    }

    fn source_for(&self, peer: &Ipv6) -> Ipv6 {
        if ping::is_link_local(peer) {
            self.0.array(IPV6_LL_ADDR)
        } else {
            self.0.array(IPV6_ML_ADDR)
        }
    }
}

/// A PAN id that is none.
const PANID_BROADCAST: u16 = 0xFFFF;
