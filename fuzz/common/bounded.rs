//! How much memory one input may hold at a time: an allocator that counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

fn more(size: usize) {
    let live = LIVE.fetch_add(size, Relaxed) + size;
    PEAK.fetch_max(live, Relaxed);
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        System.dealloc(pointer, layout);
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Does `work`, and asserts that it never holds more than `max` octets beyond what there was before, and
/// leaves next to nothing behind.
pub(crate) fn within(max: usize, work: impl FnOnce()) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    let held = PEAK.load(Relaxed).saturating_sub(before);
    assert!(held <= max, "{held} octets were held at a time");
    let left = LIVE.load(Relaxed).saturating_sub(before);
    assert!(left <= LEFT_MAX, "{left} octets were left behind");
}

/// What the standard library and the targets make once, with the first input, and keep: names and tables of
/// some kilobytes. More would be something that each input leaves behind.
const LEFT_MAX: usize = 64 * 1024;
