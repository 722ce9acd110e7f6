//! What the floors hand up, and whom it concerns: nothing is decided here.

use super::command::run::{Acted, Desk, Effect, Tasks};
use super::command::wait::Told;
use super::script::{Act, Script};
use super::session::Phase;
use super::{Host, Service};
use crate::ctl::{Code, Failure};
use crate::wire::ids::{Command, Property};

impl Host {
    /// Lets tasks go on, and does what they want of the rest.
    pub(in crate::host) fn with_tasks(&mut self, go_on: impl FnOnce(&mut Tasks, &mut Desk<'_>)) {
        let mut desk = Desk {
            now: self.now,
            known: &self.known,
            is_awake: self.startup.phase == Phase::Ready,
            is_ready: self.startup.is_ready(),
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
                let acted = self.reset_for_client(how);
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
                if self.keep.retain(&tlvs) {
                    self.outbox.service(Service::Retain(tlvs));
                }
            }
            Effect::Forget => {
                if self.keep.forget() {
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
                self.fail_tasks(&Failure::new(Code::State, message));
                self.fall_asleep(was_up);
                Acted::Done
            }
            Act::Upgrade => {
                self.startup.rescue.forget_upgrades();
                self.start_upgrade();
                Acted::Upgrading
            }
            Act::WakeUp if self.startup.phase != Phase::Ready => {
                self.find_out_again();
                Acted::Starting
            }
            // It did not sleep: what is known of it holds, and other tasks wait for their answers.
            _ => Acted::Done,
        }
    }

    /// A command of a client succeeded: what else follows from it?
    fn wrote(&mut self, command: Command, property: Property, value: &[u8]) {
        self.keep.note(command, property, value);
        match command {
            Command::PROP_VALUE_SET if property == Property::NET_STACK_UP => {
                self.watch.wants_up = value.first() != Some(&0);
            }
            Command::PROP_VALUE_INSERT => self.netif.user_item(property, value, true),
            Command::PROP_VALUE_REMOVE => self.netif.user_item(property, value, false),
            _ => {}
        }
    }

    pub(in crate::host) fn spawn_own(&mut self, script: Script) {
        self.with_tasks(|tasks, desk| tasks.spawn_own(script, desk));
    }

    pub(in crate::host) fn tell_tasks(&mut self, told: Told<'_>) {
        self.with_tasks(|tasks, desk| tasks.tell(told, desk));
    }

    pub(in crate::host) fn fail_tasks(&mut self, failure: &Failure) {
        self.with_tasks(|tasks, desk| tasks.fail(failure, desk));
    }
}
