//! No descriptors, no room on the disk, and odd clocks.

use super::*;
use nix::sys::signal::Signal;
use std::path::Path;

/// A loader that finds no descriptor for a library ends like this, before there is a program.
const NOT_LOADED: i32 = 127;

/// `line` with so few descriptors that something cannot be opened, then with one more, until it runs.
/// Each time it must say so in one line and end with 3. Returns how many failed.
fn fails_in_one_line_until_it_runs(line: &str) -> u32 {
    let mut failed = 0;
    for limit in 4..64 {
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--nofile={limit}"))
            .arg(env!("CARGO_BIN_EXE_spinel-bridge"))
            .args(line.split_whitespace())
            .stderr(Stdio::piped())
            .env_remove("JOURNAL_STREAM");
        let (mut program, mut client) = Program::on_pipes(command);
        let mut stderr = program.stderr();
        let deadline = std::time::Instant::now() + LIMIT;
        while program.is_running() && std::time::Instant::now() < deadline {
            // A frame that comes is a bridge that runs.
            if let Said::Reset | Said::Frame(_) = client.next_within(Duration::from_millis(5)) {
                println!("{line}: runs with {limit} descriptors, {failed} starts failed");
                program.end(Signal::SIGTERM);
                return failed;
            }
        }
        let code = program.exit_code();
        let text = stderr.text();
        if code == NOT_LOADED {
            continue;
        }
        failed += 1;
        assert_eq!(code, 3, "{line} with {limit} descriptors: {text}");
        assert_eq!(text.lines().count(), 1, "{line} with {limit}: {text}");
        assert!(text.starts_with("spinel-bridge: "), "{limit}: {text}");
        assert!(!text.contains("panic"), "{line} with {limit}: {text}");
        println!("{limit}: {}", text.trim_end());
    }
    panic!("{line}: does not start with 63 descriptors");
}

#[test]
fn a_start_without_descriptors_fails_in_one_line() {
    if !crate::needs::root() {
        return;
    }
    let scratch = Scratch::new();
    let log = scratch.path("log");
    // Standard input, output and error; then poll, signals, and whatever else there is.
    assert!(fails_in_one_line_until_it_runs(&format!("--stdio --log none {ECHO}")) >= 2);
    let line = format!("--stdio --log file:{} {ECHO}", log.display());
    assert!(fails_in_one_line_until_it_runs(&line) >= 2);
}

#[test]
fn a_pty_without_descriptors_fails_in_one_line() {
    if !crate::needs::root() {
        return;
    }
    let scratch = Scratch::new();
    let link = scratch.path("ncp");
    let mut failed = 0;
    for limit in 4..64 {
        let mut command = Command::new("prlimit");
        command
            .arg(format!("--nofile={limit}"))
            .arg(env!("CARGO_BIN_EXE_spinel-bridge"))
            .args(["--log", "none", "--pty-link"])
            .arg(&link)
            .arg(ECHO)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_remove("JOURNAL_STREAM");
        let mut program = Program::spawn(command);
        wait_until("its end or its link", || {
            !program.is_running() || link.is_symlink()
        });
        if program.is_running() {
            let mut client = Client::open(&link);
            synchronise(&mut client);
            program.end(Signal::SIGTERM);
            assert!(failed >= 3, "{failed} starts failed");
            return;
        }
        let (code, text) = (program.exit_code(), program.stderr().text());
        if code != NOT_LOADED {
            failed += 1;
            assert_eq!(code, 3, "{limit}: {text}");
            assert_eq!(text.lines().count(), 1, "{limit}: {text}");
            assert!(!link.is_symlink(), "{limit}: its link is left");
        }
    }
    panic!("does not start with 63 descriptors");
}

#[test]
fn without_descriptors_traffic_and_clients_go_on() {
    if !crate::needs::root() {
        return;
    }
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let options = format!("--pty --log file:{}", log.display());
    let (program, mut client, link) = start(&options, ECHO);
    let link = link.unwrap();
    let (_, free) = descriptors(program.pid());
    limit_descriptors(program.pid(), free);
    let sender = send_load(&client, 300);
    expect_load(&mut client, 300);
    sender.join().unwrap();
    drop(client);
    for round in 0..20 {
        thread::sleep(Duration::from_millis(20));
        let mut client = Client::open(&link.path("ncp"));
        synchronise(&mut client);
        client.expect_echo(&[0x81, 0x02, round]);
    }
    let text = fs::read_to_string(&log).unwrap();
    let lines = text.lines().count();
    // One for each client that left, which could not be cleaned up after.
    assert!(lines <= 40, "{lines} lines of log: {text}");
    limit_descriptors(program.pid(), 1024);
    let mut client = Client::open(&link.path("ncp"));
    synchronise(&mut client);
    drop(client);
    program.end(Signal::SIGTERM);
}

/// A command line in a mount namespace with an empty file system of `size` on `folder`.
fn with_small_disk(folder: &Path, size: &str, line: &str) -> Command {
    let folder = folder.display();
    let binary = env!("CARGO_BIN_EXE_spinel-bridge");
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c"])
        .arg(format!(
            "mount -t tmpfs -o size={size} none {folder} && exec {binary} {line}"
        ))
        .stderr(Stdio::null());
    command
}

#[test]
fn a_full_disk_stops_the_log_and_nothing_else_and_room_brings_it_back() {
    if !crate::needs::root() {
        return;
    }
    let scratch = Scratch::new();
    let folder = scratch.path("");
    let log = scratch.path("log");
    let line = format!("--stdio -vvv --log file:{} {ECHO}", log.display());
    let (program, mut client) = Program::on_pipes(with_small_disk(&folder, "64k", &line));
    synchronise(&mut client);
    let sender = send_load(&client, 500);
    expect_load(&mut client, 500);
    sender.join().unwrap();
    // Its own file system is found by way of the process.
    let inside = format!("/proc/{}/root{}", program.pid(), log.display());
    let full = fs::read(&inside).unwrap();
    assert_eq!(full.len(), 65_536, "the disk was to be full");
    fs::write(&inside, "").unwrap();
    client.expect_echo(b"\x81\x02\x01");
    wait_until("the log to go on", || {
        let text = fs::read_to_string(&inside).unwrap();
        text.contains("<- 81 02 01")
    });
    // Behind the line that was torn, each begins like a line.
    let text = fs::read_to_string(&inside).unwrap();
    for line in text.lines().filter(|line| !line.is_empty()) {
        assert!(line.contains(" spinel-bridge["), "torn: {line}");
    }
    program.end(Signal::SIGTERM);
}

#[test]
fn a_monotonic_clock_that_is_years_ahead_changes_nothing() {
    if !crate::needs::root() {
        return;
    }
    // Of wall clocks nothing but the log's time stamps is made (the next test); this one is what
    // every pause and time-out is made of. The kernel takes 30 years at the most together.
    for years in [1, 25] {
        let seconds = years * 365 * 86_400_u64;
        let mut command = Command::new("unshare");
        command
            .args(["--time", "--fork", "--kill-child"])
            .args(["--monotonic", &seconds.to_string()])
            .arg(env!("CARGO_BIN_EXE_spinel-bridge"))
            .args(["--stdio", "--log", "none", "sim:echo:no-int:busy=1ms"])
            .stderr(Stdio::null());
        let (_program, mut client) = Program::on_pipes(command);
        client.expect_reset();
        let sender = send_load(&client, 100);
        expect_load(&mut client, 100);
        sender.join().unwrap();
    }
}

/// The wall clock may step at any time, so nothing may depend on it. It is read without a system call
/// where the kernel lets programs do so, and nobody may set it for a test; so the source is asked.
#[test]
fn nothing_but_time_stamps_comes_from_the_wall_clock() {
    if !crate::needs::root() {
        return;
    }
    let mut readers = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            if ["SystemTime", "REALTIME", "gettimeofday"]
                .iter()
                .any(|word| text.contains(word))
            {
                let root = Path::new(env!("CARGO_MANIFEST_DIR"));
                readers.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    readers.sort();
    // Time stamps of captures, of the log, and a salt with the time stamp of a folder.
    let known = [
        "src/bin/spinelctl/capture.rs",
        "src/shell/io/log.rs",
        "src/shell/io/radio.rs",
        "src/shell/io/tap.rs",
    ];
    assert_eq!(readers, known);
}
