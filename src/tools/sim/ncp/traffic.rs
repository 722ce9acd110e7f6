//! What is on the air, both ways: the MAC filters, packets for the host and from it.

use super::frames::pack_datagram;
use super::spinel::numbers::*;
use super::spinel::updates::Update;
use super::thread::lowpan;
use super::thread::ping;
use super::thread::{net, scan};
use super::{Ncp, PACKETS_MAX};
use crate::sim::radio::mac::{self, Address, Header, Kind};
use crate::sim::radio::FRAME_MAX;
use crate::time::Instant;

impl Ncp {
    /// Sends what waits and hears what came.
    pub(super) fn advance_air(&mut self, now: Instant) {
        if self.air.has_radio() {
            self.air.flush(now);
            self.hear(now);
        }
        self.advance_chatter(now);
    }

    fn hear(&mut self, now: Instant) {
        let mut buf = [0; FRAME_MAX];
        self.air.begin_round();
        // What is heard may fill the host's queue: it is looked at before each frame.
        while let Some(len) = self
            .air
            .receive(now, self.packets.len() >= PACKETS_MAX, &mut buf)
        {
            self.hear_frame(now, &buf[..len]);
        }
    }

    fn hear_frame(&mut self, now: Instant, frame: &[u8]) {
        let &[channel, _, ref psdu @ ..] = frame else {
            return;
        };
        if !self.listens_on(channel) {
            return;
        }
        let Some((header, payload)) = mac::parse(psdu) else {
            return self.store.count(CNTR_RX_ERR_BAD_FCS, 1);
        };
        let Some(rssi) = self.signal_strength(&header) else {
            return self.store.count(CNTR_RX_PKT_FILT_WL, 1);
        };
        self.sniff_heard(now, channel, rssi, &header, psdu);
        let to_all = header.destination == Address::Short(mac::BROADCAST);
        let panid = self.store.uint16(MAC_15_4_PANID);
        let to_us = header.destination == Address::Extended(self.net.extended_address());
        if header.kind != Kind::Beacon
            && !to_us
            && !(to_all && [panid, mac::BROADCAST].contains(&header.panid))
        {
            return self.store.count(CNTR_RX_PKT_FILT_DA, 1);
        }
        self.count_heard(&header, to_all);
        match (header.kind, header.source) {
            (Kind::Command, _) if payload.first() == Some(&mac::BEACON_REQUEST) => {
                self.answer_beacon_request(now, channel);
            }
            (Kind::Beacon, Address::Extended(source)) => {
                self.found_beacon(channel, rssi, source, header.panid, payload);
            }
            (Kind::Data, Address::Extended(source)) => {
                let packet = self.air.reassemble(now, source, payload);
                if let Some(packet) = packet {
                    self.hear_packet(now, channel, rssi, source, header.panid, &packet);
                }
            }
            _ => self.store.count(CNTR_RX_PKT_OTHER, 1),
        }
    }

    fn count_heard(&mut self, header: &Header, to_all: bool) {
        self.store.count(CNTR_RX_PKT_TOTAL, 1);
        let kind = match header.kind {
            Kind::Beacon => CNTR_RX_PKT_BEACON,
            Kind::Data => CNTR_RX_PKT_DATA,
            Kind::Command => CNTR_RX_PKT_BEACON_REQ,
        };
        let cast = match to_all || header.kind == Kind::Beacon {
            true => CNTR_RX_PKT_BROADCAST,
            false => CNTR_RX_PKT_UNICAST,
        };
        self.store.count(kind, 1);
        self.store.count(cast, 1);
    }

    /// Its own channel, and the one that is scanned: it has better ears than hardware.
    fn listens_on(&self, channel: u8) -> bool {
        let scanned = self.scan.as_ref().and_then(|scan| scan.channel());
        channel == self.store.uint8(PHY_CHAN)
            || Some(channel) == scanned
            || Some(channel) == self.joiner.channel()
    }

    /// The signal strength of a frame; `None` if the allow or deny list keeps it out.
    fn signal_strength(&self, header: &Header) -> Option<i8> {
        let Address::Extended(source) = header.source else {
            return Some(RSSI_BEST);
        };
        let entry = |id| {
            let mut items = self.store.items(id);
            items.find(move |item| item.starts_with(&source))
        };
        if self.store.uint8(MAC_DENYLIST_ENABLED) == 1 && entry(MAC_DENYLIST).is_some() {
            return None;
        }
        let allowed = entry(MAC_ALLOWLIST);
        let filtering = self.store.uint8(MAC_ALLOWLIST_ENABLED) == 1;
        if filtering && allowed.is_none() {
            return None;
        }
        let fixed = |item: Option<&[u8]>| {
            let octet = *item?.get(8)?;
            Some(i8::from_le_bytes([octet])).filter(|rssi| *rssi != NO_FIXED_RSSI)
        };
        let allowed = allowed.filter(|_| filtering);
        let natural = RSSI_BEST - (source[7] % 20) as i8;
        Some(
            fixed(allowed)
                .or_else(|| fixed(entry(MAC_FIXED_RSS)))
                .unwrap_or(natural),
        )
    }

    /// Puts a frame on the air; `payload` fits.
    pub(super) fn send_frame(&mut self, now: Instant, channel: u8, header: Header, payload: &[u8]) {
        let sequence = self.air.next_sequence();
        let psdu = mac::build(&Header { sequence, ..header }, payload);
        self.sniff_sent(now, channel, &psdu);
        if self.air.has_radio() {
            let power = self.store.uint8(PHY_TX_POWER);
            if !self.air.send(now, channel, power, &psdu) {
                self.store.count(CNTR_TX_ERR_CCA, 1);
            }
        }
    }

    /// Sends an IPv6 packet in as many frames as it takes.
    pub(super) fn send_packet(
        &mut self,
        now: Instant,
        channel: u8,
        panid: u16,
        destination: Address,
        packet: &[u8],
    ) {
        let tag = self.air.next_tag();
        let cast = match destination {
            Address::Short(mac::BROADCAST) => CNTR_TX_PKT_BROADCAST,
            _ => CNTR_TX_PKT_UNICAST,
        };
        for payload in lowpan::split(packet, tag, mac::PAYLOAD_MAX) {
            self.count_radio(&[CNTR_TX_PKT_DATA, cast], 1);
            let header = Header {
                kind: Kind::Data,
                sequence: 0,
                panid,
                destination,
                source: Address::Extended(self.net.extended_address()),
            };
            self.send_frame(now, channel, header, &payload);
        }
    }

    fn answer_beacon_request(&mut self, now: Instant, channel: u8) {
        if !self.net.is_router() || channel != self.store.uint8(PHY_CHAN) {
            return;
        }
        self.count_radio(&[CNTR_TX_PKT_BEACON, CNTR_TX_PKT_BROADCAST], 1);
        let header = Header {
            kind: Kind::Beacon,
            sequence: 0,
            panid: self.store.uint16(MAC_15_4_PANID),
            destination: Address::None,
            source: Address::Extended(self.net.extended_address()),
        };
        let (name, xpanid) = (self.network_name(), self.store.array(NET_XPANID));
        let payload = scan::beacon_payload(self.is_joinable(), &name, &xpanid);
        self.send_frame(now, channel, header, &payload);
    }

    /// NET_NETWORK_NAME without its terminator.
    pub(super) fn network_name(&self) -> Vec<u8> {
        let mut name = self.store.value(NET_NETWORK_NAME);
        name.retain(|octet| *octet != 0);
        name
    }

    /// A packet from the mesh that is no message of the network: for the host, for this node itself,
    /// or for nobody.
    pub(super) fn deliver(&mut self, now: Instant, packet: &[u8]) {
        let Some(destination) = ping::destination(packet) else {
            return self.store.count(CNTR_RX_IP_DROPPED, 1);
        };
        if !self.net.is_interface_up() {
            return self.store.count(CNTR_RX_IP_DROPPED, 1);
        }
        let multicast = ping::is_multicast(&destination);
        let table = match multicast {
            true => IPV6_MULTICAST_ADDRESS_TABLE,
            false => IPV6_ADDRESS_TABLE,
        };
        let own = self
            .store
            .items(table)
            .any(|item| item.starts_with(&destination));
        if !own && (multicast || !self.mesh.own_prefix_covers(&destination)) {
            return;
        }
        let locator = own && !multicast && net::is_locator(&destination);
        if own && self.answers_echo(multicast, locator) {
            if let Some(answer) = self.echo_answer(packet) {
                self.send_to_mesh(now, &answer);
                return;
            }
        }
        if locator && self.store.uint8(THREAD_RLOC16_DEBUG_PASSTHRU) == 0 {
            return self.store.count(CNTR_RX_IP_DROPPED, 1);
        }
        self.push_packet(STREAM_NET, CNTR_RX_IP_SEC_TOTAL, packet);
    }

    /// Whether the co-processor answers pings itself (protocol §4.9); to its locators always, unless
    /// that was switched off.
    pub(super) fn answers_echo(&self, multicast: bool, locator: bool) -> bool {
        match self.store.uint8(IPV6_ICMP_PING_OFFLOAD_MODE) {
            0 => false,
            1 => !multicast,
            2 => multicast,
            3 => true,
            _ => locator,
        }
    }

    /// Queues a packet for the host.
    pub(super) fn push_packet(&mut self, stream: u32, counter: u32, packet: &[u8]) {
        if self.packets.len() >= PACKETS_MAX {
            self.store.count(CNTR_RX_IP_DROPPED, 1);
            self.store.count(CNTR_IP_RX_FAILURE, 1);
            return self.updates.mark(Update::Status(NOMEM));
        }
        self.store.count(counter, 1);
        self.store.count(CNTR_IP_RX_SUCCESS, 1);
        self.packets.push_back(pack_datagram(stream, packet));
    }
}

/// Of the best link there is; the others are up to 19 dB worse.
const RSSI_BEST: i8 = -40;
/// Protocol §3.5, property 4864.
const NO_FIXED_RSSI: i8 = 127;
