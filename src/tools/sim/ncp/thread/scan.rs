//! Scans (protocol §7.6): one channel after the other, and on each what there is to find in this
//! simulated neighbourhood.

use crate::sim::ncp::spinel::numbers::*;
use crate::sim::ncp::spinel::pack::pack;
use crate::sim::ncp::spinel::updates::Found;
use crate::sim::rng::Rng;
use crate::time::{Duration, Instant};

/// What a scan looks for: the values of MAC_SCAN_STATE (protocol §4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Beacon = 1,
    Energy = 2,
    Discover = 3,
}

impl Kind {
    pub(crate) const fn from_state(state: u8) -> Option<Self> {
        match state {
            1 => Some(Kind::Beacon),
            2 => Some(Kind::Energy),
            3 => Some(Kind::Discover),
            _ => None,
        }
    }
}

/// A scan that runs.
#[derive(Debug)]
pub(crate) struct Scan {
    kind: Kind,
    /// Still to come, the current one last.
    channels: Vec<u8>,
    per_channel: Duration,
    /// When the current channel is done.
    channel_done: Instant,
    /// Only networks with this PAN id, unless it is [`ANY_PANID`].
    panid: u16,
}

impl Scan {
    /// Starts on the first of `channels`, `period_ms` on each (0: the stack's own choice).
    pub(crate) fn new(
        kind: Kind,
        channels: &[u8],
        period_ms: u16,
        panid: u16,
        now: Instant,
    ) -> Self {
        let per_channel = match period_ms {
            0 => DEFAULT_PERIOD,
            ms => Duration::from_millis(u64::from(ms)),
        };
        Scan {
            kind,
            channels: channels.iter().rev().copied().collect(),
            per_channel,
            channel_done: now + per_channel,
            panid,
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) const fn poll_timeout(&self) -> Instant {
        self.channel_done
    }

    /// The channel that is scanned now.
    pub(crate) fn channel(&self) -> Option<u8> {
        self.channels.last().copied()
    }

    /// Whether nothing is left to scan.
    pub(crate) fn is_done(&self) -> bool {
        self.channels.is_empty()
    }

    /// The channel that is done at `now`, if one is; the next one starts.
    pub(crate) fn next_channel(&mut self, now: Instant) -> Option<u8> {
        if now < self.channel_done {
            return None;
        }
        self.channel_done = self.channel_done + self.per_channel;
        self.channels.pop()
    }

    /// What is found on `channel`.
    pub(crate) fn found(
        &self,
        channel: u8,
        neighbours: &[Neighbour],
        joinable_only: bool,
        rng: &mut Rng,
    ) -> Vec<Found> {
        if self.kind == Kind::Energy {
            // From the floor of a radio to that of a busy office.
            let level = -95 + rng.below(40) as i8;
            return vec![Found {
                command: CMD_VALUE_INSERTED,
                property: MAC_ENERGY_SCAN_RESULT,
                item: vec![channel, level.to_le_bytes()[0]],
            }];
        }
        neighbours
            .iter()
            .filter(|neighbour| neighbour.channel == channel)
            .filter(|neighbour| self.wants(neighbour, joinable_only))
            .map(Neighbour::found)
            .collect()
    }

    /// Whether a network passes the filters of a discovery.
    pub(crate) fn wants(&self, neighbour: &Neighbour, joinable_only: bool) -> bool {
        self.kind != Kind::Discover
            || (!joinable_only || neighbour.is_joinable())
                && (self.panid == ANY_PANID || self.panid == neighbour.panid)
    }
}

/// A network within earshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Neighbour {
    pub(crate) channel: u8,
    pub(crate) rssi: i8,
    pub(crate) address: [u8; 8],
    pub(crate) short_address: u16,
    pub(crate) panid: u16,
    lqi: u8,
    flags: u8,
    pub(crate) name: String,
    pub(crate) xpanid: [u8; 8],
    pub(crate) steering: Vec<u8>,
}

impl Neighbour {
    /// The neighbourhood of a seed: 3..=6 networks, the first of them always on channel 15, the one
    /// that `scan` of spinel-cli asks for.
    pub(crate) fn all(rng: &mut Rng) -> Vec<Neighbour> {
        let count = 3 + rng.below(4) as u8;
        (0..count).map(|n| Neighbour::random(n, rng)).collect()
    }

    /// The value of MAC_SCAN_BEACON (protocol §3.12).
    pub(crate) fn beacon(&self) -> Vec<u8> {
        pack(|w| {
            w.uint8(self.channel)?;
            w.data(&self.rssi.to_le_bytes())?;
            w.structure(|mac| {
                mac.data(&self.address)?;
                mac.uint16(self.short_address)?;
                mac.uint16(self.panid)?;
                mac.uint8(self.lqi)
            })?;
            w.structure(|net| {
                net.uint_packed(PROTOCOL_THREAD)?;
                net.uint8(self.flags)?;
                net.utf8(&self.name)?;
                net.data_with_length(&self.xpanid)?;
                net.data_with_length(&self.steering)
            })
        })
    }

    /// A network that was heard on the radio.
    pub(crate) fn heard(
        channel: u8,
        rssi: i8,
        address: [u8; 8],
        panid: u16,
        joinable: bool,
    ) -> Self {
        Neighbour {
            channel,
            rssi,
            address,
            short_address: NO_SHORT_ADDRESS,
            panid,
            lqi: 255,
            flags: FLAGS_VERSION_2 | u8::from(joinable),
            name: String::new(),
            xpanid: [0; 8],
            steering: Vec::new(),
        }
    }

    /// A network that was heard by its beacon, whose payload is that of [`beacon_payload`].
    pub(crate) fn of_beacon(
        channel: u8,
        rssi: i8,
        address: [u8; 8],
        panid: u16,
        payload: &[u8],
    ) -> Option<Self> {
        let [_, _, 0, 0, 3, flags, rest @ ..] = payload else {
            return None;
        };
        let (name, xpanid) = (rest.get(..16)?, rest.get(16..24)?);
        let joinable = flags & FLAG_JOINABLE != 0;
        let mut neighbour = Neighbour::heard(channel, rssi, address, panid, joinable);
        neighbour.name = network_name(name);
        neighbour.xpanid.copy_from_slice(xpanid);
        Some(neighbour)
    }

    /// What a scan tells the host of it.
    pub(crate) fn found(&self) -> Found {
        Found {
            command: CMD_VALUE_INSERTED,
            property: MAC_SCAN_BEACON,
            item: self.beacon(),
        }
    }

    /// The payload of its beacon.
    pub(crate) fn payload(&self) -> Vec<u8> {
        beacon_payload(self.is_joinable(), self.name.as_bytes(), &self.xpanid)
    }

    const fn is_joinable(&self) -> bool {
        self.flags & FLAG_JOINABLE != 0
    }

    fn random(n: u8, rng: &mut Rng) -> Neighbour {
        let channel = match n {
            0 => 15,
            _ => 11 + rng.below(16) as u8,
        };
        Neighbour {
            channel,
            rssi: -40 - rng.below(50) as i8,
            address: rng.octets(),
            short_address: (rng.below(63) as u16) << 10,
            // 0xFFFF is no network's PAN id.
            panid: rng.below(0xFFFF) as u16,
            lqi: 128 + rng.below(128) as u8,
            flags: FLAGS_VERSION_2 | rng.below(2) as u8,
            name: format!("sim-{n}"),
            xpanid: rng.octets(),
            steering: Vec::new(),
        }
    }
}

/// The payload of a Thread beacon: the superframe of a network without one, then protocol, flags, name
/// and XPANID.
pub(crate) fn beacon_payload(joinable: bool, name: &[u8], xpanid: &[u8; 8]) -> Vec<u8> {
    let flags = FLAGS_VERSION_2 | u8::from(joinable);
    let mut padded = [0; 16];
    for (octet, padded) in name.iter().zip(&mut padded) {
        *padded = *octet;
    }
    let head = [0xFF, 0x0F, 0, 0, PROTOCOL_THREAD as u8, flags];
    [head.as_slice(), &padded, xpanid].concat()
}

/// No short address (protocol §3.12).
const NO_SHORT_ADDRESS: u16 = 0xFFFF;
/// A network's name as it was heard: text of at most 16 characters.
pub(crate) fn network_name(octets: &[u8]) -> String {
    let text = String::from_utf8_lossy(octets);
    text.chars().filter(|c| *c != '\0').take(16).collect()
}

/// THREAD_DISCOVERY_SCAN_PANID without a filter (protocol §3.7, property 5397).
const ANY_PANID: u16 = 0xFFFF;
/// Protocol §4.5.
const PROTOCOL_THREAD: u32 = 3;
/// Protocol §3.12: the version in bits 7-4, joinable in bit 0.
const FLAGS_VERSION_2: u8 = 0x20;
const FLAG_JOINABLE: u8 = 0x01;
/// What OpenThread takes for a period of 0.
const DEFAULT_PERIOD: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    /// The frame of a current firmware in protocol §3.12.
    #[test]
    fn a_beacon_as_in_the_documents() {
        let neighbour = Neighbour {
            channel: 15,
            rssi: -60,
            address: [0xB6, 0x40, 0xD4, 0x8C, 0xE9, 0x38, 0xF9, 0x52],
            short_address: 0xFFFF,
            panid: 0x04D2,
            lqi: 255,
            flags: 0x21,
            name: "spinel".into(),
            xpanid: [0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0xCA, 0xFE],
            steering: Vec::new(),
        };
        let expected = [
            0x0F, 0xC4, 0x0D, 0x00, 0xB6, 0x40, 0xD4, 0x8C, 0xE9, 0x38, 0xF9, 0x52, 0xFF, 0xFF,
            0xD2, 0x04, 0xFF, 0x15, 0x00, 0x03, 0x21, 0x73, 0x70, 0x69, 0x6E, 0x65, 0x6C, 0x00,
            0x08, 0x00, 0xDE, 0xAD, 0x00, 0xBE, 0xEF, 0x00, 0xCA, 0xFE, 0x00, 0x00,
        ];
        assert_eq!(neighbour.beacon(), expected);
    }

    #[test]
    fn takes_its_time_on_each_channel() {
        let ms = Instant::from_millis;
        let mut scan = Scan::new(Kind::Energy, &[11, 12], 50, ANY_PANID, ms(0));
        assert_eq!(scan.next_channel(ms(49)), None);
        assert_eq!(scan.next_channel(ms(50)), Some(11));
        assert_eq!(scan.next_channel(ms(50)), None);
        assert_eq!(scan.poll_timeout(), ms(100));
        assert_eq!(scan.next_channel(ms(100)), Some(12));
        assert!(scan.is_done());
    }

    #[test]
    fn a_discovery_can_be_narrowed() {
        let mut rng = Rng::new(9);
        let neighbours = Neighbour::all(&mut rng);
        let first = &neighbours[0];
        let find = |panid, rng: &mut Rng| {
            Scan::new(Kind::Discover, &[15], 50, panid, Instant::ZERO).found(
                15,
                &neighbours,
                false,
                rng,
            )
        };
        assert!(find(ANY_PANID, &mut rng).contains(&first.found()));
        assert!(find(first.panid, &mut rng).contains(&first.found()));
        assert!(find(first.panid ^ 1, &mut rng).is_empty());
    }
}
