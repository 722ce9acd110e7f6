//! A shell command in a process group of its own, so that it ends with all that it started.

use crate::time::Instant;
use nix::sys::signal::{killpg, Signal};
use nix::sys::wait::{waitid, Id, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

/// A command that runs, or has ended and waits to be asked for its status.
#[derive(Debug)]
pub(super) struct Group {
    leader: Child,
    /// Told to end: which of [`SIGNALS`] comes next, and when.
    ending: Option<(usize, Instant)>,
    status: Option<ExitStatus>,
}

impl Group {
    /// Runs `command` with `/bin/sh -c`; `prepare` says where its descriptors lead.
    ///
    /// # Errors
    /// What the system reported; that the command does not exist is told by its status.
    pub(super) fn run(command: &str, prepare: impl FnOnce(&mut Command)) -> io::Result<Group> {
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(command).process_group(0);
        prepare(&mut shell);
        Ok(Group {
            leader: shell.spawn()?,
            ending: None,
            status: None,
        })
    }

    /// The pipe to its standard input, once.
    pub(super) fn take_stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.leader.stdin.take()
    }

    /// Tells it to end, and sees to it in [`Group::try_finish`].
    pub(super) fn end(&mut self, now: Instant) {
        if self.ending.is_none() {
            self.ending = Some((0, now));
        }
    }

    /// Its status, once it has ended and is reaped; sends what is due to one that was told to end.
    pub(super) fn try_finish(&mut self, now: Instant) -> Option<ExitStatus> {
        if self.status.is_some() {
            return self.status;
        }
        if let Some((stage, due)) = self.ending {
            if !self.has_ended() {
                if due <= now {
                    let last = SIGNALS.len().saturating_sub(1);
                    self.signal(SIGNALS[stage.min(last)]);
                    self.ending = Some((stage.saturating_add(1), due.max(now) + PATIENCE));
                }
                // It may end at this moment: it is reaped when it was seen to have ended.
                return None;
            }
            // Before it is reaped, while the number of the group is still its own.
            self.signal(Signal::SIGKILL);
        }
        // An error means that there is no such process: nothing is left to wait for.
        if let Ok(status) = self.leader.try_wait() {
            self.status = status;
        }
        self.status
    }

    /// When [`Group::try_finish`] has something to do if nothing happens.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.ending
            .filter(|_| self.status.is_none())
            .map(|(_, due)| due)
    }

    fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        match waitid(Id::Pid(self.pid()), flags) {
            Ok(WaitStatus::StillAlive) => false,
            Ok(_) => true,
            Err(_) => false,
        }
    }

    fn signal(&self, signal: Signal) {
        // Fails when nobody is left in the group.
        let _ = killpg(self.pid(), signal);
    }

    /// The leader's, which is the group's too.
    fn pid(&self) -> Pid {
        // The kernel's numbers have at most 22 bits (PID_MAX_LIMIT).
        Pid::from_raw(i32::try_from(self.leader.id()).unwrap_or(i32::MAX))
    }
}

impl Drop for Group {
    /// At our own exit: there is no later to see to it.
    fn drop(&mut self) {
        if self.status.is_some() {
            return;
        }
        self.signal(Signal::SIGHUP);
        for _ in 0..DROP_STEPS {
            if self.has_ended() {
                break;
            }
            std::thread::sleep(DROP_STEP);
        }
        self.signal(Signal::SIGKILL);
        let _ = self.leader.wait();
    }
}

/// What one is told that is to end; as wpantund does it, which waits longer (10 s) because its commands
/// power a co-processor down.
const SIGNALS: [Signal; 3] = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGKILL];

/// Between two of them: an `ot-ncp-ftd` ends within milliseconds, a script that cleans up may take a while.
const PATIENCE: Duration = Duration::from_secs(1);

/// At our exit: as long as it takes, half a second at most, which a service manager does not notice.
const DROP_STEP: Duration = Duration::from_millis(5);
const DROP_STEPS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    fn quiet(shell: &mut Command) {
        shell
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    }

    /// Runs in virtual time, a tenth of a second for each real millisecond.
    fn finish(group: &mut Group) -> (ExitStatus, Instant) {
        for tick in 0..20_000 {
            let now = Instant::from_millis(100 * tick);
            if let Some(status) = group.try_finish(now) {
                return (status, now);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("it does not end");
    }

    #[test]
    fn a_command_tells_its_status() {
        let mut group = Group::run("exit 7", quiet).unwrap();
        assert_eq!(finish(&mut group).0.code(), Some(7));
        assert_eq!(finish(&mut group).0.code(), Some(7));
        assert_eq!(group.poll_timeout(), None);
        let mut group = Group::run("no-such-command-at-all", quiet).unwrap();
        assert_eq!(finish(&mut group).0.code(), Some(127));
    }

    /// Runs `before & wait`, with the number of the process in the background.
    fn with_background(name: &str, before: &str, after: &str) -> (Group, i32) {
        let file =
            std::env::temp_dir().join(format!("spinel-bridge-{name}-{}", std::process::id()));
        let path = file.to_str().unwrap();
        let command = format!("{before} sleep 1000 & echo $! > {path}; {after} wait; wait; wait");
        let group = Group::run(&command, quiet).unwrap();
        loop {
            let text = std::fs::read_to_string(path).unwrap_or_default();
            if text.ends_with('\n') {
                let _ = std::fs::remove_file(path);
                return (group, text.trim().parse().unwrap());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Gone, or a zombie that nobody has reaped yet.
    fn is_dead(pid: i32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ") || stat.contains(") X ")
    }

    #[track_caller]
    fn assert_dies(pid: i32) {
        for _ in 0..10_000 {
            if is_dead(pid) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("{pid} lives");
    }

    #[test]
    fn whoever_does_not_listen_is_killed_after_a_while() {
        let (mut group, _) = with_background("deaf", "trap '' HUP TERM;", "");
        assert_eq!(group.try_finish(Instant::ZERO), None);
        group.end(Instant::ZERO);
        let (status, at) = finish(&mut group);
        assert!(!status.success());
        assert!(at >= Instant::ZERO + 2 * PATIENCE, "{at:?}");
    }

    #[test]
    fn what_it_started_does_not_outlive_it() {
        // In the background hangups are not heard, in the shell they are.
        let (mut group, started) = with_background("heir", "trap '' HUP;", "trap 'exit 1' HUP;");
        assert!(!is_dead(started));
        group.end(Instant::ZERO);
        finish(&mut group);
        assert_dies(started);

        let (group, started) = with_background("heir-of-dropped", "trap '' HUP;", "");
        drop(group);
        assert_dies(started);
    }

    #[test]
    fn one_that_is_dropped_is_gone() {
        let group = Group::run("sleep 1000", quiet).unwrap();
        let pid = group.pid();
        drop(group);
        assert!(nix::sys::signal::kill(pid, None).is_err());
    }
}
