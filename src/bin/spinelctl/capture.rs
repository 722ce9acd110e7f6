//! Where captured frames go.

use spinel_bridge::ctl::{Code, Failure, Fields};
use spinel_bridge::pcapng::{head, packet, Frame};
use std::fs::File;
use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

/// A pcapng file that is being written. Each packet is one write, so that the file is whole whenever
/// we end.
pub(crate) struct Capture {
    output: Box<dyn Write>,
    name: String,
    clock: Clock,
}

impl Capture {
    /// Writes the head of the file. `-` is standard output.
    pub(crate) fn create(name: &str, interface: &str) -> Result<Self, Failure> {
        let output: Box<dyn Write> = if name == "-" {
            Box::new(io::stdout())
        } else {
            let file = File::create(name);
            Box::new(file.map_err(|error| failed(name, &error))?)
        };
        let mut capture = Capture {
            output,
            name: name.to_owned(),
            clock: Clock::default(),
        };
        capture.write(&head(interface))?;
        Ok(capture)
    }

    /// Writes a frame. Returns false when nobody reads any more.
    pub(crate) fn frame(&mut self, row: &Fields) -> Result<bool, Failure> {
        let Some(frame) = Frame::from_row(row) else {
            return Ok(true);
        };
        let time = self.clock.time_us(now_us(), frame.timestamp_us);
        self.write(&packet(time, &frame))
    }

    fn write(&mut self, octets: &[u8]) -> Result<bool, Failure> {
        let written = self.output.write_all(octets);
        match written.and_then(|()| self.output.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(failed(&self.name, &error)),
        }
    }
}

/// From the co-processor's clock, which began when it started, to ours.
#[derive(Debug, Default)]
struct Clock {
    /// What its clock showed at a time of ours.
    pair: Option<(u64, u64)>,
}

impl Clock {
    /// The time of a frame. Its distance to the first one is the co-processor's; when that is far from
    /// ours, the co-processor was reset, and it counts anew.
    fn time_us(&mut self, now: u64, stamp: Option<u64>) -> u64 {
        let Some(stamp) = stamp else {
            return now;
        };
        if let Some((began, at)) = self.pair {
            let time = stamp
                .checked_sub(at)
                .and_then(|since| began.checked_add(since));
            match time {
                Some(time) if time.abs_diff(now) <= DRIFT_MAX_US => return time,
                _ => {}
            }
        }
        self.pair = Some((now, stamp));
        now
    }
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let micros = since.map_or(0, |since| since.as_micros());
    u64::try_from(micros).unwrap_or(u64::MAX)
}

fn failed(name: &str, error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format!("{name}: {error}"))
}

/// Clocks of 100 ppm drift so far in 14 hours, and frames wait less than this in the bridge.
const DRIFT_MAX_US: u64 = 5_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_keep_their_distance_over_our_jitter() {
        let mut clock = Clock::default();
        assert_eq!(clock.time_us(9_000_000, Some(500)), 9_000_000);
        assert_eq!(clock.time_us(9_012_345, Some(1_500)), 9_001_000);
        // A reset, then a jump.
        assert_eq!(clock.time_us(9_100_000, Some(7)), 9_100_000);
        assert_eq!(clock.time_us(9_200_000, Some(99_000_007)), 9_200_000);
        assert_eq!(clock.time_us(9_300_000, None), 9_300_000);
        assert_eq!(clock.time_us(9_300_000, Some(u64::MAX)), 9_300_000);
    }
}
