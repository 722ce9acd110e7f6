//! What simulated co-processors tell each other about their network: messages in the form of Thread's
//! MLE (UDP port 19788, no security suite), so that a sniffer names most of them.
//!
//! Instead of real security a message ends with a keyed check value (TLV [`CHECK`]): whoever has
//! another key does not believe it. That keeps networks apart in a simulation, and protects nothing.

use super::ping::{self, Ipv6};

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) command: u8,
    tlvs: Vec<(u8, Vec<u8>)>,
}

impl Message {
    pub(crate) const fn new(command: u8) -> Self {
        Message {
            command,
            tlvs: Vec::new(),
        }
    }

    /// With one TLV more. What is longer than a TLV can be is cut off.
    pub(crate) fn with(mut self, kind: u8, value: &[u8]) -> Self {
        let value = &value[..value.len().min(TLV_MAX)];
        self.tlvs.push((kind, value.to_vec()));
        self
    }

    /// The first TLV of a kind.
    pub(crate) fn get(&self, kind: u8) -> Option<&[u8]> {
        self.all(kind).next()
    }

    /// The first TLV of a kind, if it has `N` octets.
    pub(crate) fn array<const N: usize>(&self, kind: u8) -> Option<[u8; N]> {
        self.get(kind)?.try_into().ok()
    }

    /// All TLVs of a kind.
    pub(crate) fn all(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        let same = self.tlvs.iter().filter(move |tlv| tlv.0 == kind);
        same.map(|tlv| tlv.1.as_slice())
    }

    /// An IPv6 packet with the message, checked with `key` if there is one.
    pub(crate) fn to_packet(
        &self,
        source: &Ipv6,
        destination: &Ipv6,
        key: Option<&[u8; 16]>,
    ) -> Vec<u8> {
        let mut payload = vec![NO_SECURITY, self.command];
        for (kind, value) in &self.tlvs {
            payload.extend([*kind, value.len() as u8]);
            payload.extend(value);
        }
        if let Some(key) = key {
            let check = check(key, source, &payload);
            payload.extend([CHECK, check.len() as u8]);
            payload.extend(check);
        }
        udp(source, destination, &payload)
    }
}

/// What a packet holds, if it is one of these messages: who sent it, the message, and whether the check
/// with `key` is right.
pub(crate) fn parse(packet: &[u8], key: &[u8; 16]) -> Option<(Ipv6, Message, bool)> {
    let payload = packet.get(HEADERS_LEN..)?;
    let (source, destination) = (address(packet, 8)?, address(packet, 24)?);
    let is_mle = packet[0] >> 4 == 6
        && packet[6] == UDP
        && packet[40..44] == PORTS
        && ping::is_link_local(&source)
        && (ping::is_link_local(&destination) || destination == ALL_NODES);
    let (&command, mut rest) = payload.strip_prefix(&[NO_SECURITY])?.split_first()?;
    if !is_mle || ping::checksum(&source, &destination, UDP, &packet[40..]) != 0 {
        return None;
    }
    let mut message = Message::new(command);
    let mut checked = false;
    while let [kind, length, behind @ ..] = rest {
        let value = behind.get(..usize::from(*length))?;
        if *kind == CHECK {
            let before = &payload[..payload.len() - rest.len()];
            checked = value == check(key, &source, before) && behind.len() == value.len();
        }
        message = message.with(*kind, value);
        rest = &behind[value.len()..];
    }
    Some((source, message, checked))
}

/// A keyed check value over who speaks and what is said.
pub(crate) fn check(key: &[u8; 16], source: &Ipv6, octets: &[u8]) -> [u8; 8] {
    let mut sum = octets.len() as u64;
    for part in [key.as_slice(), source, octets, key] {
        for chunk in part.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            sum = mix(sum ^ u64::from_le_bytes(word));
        }
    }
    sum.to_le_bytes()
}

/// A key made of a text: what PBKDF2 does in earnest.
pub(crate) fn key_of(text: &[u8]) -> [u8; 16] {
    let mut key = [0; 16];
    for (n, half) in key.chunks_mut(8).enumerate() {
        half.copy_from_slice(&check(&[n as u8; 16], &[0; 16], text));
    }
    key
}

/// Makes `octets` unreadable for whoever has not got the key, and readable again.
pub(crate) fn veil(key: &[u8; 16], salt: &[u8], octets: &[u8]) -> Vec<u8> {
    let pads = (0u8..).flat_map(|n| check(key, &[n; 16], salt));
    octets.iter().zip(pads).map(|(a, b)| a ^ b).collect()
}

fn udp(source: &Ipv6, destination: &Ipv6, payload: &[u8]) -> Vec<u8> {
    // A message has less than ten TLVs of its own, and what repeats is bounded by whoever writes it.
    let length = ((payload.len() + 8) as u16).to_be_bytes();
    let mut datagram = [&PORTS, length.as_slice(), &[0, 0], payload].concat();
    let sum = match ping::checksum(source, destination, UDP, &datagram) {
        0 => 0xFFFF,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    let header = [0x60, 0, 0, 0, length[0], length[1], UDP, HOP_LIMIT];
    [&header, source.as_slice(), destination, &datagram].concat()
}

fn address(packet: &[u8], at: usize) -> Option<Ipv6> {
    packet.get(at..at + 16)?.try_into().ok()
}

/// The finaliser of splitmix64 (see [`crate::sim::rng`]).
fn mix(word: u64) -> u64 {
    crate::sim::rng::Rng::new(word).next_u64()
}

// Commands of MLE (Thread specification, section 4.5).
pub(crate) const ADVERTISEMENT: u8 = 4;
pub(crate) const PARENT_REQUEST: u8 = 9;
pub(crate) const PARENT_RESPONSE: u8 = 10;
pub(crate) const CHILD_ID_REQUEST: u8 = 11;
pub(crate) const CHILD_ID_RESPONSE: u8 = 12;
pub(crate) const CHILD_UPDATE: u8 = 13;
pub(crate) const DISCOVERY_REQUEST: u8 = 16;
pub(crate) const DISCOVERY_RESPONSE: u8 = 17;
// Our own: what Thread does by CoAP and DTLS.
pub(crate) const ROUTER_ID_REQUEST: u8 = 0xC0;
pub(crate) const ROUTER_ID_RESPONSE: u8 = 0xC1;
pub(crate) const JOIN_REQUEST: u8 = 0xC2;
pub(crate) const JOIN_ENTRUST: u8 = 0xC3;
pub(crate) const JOIN_REJECT: u8 = 0xC4;

// TLVs of MLE.
pub(crate) const SOURCE_ADDRESS: u8 = 0;
pub(crate) const MODE: u8 = 1;
pub(crate) const TIMEOUT: u8 = 2;
pub(crate) const CHALLENGE: u8 = 3;
pub(crate) const RESPONSE: u8 = 4;
pub(crate) const ADDRESS16: u8 = 10;
pub(crate) const LEADER_DATA: u8 = 11;
pub(crate) const NETWORK_DATA: u8 = 12;
pub(crate) const VERSION: u8 = 18;
pub(crate) const ACTIVE_DATASET: u8 = 24;
pub(crate) const DISCOVERY: u8 = 26;
// Our own.
pub(crate) const ROLE: u8 = 0xC0;
pub(crate) const ADDRESSES: u8 = 0xC1;
pub(crate) const EUI64: u8 = 0xC2;
pub(crate) const CHECK: u8 = 0xCF;

/// ff02::1
pub(crate) const ALL_NODES: Ipv6 = [0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
/// The longest value with a length of one octet; 255 announces a longer form.
pub(crate) const TLV_MAX: usize = 254;
/// Port 19788 twice.
const PORTS: [u8; 4] = [0x4D, 0x4C, 0x4D, 0x4C];
const NO_SECURITY: u8 = 255;
const UDP: u8 = 17;
/// MLE packets do not leave the link.
const HOP_LIMIT: u8 = 255;
/// IPv6 and UDP.
const HEADERS_LEN: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 16] = [7; 16];
    const FROM: Ipv6 = [0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

    #[test]
    fn is_believed_with_the_key_alone() {
        let message = Message::new(ADVERTISEMENT)
            .with(MODE, &[0x0F])
            .with(ADDRESSES, &[1; 32]);
        let packet = message.to_packet(&FROM, &ALL_NODES, Some(&KEY));
        let (from, parsed, checked) = parse(&packet, &KEY).unwrap();
        assert_eq!((from, checked), (FROM, true));
        assert_eq!(parsed.array(MODE), Some([0x0F]));
        assert_eq!(parsed.get(ADDRESSES), Some([1; 32].as_slice()));
        assert!(!parse(&packet, &[8; 16]).unwrap().2);
        let open = message.to_packet(&FROM, &ALL_NODES, None);
        assert!(!parse(&open, &KEY).unwrap().2);
    }

    #[test]
    fn what_is_veiled_comes_back() {
        let veiled = veil(&KEY, b"salt", b"the network key and more");
        assert_ne!(veiled, b"the network key and more");
        assert_eq!(veil(&KEY, b"salt", &veiled), b"the network key and more");
    }

    proptest! {
        #[test]
        fn noise_is_harmless(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let packet = udp(&FROM, &ALL_NODES, &[&[NO_SECURITY], payload.as_slice()].concat());
            let _ = parse(&packet, &KEY);
            let _ = parse(&payload, &KEY);
        }
    }
}
