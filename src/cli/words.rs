//! From every spelling that getopt_long knows to the one that argh knows.

use super::usage::Usage;
use crate::nearest::distance;

/// Rewrites `args` so that argh understands them: every option by its long name, its value in a word
/// of its own, then `--` and the device. Stops at `--help` and `--version`, since nothing after them
/// matters.
///
/// It splits words and checks that options exist and have their value; it does not read the values.
pub fn normalise(args: &[String]) -> Result<Vec<String>, Usage> {
    let mut words = Words {
        args: args.iter(),
        options: Vec::new(),
        rest: Vec::new(),
        done: false,
    };
    while let (Some(arg), false) = (words.args.next(), words.done) {
        match (arg.strip_prefix("--"), arg.strip_prefix('-')) {
            (Some(""), _) => words.rest.extend(words.args.by_ref().cloned()),
            (Some(long), _) => words.long(long)?,
            (None, Some("") | None) => words.rest.push(arg.clone()),
            (None, Some(letters)) => words.short(letters)?,
        }
    }
    if !words.done {
        words.options.push("--".to_owned());
        words.options.append(&mut words.rest);
    }
    Ok(words.options)
}

/// What [`normalise`] has still to read and what it has written.
struct Words<'a> {
    args: core::slice::Iter<'a, String>,
    options: Vec<String>,
    rest: Vec<String>,
    done: bool,
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
        while let (Some(letter), false) = (letters.next(), self.done) {
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

    fn push(&mut self, opt: &Opt, value: Option<&str>) -> Result<(), Usage> {
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
            (Takes::ValueOrOne, None) => Some("1"),
            (Takes::Value | Takes::ValueOrOne, value) => value,
        };
        self.done |= opt.takes == Takes::TheEnd;
        self.options.push(option.to_owned());
        self.options.extend(value.map(str::to_owned));
        Ok(())
    }
}

/// What [`normalise`] must know of an option.
pub(super) struct Opt {
    /// With its dashes, as argh wants it.
    pub(super) long: &'static str,
    /// Its letters, and other names without their dashes.
    pub(super) aliases: &'static [&'static str],
    pub(super) takes: Takes,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Takes {
    Nothing,
    /// After `=`, or the next word.
    Value,
    /// After `=`; the next word is not taken.
    ValueOrOne,
    /// No value, and no word after it is read.
    TheEnd,
}

impl Opt {
    /// `name` without its dashes.
    fn long(name: &str) -> Option<&'static Opt> {
        let alias = |opt: &Opt| name.len() > 1 && opt.aliases.contains(&name);
        OPTIONS.iter().find(|opt| opt.name() == name || alias(opt))
    }

    pub(super) fn short(letter: char) -> Option<&'static Opt> {
        let mut bytes = [0; 4];
        let letter: &str = letter.encode_utf8(&mut bytes);
        OPTIONS.iter().find(|opt| opt.aliases.contains(&letter))
    }

    fn name(&self) -> &'static str {
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

/// The option that `name` was probably meant to be: the beginning of one, or a third of it mistyped.
fn nearest(name: &str) -> Option<String> {
    let names = OPTIONS.iter().map(Opt::name);
    let begun = names
        .clone()
        .find(|known| name.len() > 2 && known.starts_with(name));
    let mistyped = || {
        let (distance, known) = names.map(|known| (distance(name, known), known)).min()?;
        (distance <= known.len() / 3).then_some(known)
    };
    begun
        .or_else(mistyped)
        .map(|known| format!("perhaps --{known} is meant"))
}

const fn opt(long: &'static str, aliases: &'static [&'static str], takes: Takes) -> Opt {
    Opt {
        long,
        aliases,
        takes,
    }
}

/// The same options as those of `Args` (tested).
pub(super) const OPTIONS: &[Opt] = &[
    opt("--stdio", &[], Takes::Nothing),
    opt("--pty", &[], Takes::Nothing),
    opt("--pty-link", &[], Takes::Value),
    opt("--raw", &[], Takes::Nothing),
    opt("--mtu", &[], Takes::Value),
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
    opt("--no-reset", &[], Takes::Nothing),
    opt("--spi-reset-pulse", &[], Takes::Value),
    opt("--spi-reset-delay", &[], Takes::Value),
    opt("--ready-when-up", &[], Takes::Nothing),
    opt("--check", &[], Takes::Nothing),
    opt("--log", &[], Takes::Value),
    opt("--verbose", &["v"], Takes::ValueOrOne),
    opt("--version", &["V"], Takes::TheEnd),
    opt("--help", &["h", "?"], Takes::TheEnd),
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
