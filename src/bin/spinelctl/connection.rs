//! The connection to the daemon.

use nix::errno::Errno;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use spinel_bridge::ctl::line::{self, Told};
use spinel_bridge::ctl::{Code, Failure};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where daemons have their sockets.
pub(crate) const DIRECTORY: &str = "/run/spinel-bridge";

/// A connection that has been greeted.
#[derive(Debug)]
pub(crate) struct Connection {
    reader: BufReader<UnixStream>,
    path: PathBuf,
    /// Whose interface it is.
    pub(crate) interface: String,
    timeout: Option<Duration>,
}

/// The sockets that there are, as interface and path, sorted.
pub(crate) fn sockets(directory: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut sockets: Vec<_> = paths
        .filter(|path| matches!(path.extension(), Some(extension) if extension == "sock"))
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    sockets.sort();
    sockets
}

impl Connection {
    /// Connects, and reads the greeting, which is to come within `greeting`.
    pub(crate) fn open(path: &Path, greeting: Duration) -> Result<Self, Failure> {
        let stream = UnixStream::connect(path).map_err(|error| unreachable(path, &error))?;
        let waits = stream.set_read_timeout(Some(greeting));
        let writes = stream.set_write_timeout(Some(greeting));
        waits
            .and(writes)
            .map_err(|error| unreachable(path, &error))?;
        let mut connection = Connection {
            reader: BufReader::new(stream),
            path: path.to_owned(),
            interface: String::new(),
            timeout: Some(greeting),
        };
        match connection.read()? {
            Told::Greeting {
                protocol,
                interface,
                version,
            } => {
                if protocol != line::PROTOCOL {
                    return Err(Failure::new(
                        Code::NoDaemon,
                        format!(
                            "{}: spinel-bridge {version} speaks protocol {protocol}, this \
                             spinelctl {}: use the one that came with it",
                            path.display(),
                            line::PROTOCOL
                        ),
                    ));
                }
                connection.interface = interface;
            }
            // One client too many, for instance.
            Told::Answer {
                answer: spinel_bridge::ctl::Answer::Failed(failure),
                ..
            } => return Err(failure),
            _ => {
                return Err(Failure::new(
                    Code::NoDaemon,
                    format!("{}: this is not spinel-bridge", path.display()),
                ))
            }
        }
        Ok(connection)
    }

    /// How long [`Connection::read`] waits; `None`: for ever.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> Result<(), Failure> {
        self.timeout = timeout;
        let set = self.reader.get_ref().set_read_timeout(timeout);
        set.map_err(|error| unreachable(&self.path, &error))
    }

    /// Sends a request.
    pub(crate) fn send(&mut self, verb: &str, words: &[String]) -> Result<(), Failure> {
        let text = line::request(TAG, verb, words);
        if text.len() > line::LINE_MAX {
            return Err(Failure::new(
                Code::Usage,
                format!(
                    "this takes {} octets, and a request has at most {}",
                    text.len(),
                    line::LINE_MAX
                ),
            ));
        }
        let mut stream = self.reader.get_ref();
        let sent = stream.write_all(text.as_bytes());
        sent.map_err(|error| unreachable(&self.path, &error))
    }

    /// Waits for something to read, or for the end of who reads what we write to `output`: false. On a quiet
    /// network we would not notice by writing, and a radio that is sniffed does nothing else meanwhile.
    pub(crate) fn wait_beside(&self, output: BorrowedFd<'_>) -> Result<bool, Failure> {
        let left = self.timeout.map(|timeout| timeout.as_millis());
        let left = left.map(|left| i32::try_from(left).unwrap_or(i32::MAX));
        let timeout = left.map_or(PollTimeout::NONE, |left| {
            PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
        });
        while self.reader.buffer().is_empty() {
            let mut fds = [
                PollFd::new(self.reader.get_ref().as_fd(), PollFlags::POLLIN),
                PollFd::new(output, PollFlags::empty()),
            ];
            match poll(&mut fds, timeout) {
                Ok(0) => return Err(self.failed(&io::ErrorKind::TimedOut.into())),
                Ok(_) => {
                    let is_over = fds[1].revents().is_some_and(|seen| !seen.is_empty());
                    return Ok(!is_over);
                }
                Err(Errno::EINTR) => {}
                Err(error) => return Err(self.failed(&error.into())),
            }
        }
        Ok(true)
    }

    /// The next line that is understood.
    pub(crate) fn read(&mut self) -> Result<Told, Failure> {
        loop {
            let mut octets = Vec::new();
            let limit = u64::try_from(LINE_MAX).unwrap_or(u64::MAX);
            let read = self
                .reader
                .by_ref()
                .take(limit)
                .read_until(b'\n', &mut octets);
            match read {
                Ok(_) if octets.ends_with(b"\n") => {}
                Ok(_) => {
                    return Err(Failure::new(
                        Code::NoDaemon,
                        format!("{}: the daemon closed the connection", self.path.display()),
                    ))
                }
                Err(error) => return Err(self.failed(&error)),
            }
            let text = String::from_utf8_lossy(&octets);
            // Lines that a later version added are left out.
            if let Ok(told) = Told::parse(text.trim_end_matches(['\n', '\r'])) {
                return Ok(told);
            }
        }
    }

    fn failed(&self, error: &io::Error) -> Failure {
        match (error.kind(), self.timeout) {
            (io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut, Some(timeout)) => Failure::new(
                Code::Timeout,
                format!(
                    "{}: nothing was heard for {} s: see the daemon's log, or give more with --timeout",
                    self.path.display(),
                    timeout.as_secs()
                ),
            ),
            _ => unreachable(&self.path, error),
        }
    }
}

fn unreachable(path: &Path, error: &io::Error) -> Failure {
    let is_other = std::fs::metadata(path).is_ok_and(|found| !found.file_type().is_socket());
    let advice = match error.kind() {
        _ if is_other => "it is not a socket: give the one that spinel-bridge --tun made",
        io::ErrorKind::NotFound => {
            "is spinel-bridge --tun running? spinelctl interfaces lists what is"
        }
        io::ErrorKind::ConnectionRefused => "the daemon that made it is gone: start it again",
        io::ErrorKind::PermissionDenied => "be root, or a member of the socket's group",
        _ => "see the daemon's log",
    };
    let code = match error.kind() {
        io::ErrorKind::PermissionDenied => Code::Denied,
        _ => Code::NoDaemon,
    };
    Failure::new(code, format!("{}: {error}: {advice}", path.display()))
}

/// The only request of a connection.
const TAG: &str = "1";

/// Twice what the protocol permits.
const LINE_MAX: usize = 131_072;
