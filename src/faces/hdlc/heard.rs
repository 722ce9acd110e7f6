//! What is at the other end of a stream that brings no frames: told by the first octets that come.

use super::FLAG;

/// The first octets of both ways since the stream was opened.
#[derive(Debug, Default)]
pub(super) struct Heard {
    sent: Vec<u8>,
    came: Vec<u8>,
    /// Octets that came.
    count: u64,
    frames: bool,
}

impl Heard {
    pub(super) fn sent(&mut self, octets: &[u8]) {
        keep(&mut self.sent, octets);
    }

    pub(super) fn came(&mut self, octets: &[u8]) {
        self.count = self.count.saturating_add(octets.len() as u64);
        keep(&mut self.came, octets);
    }

    /// A frame of a co-processor came: all is well.
    pub(super) fn frame(&mut self) {
        self.frames = true;
    }

    /// Something was sent, and nothing at all came.
    pub(super) fn is_silent(&self) -> bool {
        self.count == 0 && self.sent.len() >= ECHO_LEN
    }

    /// What it seems to be and what to do, as soon as that is clear.
    pub(super) fn diagnosis(&self) -> Option<&'static str> {
        let has = |what: &[u8]| self.came.windows(what.len()).any(|part| part == what);
        // No co-processor says what a host says; it would be taken for a frame.
        let first = self.sent.get(..ECHO_LEN);
        let echoes = first.is_some_and(has);
        if self.frames && !echoes {
            return None;
        }
        let words: [&[u8]; 4] = [b"> ", b"Error ", b"login:", b"# "];
        if words.into_iter().any(has) {
            return Some(
                "it answers with text: a firmware with a command line, or a console; load an NCP firmware, \
                 or name another port",
            );
        }
        if echoes {
            return Some(
                "what is sent to it comes back: an echo, of a port whose RX and TX are connected or of a \
                 terminal; remove that",
            );
        }
        if has(&[0xC1, 0x02]) || has(&[0x1A, 0xC1]) {
            return Some(
                "it speaks ASH (EZSP), not Spinel: a Zigbee firmware; load an NCP firmware for Thread",
            );
        }
        (self.count >= GARBAGE_MIN).then_some(
            "octets come, and no frame in them: check the speed behind the port's path, and that its \
             firmware speaks Spinel",
        )
    }
}

fn keep(kept: &mut Vec<u8>, octets: &[u8]) {
    // Flags between frames may be as many as somebody likes.
    let octets = octets.iter().copied().filter(|octet| *octet != FLAG);
    kept.extend(octets.take(KEPT - kept.len().min(KEPT)));
}

/// Enough for a prompt behind what is echoed.
const KEPT: usize = 128;
/// A question has five octets with its FCS.
const ECHO_LEN: usize = 5;
/// What a co-processor that starts may say before its first frame is shorter.
const GARBAGE_MIN: u64 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(came: &[u8], expected: Option<&str>) {
        let mut heard = Heard::default();
        heard.sent(&[0x7E, 0x81, 2, 1, 0x55, 0x66, 0x7E]);
        heard.came(came);
        match (heard.diagnosis(), expected) {
            (None, None) => {}
            (Some(text), Some(part)) if text.contains(part) => {}
            (found, _) => panic!("{came:02X?}: {found:?}"),
        }
    }

    #[test]
    fn what_comes_tells_what_it_is() {
        is(b"", None);
        is(b"\x7E\x7E", None);
        is(&[0x7E, 0x81, 2, 1, 0x55, 0x66, 0x7E], Some("an echo"));
        is(b"~\x81\x02\x01\x55\x66~\r\n> ", Some("command line"));
        is(b"\r\n> ~\x81\x02\x01\x55\x66~\r\n> ", Some("command line"));
        is(b"\r\n> Error 35: InvalidCommand\r\n", Some("command line"));
        is(&[0x1A, 0xC1, 2, 0x0B, 0x0A, 0x52, 0x7E], Some("EZSP"));
        is(&[0xF3; 63], None);
        is(&[0xF3; 64], Some("speed"));
    }

    #[test]
    fn one_that_sends_frames_is_none_of_that() {
        let mut heard = Heard::default();
        heard.frame();
        heard.came(b"> Error");
        heard.came(&[0; 1_000]);
        assert_eq!(heard.diagnosis(), None);
    }
}
