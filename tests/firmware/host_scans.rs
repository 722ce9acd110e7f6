//! Scans of each kind for a network that is there: out of a network of our own, and in it.

use crate::host_scene::enter;
use crate::hosts::{Host, Process};
use crate::world::World;
use serde_json::Value;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn scans_find_what_they_look_for() {
    let world = World::with_ncp();
    let host = &world.host;
    let mut node = world.node(2);
    let dataset = node.form("others");
    let channel = node.get("channel");
    let panid = node.get("panid");
    let elsewhere = if channel == "11" { "12" } else { "11" };

    let found = rows(host, "scan");
    assert_eq!(found[0]["panid"], panid.as_str(), "{found:?}");
    // Its beacon has no name, so none is shown.
    assert_eq!(found[0].get("network_name"), None, "{found:?}");
    assert_eq!(rows(host, &format!("scan -c {channel}")).len(), 1);
    assert_eq!(rows(host, &format!("scan --channel {elsewhere}")).len(), 0);

    let found = rows(host, "scan --discover");
    assert_eq!(found[0]["network_name"], "others");
    assert_eq!(found[0]["joinable"], false);
    assert_eq!(rows(host, &format!("scan --discover -p {panid}")).len(), 1);
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
    assert_eq!(
        rows(host, &format!("scan -d --for-us -c {channel}")).len(),
        1
    );

    let energy = rows(host, "scan --energy -c 11-26 --period 10");
    let channels: Vec<_> = energy
        .iter()
        .filter_map(|row| row["channel"].as_i64())
        .collect();
    assert_eq!(channels, (11..=26).collect::<Vec<_>>());
    assert!(energy.iter().all(|row| row["rssi"].as_i64().unwrap() < 0));

    enter(host, &dataset);
    assert_eq!(rows(host, "scan")[0]["panid"], panid.as_str());
    assert_eq!(rows(host, "scan --energy -c 13,15 --period 10").len(), 2);
    host.ping(node.mesh_local().parse().unwrap());
}

/// Firmware cannot end a scan: it goes on, and the next one waits for its turn or says why not.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_scan_is_stopped() {
    let world = World::with_ncp();
    let host = &world.host;
    let mut scan = Command::new(env!("CARGO_BIN_EXE_spinelctl"));
    scan.arg("--socket").arg(host.socket());
    scan.args(["scan", "--period", "500"]);
    let mut scan = Process(scan.stderr(Stdio::null()).spawn().unwrap());
    sleep(Duration::from_secs(1));
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

/// The rows of a scan, each an object.
fn rows(host: &Host, words: &str) -> Vec<Value> {
    let text = host.ctl(&format!("--json {words}"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
