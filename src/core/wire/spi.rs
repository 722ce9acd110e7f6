//! The five octets that open every SPI transaction, in both directions at once (protocol §5.2).
//!
//! ```text
//!  octet     0            1      2        3      4        5 ...
//!        +-----------+---------------+---------------+------------+-----+---------+
//!        |   flags   | RECV_LEN (LE) | DATA_LEN (LE) |   frame    | CRC | padding |
//!        +-----------+---------------+---------------+------------+-----+---------+
//!
//!  flags   7     6     5    4   3   2   1   0
//!        +-----+-----+-----+-------------+-------+
//!        | RST | CRC | CCF |  reserved   | 1   0 |
//!        +-----+-----+-----+-------------+-------+
//! ```
//!
//! * RECV_LEN: the largest frame that the sender of this header takes in this transaction.
//! * DATA_LEN: the size of the frame that it has, whether it fits or not; header and CRC not counted.
//! * CRC: two octets, only if the flag is set and there is a frame.
//!
//! What a slave sends is hostile input. [`locate`] finds the header behind alignment junk or says what
//! stands there instead; a [`Header`] that it returns has the pattern and lengths of at most
//! [`LENGTH_MAX`]. It does not say that the octets were clocked: compare before you slice.

use super::fcs::FCS_LEN;
use core::fmt;

/// Octets of the header.
pub const HEADER_LEN: usize = 5;

/// The longest frame that the bridge moves: 2048 octets with the header, as in `spi-hdlc-adapter`.
/// OpenThread's own buffers hold 1300. A slave may have larger ones, up to [`LENGTH_MAX`].
pub const FRAME_MAX: usize = 2043;

/// The greatest length that a header may have; one above it makes the header garbage. Slaves with
/// buffers of 4096 octets are known; nobody needs twice as much for a frame of 1280.
pub const LENGTH_MAX: usize = 8192;

/// The most octets that may stand before the slave's header (protocol §5.8).
pub const ALIGN_MAX: usize = 16;

/// The longest transaction: header, alignment junk, frame and CRC.
pub const TRANSFER_MAX: usize = HEADER_LEN + ALIGN_MAX + FRAME_MAX + FCS_LEN;

/// A header with the right pattern and lengths that can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// RST: the sender was reset since chip select was last asserted.
    pub reset: bool,
    /// CRC: the sender appends a CRC, and checks one.
    pub crc: bool,
    /// CCF: the last frame that the sender received failed its CRC.
    pub crc_failed: bool,
    /// RECV_LEN, in octets: 0..=[`LENGTH_MAX`].
    pub recv_len: usize,
    /// DATA_LEN, in octets: 0..=[`LENGTH_MAX`].
    pub data_len: usize,
}

impl Header {
    /// Reads a header; `None` if the pattern is wrong or a length is above [`LENGTH_MAX`]. The reserved
    /// bits are not looked at.
    pub fn parse(octets: [u8; HEADER_LEN]) -> Option<Header> {
        let [flags, recv_low, recv_high, data_low, data_high] = octets;
        let recv_len = usize::from(u16::from_le_bytes([recv_low, recv_high]));
        let data_len = usize::from(u16::from_le_bytes([data_low, data_high]));
        if flags & PATTERN_MASK != PATTERN || recv_len > LENGTH_MAX || data_len > LENGTH_MAX {
            return None;
        }
        Some(Header {
            reset: flags & FLAG_RST != 0,
            crc: flags & FLAG_CRC != 0,
            crc_failed: flags & FLAG_CCF != 0,
            recv_len,
            data_len,
        })
    }

    /// The header as it goes on the wire, reserved bits 0.
    pub fn to_octets(self) -> [u8; HEADER_LEN] {
        debug_assert!(self.recv_len <= LENGTH_MAX && self.data_len <= LENGTH_MAX);
        let flag = |set, mask| if set { mask } else { 0 };
        let [recv_low, recv_high] = (self.recv_len as u16).to_le_bytes();
        let [data_low, data_high] = (self.data_len as u16).to_le_bytes();
        let flags = PATTERN
            | flag(self.reset, FLAG_RST)
            | flag(self.crc, FLAG_CRC)
            | flag(self.crc_failed, FLAG_CCF);
        [flags, recv_low, recv_high, data_low, data_high]
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = |set, name| if set { name } else { "" };
        write!(
            f,
            "RECV_LEN {:4} DATA_LEN {:4}{}{}{}",
            self.recv_len,
            self.data_len,
            flag(self.reset, " RST"),
            flag(self.crc, " CRC"),
            flag(self.crc_failed, " CCF"),
        )
    }
}

/// What stands where the slave's header should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A header, behind `skipped` octets of alignment junk.
    Valid {
        /// Octets before the header: 0..=the allowance.
        skipped: usize,
        /// The header.
        header: Header,
    },
    /// Nothing but FF or 00: nobody drove MISO. The slave took no part in the transaction.
    Void,
    /// Something else: the slave took part, or the line is disturbed; what it took is not known.
    Garbage([u8; HEADER_LEN]),
}

/// Finds the slave's header in what was clocked in.
///
/// Up to `allowance` leading octets of FF or 00 are skipped; no header starts with either (§5.8).
pub fn locate(miso: &[u8], allowance: usize) -> Reading {
    let is_idle = |octet: &u8| matches!(octet, 0x00 | 0xFF);
    let skipped = miso
        .iter()
        .take(allowance)
        .take_while(|octet| is_idle(octet))
        .count();
    let Some(octets) = header_at(miso, skipped) else {
        return Reading::Void;
    };
    match Header::parse(octets) {
        Some(header) => Reading::Valid { skipped, header },
        None if octets.iter().all(is_idle) => Reading::Void,
        None => Reading::Garbage(octets),
    }
}

/// Where a header would be found if the allowance were larger: how far this slave shifts MISO, which
/// is what `--spi-align-allowance` has to be told. A hint for the person who wires the board.
pub fn shift(miso: &[u8]) -> Option<usize> {
    match locate(miso, ALIGN_MAX) {
        Reading::Valid { skipped, .. } if skipped > 0 => Some(skipped),
        _ => None,
    }
}

fn header_at(miso: &[u8], start: usize) -> Option<[u8; HEADER_LEN]> {
    let mut octets = [0; HEADER_LEN];
    octets.copy_from_slice(miso.get(start..start + HEADER_LEN)?);
    Some(octets)
}

const FLAG_RST: u8 = 0x80;
const FLAG_CRC: u8 = 0x40;
const FLAG_CCF: u8 = 0x20;
const PATTERN_MASK: u8 = 0x03;
const PATTERN: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(recv_len: usize, data_len: usize) -> Header {
        Header {
            recv_len,
            data_len,
            ..Header::default()
        }
    }

    /// The headers of protocol §5.5 and §5.12.
    #[test]
    fn vectors_both_ways() {
        let reset = |header| Header {
            reset: true,
            ..header
        };
        let crc = |header| Header {
            crc: true,
            ..header
        };
        let failed = |header| Header {
            crc: true,
            crc_failed: true,
            ..header
        };
        for (octets, expected) in [
            ([0x82, 0x20, 0x00, 0x00, 0x00], reset(header(32, 0))),
            ([0x82, 0x00, 0x00, 0x00, 0x00], reset(header(0, 0))),
            ([0x82, 0x00, 0x00, 0x04, 0x00], reset(header(0, 4))),
            ([0x02, 0x0F, 0x05, 0x04, 0x00], header(1295, 4)),
            ([0x02, 0xFB, 0x01, 0x00, 0x00], header(507, 0)),
            ([0x02, 0x35, 0x00, 0x35, 0x00], header(53, 53)),
            ([0x42, 0x20, 0x00, 0x02, 0x00], crc(header(32, 2))),
            ([0x62, 0x0F, 0x05, 0x00, 0x00], failed(header(1295, 0))),
            ([0x02, 0xFB, 0x07, 0xFB, 0x07], header(2043, 2043)),
            // A slave with a buffer of 4096 octets.
            ([0x02, 0xFB, 0x0F, 0x00, 0x00], header(4091, 0)),
            ([0x02, 0x00, 0x20, 0x00, 0x20], header(8192, 8192)),
        ] {
            assert_eq!(Header::parse(octets), Some(expected));
            assert_eq!(expected.to_octets(), octets);
        }
    }

    #[test]
    fn reserved_bits_are_ignored() {
        assert_eq!(Header::parse([0x1E, 0x20, 0, 0, 0]), Some(header(32, 0)));
    }

    #[test]
    fn wrong_patterns_and_lengths_are_garbage() {
        for octets in [
            [0x03, 0x20, 0x00, 0x00, 0x00],
            [0x01, 0x20, 0x00, 0x00, 0x00],
            [0x02, 0x01, 0x20, 0x00, 0x00],
            [0x02, 0x00, 0x00, 0x01, 0x20],
            [0x02, 0xFF, 0xFF, 0xFF, 0xFF],
        ] {
            assert_eq!(locate(&octets, 0), Reading::Garbage(octets));
        }
    }

    #[test]
    fn an_idle_line_is_void() {
        for miso in [[0xFF; 24], [0x00; 24]] {
            for allowance in [0, 2, ALIGN_MAX] {
                assert_eq!(locate(&miso, allowance), Reading::Void);
            }
        }
        assert_eq!(
            locate(&[0x02, 0x20], 0),
            Reading::Void,
            "too short for a header"
        );
    }

    #[test]
    fn alignment_junk_is_skipped_up_to_the_allowance() {
        let miso = [
            0xFF, 0xFF, 0x02, 0x0F, 0x05, 0x05, 0x00, 0x81, 0x06, 0x01, 0x04, 0x03,
        ];
        let found = Reading::Valid {
            skipped: 2,
            header: header(1295, 5),
        };
        assert_eq!(locate(&miso, 2), found);
        assert_eq!(locate(&miso, 16), found);
        assert!(matches!(locate(&miso, 1), Reading::Garbage(_)));
        assert_eq!(shift(&miso), Some(2));
        assert_eq!(shift(&miso[2..]), None);
    }

    proptest! {
        #[test]
        fn what_is_sent_is_read(
            reset: bool, crc: bool, crc_failed: bool,
            recv_len in 0..=FRAME_MAX, data_len in 0..=FRAME_MAX,
            junk in 0..=ALIGN_MAX, allowance in 0..=ALIGN_MAX, trailing: [u8; 3],
        ) {
            let header = Header { reset, crc, crc_failed, recv_len, data_len };
            let mut miso = vec![0xFF; junk];
            miso.extend_from_slice(&header.to_octets());
            miso.extend_from_slice(&trailing);
            if junk <= allowance {
                prop_assert_eq!(locate(&miso, allowance), Reading::Valid { skipped: junk, header });
            } else {
                let valid = matches!(locate(&miso, allowance), Reading::Valid { .. });
                prop_assert!(!valid);
            }
        }

        #[test]
        fn a_header_that_is_found_was_clocked_and_can_be(
            miso in prop::collection::vec(any::<u8>(), 0..64),
            allowance in 0..=ALIGN_MAX,
        ) {
            if let Reading::Valid { skipped, header } = locate(&miso, allowance) {
                prop_assert!(skipped <= allowance && skipped + HEADER_LEN <= miso.len());
                prop_assert!(header.recv_len <= LENGTH_MAX && header.data_len <= LENGTH_MAX);
            }
        }
    }
}
