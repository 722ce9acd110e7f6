use super::*;
use nix::pty::openpty;
use nix::sys::socket::{socketpair, AddressFamily, SockFlag};
use nix::unistd::{pipe, read, write};
use std::fs::File;

const MTU: usize = 8;

fn sockets(kind: SockType) -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC).unwrap()
}

/// A channel over one end of a socket pair, and the other end.
fn over(kind: SockType) -> (Stdio, OwnedFd) {
    let (ours, theirs) = sockets(kind);
    let input = ours.try_clone().unwrap();
    (Stdio::new(input, ours, true).unwrap(), theirs)
}

/// A channel over two pipes: their write end, their read end.
fn over_pipes(frames: bool) -> (Stdio, OwnedFd, OwnedFd) {
    let (input, their_output) = pipe().unwrap();
    let (their_input, output) = pipe().unwrap();
    let stdio = Stdio::new(input, output, frames).unwrap();
    (stdio, their_output, their_input)
}

fn file(path: &str, write: bool) -> OwnedFd {
    let file = File::options().read(true).write(write).open(path);
    file.unwrap().into()
}

fn is_nonblocking(fd: &OwnedFd) -> bool {
    flags(fd).unwrap().contains(OFlag::O_NONBLOCK)
}

fn frame(stdio: &mut Stdio) -> Result<Frame, io::ErrorKind> {
    let mut buffer = [0xa5; 64];
    stdio
        .read_frame(&mut buffer, MTU)
        .map_err(|error| error.kind())
}

fn octets(stdio: &mut Stdio) -> Result<Vec<u8>, io::ErrorKind> {
    let mut buffer = [0xa5; 64];
    let length = stdio.read(&mut buffer).map_err(|error| error.kind())?;
    Ok(buffer[..length].to_vec())
}

fn receive(fd: &OwnedFd) -> Vec<u8> {
    let mut buffer = [0; 64];
    let length = read(fd, &mut buffer).unwrap();
    buffer[..length].to_vec()
}

#[test]
fn pipes_are_a_stream() {
    let (mut stdio, theirs, their_input) = over_pipes(false);
    assert!(stdio.pollable_input() && stdio.pollable_output());
    assert_eq!(octets(&mut stdio), Err(io::ErrorKind::WouldBlock));
    write(&theirs, b"abc").unwrap();
    write(&theirs, b"de").unwrap();
    assert_eq!(octets(&mut stdio).unwrap(), b"abcde");
    stdio.write(b"12").unwrap();
    stdio.write(b"3").unwrap();
    assert_eq!(receive(&their_input), b"123");

    drop(theirs);
    assert_eq!(octets(&mut stdio).unwrap(), b"");
    drop(their_input);
    let error = stdio.write(b"4").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn output_pipe_keeps_frames_apart() {
    let (mut stdio, _theirs, their_input) = over_pipes(true);
    stdio.write(b"12").unwrap();
    stdio.write(b"3").unwrap();
    assert_eq!(receive(&their_input), b"12");
    assert_eq!(receive(&their_input), b"3");
}

#[test]
fn full_pipe_blocks() {
    let (mut stdio, _theirs, _their_input) = over_pipes(false);
    let error = loop {
        if let Err(error) = stdio.write(&[0; 4096]) {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn datagrams_and_records_are_frames() {
    for kind in [SockType::Datagram, SockType::SeqPacket] {
        let (mut stdio, theirs) = over(kind);
        assert!(stdio.input_keeps_frames());
        assert_eq!(frame(&mut stdio), Err(io::ErrorKind::WouldBlock));
        write(&theirs, &[1; MTU]).unwrap();
        write(&theirs, &[2; MTU + 1]).unwrap();
        write(&theirs, &[3; 60]).unwrap();
        write(&theirs, &[4; 1]).unwrap();
        assert_eq!(frame(&mut stdio), Ok(Frame::Octets(MTU)));
        assert_eq!(frame(&mut stdio), Ok(Frame::TooLong));
        assert_eq!(frame(&mut stdio), Ok(Frame::TooLong));
        assert_eq!(frame(&mut stdio), Ok(Frame::Octets(1)));

        assert_eq!(stdio.write(b"12").unwrap(), 2);
        assert_eq!(stdio.write(b"3").unwrap(), 1);
        assert_eq!(receive(&theirs), b"12");
        assert_eq!(receive(&theirs), b"3");
    }
}

#[test]
fn empty_datagram_is_not_the_end() {
    let (mut stdio, theirs) = over(SockType::Datagram);
    write(&theirs, &[]).unwrap();
    assert_eq!(frame(&mut stdio), Ok(Frame::Empty));
    assert_eq!(frame(&mut stdio), Err(io::ErrorKind::WouldBlock));
}

#[test]
fn empty_record_is_not_the_end_and_the_end_is() {
    let (mut stdio, theirs) = over(SockType::SeqPacket);
    write(&theirs, &[]).unwrap();
    assert_eq!(frame(&mut stdio), Err(io::ErrorKind::WouldBlock));
    write(&theirs, &[]).unwrap();
    write(&theirs, b"x").unwrap();
    assert_eq!(frame(&mut stdio), Ok(Frame::Octets(1)));
    drop(theirs);
    assert_eq!(frame(&mut stdio), Ok(Frame::End));
}

#[test]
fn end_of_a_datagram_peer_is_found_by_a_write() {
    let (mut stdio, theirs) = over(SockType::Datagram);
    drop(theirs);
    assert_eq!(frame(&mut stdio), Err(io::ErrorKind::WouldBlock));
    for _ in 0..2 {
        let error = stdio.write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn what_a_peer_wrote_last_is_read_before_its_end() {
    for kind in [SockType::Stream, SockType::SeqPacket] {
        let (mut stdio, theirs) = over(kind);
        write(&theirs, b"last").unwrap();
        stdio.write(b"never read").unwrap();
        drop(theirs);
        assert_eq!(octets(&mut stdio).unwrap(), b"last", "{kind:?}");
        assert_eq!(octets(&mut stdio).unwrap(), b"", "{kind:?}");
        let error = stdio.write(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn frame_too_long_on_a_stream_starts_afresh() {
    let (mut stdio, theirs) = over(SockType::Stream);
    write(&theirs, &[1; 60]).unwrap();
    assert_eq!(frame(&mut stdio), Ok(Frame::TooLong));
    assert_eq!(frame(&mut stdio), Err(io::ErrorKind::WouldBlock));
    write(&theirs, &[1; 3]).unwrap();
    assert_eq!(frame(&mut stdio), Ok(Frame::Octets(3)));
}

#[test]
fn buffer_without_the_spare_octet_is_refused() {
    let (mut stdio, _theirs) = over(SockType::Datagram);
    let error = stdio.read_frame(&mut [0; MTU], MTU).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn null_is_always_ready_and_ends_at_once() {
    let (null, sink) = (file("/dev/null", false), file("/dev/null", true));
    let mut stdio = Stdio::new(null, sink, false).unwrap();
    assert!(!stdio.pollable_input() && !stdio.pollable_output());
    assert_eq!(octets(&mut stdio).unwrap(), b"");
    assert_eq!(stdio.write(b"gone").unwrap(), 4);
}

#[test]
fn regular_file_is_always_ready() {
    let input = file("/proc/self/exe", false);
    let mut stdio = Stdio::new(input, file("/dev/null", true), false).unwrap();
    assert!(!stdio.pollable_input());
    assert_eq!(&octets(&mut stdio).unwrap()[..4], b"\x7fELF");
}

#[test]
fn flags_are_put_back() {
    // The same open file twice, as in a terminal.
    let (ours, _theirs) = sockets(SockType::Stream);
    let [input, output] = [ours.try_clone().unwrap(), ours.try_clone().unwrap()];
    let stdio = Stdio::new(input, output, false).unwrap();
    assert!(is_nonblocking(&ours));
    drop(stdio);
    assert!(!is_nonblocking(&ours));

    // And what was set before stays set.
    let before = flags(&ours).unwrap() | OFlag::O_NONBLOCK;
    fcntl(&ours, FcntlArg::F_SETFL(before)).unwrap();
    let [input, output] = [ours.try_clone().unwrap(), ours.try_clone().unwrap()];
    drop(Stdio::new(input, output, false).unwrap());
    assert!(is_nonblocking(&ours));
}

#[test]
fn terminal_is_made_raw_and_put_back() {
    let pty = openpty(None, None).unwrap();
    let before = tcgetattr(&pty.slave).unwrap();
    let input = pty.slave.try_clone().unwrap();
    let output = pty.slave.try_clone().unwrap();
    let mut stdio = Stdio::new(input, output, false).unwrap();
    assert!(!changes_octets(&tcgetattr(&pty.slave).unwrap()));
    write(&pty.master, b"\r\n\x03\x11").unwrap();
    assert_eq!(octets(&mut stdio).unwrap(), b"\r\n\x03\x11");
    stdio.write(b"\n").unwrap();
    assert_eq!(receive(&pty.master), b"\n");

    drop(stdio);
    assert_eq!(tcgetattr(&pty.slave).unwrap(), before);
    assert!(!is_nonblocking(&pty.slave));
}

#[test]
fn terminal_that_is_raw_is_left_alone() {
    let pty = openpty(None, None).unwrap();
    let mut raw = tcgetattr(&pty.slave).unwrap();
    cfmakeraw(&mut raw);
    tcsetattr(&pty.slave, SetArg::TCSANOW, &raw).unwrap();
    let output = pty.slave.try_clone().unwrap();
    let stdio = Stdio::new(pty.slave, output, false).unwrap();
    assert!(stdio.input.settings.is_none() && stdio.output.settings.is_none());
}

#[test]
fn terminal_that_says_nothing_has_not_ended() {
    let pty = openpty(None, None).unwrap();
    let mut serial = tcgetattr(&pty.slave).unwrap();
    cfmakeraw(&mut serial);
    serial.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
    tcsetattr(&pty.slave, SetArg::TCSANOW, &serial).unwrap();
    let input = pty.slave.try_clone().unwrap();
    let output = pty.slave.try_clone().unwrap();
    let mut stdio = Stdio::new(input, output, false).unwrap();
    assert_eq!(octets(&mut stdio), Err(io::ErrorKind::WouldBlock));
    write(&pty.master, b"abc").unwrap();
    assert_eq!(octets(&mut stdio).unwrap(), b"abc");

    drop(stdio);
    assert_eq!(tcgetattr(&pty.slave).unwrap(), serial);
}

#[test]
fn hangup_of_the_terminal_is_the_end() {
    let pty = openpty(None, None).unwrap();
    let output = pty.slave.try_clone().unwrap();
    let mut stdio = Stdio::new(pty.slave, output, false).unwrap();
    drop(pty.master);
    assert_eq!(octets(&mut stdio).unwrap(), b"");
    let error = stdio.write(b"x").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}
