//! Completion scripts for shells, from the table.

use crate::ctl::verbs::{Arg, Takes, Values, Verb, VERBS};
use crate::ctl::wpantund;
use crate::wire::ids::PROPERTIES;
use core::fmt::Write;

/// The script for `bash`, `zsh` or `fish`; `None` for another shell.
pub fn script(shell: &str) -> Option<String> {
    match shell {
        "bash" => Some(bash()),
        "zsh" => Some(zsh()),
        "fish" => Some(fish()),
        _ => None,
    }
}

fn bash() -> String {
    let mut text = String::from(
        r#"# bash completion for spinelctl; made by: spinelctl completion bash
_spinelctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb= action= i words=
    # bash splits names of wpantund at their colons; put them together again.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n : cur prev
    fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -I | --interface | --socket | --timeout) ((i++)) ;;
        -*) ;;
        *) if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; elif [[ -z $action ]]; then action=${COMP_WORDS[i]}; fi ;;
        esac
    done
"#,
    );
    cases(&mut text, "    ");
    text.push_str(
        r#"    # @FILE instead of a secret; most often bash splits words at an @ already.
    if [[ $cur == @* ]]; then
        mapfile -t COMPREPLY < <(compgen -P @ -f -- "${cur#@}")
        return
    elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == @ ]]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    if declare -F __ltrim_colon_completions >/dev/null; then
        __ltrim_colon_completions "$cur"
    fi
}
complete -o default -F _spinelctl spinelctl
"#,
    );
    text
}

fn zsh() -> String {
    let mut text = String::from(
        r"#compdef spinelctl
# zsh completion for spinelctl; made by: spinelctl completion zsh
_spinelctl() {
    local prev=${words[CURRENT-1]} verb= action= i
    local -a line; line=($words)
    local words=
    for ((i = 2; i < CURRENT; i++)); do
        case ${line[i]} in
        -I | --interface | --socket | --timeout) ((i++)) ;;
        -*) ;;
        *) if [[ -z $verb ]]; then verb=${line[i]}; elif [[ -z $action ]]; then action=${line[i]}; fi ;;
        esac
    done
",
    );
    cases(&mut text, "    ");
    text.push_str(
        r"    # @FILE instead of a secret.
    compset -P '@' && { _files; return }
    compadd -- ${=words} || _files
}
compdef _spinelctl spinelctl
# As a file in fpath this is the body of the function, which is being called.
[[ ${funcstack[1]} != _spinelctl ]] || _spinelctl
",
    );
    text
}

/// Sets `words` from `verb`, `action` and `prev`, in what bash and zsh share.
fn cases(text: &mut String, indent: &str) {
    let _ = writeln!(text, "{indent}case \"$verb $action\" in");
    let _ = writeln!(
        text,
        "{indent}' ') words='{} {GLOBAL}' ;;",
        first_words().join(" ")
    );
    // Names of two words before those of one, whose pattern takes any action.
    let (two, one): (Vec<&Verb>, Vec<&Verb>) =
        VERBS.iter().partition(|verb| verb.name.contains(' '));
    for verb in two.into_iter().chain(one) {
        let patterns: Vec<String> = verb
            .names()
            .map(|name| match name.split_once(' ') {
                Some(_) => format!("'{name}'"),
                None => format!("'{name} '*"),
            })
            .collect();
        let _ = writeln!(
            text,
            "{indent}{}) words='{}' ;;",
            patterns.join(" | "),
            offered(verb)
        );
    }
    let _ = writeln!(text, "{indent}esac");
    let _ = writeln!(text, "{indent}case $prev in");
    for (option, words) in choices() {
        let _ = writeln!(text, "{indent}--{option}) words='{words}' ;;");
    }
    let _ = writeln!(
        text,
        "{indent}-I | --interface | --socket | --timeout) words= ;;"
    );
    let _ = writeln!(text, "{indent}esac");
}

fn fish() -> String {
    let two: Vec<String> = VERBS
        .iter()
        .flat_map(Verb::names)
        .filter(|name| name.contains(' '))
        .map(|name| format!(" '{name}'"))
        .collect();
    let mut text = FISH_FUNCTIONS.replace(" TWO", &two.concat());
    for verb in VERBS.iter().filter(|verb| !verb.name.contains(' ')) {
        for name in verb.names().filter(|name| !name.contains(' ')) {
            fish_word(&mut text, "__spinelctl_after", name, verb.help);
        }
    }
    for verb in VERBS {
        if let Some((first, action)) = verb.name.split_once(' ') {
            let condition = format!("__spinelctl_after {}", names_of(first).join(" "));
            fish_word(&mut text, &condition, action, verb.help);
        }
        let names: Vec<String> = verb.names().map(|name| format!("\"{name}\"")).collect();
        let condition = format!("__spinelctl_verb {}", names.join(" "));
        for arg in verb.args {
            fish_arg(&mut text, &condition, arg);
        }
    }
    text
}

fn fish_word(text: &mut String, condition: &str, word: &str, help: &str) {
    let help = fish_text(help);
    let _ = writeln!(
        text,
        "complete -c spinelctl -f -n '{condition}' -a {word} -d '{help}'"
    );
}

fn fish_arg(text: &mut String, condition: &str, arg: &Arg) {
    let words = words_of(arg.values);
    let _ = write!(text, "complete -c spinelctl -n '{condition}'");
    if !arg.is_word() {
        let _ = write!(text, " -l {}", arg.name);
        if let Some(letter) = arg.letter {
            let _ = write!(text, " -s {letter}");
        }
    }
    if arg.values == Values::File {
        text.push_str(" -F");
    } else {
        text.push_str(if arg.takes == Takes::Value {
            " -x"
        } else {
            " -f"
        });
    }
    if !words.is_empty() {
        let _ = write!(text, " -a '{words}'");
    } else if matches!(arg.values, Values::Secret(_)) {
        text.push_str(" -a '(__spinelctl_at_files)'");
    }
    let _ = writeln!(text, " -d '{}'", fish_text(arg.help));
}

fn fish_text(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// How the verb of this one word may be called: `commissioner`, `commr`.
fn names_of(word: &str) -> Vec<&'static str> {
    let named = |verb: &&Verb| verb.name == word;
    let verb = VERBS.iter().find(named);
    let names = verb.into_iter().flat_map(Verb::names);
    names.filter(|name| !name.contains(' ')).collect()
}

fn first_words() -> Vec<&'static str> {
    VERBS
        .iter()
        .flat_map(Verb::names)
        .filter(|name| !name.contains(' '))
        .collect()
}

/// What may follow a verb: its second words, its options, what its words can be.
fn offered(verb: &Verb) -> String {
    let mut words: Vec<String> = Vec::new();
    if !verb.name.contains(' ') {
        let second = VERBS.iter().flat_map(Verb::names).filter_map(|name| {
            let (first, second) = name.split_once(' ')?;
            (first == verb.name).then(|| second.to_owned())
        });
        words.extend(second);
    }
    for arg in verb.args {
        if arg.is_word() {
            words.push(words_of(arg.values));
        } else {
            words.push(format!("--{}", arg.name));
        }
    }
    words.retain(|word| !word.is_empty());
    words.join(" ")
}

/// Options whose values are words of ours.
fn choices() -> Vec<(&'static str, String)> {
    let mut choices: Vec<(&str, String)> = Vec::new();
    for arg in VERBS.iter().flat_map(|verb| verb.args) {
        let words = words_of(arg.values);
        if arg.takes == Takes::Value
            && !words.is_empty()
            && choices.iter().all(|(name, _)| *name != arg.name)
        {
            choices.push((arg.name, words));
        }
    }
    choices
}

fn words_of(values: Values) -> String {
    match values {
        Values::Of(words) => words.join(" "),
        Values::Property => {
            let names = PROPERTIES.iter().map(|row| row.name);
            names.chain(wpantund::names()).collect::<Vec<_>>().join(" ")
        }
        Values::Verb => first_words().join(" "),
        Values::Any(_) | Values::Secret(_) | Values::File => String::new(),
    }
}

/// What decides which of fish's lines hold. fish's own `__fish_use_subcommand` takes the `wpan0` of
/// `-I wpan0` for a verb.
const FISH_FUNCTIONS: &str = r"# fish completion for spinelctl; made by: spinelctl completion fish
# The words before the cursor, without options and without the program.
function __spinelctl_said
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case -I --interface --socket --timeout
                set -e words[2]
            case '-*'
            case '*'
                echo -- $words[1]
        end
        set -e words[1]
    end
end
# Whether they are one of these and nothing else; without arguments: whether there are none.
function __spinelctl_after
    set -l said (__spinelctl_said)
    if set -q argv[1]
        test (count $said) -eq 1; and contains -- $said[1] $argv
    else
        not set -q said[1]
    end
end
# Whether they begin with one of these verbs.
function __spinelctl_verb
    set -l said (__spinelctl_said)
    set -q said[1]; or return
    set -l verb (string join -- ' ' $said[1..2])
    contains -- $verb TWO; or set verb $said[1]
    contains -- $verb $argv
end
# The files that a word like @FILE may mean.
function __spinelctl_at_files
    set -l word (commandline -ct)
    string match -q -- '@*' $word; or return
    for path in (string sub -s 2 -- $word)*
        test -d $path; and set path $path/
        echo -- @$path
    end
end
complete -c spinelctl -f
complete -c spinelctl -f -n 'string match -q -- \'@*\' (commandline -ct)' -a '(__spinelctl_at_files)'
complete -c spinelctl -s I -l interface -x -d 'the interface'
complete -c spinelctl -l socket -r -F -d 'the control socket'
complete -c spinelctl -l json -d 'for programs'
complete -c spinelctl -l timeout -x -d 'seconds'
complete -c spinelctl -s V -l version -d 'the version'
complete -c spinelctl -s h -l help -d 'the help'
";

const GLOBAL: &str = "-I --interface --socket --json --timeout --version --help";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_and_option_is_in_every_script() {
        for shell in ["bash", "zsh", "fish"] {
            let script = script(shell).unwrap();
            for verb in VERBS {
                let last = verb.name.rsplit(' ').next().unwrap();
                assert!(script.contains(last), "{shell}: {}", verb.name);
                for arg in verb.args.iter().filter(|arg| !arg.is_word()) {
                    let option = match shell {
                        "fish" => format!("-l {}", arg.name),
                        _ => format!("--{}", arg.name),
                    };
                    assert!(script.contains(&option), "{shell}: {option}");
                }
            }
            assert!(script.contains("NET_NETWORK_NAME") && script.contains("Network:Name"));
        }
        assert_eq!(script("csh"), None);
    }
}
