//! The engine in virtual time.

use super::*;

const GET: Command = Command::PROP_VALUE_GET;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn tid(tid: u8) -> NonZeroU8 {
    NonZeroU8::new(tid).unwrap()
}

/// Engine with `n` GETs of property 33 from owners 0..n, eight at a time.
fn engine(n: u32) -> Engine<u32> {
    let mut engine = Engine::new(0);
    engine.set_one_at_a_time(at(0), false);
    for owner in 0..n {
        engine.submit(at(0), owner, GET, vec![33]).unwrap();
    }
    engine
}

fn sent(engine: &mut Engine<u32>, now: Instant) -> Vec<u8> {
    let mut headers = Vec::new();
    while let Some(frame) = engine.next_frame(now) {
        headers.push(frame[0]);
    }
    headers
}

fn owner(matched: Matched<u32>) -> u32 {
    match matched {
        Matched::Completed { owner, .. } => owner,
        other => panic!("{other:?}"),
    }
}

#[test]
fn eight_are_outstanding_and_one_during_start_up() {
    let mut engine = engine(20);
    assert_eq!(
        sent(&mut engine, at(0)),
        [0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88]
    );
    assert_eq!(owner(engine.reply(at(1), tid(3), None)), 2);
    assert_eq!(sent(&mut engine, at(1)), [0x89]);
    engine.clear();
    for owner in 0..3 {
        engine.submit(at(1), owner, GET, vec![33]).unwrap();
    }
    assert_eq!(sent(&mut engine, at(1)), [0x81]);
}

#[test]
fn tids_rotate_and_are_not_used_while_outstanding() {
    let mut engine = engine(1);
    assert_eq!(sent(&mut engine, at(0)), [0x81]);
    // TID 1 stays outstanding; the others come and go.
    let mut headers = Vec::new();
    for n in 0..15 {
        engine.submit(at(0), n, GET, vec![33]).unwrap();
        let header = sent(&mut engine, at(0))[0];
        headers.push(header);
        engine.reply(at(0), tid(header & 15), None);
    }
    let lap: Vec<u8> = (0x82..=0x8F).chain([0x82]).collect();
    assert_eq!(headers, lap);
}

#[test]
fn busy_is_retried_three_times_and_then_told() {
    let mut engine = engine(1);
    engine.set_one_at_a_time(at(0), true);
    engine.submit(at(0), 9, GET, vec![34]).unwrap();
    let mut now = at(0);
    for (n, delay) in [(1, 50), (2, 200), (3, 1_000)] {
        assert_eq!(engine.next_frame(now), Some(&[0x80 + n, 2, 33][..]));
        let matched = engine.reply(now, tid(n), Some(Status::BUSY));
        assert_eq!(matched, Matched::Retrying);
        assert_eq!(engine.next_frame(now), None, "nothing overtakes it");
        now = now + Duration::from_millis(delay);
        assert_eq!(engine.poll_timeout(), Some(now));
        assert_eq!(engine.expire(now - Duration::from_micros(1)), None);
        assert!(!engine.has_frame());
        assert_eq!(engine.expire(now), None);
    }
    assert_eq!(engine.next_frame(now), Some(&[0x84, 2, 33][..]));
    assert_eq!(
        owner(engine.reply(now, tid(4), Some(Status::NOMEM))),
        0,
        "told"
    );
    assert_eq!(engine.next_frame(now), Some(&[0x85, 2, 34][..]));
}

#[test]
fn what_does_no_harm_is_repeated_and_what_begins_something_is_not() {
    let mut engine = engine(1);
    assert_eq!(sent(&mut engine, at(0)), [0x81]);
    for millis in [1_000, 3_000, 7_000] {
        assert_eq!(engine.poll_timeout(), Some(at(millis)));
        assert_eq!(engine.expire(at(millis - 1)), None);
        assert!(!engine.has_frame());
        assert_eq!(engine.expire(at(millis)), None);
        assert_eq!(sent(&mut engine, at(millis)), [0x81], "the same");
    }
    assert_eq!(
        engine.expire(at(10_000)),
        Some(Expired::Unanswered {
            owner: 0,
            command: GET,
            property: Some(Property(33)),
            since: at(0),
        })
    );
    assert_eq!(engine.expire(at(10_000)), None);
    assert_eq!(engine.reply(at(10_001), tid(1), None), Matched::Stale);
    let set = Command::PROP_VALUE_SET;
    let scan = Property::MAC_SCAN_STATE.0 as u8;
    engine.submit(at(20_000), 5, set, vec![scan, 1]).unwrap();
    assert_eq!(sent(&mut engine, at(20_000)), [0x82]);
    assert_eq!(engine.poll_timeout(), Some(at(25_000)));
    assert!(engine.expire(at(25_000)).is_some());
    assert!(engine.is_idle());
}

#[test]
fn the_first_of_several_replies_counts_and_the_others_are_nobodys() {
    let mut engine = engine(1);
    assert_eq!(sent(&mut engine, at(0)), [0x81]);
    assert_eq!(engine.expire(at(1_000)), None);
    // A slow one answers before the repetition has left.
    assert_eq!(owner(engine.reply(at(1_001), tid(1), None)), 0);
    assert!(engine.is_idle());
    engine.submit(at(2_000), 1, GET, vec![33]).unwrap();
    assert_eq!(sent(&mut engine, at(2_000)), [0x82]);
    assert_eq!(engine.expire(at(3_000)), None);
    assert_eq!(sent(&mut engine, at(3_000)), [0x82]);
    assert_eq!(owner(engine.reply(at(3_001), tid(2), None)), 1);
    assert_eq!(engine.reply(at(3_002), tid(2), None), Matched::Stale);
    let mut headers = Vec::new();
    for _ in 0..15 {
        engine.submit(at(4_000), 0, GET, vec![33]).unwrap();
        let header = engine.next_frame(at(4_000)).unwrap()[0];
        engine.reply(at(4_000), tid(header & 15), None);
        headers.push(header);
    }
    let lap: Vec<u8> = (0x83..=0x8F).chain([0x81, 0x83]).collect();
    assert_eq!(headers, lap, "2 is left out: one more reply may come");
}

#[test]
fn writes_to_one_property_keep_their_order() {
    let mut engine = Engine::new(0);
    engine.set_one_at_a_time(at(0), false);
    let set = Command::PROP_VALUE_SET;
    for value in [1, 2] {
        engine
            .submit(at(0), value, set, vec![37, value as u8])
            .unwrap();
    }
    engine.submit(at(0), 3, GET, vec![37]).unwrap();
    assert_eq!(sent(&mut engine, at(0)), [0x81, 0x82]);
    assert_eq!(owner(engine.reply(at(1), tid(2), None)), 3);
    assert!(!engine.has_frame());
    assert_eq!(
        engine.poll_timeout(),
        Some(at(1_000)),
        "not a link that is stuck"
    );
    // Nor while the first waits for room.
    engine.reply(at(2), tid(1), Some(Status::BUSY));
    assert!(!engine.has_frame());
    assert_eq!(engine.expire(at(52)), None);
    assert_eq!(engine.next_frame(at(52)), Some(&[0x83, 3, 37, 1][..]));
    assert!(!engine.has_frame());
    assert_eq!(owner(engine.reply(at(60), tid(3), None)), 1);
    assert_eq!(engine.next_frame(at(60)), Some(&[0x84, 3, 37, 2][..]));
}

#[test]
fn a_tid_that_timed_out_is_left_out_for_one_lap() {
    let mut engine = engine(1);
    assert_eq!(sent(&mut engine, at(0)), [0x81]);
    for millis in [1_000, 3_000, 7_000] {
        assert_eq!(engine.expire(at(millis)), None);
        assert_eq!(sent(&mut engine, at(millis)), [0x81]);
    }
    assert!(engine.expire(at(10_000)).is_some());
    let mut headers = Vec::new();
    for _ in 0..30 {
        engine.submit(at(10_000), 0, GET, vec![33]).unwrap();
        let header = engine.next_frame(at(10_000)).unwrap()[0];
        engine.reply(at(10_000), tid(header & 15), None);
        headers.push(header);
    }
    let once: Vec<u8> = (0x82..=0x8F).collect();
    let then: Vec<u8> = (0x82..=0x8F).chain([0x81, 0x82]).collect();
    assert_eq!(headers[..14], once);
    assert_eq!(headers[14..], then);
}

#[test]
fn a_reset_goes_first_and_forgets_the_rest() {
    let mut engine = engine(3);
    assert_eq!(sent(&mut engine, at(0)), [0x81, 0x82, 0x83]);
    engine.submit(at(0), 9, GET, vec![33]).unwrap();
    engine.reset(at(0), None);
    assert_eq!(engine.next_frame(at(0)), Some(&[0x80, 1][..]));
    assert_eq!(engine.next_frame(at(0)), None);
    assert_eq!(engine.reply(at(0), tid(1), None), Matched::Stale);
    engine.reset(at(0), Some(3));
    assert_eq!(engine.next_frame(at(0)), Some(&[0x80, 1, 3][..]));
    assert!(engine.is_idle());
}

#[test]
fn a_link_that_takes_nothing_is_told() {
    let mut engine = engine(1);
    assert_eq!(engine.expire(at(4_999)), None);
    assert_eq!(engine.expire(at(5_000)), Some(Expired::Stuck));
    assert_eq!(engine.expire(at(5_000)), None);
}

#[test]
fn the_queue_is_bounded_and_so_is_a_frame() {
    let mut engine = engine(QUEUE_MAX as u32);
    assert_eq!(engine.submit(at(0), 0, GET, vec![33]), Err(Refused::Full));
    engine.clear();
    let set = Command::PROP_VALUE_SET;
    assert_eq!(
        engine.submit(at(0), 0, set, vec![0; 1_297]),
        Err(Refused::TooLong)
    );
    engine.submit(at(0), 0, set, vec![0; 1_296]).unwrap();
    assert_eq!(engine.next_frame(at(0)).map(<[u8]>::len), Some(1_298));
}

#[test]
fn last_status_can_be_asked_for() {
    let mut engine = Engine::new(0);
    engine.submit(at(0), 7, GET, vec![0]).unwrap();
    assert_eq!(sent(&mut engine, at(0)), [0x81]);
    assert_eq!(owner(engine.reply(at(0), tid(1), Some(Status::BUSY))), 7);
}
