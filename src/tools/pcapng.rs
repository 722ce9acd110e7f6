//! Frames as a pcapng file, for Wireshark and the like: blocks of octets, nothing that writes them.
//!
//! A file of sniffed 802.15.4 frames is [`head`] and then one [`packet`] for each. One of `--tap` is [`head_of_tap`] and
//! then [`packet_of_spinel`] and [`packet_of_air`], on an interface each:
//!
//! ```text
//! Section Header │ Interface Description │ Enhanced Packet │ Enhanced Packet │ ..
//! ```
//!
//! Little endian; time stamps in microseconds. The link type is IEEE802_15_4_TAP (283): each packet
//! begins with a TAP header whose TLVs tell what a frame cannot: its FCS, RSSI, channel and LQI. See
//! draft-ietf-opsawg-pcapng, and <https://github.com/jkcko/ieee802.15.4-tap> for TAP.

use crate::ctl::{Field, Fields};
use crate::wire::sniffed::Sniffed;

/// A frame as it was heard (protocol §3.13).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The frame, with its FCS if it has one.
    pub octets: Vec<u8>,
    /// Whether the frame ends with its FCS. What our own co-processor sent has none.
    pub has_fcs: bool,
    /// Our own co-processor sent it.
    pub was_sent: bool,
    /// It was received with a wrong FCS.
    pub bad_fcs: bool,
    /// Microseconds, on the co-processor's clock; `None` if it did not say.
    pub timestamp_us: Option<u64>,
    /// The channel, page 0.
    pub channel: Option<u8>,
    /// Signal strength in dBm.
    pub rssi: Option<i8>,
    /// Link quality, 0..=255.
    pub lqi: Option<u8>,
}

impl Frame {
    /// Reads a row of the verb `pcap`. `None`: it has no frame.
    pub fn from_row(row: &Fields) -> Option<Self> {
        let number = |name| match row.get(name) {
            Some(Field::Number(number)) => Some(*number),
            _ => None,
        };
        let flag = |name, otherwise| match row.get(name) {
            Some(&Field::Bool(flag)) => flag,
            _ => otherwise,
        };
        let octets = match row.get("frame") {
            Some(Field::Word(hex) | Field::Text(hex)) => octets(hex)?,
            // Decimal digits alone, from a server that does not quote them.
            Some(Field::Number(digits)) => octets(&digits.to_string())?,
            _ => return None,
        };
        let rssi = number("rssi").and_then(|dbm| i8::try_from(dbm).ok());
        Some(Frame {
            octets,
            has_fcs: flag("fcs", true),
            was_sent: flag("tx", false),
            bad_fcs: flag("bad_fcs", false),
            timestamp_us: number("timestamp").and_then(|us| u64::try_from(us).ok()),
            channel: number("channel").and_then(|channel| u8::try_from(channel).ok()),
            rssi: rssi.filter(|&dbm| dbm != RSSI_UNKNOWN),
            lqi: number("lqi").and_then(|lqi| u8::try_from(lqi).ok()),
        })
    }
}

impl From<Sniffed<'_>> for Frame {
    fn from(sniffed: Sniffed<'_>) -> Self {
        let metadata = sniffed.metadata;
        Frame {
            octets: sniffed.frame.to_vec(),
            has_fcs: !sniffed.is_sent,
            was_sent: sniffed.is_sent,
            bad_fcs: sniffed.has_bad_fcs(),
            timestamp_us: metadata.timestamp_us,
            channel: metadata.channel,
            rssi: metadata.power.filter(|_| !sniffed.is_sent),
            lqi: metadata.lqi,
        }
    }
}

/// What a file begins with. `interface` is what is shown as the source of the frames.
pub fn head(interface: &str) -> Vec<u8> {
    let mut file = section();
    file.extend(description(LINKTYPE, interface));
    file
}

/// What a file begins with that has Spinel frames on interface 0, whose link type is USER0 and which is shown as `name`,
/// and those of the air on interface 1.
pub fn head_of_tap(name: &str) -> Vec<u8> {
    let mut file = section();
    file.extend(description(LINKTYPE_USER0, name));
    file.extend(description(LINKTYPE, &format!("{name}-air")));
    file
}

fn section() -> Vec<u8> {
    let mut section = Vec::new();
    section.extend_from_slice(&BYTE_ORDER.to_le_bytes());
    section.extend_from_slice(&1_u16.to_le_bytes()); // version 1.0
    section.extend_from_slice(&0_u16.to_le_bytes());
    section.extend_from_slice(&u64::MAX.to_le_bytes()); // length of the section: not known
    option(&mut section, SHB_USERAPPL, PROGRAM.as_bytes());
    end_of_options(&mut section);
    block(SECTION_HEADER, &section)
}

fn description(link_type: u16, name: &str) -> Vec<u8> {
    let mut description = Vec::new();
    description.extend_from_slice(&link_type.to_le_bytes());
    description.extend_from_slice(&[0; 2]);
    description.extend_from_slice(&0_u32.to_le_bytes()); // packets are whole
    option(&mut description, IF_NAME, name.as_bytes());
    option(&mut description, IF_TSRESOL, &[6]); // 10^-6 s
    end_of_options(&mut description);
    block(INTERFACE_DESCRIPTION, &description)
}

/// A frame at a time, in microseconds since 1970.
pub fn packet(time_us: u64, frame: &Frame) -> Vec<u8> {
    packet_of(0, time_us, frame)
}

/// The same in the file that [`head_of_tap`] begins.
pub fn packet_of_air(time_us: u64, frame: &Frame) -> Vec<u8> {
    packet_of(1, time_us, frame)
}

/// A Spinel frame in that file. `is_sent`: it went to the co-processor.
pub fn packet_of_spinel(time_us: u64, is_sent: bool, frame: &[u8]) -> Vec<u8> {
    enhanced(0, time_us, frame, direction(is_sent))
}

fn packet_of(interface: u32, time_us: u64, frame: &Frame) -> Vec<u8> {
    let error = if frame.bad_fcs { CRC_ERROR } else { 0 };
    let flags = direction(frame.was_sent) | error;
    enhanced(interface, time_us, &tap(frame), flags)
}

const fn direction(is_sent: bool) -> u32 {
    if is_sent {
        OUTBOUND
    } else {
        INBOUND
    }
}

fn enhanced(interface: u32, time_us: u64, data: &[u8], flags: u32) -> Vec<u8> {
    // A frame has at most some 2,000 octets; one that is too long for a block is cut short.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut body = Vec::with_capacity(data.len() + 48);
    body.extend_from_slice(&interface.to_le_bytes());
    body.extend_from_slice(&((time_us >> 32) as u32).to_le_bytes());
    body.extend_from_slice(&(time_us as u32).to_le_bytes());
    body.extend_from_slice(&length.to_le_bytes()); // captured
    body.extend_from_slice(&length.to_le_bytes()); // as it was
    body.extend_from_slice(data);
    pad(&mut body);
    option(&mut body, EPB_FLAGS, &flags.to_le_bytes());
    end_of_options(&mut body);
    block(ENHANCED_PACKET, &body)
}

/// The TAP header and the frame.
fn tap(frame: &Frame) -> Vec<u8> {
    let mut tap = vec![0; TAP_HEADER_LEN];
    let fcs = if frame.has_fcs { FCS_16 } else { FCS_NONE };
    tlv(&mut tap, TAP_FCS_TYPE, &[fcs]);
    if let Some(dbm) = frame.rssi {
        tlv(&mut tap, TAP_RSS, &f32::from(dbm).to_le_bytes());
    }
    if let Some(channel) = frame.channel {
        tlv(&mut tap, TAP_CHANNEL, &[channel, 0, 0]); // page 0
    }
    if let Some(lqi) = frame.lqi {
        tlv(&mut tap, TAP_LQI, &[lqi]);
    }
    if let Some(us) = frame.timestamp_us {
        let ns = us.saturating_mul(1_000);
        tlv(&mut tap, TAP_START_OF_FRAME, &ns.to_le_bytes());
    }
    // Five TLVs of at most 12 octets.
    let length = tap.len() as u16;
    tap[2..4].copy_from_slice(&length.to_le_bytes());
    tap.extend_from_slice(&frame.octets);
    tap
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 12).unwrap_or(u32::MAX);
    let mut block = Vec::with_capacity(body.len() + 12);
    block.extend_from_slice(&kind.to_le_bytes());
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(body);
    block.extend_from_slice(&length.to_le_bytes());
    block
}

/// Code, length and value, up to the next multiple of 4: an option of pcapng, and a TLV of TAP.
fn tlv(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let value = &value[..value.len().min(OPTION_MAX)];
    body.extend_from_slice(&code.to_le_bytes());
    // At most OPTION_MAX.
    body.extend_from_slice(&(value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    tlv(body, code, value);
}

fn end_of_options(body: &mut Vec<u8>) {
    option(body, 0, &[]);
}

fn pad(body: &mut Vec<u8>) {
    while body.len() % 4 != 0 {
        body.push(0);
    }
}

fn octets(hex: &str) -> Option<Vec<u8>> {
    if hex == "-" {
        return Some(Vec::new());
    }
    let digits = hex.as_bytes();
    if digits.len() % 2 != 0 || digits.len() / 2 > OCTETS_MAX {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let pair = |pair: &[u8]| {
        let octet = digit(pair[0])? << 4 | digit(pair[1])?;
        u8::try_from(octet).ok()
    };
    digits.chunks_exact(2).map(pair).collect()
}

/// What wrote the file.
const PROGRAM: &str = concat!("spinel-bridge ", env!("CARGO_PKG_VERSION"));

/// LINKTYPE_IEEE802_15_4_TAP.
const LINKTYPE: u16 = 283;
/// LINKTYPE_USER0: what it is, is agreed upon by writer and reader.
const LINKTYPE_USER0: u16 = 147;

// Types of blocks, and what the first one begins with.
const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;

// Codes of options.
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;

// Bits of epb_flags.
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;
const CRC_ERROR: u32 = 1 << 24;

/// Version 0, reserved, length of header and TLVs.
const TAP_HEADER_LEN: usize = 4;

// Types of TLVs.
const TAP_FCS_TYPE: u16 = 0;
const TAP_RSS: u16 = 1;
const TAP_CHANNEL: u16 = 3;
const TAP_START_OF_FRAME: u16 = 5;
const TAP_LQI: u16 = 10;

// Values of TAP_FCS_TYPE.
const FCS_NONE: u8 = 0;
const FCS_16: u8 = 1;

/// MD_POWER where it is not known (protocol §3.13).
const RSSI_UNKNOWN: i8 = -128;

/// An option's length has 16 bits; names are short.
const OPTION_MAX: usize = 255;

/// No Spinel frame brings more (protocol §5.2).
const OCTETS_MAX: usize = 2043;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The ACK on channel 15 of protocol §3.13.
    fn ack() -> Frame {
        Frame {
            octets: vec![0x02, 0x00, 0x2A, 0xE0, 0x3B],
            has_fcs: true,
            was_sent: false,
            bad_fcs: false,
            timestamp_us: Some(1_000_000),
            channel: Some(15),
            rssi: Some(-60),
            lqi: Some(255),
        }
    }

    fn row() -> Fields {
        Fields::new()
            .with("frame", Field::word("02002AE03B"))
            .with("channel", 15)
            .with("rssi", -60)
            .with("lqi", 255)
            .with("timestamp", 1_000_000)
            .with("noise", -98)
            .with("fcs", true)
            .with("flags", Field::word("0x0000"))
            .with("tx", false)
    }

    #[test]
    fn golden_file() {
        let name = PROGRAM.len() as u8;
        let padded = PROGRAM.len().next_multiple_of(4);
        let mut golden = vec![0x0A, 0x0D, 0x0D, 0x0A, 36 + padded as u8, 0, 0, 0];
        golden.extend([0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0]);
        golden.extend([0xFF; 8]);
        golden.extend([4, 0, name, 0]);
        golden.extend(PROGRAM.as_bytes());
        golden.resize(golden.len() + padded - PROGRAM.len(), 0);
        golden.extend([0; 4]);
        golden.extend([36 + padded as u8, 0, 0, 0]);
        golden.extend([1, 0, 0, 0, 44, 0, 0, 0, 0x1B, 1, 0, 0, 0, 0, 0, 0]);
        golden.extend([2, 0, 5, 0, b'w', b'p', b'a', b'n', b'0', 0, 0, 0]);
        golden.extend([9, 0, 1, 0, 6, 0, 0, 0]);
        golden.extend([0, 0, 0, 0, 44, 0, 0, 0]);
        assert_eq!(head("wpan0"), golden);

        #[rustfmt::skip] // a row for each field
        let golden = [
            6, 0, 0, 0, 100, 0, 0, 0,
            0, 0, 0, 0,
            0x02, 0, 0, 0, 0x01, 0, 0, 0,
            53, 0, 0, 0, 53, 0, 0, 0,
            0, 0, 48, 0,
            0, 0, 1, 0, 1, 0, 0, 0,
            1, 0, 4, 0, 0x00, 0x00, 0x70, 0xC2,
            3, 0, 3, 0, 15, 0, 0, 0,
            10, 0, 1, 0, 255, 0, 0, 0,
            5, 0, 8, 0, 0x00, 0xCA, 0x9A, 0x3B, 0, 0, 0, 0,
            0x02, 0x00, 0x2A, 0xE0, 0x3B, 0, 0, 0,
            2, 0, 4, 0, 1, 0, 0, 0,
            0, 0, 0, 0,
            100, 0, 0, 0,
        ];
        assert_eq!(packet(0x2_0000_0001, &ack()), golden);
    }

    #[test]
    fn a_row_is_a_frame() {
        assert_eq!(Frame::from_row(&row()), Some(ack()));
        let alone = Fields::new().with("frame", Field::text("1234"));
        assert_eq!(
            Frame::from_row(&alone),
            Some(Frame {
                octets: vec![0x12, 0x34],
                has_fcs: true,
                ..Frame::default()
            })
        );
        for frame in ["0", "0x", "zz", "é1"] {
            let row = Fields::new().with("frame", Field::text(frame));
            assert_eq!(Frame::from_row(&row), None, "{frame}");
        }
        assert_eq!(Frame::from_row(&Fields::new()), None);
        let unknown = Fields::new()
            .with("frame", Field::word("-"))
            .with("rssi", -128)
            .with("channel", 256)
            .with("timestamp", -1)
            .with("fcs", false);
        assert_eq!(Frame::from_row(&unknown), Some(Frame::default()));
    }

    #[test]
    fn a_frame_of_our_own_has_no_fcs() {
        let row = Fields::new()
            .with("frame", Field::word("02002A"))
            .with("fcs", false)
            .with("tx", true);
        let frame = Frame::from_row(&row).unwrap();
        let data = [0, 0, 12, 0, 0, 0, 1, 0, FCS_NONE, 0, 0, 0, 0x02, 0x00, 0x2A];
        assert_eq!(tap(&frame), data);
        assert_eq!(epb_flags(&frame), OUTBOUND);
    }

    #[test]
    fn a_bad_fcs_is_told() {
        let bad = Frame::from_row(&row().with("bad_fcs", true)).unwrap();
        assert_eq!(epb_flags(&bad), INBOUND | CRC_ERROR);
    }

    /// The last option of a packet.
    fn epb_flags(frame: &Frame) -> u32 {
        let block = packet(0, frame);
        let flags = &block[block.len() - 12..block.len() - 8];
        u32::from_le_bytes(flags.try_into().unwrap())
    }

    proptest! {
        #[test]
        fn blocks_have_their_length_at_both_ends(
            octets in prop::collection::vec(any::<u8>(), 0..200),
            time in any::<u64>(),
            stamp in any::<Option<u64>>(),
        ) {
            let frame = Frame { octets, timestamp_us: stamp, ..ack() };
            let block = packet(time, &frame);
            let length = (block.len() as u32).to_le_bytes();
            prop_assert_eq!(block.len() % 4, 0);
            prop_assert_eq!(&block[4..8], length);
            prop_assert_eq!(&block[block.len() - 4..], length);
        }
    }
}
