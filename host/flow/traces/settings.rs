//! Where traces go, as OpenTelemetry's environment says it (opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables).

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use serde_json::{Value, json};

/// Where traces go, and in whose name.
#[derive(Clone, Debug)]
pub struct Otlp {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    resource: Vec<(String, String)>,
}

/// What the environment says.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: the collector; `/v1/traces` is added.
    pub endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`: taken as it is.
    pub traces_endpoint: Option<String>,
    /// `OTEL_EXPORTER_OTLP_HEADERS`: `name=value,…`, percent-encoded.
    pub headers: Option<String>,
    /// `OTEL_SERVICE_NAME`.
    pub service: Option<String>,
    /// `OTEL_RESOURCE_ATTRIBUTES`: `name=value,…`, percent-encoded.
    pub resource: Option<String>,
}

impl Otlp {
    /// What `environment` asks for; nothing where it names no collector.
    ///
    /// # Errors
    /// Which variable cannot be understood, and why. It repeats no header.
    pub fn of(environment: &Environment) -> Result<Option<Self>, String> {
        let given = |value: &Option<String>| value.clone().filter(|text| !text.trim().is_empty());
        let address = match (given(&environment.traces_endpoint), given(&environment.endpoint)) {
            (Some(whole), _) => whole,
            (None, Some(base)) => format!("{}/v1/traces", base.trim_end_matches('/')),
            (None, None) => return Ok(None),
        };
        let uri: Uri = address.parse().map_err(|_| "OTEL_EXPORTER_OTLP_ENDPOINT is not an address".to_owned())?;
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("OTEL_EXPORTER_OTLP_ENDPOINT must be a whole address: http://collector:4318".to_owned());
        }
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        for (name, value) in pairs(&given(&environment.headers).unwrap_or_default()) {
            let wrong = || "OTEL_EXPORTER_OTLP_HEADERS must be name=value,name=value".to_owned();
            let name = HeaderName::try_from(name).map_err(|_| wrong())?;
            let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let mut resource = pairs(&given(&environment.resource).unwrap_or_default());
        if let Some(service) = given(&environment.service) {
            resource.retain(|(key, _)| key != "service.name");
            resource.push(("service.name".to_owned(), service));
        }
        for (key, usual) in [("service.name", "convey"), ("service.version", env!("CARGO_PKG_VERSION"))] {
            if !resource.iter().any(|(known, _)| known == key) {
                resource.push((key.to_owned(), usual.to_owned()));
            }
        }
        Ok(Some(Self { uri, headers, resource }))
    }

    /// A request that brings these spans.
    pub(super) fn request(&self, spans: Vec<Value>) -> Value {
        let attribute = |(key, value): &(String, String)| json!({"key": key, "value": {"stringValue": value}});
        let attributes: Vec<Value> = self.resource.iter().map(attribute).collect();
        let scope = json!({"name": "convey", "version": env!("CARGO_PKG_VERSION")});
        json!({"resourceSpans": [{
            "resource": {"attributes": attributes},
            "scopeSpans": [{"scope": scope, "spans": spans}],
        }]})
    }
}

/// `name=value,…` as the W3C writes baggage: values percent-encoded.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=')?;
        Some((key.trim().to_owned(), decoded(value.trim())))
    };
    text.split(',').filter_map(pair).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Environment, Otlp};

    fn of(environment: Environment) -> Option<Otlp> {
        Otlp::of(&environment).expect("it is understood")
    }

    #[test]
    fn without_a_collector_there_are_no_traces() {
        assert!(of(Environment { service: Some("x".into()), ..Environment::default() }).is_none());
        assert!(of(Environment { endpoint: Some(" ".into()), ..Environment::default() }).is_none());
    }

    #[test]
    fn the_usual_variables_mean_what_they_mean_elsewhere() {
        let otlp = of(Environment {
            endpoint: Some("http://127.0.0.1:4318/".into()),
            headers: Some("authorization=Bearer%20abc, x-team=a".into()),
            resource: Some("deployment.environment=prod,service.name=other".into()),
            service: Some("convey-eu".into()),
            ..Environment::default()
        });
        let otlp = otlp.expect("a collector");
        assert_eq!(otlp.uri, "http://127.0.0.1:4318/v1/traces");
        assert_eq!(
            (&otlp.headers["authorization"], &otlp.headers["x-team"]),
            (&"Bearer abc".parse().expect("a value"), &"a".parse().expect("a value"))
        );
        let request = otlp.request(Vec::new()).to_string();
        assert!(request.contains("convey-eu") && request.contains("prod") && !request.contains("other"), "{request}");
        let whole = of(Environment { traces_endpoint: Some("https://c/x".into()), ..Environment::default() });
        assert_eq!(whole.expect("a collector").uri, "https://c/x");
    }

    #[test]
    fn what_cannot_be_understood_is_named_and_not_repeated() {
        let wrong = |headers: &str, endpoint: &str| {
            let environment = Environment {
                endpoint: Some(endpoint.into()),
                headers: Some(headers.into()),
                ..Environment::default()
            };
            Otlp::of(&environment).expect_err("it is refused")
        };
        assert!(wrong("", "collector:4318").contains("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let text = wrong("auth orization=canary", "http://c");
        assert!(text.contains("OTEL_EXPORTER_OTLP_HEADERS") && !text.contains("canary"), "{text}");
    }
}
