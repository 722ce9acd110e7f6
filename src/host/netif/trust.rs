//! What of the mesh's word the host acts on. The co-processor and everybody in its network are strangers:
//! what they say must not take addresses, routes or packets of this host's other interfaces.
//!
//! | what is told | what the host takes |
//! | --- | --- |
//! | an address of the co-processor | link-local, or one that a network can have ([`Range`]), and in no network of another interface; a global one only within a prefix of the mesh |
//! | the kernel's route of such an address | none (IFA_F_NOPREFIXROUTE): ours go to /64s of the mesh alone |
//! | an on-mesh prefix | a /64 (Thread 1.3, section 5.10) that is neither within nor around a network of another interface |
//! | an off-mesh route | unique local (`fc00::/7`), and not within a network of another interface; the default route, after the host's own; others with [`Settings::default_route`](super::Settings) |
//! | a packet | none whose source is this host, or nobody; no neighbour discovery |
//!
//! A network of another interface is that of its address, or one that a route of this host leads to over it. Routes
//! that were learnt from a router do not count: border routers of the same mesh advertise its prefixes in the LAN.
//!
//! What is left to a hostile mesh: prefixes and routes that nobody else on this host has.

use super::item;
use crate::host::kernel::Address;
use std::net::Ipv6Addr;

/// The networks of this host's other interfaces, and what was refused.
#[derive(Debug, Default)]
pub(super) struct Trust {
    /// All addresses of this host, on whatever interface, ours too.
    own: Vec<Ipv6Addr>,
    elsewhere: Vec<Address>,
    /// Those of before, while the kernel lists anew.
    before: Vec<Address>,
    told: Vec<Address>,
}

/// Why something is not taken. Displays as the end of a line of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No network has such addresses.
    Range(Range),
    /// Another interface of this host has that network.
    Elsewhere(Address),
    /// A global address outside of every prefix of the mesh.
    NotOnMesh,
    /// Not 64 bits.
    Length,
    /// It would be taken before the host's own default route.
    Default,
}

/// Kinds of addresses that are nobody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// ff00::/8
    Multicast,
    /// ::1
    Loopback,
    /// ::/96, with ::
    Unspecified,
    /// ::ffff:0:0/96, which reaches IPv4 services.
    Mapped,
    /// 64:ff9b::/32 (RFC 6052, RFC 8215), 2002::/16 (RFC 3056), 2001::/32 (RFC 4380)
    Translated,
    /// Neither global unicast (2000::/3) nor unique local (fc00::/7), as 100::/64 for discarding.
    Nobodys,
    /// fe80::/10 where a prefix or a route is meant.
    LinkLocal,
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Refused::Range(range) => f.write_str(match range {
                Range::Multicast => "it is multicast",
                Range::Loopback => "it is loopback",
                Range::Unspecified => "it is unspecified",
                Range::Mapped | Range::Translated => "it stands for IPv4 addresses",
                Range::Nobodys => "no network has such addresses",
                Range::LinkLocal => "it is link-local",
            }),
            Refused::Elsewhere(network) => {
                write!(f, "another interface of this host has {network}")
            }
            Refused::NotOnMesh => f.write_str("it is in no prefix of the mesh"),
            Refused::Default => f.write_str(
                "it would be taken before this host's default route: --default-route permits that",
            ),
            Refused::Length => f.write_str("prefixes of a mesh have 64 bits"),
        }
    }
}

impl Trust {
    /// Some interface of this host has this address, ours or another one.
    pub(super) fn own_added(&mut self, address: Ipv6Addr) {
        if self.own.len() < ELSEWHERE {
            self.own.push(address);
        }
    }

    /// An interface lost this address; another one may have it still.
    pub(super) fn own_removed(&mut self, address: Ipv6Addr) {
        if let Some(index) = self.own.iter().position(|known| *known == address) {
            self.own.swap_remove(index);
        }
    }

    /// Another interface has this network.
    pub(super) fn elsewhere_added(&mut self, network: Address) {
        let is_somebodys = matches!(
            range(network.address),
            None | Some(Range::Translated | Range::Nobodys)
        );
        // A route that is as good as the default one is no network.
        if !item::is_link_local(network.address)
            && is_somebodys
            && network.prefix_len >= SHORTEST
            && self.elsewhere.len() < ELSEWHERE
        {
            self.elsewhere.push(network);
        }
    }

    /// Another interface lost this network; a third one may have it still.
    pub(super) fn elsewhere_removed(&mut self, network: Address) {
        if let Some(index) = self.elsewhere.iter().position(|known| *known == network) {
            self.elsewhere.swap_remove(index);
        }
    }

    pub(super) fn list_begins(&mut self) {
        self.own.clear();
        self.before = core::mem::take(&mut self.elsewhere);
    }

    pub(super) fn list_ends(&mut self) {
        self.before.clear();
    }

    /// Whether an interface of this host has this very address.
    pub(super) fn is_own(&self, address: &Ipv6Addr) -> bool {
        self.own.contains(address)
    }

    /// Whether the interface may have an address because the co-processor says so. `on_mesh`: the /64s of
    /// the mesh.
    pub(super) fn address(
        &self,
        address: Ipv6Addr,
        on_mesh: &mut dyn Iterator<Item = Address>,
    ) -> Result<(), Refused> {
        if item::is_link_local(address) {
            return Ok(());
        }
        if let Some(range) = range(address) {
            return Err(Refused::Range(range));
        }
        self.within(address)?;
        let is_local = address.segments()[0] & 0xFE00 == 0xFC00;
        let mut on_mesh = on_mesh.filter(|prefix| prefix.prefix_len == THREAD_PREFIX);
        if is_local || on_mesh.any(|prefix| item::prefix_of(address, THREAD_PREFIX) == prefix) {
            Ok(())
        } else {
            Err(Refused::NotOnMesh)
        }
    }

    /// Whether a prefix can be one of the mesh.
    pub(super) fn on_mesh(&self, prefix: Address) -> Result<(), Refused> {
        if prefix.prefix_len != THREAD_PREFIX {
            return Err(Refused::Length);
        }
        if let Some(range) = range(prefix.address) {
            return Err(Refused::Range(range));
        }
        self.route(prefix)?;
        let around = |network: &Address| {
            item::prefix_of(network.address, THREAD_PREFIX).address == prefix.address
        };
        match self.networks().find(around) {
            Some(network) => Err(Refused::Elsewhere(network)),
            None => Ok(()),
        }
    }

    /// Whether a route can lead into the mesh.
    pub(super) fn route(&self, prefix: Address) -> Result<(), Refused> {
        if item::is_link_local(prefix.address) {
            return Err(Refused::Range(Range::LinkLocal));
        }
        match range(prefix.address) {
            // ::/0, and what is as good as that; translators are off-mesh.
            Some(Range::Unspecified | Range::Nobodys) if is_default(prefix) => {}
            None | Some(Range::Translated) => {}
            Some(range) => return Err(Refused::Range(range)),
        }
        match is_default(prefix) {
            true => Ok(()),
            false => self.within_network(prefix),
        }
    }

    /// One line for what is refused, once.
    pub(super) fn tell(&mut self, what: &str, address: Address, why: Refused) {
        // Its prefix may be told a moment later.
        if why == Refused::NotOnMesh {
            return log::debug!("the mesh's {what} {address} is not used yet: {why}");
        }
        if self.told.contains(&address) || self.told.len() >= TOLD {
            return;
        }
        self.told.push(address);
        log::warn!("the mesh's {what} {address} is not used here: {why}");
    }

    fn networks(&self) -> impl Iterator<Item = Address> + '_ {
        self.elsewhere.iter().chain(&self.before).copied()
    }

    fn within(&self, address: Ipv6Addr) -> Result<(), Refused> {
        self.within_network(Address {
            address,
            prefix_len: 128,
        })
    }

    /// Within a network of another interface, or the same.
    fn within_network(&self, prefix: Address) -> Result<(), Refused> {
        let around = |network: &Address| {
            network.prefix_len <= prefix.prefix_len
                && item::prefix_of(network.address, network.prefix_len)
                    == item::prefix_of(prefix.address, network.prefix_len)
        };
        match self.networks().find(around) {
            Some(network) => Err(Refused::Elsewhere(network)),
            None => Ok(()),
        }
    }
}

/// Whether a route is the default route, or so short that a few of them stand for it: `::/1` and `8000::/1`,
/// or `2000::/3`, which is all that is global. Unique local addresses (`fc00::/7`), which border routers
/// publish as one, are not meant.
pub(super) fn is_default(prefix: Address) -> bool {
    let is_local = prefix.prefix_len >= 7 && prefix.address.segments()[0] & 0xFE00 == 0xFC00;
    prefix.prefix_len < SHORTEST && !is_local
}

/// Whether a route stands in the way of the host's own default route: all but unique local ones, which lead into
/// the mesh and to whom its border routers serve.
pub(super) fn is_public(prefix: Address) -> bool {
    prefix.prefix_len < 7 || prefix.address.segments()[0] & 0xFE00 != 0xFC00
}

/// Whether a packet can be from or to this address, whatever the network.
pub(in crate::host) fn is_in_packets(address: Ipv6Addr) -> bool {
    !matches!(
        range(address),
        Some(Range::Mapped | Range::Unspecified | Range::Loopback)
    )
}

fn range(address: Ipv6Addr) -> Option<Range> {
    let segments = address.segments();
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Range::Loopback),
        [0, 0, 0, 0, 0, 0, _, _] => Some(Range::Unspecified),
        [0, 0, 0, 0, 0, 0xFFFF, _, _] => Some(Range::Mapped),
        _ if address.is_multicast() => Some(Range::Multicast),
        [0x0064, 0xFF9B, ..] | [0x2002, ..] | [0x2001, 0, ..] => Some(Range::Translated),
        [first, ..] if first & 0xE000 == 0x2000 || first & 0xFE00 == 0xFC00 => None,
        _ if item::is_link_local(address) => None,
        _ => Some(Range::Nobodys),
    }
}

/// All prefixes of a Thread network have 64 bits (Thread 1.3, section 5.10).
const THREAD_PREFIX: u8 = 64;

/// The shortest prefix of anybody's own: registries hand out /12 (RIPE NCC and the others), and no site has
/// one.
const SHORTEST: u8 = 16;

/// Addresses of other interfaces that are kept: a host with many containers has some hundred.
const ELSEWHERE: usize = 1_024;

/// Refusals that are told, so that a mesh cannot fill the log.
const TOLD: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Address {
        let (address, prefix_len) = text.split_once('/').unwrap();
        Address {
            address: address.parse().unwrap(),
            prefix_len: prefix_len.parse().unwrap(),
        }
    }

    /// A host with a LAN, a VPN and a container's address.
    fn trust() -> Trust {
        let mut trust = Trust::default();
        for address in [
            "fd12:1:1:1::5/64",
            "2001:db8:7::1/48",
            "fd99::1/128",
            // Where a route leads to.
            "fd77:1::/32",
            // As good as the default route: no network.
            "2000::/3",
            "fc00::/7",
            "fe80::1/64",
            "::1/128",
        ] {
            trust.elsewhere_added(net(address));
        }
        trust
    }

    #[test]
    fn addresses() {
        let trust = trust();
        let mesh = [net("2001:db8:1:2::/64"), net("2001:db8::/32")];
        for (address, taken) in [
            ("fe80::2", true),
            ("fdde:ad00:beef::1", true),
            ("2001:db8:1:2::9", true),
            // The prefix of 32 bits is none of a mesh.
            ("2001:db8:1:3::9", false),
            ("2001:4860:4860::8888", false),
            ("fd12:1:1:1::1", false),
            ("2001:db8:7:5::1", false),
            ("fd99::1", false),
            ("fd99::2", true),
            ("::ffff:127.0.0.1", false),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("ff02::1", false),
            ("100::1", false),
            ("64:ff9b::808:808", false),
            ("2002:7f00:1::1", false),
            ("8000::1", false),
            ("fd77:1:2:3::1", false),
        ] {
            let result = trust.address(address.parse().unwrap(), &mut mesh.iter().copied());
            assert_eq!(result.is_ok(), taken, "{address}: {result:?}");
        }
    }

    #[test]
    fn prefixes_and_routes() {
        let trust = trust();
        for (prefix, on_mesh, route) in [
            ("fd00:1::/64", true, true),
            ("2001:db8:1::/64", true, true),
            ("::/0", false, true),
            ("::/1", false, true),
            ("8000::/1", false, true),
            ("fc00::/7", false, true),
            ("64:ff9b::/96", false, true),
            ("64:ff9b::/64", false, true),
            ("8000::/64", false, false),
            ("2002:7f00:1::/64", false, true),
            ("fd77:1:9::/64", false, false),
            ("fd77::/16", false, true),
            ("fd12:1:1:1::/64", false, false),
            // The gateway of the LAN.
            ("fd12:1:1:1::1/128", false, false),
            // Around them: the kernel prefers what is longer.
            ("fd12:1:1::/48", false, true),
            ("fd99::/64", false, true),
            ("2001:db8:7:1::/64", false, false),
            ("fe80::/64", false, false),
            ("ff00::/8", false, false),
            ("::ffff:0:0/96", false, false),
            ("::1/128", false, false),
            ("100::/64", false, false),
        ] {
            let prefix = net(prefix);
            assert_eq!(trust.on_mesh(prefix).is_ok(), on_mesh, "{prefix}");
            assert_eq!(trust.route(prefix).is_ok(), route, "{prefix}");
        }
        for (prefix, default) in [
            ("::/0", true),
            ("8000::/1", true),
            ("2000::/3", true),
            ("fc00::/6", true),
            ("fc00::/7", false),
            ("fd00::/8", false),
            ("2001::/16", false),
        ] {
            assert_eq!(is_default(net(prefix)), default, "{prefix}");
        }
    }

    #[test]
    fn what_the_kernel_lists_anew_is_known_meanwhile() {
        let mut trust = trust();
        trust.list_begins();
        assert!(trust.route(net("fd12:1:1:1::/64")).is_err());
        trust.elsewhere_added(net("2001:db8:7::1/48"));
        trust.list_ends();
        assert!(trust.route(net("fd12:1:1:1::/64")).is_ok());
        assert!(trust.route(net("2001:db8:7::/64")).is_err());
        trust.elsewhere_removed(net("2001:db8:7::1/48"));
        assert!(trust.route(net("2001:db8:7::/64")).is_ok());
    }

    #[test]
    fn what_leads_past_the_default_route() {
        for (prefix, public) in [
            ("::/0", true),
            ("2620::/16", true),
            ("2620:fe::fe/128", true),
            ("64:ff9b::/96", true),
            ("fc00::/6", true),
            ("fc00::/7", false),
            ("fd12::/64", false),
        ] {
            assert_eq!(is_public(net(prefix)), public, "{prefix}");
        }
    }
}
