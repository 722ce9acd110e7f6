//! A co-processor that sleeps between its polls.

use crate::host_scene::{mesh_local, Alone, Bus};

/// What is for a sleepy end device waits at its parent until it asks.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_poll_period_says_when_a_sleepy_device_gets_its_packets() {
    try_the_poll_period_says_when_a_sleepy_device_gets_its_packets(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_poll_period_says_when_a_sleepy_device_gets_its_packets_over_spi() {
    try_the_poll_period_says_when_a_sleepy_device_gets_its_packets(Bus::Spi);
}

fn try_the_poll_period_says_when_a_sleepy_device_gets_its_packets(bus: Bus) {
    let Alone {
        board: _board,
        world,
    } = Alone::start(bus, &[]);
    let host = &world.host;
    let mut node = world.node(2);
    let dataset = node.form("others");
    host.ctl(&format!("join --dataset {dataset} -T sleepy-end-device"));
    let status = host.status().unwrap();
    assert_eq!(status["node_type"], "sleepy-end-device", "{status}");
    let address = mesh_local(host).to_string();
    host.ctl("setprop MAC_DATA_POLL_PERIOD 200");
    node.ping(&address, 8);
    // Far longer than the test waits.
    host.ctl("setprop MAC_DATA_POLL_PERIOD 100000");
    host.wait_for("silence", |_| {
        let said = node.run(&format!("ping {address} 8 1 1 2"));
        said.iter()
            .any(|line| line.contains(" 0 packets received"))
            .then_some(())
    });
    let (code, why) = host.refused("poll");
    assert_eq!(code, 8, "{why}");
    assert!(why.contains("MAC_DATA_POLL_PERIOD"), "{why}");
    host.ctl("setprop MAC_DATA_POLL_PERIOD 200");
    node.ping(&address, 8);
}
