//! OpenThread's command line, which some firmware offers over STREAM_CLI (protocol §3.9): a line goes in, its
//! output comes out in pieces, even before the SET is answered, and `Done` or `Error N: ...` ends it.

use crate::ctl::{Code, Failure};

/// The output of one command.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// What came of a line that is not over yet.
    line: Vec<u8>,
    /// How the command ended.
    end: Option<Result<(), Failure>>,
}

impl Output {
    /// Takes a piece, up to a zero octet; returns the lines that are complete now, but for the one that ends it.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<String> {
        let piece = piece.split(|&octet| octet == 0).next().unwrap_or_default();
        let mut lines = Vec::new();
        for &octet in piece {
            if octet != b'\n' && self.line.len() < LINE_MAX {
                self.line.push(octet);
                continue;
            }
            let line = core::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches('\r');
            let line = line.strip_prefix(PROMPT).unwrap_or(line);
            if self.end.is_some() {
                // Of whatever comes later: an answer to a ping, say.
                continue;
            }
            match line {
                "Done" => self.end = Some(Ok(())),
                error if is_error(error) => self.end = Some(Err(refused(error))),
                line => lines.push(line.to_owned()),
            }
        }
        // Firmware prompts behind each command. What it had no room for it left out, `Done` or a newline, too.
        if self.line.ends_with(PROMPT.as_bytes()) && self.end.is_none() {
            let line = core::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line[..line.len() - PROMPT.len()]);
            self.end = Some(match &*line {
                "Done" => Ok(()),
                error if is_error(error) => Err(refused(error)),
                "" => Err(cut()),
                rest => {
                    lines.push(rest.to_owned());
                    Err(cut())
                }
            });
        }
        lines
    }

    /// How it ended, if it did.
    pub(super) fn end(&mut self) -> Option<Result<(), Failure>> {
        self.end.take()
    }
}

/// `Error 7: InvalidArgs`.
fn is_error(line: &str) -> bool {
    let number = line
        .strip_prefix("Error ")
        .and_then(|rest| rest.split_once(": "));
    number.is_some_and(|(number, _)| number.parse::<u32>().is_ok())
}

fn cut() -> Failure {
    Failure::new(
        Code::Failed,
        "the co-processor had no room for the whole answer: the end of it is lost",
    )
}

fn refused(error: &str) -> Failure {
    Failure::new(
        Code::Failed,
        format!("OpenThread's command line says {error}: `cli help` lists the commands"),
    )
}

/// Longer than OpenThread's lines (CLI_MAX_LINE_LENGTH: 384 or 640 octets).
const LINE_MAX: usize = 2_048;
/// `Interpreter::OutputPrompt`.
const PROMPT: &str = "> ";

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of these pieces, and how the command ended.
    fn read(pieces: &[&str]) -> (Vec<String>, Option<Result<(), Failure>>) {
        let mut output = Output::default();
        let lines = pieces
            .iter()
            .flat_map(|piece| output.take(piece.as_bytes()))
            .collect();
        (lines, output.end())
    }

    #[test]
    fn lines_are_put_together() {
        let (lines, end) = read(&["lea", "der\r\n", "Done\r\n\0", "> "]);
        assert_eq!(lines, ["leader"]);
        assert_eq!(end, Some(Ok(())));
        let (lines, end) = read(&["> a\r\n\r\nDo", "ne"]);
        assert_eq!(lines, ["a", ""]);
        assert_eq!(end, None);
        let (_, end) = read(&["Done", "> "]);
        assert_eq!(end, Some(Ok(())), "its newline was lost");
        let (lines, _) = read(&["Done\r\n", "16 bytes from fd00::1\r\n"]);
        assert!(lines.is_empty(), "it is over");
    }

    #[test]
    fn errors_are_told_from_output() {
        let (lines, end) = read(&["Error 7: InvalidArgs\r\n"]);
        assert!(lines.is_empty());
        let failure = end.unwrap().unwrap_err();
        assert_eq!(failure.code, Code::Failed);
        assert!(
            failure.message.contains("Error 7: InvalidArgs"),
            "{failure}"
        );
        let (lines, end) = read(&["Error rate: 5\r\nError 7\r\n"]);
        assert_eq!(lines.len(), 2);
        assert_eq!(end, None);
    }

    #[test]
    fn an_answer_without_its_end_is_said_to_be_cut() {
        for (pieces, expected) in [
            (&["one\r\n", "> "][..], &["one"][..]),
            (&["one\r\n", "tw", "> "], &["one", "tw"]),
            (&["> "], &[]),
        ] {
            let (lines, end) = read(pieces);
            assert_eq!(lines, expected);
            let failure = end.unwrap().unwrap_err();
            assert!(failure.message.contains("no room"), "{failure}");
        }
    }

    #[test]
    fn a_line_without_an_end_is_bounded() {
        let mut output = Output::default();
        for _ in 0..100 {
            for line in output.take(&[b'x'; 300]) {
                assert!(line.len() <= LINE_MAX);
            }
        }
        assert!(output.line.len() <= LINE_MAX);
    }
}
