//! The texts of `--help` and `help VERB`, from the table.

use crate::ctl::verbs::{Arg, Takes, Values, Verb, VERBS};
use crate::ctl::Code;
use core::fmt::Write;

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "\
spinelctl manages the network interface of a Spinel co-processor (Thread, IEEE
802.15.4) that spinel-bridge --tun made.

Usage: spinelctl [OPTIONS] VERB [ARGUMENTS]

Examples:
  spinelctl status
  spinelctl form test
  spinelctl scan --energy -c 11-26
  spinelctl getprop NET_NETWORK_NAME
  spinelctl pcap - | wireshark -k -i -

Verbs (spinelctl help VERB tells more of one):
",
    );
    for verb in VERBS {
        let _ = writeln!(text, "  {:<19} {}", verb.name, verb.help);
    }
    text.push_str(
        "
Options:
  -I, --interface NAME  the interface (default: wpan0, or the only one there is)
  --socket PATH         its control socket, wherever it is
  --json                for programs: an object for each row, one on each line
  --timeout SECONDS     give up if nothing is heard for so long
  --wait STATE          first wait for this state of the interface: initialized,
                        offline, associated, ...; without a verb nothing else
  -V, --version         print the version
  -h, --help            print this

Keys and passphrases can be read by everybody while they stand on a command
line. All of them (also the values of properties that are keys) can be given as
@FILE or, from standard input, as @-: the first line is taken.

Exit codes:
  0   done
",
    );
    for code in Code::ALL {
        let _ = writeln!(text, "  {:<3} {}: {}", code.exit(), code, meaning(*code));
    }
    text
}

/// All of one verb, and of those whose name begins with it. `None`: there is no such verb.
pub fn help_of(name: &str) -> Option<String> {
    let (first, second) = name.split_once(' ').unwrap_or((name, ""));
    let named = |verb: &&Verb| verb.names().any(|known| known == name);
    let mut text = String::new();
    let exact = VERBS.iter().find(named)?;
    describe(&mut text, exact);
    if second.is_empty() {
        let first = exact.name.split(' ').next().unwrap_or(first);
        let actions = VERBS
            .iter()
            .filter(|verb| verb.name != exact.name && verb.name.split(' ').next() == Some(first));
        for verb in actions {
            text.push('\n');
            describe(&mut text, verb);
        }
    }
    Some(text)
}

/// How a verb is called.
pub(super) fn synopsis(verb: &Verb) -> String {
    let mut text = format!("spinelctl {}", verb.name);
    if verb.args.iter().any(|arg| !arg.is_word()) {
        text.push_str(" [OPTIONS]");
    }
    for arg in verb.args.iter().filter(|arg| arg.is_word()) {
        let _ = match arg.takes {
            Takes::Word => write!(text, " {}", arg.name),
            // A file and a shell must be named; only help does without its word.
            Takes::LocalWord if matches!(arg.values, Values::File | Values::Of(_)) => {
                write!(text, " {}", arg.name)
            }
            Takes::Rest => write!(text, " {}..", arg.name),
            _ => write!(text, " [{}]", arg.name),
        };
    }
    text
}

fn describe(text: &mut String, verb: &Verb) {
    let _ = writeln!(text, "{}\n  {}.", synopsis(verb), verb.help);
    if !verb.aliases.is_empty() {
        let _ = writeln!(text, "  Also: {}.", verb.aliases.join(", "));
    }
    let left = verb.args.iter().map(|arg| spelled(arg).len()).max();
    let left = left.unwrap_or_default() + 2;
    for arg in verb.args {
        let _ = write!(text, "    {:<left$}", spelled(arg));
        let mut column = 4 + left;
        for (index, word) in meant(arg).split(' ').enumerate() {
            // A line has at least one word, however long.
            let first = index == 0;
            if !first && column + 1 + word.len() > COLUMNS {
                let _ = write!(text, "\n{:indent$}", "", indent = 4 + left);
                column = 4 + left;
            } else if !first {
                text.push(' ');
                column += 1;
            }
            text.push_str(word);
            column += word.len();
        }
        text.push('\n');
    }
    for (example, what) in verb.examples {
        let _ = writeln!(text, "  # {what}\n  spinelctl {example}");
    }
}

/// How an argument is given in a shell.
fn spelled(arg: &Arg) -> String {
    if arg.is_word() {
        return arg.name.to_owned();
    }
    let letter = match arg.letter {
        Some(letter) => format!("-{letter}, "),
        None => String::new(),
    };
    match (arg.takes, arg.values) {
        (Takes::Value, Values::Any(what) | Values::Secret(what)) => {
            format!("{letter}--{} {what}", arg.name)
        }
        (Takes::Value, _) => format!("{letter}--{} WORD", arg.name),
        _ => format!("{letter}--{}", arg.name),
    }
}

fn meant(arg: &Arg) -> String {
    match arg.values {
        Values::Of(words) => format!("{}: {}", arg.help, words.join(", ")),
        Values::Secret(_) => format!("{}; or @FILE, or @-", arg.help),
        _ => arg.help.to_owned(),
    }
}

fn meaning(code: Code) -> &'static str {
    match code {
        Code::Failed => "the co-processor, or the host, could not",
        Code::Usage => "the command line makes no sense",
        Code::NoDaemon => "the daemon cannot be reached",
        Code::Denied => "only root may do that",
        Code::State => "not in this state",
        Code::Busy => "something else has to end first",
        Code::Timeout => "it took too long",
        Code::NotSupported => "the co-processor does not have it",
        Code::NoPeers => "joining: nobody was found",
        Code::Security => "joining: wrong credentials",
        Code::Reset => "the co-processor was reset meanwhile",
        Code::Cancelled => "it was given up",
    }
}

/// What a terminal shows in a line.
const COLUMNS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_verb_and_code_in_80_columns() {
        let text = help();
        for verb in VERBS {
            assert!(text.contains(&format!("\n  {:<19} {}\n", verb.name, verb.help)));
        }
        for code in Code::ALL {
            assert!(text.contains(&format!("\n  {:<3} {}: ", code.exit(), code.word())));
        }
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn every_verb_has_its_own_help() {
        for verb in VERBS {
            let text = help_of(verb.name).unwrap();
            assert!(text.starts_with(&format!("spinelctl {}", verb.name)));
            // A help may be broken into lines.
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for arg in verb.args {
                assert!(words.contains(arg.help), "{}: {}", verb.name, arg.name);
                let pair = format!("{} {}", spelled(arg), arg.help);
                assert!(words.contains(&pair), "{}: {}", verb.name, pair);
            }
            for line in text.lines().filter(|line| !line.contains("spinelctl ")) {
                assert!(line.chars().count() <= 80, "{line}");
            }
            for alias in verb.aliases {
                assert!(help_of(alias).is_some(), "{alias}");
            }
        }
        assert!(help_of("gpio").unwrap().contains("spinelctl gpio config"));
        assert!(!help_of("gpio set")
            .unwrap()
            .contains("spinelctl gpio config"));
        assert_eq!(help_of("frobnicate"), None);
        let begins = |verb, synopsis| assert!(help_of(verb).unwrap().starts_with(synopsis));
        begins("pcap", "spinelctl pcap [OPTIONS] FILE\n");
        begins("completion", "spinelctl completion SHELL\n");
        begins("help", "spinelctl help [VERB] [ACTION]\n");
    }
}
