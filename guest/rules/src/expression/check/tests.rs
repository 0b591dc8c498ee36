use super::*;
use crate::expression::{Evaluated, Facts, Language};
use convey_sdk::samples::{change, opportunity};
use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::{Change, CustomField, FieldValue, TagDelta, Task, Trigger};

fn wrong(text: &str) -> (usize, usize, String, Option<String>) {
    let found = checked(text).expect_err(text).remove(0);
    (found.at, found.length, found.message, found.hint)
}

fn holds(text: &str, change: &Change, fact: TriggerKey) -> Option<bool> {
    let expression = checked(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    assert_eq!(expression.kind, Kind::Flag, "{text}");
    expression.holds(&Language::new(), Facts { change, fact })
}

#[test]
fn a_name_alone_is_what_the_parser_makes_of_it() {
    assert!(name_alone("contact.city").is_none() && name_alone("stag").is_none());
    for text in SHORT {
        let told = |(tree, source): (IdedExpr, SourceInfo)| (source.offset_for(tree.id), source.source, tree);
        let parsed = Parser::new().parse_with_source_info(text).expect("a name is an expression");
        assert_eq!(name_alone(text).map(told), Some(told(parsed)), "{text}");
    }
}

#[test]
fn conditions_are_cel_over_the_change() {
    let mut change = change(opportunity("open", Some(120.5)));
    change.contact.tags = vec!["vip".into(), "de".into()];
    change.contact.custom_fields = vec![
        CustomField { key: "budget".into(), name: None, value: FieldValue::Number(5_000.0) },
        CustomField { key: "contact.shoe_size".into(), name: None, value: FieldValue::Text("44".into()) },
    ];
    for (text, wanted) in [
        ("opportunity.value > 100", Some(true)),
        ("opportunity.value * 2 == 241.0", Some(true)),
        ("stage == \"Proposal sent\" && pipeline.name.startsWith('Sa')", Some(true)),
        ("stage.position >= 2 || false", Some(true)),
        ("\"vip\" in contact.tags", Some(true)),
        ("contact.tags.exists(tag, tag in [\"gold\", \"vip\"])", Some(true)),
        ("contact.tags.all(tag, tag.size() == 3)", Some(false)),
        ("contact.fields.budget >= 5000.0", Some(true)),
        ("contact.fields[\"shoe_size\"] == \"44\"", Some(true)),
        ("has(contact.fields.nothing)", Some(false)),
        ("has(contact.city) && !has(contact.gender)", Some(true)),
        ("contact.email.lowerAscii().endsWith(\"@example.com\")", Some(true)),
        ("change.occurred_at - contact.created_at < days(7)", Some(true)),
        ("trigger == 'opportunity-open' && location.country == \"US\"", Some(true)),
        ("contact.gender == null", Some(true)),
        ("contact.gender.startsWith('f')", None),
        ("contact.gender.startsWith('f') || true", Some(true)),
        ("status == 'open'", Some(true)),
    ] {
        assert_eq!(holds(text, &change, TriggerKey::OpportunityOpen), wanted, "{text}");
    }
}

#[test]
fn tags_may_be_asked_for_as_if_there_were_one() {
    let change = change(Trigger::TagsChanged(TagDelta { added: vec!["vip".into()], removed: vec!["cold".into()] }));
    assert_eq!(holds("tagName == \"vip\"", &change, TriggerKey::TagAdded), Some(true));
    assert_eq!(holds("\"cold\" == tagName", &change, TriggerKey::TagRemoved), Some(true));
    assert_eq!(holds("\"vip\" in tags.removed", &change, TriggerKey::TagAdded), Some(false));
}

#[test]
fn records_in_lists_have_checked_fields() {
    let mut change = change(Trigger::ContactCreated);
    let task = Task { id: "t".into(), title: "Call".into(), body: None, due_at: None, completed: true, assignee: None };
    change.contact.tasks = vec![task];
    let done = "contact.tasks.exists(t, t.completed && t.title == 'Call' && !has(t.dueAt))";
    assert_eq!(holds(done, &change, TriggerKey::ContactCreated), Some(true));
    let (.., message, hint) = wrong("contact.tasks.exists(t, t.titel == 'Call')");
    assert_eq!((message.as_str(), hint.as_deref()), ("a task has no field `titel`", Some("did you mean `title`?")));
}

#[test]
fn strangers_are_named_with_their_place() {
    assert_eq!(
        wrong("value > 1.0 && contact.ctiy == \"X\""),
        (
            15,
            12,
            "there is no `contact.ctiy`".into(),
            Some("did you mean `contact.city`?; a custom field is contact.fields.KEY".into())
        )
    );
    assert_eq!(
        wrong("tagId == \"1\"").3.as_deref(),
        Some("the CRM's tags have no ids: use `tagName`, or \"vip\" in tags.added")
    );
    assert_eq!(wrong("contact.email.endWith(\"x\")").2, "there is no function `endWith`");
    assert_eq!(wrong("contact.email.endWith(\"x\")").3.as_deref(), Some("did you mean `endsWith`?"));
    assert!(wrong("contact.email.matches(\"x\")").3.is_some_and(|hint| hint.starts_with("patterns are not supported")));
}

#[test]
fn kinds_that_never_fit_are_refused() {
    for (text, message) in [
        ("contact.city > 3", "`>` does not go with a text and a whole number"),
        ("contact.tags == \"vip\"", "`==` does not go with a list of texts and a text"),
        ("opportunity.value && true", "a condition is wanted here, not a number"),
        ("contact.city + 1 == \"x\"", "`+` does not go with a text and a whole number"),
        ("contact.city.startsWith(1)", "`startsWith` does not go with a text, a whole number"),
        ("!contact.city", "`!` does not go with a text"),
        ("contact.city.exists(c, true)", "a list is wanted here, not a text"),
        ("contact == null", "there is no `contact`"),
        ("stage.position * opportunity.value > 1.0", "`*` does not go with a whole number and a number"),
        ("{'a': 1} == null", "maps and messages have no use here"),
        ("days('x') > 1", "`days` takes one whole number"),
    ] {
        assert_eq!(wrong(text).2, message, "{text}");
    }
}

#[test]
fn what_cannot_be_read_has_a_place() {
    let (at, _, message, hint) = wrong("contact.city = \"X\"");
    assert!(message.starts_with("this is not an expression"), "{message}");
    assert!((12..=14).contains(&at), "{at}");
    assert!(hint.is_some());
    assert!(checked("").is_err());
    assert!(checked(&"(".repeat(300)).is_err());
}

#[test]
fn other_names_are_remarked_on() {
    let expression = checked("contact.lastUpdated > contact.created_at").expect("valid");
    let remark = &expression.remarks[0];
    assert_eq!((remark.at, remark.length), (0, 19));
    assert_eq!(remark.message, "`contact.lastUpdated` is read as `contact.updated_at`");
    assert!(checked("stage == \"x\"").expect("valid").remarks.is_empty());
}

#[test]
fn a_field_alone_gives_its_value() {
    let change = change(opportunity("open", Some(2.5)));
    let of = |text: &str| {
        let expression = checked(text).expect("valid");
        expression.evaluate(&Language::new(), Facts { change: &change, fact: TriggerKey::OpportunityOpen })
    };
    assert_eq!(of("value"), Evaluated::Number(2.5));
    assert_eq!(of("contact.city"), Evaluated::Text("Menlo Park".into()));
    assert_eq!(of("contact.gender"), Evaluated::Unknown);
    assert_eq!(of("value > 2.0 ? \"big\" : \"small\""), Evaluated::Text("big".into()));
    assert_eq!(of("[stage, pipeline]"), Evaluated::Texts(vec!["Proposal sent".into(), "Sales".into()]));
}

mod properties {
    use proptest::prelude::*;

    use super::super::checked;

    proptest! {
        #[test]
        fn no_text_breaks_the_checker(text in "\\PC{0,60}|([a-z.()'\"<>=&|!0-9 \\[\\],]{0,60})") {
            let _ = checked(&text);
        }
    }
}
