use super::*;

fn problems(text: &str) -> Vec<(u32, u32, u32, String, Option<String>)> {
    let problems = Settings::parse(text).expect_err("a problem");
    problems.into_iter().map(|p| (p.line, p.column, p.length, p.message, p.hint)).collect()
}

#[test]
fn all_problems_are_found_with_their_places() {
    let found = problems(
        "action_sorce = \"website\"\ncurrency = \"EURO\"\n\n[events]\nopportunity-wonn = \"Purchase\"\ncontact-created = 7\n\
         note-created = { name = \"\", action_source = \"webs\" }\n",
    );
    let places: Vec<_> = found.iter().map(|(line, column, length, ..)| (*line, *column, *length)).collect();
    assert_eq!(places, [(1, 1, 12), (2, 12, 6), (5, 1, 16), (6, 19, 1), (7, 25, 2), (7, 45, 6)]);
    assert_eq!(found[0].3, "there is no setting `action_sorce`");
    assert_eq!(found[0].4.as_deref(), Some("did you mean `action_source`?"));
    assert_eq!(found[2].4.as_deref(), Some("did you mean `opportunity-won`?"));
    assert_eq!(found[5].4.as_deref(), Some("did you mean `website`?"));
}

#[test]
fn broken_toml_is_a_problem_with_a_place() {
    let found = problems("currency = \"USD\"\ncountry = = \"US\"\n");
    assert_eq!(found, [(2, 11, 1, "extra `=`, expected nothing".to_owned(), None)]);
}

#[test]
fn an_events_table_says_exactly_what_is_said() {
    let names = |text: &str| {
        let rules = Settings::parse(text).expect("valid").rules;
        rules.into_iter().map(|rule| rule.name).collect::<Vec<_>>()
    };
    assert_eq!(names("[events]\ntag-added = { name = \"Tagged\", action_source = \"website\" }"), ["tag-added"]);
    assert_eq!(names("[[rule]]\nname = \"a\"\nevent = \"A\""), ["a"], "a file with rules says just those");
    assert_eq!(names("[events]\ntag-added = \"B\"\n[[rule]]\nname = \"a\"\nevent = \"A\""), ["a", "tag-added"]);
    assert!(names("currency = \"eur\"").contains(&"contact-created".to_owned()), "without either the default's stay");
    assert_eq!(Settings::parse("currency = \"eur\"").expect("valid").currency, Some("EUR"));
}

#[test]
fn names_are_worked_out_from_what_their_trigger_has() {
    assert!(Settings::parse("[events]\nopportunity-open = \"{stage}\"\nconversion-reported = \"{reported}\"").is_ok());
    assert_eq!(
        problems("[events]\ncontact-created = \"{stage}\"")[0].3,
        "`stage.name` is never there in rule `contact-created`"
    );
    assert_eq!(problems("[events]\nopportunity-open = \"{stagge}\"")[0].4.as_deref(), Some("did you mean `stage`?"));
}

const RULES: &str = r#"match = "first"
limited_data_use = ["California", "TX"]

[[rule]]
name = "big deal"
on = ["opportunity-open", "opportunity-won"]
when = 'opportunity.value > 1000 && contact.fields.budget > 5'
event = { name = "Deal", value = "{opportunity.value * 0.1}", currency = "EUR", data = { size = "{contact.fields.size}", n = 3 } }

[[rule]]
name = "vip"
on = "tag-added"
when = 'tagName == "vip"'
audience = { join = "VIP {location.country}" }
command = { create_task = { title = "Call {contact.first_name}", due_in = "2d" } }
"#;

#[test]
fn rules_are_read_with_what_they_need_and_what_is_odd() {
    let settings = Settings::parse(RULES).expect("valid");
    assert_eq!(settings.matching, Matching::First);
    assert_eq!(settings.limited_data_use, LimitedDataUse::In(vec!["ca".into(), "tx".into()]));
    assert_eq!(settings.custom_fields, ["budget", "size"]);
    assert_eq!(settings.rules[0].on, [TriggerKey::OpportunityOpen, TriggerKey::OpportunityWon]);
    let Some(CommandRule::CreateTask(task)) = &settings.rules[1].command else { panic!("no task") };
    assert_eq!(task.due_in_ms, 172_800_000);
    let remark = &settings.remarks[0];
    assert_eq!((remark.line, remark.column, remark.length), (13, 9, 7));
    assert_eq!(remark.message, "`tagName` is read as `tags.changed`");
}

#[test]
fn mistakes_in_rules_have_their_places() {
    let mut wrong = Vec::new();
    for (from, to, line, column, message) in [
        ("opportunity.value > 1000", "opportunity.valu > 1000", 7, 9, "there is no `opportunity.valu`"),
        (
            "'opportunity.value > 1000 &&",
            "'opportunity.value + 1000 &&",
            7,
            27,
            "a condition is wanted here, not a number",
        ),
        ("currency = \"EUR\"", "currency = \"EURO\"", 8, 74, "`EURO` is not an ISO 4217 currency code"),
        ("on = \"tag-added\"", "on = \"tag-addd\"", 12, 6, "there is no trigger `tag-addd`"),
        ("{opportunity.value * 0.1}", "{stage}", 8, 34, "an amount is a number; this gives a text"),
        ("join =", "joins =", 14, 14, "an audience has no setting `joins`"),
        ("create_task", "creat_task", 15, 13, "there is no command `creat_task`"),
        ("due_in = \"2d\"", "due_in = \"2 days\"", 15, 75, "`2 days` is not a span of time"),
        ("name = \"vip\"", "name = \"big deal\"", 11, 8, "there are two rules called `big deal`"),
        ("name = \"vip\"\n", "", 10, 1, "the rule has no name: it is how its events explain themselves"),
        ("'tagName == \"vip\"'", "'has(opportunity.value)'", 10, 1, "`opportunity.value` is never there in rule `vip`"),
        ("TX", "Bavaria", 2, 35, "`Bavaria` is not a state of the United States"),
        (
            "name = \"Deal\",",
            "name = \"Deal\", pixel = true,",
            4,
            1,
            "rule `big deal` cannot mirror the browser's event: that one comes with a new contact",
        ),
    ] {
        assert!(RULES.contains(from), "{from}");
        let found = problems(&RULES.replacen(from, to, 1)).remove(0);
        if (found.0, found.1, found.3.as_str()) != (line, column, message) {
            wrong.push(format!("{to}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let nothing = problems("[[rule]]\nname = \"a\"").remove(0);
    assert_eq!(nothing.3, "rule `a` asks for nothing");
    assert_eq!(problems("[rule]\nname = \"a\"")[0].4.as_deref(), Some("write [[rule]], with two brackets"));
}

#[test]
fn the_schema_for_editors_knows_every_key() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../templates/mapping.schema.json")).expect("JSON");
    let keys = |pointer: &str| {
        let object = schema.pointer(pointer).and_then(|value| value.as_object()).unwrap_or_else(|| panic!("{pointer}"));
        let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
        keys.sort_unstable();
        keys
    };
    let sorted = |known: &[&'static str]| {
        let mut known = known.to_vec();
        known.sort_unstable();
        known
    };
    assert_eq!(keys("/properties"), sorted(&check::KEYS));
    assert_eq!(keys("/$defs/rule/properties"), sorted(&rule::RULE_KEYS));
    assert_eq!(keys("/$defs/event/oneOf/1/properties"), sorted(&effect::EVENT_KEYS));
    assert_eq!(keys("/$defs/audience/properties"), sorted(&effect::AUDIENCE_KEYS));
    assert_eq!(keys("/$defs/command/properties"), sorted(&effect::COMMAND_KEYS));
    assert_eq!(keys("/$defs/task/properties"), sorted(&effect::TASK_KEYS));
    let words = |pointer: &str| {
        let list = schema.pointer(pointer).and_then(|value| value.as_array()).unwrap_or_else(|| panic!("{pointer}"));
        list.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(words("/$defs/trigger/enum"), TriggerKey::ALL.map(TriggerKey::as_str));
    assert_eq!(words("/$defs/action_source/enum"), check::ACTION_SOURCES.map(|(word, _)| word));
    assert_eq!(keys("/properties/events/properties"), sorted(&TriggerKey::ALL.map(TriggerKey::as_str)));
}

mod properties {
    use proptest::prelude::*;

    use super::super::Settings;

    proptest! {
        #[test]
        fn no_text_breaks_the_checker(text in "(\\[\\[rule\\]\\]\n)?(name|on|when|event|command) = [\"'{]\\PC{0,30}[\"'}]\n?") {
            let _ = Settings::parse(&text);
        }
    }
}
