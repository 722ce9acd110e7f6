//! In the steady state a frame costs no heap allocation, either way, with and without CRC.

mod common;

use common::{spec, Pair};
use spinel_bridge::config::CrcMode;
use spinel_bridge::link::Settings;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::time::Instant;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's allocator, counting.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        System.dealloc(pointer, layout);
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        System.realloc(pointer, layout, size)
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test in this binary: another one's thread would be counted too.
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
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        echo(&mut pair, 10_000);
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
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
