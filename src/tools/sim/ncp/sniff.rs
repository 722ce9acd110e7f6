//! Sniffing: what STREAM_RAW shows, the neighbourhood that no medium carries included.

use super::spinel::numbers::*;
use super::spinel::pack::pack;
use super::thread::scan::Neighbour;
use super::thread::{lowpan, mle, net};
use super::{Ncp, UNSOLICITED};
use crate::sim::radio::mac::{self, Address, Header, Kind};
use crate::time::Instant;

impl Ncp {
    fn is_sniffing(&self) -> bool {
        let pcap = self.store.uint8(PHY_PCAP_ENABLED) == 1 && self.net.is_interface_up();
        pcap || self.is_raw() && self.store.uint8(MAC_RAW_STREAM_ENABLED) == 1
    }

    pub(super) fn sniff_heard(
        &mut self,
        now: Instant,
        channel: u8,
        rssi: i8,
        header: &Header,
        psdu: &[u8],
    ) {
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

    pub(super) fn sniff_sent(&mut self, now: Instant, channel: u8, psdu: &[u8]) {
        if self.is_sniffing() {
            // The sniffer sees the frame before the radio has put its FCS there (protocol §3.13).
            let mut copy = psdu.to_vec();
            let body = copy.len().saturating_sub(mac::FCS_LEN);
            copy[body..].fill(0);
            self.push_raw(now, channel, RSSI_UNKNOWN, MD_FLAG_TX, &copy);
        }
    }

    fn push_raw(&mut self, now: Instant, channel: u8, rssi: i8, flags: u16, psdu: &[u8]) {
        let lqi = if flags & MD_FLAG_TX == 0 { 255 } else { 0 };
        self.air.push_raw(pack(|w| {
            w.uint8(UNSOLICITED)?;
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
    pub(super) fn advance_chatter(&mut self, now: Instant) {
        if !self.air.is_chatter_due(now, self.is_sniffing()) {
            return;
        }
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

/// Protocol §3.13: unknown.
const RSSI_UNKNOWN: i8 = -128;
/// As in the vector of protocol §3.13.
const NOISE_FLOOR: i8 = -98;
const MD_FLAG_TX: u16 = 0x0001;
/// Protocol §4.6.
const PROMISCUOUS_FULL: u8 = 2;
