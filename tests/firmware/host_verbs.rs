//! Every verb of the control client on OpenThread's own NCP, and what the node next to it sees of it. A verb without a
//! case here fails [`every_verb_has_a_case`].

use crate::host_scene::{answers, Bus, Scene};
use spinel_bridge::ctl::verbs::VERBS;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// What must come of a line.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// It succeeds, and says this among other things; with nothing to say, nothing.
    Says(&'static str),
    /// It succeeds, and does not say this.
    Hides(&'static str),
    /// It is refused with this exit code, and says this.
    Refused(i32, &'static str),
    /// It succeeds, and the state becomes this.
    State(&'static str),
    /// It succeeds, and the other node says this sooner or later when it is asked that.
    There(&'static str, &'static str),
    /// It succeeds, and the other node does not say this any more when it is asked that.
    Gone(&'static str, &'static str),
    /// It succeeds, and then packets to the other node are answered, or not.
    Reaches(bool),
    /// It succeeds, and the other node's pings of this address are answered, or not.
    Reached(&'static str, bool),
}

use Then::{Gone, Hides, Reached, Reaches, Refused, Says, State, There};

/// The verb, what is typed, and what must come of it; one after the other. `{node}` is the other node's extended
/// address.
#[rustfmt::skip] // a table
const CASES: &[(&str, &str, Then)] = &[
    ("version", "version", Says("protocol")),
    ("status", "status", Says("associated")),
    ("list", "list", Says("NET_NETWORK_KEY              = <hidden>")),
    ("list", "list", Says("NET_NETWORK_NAME             = others")),
    ("getprop", "getprop NCP_VERSION", Says("OPENTHREAD/")),
    ("getprop", "get Network:Name", Says("others")),
    ("getprop", "get NOPE", Refused(2, "NOPE")),
    ("setprop", "set PHY_CHAN 200", Refused(2, "PHY_CHAN")),
    // It stays a child for two minutes otherwise.
    ("setprop", "set NET_ROLE 2", There("neighbor table", "|   R  |")),
    ("attach", "attach", Says("")),
    ("form", "form other", Refused(5, "leave")),
    ("join", "join other -c 11", Refused(5, "leave")),
    ("dataset", "dataset", Says("network_name      = others")),
    ("dataset", "dataset show", Hides("00112233")),
    ("dataset pending", "dataset pending", Refused(5, "no change of the network is pending")),
    ("dataset export", "dataset export", Says("0E08")),
    ("dataset new", "dataset new -c 17", Says("000300001")),
    ("dataset import", "dataset import 0003", Refused(5, "dataset migrate")),
    // What comes of it: host_datasets.
    ("dataset migrate", "dataset migrate", Refused(2, "what changes?")),
    ("neighbours", "--json neighbours", Says(r#""is":"router""#)),
    ("children", "children", Says("")),
    ("routers", "--json routers", Says(r#""linked":true"#)),
    ("whois", "whois {node}", Says("is            = router")),
    ("joiner", "joiner", Says("0")),
    ("joiner start", "joiner start J01NME", Refused(5, "leave")),
    ("joiner stop", "joiner stop", Says("")),
    ("scan", "--json scan", Says(r#""protocol":3"#)),
    ("scan", "--json scan --discover", Says(r#""network_name":"others""#)),
    ("scan", "scan --energy -c 11-13", Says("12")),
    ("scan stop", "scan stop", Says("")),
    ("permit-join", "permit-join 10", Says("")),
    ("getprop", "get THREAD_ASSISTING_PORTS", Says("[5684]")),
    ("permit-join", "permit-join 0", Says("")),
    ("getprop", "get THREAD_ASSISTING_PORTS", Says("[]")),

    // Network data: the leader has it.
    ("add-prefix", "add-prefix 2001:db8:1::/64 -s -o -a -f", There("netdata show", "2001:db8:1:0::/64 paos med")),
    ("getprop", "get THREAD_ON_MESH_NETS", Says("2001:db8:1::")),
    ("insertprop", "add IPV6_ADDRESS_TABLE 2001:db8:1::77 64 4294967295 4294967295", Reached("2001:db8:1::77", true)),
    ("removeprop", "remove IPV6_ADDRESS_TABLE 2001:db8:1::77 64 4294967295 4294967295", Reached("2001:db8:1::77", false)),
    ("remove-prefix", "remove-prefix 2001:db8:1::/64", Gone("netdata show", "2001:db8:1:0::/64 p")),
    ("add-prefix", "add-prefix 2001:db8:4::/60 -r -d -c -P low", There("netdata show", "2001:db8:4:0::/60 dcr low")),
    ("remove-prefix", "remove-prefix 2001:db8:4:: -l 60", Gone("netdata show", "2001:db8:4:0::/60 d")),
    ("add-prefix", "add-prefix 2001:db8:1::/200", Refused(2, "200")),
    ("config-gateway", "config-gateway -d 2001:db8:3::", There("netdata show", "2001:db8:3:0::/64 paros med")),
    ("config-gateway", "config-gateway -v 0 2001:db8:3::", Gone("netdata show", "2001:db8:3:0::/64 p")),
    ("add-route", "add-route 2001:db8:2::/64 -p high", There("netdata show", "2001:db8:2:0::/64 high")),
    ("add-route", "add-route ::/0 -s -p low", There("netdata show", "::/0 s low")),
    ("netdata", "netdata", Says("2001:db8:1::/64")),
    ("remove-route", "remove-route 2001:db8:2::/64", Gone("netdata show", "2001:db8:2:0::/64")),
    ("remove-route", "remove-route ::/0", Gone("netdata show", "::/0")),
    ("add-service", "add-service 44970 5D 01 -s", There("netdata show", "44970 5d 01 s")),
    ("getprop", "get SERVER_SERVICES", Says("44970 5D")),
    ("remove-service", "remove-service 44970 5D", Gone("netdata show", "44970 5d")),

    // Who is listened to.
    ("allowlist add", "allowlist add 0011223344556677 --rssi -60", Says("")),
    ("allowlist", "allowlist", Says("-60")),
    ("allowlist on", "allowlist on", Reaches(false)),
    ("allowlist add", "allowlist add {node}", Reaches(true)),
    ("allowlist remove", "allowlist remove {node}", Reaches(false)),
    ("allowlist off", "allowlist off", Reaches(true)),
    ("allowlist remove", "allowlist remove 0011223344556677", Says("")),
    ("denylist on", "denylist on", Reaches(true)),
    ("denylist add", "denylist add {node}", Reaches(false)),
    ("denylist", "denylist", Says("MAC_DENYLIST_ENABLED = true")),
    ("denylist remove", "denylist remove {node}", Reaches(true)),
    ("denylist off", "denylist off", Says("")),
    ("denylist", "denylist", Says("MAC_DENYLIST_ENABLED = false")),

    ("commissioner start", "commissioner start", Says("= 2")),
    ("commissioner", "commissioner", Says("= 2")),
    ("commissioner add", "commissioner add any J01NME", Says("")),
    ("getprop", "get MESHCOP_COMMISSIONER_JOINERS", Says("J01NME")),
    ("commissioner remove", "commissioner remove any", Says("")),
    ("getprop", "get MESHCOP_COMMISSIONER_JOINERS", Hides("J01NME")),
    ("commissioner stop", "commissioner stop", Says("")),
    ("commissioner", "commissioner", Says("= 0")),

    ("jam on", "jam on", Says("")),
    ("jam", "jam", Says("JAM_DETECT_ENABLE         = true")),
    ("jam off", "jam off", Says("")),
    ("jam", "jam", Says("JAM_DETECT_ENABLE         = false")),
    ("counters", "counters", Says("CNTR_TX_PKT_TOTAL")),
    ("counters", "counters", Says("BUFFERS_FREE")),
    ("counters clear", "counters clear", Says("")),
    ("poll", "poll", Refused(8, "MAC_DATA_POLL_PERIOD")),

    // What this firmware was built without.
    ("poke", "poke 0x20000000 DEADBEEF", Refused(8, "PEEK_POKE")),
    ("peek", "peek 0x20000000 4", Refused(8, "PEEK_POKE")),
    ("random", "random", Refused(8, "TRNG")),
    ("gpio", "gpio", Refused(8, "GPIO")),
    ("gpio set", "gpio set 0 high", Refused(8, "GPIO")),
    ("gpio config", "gpio config 2 out", Refused(8, "GPIO")),
    ("mfg", "mfg version", Refused(8, "NEST_STREAM_MFG")),
    // host_command_line.rs
    ("cli", "cli state", Refused(8, "OT_NCP_CLI_STREAM")),
    ("reset", "reset bootloader", Refused(8, "RCP_RESET_TO_BOOTLOADER")),

    ("host-sleep", "host-sleep", Says("")),
    ("host-did-wake", "host-did-wake", Reaches(true)),
    ("reset", "reset", State("associated")),
    ("reset", "reset hard", State("associated")),
    ("upgrade", "upgrade", State("associated")),
    ("status", "status", Says("others")),
    ("host-did-wake", "host-did-wake", Reaches(true)),
    ("cancel", "cancel nothing", Refused(5, "tag")),
    ("completion", "completion bash", Says("complete")),
    ("help", "help form", Says("network key")),
    ("leave", "leave", State("offline")),
    ("getprop", "get NET_SAVED", Says("false")),
    ("reset", "reset factory", State("offline")),
];

/// Those that need more than a line.
const ELSEWHERE: &[&str] = &[
    // tests/verbs.rs: the daemon alone answers them.
    "monitor off",
    "interfaces",
    // host_radio.rs
    "monitor",
    "pcap",
    "begin-low-power",
    "wake",
];

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
#[ignore = "needs tests/firmware/build.sh"]
fn every_verb_does_what_it_says() {
    try_every_verb(Bus::Pipes);
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn every_verb_does_what_it_says_over_spi() {
    try_every_verb(Bus::Spi);
}

fn try_every_verb(bus: Bus) {
    let mut scene = Scene::member(bus, &["--firmware-upgrade", "true"]);
    let mut failures = Vec::new();
    for (_, words, then) in CASES {
        let begin = Instant::now();
        if let Err(why) = check(&mut scene, words, *then) {
            failures.push(format!("{words}: {why}"));
        }
        println!("{:>6} ms {words}", begin.elapsed().as_millis());
    }
    assert!(
        failures.is_empty(),
        "{}\n{}",
        failures.join("\n"),
        scene.host().log()
    );
}

fn check(scene: &mut Scene, words: &str, then: Then) -> Result<(), String> {
    let words = match words.contains("{node}") {
        true => words.replace("{node}", &scene.node.get("extaddr")),
        false => words.to_owned(),
    };
    let output = scene.host().try_ctl(&words);
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().unwrap_or(-1);
    let wrong = || Err(format!("wanted {then:?}, got {code}: {said}"));
    if let Refused(wanted, text) = then {
        let fits = code == wanted && said.contains(text) && said.trim_end().lines().count() == 1;
        return if fits { Ok(()) } else { wrong() };
    }
    if code != 0 {
        return wrong();
    }
    let comes = match then {
        Says("") => said.is_empty(),
        Says(text) => said.contains(text),
        Hides(text) => !said.contains(text),
        State(state) => comes(|| {
            scene
                .host()
                .status()
                .is_some_and(|row| row["state"] == state)
        }),
        There(question, text) => comes(|| hears(scene, question, text)),
        Gone(question, text) => comes(|| !hears(scene, question, text)),
        Reaches(wanted) => {
            let address = scene.node_address();
            comes(|| answers(scene.host(), address) == wanted)
        }
        Reached(address, wanted) => comes(|| {
            let said = scene.node.run(&format!("ping {address} 8 1 1 1"));
            said.iter().any(|line| line.contains(" 1 packets received")) == wanted
        }),
        Refused(..) => unreachable!("done above"),
    };
    match comes {
        true => Ok(()),
        false => wrong(),
    }
}

/// Whether the other node says this when it is asked that.
fn hears(scene: &mut Scene, question: &str, text: &str) -> bool {
    scene.node.run(question).join("\n").contains(text)
}

/// Asks again for as long as a busy machine may need.
fn comes(mut test: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(40);
    while !test() {
        if Instant::now() > end {
            return false;
        }
        sleep(Duration::from_millis(100));
    }
    true
}
