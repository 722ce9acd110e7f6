//! The real program, and a client at the other end of every channel that it can be started on.
//!
//! - Every wait has a limit ([`LIMIT`]): what would hang fails instead.
//! - Every program is killed when its [`Program`] is dropped.
//! - Every descriptor is close-on-exec, or programs that other tests start meanwhile would hold it open
//!   and there would be no hangup.

// Each test file uses its own part of it.
#![allow(dead_code, unreachable_pub)]

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::libc;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{kill, Signal};
use nix::sys::socket::{socketpair, AddressFamily, SockFlag, SockType};
use nix::sys::termios::{cfmakeraw, tcgetattr, tcsetattr, SetArg};
use nix::unistd::{pipe2, Pid};
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::hdlc::{ESCAPE, FLAG, RESET_SEQUENCE};
use spinel_bridge::sim::rng::Rng;
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::fs::{self, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take that happens at once on an idle machine: with two processors and other work
/// to do, a start alone may take seconds. OpenThread's hosts wait 2 s for our end (contract of close() and
/// wait()); the program grants itself half a second of them (`event_loop::translator::LINGER`).
pub const LIMIT: Duration = Duration::from_secs(10);

/// How long silence is listened to before it is believed.
pub const SILENCE: Duration = Duration::from_millis(150);

/// PROP_VALUE_IS LAST_STATUS RESET_EXTERNAL: what the simulated echo says after a hardware reset.
pub const RESET_NOTIFICATION: [u8; 4] = [0x80, 0x06, 0x00, 0x71];

/// The device of most tests: sends every frame back.
pub const ECHO: &str = "sim:echo:seed=1";

/// Our program with the arguments of `line`, split at spaces.
pub fn command(line: &str) -> Command {
    let mut command = Command::new(BINARY);
    command
        .args(line.split_whitespace())
        .env_remove("JOURNAL_STREAM");
    command
}

/// The same by way of a shell, as wpantund does it.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("exec {BINARY} {line}"))
        .env_remove("JOURNAL_STREAM");
    command
}

/// A process of our program.
pub struct Program {
    child: Child,
}

/// How a pty was set up by whoever starts us on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As wpantund and OpenThread do.
    Raw,
    /// As it is made: echo and line editing, for a human.
    Lines,
}

impl Program {
    /// Starts `command`, which is dropped: it holds the descriptors that it gave away.
    pub fn spawn(mut command: Command) -> Program {
        let child = command.spawn().unwrap();
        Program { child }
    }

    /// On two pipes, as pyspinel does. Standard error is as `command` says.
    pub fn on_pipes(mut command: Command) -> (Program, Client) {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = Program::spawn(command);
        let output = program.child.stdin.take().unwrap();
        let input = program.child.stdout.take().unwrap();
        (program, Client::new(input.into(), Some(output.into())))
    }

    /// On a socket of `kind` as standard input and output.
    pub fn on_socket(mut command: Command, kind: SockType) -> (Program, Client) {
        let (ours, theirs) = sockets(kind);
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs);
        (Program::spawn(command), Client::both_ways(ours))
    }

    /// As forkpty(3) does: in a session of its own, whose controlling terminal is the slave of a pty,
    /// which also is standard input, output and error. The client is the master.
    pub fn on_forkpty(command: Command, mode: Mode) -> (Program, Client) {
        let (command, master) = forkpty(command, mode);
        (Program::spawn(command), master)
    }

    /// On the slave of a raw pty, which is nobody's controlling terminal: a hangup makes no signal.
    pub fn on_plain_pty(mut command: Command) -> (Program, Client) {
        let (master, slave) = pty(Mode::Raw);
        command
            .stdin(slave.try_clone().unwrap())
            .stdout(slave.try_clone().unwrap())
            .stderr(slave);
        (Program::spawn(command), Client::both_ways(master))
    }

    /// `--pty`: returns the first line that it prints, which must come within [`LIMIT`].
    pub fn on_own_pty(mut command: Command) -> (Program, PathBuf) {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut program = Program::spawn(command);
        let stdout = program.child.stdout.take().unwrap();
        let mut stdout = Client::new(stdout.into(), None);
        let line = stdout.line();
        // From here on standard output is closed: nobody has to keep it open.
        (program, PathBuf::from(line))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether it ended; what it used can still be asked for ([`usage`]).
    pub fn has_ended(&self) -> bool {
        let path = format!("/proc/{}/stat", self.child.id());
        fs::read_to_string(path).unwrap().contains(") Z ")
    }

    /// Waits for the end, up to [`LIMIT`]. Returns the exit code.
    #[track_caller]
    pub fn exit_code(&mut self) -> i32 {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let signal = status.signal();
                return status
                    .code()
                    .unwrap_or_else(|| panic!("killed by signal {signal:?}"));
            }
            assert!(Instant::now() < deadline, "still running after {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until it has a handler for `signal`: before that any program is killed by it.
    #[track_caller]
    pub fn wait_until_it_catches(&self, signal: Signal) {
        let path = format!("/proc/{}/status", self.child.id());
        wait_until("a signal handler", || {
            let status = fs::read_to_string(&path).unwrap();
            let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
            let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
            caught & (1 << (signal as i32 - 1)) != 0
        });
    }

    /// Ends it with `signal`, which must give exit code 0.
    #[track_caller]
    pub fn end(mut self, signal: Signal) {
        self.wait_until_it_catches(signal);
        self.signal(signal);
        assert_eq!(self.exit_code(), 0, "{signal}");
    }

    /// The other end of standard input, which must be a pipe.
    pub fn stdin(&mut self) -> OwnedFd {
        self.child.stdin.take().unwrap().into()
    }

    /// The other end of standard output, which must be a pipe.
    pub fn stdout(&mut self) -> Client {
        Client::new(self.child.stdout.take().unwrap().into(), None)
    }

    /// The other end of standard error, which must be a pipe.
    pub fn stderr(&mut self) -> Client {
        Client::new(self.child.stderr.take().unwrap().into(), None)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `command` with the slave of a new pty for everything, and its master.
pub fn forkpty(mut command: Command, mode: Mode) -> (Command, Client) {
    let (master, slave) = pty(mode);
    command
        .stdin(slave.try_clone().unwrap())
        .stdout(slave.try_clone().unwrap())
        .stderr(slave);
    #[allow(unsafe_code)]
    // SAFETY: between fork and exec it makes two system calls, and both are async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            Errno::result(libc::setsid())?;
            Errno::result(libc::ioctl(0, libc::TIOCSCTTY as _, 0))?;
            Ok(())
        });
    }
    (command, Client::both_ways(master))
}

/// `signal` for the child of `command` when the thread that starts it ends, as wpantund asks for.
pub fn signal_when_parent_dies(command: &mut Command, signal: Signal) {
    #[allow(unsafe_code)]
    // SAFETY: between fork and exec it makes one system call, which is async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            Errno::result(libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong))?;
            Ok(())
        });
    }
}

/// A new pty: its master, its slave.
pub fn pty(mode: Mode) -> (OwnedFd, OwnedFd) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = open_terminal(Path::new(&ptsname_r(&master).unwrap()), OFlag::empty());
    if mode == Mode::Raw {
        let mut settings = tcgetattr(&slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&slave, SetArg::TCSANOW, &settings).unwrap();
    }
    (master.into(), slave)
}

/// A pair of connected sockets: ours, theirs.
pub fn sockets(kind: SockType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap()
}

/// A pipe: its read end, its write end. With O_DIRECT it keeps writes apart.
pub fn pipe(flags: OFlag) -> (OwnedFd, OwnedFd) {
    pipe2(flags | OFlag::O_CLOEXEC).unwrap()
}

/// Opens a terminal like a serial port, and changes none of its settings.
pub fn open_terminal(path: &Path, flags: OFlag) -> OwnedFd {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlag::O_NOCTTY | flags).bits())
        .open(path)
        .unwrap()
        .into()
}

/// What a client was told.
#[derive(Clone, PartialEq, Eq)]
pub enum Said {
    /// A frame.
    Frame(Vec<u8>),
    /// The marker 7E 13 11 7E.
    Reset,
    /// The channel was closed.
    End,
    /// Nothing, in the time given.
    Nothing,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::Frame(frame) => {
                let head = &frame[..frame.len().min(32)];
                write!(f, "frame of {}: {}", frame.len(), hex(head))
            }
            Said::Reset => f.write_str("reset"),
            Said::End => f.write_str("end"),
            Said::Nothing => f.write_str("nothing"),
        }
    }
}

/// The host's end of a channel. Checks that nothing but HDLC comes out of it, when it is dropped.
pub struct Client {
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
    decoder: Decoder,
    /// Octets that were read and not decoded.
    waiting: VecDeque<u8>,
    /// All octets that were read.
    pub seen: Vec<u8>,
}

impl Client {
    /// Reads from `input`, writes to `output`.
    pub fn new(input: OwnedFd, output: Option<OwnedFd>) -> Client {
        for fd in Some(&input).into_iter().chain(&output) {
            let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap());
            fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
        }
        Client {
            input: Some(input),
            output,
            decoder: Decoder::new(),
            waiting: VecDeque::new(),
            seen: Vec::new(),
        }
    }

    /// Reads from and writes to `fd`.
    pub fn both_ways(fd: OwnedFd) -> Client {
        let output = fd.try_clone().unwrap();
        Client::new(fd, Some(output))
    }

    /// Opens the pty at `path`.
    pub fn open(path: &Path) -> Client {
        Client::both_ways(open_terminal(path, OFlag::O_NONBLOCK))
    }

    /// Sends `frame` in HDLC.
    #[track_caller]
    pub fn send(&self, frame: &[u8]) {
        self.send_octets(&hdlc(frame));
    }

    /// Sends octets as they are, in as few writes as they need.
    #[track_caller]
    pub fn send_octets(&self, octets: &[u8]) {
        self.writer().write(octets, LIMIT);
    }

    /// Another handle of the writing side, for a thread of its own.
    pub fn writer(&self) -> Writer {
        Writer(self.output.as_ref().unwrap().try_clone().unwrap())
    }

    pub fn close_output(&mut self) {
        self.output = None;
    }

    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// What comes next, within [`LIMIT`].
    #[track_caller]
    pub fn next(&mut self) -> Said {
        match self.next_within(LIMIT) {
            Said::Nothing => panic!("nothing came within {LIMIT:?}"),
            said => said,
        }
    }

    /// What comes next, or [`Said::Nothing`].
    #[track_caller]
    pub fn next_within(&mut self, limit: Duration) -> Said {
        let deadline = Instant::now() + limit;
        loop {
            self.waiting.make_contiguous();
            let (taken, event) = self.decoder.decode(self.waiting.as_slices().0);
            self.waiting.drain(..taken);
            match event {
                Some(Event::Frame { len }) => {
                    return Said::Frame(self.decoder.frame(len).to_vec());
                }
                Some(Event::Reset) => return Said::Reset,
                Some(Event::Discarded(why)) => panic!("{why:?} in {}", hex(&self.seen)),
                None => {}
            }
            let mut buffer = vec![0; 65_536];
            match self.read_within(
                &mut buffer,
                deadline.saturating_duration_since(Instant::now()),
            ) {
                None => return Said::Nothing,
                Some(0) => return Said::End,
                Some(length) => {
                    self.waiting.extend(&buffer[..length]);
                    self.seen.extend(&buffer[..length]);
                }
            }
        }
    }

    /// One read: 0 at the end, `None` if nothing came in time.
    pub fn read_within(&mut self, buffer: &mut [u8], limit: Duration) -> Option<usize> {
        let fd = self.input.as_ref().unwrap();
        if !wait_for(fd, PollFlags::POLLIN, limit) {
            return None;
        }
        match nix::unistd::read(fd, buffer) {
            Ok(length) => Some(length),
            Err(Errno::EIO | Errno::ECONNRESET) => Some(0),
            Err(Errno::EAGAIN) => None,
            Err(error) => panic!("read: {error}"),
        }
    }

    /// The next packet of a channel that keeps packets apart.
    #[track_caller]
    pub fn packet(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        let length = self.read_within(&mut buffer, LIMIT).expect("no packet");
        buffer.truncate(length);
        buffer
    }

    /// What every start and every hardware reset begins with.
    #[track_caller]
    pub fn expect_reset(&mut self) {
        assert_eq!(self.next(), Said::Reset);
        assert_eq!(self.next(), Said::Frame(RESET_NOTIFICATION.to_vec()));
    }

    #[track_caller]
    pub fn expect_frame(&mut self, frame: &[u8]) {
        assert_eq!(self.next(), Said::Frame(frame.to_vec()));
    }

    #[track_caller]
    pub fn expect_silence(&mut self) {
        assert_eq!(self.next_within(SILENCE), Said::Nothing);
    }

    /// Sends `frame`, which must come back as the next thing.
    #[track_caller]
    pub fn expect_echo(&mut self, frame: &[u8]) {
        self.send(frame);
        self.expect_frame(frame);
    }

    /// The octets up to the end of the line, without it.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let (deadline, mut line) = (Instant::now() + LIMIT, Vec::new());
        let mut octet = [0];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.read_within(&mut octet, left) {
                Some(1) if octet[0] == b'\n' => return String::from_utf8(line).unwrap(),
                Some(1) => line.push(octet[0]),
                end => panic!("{end:?} in the line {:?}", String::from_utf8_lossy(&line)),
            }
        }
    }

    /// All octets up to the end of the channel, within [`LIMIT`].
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        let (deadline, mut all) = (Instant::now() + LIMIT, Vec::new());
        let mut buffer = vec![0; 65_536];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.read_within(&mut buffer, left) {
                Some(0) => return all,
                Some(length) => all.extend(&buffer[..length]),
                None => panic!("no end after {}", hex(&all)),
            }
        }
    }

    /// The text up to the end of the channel.
    #[track_caller]
    pub fn text(&mut self) -> String {
        String::from_utf8(self.rest()).unwrap()
    }

    /// Every octet that was read belongs to a frame with its own flag before and its own behind, to the
    /// marker, or to a frame that has not ended yet; and inside a frame all is escaped that must be.
    #[track_caller]
    pub fn check_octets(&self) {
        let mut rest = &self.seen[..];
        while !rest.is_empty() {
            assert_eq!(
                rest[0],
                FLAG,
                "no flag at {} of {}",
                hex(rest),
                hex(&self.seen)
            );
            let Some(len) = rest[1..].iter().position(|&octet| octet == FLAG) else {
                return;
            };
            let (frame, next) = rest.split_at(len + 2);
            let body = &frame[1..=len];
            if frame != RESET_SEQUENCE {
                let mut decoder = Decoder::new();
                let (_, event) = decoder.decode(frame);
                assert!(matches!(event, Some(Event::Frame { .. })), "{}", hex(frame));
                let plain = |octet: &u8| matches!(octet, 0x11 | 0x13 | 0xF8);
                assert!(!body.iter().any(plain), "not escaped: {}", hex(frame));
            }
            rest = next;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check_octets();
        }
    }
}

/// The writing side of a [`Client`].
pub struct Writer(OwnedFd);

impl Writer {
    /// Writes everything, within `limit`.
    #[track_caller]
    pub fn write(&self, mut octets: &[u8], limit: Duration) {
        let deadline = Instant::now() + limit;
        while !octets.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                wait_for(&self.0, PollFlags::POLLOUT, left),
                "no room for {}",
                octets.len()
            );
            match nix::unistd::write(&self.0, octets) {
                Ok(length) => octets = &octets[length..],
                Err(Errno::EAGAIN) => {}
                Err(error) => panic!("write: {error}"),
            }
        }
    }

    /// Writes `octets` again and again until there is no room for a while. Returns how many went.
    pub fn fill(&self, octets: &[u8]) -> usize {
        let mut sent = 0;
        while wait_for(&self.0, PollFlags::POLLOUT, SILENCE) {
            match nix::unistd::write(&self.0, &octets[sent % octets.len()..]) {
                Ok(length) => sent += length,
                Err(Errno::EAGAIN) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => panic!("write: {error}"),
            }
        }
        sent
    }
}

/// Whether `fd` is ready before `limit` is over. A hangup is ready, too.
fn wait_for(fd: &OwnedFd, what: PollFlags, limit: Duration) -> bool {
    let mut ready = [PollFd::new(fd.as_fd(), what)];
    // Rounded up, or the last part of a millisecond would be spent spinning.
    let limit = u16::try_from(limit.as_millis() + 1).unwrap();
    match poll(&mut ready, PollTimeout::from(limit)) {
        Ok(count) => count == 1,
        Err(error) => panic!("poll of {}: {error}", fd.as_raw_fd()),
    }
}

/// `frame` in HDLC, with a flag on either side.
pub fn hdlc(frame: &[u8]) -> Vec<u8> {
    let mut octets = vec![0xA5; encoded_max(frame.len())];
    let len = encode(frame, &mut octets).unwrap();
    octets.truncate(len);
    octets
}

/// `frame` in HDLC as pyspinel sends it: only 7E and 7D are escaped.
pub fn pyspinel_hdlc(frame: &[u8]) -> Vec<u8> {
    let mut octets = vec![FLAG];
    let fcs = spinel_bridge::wire::fcs::of(frame);
    for &octet in frame.iter().chain(&fcs) {
        match octet {
            FLAG | ESCAPE => octets.extend([ESCAPE, octet ^ 0x20]),
            _ => octets.push(octet),
        }
    }
    octets.push(FLAG);
    octets
}

/// A Spinel frame of `len` octets that are random from `seed`, with TID 1 in front.
pub fn random_frame(len: usize, seed: u64) -> Vec<u8> {
    let mut rng = Rng::new(seed);
    let mut frame: Vec<u8> = (0..len).map(|_| rng.next_u64() as u8).collect();
    frame[0] = 0x81;
    frame
}

pub fn hex(octets: &[u8]) -> String {
    let mut text = String::new();
    for octet in octets {
        let _ = write!(text, "{octet:02X} ");
    }
    text
}

/// A directory of its own for one test, gone with it.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits until `condition` holds, up to [`LIMIT`].
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {LIMIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Time on a processor, in steps of 10 ms.
    pub cpu: Duration,
    /// How often it went to sleep, which is as often as it woke up.
    pub sleeps: u64,
}

/// What the process `pid` has used; it may have ended, as long as nobody waited for it.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The fields behind the name in brackets, from the third on (proc(5)): utime and stime are the 14th
    // and 15th, in USER_HZ, which is 100 for every user program.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    let ticks = |number: usize| fields[number - 3].parse::<u64>().unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let sleeps = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
        .map_or(0, |count| count.trim().parse().unwrap());
    Ok(Usage {
        cpu: Duration::from_millis(10) * (ticks(14) + ticks(15)) as u32,
        sleeps,
    })
}

const BINARY: &str = env!("CARGO_BIN_EXE_spinel-bridge");
