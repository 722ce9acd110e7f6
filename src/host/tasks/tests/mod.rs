//! Scripts as lists that can be read, against the frames of protocol §7.

mod datasets;
mod networks;
mod refusals;
mod rows;
mod samples;
mod scripts;
mod tables;

use super::*;
use crate::ctl::request::{Migration, Network, Scan, ScanKind};
use crate::ctl::{Field, Fields};
use crate::host::script::{OnError, Send, Step};
use crate::wire::ids::Status;
use crate::wire::signature::Hex;

/// The capabilities of the firmware in protocol §4.2.
const CAPS: &[u32] = &[5, 12, 24, 32, 48, 53, 512, 1028];

const CONTEXT: Context = Context {
    seed: SEED,
    pskc: [0x99; 16],
    has_upgrade_command: true,
    is_sniffing: false,
    is_commanding: false,
};

/// 0x00 to 0x1F: what is chosen at random can be told by its digits.
const SEED: [u8; 32] = {
    let mut seed = [0; 32];
    let mut index = 0;
    while index < 32 {
        seed[index] = index as u8;
        index += 1;
    }
    seed
};

fn known_with(state: State, capabilities: &[u32]) -> Known {
    let mut known = Known::new();
    known.state = state;
    let mut buf = [0; 512];
    let mut writer = crate::wire::packed::Writer::new(&mut buf);
    for &capability in capabilities {
        writer.uint_packed(capability).unwrap();
    }
    known.remember(Property::CAPS, writer.written());
    let all: Vec<u8> = (11..=26).collect();
    known.remember(Property::PHY_CHAN_SUPPORTED, &all);
    known.remember(Property::PHY_CHAN_PREFERRED, &[15, 20]);
    known.remember(Property::PHY_CHAN, &[11]);
    known
}

fn known(state: State) -> Known {
    known_with(state, CAPS)
}

/// [`CAPS`] and these.
fn caps_and(more: &[u32]) -> Vec<u32> {
    [CAPS, more].concat()
}

/// Command and payload in hex. Behind it, what is done on an error: `?` tolerated, `~` only ALREADY
/// and the like, `>` the next step is left out, `|` the next step is done instead.
fn show_send(send: &Send) -> String {
    let mut octets = vec![u8::try_from(send.command.0).unwrap()];
    octets.extend(&send.payload);
    let octets: Vec<_> = octets
        .iter()
        .map(|octet| Hex(&[*octet]).to_string())
        .collect();
    let on_error = match send.on_error {
        OnError::Fail => "",
        OnError::Tolerate => " ?",
        OnError::TolerateAlready => " ~",
        OnError::SkipNext => " >",
        OnError::OrElse => " |",
    };
    octets.join(" ") + on_error
}

fn show_step(step: &Step) -> String {
    match step {
        Step::Send(send) => show_send(send),
        Step::Ask(send, _) => format!("ask {}", show_send(send)),
        Step::Wait { until, within, .. } => format!("wait {until:?} {within:?}"),
        Step::Join {
            start,
            looks,
            within,
            ..
        } => format!("join {} {looks} times {within:?}", show_send(start)),
        Step::Linger { until, within } => format!("linger {until:?} {within:?}"),
        Step::Reset(reset) => format!("{reset:?}"),
        Step::Pause(pause) => format!("pause {pause:?}"),
        Step::Retain(retain) => format!("retain {retain:?}"),
        Step::Act(act) => format!("{act:?}"),
        Step::Row(row) => show_row(row),
        Step::Undo(send) => format!("undo {}", show_send(send)),
    }
}

fn show_row(row: &Fields) -> String {
    let pairs = row.0.iter().map(|(name, value)| match value {
        Field::Bool(value) => format!("{name}={value}"),
        Field::Number(value) => format!("{name}={value}"),
        Field::Word(value) => format!("{name}={value}"),
        Field::Text(value) => format!("{name}={value:?}"),
    });
    pairs.collect::<Vec<_>>().join(" ")
}

fn run(request: &Request, known: &Known) -> Script {
    script(request, known, &CONTEXT).unwrap()
}

fn steps(request: &Request, known: &Known) -> Vec<String> {
    run(request, known).steps.iter().map(show_step).collect()
}

/// The steps with those that the answers decide. Each answer belongs to a property; firmware does not
/// have the others.
fn walk(request: &Request, known: &Known, answers: &[(Property, &[u8])]) -> Vec<String> {
    let mut left = run(request, known).steps;
    let mut shown = Vec::new();
    while let Some(step) = left.pop_front() {
        shown.push(show_step(&step));
        let Step::Ask(send, follow) = step else {
            continue;
        };
        let asked = Property(Reader::new(&send.payload).uint_packed().unwrap());
        let answer = answers.iter().find(|answer| answer.0 == asked);
        let answer = answer.map(|answer| answer.1).ok_or(Status::PROP_NOT_FOUND);
        let steps = follow.steps(answer).unwrap();
        steps
            .into_iter()
            .rev()
            .for_each(|step| left.push_front(step));
    }
    shown
}

fn undo(request: &Request, known: &Known) -> Vec<String> {
    run(request, known).undo.iter().map(show_send).collect()
}

fn refusal(request: &Request, known: &Known) -> Failure {
    script(request, known, &CONTEXT).unwrap_err()
}

/// The rows that the steps which have a function for it make of these octets.
fn rows_of(script: &Script, value: &[u8]) -> Vec<String> {
    let reports = script.steps.iter().filter_map(|step| match step {
        Step::Send(send) => match send.report {
            crate::host::script::Report::Rows(rows) => Some(rows),
            _ => None,
        },
        _ => None,
    });
    let rows = reports.flat_map(|rows| rows(value));
    rows.map(|row| show_row(&row)).collect()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| Some(u8::try_from(digit.to_digit(16)?).unwrap()))
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

/// The network of protocol §7.5.
fn test_net() -> Network {
    let mut xpanid = [0; 8];
    xpanid.copy_from_slice(&hex("DEAD00BEEF00CAFE"));
    let mut key = [0; 16];
    key.copy_from_slice(&hex("00112233445566778899AABBCCDDEEFF"));
    Network {
        name: Some("Test-Net".into()),
        channel: Some(11),
        panid: Some(0xFACE),
        xpanid: Some(xpanid),
        key: Some(key),
        key_sequence: Some(1),
        ..Network::default()
    }
}

fn scan_for(kind: ScanKind) -> Scan {
    Scan {
        kind,
        channels: None,
        period: crate::time::Duration::from_millis(200),
        joinable: false,
        for_us: false,
        panid: None,
    }
}

/// One request of each verb, with arguments that are right.
fn all_requests() -> Vec<Request> {
    use crate::ctl::request::{Filter, Prefix, RandomKind, ResetKind};
    use crate::time::Duration;
    let eui64 = [0, 0x12, 0x4B, 0, 1, 2, 3, 4];
    let prefix = "2001:db8:3::".parse().unwrap();
    let pskd = || String::from("J01NME");
    vec![
        Request::Status,
        Request::ListProperties,
        Request::Get(Property::NET_ROLE),
        Request::Set(Property::PHY_CHAN, vec![11]),
        Request::Insert(Property::UNSOL_UPDATE_FILTER, vec![0x52]),
        Request::Remove(Property::UNSOL_UPDATE_FILTER, vec![0x52]),
        Request::Form(test_net()),
        Request::Join(test_net()),
        Request::DatasetShow {
            pending: false,
            secrets: false,
        },
        Request::DatasetExport { pending: true },
        Request::DatasetNew(Network::default()),
        Request::DatasetImport(hex(datasets::WHOLE)),
        Request::DatasetMigrate(Migration {
            dataset: Some(hex(datasets::WHOLE)),
            ..Migration::default()
        }),
        Request::Neighbours,
        Request::Children,
        Request::Routers,
        Request::NetworkData,
        Request::Whois(crate::ctl::request::Whose::Rloc16(0x5401)),
        Request::JoinerStart {
            pskd: pskd(),
            provisioning_url: String::new(),
        },
        Request::JoinerStop,
        Request::Attach,
        Request::Leave,
        Request::Scan(scan_for(ScanKind::Active)),
        Request::Scan(scan_for(ScanKind::Energy)),
        Request::Scan(scan_for(ScanKind::Discover)),
        Request::ScanStop,
        Request::PermitJoin {
            period: Duration::ZERO,
            port: 5684,
        },
        Request::AddPrefix(Prefix {
            prefix,
            bits: 64,
            stable: true,
            flags: 0x31,
        }),
        Request::RemovePrefix { prefix, bits: 64 },
        Request::AddRoute {
            prefix,
            bits: 64,
            stable: true,
            preference: 0,
        },
        Request::RemoveRoute { prefix, bits: 64 },
        Request::AddService {
            enterprise: 44970,
            service: vec![0x5D],
            stable: true,
            server: vec![1],
        },
        Request::RemoveService {
            enterprise: 44970,
            service: vec![0x5D],
        },
        Request::Reset(ResetKind::Soft),
        Request::Reset(ResetKind::Hard),
        Request::Reset(ResetKind::Bootloader),
        Request::Reset(ResetKind::Factory),
        Request::Sleep,
        Request::Wake,
        Request::HostSleep,
        Request::HostDidWake,
        Request::Poll,
        Request::Counters { clear: false },
        Request::Counters { clear: true },
        Request::Peek {
            address: 0x2000_0000,
            count: 4,
        },
        Request::Poke {
            address: 0x2000_0000,
            octets: vec![0xAA, 0x55],
        },
        Request::Sniff {
            channel: Some(15),
            promiscuous: true,
        },
        Request::Upgrade,
        Request::Random(RandomKind::Bits32),
        Request::Random(RandomKind::Bits128),
        Request::Random(RandomKind::Raw),
        Request::GpioList,
        Request::GpioSet {
            number: 0,
            high: true,
        },
        Request::GpioConfigure {
            number: 0,
            flags: 0x80,
        },
        Request::JamStatus,
        Request::JamEnable(true),
        Request::FilterShow(Filter::Allow),
        Request::FilterEnable(Filter::Allow, true),
        Request::FilterAdd(Filter::Allow, eui64, None),
        Request::FilterRemove(Filter::Deny, eui64),
        Request::Commissioner(false),
        Request::CommissionerAdd {
            eui64: Some(eui64),
            pskd: pskd(),
            timeout: Duration::from_secs(120),
        },
        Request::CommissionerRemove { eui64: None },
        Request::Mfg("ver".into()),
        Request::CommandLine("state".into()),
    ]
}

#[test]
fn channel_lists_can_be_read() {
    assert_eq!(channel_list(0x07FF_F800), "11-26");
    assert_eq!(channel_list(1 | 1 << 2 | 1 << 3 | 1 << 31), "0,2-3,31");
    assert_eq!(channel_list(0), "");
}
