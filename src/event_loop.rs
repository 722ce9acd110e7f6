//! The turn: wait, latch what is ready, read the clock, step, write, and wait again. The only place
//! that reads a clock (`check`, which runs no bridge, borrows it), and the only thread.

use crate::bridge::{Bridge, Step, Upper};
use crate::bus::{Bus, Line};
use crate::config::{Config, Device, Face};
use crate::io::client::{Client, Read, Write};
use crate::io::notify::Notify;
use crate::io::pty::Pty;
use crate::io::signal::Signals;
use crate::io::spi::SpiBus;
use crate::io::stdio::Stdio;
use crate::io::{pty, spi, Io, Source};
use crate::link::{Link, Settings};
use crate::time::{earliest, Instant};
use crate::trace::COUNTERS;
use crate::{hdlc, raw, sim};
use std::fmt;
use std::io::{self, Write as _};
use std::os::fd::RawFd;
use std::time::Duration;

/// Why the bridge ended against its will, or did not start. One line each, with the way out.
#[derive(Debug)]
pub enum Error {
    /// The bus device or one of its lines cannot be used.
    Bus(spi::OpenError),
    /// There is no pty.
    Pty(pty::OpenError),
    /// Something else that is needed cannot be had.
    Start {
        /// What.
        what: &'static str,
        /// What the system reported.
        source: io::Error,
    },
    /// The device went away while the bridge ran.
    Lost(io::Error),
}

impl Error {
    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Lost(_) => 1,
            Error::Bus(_) | Error::Pty(_) | Error::Start { .. } => 3,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Bus(error) => error.fmt(f),
            Error::Pty(error) => error.fmt(f),
            Error::Start { what, source } => write!(f, "cannot start: {what}: {source}"),
            Error::Lost(source) => {
                write!(
                    f,
                    "the device is gone ({source}): bind its driver again, then start me again"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

/// Runs the bridge until a signal, the end of its input, or the loss of its device ends it.
///
/// # Errors
/// [`Error`]; its message is for a person, its [`Error::exit_code`] for the system.
pub fn run(config: &Config) -> Result<(), Error> {
    let clock = Clock::start();
    let mut io = Io::new().map_err(start("no epoll"))?;
    let mut signals = Signals::catch().map_err(start("signals"))?;
    io.watch(signals.fd(), Source::Signal)
        .map_err(start("signals"))?;
    let device = open_device(config, &clock)?;
    if let Some(fd) = device.interrupt_fd {
        io.watch(fd, Source::Interrupt)
            .map_err(start("INT events"))?;
    }
    let (client, upper) = match open_client(config, &mut io) {
        // Whoever started us hung up meanwhile: that is no failure.
        Err(_) if signals.drain().end.is_some() => return Ok(()),
        result => result?,
    };
    let link = Link::new(settings(config, &device), clock.now());
    announce(config, &client, &link)?;
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
        ending: None,
        wants_room: false,
        notify: Notify::from_env(),
        ready: false,
        ready_when_up: config.ready_when_up,
        alive_at: Instant::ZERO,
        reset_at_exit: config.reset_at_start_and_exit,
        reset_pulse: config.reset_pulse,
    };
    let result = turn.run();
    turn.notify.stopping();
    turn.reset_at_exit();
    result.map_err(Error::Lost)
}

/// Real time as an [`Instant`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: std::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Clock {
            epoch: std::time::Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        EPOCH + self.epoch.elapsed()
    }
}

struct OpenDevice {
    bus: Box<dyn Bus>,
    interrupt_fd: Option<RawFd>,
    max_transfer: usize,
}

fn open_device(config: &Config, clock: &Clock) -> Result<OpenDevice, Error> {
    match &config.device {
        Device::Spi(path) => {
            let (interrupt, reset) = (config.interrupt.as_ref(), config.reset.as_ref());
            let bus = SpiBus::open(path, &config.spi, interrupt, reset).map_err(Error::Bus)?;
            Ok(OpenDevice {
                interrupt_fd: bus.interrupt_fd(),
                max_transfer: bus.max_transfer(),
                bus: Box::new(bus),
            })
        }
        Device::Sim(spec) => {
            let mut bus = sim::open(spec, clock.now());
            bus.configure(config.spi.mode, config.spi.speed_hz)
                .map_err(start("sim:"))?;
            Ok(OpenDevice {
                bus,
                interrupt_fd: None,
                max_transfer: usize::MAX,
            })
        }
    }
}

fn open_client(config: &Config, io: &mut Io) -> Result<(Client, Box<dyn Upper>), Error> {
    let (client, upper) = open_face(&config.face)?;
    client
        .register(io)
        .map_err(start("the client's descriptor"))?;
    Ok((client, upper))
}

fn open_face(face: &Face) -> Result<(Client, Box<dyn Upper>), Error> {
    let stdio = start("standard input and output");
    Ok(match face {
        Face::Pty { link } => {
            let pty = Pty::open(link.as_deref()).map_err(Error::Pty)?;
            (Client::Pty(pty), Box::new(hdlc::Port::new()))
        }
        Face::Stdio => (
            Client::Stream(Stdio::stream().map_err(stdio)?),
            Box::new(hdlc::Port::new()),
        ),
        Face::Raw { mtu } => (
            Client::Frames(Stdio::frames().map_err(stdio)?),
            Box::new(raw::Port::new(*mtu)),
        ),
    })
}

fn settings(config: &Config, device: &OpenDevice) -> Settings {
    let bus = &device.bus;
    Settings::new(
        config,
        device.max_transfer,
        bus.has_interrupt(),
        bus.has_reset(),
    )
}

/// Says what was set up: to the log, and the pty's name to standard output.
fn announce(config: &Config, client: &Client, link: &Link) -> Result<(), Error> {
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
    if config.interrupt.is_none() && matches!(config.device, Device::Spi(_)) {
        log::warn!("no INT line: polling, which costs CPU and latency; name it with --gpio-int");
    }
    if link.frame_max() < OPENTHREAD_FRAME_MAX {
        log::warn!(
            "frames of more than {} octets cannot be moved: raise spidev.bufsiz on the kernel command line",
            link.frame_max()
        );
    }
    log::info!(
        "{} {}: bridging {}",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        config.device
    );
    let Client::Pty(pty) = client else {
        return Ok(());
    };
    let name = pty.name().display();
    log::info!("the pty is {name}");
    let mut stdout = io::stdout().lock();
    // Whoever started us need not read it, or keep standard output open.
    let result = writeln!(stdout, "{name}").and_then(|()| stdout.flush());
    if let Err(error) = result {
        log::warn!("cannot print the pty's name to standard output: {error}");
    }
    Ok(())
}

fn start(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Start { what, source }
}

struct Turn {
    clock: Clock,
    io: Io,
    signals: Signals,
    client: Client,
    bridge: Bridge<Box<dyn Bus>, Box<dyn Upper>>,
    /// The input ended then: what is on its way is finished, for [`LINGER`] at the most.
    ending: Option<Instant>,
    /// A write was blocked, and epoll was told to say when there is room.
    wants_room: bool,
    notify: Notify,
    /// systemd was told so.
    ready: bool,
    /// Not before the co-processor has answered.
    ready_when_up: bool,
    /// When systemd's watchdog was fed.
    alive_at: Instant,
    reset_at_exit: bool,
    reset_pulse: Duration,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    End,
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
        let mut now = self.clock.now();
        for _ in 0..ROUNDS {
            self.take_edges(now)?;
            if self.read(now)? == Flow::End {
                return Ok(Flow::End);
            }
            let step = self.bridge.step(now)?;
            if self.write()? == Flow::End {
                return Ok(Flow::End);
            }
            if self.is_finished(now) {
                return Ok(Flow::End);
            }
            if step == Step::Idle && !self.can_go_on(now) {
                break;
            }
            now = self.clock.now();
        }
        self.tell_systemd(now);
        Ok(Flow::Continue)
    }

    /// Sleeps until something is ready or due.
    fn wait(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let lingering = self.ending.map(|_| now + LINGER_STEP);
        let deadline = earliest(self.bridge.poll_timeout(), self.watchdog_due());
        let mut timeout = match self.can_go_on(now) {
            true => Some(Duration::ZERO),
            false => earliest(deadline, lingering).map(|at| at.since(now)),
        };
        if let Some(short) = timeout.filter(|short| *short < EPOLL_GRAIN && !short.is_zero()) {
            // epoll counts in milliseconds and rounds up: a pause shorter than that is slept off.
            std::thread::sleep(short);
            timeout = Some(Duration::ZERO);
        }
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
            log::info!("counters cleared");
        }
        match received.end {
            Some(signal) => {
                log::info!("{signal}: ending");
                Flow::End
            }
            None => Flow::Continue,
        }
    }

    /// READY once, and a sign of life every half of the watchdog's time: from here, so that a loop
    /// that does not turn is found out.
    fn tell_systemd(&mut self, now: Instant) {
        if !self.ready && (self.bridge.link.is_up() || !self.ready_when_up) {
            self.ready = true;
            self.notify.ready();
        }
        if self.watchdog_due().is_some_and(|at| at <= now) {
            self.alive_at = now;
            self.notify.alive();
        }
    }

    fn watchdog_due(&self) -> Option<Instant> {
        let period = self.notify.watchdog()?;
        Some(self.alive_at + period)
    }

    fn print_counters(&self) {
        for (label, value) in self.bridge.link.stats().entries() {
            log::info!(target: COUNTERS, "{value:>12}  {label}");
        }
        self.bridge.upper.counters(&mut |label, value| {
            log::info!(target: COUNTERS, "{value:>12}  {label}");
        });
    }

    fn take_edges(&mut self, now: Instant) -> io::Result<()> {
        let due = self.bridge.bus.poll_timeout().is_some_and(|at| at <= now);
        if core::mem::take(&mut self.io.ready.interrupt) || due {
            self.bridge.take_edge(now)?;
        }
        Ok(())
    }

    /// Reads what the client sent, as far as there is room for it.
    fn read(&mut self, now: Instant) -> io::Result<Flow> {
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
                Ok(Read::Blocked) => self.input_is_dry(),
                Ok(Read::NoClient) => self.input_is_dry(),
                Ok(Read::End) => {
                    log::info!("end of input");
                    self.ending = Some(now + LINGER);
                }
                Err(error) => {
                    log::error!("cannot read from the client: {error}");
                    return Ok(Flow::End);
                }
            }
            self.bridge.upper.set_client(self.client.is_there());
        }
        Ok(Flow::Continue)
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
                    log::error!("cannot write to the client: {error}");
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
    fn is_finished(&self, now: Instant) -> bool {
        let Some(until) = self.ending else {
            return false;
        };
        let link = &self.bridge.link;
        let done = link.is_quiet(now) && self.bridge.upper.output().is_empty();
        done || now >= until
    }

    fn reset_at_exit(&mut self) {
        if !self.reset_at_exit {
            return;
        }
        let result = self.bridge.bus.set_reset(self.clock.now(), Line::Active);
        if let Ok(true) = result {
            std::thread::sleep(self.reset_pulse);
            // An error here would be the same as the one above.
            let _ = self.bridge.bus.set_reset(self.clock.now(), Line::Inactive);
        }
    }
}

/// Time does not start at zero, so that "long ago" can be told from "now" by subtraction.
const EPOCH: Instant = Instant::from_millis(1_000_000);

/// Rounds of reading, stepping and writing before signals and edges are looked at again.
const ROUNDS: usize = 16;

/// What epoll_wait can time.
const EPOLL_GRAIN: Duration = Duration::from_millis(1);

/// After the end of the input, how long an answer that is due is waited for. Long for a co-processor
/// (2 ms are usual), short for whoever waits for us to end (pyspinel does).
const LINGER: Duration = Duration::from_millis(500);

/// How often the end is looked for meanwhile.
const LINGER_STEP: Duration = Duration::from_millis(20);

/// Frames below this length must get through, or some of OpenThread's will not (protocol §1.1).
const OPENTHREAD_FRAME_MAX: usize = 1295;
