//! What is done when the co-processor does not do what it should: resets, silence, misbehaviour, a
//! firmware to replace (protocol §7.2, §7.3, §7.4, §7.9, §7.12).

use super::fault::AFTER_RESET;
use super::startup::STATE;
use super::{Phase, FAILURES_MAX};
use crate::ctl::{Code, Event, Failure, Fields};
use crate::host::command::run::Acted;
use crate::host::command::transact::Expired;
use crate::host::command::Owner;
use crate::host::failure::{self, What};
use crate::host::known::State;
use crate::host::script::Reset;
use crate::host::{Host, Service};
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
    alive_waits: bool,
    /// When to ask whether it was reset.
    hint_at: Option<Instant>,
    /// Unexpected resets, one forgotten from time to time (§7.3, step 2).
    resets: u32,
    resets_since: Instant,
    /// When to ask for what may have been lost (§7.9).
    lost_at: Option<Instant>,
    asked_for_lost_at: Option<Instant>,
    /// What is to be asked for again, one after the other.
    refresh: VecDeque<Property>,
    /// What was asked for, and is not answered.
    refreshing: Option<Property>,
    /// The stack is to run: it does, or it did before the reset.
    pub(in crate::host) wants_up: bool,
    /// It was put to sleep with its stack running: that is to run again when the sleep is over.
    resumes: bool,
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

impl Host {
    /// The co-processor begins anew, or is given up: nothing that it had counts any more.
    pub(in crate::host) fn forget_coprocessor(&mut self) {
        self.engine.clear();
        // Who still waits for an answer gets none any more.
        self.fail_tasks(&failure::reset("it begins anew"));
        self.startup.forget_plan();
        self.netif.ncp_reset();
        self.netif_waits = false;
        self.sessions.end();
        self.requests.permission_lapses(self.now);
        self.slots.drop_waiting();
        self.watch.forget();
        self.watch.heard_at = self.now;
        self.watch.wants_up |= mem::take(&mut self.watch.resumes);
        if self.startup.is_ready() {
            self.startup.before = self.known.clone();
        }
        self.known.clear();
    }

    /// LAST_STATUS 112..=127.
    pub(in crate::host) fn reset_seen(&mut self, status: Status) {
        self.stats.resets += 1;
        self.startup.saw_reset = true;
        // With what lets devices join.
        self.requests.permit_until = None;
        let is_expected = match self.startup.phase {
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
            self.stats.unexpected_resets += 1;
        }
        self.outbox.event(Event {
            name: "reset",
            fields: Fields::new()
                .with("reason", crate::ctl::Field::word(status))
                .with("status", status.0)
                .with("expected", is_expected),
        });
        match self.startup.phase {
            Phase::Resetting { .. } => self.pause(),
            Phase::Pausing { .. } => {
                self.watch.count_reset(self.now);
                self.pause();
            }
            Phase::Asking | Phase::Checking => {
                self.watch.count_reset(self.now);
                self.startup.failures += 1;
                if self.startup.failures > FAILURES_MAX {
                    self.give_up("it restarts during each start-up");
                    return self.told_of_reset_in_fault();
                }
                self.pause();
            }
            Phase::Fault => {
                self.watch.count_reset(self.now);
                self.told_of_reset_in_fault();
            }
            Phase::Ready | Phase::Asleep { .. } => {
                self.watch.count_reset(self.now);
                let crashed = if status.is_crash() {
                    "it crashed: "
                } else {
                    ""
                };
                self.fail_tasks(&failure::reset(&format!("{crashed}{reason}")));
                self.pause();
            }
            Phase::Retrying { .. } | Phase::Upgrading | Phase::Gone => {}
        }
    }

    /// The transport saw a sign of a reset. It is a hint only (errata E26): if no notification follows,
    /// LAST_STATUS is asked for.
    pub(in crate::host) fn hint_of_reset(&mut self) {
        self.shows_life(AFTER_RESET);
        if self.startup.phase == Phase::Ready && self.watch.hint_at.is_none() {
            self.watch.hint_at = Some(self.now + HINT_DELAY);
        }
    }

    /// The transport was lost, like a serial port that was unplugged: nothing is asked, and nothing is
    /// held against the co-processor, until [`Host::transport_opened`].
    pub fn transport_lost(&mut self) {
        if matches!(self.startup.phase, Phase::Upgrading | Phase::Gone) {
            return;
        }
        if self.known.state == State::Fault {
            // What comes back may be another one.
            self.startup.failures = 0;
            self.startup.rescue.forget();
        }
        self.known.pause = None;
        let failure = failure::unreachable();
        self.fail_tasks(&failure);
        self.forget_coprocessor();
        self.startup.phase = Phase::Gone;
        self.set_state(State::Uninitialized);
        self.fail_pending(&failure);
    }

    /// The transport is there again. What the co-processor did meanwhile is not known.
    pub fn transport_opened(&mut self) {
        if self.startup.phase == Phase::Gone {
            self.startup.frames = self.stats.frames;
            self.pause();
        }
    }

    /// A time-out, or something that no sane co-processor does (§7.2).
    pub(in crate::host) fn misbehaving(&mut self, why: &str) {
        self.stats.misbehaved += 1;
        self.startup.failures += 1;
        log::error!("the co-processor misbehaves: {why}: resetting it");
        self.fail_tasks(&failure::reset(why));
        if self.startup.failures > FAILURES_MAX {
            return self.give_up(why);
        }
        self.start_reset(Reset::Hard);
    }

    /// An operator's reset: what failed before does not count any more.
    pub(in crate::host) fn reset_for_client(&mut self, how: Reset) -> Acted {
        self.startup.failures = 0;
        self.startup.tried_upgrade = false;
        self.startup.rescue.forget();
        self.startup.rescue.forget_upgrades();
        self.watch.forgive_resets();
        self.fail_tasks(&failure::reset("a client asked for it"));
        if how == Reset::Soft(Some(BOOTLOADER)) {
            // Nothing that speaks Spinel comes back, and whoever loads a firmware is not to be disturbed.
            self.fault_until_told("it was sent to its bootloader".to_owned());
            self.engine.reset(self.now, Some(BOOTLOADER));
            return Acted::Done;
        }
        self.set_state(State::Uninitialized);
        self.start_reset(how);
        Acted::Starting
    }

    /// UPGRADING: the transport is closed until the command ends (§7.12).
    pub(in crate::host) fn start_upgrade(&mut self) {
        let failure = Failure::new(
            Code::Busy,
            "the firmware is being replaced: try again when that is done",
        );
        self.fail_tasks(&failure);
        self.fail_pending(&failure);
        self.forget_coprocessor();
        self.startup.phase = Phase::Upgrading;
        self.set_state(State::Upgrading);
        self.outbox.service(Service::Upgrade);
    }

    pub(in crate::host) fn upgraded(&mut self, ok: bool) {
        self.with_tasks(|tasks, desk| tasks.upgraded(ok, desk));
        if ok {
            self.startup.failures = 0;
            return self.pause();
        }
        log::error!("the upgrade command failed");
        self.startup.failures += 1;
        if self.startup.failures > FAILURES_MAX {
            return self.give_up("the upgrade command failed");
        }
        self.pause();
    }

    pub(in crate::host) fn expire_commands(&mut self) {
        while let Some(expired) = self.engine.expire(self.now) {
            match expired {
                Expired::Stuck => {
                    let why = "it takes no frame for 5 s";
                    match self.startup.phase {
                        Phase::Asking => self.fail_attempt(why),
                        Phase::Ready | Phase::Asleep { .. } => self.misbehaving(why),
                        _ => {}
                    }
                }
                Expired::Unanswered {
                    owner,
                    command,
                    property,
                    since,
                } => self.unanswered(owner, What(command, property), since),
            }
        }
    }

    /// No reply came to a command that was sent first at `since`. A co-processor is reset for it only if
    /// it said nothing at all meanwhile, or answers nothing any more (errata E46); a reply that a bad
    /// line swallowed costs one command.
    fn unanswered(&mut self, owner: Owner, what: What, since: Instant) {
        if owner == Owner::Packet {
            self.slots.unanswered();
            return self.ask_for_life();
        }
        if owner == Owner::Answer {
            return;
        }
        let seconds = self.now.since(since).as_secs();
        let why = format!("no answer to {what} within {seconds} s");
        match self.startup.phase {
            Phase::Asking => return self.fail_attempt(&why),
            Phase::Ready | Phase::Asleep { .. } => {}
            _ => return,
        }
        let is_silent = self.watch.heard_at <= since;
        let is_mute = owner == Owner::Alive && self.watch.replied_at <= since;
        if owner == Owner::Alive {
            self.watch.alive_waits = false;
        }
        if is_silent || is_mute {
            if let Owner::Task(id) = owner {
                let failure = failure::silent(what, seconds);
                self.with_tasks(|tasks, desk| tasks.end(id, failure, desk));
            }
            return self.misbehaving(&why);
        }
        log::warn!("{why}, but the co-processor talks: going on without");
        match owner {
            Owner::Task(id) => {
                let failure = failure::unanswered(what, seconds);
                self.with_tasks(|tasks, desk| tasks.undo_id(id, failure, desk));
            }
            // As if it had no room for it: it is tried again later.
            Owner::Netif => self.netif_answered(Some(Status::BUSY)),
            Owner::Refresh => self.refresh_answered(),
            _ => {}
        }
        self.ask_for_life();
    }

    /// Whether it still answers.
    fn ask_for_life(&mut self) {
        if !self.watch.alive_waits {
            self.watch.alive_waits = self.submit_own(Owner::Alive, Command::NOOP, Vec::new());
        }
    }

    pub(in crate::host) fn life_answered(&mut self) {
        self.watch.alive_waits = false;
    }

    pub(in crate::host) fn watch_timeout(&self) -> Option<Instant> {
        if !self.startup.is_ready() {
            return None;
        }
        let silent = self
            .engine
            .is_idle()
            .then(|| self.watch.heard_at + self.silence_max());
        [silent, self.watch.hint_at, self.watch.lost_at]
            .into_iter()
            .flatten()
            .min()
    }

    pub(in crate::host) fn watch_time(&mut self) {
        if !self.startup.is_ready() {
            return;
        }
        let now = self.now;
        if self.engine.is_idle() && now >= self.watch.heard_at + self.silence_max() {
            self.ask_for_life();
        }
        if self.watch.hint_at.is_some_and(|at| at <= now) {
            self.watch.hint_at = None;
            let payload =
                crate::host::command::transact::property_payload(Property::LAST_STATUS, &[]);
            self.submit_own(Owner::Hint, Command::PROP_VALUE_GET, payload);
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
    pub(in crate::host) fn lost_something(&mut self) {
        self.stats.slowed_down += 1;
        self.slots.slow_down(self.now);
        let soon = self.now + LOST_DELAY;
        let again = self.watch.asked_for_lost_at.map(|at| at + LOST_PERIOD);
        let at = again.map_or(soon, |again| again.max(soon));
        self.watch.lost_at.get_or_insert(at);
    }

    pub(in crate::host) fn serve_refresh(&mut self) {
        if self.watch.refreshing.is_some() || self.startup.phase != Phase::Ready {
            return;
        }
        let Some(property) = self.watch.refresh.front().copied() else {
            return;
        };
        let payload = crate::host::command::transact::property_payload(property, &[]);
        // What finds no room stays the next.
        if self.submit_own(Owner::Refresh, Command::PROP_VALUE_GET, payload) {
            self.watch.refresh.pop_front();
            self.watch.refreshing = Some(property);
        }
    }

    pub(in crate::host) fn refresh_answered(&mut self) {
        self.watch.refreshing = None;
    }

    /// Queues a command of the host's own; false if too many wait, which is no misfortune for any.
    pub(in crate::host) fn submit_own(
        &mut self,
        owner: Owner,
        command: Command,
        payload: Vec<u8>,
    ) -> bool {
        let submitted = self.engine.submit(self.now, owner, command, payload);
        if let Err(refused) = submitted {
            log::debug!("{command} of the host's own was refused: {refused:?}");
        }
        submitted.is_ok()
    }

    /// A frame from a co-processor that is to be asleep: true if that is so.
    pub(in crate::host) fn woke_by_itself(&mut self) -> bool {
        let Phase::Asleep { quiet_at } = self.startup.phase else {
            return false;
        };
        if self.now < quiet_at || !self.engine.is_idle() {
            return false;
        }
        self.misbehaving("it talks in its sleep");
        true
    }

    /// Only step 10 onwards is needed after a sleep, but a co-processor that lost its memory says so
    /// in the steps before.
    pub(in crate::host) fn find_out_again(&mut self) {
        self.forget_coprocessor();
        self.set_state(State::Uninitialized);
        self.start_asking();
    }

    pub(in crate::host) fn fall_asleep(&mut self, was_up: bool) {
        self.startup.phase = Phase::Asleep {
            quiet_at: self.now + FALL_ASLEEP,
        };
        self.watch.forget();
        self.watch.resumes = was_up;
        // Repeated, or sent at last, it would wake what has just gone to sleep.
        self.engine.clear();
        self.slots.drop_waiting();
        self.set_state(State::DeepSleep);
    }

    fn silence_max(&self) -> Duration {
        match self.startup.phase {
            Phase::Asleep { .. } => SILENCE_ASLEEP,
            _ => SILENCE,
        }
    }

    /// Requests that wait for the end of the start-up get `failure`.
    pub(in crate::host) fn fail_pending(&mut self, failure: &Failure) {
        for (ticket, _) in mem::take(&mut self.requests.pending) {
            let answer = crate::ctl::Answer::Failed(failure.clone());
            self.outbox.answer(ticket, answer);
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
