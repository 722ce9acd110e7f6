//! What is below the translator: a link on its bus, or HDLC on a stream that comes and goes.

use super::stream;
use super::{reset_at_exit, settings, start, warn_of, Clock, Error, OpenDevice};
use crate::bridge::{self, Step, Upper};
use crate::bus::{Bus, Line};
use crate::config::Config;
use crate::hdlc::host::Carrier;
use crate::hdlc::revive::{self, Action, Reviver};
use crate::io::gpio::ResetLine;
use crate::io::spi::OpenError;
use crate::io::stream::Stream;
use crate::io::{Io, Ready, Source};
use crate::link::Link;
use crate::time::{earliest, Instant};
use std::io;

/// A co-processor, as the translator's turn sees it. What is not built in is nobody's, and the linker leaves it out.
pub(super) trait Lower {
    /// Takes note of what only a bus tells.
    fn take_edges(&mut self, _io: &mut Io, _now: Instant) -> io::Result<()> {
        Ok(())
    }

    /// Moves what can be moved.
    ///
    /// # Errors
    /// Only when a bus device is gone; a stream comes back.
    fn step(
        &mut self,
        upper: &mut Box<dyn Upper>,
        io: &mut Io,
        clock: &Clock,
        now: Instant,
    ) -> io::Result<Step>;

    /// When [`Lower::step`] is due again if nothing happens.
    fn poll_timeout(&self, upper: &dyn Upper) -> Option<Instant>;

    /// Whether there is something that no event will announce, and no time.
    fn can_go_on(&mut self, _ready: &Ready, _upper: &dyn Upper) -> bool {
        false
    }

    /// Whether there is a line that resets it.
    fn has_reset_line(&self) -> bool;

    /// Whether nothing is on its way to the co-processor, and no answer is due.
    fn is_quiet(&self, now: Instant) -> bool;

    /// Whether the co-processor has answered.
    fn is_up(&self) -> bool;

    /// How many frames the co-processor has taken.
    fn taken(&self) -> u64;

    /// How many frames of the client are on their way to it, at least.
    fn untaken(&self) -> usize;

    /// Calls `print` with each counter and what it counts.
    fn counters(&self, print: &mut dyn FnMut(&'static str, u64));

    /// Sets all counters to zero.
    fn clear_counters(&mut self);

    /// Leaves the co-processor as it is to be left.
    fn end(&mut self, config: &Config, clock: &Clock);
}

/// A link on its bus.
pub(super) struct OnBus {
    pub(super) bus: Box<dyn Bus>,
    pub(super) link: Link,
}

impl OnBus {
    pub(super) fn new(
        config: &Config,
        device: OpenDevice,
        clock: &Clock,
        io: &Io,
    ) -> Result<Self, Error> {
        if let Some(fd) = device.interrupt_fd {
            io.watch(fd, Source::Interrupt)
                .map_err(start("INT events"))?;
        }
        let link = Link::new(settings(config, &device), clock.now());
        warn_of(config, &link);
        Ok(OnBus {
            bus: device.bus,
            link,
        })
    }
}

impl Lower for OnBus {
    fn take_edges(&mut self, io: &mut Io, now: Instant) -> io::Result<()> {
        let due = self.bus.poll_timeout().is_some_and(|at| at <= now);
        if core::mem::take(&mut io.ready.interrupt) || due {
            bridge::take_edge(&mut self.bus, &mut self.link, now)?;
        }
        Ok(())
    }

    fn step(
        &mut self,
        upper: &mut Box<dyn Upper>,
        _io: &mut Io,
        clock: &Clock,
        now: Instant,
    ) -> io::Result<Step> {
        let step = bridge::step(&mut self.bus, &mut self.link, upper, now)?;
        if self.link.wants_time() {
            // No system call: the kernel lets programs read the clock themselves.
            self.link.took(clock.now().since(now));
        }
        Ok(step)
    }

    fn poll_timeout(&self, upper: &dyn Upper) -> Option<Instant> {
        let link = self.link.poll_timeout(upper.has_room());
        earliest(link, self.bus.poll_timeout())
    }

    fn has_reset_line(&self) -> bool {
        self.bus.has_reset()
    }

    fn is_quiet(&self, now: Instant) -> bool {
        self.link.is_quiet(now)
    }

    fn is_up(&self) -> bool {
        self.link.is_up()
    }

    fn taken(&self) -> u64 {
        self.link.stats().frames_sent
    }

    fn untaken(&self) -> usize {
        usize::from(self.link.has_frame())
    }

    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        for (label, value) in self.link.stats().entries() {
            print(label, value);
        }
    }

    fn clear_counters(&mut self) {
        self.link.clear_stats();
    }

    fn end(&mut self, config: &Config, clock: &Clock) {
        reset_at_exit(config, &self.link, &mut self.bus, clock);
    }
}

/// HDLC on a stream, which is opened again when it is lost.
pub(super) struct OnStream {
    stream: Stream,
    hdlc: Carrier,
    reviver: Reviver,
    line: Option<ResetLine>,
    /// What the log was told last of what stands in the way.
    told: Option<&'static str>,
}

impl OnStream {
    pub(super) fn open(config: &Config, clock: &Clock) -> Result<Self, Error> {
        let line = config.reset.as_ref().map(ResetLine::request).transpose();
        let line = line.map_err(|source| {
            let option = "--gpio-res";
            Error::Bus(OpenError::Line { option, source })
        })?;
        let stream = Stream::open(&config.device, clock.now()).map_err(Error::Stream)?;
        Ok(OnStream {
            stream,
            hdlc: Carrier::new(),
            reviver: Reviver::new(revive::Settings {
                reset_when_opened: config.reset_at_start_and_exit,
                has_line: line.is_some(),
                pulse: config.reset_pulse,
                settle: config.reset_settle,
            }),
            line,
            told: None,
        })
    }

    fn set_line(&mut self, line: Line, now: Instant) {
        let result = self.line.as_ref().map(|reset| reset.set(line));
        if let Some(Err(error)) = result {
            log::warn!("RES: {error}: the co-processor is reset by a command from now on");
            self.line = None;
            self.reviver.line_failed(now);
        }
    }

    fn act(&mut self, io: &mut Io, now: Instant) {
        while let Some(action) = self.reviver.poll(now) {
            match action {
                Action::Hold => self.set_line(Line::Active, now),
                Action::Release => self.set_line(Line::Inactive, now),
                Action::Renew => {
                    self.stream.renew(now);
                    stream::lost(&mut self.hdlc, io);
                }
            }
        }
    }

    /// Says in the log what is at the other end, where that is no co-processor.
    fn diagnose(&mut self) {
        let diagnosis = self.hdlc.diagnosis();
        if diagnosis != self.told {
            self.told = diagnosis;
            if let Some(diagnosis) = diagnosis {
                log::warn!("the co-processor cannot be talked to: {diagnosis}");
            }
        }
    }
}

impl Lower for OnStream {
    fn step(
        &mut self,
        upper: &mut Box<dyn Upper>,
        io: &mut Io,
        _clock: &Clock,
        now: Instant,
    ) -> io::Result<Step> {
        self.act(io, now);
        if stream::tend(&mut self.stream, &mut self.hdlc, io, now)? {
            self.reviver.opened(now);
            self.act(io, now);
        }
        if !self.stream.is_open() {
            self.reviver.hold(upper);
        }
        let mut face = self.reviver.before(upper, now);
        let (stream, hdlc) = (&mut self.stream, &mut self.hdlc);
        let exchanged = stream::exchange(stream, hdlc, &mut face, io, now)?;
        if exchanged.is_lost {
            self.reviver.closed();
        }
        self.diagnose();
        Ok(exchanged.step)
    }

    fn poll_timeout(&self, _upper: &dyn Upper) -> Option<Instant> {
        earliest(self.stream.poll_timeout(), self.reviver.poll_timeout())
    }

    fn can_go_on(&mut self, ready: &Ready, upper: &dyn Upper) -> bool {
        self.stream.is_open()
            && (ready.stream && !self.hdlc.input().is_empty()
                || ready.stream_room && !self.hdlc.output().is_empty()
                // The client had no room for it, and has some since.
                || self.hdlc.has_input() && upper.has_room())
    }

    fn has_reset_line(&self) -> bool {
        self.line.is_some()
    }

    fn is_quiet(&self, _now: Instant) -> bool {
        self.hdlc.output().is_empty() && !self.reviver.is_waiting()
    }

    fn is_up(&self) -> bool {
        self.reviver.is_up() && self.hdlc.stats().frames_received > 0
    }

    fn taken(&self) -> u64 {
        self.hdlc.stats().frames_sent
    }

    fn untaken(&self) -> usize {
        usize::from(!self.hdlc.output().is_empty())
    }

    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        self.hdlc.counters(print);
        self.reviver.counters(print);
    }

    fn clear_counters(&mut self) {
        self.hdlc.clear_counters();
        self.reviver.clear_counters();
    }

    fn end(&mut self, config: &Config, clock: &Clock) {
        if self.line.is_some() && config.reset_at_start_and_exit {
            self.set_line(Line::Active, clock.now());
            std::thread::sleep(config.reset_pulse);
        }
        // Most drivers leave it as it is when its holder goes.
        self.set_line(Line::Inactive, clock.now());
    }
}
