//! The same scripts on the simulated co-processor and on OpenThread's own.

mod matrix;
mod normal;
mod peer;
mod scenes;
mod session;
mod table;

use crate::world::{program, World as Namespace};
use peer::{Firmwares, World};
use spinel_bridge::sim::ncp::Variant;

/// What was asked and what came back.
type Transcript = Vec<(String, String)>;

/// Takes a minute, most of which OpenThread takes to become leader.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_simulator_is_like_the_firmware() {
    compare("ot-ncp-ftd", Variant::default(), "");
}

/// The same with `sim:link-raw:auto-init`.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_simulator_is_like_firmware_with_a_raw_radio_that_makes_datasets() {
    let variant = Variant {
        link_raw: true,
        auto_init: true,
        ..Variant::default()
    };
    compare("ot-ncp-ftd-raw-auto", variant, "raw-auto");
}

/// `build` is the section of differences.txt with what else is different with this one.
fn compare(firmware: &str, variant: Variant, build: &str) {
    let namespace = Namespace::new();
    let mut air = Firmwares {
        command: Box::new(|| namespace.host.command(&program(firmware))),
        folder: namespace.folder.path().join("diff"),
        count: 0,
    };
    let firmware = scenes::all(&mut air);
    let simulated = scenes::all(&mut World::new(variant));
    table::check(&firmware, &simulated, build);
}
