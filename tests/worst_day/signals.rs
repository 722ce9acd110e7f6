//! Stops and storms.

use super::*;
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

#[test]
fn a_stop_of_two_seconds_under_load_loses_nothing() {
    let cases = [
        ("--stdio", ECHO),
        ("--pty", ECHO),
        ("--stdio", "sim:echo:no-int"),
        ("--stdio", "sim:echo:crc:busy=200us:flip=1%"),
    ];
    let threads = cases.map(|(options, device)| {
        thread::spawn(move || {
            let (program, mut client, _scratch) = start(options, device);
            let sender = send_load(&client, 1500);
            // In the middle of it: whatever it was doing.
            for frame in load(200) {
                client.expect_frame(&frame);
            }
            program.signal(Signal::SIGSTOP);
            thread::sleep(Duration::from_secs(2));
            program.signal(Signal::SIGCONT);
            for frame in load(1500).skip(200) {
                client.expect_frame(&frame);
            }
            sender.join().unwrap();
            client.expect_silence();
            program.end(Signal::SIGTERM);
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_storm_of_signals_disturbs_nothing() {
    let scratch = Scratch::new();
    let log = scratch.path("log");
    let options = format!("--stdio --log file:{}", log.display());
    let (program, mut client, _) = start(&options, ECHO);
    // One table, to know how long it is.
    program.signal(Signal::SIGUSR1);
    let text = || fs::read_to_string(&log).unwrap();
    let last = "frames to the co-processor";
    wait_until("the counters", || text().contains(last));
    synchronise(&mut client);
    let table = text().len();

    let program = Arc::new(program);
    let done = Arc::new(AtomicBool::new(false));
    let storm = {
        let (program, done) = (Arc::clone(&program), Arc::clone(&done));
        thread::spawn(move || {
            let mut sent = 0_usize;
            while !done.load(Ordering::Relaxed) || sent < 5000 {
                program.signal(Signal::SIGUSR1);
                program.signal(Signal::SIGUSR2);
                sent += 1;
                thread::sleep(Duration::from_micros(100));
            }
            sent
        })
    };
    let sender = send_load(&client, 1500);
    expect_load(&mut client, 1500);
    sender.join().unwrap();
    done.store(true, Ordering::Relaxed);
    let sent = storm.join().unwrap();
    client.expect_echo(b"\x81\x02\x01");
    // No more than was asked for: a table and a line that it was cleared for each pair.
    let length = text().len();
    let most = (sent + 1) * (table + 100);
    println!("{sent} pairs of signals, {length} octets of log");
    assert!(
        length <= most,
        "{length} octets of log for {sent} signals of {table}"
    );
    assert!(text().ends_with('\n'));
    let program = Arc::into_inner(program).unwrap();
    program.end(Signal::SIGTERM);
}
