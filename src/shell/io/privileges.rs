//! Gives up what is not needed once everything is open: `--chroot`, `--user`.
//!
//! Of root's rights CAP_NET_ADMIN is kept: addresses and routes of the interface change for as long as it
//! lives. Programs that we start from then on do not even have that, nor do they where a service manager
//! gave it to us ([`keep_to_ourselves`]).
//!
//! # What stays possible
//!
//! | what | after the drop |
//! | --- | --- |
//! | SPI device, GPIO lines, TUN device, netlink and control socket | open already, and kept: recovery needs nothing new |
//! | a serial port that was unplugged, a TCP connection | opened again with the user's rights: make the user a member of the port's group |
//! | commands (`system:`, firmware, retain) | run with the user's rights, and below the new root directory, which must hold `/bin/sh` |
//! | the retain file | written with the user's rights, below the new root directory |
//! | the control socket's name | is left behind with a new root directory, outside of which nothing stays open, and where the user may not remove it; the next start replaces it |

use crate::config::Account;
use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{
    chdir, chroot, geteuid, getresgid, getresuid, initgroups, setgroups, setresgid, setresuid, Gid,
    Group, Uid, User,
};
use std::ffi::CString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Confines the process to `root` and to the rights of `account` with CAP_NET_ADMIN, for good.
///
/// # Errors
/// [`Error`]; the process may have lost some of its rights by then and must end.
pub fn drop(account: Option<&Account>, root: Option<&Path>) -> Result<(), Error> {
    // The names are in /etc, which is out of sight after the change of the root directory.
    let identity = account.map(Identity::find).transpose()?;
    if identity.is_some() && !geteuid().is_root() {
        return Err(Error::NotRoot { option: "--user" });
    }
    if let Some(identity) = &identity {
        identity.take_groups()?;
    }
    if let Some(root) = root {
        change_root(root)?;
    }
    if let Some(identity) = identity {
        identity.take_user()?;
    }
    Ok(())
}

/// Programs that we start get none of the capabilities that a service manager gave us as ambient ones.
/// To be called before the first is started. Root's programs have root's rights all the same.
pub fn keep_to_ourselves() {
    // A kernel before 4.3 has no such set, so there is nothing to clear.
    if let Err(error) = caps::clear(None, CapSet::Ambient) {
        log::debug!("the ambient set of capabilities stays: {error}");
    }
}

/// Whom we become, in numbers.
struct Identity {
    uid: Uid,
    gid: Gid,
    /// The user's name, whose other groups are taken too.
    name: Option<CString>,
}

impl Identity {
    fn find(account: &Account) -> Result<Identity, Error> {
        let found = |name: &str, what, result: Result<_, Errno>| {
            result.map_err(|errno| Error::Failed {
                what,
                cause: errno.into(),
                hint: name.to_owned(),
            })
        };
        let name = account.user.as_str();
        let user = match name.parse().map(Uid::from_raw) {
            Ok(uid) => found(name, "looking up the user", User::from_uid(uid))?
                .map_or(Ok((uid, None)), |user| Ok((uid, Some(user)))),
            Err(_) => found(name, "looking up the user", User::from_name(name))?
                .map(|user| (user.uid, Some(user)))
                .ok_or_else(|| Error::NoUser(name.to_owned())),
        };
        let (uid, user) = user?;
        let gid = match (&account.group, &user) {
            (Some(group), _) => find_group(group)?,
            (None, Some(user)) => user.gid,
            (None, None) => return Err(Error::NoUser(name.to_owned())),
        };
        // setresuid(2) and setresgid(2) read this number as "leave it as it is".
        if uid.as_raw() == u32::MAX || gid.as_raw() == u32::MAX {
            return Err(Error::NoChange);
        }
        Ok(Identity {
            uid,
            gid,
            name: user.and_then(|user| CString::new(user.name).ok()),
        })
    }

    fn take_groups(&self) -> Result<(), Error> {
        let result = match &self.name {
            Some(name) => initgroups(name, self.gid),
            None => setgroups(&[self.gid]),
        };
        result
            .and_then(|()| setresgid(self.gid, self.gid, self.gid))
            .map_err(|errno| Error::failed("changing the group", errno))
    }

    fn take_user(&self) -> Result<(), Error> {
        let kept = CapsHashSet::from([Capability::CAP_NET_ADMIN]);
        // Without it the change of the user would clear all of them.
        prctl::set_keepcaps(true).map_err(|errno| Error::failed("keeping capabilities", errno))?;
        // What is out of the bounding set cannot come back by a program with file capabilities; a kernel
        // that does not let us is no reason not to start, since no_new_privs says the same.
        if let Err(error) = caps::clear(None, CapSet::Bounding) {
            log::debug!("the bounding set of capabilities stays: {error}");
        }
        setresuid(self.uid, self.uid, self.uid)
            .map_err(|errno| Error::failed("changing the user", errno))?;
        let capabilities = |error: caps::errors::CapsError| Error::Capabilities(error.to_string());
        for (set, wanted) in [
            (CapSet::Effective, &kept),
            (CapSet::Permitted, &kept),
            (CapSet::Inheritable, &CapsHashSet::new()),
        ] {
            caps::set(None, set, wanted).map_err(capabilities)?;
        }
        prctl::set_no_new_privs().map_err(|errno| Error::failed("setting no_new_privs", errno))?;
        self.check()
    }

    /// Whether all of it came true, as the kernel says.
    fn check(&self) -> Result<(), Error> {
        let failed = |errno| Error::failed("looking at the user that it became", errno);
        let user = getresuid().map_err(failed)?;
        let group = getresgid().map_err(failed)?;
        let users = [user.real, user.effective, user.saved];
        let groups = [group.real, group.effective, group.saved];
        let is_done =
            users.iter().all(|uid| *uid == self.uid) && groups.iter().all(|gid| *gid == self.gid);
        is_done.then_some(()).ok_or(Error::NoChange)
    }
}

fn find_group(name: &str) -> Result<Gid, Error> {
    if let Ok(gid) = name.parse() {
        return Ok(Gid::from_raw(gid));
    }
    match Group::from_name(name) {
        Ok(Some(group)) => Ok(group.gid),
        Ok(None) => Err(Error::NoGroup(name.to_owned())),
        Err(errno) => Err(Error::Failed {
            what: "looking up the group",
            cause: errno.into(),
            hint: name.to_owned(),
        }),
    }
}

fn change_root(root: &Path) -> Result<(), Error> {
    // The working directory must not stay outside.
    chroot(root)
        .and_then(|()| chdir("/"))
        .map_err(|errno| match errno {
            Errno::EPERM => Error::NotRoot { option: "--chroot" },
            errno => Error::Root {
                root: root.to_owned(),
                cause: errno.into(),
            },
        })
}

/// Why rights cannot be given up. One line that says what to do.
#[derive(Debug)]
pub enum Error {
    /// Only root can do what an option asks for.
    NotRoot {
        /// The option.
        option: &'static str,
    },
    /// There is no user of that name, or none of that number where its group is needed.
    NoUser(String),
    /// There is no group of that name.
    NoGroup(String),
    /// The user or group is the number that means "no change", or did not come true.
    NoChange,
    /// The directory cannot become the root directory.
    Root {
        /// The directory.
        root: PathBuf,
        /// What the system reported.
        cause: io::Error,
    },
    /// Capabilities cannot be changed.
    Capabilities(String),
    /// Anything else.
    Failed {
        /// What was being done.
        what: &'static str,
        /// What the system reported.
        cause: io::Error,
        /// With what; may be empty.
        hint: String,
    },
}

impl Error {
    fn failed(what: &'static str, errno: Errno) -> Error {
        Error::Failed {
            what,
            cause: errno.into(),
            hint: String::new(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NotRoot { option } => {
                write!(f, "{option} needs root: start me as root, or leave it out")
            }
            Error::NoUser(name) => {
                write!(f, "--user {name}: no such user; see getent passwd, or write USER:GROUP in numbers")
            }
            Error::NoGroup(name) => write!(f, "--user: no group {name}; see getent group"),
            Error::NoChange => write!(
                f,
                "--user: the user or group did not change; {} is no user: see getent passwd",
                u32::MAX
            ),
            Error::Root { root, cause } => {
                write!(f, "--chroot {}: {}", root.display(), cause)
            }
            Error::Capabilities(error) => {
                write!(f, "--user: cannot keep CAP_NET_ADMIN alone: {error}")
            }
            Error::Failed { what, cause, hint } if hint.is_empty() => {
                write!(f, "--user: {what}: {}", cause)
            }
            Error::Failed { what, cause, hint } => {
                write!(f, "--user: {what} {hint}: {}", cause)
            }
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests;
