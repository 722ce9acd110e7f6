//! A kernel: what it tells, and what it does when it is told.

use super::{values, Input};
use spinel_bridge::host::kernel::{Address, Change, Event};
use spinel_bridge::host::Host;
use std::net::Ipv6Addr;

/// Something that happened to the interface.
pub(crate) fn event(input: &mut Input<'_>) -> Event {
    let what = input.octet();
    let address = Address {
        address: Ipv6Addr::from(values::address(input)),
        prefix_len: *input.pick(&[64, 64, 128, 48, 0, 127]),
    };
    match what % 10 {
        0 | 1 => Event::AddressAdded(address),
        2 => Event::AddressRemoved(address),
        3 => Event::Up(true),
        4 => Event::Up(false),
        5 => Event::GroupJoined(address.address),
        6 => Event::GroupLeft(address.address),
        7 => Event::ListBegins,
        8 => Event::ListEnds,
        _ => Event::Answered {
            address,
            present: what & 0x80 != 0,
        },
    }
}

/// Does all changes, or none of them; each change of an address is answered.
pub(crate) fn apply(host: &mut Host, works: bool) {
    for _ in 0..CHANGES_MAX {
        let Some(change) = host.poll_change() else {
            return;
        };
        let (address, added) = match change {
            Change::AddAddress { address, .. } => (address, true),
            Change::RemoveAddress(address) => (address, false),
            Change::Up(up) => {
                host.kernel(Event::Up(up && works));
                continue;
            }
            _ => continue,
        };
        if works {
            host.kernel(match added {
                true => Event::AddressAdded(address),
                false => Event::AddressRemoved(address),
            });
        }
        let present = added == works;
        host.kernel(Event::Answered { address, present });
    }
    panic!("changes without end");
}

/// 64 rows of addresses, of groups, and of each of two kinds of routes (`netif::shared::ROWS`), each tried eight
/// times, and the interface's state.
const CHANGES_MAX: usize = 4 * 64 * 8 + 1;
