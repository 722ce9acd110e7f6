//! The co-processor: the project's simulated slave behind the test module's `/dev/spinel-slave`.
//!
//! Its log has a line for each change of RES (`res LEVEL TIME_NS`), and one whenever the bus is driven
//! differently (`bus SPEED_HZ MODE CS_DELAY_US`).

use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::sim::echo::Echo;
use spinel_bridge::sim::ncp::{Ncp, Variant};
use spinel_bridge::sim::radio::Surroundings;
use spinel_bridge::sim::slave::Slave;
use spinel_bridge::sim::spec::{Kind, Spec};
use spinel_bridge::sim::Firmware;
use spinel_bridge::time::Instant;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

/// Serves until it is killed, or dies as `death` says: `die-silent=N` and `die-half=N` in the N-th
/// transaction with a frame of [`LONG`] octets or more for the host, before a word or after half of it.
pub(crate) fn main(spec: &str, log: &str, death: &str) -> ExitCode {
    match serve(spec, log, death) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("coprocessor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(spec: &str, log: &str, death: &str) -> io::Result<()> {
    let spec: Spec = spec
        .parse()
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let firmware: Box<dyn Firmware> = match spec.kind {
        Kind::Ncp => Box::new(Ncp::with(
            spec.seed,
            Variant::easy(),
            Surroundings::default(),
        )),
        Kind::Echo => Box::new(Echo::new()),
    };
    let device = OpenOptions::new().read(true).write(true).open(DEVICE)?;
    let mut log = OpenOptions::new().create(true).append(true).open(log)?;
    let started = std::time::Instant::now();
    let mut far = FarSide {
        slave: Slave::new(firmware, &spec, EPOCH),
        interrupt: Line::Inactive,
        death: Death::parse(death),
        commands: Vec::new(),
        miso: Vec::new(),
        driven: None,
    };
    println!("ready");
    let mut event = vec![0; EVENT_MAX];
    loop {
        let now = EPOCH + started.elapsed();
        far.let_it_work(now)?;
        far.give_commands(&device)?;
        if far.wait(&device, now)? {
            let len = (&device).read(&mut event)?;
            let now = EPOCH + started.elapsed();
            if far.handle(now, &event[..len], &device, &mut log)? {
                return Ok(());
            }
        }
    }
}

struct FarSide {
    slave: Slave<Box<dyn Firmware>>,
    /// As the wire was driven last.
    interrupt: Line,
    death: Death,
    commands: Vec<u8>,
    miso: Vec<u8>,
    /// Speed, mode and delay of the last transaction.
    driven: Option<[u32; 3]>,
}

impl FarSide {
    fn let_it_work(&mut self, now: Instant) -> io::Result<()> {
        self.slave.take_edge(now)?;
        let line = self.slave.interrupt(now)?.unwrap_or(Line::Inactive);
        self.drive_interrupt(line);
        Ok(())
    }

    fn drive_interrupt(&mut self, line: Line) {
        if line != self.interrupt {
            self.interrupt = line;
            self.command(COMMAND_INT, u32::from(line == Line::Inactive), &[]);
        }
    }

    fn command(&mut self, kind: u32, value: u32, octets: &[u8]) {
        self.commands.extend_from_slice(&kind.to_ne_bytes());
        self.commands.extend_from_slice(&value.to_ne_bytes());
        self.commands.extend_from_slice(octets);
    }

    fn give_commands(&mut self, mut device: &File) -> io::Result<()> {
        if !self.commands.is_empty() {
            device.write_all(&self.commands)?;
            self.commands.clear();
        }
        Ok(())
    }

    /// Until the bus does something, or the firmware has something to do.
    fn wait(&self, device: &File, now: Instant) -> io::Result<bool> {
        let timeout = match self.slave.poll_timeout() {
            None => PollTimeout::NONE,
            Some(at) => {
                let millis = at.since(now).as_micros().div_ceil(1_000);
                PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut fds = [PollFd::new(device.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut fds, timeout)? > 0)
    }

    /// Deals with one event; true if that was the end.
    fn handle(
        &mut self,
        now: Instant,
        event: &[u8],
        device: &File,
        log: &mut File,
    ) -> io::Result<bool> {
        let (head, octets) = event.split_at(EVENT_LEN);
        let word = |index: usize| {
            let octets = &head[4 * index..4 * index + 4];
            u32::from_ne_bytes([octets[0], octets[1], octets[2], octets[3]])
        };
        match (word(0), word(1)) {
            (EVENT_RES, level) => {
                let time = u64::from(word(6)) | u64::from(word(7)) << 32;
                writeln!(log, "res {level} {time}")?;
                let line = if level == 0 {
                    Line::Active
                } else {
                    Line::Inactive
                };
                self.slave.set_reset(now, line)?;
                Ok(false)
            }
            _ => {
                let driven = [word(2), word(3), word(4)];
                if self.driven.replace(driven) != Some(driven) {
                    writeln!(log, "bus {} {} {}", driven[0], driven[1], driven[2])?;
                }
                self.transfer(now, octets, device)
            }
        }
    }

    fn transfer(&mut self, now: Instant, mosi: &[u8], device: &File) -> io::Result<bool> {
        let mut miso = core::mem::take(&mut self.miso);
        miso.resize(mosi.len(), 0);
        self.slave.transfer(now, mosi, &mut miso)?;
        let driven = self.death.cut(&miso);
        let dies = driven.len() < miso.len();
        // Like OpenThread's: INT is released when chip select rises, and pulled again once the next
        // frame is prepared (protocol §5.5).
        self.drive_interrupt(Line::Inactive);
        self.command(COMMAND_MISO, driven.len() as u32, driven);
        self.miso = miso;
        if dies {
            self.commands
                .drain(..self.commands.len().min(self.death.silence()));
            self.give_commands(device)?;
        }
        Ok(dies)
    }
}

/// How and when it dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    Never,
    Silent { after: u32 },
    Half { after: u32 },
}

impl Death {
    fn parse(text: &str) -> Death {
        let number = |text: &str| text.parse().unwrap_or(1);
        match text.split_once('=') {
            Some(("die-silent", after)) => Death::Silent {
                after: number(after),
            },
            Some(("die-half", after)) => Death::Half {
                after: number(after),
            },
            _ => Death::Never,
        }
    }

    /// What is still driven of `miso`.
    fn cut<'a>(&mut self, miso: &'a [u8]) -> &'a [u8] {
        if miso.len() <= LONG {
            return miso;
        }
        let (after, left) = match self {
            Death::Never => return miso,
            Death::Silent { after } => (after, 0),
            Death::Half { after } => (after, miso.len() / 2),
        };
        // As in the header (protocol §5.2): it gives a frame, and all of it is clocked.
        let given = usize::from(u16::from_le_bytes([miso[3], miso[4]]));
        if given >= LONG && given < miso.len() {
            *after -= 1;
        }
        if *after == 0 {
            &miso[..left]
        } else {
            miso
        }
    }

    /// How much of its last commands is not given any more.
    fn silence(&self) -> usize {
        match self {
            Death::Silent { .. } => usize::MAX,
            _ => 0,
        }
    }
}

const DEVICE: &str = "/dev/spinel-slave";

/// Time does not start at zero, so that "long ago" can be told from "now" by subtraction.
const EPOCH: Instant = Instant::from_millis(1_000_000);

/// A frame of some length, in octets.
const LONG: usize = 200;

// The interface of module/spinel_vm.c.
const EVENT_LEN: usize = 32;
const EVENT_MAX: usize = EVENT_LEN + 8192;
const EVENT_RES: u32 = 2;
const COMMAND_MISO: u32 = 1;
const COMMAND_INT: u32 = 2;
