//! FAULT, and what leads out of it (protocol §7.2): an operator's reset, and every sign of life.
//!
//! A board may need longer than we waited, a radio in the LAN may have been away, and a stick may have got
//! another firmware. So nothing is given up for good: the co-processor is looked for again when it tells of
//! a reset, when its transport comes back, and from time to time. Meanwhile the state stays FAULT with its
//! reason, which is still the best that can be said, until a handshake succeeds.

use super::{Effect, Ground, Phase, Session, FAILURES_MAX};
use crate::ctl::{Code, Event, Failure, Field, Fields};
use crate::host::failure;
use crate::host::known::State;
use crate::host::script::Reset;
use crate::time::{Duration, Instant};

/// How FAULT is left.
#[derive(Debug, Default)]
pub(in crate::host) struct Rescue {
    /// When to look for it.
    pub(in crate::host) at: Option<Instant>,
    /// The pause before the next look.
    pub(super) pause: Duration,
    /// It was silent: a reset may help, once in each look.
    pub(super) resets: bool,
    /// Firmware that was replaced by our own decision, and when: the last of them.
    pub(super) upgrades: Vec<Instant>,
    /// It was told that no more will be.
    pub(super) told: bool,
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

impl Session {
    /// Too many failures: another firmware may help, once; then FAULT.
    pub(in crate::host) fn give_up(&mut self, ground: &mut Ground<'_>, why: &str) {
        if !self.startup.tried_upgrade && self.may_upgrade(ground) {
            self.startup.tried_upgrade = true;
            self.note_upgrade(ground);
            log::warn!("the co-processor cannot be initialised: {why}: replacing its firmware");
            return self.start_upgrade(ground);
        }
        // What the transport sees is the better reason for silence.
        let silent =
            (ground.stats.frames == self.startup.frames).then_some(ground.settings.silence);
        let seen = self.known.diagnosis.as_deref().or(silent.flatten());
        let why = seen.unwrap_or(why).to_owned();
        self.fault(ground, why);
        self.startup.rescue.resets = true;
    }

    /// FAULT, and when to look again.
    pub(in crate::host) fn fault(&mut self, ground: &mut Ground<'_>, why: String) {
        let pause = self.startup.rescue.pause.saturating_mul(2);
        let pause = pause.clamp(RESCUE_FIRST, RESCUE_LONGEST);
        let rescue = &mut self.startup.rescue;
        rescue.pause = pause;
        rescue.resets = false;
        rescue.at = Some(ground.now + pause);
        self.fault_until_told(ground, why);
    }

    /// FAULT until the co-processor tells of a reset, its transport comes back, or an operator resets it:
    /// nobody asks meanwhile.
    pub(in crate::host) fn fault_until_told(&mut self, ground: &mut Ground<'_>, why: String) {
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
        self.effects.push_back(Effect::FailAll(failure.clone()));
        self.effects.push_back(Effect::FailPending(failure));
        self.forget_coprocessor(ground);
        self.phase = Phase::Fault;
        if !is_known {
            let why = self.known.fault.clone().unwrap_or_default();
            let fields = Fields::new().with("reason", Field::text(why));
            ground.outbox.event(Event {
                name: "fault",
                fields,
            });
        }
        self.set_state(ground, State::Fault);
    }

    /// What stands in the way of frames, as the transport sees it, or nothing any more. `is_certain`: waiting
    /// changes nothing. True if it is new.
    pub(in crate::host) fn set_diagnosis(
        &mut self,
        ground: &mut Ground<'_>,
        diagnosis: Option<&str>,
        is_certain: bool,
    ) -> bool {
        let is_certain = is_certain && diagnosis.is_some();
        let startup = &mut self.startup;
        if startup.seen.as_deref() == diagnosis && startup.seen_is_certain == is_certain {
            return false;
        }
        startup.seen = diagnosis.map(str::to_owned);
        startup.seen_is_certain = is_certain;
        self.diagnose(ground)
    }

    /// The diagnosis from what the transport sees, or else from what the frames say. True if it is new.
    pub(in crate::host) fn diagnose(&mut self, ground: &mut Ground<'_>) -> bool {
        let of_frames = || {
            let diagnosis = self.interfaces.diagnosis(ground.settings.iid);
            diagnosis.filter(|_| !self.is_ready())
        };
        let (diagnosis, is_certain) = match &self.startup.seen {
            Some(seen) => (Some(seen.clone()), self.startup.seen_is_certain),
            None => {
                let diagnosis = of_frames();
                let is_certain = diagnosis.is_some();
                (diagnosis, is_certain)
            }
        };
        let is_new = self.known.diagnosis != diagnosis;
        if !is_new && self.startup.is_certain == is_certain {
            return false;
        }
        self.startup.is_certain = is_certain;
        if is_new {
            self.known.diagnosis = diagnosis;
            if let Some(diagnosis) = &self.known.diagnosis {
                let fields = Fields::new().with("text", Field::text(diagnosis));
                ground.outbox.event(Event {
                    name: "diagnosis",
                    fields,
                });
            }
        }
        if let Some(failure) = self.diagnosed() {
            self.effects.push_back(Effect::FailPending(failure));
        }
        is_new
    }

    /// What a request that would wait for the start-up is told instead, where that is of no use.
    pub(in crate::host) fn diagnosed(&self) -> Option<Failure> {
        let diagnosis = self.known.diagnosis.as_deref();
        let certain = diagnosis.filter(|_| self.startup.is_certain && !self.is_ready())?;
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
    pub(in crate::host) fn becomes_uninitialized(&mut self, ground: &mut Ground<'_>) {
        if self.known.state != State::Fault {
            self.set_state(ground, State::Uninitialized);
        }
    }

    /// It is time to look whether it can be used now: one attempt.
    pub(in crate::host) fn look_again(&mut self, ground: &mut Ground<'_>) {
        log::debug!("looking whether the co-processor can be used now");
        self.startup.rescue.at = None;
        self.startup.failures = FAILURES_MAX;
        self.forget_coprocessor(ground);
        self.start_asking(ground);
    }

    /// A sign of life in FAULT: it is looked for, but never more often than restarts allow.
    pub(in crate::host) fn shows_life(&mut self, ground: &mut Ground<'_>, soon: Duration) {
        if self.phase != Phase::Fault {
            return;
        }
        let soon = ground.now + soon;
        let at = &mut self.startup.rescue.at;
        *at = Some(at.map_or(soon, |at| at.min(soon)));
    }

    /// It tells of a reset, and is looked for; one that restarts all the time less and less often.
    pub(in crate::host) fn told_of_reset_in_fault(&mut self, ground: &mut Ground<'_>) {
        let pause = self.watch.runaway_pause(ground.now);
        self.shows_life(ground, AFTER_RESET + pause);
    }

    /// A frame that nobody asked for: whoever was silent is so no more.
    pub(in crate::host) fn told_something_in_fault(&mut self, ground: &mut Ground<'_>) {
        if self.startup.rescue.resets {
            self.shows_life(ground, AFTER_FRAME);
        }
    }

    /// It said nothing in a look: true if it is reset for once, as it may have hung.
    pub(in crate::host) fn resets_in_look(&mut self, ground: &mut Ground<'_>) -> bool {
        let may = self.known.state == State::Fault && self.startup.rescue.resets;
        if may {
            self.startup.rescue.resets = false;
            self.phase = Phase::Retrying {
                until: ground.now,
                reset: Reset::Hard,
            };
        }
        may
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
