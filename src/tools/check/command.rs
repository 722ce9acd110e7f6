//! The command line to use: what was given, with what was found.

use crate::config::{Config, Face};
use crate::link::CrcMode;
use std::fmt::Write as _;

/// `config` as a command line that can be typed.
pub fn command_line(config: &Config) -> String {
    let plain = Config::new(config.device.clone());
    let mut line = String::from(env!("CARGO_PKG_NAME"));
    let mut add = |option: &str, value: String| {
        // A String takes everything.
        let _ = write!(line, " {option}{}", quote(&value));
    };
    match &config.face {
        Face::Pty { link: None } => {}
        Face::Pty { link: Some(path) } => add("--pty-link ", path.display().to_string()),
        Face::Stdio => add("--stdio", String::new()),
        Face::Raw { mtu } => add("--raw --mtu ", mtu.to_string()),
        Face::Tun { name: None } => add("--tun", String::new()),
        Face::Tun { name: Some(name) } => add("--tun=", name.clone()),
    }
    if let Some(interrupt) = &config.interrupt {
        add("-i ", interrupt.to_string());
    }
    if let Some(reset) = &config.reset {
        add("-r ", reset.to_string());
    }
    for ((option, value), (_, default)) in numbers(config).into_iter().zip(numbers(&plain)) {
        if value != default {
            add(option, value.to_string());
        }
    }
    if let Some(small_packet) = config.spi.small_packet {
        add("--spi-small-packet ", small_packet.to_string());
    }
    if config.spi.crc != CrcMode::Auto {
        add("--spi-crc ", config.spi.crc.to_string());
    }
    if matches!(config.face, Face::Tun { .. }) && config.host.iid != plain.host.iid {
        add("--iid ", config.host.iid.to_string());
    }
    for (option, given) in [
        ("--no-reset", !config.reset_at_start_and_exit),
        ("--ready-when-up", config.ready_when_up),
        ("--sandbox", config.sandbox),
    ] {
        if given {
            add(option, String::new());
        }
    }
    add("", config.device.to_string());
    line
}

/// The options that are a number and have a default.
fn numbers(config: &Config) -> [(&'static str, u128); 8] {
    let spi = &config.spi;
    [
        ("--poll-ms ", config.poll_period.as_millis()),
        ("--spi-speed ", spi.speed_hz.into()),
        ("--spi-mode ", spi.mode.into()),
        ("--spi-cs-delay ", spi.cs_delay.as_micros()),
        ("--spi-gap ", spi.gap.as_micros()),
        ("--spi-align-allowance ", spi.align_allowance as u128),
        ("--spi-reset-pulse ", config.reset_pulse.as_millis()),
        ("--spi-reset-delay ", config.reset_settle.as_millis()),
    ]
}

/// A name of a line may hold spaces.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=%,".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{parse, Command};

    #[track_caller]
    fn config(words: &[&str]) -> Config {
        match parse(words.iter().copied()) {
            Ok(Command::Run(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_printed_can_be_typed() {
        for line in [
            "spinel-bridge sim:dead",
            "spinel-bridge /dev/spidev0.0",
            "spinel-bridge --stdio -i gpiochip0:25 -r GPIO24 --spi-speed 8000000 --spi-mode 1 --spi-gap 200 \
             --spi-align-allowance 7 --spi-crc off --no-reset /dev/spidev0.0",
            "spinel-bridge --pty-link /run/ncp --poll-ms 5 --spi-cs-delay 0 --spi-reset-pulse 30 \
             --spi-reset-delay 100 --spi-small-packet 64 /dev/spidev0.0",
            "spinel-bridge --raw --mtu 1280 /dev/spidev1.1",
            "spinel-bridge --ready-when-up --sandbox /dev/spidev0.0",
        ] {
            let words: Vec<&str> = line.split(' ').skip(1).collect();
            assert_eq!(command_line(&config(&words)), line);
        }
    }

    #[test]
    fn names_with_spaces_are_quoted() {
        let config = config(&["-i", "RADIO INT", "/dev/spidev0.0"]);
        assert_eq!(
            command_line(&config),
            "spinel-bridge -i 'RADIO INT' /dev/spidev0.0"
        );
    }
}
