//! The PSKc of a network: the key with which a commissioner, like a phone, proves that it knows the
//! network's passphrase (Thread specification, section 8.4.1.2.2).

use aes::Aes128;
use cmac::{Cmac, Mac};

/// PBKDF2 with AES-CMAC-PRF-128 (RFC 4615) of the passphrase, salted with the network's extended PAN id
/// and name. It takes some ten milliseconds.
pub(super) fn pskc(passphrase: &str, xpanid: &[u8], name: &[u8]) -> [u8; 16] {
    let passphrase = passphrase.as_bytes();
    let key = match <[u8; 16]>::try_from(passphrase) {
        Ok(key) => key,
        // RFC 4615, step 1: another length is made one.
        Err(_) => {
            let mut cmac = Cmac::<Aes128>::new(&[0; 16].into());
            cmac.update(passphrase);
            cmac.finalize().into_bytes().into()
        }
    };
    let salt = [b"Thread", xpanid, name].concat();
    let mut pskc = [0; 16];
    // A key of 16 octets is what the cipher takes, so this cannot fail.
    let _ = pbkdf2::pbkdf2::<Cmac<Aes128>>(&key, &salt, ROUNDS, &mut pskc);
    pskc
}

/// OpenThread's `OT_COMMISSIONING_PASSPHRASE_MIN_SIZE` and `_MAX_SIZE`, in octets.
pub(super) const PASSPHRASE: core::ops::RangeInclusive<usize> = 6..=255;
/// Thread specification, section 8.4.1.2.2.
const ROUNDS: u32 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(octets: &[u8]) -> String {
        crate::wire::signature::Hex(octets).to_string()
    }

    #[test]
    fn published_vectors() {
        for (passphrase, xpanid, name, expected) in [
            // openthread.io, guide of the border router, "PSKc Generator".
            (
                "J01NME",
                0x1234_AAAA_1234_BBBB_u64,
                "MyOTBRNetwork",
                "EE4FB64E9341E13846BBE7E1C52B6785",
            ),
            // The default of the border router's web page.
            (
                "j01Nme",
                0x1111_1111_2222_2222,
                "OpenThreadDemo",
                "445F2B5CA6F2A93A55CE570A70EFEECB",
            ),
            // OpenThread's firmware itself, by MESHCOP_COMMISSIONER_GENERATE_PSKC.
            (
                "12SECRETPASSWORDTHREAD",
                0x0001_0203_0405_0607,
                "Test Network",
                "977FD5E920DDE9F2DF11AF0DE749D284",
            ),
            // The same, of 16 octets, which are the key as they stand.
            (
                "12SECRETPASSWORD",
                0x0001_0203_0405_0607,
                "Test Network",
                "30F4F99E89D6B71DFE07DB06646B3923",
            ),
        ] {
            let made = pskc(passphrase, &xpanid.to_be_bytes(), name.as_bytes());
            assert_eq!(hex(&made), expected, "{passphrase}");
        }
    }
}
