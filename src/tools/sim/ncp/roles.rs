//! The ways up in a network (Thread specification, section 4.7): a node without a parent becomes a child, a
//! child a router, a router the leader of what is left; and the parent's and the leader's side of it.

use super::commission::NetworkTlvs;
use super::spinel::numbers::*;
use super::spinel::updates::Update;
use super::thread::attach::{Ask, Attach, Candidate, ANSWER};
use super::thread::mesh::{LeaderData, Member, CHILD_ID_MAX, MEMBERS_MAX, SEARCH};
use super::thread::mle::{self, Message};
use super::thread::net::{self, Alone, Role};
use super::Ncp;
use crate::time::{Duration, Instant};

impl Ncp {
    /// Whether becoming leader has to wait, or is not for this node.
    pub(super) fn postpones_leading(&mut self, now: Instant) -> bool {
        if !self.air.has_radio() || !self.net.is_attaching() {
            return false;
        }
        let attach = self.mesh.attach.as_ref();
        if attach.is_some_and(Attach::is_promising) {
            // The attempt ends earlier than this.
            self.net.postpone(now + ANSWER);
            return true;
        }
        if !self.net.is_due(now) || self.alone() == Alone::Leads {
            return false;
        }
        self.net.search(now + SEARCH);
        true
    }

    /// A full device that may become a router (protocol §3.7, properties 94 and 5383).
    pub(super) fn can_route(&self) -> bool {
        let mode = self.store.uint8(THREAD_MODE);
        mode & MODE_FULL_DEVICE != 0 && self.store.uint8(THREAD_ROUTER_ROLE_ENABLED) == 1
    }

    /// The search for a parent begins, if there is a radio.
    pub(super) fn start_attach(&mut self, now: Instant) {
        self.leave_mesh();
        if self.air.has_radio() && self.net.is_attaching() {
            let pause = Duration::from_millis(self.rng.below(ASK_SPREAD_MS));
            self.ask_at(now + pause);
        }
    }

    fn ask_at(&mut self, at: Instant) {
        self.mesh.attach = Some(Attach::new(at, self.rng.octets()));
    }

    pub(super) fn advance_attach(&mut self, now: Instant) {
        let ask = self
            .mesh
            .attach
            .as_mut()
            .and_then(|attach| attach.poll(now));
        let mode = [self.store.uint8(THREAD_MODE)];
        match ask {
            None => {}
            Some(Ask::Anyone(challenge)) => {
                let request = Message::new(mle::PARENT_REQUEST)
                    .with(mle::MODE, &mode)
                    .with(mle::CHALLENGE, &challenge)
                    .with(mle::VERSION, &THREAD_1_2);
                self.say(now, &request, None);
            }
            Some(Ask::Parent(address, challenge)) => {
                let timeout = self.store.uint32(THREAD_CHILD_TIMEOUT).to_be_bytes();
                let request = Message::new(mle::CHILD_ID_REQUEST)
                    .with(mle::MODE, &mode)
                    .with(mle::CHALLENGE, &challenge)
                    .with(mle::TIMEOUT, &timeout);
                self.say(now, &request, Some(address));
            }
            Some(Ask::Anew) => {
                let pause = Duration::from_millis(self.rng.below(ASK_SPREAD_MS));
                self.ask_at(now + pause);
            }
        }
    }

    /// The parent or the partition is lost.
    pub(super) fn lose(&mut self, now: Instant, search: Duration) {
        self.net.lose(now + search);
        self.start_attach(now);
        self.publish();
    }

    /// A router without its leader leads what is left.
    pub(super) fn take_over(&mut self, now: Instant) {
        if self.net.role() == Role::Router {
            let id = (self.net.rloc16() >> 10) as u8;
            self.net.lead(Some(id), &mut self.rng);
            self.mesh.given.clear();
            self.settle(now);
            self.publish();
        }
    }

    /// Whoever asks for a parent has lost its own, or started over.
    pub(super) fn answer_parent_request(
        &mut self,
        now: Instant,
        source: [u8; 8],
        message: &Message,
    ) {
        if !self.net.is_attached() {
            return;
        }
        let led = self
            .mesh
            .leader()
            .is_some_and(|leader| leader.address == source);
        self.forget(source);
        if self.mesh.parent == Some(source) {
            return self.lose(now, SEARCH);
        }
        if led {
            self.take_over(now);
        }
        let full = usize::from(self.store.uint8(THREAD_CHILD_COUNT_MAX));
        let children = self.mesh.members.iter().filter(|m| m.is_child()).count();
        if !self.net.is_router() || children >= full {
            return;
        }
        let response = self
            .about_us(mle::PARENT_RESPONSE)
            .with(mle::RESPONSE, message.get(mle::CHALLENGE).unwrap_or(&[]))
            .with(mle::VERSION, &THREAD_1_2);
        self.say(now, &response, Some(source));
    }

    pub(super) fn consider_parent(&mut self, source: [u8; 8], rssi: i8, message: &Message) {
        let (Some(attach), Some(data)) = (&mut self.mesh.attach, LeaderData::of(message)) else {
            return;
        };
        let candidate = Candidate {
            address: source,
            partition_id: data.partition_id,
            rssi,
        };
        attach.consider(candidate, message.array(mle::RESPONSE));
    }

    /// Takes a child, or confirms one that asks again.
    pub(super) fn adopt(&mut self, now: Instant, source: [u8; 8], rssi: i8, message: &Message) {
        if !self.net.is_router() {
            return;
        }
        let known = self.mesh.find(&source).filter(|member| member.is_child());
        let rloc16 = match known {
            Some(child) => child.rloc16,
            None => {
                let Some(rloc16) = self.free_child_rloc16() else {
                    return;
                };
                self.forget(source);
                let timeout = message.array(mle::TIMEOUT).map_or(0, u32::from_be_bytes);
                let child = Member {
                    rloc16,
                    role: Role::Child as u8,
                    mode: message.array(mle::MODE).map_or(0, |[mode]| mode),
                    rssi,
                    child_timeout: Some(Duration::from_secs(timeout.into())),
                    ..Member::new(source, now)
                };
                self.tell_child(CMD_VALUE_INSERTED, &child);
                self.mesh.members.push(child);
                rloc16
            }
        };
        let response = self
            .about_us(mle::CHILD_ID_RESPONSE)
            .with(mle::ADDRESS16, &rloc16.to_be_bytes())
            .with(mle::RESPONSE, message.get(mle::CHALLENGE).unwrap_or(&[]))
            .with(mle::ACTIVE_DATASET, &self.active);
        self.say(now, &response, Some(source));
        self.mesh.hurry();
    }

    fn free_child_rloc16(&self) -> Option<u16> {
        if self.mesh.members.len() >= MEMBERS_MAX {
            return None;
        }
        let base = self.net.rloc16();
        let is_free = |rloc16: &u16| !self.mesh.members.iter().any(|m| m.rloc16 == *rloc16);
        (1..=CHILD_ID_MAX).map(|id| base | id).find(is_free)
    }

    /// The parent took us.
    pub(super) fn adopted(
        &mut self,
        now: Instant,
        source: [u8; 8],
        message: &Message,
    ) -> Option<()> {
        let attach = self.mesh.attach.as_ref()?;
        let asked = attach.is_answer(source, message.array(mle::RESPONSE));
        let data = LeaderData::of(message).filter(|_| asked)?;
        let rloc16 = u16::from_be_bytes(message.array(mle::ADDRESS16)?);
        let credentials = NetworkTlvs::parse(message.get(mle::ACTIVE_DATASET)?)?;
        self.adopt_network(&credentials);
        if self.net.wants_existing() {
            self.net.set_join_existing(false);
            self.updates
                .mark(Update::Property(NET_REQUIRE_JOIN_EXISTING));
        }
        self.net
            .become_child(rloc16, data.partition_id, data.leader_id);
        self.mesh.parent = Some(source);
        self.settle(now);
        // The parent is known to live before it is heard again.
        self.mesh.members.clear();
        self.mesh.members.push(Member {
            rloc16: rloc16 & !CHILD_ID_MAX,
            role: Role::Router as u8,
            mode: 0x0F,
            rssi: -40,
            addresses: vec![net::link_local(&source)],
            ..Member::new(source, now)
        });
        self.plan_upgrade(now);
        self.publish();
        Some(())
    }

    /// A child that can becomes a router after some seconds: a sixteenth of OpenThread's jitter of
    /// 120 s, so that nobody has to wait for minutes.
    fn plan_upgrade(&mut self, now: Instant) {
        let jitter = u64::from(self.store.uint8(THREAD_ROUTER_SELECTION_JITTER));
        let spread = Duration::from_millis(self.rng.below(jitter * 1_000 / 16 + 1));
        self.mesh.upgrade_at = Some(now + UPGRADE_MIN + spread);
    }

    pub(super) fn ask_for_router_id(&mut self, now: Instant) {
        let routers = 1 + self.mesh.members.iter().filter(|m| m.role >= 2).count();
        let threshold = usize::from(self.store.uint8(THREAD_ROUTER_UPGRADE_THRESHOLD));
        if self.net.role() != Role::Child {
            return;
        }
        if self.can_route() && routers <= threshold {
            let request = self.about_us(mle::ROUTER_ID_REQUEST);
            self.say(now, &request, None);
        }
        self.plan_upgrade(now);
    }

    pub(super) fn give_router_id(&mut self, now: Instant, source: [u8; 8]) {
        if self.net.role() != Role::Leader || self.mesh.find(&source).is_none() {
            return;
        }
        let id = match self.mesh.given.iter().find(|given| given.1 == source) {
            Some(given) => given.0,
            None => {
                let own = self.net.leader_id();
                let members: Vec<u8> = self
                    .mesh
                    .members
                    .iter()
                    .filter(|m| m.role >= 2)
                    .map(|m| (m.rloc16 >> 10) as u8)
                    .collect();
                let taken = |id: &u8| {
                    *id == own
                        || members.contains(id)
                        || self.mesh.given.iter().any(|given| given.0 == *id)
                };
                let first = self.rng.below(u64::from(net::ROUTER_ID_MAX) + 1) as u8;
                let ids = (first..=net::ROUTER_ID_MAX).chain(0..first);
                let Some(id) = ids.into_iter().find(|id| !taken(id)) else {
                    return;
                };
                self.mesh.given.push((id, source));
                id
            }
        };
        let rloc16 = u16::from(id) << 10;
        let response = self
            .about_us(mle::ROUTER_ID_RESPONSE)
            .with(mle::ADDRESS16, &rloc16.to_be_bytes());
        self.say(now, &response, Some(source));
    }

    pub(super) fn take_router_id(&mut self, now: Instant, source: [u8; 8], message: &Message) {
        let from_leader = LeaderData::of(message).is_some_and(|data| {
            data.partition_id == self.net.partition_id() && self.mesh.find(&source).is_some()
        });
        let rloc16 = message.array(mle::ADDRESS16).map(u16::from_be_bytes);
        let rloc16 = rloc16.filter(|rloc16| rloc16 >> 10 <= u16::from(net::ROUTER_ID_MAX));
        if let (Role::Child, true, Some(rloc16)) = (self.net.role(), from_leader, rloc16) {
            self.net.become_router(rloc16 & !CHILD_ID_MAX);
            self.settle(now);
            self.expect_leader(now);
            self.publish();
        }
    }

    /// Of two partitions of one network the one with the lower id gives way; its children follow when
    /// their parents do.
    pub(super) fn merge(&mut self, now: Instant, partition_id: u32) {
        if self.net.is_router() && partition_id > self.net.partition_id() {
            self.lose(now, SEARCH);
        }
    }
}

/// The pause before a parent request is less than this.
const ASK_SPREAD_MS: u64 = 250;
const UPGRADE_MIN: Duration = Duration::from_secs(3);
/// Protocol §3.7, property 94.
const MODE_FULL_DEVICE: u8 = 0x02;
/// The version TLV: 3 is Thread 1.2.
const THREAD_1_2: [u8; 2] = [0, 3];
