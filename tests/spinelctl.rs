//! `spinelctl` itself, against the server of the control socket with answers made up here.

use spinel_bridge::ctl::request::{Request, ScanKind};
use spinel_bridge::ctl::verbs::VERBS;
use spinel_bridge::ctl::{Answer, Code, Event, Failure, Field, Fields, Ticket};
use spinel_bridge::io::control::{Control, Settings};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Arc;
use std::thread::{sleep, spawn, JoinHandle};
use std::time::{Duration, Instant};

/// A server that answers in a thread until it is dropped.
struct Server {
    directory: PathBuf,
    path: PathBuf,
    stop: Arc<AtomicBool>,
    /// Nothing happens that a monitor would be told.
    quiet: Arc<AtomicBool>,
    /// An upgrade was asked for.
    upgrades: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Self {
        Server::named("wpan0")
    }

    /// For an interface with this name.
    fn named(interface: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("spinelctl-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&directory).unwrap();
        Server::at(directory, interface)
    }

    /// In this directory, which is removed at the end.
    fn at(directory: PathBuf, interface: &str) -> Self {
        let path = directory.join("wpan0.sock");
        let settings = Settings {
            interface: interface.into(),
            ..Settings::default()
        };
        let control = Control::open(&path, &settings).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let upgrades = Arc::new(AtomicBool::new(false));
        let upgrading = Arc::clone(&upgrades);
        let quiet = Arc::new(AtomicBool::new(false));
        let is_quiet = Arc::clone(&quiet);
        Server {
            directory,
            path,
            stop,
            quiet,
            upgrades,
            thread: Some(spawn(move || {
                serve(control, &stopped, &is_quiet, &upgrading);
            })),
        }
    }

    fn ctl(&self, args: &[&str]) -> Command {
        let mut command = ctl();
        command.arg("--socket").arg(&self.path).args(args);
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.ctl(args).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn serve(mut control: Control, stop: &AtomicBool, quiet: &AtomicBool, upgrades: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let mut asked = Vec::new();
        control.turn(&mut |ticket, request| asked.push((ticket, request)));
        for (ticket, request) in asked {
            answer(&mut control, ticket, &request);
            upgrades.fetch_or(request == Request::Upgrade, Ordering::Relaxed);
        }
        while control.take_cancelled().is_some() {}
        if !quiet.load(Ordering::Relaxed) {
            control.event(&Event {
                name: "state",
                fields: Fields::new().with("state", Field::word("offline")),
            });
        }
        sleep(Duration::from_millis(2));
    }
}

fn answer(control: &mut Control, ticket: Ticket, request: &Request) {
    let mut row = |fields| control.answer(ticket, &Answer::Row(fields));
    let end = match request {
        Request::Status => {
            row(Fields::new()
                .with("state", Field::word("offline"))
                .with("channel", 11)
                .with("network_name", Field::text("Test \"Net\"\u{1b}")));
            Answer::Done
        }
        Request::ListProperties => {
            row(Fields::new().with("NET_NETWORK_KEY", Field::word("AA")));
            row(Fields::new().with("NET_ROLE", Field::text("3")));
            Answer::Done
        }
        Request::Get(property) => {
            row(Fields::new().with(property.to_string(), Field::text("value")));
            Answer::Done
        }
        Request::Scan(scan) if scan.kind == ScanKind::Energy => {
            for channel in [11, 12] {
                row(Fields::new().with("channel", channel).with("rssi", -90));
            }
            Answer::Done
        }
        Request::Sniff {
            channel: Some(26), ..
        } => return, // nothing to hear
        Request::Sniff { .. } => {
            // The frames of protocol §3.13 and §3.12: an ACK, and a beacon that we sent.
            row(Fields::new()
                .with("frame", Field::word("02002AE03B"))
                .with("fcs", true)
                .with("channel", 15)
                .with("rssi", -60)
                .with("lqi", 255)
                .with("timestamp", 1_000_000)
                .with("flags", Field::word("0x0000"))
                .with("tx", false)
                .with("bad_fcs", false));
            row(Fields::new()
                .with("frame", Field::word("030801FFFFFFFF07"))
                .with("fcs", false)
                .with("channel", 26)
                .with("timestamp", 1_250_000)
                .with("tx", true));
            // It goes on until the client ends it, but not in this test.
            Answer::Done
        }
        Request::Leave | Request::Upgrade => return, // never answered
        // What it was told, shown.
        Request::JoinerStart { pskd, .. } => {
            row(Fields::new().with("pskd", Field::text(pskd)));
            Answer::Done
        }
        Request::Join(network) => {
            row(Fields::new().with("key", Field::text(format!("{:02X?}", network.key))));
            Answer::Done
        }
        Request::Set(_, value) => {
            row(Fields::new().with("value", Field::text(format!("{value:02X?}"))));
            Answer::Done
        }
        _ => Answer::Failed(Failure::new(Code::State, "not now: try later")),
    };
    control.answer(ticket, &end);
}

fn ctl() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spinelctl"));
    command.stdin(Stdio::null());
    command
}

fn alone(args: &[&str]) -> Output {
    ctl().args(args).output().unwrap()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn tables_and_json() {
    let server = Server::start();
    let status = server.run(&["status"]);
    assert_eq!(
        text(&status.stdout),
        "state        = offline\nchannel      = 11\nnetwork_name = Test \"Net\"\\u{1b}\n"
    );
    assert_eq!((code(&status), text(&status.stderr)), (0, String::new()));
    assert_eq!(
        text(&server.run(&["--json", "status"]).stdout),
        "{\"channel\":11,\"network_name\":\"Test \\\"Net\\\"\\u001b\",\"state\":\"offline\"}\n"
    );
    assert_eq!(
        text(&server.run(&["scan", "--energy", "-c", "11,12"]).stdout),
        "channel  rssi\n11       -90\n12       -90\n"
    );
    assert_eq!(
        text(&server.run(&["get", "-v", "Network:Name"]).stdout),
        "\"value\"\n"
    );
    assert_eq!(
        text(&server.run(&["get", "NET_NETWORK_KEY"]).stdout),
        "NET_NETWORK_KEY = value\n"
    );
    assert_eq!(
        text(&server.run(&["list"]).stdout),
        "NET_NETWORK_KEY = <hidden>\nNET_ROLE        = 3\n"
    );
    assert_eq!(
        text(&server.run(&["getprop", "--json"]).stdout),
        "{\"NET_NETWORK_KEY\":\"<hidden>\"}\n{\"NET_ROLE\":\"3\"}\n"
    );
    assert!(text(&server.run(&["version"]).stdout).contains("interface = wpan0\n"));
}

#[test]
fn failures_are_one_line_and_an_exit_code() {
    let server = Server::start();
    for (args, exit, says) in [
        (&["attach"][..], Code::State, "not now: try later"),
        (&["stauts"], Code::Usage, "did you mean status?"),
        (&["scan", "--enrgy"], Code::Usage, "did you mean --energy?"),
        (&["form", "-c", "99"], Code::Usage, "0..=31"),
        (
            &["set", "STREAM_RAW", "00"],
            Code::Denied,
            "nobody can send",
        ),
        (
            &["get", "Stat:RX"],
            Code::NotSupported,
            "spinelctl counters",
        ),
        (&["pcap"], Code::Usage, "FILE is missing"),
        (&["pcap", "/nowhere/file"], Code::Failed, "/nowhere/file"),
        (
            &["leave", "--timeout", "1"],
            Code::Timeout,
            "nothing was heard for 1 s",
        ),
        (&["completion", "csh"], Code::Usage, "bash, zsh or fish"),
    ] {
        let output = server.run(args);
        let message = text(&output.stderr);
        assert_eq!(code(&output), i32::from(exit.exit()), "{args:?}: {message}");
        assert!(message.contains(says), "{args:?}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(output.stdout.is_empty());
    }
}

/// Keys that are not on the command line, in files and on standard input.
#[test]
fn secrets_are_read_from_files_and_standard_input() {
    let server = Server::start();
    let file = |name: &str, text: &[u8]| {
        let path = server.directory.join(name);
        std::fs::write(&path, text).unwrap();
        format!("@{}", path.display())
    };
    let pskd = file("a pskd", b"J01NME\nsecond line\n");
    let dos = file("dos", b"J01NME\r\n");
    let bare = file("bare", b"J01NME");
    for name in [&pskd, &dos, &bare] {
        let output = server.run(&["joiner", "start", name]);
        assert_eq!(text(&output.stdout), "pskd = J01NME\n", "{output:?}");
    }
    let key = file("key", b"00112233445566778899aabbccddeeff\n");
    let shown = "[00, 11, 22, 33, 44, 55, 66, 77, 88, 99, AA, BB, CC, DD, EE, FF]";
    for args in [&["join", "net", "--key", &key][..], &["join", "-k", &key]] {
        let output = server.run(args);
        assert_eq!(text(&output.stdout), format!("key = Some({shown})\n"));
    }
    for name in ["NET_NETWORK_KEY", "Network:Key"] {
        let output = server.run(&["set", name, &key]);
        assert_eq!(text(&output.stdout), format!("value = {shown}\n"));
    }
    // A name is a name.
    let output = server.run(&["set", "NET_NETWORK_NAME", "@a"]);
    assert_eq!(text(&output.stdout), "value = [40, 61, 00]\n");

    // What is behind its line stays for whoever comes next.
    let mut shell = Command::new("sh");
    let script = "printf 'J01NME\\nrest\\n' | { \"$0\" --socket \"$1\" joiner start @-; cat; }";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_spinelctl")]);
    let output = shell.arg(&server.path).output().unwrap();
    assert_eq!(text(&output.stdout), "pskd = J01NME\nrest\n", "{output:?}");
}

#[test]
fn secrets_that_cannot_be_read_are_refused_and_not_shown() {
    let server = Server::start();
    let file = |name: &str, text: &[u8]| {
        let path = server.directory.join(name);
        std::fs::write(&path, text).unwrap();
        format!("@{}", path.display())
    };
    let directory = format!("@{}", server.directory.display());
    let (empty, line) = (file("empty", b""), file("line", b"\nJ01NME\n"));
    let (long, latin) = (file("long", &[b'5'; 5000]), file("latin", b"J01NM\xE9\n"));
    let wrong = file("wrong", b"5ECRE7\n");
    for (name, says) in [
        ("@/nowhere/key", "No such file"),
        ("@", "give @FILE, or @- for standard input"),
        ("@-", "the first line is empty"),
        (&directory, "Is a directory"),
        (&empty, "the first line is empty"),
        (&line, "the first line is empty"),
        (&long, "more than 1024 octets"),
        (&latin, "not text in UTF-8"),
        (&wrong, "give octets in hex"),
    ] {
        let output = server.run(&["join", "net", "--key", name]);
        let message = text(&output.stderr);
        assert_eq!(code(&output), 2, "{name}: {message}");
        assert!(message.contains(says), "{name}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(
            !message.contains("5ECRE7") && !message.contains("555"),
            "{message}"
        );
    }
    // A terminal would show it.
    let pty = nix::pty::openpty(None, None).unwrap();
    let mut command = server.ctl(&["joiner", "start", "@-"]);
    let output = command.stdin(pty.slave).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("a terminal would show it"));
}

#[test]
fn help_tells_of_at_signs_where_secrets_are_taken() {
    for args in [
        &["help", "form"][..],
        &["help", "join"],
        &["help", "joiner", "start"],
        &["help", "commissioner", "add"],
        &["help", "setprop"],
        &["--help"],
    ] {
        let help = text(&alone(args).stdout);
        assert!(
            help.contains("@FILE") && help.contains("@-"),
            "{args:?}: {help}"
        );
    }
}

#[test]
fn an_upgrade_is_waited_for_until_the_daemon_dies() {
    let server = Server::start();
    let mut command = server.ctl(&["upgrade"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !server.upgrades.load(Ordering::Relaxed) {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it was not asked for"
        );
        sleep(Duration::from_millis(5));
    }
    assert_eq!(child.try_wait().unwrap(), None);
    drop(server);
    assert_eq!(wait(&mut child), Some(3));
    let mut message = String::new();
    let mut stderr = child.stderr.take().unwrap();
    std::io::Read::read_to_string(&mut stderr, &mut message).unwrap();
    assert!(
        message.contains("the daemon closed the connection"),
        "{message}"
    );
}

#[test]
fn whatever_an_interface_is_called() {
    // The kernel takes all but white space, slashes and colons.
    for name in [
        "0",
        "-1",
        "true",
        "a\"b",
        "a=b",
        "a\\",
        "é家",
        "%d",
        "\u{1b}[2J",
    ] {
        let server = Server::named(name);
        let output = server.run(&["--json", "version"]);
        let row: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(row["interface"], name);
    }
}

#[test]
fn without_a_daemon() {
    let output = alone(&["--socket", "/nowhere/wpan0.sock", "status"]);
    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).contains("is spinel-bridge --tun running?"));
    // What makes no sense is said first.
    let output = alone(&["--socket", "/nowhere/wpan0.sock", "peek", "x", "y"]);
    assert_eq!(code(&output), 2);
}

#[test]
fn a_capture_is_read_by_tshark() {
    let server = Server::start();
    let file = server.directory.join("frames.pcapng");
    let name = file.to_str().unwrap();
    let output = server.run(&["pcap", "-c", "15", name]);
    assert_eq!((code(&output), text(&output.stderr)), (0, String::new()));
    let piped = server.run(&["pcap", "-"]);
    assert_eq!(piped.stdout.len(), std::fs::read(&file).unwrap().len());
    assert_eq!(
        tshark(&file),
        "0x0002\t42\t15\t-60\t255\t1\n0x0803\t1\t26\t\t\t0\n"
    );
}

/// Type, sequence number, channel, RSSI, LQI and kind of FCS of each frame.
fn tshark(file: &Path) -> String {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-T", "fields"]);
    for field in [
        "wpan.fcf",
        "wpan.seq_no",
        "wpan-tap.ch_num",
        "wpan-tap.rss",
        "wpan-tap.lqi",
        "wpan-tap.fcs_type",
    ] {
        command.args(["-e", field]);
    }
    let output = command.output().expect("tshark");
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn monitor_follows_until_interrupted_or_nobody_reads() {
    let server = Server::start();
    let mut child = server
        .ctl(&["--json", "monitor"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    assert_eq!(line, "{\"event\":\"state\",\"state\":\"offline\"}\n");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(wait(&mut child), Some(0));

    let mut child = server
        .ctl(&["monitor"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(wait(&mut child), Some(0));
}

#[test]
fn who_goes_on_ends_with_its_reader_though_nothing_happens() {
    let server = Server::start();
    server.quiet.store(true, Ordering::Relaxed);
    // Channel 26 is quiet, too.
    for (args, sniffs) in [
        (&["monitor"][..], false),
        (&["pcap", "-c", "26", "-"], true),
    ] {
        let mut command = server.ctl(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        if sniffs {
            // The head of the file.
            std::io::Read::read_exact(&mut stdout, &mut [0; 12]).unwrap();
        }
        assert_eq!(child.try_wait().unwrap(), None, "{args:?}");
        drop(stdout);
        assert_eq!(wait(&mut child), Some(0), "{args:?}");
    }
    // While somebody reads, it waits for as long as it was told.
    let output = server.run(&["monitor", "--timeout", "1"]);
    assert_eq!(code(&output), i32::from(Code::Timeout.exit()));
    assert!(text(&output.stderr).contains("nothing was heard for 1 s"));
}

fn wait(child: &mut std::process::Child) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it hangs");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn help_for_everything() {
    let help = alone(&["--help"]);
    assert_eq!(code(&help), 0);
    assert!(text(&help.stdout).contains("spinelctl pcap - | wireshark"));
    for verb in VERBS {
        let mut args = vec!["help"];
        args.extend(verb.name.split(' '));
        let output = alone(&args);
        assert_eq!(code(&output), 0, "{}", verb.name);
        let synopsis = format!("spinelctl {}", verb.name);
        assert!(text(&output.stdout).starts_with(&synopsis));
    }
    assert_eq!(code(&alone(&["help", "frobnicate"])), 2);
    assert_eq!(code(&alone(&[])), 2);
}

#[test]
fn the_documents_list_every_verb_and_exit_code() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/spinelctl.md");
    let documents = std::fs::read_to_string(page).unwrap();
    // "`allowlist`, .. each also with `on`": the two lists have the same actions.
    let listed = |name: &str| documents.contains(&format!("`{name}`"));
    for verb in VERBS {
        let (first, action) = verb.name.split_once(' ').unwrap_or((verb.name, ""));
        let of_a_list =
            ["allowlist", "denylist"].contains(&first) && listed(first) && listed(action);
        assert!(listed(verb.name) || of_a_list, "missing: {}", verb.name);
    }
    for code in Code::ALL {
        let row = format!("\n| {} | {}: ", code.exit(), code);
        assert!(documents.contains(&row), "missing: {row}");
    }
}

#[test]
fn a_socket_that_is_about_to_be_there_is_waited_for() {
    let name = format!("spinelctl-late-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("wpan0.sock");
    let mut early = ctl()
        .arg("--socket")
        .arg(&path)
        .arg("status")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // By now it has looked, and found nothing.
    sleep(Duration::from_millis(300));
    assert!(early.try_wait().unwrap().is_none(), "it did not wait");
    let server = Server::at(directory, "wpan0");
    let output = early.wait_with_output().unwrap();
    assert_eq!(code(&output), 0);
    assert!(text(&output.stdout).contains("state        = offline"));
    drop(server);
}

#[test]
fn a_state_is_waited_for() {
    let server = Server::start();
    for args in [
        &["--wait", "offline"][..],
        &["--wait=initialized", "version"],
    ] {
        let output = server.run(args);
        assert_eq!(code(&output), 0, "{args:?}: {}", text(&output.stderr));
    }
    let output = server.run(&["--wait", "associated", "--timeout", "1", "version"]);
    assert_eq!(code(&output), i32::from(Code::Timeout.exit()));
    let message = text(&output.stderr);
    assert!(
        message.contains("--wait associated: the state is still offline after 1 s"),
        "{message}"
    );
    assert!(output.stdout.is_empty());
}

/// The whole time counts, not only that after the greeting.
#[test]
fn a_daemon_that_does_not_greet_is_given_up_in_time() {
    let name = format!("spinelctl-silent-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join("wpan0.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let socket = path.to_str().unwrap();
    let output = alone(&["--socket", socket, "--timeout", "1", "status"]);
    let message = text(&output.stderr);
    assert_eq!(code(&output), i32::from(Code::Timeout.exit()), "{message}");
    assert!(message.contains("nothing was heard for 1 s"), "{message}");
    let _ = std::fs::remove_dir_all(directory);
}

#[test]
fn what_is_no_socket_and_a_word_too_many_are_said_to_be() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let output = alone(&["--socket", manifest, "status"]);
    let message = text(&output.stderr);
    assert!(message.contains("it is not a socket"), "{message}");
    let output = alone(&["interfaces", "wpan0"]);
    assert_eq!(code(&output), i32::from(Code::Usage.exit()));
    let output = alone(&["-h", "scan"]);
    assert!(text(&output.stdout).starts_with("spinelctl scan"));
}
