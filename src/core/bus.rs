//! The one seam to hardware: an SPI bus device with its INT and RES lines.
//!
//! `io::spi` implements it on `/dev/spidevX.Y` and `/dev/gpiochipN`, `sim` by a co-processor that lives
//! in this process, `sim::slave::faults` by wrapping either. Nothing above this trait knows a descriptor.

use crate::time::Instant;
use std::io;

/// The logic state of a line. INT# and RES# are active low on the wire; the wire level is the
/// implementation's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Asserted: INT# says "I have a frame", RES# holds the co-processor in reset.
    Active,
    /// Released.
    Inactive,
}

/// An SPI bus device with optional INT and RES lines.
pub trait Bus {
    /// Runs one full-duplex transaction under one chip-select assertion.
    ///
    /// `mosi` and `miso` have the same length, which is the number of octets that are clocked.
    ///
    /// # Errors
    /// What the driver reported. The caller decides whether it can be retried
    /// ([`crate::error::is_gone`]); after an error the contents of `miso` mean nothing.
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()>;

    /// Reads the level of INT; `None` where no INT line is wired.
    ///
    /// # Errors
    /// What the driver reported.
    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>>;

    /// Takes note of the edges that came since the last call: true if INT became active.
    ///
    /// Edges only wake; an implementation may lose one, never invent one for ever.
    ///
    /// # Errors
    /// What the driver reported.
    fn take_edge(&mut self, now: Instant) -> io::Result<bool>;

    /// Drives RES; false where no RES line is wired.
    ///
    /// # Errors
    /// What the driver reported.
    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool>;

    /// Sets the SPI mode (0..=3) and the clock in Hz of the transactions to come. Without effect on a bus
    /// that has neither.
    ///
    /// # Errors
    /// What the driver reported: the controller cannot do it.
    fn configure(&mut self, mode: u8, speed_hz: u32) -> io::Result<()> {
        let _ = (mode, speed_hz);
        Ok(())
    }

    /// Whether an INT line is wired.
    fn has_interrupt(&self) -> bool;

    /// Whether a RES line is wired.
    fn has_reset(&self) -> bool;

    /// When the implementation itself wants [`Bus::take_edge`] to be called, because no descriptor
    /// will tell: the simulated co-processor's own clock. `None` for hardware.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

impl<B: Bus + ?Sized> Bus for Box<B> {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        (**self).transfer(now, mosi, miso)
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        (**self).interrupt(now)
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        (**self).take_edge(now)
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        (**self).set_reset(now, line)
    }

    fn configure(&mut self, mode: u8, speed_hz: u32) -> io::Result<()> {
        (**self).configure(mode, speed_hz)
    }

    fn has_interrupt(&self) -> bool {
        (**self).has_interrupt()
    }

    fn has_reset(&self) -> bool {
        (**self).has_reset()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (**self).poll_timeout()
    }
}
