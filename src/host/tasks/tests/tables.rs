//! Tables of nodes, as OpenThread's firmware packs them.

use super::*;
use crate::ctl::request::Whose;

/// A child and a router, of `A(t(ESLCcCbLLc))`.
const NEIGHBOURS: &str = "1B00 1122334455667788 0154 0A000000 03 CE 04 01 00000000 00000000 CD
    1B00 2122334455667788 00B0 05000000 02 C0 0F 00 09000000 08000000 C1";
/// The same child, of `A(t(ESLLCCcCc))`.
const CHILDREN: &str = "1700 1122334455667788 0154 F0000000 0A000000 07 03 CE 04 CD";
/// Ourselves, that router, and one behind it, of `A(t(ESCCCCCCb))`.
const ROUTERS: &str = "1100 A122334455667788 0054 15 3F 00 00 00 00 00
    1100 2122334455667788 00B0 2C 2C 01 03 02 05 01
    1100 0000000000000000 00C8 32 2C 02 00 00 00 00";
/// Two addresses of that child.
const ADDRESSES: &str =
    "2A00 1122334455667788 0154 FD000001000000000000000000000001 FD000002000000000000000000000001";
/// A node whose address was looked up; and one that was not found.
const CACHE: &str = "1D00 FD000001000000000000000000000009 01C8 00 00 0500 01 01000000 0000
    1400 FD000001000000000000000000000008 FEFF 00 00";

fn answers(property: Property) -> Option<Vec<u8>> {
    Some(hex(match property {
        Property::THREAD_NEIGHBOR_TABLE => NEIGHBOURS,
        Property::THREAD_CHILD_TABLE => CHILDREN,
        Property::THREAD_ROUTER_TABLE => ROUTERS,
        Property::THREAD_CHILD_TABLE_ADDRESSES => ADDRESSES,
        Property::THREAD_ADDRESS_CACHE_TABLE => CACHE,
        Property::MAC_15_4_LADDR => "A122334455667788",
        _ => return None,
    }))
}

fn full_device() -> Known {
    let mut known = known(State::Associated);
    known.remember(Property::THREAD_RLOC16, &[0x00, 0x54]);
    known
}

fn table(request: &Request, value: &str) -> Vec<String> {
    rows_of(&run(request, &full_device()), &hex(value))
}

#[test]
fn neighbours_children_and_routers() {
    assert_eq!(
        table(&Request::Neighbours, NEIGHBOURS),
        [
            "rloc16=0x5401 eui64=1122334455667788 is=child mode=- age_s=10 link_quality=3 rssi_dbm=-50 last_rssi_dbm=-51",
            "rloc16=0xb000 eui64=2122334455667788 is=router mode=rdn age_s=5 link_quality=2 rssi_dbm=-64 last_rssi_dbm=-63",
        ]
    );
    let rows = table(&Request::Children, CHILDREN);
    assert_eq!(
        rows[0],
        "rloc16=0x5401 eui64=1122334455667788 mode=- age_s=10 timeout_s=240 link_quality=3 rssi_dbm=-50 last_rssi_dbm=-51"
    );
    let rows = table(&Request::Children, ADDRESSES);
    assert!(
        rows.contains(&"child=0x5401 address=fd00:2::1".into()),
        "{rows:?}"
    );
    assert_eq!(
        table(&Request::Routers, ROUTERS),
        [
            "rloc16=0x5400 eui64=A122334455667788 id=21 next_hop=- cost=0 link_quality_in=0 link_quality_out=0 age_s=0 linked=false",
            "rloc16=0xb000 eui64=2122334455667788 id=44 next_hop=0xb000 cost=1 link_quality_in=3 link_quality_out=2 age_s=5 linked=true",
            "rloc16=0xc800 eui64=- id=50 next_hop=0xb000 cost=2 link_quality_in=0 link_quality_out=0 age_s=0 linked=false",
        ]
    );
    for request in [
        Request::Neighbours,
        Request::Children,
        Request::Routers,
        Request::NetworkData,
        Request::Whois(Whose::Rloc16(1)),
    ] {
        let failure = refusal(&request, &known(State::Commissioned));
        assert_eq!(failure.code, Code::State, "{failure:?}");
    }
    let failure = refusal(&Request::Routers, &known_with(State::Associated, &[33]));
    assert_eq!(failure.code, Code::NotSupported, "{failure:?}");
}

#[test]
fn network_data() {
    let rows = table(
        &Request::NetworkData,
        "0314 0040 FD00000100000000 0702 1140 0504 5400 F300
         0307 0000 0103 5400 60
         0B0B 80 01 5D 0D06 5400 00010203
         0B0B 00 0000EA60 01 AA 0D02 B000 0B08",
    );
    assert_eq!(
        rows[..4],
        [
            "kind=context what=fd00:1::/64 id=1 compress=true",
            "kind=prefix what=fd00:1::/64 rloc16=0x5400 preference=low stable=true flags=paro",
            "kind=route what=::/0 rloc16=0x5400 preference=high stable=true flags=nat64",
            "kind=service what=dns-srp-unicast rloc16=0x5400 stable=true id=0 server_data=00010203",
        ]
    );
    assert_eq!(
        rows[4],
        "kind=service what=60000:AA rloc16=0xb000 stable=true id=0 server_data=-"
    );
    assert!(rows[5].starts_with("unreadable=0314"), "{rows:?}");
}

/// The row, or why there is none.
fn whois(whose: Whose) -> Result<String, String> {
    let mut left = run(&Request::Whois(whose), &full_device()).steps;
    while let Some(step) = left.pop_front() {
        match step {
            Step::Row(row) => return Ok(show_row(&row)),
            Step::Ask(send, follow) => {
                let asked = Property(Reader::new(&send.payload).uint_packed().unwrap());
                let answer = answers(asked);
                let answer = answer.as_deref().ok_or(Status::PROP_NOT_FOUND);
                let steps = follow.steps(answer).map_err(|failure| failure.message)?;
                steps.into_iter().for_each(|step| left.push_back(step));
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("no row")
}

#[test]
fn a_node_is_found_by_whatever_it_is_known_by() {
    let child = "rloc16=0x5401 is=\"child\" parent=0x5400 eui64=1122334455667788 mode=- age_s=10 timeout_s=240 \
         link_quality=3 rssi_dbm=-50 last_rssi_dbm=-51";
    let address = |text: &str| Whose::Address(text.parse().unwrap());
    for whose in [
        Whose::Rloc16(0x5401),
        Whose::Eui64([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]),
        address("fd00:2::1"),
        address("fd99::ff:fe00:5401"),
    ] {
        assert_eq!(whois(whose).unwrap(), child, "{whose:?}");
    }
    let ours = Whose::Eui64([0xA1, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]);
    assert_eq!(whois(ours).unwrap(), "rloc16=0x5400 is=\"this node\"");
    // A child of a router two hops away, whose address was looked up.
    assert_eq!(
        whois(address("fd00:1::9")).unwrap(),
        "rloc16=0xc801 is=\"child\" parent=0xc800 next_hop=0xb000 cost=2"
    );
    for unknown in [
        address("fd00:1::8"),
        address("fd00:1::7"),
        // The leader's anycast locator is no node's.
        address("fd99::ff:fe00:fc00"),
        Whose::Eui64([9; 8]),
        // No router has this number.
        Whose::Rloc16(0x7C01),
    ] {
        let why = whois(unknown).unwrap_err();
        assert!(why.contains("ping it"), "{why}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_the_firmware_says_is_a_row_or_none(
        octets in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80),
    ) {
        for request in [Request::Neighbours, Request::Children, Request::Routers, Request::NetworkData] {
            let _ = rows_of(&run(&request, &full_device()), &octets);
        }
    }
}
