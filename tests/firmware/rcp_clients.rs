//! Two more programs that none of us wrote on our pty, with OpenThread's RCP behind the SPI bus. How far they go with a
//! simulated radio:
//! - aiospinel 1.2.0, Home Assistant's client for RCPs: all that it has. It probes, asks 45 questions on its 15 TIDs,
//!   enables the radio, gets the frames of a Thread network, and resets.
//! - zigbee-on-host 0.3.0, a Zigbee stack: forms its network, and answers a beacon request of a second node with its
//!   beacon. No Zigbee device can be had for the simulated radio, so nothing joins it.

use crate::process::{Client, Program, Said};
use crate::world::{ask, program, target_dir, Board, Line, Translator, World, IS, SET};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const CHANNEL: &str = "15";

fn client(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/firmware/clients");
    folder.join(name).display().to_string()
}

fn in_venv(program: &str) -> Command {
    let path = target_dir().join("venv/bin").join(program);
    assert!(
        path.exists(),
        "{} is missing: run tests/setup.sh",
        path.display()
    );
    Command::new(path)
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn aiospinel_probes_listens_and_resets() {
    let world = World::new();
    let board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let translator = world.translator(&board, &[]);
    aiospinel(&world, &translator);
}

pub(crate) fn aiospinel(world: &World, translator: &Translator) {
    let mut leader = world.node(2);
    leader.run("dataset init new");
    leader.run(&format!("dataset channel {CHANNEL}"));
    leader.run("dataset commit active");
    leader.run("ifconfig up");
    leader.run("thread start");

    let mut command = in_venv("python");
    command
        .arg(client("aiospinel_client.py"))
        .arg(&translator.link)
        .arg(CHANNEL);
    let mut client = Line::start(&mut command);
    for said in ["probe OPENTHREAD/", "hwaddr ", "caps 45", "frames", "reset"] {
        client.wait_for(said, |line| line.starts_with(said));
    }
    assert_eq!(client.ended(), Some(0));
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn zigbee_on_host_forms_its_network_and_answers_beacon_requests() {
    let world = World::new();
    let board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let translator = world.translator(&board, &[]);
    zigbee_on_host(&world, &translator);
}

pub(crate) fn zigbee_on_host(world: &World, translator: &Translator) {
    let mut command = in_venv("node");
    command
        .arg(client("zigbee_client.js"))
        .arg(&translator.link)
        .arg(world.folder.join("zigbee"))
        .arg(CHANNEL)
        .env("NODE_PATH", target_dir().join("npm/node_modules"));
    let mut coordinator = Line::start(&mut command);
    coordinator.wait_for("its RCP's version", |line| {
        line.starts_with("version OPENTHREAD/") && line.ends_with("RCP API 11")
    });
    coordinator.wait_for("its network", |line| line == "formed");

    let beacon = ask_for_a_beacon(world);
    assert_eq!(beacon[3..7], [0x62, 0x1a, 0, 0], "{beacon:02x?}");
    coordinator.wait_for("the beacon request", |line| line.starts_with("frame "));
    coordinator.close();
    coordinator.wait_for("its end", |line| line == "stopped");
    assert_eq!(coordinator.ended(), Some(0));
}

/// A second RCP asks whoever hears it on the channel, as a device does that looks for a network; a beacon that it gets,
/// from FCF to FCS. (`scan` of OpenThread's command line passes over beacons with short addresses, which Zigbee's have.)
fn ask_for_a_beacon(world: &World) -> Vec<u8> {
    let mut command = world.host.command(&program("ot-rcp"));
    command.arg("2").current_dir(world.folder.path());
    let (_rcp, mut client) = Program::on_pipes(command);
    // PHY_ENABLED, PHY_CHAN, MAC_PROMISCUOUS_MODE, MAC_RAW_STREAM_ENABLED.
    for [property, value] in [[0x20, 1], [0x21, 15], [0x38, 2], [0x37, 1]] {
        let answer = ask(&mut client, &[0x81, SET, property, value]);
        assert_eq!(answer[1..3], [IS, property], "{answer:02x?}");
    }
    // To all of all PANs, with room for the FCS; the channel, no CCA.
    let request = [0x03, 0x08, 0x2a, 0xff, 0xff, 0xff, 0xff, 0x07, 0, 0];
    let frame = [
        &[0x82, SET, STREAM_RAW, 10, 0],
        &request[..],
        &[15, 0, 0, 0],
    ]
    .concat();
    client.send(&frame);
    beacon(&mut client)
}

fn beacon(client: &mut Client) -> Vec<u8> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        match client.next_within(Duration::from_secs(5)) {
            // Its type, the three low bits of the FCF, is 0.
            Said::Frame(frame)
                if frame.starts_with(&[0x80, IS, STREAM_RAW]) && frame[5] & 7 == 0 =>
            {
                return frame[5..5 + usize::from(frame[3])].to_vec();
            }
            Said::End => panic!("the RCP has ended"),
            _ => {}
        }
    }
    panic!("no beacon");
}

const STREAM_RAW: u8 = 0x71;
