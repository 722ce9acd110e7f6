//! From HDLC-lite octets to frames, incrementally (protocol §6.3).
//!
//! The decoder takes any cut of the stream. It stops after each [`Event`], so that the caller can deal
//! with a frame before the next one overwrites it; what was not consumed is given again.

use super::{copy_run, flags_and_escapes, ESCAPE, ESCAPE_XOR, FLAG, RESET_SEQUENCE};
use crate::wire::fcs::{Fcs, FCS_LEN};
use crate::wire::spi::FRAME_MAX;

/// Takes frames out of a stream of octets.
#[derive(Debug)]
pub struct Decoder {
    /// The frame so far, un-escaped, with the FCS at its end.
    buf: Box<[u8; FRAME_MAX + FCS_LEN]>,
    len: usize,
    /// The next octet was escaped.
    escaped: bool,
    /// Some octet of this frame was escaped: then it is not the reset sequence.
    any_escaped: bool,
    /// Too long: everything up to the next flag is dropped.
    too_long: bool,
}

/// What the decoder found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame with a good FCS; [`Decoder::frame`] holds it until the next call of
    /// [`Decoder::decode`].
    Frame {
        /// Octets of the frame: 1..=[`FRAME_MAX`].
        len: usize,
    },
    /// The reset sequence `7E 13 11 7E` (protocol §6.4).
    Reset,
    /// A frame that was discarded.
    Discarded(Discard),
}

/// Why a frame was discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// Its FCS does not match.
    BadFcs,
    /// It is longer than [`FRAME_MAX`].
    TooLong,
    /// The sender gave it up: an escape octet right before the flag.
    Aborted,
}

impl Decoder {
    /// A decoder that waits for the first frame; it need not begin with a flag.
    pub fn new() -> Self {
        Decoder {
            buf: Box::new([0; FRAME_MAX + FCS_LEN]),
            len: 0,
            escaped: false,
            any_escaped: false,
            too_long: false,
        }
    }

    /// Takes octets from the front of `input` up to the first event. Returns how many were taken (all,
    /// if there was no event) and the event.
    ///
    /// Octets that are noise are passed over in silence: fewer than three between flags (§6.3), unless
    /// they are the reset sequence. That sequence cannot be mistaken for data, nor data for it: between
    /// two flags it has two octets, where the shortest frame has three (one octet and the FCS), and a
    /// sender who means 13 and 11 as data escapes them or puts them between others.
    pub fn decode(&mut self, input: &[u8]) -> (usize, Option<Event>) {
        let mut taken = 0;
        while let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) {
            if !self.escaped {
                // Ordinary octets are taken a run at a time.
                let room = self.buf.get_mut(self.len..).unwrap_or(&mut []);
                let run = copy_run(rest, room, flags_and_escapes);
                self.len += run;
                taken += run;
            }
            let Some(&octet) = input.get(taken) else {
                break;
            };
            taken += 1;
            match octet {
                FLAG => {
                    if let Some(event) = self.end() {
                        return (taken, Some(event));
                    }
                }
                octet if self.escaped => {
                    self.escaped = false;
                    self.push(octet ^ ESCAPE_XOR);
                }
                ESCAPE => {
                    self.any_escaped = true;
                    match input.get(taken) {
                        Some(&octet) if octet != FLAG => {
                            taken += 1;
                            self.push(octet ^ ESCAPE_XOR);
                        }
                        _ => self.escaped = true,
                    }
                }
                // One that only looks like these, or for which there is no room.
                octet => self.push(octet),
            }
        }
        (taken, None)
    }

    /// The frame of the last [`Event::Frame`].
    pub fn frame(&self, len: usize) -> &[u8] {
        &self.buf[..len.min(FRAME_MAX)]
    }

    /// Whether a frame has begun and not ended.
    pub fn has_begun(&self) -> bool {
        self.len > 0 || self.escaped || self.too_long
    }

    /// Forgets a frame that has begun.
    pub fn reset(&mut self) {
        self.len = 0;
        self.escaped = false;
        self.any_escaped = false;
        self.too_long = false;
    }

    fn push(&mut self, octet: u8) {
        match self.buf.get_mut(self.len) {
            Some(room) => {
                *room = octet;
                self.len += 1;
            }
            None => self.too_long = true,
        }
    }

    /// All of the frame at once: octets that were escaped would cut it into pieces otherwise.
    fn fcs_is_good(&self) -> bool {
        let mut fcs = Fcs::new();
        fcs.update(&self.buf[..self.len]);
        fcs.is_good()
    }

    fn end(&mut self) -> Option<Event> {
        let event = if self.too_long {
            Some(Event::Discarded(Discard::TooLong))
        } else if self.escaped {
            Some(Event::Discarded(Discard::Aborted))
        } else if self.buf[..self.len] == RESET_SEQUENCE[1..3] && !self.any_escaped {
            Some(Event::Reset)
        } else if self.len <= FCS_LEN {
            None
        } else if self.fcs_is_good() {
            Some(Event::Frame {
                len: self.len - FCS_LEN,
            })
        } else {
            Some(Event::Discarded(Discard::BadFcs))
        };
        self.reset();
        event
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new()
    }
}
