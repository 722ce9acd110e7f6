//! Tasks: scripts that run, one step after the other.
//!
//! [`Tasks`] decides about its tasks alone, with what the [`Desk`] shows and lends: it sends commands and answers
//! clients. What concerns the rest of the host it hands up as an [`Effect`], in order: [`Tasks::poll_effect`] after each
//! call. A task that cannot go on before that is done waits for [`Tasks::acted`].

use super::command_line::Output;
use super::judge::{judge, what};
use super::reply::Reply;
use super::task::{Doing, Origin, Task};
use super::transact::{property_of, property_payload, Engine, Refused};
use super::wait::Waiting;
use super::Owner;
use crate::ctl::{Answer, Code, Failure, Ticket};
use crate::host::failure;
use crate::host::known::Known;
use crate::host::outbox::Outbox;
use crate::host::script::{Act, OnError, Report, Reset, Retain, Script, Send, Step, Until};
use crate::host::tasks::RESUME;
use crate::time::{Duration, Instant};
use crate::wire::ids::{Command, Property};
use std::collections::VecDeque;

/// What tasks see of the rest of the host, and may use of it.
pub(in crate::host) struct Desk<'a> {
    pub(in crate::host) now: Instant,
    pub(in crate::host) known: &'a Known,
    /// The start-up is over, and the co-processor does not sleep: what was begun can be undone.
    pub(in crate::host) is_awake: bool,
    /// The start-up is over.
    pub(in crate::host) is_ready: bool,
    /// The network's credentials are kept.
    pub(in crate::host) retains: bool,
    pub(in crate::host) engine: &'a mut Engine<Owner>,
    pub(in crate::host) outbox: &'a mut Outbox,
}

/// What a task wants of the rest of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::host) enum Effect {
    /// Of this task, which waits until it is done.
    Act(u32, Act),
    /// The same: reset the co-processor.
    Reset(u32, Reset),
    /// Insecure packets to this port pass for so long; zero ends it.
    Permit(Duration, u16),
    /// The co-processor did this to a property, for a client or to undo that.
    Wrote(Command, Property, Vec<u8>),
    /// These are the network's credentials.
    Retain(Vec<u8>),
    /// No credentials are kept any more.
    Forget,
    /// This host does not go to sleep after all.
    StaysAwake,
}

/// How a task goes on when the host has done what it wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::host) enum Acted {
    Done,
    /// When the start-up is over.
    Starting,
    /// When the upgrade command has ended, and the start-up after it.
    Upgrading,
}

#[derive(Default)]
pub(in crate::host) struct Tasks {
    pub(super) list: Vec<Task>,
    last_id: u32,
    effects: VecDeque<Effect>,
}

impl Tasks {
    pub(in crate::host) fn poll_timeout(&self) -> Option<Instant> {
        let times = self.list.iter().filter_map(|task| match &task.doing {
            Doing::Waiting(waiting) => Some(waiting.poll_timeout()),
            Doing::Pausing(until) => Some(*until),
            _ => None,
        });
        times.min()
    }

    /// What is to be done for the tasks next.
    pub(in crate::host) fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(in crate::host) fn is_joining(&self) -> bool {
        self.list.iter().any(|task| task.is_joining)
    }

    /// Whether a command of OpenThread's command line runs.
    pub(in crate::host) fn is_commanding(&self) -> bool {
        self.list.iter().any(|task| task.output.is_some())
    }

    pub(in crate::host) fn is_sniffing(&self) -> bool {
        let mut tasks = self.list.iter();
        tasks.any(|task| matches!(task.doing, Doing::Sniffing))
    }

    /// Whether nothing runs that changes the network's state. Who listens does not.
    pub(in crate::host) fn is_free(&self) -> bool {
        let changes =
            |task: &Task| task.exclusive.is_some() && !matches!(task.doing, Doing::Sniffing);
        !self.list.iter().any(changes)
    }

    /// Whether the host itself attaches to the stored network.
    pub(in crate::host) fn is_resuming(&self) -> bool {
        self.list.iter().any(|task| task.exclusive == Some(RESUME))
    }

    /// What those that sniff had set up.
    pub(in crate::host) fn sniffers_setup(&self) -> impl Iterator<Item = (Command, &[u8])> {
        let sniffing = |task: &&Task| matches!(task.doing, Doing::Sniffing);
        let sent = self
            .list
            .iter()
            .filter(sniffing)
            .flat_map(|task| &task.sent);
        sent.map(|(command, payload)| (*command, &payload[..]))
    }

    /// Whether a task can begin now.
    pub(in crate::host) fn check_room(&self, script: &Script) -> Result<(), Failure> {
        let running = self.list.iter().find_map(|task| task.exclusive);
        if let (Some(_), Some(running)) = (script.exclusive, running) {
            return Err(failure::busy(running));
        }
        if self.list.len() >= TASKS_MAX {
            return Err(failure::too_many());
        }
        Ok(())
    }

    /// Begins a task, for which there is room.
    pub(in crate::host) fn spawn(&mut self, origin: Origin, script: Script, desk: &mut Desk<'_>) {
        // Bounded by 32 living tasks, so a number that comes round again is free.
        self.last_id = self.last_id.wrapping_add(1);
        self.run(Task::new(self.last_id, origin, script), desk);
    }

    /// Begins a task of the host's own.
    pub(in crate::host) fn spawn_own(&mut self, script: Script, desk: &mut Desk<'_>) {
        match self.check_room(&script) {
            Ok(()) => self.spawn(Origin::default(), script, desk),
            Err(failure) => log::info!("left out: {failure}"),
        }
    }

    /// The ids of all tasks, which may change while one walks through them.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.list.iter().map(|task| task.id).collect()
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Task> {
        self.list.iter_mut().find(|task| task.id == id)
    }

    /// What runs and rests on this property: it listens by it, or takes it back at its end.
    pub(in crate::host) fn holds(&self, property: Property) -> Option<&'static str> {
        let is_it = |command, payload: &[u8]| property_of(command, payload) == Some(property);
        let holder = self.list.iter().find(|task| {
            let mut undo = task.undo.iter();
            let mut sent = task.sent.iter();
            undo.any(|send| is_it(send.command, &send.payload))
                || task.listens() && sent.any(|(command, payload)| is_it(*command, payload))
        })?;
        Some(holder.exclusive.unwrap_or("another request"))
    }

    fn take(&mut self, id: u32) -> Option<Task> {
        let index = self.list.iter().position(|task| task.id == id)?;
        Some(self.list.remove(index))
    }

    /// Goes on until something has to be waited for, or to the end.
    fn run(&mut self, mut task: Task, desk: &mut Desk<'_>) {
        task.doing = Doing::Next;
        while matches!(task.doing, Doing::Next) {
            let Some(step) = task.steps.pop_front() else {
                return self.finish(&task, Answer::Done, desk);
            };
            if let Err(failure) = self.step(&mut task, step, desk) {
                return self.undo(task, failure, desk);
            }
        }
        let id = task.id;
        self.list.push(task);
        // Its client may have gone before it began to listen.
        self.end_sniffing(id, desk);
    }

    pub(super) fn run_id(&mut self, id: u32, desk: &mut Desk<'_>) {
        if let Some(task) = self.take(id) {
            self.run(task, desk);
        }
    }

    /// The joiner looks again, unless it has done so often enough.
    pub(super) fn search_again(&mut self, id: u32, failure: Failure, desk: &mut Desk<'_>) {
        let step = self.get_mut(id).and_then(|task| {
            let step = task.look_again.take()?;
            task.steps.push_front(step);
            Some(())
        });
        match step {
            Some(()) => {
                log::info!("joining: nobody was found: looking again");
                self.run_id(id, desk);
            }
            None => self.undo_id(id, failure, desk),
        }
    }

    fn step(&mut self, task: &mut Task, step: Step, desk: &mut Desk<'_>) -> Result<(), Failure> {
        let now = desk.now;
        match step {
            Step::Send(send) => {
                desk.submit(task.id, &send)?;
                task.scan.note(&send);
                task.doing = Doing::Sent(send);
            }
            Step::Ask(send, then) => {
                desk.submit(task.id, &send)?;
                task.doing = Doing::Asked(send, then);
            }
            Step::Wait {
                until,
                within,
                otherwise,
            } => wait(
                task,
                Waiting::new(until, within, Some(otherwise), now),
                desk,
            )?,
            Step::Join {
                start,
                looks,
                within,
                otherwise,
            } => {
                task.look_again = (looks > 1).then(|| Step::Join {
                    start: start.clone(),
                    looks: looks - 1,
                    within,
                    otherwise: otherwise.clone(),
                });
                desk.submit(task.id, &start)?;
                task.doing = Doing::Sent(start);
                task.steps.push_front(Step::Wait {
                    until: Until::Joined,
                    within,
                    otherwise,
                });
            }
            Step::Linger { until, within } => {
                wait(task, Waiting::new(until, within, None, now), desk)?;
            }
            Step::Reset(how) => self.hand_up(task, Effect::Reset(task.id, how)),
            Step::Pause(duration) => task.doing = Doing::Pausing(now + duration),
            // Firmware up to 2025 never answers, nor anything behind it, where there is none (errata E46).
            Step::Retain(Retain::Network)
                if desk.retains && desk.known.flag(Property::NET_SAVED) =>
            {
                let send = Send {
                    command: Command::PROP_VALUE_GET,
                    payload: property_payload(Property::THREAD_ACTIVE_DATASET_TLVS, &[]),
                    on_error: OnError::Tolerate,
                    report: Report::Nothing,
                };
                desk.submit(task.id, &send)?;
                task.doing = Doing::Fetching;
            }
            Step::Retain(Retain::Network) => {}
            Step::Retain(Retain::Forget) => self.effects.push_back(Effect::Forget),
            Step::Act(act) => match act {
                Act::FallAsleep { .. } | Act::WakeUp | Act::Upgrade => {
                    self.hand_up(task, Effect::Act(task.id, act));
                }
                Act::PermitJoin(period, port) => {
                    self.effects.push_back(Effect::Permit(period, port));
                }
                Act::CommandLine => task.output = Some(Output::default()),
                Act::Joining => task.is_joining = true,
                Act::Sniff => task.doing = Doing::Sniffing,
            },
            Step::Row(row) => desk.tell(task.origin, Answer::Row(row)),
            Step::Undo(send) => task.undo.push_front(send),
        }
        Ok(())
    }

    /// Something that changes the ground under all tasks: the step behind it has to see that it is done.
    fn hand_up(&mut self, task: &mut Task, effect: Effect) {
        task.doing = Doing::Acting;
        self.effects.push_back(effect);
    }

    /// The host did what this task wanted.
    pub(in crate::host) fn acted(&mut self, id: u32, acted: Acted, desk: &mut Desk<'_>) {
        let Some(task) = self.get_mut(id) else {
            return;
        };
        match acted {
            Acted::Done => self.run_id(id, desk),
            Acted::Starting => task.doing = Doing::Starting,
            Acted::Upgrading => task.doing = Doing::Upgrading,
        }
    }

    /// The answer to what a task sent last.
    pub(in crate::host) fn answered(&mut self, id: u32, reply: &Reply<'_>, desk: &mut Desk<'_>) {
        let Some(mut task) = self.take(id) else {
            return;
        };
        match core::mem::replace(&mut task.doing, Doing::Next) {
            Doing::Sent(send) => {
                if reply.error().is_none() {
                    self.wrote(&send);
                }
                match judge(&send, reply) {
                    Ok(judged) => {
                        for row in judged.rows {
                            desk.tell(task.origin, Answer::Row(row));
                        }
                        if judged.skips_next {
                            task.steps.pop_front();
                        }
                        if let Some((pause, send)) = judged.again {
                            task.steps.push_front(Step::Send(send));
                            task.steps.push_front(Step::Pause(pause));
                        }
                        task.sent.push((send.command, send.payload));
                        self.run(task, desk);
                    }
                    Err(failure) => self.undo(task, failure, desk),
                }
            }
            Doing::Asked(send, then) => {
                let answer = match reply.error() {
                    Some(status) => Err(status),
                    None => {
                        self.wrote(&send);
                        Ok(reply.value)
                    }
                };
                match then.steps(answer) {
                    Ok(steps) => {
                        for step in steps.into_iter().rev() {
                            task.steps.push_front(step);
                        }
                        self.run(task, desk);
                    }
                    Err(failure) => self.undo(task, failure, desk),
                }
            }
            Doing::Fetching => {
                if let Some(tlvs) = reply.value_of(Property::THREAD_ACTIVE_DATASET_TLVS) {
                    self.effects.push_back(Effect::Retain(tlvs.to_vec()));
                }
                self.run(task, desk);
            }
            Doing::Undoing => self.undo_next(task, desk),
            // The answer was not for this: whoever sends waits.
            doing => {
                task.doing = doing;
                self.list.push(task);
            }
        }
    }

    /// A command succeeded: whoever keeps what was written has to know.
    fn wrote(&mut self, send: &Send) {
        let Some(property) = property_of(send.command, &send.payload) else {
            return;
        };
        if send.command == Command::PROP_VALUE_GET {
            return;
        }
        let number = property_payload(property, &[]).len();
        let value = send.payload.get(number..).unwrap_or_default().to_vec();
        self.effects
            .push_back(Effect::Wrote(send.command, property, value));
    }

    /// The task failed: what it had begun is undone first.
    fn undo(&mut self, mut task: Task, failure: Failure, desk: &mut Desk<'_>) {
        task.steps.clear();
        task.outcome = Some(Answer::Failed(failure));
        self.undo_next(task, desk);
    }

    pub(in crate::host) fn undo_id(&mut self, id: u32, failure: Failure, desk: &mut Desk<'_>) {
        if let Some(mut task) = self.take(id) {
            task.otherwise = None;
            self.undo(task, failure, desk);
        }
    }

    fn undo_next(&mut self, mut task: Task, desk: &mut Desk<'_>) {
        while desk.is_awake {
            let Some(send) = task.undo.pop_front() else {
                break;
            };
            if desk.submit(task.id, &send).is_ok() {
                // Whether it succeeds or not: the user did not want it to go on.
                self.wrote(&send);
                task.doing = Doing::Undoing;
                self.list.push(task);
                return;
            }
        }
        let outcome = task.outcome.take().unwrap_or(Answer::Done);
        match task.otherwise.take() {
            Some(other) if matches!(outcome, Answer::Failed(_)) => {
                self.go_on_with(task, *other, desk);
            }
            _ => self.finish(&task, outcome, desk),
        }
    }

    /// The way that was tried first is barred.
    fn go_on_with(&mut self, mut task: Task, other: Script, desk: &mut Desk<'_>) {
        task.steps = other.steps;
        task.undo = other.undo.into();
        task.otherwise = other.otherwise;
        task.sent.clear();
        self.run(task, desk);
    }

    fn finish(&mut self, task: &Task, answer: Answer, desk: &mut Desk<'_>) {
        if task.origin.client.is_none() {
            if let Answer::Failed(failure) = &answer {
                log::warn!("{}: {failure}", task.exclusive.unwrap_or("a task"));
            }
        }
        if task.origin.is_host_sleep && matches!(answer, Answer::Failed(_)) {
            self.effects.push_back(Effect::StaysAwake);
        }
        desk.tell(task.origin, answer);
    }

    /// Ends a task that cannot go on, not even with its undoing: there is nothing left to talk to. What
    /// it had failed for is the better reason.
    fn cut_short(&mut self, mut task: Task, failure: Failure, desk: &mut Desk<'_>) {
        let outcome = task.outcome.take();
        self.finish(&task, outcome.unwrap_or(Answer::Failed(failure)), desk);
    }

    /// Fails one task, without undoing.
    pub(in crate::host) fn end(&mut self, id: u32, failure: Failure, desk: &mut Desk<'_>) {
        if let Some(task) = self.take(id) {
            self.cut_short(task, failure, desk);
        }
    }

    /// Fails all tasks but those that wait for the reset, and those that go on listening after it.
    pub(in crate::host) fn fail(&mut self, failure: &Failure, desk: &mut Desk<'_>) {
        self.fail_but(failure, desk, |doing| {
            matches!(
                doing,
                Doing::Acting | Doing::Starting | Doing::Upgrading | Doing::Sniffing
            )
        });
    }

    /// Fails all tasks, but for one for which the host is doing this.
    pub(in crate::host) fn fail_all(&mut self, failure: &Failure, desk: &mut Desk<'_>) {
        self.fail_but(failure, desk, |doing| matches!(doing, Doing::Acting));
    }

    fn fail_but(&mut self, failure: &Failure, desk: &mut Desk<'_>, survives: fn(&Doing) -> bool) {
        let list = core::mem::take(&mut self.list);
        let (stay, go) = list.into_iter().partition(|task| survives(&task.doing));
        self.list = stay;
        for task in go {
            self.cut_short(task, failure.clone(), desk);
        }
    }

    /// The start-up is over.
    pub(in crate::host) fn ready(&mut self, desk: &mut Desk<'_>) {
        for id in self.ids() {
            let task = self.get_mut(id);
            if task.is_some_and(|task| matches!(task.doing, Doing::Starting)) {
                self.run_id(id, desk);
            }
        }
    }

    /// The start-up is over, and whose client went meanwhile need not go on listening.
    pub(in crate::host) fn end_idle_sniffing(&mut self, desk: &mut Desk<'_>) {
        for id in self.ids() {
            self.end_sniffing(id, desk);
        }
    }

    /// The upgrade command ended.
    pub(in crate::host) fn upgraded(&mut self, ok: bool, desk: &mut Desk<'_>) {
        for id in self.ids() {
            let Some(task) = self.get_mut(id) else {
                continue;
            };
            if !matches!(task.doing, Doing::Upgrading) {
                continue;
            }
            if ok {
                task.doing = Doing::Starting;
            } else {
                let message = "the upgrade command failed: its output is in the log";
                self.end(id, Failure::new(Code::Failed, message), desk);
            }
        }
    }

    /// Whose client is gone ends if it only listened, and goes on unseen otherwise.
    pub(in crate::host) fn leave(&mut self, ticket: Ticket, desk: &mut Desk<'_>) {
        for id in self.ids() {
            let Some(task) = self.get_mut(id) else {
                continue;
            };
            if task.origin.client != Some(ticket) {
                continue;
            }
            task.origin.client = None;
            self.end_sniffing(id, desk);
        }
    }

    /// Ends a task that sniffs for nobody. During a start-up it stays until that is over: its set-up may
    /// have been repeated already.
    fn end_sniffing(&mut self, id: u32, desk: &mut Desk<'_>) {
        let is_idle =
            |task: &mut Task| matches!(task.doing, Doing::Sniffing) && task.origin.client.is_none();
        if desk.is_ready && self.get_mut(id).is_some_and(is_idle) {
            if let Some(mut task) = self.take(id) {
                task.steps.clear();
                self.undo_next(task, desk);
            }
        }
    }
}

impl Desk<'_> {
    fn submit(&mut self, id: u32, send: &Send) -> Result<(), Failure> {
        let owner = Owner::Task(id);
        let submitted = self
            .engine
            .submit(self.now, owner, send.command, send.payload.clone());
        submitted.map_err(|refused| match refused {
            Refused::Full => failure::too_many(),
            Refused::TooLong => Failure::new(
                Code::Usage,
                format!("{}: longer than a frame of 1300 octets", what(send)),
            ),
        })
    }

    pub(super) fn tell(&mut self, origin: Origin, answer: Answer) {
        if let Some(client) = origin.client {
            self.outbox.answer(client, answer);
        }
    }
}

fn wait(task: &mut Task, waiting: Waiting, desk: &Desk<'_>) -> Result<(), Failure> {
    if waiting.until == Until::CommandEnds {
        // It may have ended before the SET was answered.
        if let Some(end) = task.output.as_mut().and_then(Output::end) {
            task.steps.clear();
            return end;
        }
    }
    if !waiting.is_over(desk.known) {
        task.doing = Doing::Waiting(waiting);
    }
    Ok(())
}

/// Two for each of 16 clients.
pub(in crate::host) const TASKS_MAX: usize = 32;

#[cfg(test)]
mod tests;
