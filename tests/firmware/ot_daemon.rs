//! OpenThread's daemon on our pty, and its client: what a border router of today runs. Its socket is in /run, so each
//! test gives it a /run of its own.

use crate::world::{program, Board, Line, Node, World};

struct Daemon(Line);

impl Daemon {
    fn start(world: &World, url: &str) -> Daemon {
        let run = "mount -t tmpfs none /run && exec \"$@\"";
        let mut command = world.host.command("unshare");
        command
            .args(["--mount", "sh", "-c", run, "sh", &program("ot-daemon")])
            .args(["-d", "3", "-v", "-I", "wpan0", url])
            .current_dir(world.folder.path());
        let mut daemon = Line::start(&mut command);
        daemon.wait_for("the daemon and its RCP", |line| {
            line.contains("Thread interface:")
        });
        Daemon(daemon)
    }

    /// A command line of its client.
    fn client(&self, world: &World) -> Node {
        let mut command = world.host.command("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.0.id()))
            .args([&program("ot-ctl"), "-I", "wpan0"]);
        Node::start(&mut command)
    }
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn openthread_s_daemon_on_the_pty_is_a_leader_that_a_node_joins_and_pings() {
    let world = World::new();
    let board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let translator = world.translator(&board, &[]);
    let url = format!("spinel+hdlc+uart://{}", translator.link.display());
    let daemon = Daemon::start(&world, &url);
    let mut client = daemon.client(&world);
    let dataset = client.form("daemon");
    let mut second = world.node(2);
    second.attach(&dataset, &["child", "router"]);
    for octets in [8, 100, 1_000] {
        second.ping(&client.mesh_local(), octets);
        client.ping(&second.mesh_local(), octets);
    }
    // Its interface is the kernel's, too.
    world.host.ping(second.mesh_local().parse().unwrap());

    // The network outlives its client, and a reset of the radio.
    drop(client);
    board.press_reset();
    let mut client = daemon.client(&world);
    client.wait_for_role(&["leader"]);
    second.ping(&client.mesh_local(), 100);
}
