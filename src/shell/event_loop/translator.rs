//! The turn of the translator: a link below, a client above.

use super::alive::Alive;
use super::ending::{Ending, Moved};
use super::{announce, confine, heed, start, Clock, Counted, Error, Flow, Lower, ROUNDS, TURN_MAX};
use crate::bridge::{Step, Upper};
use crate::config::{Config, Face};
use crate::io::client::{Client, Read, Write};
use crate::io::log::{clear_lost, lost, LOST_LABEL};
use crate::io::pty::Pty;
use crate::io::signal::Signals;
use crate::io::stdio::Stdio;
use crate::io::Io;
use crate::time::{earliest, Instant};
use crate::{hdlc, raw};
use std::io::{self, Write as _};
use std::time::Duration;

pub(super) fn run(
    config: &Config,
    lower: Box<dyn Lower>,
    clock: Clock,
    mut io: Io,
    mut signals: Signals,
) -> Result<(), Error> {
    let has_reset = lower.has_reset_line();
    let (client, upper) = match open_client(config, has_reset, &mut io) {
        // Whoever started us hung up meanwhile: that is no failure.
        Err(_) if signals.drain().end.is_some() => return Ok(()),
        result => result?,
    };
    announce(config);
    let pty = match &client {
        Client::Pty(pty) => Some(pty),
        _ => None,
    };
    let rules = confine::rules(config, pty.map(Pty::name), None);
    if let Some(pty) = pty {
        announce_pty(pty);
    }
    let mut turn = Turn {
        clock,
        io,
        signals,
        client,
        lower,
        upper,
        again: false,
        ending: None,
        moved: Moved::default(),
        client_lost: None,
        wants_room: false,
        alive: Alive::from_env(),
        ready_when_up: config.ready_when_up,
    };
    confine::enter(rules)?;
    let result = turn.run();
    turn.alive.stopping();
    turn.lower.end(config, &clock);
    result.map_err(Error::Lost)?;
    match turn.client_lost {
        Some((what, source)) => Err(Error::Client { what, source }),
        None => Ok(()),
    }
}

fn open_client(
    config: &Config,
    has_reset: bool,
    io: &mut Io,
) -> Result<(Client, Box<dyn Upper>), Error> {
    let (client, upper) = open_face(&config.face, has_reset)?;
    client
        .register(io)
        .map_err(start("the client's descriptor"))?;
    Ok((client, upper))
}

fn open_face(face: &Face, has_reset: bool) -> Result<(Client, Box<dyn Upper>), Error> {
    let stdio = start("standard input and output");
    let port = || Box::new(hdlc::Port::new().with_reset_line(has_reset));
    Ok(match face {
        Face::Pty { link } => {
            let pty = Pty::open(link.as_deref()).map_err(Error::Pty)?;
            (Client::Pty(pty), port())
        }
        Face::Stdio => (Client::Stream(Stdio::stream().map_err(stdio)?), port()),
        Face::Raw { mtu } => (
            Client::Frames(Stdio::frames().map_err(stdio)?),
            Box::new(raw::Port::new(*mtu)),
        ),
        // The host driver has a turn of its own.
        Face::Tun { .. } => return Err(stdio(io::ErrorKind::Unsupported.into())),
    })
}

/// Prints the pty's name to standard output, for whoever waits for it.
fn announce_pty(pty: &Pty) {
    let name = pty.name().display();
    log::info!("the pty is {name}");
    let mut stdout = io::stdout().lock();
    // Whoever started us need not read it, or keep standard output open.
    let result = writeln!(stdout, "{name}").and_then(|()| stdout.flush());
    if let Err(error) = result {
        log::warn!("cannot print the pty's name to standard output: {error}");
    }
}

struct Turn {
    clock: Clock,
    io: Io,
    signals: Signals,
    client: Client,
    lower: Box<dyn Lower>,
    upper: Box<dyn Upper>,
    /// The last turn ended with work left that neither an event nor a deadline announces.
    again: bool,
    /// The input ended: what was on its way is finished first.
    ending: Option<Ending>,
    /// What the client did in this round.
    moved: Moved,
    /// What could not be done with the client's descriptor, and why.
    client_lost: Option<(&'static str, io::Error)>,
    /// A write was blocked, and epoll was told to say when there is room.
    wants_room: bool,
    alive: Alive,
    /// READY not before the co-processor has answered.
    ready_when_up: bool,
}

impl Counted for Turn {
    fn counters(&self, print: &mut dyn FnMut(&'static str, u64)) {
        self.lower.counters(print);
        print(LOST_LABEL, lost());
        self.upper.counters(print);
    }

    fn clear_counters(&mut self) {
        self.lower.clear_counters();
        self.upper.clear_counters();
        clear_lost();
    }
}

impl Turn {
    fn run(&mut self) -> io::Result<()> {
        loop {
            if self.turn()? == Flow::End {
                return Ok(());
            }
        }
    }

    fn turn(&mut self) -> io::Result<Flow> {
        self.wait()?;
        if self.handle_signals() == Flow::End {
            return Ok(Flow::End);
        }
        let start = self.clock.now();
        let mut now = start;
        self.again = true;
        for _ in 0..ROUNDS {
            self.lower.take_edges(&mut self.io, now)?;
            if self.read(now) == Flow::End {
                return Ok(Flow::End);
            }
            let step = match self.is_draining() {
                true => Step::Idle,
                false => {
                    let (upper, io) = (&mut self.upper, &mut self.io);
                    self.lower.step(upper, io, &self.clock, now)?
                }
            };
            // More than one step's worth of frames may wait behind a link that is quiet, and without room
            // nobody knows what the co-processor has to say.
            let is_quiet = step == Step::Idle && self.upper.has_room() && self.lower.is_quiet(now);
            if self.write()? == Flow::End {
                return Ok(Flow::End);
            }
            if self.is_finished(now, is_quiet) {
                return Ok(Flow::End);
            }
            if step == Step::Idle && !self.can_go_on(now) {
                self.again = false;
                break;
            }
            now = self.clock.now();
            if now.since(start) >= TURN_MAX {
                break;
            }
        }
        let is_ready = self.lower.is_up() || !self.ready_when_up;
        self.alive.tell(now, is_ready);
        Ok(Flow::Continue)
    }

    /// Sleeps until something is ready or due.
    fn wait(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let lingering = self.ending.map(|_| now + LINGER_STEP);
        let deadline = earliest(self.bridge_due(), self.alive.due());
        let timeout = match self.again || self.can_go_on(now) {
            true => Some(Duration::ZERO),
            false => earliest(deadline, lingering).map(|at| at.since(now)),
        };
        self.io.wait(timeout)
    }

    /// Whether there is work that no event will announce.
    fn can_go_on(&mut self, now: Instant) -> bool {
        let can_read =
            self.io.ready.input && !self.is_input_read() && !self.upper.input().is_empty();
        let can_write = self.io.ready.output && !self.upper.output().is_empty();
        let can_move = self.lower.can_go_on(&self.io.ready, &*self.upper);
        can_read
            || can_write
            || can_move && !self.is_draining()
            || self.bridge_due().is_some_and(|at| at <= now)
    }

    /// When the bridge is due again if nothing happens.
    fn bridge_due(&self) -> Option<Instant> {
        match self.is_draining() {
            true => None,
            false => self.lower.poll_timeout(&*self.upper),
        }
    }

    fn is_draining(&self) -> bool {
        self.ending.is_some_and(|ending| ending.is_draining())
    }

    fn is_input_read(&self) -> bool {
        self.ending.is_some_and(|ending| ending.is_input_read())
    }

    fn handle_signals(&mut self) -> Flow {
        match core::mem::take(&mut self.io.ready.signal) {
            true => heed(&self.signals.drain(), self),
            false => Flow::Continue,
        }
    }

    /// Reads what the client sent, as far as there is room for it.
    fn read(&mut self, now: Instant) -> Flow {
        if core::mem::take(&mut self.io.ready.hint) {
            self.client.drain_hints();
            self.io.ready.input = true;
        }
        while self.io.ready.input && !self.is_input_read() {
            let space = self.upper.input();
            if space.is_empty() {
                self.notice_hangup(now);
                break;
            }
            let room = space.len();
            match self.client.read(space) {
                Ok(Read::Octets(n)) => {
                    self.upper.input_filled(n);
                    self.moved.read = true;
                    let all = n < room && self.client.short_read_is_all();
                    self.io.ready.input = !all || self.io.ready.input_closed;
                }
                Ok(Read::Blocked | Read::NoClient) => self.input_is_dry(),
                Ok(Read::End) => {
                    log::info!("end of input");
                    self.begin_ending(now).input_was_read(now);
                }
                Err(error) => {
                    self.client_lost = Some(("read from", error));
                    return Flow::End;
                }
            }
            self.upper.set_client(self.client.is_there());
        }
        Flow::Continue
    }

    /// A client that went, or closed our input, while there is no room for what it sent. On a pty nothing
    /// can be read before what it left unread is thrown away; elsewhere this is the end, though the read
    /// that would tell comes behind all the rest.
    fn notice_hangup(&mut self, now: Instant) {
        if !self.io.ready.input_closed {
            return;
        }
        if self.client.ends_with_its_input() {
            self.begin_ending(now);
            return;
        }
        self.client.notice_hangup();
        self.upper.set_client(self.client.is_there());
    }

    fn begin_ending(&mut self, now: Instant) -> &mut Ending {
        let taken = self.lower.taken();
        self.ending.get_or_insert_with(|| Ending::new(now, taken))
    }

    fn input_is_dry(&mut self) {
        self.io.ready.input = false;
        self.io.ready.input_closed = false;
    }

    /// Writes what waits for the client, as far as it takes it.
    fn write(&mut self) -> io::Result<Flow> {
        if self.io.ready.output_closed {
            log::info!("the reader of standard output is gone");
            return Ok(Flow::End);
        }
        while self.io.ready.output {
            let octets = self.upper.output();
            if octets.is_empty() {
                break;
            }
            match self.client.write(octets) {
                Ok(Write::Octets(n)) => {
                    self.upper.output_written(n);
                    self.moved.written |= n > 0;
                }
                Ok(Write::Blocked) => self.io.ready.output = false,
                Ok(Write::NoClient) => self.upper.set_client(false),
                Ok(Write::End) => {
                    log::info!("the reader of standard output is gone");
                    return Ok(Flow::End);
                }
                Err(error) => {
                    self.client_lost = Some(("write to", error));
                    return Ok(Flow::End);
                }
            }
        }
        let wants_room = !self.io.ready.output;
        if wants_room != self.wants_room {
            self.client.watch_room(&self.io, wants_room)?;
            self.wants_room = wants_room;
        }
        Ok(Flow::Continue)
    }

    /// After the end of the input: whether what was on its way has been finished, or took too long.
    fn is_finished(&mut self, now: Instant, is_quiet: bool) -> bool {
        let moved = core::mem::take(&mut self.moved);
        let Some(ending) = &mut self.ending else {
            return false;
        };
        let taken = self.lower.taken();
        let waits = !self.upper.output().is_empty();
        ending.note(now, moved, taken, waits, is_quiet);
        if ending.is_done(waits) {
            return true;
        }
        let late = ending.is_late(now);
        if let Some(waited) = late {
            self.report_loss(waited);
        }
        late.is_some()
    }

    /// Says what the end leaves undone, in one line.
    fn report_loss(&mut self, waited: Duration) {
        let octets = self.count_unread();
        let frames = self.count_untaken();
        if frames > 0 || octets > 0 {
            log::warn!(
                "ending without all that was under way, after {waited:?} without progress: the co-processor did not take {frames} of the client's frames, and the client did not read {octets} octets"
            );
        }
    }

    /// The frames of the client that the co-processor has not taken, those included that were not read.
    fn count_untaken(&mut self) -> usize {
        let mut frames = self.lower.untaken();
        loop {
            while self.upper.next_frame().is_some() {
                frames += 1;
            }
            let space = self.upper.input();
            if space.is_empty() {
                return frames;
            }
            match self.client.read(space) {
                // Nobody can send any more, so this is no more than the kernel keeps for us.
                Ok(Read::Octets(n)) => self.upper.input_filled(n),
                _ => return frames,
            }
        }
    }

    /// The octets that the client has not read from us.
    fn count_unread(&mut self) -> usize {
        let mut octets = 0;
        loop {
            let len = self.upper.output().len();
            if len == 0 {
                return octets;
            }
            self.upper.output_written(len);
            octets += len;
        }
    }
}

/// How often the end is looked for meanwhile.
const LINGER_STEP: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::TRANSACTIONS_PER_STEP;
    use crate::bus::{Bus, Line};
    use crate::event_loop::OnBus;
    use crate::link::{Link, Settings};
    use std::cell::Cell;
    use std::rc::Rc;

    /// A co-processor that always has a frame, on a bus that takes its time.
    struct Talker {
        transactions: Rc<Cell<u32>>,
    }

    impl Bus for Talker {
        fn transfer(&mut self, _now: Instant, _mosi: &[u8], miso: &mut [u8]) -> io::Result<()> {
            // A sleep is never shorter: however fast or slow the machine is, a few of these are TURN_MAX.
            std::thread::sleep(Duration::from_millis(1));
            self.transactions.set(self.transactions.get() + 1);
            miso.fill(0xFF);
            miso[..8].copy_from_slice(&[0x02, 0x0F, 0x05, 0x03, 0x00, 0x80, 0x06, 0x00]);
            Ok(())
        }

        fn interrupt(&mut self, _now: Instant) -> io::Result<Option<Line>> {
            Ok(Some(Line::Active))
        }

        fn take_edge(&mut self, _now: Instant) -> io::Result<bool> {
            Ok(false)
        }

        fn set_reset(&mut self, _now: Instant, _line: Line) -> io::Result<bool> {
            Ok(false)
        }

        fn has_interrupt(&self) -> bool {
            true
        }

        fn has_reset(&self) -> bool {
            false
        }
    }

    /// Without its bound a turn has [`ROUNDS`] rounds, each of which has room for several transactions of
    /// a co-processor that never stops talking.
    #[test]
    fn no_round_begins_after_the_time_of_a_turn() {
        let (clock, transactions) = (Clock::start(), Rc::default());
        let settings = Settings {
            has_reset: false,
            ..Settings::default()
        };
        let mut turn = Turn {
            clock,
            io: Io::new().expect("epoll"),
            signals: Signals::catch().expect("signals"),
            client: Client::Pty(Pty::open(None).expect("a pty")),
            lower: Box::new(OnBus {
                bus: Box::new(Talker {
                    transactions: Rc::clone(&transactions),
                }),
                link: Link::new(settings, clock.now()),
            }),
            // Nobody is there: all that comes is thrown away, and there is always room.
            upper: Box::new(hdlc::Port::new()),
            again: false,
            ending: None,
            moved: Moved::default(),
            client_lost: None,
            wants_room: false,
            alive: Alive::from_env(),
            ready_when_up: false,
        };
        let most = TURN_MAX.as_millis() as u32 + TRANSACTIONS_PER_STEP as u32;
        for _ in 0..4 {
            let before = transactions.get();
            assert_eq!(turn.turn().expect("the bus is there"), Flow::Continue);
            let run = transactions.get() - before;
            assert!((1..=most).contains(&run), "{run} transactions in a turn");
        }
    }
}
