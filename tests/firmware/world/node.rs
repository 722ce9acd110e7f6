//! A program with a command line, and what it says: line by line, with a limit on each wait.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long a line may take that does not say otherwise: a restarted leader takes 35 s, and machines are slow at times.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A program whose lines are read. It and what it started are killed when it goes out of scope.
pub(crate) struct Line {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// What it said so far, and what was said to it.
    pub(crate) log: Vec<String>,
}

impl Line {
    pub(crate) fn start(command: &mut Command) -> Line {
        let mut child = command
            .env("PYTHONUNBUFFERED", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (sender, lines) = channel();
        pump(child.stdout.take().unwrap(), sender.clone());
        pump(child.stderr.take().unwrap(), sender);
        Line {
            stdin: child.stdin.take(),
            child,
            lines,
            log: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.log.push(format!("> {line}"));
        let stdin = self.stdin.as_mut().expect("open until it is closed");
        if let Err(error) = writeln!(stdin, "{line}") {
            self.fail(&error.to_string());
        }
    }

    /// End of file on its standard input.
    pub(crate) fn close(&mut self) {
        self.stdin = None;
    }

    /// The next line that fits.
    pub(crate) fn wait_for(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        self.wait_within(PATIENCE, what, fits)
    }

    pub(crate) fn wait_within(
        &mut self,
        patience: Duration,
        what: &str,
        fits: impl Fn(&str) -> bool,
    ) -> String {
        let deadline = Instant::now() + patience;
        loop {
            match self.next(deadline) {
                Ok(line) if fits(&line) => return line,
                Ok(_) => {}
                Err(error) => self.fail(&format!("no sign of {what}: {error}")),
            }
        }
    }

    /// Waits until it has ended; its exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next(deadline) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(error) => self.fail(&format!("it does not end: {error}")),
            }
        }
        self.child.wait().expect("it was started").code()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn fail(&self, why: &str) -> ! {
        let skip = self.log.len().saturating_sub(60);
        panic!("{why}; it said:\n{}", self.log[skip..].join("\n"));
    }

    fn next(&mut self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        let rest = deadline.saturating_duration_since(Instant::now());
        let line = self.lines.recv_timeout(rest)?;
        self.log.push(line.clone());
        Ok(line)
    }
}

impl Drop for Line {
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
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r').trim_start_matches("> ");
            if to.send(line.to_owned()).is_err() {
                return;
            }
        }
    });
}

/// OpenThread's command line, in `ot-cli-ftd` or in its posix host.
pub(crate) struct Node(pub(crate) Line);

impl Node {
    pub(crate) fn start(command: &mut Command) -> Node {
        Node(Line::start(command))
    }

    /// Runs a command to its `Done`; what it said up to there.
    pub(crate) fn run(&mut self, command: &str) -> Vec<String> {
        self.0.send(command);
        let start = self.0.log.len();
        let end = self
            .0
            .wait_for(command, |line| line == "Done" || line.starts_with("Error "));
        if end != "Done" {
            self.0.fail(&format!("{command}: {end}"));
        }
        let end = self.0.log.len() - 1;
        self.0.log[start..end]
            .iter()
            .filter(|line| !line.is_empty() && *line != command)
            .cloned()
            .collect()
    }

    /// The one value that a command shows.
    pub(crate) fn get(&mut self, command: &str) -> String {
        self.run(command).pop().unwrap_or_default()
    }

    /// Takes part in the network of this dataset (hex), and waits for one of these roles.
    pub(crate) fn attach(&mut self, dataset: &str, roles: &[&str]) {
        self.run(&format!("dataset set active {dataset}"));
        self.run("ifconfig up");
        self.run("thread start");
        self.wait_for_role(roles);
    }

    /// Forms a network with this name of its own; its dataset in hex.
    pub(crate) fn form(&mut self, name: &str) -> String {
        self.run("dataset init new");
        self.run(&format!("dataset networkname {name}"));
        self.run("dataset commit active");
        self.run("ifconfig up");
        self.run("thread start");
        self.wait_for_role(&["leader"]);
        self.get("dataset active -x")
    }

    pub(crate) fn wait_for_role(&mut self, roles: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let role = self.get("state");
            if roles.contains(&role.as_str()) {
                return;
            }
            if Instant::now() > deadline {
                self.0.fail(&format!("{role}, not one of {roles:?}"));
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Its mesh-local address.
    pub(crate) fn mesh_local(&mut self) -> String {
        self.get("ipaddr mleid")
    }

    /// Pings until the answer comes: the first packets may come before a route is known.
    pub(crate) fn ping(&mut self, address: &str, octets: usize) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.run(&format!("ping {address} {octets} 1 1 3"));
            if said.iter().any(|line| line.contains(" 1 packets received")) {
                return;
            }
            if Instant::now() > deadline {
                self.0.fail(&format!("no answer from {address}"));
            }
        }
    }
}
