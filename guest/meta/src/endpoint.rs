//! The addresses of one dataset.

use crate::describe::BASE_URL;
use crate::settings::Settings;

/// One dataset at one version of the API.
#[derive(Clone, Debug)]
pub struct Endpoint {
    dataset: String,
    settings: Settings,
}

impl Endpoint {
    /// The dataset `id` with its settings. The error says what a person must correct.
    pub fn new(id: &str, settings: &str) -> Result<Self, String> {
        // The id becomes a path segment, so nothing but digits may pass.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!(
                "`{id}` is not a dataset id: it is the number Events Manager shows under the dataset's name"
            ));
        }
        Ok(Self { dataset: id.to_owned(), settings: Settings::parse(settings)? })
    }

    /// Where events are posted.
    pub fn events_url(&self) -> String {
        format!("{BASE_URL}/{}/{}/events", self.settings.api_version, self.dataset)
    }

    /// Where the members of an audience are posted, or deleted. The error says what a person must correct.
    pub fn members_url(&self, audience: &str) -> Result<String, String> {
        let audience = self.settings.audience(audience).ok_or(
            "the mapping names an audience without an id: put `\"NAME\" = \"ID\"` under `audiences` in the destination's settings; the id is \
             the number Ads Manager shows beside the audience",
        )?;
        Ok(format!("{BASE_URL}/{}/{audience}/users", self.settings.audience_api_version))
    }

    /// Where the dataset tells its id, and nothing else.
    pub fn probe_url(&self) -> String {
        format!("{BASE_URL}/{}/{}?fields=id", self.settings.api_version, self.dataset)
    }

    /// The dataset's id.
    pub fn dataset(&self) -> &str {
        &self.dataset
    }

    /// What the requests call themselves, if the operator said so.
    pub fn partner_agent(&self) -> Option<&str> {
        self.settings.partner_agent.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn addresses() {
        let endpoint = Endpoint::new("123456789", "api_version = \"v26.0\"").expect("a dataset");
        assert_eq!(endpoint.events_url(), "https://graph.facebook.com/v26.0/123456789/events");
        assert_eq!(endpoint.members_url("77"), Ok("https://graph.facebook.com/v26.0/77/users".to_owned()));
        let endpoint = Endpoint::new("123456789", "api_version = \"v26.0\"\naudience_api_version = \"v27.0\"")
            .expect("two versions");
        assert_eq!(endpoint.members_url("77"), Ok("https://graph.facebook.com/v27.0/77/users".to_owned()));
        assert_eq!(endpoint.probe_url(), "https://graph.facebook.com/v26.0/123456789?fields=id");
    }

    #[test]
    fn an_id_cannot_leave_its_segment() {
        for id in ["", "me", "1/2", "1?x=y", "..", "12 "] {
            assert!(Endpoint::new(id, "").is_err(), "{id}");
            assert!(Endpoint::new("1", "").expect("a dataset").members_url(id).is_err(), "{id}");
        }
    }
}
