//! Both versions of the kernel's GPIO interface. Debian's kernel has both; `refuse` (tests/vm/refuse.c) takes one away.

use crate::cases::{end, exchange, pulse_widths, Case, Outcome, DEVICE, LINES};
use crate::process::{log_end, text, Bridge, Coprocessor, UNDER};
use gpiocdev_uapi::v2;
use std::fs::File;
use std::process::Command;

/// In the order in which they run.
pub(crate) const CASES: &[Case] = &[
    ("GPIO: both versions", || serves(LINES, &[])),
    ("GPIO: a kernel without v1", || serves(LINES, WITHOUT_V1)),
    ("GPIO: a kernel without v2", || serves(LINES, WITHOUT_V2)),
    ("GPIO: a kernel that refuses both", refused),
    ("GPIO: line in use, without v1", || in_use(WITHOUT_V1)),
    ("GPIO: line in use, without v2", || in_use(WITHOUT_V2)),
    ("GPIO: bias by name, v2", || serves(BIASED, WITHOUT_V1)),
    ("GPIO: bias by name, v1", || serves(BIASED, WITHOUT_V2)),
    ("GPIO: the kernel has the bias", || {
        kernel_says(BIASED, "bias=pull-up")
    }),
    ("GPIO: debounce, v2", || serves(DEBOUNCED, &[])),
    ("GPIO: debounce, v1 refuses", no_debounce),
    ("GPIO: --check without v1", || check(WITHOUT_V1)),
    ("GPIO: --check without v2", || check(WITHOUT_V2)),
];

/// INT's edges and level, RES's pulses: both lines work.
fn serves(lines: &[&str], under: &[&str]) -> Outcome {
    let _slave = Coprocessor::start("echo")?;
    let args = [lines, &["--poll-ms", "10000", DEVICE], under].concat();
    let (bridge, mut client) = Bridge::stdio(&args)?;
    let said = exchange(&mut client, 200)?;
    end(bridge)?;
    match pulse_widths()?.len() {
        // At the start and at the end.
        2 => Ok(said),
        pulses => Err(format!("{pulses} pulses on RES; {}", log_end())),
    }
}

fn refused() -> Outcome {
    refusal(
        &[LINES, &[DEVICE, UNDER, "/bin/refuse", "both"]].concat(),
        &["refuses both versions"],
    )
}

fn no_debounce() -> Outcome {
    refusal(
        &[DEBOUNCED, &[DEVICE], WITHOUT_V2].concat(),
        &["--gpio-int", "cannot debounce", "leave out debounce"],
    )
}

/// By this program, in version 2: whoever asks is told, in either version.
fn in_use(under: &[&str]) -> Outcome {
    let mut said = String::new();
    for (offset, option) in [(0, "--gpio-int"), (1, "--gpio-res")] {
        let held = hold(offset)?;
        said = refusal(
            &[LINES, &[DEVICE], under].concat(),
            &[option, "in use", "somebody else"],
        )?;
        drop(held);
    }
    Ok(said)
}

/// Takes a line, as "somebody else".
pub(crate) fn hold(offset: u32) -> Result<File, String> {
    let chip = File::open("/dev/gpiochip0").map_err(text)?;
    let mut request = v2::LineRequest {
        consumer: "somebody else".into(),
        num_lines: 1,
        ..v2::LineRequest::default()
    };
    request.offsets.set(0, offset);
    request.config.flags = v2::LineFlags::INPUT;
    v2::get_line(&chip, request).map_err(|error| error.to_string())
}

/// What the kernel itself says of INT while a bridge has it.
fn kernel_says(lines: &[&str], words: &str) -> Outcome {
    let _slave = Coprocessor::start("echo")?;
    let (bridge, mut client) = Bridge::stdio(&[lines, &[DEVICE]].concat())?;
    client.sync()?;
    let output = Command::new("/bin/refuse")
        .arg("info")
        .output()
        .map_err(text)?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    end(bridge)?;
    match said.contains(words) && said.contains("spinel-bridge INT") {
        true => Ok(said),
        false => Err(said),
    }
}

fn check(under: &[&str]) -> Outcome {
    let _slave = Coprocessor::start("ncp")?;
    let (program, rest) = (under[1], &under[2..]);
    let output = Command::new(program)
        .args(rest)
        .args(["/bin/spinel-bridge", "--check"])
        .args(LINES)
        .arg(DEVICE)
        .output()
        .map_err(text)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let works = ["ok    RES", "ok    INT"]
        .iter()
        .all(|ok| said.contains(ok));
    match output.status.success() && works {
        true => Ok(said.trim_end().lines().last().unwrap_or("").to_owned()),
        false => Err(said),
    }
}

/// A bridge that does not start, with exit code 3 and one line that has all of `words`.
fn refusal(args: &[&str], words: &[&str]) -> Outcome {
    let (code, said) = Bridge::refused(args)?;
    let said = said.trim().to_owned();
    let all = words.iter().all(|word| said.contains(word));
    match code == 3 && all && said.lines().count() == 1 {
        true => Ok(said),
        false => Err(format!("exit code {code}: {said}")),
    }
}

const BIASED: &[&str] = &["-i", "SPINEL_INT:pull-up", "-r", "SPINEL_RES"];
const DEBOUNCED: &[&str] = &["-i", "SPINEL_INT:debounce=50", "-r", "SPINEL_RES"];
const WITHOUT_V1: &[&str] = &[UNDER, "/bin/refuse", "v1"];
const WITHOUT_V2: &[&str] = &[UNDER, "/bin/refuse", "v2"];
