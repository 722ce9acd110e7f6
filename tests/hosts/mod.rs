//! Hosts for the network tests: each a network namespace of its own with our real program in it.
//!
//! A namespace lives as long as a process that sleeps in it, and what it held is gone with it: nothing
//! is left behind, whatever happens to a test. Every wait has a limit.

// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::net::Ipv6Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take that does not say otherwise: a leader of real firmware that is restarted takes 35 s, and
/// machines are slow at times.
pub const LIMIT: Duration = Duration::from_secs(60);

/// A folder that is gone when it is dropped: for the radio, the sockets and the logs of one test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bridge-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// `radio=PATH` for the devices that share one radio.
    pub fn radio(&self) -> String {
        let path = self.join("air");
        let _ = fs::create_dir(&path);
        format!("radio={}", path.display())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that is killed when it is dropped.
pub struct Process(pub Child);

impl Process {
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.0.id() as i32), signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// Waits for its end; its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let status = wait("the process to end", || self.0.try_wait().unwrap());
        status.code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A host: a network namespace, and our program in it.
pub struct Host {
    namespace: Process,
    bridge: Option<Process>,
    socket: PathBuf,
    log: PathBuf,
    /// Variables of every command in it.
    pub environment: Vec<(String, String)>,
}

impl Host {
    /// A namespace where nothing runs yet.
    pub fn new(folder: &Folder, name: &str) -> Host {
        // It lives as long as we do, however we end.
        let mut sleeper = Command::new("unshare");
        sleeper.args(["--net", "tail", "-s", "5", "-f", "/dev/null"]);
        sleeper.arg(format!("--pid={}", std::process::id()));
        let namespace = Process(sleeper.spawn().expect("unshare, and to be root"));
        let pid = namespace.0.id();
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        // The new namespace is there as soon as the process is in it.
        wait("a network namespace", || {
            let theirs = fs::read_link(format!("/proc/{pid}/ns/net")).ok()?;
            (theirs != own).then_some(())
        });
        let host = Host {
            namespace,
            bridge: None,
            socket: folder.join(&format!("{name}.sock")),
            log: folder.join(&format!("{name}.log")),
            environment: Vec::new(),
        };
        host.run(&["ip", "link", "set", "lo", "up"]);
        host
    }

    /// A namespace with the host driver on `device`.
    pub fn start(folder: &Folder, name: &str, device: &str) -> Host {
        let mut host = Host::new(folder, name);
        host.start_bridge(&[device]);
        host
    }

    /// The driver with more arguments; the device is one of them. It has to find its co-processor.
    pub fn start_bridge(&mut self, arguments: &[&str]) {
        self.start_bridge_anyhow(arguments);
        self.wait_for("the driver to be ready", |host| {
            let state = host.status()?["state"].as_str()?.to_owned();
            (!state.starts_with("uninitialized")).then_some(())
        });
    }

    /// The same, and nothing is waited for.
    pub fn start_bridge_anyhow(&mut self, arguments: &[&str]) {
        let socket = self.socket.display().to_string();
        let usual = ["--tun", "wpan0", "--control", &socket];
        self.start_plain(&[&usual, arguments].concat());
    }

    /// The driver with these arguments alone; nothing is waited for.
    pub fn start_plain(&mut self, arguments: &[&str]) {
        let mut command = self.command(env!("CARGO_BIN_EXE_spinel-bridge"));
        let log = File::options().create(true).append(true).open(&self.log);
        command
            .args(["--log", "stderr"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap());
        // nsenter executes the program in its own place: the process is ours to signal.
        self.bridge = Some(Process(command.spawn().unwrap()));
    }

    /// A second driver, in the namespace of `host`, whose control socket is the last but one of the
    /// arguments.
    pub fn start_beside(&mut self, host: &Host, arguments: &[&str]) {
        let mut command = host.command(env!("CARGO_BIN_EXE_spinel-bridge"));
        command.args(["--log", "none"]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        self.bridge = Some(Process(command.spawn().unwrap()));
        self.socket = PathBuf::from(arguments[arguments.len() - 2]);
    }

    /// The path by which programs enter this namespace.
    pub fn namespace(&self) -> String {
        format!("/proc/{}/ns/net", self.namespace.0.id())
    }

    /// Where the control socket is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn bridge(&mut self) -> &mut Process {
        self.bridge.as_mut().unwrap()
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill_bridge(&mut self) {
        self.bridge = None;
    }

    /// A command in this namespace.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.namespace()))
            .arg("--")
            .arg(program)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // Its own group, so that Ctrl-C at the test runner leaves the cleaning up to us.
            .process_group(0)
            .env_remove("JOURNAL_STREAM");
        command
    }

    /// Runs a command in this namespace to its end; its standard output. It must succeed.
    pub fn run(&self, words: &[&str]) -> String {
        let output = self.try_run(words);
        assert!(
            output.status.success(),
            "{words:?}: {output:?}\n{}",
            self.log()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn try_run(&self, words: &[&str]) -> Output {
        let mut command = self.command(words[0]);
        command.args(&words[1..]).output().unwrap()
    }

    /// Runs spinelctl with `words` split at spaces.
    pub fn try_ctl(&self, words: &str) -> Output {
        let words = words.split(' ').filter(|word| !word.is_empty());
        let mut command = Command::new(env!("CARGO_BIN_EXE_spinelctl"));
        command.arg("--socket").arg(&self.socket).args(words);
        command.output().unwrap()
    }

    /// The same, and it must succeed.
    pub fn ctl(&self, words: &str) -> String {
        let output = self.try_ctl(words);
        assert!(
            output.status.success(),
            "spinelctl {words}: {output:?}\n{}",
            self.log()
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// The same with `--json`.
    pub fn json(&self, words: &str) -> Value {
        let text = self.ctl(&format!("--json {words}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words}: {error}: {text}"))
    }

    /// The exit code of spinelctl when it must fail, and what it said.
    pub fn refused(&self, words: &str) -> (i32, String) {
        let output = self.try_ctl(words);
        assert!(!output.status.success(), "spinelctl {words}: {output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    }

    /// The status, if the driver answers.
    pub fn status(&self) -> Option<Value> {
        let output = self.try_ctl("--json status");
        let row: Value = serde_json::from_slice(&output.stdout).ok()?;
        match row {
            Value::Array(rows) => rows.into_iter().next(),
            row => Some(row),
        }
    }

    pub fn state(&self) -> String {
        let status = self.status().expect("a status");
        status["state"].as_str().unwrap().to_owned()
    }

    pub fn wait_for_state(&self, wanted: &str) {
        self.wait_for(&format!("the state {wanted}"), |host| {
            (host.status()?["state"] == wanted).then_some(())
        });
    }

    /// Waits for `test` to say something.
    pub fn wait_for<T>(&self, what: &str, mut test: impl FnMut(&Host) -> Option<T>) -> T {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(found) = test(self) {
                return found;
            }
            assert!(
                Instant::now() < end,
                "waited in vain for {what}: {:?}\n{}",
                self.status(),
                self.log()
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// Whether somebody listens on this port; `table` is the one of `/proc/net` where it shows. Connections of before
    /// linger there, too.
    pub fn listens(&self, table: &str, port: u16) -> bool {
        let local = format!(":{port:04X}");
        let text = self.run(&["cat", &format!("/proc/net/{table}")]);
        text.lines().any(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // TCP_LISTEN; TCP_CLOSE, which is what an unconnected socket of UDP has.
            matches!(fields[..], [_, address, _, "0A" | "07", ..] if address.ends_with(&local))
        })
    }

    /// The addresses that the kernel has on wpan0, sorted.
    pub fn kernel_addresses(&self) -> Vec<Ipv6Addr> {
        let text = self.run(&["ip", "-6", "-j", "address", "show", "dev", "wpan0"]);
        let interfaces: Value = serde_json::from_str(&text).unwrap();
        let mut addresses: Vec<Ipv6Addr> = interfaces
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|interface| {
                interface["addr_info"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            })
            .filter_map(|info| info["local"].as_str()?.parse().ok())
            .collect();
        addresses.sort();
        addresses
    }

    /// Pings until an answer comes: the first packets may come before the other side is ready.
    pub fn ping(&self, address: Ipv6Addr) {
        let scope = match address.segments()[0] & 0xffc0 == 0xfe80 {
            true => "%wpan0",
            false => "",
        };
        let target = format!("{address}{scope}");
        self.wait_for(&format!("a ping of {target}"), |host| {
            let words = [
                "ping", "-6", "-n", "-c", "3", "-i", "0.2", "-W", "2", &target,
            ];
            let output = host.try_run(&words);
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            text.contains(" 3 received").then_some(())
        });
    }

    /// How long the whole log is, in octets.
    pub fn log_length(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |log| log.len())
    }

    /// All of it.
    pub fn whole_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    pub fn log(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let skip = text.lines().count().saturating_sub(60);
        text.lines()
            .skip(skip)
            .map(|line| format!("{line}\n"))
            .collect()
    }
}

/// Waits for `test` to say something.
pub fn wait<T>(what: &str, mut test: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(found) = test() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        sleep(Duration::from_millis(20));
    }
}

/// An example of this package, which cargo has built together with the tests.
pub fn example(name: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_spinel-bridge"));
    let path = program.with_file_name("examples").join(name);
    assert!(path.exists(), "{} is not built", path.display());
    path.display().to_string()
}
