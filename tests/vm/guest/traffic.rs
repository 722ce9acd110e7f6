//! Bring-up, and 10,000 frames each way in every way of driving the bus.

use crate::cases::{
    end, exchange, pulse_widths, stdio, stdio_with, Case, Outcome, DEVICE, LINES, SOON,
};
use crate::client::Client;
use crate::process::{log, slave_log, switch, Bridge, Coprocessor};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// In the order in which they run.
pub(crate) const CASES: &[Case] = &[
    ("pty: bring-up", bring_up_on_a_pty),
    ("stdio: bring-up", bring_up_on_stdio),
    ("pty: 10,000 frames each way", || pty(FRAMES, "echo", &[])),
    ("stdio: 10,000 frames each way", || {
        stdio(FRAMES, "echo", &[])
    }),
    ("INT by level only: 10,000 frames", int_by_level_only),
    ("no INT line, polling: 10,000 frames", polling),
    ("INT by edge: one frame at a time", || answers(LINES, 10)),
    ("INT by level only: one at a time", || {
        switch("lose_edges", true)?;
        answers(LINES, 60)
    }),
    ("no INT line, polling: one at a time", || {
        answers(&["-r", "SPINEL_RES"], 60)
    }),
    ("INT edge lost while all is quiet", edge_lost_while_quiet),
    ("CRC on", || stdio(FRAMES, "echo:crc", &["--spi-crc", "on"])),
    ("CRC offered by the slave alone", || {
        stdio(FRAMES, "echo:crc", &["--spi-crc", "off"])
    }),
    ("CRC offered by the bridge alone", || {
        stdio(FRAMES, "echo", &["--spi-crc", "auto"])
    }),
    ("CS delay 0", || cs_delay("0")),
    ("CS delay 20 us", || cs_delay("20")),
    ("clock and mode as asked for", clock_and_mode),
    ("lines by offset", || {
        lines("gpiochip0:0", "/dev/gpiochip0:1")
    }),
    ("lines by label", || lines("spinel-vm:0", "spinel-vm:1")),
    ("lines by name", || lines("SPINEL_INT", "SPINEL_RES")),
];

fn bring_up_on_a_pty() -> Outcome {
    let _slave = Coprocessor::start("ncp")?;
    let link = "/run/spinel-ncp";
    let args = [LINES, &["--pty-link", link, DEVICE]].concat();
    let (bridge, _) = Bridge::pty(&args)?;
    let client = Client::pty(Path::new(link)).map_err(|error| format!("{link}: {error}"))?;
    let said = bring_up(client)?;
    end(bridge)?;
    match fs::symlink_metadata(link) {
        Ok(_) => Err(format!("{link} was left behind")),
        Err(_) => Ok(said),
    }
}

fn bring_up_on_stdio() -> Outcome {
    let _slave = Coprocessor::start("ncp")?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    client.await_reset(SOON)?;
    let said = bring_up(client)?;
    // It ended at the end of its input: the client is gone.
    let mut bridge = bridge;
    match bridge.wait(SOON)? {
        0 => Ok(said),
        code => Err(format!("exit code {code} at the end of input")),
    }
}

fn bring_up(mut client: Client) -> Outcome {
    const PROTOCOL_VERSION: u8 = 1;
    const NCP_VERSION: u8 = 2;
    let protocol = client.get(PROTOCOL_VERSION)?;
    if protocol != [4, 3] {
        return Err(format!("protocol version {protocol:?}"));
    }
    let version = client.get(NCP_VERSION)?;
    client.ask_for_reset();
    let time = client.await_reset(SOON)?;
    client.get(PROTOCOL_VERSION)?;
    let version = String::from_utf8_lossy(&version);
    let version = version.trim_end_matches('\0');
    if version.is_empty() {
        return Err("no version".to_owned());
    }
    Ok(format!(
        "{version}; reset told after {} ms",
        time.as_millis()
    ))
}

fn pty(count: u32, spec: &str, options: &[&str]) -> Outcome {
    let _slave = Coprocessor::start(spec)?;
    let (bridge, mut client) = Bridge::pty(&[LINES, options, &[DEVICE]].concat())?;
    let said = exchange(&mut client, count)?;
    end(bridge)?;
    Ok(said)
}

/// The slave needs 2 ms for a frame, so its echo comes by INT or is found; `most` ms in the middle.
fn answers(lines: &[&str], most: u128) -> Outcome {
    let _slave = Coprocessor::start("echo:busy=2ms")?;
    let (bridge, mut client) = Bridge::stdio(&[lines, &[DEVICE]].concat())?;
    client.sync()?;
    let times = client.ping_pong(PINGS)?;
    end(bridge)?;
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    let said = format!(
        "{:.1} ms in the middle, {:.1} ms at the most",
        median.as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3
    );
    match median.as_millis() > most {
        true => Err(format!("{said}; wanted {most} ms")),
        false => Ok(said),
    }
}

/// Something that the slave says by itself, and an INT that tells nobody.
fn edge_lost_while_quiet() -> Outcome {
    let slave = Coprocessor::start("ncp")?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    client.await_reset(SOON)?;
    client.get(1)?;
    switch("lose_edges", true)?;
    drop(slave);
    let _slave = Coprocessor::start("ncp")?;
    // The level is read every ten seconds.
    let time = client.await_reset(Duration::from_secs(12))?;
    end(bridge)?;
    Ok(format!("seen after {:.1} s", time.as_secs_f64()))
}

fn int_by_level_only() -> Outcome {
    switch("lose_edges", true)?;
    stdio(FRAMES, "echo", &[])
}

fn polling() -> Outcome {
    let said = stdio_with(FRAMES, "echo", &["-r", "SPINEL_RES", DEVICE])?;
    match log().contains("no INT line: polling") {
        true => Ok(said),
        false => Err("the log does not say that it polls".to_owned()),
    }
}

fn cs_delay(micros: &str) -> Outcome {
    let said = stdio(FRAMES, "echo", &["--spi-cs-delay", micros])?;
    match slave_log().contains(&format!("bus 1000000 0 {micros}\n")) {
        true => Ok(said),
        false => Err(format!("the slave saw: {}", slave_log())),
    }
}

fn clock_and_mode() -> Outcome {
    let said = stdio(100, "echo", &["--spi-speed", "500k", "--spi-mode", "3"])?;
    match slave_log().contains("bus 500000 3 20\n") {
        true => Ok(said),
        false => Err(format!("the slave saw: {}", slave_log())),
    }
}

fn lines(int: &str, res: &str) -> Outcome {
    let _slave = Coprocessor::start("echo")?;
    let (bridge, mut client) = Bridge::stdio(&["-i", int, "-r", res, DEVICE])?;
    client.sync()?;
    client.exchange(50, 3)?;
    // The slave saw RES at the start; what it says by itself comes by INT.
    let pulses = pulse_widths()?.len();
    end(bridge)?;
    match pulses {
        1 => Ok(format!("{int}, {res}")),
        _ => Err(format!("{pulses} RES pulses at the start")),
    }
}

const FRAMES: u32 = 10_000;
const PINGS: u32 = 100;
