//! What is disturbed comes back: the host driver as its users have it, in network namespaces, where
//! something beside it is stopped, taken away, switched off or full for a while.
//!
//! Runs as root, because a TUN interface takes that.

mod hosts;

use hosts::{Folder, Host};
use nix::sys::signal::Signal;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

/// The end of a command and that of its output come in one wake-up: nothing wakes the driver again, and the
/// credentials of a network that was left would come back with the next start.
#[test]
fn what_waits_for_a_command_is_done_when_the_driver_was_stopped_over_its_end() {
    let folder = Folder::new();
    let path = |name: &str| folder.join(name).display().to_string();
    let (begun, go, ended, forgotten) =
        (path("begun"), path("go"), path("ended"), path("forgotten"));
    let command = format!(
        "case $SPINEL_BRIDGE_RETAIN in \
         save) touch {begun}; while test ! -e {go}; do sleep 0.05; done; touch {ended};; \
         forget) touch {forgotten};; esac"
    );
    let mut host = Host::new(&folder, "only");
    host.start_bridge(&["--retain-command", &command, "sim:seed=1"]);
    host.ctl("form test");
    let is_there = |name: &str| fs::metadata(name).is_ok().then_some(());
    host.wait_for("the command that saves", |_| is_there(&begun));
    host.ctl("leave");
    host.bridge().signal(Signal::SIGSTOP);
    fs::write(&go, "").unwrap();
    host.wait_for("its end", |_| is_there(&ended));
    // The shell ends after its last command.
    sleep(Duration::from_millis(300));
    host.bridge().signal(Signal::SIGCONT);
    host.wait_for("the command that forgets", |_| is_there(&forgotten));
}
