//! The worst day, in real time, with the real program: readers that sleep, clients that are killed,
//! processes that are stopped, storms of signals, no descriptors, full disks, odd clocks, an interface
//! that is deleted, and control clients by the thousand.
//!
//! The driver's part runs as root, because a TUN interface takes that; so do the parts that need a
//! namespace or another process's limits.

mod hosts;
mod needs;
mod process;

#[path = "worst_day/clients.rs"]
mod clients;
#[path = "worst_day/driver.rs"]
mod driver;
#[path = "worst_day/limits.rs"]
mod limits;
#[path = "worst_day/signals.rs"]
mod signals;

use process::*;
use std::fs;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Nothing here hangs for longer: twice the longest stall.
const PATIENCE: Duration = Duration::from_secs(30);

/// A face of the bridge, past its start.
fn start(options: &str, device: &str) -> (Program, Client, Option<Scratch>) {
    let line = format!("{options} {device}");
    if !options.starts_with("--pty") {
        let (program, mut client) = Program::on_pipes(quiet(&line));
        synchronise(&mut client);
        return (program, client, None);
    }
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let line = format!("--pty-link {} {line}", link.display());
    let (program, _) = Program::on_own_pty(quiet(&line));
    let mut client = Client::open(&link);
    synchronise(&mut client);
    (program, client, Some(scratch))
}

fn quiet(line: &str) -> Command {
    let mut command = command(line);
    command.stderr(Stdio::null());
    command
}

/// Reads whole frames until the one comes back that is sent here: what was on its way is past then.
#[track_caller]
fn synchronise(client: &mut Client) {
    let frame = b"\x8F\x02\xA5\x5A";
    client.send(frame);
    while client.next() != Said::Frame(frame.to_vec()) {}
}

/// The frames of a load: of all lengths, each with its number, so that none can stand for another.
fn load(count: u32) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|number| {
        let mut frame = random_frame(20 + (number as usize * 37) % 1200, u64::from(number));
        frame[1..5].copy_from_slice(&number.to_le_bytes());
        frame
    })
}

/// Sends `count` frames of [`load`] on a thread of its own, as fast as they are taken.
fn send_load(client: &Client, count: u32) -> JoinHandle<()> {
    let writer = client.writer();
    thread::spawn(move || {
        for frame in load(count) {
            writer.write(&hdlc(&frame), PATIENCE);
        }
    })
}

/// Each of them comes back, in order and unchanged, and nothing else does.
#[track_caller]
fn expect_load(client: &mut Client, count: u32) {
    for frame in load(count) {
        client.expect_frame(&frame);
        // What was checked needs not be kept: a load is some megabytes.
        client.seen.clear();
    }
    client.expect_silence();
}

/// A number of a line like `VmRSS:   1234 kB` of the status of a process.
fn status(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Resident memory in kB.
fn memory(pid: u32) -> u64 {
    status(pid, "VmRSS:")
}

/// How many descriptors a process has open, and the limit with which it gets no other one: the least
/// number that is free.
fn descriptors(pid: u32) -> (usize, u64) {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let numbers: Vec<u64> = open
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let free = (0..).find(|number| !numbers.contains(number));
    (numbers.len(), free.unwrap())
}

/// prlimit(1): how many descriptors a process that runs may have.
fn limit_descriptors(pid: u32, limit: u64) {
    let status = Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--nofile={limit}:4096")])
        .status()
        .unwrap();
    assert!(status.success(), "prlimit, and to be root");
}
