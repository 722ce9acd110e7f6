//! Latency in real time: from INT's edge until a client on a real pty has read the last octet, and from
//! the client's write until the slave has the frame; with the processor time that it took.
//!
//! Two processes serve a bus of the same kind ([`bus`]), each with a client on its own pty: one runs the
//! program's event loop, the other the rule of the hosts in use ([`today`]). They get their frames in
//! turn, so that whatever else the machine does meets both alike.

pub mod bus;
mod today;

use super::real::frame;
use super::{Way, SIZES};
use crate::process::{self, hdlc, signal_when_parent_dies, Program, Scratch};
use bus::{open_pipe, Edge, Wired, EDGES, SPEED_HZ, TAKEN};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use spinel_bridge::cli::{self, Command as Parsed};
use spinel_bridge::event_loop::{self, OpenDevice};
use spinel_bridge::sim::rng::Rng;
use std::env;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Octets of each frame; `None`: any of [`SIZES`], by chance.
    pub len: Option<usize>,
    /// To or from the co-processor.
    pub way: Way,
    /// Frames at once.
    pub burst: u16,
    /// The slave takes no frame for so long after one.
    pub busy: Duration,
    /// How often.
    pub times: usize,
}

/// What was measured of one side.
pub struct Times {
    /// Of each burst, until its last octet; sorted.
    pub sorted: Vec<Duration>,
    /// Processor time of the serving process for a frame, in microseconds.
    pub cpu: f64,
}

impl Times {
    /// The time that this share of all stays below, in microseconds.
    pub fn at(&self, share: f64) -> f64 {
        let index = (self.sorted.len() as f64 * share) as usize;
        let time = self.sorted.get(index).copied().unwrap_or_default();
        time.as_secs_f64() * 1e6
    }
}

/// Measures `case` with the program's event loop and with the rule of the hosts in use, in turn.
pub fn run(case: &Case) -> [Times; 2] {
    let mut sides = [OURS, TODAY].map(|side| Side::start(side, case.busy));
    let mut rng = Rng::new(1);
    for _ in 0..WARM_UP.min(case.times) {
        let len = case.len(&mut rng);
        for side in &mut sides {
            side.burst(case, len);
        }
    }
    let before = [sides[0].cpu(), sides[1].cpu()];
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..case.times {
        let len = case.len(&mut rng);
        // By chance, too: not in step with anything else that runs.
        let pause = PAUSE + Duration::from_micros(rng.below(PAUSE_SPREAD_US));
        for (side, times) in sides.iter_mut().zip(&mut times) {
            thread::sleep(pause);
            times.push(side.burst(case, len));
        }
    }
    // What follows the last frame belongs to it.
    thread::sleep(PAUSE);
    let after = [sides[0].cpu(), sides[1].cpu()];
    let frames = case.times as f64 * f64::from(case.burst);
    let mut cpu = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before);
    times.map(|mut sorted| {
        sorted.sort();
        let cpu = cpu.next().unwrap_or_default() / frames;
        Times { sorted, cpu }
    })
}

/// The serving process: this program with the arguments of [`Side::start`].
pub fn serve(side: &str, folder: &str, busy_us: &str) {
    // A transaction ends when it should, and not up to 50 us later, the default.
    nix::sys::prctl::set_timerslack(1).expect("timer slack");
    let busy = Duration::from_micros(busy_us.parse().expect("microseconds"));
    let bus = Wired::open(Path::new(folder), busy);
    if side == TODAY {
        return today::serve(bus);
    }
    let line = format!("--pty --log none --spi-speed {SPEED_HZ} sim:");
    let Ok(Parsed::Run(config)) = cli::parse(line.split(' ')) else {
        panic!("the command line is wrong");
    };
    let device = OpenDevice {
        interrupt_fd: Some(bus.edges().as_raw_fd()),
        max_transfer: usize::MAX,
        bus: Box::new(bus),
    };
    event_loop::run_on(device, &config).expect("the bus is there");
}

/// The word that makes the measuring program call [`serve`].
pub const SERVE: &str = "serve";

impl Case {
    fn len(&self, rng: &mut Rng) -> usize {
        let any = SIZES[rng.below(SIZES.len() as u64) as usize];
        self.len.unwrap_or(any)
    }
}

/// A serving process, its client and its co-processor.
struct Side {
    program: Program,
    /// The client's end of the pty.
    client: File,
    edges: File,
    taken: File,
    _folder: Scratch,
}

impl Side {
    fn start(side: &str, busy: Duration) -> Side {
        let folder = Scratch::new();
        for pipe in [EDGES, TAKEN] {
            mkfifo(&folder.path(pipe), Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe");
        }
        let mut command = Command::new(env::current_exe().expect("this program"));
        command
            .args([SERVE, side])
            .arg(folder.path(""))
            .arg(busy.as_micros().to_string());
        signal_when_parent_dies(&mut command, Signal::SIGKILL);
        let (program, pty) = Program::on_own_pty(command);
        let mut side = Side {
            program,
            client: process::open_terminal(&pty, nix::fcntl::OFlag::empty()).into(),
            edges: open_pipe(&folder.path(""), EDGES),
            taken: open_pipe(&folder.path(""), TAKEN),
            _folder: folder,
        };
        side.greet();
        side
    }

    /// One frame to it, so that it has seen its client; and what it says at its start is read.
    fn greet(&mut self) {
        let frame = hdlc(&quiet_frame(16));
        self.client.write_all(&frame).expect("room");
        read_within(&mut self.taken, &mut [0; 1]);
        thread::sleep(process::SILENCE);
        while is_readable(&self.client, Duration::ZERO) {
            let _ = self.client.read(&mut [0; 64]).expect("octets");
        }
    }

    /// Time on a processor so far, in microseconds.
    fn cpu(&self) -> f64 {
        super::real::cpu(self.program.pid())
    }

    fn burst(&mut self, case: &Case, len: usize) -> Duration {
        match case.way {
            Way::To => self.to(len, case.burst),
            Way::From | Way::Echo => self.from(len, case.burst),
        }
    }

    /// The co-processor has frames: until the client has read the last octet.
    fn from(&mut self, len: usize, frames: u16) -> Duration {
        let expected = hdlc(&frame(len)).repeat(frames.into());
        let mut got = vec![0; expected.len()];
        let edge = Edge {
            len: len as u16,
            frames,
        };
        let record = edge.to_octets();
        let began = Instant::now();
        self.edges.write_all(&record).expect("room for an edge");
        read_within(&mut self.client, &mut got);
        let time = began.elapsed();
        assert!(got == expected, "other octets than those of the frames");
        time
    }

    /// The client has frames: until the slave has taken the last one.
    fn to(&mut self, len: usize, frames: u16) -> Duration {
        let octets = hdlc(&quiet_frame(len)).repeat(frames.into());
        let mut taken = vec![0; frames.into()];
        let began = Instant::now();
        self.client.write_all(&octets).expect("room");
        read_within(&mut self.taken, &mut taken);
        began.elapsed()
    }
}

/// A frame that asks for no answer: its TID is 0.
fn quiet_frame(len: usize) -> Vec<u8> {
    let mut frame = frame(len);
    frame[0] = 0x80;
    frame
}

/// Fills `buffer`; a side that hangs fails.
fn read_within(file: &mut File, buffer: &mut [u8]) {
    let mut got = 0;
    while got < buffer.len() {
        assert!(
            is_readable(file, process::LIMIT),
            "{got} of {} octets, and no more within {:?}",
            buffer.len(),
            process::LIMIT
        );
        match file.read(&mut buffer[got..]) {
            Ok(octets) => got += octets,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("read: {error}"),
        }
    }
}

fn is_readable(file: &File, limit: Duration) -> bool {
    let mut fds = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(limit).expect("a short time");
    poll(&mut fds, limit).expect("poll") == 1
}

/// The sides.
const OURS: &str = "ours";
const TODAY: &str = "today";

/// Bursts before those that count.
const WARM_UP: usize = 64;

/// Between two bursts; each side has as long again while the other has its turn.
const PAUSE: Duration = Duration::from_millis(1);
const PAUSE_SPREAD_US: u64 = 500;
