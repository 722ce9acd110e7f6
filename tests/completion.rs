//! Completion of both programs in real shells, by the files that `init/install.sh` installs.

mod needs;

use std::path::Path;
use std::process::Command;

/// What is typed, and the word that its last one becomes.
const TYPED: [(&str, &str); 14] = [
    ("for", "form"),
    ("gpio se", "set"),
    ("gpio set hi", "high"),
    ("commr rem", "remove"),
    ("-I wpan1 --json sta", "status"),
    ("-I wpan1 getprop NET_NETWORK_N", "NET_NETWORK_NAME"),
    ("get NET_NETWORK_N", "NET_NETWORK_NAME"),
    ("form --mesh", "--mesh-local-prefix"),
    ("scan --kind ene", "energy"),
    ("completion zs", "zsh"),
    ("form --key @Cargo.to", "@Cargo.toml"),
    ("joiner start @Cargo.to", "@Cargo.toml"),
    ("set NET_NETWORK_KEY @Cargo.to", "@Cargo.toml"),
    ("help comm", "comm"), // the letters that "commissioner" and "commr" share
];

/// The same for the daemon.
const DAEMON: [(&str, &str); 6] = [
    ("--spi-g", "--spi-gap"),
    ("--spi-crc a", "auto"),
    ("--log sy", "syslog"),
    ("--stdio si", "sim:"),
    ("--config Cargo.to", "Cargo.toml"),
    ("--no-rese", "--no-reset"),
];

#[test]
fn bash_completes_the_daemon() {
    if !needs::program("bash") {
        return;
    }
    for (typed, expected) in DAEMON {
        let program = format!(
            "complete() {{ :; }}; . init/completions/spinel-bridge.bash || exit
             COMP_WORDS=(spinel-bridge {typed}) COMP_CWORD={}
             _spinel_bridge
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            typed.split(' ').count()
        );
        let offered = shell("bash", &["-c", &program]);
        assert_eq!(shared(offered.lines()), expected, "{typed}");
    }
}

#[test]
fn fish_completes_the_daemon() {
    if !needs::program("fish") {
        return;
    }
    for (typed, expected) in DAEMON {
        let program = format!(
            "source init/completions/spinel-bridge.fish; complete --do-complete 'spinel-bridge {typed}'"
        );
        let offered = shell("fish", &["--no-config", "-c", &program]);
        let words = offered.lines().filter_map(|line| line.split('\t').next());
        assert_eq!(shared(words), expected, "{typed}");
    }
}

#[test]
fn bash_completes() {
    if !needs::program("bash") {
        return;
    }
    for (typed, expected) in TYPED {
        // Without a terminal: what bash would call, with what it would set.
        let program = format!(
            "complete() {{ :; }}; . init/completions/spinelctl.bash || exit
             COMP_WORDS=(spinelctl {typed}) COMP_CWORD={}
             _spinelctl
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            typed.split(' ').count()
        );
        let offered = shell("bash", &["-c", &program]);
        assert_eq!(shared(offered.lines()), expected, "{typed}");
    }
}

#[test]
fn fish_completes() {
    if !needs::program("fish") {
        return;
    }
    for (typed, expected) in [&TYPED[..], &FILES].concat() {
        let program = format!(
            "source init/completions/spinelctl.fish; complete --do-complete 'spinelctl {typed}'"
        );
        let offered = shell("fish", &["--no-config", "-c", &program]);
        let words = offered.lines().filter_map(|line| line.split('\t').next());
        assert_eq!(shared(words), expected, "{typed}");
    }
}

#[test]
fn zsh_completes() {
    if !needs::program("zsh") {
        return;
    }
    zsh_completes_each("spinelctl", &[&TYPED[..], &FILES].concat());
}

#[test]
fn zsh_completes_the_daemon() {
    if !needs::program("zsh") {
        return;
    }
    // What --help does not spell out, it offers no words for.
    let known = |(typed, _): &&(&str, &str)| !typed.contains(" a") && !typed.contains(" sy");
    let lines: Vec<_> = DAEMON.iter().filter(known).copied().collect();
    zsh_completes_each("spinel-bridge", &lines);
}

fn zsh_completes_each(program: &str, lines: &[(&str, &str)]) {
    let typed: Vec<String> = lines
        .iter()
        .map(|(typed, _)| format!("{program} {typed}"))
        .collect();
    let mut args = vec!["-f", "-c", ZSH, "zsh"];
    args.extend(typed.iter().map(String::as_str));
    let answered = shell("zsh", &args);
    let became: Vec<&str> = answered.lines().collect();
    assert_eq!(became.len(), lines.len(), "{answered}");
    for ((typed, expected), line) in lines.iter().zip(became) {
        // zsh adds the sign where an option may have a value.
        let word = line
            .split_whitespace()
            .last()
            .map(|word| word.trim_end_matches('='));
        assert_eq!(word, Some(*expected), "{typed}");
    }
}

/// The same where an argument is a file.
const FILES: [(&str, &str); 2] = [
    ("pcap Cargo.to", "Cargo.toml"),
    ("--socket Cargo.to", "Cargo.toml"),
];

/// Types each argument into an interactive zsh in a pty, then Tab, and prints the line that comes of it.
/// The first one finds the file in fpath that loads the script.
const ZSH: &str = r#"
    zmodload zsh/zpty
    zpty typist env TERM=dumb zsh -f -i
    zpty -w typist 'PS1=; stty -echo; fpath=($PWD/init/completions $fpath)'
    zpty -w typist 'autoload -U compinit; compinit -u -D; bindkey "^I" complete-word'
    zpty -w typist 'show() { print -r -- "<<$BUFFER>>"; BUFFER= }; zle -N show; bindkey "^X" show'
    zpty -w typist 'print -r -- "<<""ready>>"'
    zpty -r -m typist out '*<<ready>>*'
    for line in "$@"; do
        zpty -w -n typist "$line"$'\t\x18'
        zpty -r -m typist out '*<<*>>*'
        print -r -- "${${out##*<<}%%>>*}"
    done
    zpty -d typist
"#;

/// What a shell prints that finds our program first. It runs in the project's folder.
fn shell(name: &str, args: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_spinelctl"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let output = Command::new("timeout") // a zsh that never shows its line
        .args(["60", name])
        .args(args)
        .env("PATH", path)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("timeout of coreutils");
    let known = output.status.code() != Some(127);
    assert!(known, "no {name}: install it (tests/setup.sh does)");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors, "", "{name} {args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What all of them begin with, which is what a shell writes for one Tab.
fn shared<'w>(mut words: impl Iterator<Item = &'w str>) -> &'w str {
    let first = words.next().unwrap_or_default();
    words.fold(first, |shared, word| {
        let same = shared.bytes().zip(word.bytes()).take_while(|(a, b)| a == b);
        &shared[..same.count()]
    })
}
