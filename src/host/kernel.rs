//! What the host driver and the kernel's network interface tell each other. The words only: rtnetlink
//! itself is spoken in `io::netlink`.

use core::fmt;
use std::net::Ipv6Addr;

/// An address of the interface, with the length of its prefix in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The address.
    pub address: Ipv6Addr,
    /// Bits of its prefix, 0..=128.
    pub prefix_len: u8,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_len)
    }
}

/// What is to be changed in the kernel. Doing it twice is as good as once: "exists already" and "is not
/// there" are no errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Set the interface up or down.
    Up(bool),
    /// Add an address; a deprecated one (RFC 4862 §5.5.4) is not chosen as source.
    AddAddress {
        /// Which.
        address: Address,
        /// Preferred lifetime 0, valid for ever.
        deprecated: bool,
        /// The kernel makes a route to its prefix.
        routed: bool,
    },
    /// Remove an address.
    RemoveAddress(Address),
    /// Join a multicast group on the interface.
    JoinGroup(Ipv6Addr),
    /// Leave a group that was joined by [`Change::JoinGroup`].
    LeaveGroup(Ipv6Addr),
    /// Add a route through the interface.
    AddRoute {
        /// Where to: a prefix.
        prefix: Address,
        /// The lower, the better (RFC 4191 preference as a kernel metric).
        metric: u32,
    },
    /// Remove such a route.
    RemoveRoute {
        /// Where to.
        prefix: Address,
        /// As it was added.
        metric: u32,
    },
}

/// What the kernel told of the interface, whoever changed it; our own changes come back, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The interface has this address.
    AddressAdded(Address),
    /// The interface lost this address.
    AddressRemoved(Address),
    /// Another interface of this host has this address.
    ElsewhereAdded(Address),
    /// Another interface lost this address.
    ElsewhereRemoved(Address),
    /// A route of this host to this network leads over another interface: configured, not learnt from routers.
    RouteAdded(Address),
    /// Such a route is gone.
    RouteRemoved(Address),
    /// The answer to a change of an address, each of which has one: whether the interface has it now.
    /// It comes after all that happened before the change, and before all that happens later.
    Answered {
        /// Which.
        address: Address,
        /// Whether the interface has it.
        present: bool,
    },
    /// The interface is up, or down.
    Up(bool),
    /// A group was joined by somebody on this host.
    GroupJoined(Ipv6Addr),
    /// The last one left it.
    GroupLeft(Ipv6Addr),
    /// Events were lost (ENOBUFS): all addresses follow as [`Event::AddressAdded`], then
    /// [`Event::ListEnds`].
    ListBegins,
    /// What was not named since [`Event::ListBegins`] is gone.
    ListEnds,
}
