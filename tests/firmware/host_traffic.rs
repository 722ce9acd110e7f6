//! Packets of every size and kind, to and from a node of the mesh and between two hosts that are attached to it by
//! an NCP each; what arrives is compared with what was sent.

use crate::host_scene::{another, enter, mesh_local, Bus, Scene};
use crate::hosts::{Host, Process};
use spinel_bridge::sim::rng::Rng;
use std::net::Ipv6Addr;
use std::path::Path;
use std::process::Stdio;

/// From what fits into one 802.15.4 frame to what the interface takes at once: 1280 octets less the headers of IPv6
/// and ICMPv6.
const SIZES: &[usize] = &[8, 40, 80, 81, 200, 512, 1024, 1232];

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn pings_of_all_sizes_pass_both_ways() {
    try_pings_of_all_sizes_pass_both_ways(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn pings_of_all_sizes_pass_both_ways_over_spi() {
    try_pings_of_all_sizes_pass_both_ways(Bus::Spi);
}

fn try_pings_of_all_sizes_pass_both_ways(bus: Bus) {
    let mut scene = Scene::member(bus, &[]);
    let theirs = scene.node_address();
    let ours = mesh_local(scene.host()).to_string();
    for &size in SIZES {
        ping(scene.host(), theirs, size);
        scene.node.ping(&ours, size);
    }
    let output = scene.node.run("ipaddr linklocal");
    let link_local = output.last().expect("an address").parse().unwrap();
    scene.host().ping(link_local);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn datagrams_arrive_as_they_were_sent() {
    try_datagrams_arrive_as_they_were_sent(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn datagrams_arrive_as_they_were_sent_over_spi() {
    try_datagrams_arrive_as_they_were_sent(Bus::Spi);
}

fn try_datagrams_arrive_as_they_were_sent(bus: Bus) {
    let mut scene = Scene::member(bus, &[]);
    let ours = mesh_local(scene.host());
    let theirs = scene.node_address();
    scene.node.run("udp open");
    scene.node.run("udp bind -u :: 5000");
    // To the node, which prints what it gets.
    let host = &scene.world.host;
    host.ping(theirs);
    for size in [1, 60, 200, 900] {
        let text: String = (0..size).map(|n| char::from(b'a' + n as u8 % 26)).collect();
        let file = scene.world.folder.join("datagram");
        std::fs::write(&file, &text).unwrap();
        let target = format!("UDP6-SENDTO:[{theirs}]:5000");
        // socat sends a file as one datagram while it is shorter than its buffer of 8192 octets.
        host.run(&["socat", "-u", &format!("FILE:{}", file.display()), &target]);
        let line = scene
            .node
            .0
            .wait_for("the datagram", |line| line.contains(" bytes from "));
        assert!(
            line.starts_with(&format!("{size} bytes from {}", spelt(ours))),
            "{line}"
        );
        assert!(line.ends_with(&format!(" {text}")), "{line}");
    }
    // From the node.
    let received = scene.world.folder.join("received");
    let _listener = listen(host, "UDP6-RECV:6000", "udp6", 6000, &received);
    let data = noise(1100);
    // The node's command line takes 384 characters or so.
    for part in data.chunks(150) {
        scene
            .node
            .run(&format!("udp send {ours} 6000 -x {}", hex(part)));
    }
    compare(host, &received, &data);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn groups_are_heard_both_ways() {
    try_groups_are_heard_both_ways(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn groups_are_heard_both_ways_over_spi() {
    try_groups_are_heard_both_ways(Bus::Spi);
}

fn try_groups_are_heard_both_ways(bus: Bus) {
    let mut scene = Scene::member(bus, &[]);
    let theirs = scene.node_address();
    scene.node.run("ipmaddr add ff05::abcd");
    let host = &scene.world.host;
    host.wait_for("an answer of the group", |host| {
        let words = [
            "ping",
            "-6",
            "-n",
            "-c",
            "1",
            "-W",
            "2",
            "-I",
            "wpan0",
            "ff05::abcd",
        ];
        let output = host.try_run(&words);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains(&format!("from {theirs}")).then_some(())
    });
    let received = scene.world.folder.join("received");
    let socket = "UDP6-RECV:6000,ipv6-join-group=[ff05::1234]:wpan0";
    let _listener = listen(host, socket, "udp6", 6000, &received);
    host.wait_for("the group at the NCP", |host| {
        host.ctl("get IPV6_MULTICAST_ADDRESS_TABLE")
            .contains("ff05::1234")
            .then_some(())
    });
    scene.node.run("udp open");
    host.wait_for("a datagram to the group", |_| {
        scene.node.run("udp send ff05::1234 6000 everybody");
        let text = std::fs::read_to_string(&received).unwrap_or_default();
        text.contains("everybody").then_some(())
    });
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn two_hosts_exchange_files_over_the_mesh() {
    try_two_hosts_exchange_files_over_the_mesh(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn two_hosts_exchange_files_over_the_mesh_over_spi() {
    try_two_hosts_exchange_files_over_the_mesh(Bus::Spi);
}

fn try_two_hosts_exchange_files_over_the_mesh(bus: Bus) {
    let mut scene = Scene::member(bus, &[]);
    let dataset = scene.node.get("dataset active -x");
    let other = another(&scene.world, "ot-ncp-ftd", 3);
    enter(&other, &dataset);
    let host = scene.host();
    for &size in SIZES {
        ping(host, mesh_local(&other), size);
        ping(&other, mesh_local(host), size);
    }
    // A few hundred packets.
    let data = noise(150_000);
    let folder = scene.world.folder.path();
    transfer(host, &other, &data, &folder.join("there"));
    transfer(&other, host, &data, &folder.join("back"));
}

/// Over TCP.
fn transfer(from: &Host, to: &Host, data: &[u8], received: &Path) {
    let sent = received.with_extension("sent");
    std::fs::write(&sent, data).unwrap();
    let _listener = listen(to, "TCP6-LISTEN:5555,reuseaddr", "tcp6", 5555, received);
    let target = format!("TCP6:[{}]:5555", mesh_local(to));
    from.run(&["socat", "-u", &format!("FILE:{}", sent.display()), &target]);
    compare(to, received, data);
}

/// Writes what comes into a file; `table` is the one of `/proc/net` where its socket shows.
fn listen(host: &Host, socket: &str, table: &str, port: u16, file: &Path) -> Process {
    let mut listener = host.command("socat");
    listener
        .args(["-u", socket, &format!("CREATE:{}", file.display())])
        .stdin(Stdio::null());
    let listener = Process(listener.spawn().unwrap());
    host.wait_for("the listener", |host| {
        host.listens(table, port).then_some(())
    });
    listener
}

fn compare(host: &Host, received: &Path, data: &[u8]) {
    host.wait_for("all that was sent", |_| {
        let length = std::fs::metadata(received).map_or(0, |file| file.len());
        (length >= data.len() as u64).then_some(())
    });
    assert!(std::fs::read(received).unwrap() == data, "it was changed");
}

fn ping(host: &Host, address: Ipv6Addr, size: usize) {
    let (size, target) = (size.to_string(), address.to_string());
    host.wait_for(&format!("a ping of {size} octets"), |host| {
        let words = [
            "ping", "-6", "-n", "-c", "1", "-W", "3", "-s", &size, &target,
        ];
        host.try_run(&words).status.success().then_some(())
    });
}

fn noise(length: usize) -> Vec<u8> {
    let mut rng = Rng::new(7);
    let mut data: Vec<u8> = (0..=length / 8).flat_map(|_| rng.octets::<8>()).collect();
    data.truncate(length);
    data
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// OpenThread shortens no runs of zeros.
fn spelt(address: Ipv6Addr) -> String {
    let segments: Vec<_> = address
        .segments()
        .iter()
        .map(|n| format!("{n:x}"))
        .collect();
    segments.join(":")
}
