//! The programs start and find each other.

use crate::world::World;

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_new_ncp_is_offline() {
    let world = World::with_ncp();
    assert_eq!(world.host.state(), "offline");
    let status = world.host.status().unwrap();
    let version = status["ncp_version"].as_str().unwrap();
    assert!(version.starts_with("OPENTHREAD/"), "{status}");
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn two_nodes_ping_each_other() {
    let world = World::new();
    let (mut first, mut second) = (world.node(1), world.node(2));
    let dataset = first.form("firmware");
    second.attach(&dataset, &["child", "router"]);
    let address = first.mesh_local();
    second.ping(&address, 100);
}
