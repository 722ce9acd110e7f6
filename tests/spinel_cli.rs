//! spinel-cli of PyPI, as it is, talks to the simulated co-processor through the daemon: over a
//! pseudo-terminal, and over the pipes of a command that it starts itself.
//!
//! What it does by its own quirks (pyspinel 1.0.3), so that nobody looks for it in the daemon:
//! - With `-p` it appends its node id, `1`, to the command; an empty `-n` stops that.
//! - With `-p` it waits two seconds for the reset notification, and cannot see it, since it only
//!   queues frames with TID 1. `reset` takes two seconds for the same reason, and says nothing.
//! - `scan` sleeps five seconds, fails to decode the beacons as UTF-8 and prints the traceback, then
//!   reads MAC_SCAN_BEACON, which is a stream, and says `Error` after two more seconds.
//! - Unsolicited updates show only in its log, with `debug 1`.

mod needs;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn on_a_pty() {
    let Some(spinel_cli) = spinel_cli() else {
        return;
    };
    let mut daemon =
        Process::spawn(Command::new(DAEMON).args(["--pty", "--log", "none", SIMULATION]));
    let pty = daemon.wait_for("the name of the pty", |line| line.starts_with('/'));
    assert_eq!(daemon.log.len(), 1, "the name is the first line");
    let mut client = Process::spawn(Command::new(&spinel_cli).args(["-u", &pty]));
    session(&mut client);
    // The daemon outlives its client.
    let mut client = Process::spawn(Command::new(&spinel_cli).args(["-u", &pty]));
    client.send("version");
    client.expect_done();
}

#[test]
fn on_pipes() {
    let Some(spinel_cli) = spinel_cli() else {
        return;
    };
    let daemon = format!("{DAEMON} --stdio {SIMULATION}");
    let mut client = Process::spawn(Command::new(spinel_cli).args(["-p", &daemon]));
    session(&mut client);
}

/// A day in the life of a Thread network.
fn session(client: &mut Process) {
    let version = client.get("version");
    assert!(version.starts_with("SPINEL-BRIDGE-SIM/"), "{version}");
    credentials(client);

    client.set("ifconfig up");
    assert_eq!(client.get("ifconfig"), "up");
    // The state of a stack that is down is 4, which spinel-cli does not know.
    client.set("debug 1");
    client.set("thread start");
    client.wait_for("the leader's role", |line| line.ends_with("NET_ROLE = 3"));
    client.send("counters mac");
    client.wait_for("the MAC counters", |line| line.starts_with("TxTotal: "));
    client.expect_done();
    client.wait_for_logged("CAPS = ((((5, 1),)");
    client.set("debug 0");
    assert_eq!(client.get("thread"), "start");
    assert_eq!(client.get("state"), "leader");

    addresses(client);
    scan(client);
    reset(client);
    client.quit();
}

fn credentials(client: &mut Process) {
    for (name, value) in [
        ("channel", "20"),
        ("panid", "0xface"),
        ("extpanid", "dead00beef00cafe"),
        ("networkname", "Test-Net"),
        ("masterkey", "ffeeddccbbaa99887766554433221100"),
    ] {
        client.set(&format!("{name} {value}"));
        assert_eq!(client.get(name), value, "{name}");
    }
    client.send("channel 27");
    client.wait_for("the refusal of channel 27", |line| line == "Error");
}

fn addresses(client: &mut Process) {
    client.send("ipaddr");
    let addresses = client.expect_done();
    assert_eq!(addresses.len(), 4, "{addresses:?}");
    assert!(addresses[0].starts_with("fe80::"), "{addresses:?}");
    assert!(addresses[3].ends_with(":fe00:fc00"), "{addresses:?}");
    for destination in [
        &addresses[0],
        &addresses[1],
        &addresses[2],
        &addresses[3],
        "ff02::1",
        "ff03::1",
    ] {
        // More than three hundred octets, so that it is no small packet.
        client.send(&format!("ping {destination} 300"));
        let answer = client.wait_for("the answer to a ping", |line| line.contains("bytes from"));
        assert!(answer.starts_with("300 bytes from "), "{answer}");
        if !destination.starts_with("ff") {
            assert!(answer.contains(destination), "{answer} to {destination}");
        }
    }
}

fn scan(client: &mut Process) {
    client.set("debug 1");
    client.send("scan");
    client.wait_for("a beacon", |line| line.contains("PROP_VALUE_INSERTED"));
    client.wait_for_logged("MAC_SCAN_STATE = 0");
    client.wait_for("the end of `scan`", |line| line == "Error");
    client.set("debug 0");
}

fn reset(client: &mut Process) {
    client.send("counters mle");
    let counters = client.expect_done();
    assert!(counters.iter().any(|line| line == "Role Leader: 1"));
    client.send("reset");
    assert_eq!(client.get("ifconfig"), "down");
    // Credentials outlive a reset.
    assert_eq!(client.get("networkname"), "Test-Net");
    assert_eq!(client.get("panid"), "0xface");
    client.set("ifconfig up");
    client.set("thread start");
    client.set("thread stop");
    assert_eq!(client.get("thread"), "stop");
    client.set("ifconfig down");
    assert_eq!(client.get("ifconfig"), "down");
}

/// A child and everything that it says on stdout and stderr. It is killed with all its descendants
/// when it goes out of scope.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// What it said so far, for the message of a failure.
    log: Vec<String>,
}

impl Process {
    fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .env("PYTHONUNBUFFERED", "1")
            // It writes its history there.
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (sender, lines) = channel();
        pump(child.stdout.take().unwrap(), sender.clone());
        pump(child.stderr.take().unwrap(), sender);
        Process {
            stdin: child.stdin.take(),
            child,
            lines,
            log: Vec::new(),
        }
    }

    fn send(&mut self, line: &str) {
        self.log.push(format!("> {line}"));
        let stdin = self.stdin.as_mut().expect("stdin is open until quit");
        writeln!(stdin, "{line}").unwrap_or_else(|error| self.fail(&error.to_string()));
    }

    /// A command that changes something.
    fn set(&mut self, line: &str) {
        self.send(line);
        // `debug` says what it set instead.
        let end = if line.starts_with("debug") {
            "DEBUG_ENABLE = "
        } else {
            "Done"
        };
        self.wait_for(line, |said| said.starts_with(end) || said == "Error");
        assert_ne!(self.log.last().map(String::as_str), Some("Error"), "{line}");
    }

    /// A command that shows one value.
    fn get(&mut self, line: &str) -> String {
        self.send(line);
        self.expect_done().pop().unwrap_or_default()
    }

    /// What it says up to `Done`.
    fn expect_done(&mut self) -> Vec<String> {
        let start = self.log.len();
        self.wait_for("`Done`", |line| line == "Done");
        let end = self.log.len() - 1;
        self.log[start..end].to_vec()
    }

    /// The next line that fits.
    fn wait_for(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(rest) {
                Ok(line) => self.log.push(line.clone()),
                Err(error) => self.fail(&format!("no sign of {what}: {error}")),
            }
            if let Some(line) = self.log.last().filter(|line| fits(line)) {
                return line.clone();
            }
        }
    }

    /// A line that may have come already: stdout and stderr have no order between them.
    fn wait_for_logged(&mut self, part: &str) {
        if !self.log.iter().any(|line| line.contains(part)) {
            self.wait_for(part, |line| line.contains(part));
        }
    }

    /// Ends it and its daemon the ordinary way: end of file.
    fn quit(&mut self) {
        self.send("exit");
        self.stdin = None;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rest = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(rest) {
                Ok(line) => self.log.push(line),
                // Both of its outputs are closed, by the daemon that it started as well.
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => self.fail(&format!("it does not end: {error}")),
            }
        }
        let status = self.child.wait().expect("it was started");
        assert!(status.success(), "{status}");
    }

    fn fail(&self, why: &str) -> ! {
        panic!("{why}; it said:\n{}", self.log.join("\n"));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The whole group, which is named like its first member.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-KILL", "--", &group])
            .stderr(Stdio::null())
            .status();
        let _ = self.child.wait();
    }
}

fn pump(from: impl Read + Send + 'static, to: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
}

/// The program under test's other end.
fn spinel_cli() -> Option<PathBuf> {
    let path = match std::env::var_os("SPINEL_CLI") {
        Some(path) => PathBuf::from(path),
        None => target_dir().join("venv/bin/spinel-cli.py"),
    };
    let what = format!(
        "{} (tests/setup.sh makes it; or set SPINEL_CLI to your spinel-cli.py)",
        path.display()
    );
    needs::file(&path, &what).then_some(path)
}

/// Cargo's target directory: the temporary directory of tests is in it.
fn target_dir() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("target/tmp has a parent")
}

const DAEMON: &str = env!("CARGO_BIN_EXE_spinel-bridge");
const SIMULATION: &str = "sim:hurry:auto-init:extras:seed=1";
/// The slowest command of spinel-cli is `scan`, 7 s; a loaded machine may take three times that.
const PATIENCE: Duration = Duration::from_secs(20);
