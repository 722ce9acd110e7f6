//! The Spinel frame (protocol §1.1, §1.2): a header octet, a command, a payload.
//!
//! ```text
//!   7   6   5   4   3   2   1   0
//! +---+---+---+---+---+---+---+---+-----------------+---------
//! |FLG = 2|  IID  |      TID      | CMD, 1..3 octets | PAYLOAD
//! +---+---+---+---+---+---+---+---+-----------------+---------
//! ```
//!
//! [`Frame::parse`] guarantees a header with FLG 2 and a command; what the payload holds is for the
//! command to say. Nothing that is parsed here is copied.

use super::ids::{Command, Property, Status};
use super::packed::{Malformed, Overflow, Reader, Writer};
use core::{fmt, num::NonZeroU8};

/// The largest frame of OpenThread's firmware, header and command included, in octets
/// (`SPINEL_FRAME_MAX_SIZE`, protocol §1.1).
pub const FRAME_MAX: usize = 1300;

/// The largest transaction id (protocol §1.2).
pub const TID_MAX: u8 = 15;

/// The largest interface id (protocol §1.1).
pub const IID_MAX: u8 = 3;

/// The first octet of a frame. Displays as `TID 1`, and `IID 2 TID 1` for another interface than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    iid: u8,
    tid: u8,
}

impl Header {
    /// A frame for interface 0 that wants no reply or is none.
    pub const UNSOLICITED: Header = Header { iid: 0, tid: 0 };

    /// `None` unless `iid` is 0..=3 and `tid` is 0..=15. TID 0 asks for no reply, or is none.
    pub const fn new(iid: u8, tid: u8) -> Option<Self> {
        if iid > IID_MAX || tid > TID_MAX {
            return None;
        }
        Some(Header { iid, tid })
    }

    /// Reads the first octet of a frame; `None` unless FLG is 2, which says "not Spinel" (protocol
    /// §1.1, errata E7).
    pub const fn parse(octet: u8) -> Option<Self> {
        if octet & FLG_MASK != FLG {
            return None;
        }
        Some(Header {
            iid: octet >> IID_SHIFT & IID_MAX,
            tid: octet & TID_MAX,
        })
    }

    /// The interface id, 0..=3; 0 is the only one of an ordinary co-processor.
    pub const fn iid(self) -> u8 {
        self.iid
    }

    /// The transaction id, 1..=15; `None` when no reply is wanted, or when this is no reply.
    pub const fn tid(self) -> Option<NonZeroU8> {
        NonZeroU8::new(self.tid)
    }

    /// The octet on the wire.
    pub const fn to_octet(self) -> u8 {
        FLG | self.iid << IID_SHIFT | self.tid
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.iid != 0 {
            write!(f, "IID {} ", self.iid)?;
        }
        write!(f, "TID {}", self.tid)
    }
}

/// A frame that has been checked as far as its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Whom it is for, and what it answers.
    pub header: Header,
    /// What it asks for or tells; known or not.
    pub command: Command,
    /// The rest. May be empty.
    pub payload: &'a [u8],
}

/// Why octets are not a Spinel frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// There is no octet.
    Empty,
    /// The first octet, given here, does not have FLG 2.
    NotSpinel(u8),
    /// The command is not a packed unsigned integer of at most three octets.
    Command(Malformed),
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            FrameError::Empty => f.write_str("empty frame"),
            FrameError::NotSpinel(octet) => {
                write!(
                    f,
                    "not Spinel: the first octet is 0x{octet:02X}, not 0x80..=0xBF"
                )
            }
            FrameError::Command(Malformed::IntegerTooLong) => {
                f.write_str("the command is longer than three octets")
            }
            FrameError::Command(_) => f.write_str("the frame ends before its command does"),
        }
    }
}

impl std::error::Error for FrameError {}

impl<'a> Frame<'a> {
    /// Checks header and command. The length is not limited to [`FRAME_MAX`]: that is the sender's
    /// rule, and the transport has its own.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn parse(octets: &'a [u8]) -> Result<Self, FrameError> {
        let (&first, rest) = octets.split_first().ok_or(FrameError::Empty)?;
        let header = Header::parse(first).ok_or(FrameError::NotSpinel(first))?;
        let mut reader = Reader::new(rest);
        let command = reader.uint_packed().map_err(FrameError::Command)?;
        Ok(Frame {
            header,
            command: Command(command),
            payload: reader.rest(),
        })
    }

    /// Splits the payload of a command that concerns one property (2..=8) into the property and its
    /// value.
    ///
    /// # Errors
    /// [`Malformed`] when the payload does not begin with a property.
    pub fn property(&self) -> Result<(Property, &'a [u8]), Malformed> {
        let mut reader = Reader::new(self.payload);
        let property = Property(reader.uint_packed()?);
        Ok((property, reader.rest()))
    }

    /// The status that it carries, if it is a LAST_STATUS.
    pub fn last_status(&self) -> Option<Status> {
        if self.command != Command::PROP_VALUE_IS {
            return None;
        }
        match self.property() {
            Ok((Property::LAST_STATUS, value)) => Reader::new(value).uint_packed().ok().map(Status),
            _ => None,
        }
    }
}

/// Writes a frame with any payload to the front of `buf` and returns its length in octets.
///
/// ```
/// # use spinel_bridge::wire::{ids::Command, spinel::{write_frame, Header}};
/// let mut buf = [0; 8];
/// let header = Header::new(0, 1).unwrap();
/// let len = write_frame(&mut buf, header, Command::NOOP, |_| Ok(())).unwrap();
/// assert_eq!(buf[..len], [0x81, 0x00]);
/// ```
///
/// # Errors
/// [`Overflow`] when `buf` is too short, or what `payload` returns.
pub fn write_frame(
    buf: &mut [u8],
    header: Header,
    command: Command,
    payload: impl FnOnce(&mut Writer<'_>) -> Result<(), Overflow>,
) -> Result<usize, Overflow> {
    let mut writer = Writer::new(buf);
    writer.uint8(header.to_octet())?;
    writer.uint_packed(command.0)?;
    payload(&mut writer)?;
    Ok(writer.len())
}

/// [`write_frame`] for a command that concerns one property: its number, then whatever `value`
/// writes.
///
/// ```
/// # use spinel_bridge::wire::{ids::{Command, Property}, spinel::{write_property, Header}};
/// let mut buf = [0; 8];
/// let header = Header::new(0, 8).unwrap();
/// let set = Command::PROP_VALUE_SET;
/// let len = write_property(&mut buf, header, set, Property::PHY_CHAN, |value| value.uint8(11));
/// assert_eq!(buf[..len.unwrap()], [0x88, 0x03, 0x21, 0x0B]);
/// ```
///
/// # Errors
/// [`Overflow`] when `buf` is too short, or what `value` returns.
pub fn write_property(
    buf: &mut [u8],
    header: Header,
    command: Command,
    property: Property,
    value: impl FnOnce(&mut Writer<'_>) -> Result<(), Overflow>,
) -> Result<usize, Overflow> {
    write_frame(buf, header, command, |payload| {
        payload.uint_packed(property.0)?;
        value(payload)
    })
}

const FLG: u8 = 0x80;
const FLG_MASK: u8 = 0xC0;
const IID_SHIFT: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The frames of protocol §1.5 as header, command, payload.
    const VECTORS: &[(&str, u8, u32, &str)] = &[
        ("81 00", 1, 0, ""),
        ("81 06 00 00", 1, 6, "00 00"),
        ("80 01", 0, 1, ""),
        ("80 01 01", 0, 1, "01"),
        ("80 01 02", 0, 1, "02"),
        ("80 01 03", 0, 1, "03"),
        ("80 06 00 70", 0, 6, "00 70"),
        ("80 06 00 78", 0, 6, "00 78"),
        ("81 02 01", 1, 2, "01"),
        ("81 06 01 04 03", 1, 6, "01 04 03"),
        ("88 03 21 0B", 8, 3, "21 0B"),
        ("88 06 21 0B", 8, 6, "21 0B"),
        ("89 02 89 20", 9, 2, "89 20"),
        ("8A 03 88 20 46 4B", 10, 3, "88 20 46 4B"),
        ("8B 04 88 20 52", 11, 4, "88 20 52"),
        ("8B 07 88 20 52", 11, 7, "88 20 52"),
        ("8C 05 88 20 52", 12, 5, "88 20 52"),
        ("8C 08 88 20 52", 12, 8, "88 20 52"),
        ("8C 03 81 80 01 03", 12, 3, "81 80 01 03"),
        ("81 15 01 02 05", 1, 21, "01 02 05"),
        (
            "82 16 02 00 21 0B 03 00 36 CE FA",
            2,
            22,
            "02 00 21 0B 03 00 36 CE FA",
        ),
        (
            "82 17 02 00 21 0B 02 00 00 03",
            2,
            23,
            "02 00 21 0B 02 00 00 03",
        ),
        ("83 12 00 00 00 20 04 00", 3, 18, "00 00 00 20 04 00"),
        (
            "83 13 00 00 00 20 04 00 DE AD BE EF",
            3,
            19,
            "00 00 00 20 04 00 DE AD BE EF",
        ),
        (
            "84 14 00 00 00 20 02 00 AA 55",
            4,
            20,
            "00 00 00 20 02 00 AA 55",
        ),
        ("81 09", 1, 9, ""),
        ("82 0B", 2, 11, ""),
        ("81 0A", 1, 10, ""),
        (
            "80 0C 07 00 00 00 3C 00 02 01 02",
            0,
            12,
            "07 00 00 00 3C 00 02 01 02",
        ),
        ("85 0F 07 00 00 00 00", 5, 15, "07 00 00 00 00"),
        ("80 0D 07 00 00 00 00", 0, 13, "07 00 00 00 00"),
        ("86 10 07 00 00 00 00 01 02", 6, 16, "07 00 00 00 00 01 02"),
        ("80 0E 07 00 00 00", 0, 14, "07 00 00 00"),
        ("87 11 07 00 00 00 00", 7, 17, "07 00 00 00 00"),
    ];

    /// The frames of protocol §1.5 that concern one property, by their parts.
    const PROPERTIES: &[(&str, u8, Command, Property, &str)] = &[
        (
            "81 02 01",
            1,
            Command::PROP_VALUE_GET,
            Property::PROTOCOL_VERSION,
            "",
        ),
        (
            "81 06 01 04 01",
            1,
            Command::PROP_VALUE_IS,
            Property::PROTOCOL_VERSION,
            "04 01",
        ),
        (
            "80 06 00 71",
            0,
            Command::PROP_VALUE_IS,
            Property::LAST_STATUS,
            "71",
        ),
        (
            "89 02 89 20",
            9,
            Command::PROP_VALUE_GET,
            Property::UNSOL_UPDATE_LIST,
            "",
        ),
        (
            "8A 06 88 20 46 4B",
            10,
            Command::PROP_VALUE_IS,
            Property::UNSOL_UPDATE_FILTER,
            "46 4B",
        ),
        (
            "8B 04 88 20 52",
            11,
            Command::PROP_VALUE_INSERT,
            Property::UNSOL_UPDATE_FILTER,
            "52",
        ),
        (
            "8C 08 88 20 52",
            12,
            Command::PROP_VALUE_REMOVED,
            Property::UNSOL_UPDATE_FILTER,
            "52",
        ),
        (
            "8C 03 81 80 01 03",
            12,
            Command::PROP_VALUE_SET,
            Property::DEBUG_NCP_LOG_LEVEL,
            "03",
        ),
    ];

    fn octets(hex: &str) -> Vec<u8> {
        hex.split_whitespace()
            .map(|octet| u8::from_str_radix(octet, 16).unwrap())
            .collect()
    }

    #[test]
    fn vectors_parse() {
        for &(hex, tid, command, payload) in VECTORS {
            let frame = octets(hex);
            let parsed = Frame::parse(&frame).unwrap();
            assert_eq!(parsed.header, Header::new(0, tid).unwrap(), "{hex}");
            assert_eq!(parsed.command, Command(command), "{hex}");
            assert_eq!(parsed.payload, octets(payload), "{hex}");
        }
    }

    #[test]
    fn vectors_are_written_into_a_used_buffer() {
        for &(hex, tid, command, payload) in VECTORS {
            let mut buf = [0xA5; 32];
            let header = Header::new(0, tid).unwrap();
            let len = write_frame(&mut buf, header, Command(command), |writer| {
                writer.data(&octets(payload))
            })
            .unwrap();
            assert_eq!(buf[..len], octets(hex), "{hex}");
            assert!(buf[len..].iter().all(|&octet| octet == 0xA5));
        }
    }

    #[test]
    fn property_vectors_both_ways() {
        for &(hex, tid, command, property, value) in PROPERTIES {
            let frame = octets(hex);
            let parsed = Frame::parse(&frame).unwrap();
            assert_eq!(parsed.command, command, "{hex}");
            assert_eq!(
                parsed.property(),
                Ok((property, &octets(value)[..])),
                "{hex}"
            );

            let mut buf = [0xA5; 32];
            let header = Header::new(0, tid).unwrap();
            let len = write_property(&mut buf, header, command, property, |writer| {
                writer.data(&octets(value))
            });
            assert_eq!(buf[..len.unwrap()], frame, "{hex}");
        }
    }

    #[test]
    fn trailing_octets_are_payload() {
        let frame = Frame::parse(&[0x81, 0x00, 0xA5]).unwrap();
        assert_eq!((frame.command, frame.payload), (Command::NOOP, &[0xA5][..]));
    }

    #[test]
    fn flg_must_be_two() {
        for octet in 0..=u8::MAX {
            let header = Header::parse(octet);
            assert_eq!(
                header.is_some(),
                (0x80..=0xBF).contains(&octet),
                "{octet:#04X}"
            );
            assert!(header.map_or(true, |header| header.to_octet() == octet));
        }
    }

    #[test]
    fn header_refuses_what_has_no_bits() {
        assert_eq!(Header::new(4, 0), None);
        assert_eq!(Header::new(0, 16), None);
        assert_eq!(Header::new(3, 15).map(Header::to_octet), Some(0xBF));
        assert_eq!(Header::new(1, 1).map(Header::to_octet), Some(0x91));
    }

    #[test]
    fn tid_zero_is_no_tid() {
        assert_eq!(Header::UNSOLICITED.tid(), None);
        let header = Header::parse(0xA7).unwrap();
        assert_eq!((header.iid(), header.tid()), (2, NonZeroU8::new(7)));
        assert_eq!(header.to_string(), "IID 2 TID 7");
    }

    #[test]
    fn refused_frames() {
        let refused = |frame: &[u8], error| assert_eq!(Frame::parse(frame), Err(error));
        refused(&[], FrameError::Empty);
        refused(&[0x7E, 0x00], FrameError::NotSpinel(0x7E));
        refused(&[0xC1, 0x00], FrameError::NotSpinel(0xC1));
        refused(&[0x81], FrameError::Command(Malformed::Truncated));
        refused(
            &[0x81, 0x80, 0x80],
            FrameError::Command(Malformed::Truncated),
        );
        refused(
            &[0x81, 0x80, 0x80, 0x80, 0x01],
            FrameError::Command(Malformed::IntegerTooLong),
        );
    }

    #[test]
    fn a_short_buffer_overflows() {
        let header = Header::UNSOLICITED;
        for room in 0..4 {
            let written = write_property(
                &mut [0xA5; 4][..room],
                header,
                Command::PROP_VALUE_IS,
                Property::LAST_STATUS,
                |value| value.uint8(0),
            );
            assert_eq!(written, Err(Overflow), "{room} octets");
        }
    }

    proptest! {
        #[test]
        fn frames_round_trip(
            iid in 0..=IID_MAX,
            tid in 0..=TID_MAX,
            command in 0..=crate::wire::packed::UINT_PACKED_MAX,
            payload in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let header = Header::new(iid, tid).unwrap();
            let mut buf = [0xA5; 80];
            let len = write_frame(&mut buf, header, Command(command), |w| w.data(&payload)).unwrap();
            let frame = Frame { header, command: Command(command), payload: &payload };
            prop_assert_eq!(Frame::parse(&buf[..len]), Ok(frame));
        }

        #[test]
        fn any_octets_parse_or_fail(octets in prop::collection::vec(any::<u8>(), 0..16)) {
            if let Ok(frame) = Frame::parse(&octets) {
                prop_assert!(octets.ends_with(frame.payload));
                let _ = frame.property();
            }
        }
    }
}
