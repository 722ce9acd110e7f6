//! What can be done to a board: pulse RES, look at INT, ask for headers. It measures and does not judge.
//!
//! A **probe** is a transaction with RECV_LEN 0 and DATA_LEN 0, which shows the slave's header and moves
//! no frame either way (protocol §5.3). It is long enough for the longest alignment junk, and carries a
//! pattern behind its header by which MOSI is known if it comes back on MISO.

use crate::bus::{Bus, Line};
use crate::error::is_gone;
use crate::time::{Duration, Instant};
use crate::wire::spi::{locate, Header, Reading, ALIGN_MAX, HEADER_LEN};
use std::io;

/// Time as the check knows it: real in the program, virtual in tests.
pub trait Time {
    /// Now.
    fn now(&self) -> Instant;

    /// Waits.
    fn sleep(&mut self, duration: Duration);

    /// Whether somebody asked to end.
    fn is_over(&mut self) -> bool;
}

/// What a probe saw on MISO.
#[derive(Debug)]
pub enum Sight {
    /// A header behind `skipped` octets of alignment junk.
    Header {
        /// 0..=16.
        skipped: usize,
        /// The header.
        header: Header,
    },
    /// All FF.
    High,
    /// All 00.
    Low,
    /// What we sent.
    Loopback,
    /// Anything else; its first octets that are neither FF nor 00.
    Garbage([u8; HEADER_LEN]),
    /// The driver failed.
    Error(io::Error),
}

/// What happened after RES was pulsed, or after the first look where it was not.
#[derive(Debug)]
pub struct Restart {
    /// RES was pulsed.
    pub pulsed: bool,
    /// INT while RES was active.
    pub interrupt_in_reset: Option<Line>,
    /// The co-processor answered while RES was active.
    pub answered_in_reset: bool,
    /// When INT was first seen active, from the release of RES.
    pub interrupt_after: Option<Duration>,
    /// An edge of INT was reported.
    pub edge: bool,
    /// When the header came, from the release of RES.
    pub header_after: Option<Duration>,
    /// The header, or the last that was seen in its place.
    pub sight: Sight,
    /// A little later: the length of the frame that waits, and INT.
    pub waiting: usize,
    /// INT then.
    pub interrupt_then: Option<Line>,
    /// RES or INT could not be driven or read.
    pub line_error: Option<io::Error>,
}

/// What many probes at one clock rate showed.
#[derive(Debug, Default)]
pub struct Count {
    /// Probes made.
    pub probes: u32,
    /// All FF or 00.
    pub void: u32,
    /// Garbage, or a header unlike those around it.
    pub wrong: u32,
    /// Headers with RST after the first one.
    pub resets: u32,
    /// Driver errors.
    pub errors: u32,
    /// The last of them.
    pub error: Option<io::Error>,
}

/// A bus with a co-processor, under examination.
pub struct Board<'t> {
    /// The bus.
    pub bus: Box<dyn Bus>,
    /// The clock on the wall.
    pub time: &'t mut dyn Time,
}

impl Board<'_> {
    /// Looks once.
    pub fn probe(&mut self) -> Sight {
        let mosi = mosi();
        let mut miso = [0; PROBE_LEN];
        match self.bus.transfer(self.time.now(), &mosi, &mut miso) {
            Ok(()) => see(&mosi, &miso),
            Err(error) => Sight::Error(error),
        }
    }

    /// Pulses RES for `pulse`, if there is a RES line and a pulse, then waits for INT and a header.
    pub fn restart(&mut self, pulse: Option<Duration>) -> Restart {
        let mut restart = Restart {
            pulsed: false,
            interrupt_in_reset: None,
            answered_in_reset: false,
            interrupt_after: None,
            edge: false,
            header_after: None,
            sight: Sight::High,
            waiting: 0,
            interrupt_then: None,
            line_error: None,
        };
        if let Some(pulse) = pulse.filter(|_| self.bus.has_reset()) {
            self.pulse(pulse, &mut restart);
        }
        self.await_header(&mut restart);
        self.look_again(&mut restart);
        restart
    }

    fn pulse(&mut self, pulse: Duration, restart: &mut Restart) {
        let now = self.time.now();
        if let Err(error) = self.bus.set_reset(now, Line::Active) {
            restart.line_error = Some(error);
            return;
        }
        restart.pulsed = true;
        self.time.sleep(pulse);
        restart.interrupt_in_reset = self.interrupt(restart);
        restart.answered_in_reset = matches!(self.probe(), Sight::Header { .. });
        // The edges so far are those of the time before.
        let _ = self.bus.take_edge(self.time.now());
        if let Err(error) = self.bus.set_reset(self.time.now(), Line::Inactive) {
            restart.line_error = Some(error);
        }
    }

    fn await_header(&mut self, restart: &mut Restart) {
        let start = self.time.now();
        let mut probe_at = start;
        let mut bad = 0;
        while !self.time.is_over() {
            let now = self.time.now();
            let after = now.since(start);
            let mut due = now >= probe_at;
            if restart.interrupt_after.is_none() && self.interrupt(restart) == Some(Line::Active) {
                restart.interrupt_after = Some(after);
                due = true;
            }
            if due {
                restart.sight = self.probe();
                match &restart.sight {
                    Sight::Header { .. } => {
                        restart.header_after = Some(after);
                        return;
                    }
                    Sight::Loopback => return,
                    Sight::Error(error) if is_gone(error) => return,
                    Sight::Garbage(_) | Sight::Error(_) => bad += 1,
                    Sight::High | Sight::Low => {}
                }
                probe_at = now + POLL_PERIOD;
            }
            if after >= BOOT_MAX || bad >= BAD_MAX {
                return;
            }
            self.time.sleep(LEVEL_PERIOD);
        }
    }

    /// What comes a little later: by then the co-processor has something to say and INT says so.
    fn look_again(&mut self, restart: &mut Restart) {
        self.time.sleep(REARM_MAX);
        if let Sight::Header { .. } = restart.sight {
            if let Sight::Header { header, .. } = self.probe() {
                restart.waiting = header.data_len;
            }
        }
        let until = self.time.now() + REARM_MAX;
        restart.interrupt_then = self.interrupt(restart);
        while restart.interrupt_then == Some(Line::Inactive) && self.time.now() < until {
            self.time.sleep(LEVEL_PERIOD);
            restart.interrupt_then = self.interrupt(restart);
        }
        restart.edge = self.bus.take_edge(self.time.now()).unwrap_or(false);
    }

    fn interrupt(&mut self, restart: &mut Restart) -> Option<Line> {
        self.bus.interrupt(self.time.now()).unwrap_or_else(|error| {
            restart.line_error = Some(error);
            None
        })
    }

    /// Whether there are headers with these settings.
    pub fn answers(&mut self, mode: u8, speed_hz: u32) -> bool {
        if self.bus.configure(mode, speed_hz).is_err() {
            return false;
        }
        let mut headers = 0;
        for _ in 0..TRIES {
            self.time.sleep(POLL_PERIOD);
            headers += u32::from(matches!(self.probe(), Sight::Header { .. }));
        }
        headers >= TRIES_GOOD
    }

    /// Asks for `probes` headers, `gap` apart.
    pub fn count(&mut self, probes: u32, gap: Duration) -> Count {
        let mut count = Count::default();
        let mut headers = Vec::new();
        while count.probes < probes && !self.time.is_over() {
            if !gap.is_zero() {
                self.time.sleep(gap);
            }
            count.probes += 1;
            match self.probe() {
                Sight::Header { header, .. } => headers.push(header),
                Sight::High | Sight::Low => count.void += 1,
                Sight::Garbage(_) | Sight::Loopback => count.wrong += 1,
                Sight::Error(error) => {
                    count.errors += 1;
                    count.error = Some(error);
                }
            }
        }
        count.resets = headers.iter().skip(1).map(|h| u32::from(h.reset)).sum();
        count.wrong += outliers(&headers);
        count
    }
}

/// Headers unlike both neighbours, which are alike: a flipped bit. A new frame or a restart changes all
/// headers that follow. RECV_LEN 0 and RST come and go (§5.5): they are left out, or between two that
/// refuse one that does not would look like the odd one.
fn outliers(headers: &[Header]) -> u32 {
    let taking: Vec<_> = headers
        .iter()
        .filter(|header| header.recv_len != 0 && !header.reset)
        .collect();
    let is_outlier = |window: &[&Header]| match window {
        [before, header, after] => before == after && header != before,
        _ => false,
    };
    taking.windows(3).map(|w| u32::from(is_outlier(w))).sum()
}

fn mosi() -> [u8; PROBE_LEN] {
    let mut mosi = [0; PROBE_LEN];
    mosi[..HEADER_LEN].copy_from_slice(&Header::default().to_octets());
    for (octet, pattern) in mosi[HEADER_LEN..].iter_mut().zip(0xA5..) {
        *octet = pattern;
    }
    mosi
}

fn see(mosi: &[u8], miso: &[u8]) -> Sight {
    if miso == mosi {
        return Sight::Loopback;
    }
    if miso.iter().all(|octet| *octet == 0x00) {
        return Sight::Low;
    }
    match locate(miso, ALIGN_MAX) {
        Reading::Valid { skipped, header } => Sight::Header { skipped, header },
        Reading::Void => Sight::High,
        Reading::Garbage(octets) => Sight::Garbage(octets),
    }
}

/// Header and the longest junk before it.
const PROBE_LEN: usize = HEADER_LEN + ALIGN_MAX;

/// The longest boot that a host in use waits for (§5.10).
const BOOT_MAX: Duration = Duration::from_secs(5);

/// Between two looks at a co-processor that boots (§5.10, step 4).
const POLL_PERIOD: Duration = Duration::from_millis(10);

/// Between two looks at INT: what a sleep can time.
const LEVEL_PERIOD: Duration = Duration::from_millis(1);

/// Garbage or errors until the co-processor is taken for booted: half a second at the poll period, in
/// which a boot loader may chatter.
const BAD_MAX: u32 = 50;

/// A slave re-arms and moves INT within some microseconds (§5.9); two orders more.
const REARM_MAX: Duration = Duration::from_millis(10);

/// Probes in another mode, and how many of them must bring a header: chance makes one of some ten
/// thousand random headers valid (two bits of pattern, ten bits of length).
const TRIES: u32 = 5;
const TRIES_GOOD: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen() {
        let mosi = mosi();
        let mut miso = [0xFF; PROBE_LEN];
        assert!(matches!(see(&mosi, &miso), Sight::High));
        assert!(matches!(see(&mosi, &[0; PROBE_LEN]), Sight::Low));
        assert!(matches!(see(&mosi, &mosi), Sight::Loopback));
        miso[2..7].copy_from_slice(&[0x82, 0x00, 0x00, 0x04, 0x00]);
        assert!(matches!(
            see(&mosi, &miso),
            Sight::Header { skipped: 2, .. }
        ));
        miso[2] = 0x41;
        assert!(matches!(
            see(&mosi, &miso),
            Sight::Garbage([0x41, 0, 0, 4, 0])
        ));
    }

    #[test]
    fn flipped_bits_are_told_from_changes() {
        let header = |recv_len, data_len| Header {
            recv_len,
            data_len,
            ..Header::default()
        };
        let (idle, full) = (header(1295, 0), header(1295, 4));
        assert_eq!(outliers(&[idle, idle, full, full, full, idle]), 0);
        let busy = header(0, 0);
        assert_eq!(outliers(&[idle, busy, idle]), 0, "busy");
        assert_eq!(outliers(&[busy, idle, busy, busy]), 0, "mostly busy");
        assert_eq!(outliers(&[idle, header(1294, 0), idle, full, idle]), 2);
        let reset = Header {
            reset: true,
            ..idle
        };
        assert_eq!(outliers(&[idle, reset, idle, reset]), 0);
    }
}
