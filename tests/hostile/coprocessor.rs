//! A co-processor in this process, behind a Unix socket that the driver reaches by `system:socat`: the simulated
//! one, whose answers are altered on their way as the test says, and frames of the test's own.

use super::lies::{frame, packed, Liar, UNASKED};
use crate::hosts::{Host, Process};
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::sim::radio::Surroundings;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::sim::{self, Firmware, ResetCause};
use spinel_bridge::time::Instant;
use spinel_bridge::wire::ids::{Command, Property};
use spinel_bridge::wire::spinel::Frame;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// The co-processor; it ends when this is dropped.
pub(crate) struct Coprocessor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    socket: PathBuf,
}

/// By what it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Command,
    Tcp,
    Serial,
}

#[derive(Default)]
struct Shared {
    ends: AtomicBool,
    /// Of 100 frames to the host so many are altered.
    lies: AtomicU64,
    /// Octets to be said as they are.
    queue: Mutex<VecDeque<Vec<u8>>>,
    /// What the host has been sent so far, in octets, and commands that it sent.
    said: AtomicU64,
    heard: AtomicU64,
}

impl Coprocessor {
    pub(crate) fn start(folder: &Path, seed: u64) -> Coprocessor {
        let socket = folder.join("coprocessor");
        let listener = UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let spec: Spec = format!("hurry:auto-init:extras:seed={seed}")
                .parse()
                .unwrap();
            let mut firmware = sim::firmware(&spec, Surroundings::default());
            firmware.reset(Instant::ZERO, ResetCause::PowerOn);
            let line = Line {
                firmware,
                liar: Liar::new(seed),
                shared: inside,
                epoch: std::time::Instant::now(),
                output: VecDeque::new(),
            };
            line.serve(&listener);
        });
        Coprocessor {
            shared,
            thread: Some(thread),
            socket,
        }
    }

    /// The device for the driver in the namespace of `host`, and what is between it and us.
    pub(crate) fn device(&self, transport: Transport, host: &Host) -> (String, Option<Process>) {
        let socket = format!("UNIX-CONNECT:{}", self.socket.display());
        let between = |listens: &str| {
            let mut command = host.command("socat");
            command.args([listens, &socket]).stdin(Stdio::null());
            Process(command.spawn().unwrap())
        };
        match transport {
            Transport::Command => (format!("system:exec socat - {socket}"), None),
            Transport::Tcp => {
                let socat = between("TCP4-LISTEN:4000,bind=127.0.0.1,reuseaddr,fork");
                host.wait_for("a listener", |host| {
                    host.listens("tcp", 4_000).then_some(())
                });
                ("tcp:127.0.0.1:4000".to_owned(), Some(socat))
            }
            Transport::Serial => {
                let port = self.socket.with_file_name("port");
                let socat = between(&format!("PTY,link={},rawer,wait-slave", port.display()));
                host.wait_for("a port", |_| port.exists().then_some(()));
                (format!("serial:{}", port.display()), Some(socat))
            }
        }
    }

    /// From now on so many of 100 frames to the host are altered.
    pub(crate) fn lie(&self, percent: u64) {
        self.shared.lies.store(percent, Ordering::SeqCst);
    }

    /// Says a frame.
    pub(crate) fn say(&self, frame: &[u8]) {
        let mut octets = vec![0; encoded_max(frame.len())];
        let len = encode(frame, &mut octets).expect("room for any frame");
        octets.truncate(len);
        self.say_octets(octets);
    }

    /// Says octets as they are.
    pub(crate) fn say_octets(&self, octets: Vec<u8>) {
        self.shared.queue.lock().unwrap().push_back(octets);
    }

    /// The value of a property, unasked.
    pub(crate) fn tell(&self, property: Property, value: &[u8]) {
        self.say(&frame(UNASKED, Command::PROP_VALUE_IS, property, value));
    }

    /// Whether all that was to be said has been read.
    pub(crate) fn has_said_all(&self) -> bool {
        self.shared.queue.lock().unwrap().is_empty()
    }

    /// How many octets it has said.
    pub(crate) fn said(&self) -> u64 {
        self.shared.said.load(Ordering::SeqCst)
    }

    /// How many commands it has heard.
    pub(crate) fn heard(&self) -> u64 {
        self.shared.heard.load(Ordering::SeqCst)
    }
}

impl Drop for Coprocessor {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Line {
    firmware: Box<dyn Firmware>,
    liar: Liar,
    shared: Arc<Shared>,
    epoch: std::time::Instant,
    output: VecDeque<u8>,
}

impl Line {
    fn serve(mut self, listener: &UnixListener) {
        let mut client: Option<UnixStream> = None;
        let mut decoder = Decoder::new();
        while !self.shared.ends.load(Ordering::SeqCst) {
            if let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(true).unwrap();
                client = Some(stream);
                decoder = Decoder::new();
                self.output.clear();
            }
            let Some(stream) = &mut client else {
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            let is_busy = match self.turn(stream, &mut decoder) {
                Ok(is_busy) => is_busy,
                Err(_) => {
                    client = None;
                    continue;
                }
            };
            if !is_busy {
                thread::sleep(Duration::from_micros(500));
            }
        }
    }

    fn turn(&mut self, stream: &mut UnixStream, decoder: &mut Decoder) -> std::io::Result<bool> {
        let now = Instant::ZERO + self.epoch.elapsed();
        let mut is_busy = false;
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                is_busy = true;
                let mut rest = &buffer[..n];
                while let (taken, Some(event)) = decoder.decode(rest) {
                    rest = &rest[taken..];
                    if let Event::Frame { len } = event {
                        self.shared.heard.fetch_add(1, Ordering::SeqCst);
                        self.firmware.receive(now, decoder.frame(len));
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        self.firmware.poll(now);
        if let Some(cause) = self.firmware.take_reset_request() {
            self.firmware.reset(now, cause);
        }
        let mut frame = [0; 1_300];
        while self.output.len() < ROOM {
            if let Some(octets) = self.shared.queue.lock().unwrap().pop_front() {
                self.output.extend(octets);
            }
            let Some(len) = self.firmware.transmit(now, &mut frame) else {
                break;
            };
            self.alter(&frame[..len]);
        }
        let (front, _) = self.output.as_slices();
        match stream.write(front) {
            Ok(n) => {
                is_busy |= n > 0;
                self.shared.said.fetch_add(n as u64, Ordering::SeqCst);
                self.output.drain(..n);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        Ok(is_busy || !self.shared.queue.lock().unwrap().is_empty())
    }

    /// Passes a frame on, or something else in its place.
    fn alter(&mut self, honest: &[u8]) {
        let lies = self.shared.lies.load(Ordering::SeqCst) as usize;
        if self.liar.below(100) >= lies {
            return self.put(honest);
        }
        let parsed = Frame::parse(honest).ok();
        let property = parsed.and_then(|frame| Some(frame.property().ok()?.0));
        match (self.liar.below(12), property) {
            // Not at all, twice.
            (0, _) => {}
            (1, _) => {
                self.put(honest);
                self.put(honest);
            }
            // For another transaction, or another interface.
            (2, _) => self.put(&[&[honest[0] ^ 0x05], &honest[1..]].concat()),
            (3, _) => self.put(&[&[honest[0] ^ 0x20], &honest[1..]].concat()),
            (4, _) => {
                let status = self.liar.below(140) as u32;
                let value = packed(status);
                let told = Command::PROP_VALUE_IS;
                let answer = frame(honest[0], told, Property::LAST_STATUS, &value);
                self.put(&answer);
            }
            (5, _) => {
                let len = self.liar.below(honest.len()) + 1;
                self.put(&honest[..len]);
            }
            (_, Some(property)) => {
                let value = self.liar.value_of(property);
                let answer = frame(honest[0], Command::PROP_VALUE_IS, property, &value);
                self.put(&answer);
            }
            (_, None) => self.put(honest),
        }
    }

    fn put(&mut self, frame: &[u8]) {
        let mut octets = vec![0; encoded_max(frame.len())];
        let len = encode(frame, &mut octets).expect("room for any frame");
        self.output.extend(&octets[..len]);
    }
}

/// It says no more before the host has read what it said.
const ROOM: usize = 16_384;
