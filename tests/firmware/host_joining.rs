//! Joining by passphrase, on either side; and what may pass while devices may join.

use crate::host_scene::{counter, mesh_local, Alone, Bus, Scene};
use crate::hosts::{wait, Host, Process};
use crate::world::{Node, World};
use std::io::Read;
use std::process::{Command, Stdio};

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn devices_are_let_in_by_their_passphrase() {
    try_devices_are_let_in_by_their_passphrase(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn devices_are_let_in_by_their_passphrase_over_spi() {
    try_devices_are_let_in_by_their_passphrase(Bus::Spi);
}

fn try_devices_are_let_in_by_their_passphrase(bus: Bus) {
    let scene = Scene::member(bus, &[]);
    let host = scene.host();
    assert!(host.ctl("commissioner start").contains("= 2"));
    host.ctl("commissioner add any J01NME 300");
    let mut device = scene.world.node(3);
    device.run("ifconfig up");
    assert!(join(&mut device, "WR0NGPSK").contains("Security"));
    assert!(join(&mut device, "J01NME").contains("success"));
    device.run("thread start");
    device.wait_for_role(&["child", "router"]);
    device.ping(&mesh_local(host).to_string(), 8);
    assert_eq!(device.get("networkname"), "others");

    // One alone, by its name.
    host.ctl("commissioner remove any");
    let mut device = scene.world.node(4);
    device.run("ifconfig up");
    let eui64 = device.get("eui64");
    host.ctl(&format!("commissioner add {eui64} A10NEPSK"));
    assert!(join(&mut device, "A10NEPSK").contains("success"));
}

/// The last line that joining says. A joiner asks once on each channel, and whoever answers a little late is not found.
fn join(device: &mut Node, pskd: &str) -> String {
    wait("a network that is found", || {
        device.run(&format!("joiner start {pskd}"));
        let said = device
            .0
            .wait_for("the joiner's end", |line| line.starts_with("Join "));
        (!said.contains("NotFound")).then_some(said)
    })
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn there_is_one_commissioner() {
    let mut scene = Scene::member(Bus::Pipes, &[]);
    let (code, why) = scene.host().refused("commissioner add any J01NME");
    assert_eq!(code, 5, "{why}");
    assert!(why.contains("commissioner start"), "{why}");
    // By another name: ours could take over from one of the same.
    scene.node.run("commissioner id somebody");
    scene.node.run("commissioner start");
    scene
        .node
        .0
        .wait_for("a commissioner", |line| line == "Commissioner: active");
    let (code, why) = scene.host().refused("commissioner start");
    assert_eq!(code, 6, "{why}");
    assert!(why.contains("another commissioner"), "{why}");
    scene.node.run("commissioner stop");
    let host = scene.host();
    // The leader gets to know it a little later.
    host.wait_for("our turn", |host| {
        let output = host.try_ctl("commissioner start");
        output.status.success().then_some(())
    });
    assert!(host.ctl("commissioner").contains("= 2"));
    // Whoever is it already is not refused.
    assert!(host.ctl("commissioner start").contains("= 2"));
    host.ctl("commissioner stop");
    assert!(host.ctl("commissioner").contains("= 0"));
    host.ctl("commissioner stop");
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn we_join_by_passphrase() {
    try_we_join_by_passphrase(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn we_join_by_passphrase_over_spi() {
    try_we_join_by_passphrase(Bus::Spi);
}

fn try_we_join_by_passphrase(bus: Bus) {
    let Alone {
        board: _board,
        world,
    } = Alone::start(bus, &[]);
    let host = &world.host;
    let mut node = world.node(2);
    node.form("others");
    let (code, why) = host.refused("joiner start J01NME");
    assert_eq!(code, 9, "nobody permits it: {why}");
    lets_in(&mut node, "J01NME");
    let (code, why) = host.refused("joiner start WR0NGPSK");
    assert_eq!(code, 10, "{why}");
    assert!(why.contains("passphrase"), "{why}");
    assert_eq!(host.state(), "offline");

    let mut joining = Command::new(env!("CARGO_BIN_EXE_spinelctl"));
    joining.arg("--socket").arg(host.socket());
    joining.args(["joiner", "start", "WR0NGPSK"]);
    let mut joining = Process(joining.stderr(Stdio::null()).spawn().unwrap());
    host.wait_for("the joiner at work", |host| {
        (!host.ctl("joiner").contains("= 0")).then_some(())
    });
    host.ctl("joiner stop");
    assert_ne!(joining.ended(), Some(0));
    assert!(host.ctl("joiner").contains("= 0"));

    host.ctl("joiner start J01NME");
    assert_eq!(host.state(), "associated");
    let status = host.status().unwrap();
    assert_eq!(status["network_name"], "others", "{status}");
    host.ping(node.mesh_local().parse().unwrap());
    // For good.
    host.ctl("reset");
    host.wait_for_state("associated");
}

/// Whom one network has refused is let in by another.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn who_was_refused_joins_elsewhere() {
    let world = World::with_ncp();
    let host = &world.host;
    let mut refuses = world.node(2);
    refuses.form("refuses");
    lets_in(&mut refuses, "J01NME");
    let (code, why) = host.refused("joiner start A10NEPSK");
    assert_eq!(code, 10, "{why}");

    refuses.run("commissioner stop");
    let mut welcomes = world.node(3);
    welcomes.form("welcomes");
    lets_in(&mut welcomes, "A10NEPSK");
    host.ctl("joiner start A10NEPSK");
    let status = host.status().unwrap();
    assert_eq!(status["network_name"], "welcomes", "{status}");
}

/// Makes a node the commissioner of its network, who lets in whoever has this passphrase.
fn lets_in(node: &mut Node, pskd: &str) {
    node.run("commissioner start");
    node.0
        .wait_for("a commissioner", |line| line == "Commissioner: active");
    node.run(&format!("commissioner joiner add * {pskd} 300"));
}

/// Whoever knows no key yet speaks without one. While devices may join, that passes on the port of their traffic, and
/// at no other time.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn insecure_packets_pass_while_devices_may_join() {
    let scene = Scene::member(Bus::Pipes, &[]);
    let host = scene.host();
    let status = host.status().unwrap();
    let ours = status["link_local_address"].as_str().unwrap().to_owned();
    let mut device = scene.world.node(3);
    device.run(&format!("channel {}", status["channel"]));
    device.run(&format!("panid {}", status["panid"].as_str().unwrap()));
    device.run("ifconfig up");
    device.run("udp open");
    device.run("udp bind -u :: 5684");
    device.run("udp linksecurity disable");
    device.run("unsecureport add 5684");
    let received = scene.world.folder.join("received");
    let _listener = listen(host, 5684, &received);

    send(&mut device, &format!("{ours} 5684 before"));
    host.ctl("permit-join 60");
    host.wait_for("an insecure packet", |_| {
        device.run(&format!("udp send {ours} 5684 while"));
        read(&received).contains("while").then_some(())
    });
    host.ctl("permit-join 0");
    let dropped = "packets dropped: insecure";
    let before = counter(host, dropped);
    send(&mut device, &format!("{ours} 5684 after"));
    // Behind it, on the same way, comes one that passes.
    host.ctl("permit-join 60");
    host.wait_for("an insecure packet", |_| {
        device.run(&format!("udp send {ours} 5684 again"));
        read(&received).contains("again").then_some(())
    });
    let said = read(&received);
    assert!(
        !said.contains("before") && !said.contains("after"),
        "{said}"
    );
    assert_eq!(counter(host, dropped), before, "the NCP has let it through");

    // The time is over by itself.
    host.ctl("permit-join 1");
    host.wait_for("the end of the time", |host| {
        host.ctl("get THREAD_ASSISTING_PORTS")
            .contains("[]")
            .then_some(())
    });
}

/// Sends this datagram, and waits until it has arrived at the NCP.
fn send(device: &mut Node, datagram: &str) {
    let acknowledged = |device: &mut Node| {
        let counters = device.run("counters mac").join("\n");
        let (_, rest) = counters.split_once("TxAcked: ").expect("a counter");
        let digits = rest.split_whitespace().next().expect("a number");
        digits.parse::<u32>().unwrap()
    };
    let before = acknowledged(device);
    device.run(&format!("udp send {datagram}"));
    wait("an acknowledgement", || {
        (acknowledged(device) > before).then_some(())
    });
}

/// Writes what comes over UDP into a file.
fn listen(host: &Host, port: u16, file: &std::path::Path) -> Process {
    let listener = host
        .command("socat")
        .arg("-u")
        .arg(format!("UDP6-RECV:{port}"))
        .arg(format!("CREATE:{}", file.display()))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    host.wait_for("the listener", |host| {
        host.listens("udp6", port).then_some(())
    });
    Process(listener)
}

fn read(file: &std::path::Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = std::fs::File::open(file) {
        file.read_to_string(&mut text).unwrap();
    }
    text
}
