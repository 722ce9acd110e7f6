//! Clients that sleep, die and come back.

use super::*;
use nix::libc;
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Long enough for the bridge to see that nobody is there, on a busy machine too.
const PAUSE: Duration = Duration::from_millis(40);

#[test]
fn reader_that_sleeps_for_ten_seconds_under_load_loses_nothing() {
    let cases = [
        ("--stdio", ECHO),
        ("--pty", ECHO),
        ("--pty", "sim:echo:no-int"),
        ("--pty", "sim:echo:crc:flip=1%:refuse=2%:lose-edge=1%"),
    ];
    let threads = cases.map(|(options, device)| {
        thread::spawn(move || {
            let (program, mut client, _scratch) = start(options, device);
            let before = memory(program.pid());
            let sender = send_load(&client, 1000);
            thread::sleep(Duration::from_secs(10));
            let after = memory(program.pid());
            expect_load(&mut client, 1000);
            sender.join().unwrap();
            assert!(
                after <= before + 256,
                "{options} {device}: {before} kB became {after} kB"
            );
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A client of two processes that reads all it can and writes `octets`, killed in the middle of it.
fn killed_client(link: &Path, octets: &[u8]) {
    let mut options = File::options();
    options.read(true).write(true).custom_flags(libc::O_NOCTTY);
    let open = || options.open(link).unwrap();
    // Each command is dropped at once, and with it our end of what it was given.
    let reader = Command::new("cat")
        .stdin(open())
        .stdout(Stdio::null())
        .spawn();
    let mut reader = reader.unwrap();
    let writer = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(open())
        .spawn();
    let mut writer = writer.unwrap();
    // A pipe takes this much at once, so this does not wait for the client.
    writer.stdin.as_mut().unwrap().write_all(octets).unwrap();
    thread::sleep(PAUSE);
    for process in [&mut writer, &mut reader] {
        process.kill().unwrap();
        process.wait().unwrap();
    }
    // Until the bridge has missed it: what comes earlier may be taken for something that it left.
    thread::sleep(PAUSE);
}

#[test]
fn client_that_is_killed_in_the_middle_of_a_frame_leaves_whole_frames_to_the_next() {
    let (_program, client, scratch) = start("--pty", ECHO);
    let scratch = scratch.unwrap();
    let link = scratch.path("ncp");
    drop(client);
    let all: Vec<u8> = load(100).flat_map(|frame| hdlc(&frame)).collect();
    for round in 0..40 {
        // At rest in the middle of a frame, or while both directions are moving.
        let cut = if round % 2 == 0 {
            30 + round
        } else {
            60_000 + 13 * round
        };
        killed_client(&link, &all[..cut]);
        let mut client = Client::open(&link);
        // Anything but a whole frame is a panic of this client.
        synchronise(&mut client);
        client.expect_echo(&random_frame(700, round as u64));
        client.expect_silence();
    }
}

#[test]
fn a_thousand_reconnects_cost_nothing() {
    let (program, client, scratch) = start("--pty", ECHO);
    let scratch = scratch.unwrap();
    let link = scratch.path("ncp");
    drop(client);
    let mut before = None;
    for round in 0_u32..1100 {
        if round == 100 {
            before = Some((descriptors(program.pid()), memory(program.pid())));
        }
        let mut client = Client::open(&link);
        let frame = [&[0x81, 0x02][..], &round.to_le_bytes()].concat();
        client.send(&frame);
        // Without a pause the one before may not have been missed, and then its answer is ours.
        while client.next() != Said::Frame(frame.clone()) {}
        // Half of them leave an answer unread.
        if round % 2 == 0 {
            client.send(&random_frame(900, 1));
        }
    }
    let (descriptors_before, memory_before) = before.unwrap();
    let mut client = Client::open(&link);
    synchronise(&mut client);
    assert_eq!(descriptors(program.pid()), descriptors_before);
    let memory = memory(program.pid());
    assert!(
        memory <= memory_before + 64,
        "{memory_before} kB became {memory} kB"
    );
}

#[test]
fn a_sandboxed_pty_serves_client_after_client_and_cleans_up() {
    let scratch = Scratch::new();
    let (link, log) = (scratch.path("ncp"), scratch.path("log"));
    let line = format!(
        "--sandbox --pty-link {} --log file:{} {ECHO}",
        link.display(),
        log.display()
    );
    let (program, _) = Program::on_own_pty(quiet(&line));
    for round in 0..20 {
        let mut client = Client::open(&link);
        synchronise(&mut client);
        client.expect_echo(&[0x81, 0x02, round]);
        // Left unread: it is thrown away by way of the slave, which is opened for that.
        client.send(&random_frame(900, 1));
        drop(client);
        thread::sleep(PAUSE);
    }
    assert_eq!(status(program.pid(), "NoNewPrivs:"), 1);
    program.end(Signal::SIGTERM);
    assert!(!link.is_symlink(), "its link is left");
    let text = fs::read_to_string(&log).unwrap();
    assert_eq!(text.matches("sandbox: ").count(), 1, "{text}");
    assert!(!text.contains("cannot make it ready"), "{text}");
}
