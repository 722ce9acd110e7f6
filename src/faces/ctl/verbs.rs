//! Every verb of the control protocol and of `spinelctl`, in one table.
//!
//! [`VERBS`] drives everything: [`parse`] reads requests by it, `spinelctl` its command line, `--help`,
//! `help VERB` and the completions, and the documents are checked against it. A new verb is a new row.
//!
//! A row's name has one word or two (`gpio`, `gpio set`); the longer one wins. The arguments of a row
//! are written as `WORD` or `KEY=VALUE` on the socket, and as `WORD`, `--key VALUE` or `-k VALUE` in a
//! shell.

mod args;
mod build;
mod table;

pub use args::Args;
pub use table::VERBS;

use super::line::Word;
use super::{Code, Failure, Request};
use crate::nearest::NAME_MAX;

/// A row of the table.
#[derive(Debug)]
pub struct Verb {
    /// One word or two.
    pub name: &'static str,
    /// Other names for the same.
    pub aliases: &'static [&'static str],
    /// What it does, in one line without an end.
    pub help: &'static str,
    /// What it takes.
    pub args: &'static [Arg],
    /// Command lines behind `spinelctl`, and what each does.
    pub examples: &'static [(&'static str, &'static str)],
    /// Who does it.
    pub does: Does,
}

/// Who does what a verb says.
#[derive(Clone, Copy, Debug)]
pub enum Does {
    /// The host driver.
    Ask(Build),
    /// The server of the socket.
    Serve(Serve),
    /// `spinelctl` alone; the server does not know it.
    Local(Local),
}

/// Makes a request of the arguments.
pub type Build = fn(&Args<'_>) -> Result<Request, Failure>;

/// What the server of the socket does itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// Events are sent from now on.
    Monitor,
    /// They are not any more.
    MonitorOff,
    /// Versions and interface, in a row.
    Version,
    /// Ends a running request.
    Cancel,
}

/// What `spinelctl` does without the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// Prints the help.
    Help,
    /// Prints a completion script.
    Completion,
    /// Lists the sockets.
    Interfaces,
}

/// An argument of a verb.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// The key on the socket and the long option; for a word, what it is called in usage.
    pub name: &'static str,
    /// The short option.
    pub letter: Option<char>,
    /// How it is given.
    pub takes: Takes,
    /// What it can be.
    pub values: Values,
    /// What it means, in one line without an end.
    pub help: &'static str,
}

/// How an argument is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A word in its place, which must be there.
    Word,
    /// A word in its place, which may be left out.
    MaybeWord,
    /// All the words that are left, at least one.
    Rest,
    /// `KEY=VALUE`, `--key VALUE`.
    Value,
    /// `KEY=true`, `--key`.
    Switch,
    /// `--key`, short for this key and value.
    Means(&'static str, &'static str),
    /// A word for `spinelctl` alone, which may be left out.
    LocalWord,
    /// `--key` for `spinelctl` alone.
    LocalSwitch,
}

/// What an argument can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Something that usage calls so.
    Any(&'static str),
    /// The same, and nobody else is to see it: `spinelctl` also takes it as `@FILE` or `@-`.
    Secret(&'static str),
    /// One of these.
    Of(&'static [&'static str]),
    /// The name or the number of a property.
    Property,
    /// A verb.
    Verb,
    /// A file.
    File,
}

impl Arg {
    /// Whether the server knows it.
    pub const fn is_for_server(&self) -> bool {
        !matches!(
            self.takes,
            Takes::Means(..) | Takes::LocalWord | Takes::LocalSwitch
        )
    }

    /// Whether it is given as a word in its place.
    pub const fn is_word(&self) -> bool {
        matches!(
            self.takes,
            Takes::Word | Takes::MaybeWord | Takes::Rest | Takes::LocalWord
        )
    }
}

/// What a request line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The host driver.
    Host(Request),
    /// The server, with what comes with it.
    Serve(Serve),
    /// The server: ends the request of this tag.
    Cancel(String),
}

/// The row that a verb and the words after it mean, and how many words of `rest` belong to its name.
pub fn find<'w>(
    verb: &str,
    mut rest: impl Iterator<Item = &'w str>,
) -> Option<(&'static Verb, usize)> {
    let second = rest.next();
    let two = second.and_then(|second| {
        VERBS
            .iter()
            .find(|row| row.names().any(|name| is_two(name, verb, second)))
    });
    match two {
        Some(row) => Some((row, 1)),
        None => VERBS
            .iter()
            .find(|row| row.names().any(|name| name == verb))
            .map(|row| (row, 0)),
    }
}

/// Understands a request line's verb and words.
///
/// # Errors
/// [`Code::Usage`] for what makes no sense, with what was probably meant.
pub fn parse(verb: &str, words: &[Word<'_>]) -> Result<Asked, Failure> {
    let (row, taken) = find(verb, words.iter().map(Word::raw)).ok_or_else(|| unknown(verb))?;
    let args = Args::sort(row, words.get(taken..).unwrap_or_default())?;
    match row.does {
        Does::Ask(build) => build(&args).map(Asked::Host),
        Does::Serve(Serve::Cancel) => args.need("TAG").map(Asked::Cancel),
        Does::Serve(service) => Ok(Asked::Serve(service)),
        Does::Local(_) => Err(usage(format!("{verb} is done by spinelctl, not here"))),
    }
}

/// The failure for a verb that is not in the table.
pub fn unknown(verb: &str) -> Failure {
    let shown: String = verb.chars().take(NAME_MAX).collect();
    let names = VERBS.iter().flat_map(Verb::names);
    let hint = match nearest(verb, names) {
        Some(name) => format!("did you mean {name}?"),
        None => "spinelctl help lists them".to_owned(),
    };
    usage(format!(
        "there is no verb {}: {hint}",
        super::line::quoted(&shown)
    ))
}

/// The one of `names` that was probably meant.
pub fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let (far, name) = crate::nearest::nearest(text, names)?;
    (far <= 1 + text.len() / LETTERS_PER_SLIP).then_some(name)
}

impl Verb {
    /// All its names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        core::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// The argument of a key.
    pub fn key(&self, key: &str) -> Option<&'static Arg> {
        self.args
            .iter()
            .find(|arg| arg.name == key && !arg.is_word())
    }
}

fn is_two(name: &str, first: &str, second: &str) -> bool {
    name.split_once(' ') == Some((first, second))
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, message)
}

/// How many letters somebody types per slip, for suggestions.
const LETTERS_PER_SLIP: usize = 4;

#[cfg(test)]
mod tests;
