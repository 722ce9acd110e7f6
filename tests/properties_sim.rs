//! The scripts of the host's tasks against the simulated co-processor, frame by frame in virtual time:
//! every property is asked for, networks are formed, found and left.

use spinel_bridge::ctl::request::{Network, Scan, ScanKind};
use spinel_bridge::ctl::{Code, Field, Fields, Request};
use spinel_bridge::host::known::{Known, State};
use spinel_bridge::host::script::{OnError, Report, Reset, Script, Send, Step, Until};
use spinel_bridge::host::tasks::{self, Context};
use spinel_bridge::sim::ncp::{Ncp, Variant};
use spinel_bridge::sim::radio::Surroundings;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::ids::{Access, Command, Property, Status, PROPERTIES};
use spinel_bridge::wire::packed::Reader;
use spinel_bridge::wire::signature::{Formatted, Hex};
use spinel_bridge::wire::spinel::{Frame, FRAME_MAX};
use std::net::Ipv6Addr;

/// A co-processor, and what its host knows of it.
struct Bench {
    ncp: Ncp,
    now: Instant,
    known: Known,
    rows: Vec<Fields>,
}

/// An answer: command, property, value.
type Answer = (Command, Property, Vec<u8>);

impl Bench {
    fn new() -> Self {
        let mut bench = Bench {
            ncp: Ncp::with(7, Variant::easy(), Surroundings::default()),
            now: Instant::ZERO,
            known: Known::new(),
            rows: Vec::new(),
        };
        bench.told();
        bench.known.state = State::Offline;
        for property in [
            Property::CAPS,
            Property::PHY_CHAN,
            Property::PHY_CHAN_SUPPORTED,
            Property::PHY_CHAN_PREFERRED,
        ] {
            let get = Send::get(property).unwrap();
            let (_, property, value) = bench.ask(&get).unwrap();
            bench.known.remember(property, &value);
        }
        bench
    }

    fn script(&self, request: &Request) -> Result<Script, spinel_bridge::ctl::Failure> {
        let context = Context {
            seed: [0x5A; 32],
            pskc: [7; 16],
            has_upgrade_command: false,
            is_sniffing: false,
            is_commanding: false,
        };
        tasks::script(request, &self.known, &context)
    }

    /// The answer to a command; `None` where none comes, as after an assertion.
    fn ask(&mut self, send: &Send) -> Option<Answer> {
        let mut frame = vec![0x81, u8::try_from(send.command.0).unwrap()];
        frame.extend(&send.payload);
        self.ncp.receive(self.now, &frame);
        let mut answer = None;
        for (tid, told) in self.frames() {
            match tid {
                0 => self.note(told),
                _ => answer = Some(told),
            }
        }
        answer
    }

    /// What is said without being asked, until now.
    fn told(&mut self) {
        for (_, told) in self.frames() {
            self.note(told);
        }
    }

    fn note(&mut self, (_, property, value): Answer) {
        self.rows.extend(match property {
            Property::MAC_SCAN_BEACON => tasks::beacon_row(&value),
            Property::MAC_ENERGY_SCAN_RESULT => tasks::energy_row(&value),
            _ => None,
        });
        self.known.remember(property, &value);
    }

    fn frames(&mut self) -> Vec<(u8, Answer)> {
        let mut frames = Vec::new();
        let mut buf = [0; FRAME_MAX];
        while let Some(len) = self.ncp.transmit(self.now, &mut buf) {
            let frame = Frame::parse(&buf[..len]).unwrap();
            let tid = frame.header.tid().map_or(0, |tid| tid.get());
            let (property, value) = frame.property().unwrap();
            frames.push((tid, (frame.command, property, value.to_vec())));
            assert!(frames.len() < 1000, "it never stops talking");
        }
        frames
    }

    /// Lets time pass until `ends` or for `within`.
    fn wait(&mut self, within: Duration, ends: impl Fn(&Bench, Property, &[u8]) -> bool) -> bool {
        let deadline = self.now + within;
        loop {
            for (_, told) in self.frames() {
                let is_end = ends(self, told.1, &told.2);
                self.note(told);
                if is_end {
                    return true;
                }
            }
            match self.ncp.poll_timeout() {
                Some(next) if next <= deadline => self.now = self.now.max(next),
                _ => return false,
            }
        }
    }

    /// Runs a script whose every command must succeed, or be tolerated.
    fn run(&mut self, request: &Request) {
        let mut script = self.script(request).unwrap();
        while let Some(step) = script.steps.pop_front() {
            match step {
                Step::Send(send) => self.send(&send, &mut script),
                Step::Ask(send, follow) => {
                    let (_, property, value) = self.ask(&send).expect("an answer");
                    let answer = match property {
                        Property::LAST_STATUS => {
                            Err(Status(Reader::new(&value).uint_packed().unwrap()))
                        }
                        _ => Ok(&value[..]),
                    };
                    let steps = follow.steps(answer).unwrap();
                    for step in steps.into_iter().rev() {
                        script.steps.push_front(step);
                    }
                }
                Step::Wait { until, within, .. } => {
                    assert!(self.wait_until(until, within), "{until:?}");
                }
                Step::Linger { until, within } => drop(self.wait_until(until, within)),
                Step::Row(row) => self.rows.push(row),
                Step::Reset(Reset::Soft(None)) => self.ncp.reset(self.now, ResetCause::Software),
                Step::Retain(_) => {}
                other => panic!("{other:?}"),
            }
        }
        self.told();
    }

    fn send(&mut self, send: &Send, script: &mut Script) {
        let (_, property, value) = self.ask(send).expect("an answer");
        let status = match property {
            Property::LAST_STATUS => Status(Reader::new(&value).uint_packed().unwrap()),
            _ => Status::OK,
        };
        self.known.remember(property, &value);
        match send.on_error {
            OnError::SkipNext if status != Status::OK => drop(script.steps.pop_front()),
            OnError::OrElse if status == Status::OK => drop(script.steps.pop_front()),
            OnError::Fail => assert_eq!(status, Status::OK, "{send:?}"),
            _ => {}
        }
        if let (Report::Rows(rows), Status::OK) = (send.report, status) {
            self.rows.extend(rows(&value));
        }
    }

    fn wait_until(&mut self, until: Until, within: Duration) -> bool {
        self.wait(within, |_, property, value| match until {
            Until::Associated => property == Property::NET_ROLE && matches!(value, [1..=3]),
            Until::ScanEnds => property == Property::MAC_SCAN_STATE && value == [0],
            Until::Left => property == Property::NET_LEAVE_GRACEFULLY,
            _ => false,
        })
    }
}

fn test_net() -> Network {
    Network {
        name: Some("sim".into()),
        ..Network::default()
    }
}

/// Asks for every property of the tables, and returns how many gave a value.
fn get_everything(prepare: impl Fn(&mut Bench)) -> usize {
    let mut values = 0;
    for info in PROPERTIES.iter() {
        // One for each: there are properties that crash it.
        let mut bench = Bench::new();
        prepare(&mut bench);
        let is_readable = info.access.contains(Access::GET);
        let script = match bench.script(&Request::Get(info.id)) {
            Ok(script) => script,
            Err(failure) => {
                assert_eq!(failure.code, Code::NotSupported, "{}", info.name);
                continue;
            }
        };
        assert!(is_readable, "{}", info.name);
        let Some(Step::Send(get)) = script.steps.front() else {
            panic!("{}: {script:?}", info.name);
        };
        let is_fatal = matches!(
            info.id,
            Property::DEBUG_TEST_ASSERT | Property::DEBUG_TEST_WATCHDOG
        );
        let Some((command, property, value)) = bench.ask(get) else {
            assert!(is_fatal, "{}: no answer", info.name);
            continue;
        };
        assert_eq!(command, Command::PROP_VALUE_IS, "{}", info.name);
        if property == Property::LAST_STATUS && info.id != Property::LAST_STATUS {
            let status = Status(Reader::new(&value).uint_packed().unwrap());
            // The last: an error of the stack that has no number in Spinel (protocol §1.4).
            assert!(
                matches!(
                    status,
                    Status::PROP_NOT_FOUND
                        | Status::UNIMPLEMENTED
                        | Status::INVALID_STATE
                        | Status(16_384..=81_919)
                ),
                "{}: {status}",
                info.name
            );
            continue;
        }
        assert_eq!(property, info.id);
        let shown = Formatted::new(info.signature, &value);
        let shown = shown.unwrap_or_else(|error| panic!("{}: {error}: {value:?}", info.name));
        assert_eq!(shown.surplus(), 0, "{}: {shown} {value:?}", info.name);
        let row = tasks::property_row(command, property, &value);
        assert_eq!(row.0[0].0, info.name);
        values += 1;
    }
    values
}

#[test]
fn every_property_is_read_while_the_stack_is_down() {
    let values = get_everything(|_| {});
    // The others are none of this firmware, or only there in a network.
    assert!(values > 150, "{values}");
}

#[test]
fn every_property_is_read_in_a_network() {
    let values = get_everything(|bench| {
        bench.run(&Request::Form(test_net()));
        bench.known.state = State::Associated;
    });
    assert!(values > 150, "{values}");
}

#[test]
fn a_network_is_formed_and_left() {
    let mut bench = Bench::new();
    bench.run(&Request::Form(test_net()));
    let row = &bench.rows[0];
    assert_eq!(row.get("network_name"), Some(&Field::text("sim")));
    let row = row.clone();
    assert_eq!(bench.known.uint8(Property::NET_ROLE), Some(3));
    let mut value = |property| {
        let get = Send::get(property).unwrap();
        bench.ask(&get).unwrap().2
    };
    // What was formed is what was told, of the co-processor's making where nothing was given.
    let xpanid = Hex(&value(Property::NET_XPANID)).to_string();
    assert_eq!(row.get("xpanid"), Some(&Field::word(xpanid)));
    let panid = value(Property::MAC_15_4_PANID);
    let panid = format!("0x{:02x}{:02x}", panid[1], panid[0]);
    assert_eq!(row.get("panid"), Some(&Field::word(panid)));
    let prefix = <[u8; 16]>::try_from(&value(Property::IPV6_ML_PREFIX)[..16]).unwrap();
    let prefix = format!("{}/64", Ipv6Addr::from(prefix));
    assert_eq!(row.get("mesh_local_prefix"), Some(&Field::word(prefix)));
    assert_ne!(value(Property::NET_NETWORK_KEY), [0; 16]);
    assert_eq!(value(Property::NET_SAVED), [1]);
    bench.known.state = State::Associated;
    bench.run(&Request::Leave);
    let get = Send::get(Property::NET_SAVED).unwrap();
    assert_eq!(bench.ask(&get).unwrap().2, [0]);
}

#[test]
fn a_stored_network_is_attached_to() {
    let mut bench = Bench::new();
    bench.run(&Request::Form(test_net()));
    bench.ncp.reset(bench.now, ResetCause::External);
    bench.told();
    bench.known.state = State::Commissioned;
    bench.run(&Request::Attach);
    assert_eq!(bench.known.uint8(Property::NET_ROLE), Some(3));
}

#[test]
fn scans_find_something() {
    for kind in [ScanKind::Active, ScanKind::Energy, ScanKind::Discover] {
        let mut bench = Bench::new();
        bench.run(&Request::Scan(Scan {
            kind,
            channels: None,
            period: Duration::from_millis(200),
            joinable: false,
            for_us: false,
            panid: None,
        }));
        let is_found = |row: &Fields| row.get("channel").is_some() && row.get("rssi").is_some();
        assert!(bench.rows.iter().all(is_found), "{kind:?}");
        assert!(!bench.rows.is_empty(), "{kind:?}");
        let get = Send::get(Property::NET_IF_UP).unwrap();
        assert_eq!(bench.ask(&get).unwrap().2, [0], "{kind:?}: put back");
    }
}

#[test]
fn counters_are_shown_and_cleared() {
    let mut bench = Bench::new();
    bench.run(&Request::Counters { clear: false });
    bench.run(&Request::Counters { clear: true });
    let get = Send::get(Property::CNTR_RX_SPINEL_TOTAL).unwrap();
    let (_, property, value) = bench.ask(&get).unwrap();
    assert_eq!(property, Property::CNTR_RX_SPINEL_TOTAL);
    // What came since: the groups of counters, and this question.
    assert!(Reader::new(&value).uint32().unwrap() < 10, "{value:?}");
}
