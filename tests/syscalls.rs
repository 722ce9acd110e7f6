//! How many system calls a frame costs, counted by strace on the real program. The simulated
//! co-processor makes none; on a real bus a frame to the co-processor adds one (the transfer), a frame
//! from it three (the edge, the transfer, the level).

mod process;

use process::*;
use std::fs;
use std::process::{Child, Command, Stdio};

/// strace on a process that runs.
struct Trace {
    strace: Child,
    scratch: Scratch,
}

impl Trace {
    fn of(program: &Program) -> Trace {
        let scratch = Scratch::new();
        let pid = program.pid().to_string();
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
        Trace { strace, scratch }
    }

    /// The calls that were made, by name.
    fn calls(mut self) -> Vec<String> {
        // SIGTERM: it detaches, and its file is whole.
        let pid = nix::unistd::Pid::from_raw(self.strace.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        self.strace.wait().unwrap();
        let calls = fs::read_to_string(self.scratch.path("calls")).unwrap();
        let name = |line: &str| line.split('(').next().unwrap_or("").to_owned();
        calls.lines().map(name).collect()
    }
}

/// The bridge on pipes, past its start and idle.
fn start() -> (Program, Client) {
    let mut command = command(&format!("--stdio --log none {ECHO}"));
    command.stderr(Stdio::null());
    let (program, mut client) = Program::on_pipes(command);
    echo(&mut client, 0);
    (program, client)
}

fn echo(client: &mut Client, number: u8) {
    let frame = [0x8F, 0x02, number];
    client.send(&frame);
    while client.next() != Said::Frame(frame.to_vec()) {}
}

#[test]
fn a_lone_frame_and_its_echo_cost_a_wait_a_read_and_a_write() {
    let (program, mut client) = start();
    let trace = Trace::of(&program);
    for number in 0..100 {
        echo(&mut client, number);
    }
    let calls = trace.calls();
    // And one more wait, in which it was found or left.
    assert!(
        calls.len() <= 3 * 100 + 3,
        "{} calls: {calls:?}",
        calls.len()
    );
    assert_eq!(calls.iter().filter(|name| *name == "write").count(), 100);
}

#[test]
fn under_load_a_frame_and_its_echo_cost_less_than_one_call() {
    let (program, mut client) = start();
    let trace = Trace::of(&program);
    let frame = [0x8F; 64];
    for _ in 0..10 {
        let burst: Vec<u8> = (0..100).flat_map(|_| hdlc(&frame)).collect();
        client.send_octets(&burst);
        for _ in 0..100 {
            while client.next() != Said::Frame(frame.to_vec()) {}
        }
    }
    let calls = trace.calls();
    assert!(
        calls.len() < 1_000,
        "{} calls for 1,000 frames",
        calls.len()
    );
}
