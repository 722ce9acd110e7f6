//! What happens by and by: attaching, IPv6 packets, scans.

use super::frames::pack_datagram;
use super::net::Outcome;
use super::numbers::*;
use super::ping::{self, Addresses, Ipv6};
use super::scan::{Found, Kind, Scan};
use super::store::{Status, Store};
use super::updates::Update;
use super::{Ncp, FOUND_MAX, PACKETS_MAX};
use crate::time::Instant;

impl Ncp {
    /// Lets happen what is due at `now`.
    pub(super) fn advance(&mut self, now: Instant) {
        match self.net.poll(now, &mut self.rng) {
            Some(Outcome::Formed) => self.publish(),
            Some(Outcome::JoinFailed) => {
                self.publish();
                self.updates.mark(Update::Status(JOIN_FAILURE));
            }
            None => {}
        }
        self.advance_scan(now);
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
        self.publish();
        if !was_up {
            // Detached is what it was; a start is told all the same (protocol §7.5).
            self.updates.mark(Update::Property(NET_ROLE));
        }
        Ok(())
    }

    pub(super) fn set_interface(&mut self, up: bool) {
        self.net.set_interface(up);
        if !up {
            self.packets.clear();
        }
        self.publish();
    }

    /// Copies the state of the network to the properties that show it.
    pub(super) fn publish(&mut self) {
        for (id, value) in self.net.properties() {
            self.put(id, &value);
        }
        for (id, own) in [
            (IPV6_ADDRESS_TABLE, self.net.addresses()),
            (IPV6_MULTICAST_ADDRESS_TABLE, self.net.groups()),
        ] {
            if self.store.put_own(id, own) {
                self.updates.mark(Update::Property(id));
            }
        }
        if self.net.is_attached() {
            self.saved = Some(self.store.credentials());
            self.put(NET_SAVED, &[1]);
            self.register_network_data();
        }
    }

    /// Takes a packet from the host; the answer, if any, comes back on `stream`.
    pub(super) fn datagram(
        &mut self,
        packet: &[u8],
        tx: u32,
        rx: u32,
        stream: u32,
    ) -> Result<(), Status> {
        let outcome = if self.net.is_interface_up() {
            ping::answer(packet, &OwnAddresses(&self.store)).map_err(|_| DROPPED)
        } else {
            Err(INVALID_STATE)
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
        let answer = match answer {
            Some(answer) => answer,
            None => {
                self.count_radio(&[CNTR_TX_PKT_DATA, CNTR_TX_PKT_BROADCAST], 1);
                return Ok(());
            }
        };
        if self.packets.len() >= PACKETS_MAX {
            self.store.count(CNTR_RX_IP_DROPPED, 1);
            self.store.count(CNTR_IP_RX_FAILURE, 1);
            self.updates.mark(Update::Status(NOMEM));
            return Ok(());
        }
        self.store.count(rx, 1);
        self.store.count(CNTR_IP_RX_SUCCESS, 1);
        self.packets.push_back(pack_datagram(stream, &answer));
        Ok(())
    }

    /// Counts `n` frames on the air that nobody acknowledges, of the given kinds.
    fn count_radio(&mut self, kinds: &[u32], n: u32) {
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
        Ok(())
    }

    fn advance_scan(&mut self, now: Instant) {
        let mut scan = match self.scan.take() {
            Some(scan) => scan,
            None => return,
        };
        let joinable_only = self.store.uint8(THREAD_DISCOVERY_SCAN_JOINER_FLAG) == 1;
        while let Some(channel) = scan.next_channel(now) {
            if scan.kind() != Kind::Energy {
                self.count_radio(&[CNTR_TX_PKT_BEACON_REQ, CNTR_TX_PKT_BROADCAST], 1);
            }
            for found in scan.found(channel, &self.neighbours, joinable_only, &mut self.rng) {
                self.push_found(found);
            }
        }
        if scan.is_done() {
            self.store.put(MAC_SCAN_STATE, &[0]);
            self.updates.mark(Update::Property(MAC_SCAN_STATE));
        } else {
            self.scan = Some(scan);
        }
    }

    fn push_found(&mut self, found: Found) {
        if found.0 == MAC_SCAN_BEACON {
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
