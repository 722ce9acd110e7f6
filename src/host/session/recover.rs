//! What is done when the co-processor does not do what it should: resets, silence, misbehaviour, a
//! firmware to replace (protocol §7.2, §7.3, §7.4, §7.9, §7.12).

use super::fault::AFTER_RESET;
use super::startup::STATE;
use super::{Effect, Ground, Phase, Session, FAILURES_MAX};
use crate::ctl::{Event, Fields};
use crate::host::command::run::Acted;
use crate::host::command::Owner;
use crate::host::failure::{self, What};
use crate::host::known::State;
use crate::host::script::Reset;
use crate::time::{Duration, Instant};
use crate::wire::ids::{Capability, Command, Property, Status};
use core::mem;
use std::collections::VecDeque;

/// Watches over the co-processor.
#[derive(Debug)]
pub(in crate::host) struct Watch {
    /// When the last frame came.
    pub(in crate::host) heard_at: Instant,
    /// When the last reply to anything came.
    pub(in crate::host) replied_at: Instant,
    /// A NOOP is on its way.
    pub(super) alive_waits: bool,
    /// When to ask whether it was reset.
    pub(super) hint_at: Option<Instant>,
    /// Unexpected resets, one forgotten from time to time (§7.3, step 2).
    resets: u32,
    resets_since: Instant,
    /// When to ask for what may have been lost (§7.9).
    lost_at: Option<Instant>,
    asked_for_lost_at: Option<Instant>,
    /// What is to be asked for again, one after the other.
    refresh: VecDeque<Property>,
    /// What was asked for, and is not answered.
    pub(super) refreshing: Option<Property>,
    /// The stack is to run: it does, or it did before the reset.
    pub(in crate::host) wants_up: bool,
    /// It was put to sleep with its stack running: that is to run again when the sleep is over.
    pub(super) resumes: bool,
}

impl Watch {
    pub(in crate::host) fn new(now: Instant, wants_up: bool) -> Self {
        Watch {
            heard_at: now,
            replied_at: now,
            alive_waits: false,
            hint_at: None,
            resets: 0,
            resets_since: now,
            lost_at: None,
            asked_for_lost_at: None,
            refresh: VecDeque::new(),
            refreshing: None,
            wants_up,
            resumes: false,
        }
    }

    /// An operator begins anew.
    pub(in crate::host) fn forgive_resets(&mut self) {
        self.resets = 0;
    }

    /// How many restarts count, each of which is forgotten after a while.
    pub(in crate::host) fn resets(&self) -> u32 {
        self.resets
    }

    /// Protection against a co-processor that restarts all the time.
    pub(in crate::host) fn runaway_pause(&mut self, now: Instant) -> Duration {
        self.forget_resets(now);
        let surplus = self.resets.saturating_sub(RESETS_FREE);
        // Half of the square, in seconds.
        Duration::from_millis(u64::from(surplus).pow(2) * 500)
    }

    fn count_reset(&mut self, now: Instant) {
        self.forget_resets(now);
        self.resets = (self.resets + 1).min(RESETS_MAX);
    }

    fn forget_resets(&mut self, now: Instant) {
        while self.resets > 0 && now >= self.resets_since + FORGET_RESET {
            self.resets -= 1;
            self.resets_since = self.resets_since + FORGET_RESET;
        }
        if self.resets == 0 {
            self.resets_since = now;
        }
    }

    /// Asks for properties again, when it is their turn.
    pub(in crate::host) fn refresh(&mut self, properties: &[Property]) {
        for property in properties {
            if !self.refresh.contains(property) {
                self.refresh.push_back(*property);
            }
        }
    }

    /// Whether one of these is to be asked for, or is not answered yet.
    pub(in crate::host) fn asks_for(&self, properties: &[Property]) -> bool {
        let mut asked = self.refresh.iter().chain(&self.refreshing);
        asked.any(|property| properties.contains(property))
    }

    fn forget(&mut self) {
        self.alive_waits = false;
        self.hint_at = None;
        self.lost_at = None;
        self.refresh.clear();
        self.refreshing = None;
    }
}

impl Session {
    /// A frame came.
    pub(in crate::host) fn heard(&mut self, now: Instant) {
        self.watch.heard_at = now;
    }

    /// A reply came.
    pub(in crate::host) fn replied(&mut self, now: Instant) {
        self.watch.replied_at = now;
    }

    /// Asks for properties again, when it is their turn.
    pub(in crate::host) fn refresh(&mut self, properties: &[Property]) {
        self.watch.refresh(properties);
    }

    /// Whether one of these is to be asked for, or is not answered yet.
    pub(in crate::host) fn asks_for(&self, properties: &[Property]) -> bool {
        self.watch.asks_for(properties)
    }

    /// The stack is to run: it does, or it did before the reset.
    pub(in crate::host) fn wants_up(&self) -> bool {
        self.watch.wants_up
    }

    /// The co-processor begins anew, or is given up: nothing that it had counts any more.
    pub(in crate::host) fn forget_coprocessor(&mut self, ground: &mut Ground<'_>) {
        ground.engine.clear();
        self.effects.push_back(Effect::Forgotten);
        self.startup.forget_plan();
        self.watch.forget();
        self.watch.heard_at = ground.now;
        self.watch.wants_up |= mem::take(&mut self.watch.resumes);
        if self.is_ready() {
            self.startup.before = self.known.clone();
        }
        self.known.clear();
    }

    /// LAST_STATUS 112..=127.
    pub(in crate::host) fn reset_seen(&mut self, ground: &mut Ground<'_>, status: Status) {
        ground.stats.resets += 1;
        self.startup.saw_reset = true;
        // With what lets devices join.
        self.effects.push_back(Effect::NobodyJoins);
        let is_expected = match self.phase {
            Phase::Resetting { .. } | Phase::Pausing { .. } => true,
            // It was powered on together with us, and says so when it is asked for the first time.
            Phase::Asking => {
                self.startup.failures == 0 && self.known.value(Property::PROTOCOL_VERSION).is_none()
            }
            _ => false,
        };
        let reason = format!("{status} ({})", status.0);
        if is_expected {
            log::info!("the co-processor was reset: {reason}");
        } else {
            log::warn!("the co-processor was reset unexpectedly: {reason}");
            ground.stats.unexpected_resets += 1;
        }
        ground.outbox.event(Event {
            name: "reset",
            fields: Fields::new()
                .with("reason", crate::ctl::Field::word(status))
                .with("status", status.0)
                .with("expected", is_expected),
        });
        match self.phase {
            Phase::Resetting { .. } => self.pause(ground),
            Phase::Pausing { .. } => {
                self.watch.count_reset(ground.now);
                self.pause(ground);
            }
            Phase::Asking | Phase::Checking => {
                self.watch.count_reset(ground.now);
                self.startup.failures += 1;
                if self.startup.failures > FAILURES_MAX {
                    self.give_up(ground, "it restarts during each start-up");
                    return self.told_of_reset_in_fault(ground);
                }
                self.pause(ground);
            }
            Phase::Fault => {
                self.watch.count_reset(ground.now);
                self.told_of_reset_in_fault(ground);
            }
            Phase::Ready | Phase::Asleep { .. } => {
                self.watch.count_reset(ground.now);
                let crashed = if status.is_crash() {
                    "it crashed: "
                } else {
                    ""
                };
                self.effects
                    .push_back(Effect::FailTasks(failure::reset(&format!(
                        "{crashed}{reason}"
                    ))));
                self.pause(ground);
            }
            Phase::Retrying { .. } | Phase::Upgrading | Phase::Gone => {}
        }
    }

    /// The transport saw a sign of a reset. It is a hint only (errata E26): if no notification follows,
    /// LAST_STATUS is asked for.
    pub(in crate::host) fn hint_of_reset(&mut self, ground: &mut Ground<'_>) {
        self.shows_life(ground, AFTER_RESET);
        if self.phase == Phase::Ready && self.watch.hint_at.is_none() {
            self.watch.hint_at = Some(ground.now + HINT_DELAY);
        }
    }

    /// The transport was lost, like a serial port that was unplugged: nothing is asked, and nothing is
    /// held against the co-processor, until the transport is opened again.
    pub(in crate::host) fn transport_lost(&mut self, ground: &mut Ground<'_>) {
        if matches!(self.phase, Phase::Upgrading | Phase::Gone) {
            return;
        }
        if self.known.state == State::Fault {
            // What comes back may be another one.
            self.startup.failures = 0;
            self.startup.rescue.forget();
        }
        self.known.pause = None;
        let failure = failure::unreachable();
        self.effects.push_back(Effect::FailTasks(failure.clone()));
        self.forget_coprocessor(ground);
        self.phase = Phase::Gone;
        self.set_state(ground, State::Uninitialized);
        self.effects.push_back(Effect::FailPending(failure));
    }

    /// The transport is there again. What the co-processor did meanwhile is not known.
    pub(in crate::host) fn transport_opened(&mut self, ground: &mut Ground<'_>) {
        if self.phase == Phase::Gone {
            self.startup.frames = ground.stats.frames;
            self.pause(ground);
        }
    }

    /// A time-out, or something that no sane co-processor does (§7.2).
    pub(in crate::host) fn misbehaving(&mut self, ground: &mut Ground<'_>, why: &str) {
        ground.stats.misbehaved += 1;
        self.startup.failures += 1;
        log::error!("the co-processor misbehaves: {why}: resetting it");
        self.effects
            .push_back(Effect::FailTasks(failure::reset(why)));
        if self.startup.failures > FAILURES_MAX {
            return self.give_up(ground, why);
        }
        self.start_reset(ground, Reset::Hard);
    }

    /// An operator's reset: what failed before does not count any more.
    pub(in crate::host) fn reset_for_client(
        &mut self,
        ground: &mut Ground<'_>,
        how: Reset,
    ) -> Acted {
        self.startup.failures = 0;
        self.startup.tried_upgrade = false;
        self.startup.rescue.forget();
        self.startup.rescue.forget_upgrades();
        self.watch.forgive_resets();
        self.effects
            .push_back(Effect::FailTasks(failure::reset("a client asked for it")));
        if how == Reset::Soft(Some(BOOTLOADER)) {
            // Nothing that speaks Spinel comes back, and whoever loads a firmware is not to be disturbed.
            self.fault_until_told(ground, "it was sent to its bootloader".to_owned());
            ground.engine.reset(ground.now, Some(BOOTLOADER));
            return Acted::Done;
        }
        self.set_state(ground, State::Uninitialized);
        self.start_reset(ground, how);
        Acted::Starting
    }

    /// The link took no frame for a while.
    pub(in crate::host) fn stuck(&mut self, ground: &mut Ground<'_>) {
        let why = "it takes no frame for 5 s";
        match self.phase {
            Phase::Asking => self.fail_attempt(ground, why),
            Phase::Ready | Phase::Asleep { .. } => self.misbehaving(ground, why),
            _ => {}
        }
    }

    /// No reply came to a command that was sent first at `since`. A co-processor is reset for it only if
    /// it said nothing at all meanwhile, or answers nothing any more (errata E46); a reply that a bad
    /// line swallowed costs one command. In that case this returns how many seconds were waited in vain.
    pub(in crate::host) fn unanswered(
        &mut self,
        ground: &mut Ground<'_>,
        owner: Owner,
        what: What,
        since: Instant,
    ) -> Option<u64> {
        let seconds = ground.now.since(since).as_secs();
        let why = format!("no answer to {what} within {seconds} s");
        match self.phase {
            Phase::Asking => {
                self.fail_attempt(ground, &why);
                return None;
            }
            Phase::Ready | Phase::Asleep { .. } => {}
            _ => return None,
        }
        let is_silent = self.watch.heard_at <= since;
        let is_mute = owner == Owner::Alive && self.watch.replied_at <= since;
        if owner == Owner::Alive {
            self.watch.alive_waits = false;
        }
        if is_silent || is_mute {
            if let Owner::Task(id) = owner {
                let failure = failure::silent(what, seconds);
                self.effects.push_back(Effect::FailTask(id, failure));
            }
            self.misbehaving(ground, &why);
            return None;
        }
        log::warn!("{why}, but the co-processor talks: going on without");
        if owner == Owner::Refresh {
            self.refresh_answered();
        }
        Some(seconds)
    }

    /// Whether it still answers.
    pub(in crate::host) fn ask_for_life(&mut self, ground: &mut Ground<'_>) {
        if !self.watch.alive_waits {
            self.watch.alive_waits = ground.submit(Owner::Alive, Command::NOOP, Vec::new());
        }
    }

    pub(in crate::host) fn life_answered(&mut self) {
        self.watch.alive_waits = false;
    }

    pub(in crate::host) fn watch_timeout(&self, is_idle: bool) -> Option<Instant> {
        if !self.is_ready() {
            return None;
        }
        let silent = is_idle.then(|| self.watch.heard_at + self.silence_max());
        [silent, self.watch.hint_at, self.watch.lost_at]
            .into_iter()
            .flatten()
            .min()
    }

    pub(in crate::host) fn watch_time(&mut self, ground: &mut Ground<'_>) {
        if !self.is_ready() {
            return;
        }
        let now = ground.now;
        if ground.engine.is_idle() && now >= self.watch.heard_at + self.silence_max() {
            self.ask_for_life(ground);
        }
        if self.watch.hint_at.is_some_and(|at| at <= now) {
            self.watch.hint_at = None;
            let payload =
                crate::host::command::transact::property_payload(Property::LAST_STATUS, &[]);
            ground.submit(Owner::Hint, Command::PROP_VALUE_GET, payload);
        }
        if self.watch.lost_at.is_some_and(|at| at <= now) {
            self.watch.lost_at = None;
            self.watch.asked_for_lost_at = Some(now);
            self.watch.refresh(STATE);
            self.watch.refresh(TABLES);
            if self.known.has(Capability::THREAD_SERVICE) {
                self.watch.refresh(&[Property::SERVER_SERVICES]);
            }
        }
    }

    /// The co-processor dropped something (§7.9): slower, and later ask for what may be lost.
    pub(in crate::host) fn lost_something(&mut self, ground: &mut Ground<'_>) {
        ground.stats.slowed_down += 1;
        self.effects.push_back(Effect::SlowDown);
        let soon = ground.now + LOST_DELAY;
        let again = self.watch.asked_for_lost_at.map(|at| at + LOST_PERIOD);
        let at = again.map_or(soon, |again| again.max(soon));
        self.watch.lost_at.get_or_insert(at);
    }

    pub(in crate::host) fn serve_refresh(&mut self, ground: &mut Ground<'_>) {
        if self.watch.refreshing.is_some() || self.phase != Phase::Ready {
            return;
        }
        let Some(property) = self.watch.refresh.front().copied() else {
            return;
        };
        let payload = crate::host::command::transact::property_payload(property, &[]);
        // What finds no room stays the next.
        if ground.submit(Owner::Refresh, Command::PROP_VALUE_GET, payload) {
            self.watch.refresh.pop_front();
            self.watch.refreshing = Some(property);
        }
    }

    pub(in crate::host) fn refresh_answered(&mut self) {
        self.watch.refreshing = None;
    }

    /// A frame from a co-processor that is to be asleep: true if that is so.
    pub(in crate::host) fn woke_by_itself(&mut self, ground: &mut Ground<'_>) -> bool {
        let Phase::Asleep { quiet_at } = self.phase else {
            return false;
        };
        if ground.now < quiet_at || !ground.engine.is_idle() {
            return false;
        }
        self.misbehaving(ground, "it talks in its sleep");
        true
    }

    /// A client wakes it.
    pub(in crate::host) fn wake_up(&mut self, ground: &mut Ground<'_>) -> Acted {
        if self.phase == Phase::Ready {
            // It did not sleep: what is known of it holds, and other tasks wait for their answers.
            return Acted::Done;
        }
        self.find_out_again(ground);
        Acted::Starting
    }

    /// Only step 10 onwards is needed after a sleep, but a co-processor that lost its memory says so
    /// in the steps before.
    fn find_out_again(&mut self, ground: &mut Ground<'_>) {
        self.forget_coprocessor(ground);
        self.set_state(ground, State::Uninitialized);
        self.start_asking(ground);
    }

    pub(in crate::host) fn fall_asleep(&mut self, ground: &mut Ground<'_>, was_up: bool) {
        self.phase = Phase::Asleep {
            quiet_at: ground.now + FALL_ASLEEP,
        };
        self.watch.forget();
        self.watch.resumes = was_up;
        // Repeated, or sent at last, it would wake what has just gone to sleep.
        ground.engine.clear();
        self.effects.push_back(Effect::FellAsleep);
        self.set_state(ground, State::DeepSleep);
    }

    fn silence_max(&self) -> Duration {
        match self.phase {
            Phase::Asleep { .. } => SILENCE_ASLEEP,
            _ => SILENCE,
        }
    }
}

/// What updates keep up to date (protocol §7.9: "and the tables").
const TABLES: &[Property] = &[
    Property::IPV6_LL_ADDR,
    Property::IPV6_ML_ADDR,
    Property::IPV6_ADDRESS_TABLE,
    Property::IPV6_MULTICAST_ADDRESS_TABLE,
    Property::THREAD_ON_MESH_NETS,
    Property::THREAD_OFF_MESH_ROUTES,
];

/// Protocol §4.9.
const BOOTLOADER: u8 = 3;
/// Protocol §7.3, step 2: so many resets cost nothing.
const RESETS_FREE: u32 = 4;
/// The pause grows to two minutes ((20 - 4)² / 2 s) and no further.
const RESETS_MAX: u32 = 20;
/// Protocol §7.3, step 2.
const FORGET_RESET: Duration = Duration::from_secs(15);
/// The notification is the first frame after a reset: by now it would be here.
const HINT_DELAY: Duration = Duration::from_millis(250);
/// Protocol §7.4.
const SILENCE: Duration = Duration::from_secs(60);
/// Protocol §7.4.
const SILENCE_ASLEEP: Duration = Duration::from_secs(70 * 60);
/// Protocol §7.9: when the slow time is over.
const LOST_DELAY: Duration = Duration::from_millis(100);
/// Ten questions take some 10 ms: once a second they are no burden, even if all is lost each time.
const LOST_PERIOD: Duration = Duration::from_secs(1);
/// Protocol §7.10.
const FALL_ASLEEP: Duration = Duration::from_millis(500);
