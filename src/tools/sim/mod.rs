//! A simulated co-processor, in this process and without a thread, so that everyone can try and test
//! all of the bridge without hardware: `sim:` in place of the device.
//!
//! | floor | what lives there |
//! | --- | --- |
//! | [`spec`] | what can be ordered, as text |
//! | [`slave`] | the SPI slave, what goes wrong in it, and the wires to it |
//! | [`ncp`], [`echo`] | the firmwares behind it |
//! | [`radio`] | the air that firmwares share, and the frames on it |
//! | [`rng`] | randomness from a seed |

pub mod echo;
pub mod ncp;
pub mod radio;
pub mod rng;
pub mod slave;
pub mod spec;

use crate::bus::Bus;
use crate::time::Instant;
use ncp::Variant;
use radio::Surroundings;
use slave::faults::Faults;
use slave::wires::Wires;
use slave::Slave;
use spec::{Kind, Spec};

/// The simulated co-processor that `spec` describes, on its bus, with nothing around it: `radio=` and
/// `state=` have no effect here.
pub fn open(spec: &Spec, now: Instant) -> Box<dyn Bus> {
    open_in(spec, Surroundings::default(), now)
}

/// The firmware that `spec` describes, without a bus.
pub fn firmware(spec: &Spec, surroundings: Surroundings) -> Box<dyn Firmware> {
    let variant = Variant {
        major: spec.major.unwrap_or(Variant::default().major),
        iid: spec.iid.unwrap_or(0),
        bootloader: spec.bootloader,
        auto_init: spec.auto_init,
        link_raw: spec.link_raw,
        extras: spec.extras,
        hurry: spec.hurry,
        addresses: spec
            .addresses
            .map_or(Variant::default().addresses, usize::from),
        groups: spec.groups.map_or(Variant::default().groups, usize::from),
    };
    match spec.kind {
        Kind::Ncp => Box::new(ncp::Ncp::with(spec.seed, variant, surroundings)),
        Kind::Echo => Box::new(echo::Echo::new()),
    }
}

/// The simulated co-processor that `spec` describes, on its bus, with a radio and a memory where
/// `surroundings` has them (`io::radio::open` makes what `spec` asks for). Whoever waits for its
/// medium's descriptor calls [`Bus::take_edge`] when there is something to hear.
pub fn open_in(spec: &Spec, surroundings: Surroundings, now: Instant) -> Box<dyn Bus> {
    let firmware = firmware(spec, surroundings);
    let slave = Slave::new(firmware, spec, now);
    Box::new(Wires::new(Faults::new(slave, spec), spec))
}

/// Why a co-processor started: the status code that it reports after a reset (protocol §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ResetCause {
    /// Power was applied.
    PowerOn = 112,
    /// The RES line was pulled.
    External = 113,
    /// The host asked for it with a RESET command.
    Software = 114,
    /// It fell over by itself (`sim:reset=`).
    Crash = 116,
}

/// What runs on the co-processor, behind its SPI slave: it takes and gives whole Spinel frames.
///
/// Pure: time comes in as an argument, randomness from a seed.
pub trait Firmware {
    /// Starts over. The first frame that it transmits afterwards is the reset notification.
    fn reset(&mut self, now: Instant, cause: ResetCause);

    /// Takes a frame from the host.
    fn receive(&mut self, now: Instant, frame: &[u8]);

    /// Writes the next frame for the host to `buf` (at least 1300 octets) and returns its length, or
    /// `None` when there is nothing to say now.
    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize>;

    /// Does what is due by `now`, although nobody asks for a frame.
    fn poll(&mut self, _now: Instant) {}

    /// When [`Firmware::transmit`] may have something to say although nothing was received, or
    /// [`Firmware::poll`] something to do.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Whether it can take a frame now.
    fn is_ready(&self) -> bool {
        true
    }

    /// Whether it wants to be reset now (it took a RESET command, or it crashed), and why.
    fn take_reset_request(&mut self) -> Option<ResetCause>;
}

impl<F: Firmware + ?Sized> Firmware for Box<F> {
    fn reset(&mut self, now: Instant, cause: ResetCause) {
        (**self).reset(now, cause);
    }

    fn receive(&mut self, now: Instant, frame: &[u8]) {
        (**self).receive(now, frame);
    }

    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        (**self).transmit(now, buf)
    }

    fn poll(&mut self, now: Instant) {
        (**self).poll(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (**self).poll_timeout()
    }

    fn is_ready(&self) -> bool {
        (**self).is_ready()
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        (**self).take_reset_request()
    }
}
