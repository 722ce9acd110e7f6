//! The NCP dies, hangs and is reset, the host driver dies beside it: the network comes back, and so do its addresses.

use crate::host_scene::{mesh_local, Bus, Scene};
use crate::hosts::Host;
use nix::sys::signal::{kill, Signal};
use nix::unistd::Pid;
use std::fs;
use std::net::Ipv6Addr;
use std::thread::sleep;
use std::time::Duration;

/// An address of our own, which the NCP has to be told again.
const OWN: &str = "2001:db8:1::77";

/// A network with a prefix, and an address of our own in it.
fn scene(bus: Bus) -> Scene {
    let mut scene = Scene::member(bus, &[]);
    scene.host().ctl("add-prefix 2001:db8:1::/64 -s -o");
    let words = [
        "ip",
        "-6",
        "address",
        "add",
        &format!("{OWN}/64"),
        "dev",
        "wpan0",
    ];
    scene.host().run(&words);
    scene.node.ping(OWN, 8);
    scene
}

/// In the network again, with all that was there before.
fn is_as_before(scene: &mut Scene, before: &Before) {
    let host = &scene.world.host;
    host.wait_for_state("associated");
    host.wait_for("the addresses", |host| {
        (host.kernel_addresses() == before.addresses).then_some(())
    });
    assert_eq!(mesh_local(host), before.mesh_local, "{}", host.log());
    host.ping(scene.node.mesh_local().parse().unwrap());
    scene.node.ping(&before.mesh_local.to_string(), 8);
    scene.node.ping(OWN, 8);
}

struct Before {
    addresses: Vec<Ipv6Addr>,
    mesh_local: Ipv6Addr,
}

impl Before {
    fn of(host: &Host) -> Before {
        Before {
            addresses: host.kernel_addresses(),
            mesh_local: mesh_local(host),
        }
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn an_ncp_that_is_killed_or_hangs_is_in_its_network_again() {
    let mut scene = scene(Bus::Pipes);
    let before = Before::of(scene.host());
    for _ in 0..3 {
        signal(&scene, Signal::SIGKILL);
        scene.host().wait_for("its end", |host| {
            (host.state() != "associated").then_some(())
        });
        is_as_before(&mut scene, &before);
    }
    signal(&scene, Signal::SIGSTOP);
    sleep(Duration::from_secs(10));
    signal(&scene, Signal::SIGCONT);
    is_as_before(&mut scene, &before);
}

/// To the NCP that is our driver's child.
fn signal(scene: &Scene, signal: Signal) {
    let folder = scene.world.folder.path();
    let pid = scene.host().wait_for("the NCP's process", |_| {
        let processes = fs::read_dir("/proc").unwrap().map_while(Result::ok);
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.find(|pid: &i32| {
            let link = |name| fs::read_link(format!("/proc/{pid}/{name}")).unwrap_or_default();
            link("exe").ends_with("ot-ncp-ftd") && link("cwd") == folder
        })
    });
    kill(Pid::from_raw(pid), signal).unwrap();
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_board_that_loses_power_or_hangs_is_in_its_network_again() {
    let mut scene = scene(Bus::Spi);
    let before = Before::of(scene.host());
    scene.board.as_mut().unwrap().kill();
    sleep(Duration::from_secs(1));
    let board = scene.board.as_mut().unwrap();
    board.power(&scene.world, "ot-ncp-ftd-spi", 1, &[]);
    is_as_before(&mut scene, &before);
    scene.board.as_ref().unwrap().signal(Signal::SIGSTOP);
    sleep(Duration::from_secs(10));
    scene.board.as_ref().unwrap().signal(Signal::SIGCONT);
    is_as_before(&mut scene, &before);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn fifty_resets_are_survived() {
    let mut scene = scene(Bus::Spi);
    let before = Before::of(scene.host());
    for number in 0..50 {
        let words = ["reset", "reset hard"][number % 2];
        scene.host().ctl(words);
        // Now and then it gets as far as the network.
        if number % 10 == 9 {
            scene.host().wait_for_state("associated");
        }
    }
    is_as_before(&mut scene, &before);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_driver_that_is_killed_finds_the_network_running() {
    let mut scene = scene(Bus::Spi);
    let before = Before::of(scene.host());
    let rloc16 = scene.host().ctl("get -v THREAD_RLOC16");
    let resets = |host: &Host| host.log().matches("the co-processor was reset").count();
    let resets_before = resets(scene.host());
    for _ in 0..3 {
        scene.world.host.kill_bridge();
        scene.start_bridge(&[]);
        let host = scene.host();
        host.wait_for_state("associated");
        // Of our own address, too, the NCP knows.
        is_as_before(&mut scene, &before);
    }
    let host = scene.host();
    assert_eq!(host.ctl("get -v THREAD_RLOC16"), rloc16);
    assert_eq!(resets(host), resets_before, "{}", host.log());
}
