//! What the sandbox forbids is tried before and after it: before, it must work, or the test would prove
//! nothing. In a process of its own each, because there is no way back.

use super::*;
use nix::sys::signal::kill;
use nix::unistd::{getppid, Pid};
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Set in the process that confines itself, which the test runner must not do: a folder for its files.
const FOLDER: &str = "SPINEL_BRIDGE_SANDBOX_TEST";

/// Runs the test of this name in a process of its own, or is that process, which gets its folder.
fn in_child(test: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return Some(folder.into());
    }
    let name = format!("spinel-bridge-sandbox-{test}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    for kind in ["read", "keep", "remove", "other"] {
        fs::create_dir_all(folder.join(kind)).unwrap();
        fs::write(folder.join(kind).join("file"), kind).unwrap();
    }
    // Test programs name their tests without the crate.
    let (_, here) = module_path!().split_once("::").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{here}::{test}")])
        .args(["--nocapture", "--test-threads=1"])
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let _ = fs::remove_dir_all(&folder);
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("1 passed"), "{said}");
    None
}

/// Confines this process. What must then be forbidden: everything or, on a kernel without Landlock,
/// nothing, and the log would say so.
fn confine(rules: &Rules) -> Outcome {
    let outcome = enter(rules).unwrap();
    println!("{outcome}");
    outcome
}

/// Whether the kernel refused for want of rights.
#[track_caller]
fn is_refused<T>(result: std::io::Result<T>) -> bool {
    match result {
        Ok(_) => false,
        Err(error) => {
            let refused = error.kind() == std::io::ErrorKind::PermissionDenied;
            assert!(refused, "not refused but failed: {error}");
            true
        }
    }
}

fn runs(program: &str) -> std::io::Result<bool> {
    // Null would have to be opened.
    let status = Command::new(program)
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .status()?;
    Ok(status.success())
}

#[test]
fn files_that_no_rule_names_are_out_of_reach() {
    let Some(folder) = in_child("files_that_no_rule_names_are_out_of_reach") else {
        return;
    };
    let mut open = fs::File::options()
        .append(true)
        .open(folder.join("other/file"))
        .unwrap();
    let (from, to, sub) = (
        folder.join("other"),
        folder.join("moved"),
        folder.join("sub"),
    );
    let there_and_back = || fs::rename(&from, &to).and_then(|()| fs::rename(&to, &from));
    let forbidden = || {
        [
            is_refused(fs::read("/etc/passwd")),
            is_refused(fs::read_dir(&folder)),
            is_refused(fs::write(folder.join("new"), "x")),
            is_refused(fs::write(folder.join("other/file"), "x")),
            is_refused(there_and_back()),
            is_refused(fs::create_dir(&sub).and_then(|()| fs::remove_dir(&sub))),
            is_refused(std::os::unix::fs::symlink("x", &sub).and_then(|()| fs::remove_file(&sub))),
            is_refused(runs("/bin/true")),
        ]
    };
    assert_eq!(forbidden(), [false; 8], "it must work without");
    let wall = confine(&Rules::new()) != Outcome::Nothing;
    assert_eq!(forbidden(), [wall; 8]);
    // What is open stays open.
    open.write_all(b"more").unwrap();
}

/// As the driver does it for `--retain`: what is beside the file is neither read nor touched, whoever we became.
#[test]
fn a_file_is_kept_without_a_right_in_its_folder() {
    let Some(folder) = in_child("a_file_is_kept_without_a_right_in_its_folder") else {
        return;
    };
    let keep = folder.join("keep");
    let [file, beside] = ["file", "beside"].map(|name| keep.join(name));
    fs::write(&beside, "secret").unwrap();
    let mut held = crate::io::retain::Held::open(&file).unwrap();
    let wall = confine(&Rules::new()) != Outcome::Nothing;
    assert_eq!(held.recall().unwrap().unwrap(), b"keep");
    held.save(b"newer").unwrap();
    held.save(b"new").unwrap();
    assert_eq!(held.recall().unwrap().unwrap(), b"new");
    assert_eq!(is_refused(fs::read(&beside)), wall);
    assert_eq!(is_refused(fs::read_dir(&keep)), wall);
    assert_eq!(is_refused(fs::write(&beside, "x")), wall);
    assert_eq!(is_refused(fs::write(keep.join("made"), "x")), wall);
    assert_eq!(is_refused(fs::remove_file(&beside)), wall);
    held.forget().unwrap();
    assert_eq!(held.recall().unwrap(), None);
}

#[test]
fn rules_allow_what_they_say_and_no_more() {
    let Some(folder) = in_child("rules_allow_what_they_say_and_no_more") else {
        return;
    };
    let (read, keep, remove) = (
        folder.join("read"),
        folder.join("keep"),
        folder.join("remove"),
    );
    let mut rules = Rules::new();
    rules.allow(&read, Right::Read);
    // As for a file that is written anew and renamed; and a file that does not exist.
    rules.allow_beside(&keep.join("file"), Right::Keep);
    rules.allow_beside(&remove.join("link"), Right::Remove);
    rules.allow(Path::new("/dev/null"), Right::Device);
    rules.allow(Path::new("/no/such/file"), Right::Keep);
    let wall = confine(&rules) != Outcome::Nothing;

    assert_eq!(fs::read(read.join("file")).unwrap(), b"read");
    assert_eq!(fs::read_dir(&read).unwrap().count(), 1);
    assert_eq!(is_refused(fs::write(read.join("file"), "x")), wall);
    assert_eq!(is_refused(fs::remove_file(read.join("file"))), wall);

    fs::write(keep.join("file.new"), "new").unwrap();
    fs::rename(keep.join("file.new"), keep.join("file")).unwrap();
    assert_eq!(fs::read(keep.join("file")).unwrap(), b"new");
    fs::remove_file(keep.join("file")).unwrap();
    assert_eq!(is_refused(fs::create_dir(keep.join("new"))), wall);

    assert_eq!(is_refused(fs::read(remove.join("file"))), wall);
    fs::remove_file(remove.join("file")).unwrap();
    assert_eq!(is_refused(fs::write(remove.join("file"), "x")), wall);

    let mut null = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    assert_eq!(null.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(is_refused(fs::File::open("/dev/zero")), wall);
}

#[test]
fn commands_run_and_are_confined_too() {
    let Some(folder) = in_child("commands_run_and_are_confined_too") else {
        return;
    };
    let mut rules = Rules::new();
    rules.allow_commands(Path::new("/"));
    let wall = confine(&rules) != Outcome::Nothing;
    assert!(runs("/bin/true").unwrap());
    let shell = |command: &str| {
        let status = Command::new("/bin/sh").args(["-c", command]).status();
        status.unwrap().success()
    };
    let scratch = PathBuf::from("/")
        .join(SCRATCH)
        .join(folder.file_name().unwrap());
    let scratch = scratch.with_extension("scratch");
    let scratch = scratch.display();
    assert!(shell("grep -q root /etc/passwd"));
    assert!(shell("echo x >/dev/null 2>&1"));
    assert!(shell(&format!("echo x >{scratch} && rm {scratch}")));
    let own = "/etc/spinel-bridge-sandbox-test";
    let written = shell(&format!("exec 2>&-; echo x >{own} && rm {own}"));
    assert_eq!(written, !wall);
}

#[test]
fn the_network_and_other_processes_are_out_of_reach() {
    let Some(folder) = in_child("the_network_and_other_processes_are_out_of_reach") else {
        return;
    };
    let any = (Ipv4Addr::LOCALHOST, 0);
    let (allowed, other) = (
        TcpListener::bind(any).unwrap(),
        TcpListener::bind(any).unwrap(),
    );
    let name = folder.join("s");
    let named = UnixDatagram::bind(&name).unwrap();
    let mut rules = Rules::new();
    rules.allow_connect(allowed.local_addr().unwrap().port());
    // Signal 0 only asks whether one may.
    kill(getppid(), None).unwrap();
    let outcome = confine(&rules);
    if outcome == Outcome::Full {
        assert!(is_refused(TcpListener::bind(any)));
        assert!(is_refused(TcpStream::connect(other.local_addr().unwrap())));
        assert_eq!(kill(getppid(), None), Err(nix::errno::Errno::EPERM));
    }
    TcpStream::connect(allowed.local_addr().unwrap()).unwrap();
    kill(Pid::this(), None).unwrap();
    // syslog's way.
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"x", &name).unwrap();
    assert_eq!(named.recv(&mut [0; 8]).unwrap(), 1);
}
