//! Signals, as a descriptor that can be polled.
//!
//! A handler may do next to nothing, so each only sets a flag and then writes an octet into a socket
//! pair; the event loop wakes and calls [`Signals::drain`]. Several signals may come as one wake-up.
//!
//! | signal | meaning |
//! | --- | --- |
//! | SIGINT, SIGTERM | end |
//! | SIGHUP | end: the program that started us is gone (wpantund sets it as our parent-death signal) |
//! | SIGUSR1 | open the log file anew, print the counters |
//! | SIGUSR2 | clear the counters |
//! | SIGCHLD | a process that we started ended |
//!
//! SIGPIPE is ignored from before `main()` by the Rust runtime and stays so: a reader that went away is
//! an error of the write that meets it.

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::{flag, low_level, SigId};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Catches our signals for as long as it lives.
#[derive(Debug)]
pub struct Signals {
    wakeups: UnixStream,
    flags: [Arc<AtomicBool>; CAUGHT.len()],
    actions: Vec<SigId>,
}

/// The signals that came since they were last asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The name of a signal that ends us.
    pub end: Option<&'static str>,
    /// SIGUSR1: print the counters.
    pub print: bool,
    /// SIGUSR2: clear the counters.
    pub clear: bool,
    /// SIGCHLD: a process that we started ended.
    pub child: bool,
}

impl Signals {
    /// Starts to catch the signals.
    ///
    /// # Errors
    /// If no descriptors are left.
    pub fn catch() -> io::Result<Signals> {
        let (wakeups, waker) = UnixStream::pair()?;
        wakeups.set_nonblocking(true)?;
        let mut signals = Signals {
            wakeups,
            flags: Default::default(),
            actions: Vec::with_capacity(2 * CAUGHT.len()),
        };
        for ((number, _), came) in CAUGHT.into_iter().zip(&signals.flags) {
            // Actions run in this order, so whoever is woken finds the flag set.
            signals
                .actions
                .push(flag::register(number, Arc::clone(came))?);
            signals
                .actions
                .push(low_level::pipe::register(number, waker.try_clone()?)?);
        }
        Ok(signals)
    }

    /// The descriptor that becomes readable with a signal.
    pub fn fd(&self) -> RawFd {
        self.wakeups.as_raw_fd()
    }

    /// Takes all signals that came. Call it when the descriptor is readable; at other times it answers
    /// that none came, or is merely early.
    pub fn drain(&mut self) -> Received {
        // First the octets, then the flags: a signal in between is seen now and wakes once more for
        // nothing, the other way round it would be lost.
        let mut octets = [0; 64];
        while matches!(self.wakeups.read(&mut octets), Ok(length) if length == octets.len()) {}

        let mut received = Received::default();
        for ((number, name), came) in CAUGHT.into_iter().zip(&self.flags) {
            if !came.swap(false, Ordering::SeqCst) {
                continue;
            }
            match number {
                SIGUSR1 => received.print = true,
                SIGUSR2 => received.clear = true,
                SIGCHLD => received.child = true,
                _ => received.end = Some(name),
            }
        }
        received
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // The handlers themselves stay, with nothing to do: the signals are ignored from now on.
        for action in self.actions.drain(..) {
            low_level::unregister(action);
        }
    }
}

const CAUGHT: [(i32, &str); 6] = [
    (SIGINT, "SIGINT"),
    (SIGTERM, "SIGTERM"),
    (SIGHUP, "SIGHUP"),
    (SIGUSR1, "SIGUSR1"),
    (SIGUSR2, "SIGUSR2"),
    (SIGCHLD, "SIGCHLD"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn readable(signals: &Signals) -> bool {
        let mut poll = mio::Poll::new().unwrap();
        let fd = signals.fd();
        poll.registry()
            .register(
                &mut mio::unix::SourceFd(&fd),
                mio::Token(0),
                mio::Interest::READABLE,
            )
            .unwrap();
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(core::time::Duration::ZERO))
            .unwrap();
        !events.is_empty()
    }

    /// Signals belong to the process, tests share one, and some of them have children that end: this one
    /// runs in a process of its own.
    #[test]
    fn signals_wake_and_are_told_once() {
        const ALONE: &str = "SPINEL_BRIDGE_SIGNAL_TEST";
        if std::env::var_os(ALONE).is_none() {
            // Test programs name their tests without the crate.
            let (_, here) = module_path!().split_once("::").unwrap();
            let test = format!("{here}::signals_wake_and_are_told_once");
            let output = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", &test])
                .env(ALONE, "1")
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{said}");
            assert!(said.contains("1 passed"), "{said}");
            return;
        }
        let mut signals = Signals::catch().unwrap();
        assert_eq!(signals.drain(), Received::default());
        assert!(!readable(&signals));

        for _ in 0..100 {
            low_level::raise(SIGUSR1).unwrap();
        }
        assert!(readable(&signals));
        let print = Received {
            print: true,
            ..Received::default()
        };
        assert_eq!(signals.drain(), print);
        assert_eq!(signals.drain(), Received::default());
        assert!(!readable(&signals));

        low_level::raise(SIGUSR2).unwrap();
        low_level::raise(SIGHUP).unwrap();
        let end = Received {
            end: Some("SIGHUP"),
            clear: true,
            ..Received::default()
        };
        assert_eq!(signals.drain(), end);

        low_level::raise(SIGCHLD).unwrap();
        let child = Received {
            child: true,
            ..Received::default()
        };
        assert_eq!(signals.drain(), child);

        for (number, name) in [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM")] {
            low_level::raise(number).unwrap();
            assert_eq!(signals.drain().end, Some(name));
        }

        drop(signals);
        // A handler without actions: this does not end the test.
        low_level::raise(SIGUSR1).unwrap();
    }

    #[test]
    fn a_broken_pipe_is_an_error_not_the_end() {
        let (reader, mut writer) = UnixStream::pair().unwrap();
        drop(reader);
        let error = writer.write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
