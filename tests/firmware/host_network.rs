//! Networks of the host driver on OpenThread's own NCP: formed, joined, attached to, left, and kept. Its firmware leads
//! no network without a complete dataset, and tells neither its stack's state nor most of what a dataset changes.

use crate::host_scene::mesh_local;
use crate::world::{Node, World};
use serde_json::Value;

/// The builds that behave differently: `LINK_RAW` and `OPERATIONAL_DATASET_AUTO_INIT` off, and on.
const BUILDS: [&str; 2] = ["ot-ncp-ftd", "ot-ncp-ftd-raw-auto"];

const KEY: &str = "00112233445566778899aabbccddeeff";

/// A world with the host driver on this build.
fn with(build: &str, arguments: &[&str]) -> World {
    let mut world = World::new();
    let device = world.system(build, 1);
    world.host.start_bridge(&[arguments, &[&device]].concat());
    world
}

/// A member of the status.
fn told(world: &World, name: &str) -> Value {
    world.host.status().expect("a status")[name].clone()
}

fn dataset(world: &World) -> String {
    let dataset = world.host.ctl("getprop -v THREAD_ACTIVE_DATASET_TLVS");
    dataset.trim().to_owned()
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_network_is_formed_as_it_was_asked_for() {
    for build in BUILDS {
        let world = with(build, &[]);
        let row = world.host.json(&format!(
            "form MyOTBRNetwork -c 17 -m 15-17 -p 0xface -x 1234AAAA1234BBBB -k {KEY} -M fd01:2:3:4::/64 --passphrase J01NME"
        ));
        let told_name = row["network_name"].as_str();
        assert_eq!(told_name, Some("MyOTBRNetwork"), "{row}");
        assert_eq!(told(&world, "role"), "leader");
        assert!(mesh_local(&world.host)
            .to_string()
            .starts_with("fd01:2:3:4:"));
        // All of it reaches who is handed the dataset.
        let mut node = world.node(2);
        node.attach(&dataset(&world), &["child", "router"]);
        for (command, expected) in [
            ("networkname", "MyOTBRNetwork"),
            ("channel", "17"),
            ("panid", "0xface"),
            ("extpanid", "1234aaaa1234bbbb"),
            ("networkkey", KEY),
            // Published for this name, XPANID and passphrase (openthread.io, "PSKc Generator").
            ("pskc", "ee4fb64e9341e13846bbe7e1c52b6785"),
            ("prefix meshlocal", "fd01:2:3:4::/64"),
        ] {
            assert_eq!(node.get(command), expected, "{command} of {build}");
        }
        let active = node.run("dataset active");
        assert!(
            active.contains(&"Channel Mask: 0x00038000".to_owned()),
            "{active:?}"
        );
        node.ping(&mesh_local(&world.host).to_string(), 100);
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_network_is_formed_of_what_is_chosen_and_left() {
    for build in BUILDS {
        let world = with(build, &[]);
        let first = world.host.json("form one");
        assert_eq!(told(&world, "xpanid"), first["xpanid"]);
        assert_eq!(
            told(&world, "mesh_local_prefix"),
            first["mesh_local_prefix"]
        );
        world.host.ctl("leave");
        assert_eq!(world.host.state(), "offline");
        let (code, why) = world.host.refused("attach");
        assert_eq!(code, 5, "{why}");
        assert!(why.contains("no network is stored"), "{why}");
        // What only a network has, with the stack's own word for it.
        let (code, why) = world.host.refused("getprop THREAD_LEADER_ADDR");
        assert_eq!(code, 5, "{why}");
        assert!(
            why.contains("DETACHED (16400): not in a network yet: attach, or wait"),
            "{why}"
        );
        let second = world.host.json("form two");
        assert_eq!(told(&world, "role"), "leader");
        assert_ne!(first["xpanid"], second["xpanid"]);
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_dataset_that_is_set_is_a_network_at_once() {
    for build in BUILDS {
        let world = with(build, &[]);
        world.host.ctl("form stored -M fd05::/64");
        let dataset = dataset(&world);
        world.host.ctl("leave");
        world
            .host
            .ctl(&format!("setprop THREAD_ACTIVE_DATASET_TLVS {dataset}"));
        let status = world.host.status().unwrap();
        assert_eq!(status["state"], "offline:commissioned", "{status}");
        assert_eq!(status["network_name"], "stored", "{status}");
        assert_eq!(status["mesh_local_prefix"], "fd05::/64", "{status}");
        world.host.ctl("attach");
        assert_eq!(told(&world, "role"), "leader");
        let addresses = world.host.wait_for("the address in the mesh", |host| {
            let addresses = host.kernel_addresses();
            (addresses.len() >= 2).then_some(addresses)
        });
        assert!(
            addresses.contains(&mesh_local(&world.host)),
            "{addresses:?}"
        );
        // One of its members alone, and firmware would forget the dataset.
        world.host.ctl("setprop NET_STACK_UP false");
        assert_eq!(world.host.state(), "offline:commissioned");
        for member in [format!("NET_NETWORK_KEY {KEY}"), "PHY_CHAN 20".into()] {
            let (_, message) = world.host.refused(&format!("setprop {member}"));
            assert!(message.contains("leave first"), "{message}");
        }
        assert_eq!(world.host.state(), "offline:commissioned");
        world.host.ctl("attach");
        assert_eq!(told(&world, "role"), "leader");
    }
}

/// The network of a second node.
fn network_of(node: &mut Node) -> String {
    let [channel, panid, key] = ["channel", "panid", "networkkey"].map(|word| node.get(word));
    format!("-c {channel} -p {panid} -k {key}")
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn networks_are_joined_by_dataset_and_by_credentials() {
    for build in BUILDS {
        let world = with(build, &[]);
        let mut node = world.node(2);
        let dataset = node.form("others");
        let credentials = network_of(&mut node);
        let xpanid = node.get("extpanid");
        for join in [
            format!("join --dataset {dataset}"),
            format!("join others -x {xpanid} {credentials}"),
            format!("join {credentials} -T end-device"),
        ] {
            world.host.ctl(&join);
            assert_eq!(told(&world, "network_name"), "others", "{join}");
            assert_eq!(told(&world, "role"), "child", "{join}");
            node.ping(&mesh_local(&world.host).to_string(), 8);
            // It has the whole dataset now, and comes back by itself.
            assert!(
                world.host.ctl("getprop NET_SAVED").contains("true"),
                "{join}"
            );
            world.host.ctl("reset");
            world.host.ctl("attach");
            node.ping(&mesh_local(&world.host).to_string(), 8);
            world.host.ctl("leave");
            assert_eq!(world.host.state(), "offline", "{join}");
        }
    }
}

/// Alone it would lead a network that nobody wanted, and does not.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_network_that_is_not_there_is_not_joined_nor_stored() {
    let world = with(BUILDS[0], &[]);
    world.host.ctl("form gone");
    let dataset = dataset(&world);
    world.host.ctl("leave");
    let (code, why) = world.host.refused(&format!("join --dataset {dataset}"));
    assert_eq!(code, 9, "{why}");
    assert!(why.contains("JOIN_FAILURE"), "{why}");
    assert_eq!(world.host.state(), "offline");
    world.host.ctl("reset");
    assert_eq!(world.host.state(), "offline");
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_former_leader_leads_again() {
    let mut world = with(BUILDS[0], &[]);
    world.host.ctl("form again");
    let xpanid = told(&world, "xpanid");
    let device = world.system(BUILDS[0], 1);
    world.host.kill_bridge();
    world.host.start_bridge(&[&device]);
    // It takes its time, and we wait for as long.
    world.host.ctl("attach");
    assert_eq!(told(&world, "role"), "leader");
    assert_eq!(told(&world, "xpanid"), xpanid);
    // Unless it is not wanted.
    world.host.kill_bridge();
    world.host.start_bridge(&["--auto-resume=no", &device]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(world.host.state(), "offline:commissioned");
}

/// A co-processor that lost its network, like one that was replaced, gets it back.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn retained_credentials_are_restored() {
    for build in BUILDS {
        let mut world = World::new();
        let kept = world.folder.join("credentials");
        let kept = kept.display().to_string();
        let device = world.system(build, 1);
        world.host.start_bridge(&["--retain", &kept, &device]);
        world.host.ctl("form kept -M fd06::/64");
        world.host.wait_for("the credentials", |_| {
            std::fs::metadata(&kept)
                .ok()
                .filter(|file| file.len() > 0)
                .map(drop)
        });
        world.host.kill_bridge();
        std::fs::remove_dir_all(world.folder.join("tmp")).unwrap();
        world.host.start_bridge(&["--retain", &kept, &device]);
        world.host.ctl("attach");
        assert_eq!(told(&world, "network_name"), "kept");
        assert_eq!(told(&world, "mesh_local_prefix"), "fd06::/64");
        // What is left is forgotten here, too.
        world.host.ctl("leave");
        world.host.ctl("reset");
        assert_eq!(world.host.state(), "offline");
    }
}
