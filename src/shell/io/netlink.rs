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
use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::mem::Discriminant;
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
    is_up: bool,
    /// IPv6 is on for the interface.
    has_inet6: bool,
    /// Tells whether it is. Kept open, like the list of groups.
    switch: Option<File>,
    /// Whether it is, is to be asked after the list of addresses: one list at a time.
    asks_inet6: bool,
    /// What failed in which way is in the log: again and again it is no news.
    told: Vec<(Discriminant<Change>, i32)>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    sequence: u32,
    change: Change,
    /// What the kernel told of the address since.
    told: Option<bool>,
}

/// The list of all addresses, and then of all routes, that the kernel was asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Dump {
    /// Of the request; `None`: none is under way.
    sequence: Option<u32>,
    /// Its first part has come.
    begun: bool,
    /// Something was lost meanwhile: it is to be asked for again.
    again: bool,
    /// The addresses have come, and it is the routes.
    routes: bool,
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
            is_up: false,
            has_inet6: true,
            switch: open_switch(interface),
            asks_inet6: false,
            told: Vec::new(),
        };
        netlink.has_inet6 = !netlink.inet6_is_off();
        if !netlink.has_inet6 {
            log::warn!(
                "{interface}: IPv6 is off and cannot be switched on from here; it has no addresses until \
                 somebody does: sysctl -w net.ipv6.conf.{interface}.disable_ipv6=0, and for a container \
                 start it with --sysctl net.ipv6.conf.all.disable_ipv6=0"
            );
        }
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
        let mut drained = false;
        loop {
            // An address may have gone because IPv6 did, which the kernel tells after it.
            let may_go_on = matches!(self.events.front(), Some(Event::AddressRemoved(_)));
            if !may_go_on || drained {
                if let Some(event) = self.events.pop_front() {
                    return Some(event);
                }
            }
            match self.receive() {
                Ok(length) => self.take(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.events.is_empty() {
                        return None;
                    }
                    drained = true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is(&error, Errno::ENOBUFS) => self.lost(),
                Err(error) => {
                    log::error!("{}: reading from netlink: {error}", self.interface);
                    return self.events.pop_front();
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
        self.dump = Dump {
            sequence: Some(sequence),
            ..Dump::default()
        };
        Ok(())
    }

    fn list_routes(&mut self) -> io::Result<()> {
        let sequence = self.next_sequence();
        self.send(&message::list_routes(sequence))?;
        self.dump.sequence = Some(sequence);
        Ok(())
    }

    /// The kernel had more to tell than the socket holds.
    fn lost(&mut self) {
        self.asks_inet6 = true;
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
                self.is_up = up;
                let up = up && self.has_inet6;
                self.events.push_back(Event::Up(up));
            }
            Message::Inet6 { index, on } if index == self.index => {
                let is_removal = |event: &Event| matches!(event, Event::AddressRemoved(_));
                if on && self.has_inet6 && self.events.iter().any(is_removal) {
                    // It was off for a moment, which the kernel does not tell.
                    self.inet6_is(false);
                }
                self.inet6_is(on);
            }
            // A link-local address of the kernel's own, of before it was told to make none: not for anybody.
            Message::Address {
                index,
                address,
                own: true,
                added,
            } if index == self.index && added => self.remove_own(address),
            Message::Address {
                index,
                address,
                added,
                ..
            } if index == self.index => {
                for waiting in &mut self.waiting {
                    let changed = address_of(&waiting.change);
                    if matches!(changed, Some(changed) if changed.address == address.address) {
                        waiting.told = Some(added);
                    }
                }
                if !added && self.has_inet6 && self.inet6_is_off() {
                    self.inet6_is(false);
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
            Message::Route {
                index,
                network,
                added,
            } if index != self.index => self.events.push_back(match added {
                true => Event::RouteAdded(network),
                false => Event::RouteRemoved(network),
            }),
            Message::Interrupted => self.dump.again = true,
            Message::Done if self.dump.sequence == Some(sequence) => self.listed(sequence),
            Message::Answer(errno) => self.answered(sequence, errno),
            _ => {}
        }
    }

    /// Where that cannot be read, the kernel's answers will tell.
    fn inet6_is_off(&mut self) -> bool {
        let Some(switch) = &mut self.switch else {
            return false;
        };
        let mut octet = [0];
        let result = switch.rewind().and_then(|()| switch.read_exact(&mut octet));
        // Without a state of the interface there is nothing to read.
        result.is_err() || octet != *b"0"
    }

    /// IPv6 is on for the interface, or off: switched off, or the MTU is too small for it. Then the kernel takes
    /// all addresses and routes, as if the interface were down.
    fn inet6_is(&mut self, on: bool) {
        if core::mem::replace(&mut self.has_inet6, on) == on {
            return;
        }
        if !on {
            log::warn!(
                "{}: IPv6 was switched off (net.ipv6.conf.{}.disable_ipv6), or its MTU is below 1280: its \
                 addresses come back with it",
                self.interface,
                self.interface
            );
            // They went because of this, and are told of before.
            let is_removal = |event: &Event| matches!(event, Event::AddressRemoved(_));
            let first = self.events.iter().position(is_removal);
            let at = first.unwrap_or(self.events.len());
            self.events.insert(at, Event::Up(false));
            return;
        }
        log::info!("{}: IPv6 is on again", self.interface);
        // The kernel may have made its state anew, with what it does by itself.
        quieten(&self.interface);
        self.switch = open_switch(&self.interface);
        let sequence = self.next_sequence();
        if let Err(error) = self.send(&message::set_up_link(self.index, sequence)) {
            log::warn!("{}: setting it up again: {error}", self.interface);
        }
        self.groups.join_again();
        self.events.push_back(Event::Up(self.is_up));
    }

    fn remove_own(&mut self, address: Address) {
        log::debug!(
            "{}: removing {address}, which the kernel made",
            self.interface
        );
        let sequence = self.next_sequence();
        let removal = message::change(self.index, sequence, &Change::RemoveAddress(address));
        if let Some(Err(error)) = removal.map(|request| self.send(&request)) {
            log::debug!("{}: removing {address}: {error}", self.interface);
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
        } else if !self.dump.routes && self.list_routes().is_ok() {
            self.dump.routes = true;
        } else {
            self.events.push_back(Event::ListEnds);
            self.dump = Dump::default();
            if core::mem::take(&mut self.asks_inet6) {
                let sequence = self.next_sequence();
                if let Err(error) = self.send(&message::list_inet6(sequence)) {
                    log::warn!("{}: asking whether IPv6 is on: {error}", self.interface);
                }
            }
        }
    }

    fn answered(&mut self, sequence: u32, errno: i32) {
        let error = io::Error::from_raw_os_error(errno);
        let mut waiting = self.waiting.iter();
        let Some(index) = waiting.position(|waiting| waiting.sequence == sequence) else {
            if self.dump.sequence == Some(sequence) && errno != 0 {
                // An error comes instead of the list, so what is known stays.
                log::error!("{}: listing its addresses: {error}", self.interface);
                if self.dump.begun {
                    self.events.push_back(Event::ListEnds);
                }
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
            let kind = core::mem::discriminant(&waiting.change);
            self.told.retain(|(told, _)| *told != kind);
            self.answer(&waiting.change, true);
        } else {
            self.failed(&waiting.change, &error);
        }
    }

    fn failed(&mut self, change: &Change, error: &io::Error) {
        let as_it_was_to_be = is_done_already(change, error);
        if !as_it_was_to_be {
            let what = (
                core::mem::discriminant(change),
                error.raw_os_error().unwrap_or_default(),
            );
            if self.told.contains(&what) {
                log::debug!("{}: {}: {error}", self.interface, name(change));
            } else {
                self.told.push(what);
                log::warn!(
                    "{}: {}: {error} (and perhaps others like it)",
                    self.interface,
                    name(change)
                );
            }
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
    for group in [
        libc::RTNLGRP_LINK,
        libc::RTNLGRP_IPV6_IFADDR,
        libc::RTNLGRP_IPV6_IFINFO,
        libc::RTNLGRP_IPV6_ROUTE,
    ] {
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

/// Whether IPv6 is off; gone with the kernel's state of the interface.
fn open_switch(interface: &str) -> Option<File> {
    File::open(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6")).ok()
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
