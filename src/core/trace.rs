//! What `-v`, `-vv` and `-vvv` show. The log targets tell them apart from messages for everyone.

use crate::wire::describe::{secret_at, Described};
use crate::wire::spi::{Header, Reading};
use crate::wire::spinel::Frame;
use core::fmt;
use std::sync::OnceLock;

/// Log target of `-v`: the headers of every transaction, on a stream those of every frame. Level: debug.
pub const HEADER: &str = "header";
/// Log target of `-vv`: every Spinel frame, decoded. Level: trace.
pub const FRAME: &str = "frame";
/// Log target of `-vvv`: the octets, without those of keys. Level: trace.
pub const HEX: &str = "hex";
/// Log target of `-vvv` with `--log-keys`: the octets of keys, too. Level: trace.
pub const KEYS: &str = "keys";
/// Log target of the counters that SIGUSR1 asks for: shown at every verbosity. Level: info.
pub const COUNTERS: &str = "counters";

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the host to the co-processor.
    ToSlave,
    /// From the co-processor to the host.
    FromSlave,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::ToSlave => "->",
            Way::FromSlave => "<-",
        })
    }
}

/// Who else sees each frame that is moved.
pub trait Observer: Send + Sync {
    /// A frame went this way. Must not wait.
    fn frame(&self, way: Way, frame: &[u8]);
}

/// The one that [`observe`] was given; as global as the log, and for the same reason: whoever moves frames need not know.
static OBSERVER: OnceLock<Box<dyn Observer>> = OnceLock::new();

/// Lets `observer` see every frame from now on. The first one counts; false: there is one already.
pub fn observe(observer: Box<dyn Observer>) -> bool {
    OBSERVER.set(observer).is_ok()
}

/// One line for a transaction.
pub fn transaction(host: &Header, slave: &Reading) {
    match slave {
        Reading::Valid { skipped: 0, header } => {
            log::debug!(target: HEADER, "-> {host} | <- {header}");
        }
        Reading::Valid { skipped, header } => {
            log::debug!(target: HEADER, "-> {host} | <- {header} (behind {skipped} octets)");
        }
        Reading::Void => log::debug!(target: HEADER, "-> {host} | <- void"),
        Reading::Garbage(octets) => {
            log::debug!(target: HEADER, "-> {host} | <- garbage {}", Hex(octets));
        }
    }
}

/// What stands for a transaction where there is none: one line for a frame on a stream.
pub fn on_stream(way: Way, octets: &[u8]) {
    let len = octets.len();
    match Frame::parse(octets) {
        Ok(frame) => {
            log::debug!(target: HEADER, "{way} {} {} in {len} octets", frame.header, frame.command);
        }
        Err(error) => log::debug!(target: HEADER, "{way} {len} octets: {error}"),
    }
}

/// One line, or two with the octets, for a frame that was moved; and [whoever observes](observe) sees it.
pub fn frame(way: Way, frame: &[u8]) {
    if let Some(observer) = OBSERVER.get() {
        observer.frame(way, frame);
    }
    log::trace!(target: FRAME, "{way} {}", Described(frame));
    match secret_at(frame) {
        Some(start) if !log::log_enabled!(target: KEYS, log::Level::Trace) => {
            let (shown, hidden) = frame.split_at(start.min(frame.len()));
            let hidden = hidden.len();
            log::trace!(target: HEX, "{way} {} <{hidden} octets: --log-keys shows them>", Hex(shown));
        }
        _ => log::trace!(target: HEX, "{way} {}", Hex(frame)),
    }
}

/// Octets in hex, with spaces between.
#[derive(Clone, Copy, Debug)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{octet:02X}")?;
        }
        Ok(())
    }
}
