//! rtnetlink messages (rtnetlink(7)): what is asked for, and what is understood of what comes.
//!
//! The crate's `RouteNetlinkMessage` and `LinkMessage` are not used. Code for every kind of message,
//! interface and queue that Linux has would come with them, 100 kB of it; of a link we need the header
//! and two attributes.

use crate::host::kernel::{Address, Change};
use netlink_packet_core::{
    NetlinkBuffer, NetlinkHeader, NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_DUMP_INTR,
    NLM_F_REPLACE, NLM_F_REQUEST,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage, AddressMessageBuffer,
    CacheInfo,
};
use netlink_packet_route::link::{LinkFlags, LinkHeader, LinkMessageBuffer};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMessageBuffer, RouteProtocol,
    RouteScope, RouteType,
};
use netlink_packet_route::AddressFamily;
use netlink_packet_utils::nla::{DefaultNla, NlasIterator};
use netlink_packet_utils::{Emitable, Parseable};
use nix::libc;
use std::net::{IpAddr, Ipv6Addr};

/// What is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// An interface is up, or down.
    Link { index: u32, up: bool },
    /// IPv6 is on, or off, on an interface.
    Inet6 { index: u32, on: bool },
    /// An interface has an IPv6 address, or not any more. `own`: the kernel made it, a link-local one.
    Address {
        index: u32,
        address: Address,
        added: bool,
        own: bool,
    },
    /// A route to a network, of whatever table; `index` of its interface, or of its first one.
    Route {
        index: u32,
        network: Address,
        added: bool,
    },
    /// The list has ended.
    Done,
    /// The list changed while it was made.
    Interrupted,
    /// The outcome of a request: zero or an errno.
    Answer(i32),
}

/// The messages of a datagram, each with its sequence number. What is not understood is left out; a
/// message that is cut off ends it.
pub(super) fn read(mut datagram: &[u8]) -> Vec<(u32, Message)> {
    let mut messages = Vec::new();
    while let Ok(buffer) = NetlinkBuffer::new_checked(datagram) {
        let sequence = buffer.sequence_number();
        if buffer.flags() & NLM_F_DUMP_INTR != 0 {
            messages.push((sequence, Message::Interrupted));
        }
        let payload = buffer.payload();
        messages.extend(understand(buffer.message_type(), payload).map(|found| (sequence, found)));
        let length = usize::try_from(buffer.length()).unwrap_or(usize::MAX);
        let aligned = length.saturating_add(3) & !3;
        datagram = datagram.get(aligned.max(HEADER_LEN)..).unwrap_or_default();
    }
    messages
}

fn understand(kind: u16, payload: &[u8]) -> Option<Message> {
    match i32::from(kind) {
        libc::NLMSG_DONE => Some(Message::Done),
        libc::NLMSG_ERROR => {
            let code = payload.get(..4)?.try_into().ok()?;
            Some(Message::Answer(i32::from_ne_bytes(code).saturating_neg()))
        }
        _ => match kind {
            libc::RTM_NEWLINK | libc::RTM_DELLINK => link(kind == libc::RTM_NEWLINK, payload),
            libc::RTM_NEWADDR | libc::RTM_DELADDR => address(kind == libc::RTM_NEWADDR, payload),
            libc::RTM_NEWROUTE | libc::RTM_DELROUTE => route(kind == libc::RTM_NEWROUTE, payload),
            _ => None,
        },
    }
}

/// Only the header: what follows it grows with every kernel.
fn link(exists: bool, payload: &[u8]) -> Option<Message> {
    let link = LinkMessageBuffer::new_checked(payload).ok()?;
    let index = link.link_index();
    if i32::from(link.interface_family()) == libc::AF_INET6 {
        // It has none any more, or it tells how it is set.
        return match exists {
            false => Some(Message::Inet6 { index, on: false }),
            true => inet6_is_on(&link).map(|on| Message::Inet6 { index, on }),
        };
    }
    // The bridge's own family says nothing of the interface itself.
    (link.interface_family() == 0).then(|| Message::Link {
        index: link.link_index(),
        up: exists && link.flags() & LinkFlags::Up.bits() != 0,
    })
}

/// IFLA_PROTINFO holds IFLA_INET6_CONF, an array of 32-bit numbers in the order of `linux/ipv6.h`.
fn inet6_is_on(link: &LinkMessageBuffer<&[u8]>) -> Option<bool> {
    let settings = link
        .attributes()
        .flatten()
        .find(|attribute| attribute.kind() == libc::IFLA_PROTINFO)?;
    let conf = NlasIterator::new(settings.value())
        .flatten()
        .find(|attribute| attribute.kind() == IFLA_INET6_CONF)?;
    let disabled = conf.value().chunks_exact(4).nth(DEVCONF_DISABLE_IPV6)?;
    Some(disabled == [0; 4])
}

fn address(added: bool, payload: &[u8]) -> Option<Message> {
    let buffer = AddressMessageBuffer::new_checked(&payload).ok()?;
    let message = AddressMessage::parse(&buffer).ok()?;
    let address = message.attributes.iter().find_map(|found| match found {
        AddressAttribute::Address(IpAddr::V6(address)) => Some(*address),
        _ => None,
    })?;
    let is_stable = |found: &AddressAttribute| matches!(found, AddressAttribute::Flags(flags) if flags.contains(AddressFlags::StablePrivacy));
    // A TUN has no hardware address that one could be made of otherwise.
    let own = is_link_local(address) && message.attributes.iter().any(is_stable);
    Some(Message::Address {
        own,
        index: message.header.index,
        address: Address {
            address,
            prefix_len: message.header.prefix_len,
        },
        added,
    })
}

/// Those that somebody configured, or the kernel for an address: not those of routers, nor of the local table.
fn route(added: bool, payload: &[u8]) -> Option<Message> {
    let buffer = RouteMessageBuffer::new_checked(&payload).ok()?;
    let header = RouteHeader::parse(&buffer).ok()?;
    let is_cached = header.flags.bits() & libc::RTM_F_CLONED != 0;
    if header.address_family != AddressFamily::Inet6
        || header.kind != RouteType::Unicast
        || header.protocol == RouteProtocol::Ra
        || is_cached
    {
        return None;
    }
    // Of a list of ways the first one.
    let attribute = |kind: u16| {
        let mut all = buffer.attributes().flatten();
        all.find(|found| found.kind() == kind)
    };
    let index = match (attribute(libc::RTA_OIF), attribute(libc::RTA_MULTIPATH)) {
        (Some(oif), _) => u32::from_ne_bytes(oif.value().get(..4)?.try_into().ok()?),
        // struct rtnexthop: its length, flags, hops, and the interface.
        (None, Some(ways)) => u32::from_ne_bytes(ways.value().get(4..8)?.try_into().ok()?),
        (None, None) => return None,
    };
    let destination = attribute(libc::RTA_DST)?;
    let octets: [u8; 16] = destination.value().try_into().ok()?;
    Some(Message::Route {
        index,
        network: Address {
            address: octets.into(),
            prefix_len: header.destination_prefix_length,
        },
        added,
    })
}

/// fe80::/10.
fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xFFC0 == 0xFE80
}

/// MTU 1280 (protocol §7.7), and no link-local address of the kernel's own.
pub(super) fn set_up_link(index: u32, sequence: u32) -> Vec<u8> {
    let inet6 = DefaultNla::new(IFLA_INET6_ADDR_GEN_MODE, vec![IN6_ADDR_GEN_MODE_NONE]);
    let families = DefaultNla::new(u8::from(AddressFamily::Inet6).into(), octets(&inet6));
    let attributes = [
        DefaultNla::new(libc::IFLA_MTU, MTU.to_ne_bytes().to_vec()),
        DefaultNla::new(libc::IFLA_AF_SPEC, octets(&families)),
    ];
    let mut body = octets(&link_header(index));
    body.extend(octets(&attributes.as_slice()));
    request(libc::RTM_SETLINK, NLM_F_ACK, sequence, &body)
}

/// Whether an interface is up.
pub(super) fn get_link(index: u32, sequence: u32) -> Vec<u8> {
    request(libc::RTM_GETLINK, 0, sequence, &octets(&link_header(index)))
}

/// Whether IPv6 is on, of all interfaces.
pub(super) fn list_inet6(sequence: u32) -> Vec<u8> {
    let mut header = link_header(0);
    header.interface_family = AddressFamily::Inet6;
    request(libc::RTM_GETLINK, NLM_F_DUMP, sequence, &octets(&header))
}

/// All IPv6 addresses of all interfaces.
pub(super) fn list_addresses(sequence: u32) -> Vec<u8> {
    let mut all = AddressMessage::default();
    all.header.family = AddressFamily::Inet6;
    request(libc::RTM_GETADDR, NLM_F_DUMP, sequence, &octets(&all))
}

/// All IPv6 routes of all tables.
pub(super) fn list_routes(sequence: u32) -> Vec<u8> {
    let mut all = RouteMessage::default();
    all.header.address_family = AddressFamily::Inet6;
    request(libc::RTM_GETROUTE, NLM_F_DUMP, sequence, &octets(&all))
}

/// A change; `None` for those that netlink does not do.
pub(super) fn change(index: u32, sequence: u32, change: &Change) -> Option<Vec<u8>> {
    let (kind, body, flags) = match *change {
        Change::Up(up) => (libc::RTM_SETLINK, octets(&link_up(index, up)), 0),
        Change::AddAddress {
            address,
            deprecated,
            routed,
        } => {
            let message = address_message(index, address, Some((deprecated, routed)));
            // An address that is there gets the new lifetimes.
            let flags = NLM_F_CREATE | NLM_F_REPLACE;
            (libc::RTM_NEWADDR, octets(&message), flags)
        }
        Change::RemoveAddress(address) => {
            let message = address_message(index, address, None);
            (libc::RTM_DELADDR, octets(&message), 0)
        }
        Change::AddRoute { prefix, metric } => {
            let message = route_message(index, prefix, metric);
            (libc::RTM_NEWROUTE, octets(&message), NLM_F_CREATE)
        }
        Change::RemoveRoute { prefix, metric } => {
            let message = route_message(index, prefix, metric);
            (libc::RTM_DELROUTE, octets(&message), 0)
        }
        Change::JoinGroup(_) | Change::LeaveGroup(_) => return None,
    };
    Some(request(kind, flags | NLM_F_ACK, sequence, &body))
}

fn link_header(index: u32) -> LinkHeader {
    LinkHeader {
        index,
        ..LinkHeader::default()
    }
}

fn link_up(index: u32, up: bool) -> LinkHeader {
    let mut header = link_header(index);
    header.change_mask = LinkFlags::Up;
    if up {
        header.flags = LinkFlags::Up;
    }
    header
}

/// With lifetimes if it is to be added: valid for ever. `added`: whether it is deprecated, and whether the
/// kernel makes a route to its prefix.
fn address_message(index: u32, address: Address, added: Option<(bool, bool)>) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    message.header.prefix_len = address.prefix_len;
    message.header.index = index;
    message.attributes = vec![AddressAttribute::Address(IpAddr::V6(address.address))];
    if let Some((deprecated, routed)) = added {
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = if deprecated { 0 } else { u32::MAX };
        lifetimes.ifa_valid = u32::MAX;
        // The mesh makes sure that addresses are unique.
        message.header.flags = AddressHeaderFlags::Nodad;
        let flags = match routed {
            true => AddressFlags::Nodad,
            false => AddressFlags::Nodad | AddressFlags::Noprefixroute,
        };
        message.attributes.extend([
            AddressAttribute::Flags(flags),
            AddressAttribute::CacheInfo(lifetimes),
        ]);
    }
    message
}

fn route_message(index: u32, prefix: Address, metric: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet6;
    message.header.destination_prefix_length = prefix.prefix_len;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = RouteType::Unicast;
    message.attributes = vec![RouteAttribute::Oif(index), RouteAttribute::Priority(metric)];
    if prefix.address != Ipv6Addr::UNSPECIFIED || prefix.prefix_len > 0 {
        let destination = RouteAddress::Inet6(prefix.address);
        message
            .attributes
            .push(RouteAttribute::Destination(destination));
    }
    message
}

fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.length = (HEADER_LEN + body.len()) as u32;
    header.message_type = kind;
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = sequence;
    let mut message = octets(&header);
    message.extend_from_slice(body);
    message
}

fn octets(part: &impl Emitable) -> Vec<u8> {
    let mut octets = vec![0; part.buffer_len()];
    part.emit(&mut octets);
    octets
}

/// Of the interface (protocol §7.7), as rtnetlink wants it.
const MTU: u32 = 1280;

/// How addresses are made, and that none are (linux/if_link.h).
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;

/// `enum` of IFLA_INET6_… (linux/if_link.h).
const IFLA_INET6_CONF: u16 = 2;

/// `enum` of DEVCONF_… (linux/ipv6.h).
const DEVCONF_DISABLE_IPV6: usize = 26;

/// `struct nlmsghdr`.
const HEADER_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        Address {
            address: text.parse().unwrap(),
            prefix_len: 64,
        }
    }

    #[test]
    fn an_address_is_understood_as_it_was_written() {
        let address = address("fd00::1");
        for (change, added) in [
            (
                Change::AddAddress {
                    address,
                    deprecated: true,
                    routed: true,
                },
                true,
            ),
            (Change::RemoveAddress(address), false),
        ] {
            let mut octets = super::change(7, 99, &change).unwrap();
            let expected = Message::Address {
                index: 7,
                address,
                added,
                own: false,
            };
            assert_eq!(read(&octets), [(99, expected)]);
            // Twice in one datagram, the second cut off.
            let length = octets.len();
            octets.extend_from_within(..);
            assert_eq!(read(&octets), [(99, expected), (99, expected)]);
            assert_eq!(read(&octets[..length + 20]), [(99, expected)]);
        }
    }

    #[test]
    fn links_and_answers() {
        let up = super::change(7, 1, &Change::Up(true)).unwrap();
        // RTM_SETLINK is no event.
        assert_eq!(read(&up), []);
        let mut event = up;
        event[4..6].copy_from_slice(&libc::RTM_NEWLINK.to_ne_bytes());
        assert_eq!(read(&event), [(1, Message::Link { index: 7, up: true })]);
        event[4..6].copy_from_slice(&libc::RTM_DELLINK.to_ne_bytes());
        assert_eq!(
            read(&event),
            [(
                1,
                Message::Link {
                    index: 7,
                    up: false
                }
            )]
        );

        let mut answer = vec![0; 36];
        answer[0] = 36;
        answer[4] = 2;
        answer[8] = 5;
        answer[16..20].copy_from_slice(&(-17_i32).to_ne_bytes());
        assert_eq!(read(&answer), [(5, Message::Answer(17))]);
        answer[6] = 16;
        answer[4] = 3;
        assert_eq!(
            read(&answer),
            [(5, Message::Interrupted), (5, Message::Done)]
        );
    }

    /// As the crate's own `RouteNetlinkMessage` writes them.
    #[test]
    fn requests_have_the_octets_that_linux_expects() {
        let prefix = address("fd00::1");
        let change = |change| super::change(7, 1, &change).unwrap();
        let ours = "00000000000000000000000000000001";
        let head = |length, kind, flags| {
            format!("{length:02x}000000{kind:02x}00{flags:04x}0100000000000000")
        };
        let link = "0000000007000000";
        let lifetimes = |preferred| format!("14000600{preferred}ffffffff0000000000000000");
        let address = format!("14000100fd00{}", &ours[4..]);
        let added = format!("0a40020007000000{address}0800080002000000");
        let unrouted = format!("0a40020007000000{address}0800080002020000");
        let route = format!("0a400000fe0400010000000008000400070000000800060000010000{address}");
        for (octets, expected) in [
            (
                set_up_link(7, 1),
                head(0x38, 0x13, 0x0500)
                    + link
                    + "0000000000000000"
                    + "0800040000050000"
                    + "10001a000c000a000500080001000000",
            ),
            (
                get_link(7, 1),
                head(0x20, 0x12, 0x0100) + link + "0000000000000000",
            ),
            (
                list_addresses(1),
                head(0x18, 0x16, 0x0103) + "0a00000000000000",
            ),
            (
                change(Change::Up(true)),
                head(0x20, 0x13, 0x0500) + link + "0100000001000000",
            ),
            (
                change(Change::Up(false)),
                head(0x20, 0x13, 0x0500) + link + "0000000001000000",
            ),
            (
                change(Change::AddAddress {
                    address: prefix,
                    deprecated: true,
                    routed: true,
                }),
                head(0x48, 0x14, 0x0505) + &added + &lifetimes("00000000"),
            ),
            (
                change(Change::AddAddress {
                    address: prefix,
                    deprecated: false,
                    routed: false,
                }),
                head(0x48, 0x14, 0x0505) + &unrouted + &lifetimes("ffffffff"),
            ),
            (
                change(Change::RemoveAddress(prefix)),
                head(0x2c, 0x15, 0x0500) + "0a40000007000000" + &address,
            ),
            (
                change(Change::AddRoute {
                    prefix,
                    metric: 256,
                }),
                head(0x40, 0x18, 0x0504) + &route,
            ),
            (
                change(Change::RemoveRoute {
                    prefix,
                    metric: 256,
                }),
                head(0x40, 0x19, 0x0500) + &route,
            ),
        ] {
            let octets: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            assert_eq!(octets, expected);
        }
    }

    #[test]
    fn groups_are_not_for_netlink() {
        let group = "ff03::1".parse().unwrap();
        assert_eq!(change(1, 1, &Change::JoinGroup(group)), None);
        assert_eq!(change(1, 1, &Change::LeaveGroup(group)), None);
    }

    proptest! {
        #[test]
        fn any_octets_are_read(octets in prop::collection::vec(any::<u8>(), 0..96), kind in 0_u8..24) {
            let mut octets = octets;
            if octets.len() >= 16 {
                octets[0] = octets.len() as u8;
                octets[1..4].fill(0);
                octets[4..6].copy_from_slice(&[kind, 0]);
            }
            let _ = read(&octets);
        }
    }
}
