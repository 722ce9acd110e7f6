//! A host between clients, a co-processor and a shell that do what they are told, and count.

use super::coprocessor::Coprocessor;
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::{Answer, Request, Ticket};
use spinel_bridge::host::kernel::{self, Change};
use spinel_bridge::host::known::State;
use spinel_bridge::host::{Host, Service, ServiceDone, Settings};
use spinel_bridge::time::{Duration, Instant};
use std::collections::BTreeMap;

pub(crate) struct Bench {
    pub(crate) host: Host,
    pub(crate) now: Instant,
    pub(crate) coprocessor: Coprocessor,
    /// Requests without an end.
    pub(crate) open: BTreeMap<u64, Request>,
    /// How the last request ended.
    pub(crate) last_end: Option<(u64, Answer)>,
    ticket: u64,
    /// Services without an end.
    pub(crate) services: Vec<Service>,
    /// TIDs of commands whose answer is awaited.
    awaited: [Option<(Instant, Vec<u8>)>; 16],
    /// A handshake began, and its last question was not asked yet.
    in_handshake: bool,
    /// Frames since the last look.
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) interface_is_up: bool,
    pub(crate) is_gone: bool,
    /// The last that a client said of this host is that it sleeps.
    pub(crate) host_sleeps: bool,
}

impl Bench {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut bench = Bench {
            host: Host::new(settings, Instant::ZERO),
            now: Instant::ZERO,
            coprocessor: Coprocessor::new(),
            open: BTreeMap::new(),
            last_end: None,
            ticket: 0,
            services: Vec::new(),
            awaited: Default::default(),
            in_handshake: true,
            frames: Vec::new(),
            interface_is_up: false,
            is_gone: false,
            host_sleeps: false,
        };
        bench.drain();
        bench
    }

    pub(crate) fn request(&mut self, request: Request) -> u64 {
        self.ticket += 1;
        match request {
            Request::HostSleep => self.host_sleeps = true,
            Request::HostDidWake => self.host_sleeps = false,
            _ => {}
        }
        self.open.insert(self.ticket, request.clone());
        self.host.request(Ticket(self.ticket), request);
        self.drain();
        self.ticket
    }

    /// The oldest client that still waits is gone.
    pub(crate) fn leave(&mut self) {
        if let Some((&ticket, _)) = self.open.iter().next() {
            self.cancel(ticket);
        }
    }

    pub(crate) fn cancel(&mut self, ticket: u64) {
        self.open.remove(&ticket);
        self.host.cancel(Ticket(ticket));
        self.drain();
    }

    /// A frame from the co-processor.
    pub(crate) fn deliver(&mut self, frame: &[u8]) {
        assert!(
            self.host.has_room(),
            "answers are taken, and there is no room"
        );
        if frame[1] == 6 || frame[1] == 7 || frame[1] == 8 {
            self.awaited[usize::from(frame[0] & 15)] = None;
        }
        self.host.deliver(frame);
        self.drain();
    }

    /// Answers everything and tells everything, until nothing is left.
    pub(crate) fn serve(&mut self) {
        for _ in 0..2_000 {
            let frame = match self.coprocessor.answer() {
                Some(frame) => frame,
                None => match self.coprocessor.told.pop_front() {
                    Some(frame) => frame,
                    None => return,
                },
            };
            self.deliver(&frame);
        }
        panic!("questions without end");
    }

    /// Time, through every timer on the way; what is asked is answered, or not.
    pub(crate) fn pass(&mut self, duration: Duration, serves: bool) {
        let end = self.now + duration;
        for _ in 0..20_000 {
            if serves {
                self.serve();
            }
            let due = self.host.poll_timeout().filter(|due| *due <= end);
            self.tick(due.unwrap_or(end));
            if due.is_none() {
                return;
            }
        }
        panic!("time does not go on");
    }

    /// To the next timer.
    pub(crate) fn deadline(&mut self) {
        if let Some(due) = self.host.poll_timeout() {
            self.tick(due);
        }
    }

    /// A timer that has come does something, and is gone then.
    fn tick(&mut self, to: Instant) {
        self.now = self.now.max(to);
        for _ in 0..16 {
            self.host.handle_time(self.now);
            self.drain();
            if self.host.poll_timeout().map_or(true, |due| due > self.now) {
                return;
            }
        }
        panic!("it spins: {:?} at {:?}", self.host.poll_timeout(), self.now);
    }

    pub(crate) fn lose_transport(&mut self) {
        self.host.transport_lost();
        self.is_gone = true;
        self.coprocessor.miss();
        self.drain();
    }

    pub(crate) fn open_transport(&mut self) {
        self.is_gone = false;
        self.host.transport_opened();
        self.drain();
    }

    pub(crate) fn service_done(&mut self, done: ServiceDone) {
        let is_of = |service: &Service| match done {
            ServiceDone::FirmwareChecked { .. } => matches!(service, Service::CheckFirmware { .. }),
            ServiceDone::Upgraded { .. } => *service == Service::Upgrade,
        };
        self.services.retain(|service| !is_of(service));
        self.host.service_done(done);
        self.drain();
    }

    /// Everything that the host wants, which has bounds.
    fn drain(&mut self) {
        self.take_frames();
        if self.host.take_reset_request() && !self.is_gone {
            self.coprocessor.restart(0x71);
        }
        while let Some((Ticket(ticket), answer)) = self.host.poll_answer() {
            assert!(
                self.open.contains_key(&ticket),
                "an answer after the end, or to one who left: {ticket}: {answer:?}"
            );
            if matches!(answer, Answer::Done | Answer::Failed(_)) {
                self.open.remove(&ticket);
                self.last_end = Some((ticket, answer));
            }
        }
        while self.host.poll_event().is_some() {}
        while let Some(service) = self.host.poll_service() {
            match service {
                Service::CheckFirmware { .. } => self.services.push(service),
                Service::Upgrade => {
                    self.coprocessor.replace();
                    self.services.push(service);
                }
                Service::Retain(_) | Service::Forget => {}
            }
            assert!(self.services.len() <= 8, "services without end");
        }
        let mut changes = 0;
        while let Some(change) = self.host.poll_change() {
            if let Change::Up(up) = change {
                self.interface_is_up = up;
                self.host.kernel(kernel::Event::Up(up));
            }
            changes += 1;
            assert!(changes < 100, "changes without end");
        }
        self.take_frames();
    }

    fn take_frames(&mut self) {
        for _ in 0..16 {
            let Some(frame) = self.host.next_frame() else {
                self.check();
                return;
            };
            let frame = frame.to_vec();
            self.note(&frame);
            if !self.is_gone {
                self.coprocessor.take(&frame);
            }
            self.frames.push(frame);
        }
        panic!("frames without end");
    }

    /// What is so with every frame.
    fn note(&mut self, frame: &[u8]) {
        assert_ne!(
            self.host.known().state,
            State::Upgrading,
            "{frame:02X?} while the firmware is replaced"
        );
        let begins = *frame == FIRST_QUESTION;
        if begins || frame[1] == 1 {
            self.awaited = Default::default();
            self.in_handshake = true;
        } else if self.in_handshake {
            // The last question, but for those that a capability brings.
            self.in_handshake = frame[1..] != LAST_QUESTION;
        }
        let tid = usize::from(frame[0] & 15);
        if tid == 0 {
            return;
        }
        // The same once more is a repetition.
        let is_free = |(sent, what): &(Instant, Vec<u8>)| {
            what == frame || self.now >= *sent + Duration::from_secs(5)
        };
        assert!(
            self.awaited[tid].as_ref().map_or(true, is_free),
            "{frame:02X?}: its TID is in use"
        );
        self.awaited[tid] = Some((self.now, frame.to_vec()));
    }

    /// What is so at any time.
    fn check(&self) {
        let state = self.host.known().state;
        assert!(
            !(state.is_initialized() && self.in_handshake),
            "{state} before the handshake is over"
        );
        let young = |(sent, _): &&(Instant, Vec<u8>)| self.now < *sent + Duration::from_secs(5);
        let awaited = self.awaited.iter().flatten().filter(young).count();
        let limit = if self.in_handshake { 1 } else { 8 };
        assert!(awaited <= limit, "{awaited} commands outstanding: {state}");
    }
}

const FIRST_QUESTION: [u8; 3] = [0x81, 2, 1];
/// THREAD_RLOC16, 5377.
const LAST_QUESTION: [u8; 3] = [2, 0x81, 0x2A];
