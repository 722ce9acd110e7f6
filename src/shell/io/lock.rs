//! Locks files with flock(2). The lock goes when the file is closed.

use nix::fcntl::FlockArg;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Locks `file` for this process alone; `WouldBlock` if it is locked already.
///
/// Not nix's `Flock`: it unlocks before it closes, and panics where that fails.
#[allow(deprecated)]
pub(super) fn exclusively(file: &File) -> io::Result<()> {
    Ok(nix::fcntl::flock(
        file.as_raw_fd(),
        FlockArg::LockExclusiveNonblock,
    )?)
}
