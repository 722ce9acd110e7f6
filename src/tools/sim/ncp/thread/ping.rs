//! The end of the line for IPv6 packets: an ICMPv6 echo request to one of the co-processor's own
//! addresses or groups gets its answer, everything else is for somebody else.

/// An IPv6 address in network order.
pub(crate) type Ipv6 = [u8; 16];

/// Whom the packets can be for.
pub(crate) trait Addresses {
    /// Whether `address` is a unicast address of this node.
    fn is_own(&self, address: &Ipv6) -> bool;
    /// Whether this node is in the multicast group `address`.
    fn is_joined(&self, address: &Ipv6) -> bool;
    /// The source of an answer to a multicast request from `peer`.
    fn source_for(&self, peer: &Ipv6) -> Ipv6;
}

/// The packet is no IPv6 packet that a stack would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dropped;

/// Takes a packet and makes the answer, if there is one.
///
/// # Errors
/// [`Dropped`] unless it is a whole IPv6 packet of at most [`MTU`] octets, from a unicast source,
/// with the right checksum if it is ICMPv6.
pub(crate) fn answer(
    packet: &[u8],
    addresses: &impl Addresses,
) -> Result<Option<Vec<u8>>, Dropped> {
    if packet.len() < HEADER_LEN || packet.len() > MTU || packet[0] >> 4 != 6 {
        return Err(Dropped);
    }
    let (header, payload) = packet.split_at(HEADER_LEN);
    let source: Ipv6 = array(&header[8..24]);
    let destination: Ipv6 = array(&header[24..40]);
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    if payload.len() != length || is_multicast(&source) {
        return Err(Dropped);
    }
    if header[6] != ICMPV6 {
        return Ok(None);
    }
    // A sum over data and checksum is zero when it is right (RFC 1071).
    if checksum(&source, &destination, ICMPV6, payload) != 0 {
        return Err(Dropped);
    }
    let joined = addresses.is_joined(&destination);
    if payload.len() < ECHO_HEADER_LEN
        || payload[..2] != [ECHO_REQUEST, 0]
        || source == [0; 16]
        || !(joined || addresses.is_own(&destination))
    {
        return Ok(None);
    }
    let own = if joined {
        addresses.source_for(&source)
    } else {
        destination
    };
    Ok(Some(echo_reply(&own, &source, payload)))
}

fn echo_reply(source: &Ipv6, destination: &Ipv6, request: &[u8]) -> Vec<u8> {
    let mut icmp = request.to_vec();
    icmp[..4].copy_from_slice(&[ECHO_REPLY, 0, 0, 0]);
    let sum = checksum(source, destination, ICMPV6, &icmp);
    icmp[2..4].copy_from_slice(&sum.to_be_bytes());
    // The request was at most the MTU, so its length fits 16 bits.
    let length = (icmp.len() as u16).to_be_bytes();
    let header = [0x60, 0, 0, 0, length[0], length[1], ICMPV6, HOP_LIMIT];
    [&header, source.as_slice(), destination, &icmp].concat()
}

/// The Internet checksum (RFC 1071) over the IPv6 pseudo header (RFC 8200, section 8.1) and what
/// follows the IPv6 header: a message of the protocol `next_header`.
pub(crate) fn checksum(source: &Ipv6, destination: &Ipv6, next_header: u8, message: &[u8]) -> u16 {
    let mut sum = message.len() as u64 + u64::from(next_header);
    for part in [source.as_slice(), destination, message] {
        for pair in part.chunks(2) {
            let low = pair.get(1).copied().unwrap_or(0);
            sum += u64::from(u16::from_be_bytes([pair[0], low]));
        }
    }
    while sum > 0xFFFF {
        sum = (sum >> 16) + (sum & 0xFFFF);
    }
    !(sum as u16)
}

pub(crate) const fn is_multicast(address: &Ipv6) -> bool {
    address[0] == 0xFF
}

/// fe80::/10
pub(crate) const fn is_link_local(address: &Ipv6) -> bool {
    address[0] == 0xFE && address[1] & 0xC0 == 0x80
}

fn array(octets: &[u8]) -> Ipv6 {
    let mut array = [0; 16];
    array.copy_from_slice(octets);
    array
}

/// The largest packet on a Thread network (protocol §7.7).
pub(crate) const MTU: usize = 1280;
/// RFC 8200, section 3.
const HEADER_LEN: usize = 40;
/// RFC 4443, section 4.1.
const ECHO_HEADER_LEN: usize = 8;
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
pub(crate) const ICMPV6: u8 = 58;
/// OpenThread's default.
const HOP_LIMIT: u8 = 64;

/// Where a whole IPv6 packet goes.
pub(crate) fn destination(packet: &[u8]) -> Option<Ipv6> {
    let length = usize::from(u16::from_be_bytes([*packet.get(4)?, *packet.get(5)?]));
    let destination = packet.get(24..40)?.try_into().ok()?;
    let whole = packet[0] >> 4 == 6 && packet.len() == 40 + length && packet.len() <= MTU;
    Some(destination).filter(|_| whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Node;

    impl Addresses for Node {
        fn is_own(&self, address: &Ipv6) -> bool {
            *address == LEADER
        }
        fn is_joined(&self, address: &Ipv6) -> bool {
            *address == ALL_NODES
        }
        fn source_for(&self, _peer: &Ipv6) -> Ipv6 {
            LEADER
        }
    }

    /// Protocol §7.7.
    const REQUEST: [u8; 48] = [
        0x60, 0, 0, 0, 0, 0x08, 0x3A, 0x40, 0xFD, 0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0, 0x11, 0x11,
        0x22, 0x22, 0x33, 0x33, 0x44, 0x44, 0xFD, 0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0, 0, 0, 0, 0xFF,
        0xFE, 0, 0xFC, 0, 0x80, 0, 0xF4, 0x3D, 0x12, 0x34, 0, 1,
    ];
    const LEADER: Ipv6 = [
        0xFD, 0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0, 0, 0, 0, 0xFF, 0xFE, 0, 0xFC, 0,
    ];
    const ALL_NODES: Ipv6 = [0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    fn request_to(destination: Ipv6) -> Vec<u8> {
        let mut packet = REQUEST;
        packet[24..40].copy_from_slice(&destination);
        packet[42..44].fill(0);
        let sum = checksum(&array(&packet[8..24]), &destination, ICMPV6, &packet[40..]);
        packet[42..44].copy_from_slice(&sum.to_be_bytes());
        packet.to_vec()
    }

    #[test]
    fn answers_the_request_of_the_documents() {
        let reply = answer(&REQUEST, &Node).unwrap().unwrap();
        let mut expected = REQUEST;
        expected[8..24].copy_from_slice(&LEADER);
        expected[24..40].copy_from_slice(&REQUEST[8..24]);
        expected[40] = 129;
        // One more in the high octet of the first word is one less in the checksum's.
        expected[42] = 0xF3;
        assert_eq!(reply, expected);
    }

    #[test]
    fn answers_a_group_from_its_own_address() {
        let reply = answer(&request_to(ALL_NODES), &Node).unwrap().unwrap();
        assert_eq!(reply[8..24], LEADER);
        assert_eq!(reply[24..40], REQUEST[8..24]);
        assert_eq!(
            checksum(
                &array(&reply[8..24]),
                &array(&reply[24..40]),
                ICMPV6,
                &reply[40..]
            ),
            0
        );
    }

    #[test]
    fn lets_others_vanish() {
        let mut other = LEADER;
        other[15] = 1;
        assert_eq!(answer(&request_to(other), &Node), Ok(None));
    }

    #[test]
    fn drops_what_is_no_packet() {
        let with = |index: usize, octet: u8| {
            let mut packet = REQUEST;
            packet[index] = octet;
            answer(&packet, &Node)
        };
        assert_eq!(answer(&[], &Node), Err(Dropped));
        assert_eq!(answer(&REQUEST[..47], &Node), Err(Dropped));
        assert_eq!(with(0, 0x45), Err(Dropped), "IPv4");
        assert_eq!(with(5, 9), Err(Dropped), "longer than it is");
        assert_eq!(with(8, 0xFF), Err(Dropped), "from a group");
        assert_eq!(with(43, 0), Err(Dropped), "checksum");
        assert_eq!(answer(&[0x60; MTU + 1], &Node), Err(Dropped));
    }

    proptest! {
        #[test]
        fn never_panics(packet in prop::collection::vec(any::<u8>(), 0..1400)) {
            let _ = answer(&packet, &Node);
        }

        /// Also when the header is right and only the rest is not.
        #[test]
        fn never_panics_behind_a_header(icmp in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut packet = request_to(LEADER)[..40].to_vec();
            packet[5] = icmp.len() as u8;
            packet.extend(&icmp);
            let _ = answer(&packet, &Node);
        }
    }
}
