//! Every verb of the control client, as a user types it, against the real driver with a simulated
//! co-processor behind it. A verb without a case here fails [`every_verb_has_a_case`].

mod hosts;

use hosts::{Folder, Host};
use nix::sys::signal::Signal;
use spinel_bridge::ctl::verbs::VERBS;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// What must come of a line.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It succeeds, and says this among other things.
    Says(&'static str),
    /// It is refused with this exit code, and says this.
    Refused(i32, &'static str),
    /// It succeeds, and the state becomes this.
    State(&'static str),
}

use Then::{Refused, Says, State};

/// The verb, what is typed, and what must come of it; one after the other.
const CASES: &[(&str, &str, Then)] = &[
    ("version", "version", Says("protocol")),
    ("status", "status", Says("offline")),
    (
        "list",
        "list",
        Says("NET_NETWORK_KEY              = <hidden>"),
    ),
    ("getprop", "getprop NCP_VERSION", Says("SPINEL-BRIDGE-SIM")),
    ("getprop", "get Network:Name", Says("Network:Name = \"")),
    ("getprop", "get 0x21", Says("PHY_CHAN")),
    ("getprop", "get NOPE", Refused(2, "NOPE")),
    ("getprop", "get STREAM_NET", Refused(8, "STREAM_NET")),
    ("setprop", "setprop PHY_TX_POWER 5", Says("5")),
    ("setprop", "set PHY_CHAN 200", Refused(2, "PHY_CHAN")),
    ("setprop", "set NET_NETWORK_NAME", Refused(2, "VALUE")),
    ("setprop", "set STREAM_RAW 00", Refused(4, "STREAM_RAW")),
    (
        "insertprop",
        "insertprop UNSOL_UPDATE_FILTER 82",
        Says("82"),
    ),
    (
        "removeprop",
        "removeprop UNSOL_UPDATE_FILTER 82",
        Says("82"),
    ),
    ("joiner", "joiner", Says("0")),
    ("joiner start", "joiner start short", Refused(2, "PSKD")),
    ("joiner start", "joiner start J01NME", Refused(9, "")),
    ("joiner stop", "joiner stop", Says("")),
    ("attach", "attach", Refused(5, "form")),
    ("join", "join test -c 99", Refused(2, "99")),
    (
        "join",
        "join nobody -c 11 -p 1 -k 00000000000000000000000000000001",
        Refused(9, "scan"),
    ),
    ("form", "form", Refused(2, "name")),
    ("form", "form test -c 15 -p 0xFACE", State("associated")),
    ("attach", "attach", Says("")),
    ("dataset", "dataset", Says("channel           = 15")),
    ("dataset pending", "dataset pending", Refused(5, "pending")),
    ("dataset export", "dataset export", Says("0E08")),
    ("dataset new", "dataset new -c 17", Says("000300001")),
    (
        "dataset migrate",
        "dataset migrate -N moving -D 3600 --no-wait",
        Says("moves_in_s = 3600"),
    ),
    (
        "dataset pending",
        "dataset pending",
        Says("network_name      = moving"),
    ),
    ("neighbours", "neighbours", Says("")),
    ("children", "children", Says("")),
    ("routers", "routers", Says("rloc16")),
    ("netdata", "netdata", Says("commissioning")),
    ("whois", "whois 0xfc01", Refused(1, "ping it")),
    ("whois", "whois me", Refused(2, "EUI-64")),
    ("scan", "scan", Says("sim-0")),
    ("scan", "scan --energy -c 11-13", Says("12")),
    ("scan", "scan --discover", Says("sim-0")),
    ("scan stop", "scan stop", Says("")),
    ("permit-join", "permit-join 10", Says("")),
    ("permit-join", "permit-join 0", Says("")),
    (
        "add-prefix",
        "add-prefix 2001:db8:1::/64 -s -o -a -f",
        Says(""),
    ),
    ("getprop", "get THREAD_ON_MESH_NETS", Says("2001:db8:1::")),
    ("remove-prefix", "remove-prefix 2001:db8:1::/64", Says("")),
    ("getprop", "get THREAD_ON_MESH_NETS", Says("[]")),
    (
        "add-prefix",
        "add-prefix 2001:db8:1::/200",
        Refused(2, "200"),
    ),
    ("add-route", "add-route 2001:db8:2::/64 -p high", Says("")),
    (
        "getprop",
        "get THREAD_OFF_MESH_ROUTES",
        Says("2001:db8:2::"),
    ),
    ("remove-route", "remove-route 2001:db8:2::/64", Says("")),
    ("config-gateway", "config-gateway -d 2001:db8:3::", Says("")),
    ("add-service", "add-service 44970 5D 01", Says("")),
    ("getprop", "get SERVER_SERVICES", Says("44970 5D")),
    // No update tells of these.
    ("list", "list", Says("[(44970 5D false 01")),
    ("list", "list", Says("NET_SAVED                    = true")),
    ("remove-service", "remove-service 44970 5D", Says("")),
    ("poll", "poll", Refused(8, "MAC_DATA_POLL_PERIOD")),
    ("counters", "counters", Says("CNTR_TX_PKT_TOTAL")),
    ("counters", "counters", Says("packets to the co-processor")),
    ("counters clear", "counters clear", Says("")),
    ("poke", "poke 0x20000000 DEADBEEF", Says("")),
    ("peek", "peek 0x20000000 4", Says("DEADBEEF")),
    ("peek", "peek 0 4", Refused(2, "")),
    ("random", "random", Says("random")),
    ("gpio", "gpio", Says("BUTTON")),
    ("gpio set", "gpio set 0 high", Says("")),
    ("gpio config", "gpio config 2 out", Says("")),
    ("jam on", "jam on", Says("")),
    ("jam", "jam", Says("JAM_DETECT_ENABLE         = true")),
    ("jam off", "jam off", Says("")),
    ("allowlist add", "allowlist add 0011223344556677", Says("")),
    ("allowlist on", "allowlist on", Says("")),
    ("allowlist", "allowlist", Says("0011223344556677")),
    ("allowlist off", "allowlist off", Says("")),
    (
        "allowlist remove",
        "allowlist remove 0011223344556677",
        Says(""),
    ),
    ("denylist add", "denylist add 0011223344556677", Says("")),
    ("denylist on", "denylist on", Says("")),
    ("denylist", "denylist", Says("0011223344556677")),
    ("denylist off", "denylist off", Says("")),
    (
        "denylist remove",
        "denylist remove 0011223344556677",
        Says(""),
    ),
    ("commissioner start", "commissioner start", Says("= 2")),
    ("commissioner", "commissioner", Says("2")),
    ("commissioner add", "commissioner add any J01NME", Says("")),
    ("commissioner remove", "commissioner remove any", Says("")),
    ("commissioner stop", "commissioner stop", Says("")),
    ("mfg", "mfg version", Says("SIM")),
    ("cli", "cli state", Refused(8, "OT_NCP_CLI_STREAM")),
    ("host-sleep", "host-sleep", Says("")),
    ("host-did-wake", "host-did-wake", Says("")),
    (
        "begin-low-power",
        "begin-low-power",
        State("offline:deep-sleep"),
    ),
    ("getprop", "get PHY_CHAN", Refused(5, "wake")),
    // Our own are there in every state.
    ("counters", "counters", Says("transactions")),
    ("counters clear", "counters clear", Says("")),
    ("wake", "wake", State("associated")),
    ("reset", "reset", State("associated")),
    ("reset", "reset hard", State("associated")),
    (
        "reset",
        "reset bootloader",
        Refused(8, "RCP_RESET_TO_BOOTLOADER"),
    ),
    ("upgrade", "upgrade", State("associated")),
    ("cancel", "cancel nothing", Refused(5, "tag")),
    ("leave", "leave", State("offline")),
    (
        "dataset import",
        "dataset import 0003",
        Refused(2, "the TLV of type 0"),
    ),
    ("reset", "reset factory", State("offline")),
    // The prefix from above is among what is forgotten.
    ("form", "form again", Says("channel")),
    ("getprop", "get THREAD_ON_MESH_NETS", Says("[]")),
    ("leave", "leave", State("offline")),
    ("completion", "completion bash", Says("complete")),
    ("completion", "completion zsh", Says("compdef")),
    (
        "completion",
        "completion fish",
        Says("complete -c spinelctl"),
    ),
    ("help", "help form", Says("network key")),
];

/// Those that need more than a line: [`monitoring`], [`sniffing`], [`interfaces`].
const ELSEWHERE: &[&str] = &["monitor", "monitor off", "pcap", "interfaces"];

#[test]
fn every_verb_has_a_case() {
    for verb in VERBS {
        let here = CASES.iter().any(|(name, ..)| *name == verb.name);
        assert!(
            here || ELSEWHERE.contains(&verb.name),
            "{} has no case",
            verb.name
        );
    }
    for (name, ..) in CASES {
        assert!(VERBS.iter().any(|verb| verb.name == *name), "{name}");
    }
}

#[test]
fn every_verb_does_what_it_says() {
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    let device = format!(
        "sim:hurry:auto-init:extras:seed=1:state={}",
        folder.join("ncp").display()
    );
    host.start_bridge(&["--firmware-upgrade", "true", &device]);
    let mut failures = Vec::new();
    for (_, words, then) in CASES {
        if let Err(why) = check(&host, words, *then) {
            failures.push(format!("{words}: {why}"));
        }
    }
    assert!(
        failures.is_empty(),
        "{}\n{}",
        failures.join("\n"),
        host.log()
    );
}

fn check(host: &Host, words: &str, then: Then) -> Result<(), String> {
    let output = host.try_ctl(words);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().unwrap_or(-1);
    match then {
        Says("") if code == 0 && said.is_empty() => Ok(()),
        Says(text) if code == 0 && !text.is_empty() && said.contains(text) => Ok(()),
        Refused(wanted, text) if code == wanted && said.contains(text) => {
            // One line that says what to do.
            match said.trim_end().lines().count() {
                1 => Ok(()),
                _ => Err(format!("not one line: {said}")),
            }
        }
        State(state) if code == 0 => {
            host.wait_for_state(state);
            Ok(())
        }
        _ => Err(format!("wanted {then:?}, got {code}: {said}")),
    }
}

/// The same lines, for a program: whatever is said on standard output is an object on each line, and what is
/// refused says nothing there.
#[test]
fn json_is_one_object_on_each_line() {
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    let device = format!(
        "sim:hurry:auto-init:extras:seed=1:state={}",
        folder.join("ncp").display()
    );
    host.start_bridge(&["--firmware-upgrade", "true", &device]);
    let texts = ["help", "completion"];
    for (name, words, then) in CASES.iter().filter(|(name, ..)| !texts.contains(name)) {
        let output = host.try_ctl(&format!("--json {words}"));
        let text = String::from_utf8(output.stdout).unwrap();
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(value.is_object(), "{words}: {line}");
        }
        let code = output.status.code();
        match then {
            Says("") => assert_eq!((code, text.as_str()), (Some(0), ""), "{words}"),
            Says(_) => assert!(
                code == Some(0) && text.ends_with("}\n"),
                "{name}: {words}: {text}"
            ),
            Refused(wanted, _) => assert_eq!((code, text.as_str()), (Some(*wanted), ""), "{words}"),
            State(state) => {
                assert_eq!(code, Some(0), "{words}");
                host.wait_for_state(state);
            }
        }
    }
}

/// Each name of wpantund's gives one value in wpantund's form, or one line says why it does not; JSON stays
/// Spinel's.
#[test]
fn names_of_wpantund() {
    let folder = Folder::new();
    let host = Host::start(&folder, "only", "sim:hurry:auto-init:extras:seed=1");
    host.ctl("form test -c 15 --panid 0xABCD --xpanid 1122334455667788");
    host.wait_for_state("associated");
    for (name, value) in [
        ("NCP:State", "\"associated\"\n"),
        ("Network:Name", "\"test\"\n"),
        ("Network:PANID", "0xABCD\n"),
        ("Network:XPANID", "0x1122334455667788\n"),
        ("Network:IsCommissioned", "true\n"),
        ("NCP:Channel", "15\n"),
        ("Network:NodeType", "\"leader\"\n"),
    ] {
        assert_eq!(host.ctl(&format!("getprop -v {name}")), value, "{name}");
    }
    assert_eq!(host.ctl("get Network:PANID"), "Network:PANID = 0xABCD\n");
    assert_eq!(
        host.ctl("--json get Network:PANID"),
        "{\"MAC_15_4_PANID\":43981}\n"
    );
    let mut values = 0;
    for name in include_str!("wpantund-names.txt").lines() {
        let output = host.try_ctl(&format!("get {name}"));
        let said = String::from_utf8(output.stdout).unwrap();
        let why = String::from_utf8(output.stderr).unwrap();
        match output.status.code() {
            Some(0) => {
                values += 1;
                assert!(said.starts_with(&format!("{name} = ")), "{name}: {said}");
            }
            // The co-processor has it not, or not now, it is an event, it can only be written, or it means nothing here.
            Some(1 | 5 | 8) => {
                assert_eq!(why.trim_end().lines().count(), 1, "{name}: {why}");
                assert!(!why.contains("did you mean"), "{name}: {why}");
            }
            code => panic!("{name}: {code:?} {why}"),
        }
    }
    assert!(values > 100, "{values}");
}

#[test]
fn monitoring() {
    let folder = Folder::new();
    let host = Host::start(&folder, "only", "sim:hurry:auto-init:extras:seed=1");
    let mut monitor = Command::new(env!("CARGO_BIN_EXE_spinelctl"));
    monitor.arg("--socket").arg(host.socket()).arg("monitor");
    let mut monitor = hosts::Process(monitor.stdout(Stdio::piped()).spawn().unwrap());
    sleep(Duration::from_millis(200));
    host.ctl("form test");
    host.ctl("reset hard");
    host.wait_for_state("associated");
    sleep(Duration::from_millis(200));
    let mut stdout = monitor.0.stdout.take().unwrap();
    drop(monitor);
    let mut said = String::new();
    stdout.read_to_string(&mut said).unwrap();
    for wanted in ["state", "associating", "associated", "reset", "NET_ROLE"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let key = host.ctl("get NET_NETWORK_KEY");
    let key = key.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(key.len(), 32, "{key}");
    assert!(!said.contains(&key), "the key is shown: {said}");
}

#[test]
fn sniffing() {
    let folder = Folder::new();
    let host = Host::start(&folder, "only", "sim:hurry:auto-init:extras:seed=1");
    let file = folder.join("air.pcapng");
    let mut pcap = Command::new(env!("CARGO_BIN_EXE_spinelctl"));
    pcap.arg("--socket").arg(host.socket());
    pcap.args(["pcap", "-c", "15"]).arg(&file);
    let pcap = hosts::Process(pcap.stderr(Stdio::null()).spawn().unwrap());
    host.wait_for("five frames that tshark decodes", |_| {
        sleep(Duration::from_millis(300));
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(&file).args(["-T", "fields"]);
        for field in [
            "frame.protocols",
            "wpan-tap.ch_num",
            "wpan-tap.rss",
            "wpan.frame_type",
        ] {
            tshark.args(["-e", field]);
        }
        let output = tshark.output().expect("tshark");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let decoded = text.lines().filter(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            line.contains("wpan") && fields.get(1) == Some(&"15") && fields.len() == 4
        });
        (decoded.count() >= 5).then_some(())
    });
    drop(pcap);
    // Whoever was sniffing is gone, so the radio is given back.
    host.wait_for("the end of the raw stream", |host| {
        host.ctl("get MAC_RAW_STREAM_ENABLED")
            .contains("false")
            .then_some(())
    });
    assert_eq!(host.state(), "offline");
}

#[test]
fn interfaces() {
    let folder = Folder::new();
    let mut host = Host::new(&folder, "only");
    // The usual place of the socket, under a name that nobody else has.
    let name = format!("wpan{}", std::process::id() % 100_000);
    host.start_plain(&["--tun", &name, "sim:"]);
    host.wait_for("the interface", |host| {
        let output = host.try_run(&[env!("CARGO_BIN_EXE_spinelctl"), "interfaces"]);
        String::from_utf8_lossy(&output.stdout)
            .contains(&name)
            .then_some(())
    });
    host.wait_for("its state", |host| {
        let words = [env!("CARGO_BIN_EXE_spinelctl"), "-I", &name, "status"];
        host.run(&words).contains("offline").then_some(())
    });
    // Somebody who is not in its group is told that, and not that there is nothing.
    let stranger = |words: &[&str]| {
        let mut stranger = host.command("setpriv");
        stranger.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        stranger.arg(env!("CARGO_BIN_EXE_spinelctl")).args(words);
        stranger.output().unwrap()
    };
    let output = stranger(&["--json", "interfaces"]);
    let rows = String::from_utf8_lossy(&output.stdout);
    let row = rows.lines().find(|row| row.contains(&name));
    let row: serde_json::Value = serde_json::from_str(row.expect("its row")).unwrap();
    assert_eq!(row["alive"], true, "{output:?}");
    // If there are more, it is asked which.
    let output = stranger(&["status"]);
    assert!(matches!(output.status.code(), Some(4 | 2)), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains(&name),
        "{output:?}"
    );
    // It takes its socket with it.
    host.bridge().signal(Signal::SIGTERM);
    assert_eq!(host.bridge().ended(), Some(0));
    let output = host.run(&[env!("CARGO_BIN_EXE_spinelctl"), "interfaces"]);
    assert!(!output.contains(&name), "{output}");
}
