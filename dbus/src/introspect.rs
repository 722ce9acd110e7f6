//! What objects there are. wpantund describes its interfaces nowhere; ours are in a file, which is the
//! document, too.

use crate::own;
use crate::signals::in_path;

/// The XML for a path.
pub(crate) fn describe(path: &str, names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| in_path(name)).collect();
    let mut nodes: Vec<&str> = Vec::new();
    let mut interfaces = "";
    match path {
        "/" => nodes.extend(["com", "org", "io"]),
        "/com" => nodes.push("nestlabs"),
        "/com/nestlabs" => nodes.push("WPANTunnelDriver"),
        "/org" => nodes.push("wpantund"),
        "/io" => nodes.push("github"),
        "/io/github" => nodes.push("spinel_bridge1"),
        "/com/nestlabs/WPANTunnelDriver" | "/org/wpantund" => {
            nodes.extend(names.iter().map(String::as_str));
        }
        own::PATH => {
            nodes.extend(names.iter().map(String::as_str));
            interfaces = own::manager_xml();
        }
        _ => {
            let own = path.strip_prefix(own::BELOW);
            if own.is_some_and(|name| names.iter().any(|known| known == name)) {
                interfaces = own::instance_xml();
            }
        }
    }
    let mut text = format!("{DOCTYPE}<node>\n{interfaces}");
    for node in nodes {
        text += &format!("  <node name=\"{node}\"/>\n");
    }
    text + "</node>\n"
}

/// As libdbus-based services write it.
const DOCTYPE: &str = "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n";
