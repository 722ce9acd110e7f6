//! Who may call: the rights of the control socket, by the caller's credentials as the bus knows them.

use crate::bus::Bus;
use crate::val::Val;
use nix::unistd::{getgrouplist, Gid, Uid, User};
use std::ffi::CString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    uid: u32,
    groups: Vec<u32>,
}

impl Caller {
    /// Asks the bus who `sender`, a unique name, is. An error for somebody who is gone already.
    pub(crate) fn of(bus: &Bus, sender: &str) -> Result<Caller, String> {
        let answer = bus
            .ask_bus("GetConnectionCredentials", &[Val::s(sender)])
            .map_err(|error| error.to_string())?;
        let body = answer.body();
        let body: zbus::Structure<'_> = body.deserialize().map_err(|error| error.to_string())?;
        let Some(Val::Map(facts)) = body.fields().first().map(Val::of) else {
            return Err("the bus does not say who the caller is".into());
        };
        let fact = |name: &str| facts.iter().find(|(known, _)| known == name);
        let uid: Option<u32> = fact("UnixUserID").and_then(|(_, uid)| uid.num());
        let uid = uid.ok_or("the bus does not say which user the caller is")?;
        Ok(Caller {
            uid,
            // dbus-daemon tells groups from 1.15.4 on; before that they are looked up.
            groups: groups(uid),
        })
    }

    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Whether it could connect to this socket: who may write it.
    pub(crate) fn may_use(&self, socket: &Path) -> io::Result<bool> {
        let of = std::fs::metadata(socket)?;
        Ok(self.may_write(of.uid(), of.gid(), of.mode()))
    }

    fn may_write(&self, owner: u32, group: u32, mode: u32) -> bool {
        let bit = if self.is_root() {
            return true;
        } else if self.uid == owner {
            0o200
        } else if self.groups.contains(&group) {
            0o020
        } else {
            0o002
        };
        mode & bit != 0
    }
}

/// The groups of a user as the machine knows them; none for a user without a name.
fn groups(uid: u32) -> Vec<u32> {
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else {
        return Vec::new();
    };
    let Ok(name) = CString::new(user.name) else {
        return Vec::new();
    };
    let groups = getgrouplist(&name, user.gid).unwrap_or_else(|_| vec![user.gid]);
    groups.into_iter().map(Gid::as_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_write_the_socket_may_call() {
        let caller = |uid, groups: &[u32]| Caller {
            uid,
            groups: groups.to_vec(),
        };
        let may = |caller: &Caller, mode| caller.may_write(900, 800, mode);
        assert!(may(&caller(0, &[]), 0o600));
        assert!(may(&caller(900, &[]), 0o660) && !may(&caller(900, &[800]), 0o460));
        assert!(may(&caller(1000, &[4, 800]), 0o660) && !may(&caller(1000, &[800]), 0o606));
        assert!(!may(&caller(1000, &[4]), 0o660) && may(&caller(1000, &[4]), 0o662));
    }
}
