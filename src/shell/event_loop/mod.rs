//! The turn: wait, latch what is ready, read the clock, step, write, and wait again. The only place
//! that reads a clock (`check`, which runs no bridge, borrows it), and the only thread.

mod alive;
mod confine;
mod driver;
mod ending;
mod lower;
mod stream;
mod translator;

use crate::bus::{Bus, Line};
use crate::config::{Config, Device, Face};
use crate::io::signal::{Received, Signals};
use crate::io::spi::SpiBus;
use crate::io::{control, netlink, privileges, pty, radio, sandbox, spi, tun, Io, Source};
use crate::link::{Link, Settings};
use crate::sim;
use crate::time::Instant;
use crate::trace::COUNTERS;
use lower::{Lower, OnBus, OnStream};
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// Why the bridge ended against its will, or did not start. One line each, with the way out.
#[derive(Debug)]
pub enum Error {
    /// The bus device or one of its lines cannot be used.
    Bus(spi::OpenError),
    /// There is no pty.
    Pty(pty::OpenError),
    /// There is no network interface.
    Tun(tun::OpenError),
    /// The kernel does not let us manage it.
    Netlink(netlink::OpenError),
    /// There is no control socket.
    Control(control::OpenError),
    /// The stream to the co-processor cannot be opened.
    Stream(crate::io::stream::OpenError),
    /// The rights that are not needed cannot be given up.
    Privileges(privileges::Error),
    /// The process cannot be confined.
    Sandbox(sandbox::Error),
    /// Something else that is needed cannot be had.
    Start {
        /// What.
        what: &'static str,
        /// What the system reported.
        source: io::Error,
    },
    /// The device went away while the bridge ran.
    Lost(io::Error),
    /// The client's descriptor failed meanwhile, other than by an end.
    Client {
        /// What could not be done: "read from" or "write to".
        what: &'static str,
        /// What the system reported.
        source: io::Error,
    },
    /// The network interface went away meanwhile.
    Interface(io::Error),
}

impl Error {
    /// The exit code of the program.
    pub fn exit_code(&self) -> u8 {
        match self.is_loss() {
            true => 1,
            false => 3,
        }
    }

    /// Whether the bridge ran, and lost what it ran on.
    pub fn is_loss(&self) -> bool {
        matches!(
            self,
            Error::Lost(_) | Error::Client { .. } | Error::Interface(_)
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Bus(error) => error.fmt(f),
            Error::Pty(error) => error.fmt(f),
            Error::Tun(error) => error.fmt(f),
            Error::Netlink(error) => error.fmt(f),
            Error::Control(error) => error.fmt(f),
            Error::Stream(error) => error.fmt(f),
            Error::Privileges(error) => error.fmt(f),
            Error::Sandbox(error) => error.fmt(f),
            Error::Interface(source) => write!(f, "cannot go on: {source}"),
            Error::Client { what, source } => {
                write!(f, "cannot go on: cannot {what} the client: {source}")
            }
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
    let (clock, io, signals) = begin(config)?;
    match config.face {
        Face::Tun { .. } if cfg!(not(feature = "host")) => Err(left_out("--tun")),
        Face::Tun { .. } => driver::run(config, clock, io, signals),
        _ => {
            let lower = open_lower(config, &clock, &io)?;
            translator::run(config, lower, clock, io, signals)
        }
    }
}

/// Runs the translator like [`run`], on a bus that the caller opened: one that this crate has no driver
/// for. [`Config::device`] is no more than its name then.
///
/// # Errors
/// [`Error`]. The host driver, which opens its device again after an upgrade, is refused.
pub fn run_on(device: OpenDevice, config: &Config) -> Result<(), Error> {
    if let Face::Tun { .. } = config.face {
        let why = "it opens its device itself: call run()";
        let why = io::Error::new(io::ErrorKind::Unsupported, why);
        return Err(start("the host driver")(why));
    }
    let (clock, io, signals) = begin(config)?;
    let lower = on_bus(config, device, &clock, &io)?;
    translator::run(config, lower, clock, io, signals)
}

fn open_lower(config: &Config, clock: &Clock, io: &Io) -> Result<Box<dyn Lower>, Error> {
    match config.device.is_stream() {
        true if cfg!(not(feature = "transports")) => Err(left_out("serial:, system: and tcp:")),
        true => Ok(Box::new(OnStream::open(config, clock)?)),
        false => on_bus(config, open_device(config, clock)?, clock, io),
    }
}

fn on_bus(
    config: &Config,
    device: OpenDevice,
    clock: &Clock,
    io: &Io,
) -> Result<Box<dyn Lower>, Error> {
    Ok(Box::new(OnBus::new(config, device, clock, io)?))
}

fn begin(config: &Config) -> Result<(Clock, Io, Signals), Error> {
    privileges::keep_to_ourselves();
    let clock = Clock::start();
    let io = Io::new().map_err(start("no epoll"))?;
    let signals = Signals::catch().map_err(start("signals"))?;
    io.watch(signals.fd(), Source::Signal)
        .map_err(start("signals"))?;
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
    Ok((clock, io, signals))
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

/// A bus, and what the loop must know of it.
pub struct OpenDevice {
    /// The bus.
    pub bus: Box<dyn Bus>,
    /// Readable when there is an edge of INT to take ([`Bus::take_edge`]). It belongs to the bus.
    pub interrupt_fd: Option<RawFd>,
    /// The most octets that one transaction can carry.
    pub max_transfer: usize,
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
        Device::Sim(_) if cfg!(not(feature = "sim")) => Err(left_out("sim:")),
        Device::Sim(spec) => {
            let (surroundings, interrupt_fd) = radio::open(spec).map_err(start("sim:"))?;
            let mut bus = sim::open_in(spec, surroundings, clock.now());
            bus.configure(config.spi.mode, config.spi.speed_hz)
                .map_err(start("sim:"))?;
            Ok(OpenDevice {
                bus,
                interrupt_fd,
                max_transfer: usize::MAX,
            })
        }
        // These have carriers of their own.
        Device::Serial { .. } | Device::System(_) | Device::Tcp(_) => {
            Err(start("the device is no bus")(
                io::ErrorKind::Unsupported.into(),
            ))
        }
    }
}

/// What was asked for is no part of this build (Cargo.toml, `features`).
fn left_out(what: &'static str) -> Error {
    let why = "left out of this program when it was built: build it with its default features";
    start(what)(io::Error::new(io::ErrorKind::Unsupported, why))
}

fn settings(config: &Config, device: &OpenDevice) -> Settings {
    let bus = &device.bus;
    config.link_settings(device.max_transfer, bus.has_interrupt(), bus.has_reset())
}

/// Says what was set up.
fn announce(config: &Config) {
    log::info!(
        "{} {}: bridging {}",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_VERSION"),
        config.device
    );
}

/// Says what the set-up makes impossible.
fn warn_of(config: &Config, link: &Link) {
    if config.interrupt.is_none() && matches!(config.device, Device::Spi(_)) {
        log::warn!("no INT line: polling, which costs CPU and latency; name it with --gpio-int");
    }
    if link.frame_max() < OPENTHREAD_FRAME_MAX {
        log::warn!(
            "frames of more than {} octets cannot be moved: raise spidev.bufsiz on the kernel command line",
            link.frame_max()
        );
    }
}

fn start(what: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::Start { what, source }
}

/// Leaves the co-processor in the state that it has after a reset.
fn reset_at_exit(config: &Config, link: &Link, bus: &mut dyn Bus, clock: &Clock) {
    if !config.reset_at_start_and_exit {
        return release_reset(link, bus, clock.now());
    }
    if let Ok(true) = bus.set_reset(clock.now(), Line::Active) {
        std::thread::sleep(config.reset_pulse);
        // An error here would be the same as the one above.
        let _ = bus.set_reset(clock.now(), Line::Inactive);
    }
}

/// Ends a reset that has begun: most drivers leave a line as it is when its holder goes, which would hold the
/// co-processor in reset until somebody takes the line again.
fn release_reset(link: &Link, bus: &mut dyn Bus, now: Instant) {
    if link.holds_reset() {
        // Whoever sees an error here cannot do anything about it any more.
        let _ = bus.set_reset(now, Line::Inactive);
    }
}

/// What signals print and clear, in either turn.
trait Counted {
    fn counters(&self, print: &mut dyn FnMut(&'static str, u64));

    fn clear_counters(&mut self);
}

/// Does what the signals ask for that came.
fn heed(received: &Received, turn: &mut dyn Counted) -> Flow {
    if received.print {
        // A new file first, for whoever has moved the old one away: the counters are to be in it.
        crate::io::log::reopen();
        turn.counters(&mut print_counter);
    }
    if received.clear {
        turn.clear_counters();
        log::info!("counters cleared");
    }
    after(received)
}

/// What is to be done after these signals.
fn after(received: &Received) -> Flow {
    match received.end {
        Some(signal) => {
            log::info!("{signal}: ending");
            Flow::End
        }
        None => Flow::Continue,
    }
}

fn print_counter(label: &'static str, value: u64) {
    log::info!(target: COUNTERS, "{value:>12}  {label}");
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Continue,
    End,
}

/// Time does not start at zero, so that "long ago" can be told from "now" by subtraction.
const EPOCH: Instant = Instant::from_millis(1_000_000);

/// Rounds of reading, stepping and writing in a turn before descriptors and signals are looked at again.
const ROUNDS: usize = 16;

/// After this no other round begins before descriptors and signals are looked at again: what a client says
/// while the co-processor talks without a pause is seen after this and one step at the most, and a slow
/// clock cannot keep systemd's watchdog waiting. A look takes a thousandth of it.
const TURN_MAX: Duration = Duration::from_millis(5);

/// Frames below this length must get through, or some of OpenThread's will not (protocol §1.1).
const OPENTHREAD_FRAME_MAX: usize = 1295;

#[cfg(test)]
mod tests {
    use super::*;

    /// A bus that is a RES line.
    struct Res(Line);

    impl Bus for Res {
        fn transfer(&mut self, _now: Instant, _mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
            miso.fill(0xFF);
            Ok(())
        }

        fn interrupt(&mut self, _now: Instant) -> io::Result<Option<Line>> {
            Ok(None)
        }

        fn take_edge(&mut self, _now: Instant) -> io::Result<bool> {
            Ok(false)
        }

        fn set_reset(&mut self, _now: Instant, line: Line) -> io::Result<bool> {
            self.0 = line;
            Ok(true)
        }

        fn has_interrupt(&self) -> bool {
            false
        }

        fn has_reset(&self) -> bool {
            true
        }
    }

    #[test]
    fn the_end_does_not_leave_res_active() {
        let clock = Clock::start();
        let mut config = Config::new("sim:".parse().unwrap());
        for reset_at_start_and_exit in [true, false] {
            config.reset_at_start_and_exit = reset_at_start_and_exit;
            let mut link = Link::new(Settings::default(), clock.now());
            let mut bus = Res(Line::Inactive);
            link.request_reset(clock.now());
            let line = link.poll_reset_line(clock.now()).unwrap();
            let result = bus.set_reset(clock.now(), line);
            link.reset_line_set(clock.now(), result).unwrap();
            assert_eq!(bus.0, Line::Active);
            reset_at_exit(&config, &link, &mut bus, &clock);
            assert_eq!(bus.0, Line::Inactive);
        }
    }

    #[test]
    fn a_bus_of_the_callers_is_not_for_the_host_driver() {
        let spec = sim::spec::Spec::default();
        let device = OpenDevice {
            bus: sim::open(&spec, EPOCH),
            interrupt_fd: None,
            max_transfer: usize::MAX,
        };
        let mut config = Config::new(Device::Sim(spec));
        config.face = Face::Tun { name: None };
        let error = run_on(device, &config).expect_err("refused");
        let message = "cannot start: the host driver: it opens its device itself: call run()";
        assert_eq!(error.to_string(), message);
    }
}
