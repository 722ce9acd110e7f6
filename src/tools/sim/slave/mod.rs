//! The SPI slave of the simulated co-processor, after OpenThread's (protocol §5.5): one frame prepared
//! to send, RECV_LEN 0 while a frame is processed, INT, RES, the boot header; and the optional CRC of
//! §5.11, which no firmware that we know has.
//!
//! Like a real slave it answers with what it prepared before chip select fell: it does not look at
//! MOSI first.

pub mod faults;
pub mod wires;

use super::spec::Spec;
use super::{Firmware, ResetCause};
use crate::bus::{Bus, Line};
use crate::time::{earliest, Duration, Instant};
use crate::wire::fcs::{self, Fcs, FCS_LEN};
use crate::wire::spi::{Header, HEADER_LEN, LENGTH_MAX};
use std::collections::VecDeque;
use std::io;

/// A simulated SPI slave with `firmware` behind it.
pub struct Slave<F> {
    firmware: F,
    settings: Settings,
    boot: Boot,
    /// The header that the next transaction shows.
    recv_len: usize,
    rst: bool,
    /// The last frame from the host failed its CRC.
    crc_failed: bool,

    tx: Box<[u8; BUFFER_LEN]>,
    tx_len: usize,
    /// The frame in `tx` was sent under CRC; the host's next header tells whether it arrived.
    unconfirmed: bool,
    /// The frame in `tx` was made while no frame was taken, and its header says so.
    stale: bool,

    rx: Box<[u8; RX_LEN]>,
    ring: Ring,
    /// A frame is being processed until then: its length.
    processing: Option<(Instant, usize)>,

    interrupt: Line,
    edge: bool,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    crc: bool,
    align: usize,
    /// The most that RECV_LEN shows.
    recv_max: usize,
    /// Octets of the ring buffer; 0: there is none.
    ring: usize,
    /// Octets that are taken out of it in a millisecond; 0: all at once.
    drain: usize,
    stale_room: bool,
    busy: Duration,
    boot: Duration,
    boot_low: bool,
    boot_interrupt: bool,
    half_duplex: bool,
    has_interrupt: bool,
    has_reset: bool,
    dead: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Boot {
    /// RES is active.
    Held,
    /// Answers FF until then.
    Until(Instant, ResetCause),
    Done,
}

impl<F: Firmware> Slave<F> {
    /// A co-processor whose power was just switched on.
    pub fn new(firmware: F, spec: &Spec, now: Instant) -> Self {
        let mut slave = Slave {
            firmware,
            settings: Settings {
                crc: spec.crc,
                align: spec.align,
                recv_max: match (spec.ring, spec.buffer) {
                    (0, 0) => RECV_MAX,
                    (0, buffer) => buffer - HEADER_LEN,
                    (ring, _) => ring,
                },
                ring: spec.ring,
                drain: spec.drain,
                stale_room: spec.stale_room,
                busy: spec.busy,
                boot: spec.boot,
                boot_low: spec.boot_low,
                boot_interrupt: spec.boot_interrupt,
                half_duplex: spec.half_duplex,
                has_interrupt: !spec.no_interrupt,
                has_reset: !spec.no_reset,
                dead: spec.dead,
            },
            boot: Boot::Held,
            recv_len: 0,
            rst: true,
            crc_failed: false,
            tx: Box::new([0; BUFFER_LEN]),
            tx_len: 0,
            unconfirmed: false,
            stale: false,
            rx: Box::new([0; RX_LEN]),
            ring: Ring::default(),
            processing: None,
            interrupt: Line::Inactive,
            edge: false,
        };
        slave.restart(now, ResetCause::PowerOn);
        slave
    }

    /// The firmware behind the slave.
    pub fn firmware(&mut self) -> &mut F {
        &mut self.firmware
    }

    /// Lets the co-processor do what is due by `now`.
    pub fn advance(&mut self, now: Instant) {
        if let Boot::Until(until, cause) = self.boot {
            if until > now {
                return;
            }
            self.boot = Boot::Done;
            self.firmware.reset(now, cause);
        }
        if self.boot != Boot::Done || self.settings.dead {
            return;
        }
        let mut was_busy = self.processing.is_some();
        if let Some((until, len)) = self.processing {
            if until <= now {
                self.processing = None;
                self.firmware.receive(now, &self.rx[..len]);
            }
        }
        while let Some(frame) = self.ring.take(now) {
            was_busy = true;
            self.firmware.receive(now, &frame);
        }
        if let Some(cause) = self.firmware.take_reset_request() {
            self.restart(now, cause);
            return;
        }
        self.prepare(now, was_busy);
    }

    /// Prepares the header and frame that the next transaction shows.
    fn prepare(&mut self, now: Instant, was_busy: bool) {
        if self.tx_len > 0 {
            self.firmware.poll(now);
        } else {
            self.stale = false;
            if let Some(len) = self.firmware.transmit(now, &mut self.tx[..]) {
                self.tx_len = len.min(BUFFER_LEN);
                self.stale = was_busy && self.settings.stale_room;
            }
        }
        let gives = self.tx_len > 0 && !self.unconfirmed;
        // The first header after a reset takes nothing (§5.5).
        let takes = !self.rst
            && self.processing.is_none()
            && !(gives && (self.settings.half_duplex || self.stale))
            && self.firmware.is_ready();
        self.recv_len = match takes {
            true if self.settings.ring > 0 => self.ring.room(now, &self.settings),
            true => self.settings.recv_max,
            false => 0,
        };
        self.drive_interrupt(self.rst || gives);
    }

    fn drive_interrupt(&mut self, active: bool) {
        let line = if active { Line::Active } else { Line::Inactive };
        self.edge |= line == Line::Active && self.interrupt == Line::Inactive;
        self.interrupt = line;
    }

    fn restart(&mut self, now: Instant, cause: ResetCause) {
        self.boot = Boot::Until(now + self.settings.boot, cause);
        self.rst = true;
        self.crc_failed = false;
        self.tx_len = 0;
        self.unconfirmed = false;
        self.stale = false;
        self.processing = None;
        self.ring = Ring::default();
        self.recv_len = 0;
        self.drive_interrupt(self.settings.boot_interrupt && !self.settings.boot.is_zero());
        self.advance_if_due(now);
    }

    fn advance_if_due(&mut self, now: Instant) {
        if self.settings.boot.is_zero() {
            self.advance(now);
        }
    }

    fn header(&self) -> Header {
        Header {
            reset: self.rst,
            crc: self.settings.crc,
            crc_failed: self.crc_failed,
            recv_len: self.recv_len,
            data_len: if self.unconfirmed { 0 } else { self.tx_len },
        }
    }

    /// What goes out on MISO, whatever comes in.
    fn drive_miso(&self, header: &Header, miso: &mut [u8]) {
        miso.fill(0xFF);
        let Some(out) = miso.get_mut(self.settings.align..) else {
            return;
        };
        put(out, 0, &header.to_octets());
        let frame = &self.tx[..header.data_len];
        put(out, HEADER_LEN, frame);
        if header.crc && !frame.is_empty() {
            put(out, HEADER_LEN + frame.len(), &fcs::of(frame));
        }
    }

    /// Chip select rose: judges what was moved.
    fn judge(&mut self, now: Instant, ours: &Header, mosi: &[u8]) {
        self.rst = false;
        let host = mosi.get(..HEADER_LEN).and_then(|octets| {
            let mut header = [0; HEADER_LEN];
            header.copy_from_slice(octets);
            Header::parse(header)
        });
        if let Some(host) = host {
            let crc = ours.crc && host.crc;
            self.crc_failed = false;
            self.judge_confirmation(&host);
            self.judge_ours(ours, &host, mosi.len(), crc);
            self.judge_theirs(now, ours, &host, mosi, crc);
        }
        self.drive_interrupt(false);
    }

    /// The host's header tells whether the frame before arrived.
    fn judge_confirmation(&mut self, host: &Header) {
        if self.unconfirmed {
            self.unconfirmed = false;
            if !(host.crc && host.crc_failed) {
                self.tx_len = 0;
            }
        }
    }

    fn judge_ours(&mut self, ours: &Header, host: &Header, clocked: usize, crc: bool) {
        let spare = if crc { FCS_LEN } else { 0 };
        let needed = self.settings.align + HEADER_LEN + ours.data_len + spare;
        if ours.data_len == 0 || ours.data_len > host.recv_len || needed > clocked {
            return;
        }
        if crc {
            self.unconfirmed = true;
        } else {
            self.tx_len = 0;
        }
    }

    fn judge_theirs(&mut self, now: Instant, ours: &Header, host: &Header, mosi: &[u8], crc: bool) {
        let end = HEADER_LEN + host.data_len;
        if host.data_len == 0 || host.data_len > ours.recv_len {
            return;
        }
        let Some(frame) = mosi.get(HEADER_LEN..end) else {
            return;
        };
        if crc {
            let Some(check) = mosi.get(end..end + FCS_LEN) else {
                return;
            };
            let mut register = Fcs::new();
            register.update(frame);
            register.update(check);
            if !register.is_good() {
                self.crc_failed = true;
                return;
            }
        }
        if self.settings.ring > 0 {
            self.ring.put(now, frame, &self.settings);
            return;
        }
        self.rx[..frame.len()].copy_from_slice(frame);
        self.processing = Some((now + self.settings.busy, frame.len()));
        if self.settings.busy.is_zero() {
            self.advance(now);
        }
    }

    fn is_listening(&self) -> bool {
        self.boot == Boot::Done && !self.settings.dead
    }
}

impl<F: Firmware> Bus for Slave<F> {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        self.advance(now);
        if !self.is_listening() {
            let low = self.settings.boot_low && !self.settings.dead;
            miso.fill(if low { 0x00 } else { 0xFF });
            return Ok(());
        }
        let ours = self.header();
        self.drive_miso(&ours, miso);
        self.judge(now, &ours, mosi);
        self.advance(now);
        Ok(())
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        self.advance(now);
        Ok(self.settings.has_interrupt.then_some(self.interrupt))
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        self.advance(now);
        Ok(core::mem::take(&mut self.edge) && self.settings.has_interrupt)
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        if !self.settings.has_reset {
            return Ok(false);
        }
        match line {
            Line::Active => {
                self.boot = Boot::Held;
                self.drive_interrupt(false);
            }
            Line::Inactive => self.restart(now, ResetCause::External),
        }
        Ok(true)
    }

    fn has_interrupt(&self) -> bool {
        self.settings.has_interrupt
    }

    fn has_reset(&self) -> bool {
        self.settings.has_reset
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.settings.dead {
            return None;
        }
        if self.edge && self.settings.has_interrupt {
            return Some(Instant::ZERO);
        }
        match self.boot {
            Boot::Held => None,
            Boot::Until(until, _) => Some(until),
            Boot::Done => {
                let processed = self.processing.map(|(until, _)| until);
                let processed = earliest(processed, self.ring.next());
                earliest(processed, self.firmware.poll_timeout())
            }
        }
    }
}

/// Frames that were taken and not read yet, in a buffer that is emptied at a steady rate.
#[derive(Debug, Default)]
struct Ring {
    /// Each with when its last octet is taken out.
    frames: VecDeque<(Instant, Vec<u8>)>,
    /// When all of it is taken out.
    empty_at: Instant,
}

impl Ring {
    fn put(&mut self, now: Instant, frame: &[u8], settings: &Settings) {
        let micros = match settings.drain {
            0 => 0,
            drain => (frame.len() * 1_000).div_ceil(drain) as u64,
        };
        self.empty_at = self.empty_at.max(now) + Duration::from_micros(micros);
        self.frames.push_back((self.empty_at, frame.to_vec()));
    }

    /// The next frame that is out.
    fn take(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next().filter(|at| *at <= now)?;
        Some(self.frames.pop_front()?.1)
    }

    fn next(&self) -> Option<Instant> {
        Some(self.frames.front()?.0)
    }

    fn room(&self, now: Instant, settings: &Settings) -> usize {
        let micros = self.empty_at.since(now).as_micros() as usize;
        let waiting = (micros * settings.drain).div_ceil(1_000);
        settings.ring.saturating_sub(waiting).min(LENGTH_MAX)
    }
}

fn put(out: &mut [u8], start: usize, octets: &[u8]) {
    let Some(out) = out.get_mut(start..) else {
        return;
    };
    let len = octets.len().min(out.len());
    out[..len].copy_from_slice(&octets[..len]);
}

/// OpenThread's SPI buffers hold 1300 octets with the header (protocol §5.5).
const BUFFER_LEN: usize = 1300;
/// The largest buffer that can be asked for.
const RX_LEN: usize = 4096;
const RECV_MAX: usize = BUFFER_LEN - HEADER_LEN;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::echo::Echo;
    use crate::wire::spi::{locate, Reading};

    const NOW: Instant = Instant::from_millis(1_000);

    fn slave(spec: &str) -> Slave<Echo> {
        let spec = spec.parse().expect("what follows sim:");
        Slave::new(Echo::new(), &spec, NOW)
    }

    /// The header of a transaction that offers 64 octets and carries a frame of `len`, `micros` after
    /// the start.
    fn header(slave: &mut Slave<Echo>, micros: u64, len: usize) -> Header {
        let header = Header {
            recv_len: 64,
            data_len: len,
            ..Header::default()
        };
        let mut mosi = header.to_octets().to_vec();
        mosi.resize(HEADER_LEN + len.max(64), 0x81);
        let mut miso = vec![0; mosi.len()];
        let now = NOW + Duration::from_micros(micros);
        slave.transfer(now, &mosi, &mut miso).expect("it is there");
        match locate(&miso, 0) {
            Reading::Valid { header, .. } => header,
            reading => panic!("{reading:?}"),
        }
    }

    #[test]
    fn buffers_of_any_size() {
        for (spec, recv_len) in [("buffer=512", 507), ("buffer=4096", 4091), ("", 1295)] {
            let mut slave = slave(spec);
            assert_eq!(header(&mut slave, 0, 0).recv_len, 0, "the first header");
            assert_eq!(header(&mut slave, 1, 0).recv_len, recv_len);
        }
    }

    #[test]
    fn a_ring_shows_the_room_that_is_free() {
        let mut slave = slave("ring=1500:drain=20");
        header(&mut slave, 0, 0);
        assert_eq!(header(&mut slave, 10, 600).recv_len, 1_500);
        // Twenty octets a millisecond.
        assert_eq!(header(&mut slave, 10_010, 0).recv_len, 1_100);
        assert_eq!(header(&mut slave, 29_960, 0).data_len, 0);
        // When all of it is out it comes back.
        assert_eq!(header(&mut slave, 30_010, 0).data_len, 600);
    }

    #[test]
    fn a_reply_that_was_made_while_busy_keeps_recv_len_0_until_it_is_fetched() {
        let mut slave = slave("busy=1ms:stale-room");
        header(&mut slave, 0, 0);
        assert_eq!(header(&mut slave, 10, 8).recv_len, 1_295);
        let shown = header(&mut slave, 2_000, 0);
        assert_eq!((shown.recv_len, shown.data_len), (0, 8));
        assert_eq!(header(&mut slave, 2_001, 0).recv_len, 1_295);
    }

    #[test]
    fn a_boot_may_hold_miso_low_and_int_active() {
        let mut slave = slave("boot=5ms:boot-low:boot-int");
        let mut miso = [0xFF; 8];
        slave.transfer(NOW, &[2; 8], &mut miso).expect("a bus");
        assert_eq!(miso, [0; 8]);
        let line = slave.interrupt(NOW).expect("a line");
        assert_eq!(line, Some(Line::Active));
        assert!(header(&mut slave, 5_000, 0).reset);
    }
}
