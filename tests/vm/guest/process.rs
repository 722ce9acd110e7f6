//! The programs that a case starts, what the kernel says about them, and the test module's switches.

use crate::client::Client;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A bridge that runs. Killed when dropped.
pub(crate) struct Bridge {
    child: Child,
    /// Where the pty's name came from; kept open, as a daemon's would be.
    stdout: Option<BufReader<ChildStdout>>,
}

impl Bridge {
    /// With a pty.
    pub(crate) fn pty(args: &[&str]) -> Result<(Bridge, Client), String> {
        let mut child = spawn(args, Stdio::null())?;
        let mut stdout = child.stdout.take().map(BufReader::new);
        let mut name = String::new();
        if let Some(stdout) = &mut stdout {
            stdout.read_line(&mut name).map_err(text)?;
        }
        let bridge = Bridge { child, stdout };
        let client = Client::pty(Path::new(name.trim()))
            .map_err(|error| format!("pty '{}': {error}; {}", name.trim(), log_end()))?;
        Ok((bridge, client))
    }

    /// On standard input and output.
    pub(crate) fn stdio(args: &[&str]) -> Result<(Bridge, Client), String> {
        let args = [&["--stdio"], args].concat();
        let mut child = spawn(&args, Stdio::piped())?;
        let (Some(input), Some(output)) = (child.stdout.take(), child.stdin.take()) else {
            return Err("no pipes".to_owned());
        };
        let client = Client::pipes(input.into(), output.into()).map_err(text)?;
        let bridge = Bridge {
            child,
            stdout: None,
        };
        Ok((bridge, client))
    }

    /// As the host driver.
    pub(crate) fn tun(args: &[&str]) -> Result<Bridge, String> {
        let child = spawn(args, Stdio::null())?;
        Ok(Bridge {
            child,
            stdout: None,
        })
    }

    /// One that should not start: its exit code and what it said.
    pub(crate) fn refused(args: &[&str]) -> Result<(i32, String), String> {
        let mut child = spawn(args, Stdio::null())?;
        let code = wait(&mut child, Duration::from_secs(5))?;
        Ok((code, log()))
    }

    /// SIGTERM, then its exit code.
    pub(crate) fn stop(mut self) -> Result<i32, String> {
        let pid = self.child.id().to_string();
        let kill = Command::new("/bin/kill").arg(pid).status().map_err(text)?;
        if !kill.success() {
            return Err("the bridge is not there any more".to_owned());
        }
        self.wait(Duration::from_secs(3))
    }

    /// Its exit code, once it ends by itself.
    pub(crate) fn wait(&mut self, time: Duration) -> Result<i32, String> {
        let code = wait(&mut self.child, time)?;
        if let Some(stdout) = &mut self.stdout {
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).map_err(text)?;
            if !rest.is_empty() {
                return Err(format!(
                    "more than the pty's name on standard output: {rest}"
                ));
            }
        }
        Ok(code)
    }

    /// Whether it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Processor time in percent while `time` passes.
    pub(crate) fn cpu_share(&self, time: Duration) -> Result<f64, String> {
        let (before, start) = (self.cpu_time()?, Instant::now());
        sleep(time);
        let used = self.cpu_time()?.saturating_sub(before);
        Ok(100.0 * used.as_secs_f64() / start.elapsed().as_secs_f64())
    }

    /// Processor time so far.
    fn cpu_time(&self) -> Result<Duration, String> {
        let stat =
            fs::read_to_string(format!("/proc/{}/schedstat", self.child.id())).map_err(text)?;
        let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
        nanos
            .map(Duration::from_nanos)
            .ok_or_else(|| "no schedstat".to_owned())
    }

    /// Open descriptors, and kB in memory.
    pub(crate) fn usage(&self) -> Result<(usize, u64), String> {
        let folder = format!("/proc/{}", self.child.id());
        let fds = fs::read_dir(format!("{folder}/fd")).map_err(text)?.count();
        let status = fs::read_to_string(format!("{folder}/status")).map_err(text)?;
        let rss = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse().ok());
        Ok((fds, rss.ok_or("no VmRSS")?))
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The co-processor, in a process of its own. Killed when dropped.
pub(crate) struct Coprocessor {
    child: Child,
}

impl Coprocessor {
    /// Returns once it serves the bus.
    pub(crate) fn start(spec: &str) -> Result<Coprocessor, String> {
        Coprocessor::dying(spec, "never")
    }

    /// One that dies as told; see `coprocessor::main`.
    pub(crate) fn dying(spec: &str, death: &str) -> Result<Coprocessor, String> {
        let mut child = Command::new("/proc/self/exe")
            .args(["coprocessor", spec, SLAVE_LOG, death])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(text)?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line).map_err(text)?;
        }
        match line.as_str() {
            "ready\n" => Ok(Coprocessor { child }),
            _ => Err(format!("the co-processor did not start: {line}")),
        }
    }

    /// Whether it has died.
    pub(crate) fn is_dead(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Coprocessor {
    fn drop(&mut self) {
        // It may have died.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sets a switch of the module.
pub(crate) fn switch(name: &str, on: bool) -> Result<(), String> {
    let path = format!("/sys/module/spinel_vm/parameters/{name}");
    fs::write(&path, if on { "1" } else { "0" }).map_err(|error| format!("{path}: {error}"))
}

/// Writes to a file of sysfs.
pub(crate) fn sysfs(path: &str, value: &str) -> Result<(), String> {
    fs::write(path, value).map_err(|error| format!("{path}: {error}"))
}

/// The whole number in a file of sysfs.
pub(crate) fn counter(path: &str) -> Result<u64, String> {
    let value = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    value.trim().parse().map_err(|_| format!("{path}: {value}"))
}

/// All that the bridge has logged since it was started last.
pub(crate) fn log() -> String {
    fs::read_to_string(BRIDGE_LOG).unwrap_or_default()
}

/// The end of it, in one line.
pub(crate) fn log_end() -> String {
    let log = log();
    let lines: Vec<&str> = log.lines().rev().take(3).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}

/// What the co-processor has logged since [`forget_slave_log`].
pub(crate) fn slave_log() -> String {
    fs::read_to_string(SLAVE_LOG).unwrap_or_default()
}

/// Empties it.
pub(crate) fn forget_slave_log() -> Result<(), String> {
    fs::write(SLAVE_LOG, "").map_err(text)
}

/// Waits until `done`, for `time` at the most.
pub(crate) fn until(time: Duration, mut done: impl FnMut() -> bool) -> bool {
    let limit = Instant::now() + time;
    while !done() {
        if Instant::now() >= limit {
            return false;
        }
        sleep(STEP);
    }
    true
}

pub(crate) fn text(error: io::Error) -> String {
    error.to_string()
}

fn spawn(args: &[&str], input: Stdio) -> Result<Child, String> {
    let log = File::create(BRIDGE_LOG).map_err(text)?;
    let bridge = ["/bin/spinel-bridge"];
    let words = match args.iter().position(|word| *word == UNDER) {
        Some(end) => [&args[end + 1..], &bridge, &args[..end]].concat(),
        None => [&bridge, args].concat(),
    };
    Command::new(words[0])
        .args(&words[1..])
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(|error| format!("/bin/spinel-bridge: {error}"))
}

fn wait(child: &mut Child, time: Duration) -> Result<i32, String> {
    let mut status = None;
    until(time, || {
        status = child.try_wait().ok().flatten();
        status.is_some()
    });
    match status {
        Some(status) => status.code().ok_or_else(|| format!("the bridge: {status}")),
        None => Err(format!("the bridge did not end within {time:?}")),
    }
}

/// What follows this among the arguments is the command that the bridge is run by.
pub(crate) const UNDER: &str = "UNDER";

const BRIDGE_LOG: &str = "/run/bridge.log";
const SLAVE_LOG: &str = "/run/slave.log";

/// How often something is looked for.
const STEP: Duration = Duration::from_millis(2);
