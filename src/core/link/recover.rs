//! Resets, failures, and what is dropped (protocol §5.6, §5.7, §5.10).

use super::answers::Answers;
use super::failure::Failure;
use super::limits::*;
use super::{Level, Link, Phase, Tx};
use crate::error::is_gone;
use crate::time::{Duration, Instant};
use std::io;

impl Link {
    pub(super) fn slave_restarted(&mut self, now: Instant) {
        self.stats.slave_resets += 1;
        if self
            .reset_reported_at
            .map_or(true, |at| now.since(at) >= RESET_REPORT_PERIOD)
        {
            self.reset_reported_at = Some(now);
            log::info!("the co-processor was reset");
        }
        if let Tx::Flight(_) = self.tx {
            // The co-processor that took it is no more.
            self.stats.dropped_by_reset += 1;
            self.go_on();
        }
        self.forget();
    }

    /// What a restart of the slave makes void.
    fn forget(&mut self) {
        self.remembered = 0;
        self.report = false;
        self.confirm = false;
        self.rejected = 0;
        self.recv_len_max = 0;
        self.too_big_since = None;
        self.bad_fcs = 0;
        self.bad = 0;
        self.is_long = false;
        self.rearm.reset();
        self.gap.slave_restarted();
        self.answers = Answers::default();
    }

    /// RES was pulled: the link begins anew, without the frame that waits (§5.10). But what a slave that
    /// said nothing did not take is still to be said: whoever sent it waits for an answer.
    pub(super) fn start_over(&mut self) {
        if let Tx::Flight(_) = self.tx {
            self.stats.dropped_by_reset += 1;
            self.go_on();
        }
        while self.tx != Tx::Empty && !self.failed_silently {
            self.stats.dropped_by_reset += 1;
            self.go_on();
        }
        self.forget();
        self.crc.reset();
        self.awaiting_header = true;
        self.level = Level::Unknown;
        self.stuck = 0;
        self.not_before = Instant::ZERO;
    }

    /// How long silence means nothing: as long as a boot that may be going on can take; otherwise as long
    /// as one by itself would.
    pub(super) fn patience(&self, failure: Failure) -> Duration {
        if !failure.can_be_a_boot() {
            return Duration::ZERO;
        }
        match self.booting_since {
            Some(_) => BOOT_MAX * (1 << self.boots_failed.min(BOOT_DOUBLINGS)),
            None => self.boot_time * 2,
        }
    }

    /// A good header: if a boot was going on, it is over.
    pub(super) fn booted(&mut self, now: Instant) {
        self.boots_failed = 0;
        if let Some(since) = self.booting_since.take() {
            self.boot_time = now.since(since).min(BOOT_MAX).max(self.boot_time);
        }
    }

    /// The remedial action of §5.7: a hardware reset where RES is wired. After silence the time that the
    /// slave gets to boot grows, so that one that starts slowly is not reset for ever; after anything
    /// else the pause does. The link is never given up.
    pub(super) fn fail(&mut self, now: Instant, failure: Failure) {
        self.stats.link_failures += 1;
        self.failures = self.failures.saturating_add(1);
        self.failed = Some(failure);
        if self.failures.is_power_of_two() {
            log::error!("{}", failure.report(self.settings.has_reset, self.failures));
        }
        self.failed_silently = failure.is_bad_header();
        if self.failed_silently {
            self.boots_failed += u32::from(self.booting_since.is_some());
        }
        if self.settings.has_reset {
            self.phase = Phase::ResetDue;
            return;
        }
        // The slave lives on, so what is in flight or to be reported stays.
        self.rejected = 0;
        self.rearm.progressed();
        self.awaiting_header = true;
        if self.failed_silently {
            self.booting_since = Some(now);
        } else {
            self.phase = Phase::Pause(now + self.failure_pause());
        }
    }

    /// What was seen and what to look at, while the link fails.
    pub fn diagnosis(&self) -> Option<String> {
        let failed = self.failed.filter(|_| self.failures_in_a_row() > 0)?;
        Some(failed.to_string())
    }

    /// Whether what [`Link::diagnosis`] tells of is what a slave that boots looks like, too.
    pub fn may_be_a_boot(&self) -> bool {
        self.failed.map_or(true, Failure::can_be_a_boot)
    }

    /// How often the link failed since it last worked. A silence that may be a boot counts after two
    /// seconds, too: whoever waits wants to know.
    pub fn failures_in_a_row(&self) -> u32 {
        self.failures + u32::from(self.is_long)
    }

    pub(super) fn failure_pause(&self) -> Duration {
        match self.failures {
            _ if self.failed_silently => Duration::ZERO,
            0 => Duration::ZERO,
            n => FAILURE_PAUSE * (1 << (n - 1).min(FAILURE_DOUBLINGS)),
        }
    }

    /// The driver, not the slave, is what a frame is too long for.
    pub(super) fn drop_unsendable(&mut self, len: usize) {
        self.stats.dropped_too_big += 1;
        if self.stats.dropped_too_big.is_power_of_two() {
            log::warn!(
                "dropped a frame of {len} octets: the SPI driver carries {} at the most: raise spidev.bufsiz on the kernel command line (the {}. so far)",
                self.frame_max,
                self.stats.dropped_too_big
            );
        }
    }

    pub(super) fn drop_too_big(&mut self, len: usize, limit: usize) {
        self.rearm.progressed();
        self.go_on();
        self.stats.dropped_too_big += 1;
        if self.stats.dropped_too_big.is_power_of_two() {
            log::warn!("dropped a frame of {len} octets: the co-processor takes {limit} at the most (the {}. so far)", self.stats.dropped_too_big);
        }
    }

    /// The slave has a frame that no transaction can bring. It keeps it, and INT with it, which is
    /// throttled like any INT that leads to nothing.
    pub(super) fn report_unreachable(&mut self, len: usize) {
        self.remembered = 0;
        self.stats.unreachable += 1;
        if self.stats.unreachable.is_power_of_two() {
            log::error!(
                "the co-processor has a frame of {len} octets, and the SPI driver carries {} at the most: raise spidev.bufsiz on the kernel command line",
                self.frame_max
            );
        }
    }

    pub(super) fn note_gpio_error(&mut self, what: &str, error: io::Error) -> io::Result<()> {
        if is_gone(&error) {
            return Err(error);
        }
        self.stats.gpio_errors += 1;
        if self.stats.gpio_errors.is_power_of_two() {
            log::error!("{what} ({} times so far): {error}", self.stats.gpio_errors);
        }
        Ok(())
    }
}
