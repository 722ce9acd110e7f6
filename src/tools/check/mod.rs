//! `--check`, the hardware doctor: opens what the command line names, tries it step by step, and says in
//! a table what it finds and what to do. For a person with a logic probe in the other hand.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`system`] | the machine: nodes, groups, drivers, `bufsiz` |
//! | [`board`] | measures: RES, INT, headers, noise |
//! | [`examine`] | the sequence, from the pulse to the conversation |
//! | [`interview`] | asks the co-processor who it is |
//! | [`judge`] | from measurements to findings |
//! | [`stream`] | serial ports, commands and connections: speed, flow control, what answers |
//! | [`talk`] | question and answer through the link engine |
//! | [`report`] | the table |
//! | [`command`] | the command line to use |
//!
//! Everything but [`main`] takes its bus, its time and its machine as arguments. `RealTime` in this file
//! is the only place that sleeps, and the only one besides the event loop that reads a clock.
//!
//! # Exit codes
//! | code | meaning |
//! | --- | --- |
//! | 0 | nothing failed with the command line that was given; warnings may be left |
//! | 1 | something failed |
//! | 2 | the command line is wrong (told before the check begins) |
//! | 3 | the result could not be printed |

pub mod board;
pub mod command;
pub mod examine;
pub mod interview;
pub mod judge;
pub mod report;
pub mod stream;
pub mod system;
pub mod talk;

use crate::bus::Bus;
use crate::config::{Config, Device, Face, Host, LogTarget, Verbosity};
use crate::event_loop::Clock;
use crate::io::signal::Signals;
use crate::io::spi::SpiBus;
use crate::io::{gpio, log};
use crate::sim;
use crate::time::{Duration, Instant};
use board::Time;
use report::{Finding, Level, Report};
use std::io::stdout;
use std::path::Path;
use system::System;

/// Checks, prints to standard output, and returns the exit code.
pub fn main(config: &Config) -> u8 {
    if config.verbosity > Verbosity::Info || config.log != LogTarget::Auto {
        // Standard error is no data channel here, whatever the face.
        let face = Face::Pty { link: None };
        if let Err(error) = log::start(config, &face) {
            log::report_startup_error(Some(&face), &error.to_string());
        }
    }
    let mut time = RealTime {
        clock: Clock::start(),
        // Caught, so that RES is not left active when somebody presses Ctrl-C.
        signals: Signals::catch().ok(),
        over: false,
    };
    let mut out = stdout();
    let mut report = Report::new(&mut out);
    run(config, &System::new("/"), &mut time, &mut report);
    match (report.error(), report.failures()) {
        (Some(_), _) => NOT_PRINTED,
        (None, 0) => PASSED,
        (None, _) => FAILED,
    }
}

/// The whole check.
pub fn run(config: &Config, system: &System, time: &mut dyn Time, report: &mut Report<'_>) {
    let name = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    report.line(&format!("{name} checks {}\n", config.device));
    for warning in &config.warnings {
        report.add(Finding::warn("options", warning));
    }
    let fit = match config.device.is_stream() {
        true => stream::examine(config, time, report),
        false => match open(config, system, time.now(), report) {
            Some((bus, max_transfer)) => examine::examine(bus, max_transfer, config, time, report),
            None => None,
        },
    };
    if time.is_over() {
        report.add(Finding::fail(
            "check",
            "ended by a signal before it was complete",
        ));
    }
    summary(fit.as_ref(), report);
}

fn summary(fit: Option<&Config>, report: &mut Report<'_>) {
    let (failures, warnings) = (report.failures(), report.warnings());
    let verdict = if failures == 0 { "pass" } else { "fail" };
    report.line(&format!(
        "\n{verdict}: {failures} failed, {warnings} with a warning"
    ));
    match fit {
        Some(fit) => {
            report.line(&format!("use: {}", command::command_line(fit)));
            let checked = Host {
                iid: fit.host.iid,
                ..Host::default()
            };
            if fit.host != checked {
                report
                    .line("     with your other options of the host driver, which are not checked");
            }
        }
        None => report
            .line("use: nothing yet; repair what failed, the first one first, and check again"),
    }
}

/// The bus, and the longest transaction that it takes.
type Opened = (Box<dyn Bus>, usize);

fn open(config: &Config, system: &System, now: Instant, report: &mut Report<'_>) -> Option<Opened> {
    match &config.device {
        Device::Spi(path) => open_spi(config, path, system, report),
        Device::Sim(_) if cfg!(not(feature = "sim")) => {
            let why = "sim: was left out of this program when it was built";
            let finding = Finding::fail("device", why);
            report.add(finding.remedy("build it with its default features"));
            None
        }
        Device::Sim(spec) => {
            let mut bus = sim::open(spec, now);
            let result = bus.configure(config.spi.mode, config.spi.speed_hz);
            let error = |error| Finding::fail("device", format!("sim: {error}"));
            result.map_err(|cause| report.add(error(cause))).ok()?;
            Some((bus, usize::MAX))
        }
        // They are no bus: [`stream`] looks at them.
        Device::Serial { .. } | Device::System(_) | Device::Tcp(_) => None,
    }
}

fn open_spi(
    config: &Config,
    path: &Path,
    system: &System,
    report: &mut Report<'_>,
) -> Option<Opened> {
    report.add(system.user());
    let spi = system.spi(path);
    let missing = spi.iter().any(|finding| finding.level == Level::Fail);
    spi.into_iter().for_each(|finding| report.add(finding));
    gpio_chips(config, system, report);
    if missing {
        return None;
    }
    report.add(system.bufsiz());
    let interrupt = config
        .interrupt
        .as_ref()
        .filter(|line| is_free("INT line", line, report));
    let reset = config
        .reset
        .as_ref()
        .filter(|line| is_free("RES line", line, report));
    match SpiBus::open(path, &config.spi, interrupt, reset) {
        Ok(bus) => {
            let max_transfer = bus.max_transfer();
            Some((Box::new(bus), max_transfer))
        }
        Err(error) => {
            report.add(Finding::fail("open", error.to_string()));
            None
        }
    }
}

/// Without lines on the command line, a machine without GPIO is worth a warning only.
fn gpio_chips(config: &Config, system: &System, report: &mut Report<'_>) {
    let wanted = config.interrupt.is_some() || config.reset.is_some();
    for mut finding in system.gpio() {
        if !wanted && finding.level == Level::Fail {
            finding.level = Level::Warn;
        }
        report.add(finding);
    }
}

/// Whether the line can be had.
fn is_free(what: &'static str, line: &crate::config::GpioWire, report: &mut Report<'_>) -> bool {
    let finding = match gpio::holder(&line.line) {
        Ok((location, None)) => Finding::pass(what, format!("{location}, free")),
        Ok((location, Some(holder))) => {
            Finding::fail(what, format!("{location} is held by \"{holder}\""))
                .remedy("stop that program, or disable the driver or overlay that holds the line")
        }
        Err(error) => Finding::fail(what, error.to_string()),
    };
    let free = finding.level == Level::Pass;
    report.add(finding);
    free
}

/// The clock, and the ends that signals bring.
struct RealTime {
    clock: Clock,
    signals: Option<Signals>,
    over: bool,
}

impl Time for RealTime {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn is_over(&mut self) -> bool {
        let received = self.signals.as_mut().map(Signals::drain);
        self.over |= received.is_some_and(|received| received.end.is_some());
        self.over
    }
}

/// Exit codes; see the module's table.
const PASSED: u8 = 0;
const FAILED: u8 = 1;
const NOT_PRINTED: u8 = 3;
