//! The packet filter between the interface and the network: no packet makes it panic, and what passes
//! is what it promises.
//!
//! Input: an octet of flags for the whole, then packets: an octet of flags, two octets of length (big
//! endian), the packet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::host::kernel::Event;
use spinel_bridge::host::known::{Known, State};
use spinel_bridge::host::netif::Netif;
use spinel_bridge::host::traffic::packet::{inbound, outbound, Path, Sessions, Stream, MTU};
use spinel_bridge::time::Instant;
use spinel_bridge::wire::ids::Property;

fuzz_target!(|input: &[u8]| {
    let Some((&flags, mut rest)) = input.split_first() else {
        return;
    };
    let mut netif = Netif::new(Default::default());
    netif.kernel(Event::Up(flags & 0x01 == 0));
    netif.ncp_value(Property::IPV6_ML_ADDR, &OWN, &Known::new());
    let path = Path {
        state: STATES[usize::from(flags >> 1 & 0x03)],
        joining: flags & 0x08 != 0,
        netif: &netif,
    };
    let joins = path.joining || path.state == State::CredentialsNeeded;
    let is_permitted = flags & 0x10 != 0;
    let mut sessions = Sessions::new();
    if is_permitted {
        sessions.permit(Instant::from_millis(5), 5684);
    }
    let mut now = 0;
    while let [what, high, low, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(more.len());
        let (packet, after) = more.split_at(length);
        rest = after;
        now += u64::from(what >> 6);
        sessions.set_now(Instant::from_millis(now));
        let may_be_insecure = joins || (is_permitted && now < 5);
        if what & 0x01 == 0 {
            match outbound(packet, &path, &mut sessions) {
                Ok(Stream::Net) => assert!(!joins && path.state == State::Associated),
                Ok(Stream::NetInsecure) => assert!(may_be_insecure),
                Err(_) => continue,
            }
            // Only from an address that is ours.
            assert_eq!(packet[8..24], OWN);
        } else {
            let stream = if what & 0x02 == 0 {
                Stream::Net
            } else {
                Stream::NetInsecure
            };
            if inbound(packet, stream, &path, &mut sessions).is_err() {
                continue;
            }
            assert!(netif.is_up());
            assert!(stream == Stream::Net || may_be_insecure);
        }
        check(packet);
    }
});

/// A whole IPv6 packet from somewhere to somewhere.
fn check(packet: &[u8]) {
    assert!((40..=MTU).contains(&packet.len()));
    assert_eq!(packet[0] >> 4, 6);
    let length = usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    assert_eq!(length, packet.len() - 40);
    assert_ne!(packet[8], 0xFF);
    assert_ne!(packet[24..40], [0; 16]);
    assert!(packet[24] != 0xFF || packet[25] & 0x0F > 1);
}

/// fdde:ad00:beef:0:11:1122:2233:3344, of protocol §7.7.
const OWN: [u8; 16] = [
    0xFD, 0xDE, 0xAD, 0x00, 0xBE, 0xEF, 0x00, 0x00, 0x00, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33, 0x44,
];

const STATES: [State; 4] = [
    State::Associated,
    State::CredentialsNeeded,
    State::Isolated,
    State::Associating,
];
