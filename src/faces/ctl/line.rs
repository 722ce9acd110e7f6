//! The control protocol: lines of text on a Unix stream socket
//! (`/run/spinel-bridge/<interface>.sock`). Stable, and usable by hand:
//!
//! ```text
//! $ socat - UNIX-CONNECT:/run/spinel-bridge/wpan0.sock
//! * spinel-bridge 0.1.0 protocol=1 interface=wpan0
//! 1 getprop NET_NETWORK_NAME
//! 1 row NET_NETWORK_NAME="Test Net"
//! 1 ok
//! 2 scan channels=11,12 period=100
//! 2 progress 1 2 "scanning"
//! 2 row channel=11 rssi=-60 panid=0xface joinable=true network_name="Test Net" ..
//! 2 ok
//! 3 setprop PHY_CHAN 99
//! 3 error usage "set PHY_CHAN: the co-processor answered INVALID_ARGUMENT (3): .."
//! ```
//!
//! # Lines
//!
//! UTF-8, each ended by a line feed; a carriage return before it is ignored, and so are empty lines. A
//! line to the server has at most [`LINE_MAX`] octets, its end included. A line from the server may be
//! longer; it never has more than 64 KiB. A last line without its end is never carried out, as it may be a
//! part of another one; who still reads is told so.
//!
//! | line | from | meaning |
//! | --- | --- | --- |
//! | `* spinel-bridge VERSION protocol=N interface=NAME` | server | the greeting, first of all lines |
//! | `TAG VERB [WORD or KEY=VALUE]..` | client | a request |
//! | `TAG row NAME=VALUE ..` | server | a row of the result; any number of them |
//! | `TAG progress DONE OF "WHAT"` | server | how far it is, in parts of OF (0: not known) |
//! | `TAG ok` | server | it is done; the tag is free again |
//! | `TAG error CODE "MESSAGE"` | server | it is not; the tag is free again |
//! | `* NAME KEY=VALUE ..` | server | an event, to clients that asked to `monitor` |
//! | `* lost n=N` | server | so many events or sniffed frames were dropped: you read too slowly |
//! | `? error CODE "MESSAGE"` | server | a line without a tag that could be answered |
//!
//! A tag has 1 to 16 characters of `A-Z a-z 0-9 _ . -`. The client chooses it, and may have up to 8
//! requests running, each with a tag of its own; answers of different requests may be mixed. `cancel
//! TAG` ends a running one, which is answered `error cancelled`; so does closing the connection.
//!
//! A program should ignore names, events and kinds of lines that it does not know: later versions add
//! some. `protocol=` changes when something is taken away.
//!
//! # Words
//!
//! Words are separated by spaces or tabs. A word, or a part of one, may stand in `"` quotes; inside them
//! a backslash begins `\n`, `\r`, `\t`, `\0`, `\\`, `\"`, `\'`, `\u{e9}` or, for an octet, `\xE9`. Outside
//! of quotes a backslash is a backslash. `KEY=VALUE` has its `=` outside of the quotes:
//! `name="two words"`; a word that is quoted from its start is never a key.
//!
//! # Values
//!
//! | value | written |
//! | --- | --- |
//! | yes, no | `true`, `false` |
//! | a number | `-90`: decimal, no leading zeros |
//! | a word of ours, an address, octets in hex | as it is: `fd00::1` |
//! | any text, and every word that would read as one of the above | `"quoted"` |
//!
//! The value of a property is written as in [`crate::wire::signature`]: `setprop` takes that text as
//! the rest of the line, and `row` gives it as a quoted text.
//!
//! # Verbs and codes
//!
//! The verbs with their words are [`super::verbs::VERBS`]; the codes of errors are [`super::Code`].

mod word;

pub use word::{quoted, Word};

use super::{Answer, Code, Event, Failure, Field, Fields};
use core::fmt::Write;

/// The version of the protocol in the greeting.
pub const PROTOCOL: u32 = 1;

/// The longest line to the server, its line feed included: the value of a property of the longest frame
/// (2043 octets, protocol §5.2) in hex fits in.
pub const LINE_MAX: usize = 4096;

/// The longest tag.
pub const TAG_MAX: usize = 16;

/// A request, split but not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// Which the answers will bear.
    pub tag: &'a str,
    /// What is to be done.
    pub verb: &'a str,
    /// The rest.
    pub words: Vec<Word<'a>>,
}

/// Why a line is not a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARequest<'a> {
    /// The tag to answer with, where there is one.
    pub tag: Option<&'a str>,
    /// Why.
    pub failure: Failure,
}

impl<'a> RequestLine<'a> {
    /// Splits a line without its end. `None`: it is empty.
    ///
    /// # Errors
    /// [`NotARequest`]; its message says what is wrong.
    pub fn parse(line: &'a str) -> Result<Option<Self>, NotARequest<'a>> {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line.is_empty() {
            return Ok(None);
        }
        let (tag, rest) = split_word(line);
        if !is_tag(tag) {
            return Err(NotARequest {
                tag: None,
                failure: usage(format!(
                    "{} is not a tag: a line is TAG VERB WORD.., like: 1 status",
                    quoted(shortened(tag))
                )),
            });
        }
        let fails = |failure| NotARequest {
            tag: Some(tag),
            failure,
        };
        let (verb, rest) = split_word(rest);
        if verb.is_empty() {
            return Err(fails(usage("a verb is missing after the tag")));
        }
        let words = Word::split(rest).collect::<Result<_, _>>().map_err(fails)?;
        Ok(Some(RequestLine { tag, verb, words }))
    }
}

/// Writes a request with its line feed. `verb` may be of two words, `gpio set`; each of `words` is
/// written with quotes where it needs them, see [`word_of`] and [`key_value`].
pub fn request(tag: &str, verb: &str, words: &[String]) -> String {
    let mut line = format!("{tag} {verb}");
    for word in words {
        line.push(' ');
        line.push_str(word);
    }
    line.push('\n');
    line
}

/// A word as it stands in a request, quoted where it must be.
pub fn word_of(text: &str) -> String {
    if is_bare(text) && !text.contains('=') {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// `key=value` as it stands in a request.
pub fn key_value(key: &str, value: &str) -> String {
    if is_bare(value) {
        format!("{key}={value}")
    } else {
        format!("{key}={}", quoted(value))
    }
}

/// The first line to a client.
pub fn greeting(interface: &str) -> String {
    let mut line = format!("{EVENT} {NAME} {}", env!("CARGO_PKG_VERSION"));
    let fields = Fields::new()
        .with("protocol", PROTOCOL)
        .with("interface", Field::word(interface));
    write_fields(&mut line, &fields);
    line.push('\n');
    line
}

/// Writes an answer with its line feed.
pub fn answer(tag: &str, answer: &Answer) -> String {
    let mut line = tag.to_owned();
    match answer {
        Answer::Row(fields) => {
            line.push_str(" row");
            write_fields(&mut line, fields);
        }
        Answer::Progress { what, done, of } => {
            let _ = write!(line, " progress {done} {of} {}", quoted(what));
        }
        Answer::Done => line.push_str(" ok"),
        Answer::Failed(failure) => {
            let _ = write!(line, " error {} {}", failure.code, quoted(&failure.message));
        }
    }
    line.push('\n');
    line
}

/// Writes what cannot be answered to a tag.
pub fn refusal(failure: &Failure) -> String {
    answer(NO_TAG, &Answer::Failed(failure.clone()))
}

/// Writes an event with its line feed.
pub fn event(event: &Event) -> String {
    told(event.name, &event.fields)
}

/// Writes that events or frames were dropped.
pub fn lost(n: u64) -> String {
    let n = i64::try_from(n).unwrap_or(i64::MAX);
    told(LOST, &Fields::new().with("n", n))
}

/// What the server sent, as the client reads it.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// The first line.
    Greeting {
        /// Of the program.
        version: String,
        /// Of the protocol; [`PROTOCOL`] is ours.
        protocol: u32,
        /// The network interface that it manages.
        interface: String,
    },
    /// To a request.
    Answer {
        /// Of the request; `?` where the server could not know.
        tag: String,
        /// What.
        answer: Answer,
    },
    /// Unasked.
    Event {
        /// Its name; `lost` when some were dropped.
        name: String,
        /// Its values.
        fields: Fields,
    },
}

impl Told {
    /// Reads a line from the server, without its end.
    ///
    /// # Errors
    /// A [`Failure`] for a line that is none of these, a later version's kind among them.
    pub fn parse(line: &str) -> Result<Self, Failure> {
        let line = line.trim_matches([' ', '\t', '\r']);
        // A name with one would move the cursor of whoever prints it; in values they are escaped.
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return Err(not_told(line));
        }
        let (tag, rest) = split_word(line);
        let (kind, rest) = split_word(rest);
        if tag == EVENT {
            return told_event(kind, rest);
        }
        if !is_tag(tag) && tag != NO_TAG {
            return Err(not_told(line));
        }
        let answer = match kind {
            "row" => Answer::Row(fields(rest)?),
            "progress" => progress(rest).ok_or_else(|| not_told(line))?,
            "ok" => Answer::Done,
            "error" => Answer::Failed(failure(rest).ok_or_else(|| not_told(line))?),
            _ => return Err(not_told(line)),
        };
        Ok(Told::Answer {
            tag: tag.to_owned(),
            answer,
        })
    }
}

/// Whether a text can be a tag.
pub fn is_tag(text: &str) -> bool {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.' | b'-');
    (1..=TAG_MAX).contains(&text.len()) && text.bytes().all(known)
}

fn told_event(kind: &str, rest: &str) -> Result<Told, Failure> {
    if kind != NAME {
        return Ok(Told::Event {
            name: kind.to_owned(),
            fields: fields(rest)?,
        });
    }
    let (version, rest) = split_word(rest);
    let fields = fields(rest)?;
    let protocol = match fields.get("protocol") {
        Some(&Field::Number(number)) => u32::try_from(number).ok(),
        _ => None,
    };
    let interface = match fields.get("interface") {
        Some(Field::Word(name) | Field::Text(name)) => Some(name.clone()),
        _ => None,
    };
    match (protocol, interface) {
        (Some(protocol), Some(interface)) => Ok(Told::Greeting {
            version: version.to_owned(),
            protocol,
            interface,
        }),
        _ => Err(not_told("a greeting without protocol= and interface=")),
    }
}

fn fields(text: &str) -> Result<Fields, Failure> {
    let mut fields = Fields::new();
    for word in Word::split(text) {
        let word = word?;
        let (name, value) = word.key_value().ok_or_else(|| not_told(word.raw()))?;
        fields.push(name, field(value)?);
    }
    Ok(fields)
}

fn field(word: Word<'_>) -> Result<Field, Failure> {
    let raw = word.raw();
    if raw.contains('"') || raw.is_empty() {
        return word.text().map(Field::Text);
    }
    Ok(match raw {
        "true" => Field::Bool(true),
        "false" => Field::Bool(false),
        _ => match number(raw) {
            Some(number) => Field::Number(number),
            None => Field::Word(raw.to_owned()),
        },
    })
}

fn progress(text: &str) -> Option<Answer> {
    let (done, rest) = split_word(text);
    let (of, rest) = split_word(rest);
    Some(Answer::Progress {
        what: only_text(rest)?,
        done: done.parse().ok()?,
        of: of.parse().ok()?,
    })
}

fn failure(text: &str) -> Option<Failure> {
    let (word, rest) = split_word(text);
    let code = Code::ALL.iter().find(|code| code.word() == word);
    // A later version's code is a failure all the same.
    let code = code.copied().unwrap_or(Code::Failed);
    Some(Failure::new(code, only_text(rest)?))
}

fn only_text(text: &str) -> Option<String> {
    let mut words = Word::split(text);
    let word = words.next()?.ok()?;
    words.next().is_none().then_some(())?;
    word.text().ok()
}

fn told(name: &str, fields: &Fields) -> String {
    let mut line = format!("{EVENT} {name}");
    write_fields(&mut line, fields);
    line.push('\n');
    line
}

fn write_fields(line: &mut String, fields: &Fields) {
    for (name, value) in &fields.0 {
        line.push(' ');
        write_name(line, name);
        line.push('=');
        write_value(line, value);
    }
}

/// A name of ours stays as it is; whatever would make another line of it does not.
fn write_name(line: &mut String, name: &str) {
    if name.is_empty() {
        line.push('_');
    }
    line.extend(name.chars().map(|letter| match letter {
        '"' | '\\' | '=' => '_',
        letter if letter.is_ascii_graphic() => letter,
        _ => '_',
    }));
}

fn write_value(line: &mut String, value: &Field) {
    let _ = match value {
        Field::Bool(value) => write!(line, "{value}"),
        Field::Number(value) => write!(line, "{value}"),
        Field::Word(word) if is_bare(word) && !is_typed(word) => write!(line, "{word}"),
        Field::Word(text) | Field::Text(text) => write!(line, "{}", quoted(text)),
    };
}

/// Whether a text is one word without quotes.
fn is_bare(text: &str) -> bool {
    let plain = |octet: u8| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\');
    !text.is_empty() && text.bytes().all(plain)
}

/// Whether a word without quotes would be read as a number or as yes or no.
fn is_typed(word: &str) -> bool {
    matches!(word, "true" | "false") || number(word).is_some()
}

/// A number as it is written here: `007` and `+7` are words.
fn number(word: &str) -> Option<i64> {
    let number: i64 = word.parse().ok()?;
    (number.to_string() == word).then_some(number)
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t']);
    text.split_once([' ', '\t']).unwrap_or((text, ""))
}

/// The start of a text that may be of any length.
fn shortened(text: &str) -> &str {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Code::Usage, message)
}

fn not_told(line: &str) -> Failure {
    Failure::new(
        Code::Failed,
        format!("not a line of this protocol: {}", quoted(shortened(line))),
    )
}

/// Who the server is, in its greeting.
const NAME: &str = "spinel-bridge";

/// In the place of a tag: what is told unasked.
const EVENT: &str = "*";

/// In the place of a tag: the answer to a line without one.
const NO_TAG: &str = "?";

/// The event for what was dropped.
const LOST: &str = "lost";

/// How much of what is wrong a message shows: enough to find it.
const SHOWN_MAX: usize = 32;

#[cfg(test)]
mod tests;
