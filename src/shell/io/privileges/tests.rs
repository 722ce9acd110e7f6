use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// Set in the process that gives up its rights, which the test runner itself must not do.
const ROLE: &str = "SPINEL_BRIDGE_PRIVILEGES_TEST";

/// Runs the test of this name in a process of its own with `role`, and returns what it printed.
fn in_child(test: &str, role: &str) -> String {
    // Test programs name their tests without the crate.
    let (_, here) = module_path!().split_once("::").unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{here}::{test}")])
        .args(["--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    said
}

fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// The fields of /proc/thread-self/status that tell of rights. Capabilities belong to the thread, and
/// the runner's thread is not ours.
fn status(field: &str) -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line[field.len()..]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn account(text: &str) -> Account {
    text.parse().unwrap()
}

#[test]
fn a_user_has_its_rights_and_one_capability() {
    if !geteuid().is_root() {
        return;
    }
    let Some(secret) = role() else {
        let secret =
            std::env::temp_dir().join(format!("spinel-bridge-secret-{}", std::process::id()));
        fs::write(&secret, "x").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let said = in_child(
            "a_user_has_its_rights_and_one_capability",
            secret.to_str().unwrap(),
        );
        let _ = fs::remove_file(&secret);
        assert!(said.contains("the child was here"), "{said}");
        return;
    };
    fs::read(&secret).unwrap();
    drop(Some(&account("65534:65533")), None).unwrap();
    assert_eq!(status("Uid:"), "65534 65534 65534 65534");
    assert_eq!(status("Gid:"), "65533 65533 65533 65533");
    // CAP_NET_ADMIN is bit 12.
    assert_eq!(status("CapPrm:"), "0000000000001000");
    assert_eq!(status("CapEff:"), "0000000000001000");
    assert_eq!(status("CapInh:"), "0000000000000000");
    assert_eq!(status("CapBnd:"), "0000000000000000");
    assert_eq!(status("CapAmb:"), "0000000000000000");
    assert_eq!(status("NoNewPrivs:"), "1");
    let error = fs::read(&secret).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
    assert!(setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_err());
    // What we start has nothing at all.
    let output = Command::new("/bin/cat")
        .arg("/proc/self/status")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.contains("CapEff:\t0000000000000000"), "{output}");
    // Once more is refused, since we are root no longer.
    let error = drop(Some(&account("65534:65533")), None).unwrap_err();
    assert!(error.to_string().contains("needs root"), "{error}");
    println!("the child was here");
}

#[test]
fn the_root_directory_changes_before_the_user() {
    if !geteuid().is_root() {
        return;
    }
    let Some(root) = role() else {
        let root = std::env::temp_dir().join(format!("spinel-bridge-root-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("inside"), "x").unwrap();
        let said = in_child(
            "the_root_directory_changes_before_the_user",
            root.to_str().unwrap(),
        );
        let _ = fs::remove_dir_all(&root);
        assert!(said.contains("the child was here"), "{said}");
        return;
    };
    // By name: it is looked up while /etc can still be seen.
    drop(Some(&account("nobody")), Some(Path::new(&root))).unwrap();
    assert!(Path::new("/inside").exists() && Path::new("inside").exists());
    assert!(!Path::new("/etc").exists());
    assert!(!geteuid().is_root());
    println!("the child was here");
}

#[test]
fn what_does_not_exist_changes_nothing() {
    for (name, message) in [
        (
            "no-such-user-here",
            "--user no-such-user-here: no such user",
        ),
        ("4294967294", "--user 4294967294: no such user"),
        ("nobody:no-such-group", "--user: no group no-such-group"),
        // -1, which setresuid(2) and setresgid(2) read as "no change": root would stay root.
        (
            "4294967295:65534",
            "--user: the user or group did not change",
        ),
        (
            "65534:4294967295",
            "--user: the user or group did not change",
        ),
    ] {
        let error = drop(Some(&account(name)), None).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
    let error = drop(None, Some(Path::new("/nonexistent/root")))
        .unwrap_err()
        .to_string();
    assert!(error.starts_with("--chroot"), "{error}");
    drop(None, None).unwrap();
}

/// As a service manager starts us: not as root, with CAP_NET_ADMIN in the ambient set.
#[test]
fn what_a_service_manager_gave_us_is_not_passed_on() {
    if !geteuid().is_root() {
        return;
    }
    if role().is_none() {
        let said = in_child("what_a_service_manager_gave_us_is_not_passed_on", "child");
        assert!(said.contains("the child was here"), "{said}");
        return;
    }
    let nobody = Uid::from_raw(65_534);
    let one = CapsHashSet::from([Capability::CAP_NET_ADMIN]);
    prctl::set_keepcaps(true).unwrap();
    setresuid(nobody, nobody, nobody).unwrap();
    caps::set(None, CapSet::Effective, &one).unwrap();
    caps::set(None, CapSet::Inheritable, &one).unwrap();
    caps::set(None, CapSet::Ambient, &one).unwrap();
    let rights = || {
        let output = Command::new("/bin/cat").arg("/proc/self/status").output();
        let output = String::from_utf8(output.unwrap().stdout).unwrap();
        let line = output.lines().find(|line| line.starts_with("CapEff:"));
        line.unwrap()["CapEff:".len()..].trim().to_owned()
    };
    assert_eq!(rights(), "0000000000001000");
    keep_to_ourselves();
    assert_eq!(rights(), "0000000000000000");
    // It is still ours.
    assert_eq!(status("CapEff:"), "0000000000001000");
    println!("the child was here");
}
