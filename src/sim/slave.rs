//! The SPI slave of the simulated co-processor, after OpenThread's (protocol §5.5): one frame prepared
//! to send, RECV_LEN 0 while a frame is processed, INT, RES, the boot header; and the optional CRC of
//! §5.11, which no firmware that we know has.
//!
//! Like a real slave it answers with what it prepared before chip select fell: it does not look at
//! MOSI first.

use super::spec::Spec;
use super::{Firmware, ResetCause};
use crate::bus::{Bus, Line};
use crate::time::{earliest, Duration, Instant};
use crate::wire::fcs::{self, Fcs, FCS_LEN};
use crate::wire::spi::{Header, HEADER_LEN};
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

    rx: Box<[u8; BUFFER_LEN]>,
    /// A frame is being processed until then: its length.
    processing: Option<(Instant, usize)>,

    interrupt: Line,
    edge: bool,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    crc: bool,
    align: usize,
    busy: Duration,
    boot: Duration,
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
                busy: spec.busy,
                boot: spec.boot,
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
            rx: Box::new([0; BUFFER_LEN]),
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
        if let Some((until, len)) = self.processing {
            if until <= now {
                self.processing = None;
                self.firmware.receive(now, &self.rx[..len]);
            }
        }
        if let Some(cause) = self.firmware.take_reset_request() {
            self.restart(now, cause);
            return;
        }
        self.prepare(now);
    }

    /// Prepares the header and frame that the next transaction shows.
    fn prepare(&mut self, now: Instant) {
        if self.tx_len > 0 {
            self.firmware.poll(now);
        } else {
            if let Some(len) = self.firmware.transmit(now, &mut self.tx[..]) {
                self.tx_len = len.min(BUFFER_LEN);
            }
        }
        let gives = self.tx_len > 0 && !self.unconfirmed;
        // The first header after a reset takes nothing (§5.5).
        let takes = !self.rst
            && self.processing.is_none()
            && !(self.settings.half_duplex && gives)
            && self.firmware.is_ready();
        self.recv_len = if takes { RECV_MAX } else { 0 };
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
        self.processing = None;
        self.recv_len = 0;
        self.drive_interrupt(false);
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
            miso.fill(0xFF);
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
                earliest(processed, self.firmware.poll_timeout())
            }
        }
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
const RECV_MAX: usize = BUFFER_LEN - HEADER_LEN;
