//! What a node knows of the others on its radio: who is there, who is lost, who takes which packet.
//! Everyone hears everyone, so there is nothing to route.

use super::attach::Attach;
use super::mle::{self, Message};
use super::net::{self, Role};
use super::netdata::{self, Entry, Offer};
use super::ping::Ipv6;
use crate::time::{earliest, Duration, Instant};

/// What this node knows of the others.
#[derive(Debug, Default)]
pub(crate) struct Mesh {
    pub(crate) members: Vec<Member>,
    pub(crate) parent: Option<[u8; 8]>,
    pub(crate) attach: Option<Attach>,
    announce_at: Option<Instant>,
    /// When the child asks for a router id.
    pub(crate) upgrade_at: Option<Instant>,
    /// When a router gives its leader up.
    pub(crate) leader_until: Option<Instant>,
    /// Router ids that were given, as leader.
    pub(crate) given: Vec<(u8, [u8; 8])>,
    /// What our host offers and the leader was told.
    pub(crate) registered: Vec<Entry>,
}

/// Another node of the same partition.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) address: [u8; 8],
    pub(crate) rloc16: u16,
    pub(crate) role: u8,
    pub(crate) mode: u8,
    pub(crate) rssi: i8,
    pub(crate) heard_at: Instant,
    /// It is our child, and is given up after so long a silence.
    pub(crate) child_timeout: Option<Duration>,
    pub(crate) addresses: Vec<Ipv6>,
    pub(crate) data: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
}

impl Member {
    /// One of which nothing is known but that it was heard.
    pub(crate) fn new(address: [u8; 8], heard_at: Instant) -> Self {
        Member {
            address,
            rloc16: 0,
            role: Role::Detached as u8,
            mode: 0,
            rssi: 0,
            heard_at,
            child_timeout: None,
            addresses: Vec::new(),
            data: Vec::new(),
            entries: Vec::new(),
        }
    }

    fn until(&self) -> Instant {
        self.heard_at + self.child_timeout.unwrap_or(SILENCE).max(SILENCE)
    }

    pub(crate) const fn is_child(&self) -> bool {
        self.child_timeout.is_some()
    }
}

/// Leader data (Thread specification, section 4.5).
pub(crate) struct LeaderData {
    pub(crate) partition_id: u32,
    pub(crate) leader_id: u8,
}

impl LeaderData {
    pub(crate) fn of(message: &Message) -> Option<Self> {
        let data: [u8; 8] = message.array(mle::LEADER_DATA)?;
        let [a, b, c, d, .., leader_id] = data;
        Some(LeaderData {
            partition_id: u32::from_be_bytes([a, b, c, d]),
            leader_id: leader_id.min(net::ROUTER_ID_MAX),
        })
    }
}

impl Mesh {
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let attach = self.attach.as_ref().map(|attach| attach.until());
        let members = self.members.iter().map(Member::until).min();
        let own = earliest(self.announce_at, self.upgrade_at);
        earliest(earliest(attach, members), earliest(own, self.leader_until))
    }

    /// Something changed that the others want to know.
    pub(crate) fn hurry(&mut self) {
        if self.announce_at.is_some() {
            self.announce_at = Some(Instant::ZERO);
        }
    }

    /// The member of this address, perhaps one that says nothing of itself yet; `None`: no room for it.
    pub(crate) fn member_or_new(&mut self, address: [u8; 8], now: Instant) -> Option<&mut Member> {
        let known = self.members.iter().position(|m| m.address == address);
        let index = match known {
            Some(index) => index,
            None if self.members.len() >= MEMBERS_MAX => return None,
            None => {
                // It does not know us either.
                self.hurry();
                self.members.push(Member::new(address, now));
                self.members.len() - 1
            }
        };
        self.members.get_mut(index)
    }

    /// The first whose silence was too long.
    pub(crate) fn silent(&self, now: Instant) -> Option<[u8; 8]> {
        let silent = self.members.iter().find(|member| member.until() <= now);
        silent.map(|member| member.address)
    }

    /// Takes a member away.
    pub(crate) fn remove(&mut self, address: [u8; 8]) -> Option<Member> {
        let index = self.members.iter().position(|m| m.address == address)?;
        Some(self.members.swap_remove(index))
    }

    /// Forgets everything that belongs to a partition; what our host offers stays. Returns who was there.
    pub(crate) fn leave(&mut self) -> Vec<Member> {
        let left = core::mem::take(self);
        self.registered = left.registered;
        left.members
    }

    /// This node is part of a partition, which shall hear of it at once.
    pub(crate) fn announce_from(&mut self, now: Instant) {
        self.announce_at = Some(now);
    }

    /// Whether it is time to tell the others who we are; the next time is then [`PERIOD`] later.
    pub(crate) fn takes_announcement(&mut self, now: Instant) -> bool {
        let due = self.announce_at.is_some_and(|at| at <= now);
        if due {
            self.announce_at = Some(now + PERIOD);
        }
        due
    }

    pub(crate) fn find(&self, address: &[u8; 8]) -> Option<&Member> {
        self.members
            .iter()
            .find(|member| member.address == *address)
    }

    /// All that is offered, our own first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        let others = self.members.iter().flat_map(|member| &member.entries);
        self.registered.iter().chain(others)
    }

    pub(crate) fn own_prefix_covers(&self, destination: &Ipv6) -> bool {
        let mut own = self.registered.iter();
        own.any(|entry| length_of_match(entry, destination).is_some())
    }

    /// Who takes a packet for `destination`.
    pub(crate) fn next_hop(&self, destination: &Ipv6) -> Option<[u8; 8]> {
        let owns = |member: &&Member| member.addresses.contains(destination);
        if let Some(member) = self.members.iter().find(owns) {
            return Some(member.address);
        }
        let routes = self.members.iter().filter_map(|member| {
            let lengths = member.entries.iter();
            let longest = lengths.filter_map(|entry| length_of_match(entry, destination));
            Some((longest.max()?, member.address))
        });
        routes.max_by_key(|route| route.0).map(|route| route.1)
    }

    pub(crate) fn leader(&self) -> Option<&Member> {
        let leader = Role::Leader as u8;
        self.members.iter().find(|member| member.role == leader)
    }
}

/// How many bits of `destination` an offer covers; a default route covers none, but everything.
fn length_of_match(entry: &Entry, destination: &Ipv6) -> Option<u8> {
    match &entry.offer {
        Offer::OnMesh { prefix, bits, .. } | Offer::Route { prefix, bits, .. }
            if netdata::covers(prefix, *bits, destination) =>
        {
            Some(*bits)
        }
        Offer::OnMesh { flags, .. } if flags & netdata::FLAG_DEFAULT_ROUTE != 0 => Some(0),
        _ => None,
    }
}

/// How often each node announces itself. Thread's routers do it every 1 s to 32 s.
const PERIOD: Duration = Duration::from_secs(2);
/// Six announcements were missed: the node is gone.
pub(crate) const SILENCE_S: u8 = 12;
const SILENCE: Duration = Duration::from_secs(SILENCE_S as u64);
/// As many routers as Thread has, and as many children.
pub(crate) const MEMBERS_MAX: usize = 64;
/// The child's part of an RLOC16.
pub(crate) const CHILD_ID_MAX: u16 = 0x01FF;
/// How long a node without its parent searches, before it leads a partition of its own.
pub(crate) const SEARCH: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(100_000);

    fn member(octet: u8) -> Member {
        Member::new([octet; 8], NOW)
    }

    #[test]
    fn silence_ends_a_member_and_a_child_has_its_own_time() {
        let mut mesh = Mesh::default();
        let child_timeout = Some(Duration::from_secs(240));
        mesh.members.push(Member {
            child_timeout,
            ..member(1)
        });
        mesh.members.push(member(2));
        assert_eq!(mesh.poll_timeout(), Some(NOW + SILENCE));
        assert_eq!(mesh.silent(NOW + SILENCE), Some([2; 8]));
        assert!(mesh.remove([2; 8]).is_some() && mesh.remove([2; 8]).is_none());
        assert_eq!(mesh.silent(NOW + SILENCE), None);
        assert_eq!(mesh.poll_timeout(), Some(NOW + Duration::from_secs(240)));
    }

    #[test]
    fn who_owns_an_address_takes_its_packets_and_then_the_longest_prefix() {
        let mut mesh = Mesh::default();
        let net = |bits, flags| Entry {
            rloc16: 0,
            stable: true,
            offer: Offer::OnMesh {
                prefix: [0xFD; 16],
                bits,
                flags,
            },
        };
        let mut far = [0xFD; 16];
        mesh.members.push(Member {
            entries: vec![net(64, 0)],
            ..member(1)
        });
        mesh.members.push(Member {
            entries: vec![net(96, 0)],
            ..member(2)
        });
        mesh.members.push(Member {
            addresses: vec![[0xFD; 16]],
            ..member(3)
        });
        assert_eq!(mesh.next_hop(&far), Some([3; 8]));
        far[15] = 0;
        assert_eq!(mesh.next_hop(&far), Some([2; 8]));
        far[9] = 0;
        assert_eq!(mesh.next_hop(&far), Some([1; 8]));
        far[0] = 0;
        assert_eq!(mesh.next_hop(&far), None);
        mesh.members[1].entries = vec![net(96, netdata::FLAG_DEFAULT_ROUTE)];
        assert_eq!(mesh.next_hop(&far), Some([2; 8]));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let mut mesh = Mesh::default();
        for octet in 0..MEMBERS_MAX {
            assert!(mesh.member_or_new([octet as u8; 8], NOW).is_some());
        }
        assert!(mesh.member_or_new([0xFF; 8], NOW).is_none());
        assert!(mesh.member_or_new([0; 8], NOW).is_some());
    }

    #[test]
    fn it_announces_itself_again_and_again_once_it_is_settled() {
        let mut mesh = Mesh::default();
        mesh.hurry();
        assert!(!mesh.takes_announcement(NOW));
        mesh.announce_from(NOW);
        assert!(mesh.takes_announcement(NOW) && !mesh.takes_announcement(NOW));
        assert_eq!(mesh.poll_timeout(), Some(NOW + PERIOD));
        mesh.hurry();
        assert!(mesh.takes_announcement(NOW));
    }
}
