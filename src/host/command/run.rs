//! Tasks: scripts that run, one step after the other.

use super::reply::Reply;
use super::transact::{property_of, property_payload, Refused};
use super::wait::{Scan, Waiting};
use crate::ctl::{Answer, Code, Failure, Fields, Ticket};
use crate::host::failure::{self, What};
use crate::host::known::State;
use crate::host::script::{
    Act, Follow, Judge, OnError, Report, Reset, Retain, Script, Send, Step, Until, Verdict,
};
use crate::host::session::keep::{Keep, RESUME};
use crate::host::session::Phase;
use crate::host::tasks;
use crate::host::{Host, Owner, Service};
use crate::time::{Duration, Instant};
use crate::wire::ids::{Command, Property};
use std::collections::VecDeque;

#[derive(Default)]
pub(in crate::host) struct Tasks {
    list: Vec<Task>,
    last_id: u32,
}

pub(in crate::host) struct Task {
    pub(in crate::host) id: u32,
    pub(in crate::host) origin: Origin,
    pub(in crate::host) steps: VecDeque<Step>,
    undo: VecDeque<Send>,
    otherwise: Option<Box<Script>>,
    exclusive: Option<&'static str>,
    pub(in crate::host) doing: Doing,
    /// What is told when the undoing is over.
    outcome: Option<Answer>,
    is_joining: bool,
    /// What the joiner does when it found nobody.
    pub(in crate::host) look_again: Option<Step>,
    /// The commands that were sent: a sniffer needs them again after a reset.
    sent: Vec<(Command, Vec<u8>)>,
    pub(in crate::host) scan: Scan,
    /// What the command line says to this task's command.
    pub(in crate::host) output: Option<super::command_line::Output>,
}

/// What follows from the answer to a command.
struct Judged {
    rows: Vec<Fields>,
    skips_next: bool,
    /// To be sent once more, after a pause.
    again: Option<(Duration, Send)>,
}

/// Who wants it done.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::host) struct Origin {
    /// `None`: the host itself, or a client that is gone.
    pub(in crate::host) client: Option<Ticket>,
    /// If it fails, this host stays awake.
    pub(in crate::host) is_host_sleep: bool,
}

/// What a task waits for.
pub(in crate::host) enum Doing {
    /// Nothing: its next step is due.
    Next,
    Sent(Send),
    /// The answer decides what follows.
    Asked(Send, Follow),
    Waiting(Waiting),
    Pausing(Instant),
    /// The credentials.
    Fetching,
    /// The end of the start-up.
    Starting,
    /// The upgrade command.
    Upgrading,
    Sniffing,
    Undoing,
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

    /// The ids of all tasks, which may change while one walks through them.
    pub(in crate::host) fn ids(&self) -> Vec<u32> {
        self.list.iter().map(|task| task.id).collect()
    }

    pub(in crate::host) fn get_mut(&mut self, id: u32) -> Option<&mut Task> {
        self.list.iter_mut().find(|task| task.id == id)
    }

    pub(in crate::host) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn exclusive(&self) -> Option<&'static str> {
        self.list.iter().find_map(|task| task.exclusive)
    }

    fn take(&mut self, id: u32) -> Option<Task> {
        let index = self.list.iter().position(|task| task.id == id)?;
        Some(self.list.remove(index))
    }

    fn next_id(&mut self) -> u32 {
        // Bounded by 32 living tasks, so a number that comes round again is free.
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }
}

impl Host {
    /// Whether a task can begin now.
    pub(in crate::host) fn check_room(&self, script: &Script) -> Result<(), Failure> {
        if let (Some(_), Some(running)) = (script.exclusive, self.tasks.exclusive()) {
            return Err(failure::busy(running));
        }
        if self.tasks.list.len() >= TASKS_MAX {
            return Err(failure::too_many());
        }
        Ok(())
    }

    /// Begins a task, for which there is room.
    pub(in crate::host) fn spawn(&mut self, origin: Origin, script: Script) {
        let task = Task {
            id: self.tasks.next_id(),
            origin,
            steps: script.steps,
            undo: script.undo.into(),
            otherwise: script.otherwise,
            exclusive: script.exclusive,
            doing: Doing::Next,
            outcome: None,
            is_joining: false,
            look_again: None,
            sent: Vec::new(),
            scan: Scan::default(),
            output: None,
        };
        self.run(task);
    }

    /// Begins a task of the host's own.
    pub(in crate::host) fn spawn_own(&mut self, script: Script) {
        match self.check_room(&script) {
            Ok(()) => self.spawn(Origin::default(), script),
            Err(failure) => log::info!("left out: {failure}"),
        }
    }

    /// Goes on until something has to be waited for, or to the end.
    fn run(&mut self, mut task: Task) {
        task.doing = Doing::Next;
        while matches!(task.doing, Doing::Next) {
            let Some(step) = task.steps.pop_front() else {
                return self.finish(&task, Answer::Done);
            };
            if let Err(failure) = self.step(&mut task, step) {
                return self.undo(task, failure);
            }
        }
        let id = task.id;
        self.tasks.list.push(task);
        // Its client may have gone before it began to listen.
        self.end_sniffing(id);
    }

    /// The joiner looks again, unless it has done so often enough.
    pub(in crate::host) fn search_again(&mut self, id: u32, failure: Failure) {
        let step = self.tasks.get_mut(id).and_then(|task| {
            let step = task.look_again.take()?;
            task.steps.push_front(step);
            Some(())
        });
        match step {
            Some(()) => {
                log::info!("joining: nobody was found: looking again");
                self.run_id(id);
            }
            None => self.undo_id(id, failure),
        }
    }

    pub(in crate::host) fn run_id(&mut self, id: u32) {
        if let Some(task) = self.tasks.take(id) {
            self.run(task);
        }
    }

    fn step(&mut self, task: &mut Task, step: Step) -> Result<(), Failure> {
        match step {
            Step::Send(send) => {
                self.submit_for(task.id, &send)?;
                task.scan.note(&send);
                task.doing = Doing::Sent(send);
            }
            Step::Ask(send, then) => {
                self.submit_for(task.id, &send)?;
                task.doing = Doing::Asked(send, then);
            }
            Step::Wait {
                until,
                within,
                otherwise,
            } => self.wait(task, Waiting::new(until, within, Some(otherwise), self.now))?,
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
                self.submit_for(task.id, &start)?;
                task.doing = Doing::Sent(start);
                task.steps.push_front(Step::Wait {
                    until: Until::Joined,
                    within,
                    otherwise,
                });
            }
            Step::Linger { until, within } => {
                self.wait(task, Waiting::new(until, within, None, self.now))?;
            }
            Step::Reset(how) => self.reset_for(task, how),
            Step::Pause(duration) => task.doing = Doing::Pausing(self.now + duration),
            // Firmware up to 2025 never answers, nor anything behind it, where there is none (errata E46).
            Step::Retain(Retain::Network)
                if self.settings.retain && self.known.flag(Property::NET_SAVED) =>
            {
                let send = Send {
                    command: Command::PROP_VALUE_GET,
                    payload: property_payload(Property::THREAD_ACTIVE_DATASET_TLVS, &[]),
                    on_error: OnError::Tolerate,
                    report: Report::Nothing,
                };
                self.submit_for(task.id, &send)?;
                task.doing = Doing::Fetching;
            }
            Step::Retain(Retain::Network) => {}
            Step::Retain(Retain::Forget) => {
                if self.keep.forget() {
                    self.outbox.service(Service::Forget);
                }
            }
            Step::Act(act) => self.act(task, act),
            Step::Row(row) => self.tell(task.origin, Answer::Row(row)),
            Step::Undo(send) => task.undo.push_front(send),
        }
        Ok(())
    }

    fn wait(&self, task: &mut Task, waiting: Waiting) -> Result<(), Failure> {
        if waiting.until == Until::CommandEnds {
            // It may have ended before the SET was answered.
            if let Some(end) = task.output.as_mut().and_then(|output| output.end()) {
                task.steps.clear();
                return end;
            }
        }
        if !waiting.is_over(&self.known) {
            task.doing = Doing::Waiting(waiting);
        }
        Ok(())
    }

    fn act(&mut self, task: &mut Task, act: Act) {
        match act {
            Act::FallAsleep { was_up } => {
                let message = "the co-processor was put to sleep: wake it first";
                self.fail_tasks(&Failure::new(Code::State, message));
                self.fall_asleep(was_up);
            }
            // It did not sleep: what is known of it holds, and other tasks wait for their answers.
            Act::WakeUp if self.startup.phase == Phase::Ready => {}
            Act::WakeUp => {
                self.find_out_again();
                task.doing = Doing::Starting;
            }
            Act::PermitJoin(period, _) if period.is_zero() => {
                self.sessions.end();
                self.requests.permit_until = None;
            }
            Act::PermitJoin(period, port) => {
                let until = self.now + period;
                self.sessions.permit(until, port);
                self.requests.permit_until = Some((until, port));
            }
            Act::CommandLine => task.output = Some(super::command_line::Output::default()),
            Act::Joining => task.is_joining = true,
            Act::Sniff => task.doing = Doing::Sniffing,
            Act::Upgrade => {
                self.startup.rescue.forget_upgrades();
                self.start_upgrade();
                task.doing = Doing::Upgrading;
            }
        }
    }

    /// An operator's reset: what failed before does not count any more.
    fn reset_for(&mut self, task: &mut Task, how: Reset) {
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
            return;
        }
        self.set_state(State::Uninitialized);
        self.start_reset(how);
        task.doing = Doing::Starting;
    }

    fn submit_for(&mut self, id: u32, send: &Send) -> Result<(), Failure> {
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

    /// The answer to what a task sent last.
    pub(in crate::host) fn task_answered(&mut self, id: u32, reply: &Reply<'_>) {
        let Some(mut task) = self.tasks.take(id) else {
            return;
        };
        match core::mem::replace(&mut task.doing, Doing::Next) {
            Doing::Sent(send) => match self.judge_answer(&send, reply) {
                Ok(judged) => {
                    for row in judged.rows {
                        self.tell(task.origin, Answer::Row(row));
                    }
                    if judged.skips_next {
                        task.steps.pop_front();
                    }
                    if let Some((pause, send)) = judged.again {
                        task.steps.push_front(Step::Send(send));
                        task.steps.push_front(Step::Pause(pause));
                    }
                    task.sent.push((send.command, send.payload));
                    self.run(task);
                }
                Err(failure) => self.undo(task, failure),
            },
            Doing::Asked(send, then) => {
                let answer = match reply.error() {
                    Some(status) => Err(status),
                    None => {
                        self.note_effect(&send);
                        Ok(reply.value)
                    }
                };
                match then.steps(answer) {
                    Ok(steps) => {
                        for step in steps.into_iter().rev() {
                            task.steps.push_front(step);
                        }
                        self.run(task);
                    }
                    Err(failure) => self.undo(task, failure),
                }
            }
            Doing::Fetching => {
                let tlvs = reply.value_of(Property::THREAD_ACTIVE_DATASET_TLVS);
                if let Some(tlvs) = tlvs.filter(|tlvs| self.keep.retain(tlvs)) {
                    self.outbox.service(Service::Retain(tlvs.to_vec()));
                }
                self.run(task);
            }
            Doing::Undoing => self.undo_next(task),
            // The answer was not for this: whoever sends waits.
            doing => {
                task.doing = doing;
                self.tasks.list.push(task);
            }
        }
    }

    fn judge_answer(&mut self, send: &Send, reply: &Reply<'_>) -> Result<Judged, Failure> {
        if let Some(status) = reply.error() {
            let tolerated = match send.on_error {
                OnError::Fail => false,
                OnError::Tolerate | OnError::SkipNext => true,
                OnError::TolerateAlready => status.is_done_already(),
                OnError::OrElse => status.is_absent() || status.is_done_already(),
            };
            if !tolerated {
                return Err(failure::of_status(what(send), status));
            }
            return Ok(Judged {
                rows: Vec::new(),
                skips_next: match send.on_error {
                    OnError::SkipNext => true,
                    OnError::OrElse => status.is_done_already(),
                    _ => false,
                },
                again: None,
            });
        }
        self.note_effect(send);
        let rows = match send.report {
            Report::Judged(judge) => match (judge.verdict)(reply.value) {
                Verdict::Over(rows) => rows,
                Verdict::Again => {
                    return Ok(Judged {
                        rows: Vec::new(),
                        skips_next: false,
                        again: Some(again(send, judge)?),
                    })
                }
                Verdict::Failed(failure) => return Err(failure),
            },
            _ => rows_of(send, reply)?,
        };
        Ok(Judged {
            rows,
            skips_next: send.on_error == OnError::OrElse,
            again: None,
        })
    }

    /// A command of a client succeeded: what else follows from it?
    fn note_effect(&mut self, send: &Send) {
        let Some(property) = property_of(send.command, &send.payload) else {
            return;
        };
        let number = property_payload(property, &[]).len();
        let value = send.payload.get(number..).unwrap_or_default();
        let keep: &mut Keep = &mut self.keep;
        keep.note(send.command, property, value);
        match send.command {
            Command::PROP_VALUE_SET if property == Property::NET_STACK_UP => {
                self.watch.wants_up = value.first() != Some(&0);
            }
            Command::PROP_VALUE_INSERT => self.netif.user_item(property, value, true),
            Command::PROP_VALUE_REMOVE => self.netif.user_item(property, value, false),
            _ => {}
        }
    }

    /// The task failed: what it had begun is undone first.
    fn undo(&mut self, mut task: Task, failure: Failure) {
        task.steps.clear();
        task.outcome = Some(Answer::Failed(failure));
        self.undo_next(task);
    }

    pub(in crate::host) fn undo_id(&mut self, id: u32, failure: Failure) {
        if let Some(mut task) = self.tasks.take(id) {
            task.otherwise = None;
            self.undo(task, failure);
        }
    }

    fn undo_next(&mut self, mut task: Task) {
        while self.startup.phase == Phase::Ready {
            let Some(send) = task.undo.pop_front() else {
                break;
            };
            if self.submit_for(task.id, &send).is_ok() {
                // Whether it succeeds or not: the user did not want it to go on.
                self.note_effect(&send);
                task.doing = Doing::Undoing;
                self.tasks.list.push(task);
                return;
            }
        }
        let outcome = task.outcome.take().unwrap_or(Answer::Done);
        match task.otherwise.take() {
            Some(other) if matches!(outcome, Answer::Failed(_)) => self.go_on_with(task, *other),
            _ => self.finish(&task, outcome),
        }
    }

    /// The way that was tried first is barred.
    fn go_on_with(&mut self, mut task: Task, other: Script) {
        task.steps = other.steps;
        task.undo = other.undo.into();
        task.otherwise = other.otherwise;
        task.sent.clear();
        self.run(task);
    }

    fn finish(&mut self, task: &Task, answer: Answer) {
        if task.origin.client.is_none() {
            if let Answer::Failed(failure) = &answer {
                log::warn!("{}: {failure}", task.exclusive.unwrap_or("a task"));
            }
        }
        if task.origin.is_host_sleep && matches!(answer, Answer::Failed(_)) {
            self.requests.host_stays_awake();
        }
        self.tell(task.origin, answer);
    }

    /// Ends a task that cannot go on, not even with its undoing: there is nothing left to talk to. What
    /// it had failed for is the better reason.
    fn cut_short(&mut self, mut task: Task, failure: Failure) {
        let outcome = task.outcome.take();
        self.finish(&task, outcome.unwrap_or(Answer::Failed(failure)));
    }

    /// Fails one task, without undoing.
    pub(in crate::host) fn end_task(&mut self, id: u32, failure: Failure) {
        if let Some(task) = self.tasks.take(id) {
            self.cut_short(task, failure);
        }
    }

    /// Fails all tasks but those that wait for the reset, and those that go on listening after it.
    pub(in crate::host) fn fail_tasks(&mut self, failure: &Failure) {
        let survives =
            |doing: &Doing| matches!(doing, Doing::Starting | Doing::Upgrading | Doing::Sniffing);
        let list = core::mem::take(&mut self.tasks.list);
        let (stay, go) = list.into_iter().partition(|task| survives(&task.doing));
        self.tasks.list = stay;
        for task in go {
            self.cut_short(task, failure.clone());
        }
    }

    /// Fails all tasks.
    pub(in crate::host) fn fail_all_tasks(&mut self, failure: &Failure) {
        for task in core::mem::take(&mut self.tasks.list) {
            self.cut_short(task, failure.clone());
        }
    }

    /// The start-up is over.
    pub(in crate::host) fn tasks_ready(&mut self) {
        for id in self.tasks.ids() {
            let task = self.tasks.get_mut(id);
            if task.is_some_and(|task| matches!(task.doing, Doing::Starting)) {
                self.run_id(id);
            }
        }
    }

    /// The start-up is over, and whose client went meanwhile need not go on listening.
    pub(in crate::host) fn end_idle_sniffing(&mut self) {
        for id in self.tasks.ids() {
            self.end_sniffing(id);
        }
    }

    /// The upgrade command ended.
    pub(in crate::host) fn tasks_upgraded(&mut self, ok: bool) {
        for id in self.tasks.ids() {
            let Some(task) = self.tasks.get_mut(id) else {
                continue;
            };
            if !matches!(task.doing, Doing::Upgrading) {
                continue;
            }
            if ok {
                task.doing = Doing::Starting;
            } else {
                let message = "the upgrade command failed: its output is in the log";
                self.end_task(id, Failure::new(Code::Failed, message));
            }
        }
    }

    /// Whose client is gone ends if it only listened, and goes on unseen otherwise.
    pub(in crate::host) fn leave_task(&mut self, ticket: Ticket) {
        for id in self.tasks.ids() {
            let Some(task) = self.tasks.get_mut(id) else {
                continue;
            };
            if task.origin.client != Some(ticket) {
                continue;
            }
            task.origin.client = None;
            self.end_sniffing(id);
        }
    }

    /// Ends a task that sniffs for nobody. During a start-up it stays until that is over: its set-up may
    /// have been repeated already.
    fn end_sniffing(&mut self, id: u32) {
        let is_idle =
            |task: &mut Task| matches!(task.doing, Doing::Sniffing) && task.origin.client.is_none();
        if self.startup.is_ready() && self.tasks.get_mut(id).is_some_and(is_idle) {
            if let Some(mut task) = self.tasks.take(id) {
                task.steps.clear();
                self.undo_next(task);
            }
        }
    }

    /// Clients that scan are told that it is over; the scan itself goes on to its end (errata E19).
    pub(in crate::host) fn stop_scans(&mut self) {
        for task in &mut self.tasks.list {
            let scans =
                matches!(&task.doing, Doing::Waiting(waiting) if waiting.until == Until::ScanEnds);
            if !scans {
                continue;
            }
            if let Some(client) = task.origin.client.take() {
                let failure = Failure::new(Code::Cancelled, "the scan was stopped");
                self.outbox.answer(client, Answer::Failed(failure));
            }
        }
    }

    /// Who joins by passphrase is told that it is over. Newer firmware says nothing when its joiner is
    /// stopped.
    pub(in crate::host) fn stop_joining(&mut self) {
        for id in self.tasks.ids() {
            let task = self.tasks.get_mut(id);
            let joins = |task: &mut Task| matches!(&task.doing, Doing::Waiting(waiting) if waiting.until == Until::Joined);
            if task.is_some_and(joins) {
                self.undo_id(id, Failure::new(Code::Cancelled, "joining was stopped"));
            }
        }
    }

    /// A raw frame, for everyone who sniffs.
    pub(in crate::host) fn tell_sniffers(&mut self, row: &Fields) {
        for task in &self.tasks.list {
            if let (Doing::Sniffing, Some(client)) = (&task.doing, task.origin.client) {
                self.outbox.answer(client, Answer::Row(row.clone()));
            }
        }
    }

    pub(in crate::host) fn tell(&mut self, origin: Origin, answer: Answer) {
        if let Some(client) = origin.client {
            self.outbox.answer(client, answer);
        }
    }
}

/// What the client is told of a good answer.
fn rows_of(send: &Send, reply: &Reply<'_>) -> Result<Vec<Fields>, Failure> {
    match send.report {
        // Rows of what is judged are its judge's.
        Report::Nothing | Report::Judged(_) => Ok(Vec::new()),
        Report::Rows(rows) => Ok(rows(reply.value)),
        Report::Counter(counter) => Ok(tasks::counter_rows(counter, reply.value)),
        Report::Property(property) => match reply.value_of(property) {
            Some(value) => Ok(vec![tasks::property_row(reply.told, property, value)]),
            None if send.command == Command::PROP_VALUE_GET => Err(failure::odd_answer(what(send))),
            // A property without a getter is answered with OK.
            None => Ok(Vec::new()),
        },
    }
}

/// The same once more, after a pause; or why not.
fn again(send: &Send, judge: Judge) -> Result<(Duration, Send), Failure> {
    let Some(times) = judge.times.checked_sub(1) else {
        return Err(Failure::new(Code::Timeout, judge.otherwise));
    };
    let report = Report::Judged(Judge { times, ..judge });
    Ok((judge.every, send.clone().reporting(report)))
}

fn what(send: &Send) -> What {
    What(send.command, property_of(send.command, &send.payload))
}

/// Two for each of 16 clients.
pub(in crate::host) const TASKS_MAX: usize = 32;
/// Protocol §4.9.
const BOOTLOADER: u8 = 3;
