//! What a running host can take up from a changed configuration, and what waits for a restart.

use std::collections::BTreeMap;

use super::checked::Config;

/// The differences between two configurations, by when they can take effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Reload {
    /// Taken up at once, one line each: `connection.acme added`.
    pub now: Vec<String>,
    /// Wait for a restart, one line each.
    pub restart: Vec<String>,
    /// The configuration in force once `now` is taken up and `restart` is not.
    pub in_force: Config,
}

/// What of `new` a host that runs with `old` can take up. Connections, destinations, mappers and retention can change while it
/// runs; listeners, the state directory, the vault, sources, sinks and limits cannot, nor what needs a source or sink that is
/// not running.
pub fn reloadable(old: &Config, new: &Config) -> Reload {
    let mut restart = Vec::new();
    let same = [
        ("state_dir", old.state_dir == new.state_dir),
        ("ingress", old.ingress == new.ingress),
        ("admin", old.admin == new.admin),
        ("vault.key", old.vault_key == new.vault_key),
        ("limits", old.limits == new.limits),
    ];
    restart.extend(same.iter().filter(|(_, same)| !same).map(|(key, _)| format!("{key} changed")));
    restart.extend(differences("source", &old.sources, &new.sources).into_values());
    restart.extend(differences("sink", &old.sinks, &new.sinks).into_values());

    let mut in_force = old.clone();
    in_force.path.clone_from(&new.path);
    let mut now: Vec<String> = differences("mapper", &old.mappers, &new.mappers).into_values().collect();
    in_force.mappers.clone_from(&new.mappers);

    let ready = |sink: &String| old.sinks.contains_key(sink);
    let (taken, waits) = take(&old.destinations, &new.destinations, |made| ready(&made.sink));
    sort(
        "destination",
        differences("destination", &old.destinations, &new.destinations),
        &waits,
        &mut now,
        &mut restart,
    );
    in_force.destinations = taken;

    let ready = |name: &String| in_force.destinations.contains_key(name) && !waits.contains(name);
    let (taken, waits) = take(&old.connections, &new.connections, |made| {
        old.sources.contains_key(&made.source) && made.terms.destinations.iter().all(ready)
    });
    sort("connection", differences("connection", &old.connections, &new.connections), &waits, &mut now, &mut restart);
    in_force.connections = taken;
    keep_referenced(old, &mut in_force);

    if old.retention != new.retention {
        now.push("retention changed".to_owned());
        in_force.retention = new.retention;
    }
    if old.alerts != new.alerts {
        now.push("alerts changed".to_owned());
        in_force.alerts.clone_from(&new.alerts);
    }
    Reload { now, restart, in_force }
}

/// The new entries that are ready, the old ones in the place of those that are not, and the names of those.
fn take<T: Clone + PartialEq>(
    old: &BTreeMap<String, T>,
    new: &BTreeMap<String, T>,
    ready: impl Fn(&T) -> bool,
) -> (BTreeMap<String, T>, Vec<String>) {
    let mut taken = BTreeMap::new();
    let mut waits = Vec::new();
    for (name, made) in new {
        if ready(made) {
            taken.insert(name.clone(), made.clone());
            continue;
        }
        waits.push(name.clone());
        if let Some(kept) = old.get(name) {
            taken.insert(name.clone(), kept.clone());
        }
    }
    (taken, waits)
}

/// A connection that keeps running as it was needs its mapper and destinations even where the new file has dropped them.
fn keep_referenced(old: &Config, in_force: &mut Config) {
    for connection in in_force.connections.values() {
        if let (false, Some(mapper)) =
            (in_force.mappers.contains_key(&connection.terms.mapper), old.mappers.get(&connection.terms.mapper))
        {
            in_force.mappers.insert(connection.terms.mapper.clone(), mapper.clone());
        }
        for name in &connection.terms.destinations {
            if let (false, Some(kept)) = (in_force.destinations.contains_key(name), old.destinations.get(name)) {
                in_force.destinations.insert(name.clone(), kept.clone());
            }
        }
    }
}

fn sort(kind: &str, all: BTreeMap<&str, String>, waits: &[String], now: &mut Vec<String>, restart: &mut Vec<String>) {
    for (name, line) in all {
        if waits.iter().any(|waiting| waiting == name) {
            let needs = if kind == "connection" { "a source or destination" } else { "a sink" };
            restart.push(format!("{line}: it needs {needs} that is not running yet"));
        } else {
            now.push(line);
        }
    }
}

/// Name to `kind.name added`, `removed` or `changed`.
fn differences<'a, T: PartialEq>(
    kind: &str,
    old: &'a BTreeMap<String, T>,
    new: &'a BTreeMap<String, T>,
) -> BTreeMap<&'a str, String> {
    let mut all = BTreeMap::new();
    for (name, before) in old {
        match new.get(name) {
            None => all.insert(name.as_str(), format!("{kind}.{name} removed")),
            Some(after) if after != before => all.insert(name.as_str(), format!("{kind}.{name} changed")),
            Some(_) => None,
        };
    }
    for name in new.keys().filter(|name| !old.contains_key(*name)) {
        all.insert(name, format!("{kind}.{name} added"));
    }
    all
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::tests::GOOD;
    use super::super::{Config, parse};
    use super::reloadable;

    fn config(text: &str) -> Config {
        parse(text, "convey.toml", Path::new("")).expect("a good file")
    }

    const SECOND: &str = "[connection.second]\nsource = 'highlevel'\nlocation = 'two'\ntoken = { env = 'T' }\nmapper = 'default'\ndestinations = ['main']\n";

    #[test]
    fn nothing_changed_is_nothing_to_do() {
        let old = config(GOOD);
        let reload = reloadable(&old, &old);
        assert!(reload.now.is_empty() && reload.restart.is_empty());
        assert_eq!(reload.in_force, old);
    }

    #[test]
    fn connections_destinations_mappers_and_retention_change_at_once() {
        let old = config(GOOD);
        let text = format!("{}{SECOND}[mapper.other]\ncomponent = 'builtin:other'\n[retention]\ndone_days = 7\n", GOOD)
            .replace("in_flight = 4", "in_flight = 8")
            .replace("destinations = [\"main\"]", "mapper = 'default'\ndestinations = [\"main\"]");
        let new = config(&text);
        let reload = reloadable(&old, &new);
        assert_eq!(
            reload.now,
            ["mapper.other added", "destination.main changed", "connection.second added", "retention changed"]
        );
        assert!(reload.restart.is_empty(), "{:?}", reload.restart);
        assert_eq!(reload.in_force, new);
        let back = reloadable(&new, &old);
        assert!(back.now.contains(&"connection.second removed".to_owned()), "{:?}", back.now);
    }

    #[test]
    fn doors_guests_and_limits_wait() {
        let old = config(GOOD);
        let text = GOOD
            .replace("8480", "9480")
            .replace("legacy_signatures = false", "legacy_signatures = true")
            .replace("state_dir = \"convey-state\"", "state_dir = \"elsewhere\"")
            + "[limits]\nguest_cpu_ms = 50\n[sink.other]\ncomponent = 'builtin:other'\n";
        let reload = reloadable(&old, &config(&text));
        assert!(reload.now.is_empty(), "{:?}", reload.now);
        let waits =
            ["state_dir changed", "ingress changed", "limits changed", "source.highlevel changed", "sink.other added"];
        assert_eq!(reload.restart, waits);
        assert_eq!(reload.in_force, old);
    }

    #[test]
    fn what_needs_a_guest_that_is_not_running_waits_with_it() {
        let old = config(GOOD);
        let more =
            "[sink.ads]\ncomponent = 'builtin:ads'\n[destination.ads]\nsink = 'ads'\nid = '7'\ntoken = { env = 'T' }\n";
        let text = format!("{GOOD}{more}").replace("destinations = [\"main\"]", "destinations = [\"main\", \"ads\"]");
        let reload = reloadable(&old, &config(&text));
        assert!(reload.now.is_empty(), "{:?}", reload.now);
        assert_eq!(reload.restart.len(), 3);
        assert_eq!(reload.in_force, old);
    }

    #[test]
    fn a_connection_that_waits_keeps_what_it_runs_with() {
        let old = config(GOOD);
        let text = GOOD
            .replace("destination.main", "destination.ads")
            .replace("[\"main\"]", "[\"ads\"]")
            .replace("\"meta\"", "\"ads\"");
        let text = text.replace("[sink.meta]", "[sink.ads]");
        let reload = reloadable(&old, &config(&text));
        assert_eq!(reload.in_force.connections, old.connections);
        assert_eq!(reload.in_force.destinations.get("main"), old.destinations.get("main"));
    }
}
