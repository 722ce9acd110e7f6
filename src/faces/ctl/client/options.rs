//! The command line of `spinelctl`, read by the table of verbs.

use crate::ctl::line::{key_value, quoted, word_of};
use crate::ctl::request::UPGRADE_MAX;
use crate::ctl::verbs::{find, nearest, unknown, Arg, Does, Serve, Takes, Values, Verb};
use crate::ctl::wpantund::{lookup, Named};
use crate::ctl::{Code, Failure};
use crate::time::Duration;
use std::iter::Peekable;

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// The help of all, or of the verb with this name.
    Help(Option<String>),
    /// Our own version.
    Version,
    /// Wait for the state of [`Options::wait`], and nothing else.
    Wait(Options),
    /// Run a verb.
    Run(Invocation),
}

/// Options that are not the verb's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The interface; `None`: wpan0, or the only one.
    pub interface: Option<String>,
    /// The socket, whatever its interface.
    pub socket: Option<String>,
    /// For programs.
    pub json: bool,
    /// How long an answer may take; `None`: as long as is usual for it.
    pub timeout: Option<Duration>,
    /// The state that is waited for before the verb is asked.
    pub wait: Option<&'static str>,
}

/// A verb and what it was given.
#[derive(Debug)]
pub struct Invocation {
    /// Options that are not the verb's.
    pub options: Options,
    /// Its row.
    pub verb: &'static Verb,
    /// As they go to the server, after [`Invocation::read_secrets`].
    pub words: Vec<String>,
    /// Words that are for us.
    pub local: Vec<String>,
    /// Switches that are for us.
    pub switches: Vec<&'static str>,
    secrets: Vec<Secret>,
}

/// A value that was given as `@FILE`, because a command line is there for everybody to see.
#[derive(Debug)]
struct Secret {
    /// Where it belongs among the words.
    index: usize,
    /// What stands before its `=` there.
    key: Option<&'static str>,
    /// What stands behind the `@`.
    name: String,
}

/// Reads a command line without the program's name.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn parse(args: &[String]) -> Result<Command, Failure> {
    let mut args = args.iter().map(String::as_str).peekable();
    let mut options = Options::default();
    let verb = loop {
        let Some(arg) = args.next() else {
            if options.wait.is_some() {
                return Ok(Command::Wait(options));
            }
            return Err(usage("a verb is missing: spinelctl help lists them"));
        };
        if matches!(arg, "-h" | "-?" | "--help") {
            let verb: Vec<&str> = args.take_while(|word| !is_option(word)).collect();
            return Ok(Command::Help((!verb.is_empty()).then(|| verb.join(" "))));
        }
        if matches!(arg, "-V" | "--version") {
            return Ok(Command::Version);
        }
        if !is_option(arg) {
            break arg;
        }
        if !options.take(arg, &mut args)? {
            return Err(unknown_option(split(arg).0, None));
        }
    };
    let (row, second) =
        find(verb, args.peek().copied().into_iter()).ok_or_else(|| unknown(verb))?;
    if second > 0 {
        args.next();
    }
    let mut given = Given::default();
    if given.read(row, &mut options, &mut args)? {
        return Ok(Command::Help(Some(row.name.to_owned())));
    }
    // Keys first: what follows the words may be a value with anything in it.
    let mut words = given.keys;
    for secret in given.secrets.iter_mut().filter(|at| at.key.is_none()) {
        secret.index += words.len();
    }
    words.append(&mut given.words);
    Ok(Command::Run(Invocation {
        options,
        verb: row,
        words,
        local: given.local,
        switches: given.switches,
        secrets: given.secrets,
    }))
}

impl Invocation {
    /// Puts the secrets into their places that were given as `@FILE`, or as `@-` for standard input.
    /// `read` is called with what stands behind the `@` of each, in their order on the command line but
    /// keys first, and returns the value.
    ///
    /// # Errors
    /// The first one of `read`; then the words are of no use.
    pub fn read_secrets(
        &mut self,
        read: &mut dyn FnMut(&str) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        for secret in self.secrets.drain(..) {
            let value = read(&secret.name)?;
            if let Some(word) = self.words.get_mut(secret.index) {
                *word = match secret.key {
                    Some(key) => key_value(key, &value),
                    None => word_of(&value),
                };
            }
        }
        Ok(())
    }

    /// Whether it goes on until it is interrupted.
    pub fn goes_on(&self) -> bool {
        self.verb.name == "pcap" || matches!(self.verb.does, Does::Serve(Serve::Monitor))
    }

    /// Whether its answer is a list, of which one row looks like many.
    pub fn lists(&self) -> bool {
        let name = self.words.first().map(|name| lookup(name));
        match (self.verb.name, name) {
            ("getprop", Some(Ok(Named::Property(property)))) => property
                .info()
                .is_some_and(|info| info.signature.as_str().starts_with('A')),
            (name, _) => LISTS.contains(&name),
        }
    }

    /// Whether the answer is one value that is read back with `@FILE`.
    pub fn is_for_a_file(&self) -> bool {
        matches!(self.verb.name, "dataset export" | "dataset new")
    }

    /// How long nothing may be heard from the daemon before it is given up; `None`: for ever.
    pub fn patience(&self) -> Option<Duration> {
        let usual = match self.verb.name {
            "dataset migrate" => MIGRATION_MAX,
            "upgrade" => UPGRADE_MAX + AFTER_UPGRADE,
            _ => SILENCE,
        };
        self.options.timeout.or((!self.goes_on()).then_some(usual))
    }
}

impl Options {
    /// Reads an option that is one of these.
    fn take<'a>(
        &mut self,
        arg: &str,
        args: &mut impl Iterator<Item = &'a str>,
    ) -> Result<bool, Failure> {
        let (name, attached) = split(arg);
        let mut value = || {
            let value = attached.or_else(|| args.next());
            value.ok_or_else(|| usage(format!("{name} needs a value")))
        };
        match name {
            "-I" | "--interface" => self.interface = Some(interface(value()?)?),
            "--socket" => self.socket = Some(value()?.to_owned()),
            "--timeout" => {
                let text = value()?;
                let seconds = text
                    .parse()
                    .ok()
                    .filter(|s| (1..=TIMEOUT_MAX_S).contains(s));
                let seconds = seconds.ok_or_else(|| {
                    usage(format!(
                        "--timeout {}: give seconds, 1..={TIMEOUT_MAX_S}",
                        quoted(text)
                    ))
                })?;
                self.timeout = Some(Duration::from_secs(seconds));
            }
            "--wait" => {
                let text = value()?;
                let found = STATES.iter().find(|state| **state == text);
                let found = found.ok_or_else(|| {
                    usage(format!(
                        "--wait {}: give one of {}",
                        quoted(text),
                        STATES.join(", ")
                    ))
                })?;
                self.wait = Some(found);
            }
            "--json" if attached.is_none() => self.json = true,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What was given to a verb, sorted.
#[derive(Default)]
struct Given {
    keys: Vec<String>,
    words: Vec<String>,
    local: Vec<String>,
    switches: Vec<&'static str>,
    secrets: Vec<Secret>,
}

impl Given {
    /// Returns whether help was asked for instead.
    fn read<'a>(
        &mut self,
        verb: &'static Verb,
        options: &mut Options,
        args: &mut Peekable<impl Iterator<Item = &'a str>>,
    ) -> Result<bool, Failure> {
        let mut places = verb.args.iter().filter(|arg| arg.is_word()).peekable();
        let mut only_words = false;
        while let Some(arg) = args.next() {
            let in_rest = !self.words.is_empty()
                && matches!(places.peek(), Some(place) if place.takes == Takes::Rest);
            if in_rest {
                self.rest(arg, args);
                return Ok(false);
            }
            if !only_words && matches!(arg, "-h" | "--help") {
                return Ok(true);
            }
            if !only_words && arg == "--" {
                only_words = true;
                continue;
            }
            if !only_words && is_option(arg) {
                self.option(verb, options, arg, args)?;
                continue;
            }
            if let Some((key, value)) = arg.split_once('=') {
                let known = verb.key(key).filter(|arg| arg.is_for_server());
                match known {
                    Some(known) if !only_words => {
                        self.key(known, value);
                        continue;
                    }
                    _ => {}
                }
            }
            match places.peek() {
                Some(place) if place.takes == Takes::Rest => {
                    self.rest(arg, args);
                    return Ok(false);
                }
                Some(place) if place.takes == Takes::LocalWord => self.local.push(arg.to_owned()),
                Some(place) => self.word(arg, is_secret(place)),
                // A word too many is the server's to refuse; it is parsed here, too.
                None => self.words.push(word_of(arg)),
            }
            places.next();
        }
        Ok(false)
    }

    fn option<'a>(
        &mut self,
        verb: &'static Verb,
        options: &mut Options,
        arg: &'a str,
        args: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), Failure> {
        let (name, attached) = split(arg);
        let Some(found) = find_option(verb, name) else {
            return match options.take(arg, args)? {
                true => Ok(()),
                false => Err(unknown_option(name, Some(verb))),
            };
        };
        if !name.starts_with("--") {
            return self.letters(verb, &arg[1..], args);
        }
        match (found.takes, attached) {
            (Takes::Value, _) => self.value(found, name, attached.or_else(|| args.next())),
            (_, Some(_)) => Err(usage(format!("{name} takes no value"))),
            (_, None) => {
                self.plain(found);
                Ok(())
            }
        }
    }

    /// `sof` of `-sof`, which is `-s -o -f`. The first that takes a value has the rest for it, or the
    /// next word: `-ec11`.
    fn letters<'a>(
        &mut self,
        verb: &'static Verb,
        letters: &'a str,
        args: &mut impl Iterator<Item = &'a str>,
    ) -> Result<(), Failure> {
        let mut rest = letters.chars();
        while let Some(letter) = rest.next() {
            let name = format!("-{letter}");
            let found = find_option(verb, &name);
            let found = found.ok_or_else(|| unknown_option(&name, Some(verb)))?;
            if found.takes == Takes::Value {
                let attached = Some(rest.as_str()).filter(|rest| !rest.is_empty());
                return self.value(found, &name, attached.or_else(|| args.next()));
            }
            self.plain(found);
        }
        Ok(())
    }

    fn value(&mut self, arg: &'static Arg, name: &str, value: Option<&str>) -> Result<(), Failure> {
        let value = value.ok_or_else(|| usage(format!("{name} needs a value")))?;
        self.key(arg, value);
        Ok(())
    }

    fn key(&mut self, arg: &'static Arg, value: &str) {
        self.note_secret(self.keys.len(), Some(arg.name), value, is_secret(arg));
        self.keys.push(key_value(arg.name, value));
    }

    fn word(&mut self, arg: &str, is_secret: bool) {
        self.note_secret(self.words.len(), None, arg, is_secret);
        self.words.push(word_of(arg));
    }

    /// The words of [`Takes::Rest`]: the value of a property, whose name came before.
    fn rest<'a>(&mut self, first: &'a str, others: &mut impl Iterator<Item = &'a str>) {
        let property = self.words.first().map(|name| lookup(name));
        let is_secret =
            matches!(property, Some(Ok(Named::Property(property))) if property.is_secret());
        for word in core::iter::once(first).chain(others) {
            self.word(word, is_secret);
        }
    }

    fn note_secret(
        &mut self,
        index: usize,
        key: Option<&'static str>,
        value: &str,
        is_secret: bool,
    ) {
        if let (true, Some(name)) = (is_secret, value.strip_prefix('@')) {
            self.secrets.push(Secret {
                index,
                key,
                name: name.to_owned(),
            });
        }
    }

    fn plain(&mut self, arg: &'static Arg) {
        match arg.takes {
            Takes::Means(key, value) => self.keys.push(key_value(key, value)),
            Takes::LocalSwitch => self.switches.push(arg.name),
            _ => self.keys.push(key_value(arg.name, "true")),
        }
    }
}

fn is_secret(arg: &Arg) -> bool {
    matches!(arg.values, Values::Secret(_))
}

fn find_option(verb: &'static Verb, name: &str) -> Option<&'static Arg> {
    if let Some(long) = name.strip_prefix("--") {
        return verb.key(long);
    }
    let mut letters = name.strip_prefix('-')?.chars();
    let letter = letters.next()?;
    let found = verb.args.iter().find(|arg| arg.letter == Some(letter));
    found.filter(|_| letters.next().is_none())
}

/// `--name=value` and `-nvalue` in two.
fn split(arg: &str) -> (&str, Option<&str>) {
    if arg.starts_with("--") {
        return match arg.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (arg, None),
        };
    }
    let end = arg.char_indices().nth(2).map_or(arg.len(), |(at, _)| at);
    let (name, value) = arg.split_at(end);
    (name, Some(value).filter(|value| !value.is_empty()))
}

/// A negative number is a word; so is `-`.
fn is_option(arg: &str) -> bool {
    let mut letters = arg.chars();
    letters.next() == Some('-') && matches!(letters.next(), Some(next) if !next.is_ascii_digit())
}

fn interface(name: &str) -> Result<String, Failure> {
    let wrong = name.is_empty() || name.len() > INTERFACE_MAX || name.contains(['/', '\0']);
    if wrong || matches!(name, "." | "..") {
        return Err(usage(format!(
            "{} is not the name of an interface",
            quoted(name)
        )));
    }
    Ok(name.to_owned())
}

fn unknown_option(name: &str, verb: Option<&'static Verb>) -> Failure {
    let of_verb = verb.map_or(&[][..], |verb| verb.args).iter();
    let long: Vec<String> = of_verb
        .filter(|arg| !arg.is_word())
        .map(|arg| format!("--{}", arg.name))
        .chain(GLOBAL.iter().map(|&name| name.to_owned()))
        .collect();
    let hint = match nearest(name, long.iter().map(String::as_str)) {
        Some(near) if name.starts_with("--") => format!("did you mean {near}?"),
        _ => match verb {
            Some(verb) => format!("see spinelctl help {}", verb.name),
            None => "see spinelctl --help".to_owned(),
        },
    };
    let of = verb.map_or(String::new(), |verb| format!(" for {}", verb.name));
    usage(format!("there is no option {}{of}: {hint}", quoted(name)))
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, message)
}

/// Verbs whose answer is a list.
const LISTS: &[&str] = &[
    "scan",
    "interfaces",
    "counters",
    "allowlist",
    "denylist",
    "gpio",
    "neighbours",
    "children",
    "routers",
    "netdata",
];

/// For suggestions.
const GLOBAL: &[&str] = &[
    "--json",
    "--timeout",
    "--wait",
    "--socket",
    "--interface",
    "--help",
];

/// What can be waited for: the states of the host driver (protocol §7.2), and `initialized` for all in which
/// the co-processor takes commands.
pub const STATES: &[&str] = &[
    "initialized",
    "uninitialized",
    "uninitialized:fault",
    "uninitialized:upgrading",
    "offline",
    "offline:commissioned",
    "offline:deep-sleep",
    "associating",
    "associating:credentials-needed",
    "associated",
    "associated:no-parent",
];

/// Whether `state` is what is waited for. `offline` is also `offline:commissioned`, since a network may be
/// stored or not; `associated` is not `associated:no-parent`, which has no network.
pub fn is_awaited(wanted: &str, state: &str) -> bool {
    match wanted {
        "initialized" => !state.starts_with("uninitialized") && state != "offline:deep-sleep",
        "offline" => matches!(state, "offline" | "offline:commissioned"),
        _ => state == wanted,
    }
}

/// Longer than the longest wait of the host (joining: 60 s, protocol §7.4, and its retries).
pub const SILENCE: Duration = Duration::from_secs(180);

/// The longest delay of a migration (72 h, `ctl::verbs`), and until the last look.
const MIGRATION_MAX: Duration = Duration::from_secs(259_200 + 600);

/// Nothing is heard of the upgrade command but its end; then comes the start-up, which is given up and
/// begun anew a few times.
const AFTER_UPGRADE: Duration = Duration::from_secs(300);

/// A day.
const TIMEOUT_MAX_S: u64 = 86_400;

/// IFNAMSIZ of Linux, less its terminator.
const INTERFACE_MAX: usize = 15;

#[cfg(test)]
mod tests;
