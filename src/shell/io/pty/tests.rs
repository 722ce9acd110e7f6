use super::*;
use core::time::Duration;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::termios::{BaudRate, ControlFlags, LocalFlags, SpecialCharacterIndices};

const MASTER: Token = Token(0);
const HINT: Token = Token(1);

fn client(pty: &Pty) -> File {
    open_slave(pty.name()).unwrap()
}

#[track_caller]
fn assert_blocks(result: io::Result<usize>) {
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[track_caller]
fn assert_no_client(result: io::Result<usize>) {
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::NotConnected);
}

fn read(pty: &mut Pty) -> Vec<u8> {
    let mut buffer = [0; 4096];
    let length = pty.read(&mut buffer).unwrap();
    buffer[..length].to_vec()
}

/// A pty with a client that we know of.
fn connected() -> (Pty, File) {
    let mut pty = Pty::open(None).unwrap();
    let client = client(&pty);
    assert_blocks(pty.read(&mut [0; 8]));
    assert_eq!(pty.state(), ClientState::Connected);
    (pty, client)
}

/// A poll with both descriptors, past the events of the registration itself.
fn watched(pty: &Pty) -> Poll {
    let mut poll = Poll::new().unwrap();
    let both = Interest::READABLE | Interest::WRITABLE;
    let registry = poll.registry();
    registry
        .register(&mut SourceFd(&pty.fd()), MASTER, both)
        .unwrap();
    registry
        .register(
            &mut SourceFd(&pty.hint_fd().unwrap()),
            HINT,
            Interest::READABLE,
        )
        .unwrap();
    wait(&mut poll);
    poll
}

/// The tokens with an event, and whether the master's was a hangup.
fn wait(poll: &mut Poll) -> (Vec<Token>, bool) {
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(Duration::from_millis(20)))
        .unwrap();
    let hangup = events
        .iter()
        .any(|e| e.token() == MASTER && e.is_read_closed());
    let mut tokens: Vec<Token> = events.iter().map(|e| e.token()).collect();
    tokens.sort_unstable();
    (tokens, hangup)
}

#[test]
fn nobody_is_there_at_first() {
    let mut pty = Pty::open(None).unwrap();
    assert_eq!(pty.state(), ClientState::NoClient);
    assert_no_client(pty.read(&mut [0; 8]));
    assert_no_client(pty.write(b"lost"));
}

#[test]
fn all_octets_pass_both_ways_unchanged() {
    let (mut pty, mut client) = connected();
    let all: Vec<u8> = (0..=255).collect();
    client.write_all(&all).unwrap();
    assert_eq!(read(&mut pty), all);
    // Nothing was echoed.
    assert_eq!(
        client.read(&mut [0; 8]).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    assert_eq!(pty.write(&all).unwrap(), all.len());
    let mut got = [0; 256];
    client.read_exact(&mut got).unwrap();
    assert_eq!(got[..], all);
}

#[test]
fn opening_gives_a_hint_and_closing_a_hangup() {
    let mut pty = Pty::open(None).unwrap();
    let mut poll = watched(&pty);

    let client = client(&pty);
    assert_eq!(wait(&mut poll), (vec![HINT], false));
    pty.drain_hints();
    assert_blocks(pty.read(&mut [0; 8]));
    assert_eq!(pty.state(), ClientState::Connected);

    drop(client);
    assert_eq!(wait(&mut poll), (vec![MASTER], true));
    assert_no_client(pty.read(&mut [0; 8]));
    assert_eq!(pty.state(), ClientState::NoClient);
}

#[test]
fn own_flush_wakes_once_and_no_more() {
    let (mut pty, client) = connected();
    let mut poll = watched(&pty);
    pty.drain_hints();
    drop(client);
    wait(&mut poll);
    assert_no_client(pty.read(&mut [0; 8]));

    assert_eq!(wait(&mut poll), (vec![MASTER], true));
    pty.drain_hints();
    assert_no_client(pty.read(&mut [0; 8]));
    assert_eq!(wait(&mut poll), (vec![], false));
}

#[test]
fn client_that_comes_during_the_flush_is_not_missed() {
    let (mut pty, first) = connected();
    let mut poll = watched(&pty);
    pty.drain_hints();
    drop(first);
    assert_no_client(pty.read(&mut [0; 8]));
    // Our own hint still waits, and so does this one.
    let mut second = client(&pty);
    second.write_all(b"hello").unwrap();
    assert!(wait(&mut poll).0.contains(&HINT));
    pty.drain_hints();
    assert_eq!(read(&mut pty), b"hello");
    assert_eq!(pty.state(), ClientState::Connected);
}

#[test]
fn what_a_client_wrote_last_is_read_before_it_is_gone() {
    let mut pty = Pty::open(None).unwrap();
    for round in 0..500u32 {
        let mut client = client(&pty);
        client.write_all(&round.to_be_bytes()).unwrap();
        drop(client);
        assert_eq!(read(&mut pty), round.to_be_bytes());
        assert_no_client(pty.read(&mut [0; 8]));
    }
}

#[test]
fn next_client_reads_no_stale_frames() {
    for octets in [5, 4096, 1 << 20] {
        let (mut pty, first) = connected();
        let stale = vec![0x7e; octets];
        let mut written = 0;
        while written < octets {
            match pty.write(&stale[written..]) {
                Ok(length) => written += length,
                Err(_) => break,
            }
        }
        drop(first);
        assert_no_client(pty.read(&mut [0; 8]));

        let mut second = client(&pty);
        let error = second.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        // And there is room again.
        assert_blocks(pty.read(&mut [0; 8]));
        assert_eq!(pty.write(b"fresh").unwrap(), 5);
        let mut got = [0; 5];
        second.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"fresh");
    }
}

#[test]
fn stale_frames_would_be_read_without_the_flush() {
    let (mut pty, first) = connected();
    assert_eq!(pty.write(b"stale").unwrap(), 5);
    drop(first);
    let mut second = client(&pty);
    let mut got = [0; 5];
    second.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"stale");
}

#[test]
fn terminal_settings_of_a_client_end_with_it() {
    let (mut pty, first) = connected();
    let mut cooked = tcgetattr(&first).unwrap();
    cooked.local_flags |= LocalFlags::ICANON | LocalFlags::ECHO;
    tcsetattr(&first, SetArg::TCSANOW, &cooked).unwrap();
    drop(first);
    // The kernel keeps them ...
    let probe = client(&pty);
    let kept = tcgetattr(&probe).unwrap().local_flags;
    assert!(kept.contains(LocalFlags::ICANON | LocalFlags::ECHO));
    drop(probe);
    // ... and we do not.
    assert_no_client(pty.read(&mut [0; 8]));
    let second = client(&pty);
    let reset = tcgetattr(&second).unwrap().local_flags;
    assert!(!reset.intersects(LocalFlags::ICANON | LocalFlags::ECHO));
}

#[test]
fn terminal_settings_of_a_short_visit_end_with_it() {
    let mut pty = Pty::open(None).unwrap();
    let mut poll = watched(&pty);
    // What `stty -F /dev/pts/N sane` does.
    let visitor = client(&pty);
    let mut cooked = tcgetattr(&visitor).unwrap();
    cooked.local_flags |= LocalFlags::ICANON | LocalFlags::ECHO;
    tcsetattr(&visitor, SetArg::TCSANOW, &cooked).unwrap();
    drop(visitor);
    assert_eq!(wait(&mut poll), (vec![MASTER, HINT], true));
    pty.drain_hints();
    assert_no_client(pty.read(&mut [0; 8]));
    // That we opened it to see to the rest is no hint, and once the end of that.
    let (woken, _) = wait(&mut poll);
    assert!(woken.iter().all(|token| *token == MASTER), "{woken:?}");
    assert_no_client(pty.read(&mut [0; 8]));
    assert_eq!(wait(&mut poll), (vec![], false));
    let local = tcgetattr(client(&pty)).unwrap().local_flags;
    assert!(!local.intersects(LocalFlags::ICANON | LocalFlags::ECHO));
}

/// What one client did to the terminal, so that the next one can talk as ever.
fn is_as_new(pty: &mut Pty, usual: &Termios) {
    let mut next = client(pty);
    next.write_all(b"ready").unwrap();
    let mut octets = [0; 8];
    assert_eq!(pty.read(&mut octets).unwrap(), 5);
    assert_eq!(&octets[..5], b"ready");
    assert_eq!(tcgetattr(&next).unwrap(), *usual);
    drop(next);
    assert_no_client(pty.read(&mut octets));
}

#[test]
fn output_that_a_client_stopped_goes_on_for_the_next_one() {
    let (mut pty, first) = connected();
    let usual = tcgetattr(&first).unwrap();
    tcflow(&first, FlowArg::TCOOFF).unwrap();
    drop(first);
    assert_no_client(pty.read(&mut [0; 8]));
    is_as_new(&mut pty, &usual);
    // Also by a visit that is over before it is seen.
    let visitor = client(&pty);
    tcflow(&visitor, FlowArg::TCOOFF).unwrap();
    drop(visitor);
    pty.drain_hints();
    assert_no_client(pty.read(&mut [0; 8]));
    is_as_new(&mut pty, &usual);
}

#[test]
#[allow(unsafe_code)]
fn another_line_discipline_and_odd_speeds_end_with_their_client() {
    let (mut pty, first) = connected();
    let usual = tcgetattr(&first).unwrap();
    let mut odd = usual.clone();
    odd.control_flags -= ControlFlags::CBAUD | ControlFlags::CREAD;
    odd.control_flags |= ControlFlags::from_bits_retain(BaudRate::B50 as u32);
    odd.control_flags |= ControlFlags::CRTSCTS | ControlFlags::CSTOPB;
    odd.control_chars[SpecialCharacterIndices::VTIME as usize] = 9;
    tcsetattr(&first, SetArg::TCSANOW, &odd).unwrap();
    // N_NULL (tty.h), which each kernel has: it reads and writes nothing.
    let null: nix::libc::c_int = 27;
    // SAFETY: TIOCSETD reads one `int`, which lives through the call.
    let set = unsafe { nix::libc::ioctl(first.as_raw_fd(), nix::libc::TIOCSETD, &null) };
    assert_eq!(set, 0, "{}", io::Error::last_os_error());
    drop(first);
    assert_no_client(pty.read(&mut [0; 8]));
    is_as_new(&mut pty, &usual);
}

#[test]
fn full_pty_blocks_and_goes_on_when_read() {
    let (mut pty, mut client) = connected();
    let mut written = 0;
    let error = loop {
        match pty.write(&[0x55; 512]) {
            Ok(length) => written += length,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    let mut poll = watched(&pty);
    let mut got = 0;
    let mut buffer = [0; 4096];
    while let Ok(length) = client.read(&mut buffer) {
        got += length;
    }
    assert!(got > 0 && got <= written);
    assert_eq!(wait(&mut poll), (vec![MASTER], false));
    assert!(pty.write(b"more").is_ok());
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("spinel-bridge-{name}-{}", std::process::id()))
}

#[test]
fn symlink_comes_and_goes_with_the_pty() {
    let link = scratch("link");
    let pty = Pty::open(Some(&link)).unwrap();
    assert_eq!(fs::read_link(&link).unwrap(), pty.name());
    drop(pty);
    assert!(!link.is_symlink());
}

#[test]
fn symlink_of_another_is_replaced_and_then_left_to_it() {
    let link = scratch("taken");
    symlink("/dev/pts/gone", &link).unwrap();
    let first = Pty::open(Some(&link)).unwrap();
    let second = Pty::open(Some(&link)).unwrap();
    drop(first);
    assert_eq!(fs::read_link(&link).unwrap(), second.name());
    drop(second);
    assert!(!link.is_symlink());
}

#[test]
fn anything_but_a_symlink_is_left_alone() {
    let link = scratch("file");
    fs::write(&link, "precious").unwrap();
    let error = Pty::open(Some(&link)).unwrap_err().to_string();
    assert!(error.contains("not a symlink"), "{error}");
    assert_eq!(fs::read_to_string(&link).unwrap(), "precious");
    fs::remove_file(&link).unwrap();
}

#[test]
fn symlink_without_a_directory_is_explained() {
    let link = scratch("nowhere").join("link");
    let error = Pty::open(Some(&link)).unwrap_err().to_string();
    assert!(error.contains("directory must exist"), "{error}");
}
