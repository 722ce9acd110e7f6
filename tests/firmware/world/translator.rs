//! Our translator on a board, and a client on its pty.

use super::{Board, World};
use crate::hosts::{wait, Process};
use crate::process::{Client, Said};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// `spinel-bridge --pty-link LINK … /dev/spidev0.0`.
pub(crate) struct Translator {
    /// The link to its pty.
    pub(crate) link: PathBuf,
    pub(crate) program: Process,
    log: PathBuf,
}

impl World {
    /// The translator on this board, past the making of its pty.
    pub(crate) fn translator(&self, board: &Board, more: &[&str]) -> Translator {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_spinel-bridge"));
        board.wire(&mut command).args(more);
        self.start_translator(command, &Board::arguments())
    }

    /// The translator on a device that is no board, past the making of its pty.
    pub(crate) fn translator_on(&self, device: &str) -> Translator {
        let command = self.host.command(env!("CARGO_BIN_EXE_spinel-bridge"));
        self.start_translator(command, &[device])
    }

    fn start_translator(&self, mut command: Command, device: &[&str]) -> Translator {
        let link = self.folder.join("pty");
        let log = self.folder.join("translator.log");
        command
            .args(["--log", "stderr", "--pty-link"])
            .arg(&link)
            .args(device)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap());
        let mut program = Process(command.spawn().unwrap());
        wait("the translator's pty", || {
            let log = || fs::read_to_string(&log).unwrap_or_default();
            assert!(program.is_running(), "it has ended: {}", log());
            link.exists().then_some(())
        });
        Translator { link, program, log }
    }
}

impl Translator {
    pub(crate) fn client(&self) -> Client {
        Client::open(&self.link)
    }

    /// A client that has seen the co-processor answer, within a limit; and how long that took.
    pub(crate) fn answering_client(&self, limit: Duration) -> (Client, Duration) {
        let mut client = self.client();
        let start = Instant::now();
        while start.elapsed() < limit {
            client.send(&[0x81, GET, NCP_VERSION]);
            // It may be lost while the co-processor starts: ask again, as hosts do.
            let next = Instant::now() + Duration::from_secs(2);
            loop {
                let left = next.saturating_duration_since(Instant::now());
                match client.next_within(left) {
                    Said::Frame(frame) if frame.starts_with(&[0x81, IS, NCP_VERSION]) => {
                        let took = start.elapsed();
                        // Answers to what was asked more than once.
                        while client.next_within(Duration::from_millis(300)) != Said::Nothing {}
                        return (client, took);
                    }
                    Said::Nothing => break,
                    Said::End => panic!("the pty has ended: {}", self.log()),
                    _ => {}
                }
            }
        }
        panic!("no answer within {limit:?}: {}", self.log());
    }

    /// The process that it runs for `system:…`, once there is one that is not `but`.
    pub(crate) fn co_processor(&self, but: u32) -> u32 {
        let pid = self.program.0.id();
        wait("the co-processor's process", || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            let child = children.split_whitespace().next()?.parse().ok()?;
            (child != but).then_some(child)
        })
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// PROP_VALUE_GET, PROP_VALUE_SET, PROP_VALUE_INSERT, PROP_VALUE_IS, PROP_VALUE_INSERTED; NCP_VERSION.
pub(crate) const GET: u8 = 2;
pub(crate) const SET: u8 = 3;
pub(crate) const INSERT: u8 = 4;
pub(crate) const IS: u8 = 6;
pub(crate) const INSERTED: u8 = 7;
pub(crate) const NCP_VERSION: u8 = 2;

/// Sends a command, and takes what comes until the answer with its TID; the answer.
#[track_caller]
pub(crate) fn ask(client: &mut Client, frame: &[u8]) -> Vec<u8> {
    client.send(frame);
    loop {
        match client.next() {
            Said::Frame(answer) if answer.first() == frame.first() => return answer,
            Said::Frame(_) => {}
            other => panic!("{other:?} in place of an answer"),
        }
    }
}
