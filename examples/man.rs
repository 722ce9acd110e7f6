//! Writes the manual pages: `cargo run --release --example man -- FOLDER`.
//!
//! They are made of the texts that the programs print themselves, so that neither can tell what the other does not:
//! `spinel-bridge(8)` of `--help`, `spinelctl(1)` of `--help` and `help VERB`, `spinel-bridge.conf(5)` of the example
//! file. The source is roff with the macros of man(7).

use spinel_bridge::ctl::{client, verbs};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let mut args = env::args_os().skip(1);
    let (Some(folder), None) = (args.next(), args.next()) else {
        eprintln!("usage: cargo run --release --example man -- FOLDER");
        return ExitCode::from(2);
    };
    match write(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("man: {}: {error}", Path::new(&folder).display());
            ExitCode::FAILURE
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, page) in [
        ("spinel-bridge.8", bridge()),
        ("spinelctl.1", spinelctl()),
        ("spinel-bridge.conf.5", settings()),
    ] {
        let path = folder.join(name);
        fs::write(&path, page)?;
        println!("{}", path.display());
    }
    Ok(())
}

fn bridge() -> String {
    let help = spinel_bridge::cli::help();
    let mut page = Page::new(
        "SPINEL\\-BRIDGE",
        8,
        "spinel-bridge",
        "connects a Spinel co-processor (Thread, IEEE 802.15.4) to Linux",
    );
    page.section("SYNOPSIS");
    page.line(".B spinel\\-bridge");
    page.line(".RI [ OPTIONS ] \" DEVICE\"");
    let parts = parts(&help);
    page.section("DESCRIPTION");
    page.blocks(&parts[0].blocks);
    page.section("OPTIONS");
    page.text("An option takes its value behind a space or behind \"=\".");
    let is_own = |title: &str| {
        ["Examples", "Simulated", "Signals", "Exit codes"]
            .iter()
            .any(|own| title.starts_with(own))
    };
    for part in parts[1..].iter().filter(|part| !is_own(&part.title)) {
        page.subsection(&part.title);
        page.blocks(&part.blocks);
    }
    for (section, title) in [
        ("SIMULATED CO\\-PROCESSOR", "Simulated"),
        ("SIGNALS", "Signals"),
        ("EXIT STATUS", "Exit codes"),
        ("EXAMPLES", "Examples"),
    ] {
        let part = parts.iter().find(|part| part.title.starts_with(title));
        let part = part.expect("--help has these parts");
        page.section(section);
        if title == "Simulated" {
            page.text(&part.title);
        }
        page.blocks(&part.blocks);
    }
    page.section("FILES");
    page.items(&[
        ("/etc/spinel-bridge.conf", "the configuration file"),
        (
            "/run/spinel-bridge/NAME.sock",
            "the socket of spinelctl for the interface NAME",
        ),
        (
            "/usr/share/doc/spinel-bridge/examples",
            "settings for systemd, wpantund, otbr-agent and ot-daemon",
        ),
    ]);
    page.see_also(&["spinelctl(1)", "spinel-bridge.conf(5)", "gpioinfo(1)"]);
    page.text
}

fn spinelctl() -> String {
    let help = client::help();
    let mut page = Page::new(
        "SPINELCTL",
        1,
        "spinelctl",
        "manages the network interface of a Spinel co-processor",
    );
    page.section("SYNOPSIS");
    page.line(".B spinelctl");
    page.line(".RI [ OPTIONS ] \" VERB \" [ ARGUMENTS ]");
    let parts = parts(&help);
    page.section("DESCRIPTION");
    page.blocks(&parts[0].blocks);
    for (section, title) in [("OPTIONS", "Options"), ("EXIT STATUS", "Exit codes")] {
        let part = parts.iter().find(|part| part.title.starts_with(title));
        page.section(section);
        page.blocks(&part.expect("--help has these parts").blocks);
    }
    page.section("VERBS");
    for verb in verbs::VERBS {
        let text = client::help_of(verb.name).expect("each verb has help");
        page.verb(text.split("\n\n").next().unwrap_or_default());
    }
    page.section("EXAMPLES");
    let part = parts.iter().find(|part| part.title == "Examples");
    page.blocks(&part.expect("--help has examples").blocks);
    page.see_also(&["spinel-bridge(8)"]);
    page.text
}

fn settings() -> String {
    let mut page = Page::new(
        "SPINEL\\-BRIDGE.CONF",
        5,
        "spinel-bridge.conf",
        "configuration file of spinel-bridge",
    );
    page.section("DESCRIPTION");
    let file = include_str!("../init/examples/spinel-bridge.conf");
    let mut paragraph = String::new();
    let mut keys: Vec<&str> = Vec::new();
    // Keys stand under their text, which ends with the next text, an empty line or a heading.
    for line in file.lines().chain([""]) {
        let comment = line.strip_prefix("# ");
        if let Some(key) = line
            .strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
        {
            keys.push(key);
            continue;
        }
        if !keys.is_empty() {
            page.tagged(&keys, &paragraph);
            keys.clear();
            paragraph.clear();
        }
        match comment {
            Some(text) if text.starts_with("--- ") => {
                page.subsection(text.trim_matches(|c| c == '-' || c == ' '));
            }
            Some(text) => {
                if !paragraph.is_empty() {
                    paragraph.push(' ');
                }
                paragraph.push_str(text);
            }
            None if !paragraph.is_empty() => {
                page.text(&paragraph);
                page.line(".PP");
                paragraph.clear();
            }
            None => {}
        }
    }
    page.section("FILES");
    page.items(&[
        ("/etc/spinel-bridge.conf", "read if it is there"),
        (
            "/usr/share/doc/spinel-bridge/examples/spinel-bridge.conf",
            "every key with its default, to be copied",
        ),
    ]);
    page.see_also(&["spinel-bridge(8)"]);
    page.text
}

/// A part of a help text: what stands under a heading.
struct Part<'a> {
    title: String,
    blocks: Vec<Block<'a>>,
}

enum Block<'a> {
    /// Words that may be filled anew.
    Text(String),
    /// Lines as they stand.
    Lines(Vec<&'a str>),
    /// A tag, and what is said of it.
    Item(String, String),
}

/// Takes a help text apart. A heading begins a line and ends in a colon; what is indented by two and has a gap where the
/// column of its part is, or begins with a dash, is a tag; deeper lines go on with what stands before them.
fn parts(help: &str) -> Vec<Part<'_>> {
    let mut parts = vec![(String::new(), Vec::new())];
    for line in help.lines() {
        if line.starts_with("Usage:") {
            continue;
        }
        match line.strip_suffix(':') {
            Some(title) if !line.starts_with(' ') => parts.push((title.to_owned(), Vec::new())),
            _ => parts.last_mut().expect("there is one").1.push(line),
        }
    }
    parts
        .into_iter()
        .map(|(title, lines)| Part {
            blocks: blocks(&lines, title == "Examples"),
            title,
        })
        .collect()
}

fn blocks<'a>(lines: &[&'a str], as_it_stands: bool) -> Vec<Block<'a>> {
    if as_it_stands {
        let all: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
        return vec![Block::Lines(all)];
    }
    let column = column(lines);
    let mut blocks = Vec::new();
    let mut open = false; // the last block is not ended yet
    for line in lines {
        let words = line.trim();
        if words.is_empty() {
            open = false;
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let tag = column.filter(|&column| {
            indent == 2
                && (words.starts_with('-')
                    || line.len() > column && line.as_bytes()[column - 1] == b' ')
        });
        match (tag, blocks.last_mut()) {
            (Some(column), _) => {
                let (tag, text) = match line.len() > column && line.as_bytes()[column - 1] == b' ' {
                    true => line.split_at(column),
                    false => (*line, ""),
                };
                let (tag, text) = (tag.trim().to_owned(), text.trim().to_owned());
                blocks.push(Block::Item(tag, text));
            }
            // Deeper than a tag: more of it. Not deeper: more of a text.
            (None, Some(Block::Item(_, text))) if indent > 2 => join(text, words),
            (None, Some(Block::Text(text))) if open => join(text, words),
            (None, _) => blocks.push(Block::Text(words.to_owned())),
        }
        open = true;
    }
    blocks
}

fn join(text: &mut String, words: &str) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(words);
}

/// Where most lines that are indented by two go on behind a gap.
fn column(lines: &[&str]) -> Option<usize> {
    let gap = |line: &&str| {
        let rest = line
            .strip_prefix("  ")
            .filter(|rest| !rest.starts_with(' '))?;
        let gap = rest.find("  ")?;
        let words = rest[gap..].trim_start();
        Some(line.len() - words.len())
    };
    let columns: Vec<usize> = lines.iter().filter_map(gap).collect();
    let count = |column: &usize| columns.iter().filter(|other| *other == column).count();
    columns.iter().copied().max_by_key(count)
}

/// A manual page in the making.
struct Page {
    text: String,
}

impl Page {
    fn new(title: &str, section: u8, name: &str, what: &str) -> Page {
        let mut page = Page {
            text: format!(
                ".TH {title} {section} \"\" \"spinel\\-bridge {}\"\n",
                env!("CARGO_PKG_VERSION")
            ),
        };
        // No hyphens of roff's own in names and paths, and no gaps between words.
        page.line(".nh\n.ad l");
        page.section("NAME");
        page.line(&format!("{} \\- {}", escaped(name), escaped(what)));
        page
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn section(&mut self, title: &str) {
        // A paragraph that nothing follows is a mistake to some readers.
        if let Some(before) = self.text.strip_suffix(".PP\n") {
            self.text.truncate(before.len());
        }
        self.line(&format!(".SH {title}"));
    }

    fn subsection(&mut self, title: &str) {
        if let Some(before) = self.text.strip_suffix(".PP\n") {
            self.text.truncate(before.len());
        }
        self.line(&format!(".SS \"{}\"", escaped(title).replace('"', "\\(dq")));
    }

    fn text(&mut self, words: &str) {
        self.line(&escaped(words));
    }

    fn items(&mut self, items: &[(&str, &str)]) {
        for (tag, text) in items {
            self.tagged(&[tag], text);
        }
    }

    /// One text for several tags.
    fn tagged(&mut self, tags: &[&str], text: &str) {
        for (index, tag) in tags.iter().enumerate() {
            self.line(if index == 0 { ".TP" } else { ".TQ" });
            self.line(&format!("\\fB{}\\fR", escaped(tag)));
        }
        if !text.is_empty() {
            self.text(text);
        }
    }

    fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) {
        self.line(".nf");
        for line in lines {
            match line.trim() {
                "" => self.line(".sp"),
                words => self.text(words),
            }
        }
        self.line(".fi");
    }

    fn blocks(&mut self, blocks: &[Block<'_>]) {
        for (index, block) in blocks.iter().enumerate() {
            match block {
                Block::Text(words) => {
                    if index > 0 {
                        self.line(".PP");
                    }
                    self.text(words);
                }
                Block::Item(tag, text) => self.tagged(&[tag], text),
                Block::Lines(lines) => {
                    let end = lines.iter().rposition(|line| !line.is_empty());
                    let lines = &lines[..end.map_or(0, |end| end + 1)];
                    self.lines(lines.iter().copied());
                }
            }
        }
    }

    /// What `help VERB` says: how it is called, what it does, its arguments, its examples.
    fn verb(&mut self, help: &str) {
        let mut lines = help.lines();
        let call = lines.next().unwrap_or_default();
        self.tagged(&[call.trim_start_matches("spinelctl ")], "");
        let mut examples = Vec::new();
        let mut arguments: Vec<(String, String)> = Vec::new();
        for line in lines {
            let words = line.trim();
            match line.len() - line.trim_start().len() {
                2 if words.starts_with('#') || words.starts_with("spinelctl ") => {
                    examples.push(words);
                }
                2 => self.text(words),
                4 => {
                    let (tag, text) = words.split_once("  ").unwrap_or((words, ""));
                    arguments.push((tag.to_owned(), text.trim().to_owned()));
                }
                _ => join(&mut arguments.last_mut().expect("it goes on").1, words),
            }
        }
        self.line(".RS");
        for (tag, text) in &arguments {
            self.tagged(&[tag], text);
        }
        if !examples.is_empty() {
            self.line(".PP");
            self.lines(examples);
        }
        self.line(".RE");
    }

    fn see_also(&mut self, pages: &[&str]) {
        self.section("SEE ALSO");
        let last = pages.len() - 1;
        for (index, page) in pages.iter().enumerate() {
            let (name, section) = page.split_once('(').unwrap_or((page, ""));
            let comma = if index < last { "," } else { "" };
            self.line(&format!(".BR {} ({section}{comma}", escaped(name)));
        }
    }
}

/// Text for roff: a dash that can be searched for, no escape and no request by accident.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}
