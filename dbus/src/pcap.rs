//! PcapToFd: frames into a file descriptor of the caller, as a pcap file with TAP headers.

use crate::bus::{Call, Reply};
use crate::control::{lock, next_line, Link};
use crate::ctx::Ctx;
use crate::instance::Instance;
use crate::status;
use crate::val::Val;
use crate::values::unhex;
use nix::poll::{poll, PollFd, PollFlags, PollTimeout};
use spinel_bridge::ctl::line::Told;
use spinel_bridge::ctl::{Answer, Failure, Field, Fields};
use std::fs::File;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

pub(crate) fn to_fd(ctx: &Ctx<'_>, call: &Call) -> Result<Reply, Failure> {
    let Some(Val::Fd(fd)) = call.args.first() else {
        return Ok(Reply::status(status::FAILURE));
    };
    // Now, so that nothing is missed after the reply, and with what the daemon says at once.
    let Ok((link, lines, _)) = Link::open(&ctx.instance.socket) else {
        return Ok(Reply::status(status::TIMEOUT));
    };
    let fd = match fd.try_clone() {
        Ok(fd) => fd,
        Err(_) => return Ok(Reply::status(status::FAILURE)),
    };
    let Ok(stream) = lines.get_ref().try_clone() else {
        return Ok(Reply::status(status::FAILURE));
    };
    {
        let mut known = lock(&ctx.instance.known);
        if known.sniffing.len() >= SNIFFERS_MAX {
            return Ok(Reply::status(status::BUSY));
        }
        known.sniffing.push(stream);
    }
    let instance = Arc::clone(ctx.instance);
    let run = move || {
        let _ = sniff(&link, lines, fd);
        link.close();
        forget_closed(&instance);
    };
    match thread::Builder::new().name("pcap".into()).spawn(run) {
        Ok(_) => Ok(Reply::status(status::OK)),
        Err(_) => Ok(Reply::status(status::FAILURE)),
    }
}

/// Ends all of them.
pub(crate) fn terminate(ctx: &Ctx<'_>, _: &Call) -> Result<Reply, Failure> {
    for stream in lock(&ctx.instance.known).sniffing.drain(..) {
        let _ = stream.shutdown(Shutdown::Both);
    }
    Ok(Reply::status(status::OK))
}

fn forget_closed(instance: &Instance) {
    let is_open = |stream: &UnixStream| {
        let mut fds = [PollFd::new(stream.as_fd(), PollFlags::empty())];
        let ended = poll(&mut fds, PollTimeout::ZERO).is_ok_and(|n| n > 0);
        !ended
    };
    lock(&instance.known).sniffing.retain(is_open);
}

fn sniff(link: &Link, mut lines: crate::control::Lines, fd: OwnedFd) -> io::Result<()> {
    let mut file = File::from(fd);
    file.write_all(&header())?;
    link.tell("1", "pcap")?;
    loop {
        if lines.buffer().is_empty() {
            // Whoever reads may have gone while nothing is on the air.
            let stream = lines.get_ref();
            let mut fds = [
                PollFd::new(stream.as_fd(), PollFlags::POLLIN),
                PollFd::new(file.as_fd(), PollFlags::empty()),
            ];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) => {}
                Err(nix::errno::Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            }
            if fds[1].any().unwrap_or(true) {
                return Ok(());
            }
        }
        match next_line(&mut lines)? {
            None => return Ok(()),
            Some(Ok(Told::Answer {
                answer: Answer::Row(row),
                ..
            })) => {
                if let Some(record) = record(&row) {
                    file.write_all(&record)?;
                }
            }
            Some(Ok(Told::Answer {
                answer: Answer::Done | Answer::Failed(_),
                ..
            })) => return Ok(()),
            Some(_) => {}
        }
    }
}

/// The header of a pcap file, of host order: version 2.4, frames with TAP headers.
fn header() -> Vec<u8> {
    let mut header = 0xA1B2_C3D4_u32.to_ne_bytes().to_vec();
    header.extend(2_u16.to_ne_bytes());
    header.extend(4_u16.to_ne_bytes());
    header.extend([0; 8]);
    header.extend(SNAP_LEN.to_ne_bytes());
    header.extend(LINKTYPE_IEEE802_15_4_TAP.to_ne_bytes());
    header
}

fn record(row: &Fields) -> Option<Vec<u8>> {
    let text = |name: &str| match row.get(name) {
        Some(Field::Word(text) | Field::Text(text)) => Some(text.clone()),
        Some(Field::Number(n)) => Some(n.to_string()),
        _ => None,
    };
    let number = |name: &str| match row.get(name) {
        Some(Field::Number(n)) => Some(*n),
        _ => None,
    };
    let frame = unhex(&text("frame")?)?;
    let mut tap = Vec::new();
    let has_fcs = matches!(row.get("fcs"), Some(Field::Bool(true)));
    tlv(&mut tap, 0, &[u8::from(has_fcs)]);
    if let Some(rssi) = number("rssi") {
        tlv(&mut tap, 1, &(rssi as f32).to_le_bytes());
    }
    if let Some(channel) = number("channel") {
        tlv(&mut tap, 3, &[channel as u8, 0, 0]);
    }
    if let Some(lqi) = number("lqi") {
        tlv(&mut tap, 10, &[lqi as u8]);
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let length = u16::try_from(tap.len() + 4).ok()?;
    let total = u32::try_from(tap.len() + 4 + frame.len()).ok()?;
    let mut record = (now.as_secs() as u32).to_ne_bytes().to_vec();
    record.extend(now.subsec_micros().to_ne_bytes());
    record.extend(total.to_ne_bytes());
    record.extend(total.to_ne_bytes());
    record.extend([0, 0]);
    record.extend(length.to_le_bytes());
    record.extend(tap);
    record.extend(frame);
    Some(record)
}

/// A TLV of the TAP header, padded to 4 octets.
fn tlv(tap: &mut Vec<u8>, kind: u16, value: &[u8]) {
    tap.extend(kind.to_le_bytes());
    tap.extend((value.len() as u16).to_le_bytes());
    tap.extend(value);
    tap.resize(tap.len().next_multiple_of(4), 0);
}

const SNAP_LEN: u32 = 256;

/// tcpdump.org/linktypes.html.
const LINKTYPE_IEEE802_15_4_TAP: u32 = 283;

/// Each has a thread and two descriptors.
const SNIFFERS_MAX: usize = 8;
