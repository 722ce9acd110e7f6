//! Why the link was given up, in the words of somebody who has to mend it.

use super::limits::{BAD_MAX, CRC_FAILURES_MAX, REFUSALS_TIME};
use crate::trace::Hex;
use crate::wire::spi::HEADER_LEN;
use core::fmt;

/// Why the link failed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Failure {
    Void(u8),
    Garbage([u8; HEADER_LEN]),
    CrcMissing,
    Loopback,
    Refused,
    CrcReceived,
    CrcSent,
}

impl Failure {
    /// One line: what was seen, what to look at, what is done about it.
    pub(super) fn report(self, has_reset: bool, attempt: u32) -> Report {
        Report {
            failure: self,
            has_reset,
            attempt,
        }
    }
}

/// A failure that displays as one line.
#[derive(Debug)]
pub(super) struct Report {
    failure: Failure,
    has_reset: bool,
    attempt: u32,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Failure::Void(octet) => write!(f, "no co-processor answers (MISO is all {octet:02X}): check its power, MISO, chip select and RES wiring"),
            Failure::Garbage(octets) => write!(f, "{BAD_MAX} headers in a row are garbage, the last one {}: check --spi-mode, --spi-speed, --spi-cs-delay and the ground wire", Hex(&octets)),
            Failure::CrcMissing => f.write_str("the co-processor offers no CRC, which --spi-crc on demands: use --spi-crc auto"),
            Failure::Loopback => f.write_str("MISO carries what we send on MOSI: the two are connected: remove the jumper, or look for the short"),
            Failure::Refused => write!(f, "the co-processor has refused a frame for {REFUSALS_TIME:?}"),
            Failure::CrcReceived => write!(f, "{CRC_FAILURES_MAX} frames in a row came with a wrong CRC: lower --spi-speed or shorten the wires"),
            Failure::CrcSent => write!(f, "the co-processor found {CRC_FAILURES_MAX} CRC errors in a row in a frame: lower --spi-speed or shorten the wires"),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)?;
        let remedy = match self.has_reset {
            true => "resetting it over RES",
            false => "trying again (no RES line is known, see --gpio-res)",
        };
        write!(f, "; {remedy}, attempt {}", self.attempt)
    }
}
