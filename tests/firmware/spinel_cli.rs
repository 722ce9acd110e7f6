//! spinel-cli of PyPI, as it is, on OpenThread's NCP through the translator: all that it does on the simulated
//! co-processor (tests/spinel_cli.rs, which also tells its quirks), and over the air to a second node.

use crate::process::{Client, Said};
use crate::world::{ask, target_dir, Board, Line, Node, Translator, World, IS, SET};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_day_in_the_life_of_a_network() {
    let world = World::new();
    let board = Board::start(&world, "ot-ncp-ftd-spi", 1, &[]);
    let translator = world.translator(&board, &[]);
    let mut second = world.node(2);
    // `scan` looks at channel 15 alone.
    let mut third = world.node(3);
    third.run("dataset init new");
    third.run("dataset channel 15");
    third.run("dataset commit active");
    third.run("ifconfig up");
    third.run("thread start");

    let mut client = SpinelCli::start(&world, &translator);
    assert!(client.get("version").starts_with("OPENTHREAD/"));
    credentials(&mut client);
    client.quit();
    // It knows nothing of datasets, and this firmware does not start without a whole one: another client sets it.
    set_dataset(&translator, &new_dataset(&mut second));

    // The translator outlives its clients.
    let mut client = SpinelCli::start(&world, &translator);
    assert_eq!(client.get("networkname"), "Test-Net");
    assert_eq!(client.get("channel"), "20");
    client.set("ifconfig up");
    assert_eq!(client.get("ifconfig"), "up");
    // Role 4, disabled, which it does not know.
    client.set("debug 1");
    client.set("thread start");
    client
        .line
        .wait_for("the leader's role", |line| line.ends_with("NET_ROLE = 3"));
    client.set("debug 0");
    assert_eq!(client.get("thread"), "start");
    assert_eq!(client.get("state"), "leader");
    client.line.send("counters mac");
    client
        .line
        .wait_for("the MAC counters", |line| line.starts_with("TxTotal: "));
    client.done();

    second.run("ifconfig up");
    second.run("thread start");
    second.wait_for_role(&["child", "router"]);
    addresses(&mut client, &mut second);
    third.wait_for_role(&["leader"]);
    scan(&mut client);
    reset(&mut client);
    client.quit();
    // RES was pulled at the start alone.
    assert_eq!(board.resets(), 1, "{}", translator.log());
}

fn credentials(client: &mut SpinelCli) {
    for (name, value) in [
        ("channel", "20"),
        ("panid", "0xface"),
        ("extpanid", "dead00beef00cafe"),
        ("networkname", "Test-Net"),
        ("masterkey", "ffeeddccbbaa99887766554433221100"),
    ] {
        client.set(&format!("{name} {value}"));
        assert_eq!(client.get(name), value, "{name}");
    }
    client.line.send("channel 27");
    client
        .line
        .wait_for("the refusal of channel 27", |line| line == "Error");
}

/// The dataset of a network that the second node is in too, once it starts.
fn new_dataset(second: &mut Node) -> String {
    second.run("dataset init new");
    second.run("dataset networkname Test-Net");
    second.run("dataset channel 20");
    second.run("dataset panid 0xface");
    second.run("dataset commit active");
    second.get("dataset active -x")
}

fn set_dataset(translator: &Translator, dataset: &str) {
    let mut client: Client = translator.client();
    while client.next_within(Duration::from_millis(200)) != Said::Nothing {}
    let octets = (0..dataset.len()).step_by(2);
    let octets = octets.map(|at| u8::from_str_radix(&dataset[at..at + 2], 16).unwrap());
    // THREAD_ACTIVE_DATASET_TLVS, 5436.
    let frame: Vec<u8> = [0x82, SET, 0xbc, 0x2a].into_iter().chain(octets).collect();
    let answer = ask(&mut client, &frame);
    assert_eq!(answer[1..4], [IS, 0xbc, 0x2a], "{answer:?}");
}

fn addresses(client: &mut SpinelCli, second: &mut Node) {
    client.line.send("ipaddr");
    let addresses = client.done();
    assert!(addresses.len() >= 3, "{addresses:?}");
    assert!(
        addresses
            .iter()
            .any(|address| address.starts_with("fe80::")),
        "{addresses:?}"
    );
    let theirs = second.mesh_local();
    let own = addresses
        .iter()
        .find(|address| !address.starts_with("fe80::") && !address.contains(":ff:fe00:"))
        .expect("a mesh-local address");
    second.ping(own, 300);
    for destination in [theirs.as_str(), "ff02::1", "ff03::1"] {
        // More than three hundred octets: it travels in several radio frames.
        client.line.send(&format!("ping {destination} 300"));
        let answer = client
            .line
            .wait_for("the answer to a ping", |line| line.contains("bytes from"));
        assert!(answer.starts_with("300 bytes from "), "{answer}");
        if !destination.starts_with("ff") {
            assert!(answer.contains(destination), "{answer} to {destination}");
        }
    }
}

fn scan(client: &mut SpinelCli) {
    client.set("debug 1");
    let start = client.line.log.len();
    client.line.send("scan");
    // Standard output and standard error have no order between them.
    client
        .line
        .wait_for("the end of `scan`", |line| line == "Error");
    for part in ["PROP_VALUE_INSERTED", "MAC_SCAN_STATE = 0"] {
        let mut said = client.line.log[start..].iter();
        if !said.any(|line| line.contains(part)) {
            client.line.wait_for(part, |line| line.contains(part));
        }
    }
    client.set("debug 0");
}

fn reset(client: &mut SpinelCli) {
    client.line.send("reset");
    assert_eq!(client.get("ifconfig"), "down");
    // Credentials outlive a reset.
    assert_eq!(client.get("networkname"), "Test-Net");
    assert_eq!(client.get("panid"), "0xface");
    client.set("ifconfig up");
    client.set("thread start");
    client.set("thread stop");
    assert_eq!(client.get("thread"), "stop");
    client.set("ifconfig down");
    assert_eq!(client.get("ifconfig"), "down");
}

struct SpinelCli {
    line: Line,
}

impl SpinelCli {
    fn start(world: &World, translator: &Translator) -> SpinelCli {
        let mut command = Command::new(spinel_cli());
        command
            .arg("-u")
            .arg(&translator.link)
            // It writes its history there.
            .env("HOME", world.folder.path());
        SpinelCli {
            line: Line::start(&mut command),
        }
    }

    /// A command that changes something.
    fn set(&mut self, command: &str) {
        self.line.send(command);
        // `debug` says what it set instead. What its threads say is not parted by lines.
        let end = match command.starts_with("debug") {
            true => "DEBUG_ENABLE = ",
            false => "Done",
        };
        let said = self.line.wait_for(command, |line| {
            line.contains(end) || line.ends_with("Error")
        });
        if said.ends_with("Error") {
            self.line.fail(command);
        }
    }

    /// A command that shows one value.
    fn get(&mut self, command: &str) -> String {
        self.line.send(command);
        self.done().pop().unwrap_or_default()
    }

    /// What it says up to `Done`.
    fn done(&mut self) -> Vec<String> {
        let start = self.line.log.len();
        self.line.wait_for("`Done`", |line| line == "Done");
        let end = self.line.log.len() - 1;
        self.line.log[start..end].to_vec()
    }

    fn quit(&mut self) {
        self.line.send("exit");
        self.line.close();
        assert_eq!(self.line.ended(), Some(0));
    }
}

fn spinel_cli() -> PathBuf {
    let path = target_dir().join("venv/bin/spinel-cli.py");
    assert!(
        path.is_file(),
        "{} is missing: run tests/setup.sh",
        path.display()
    );
    path
}
