//! What follows `sim:`: read, printed and read again it stays the same.
//!
//! Input: the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::sim::spec::{Rate, Spec};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match text.parse::<Spec>() {
        Ok(spec) => assert_eq!(spec.to_string().parse(), Ok(spec)),
        // The command line lets no control character through.
        Err(error) => assert!(text.contains('\n') || !error.to_string().contains('\n')),
    }
    if let Ok(rate) = text.parse::<Rate>() {
        assert!(rate.ppm <= 1_000_000);
        assert_eq!(rate.to_string().parse(), Ok(rate));
    }
});
