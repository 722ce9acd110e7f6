//! From what was measured to what is said: no bus, no time.

use super::board::{Restart, Sight};
use super::report::Finding;
use crate::bus::Line;
use crate::config::{Config, RESET_SETTLE};
use crate::time::Duration;
use crate::trace::Hex;

/// What is wired and asked for.
#[derive(Clone, Copy, Debug)]
pub struct Lines {
    /// There is an INT line.
    pub interrupt: bool,
    /// There is a RES line.
    pub reset: bool,
}

/// RES, INT and the first header.
pub fn restart(restart: &Restart, config: &Config, lines: Lines) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(error) = &restart.line_error {
        findings.push(
            Finding::fail("lines", format!("RES or INT failed: {error}"))
                .remedy("check the driver of the GPIO controller: dmesg"),
        );
    }
    findings.push(reset(restart, config, lines));
    findings.push(interrupt(restart, lines));
    findings.push(header(restart, config));
    findings
}

fn reset(restart: &Restart, config: &Config, lines: Lines) -> Finding {
    if !lines.reset {
        return Finding::warn("RES", "no line: a co-processor that hangs cannot be helped")
            .remedy("name the line with --gpio-res");
    }
    let pulse = config.reset_pulse;
    match (
        restart.pulsed,
        restart.answered_in_reset,
        restart.header_after,
    ) {
        (false, ..) => Finding::pass("RES", "left alone"),
        (_, true, _) => Finding::fail("RES", "the co-processor answers while RES is active (low)")
            .remedy(
            "RES does not reach its reset pin: measure it there, check the number after --gpio-res",
        ),
        (.., Some(_)) => Finding::pass("RES", format!("pulsed for {pulse:?}, and it came back")),
        // What comes is not from the co-processor, so it tells nothing of it.
        (.., None) if matches!(restart.sight, Sight::Loopback) => {
            Finding::pass("RES", format!("pulsed for {pulse:?}"))
        }
        (.., None) => Finding::warn("RES", format!("pulsed for {pulse:?}, and no header came"))
            .remedy("measure at the co-processor: low during the pulse, high after it"),
    }
}

/// INT, as far as the restart shows it. A failure means that it is of no use.
pub fn interrupt(restart: &Restart, lines: Lines) -> Finding {
    let what = "INT";
    if !lines.interrupt {
        return Finding::warn(
            what,
            "no line: the bridge polls, which costs CPU and latency",
        )
        .remedy("name the line with --gpio-int");
    }
    let in_reset = restart.interrupt_in_reset;
    if in_reset == Some(Line::Active) && !restart.answered_in_reset {
        return Finding::warn(what, "active (low) while RES holds the co-processor").remedy(
            "wrong line, a short to ground, or no pull-up: 10 kOhm to 3.3 V, or a pull-up in the overlay",
        );
    }
    if restart.waiting > 0 && restart.interrupt_then == Some(Line::Inactive) {
        let octets = restart.waiting;
        return Finding::fail(
            what,
            format!("inactive (high), while the header says that a frame of {octets} octets waits"),
        )
        .remedy("INT does not reach this line: measure it, check the number after --gpio-int");
    }
    match restart.interrupt_after {
        Some(_) if in_reset == Some(Line::Inactive) && !restart.edge => {
            Finding::warn(what, "its level moves, but the kernel reports no edge")
                .remedy("use a line with an interrupt; until then each frame comes some 30 ms late")
        }
        Some(after) if restart.pulsed => {
            Finding::pass(what, format!("active {} after RES", millis(after)))
        }
        Some(_) => Finding::pass(what, "active"),
        None if restart.interrupt_then == Some(Line::Active) => {
            Finding::warn(what, "active only after the header had come by itself").remedy(
                "frames come that late: a slow level shifter, a weak pull-up, or firmware that is slow to set it",
            )
        }
        None => {
            Finding::warn(what, "did not move").remedy("it moves when the co-processor has a frame")
        }
    }
}

fn header(restart: &Restart, config: &Config) -> Finding {
    let what = "header";
    match &restart.sight {
        Sight::Header { header, .. } => {
            let after = restart.header_after.unwrap_or_default();
            let detail = format!("after {}: {header}", millis(after));
            match settle(restart, config) {
                Some(settle) => Finding::warn(what, format!("{detail}: a slow boot, during which the bridge asks in vain"))
                    .remedy(format!("--spi-reset-delay {}", settle.as_millis())),
                None => Finding::pass(what, detail),
            }
        }
        Sight::High => Finding::fail(what, "MISO is all FF, in every mode: nobody drives it").remedy(
            "measure: supply 3.3 V, RES high, chip select low during a transaction and on the pin that the \
             co-processor uses, MISO not on MOSI's pin; is its firmware one for SPI?",
        ),
        Sight::Low => Finding::fail(what, "MISO is all 00, in every mode")
            .remedy("MISO is short to ground or not connected, or the co-processor's SPI is not started"),
        Sight::Loopback => Finding::fail(what, "MISO carries what we send on MOSI")
            .remedy("the two are connected: remove the jumper, or look for the short"),
        Sight::Garbage(octets) => Finding::fail(
            what,
            format!("garbage in every SPI mode, also at 500 kHz, the last one {}", Hex(octets)),
        )
        .remedy("check the ground wire, the level (3.3 V), a larger --spi-cs-delay, and who else is on the bus"),
        Sight::Error(error) => Finding::fail("driver", error.to_string()).remedy(match config.spi.cs_delay {
            Duration::ZERO => "dmesg tells what the SPI driver has against it",
            _ => "try --spi-cs-delay 0; dmesg tells what the SPI driver has against it",
        }),
    }
}

/// How long the bridge should leave a slow co-processor alone after RES, if longer than it does.
pub fn settle(restart: &Restart, config: &Config) -> Option<Duration> {
    let after = restart.header_after.filter(|_| restart.pulsed)?;
    let slow = after > BOOT_USUAL && after > config.reset_settle;
    // A quarter more than it took: the next boot is not as long as this one.
    let settle = (after * 5 / 4).min(SETTLE_MAX);
    slow.then(|| Duration::from_millis(u64::try_from(settle.as_millis()).unwrap_or(0)))
}

/// As a person reads it.
pub fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

/// The link says that nobody answers after 200 bad headers, which are some 2 s (protocol §5.7); with a
/// margin of a quarter.
const BOOT_USUAL: Duration = Duration::from_millis(1_500);

/// The most that `--spi-reset-delay` takes.
const SETTLE_MAX: Duration = Duration::from_millis(RESET_SETTLE.max as u64);
