//! Sniffing on firmware that takes one way or the other (protocol §7.11).

use crate::host_world::{octets, Trace};
use spinel_bridge::ctl::{Answer, Code, Request};
use spinel_bridge::host::Settings;
use spinel_bridge::time::Duration;

const SNIFF: Request = Request::Sniff {
    channel: None,
    promiscuous: true,
};

/// COUNTERS, UNSOL_UPDATE_FILTER, PCAP, CONFIG_FTD, MAC_RAW.
const WITH_RAW_RADIO: &str = "05 0C 0E 20 81 04";

/// Answers what is sent, INVALID_STATE to these, until nothing is; what was sent behind the headers.
fn serve_but(trace: &mut Trace, refused: &[&str]) -> Vec<Vec<u8>> {
    let mut sent = Vec::new();
    while let Some(frame) = trace.frame() {
        match refused.iter().any(|hex| frame[1..] == octets(hex)) {
            true => trace.refuse(&frame, 4),
            false => trace.answer(&frame),
        }
        sent.push(frame[1..].to_vec());
    }
    sent
}

fn all(hex: &[&str]) -> Vec<Vec<u8>> {
    hex.iter().map(|hex| octets(hex)).collect()
}

#[test]
fn a_way_that_is_barred_is_left_as_it_was_found_and_the_next_one_taken() {
    let mut trace = Trace::new(Settings::default());
    trace.values = vec![(5, octets(WITH_RAW_RADIO))];
    trace.handshake();
    trace.request(1, SNIFF);
    // What neither this host nor the firmware tells: the interface is up.
    let refused = ["03 20 01", "03 38 02"];
    assert_eq!(
        serve_but(&mut trace, &refused),
        all(&["03 37 01", "03 20 01", "03 37 00", "03 38 02", "03 28 01"])
    );
    let answers = trace.answers(1);
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(format!("{answers:?}").contains("while its stack runs"));
    trace.send("80 06 71 05 00 02 00 2A E0 3B");
    assert!(matches!(trace.answers(1)[..], [Answer::Row(_)]));
    // A reset takes it back, and only what worked is repeated.
    trace.send("80 06 00 70");
    trace.sent.clear();
    trace.handshake();
    assert!(trace.was_sent("03 28 01"));
    assert!(!trace.was_sent("03 37 01"));
    trace.sent.clear();
    trace.host.cancel(spinel_bridge::ctl::Ticket(1));
    assert_eq!(serve_but(&mut trace, &[]), all(&["03 28 00"]));
}

#[test]
fn who_cannot_sniff_is_told_and_nothing_is_left_behind() {
    let mut trace = Trace::new(Settings::default());
    trace.values = vec![(5, octets(WITH_RAW_RADIO))];
    trace.handshake();
    trace.request(1, SNIFF);
    let refused = ["03 20 01", "03 38 02", "03 28 01"];
    serve_but(&mut trace, &refused);
    assert_eq!(trace.failed(1), Some(Code::State));
    trace.idle_for(Duration::from_secs(1));
    let last = |hex: &str| {
        let sent = trace.sent.iter();
        sent.clone().rposition(|frame| frame[1..] == octets(hex))
    };
    assert!(last("03 37 01") < last("03 37 00"));
}
