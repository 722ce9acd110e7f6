//! Octets between a stream and the HDLC that runs on it.

use crate::bridge::{Step, Upper};
use crate::hdlc::host::Carrier;
use crate::io::client::{Read, Write};
use crate::io::stream::{Change, Stream};
use crate::io::{Io, Source};
use crate::time::Instant;
use std::io;

/// What [`exchange`] brought about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchanged {
    pub(super) step: Step,
    /// The stream is lost; it comes back by [`tend`].
    pub(super) is_lost: bool,
}

/// Opens what is due to be opened again; whether it was.
///
/// # Errors
/// What epoll reported.
pub(super) fn tend(
    stream: &mut Stream,
    hdlc: &mut Carrier,
    io: &mut Io,
    now: Instant,
) -> io::Result<bool> {
    if stream.tend(now) != Some(Change::Opened) {
        return Ok(false);
    }
    if let Some(fd) = stream.fd() {
        io.watch(fd, Source::Stream)?;
    }
    hdlc.opened();
    io.ready.stream = true;
    io.ready.stream_closed = false;
    io.ready.stream_room = true;
    Ok(true)
}

/// Reads, moves frames and writes, as much as there is and as there is room for.
///
/// # Errors
/// What epoll reported.
pub(super) fn exchange<U: Upper + ?Sized>(
    stream: &mut Stream,
    hdlc: &mut Carrier,
    upper: &mut U,
    io: &mut Io,
    now: Instant,
) -> io::Result<Exchanged> {
    let mut is_lost = false;
    if io.ready.stream && !hdlc.input().is_empty() {
        let room = hdlc.input().len();
        match stream.read(hdlc.input(), now) {
            Read::Octets(n) => {
                hdlc.input_filled(n);
                io.ready.stream = n == room || io.ready.stream_closed;
            }
            Read::Blocked => {
                io.ready.stream = false;
                io.ready.stream_closed = false;
            }
            Read::NoClient | Read::End => {
                lost(hdlc, io);
                is_lost = true;
            }
        }
    }
    let mut step = hdlc.step(upper);
    let is_full = !hdlc.takes_frames();
    while io.ready.stream_room && !hdlc.output().is_empty() {
        match stream.write(hdlc.output(), now) {
            Write::Octets(n) => hdlc.output_written(n),
            Write::Blocked => {
                io.ready.stream_room = false;
                if let Some(fd) = stream.fd() {
                    io.watch_room(fd, Source::Stream, true)?;
                }
            }
            Write::NoClient | Write::End => {
                lost(hdlc, io);
                is_lost = true;
            }
        }
    }
    if is_full && hdlc.takes_frames() {
        // What the host had to keep can follow; no event tells of it.
        step = Step::Again;
    }
    Ok(Exchanged { step, is_lost })
}

/// The stream is lost: what had come and what was to go are forgotten.
pub(super) fn lost(hdlc: &mut Carrier, io: &mut Io) {
    hdlc.closed();
    io.ready.stream = false;
    io.ready.stream_closed = false;
    io.ready.stream_room = false;
}
