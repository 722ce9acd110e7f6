use super::*;
use nix::pty::{openpty, OpenptyResult};
use nix::sys::socket::{socketpair, AddressFamily, SockFlag, SockType};
use nix::sys::termios::{cfmakeraw, tcsetattr, SetArg};
use nix::unistd::{pipe, read};
use std::os::fd::OwnedFd;

const RAW: Face = Face::Raw { mtu: 1300 };
const PTY: Face = Face::Pty { link: None };

fn socket() -> OwnedFd {
    let flags = SockFlag::SOCK_CLOEXEC;
    socketpair(AddressFamily::Unix, SockType::Stream, None, flags)
        .unwrap()
        .0
}

fn terminal(raw: bool) -> OpenptyResult {
    let pty = openpty(None, None).unwrap();
    if raw {
        let mut settings = tcgetattr(&pty.slave).unwrap();
        cfmakeraw(&mut settings);
        tcsetattr(&pty.slave, SetArg::TCSANOW, &settings).unwrap();
    }
    pty
}

/// Standard input and output are `data`, standard error is `error`.
fn streams<'a>(data: &'a OwnedFd, error: &'a OwnedFd) -> Streams<'a> {
    Streams {
        input: data.as_fd(),
        output: data.as_fd(),
        error: error.as_fd(),
    }
}

fn logged(style: Style, verbosity: Verbosity, records: &[(Level, &str, &str)]) -> String {
    let (reader, writer) = pipe().unwrap();
    let output = Output::Lines(style, Mutex::new(LineWriter::new(writer.into(), None)));
    let logger = Logger::new(verbosity, false, output);
    for (level, target, text) in records {
        logger.log(
            &log::Record::builder()
                .level(*level)
                .target(target)
                .args(format_args!("{text}"))
                .build(),
        );
    }
    drop(logger);
    io::read_to_string(File::from(reader)).unwrap()
}

#[test]
fn verbosity_chooses_levels_and_targets() {
    let records = [
        (Level::Error, "spinel_bridge::link", "E"),
        (Level::Warn, "spinel_bridge::link", "W"),
        (Level::Info, "spinel_bridge::link", "I"),
        (Level::Debug, "spinel_bridge::link", "D"),
        (Level::Trace, FRAME, "F"),
        (Level::Trace, HEX, "H"),
        (Level::Trace, "mio::poll", "M"),
        (Level::Info, "mio::poll", "M"),
    ];
    for (verbosity, expected) in [
        (Verbosity::Errors, "E"),
        (Verbosity::Warnings, "EW"),
        (Verbosity::Info, "EWI"),
        (Verbosity::Headers, "EWID"),
        (Verbosity::Frames, "EWIDF"),
        (Verbosity::Hex, "EWIDFH"),
    ] {
        let lines = logged(Style::Priority, verbosity, &records);
        let letters: String = lines
            .lines()
            .map(|line| line.split('>').nth(1).unwrap())
            .collect();
        assert_eq!(letters, expected, "{verbosity:?}");
    }
}

#[test]
fn formats() {
    let record = [(Level::Warn, "spinel_bridge", "too late")];
    let named = format!("spinel-bridge[{}]: warning: too late\n", std::process::id());
    assert_eq!(logged(Style::Named, Verbosity::Info, &record), named);
    let dated = logged(Style::Dated, Verbosity::Info, &record);
    assert!(dated.starts_with("20") && dated.ends_with(&format!("Z {named}")));
    let priority = logged(Style::Priority, Verbosity::Info, &record);
    assert_eq!(priority, "<4>too late\n");
}

#[test]
fn dates() {
    for (millis, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_000, "2024-02-29T23:59:59.000Z"),
        (1_767_225_599_000, "2025-12-31T23:59:59.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(Utc { millis }.to_string(), expected);
    }
}

#[test]
fn stalled_pipe_loses_messages_and_never_blocks() {
    let (reader, writer) = pipe().unwrap();
    let mut writer = LineWriter::new(writer.into(), None);
    let before = lost();
    let line = [b"x".repeat(9_000), b"\n".to_vec()].concat();
    // A pipe has 16 pages; were the writer to block, the test would hang.
    for _ in 0..100 {
        assert_eq!(writer.write(&line).unwrap(), line.len());
    }
    assert!(lost() - before >= 90);

    // Each line takes three pages, so after five of them there is one left.
    let mut buffer = vec![0; 65_536];
    let length = read(&reader, &mut buffer).unwrap();
    assert_eq!(length, 5 * line.len() + 4_096);
    assert!(writer.torn);
    writer.write_all(b"next\n").unwrap();
    let length = read(&reader, &mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"\nnext\n");
    assert!(!writer.torn);
}

#[test]
fn closed_pipe_and_full_disk_lose_messages() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let full = open_file(Path::new("/dev/full")).unwrap();
    for file in [writer.into(), full] {
        let before = lost();
        let mut writer = LineWriter::new(file, None);
        assert_eq!(writer.write(b"text\n").unwrap(), 5);
        assert!(lost() > before);
    }
}

#[test]
fn file_is_appended_to() {
    let path = std::env::temp_dir().join(format!("spinel-bridge-log-{}", std::process::id()));
    for line in ["one\n", "two\n"] {
        let mut writer = LineWriter::new(open_file(&path).unwrap(), None);
        writer.write_all(line.as_bytes()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    std::fs::remove_file(path).unwrap();
    let nowhere = LogTarget::File("/nowhere/log".into());
    let data = socket();
    let error = Sink::choose(&nowhere, &PTY, &streams(&data, &data)).err();
    assert!(error.unwrap().to_string().contains("/nowhere/log"));
}

#[test]
fn a_new_file_is_for_nobody_else_and_is_opened_anew_when_it_was_renamed() {
    let name = format!("spinel-bridge-log-renamed-{}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let old = path.with_extension("1");
    let mut writer = LineWriter::new(open_file(&path).unwrap(), Some(path.clone()));
    let mode = std::fs::metadata(&path).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    writer.write_all(b"one\n").unwrap();
    std::fs::rename(&path, &old).unwrap();
    writer.write_all(b"two\n").unwrap();
    writer.reopen();
    writer.write_all(b"three\n").unwrap();
    assert_eq!(std::fs::read_to_string(&old).unwrap(), "one\ntwo\n");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
    // Out of reach: the old one goes on, and says why.
    writer.path = Some("/nowhere/log".into());
    writer.reopen();
    writer.write_all(b"four\n").unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text.contains("/nowhere/log cannot be opened anew"),
        "{text}"
    );
    assert!(text.ends_with("four\n"), "{text}");
    std::fs::remove_file(path).unwrap();
    std::fs::remove_file(old).unwrap();
}

#[test]
fn log_stays_off_the_data_channel() {
    // OpenThread's forkpty: one pty for all three.
    let pty = terminal(true);
    let all = streams(&pty.slave, &pty.slave);
    assert!(!all.log_goes_to_error(&Face::Stdio, true));
    assert!(!all.log_goes_to_error(&RAW, false));
    assert!(all.log_goes_to_error(&PTY, true));

    // Another descriptor of the same pty.
    let again = pty.slave.try_clone().unwrap();
    assert!(!streams(&pty.slave, &again).log_goes_to_error(&Face::Stdio, true));
    // Only the output.
    let input = socket();
    let mut only_output = streams(&pty.slave, &pty.slave);
    only_output.input = input.as_fd();
    assert!(!only_output.log_goes_to_error(&Face::Stdio, true));
}

#[test]
fn standard_error_is_refused_when_data_goes_there() {
    let (data, other, human) = (socket(), socket(), terminal(false));
    let chosen =
        |data, error, face: &Face| Sink::choose(&LogTarget::Stderr, face, &streams(data, error));
    let refused = chosen(&data, &data, &Face::Stdio);
    assert!(matches!(refused, Err(StartError::DataChannel)));
    assert!(chosen(&data, &other, &Face::Stdio).is_ok());
    assert!(chosen(&data, &data, &PTY).is_ok());
    // Typed in a shell.
    assert!(chosen(&human.slave, &human.slave, &Face::Stdio).is_ok());
}

#[test]
fn log_goes_where_somebody_reads() {
    let (data, other, human) = (socket(), socket(), terminal(false));
    assert!(streams(&data, &human.slave).log_goes_to_error(&Face::Stdio, true));
    assert!(!streams(&data, &other).log_goes_to_error(&Face::Stdio, true));
    assert!(!streams(&data, &data).log_goes_to_error(&PTY, true));
    // A container without syslog.
    assert!(streams(&data, &other).log_goes_to_error(&Face::Stdio, false));
}

#[test]
fn startup_errors_reach_the_human_and_not_the_program() {
    let (human, program) = (terminal(false), terminal(true));
    let (data, other) = (socket(), socket());
    let at_start =
        |data, error, face: Option<&Face>| streams(data, error).error_carries_data_at_start(face);
    // Typed in a shell, for whatever face.
    for face in [None, Some(&Face::Stdio), Some(&RAW), Some(&PTY)] {
        assert!(!at_start(&human.slave, &human.slave, face));
    }
    // OpenThread's forkpty.
    for face in [None, Some(&Face::Stdio), Some(&RAW)] {
        assert!(at_start(&program.slave, &program.slave, face));
    }
    // wpantund's socket pair, with and without standard error of its own.
    assert!(at_start(&data, &data, None));
    assert!(at_start(&data, &data, Some(&Face::Stdio)));
    assert!(!at_start(&data, &other, None));
    assert!(!at_start(&data, &other, Some(&Face::Stdio)));
    assert!(!at_start(&data, &data, Some(&PTY)));
}

#[test]
fn journal_is_known_by_device_and_inode() {
    let (journal, other) = (socket(), socket());
    let status = status(journal.as_fd()).unwrap();
    let stream = format!("{}:{}", status.dev(), status.ino());
    assert!(is_stream(journal.as_fd(), &stream));
    assert!(!is_stream(other.as_fd(), &stream));
    assert!(!is_stream(journal.as_fd(), ""));
}
