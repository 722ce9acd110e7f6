//! What only the host driver (`--tun`) needs to know.

use super::{NotAChoice, COMMISSIONING_PORT, IID};
use crate::nearest::nearest;
use crate::wire::ids::{Access, Property, PROPERTIES};
use crate::wire::packed::Writer;
use crate::wire::signature::{encode_text, Signature};
use crate::wire::spi::FRAME_MAX;
use core::fmt;
use core::str::FromStr;
use std::path::PathBuf;

/// What only the host driver needs to know. Every field says its option and its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The control socket.
    pub control: Control,
    /// `--user`: whose rights we keep once everything is open; `None`: those that we were started with.
    pub user: Option<Account>,
    /// `--chroot`: the root directory once everything is open; `None`: as it was.
    pub chroot: Option<PathBuf>,
    /// `--auto-resume`: attach to a stored network at start and after resets (protocol §7.3, step 13).
    /// Default: yes.
    pub auto_resume: bool,
    /// The commands that look after the co-processor's firmware.
    pub firmware: Firmware,
    /// Where the network's credentials are kept over a factory reset of the co-processor. Default: nowhere.
    pub retain: Option<Retain>,
    /// `--set`: written after each reset of the co-processor (protocol §7.3, step 12), in this order;
    /// each property once. Default: none.
    pub set: Vec<Setting>,
    /// `--commissioning-port`: whose insecure traffic passes while devices may join (protocol §7.7):
    /// [`COMMISSIONING_PORT`].
    pub commissioning_port: u16,
    /// `--iid`: the co-processor's interface that is spoken to, of one that serves several: [`IID`].
    pub iid: u8,
    /// Whether we form an address on a prefix with the SLAAC flag where the co-processor does not
    /// (protocol §7.8). Default: yes; `--no-slaac`.
    pub slaac: bool,
    /// `--publish-prefixes`: the /64 of an address that was added to the interface becomes an on-mesh
    /// prefix (protocol §7.8). Default: no.
    pub publish_prefixes: bool,
    /// `--skip-link-local`: link-local addresses that were added to the interface are not told to the
    /// co-processor (protocol §7.8). Default: no.
    pub skip_link_local: bool,
    /// `--show-rloc`: routing and anycast locators are put on the interface too (protocol §7.8).
    /// Default: no.
    pub show_rloc: bool,
    /// Whether the network's off-mesh routes become routes of the kernel (protocol §7.8). Default: yes;
    /// `--no-routes`.
    pub routes: bool,
    /// Whether the network's default route competes with the host's own. Default: no, it comes last;
    /// `--default-route`.
    pub default_route: bool,
}

impl Default for Host {
    fn default() -> Host {
        Host {
            control: Control::default(),
            user: None,
            chroot: None,
            auto_resume: true,
            firmware: Firmware::default(),
            retain: None,
            set: Vec::new(),
            // The default lies in its range (tested), which ends at 65535.
            commissioning_port: COMMISSIONING_PORT.default as u16,
            iid: IID.default as u8, // 0
            slaac: true,
            publish_prefixes: false,
            skip_link_local: false,
            show_rloc: false,
            routes: true,
            default_route: false,
        }
    }
}

/// The control socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// `--control`: where it is.
    pub socket: ControlSocket,
    /// `--control-group`: the group that may use it, by name or number. Default: ours.
    pub group: Option<String>,
    /// `--control-raw`: that group may also read and write memory and unknown properties, which is
    /// root's alone else. Default: no.
    pub raw: bool,
}

impl Control {
    /// The path of the socket for the interface that came to be; `None`: there is to be none.
    pub fn path(&self, interface: &str) -> Option<PathBuf> {
        match &self.socket {
            ControlSocket::Usual => Some(PathBuf::from(format!("{RUN_DIR}/{interface}.sock"))),
            ControlSocket::At(path) => Some(path.clone()),
            ControlSocket::None => None,
        }
    }
}

/// Where the control socket is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ControlSocket {
    /// `/run/spinel-bridge/INTERFACE.sock`.
    #[default]
    Usual,
    /// Here.
    At(PathBuf),
    /// `none`: nowhere.
    None,
}

/// The commands that look after the co-processor's firmware (protocol §7.12), for `/bin/sh -c`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firmware {
    /// `--firmware-check`: gets NCP_VERSION on standard input; exit code 0: an upgrade is needed.
    pub check: Option<String>,
    /// `--firmware-upgrade`: runs while the transport is closed; exit code 0: done.
    pub upgrade: Option<String>,
    /// `--auto-upgrade`: upgrade without being asked to, also after initialisation failed too often.
    pub auto_upgrade: bool,
}

/// Where the network's credentials are kept over a factory reset of the co-processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retain {
    /// `--retain`: in this file.
    File(PathBuf),
    /// `--retain-command`: by this command for `/bin/sh -c`. `$SPINEL_BRIDGE_RETAIN` is `save` (the
    /// credentials are on standard input), `recall` (it prints them) or `forget`.
    Command(String),
}

/// Who we become once everything is open: `nobody`, `nobody:netdev`, `65534:65534`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// A name or number.
    pub user: String,
    /// A name or number; `None`: the user's own.
    pub group: Option<String>,
}

/// A text that is no [`Account`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountError;

impl FromStr for Account {
    type Err = AccountError;

    fn from_str(text: &str) -> Result<Account, AccountError> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let usable = |name: &str| {
            !name.is_empty() && !name.starts_with('-') && !name.contains([':', '/', ' '])
        };
        if !usable(user) || group.is_some_and(|group| !usable(group)) {
            return Err(AccountError);
        }
        Ok(Account {
            user: user.to_owned(),
            group: group.map(str::to_owned),
        })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{}:{group}", self.user),
            None => f.write_str(&self.user),
        }
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a user, like nobody, or a user and a group, like nobody:netdev")
    }
}

impl std::error::Error for AccountError {}

/// A property and its value, packed: `PHY_TX_POWER=8`, the value in the text of
/// [`wire::signature`](crate::wire::signature). A property whose number alone is known takes hex digits.
pub type Setting = (Property, Vec<u8>);

/// Why a text is no [`Setting`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// There is no `=`.
    NoValue,
    /// There is no property of that name; holds the name that is nearest, if it is a name at all.
    Unknown(Option<&'static str>),
    /// A host cannot write it.
    ReadOnly,
    /// The value is wrong.
    Value(String),
}

/// Reads `NAME=VALUE`.
pub(crate) fn setting(text: &str) -> Result<Setting, SetError> {
    let (name, value) = text.split_once('=').ok_or(SetError::NoValue)?;
    let name = name.trim();
    let property: Property = name.parse().map_err(|_| {
        let found = nearest(name, PROPERTIES.iter().map(|row| row.name));
        SetError::Unknown(found.map(|(_, known)| known))
    })?;
    let info = property.info();
    if info.is_some_and(|info| !info.access.contains(Access::SET)) {
        return Err(SetError::ReadOnly);
    }
    let signature = info.map_or(Signature::parse("D"), |info| Ok(info.signature));
    let signature = signature.map_err(|error| SetError::Value(error.to_string()))?;
    let mut room = vec![0; FRAME_MAX];
    let mut writer = Writer::new(&mut room);
    encode_text(signature, value.trim(), &mut writer)
        .map_err(|error| SetError::Value(error.to_string()))?;
    Ok((property, writer.written().to_vec()))
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetError::NoValue => f.write_str("write a property and its value, like PHY_TX_POWER=8"),
            SetError::Unknown(Some(nearest)) => {
                write!(f, "no such property; perhaps {nearest} is meant")
            }
            SetError::Unknown(None) => {
                f.write_str("no such property; write its name, like PHY_TX_POWER")
            }
            SetError::ReadOnly => f.write_str("a host cannot write this property; remove it"),
            SetError::Value(error) => f.write_str(error),
        }
    }
}

impl std::error::Error for SetError {}

/// The value of a switch: `yes` or `no`, or as others write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toggle(pub bool);

impl FromStr for Toggle {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<Toggle, NotAChoice> {
        match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" | "1" => Ok(Toggle(true)),
            "no" | "false" | "off" | "0" => Ok(Toggle(false)),
            _ => Err(NotAChoice("yes or no")),
        }
    }
}

/// Checks the name of a network interface.
///
/// # Errors
/// [`InterfaceError`], where the kernel would refuse the name or a tool would take it for something
/// else.
pub fn interface_name(text: &str) -> Result<String, InterfaceError> {
    let wrong = |c: char| c.is_whitespace() || c.is_control() || "/:%".contains(c);
    let refused = text.is_empty() || text.len() > IFNAME_MAX || [".", ".."].contains(&text);
    if refused || text.starts_with('-') || text.contains(wrong) {
        return Err(InterfaceError);
    }
    Ok(text.to_owned())
}

/// A text that is no name of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterfaceError;

impl fmt::Display for InterfaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not a name of an interface; write 1 to {IFNAME_MAX} octets without space, slash, colon and \
             percent, like wpan0"
        )
    }
}

impl std::error::Error for InterfaceError {}

/// IFNAMSIZ of `linux/if.h` less the octet that ends the name. Percent is the kernel's place for a number
/// (`dev_alloc_name`).
const IFNAME_MAX: usize = 15;

/// The folder of the control sockets, the same as for the pty links (`init/systemd`).
const RUN_DIR: &str = "/run/spinel-bridge";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_packed_by_their_signature() {
        for (text, property, octets) in [
            ("PHY_TX_POWER=-8", Property::PHY_TX_POWER, &[0xF8][..]),
            ("phy_tx_power = 8 ", Property::PHY_TX_POWER, &[8]),
            ("37=8", Property::PHY_TX_POWER, &[8]),
            (
                "PROP_MAC_DATA_POLL_PERIOD=0x100",
                Property::MAC_DATA_POLL_PERIOD,
                &[0, 1, 0, 0],
            ),
            (
                "NET_NETWORK_NAME=\"a = b\"",
                Property::NET_NETWORK_NAME,
                b"a = b\0",
            ),
            // Nothing is known of this number.
            ("15360=aa05", Property(15_360), &[0xAA, 5]),
        ] {
            assert_eq!(setting(text), Ok((property, octets.to_vec())), "{text}");
        }
    }

    #[test]
    fn what_is_no_setting() {
        for (text, message) in [
            ("", "write a property and its value, like PHY_TX_POWER=8"),
            (
                "PHY_TX_POWER",
                "write a property and its value, like PHY_TX_POWER=8",
            ),
            (
                "PHY_TX_POWR=8",
                "no such property; perhaps PHY_TX_POWER is meant",
            ),
            (
                "NCP_VERSION=1",
                "a host cannot write this property; remove it",
            ),
            ("PHY_TX_POWER=x", "\"x\" is not"),
            ("PHY_TX_POWER=", "a value is missing"),
            ("PHY_TX_POWER=1 2", "there is no member for"),
        ] {
            let error = setting(text).unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }

    #[test]
    fn accounts() {
        let account = |user: &str, group: Option<&str>| Account {
            user: user.into(),
            group: group.map(Into::into),
        };
        for (text, expected) in [
            ("nobody", account("nobody", None)),
            ("nobody:netdev", account("nobody", Some("netdev"))),
            ("65534:0", account("65534", Some("0"))),
        ] {
            assert_eq!(text.parse(), Ok(expected.clone()));
            assert_eq!(expected.to_string(), text);
        }
        for text in ["", ":", "a:", ":a", "a:b:c", "-a", "a b", "a/b"] {
            assert_eq!(text.parse::<Account>(), Err(AccountError), "{text}");
        }
    }

    #[test]
    fn interface_names() {
        for name in ["wpan0", "w", "123456789012345", "a.b-c"] {
            assert_eq!(interface_name(name), Ok(name.to_owned()));
        }
        for name in [
            "",
            "1234567890123456",
            "a b",
            "a/b",
            "a:b",
            "wpan%d",
            ".",
            "..",
            "-a",
            "a\t",
        ] {
            assert_eq!(interface_name(name), Err(InterfaceError), "{name}");
        }
    }

    #[test]
    fn the_control_socket_has_the_name_of_the_interface() {
        let mut control = Control::default();
        let usual = PathBuf::from("/run/spinel-bridge/wpan1.sock");
        assert_eq!(control.path("wpan1"), Some(usual));
        control.socket = ControlSocket::None;
        assert_eq!(control.path("wpan1"), None);
    }
}
