//! Faults, wrapped around a bus: what goes wrong on real boards, as often as asked, from a seed.
//!
//! | fault | what happens |
//! | --- | --- |
//! | void | the slave takes no part: MISO is all FF or all 00 |
//! | garbage | MISO's header is garbage; half of the time the slave took no part, half of the time it did |
//! | flip | one bit of the data or CRC octets is flipped, in either direction |
//! | flip-any | one bit anywhere is flipped, headers included, in either direction |
//! | refuse | the slave takes nothing (RECV_LEN 0), but may give |
//! | reset | the co-processor is reset behind our back |
//! | eio | the driver fails, and nothing was clocked |
//! | lose-edge | an INT edge wakes nobody |
//! | late-int | INT is seen active only some time after it became so |
//! | stuck-int | INT is active for ever |
//!
//! A slave that took part behind a garbage header took our frame if it fitted. Whether it also counts
//! its own as given makes all the difference: under CRC it is asked to repeat it; without CRC nobody
//! can know, and the frame is lost. So without CRC the slave is shown RECV_LEN 0 here, as if its own
//! frame had not been armed, unless [`Faults::lose_behind_garbage`] asks for the worst.

use super::rng::Rng;
use super::spec::{Rate, Spec};
use crate::bus::{Bus, Line};
use crate::time::{earliest, Duration, Instant};
use crate::wire::spi::{self, Header, Reading, ALIGN_MAX, HEADER_LEN};
use nix::errno::Errno;
use std::io;

/// A bus with faults.
pub struct Faults<B> {
    bus: B,
    rng: Rng,
    rates: Rates,
    late_interrupt: Duration,
    stuck_interrupt: bool,
    align: usize,
    /// Without CRC, a slave behind a garbage header counts its frame as given: it is lost.
    pub lose_behind_garbage: bool,
    /// The slave's last header offered a CRC.
    slave_crc: bool,
    mosi: Box<[u8; spi::TRANSFER_MAX]>,
    /// When INT became active, as far as was seen; for `late_interrupt`.
    active_since: Option<Instant>,
    late_edge: bool,
    injected: Injected,
}

#[derive(Clone, Copy, Debug)]
struct Rates {
    void: Rate,
    garbage: Rate,
    flip: Rate,
    flip_any: Rate,
    refuse: Rate,
    lose_edge: Rate,
    reset: Rate,
    eio: Rate,
}

/// How many faults were injected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Void headers.
    pub void: u64,
    /// Garbage headers.
    pub garbage: u64,
    /// Flipped bits in data or CRC octets.
    pub flip: u64,
    /// Flipped bits anywhere.
    pub flip_any: u64,
    /// Refusals.
    pub refuse: u64,
    /// Lost edges.
    pub lose_edge: u64,
    /// Resets of the co-processor.
    pub reset: u64,
    /// Driver errors.
    pub eio: u64,
}

impl<B: Bus> Faults<B> {
    /// `bus` with the faults of `spec`.
    pub fn new(bus: B, spec: &Spec) -> Self {
        Faults {
            bus,
            // Another stream than the firmware's, which has the same seed.
            rng: Rng::new(spec.seed ^ 0xFA17_FA17_FA17_FA17),
            rates: Rates {
                void: spec.void,
                garbage: spec.garbage,
                flip: spec.flip,
                flip_any: spec.flip_any,
                refuse: spec.refuse,
                lose_edge: spec.lose_edge,
                reset: spec.reset,
                eio: spec.eio,
            },
            late_interrupt: spec.late_interrupt,
            stuck_interrupt: spec.stuck_interrupt,
            align: spec.align,
            lose_behind_garbage: false,
            slave_crc: false,
            mosi: Box::new([0; spi::TRANSFER_MAX]),
            active_since: None,
            late_edge: false,
            injected: Injected::default(),
        }
    }

    /// How many faults there have been.
    pub fn injected(&self) -> Injected {
        self.injected
    }

    /// The bus without the faults.
    pub fn inner(&mut self) -> &mut B {
        &mut self.bus
    }

    /// A transaction that the slave takes part in, with what is to go wrong in it.
    fn run(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        let Some(copy) = self.mosi.get_mut(..mosi.len()) else {
            return self.bus.transfer(now, mosi, miso);
        };
        copy.copy_from_slice(mosi);
        let refuse = self.rng.chance(self.rates.refuse);
        let garbage = self.rng.chance(self.rates.garbage);
        let flip = self.rng.chance(self.rates.flip);
        let flip_any = self.rng.chance(self.rates.flip_any);
        let flips_mosi = (flip || flip_any) && self.rng.below(2) == 0;
        if garbage && self.rng.below(2) == 0 {
            self.make_garbage(miso);
            return Ok(());
        }
        if refuse {
            self.injected.refuse += 1;
            self.mosi[DATA_LEN].fill(0);
        }
        if garbage && !self.slave_crc && !self.lose_behind_garbage {
            self.mosi[RECV_LEN].fill(0);
        }
        if flips_mosi {
            let used = used(&self.mosi[..mosi.len()], 0);
            let flipped = flip_bit(&mut self.rng, &mut self.mosi[..], used, flip_any);
            self.count_flip(flipped, flip_any);
        }
        self.bus.transfer(now, &self.mosi[..mosi.len()], miso)?;
        self.note_crc(miso);
        if refuse {
            self.hide_recv_len(miso);
        }
        if garbage {
            self.make_garbage(miso);
        } else if (flip || flip_any) && !flips_mosi {
            let used = used(miso, ALIGN_MAX);
            let flipped = flip_bit(&mut self.rng, miso, used, flip_any);
            self.count_flip(flipped, flip_any);
        }
        Ok(())
    }

    fn note_crc(&mut self, miso: &[u8]) {
        if let Reading::Valid { header, .. } = spi::locate(miso, ALIGN_MAX) {
            self.slave_crc = header.crc;
        }
    }

    fn hide_recv_len(&mut self, miso: &mut [u8]) {
        if let Reading::Valid { skipped, header } = spi::locate(miso, ALIGN_MAX) {
            let hidden = Header {
                recv_len: 0,
                ..header
            };
            miso[skipped..skipped + HEADER_LEN].copy_from_slice(&hidden.to_octets());
        }
    }

    fn count_flip(&mut self, flipped: bool, anywhere: bool) {
        let counter = if anywhere {
            &mut self.injected.flip_any
        } else {
            &mut self.injected.flip
        };
        *counter += u64::from(flipped);
    }

    fn make_void(&mut self, miso: &mut [u8]) {
        self.injected.void += 1;
        miso.fill(if self.rng.below(2) == 0 { 0xFF } else { 0x00 });
    }

    /// An octet that no header and no idle line begins with, then anything.
    fn make_garbage(&mut self, miso: &mut [u8]) {
        self.injected.garbage += 1;
        for octet in miso.iter_mut() {
            *octet = self.rng.next_u64() as u8;
        }
        if let Some(octet) = miso.get_mut(self.align.min(ALIGN_MAX)) {
            *octet = 0xA9;
        }
        if let Some(junk) = miso.get_mut(..self.align.min(ALIGN_MAX)) {
            junk.fill(0xFF);
        }
    }

    /// The level as it is seen: `late_interrupt` after it became active.
    fn delay_level(&mut self, now: Instant, level: Line) -> Line {
        if level == Line::Inactive {
            self.active_since = None;
            return level;
        }
        let since = *self.active_since.get_or_insert(now);
        if now.since(since) < self.late_interrupt {
            return Line::Inactive;
        }
        level
    }
}

impl<B: Bus> Bus for Faults<B> {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        if self.rng.chance(self.rates.eio) {
            self.injected.eio += 1;
            return Err(Errno::EIO.into());
        }
        if self.rng.chance(self.rates.void) {
            self.make_void(miso);
            return Ok(());
        }
        self.run(now, mosi, miso)?;
        // Every transaction takes INT back, if only for a moment.
        self.active_since = None;
        if self.rng.chance(self.rates.reset) && self.bus.set_reset(now, Line::Active)? {
            self.injected.reset += 1;
            self.bus.set_reset(now, Line::Inactive)?;
        }
        Ok(())
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        let Some(level) = self.bus.interrupt(now)? else {
            return Ok(None);
        };
        if self.stuck_interrupt {
            return Ok(Some(Line::Active));
        }
        Ok(Some(self.delay_level(now, level)))
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        let mut edge = self.bus.take_edge(now)?;
        if edge && self.rng.chance(self.rates.lose_edge) {
            self.injected.lose_edge += 1;
            edge = false;
        }
        if self.late_interrupt.is_zero() {
            return Ok(edge);
        }
        if edge {
            self.active_since = Some(now);
            self.late_edge = true;
        }
        let due = self
            .active_since
            .map_or(true, |since| now.since(since) >= self.late_interrupt);
        Ok(due && core::mem::take(&mut self.late_edge))
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        self.bus.set_reset(now, line)
    }

    fn configure(&mut self, mode: u8, speed_hz: u32) -> io::Result<()> {
        self.bus.configure(mode, speed_hz)
    }

    fn has_interrupt(&self) -> bool {
        self.bus.has_interrupt()
    }

    fn has_reset(&self) -> bool {
        self.bus.has_reset()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let late = self
            .active_since
            .filter(|_| self.late_edge)
            .map(|since| since + self.late_interrupt);
        earliest(self.bus.poll_timeout(), late)
    }
}

/// The octets of a transaction that mean something: where the header starts and where the data does
/// and ends, CRC included.
#[derive(Clone, Copy, Debug)]
struct Used {
    start: usize,
    data: usize,
    end: usize,
}

fn used(octets: &[u8], allowance: usize) -> Option<Used> {
    let Reading::Valid { skipped, header } = spi::locate(octets, allowance) else {
        return None;
    };
    let data = skipped + HEADER_LEN;
    let crc = if header.crc && header.data_len > 0 {
        2
    } else {
        0
    };
    let end = (data + header.data_len + crc).min(octets.len());
    Some(Used {
        start: skipped,
        data,
        end,
    })
}

/// Flips one bit of the used octets; false if there are none.
fn flip_bit(rng: &mut Rng, octets: &mut [u8], used: Option<Used>, anywhere: bool) -> bool {
    let Some(used) = used else { return false };
    let start = if anywhere { used.start } else { used.data };
    if start >= used.end {
        return false;
    }
    let bit = rng.below(((used.end - start) * 8) as u64) as usize;
    octets[start + bit / 8] ^= 1 << (bit % 8);
    true
}

const RECV_LEN: core::ops::Range<usize> = 1..3;
const DATA_LEN: core::ops::Range<usize> = 3..5;
