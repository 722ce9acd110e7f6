//! Link and HDLC face between a hostile slave and a hostile client. The input is the script of
//! `tests/common/hostile.rs`, which says what is checked.
#![no_main]

#[path = "../../tests/common/hostile.rs"]
mod hostile;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|script: &[u8]| hostile::run(script));
