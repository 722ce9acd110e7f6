//! An air of its own for each test: a network namespace, in which all nodes, hosts and our programs of that test run.
//! The simulated radio sends to a multicast group on the loopback interface, so nodes hear each other in it, and
//! nobody else. All of it is gone with the test.

// Each test module uses its own part of it.
#![allow(dead_code)]

mod board;
mod node;
mod translator;

pub(crate) use board::Board;
pub(crate) use node::{Line, Node};
pub(crate) use translator::*;

use crate::hosts::{Folder, Host};
use std::path::{Path, PathBuf};

/// A program that `build.sh` has built, by its name in `target/firmware/bin`.
pub(crate) fn program(name: &str) -> String {
    let path = target_dir().join("firmware/bin").join(name);
    assert!(
        path.is_file(),
        "{} is missing: run tests/firmware/build.sh",
        path.display()
    );
    path.display().to_string()
}

/// Cargo's target directory: the temporary directory of tests is in it.
pub(crate) fn target_dir() -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    temporary
        .parent()
        .expect("target/tmp has a parent")
        .to_owned()
}

/// One air.
pub(crate) struct World {
    /// The namespace, and our host driver when it is started in it ([`Host::start_bridge`]).
    pub(crate) host: Host,
    /// Settings of the nodes (in `tmp`), sockets and logs.
    pub(crate) folder: Folder,
}

impl World {
    pub(crate) fn new() -> World {
        let folder = Folder::new();
        let host = Host::new(&folder, "bridge");
        host.run(&["ip", "link", "set", "lo", "multicast", "on"]);
        host.run(&["ip", "route", "add", "224.0.0.0/4", "dev", "lo"]);
        World { host, folder }
    }

    /// An air in which the host driver runs on the default NCP as node 1.
    pub(crate) fn with_ncp() -> World {
        let mut world = World::new();
        let device = world.system("ot-ncp-ftd", 1);
        world.host.start_bridge(&[&device]);
        world
    }

    /// The device `system:…` that runs `name` as this node, 1 to 33. Its settings outlive it, as flash does.
    pub(crate) fn system(&self, name: &str, node: u32) -> String {
        format!("system:{}", self.shell(name, node))
    }

    /// The same as a command for `sh -c`.
    pub(crate) fn shell(&self, name: &str, node: u32) -> String {
        let folder = self.folder.path().display();
        format!("cd {folder} && exec {} {node}", program(name))
    }

    /// A Thread node with a command line, `ot-cli-ftd`, to talk to over the air.
    pub(crate) fn node(&self, node: u32) -> Node {
        let mut command = self.host.command(&program("ot-cli-ftd"));
        command
            .arg(node.to_string())
            .current_dir(self.folder.path());
        Node::start(&mut command)
    }
}
