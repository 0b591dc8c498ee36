//! From what somebody picks on the page to the rules of a mapping, as text. The rules are those of the templates `audience-by-tag` and
//! `stage-to-lead-events`, with other names in them: a test holds it.

use std::fmt::Write as _;

use super::fields::Fields;

/// What somebody picked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Picked {
    /// A tag, and the audience its contacts belong to.
    pub(super) audience: Option<(String, String)>,
    /// Stages as events.
    pub(super) stages: Option<Stages>,
}

/// Which stages become which event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Stages {
    /// Stages by name; none: all.
    only: Vec<String>,
    /// The event's name; none: the stage's own.
    event: Option<String>,
    /// Custom fields that go along, by key.
    fields: Vec<String>,
    /// The name under which the platform shows this CRM.
    crm_name: String,
}

impl Picked {
    /// What a form says.
    ///
    /// # Errors
    /// What is missing, in words.
    pub(super) fn of(fields: &Fields) -> Result<Self, String> {
        let mut picked = Self::default();
        if !fields.text("with-audience").is_empty() {
            let (Some(tag), Some(audience)) = (fields.given("tag"), fields.given("audience")) else {
                return Err("“Tag → audience” needs a tag and the name of an audience.".to_owned());
            };
            picked.audience = Some((tag, audience));
        }
        if !fields.text("with-stages").is_empty() {
            let Some(crm_name) = fields.given("crm-name") else {
                return Err("“Stage → event” needs the name under which the ad platform shows this CRM.".to_owned());
            };
            let many = |name: &str| fields.all(name).filter(|text| !text.is_empty()).map(str::to_owned).collect();
            picked.stages =
                Some(Stages { only: many("stage"), event: fields.given("event"), fields: many("field"), crm_name });
        }
        match picked == Self::default() {
            true => Err("Pick at least one of the templates.".to_owned()),
            false => Ok(picked),
        }
    }

    /// The mapping: beside what `live` says, or in its place.
    ///
    /// # Errors
    /// If the live mapping is no TOML: then nothing can be added to it.
    pub(super) fn mapping(&self, live: Option<&str>) -> Result<String, String> {
        let live = live.unwrap_or_default();
        let known: toml::Table = live
            .parse()
            .map_err(|_| "The live mapping is not written as TOML, so nothing can be added to it.".to_owned())?;
        let rules = known.get("rule").and_then(toml::Value::as_array);
        let names: Vec<&str> = rules.into_iter().flatten().filter_map(|rule| rule.get("name")?.as_str()).collect();
        let mut text = String::new();
        if let (Some(stages), false) = (&self.stages, known.contains_key("lead_event_source")) {
            line(&mut text, format_args!("lead_event_source = {}", quoted(&stages.crm_name)));
        }
        text.push_str(live);
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for rule in self.rules().iter().filter(|rule| !names.contains(&rule.name.as_str())) {
            rule.write(&mut text);
        }
        Ok(text)
    }

    fn rules(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        if let Some((tag, audience)) = &self.audience {
            let of_tag = format!("tagName == {}", cel(tag));
            let has_tag = format!("{} in contact.tags", cel(tag));
            let says = |membership: &str| format!("audience = {{ {membership} = {} }}", quoted(&plain(audience)));
            let rule = |end: &str, on: &'static str, when: String, membership: &str| Rule {
                name: format!("{tag} {end}"),
                on,
                when: Some(when),
                says: says(membership),
            };
            rules.push(rule("joins", "tag-added", of_tag.clone(), "join"));
            rules.push(rule("leaves", "tag-removed", of_tag, "leave"));
            let withdrawn = format!("contact.do_not_disturb && {has_tag}");
            rules.push(rule("without consent", "consent-changed", withdrawn, "leave"));
            rules.push(rule("is gone", "contact-deleted", has_tag, "leave"));
        }
        if let Some(Stages { only, event, fields, .. }) = &self.stages {
            let told = |name: &str, on: &'static str, event: &str| Rule {
                name: name.to_owned(),
                on,
                when: None,
                says: format!("event = {}", quoted(event)),
            };
            rules.push(told("raw lead", "contact-created", "Lead"));
            let mut when = "has(stage.name)".to_owned();
            if !only.is_empty() {
                let names: Vec<String> = only.iter().map(|name| cel(name)).collect();
                // Writing into a string does not fail.
                let _ = write!(when, " && stage.name in [{}]", names.join(", "));
            }
            let mut data = vec![format!("pipeline = {}", quoted("{pipeline}"))];
            data.extend(
                fields
                    .iter()
                    .map(|key| format!("{} = {}", quoted(key), quoted(&format!("{{contact.fields[{}]}}", cel(key))))),
            );
            let name = event.as_deref().map_or_else(|| "{stage}".to_owned(), plain);
            let says = format!("event = {{ name = {}, data = {{ {} }} }}", quoted(&name), data.join(", "));
            rules.push(Rule { name: "stage".to_owned(), on: "opportunity-open", when: Some(when), says });
            rules.push(told("won", "opportunity-won", "Won"));
            rules.push(told("lost", "opportunity-lost", "Lost"));
        }
        rules
    }
}

/// One rule, to be written down.
struct Rule {
    name: String,
    on: &'static str,
    when: Option<String>,
    /// Its effect, as a line.
    says: String,
}

impl Rule {
    fn write(&self, text: &mut String) {
        let blank = if text.is_empty() { "" } else { "\n" };
        line(text, format_args!("{blank}[[rule]]\nname = {}\non = {}", quoted(&self.name), quoted(self.on)));
        if let Some(when) = &self.when {
            line(text, format_args!("when = {}", quoted(when)));
        }
        line(text, format_args!("{}", self.says));
    }
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = writeln!(text, "{words}");
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A text as a condition writes it.
fn cel(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// A text in which no expression stands: braces are braces.
fn plain(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

#[cfg(test)]
mod tests {
    use super::{Fields, Picked};
    use crate::builtin::TEMPLATES;

    fn picked(form: &str) -> Picked {
        Picked::of(&Fields::parse(form.as_bytes())).unwrap()
    }

    fn parsed(text: &str) -> toml::Table {
        text.parse().unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    /// A template's rules, without their names, which are ours to choose.
    fn rules(table: &toml::Table) -> Vec<toml::Value> {
        let mut rules = table["rule"].as_array().unwrap().clone();
        rules.iter_mut().for_each(|rule| drop(rule.as_table_mut().unwrap().remove("name")));
        rules
    }

    fn template(name: &str) -> toml::Table {
        let path = format!("{name}/mapping.toml");
        parsed(TEMPLATES.iter().find(|text| text.path == path).unwrap().text)
    }

    #[test]
    fn what_is_picked_becomes_the_templates_rules() {
        let audience = parsed(&picked("with-audience=on&tag=vip&audience=VIP+customers").mapping(None).unwrap());
        assert_eq!(rules(&audience), rules(&template("audience-by-tag")));
        let stages = template("stage-to-lead-events");
        let source = stages["lead_event_source"].as_str().unwrap();
        let written = parsed(&picked(&format!("with-stages=on&crm-name={source}")).mapping(None).unwrap());
        assert_eq!(rules(&written), rules(&stages));
        assert_eq!(written["lead_event_source"], stages["lead_event_source"]);
    }

    #[test]
    fn stages_fields_and_an_events_name_are_taken_in() {
        let form = "with-stages=on&crm-name=C&stage=New&stage=A+%22b%22&event=Quali{fied}&field=budget&field=my+key";
        let written = parsed(&picked(form).mapping(None).unwrap());
        let rule = &written["rule"].as_array().unwrap()[1];
        assert_eq!(rule["when"].as_str(), Some(r#"has(stage.name) && stage.name in ["New", "A \"b\""]"#));
        assert_eq!(rule["event"]["name"].as_str(), Some("Quali{{fied}}"));
        assert_eq!(rule["event"]["data"]["budget"].as_str(), Some("{contact.fields[\"budget\"]}"));
        assert_eq!(rule["event"]["data"]["my key"].as_str(), Some("{contact.fields[\"my key\"]}"));
    }

    #[test]
    fn live_rules_stay_and_are_not_written_twice() {
        let live = "# mine\ncurrency = \"EUR\"\n\n[events]\ncontact-created = \"Lead\"";
        let once = picked("with-stages=on&crm-name=C&with-audience=on&tag=a&audience=b").mapping(Some(live)).unwrap();
        let table = parsed(&once);
        assert_eq!((table["currency"].as_str(), table["lead_event_source"].as_str()), (Some("EUR"), Some("C")));
        assert_eq!((table["rule"].as_array().unwrap().len(), &table["events"]), (8, &parsed(live)["events"]));
        assert!(once.contains("# mine"));
        let twice = picked("with-audience=on&tag=a&audience=b").mapping(Some(&once)).unwrap();
        assert_eq!(twice, once);
        assert!(picked("with-audience=on&tag=a&audience=b").mapping(Some("no toml")).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        for (form, word) in
            [("", "at least one"), ("with-audience=on&tag=a", "audience"), ("with-stages=on", "name under which")]
        {
            let error = Picked::of(&Fields::parse(form.as_bytes())).unwrap_err();
            assert!(error.contains(word), "{form}: {error}");
        }
    }
}
