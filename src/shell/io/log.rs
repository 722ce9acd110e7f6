//! Where messages go, and where they must never go.
//!
//! # Never on the data channel
//! OpenThread starts us on a pty whose slave is standard input, output *and error*: one line there breaks
//! HDLC. So [`start`] looks whether standard error is the same file as standard input or output, the
//! panic hook reports through the log, and [`report_startup_error`] looks before it writes. A log to
//! standard error that was asked for by name is refused there.
//!
//! # Never in the way
//! A message may be lost, the bridge may not stop for it. Lost messages are counted ([`lost`]).
//! - Standard error: O_NONBLOCK is a flag of the open file, which the shell and our other descriptors
//!   share, so it is not set. Instead poll(2) is asked before each piece of up to 4096 octets
//!   (PIPE_BUF), and the rest of the message is dropped where there is no room. A pipe that polls
//!   writable takes that much without blocking, a stopped terminal (Ctrl-S) does not poll writable. Left
//!   over: another writer that fills the same pipe between the two calls.
//! - A file: errors, a full disk among them, lose the message. A line that was torn is ended before the
//!   next one.
//! - syslog(3): drops messages silently where `/dev/log` is absent. Its write does block while the
//!   syslog daemon is alive but does not read, for every program on the machine alike; who wants frames
//!   logged under such conditions takes a file.
//!
//! # Never without bound
//! What others can cause (a co-processor that resets itself for ever, control clients that misbehave) is
//! told `limit::BURST` times at once and then once a second, for errors, warnings and information apart.
//! How many were left out is told with the next. What was asked for is not limited: `-v`, the counters.
//!
//! # Formats
//! | sink | line |
//! | --- | --- |
//! | standard error | `spinel-bridge[123]: warning: text` |
//! | standard error, when it is the journal | `<4>text` (sd-daemon(3)) |
//! | syslog | the text, facility daemon, with identifier and pid |
//! | a file | `2026-11-20T18:24:00.123Z spinel-bridge[123]: warning: text` |

mod limit;

use crate::config::{Config, Face, LogTarget, Verbosity};
use crate::io::status;
use crate::trace::{COUNTERS, FRAME, HEX, KEYS};
use limit::{Limit, Verdict};
use log::{Level, LevelFilter, Log, Metadata as About, Record};
use nix::fcntl::OFlag;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use nix::sys::termios::{tcgetattr, LocalFlags};
use nix::syslog::{openlog, syslog, Facility, LogFlags, Priority, Severity};
use std::ffi::CStr;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Starts the log. Once in a process, and before anything else may want to log.
///
/// SPI frame headers (`-v`) are logged at [`Level::Debug`], frames and octets at [`Level::Trace`] with
/// the targets [`FRAME`] and [`HEX`]. The counters that SIGUSR1 asks for come at every verbosity.
///
/// # Errors
/// [`StartError`], whose message says what to do.
pub fn start(config: &Config, face: &Face) -> Result<(), StartError> {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let streams = Streams {
        input: input.as_fd(),
        output: output.as_fd(),
        error: error.as_fd(),
    };
    let sink = Sink::choose(&config.log, face, &streams)?;
    STARTED.store(true, Ordering::Relaxed);
    let elsewhere = match &sink {
        Sink::Lines(style, _) => *style == Style::Dated,
        Sink::Syslog => true,
        Sink::Nowhere => false,
    };
    ELSEWHERE.store(elsewhere, Ordering::Relaxed);
    let output = match sink {
        Sink::Nowhere => return Ok(()),
        Sink::Lines(style, file) => {
            let path = match &config.log {
                LogTarget::File(path) => Some(path.clone()),
                _ => None,
            };
            Output::Lines(style, Mutex::new(LineWriter::new(file, path)))
        }
        Sink::Syslog => Output::Syslog(SyslogWriter::open()),
    };
    let logger = Logger::new(config.verbosity, config.log_keys, output);
    let max_level = logger.max_level();
    log::set_boxed_logger(Box::new(logger)).map_err(|_| StartError::Twice)?;
    log::set_max_level(max_level);
    Ok(())
}

/// Makes a panic a message of the log, or before [`start`] a startup error; the default hook writes to
/// standard error whatever that is. To be called first of all.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let payload = info.payload();
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("unknown reason")
            .replace('\n', " ");
        let message = match info.location() {
            Some(place) => format!("panic at {place}: {text}: please report this"),
            None => format!("panic: {text}: please report this"),
        };
        if STARTED.load(Ordering::Relaxed) {
            log::error!("{message}");
        } else {
            report_startup_error(None, &message);
        }
    }));
}

/// Tells an error that ends us before we run. `face` is `None` while the command line is not known yet.
///
/// It goes to the log, if there is one already. And it goes to standard error, for whoever typed the command,
/// unless that is the data channel or `/dev/null`, where a daemon's is; then, without a log, it goes to syslog.
/// It is the data channel:
///
/// - With a known face: standard error is the same file as standard input or output, and not a
///   terminal in line mode. Programs make their pty raw before they start us; line mode means a human.
/// - With an unknown face: standard error is a terminal that is not in line mode, or a socket that is
///   also standard input or output.
pub fn report_startup_error(face: Option<&Face>, message: &str) {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    let streams = Streams {
        input: input.as_fd(),
        output: output.as_fd(),
        error: error.as_fd(),
    };
    let is_logged = ELSEWHERE.load(Ordering::Relaxed);
    if is_logged {
        log::error!("{message}");
    }
    if streams.error_carries_data_at_start(face) || is_null(streams.error) {
        if !is_logged {
            SyslogWriter::open().send(Level::Error, message);
        }
        return;
    }
    let line = match is_journal(streams.error) {
        true => format!("<{}>{message}\n", priority(Level::Error)),
        false => format!("{IDENT}: {message}\n"),
    };
    // It is the last thing that we do: here there is time for a slow reader.
    write_pieces(streams.error, line.as_bytes(), LAST_WORDS_MS);
}

/// The next message opens a log file anew, by its name: whoever rotates logs has renamed it. One that
/// cannot be opened is told, and the old one goes on.
pub fn reopen() {
    REOPEN.store(true, Ordering::Relaxed);
}

/// How many messages were lost, in whole or in part, because a sink did not take them.
pub fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// What [`lost`] counts, for SIGUSR1.
pub const LOST_LABEL: &str = "messages that the log did not take";

/// Sets [`lost`] to zero.
pub fn clear_lost() {
    LOST.store(0, Ordering::Relaxed);
}

/// Why there is no log. Every message is one line and says what to do.
#[derive(Debug)]
pub enum StartError {
    /// The log file cannot be opened.
    File {
        /// Its path.
        path: PathBuf,
        /// What the system reported.
        cause: io::Error,
    },
    /// Standard error was asked for, but the data goes there.
    DataChannel,
    /// Standard error cannot be duplicated.
    Stderr(io::Error),
    /// There is a log already.
    Twice,
}

/// A log target after all questions were answered.
enum Sink {
    Lines(Style, File),
    Syslog,
    Nowhere,
}

impl Sink {
    fn choose(target: &LogTarget, face: &Face, streams: &Streams<'_>) -> Result<Sink, StartError> {
        match target {
            LogTarget::None => Ok(Sink::Nowhere),
            LogTarget::Syslog => Ok(Sink::Syslog),
            LogTarget::Stderr if streams.error_carries_data_at_start(Some(face)) => {
                Err(StartError::DataChannel)
            }
            LogTarget::Stderr => Sink::stderr(streams.error),
            LogTarget::File(path) => match open_file(path) {
                Ok(file) => Ok(Sink::Lines(Style::Dated, file)),
                Err(cause) => Err(StartError::File {
                    path: path.clone(),
                    cause,
                }),
            },
            LogTarget::Auto => {
                match streams.log_goes_to_error(face, Path::new("/dev/log").exists()) {
                    true => Sink::stderr(streams.error),
                    false => Ok(Sink::Syslog),
                }
            }
        }
    }

    fn stderr(error: BorrowedFd<'_>) -> Result<Sink, StartError> {
        let style = match is_journal(error) {
            true => Style::Priority,
            false => Style::Named,
        };
        let own = error.try_clone_to_owned().map_err(StartError::Stderr)?;
        Ok(Sink::Lines(style, own.into()))
    }
}

/// The three standard streams, or others in a test.
struct Streams<'a> {
    input: BorrowedFd<'a>,
    output: BorrowedFd<'a>,
    error: BorrowedFd<'a>,
}

impl Streams<'_> {
    /// [`LogTarget::Auto`]: standard error, unless it is the data channel or nobody is known to read it.
    /// Without a syslog daemon (containers) an unknown reader is better than none.
    fn log_goes_to_error(&self, face: &Face, syslog_exists: bool) -> bool {
        if self.error_carries_data(face) {
            return false;
        }
        self.error.is_terminal() || is_journal(self.error) || !syslog_exists
    }

    fn error_carries_data(&self, face: &Face) -> bool {
        face.uses_stdio() && self.error_is_shared()
    }

    /// See [`report_startup_error`].
    fn error_carries_data_at_start(&self, face: Option<&Face>) -> bool {
        let line_mode = line_mode(self.error);
        match face {
            Some(face) => self.error_carries_data(face) && line_mode != Some(true),
            None => match line_mode {
                Some(on) => !on,
                None => is_socket(self.error) && self.error_is_shared(),
            },
        }
    }

    fn error_is_shared(&self) -> bool {
        same_file(self.error, self.input) || same_file(self.error, self.output)
    }
}

fn same_file(a: BorrowedFd<'_>, b: BorrowedFd<'_>) -> bool {
    let identity = |status: Metadata| (status.dev(), status.ino(), status.rdev());
    match (status(a), status(b)) {
        (Ok(a), Ok(b)) => identity(a) == identity(b),
        _ => false,
    }
}

fn is_socket(fd: BorrowedFd<'_>) -> bool {
    status(fd).is_ok_and(|status| status.file_type().is_socket())
}

/// Whether it is `/dev/null`, which is what a descriptor that was closed becomes, too.
fn is_null(fd: BorrowedFd<'_>) -> bool {
    let device = |status: Metadata| status.file_type().is_char_device().then(|| status.rdev());
    let null = std::fs::metadata("/dev/null").map(device);
    null.is_ok_and(|null| null.is_some() && status(fd).map(device).is_ok_and(|own| own == null))
}

/// Whether a terminal hands over whole lines (ICANON); `None` if it is no terminal.
fn line_mode(fd: BorrowedFd<'_>) -> Option<bool> {
    let settings = tcgetattr(fd).ok()?;
    Some(settings.local_flags.contains(LocalFlags::ICANON))
}

/// systemd tells the journal's socket as `device:inode` (systemd.exec(5)).
fn is_journal(fd: BorrowedFd<'_>) -> bool {
    std::env::var("JOURNAL_STREAM").is_ok_and(|stream| is_stream(fd, &stream))
}

fn is_stream(fd: BorrowedFd<'_>, stream: &str) -> bool {
    status(fd).is_ok_and(|status| stream == format!("{}:{}", status.dev(), status.ino()))
}

/// O_NONBLOCK is for a FIFO: to open it must not wait for a reader, to write must not either. A new file
/// is for nobody else: frames tell what is on the network.
fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits())
        .open(path)
}

/// What the macros of `log` hand messages to. A crate for it would choose messages by rules that it reads
/// from a text, and hand over lines without their level, which syslog wants.
struct Logger {
    verbosity: Verbosity,
    /// The octets of keys are told, too.
    keys: bool,
    limit: Limit,
    output: Output,
}

enum Output {
    Lines(Style, Mutex<LineWriter>),
    Syslog(SyslogWriter),
}

impl Logger {
    fn new(verbosity: Verbosity, keys: bool, output: Output) -> Self {
        Logger {
            verbosity,
            keys,
            limit: Limit::default(),
            output,
        }
    }

    /// Which levels of a target are told.
    fn filter(&self, target: &str) -> LevelFilter {
        let level = match self.verbosity {
            Verbosity::Errors => LevelFilter::Error,
            Verbosity::Warnings => LevelFilter::Warn,
            Verbosity::Info => LevelFilter::Info,
            Verbosity::Headers | Verbosity::Frames | Verbosity::Hex => LevelFilter::Debug,
        };
        let traced = |from: Verbosity| match self.verbosity >= from {
            true => LevelFilter::Trace,
            false => LevelFilter::Off,
        };
        match target {
            FRAME => traced(Verbosity::Frames),
            HEX => traced(Verbosity::Hex),
            KEYS if self.keys => traced(Verbosity::Hex),
            KEYS => LevelFilter::Off,
            COUNTERS => LevelFilter::Info,
            // It has something to say about each registration.
            _ if target.starts_with("mio") => level.min(LevelFilter::Warn),
            _ => level,
        }
    }

    /// What is above it is told of no target, so that the macros need not ask.
    fn max_level(&self) -> LevelFilter {
        let others = self.filter(FRAME).max(self.filter(COUNTERS));
        self.filter("").max(others)
    }

    fn write(&self, level: Level, text: &fmt::Arguments<'_>) {
        match &self.output {
            Output::Lines(style, writer) => {
                let mut line = Vec::new();
                let _ = style.write(&mut line, level, text);
                let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = writer.write_all(&line);
            }
            Output::Syslog(writer) => writer.send(level, text.to_string().trim_end()),
        }
    }
}

impl Log for Logger {
    fn enabled(&self, about: &About<'_>) -> bool {
        about.level() <= self.filter(about.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match self.limit.ask(record, Instant::now()) {
            Verdict::Write => self.write(record.level(), record.args()),
            // One expression: format_args! in a variable of its own needs Rust 1.89.
            Verdict::WriteAfter(n) => self.write(
                record.level(),
                &format_args!("{} ({n} messages before it were left out)", record.args()),
            ),
            Verdict::LeaveOut => {}
        }
    }

    fn flush(&self) {}
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `spinel-bridge[123]: warning: text`
    Named,
    /// The same after a date.
    Dated,
    /// `<4>text`
    Priority,
}

impl Style {
    fn write(
        self,
        line: &mut dyn Write,
        level: Level,
        text: &fmt::Arguments<'_>,
    ) -> io::Result<()> {
        if self == Style::Priority {
            return writeln!(line, "<{}>{text}", priority(level));
        }
        if self == Style::Dated {
            write!(line, "{} ", Utc::now())?;
        }
        let pid = std::process::id();
        writeln!(line, "{IDENT}[{pid}]: {}: {text}", word(level))
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warning",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

/// The severity of syslog(3) and sd-daemon(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// Writes whole lines to a file or a standard stream. Never fails, never waits.
struct LineWriter {
    file: File,
    /// By which it is opened again.
    path: Option<PathBuf>,
    /// The last line was cut off.
    torn: bool,
}

impl LineWriter {
    fn new(file: File, path: Option<PathBuf>) -> LineWriter {
        LineWriter {
            file,
            path,
            torn: false,
        }
    }

    fn reopen(&mut self) {
        let Some(path) = &self.path else {
            return;
        };
        match open_file(path) {
            Ok(file) => (self.file, self.torn) = (file, false),
            // Into the old one: it is the log.
            Err(error) => {
                let mut line = Vec::new();
                // One expression: format_args! in a variable of its own needs Rust 1.89.
                let _ = Style::Dated.write(
                    &mut line,
                    Level::Warn,
                    &format_args!(
                        "the log file {} cannot be opened anew: {error}: going on with the old one; \
                         let logrotate use copytruncate",
                        path.display()
                    ),
                );
                write_pieces(self.file.as_fd(), &line, 0);
            }
        }
    }
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if REOPEN.swap(false, Ordering::Relaxed) {
            self.reopen();
        }
        if self.torn && write_pieces(self.file.as_fd(), b"\n", 0) == 0 {
            return Ok(line.len());
        }
        let written = write_pieces(self.file.as_fd(), line, 0);
        self.torn = written > 0 && written < line.len();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes piece by piece as long as there is room, and waits for it up to `patience_ms` each time.
/// Returns how many octets were written; if not all, that is one lost message.
fn write_pieces(fd: BorrowedFd<'_>, octets: &[u8], patience_ms: u16) -> usize {
    let mut written = 0;
    for piece in octets.chunks(PIPE_BUF) {
        let mut ready = [PollFd::new(fd, PollFlags::POLLOUT)];
        if !matches!(poll(&mut ready, PollTimeout::from(patience_ms)), Ok(1)) {
            break;
        }
        match nix::unistd::write(fd, piece) {
            Ok(length) => written += length,
            Err(_) => break,
        }
        if written % PIPE_BUF != 0 {
            break;
        }
    }
    if written < octets.len() {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
    written
}

/// Sends messages to syslog(3).
struct SyslogWriter;

impl SyslogWriter {
    fn open() -> SyslogWriter {
        let ident = CStr::from_bytes_with_nul(b"spinel-bridge\0").ok();
        let _ = openlog(ident, LogFlags::LOG_PID, Facility::LOG_DAEMON);
        SyslogWriter
    }

    fn send(&self, level: Level, text: &str) {
        let severity = match level {
            Level::Error => Severity::LOG_ERR,
            Level::Warn => Severity::LOG_WARNING,
            Level::Info => Severity::LOG_INFO,
            Level::Debug | Level::Trace => Severity::LOG_DEBUG,
        };
        if syslog(Priority::new(severity, Facility::LOG_DAEMON), text).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A point in time to print as in RFC 3339.
struct Utc {
    millis: u64,
}

impl Utc {
    fn now() -> Utc {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since.map_or(0, |since| since.as_millis());
        Utc {
            millis: u64::try_from(millis).unwrap_or(0),
        }
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.millis / 1_000;
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // Days to a date of the Gregorian calendar, in years that begin in March (Howard Hinnant,
        // "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = (march_month + 2) % 12 + 1;
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
            second / 3_600,
            second / 60 % 60,
            second % 60,
            self.millis % 1_000
        )
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::File { path, cause } => write!(
                f,
                "cannot open the log file {}: {cause}: its directory must exist and be writable",
                path.display()
            ),
            StartError::Stderr(cause) => {
                write!(f, "cannot log to standard error: {cause}: use --log syslog")
            }
            StartError::DataChannel => write!(
                f,
                "cannot log to standard error, which is the data channel here: use --log syslog or a file"
            ),
            StartError::Twice => write!(f, "the log was started twice: please report this"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            StartError::File { cause, .. } | StartError::Stderr(cause) => Some(cause),
            StartError::DataChannel | StartError::Twice => None,
        }
    }
}

static STARTED: AtomicBool = AtomicBool::new(false);
/// There is a log, and it is not standard error.
static ELSEWHERE: AtomicBool = AtomicBool::new(false);
/// The log file is to be opened anew.
static REOPEN: AtomicBool = AtomicBool::new(false);
static LOST: AtomicU64 = AtomicU64::new(0);

const IDENT: &str = "spinel-bridge";
/// What a pipe that polls writable takes at once (pipe(7)).
const PIPE_BUF: usize = 4096;
/// How long the reader of our last words may take: a second, which a human waits for.
const LAST_WORDS_MS: u16 = 1_000;

#[cfg(test)]
mod tests;
