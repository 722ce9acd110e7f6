//! The SPI header: found where a second, slower reading of protocol §5.2 and §5.8 finds it.
//!
//! Input: the allowance (modulo 17), then MISO.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::wire::spi::{locate, shift, Header, Reading, ALIGN_MAX, HEADER_LEN, LENGTH_MAX};

fuzz_target!(|input: &[u8]| {
    let Some((&allowance, miso)) = input.split_first() else {
        return;
    };
    let allowance = usize::from(allowance) % (ALIGN_MAX + 1);
    let reading = locate(miso, allowance);
    assert_eq!(reading, expected(miso, allowance));
    if let Reading::Valid { header, .. } = reading {
        assert!(header.recv_len <= LENGTH_MAX && header.data_len <= LENGTH_MAX);
        assert_eq!(Header::parse(header.to_octets()), Some(header));
        assert!(!header.to_string().contains('\n'));
    }
    match (shift(miso), expected(miso, ALIGN_MAX)) {
        (Some(shift), Reading::Valid { skipped, .. }) => assert_eq!(shift, skipped),
        (None, Reading::Valid { skipped, .. }) => assert_eq!(skipped, 0),
        (shift, _) => assert_eq!(shift, None),
    }
});

fn expected(miso: &[u8], allowance: usize) -> Reading {
    let idle = |octet: u8| octet == 0x00 || octet == 0xFF;
    let mut skipped = 0;
    while skipped < allowance && skipped < miso.len() && idle(miso[skipped]) {
        skipped += 1;
    }
    if miso.len() < skipped + HEADER_LEN {
        return Reading::Void;
    }
    let mut octets = [0; HEADER_LEN];
    octets.copy_from_slice(&miso[skipped..skipped + HEADER_LEN]);
    let recv_len = usize::from(octets[1]) + 256 * usize::from(octets[2]);
    let data_len = usize::from(octets[3]) + 256 * usize::from(octets[4]);
    if octets[0] % 4 == 2 && recv_len <= LENGTH_MAX && data_len <= LENGTH_MAX {
        let header = Header {
            reset: octets[0] >= 0x80,
            crc: octets[0] & 0x40 != 0,
            crc_failed: octets[0] & 0x20 != 0,
            recv_len,
            data_len,
        };
        Reading::Valid { skipped, header }
    } else if octets.into_iter().all(idle) {
        Reading::Void
    } else {
        Reading::Garbage(octets)
    }
}
