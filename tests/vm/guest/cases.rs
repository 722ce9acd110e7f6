//! Running the cases, and what they have in common. A case returns what it measured, or why it failed.
//! Nothing shorter than 10 ms is asserted: the machine is emulated, and may be busy.

use crate::client::Client;
use crate::process::{
    counter, forget_slave_log, log, log_end, slave_log, switch, until, Bridge, Coprocessor,
};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A case: its name, and what it does.
pub(crate) type Case = (&'static str, fn() -> Outcome);

/// What a case measured, or why it failed.
pub(crate) type Outcome = Result<String, String>;

/// Runs those whose name contains `only`, and prints a line for each.
pub(crate) fn run(cases: &[Case], only: &str) -> ExitCode {
    let (mut passed, mut failed) = (0, 0);
    for (name, case) in cases.iter().filter(|(name, _)| name.contains(only)) {
        let start = Instant::now();
        let outcome = prepare().and_then(|()| case()).and_then(|said| {
            settled()?;
            Ok(said)
        });
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(said) => {
                passed += 1;
                println!("CASE ok   {name:<40} {seconds:>5.1} s  {said}");
            }
            Err(why) => {
                failed += 1;
                println!("CASE FAIL {name:<40} {seconds:>5.1} s  {why}");
                println!("the bridge's log:\n{}", log());
                println!("the co-processor's log:\n{}", slave_log());
            }
        }
    }
    println!("CASES {passed} {failed}");
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn prepare() -> Result<(), String> {
    switch("lose_edges", false)?;
    switch("stuck_int", false)?;
    forget_slave_log()
}

/// Nothing holds the module any more, and the SPI core counted no error.
fn settled() -> Result<(), String> {
    if !Path::new(MODULE).exists() {
        return Ok(());
    }
    let refcnt = format!("{MODULE}/refcnt");
    if !until(SOON, || counter(&refcnt) == Ok(0)) {
        return Err(format!(
            "the module is still held {:?} times",
            counter(&refcnt)
        ));
    }
    for name in ["errors", "timedout"] {
        let path = format!("/sys/class/spi_master/spi0/statistics/{name}");
        match counter(&path)? {
            0 => {}
            count => return Err(format!("{path}: {count}")),
        }
    }
    match counter(&format!("{MODULE}/parameters/events_lost"))? {
        0 => Ok(()),
        lost => Err(format!("the module lost {lost} events")),
    }
}

/// `count` frames each way on standard input and output.
pub(crate) fn stdio(count: u32, spec: &str, options: &[&str]) -> Outcome {
    stdio_with(count, spec, &[LINES, options, &[DEVICE]].concat())
}

/// The same with all arguments given.
pub(crate) fn stdio_with(count: u32, spec: &str, args: &[&str]) -> Outcome {
    let _slave = Coprocessor::start(spec)?;
    let (bridge, mut client) = Bridge::stdio(args)?;
    let said = exchange(&mut client, count)?;
    end(bridge)?;
    Ok(said)
}

/// Both ends in step, then `count` frames each way.
pub(crate) fn exchange(client: &mut Client, count: u32) -> Outcome {
    client.sync()?;
    let start = Instant::now();
    let octets = client
        .exchange(count, 7)
        .map_err(|why| format!("{why}; {}", log_end()))?;
    let time = start.elapsed();
    Ok(format!(
        "{count} frames, {} kB each way, {:.0} frames/s",
        octets / 1000,
        f64::from(count) / time.as_secs_f64()
    ))
}

/// Ends it by SIGTERM.
pub(crate) fn end(bridge: Bridge) -> Result<(), String> {
    match bridge.stop()? {
        0 => Ok(()),
        code => Err(format!("exit code {code} after SIGTERM")),
    }
}

/// The widths of all pulses on RES that the slave saw, in ms.
pub(crate) fn pulse_widths() -> Result<Vec<f64>, String> {
    let log = slave_log();
    let mut widths = Vec::new();
    let mut fell: Option<u64> = None;
    for line in log.lines() {
        let mut words = line.split(' ');
        let (Some("res"), Some(level), Some(time)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let time: u64 = time.parse().map_err(|_| format!("slave: {line}"))?;
        match (level, fell.take()) {
            ("0", None) => fell = Some(time),
            ("1", Some(fell)) => widths.push((time - fell) as f64 / 1e6),
            _ => return Err(format!("RES came twice: {log}")),
        }
    }
    match fell {
        None => Ok(widths),
        Some(_) => Err("RES is still active".to_owned()),
    }
}

/// The bus device.
pub(crate) const DEVICE: &str = "/dev/spidev0.0";
/// Its lines, by name.
pub(crate) const LINES: &[&str] = &["-i", "SPINEL_INT", "-r", "SPINEL_RES"];
/// The test module in sysfs.
pub(crate) const MODULE: &str = "/sys/module/spinel_vm";

/// Anything that takes milliseconds.
pub(crate) const SOON: Duration = Duration::from_secs(3);
