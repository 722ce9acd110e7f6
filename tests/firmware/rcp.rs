//! The translator in front of OpenThread's RCP on an SPI bus, and OpenThread's own host, unmodified, on our pty.

use crate::world::{program, Board, Node, World};
use nix::sys::signal::Signal;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// OpenThread's posix host with this radio URL.
fn posix_host(world: &World, board: &Board, url: &str) -> Node {
    let mut command = world.host.command(&program("ot-cli"));
    board
        .wire(&mut command)
        .args(["-d", "3", "-v", "-I", "wpan0", url])
        .current_dir(world.folder.path());
    Node::start(&mut command)
}

/// The host is the leader of a network; a second node joins it; they ping each other.
pub(crate) fn network(world: &World, host: &mut Node) -> Node {
    let dataset = host.form("posix");
    let mut second = world.node(2);
    second.attach(&dataset, &["child", "router"]);
    for octets in [8, 100, 1_000] {
        second.ping(&host.mesh_local(), octets);
        host.ping(&second.mesh_local(), octets);
    }
    second
}

fn uart(world: &World, board: &Board) -> (crate::world::Translator, Node) {
    let translator = world.translator(board, &[]);
    let url = format!("spinel+hdlc+uart://{}", translator.link.display());
    let host = posix_host(world, board, &url);
    (translator, host)
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn openthread_s_host_on_the_pty_is_a_leader_that_a_node_joins_and_pings() {
    let world = World::new();
    let board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let (translator, mut host) = uart(&world, &board);
    assert!(host.get("rcp version").starts_with("OPENTHREAD/"));
    network(&world, &mut host);
    println!(
        "{} transactions, {} without an answer; {}",
        board.transactions(),
        board.unanswered(),
        translator.log().lines().count()
    );
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn openthread_s_host_on_its_forkpty_is_a_leader_that_a_node_joins_and_pings() {
    let world = World::new();
    let board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let mut url = format!(
        "spinel+hdlc+forkpty://{}?forkpty-arg=--stdio&forkpty-arg=--log&forkpty-arg=none",
        env!("CARGO_BIN_EXE_spinel-bridge")
    );
    for argument in Board::arguments() {
        url.push_str("&forkpty-arg=");
        url.push_str(argument);
    }
    let mut host = posix_host(&world, &board, &url);
    network(&world, &mut host);
}

/// RES is pulled behind the translator's back while packets flow. What was on its way may be lost; nothing else.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_host_recovers_from_res_in_the_middle_of_traffic() {
    let world = World::new();
    let board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let (_translator, mut host) = uart(&world, &board);
    let mut second = network(&world, &mut host);
    let address = host.mesh_local();
    for _ in 0..3 {
        second
            .0
            .send(&format!("ping async {address} 300 1000 0.02"));
        second
            .0
            .wait_for("traffic", |line| line.contains("bytes from"));
        board.press_reset();
        host.0.wait_for("the host to have recovered", |line| {
            line.contains("RCP recovery is done")
        });
        second
            .0
            .wait_for("traffic again", |line| line.contains("bytes from"));
        second.run("ping stop");
        second.ping(&address, 300);
        host.ping(&second.mesh_local(), 300);
        host.wait_for_role(&["leader"]);
    }
}

/// The yardstick: the same host, the same board, and OpenThread's own driver of spidev in place of the translator.
fn spi_host(world: &World, board: &Board) -> Node {
    let url = "spinel+spi:///dev/spidev0.0?gpio-int-device=/dev/gpiochip0&gpio-int-line=0&\
               gpio-reset-device=/dev/gpiochip0&gpio-reset-line=1&spi-speed=1000000";
    posix_host(world, board, url)
}

/// What a hundred pings cost: transactions, and what the host says of their time.
fn cost(board: &Board, host: &mut Node, second: &mut Node) -> (u64, String) {
    let (before, unanswered) = (board.transactions(), board.unanswered());
    let said = host.run(&format!("ping {} 200 100 0.02 3", second.mesh_local()));
    let line = said.last().expect("a summary");
    assert!(line.contains("100 packets received"), "{line}");
    let unanswered = board.unanswered() - unanswered;
    let said = format!("{unanswered} of them unanswered; {line}");
    (board.transactions() - before, said)
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_translator_needs_no_more_transactions_than_openthread_s_own_spi_host() {
    let world = World::new();
    let board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let (_translator, mut host) = uart(&world, &board);
    let mut second = network(&world, &mut host);
    let (ours, our_time) = cost(&board, &mut host, &mut second);

    let world = World::new();
    let board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let mut host = spi_host(&world, &board);
    let mut second = network(&world, &mut host);
    let (theirs, their_time) = cost(&board, &mut host, &mut second);

    println!("a hundred pings: {ours} transactions, {our_time}");
    println!("with OpenThread's own: {theirs} transactions, {their_time}");
    // The network itself says something now and then.
    assert!(ours <= theirs + theirs / 10, "{ours}, {theirs}");
}

#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn the_host_recovers_from_an_rcp_that_is_reset_or_killed() {
    let world = World::new();
    let mut board = Board::start(&world, "ot-rcp-spi", 1, &[]);
    let (_translator, mut host) = uart(&world, &board);
    let mut second = network(&world, &mut host);
    let address = host.mesh_local();

    // At once, as after a watchdog; and away for a while.
    for pause in [0, 3] {
        board.kill();
        sleep(Duration::from_secs(pause));
        board.power(&world, "ot-rcp-spi", 1, &[]);
        second.ping(&address, 100);
        host.wait_for_role(&["leader"]);
    }
    // It hangs for longer than the host waits for an answer (5 s). Its firmware, which knows no such thing, may fail an
    // assertion then: RES starts it anew, after 36 s at the latest.
    board.signal(Signal::SIGSTOP);
    let stopped = Instant::now();
    sleep(Duration::from_secs(7));
    board.signal(Signal::SIGCONT);
    println!("stopped for {:?}", stopped.elapsed());
    ping_at_last(&mut second, &address);
    host.wait_for_role(&["leader"]);
    println!("the RCP said: {}", board.said());
}

/// Pings for up to two minutes: the second node may lead a part of its own by now, and has to come back.
fn ping_at_last(node: &mut Node, address: &str) {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let said = node.run(&format!("ping {address} 100 1 1 3"));
        if said.iter().any(|line| line.contains(" 1 packets received")) {
            return;
        }
        if Instant::now() > end {
            node.0.fail("no answer within two minutes");
        }
    }
}
