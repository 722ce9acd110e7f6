//! The services that the host asks the shell for: commands that look after the firmware, and the
//! credentials that outlive a factory reset. One command at a time, in the order that they were asked for.

use crate::config::{self, Retain};
use crate::ctl::request::UPGRADE_MAX;
use crate::host::{Service, ServiceDone};
use crate::io::child::{Child, Output};
use crate::io::retain::{self, Held};
use crate::io::{Io, Source};
use crate::time::{Duration, Instant};
use core::mem;
use std::collections::VecDeque;
use std::io;

pub(super) struct Services<'c> {
    config: &'c config::Host,
    /// The file of `--retain`, for who may open none later.
    held: Option<Held>,
    /// One of each kind at most.
    waiting: VecDeque<Service>,
    running: Option<(Child, Kind)>,
    done: VecDeque<ServiceDone>,
}

/// Which command runs, and so whom its end concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Check,
    /// Another check was asked for since.
    VoidCheck,
    Upgrade,
    Retain,
}

impl<'c> Services<'c> {
    pub(super) fn new(config: &'c config::Host) -> Self {
        Services {
            config,
            held: None,
            waiting: VecDeque::new(),
            running: None,
            done: VecDeque::new(),
        }
    }

    /// Opens the file of `--retain` while files can be opened.
    pub(super) fn hold(&mut self) {
        if let Some(Retain::File(path)) = &self.config.retain {
            match Held::open(path) {
                Ok(held) => self.held = Some(held),
                Err(error) => log::error!(
                    "{}: {error}: the network's credentials are neither recalled nor kept",
                    path.display()
                ),
            }
        }
    }

    /// What was kept of the network. `is_ended`: we are to end, so nothing is waited for.
    pub(super) fn recall(&mut self, is_ended: &mut dyn FnMut() -> bool) -> Option<Vec<u8>> {
        let kept = match &mut self.held {
            Some(held) => held.recall(),
            None => retain::recall(self.config.retain.as_ref()?, CHECK_LIMIT, is_ended),
        };
        kept.unwrap_or_else(|error| {
            log::error!("the retained credentials cannot be read and are not used: {error}");
            None
        })
    }

    /// Adds a service that the host wants; the same with other data, if it waits, is void. The host has
    /// also forgotten a check that it asked for before: its end would be taken for that of this one.
    pub(super) fn add(&mut self, service: Service) {
        let same = |other: &Service| mem::discriminant(other) == mem::discriminant(&service);
        self.waiting.retain(|waiting| !same(waiting));
        if matches!(service, Service::CheckFirmware { .. }) {
            let is_check = |done: &ServiceDone| matches!(done, ServiceDone::FirmwareChecked { .. });
            self.done.retain(|done| !is_check(done));
            if let Some((_, kind @ Kind::Check)) = &mut self.running {
                *kind = Kind::VoidCheck;
            }
        }
        self.waiting.push_back(service);
    }

    /// Starts what can be started. An upgrade waits until the device `is_released`.
    pub(super) fn start(&mut self, is_released: bool, io: &Io, now: Instant) {
        while self.can_start(is_released) {
            if let Some(service) = self.waiting.pop_front() {
                self.serve(service, io, now);
            }
        }
    }

    fn can_start(&self, is_released: bool) -> bool {
        let may_start = |service: &Service| is_released || *service != Service::Upgrade;
        self.running.is_none() && self.waiting.front().is_some_and(may_start)
    }

    /// When [`Services::start`] or [`Services::poll_done`] has something to do. What waits for the one that
    /// ends is due at that moment: no event tells of it.
    pub(super) fn poll_timeout(&self, is_released: bool) -> Option<Instant> {
        if !self.done.is_empty() || self.can_start(is_released) {
            return Some(Instant::ZERO);
        }
        self.running.as_ref()?.0.poll_timeout()
    }

    /// What has been done, if anything has. `wake`: a command may have ended.
    pub(super) fn poll_done(&mut self, wake: bool, now: Instant) -> Option<ServiceDone> {
        let (child, kind) = match &mut self.running {
            Some(running) => running,
            None => return self.done.pop_front(),
        };
        if wake || child.poll_timeout().is_some_and(|at| at <= now) {
            if let Some(finished) = child.try_finish(now) {
                let (kind, ok) = (*kind, finished.status.success());
                self.running = None;
                self.ended(kind, ok);
            }
        }
        self.done.pop_front()
    }

    fn serve(&mut self, service: Service, io: &Io, now: Instant) {
        let firmware = &self.config.firmware;
        match service {
            Service::CheckFirmware { version } => {
                let command = firmware.check.as_deref();
                self.spawn(Kind::Check, command, version.as_bytes(), "", io, now);
            }
            Service::Upgrade => {
                self.spawn(Kind::Upgrade, firmware.upgrade.as_deref(), &[], "", io, now);
            }
            Service::Retain(dataset) => match &self.config.retain {
                Some(Retain::File(path)) => {
                    let saved = match &mut self.held {
                        Some(held) => held.save(&dataset),
                        None => retain::save(path, &dataset),
                    };
                    told("kept in", path, saved);
                }
                Some(Retain::Command(command)) => {
                    self.spawn(Kind::Retain, Some(command), &dataset, "save", io, now);
                }
                None => {}
            },
            Service::Forget => match &self.config.retain {
                Some(Retain::File(path)) => {
                    let forgotten = match &mut self.held {
                        Some(held) => held.forget(),
                        None => retain::forget(path),
                    };
                    told("removed from", path, forgotten);
                }
                Some(Retain::Command(command)) => {
                    self.spawn(Kind::Retain, Some(command), &[], "forget", io, now);
                }
                None => {}
            },
        }
    }

    fn spawn(
        &mut self,
        kind: Kind,
        command: Option<&str>,
        stdin: &[u8],
        retain: &str,
        io: &Io,
        now: Instant,
    ) {
        let (name, limit) = match kind {
            Kind::Check | Kind::VoidCheck => ("firmware check", CHECK_LIMIT),
            Kind::Upgrade => ("firmware upgrade", UPGRADE_MAX),
            Kind::Retain => ("retain command", CHECK_LIMIT),
        };
        let env = [(retain::VARIABLE, retain)];
        let env = if retain.is_empty() { &env[..0] } else { &env };
        let spawned = command
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no command is configured"))
            .and_then(|command| Child::spawn(name, command, stdin, env, Output::Log, now, limit))
            .and_then(|child| io.watch(child.fd(), Source::Child).map(|()| child));
        match spawned {
            Ok(child) => {
                log::info!("{name}: started");
                self.running = Some((child, kind));
            }
            Err(error) => {
                log::error!("{name}: cannot be started: {error}");
                self.ended(kind, false);
            }
        }
    }

    fn ended(&mut self, kind: Kind, ok: bool) {
        match kind {
            Kind::Check => {
                let upgrade = ok;
                log::info!(
                    "firmware check: {}",
                    if upgrade {
                        "an upgrade is needed"
                    } else {
                        "the firmware stays"
                    }
                );
                self.done
                    .push_back(ServiceDone::FirmwareChecked { upgrade });
            }
            Kind::Upgrade => {
                if ok {
                    log::info!("firmware upgrade: done");
                } else {
                    log::error!("firmware upgrade: failed; see the lines of the command above");
                }
                self.done.push_back(ServiceDone::Upgraded { ok });
            }
            Kind::VoidCheck => log::info!("firmware check: asked for again meanwhile"),
            Kind::Retain if ok => {}
            Kind::Retain => {
                log::error!("the retain command failed: the credentials are not kept safe");
            }
        }
    }
}

fn told(what: &str, path: &std::path::Path, result: io::Result<()>) {
    match result {
        Ok(()) => log::info!("the network's credentials were {what} {}", path.display()),
        Err(error) => log::error!(
            "the network's credentials could not be {what} {}: {error}",
            path.display()
        ),
    }
}

/// A command that looks at a version, or stores 254 octets.
const CHECK_LIMIT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: &str) -> Service {
        Service::CheckFirmware {
            version: version.to_owned(),
        }
    }

    /// Whatever is done, until nothing runs or waits.
    fn ends(services: &mut Services<'_>, io: &Io) -> Vec<ServiceDone> {
        let mut done = Vec::new();
        let began = std::time::Instant::now();
        while services.running.is_some() || !services.waiting.is_empty() {
            assert!(began.elapsed().as_secs() < 60, "no end");
            services.start(true, io, Instant::ZERO);
            done.extend(services.poll_done(true, Instant::ZERO));
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        done
    }

    #[test]
    fn the_check_that_was_asked_for_last_counts() {
        let mut config = config::Host::default();
        config.firmware.check = Some("version=$(cat); sleep 0.1; [ $version = old ]".into());
        let (io, mut services) = (Io::new().expect("epoll"), Services::new(&config));
        services.add(check("old"));
        services.start(true, &io, Instant::ZERO);
        services.add(check("new"));
        let stays = ServiceDone::FirmwareChecked { upgrade: false };
        assert_eq!(ends(&mut services, &io), [stays]);
        // Its end was not fetched yet.
        services.done.push_back(stays);
        services.add(check("old"));
        let replace = ServiceDone::FirmwareChecked { upgrade: true };
        assert_eq!(ends(&mut services, &io), [replace]);
    }

    /// The end of a command and that of its output may come in one wake-up: nothing wakes us again.
    #[test]
    fn what_waits_for_the_end_of_another_is_due_with_that_end() {
        let config = config::Host {
            retain: Some(Retain::Command("true".into())),
            ..config::Host::default()
        };
        let (io, mut services) = (Io::new().expect("epoll"), Services::new(&config));
        services.add(Service::Retain(vec![1]));
        services.start(false, &io, Instant::ZERO);
        services.add(Service::Forget);
        assert!(services.poll_timeout(false) > Some(Instant::ZERO));
        let began = std::time::Instant::now();
        while services.running.is_some() {
            assert!(began.elapsed().as_secs() < 60, "no end");
            assert_eq!(services.poll_done(true, Instant::ZERO), None);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(services.poll_timeout(false), Some(Instant::ZERO));
        services.start(false, &io, Instant::ZERO);
        assert!(services.waiting.is_empty());
        // An upgrade is due when the device is free, not before.
        let mut services = Services::new(&config);
        services.add(Service::Upgrade);
        assert_eq!(services.poll_timeout(false), None);
        assert_eq!(services.poll_timeout(true), Some(Instant::ZERO));
    }

    #[test]
    fn much_that_is_to_be_kept_is_in_the_way_of_nothing() {
        let config = config::Host::default();
        let mut services = Services::new(&config);
        for octet in 0..100 {
            services.add(Service::Retain(vec![octet]));
        }
        services.add(check("new"));
        services.add(Service::Upgrade);
        services.add(Service::Retain(vec![100]));
        let last = [check("new"), Service::Upgrade, Service::Retain(vec![100])];
        assert_eq!(services.waiting, last);
    }
}
