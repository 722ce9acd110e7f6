//! Packets that somebody in the mesh, or the co-processor itself, made up.

use std::net::Ipv6Addr;

/// A UDP datagram in an IPv6 packet.
pub(crate) fn udp(source: Ipv6Addr, destination: Ipv6Addr, port: u16, data: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(5_000_u16.to_be_bytes());
    datagram.extend(port.to_be_bytes());
    datagram.extend((8 + data.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(data);
    let sum = checksum(source, destination, 17, &datagram);
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    ipv6(source, destination, 17, 64, &datagram)
}

/// An ICMPv6 message with the hop limit that neighbour discovery asks for.
pub(crate) fn icmp(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[2..4].fill(0);
    let sum = checksum(source, destination, 58, &message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    ipv6(source, destination, 58, 255, &message)
}

pub(crate) fn ipv6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    next: u8,
    hops: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, hops]);
    packet.extend(source.octets());
    packet.extend(destination.octets());
    packet.extend(payload);
    packet
}

/// RFC 8200, section 8.1.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, next: u8, payload: &[u8]) -> u16 {
    let mut octets = [source.octets(), destination.octets()].concat();
    octets.extend((payload.len() as u32).to_be_bytes());
    octets.extend([0, 0, 0, next]);
    octets.extend(payload);
    if octets.len() % 2 == 1 {
        octets.push(0);
    }
    let words = octets
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let mut sum: u32 = words.sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    match !(sum as u16) {
        0 => 0xFFFF,
        sum => sum,
    }
}

/// A router advertisement: a default router, a prefix to form addresses on, a route.
pub(crate) fn advertisement(prefix: Ipv6Addr, route: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![134, 0, 0, 0, 64, 0, 0x0E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([3, 4, 64, 0xC0]);
    message.extend([0, 0, 0x0E, 0x10, 0, 0, 0x0E, 0x10, 0, 0, 0, 0]);
    message.extend(prefix.octets());
    message.extend([24, 3, 48, 0x08, 0, 0, 0x0E, 0x10]);
    message.extend(route.octets());
    message
}

/// A redirect of `target` to `way`.
pub(crate) fn redirect(way: Ipv6Addr, target: Ipv6Addr) -> Vec<u8> {
    let mut message = vec![137, 0, 0, 0, 0, 0, 0, 0];
    message.extend(way.octets());
    message.extend(target.octets());
    message
}
