//! What goes wrong with wires, drivers and co-processors.

use crate::cases::{end, pulse_widths, stdio, Case, Outcome, DEVICE, LINES, MODULE, SOON};
use crate::client::{frame, Got, LONGEST};
use crate::gpio::hold;
use crate::process::{
    counter, forget_slave_log, log, log_end, slave_log, switch, sysfs, text, until, Bridge,
    Coprocessor,
};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// In the order in which they run; the last one unloads the module.
pub(crate) const CASES: &[Case] = &[
    ("--check: nothing wrong", check_finds_nothing),
    ("--check: slave absent", check_finds_nobody),
    ("--check: no INT line given", check_finds_no_line),
    ("slave absent, then there", slave_absent),
    ("slave killed before it answers", slave_killed_silent),
    ("slave killed in the middle of a frame", slave_killed_half),
    ("RES: pulse widths at the slave", res_pulses),
    ("RES: none with --no-reset", no_reset),
    ("INT stuck low", int_stuck_low),
    ("INT stuck low, slave absent", int_stuck_low_and_nobody),
    ("line in use", line_in_use),
    ("second bridge on the bus device", second_bridge),
    ("device unbound while running", unbound),
    ("1,000 restarts of the slave: no leak", thousand_restarts),
    ("module unloads and loads again", unload),
];

/// Those that need spidev.bufsiz=512 on the kernel command line.
pub(crate) const SMALL_BUFSIZ: &[Case] = &[
    ("spidev.bufsiz too small", small_bufsiz),
    ("module unloads", || {
        run_tool(UNLOAD).map(|()| String::new())
    }),
];

fn check_finds_nothing() -> Outcome {
    let _slave = Coprocessor::start("ncp")?;
    let said = check(LINES, 0)?;
    for finding in [
        "ok    RES",
        "ok    INT",
        "ok    header",
        "ok    firmware",
        "ok    kind",
    ] {
        expect(&said, finding)?;
    }
    last_line(&said)
}

fn check_finds_nobody() -> Outcome {
    let said = check(LINES, 1)?;
    expect(&said, "FAIL  header")?;
    last_line(&said)
}

fn check_finds_no_line() -> Outcome {
    let _slave = Coprocessor::start("ncp")?;
    let said = check(&["-r", "SPINEL_RES"], 0)?;
    expect(&said, "warn  INT")?;
    last_line(&said)
}

/// What `--check` says, which must end with `code`.
fn check(lines: &[&str], code: i32) -> Outcome {
    let output = Command::new("/bin/spinel-bridge")
        .arg("--check")
        .args(lines)
        .arg(DEVICE)
        .output()
        .map_err(text)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(ended) if ended == code => Ok(said),
        ended => Err(format!("exit code {ended:?}, not {code}: {said}")),
    }
}

fn expect(said: &str, finding: &str) -> Result<(), String> {
    match said.contains(finding) {
        true => Ok(()),
        false => Err(format!("no \"{finding}\" in {said}")),
    }
}

fn last_line(said: &str) -> Outcome {
    Ok(said.trim_end().lines().last().unwrap_or("").to_owned())
}

fn slave_absent() -> Outcome {
    let (mut bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    let told = until(Duration::from_secs(6), || {
        log().contains("no co-processor answers")
    });
    if !told {
        return Err(format!(
            "the log does not say that nobody answers: {}",
            log_end()
        ));
    }
    let share = bridge.cpu_share(Duration::from_secs(2))?;
    if !bridge.is_running() || share > CPU_MAX {
        return Err(format!("{share:.1} % of the CPU for nobody; {}", log_end()));
    }
    let _slave = Coprocessor::start("echo")?;
    let time = client.await_reset(Duration::from_secs(10))?;
    client.sync()?;
    client.exchange(100, 5)?;
    let lines = log().lines().count();
    if lines > LOG_MAX {
        return Err(format!("{lines} lines of log"));
    }
    end(bridge)?;
    Ok(format!(
        "{share:.1} % CPU meanwhile, found after {} ms, {lines} lines of log",
        time.as_millis()
    ))
}

fn slave_killed_silent() -> Outcome {
    killed("echo", "die-silent=60", &[])
}

/// Without a CRC nobody could tell half a frame from a whole one.
fn slave_killed_half() -> Outcome {
    killed("echo:crc", "die-half=60", &["--spi-crc", "on"])
}

fn killed(spec: &str, death: &str, options: &[&str]) -> Outcome {
    let mut slave = Coprocessor::dying(spec, death)?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, options, &[DEVICE]].concat())?;
    client.sync()?;
    let start = Instant::now();
    while !slave.is_dead() {
        client.pump(Duration::from_millis(20))?;
        if start.elapsed() > Duration::from_secs(10) {
            return Err("the slave did not die".to_owned());
        }
    }
    let before = client.echoed;
    client.pump(Duration::from_millis(300))?;
    let (resets, restart) = (client.resets, Instant::now());
    let _slave = Coprocessor::start(spec)?;
    while client.resets == resets {
        client.pump(Duration::from_millis(10))?;
        if restart.elapsed() > Duration::from_secs(10) {
            return Err(format!("no reset was told; {}", log_end()));
        }
    }
    let told = restart.elapsed();
    let after = client.pump(Duration::from_secs(1))?;
    if after < 100 {
        return Err(format!("{after} frames after the restart; {}", log_end()));
    }
    end(bridge)?;
    Ok(format!(
        "{before} frames before, restart told after {} ms, {after} frames in the next second",
        told.as_millis()
    ))
}

fn res_pulses() -> Outcome {
    let mut all = Vec::new();
    for wanted in ["10", "20", "200"] {
        forget_slave_log()?;
        let slave = Coprocessor::start("echo")?;
        let args = [LINES, &["--spi-reset-pulse", wanted, DEVICE]].concat();
        let (bridge, mut client) = Bridge::stdio(&args)?;
        client.sync()?;
        client.ask_for_reset();
        client.await_reset(SOON)?;
        client.sync()?;
        end(bridge)?;
        let seen = || pulse_widths().is_ok_and(|widths| widths.len() == 3);
        if !until(SOON, seen) {
            return Err(format!("not three pulses: {}", slave_log()));
        }
        drop(slave);
        let least: f64 = wanted.parse().map_err(|_| "not a number")?;
        let widths = pulse_widths()?;
        let shortest = widths.iter().copied().fold(f64::INFINITY, f64::min);
        if shortest < least || shortest > least + PULSE_SLACK_MS {
            return Err(format!("{widths:.1?} ms, wanted {wanted}"));
        }
        all.extend(widths.iter().map(|width| format!("{width:.1}")));
    }
    Ok(format!("{} ms (start, asked for, exit)", all.join(" ")))
}

fn no_reset() -> Outcome {
    let _slave = Coprocessor::start("echo")?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &["--no-reset", DEVICE]].concat())?;
    client.sync()?;
    end(bridge)?;
    match pulse_widths()?.len() {
        0 => Ok(String::new()),
        pulses => Err(format!("{pulses} pulses")),
    }
}

fn int_stuck_low() -> Outcome {
    switch("stuck_int", true)?;
    let _slave = Coprocessor::start("echo")?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    client.sync()?;
    // The pauses grow to their longest.
    sleep(Duration::from_secs(2));
    let share = bridge.cpu_share(Duration::from_secs(2))?;
    if share > CPU_MAX {
        return Err(format!("{share:.1} % of the CPU"));
    }
    if !log().contains("is the line stuck low") {
        return Err(format!("the log does not say so: {}", log_end()));
    }
    client.exchange(500, 9)?;
    let lines = log().lines().count();
    if lines > LOG_MAX {
        return Err(format!("{lines} lines of log"));
    }
    end(bridge)?;
    Ok(format!(
        "{share:.1} % CPU, {lines} lines of log, and frames still pass"
    ))
}

fn int_stuck_low_and_nobody() -> Outcome {
    switch("stuck_int", true)?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    sleep(Duration::from_secs(3));
    let share = bridge.cpu_share(Duration::from_secs(2))?;
    let lines = log().lines().count();
    if share > CPU_MAX || lines > LOG_MAX {
        return Err(format!("{share:.1} % of the CPU, {lines} lines of log"));
    }
    let _slave = Coprocessor::start("echo")?;
    client.await_reset(Duration::from_secs(10))?;
    client.sync()?;
    end(bridge)?;
    Ok(format!(
        "{share:.1} % CPU, {lines} lines of log, and it recovers"
    ))
}

fn line_in_use() -> Outcome {
    let slave = Coprocessor::start("echo")?;
    let mut said = String::new();
    for (offset, option) in [(0, "--gpio-int"), (1, "--gpio-res")] {
        let held = hold(offset)?;
        said = refusal(&[option, "in use", "somebody else"])?;
        drop(held);
    }
    drop(slave);
    stdio(50, "echo", &[]).map_err(|why| format!("after the line was free again: {why}"))?;
    Ok(said)
}

/// A bridge that does not start, with exit code 3 and one line that has all of `words`.
fn refusal(words: &[&str]) -> Outcome {
    let (code, said) = Bridge::refused(&[LINES, &[DEVICE]].concat())?;
    let said = said.trim().to_owned();
    let all = words.iter().all(|word| said.contains(word));
    match code == 3 && all && said.lines().count() == 1 {
        true => Ok(said),
        false => Err(format!("exit code {code}: {said}")),
    }
}

fn second_bridge() -> Outcome {
    let _slave = Coprocessor::start("echo")?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    client.sync()?;
    let pulses = pulse_widths()?.len();
    let said = refusal(&["locked by another process"])?;
    client.exchange(100, 4)?;
    if pulse_widths()?.len() != pulses {
        return Err("the second one pulled RES".to_owned());
    }
    end(bridge)?;
    Ok(said)
}

fn unbound() -> Outcome {
    const DRIVER: &str = "/sys/bus/spi/drivers/spidev";
    let slave = Coprocessor::start("echo")?;
    let (mut bridge, mut client) = Bridge::stdio(&[LINES, &[DEVICE]].concat())?;
    client.sync()?;
    client.pump(Duration::from_millis(100))?;
    sysfs(&format!("{DRIVER}/unbind"), "spi0.0")?;
    // It finds out with the next transaction.
    client.send(&frame(0, 1, 5));
    while let Ok(Some(_)) = client.next(Instant::now() + Duration::from_millis(100)) {}
    let code = bridge.wait(SOON);
    let said = log_end();
    drop(bridge);
    drop(slave);
    sysfs(&format!("{DRIVER}/bind"), "spi0.0")?;
    if !until(SOON, || Path::new(DEVICE).exists()) {
        return Err("no device after bind".to_owned());
    }
    match code? {
        1 if said.contains("the device is gone") => {}
        code => return Err(format!("exit code {code}: {said}")),
    }
    stdio(50, "echo", &[]).map_err(|why| format!("after it was bound again: {why}"))?;
    Ok(said.rsplit(" | ").next().unwrap_or_default().to_owned())
}

fn thousand_restarts() -> Outcome {
    let mut slave = Coprocessor::start("echo")?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &["--log", "none", DEVICE]].concat())?;
    client.sync()?;
    let mut warm = (0, 0);
    let start = Instant::now();
    for round in 0..RESTARTS {
        if round == RESTARTS / 10 {
            warm = bridge.usage()?;
        }
        drop(slave);
        slave = Coprocessor::start("echo")?;
        client
            .await_reset(Duration::from_secs(5))
            .map_err(|why| format!("restart {round}: {why}"))?;
        if round % 10 == 0 {
            client
                .sync()
                .map_err(|why| format!("restart {round}: {why}"))?;
        }
    }
    let time = start.elapsed();
    let (fds, rss) = bridge.usage()?;
    if fds != warm.0 || rss > warm.1 + RSS_SLACK_KB {
        return Err(format!(
            "{} -> {fds} descriptors, {} -> {rss} kB",
            warm.0, warm.1
        ));
    }
    end(bridge)?;
    Ok(format!(
        "{fds} descriptors, {} -> {rss} kB, {} ms each",
        warm.1,
        (time / RESTARTS).as_millis()
    ))
}

fn unload() -> Outcome {
    for tool in [UNLOAD, LOAD] {
        run_tool(tool)?;
        let loaded = tool[0].ends_with("insmod");
        for path in [MODULE, DEVICE, "/dev/gpiochip0", "/dev/spinel-slave"] {
            if !until(SOON, || Path::new(path).exists() == loaded) {
                return Err(format!("after {}: {path}", tool[0]));
            }
        }
    }
    stdio(50, "echo", &[])?;
    run_tool(UNLOAD)?;
    Ok(String::new())
}

fn run_tool(command: &[&str]) -> Result<(), String> {
    let status = Command::new(command[0]).args(&command[1..]).status();
    match status.map_err(text)?.success() {
        true => Ok(()),
        false => Err(format!("{} failed", command.join(" "))),
    }
}

fn small_bufsiz() -> Outcome {
    let bufsiz = counter("/sys/module/spidev/parameters/bufsiz")?;
    let _slave = Coprocessor::start("echo")?;
    let (bridge, mut client) = Bridge::stdio(&[LINES, &["--spi-crc", "off", DEVICE]].concat())?;
    client.sync()?;
    if !log().contains("raise spidev.bufsiz") {
        return Err(format!("no warning at the start: {}", log_end()));
    }
    // Once all is quiet, nothing but these two frames wakes the bridge.
    sleep(Duration::from_millis(100));
    // Too long for one transaction, then one that is not: only that one comes back.
    let long = vec![0x81; LONGEST];
    let short = vec![0x81; 300];
    client.send(&long);
    client.send(&short);
    match client.next(Instant::now() + SOON)? {
        Some(Got::Frame(frame)) if frame == short => {}
        got => {
            return Err(format!(
                "instead of the short frame: {got:?}; {}",
                log_end()
            ))
        }
    }
    if !log().contains("dropped a frame of 1295 octets") {
        return Err(format!(
            "the log does not say what was dropped: {}",
            log_end()
        ));
    }
    end(bridge)?;
    Ok(format!(
        "bufsiz {bufsiz}: short frames pass, long ones are told"
    ))
}

const LOAD: &[&str] = &["/bin/insmod", "/spinel_vm.ko"];
const UNLOAD: &[&str] = &["/bin/rmmod", "spinel_vm"];

const RESTARTS: u32 = 1_000;

/// The share of one emulated CPU that a bridge may use for nothing, in percent. What it should be are
/// some 30 transactions a second; what it must not be is 100. Time that the host takes from the emulated
/// CPU counts as well.
const CPU_MAX: f64 = 15.0;

/// Lines of log that a fault of some seconds may cost.
const LOG_MAX: usize = 20;

/// How much longer than asked for the shortest of three pulses may be: programs take turns with whatever else the
/// machine does.
const PULSE_SLACK_MS: f64 = 60.0;

/// A few pages that were touched for the first time.
const RSS_SLACK_KB: u64 = 64;
