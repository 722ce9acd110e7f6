//! What is not on a bus: a serial port, a command, a TCP connection. Opens it, looks for the speed and the
//! flow control at which a co-processor answers, and tells what answers instead of one.

use super::board::Time;
use super::interview::interview;
use super::report::{Finding, Report};
use super::talk::{Answer, Conversation, Counts, Desk};
use crate::config::{Config, Device, Face, SERIAL_SPEEDS};
use crate::hdlc::host::Carrier;
use crate::io::client::{Read, Write};
use crate::io::stream::{Change, Stream};
use crate::time::{Duration, Instant};
use crate::wire::ids::Property;
use std::io;

/// Examines what is behind a stream and prints what it finds. Returns the configuration that fits, if a
/// co-processor answers that the bridge can serve.
pub fn examine(config: &Config, time: &mut dyn Time, report: &mut Report<'_>) -> Option<Config> {
    let mut fit = config.clone();
    if !matches!(fit.face, Face::Tun { .. }) {
        fit.face = Face::Tun { name: None };
    }
    let iid = config.host.iid;
    let mut wire = match Wire::open(&config.device, iid, time) {
        Ok(wire) => wire,
        Err(error) => {
            report.add(Finding::fail("device", error));
            return None;
        }
    };
    report.add(Finding::pass("device", opened(&config.device)));
    let answer = wire.try_out(PATIENCE);
    let found = match answer {
        true => Some(config.device.clone()),
        false => None,
    };
    let seen = wire.provoke();
    let found = match (found, seen) {
        (Some(device), _) => Some((device, wire)),
        (None, Some(seen)) => {
            let (detail, remedy) = seen.split_once("; ").unwrap_or((seen, ""));
            let finding = Finding::fail("Spinel", detail);
            report.add(match remedy {
                "" => finding,
                remedy => finding.remedy(remedy),
            });
            return None;
        }
        (None, None) => {
            let noise = wire.hdlc.is_silent();
            let trouble = wire.trouble();
            drop(wire);
            let found = trouble.is_none().then(|| hunt(&config.device, iid, time));
            match found.flatten() {
                Some(found) => Some(found).filter(|(device, _)| {
                    other_settings(&config.device, device, report);
                    true
                }),
                None => {
                    report.add(nothing(&config.device, noise, trouble));
                    return None;
                }
            }
        }
    };
    let (device, mut wire) = found?;
    fit.device = device;
    let works = interview(&mut wire, true, Duration::ZERO, report);
    fit.host.iid = wire.desk.iid();
    works.unwrap_or(false).then_some(fit)
}

fn opened(device: &Device) -> String {
    match device {
        Device::Serial {
            speed,
            rtscts,
            xonxoff,
            ..
        } => {
            let flow = match (rtscts, xonxoff) {
                (true, _) => ", flow control by RTS and CTS",
                (false, true) => ", flow control by XON and XOFF",
                (false, false) => "",
            };
            format!("open at {speed} bit/s{flow}")
        }
        Device::System(_) => "the command runs".to_owned(),
        _ => "connected".to_owned(),
    }
}

/// It answers, but not as it was asked for.
fn other_settings(asked: &Device, found: &Device, report: &mut Report<'_>) {
    let (
        Device::Serial {
            speed: asked_speed,
            rtscts: asked_flow,
            ..
        },
        Device::Serial { speed, rtscts, .. },
    ) = (asked, found)
    else {
        return;
    };
    if speed != asked_speed {
        let detail = format!("it answers at {speed} bit/s, not at {asked_speed}");
        report.add(Finding::fail("speed", detail).remedy(found.to_string()));
    }
    if rtscts != asked_flow {
        let detail = match rtscts {
            true => "it answers with flow control by RTS and CTS only",
            false => "nothing is sent with flow control: CTS says that it may not be",
        };
        report.add(Finding::fail("flow control", detail).remedy(found.to_string()));
    }
}

/// Nothing answers, whatever is tried.
fn nothing(device: &Device, is_silent: bool, trouble: Option<String>) -> Finding {
    let what = "Spinel";
    match (device, trouble) {
        (_, Some(trouble)) => Finding::fail("device", trouble),
        (Device::Serial { .. }, None) if is_silent => {
            Finding::fail(what, "nothing comes from it, at none of the usual speeds").remedy(
                "check its power, that RX and TX are crossed, and that its firmware is an NCP for a serial port",
            )
        }
        (Device::Serial { .. }, None) => {
            Finding::fail(what, "octets come, and no frame in them, at none of the usual speeds")
                .remedy("check the ground wire and the levels, and that its firmware speaks Spinel in HDLC")
        }
        (Device::System(_), None) if is_silent => {
            Finding::fail(what, "the command says nothing")
                .remedy("it is to speak Spinel in HDLC on its standard input and output")
        }
        (_, None) if is_silent => Finding::fail(what, "nothing comes from it").remedy(
            "check that this is the port of the co-processor, and that no other program is connected to it",
        ),
        (_, None) => Finding::fail(what, "octets come, and no frame in them")
            .remedy("it is to speak Spinel in HDLC"),
    }
}

/// Tries other speeds, and the other flow control.
fn hunt<'t>(device: &Device, iid: u8, time: &'t mut dyn Time) -> Option<(Device, Wire<'t>)> {
    let Device::Serial {
        path,
        speed: asked,
        rtscts: flow,
        xonxoff,
        now,
    } = device
    else {
        return None;
    };
    let others = HUNTED.iter().filter(|speed| *speed != asked);
    let mut found = None;
    for (speed, rtscts) in
        core::iter::once((*asked, !flow)).chain(others.map(|speed| (*speed, *flow)))
    {
        if time.is_over() {
            break;
        }
        let candidate = Device::Serial {
            path: path.clone(),
            speed,
            rtscts,
            xonxoff: *xonxoff,
            now: *now,
        };
        // A port that does not do it is none of those.
        let answers = Wire::open(&candidate, iid, time).is_ok_and(|mut wire| wire.try_out(TRY));
        if answers {
            found = Some(candidate);
            break;
        }
    }
    let device = found?;
    let wire = Wire::open(&device, iid, time).ok()?;
    Some((device, wire))
}

/// A stream with a client that is the check.
struct Wire<'t> {
    stream: Stream,
    hdlc: Carrier,
    desk: Desk,
    time: &'t mut dyn Time,
}

impl<'t> Wire<'t> {
    /// Opens it, and waits until it is open.
    fn open(device: &Device, iid: u8, time: &'t mut dyn Time) -> Result<Self, String> {
        let mut device = device.clone();
        if let Device::Serial { now, .. } = &mut device {
            *now = true;
        }
        let stream = Stream::open(&device, time.now()).map_err(|error| error.to_string())?;
        let mut wire = Wire {
            stream,
            hdlc: Carrier::new(),
            desk: Desk::new(iid),
            time,
        };
        let until = wire.time.now() + PATIENCE;
        while !wire.turn() {
            if let Some(trouble) = wire.trouble() {
                return Err(trouble);
            }
            if wire.time.now() >= until || wire.time.is_over() {
                return Err(format!(
                    "{device}: it does not open within {} s",
                    PATIENCE.as_secs()
                ));
            }
            wire.time.sleep(LOOK);
        }
        Ok(wire)
    }

    fn trouble(&self) -> Option<String> {
        self.stream.trouble().map(|(trouble, _)| trouble.to_owned())
    }

    /// Moves what can be moved. True if it is open.
    fn turn(&mut self) -> bool {
        let now = self.time.now();
        if self.trouble().is_none() && self.stream.tend(now) == Some(Change::Opened) {
            self.hdlc.opened();
        }
        for _ in 0..ROUNDS {
            self.hdlc.step(&mut self.desk);
            let room = self.hdlc.input();
            match self.stream.read(room, now) {
                Read::Octets(n) if n > 0 => self.hdlc.input_filled(n),
                _ => break,
            }
        }
        self.hdlc.step(&mut self.desk);
        while !self.hdlc.output().is_empty() {
            match self.stream.write(self.hdlc.output(), now) {
                Write::Octets(n) if n > 0 => self.hdlc.output_written(n),
                _ => break,
            }
        }
        self.stream.is_open()
    }

    /// Whether a co-processor answers.
    fn try_out(&mut self, patience: Duration) -> bool {
        let answer = self.ask(Property::PROTOCOL_VERSION, patience);
        matches!(
            answer,
            Ok((
                Answer::Value(_) | Answer::Status(_) | Answer::Elsewhere(_),
                _
            ))
        ) && self.hdlc.diagnosis().is_none()
    }

    /// What answers, if it is no co-processor: a command line prompts after a line, a Zigbee firmware (ASH)
    /// acknowledges a reset.
    fn provoke(&mut self) -> Option<&'static str> {
        if self.hdlc.stats().frames_received > 0 && self.hdlc.diagnosis().is_none() {
            return None;
        }
        for octets in [LINE, ASH_RESET] {
            let before = self.hdlc.diagnosis();
            if before.is_some_and(|seen| !seen.contains("echo")) {
                break;
            }
            self.stream.write(octets, self.time.now());
            let until = self.time.now() + TRY;
            while self.time.now() < until && !self.time.is_over() && self.turn() {
                self.time.sleep(LOOK);
            }
        }
        // Noise is what a wrong speed looks like, which is tried next.
        let seen = self.hdlc.diagnosis();
        seen.filter(|seen| !seen.contains("no frame in them"))
    }

    fn listen(&mut self, until: Instant) -> Answer {
        loop {
            let is_open = self.turn();
            if let Some(answer) = self.desk.take() {
                return answer;
            }
            if !is_open || self.time.now() >= until || self.time.is_over() {
                return Answer::Silence;
            }
            self.time.sleep(LOOK);
        }
    }
}

impl Conversation for Wire<'_> {
    fn ask(&mut self, property: Property, patience: Duration) -> io::Result<(Answer, Duration)> {
        let until = self.time.now() + patience;
        loop {
            let asked = self.time.now();
            self.desk.ask(property);
            let answer = self.listen((asked + TRY).min(until));
            let now = self.time.now();
            let is_over = now >= until || self.time.is_over() || !self.stream.is_open();
            if answer != Answer::Silence || is_over {
                return Ok((answer, now.since(asked)));
            }
        }
    }

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn ask_interface(&mut self, iid: u8) {
        self.desk.ask_interface(iid);
    }

    fn counts(&self) -> Counts {
        let stats = self.hdlc.stats();
        Counts {
            sent: stats.frames_sent,
            refused: 0,
            damaged: stats.bad_fcs,
            is_bus: false,
        }
    }
}

/// As long as a host waits for an answer (protocol §7.3).
const PATIENCE: Duration = Duration::from_secs(5);

/// For each speed that is tried: a co-processor answers within some milliseconds, and the first question after
/// a wrong speed may be lost in what it took for a frame.
const TRY: Duration = Duration::from_millis(700);

/// The answer's time is measured no finer than this.
const LOOK: Duration = Duration::from_micros(200);

/// Reads in a turn.
const ROUNDS: usize = 16;

/// The speeds at which firmware is built, the usual ones first; each is one of [`SERIAL_SPEEDS`].
const HUNTED: [u32; 10] = [
    115_200, 460_800, 1_000_000, 921_600, 230_400, 500_000, 2_000_000, 57_600, 38_400, 9_600,
];
const _: () = assert!(!SERIAL_SPEEDS.is_empty());

/// An empty line, for a command line.
const LINE: &[u8] = b"\r\n\r\n";

/// CANCEL and RST of ASH (UG101, 3.2 and 3.3).
const ASH_RESET: &[u8] = &[0x1A, 0xC0, 0x38, 0xBC, 0x7E];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_speeds_of_serial_ports_are_tried() {
        assert!(HUNTED.iter().all(|speed| SERIAL_SPEEDS.contains(speed)));
    }
}
