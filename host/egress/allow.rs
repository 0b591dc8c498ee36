//! What a component may ask for: the operations its granted profile names, and the extra requests an operator wrote down.

use http::uri::{Authority, Scheme};
use http::{Method, Uri};

use super::Pattern;
use crate::contract::Operation;

/// One extra request an operator allows in the configuration, written `GET https://host:port/path/{x}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    method: Method,
    scheme: Scheme,
    authority: Authority,
    pattern: Pattern,
}

impl Allow {
    /// Reads one line of an `allow` list. `None` if it is not `METHOD URL`, or if it is plain http to another machine.
    pub fn parse(text: &str) -> Option<Self> {
        let (method, url) = text.split_once(' ')?;
        let (origin, path) = split_origin(url.trim())?;
        let origin: Uri = origin.parse().ok()?;
        let allow = Self {
            method: method.parse().ok()?,
            scheme: origin.scheme()?.clone(),
            authority: origin.authority()?.clone(),
            pattern: Pattern::parse(path)?,
        };
        may_be_plain(&allow.scheme, &allow.authority).then_some(allow)
    }
}

/// What one component was granted, and where its vendor really answers.
#[derive(Clone, Debug)]
pub struct Grant {
    base: Uri,
    upstream: Option<Uri>,
    operations: Vec<(Method, Pattern)>,
    extra: Vec<Allow>,
}

/// Where an allowed request goes.
#[derive(Debug, PartialEq, Eq)]
pub struct Route {
    /// The address to send to: the guest's own, or the operator's `base_url` in the vendor's place.
    pub uri: Uri,
    /// Whether the credential belongs on it: only on the profile's own operations.
    pub credential: bool,
    /// What allows it: method and path as they were granted.
    pub operation: String,
    /// The contact's id, where the granted path has a segment `{contact}`.
    pub contact: Option<String>,
}

impl Grant {
    /// A grant of `operations` below `base_url`; `upstream` answers in the vendor's place. The error names what is wrong with the profile.
    pub fn new(
        base_url: &str,
        operations: &[Operation],
        upstream: Option<Uri>,
        extra: Vec<Allow>,
    ) -> Result<Self, String> {
        let base: Uri = base_url.parse().map_err(|error| format!("base-url `{base_url}`: {error}"))?;
        if base.scheme().is_none() || base.authority().is_none() {
            return Err(format!("base-url `{base_url}` is not an absolute address"));
        }
        let operation = |wanted: &Operation| {
            let method = wanted
                .method
                .parse()
                .map_err(|_| format!("operation `{}`: method `{}`", wanted.name, wanted.method))?;
            let pattern = Pattern::parse(&wanted.path)
                .ok_or_else(|| format!("operation `{}`: path `{}`", wanted.name, wanted.path))?;
            Ok((method, pattern))
        };
        let operations = operations.iter().map(operation).collect::<Result<_, String>>()?;
        Ok(Self { base, upstream, operations, extra })
    }

    /// Where `method uri` goes, or `None` if nothing allows it. Plain http leaves this machine under no circumstances.
    pub fn route(&self, method: &Method, uri: &Uri) -> Option<Route> {
        let (scheme, authority) = (uri.scheme()?, uri.authority()?);
        // `user@host` reads as a host to people and as a password to servers.
        if authority.as_str().contains('@') {
            return None;
        }
        let path = uri.path();
        if Some(scheme) == self.base.scheme() && Some(authority) == self.base.authority() {
            let below = path.strip_prefix(self.base.path().trim_end_matches('/'))?;
            let fits = |(wanted, pattern): &&(Method, Pattern)| wanted == method && pattern.matches(below);
            if let Some((method, pattern)) = self.operations.iter().find(fits) {
                let operation = format!("{method} {pattern}");
                let contact = pattern.named("contact", below).map(str::to_owned);
                let uri = match &self.upstream {
                    Some(upstream) => moved(uri, upstream, below)?,
                    None => uri.clone(),
                };
                let plain = may_be_plain(uri.scheme()?, uri.authority()?);
                return plain.then_some(Route { uri, credential: true, operation, contact });
            }
        }
        let extra = self.extra.iter().find(|allow| {
            allow.method == *method
                && allow.scheme == *scheme
                && allow.authority == *authority
                && allow.pattern.matches(path)
        });
        extra.map(|Allow { method, authority, pattern, .. }| {
            let operation = format!("{method} {authority}{pattern}");
            Route { uri: uri.clone(), credential: false, operation, contact: None }
        })
    }
}

/// The same request below another base.
pub(super) fn moved(uri: &Uri, upstream: &Uri, below: &str) -> Option<Uri> {
    let mut path = upstream.path().trim_end_matches('/').to_owned();
    path.push_str(below);
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    Uri::builder()
        .scheme(upstream.scheme()?.clone())
        .authority(upstream.authority()?.clone())
        .path_and_query(path)
        .build()
        .ok()
}

/// https anywhere; http only to this machine.
pub(super) fn may_be_plain(scheme: &Scheme, authority: &Authority) -> bool {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let loopback = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    *scheme == Scheme::HTTPS || (*scheme == Scheme::HTTP && loopback)
}

fn split_origin(url: &str) -> Option<(&str, &str)> {
    let host = url.find("://")? + 3;
    let path = host + url[host..].find('/')?;
    Some(url.split_at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(upstream: Option<&str>, extra: &[&str]) -> Grant {
        let operation =
            Operation { name: "get".into(), method: "GET".into(), path: "/contacts/{id}".into(), scope: None };
        let extra = extra.iter().map(|line| Allow::parse(line).expect("an allow line")).collect();
        let upstream = upstream.map(|uri| uri.parse().expect("an address"));
        Grant::new("https://crm.example/v2", &[operation], upstream, extra).expect("a grant")
    }

    fn route(grant: &Grant, method: &str, uri: &str) -> Option<(String, bool)> {
        let method = method.parse().expect("a method");
        let route = grant.route(&method, &uri.parse().expect("an address"))?;
        Some((route.uri.to_string(), route.credential))
    }

    #[test]
    fn only_the_named_operations_pass() {
        let grant = grant(None, &[]);
        assert_eq!(
            route(&grant, "GET", "https://crm.example/v2/contacts/1?x=y"),
            Some(("https://crm.example/v2/contacts/1?x=y".into(), true))
        );
        for (method, uri) in [
            ("POST", "https://crm.example/v2/contacts/1"),
            ("GET", "http://crm.example/v2/contacts/1"),
            ("GET", "https://crm.example:8443/v2/contacts/1"),
            ("GET", "https://crm.example/contacts/1"),
            ("GET", "https://crm.example/v2/contacts/1/tasks"),
            ("GET", "https://crm.example/v2/contacts/%2e%2e"),
            ("GET", "https://crm.example@evil.example/v2/contacts/1"),
            ("GET", "https://user:pw@crm.example/v2/contacts/1"),
            ("GET", "https://evil.example/v2/contacts/1"),
        ] {
            assert_eq!(route(&grant, method, uri), None, "{method} {uri}");
        }
    }

    #[test]
    fn an_upstream_takes_the_vendors_place() {
        let grant = grant(Some("http://127.0.0.1:9001/crm"), &[]);
        let there = route(&grant, "GET", "https://crm.example/v2/contacts/1?a=b");
        assert_eq!(there, Some(("http://127.0.0.1:9001/crm/contacts/1?a=b".into(), true)));
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        assert_eq!(route(&grant(Some("http://10.0.0.1/"), &[]), "GET", "https://crm.example/v2/contacts/1"), None);
        assert_eq!(Allow::parse("GET http://10.0.0.1/x"), None);
        assert!(Allow::parse("GET http://[::1]:80/x").is_some());
    }

    #[test]
    fn an_extra_request_carries_no_credential() {
        let grant = grant(None, &["GET https://geo.example/lookup/{zip}"]);
        assert_eq!(
            route(&grant, "GET", "https://geo.example/lookup/1010"),
            Some(("https://geo.example/lookup/1010".into(), false))
        );
        assert_eq!(route(&grant, "PUT", "https://geo.example/lookup/1010"), None);
    }
}
