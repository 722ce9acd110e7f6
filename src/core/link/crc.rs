//! Whether the CRC of the SPI framing is offered, and whether a header may lack it (protocol §5.11).

use crate::wire::spi::Header;
use core::fmt;

/// Whether a CRC is offered to the slave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrcMode {
    /// Offered until the slave shows that it has none; again after a reset. The default.
    Auto,
    /// Always offered, and a frame without one is not accepted.
    On,
    /// Never offered.
    Off,
}

impl fmt::Display for CrcMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CrcMode::Auto => "auto",
            CrcMode::On => "on",
            CrcMode::Off => "off",
        })
    }
}

/// What is known of the slave's CRC.
#[derive(Debug)]
pub(super) struct Crc {
    mode: CrcMode,
    state: State,
    /// Headers in a row without the flag although the slave has shown it before.
    missing: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Active,
    Absent,
}

/// What a header says about CRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be; `active`: a frame in this transaction has a CRC, both ways.
    Present { active: bool },
    /// The flag that this slave always sets is not there: the header is disturbed.
    Missing,
}

impl Crc {
    pub(super) fn new(mode: CrcMode) -> Self {
        Crc {
            mode,
            state: State::Unknown,
            missing: 0,
        }
    }

    /// Nothing is known any more.
    pub(super) fn reset(&mut self) {
        *self = Crc::new(self.mode);
    }

    pub(super) fn is_offered(&self) -> bool {
        match self.mode {
            CrcMode::Off => false,
            CrcMode::On => true,
            CrcMode::Auto => self.state != State::Absent,
        }
    }

    /// Whether the slave is known to have CRC, so that it heeds our CCF.
    pub(super) fn is_active(&self) -> bool {
        self.state == State::Active
    }

    pub(super) fn judge(&mut self, header: &Header) -> Verdict {
        if header.reset {
            // Perhaps another firmware.
            self.reset();
        }
        if !self.is_offered() {
            return Verdict::Present { active: false };
        }
        if header.crc {
            self.state = State::Active;
            self.missing = 0;
            return Verdict::Present { active: true };
        }
        if self.mode == CrcMode::On {
            return Verdict::Missing;
        }
        self.missing += 1;
        if self.state == State::Active && self.missing < MISSING_MAX {
            return Verdict::Missing;
        }
        if self.state == State::Active {
            log::warn!(
                "the co-processor stopped to offer a CRC: frames are not protected any more"
            );
        } else {
            log::debug!("the co-processor offers no CRC");
        }
        self.state = State::Absent;
        Verdict::Present { active: false }
    }
}

/// Headers in a row without the flag before a slave that had shown it is believed to have none: the
/// first one that showed it was the disturbed one, then. Four flips of the same bit in a row are less
/// likely than one.
const MISSING_MAX: u32 = 4;
