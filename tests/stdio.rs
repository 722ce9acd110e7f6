//! `--stdio` and `--raw`, one section for each program that starts us on them; then signals, exit codes
//! and the log.

mod process;

use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::sys::signal::Signal;
use nix::sys::socket::SockType;
use process::*;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The bridge on two pipes, past its start, without a log.
fn start(device: &str) -> (Program, Client) {
    let (program, mut client) = Program::on_pipes(quiet(&format!("--stdio {device}")));
    client.expect_reset();
    (program, client)
}

fn quiet(line: &str) -> Command {
    let mut command = command(line);
    command.stderr(Stdio::null());
    command
}

fn frames(count: u64, len: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |seed| random_frame(len, seed))
}

// wpantund: a shell on a forkpty made raw, or on a socket pair.

fn on_wpantunds_pty() -> (Program, Client) {
    let command = shell(&format!("--stdio -vvv {ECHO}"));
    let (program, mut client) = Program::on_forkpty(command, Mode::Raw);
    client.expect_reset();
    (program, client)
}

#[test]
fn wpantund_exchanges_frames_and_sees_no_log() {
    let (program, mut client) = on_wpantunds_pty();
    for frame in frames(100, 90) {
        client.expect_echo(&frame);
    }
    // Standard error is the channel, too; the counters are a log like any other.
    program.signal(Signal::SIGUSR1);
    client.expect_silence();
    client.expect_echo(b"\x81\x02\x01");
}

#[test]
fn wpantund_ends_us_with_sighup() {
    let (program, _client) = on_wpantunds_pty();
    program.end(Signal::SIGHUP);
}

#[test]
fn wpantund_ends_us_by_its_death() {
    let (send, receive) = mpsc::channel();
    // The thread that starts a program counts as its parent.
    let parent = thread::spawn(move || {
        let (mut command, client) = forkpty(shell(&format!("--stdio {ECHO}")), Mode::Raw);
        signal_when_parent_dies(&mut command, Signal::SIGHUP);
        let mut client = client;
        let program = Program::spawn(command);
        client.expect_reset();
        client.expect_echo(b"\x81\x02\x01");
        send.send((program, client)).unwrap();
    });
    let (mut program, _client) = receive.recv().unwrap();
    parent.join().unwrap();
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn wpantund_ends_us_by_hangup() {
    let (mut program, client) = on_wpantunds_pty();
    drop(client);
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn wpantund_falls_back_to_a_socket_pair() {
    for error_too in [false, true] {
        let (ours, theirs) = sockets(SockType::Stream);
        let mut command = shell(&format!("--stdio -vvv {ECHO}"));
        command.stderr(Stdio::null());
        if error_too {
            command.stderr(theirs.try_clone().unwrap());
        }
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs);
        let mut program = Program::spawn(command);
        let mut client = Client::both_ways(ours);
        client.expect_reset();
        for frame in frames(20, 300) {
            client.expect_echo(&frame);
        }
        drop(client);
        assert_eq!(program.exit_code(), 0);
    }
}

// OpenThread's ot-daemon and otbr-agent: forkpty without a shell; close() and wait() at the end.

fn on_openthreads_pty(line: &str) -> (Program, Client) {
    Program::on_forkpty(command(line), Mode::Raw)
}

#[test]
fn openthread_sees_nothing_but_hdlc() {
    let (_program, mut client) = on_openthreads_pty(&format!("--stdio -v {ECHO}"));
    client.expect_reset();
    for frame in frames(50, 1200) {
        client.expect_echo(&frame);
    }
}

#[test]
fn openthread_sees_nothing_of_a_failing_start() {
    for (line, code) in [
        ("--stdio /dev/spidev9.9", 3),
        ("--stdio -vvv /dev/spidev9.9", 3),
        ("--stdio --log file:/nonexistent/log sim:echo", 3),
        ("--stdio --no-such-option sim:echo", 2),
        ("--stdio --mtu 3 sim:echo", 2),
        ("--stdio sim:no-such-key", 2),
        ("--stdio", 2),
    ] {
        let (mut program, mut client) = on_openthreads_pty(line);
        assert_eq!(program.exit_code(), code, "{line}");
        assert_eq!(client.next(), Said::End, "{line}");
        assert_eq!(client.seen, b"", "{line}");
    }
}

#[test]
fn human_at_a_terminal_is_told_of_a_failing_start() {
    for (line, code, word) in [
        ("--stdio /dev/spidev9.9", 3, "/dev/spidev9.9"),
        ("--stdio --no-such-option sim:echo", 2, "--no-such-option"),
    ] {
        let (mut program, mut client) = Program::on_forkpty(command(line), Mode::Lines);
        assert_eq!(program.exit_code(), code, "{line}");
        let text = client.text();
        assert!(text.contains(word), "{line}: {text}");
    }
}

#[test]
fn openthread_closes_and_waits() {
    // While all is quiet; with an answer that it did not read; while the co-processor is silent.
    for (device, frames) in [(ECHO, 0), (ECHO, 1), ("sim:dead", 1)] {
        let (mut program, mut client) = on_openthreads_pty(&format!("--stdio {device}"));
        if device == ECHO {
            client.expect_reset();
        }
        for _ in 0..frames {
            client.send(&random_frame(1000, 1));
        }
        // The hangup is a SIGHUP, too.
        program.wait_until_it_catches(Signal::SIGHUP);
        drop(client);
        assert_eq!(program.exit_code(), 0, "{device}, {frames}");
    }
}

#[test]
fn openthread_closes_and_waits_while_nothing_moves_any_more() {
    let (mut program, client) = on_openthreads_pty(&format!("--stdio {ECHO}"));
    // Both directions are full: the bridge cannot write, and so does not read.
    client.writer().fill(&hdlc(&random_frame(1000, 1)));
    drop(client);
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn hangup_without_a_signal_ends_us() {
    for device in [ECHO, "sim:dead", "sim:echo:stuck-int", "sim:echo:no-int"] {
        // At rest, with an answer that is not read, with both directions full.
        for sends in 0..3 {
            let command = command(&format!("--stdio {device}"));
            let (mut program, client) = Program::on_plain_pty(command);
            match sends {
                0 => {}
                1 => client.send(&random_frame(1000, 1)),
                _ => {
                    client.writer().fill(&hdlc(&random_frame(1000, 1)));
                }
            }
            drop(client);
            assert_eq!(program.exit_code(), 0, "{device}, {sends}");
        }
    }
}

// pyspinel: pipes.

#[test]
fn pyspinel_closes_our_input_and_still_gets_its_answers() {
    for device in [
        ECHO,
        "sim:echo:busy=20ms",
        "sim:echo:no-int",
        "sim:echo:crc",
    ] {
        let (mut program, mut client) = start(device);
        // All but the last wait in the bridge or the co-processor; two of them have one TID.
        let asked = [0x81, 0x82, 0x83, 0x84, 0x84].map(|header| vec![header, 0x02, 0x01]);
        for frame in &asked {
            client.send(frame);
        }
        client.close_output();
        for frame in asked {
            assert_eq!(client.next(), Said::Frame(frame), "{device}");
        }
        assert_eq!(client.next(), Said::End, "{device}");
        assert_eq!(program.exit_code(), 0, "{device}");
    }
}

#[test]
fn pyspinel_escapes_no_more_than_it_must() {
    let (_program, mut client) = start(ECHO);
    let mut frame = vec![0x81];
    frame.extend((0..=255).chain([0x11, 0x13, 0x13, 0x11, 0xF8, 0xF8]));
    let octets = pyspinel_hdlc(&frame);
    assert!(octets.windows(2).any(|octets| octets == [0x13, 0x11]));
    client.send_octets(&octets);
    client.expect_frame(&frame);
}

#[test]
fn pyspinel_finds_a_flag_before_and_behind_every_frame() {
    let (_program, mut client) = start(ECHO);
    for n in 0..50 {
        client.expect_echo(&[0x81, 0x02, n]);
    }
    client.check_octets();
    let flags = client.seen.iter().filter(|&&octet| octet == 0x7E).count();
    // The marker, the notification and 50 frames.
    assert_eq!(flags, 2 * 52);
}

#[test]
fn input_without_anything_ends_us() {
    for device in [ECHO, "sim:dead", "sim:echo:stuck-int", "sim:echo:no-int"] {
        let mut command = quiet(&format!("--stdio {device}"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        assert_eq!(Program::spawn(command).exit_code(), 0, "{device}");
    }
}

#[test]
fn input_from_a_file_is_answered() {
    let scratch = Scratch::new();
    let path = scratch.path("octets");
    fs::write(&path, hdlc(b"\x81\x02\x01")).unwrap();
    let mut command = quiet(&format!("--stdio {ECHO}"));
    command
        .stdin(fs::File::open(&path).unwrap())
        .stdout(Stdio::piped());
    let mut program = Program::spawn(command);
    let mut client = program.stdout();
    // The reset of the start may or may not take the frame with it, which is read during it.
    client.expect_reset();
    client.expect_frame(b"\x81\x02\x01");
    assert_eq!(client.next(), Said::End);
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn reader_that_went_away_ends_us() {
    // With a frame to write, and without.
    for writes in [true, false] {
        let (mut program, mut client) = start(ECHO);
        client.close_input();
        if writes {
            client.send(b"\x81\x02\x01");
        }
        assert_eq!(program.exit_code(), 0, "writes: {writes}");
    }
}

// The reset sequence.

#[test]
fn reset_sequence_makes_a_hardware_reset_however_it_is_cut() {
    let (_program, mut client) = start(ECHO);
    for cut in 0..4 {
        client.expect_echo(&[0x81, 0x02, cut]);
        let (first, second) = b"\x7E\x13\x11\x7E".split_at(usize::from(cut));
        client.send_octets(first);
        thread::sleep(Duration::from_millis(30));
        client.send_octets(second);
        client.expect_reset();
    }
}

#[test]
fn reset_sequence_may_share_its_flags_with_the_frames_around_it() {
    let (_program, mut client) = start(ECHO);
    let (before, after) = (hdlc(b"\x81\x02\x01"), hdlc(b"\x82\x02\x02"));
    let octets = [&before[..], b"\x13\x11", &after[..]].concat();
    client.send_octets(&octets);
    // The frame before may be dropped by the reset, the one behind is for the new co-processor.
    let mut said = client.next();
    if said == Said::Frame(b"\x81\x02\x01".to_vec()) {
        said = client.next();
    }
    assert_eq!(said, Said::Reset);
    client.expect_frame(&RESET_NOTIFICATION);
    client.expect_frame(b"\x82\x02\x02");
}

#[test]
fn reset_sequence_overtakes_what_a_silent_co_processor_does_not_take() {
    // Six times as long as is waited for anything here.
    let (_program, mut client) = start("sim:echo:busy=60s");
    client.send(b"\x81\x02\x01");
    for frame in frames(3, 100) {
        client.send(&frame);
    }
    thread::sleep(Duration::from_millis(50));
    client.send_octets(b"\x7E\x13\x11\x7E");
    client.expect_reset();
}

#[test]
fn reset_sequence_without_a_reset_line_does_no_harm() {
    let command = quiet("--stdio sim:echo:no-res:busy=5ms");
    let (_program, mut client) = Program::on_pipes(command);
    assert_eq!(client.next(), Said::Reset);
    // RESET_POWER_ON: nobody could reset it.
    client.expect_frame(&[0x80, 0x06, 0x00, 0x70]);
    client.send_octets(b"\x7E\x13\x11\x7E");
    client.expect_echo(b"\x81\x02\x01");
    // Nor to frames that wait before it.
    let before: Vec<u8> = frames(5, 64).flat_map(|frame| hdlc(&frame)).collect();
    client.send_octets(&[&before[..], b"\x7E\x13\x11\x7E"].concat());
    for frame in frames(5, 64) {
        client.expect_frame(&frame);
    }
    client.expect_silence();
}

// HDLC.

#[test]
fn frames_of_every_size_come_back() {
    let (_program, mut client) = start(ECHO);
    for len in [1, 2, 31, 32, 33, 64, 500, 1294, 1295] {
        client.expect_echo(&random_frame(len, len as u64));
        // Every octet of it escaped.
        let mut frame = vec![0x7E; len];
        frame[0] = 0x81;
        client.expect_echo(&frame);
    }
}

#[test]
fn octets_come_one_at_a_time_or_all_at_once() {
    let (_program, mut client) = start(ECHO);
    let frame = random_frame(64, 1);
    for octet in hdlc(&frame) {
        client.send_octets(&[octet]);
    }
    client.expect_frame(&frame);
    let all: Vec<u8> = frames(20, 64).flat_map(|frame| hdlc(&frame)).collect();
    client.send_octets(&all);
    for frame in frames(20, 64) {
        client.expect_frame(&frame);
    }
}

#[test]
fn what_is_no_frame_is_ignored_and_the_next_one_is_not() {
    let (_program, mut client) = start(ECHO);
    let mut bad_fcs = hdlc(&random_frame(64, 1));
    bad_fcs[30] ^= 0x01;
    let too_long_for_us = hdlc(&random_frame(3000, 2));
    let too_long_for_it = hdlc(&random_frame(1296, 3));
    let not_spinel = hdlc(b"\x41\x02\x01");
    let empty = vec![0x7E; 9];
    let noise = b"noise\x7E".to_vec();
    let given_up = b"\x7E\x81\x02\x7D\x7E".to_vec();
    for octets in [
        bad_fcs,
        too_long_for_us,
        too_long_for_it,
        not_spinel,
        empty,
        noise,
        given_up,
    ] {
        client.send_octets(&octets);
        client.expect_echo(b"\x81\x02\x2A");
    }
    client.expect_silence();
}

#[test]
fn client_that_does_not_read_for_two_seconds_loses_nothing() {
    let (_program, mut client) = start(ECHO);
    let writer = client.writer();
    let sender = thread::spawn(move || {
        for frame in frames(500, 500) {
            writer.write(&hdlc(&frame), Duration::from_secs(10));
        }
    });
    thread::sleep(Duration::from_secs(2));
    for frame in frames(500, 500) {
        client.expect_frame(&frame);
    }
    sender.join().unwrap();
    client.expect_silence();
}

#[test]
fn frames_go_on_to_the_co_processor_while_the_client_does_not_read() {
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let (input, output) = small_pipe();
    // Without INT nothing but the frames themselves wakes the bridge.
    let line = format!("--stdio -v --log file:{} sim:echo:no-int", log.display());
    let mut command = quiet(&line);
    command.stdin(Stdio::piped()).stdout(output);
    let mut program = Program::spawn(command);
    let client = Client::new(input, Some(program.stdin()));
    let taken = || {
        let log = fs::read_to_string(&log).unwrap_or_default();
        let took =
            |line: &&str| !line.contains("DATA_LEN    0 |") && line.contains("<- RECV_LEN 1295");
        log.lines().filter(took).count()
    };
    // These fill the pipe and the buffer before it; the last are with the co-processor, which takes more.
    for n in 1..=18 {
        client.send(&random_frame(1000, 1));
        wait_until("a long frame was taken", || taken() == n);
    }
    // More than one turn moves.
    let all: Vec<u8> = (0..350).flat_map(|_| hdlc(b"\x80\x00\x01")).collect();
    client.send_octets(&all);
    wait_until("all short frames were taken", || taken() == 18 + 350);
}

#[test]
fn a_client_that_does_not_read_does_not_make_int_look_stuck() {
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let command = quiet(&format!("--stdio -v --log file:{} {ECHO}", log.display()));
    let (program, client) = Program::on_pipes(command);
    client.writer().fill(&hdlc(&random_frame(1200, 1)));
    let text = || fs::read_to_string(&log).unwrap_or_default();
    // As often as it takes to say so of a line that is stuck, and some more; 33 ms each.
    let blocked = "RECV_LEN    0 DATA_LEN 1200 | <- RECV_LEN    0 DATA_LEN 1200";
    let deadline = Instant::now() + Duration::from_secs(20);
    while text().matches(blocked).count() <= 80 {
        assert!(Instant::now() < deadline, "{}", text());
        thread::sleep(Duration::from_millis(100));
    }
    program.end(Signal::SIGTERM);
    assert!(!text().contains("INT is active"), "{}", text());
}

#[test]
fn what_was_sent_before_the_end_of_input_reaches_a_slow_co_processor() {
    let (mut program, mut client) = start("sim:echo:busy=2ms");
    let all: Vec<Vec<u8>> = (0..600u16)
        .map(|n| [&[0x81, 0x00][..], &n.to_be_bytes()].concat())
        .collect();
    let octets: Vec<u8> = all.iter().flat_map(|frame| hdlc(frame)).collect();
    client.send_octets(&octets);
    client.close_output();
    for frame in all {
        client.expect_frame(&frame);
    }
    assert_eq!(client.next(), Said::End);
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn what_cannot_be_delivered_before_the_end_is_told() {
    // Eight frames of the second fill a pipe of one page and leave some in the bridge.
    for (device, count, word) in [
        ("sim:dead", 1, "the co-processor did not take"),
        (ECHO, 8, "did not read"),
    ] {
        let (input, output) = small_pipe();
        let mut command = command(&format!("--stdio --log stderr {device}"));
        command.stdin(Stdio::piped()).stdout(output);
        command.stderr(Stdio::piped());
        let mut program = Program::spawn(command);
        let mut stderr = program.stderr();
        let mut client = Client::new(input, Some(program.stdin()));
        for frame in frames(count, 1000) {
            client.send(&frame);
        }
        client.close_output();
        let text = stderr.text();
        assert!(text.contains(word), "{device}: {text}");
        assert_eq!(program.exit_code(), 0);
    }
}

/// A pipe of one page: its end to read from, its end to write to.
fn small_pipe() -> (OwnedFd, OwnedFd) {
    let (input, output) = pipe(OFlag::empty());
    fcntl(&output, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    (input, output)
}

// Whole frames.

fn on_raw_socket(kind: SockType, options: &str) -> (Program, Client) {
    let command = quiet(&format!("--raw {options} {ECHO}"));
    let (program, mut client) = Program::on_socket(command, kind);
    assert_eq!(client.packet(), RESET_NOTIFICATION);
    (program, client)
}

#[test]
fn raw_frames_on_sockets() {
    for kind in [SockType::SeqPacket, SockType::Datagram] {
        let (_program, mut client) = on_raw_socket(kind, "");
        for len in [1, 64, 1295] {
            let frame = random_frame(len, 1);
            client.send_octets(&frame);
            assert_eq!(client.packet(), frame, "{kind:?}");
        }
        // Several before the first is read.
        for frame in frames(10, 200) {
            client.send_octets(&frame);
        }
        for frame in frames(10, 200) {
            assert_eq!(client.packet(), frame, "{kind:?}");
        }
        client.seen.clear();
    }
}

#[test]
fn raw_frames_above_the_mtu_are_dropped() {
    for kind in [SockType::SeqPacket, SockType::Datagram] {
        let scratch = Scratch::new();
        let log = scratch.path("log");
        let options = format!("--mtu 64 --log file:{}", log.display());
        let (program, mut client) = on_raw_socket(kind, &options);
        client.send_octets(&random_frame(65, 1));
        client.send_octets(&random_frame(2000, 2));
        let frame = random_frame(64, 3);
        client.send_octets(&frame);
        assert_eq!(client.packet(), frame, "{kind:?}");
        let nothing = client.read_within(&mut [0; 64], SILENCE);
        assert_eq!(nothing, None, "{kind:?}");
        // Nor did the co-processor get a part of them.
        program.signal(Signal::SIGUSR1);
        let printed = |label| counter(&fs::read_to_string(&log).unwrap(), label);
        let dropped = "frames dropped: longer than the MTU";
        wait_until("counters", || printed(dropped) == Some(2));
        assert_eq!(printed("frames to the co-processor"), Some(1), "{kind:?}");
    }
}

#[test]
fn raw_frames_on_pipes() {
    let (our_input, output) = pipe(OFlag::empty());
    // As `--raw` asks of whoever writes to a pipe: a packet for each write.
    let (input, our_output) = pipe(OFlag::O_DIRECT);
    let mut command = quiet(&format!("--raw {ECHO}"));
    command.stdin(input).stdout(output);
    let mut program = Program::spawn(command);
    let mut client = Client::new(our_input, Some(our_output));
    assert_eq!(client.packet(), RESET_NOTIFICATION);
    for frame in frames(10, 200) {
        client.send_octets(&frame);
    }
    for frame in frames(10, 200) {
        assert_eq!(client.packet(), frame);
    }
    client.close_output();
    assert_eq!(client.packet(), b"", "the end");
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn raw_client_that_went_away_ends_us() {
    let (mut program, client) = on_raw_socket(SockType::SeqPacket, "");
    drop(client);
    assert_eq!(program.exit_code(), 0);
    // A datagram socket tells only whoever writes to it: the echo comes when the client is gone.
    let thinking = quiet("--raw sim:echo:busy=200ms");
    let (mut program, mut client) = Program::on_socket(thinking, SockType::Datagram);
    assert_eq!(client.packet(), RESET_NOTIFICATION);
    client.send_octets(b"\x81\x02\x01");
    drop(client);
    assert_eq!(program.exit_code(), 0);
}

#[test]
fn raw_client_that_does_not_read_loses_nothing() {
    for kind in [SockType::SeqPacket, SockType::Datagram] {
        let (_program, mut client) = on_raw_socket(kind, "");
        let writer = client.writer();
        let sender = thread::spawn(move || {
            for frame in frames(500, 500) {
                writer.write(&frame, Duration::from_secs(10));
            }
        });
        thread::sleep(Duration::from_millis(500));
        for frame in frames(500, 500) {
            assert_eq!(client.packet(), frame, "{kind:?}");
        }
        sender.join().unwrap();
    }
}

// Signals.

/// The bridge with its log in a file.
fn logging(options: &str) -> (Program, Client, PathBuf, Scratch) {
    let scratch = Scratch::new();
    let path = scratch.path("log");
    let line = format!("--stdio --log file:{} {options} {ECHO}", path.display());
    let (program, mut client) = Program::on_pipes(quiet(&line));
    client.expect_reset();
    (program, client, path, scratch)
}

/// The last value that was printed for `label`.
fn counter(log: &str, label: &str) -> Option<u64> {
    // Two spaces stand before the label: some labels end like others.
    let label = format!("  {label}");
    let line = log.lines().rev().find(|line| line.ends_with(&label))?;
    let value = line.strip_suffix(&label)?;
    value.rsplit(' ').next()?.parse().ok()
}

#[test]
fn sigusr1_prints_the_counters_and_sigusr2_clears_them() {
    let (program, mut client, path, _scratch) = logging("");
    for n in 0..7 {
        client.expect_echo(&[0x81, 0x02, n]);
    }
    let printed = |label| counter(&fs::read_to_string(&path).unwrap(), label);
    program.signal(Signal::SIGUSR1);
    // The last one that is printed.
    wait_until("counters", || {
        printed("hardware resets asked for").is_some()
    });
    assert_eq!(printed("frames to the co-processor"), Some(7));
    assert_eq!(printed("frames read from the client"), Some(7));
    // With the notification.
    assert_eq!(printed("frames written to the client"), Some(8));

    program.signal(Signal::SIGUSR2);
    wait_until("cleared", || {
        fs::read_to_string(&path).unwrap().contains("cleared")
    });
    program.signal(Signal::SIGUSR1);
    wait_until("zero", || {
        printed("frames written to the client") == Some(0)
    });
    assert_eq!(printed("frames to the co-processor"), Some(0));
    client.expect_echo(b"\x81\x02\x01");
}

#[test]
fn counters_are_printed_at_every_verbosity() {
    for options in ["--verbose=-2", "--verbose=-1", "-vvv"] {
        let (program, _client, path, _scratch) = logging(options);
        program.signal(Signal::SIGUSR1);
        wait_until(options, || {
            fs::read_to_string(&path).unwrap().contains("transactions")
        });
    }
}

#[test]
fn counters_go_to_standard_error_too() {
    let mut command = command(&format!("--stdio --log stderr {ECHO}"));
    command.stderr(Stdio::piped());
    let (mut program, mut client) = Program::on_pipes(command);
    client.expect_reset();
    let mut stderr = program.stderr();
    program.signal(Signal::SIGUSR1);
    let mut text = String::new();
    // The last one that is printed.
    while !text.contains("hardware resets asked for") {
        text += &stderr.line();
        text.push('\n');
    }
    client.expect_echo(b"\x81\x02\x01");
    program.end(Signal::SIGTERM);
    text += &stderr.text();
    assert_eq!(
        counter(&text, "frames from the co-processor"),
        Some(1),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.starts_with("spinel-bridge[")),
        "{text}"
    );
}

#[test]
fn signals_that_end_us_give_exit_code_0() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // At rest, at work, with a dead co-processor, with a client that does not read.
        for device in [ECHO, "sim:echo:busy=5ms", "sim:dead", "sim:echo:stuck-int"] {
            let (program, client) = Program::on_pipes(quiet(&format!("--stdio {device}")));
            client.send(b"\x81\x02\x01");
            thread::sleep(Duration::from_millis(20));
            program.end(signal);
        }
    }
    let (program, client) = start(ECHO);
    client.writer().fill(&hdlc(&random_frame(1000, 1)));
    program.end(Signal::SIGTERM);
}

#[test]
fn many_signals_at_once_lose_no_frame() {
    let (program, mut client, _path, _scratch) = logging("");
    let writer = client.writer();
    let sender = thread::spawn(move || {
        for frame in frames(500, 100) {
            writer.write(&hdlc(&frame), LIMIT);
        }
    });
    for round in 0..500 {
        program.signal(if round % 2 == 0 {
            Signal::SIGUSR1
        } else {
            Signal::SIGUSR2
        });
    }
    for frame in frames(500, 100) {
        client.expect_frame(&frame);
    }
    sender.join().unwrap();
    program.signal(Signal::SIGUSR1);
    program.signal(Signal::SIGUSR2);
    program.signal(Signal::SIGINT);
    program.end(Signal::SIGTERM);
}

// Exit codes.

fn run(line: &str) -> (i32, String, String) {
    let mut command = command(line);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    let (stdout, stderr) = (program.stdout().text(), program.stderr().text());
    (program.exit_code(), stdout, stderr)
}

#[test]
fn wrong_command_lines_give_2_and_one_line() {
    for (line, word) in [
        ("--no-such-option sim:echo", "--no-such-option"),
        ("--spi-mode 4 sim:echo", "--spi-mode"),
        ("-i /sys/class/gpio/gpio25 /dev/spidev0.0", "gpiochip"),
        ("sim:no-such-key", "no-such-key"),
        ("", "no device"),
        ("sim:echo another", "another"),
    ] {
        let (code, stdout, stderr) = run(line);
        assert_eq!(code, 2, "{line}: {stderr}");
        assert_eq!(stdout, "", "{line}");
        assert!(stderr.contains(word), "{line}: {stderr}");
        assert!(stderr.starts_with("spinel-bridge: "), "{line}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{line}: {stderr}");
    }
}

#[test]
fn what_cannot_start_gives_3_and_one_line() {
    for (line, word) in [
        ("--stdio /dev/spidev9.9", "/dev/spidev9.9"),
        ("--pty /dev/spidev9.9", "/dev/spidev9.9"),
        ("--stdio /dev/null", "/dev/null"),
        (
            "--stdio --log file:/nonexistent/log sim:echo",
            "/nonexistent/log",
        ),
        ("--stdio --log file:/tmp sim:echo", "/tmp"),
    ] {
        let (code, stdout, stderr) = run(line);
        assert_eq!(code, 3, "{line}: {stderr}");
        assert_eq!(stdout, "", "{line}");
        assert!(stderr.contains(word), "{line}: {stderr}");
        assert!(stderr.starts_with("spinel-bridge: "), "{line}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{line}: {stderr}");
    }
}

#[test]
fn output_that_fails_gives_1_and_one_line() {
    let mut command = command(&format!("--stdio --log stderr {ECHO}"));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    command
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped());
    let mut program = Program::spawn(command);
    let _stdin = program.stdin();
    let stderr = program.stderr().text();
    assert!(stderr.contains("error: cannot go on"), "{stderr}");
    assert_eq!(program.exit_code(), 1);
}

#[test]
fn what_cannot_start_says_so_in_its_log() {
    let scratch = Scratch::new();
    let path = scratch.path("log");
    for (stderr, lines) in [(Stdio::null(), 0), (Stdio::piped(), 1)] {
        let mut command = command(&format!("--log file:{} /dev/spidev9.9", path.display()));
        command.stdin(Stdio::null()).stderr(stderr);
        let mut program = Program::spawn(command);
        if lines > 0 {
            let text = program.stderr().text();
            assert_eq!(text.lines().count(), lines, "{text}");
        }
        assert_eq!(program.exit_code(), 3);
        let log = fs::read_to_string(&path).unwrap();
        assert_eq!(log.matches("error: /dev/spidev9.9").count(), 1, "{log}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (line, word) in [("--help", "Usage:"), ("-V", env!("CARGO_PKG_VERSION"))] {
        let (code, stdout, stderr) = run(line);
        assert_eq!((code, stderr.as_str()), (0, ""), "{line}");
        assert!(stdout.contains(word), "{line}: {stdout}");
    }
}

// The log.

#[test]
fn log_file_has_the_frames() {
    let (program, mut client, path, _scratch) = logging("-vvv");
    client.expect_echo(b"\x81\x02\x05");
    program.end(Signal::SIGTERM);
    let log = fs::read_to_string(&path).unwrap();
    assert!(log.contains("-> 81 02 05"), "{log}");
    assert!(log.contains("<- 81 02 05"), "{log}");
}

#[test]
fn log_on_a_full_disk_does_not_stop_us() {
    let line = format!("--stdio -vvv --log file:/dev/full {ECHO}");
    let (program, mut client) = Program::on_pipes(quiet(&line));
    client.expect_reset();
    for frame in frames(100, 100) {
        client.expect_echo(&frame);
    }
    program.end(Signal::SIGTERM);
}

#[test]
fn log_that_nobody_reads_does_not_stop_us() {
    let mut command = command(&format!("--stdio -vvv --log stderr {ECHO}"));
    command.stderr(Stdio::piped());
    let (mut program, mut client) = Program::on_pipes(command);
    let stderr = program.stderr();
    client.expect_reset();
    // Some 10 kB of log each.
    for frame in frames(100, 1000) {
        client.expect_echo(&frame);
    }
    // Nor one whose reader is gone.
    drop(stderr);
    for frame in frames(100, 1000) {
        client.expect_echo(&frame);
    }
    program.end(Signal::SIGTERM);
}

#[test]
fn standard_error_may_be_closed() {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!(
        "exec {} --stdio -vvv --log stderr {ECHO} 2>&-",
        env!("CARGO_BIN_EXE_spinel-bridge")
    ));
    let (program, mut client) = Program::on_pipes(command);
    client.expect_reset();
    for frame in frames(20, 100) {
        client.expect_echo(&frame);
    }
    program.end(Signal::SIGTERM);
}
