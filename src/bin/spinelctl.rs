//! The control client of `spinel-bridge --tun`: one verb for each call, its answer as a table or as JSON.
//! The words are in [`spinel_bridge::ctl`].

#[path = "spinelctl/capture.rs"]
mod capture;
#[path = "spinelctl/connection.rs"]
mod connection;
#[path = "spinelctl/json.rs"]
mod json;
#[path = "spinelctl/secret.rs"]
mod secret;

use capture::Capture;
use connection::{sockets, Connection, DIRECTORY};
use spinel_bridge::ctl::client::{self, completion, Command, Invocation, Options};
use spinel_bridge::ctl::line::{word_of, Told, Word};
use spinel_bridge::ctl::verbs::{self, Does, Local};
use spinel_bridge::ctl::{Answer, Code, Failure, Field, Fields};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    match arguments().and_then(|args| run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "spinelctl: {}", failure.message);
            ExitCode::from(failure.code.exit())
        }
    }
}

fn arguments() -> Result<Vec<String>, Failure> {
    let args = std::env::args_os().skip(1).map(|arg| {
        arg.into_string()
            .map_err(|arg| usage(format!("{arg:?} is not UTF-8")))
    });
    args.collect()
}

fn run(args: &[String]) -> Result<(), Failure> {
    match client::parse(args)? {
        Command::Help(None) => print(&client::help()),
        Command::Help(Some(verb)) => help_of(&verb),
        Command::Version => print(&format!("spinelctl {}\n", env!("CARGO_PKG_VERSION"))),
        Command::Wait(options) => await_state(&options),
        Command::Run(invocation) => match invocation.verb.does {
            Does::Local(Local::Help) => match invocation.local.is_empty() {
                true => print(&client::help()),
                false => help_of(&invocation.local.join(" ")),
            },
            Does::Local(Local::Completion) => completion_script(&invocation.local),
            Does::Local(Local::Interfaces) => interfaces(&invocation),
            Does::Ask(_) if invocation.verb.name == CLI && invocation.words.is_empty() => {
                commands(&invocation)
            }
            Does::Ask(_) | Does::Serve(_) => ask(invocation),
        },
    }
}

fn help_of(verb: &str) -> Result<(), Failure> {
    let text = client::help_of(verb).ok_or_else(|| verbs::unknown(verb))?;
    print(&text)
}

fn completion_script(words: &[String]) -> Result<(), Failure> {
    let script = words.first().and_then(|shell| completion::script(shell));
    print(&script.ok_or_else(|| usage("completion: name a shell: bash, zsh or fish"))?)
}

fn interfaces(invocation: &Invocation) -> Result<(), Failure> {
    if let Some(word) = invocation.words.first() {
        return Err(usage(format!(
            "interfaces takes no argument, and {word} is one"
        )));
    }
    let options = &invocation.options;
    let rows: Vec<Fields> = sockets(Path::new(DIRECTORY))
        .into_iter()
        .map(|(interface, path)| {
            let lives = match Connection::open(&path, GREETING) {
                Ok(_) => true,
                // It listens, and this user, or one client more, is not wanted.
                Err(failure) => matches!(failure.code, Code::Denied | Code::Busy),
            };
            Fields::new()
                .with("interface", Field::text(interface))
                .with("socket", Field::text(path.display().to_string()))
                .with("alive", lives)
        })
        .collect();
    let text: String = if options.json {
        rows.iter().map(|row| json::line(None, row)).collect()
    } else {
        client::rows(&rows, true)
    };
    print(&text)
}

fn ask(mut invocation: Invocation) -> Result<(), Failure> {
    let sniffs = invocation.verb.name == "pcap";
    let goes_on = invocation.goes_on();
    invocation.read_secrets(&mut secret::read)?;
    let file = match (sniffs, invocation.local.first()) {
        (true, None) => {
            return Err(usage("pcap: FILE is missing (- for standard output)"));
        }
        (true, Some(name)) if name == "-" && io::stdout().is_terminal() => {
            return Err(usage(
                "pcap: a terminal cannot show it: use pcap FILE, or pcap - | wireshark -k -i -",
            ));
        }
        (_, name) => name,
    };
    check(&invocation)?;
    let options = &invocation.options;
    if options.wait.is_some() {
        await_state(options)?;
    }
    let mut connection = connect(options)?;
    if goes_on {
        // Ctrl-C is how these end.
        let ends = Arc::new(AtomicBool::new(true));
        signal_hook::flag::register_conditional_shutdown(INTERRUPT, 0, ends)
            .map_err(|error| Failure::new(Code::Failed, format!("SIGINT: {error}")))?;
    }
    connection.wait(invocation.patience())?;
    connection.send(invocation.verb.name, &invocation.words)?;
    let mut output = Output::new(&invocation);
    output.goes_on = goes_on && !matches!(file, Some(name) if name != "-");
    if let Some(name) = file.filter(|_| sniffs) {
        output.capture = Some(Capture::create(name, &connection.interface)?);
    }
    let answered = output.follow(&mut connection, goes_on && !sniffs);
    output.clear_progress();
    // What came before a failure is worth seeing.
    let shown = output.finish();
    answered.and(shown)
}

/// Lines from standard input for OpenThread's command line, one after the other. What fails is told at once, and
/// ends nothing.
fn commands(invocation: &Invocation) -> Result<(), Failure> {
    let options = &invocation.options;
    if options.wait.is_some() {
        await_state(options)?;
    }
    let mut connection = connect(options)?;
    let is_typed = io::stdin().is_terminal();
    let (mut count, mut failed, mut last) = (0_u32, 0_u32, None);
    let mut line = String::new();
    loop {
        if is_typed {
            let _ = write!(io::stderr(), "> ");
        }
        line.clear();
        let read = io::stdin().read_line(&mut line);
        let read = read.map_err(|error| usage(format!("standard input: {error}")))?;
        if read == 0 {
            return match last {
                None => Ok(()),
                Some(code) => {
                    let message = format!("{failed} of {count} commands failed");
                    Err(Failure::new(code, message))
                }
            };
        }
        let command = line.trim();
        if command.is_empty() {
            continue;
        }
        count = count.saturating_add(1);
        connection.wait(invocation.patience())?;
        connection.send(CLI, &[word_of(command)])?;
        let mut output = Output::new(invocation);
        let answered = output.follow(&mut connection, false);
        output.clear_progress();
        match answered {
            Err(failure) if failure.code == Code::NoDaemon => return Err(failure),
            Err(failure) if is_typed || failure.code == Code::Failed => {
                let _ = writeln!(io::stderr(), "spinelctl: {}", failure.message);
                failed = failed.saturating_add(1);
                last = Some(failure.code);
            }
            answered => answered?,
        }
    }
}

/// What the server would refuse is refused here: at once, and without a server.
fn check(invocation: &Invocation) -> Result<(), Failure> {
    let text = invocation.words.join(" ");
    let words: Vec<Word<'_>> = Word::split(&text).collect::<Result<_, _>>()?;
    let (first, second) = match invocation.verb.name.split_once(' ') {
        Some((first, second)) => (first, Some(second)),
        None => (invocation.verb.name, None),
    };
    let second: Vec<Word<'_>> =
        Word::split(second.unwrap_or_default()).collect::<Result<_, _>>()?;
    let words: Vec<Word<'_>> = second.into_iter().chain(words).collect();
    verbs::parse(first, &words).map(|_| ())
}

/// Connects. A daemon that was started a moment ago has no socket yet: a little while is given to it.
fn connect(options: &Options) -> Result<Connection, Failure> {
    let greeting = options.timeout.unwrap_or(GREETING).min(GREETING);
    let until = Instant::now() + APPEARS.min(greeting);
    loop {
        let path = socket(options)?;
        let is_socket =
            std::fs::metadata(&path).map_or(true, |found| found.file_type().is_socket());
        if is_socket && !is_listened_to(&path) && Instant::now() < until {
            std::thread::sleep(APPEARS_STEP);
            continue;
        }
        return Connection::open(&path, greeting);
    }
}

/// Waits for the state that `--wait` names.
fn await_state(options: &Options) -> Result<(), Failure> {
    let Some(wanted) = options.wait else {
        return Ok(());
    };
    let patience = options.timeout.unwrap_or(client::SILENCE);
    let until = Instant::now() + patience;
    let mut connection = connect(options)?;
    // Events from now on, then what is so now: nothing in between is missed.
    let mut requests = ["monitor", "status"].into_iter();
    let mut last = String::from("unknown");
    let mut send = |connection: &mut Connection| match requests.next() {
        Some(verb) => connection.send(verb, &[]),
        None => Ok(()),
    };
    send(&mut connection)?;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        connection.wait(Some(left))?;
        let state = match connection.read() {
            Ok(Told::Answer { answer, .. }) => match answer {
                Answer::Row(row) => row.get("state").map(shown),
                Answer::Done => {
                    send(&mut connection)?;
                    None
                }
                Answer::Failed(failure) => return Err(failure),
                Answer::Progress { .. } => None,
            },
            Ok(Told::Event { name, fields }) if name == "state" => fields.get("state").map(shown),
            Ok(_) => None,
            Err(failure) if failure.code == Code::Timeout => break,
            Err(failure) => return Err(failure),
        };
        if let Some(state) = state {
            if client::is_awaited(wanted, &state) {
                return Ok(());
            }
            last = state;
        }
    }
    Err(Failure::new(
        Code::Timeout,
        format!(
            "--wait {wanted}: the state is still {last} after {} s: spinelctl status tells more",
            patience.as_secs()
        ),
    ))
}

fn shown(field: &Field) -> String {
    match field {
        Field::Word(text) | Field::Text(text) => text.clone(),
        Field::Bool(value) => value.to_string(),
        Field::Number(value) => value.to_string(),
    }
}

fn socket(options: &Options) -> Result<PathBuf, Failure> {
    if let Some(path) = &options.socket {
        return Ok(PathBuf::from(path));
    }
    let directory = Path::new(DIRECTORY);
    let of = |interface: &str| directory.join(format!("{interface}.sock"));
    if let Some(interface) = &options.interface {
        return Ok(of(interface));
    }
    let mut found = sockets(directory);
    // What a killed daemon left behind is no choice; what we may not use is said to be so.
    found.retain(|(_, path)| is_listened_to(path));
    match found.len() {
        1 => Ok(found.remove(0).1),
        _ if found.is_empty() || found.iter().any(|(name, _)| name == INTERFACE) => {
            Ok(of(INTERFACE))
        }
        _ => {
            let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
            Err(usage(format!(
                "which interface? give -I and one of {}",
                names.join(", ")
            )))
        }
    }
}

fn is_listened_to(path: &Path) -> bool {
    let nobody = [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound];
    !matches!(UnixStream::connect(path), Err(error) if nobody.contains(&error.kind()))
}

/// What is done with answers.
struct Output {
    /// It is written to standard output until nobody reads that.
    goes_on: bool,
    json: bool,
    values: bool,
    /// The property that was asked for.
    name: Option<String>,
    /// Each row is a line of text, to be seen at once.
    is_text: bool,
    /// One row looks like many.
    lists: bool,
    rows: Vec<Fields>,
    progress: bool,
    shows_progress: bool,
    capture: Option<Capture>,
}

impl Output {
    fn new(invocation: &Invocation) -> Self {
        Output {
            goes_on: false,
            json: invocation.options.json,
            values: invocation.switches.contains(&"value-only") || invocation.is_for_a_file(),
            name: match invocation.verb.name {
                "getprop" => invocation.words.first().cloned(),
                _ => None,
            },
            is_text: invocation.verb.name == CLI,
            lists: invocation.lists(),
            rows: Vec::new(),
            progress: io::stderr().is_terminal() && !invocation.options.json,
            shows_progress: false,
            capture: None,
        }
    }

    /// Reads answers until the last one; for `monitor`, events after it.
    fn follow(&mut self, connection: &mut Connection, monitors: bool) -> Result<(), Failure> {
        let stdout = io::stdout();
        loop {
            if self.goes_on && !connection.wait_beside(stdout.as_fd())? {
                return Ok(());
            }
            match connection.read()? {
                Told::Answer { answer, .. } => match answer {
                    Answer::Row(row) => {
                        if !self.row(row)? {
                            return Ok(());
                        }
                    }
                    Answer::Progress { what, done, of } => self.show_progress(&what, done, of),
                    Answer::Done if monitors => {}
                    Answer::Done => return Ok(()),
                    Answer::Failed(failure) => return Err(failure),
                },
                Told::Event { name, fields } if monitors => {
                    let text = if self.json {
                        json::line(Some(&name), &fields)
                    } else {
                        client::event_line(&name, &fields)
                    };
                    if !write(&text)? {
                        return Ok(());
                    }
                }
                Told::Event { name, fields } if name == "lost" => {
                    let _ = write!(
                        io::stderr(),
                        "spinelctl: {}",
                        client::event_line(&name, &fields)
                    );
                }
                Told::Event { .. } | Told::Greeting { .. } => {}
            }
        }
    }

    /// Returns false when nobody reads any more.
    fn row(&mut self, row: Fields) -> Result<bool, Failure> {
        if let Some(capture) = &mut self.capture {
            if let Some(Field::Text(way)) = row.get("way") {
                let _ = writeln!(io::stderr(), "spinelctl: capturing {way}");
            }
            return capture.frame(&row);
        }
        if self.json {
            return write(&json::line(None, &row));
        }
        if self.is_text {
            self.clear_progress();
            return write(&client::values(&[row]));
        }
        self.rows.push(row);
        Ok(true)
    }

    fn finish(&self) -> Result<(), Failure> {
        let name = self.name.as_deref().filter(|_| !self.json);
        let as_wpantund = name.and_then(|name| client::wpantund(name, &self.rows, self.values));
        let text = if let Some(text) = as_wpantund {
            text
        } else if self.values {
            client::values(&self.rows)
        } else {
            client::rows(&self.rows, self.lists)
        };
        print(&text)
    }

    fn show_progress(&mut self, what: &str, done: u32, of: u32) {
        if self.progress {
            let parts = match of {
                0 => String::new(),
                _ => format!(" {done}/{of}"),
            };
            let what: String = what.chars().filter(|letter| !letter.is_control()).collect();
            let _ = write!(io::stderr(), "\r\x1b[K{what}{parts}");
            self.shows_progress = true;
        }
    }

    fn clear_progress(&mut self) {
        if core::mem::take(&mut self.shows_progress) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// Writes to standard output at once. Returns false when nobody reads any more.
fn write(text: &str) -> Result<bool, Failure> {
    let mut stdout = io::stdout();
    let written = stdout.write_all(text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(
            Code::Failed,
            format!("standard output: {error}"),
        )),
    }
}

fn print(text: &str) -> Result<(), Failure> {
    write(text).map(|_| ())
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, message)
}

/// A daemon that listens greets within a turn of its loop, which takes a second or so, even in a firmware
/// upgrade.
const GREETING: Duration = Duration::from_secs(10);

/// A daemon that starts has its socket within some tens of milliseconds; a busy board takes longer.
const APPEARS: Duration = Duration::from_secs(2);
const APPEARS_STEP: Duration = Duration::from_millis(50);

/// The verb that also takes lines from standard input.
const CLI: &str = "cli";

/// wpantund's and OpenThread's default.
const INTERFACE: &str = "wpan0";

/// SIGINT.
const INTERRUPT: i32 = signal_hook::consts::SIGINT;
