//! FAULT, and what leads out of it (protocol §7.2): an operator's reset, and every sign of life.
//!
//! A board may need longer than we waited, a radio in the LAN may have been away, and a stick may have got
//! another firmware. So nothing is given up for good: the co-processor is looked for again when it tells of
//! a reset, when its transport comes back, and from time to time. Meanwhile the state stays FAULT with its
//! reason, which is still the best that can be said, until a handshake succeeds.

use super::{Phase, FAILURES_MAX};
use crate::ctl::{Code, Event, Failure, Field, Fields};
use crate::host::failure;
use crate::host::known::State;
use crate::host::script::Reset;
use crate::host::Host;
use crate::time::{Duration, Instant};

/// How FAULT is left.
#[derive(Debug, Default)]
pub(in crate::host) struct Rescue {
    /// When to look for it.
    pub(in crate::host) at: Option<Instant>,
    /// The pause before the next look.
    pause: Duration,
    /// It was silent: a reset may help, once in each look.
    resets: bool,
    /// Firmware that was replaced by our own decision, and when: the last of them.
    upgrades: Vec<Instant>,
    /// It was told that no more will be.
    told: bool,
}

impl Rescue {
    /// An operator begins anew, or it works: what was tried before does not count.
    pub(in crate::host) fn forget(&mut self) {
        self.at = None;
        self.pause = Duration::ZERO;
        self.resets = false;
    }

    /// An operator decides about the firmware.
    pub(in crate::host) fn forget_upgrades(&mut self) {
        self.upgrades.clear();
        self.told = false;
    }
}

impl Host {
    /// Too many failures: another firmware may help, once; then FAULT.
    pub(in crate::host) fn give_up(&mut self, why: &str) {
        if !self.startup.tried_upgrade && self.may_upgrade() {
            self.startup.tried_upgrade = true;
            self.note_upgrade();
            log::warn!("the co-processor cannot be initialised: {why}: replacing its firmware");
            return self.start_upgrade();
        }
        // What the transport sees is the better reason for silence.
        let silent = (self.stats.frames == self.startup.frames).then_some(self.settings.silence);
        let seen = self.known.diagnosis.as_deref().or(silent.flatten());
        let why = seen.unwrap_or(why).to_owned();
        self.fault(why);
        self.startup.rescue.resets = true;
    }

    /// FAULT, and when to look again.
    pub(in crate::host) fn fault(&mut self, why: String) {
        let pause = self.startup.rescue.pause.saturating_mul(2);
        let pause = pause.clamp(RESCUE_FIRST, RESCUE_LONGEST);
        let rescue = &mut self.startup.rescue;
        rescue.pause = pause;
        rescue.resets = false;
        rescue.at = Some(self.now + pause);
        self.fault_until_told(why);
    }

    /// FAULT until the co-processor tells of a reset, its transport comes back, or an operator resets it:
    /// nobody asks meanwhile.
    pub(in crate::host) fn fault_until_told(&mut self, why: String) {
        let is_known =
            self.known.state == State::Fault && self.known.fault.as_deref() == Some(why.as_str());
        if is_known {
            log::debug!("the co-processor still cannot be used: {why}");
        } else {
            log::error!(
                "the co-processor cannot be used: {why}; it is looked for from time to time, and \
                 `spinelctl reset` does so at once"
            );
        }
        self.known.fault = Some(why);
        let failure = self.fault_failure();
        self.with_tasks(|tasks, desk| tasks.fail_all(&failure, desk));
        self.fail_pending(&failure);
        self.forget_coprocessor();
        self.startup.phase = Phase::Fault;
        if !is_known {
            let why = self.known.fault.clone().unwrap_or_default();
            let fields = Fields::new().with("reason", Field::text(why));
            self.outbox.event(Event {
                name: "fault",
                fields,
            });
        }
        self.set_state(State::Fault);
    }

    /// What stands in the way of frames, as the transport sees it, or nothing any more. `is_certain`: waiting
    /// changes nothing. True if it is new.
    pub fn set_diagnosis(&mut self, diagnosis: Option<&str>, is_certain: bool) -> bool {
        let is_certain = is_certain && diagnosis.is_some();
        let is_new = self.known.diagnosis.as_deref() != diagnosis;
        if !is_new && self.startup.is_certain == is_certain {
            return false;
        }
        self.startup.is_certain = is_certain;
        if is_new {
            self.known.diagnosis = diagnosis.map(str::to_owned);
            if let Some(diagnosis) = diagnosis {
                let fields = Fields::new().with("text", Field::text(diagnosis));
                self.outbox.event(Event {
                    name: "diagnosis",
                    fields,
                });
            }
        }
        if let Some(failure) = self.diagnosed() {
            self.fail_pending(&failure);
        }
        is_new
    }

    /// What a request that would wait for the start-up is told instead, where that is of no use.
    pub(in crate::host) fn diagnosed(&self) -> Option<Failure> {
        let diagnosis = self.known.diagnosis.as_deref();
        let certain = diagnosis.filter(|_| self.startup.is_certain && !self.startup.is_ready())?;
        let message = format!("the co-processor cannot be talked to: {certain}");
        Some(Failure::new(Code::State, message))
    }

    /// What a request is told while there is no transport.
    pub(in crate::host) fn gone_failure(&self) -> Failure {
        let plain = failure::unreachable();
        match &self.known.diagnosis {
            Some(why) => Failure::new(
                plain.code,
                format!("the co-processor cannot be reached: {why}"),
            ),
            None => plain,
        }
    }

    /// What a request is told in FAULT.
    pub(in crate::host) fn fault_failure(&self) -> Failure {
        let why = self.known.fault.as_deref().unwrap_or("it failed");
        Failure::new(
            Code::State,
            format!("the co-processor cannot be used: {why}; `reset` tries again"),
        )
    }

    /// FAULT was left, or never was: nothing is known yet. While it is looked for in FAULT, that stays.
    pub(in crate::host) fn becomes_uninitialized(&mut self) {
        if self.known.state != State::Fault {
            self.set_state(State::Uninitialized);
        }
    }

    /// It is time to look whether it can be used now: one attempt.
    pub(in crate::host) fn look_again(&mut self) {
        log::debug!("looking whether the co-processor can be used now");
        self.startup.rescue.at = None;
        self.startup.failures = FAILURES_MAX;
        self.forget_coprocessor();
        self.start_asking();
    }

    /// A sign of life in FAULT: it is looked for, but never more often than restarts allow.
    pub(in crate::host) fn shows_life(&mut self, soon: Duration) {
        if self.startup.phase != Phase::Fault {
            return;
        }
        let soon = self.now + soon;
        let at = &mut self.startup.rescue.at;
        *at = Some(at.map_or(soon, |at| at.min(soon)));
    }

    /// It tells of a reset, and is looked for; one that restarts all the time less and less often.
    pub(in crate::host) fn told_of_reset_in_fault(&mut self) {
        let pause = self.watch.runaway_pause(self.now);
        self.shows_life(AFTER_RESET + pause);
    }

    /// A frame that nobody asked for: whoever was silent is so no more.
    pub(in crate::host) fn told_something_in_fault(&mut self) {
        if self.startup.rescue.resets {
            self.shows_life(AFTER_FRAME);
        }
    }

    /// It said nothing in a look: true if it is reset for once, as it may have hung.
    pub(in crate::host) fn resets_in_look(&mut self) -> bool {
        let may = self.known.state == State::Fault && self.startup.rescue.resets;
        if may {
            self.startup.rescue.resets = false;
            self.startup.phase = Phase::Retrying {
                until: self.now,
                reset: Reset::Hard,
            };
        }
        may
    }

    /// Whether the firmware may be replaced without an operator. Flash wears out, and a firmware that is
    /// replaced again and again is not mended by that.
    pub(in crate::host) fn may_upgrade(&mut self) -> bool {
        if !self.settings.has_upgrade_command || !self.settings.auto_upgrade {
            return false;
        }
        let now = self.now;
        let rescue = &mut self.startup.rescue;
        rescue.upgrades.retain(|at| now < *at + UPGRADE_PERIOD);
        if rescue.upgrades.len() < UPGRADES_MAX {
            rescue.told = false;
            return true;
        }
        if !core::mem::replace(&mut rescue.told, true) {
            log::error!(
                "the firmware was replaced {UPGRADES_MAX} times within a day, and is to be replaced again: it \
                 is left as it is for the day; look at the check command, or run `spinelctl upgrade`"
            );
        }
        false
    }

    /// The firmware is replaced by our own decision.
    pub(in crate::host) fn note_upgrade(&mut self) {
        self.startup.rescue.upgrades.push(self.now);
    }
}

/// A board that boots slowly is found within its boot time and as much again.
const RESCUE_FIRST: Duration = Duration::from_secs(30);
/// Nobody should wait longer for something that works again; and a reset every five minutes leaves any boot
/// its time.
const RESCUE_LONGEST: Duration = Duration::from_secs(5 * 60);
/// After a notification of a reset: as in step 2 of the start-up (protocol §7.3), and a second, as the one
/// before it may have come from a supply that still bounces.
pub(in crate::host) const AFTER_RESET: Duration = Duration::from_secs(1);
/// After a frame that nobody asked for.
const AFTER_FRAME: Duration = Duration::from_secs(1);

/// A new firmware, one that was tried because it failed, and one that mended that.
const UPGRADES_MAX: usize = 3;
/// Flash is made for 10,000 cycles: three a day are ten years.
const UPGRADE_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);
