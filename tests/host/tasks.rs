//! Requests and the tasks that they become (protocol §7.5 to §7.12).

use crate::host_world::octets;
use crate::host_world::Trace;
use crate::network;
use crate::scan;
use spinel_bridge::bridge::Upper;
use spinel_bridge::ctl::Answer;
use spinel_bridge::ctl::Code;
use spinel_bridge::ctl::Field;
use spinel_bridge::ctl::Fields;
use spinel_bridge::ctl::Request;
use spinel_bridge::ctl::Ticket;
use spinel_bridge::host::kernel;
use spinel_bridge::host::known::State;
use spinel_bridge::host::Service;
use spinel_bridge::host::Settings;
use spinel_bridge::time::Duration;
use spinel_bridge::wire::ids::Property;

#[test]
fn requests_wait_for_the_handshake() {
    let mut trace = Trace::new(Settings::default());
    trace.request(1, Request::Get(Property::PHY_CHAN));
    trace.request(2, Request::Status);
    assert!(trace.answers(2).contains(&Answer::Done), "needs nothing");
    trace.handshake();
    let get = trace.frame().unwrap();
    assert_eq!(get[1..], [2, 33]);
    trace.host.deliver(&[get[0], 6, 33, 15]);
    let answers = trace.answers(1);
    assert_eq!(answers.len(), 2);
    assert!(format!("{:?}", answers[0]).contains("Number(15)"));
}

#[test]
fn one_exclusive_task_at_a_time_and_32_others() {
    let mut trace = Trace::ready();
    trace.request(1, scan());
    trace.request(2, scan());
    let answers = trace.answers(2);
    let Some(Answer::Failed(failure)) = answers.first() else {
        panic!("{answers:?}");
    };
    assert_eq!(failure.code, Code::Busy);
    assert!(failure.message.contains("scan"), "{failure}");
    for ticket in 3..50 {
        trace.request(ticket, Request::Get(Property::PHY_CHAN));
    }
    let busy = (3..50).filter(|ticket| trace.failed(*ticket) == Some(Code::Busy));
    assert_eq!(busy.count(), 47 - 31);
    assert!(std::iter::from_fn(|| trace.frame()).count() == 8);
}

#[test]
fn a_reset_fails_what_is_under_way() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Get(Property::PHY_CHAN));
    trace.request(2, scan());
    trace.send("80 06 00 74");
    assert_eq!(trace.failed(1), Some(Code::Reset));
    assert_eq!(trace.failed(2), Some(Code::Reset));
    assert!(trace.events().iter().any(|event| event.name == "reset"));
}

#[test]
fn a_failure_is_undone() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Form(network()));
    while let Some(frame) = trace.frame() {
        if frame[1..] == octets("03 42 01") {
            trace.refuse(&frame, 4);
            break;
        }
        trace.host.deliver(&[frame[0], 6, 0, 0]);
    }
    assert_eq!(trace.failed(1), None, "not before it is undone");
    trace.expect_set("42 00");
    trace.expect_set("41 00");
    trace.serve();
    // A dataset is stored at once.
    assert!(trace.was_sent("0A"));
    assert_eq!(trace.failed(1), Some(Code::State));
}

#[test]
fn a_join_fails_with_its_reason_in_any_order() {
    for updates in [["00 69", "42 00"], ["42 00", "00 69"]] {
        let mut trace = Trace::ready();
        trace.request(1, Request::Join(network()));
        while let Some(frame) = trace.frame() {
            trace.accept(&frame);
        }
        assert_eq!(trace.host.known().state, State::Associating);
        for update in updates {
            trace.send(&format!("80 06 {update}"));
            trace.wait_for(Duration::from_millis(100));
        }
        while let Some(frame) = trace.frame() {
            trace.accept(&frame);
        }
        assert_eq!(trace.failed(1), Some(Code::Security));
    }
}

/// A reset during the undoing is not why it failed.
#[test]
fn a_join_fails_with_its_reason_even_if_it_cannot_be_undone() {
    for cut_off in [true, false] {
        let mut trace = Trace::ready();
        trace.request(1, Request::Join(network()));
        while let Some(frame) = trace.frame() {
            trace.accept(&frame);
        }
        trace.send("80 06 00 69");
        assert_eq!(trace.frame().unwrap()[1..], octets("03 42 00"));
        if cut_off {
            trace.send("80 06 00 70");
        } else {
            // No answer, again and again.
            trace.wait_for(Duration::from_secs(5));
            assert!(trace.frame().is_some());
            trace.wait_for(Duration::from_secs(5));
        }
        assert_eq!(trace.host.known().state, State::Uninitialized);
        assert_eq!(trace.failed(1), Some(Code::Security));
    }
}

#[test]
fn a_form_that_takes_too_long_is_told_and_undone() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Form(network()));
    while let Some(frame) = trace.frame() {
        trace.accept(&frame);
    }
    trace.wait_for(Duration::from_millis(59_999));
    let answers = trace.answers(1);
    assert_eq!(answers.len(), 59, "progress every second");
    trace.wait_for(Duration::from_millis(1));
    trace.expect_set("42 00");
    trace.expect_set("41 00");
    trace.serve();
    assert_eq!(trace.failed(1), Some(Code::Timeout));
}

/// Answers of OpenThread's command line come in pieces, and before the SET is answered.
#[test]
fn a_command_line_answers_in_lines() {
    let mut trace = Trace::ready();
    let said = |text: &str| {
        let octets = text.bytes().map(|octet| format!(" {octet:02X}"));
        format!("80 06 75{} 00", octets.collect::<String>())
    };
    let output = |text: &str| Answer::Row(Fields::new().with("output", Field::text(text)));
    let command = |line: &str| Request::CommandLine(line.into());
    trace.request(1, command("state"));
    let set = trace.frame().unwrap();
    assert_eq!(set[1..], octets("03 75 73 74 61 74 65 00"));
    trace.request(2, command("other"));
    assert_eq!(trace.failed(2), Some(Code::Busy));
    for piece in ["lea", "der\r\n", "Done\r\n", "> "] {
        trace.send(&said(piece));
    }
    assert_eq!(trace.answers(1), [output("leader")]);
    trace.refuse(&set, 0);
    assert_eq!(trace.answers(1), [Answer::Done]);
    // What was said there may have changed everything.
    trace.serve();
    assert!(trace.was_sent("02 40") && trace.was_sent("02 41") && trace.was_sent("02 62"));
    // One that takes its time, and one that fails.
    trace.request(3, command("ping ::1"));
    let set = trace.frame().unwrap();
    trace.refuse(&set, 0);
    trace.serve();
    assert_eq!(trace.answers(3), []);
    trace.idle_for(Duration::from_secs(29));
    trace.send(&said("16 bytes\r\n"));
    trace.idle_for(Duration::from_secs(29));
    trace.send(&said("Error 7: InvalidArgs\r\n"));
    let answers = trace.answers(3);
    let rows = answers.iter().filter(|row| matches!(row, Answer::Row(_)));
    assert_eq!(rows.collect::<Vec<_>>(), [&output("16 bytes")]);
    match answers.last() {
        Some(Answer::Failed(failure)) if failure.message.contains("Error 7") => {}
        last => panic!("{last:?}"),
    }
    // One whose end was lost: an empty line brings a prompt.
    trace.request(6, command("help"));
    let set = trace.frame().unwrap();
    trace.send(&said("help\r\n"));
    trace.refuse(&set, 0);
    trace.serve();
    trace.wait_for(Duration::from_secs(2));
    let prompt = trace.frame().unwrap();
    assert_eq!(prompt[1..], octets("03 75 00"));
    trace.send(&said("> "));
    trace.refuse(&prompt, 0);
    match &trace.answers(6)[..] {
        [row, Answer::Progress { .. }, Answer::Failed(failure)]
            if failure.message.contains("no room") =>
        {
            assert_eq!(row, &output("help"));
        }
        other => panic!("{other:?}"),
    }
    // One that says nothing at all.
    trace.request(4, command("crash"));
    let set = trace.frame().unwrap();
    trace.refuse(&set, 0);
    trace.idle_for(Duration::from_secs(33));
    assert_eq!(trace.failed(4), Some(Code::Timeout));
    // Firmware that has none.
    trace.request(5, command("state"));
    let set = trace.frame().unwrap();
    trace.refuse(&set, 13);
    match &trace.answers(5)[..] {
        [Answer::Failed(failure)] => {
            assert_eq!(failure.code, Code::NotSupported);
            assert!(failure.message.contains("OT_NCP_CLI_STREAM"), "{failure}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_leaves_gets_no_answers() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Get(Property::PHY_CHAN));
    trace.host.cancel(Ticket(1));
    while let Some(frame) = trace.frame() {
        trace.accept(&frame);
    }
    assert!(trace.answers(1).is_empty());
}

#[test]
fn sniffing_survives_a_reset_and_ends_with_its_client() {
    let mut trace = Trace::ready();
    let sniff = Request::Sniff {
        channel: None,
        promiscuous: true,
    };
    trace.request(1, sniff);
    while let Some(frame) = trace.frame() {
        trace.accept(&frame);
    }
    assert_eq!(trace.answers(1).len(), 1, "by which way");
    trace.send(
        "80 06 71 05 00 02 00 2A E0 3B C4 9E 00 00 0A 00 0F FF 40 42 0F 00 00 00 00 00 01 00 00",
    );
    assert_eq!(trace.answers(1).len(), 1);
    trace.send("80 06 00 70");
    trace.sent.clear();
    trace.handshake();
    assert!(trace.was_sent("03 37 01"), "the raw stream is on again");
    trace.send(
        "80 06 71 05 00 02 00 2A E0 3B C4 9E 00 00 0A 00 0F FF 40 42 0F 00 00 00 00 00 01 00 00",
    );
    assert_eq!(trace.answers(1).len(), 1);
    trace.sent.clear();
    trace.host.cancel(Ticket(1));
    trace.serve();
    assert!(trace.was_sent("03 37 00"), "{:02X?}", trace.sent);
    trace.send(
        "80 06 71 05 00 02 00 2A E0 3B C4 9E 00 00 0A 00 0F FF 40 42 0F 00 00 00 00 00 01 00 00",
    );
    assert!(trace.answers(1).is_empty());
}

/// Found by exploring: it listened for nobody, and nobody else could listen, scan, form or join.
#[test]
fn who_goes_before_listening_has_begun_leaves_nothing_behind() {
    let mut trace = Trace::ready();
    let sniff = Request::Sniff {
        channel: None,
        promiscuous: true,
    };
    trace.request(1, sniff);
    let set = trace.frame().expect("the mode");
    trace.host.cancel(Ticket(1));
    trace.accept(&set);
    trace.serve();
    let raw = |on: u8| move |frame: &Vec<u8>| frame[1..] == [3, 0x37, on];
    let begun = trace.sent.iter().rposition(raw(1));
    assert!(trace.sent.iter().rposition(raw(0)) > begun);
    trace.request(2, scan());
    assert_eq!(trace.failed(2), None);
    assert!(trace.frame().is_some());
}

#[test]
fn addresses_of_the_interface_are_given_again_after_a_reset() {
    let mut trace = Trace::ready();
    trace.send("80 06 41 01");
    trace.send("80 06 42 01");
    trace.send("80 06 43 03");
    trace.serve();
    trace.host.kernel(kernel::Event::Up(true));
    let address = kernel::Address {
        address: "2001:db8::1".parse().unwrap(),
        prefix_len: 64,
    };
    trace.host.kernel(kernel::Event::AddressAdded(address));
    trace.serve();
    let insert = [&[4, 99], &address.address.octets()[..]].concat();
    let inserted = |trace: &Trace| {
        let mut sent = trace.sent.iter();
        sent.any(|frame| frame[1..].starts_with(&insert))
    };
    assert!(inserted(&trace), "{:02X?}", trace.sent);
    trace.sent.clear();
    trace.values = vec![(66, vec![1]), (65, vec![1]), (67, vec![3])];
    trace.send("80 06 00 70");
    trace.handshake();
    trace.serve();
    assert!(inserted(&trace), "{:02X?}", trace.sent);
}

#[test]
fn our_own_joining_goes_over_the_insecure_stream() {
    let mut trace = Trace::new(Settings::default());
    // THREAD_JOINER is packed as 83 08.
    trace.values = vec![(5, vec![32, 48, 0x83, 0x08])];
    trace.handshake();
    trace.send("80 06 61 FD FD FD FD FD FD FD FD FD FD FD FD FD FD FD FD");
    let join = Request::JoinerStart {
        pskd: "J01NME".into(),
        provisioning_url: String::new(),
    };
    trace.request(1, join);
    trace.serve();
    let head = [0x60, 0, 0, 0, 0, 8, 59, 64];
    let peer = [&[0xFD; 15][..], &[1]].concat();
    let packet = [&head, &[0xFD; 16][..], &peer, &[0; 8]].concat();
    let send = |trace: &mut Trace| {
        trace.host.input()[..packet.len()].copy_from_slice(&packet);
        trace.host.input_filled(packet.len());
        trace.frame()
    };
    let frame = send(&mut trace).expect("a packet");
    assert_eq!(frame[..3], [0x80, 3, 0x73]);
    trace.send("80 06 00 69");
    trace.serve();
    assert_eq!(trace.failed(1), Some(Code::Security));
    assert_eq!(send(&mut trace), None);
}

/// The answer of a router that was there comes too late now and then.
#[test]
fn who_joins_and_finds_nobody_looks_again_but_not_for_ever() {
    let start = octets("03 81 01 01 4A 30 31 4E 4D 45 00");
    let joining = || {
        let mut trace = Trace::new(Settings::default());
        // THREAD_JOINER is packed as 83 08.
        trace.values = vec![(5, octets("20 30 83 08"))];
        trace.handshake();
        let join = Request::JoinerStart {
            pskd: "J01NME".into(),
            provisioning_url: String::new(),
        };
        trace.request(1, join);
        trace.serve();
        trace
    };
    let looks = |trace: &Trace| {
        trace
            .sent
            .iter()
            .filter(|frame| frame[1..] == start)
            .count()
    };
    // JOIN_NO_PEERS.
    let nobody = |trace: &mut Trace| {
        trace.wait_for(Duration::from_secs(5));
        trace.send("80 06 00 6A");
        trace.serve();
    };

    let mut trace = joining();
    for count in 1..=3 {
        assert_eq!(looks(&trace), count);
        assert_eq!(trace.failed(1), None);
        nobody(&mut trace);
    }
    assert_eq!(looks(&trace), 3);
    assert_eq!(trace.failed(1), Some(Code::NoPeers));

    // Found at last, and a wrong passphrase is not tried again.
    let mut trace = joining();
    nobody(&mut trace);
    nobody(&mut trace);
    trace.send("80 06 00 69");
    trace.serve();
    assert_eq!(looks(&trace), 3);
    assert_eq!(trace.failed(1), Some(Code::Security));
    let mut trace = joining();
    nobody(&mut trace);
    trace.send("80 06 00 6D");
    trace.serve();
    assert!(trace.was_sent("03 42 01"), "joined, so it attaches");
}

#[test]
fn a_reset_ends_neither_the_network_nor_who_listens() {
    let mut trace = Trace::ready();
    trace.send("80 06 42 01");
    trace.send("80 06 43 03");
    trace.serve();
    let sniff = Request::Sniff {
        channel: None,
        promiscuous: false,
    };
    trace.request(1, sniff);
    trace.serve();
    trace.values = vec![(64, vec![1])];
    trace.send("80 06 00 70");
    trace.handshake();
    // What comes meanwhile waits, so that it is not told that attaching is in its way.
    trace.request(2, scan());
    trace.expect_set("41 01");
    trace.expect_set("42 01");
    assert_eq!(trace.host.known().state, State::Associating);
    let failure = trace.answers(2).pop();
    assert!(format!("{failure:?}").contains("sniffing"), "{failure:?}");
}

/// A client that goes while the start-up repeats what it had set up.
#[test]
fn who_stops_listening_during_a_start_up_leaves_nothing_behind() {
    let mut trace = Trace::ready();
    let sniff = Request::Sniff {
        channel: None,
        promiscuous: true,
    };
    trace.request(1, sniff);
    trace.serve();
    trace.send("80 06 00 70");
    let pause = trace.host.poll_timeout().unwrap();
    trace.advance(pause);
    let raw_stream = |on| octets(if on { "03 37 01" } else { "03 37 00" });
    let mut frame = trace.frame().unwrap();
    while frame[1..] != raw_stream(true) {
        trace.answer(&frame);
        frame = trace.frame().expect("its set-up");
    }
    trace.host.cancel(Ticket(1));
    trace.accept(&frame);
    trace.serve();
    let last = trace.sent.iter().rfind(|frame| frame[2] == 0x37).unwrap();
    assert_eq!(last[1..], raw_stream(false));
}

#[test]
fn who_joins_is_told_when_joining_is_stopped() {
    let mut trace = Trace::new(Settings::default());
    trace.values = vec![(5, octets("20 30 83 08"))];
    trace.handshake();
    let start = Request::JoinerStart {
        pskd: "J01NME".into(),
        provisioning_url: String::new(),
    };
    trace.request(1, start);
    trace.serve();
    trace.request(2, Request::JoinerStop);
    let before = trace.sent.len();
    trace.serve();
    assert_eq!(trace.failed(1), Some(Code::Cancelled));
    assert_eq!(trace.answers(2), [Answer::Done]);
    // And what it had begun is undone.
    let sent: Vec<_> = trace.sent[before..]
        .iter()
        .map(|frame| &frame[1..])
        .collect();
    for undone in ["03 81 01 00", "03 42 00", "03 41 00"] {
        assert!(sent.contains(&&octets(undone)[..]), "{undone}: {sent:?}");
    }
}

#[test]
fn credentials_are_retained_restored_and_forgotten() {
    let mut trace = Trace::with(Settings {
        retain: true,
        ..Settings::default()
    });
    trace.send("80 06 42 01");
    // Not before one is stored: older firmware would never answer (errata E46).
    trace.send("80 06 43 03");
    trace.serve();
    assert!(!trace.was_sent("02 BC 2A"));
    trace.send("80 06 43 00");
    trace.values = vec![(5436, vec![1, 2, 3]), (64, vec![1]), (66, vec![1])];
    trace.send("80 06 43 03");
    trace.serve();
    assert_eq!(
        trace.host.poll_service(),
        Some(Service::Retain(vec![1, 2, 3]))
    );
    trace.send("80 06 43 00");
    trace.send("80 06 43 03");
    trace.serve();
    assert_eq!(trace.host.poll_service(), None, "nothing new");
    // A commissioner changed it; of the PSKc there is no value that is remembered.
    for (update, tlvs) in [("46 07", [4, 5, 6]), ("4B 08", [7, 8, 9])] {
        trace.values.push((5436, tlvs.to_vec()));
        trace.send(&format!("80 06 {update}"));
        trace.serve();
        let kept = trace.host.poll_service();
        assert_eq!(kept, Some(Service::Retain(tlvs.to_vec())), "{update}");
    }

    // A co-processor that lost its network gets it back.
    let mut trace = Trace::new(Settings {
        retain: true,
        retained: Some(vec![1, 2, 3]),
        ..Settings::default()
    });
    trace.on_set = vec![(5436, 64, vec![1])];
    trace.handshake();
    assert!(trace.was_sent("03 BC 2A 01 02 03"));
    assert_eq!(trace.host.known().state, State::Commissioned);
    trace.expect_set("41 01");
    trace.expect_set("42 01");

    trace.request(1, Request::Leave);
    trace.values = vec![(64, vec![0])];
    trace.idle_for(Duration::from_secs(10));
    assert_eq!(trace.host.poll_service(), Some(Service::Forget));
}

#[test]
fn permission_to_join_ends_by_itself() {
    let mut trace = Trace::ready();
    trace.send("80 06 42 01");
    trace.send("80 06 43 03");
    trace.serve();
    let permit = Request::PermitJoin {
        period: Duration::from_secs(60),
        port: 5_684,
    };
    trace.request(1, permit);
    trace.expect_set("5C 34 16");
    trace.wait_for(Duration::from_millis(59_000));
    trace.quiet();
    trace.wait_for(Duration::from_secs(1));
    trace.expect_set("5C");
}

/// Found by exploring: after a sleep, which is no reset, the co-processor let devices join for ever.
#[test]
fn permission_to_join_ends_with_a_sleep_or_a_loss_of_the_transport() {
    for sleeps in [true, false] {
        let mut trace = Trace::ready();
        trace.send("80 06 42 01");
        trace.send("80 06 43 03");
        trace.serve();
        let permit = Request::PermitJoin {
            period: Duration::from_secs(60),
            port: 5_684,
        };
        trace.request(1, permit);
        trace.expect_set("5C 34 16");
        if sleeps {
            trace.request(2, Request::Sleep);
            trace.serve();
            trace.wait_for(Duration::from_secs(100));
            assert_eq!(trace.host.known().state, State::DeepSleep);
            trace.request(3, Request::Wake);
        } else {
            trace.host.transport_lost();
            trace.wait_for(Duration::from_secs(10));
            trace.host.transport_opened();
        }
        assert!(!trace.was_sent("03 5C"));
        for _ in 0..3 {
            trace.serve();
            trace.wait_for(Duration::from_millis(100));
        }
        assert!(trace.was_sent("03 5C"));
        let count = trace.sent.len();
        trace.idle_for(Duration::from_secs(50));
        assert_eq!(trace.sent.len(), count, "once");
    }
}

/// A reset takes it back, and nobody has to.
#[test]
fn permission_to_join_ends_with_a_reset() {
    let mut trace = Trace::ready();
    trace.send("80 06 42 01");
    trace.send("80 06 43 03");
    trace.serve();
    let permit = Request::PermitJoin {
        period: Duration::from_secs(60),
        port: 5_684,
    };
    trace.request(1, permit);
    trace.expect_set("5C 34 16");
    trace.send("80 06 00 70");
    trace.idle_for(Duration::from_secs(100));
    assert_eq!(trace.host.known().state, State::Offline);
    assert!(!trace.was_sent("03 5C"));
}

/// Found by exploring: the TUN stayed unread for good when the co-processor could not be told.
#[test]
fn a_host_that_woke_reads_packets_even_if_the_co_processor_cannot_be_told() {
    let mut trace = Trace::ready();
    trace.request(1, Request::HostSleep);
    trace.expect_set("0C 03");
    assert!(trace.host.input().is_empty());
    trace.host.transport_lost();
    trace.request(2, Request::HostDidWake);
    assert_eq!(trace.failed(2), Some(Code::State));
    trace.host.transport_opened();
    trace.handshake();
    assert!(!trace.host.input().is_empty());
}

#[test]
fn before_it_sleeps_the_host_reads_no_packets() {
    let mut trace = Trace::ready();
    assert!(!trace.host.input().is_empty());
    trace.request(1, Request::HostSleep);
    trace.expect_set("0C 03");
    assert_eq!(trace.answers(1), [Answer::Done]);
    assert!(trace.host.input().is_empty());
    trace.request(2, Request::HostDidWake);
    assert!(!trace.host.input().is_empty());
    trace.serve();
    trace.request(3, Request::HostSleep);
    let set = trace.frame().unwrap();
    trace.refuse(&set, 1);
    assert!(!trace.host.input().is_empty(), "on an error stay awake");
}

#[test]
fn counters_of_the_host_come_as_rows() {
    let mut trace = Trace::ready();
    trace.request(1, Request::Counters { clear: false });
    let answers = trace.answers(1);
    assert!(format!("{answers:?}").contains("commands sent"));
}

#[test]
fn answers_that_nobody_takes_stop_the_co_processor() {
    let mut trace = Trace::ready();
    let sniff = Request::Sniff {
        channel: None,
        promiscuous: true,
    };
    trace.request(1, sniff);
    while let Some(frame) = trace.frame() {
        trace.accept(&frame);
    }
    assert_eq!(trace.answers(1).len(), 1, "by which way");
    let mut taken = 0;
    while trace.host.has_room() {
        trace.send("80 06 71 05 00 02 00 2A E0 3B");
        taken += 1;
        assert!(taken < 10_000);
    }
    assert_eq!(trace.answers(1).len(), taken);
    assert!(trace.host.has_room());
}
