//! The command line of `spinelctl`, read by the table of verbs.

use crate::ctl::line::{key_value, quoted, word_of};
use crate::ctl::verbs::{find, nearest, unknown, Arg, Takes, Verb};
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
}

/// A verb and what it was given.
#[derive(Debug)]
pub struct Invocation {
    /// Options that are not the verb's.
    pub options: Options,
    /// Its row.
    pub verb: &'static Verb,
    /// As they go to the server.
    pub words: Vec<String>,
    /// Words that are for us.
    pub local: Vec<String>,
    /// Switches that are for us.
    pub switches: Vec<&'static str>,
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
            return Err(usage("a verb is missing: spinelctl help lists them"));
        };
        if matches!(arg, "-h" | "-?" | "--help") {
            return Ok(Command::Help(None));
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
    words.append(&mut given.words);
    Ok(Command::Run(Invocation {
        options,
        verb: row,
        words,
        local: given.local,
        switches: given.switches,
    }))
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
                self.words.push(word_of(arg));
                self.words.extend(args.map(word_of));
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
                if !only_words && known.is_some() {
                    self.keys.push(key_value(key, value));
                    continue;
                }
            }
            match places.peek() {
                Some(place) if place.takes == Takes::Rest => {
                    self.words.push(word_of(arg));
                    self.words.extend(args.map(word_of));
                    return Ok(false);
                }
                Some(place) if place.takes == Takes::LocalWord => self.local.push(arg.to_owned()),
                // A word too many is the server's to refuse; it is parsed here, too.
                _ => self.words.push(word_of(arg)),
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
        self.keys.push(key_value(arg.name, value));
        Ok(())
    }

    fn plain(&mut self, arg: &'static Arg) {
        match arg.takes {
            Takes::Means(key, value) => self.keys.push(key_value(key, value)),
            Takes::LocalSwitch => self.switches.push(arg.name),
            _ => self.keys.push(key_value(arg.name, "true")),
        }
    }
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

/// For suggestions.
const GLOBAL: &[&str] = &["--json", "--timeout", "--socket", "--interface", "--help"];

/// A day.
const TIMEOUT_MAX_S: u64 = 86_400;

/// IFNAMSIZ of Linux, less its terminator.
const INTERFACE_MAX: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::line::RequestLine;
    use crate::ctl::request::{Filter, Request as R};
    use crate::ctl::verbs::{self, Asked, Does, VERBS};
    use crate::wire::ids::Property as P;
    use proptest::prelude::*;

    fn args(args: &[&str]) -> Result<Command, Failure> {
        parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    fn run(list: &[&str]) -> Invocation {
        match args(list) {
            Ok(Command::Run(invocation)) => invocation,
            other => panic!("{list:?}: {other:?}"),
        }
    }

    /// What the server makes of it.
    fn asked(invocation: &Invocation) -> Result<Asked, Failure> {
        let line = crate::ctl::line::request("1", invocation.verb.name, &invocation.words);
        let line = RequestLine::parse(line.trim_end()).unwrap().unwrap();
        verbs::parse(line.verb, &line.words)
    }

    fn host(list: &[&str]) -> R {
        match asked(&run(list)) {
            Ok(Asked::Host(request)) => request,
            other => panic!("{list:?}: {other:?}"),
        }
    }

    #[test]
    fn every_example_is_understood() {
        for verb in VERBS {
            for (example, _) in verb.examples {
                let shell = example.split(" | ").next().unwrap();
                let words = shell_words(shell);
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                let invocation = run(&words);
                assert_eq!(invocation.verb.name, verb.name, "{example}");
                if !matches!(verb.does, Does::Local(_)) {
                    let asked = asked(&invocation);
                    assert!(asked.is_ok(), "{example}: {asked:?}");
                }
            }
        }
    }

    /// As a shell would split it: only double quotes.
    fn shell_words(text: &str) -> Vec<String> {
        let words = crate::ctl::line::Word::split(text);
        words.map(|word| word.unwrap().text().unwrap()).collect()
    }

    #[test]
    fn every_option_of_every_verb_is_known_to_the_server() {
        for verb in VERBS
            .iter()
            .filter(|verb| !matches!(verb.does, Does::Local(_)))
        {
            for arg in verb.args.iter().filter(|arg| !arg.is_word()) {
                let long = format!("--{}", arg.name);
                let mut list: Vec<&str> = verb.name.split(' ').collect();
                list.push(&long);
                if arg.takes == Takes::Value {
                    list.push("x");
                }
                if let Err(failure) = asked(&run(&list)) {
                    let message = failure.message;
                    assert!(!message.contains("there is no"), "{list:?}: {message}");
                }
            }
        }
    }

    #[test]
    fn spellings() {
        let key = R::Get(P::NET_NETWORK_NAME);
        assert_eq!(host(&["get", "NET_NETWORK_NAME"]), key);
        let scans = [
            &["scan", "-e", "-c", "11"][..],
            &["scan", "-ec11"],
            &["scan", "-ec", "11"],
            &["scan", "--energy", "--channels=11"],
            &["scan", "--channels", "11", "--kind", "energy"],
            &["scan", "kind=energy", "channels=11"],
        ];
        for list in scans {
            assert_eq!(host(list), host(scans[0]), "{list:?}");
        }
        assert_eq!(
            host(&["add-prefix", "-soaf", "fd00::/64"]),
            host(&[
                "add-prefix",
                "fd00::/64",
                "-s",
                "-o",
                "--slaac",
                "--preferred"
            ])
        );
        assert_eq!(
            host(&["add-prefix", "-sofl64", "fd00::"]),
            host(&["add-prefix", "-s", "-o", "-f", "-l", "64", "fd00::"])
        );
        assert_eq!(
            host(&["allowlist", "add", "0011223344556677", "--rssi", "-60"]),
            R::FilterAdd(
                Filter::Allow,
                [0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77],
                Some(-60)
            )
        );
        let name = |text: &str| {
            let mut value = text.as_bytes().to_vec();
            value.push(0);
            R::Set(P::NET_NETWORK_NAME, value)
        };
        assert_eq!(host(&["set", "NET_NETWORK_NAME", "My Net"]), name("My Net"));
        assert_eq!(host(&["set", "NET_NETWORK_NAME", "-h"]), name("-h"));
        assert_eq!(
            host(&["set", "NET_NETWORK_NAME", "a=\"b\""]),
            name("a=\"b\"")
        );
        assert_eq!(
            host(&["set", "PHY_TX_POWER", "-4"]),
            R::Set(P::PHY_TX_POWER, vec![0xFC])
        );
        assert_eq!(host(&["mfg", "diag", "-x"]), R::Mfg("diag -x".into()));
        assert_eq!(run(&["form", "--", "--json"]).words, ["--json"]);
    }

    #[test]
    fn our_own_options() {
        let invocation = run(&[
            "-I",
            "wpan1",
            "get",
            "--json",
            "-v",
            "NET_ROLE",
            "--timeout=5",
        ]);
        assert_eq!(
            invocation.options,
            Options {
                interface: Some("wpan1".into()),
                socket: None,
                json: true,
                timeout: Some(Duration::from_secs(5)),
            }
        );
        assert_eq!(invocation.switches, ["value-only"]);
        assert_eq!(
            run(&["--socket", "/x", "pcap", "-", "-c", "15"]).local,
            ["-"]
        );
        assert!(matches!(args(&["-h"]), Ok(Command::Help(None))));
        assert!(
            matches!(args(&["scan", "--help"]), Ok(Command::Help(Some(name))) if name == "scan")
        );
        assert!(matches!(args(&["--version"]), Ok(Command::Version)));
    }

    #[test]
    fn refusals() {
        for (list, says) in [
            (&[][..], "a verb is missing"),
            (&["stauts"], "did you mean status?"),
            (&["--jsno", "status"], "did you mean --json?"),
            (&["-q", "status"], "see spinelctl --help"),
            (&["scan", "--enrgy"], "did you mean --energy?"),
            (&["scan", "-q"], "see spinelctl help scan"),
            (&["scan", "-eq"], "no option \"-q\""),
            (&["scan", "-eé"], "no option \"-é\""),
            (&["scan", "-ec"], "-c needs a value"),
            (&["scan", "--energy=1"], "takes no value"),
            (&["scan", "-c"], "needs a value"),
            (&["-I"], "needs a value"),
            (&["-I", "../x", "status"], "not the name of an interface"),
            (&["--timeout", "0", "status"], "1..=86400"),
        ] {
            let failure = args(list).map(|_| ()).unwrap_err();
            assert!(failure.message.contains(says), "{list:?}: {failure}");
            assert_eq!(failure.code, Code::Usage);
        }
    }

    proptest! {
        #[test]
        fn any_command_line_is_read_or_refused(
            list in prop::collection::vec("-{0,2}[a-z]{0,8}=?.{0,3}|scan|get|set|pcap|é", 0..6),
        ) {
            if let Err(failure) = parse(&list) {
                prop_assert!(!failure.message.contains(char::is_control));
            }
        }
    }
}
