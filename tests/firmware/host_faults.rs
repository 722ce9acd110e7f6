//! A bus that garbles headers in front of a healthy NCP: what is lost is asked for again, nobody notices,
//! and least of all is anything reset.

use crate::host_scene::{answers, counter, Bus, Scene};
use crate::hosts::Host;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Five hundred requests of clients. `GARBAGE_MINUTES=10` spreads them over ten minutes; without it they go one after
/// the other, and one header of ten is garbage, so that as much is lost.
#[test]
#[ignore = "needs tests/firmware/build.sh"]
fn garbage_headers_fail_no_request_and_reset_nothing() {
    let minutes: u64 = std::env::var("GARBAGE_MINUTES").map_or(0, |minutes| {
        minutes.parse().expect("GARBAGE_MINUTES is a number")
    });
    let pace = Duration::from_secs(60 * minutes) / REQUESTS;
    let mut scene = Scene::member(Bus::Spi, &[]);
    let address = scene.node_address();
    scene.host().ping(address);
    let board = scene.board.as_ref().expect("Bus::Spi has one");
    let (resets, transactions) = (board.resets(), board.transactions());
    let told_resets = |host: &Host| host.whole_log().matches("was reset").count();
    let told = told_resets(scene.host());
    board.set_garbage(if minutes == 0 { 100 } else { 10 });
    let mut slowest = Duration::ZERO;
    for number in 0..REQUESTS {
        let words = match number % 5 {
            0 => "getprop NCP_VERSION".to_owned(),
            1 => format!("setprop PHY_TX_POWER {}", number % 9),
            2 => format!("allowlist add 18181818181818{:02x}", number % 250),
            3 => format!("allowlist remove 18181818181818{:02x}", (number - 1) % 250),
            _ => "getprop THREAD_LEADER_NETWORK_DATA".to_owned(),
        };
        let begin = Instant::now();
        let output = scene.host().try_ctl(&words);
        slowest = slowest.max(begin.elapsed());
        assert!(
            output.status.success(),
            "{number}, {words}: {}{}",
            String::from_utf8_lossy(&output.stderr),
            scene.host().log()
        );
        sleep(pace.saturating_sub(begin.elapsed()));
    }
    board.set_garbage(0);
    let host = scene.host();
    let repeated = counter(host, "commands repeated: no reply");
    println!(
        "{} of {} headers were garbage, {repeated} commands were sent again, the slowest request took {slowest:?}",
        board.garbled(),
        board.transactions() - transactions,
    );
    assert_eq!(board.resets(), resets, "{}", host.log());
    assert_eq!(told_resets(host), told, "{}", host.log());
    assert!(repeated > 0, "nothing was lost: {}", board.garbled());
    assert_eq!(host.state(), "associated");
    assert!(answers(host, address));
}

const REQUESTS: u32 = 500;
