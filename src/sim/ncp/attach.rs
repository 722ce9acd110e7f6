//! Attaching (Thread specification, section 4.7): the search for a parent, the parent's side of it, and the
//! ways up: child, router, leader of what is left.

use super::commission::NetworkTlvs;
use super::mesh::{LeaderData, Member, Mesh, CHILD_ID_MAX, MEMBERS_MAX, SEARCH};
use super::mle::{self, Message};
use super::net::{self, Alone, Role};
use super::numbers::*;
use super::updates::Update;
use super::Ncp;
use crate::time::{Duration, Instant};

/// The search for a parent.
#[derive(Debug)]
pub(super) struct Attach {
    step: Step,
    pub(super) until: Instant,
    challenge: [u8; 8],
    best: Option<Candidate>,
    tries: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// A parent request goes out then.
    Ask,
    /// Parents answer until then.
    Collect,
    /// The chosen one answers until then.
    Request,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    address: [u8; 8],
    partition_id: u32,
    rssi: i8,
}

impl Mesh {
    /// The attempt may succeed yet: nobody should become leader of a new partition now.
    fn is_promising(&self) -> bool {
        self.attach
            .as_ref()
            .is_some_and(|attach| attach.step == Step::Request || attach.best.is_some())
    }
}

impl Ncp {
    /// Whether becoming leader has to wait, or is not for this node.
    pub(super) fn postpones_leading(&mut self, now: Instant) -> bool {
        if !self.air.has_radio() || !self.net.is_attaching() {
            return false;
        }
        if self.mesh.is_promising() {
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
        self.mesh.attach = Some(Attach {
            step: Step::Ask,
            until: at,
            challenge: self.rng.octets(),
            best: None,
            tries: 0,
        });
    }

    pub(super) fn advance_attach(&mut self, now: Instant) {
        let Some(mut attach) = self.mesh.attach.take() else {
            return;
        };
        if attach.until > now {
            self.mesh.attach = Some(attach);
            return;
        }
        match (attach.step, attach.best) {
            (Step::Ask, _) => {
                let request = Message::new(mle::PARENT_REQUEST)
                    .with(mle::MODE, &[self.store.uint8(THREAD_MODE)])
                    .with(mle::CHALLENGE, &attach.challenge)
                    .with(mle::VERSION, &THREAD_1_2);
                attach.step = Step::Collect;
                attach.until = now + COLLECT;
                self.say(now, &request, None);
            }
            (Step::Collect | Step::Request, Some(parent)) if attach.tries < TRIES_MAX => {
                let timeout = self.store.uint32(THREAD_CHILD_TIMEOUT).to_be_bytes();
                let request = Message::new(mle::CHILD_ID_REQUEST)
                    .with(mle::MODE, &[self.store.uint8(THREAD_MODE)])
                    .with(mle::CHALLENGE, &attach.challenge)
                    .with(mle::TIMEOUT, &timeout);
                attach.step = Step::Request;
                attach.until = now + ANSWER;
                attach.tries += 1;
                self.say(now, &request, Some(parent.address));
            }
            _ => {
                let pause = Duration::from_millis(self.rng.below(ASK_SPREAD_MS));
                return self.ask_at(now + pause);
            }
        }
        self.mesh.attach = Some(attach);
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
        if attach.step != Step::Collect || message.array(mle::RESPONSE) != Some(attach.challenge) {
            return;
        }
        let rank = |candidate: &Candidate| (candidate.partition_id, candidate.rssi);
        let candidate = Candidate {
            address: source,
            partition_id: data.partition_id,
            rssi,
        };
        if attach
            .best
            .map_or(true, |best| rank(&best) < rank(&candidate))
        {
            attach.best = Some(candidate);
        }
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
        let asked = attach.step == Step::Request
            && attach.best.map(|best| best.address) == Some(source)
            && message.array(mle::RESPONSE) == Some(attach.challenge);
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

/// How long parents have to answer: Thread's PARENT_REQUEST_ROUTER_TIMEOUT.
const COLLECT: Duration = Duration::from_millis(750);
/// The pause before a parent request is less than this.
const ASK_SPREAD_MS: u64 = 250;
/// How long the chosen parent has to answer, and how often it is asked.
const ANSWER: Duration = Duration::from_millis(200);
const TRIES_MAX: u8 = 3;
const UPGRADE_MIN: Duration = Duration::from_secs(3);
/// Protocol §3.7, property 94.
const MODE_FULL_DEVICE: u8 = 0x02;
/// The version TLV: 3 is Thread 1.2.
const THREAD_1_2: [u8; 2] = [0, 3];
