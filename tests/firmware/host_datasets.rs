//! Datasets of the host driver on OpenThread's own NCP, handed to OpenThread's own nodes and taken from them.

use crate::host_scene::mesh_local;
use crate::world::World;

/// The builds that behave differently: `LINK_RAW` and `OPERATIONAL_DATASET_AUTO_INIT` off, and on.
const BUILDS: [&str; 2] = ["ot-ncp-ftd", "ot-ncp-ftd-raw-auto"];

fn with(build: &str) -> World {
    let mut world = World::new();
    let device = world.system(build, 1);
    world.host.start_bridge(&[&device]);
    world
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_dataset_goes_from_here_to_a_node_and_back() {
    for build in BUILDS {
        let world = with(build);
        let (code, why) = world.host.refused("dataset export");
        assert_eq!(code, 5, "{why}");
        assert!(why.contains("no network is stored"), "{why}");

        // Made here, led here, joined by OpenThread's own node.
        let made = world
            .host
            .ctl("dataset new Attic -c 17 --passphrase J01NME");
        let formed = world.host.json(&format!("form --dataset {}", made.trim()));
        assert_eq!(formed["network_name"], "Attic", "{formed}");
        let ours = world.host.ctl("dataset export");
        let mut node = world.node(2);
        node.attach(ours.trim(), &["child", "router"]);
        assert_eq!(node.get("networkname"), "Attic");
        assert_eq!(node.run("dataset active -x"), [ours.trim().to_lowercase()]);
        node.ping(&mesh_local(&world.host).to_string(), 100);
        let shown = world.host.json("dataset");
        assert_eq!(shown["channel"], 17, "{shown}");
        assert_eq!(shown["network_key"], "<hidden>", "{shown}");
        let shown = world.host.json("dataset show --secrets");
        let key = node.get("networkkey");
        assert_eq!(
            shown["network_key"].as_str().map(str::to_lowercase),
            Some(key)
        );
        let (code, why) = world.host.refused("dataset pending");
        assert_eq!(code, 5, "{why}");
        assert!(why.contains("no change of the network is pending"), "{why}");

        // The other way round: a network of that node's.
        let (code, why) = world
            .host
            .refused(&format!("dataset import {}", ours.trim()));
        assert_eq!(code, 5, "{why}");
        assert!(why.contains("dataset migrate"), "{why}");
        world.host.ctl("leave");
        let theirs = node.form("Cellar");
        let taken = world.host.json(&format!("dataset import {theirs}"));
        assert_eq!(taken["network_name"], "Cellar", "{taken}");
        assert_eq!(world.host.state(), "offline:commissioned");
        world.host.ctl("attach");
        let export = world.host.ctl("dataset export");
        assert_eq!(export.trim().to_lowercase(), theirs.to_lowercase());
        node.ping(&mesh_local(&world.host).to_string(), 100);
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_network_moves_with_all_of_its_nodes() {
    let world = with("ot-ncp-ftd");
    world.host.ctl("form Moving -c 15");
    let mut node = world.node(2);
    node.attach(
        world.host.ctl("dataset export").trim(),
        &["child", "router"],
    );
    let (code, why) = world.host.refused("dataset migrate");
    assert_eq!(code, 2, "{why}");
    assert!(why.contains("what changes?"), "{why}");

    // As the leader, and told at once.
    let row = world
        .host
        .json("dataset migrate -c 20 --delay 30 --no-wait");
    let seconds = row["moves_in_s"].as_u64().unwrap();
    assert!((1..=30).contains(&seconds), "{row}");
    let pending = world.host.json("dataset pending");
    assert_eq!(pending["channel"], 20, "{pending}");
    assert!(pending["moves_in_ms"].as_u64().is_some(), "{pending}");
    world.host.wait_for("the other channel", |host| {
        (host.json("dataset")["channel"] == 20).then_some(())
    });
    assert_eq!(node.get("channel"), "20");
    node.ping(&mesh_local(&world.host).to_string(), 100);

    // With its outcome.
    let rows = world
        .host
        .ctl("--json dataset migrate --name Moved --delay 30");
    assert!(
        rows.contains("\"network_name\": \"Moved\"") || rows.contains("\"network_name\":\"Moved\""),
        "{rows}"
    );
    assert_eq!(world.host.status().unwrap()["network_name"], "Moved");
    node.ping(&mesh_local(&world.host).to_string(), 100);
    assert_eq!(node.get("networkname"), "Moved");

    // As a child or router of another leader, whose node makes the change.
    world.host.ctl("leave");
    let theirs = node.form("Theirs");
    world.host.ctl(&format!("join --dataset {theirs}"));
    world.host.ctl("dataset migrate -p 0x4321 --delay 30");
    assert_eq!(node.get("panid"), "0x4321");
    node.ping(&mesh_local(&world.host).to_string(), 100);
}
