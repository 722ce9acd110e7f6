//! A client that closes our input, but lives on: how `--stdio` and `--raw` end, and what they say.

mod process;

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::signal::Signal;
use nix::sys::socket::{shutdown, Shutdown, SockType};
use process::*;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// The program with its log in a file.
fn logging(line: &str) -> (Command, PathBuf, Scratch) {
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let mut command = command(&format!("{line} --log file:{}", log.display()));
    command.stderr(Stdio::null());
    (command, log, scratch)
}

/// The counters of a program in which nothing moves any more.
fn counter(program: &Program, log: &PathBuf, label: &str) -> usize {
    program.signal(Signal::SIGUSR1);
    let label = format!("  {label}");
    let mut value = None;
    wait_until("the counter", || {
        let text = fs::read_to_string(log).unwrap();
        let line = text.lines().rev().find(|line| line.ends_with(&label));
        let digits = line.map(|line| line.trim_end_matches(&label));
        value = digits.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.is_some()
    });
    value.unwrap()
}

/// What the last line but one says, before "did not take" and "did not read".
fn lost(log: &PathBuf) -> (usize, usize) {
    let text = fs::read_to_string(log).unwrap();
    let lines: Vec<&str> = text
        .lines()
        .filter(|l| l.contains("ending without"))
        .collect();
    assert_eq!(lines.len(), 1, "{text}");
    let after = |word: &str| {
        let rest = &lines[0][lines[0].find(word).unwrap() + word.len()..];
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    (after("did not take "), after("did not read "))
}

#[test]
fn a_client_that_closes_our_input_and_reads_nothing_does_not_keep_us() {
    let (command, log, _scratch) = logging(&format!("--stdio {ECHO}"));
    let (mut program, mut client) = Program::on_pipes(command);
    let frame = random_frame(1000, 1);
    let octets = hdlc(&frame);
    let sent = client.writer().fill(&octets) / octets.len();
    let taken = counter(&program, &log, "frames to the co-processor");
    let delivered = counter(&program, &log, "frames written to the client");

    client.close_output();
    assert_eq!(program.exit_code(), 0);
    let (untaken, unread) = lost(&log);
    assert!(untaken > 0 && unread > 0);
    assert_eq!(taken + untaken, sent);
    // All else that was for the client is in the pipe.
    let first = RESET_MARK + hdlc(&RESET_NOTIFICATION).len();
    let all = first + (delivered - 1) * octets.len();
    assert_eq!(client.rest().len() + unread, all);
    client.seen.clear();
}

#[test]
fn a_raw_client_that_closes_our_input_and_reads_nothing_does_not_keep_us() {
    let (mut command, log, _scratch) = logging(&format!("--raw {ECHO}"));
    // Pipes in packet mode, both of them.
    let (theirs, ours) = pipe(OFlag::O_DIRECT);
    let (input, output) = pipe(OFlag::empty());
    command.stdin(theirs).stdout(output);
    let mut program = Program::spawn(command);
    let mut client = Client::new(input, Some(ours));
    let frame = random_frame(1000, 1);
    let sent = client.writer().fill(&frame) / frame.len();
    let taken = counter(&program, &log, "frames to the co-processor");
    let delivered = counter(&program, &log, "frames written to the client");

    client.close_output();
    assert_eq!(program.exit_code(), 0);
    let (untaken, unread) = lost(&log);
    assert_eq!(taken + untaken, sent);
    let all = RESET_NOTIFICATION.len() + (delivered - 1) * frame.len();
    assert_eq!(client.rest().len() + unread, all);
    client.seen.clear();
}

#[test]
fn a_client_that_shuts_a_socket_down_and_reads_nothing_does_not_keep_us() {
    for kind in [SockType::Stream, SockType::SeqPacket] {
        let face = if kind == SockType::Stream {
            "--stdio"
        } else {
            "--raw"
        };
        let (mut command, log, _scratch) = logging(&format!("{face} {ECHO}"));
        let (ours, theirs) = sockets(kind);
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs);
        let socket = ours.try_clone().unwrap();
        let mut program = Program::spawn(command);
        let mut client = Client::both_ways(ours);
        let frame = random_frame(1000, 1);
        let octets = if kind == SockType::Stream {
            hdlc(&frame)
        } else {
            frame
        };
        let sent = client.writer().fill(&octets) / octets.len();
        let taken = counter(&program, &log, "frames to the co-processor");
        shutdown(socket.as_raw_fd(), Shutdown::Write).unwrap();
        assert_eq!(program.exit_code(), 0, "{kind:?}");
        assert_eq!(taken + lost(&log).0, sent, "{kind:?}");
        client.seen.clear();
    }
}

#[test]
fn a_client_that_closes_our_input_and_reads_slowly_loses_nothing() {
    let (mut command, log, _scratch) = logging(&format!("--stdio {ECHO}"));
    let (input, output) = small_pipe();
    command.stdin(Stdio::piped()).stdout(output);
    let mut program = Program::spawn(command);
    let mut client = Client::new(input, Some(program.stdin()));
    client.expect_reset();
    // More than a pipe, the bridge and the co-processor hold.
    let frame = random_frame(1000, 1);
    let octets = hdlc(&frame);
    let sent = client.writer().fill(&octets) / octets.len();
    client.close_output();

    // What is left when the co-processor has taken all, some five pages, is read a page at a time, which
    // takes longer than the bridge waits for somebody who reads nothing.
    let all = sent * octets.len();
    let mut got = 0;
    let mut buffer = vec![0; 4096];
    loop {
        if got + 6 * buffer.len() > all {
            thread::sleep(Duration::from_millis(150));
        }
        match client.read_within(&mut buffer, LIMIT).expect("an end") {
            0 => break,
            length => got += length,
        }
    }
    assert_eq!(program.exit_code(), 0);
    let text = fs::read_to_string(&log).unwrap();
    assert!(!text.contains("ending without"), "{text}");
    assert_eq!(got, all);
}

/// A pipe of one page: its end to read from, its end to write to.
fn small_pipe() -> (OwnedFd, OwnedFd) {
    let (input, output) = pipe(OFlag::empty());
    fcntl(&output, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    (input, output)
}

/// The octets of the marker 7E 13 11 7E.
const RESET_MARK: usize = 4;
