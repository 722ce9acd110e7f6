//! The tables that show the others (protocol §3.7): parent, children, neighbours, routers, and what
//! they offer. Made up when they are read, so that ages are right.

use super::spinel::numbers::*;
use super::spinel::pack::pack;
use super::spinel::updates::Found;
use super::thread::mesh::Member;
use super::thread::net::Role;
use super::thread::netdata::{Entry, Offer};
use super::Ncp;
use crate::time::{Duration, Instant};
use crate::wire::packed::{Overflow, Writer};

impl Ncp {
    /// `ESLccCCC`
    pub(super) fn parent(&self, now: Instant) -> Vec<u8> {
        let parent = self.mesh.parent;
        let Some(parent) = parent.and_then(|address| self.mesh.find(&address)) else {
            return Vec::new();
        };
        pack(|w| {
            w.data(&parent.address)?;
            w.uint16(parent.rloc16)?;
            w.uint32(age(parent, now))?;
            w.data(&[rssi(parent), rssi(parent)])?;
            w.data(&[LINK_QUALITY, LINK_QUALITY, THREAD_1_2])
        })
    }

    /// `A(t(ESLLCCcCc))`
    pub(super) fn child_table(&self, now: Instant) -> Vec<u8> {
        self.table(Member::is_child, |child, w| self.child(child, now, w))
    }

    /// `A(t(ESLCcCbLLc))`
    pub(super) fn neighbor_table(&self, now: Instant) -> Vec<u8> {
        // A child's parent is none of these, in OpenThread.
        let child = self.net.role() == Role::Child;
        let linked = |member: &Member| !child && (member.is_child() || member.role >= 2);
        self.table(linked, |member, w| {
            w.data(&member.address)?;
            w.uint16(member.rloc16)?;
            w.uint32(age(member, now))?;
            w.data(&[LINK_QUALITY, rssi(member), member.mode])?;
            w.boolean(member.is_child())?;
            // Link and MLE frame counters: nothing is secured here.
            w.uint32(0)?;
            w.uint32(0)?;
            w.uint8(rssi(member))
        })
    }

    /// `A(t(ESCCCCCCb))`: this router, its own next hop, and the others.
    pub(super) fn router_table(&self, now: Instant) -> Vec<u8> {
        let mut table = Vec::new();
        if self.net.is_router() {
            table = pack(|w| {
                w.structure(|router| {
                    router.data(&self.net.extended_address())?;
                    router.uint16(self.net.rloc16())?;
                    router.uint8((self.net.rloc16() >> 10) as u8)?;
                    router.data(&[NO_NEXT_HOP, 0, 0, 0, 0, 0])
                })
            });
        }
        let is_router = |member: &Member| member.role >= Role::Router as u8;
        table.extend(self.table(is_router, |router, w| {
            let seconds = age(router, now).min(255) as u8;
            w.data(&router.address)?;
            w.uint16(router.rloc16)?;
            let id = (router.rloc16 >> 10) as u8;
            w.data(&[id, NO_NEXT_HOP, 0, LINK_QUALITY, LINK_QUALITY, seconds, 1])
        }));
        table
    }

    /// `A(t(ESA(6)))`
    pub(super) fn child_addresses(&self) -> Vec<u8> {
        self.table(Member::is_child, |child, w| {
            w.data(&child.address)?;
            w.uint16(child.rloc16)?;
            // OpenThread keeps four for each child.
            let mut addresses = child.addresses.iter().take(4);
            addresses.try_for_each(|address| w.data(address))
        })
    }

    /// `A(t(CLdbdS))`: the services in the leader's network data.
    pub(super) fn leader_services(&self) -> Vec<u8> {
        let mut table = Vec::new();
        for entry in self.mesh.entries() {
            if let Offer::Service {
                enterprise,
                data,
                server,
            } = &entry.offer
            {
                let id = table.len().min(15) as u8;
                table.push(pack(|w| {
                    w.structure(|service| {
                        service.uint8(id)?;
                        service.uint32(*enterprise)?;
                        service.data_with_length(data)?;
                        service.boolean(entry.stable)?;
                        service.data_with_length(server)?;
                        service.uint16(entry.rloc16)
                    })
                }));
            }
        }
        table.concat()
    }

    /// The services of this host in the leader's network data, by their ids.
    pub(super) fn own_service_ids(&self) -> Vec<u8> {
        let services = self
            .mesh
            .entries()
            .filter(|entry| matches!(entry.offer, Offer::Service { .. }));
        let own = self.net.rloc16();
        let ids = services
            .enumerate()
            .filter(|(_, entry)| entry.rloc16 == own);
        ids.map(|(id, _)| id.min(15) as u8).collect()
    }

    pub(super) fn has_children(&self) -> bool {
        self.mesh.members.iter().any(Member::is_child)
    }

    /// Tells the host that a child came or went, unless it does not want to know.
    pub(super) fn tell_child(&mut self, command: u32, child: &Member) {
        let filter = pack(|w| w.uint_packed(THREAD_CHILD_TABLE));
        let filtered = self
            .store
            .items(UNSOL_UPDATE_FILTER)
            .any(|item| item == filter);
        if !filtered {
            let item = pack(|w| self.child(child, child.heard_at, w));
            self.push_found(Found {
                command,
                property: THREAD_CHILD_TABLE,
                item,
            });
        }
    }

    fn child(&self, child: &Member, now: Instant, w: &mut Writer<'_>) -> Result<(), Overflow> {
        let timeout = child.child_timeout.unwrap_or(Duration::ZERO).as_secs();
        w.data(&child.address)?;
        w.uint16(child.rloc16)?;
        w.uint32(u32::try_from(timeout).unwrap_or(u32::MAX))?;
        w.uint32(age(child, now))?;
        w.uint8(self.store.uint8(THREAD_NETWORK_DATA_VERSION))?;
        w.data(&[LINK_QUALITY, rssi(child), child.mode, rssi(child)])
    }

    /// A structure for each member that is wanted, as many as fit a frame.
    fn table(
        &self,
        wanted: impl Fn(&Member) -> bool,
        write: impl Fn(&Member, &mut Writer<'_>) -> Result<(), Overflow>,
    ) -> Vec<u8> {
        let mut table = Vec::new();
        for member in self.mesh.members.iter().filter(|member| wanted(member)) {
            let item = pack(|w| w.structure(|w| write(member, w)));
            if table.len() + item.len() <= TABLE_MAX {
                table.extend(item);
            }
        }
        table
    }

    /// What our host offers, with our RLOC16.
    pub(super) fn own_entries(&self) -> Vec<Entry> {
        let rloc16 = self.net.rloc16();
        let mut entries = Vec::new();
        for id in [THREAD_ON_MESH_NETS, THREAD_OFF_MESH_ROUTES, SERVER_SERVICES] {
            for item in self.store.changeable(id) {
                let (stable, offer) = match read_offer(id, item) {
                    Some(offer) => offer,
                    None => continue,
                };
                entries.push(Entry {
                    rloc16,
                    stable,
                    offer,
                });
            }
        }
        entries
    }
}

/// An item of property 90, 91 or 161, which was checked when it was inserted.
fn read_offer(id: u32, item: &[u8]) -> Option<(bool, Offer)> {
    if id == SERVER_SERVICES {
        let mut reader = crate::wire::packed::Reader::new(item);
        let enterprise = reader.uint32().ok()?;
        let data = reader.data_with_length().ok()?.to_vec();
        let stable = reader.boolean().ok()?;
        let server = reader.data_with_length().ok()?.to_vec();
        let offer = Offer::Service {
            enterprise,
            data,
            server,
        };
        return Some((stable, offer));
    }
    let prefix = item.get(..16)?.try_into().ok()?;
    let [bits, stable, flags] = *<&[u8; 3]>::try_from(item.get(16..19)?).ok()?;
    let offer = match id {
        THREAD_ON_MESH_NETS => Offer::OnMesh {
            prefix,
            bits,
            flags,
        },
        _ => Offer::Route {
            prefix,
            bits,
            flags,
        },
    };
    Some((stable == 1, offer))
}

/// What the leader's network data has, as items of properties 90 and 91.
pub(super) fn leader_prefixes<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    own_rloc16: u16,
) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut nets, mut routes) = (Vec::new(), Vec::new());
    for entry in entries {
        let rloc16 = entry.rloc16.to_le_bytes();
        let stable = u8::from(entry.stable);
        match &entry.offer {
            // `6CbCbSC`: not local.
            Offer::OnMesh {
                prefix,
                bits,
                flags,
            } if nets.len() < FOREIGN_MAX => {
                let rest = [*bits, stable, *flags, 0, rloc16[0], rloc16[1], 0];
                nets.push([prefix.as_slice(), &rest].concat());
            }
            // `6CbCbbS`: not local, and whether the next hop is this device.
            Offer::Route {
                prefix,
                bits,
                flags,
            } if routes.len() < FOREIGN_MAX => {
                let own = u8::from(entry.rloc16 == own_rloc16);
                let rest = [*bits, stable, *flags, 0, own, rloc16[0], rloc16[1]];
                routes.push([prefix.as_slice(), &rest].concat());
            }
            _ => {}
        }
    }
    (nets, routes)
}

fn age(member: &Member, now: Instant) -> u32 {
    u32::try_from(now.since(member.heard_at).as_secs()).unwrap_or(u32::MAX)
}

fn rssi(member: &Member) -> u8 {
    member.rssi.to_le_bytes()[0]
}

/// The best (Thread: 3).
const LINK_QUALITY: u8 = 3;
/// The version in MLE.
const THREAD_1_2: u8 = 3;
/// The router id that OpenThread shows where there is no next hop.
const NO_NEXT_HOP: u8 = 63;
/// What fits into a frame behind its head (protocol §1.1).
const TABLE_MAX: usize = 1290;
/// So that own and foreign entries fit into one frame.
const FOREIGN_MAX: usize = 20;
