use super::super::line::{RequestLine, Word};
use super::super::request::{
    Filter, Migration, Network, NodeType, Prefix, RandomKind, Request as R, ResetKind, Scan,
    ScanKind, StatusName, Whose,
};
use super::*;
use crate::time::Duration;
use crate::wire::ids::Property as P;
use proptest::prelude::*;

fn ask(text: &str) -> Result<Asked, Failure> {
    let line = format!("t {text}");
    let line = RequestLine::parse(&line).unwrap().unwrap();
    parse(line.verb, &line.words)
}

fn host(text: &str) -> R {
    match ask(text) {
        Ok(Asked::Host(request)) => request,
        other => panic!("{text}: {other:?}"),
    }
}

fn refused(text: &str) -> String {
    match ask(text) {
        Err(failure) => failure.message,
        Ok(asked) => panic!("{text}: {asked:?}"),
    }
}

fn scan(kind: ScanKind) -> Scan {
    Scan {
        kind,
        channels: None,
        period: Duration::from_millis(200),
        joinable: false,
        for_us: false,
        panid: None,
    }
}

#[test]
fn the_table_is_sound() {
    let mut names: Vec<_> = VERBS.iter().flat_map(Verb::names).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name twice");
    for verb in VERBS {
        assert!(!verb.examples.is_empty(), "{} has no example", verb.name);
        assert!(verb.name.split(' ').count() <= 2);
        assert!(verb.help.len() <= 58, "{}: its help is too long", verb.name);
        assert!(!verb.help.ends_with('.'), "{}", verb.name);
        for word in verb.aliases.iter().filter(|alias| alias.contains(' ')) {
            assert_eq!(word.split(' ').count(), 2);
        }
        let mut letters: Vec<_> = verb.args.iter().filter_map(|arg| arg.letter).collect();
        letters.sort_unstable();
        assert!(
            letters.windows(2).all(|pair| pair[0] != pair[1]),
            "{}",
            verb.name
        );
        assert!(!letters.contains(&'h') && !letters.contains(&'I') && !letters.contains(&'t'));
        for (index, arg) in verb.args.iter().enumerate() {
            assert!(!arg.help.is_empty());
            if let Takes::Means(key, value) = arg.takes {
                let Some(Arg {
                    values: Values::Of(values),
                    ..
                }) = verb.key(key)
                else {
                    panic!("{}: --{} means an unknown key", verb.name, arg.name)
                };
                assert!(values.contains(&value));
            }
            // Words that may be left out come last.
            let after = verb.args[index + 1..].iter();
            if arg.takes == Takes::MaybeWord {
                assert!(after.clone().all(|arg| arg.takes != Takes::Word));
            }
            if arg.takes == Takes::Rest {
                assert!(after.clone().all(|arg| !arg.is_word()));
            }
        }
        // The first word of a name is a verb of its own, so that help and errors find it.
        let first = verb.name.split(' ').next().unwrap();
        assert!(find(first, core::iter::empty()).is_some(), "{first}");
    }
}

#[rustfmt::skip] // a table
#[test]
fn every_verb_of_the_host_becomes_its_request() {
    let eui = [0, 0x12, 0x4B, 0, 1, 2, 3, 4];
    let prefix = "fd00:1::".parse().unwrap();
    let any = "::".parse().unwrap();
    let cases: &[(&str, R)] = &[
        ("status", R::Status),
        ("list", R::ListProperties),
        ("getprop", R::ListProperties),
        ("getprop NET_ROLE", R::Get(P::NET_ROLE)),
        ("get Network:Role", R::Get(P::NET_ROLE)),
        ("get NCP:State", R::StatusValue(StatusName::State)),
        ("get 15360", R::Get(P(15360))),
        ("set PHY_TX_POWER -4", R::Set(P::PHY_TX_POWER, vec![0xFC])),
        (r#"set Network:Name "My Net""#, R::Set(P::NET_NETWORK_NAME, b"My Net\0".to_vec())),
        ("set Network:Name My Net", R::Set(P::NET_NETWORK_NAME, b"My Net\0".to_vec())),
        ("set Network:Name a=b", R::Set(P::NET_NETWORK_NAME, b"a=b\0".to_vec())),
        (r#"set 68 "\xFF""#, R::Set(P::NET_NETWORK_NAME, vec![0xFF, 0])),
        ("set THREAD_ASSISTING_PORTS [5684 1]", R::Set(P::THREAD_ASSISTING_PORTS, vec![0x34, 0x16, 1, 0])),
        (r#"set THREAD_ASSISTING_PORTS "[5684 1]""#, R::Set(P::THREAD_ASSISTING_PORTS, vec![0x34, 0x16, 1, 0])),
        ("set NET_XPANID DEAD00BEEF00CAFE", R::Set(P::NET_XPANID, vec![0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0xCA, 0xFE])),
        ("set data=true PHY_TX_POWER 0xFC", R::Set(P::PHY_TX_POWER, vec![0xFC])),
        ("set 15360 0102", R::Set(P(15360), vec![1, 2])),
        ("set NET_LEAVE_GRACEFULLY \"\"", R::Set(P::NET_LEAVE_GRACEFULLY, vec![])),
        ("insertprop MAC_DENYLIST 00124B0001020304", R::Insert(P::MAC_DENYLIST, eui.to_vec())),
        ("remove MAC_DENYLIST 00:12:4B:00:01:02:03:04", R::Remove(P::MAC_DENYLIST, eui.to_vec())),
        ("form", R::Form(Network::default())),
        (
            "form \"two words\" channel=15 channels=11,13-14 panid=0xFACE xpanid=DEAD00BEEF00CAFE \
             key=00112233445566778899AABBCCDDEEFF key-index=1 mesh-local-prefix=fd00:1::/64 type=sed",
            R::Form(Network {
                name: Some("two words".into()),
                channel: Some(15),
                channel_mask: Some(1 << 11 | 3 << 13),
                panid: Some(0xFACE),
                xpanid: Some([0xDE, 0xAD, 0, 0xBE, 0xEF, 0, 0xCA, 0xFE]),
                key: Some([0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF]),
                key_sequence: Some(1),
                mesh_local_prefix: Some(prefix),
                node_type: NodeType::SleepyEndDevice,
                ..Network::default()
            }),
        ),
        ("form dataset=0003", R::Form(Network { dataset: Some(vec![0, 3]), ..Network::default() })),
        ("neighbours", R::Neighbours),
        ("neighbors", R::Neighbours),
        ("children", R::Children),
        ("routers", R::Routers),
        ("netdata", R::NetworkData),
        ("whois 00:12:4B:00:01:02:03:04", R::Whois(Whose::Eui64(eui))),
        ("whois 0x5401", R::Whois(Whose::Rloc16(0x5401))),
        ("whois 5401", R::Whois(Whose::Rloc16(0x5401))),
        ("whois fd00::1", R::Whois(Whose::Address("fd00::1".parse().unwrap()))),
        ("dataset", R::DatasetShow { pending: false, secrets: false }),
        ("dataset show secrets=true", R::DatasetShow { pending: false, secrets: true }),
        ("dataset pending", R::DatasetShow { pending: true, secrets: false }),
        ("dataset export", R::DatasetExport { pending: false }),
        ("dataset export pending", R::DatasetExport { pending: true }),
        (
            "dataset new home channel=15",
            R::DatasetNew(Network { name: Some("home".into()), channel: Some(15), ..Network::default() }),
        ),
        ("dataset import 0003", R::DatasetImport(vec![0, 3])),
        (
            "dataset migrate name=home delay=30 no-wait=true",
            R::DatasetMigrate(Migration {
                dataset: None,
                changes: Network { name: Some("home".into()), ..Network::default() },
                delay_ms: 30_000,
                waits: false,
            }),
        ),
        (
            "dataset migrate 0003",
            R::DatasetMigrate(Migration { dataset: Some(vec![0, 3]), delay_ms: 300_000, waits: true, ..Migration::default() }),
        ),
        (
            "form x passphrase=\"two words\" pskc=00112233445566778899AABBCCDDEEFF",
            R::Form(Network {
                name: Some("x".into()),
                passphrase: Some("two words".into()),
                pskc: Some([0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF]),
                ..Network::default()
            }),
        ),
        ("join dataset=0300000f", R::Join(Network { dataset: Some(vec![3, 0, 0, 15]), ..Network::default() })),
        ("join x type=end", R::Join(Network { name: Some("x".into()), node_type: NodeType::EndDevice, ..Network::default() })),
        ("joiner", R::Get(P::MESHCOP_JOINER_STATE)),
        ("joiner start J01NME url=http://x/?a=b", R::JoinerStart { pskd: "J01NME".into(), provisioning_url: "http://x/?a=b".into() }),
        ("joiner stop", R::JoinerStop),
        ("attach", R::Attach),
        ("resume", R::Attach),
        ("leave", R::Leave),
        ("scan", R::Scan(scan(ScanKind::Active))),
        (
            "scan kind=energy channels=11,12 period=100",
            R::Scan(Scan { channels: Some(3 << 11), period: Duration::from_millis(100), ..scan(ScanKind::Energy) }),
        ),
        (
            "scan kind=discover channel=11 joinable=true for-us=1 panid=1",
            R::Scan(Scan { channels: Some(1 << 11), joinable: true, for_us: true, panid: Some(1), ..scan(ScanKind::Discover) }),
        ),
        ("scan stop", R::ScanStop),
        ("permit-join 120", R::PermitJoin { period: Duration::from_secs(120), port: 0 }),
        ("pj 0 1000", R::PermitJoin { period: Duration::ZERO, port: 1000 }),
        (
            "add-prefix fd00:1::9/64 stable=true on-mesh=true slaac=true preferred=true priority=low",
            R::AddPrefix(Prefix { prefix, bits: 64, stable: true, flags: 0xF1 }),
        ),
        (
            "add-prefix fd00:1:: length=48 default-route=1 dhcp=1 configure=1 priority=high",
            R::AddPrefix(Prefix { prefix, bits: 48, stable: false, flags: 0x4E }),
        ),
        ("remove-prefix fd00:1::", R::RemovePrefix { prefix, bits: 64 }),
        ("config-gateway fd00:1:: default=true", R::AddPrefix(Prefix { prefix, bits: 64, stable: true, flags: 0x33 })),
        ("config-gateway fd00:1:: preferred-lifetime=0", R::AddPrefix(Prefix { prefix, bits: 64, stable: true, flags: 0x11 })),
        ("config-gateway fd00:1:: valid-lifetime=0", R::RemovePrefix { prefix, bits: 64 }),
        ("add-route ::/0 stable=true priority=-7", R::AddRoute { prefix: any, bits: 0, stable: true, preference: -1 }),
        ("remove-route 1::/0", R::RemoveRoute { prefix: any, bits: 0 }),
        (
            "add-service 44970 5D 01 stable=true",
            R::AddService { enterprise: 44970, service: vec![0x5D], stable: true, server: vec![1] },
        ),
        ("remove-service 44970 5D", R::RemoveService { enterprise: 44970, service: vec![0x5D] }),
        ("reset", R::Reset(ResetKind::Soft)),
        ("reset hard", R::Reset(ResetKind::Hard)),
        ("reset bootloader", R::Reset(ResetKind::Bootloader)),
        ("reset factory", R::Reset(ResetKind::Factory)),
        ("begin-low-power", R::Sleep),
        ("wake", R::Wake),
        ("host-sleep", R::HostSleep),
        ("host-did-wake", R::HostDidWake),
        ("poll", R::Poll),
        ("counters", R::Counters { clear: false }),
        ("counters clear", R::Counters { clear: true }),
        ("peek 0x20000000 16", R::Peek { address: 0x2000_0000, count: 16 }),
        ("poke 0xFFFFFFFF 0A0B", R::Poke { address: u32::MAX, octets: vec![10, 11] }),
        ("pcap", R::Sniff { channel: None, promiscuous: false }),
        ("pcap channel=15 promiscuous=true", R::Sniff { channel: Some(15), promiscuous: true }),
        ("upgrade", R::Upgrade),
        ("random", R::Random(RandomKind::Bits32)),
        ("random 128", R::Random(RandomKind::Bits128)),
        ("random raw", R::Random(RandomKind::Raw)),
        ("gpio", R::GpioList),
        ("gpio list", R::GpioList),
        ("gpio set 3 low", R::GpioSet { number: 3, high: false }),
        ("gpio set 3 1", R::GpioSet { number: 3, high: true }),
        ("gpio config 1 in pull=up trigger=rising", R::GpioConfigure { number: 1, flags: 0x50 }),
        ("gpio config 1 in pull=down trigger=any", R::GpioConfigure { number: 1, flags: 0x38 }),
        ("gpio config 0 out open-drain=true", R::GpioConfigure { number: 0, flags: 0xA0 }),
        ("jam", R::JamStatus),
        ("jam on", R::JamEnable(true)),
        ("jam off", R::JamEnable(false)),
        ("allowlist", R::FilterShow(Filter::Allow)),
        ("allowlist on", R::FilterEnable(Filter::Allow, true)),
        ("allowlist off", R::FilterEnable(Filter::Allow, false)),
        ("allowlist add 00124B0001020304 rssi=-60", R::FilterAdd(Filter::Allow, eui, Some(-60))),
        ("allowlist remove 00124B0001020304", R::FilterRemove(Filter::Allow, eui)),
        ("denylist", R::FilterShow(Filter::Deny)),
        ("denylist on", R::FilterEnable(Filter::Deny, true)),
        ("denylist off", R::FilterEnable(Filter::Deny, false)),
        ("denylist add 00124B0001020304", R::FilterAdd(Filter::Deny, eui, None)),
        ("denylist remove 00124B0001020304", R::FilterRemove(Filter::Deny, eui)),
        ("commissioner", R::Get(P::MESHCOP_COMMISSIONER_STATE)),
        ("commissioner start", R::Commissioner(true)),
        ("commr stop", R::Commissioner(false)),
        (
            "commissioner add any J01NME",
            R::CommissionerAdd { eui64: None, pskd: "J01NME".into(), timeout: Duration::from_secs(120) },
        ),
        (
            "commissioner add 00124B0001020304 J01NME 5",
            R::CommissionerAdd { eui64: Some(eui), pskd: "J01NME".into(), timeout: Duration::from_secs(5) },
        ),
        ("commissioner remove any", R::CommissionerRemove { eui64: None }),
        ("mfg diag start", R::Mfg("diag start".into())),
        ("mfg \"a=b  c\"", R::Mfg("a=b  c".into())),
        ("mfg a=b", R::Mfg("a=b".into())),
        ("cli ping -c 3 fd00::1", R::CommandLine("ping -c 3 fd00::1".into())),
        ("cli \"dataset active\"", R::CommandLine("dataset active".into())),
    ];
    for (text, request) in cases {
        assert_eq!(host(text), *request, "{text}");
    }
    let tried = |verb: &Verb| {
        cases.iter().any(|(text, _)| {
            let words: Vec<_> = Word::split(text).flatten().collect();
            let found = find(words[0].raw(), words[1..].iter().map(Word::raw));
            matches!(found, Some((found, _)) if found.name == verb.name)
        })
    };
    for verb in VERBS.iter().filter(|verb| matches!(verb.does, Does::Ask(_))) {
        assert!(tried(verb), "{} is not tried", verb.name);
    }
}

#[test]
fn what_the_server_does() {
    assert_eq!(ask("monitor"), Ok(Asked::Serve(Serve::Monitor)));
    assert_eq!(ask("monitor off"), Ok(Asked::Serve(Serve::MonitorOff)));
    assert_eq!(ask("version"), Ok(Asked::Serve(Serve::Version)));
    assert_eq!(ask("cancel 7"), Ok(Asked::Cancel("7".into())));
    assert!(refused("interfaces").contains("spinelctl"));
}

#[test]
fn refusals_name_the_thing_and_what_to_do() {
    for (text, says) in [
        ("stauts", "did you mean status?"),
        ("frobnicate", "spinelctl help"),
        ("gpio blink 1", "gpio: \"blink\" is too much"),
        ("form a b", "\"b\" is too much"),
        ("form chanel=11", "did you mean channel=?"),
        ("form zzzzzzz=11", "it takes channel=, channels="),
        ("status x=1", "it takes no keys"),
        ("form channel=11 channel=12", "twice"),
        ("form channel=40", "a number 0..=31"),
        ("form panid=0xFFFF", "0..=65534"),
        ("form key=00", "16 octets"),
        ("form mesh-local-prefix=fd00::/48", "must be a /64"),
        ("form \"seventeen letters\"", "1..=16 octets"),
        ("form \"a\\nb\"", "printable"),
        ("form type=lurker", "one of router, end-device"),
        ("scan channels=12-11", "channels like"),
        ("scan channels=32", "channels like"),
        ("scan channel=11 channels=12", "not both"),
        ("scan joinable=true", "kind=discover"),
        ("scan energy=true", "no \"energy=\""),
        ("scan joinable=perhaps kind=discover", "true or false"),
        ("scan period=0", "1..=65535"),
        ("permit-join", "SECONDS is missing"),
        ("permit-join -1", "0..=86400"),
        ("joiner start j01nme", "6 to 32"),
        ("joiner start IIIIII", "6 to 32"),
        ("add-prefix 1.2.3.4", "an IPv6 prefix"),
        ("add-prefix fd00::/129", "an IPv6 prefix"),
        ("add-route ::/0 priority=most", "low, medium or high"),
        ("peek 0x100000000 1", "0..=4294967295"),
        ("peek 0 0", "1..=1292"),
        ("poke 0 -", "1..="),
        ("poke 0 ABC", "octets in hex"),
        ("gpio set 256 high", "0..=255"),
        ("gpio set 1 up", "one of high, low"),
        ("add-prefix fd00::/48 length=64", "not both"),
        ("gpio config 1 in open-drain=true", "for an output"),
        ("gpio config 1 out pull=down", "for an input"),
        ("allowlist add 00", "8 octets"),
        ("allowlist add 00124B0001020304 rssi=127", "-128..=126"),
        ("set NET_ROLE", "VALUE is missing"),
        ("set NOTHING_LIKE_IT 1", "no property"),
        ("set PHY_TX_POWER loud", "PHY_TX_POWER"),
        ("set PHY_TX_POWER -4 5", "remove it"),
        ("set data=true PHY_TX_POWER 0102", "1 octets too many"),
        ("set data=true PHY_TX_POWER x", "octets in hex"),
        ("set NCP:State offline", "only be read"),
        ("set STREAM_RAW 00", "nobody can send"),
        ("set 114 00", "nobody can send"),
        ("insert STREAM_NET 00", "nobody can send"),
        ("mfg \"a\\0b\"", "NUL"),
        ("cancel", "TAG is missing"),
    ] {
        let message = refused(text);
        assert!(message.contains(says), "{text}: {message}");
        assert!(!message.contains('\n'));
    }
}

#[test]
fn secrets_are_not_in_messages() {
    assert!(!refused("joiner start SECRETSECRET!").contains("SECRET"));
}

proptest! {
    #[test]
    fn any_words_are_understood_or_refused(
        verb in 0..VERBS.len(),
        words in "[ -~]{0,60}|([a-z-]{1,8}=?[0-9a-fx\":/]{0,6} ?){0,5}",
    ) {
        let line = format!("t {} {words}", VERBS[verb].name);
        if let Ok(Some(line)) = RequestLine::parse(&line) {
            if let Err(failure) = parse(line.verb, &line.words) {
                prop_assert!(!failure.message.contains(char::is_control), "{}", failure);
                prop_assert!(failure.message.len() < 1000);
            }
        }
    }
}
