//! The same scripts on the simulated co-processor and on OpenThread's own.

mod matrix;
mod normal;
mod peer;
mod scenes;
mod session;
mod table;

use crate::world::{program, World as Namespace};
use peer::{Firmwares, World};

/// What was asked and what came back.
type Transcript = Vec<(String, String)>;

/// Takes a minute, most of which OpenThread takes to become leader.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_simulator_is_like_the_firmware() {
    let namespace = Namespace::new();
    let mut air = Firmwares {
        command: Box::new(|| namespace.host.command(&program("ot-ncp-ftd"))),
        folder: namespace.folder.path().join("diff"),
        count: 0,
    };
    let firmware = scenes::all(&mut air);
    let simulated = scenes::all(&mut World::new());
    table::check(&firmware, &simulated);
}
