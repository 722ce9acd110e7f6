//! The turn of the translator: a link below, a client above.

use super::alive::Alive;
use super::{
    after, announce, confine, print_counter, reset_at_exit, settings, start, Clock, Error, Flow,
    OpenDevice, ROUNDS, TURN_MAX,
};
use crate::bridge::{Bridge, Step, Upper};
use crate::bus::Bus;
use crate::config::{Config, Face};
use crate::io::client::{Client, Read, Write};
use crate::io::log::{clear_lost, lost, LOST_LABEL};
use crate::io::pty::Pty;
use crate::io::signal::Signals;
use crate::io::stdio::Stdio;
use crate::io::{Io, Source};
use crate::link::Link;
use crate::time::{earliest, Instant};
use crate::{hdlc, raw};
use std::io::{self, Write as _};
use std::time::Duration;

pub(super) fn run(
    config: &Config,
    device: OpenDevice,
    clock: Clock,
    mut io: Io,
    mut signals: Signals,
) -> Result<(), Error> {
    if let Some(fd) = device.interrupt_fd {
        io.watch(fd, Source::Interrupt)
            .map_err(start("INT events"))?;
    }
    let has_reset = device.bus.has_reset();
    let (client, upper) = match open_client(config, has_reset, &mut io) {
        // Whoever started us hung up meanwhile: that is no failure.
        Err(_) if signals.drain().end.is_some() => return Ok(()),
        result => result?,
    };
    let link = Link::new(settings(config, &device), clock.now());
    announce(config, &link);
    let pty = match &client {
        Client::Pty(pty) => Some(pty),
        _ => None,
    };
    let rules = confine::rules(config, pty.map(Pty::name), None);
    if let Some(pty) = pty {
        announce_pty(pty);
    }
    let mut turn = Turn {
        clock,
        io,
        signals,
        client,
        bridge: Bridge {
            bus: device.bus,
            link,
            upper,
        },
        again: false,
        ending: None,
        client_lost: None,
        wants_room: false,
        alive: Alive::from_env(),
        ready_when_up: config.ready_when_up,
    };
    confine::enter(rules)?;
    let result = turn.run();
    turn.alive.stopping();
    reset_at_exit(config, &turn.bridge.link, &mut turn.bridge.bus, &clock);
    result.map_err(Error::Lost)?;
    match turn.client_lost {
        Some((what, source)) => Err(Error::Client { what, source }),
        None => Ok(()),
    }
}

fn open_client(
    config: &Config,
    has_reset: bool,
    io: &mut Io,
) -> Result<(Client, Box<dyn Upper>), Error> {
    let (client, upper) = open_face(&config.face, has_reset)?;
    client
        .register(io)
        .map_err(start("the client's descriptor"))?;
    Ok((client, upper))
}

fn open_face(face: &Face, has_reset: bool) -> Result<(Client, Box<dyn Upper>), Error> {
    let stdio = start("standard input and output");
    let port = || Box::new(hdlc::Port::new().with_reset_line(has_reset));
    Ok(match face {
        Face::Pty { link } => {
            let pty = Pty::open(link.as_deref()).map_err(Error::Pty)?;
            (Client::Pty(pty), port())
        }
        Face::Stdio => (Client::Stream(Stdio::stream().map_err(stdio)?), port()),
        Face::Raw { mtu } => (
            Client::Frames(Stdio::frames().map_err(stdio)?),
            Box::new(raw::Port::new(*mtu)),
        ),
        // The host driver has a turn of its own.
        Face::Tun { .. } => return Err(stdio(io::ErrorKind::Unsupported.into())),
    })
}

/// Prints the pty's name to standard output, for whoever waits for it.
fn announce_pty(pty: &Pty) {
    let name = pty.name().display();
    log::info!("the pty is {name}");
    let mut stdout = io::stdout().lock();
    // Whoever started us need not read it, or keep standard output open.
    let result = writeln!(stdout, "{name}").and_then(|()| stdout.flush());
    if let Err(error) = result {
        log::warn!("cannot print the pty's name to standard output: {error}");
    }
}

struct Turn {
    clock: Clock,
    io: Io,
    signals: Signals,
    client: Client,
    bridge: Bridge<Box<dyn Bus>, Box<dyn Upper>>,
    /// The last turn ended with work left that neither an event nor a deadline announces.
    again: bool,
    /// The input ended: what was on its way is finished first.
    ending: Option<Ending>,
    /// What could not be done with the client's descriptor, and why.
    client_lost: Option<(&'static str, io::Error)>,
    /// A write was blocked, and epoll was told to say when there is room.
    wants_room: bool,
    alive: Alive,
    /// READY not before the co-processor has answered.
    ready_when_up: bool,
}

/// The end of the input was read.
#[derive(Clone, Copy, Debug)]
struct Ending {
    /// When to end whatever is left: [`LINGER`] after the last progress.
    until: Instant,
    /// How many frames the co-processor had taken then.
    taken: u64,
}

impl Turn {
    fn run(&mut self) -> io::Result<()> {
        loop {
            if self.turn()? == Flow::End {
                return Ok(());
            }
        }
    }

    fn turn(&mut self) -> io::Result<Flow> {
        self.wait()?;
        if self.handle_signals() == Flow::End {
            return Ok(Flow::End);
        }
        let start = self.clock.now();
        let mut now = start;
        self.again = true;
        for _ in 0..ROUNDS {
            self.take_edges(now)?;
            if self.read(now) == Flow::End {
                return Ok(Flow::End);
            }
            let step = self.bridge.step(now)?;
            if self.bridge.link.wants_time() {
                // No system call: the kernel lets programs read the clock themselves.
                self.bridge.link.took(self.clock.now().since(now));
            }
            if self.write()? == Flow::End {
                return Ok(Flow::End);
            }
            if self.is_finished(now, step) {
                return Ok(Flow::End);
            }
            if step == Step::Idle && !self.can_go_on(now) {
                self.again = false;
                break;
            }
            now = self.clock.now();
            if now.since(start) >= TURN_MAX {
                break;
            }
        }
        let is_ready = self.bridge.link.is_up() || !self.ready_when_up;
        self.alive.tell(now, is_ready);
        Ok(Flow::Continue)
    }

    /// Sleeps until something is ready or due.
    fn wait(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let lingering = self.ending.map(|_| now + LINGER_STEP);
        let deadline = earliest(self.bridge.poll_timeout(), self.alive.due());
        let timeout = match self.again || self.can_go_on(now) {
            true => Some(Duration::ZERO),
            false => earliest(deadline, lingering).map(|at| at.since(now)),
        };
        self.io.wait(timeout)
    }

    /// Whether there is work that no event will announce.
    fn can_go_on(&mut self, now: Instant) -> bool {
        let can_read =
            self.io.ready.input && self.ending.is_none() && !self.bridge.upper.input().is_empty();
        let can_write = self.io.ready.output && !self.bridge.upper.output().is_empty();
        can_read || can_write || self.bridge.poll_timeout().is_some_and(|at| at <= now)
    }

    fn handle_signals(&mut self) -> Flow {
        if !core::mem::take(&mut self.io.ready.signal) {
            return Flow::Continue;
        }
        let received = self.signals.drain();
        if received.print {
            self.print_counters();
        }
        if received.clear {
            self.bridge.link.clear_stats();
            self.bridge.upper.clear_counters();
            clear_lost();
            log::info!("counters cleared");
        }
        after(&received)
    }

    fn print_counters(&self) {
        for (label, value) in self.bridge.link.stats().entries() {
            print_counter(label, value);
        }
        print_counter(LOST_LABEL, lost());
        self.bridge.upper.counters(&mut print_counter);
    }

    fn take_edges(&mut self, now: Instant) -> io::Result<()> {
        let due = self.bridge.bus.poll_timeout().is_some_and(|at| at <= now);
        if core::mem::take(&mut self.io.ready.interrupt) || due {
            self.bridge.take_edge(now)?;
        }
        Ok(())
    }

    /// Reads what the client sent, as far as there is room for it.
    fn read(&mut self, now: Instant) -> Flow {
        if core::mem::take(&mut self.io.ready.hint) {
            self.client.drain_hints();
            self.io.ready.input = true;
        }
        while self.io.ready.input && self.ending.is_none() {
            let space = self.bridge.upper.input();
            if space.is_empty() {
                self.notice_hangup();
                break;
            }
            let room = space.len();
            match self.client.read(space) {
                Ok(Read::Octets(n)) => {
                    self.bridge.upper.input_filled(n);
                    let all = n < room && self.client.short_read_is_all();
                    self.io.ready.input = !all || self.io.ready.input_closed;
                }
                Ok(Read::Blocked | Read::NoClient) => self.input_is_dry(),
                Ok(Read::End) => {
                    log::info!("end of input");
                    self.ending = Some(Ending {
                        until: now + LINGER,
                        taken: self.bridge.link.stats().frames_sent,
                    });
                }
                Err(error) => {
                    self.client_lost = Some(("read from", error));
                    return Flow::End;
                }
            }
            self.bridge.upper.set_client(self.client.is_there());
        }
        Flow::Continue
    }

    /// A client that went while both directions were full: nothing can be read before what it left
    /// unread is thrown away.
    fn notice_hangup(&mut self) {
        if self.io.ready.input_closed {
            self.client.notice_hangup();
            self.bridge.upper.set_client(self.client.is_there());
        }
    }

    fn input_is_dry(&mut self) {
        self.io.ready.input = false;
        self.io.ready.input_closed = false;
    }

    /// Writes what waits for the client, as far as it takes it.
    fn write(&mut self) -> io::Result<Flow> {
        if self.io.ready.output_closed {
            log::info!("the reader of standard output is gone");
            return Ok(Flow::End);
        }
        while self.io.ready.output {
            let octets = self.bridge.upper.output();
            if octets.is_empty() {
                break;
            }
            match self.client.write(octets) {
                Ok(Write::Octets(n)) => self.bridge.upper.output_written(n),
                Ok(Write::Blocked) => self.io.ready.output = false,
                Ok(Write::NoClient) => self.bridge.upper.set_client(false),
                Ok(Write::End) => {
                    log::info!("the reader of standard output is gone");
                    return Ok(Flow::End);
                }
                Err(error) => {
                    self.client_lost = Some(("write to", error));
                    return Ok(Flow::End);
                }
            }
        }
        let wants_room = !self.io.ready.output;
        if wants_room != self.wants_room {
            self.client.watch_room(&self.io, wants_room)?;
            self.wants_room = wants_room;
        }
        Ok(Flow::Continue)
    }

    /// After the end of the input: whether what was on its way has been finished, or took too long.
    fn is_finished(&mut self, now: Instant, step: Step) -> bool {
        let Some(ending) = &mut self.ending else {
            return false;
        };
        let link = &mut self.bridge.link;
        let taken = link.stats().frames_sent;
        if taken != ending.taken {
            // What was read before the end is bounded, so this comes to an end too.
            *ending = Ending {
                until: now + LINGER,
                taken,
            };
        }
        // More than one step's worth of frames may wait behind a link that is quiet.
        let done =
            step == Step::Idle && link.is_quiet(now) && self.bridge.upper.output().is_empty();
        let late = now >= ending.until;
        if late && link.vacant().is_none() {
            log::warn!("ending without all that the client sent: the co-processor did not take a frame for {LINGER:?}");
        }
        if late && !self.bridge.upper.output().is_empty() {
            log::warn!(
                "ending without all that was for the client: it did not read for {LINGER:?}"
            );
        }
        done || late
    }
}

/// After the end of the input, how long the co-processor may neither take a frame nor give an answer that is
/// due. Long for a co-processor (2 ms are usual), short for whoever waits for us to end (pyspinel does).
const LINGER: Duration = Duration::from_millis(500);

/// How often the end is looked for meanwhile.
const LINGER_STEP: Duration = Duration::from_millis(20);
