//! Confines the process once everything is open (`--sandbox`): the kernel's Landlock takes away what a
//! bridge that runs does not need, whoever it runs as, and for good.
//!
//! # What is taken away
//!
//! | what | from Linux |
//! | --- | --- |
//! | opening, making, removing, renaming and running any file that the [`Rules`] do not name | 5.13 |
//! | truncating it | 6.2 |
//! | TCP: to listen, and to connect to a port that the rules do not name | 6.7 |
//! | ioctls on devices that are opened later | 6.10 |
//! | signals to, and abstract Unix sockets of, processes that are not our children | 6.12 |
//!
//! Programs that get more rights than whoever starts them (setuid) do not get them any more.
//!
//! What is open already is not touched: SPI, GPIO, TUN, netlink, the log. Nor are, as the kernel has it,
//! Unix sockets by their path (syslog, a simulated radio), chmod and stat. Programs that we start are
//! confined like us: where commands are configured, they may read and run all files, and write to
//! devices and [`SCRATCH`].
//!
//! A rule belongs to the file or directory that has the name when it is made, so a change of the root
//! directory afterwards does no harm.
//!
//! # Kernels without it
//! Each row above holds where the kernel knows it; [`Outcome`] says so, for one line of the log. This
//! is an additional wall, so a kernel that lacks it is no reason not to start.

use landlock::{
    Access, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    ABI,
};
use std::fmt;
use std::path::Path;

/// What stays possible.
#[derive(Debug, Default)]
pub struct Rules {
    places: Vec<(PathFd, BitFlags<AccessFs>)>,
    /// A TCP port that can be connected to.
    port: Option<u16>,
}

/// What may be done with a file, or with all files in a directory and below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Read it, list it.
    Read,
    /// Read and write what exists, with ioctls: a terminal, a bus.
    Device,
    /// Remove it, and see what else is there.
    Remove,
    /// Make, read, write, replace and remove regular files.
    Keep,
}

impl Rules {
    /// Nothing stays possible.
    pub fn new() -> Rules {
        Rules::default()
    }

    /// Allows `right` on `path`, which is followed to where it leads now. A path that does not exist,
    /// or that we may not even look at, could not be used either.
    pub fn allow(&mut self, path: &Path, right: Right) {
        self.allow_access(path, right.access());
    }

    /// Allows `right` on all that is in the directory of `path`, for what is made anew each time.
    pub fn allow_beside(&mut self, path: &Path, right: Right) {
        let directory = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            // The root directory.
            None => path,
        };
        self.allow(directory, right);
    }

    /// Allows commands to be run by `/bin/sh`, with what most of them need, below the directory `root`.
    pub fn allow_commands(&mut self, root: &Path) {
        let run = Right::Read.access() | AccessFs::Execute;
        self.allow_access(root, run);
        for (name, right) in [(DEVICES, Right::Device), (SCRATCH, Right::Keep)] {
            self.allow(&root.join(name), right);
        }
    }

    /// Allows connections to a TCP port, on any host: the kernel does not tell them apart.
    pub fn allow_connect(&mut self, port: u16) {
        self.port = Some(port);
    }

    /// How many files and folders are named.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    fn allow_access(&mut self, path: &Path, access: BitFlags<AccessFs>) {
        let is_file = std::fs::metadata(path).is_ok_and(|found| !found.is_dir());
        // A right that only a directory can have is an error on a file.
        let access = match is_file {
            true => access & AccessFs::from_file(LEVEL),
            false => access,
        };
        match PathFd::new(path) {
            Ok(_) if access.is_empty() => {}
            Ok(place) => self.places.push((place, access)),
            Err(error) => log::debug!("sandbox: {}: {error}", path.display()),
        }
    }
}

impl Right {
    fn access(self) -> BitFlags<AccessFs> {
        match self {
            Right::Read => AccessFs::ReadFile | AccessFs::ReadDir,
            Right::Device => AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev,
            Right::Remove => AccessFs::ReadDir | AccessFs::RemoveFile,
            Right::Keep => {
                let write = AccessFs::WriteFile | AccessFs::Truncate;
                Right::Read.access() | write | AccessFs::MakeReg | AccessFs::RemoveFile
            }
        }
    }
}

/// How much of the wall stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All of it.
    Full,
    /// What this kernel knows of it.
    Part,
    /// Nothing: this kernel has no Landlock, or it is not turned on.
    Nothing,
}

/// One line for the log.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Full => "sandbox: entered",
            Outcome::Part => {
                "sandbox: entered, but this kernel lacks a part of it: Linux 6.12 has everything"
            }
            Outcome::Nothing => {
                "sandbox: none, this kernel has no Landlock: build it with CONFIG_SECURITY_LANDLOCK \
                 and name landlock in its lsm= parameter, or leave --sandbox out"
            }
        })
    }
}

/// Confines the calling thread, which has to be the only one, and all that it starts to `rules`.
///
/// # Errors
/// [`Error`], where the kernel has Landlock and refuses. A kernel without it is an [`Outcome`].
pub fn enter(rules: &Rules) -> Result<Outcome, Error> {
    let status = ruleset(rules)
        .and_then(RulesetCreated::restrict_self)
        .map_err(Error)?;
    Ok(outcome(&status))
}

fn ruleset(rules: &Rules) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(LEVEL))?
        .handle_access(AccessNet::from_all(LEVEL))?
        .scope(Scope::from_all(LEVEL))?
        .create()?;
    for (place, access) in &rules.places {
        ruleset = ruleset.add_rule(PathBeneath::new(place, *access))?;
    }
    if let Some(port) = rules.port {
        ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    Ok(ruleset)
}

fn outcome(status: &RestrictionStatus) -> Outcome {
    match status.ruleset {
        RulesetStatus::FullyEnforced => Outcome::Full,
        RulesetStatus::PartiallyEnforced => Outcome::Part,
        RulesetStatus::NotEnforced => Outcome::Nothing,
    }
}

/// Why the process cannot be confined. One line that says what to do.
#[derive(Debug)]
pub struct Error(RulesetError);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "--sandbox: {}: leave it out if that cannot be helped",
            self.0
        )
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Where commands may write files of their own, below the root directory.
pub const SCRATCH: &str = "tmp";

/// Where devices are, below the root directory.
const DEVICES: &str = "dev";

/// What the rules are made for, so that a newer kernel takes away nothing that was not tested: that of
/// Linux 6.12. The next thing, Unix sockets by their path, would cut off syslog.
const LEVEL: ABI = ABI::V6;

#[cfg(test)]
mod tests;
