//! Time that jumps: the host driver is stopped for a while, as by a debugger, a container's freezer or a suspended
//! machine, and the machine's clock is set, as by NTP after a start without a battery. Neither does any harm: all
//! that is waited for goes by the monotonic clock.
//!
//! Runs as root, because a TUN interface takes that.

mod hosts;
mod needs;

use hosts::{Folder, Host};
use nix::sys::signal::Signal;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

/// A simulated co-processor in a process of its own, which lives on meanwhile.
fn device() -> String {
    let bridge = env!("CARGO_BIN_EXE_spinel-bridge");
    format!("system:{bridge} --log none --stdio sim:hurry:seed=1")
}

/// The network is as it was, and nothing was reset, given up or repaired.
fn is_well(host: &Host, when: &str) {
    assert_eq!(host.state(), "associated", "{when}");
    assert!(host.ctl("get NET_ROLE").contains('3'), "{when}");
    host.ctl("scan -c 15");
    let log = host.log();
    for bad in [
        "misbehaves",
        "lost (",
        "resetting",
        "cannot be used",
        "error:",
    ] {
        assert!(!log.contains(bad), "{when}: {log}");
    }
}

#[test]
fn a_driver_that_was_stopped_goes_on() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&[&device()]);
    host.ctl("form test");
    host.wait_for_state("associated");
    // Longer than the silence after which a co-processor is reset (10 s).
    host.bridge().signal(Signal::SIGSTOP);
    sleep(Duration::from_secs(12));
    host.bridge().signal(Signal::SIGCONT);
    is_well(&host, "after 12 s");
    // In the middle of an answer, again and again.
    for _ in 0..20 {
        let mut get = host.command(env!("CARGO_BIN_EXE_spinelctl"));
        get.arg("--socket")
            .arg(host.socket())
            .args(["get", "NET_ROLE"]);
        let mut get = get.stdout(std::process::Stdio::null()).spawn().unwrap();
        host.bridge().signal(Signal::SIGSTOP);
        sleep(Duration::from_millis(50));
        host.bridge().signal(Signal::SIGCONT);
        assert!(get.wait().unwrap().success());
    }
    is_well(&host, "after short stops");
}

#[test]
fn a_clock_that_is_set_does_no_harm() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let clock = folder.join("clock");
    let set = |offset: &str| {
        let new = folder.join("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(new, &clock).unwrap();
    };
    set("+0");
    let mut host = Host::new(&folder, "only");
    let library = libfaketime();
    for (name, value) in [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ] {
        host.environment.push((name.to_owned(), value.to_owned()));
    }
    host.start_bridge(&[&device()]);
    host.ctl("form test");
    host.wait_for_state("associated");
    let year = |host: &Host| host.run(&["date", "+%Y"]).trim().parse::<i32>().unwrap();
    let now = year(&host);
    for (offset, years) in [("+3650d", 10), ("-3650d", -10), ("+0", 0)] {
        set(offset);
        let moved = year(&host) - now;
        assert!((moved - years).abs() <= 1, "the clock is not set: {moved}");
        is_well(&host, offset);
        // What has a time of its own ends in time.
        let begin = std::time::Instant::now();
        let output = host.try_ctl("--wait offline --timeout 2 status");
        assert_eq!(output.status.code(), Some(7));
        let took = begin.elapsed();
        assert!(
            took >= Duration::from_secs(2) && took < Duration::from_secs(20),
            "{took:?}"
        );
    }
}

/// Debian's, of the package `libfaketime`.
fn libfaketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().flatten();
    let found = folders
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|path| path.exists());
    found.expect("libfaketime: apt-get install libfaketime, or tests/setup.sh")
}
