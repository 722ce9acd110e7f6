//! README.md, the pages of docs/ and the documents beside the init files, held to the code: every command line in
//! them is understood, every option, key, message and counter is one that there is, every figure is the table's,
//! every link leads somewhere, and so does what the sources say of the pages. What README says to try is run.

use spinel_bridge::cli::{help, parse_with, Command};
use spinel_bridge::config::{self, Device, Limits};
use spinel_bridge::ctl::client;
use spinel_bridge::ctl::line::{request, RequestLine};
use spinel_bridge::ctl::verbs::{self, Does};
use spinel_bridge::settings_file::wpantund::{meaning, Meaning};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The documents that users read, besides the pages of `docs`.
const DOCUMENTS: [&str; 7] = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "dts/README.md",
    "init/buildroot/README.md",
    "init/openwrt/README.md",
    "init/yocto/README.md",
];

/// Of these `tests/protocol.rs` takes care: its code blocks are no command lines.
const REFERENCE: &str = "docs/protocol.md";

/// The pages of `docs` that users read, in the order of their names.
fn pages() -> Vec<String> {
    let entries = fs::read_dir(top().join("docs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let pages = names.filter(|name| name.ends_with(".md"));
    let pages = pages.map(|name| format!("docs/{name}"));
    let mut pages: Vec<String> = pages.filter(|name| name != REFERENCE).collect();
    pages.sort();
    assert!(pages.len() >= 12, "{pages:?}");
    pages
}

fn documents() -> Vec<String> {
    let mut names: Vec<String> = DOCUMENTS.map(str::to_owned).into();
    names.extend(pages());
    names
}

/// README and the pages of `docs` as one text: a table is held to the code wherever it stands.
fn manual() -> String {
    let mut text = read("README.md");
    for page in pages() {
        text.push('\n');
        text += &read(&page);
    }
    text
}

#[test]
fn every_command_line_of_the_bridge_is_understood() {
    let mut found = 0;
    for (document, code) in documents_and_helps() {
        for args in commands(&code, "spinel-bridge") {
            let words = args.split_whitespace();
            let parsed = parse_with(words, &|_| Ok("device = sim:\n".to_owned()));
            let at = format!("{document}: {code}\n{args}");
            match parsed {
                Ok(Command::Run(config) | Command::Check(config)) => {
                    assert_eq!(config.warnings, [""; 0], "{at}");
                }
                Ok(_) => {}
                Err(error) => panic!("{at}\n{error}"),
            }
            found += 1;
        }
    }
    assert!(found >= 18, "only {found} were found");
}

#[test]
fn every_command_line_of_the_client_is_understood() {
    let mut found = 0;
    for (document, code) in documents_and_helps() {
        for args in commands(&code, "spinelctl") {
            let mut args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
            if args.iter().all(|arg| arg.starts_with('-')) {
                args.push("status".to_owned()); // "`spinelctl --json`" leaves the verb open
            }
            let at = format!("{document}: {code}");
            match client::parse(&args) {
                Ok(client::Command::Run(mut run)) if !matches!(run.verb.does, Does::Local(_)) => {
                    // Of @FILE and @-.
                    run.read_secrets(&mut |_| Ok("00112233445566778899AABBCCDDEEFF".to_owned()))
                        .unwrap();
                    let line = request("1", run.verb.name, &run.words);
                    let line = RequestLine::parse(line.trim_end()).unwrap().unwrap();
                    let asked = verbs::parse(line.verb, &line.words);
                    assert!(asked.is_ok(), "{at}\n{asked:?}");
                }
                Ok(_) => {}
                Err(error) => panic!("{at}\n{args:?}\n{error:?}"),
            }
            found += 1;
        }
    }
    assert!(found >= 18, "only {found} were found");
}

/// A bridge that is the subprocess of OpenThread's daemon has its words in a radio URL.
#[test]
fn the_radio_url_is_understood() {
    let text = manual();
    let (_, rest) = text.split_once("/spinel-bridge?").expect("a radio URL");
    let (query, _) = rest.split_once('\'').expect("its end");
    let words = query.split('&').map(|word| {
        let value = word.strip_prefix("forkpty-arg=");
        value.unwrap_or_else(|| panic!("{word}: not an argument"))
    });
    let parsed = parse_with(words, &|_| Err(std::io::ErrorKind::NotFound.into()));
    assert!(matches!(parsed, Ok(Command::Run(_))), "{parsed:?}");
}

/// The init files say no option that there is not.
#[test]
fn every_option_of_the_init_files_exists() {
    let known = options_of(&help());
    let mut found = 0;
    for folder in [
        "init/systemd",
        "init/sysv",
        "init/openwrt/files",
        "init/examples",
    ] {
        for entry in fs::read_dir(top().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            // What systemctl takes is not ours.
            let text = fs::read_to_string(&path)
                .unwrap()
                .replace("enable --now", "");
            for option in options_of(&text) {
                assert!(known.contains(&option), "{}: --{option}", path.display());
                found += 1;
            }
        }
    }
    assert!(found >= 20, "only {found} were found");
}

#[test]
fn the_tables_have_every_option_with_its_range_and_default() {
    let rows = rows(&manual(), "| option | default |");
    let listed: BTreeSet<String> = rows.iter().flat_map(|row| options_of(&row[0])).collect();
    assert_eq!(listed, options_of(&help()));
    for (option, limits) in LIMITS {
        let row = rows.iter().find(|row| options_of(&row[0]).contains(option));
        let row = row.expect(option);
        assert!(row[1].starts_with(&limits.default.to_string()), "{row:?}");
        assert!(row[2].contains(&limits.to_string()), "{row:?}: {limits}");
    }
    let switches = |text: &str, mark| -> BTreeSet<String> {
        let marked = text.split_whitespace().filter(|word| word.contains(mark));
        marked.flat_map(options_of).collect()
    };
    let names: String = rows.iter().map(|row| format!("{} ", row[0])).collect();
    assert_eq!(switches(&names, "[=yes"), switches(&help(), "[=yes"));
    for letter in ["-i", "-r", "-v", "-V", "-h", "-?"] {
        assert!(names.contains(&format!("`{letter}`")), "{letter}");
    }
}

const LIMITS: [(&str, Limits); 12] = [
    ("mtu", config::MTU),
    ("poll-ms", config::POLL_PERIOD),
    ("spi-speed", config::SPI_SPEED),
    ("spi-mode", config::SPI_MODE),
    ("spi-cs-delay", config::SPI_CS_DELAY),
    ("spi-gap", config::SPI_GAP),
    ("spi-align-allowance", config::SPI_ALIGN_ALLOWANCE),
    ("spi-small-packet", config::SPI_SMALL_PACKET),
    ("spi-reset-pulse", config::RESET_PULSE),
    ("spi-reset-delay", config::RESET_SETTLE),
    ("commissioning-port", config::COMMISSIONING_PORT),
    ("iid", config::IID),
];

/// Those of spi-hdlc-adapter, as people have them in their files, work and are in the table for them.
#[test]
fn the_options_of_spi_hdlc_adapter_are_all_spoken_of() {
    let section = section("docs/migration.md", "## From spi-hdlc-adapter");
    for words in [
        "--stdio",
        "--pty",
        "--raw",
        "--mtu=1280 --raw",
        "-i gpiochip0:25",
        "--gpio-int=GPIO25",
        "-r GPIO24",
        "--gpio-res=GPIO24",
        "--gpio-reset=GPIO24",
        "--spi-mode=0",
        "--spi-speed=1000000",
        "--spi-cs-delay=20",
        "--spi-reset-delay=200",
        "--spi-align-allowance=16",
        "--spi-small-packet=32",
        "-v",
        "--verbose=-1",
        "-V",
        "--version",
        "-h",
        "-?",
        "--help",
    ] {
        let option = words.split(['=', ' ']).next().unwrap();
        assert!(section.contains(&format!("`{option}")), "{option}");
        let line = format!("{words} /dev/spidev0.0");
        let parsed = parse_with(line.split(' '), &|_| {
            Err(std::io::ErrorKind::NotFound.into())
        });
        assert!(parsed.is_ok(), "{words}: {parsed:?}");
    }
}

/// The keys of wpantund's file that are taken are in the table, and no others.
#[test]
fn the_keys_of_wpantund_are_those_that_are_taken() {
    let taken = |key: &str| {
        let values = ["1", "yes", "spinel", "all"];
        let mut meanings = values.iter().map(|value| meaning(key, value));
        meanings.any(|meaning| matches!(meaning, Ok(Meaning::Setting(..) | Meaning::Baud(_))))
    };
    let rows = rows(&manual(), "| keys of wpantund |");
    let listed: Vec<String> = rows.iter().flat_map(|row| spans(&row[0])).collect();
    for key in listed.iter().filter(|key| !key.ends_with('…')) {
        assert!(taken(key), "{key} is not taken");
    }
    // The names of all keys: words with colons between quotes.
    let source = read("src/shell/settings_file/wpantund.rs");
    let (source, _) = source.split_once("#[cfg(test)]").unwrap();
    let keys = source.split('"').filter(|word| {
        word.contains(':')
            && word
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b':')
    });
    let mut found = 0;
    for key in keys.filter(|key| taken(key)) {
        let is_listed = |listed: &String| match listed.strip_suffix('…') {
            Some(family) => key.starts_with(family),
            None => listed == key,
        };
        assert!(listed.iter().any(is_listed), "{key} is missing");
        found += 1;
    }
    assert!(found >= 30, "only {found} were found");
}

#[test]
fn the_keys_of_the_simulation_are_all_there() {
    let error = "sim:?".parse::<Device>().unwrap_err().to_string();
    let (_, known) = error.split_once("known are ").expect("a list");
    let known: BTreeSet<&str> = known.split(' ').collect();
    let rows = rows(&manual(), "| key | value |");
    let spans: Vec<String> = rows.iter().flat_map(|row| spans(&row[0])).collect();
    let listed: BTreeSet<&str> = spans
        .iter()
        .map(|span| span.split('=').next().unwrap())
        .collect();
    assert_eq!(listed, known);
}

/// The overlay's parameters, with their defaults. Those of buses 1 and 2 are in the table as a range.
#[test]
fn the_parameters_of_the_overlay_are_in_its_table() {
    let overlay = read("dts/spinel-bridge-overlay.dts");
    let (_, overrides) = overlay.split_once("\t__overrides__ {").unwrap();
    let names = overrides.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("\t\t")?.split_once(" = ")?;
        (!name.starts_with(['\t', '<'])).then(|| name.to_owned())
    });
    let names: BTreeSet<String> = names.collect();
    let rows = rows(&read("dts/README.md"), "| Parameter |");
    let spans: BTreeSet<String> = rows.iter().flat_map(|row| spans(&row[0])).collect();
    let listed: BTreeSet<String> = spans
        .iter()
        .map(|span| span.trim_end_matches('=').to_owned())
        .collect();
    let ends = ["spi1-0", "spi2-2"].map(str::to_owned);
    let in_the_range =
        |name: &str| name.starts_with("spi") && *name >= *ends[0] && *name <= *ends[1];
    let must = names
        .iter()
        .filter(|name| !in_the_range(name))
        .chain(&ends)
        .cloned();
    assert_eq!(listed, must.collect());
    for (parameter, define) in [
        ("speed", "SPEED"),
        ("interrupt", "INT"),
        ("reset", "RES"),
        ("mode", "MODE"),
    ] {
        let span = format!("`{parameter}=`");
        let row = rows.iter().find(|row| row[0] == span).unwrap();
        let line = format!("\n#define SPINEL_{define} {}\n", row[1]);
        assert!(overlay.contains(&line), "{row:?}");
    }
}

#[test]
fn the_options_of_openwrt_are_those_that_its_script_reads() {
    let script = read("init/openwrt/files/spinel-bridge.init");
    let gets = script
        .lines()
        .filter(|line| line.trim_start().starts_with("config_get"));
    // A list has no default.
    let lists = script
        .lines()
        .filter(|line| line.trim_start().starts_with("config_list_foreach"))
        .filter_map(|line| line.split_whitespace().nth(2))
        .map(|name| (name.to_owned(), "none".to_owned()));
    let read_there: BTreeSet<(String, String)> = gets
        .map(|line| {
            let mut words = line.split_whitespace().skip(3).map(str::to_owned);
            (
                words.next().unwrap(),
                words.next().unwrap_or_else(|| "none".to_owned()),
            )
        })
        .chain(lists)
        .collect();
    let rows = rows(&read("init/openwrt/README.md"), "| Option | Default |");
    let cell = |cell: &String| cell.trim_matches('`').to_owned();
    let listed: BTreeSet<_> = rows
        .iter()
        .map(|row| (cell(&row[0]), cell(&row[1])))
        .collect();
    assert_eq!(listed, read_there);
}

/// The rows of `--check` that are explained are rows that it has.
#[test]
fn the_rows_of_the_check_are_rows_of_it() {
    let printed = source_texts();
    for row in rows(&manual(), "| row | what is looked at |") {
        for name in row[0].split(", ") {
            assert!(printed.contains(&format!("\"{name}\"")), "{name}");
        }
    }
}

#[test]
fn the_exit_codes_are_those_of_the_help_text() {
    let text = help();
    let (_, codes) = text.split_once("Exit codes:\n").unwrap();
    let (codes, _) = codes.split_once("  With --check").unwrap();
    let codes = codes.replace("\n     ", " ");
    let manual = manual();
    for line in codes.lines() {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        let row = format!("\n| {code} | {meaning} |");
        assert!(manual.contains(&row), "missing: {row}");
    }
}

/// What is searched for in the troubleshooting tables is what the programs print.
#[test]
fn the_messages_to_look_for_are_ours() {
    let printed = source_texts();
    let section = section("docs/troubleshooting.md", "## Messages and what to do");
    let tables = section.lines().filter(|line| line.starts_with("| "));
    let firsts = tables.map(|row| row.split(" | ").next().unwrap());
    // What is no message is an option, a command or a path.
    let messages: Vec<String> = firsts
        .flat_map(spans)
        .filter(|span| span.matches(' ').count() > 2)
        .collect();
    assert!(messages.len() >= 25, "{messages:?}");
    for message in messages {
        for part in constant_parts(&message) {
            assert!(printed.contains(&part), "{message}: no {part:?}");
        }
    }
}

#[test]
fn the_counters_that_are_explained_are_counted() {
    let printed = source_texts();
    for row in rows(&manual(), "| counter |") {
        assert!(printed.contains(&format!("\"{}", row[0])), "{}", row[0]);
    }
}

/// The figures that are no measurements are those of the table.
#[test]
fn the_figures_are_those_of_the_table() {
    let table = read("benches/table.txt");
    let manual = manual();
    let (_, lone) = table.split_once("Lone frames, 1 MHz").unwrap();
    let row = |octets: &str, way: &str| -> Vec<&str> {
        let mut rows = lone
            .lines()
            .map(|line| line.split_whitespace().filter(|word| *word != "|"));
        rows.find_map(|mut words| {
            (words.next() == Some(octets) && words.next() == Some(way)).then(|| words.collect())
        })
        .unwrap_or_else(|| panic!("{octets} {way}"))
    };
    let whole = |number: &str| number.strip_suffix(".00").expect("whole").to_owned();
    for octets in ["64", "1280"] {
        let [.., ours, today, _, _] = row(octets, "to")[..] else {
            panic!()
        };
        let expected = format!(
            "| {octets} octets to the co-processor | {} system calls | {} |",
            whole(ours),
            whole(today)
        );
        assert!(manual.contains(&expected), "{expected}");
    }
    for octets in ["64", "256", "16"] {
        let [ours, today, .., time, time_today] = row(octets, "from")[..] else {
            panic!()
        };
        let expected = format!(
            "| {octets} octets from it | {} transaction, {time} µs from INT to the client | {}, {time_today} µs |",
            whole(ours),
            whole(today)
        );
        assert!(manual.contains(&expected), "{expected}");
    }

    // "today known const", three times, behind two numbers of transactions.
    let (_, traces) = table
        .split_once("What is offered to frames of unknown length")
        .unwrap();
    let (traces, _) = traces.split_once("MEASURED").unwrap();
    let known = traces.lines().filter_map(|line| {
        let (_, numbers) = line
            .rsplit_once("today known const")
            .map_or_else(|| line.split_once('|'), |_| None)?;
        let numbers: Option<Vec<f64>> = numbers
            .split_whitespace()
            .filter(|word| *word != "|")
            .map(|word| word.parse().ok())
            .collect();
        numbers
            .filter(|numbers| numbers.len() == 11)
            .map(|n| n[3].max(n[6]).max(n[9]))
    });
    let most = known.fold(0.0, f64::max);
    let expected = format!(
        "up to {:.0} % longer than if they were",
        (most - 1.0) * 100.0
    );
    assert!(manual.contains(&expected), "{expected}");
}

#[test]
fn every_link_leads_somewhere() {
    let mut found = 0;
    for document in documents() {
        let folder = top().join(&document);
        let folder = folder.parent().unwrap();
        for target in read(&document)
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if target.starts_with("http") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = match path {
                "" => top().join(&document),
                path => folder.join(path),
            };
            assert!(path.exists(), "{document}: {target}");
            if !anchor.is_empty() {
                let known = anchors(&fs::read_to_string(&path).unwrap());
                assert!(known.contains(anchor), "{document}: {target}");
            }
            found += 1;
        }
    }
    assert!(found >= 80, "only {found} were found");
}

/// No page is an orphan, and README has the length that people read.
#[test]
fn every_page_is_listed() {
    let (readme, index) = (read("README.md"), read("docs/README.md"));
    for page in pages().iter().filter(|page| *page != "docs/README.md") {
        let name = page.strip_prefix("docs/").unwrap();
        assert!(
            index.contains(&format!("]({name})")),
            "{page}: docs/README.md"
        );
        let link = format!("]({page}");
        assert!(readme.contains(&link), "{page}: README.md");
    }
    let lines = readme.lines().count();
    assert!((150..=250).contains(&lines), "README.md: {lines} lines");
}

/// What comments, scripts and other documents say of a page: it is there, and so is the heading, which
/// is named as `docs/figures.md#figures` or as `docs/figures.md, "Figures"`.
#[test]
fn every_page_that_the_sources_name_exists() {
    let mut found = 0;
    let mut files = vec![top().join("Cargo.toml")];
    for folder in [
        "src", "tests", "benches", "dbus", "init", "examples", "fuzz", "dts", "udev",
    ] {
        texts_below(&top().join(folder), &mut files);
    }
    for path in files
        .iter()
        .filter(|path| !path.ends_with("tests/readme.rs"))
    {
        let Ok(text) = fs::read_to_string(path) else {
            continue;
        };
        for (at, _) in text.match_indices("docs/") {
            let is_path = |c: &char| c.is_ascii_alphanumeric() || "-_/.".contains(*c);
            let name: String = text[at..].chars().take_while(is_path).collect();
            let Some(end) = name.find(".md") else {
                continue;
            };
            let name = &name[..end + 3];
            let whole = text[..at].chars().next_back();
            if whole.is_some_and(|c| c == '/' && !text[..at].ends_with("../")) {
                continue; // of an address, say
            }
            let page = top().join(name);
            assert!(page.exists(), "{}: {name}", path.display());
            let rest = &text[at + name.len()..];
            let anchor = if let Some(rest) = rest.strip_prefix('#') {
                let is_anchor = |c: &char| c.is_alphanumeric() || "-_.".contains(*c);
                let anchor: String = rest.chars().take_while(is_anchor).collect();
                Some(anchor.trim_end_matches('.').to_owned())
            } else {
                let title = rest
                    .strip_prefix(", \"")
                    .and_then(|rest| rest.split('"').next());
                title.map(anchor_of)
            };
            if let Some(anchor) = anchor {
                let known = anchors(&fs::read_to_string(&page).unwrap());
                assert!(
                    known.contains(&anchor),
                    "{}: {name}: {anchor}",
                    path.display()
                );
            }
            found += 1;
        }
        // README has no headings that sources could mean; the pages have.
        for mark in ["(README, ", "README, \""] {
            assert!(
                !text.contains(mark),
                "{}: {mark}: name the page",
                path.display()
            );
        }
    }
    assert!(found >= 6, "only {found} were found");
}

/// The first block of "Try it" as it stands, with the programs of this build in place of the release's.
#[test]
fn what_readme_says_to_try_runs() {
    let folder = std::env::temp_dir().join(format!("spinel-readme-{}", std::process::id()));
    let release = folder.join("target/release");
    fs::create_dir_all(&release).unwrap();
    let programs = [
        ("spinel-bridge", env!("CARGO_BIN_EXE_spinel-bridge")),
        ("spinelctl", env!("CARGO_BIN_EXE_spinelctl")),
    ];
    for (name, program) in programs {
        std::os::unix::fs::symlink(program, release.join(name)).unwrap();
    }
    // "cargo build --release" has been done.
    let block = format!(
        "cargo() {{ [ \"$*\" = 'build --release' ]; }}\n{}",
        try_it()
    );
    let (ended, output) = run_shell(&block, &folder);
    fs::remove_dir_all(&folder).unwrap();
    judge_try_it(ended, &output);
}

/// The same with cargo itself, which builds the release.
#[test]
#[ignore = "builds the release: tests/run.sh runs it"]
fn what_readme_says_to_try_runs_with_cargo() {
    let (ended, output) = run_shell(&try_it(), &top());
    judge_try_it(ended, &output);
}

fn try_it() -> String {
    let section = section("README.md", "## Try it");
    let (_, block) = section.split_once("```sh\n").expect("a block");
    let (block, _) = block.split_once("```").expect("its end");
    block.to_owned()
}

/// Runs it as a shell that stops at the first failure: whether it passed, and what it wrote.
fn run_shell(script: &str, folder: &Path) -> (bool, String) {
    let output = std::process::Command::new("sh")
        .args(["-euc", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// README says what comes: a check without a fault, and protocol version 4.3.
fn judge_try_it(ended: bool, output: &str) {
    assert!(ended, "{output}");
    let text = read("README.md");
    let (_, answer) = text.split_once("the answer has\n`").expect("the answer");
    let (answer, _) = answer.split_once('`').unwrap();
    let spaced = output.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(spaced.contains(answer), "{answer} is not in:\n{output}");
    assert!(!output.contains("FAIL"), "{output}");
}

#[test]
fn every_file_that_is_named_exists() {
    let rooms = [
        "src/",
        "tests/",
        "benches/",
        "fuzz/",
        "init/",
        "dts/",
        "udev/",
        "examples/",
        "docs/",
    ];
    let mut found = 0;
    for (document, code) in documents().iter().flat_map(|name| code(name)) {
        let words = code.split(|c: char| c.is_whitespace() || "'\"=".contains(c));
        let words = words.map(|word| word.trim_start_matches("../spinel-bridge/"));
        for word in words.filter(|word| rooms.iter().any(|room| word.starts_with(room))) {
            let path = word.trim_end_matches([',', '.', ';']);
            if !path.contains('*') {
                assert!(top().join(path).exists(), "{document}: {word}");
                found += 1;
            }
        }
    }
    assert!(found >= 30, "only {found} were found");
}

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(top().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What stands under a heading, up to the next one that is not below it.
fn section(name: &str, heading: &str) -> String {
    let text = read(name);
    let lines = text.lines().skip_while(|line| *line != heading).skip(1);
    let level = heading.split(' ').next().unwrap().len();
    let ends = |line: &str| {
        let hashes = line.bytes().take_while(|octet| *octet == b'#').count();
        (1..=level).contains(&hashes)
    };
    let lines: Vec<&str> = lines.take_while(|line| !ends(line)).collect();
    assert!(!lines.is_empty(), "{name} has no {heading}");
    lines.join("\n")
}

/// The cells of all tables whose head begins so.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut lines = text.lines();
    while lines.any(|line| line.starts_with(head)) {
        let body = lines
            .by_ref()
            .skip(1)
            .take_while(|line| line.starts_with('|'));
        rows.extend(body.map(|line| {
            let line = line.trim_matches('|').replace("\\|", "\u{a6}");
            line.split('|')
                .map(|cell| cell.trim().replace('\u{a6}', "|"))
                .collect()
        }));
    }
    assert!(!rows.is_empty(), "no table {head}");
    rows
}

/// What stands between backticks.
fn spans(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The code of a document with the document's name: lines of blocks, continued ones as one, and spans.
fn code(name: &str) -> Vec<(String, String)> {
    let text = read(name).replace("\\\n", " ");
    let mut fenced = false;
    let mut found = Vec::new();
    let mut prose = String::new();
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        if !fence && (fenced || line.starts_with("    ")) {
            found.push(line.trim().to_owned());
        } else if !fence && !line.is_empty() {
            // A span may go over the end of a line.
            prose += line.trim();
            prose.push(' ');
        } else {
            found.extend(spans(&std::mem::take(&mut prose)));
        }
    }
    found.extend(spans(&prose));
    found
        .into_iter()
        .map(|code| (name.to_owned(), code))
        .collect()
}

/// The code of all documents, and the examples of both programs' `--help`.
fn documents_and_helps() -> Vec<(String, String)> {
    let mut found: Vec<_> = documents().iter().flat_map(|name| code(name)).collect();
    for text in [help(), client::help()] {
        let text = text.replace("\\\n", " ");
        let (_, examples) = text.split_once("Examples:\n").unwrap();
        let is_example = |line: &&str| line.is_empty() || line.starts_with("  ");
        let examples = examples.lines().take_while(is_example);
        found.extend(examples.map(|line| ("--help".to_owned(), line.trim().to_owned())));
    }
    found
}

/// What follows a program's name in code, up to the end of the command, for each time that it is called.
fn commands(code: &str, program: &str) -> Vec<String> {
    let mut found = Vec::new();
    let call = format!("{program} ");
    for (at, _) in code.match_indices(&call) {
        let before = code[..at].chars().next_back();
        // Behind a path, a quote, an assignment of a shell or another word; "spinel-bridge:" prints.
        if !before.map_or(true, |c| " /\"':`(".contains(c)) || code.starts_with('*') {
            continue;
        }
        let args = code[at + call.len()..]
            .split([';', '|', '&', '>', '#', ')', '"', '\''])
            .next();
        let args = args.unwrap_or_default().trim();
        let is_call =
            args.starts_with(['-', '/']) || args.starts_with("sim:") || program == "spinelctl";
        if is_call && !args.is_empty() && !args.starts_with("-- ") {
            found.push(args.replace(" ...", " sim:"));
        }
    }
    found
}

/// The long options that a text names, without their dashes.
fn options_of(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.split(|c: char| !is_name(c))
        .filter_map(|word| word.strip_prefix("--"))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
        .map(str::to_owned)
        .collect()
}

/// How GitHub calls a heading.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Where links to a text can lead: its headings, and what it marks itself.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(anchor_of)
        .collect();
    let marks = text.split("<a id=\"").skip(1);
    found.extend(marks.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
    found
}

/// All files below a folder, without what was built and what are inputs of octets.
fn texts_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "corpus" && name != "node_modules" {
            texts_below(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// All of `src`, with strings that go over several lines as one and a mark where something is put in.
fn source_texts() -> String {
    let mut texts = String::new();
    let mut folders = vec![top().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !is_test(&path) {
                let text = fs::read_to_string(&path).unwrap();
                texts.push_str(text.split("#[cfg(test)]").next().unwrap());
            }
        }
    }
    let mut lines = texts.split("\\\n");
    let first = lines.next().unwrap().to_owned();
    lines
        .fold(first, |text, line| text + line.trim_start())
        .replace("\\\"", "\"")
}

fn is_test(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tests.rs")
}

/// The parts of a message that are the same each time: not `…`, not numbers.
fn constant_parts(message: &str) -> Vec<String> {
    let varies = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '…');
        word == "…"
            || word == "FF"
            || (!word.is_empty() && word.bytes().all(|octet| octet.is_ascii_digit()))
    };
    let mut parts = vec![String::new()];
    for word in message.split(' ') {
        if varies(word) {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            *part += if part.is_empty() { "" } else { " " };
            *part += word;
        }
        if word.ends_with(';') {
            // What follows may be put in: the nodes that there are, the line that is meant.
            parts.push(String::new());
        }
    }
    parts.retain(|part| part.len() > 3);
    parts
}
