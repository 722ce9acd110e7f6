//! What a transaction that was run has moved, and what follows from it (protocol §5.4, §5.11).

use super::failure::Failure;
use super::limits::*;
use super::{Link, Outcome, Tx};
use crate::time::{Duration, Instant};
use crate::trace::{self, Way};
use crate::wire::fcs::{Fcs, FCS_LEN};
use crate::wire::spi::{self, Header, HEADER_LEN};

impl Link {
    /// Whether the transaction brought what it sent: MISO is wired to MOSI. Most comparisons end with the
    /// first octets. Where nobody offers anything nothing would be moved, and an echo that has our own
    /// frame to say may say the same: that is no sign by itself.
    pub(super) fn came_back(&self) -> bool {
        let clocked = self.plan.clocked;
        let sent = match self.tx {
            Tx::Queued(_) if self.looped || self.plan.header.recv_len > 0 => &self.mosi[..clocked],
            Tx::Empty | Tx::Flight(_) if self.looped => &self.blank[..clocked],
            _ => return false,
        };
        self.miso[..clocked] == *sent
    }

    pub(super) fn handle_header(
        &mut self,
        now: Instant,
        skipped: usize,
        header: Header,
        crc: bool,
    ) -> Outcome<'_> {
        if self.bad >= BAD_REPORTED {
            log::info!(
                "the co-processor answers again after {} bad headers",
                self.bad
            );
        }
        self.bad = 0;
        self.is_long = false;
        self.shift_seen = 0;
        self.booted(now);
        if header.reset {
            self.slave_restarted(now);
        }
        self.awaiting_header = false;
        self.report = false;
        self.confirm = false;
        self.settle_flight(now, &header);
        let moved = self.judge_ours(now, &header, crc);
        let received = self.judge_theirs(now, skipped, &header, crc);
        if moved {
            // Only now: what came in the same transaction is not the answer to it.
            let frame = &self.mosi[HEADER_LEN..HEADER_LEN + self.plan.header.data_len];
            self.answers.asked(now, frame);
            self.sizing.sent(frame);
            if is_reset(frame) {
                self.booting_since = Some(now);
            }
        }
        if self.tx == Tx::Empty {
            self.go_on();
        }
        if moved && received.is_some() {
            self.stats.duplex += 1;
        }
        let progress = moved || received.is_some();
        self.note_progress(now, progress);
        if !progress {
            self.stats.fruitless += 1;
        }
        let delivered = received.map(|(start, end)| &self.miso[start..end]);
        Outcome {
            delivered,
            slave_reset: header.reset,
        }
    }

    /// The slave's header tells whether the frame in flight had a good CRC. Without a frame in flight
    /// CCF means nothing.
    fn settle_flight(&mut self, now: Instant, header: &Header) {
        let Tx::Flight(len) = self.tx else { return };
        if !header.crc_failed {
            self.rejected = 0;
            self.go_on();
            return;
        }
        self.tx = Tx::Queued(len);
        self.stats.crc_errors_sent += 1;
        self.rejected += 1;
        if self.rejected >= CRC_FAILURES_MAX {
            self.fail(now, Failure::CrcSent);
        }
    }

    /// Whether the slave took our frame.
    fn judge_ours(&mut self, now: Instant, header: &Header, crc: bool) -> bool {
        let len = self.plan.header.data_len;
        if len == 0 {
            return false;
        }
        if len <= header.recv_len {
            let frame = &self.mosi[HEADER_LEN..HEADER_LEN + len];
            trace::frame(Way::ToSlave, frame);
            self.stats.frames_sent += 1;
            self.stats.octets_sent += len as u64;
            // TID 0: nothing says that an answer comes.
            let has_answer = self.settings.has_interrupt && frame[0] & 0x0F != 0;
            self.rearm.accepted(now, header.recv_len - len);
            if crc {
                self.tx = Tx::Flight(len);
                self.confirm_at = match has_answer {
                    true => now + CONFIRM_WAIT,
                    false => Instant::ZERO,
                };
            } else {
                self.tx = Tx::Empty;
            }
            self.too_big_since = None;
            self.recv_len_max = self.recv_len_max.max(header.recv_len);
            // The answer is due: look at INT soon, should its edge get lost.
            self.level_at = self.level_at.min(now + LEVEL_PERIOD_DUE);
            return true;
        }
        self.stats.refused += 1;
        if header.recv_len > self.recv_len_max {
            // Who shows more and more room gets the time that it takes.
            self.recv_len_max = header.recv_len;
            self.too_big_since = None;
        }
        if header.recv_len > 0 {
            let since = *self.too_big_since.get_or_insert(now);
            if len > self.recv_len_max && now.since(since) >= TOO_BIG_TIME {
                self.drop_too_big(len, self.recv_len_max);
                return false;
            }
        }
        self.note_refusal(now, header);
        false
    }

    fn note_refusal(&mut self, now: Instant, header: &Header) {
        let fits = header.data_len > 0 && header.data_len <= self.plan.header.recv_len;
        // A slave that waits for us to fetch its frame first is not to blame if we cannot.
        let our_fault = header.data_len > 0 && self.plan.header.recv_len == 0;
        if fits {
            self.rearm.gave(now);
            return;
        }
        self.rearm
            .refused(now, header.recv_len, self.plan.header.data_len);
        let (refusals, since) = self.rearm.refusals(now);
        if our_fault {
            return;
        }
        if refusals == REFUSALS_REPORTED {
            self.refusals_reported += 1;
        }
        if refusals == REFUSALS_REPORTED && self.refusals_reported.is_power_of_two() {
            log::warn!("the co-processor has refused a frame {refusals} times in {since:?}: it is busy or out of buffers");
        }
        if refusals >= REFUSALS_MAX && since >= REFUSALS_TIME {
            self.fail(now, Failure::Refused);
        }
    }

    /// Where the slave's frame stands, if it gave one.
    fn judge_theirs(
        &mut self,
        now: Instant,
        skipped: usize,
        header: &Header,
        crc: bool,
    ) -> Option<(usize, usize)> {
        let len = header.data_len;
        let start = skipped + HEADER_LEN;
        let end = start + len;
        let checked = if crc { end + FCS_LEN } else { end };
        if len == 0 {
            self.remembered = 0;
            return None;
        }
        if len > self.frame_max {
            self.report_unreachable(len);
            return None;
        }
        if self.remembered != len {
            self.sizing.seen(len);
        }
        if len > self.plan.header.recv_len || checked > self.plan.clocked {
            self.stats.fetched_again += u64::from(self.plan.header.recv_len > 0);
            self.remembered = len;
            return None;
        }
        if crc && !self.fcs_is_good(now, start, checked) {
            return None;
        }
        self.remembered = 0;
        self.confirm = crc;
        let frame = &self.miso[start..end];
        trace::frame(Way::FromSlave, frame);
        self.answers.heard(frame);
        self.stats.frames_received += 1;
        self.stats.octets_received += len as u64;
        Some((start, end))
    }

    fn fcs_is_good(&mut self, now: Instant, start: usize, end: usize) -> bool {
        let mut check = Fcs::new();
        check.update(&self.miso[start..end]);
        if check.is_good() {
            self.bad_fcs = 0;
            return true;
        }
        self.report = true;
        self.stats.crc_errors_received += 1;
        self.bad_fcs += 1;
        if self.bad_fcs >= CRC_FAILURES_MAX {
            self.bad_fcs = 0;
            self.fail(now, Failure::CrcReceived);
        }
        false
    }

    fn note_progress(&mut self, now: Instant, progress: bool) {
        if progress {
            self.failures = 0;
            self.failed_silently = false;
            self.stuck = 0;
            self.active_at = now;
        } else if self.plan.for_level && !self.confirm {
            self.throttle_level(now);
        }
        self.in_vain = match progress || !self.plan.at_once {
            true => 0,
            false => self.in_vain.saturating_add(1),
        };
        if self.in_vain >= IN_VAIN_MAX {
            // Whatever the slave asks for, and however often, it gets no more than every millisecond.
            self.not_before = self.not_before.max(now + LEVEL_DELAY_MIN);
        }
        self.plan_poll(now, progress);
    }

    /// INT led to a transaction that moved nothing: its level was stale, or it is stuck. The first
    /// repetition is free; then 1 ms, doubling up to the poll period.
    fn throttle_level(&mut self, now: Instant) {
        if self.stuck > 0 {
            let delay = LEVEL_DELAY_MIN * (1 << (self.stuck - 1).min(LEVEL_DOUBLINGS));
            self.level_allowed = now + delay.min(self.settings.poll_period.max(LEVEL_DELAY_MIN));
        }
        self.stuck = self.stuck.saturating_add(1);
        if self.stuck == STUCK_REPORTED {
            log::warn!("INT is active, but the co-processor has nothing to say: is the line stuck low, or is it the wrong one? It is polled meanwhile");
        }
    }

    /// Without INT: at once after a frame; then every millisecond, and less often the longer nothing
    /// happens, down to the poll period.
    fn plan_poll(&mut self, now: Instant, progress: bool) {
        let quiet = now.since(self.active_at) / POLL_SHARE;
        let period = quiet
            .max(POLL_MIN)
            .min(self.settings.poll_period.max(POLL_MIN));
        self.poll_at = if progress { now } else { now + period };
    }

    /// The slave took part in a transaction whose outcome we could not read.
    pub(super) fn in_doubt(&mut self) {
        if self.crc.is_active() && self.plan.header.recv_len > 0 {
            // It may have given a frame: ask for a repetition.
            self.report = true;
        }
        if let Tx::Flight(len) = self.tx {
            self.tx = Tx::Queued(len);
        }
        self.stats.repeated_in_doubt += u64::from(matches!(self.tx, Tx::Queued(_)));
    }

    /// The slave took part in a transaction that came `paused` after the one before.
    pub(super) fn note_part(&mut self, now: Instant, paused: Duration) {
        let needed = match (self.gap.is_retrying(), self.taken_at) {
            (true, Some(taken_at)) => now.since(taken_at),
            _ => paused,
        };
        self.taken_at = Some(now);
        self.gap.took_part(needed);
        if self.gap.is_active() {
            self.pause = self.settings.gap.max(self.gap.pause());
        }
    }

    /// MISO was void `paused` after the last transaction. If the slave may just not be armed again, the
    /// next one comes soon.
    fn retry_void(&mut self, now: Instant, paused: Duration) -> bool {
        let is_soon = |at: Instant| now.since(at) <= REARM_MAX;
        if !(self.gap.is_retrying() || self.taken_at.is_some_and(is_soon)) {
            return false;
        }
        let Some(pause) = self.gap.void(paused) else {
            return false;
        };
        self.pause = self.settings.gap.max(pause);
        true
    }

    pub(super) fn bad_header(
        &mut self,
        now: Instant,
        paused: Duration,
        failure: Failure,
    ) -> Outcome<'_> {
        self.plan_poll(now, false);
        self.hint_at_shift();
        let void = matches!(failure, Failure::Void(_));
        let retried = void && self.retry_void(now, paused);
        let polled = self.tx == Tx::Empty
            && !(self.plan.for_level || self.awaiting_header)
            && !(self.remembered > 0 || self.report || self.confirm);
        if void && polled {
            // Polled, and asleep: not even an error (§5.7).
            return Outcome::default();
        }
        if self.bad == 0 {
            self.bad_since = now;
        }
        self.bad = self.bad.saturating_add(1);
        if !retried {
            let soon = self.plan.for_level && self.bad <= BAD_SOON;
            let delay = match self.bad {
                _ if soon => BAD_DELAY_SOON,
                _ if !self.is_long && self.boots_failed == 0 => BAD_DELAY,
                _ => BAD_DELAY_DEAD,
            };
            self.not_before = now + delay;
        }
        self.look_for_failure(now, failure);
        Outcome::default()
    }

    /// Whether silence has lasted for longer than a boot can.
    fn look_for_failure(&mut self, now: Instant, failure: Failure) {
        // A machine that is slow may take long for so many.
        let takes_long = self.bad >= BAD_REPORTED && now.since(self.bad_since) >= BAD_TIME;
        let is_void = matches!(failure, Failure::Void(_));
        let is_long = self.is_long || self.bad >= BAD_MAX || (is_void && takes_long);
        let was_long = core::mem::replace(&mut self.is_long, is_long);
        if !is_long {
            return;
        }
        let wait = self.patience(failure);
        let since = self.booting_since.unwrap_or(self.bad_since);
        let silent = now.since(since);
        if silent >= wait {
            self.bad = 0;
            self.is_long = false;
            self.fail(now, failure);
        } else if !was_long && self.failures == 0 {
            self.failed = Some(failure);
            let left = Duration::from_secs((wait - silent).as_secs() + 1);
            log::warn!("{}", failure.waits(self.settings.has_reset, left));
        }
    }

    /// Names the option for a slave that shifts MISO by more octets than are allowed for.
    fn hint_at_shift(&mut self) {
        let Some(shift) = spi::shift(&self.miso[..self.plan.clocked]) else {
            return;
        };
        self.shift_seen = self.shift_seen.saturating_add(1);
        if shift > self.settings.align_allowance && self.shift_seen == SHIFT_REPORTED {
            log::warn!("the co-processor's headers come {shift} octets late: use --spi-align-allowance {shift}");
        }
    }
}

/// Whether `frame` makes the co-processor start over (protocol §1.3).
fn is_reset(frame: &[u8]) -> bool {
    matches!(frame, [_, RESET, ..])
}

/// The command RESET.
const RESET: u8 = 1;
