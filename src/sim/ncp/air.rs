//! The radio: frames out and in, back-pressure, the MAC filters, and sniffing.
//!
//! What cannot be sent at once waits here, and the host has to wait too; what the host does not fetch
//! stays in the medium for [`STALL_MAX`], and is dropped after that (NOMEM), as in firmware.

use super::frames::pack_datagram;
use super::lowpan::{self, Reassembler};
use super::mesh::Mesh;
use super::numbers::*;
use super::ping::{self, Ipv6};
use super::scan::{self, Neighbour};
use super::store::pack;
use super::updates::Update;
use super::{mle, net, Ncp, PACKETS_MAX};
use crate::sim::radio::mac::{self, Address, Header, Kind};
use crate::sim::radio::{Medium, FRAME_MAX};
use crate::time::{earliest, Duration, Instant};
use std::collections::VecDeque;

/// One end of the medium.
#[derive(Debug, Default)]
pub(super) struct Air {
    medium: Option<Box<dyn Medium>>,
    /// Frames that wait for a free channel.
    out: VecDeque<Vec<u8>>,
    /// When to try again.
    retry_at: Option<Instant>,
    /// The host has not fetched its packets; frames are dropped from then on.
    stalled_until: Option<Instant>,
    /// It has not for so long that frames are dropped.
    overrun: bool,
    /// There was more than one round takes.
    more: bool,
    reassembler: Reassembler,
    sequence: u8,
    tag: u16,
    /// Frames for a sniffer.
    pub(super) raw: VecDeque<Vec<u8>>,
    /// When the neighbourhood speaks next, while somebody sniffs.
    chatter_at: Option<Instant>,
}

impl Air {
    pub(super) fn new(medium: Option<Box<dyn Medium>>) -> Self {
        Air {
            medium,
            ..Air::default()
        }
    }

    /// Forgets everything but the radio itself.
    pub(super) fn restart(&mut self) {
        *self = Air::new(self.medium.take());
    }

    /// Whether there is anybody else.
    pub(super) fn has_radio(&self) -> bool {
        self.medium.is_some()
    }

    /// Whether a packet of the host can be taken.
    pub(super) fn is_ready(&self) -> bool {
        self.out.len() <= OUT_MAX
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.out.len()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.more {
            return Some(Instant::ZERO);
        }
        let heard = match (self.stalled_until, &self.medium) {
            (Some(until), _) if !self.overrun => Some(until),
            (_, Some(medium)) => medium.poll_timeout(),
            (_, None) => None,
        };
        earliest(earliest(self.retry_at, self.chatter_at), heard)
    }

    fn flush(&mut self, now: Instant) {
        let Some(medium) = &mut self.medium else {
            return self.out.clear();
        };
        self.retry_at = None;
        while let Some(frame) = self.out.front() {
            if !medium.send(now, frame) {
                break;
            }
            self.out.pop_front();
        }
        if !(medium.flush() && self.out.is_empty()) {
            self.retry_at = Some(now + RETRY);
        }
    }
}

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
        self.air.more = false;
        let mut buf = [0; FRAME_MAX];
        for _ in 0..FRAMES_PER_ROUND {
            if self.is_stalled(now) {
                return;
            }
            let medium = self.air.medium.as_mut();
            match medium.and_then(|medium| medium.receive(now, &mut buf)) {
                Some(len) => self.hear_frame(now, &buf[..len.min(FRAME_MAX)]),
                None => return,
            }
        }
        self.air.more = true;
    }

    fn is_stalled(&mut self, now: Instant) -> bool {
        if self.packets.len() < PACKETS_MAX {
            self.air.stalled_until = None;
            self.air.overrun = false;
            return false;
        }
        let until = *self.air.stalled_until.get_or_insert(now + STALL_MAX);
        self.air.overrun = now >= until;
        !self.air.overrun
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
                let packet = self.air.reassembler.take(now, source, payload);
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
        self.air.sequence = self.air.sequence.wrapping_add(1);
        let sequence = self.air.sequence;
        let psdu = mac::build(&Header { sequence, ..header }, payload);
        self.sniff_sent(now, channel, &psdu);
        if self.air.has_radio() {
            let power = self.store.uint8(PHY_TX_POWER);
            if self.air.out.len() >= OUT_LIMIT {
                return self.store.count(CNTR_TX_ERR_CCA, 1);
            }
            let frame = [&[channel, power], psdu.as_slice()].concat();
            self.air.out.push_back(frame);
            self.air.flush(now);
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
        self.air.tag = self.air.tag.wrapping_add(1);
        let cast = match destination {
            Address::Short(mac::BROADCAST) => CNTR_TX_PKT_BROADCAST,
            _ => CNTR_TX_PKT_UNICAST,
        };
        for payload in lowpan::split(packet, self.air.tag, mac::PAYLOAD_MAX) {
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
        let Some(destination) = destination(packet) else {
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
        if !own && !self.mesh.routes_for(&destination) {
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

    fn is_sniffing(&self) -> bool {
        let pcap = self.store.uint8(PHY_PCAP_ENABLED) == 1 && self.net.is_interface_up();
        pcap || self.is_raw() && self.store.uint8(MAC_RAW_STREAM_ENABLED) == 1
    }

    fn sniff_heard(&mut self, now: Instant, channel: u8, rssi: i8, header: &Header, psdu: &[u8]) {
        let own_pan = [self.store.uint16(MAC_15_4_PANID), mac::BROADCAST].contains(&header.panid);
        let to_us = header.destination == Address::Short(mac::BROADCAST)
            || header.destination == Address::Extended(self.net.extended_address());
        let wanted = match self.store.uint8(MAC_PROMISCUOUS_MODE) {
            PROMISCUOUS_FULL => true,
            0 => own_pan && to_us,
            _ => own_pan,
        };
        if self.is_sniffing() && wanted {
            self.push_raw(now, channel, rssi, 0, psdu);
        }
    }

    fn sniff_sent(&mut self, now: Instant, channel: u8, psdu: &[u8]) {
        if self.is_sniffing() {
            // The sniffer sees the frame before the radio has put its FCS there (protocol §3.13).
            let mut copy = psdu.to_vec();
            let body = copy.len().saturating_sub(mac::FCS_LEN);
            copy[body..].fill(0);
            self.push_raw(now, channel, RSSI_UNKNOWN, MD_FLAG_TX, &copy);
        }
    }

    fn push_raw(&mut self, now: Instant, channel: u8, rssi: i8, flags: u16, psdu: &[u8]) {
        if self.air.raw.len() >= RAW_MAX {
            return;
        }
        let lqi = if flags & MD_FLAG_TX == 0 { 255 } else { 0 };
        self.air.raw.push_back(pack(|w| {
            w.uint8(super::UNSOLICITED)?;
            w.uint_packed(CMD_VALUE_IS)?;
            w.uint_packed(STREAM_RAW)?;
            w.data_with_length(psdu)?;
            w.data(&rssi.to_le_bytes())?;
            w.data(&NOISE_FLOOR.to_le_bytes())?;
            w.uint16(flags)?;
            w.structure(|phy| {
                phy.uint8(channel)?;
                phy.uint8(lqi)?;
                phy.uint64(now.as_micros())
            })?;
            // No receive error.
            w.data_with_length(&[0])
        }));
    }

    /// While somebody sniffs, the neighbourhood that no medium carries is heard, too.
    fn advance_chatter(&mut self, now: Instant) {
        if !self.is_sniffing() {
            self.air.chatter_at = None;
            return;
        }
        if now < *self.air.chatter_at.get_or_insert(now) {
            return;
        }
        self.air.chatter_at = Some(now + CHATTER);
        let channel = self.store.uint8(PHY_CHAN);
        for neighbour in self.neighbours.clone() {
            if neighbour.channel == channel {
                self.chatter(now, &neighbour);
            }
        }
        if self.net.is_attached() && !self.air.has_radio() {
            self.announce(now);
        }
    }

    fn chatter(&mut self, now: Instant, neighbour: &Neighbour) {
        let from = net::link_local(&neighbour.address);
        let message = mle::Message::new(mle::ADVERTISEMENT)
            .with(mle::SOURCE_ADDRESS, &neighbour.short_address.to_be_bytes());
        let packet = message.to_packet(&from, &mle::ALL_NODES, None);
        for payload in lowpan::split(&packet, 0, mac::PAYLOAD_MAX) {
            let header = Header {
                kind: Kind::Data,
                sequence: now.as_micros() as u8,
                panid: neighbour.panid,
                destination: Address::Short(mac::BROADCAST),
                source: Address::Extended(neighbour.address),
            };
            let psdu = mac::build(&header, &payload);
            self.sniff_heard(now, neighbour.channel, neighbour.rssi, &header, &psdu);
        }
    }

    /// The beacon of a neighbour that no medium carries, for a sniffer.
    pub(super) fn sniff_beacon(&mut self, now: Instant, neighbour: &Neighbour) {
        let header = Header {
            kind: Kind::Beacon,
            sequence: now.as_micros() as u8,
            panid: neighbour.panid,
            destination: Address::None,
            source: Address::Extended(neighbour.address),
        };
        let psdu = mac::build(&header, &neighbour.payload());
        if self.is_sniffing() {
            self.push_raw(now, neighbour.channel, neighbour.rssi, 0, &psdu);
        }
    }
}

impl Mesh {
    /// Whether packets to `destination` are for our host because it offers the prefix.
    fn routes_for(&self, destination: &Ipv6) -> bool {
        !ping::is_multicast(destination) && self.own_prefix_covers(destination)
    }
}

/// Where a whole IPv6 packet goes.
pub(super) fn destination(packet: &[u8]) -> Option<Ipv6> {
    let length = usize::from(u16::from_be_bytes([*packet.get(4)?, *packet.get(5)?]));
    let destination = packet.get(24..40)?.try_into().ok()?;
    let whole = packet[0] >> 4 == 6 && packet.len() == 40 + length && packet.len() <= ping::MTU;
    Some(destination).filter(|_| whole)
}

/// Two packets of 1280 octets in fragments.
const OUT_MAX: usize = 28;
/// And what the network itself has to say meanwhile.
pub(super) const OUT_LIMIT: usize = 4 * OUT_MAX;
/// Half of what epoll can time: on a busy channel the others read meanwhile.
const RETRY: Duration = Duration::from_micros(500);
/// How long the host may leave its packets, before others are dropped: a moment for a host, and less than
/// the 12 s after which this node would lose its neighbours.
const STALL_MAX: Duration = Duration::from_millis(200);
/// Four packets of 1280 octets in fragments: then the host gets its turn.
const FRAMES_PER_ROUND: usize = 64;
/// A sniffer's backlog.
pub(super) const RAW_MAX: usize = 32;
const CHATTER: Duration = Duration::from_secs(1);
/// Of the best link there is; the others are up to 19 dB worse.
const RSSI_BEST: i8 = -40;
/// Protocol §3.13: unknown.
const RSSI_UNKNOWN: i8 = -128;
/// As in the vector of protocol §3.13.
const NOISE_FLOOR: i8 = -98;
const MD_FLAG_TX: u16 = 0x0001;
/// Protocol §3.5, property 4864.
const NO_FIXED_RSSI: i8 = 127;
/// Protocol §4.6.
const PROMISCUOUS_FULL: u8 = 2;
