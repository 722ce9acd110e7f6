//! Faults, wrapped around a bus: what goes wrong on real boards, as often as asked, from a seed.
//!
//! | fault | what happens |
//! | --- | --- |
//! | void | the slave takes no part: MISO is all FF or all 00 |
//! | garbage | MISO's header is garbage; half of the time the slave took no part, half of the time it did |
//! | late-header | the header comes 1 to 4 octets late, with no frame behind it |
//! | data-len | the slave shows another DATA_LEN than that of its frame, and gives none |
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
//!
//! Each fault that happens goes to the log (`-v`) with the number of its transaction, the first being 1,
//! and [`Faults::record`] notes it down. [`Faults::scripted`] makes noted faults happen again.

mod fault;

pub use fault::{Behind, Fault, Injected};

use crate::bus::{Bus, Line};
use crate::sim::rng::Rng;
use crate::sim::spec::Spec;
use crate::time::{earliest, Duration, Instant};
use crate::trace::Way;
use crate::wire::spi::{self, Header, Reading, ALIGN_MAX, FRAME_MAX, HEADER_LEN};
use fault::{Due, Flip, Rates};
use nix::errno::Errno;
use std::io;

/// A bus with faults.
pub struct Faults<B> {
    bus: B,
    rng: Rng,
    rates: Rates,
    script: Script,
    /// Transactions so far, those that failed included.
    transactions: u64,
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
    recorded: Option<Vec<(u64, Fault)>>,
}

/// Faults to come, each in the transaction of its number.
#[derive(Debug, Default)]
struct Script {
    entries: Vec<(u64, Fault)>,
    /// How many of them are over.
    played: usize,
    /// How many of the next edges are to be lost.
    edges: u64,
}

impl Script {
    /// Adds what is to go wrong in `transaction`.
    fn play(&mut self, transaction: u64, due: &mut Due) {
        while let Some(&(at, fault)) = self.entries.get(self.played) {
            if at > transaction {
                return;
            }
            self.played += 1;
            self.edges += u64::from(fault == Fault::LoseEdge);
            due.add(fault);
        }
    }

    fn loses_edge(&mut self) -> bool {
        let loses = self.edges > 0;
        self.edges -= u64::from(loses);
        loses
    }
}

impl<B: Bus> Faults<B> {
    /// `bus` with the faults of `spec`.
    pub fn new(bus: B, spec: &Spec) -> Self {
        Faults {
            bus,
            // Another stream than the firmware's, which has the same seed.
            rng: Rng::new(spec.seed ^ 0xFA17_FA17_FA17_FA17),
            rates: Rates::new(spec),
            script: Script::default(),
            transactions: 0,
            late_interrupt: spec.late_interrupt,
            stuck_interrupt: spec.stuck_interrupt,
            align: spec.align,
            lose_behind_garbage: false,
            slave_crc: false,
            mosi: Box::new([0; spi::TRANSFER_MAX]),
            active_since: None,
            late_edge: false,
            injected: Injected::default(),
            recorded: None,
        }
    }

    /// The same, and each fault of `script` in the transaction of its number. The first transaction is 1;
    /// an edge that comes before it is lost in transaction 0.
    pub fn scripted(bus: B, spec: &Spec, mut script: Vec<(u64, Fault)>) -> Self {
        script.sort_by_key(|entry| entry.0);
        let mut faults = Faults::new(bus, spec);
        faults.script.entries = script;
        faults.script.play(0, &mut Due::default());
        faults
    }

    /// Notes down each fault from now on, for [`Faults::scripted`].
    pub fn record(&mut self) {
        self.recorded = Some(Vec::new());
    }

    /// What was noted down.
    pub fn recorded(&self) -> &[(u64, Fault)] {
        self.recorded.as_deref().unwrap_or_default()
    }

    /// How many faults there have been.
    pub fn injected(&self) -> Injected {
        self.injected
    }

    /// How many transactions there have been, those that failed included.
    pub fn transactions(&self) -> u64 {
        self.transactions
    }

    /// The bus without the faults.
    pub fn inner(&mut self) -> &mut B {
        &mut self.bus
    }

    /// What is to go wrong in the transaction that begins.
    fn begin(&mut self) -> Due {
        self.transactions += 1;
        let worst = match self.slave_crc || self.lose_behind_garbage {
            true => Behind::Gave,
            false => Behind::Took,
        };
        let mut due = self.rates.draw(&mut self.rng, worst);
        self.script.play(self.transactions, &mut due);
        due
    }

    /// A fault has happened.
    fn note(&mut self, fault: Fault) {
        log::debug!("sim: transaction {}: {fault:?}", self.transactions);
        self.injected.count(fault);
        if let Some(recorded) = &mut self.recorded {
            recorded.push((self.transactions, fault));
        }
    }

    /// A transaction that is clocked, with what is to go wrong in it.
    fn run(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8], due: &Due) -> io::Result<()> {
        let Some(copy) = self.mosi.get_mut(..mosi.len()) else {
            return self.bus.transfer(now, mosi, miso);
        };
        copy.copy_from_slice(mosi);
        if let Some((Behind::Nothing, seed)) = due.garbage {
            self.make_garbage(miso, Behind::Nothing, seed);
            return Ok(());
        }
        if due.refuse {
            self.note(Fault::Refuse);
            self.mosi[DATA_LEN].fill(0);
        }
        let took = matches!(due.garbage, Some((Behind::Took, _)));
        if took || due.late_header.is_some() || due.data_len.is_some() {
            self.mosi[RECV_LEN].fill(0);
        }
        if let Some(flip) = due.flip.filter(|flip| flip.way == Way::ToSlave) {
            let used = used(&self.mosi[..mosi.len()], 0);
            let flipped = flip_bit(&mut self.mosi[..], used, flip);
            self.note_flip(flipped);
        }
        self.bus.transfer(now, &self.mosi[..mosi.len()], miso)?;
        self.note_crc(miso);
        if due.refuse {
            self.hide_recv_len(miso);
        }
        if let Some(longer) = due.data_len {
            self.change_data_len(mosi, miso, longer);
        }
        if let Some(octets) = due.late_header {
            self.delay_header(miso, octets);
        }
        if let Some((behind, seed)) = due.garbage {
            self.make_garbage(miso, behind, seed);
        } else if let Some(flip) = due.flip.filter(|flip| flip.way == Way::FromSlave) {
            let used = used(miso, ALIGN_MAX);
            let flipped = flip_bit(miso, used, flip);
            self.note_flip(flipped);
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

    /// A frame of this length is announced; the slave, which was offered nothing, keeps its own.
    fn change_data_len(&mut self, mosi: &[u8], miso: &mut [u8], longer: bool) {
        let Reading::Valid { skipped, header } = spi::locate(miso, ALIGN_MAX) else {
            return;
        };
        let offered = match spi::locate(mosi, 0) {
            Reading::Valid { header, .. } => header.recv_len,
            _ => 0,
        };
        let data_len = match longer {
            true => (offered + 1).min(FRAME_MAX),
            false => 0,
        };
        if data_len <= offered && longer {
            return;
        }
        self.note(Fault::DataLen { longer });
        let changed = Header { data_len, ..header };
        miso[skipped..skipped + HEADER_LEN].copy_from_slice(&changed.to_octets());
    }

    /// The slave armed its header late, and no frame.
    fn delay_header(&mut self, miso: &mut [u8], octets: u8) {
        let Reading::Valid { skipped, header } = spi::locate(miso, ALIGN_MAX) else {
            return;
        };
        self.note(Fault::LateHeader { octets });
        let late = Header {
            data_len: 0,
            ..header
        };
        miso.fill(0xFF);
        let start = (skipped + usize::from(octets)).min(miso.len());
        let len = HEADER_LEN.min(miso.len() - start);
        miso[start..start + len].copy_from_slice(&late.to_octets()[..len]);
    }

    fn note_flip(&mut self, flipped: Option<Flip>) {
        if let Some(flip) = flipped {
            self.note(flip.fault());
        }
    }

    fn make_void(&mut self, miso: &mut [u8], low: bool) {
        self.note(Fault::Void { low });
        miso.fill(if low { 0x00 } else { 0xFF });
    }

    /// An octet that no header and no idle line begins with, then anything.
    fn make_garbage(&mut self, miso: &mut [u8], behind: Behind, seed: u32) {
        self.note(Fault::Garbage { behind, seed });
        let mut rng = Rng::new(u64::from(seed));
        for octet in miso.iter_mut() {
            *octet = rng.next_u64() as u8;
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
        let due = self.begin();
        if due.eio {
            self.note(Fault::Eio);
            return Err(Errno::EIO.into());
        }
        if let Some(low) = due.void {
            self.make_void(miso, low);
            return Ok(());
        }
        self.run(now, mosi, miso, &due)?;
        // Every transaction takes INT back, if only for a moment.
        self.active_since = None;
        if due.reset && self.bus.set_reset(now, Line::Active)? {
            self.note(Fault::Reset);
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
        if edge && (self.rng.chance(self.rates.lose_edge) || self.script.loses_edge()) {
            self.note(Fault::LoseEdge);
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

/// Flips one bit of the used octets; returns which one, or `None` if there are none.
fn flip_bit(octets: &mut [u8], used: Option<Used>, flip: Flip) -> Option<Flip> {
    let used = used?;
    let start = if flip.anywhere { used.start } else { used.data };
    let bits = u32::try_from(used.end.checked_sub(start)? * 8).ok()?;
    let bit = flip.bit.checked_rem(bits)?;
    octets[start + bit as usize / 8] ^= 1 << (bit % 8);
    Some(Flip { bit, ..flip })
}

const RECV_LEN: core::ops::Range<usize> = 1..3;
const DATA_LEN: core::ops::Range<usize> = 3..5;
