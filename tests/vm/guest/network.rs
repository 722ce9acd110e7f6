//! The host driver over the real spidev: a network, its addresses, pings through the kernel.

use crate::cases::{end, Case, Outcome, DEVICE, LINES};
use crate::process::{log, until, Bridge, Coprocessor};
use std::net::Ipv6Addr;
use std::process::Command;
use std::time::{Duration, Instant};

pub(crate) const CASES: &[Case] = &[
    ("tun: form a network, ping through it", form_and_ping),
    ("tun: pings of every length over a CRC", || {
        pings("ncp:seed=1:crc", &["--spi-crc", "on", "--sandbox"])
    }),
    ("tun: the co-processor is reset", reset),
    ("tun: kill -9 keeps the network", kill),
];

fn form_and_ping() -> Outcome {
    pings("ncp:seed=1", &[])
}

fn pings(spec: &str, options: &[&str]) -> Outcome {
    let _slave = Coprocessor::start(spec)?;
    let bridge = start(options)?;
    ctl(&["form", "test"])?;
    await_state("associated")?;
    let target = locator()?;
    let begin = Instant::now();
    for len in LENGTHS {
        ping(target, len)?;
    }
    let time = begin.elapsed();
    if options.contains(&"--sandbox") && !log().contains("sandbox: ") {
        return Err("the log does not tell of the sandbox".to_owned());
    }
    if !run("ip", &["-6", "addr", "show", "dev", "wpan0"])?.contains(&prefix_of(target)) {
        return Err("the mesh-local address is not on wpan0".to_owned());
    }
    end(bridge)?;
    Ok(format!(
        "{} pings of {target} in {} ms",
        LENGTHS.len(),
        time.as_millis()
    ))
}

fn reset() -> Outcome {
    let _slave = Coprocessor::start("ncp:seed=1")?;
    let bridge = start(&[])?;
    ctl(&["form", "test"])?;
    await_state("associated")?;
    let begin = Instant::now();
    ctl(&["reset", "hard"])?;
    await_state("associated")?;
    let time = begin.elapsed();
    ping(locator()?, 56)?;
    end(bridge)?;
    Ok(format!("associated again after {} ms", time.as_millis()))
}

fn kill() -> Outcome {
    let _slave = Coprocessor::start("ncp:seed=1")?;
    let bridge = start(&["--no-reset"])?;
    ctl(&["form", "test"])?;
    await_state("associated")?;
    let before = ctl(&["get", "NET_PARTITION_ID"])?;
    // Dropped: killed by SIGKILL.
    drop(bridge);
    let bridge = start(&["--no-reset"])?;
    await_state("associated")?;
    let after = ctl(&["get", "NET_PARTITION_ID"])?;
    if before != after {
        return Err(format!("partition {before} became {after}"));
    }
    ping(locator()?, 56)?;
    end(bridge)?;
    Ok("the same partition".to_owned())
}

pub(crate) fn start(options: &[&str]) -> Result<Bridge, String> {
    let bridge = Bridge::tun(&[&["--tun", "wpan0"], LINES, options, &[DEVICE]].concat())?;
    until(LONG, || {
        ctl(&["status"]).is_ok_and(|said| !said.contains("uninitialized"))
    });
    Ok(bridge)
}

pub(crate) fn await_state(state: &str) -> Result<(), String> {
    let mut said = String::new();
    let done = until(LONG, || {
        said = ctl(&["--json", "status"]).unwrap_or_default();
        said.contains(&format!("\"{state}\""))
    });
    match done {
        true => Ok(()),
        false => Err(format!("waited in vain for the state {state}: {said}")),
    }
}

/// The leader's own RLOC, which the co-processor answers itself.
fn locator() -> Result<Ipv6Addr, String> {
    let said = ctl(&["get", "THREAD_LEADER_ADDR"])?;
    let mut words = said.split(|c: char| c.is_whitespace() || "=\"".contains(c));
    words
        .find_map(|word| word.parse().ok())
        .ok_or_else(|| format!("no leader: {said}"))
}

fn prefix_of(address: Ipv6Addr) -> String {
    let [a, b, c, ..] = address.segments();
    format!("{a:x}:{b:x}:{c:x}:")
}

pub(crate) fn ping(target: Ipv6Addr, len: usize) -> Result<(), String> {
    let len = len.to_string();
    let said = run(
        "ping6",
        &["-c", "3", "-W", "5", "-s", &len, &target.to_string()],
    )?;
    match said.contains("3 packets received") {
        true => Ok(()),
        false => Err(format!("ping of {len} octets: {said}")),
    }
}

pub(crate) fn ctl(words: &[&str]) -> Result<String, String> {
    run("spinelctl", words)
}

fn run(program: &str, words: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(words)
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(format!(
            "{program} {words:?}: {} {}",
            text(&output.stdout),
            text(&output.stderr)
        )),
    }
}

/// Payloads of an echo request, in octets; 1,232 fill the MTU of 1,280.
pub(crate) const LENGTHS: [usize; 4] = [8, 56, 500, 1_232];

/// Attaching takes 2.5 s in the simulated mesh; the machine is emulated.
const LONG: Duration = Duration::from_secs(20);
