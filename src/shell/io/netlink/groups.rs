//! Multicast groups of the interface: ours, and those of others on this host.

use crate::host::kernel::Event;
use nix::sys::socket::{socket, AddressFamily, SockFlag, SockType};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::net::{Ipv6Addr, UdpSocket};

/// A socket that is in our groups, and the groups of others as they were seen last.
#[derive(Debug)]
pub(super) struct Groups {
    /// It is bound to no port, so nothing is ever received.
    socket: UdpSocket,
    /// The groups of all interfaces. Kept open: it is out of reach in a sandbox and below another root.
    file: File,
    index: u32,
    ours: BTreeSet<Ipv6Addr>,
    others: BTreeSet<Ipv6Addr>,
}

impl Groups {
    pub(super) fn open(index: u32) -> io::Result<Self> {
        let kind = SockType::Datagram;
        let socket = socket(AddressFamily::Inet6, kind, SockFlag::SOCK_CLOEXEC, None)?;
        Ok(Groups {
            socket: UdpSocket::from(socket),
            file: File::open(PATH)?,
            index,
            ours: BTreeSet::new(),
            others: BTreeSet::new(),
        })
    }

    pub(super) fn join(&mut self, group: Ipv6Addr) -> io::Result<()> {
        self.socket.join_multicast_v6(&group, self.index)?;
        self.ours.insert(group);
        Ok(())
    }

    pub(super) fn leave(&mut self, group: Ipv6Addr) -> io::Result<()> {
        self.ours.remove(&group);
        self.socket.leave_multicast_v6(&group, self.index)
    }

    /// Joins what was joined once more: the kernel forgets memberships, but not that the socket has them, when
    /// it makes its state of the interface anew.
    pub(super) fn join_again(&mut self) {
        for group in &self.ours {
            // Where it has forgotten, there is nothing to leave; where it has not, joining is as before.
            let _ = self.socket.leave_multicast_v6(group, self.index);
            if let Err(error) = self.socket.join_multicast_v6(group, self.index) {
                log::debug!("joining {group} again: {error}");
            }
        }
    }

    /// What others joined and left since the last time.
    pub(super) fn refresh(&mut self) -> io::Result<Vec<Event>> {
        let mut text = String::new();
        self.file.rewind()?;
        (&self.file).take(FILE_MAX).read_to_string(&mut text)?;
        let others = others(&text, self.index, &self.ours);
        let joined = others
            .difference(&self.others)
            .map(|group| Event::GroupJoined(*group));
        let left = self
            .others
            .difference(&others)
            .map(|group| Event::GroupLeft(*group));
        let events = left.chain(joined).collect();
        self.others = others;
        Ok(events)
    }
}

/// The groups of the interface that have another member than our socket. A line is index, name, group
/// in hex, members, flags, timer.
fn others(text: &str, index: u32, ours: &BTreeSet<Ipv6Addr>) -> BTreeSet<Ipv6Addr> {
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let of: u32 = words.next()?.parse().ok()?;
        let group = words.nth(1)?;
        let group = Ipv6Addr::from(u128::from_str_radix(group, 16).ok()?);
        let members: u32 = words.next()?.parse().ok()?;
        let own = u32::from(ours.contains(&group));
        (of == index && members > own).then_some(group)
    };
    let mut others = BTreeSet::new();
    // One by one: collect() sorts first, with 4 kB of code.
    others.extend(text.lines().filter_map(line));
    others
}

/// Of the calling thread's network namespace: `/proc/net` is the one of the process.
pub(super) const PATH: &str = "/proc/thread-self/net/igmp6";

/// Some thousand groups of all interfaces together.
const FILE_MAX: u64 = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_members_besides_us_count() {
        let text = "\
1    lo              ff020000000000000000000000000001     1 0000000C 0
7    wpan0           ff050000000000000000000000000002     1 00000004 0
7    wpan0           ff030000000000000000000000000001     1 00000004 0
7    wpan0           ff03000000000000000000000000abcd     2 00000004 0
7    wpan0           nonsense 1 0 0
7    wpan0
";
        let ip = |text: &str| text.parse::<Ipv6Addr>().unwrap();
        let ours = BTreeSet::from([ip("ff03::1"), ip("ff03::abcd")]);
        let found = others(text, 7, &ours);
        assert_eq!(found, BTreeSet::from([ip("ff03::abcd"), ip("ff05::2")]));
    }
}
