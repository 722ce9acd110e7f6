//! The command line: no panic, and every message is one line.
//!
//! Input: the arguments, each ended by a zero octet.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::cli::{parse, Command, Usage};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

fuzz_target!(|input: &[u8]| {
    let args = input.split(|&octet| octet == 0);
    match parse(args.map(|arg| OsString::from_vec(arg.to_vec()))) {
        Ok(Command::Run(config) | Command::Check(config)) => {
            for warning in &config.warnings {
                assert!(!warning.contains(char::is_control), "{warning:?}");
            }
        }
        Ok(Command::Help(text) | Command::Version(text)) => assert!(!text.is_empty()),
        Err(usage) => {
            let message = usage.to_string();
            assert!(!message.is_empty());
            assert!(!message.contains(char::is_control), "{message:?}");
            assert!(!matches!(usage, Usage::Argh(_)), "{message}");
        }
    }
});
