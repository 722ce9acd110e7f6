//! What firmware tells of its own accord reaches whoever watches, and what is left to the host has its outcome there.

use crate::host_scene::{another, enter, Alone, Bus};
use crate::hosts::{wait, Host, Process, LIMIT};
use crate::world::{program, World};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// `spinelctl monitor`, into a file.
struct Monitor {
    _process: Process,
    file: PathBuf,
}

impl Monitor {
    fn start(world: &World) -> Monitor {
        let file = world.folder.join("events");
        let mut monitor = Command::new(env!("CARGO_BIN_EXE_spinelctl"));
        monitor
            .arg("--socket")
            .arg(world.host.socket())
            .args(["--json", "monitor"])
            .stdout(File::create(&file).unwrap());
        let monitor = Monitor {
            _process: Process(monitor.spawn().unwrap()),
            file,
        };
        // It hears of nothing that was before it.
        world.host.wait_for("the first event", |host| {
            host.ctl("setprop NET_IF_UP true");
            host.ctl("setprop NET_IF_UP false");
            (!monitor.said().is_empty()).then_some(())
        });
        monitor
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    /// Whether there was a line with all of this.
    fn has(&self, parts: &[&str]) -> bool {
        let has = |line: &str| parts.iter().all(|part| line.contains(part));
        self.said().lines().any(has)
    }

    /// Waits for such a line.
    #[track_caller]
    fn sees(&self, parts: &[&str]) {
        let end = Instant::now() + LIMIT;
        while !self.has(parts) {
            assert!(Instant::now() < end, "no {parts:?} in\n{}", self.said());
            sleep(Duration::from_millis(50));
        }
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn what_firmware_tells_unasked_is_seen() {
    try_what_firmware_tells_unasked_is_seen(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn what_firmware_tells_unasked_is_seen_over_spi() {
    try_what_firmware_tells_unasked_is_seen(Bus::Spi);
}

fn try_what_firmware_tells_unasked_is_seen(bus: Bus) {
    let Alone {
        board: _board,
        world,
    } = Alone::start(bus, &[]);
    let host = &world.host;
    let monitor = Monitor::start(&world);
    let sees = |parts: &[&str]| monitor.sees(parts);
    host.ctl("form events");
    sees(&["NET_ROLE", ":3}"]);

    // A child.
    let dataset = host.ctl("getprop -v THREAD_ACTIVE_DATASET_TLVS");
    let mut node = world.node(2);
    node.attach(dataset.trim(), &["child"]);
    let eui64 = node.get("extaddr").to_uppercase();
    sees(&["THREAD_CHILD_TABLE", "inserted", &eui64]);

    // Jamming: the simulated radio hears -98 dBm at least, and this counts as jammed.
    host.ctl("setprop JAM_DETECT_RSSI_THRESHOLD -110");
    host.ctl("setprop JAM_DETECT_WINDOW 2");
    host.ctl("setprop JAM_DETECT_BUSY 1");
    assert!(host
        .ctl("jam")
        .contains("JAM_DETECTED              = false"));
    host.ctl("jam on");
    sees(&["JAM_DETECTED", "true"]);
    assert!(host.ctl("jam").contains("JAM_DETECTED              = true"));
    host.ctl("setprop JAM_DETECT_RSSI_THRESHOLD 0");
    sees(&["JAM_DETECTED", "false"]);
    assert!(host
        .ctl("jam")
        .contains("JAM_DETECTED              = false"));
    host.ctl("jam off");

    // Scans that a commissioner has another node make.
    host.ctl("commissioner start");
    let theirs = node.mesh_local();
    host.ctl(&format!(
        "setprop MESHCOP_COMMISSIONER_ENERGY_SCAN 0x1800 2 32 20 {theirs}"
    ));
    sees(&["MESHCOP_COMMISSIONER_ENERGY_SCAN_RESULT"]);
    // A network with the PAN id that is looked for, where the child hears it.
    let mut other = world.node(3);
    other.form("other");
    let (panid, channel) = (other.get("panid"), other.get("channel"));
    let mask = 1_u32 << channel.parse::<u32>().unwrap();
    // One answer to one question of the child may be lost.
    host.wait_for("a question", |host| {
        let words = format!("setprop MESHCOP_COMMISSIONER_PAN_ID_QUERY {panid} {mask} {theirs}");
        host.try_ctl(&words).status.success().then_some(())
    });
    sees(&["MESHCOP_COMMISSIONER_PAN_ID_CONFLICT_RESULT"]);
    // What a channel manager is about to do.
    let next = match host.ctl("getprop -v PHY_CHAN").trim() {
        "25" => 20,
        _ => 25,
    };
    host.ctl(&format!("setprop CHANNEL_MANAGER_NEW_CHANNEL {next}"));
    sees(&["CHANNEL_MANAGER_NEW_CHANNEL", &format!(":{next}}}")]);

    // A service that is registered where no server is: RESPONSE_TIMEOUT (7).
    host.ctl("setprop SRP_CLIENT_HOST_NAME bridge");
    host.ctl(&format!("setprop SRP_CLIENT_HOST_ADDRESSES [{theirs}]"));
    host.ctl("insertprop SRP_CLIENT_SERVICES _ipps._tcp printer 631 0 0");
    host.ctl(&format!("setprop SRP_CLIENT_START true {theirs} 5353 true"));
    sees(&["SRP_CLIENT_EVENT", "\"0700"]);
    for (words, done) in [("getprop", "read"), ("setprop", "written")] {
        let value = if words == "setprop" { " 00" } else { "" };
        let (code, said) = host.refused(&format!("{words} SRP_CLIENT_EVENT{value}"));
        let wanted = format!("SRP_CLIENT_EVENT is an event, it cannot be {done}: monitor it");
        assert!(
            code == 8 && said.contains(&wanted),
            "it says {code}, {said}"
        );
    }

    // A router.
    node.run("state router");
    node.wait_for_role(&["router"]);
    let eui64 = node.get("extaddr").to_uppercase();
    sees(&["THREAD_NEIGHBOR_TABLE", "inserted", &eui64]);
}

/// Two NCPs that measure the link between them: results come when they come.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn link_metrics_are_seen() {
    let mut world = World::new();
    let device = world.system("ot-ncp-ftd-cli", 1);
    world.host.start_bridge(&[&device]);
    let other = another(&world, "ot-ncp-ftd-cli", 2);
    let host = &world.host;
    let monitor = Monitor::start(&world);
    host.ctl("form metrics");
    host.wait_for_state("associated");
    let dataset = host.ctl("getprop -v THREAD_ACTIVE_DATASET_TLVS");
    enter(&other, dataset.trim());
    let theirs = other.status().expect("a status")["link_local_address"]
        .as_str()
        .expect("an address")
        .to_owned();
    // One probe may be lost; the metrics are LQI, margin and RSSI.
    let sees = |words: &str, parts: &[&str]| {
        wait(words, || {
            host.ctl(words);
            let end = Instant::now() + Duration::from_secs(3);
            while Instant::now() < end {
                if monitor.has(parts) {
                    return Some(());
                }
                sleep(Duration::from_millis(50));
            }
            None
        });
    };
    sees(
        &format!("setprop THREAD_LINK_METRICS_QUERY {theirs} 0 14"),
        &["THREAD_LINK_METRICS_QUERY_RESULT", &theirs],
    );
    sees(
        &format!("setprop THREAD_LINK_METRICS_MGMT_FORWARD {theirs} 1 15 14"),
        &["THREAD_LINK_METRICS_MGMT_RESPONSE", &theirs],
    );
    host.ctl(&format!("setprop THREAD_LINK_METRICS_PROBE {theirs} 1 8"));
    // A request for what acknowledgements say; the simulated radio adds nothing to them.
    let responses = || monitor.said().matches("MGMT_RESPONSE").count();
    let before = responses();
    let words = format!("setprop THREAD_LINK_METRICS_MGMT_ENH_ACK {theirs} 1 14");
    wait(&words, || {
        host.ctl(&words);
        sleep(Duration::from_secs(1));
        (responses() > before).then_some(())
    });
}

/// What today's firmware answers as little as that of 2025 (errata E46): the driver warns, and has it back in the end.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn who_asks_for_what_mutes_firmware_is_warned_and_it_comes_back() {
    let mut world = World::new();
    let device = world.system("ot-ncp-ftd-cli", 1);
    world.host.start_bridge(&[&device]);
    let host = &world.host;
    host.ctl("form muted");
    host.wait_for_state("associated");
    let warnings = || {
        host.whole_log()
            .matches("some firmware does not answer")
            .count()
    };
    assert_eq!(warnings(), 0);
    // Neither does anything else that is asked for as a matter of course.
    host.ctl("list");
    host.ctl("getprop THREAD_ACTIVE_DATASET_TLVS");
    assert_eq!(warnings(), 0, "{}", host.log());
    let (_, said) = host.refused("getprop THREAD_BACKBONE_ROUTER_PRIMARY");
    assert!(said.contains("did not answer within"), "{said}");
    assert_eq!(warnings(), 1, "{}", host.log());
    assert!(host
        .log()
        .contains("THREAD_BACKBONE_ROUTER_PRIMARY is asked for"));
    // It answers nothing any more: it is reset, and then it is in its network as before.
    host.wait_for("a reset", |host| {
        host.whole_log()
            .contains("state: uninitialized")
            .then_some(())
    });
    host.wait_for_state("associated");
    assert_eq!(host.ctl("getprop -v NET_NETWORK_NAME"), "muted\n");
}

/// The command finds the device closed, and what it puts there is what runs afterwards.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn an_upgrade_replaces_the_firmware() {
    let mut world = World::new();
    let folder = world.folder.path().to_owned();
    let link = folder.join("firmware");
    symlink(program("ot-ncp-ftd"), &link).unwrap();
    let new = program("ot-ncp-ftd-raw-auto");
    let folder = folder.display();
    let running = format!("for p in /proc/[0-9]*; do [ \"$(readlink $p/cwd)\" = {folder} ] && case $(readlink $p/exe) in *ot-ncp*) echo $p;; esac; done >{folder}/running");
    let upgrade = format!("{running}; ln -sf {new} {folder}/firmware");
    let device = format!("system:cd {folder} && exec ./firmware 1");
    world
        .host
        .start_bridge(&["--firmware-upgrade", &upgrade, &device]);
    let host = &world.host;
    host.ctl("form upgraded");
    // MAC_RAW.
    let has_raw = |host: &Host| host.ctl("getprop -v CAPS").contains(" 513 ");
    assert!(!has_raw(host));
    host.ctl("upgrade");
    let running = std::fs::read_to_string(world.folder.join("running"));
    assert_eq!(running.expect("the command ran"), "");
    assert!(has_raw(host), "{}{}", host.ctl("getprop CAPS"), host.log());
    // The same network, from the same flash.
    host.wait_for_state("associated");
    assert_eq!(host.status().unwrap()["network_name"], "upgraded");
}
