//! A connection to the control socket of one instance, on which several requests run at the same time.

use spinel_bridge::ctl::line::{self, Told};
use spinel_bridge::ctl::{Answer, Code, Failure, Fields};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A request: what `spinelctl` would send.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) verb: String,
    pub(crate) words: Vec<String>,
}

impl Asked {
    pub(crate) fn new(verb: &str) -> Self {
        Asked {
            verb: verb.to_owned(),
            words: Vec::new(),
        }
    }

    /// A word in its place.
    pub(crate) fn word(mut self, text: impl AsRef<str>) -> Self {
        self.words.push(line::word_of(text.as_ref()));
        self
    }

    /// A word that stays as it is, as `socat` would send it.
    pub(crate) fn raw(mut self, text: impl Into<String>) -> Self {
        self.words.push(text.into());
        self
    }

    pub(crate) fn key(mut self, key: &str, value: impl ToString) -> Self {
        self.words.push(line::key_value(key, &value.to_string()));
        self
    }

    pub(crate) fn maybe(self, key: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.key(key, value),
            None => self,
        }
    }

    pub(crate) fn switch(self, key: &str, is_on: bool) -> Self {
        match is_on {
            true => self.key(key, true),
            false => self,
        }
    }
}

/// The writing half, and who waits for answers.
#[derive(Debug)]
pub(crate) struct Link {
    stream: Mutex<UnixStream>,
    waiting: Mutex<Option<HashMap<String, Sender<Answer>>>>,
    room: Condvar,
    next: AtomicU64,
}

/// The reading half.
pub(crate) type Lines = BufReader<UnixStream>;

impl Link {
    /// Connects, and reads the greeting. Returns the name of the interface, too.
    pub(crate) fn open(path: &Path) -> io::Result<(Link, Lines, String)> {
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(WRITE_MAX))?;
        // A daemon that is stopped takes connections and says nothing.
        stream.set_read_timeout(Some(GREETING_MAX))?;
        let mut lines = BufReader::new(stream.try_clone()?);
        let told = next_line(&mut lines)?;
        let Some(Ok(Told::Greeting { interface, .. })) = told else {
            return Err(io::Error::other(match told {
                Some(Ok(Told::Answer {
                    answer: Answer::Failed(failure),
                    ..
                })) => failure.message,
                _ => "what listens there is no spinel-bridge".to_owned(),
            }));
        };
        stream.set_read_timeout(None)?;
        let link = Link {
            stream: Mutex::new(stream),
            waiting: Mutex::new(Some(HashMap::new())),
            room: Condvar::new(),
            next: AtomicU64::new(1),
        };
        Ok((link, lines, interface))
    }

    /// Sends a request whose answers are not for [`Link::ask`].
    pub(crate) fn tell(&self, tag: &str, request: &str) -> io::Result<()> {
        self.send(&line::request(tag, request, &[]))
    }

    /// Asks, and waits for the end; `row` is called for each row.
    pub(crate) fn ask(&self, asked: &Asked, row: &mut dyn FnMut(Fields)) -> Result<(), Failure> {
        self.ask_until(asked, false, row)
    }

    /// Asks, and waits until it is done, or until the daemon waits for what others do: it tells that from
    /// time to time.
    pub(crate) fn begin(&self, asked: &Asked) -> Result<(), Failure> {
        self.ask_until(asked, true, &mut |_| {})
    }

    fn ask_until(
        &self,
        asked: &Asked,
        until_progress: bool,
        row: &mut dyn FnMut(Fields),
    ) -> Result<(), Failure> {
        let (sender, answers) = mpsc::channel();
        let tag = self.next.fetch_add(1, Ordering::Relaxed).to_string();
        self.enter(&tag, sender)?;
        let text = line::request(&tag, &asked.verb, &asked.words);
        if text.len() > line::LINE_MAX {
            self.leave(&tag);
            return Err(Failure::new(Code::Usage, "the value is too long"));
        }
        if self.send(&text).is_err() {
            self.leave(&tag);
            return Err(gone());
        }
        loop {
            match answers.recv_timeout(ANSWER_MAX) {
                Ok(Answer::Row(fields)) => row(fields),
                Ok(Answer::Progress { .. }) if until_progress => return Ok(()),
                Ok(Answer::Progress { .. }) => {}
                Ok(Answer::Done) => return Ok(()),
                Ok(Answer::Failed(failure)) => {
                    // The daemon hangs up on who sends wrong lines only, one after the other; here they
                    // are those of many callers.
                    let _ = self.tell(RIGHT, "version");
                    return Err(failure);
                }
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) => {
                    self.leave(&tag);
                    let _ = self.send(&line::request("0", "cancel", &[tag]));
                    return Err(Failure::new(Code::Timeout, "nothing was heard of it"));
                }
            }
        }
    }

    /// Hands an answer to who waits for it.
    pub(crate) fn answered(&self, tag: &str, answer: Answer) {
        let is_last = matches!(answer, Answer::Done | Answer::Failed(_));
        let mut waiting = lock(&self.waiting);
        let Some(waiting) = waiting.as_mut() else {
            return;
        };
        if let Some(sender) = waiting.get(tag) {
            // Who has given up does not listen any more.
            let _ = sender.send(answer);
        }
        if is_last && waiting.remove(tag).is_some() {
            self.room.notify_one();
        }
    }

    /// The connection is gone: whoever waits is told so, and nobody is let in any more.
    pub(crate) fn close(&self) {
        *lock(&self.waiting) = None;
        self.room.notify_all();
        let _ = lock(&self.stream).shutdown(std::net::Shutdown::Both);
    }

    fn enter(&self, tag: &str, sender: Sender<Answer>) -> Result<(), Failure> {
        let mut waiting = lock(&self.waiting);
        loop {
            match waiting.as_mut() {
                None => return Err(gone()),
                Some(running) if running.len() < RUNNING_MAX => {
                    running.insert(tag.to_owned(), sender);
                    return Ok(());
                }
                Some(_) => {
                    waiting = self
                        .room
                        .wait(waiting)
                        .unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    fn leave(&self, tag: &str) {
        if let Some(waiting) = lock(&self.waiting).as_mut() {
            waiting.remove(tag);
            self.room.notify_one();
        }
    }

    fn send(&self, text: &str) -> io::Result<()> {
        lock(&self.stream).write_all(text.as_bytes())
    }
}

/// The next line; `None` at the end. A line that cannot be read is a later version's.
pub(crate) fn next_line(lines: &mut Lines) -> io::Result<Option<Result<Told, Failure>>> {
    let mut text = String::new();
    let mut limited = io::Read::take(&mut *lines, LINE_MAX);
    if limited.read_line(&mut text)? == 0 || !text.ends_with('\n') {
        return Ok(None);
    }
    Ok(Some(Told::parse(text.trim_end_matches('\n'))))
}

/// A thread that panicked holding it has left nothing half done that matters here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone() -> Failure {
    Failure::new(Code::NoDaemon, "the connection to spinel-bridge is lost")
}

/// The tag of a line that is never wrong.
const RIGHT: &str = "right";

/// Requests of one connection that the daemon works on at the same time, less some for `tell`.
const RUNNING_MAX: usize = 5;

/// The longest line of a server (`ctl::line`).
const LINE_MAX: u64 = 65_536;

/// The daemon reads all the time; if it does not, it is stopped.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// The same for its first line.
const GREETING_MAX: Duration = Duration::from_secs(10);

/// Each request has its end in the daemon: the longest is an upgrade, of 600 s. Sniffing tells frames, or
/// nothing for long; it is asked for again then.
const ANSWER_MAX: Duration = Duration::from_secs(660);
