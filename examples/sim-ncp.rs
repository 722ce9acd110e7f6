//! A simulated NCP on a serial line that outlives whoever talks to it: for trying the transports
//! `tcp:`, `serial:` and `system:`, and what a host does that restarts beside an NCP that does not.
//!
//! ```sh
//! cargo run --example sim-ncp -- --tcp 127.0.0.1:9000 [SPEC]     # one client after the other
//! cargo run --example sim-ncp -- --pty [SPEC]                    # prints the pty's name
//! cargo run --example sim-ncp -- --stdio [SPEC]                  # ends with its input
//! ```
//!
//! `SPEC` is that of `sim:`, with or without the word: `seed=7:radio=/tmp/air:state=/tmp/ncp`. What is
//! about the SPI bus in it has no effect. Frames are HDLC-lite (protocol §6); `7E 13 11 7E` pulls the reset
//! line.

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use spinel_bridge::bridge::Upper;
use spinel_bridge::hdlc::Port;
use spinel_bridge::io::client::{Client, Read, Write};
use spinel_bridge::io::pty::Pty;
use spinel_bridge::io::radio;
use spinel_bridge::io::stdio::Stdio;
use spinel_bridge::sim::spec::Spec;
use spinel_bridge::sim::{self, Firmware, ResetCause};
use spinel_bridge::time::Instant;
use std::error::Error;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sim-ncp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let (line, spec) = parse(arguments)?;
    let (surroundings, radio_fd) = radio::open(&spec)?;
    let mut ncp = Ncp {
        poll: Poll::new()?,
        epoch: std::time::Instant::now(),
        firmware: sim::firmware(&spec, surroundings),
        port: Port::new(),
        line,
    };
    ncp.firmware.reset(Instant::ZERO, ResetCause::PowerOn);
    ncp.port.set_client(!matches!(ncp.line, Line::Tcp(..)));
    for fd in ncp.line.fds().into_iter().chain(radio_fd) {
        ncp.watch(fd)?;
    }
    let mut events = Events::with_capacity(8);
    loop {
        if !ncp.turn()? {
            return Ok(());
        }
        let now = ncp.now();
        let timeout = ncp.firmware.poll_timeout().map(|at| at.since(now));
        match ncp.poll.poll(&mut events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
    }
}

fn parse(arguments: &[String]) -> Result<(Line, Spec), Box<dyn Error>> {
    let (line, rest) = match arguments {
        [option, address, rest @ ..] if option == "--tcp" => {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            println!("{}", listener.local_addr()?);
            (Line::Tcp(listener, None), rest)
        }
        [option, rest @ ..] if option == "--pty" => {
            let pty = Pty::open(None).map_err(|error| error.to_string())?;
            println!("{}", pty.name().display());
            (Line::Client(Box::new(Client::Pty(pty))), rest)
        }
        [option, rest @ ..] if option == "--stdio" => {
            let stdio = Client::Stream(Stdio::stream()?);
            (Line::Client(Box::new(stdio)), rest)
        }
        _ => return Err(USAGE.into()),
    };
    let spec = match rest {
        [] => Spec::default(),
        [spec] => spec.strip_prefix("sim:").unwrap_or(spec).parse()?,
        _ => return Err(USAGE.into()),
    };
    Ok((line, spec))
}

/// What the octets go over.
enum Line {
    Tcp(TcpListener, Option<TcpStream>),
    Client(Box<Client>),
}

impl Line {
    fn fds(&self) -> Vec<RawFd> {
        match self {
            Line::Tcp(listener, _) => vec![listener.as_raw_fd()],
            Line::Client(client) => match &**client {
                Client::Pty(pty) => core::iter::once(pty.fd()).chain(pty.hint_fd()).collect(),
                Client::Stream(stdio) | Client::Frames(stdio) => {
                    vec![stdio.input_fd(), stdio.output_fd()]
                }
            },
        }
    }

    fn read(&mut self, space: &mut [u8]) -> std::io::Result<Read> {
        match self {
            Line::Client(client) => client.read(space),
            Line::Tcp(_, None) => Ok(Read::NoClient),
            Line::Tcp(_, Some(stream)) => match stream.read(space) {
                Ok(0) => Ok(Read::NoClient),
                Ok(n) => Ok(Read::Octets(n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Read::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Read::Octets(0)),
                Err(_) => Ok(Read::NoClient),
            },
        }
    }

    fn write(&mut self, octets: &[u8]) -> std::io::Result<Write> {
        match self {
            Line::Client(client) => client.write(octets),
            Line::Tcp(_, None) => Ok(Write::NoClient),
            Line::Tcp(_, Some(stream)) => match stream.write(octets) {
                Ok(n) => Ok(Write::Octets(n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Write::Blocked),
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Write::Octets(0)),
                Err(_) => Ok(Write::NoClient),
            },
        }
    }
}

struct Ncp {
    poll: Poll,
    epoch: std::time::Instant,
    firmware: Box<dyn Firmware>,
    port: Port,
    line: Line,
}

impl Ncp {
    fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }

    /// What epoll refuses (a regular file) is read and written all the same.
    fn watch(&self, fd: RawFd) -> std::io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        match registry.register(&mut SourceFd(&fd), Token(0), both) {
            // Also if it is watched already: input and output may be one.
            Err(error)
                if ![ErrorKind::PermissionDenied, ErrorKind::AlreadyExists]
                    .contains(&error.kind()) =>
            {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Does all there is to do without waiting; false at the end of the input.
    fn turn(&mut self) -> std::io::Result<bool> {
        self.accept()?;
        loop {
            let more = match self.read()? {
                Read::End => return Ok(false),
                Read::Octets(_) => true,
                Read::Blocked | Read::NoClient => false,
            };
            let talked = self.talk();
            let wrote = self.write()?;
            if !(more || talked || wrote) {
                return Ok(true);
            }
        }
    }

    /// A new client takes the place of the one before.
    fn accept(&mut self) -> std::io::Result<()> {
        let Line::Tcp(listener, client) = &mut self.line else {
            if let Line::Client(client) = &mut self.line {
                client.drain_hints();
            }
            return Ok(());
        };
        let mut accepted = None;
        while let Ok((stream, _)) = listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            accepted = Some(stream);
        }
        if let Some(stream) = accepted {
            let fd = stream.as_raw_fd();
            *client = Some(stream);
            self.port.set_client(false);
            self.port.set_client(true);
            self.watch(fd)?;
        }
        Ok(())
    }

    fn read(&mut self) -> std::io::Result<Read> {
        let space = self.port.input();
        if space.is_empty() {
            return Ok(Read::Blocked);
        }
        let read = self.line.read(space)?;
        match (read, &mut self.line) {
            (Read::Octets(n), _) => self.port.input_filled(n),
            (Read::NoClient, Line::Tcp(_, client)) => *client = None,
            _ => {}
        }
        let there = match &self.line {
            Line::Tcp(_, client) => client.is_some(),
            Line::Client(client) => client.is_there(),
        };
        self.port.set_client(there);
        Ok(read)
    }

    /// Moves frames between the line and the firmware; whether there were any.
    fn talk(&mut self) -> bool {
        let now = self.now();
        let mut talked = false;
        if self.port.take_reset_request() {
            self.firmware.reset(now, ResetCause::External);
        }
        self.firmware.poll(now);
        while self.firmware.is_ready() {
            let Some(frame) = self.port.next_frame() else {
                break;
            };
            self.firmware.receive(now, frame);
            talked = true;
        }
        if let Some(cause) = self.firmware.take_reset_request() {
            self.firmware.reset(now, cause);
        }
        let mut buf = [0; FRAME_LEN];
        while self.port.has_room() {
            let Some(len) = self.firmware.transmit(now, &mut buf) else {
                break;
            };
            self.port.deliver(&buf[..len]);
            talked = true;
        }
        talked
    }

    /// Whether anything was written.
    fn write(&mut self) -> std::io::Result<bool> {
        let mut wrote = false;
        while !self.port.output().is_empty() {
            match self.line.write(self.port.output())? {
                Write::Octets(n) => {
                    self.port.output_written(n);
                    wrote |= n > 0;
                }
                Write::Blocked => break,
                Write::NoClient | Write::End => self.port.set_client(false),
            }
        }
        Ok(wrote)
    }
}

const USAGE: &str = "usage: sim-ncp --tcp ADDRESS:PORT | --pty | --stdio [SPEC]";
/// The longest frame (protocol §1.1).
const FRAME_LEN: usize = 1300;
