//! The manual pages: they say all that the programs take, and both readers of such pages like them.

mod needs;

use spinel_bridge::ctl::verbs::VERBS;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

/// The pages, made anew, in a folder that goes away.
struct Pages(PathBuf);

impl Pages {
    fn new(name: &str) -> Pages {
        let folder = env::temp_dir().join(format!("man-{name}-{}", process::id()));
        let program = Path::new(env!("CARGO_BIN_EXE_spinel-bridge"));
        let status = Command::new(program.with_file_name("examples").join("man"))
            .arg(&folder)
            .stdout(process::Stdio::null())
            .status()
            .expect("a test that runs alone needs cargo build --examples before");
        assert!(status.success());
        Pages(folder)
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.0).unwrap();
        files.map(|file| file.unwrap().path()).collect()
    }

    /// As it looks on a terminal of 80 columns.
    fn shown(&self, page: &str) -> String {
        let output = run(Command::new("man")
            .args(["--warnings", "--local-file"])
            .arg(self.0.join(page))
            .env("MANWIDTH", "80")
            .env("MAN_KEEP_FORMATTING", "")
            .env("LC_ALL", "C.UTF-8"));
        assert_eq!(output.1, "", "{page}");
        output.0
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What it prints on its two outputs.
fn run(command: &mut Command) -> (String, String) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}; tests/setup.sh installs it"));
    let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
    (text(output.stdout), text(output.stderr))
}

#[test]
fn mandoc_finds_no_mistake() {
    if !needs::program("mandoc") {
        return;
    }
    let pages = Pages::new("lint");
    let files = pages.files();
    assert_eq!(files.len(), 3);
    for file in files {
        let args = ["-T", "lint", "-W", "warning"];
        let (found, errors) = run(Command::new("mandoc").args(args).arg(&file));
        // So that the same source makes the same page, it has no date.
        let found: Vec<&str> = found
            .lines()
            .chain(errors.lines())
            .filter(|line| !line.contains("missing date"))
            .collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}

#[test]
fn pages_say_all_that_the_programs_take() {
    if !needs::program("man") {
        return;
    }
    let pages = Pages::new("all");
    let bridge = pages.shown("spinel-bridge.8");
    let help = spinel_bridge::cli::help();
    let options = help
        .split_whitespace()
        .filter(|word| word.starts_with("--"));
    for word in options {
        let end = word.find(|c: char| c != '-' && !c.is_ascii_lowercase());
        let option = &word[..end.unwrap_or(word.len())];
        assert!(bridge.contains(option), "{option}: {bridge}");
    }
    for key in [
        "sim:",
        "lose-edge=P",
        "SIGUSR1",
        "EXIT STATUS",
        "otbr-agent -I",
    ] {
        assert!(bridge.contains(key), "{key}: {bridge}");
    }

    let spinelctl = pages.shown("spinelctl.1");
    for verb in VERBS {
        let line = format!("\n       {}", verb.name);
        assert!(spinelctl.contains(&line), "{}: {spinelctl}", verb.name);
        for arg in verb.args {
            assert!(spinelctl.contains(arg.name), "{}: {spinelctl}", arg.name);
        }
    }

    let settings = pages.shown("spinel-bridge.conf.5");
    let example = include_str!("../init/examples/spinel-bridge.conf");
    let keys = example.lines().filter_map(|line| line.split_once(" = "));
    for (key, _) in keys.filter(|(key, _)| key.starts_with('#') && !key.contains(' ')) {
        let line = format!("\n       {} = ", &key[1..]);
        assert!(settings.contains(&line), "{key}: {settings}");
    }
}
