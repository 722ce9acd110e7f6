//! A board: OpenThread's firmware as an SPI slave, and the wires to it. The near end is `spi_host.c` in the program
//! under test, which takes it for `/dev/spidev0.0` and `/dev/gpiochip0`; the far end is `spi_slave.c` in the firmware.
//!
//! The board is what stays when the firmware dies or starts anew: then the bus reads FF, as wires do that nobody drives.

use super::{program, World};
use crate::hosts::Process;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::signal::Signal;
use nix::sys::socket::{
    bind, listen, socket, AddressFamily, Backlog, SockFlag, SockType, UnixAddr,
};
use spinel_bridge::sim::rng::Rng;
use spinel_bridge::wire::spi::HEADER_LEN;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The board, and the firmware on it once it has power.
pub(crate) struct Board {
    folder: PathBuf,
    shared: Arc<Shared>,
    wires: Option<JoinHandle<()>>,
}

/// What has power.
struct Chip {
    command: Command,
    firmware: Process,
}

impl Chip {
    fn start(mut command: Command) -> Chip {
        let firmware = Process(command.spawn().unwrap());
        Chip { command, firmware }
    }

    /// RES was released. Firmware that lives hears of it by itself; one that has failed, as after an assertion of its
    /// own, is started anew by the chip.
    fn start_again(&mut self) {
        if !self.firmware.is_running() {
            self.firmware = Process(self.command.spawn().unwrap());
        }
    }
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    chip: Mutex<Option<Chip>>,
    transactions: AtomicU64,
    /// Those that found nobody, or nothing prepared.
    unanswered: AtomicU64,
    resets: AtomicU64,
    /// RES is to be pulled by hand.
    button: AtomicBool,
    /// Whether a firmware is connected.
    alive: AtomicBool,
    /// How fast the clock of the bus is, in Hz; 0: transactions cost no time.
    speed_hz: AtomicU64,
    /// In so many of a thousand transactions the header is garbage.
    garbage_of_1000: AtomicU64,
    /// In so many it was.
    garbled: AtomicU64,
}

impl Board {
    /// A board without power.
    pub(crate) fn new(world: &World, name: &str) -> Board {
        let folder = world.folder.join(name);
        fs::create_dir_all(folder.join("dev")).unwrap();
        for node in ["spidev0.0", "gpiochip0"] {
            File::create(folder.join("dev").join(node)).unwrap();
        }
        let shared = Arc::new(Shared::default());
        let wires = Wires::new(&folder, Arc::clone(&shared));
        Board {
            folder,
            shared,
            wires: Some(thread::spawn(move || wires.serve())),
        }
    }

    /// A board with this program (`ot-ncp-ftd-spi`, `ot-rcp-spi`) as this node. The options are those of `spi_slave.c`.
    pub(crate) fn start(
        world: &World,
        program: &str,
        node: u32,
        options: &[(&str, &str)],
    ) -> Board {
        let mut board = Board::new(world, &format!("board-{node}"));
        board.power(world, program, node, options);
        board
    }

    /// Gives it power.
    pub(crate) fn power(&mut self, world: &World, name: &str, node: u32, options: &[(&str, &str)]) {
        let mut command = world.host.command(&program(name));
        let log = File::create(self.folder.join("firmware.log")).unwrap();
        command
            .arg(node.to_string())
            .current_dir(world.folder.path())
            .env("SPI_SLAVE", self.folder.join("socket"))
            .envs(options.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        *self.shared.chip() = Some(Chip::start(command));
        crate::hosts::wait("the firmware on its board", || {
            self.shared.alive.load(Ordering::SeqCst).then_some(())
        });
    }

    /// Takes its power away.
    pub(crate) fn kill(&mut self) {
        *self.shared.chip() = None;
    }

    /// Pulls RES for a moment, as whoever stands before the board can.
    pub(crate) fn press_reset(&self) {
        let before = self.resets();
        self.shared.button.store(true, Ordering::SeqCst);
        crate::hosts::wait("RES", || (self.resets() > before).then_some(()));
    }

    /// SIGSTOP, SIGCONT.
    pub(crate) fn signal(&self, signal: Signal) {
        let chip = self.shared.chip();
        chip.as_ref().expect("power").firmware.signal(signal);
    }

    /// What the firmware said on its standard error since it got its power: a failed assertion, say.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.join("firmware.log")).unwrap_or_default()
    }

    /// The arguments of our programs for this board: INT, RES and the bus device.
    pub(crate) fn arguments() -> [&'static str; 5] {
        [
            "--gpio-int",
            "/dev/gpiochip0:0",
            "--gpio-res",
            "/dev/gpiochip0:1",
            "/dev/spidev0.0",
        ]
    }

    /// The variables that a program needs to find this board.
    pub(crate) fn environment(&self) -> [(String, String); 2] {
        [
            ("LD_PRELOAD".to_owned(), program("spi_host.so")),
            ("SPI_BOARD".to_owned(), self.folder.display().to_string()),
        ]
    }

    /// Lets a program find this board.
    pub(crate) fn wire<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(self.environment())
    }

    /// How many there were.
    pub(crate) fn transactions(&self) -> u64 {
        self.shared.transactions.load(Ordering::SeqCst)
    }

    /// How many of them read FF alone.
    pub(crate) fn unanswered(&self) -> u64 {
        self.shared.unanswered.load(Ordering::SeqCst)
    }

    /// Transactions take as long as they would with this clock, in Hz.
    pub(crate) fn set_speed(&self, hz: u64) {
        self.shared.speed_hz.store(hz, Ordering::SeqCst);
    }

    /// From now on, in so many of a thousand transactions MISO's header is garbage; in half of them the firmware took
    /// part, and what it gave is lost.
    pub(crate) fn set_garbage(&self, of_1000: u64) {
        self.shared.garbage_of_1000.store(of_1000, Ordering::SeqCst);
    }

    /// In how many transactions it was.
    pub(crate) fn garbled(&self) -> u64 {
        self.shared.garbled.load(Ordering::SeqCst)
    }

    /// How often RES was pulled.
    pub(crate) fn resets(&self) -> u64 {
        self.shared.resets.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn chip(&self) -> MutexGuard<'_, Option<Chip>> {
        self.chip.lock().unwrap()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        *self.shared.chip() = None;
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(wires) = self.wires.take() {
            let _ = wires.join();
        }
    }
}

/// What a connection is, by its first octet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    New,
    Bus,
    Interrupt,
    Reset,
    Chip,
}

struct Wires {
    /// Of records: a stream in name alone.
    listener: UnixListener,
    hosts: Vec<(UnixStream, Role)>,
    firmware: Option<UnixStream>,
    /// It did not answer in time: it is not asked before it has.
    silent: bool,
    /// The level of INT, where the hosts read it.
    level: File,
    is_low: bool,
    reset_is_low: bool,
    shared: Arc<Shared>,
    dice: Rng,
}

impl Wires {
    fn new(folder: &Path, shared: Arc<Shared>) -> Wires {
        let listener = socket(
            AddressFamily::Unix,
            SockType::SeqPacket,
            SockFlag::SOCK_CLOEXEC,
            None,
        )
        .unwrap();
        let address = UnixAddr::new(&folder.join("socket")).unwrap();
        bind(listener.as_raw_fd(), &address).unwrap();
        listen(&listener, Backlog::new(16).unwrap()).unwrap();
        let level = File::create(folder.join("int")).unwrap();
        level.write_all_at(b"1", 0).unwrap();
        Wires {
            listener: UnixListener::from(listener),
            hosts: Vec::new(),
            firmware: None,
            silent: false,
            level,
            is_low: false,
            reset_is_low: false,
            shared,
            dice: Rng::new(1),
        }
    }

    fn serve(mut self) {
        while !self.shared.stop.load(Ordering::SeqCst) {
            if self.shared.button.swap(false, Ordering::SeqCst) {
                self.drive_reset(true);
                self.drive_reset(false);
            }
            // Firmware first: its INT goes before what comes after it.
            for fd in self.readable() {
                if fd == self.listener.as_raw_fd() {
                    self.accept();
                } else if self.is_firmware(fd) {
                    self.hear_firmware();
                } else {
                    self.hear_host(fd);
                }
            }
        }
    }

    fn readable(&self) -> Vec<RawFd> {
        let firmware = self.firmware.iter().map(AsFd::as_fd);
        let hosts = self.hosts.iter().map(|(fd, _)| fd.as_fd());
        let mut fds: Vec<PollFd> = firmware
            .chain([self.listener.as_fd()])
            .chain(hosts)
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        // It looks at `stop` so often.
        let _ = poll(&mut fds, PollTimeout::from(100u8));
        fds.iter()
            .filter(|fd| fd.any().unwrap_or(false))
            .map(|fd| fd.as_fd().as_raw_fd())
            .collect()
    }

    fn is_firmware(&self, fd: RawFd) -> bool {
        self.firmware
            .as_ref()
            .is_some_and(|firmware| firmware.as_raw_fd() == fd)
    }

    fn accept(&mut self) {
        if let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).unwrap();
            self.hosts.push((stream, Role::New));
        }
    }

    fn hear_host(&mut self, fd: RawFd) {
        let mut record = [0; RECORD_MAX];
        let is_it = |(stream, _): &(UnixStream, Role)| stream.as_raw_fd() == fd;
        let Some(index) = self.hosts.iter().position(is_it) else {
            return;
        };
        let len = self.hosts[index].0.read(&mut record).unwrap_or(0);
        let record = &record[..len];
        match (self.hosts[index].1, record) {
            (_, []) => {
                self.hosts.remove(index);
            }
            (Role::New, b"F") => {
                let (stream, _) = self.hosts.remove(index);
                self.welcome(stream);
            }
            (Role::New, [role, ..]) => {
                self.hosts[index].1 = match role {
                    b'S' => Role::Bus,
                    b'I' => Role::Interrupt,
                    b'R' => Role::Reset,
                    _ => Role::Chip,
                }
            }
            (Role::Bus, record) => {
                let miso = self.transfer(record);
                let _ = self.hosts[index].0.write(&miso);
            }
            (Role::Reset, [level, ..]) => self.drive_reset(*level == 0),
            _ => {}
        }
    }

    /// The firmware has started.
    fn welcome(&mut self, firmware: UnixStream) {
        self.drive_interrupt(false);
        self.silent = false;
        self.firmware = Some(firmware);
        self.shared.alive.store(true, Ordering::SeqCst);
        if self.reset_is_low {
            self.tell_reset();
        }
    }

    fn farewell(&mut self) {
        self.firmware = None;
        self.shared.alive.store(false, Ordering::SeqCst);
        self.drive_interrupt(false);
    }

    fn drive_reset(&mut self, low: bool) {
        if low != self.reset_is_low {
            self.reset_is_low = low;
            self.shared
                .resets
                .fetch_add(u64::from(low), Ordering::SeqCst);
            self.drive_interrupt(false);
            self.tell_reset();
            if !low {
                if let Some(chip) = &mut *self.shared.chip() {
                    chip.start_again();
                }
            }
        }
    }

    fn tell_reset(&mut self) {
        let mut event = [0; EVENT_LEN];
        event[..4].copy_from_slice(&EVENT_RES.to_ne_bytes());
        event[4..8].copy_from_slice(&u32::from(!self.reset_is_low).to_ne_bytes());
        if let Some(firmware) = &mut self.firmware {
            let _ = firmware.write(&event);
        }
    }

    fn transfer(&mut self, record: &[u8]) -> Vec<u8> {
        let len = record.len() - EVENT_LEN;
        self.shared.transactions.fetch_add(1, Ordering::SeqCst);
        let start = Instant::now();
        let garbage = self.shared.garbage_of_1000.load(Ordering::SeqCst);
        let garbled = self.dice.below(1_000) < garbage;
        let answer = match garbled && self.dice.below(2) == 0 {
            true => None,
            false => self.ask(record),
        };
        let mut miso = answer.unwrap_or_else(|| vec![0xff; len]);
        if garbled {
            self.shared.garbled.fetch_add(1, Ordering::SeqCst);
            for octet in miso.iter_mut().take(HEADER_LEN) {
                *octet = self.dice.below(256) as u8;
            }
            // The pattern in its two lowest bits is 2.
            if let Some(flags) = miso.first_mut() {
                *flags |= 3;
            }
        }
        let speed = self.shared.speed_hz.load(Ordering::SeqCst);
        if let Some(wanted) = (len as u64 * 8 * 1_000_000_000).checked_div(speed) {
            thread::sleep(Duration::from_nanos(wanted).saturating_sub(start.elapsed()));
        }
        if miso.iter().all(|octet| *octet == 0xff) {
            self.shared.unanswered.fetch_add(1, Ordering::SeqCst);
        }
        miso
    }

    fn ask(&mut self, record: &[u8]) -> Option<Vec<u8>> {
        if self.reset_is_low || self.silent {
            return None;
        }
        self.firmware.as_mut()?.write_all(record).ok()?;
        while let Some(firmware) = &self.firmware {
            let mut fds = [PollFd::new(firmware.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(SILENCE)) == Ok(0) {
                self.silent = true;
                return None;
            }
            if let Some(miso) = self.hear_firmware() {
                return Some(miso);
            }
        }
        None
    }

    /// What the firmware says; what it drove in a transaction.
    fn hear_firmware(&mut self) -> Option<Vec<u8>> {
        let mut record = [0; RECORD_MAX];
        let len = match self.firmware.as_mut()?.read(&mut record) {
            Ok(len) if len >= COMMAND_LEN => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            _ => {
                self.farewell();
                return None;
            }
        };
        let word = |at: usize| u32::from_ne_bytes(record[at..at + 4].try_into().unwrap());
        match word(0) {
            COMMAND_INT => self.drive_interrupt(word(4) == 0 && !self.reset_is_low),
            // Late, and nobody waits for it any more.
            COMMAND_MISO if self.silent => self.silent = false,
            COMMAND_MISO => return Some(record[COMMAND_LEN..len].to_vec()),
            other => panic!("the firmware says {other}"),
        }
        None
    }

    fn drive_interrupt(&mut self, low: bool) {
        if low == self.is_low {
            return;
        }
        self.is_low = low;
        self.level
            .write_all_at(if low { b"0" } else { b"1" }, 0)
            .unwrap();
        if !low {
            return;
        }
        // struct gpioevent_data: a time, GPIOEVENT_EVENT_FALLING_EDGE. A queue that is full loses it, as the kernel's.
        let mut event = [0; 16];
        event[8] = 2;
        for (stream, role) in &mut self.hosts {
            if *role == Role::Interrupt {
                let _ = stream.write(&event);
            }
        }
    }
}

// The interface of tests/vm/module/spinel_vm.c.
const EVENT_LEN: usize = 32;
const EVENT_RES: u32 = 2;
const COMMAND_LEN: usize = 8;
const COMMAND_MISO: u32 = 1;
const COMMAND_INT: u32 = 2;
const RECORD_MAX: usize = EVENT_LEN + 8192;
/// How long a firmware may take to answer a transaction, in milliseconds; a wire would not wait at all.
const SILENCE: u16 = 1_000;
