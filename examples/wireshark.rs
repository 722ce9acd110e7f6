//! Prints a dissector of Spinel for Wireshark and tshark, in Lua:
//!
//! ```sh
//! cargo run --release --example wireshark > ~/.local/lib/wireshark/plugins/spinel.lua
//! ```
//!
//! It reads the files of `--tap`, whose Spinel frames have the link type USER0. The names come from the tables that the
//! programs use; the code is `wireshark.lua` beside this file.

use spinel_bridge::wire::ids::{Capability, Command, Status, PROPERTIES};

fn main() {
    println!("-- Made by: cargo run --release --example wireshark");
    table("COMMANDS", (0..64).map(|n| (n, Command(n).name())));
    // Numbers above are those of vendors and experiments, which have no names.
    table("STATUSES", (0..20_000).map(|n| (n, Status(n).name())));
    table(
        "CAPABILITIES",
        (0..20_000).map(|n| (n, Capability(n).name())),
    );
    table(
        "PROPERTIES",
        PROPERTIES.iter().map(|row| (row.id.0, Some(row.name))),
    );
    println!("local SIGNATURES = {{");
    for row in PROPERTIES.iter() {
        println!("    [{}] = \"{}\",", row.id.0, row.signature.as_str());
    }
    println!("}}\n");
    print!("{}", include_str!("wireshark.lua"));
}

fn table(name: &str, rows: impl Iterator<Item = (u32, Option<&'static str>)>) {
    println!("local {name} = {{");
    for (number, text) in rows {
        if let Some(text) = text {
            println!("    [{number}] = \"{text}\",");
        }
    }
    println!("}}\n");
}
