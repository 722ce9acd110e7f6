//! The turn of the host driver: a co-processor below, a network interface above, control clients and
//! the kernel beside.
//!
//! It is the translator's turn with [`Host`] as the face: packets are read from and written to the TUN
//! where the translator reads and writes a pty. What else the host wants done outside (answers, addresses,
//! commands to run) is handed out after each step.

mod carrier;
mod services;

use super::alive::Alive;
use super::{
    after, announce, confine, heed, start, warn_of, Clock, Counted, Error, Flow, ROUNDS, TURN_MAX,
};
use crate::bridge::{Step, Upper};
use crate::config::{Config, Device, Face};
use crate::ctl::{Answer, Field, Fields, Request, Ticket};
use crate::host::{self, netif, Host};
use crate::io::control::{self, Control};
use crate::io::log::{clear_lost, lost, LOST_LABEL};
use crate::io::netlink::Netlink;
use crate::io::signal::{Received, Signals};
use crate::io::tun::{self, Tun};
use crate::io::{privileges, Io, Source};
use crate::time::{earliest, Instant};
use carrier::{Carrier, Seen};
use services::Services;
use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

pub(super) fn run(config: &Config, clock: Clock, io: Io, signals: Signals) -> Result<(), Error> {
    let mut driver = Driver::open(config, clock, io, signals)?;
    let result = driver.run();
    driver.alive.stopping();
    driver.carrier.release_reset(driver.clock.now());
    result
}

struct Driver<'c> {
    config: &'c Config,
    clock: Clock,
    io: Io,
    signals: Signals,
    host: Host,
    carrier: Carrier,
    tun: Tun,
    netlink: Netlink,
    control: Option<Control>,
    services: Services<'c>,
    /// The last turn ended with work left that neither an event nor a deadline announces.
    again: bool,
    alive: Alive,
    /// Packets that the interface did not take: it was down.
    refused: u64,
    /// How often in a row the link had failed when the host was told why.
    seen: Seen,
    /// A signal told so before the loop began.
    is_ended: bool,
}

impl<'c> Counted for Driver<'c> {
    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        self.own_counters(print);
        self.host.counters(print);
    }

    fn clear_counters(&mut self) {
        self.clear_own_counters();
        self.host.clear_counters();
    }
}

impl<'c> Driver<'c> {
    /// Opens everything, and gives up the rights that this took before any command is run.
    fn open(config: &'c Config, clock: Clock, io: Io, mut signals: Signals) -> Result<Self, Error> {
        let now = clock.now();
        let tun = Tun::open(&interface(&config.face)).map_err(Error::Tun)?;
        let netlink = Netlink::open(tun.name()).map_err(Error::Netlink)?;
        let mut control = open_control(config, tun.name())?;
        // A command is started like all others, with the user's rights.
        let open_carrier = || Carrier::open(config, &clock, &io);
        let carrier = match config.device {
            Device::System(_) => None,
            _ => Some(open_carrier()?),
        };
        let mut services = Services::new(&config.host);
        let mut settings = host_settings(config).map_err(start("/dev/urandom"))?;
        io.watch(tun.fd(), Source::Input)
            .and_then(|()| io.watch(netlink.fd(), Source::Netlink))
            .map_err(start("epoll"))?;
        if let Some(control) = &control {
            io.watch(control.fd(), Source::Control)
                .map_err(start("epoll"))?;
        }
        if let Some(link) = carrier.as_ref().and_then(Carrier::link) {
            warn_of(config, link);
            announce(config);
        }
        log::info!("{} is {}", config.device, tun.name());
        let alive = Alive::from_env();
        give_up_rights(config, tun.name(), control.as_mut(), &mut services)?;
        let carrier = carrier.map_or_else(open_carrier, Ok)?;
        settings.has_hardware_reset = carrier.has_hardware_reset();
        // With the rights and below the root with which it is saved.
        let mut received = Received::default();
        settings.retained = services.recall(&mut || {
            received = signals.drain();
            received.end.is_some()
        });
        let mut driver = Driver {
            config,
            clock,
            io,
            signals,
            host: Host::new(settings, now),
            carrier,
            tun,
            netlink,
            control,
            services,
            again: false,
            alive,
            refused: 0,
            seen: Seen::new(silence(&config.device)),
            is_ended: after(&received) == Flow::End,
        };
        driver.miss_transport();
        driver.netlink.refresh_groups();
        // What came before we watched made no edge.
        driver.io.ready.input = true;
        driver.io.ready.netlink = true;
        driver.io.ready.control = true;
        Ok(driver)
    }

    fn run(&mut self) -> Result<(), Error> {
        while !self.is_ended && self.turn()? == Flow::Continue {}
        log::info!("ending; the co-processor keeps its network");
        Ok(())
    }

    fn turn(&mut self) -> Result<Flow, Error> {
        self.wait().map_err(Error::Lost)?;
        if self.handle_signals() == Flow::End {
            return Ok(Flow::End);
        }
        let start = self.clock.now();
        let mut now = start;
        self.again = true;
        for _ in 0..ROUNDS {
            self.host.handle_time(now);
            self.serve_control();
            self.serve_kernel();
            self.read_packets()?;
            let step = self.step(now)?;
            self.write_packets()?;
            self.carrier.diagnose(&mut self.seen, &mut self.host, now);
            let was_served = self.serve_services(now)?;
            self.hand_out();
            // What a service brought about may be a frame, and the carrier had its turn before.
            if step == Step::Idle && !was_served && !self.can_go_on(now) {
                self.again = false;
                break;
            }
            now = self.clock.now();
            if now.since(start) >= TURN_MAX {
                break;
            }
        }
        let is_ready = self.host.known().state.is_initialized() || !self.config.ready_when_up;
        self.alive.tell(now, is_ready);
        Ok(Flow::Continue)
    }

    /// Sleeps until something is ready or due.
    fn wait(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let timeout = match self.again || self.can_go_on(now) {
            true => Some(Duration::ZERO),
            false => self.deadline().map(|at| at.since(now)),
        };
        self.io.wait(timeout)
    }

    fn deadline(&self) -> Option<Instant> {
        [
            self.host.poll_timeout(),
            self.carrier.poll_timeout(&self.seen, &self.host),
            self.services.poll_timeout(self.carrier.is_released()),
            self.alive.due(),
        ]
        .into_iter()
        .fold(None, earliest)
    }

    /// Whether there is work that no event will announce.
    fn can_go_on(&mut self, now: Instant) -> bool {
        let ready = self.io.ready;
        ready.input && !self.host.input().is_empty()
            || ready.output && !self.host.output().is_empty()
            || ready.control
            || ready.netlink
            || self.host.wants_shell()
            || self.carrier.can_go_on(&ready, &self.host)
            || self.deadline().is_some_and(|at| at <= now)
    }

    fn handle_signals(&mut self) -> Flow {
        if !core::mem::take(&mut self.io.ready.signal) {
            return Flow::Continue;
        }
        let received = self.signals.drain();
        self.io.ready.child |= received.child;
        heed(&received, self)
    }

    /// What is counted here and below, which the host knows nothing of.
    fn own_counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        self.carrier.counters(print);
        print(LOST_LABEL, lost());
        print("packets that the interface did not take", self.refused);
    }

    fn clear_own_counters(&mut self) {
        self.carrier.clear_counters();
        clear_lost();
        self.refused = 0;
    }

    /// Takes requests from the control clients, and writes what waits for them.
    fn serve_control(&mut self) {
        if !core::mem::take(&mut self.io.ready.control) {
            return;
        }
        let Some(control) = &mut self.control else {
            return;
        };
        let host = &mut self.host;
        let mut counters = Vec::new();
        self.io.ready.control = control.turn(&mut |ticket, request| {
            if let Request::Counters { clear } = request {
                counters.push((ticket, clear));
            }
            host.request(ticket, request);
        });
        while let Some(ticket) = control.take_cancelled() {
            host.cancel(ticket);
        }
        for (ticket, clear) in counters {
            match clear {
                true => self.clear_own_counters(),
                false => self.answer_counters(ticket),
            }
        }
    }

    /// Adds our rows to the host's answer, which comes after them.
    fn answer_counters(&mut self, ticket: Ticket) {
        let mut rows = Vec::new();
        self.own_counters(&mut |name, value| {
            rows.push(
                Fields::new()
                    .with("name", Field::text(name))
                    .with("value", i64::try_from(value).unwrap_or(i64::MAX)),
            );
        });
        if let Some(control) = &mut self.control {
            for row in rows {
                control.answer(ticket, &Answer::Row(row));
            }
        }
    }

    /// Tells the host what became of the interface.
    fn serve_kernel(&mut self) {
        if self.host.take_groups_changed() {
            self.netlink.refresh_groups();
            self.io.ready.netlink = true;
        }
        if core::mem::take(&mut self.io.ready.netlink) {
            while let Some(event) = self.netlink.poll_event() {
                self.host.kernel(event);
            }
        }
    }

    fn read_packets(&mut self) -> Result<(), Error> {
        let tun = &self.tun;
        read_packets(&mut self.host, &mut self.io.ready.input, |space| {
            tun.read(space)
        })
        .map_err(Error::Interface)
    }

    fn write_packets(&mut self) -> Result<(), Error> {
        while self.io.ready.output {
            let packet = self.host.output();
            if packet.is_empty() {
                break;
            }
            match self.tun.write(packet) {
                Ok(taken) => {
                    self.refused += u64::from(!taken);
                    let len = packet.len();
                    self.host.output_written(len);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.io.ready.output = false;
                    self.io
                        .watch_room(self.tun.fd(), Source::Input, true)
                        .map_err(Error::Interface)?;
                }
                Err(error) => return Err(Error::Interface(error)),
            }
        }
        Ok(())
    }

    fn step(&mut self, now: Instant) -> Result<Step, Error> {
        self.carrier
            .step(&mut self.host, &mut self.io, &self.clock, now)
            .map_err(Error::Lost)
    }

    /// Whether the host was told of something that is done.
    fn serve_services(&mut self, now: Instant) -> Result<bool, Error> {
        while let Some(service) = self.host.poll_service() {
            if service == host::Service::Upgrade {
                self.carrier.close(now);
            }
            self.services.add(service);
        }
        let is_released = self.carrier.is_released();
        self.services.start(is_released, &self.io, now);
        let child = core::mem::take(&mut self.io.ready.child);
        let Some(done) = self.services.poll_done(child, now) else {
            return Ok(false);
        };
        if matches!(done, host::ServiceDone::Upgraded { .. }) {
            self.carrier.reopen(self.config, &self.clock, &self.io)?;
        }
        self.host.service_done(done);
        self.miss_transport();
        Ok(true)
    }

    /// Tells the host of a transport that has yet to be opened.
    fn miss_transport(&mut self) {
        if !self.carrier.is_open() {
            self.host.transport_lost();
        }
    }

    /// What the host has to say to the kernel and to the control clients.
    fn hand_out(&mut self) {
        while let Some(change) = self.host.poll_change() {
            self.netlink.apply(&change);
            // Its answer may have been read with another one's.
            self.io.ready.netlink = true;
        }
        // Whoever is told that a network was formed has seen the state that it brought.
        while let Some(event) = self.host.poll_event() {
            if let Some(control) = &mut self.control {
                control.event(&event);
            }
        }
        while let Some((ticket, answer)) = self.host.poll_answer() {
            if let Some(control) = &mut self.control {
                control.answer(ticket, &answer);
            }
        }
    }
}

/// Reads packets for the host while it takes them and `is_ready`, which an end of them clears.
fn read_packets(
    host: &mut Host,
    is_ready: &mut bool,
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
) -> io::Result<()> {
    // Packets that are dropped leave the space empty: a flood of them must not keep the loop.
    for _ in 0..PACKETS {
        let space = host.input();
        if !*is_ready || space.is_empty() {
            break;
        }
        match read(space) {
            Ok(n) => host.input_filled(n),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => *is_ready = false,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn interface(face: &Face) -> tun::Name {
    match face {
        Face::Tun { name: Some(name) } => tun::Name::Exactly(name.clone()),
        _ => tun::Name::Default,
    }
}

fn open_control(config: &Config, interface: &str) -> Result<Option<Control>, Error> {
    let wanted = &config.host.control;
    let Some(path) = wanted.path(interface) else {
        return Ok(None);
    };
    let settings = control::Settings {
        interface: interface.to_owned(),
        group: wanted.group.clone(),
        raw: wanted.raw,
    };
    let control = Control::open(&path, &settings).map_err(Error::Control)?;
    log::info!("the control socket is {}", path.display());
    Ok(Some(control))
}

fn give_up_rights(
    config: &Config,
    interface: &str,
    control: Option<&mut Control>,
    services: &mut Services<'_>,
) -> Result<(), Error> {
    let path = config.host.control.path(interface);
    let rules = confine::rules(config, None, path.as_deref());
    let account = config.host.user.as_ref();
    let root = config.host.chroot.as_deref();
    if let (Some(control), Some(_)) = (control, root) {
        control.leave_directory();
    }
    privileges::drop(account, root).map_err(Error::Privileges)?;
    if rules.is_some() {
        services.hold();
    }
    confine::enter(rules)
}

/// What to look at when nothing at all comes; on a bus the link knows better.
fn silence(device: &Device) -> Option<&'static str> {
    match device {
        Device::Serial { .. } => Some(
            "nothing comes from it: check its power, that RX and TX are crossed, the speed behind the port's \
             path, and that its firmware is an NCP for a serial port",
        ),
        Device::System(_) => Some(
            "the command says nothing: it is to speak Spinel in HDLC on its standard input and output",
        ),
        Device::Tcp(_) => Some(
            "nothing comes from it: check that this is the port of the co-processor, and that no other \
             program is connected to it",
        ),
        Device::Spi(_) | Device::Sim(_) => None,
    }
}

fn host_settings(config: &Config) -> io::Result<host::Settings> {
    let wanted = &config.host;
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(host::Settings {
        silence: silence(&config.device),
        can_renew: matches!(config.device, Device::Tcp(_)),
        reset_allowance: config.reset_pulse + config.reset_settle,
        auto_resume: wanted.auto_resume,
        retain: wanted.retain.is_some(),
        check_firmware: wanted.firmware.check.is_some(),
        has_upgrade_command: wanted.firmware.upgrade.is_some(),
        auto_upgrade: wanted.firmware.auto_upgrade,
        iid: wanted.iid,
        commissioning_port: wanted.commissioning_port,
        reapply: wanted.set.clone(),
        seed,
        netif: netif::Settings {
            slaac: wanted.slaac,
            publish_prefixes: wanted.publish_prefixes,
            skip_link_local: wanted.skip_link_local,
            show_rloc: wanted.show_rloc,
            routes: wanted.routes,
            default_route: wanted.default_route,
        },
        ..host::Settings::default()
    })
}

/// Packets that are read in a round, as long as none has to go to the co-processor.
const PACKETS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing has been heard of a network yet, so the host drops every packet at once.
    fn host() -> Host {
        Host::new(host::Settings::default(), Instant::from_millis(1_000))
    }

    #[test]
    fn a_flood_of_packets_that_are_dropped_ends_the_round() {
        let mut host = host();
        for _ in 0..3 {
            let (mut reads, mut is_ready) = (0, true);
            let flood = |space: &mut [u8]| {
                reads += 1;
                assert!(reads <= PACKETS, "the flood keeps the loop");
                space[..40].fill(0x60);
                Ok(40)
            };
            read_packets(&mut host, &mut is_ready, flood).unwrap();
            assert_eq!(reads, PACKETS);
            // No edge tells of the rest.
            assert!(is_ready);
        }
    }

    #[test]
    fn the_end_of_the_packets_is_remembered() {
        let (mut host, mut reads, mut is_ready) = (host(), 0, true);
        for _ in 0..3 {
            let nothing = |_: &mut [u8]| {
                reads += 1;
                Err(io::ErrorKind::WouldBlock.into())
            };
            read_packets(&mut host, &mut is_ready, nothing).unwrap();
        }
        assert_eq!((reads, is_ready), (1, false));
    }
}
