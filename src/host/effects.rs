//! What the floors hand up, and whom it concerns: nothing is decided here.

use super::command::run::{Acted, Desk, Effect, Tasks};
use super::command::task::Origin;
use super::script::{Act, Script};
use super::session::{self, Ground, Phase, Session};
use super::{failure, tasks, Host, Service};
use crate::ctl::{Code, Failure};
use crate::wire::ids::{Command, Property};

impl Host {
    /// Lets the session decide, and does what follows from it for the rest.
    pub(super) fn with_session<T>(
        &mut self,
        decide: impl FnOnce(&mut Session, &mut Ground<'_>) -> T,
    ) -> T {
        let mut ground = Ground {
            now: self.now,
            settings: &self.settings,
            engine: &mut self.engine,
            outbox: &mut self.outbox,
            stats: &mut self.stats,
            tasks: &self.tasks,
        };
        let decided = decide(&mut self.session, &mut ground);
        // Only now: what follows may ask the session again, which has to be done with its turn by then.
        while let Some(effect) = self.session.poll_effect() {
            self.session_effect(effect);
        }
        decided
    }

    fn session_effect(&mut self, effect: session::Effect) {
        use session::Effect;
        match effect {
            Effect::Tell(told) => self.with_tasks(|tasks, desk| tasks.tell(told, desk)),
            Effect::FailTask(id, failure) => {
                self.with_tasks(|tasks, desk| tasks.end(id, failure, desk));
            }
            Effect::FailTasks(failure) => {
                self.with_tasks(|tasks, desk| tasks.fail(&failure, desk));
            }
            Effect::FailAll(failure) => {
                self.with_tasks(|tasks, desk| tasks.fail_all(&failure, desk));
            }
            Effect::FailPending(failure) => self.fail_pending(&failure),
            Effect::Forgotten => {
                // Who still waits for an answer gets none any more.
                let failure = failure::reset("it begins anew");
                self.with_tasks(|tasks, desk| tasks.fail(&failure, desk));
                self.netif.ncp_reset();
                self.netif_waits = false;
                self.sessions.end();
                self.requests.permission_lapses(self.now);
                self.slots.drop_waiting();
            }
            Effect::NobodyJoins => self.requests.permit_until = None,
            Effect::FellAsleep => self.slots.drop_waiting(),
            Effect::SlowDown => self.slots.slow_down(self.now),
            Effect::Ready { attaches } => self.ready(attaches),
            Effect::Associated => self.netif.ncp_ready(&self.session.known),
            Effect::Up(up) => self.netif.set_up(up),
            Effect::Learnt(property, value) => {
                self.netif.ncp_value(property, &value, &self.session.known);
            }
            Effect::Upgraded(ok) => self.with_tasks(|tasks, desk| tasks.upgraded(ok, desk)),
        }
    }

    /// The order matters: what waited for the start-up goes first, and may be an attach of its own.
    fn ready(&mut self, attaches: bool) {
        self.netif.ncp_ready(&self.session.known);
        self.with_tasks(Tasks::ready);
        if attaches && self.session.wants_up() && self.tasks.is_free() {
            log::info!("attaching to the stored network; who led it needs some 35 s to lead again");
            match tasks::resume(&self.session.known) {
                // Not `spawn_own`: a client that sniffs is no obstacle.
                Ok(script) => {
                    let origin = Origin::default();
                    self.with_tasks(|tasks, desk| tasks.spawn(origin, script, desk));
                }
                Err(failure) => log::warn!("not attaching: {failure}"),
            }
        }
        self.with_tasks(Tasks::end_idle_sniffing);
    }

    /// Lets tasks go on, and does what they want of the rest.
    pub(super) fn with_tasks(&mut self, go_on: impl FnOnce(&mut Tasks, &mut Desk<'_>)) {
        let mut desk = Desk {
            now: self.now,
            known: &self.session.known,
            is_awake: self.session.phase() == Phase::Ready,
            is_ready: self.session.is_ready(),
            retains: self.settings.retain,
            engine: &mut self.engine,
            outbox: &mut self.outbox,
        };
        go_on(&mut self.tasks, &mut desk);
        while let Some(effect) = self.tasks.poll_effect() {
            self.task_effect(effect);
        }
    }

    fn task_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Act(id, act) => {
                let acted = self.act(act);
                self.with_tasks(|tasks, desk| tasks.acted(id, acted, desk));
            }
            Effect::Reset(id, how) => {
                let acted =
                    self.with_session(|session, ground| session.reset_for_client(ground, how));
                self.with_tasks(|tasks, desk| tasks.acted(id, acted, desk));
            }
            Effect::Permit(period, _) if period.is_zero() => {
                self.sessions.end();
                self.requests.permit_until = None;
            }
            Effect::Permit(period, port) => {
                let until = self.now + period;
                self.sessions.permit(until, port);
                self.requests.permit_until = Some((until, port));
            }
            Effect::Wrote(command, property, value) => self.wrote(command, property, &value),
            Effect::Retain(tlvs) => {
                if self.session.retain(&tlvs) {
                    self.outbox.service(Service::Retain(tlvs));
                }
            }
            Effect::Forget => {
                if self.session.forget_retained() {
                    self.outbox.service(Service::Forget);
                }
            }
            Effect::StaysAwake => self.requests.host_stays_awake(),
        }
    }

    fn act(&mut self, act: Act) -> Acted {
        match act {
            Act::FallAsleep { was_up } => {
                let message = "the co-processor was put to sleep: wake it first";
                let failure = Failure::new(Code::State, message);
                self.with_tasks(|tasks, desk| tasks.fail(&failure, desk));
                self.with_session(|session, ground| session.fall_asleep(ground, was_up));
                Acted::Done
            }
            Act::Upgrade => {
                self.with_session(Session::upgrade_for_client);
                Acted::Upgrading
            }
            Act::WakeUp => self.with_session(Session::wake_up),
            // The others are the tasks' own.
            _ => Acted::Done,
        }
    }

    /// A command of a client succeeded: what else follows from it?
    fn wrote(&mut self, command: Command, property: Property, value: &[u8]) {
        self.session.wrote(command, property, value);
        match command {
            Command::PROP_VALUE_INSERT => self.netif.user_item(property, value, true),
            Command::PROP_VALUE_REMOVE => self.netif.user_item(property, value, false),
            _ => {}
        }
    }

    pub(super) fn spawn_own(&mut self, script: Script) {
        self.with_tasks(|tasks, desk| tasks.spawn_own(script, desk));
    }
}
