//! Why the link was given up, in the words of somebody who has to mend it.

use super::limits::{BAD_MAX, CRC_FAILURES_MAX, REFUSALS_TIME};
use crate::time::Duration;
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
    /// Whether the header is to blame, not what the slave said in a good one.
    pub(super) fn is_bad_header(self) -> bool {
        match self {
            Failure::Void(_) | Failure::Garbage(_) | Failure::CrcMissing | Failure::Loopback => {
                true
            }
            Failure::Refused | Failure::CrcReceived | Failure::CrcSent => false,
        }
    }

    /// Whether a slave that boots looks like that.
    pub(super) fn can_be_a_boot(self) -> bool {
        matches!(self, Failure::Void(_) | Failure::Garbage(_))
    }

    /// One line: what was seen, and for how long it may be a boot.
    pub(super) fn waits(self, has_reset: bool, left: Duration) -> Wait {
        Wait {
            failure: self,
            has_reset,
            left,
        }
    }

    /// One line: what was seen, what to look at, what is done about it.
    pub(super) fn report(self, has_reset: bool, attempt: u32) -> Report {
        Report {
            failure: self,
            has_reset,
            attempt,
        }
    }
}

/// What may become a failure, as one line.
#[derive(Debug)]
pub(super) struct Wait {
    failure: Failure,
    has_reset: bool,
    left: Duration,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wait {
            failure,
            has_reset,
            left,
        } = self;
        let then = match has_reset {
            true => "it is reset over RES then",
            false => "it is probed for ever",
        };
        write!(f, "{failure}; if it boots, it has {left:?} more: {then}")
    }
}

/// A failure that displays as one line.
#[derive(Debug)]
pub(super) struct Report {
    failure: Failure,
    has_reset: bool,
    attempt: u32,
}

/// What was seen, and what to look at.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Void(octet) => write!(f, "no co-processor answers (MISO is all {octet:02X}): check its power, MISO, chip select and RES wiring"),
            Failure::Garbage(octets) => write!(f, "{BAD_MAX} headers in a row are garbage, the last one {}: check --spi-mode, --spi-speed, --spi-cs-delay and the ground wire", Hex(octets)),
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
        let remedy = match self.has_reset {
            true => "resetting it over RES",
            false => "trying again (no RES line is known, see --gpio-res)",
        };
        write!(f, "{}; {remedy}, attempt {}", self.failure, self.attempt)
    }
}
