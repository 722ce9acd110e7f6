use super::*;
use nix::pty::{openpty, OpenptyResult};
use nix::sys::termios::{tcgetattr, ControlFlags, InputFlags, LocalFlags};
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::fs::symlink;

const FRAME: &[u8] = &[0x7E, 0x81, 0x00, 0x53, 0x9A, 0x7E];

/// The clock of a test: it goes on by a second for each look.
struct Clock(Instant);

impl Clock {
    fn tick(&mut self) -> Instant {
        self.0 = self.0 + Duration::from_secs(1);
        self.0
    }
}

fn clock() -> Clock {
    Clock(Instant::ZERO)
}

/// Tends until it is open, a real millisecond for each second of `clock`.
#[track_caller]
fn wait_open(stream: &mut Stream, clock: &mut Clock) {
    for _ in 0..10_000 {
        if stream.tend(clock.tick()) == Some(Change::Opened) {
            assert!(stream.is_open() && stream.fd().is_some());
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it does not open: {stream:?}");
}

/// Reads so many octets, or up to the loss.
#[track_caller]
fn read(stream: &mut Stream, len: usize, now: Instant) -> Vec<u8> {
    let mut octets = Vec::new();
    for _ in 0..10_000 {
        let mut buffer = [0; 64];
        match stream.read(&mut buffer, now) {
            Read::Octets(n) => octets.extend_from_slice(&buffer[..n]),
            Read::Blocked => std::thread::sleep(Duration::from_millis(1)),
            other => {
                assert_eq!(other, Read::NoClient);
                return octets;
            }
        }
        if octets.len() >= len {
            return octets;
        }
    }
    panic!("nothing comes");
}

#[track_caller]
fn assert_lost(stream: &mut Stream, now: Instant) {
    assert_eq!(read(stream, 1, now), b"");
    assert!(!stream.is_open() && stream.fd().is_none());
    assert_eq!(stream.read(&mut [0; 8], now), Read::NoClient);
    assert_eq!(stream.write(FRAME, now), Write::NoClient);
}

fn system(command: &str) -> Device {
    Device::System(command.to_owned())
}

/// A file name that no other test has.
fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("spinel-bridge-{name}-{}", std::process::id()))
}

#[test]
fn a_command_gets_and_gives_octets() {
    let mut clock = clock();
    let mut stream = Stream::open(&system("exec cat"), clock.0).unwrap();
    assert_eq!(stream.poll_timeout(), Some(Instant::ZERO));
    assert_eq!(stream.tend(clock.0), Some(Change::Opened));
    assert_eq!((stream.tend(clock.0), stream.poll_timeout()), (None, None));
    assert_eq!(stream.read(&mut [0; 8], clock.0), Read::Blocked);
    assert_eq!(stream.write(FRAME, clock.0), Write::Octets(FRAME.len()));
    assert_eq!(read(&mut stream, FRAME.len(), clock.tick()), FRAME);
    assert_eq!(stream.read(&mut [], clock.0), Read::Octets(0));
}

#[test]
fn a_command_that_reads_nothing_blocks_the_writer() {
    let now = Instant::ZERO;
    let mut stream = Stream::open(&system("exec sleep 1000"), now).unwrap();
    let octets = [0x55; 65_536];
    let blocked = (0..1_000).any(|_| stream.write(&octets, now) == Write::Blocked);
    assert!(blocked);
}

#[test]
fn a_command_that_dies_is_run_again_after_growing_pauses() {
    let mut clock = clock();
    let mut stream = Stream::open(&system("printf hello; exit 3"), clock.0).unwrap();
    for pause in [1, 2, 4, 8, 16, 32, 32] {
        wait_open(&mut stream, &mut clock);
        let now = clock.0;
        assert_eq!(read(&mut stream, 5, now), b"hello");
        assert_lost(&mut stream, now);
        // Reaped: nothing but the pause is left to wait for.
        while stream.ending.is_some() {
            stream.tend(now);
        }
        let due = now + Duration::from_secs(pause);
        assert_eq!(stream.poll_timeout(), Some(due));
        assert_eq!(stream.tend(due - Duration::from_micros(1)), None);
        assert!(!stream.is_open());
        clock.0 = due;
    }
    // One that held for long begins with a short pause again.
    wait_open(&mut stream, &mut clock);
    read(&mut stream, 5, clock.0);
    let later = clock.0 + STEADY;
    assert_lost(&mut stream, later);
    assert_eq!(stream.pause, 2 * RETRY_FIRST);
}

/// Two at a time would fight for what they have in hand.
#[test]
fn a_command_is_not_run_again_before_the_last_one_is_gone() {
    let deaf = "trap '' HUP TERM; exec sleep 1000 <&- >&-";
    let start = Instant::ZERO;
    let mut stream = Stream::open(&system(deaf), start).unwrap();
    assert_eq!(stream.tend(start), Some(Change::Opened));
    assert_lost(&mut stream, start);
    // Its pause is over, it is told to end once more, and it lives.
    let second = Duration::from_secs(1);
    assert_eq!(stream.tend(start + second), None);
    assert!(stream.ending.is_some() && !stream.is_open());
    let mut clock = Clock(start + second);
    wait_open(&mut stream, &mut clock);
    assert!(clock.0 >= start + 2 * second && stream.ending.is_none());
}

#[test]
fn a_stream_that_is_closed_stays_closed_until_it_is_opened() {
    let mut clock = clock();
    let mut stream = Stream::open(&system("exec cat"), clock.0).unwrap();
    wait_open(&mut stream, &mut clock);
    assert!(!stream.is_released());
    stream.close(clock.0);
    for _ in 0..10_000 {
        if stream.is_released() {
            break;
        }
        assert_eq!(stream.tend(clock.tick()), None);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(stream.is_released());
    assert_eq!(stream.poll_timeout(), None);
    assert_eq!(stream.tend(clock.tick()), None);
    stream.reopen(clock.0);
    assert_eq!(stream.poll_timeout(), Some(clock.0));
    wait_open(&mut stream, &mut clock);
    stream.write(FRAME, clock.0);
    assert_eq!(read(&mut stream, FRAME.len(), clock.0), FRAME);
}

#[test]
fn tcp_connects_when_the_other_end_is_there_and_again_after_a_break() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut clock = clock();
    let mut stream = Stream::open(&Device::Tcp(address), clock.0).unwrap();
    assert!(!stream.is_open());
    assert_eq!(stream.poll_timeout(), Some(clock.0 + RETRY_FIRST));
    assert_eq!(stream.tend(clock.tick()), None);

    let listener = TcpListener::bind(address).unwrap();
    for _ in 0..2 {
        wait_open(&mut stream, &mut clock);
        let (mut peer, _) = listener.accept().unwrap();
        let State::Open {
            end: End::Tcp(ours),
            ..
        } = &stream.state
        else {
            panic!("{stream:?}");
        };
        assert!(ours.nodelay().unwrap());
        assert_eq!(stream.write(FRAME, clock.0), Write::Octets(FRAME.len()));
        let mut got = [0; FRAME.len()];
        peer.read_exact(&mut got).unwrap();
        peer.write_all(&got).unwrap();
        assert_eq!(read(&mut stream, FRAME.len(), clock.0), FRAME);
        drop(peer);
        assert_lost(&mut stream, clock.0);
    }
}

#[test]
fn a_connection_that_never_stands_is_given_up() {
    // A listener whose queue is full answers nobody.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    nix::sys::socket::listen(&listener, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let filler: Vec<_> = (0..4).map(|_| tcp::begin(address).unwrap()).collect();
    let now = Instant::ZERO;
    let mut stream = Stream::open(&Device::Tcp(address), now).unwrap();
    assert_eq!(stream.poll_timeout(), Some(now + CONNECT_LOOK));
    assert_eq!(stream.tend(now + CONNECT_LOOK), None);
    let late = now + CONNECT_TIME;
    assert_eq!(stream.tend(late), None);
    assert_eq!(stream.poll_timeout(), Some(late + RETRY_FIRST));
    drop(filler);
}

fn pty() -> (File, PathBuf) {
    let OpenptyResult { master, slave } = openpty(None, None).unwrap();
    let name = nix::unistd::ttyname(&slave).unwrap();
    (File::from(master), name)
}

#[test]
fn a_serial_port_is_raw_and_comes_back_when_it_was_unplugged() {
    let path = scratch("serial");
    let device = Device::Serial {
        path: path.clone(),
        speed: 1_000_000,
        rtscts: false,
        xonxoff: false,
        now: false,
    };
    let mut clock = clock();

    let (mut master, name) = pty();
    symlink(&name, &path).unwrap();
    let mut stream = Stream::open(&device, clock.0).unwrap();
    let again = Stream::open(&device, clock.0).unwrap_err().to_string();
    assert!(again.contains("another program has it"), "{again}");
    // One that is lost again soon goes on with its pauses.
    for pauses in [[1, 2, 4, 4], [4; 4]] {
        wait_open(&mut stream, &mut clock);
        let settings = tcgetattr(&master).unwrap();
        assert!(!settings
            .local_flags
            .contains(LocalFlags::ECHO | LocalFlags::ICANON));
        assert!(settings
            .control_flags
            .contains(ControlFlags::CS8 | ControlFlags::CLOCAL));
        assert!(!settings
            .control_flags
            .intersects(ControlFlags::CRTSCTS | ControlFlags::HUPCL));
        let speed = settings.control_flags & ControlFlags::CBAUD;
        assert_eq!(speed.bits(), nix::sys::termios::BaudRate::B1000000 as u32);
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(stream.write(&all, clock.0), Write::Octets(all.len()));
        let mut got = [0; 256];
        master.read_exact(&mut got).unwrap();
        assert_eq!(got[..], all);
        master.write_all(&all).unwrap();
        assert_eq!(read(&mut stream, all.len(), clock.0), all);

        // Unplugged, and nothing is there for a while.
        std::fs::remove_file(&path).unwrap();
        drop(master);
        let lost_at = clock.0;
        assert_lost(&mut stream, lost_at);
        let mut due = lost_at;
        for pause in pauses {
            due = due + Duration::from_secs(pause);
            assert_eq!(stream.poll_timeout(), Some(due));
            assert_eq!(stream.tend(due), None);
            clock.0 = due;
        }
        let (next, name) = pty();
        master = next;
        symlink(&name, &path).unwrap();
    }
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_serial_port_is_waited_for_unless_it_is_wanted_at_once() {
    let path = scratch("later");
    let device = |now| Device::Serial {
        path: path.clone(),
        speed: 115_200,
        rtscts: false,
        xonxoff: false,
        now,
    };
    let start = Instant::ZERO;
    let error = Stream::open(&device(true), start).unwrap_err().to_string();
    assert!(error.contains("plugged in"), "{error}");

    let mut stream = Stream::open(&device(false), start).unwrap();
    for (second, next, is_lasting) in [(0, 1, false), (1, 3, false), (3, 7, true), (7, 11, true)] {
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(stream.tend(at(second)), None);
        assert_eq!(stream.poll_timeout(), Some(at(next)));
        let (trouble, lasts) = stream.trouble().unwrap();
        assert!(trouble.contains("plugged in"), "{trouble}");
        assert_eq!(lasts, is_lasting, "{second}");
    }
    let (_master, name) = pty();
    symlink(&name, &path).unwrap();
    let mut clock = Clock(start + Duration::from_secs(10));
    wait_open(&mut stream, &mut clock);
    assert_eq!(stream.trouble(), None);
    std::fs::remove_file(&path).unwrap();
}

/// Who waits for what is there and cannot be used waits in vain.
#[test]
fn each_reason_is_told_once() {
    let path = scratch("reasons");
    let device = Device::Serial {
        path: path.clone(),
        speed: 115_200,
        rtscts: false,
        xonxoff: false,
        now: false,
    };
    let mut now = Instant::ZERO;
    let mut stream = Stream::open(&device, now).unwrap();
    let mut try_at_once = |stream: &mut Stream| {
        now = now + RETRY_LONGEST_PORT;
        stream.tend(now);
        stream.told.len()
    };
    assert_eq!(try_at_once(&mut stream), 1);
    symlink("/tmp", &path).unwrap();
    for told in [2, 2] {
        assert_eq!(try_at_once(&mut stream), told);
        let (trouble, lasts) = stream.trouble().unwrap();
        assert!(trouble.contains("a folder") && lasts, "{trouble}");
    }
    // Both are a wrong thing in the port's place, in different words.
    std::fs::remove_file(&path).unwrap();
    symlink("/dev/null", &path).unwrap();
    assert_eq!(try_at_once(&mut stream), 3);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(try_at_once(&mut stream), 3);
}

#[test]
fn what_is_no_stream() {
    let device: Device = "sim:".parse().unwrap();
    let error = Stream::open(&device, Instant::ZERO)
        .unwrap_err()
        .to_string();
    assert_eq!(error, "cannot open sim:: it is no stream of octets");
}

#[test]
fn xoff_holds_a_port_up_that_was_asked_for_it_until_xon() {
    for xonxoff in [true, false] {
        let (mut master, name) = pty();
        let device = Device::Serial {
            path: name,
            speed: 115_200,
            rtscts: false,
            xonxoff,
            now: true,
        };
        let mut clock = clock();
        let mut stream = Stream::open(&device, clock.0).unwrap();
        wait_open(&mut stream, &mut clock);
        let settings = tcgetattr(&master).unwrap();
        let flags = InputFlags::IXON | InputFlags::IXOFF;
        assert_eq!(settings.input_flags.contains(flags), xonxoff);
        master.write_all(&[0x13]).unwrap();
        // A pty hands what comes to its other end in a moment of its own.
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        let mut taken = 0;
        loop {
            if !xonxoff {
                break;
            }
            match stream.write(b"~", clock.0) {
                Write::Octets(n) => taken += n,
                Write::Blocked => break,
                other => panic!("{other:?}"),
            }
            assert!(std::time::Instant::now() < deadline, "{taken} after XOFF");
            std::thread::sleep(Duration::from_millis(1));
        }
        master.write_all(&[0x11]).unwrap();
        loop {
            match stream.write(b"!", clock.0) {
                Write::Octets(1) => break,
                Write::Blocked => std::thread::sleep(Duration::from_millis(1)),
                other => panic!("{other:?}"),
            }
            assert!(std::time::Instant::now() < deadline, "XON is not heard");
        }
        let mut got = vec![0; taken + 1];
        master.read_exact(&mut got).unwrap();
        assert_eq!(got.last(), Some(&b'!'));
    }
}
