//! The program itself, on a pty of its own with a simulated co-processor, which makes no system call.

use crate::hosts::{Folder, Host};
use crate::process::{command, hdlc, wait_until, Client, Program, Said, Scratch};
use std::fs;
use std::net::Ipv6Addr;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The program on a pty, past its start, with a client.
pub struct Running {
    pub program: Program,
    pub client: Client,
}

impl Running {
    /// On the co-processor `device`.
    pub fn start(device: &str) -> Running {
        let mut command = command(&format!("--pty --log none {device}"));
        command.stderr(Stdio::null());
        let (program, path) = Program::on_own_pty(command);
        let client = Client::open(&path);
        let mut running = Running { program, client };
        running.echo(&[0x8F, 0x02, 0x00]);
        running
    }

    /// Sends `frame` and waits until it is back.
    pub fn echo(&mut self, frame: &[u8]) {
        self.client.send(frame);
        while self.client.next() != Said::Frame(frame.to_vec()) {}
    }

    /// Sends `count` times `frame` as fast as they are taken, and waits until all are back.
    pub fn load(&mut self, frame: &[u8], count: usize) {
        let writer = self.client.writer();
        let burst = hdlc(frame).repeat(count);
        let sender = thread::spawn(move || writer.write(&burst, Duration::from_secs(30)));
        for _ in 0..count {
            while self.client.next() != Said::Frame(frame.to_vec()) {}
        }
        sender.join().expect("the sender has written everything");
    }

    /// Time on a processor so far, in microseconds.
    pub fn cpu(&self) -> f64 {
        cpu(self.program.pid())
    }

    /// A line of /proc/PID/status, in kB.
    pub fn memory(&self, line: &str) -> u64 {
        memory(self.program.pid(), line)
    }
}

/// Time on a processor so far of the process `pid`, which has one thread, in microseconds.
pub fn cpu(pid: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat"));
    let text = text.expect("a kernel with CONFIG_SCHED_INFO");
    let field = text.split(' ').next().expect("three fields");
    field.parse::<f64>().expect("nanoseconds") / 1_000.0
}

/// Resident memory of a program in C that only waits, sleep(1), in kB: all, its own, files.
pub fn waiting_memory() -> [u64; 3] {
    let mut sleep = Command::new("sleep").arg("60").spawn().expect("sleep(1)");
    let pid = sleep.id();
    wait_until("sleep(1) to sleep", || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.contains("(sleep) S ")
    });
    let sizes = ["VmRSS", "RssAnon", "RssFile"].map(|line| memory(pid, line));
    sleep.kill().expect("it sleeps");
    sleep.wait().expect("it was started");
    sizes
}

fn memory(pid: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let number = found.and_then(|text| text.trim_start_matches(':').split_whitespace().next());
    let number = number.and_then(|text| text.parse().ok());
    number.expect("a number of kB")
}

/// What the host driver costs.
pub struct Driver {
    /// Calls of [`PINGS`] lone echoes, and of [`PINGS_LOAD`], twenty of them on their way at a time.
    pub lone: Calls,
    pub load: Calls,
    /// kB, with the files that it shares, and of its own alone (heap, stack, data).
    pub resident: u64,
    pub own: u64,
}

/// The host driver while a ping of the simulated co-processor's own locator runs, which it answers
/// itself: a packet out and its answer in. Takes root.
pub fn driver() -> Driver {
    let folder = Folder::new();
    let mut host = Host::start(&folder, "calls", "sim:seed=1");
    host.ctl("form test");
    let locator = host.wait_for("a locator", |host| {
        let table = host.ctl("get IPV6_ADDRESS_TABLE");
        let words = table.split(|c: char| c.is_whitespace() || "[]()=\"".contains(c));
        let mut addresses = words.filter_map(|word| word.parse::<Ipv6Addr>().ok());
        addresses.find(|address| address.segments()[4..7] == [0, 0xFF, 0xFE00])
    });
    host.ping(locator);
    let pid = host.bridge().0.id();
    let ping = |options: &str, count: u64| {
        let line = format!("ping -6 -n {options} -c {count} {locator}");
        let words: Vec<&str> = line.split(' ').collect();
        let trace = Strace::of(pid);
        host.run(&words);
        trace.calls()
    };
    Driver {
        lone: ping("-i 0.05", PINGS),
        load: ping("-f -l 20 -s 1000", PINGS_LOAD),
        resident: memory(pid, "VmRSS"),
        own: memory(pid, "RssAnon"),
    }
}

/// Echoes through the host driver that are looked at.
pub const PINGS: u64 = 50;
pub const PINGS_LOAD: u64 = 1_000;

/// A frame of `len` octets, none of which must be escaped.
pub fn frame(len: usize) -> Vec<u8> {
    let mut frame = vec![0x20; len];
    frame[0] = 0x81;
    frame
}

/// System calls of the program, by what they are for.
#[derive(Clone, Debug)]
pub struct Calls {
    pub waits: u64,
    pub reads: u64,
    pub writes: u64,
    pub others: Vec<String>,
}

impl Calls {
    /// All.
    pub fn all(&self) -> u64 {
        self.waits + self.reads + self.writes + self.others.len() as u64
    }

    /// For a frame to the co-processor: waits and reads. A wait that both ways share counts for both.
    pub fn to(&self, waits: f64) -> f64 {
        waits * self.waits as f64 + self.reads as f64
    }

    /// For a frame from it: waits and writes.
    pub fn from(&self, waits: f64) -> f64 {
        waits * self.waits as f64 + self.writes as f64
    }
}

/// The calls that lone echoes of `len` octets make, `count` of them. The co-processor thinks for 20 ms,
/// so that the way to it is over before the way back begins.
pub fn lone_calls(len: usize, count: usize) -> Calls {
    let mut running = Running::start("sim:echo:busy=20ms");
    let frame = frame(len);
    running.echo(&frame);
    let trace = Strace::of(running.program.pid());
    for _ in 0..count {
        running.echo(&frame);
    }
    trace.calls()
}

/// The calls that `count` echoes of `len` octets make that are sent as fast as they are taken.
pub fn load_calls(len: usize, count: usize) -> Calls {
    let mut running = Running::start("sim:echo");
    let frame = frame(len);
    let trace = Strace::of(running.program.pid());
    running.load(&frame, count);
    trace.calls()
}

/// Round trips of `count` lone echoes of `len` octets, sorted: from before the client writes until it
/// has read the last octet. And the processor time of the program for each, in microseconds.
pub fn round_trips(len: usize, count: usize) -> (Vec<Duration>, f64) {
    let mut running = Running::start("sim:echo");
    let frame = frame(len);
    for _ in 0..100 {
        running.echo(&frame);
    }
    let before = running.cpu();
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            running.echo(&frame);
            began.elapsed()
        })
        .collect();
    let cpu = running.cpu() - before;
    times.sort();
    (times, cpu / count as f64)
}

/// Processor time of the program for each of `count` echoes under load, in microseconds.
pub fn load_cpu(len: usize, count: usize) -> f64 {
    let mut running = Running::start("sim:echo");
    let frame = frame(len);
    running.load(&frame, 200);
    let before = running.cpu();
    running.load(&frame, count);
    (running.cpu() - before) / count as f64
}

/// strace on a process that runs.
pub struct Strace {
    strace: Child,
    scratch: Scratch,
}

impl Strace {
    pub fn of(pid: u32) -> Strace {
        let scratch = Scratch::new();
        let pid = pid.to_string();
        let strace = Command::new("strace")
            .args(["-qq", "-o"])
            .arg(scratch.path("calls"))
            .args(["-p", &pid])
            .stderr(Stdio::null())
            .spawn()
            .expect("strace: install it (tests/setup.sh does)");
        wait_until("strace", || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            !status.contains("TracerPid:\t0\n")
        });
        Strace { strace, scratch }
    }

    /// What was called.
    pub fn calls(mut self) -> Calls {
        // SIGTERM: it detaches, and its file is whole.
        let pid = nix::unistd::Pid::from_raw(self.strace.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.strace.wait().unwrap();
        let text = fs::read_to_string(self.scratch.path("calls")).unwrap();
        let mut calls = Calls {
            waits: 0,
            reads: 0,
            writes: 0,
            others: Vec::new(),
        };
        for line in text.lines() {
            match line.split('(').next().unwrap_or("") {
                "epoll_wait" | "epoll_pwait" | "ppoll" => calls.waits += 1,
                "read" => calls.reads += 1,
                "write" => calls.writes += 1,
                name => calls.others.push(name.to_owned()),
            }
        }
        calls
    }
}
