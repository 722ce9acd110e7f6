//! What systemd is told (`Type=notify`, `WatchdogSec=`), by the real program.

mod process;

use process::*;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// systemd's end of the notification socket.
struct Systemd {
    socket: UnixDatagram,
    scratch: Scratch,
}

impl Systemd {
    fn new() -> Systemd {
        let scratch = Scratch::new();
        let socket = UnixDatagram::bind(scratch.path("notify")).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Systemd { socket, scratch }
    }

    /// Starts the bridge with `line`, its watchdog set to `watchdog`.
    fn start(&self, line: &str, watchdog: Option<Duration>) -> Program {
        let mut command = command(line);
        command
            .env("NOTIFY_SOCKET", self.scratch.path("notify"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some(watchdog) = watchdog {
            command.env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        }
        Program::spawn(command)
    }

    fn next(&self) -> String {
        let mut message = [0; 64];
        let len = self.socket.recv(&mut message).expect("a message");
        String::from_utf8(message[..len].to_vec()).unwrap()
    }
}

#[test]
fn ready_once_and_stopping_at_the_end() {
    let systemd = Systemd::new();
    let program = systemd.start(ECHO, None);
    assert_eq!(systemd.next(), "READY=1");
    program.end(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(systemd.next(), "STOPPING=1");
}

#[test]
fn ready_does_not_wait_for_the_co_processor_unless_it_is_asked_to() {
    let systemd = Systemd::new();
    let _program = systemd.start("sim:dead", None);
    assert_eq!(systemd.next(), "READY=1");

    let systemd = Systemd::new();
    let start = Instant::now();
    let _program = systemd.start("--ready-when-up sim:echo:boot=500ms", None);
    assert_eq!(systemd.next(), "READY=1");
    let waited = start.elapsed();
    assert!(waited >= Duration::from_millis(500), "{waited:?}");
}

#[test]
fn the_watchdog_is_fed_while_all_is_quiet() {
    let systemd = Systemd::new();
    let _program = systemd.start(ECHO, Some(Duration::from_millis(200)));
    let mut messages: Vec<String> = (0..6).map(|_| systemd.next()).collect();
    messages.retain(|message| message == "WATCHDOG=1");
    assert_eq!(messages.len(), 5);
}
