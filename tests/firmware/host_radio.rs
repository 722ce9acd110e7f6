//! What concerns the radio: capturing frames, read with tshark, which none of us wrote; sleep.

use crate::host_scene::{answers, counter, enter, Bus, Scene};
use crate::hosts::{wait, Process};
use crate::world::{Node, World};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Frames of the air of `world` in a file, as long as it lives.
struct Capture {
    process: Process,
    file: PathBuf,
    /// What spinelctl says beside.
    said: PathBuf,
}

impl Capture {
    fn start(world: &World, options: &[&str]) -> Capture {
        let file = world.folder.join("air.pcapng");
        let said = world.folder.join("pcap.txt");
        let child = Command::new(env!("CARGO_BIN_EXE_spinelctl"))
            .arg("--socket")
            .arg(world.host.socket())
            .arg("pcap")
            .args(options)
            .arg(&file)
            .stderr(std::fs::File::create(&said).unwrap())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let capture = Capture {
            process: Process(child),
            file,
            said,
        };
        wait("the way that it captures", || {
            let said = std::fs::read_to_string(&capture.said).unwrap();
            said.contains("capturing").then_some(())
        });
        capture
    }

    fn way(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    /// Waits until tshark finds a frame like this, while something keeps the air busy.
    fn wait_for(&self, keys: &Keys, filter: &str, mut busy: impl FnMut()) {
        wait(filter, || {
            busy();
            (!tshark(&self.file, keys, filter).is_empty()).then_some(())
        });
    }

    /// Interrupts it, as who has seen enough does.
    fn end(mut self) {
        self.process.signal(nix::sys::signal::Signal::SIGINT);
        self.process.ended();
    }
}

/// What tshark needs to decrypt the frames of a network.
struct Keys(Vec<String>);

impl Keys {
    fn of(node: &mut Node) -> Keys {
        let key = node.get("networkkey");
        let (short, long) = (node.get("rloc16"), node.get("extaddr"));
        let panid = node.get("panid");
        let panid = panid.trim_start_matches("0x");
        // Frames have a node's short address, their nonce has its long one.
        Keys(vec![
            format!("uat:ieee802154_keys:\"{key}\",\"1\",\"Thread hash\""),
            format!("uat:802154_addresses:\"{short}\",\"{panid}\",{long}"),
        ])
    }
}

/// One line for each frame that fits.
fn tshark(file: &Path, keys: &Keys, filter: &str) -> String {
    let mut command = Command::new("tshark");
    for key in &keys.0 {
        command.args(["-o", key]);
    }
    let output = command
        .args(["-Y", filter, "-r"])
        .arg(file)
        .output()
        .expect("tshark");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("-o flag"), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// An extended address as tshark writes it.
fn long_address(node: &mut Node) -> String {
    let address = node.get("extaddr");
    let octets: Vec<_> = (0..8).map(|n| &address[2 * n..2 * n + 2]).collect();
    octets.join(":")
}

/// The data frames of this node.
fn data_of(node: &mut Node) -> String {
    let (short, long) = (node.get("rloc16"), long_address(node));
    format!("wpan.frame_type == 1 && (wpan.src64 == {long} || wpan.src16 == 0x{short})")
}

/// Without a network, on the other node's channel: everything is heard, and afterwards the stack has its radio again.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn pcap_hears_others_without_a_network_on_each_firmware() {
    for (firmware, way) in [
        ("ot-ncp-ftd", "with the interface up"),
        // Its raw radio does not receive.
        ("ot-ncp-ftd-raw-auto", "with the interface up"),
    ] {
        let mut world = World::new();
        let mut node = world.node(2);
        let dataset = node.form("others");
        let (keys, channel) = (Keys::of(&mut node), node.get("channel"));
        let device = world.system(firmware, 1);
        world.host.start_bridge(&[&device]);
        let before = world.host.ctl("getprop PHY_CHAN");
        let capture = Capture::start(&world, &["-c", &channel]);
        assert!(capture.way().contains(way), "{}", capture.way());
        let data = data_of(&mut node);
        capture.wait_for(&keys, &data, || {
            // Nobody answers; what counts is that it is sent.
            node.run("ping ff03::1 40 1 1 64 0.5");
        });
        capture.wait_for(&keys, "icmpv6.type == 128", || {});
        capture.end();
        assert_eq!(world.host.ctl("getprop PHY_CHAN"), before);
        for off in [
            "MAC_RAW_STREAM_ENABLED",
            "MAC_PROMISCUOUS_MODE",
            "PHY_PCAP_ENABLED",
            "NET_IF_UP",
        ] {
            let value = world.host.ctl(&format!("getprop {off}"));
            assert!(
                value.ends_with("false\n") || value.ends_with("0\n"),
                "{firmware}: {value}"
            );
        }
        enter(&world.host, &dataset);
        world.host.ping(node.mesh_local().parse().unwrap());
    }
}

/// In a network the stack goes on, and its frames are copied: both ways, and the other node's data in it.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn pcap_in_a_network_leaves_it_alone() {
    for firmware in ["ot-ncp-ftd", "ot-ncp-ftd-raw-auto"] {
        let mut world = World::new();
        let mut node = world.node(2);
        let dataset = node.form("others");
        let device = world.system(firmware, 1);
        world.host.start_bridge(&[&device]);
        enter(&world.host, &dataset);
        let address = node.mesh_local().parse().expect("an address");
        let keys = Keys::of(&mut node);
        let capture = Capture::start(&world, &[]);
        assert!(
            capture.way().contains("while its stack runs"),
            "{firmware}: {}",
            capture.way()
        );
        let data = data_of(&mut node);
        capture.wait_for(&keys, &data, || {
            assert!(answers(&world.host, address), "{firmware}");
        });
        capture.wait_for(&keys, &format!("{data} && icmpv6.type == 129"), || {
            assert!(answers(&world.host, address), "{firmware}");
        });
        capture.end();
        for off in ["PHY_PCAP_ENABLED", "MAC_RAW_STREAM_ENABLED"] {
            world
                .host
                .wait_for("what was turned on being off again", |host| {
                    let value = host.ctl(&format!("getprop {off}"));
                    value.ends_with("false\n").then_some(())
                });
        }
        let mode = world.host.ctl("getprop MAC_PROMISCUOUS_MODE");
        assert!(mode.ends_with("= 0\n"), "{firmware}: {mode}");
        assert_eq!(world.host.state(), "associated", "{firmware}");
        assert!(answers(&world.host, address), "{firmware}");
    }
}

/// Whether its firmware has a raw radio or not, and even where the driver does not attach by itself.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_node_that_slept_is_in_its_network_again() {
    for firmware in ["ot-ncp-ftd", "ot-ncp-ftd-raw-auto"] {
        for option in [&[][..], &["--auto-resume=no"]] {
            let mut world = World::new();
            let mut node = world.node(2);
            let dataset = node.form("others");
            let device = world.system(firmware, 1);
            world.host.start_bridge(&[option, &[&device]].concat());
            enter(&world.host, &dataset);
            world.host.ctl("begin-low-power");
            assert_eq!(world.host.state(), "offline:deep-sleep");
            let address = node.mesh_local().parse().unwrap();
            assert!(!answers(&world.host, address));
            world.host.ctl("wake");
            world.host.wait_for_state("associated");
            world.host.ping(address);
        }
    }
}

/// Two hundred packets of 1,005 octets as fast as the interface takes them: the NCP has room for five, and says so.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn of_a_burst_nothing_is_lost_for_want_of_buffers() {
    try_of_a_burst_nothing_is_lost(Bus::Pipes);
}

/// The same at 1 MHz, where the bus alone slows them down, if not enough.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn of_a_burst_nothing_is_lost_for_want_of_buffers_over_spi() {
    try_of_a_burst_nothing_is_lost(Bus::Spi);
}

fn try_of_a_burst_nothing_is_lost(bus: Bus) {
    let mut scene = Scene::member(bus, &[]);
    if let Some(board) = &scene.board {
        board.set_speed(1_000_000);
    }
    let address = scene.node_address();
    scene.host().ping(address);
    scene.node.run("udp open");
    scene.node.run("udp bind :: 1234");
    let begun = scene.node.0.log.len();
    let burst = format!(
        "import socket\n\
         s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n\
         for n in range(200): s.sendto(b'%04d' % n + b'x' * 953, ('{address}', 1234))"
    );
    scene.host().run(&["python3", "-c", &burst]);
    let Scene {
        board: _board,
        world,
        mut node,
    } = scene;
    let counter = |name: &str| counter(&world.host, name);
    wait("the last packet to be sent", || {
        (counter("packets to the co-processor") >= 200).then_some(())
    });
    // The rest is on the air.
    std::thread::sleep(Duration::from_secs(3));
    node.run("state");
    let got = node.0.log[begun..].iter();
    let got = got
        .filter(|line| line.starts_with("957 bytes from"))
        .count();
    println!(
        "{got} of 200 arrived, {} waited for room",
        counter("packets that waited for room")
    );
    assert_eq!(counter("packets dropped: no room in the co-processor"), 0);
    assert_eq!(counter("packets slowed down"), 0);
    assert_eq!(got, 200);
}
