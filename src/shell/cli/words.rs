//! From every spelling that getopt_long knows to the one that argh knows.

use super::usage::Usage;
use core::iter::Peekable;

/// Rewrites `args` so that argh understands them: every option by its long name, its value in a word
/// of its own, then `--` and the device. Stops at `--help` and `--version`, since nothing after them
/// matters.
///
/// It splits words and checks that options exist and have their value; it does not read the values.
pub fn normalise(args: &[String]) -> Result<Vec<String>, Usage> {
    Split::of(args).map(Split::into_words)
}

/// The words of a command line, sorted.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// The options in their order, with their values.
    pub(super) options: Vec<(&'static Opt, Option<String>)>,
    /// The device, and what else is no option.
    pub(super) rest: Vec<String>,
    /// There was `--help` or `--version`.
    pub(super) done: bool,
}

impl Split {
    /// Sorts `args`.
    pub(super) fn of(args: &[String]) -> Result<Split, Usage> {
        let mut words = Words {
            args: args.iter().peekable(),
            split: Split::default(),
        };
        while let (false, Some(arg)) = (words.split.done, words.args.next()) {
            match (arg.strip_prefix("--"), arg.strip_prefix('-')) {
                (Some(""), _) => words.split.rest.extend(words.args.by_ref().cloned()),
                (Some(long), _) => words.long(long)?,
                (None, Some("") | None) => words.split.rest.push(arg.clone()),
                (None, Some(letters)) => words.short(letters)?,
            }
        }
        Ok(words.split)
    }

    /// What argh understands.
    pub(super) fn into_words(self) -> Vec<String> {
        let mut words = Vec::with_capacity(2 * self.options.len() + self.rest.len() + 1);
        for (opt, value) in self.options {
            words.push(opt.long.to_owned());
            words.extend(value);
        }
        if !self.done {
            words.push("--".to_owned());
            words.extend(self.rest);
        }
        words
    }

    /// Whether there is this option, by its long name with dashes.
    pub(super) fn has(&self, long: &str) -> bool {
        self.options.iter().any(|(opt, _)| opt.long == long)
    }

    /// The first option of a kind.
    pub(super) fn first(&self, kind: Kind) -> Option<&'static Opt> {
        let mut options = self.options.iter().map(|(opt, _)| *opt);
        options.find(|opt| opt.kind == kind)
    }

    /// The last value of an option, by its long name with dashes.
    pub(super) fn last(&self, long: &str) -> Option<&str> {
        let found = self.options.iter().rev().find(|(opt, _)| opt.long == long);
        found.and_then(|(_, value)| value.as_deref())
    }
}

/// What has still to be read and what was.
struct Words<'a> {
    args: Peekable<core::slice::Iter<'a, String>>,
    split: Split,
}

impl Words<'_> {
    /// `name` or `name=value`, after `--`.
    fn long(&mut self, text: &str) -> Result<(), Usage> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let opt = Opt::long(name).ok_or_else(|| unknown_option(name))?;
        self.push(opt, value)
    }

    /// `vv`, `vigpiochip0:25`, after `-`: switches, until one takes the rest or the next word.
    fn short(&mut self, cluster: &str) -> Result<(), Usage> {
        let mut letters = cluster.chars();
        while let (Some(letter), false) = (letters.next(), self.split.done) {
            let opt = Opt::short(letter).ok_or_else(|| unknown_letter(letter, cluster))?;
            if opt.takes != Takes::Value {
                self.push(opt, None)?;
                continue;
            }
            let value = letters.as_str();
            // getopt would make `-i=X` the value `=X`, which nobody means.
            let value = value.strip_prefix('=').unwrap_or(value);
            return self.push(opt, Some(value).filter(|value| !value.is_empty()));
        }
        Ok(())
    }

    fn push(&mut self, opt: &'static Opt, value: Option<&str>) -> Result<(), Usage> {
        let option = opt.long;
        let value = match (opt.takes, value) {
            (Takes::Nothing | Takes::TheEnd, Some(_)) => return Err(Usage::NoValue { option }),
            (Takes::Nothing | Takes::TheEnd, None) => None,
            (Takes::Value, None) => Some(
                self.args
                    .next()
                    .ok_or(Usage::NeedsValue { option })?
                    .as_str(),
            ),
            (Takes::ValueOr(usual), None) => Some(usual),
            (Takes::Name, None) => Some(self.name()),
            (Takes::Value | Takes::ValueOr(_) | Takes::Name, value) => value,
        };
        let value = value.map(str::to_owned);
        self.split.done |= opt.takes == Takes::TheEnd;
        self.split.options.push((opt, value));
        Ok(())
    }

    /// The next word, if it can be the name of an interface and not a device or an option.
    fn name(&mut self) -> &str {
        let is_name = |word: &&String| !word.starts_with('-') && !word.contains(['/', ':']);
        self.args.next_if(is_name).map_or("", |word| word.as_str())
    }
}

/// What [`normalise`] must know of an option.
#[derive(Debug)]
pub(super) struct Opt {
    /// With its dashes, as argh wants it.
    pub(super) long: &'static str,
    /// Its letters, and other names without their dashes.
    pub(super) aliases: &'static [&'static str],
    pub(super) takes: Takes,
    pub(super) kind: Kind,
}

/// What an option is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// How the co-processor is presented. One choice, so an option on the command line replaces all of
    /// the file.
    Face,
    /// Only for the host driver.
    Host,
    /// Asks for something once, so it does not belong into a file.
    Once,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Takes {
    Nothing,
    /// After `=`, or the next word.
    Value,
    /// After `=`, else this; the next word is not taken.
    ValueOr(&'static str),
    /// After `=`, or the next word if it looks like the name of an interface, else nothing.
    Name,
    /// No value, and no word after it is read.
    TheEnd,
}

impl Opt {
    /// `name` without its dashes.
    pub(super) fn long(name: &str) -> Option<&'static Opt> {
        let alias = |opt: &Opt| name.len() > 1 && opt.aliases.contains(&name);
        OPTIONS.iter().find(|opt| opt.name() == name || alias(opt))
    }

    pub(super) fn short(letter: char) -> Option<&'static Opt> {
        let mut bytes = [0; 4];
        let letter: &str = letter.encode_utf8(&mut bytes);
        OPTIONS.iter().find(|opt| opt.aliases.contains(&letter))
    }

    /// Without its dashes.
    pub(super) fn name(&self) -> &'static str {
        self.long.trim_start_matches('-')
    }
}

fn unknown_option(name: &str) -> Usage {
    let foreign = FOREIGN.iter().find(|(foreign, _)| *foreign == name);
    let instead = foreign
        .map(|(_, instead)| (*instead).to_owned())
        .or_else(|| nearest(name));
    Usage::UnknownOption {
        option: format!("--{name}"),
        instead,
    }
}

fn unknown_letter(letter: char, cluster: &str) -> Usage {
    let name = cluster.split('=').next().unwrap_or(cluster);
    let instead = match Opt::long(name) {
        Some(opt) => Some(format!("write {} with two dashes", opt.long)),
        None if letter.is_ascii_digit() && cluster.starts_with('v') => {
            Some("write -vv or --verbose=2".to_owned())
        }
        None => None,
    };
    Usage::UnknownOption {
        option: format!("-{letter}"),
        instead,
    }
}

fn nearest(name: &str) -> Option<String> {
    let names = OPTIONS.iter().map(Opt::name);
    probably(name, names).map(|known| format!("perhaps --{known} is meant"))
}

/// Which of `names` was probably meant by `name`: it is the beginning of it, or a third of it is mistyped.
pub(super) fn probably<'a>(
    name: &str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let begun = names
        .clone()
        .find(|known| name.len() > 2 && known.starts_with(name));
    let mistyped = || {
        let (distance, known) = crate::nearest::nearest(name, names)?;
        (distance <= known.len() / 3).then_some(known)
    };
    begun.or_else(mistyped)
}

const fn opt(long: &'static str, aliases: &'static [&'static str], takes: Takes) -> Opt {
    Opt {
        long,
        aliases,
        takes,
        kind: Kind::Other,
    }
}

const fn face(long: &'static str, takes: Takes) -> Opt {
    Opt {
        kind: Kind::Face,
        ..opt(long, &[], takes)
    }
}

const fn host(long: &'static str, takes: Takes) -> Opt {
    Opt {
        kind: Kind::Host,
        ..opt(long, &[], takes)
    }
}

const fn once(long: &'static str, aliases: &'static [&'static str], takes: Takes) -> Opt {
    Opt {
        kind: Kind::Once,
        ..opt(long, aliases, takes)
    }
}

/// What a switch is set to when nothing else is said.
const SWITCH: Takes = Takes::ValueOr("yes");

/// The same options as those of `Args` (tested).
pub(super) static OPTIONS: &[Opt] = &[
    face("--stdio", Takes::Nothing),
    face("--pty", Takes::Nothing),
    face("--pty-link", Takes::Value),
    face("--raw", Takes::Nothing),
    face("--mtu", Takes::Value),
    face("--tun", Takes::Name),
    opt("--gpio-int", &["i"], Takes::Value),
    opt("--gpio-res", &["r", "gpio-reset"], Takes::Value),
    opt("--poll-ms", &[], Takes::Value),
    opt("--spi-speed", &[], Takes::Value),
    opt("--spi-mode", &[], Takes::Value),
    opt("--spi-cs-delay", &[], Takes::Value),
    opt("--spi-gap", &[], Takes::Value),
    opt("--spi-align-allowance", &[], Takes::Value),
    opt("--spi-small-packet", &[], Takes::Value),
    opt("--spi-crc", &[], Takes::Value),
    opt("--no-reset", &[], SWITCH),
    opt("--spi-reset-pulse", &[], Takes::Value),
    opt("--spi-reset-delay", &[], Takes::Value),
    opt("--ready-when-up", &[], SWITCH),
    opt("--sandbox", &[], SWITCH),
    opt("--log", &[], Takes::Value),
    opt("--log-keys", &[], SWITCH),
    opt("--tap", &[], Takes::Value),
    opt("--tap-size", &[], Takes::Value),
    opt("--verbose", &["v"], Takes::ValueOr("1")),
    host("--control", Takes::Value),
    host("--control-group", Takes::Value),
    host("--control-raw", SWITCH),
    host("--user", Takes::Value),
    host("--chroot", Takes::Value),
    host("--auto-resume", SWITCH),
    host("--firmware-check", Takes::Value),
    host("--firmware-upgrade", Takes::Value),
    host("--auto-upgrade", SWITCH),
    host("--retain", Takes::Value),
    host("--retain-command", Takes::Value),
    host("--set", Takes::Value),
    host("--commissioning-port", Takes::Value),
    host("--iid", Takes::Value),
    host("--no-slaac", SWITCH),
    host("--publish-prefixes", SWITCH),
    host("--skip-link-local", SWITCH),
    host("--show-rloc", SWITCH),
    host("--no-routes", SWITCH),
    host("--default-route", SWITCH),
    once("--config", &[], Takes::Value),
    once("--check", &[], Takes::Nothing),
    once("--version", &["V"], Takes::TheEnd),
    once("--help", &["h", "?"], Takes::TheEnd),
];

/// Options of the programs next door that people bring along, and what is meant by them here:
/// `--spi-cs` of the README of `spi-hdlc-adapter`, the others of OpenThread's posix radio URL.
const FOREIGN: &[(&str, &str)] = &[
    (
        "spi-cs",
        "the SPI controller drives chip select; the Y of /dev/spidevX.Y names it",
    ),
    ("gpio-int-dev", "write --gpio-int gpiochip0:25"),
    ("gpio-int-line", "write --gpio-int gpiochip0:25"),
    ("gpio-reset-dev", "write --gpio-res gpiochip0:24"),
    ("gpio-reset-line", "write --gpio-res gpiochip0:24"),
];
