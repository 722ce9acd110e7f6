//! The Spinel host: what makes of a co-processor a network interface and a thing to manage.
//!
//! [`Host`] is a face of the bridge like the others ([`Upper`]): frames on one side, packets for a TUN
//! on the other. Beside them it takes requests and gives answers, events, changes for the kernel, and
//! services that only the shell can render. No descriptor and no clock here.
//!
//! | floor | what it knows |
//! | --- | --- |
//! | `session` | the handshake, resets, liveness, states, what is kept (protocol §7.2 to §7.4) |
//! | [`command`] | commands and their replies, tasks that run and wait (§7.4) |
//! | [`tasks`] | requests as [`script`]s |
//! | [`traffic`] | which packets pass, and their pace (§7.7, §7.9) |
//! | [`netif`] | addresses on both sides (§7.8) |
//! | `effects` | what the floors hand up, and whom it concerns |
//! | `receive` | what a frame from the co-processor says, and whom it concerns |
//! | `requests` | what a client asks for, and when |
//! | [`known`], [`kernel`], [`script`], [`failure`], `dataset`, `tlvs` | words that the floors share |
//!
//! # The turn
//!
//! [`Host::handle_time`] first: everything that happens afterwards happens at that time. Then any of the
//! other calls in any order. Each leaves the host with nothing to do but wait: for a frame, for a
//! request, or for [`Host::poll_timeout`].

pub mod command;
mod dataset;
mod effects;
mod events;
pub mod failure;
pub mod kernel;
pub mod known;
pub mod netif;
mod outbox;
mod random;
mod receive;
mod requests;
pub mod script;
mod session;
mod stats;
pub mod tasks;
mod tlvs;
pub mod traffic;

use crate::bridge::Upper;
use crate::ctl;
use crate::time::{Duration, Instant};
use crate::wire::ids::Property;
use command::run::Tasks;
use command::transact::Engine;
use command::Owner;
use known::Known;
use netif::Netif;
use outbox::Outbox;
use random::Random;
use requests::Requests;
use session::Session;
use stats::Stats;
use traffic::packet::{self, Sessions};
use traffic::slots::{self, Slots};

/// What the host is told at start.
#[derive(Clone)]
pub struct Settings {
    /// The transport can reset the co-processor by hardware ([`Upper::take_reset_request`]).
    pub has_hardware_reset: bool,
    /// What to look at where nothing at all comes from the co-processor, in one line.
    pub silence: Option<&'static str>,
    /// A transport that says nothing is closed and opened anew before it is given up
    /// ([`Host::take_renewal_request`]).
    pub can_renew: bool,
    /// Begin with a reset. Without it, a stack that runs is kept.
    pub reset_at_start: bool,
    /// How much longer than 5 s a reset may take (protocol §7.3): the pulse on RES and what the board
    /// needs afterwards.
    pub reset_allowance: Duration,
    /// Attach at start where a network is stored.
    pub auto_resume: bool,
    /// Keep the network's credentials over a factory reset of the co-processor ([`Service::Retain`]).
    pub retain: bool,
    /// What was kept: the active dataset as TLVs.
    pub retained: Option<Vec<u8>>,
    /// A command that checks the firmware's version is configured ([`Service::CheckFirmware`]).
    pub check_firmware: bool,
    /// A command that replaces the firmware is configured ([`Service::Upgrade`]).
    pub has_upgrade_command: bool,
    /// Replace the firmware without being asked to, where the check or a failure says so.
    pub auto_upgrade: bool,
    /// The interface of the co-processor that is spoken to, 0..=3 (protocol §1.1).
    pub iid: u8,
    /// The port whose insecure traffic passes while devices may join, where a request names none.
    pub commissioning_port: u16,
    /// Properties that are set in each start-up, with their packed values, in this order.
    pub reapply: Vec<(Property, Vec<u8>)>,
    /// Random octets, from the operating system: keys are made of them.
    pub seed: [u8; 32],
    /// How addresses are kept in step.
    pub netif: netif::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            has_hardware_reset: false,
            silence: None,
            can_renew: false,
            reset_at_start: false,
            reset_allowance: Duration::ZERO,
            auto_resume: true,
            retain: false,
            retained: None,
            check_firmware: false,
            has_upgrade_command: false,
            auto_upgrade: true,
            iid: 0,
            commissioning_port: COMMISSIONING_PORT,
            reapply: Vec::new(),
            seed: [0; 32],
            netif: netif::Settings::default(),
        }
    }
}

/// What only the shell can do.
#[derive(Clone, PartialEq, Eq)]
pub enum Service {
    /// Run the command that checks the firmware, with this version on its standard input; answer with
    /// [`ServiceDone::FirmwareChecked`] (protocol §7.12).
    CheckFirmware {
        /// NCP_VERSION.
        version: String,
    },
    /// Close the transport, run the command that replaces the firmware, open the transport again;
    /// answer with [`ServiceDone::Upgraded`].
    Upgrade,
    /// Store these credentials; they come back as [`Settings::retained`].
    Retain(Vec<u8>),
    /// Forget what was stored.
    Forget,
}

impl core::fmt::Debug for Service {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Service::CheckFirmware { version } => write!(f, "CheckFirmware({version:?})"),
            Service::Upgrade => f.write_str("Upgrade"),
            // Keys have no place in a log.
            Service::Retain(tlvs) => write!(f, "Retain({} octets)", tlvs.len()),
            Service::Forget => f.write_str("Forget"),
        }
    }
}

/// How a service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceDone {
    /// Of [`Service::CheckFirmware`].
    FirmwareChecked {
        /// The command ended with 0: the firmware is to be replaced.
        upgrade: bool,
    },
    /// Of [`Service::Upgrade`].
    Upgraded {
        /// The command ended with 0.
        ok: bool,
    },
}

/// The host of one co-processor.
pub struct Host {
    settings: Settings,
    now: Instant,
    engine: Engine<Owner>,
    session: Session,
    tasks: Tasks,
    requests: Requests,
    netif: Netif,
    /// A command of `netif` is on its way.
    netif_waits: bool,
    sessions: Sessions,
    slots: Slots,
    outbox: Outbox,
    random: Random,
    groups_changed: bool,
    stats: Stats,
}

impl Host {
    /// A host that begins with the handshake. Its co-processor may have been up for days.
    pub fn new(settings: Settings, now: Instant) -> Host {
        let mut host = Host {
            engine: Engine::new(settings.iid),
            session: Session::new(&settings, now),
            tasks: Tasks::default(),
            requests: Requests::default(),
            netif: Netif::new(settings.netif),
            netif_waits: false,
            sessions: Sessions::new(),
            slots: Slots::new(settings.iid),
            outbox: Outbox::default(),
            random: Random::new(settings.seed),
            groups_changed: false,
            stats: Stats::default(),
            settings,
            now,
        };
        host.sessions.set_now(now);
        host.with_session(Session::begin);
        host
    }

    /// Sets the clock and does what is due. To be called once in each turn, before anything else.
    pub fn handle_time(&mut self, now: Instant) {
        self.now = self.now.max(now);
        self.sessions.set_now(self.now);
        self.netif.set_now(self.now);
        self.expire_commands();
        self.with_session(Session::startup_time);
        self.with_session(Session::watch_time);
        self.with_tasks(Tasks::handle_time);
        self.permit_time();
        self.drive();
    }

    /// When [`Host::handle_time`] has something to do. Every call changes it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [
            self.engine.poll_timeout(),
            self.session.startup_timeout(),
            self.session.watch_timeout(self.engine.is_idle()),
            self.tasks.poll_timeout(),
            self.slots.poll_timeout(self.now),
            self.permit_timeout(),
            self.netif_timeout(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The next answer, and which request it belongs to. While many wait, nothing is taken from the
    /// co-processor.
    pub fn poll_answer(&mut self) -> Option<(ctl::Ticket, ctl::Answer)> {
        self.outbox.poll_answer()
    }

    /// The next event, for every client that monitors. Those that nobody takes are lost, the oldest
    /// first, and counted.
    pub fn poll_event(&mut self) -> Option<ctl::Event> {
        self.outbox.poll_event()
    }

    /// The kernel told something of the interface.
    pub fn kernel(&mut self, event: kernel::Event) {
        self.netif.kernel(event);
        self.drive();
    }

    /// What is to be changed in the kernel next.
    pub fn poll_change(&mut self) -> Option<kernel::Change> {
        self.netif.poll_change()
    }

    /// Whether somebody on this host may have joined or left a group since the last call: the kernel
    /// tells of it by its reports on the interface only, so it is worth a look.
    pub fn take_groups_changed(&mut self) -> bool {
        core::mem::take(&mut self.groups_changed)
    }

    /// Whether something waits for the shell that only a turn of it takes: a service, or a look at groups.
    pub fn wants_shell(&self) -> bool {
        self.groups_changed || self.outbox.has_service()
    }

    /// Whether the transport is to be closed and opened anew, since nothing comes from it.
    pub fn take_renewal_request(&mut self) -> bool {
        self.session.take_renewal_request()
    }

    /// What the shell is to do next.
    pub fn poll_service(&mut self) -> Option<Service> {
        self.outbox.poll_service()
    }

    /// The shell did what it was asked for.
    pub fn service_done(&mut self, done: ServiceDone) {
        self.with_session(|session, ground| session.service_done(ground, done));
        self.drive();
    }

    /// The transport was lost, like a serial port that was unplugged: nothing is asked, and nothing is
    /// held against the co-processor, until [`Host::transport_opened`].
    pub fn transport_lost(&mut self) {
        self.with_session(Session::transport_lost);
    }

    /// The transport is there again. What the co-processor did meanwhile is not known.
    pub fn transport_opened(&mut self) {
        self.with_session(Session::transport_opened);
    }

    /// What stands in the way of frames, as the transport sees it, or nothing any more. `is_certain`: waiting
    /// changes nothing. True if it is new.
    pub fn set_diagnosis(&mut self, diagnosis: Option<&str>, is_certain: bool) -> bool {
        self.with_session(|session, ground| session.set_diagnosis(ground, diagnosis, is_certain))
    }

    /// What is known of the co-processor.
    pub fn known(&self) -> &Known {
        &self.session.known
    }

    /// Goes on with everything that can go on.
    fn drive(&mut self) {
        self.with_session(Session::continue_startup);
        self.serve_bystanders();
        if !self.session.is_ready() {
            return;
        }
        self.serve_requests();
        self.with_session(Session::serve_refresh);
        if let Some(script) = self.session.fetch_to_keep(self.settings.retain) {
            self.spawn_own(script);
        }
        self.serve_netif();
    }
}

impl Upper for Host {
    fn has_room(&self) -> bool {
        self.slots.has_room() && self.outbox.has_room()
    }

    fn deliver(&mut self, frame: &[u8]) {
        self.receive(frame);
    }

    fn slave_was_reset(&mut self) {
        self.with_session(Session::hint_of_reset);
    }

    fn next_frame(&mut self) -> Option<&[u8]> {
        if self.engine.has_frame() {
            return self.engine.next_frame(self.now);
        }
        if !self.slots.has_frame(self.now) {
            return None;
        }
        let tid = match self.slots.asks(self.now) {
            true => self
                .engine
                .lend(self.now, Owner::Packet, slots::REPLY_WITHIN)?,
            false => 0,
        };
        self.slots.next_frame(self.now, tid)
    }

    fn take_reset_request(&mut self) -> bool {
        self.session.take_reset_request()
    }

    /// Room for one packet from the TUN; empty while one waits or the host is about to sleep.
    fn input(&mut self) -> &mut [u8] {
        if self.requests.host_sleeps() {
            return &mut [];
        }
        self.slots.input()
    }

    fn input_filled(&mut self, n: usize) {
        let path = packet::Path {
            state: self.session.known.state,
            joining: self.tasks.is_joining(),
            netif: &self.netif,
        };
        match packet::outbound(self.slots.packet(n), &path, &mut self.sessions) {
            Ok(stream) => self.slots.submit(n, stream),
            Err(why) => {
                self.groups_changed |= why == packet::Dropped::MldReport;
                self.stats.dropped(why);
            }
        }
    }

    /// The first packet for the TUN, whole.
    fn output(&self) -> &[u8] {
        self.slots.output()
    }

    fn output_written(&mut self, _n: usize) {
        self.slots.written();
    }

    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        self.print_counters(print);
    }

    fn clear_counters(&mut self) {
        self.stats = Stats::default();
        self.outbox.events_lost = 0;
        self.slots.clear_counters();
        self.engine.clear_stats();
    }
}

/// Protocol §7.7.
const COMMISSIONING_PORT: u16 = 5684;
