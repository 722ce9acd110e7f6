//! Which packets pass between the interface and the network, and on which stream (protocol §7.7).
//!
//! Packets are only looked at, never altered, and nothing here allocates. What passes is a whole IPv6
//! packet of at most 1280 octets whose header has its true length and whose extension headers end
//! inside it, so that its protocol is known. Both sides are hostile: the host forwards packets of
//! strangers, and the network is full of them.

#[cfg(test)]
mod tests;

use crate::host::known::State;
use crate::host::netif::trust::is_in_packets;
use crate::host::netif::Netif;
use crate::time::Instant;
use core::fmt;
use std::net::Ipv6Addr;

/// The streams of the co-processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// STREAM_NET (114).
    Net,
    /// STREAM_NET_INSECURE (115).
    NetInsecure,
}

/// What decides besides the packet.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The state of the co-processor.
    pub state: State,
    /// We are joining in-band: everything goes over the insecure stream.
    pub joining: bool,
    /// Whose addresses are ours.
    pub netif: &'a Netif,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $text:literal;)*) => {
        /// Why a packet does not pass. Displays as the name of its counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Dropped {
            $($(#[$doc])* $name,)*
        }

        impl Dropped {
            /// All of them, in the order of [`Dropped::index`].
            pub const ALL: &'static [Dropped] = &[$(Dropped::$name,)*];
        }

        impl Dropped {
            /// What is counted, for a person.
            pub const fn text(self) -> &'static str {
                match self {
                    $(Dropped::$name => $text,)*
                }
            }
        }

        impl fmt::Display for Dropped {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.text())
            }
        }
    };
}

reasons! {
    /// The state has no network.
    NoNetwork "packets dropped: no network";
    /// From the network while the interface is down.
    InterfaceDown "packets dropped: interface down";
    /// Shorter than an IPv6 header.
    Short "packets dropped: too short";
    /// The version is not 6.
    NotIpv6 "packets dropped: not IPv6";
    /// Longer than the MTU of 1280 octets.
    TooBig "packets dropped: longer than 1280 octets";
    /// The length in the header is not the length of the packet.
    Length "packets dropped: wrong length";
    /// Extension headers that do not end, or end outside the packet.
    Headers "packets dropped: bad extension headers";
    /// An address that can be in no packet on a link.
    BadAddress "packets dropped: impossible address";
    /// To a group of scope interface-local or reserved (ff00::/16, ff01::/16).
    Scope "packets dropped: interface-local group";
    /// A multicast listener report of our kernel. A group may have been joined or left.
    MldReport "packets dropped: multicast listener reports";
    /// A router solicitation or advertisement, of our kernel or from the network.
    RouterDiscovery "packets dropped: router discovery";
    /// Neighbour discovery or a redirect, of our kernel or from the network.
    NeighbourDiscovery "packets dropped: neighbour discovery";
    /// From an address that the co-processor does not have.
    ForeignSource "packets dropped: foreign source";
    /// From the network, with a source that is this host's own, of whatever interface.
    OwnSource "packets dropped: source of this host";
    /// Our own multicast came back.
    MulticastLoop "packets dropped: multicast loops";
    /// Insecure, and nobody is joining.
    Insecure "packets dropped: insecure";
}

impl Dropped {
    /// Its place in [`Dropped::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Whether a packet from the host goes to the network, and on which stream.
///
/// # Errors
/// Why it does not.
pub fn outbound(
    packet: &[u8],
    path: &Path<'_>,
    sessions: &mut Sessions,
) -> Result<Stream, Dropped> {
    let packet = Packet::parse(packet)?;
    // Before the state: the kernel joins groups whenever it likes, and each is to be noticed.
    packet.check_noise()?;
    if !path.joins() && path.state != State::Associated {
        return Err(Dropped::NoNetwork);
    }
    packet.check_addresses()?;
    if !path.netif.owns_source(&packet.source) {
        return Err(Dropped::ForeignSource);
    }
    if path.joins() || sessions.has(&packet.outbound_session()) {
        Ok(Stream::NetInsecure)
    } else {
        Ok(Stream::Net)
    }
}

/// Whether a packet from the network goes to the host.
///
/// # Errors
/// Why it does not.
pub fn inbound(
    packet: &[u8],
    stream: Stream,
    path: &Path<'_>,
    sessions: &mut Sessions,
) -> Result<(), Dropped> {
    let packet = Packet::parse(packet)?;
    // Where the kernel's settings cannot be written it would take routers, prefixes and redirects of the mesh.
    packet.check_discovery()?;
    packet.check_addresses()?;
    if !path.netif.is_up() {
        return Err(Dropped::InterfaceDown);
    }
    if packet.destination.is_multicast() && path.netif.owns_source(&packet.source) {
        return Err(Dropped::MulticastLoop);
    }
    // Services trust those who are on this host (RFC 4291, section 2.5.3, and many a configuration).
    if path.netif.is_of_this_host(&packet.source) {
        return Err(Dropped::OwnSource);
    }
    match stream {
        Stream::Net => {
            sessions.forget(&packet.inbound_session());
            Ok(())
        }
        Stream::NetInsecure if path.joins() => Ok(()),
        Stream::NetInsecure => sessions.admit(&packet),
    }
}

impl Path<'_> {
    /// Whether all that we send and receive is insecure, because we are not in the network yet.
    fn joins(&self) -> bool {
        self.joining || self.state == State::CredentialsNeeded
    }
}

/// The insecure sessions of devices that are joining through us.
///
/// The table has a fixed size; a session more replaces the oldest one, which is counted.
#[derive(Debug, Default)]
pub struct Sessions {
    now: Instant,
    /// Until when devices may join, and on which port.
    permit: Option<(Instant, u16)>,
    table: [Option<Session>; SESSIONS],
    next: usize,
    replaced: u64,
}

/// Two ports; `None` where they are not known.
type Ports = Option<(u16, u16)>;

/// Who talks insecurely, and over what. Of a fragment that is not the first only peer and protocol
/// are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Session {
    peer: Ipv6Addr,
    protocol: u8,
    /// The peer's and ours; zeros where the protocol has none.
    ports: Ports,
}

impl Session {
    fn matches(&self, other: &Session) -> bool {
        self.peer == other.peer
            && self.protocol == other.protocol
            && (self.ports == other.ports || self.ports.is_none() || other.ports.is_none())
    }
}

impl Sessions {
    /// Nobody is joining.
    pub fn new() -> Self {
        Sessions::default()
    }

    /// Insecure packets of joining devices pass until then: to `port`, and ICMPv6. A time that has
    /// come already is [`Sessions::end`].
    pub fn permit(&mut self, until: Instant, port: u16) {
        if until <= self.now {
            self.end();
        } else {
            self.permit = Some((until, port));
        }
    }

    /// They do not any more.
    pub fn end(&mut self) {
        self.permit = None;
        self.table = [None; SESSIONS];
    }

    /// What time it is. To be called before packets are judged.
    pub fn set_now(&mut self, now: Instant) {
        self.now = now;
        if matches!(self.permit, Some((until, _)) if until <= now) {
            self.end();
        }
    }

    /// How many sessions were replaced by newer ones, because there were more than 16.
    pub const fn replaced(&self) -> u64 {
        self.replaced
    }

    fn admit(&mut self, packet: &Packet) -> Result<(), Dropped> {
        let Some((_, port)) = self.permit else {
            return Err(Dropped::Insecure);
        };
        let session = packet.inbound_session();
        if self.has(&session) {
            return Ok(());
        }
        let commissioning = matches!(session.protocol, TCP | UDP)
            && matches!(session.ports, Some((_, own)) if own == port);
        if !commissioning && packet.icmp_type.is_none() {
            return Err(Dropped::Insecure);
        }
        self.track(session);
        Ok(())
    }

    fn has(&self, session: &Session) -> bool {
        self.table.iter().flatten().any(|row| row.matches(session))
    }

    fn track(&mut self, session: Session) {
        let free = self.table.iter().position(Option::is_none);
        let place = free.unwrap_or(self.next);
        if let Some(row) = self.table.get_mut(place) {
            self.replaced = self.replaced.saturating_add(u64::from(row.is_some()));
            *row = Some(session);
            self.next = (place + 1) % SESSIONS;
        }
    }

    fn forget(&mut self, session: &Session) {
        if self.permit.is_none() {
            return;
        }
        for row in &mut self.table {
            if matches!(row, Some(row) if row.matches(session)) {
                *row = None;
            }
        }
    }
}

/// What is to be known of a packet.
#[derive(Clone, Copy, Debug)]
struct Packet {
    source: Ipv6Addr,
    destination: Ipv6Addr,
    hop_by_hop: bool,
    /// The first header that is no extension header.
    protocol: u8,
    /// Source and destination; zeros where the protocol has none. `None` in later fragments.
    ports: Ports,
    /// `None` if it is no ICMPv6, or in later fragments.
    icmp_type: Option<u8>,
}

impl Packet {
    fn parse(packet: &[u8]) -> Result<Packet, Dropped> {
        let Some((header, payload)) = split(packet, HEADER_LEN) else {
            return Err(Dropped::Short);
        };
        if header[0] >> 4 != 6 {
            return Err(Dropped::NotIpv6);
        }
        if packet.len() > MTU {
            return Err(Dropped::TooBig);
        }
        // A jumbo payload (RFC 2675) has zero here and is longer than the MTU anyway.
        if usize::from(u16::from_be_bytes([header[4], header[5]])) != payload.len() {
            return Err(Dropped::Length);
        }
        let next = header[6];
        let upper = Upper::find(next, payload)?;
        let (ports, icmp_type) = upper.first_octets()?;
        Ok(Packet {
            source: address(&header[8..24]),
            destination: address(&header[24..40]),
            hop_by_hop: next == HOP_BY_HOP,
            protocol: upper.protocol,
            ports,
            icmp_type,
        })
    }

    /// What the kernel says to the link by itself. There is no link here: a Thread network knows
    /// neither multicast listener reports nor neighbour discovery.
    fn check_noise(&self) -> Result<(), Dropped> {
        if self.destination == MLDV2_ROUTERS && self.hop_by_hop {
            return Err(Dropped::MldReport);
        }
        match self.icmp_type {
            Some(ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT) if self.destination == ALL_ROUTERS => {
                Err(Dropped::RouterDiscovery)
            }
            Some(NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT | REDIRECT) => {
                Err(Dropped::NeighbourDiscovery)
            }
            _ => Ok(()),
        }
    }

    /// Neighbour discovery of any kind, wherever to: on this link nobody needs it.
    fn check_discovery(&self) -> Result<(), Dropped> {
        match self.icmp_type {
            Some(ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT) => Err(Dropped::RouterDiscovery),
            Some(NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT | REDIRECT) => {
                Err(Dropped::NeighbourDiscovery)
            }
            _ => Ok(()),
        }
    }

    fn check_addresses(&self) -> Result<(), Dropped> {
        // IPv4-mapped ones would reach services of IPv4. From nobody is who looks for a duplicate, which is
        // the co-processor's business.
        if self.source.is_multicast()
            || !is_in_packets(self.source)
            || !is_in_packets(self.destination)
        {
            return Err(Dropped::BadAddress);
        }
        // The scope is the low half of the second octet (RFC 4291, section 2.7): 0 and 1.
        let octets = self.destination.octets();
        if self.destination.is_multicast() && octets[1] & 0x0F <= 1 {
            return Err(Dropped::Scope);
        }
        Ok(())
    }

    fn inbound_session(&self) -> Session {
        Session {
            peer: self.source,
            protocol: self.protocol,
            ports: self.ports,
        }
    }

    fn outbound_session(&self) -> Session {
        Session {
            peer: self.destination,
            protocol: self.protocol,
            ports: self
                .ports
                .map(|(source, destination)| (destination, source)),
        }
    }
}

/// The header after the extension headers.
#[derive(Clone, Copy, Debug)]
struct Upper<'a> {
    protocol: u8,
    octets: &'a [u8],
    later_fragment: bool,
}

impl<'a> Upper<'a> {
    fn find(mut protocol: u8, mut octets: &'a [u8]) -> Result<Upper<'a>, Dropped> {
        for step in 0..=EXTENSION_HEADERS {
            let length = match protocol {
                // Only right after the IPv6 header (RFC 8200, section 4.1).
                HOP_BY_HOP if step > 0 => return Err(Dropped::Headers),
                HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 => {
                    8 + 8 * usize::from(octet(octets, 1)?)
                }
                FRAGMENT => FRAGMENT_LEN,
                AUTHENTICATION => 8 + 4 * usize::from(octet(octets, 1)?),
                _ => {
                    return Ok(Upper {
                        protocol,
                        octets,
                        later_fragment: false,
                    })
                }
            };
            let (header, rest) = split(octets, length).ok_or(Dropped::Headers)?;
            let next = octet(header, 0)?;
            // Offset in units of 8 octets, above two reserved bits and the "more" flag.
            if protocol == FRAGMENT && (octet(header, 2)? != 0 || octet(header, 3)? >> 3 != 0) {
                return Ok(Upper {
                    protocol: next,
                    octets: rest,
                    later_fragment: true,
                });
            }
            (protocol, octets) = (next, rest);
        }
        Err(Dropped::Headers)
    }

    /// The ports and the type of ICMPv6.
    fn first_octets(&self) -> Result<(Ports, Option<u8>), Dropped> {
        if self.later_fragment {
            return Ok((None, None));
        }
        match self.protocol {
            TCP | UDP => {
                let (ports, _) = split(self.octets, 4).ok_or(Dropped::Headers)?;
                let source = u16::from_be_bytes([ports[0], ports[1]]);
                let destination = u16::from_be_bytes([ports[2], ports[3]]);
                Ok((Some((source, destination)), None))
            }
            ICMPV6 => Ok((Some((0, 0)), Some(octet(self.octets, 0)?))),
            _ => Ok((Some((0, 0)), None)),
        }
    }
}

fn octet(octets: &[u8], index: usize) -> Result<u8, Dropped> {
    octets.get(index).copied().ok_or(Dropped::Headers)
}

fn split(octets: &[u8], at: usize) -> Option<(&[u8], &[u8])> {
    (octets.len() >= at).then(|| octets.split_at(at))
}

fn address(octets: &[u8]) -> Ipv6Addr {
    let mut array = [0; 16];
    array.copy_from_slice(octets);
    Ipv6Addr::from(array)
}

/// Of the interface, and the largest packet that passes (protocol §7.7).
pub const MTU: usize = 1280;

/// RFC 8200, section 3.
const HEADER_LEN: usize = 40;

/// How many extension headers are walked: more than RFC 8200, section 4.1, names, where only one may
/// come twice.
const EXTENSION_HEADERS: usize = 8;

/// One device joins at a time as a rule, with a DTLS session and an ICMPv6 one; this is for eight.
const SESSIONS: usize = 16;

/// <https://www.iana.org/assignments/ipv6-parameters>
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;
/// RFC 8200, section 4.5.
const FRAGMENT_LEN: usize = 8;

/// <https://www.iana.org/assignments/protocol-numbers>
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// RFC 4861, section 4.
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
const REDIRECT: u8 = 137;

/// RFC 4291, section 2.7.1.
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 2);
/// RFC 3810, section 5.2.14.
const MLDV2_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0x16);
