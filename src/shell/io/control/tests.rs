use super::*;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// A server in a directory of its own, and what it asked the host.
struct Rig {
    control: Control,
    path: PathBuf,
    asked: Vec<(Ticket, Request)>,
    directory: PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn directory() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("spinel-control-{}-{number}", std::process::id());
    let path = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn settings() -> Settings {
    Settings {
        interface: "wpan0".into(),
        ..Settings::default()
    }
}

fn rig() -> Rig {
    let directory = directory();
    let path = directory.join("wpan0.sock");
    let control = Control::open(&path, &settings()).unwrap();
    Rig {
        control,
        path,
        asked: Vec::new(),
        directory,
    }
}

impl Rig {
    fn turn(&mut self) -> bool {
        let asked = &mut self.asked;
        self.control
            .turn(&mut |ticket, request| asked.push((ticket, request)))
    }

    /// Turns until there is nothing more to do.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.turn() {
                return;
            }
        }
        panic!("the server spins");
    }

    /// Turns until so many clients are left. Not at once: a test beside us may have forked a child, which
    /// keeps a copy of our end until it executes its program.
    fn until_clients(&mut self, left: usize) {
        let began = Instant::now();
        while self.control.clients() != left {
            assert!(began.elapsed() < Duration::from_secs(20));
            self.settle();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn connect(&mut self) -> Peer {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let mut peer = Peer(BufReader::new(stream));
        self.settle();
        assert!(peer.line().starts_with("* spinel-bridge "));
        peer
    }

    /// Sends lines, and lets the server work.
    fn send(&mut self, peer: &mut Peer, text: &str) {
        peer.0.get_mut().write_all(text.as_bytes()).unwrap();
        self.settle();
    }

    /// Reads until it is told how many lines were lost, and returns how many there were in all.
    fn read_until_lost(&mut self, peer: &mut Peer) -> u64 {
        let mut read = 0;
        loop {
            self.settle();
            let line = peer.line();
            match line.strip_prefix("* lost n=") {
                None => read += 1,
                Some(n) => {
                    let lost: u64 = n.trim().parse().unwrap();
                    assert!(read > 0 && lost > 0);
                    return read + lost;
                }
            }
        }
    }

    fn cancelled(&mut self) -> Vec<Ticket> {
        std::iter::from_fn(|| self.control.take_cancelled()).collect()
    }
}

struct Peer(BufReader<UnixStream>);

impl Peer {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// All that comes before the end.
    fn rest(&mut self) -> String {
        let mut text = Vec::new();
        // A reset comes after what was sent before it.
        let _ = self.0.read_to_end(&mut text);
        String::from_utf8(text).unwrap()
    }

    fn has_nothing(&mut self) -> bool {
        self.0.get_ref().set_nonblocking(true).unwrap();
        let nothing =
            matches!(self.0.fill_buf(), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        self.0.get_ref().set_nonblocking(false).unwrap();
        nothing
    }
}

fn row(text: &str) -> Answer {
    Answer::Row(Fields::new().with("x", Field::text(text)))
}

fn event() -> Event {
    Event {
        name: "state",
        fields: Fields::new().with("state", Field::word("offline")),
    }
}

#[test]
fn a_request_and_its_answers() {
    let mut rig = rig();
    let mut peer = rig.connect();
    rig.send(&mut peer, "a status\nb getprop NET_ROLE\n");
    let tickets: Vec<Ticket> = rig.asked.iter().map(|row| row.0).collect();
    assert_eq!(rig.asked[0].1, Request::Status);
    rig.control.answer(tickets[1], &row("3"));
    rig.control.answer(tickets[0], &Answer::Done);
    rig.control.answer(tickets[1], &Answer::Done);
    // The tickets are used up.
    rig.control.answer(tickets[0], &row("late"));
    rig.control.answer(Ticket(u64::MAX), &row("nobody's"));
    assert_eq!(peer.line(), "b row x=\"3\"\n");
    assert_eq!(peer.line(), "a ok\n");
    assert_eq!(peer.line(), "b ok\n");
    assert!(peer.has_nothing());
    rig.send(&mut peer, "v version\n");
    assert_eq!(
        peer.line(),
        format!(
            "v row version={} protocol=1 interface=wpan0\n",
            env!("CARGO_PKG_VERSION")
        )
    );
    assert_eq!(peer.line(), "v ok\n");
}

#[test]
fn one_descriptor_tells_of_everything() {
    let mut rig = rig();
    let mut poll = Poll::new().unwrap();
    let fd = rig.control.fd();
    poll.registry()
        .register(&mut SourceFd(&fd), Token(0), Interest::READABLE)
        .unwrap();
    let mut events = Events::with_capacity(4);
    let mut wakes = |rig: &mut Rig| {
        poll.poll(&mut events, Some(Duration::from_millis(200)))
            .unwrap();
        let woken = !events.is_empty();
        rig.settle();
        woken
    };
    assert!(!wakes(&mut rig));
    let stream = UnixStream::connect(&rig.path).unwrap();
    assert!(wakes(&mut rig));
    (&stream).write_all(b"1 status\n").unwrap();
    assert!(wakes(&mut rig));
    assert_eq!(rig.asked.len(), 1);
    // What is read without anything waiting does not wake.
    rig.control.answer(rig.asked[0].0, &Answer::Done);
    (&stream).read_exact(&mut [0; 20]).unwrap();
    assert!(!wakes(&mut rig));
    drop(stream);
    let began = Instant::now();
    while !wakes(&mut rig) {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
    rig.until_clients(0);
}

/// Enough events to fill a socket (some 200 KiB) and a buffer, each at 22 octets.
const ROUNDS: u64 = 40_000;

#[test]
fn sixteen_clients_of_which_one_never_reads_and_one_sends_garbage() {
    let mut rig = rig();
    let mut good: Vec<Peer> = (0..14).map(|_| rig.connect()).collect();
    let mut deaf = rig.connect();
    let mut mad = rig.connect();
    rig.send(&mut deaf, "m monitor\n");
    assert_eq!(deaf.line(), "m ok\n");
    rig.send(&mut good[0], "m monitor\n");
    assert_eq!(good[0].line(), "m ok\n");
    assert_eq!(rig.control.clients(), 16);
    for round in 0..ROUNDS {
        rig.control.event(&event());
        assert_eq!(good[0].line(), "* state state=offline\n");
        if round % 2_000 == 0 {
            let _ = mad.0.get_mut().write_all(&[0xFF, b'x', b'\n', 0, b'\n']);
            rig.settle();
            for peer in &mut good[1..] {
                rig.send(peer, "t status\n");
                let (ticket, request) = rig.asked.pop().unwrap();
                assert_eq!(request, Request::Status);
                rig.control.answer(ticket, &Answer::Done);
                assert_eq!(peer.line(), "t ok\n");
            }
        }
    }
    // Garbage was answered, then not any more.
    assert_eq!(rig.control.clients(), 15);
    let answers = mad.rest();
    assert_eq!(answers.lines().count(), 17);
    assert!(answers
        .lines()
        .all(|line| line.starts_with("? error usage ")));
    // Who never reads is still there, and only events were lost.
    assert_eq!(rig.read_until_lost(&mut deaf), ROUNDS);
}

#[test]
fn a_client_that_does_not_read_its_answers_is_disconnected() {
    let mut rig = rig();
    let mut peer = rig.connect();
    rig.send(&mut peer, "1 list\n");
    let (ticket, _) = rig.asked[0];
    let long = row(&"x".repeat(1_000));
    let mut rows = 0;
    while rig.control.clients() == 1 {
        rig.control.answer(ticket, &long);
        rows += 1;
        assert!(rows < 10_000, "memory is not bounded");
    }
    assert_eq!(rig.cancelled(), [ticket]);
    // What fitted is there.
    assert!(peer.rest().lines().count() >= 64);
}

#[test]
fn sniffed_frames_are_lost_and_counted() {
    let mut rig = rig();
    let mut peer = rig.connect();
    rig.send(&mut peer, "p pcap\n");
    let (ticket, _) = rig.asked[0];
    let frame = row(&"x".repeat(100));
    for _ in 0..20_000 {
        rig.control.answer(ticket, &frame);
    }
    assert_eq!(rig.control.clients(), 1);
    assert_eq!(rig.read_until_lost(&mut peer), 20_000);
    // Then they go on, and the end fits in any case.
    rig.control.answer(ticket, &frame);
    rig.control.answer(ticket, &Answer::Done);
    assert!(peer.line().starts_with("p row x="));
    assert_eq!(peer.line(), "p ok\n");
}

#[test]
fn requests_that_are_not_read_back_stop_being_read() {
    let mut rig = rig();
    let mut peer = rig.connect();
    peer.0.get_ref().set_nonblocking(true).unwrap();
    let mut sent = 0_u64;
    // Version is answered at once, with more than was sent.
    while peer.0.get_mut().write_all(b"1 version\n").is_ok() {
        sent += 1;
        rig.settle();
        assert!(sent < 1_000_000, "everything is read");
    }
    assert_eq!(rig.control.clients(), 1);
}

#[test]
fn a_line_that_is_too_long_disconnects() {
    let mut rig = rig();
    let mut peer = rig.connect();
    let longest = format!("1 mfg {}\n", "x".repeat(line::LINE_MAX - 7));
    assert_eq!(longest.len(), line::LINE_MAX);
    rig.send(&mut peer, &longest);
    assert_eq!(rig.control.clients(), 1);
    assert_eq!(rig.asked.len() + peer_denied(&mut peer), 1);
    rig.send(&mut peer, &"x".repeat(line::LINE_MAX));
    assert_eq!(rig.control.clients(), 0);
    assert!(peer
        .rest()
        .contains("? error usage \"a line has at most 4096"));
}

/// Not root: the line was understood, and refused.
fn peer_denied(peer: &mut Peer) -> usize {
    usize::from(!peer.has_nothing())
}

#[test]
fn eight_requests_at_once_and_tags_of_their_own() {
    let mut rig = rig();
    let mut peer = rig.connect();
    for tag in 0..8 {
        rig.send(&mut peer, &format!("{tag} poll\n"));
    }
    rig.send(&mut peer, "9 poll\n7 poll\n");
    assert!(peer.line().starts_with("9 error busy "));
    assert!(peer.line().starts_with("7 error usage "));
    assert_eq!(rig.asked.len(), 8);
    rig.send(&mut peer, "c cancel 3\n");
    assert_eq!(peer.line(), "3 error cancelled \"it was cancelled\"\n");
    assert_eq!(peer.line(), "c ok\n");
    assert_eq!(rig.cancelled(), [rig.asked[3].0]);
    rig.send(&mut peer, "c cancel 3\n9 poll\n");
    assert!(peer.line().starts_with("c error state "));
    assert_eq!(rig.asked.len(), 9);
    // The rest ends with the client.
    drop(peer);
    rig.until_clients(0);
    let cancelled = rig.cancelled();
    assert_eq!(cancelled.len(), 8);
    assert!(!cancelled.contains(&rig.asked[3].0));
    // An answer for it does not reach whoever has its place now.
    let mut next = rig.connect();
    let ticket = rig.asked[0].0;
    rig.control.answer(ticket, &Answer::Done);
    assert!(next.has_nothing());
}

#[test]
fn one_client_too_many_is_told() {
    let mut rig = rig();
    let peers: Vec<Peer> = (0..CLIENTS_MAX).map(|_| rig.connect()).collect();
    let mut stream = UnixStream::connect(&rig.path).unwrap();
    rig.settle();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("? error busy \"32 clients"), "{text}");
    drop(peers);
    rig.until_clients(0);
    rig.connect();
}

#[test]
fn a_client_that_sends_no_more_still_gets_its_answer() {
    let mut rig = rig();
    let mut peer = rig.connect();
    peer.0.get_mut().write_all(b"1 status\n").unwrap();
    let stream = peer.0.get_ref();
    stream.shutdown(Shutdown::Write).unwrap();
    rig.settle();
    assert_eq!(rig.control.clients(), 1);
    rig.control.answer(rig.asked[0].0, &Answer::Done);
    assert_eq!(peer.rest(), "1 ok\n");
    assert_eq!(rig.control.clients(), 0);
}

#[test]
fn a_line_without_its_end_is_not_carried_out_and_told() {
    let cut = "? error usage \"the last line was left out: it has no line feed at its end\"\n";
    for (sent, answered) in [("leave", ""), ("1 monitor\n2 leave", "1 ok\n")] {
        let mut rig = rig();
        let mut peer = rig.connect();
        peer.0.get_mut().write_all(sent.as_bytes()).unwrap();
        rig.settle();
        peer.0.get_ref().shutdown(Shutdown::Write).unwrap();
        rig.settle();
        assert_eq!(
            peer.line(),
            [answered, cut].concat().lines().next().unwrap().to_owned() + "\n"
        );
        if !answered.is_empty() {
            assert_eq!(peer.line(), cut);
        }
        assert_eq!(rig.asked, [], "{sent}");
    }
    // Behind more lines than are read in a turn, and by somebody who is gone at once.
    let mut rig = rig();
    let mut peer = rig.connect();
    let lines = "1 version\n".repeat(3 * LINES_PER_TURN);
    peer.0
        .get_mut()
        .write_all((lines + "2 leave").as_bytes())
        .unwrap();
    peer.0.get_ref().shutdown(Shutdown::Write).unwrap();
    let mut gone = rig.connect();
    gone.0.get_mut().write_all(b"2 leave").unwrap();
    drop(gone);
    rig.settle();
    assert!(peer.rest().ends_with(cut));
    rig.until_clients(0);
    assert_eq!(rig.asked, []);
}

#[test]
fn secrets_are_hidden_in_lists_and_events_only() {
    let mut rig = rig();
    let mut peer = rig.connect();
    rig.send(&mut peer, "m monitor\n1 list\n2 getprop NET_NETWORK_KEY\n");
    assert_eq!(peer.line(), "m ok\n");
    let key = Fields::new().with("NET_NETWORK_KEY", Field::word("AA"));
    for ticket in [rig.asked[0].0, rig.asked[1].0] {
        rig.control.answer(ticket, &Answer::Row(key.clone()));
    }
    rig.control.event(&Event {
        name: "property",
        fields: key,
    });
    assert_eq!(peer.line(), "1 row NET_NETWORK_KEY=<hidden>\n");
    assert_eq!(peer.line(), "2 row NET_NETWORK_KEY=AA\n");
    assert_eq!(peer.line(), "* property NET_NETWORK_KEY=<hidden>\n");
    rig.send(&mut peer, "n monitor off\n");
    assert_eq!(peer.line(), "n ok\n");
    rig.control.event(&event());
    assert!(peer.has_nothing());
}

#[test]
fn the_socket_and_its_life() {
    let directory = directory();
    let path = directory.join("new").join("wpan0.sock");
    let open = || Control::open(&path, &settings());
    let control = open().unwrap();
    let status = std::fs::symlink_metadata(&path).unwrap();
    assert!(status.file_type().is_socket());
    assert_eq!(status.permissions().mode() & 0o7777, 0o660);
    // A living instance is left alone.
    let error = open().unwrap_err();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    assert!(UnixStream::connect(&path).is_ok());
    drop(control);
    assert!(!path.exists());
    // A dead one is replaced.
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let control = open().unwrap();
    // A socket that is not ours any more is not removed.
    std::fs::remove_file(&path).unwrap();
    let other = UnixListener::bind(&path).unwrap();
    drop(control);
    assert!(path.exists());
    drop(other);
    // Something else is not touched.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    let error = open().unwrap_err();
    assert!(matches!(error, OpenError::NotASocket(_)), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    let _ = std::fs::remove_dir_all(directory);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let directory = directory();
    let path = directory.join("wpan0.sock");
    let long = directory.join("x".repeat(100));
    let error = |path: &Path, settings: &Settings| {
        let error = Control::open(path, settings).unwrap_err().to_string();
        assert!(!error.contains('\n'));
        error
    };
    assert!(error(&long, &settings()).contains("too long"));
    assert!(error(Path::new("/proc/nowhere/x.sock"), &settings()).contains("directory"));
    let group = Settings {
        group: Some("no-such-group".into()),
        ..settings()
    };
    assert!(error(&path, &group).contains("\"no-such-group\""));
    assert!(!path.exists());
    let _ = std::fs::remove_dir_all(directory);
}

/// As another user, with that user's group on the socket, a program really connects.
#[test]
fn an_unprivileged_user_is_refused_what_needs_privilege() {
    assert!(nix::unistd::geteuid().is_root(), "run this as root");
    for (raw, denied) in [(false, true), (true, false)] {
        let directory = directory();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = directory.join("wpan0.sock");
        let settings = Settings {
            group: Some(NOBODY.to_string()),
            raw,
            ..settings()
        };
        let mut rig = Rig {
            control: Control::open(&path, &settings).unwrap(),
            path,
            asked: Vec::new(),
            directory,
        };
        assert_eq!(std::fs::metadata(&rig.path).unwrap().gid(), NOBODY);
        let answer = rig.ask_as(NOBODY, NOBODY, "1 peek 0 4\\n");
        if denied {
            assert!(answer.contains("1 error denied "), "{answer}");
            assert!(rig.asked.is_empty());
        } else {
            assert!(matches!(rig.asked[..], [(_, Request::Peek { .. })]));
        }
        // Another group may not even connect.
        assert!(rig.ask_as(NOBODY, NOBODY - 1, "").contains("Permission"));
    }
}

#[test]
fn members_who_only_sit_there_do_not_lock_root_out() {
    assert!(nix::unistd::geteuid().is_root(), "run this as root");
    let directory = directory();
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.join("wpan0.sock");
    let settings = Settings {
        group: Some(NOBODY.to_string()),
        ..settings()
    };
    let mut rig = Rig {
        control: Control::open(&path, &settings).unwrap(),
        path,
        asked: Vec::new(),
        directory,
    };
    let mut child = rig.run_as(
        NOBODY,
        NOBODY,
        "import socket, sys\n\
         s = [socket.socket(socket.AF_UNIX) for n in range(40)]\n\
         for one in s: one.connect(sys.argv[1])\n\
         for one in s: print(one.recv(999).decode(), flush=True)\n\
         sys.stdin.read()\n",
        &[],
    );
    rig.until_clients(CLIENTS_MAX - RESERVED);
    let mut root = rig.connect();
    rig.send(&mut root, "1 peek 0 4\n");
    assert_eq!(rig.asked.len(), 1);
    // Whoever found no place is told why.
    let mut told = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    while !told.contains("error busy") {
        told.clear();
        assert_ne!(said.read_line(&mut told).unwrap(), 0, "nobody was told");
    }
    assert!(told.contains("the rest is kept for root"), "{told}");
    drop(child.stdin.take());
    child.wait().unwrap();
}

impl Rig {
    /// A program in Python of that user, with the socket's path and more as its arguments.
    fn run_as(&self, uid: u32, gid: u32, program: &str, arguments: &[&str]) -> std::process::Child {
        Command::new("python3")
            .args(["-c", program])
            .arg(&self.path)
            .args(arguments)
            .uid(uid)
            .gid(gid)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// What a program of that user is answered to some lines.
    fn ask_as(&mut self, uid: u32, gid: u32, lines: &str) -> String {
        let program = "import socket, sys\n\
                       s = socket.socket(socket.AF_UNIX)\n\
                       s.settimeout(1)\n\
                       s.connect(sys.argv[1])\n\
                       s.sendall(sys.argv[2].encode().decode('unicode_escape').encode())\n\
                       try:\n while True:\n  print(s.recv(999).decode(), flush=True)\n\
                       except TimeoutError: pass\n";
        let mut child = self.run_as(uid, gid, program, &[lines]);
        let began = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(began.elapsed() < Duration::from_secs(20), "it hangs");
            self.turn();
            std::thread::sleep(Duration::from_millis(2));
        }
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }
}

const NOBODY: u32 = 65_534;
