//! Scans of each kind for a network that is there: out of a network of our own, and in it.

use crate::host_scene::{enter, Alone, Bus};
use crate::hosts::{Host, Process};
use serde_json::Value;
use std::process::{Command, Stdio};

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn scans_find_what_they_look_for() {
    try_scans_find_what_they_look_for(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn scans_find_what_they_look_for_over_spi() {
    try_scans_find_what_they_look_for(Bus::Spi);
}

fn try_scans_find_what_they_look_for(bus: Bus) {
    let Alone {
        board: _board,
        world,
    } = Alone::start(bus, &[]);
    let host = &world.host;
    let mut node = world.node(2);
    let dataset = node.form("others");
    let channel = node.get("channel");
    let panid = node.get("panid");
    let elsewhere = if channel == "11" { "12" } else { "11" };

    let found = one(host, "scan");
    assert_eq!(found["panid"], panid.as_str(), "{found:?}");
    // Its beacon has no name, so none is shown.
    assert_eq!(found.get("network_name"), None, "{found:?}");
    one(host, &format!("scan -c {channel}"));
    assert_eq!(rows(host, &format!("scan --channel {elsewhere}")).len(), 0);

    let found = one(host, "scan --discover");
    assert_eq!(found["network_name"], "others");
    assert_eq!(found["joinable"], false);
    one(host, &format!("scan --discover -p {panid}"));
    assert_eq!(rows(host, "scan --discover -p 0x1234").len(), 0);
    assert_eq!(rows(host, "scan --discover --joinable").len(), 0);
    assert_eq!(
        host.state(),
        "offline",
        "a scan is none of the network's business"
    );
    assert!(host.ctl("get NET_IF_UP").contains("false"));

    node.run("commissioner start");
    node.0
        .wait_for("a commissioner", |line| line == "Commissioner: active");
    node.run("commissioner joiner add * J01NME 300");
    // Until the network's data has been told to all of it.
    host.wait_for("a network that is joinable", |host| {
        let found = rows(host, &format!("scan --discover --joinable -c {channel}"));
        (found.len() == 1 && found[0]["joinable"] == true).then_some(())
    });
    one(host, &format!("scan -d --for-us -c {channel}"));

    let energy = rows(host, "scan --energy -c 11-26 --period 10");
    let channels: Vec<_> = energy
        .iter()
        .filter_map(|row| row["channel"].as_i64())
        .collect();
    assert_eq!(channels, (11..=26).collect::<Vec<_>>());
    assert!(energy.iter().all(|row| row["rssi"].as_i64().unwrap() < 0));

    enter(host, &dataset);
    assert_eq!(one(host, "scan")["panid"], panid.as_str());
    assert_eq!(rows(host, "scan --energy -c 13,15 --period 10").len(), 2);
    host.ping(node.mesh_local().parse().unwrap());
}

/// Firmware cannot end a scan: it goes on, and the next one waits for its turn or says why not.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_scan_is_stopped() {
    try_a_scan_is_stopped(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_scan_is_stopped_over_spi() {
    try_a_scan_is_stopped(Bus::Spi);
}

fn try_a_scan_is_stopped(bus: Bus) {
    let Alone {
        board: _board,
        world,
    } = Alone::start(bus, &[]);
    let host = &world.host;
    let mut scan = Command::new(env!("CARGO_BIN_EXE_spinelctl"));
    scan.arg("--socket").arg(host.socket());
    scan.args(["scan", "--period", "500"]);
    let mut scan = Process(scan.stderr(Stdio::null()).spawn().unwrap());
    host.wait_for("the scan to run", |host| {
        host.ctl("get MAC_SCAN_STATE").contains("= 1").then_some(())
    });
    let (code, why) = host.refused("scan -c 11");
    assert_eq!(code, 6, "{why}");
    host.ctl("scan stop");
    assert_eq!(scan.ended(), Some(12), "cancelled");
    let (code, why) = host.refused("scan -c 11");
    assert_eq!(code, 6, "{why}");
    host.wait_for("the radio to be free", |host| {
        host.try_ctl("scan -c 11").status.success().then_some(())
    });
}

/// The one row of a scan. It listens for 300 ms on a channel, and whoever answers a little late is not found.
fn one(host: &Host, words: &str) -> Value {
    let mut found = host.wait_for(&format!("a row of {words}"), |host| {
        let found = rows(host, words);
        (!found.is_empty()).then_some(found)
    });
    assert_eq!(found.len(), 1, "{words}: {found:?}");
    found.remove(0)
}

/// The rows of a scan, each an object.
fn rows(host: &Host, words: &str) -> Vec<Value> {
    let text = host.ctl(&format!("--json {words}"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
