//! Timed traces of the link engine: what it clocks out, what the slave answers, and what follows.
//!
//! Each line is a transaction: `mosi` must be what the link sends (the rest of the clocked octets is
//! zero), `miso` is what the slave answers (padded with FF). Times are virtual.

use spinel_bridge::bus::Line;
use spinel_bridge::link::{CrcMode, Link, Settings};
use spinel_bridge::time::{Duration, Instant};
use spinel_bridge::wire::fcs;

const VOID: &str = "FF FF FF FF FF";
const PLAIN: &str = "02 0F 05 00 00";

struct Trace {
    link: Link,
    now: Instant,
    room: bool,
}

impl Trace {
    /// A link that has not spoken, without CRC.
    fn cold(settings: Settings) -> Self {
        let now = Instant::from_millis(1_000_000);
        Trace {
            link: Link::new(settings, now),
            now,
            room: true,
        }
    }

    /// A link after the first valid header, INT inactive.
    fn warm(settings: Settings) -> Self {
        let crc = settings.crc == CrcMode::On;
        let mut trace = Trace::cold(settings);
        let (host, slave) = match crc {
            true => ("C2 20 00 00 00", "42 0F 05 00 00"),
            false => ("82 20 00 00 00", PLAIN),
        };
        assert_eq!(trace.run(host, slave), None);
        trace.interrupt(Line::Inactive);
        trace.idle();
        trace
    }

    fn no_crc() -> Self {
        Trace::warm(settings())
    }

    fn with_crc() -> Self {
        Trace::warm(Settings {
            crc: CrcMode::On,
            ..settings()
        })
    }

    /// One transaction, which must be due now. Returns the frame that was delivered.
    fn run(&mut self, mosi: &str, miso: &str) -> Option<Vec<u8>> {
        self.run_seeing_reset(mosi, miso).0
    }

    fn run_seeing_reset(&mut self, mosi: &str, miso: &str) -> (Option<Vec<u8>>, bool) {
        let transfer = self.link.poll_transfer(self.now, self.room);
        let transfer = transfer.unwrap_or_else(|| panic!("nothing is due, not {mosi}"));
        let expected = octets(mosi);
        assert_eq!(text(&transfer.mosi[..expected.len()]), text(&expected));
        let rest = &transfer.mosi[expected.len()..];
        assert!(
            rest.iter().all(|&octet| octet == 0),
            "padding: {}",
            text(rest)
        );
        let answer = octets(miso);
        transfer.miso.fill(0xFF);
        let len = answer.len().min(transfer.miso.len());
        transfer.miso[..len].copy_from_slice(&answer[..len]);
        let outcome = self.link.handle_transfer(self.now);
        (outcome.delivered.map(<[u8]>::to_vec), outcome.slave_reset)
    }

    /// How many octets the transaction that is due clocks. It is answered by a void header.
    fn clocked(&mut self) -> usize {
        let transfer = self.link.poll_transfer(self.now, self.room).expect("due");
        let len = transfer.mosi.len();
        assert_eq!(transfer.miso.len(), len);
        transfer.miso.fill(0xFF);
        self.link.handle_transfer(self.now);
        len
    }

    fn queue(&mut self, frame: &str) {
        self.link
            .vacant()
            .expect("room for a frame")
            .fill(&octets(frame));
    }

    fn edge(&mut self) {
        self.link.handle_edge(self.now);
    }

    /// INT's level is asked for, and answered.
    fn interrupt(&mut self, line: Line) {
        assert!(
            self.link.wants_level(self.now, self.room),
            "the level is not asked for"
        );
        self.link
            .handle_level(self.now, Ok(Some(line)))
            .expect("no error");
    }

    /// Nothing is due now.
    fn idle(&mut self) {
        assert!(
            self.link.poll_transfer(self.now, self.room).is_none(),
            "something is due"
        );
        assert!(
            !self.link.wants_level(self.now, self.room),
            "the level is asked for"
        );
    }

    /// Nothing is due for exactly `time`.
    fn idle_for(&mut self, time: Duration) {
        self.idle();
        let next = self.link.poll_timeout(self.room).expect("a deadline");
        assert_eq!(next.since(self.now), time);
        self.now = next;
    }

    /// On to the next deadline; returns how long it took.
    fn wait(&mut self) -> Duration {
        let next = self.link.poll_timeout(self.room).expect("a deadline");
        let time = next.since(self.now);
        self.now = self.now.max(next);
        time
    }

    /// The clock is read after the transaction, as the loop does; then nothing is due for exactly `time`.
    fn pause_for(&mut self, time: Duration) {
        if self.link.wants_clock() {
            self.now = self.now + Duration::from_micros(1);
        }
        self.idle_for(time);
    }

    /// On to the next deadline, with INT inactive whenever its level is asked for.
    fn pass_time(&mut self) {
        if self.link.wants_level(self.now, self.room) {
            self.interrupt(Line::Inactive);
        } else if self.link.wants_clock() {
            self.now = self.now + Duration::from_micros(1);
            assert!(self.link.poll_transfer(self.now, self.room).is_none());
        } else {
            assert!(!self.wait().is_zero(), "time stands still");
        }
    }

    fn stats(&self) -> &spinel_bridge::link::stats::Stats {
        self.link.stats()
    }
}

fn settings() -> Settings {
    Settings {
        crc: CrcMode::Off,
        adaptive: false,
        has_reset: false,
        ..Settings::default()
    }
}

fn octets(hex: &str) -> Vec<u8> {
    hex.split_whitespace()
        .map(|octet| u8::from_str_radix(octet, 16).expect("hex"))
        .collect()
}

fn text(octets: &[u8]) -> String {
    octets
        .iter()
        .map(|octet| format!("{octet:02X} "))
        .collect::<String>()
        .trim_end()
        .to_owned()
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A frame of `len` octets, and its hex behind a header.
fn long(header: &str, len: usize) -> (Vec<u8>, String) {
    let frame: Vec<u8> = (0..len).map(|index| 0x80 | (index % 0x40) as u8).collect();
    let hex = format!("{header} {}", text(&frame));
    (frame, hex)
}

// ---- Protocol §5.4, row by row --------------------------------------------------------------------

#[test]
fn none_none() {
    let mut t = Trace::no_crc();
    t.edge();
    assert_eq!(t.run("02 20 00 00 00", PLAIN), None);
    t.interrupt(Line::Inactive);
    t.idle_for(ms(100));
}

#[test]
fn none_fits() {
    let mut t = Trace::no_crc();
    t.edge();
    let frame = t.run("02 20 00 00 00", "02 0F 05 04 00 80 06 00 72");
    assert_eq!(frame, Some(octets("80 06 00 72")));
    t.interrupt(Line::Inactive);
    t.idle();
}

#[test]
fn none_too_long_is_fetched_at_once() {
    let mut t = Trace::no_crc();
    let (frame, hex) = long("02 0F 05 35 00", 53);
    t.edge();
    assert_eq!(t.run("02 20 00 00 00", &hex), None);
    assert_eq!(t.run("02 35 00 00 00", &hex), Some(frame));
    assert_eq!(t.stats().fetched_again, 1);
    t.interrupt(Line::Active);
    // The length is forgotten with the frame.
    assert_eq!(t.run("02 20 00 00 00", PLAIN), None);
}

#[test]
fn fits_none() {
    let mut t = Trace::no_crc();
    t.queue("81 02 01");
    assert_eq!(t.run("02 20 00 03 00 81 02 01", PLAIN), None);
    assert_eq!(t.stats().frames_sent, 1);
    assert!(t.link.vacant().is_some());
    t.idle();
}

#[test]
fn fits_fits() {
    let mut t = Trace::no_crc();
    t.queue("81 00");
    let frame = t.run("02 20 00 02 00 81 00", "02 0F 05 04 00 80 06 43 03");
    assert_eq!(frame, Some(octets("80 06 43 03")));
    assert!(t.link.vacant().is_some());
    assert_eq!(t.stats().duplex, 1);
}

#[test]
fn fits_too_long() {
    let mut t = Trace::no_crc();
    let (frame, hex) = long("02 0F 05 35 00", 53);
    t.queue("81 00");
    assert_eq!(t.run("02 20 00 02 00 81 00", &hex), None);
    assert!(t.link.vacant().is_some(), "ours was taken");
    assert_eq!(t.run("02 35 00 00 00", &hex), Some(frame));
}

#[test]
fn refused_none_backs_off_and_repeats_the_identical_frame() {
    let mut t = Trace::no_crc();
    t.queue("81 02 01");
    assert_eq!(t.run("02 20 00 03 00 81 02 01", "02 00 00 00 00"), None);
    t.idle_for(Duration::from_micros(200));
    assert_eq!(t.run("02 20 00 03 00 81 02 01", "02 00 00 00 00"), None);
    t.wait();
    assert_eq!(t.run("02 20 00 03 00 81 02 01", PLAIN), None);
    assert_eq!((t.stats().refused, t.stats().frames_sent), (2, 1));
}

#[test]
fn refused_fits_is_progress() {
    let mut t = Trace::no_crc();
    t.queue("81 02 01");
    let frame = t.run("02 20 00 03 00 81 02 01", "02 00 00 05 00 81 06 01 04 03");
    assert_eq!(frame, Some(octets("81 06 01 04 03")));
    // No pause: the slave was half-duplex.
    assert_eq!(t.run("02 20 00 03 00 81 02 01", PLAIN), None);
    assert_eq!(t.stats().refused, 1);
}

#[test]
fn refused_too_long_comes_again_at_once_with_our_frame() {
    let mut t = Trace::no_crc();
    let (frame, hex) = long("02 00 00 35 00", 53);
    t.queue("81 02 01");
    assert_eq!(t.run("02 20 00 03 00 81 02 01", &hex), None);
    assert_eq!(t.run("02 35 00 03 00 81 02 01", &hex), Some(frame));
}

#[test]
fn a_refusal_does_not_delay_what_the_slave_has_to_say() {
    let mut t = Trace::no_crc();
    t.queue("81 02 01");
    assert_eq!(t.run("02 20 00 03 00 81 02 01", "02 00 00 00 00"), None);
    t.idle();
    t.edge();
    let frame = t.run("02 20 00 03 00 81 02 01", "02 00 00 04 00 80 06 43 03");
    assert_eq!(frame, Some(octets("80 06 43 03")));
}

#[test]
fn void_changes_nothing_and_the_slave_gets_time_to_arm() {
    let mut t = Trace::no_crc();
    let (frame, hex) = long("02 0F 05 35 00", 53);
    t.queue("81 00");
    assert_eq!(t.run("02 20 00 02 00 81 00", VOID), None);
    t.pause_for(Duration::from_micros(200));
    assert_eq!(t.run("02 20 00 02 00 81 00", &hex), None);
    // The remembered length stays, and a new frame does not bypass the pause.
    assert_eq!(t.run("02 35 00 00 00", "00 00 00 00 00"), None);
    t.queue("82 00");
    t.pause_for(Duration::from_micros(200));
    assert_eq!(t.run("02 35 00 02 00 82 00", &hex), Some(frame));
    assert_eq!(t.stats().void_headers, 2);
}

#[test]
fn a_void_header_long_after_the_last_transaction_pauses_10_ms() {
    let mut t = Trace::no_crc();
    t.now = t.now + ms(50);
    t.queue("81 00");
    assert_eq!(t.run("02 20 00 02 00 81 00", VOID), None);
    t.idle_for(ms(10));
}

/// A slave that was not armed for 60 µs and more cost 10 ms for each frame to it.
#[test]
fn a_slave_that_arms_late_is_asked_again_in_200_us_and_the_gap_is_learned() {
    let mut t = Trace::no_crc();
    let mut voids = 0;
    for _ in 0..200 {
        // It needs 300 µs; the clock goes on by 100 for a transaction.
        let armed_at = t.now + Duration::from_micros(400);
        t.now = t.now + Duration::from_micros(100);
        t.queue("81 00");
        loop {
            let start = t.now;
            if t.link.poll_transfer(t.now, true).is_some() {
                let is_armed = t.now >= armed_at;
                answer(&mut t, if is_armed { PLAIN } else { VOID });
                voids += u32::from(!is_armed);
                if is_armed {
                    break;
                }
            } else if t.wait().is_zero() {
                t.now = t.now + Duration::from_micros(1);
            }
            assert!(t.now.since(start) <= Duration::from_micros(900), "10 ms");
        }
        assert!(t.now.since(armed_at) <= Duration::from_micros(600));
    }
    assert!(voids <= 20, "{voids} void headers");
    assert_eq!(t.stats().frames_sent, 200);
}

#[test]
fn garbage_forgets_the_length_and_repeats_our_frame() {
    let mut t = Trace::no_crc();
    let (_, hex) = long("02 0F 05 35 00", 53);
    t.edge();
    assert_eq!(t.run("02 20 00 00 00", &hex), None);
    t.queue("81 00");
    assert_eq!(t.run("02 35 00 02 00 81 00", "A9 01 02 03 04"), None);
    t.interrupt(Line::Inactive);
    t.idle_for(ms(10));
    assert_eq!(t.run("02 20 00 02 00 81 00", PLAIN), None);
    assert_eq!(
        (t.stats().garbage_headers, t.stats().repeated_in_doubt),
        (1, 1)
    );
}

#[test]
fn lengths_that_cannot_be_are_garbage() {
    for header in [
        "02 FF FF 00 00",
        "02 00 00 FF FF",
        "02 01 20 00 00",
        "02 0F 05 01 20",
    ] {
        let mut t = Trace::no_crc();
        t.edge();
        assert_eq!(t.run("02 20 00 00 00", header), None);
        assert_eq!(t.stats().garbage_headers, 1, "{header}");
    }
}

#[test]
fn rst_tells_and_keeps_the_frames_of_its_transaction() {
    let mut t = Trace::no_crc();
    t.edge();
    let (frame, reset) = t.run_seeing_reset("02 20 00 00 00", "82 00 00 04 00 80 06 00 72");
    assert_eq!((frame, reset), (Some(octets("80 06 00 72")), true));
    // A frame that waits is kept: the slave refused it, as its first header always does.
    let mut t = Trace::no_crc();
    t.queue("81 00");
    let (_, reset) = t.run_seeing_reset("02 20 00 02 00 81 00", "82 00 00 00 00");
    assert!(reset);
    t.wait();
    assert_eq!(t.run("02 20 00 02 00 81 00", PLAIN), None);
}

#[test]
fn a_frame_that_never_fits_is_dropped_after_two_seconds() {
    let mut t = Trace::no_crc();
    let frame = text(&vec![0x80; 600]);
    t.queue(&frame);
    let start = t.now;
    while t.stats().dropped_too_big == 0 {
        assert!(t.link.vacant().is_none());
        assert!(t.now.since(start) < ms(2_100));
        match t.link.poll_transfer(t.now, true).is_some() {
            true => assert_eq!(answer(&mut t, "02 FB 01 00 00"), None),
            false => t.pass_time(),
        }
    }
    assert!(t.now.since(start) >= ms(2_000));
    assert_eq!(t.stats().link_failures, 0);
    // Those behind it are not blocked.
    t.queue("81 00");
    t.wait();
    assert_eq!(t.run("02 20 00 02 00 81 00", "02 FB 01 00 00"), None);
    assert_eq!(t.stats().frames_sent, 1);
}

/// It was dropped after 0.9 ms.
#[test]
fn a_frame_that_does_not_fit_at_the_moment_waits_for_room() {
    let mut t = Trace::no_crc();
    let frame = text(&[0x80; 200]);
    t.queue(&frame);
    let start = t.now;
    while t.now.since(start) < ms(3) {
        match t.link.poll_transfer(t.now, true).is_some() {
            true => assert_eq!(answer(&mut t, "02 64 00 00 00"), None),
            false => t.pass_time(),
        }
    }
    while t.link.poll_transfer(t.now, true).is_none() {
        t.pass_time();
    }
    answer(&mut t, PLAIN);
    assert_eq!((t.stats().frames_sent, t.stats().dropped_too_big), (1, 0));
    assert!(t.now.since(start) < ms(5));
}

/// A ring buffer of which an octet is taken out in a millisecond: it is no failure as long as its room
/// grows, and a frame that the slave has shown room for is never too big.
#[test]
fn a_slave_whose_room_grows_gets_the_time_that_it_takes() {
    let mut t = Trace::warm(Settings {
        has_reset: true,
        ..settings()
    });
    for _ in 0..2 {
        t.queue(&text(&vec![0x80; 1_295]));
        let start = t.now;
        while t.stats().frames_sent == 0 || t.link.vacant().is_none() {
            let room = 100 + t.now.since(start).as_millis() / 5;
            assert_eq!(t.link.poll_reset_line(t.now), None);
            match t.link.poll_transfer(t.now, true).is_some() {
                true => {
                    let [low, high] = (room.min(1_295) as u16).to_le_bytes();
                    answer(&mut t, &format!("02 {low:02X} {high:02X} 00 00"));
                }
                false => t.pass_time(),
            }
        }
        assert!(t.now.since(start) < ms(5 * 1_195 + 50));
    }
    assert_eq!((t.stats().frames_sent, t.stats().link_failures), (2, 0));
}

#[test]
fn a_slave_with_a_buffer_of_4096_octets_comes_up() {
    let mut t = Trace::cold(settings());
    assert_eq!(t.run("82 20 00 00 00", "82 FB 0F 00 00"), None);
    assert!(t.link.is_up());
    t.interrupt(Line::Inactive);
    t.queue("81 00");
    assert_eq!(t.run("02 20 00 02 00 81 00", "02 FB 0F 00 00"), None);
    assert_eq!((t.stats().frames_sent, t.stats().garbage_headers), (1, 0));
    // A frame that nobody can carry is counted and passed over.
    t.edge();
    assert_eq!(t.run("02 20 00 00 00", "02 FB 0F FC 07"), None);
    assert_eq!(t.stats().unreachable, 1);
}

#[test]
fn without_room_nothing_is_offered_and_nothing_planned_for_int() {
    let mut t = Trace::no_crc();
    t.room = false;
    t.edge();
    t.idle();
    // Our own frame goes all the same.
    t.queue("81 00");
    assert_eq!(
        t.run("02 00 00 02 00 81 00", "02 0F 05 04 00 80 06 43 03"),
        None
    );
    t.idle();
    // The length of what waits is known.
    t.room = true;
    t.interrupt(Line::Active);
    let frame = t.run("02 04 00 00 00", "02 0F 05 04 00 80 06 43 03");
    assert_eq!(frame, Some(octets("80 06 43 03")));
}

// ---- Protocol §5.12, vector by vector -------------------------------------------------------------

#[test]
fn vectors_1_to_4_bring_up() {
    let mut t = Trace::cold(settings());
    let (frame, reset) = t.run_seeing_reset("82 20 00 00 00", "82 00 00 00 00");
    assert_eq!((frame, reset), (None, true));
    t.interrupt(Line::Active);
    let frame = t.run("02 20 00 00 00", "02 0F 05 04 00 80 06 00 72");
    assert_eq!(frame, Some(octets("80 06 00 72")));
    t.interrupt(Line::Inactive);
    t.queue("81 02 01");
    assert_eq!(t.run("02 20 00 03 00 81 02 01", PLAIN), None);
    t.edge();
    let frame = t.run("02 20 00 00 00", "02 0F 05 05 00 81 06 01 04 03");
    assert_eq!(frame, Some(octets("81 06 01 04 03")));
}

#[test]
fn vector_1b_rst_and_notification_at_once() {
    let mut t = Trace::cold(settings());
    let (frame, reset) = t.run_seeing_reset("82 20 00 00 00", "82 00 00 04 00 80 06 00 72");
    assert_eq!((frame, reset), (Some(octets("80 06 00 72")), true));
}

#[test]
fn vector_4a_reply_while_the_slave_is_busy() {
    let mut t = Trace::no_crc();
    t.edge();
    let frame = t.run("02 20 00 00 00", "02 00 00 05 00 81 06 01 04 03");
    assert_eq!(frame, Some(octets("81 06 01 04 03")));
}

#[test]
fn the_first_poll_clocks_37_octets() {
    assert_eq!(Trace::cold(settings()).clocked(), 37);
}

#[test]
fn vectors_9_and_10_crc_to_the_slave() {
    let mut t = Trace::with_crc();
    t.queue("81 00");
    assert_eq!(t.run("42 20 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
    assert!(t.link.has_frame(), "provisional");
    // 10b: bad. It is asked for when no answer has come for a while.
    t.idle_for(ms(10));
    assert_eq!(t.run("42 20 00 00 00", "62 0F 05 00 00"), None);
    t.wait();
    assert_eq!(t.run("42 20 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
    // 10a: good.
    t.idle_for(ms(10));
    assert_eq!(t.run("42 20 00 00 00", "42 0F 05 00 00"), None);
    assert!(t.link.vacant().is_some());
    t.idle();
    assert_eq!(t.stats().crc_errors_sent, 1);
}

/// It took four: a transaction of its own confirmed the question before the answer came.
#[test]
fn under_crc_the_answer_confirms_the_question_and_an_echo_costs_three_transactions() {
    let mut t = Trace::with_crc();
    let before = t.stats().transactions;
    t.queue("81 00");
    assert_eq!(t.run("42 20 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
    t.idle();
    t.now = t.now + ms(4);
    t.edge();
    let frame = t.run("42 20 00 00 00", "42 0F 05 04 00 81 06 00 00 D2 1B");
    assert_eq!(frame, Some(octets("81 06 00 00")));
    assert!(!t.link.has_frame(), "confirmed");
    assert_eq!(t.run("42 20 00 00 00", "42 0F 05 00 00"), None);
    t.interrupt(Line::Inactive);
    t.idle();
    assert_eq!(t.stats().transactions - before, 3);
}

#[test]
fn a_frame_behind_one_in_flight_has_it_confirmed_at_once_and_goes_after_it() {
    let mut t = Trace::with_crc();
    t.queue("81 00");
    assert_eq!(t.run("42 20 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
    t.queue("82 02 01");
    assert!(t.link.vacant().is_none());
    // Its CRC was wrong: the frame before goes again, and first.
    assert_eq!(t.run("42 20 00 00 00", "62 0F 05 00 00"), None);
    t.wait();
    assert_eq!(t.run("42 20 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
    assert_eq!(t.run("42 20 00 00 00", "42 0F 05 00 00"), None);
    t.wait();
    assert_eq!(
        t.run("42 20 00 03 00 82 02 01 A1 5D", "42 0F 05 00 00"),
        None
    );
    assert_eq!(t.stats().frames_sent, 3);
    // A restart takes the one in flight with it, not the one behind.
    t.queue("83 00");
    let (_, reset) = t.run_seeing_reset("42 20 00 00 00", "C2 00 00 00 00");
    assert!(reset);
    t.wait();
    let crc = text(&fcs::of(&[0x83, 0x00]));
    let mosi = format!("42 20 00 02 00 83 00 {crc}");
    assert_eq!(t.run(&mosi, "42 0F 05 00 00"), None);
    assert_eq!(t.stats().dropped_by_reset, 1);
}

/// Nothing says that an answer comes to a frame with TID 0.
#[test]
fn a_datagram_under_crc_is_confirmed_at_once() {
    let mut t = Trace::with_crc();
    t.queue("80 00");
    assert_eq!(t.run("42 20 00 02 00 80 00 8B 83", "42 0F 05 00 00"), None);
    assert_eq!(t.run("42 20 00 00 00", "42 0F 05 00 00"), None);
    assert!(!t.link.has_frame());
}

#[test]
fn vectors_11_and_12_crc_from_the_slave() {
    let mut t = Trace::with_crc();
    t.edge();
    let frame = t.run("42 20 00 00 00", "42 0F 05 04 00 81 06 00 00 D2 1B");
    assert_eq!(frame, Some(octets("81 06 00 00")));
    // Confirmed at once.
    assert_eq!(t.run("42 20 00 00 00", "42 0F 05 00 00"), None);
    t.edge();
    assert_eq!(
        t.run("42 20 00 00 00", "42 0F 05 04 00 81 06 00 01 D2 1B"),
        None
    );
    // CCF, with RECV_LEN 0: the slave's next frame must not overtake the repetition.
    assert_eq!(
        t.run("62 00 00 00 00", "42 0F 05 04 00 81 06 00 00 D2 1B"),
        None
    );
    let frame = t.run("42 04 00 00 00", "42 0F 05 04 00 81 06 00 00 D2 1B");
    assert_eq!(frame, Some(octets("81 06 00 00")));
    assert_eq!(t.stats().crc_errors_received, 1);
}

#[test]
fn vector_13_a_datagram() {
    let mut t = Trace::no_crc();
    let datagram =
        "80 03 72 30 00 60 00 00 00 00 08 3A 40 FD DE AD 00 BE EF 00 00 11 11 22 22 33 33 \
                    44 44 FD DE AD 00 BE EF 00 00 00 00 00 FF FE 00 FC 00 80 00 F4 3D 12 34 00 01";
    t.queue(datagram);
    assert_eq!(t.run(&format!("02 35 00 35 00 {datagram}"), PLAIN), None);
    assert_eq!(t.stats().frames_sent, 1);
}

// ---- CRC, beyond the vectors (§5.11) --------------------------------------------------------------

#[test]
fn auto_offers_crc_until_the_first_header_and_again_after_a_reset() {
    let mut t = Trace::cold(Settings {
        crc: CrcMode::Auto,
        ..settings()
    });
    assert_eq!(t.clocked(), 39, "two octets for the CRC");
    t.pass_time();
    t.pass_time();
    assert_eq!(t.run("C2 20 00 00 00", "82 00 00 00 00"), None);
    t.queue("81 00");
    assert_eq!(t.run("02 20 00 02 00 81 00", "82 00 00 00 00"), None);
    t.wait();
    // The header after the reset had no CRC either.
    assert_eq!(t.run("02 20 00 02 00 81 00", PLAIN), None);
}

#[test]
fn void_in_between_leaves_the_frame_in_flight() {
    let mut t = Trace::with_crc();
    t.queue("81 00");
    assert_eq!(t.run("42 20 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
    t.idle_for(ms(10));
    assert_eq!(t.run("42 20 00 00 00", VOID), None);
    t.pause_for(Duration::from_micros(200));
    assert_eq!(t.run("42 20 00 00 00", "62 0F 05 00 00"), None);
    t.wait();
    assert_eq!(t.run("42 20 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
}

#[test]
fn garbage_while_in_flight_asks_for_a_repetition_and_repeats() {
    let mut t = Trace::with_crc();
    t.queue("81 00");
    assert_eq!(t.run("42 20 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
    t.idle_for(ms(10));
    assert_eq!(t.run("42 20 00 00 00", "A9 00 00 00 00"), None);
    t.idle_for(ms(10));
    assert_eq!(t.run("62 00 00 02 00 81 00 53 9A", "42 0F 05 00 00"), None);
    assert_eq!(t.stats().repeated_in_doubt, 1);
}

#[test]
fn a_header_that_lost_its_crc_flag_is_garbage_and_its_frame_not_delivered() {
    let mut t = Trace::with_crc();
    t.edge();
    assert_eq!(t.run("42 20 00 00 00", "02 0F 05 04 00 81 06 00 01"), None);
    t.pass_time();
    t.pass_time();
    assert_eq!(t.run("62 00 00 00 00", "42 0F 05 00 00"), None);
    assert_eq!((t.stats().crc_missing, t.stats().frames_received), (1, 0));
}

#[test]
fn auto_believes_a_slave_that_stops_to_offer_crc_after_four_headers() {
    let mut t = Trace::cold(Settings {
        crc: CrcMode::Auto,
        ..settings()
    });
    assert_eq!(t.run("C2 20 00 00 00", "42 0F 05 00 00"), None);
    t.interrupt(Line::Inactive);
    for _ in 0..3 {
        t.edge();
        t.wait();
        assert!(t.link.poll_transfer(t.now, true).is_some());
        answer(&mut t, "02 0F 05 04 00 81 06 00 00");
        assert_eq!(t.stats().frames_received, 0);
        t.now = t.now + ms(10);
    }
    t.edge();
    assert!(t.link.poll_transfer(t.now, true).is_some());
    answer(&mut t, "02 0F 05 00 00");
    t.edge();
    let frame = t.run("02 20 00 00 00", "02 0F 05 04 00 81 06 00 00");
    assert_eq!(frame, Some(octets("81 06 00 00")));
}

/// Answers a transaction that was planned already.
fn answer(t: &mut Trace, miso: &str) -> Option<Vec<u8>> {
    let transfer = t.link.poll_transfer(t.now, t.room).expect("planned again");
    let answer = octets(miso);
    transfer.miso.fill(0xFF);
    let len = answer.len().min(transfer.miso.len());
    transfer.miso[..len].copy_from_slice(&answer[..len]);
    t.link.handle_transfer(t.now).delivered.map(<[u8]>::to_vec)
}

#[test]
fn eight_bad_crcs_in_a_row_end_in_a_reset() {
    let mut t = Trace::warm(Settings {
        crc: CrcMode::On,
        has_reset: true,
        ..settings()
    });
    t.edge();
    while t.link.poll_reset_line(t.now).is_none() {
        t.edge();
        if t.link.poll_transfer(t.now, true).is_some() {
            answer(&mut t, "42 0F 05 04 00 81 06 00 01 D2 1B");
        }
    }
    assert_eq!(t.stats().crc_errors_received, 8);
    assert_eq!(t.link.poll_reset_line(t.now), Some(Line::Active));
    assert_eq!(t.stats().link_failures, 1);
}

// ---- Alignment (§5.8) -----------------------------------------------------------------------------

#[test]
fn alignment_allowance_is_clocked_and_skipped() {
    let mut t = Trace::warm(Settings {
        align_allowance: 2,
        ..settings()
    });
    t.edge();
    let frame = t.run("02 20 00 00 00", "FF FF 02 0F 05 05 00 81 06 01 04 03");
    assert_eq!(frame, Some(octets("81 06 01 04 03")));
    t.interrupt(Line::Active);
    assert_eq!(t.clocked(), 39);
}

#[test]
fn a_frame_is_taken_only_if_it_was_clocked_whole() {
    // 32 octets offered: a frame of 32 behind two octets of junk needs the allowance.
    let mut t = Trace::warm(Settings {
        align_allowance: 2,
        ..settings()
    });
    let (frame, hex) = long("FF FF 02 0F 05 20 00", 32);
    t.edge();
    assert_eq!(t.run("02 20 00 00 00", &hex), Some(frame));
}

// ---- Bad headers and failures (§5.7) --------------------------------------------------------------

#[test]
fn void_headers_get_doubled_pauses_then_10_ms() {
    let mut t = Trace::no_crc();
    for pause in [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 10_000, 10_000] {
        t.edge();
        t.now = t.now + Duration::from_micros(1);
        while t.link.poll_transfer(t.now, true).is_none() {
            t.wait();
        }
        answer(&mut t, VOID);
        t.edge();
        t.pause_for(Duration::from_micros(pause));
    }
}

#[test]
fn garbage_headers_under_int_get_four_short_pauses_then_10_ms() {
    let mut t = Trace::no_crc();
    for pause in [1, 1, 1, 1, 10, 10] {
        t.edge();
        assert!(t.link.poll_transfer(t.now, true).is_some());
        answer(&mut t, "A9 01 02 03 04");
        t.edge();
        t.idle_for(ms(pause));
    }
}

/// Until RES is pulled, which is left to the caller. Returns the transactions, all void.
fn until_reset(t: &mut Trace) -> u32 {
    let mut transactions = 0;
    while t.link.poll_reset_line(t.now).is_none() {
        if t.link.poll_transfer(t.now, true).is_some() {
            answer(t, VOID);
            transactions += 1;
        } else {
            t.pass_time();
        }
    }
    transactions
}

#[test]
fn a_dead_slave_is_reset_after_200_headers_and_then_has_time_to_boot() {
    let mut t = Trace::warm(Settings {
        has_reset: true,
        reset_settle: ms(5),
        ..settings()
    });
    t.queue("81 00");
    let mut silences = Vec::new();
    for round in 0..6 {
        let start = t.now;
        let transactions = until_reset(&mut t);
        let time = t.now.since(start);
        silences.push(time.as_secs());
        // Ten a second behind the first 200.
        assert!(transactions >= 200 && u128::from(transactions) <= 200 + time.as_millis() / 100);
        assert!(round > 0 || transactions <= 206);
        t.reset_line_set_late();
        assert_eq!(t.wait(), ms(20), "the pulse");
        assert_eq!(t.link.poll_reset_line(t.now), Some(Line::Inactive));
        t.reset_line_set_late();
        assert_eq!(t.wait(), ms(5));
        assert_eq!(t.link.poll_reset_line(t.now), None);
    }
    // The first is one in the middle of its work; the others may boot, for up to 30 s.
    assert_eq!(silences, [1, 36, 72, 144, 288, 288]);
    assert_eq!((t.stats().link_failures, t.stats().hardware_resets), (6, 6));
    // It did not take the frame, so that is still to be said.
    assert_eq!(t.stats().dropped_by_reset, 0);
    while t.link.poll_transfer(t.now, true).is_none() {
        t.pass_time();
    }
    answer(&mut t, PLAIN);
    assert_eq!(t.stats().frames_sent, 1);
}

#[test]
fn a_slave_that_took_ten_seconds_to_boot_may_be_silent_for_twenty() {
    let mut t = Trace::cold(Settings {
        has_reset: true,
        ..settings()
    });
    let start = t.now;
    while t.now.since(start) < ms(10_000) {
        match t.link.poll_transfer(t.now, true).is_some() {
            true => assert_eq!(answer(&mut t, VOID), None),
            false => t.pass_time(),
        }
    }
    while t.link.poll_transfer(t.now, true).is_none() {
        t.pass_time();
    }
    answer(&mut t, PLAIN);
    t.queue("81 00");
    let start = t.now;
    until_reset(&mut t);
    let time = t.now.since(start);
    assert!(time >= ms(20_000) && time < ms(20_500), "{time:?}");
}

/// A reset that goes over the link is followed by a boot, too.
#[test]
fn a_reset_command_gives_time_to_boot() {
    let mut t = Trace::warm(Settings {
        has_reset: true,
        ..settings()
    });
    t.queue("80 01");
    assert_eq!(t.run("02 20 00 02 00 80 01", PLAIN), None);
    t.queue("81 02 01");
    let start = t.now;
    until_reset(&mut t);
    assert!(t.now.since(start) >= ms(36_000));
}

#[test]
fn a_dead_slave_is_probed_ten_times_a_second_and_found_in_a_fifth_of_one() {
    for has_reset in [false, true] {
        let mut t = Trace::warm(Settings {
            has_reset,
            ..settings()
        });
        t.queue("81 00");
        let start = t.now;
        let mut probes = Vec::new();
        while t.now.since(start) < ms(180_000) {
            if t.link.poll_reset_line(t.now).is_some() {
                t.link.reset_line_set(t.now, Ok(true)).expect("no error");
                t.now = t.now + Duration::from_micros(1);
            } else if t.link.poll_transfer(t.now, true).is_some() {
                answer(&mut t, VOID);
                probes.push(t.now);
            } else {
                t.pass_time();
            }
        }
        probes.retain(|at| at.since(start) >= ms(60_000));
        assert!(probes.len() <= 120 * 10, "{} probes", probes.len());
        let longest = probes.windows(2).map(|pair| pair[1].since(pair[0])).max();
        assert!(longest <= Some(ms(200)), "{longest:?} between two");
    }
}

#[test]
fn without_res_the_frame_is_kept_and_an_edge_hastens_the_next_probe() {
    let mut t = Trace::no_crc();
    t.queue("81 00");
    while t.stats().link_failures == 0 {
        match t.link.poll_transfer(t.now, true).is_some() {
            true => assert_eq!(answer(&mut t, VOID), None),
            false => t.pass_time(),
        }
    }
    for _ in 0..250 {
        while t.link.poll_transfer(t.now, true).is_none() {
            t.pass_time();
        }
        answer(&mut t, VOID);
    }
    t.pass_time();
    t.edge();
    assert!(t.wait() <= ms(10));
    assert_eq!(t.run("82 20 00 02 00 81 00", PLAIN), None);
    assert_eq!(t.stats().frames_sent, 1);
}

#[test]
fn a_void_header_is_no_error_when_polled_and_asleep() {
    let mut t = Trace::warm_polled(33);
    for _ in 0..1_000 {
        while t.link.poll_transfer(t.now, true).is_none() {
            t.pass_time();
        }
        answer(&mut t, VOID);
    }
    assert_eq!(t.stats().link_failures, 0);
}

#[test]
fn refusals_for_three_seconds_end_in_a_reset_and_never_cost_more_than_30_a_second() {
    let mut t = Trace::warm(Settings {
        has_reset: true,
        ..settings()
    });
    t.queue("81 00");
    let start = t.now;
    while t.link.poll_reset_line(t.now).is_none() {
        if t.link.poll_transfer(t.now, true).is_some() {
            answer(&mut t, "02 00 00 00 00");
        } else {
            t.pass_time();
        }
    }
    let time = t.now.since(start);
    assert!(time >= ms(2_900) && time <= ms(3_200), "{time:?}");
    assert!(t.stats().refused <= 130, "{} refusals", t.stats().refused);
}

#[test]
fn a_slave_that_cannot_take_because_we_cannot_is_not_to_blame() {
    let mut t = Trace::warm(Settings {
        has_reset: true,
        ..settings()
    });
    t.queue("81 00");
    t.room = false;
    for _ in 0..1_000 {
        while t.link.poll_transfer(t.now, false).is_none() {
            t.pass_time();
        }
        answer(&mut t, "02 00 00 04 00 80 06 43 03");
    }
    assert_eq!(t.link.poll_reset_line(t.now), None);
}

// ---- INT (§5.9) -----------------------------------------------------------------------------------

#[test]
fn a_stuck_int_is_throttled_to_the_poll_period() {
    let mut t = Trace::no_crc();
    t.edge();
    assert_eq!(t.run("02 20 00 00 00", PLAIN), None);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        t.interrupt(Line::Active);
        pauses.push(t.wait().as_millis());
        assert_eq!(t.run("02 20 00 00 00", PLAIN), None);
    }
    assert_eq!(pauses, [0, 1, 2, 4, 8, 16, 32, 33, 33]);
    // A frame ends it.
    t.interrupt(Line::Active);
    t.wait();
    assert!(t
        .run("02 20 00 00 00", "02 0F 05 04 00 80 06 43 03")
        .is_some());
    t.interrupt(Line::Active);
    assert_eq!(t.wait(), ms(0));
}

#[test]
fn a_lost_edge_costs_30_ms_while_an_answer_is_due() {
    let mut t = Trace::no_crc();
    t.queue("81 02 01");
    assert_eq!(t.run("02 20 00 03 00 81 02 01", PLAIN), None);
    for _ in 0..3 {
        t.idle_for(ms(30));
        t.interrupt(Line::Inactive);
    }
    t.idle_for(ms(30));
    t.interrupt(Line::Active);
    let frame = t.run("02 20 00 00 00", "02 0F 05 05 00 81 06 01 04 03");
    assert_eq!(frame, Some(octets("81 06 01 04 03")));
    assert_eq!(t.stats().lost_edges, 1);
    t.interrupt(Line::Inactive);
    t.idle_for(ms(100));
}

#[test]
fn a_lost_edge_when_idle_costs_as_long_as_nothing_happened() {
    let mut t = Trace::no_crc();
    for _ in 0..2 {
        t.edge();
        let frame = t.run("02 20 00 00 00", "02 0F 05 04 00 80 06 00 72");
        assert_eq!(frame, Some(octets("80 06 00 72")));
        t.interrupt(Line::Inactive);
        for pause in [100, 100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000] {
            t.idle_for(ms(pause));
            t.interrupt(Line::Inactive);
        }
    }
    t.idle_for(ms(10_000));
    t.interrupt(Line::Active);
    assert_eq!(t.stats().lost_edges, 1);
}

#[test]
fn an_answer_is_not_awaited_for_ever() {
    let mut t = Trace::no_crc();
    t.queue("81 02 01");
    assert_eq!(t.run("02 20 00 03 00 81 02 01", PLAIN), None);
    let start = t.now;
    while t.wait() < ms(10_000) {
        t.interrupt(Line::Inactive);
    }
    // 5 s of looking every 30 ms, then after 5 s and once more after ten.
    let time = t.now.since(start);
    assert!(time <= ms(5_030 + 5_030 + 10_000), "{time:?}");
}

#[test]
fn the_level_is_not_read_where_no_edge_can_be_lost() {
    let mut t = Trace::no_crc();
    t.queue("81 00");
    assert_eq!(t.run("02 20 00 02 00 81 00", PLAIN), None);
    assert!(!t.link.wants_level(t.now, true));
    t.edge();
    assert_eq!(t.run("02 20 00 00 00", PLAIN), None);
    assert!(t.link.wants_level(t.now, true));
}

// ---- Polling --------------------------------------------------------------------------------------

impl Trace {
    fn warm_polled(poll_ms: u64) -> Trace {
        let mut t = Trace::cold(Settings {
            has_interrupt: false,
            poll_period: ms(poll_ms),
            ..settings()
        });
        assert_eq!(t.run("82 20 00 00 00", PLAIN), None);
        t
    }
}

#[test]
fn polls_every_millisecond_after_traffic_and_slows_down_to_the_period() {
    let mut t = Trace::warm_polled(33);
    t.queue("81 00");
    assert_eq!(t.run("02 20 00 02 00 81 00", PLAIN), None);
    let start = t.now;
    let mut pauses = Vec::new();
    while t.now.since(start) < ms(2_000) {
        pauses.push(t.wait().as_micros());
        assert_eq!(t.run("02 20 00 00 00", PLAIN), None);
    }
    assert_eq!(
        pauses[..16],
        [
            0, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000,
            1_000, 1_000, 1_000
        ]
    );
    assert_eq!(pauses.last(), Some(&33_000));
    assert!(pauses.len() < 150, "{} polls in two seconds", pauses.len());
    // While frames keep coming: at once.
    assert!(t.link.poll_transfer(t.now, true).is_none());
    t.wait();
    assert!(t
        .run("02 20 00 00 00", "02 0F 05 04 00 80 06 43 03")
        .is_some());
    assert_eq!(t.wait(), ms(0));
}

// ---- The driver, the gap, the reset ---------------------------------------------------------------

#[test]
fn driver_errors_are_retried_later_and_later_and_a_gone_device_ends() {
    let mut t = Trace::no_crc();
    t.queue("81 00");
    // Without room INT's level is not looked at in between.
    t.room = false;
    let mut pauses = Vec::new();
    for _ in 0..9 {
        assert!(t.link.poll_transfer(t.now, t.room).is_some());
        let eio = std::io::Error::from_raw_os_error(5);
        t.link.handle_error(t.now, eio).expect("retried");
        pauses.push(t.wait().as_millis());
    }
    assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 640, 640]);
    t.room = true;
    assert_eq!(t.run("02 20 00 02 00 81 00", PLAIN), None);
    assert_eq!((t.stats().spi_errors, t.stats().frames_sent), (9, 1));
    t.edge();
    assert!(t.link.poll_transfer(t.now, true).is_some());
    let gone = std::io::Error::from_raw_os_error(19);
    assert!(t.link.handle_error(t.now, gone).is_err());
}

/// 32 octets are offered, so 37 are clocked: 333 us at 1 MHz with nine clocks an octet. The rest is what
/// a transaction costs on this host.
#[test]
fn what_a_transaction_costs_is_learned_from_what_transactions_took() {
    let mut trace = Trace::no_crc();
    assert!(trace.link.wants_time());
    // No bus is as fast as that.
    trace.link.took(Duration::ZERO);
    assert_eq!(trace.link.fixed_cost(), Duration::from_micros(100));
    for _ in 0..100 {
        assert!(!trace.link.wants_time());
        trace.queue("81 02 03");
        trace.run("02 20 00 03 00 81 02 03", PLAIN);
        assert!(trace.link.wants_time());
        trace.link.took(Duration::from_micros(333 + 40));
    }
    assert_eq!(trace.link.fixed_cost().as_micros(), 40);
}

#[test]
fn the_gap_begins_when_the_clock_was_read_after_the_transaction() {
    let gap = Duration::from_micros(150);
    let mut t = Trace::cold(Settings { gap, ..settings() });
    assert_eq!(t.run("82 20 00 00 00", PLAIN), None);
    assert!(t.link.wants_clock());
    t.interrupt(Line::Inactive);
    t.queue("81 00");
    assert!(
        t.link.poll_transfer(t.now, true).is_none(),
        "the clock stands"
    );
    t.now = t.now + Duration::from_micros(400);
    assert!(t.link.poll_transfer(t.now, true).is_none());
    assert_eq!(t.wait(), gap);
    assert_eq!(t.run("02 20 00 02 00 81 00", PLAIN), None);
}

#[test]
fn the_reset_at_start_is_a_pulse_and_a_pause_and_takes_no_frame_before() {
    let mut t = Trace::cold(Settings {
        has_reset: true,
        reset_at_start: true,
        reset_pulse: ms(30),
        reset_settle: ms(250),
        ..settings()
    });
    assert!(t.link.vacant().is_none());
    assert!(t.link.poll_transfer(t.now, true).is_none());
    assert_eq!(t.link.poll_reset_line(t.now), Some(Line::Active));
    t.reset_line_set_late();
    assert_eq!(t.wait(), ms(30));
    assert_eq!(t.link.poll_reset_line(t.now), Some(Line::Inactive));
    t.reset_line_set_late();
    assert!(t.link.poll_transfer(t.now, true).is_none());
    assert_eq!(t.wait(), ms(250));
    assert_eq!(t.link.poll_reset_line(t.now), None);
    assert!(t.link.vacant().is_some());
    assert_eq!(
        t.run("82 20 00 00 00", "82 00 00 04 00 80 06 00 71"),
        Some(octets("80 06 00 71"))
    );
}

#[test]
fn a_length_that_repeats_costs_one_transaction() {
    let mut t = Trace::warm(Settings {
        adaptive: true,
        ..settings()
    });
    let (frame, hex) = long("02 0F 05 6D 00", 109);
    t.edge();
    assert_eq!(t.run("02 20 00 00 00", &hex), None);
    assert_eq!(t.run("02 6D 00 00 00", &hex), Some(frame.clone()));
    t.interrupt(Line::Active);
    assert_eq!(t.run("02 6D 00 00 00", &hex), Some(frame));
    // Nothing was announced: our own frame goes with the least offer.
    t.interrupt(Line::Inactive);
    t.queue("81 00");
    assert_eq!(t.run("02 20 00 02 00 81 00", PLAIN), None);
}

#[test]
fn a_request_while_res_is_active_does_not_make_the_pulse_longer() {
    let mut t = Trace::warm(Settings {
        has_reset: true,
        ..settings()
    });
    t.link.request_reset(t.now);
    assert_eq!(t.link.poll_reset_line(t.now), Some(Line::Active));
    t.reset_line_set_late();
    let end = t.link.poll_timeout(true);
    t.link.request_reset(t.now + ms(5));
    assert_eq!(t.link.poll_reset_line(t.now + ms(5)), None);
    assert_eq!(t.link.poll_timeout(true), end);
}

#[test]
fn a_small_packet_of_zero_probes_with_five_octets() {
    let mut t = Trace::warm_small(0);
    t.edge();
    let (frame, hex) = long("02 0F 05 35 00", 53);
    assert_eq!(t.run("02 00 00 00 00", &hex), None);
    assert_eq!(t.run("02 35 00 00 00", &hex), Some(frame));
}

impl Trace {
    /// RES was set 9 ms after the clock was read: the program was not given the processor in between.
    /// Neither the pulse nor the pause after it may be shorter for that.
    fn reset_line_set_late(&mut self) {
        self.link
            .reset_line_set(self.now, Ok(true))
            .expect("no error");
        assert_eq!(self.link.poll_reset_line(self.now), None);
        self.now = self.now + ms(9);
        assert_eq!(self.link.poll_reset_line(self.now), None);
    }

    fn warm_small(small_packet: usize) -> Trace {
        let mut t = Trace::cold(Settings {
            small_packet,
            ..settings()
        });
        t.run("82 00 00 00 00", PLAIN);
        t.interrupt(Line::Inactive);
        t
    }
}

#[test]
fn what_the_driver_cannot_carry_is_neither_offered_nor_taken() {
    let mut t = Trace::cold(Settings {
        max_transfer: 64,
        ..settings()
    });
    assert_eq!(t.link.frame_max(), 64 - 5 - 2);
    t.link.vacant().expect("room").fill(&[0x80; 58]);
    assert_eq!(t.stats().dropped_too_big, 1);
    t.queue(&text(&[0x80; 57]));
    assert!(t.clocked() <= 64);
}

/// Two hundred probes take ten seconds where each takes 50 ms: whoever waits wants to know before.
#[test]
fn on_a_slow_machine_silence_is_told_after_seconds_too() {
    let mut link = Link::new(settings(), Instant::from_millis(1_000));
    let mut now = Instant::from_millis(1_000);
    let begun = now;
    while link.failures_in_a_row() == 0 {
        assert!(now.since(begun) < Duration::from_secs(4), "not told");
        now = now.max(link.poll_timeout(true).expect("it is awaited"));
        if link.wants_level(now, true) {
            link.handle_level(now, Ok(Some(Line::Inactive))).unwrap();
        }
        if let Some(transfer) = link.poll_transfer(now, true) {
            transfer.miso.fill(0xFF);
            now = now + Duration::from_millis(50);
            link.handle_transfer(now);
        }
        now = now + Duration::from_micros(1);
    }
    assert!(now.since(begun) > Duration::from_secs(2));
}
