//! The log: frames at each verbosity on every transport, files that are opened anew and that nobody else can read,
//! and keys that are in none of them.
//!
//! Runs as root, because a TUN interface takes that.

mod hosts;
mod needs;

use hosts::{Folder, Host, Process};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const KEY: &str = "5ec2e7a1b2c3d4e5f60718293a4b5c6d";
const PSKC: &str = "9d1f8e2c7b6a5948372615f4e3d2c1b0";
const PSKD: &str = "J01NME99";

/// The same simulated co-processor over each transport that this machine can have.
fn transports() -> [(&'static str, String); 2] {
    let bridge = env!("CARGO_BIN_EXE_spinel-bridge");
    let ncp = "sim:hurry:extras:seed=1";
    [
        ("a bus", ncp.to_owned()),
        (
            "a command",
            format!("system:{bridge} --log none --stdio {ncp}"),
        ),
    ]
}

/// All that carries keys, both ways.
fn use_keys(host: &Host) {
    host.ctl(&format!("form secrets --key {KEY} --pskc {PSKC}"));
    host.wait_for_state("associated");
    for verb in [
        "getprop NET_NETWORK_KEY",
        "getprop NET_PSKC",
        "getprop THREAD_ACTIVE_DATASET",
        "getprop THREAD_ACTIVE_DATASET_TLVS",
        "commissioner start",
    ] {
        host.try_ctl(verb);
    }
    host.try_ctl(&format!("commissioner add any {PSKD} 60"));
    host.try_ctl("getprop MESHCOP_COMMISSIONER_JOINERS");
    host.ctl("leave");
    host.ctl(&format!("setprop NET_NETWORK_KEY {KEY}"));
    host.ctl(&format!("setprop NET_PSKC {PSKC}"));
    // Refused, and what is refused may be shown.
    host.try_ctl(&format!("setprop NET_NETWORK_KEY {KEY}00"));
    host.try_ctl(&format!("insertprop NET_NETWORK_KEY {KEY}"));
    host.try_ctl(&format!("--timeout 2 joiner start {PSKD}"));
    host.try_ctl(&format!("setprop STREAM_CLI \"networkkey {KEY}\""));
}

/// As octets of a log, in whatever way they are written.
fn shows(log: &str, secret: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(|letter| letter.is_ascii_alphanumeric());
        letters.collect::<String>().to_lowercase()
    };
    let in_hex: String = secret.bytes().map(|octet| format!("{octet:02x}")).collect();
    // Half of it is too much already.
    let log = plain(log);
    log.contains(&plain(secret)[..secret.len() / 2]) || log.contains(&in_hex[..in_hex.len() / 2])
}

#[test]
fn frames_are_shown_on_every_transport_and_keys_on_none() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    for (name, device) in transports() {
        let mut lines = Vec::new();
        for verbosity in ["-v", "-vv", "-vvv"] {
            let file = folder.join(&format!("{}{verbosity}", &name[2..3]));
            let log = format!("file:{}", file.display());
            let mut host = Host::new(&folder, "only");
            host.start_bridge(&["--log", &log, verbosity, &device]);
            use_keys(&host);
            let text = fs::read_to_string(&file).unwrap();
            lines.push(text.lines().count());
            for secret in [KEY, PSKC, PSKD] {
                assert!(!shows(&text, secret), "{name} {verbosity}: {secret}");
            }
            let mode = fs::metadata(&file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
            // What is not secret is there.
            if verbosity != "-v" {
                assert!(text.contains("NET_NETWORK_NAME"), "{name} {verbosity}");
            }
        }
        assert!(lines.iter().all(|lines| *lines > 100), "{name}: {lines:?}");
    }
}

#[test]
fn keys_are_shown_where_they_are_asked_for() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let [_, (_, device)] = transports();
    let file = folder.join("log");
    let log = format!("file:{}", file.display());
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&["--log", &log, "-vvv", "--log-keys", &device]);
    use_keys(&host);
    assert!(shows(&fs::read_to_string(&file).unwrap(), KEY));
}

/// The translator shows frames of a client that it does not know.
#[test]
fn the_translator_hides_keys_too() {
    if !needs::root() {
        return;
    }
    let folder = Folder::new();
    let file = folder.join("log");
    let log = format!("file:{}", file.display());
    let mut bridge = Command::new(env!("CARGO_BIN_EXE_spinel-bridge"));
    let command = format!(
        "{} --log {log} -vvv --stdio sim:seed=1",
        env!("CARGO_BIN_EXE_spinel-bridge")
    );
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&[&format!("system:{command}")]);
    use_keys_without_network(&host);
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().count() > 100);
    for secret in [KEY, PSKC, PSKD] {
        assert!(!shows(&text, secret), "{secret}");
    }
    // A log file that is renamed, as logrotate does.
    let other = folder.join("renamed");
    let second = folder.join("second");
    bridge
        .args([
            "--log",
            &format!("file:{}", second.display()),
            "--pty",
            "sim:",
        ])
        .stdout(Stdio::null());
    let process = Process(bridge.spawn().unwrap());
    hosts::wait("a log", || {
        fs::metadata(&second).ok().filter(|found| found.len() > 0)
    });
    fs::rename(&second, &other).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    process.signal(Signal::SIGUSR1);
    let mode = hosts::wait("a new log", || {
        let found = fs::metadata(&second).ok()?;
        (found.len() > 0).then(|| found.permissions().mode())
    });
    assert_eq!(mode & 0o777, 0o600);
}

fn use_keys_without_network(host: &Host) {
    host.try_ctl(&format!("setprop NET_NETWORK_KEY {KEY}"));
    host.try_ctl(&format!("setprop NET_PSKC {PSKC}"));
    host.try_ctl("getprop NET_NETWORK_KEY");
    host.try_ctl(&format!("joiner start {PSKD}"));
}
