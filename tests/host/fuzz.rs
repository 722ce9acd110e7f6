//! Anything in any order.

use crate::host_world::Trace;
use crate::network;
use crate::scan;
use proptest::prelude::*;
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::request::ResetKind;
use spinel_bridge::ctl::Request;
use spinel_bridge::ctl::Ticket;
use spinel_bridge::host::Settings;
use spinel_bridge::time::Duration;
use spinel_bridge::wire::ids::Property;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Anything in any order: no panic, and everything stays bounded.
    #[test]
    fn any_frames_in_any_order(steps in prop::collection::vec(step(), 0..200), ready in any::<bool>()) {
        let mut trace = if ready { Trace::ready() } else { Trace::new(Settings::default()) };
        let mut ticket = 10;
        for step in steps {
            match step {
                Fuzz::Frame(frame) => if trace.host.has_room() { trace.host.deliver(&frame) },
                Fuzz::Answer(frame) => {
                    if let Some(asked) = trace.frame() {
                        let answer = [&[asked[0], 6], &asked[2..3], &frame].concat();
                        trace.host.deliver(&answer);
                    }
                }
                Fuzz::Wait(millis) => trace.wait_for(Duration::from_millis(millis)),
                Fuzz::Packet(packet) => {
                    let space = trace.host.input();
                    let n = space.len().min(packet.len());
                    space[..n].copy_from_slice(&packet[..n]);
                    if n > 0 {
                        trace.host.input_filled(n);
                    }
                }
                Fuzz::Request(n) => {
                    ticket += 1;
                    let request = requests().swap_remove(n % requests().len());
                    trace.request(ticket, request);
                }
                Fuzz::Cancel(n) => trace.host.cancel(Ticket(10 + n)),
                Fuzz::Hint => trace.host.slave_was_reset(),
            }
            // Never more frames at once than may be outstanding, and one packet.
            let frames = std::iter::from_fn(|| trace.frame()).count();
            prop_assert!(frames <= 10, "{}", frames);
            while trace.host.poll_answer().is_some() {}
            while trace.host.poll_change().is_some() {}
        }
        prop_assert!(std::iter::from_fn(|| trace.host.poll_event()).count() <= 256);
    }
}

#[derive(Clone, Debug)]
enum Fuzz {
    Frame(Vec<u8>),
    Answer(Vec<u8>),
    Wait(u64),
    Packet(Vec<u8>),
    Request(usize),
    Cancel(u64),
    Hint,
}

fn step() -> impl Strategy<Value = Fuzz> {
    let header = prop_oneof![3 => Just(0x80_u8), 3 => 0x81..=0x8F_u8, 1 => any::<u8>()];
    let command = prop_oneof![8 => 6..=8_u8, 1 => any::<u8>()];
    let property = prop_oneof![
        4 => prop::sample::select(vec![0_u8, 0, 0, 1, 2, 3, 5, 48, 51, 57, 64, 65, 66, 67, 76, 90, 91, 96, 99, 102, 112, 113, 114, 115, 116]),
        1 => any::<u8>()
    ];
    let value = prop::collection::vec(prop_oneof![any::<u8>(), 0..5_u8, 104..128_u8], 0..40);
    let frame = (header, command, property, value.clone()).prop_map(
        |(header, command, property, value)| [&[header, command, property], &value[..]].concat(),
    );
    prop_oneof![
        4 => frame.prop_map(Fuzz::Frame),
        2 => value.clone().prop_map(Fuzz::Answer),
        2 => (0..20_000_u64).prop_map(Fuzz::Wait),
        1 => value.prop_map(Fuzz::Packet),
        3 => any::<usize>().prop_map(Fuzz::Request),
        1 => (0..20_u64).prop_map(Fuzz::Cancel),
        1 => Just(Fuzz::Hint),
    ]
}

fn requests() -> Vec<Request> {
    vec![
        Request::Status,
        Request::Get(Property::NET_ROLE),
        Request::Set(Property::PHY_TX_POWER, vec![1]),
        Request::Insert(Property::IPV6_ADDRESS_TABLE, vec![0xFD; 25]),
        Request::Form(network()),
        Request::Join(network()),
        Request::Attach,
        Request::Leave,
        scan(),
        Request::ScanStop,
        Request::Sniff {
            channel: None,
            promiscuous: true,
        },
        Request::Sleep,
        Request::Wake,
        Request::HostSleep,
        Request::HostDidWake,
        Request::Reset(ResetKind::Hard),
        Request::Reset(ResetKind::Factory),
        Request::Counters { clear: true },
        Request::PermitJoin {
            period: Duration::from_secs(3),
            port: 1,
        },
    ]
}
