//! An 802.15.4 frame in the value of STREAM_RAW, and what is told of it (protocol §3.13).

use super::packed::{Malformed, Reader};

/// A frame that was heard, or that this node sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed<'a> {
    /// The frame. What this node sent comes without its FCS, which is not valid there.
    pub frame: &'a [u8],
    /// Whether this node sent it.
    pub is_sent: bool,
    /// What was told of it.
    pub metadata: Metadata,
}

impl<'a> Sniffed<'a> {
    /// Reads what a co-processor tells; `None` if there is no frame in it.
    pub fn told(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let frame = reader.data_with_length().ok()?;
        let metadata = Metadata::read(&mut reader);
        let is_sent = metadata.flags & FLAG_TX != 0;
        let frame = if is_sent { without_fcs(frame)? } else { frame };
        (!frame.is_empty()).then_some(Sniffed {
            frame,
            is_sent,
            metadata,
        })
    }

    /// Reads what a host gives to a radio to be sent: the frame with room for its FCS, the channel, and more that only
    /// the radio needs; `None` if there is no frame in it.
    pub fn to_be_sent(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let frame = without_fcs(reader.data_with_length().ok()?)?;
        let metadata = Metadata {
            channel: reader.uint8().ok(),
            ..Metadata::UNKNOWN
        };
        (!frame.is_empty()).then_some(Sniffed {
            frame,
            is_sent: true,
            metadata,
        })
    }

    /// Whether it was received with a wrong FCS.
    pub const fn has_bad_fcs(&self) -> bool {
        self.metadata.flags & FLAG_BAD_FCS != 0
    }

    /// Whether it is probably a duplicate.
    pub const fn is_duplicate(&self) -> bool {
        self.metadata.flags & FLAG_DUPE != 0
    }
}

/// Protocol §3.13. What is missing keeps its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// dBm, as received, or as sent.
    pub power: Option<i8>,
    /// The noise floor in dBm.
    pub noise: Option<i8>,
    /// MD_FLAG.
    pub flags: u16,
    /// The channel, page 0.
    pub channel: Option<u8>,
    /// Link quality, 0..=255.
    pub lqi: Option<u8>,
    /// Microseconds since the co-processor's start.
    pub timestamp_us: Option<u64>,
    /// The firmware's receive error; 0: none.
    pub error: u32,
}

impl Metadata {
    const UNKNOWN: Metadata = Metadata {
        power: None,
        noise: None,
        flags: 0,
        channel: None,
        lqi: None,
        timestamp_us: None,
        error: 0,
    };

    fn read(reader: &mut Reader<'_>) -> Self {
        let mut metadata = Metadata::UNKNOWN;
        // What could be read before the end counts.
        let _ = metadata.fill(reader);
        metadata
    }

    fn fill(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        self.power = known_dbm(reader.int8()?);
        self.noise = known_dbm(reader.int8()?);
        self.flags = reader.uint16()?;
        let mut phy = reader.structure()?;
        self.channel = phy.uint8().ok();
        self.lqi = phy.uint8().ok();
        self.timestamp_us = phy.uint64().ok();
        let mut vendor = reader.structure()?;
        self.error = vendor.uint_packed()?;
        Ok(())
    }
}

fn known_dbm(value: i8) -> Option<i8> {
    (value != DBM_UNKNOWN).then_some(value)
}

fn without_fcs(frame: &[u8]) -> Option<&[u8]> {
    frame.get(..frame.len().checked_sub(FCS_LENGTH)?)
}

const DBM_UNKNOWN: i8 = -128;
const FLAG_TX: u16 = 0x0001;
const FLAG_BAD_FCS: u16 = 0x0004;
const FLAG_DUPE: u16 = 0x0008;
/// IEEE 802.15.4: the FCS of the 2.4 GHz band has two octets.
const FCS_LENGTH: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The ACK on channel 15 of protocol §3.13, heard at -60 dBm.
    const ACK: &[u8] = &[
        5, 0, 0x02, 0x00, 0x2A, 0xE0, 0x3B, 0xC4, 0x9E, 0, 0, 10, 0, 15, 255, 64, 66, 15, 0, 0, 0,
        0, 0, 1, 0, 0,
    ];

    #[test]
    fn a_frame_is_told_with_what_is_known_of_it() {
        let sniffed = Sniffed::told(ACK).unwrap();
        assert_eq!(sniffed.frame, [0x02, 0x00, 0x2A, 0xE0, 0x3B]);
        assert!(!sniffed.is_sent && !sniffed.has_bad_fcs() && !sniffed.is_duplicate());
        let metadata = sniffed.metadata;
        assert_eq!((metadata.power, metadata.noise), (Some(-60), Some(-98)));
        assert_eq!((metadata.channel, metadata.lqi), (Some(15), Some(255)));
        assert_eq!(metadata.timestamp_us, Some(1_000_000));
    }

    #[test]
    fn what_this_node_sends_has_no_fcs() {
        let value = [5, 0, 0x02, 0x00, 0x2A, 0, 0, 15, 4, 3, 1];
        let sniffed = Sniffed::to_be_sent(&value).unwrap();
        assert_eq!(sniffed.frame, [0x02, 0x00, 0x2A]);
        assert!(sniffed.is_sent);
        assert_eq!(sniffed.metadata.channel, Some(15));
        for no_frame in [&[][..], &[0, 0], &[2, 0, 1, 2], &[9, 0, 1]] {
            assert_eq!(Sniffed::to_be_sent(no_frame), None);
        }
    }

    proptest! {
        #[test]
        fn anything_can_be_read(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            for sniffed in [Sniffed::told(&value), Sniffed::to_be_sent(&value)].into_iter().flatten() {
                prop_assert!(!sniffed.frame.is_empty());
            }
        }
    }
}
