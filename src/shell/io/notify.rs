//! Tells systemd that we are ready, and that we live (sd_notify(3), `Type=notify`, `WatchdogSec=`).
//!
//! The protocol is one datagram to the socket that `NOTIFY_SOCKET` names; without it everything here
//! does nothing. A message that does not get through is dropped: systemd's time-outs deal with that.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

/// The way to systemd.
#[derive(Debug)]
pub struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Takes what systemd left in the environment.
    pub fn from_env() -> Self {
        let variable = |name| env::var(name).ok();
        Notify {
            socket: variable("NOTIFY_SOCKET").and_then(|path| {
                connect(&path)
                    .map_err(|error| log::warn!("NOTIFY_SOCKET {path}: {error}"))
                    .ok()
            }),
            watchdog: watchdog_period(
                variable("WATCHDOG_USEC").as_deref(),
                variable("WATCHDOG_PID").as_deref(),
                process::id(),
            ),
        }
    }

    /// The service does its work from now on.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The service ends because it was asked to.
    pub fn stopping(&self) {
        self.send("STOPPING=1");
    }

    /// The service lives. To be called every [`Notify::watchdog`].
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// How often systemd wants to hear that we live: half of the time after which it would end us, as
    /// sd_watchdog_enabled(3) recommends.
    pub fn watchdog(&self) -> Option<Duration> {
        self.socket.as_ref().and(self.watchdog)
    }

    fn send(&self, message: &str) {
        if let Some(socket) = &self.socket {
            if let Err(error) = socket.send(message.as_bytes()) {
                log::debug!("systemd was not told {message}: {error}");
            }
        }
    }
}

/// `path` as in `NOTIFY_SOCKET`: a path, or an abstract name behind `@`.
fn connect(path: &str) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    match path.strip_prefix('@') {
        Some(name) => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
        None => socket.connect(path)?,
    }
    Ok(socket)
}

fn watchdog_period(usec: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    // Meant for another process of the unit.
    if pid.is_some_and(|pid| pid.parse() != Ok(own_pid)) {
        return None;
    }
    let micros: u64 = usec?.parse().ok().filter(|micros| *micros > 0)?;
    Some(Duration::from_micros(micros) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_fed_at_half_its_time_and_only_by_whom_it_is_for() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog_period(Some("2000000"), None, 7), second);
        assert_eq!(watchdog_period(Some("2000000"), Some("7"), 7), second);
        assert_eq!(watchdog_period(Some("2000000"), Some("8"), 7), None);
        assert_eq!(watchdog_period(Some("0"), None, 7), None);
        assert_eq!(watchdog_period(Some("soon"), None, 7), None);
        assert_eq!(watchdog_period(None, Some("7"), 7), None);
    }

    #[test]
    fn messages_arrive_at_a_path_and_at_an_abstract_name() {
        let name = format!("spinel-bridge-notify-{}", process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).expect("a name");
        let path = env::temp_dir().join(&name);
        let path = path.to_str().expect("text");
        let receivers = [
            (
                UnixDatagram::bind_addr(&abstract_name).expect("bound"),
                format!("@{name}"),
            ),
            (UnixDatagram::bind(path).expect("bound"), path.to_owned()),
        ];
        for (receiver, address) in receivers {
            let notify = Notify {
                socket: Some(connect(&address).expect("connected")),
                watchdog: None,
            };
            notify.ready();
            let mut message = [0; 16];
            let len = receiver.recv(&mut message).expect("a message");
            assert_eq!(&message[..len], b"READY=1");
        }
        let _ = std::fs::remove_file(path);
    }
}
