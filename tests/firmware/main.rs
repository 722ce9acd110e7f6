//! OpenThread's own firmware, built by `build.sh`, on the other end of our programs; and OpenThread's own hosts on the
//! near end. Its radio is simulated, by datagrams on the loopback interface; everything else is what boards run.
//!
//! Needs root, for network namespaces, and what `tests/firmware/build.sh` builds: hence ignored by a plain
//! `cargo test`. `tests/firmware/run.sh` does both.

#[path = "../hosts/mod.rs"]
mod hosts;
#[path = "../process/mod.rs"]
mod process;
mod world;

mod check;
mod commands;
mod diff;
mod frames;
mod host_command_line;
mod host_datasets;
mod host_events;
mod host_faults;
mod host_joining;
mod host_network;
mod host_radio;
mod host_recovery;
mod host_scans;
mod host_scene;
mod host_sleepy;
mod host_traffic;
mod host_verbs;
mod ot_daemon;
mod rcp;
mod rcp_clients;
mod soak;
mod spi_driver;
mod spinel_cli;
mod start;
mod tapped;
mod transports;
