//! The table that a person reads: one finding per row, printed as soon as it is known.
//!
//! ```text
//! ok    bufsiz        4096: frames of up to 2043 octets
//! FAIL  header        MISO is all FF: nobody drives it
//!                     -> check the supply, chip select, and that RES is high
//! ```

use std::io::{self, Write};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Pass,
    /// It works, but not as well as it could, or could not be looked at.
    Warn,
    /// It does not work with the command line that was given.
    Fail,
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: a word or two.
    pub what: &'static str,
    /// What was found.
    pub detail: String,
    /// What to do; nothing where nothing is wrong, or the detail says it.
    pub remedy: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn pass(what: &'static str, detail: impl Into<String>) -> Finding {
        Finding {
            level: Level::Pass,
            what,
            detail: detail.into(),
            remedy: None,
        }
    }

    /// Could be better.
    pub fn warn(what: &'static str, detail: impl Into<String>) -> Finding {
        Finding {
            level: Level::Warn,
            ..Finding::pass(what, detail)
        }
    }

    /// Does not work.
    pub fn fail(what: &'static str, detail: impl Into<String>) -> Finding {
        Finding {
            level: Level::Fail,
            ..Finding::pass(what, detail)
        }
    }

    /// With what to do about it.
    pub fn remedy(self, remedy: impl Into<String>) -> Finding {
        Finding {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}

/// Prints findings and counts them.
pub struct Report<'a> {
    out: &'a mut dyn Write,
    failures: usize,
    warnings: usize,
    /// The first error of `out`: there is no use in printing on.
    error: Option<io::Error>,
}

impl<'a> Report<'a> {
    /// A report without findings, printed to `out`.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Report {
            out,
            failures: 0,
            warnings: 0,
            error: None,
        }
    }

    /// Prints a finding.
    pub fn add(&mut self, finding: Finding) {
        let level = match finding.level {
            Level::Pass => "ok",
            Level::Warn => "warn",
            Level::Fail => "FAIL",
        };
        self.failures += usize::from(finding.level == Level::Fail);
        self.warnings += usize::from(finding.level == Level::Warn);
        let mut row = format!("{level:LEVEL_WIDTH$}{:WHAT_WIDTH$}", finding.what);
        let mut begin = "";
        for line in wrap(&finding.detail, TEXT_WIDTH) {
            row.push_str(begin);
            row.push_str(line);
            begin = INDENT;
        }
        let mut begin = format!("{INDENT}-> ");
        for line in wrap(finding.remedy.as_deref().unwrap_or(""), TEXT_WIDTH - 3) {
            row.push_str(&begin);
            row.push_str(line);
            begin = format!("{INDENT}   ");
        }
        self.line(&row);
    }

    /// Prints a line as it is.
    pub fn line(&mut self, text: &str) {
        if self.error.is_none() {
            let result = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
            self.error = result.err();
        }
    }

    /// How many findings failed.
    pub fn failures(&self) -> usize {
        self.failures
    }

    /// How many findings were warnings.
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Why the report could not be printed, if so.
    pub fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }
}

/// Breaks `text` at spaces into lines of at most `width` characters; a longer word stays whole, so that
/// a path can be copied.
fn wrap(text: &str, width: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let cut = line_end(rest, width);
        lines.push(rest[..cut].trim_end());
        rest = rest[cut..].trim_start();
    }
    lines
}

fn line_end(text: &str, width: usize) -> usize {
    let mut end = None;
    for (column, (at, letter)) in text.char_indices().enumerate() {
        if column > width && end.is_some() {
            break;
        }
        if letter == ' ' {
            end = Some(at);
        }
        if column == width && letter != ' ' && end.is_some() {
            break;
        }
    }
    match end {
        Some(end) if text.chars().count() > width => end,
        _ => text.len(),
    }
}

const LEVEL_WIDTH: usize = 6;
const WHAT_WIDTH: usize = 14;
/// What is left of the 80 columns of a terminal.
const TEXT_WIDTH: usize = 80 - LEVEL_WIDTH - WHAT_WIDTH;
/// A new line below the text.
const INDENT: &str = "\n                    ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_fit_the_screen() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out);
        report.add(Finding::pass("bufsiz", "4096"));
        report.add(Finding::warn("INT line", "word ".repeat(30)).remedy("act ".repeat(40)));
        report.add(Finding::fail("header", "MISO is all FF").remedy("check it"));
        assert_eq!((report.failures(), report.warnings()), (1, 1));
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("ok    bufsiz        4096\nwarn  INT line      word word"));
        assert!(
            text.ends_with("FAIL  header        MISO is all FF\n                    -> check it\n")
        );
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        assert_eq!(text.matches("word").count(), 30);
        assert_eq!(text.matches("act").count(), 40);
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("", 5), [""; 0]);
        assert_eq!(wrap("ab cd ef", 5), ["ab cd", "ef"]);
        assert_eq!(wrap("abcdefgh ij", 5), ["abcdefgh", "ij"]);
        assert_eq!(wrap("a abcdefgh", 5), ["a", "abcdefgh"]);
        assert_eq!(wrap("µµ µµ µµ", 5), ["µµ µµ", "µµ"]);
        assert_eq!(wrap("ab cde", 6), ["ab cde"]);
    }

    #[test]
    fn a_closed_output_is_noted_once() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut out = Closed;
        let mut report = Report::new(&mut out);
        report.add(Finding::fail("header", "gone"));
        assert_eq!(report.failures(), 1);
        assert!(report.error().is_some());
    }
}
