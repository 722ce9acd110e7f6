//! A bus for real time: INT is a real descriptor, a transaction takes as long as on a real bus. Only the
//! slave behind it is simulated.
//!
//! A pipe carries INT's edges, as the kernel's GPIO events do: a record for each. A record of the
//! measuring side also says which frames the co-processor has from then on. Another pipe tells that side
//! what the slave took.

use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::sim::{Firmware, ResetCause};
use spinel_bridge::time::{Duration, Instant};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The clock of the bus.
pub const SPEED_HZ: u32 = 4_000_000;

/// What a transaction costs beside its octets, as in [`model`](super::super::model).
pub const FIXED: Duration = Duration::from_nanos(super::super::model::FIXED_NS);

/// The pipes, in a folder of the measuring side.
pub const EDGES: &str = "edges";
pub const TAKEN: &str = "taken";

/// An edge of INT, and frames that the co-processor has from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    pub len: u16,
    pub frames: u16,
}

impl Edge {
    pub fn to_octets(self) -> [u8; RECORD] {
        let ([a, b], [c, d]) = (self.len.to_ne_bytes(), self.frames.to_ne_bytes());
        [a, b, c, d]
    }

    fn from_octets(octets: &[u8]) -> Edge {
        let number = |at: usize| u16::from_ne_bytes([octets[at], octets[at + 1]]);
        Edge {
            len: number(0),
            frames: number(2),
        }
    }
}

/// A pipe of the folder, for either end.
pub fn open_pipe(folder: &Path, name: &str) -> File {
    // Open both ways it is never without a reader or a writer, whoever comes first.
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.custom_flags(nix::libc::O_NONBLOCK);
    options.open(folder.join(name)).expect("the pipe is there")
}

/// The bus.
pub struct Wired {
    slave: Slave<Frames>,
    edges: File,
    taken: File,
    epoch: std::time::Instant,
    /// INT became active since the last [`Bus::take_edge`].
    edge: bool,
}

impl Wired {
    /// On the pipes of `folder`. The slave takes no frame for `busy` after one.
    pub fn open(folder: &Path, busy: Duration) -> Wired {
        let frames = Frames {
            busy,
            ..Frames::default()
        };
        let mut bus = Wired {
            slave: Slave::new(frames, &Spec::default(), Instant::ZERO),
            edges: open_pipe(folder, EDGES),
            taken: open_pipe(folder, TAKEN),
            epoch: std::time::Instant::now(),
            edge: false,
        };
        bus.pass_on_edge();
        bus
    }

    /// Readable when there is an edge to take.
    pub fn edges(&self) -> BorrowedFd<'_> {
        self.edges.as_fd()
    }

    /// The slave's clock goes on while a transaction runs.
    fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }

    /// One read, as with the kernel's events: a record is never cut, and less than there is room for is
    /// all.
    fn read_edges(&mut self) -> io::Result<()> {
        let mut records = [0; 16 * RECORD];
        loop {
            let len = match self.edges.read(&mut records) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            self.edge = true;
            for record in records[..len].chunks_exact(RECORD) {
                let Edge { len, frames } = Edge::from_octets(record);
                for _ in 0..frames {
                    self.slave.firmware().waiting.push_back(len.into());
                }
            }
            let now = self.now();
            // What was announced needs no record more.
            let _ = self.slave.take_edge(now)?;
            if len < records.len() {
                return Ok(());
            }
        }
    }

    /// The slave itself raised INT: for the frame after the one that it gave, or after its start.
    fn pass_on_edge(&mut self) {
        let now = self.now();
        if let Ok(true) = self.slave.take_edge(now) {
            let record = Edge { len: 0, frames: 0 }.to_octets();
            self.edges.write_all(&record).expect("room for an edge");
        }
    }
}

impl Bus for Wired {
    fn transfer(&mut self, _now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
        let began = self.now();
        let clocked = mosi.len() as u64 * 8 * 1_000_000_000 / u64::from(SPEED_HZ);
        let end = began + FIXED + Duration::from_nanos(clocked);
        let before = self.slave.firmware().taken;
        self.slave.firmware().ends = end;
        // What it shows was prepared before chip select fell.
        self.slave.transfer(began, mosi, miso)?;
        // As in spidev's ioctl.
        std::thread::sleep(end.since(self.now()));
        self.pass_on_edge();
        if self.slave.firmware().taken > before {
            self.taken.write_all(&[1])?;
        }
        Ok(())
    }

    fn interrupt(&mut self, _now: Instant) -> io::Result<Option<Line>> {
        self.read_edges()?;
        let now = self.now();
        self.slave.interrupt(now)
    }

    fn take_edge(&mut self, _now: Instant) -> io::Result<bool> {
        self.read_edges()?;
        Ok(core::mem::take(&mut self.edge))
    }

    fn set_reset(&mut self, _now: Instant, _line: Line) -> io::Result<bool> {
        Ok(false)
    }

    fn has_interrupt(&self) -> bool {
        true
    }

    fn has_reset(&self) -> bool {
        false
    }
}

/// The co-processor: gives what was announced, counts what it takes.
#[derive(Default)]
struct Frames {
    waiting: VecDeque<usize>,
    taken: u64,
    /// When the transaction that runs will be over.
    ends: Instant,
    busy: Duration,
    busy_until: Instant,
    is_ready: bool,
}

impl Firmware for Frames {
    fn reset(&mut self, _now: Instant, _cause: ResetCause) {}

    fn receive(&mut self, _now: Instant, _frame: &[u8]) {
        self.taken += 1;
        self.busy_until = self.ends + self.busy;
    }

    fn transmit(&mut self, now: Instant, buf: &mut [u8]) -> Option<usize> {
        // The slave asks for a frame whenever it prepares a transaction.
        self.is_ready = self.busy_until <= now;
        let len = self.waiting.pop_front()?;
        buf[..len].fill(0x20);
        buf[0] = 0x81;
        Some(len)
    }

    fn is_ready(&self) -> bool {
        self.is_ready
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn take_reset_request(&mut self) -> Option<ResetCause> {
        None
    }
}

/// Octets of an [`Edge`] in the pipe.
const RECORD: usize = 4;
