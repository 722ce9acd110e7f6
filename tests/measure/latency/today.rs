//! The rule of the hosts in use (`spi-hdlc-adapter`) on a real pty: a loop around poll(2) that offers 32
//! octets whatever comes, pauses for 1, 10 or 33 ms after a refusal, and reads the client's octets one
//! by one (protocol §5.4, §5.7).
//!
//! Of the rest the best is assumed: one call for INT's level and one for its edge (those hosts seek and
//! read a file of sysfs, before and after each wait), no wait before a write, a pty that is raw, no log.

use super::bus::Wired;
use crate::process::{self, Mode};
use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg, OFlag};
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use spinel_bridge::bus::{Bus, Line};
use spinel_bridge::hdlc::decode::{Decoder, Event};
use spinel_bridge::hdlc::encode::{encode, encoded_max};
use spinel_bridge::wire::spi::{self, Header, Reading, FRAME_MAX, HEADER_LEN};
use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Serves `bus` on a pty, whose name it prints, until it is killed.
pub fn serve(bus: Wired) {
    let (master, slave) = process::pty(Mode::Raw);
    let flags = OFlag::from_bits_retain(fcntl(&master, FcntlArg::F_GETFL).expect("flags"));
    fcntl(&master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).expect("O_NONBLOCK");
    let name = fs::read_link(format!("/proc/self/fd/{}", slave.as_raw_fd()));
    println!("{}", name.expect("a name").display());
    let mut host = Host {
        bus,
        master,
        decoder: Decoder::new(),
        queued: 0,
        refused: 0,
        not_before: None,
        remembered: 0,
        mosi: [0; BUFFER_LEN],
        miso: [0; BUFFER_LEN],
        hdlc: vec![0; encoded_max(FRAME_MAX)],
    };
    loop {
        host.turn();
    }
}

struct Host {
    bus: Wired,
    master: OwnedFd,
    decoder: Decoder,
    /// Octets of the frame in `mosi` that waits for the slave; 0: none.
    queued: usize,
    refused: u32,
    not_before: Option<Instant>,
    /// DATA_LEN of a frame that did not fit.
    remembered: usize,
    mosi: [u8; BUFFER_LEN],
    miso: [u8; BUFFER_LEN],
    hdlc: Vec<u8>,
}

impl Host {
    fn turn(&mut self) {
        let (edge, client) = self.wait();
        if edge {
            let _ = self.bus.take_edge(NOW).expect("the bus is there");
        }
        if client {
            self.pull();
        }
        let is_paused = self.not_before.is_some_and(|at| Instant::now() < at);
        let may_send = self.queued > 0 && !is_paused;
        let level = self.bus.interrupt(NOW).expect("the bus is there");
        if may_send || self.remembered > 0 || level == Some(Line::Active) {
            self.transact();
        }
    }

    /// Waits for INT, and for the client while no frame of it waits for the slave.
    fn wait(&self) -> (bool, bool) {
        let timeout = match self.not_before {
            _ if self.remembered > 0 => PollTimeout::ZERO,
            _ if self.queued == 0 => PollTimeout::NONE,
            None => PollTimeout::ZERO,
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                // poll counts in milliseconds, and a pause is not cut short.
                let millis = left.as_micros().div_ceil(1_000);
                PollTimeout::try_from(millis).expect("a short pause")
            }
        };
        let wanted = match self.queued {
            0 => PollFlags::POLLIN,
            _ => PollFlags::empty(),
        };
        let mut fds = [
            PollFd::new(self.bus.edges(), PollFlags::POLLIN),
            PollFd::new(self.master.as_fd(), wanted),
        ];
        poll(&mut fds, timeout).expect("poll");
        let is_ready = |fd: &PollFd<'_>| fd.any() == Some(true);
        (is_ready(&fds[0]), is_ready(&fds[1]))
    }

    /// Reads the client's octets, one by one, up to the end of a frame.
    fn pull(&mut self) {
        let mut octet = [0];
        loop {
            match nix::unistd::read(&self.master, &mut octet) {
                Ok(1) => {}
                Err(Errno::EAGAIN) => return,
                end => panic!("the client is gone: {end:?}"),
            }
            if let (_, Some(Event::Frame { len })) = self.decoder.decode(&octet) {
                let frame = self.decoder.frame(len);
                self.mosi[HEADER_LEN..HEADER_LEN + len].copy_from_slice(frame);
                self.queued = len;
                return;
            }
        }
    }

    fn transact(&mut self) {
        let offered = match self.remembered {
            0 => OFFER,
            known => known,
        };
        let header = Header {
            recv_len: offered,
            data_len: self.queued,
            ..Header::default()
        };
        let len = HEADER_LEN + offered.max(self.queued);
        self.mosi[..HEADER_LEN].copy_from_slice(&header.to_octets());
        let result = self
            .bus
            .transfer(NOW, &self.mosi[..len], &mut self.miso[..len]);
        result.expect("the bus is there");
        let Reading::Valid { header, .. } = spi::locate(&self.miso[..len], 0) else {
            panic!("the slave is always there");
        };
        if self.queued > 0 {
            self.judge_ours(self.queued <= header.recv_len);
        }
        self.judge_theirs(header.data_len, offered);
    }

    fn judge_ours(&mut self, taken: bool) {
        if taken {
            self.queued = 0;
            self.refused = 0;
            self.not_before = None;
            return;
        }
        self.refused += 1;
        let pause = match self.refused {
            0..=4 => 1,
            5..=14 => 10,
            _ => 33,
        };
        self.not_before = Some(Instant::now() + Duration::from_millis(pause));
    }

    fn judge_theirs(&mut self, len: usize, offered: usize) {
        self.remembered = 0;
        if len > offered {
            self.remembered = len;
        } else if len > 0 {
            let frame = &self.miso[HEADER_LEN..HEADER_LEN + len];
            let len = encode(frame, &mut self.hdlc).expect("the room is enough");
            self.push(len);
        }
    }

    /// Writes a frame, as a rule in one go.
    fn push(&self, len: usize) {
        let mut octets = &self.hdlc[..len];
        while !octets.is_empty() {
            match nix::unistd::write(&self.master, octets) {
                Ok(written) => octets = &octets[written..],
                Err(Errno::EAGAIN) => {
                    let mut room = [PollFd::new(self.master.as_fd(), PollFlags::POLLOUT)];
                    poll(&mut room, PollTimeout::NONE).expect("poll");
                }
                Err(error) => panic!("write: {error}"),
            }
        }
    }
}

/// What the hosts in use offer (protocol §5.4).
const OFFER: usize = 32;

/// The longest transaction: a header, and what the longest frame takes.
const BUFFER_LEN: usize = HEADER_LEN + FRAME_MAX;

/// The bus has a clock of its own.
const NOW: spinel_bridge::time::Instant = spinel_bridge::time::Instant::ZERO;
