//! A client of the translator's pty that does all that a program can do to a terminal: writes what makes no sense, reads
//! nothing, stops the output, sets it up as it should not be, and comes and goes without a pause. The bridge goes on, and
//! the next client finds what the first one found.

use crate::{rounds, seed};
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::termios::{
    cfmakeraw, tcflow, tcflush, tcgetattr, tcsetattr, BaudRate, ControlFlags, FlowArg, FlushArg,
    InputFlags, LocalFlags, OutputFlags, SetArg, Termios,
};
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::sim::rng::Rng;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Machines are loaded.
const LIMIT: Duration = Duration::from_secs(60);

struct Translator {
    process: crate::hosts::Process,
    link: PathBuf,
    log: PathBuf,
    _folder: crate::hosts::Folder,
}

/// What the bridge costs.
#[derive(Clone, Copy, Debug)]
struct Cost {
    memory: u64,
    descriptors: usize,
    log: u64,
}

impl Translator {
    fn start(device: &str) -> Translator {
        let folder = crate::hosts::Folder::new();
        let (link, log) = (folder.join("ncp"), folder.join("log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_spinel-bridge"));
        command
            .arg("--pty-link")
            .arg(&link)
            .arg("--log")
            .arg(format!("file:{}", log.display()))
            .arg(device)
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = crate::hosts::Process(command.spawn().unwrap());
        crate::hosts::wait("the link", || link.is_symlink().then_some(()));
        Translator {
            process,
            link,
            log,
            _folder: folder,
        }
    }

    /// A terminal, opened for itself, and without waiting.
    fn open(&self) -> File {
        open(&self.link)
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.process.0.id()))
    }

    fn cost(&mut self) -> Cost {
        assert!(self.process.is_running(), "{}", self.text());
        let status = fs::read_to_string(self.proc("status")).expect("it runs");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("RssAnon:"));
        let memory = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        Cost {
            memory: memory.expect("RssAnon"),
            descriptors: fs::read_dir(self.proc("fd")).unwrap().count(),
            log: fs::metadata(&self.log).map_or(0, |log| log.len()),
        }
    }

    /// Processor time so far, in clock ticks.
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(self.proc("stat")).expect("it runs");
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().unwrap())
            .sum()
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The next client finds a raw terminal, and gets the answer to what it asks. One that comes before the bridge has
    /// missed the one before it is the same client to it, and comes again.
    fn serves(&mut self, number: u8) {
        let end = Instant::now() + LIMIT;
        while !self.answers(&[0x81, 0x02, number]) {
            assert!(Instant::now() < end, "no answer: {}", self.text());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn answers(&self, frame: &[u8]) -> bool {
        let mut terminal = self.open();
        let found = tcgetattr(&terminal).unwrap();
        if raw(&found) != found {
            return false;
        }
        let mut octets = vec![0; encoded_max(frame.len())];
        let len = encode(frame, &mut octets).unwrap();
        if terminal.write(&octets[..len]).ok() != Some(len) {
            return false;
        }
        let mut decoder = Decoder::new();
        let mut buffer = [0; 4_096];
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            match terminal.read(&mut buffer) {
                Ok(n) => {
                    let mut rest = &buffer[..n];
                    while let (taken, Some(event)) = decoder.decode(rest) {
                        rest = &rest[taken..];
                        if matches!(event, Event::Frame { len } if decoder.frame(len) == frame) {
                            return true;
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}: {}", self.text()),
            }
        }
        false
    }

    /// Nobody is there: it sleeps.
    fn rests(&self) {
        let end = Instant::now() + LIMIT;
        loop {
            let before = self.ticks();
            std::thread::sleep(Duration::from_secs(1));
            // A tenth of a processor; what is left of before may take a moment.
            if self.ticks() - before <= 10 {
                return;
            }
            assert!(Instant::now() < end, "it spins: {}", self.text());
        }
    }
}

fn open(link: &Path) -> File {
    let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(flags.bits());
    options.open(link).unwrap()
}

fn raw(found: &Termios) -> Termios {
    let mut raw = found.clone();
    cfmakeraw(&mut raw);
    raw
}

/// As much as it takes at once.
fn write(terminal: &mut File, octets: &[u8], amount: usize) {
    let (mut written, end) = (0, Instant::now() + Duration::from_secs(2));
    while written < amount && Instant::now() < end {
        match terminal.write(octets) {
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(1));
            }
            // Hung up, or stopped.
            Err(_) => return,
        }
    }
}

/// One thing that a program may do to a terminal, and the end of the program.
fn misbehave(translator: &Translator, kind: usize, rng: &mut Rng) {
    let mut terminal = translator.open();
    let usual = tcgetattr(&terminal).unwrap();
    let set = |terminal: &File, settings: &Termios| {
        let _ = tcsetattr(terminal, SetArg::TCSANOW, settings);
    };
    let frames: Vec<u8> = (0..20)
        .flat_map(|n| {
            let frame = [&[0x82, 0x02, n][..], &[n; 900]].concat();
            let mut octets = vec![0; encoded_max(frame.len())];
            let len = encode(&frame, &mut octets).unwrap();
            octets.truncate(len);
            octets
        })
        .collect();
    match kind {
        // Nonsense, and reads nothing.
        0 => {
            let noise: Vec<u8> = (0..4_096).map(|_| rng.next_u64() as u8).collect();
            write(&mut terminal, &noise, 300_000);
        }
        // Frames whose answers nobody reads.
        1 => write(&mut terminal, &frames, 500_000),
        // The output stopped, by call and by character.
        2 => {
            let _ = tcflow(&terminal, FlowArg::TCOOFF);
            write(&mut terminal, &frames, 100_000);
        }
        3 => {
            let mut settings = usual.clone();
            settings.input_flags |= InputFlags::IXON | InputFlags::IXOFF;
            set(&terminal, &settings);
            write(&mut terminal, &[0x13], 1);
            write(&mut terminal, &frames, 100_000);
        }
        // As for a person: echo, lines, signals, other newlines.
        4 => {
            let mut settings = usual.clone();
            settings.local_flags |= LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
            settings.input_flags |= InputFlags::ICRNL | InputFlags::ISTRIP | InputFlags::INLCR;
            settings.output_flags |= OutputFlags::OPOST | OutputFlags::OLCUC | OutputFlags::ONLCR;
            set(&terminal, &settings);
            write(&mut terminal, &frames, 100_000);
            write(&mut terminal, b"\x03\x04\x1A\x1C\x11\x13\r\n", 8);
        }
        // Odd speeds, five bits, and hung up.
        5 => {
            let mut settings = usual.clone();
            settings.control_flags &= !(ControlFlags::CSIZE | ControlFlags::CBAUD);
            settings.control_flags |= ControlFlags::PARENB | ControlFlags::CSTOPB;
            settings.control_flags |= ControlFlags::from_bits_retain(BaudRate::B50 as u32);
            set(&terminal, &settings);
            write(&mut terminal, &frames, 50_000);
            settings.control_flags &= !ControlFlags::CBAUD; // B0
            set(&terminal, &settings);
        }
        // For itself alone, with another discipline, octets of its own making, and all thrown away.
        6 => {
            let mut python = Command::new("python3");
            python.arg("-c").arg(IOCTLS).arg(&translator.link);
            assert!(python.status().unwrap().success());
            write(&mut terminal, &frames, 50_000);
            let _ = tcflush(&terminal, FlushArg::TCIOFLUSH);
        }
        // Comes and goes.
        7 => {
            for round in 0..300_usize {
                let mut other = translator.open();
                let len = round % frames.len();
                let _ = other.write(&frames[..len.max(1)]);
            }
        }
        // Many at once, each with half a frame.
        8 => {
            let mut all: Vec<File> = (0..50).map(|_| translator.open()).collect();
            for (index, one) in all.iter_mut().enumerate() {
                let _ = one.write(&frames[..index * 17 + 1]);
            }
        }
        // Asks for resets, again and again.
        _ => write(&mut terminal, &[0x7E, 0x13, 0x11, 0x7E], 400),
    }
}

/// What no crate has a safe call for. What the kernel refuses is refused.
const IOCTLS: &str = "
import fcntl, os, struct, sys, termios
terminal = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
n_hdlc = struct.pack('i', 13)
for request, argument in [
    (termios.TIOCEXCL, 0), (termios.TIOCSETD, n_hdlc), (termios.TIOCSTI, b'x'), (termios.TIOCSCTTY, 0),
]:
    try:
        fcntl.ioctl(terminal, request, argument)
    except OSError:
        pass
os.write(terminal, b'half a frame')
";

const KINDS: usize = 10;

#[test]
fn clients_of_the_pty() {
    let mut translator = Translator::start(&format!("sim:echo:seed={}", seed()));
    let mut rng = Rng::new(seed());
    translator.serves(0);
    // What the first of each kind loads is no growth.
    for kind in 0..KINDS {
        misbehave(&translator, kind, &mut rng);
        translator.serves(1);
    }
    translator.rests();
    let before = translator.cost();
    for round in 0..20 * rounds() {
        let kind = rng.below(KINDS as u64) as usize;
        println!("{round}: {kind}");
        misbehave(&translator, kind, &mut rng);
        // Half of the time somebody worse comes next.
        if rng.below(2) == 0 {
            translator.serves(round as u8);
        }
    }
    translator.serves(2);
    translator.rests();
    let after = translator.cost();
    println!("{before:?} {after:?}");
    assert!(after.memory <= before.memory + 128, "{before:?} {after:?}");
    assert_eq!(after.descriptors, before.descriptors);
    assert!(after.log < 200_000, "{}", translator.text());
    assert!(
        !translator.text().contains("panic"),
        "{}",
        translator.text()
    );
    translator.process.signal(Signal::SIGTERM);
    assert_eq!(translator.process.ended(), Some(0));
    assert!(!translator.link.is_symlink(), "its link is left");
}
