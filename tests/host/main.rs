//! The host driver in virtual time: traces of frames against the protocol's steps, and whole runs
//! against the simulated co-processor.

mod explored;
mod fuzz;
#[path = "../host_world/mod.rs"]
mod host_world;
mod interfaces;
mod lossy;
mod members;
mod radio;
mod recovery;
mod sim;
mod startup;
mod state;
mod tasks;

use spinel_bridge::ctl::request::{Network, Scan, ScanKind};
use spinel_bridge::ctl::Request;
use spinel_bridge::time::Duration;

pub(crate) fn network() -> Network {
    Network {
        name: Some("Test-Net".into()),
        channel: Some(11),
        panid: Some(0xFACE),
        key: Some([7; 16]),
        ..Network::default()
    }
}

pub(crate) fn scan() -> Request {
    Request::Scan(Scan {
        kind: ScanKind::Active,
        channels: None,
        period: Duration::from_millis(200),
        joinable: false,
        for_us: false,
        panid: None,
    })
}
