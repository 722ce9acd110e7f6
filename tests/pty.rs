//! `--pty`: what hosts that open a serial port expect of the one that we make.

mod process;

use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::termios::{
    cfmakeraw, tcgetattr, tcsetattr, InputFlags, LocalFlags, OutputFlags, SetArg,
};
use process::*;
use spinel_bridge::sim::rng::Rng;
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Long enough for the bridge to see that nobody is there, on a busy machine too.
const PAUSE: Duration = Duration::from_millis(40);

/// The bridge with its pty at `link`, past its start, and the name that it printed.
fn start(link: &Path, device: &str) -> (Program, PathBuf) {
    let (program, name) = start_fresh(link, device);
    // Its pty is there before the co-processor has been reset: the first client may or may not see that.
    let mut client = Client::open(link);
    client.send(STARTED);
    while client.next() != Said::Frame(STARTED.to_vec()) {}
    drop(client);
    thread::sleep(PAUSE);
    (program, name)
}

/// The bridge as soon as it has printed a name.
fn start_fresh(link: &Path, device: &str) -> (Program, PathBuf) {
    let line = format!("--pty --pty-link {} {device}", link.display());
    let mut command = command(&line);
    command.stderr(Stdio::null());
    Program::on_own_pty(command)
}

/// A frame of which the echo says that all is set up.
const STARTED: &[u8] = b"\x8F\x02\x00";

#[test]
fn name_is_the_first_line_on_a_pipe_and_the_link_is_there_by_then() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    // The line comes through a pipe while the program runs on, so it was flushed.
    let (mut program, name) = start_fresh(&link, ECHO);
    assert!(name.starts_with("/dev/pts"), "{}", name.display());
    assert_eq!(fs::read_link(&link).unwrap(), name);
    assert!(program.is_running());
}

#[test]
fn pty_is_the_default_face_and_the_printed_name_works() {
    let mut command = command(ECHO);
    command.stderr(Stdio::null());
    let (_program, name) = Program::on_own_pty(command);
    let mut client = Client::open(&name);
    client.send(STARTED);
    while client.next() != Said::Frame(STARTED.to_vec()) {}
}

#[test]
fn slave_is_raw_when_its_name_is_told() {
    let scratch = Scratch::new();
    let (_program, name) = start_fresh(&scratch.path("ncp"), ECHO);
    let slave = open_terminal(&name, nix::fcntl::OFlag::empty());
    let found = tcgetattr(&slave).unwrap();
    let mut raw = found.clone();
    cfmakeraw(&mut raw);
    assert_eq!(found, raw);
    // cfmakeraw itself, once, against what matters here.
    assert!(!found
        .local_flags
        .intersects(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG));
    assert!(!found
        .input_flags
        .intersects(InputFlags::ICRNL | InputFlags::IXON));
    assert!(!found.output_flags.contains(OutputFlags::OPOST));
}

#[test]
fn every_octet_passes() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, _) = start(&link, ECHO);
    let mut client = Client::open(&link);
    let mut frame = vec![0x81];
    frame.extend(0..=255);
    client.expect_echo(&frame);
    client.send_octets(&pyspinel_hdlc(&frame));
    client.expect_frame(&frame);
}

#[test]
fn fifty_clients_one_after_the_other() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, name) = start(&link, ECHO);
    for round in 0..50 {
        let mut client = Client::open(&link);
        // The first thing that it reads is the answer to what it asked, nothing stale.
        client.expect_echo(&[0x81, 0x02, round]);
        // And it does not wait for the answer to this.
        client.send(&[0x82, 0x02, round]);
        drop(client);
        thread::sleep(PAUSE);
    }
    assert_eq!(fs::read_link(&link).unwrap(), name);
}

#[test]
fn fifty_clients_without_a_pause() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, _) = start(&link, ECHO);
    for round in 0..50 {
        let mut client = Client::open(&link);
        client.expect_echo(&[0x81, 0x02, round]);
    }
}

#[test]
fn what_comes_while_nobody_is_there_is_discarded() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, _) = start_fresh(&link, ECHO);
    thread::sleep(Duration::from_millis(200));
    let mut first = Client::open(&link);
    // The notification of the start was for nobody.
    first.expect_silence();
    // A reset, which takes 20 ms, and 20 frames; then it goes.
    first.send_octets(b"\x7E\x13\x11\x7E");
    for n in 0..20 {
        first.send(&[0x81, 0x02, n]);
    }
    drop(first);
    thread::sleep(Duration::from_millis(150));
    let mut second = Client::open(&link);
    second.expect_silence();
    second.expect_echo(b"\x83\x02\x01");
}

#[test]
fn what_a_client_left_unread_is_not_for_the_next() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, _) = start(&link, ECHO);
    let first = Client::open(&link);
    // Enough to fill the pty and the bridge behind it.
    let writer = first.writer();
    writer.fill(&hdlc(&random_frame(1000, 1)));
    drop(writer);
    drop(first);
    thread::sleep(Duration::from_millis(300));
    let mut second = Client::open(&link);
    second.expect_silence();
    second.expect_echo(b"\x83\x02\x01");
}

#[test]
fn client_that_crashed_in_a_frame_does_not_spoil_the_next() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, _) = start(&link, ECHO);
    let frame = random_frame(100, 3);
    for cut in [1, 2, 3, 50, 101] {
        let first = Client::open(&link);
        first.send_octets(&hdlc(&frame)[..cut]);
        drop(first);
        thread::sleep(PAUSE);
        let mut second = Client::open(&link);
        // Even one that sends no flag in front.
        second.send_octets(&hdlc(b"\x81\x02\x2A")[1..]);
        second.expect_frame(b"\x81\x02\x2A");
    }
    // In the middle of an escape.
    let first = Client::open(&link);
    first.send_octets(b"\x7E\x81\x02\x7D");
    drop(first);
    thread::sleep(PAUSE);
    Client::open(&link).expect_echo(b"\x81\x02\x2B");
    // And without a moment in which nobody was there.
    let first = Client::open(&link);
    first.send_octets(b"\x7E\x81\x02\x03");
    let mut second = Client::open(&link);
    drop(first);
    second.expect_echo(b"\x81\x02\x2C");
}

#[test]
fn settings_of_a_client_end_with_it() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, _) = start(&link, ECHO);
    let first = open_terminal(&link, nix::fcntl::OFlag::empty());
    thread::sleep(PAUSE);
    let mut cooked = tcgetattr(&first).unwrap();
    cooked.local_flags |= LocalFlags::ICANON | LocalFlags::ECHO;
    cooked.input_flags |= InputFlags::IXON | InputFlags::ICRNL;
    tcsetattr(&first, SetArg::TCSANOW, &cooked).unwrap();
    drop(first);
    thread::sleep(PAUSE);
    let second = open_terminal(&link, nix::fcntl::OFlag::empty());
    let found = tcgetattr(&second).unwrap();
    assert!(!found
        .local_flags
        .intersects(LocalFlags::ICANON | LocalFlags::ECHO));
    assert!(!found
        .input_flags
        .intersects(InputFlags::IXON | InputFlags::ICRNL));
}

/// Clients who say what comes into their heads, with resets in between, and read nothing of what comes back.
#[test]
fn clients_that_talk_nonsense_cost_nothing() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (program, name) = start_fresh(&link, "sim:echo");
    let before = descriptors(program.pid());
    let mut rng = Rng::new(7);
    for round in 0..30 {
        let mut client = fs::File::from(open_terminal(&name, OFlag::O_NONBLOCK));
        for _ in 0..50 {
            let mut octets = rng.octets::<512>().to_vec();
            if round % 3 == 0 {
                octets.extend([0x7E, 0x13, 0x11, 0x7E]);
            }
            // Full is as good as read.
            let _ = client.write(&octets);
        }
    }
    let mut client = Client::open(&name);
    // What the last one's nonsense still brings about ends.
    wait_until("an echo", || {
        client.send(&[0x81, 0x02, 0x42]);
        let said = client.next_within(Duration::from_millis(300));
        said == Said::Frame(vec![0x81, 0x02, 0x42])
    });
    let after = descriptors(program.pid());
    assert!(after <= before + 2, "{before} {after}");
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[test]
fn client_that_does_not_read_for_two_seconds_loses_nothing() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, _) = start(&link, ECHO);
    let mut client = Client::open(&link);
    let writer = client.writer();
    let frames = || (0..500).map(|seed| random_frame(500, seed));
    let sender = thread::spawn(move || {
        for frame in frames() {
            writer.write(&hdlc(&frame), Duration::from_secs(10));
        }
    });
    thread::sleep(Duration::from_secs(2));
    for frame in frames() {
        client.expect_frame(&frame);
    }
    sender.join().unwrap();
    client.expect_silence();
}

#[test]
fn link_is_removed_at_the_end() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let scratch = Scratch::new();
        let link = scratch.path("ncp");
        let (program, _) = start(&link, ECHO);
        let client = Client::open(&link);
        program.end(signal);
        assert!(!link.is_symlink(), "{signal}");
        drop(client);
    }
}

#[test]
fn link_that_a_killed_bridge_left_is_replaced_in_one_step() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    symlink("/dev/pts/gone", &link).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let watcher = {
        let (link, done) = (link.clone(), Arc::clone(&done));
        thread::spawn(move || {
            // Whoever looks finds one or the other, never nothing.
            while !done.load(Ordering::Relaxed) {
                fs::read_link(&link).unwrap();
            }
        })
    };
    for _ in 0..20 {
        let (program, name) = start_fresh(&link, ECHO);
        assert_eq!(fs::read_link(&link).unwrap(), name);
        program.signal(Signal::SIGKILL);
        drop(program);
        assert!(link.is_symlink(), "nobody could remove it");
    }
    done.store(true, Ordering::Relaxed);
    watcher.join().unwrap();
    let names: Vec<_> = fs::read_dir(scratch.path("")).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing is left beside it");
}

#[test]
fn anything_but_a_symlink_is_left_alone() {
    let scratch = Scratch::new();
    let file = scratch.path("ncp");
    fs::write(&file, "precious").unwrap();
    let line = format!("--pty-link {} {ECHO}", file.display());
    let mut command = command(&line);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    let text = program.stderr().text();
    assert_eq!(program.exit_code(), 3);
    assert!(text.contains("not a symlink"), "{text}");
    assert!(text.contains(file.to_str().unwrap()), "{text}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn nobody_needs_to_read_its_name() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (reader, writer) = pipe(nix::fcntl::OFlag::empty());
    drop(reader);
    let mut command = command(&format!("--pty-link {} {ECHO}", link.display()));
    command
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::null());
    let _program = Program::spawn(command);
    wait_until("the link", || link.is_symlink());
    let mut client = Client::open(&link);
    client.send(STARTED);
    while client.next() != Said::Frame(STARTED.to_vec()) {}
}

#[test]
fn reset_sequence_makes_a_hardware_reset() {
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let (_program, _) = start(&link, ECHO);
    let mut client = Client::open(&link);
    client.expect_echo(b"\x81\x02\x01");
    client.send_octets(b"\x7E\x13\x11\x7E");
    client.expect_reset();
    client.expect_echo(b"\x81\x02\x02");
}

#[test]
fn link_without_a_directory_is_an_error_with_its_name() {
    let mut command = command(&format!("--pty-link /nonexistent/ncp {ECHO}"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    let text = program.stderr().text();
    assert_eq!(program.exit_code(), 3);
    assert!(text.contains("/nonexistent/ncp"), "{text}");
}
