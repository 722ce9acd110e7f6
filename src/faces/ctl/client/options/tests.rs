use super::*;
use crate::ctl::line::RequestLine;
use crate::ctl::request::{Filter, Request as R};
use crate::ctl::verbs::{self, Asked, Does, VERBS};
use crate::wire::ids::Property as P;
use proptest::prelude::*;

fn args(args: &[&str]) -> Result<Command, Failure> {
    parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
}

fn run(list: &[&str]) -> Invocation {
    match args(list) {
        Ok(Command::Run(invocation)) => invocation,
        other => panic!("{list:?}: {other:?}"),
    }
}

/// What the server makes of it.
fn asked(invocation: &Invocation) -> Result<Asked, Failure> {
    let line = crate::ctl::line::request("1", invocation.verb.name, &invocation.words);
    let line = RequestLine::parse(line.trim_end()).unwrap().unwrap();
    verbs::parse(line.verb, &line.words)
}

fn host(list: &[&str]) -> R {
    match asked(&run(list)) {
        Ok(Asked::Host(request)) => request,
        other => panic!("{list:?}: {other:?}"),
    }
}

#[test]
fn every_example_is_understood() {
    for verb in VERBS {
        for (example, _) in verb.examples {
            let shell = example.split(" | ").next().unwrap();
            let words = shell_words(shell);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut invocation = run(&words);
            assert_eq!(invocation.verb.name, verb.name, "{example}");
            let mut read = |name: &str| match name {
                "pskd.txt" => Ok("J01NME".to_owned()),
                _ => Ok("00112233445566778899AABBCCDDEEFF".to_owned()),
            };
            invocation.read_secrets(&mut read).unwrap();
            if !matches!(verb.does, Does::Local(_)) {
                let asked = asked(&invocation);
                assert!(asked.is_ok(), "{example}: {asked:?}");
            }
        }
    }
}

/// As a shell would split it: only double quotes.
fn shell_words(text: &str) -> Vec<String> {
    let words = crate::ctl::line::Word::split(text);
    words.map(|word| word.unwrap().text().unwrap()).collect()
}

#[test]
fn every_option_of_every_verb_is_known_to_the_server() {
    for verb in VERBS
        .iter()
        .filter(|verb| !matches!(verb.does, Does::Local(_)))
    {
        for arg in verb.args.iter().filter(|arg| !arg.is_word()) {
            let long = format!("--{}", arg.name);
            let mut list: Vec<&str> = verb.name.split(' ').collect();
            list.push(&long);
            if arg.takes == Takes::Value {
                list.push("x");
            }
            if let Err(failure) = asked(&run(&list)) {
                let message = failure.message;
                assert!(!message.contains("there is no"), "{list:?}: {message}");
            }
        }
    }
}

#[test]
fn spellings() {
    let key = R::Get(P::NET_NETWORK_NAME);
    assert_eq!(host(&["get", "NET_NETWORK_NAME"]), key);
    let scans = [
        &["scan", "-e", "-c", "11"][..],
        &["scan", "-ec11"],
        &["scan", "-ec", "11"],
        &["scan", "--energy", "--channels=11"],
        &["scan", "--channels", "11", "--kind", "energy"],
        &["scan", "kind=energy", "channels=11"],
    ];
    for list in scans {
        assert_eq!(host(list), host(scans[0]), "{list:?}");
    }
    assert_eq!(
        host(&["add-prefix", "-soaf", "fd00::/64"]),
        host(&[
            "add-prefix",
            "fd00::/64",
            "-s",
            "-o",
            "--slaac",
            "--preferred"
        ])
    );
    assert_eq!(
        host(&["add-prefix", "-sofl64", "fd00::"]),
        host(&["add-prefix", "-s", "-o", "-f", "-l", "64", "fd00::"])
    );
    assert_eq!(
        host(&["allowlist", "add", "0011223344556677", "--rssi", "-60"]),
        R::FilterAdd(
            Filter::Allow,
            [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77],
            Some(-60)
        )
    );
    let name = |text: &str| {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        R::Set(P::NET_NETWORK_NAME, value)
    };
    assert_eq!(host(&["set", "NET_NETWORK_NAME", "My Net"]), name("My Net"));
    assert_eq!(host(&["set", "NET_NETWORK_NAME", "-h"]), name("-h"));
    assert_eq!(
        host(&["set", "NET_NETWORK_NAME", "a=\"b\""]),
        name("a=\"b\"")
    );
    assert_eq!(
        host(&["set", "PHY_TX_POWER", "-4"]),
        R::Set(P::PHY_TX_POWER, vec![0xFC])
    );
    assert_eq!(host(&["mfg", "diag", "-x"]), R::Mfg("diag -x".into()));
    assert_eq!(run(&["form", "--", "--json"]).words, ["--json"]);
}

#[test]
fn secrets_come_from_where_their_at_sign_says() {
    let key = "00112233445566778899AABBCCDDEEFF";
    let sent = |list: &[&str], value: &str| {
        let mut invocation = run(list);
        let mut names = Vec::new();
        let mut read = |name: &str| {
            names.push(name.to_owned());
            Ok(value.to_owned())
        };
        invocation.read_secrets(&mut read).unwrap();
        (invocation.words, names)
    };
    for list in [
        &["join", "net", "--key", "@a b"][..],
        &["join", "net", "--key=@a b"],
        &["join", "net", "-k@a b"],
        &["join", "-k", "@a b", "net"],
        &["join", "net", "key=@a b"],
    ] {
        let wanted = vec![format!("key={key}"), "net".to_owned()];
        assert_eq!(
            sent(list, key),
            (wanted, vec!["a b".to_owned()]),
            "{list:?}"
        );
    }
    let words = |list: &[&str], value| sent(list, value).0.join(" ");
    assert_eq!(words(&["joiner", "start", "@-"], "J01NME"), "J01NME");
    assert_eq!(
        words(&["commr", "add", "any", "@f", "300"], "J01NME"),
        "any J01NME 300"
    );
    assert_eq!(
        words(&["joiner", "start", "--url", "@x", "@f"], "J01NME"),
        "url=@x J01NME"
    );
    // Of a property only where it is a secret; any of its words.
    for name in ["NET_NETWORK_KEY", "Network:Key"] {
        assert_eq!(words(&["set", name, "@f"], key), format!("{name} {key}"));
    }
    assert_eq!(
        words(&["set", "-d", "NET_PSKC", "@f"], "0A 0B=\""),
        "data=true NET_PSKC \"0A 0B=\\\"\""
    );
    assert_eq!(
        words(
            &[
                "set",
                "--",
                "MESHCOP_COMMISSIONER_GENERATE_PSKC",
                "@f",
                "@net",
                "DEAD"
            ],
            "x"
        ),
        "MESHCOP_COMMISSIONER_GENERATE_PSKC x x DEAD"
    );
    for list in [
        &["set", "NET_NETWORK_NAME", "@home"][..],
        &["form", "@home"],
        &["mfg", "@home"],
    ] {
        let (sent, names) = sent(list, key);
        assert!(
            sent.contains(&"@home".to_owned()) && names.is_empty(),
            "{list:?}"
        );
    }
    let failure = Failure::new(Code::Failed, "no");
    let refused = run(&["joiner", "start", "@f"]).read_secrets(&mut |_| Err(failure.clone()));
    assert_eq!(refused, Err(failure));
}

#[test]
fn what_is_refused_of_a_secret_is_not_shown() {
    for list in [
        &["form", "net", "-k", "5ECRE7"][..],
        &["form", "net", "-k", "0x5ECRE7"],
        &["form", "net", "-k", "5EC3E7"],
        &["form", "net", "-k", "AA", "5ECRE7"],
        &["joiner", "start", "5ECRE7O"],
        &["joiner", "start", "J01NME", "5ECRE7"],
        &["set", "NET_NETWORK_KEY", "5ECRE7"],
        &["set", "NET_NETWORK_KEY", "AA", "5ECRE7"],
        &["set", "-d", "NET_PSKC", "5ECRE7"],
        &["insert", "MESHCOP_COMMISSIONER_JOINERS", "[5ECRE7"],
    ] {
        let failure = asked(&run(list)).unwrap_err();
        let shown = ["5EC", "RE7"]
            .iter()
            .any(|part| failure.message.contains(part));
        assert!(!shown, "{list:?}: {failure}");
    }
    // In a raw line, too.
    for line in [
        r#"1 form key="\xFF5ECRE7""#,
        r#"1 set NET_PSKC "\xFF5ECRE7""#,
    ] {
        let line = RequestLine::parse(line).unwrap().unwrap();
        let failure = verbs::parse(line.verb, &line.words).unwrap_err();
        assert!(!failure.message.contains("RE7"), "{failure}");
    }
}

#[test]
fn patience() {
    let patience = |list: &[&str]| run(list).patience();
    let upgrade = patience(&["upgrade"]).unwrap();
    // The command may take all of its time, and then the co-processor has to start.
    assert!(
        upgrade >= UPGRADE_MAX + Duration::from_secs(60),
        "{upgrade:?}"
    );
    assert_eq!(patience(&["status"]), Some(SILENCE));
    assert_eq!(patience(&["monitor"]), None);
    assert_eq!(patience(&["pcap", "-"]), None);
    for verb in ["upgrade", "status", "monitor"] {
        let own = patience(&[verb, "--timeout", "7"]);
        assert_eq!(own, Some(Duration::from_secs(7)), "{verb}");
    }
}

#[test]
fn our_own_options() {
    let invocation = run(&[
        "-I",
        "wpan1",
        "get",
        "--json",
        "-v",
        "NET_ROLE",
        "--timeout=5",
    ]);
    assert_eq!(
        invocation.options,
        Options {
            interface: Some("wpan1".into()),
            socket: None,
            json: true,
            timeout: Some(Duration::from_secs(5)),
            wait: None,
        }
    );
    assert_eq!(invocation.switches, ["value-only"]);
    assert_eq!(
        run(&["--socket", "/x", "pcap", "-", "-c", "15"]).local,
        ["-"]
    );
    assert!(matches!(args(&["-h"]), Ok(Command::Help(None))));
    assert!(
        matches!(args(&["-h", "gpio", "set"]), Ok(Command::Help(Some(name))) if name == "gpio set")
    );
    let Ok(Command::Wait(options)) = args(&["--wait", "associated"]) else {
        panic!("nothing is waited for");
    };
    assert_eq!(options.wait, Some("associated"));
    assert_eq!(
        run(&["--wait=offline", "form"]).options.wait,
        Some("offline")
    );
    assert!(matches!(args(&["scan", "--help"]), Ok(Command::Help(Some(name))) if name == "scan"));
    assert!(matches!(args(&["--version"]), Ok(Command::Version)));
}

#[test]
fn refusals() {
    for (list, says) in [
        (&[][..], "a verb is missing"),
        (&["stauts"], "did you mean status?"),
        (&["--wait", "assoc", "status"], "give one of initialized, "),
        (&["--jsno", "status"], "did you mean --json?"),
        (&["-q", "status"], "see spinelctl --help"),
        (&["scan", "--enrgy"], "did you mean --energy?"),
        (&["scan", "-q"], "see spinelctl help scan"),
        (&["scan", "-eq"], "no option \"-q\""),
        (&["scan", "-eé"], "no option \"-é\""),
        (&["scan", "-ec"], "-c needs a value"),
        (&["scan", "--energy=1"], "takes no value"),
        (&["scan", "-c"], "needs a value"),
        (&["-I"], "needs a value"),
        (&["-I", "../x", "status"], "not the name of an interface"),
        (&["--timeout", "0", "status"], "1..=86400"),
    ] {
        let failure = args(list).map(|_| ()).unwrap_err();
        assert!(failure.message.contains(says), "{list:?}: {failure}");
        assert_eq!(failure.code, Code::Usage);
    }
}

proptest! {
    #[test]
    fn any_command_line_is_read_or_refused(
        list in prop::collection::vec("-{0,2}[a-z]{0,8}=?.{0,3}|scan|get|set|pcap|é", 0..6),
    ) {
        if let Err(failure) = parse(&list) {
            prop_assert!(!failure.message.contains(char::is_control));
        }
    }
}

#[test]
fn what_can_be_waited_for_are_the_states() {
    use crate::host::known::State;
    for state in [
        State::Uninitialized,
        State::Fault,
        State::Upgrading,
        State::DeepSleep,
        State::Offline,
        State::Commissioned,
        State::Associating,
        State::CredentialsNeeded,
        State::Associated,
        State::Isolated,
    ] {
        let name = state.to_string();
        assert!(STATES.contains(&name.as_str()), "{name}");
        assert!(is_awaited(&name, &name), "{name}");
        assert_eq!(is_awaited("initialized", &name), state.is_initialized());
    }
    assert!(is_awaited("offline", "offline:commissioned"));
    assert!(!is_awaited("associated", "associated:no-parent"));
}
