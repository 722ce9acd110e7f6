//! The host driver on a real NCP beside a second real node, as the tests of its verbs find them.

use crate::hosts::Host;
use crate::world::{Board, Node, World};
use std::net::Ipv6Addr;

/// What is between our host driver and its NCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bus {
    /// Pipes with HDLC, to a process that is our driver's child.
    Pipes,
    /// SPI with INT and RES, to a board that lives for itself.
    Spi,
}

/// An air in which the host driver runs on the default NCP as node 1, factory-new.
pub(crate) struct Alone {
    /// Before the world: it is gone before the namespace is.
    pub(crate) board: Option<Board>,
    pub(crate) world: World,
}

impl Alone {
    pub(crate) fn start(bus: Bus, arguments: &[&str]) -> Alone {
        let mut alone = Alone::without_bridge(bus);
        alone.start_bridge(arguments);
        alone
    }

    fn without_bridge(bus: Bus) -> Alone {
        let mut world = World::new();
        let board = (bus == Bus::Spi).then(|| Board::start(&world, "ot-ncp-ftd-spi", 1, &[]));
        if let Some(board) = &board {
            world.host.environment = board.environment().to_vec();
        }
        Alone { board, world }
    }

    /// Our driver, on the NCP as it is.
    fn start_bridge(&mut self, arguments: &[&str]) {
        let device = self.world.system("ot-ncp-ftd", 1);
        let device = device_of(self.board.as_ref(), &device);
        self.world.host.start_bridge(&[arguments, &device].concat());
    }
}

/// One network of two: our host driver's NCP is node 1, a node with a command line is node 2.
pub(crate) struct Scene {
    /// Before the world: it is gone before the namespace is.
    pub(crate) board: Option<Board>,
    pub(crate) world: World,
    pub(crate) node: Node,
}

impl Scene {
    /// The other node leads, so that whatever we do to the network has to reach it; and we are back in it a second
    /// or two after a reset.
    pub(crate) fn member(bus: Bus, arguments: &[&str]) -> Scene {
        let Alone { board, world } = Alone::without_bridge(bus);
        let mut node = world.node(2);
        let dataset = node.form("others");
        let mut scene = Scene { board, world, node };
        scene.start_bridge(arguments);
        enter(scene.host(), &dataset);
        scene
    }

    /// Our driver, on the NCP as it is.
    pub(crate) fn start_bridge(&mut self, arguments: &[&str]) {
        let device = self.world.system("ot-ncp-ftd", 1);
        let device = device_of(self.board.as_ref(), &device);
        self.world.host.start_bridge(&[arguments, &device].concat());
    }

    pub(crate) fn host(&self) -> &Host {
        &self.world.host
    }

    /// The other node's address in the mesh.
    pub(crate) fn node_address(&mut self) -> Ipv6Addr {
        self.node.mesh_local().parse().expect("an address")
    }
}

/// The arguments for the bus device, or for `system`.
fn device_of<'a>(board: Option<&Board>, system: &'a str) -> Vec<&'a str> {
    match board {
        Some(_) => Board::arguments().to_vec(),
        None => vec![system],
    }
}

/// Our host driver on this NCP as node `number` of this air, in a namespace of its own and so with routes of its own.
pub(crate) fn another(world: &World, name: &str, number: u32) -> Host {
    another_with(world, name, number, &[])
}

/// The same, with more arguments.
pub(crate) fn another_with(world: &World, name: &str, number: u32, arguments: &[&str]) -> Host {
    let mut host = Host::new(&world.folder, &format!("bridge{number}"));
    let device = format!(
        "system:exec nsenter --net={} -- sh -c '{}'",
        world.host.namespace(),
        world.shell(name, number)
    );
    host.start_bridge(&[arguments, &[&device]].concat());
    host
}

/// Into the network of this dataset (hex), which the driver is given as TLVs.
pub(crate) fn enter(host: &Host, dataset: &str) {
    host.ctl(&format!("setprop THREAD_ACTIVE_DATASET_TLVS {dataset}"));
    host.ctl("setprop NET_IF_UP true");
    host.ctl("setprop NET_STACK_UP true");
    host.wait_for_state("associated");
}

/// Whether one of two pings is answered.
pub(crate) fn answers(host: &Host, address: Ipv6Addr) -> bool {
    let target = address.to_string();
    let words = [
        "ping", "-6", "-n", "-c", "2", "-i", "0.3", "-W", "1", &target,
    ];
    host.try_run(&words).status.success()
}
/// Our own address in the mesh.
pub(crate) fn mesh_local(host: &Host) -> Ipv6Addr {
    let status = host.status().expect("a status");
    let address = status["mesh_local_address"].as_str();
    address.expect("an address in the mesh").parse().unwrap()
}

/// A counter of the driver.
pub(crate) fn counter(host: &Host, name: &str) -> u64 {
    let rows = host.ctl("counters");
    let row = rows.lines().find(|row| row.starts_with(name));
    let value = row.and_then(|row| row.rsplit(' ').next());
    value
        .unwrap_or_else(|| panic!("{name}: {rows}"))
        .parse()
        .unwrap()
}
