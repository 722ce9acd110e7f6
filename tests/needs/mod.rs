//! What some tests need and an ordinary user's machine need not have. Without it a test returns at once and says so on
//! standard error, past what cargo keeps of it. Where `REQUIRE=all`, which `tests/run.sh` sets, it fails instead: a check
//! that could not run has found nothing.

#![allow(dead_code)]

use std::io::Write;
use std::path::Path;

/// Whether this is root, who may make network interfaces and namespaces.
pub(crate) fn root() -> bool {
    has(
        nix::unistd::geteuid().is_root(),
        "root, for network interfaces",
    )
}

/// Whether PATH has this program.
pub(crate) fn program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    has(there, name)
}

/// Whether this file is there; `what` says how to get it.
pub(crate) fn file(path: &Path, what: &str) -> bool {
    has(path.is_file(), what)
}

fn has(there: bool, what: &str) -> bool {
    if !there {
        let required = std::env::var_os("REQUIRE").is_some_and(|value| value == "all");
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        assert!(!required, "{test} needs {what}");
        // Not by eprintln!, which is shown of a test that failed alone.
        let line = format!("SKIPPED {test}: it needs {what}; tests/run.sh runs it\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    there
}
