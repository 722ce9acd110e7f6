//! Keeps addresses, groups, prefixes, routes and services the same on the co-processor and on the
//! network interface (protocol §7.8).
//!
//! Every row of every table knows who wants it (its origin) and who has it. [`Netif::poll_change`] and
//! [`Netif::poll_command`] compare the two and name the next difference; when there is none they are
//! silent. So the order of events does not matter, an echo of our own change is no news, and after a
//! loss of any kind it is enough to tell again what is there.
//!
//! | origin | what | on the interface | at the co-processor | ends |
//! | --- | --- | --- | --- | --- |
//! | NCP | what the co-processor has of its own | added, and put back | | when it lists it no more; when it is reset |
//! | interface | what somebody else put on the interface | | inserted, again after a reset | with its removal from the interface |
//! | user | what a user gave to the co-processor through us | added | inserted again after a reset | with its removal, on either side, or a factory reset |
//! | SLAAC | the address that we form on a prefix of the network | added, and put back | inserted | with the prefix |
//!
//! While the interface is down the kernel takes its addresses away; that is not a removal by somebody,
//! and they come back with the interface.
//!
//! The address that is formed on a prefix has the interface identifier of the mesh-local address: it is
//! random, it stays the same as long as the node keeps its place in the network, and it tells nothing
//! of the hardware (RFC 8064).
//!
//! # What the two sides owe
//!
//! - Each tells things in the order in which they happened. A command's answer comes after all that the
//!   co-processor told before it acted, and before all that it tells later.
//! - The kernel answers each [`Change::AddAddress`] and [`Change::RemoveAddress`] with
//!   [`Event::Answered`], also when nothing changed or the change failed. Other changes need no answer.
//!
//! What fails is tried again after growing pauses, for as long as the two sides differ. What the co-processor
//! refuses for another reason than room is left until it is ready anew.
//!
//! # Room
//!
//! Tables of co-processors are small: OpenThread's NCP takes four addresses and two groups of the host. Who
//! comes first gets the room; after a reset what a user gave to the co-processor goes first, then what
//! somebody gave the interface, then what is formed here. What finds none waits for what is removed, and is
//! tried from time to time. The interface shows the truth meanwhile: an address that was formed here is not
//! there, one that somebody else gave it is deprecated, since packets from it would go nowhere.

mod follow;
mod item;
mod ncp;
mod published;
mod routes;
mod shared;
mod tries;
pub(super) mod trust;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use crate::host::kernel::{Address, Change, Event};
use crate::host::known::Known;
use crate::host::script::Send;
use crate::time::{earliest, Instant};
use crate::wire::ids::{Property, Status};
use item::{Listed, NetEntry};
use ncp::{group, narrowed, whole};
use published::{Published, Step};
use routes::Routes;
use shared::{Op, Origin, Outcome, Row, Shared};
use std::net::Ipv6Addr;
use tries::Tries;
use trust::Trust;

/// What is synchronised, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Form an address on every prefix that asks for it, unless the co-processor does; and let others
    /// form addresses on the prefixes that are published for the interface.
    pub slaac: bool,
    /// Publish the /64 of an address that somebody gave the interface.
    pub publish_prefixes: bool,
    /// Keep link-local addresses that somebody gave the interface from the co-processor.
    pub skip_link_local: bool,
    /// Show locators (RLOC, ALOC) on the interface, too.
    pub show_rloc: bool,
    /// Add routes where the network's off-mesh routes lead; those to its own prefixes are always there.
    pub routes: bool,
    /// The network's default route competes with the host's own.
    pub default_route: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            slaac: true,
            publish_prefixes: true,
            skip_link_local: true,
            show_rloc: false,
            routes: true,
            default_route: false,
        }
    }
}

/// The synchronisation.
#[derive(Debug)]
pub struct Netif {
    settings: Settings,
    addresses: Shared,
    groups: Shared,
    published: Published,
    routes: Routes,
    trust: Trust,
    facts: Facts,
    link_local: Option<Ipv6Addr>,
    mesh_local: Option<Ipv6Addr>,
    /// The co-processor takes commands.
    is_ready: bool,
    outstanding: Option<Task>,
    up_asked: Option<bool>,
    up_is_due: bool,
    kernel_up: bool,
    kernel_lists: bool,
    /// There may be something for the kernel, or for the co-processor.
    is_due: [bool; 2],
    /// When there is, if nothing happens before.
    due_at: [Option<Instant>; 2],
    now: Instant,
}

/// What is known of the co-processor besides the tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    /// It publishes prefixes.
    border_router: bool,
    /// It forms addresses itself.
    forms_addresses: bool,
    rloc16: Option<u16>,
}

/// What is being done at the co-processor.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Task {
    Address(Address),
    Group(Address),
    Publish(Step),
}

impl Netif {
    /// Nothing is known of either side.
    pub fn new(settings: Settings) -> Self {
        Netif {
            settings,
            addresses: Shared::new("addresses"),
            groups: Shared::new("multicast groups"),
            published: Published::default(),
            routes: Routes::default(),
            trust: Trust::default(),
            facts: Facts::default(),
            link_local: None,
            mesh_local: None,
            is_ready: false,
            outstanding: None,
            up_asked: None,
            up_is_due: false,
            kernel_up: false,
            kernel_lists: false,
            is_due: [false; 2],
            due_at: [None; 2],
            now: Instant::ZERO,
        }
    }

    /// Sets the clock: what waited for this time can be done.
    pub fn set_now(&mut self, now: Instant) {
        self.now = now;
        for (is_due, at) in self.is_due.iter_mut().zip(&mut self.due_at) {
            if at.is_some_and(|at| at <= now) {
                *at = None;
                *is_due = true;
            }
        }
    }

    /// When there is a change for the kernel, if nothing happens before.
    pub fn change_timeout(&self) -> Option<Instant> {
        self.due_at[KERNEL].filter(|_| self.may_change())
    }

    /// When there is a command for the co-processor, if nothing happens before.
    pub fn command_timeout(&self) -> Option<Instant> {
        self.due_at[NCP].filter(|_| self.is_ready && self.outstanding.is_none())
    }

    /// Addresses and groups for which the co-processor has no room.
    pub fn without_room(&self) -> impl Iterator<Item = Ipv6Addr> + '_ {
        let groups = self.groups.without_room();
        self.addresses.without_room().chain(groups)
    }

    /// The co-processor told the whole value of a property, asked or unasked. To be called for every
    /// value, changed or not, after [`Known::remember`]; a property that is of no interest is ignored.
    pub fn ncp_value(&mut self, property: Property, value: &[u8], known: &Known) {
        self.learn(known);
        let result = match property {
            Property::IPV6_LL_ADDR => self.own_address(value, true),
            Property::IPV6_ML_ADDR => self.own_address(value, false),
            Property::IPV6_ADDRESS_TABLE => self.address_table(value),
            Property::IPV6_MULTICAST_ADDRESS_TABLE => self.group_table(value),
            Property::THREAD_ON_MESH_NETS => self.on_mesh_nets(value),
            Property::THREAD_OFF_MESH_ROUTES => self.off_mesh_routes(value),
            Property::SERVER_SERVICES => self.services(value),
            _ => Ok(()),
        };
        self.settle(property, result);
    }

    /// The co-processor told of one item more, or less (VALUE_INSERTED, VALUE_REMOVED).
    pub fn ncp_item(&mut self, property: Property, item: &[u8], inserted: bool, known: &Known) {
        self.learn(known);
        let result = match property {
            Property::IPV6_ADDRESS_TABLE => Listed::read(item).map(|listed| {
                self.address_told(listed, inserted && !listed.invalid);
            }),
            Property::IPV6_MULTICAST_ADDRESS_TABLE => group(item).map(|group| {
                self.group_told(group, inserted);
            }),
            Property::THREAD_ON_MESH_NETS => NetEntry::read_on_mesh(item)
                .map(|entry| self.routes.change_on_mesh(entry, inserted)),
            Property::THREAD_OFF_MESH_ROUTES => NetEntry::read_off_mesh(item)
                .map(|entry| self.routes.change_off_mesh(entry, inserted)),
            _ => Ok(()),
        };
        self.settle(property, result);
    }

    /// The co-processor was reset, or is given up: what it had is gone. A command that still waits for
    /// its answer is forgotten; [`Netif::command_done`] must not be called for it.
    pub fn ncp_reset(&mut self) {
        self.is_ready = false;
        self.outstanding = None;
        self.link_local = None;
        self.mesh_local = None;
        for row in self.addresses.rows.iter_mut().chain(&mut self.groups.rows) {
            row.ncp_reset();
        }
        self.published.ncp_reset();
        self.routes.ncp_reset();
        self.rearrange();
    }

    /// The co-processor is initialised, or has associated: what it does not have is given to it again,
    /// also what it refused before.
    pub fn ncp_ready(&mut self, known: &Known) {
        self.learn(known);
        self.is_ready = true;
        for row in self.addresses.rows.iter_mut().chain(&mut self.groups.rows) {
            row.try_again();
            row.changes = Tries::default();
        }
        self.published.ncp_ready();
        self.rearrange();
    }

    /// The interface is to be up, or down. Said once for each change: what an administrator does to
    /// the interface meanwhile is left as it is.
    pub fn set_up(&mut self, up: bool) {
        if self.up_asked != Some(up) {
            self.up_asked = Some(up);
            self.up_is_due = true;
        }
    }

    /// Whether the interface is up, as the kernel says.
    pub const fn is_up(&self) -> bool {
        self.kernel_up
    }

    /// What the kernel told.
    pub fn kernel(&mut self, event: Event) {
        match event {
            Event::Up(up) => self.kernel_is_up(up),
            Event::AddressAdded(address) => {
                self.trust.own_added(address.address);
                self.kernel_added(address);
            }
            Event::AddressRemoved(address) => {
                self.trust.own_removed(address.address);
                let flushed = !self.kernel_up;
                if let Some(row) = self.addresses.find(&address.address) {
                    row.kernel_lost(flushed);
                }
            }
            Event::ElsewhereAdded(address) => {
                self.trust.own_added(address.address);
                self.trust.elsewhere_added(address);
            }
            Event::ElsewhereRemoved(address) => {
                self.trust.own_removed(address.address);
                self.trust.elsewhere_removed(address);
            }
            Event::RouteAdded(network) => self.trust.elsewhere_added(network),
            Event::RouteRemoved(network) => self.trust.elsewhere_removed(network),
            Event::Answered { address, present } => {
                if let Some(row) = self.addresses.find(&address.address) {
                    row.kernel_answered(present);
                }
            }
            Event::GroupJoined(group) => self.kernel_joined(group),
            Event::GroupLeft(group) => {
                if let Some(row) = self.groups.find(&group) {
                    row.joined_here = false;
                    if row.origin == Origin::Interface {
                        row.set_origin(Origin::Nobody);
                    }
                }
            }
            Event::ListBegins => {
                self.kernel_lists = true;
                self.trust.list_begins();
                for row in &mut self.addresses.rows {
                    row.seen = false;
                }
            }
            Event::ListEnds => {
                self.kernel_lists = false;
                self.trust.list_ends();
                let flushed = !self.kernel_up;
                for row in &mut self.addresses.rows {
                    if !row.seen {
                        row.kernel_lost(flushed);
                    }
                }
            }
        }
        self.rearrange();
    }

    /// The co-processor took an item that a user inserted or removed.
    pub fn user_item(&mut self, property: Property, item: &[u8], inserted: bool) {
        let result = match property {
            Property::IPV6_ADDRESS_TABLE => {
                Listed::read(item).map(|listed| self.user_address(listed.address, inserted))
            }
            Property::IPV6_MULTICAST_ADDRESS_TABLE => {
                group(item).map(|group| self.user_group(group, inserted))
            }
            Property::THREAD_ON_MESH_NETS | Property::THREAD_OFF_MESH_ROUTES => {
                item::prefix_key(item).map(|key| self.published.user(property, key, item, inserted))
            }
            Property::SERVER_SERVICES => item::service_key(item)
                .map(|key| self.published.user(property, key, item, inserted)),
            _ => Ok(()),
        };
        self.settle(property, result);
    }

    /// What users gave to the co-processor does not count any more: it is about to forget everything.
    pub fn forget_user(&mut self) {
        for row in self.addresses.rows.iter_mut().chain(&mut self.groups.rows) {
            if row.origin == Origin::User {
                row.user(false);
            }
        }
        self.published.forget_user();
        self.rearrange();
    }

    /// What is to be changed in the kernel next.
    pub fn poll_change(&mut self) -> Option<Change> {
        if core::mem::take(&mut self.up_is_due) {
            return Some(Change::Up(self.up_asked == Some(true)));
        }
        if !self.may_change() || !self.is_due[KERNEL] {
            return None;
        }
        let change = self
            .address_change()
            .or_else(|| self.group_change())
            .or_else(|| self.route_change());
        self.is_due[KERNEL] = change.is_some();
        self.due_at[KERNEL] = match change {
            Some(_) => None,
            None => self.address_change_due(),
        };
        change
    }

    fn may_change(&self) -> bool {
        self.kernel_up && !self.kernel_lists
    }

    /// The next command for the co-processor; `None` while one waits for [`Netif::command_done`].
    pub fn poll_command(&mut self) -> Option<Send> {
        if !self.is_ready || self.outstanding.is_some() || !self.is_due[NCP] {
            return None;
        }
        let next = self.row_command().or_else(|| self.publish_command());
        self.is_due[NCP] = next.is_some();
        if next.is_none() {
            let groups = self.groups.command_due();
            self.due_at[NCP] = earliest(self.addresses.command_due(), groups);
        }
        let (task, send) = next?;
        self.outstanding = Some(task);
        Some(send)
    }

    /// The command was answered: with success, or with an error (also where the command engine gave
    /// up).
    pub fn command_done(&mut self, failed: Option<Status>) {
        let Some(task) = self.outstanding.take() else {
            return;
        };
        let outcome = outcome(failed);
        if let (Outcome::Refused, Some(status)) = (outcome, failed) {
            log::warn!("the co-processor refuses {}: {status}", name(&task));
        }
        match &task {
            Task::Address(address) | Task::Group(address) => {
                let shared = match task {
                    Task::Address(_) => &mut self.addresses,
                    _ => &mut self.groups,
                };
                done(shared, *address, outcome, &name(&task), self.now);
            }
            Task::Publish(_) => {
                let closed = failed == Some(Status::INVALID_STATE);
                self.published.done(outcome, closed);
            }
        }
        self.rearrange();
    }

    /// Whether packets may come from this address: the co-processor has it.
    pub fn owns_source(&self, address: &Ipv6Addr) -> bool {
        matches!(self.addresses.get(address), Some(row) if row.told.any())
    }

    /// Whether an address is this host's, on whatever interface: packets from the network cannot be from it.
    pub fn is_of_this_host(&self, address: &Ipv6Addr) -> bool {
        self.owns_source(address) || self.trust.is_own(address)
    }

    /// How many items found no room in the tables.
    pub const fn lost(&self) -> u64 {
        self.addresses
            .lost()
            .saturating_add(self.groups.lost())
            .saturating_add(self.published.lost())
            .saturating_add(self.routes.lost())
    }
}

/// What the kernel and users tell.
impl Netif {
    fn kernel_is_up(&mut self, up: bool) {
        if up == self.kernel_up {
            return;
        }
        self.kernel_up = up;
        if up {
            for row in &mut self.addresses.rows {
                row.changes = Tries::default();
            }
        } else {
            self.routes.flushed();
        }
    }

    fn kernel_added(&mut self, address: Address) {
        if let Some(row) = self.addresses.find(&address.address) {
            row.kernel_has();
            return;
        }
        let skipped = self.settings.skip_link_local && item::is_link_local(address.address);
        if skipped || !self.is_shown(address.address) {
            return;
        }
        if let Some(row) = self.addresses.entry(address) {
            row.kernel_has();
        }
    }

    fn kernel_joined(&mut self, group: Ipv6Addr) {
        if !group.is_multicast() || FILTERED_GROUPS.contains(&group) || is_interface_local(group) {
            return;
        }
        if let Some(row) = self.groups.entry(whole(group)) {
            row.joined_here = true;
            if row.origin == Origin::Nobody {
                row.set_origin(Origin::Interface);
            }
        }
    }

    fn user_group(&mut self, group: Address, inserted: bool) {
        if !group.address.is_multicast() {
            return;
        }
        if let Some(row) = row_for(&mut self.groups, group, inserted) {
            row.user(inserted);
        }
    }

    fn user_address(&mut self, address: Address, inserted: bool) {
        if !self.is_shown(address.address) {
            return;
        }
        if let Some(row) = row_for(&mut self.addresses, narrowed(address), inserted) {
            row.user(inserted);
        }
    }
}

/// A command for a row was answered.
fn done(shared: &mut Shared, address: Address, outcome: Outcome, what: &str, now: Instant) {
    let Some(row) = shared.find(&address.address) else {
        return;
    };
    let op = row.op;
    let is_news = row.command_done(outcome, now);
    match (op, outcome) {
        (Some(Op::Insert), Outcome::Again) => {
            if is_news {
                log::warn!(
                    "the co-processor has no room for {what}: nothing is received for it; it gets room when \
                     another one is removed"
                );
            }
            shared.is_full(now);
        }
        (Some(Op::Insert), Outcome::Done) if is_news => {
            log::info!("the co-processor has room for {what} now");
        }
        (Some(Op::Remove), Outcome::Done) => shared.room_came(now),
        _ => {}
    }
}

/// The row of what the other side has; of what it does not have only if it is known.
fn row_for(shared: &mut Shared, address: Address, has: bool) -> Option<&mut Row> {
    if has {
        shared.entry(address)
    } else {
        shared.find(&address.address)
    }
}

/// What a status means for a command of ours (protocol §7.8).
fn outcome(failed: Option<Status>) -> Outcome {
    match failed {
        None | Some(Status::OK) => Outcome::Done,
        Some(status) if status.is_done_already() => Outcome::Done,
        Some(Status::NOMEM) => Outcome::Again,
        Some(Status::BUSY) => Outcome::Busy,
        Some(_) => Outcome::Refused,
    }
}

fn name(task: &Task) -> String {
    match task {
        Task::Address(address) => format!("address {address}"),
        Task::Group(group) => format!("group {}", group.address),
        Task::Publish(Step::Gate(gate, open)) => format!("{gate} = {open}"),
        Task::Publish(Step::Insert(property, _)) => format!("an item more of {property}"),
        Task::Publish(Step::Remove(property, _)) => format!("an item less of {property}"),
    }
}

/// ff00::/16 and ff01::/16, whatever the flags: they never leave the interface (RFC 4291, section 2.7).
fn is_interface_local(group: Ipv6Addr) -> bool {
    group.segments()[0] & 0x000F <= 1
}

const KERNEL: usize = 0;
const NCP: usize = 1;

/// Groups that every node is in anyway, or that are no business of the network (protocol §7.8).
const FILTERED_GROUPS: [Ipv6Addr; 6] = [
    Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0x01),
    Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0x02),
    Ipv6Addr::new(0xFF02, 0, 0, 0, 0, 0, 0, 0x16),
    Ipv6Addr::new(0xFF03, 0, 0, 0, 0, 0, 0, 0x01),
    Ipv6Addr::new(0xFF03, 0, 0, 0, 0, 0, 0, 0x02),
    Ipv6Addr::new(0xFF03, 0, 0, 0, 0, 0, 0, 0xFC),
];
