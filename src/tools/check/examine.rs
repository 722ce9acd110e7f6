//! The sequence: from the reset pulse to the version of the firmware, one finding after the other.

use super::board::{Board, Count, Sight, Time};
use super::interview::interview;
use super::judge::{self, Lines};
use super::report::{Finding, Level, Report};
use super::talk::{Conversation as _, Talk};
use crate::bus::{Bus, Line};
use crate::config::{Config, Face};
use crate::link::{CrcMode, Settings};
use crate::time::Duration;
use crate::wire::spi::Header;
use std::io;

/// Examines the co-processor on `bus` and prints what it finds. Returns the configuration that fits,
/// if the co-processor answers at all.
pub fn examine(
    bus: Box<dyn Bus>,
    max_transfer: usize,
    config: &Config,
    time: &mut dyn Time,
    report: &mut Report<'_>,
) -> Option<Config> {
    let mut examination = Examination {
        lines: Lines {
            interrupt: bus.has_interrupt(),
            reset: bus.has_reset(),
        },
        fit: config.clone(),
        asked_hz: config.spi.speed_hz,
        max_transfer,
        report,
    };
    let mut board = Board { bus, time };
    let header = examination.find_header(&mut board);
    let works = match header {
        Some(header) => {
            examination.spacing(&mut board);
            examination.clock(&mut board);
            examination.crc(header);
            let (again, result) = examination.talk(board);
            board = again;
            let works = result.unwrap_or_else(|error| examination.gone(&error));
            examination.stuck_interrupt(&mut board);
            works
        }
        None => false,
    };
    examination.leave(&mut board);
    works.then_some(examination.fit)
}

struct Examination<'a, 'w> {
    lines: Lines,
    /// What was asked for, with what was found.
    fit: Config,
    /// The clock that was asked for.
    asked_hz: u32,
    max_transfer: usize,
    report: &'a mut Report<'w>,
}

impl Examination<'_, '_> {
    fn pulse(&self) -> Option<Duration> {
        let wanted = self.lines.reset && self.fit.reset_at_start_and_exit;
        wanted.then_some(self.fit.reset_pulse)
    }

    /// Reset, INT, header, and the settings under which it comes.
    fn find_header(&mut self, board: &mut Board<'_>) -> Option<Header> {
        let mut restart = board.restart(self.pulse());
        let searchable = matches!(restart.sight, Sight::High | Sight::Low | Sight::Garbage(_));
        if searchable && self.search(board) {
            restart = board.restart(self.pulse());
        }
        if board.time.is_over() {
            return None;
        }
        for finding in judge::restart(&restart, &self.fit, self.lines) {
            self.report.add(finding);
        }
        if judge::interrupt(&restart, self.lines).level == Level::Fail {
            self.forget_interrupt();
        }
        if let Some(settle) = judge::settle(&restart, &self.fit) {
            self.fit.reset_settle = settle;
        }
        let Sight::Header { skipped, header } = restart.sight else {
            return None;
        };
        self.align(skipped);
        Some(header)
    }

    /// Tries the other modes, and a slow clock. True if one of them brings headers.
    fn search(&mut self, board: &mut Board<'_>) -> bool {
        let asked = self.fit.spi.mode;
        let modes = core::iter::once(asked).chain((0..=3).filter(|mode| *mode != asked));
        for mode in modes {
            for speed_hz in [self.asked_hz, SLOW_HZ.min(self.asked_hz)] {
                if board.answers(mode, speed_hz) {
                    self.fit.spi.mode = mode;
                    self.fit.spi.speed_hz = speed_hz;
                    self.mode(asked);
                    return true;
                }
            }
        }
        // What was accepted when the device was opened is accepted again.
        let _ = board.bus.configure(asked, self.asked_hz);
        false
    }

    /// Goes on without INT, which is of no use.
    fn forget_interrupt(&mut self) {
        self.lines.interrupt = false;
        self.fit.interrupt = None;
    }

    fn mode(&mut self, asked: u8) {
        let mode = self.fit.spi.mode;
        if mode != asked {
            self.report.add(
                Finding::fail(
                    "mode",
                    format!("headers come in SPI mode {mode}, not in mode {asked}"),
                )
                .remedy(format!("--spi-mode {mode}")),
            );
        }
    }

    fn align(&mut self, skipped: usize) {
        let allowance = self.fit.spi.align_allowance;
        if skipped > allowance {
            self.report.add(
                Finding::fail(
                    "alignment",
                    format!("headers come {skipped} octets late, allowed are {allowance}"),
                )
                .remedy(format!("--spi-align-allowance {skipped}")),
            );
            self.fit.spi.align_allowance = skipped;
        } else if allowance > 0 {
            self.report.add(Finding::pass(
                "alignment",
                format!("{skipped} octets, allowed are {allowance}"),
            ));
        }
    }

    /// Whether each probe is answered, and how much time the co-processor needs between two.
    fn spacing(&mut self, board: &mut Board<'_>) {
        let count = board.count(PROBES, self.fit.spi.gap);
        if let Some(error) = &count.error {
            let detail = format!("{} of {PROBES} transactions failed: {error}", count.errors);
            self.report.add(
                Finding::fail("driver", detail)
                    .remedy("dmesg tells what the SPI driver has against it"),
            );
        }
        // A flipped bit looks like a restart.
        if count.resets > 0 && count.wrong == 0 {
            self.report.add(
                Finding::fail("restarts", format!("the co-processor restarted {} times by itself", count.resets))
                    .remedy("its supply sags (measure 3.3 V under load), a watchdog bites, or RES catches noise"),
            );
        }
        if count.void == 0 {
            self.report.add(Finding::pass(
                "spacing",
                format!("{PROBES} probes in a row, none missed"),
            ));
            return;
        }
        let missed = format!("{} of {PROBES} probes in a row were missed", count.void);
        let gap = GAPS_US.iter().map(|us| Duration::from_micros(*us));
        // One that is missed now and then is not missed in the next hundred by chance alone.
        let probes = (PROBES * CERTAIN / count.void).max(PROBES);
        let found = gap
            .filter(|gap| *gap > self.fit.spi.gap)
            .find(|gap| board.count(probes, *gap).void == 0);
        let Some(gap) = found else {
            self.report.add(
                Finding::warn("spacing", format!("{missed}, however far apart")).remedy(
                    "a loose contact of chip select or MISO, or a co-processor that is busy",
                ),
            );
            return;
        };
        self.fit.spi.gap = gap * GAP_MARGIN;
        let micros = self.fit.spi.gap.as_micros();
        self.report.add(
            Finding::warn(
                "spacing",
                format!("{missed}, none when they are {} us apart", gap.as_micros()),
            )
            .remedy(format!("--spi-gap {micros}")),
        );
    }

    /// Headers at rising clock rates.
    fn clock(&mut self, board: &mut Board<'_>) {
        let mode = self.fit.spi.mode;
        let mut rates: Vec<u32> = RATES_HZ.iter().copied().chain([self.asked_hz]).collect();
        rates.sort_unstable();
        rates.dedup();
        let mut best = None;
        let mut worst: Option<(u32, Count)> = None;
        for rate in rates {
            if board.bus.configure(mode, rate).is_err() || board.time.is_over() {
                break;
            }
            let count = board.count(PROBES, self.fit.spi.gap);
            if count.wrong == 0 && count.void < PROBES {
                best = Some(rate);
            } else {
                worst = Some((rate, count));
                break;
            }
        }
        self.report.add(self.judge_clock(best, worst));
        if let Some(best) = best {
            self.fit.spi.speed_hz = self.asked_hz.min(best);
        }
        // It was accepted before.
        let _ = board.bus.configure(mode, self.fit.spi.speed_hz);
    }

    fn judge_clock(&self, best: Option<u32>, worst: Option<(u32, Count)>) -> Finding {
        let what = "clock";
        let bad = |(rate, count): &(u32, Count)| {
            format!(
                "{} of {} headers are wrong at {}",
                count.wrong + count.void,
                count.probes,
                hertz(*rate)
            )
        };
        match (best, worst) {
            (None, Some(worst)) => Finding::fail(what, format!("{}: noise", bad(&worst)))
                .remedy("check the ground wire, shorten the wires, put 33 Ohm in series with CLK, check the levels"),
            (Some(best), Some(worst)) if best < self.asked_hz => {
                Finding::fail(what, format!("{}, none at {}", bad(&worst), hertz(best)))
                    .remedy(format!("--spi-speed {best}, or shorter wires"))
            }
            (Some(best), Some(worst)) => {
                Finding::pass(what, format!("no error up to {}; {}", hertz(best), bad(&worst)))
            }
            (Some(best), None) => Finding::pass(what, format!("no error in {PROBES} headers each up to {}", hertz(best))),
            (None, None) => Finding::warn(what, "the driver takes no other clock"),
        }
    }

    fn crc(&mut self, header: Header) {
        let what = "CRC";
        self.report.add(match (header.crc, self.fit.spi.crc) {
            (true, CrcMode::Off) => {
                Finding::warn(what, "the co-processor has it, and it is switched off")
                    .remedy("--spi-crc auto")
            }
            (true, _) => Finding::pass(what, "the co-processor has it"),
            (false, CrcMode::On) => Finding::fail(what, "demanded, and the co-processor has none")
                .remedy("--spi-crc auto"),
            (false, _) => Finding::pass(what, "the co-processor has none"),
        });
        if !header.crc {
            self.fit.spi.crc = match self.fit.spi.crc {
                CrcMode::On => CrcMode::Auto,
                other => other,
            };
        }
    }

    /// True if it is a co-processor that the bridge can serve.
    fn talk<'t>(&mut self, board: Board<'t>) -> (Board<'t>, io::Result<bool>) {
        let mut talk = Talk::new(board, self.settings(), self.fit.host.iid);
        let is_host = matches!(self.fit.face, Face::Tun { .. });
        let result = interview(&mut talk, is_host, self.fit.reset_settle, self.report);
        self.fit.host.iid = talk.desk().iid();
        (talk.into_board(), result)
    }

    fn settings(&self) -> Settings {
        let Lines {
            interrupt, reset, ..
        } = self.lines;
        self.fit.link_settings(self.max_transfer, interrupt, reset)
    }

    /// INT is active, and the co-processor says that it has nothing.
    fn stuck_interrupt(&mut self, board: &mut Board<'_>) {
        let mut stuck = 0;
        for _ in 0..STUCK {
            board.time.sleep(STUCK_PERIOD);
            let level = board.bus.interrupt(board.time.now());
            let idle = matches!(
                board.probe(),
                Sight::Header { header, .. } if header.data_len == 0 && !header.reset
            );
            stuck += usize::from(idle && matches!(level, Ok(Some(Line::Active))));
        }
        if stuck == STUCK {
            self.forget_interrupt();
            self.report.add(
                Finding::fail("INT", "stuck: active (low) although the co-processor has nothing to say").remedy(
                    "wrong line, short to ground or no pull-up; without --gpio-int the bridge polls instead",
                ),
            );
        }
    }

    fn gone(&mut self, error: &io::Error) -> bool {
        self.report.add(
            Finding::fail("driver", format!("the device is gone: {error}"))
                .remedy("bind its driver again; dmesg tells why it went"),
        );
        false
    }

    /// Leaves the co-processor as after power-on.
    fn leave(&mut self, board: &mut Board<'_>) {
        if let Some(pulse) = self.pulse() {
            // A line that fails has been reported.
            let _ = board.bus.set_reset(board.time.now(), Line::Active);
            board.time.sleep(pulse);
            let _ = board.bus.set_reset(board.time.now(), Line::Inactive);
        }
    }
}

fn hertz(rate: u32) -> String {
    match rate {
        rate if rate % 1_000_000 == 0 => format!("{} MHz", rate / 1_000_000),
        rate => format!("{} kHz", rate / 1_000),
    }
}

/// Probes for each question about quality: an error rate of 3 % is seen with a chance of 95 %.
const PROBES: u32 = 100;

/// How many would have been missed among those of which none is: with five, chance does it once in 150
/// times (e^-5).
const CERTAIN: u32 = 5;

/// The clock that every slave must take is above 500 kHz (§5.1): if this does not work, nothing will.
const SLOW_HZ: u32 = 500_000;

/// From the slowest up to twice what the slaves of the known co-processors take (8 MHz).
const RATES_HZ: [u32; 7] = [
    SLOW_HZ, 1_000_000, 2_000_000, 4_000_000, 8_000_000, 12_000_000, 16_000_000,
];

/// Pauses between transactions that are tried (§5.1: at least 100 us).
const GAPS_US: [u64; 6] = [100, 200, 500, 1_000, 2_000, 5_000];

/// A sleep overshoots, so the pause that was found is shorter than the one that was made.
const GAP_MARGIN: u32 = 2;

/// INT follows within some microseconds (§5.9), and an unsolicited frame comes now and then.
const STUCK: usize = 5;
const STUCK_PERIOD: Duration = Duration::from_millis(10);
