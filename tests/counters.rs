//! All that is counted, in one table: by the host driver, by what carries its frames, and by the
//! co-processor. And that they can be trusted.
//!
//! Runs as root, because a TUN interface takes that.

mod hosts;
mod needs;

use hosts::{example, Folder, Host};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// Each row of `spinelctl counters`; no name comes twice.
fn counters(host: &Host) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for line in host.ctl("--json counters").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["name", "value"], "{line}");
        let (name, value) = (row["name"].as_str().unwrap(), row["value"].as_u64());
        let value = value.unwrap_or_else(|| panic!("no number: {line}"));
        assert_eq!(all.insert(name.to_owned(), value), None, "twice: {line}");
    }
    all
}

/// Those of the bridge. The co-processor's have names of its own, in capitals.
fn is_ours(name: &str) -> bool {
    name.contains(char::is_lowercase)
}

#[test]
fn one_table_has_what_everybody_counted() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::start(&folder, "only", "sim:hurry:extras:seed=1");
    host.ctl("form test");
    let before = counters(&host);
    for name in [
        "transactions",
        "frames to the co-processor",
        "frames received by the host driver",
        "commands completed",
        "CNTR_TX_SPINEL_TOTAL",
        "MLE_LEADER",
        "BUFFERS_FREE",
    ] {
        assert!(
            before.get(name).is_some_and(|value| *value > 0),
            "{name}: {before:?}"
        );
    }
    for name in [
        "void headers (all FF or 00)",
        "CRC errors in frames from the co-processor",
        "messages that the log did not take",
        "packets that the interface did not take",
        "MAC_TX_TOTAL",
    ] {
        assert!(before.contains_key(name), "{name}: {before:?}");
    }
    // One table for people, too.
    let table = host.ctl("counters");
    assert!(table.starts_with("name "), "{table}");
    assert_eq!(table.lines().count(), before.len() + 1, "{table}");

    // The log has the same ones of ours.
    host.bridge().signal(Signal::SIGUSR1);
    let log = folder.join("only.log");
    for name in before.keys().filter(|name| is_ours(name)) {
        host.wait_for(name, |_| {
            let text = fs::read_to_string(&log).unwrap();
            let end = format!("  {name}\n");
            text.contains(&end).then_some(())
        });
    }
}

#[test]
fn all_of_them_are_cleared() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::start(&folder, "only", "sim:hurry:extras:seed=1");
    host.ctl("form test");
    let below = ["transactions", "commands sent", "CNTR_TX_SPINEL_TOTAL"];
    let busy = |host: &Host| {
        for _ in 0..5 {
            host.ctl("counters");
        }
        counters(host)
    };
    let mut before = busy(&host);
    host.ctl("counters clear");
    let after = counters(&host);
    for name in below {
        assert!(
            after[name] < before[name] / 2,
            "{name}: {before:?}, {after:?}"
        );
    }
    // The signal clears ours. Each look asks the same of the co-processor.
    before = busy(&host);
    host.bridge().signal(Signal::SIGUSR2);
    host.wait_for("fewer", |host| {
        let after = counters(host);
        (after["transactions"] < before["transactions"] / 2).then_some(())
    });
}

#[test]
fn a_stream_counts_its_frames() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let device = format!("system:{} --stdio hurry:extras:seed=1", example("sim-ncp"));
    let host = Host::start(&folder, "only", &device);
    let counted = counters(&host);
    assert!(
        counted["frames read from the co-processor"] > 0,
        "{counted:?}"
    );
    assert_eq!(counted["times the stream was opened"], 1);
    assert!(!counted.contains_key("transactions"), "{counted:?}");
    host.ctl("counters clear");
    assert_eq!(counters(&host)["times the stream was opened"], 0);
}

#[test]
fn they_are_there_when_the_co_processor_is_not() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    host.start_bridge_anyhow(&["system:exit 1"]);
    host.wait_for("the state of nothing", |host| host.status());
    host.wait_for("another try", |host| {
        let counted = counters(host);
        assert!(counted.keys().all(|name| is_ours(name)), "{counted:?}");
        (counted["times the stream was opened"] >= 2).then_some(())
    });
    host.ctl("counters clear");
}

/// A log that takes nothing, and so says nothing of what it did not take.
#[test]
fn every_line_that_the_log_does_not_take_is_counted_once() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    // Errors alone, which there are none of.
    host.start_bridge(&[
        "--log",
        "file:/dev/full",
        "--verbose=-9",
        "sim:hurry:extras:seed=1",
    ]);
    let lost = |host: &Host| counters(host)["messages that the log did not take"];
    host.ctl("counters clear");
    assert_eq!(lost(&host), 0);
    // A line for each counter.
    let lines = counters(&host).keys().filter(|name| is_ours(name)).count();
    for round in 1..=2 {
        host.bridge().signal(Signal::SIGUSR1);
        let wanted = round * u64::try_from(lines).unwrap();
        host.wait_for("all lines", |host| (lost(host) >= wanted).then_some(()));
        assert_eq!(lost(&host), wanted);
    }
    host.bridge().signal(Signal::SIGUSR2);
    host.wait_for("none", |host| (lost(host) == 0).then_some(()));
}
