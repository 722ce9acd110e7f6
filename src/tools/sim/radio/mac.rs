//! IEEE 802.15.4 MAC frames without security, as far as the simulated radio needs them.

/// What a frame is (frame control, bits 2-0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Beacon = 0,
    Data = 1,
    Command = 3,
}

/// An address in a frame. An extended address is in the order in which it is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    None,
    Short(u16),
    Extended([u8; 8]),
}

impl Address {
    const fn mode(self) -> u16 {
        match self {
            Address::None => 0,
            Address::Short(_) => 2,
            Address::Extended(_) => 3,
        }
    }

    fn write(self, frame: &mut Vec<u8>) {
        match self {
            Address::None => {}
            Address::Short(address) => frame.extend(address.to_le_bytes()),
            Address::Extended(address) => frame.extend(address.iter().rev()),
        }
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) sequence: u8,
    /// The PAN of the destination, or of the source where there is no destination.
    pub(crate) panid: u16,
    pub(crate) destination: Address,
    pub(crate) source: Address,
}

/// A PSDU: header, payload, FCS.
pub(crate) fn build(header: &Header, payload: &[u8]) -> Vec<u8> {
    let both = header.destination != Address::None && header.source != Address::None;
    let control = header.kind as u16
        | if both { PANID_COMPRESSION } else { 0 }
        | header.destination.mode() << 10
        | VERSION_2006 << 12
        | header.source.mode() << 14;
    let mut frame = Vec::with_capacity(PSDU_MAX);
    frame.extend(control.to_le_bytes());
    frame.push(header.sequence);
    frame.extend(header.panid.to_le_bytes());
    header.destination.write(&mut frame);
    header.source.write(&mut frame);
    frame.extend(payload);
    frame.extend(fcs(&frame).to_le_bytes());
    frame
}

/// The header and the payload of a PSDU; `None` if its FCS is wrong, or it is of a kind that nobody
/// here sends.
pub(crate) fn parse(psdu: &[u8]) -> Option<(Header, &[u8])> {
    if psdu.len() > PSDU_MAX || psdu.len() < MIN_LEN {
        return None;
    }
    let (body, check) = psdu.split_at(psdu.len() - FCS_LEN);
    if fcs(body).to_le_bytes() != check {
        return None;
    }
    let mut rest = body;
    let control = uint16(&mut rest)?;
    let kind = match control & 0x07 {
        0 => Kind::Beacon,
        1 => Kind::Data,
        3 => Kind::Command,
        _ => return None,
    };
    if control & SECURITY != 0 || control >> 12 & 0x03 > VERSION_2006 {
        return None;
    }
    let sequence = take(&mut rest, 1)?[0];
    let (to, from) = (control >> 10 & 0x03, control >> 14);
    let compressed = control & PANID_COMPRESSION != 0;
    let mut panid = None;
    if to != 0 {
        panid = Some(uint16(&mut rest)?);
    }
    let destination = address(&mut rest, to)?;
    if from != 0 && !compressed {
        let own = uint16(&mut rest)?;
        panid = panid.or(Some(own));
    }
    let source = address(&mut rest, from)?;
    let header = Header {
        kind,
        sequence,
        panid: panid?,
        destination,
        source,
    };
    Some((header, rest))
}

fn address(rest: &mut &[u8], mode: u16) -> Option<Address> {
    Some(match mode {
        0 => Address::None,
        2 => Address::Short(uint16(rest)?),
        3 => {
            let mut address = [0; 8];
            address.copy_from_slice(take(rest, 8)?);
            address.reverse();
            Address::Extended(address)
        }
        _ => return None,
    })
}

fn uint16(rest: &mut &[u8]) -> Option<u16> {
    let octets = take(rest, 2)?;
    Some(u16::from_le_bytes([octets[0], octets[1]]))
}

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    if n > rest.len() {
        return None;
    }
    let (front, behind) = rest.split_at(n);
    *rest = behind;
    Some(front)
}

/// The FCS of IEEE 802.15.4: the polynomial of X.25, but neither preset nor inverted.
fn fcs(octets: &[u8]) -> u16 {
    octets.iter().fold(0, |sum, octet| {
        let mut sum = sum ^ u16::from(*octet);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0x8408
            } else {
                sum >> 1
            };
        }
        sum
    })
}

/// The short address, and the PAN id, of everyone.
pub(crate) const BROADCAST: u16 = 0xFFFF;
/// aMaxPHYPacketSize.
pub(crate) const PSDU_MAX: usize = 127;
pub(crate) const FCS_LEN: usize = 2;
/// What the payload of a data frame may have between two extended addresses.
pub(crate) const PAYLOAD_MAX: usize = PSDU_MAX - 21 - FCS_LEN;
/// The MAC command "beacon request".
pub(crate) const BEACON_REQUEST: u8 = 7;
/// Frame control and sequence number.
const MIN_LEN: usize = 3 + FCS_LEN;
const SECURITY: u16 = 0x0008;
const PANID_COMPRESSION: u16 = 0x0040;
const VERSION_2006: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A beacon request as every sniffer shows it, with its FCS.
    #[test]
    fn a_beacon_request() {
        let header = Header {
            kind: Kind::Command,
            sequence: 0x35,
            panid: BROADCAST,
            destination: Address::Short(BROADCAST),
            source: Address::None,
        };
        let frame = build(&header, &[BEACON_REQUEST]);
        assert_eq!(frame[..8], [0x03, 0x18, 0x35, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]);
        assert_eq!(parse(&frame), Some((header, [BEACON_REQUEST].as_slice())));
    }

    /// CRC-16/KERMIT's check value.
    #[test]
    fn the_check_sum_is_the_right_one() {
        assert_eq!(fcs(b"123456789"), 0x2189);
    }

    #[test]
    fn any_bit_counts() {
        let header = Header {
            kind: Kind::Data,
            sequence: 1,
            panid: 0xFACE,
            destination: Address::Short(0xFFFF),
            source: Address::Extended([1, 2, 3, 4, 5, 6, 7, 8]),
        };
        let frame = build(&header, b"payload");
        for bit in 0..frame.len() * 8 {
            let mut frame = frame.clone();
            frame[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(parse(&frame), None);
        }
    }

    fn address() -> impl Strategy<Value = Address> {
        prop_oneof![
            any::<u16>().prop_map(Address::Short),
            any::<[u8; 8]>().prop_map(Address::Extended),
        ]
    }

    proptest! {
        #[test]
        fn comes_back(
            sequence: u8, panid: u16, destination in address(), source in address(),
            payload in prop::collection::vec(any::<u8>(), 0..PAYLOAD_MAX),
        ) {
            let header = Header { kind: Kind::Data, sequence, panid, destination, source };
            let frame = build(&header, &payload);
            prop_assert!(frame.len() <= PSDU_MAX);
            prop_assert_eq!(parse(&frame), Some((header, payload.as_slice())));
        }

        #[test]
        fn noise_with_a_good_check_sum_is_harmless(
            mut frame in prop::collection::vec(any::<u8>(), 0..130),
        ) {
            let sum = fcs(&frame);
            frame.extend(sum.to_le_bytes());
            let _ = parse(&frame);
        }
    }
}
