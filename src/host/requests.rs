//! What clients ask for: what is done at once, what waits for the end of the start-up, and what is
//! refused.

use super::command::run::{Tasks, TASKS_MAX};
use super::command::task::Origin;
use super::failure;
use super::known::{State, DECISIVE, FORGETTING};
use super::session::Phase;
use super::tasks::{self, Context};
use super::Host;
use crate::bridge::Upper;
use crate::ctl::request::ResetKind;
use crate::ctl::{Answer, Code, Failure, Field, Fields, Request, Ticket};
use crate::time::{Duration, Instant};
use crate::wire::ids::Property;
use std::collections::VecDeque;

#[derive(Default)]
pub(super) struct Requests {
    /// They wait for the end of the start-up.
    pub(super) pending: VecDeque<(Ticket, Request)>,
    /// This host is about to sleep: the TUN is not read.
    sleeps: bool,
    /// When letting devices join ends, and for which port.
    pub(super) permit_until: Option<(Instant, u16)>,
}

impl Requests {
    pub(super) fn host_sleeps(&self) -> bool {
        self.sleeps
    }

    /// Devices that join are not let through any more. What the co-processor was told is taken back when
    /// it is ready again: only a reset makes it forget that.
    pub(super) fn permission_lapses(&mut self, now: Instant) {
        if let Some((until, _)) = &mut self.permit_until {
            *until = now;
        }
    }

    pub(super) fn host_stays_awake(&mut self) {
        self.sleeps = false;
    }
}

/// What becomes of a request in the present state.
enum Admission {
    Now,
    Later,
    Never(Failure),
}

impl Host {
    /// A client asks for something. Its answers carry the ticket; the last one is `Done` or `Failed`.
    pub fn request(&mut self, ticket: Ticket, mut request: Request) {
        if let Request::PermitJoin { port: port @ 0, .. } = &mut request {
            *port = self.settings.commissioning_port;
        }
        if request == Request::HostDidWake {
            // Also where the co-processor cannot be told: it may be back when nobody says that again.
            self.requests.host_stays_awake();
        }
        match self.admit(&request) {
            Admission::Now => self.start_request(ticket, &request),
            Admission::Later => self.requests.pending.push_back((ticket, request)),
            Admission::Never(failure) => self.outbox.answer(ticket, Answer::Failed(failure)),
        }
        self.drive();
    }

    /// The client is gone: its answers are dropped, what it listened to ends. What it had begun goes on:
    /// half a network helps nobody.
    pub fn cancel(&mut self, ticket: Ticket) {
        self.requests.pending.retain(|(whose, _)| *whose != ticket);
        self.outbox.forget(ticket);
        self.with_tasks(|tasks, desk| tasks.leave(ticket, desk));
        self.drive();
    }

    /// Requests that waited for the start-up.
    pub(super) fn serve_requests(&mut self) {
        while self.session.is_ready() && !self.tasks.is_resuming() {
            let Some((ticket, request)) = self.requests.pending.pop_front() else {
                return;
            };
            if self.is_finding_out(&request) {
                self.requests.pending.push_front((ticket, request));
                return;
            }
            self.start_request(ticket, &request);
        }
    }

    /// Requests that waited for an answer of the co-processor, and are told without it now: it restarts, or is gone.
    pub(super) fn serve_bystanders(&mut self) {
        let mut index = 0;
        while let Some((_, request)) = self.requests.pending.get(index) {
            if !self.needs_nothing(request) || self.is_finding_out(request) {
                index += 1;
            } else if let Some((ticket, request)) = self.requests.pending.remove(index) {
                self.start_request(ticket, &request);
            }
        }
    }

    /// Whether it is told from what is known.
    fn needs_nothing(&self, request: &Request) -> bool {
        match request {
            Request::Status | Request::StatusValue(_) | Request::ListProperties => true,
            // Without a co-processor they are our own alone, and may tell why there is none.
            Request::Counters { .. } => !self.session.known.state.is_initialized(),
            _ => false,
        }
    }

    fn admit(&self, request: &Request) -> Admission {
        let begins_anew = matches!(request, Request::Reset(_) | Request::Upgrade);
        let sleeps = matches!(
            request,
            Request::Wake | Request::HostSleep | Request::HostDidWake
        );
        let is_finding_out = self.is_finding_out(request);
        if self.needs_nothing(request) && !is_finding_out {
            return Admission::Now;
        }
        match self.session.phase() {
            Phase::Ready if !is_finding_out && !self.tasks.is_resuming() => Admission::Now,
            Phase::Upgrading => Admission::Never(Failure::new(
                Code::Busy,
                "the firmware is being replaced: try again when that is done",
            )),
            Phase::Gone if *request != Request::Upgrade => {
                Admission::Never(self.session.gone_failure())
            }
            _ if begins_anew => Admission::Now,
            // Also while it is looked for.
            _ if self.session.known.state == State::Fault => {
                Admission::Never(self.session.fault_failure())
            }
            Phase::Asleep { .. } if sleeps => Admission::Now,
            Phase::Asleep { .. } => Admission::Never(Failure::new(
                Code::State,
                format!(
                    "the state is {}: wake the co-processor first",
                    State::DeepSleep
                ),
            )),
            _ if self.requests.pending.len() >= PENDING_MAX => {
                Admission::Never(failure::too_many())
            }
            _ => self
                .session
                .diagnosed()
                .map_or(Admission::Later, Admission::Never),
        }
    }

    /// Whether the co-processor is being asked for what this request decides by, or shows: what is known
    /// may be out of date. It is over when the last answer is there, or when there is none.
    fn is_finding_out(&self, request: &Request) -> bool {
        let forgets = matches!(request, Request::Set(property, _) if FORGETTING.contains(property));
        let decides = matches!(
            request,
            Request::Status
                | Request::ListProperties
                | Request::Form(_)
                | Request::Join(_)
                | Request::DatasetImport(_)
                | Request::DatasetMigrate(_)
                | Request::JoinerStart { .. }
                | Request::Attach
                | Request::Leave
                | Request::PermitJoin { .. }
        );
        (decides || forgets)
            && self.session.phase() == Phase::Ready
            && self.session.asks_for(DECISIVE)
    }

    fn start_request(&mut self, ticket: Ticket, request: &Request) {
        if let Some(running) = written(request).and_then(|property| self.tasks.holds(property)) {
            return self
                .outbox
                .answer(ticket, Answer::Failed(failure::busy(running)));
        }
        let context = self.context();
        let script = match tasks::script(request, &self.session.known, &context) {
            Ok(script) => script,
            Err(failure) => return self.outbox.answer(ticket, Answer::Failed(failure)),
        };
        if let Err(failure) = self.tasks.check_room(&script) {
            return self.outbox.answer(ticket, Answer::Failed(failure));
        }
        match request {
            Request::Counters { clear: false } => self.host_counters(ticket),
            Request::Counters { clear: true } => self.clear_counters(),
            Request::ScanStop => self.with_tasks(Tasks::stop_scans),
            Request::JoinerStop => self.with_tasks(Tasks::stop_joining),
            Request::HostSleep => self.requests.sleeps = true,
            Request::HostDidWake => self.requests.sleeps = false,
            Request::Reset(ResetKind::Factory) => {
                self.session.forget_settings();
                self.netif.forget_user();
            }
            _ => {}
        }
        let origin = Origin {
            client: Some(ticket),
            is_host_sleep: *request == Request::HostSleep,
        };
        self.with_tasks(|tasks, desk| tasks.spawn(origin, script, desk));
    }

    /// When devices may not join any more; not before the co-processor can be told.
    pub(super) fn permit_timeout(&self) -> Option<Instant> {
        let until = self.requests.permit_until.map(|(at, _)| at);
        until.filter(|_| self.session.phase() == Phase::Ready)
    }

    /// Devices may not join any more: what let them is taken back.
    pub(super) fn permit_time(&mut self) {
        if self.permit_timeout().map_or(true, |at| self.now < at) {
            return;
        }
        let Some((_, port)) = self.requests.permit_until else {
            return;
        };
        self.requests.permit_until = None;
        let request = Request::PermitJoin {
            period: Duration::ZERO,
            port,
        };
        let context = self.context();
        match tasks::script(&request, &self.session.known, &context) {
            Ok(script) => self.spawn_own(script),
            Err(failure) => log::warn!("devices may still join: {failure}"),
        }
    }

    fn context(&mut self) -> Context {
        let mut pskc = [0; 16];
        pskc.copy_from_slice(&self.random.next()[..16]);
        Context {
            seed: self.random.next(),
            pskc,
            has_upgrade_command: self.settings.has_upgrade_command,
            is_sniffing: self.tasks.is_sniffing(),
            is_commanding: self.tasks.is_commanding(),
        }
    }

    /// Requests that wait for the end of the start-up get `failure`.
    pub(super) fn fail_pending(&mut self, failure: &Failure) {
        for (ticket, _) in core::mem::take(&mut self.requests.pending) {
            self.outbox.answer(ticket, Answer::Failed(failure.clone()));
        }
    }

    fn host_counters(&mut self, ticket: Ticket) {
        let mut rows = Vec::new();
        self.print_counters(&mut |name, value| {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            rows.push(
                Fields::new()
                    .with("name", Field::text(name))
                    .with("value", value),
            );
        });
        for row in rows {
            self.outbox.answer(ticket, Answer::Row(row));
        }
    }
}

/// The property that a client writes to by its name.
fn written(request: &Request) -> Option<Property> {
    match request {
        Request::Set(property, _) | Request::Insert(property, _) | Request::Remove(property, _) => {
            Some(*property)
        }
        _ => None,
    }
}

/// As many as can be worked on afterwards.
const PENDING_MAX: usize = TASKS_MAX;
