//! The configuration file: keys and values that can be printed in one line, or one line that says where it
//! is wrong; ours and wpantund's.
//!
//! Input: the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spinel_bridge::cli::{parse_with, Command};
use spinel_bridge::nearest::NAME_MAX;
use spinel_bridge::settings_file::wpantund::{meaning, nearest, Meaning};
use spinel_bridge::settings_file::{parse, LEN_MAX};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = core::str::from_utf8(input) else {
        return;
    };
    let lines = text.lines().count();
    match parse(text) {
        Ok(entries) => {
            let mut last = 0;
            for entry in entries {
                assert!(
                    last < entry.line && entry.line <= lines,
                    "line {}",
                    entry.line
                );
                last = entry.line;
                assert!(!entry.key.is_empty() && entry.key.is_ascii());
                let value = entry.value.unwrap_or_default();
                assert!(!value.contains(char::is_control), "{value:?}");
                match meaning(&entry.key, &value) {
                    Ok(Meaning::Setting(key, value)) => {
                        assert!(!key.is_empty() && !value.contains('\n'))
                    }
                    Ok(_) => {}
                    Err(refused) => assert!(!refused.to_string().contains('\n')),
                }
                // It costs as much for each key. A guess is near, or there is none.
                if last == 1 {
                    if let Some(guess) = nearest(&entry.key) {
                        assert!(entry.key.len() <= NAME_MAX);
                        assert!(guess.len().abs_diff(entry.key.len()) <= guess.len() / 4);
                    }
                }
            }
        }
        Err(error) => {
            assert!(error.line <= lines, "line {} of {lines}", error.line);
            assert!(error.line > 0 || text.len() > LEN_MAX);
            assert!(!error.kind.to_string().contains('\n'));
        }
    }
    let read = |_: &std::path::Path| Ok(text.to_owned());
    match parse_with(["--config", "file"], &read) {
        Ok(Command::Run(config) | Command::Check(config)) => {
            for warning in &config.warnings {
                assert!(!warning.contains(char::is_control), "{warning:?}");
            }
        }
        Ok(_) => panic!("a file asks for help"),
        Err(usage) => {
            let message = usage.to_string();
            assert!(
                !message.is_empty() && !message.contains(char::is_control),
                "{message:?}"
            );
        }
    }
});
