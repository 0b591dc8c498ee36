//! The configuration of a convey that works against a sandbox.

use convey::sandbox::Summary;

/// The line of a connection that may ask the CRM as often as the sandbox of [`super::options`] lets it.
pub const ROOM: &str = "rate_limit = { requests = 1000000, per_ms = 1000 }";

/// One connection, one destination.
pub(super) fn config(summary: &Summary, dataset: &str, port: u16) -> String {
    let Summary { crm, ads, location, webhook_public_key, .. } = summary;
    format!(
        r#"state_dir = "state"
[ingress]
listen = "127.0.0.1:{port}"
[admin]
listen = "127.0.0.1:0"
[source.highlevel]
component = "builtin:highlevel"
base_url = "{crm}"
webhook_public_key = """
{webhook_public_key}"""
[sink.meta]
component = "builtin:meta"
base_url = "{ads}"
[mapper.default]
component = "builtin:rules"
[destination.ads]
sink = "meta"
id = "{dataset}"
token = {{ file = "ads.token" }}
brake_times = 0
[connection.acme]
source = "highlevel"
location = "{location}"
token = {{ file = "crm.token" }}
mapper = "default"
destinations = ["ads"]
{ROOM}
[connection.acme.settings]
country = "US"
currency = "USD"
"#
    )
}

/// Adds a connection for each of these locations, named after its place in the list.
pub fn connect(text: &mut String, locations: &[String], terms: &str) {
    for (at, location) in locations.iter().enumerate() {
        text.push_str(&format!(
            "[connection.l{at}]\nsource = \"highlevel\"\nlocation = \"{location}\"\ntoken = {{ file = \"crm.token\" }}\n\
             mapper = \"default\"\ndestinations = [\"ads\"]\n{terms}\n"
        ));
    }
}

/// A second connection, to be added to a configuration.
pub fn second_connection(location: &str) -> String {
    format!(
        "[connection.second]\nsource = \"highlevel\"\nlocation = \"{location}\"\ntoken = {{ file = \"crm.token\" }}\n\
         mapper = \"default\"\ndestinations = [\"ads\"]\n{ROOM}\n"
    )
}
