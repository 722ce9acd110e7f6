//! The kernel's side of the network interface, over rtnetlink(7): changes go in, events come out.
//!
//! Requests and events share one socket. The kernel acts on a request while it is sent, so that all
//! that is read after [`Netlink::apply`] is in order: its acknowledgement comes after all that happened
//! before, and becomes [`Event::Answered`].
//!
//! Groups are joined by a socket of our own, and go with it. What others joined is found in
//! `/proc/net/igmp6`: the kernel tells of it only by the reports that it sends through the interface.

mod groups;
mod message;

use crate::host::kernel::{Address, Change, Event};
use groups::Groups;
use message::Message;
use netlink_sys::{protocols::NETLINK_ROUTE, Socket, SocketAddr};
use nix::errno::Errno;
use nix::libc;
use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// The way to the kernel for one interface. Nothing here blocks.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
    groups: Groups,
    interface: String,
    index: u32,
    sequence: u32,
    /// Changes whose acknowledgement has not come.
    waiting: VecDeque<Waiting>,
    dump: Dump,
    events: VecDeque<Event>,
    buffer: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    sequence: u32,
    change: Change,
    /// What the kernel told of the address since.
    told: Option<bool>,
}

/// The list of all addresses that the kernel was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Dump {
    /// Of the request; `None`: none is under way.
    sequence: Option<u32>,
    /// Its first part has come.
    begun: bool,
    /// Something was lost meanwhile: it is to be asked for again.
    again: bool,
}

impl Netlink {
    /// Opens the sockets and makes the interface ready: MTU 1280, and none of what the kernel does to
    /// an interface by itself, because the co-processor does it: no link-local address, no router
    /// solicitations, no duplicate address detection. The interface is left up or down as it is. All
    /// its addresses follow as events.
    ///
    /// Of the network namespace of the calling thread.
    ///
    /// # Errors
    /// What could not be done, and what to do.
    pub fn open(interface: &str) -> Result<Self, OpenError> {
        let failed = |doing| {
            move |cause| OpenError {
                interface: interface.to_owned(),
                doing,
                cause,
            }
        };
        let index = nix::net::if_::if_nametoindex(interface)
            .map_err(|errno| failed("find it")(errno.into()))?;
        // First, so that the kernel has not begun yet when the interface comes up.
        quieten(interface);
        let socket = open_socket().map_err(failed("open a netlink socket for it"))?;
        let groups = Groups::open(index).map_err(failed("open an IPv6 socket for it"))?;
        let mut netlink = Netlink {
            socket,
            groups,
            interface: interface.to_owned(),
            index,
            sequence: 0,
            waiting: VecDeque::new(),
            dump: Dump::default(),
            events: VecDeque::new(),
            buffer: vec![0; BUFFER],
        };
        let sequence = netlink.next_sequence();
        netlink
            .send(&message::set_up_link(index, sequence))
            .map_err(failed("set its MTU"))?;
        netlink.list().map_err(failed("list its addresses"))?;
        Ok(netlink)
    }

    /// The descriptor that becomes readable with an event.
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// The number of the interface.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Changes something. Whether it worked is logged later; a change of an address is answered by
    /// [`Event::Answered`], so call [`Netlink::poll_event`] after this.
    pub fn apply(&mut self, change: &Change) {
        let result = match change {
            Change::JoinGroup(group) => self.groups.join(*group),
            Change::LeaveGroup(group) => self.groups.leave(*group),
            _ => self.request(change),
        };
        if let Err(error) = result {
            self.failed(change, &error);
        }
    }

    /// The next event; `None` when there is none, and the descriptor will become readable with the
    /// next one.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.receive() {
                Ok(length) => self.take(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is(&error, Errno::ENOBUFS) => self.lost(),
                Err(error) => {
                    log::error!("{}: reading from netlink: {error}", self.interface);
                    return None;
                }
            }
        }
    }

    /// Looks which groups others on this host are in; what changed follows as events. To be called
    /// when the kernel sends a listener report through the interface, and once at start.
    pub fn refresh_groups(&mut self) {
        match self.groups.refresh() {
            Ok(events) => self.events.extend(events),
            Err(error) => {
                log::warn!("{}: {}: {error}", self.interface, groups::PATH);
            }
        }
    }

    fn request(&mut self, change: &Change) -> io::Result<()> {
        let sequence = self.next_sequence();
        let Some(request) = message::change(self.index, sequence, change) else {
            return Ok(());
        };
        self.send(&request)?;
        if self.waiting.len() >= WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting {
            sequence,
            change: *change,
            told: None,
        });
        Ok(())
    }

    /// Asks for the state of the interface and for its addresses.
    fn list(&mut self) -> io::Result<()> {
        let sequence = self.next_sequence();
        self.send(&message::get_link(self.index, sequence))?;
        let sequence = self.next_sequence();
        self.send(&message::list_addresses(sequence))?;
        self.dump.sequence = Some(sequence);
        self.dump.again = false;
        Ok(())
    }

    /// The kernel had more to tell than the socket holds.
    fn lost(&mut self) {
        log::info!(
            "{}: events of the kernel were lost: its addresses are listed again",
            self.interface
        );
        if self.dump.sequence.is_some() {
            self.dump.again = true;
        } else {
            self.list_again();
        }
    }

    fn list_again(&mut self) {
        if let Err(error) = self.list() {
            log::error!("{}: listing its addresses: {error}", self.interface);
            self.dump = Dump::default();
        }
    }

    fn take(&mut self, length: usize) {
        let buffer = core::mem::take(&mut self.buffer);
        let datagram = buffer.get(..length).unwrap_or(&buffer);
        for (sequence, message) in message::read(datagram) {
            let listed = !matches!(message, Message::Answer(_));
            if listed && self.dump.sequence == Some(sequence) && !self.dump.begun {
                self.dump.begun = true;
                self.events.push_back(Event::ListBegins);
            }
            self.handle(sequence, message);
        }
        if length > buffer.len() {
            self.lost();
        }
        self.buffer = buffer;
    }

    fn handle(&mut self, sequence: u32, message: Message) {
        match message {
            Message::Link { index, up } if index == self.index => {
                self.events.push_back(Event::Up(up));
            }
            Message::Address {
                index,
                address,
                added,
            } if index == self.index => {
                for waiting in &mut self.waiting {
                    let changed = address_of(&waiting.change);
                    if matches!(changed, Some(changed) if changed.address == address.address) {
                        waiting.told = Some(added);
                    }
                }
                self.events.push_back(if added {
                    Event::AddressAdded(address)
                } else {
                    Event::AddressRemoved(address)
                });
            }
            Message::Address { address, added, .. } => self.events.push_back(match added {
                true => Event::ElsewhereAdded(address),
                false => Event::ElsewhereRemoved(address),
            }),
            Message::Interrupted => self.dump.again = true,
            Message::Done if self.dump.sequence == Some(sequence) => self.listed(sequence),
            Message::Answer(errno) => self.answered(sequence, errno),
            _ => {}
        }
    }

    fn listed(&mut self, sequence: u32) {
        // Acknowledgements come in order: those of before the list are lost. It named the addresses
        // that there are.
        while let Some(waiting) = self.waiting.front() {
            if waiting.sequence.wrapping_sub(sequence) < u32::MAX / 2 {
                break;
            }
            if let Some(address) = address_of(&waiting.change) {
                let present = waiting.told == Some(true);
                self.events.push_back(Event::Answered { address, present });
            }
            self.waiting.pop_front();
        }
        if self.dump.again {
            self.list_again();
        } else {
            self.events.push_back(Event::ListEnds);
            self.dump = Dump::default();
        }
    }

    fn answered(&mut self, sequence: u32, errno: i32) {
        let error = io::Error::from_raw_os_error(errno);
        let mut waiting = self.waiting.iter();
        let Some(index) = waiting.position(|waiting| waiting.sequence == sequence) else {
            if self.dump.sequence == Some(sequence) && errno != 0 {
                // An error comes instead of the list, so what is known stays.
                log::error!("{}: listing its addresses: {error}", self.interface);
                self.dump = Dump::default();
            } else if errno != 0 {
                log::warn!("{}: setting its MTU: {error}", self.interface);
            }
            return;
        };
        let Some(waiting) = self.waiting.remove(index) else {
            return;
        };
        if errno == 0 {
            self.answer(&waiting.change, true);
        } else {
            self.failed(&waiting.change, &error);
        }
    }

    fn failed(&mut self, change: &Change, error: &io::Error) {
        let as_it_was_to_be = is_done_already(change, error);
        if !as_it_was_to_be {
            log::warn!("{}: {}: {error}", self.interface, name(change));
        }
        self.answer(change, as_it_was_to_be);
    }

    fn answer(&mut self, change: &Change, done: bool) {
        if let Some(address) = address_of(change) {
            let present = matches!(change, Change::AddAddress { .. }) == done;
            self.events.push_back(Event::Answered { address, present });
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut room = self.buffer.as_mut_slice();
        // The true length comes back, even if it is more than fits.
        let (length, sender) = self.socket.recv_from(&mut room, libc::MSG_TRUNC)?;
        // Only the kernel is believed.
        Ok(if sender.port_number() == 0 { length } else { 0 })
    }

    fn send(&self, request: &[u8]) -> io::Result<()> {
        let kernel = SocketAddr::new(0, 0);
        self.socket.send_to(request, &kernel, 0).map(drop)
    }

    fn next_sequence(&mut self) -> u32 {
        // Events that nobody asked for have zero.
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }
}

/// Why the interface could not be taken over.
#[derive(Debug)]
pub struct OpenError {
    interface: String,
    doing: &'static str,
    cause: io::Error,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OpenError {
            interface,
            doing,
            cause,
        } = self;
        write!(f, "{interface}: cannot {doing}: {cause}")?;
        if is(cause, Errno::EPERM) || is(cause, Errno::EACCES) {
            f.write_str(": run as root or with CAP_NET_ADMIN")
        } else if is(cause, Errno::EAFNOSUPPORT) {
            f.write_str(
                ": IPv6 and netlink are needed (a kernel without ipv6.disable=1, and \
                 RestrictAddressFamilies=AF_INET6 AF_NETLINK)",
            )
        } else {
            Ok(())
        }
    }
}

impl std::error::Error for OpenError {}

fn open_socket() -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.set_non_blocking(true)?;
    let _ = socket.bind_auto()?;
    for group in [libc::RTNLGRP_LINK, libc::RTNLGRP_IPV6_IFADDR] {
        socket.add_membership(group)?;
    }
    Ok(socket)
}

/// Turns off what the kernel would do by itself. What cannot be turned off is only noise, which the
/// packet filter drops, or delay.
fn quieten(interface: &str) {
    for (name, value) in SYSCTLS {
        let path = format!("/proc/sys/net/ipv6/conf/{interface}/{name}");
        if let Err(error) = fs::write(&path, value) {
            log::debug!("{path} = {value}: {error}");
        }
    }
}

fn address_of(change: &Change) -> Option<Address> {
    match change {
        Change::AddAddress { address, .. } | Change::RemoveAddress(address) => Some(*address),
        _ => None,
    }
}

/// Whether an error says that there was nothing to do.
fn is_done_already(change: &Change, error: &io::Error) -> bool {
    let errnos: &[Errno] = match change {
        Change::AddAddress { .. } | Change::AddRoute { .. } => &[Errno::EEXIST],
        Change::JoinGroup(_) => &[Errno::EADDRINUSE],
        Change::RemoveAddress(_) | Change::LeaveGroup(_) => &[Errno::EADDRNOTAVAIL, Errno::ENOENT],
        Change::RemoveRoute { .. } => &[Errno::ESRCH, Errno::ENOENT],
        Change::Up(_) => &[],
    };
    errnos.iter().any(|errno| is(error, *errno))
}

fn name(change: &Change) -> String {
    let route = |prefix: &Address, metric| format!("the route to {prefix} with metric {metric}");
    match change {
        Change::Up(true) => "setting it up".to_owned(),
        Change::Up(false) => "setting it down".to_owned(),
        Change::AddAddress { address, .. } => format!("adding the address {address}"),
        Change::RemoveAddress(address) => format!("removing the address {address}"),
        Change::JoinGroup(group) => format!("joining the group {group}"),
        Change::LeaveGroup(group) => format!("leaving the group {group}"),
        Change::AddRoute { prefix, metric } => format!("adding {}", route(prefix, metric)),
        Change::RemoveRoute { prefix, metric } => format!("removing {}", route(prefix, metric)),
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno as i32)
}

/// Of `/proc/sys/net/ipv6/conf/<interface>/` (the kernel's ip-sysctl.rst).
const SYSCTLS: [(&str, &str); 7] = [
    // Containers are often started with IPv6 off by default.
    ("disable_ipv6", "0"),
    ("accept_ra", "0"),
    ("accept_redirects", "0"),
    ("autoconf", "0"),
    ("router_solicitations", "0"),
    ("accept_dad", "0"),
    ("dad_transmits", "0"),
];

/// The kernel makes no datagram longer than this, whatever it lists (`netlink_dump`).
const BUFFER: usize = 32 * 1024;

/// More than the tables of `host::netif` can change at a time.
const WAITING: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    fn error(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno as i32)
    }

    #[test]
    fn what_is_done_already_is_no_failure() {
        let prefix = Address {
            address: "fd00::".parse().unwrap(),
            prefix_len: 64,
        };
        let route = Change::AddRoute { prefix, metric: 1 };
        assert!(is_done_already(&route, &error(Errno::EEXIST)));
        assert!(!is_done_already(&route, &error(Errno::ENETDOWN)));
        let gone = Change::RemoveAddress(prefix);
        assert!(is_done_already(&gone, &error(Errno::EADDRNOTAVAIL)));
        assert!(!is_done_already(&gone, &error(Errno::EPERM)));
        assert!(!is_done_already(&Change::Up(true), &error(Errno::EEXIST)));
        assert_eq!(name(&route), "adding the route to fd00::/64 with metric 1");
    }

    #[test]
    fn opening_says_what_to_do() {
        let text = |errno| {
            let open = OpenError {
                interface: "wpan0".to_owned(),
                doing: "set its MTU",
                cause: error(errno),
            };
            open.to_string()
        };
        assert!(text(Errno::EPERM).ends_with("CAP_NET_ADMIN"));
        assert!(text(Errno::EAFNOSUPPORT).contains("AF_NETLINK"));
        assert!(text(Errno::ENODEV).starts_with("wpan0: cannot set its MTU: "));
        let missing = Netlink::open("no-such-iface").unwrap_err().to_string();
        assert!(
            missing.starts_with("no-such-iface: cannot find it: "),
            "{missing}"
        );
    }
}
