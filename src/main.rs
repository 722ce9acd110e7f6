//! The daemon: command line, log, event loop, exit code.

use spinel_bridge::check;
use spinel_bridge::cli::{self, Command};
use spinel_bridge::config::{Config, Tap};
use spinel_bridge::event_loop;
use spinel_bridge::io;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    io::log::install_panic_hook();
    match cli::parse_with(std::env::args_os().skip(1), &io::settings::read) {
        Ok(Command::Run(config)) => run(&config),
        Ok(Command::Check(_)) if cfg!(not(feature = "check")) => {
            let why = "--check was left out of this program: build it with its default features";
            io::log::report_startup_error(None, why);
            ExitCode::from(NOT_STARTED)
        }
        Ok(Command::Check(config)) => ExitCode::from(check::main(&config)),
        Ok(Command::Help(text) | Command::Version(text)) => print(&text),
        Err(usage) => {
            for warning in usage.warnings() {
                io::log::report_startup_error(None, &format!("warning: {warning}"));
            }
            io::log::report_startup_error(None, &usage.to_string());
            ExitCode::from(USAGE)
        }
    }
}

fn run(config: &Config) -> ExitCode {
    if let Err(error) = io::log::start(config, &config.face) {
        io::log::report_startup_error(Some(&config.face), &error.to_string());
        return ExitCode::from(NOT_STARTED);
    }
    if let Some(tap) = &config.tap {
        if let Err(error) = start_tap(config, tap) {
            io::log::report_startup_error(Some(&config.face), &error);
            return ExitCode::from(NOT_STARTED);
        }
    }
    match event_loop::run(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.is_loss() {
                true => log::error!("{error}"),
                false => io::log::report_startup_error(Some(&config.face), &error.to_string()),
            }
            ExitCode::from(error.exit_code())
        }
    }
}

fn start_tap(config: &Config, tap: &Tap) -> Result<(), String> {
    if cfg!(not(feature = "tap")) {
        return Err(
            "--tap was left out of this program: build it with its default features".to_owned(),
        );
    }
    let (path, second) = (tap.path.display(), io::tap::second(&tap.path));
    io::tap::start(&config.device.to_string(), tap, config.log_keys)
        .map_err(|error| format!("--tap: {path} or {}: {error}", second.display()))
}

/// `--help` into a pager that was closed is no failure.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// The command line is wrong.
const USAGE: u8 = 2;

/// It could not start: device, line, lock, pty or log.
const NOT_STARTED: u8 = 3;
