//! The services that the host asks the shell for: commands that look after the firmware, and the
//! credentials that outlive a factory reset. One command at a time, in the order that they were asked for.

use crate::config::{self, Retain};
use crate::ctl::request::UPGRADE_MAX;
use crate::host::{Service, ServiceDone};
use crate::io::child::{Child, Output};
use crate::io::{retain, Io, Source};
use crate::time::{Duration, Instant};
use std::collections::VecDeque;
use std::io;

pub(super) struct Services<'c> {
    config: &'c config::Host,
    waiting: VecDeque<Service>,
    running: Option<(Child, Kind)>,
    done: VecDeque<ServiceDone>,
}

/// Which command runs, and so whom its end concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Check,
    Upgrade,
    Retain,
}

impl<'c> Services<'c> {
    pub(super) fn new(config: &'c config::Host) -> Self {
        Services {
            config,
            waiting: VecDeque::new(),
            running: None,
            done: VecDeque::new(),
        }
    }

    /// What was kept of the network.
    pub(super) fn recall(&self) -> Option<Vec<u8>> {
        let kept = retain::recall(self.config.retain.as_ref()?);
        kept.unwrap_or_else(|error| {
            log::error!("the retained credentials cannot be read and are not used: {error}");
            None
        })
    }

    pub(super) fn add(&mut self, service: Service) {
        if self.waiting.len() >= WAITING_MAX {
            log::error!("{service:?} is not done: {WAITING_MAX} others wait already");
            return;
        }
        self.waiting.push_back(service);
    }

    /// Starts what can be started. An upgrade waits until the device `is_released`.
    pub(super) fn start(&mut self, is_released: bool, io: &Io, now: Instant) {
        while self.running.is_none() {
            match self.waiting.front() {
                None => return,
                Some(Service::Upgrade) if !is_released => return,
                Some(_) => {}
            }
            if let Some(service) = self.waiting.pop_front() {
                self.serve(service, io, now);
            }
        }
    }

    /// When [`Services::poll_done`] has something to do.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if !self.done.is_empty() {
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
                    told("kept in", path, retain::save(path, &dataset));
                }
                Some(Retain::Command(command)) => {
                    self.spawn(Kind::Retain, Some(command), &dataset, "save", io, now);
                }
                None => {}
            },
            Service::Forget => match &self.config.retain {
                Some(Retain::File(path)) => told("removed from", path, retain::forget(path)),
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
            Kind::Check => ("firmware check", CHECK_LIMIT),
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

/// A host asks for one or two at a time.
const WAITING_MAX: usize = 8;

/// A command that looks at a version, or stores 254 octets.
const CHECK_LIMIT: Duration = Duration::from_secs(30);
