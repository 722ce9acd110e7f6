//! What carries frames to the co-processor: a link on its bus, or HDLC on a stream. Either can be
//! closed for a while, so that a firmware upgrade gets at the device.

use crate::bridge::{self, Step, Upper};
use crate::bus::Bus;
use crate::config::{Config, Device};
use crate::event_loop::{open_device, release_reset, settings, start, stream, Clock, Error};
use crate::hdlc::host::Carrier as Hdlc;
use crate::host::Host;
use crate::io::stream::Stream;
use crate::io::{Io, Ready, Source};
use crate::link::Link;
use crate::time::{earliest, Duration, Instant};
use std::io;

pub(super) enum Carrier {
    Spi {
        bus: Box<dyn Bus>,
        link: Box<Link>,
    },
    Stream {
        stream: Box<Stream>,
        hdlc: Box<Hdlc>,
    },
    Closed,
}

/// What was seen of a co-processor that cannot be talked to.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// What to look at when nothing at all comes.
    silence: Option<&'static str>,
    /// Failures of the link in a row.
    failures: u32,
    /// When it began: silence, or bad headers.
    since: Option<Instant>,
    /// Waiting changes nothing.
    lasts: bool,
    /// When it was looked at last.
    at: Instant,
}

impl Seen {
    pub(super) fn new(silence: Option<&'static str>) -> Self {
        Seen {
            silence,
            ..Seen::default()
        }
    }

    fn last(&mut self, now: Instant) -> Duration {
        self.at = now;
        self.since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// When what lasts `time` is to be told, if that is yet to come.
    fn due(&self, time: Duration) -> Option<Instant> {
        let due = self.since? + time;
        (self.at < due).then_some(due)
    }
}

impl Carrier {
    pub(super) fn open(config: &Config, clock: &Clock, io: &Io) -> Result<Self, Error> {
        if let Device::Serial { .. } | Device::System(_) | Device::Tcp(_) = config.device {
            let stream = Stream::open(&config.device, clock.now()).map_err(Error::Stream)?;
            return Ok(Carrier::Stream {
                stream: Box::new(stream),
                hdlc: Box::new(Hdlc::new()),
            });
        }
        let device = open_device(config, clock)?;
        if let Some(fd) = device.interrupt_fd {
            io.watch(fd, Source::Interrupt)
                .map_err(start("INT events"))?;
        }
        let mut settings = settings(config, &device);
        // A network that runs is kept over our own restart; the host asks for a reset if it must.
        settings.reset_at_start = false;
        let link = Link::new(settings, clock.now());
        Ok(Carrier::Spi {
            bus: device.bus,
            link: Box::new(link),
        })
    }

    pub(super) fn link(&self) -> Option<&Link> {
        match self {
            Carrier::Spi { link, .. } => Some(link),
            _ => None,
        }
    }

    /// Whether frames can be moved. A bus always can.
    pub(super) fn is_open(&self) -> bool {
        match self {
            Carrier::Spi { .. } => true,
            Carrier::Stream { stream, .. } => stream.is_open(),
            Carrier::Closed => false,
        }
    }

    pub(super) fn has_hardware_reset(&self) -> bool {
        match self {
            Carrier::Spi { bus, .. } => bus.has_reset(),
            _ => false,
        }
    }

    /// Moves what can be moved.
    ///
    /// # Errors
    /// Only when a bus device is gone; a stream comes back.
    pub(super) fn step(
        &mut self,
        host: &mut Host,
        io: &mut Io,
        clock: &Clock,
        now: Instant,
    ) -> io::Result<Step> {
        match self {
            Carrier::Spi { bus, link } => {
                let due = bus.poll_timeout().is_some_and(|at| at <= now);
                if core::mem::take(&mut io.ready.interrupt) || due {
                    bridge::take_edge(bus, link, now)?;
                }
                let step = bridge::step(bus, link.as_mut(), host, now)?;
                if link.wants_time() {
                    // No system call: the kernel lets programs read the clock themselves.
                    link.took(clock.now().since(now));
                }
                Ok(step)
            }
            Carrier::Stream { stream, hdlc } => step_stream(stream, hdlc, host, io, now),
            Carrier::Closed => Ok(Step::Idle),
        }
    }

    /// Tells the host what stands in the way of frames, when that changes.
    pub(super) fn diagnose(&self, seen: &mut Seen, host: &mut Host, now: Instant) {
        match self {
            Carrier::Spi { link, .. } => {
                let failures = link.failures_in_a_row();
                let is_new = core::mem::replace(&mut seen.failures, failures) != failures;
                if failures == 0 {
                    seen.since = None;
                } else {
                    seen.since.get_or_insert(now);
                }
                // A board may still boot, for which some need five seconds: whoever waits goes on waiting.
                let can_wait = link.may_be_a_boot() && seen.last(now) < BOOT;
                let lasts = failures > 0 && !can_wait;
                if is_new || core::mem::replace(&mut seen.lasts, lasts) != lasts {
                    host.set_diagnosis(link.diagnosis().as_deref(), lasts);
                }
            }
            Carrier::Stream { stream, hdlc } => match stream.trouble() {
                Some((trouble, is_lasting)) => {
                    host.set_diagnosis(Some(trouble), is_lasting);
                }
                None => {
                    match hdlc.is_silent() {
                        false => seen.since = None,
                        true => _ = seen.since.get_or_insert(now),
                    }
                    let silence = seen.silence.filter(|_| seen.last(now) >= SILENT);
                    let diagnosis = hdlc.diagnosis().or(silence);
                    if host.set_diagnosis(diagnosis, true) {
                        if let Some(diagnosis) = diagnosis {
                            log::warn!("the co-processor cannot be talked to: {diagnosis}");
                        }
                    }
                }
            },
            Carrier::Closed => {
                host.set_diagnosis(None, false);
            }
        }
    }

    pub(super) fn poll_timeout(&self, seen: &Seen, host: &Host) -> Option<Instant> {
        match self {
            Carrier::Spi { bus, link } => {
                earliest(bridge::poll_timeout(bus, link, host), seen.due(BOOT))
            }
            Carrier::Stream { stream, .. } => earliest(stream.poll_timeout(), seen.due(SILENT)),
            Carrier::Closed => None,
        }
    }

    /// Whether a stream has something that no event will announce.
    pub(super) fn can_go_on(&mut self, ready: &Ready, host: &Host) -> bool {
        match self {
            Carrier::Stream { stream, hdlc } => {
                stream.is_open()
                    && (ready.stream && !hdlc.input().is_empty()
                        || ready.stream_room && !hdlc.output().is_empty()
                        // The host had no room for it, and has some since.
                        || hdlc.has_input() && host.has_room())
            }
            _ => false,
        }
    }

    /// Ends a reset that has begun. To be called before the end.
    pub(super) fn release_reset(&mut self, now: Instant) {
        if let Carrier::Spi { bus, link } = self {
            release_reset(link, bus, now);
        }
    }

    /// Lets go of the device.
    pub(super) fn close(&mut self, now: Instant) {
        match self {
            Carrier::Spi { .. } => {
                self.release_reset(now);
                *self = Carrier::Closed;
            }
            Carrier::Stream { stream, hdlc } => {
                stream.close(now);
                hdlc.closed();
            }
            Carrier::Closed => {}
        }
    }

    /// Whether the device is free after [`Carrier::close`].
    pub(super) fn is_released(&self) -> bool {
        match self {
            Carrier::Spi { .. } => false,
            Carrier::Stream { stream, .. } => stream.is_released(),
            Carrier::Closed => true,
        }
    }

    /// Takes the device again.
    ///
    /// # Errors
    /// If a bus device cannot be opened any more.
    pub(super) fn reopen(&mut self, config: &Config, clock: &Clock, io: &Io) -> Result<(), Error> {
        match self {
            Carrier::Stream { stream, .. } => stream.reopen(clock.now()),
            _ => *self = Carrier::open(config, clock, io)?,
        }
        Ok(())
    }

    pub(super) fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        match self {
            Carrier::Spi { link, .. } => {
                for (label, value) in link.stats().entries() {
                    print(label, value);
                }
            }
            Carrier::Stream { hdlc, .. } => hdlc.counters(print),
            Carrier::Closed => {}
        }
    }

    pub(super) fn clear_counters(&mut self) {
        match self {
            Carrier::Spi { link, .. } => link.clear_stats(),
            Carrier::Stream { hdlc, .. } => hdlc.clear_counters(),
            Carrier::Closed => {}
        }
    }
}

fn step_stream(
    stream: &mut Stream,
    hdlc: &mut Hdlc,
    host: &mut Host,
    io: &mut Io,
    now: Instant,
) -> io::Result<Step> {
    if host.take_renewal_request() && stream.is_open() {
        stream.renew(now);
        stream::lost(hdlc, io);
        host.transport_lost();
    }
    if stream::tend(stream, hdlc, io, now)? {
        host.transport_opened();
    }
    let exchanged = stream::exchange(stream, hdlc, host, io, now)?;
    if exchanged.is_lost {
        host.transport_lost();
    }
    Ok(exchanged.step)
}

/// Nothing at all: as long as the answer to each question of the start-up is waited for (protocol §7.3).
const SILENT: Duration = Duration::from_secs(5);

/// Boards were seen that need up to five seconds to boot; twice that, and whoever waits is told.
const BOOT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::Settings;
    use std::time::Instant as Moment;

    /// The octets and the end make one event: both are to be seen.
    #[test]
    fn a_command_that_dies_with_its_last_words_is_missed_at_once() {
        let clock = Clock::start();
        let mut io = Io::new().unwrap();
        let command = Device::System("sleep 0.3; printf '~~~'".into());
        let mut carrier = Carrier::Stream {
            stream: Box::new(Stream::open(&command, clock.now()).unwrap()),
            hdlc: Box::new(Hdlc::new()),
        };
        let mut host = Host::new(Settings::default(), clock.now());
        let is_open = |carrier: &Carrier| matches!(carrier, Carrier::Stream { stream, .. } if stream.is_open());
        let mut step = |carrier: &mut Carrier, io: &mut Io| {
            carrier.step(&mut host, io, &clock, clock.now()).unwrap();
        };
        step(&mut carrier, &mut io);
        assert!(is_open(&carrier));
        std::thread::sleep(Duration::from_secs(1));
        let deadline = Moment::now() + Duration::from_secs(10);
        while is_open(&carrier) {
            assert!(Moment::now() < deadline, "nobody missed it");
            io.wait(Some(Duration::from_millis(100))).unwrap();
            step(&mut carrier, &mut io);
        }
    }
}
