//! A command that runs beside the loop: it checks or upgrades the co-processor's firmware, or keeps the
//! network's credentials.
//!
//! Nothing waits for it. Its descriptor tells when it has said something, SIGCHLD
//! ([`Received::child`](super::signal::Received::child)) that it may have ended; [`Child::try_finish`] does the rest.

use super::process::Group;
use crate::time::Instant;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// A command that runs.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    group: Group,
    said: UnixStream,
    output: Output,
    /// Of the line that is being said, or all of it with [`Output::Keep`].
    text: Vec<u8>,
    /// Lines that went to the log.
    lines: usize,
    /// It is told to end then.
    until: Instant,
    told: bool,
}

/// What becomes of what a command says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Each line goes to the log, up to [`LINES`] of them.
    Log,
    /// Standard output is kept for [`Finished::output`], up to [`KEEP`] octets; it may be secret. Standard
    /// error is ours.
    Keep,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its status. Killed by a signal where its time was over.
    pub status: ExitStatus,
    /// What it said, with [`Output::Keep`].
    pub output: Vec<u8>,
}

impl Child {
    /// Runs `command` with `/bin/sh -c`. `name` is for the log; `stdin` is what it can read, up to
    /// [`KEEP`] octets; `env` comes on top of our own environment. It is told to end when `limit` is over.
    ///
    /// # Errors
    /// What the system reported; that the command does not exist is told by its status (127).
    pub fn spawn(
        name: &'static str,
        command: &str,
        stdin: &[u8],
        env: &[(&str, &str)],
        output: Output,
        now: Instant,
        limit: Duration,
    ) -> io::Result<Child> {
        if stdin.len() > KEEP {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (said, says) = UnixStream::pair()?;
        said.set_nonblocking(true)?;
        let errors = says.try_clone()?;
        let mut group = Group::run(command, |shell: &mut Command| {
            shell
                .envs(env.iter().copied())
                .stdin(Stdio::piped())
                .stdout(Stdio::from(OwnedFd::from(says)));
            if output == Output::Log {
                shell.stderr(Stdio::from(OwnedFd::from(errors)));
            }
        })?;
        if let Some(mut pipe) = group.take_stdin() {
            // A pipe takes this much at once; a command that reads nothing is no error.
            let _ = pipe.write_all(stdin);
        }
        Ok(Child {
            name,
            group,
            said,
            output,
            text: Vec::new(),
            lines: 0,
            until: now + limit,
            told: false,
        })
    }

    /// Becomes readable when the command says something or closes its output.
    pub fn fd(&self) -> RawFd {
        self.said.as_raw_fd()
    }

    /// When [`Child::try_finish`] has something to do if nothing happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.told {
            true => self.group.poll_timeout(),
            false => Some(self.until),
        }
    }

    /// How it ended, once it has. To be called when the descriptor is readable, after SIGCHLD and at
    /// [`Child::poll_timeout`].
    pub fn try_finish(&mut self, now: Instant) -> Option<Finished> {
        self.drain();
        if !self.told && self.until <= now {
            log::warn!("{}: its time is over: ending it", self.name);
            self.told = true;
            self.group.end(now);
        }
        let status = self.group.try_finish(now)?;
        // What it said last.
        self.drain();
        let output = core::mem::take(&mut self.text);
        if self.output == Output::Log {
            self.print(&output);
            return Some(Finished {
                status,
                output: Vec::new(),
            });
        }
        Some(Finished { status, output })
    }

    /// Takes what was said, a bounded amount at a time.
    fn drain(&mut self) {
        let mut buffer = [0; 4_096];
        for _ in 0..READS {
            // Blocked, or closed: nothing more comes now.
            let Ok(len @ 1..) = self.said.read(&mut buffer) else {
                return;
            };
            match self.output {
                Output::Keep => {
                    let room = KEEP.saturating_sub(self.text.len());
                    self.text.extend_from_slice(&buffer[..len.min(room)]);
                }
                Output::Log => self.take_lines(&buffer[..len]),
            }
        }
    }

    fn take_lines(&mut self, octets: &[u8]) {
        for octet in octets {
            if *octet == b'\n' || self.text.len() >= LINE_LEN {
                let line = core::mem::take(&mut self.text);
                self.print(&line);
            }
            if *octet != b'\n' {
                self.text.push(*octet);
            }
        }
    }

    fn print(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        self.lines = self.lines.saturating_add(1);
        match self.lines {
            LINES => log::warn!(
                "{}: says more than {LINES} lines: the rest is left out",
                self.name
            ),
            n if n > LINES => {}
            _ => log::info!(
                "{}: {}",
                self.name,
                line.replace(char::is_control, "\u{fffd}")
            ),
        }
    }
}

/// Lines of a command that go to the log: an upgrade tool says what it does in a screen or two, one that
/// draws a progress bar must not fill the disk.
pub const LINES: usize = 100;

/// What a command may read and say: a dataset in hexadecimal has some 510 octets (254 of TLVs); and 4096 is
/// what a pipe takes at once (PIPE_BUF).
pub const KEEP: usize = 4_096;

/// A longer line is cut into several.
const LINE_LEN: usize = 500;

/// Reads in one call, so that a command that says a lot does not keep the loop.
const READS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1_000);

    fn spawn(command: &str, stdin: &[u8], output: Output) -> Child {
        let env = [("SPINEL_BRIDGE_TEST", "a b")];
        Child::spawn("test", command, stdin, &env, output, Instant::ZERO, LIMIT).unwrap()
    }

    #[track_caller]
    fn finish(child: &mut Child, now: Instant) -> Finished {
        for _ in 0..10_000 {
            if let Some(finished) = child.try_finish(now) {
                return finished;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it does not end");
    }

    #[test]
    fn it_reads_its_input_and_environment_and_says_what_is_kept() {
        let command = "read -r version; echo \"$version, $SPINEL_BRIDGE_TEST\"; exit 4";
        let mut child = spawn(command, b"OPENTHREAD/1\n", Output::Keep);
        let finished = finish(&mut child, Instant::ZERO);
        assert_eq!(finished.output, b"OPENTHREAD/1, a b\n");
        assert_eq!(finished.status.code(), Some(4));
    }

    #[test]
    fn its_end_shows_on_its_descriptor() {
        let mut child = spawn("exit 0", b"", Output::Log);
        let mut poll = mio::Poll::new().unwrap();
        let fd = child.fd();
        let mut source = mio::unix::SourceFd(&fd);
        let interest = mio::Interest::READABLE;
        poll.registry()
            .register(&mut source, mio::Token(0), interest)
            .unwrap();
        let mut events = mio::Events::with_capacity(1);
        poll.poll(&mut events, Some(Duration::from_secs(10)))
            .unwrap();
        assert!(!events.is_empty());
        assert!(finish(&mut child, Instant::ZERO).status.success());
    }

    #[test]
    fn one_that_reads_nothing_says_much_and_leaves_a_background_behind_is_no_trouble() {
        let mut child = spawn(
            "sleep 5 & yes | head -n 100000; exit 0",
            &[b'x'; KEEP],
            Output::Log,
        );
        assert!(finish(&mut child, Instant::ZERO).status.success());
        assert!(child.lines > LINES);
        let mut child = spawn("yes | head -c 1000000", b"", Output::Keep);
        assert_eq!(finish(&mut child, Instant::ZERO).output.len(), KEEP);
        let too_much = [0; KEEP + 1];
        let refused = Child::spawn(
            "test",
            ":",
            &too_much,
            &[],
            Output::Log,
            Instant::ZERO,
            LIMIT,
        );
        assert!(refused.is_err());
    }

    #[test]
    fn one_that_takes_too_long_is_ended() {
        let mut child = spawn("sleep 1000", b"", Output::Log);
        let due = Instant::ZERO + LIMIT;
        assert_eq!(child.poll_timeout(), Some(due));
        assert_eq!(child.try_finish(due - Duration::from_micros(1)), None);
        let finished = finish(&mut child, due);
        assert_eq!(finished.status.code(), None);
    }
}
