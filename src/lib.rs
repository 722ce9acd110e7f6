//! Connects a Spinel co-processor on a Linux SPI bus to the host.
//!
//! # The one idea
//!
//! A pure core that never touches a descriptor or a clock, inside a thin shell that owns every
//! descriptor and reads the clock once per turn. Everything hard (framing, retries, CRC, back-off) is a
//! state machine of octets and instants, so it is tested in virtual time and can be reasoned about.
//! The shell is boring.
//!
//! ```text
//!        wait ── latch what is ready ── now ── read ── step until idle or budget ── write ── wait
//!                                                        │
//!   INT edge ─► link::Link ─► Bus::transfer ─► Link ─► Outcome ─► Upper: hdlc::Port ─► pty / stdio
//!   pty / stdio ─► Upper ─► Vacant ─► Link ─► Bus::transfer          or raw::Port
//!   TUN         ─► Upper                                             or host::Host ─► TUN
//! ```
//!
//! Where the code cites "protocol §5.4", "§5.4" or "errata E9", it is `docs/protocol.md`.
//!
//! # The turn
//!
//! 1. [`event_loop`] waits in epoll until something is ready or the earliest deadline has come.
//! 2. What is ready sets a latch ([`io::Ready`]); a latch is cleared only by the descriptor itself.
//! 3. The clock is read.
//! 4. The client's octets are read into the face ([`bridge::Upper::input`]).
//! 5. [`bridge::Bridge::step`] runs transactions while any is due, up to a budget, or until all that the
//!    client said has been sent: what it has said meanwhile is read first.
//! 6. What the face has to say is written ([`bridge::Upper::output`]), whole frames at a time.
//!
//! 4 to 6 are repeated while there is more to do, for some milliseconds; then descriptors and signals are
//! looked at again.
//!
//! A co-processor behind a stream (`serial:`, `tcp:`, `system:`) has [`hdlc::host`] in the place of link and bus, and
//! [`hdlc::revive`], which resets it and has the stream opened anew.
//!
//! The host driver's turn is the same, with packets in place of the client's octets. Between the steps it
//! hands over what else [`host::Host`] wants done: changes for the kernel, answers for control clients,
//! commands to run.
//!
//! # Follow one frame
//!
//! | from the co-processor | to the co-processor |
//! | --- | --- |
//! | [`event_loop`]: INT's edge sets a latch | [`event_loop`]: the pty is readable |
//! | [`bridge`]: `step` asks the link for a transaction | [`hdlc::decode`]: octets become a frame |
//! | [`link`]: `poll_transfer` plans, `handle_transfer` judges | [`bridge`]: `feed_link` puts it into the link's [`link::Vacant`] |
//! | [`hdlc::encode`]: the frame becomes octets | [`link`]: offered until the slave takes it |
//! | [`io::client`]: one write | [`io::spi`]: one `SPI_IOC_MESSAGE` |
//!
//! # Rooms
//!
//! | folder | room | what lives there |
//! | --- | --- | --- |
//! | `core` | [`wire`] | formats: SPI header, FCS, Spinel frame, Thread's network data, frames of the air, packing, identifiers, decoding for the log |
//! | | [`link`] | the SPI link engine: planning, acceptance, CRC, back-off, counters |
//! | | [`bridge`] | where link, bus and face meet |
//! | | [`bus`] | the one seam to hardware |
//! | | [`time`], [`buffer`], [`trace`], [`error`], [`nearest`], [`number`] | small things that the others share |
//! | `faces` | [`hdlc`], [`raw`] | the faces towards a client, without descriptors |
//! | | [`ctl`] | what control clients can ask for, and the lines that they say it in |
//! | `host` | [`host`] | the face towards the kernel: the Spinel host, without descriptors |
//! | `shell` | [`io`] | every descriptor, one kind of device per file; the only room where `unsafe` could be |
//! | | [`event_loop`] | the turn, and the only clock that decides anything (log and captures have one for their dates) |
//! | | [`cli`], [`config`] | the command line, parsed once into units and ranges |
//! | | [`settings_file`] | the configuration file: lines into keys and values, ours and wpantund's |
//! | `tools` | [`check`] | `--check`: what is wrong with the hardware, and what to do |
//! | | [`sim`] | a simulated co-processor with faults to order |
//! | | [`pcapng`] | frames of the air, and of Spinel, as a file for Wireshark |
//!
//! A folder imports nothing of those below it in this table, but the shell can have a tool for its device or its capture.
//! The folders are to find one's way by: the path of a room does not name its folder.
//!
//! # Who may import whom
//!
//! A room has no other arrows than these; `tests/rooms.rs` holds that, and that files make no circles. What can be set
//! belongs to the room that is set; `config` reads it and hands it over.
//!
//! | room | imports |
//! | --- | --- |
//! | [`link`] | `bus`, `error`, `time`, `trace`, `wire` |
//! | [`hdlc`] | `bridge`, `buffer`, `time`, `trace`, `wire` |
//! | [`raw`] | `bridge`, `buffer`, `wire` |
//! | [`host`] | `bridge`, `buffer`, `ctl`, `time`, `wire` |
//! | [`bridge`] | `bus`, `link`, `time` |
//! | [`bus`] | `time` |
//! | [`ctl`] | `nearest`, `time`, `wire` |
//! | [`trace`] | `wire` |
//! | [`pcapng`] | `ctl`, `wire` |
//! | [`sim`] | `buffer`, `bus`, `number`, `time`, `trace`, `wire` |
//! | [`config`] | `link`, `nearest`, `number`, `sim`, `wire` |
//! | [`settings_file`] | `config`, `ctl`, `nearest`, `wire` |
//! | [`cli`] | `config`, `nearest`, `number`, `settings_file`, `sim`, `wire` |
//! | [`io`] | `buffer`, `bus`, `config`, `ctl`, `host`, `nearest`, `pcapng`, `settings_file`, `sim`, `time`, `trace`, `wire` |
//! | [`event_loop`] | `bridge`, `bus`, `config`, `ctl`, `hdlc`, `host`, `io`, `link`, `raw`, `sim`, `time`, `trace` |
//! | [`check`] | `bridge`, `bus`, `config`, `error`, `event_loop`, `hdlc`, `io`, `link`, `sim`, `time`, `trace`, `wire` |
//! | [`wire`], [`buffer`], [`time`], [`error`], [`nearest`], [`number`] | nothing |
//!
//! # Back-pressure
//!
//! There is no queue and so no drop policy to explain. The client does not read: the face has no room,
//! no transaction offers to receive, the slave keeps its frame and its INT. The slave takes nothing:
//! the link has no [`link::Vacant`], the client's octets, or the TUN's packets, stay unread. Neither
//! direction waits for the other.
//!
//! # Words
//!
//! | word | meaning |
//! | --- | --- |
//! | frame | one Spinel frame, whatever carries it |
//! | transaction | one assertion of chip select, both directions at once |
//! | host, slave | the two ends of the SPI bus: we, and the co-processor's SPI slave |
//! | co-processor | what sits behind the slave: an NCP or RCP |
//! | client | the program on the other end of our pty or pipe; a control client is on our socket |
//! | host driver | the bridge with a TUN interface as its face |
//! | face | how the co-processor is presented to the client |
//! | INT, RES | the slave's "I have a frame", the host's reset line; both active low on the wire |
//! | offer | RECV_LEN, what the sender of a header takes in this transaction |
//! | TID, property | as in the Spinel specification |
//!
//! # Use it as a library
//!
//! Decode a frame, as the log shows it ([`wire::describe`]), or piece by piece ([`wire::spinel`]):
//!
//! ```
//! use spinel_bridge::wire::describe::Described;
//! use spinel_bridge::wire::spinel::Frame;
//!
//! // The co-processor says that its protocol is version 4.3, in its answer to TID 1.
//! let octets = [0x81, 0x06, 0x01, 0x04, 0x03];
//! let frame = Frame::parse(&octets).unwrap();
//! let (property, value) = frame.property().unwrap();
//! assert_eq!(frame.header.tid().map(u8::from), Some(1));
//! assert_eq!(value, [4, 3]);
//! assert_eq!(property.to_string(), "PROTOCOL_VERSION");
//! assert!(Described(&octets).to_string().contains("PROTOCOL_VERSION"));
//! ```
//!
//! Bring a bus of your own: [`bus::Bus`] is all that the link wants of hardware. This one has a slave that echoes,
//! and neither INT nor RES. The [`link::Link`] plans each transaction and judges what came of it, in virtual time: the
//! caller says what time it is, so nothing waits, and each run is the same.
//!
//! ```
//! use spinel_bridge::bus::{Bus, Line};
//! use spinel_bridge::link::{Link, Settings};
//! use spinel_bridge::sim;
//! use spinel_bridge::time::{Duration, Instant};
//! use std::io;
//!
//! /// Counts the transactions of a bus below it; a real one would drive hardware here.
//! struct Counted {
//!     below: Box<dyn Bus>,
//!     transactions: u32,
//! }
//!
//! impl Bus for Counted {
//!     fn transfer(&mut self, now: Instant, mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
//!         self.transactions += 1;
//!         self.below.transfer(now, mosi, miso)
//!     }
//!     fn interrupt(&mut self, _: Instant) -> io::Result<Option<Line>> {
//!         Ok(None) // not wired: the link polls
//!     }
//!     fn take_edge(&mut self, _: Instant) -> io::Result<bool> {
//!         Ok(false)
//!     }
//!     fn set_reset(&mut self, _: Instant, _: Line) -> io::Result<bool> {
//!         Ok(false) // not wired
//!     }
//!     fn has_interrupt(&self) -> bool {
//!         false
//!     }
//!     fn has_reset(&self) -> bool {
//!         false
//!     }
//! }
//!
//! # #[cfg(feature = "sim")]
//! # fn main() -> io::Result<()> {
//! let mut now = Instant::from_millis(0);
//! let below = sim::open(&"echo".parse().unwrap(), now); // what "sim:echo" is
//! let mut bus = Counted { below, transactions: 0 };
//! let settings = Settings { has_interrupt: false, has_reset: false, ..Settings::default() };
//! let mut link = Link::new(settings, now);
//! let (mut received, mut sent) = (Vec::new(), false);
//! while received.len() < 2 {
//!     if let Some(line) = link.poll_reset_line(now) {
//!         let result = bus.set_reset(now, line);
//!         link.reset_line_set(now, result)?;
//!     }
//!     if let (false, Some(room)) = (sent, link.vacant()) {
//!         room.fill(&[0x81, 0x02, 0x01]);
//!         sent = true;
//!     }
//!     if let Some(transfer) = link.poll_transfer(now, true) {
//!         match bus.transfer(now, transfer.mosi, transfer.miso) {
//!             Ok(()) => received.extend(link.handle_transfer(now).delivered.map(<[u8]>::to_vec)),
//!             Err(error) => link.handle_error(now, error)?,
//!         }
//!     } else if link.wants_level(now, true) {
//!         let level = bus.interrupt(now);
//!         link.handle_level(now, level)?;
//!     } else {
//!         let next = link.poll_timeout(true).expect("without INT it always polls");
//!         now = next.max(now + Duration::from_micros(1));
//!     }
//! }
//! // It says that it was reset, and then what it was told.
//! assert_eq!(received, [&[0x80, 0x06, 0x00, 0x70][..], &[0x81, 0x02, 0x01]]);
//! assert!(bus.transactions < 8, "{}", bus.transactions);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "sim"))]
//! # fn main() {}
//! ```
//!
//! [`bridge::Bridge`] runs these steps for a bus and a face, as [`event_loop`] uses it: `step` until it is idle, then wait
//! until its `poll_timeout` or an edge.

// The folders are floors to find one's way by; every room keeps its short path.
mod core;
mod faces;
pub mod host;
mod shell;
mod tools;

pub use self::core::{bridge, buffer, bus, error, link, nearest, number, time, trace, wire};
pub use self::faces::{ctl, hdlc, raw};
pub use self::shell::{cli, config, event_loop, io, settings_file};
pub use self::tools::{check, pcapng, sim};
