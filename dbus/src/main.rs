//! `spinel-bridge-dbus`: the instances of spinel-bridge on D-Bus.
//!
//! A client of their control sockets, as `spinelctl` is. It watches the folder of the sockets and serves all
//! instances that are there: with the interface of wpantund, for programs that know that one, and with one of
//! its own ([`own`]), which is described by introspection.
//!
//! | thread | does |
//! | --- | --- |
//! | the first | reads from the bus, and hands each call to its instance; waits for nothing else |
//! | `folder` | looks what sockets there are |
//! | `events`, one for each instance | reads from its socket: answers, and events, which become signals |
//! | `calls`, `slow calls`, for each instance | work on calls, one after the other: what takes long in the second |

mod bus;
mod control;
mod ctx;
mod dataset;
mod folder;
mod forms;
mod instance;
mod introspect;
mod own;
mod pcap;
mod props;
mod rights;
mod service;
mod signals;
mod status;
mod tables;
mod v0;
mod v1;
mod val;
mod values;

use bus::{log, Bus, Call};
use futures_core::Stream;
use service::{Routed, Service};
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use zbus::connection::Builder;
use zbus::fdo::RequestNameFlags;
use zbus::message::Type;
use zbus::MessageStream;

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(why) => {
            log(&format!("{why}; --help tells more"));
            return ExitCode::from(2);
        }
    };
    match zbus::block_on(serve(options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log(&why);
            ExitCode::FAILURE
        }
    }
}

/// From the command line.
struct Options {
    folder: PathBuf,
    address: Option<String>,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options = Options {
            folder: PathBuf::from(FOLDER),
            address: None,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} wants a value"));
            match word.as_str() {
                "--folder" => options.folder = value()?.into(),
                "--bus" => options.address = Some(value()?),
                "-V" | "--version" => {
                    println!("spinel-bridge-dbus {}", env!("CARGO_PKG_VERSION"));
                    return Ok(None);
                }
                "-h" | "--help" => {
                    print!("{HELP}");
                    return Ok(None);
                }
                other => return Err(format!("{other} is no option")),
            }
        }
        if !options.folder.is_absolute() {
            let folder = options.folder.display();
            return Err(format!(
                "--folder {folder} is not absolute: begin it with /"
            ));
        }
        Ok(Some(options))
    }
}

async fn serve(options: Options) -> Result<(), String> {
    let builder = match &options.address {
        Some(address) => Builder::address(address.as_str()),
        None => Builder::system(),
    };
    let connection = builder
        .build()
        .await
        .map_err(|error| format!("no bus: {error}"))?;
    let mut messages = MessageStream::from(&connection);
    let service = Service::new(Bus {
        connection: connection.clone(),
    })
    .map_err(|error| error.to_string())?;
    let folder = options.folder;
    let watcher = Arc::clone(&service);
    let watch = move || {
        let error = folder::watch(&folder, |sockets| watcher.sockets(sockets));
        // Without it nothing is found any more; whoever started us does it anew.
        log(&format!("{}: inotify: {error}", folder.display()));
        std::process::exit(1);
    };
    std::thread::Builder::new()
        .name("folder".to_owned())
        .spawn(watch)
        .map_err(|error| error.to_string())?;
    // Clients wait for the names.
    for name in NAMES {
        // Whoever has it keeps it: an instance of wpantund, or a second one of us.
        let asked = connection.request_name_with_flags(*name, RequestNameFlags::DO_NOT_QUEUE);
        asked
            .await
            .map_err(|error| format!("the name {name} cannot be had: {error}"))?;
    }
    loop {
        let next = poll_fn(|cx| Pin::new(&mut messages).poll_next(cx)).await;
        let message = match next {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(format!("the bus: {error}")),
            None => return Err("the bus has closed the connection".into()),
        };
        if message.message_type() != Type::MethodCall {
            continue;
        }
        let Some(call) = Call::of(message) else {
            continue; // its body is not of its signature
        };
        if let Routed::Now(reply) = service.route(call.clone()) {
            if let Some(message) = call.reply(&reply) {
                let sent = connection.send(&message).await;
                sent.map_err(|error| format!("the bus: {error}"))?;
            }
        }
    }
}

/// wpantund's, and our own.
const NAMES: &[&str] = &["com.nestlabs.WPANTunnelDriver", own::NAME];

const FOLDER: &str = "/run/spinel-bridge";

const HELP: &str = "\
spinel-bridge-dbus puts the network interfaces of spinel-bridge --tun on D-Bus:
as wpantund does (com.nestlabs.WPANTunnelDriver, for wpanctl and programs that
know it), and as io.github.spinel_bridge1.

Usage: spinel-bridge-dbus [OPTIONS]

Options:
  --folder PATH   the folder of the control sockets (/run/spinel-bridge)
  --bus ADDRESS   the bus, like unix:path=/run/other (the system bus)
  -V, --version   print the version
  -h, --help      print this
";
