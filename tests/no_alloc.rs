//! In the steady state a frame costs no heap allocation, either way, with and without CRC.

mod common;
#[allow(dead_code)]
mod host_world;

use common::{spec, Pair};
use spinel_bridge::bridge::Upper;
use spinel_bridge::host::kernel::Event;
use spinel_bridge::link::{CrcMode, Settings};
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::time::{Duration, Instant};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting for each thread: the test runner's own is none of ours.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends has no counter any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        System.dealloc(pointer, layout);
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        System.realloc(pointer, layout, size)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_packet_costs_no_allocation() {
    let mut trace = host_world::Trace::ready();
    let address = [0xFD; 16];
    for update in [
        [&[0x80, 6, 0x61][..], &address].concat(),
        vec![0x80, 6, 0x41, 1],
        vec![0x80, 6, 0x42, 1],
        vec![0x80, 6, 0x43, 3],
    ] {
        trace.host.deliver(&update);
    }
    trace.serve();
    trace.host.kernel(Event::Up(true));
    let peer = [&[0xFD; 15][..], &[1]].concat();
    let head = [0x60, 0, 0, 0, 0, 8, 59, 64];
    let packet = [&head, &address[..], &peer, &[0; 8]].concat();
    let answer = [&head, &peer[..], &address, &[0; 8]].concat();
    let frame = [&[0x80, 6, 0x72, 48, 0], &answer[..]].concat();
    // As a radio takes them; then faster, so that the co-processor is asked to say when it has each.
    for (pace_us, is_asked) in [(7_000, false), (1, true)] {
        let start = trace.now;
        // The first few are taken for granted.
        let mut asked = 0;
        let mut echo = |n: u64| {
            trace.now = start + Duration::from_micros(n * pace_us);
            trace.host.handle_time(trace.now);
            trace.host.input()[..packet.len()].copy_from_slice(&packet);
            trace.host.input_filled(packet.len());
            let sent = trace.host.next_frame().unwrap();
            assert_eq!(sent.len(), 53);
            let tid = sent[0] & 0x0F;
            if tid != 0 {
                asked += 1;
                trace.host.deliver(&[0x80 | tid, 6, 0, 0]);
            }
            assert!(trace.host.has_room());
            trace.host.deliver(&frame);
            assert_eq!(trace.host.output(), answer);
            trace.host.output_written(answer.len());
            trace.host.poll_timeout();
        };
        (0..100).for_each(&mut echo);
        let before = allocations();
        (100..10_100).for_each(&mut echo);
        let allocations = allocations() - before;
        assert_eq!(
            allocations, 0,
            "in 10,000 packets each way, {pace_us} us apart"
        );
        assert_eq!(asked > 9_000, is_asked, "{asked} packets were asked about");
    }
}

#[test]
fn a_frame_costs_no_allocation() {
    for crc in [false, true] {
        let spec = Spec {
            crc,
            ..spec(0x5EED)
        };
        let mode = if crc { CrcMode::On } else { CrcMode::Off };
        let mut pair = Pair::echo(
            &spec,
            Settings {
                crc: mode,
                ..Settings::default()
            },
        );
        echo(&mut pair, 100);
        let before = allocations();
        echo(&mut pair, 10_000);
        let allocations = allocations() - before;
        assert_eq!(allocations, 0, "in 10,000 echoes, CRC {crc}");
    }
}

/// Sends `frames` frames of all sizes, one after the other, and waits for each to come back.
fn echo(pair: &mut Pair<common::EchoBus>, frames: u64) {
    let frame = [0x81; 1295];
    for count in 0..frames {
        let len = 1 + (count * 7 % 1295) as usize;
        assert!(pair.send(&frame[..len]));
        let mut back = false;
        while !back {
            let alive = pair.turn(Instant::from_micros(u64::MAX), |frame| {
                back |= frame.len() == len;
            });
            assert!(alive, "the echo of frame {count} never came");
        }
    }
}
