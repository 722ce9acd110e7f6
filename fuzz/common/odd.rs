//! A board for `--check`: firmware that answers oddly, behind lines of which some are broken.

use super::coprocessor::{property_of, Coprocessor};
use super::values::{self, number, value_of};
use super::Input;
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::sim::slave::faults::Faults;
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::sim::slave::wires::Wires;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::Instant;
use spinel_bridge::wire::ids::{Command, Property, Status};
use std::collections::VecDeque;
use std::io;

/// The board that `spec` and the octets describe: two of the lines, two of when the device goes, one of the
/// co-processor's mood, then one and more for each answer. Behind the last octet all answers are honest.
pub(crate) fn board(spec: &Spec, octets: &[u8], now: Instant) -> Box<dyn Bus> {
    let mut input = Input::new(octets);
    let (lines, more) = (input.octet(), input.octet());
    let gone_after = u32::from(u16::from_le_bytes(input.array()));
    let firmware = Odd {
        honest: Coprocessor::new(input.octet()),
        queue: VecDeque::new(),
        script: input.rest().to_vec(),
        played: 0,
    };
    let slave = Slave::new(firmware, spec, now);
    Box::new(Crooked {
        bus: Wires::new(Faults::new(slave, spec), spec),
        interrupt: Way::of(lines),
        reset: Way::of(lines >> 2),
        edge: Way::of(lines >> 4),
        configure: Way::of(lines >> 6),
        hz_max: if more & 1 == 0 { u32::MAX } else { 4_000_000 },
        left: if gone_after == 0 {
            u32::MAX
        } else {
            gone_after
        },
    })
}

/// How a line, or a call of the driver, does.
#[derive(Clone, Copy)]
enum Way {
    Good,
    Fails,
    DoesNothing,
}

impl Way {
    fn of(octet: u8) -> Self {
        match octet & 3 {
            2 => Way::Fails,
            3 => Way::DoesNothing,
            _ => Way::Good,
        }
    }

    fn or<T>(self, nothing: T, good: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self {
            Way::Good => good(),
            Way::Fails => Err(io::Error::from_raw_os_error(EIO)),
            Way::DoesNothing => Ok(nothing),
        }
    }
}

struct Crooked<B> {
    bus: B,
    interrupt: Way,
    reset: Way,
    edge: Way,
    configure: Way,
    /// The controller takes no more.
    hz_max: u32,
    /// Transactions until the device is gone.
    left: u32,
}

impl<B: Bus> Bus for Crooked<B> {
    fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        self.left = self.left.saturating_sub(1);
        match self.left {
            0 => Err(io::Error::from_raw_os_error(ESHUTDOWN)),
            _ => self.bus.transfer(now, mosi, miso),
        }
    }

    fn interrupt(&mut self, now: Instant) -> io::Result<Option<Line>> {
        self.interrupt.or(None, || self.bus.interrupt(now))
    }

    fn take_edge(&mut self, now: Instant) -> io::Result<bool> {
        self.edge.or(false, || self.bus.take_edge(now))
    }

    fn set_reset(&mut self, now: Instant, line: Line) -> io::Result<bool> {
        self.reset.or(false, || self.bus.set_reset(now, line))
    }

    fn configure(&mut self, mode: u8, speed_hz: u32) -> io::Result<()> {
        match speed_hz {
            hz if hz > self.hz_max => Err(io::Error::from_raw_os_error(EINVAL)),
            hz => self.configure.or((), || self.bus.configure(mode, hz)),
        }
    }

    fn has_interrupt(&self) -> bool {
        self.bus.has_interrupt()
    }

    fn has_reset(&self) -> bool {
        self.bus.has_reset()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.bus.poll_timeout()
    }
}

/// Firmware whose answers the script decides.
struct Odd {
    honest: Coprocessor,
    queue: VecDeque<Vec<u8>>,
    script: Vec<u8>,
    played: usize,
}

impl Odd {
    fn answer(&mut self, asked: &[u8]) -> Option<Vec<u8>> {
        let mut input = Input::new(&self.script[self.played..]);
        let property = property_of(asked);
        let is = |header: u8, property: Property, value: &[u8]| {
            let head = [header, Command::PROP_VALUE_IS.0 as u8];
            [&head[..], &number(property), value].concat()
        };
        let answer = match input.octet() % 16 {
            0..=7 => Some(self.honest.usual(asked)),
            8 | 9 => Some(is(asked[0], property, &value_of(property, &mut input))),
            10 => {
                let status = Status(u32::from(input.octet()));
                Some(is(
                    asked[0],
                    Property::LAST_STATUS,
                    &number(Property(status.0)),
                ))
            }
            // The answer to another question.
            11 => Some(is(asked[0] ^ 3, property, &value_of(property, &mut input))),
            12 => {
                let other = values::property(&mut input);
                Some(is(asked[0], other, &value_of(other, &mut input)))
            }
            13 => Some(asked.to_vec()),
            14 => Some(input.octets(64).to_vec()).filter(|frame| !frame.is_empty()),
            _ => None,
        };
        self.played = self.script.len() - input.len();
        answer
    }
}

impl Firmware for Odd {
    fn reset(&mut self, _now: Instant, cause: ResetCause) {
        self.queue.clear();
        self.queue.push_back(vec![0x80, 0x06, 0x00, cause as u8]);
    }

    fn receive(&mut self, _now: Instant, frame: &[u8]) {
        if frame.len() >= 2 && self.queue.len() < QUEUE_MAX {
            let answer = self.answer(frame);
            self.queue.extend(answer);
        }
    }

    fn transmit(&mut self, _now: Instant, buf: &mut [u8]) -> Option<usize> {
        let frame = self.queue.pop_front()?;
        let len = frame.len().min(buf.len());
        buf[..len].copy_from_slice(&frame[..len]);
        Some(len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        None
    }
}

/// Protocol §1.2: firmware queues 15 replies.
const QUEUE_MAX: usize = 15;

const EIO: i32 = 5;
const EINVAL: i32 = 22;
const ESHUTDOWN: i32 = 108;
