//! Runs inside the virtual machine: the cases, and the co-processor that they need.
//!
//! `vm-guest cases SET [ONLY]` runs those of a set (whose name contains ONLY) against
//! `/bin/spinel-bridge` and prints one line each;
//! `vm-guest coprocessor SPEC LOG [die-silent=N|die-half=N]` serves the far side of the test module.

mod cases;
mod client;
mod coprocessor;
mod faults;
mod firmware;
mod gpio;
mod network;
mod process;
mod traffic;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["cases", set] => run(set, ""),
        ["cases", set, only] => run(set, only),
        ["coprocessor", spec, log] => coprocessor::main(spec, log, "never"),
        ["coprocessor", spec, log, death] => coprocessor::main(spec, log, death),
        _ => usage(),
    }
}

fn run(set: &str, only: &str) -> ExitCode {
    match set {
        "traffic" => cases::run(traffic::CASES, only),
        "faults" => cases::run(faults::CASES, only),
        "gpio" => cases::run(gpio::CASES, only),
        "firmware" => cases::run(firmware::CASES, only),
        "network" => cases::run(network::CASES, only),
        "small-bufsiz" => cases::run(faults::SMALL_BUFSIZ, only),
        _ => usage(),
    }
}

fn usage() -> ExitCode {
    eprintln!("vm-guest: what to do? see its source");
    ExitCode::from(2)
}
