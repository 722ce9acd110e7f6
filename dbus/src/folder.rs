//! The folder of the control sockets, watched.

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::collections::BTreeSet;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Calls `seen` with the sockets of `folder` at first and whenever something changed there. Never returns
/// but with an error: there is no inotify. A folder that is not there yet is waited for.
pub(crate) fn watch(folder: &Path, mut seen: impl FnMut(BTreeSet<PathBuf>)) -> nix::Error {
    loop {
        let inotify = match Inotify::init(InitFlags::IN_CLOEXEC) {
            Ok(inotify) => inotify,
            Err(error) => return error,
        };
        // The folder, or what is nearest to it: that it appears there is told, too.
        let watched = folder.ancestors().find_map(|place| {
            let added = inotify.add_watch(place, flags(place == folder));
            added.ok().map(|_| place)
        });
        // After the watch began, so that nothing is missed between them.
        seen(sockets(folder));
        if watched.is_none() {
            // Not even "/": nothing tells when that changes.
            std::thread::sleep(RETRY);
            continue;
        }
        loop {
            match inotify.read_events() {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return error,
            }
            if watched != Some(folder) || !folder.is_dir() {
                break; // begin anew, nearer to it or further away
            }
            seen(sockets(folder));
        }
    }
}

fn flags(is_folder: bool) -> AddWatchFlags {
    let made = AddWatchFlags::IN_CREATE
        | AddWatchFlags::IN_MOVED_TO
        | AddWatchFlags::IN_ONLYDIR
        | AddWatchFlags::IN_DELETE_SELF
        | AddWatchFlags::IN_MOVE_SELF;
    match is_folder {
        // IN_ATTRIB: the group and the mode come after the socket itself.
        true => {
            made | AddWatchFlags::IN_DELETE
                | AddWatchFlags::IN_MOVED_FROM
                | AddWatchFlags::IN_ATTRIB
        }
        false => made,
    }
}

fn sockets(folder: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_socket()))
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "sock"))
        .take(SOCKETS_MAX)
        .collect()
}

/// More than a machine has co-processors.
const SOCKETS_MAX: usize = 64;

const RETRY: Duration = Duration::from_secs(5);
