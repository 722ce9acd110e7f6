//! The host driver on OpenThread's NCP on an SPI bus, in the network of a second node: packets both ways, and the
//! co-processor reset, killed and stopped. What each verb does is tried on a pipe (host_verbs.rs), which is quicker.

use crate::host_scene::{answers, enter, mesh_local};
use crate::world::{Board, Node, World};
use nix::sys::signal::Signal;
use std::net::Ipv6Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

struct Scene {
    world: World,
    board: Board,
    node: Node,
    node_address: Ipv6Addr,
}

impl Scene {
    /// The driver and the second node, which leads.
    fn new(options: &[(&str, &str)]) -> Scene {
        let world = World::new();
        let board = Board::start(&world, NCP, 1, options);
        let mut node = world.node(2);
        let dataset = node.form("spi");
        let node_address = node.mesh_local().parse().expect("an address");
        let mut scene = Scene {
            world,
            board,
            node,
            node_address,
        };
        scene.start_driver(&[]);
        enter(&scene.world.host, &dataset);
        scene
    }

    fn start_driver(&mut self, more: &[&str]) {
        let host = &mut self.world.host;
        host.environment = self.board.environment().into();
        host.start_bridge(&[more, &Board::arguments()].concat());
        host.environment.clear();
    }

    /// Packets of all sizes both ways, fragmented ones too.
    fn pings(&mut self) {
        let own = mesh_local(&self.world.host);
        for octets in [8, 100, 500, 1_232] {
            self.node.ping(&own.to_string(), octets);
            let target = self.node_address.to_string();
            let size = octets.to_string();
            self.world.host.wait_for("the answer to a ping", |host| {
                let words = [
                    "ping", "-6", "-n", "-c", "1", "-W", "3", "-s", &size, &target,
                ];
                host.try_run(&words).status.success().then_some(())
            });
        }
    }

    fn recovers(&mut self, from: &str) {
        let start = Instant::now();
        self.world.host.wait_for_state("associated");
        let address = self.node_address;
        self.world
            .host
            .wait_for("a ping", |host| answers(host, address).then_some(()));
        println!("{from}: pings again after {:?}", start.elapsed());
    }
}

const NCP: &str = "ot-ncp-ftd-spi";

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn packets_of_all_sizes_cross_a_bus_that_refuses() {
    Scene::new(&[]).pings();
    let slow = [
        ("SPI_SLAVE_REFUSE", "4"),
        ("SPI_SLAVE_REARM_US", "100"),
        ("SPI_SLAVE_PROCESS_US", "100"),
    ];
    Scene::new(&slow).pings();
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_network_comes_back_after_resets_and_a_death() {
    let mut scene = Scene::new(&[]);
    for (kind, pulses) in [("reset hard", 1), ("reset", 0)] {
        let before = scene.board.resets();
        scene.world.host.ctl(kind);
        scene.recovers(kind);
        assert_eq!(scene.board.resets(), before + pulses, "{kind}");
    }
    for pause in [0, 5] {
        scene.board.kill();
        sleep(Duration::from_secs(pause));
        scene.board.power(&scene.world, NCP, 1, &[]);
        scene.recovers("killed");
    }
    scene.board.signal(Signal::SIGSTOP);
    sleep(Duration::from_secs(10));
    scene.board.signal(Signal::SIGCONT);
    scene.recovers("stopped for 10 s");
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn a_driver_that_is_killed_finds_its_network_running() {
    let mut scene = Scene::new(&[]);
    let resets = scene.board.resets();
    scene.world.host.kill_bridge();
    scene.start_driver(&["--no-reset"]);
    scene.recovers("the driver was killed");
    assert_eq!(scene.board.resets(), resets);
}
