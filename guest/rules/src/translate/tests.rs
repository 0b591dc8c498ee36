use proptest::prelude::*;

use super::*;
use crate::default_mapping;
use convey_sdk::samples::{change, opportunity, touch};
use convey_sdk::types::{
    ActionSource, Appointment, Attribution, ConversionEvent, CrmCommand, CustomField, CustomValue, Effect, FieldValue,
    Membership, ReportedConversion, TagDelta, Trigger,
};

fn with(settings: &str) -> Settings {
    Settings::parse(settings).expect("valid settings")
}

fn event(proposal: &Proposal) -> &ConversionEvent {
    match &proposal.effect {
        Effect::Convert(event) => event,
        other => panic!("not an event: {other:?}"),
    }
}

fn told(settings: &str, change: &Change) -> ConversionEvent {
    let proposals = translate(&with(settings), change).expect("an event");
    assert_eq!(proposals.len(), 1);
    event(&proposals[0]).clone()
}

fn skipped(settings: &str, change: &Change) -> (SkipCode, Option<String>, String) {
    let skip = translate(&with(settings), change).expect_err("a skip");
    (skip.code, skip.rule, skip.reason)
}

fn text<'e>(event: &'e ConversionEvent, key: &str) -> Option<&'e str> {
    event.custom_data.iter().find(|(known, _)| known == key).map(|(_, value)| match value {
        CustomValue::Text(text) => text.as_str(),
        other => panic!("not a text: {other:?}"),
    })
}

#[test]
fn a_new_contact_is_a_lead() {
    let change = change(Trigger::ContactCreated);
    let event = told("", &change);
    assert_eq!((event.name.as_str(), event.occurred_at, event.value), ("Lead", change.occurred_at, None));
    assert_eq!(event.action_source, ActionSource::SystemGenerated);
    assert_eq!((text(&event, "event_source"), text(&event, "lead_event_source")), (Some("crm"), Some("CRM")));
    assert_eq!(event.id.len(), 32);
}

#[test]
fn an_events_id_is_of_the_fact_and_the_name_alone() {
    let change = change(Trigger::ContactCreated);
    let id = told("", &change).id;
    assert_eq!(id, told("action_source = \"other\"\ncountry = \"DE\"", &change).id);
    assert_ne!(id, told("[events]\ncontact-created = \"Other\"", &change).id);
    assert_ne!(id, told("", &Change { id: "chg_2".into(), ..change }).id);
}

#[test]
fn a_won_opportunity_is_a_purchase_with_its_amount() {
    let event = told("lead_event_source = \"Acme\"", &change(opportunity("won", Some(120.5))));
    assert_eq!((event.name.as_str(), event.value, event.currency.as_deref()), ("Purchase", Some(120.5), Some("USD")));
    assert_eq!(
        (text(&event, "order_id"), text(&event, "stage"), text(&event, "pipeline")),
        (Some("opp_1"), Some("Proposal sent"), Some("Sales"))
    );
    assert_eq!(text(&event, "lead_event_source"), Some("Acme"));
}

#[test]
fn a_purchase_without_its_amount_is_not_said() {
    let (code, rule, reason) = skipped("", &change(opportunity("won", None)));
    assert_eq!(
        (code, rule.as_deref(), reason.as_str()),
        (SkipCode::Invalid, Some("opportunity-won"), "Purchase needs a value")
    );
    let moneyless = Change { currency: None, ..change(opportunity("won", Some(1.0))) };
    assert_eq!(skipped("", &moneyless).0, SkipCode::Invalid);
    assert_eq!(told("currency = \"eur\"", &moneyless).currency.as_deref(), Some("EUR"));
    let odd = Change { currency: Some("DOLLAR".into()), ..change(opportunity("won", Some(1.0))) };
    assert_eq!(skipped("currency = \"eur\"", &odd).0, SkipCode::Invalid, "a named currency is never replaced");
    assert_eq!(skipped("", &change(opportunity("won", Some(f64::NAN)))).0, SkipCode::Invalid);
}

#[test]
fn other_events_lose_a_doubtful_amount_and_say_so() {
    let change = Change { currency: None, ..change(opportunity("open", Some(5.0))) };
    let proposals = translate(&with(""), &change).expect("an event");
    assert_eq!((event(&proposals[0]).value, event(&proposals[0]).currency.as_deref()), (None, None));
    let fields: Vec<&str> = proposals[0].omitted.iter().map(|omission| omission.field.as_str()).collect();
    assert_eq!(fields, ["currency", "value"]);
}

#[test]
fn names_may_come_from_the_stage_or_the_report() {
    assert_eq!(
        told("[events]\nopportunity-open = \"{stage}\"", &change(opportunity("open", None))).name,
        "Proposal sent"
    );
    let reported = |event_type: &str| {
        change(Trigger::ConversionReported(ReportedConversion {
            event_type: event_type.into(),
            value: Some(9.0),
            currency: Some("gbp".into()),
            external_id: Some("order-7".into()),
        }))
    };
    let event = told("", &reported("Purchase"));
    assert_eq!(
        (event.name.as_str(), event.currency.as_deref(), text(&event, "order_id")),
        ("Purchase", Some("GBP"), Some("order-7"))
    );
    assert_eq!(skipped("", &reported(" ")).0, SkipCode::Invalid);
    assert_eq!(skipped("", &reported("ann@example.com")).0, SkipCode::Invalid, "a name has room for an address");
}

#[test]
fn silence_has_its_reason() {
    assert_eq!(skipped("", &change(Trigger::TaskDeleted("t".into()))), (SkipCode::NoRule, None, "task-deleted".into()));
    let mut quiet = change(Trigger::ContactCreated);
    quiet.contact.consent.do_not_disturb = true;
    assert_eq!(skipped("", &quiet).0, SkipCode::NoConsent);
    assert_eq!(told("respect_do_not_disturb = false", &quiet).name, "Lead");
    let mut unknown = change(Trigger::ContactCreated);
    (unknown.contact.emails, unknown.contact.phones) = (vec!["nope".into()], vec![]);
    (unknown.contact.first_name, unknown.contact.last_name, unknown.contact.full_name) = (None, None, None);
    unknown.contact.date_of_birth = None;
    let (code, _, reason) = skipped("", &unknown);
    assert_eq!(code, SkipCode::NoIdentity);
    assert!(reason.ends_with("unusable: emails (not an e-mail address)") && !reason.contains("nope"), "{reason}");
}

#[test]
fn an_appointment_is_scheduled_only_while_it_stands() {
    let with_status = |status: Option<&str>| {
        change(Trigger::AppointmentChanged(Appointment {
            id: "a".into(),
            title: None,
            status: status.map(str::to_owned),
            starts_at: None,
            ends_at: None,
        }))
    };
    assert_eq!(told("", &with_status(Some("Confirmed"))).name, "Schedule");
    assert_eq!(told("", &with_status(None)).name, "Schedule");
    for status in ["cancelled", "noshow", "showed", "invalid"] {
        assert_eq!(skipped("", &with_status(Some(status))).0, SkipCode::Filtered);
    }
}

#[test]
fn tags_added_and_removed_at_once_are_two_events() {
    let delta = TagDelta { added: vec!["vip".into(), "ann@example.com".into()], removed: vec!["cold".into()] };
    let change = change(Trigger::TagsChanged(delta));
    let settings = with("[events]\ntag-added = \"Tags\"\ntag-removed = \"Tags\"");
    let proposals = translate(&settings, &change).expect("two events");
    let [added, removed] = proposals.as_slice() else { panic!("not two: {}", proposals.len()) };
    assert_ne!(event(added).id, event(removed).id);
    assert_eq!(text(event(removed), "tags"), Some("cold"));
    assert_eq!(text(event(added), "tags"), None, "a tag with the contact's address stays behind");
    let alone = told("[events]\ntag-removed = \"Tags\"", &change);
    assert_eq!(alone.id, event(removed).id, "an id does not depend on the other rules");
}

#[test]
fn a_website_event_carries_its_page_without_the_query() {
    let mut change = change(Trigger::ContactCreated);
    change.contact.last_touch = Some(Attribution {
        url: Some("https://shop.test/thanks?e=x".into()),
        user_agent: Some("Mozilla/5.0".into()),
        ..touch()
    });
    let event = told("[events]\ncontact-created = { name = \"Lead\", action_source = \"website\" }", &change);
    assert_eq!(
        (event.action_source, event.source_url.as_deref()),
        (ActionSource::Website, Some("https://shop.test/thanks"))
    );
    assert_eq!(event.user_data.user_agent.as_deref(), Some("Mozilla/5.0"));
    assert!(event.custom_data.is_empty());
}

fn rules(text: &str, change: &Change) -> Vec<Proposal> {
    translate(&with(text), change).expect("proposals")
}

#[test]
fn conditions_choose_and_the_first_may_be_enough() {
    let both = "[[rule]]\nname = \"big\"\nwhen = \"opportunity.value > 100\"\nevent = \"Big\"\n\
                [[rule]]\nname = \"any\"\non = \"opportunity-open\"\nevent = \"Any\"\n";
    let named = |text: &str, value: f64| -> Vec<String> {
        rules(text, &change(opportunity("open", Some(value)))).iter().map(|told| event(told).name.clone()).collect()
    };
    assert_eq!(named(both, 120.0), ["Big", "Any"]);
    assert_eq!(named(both, 20.0), ["Any"]);
    assert_eq!(named(&format!("match = \"first\"\n{both}"), 120.0), ["Big"]);
    let (code, rule, reason) = skipped(
        "[[rule]]\nname = \"big\"\nwhen = \"opportunity.value > 100\"\nevent = \"Big\"",
        &change(opportunity("open", None)),
    );
    assert_eq!((code, rule.as_deref()), (SkipCode::Filtered, Some("big")));
    assert!(reason.starts_with("its condition cannot be told"), "{reason}");
}

#[test]
fn two_rules_that_say_the_same_say_it_once() {
    let told = rules(
        "[[rule]]\nname = \"a\"\nevent = \"Lead\"\n[[rule]]\nname = \"b\"\nevent = \"Lead\"",
        &change(Trigger::ContactCreated),
    );
    assert_eq!(told.iter().map(|told| told.rule.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn amounts_and_data_are_worked_out() {
    let mut change = change(opportunity("won", Some(1_000.0)));
    change.contact.custom_fields =
        vec![CustomField { key: "margin".into(), name: None, value: FieldValue::Text("0.5".into()) }];
    change.contact.tags = vec!["a".into(), "b".into()];
    let told = rules(
        r#"[[rule]]
name = "r"
event = { name = "Purchase", value = "{opportunity.value * double(contact.fields.margin)}", currency = "EUR", data = { tags = "{contact.tags}", tier = "{value > 500.0 ? 'gold' : 'silver'}", n = 2, stage = "S: {stage}", nothing = "{contact.gender}" } }"#,
        &change,
    );
    let event = event(&told[0]);
    assert_eq!((event.value, event.currency.as_deref()), (Some(500.0), Some("EUR")));
    assert_eq!(
        (text(event, "tags"), text(event, "tier"), text(event, "stage")),
        (Some("a, b"), Some("gold"), Some("S: Proposal sent"))
    );
    assert!(event.custom_data.contains(&("n".into(), CustomValue::Number(2.0))));
    assert_eq!(told[0].omitted.iter().map(|left| left.field.as_str()).collect::<Vec<_>>(), ["nothing"]);
    let personal =
        rules("[[rule]]\nname = \"r\"\nevent = { name = \"E\", data = { x = \"to {contact.email}\" } }", &change);
    assert_eq!(personal[0].omitted[0].field, "x", "an address stays behind");
}

#[test]
fn the_browsers_event_has_the_browsers_id() {
    let settings = "[[rule]]\nname = \"r\"\non = \"contact-created\"\nevent = { name = \"Lead\", pixel = true }";
    let mut change = change(Trigger::ContactCreated);
    let own = told("", &change).id;
    let told = rules(settings, &change);
    assert_eq!((&event(&told[0]).id, told[0].omitted[0].field.as_str()), (&own, "event-id"));
    change.contact.first_touch = Some(Attribution { event_id: Some("px-1".into()), ..touch() });
    assert_eq!(event(&rules(settings, &change)[0]).id, "px-1");
    change.contact.first_touch = Some(Attribution { event_id: Some("ann@example.com".into()), ..touch() });
    assert_eq!(event(&rules(settings, &change)[0]).id, own);
}

#[test]
fn people_join_and_leave_audiences() {
    let settings = "[[rule]]\nname = \"in\"\non = \"tag-added\"\nwhen = 'tagName == \"vip\"'\naudience = { join = \"VIP\" }\n\
                    [[rule]]\nname = \"out\"\non = \"tag-removed\"\naudience = { leave = \"VIP\" }";
    let moved = |added: &[&str], removed: &[&str]| {
        let texts = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect();
        change(Trigger::TagsChanged(TagDelta { added: texts(added), removed: texts(removed) }))
    };
    let told = rules(settings, &moved(&["vip"], &["old"]));
    let [Effect::Audience(into), Effect::Audience(out)] = [&told[0].effect, &told[1].effect] else {
        panic!("{told:?}")
    };
    assert_eq!((into.membership, out.membership), (Membership::Join, Membership::Leave));
    assert_eq!(into.user_data.emails.len(), 1);
    let mut quiet = moved(&["vip"], &["vip"]);
    quiet.contact.consent.do_not_disturb = true;
    assert_eq!(
        rules(settings, &quiet).iter().map(|told| told.rule.as_str()).collect::<Vec<_>>(),
        ["out"],
        "leaving needs no consent"
    );
}

#[test]
fn the_crm_is_asked_for_what_is_not_so_yet() {
    let tag = "[[rule]]\nname = \"tag\"\nwhen = 'contact.email.endsWith(\"@Example.com\")'\ncommand = { add_tags = [\"Partner\", \"{contact.city}\"] }";
    let mut change = change(Trigger::ContactCreated);
    let command = |change: &Change, text: &str| match rules(text, change).remove(0).effect {
        Effect::Command(command) => command,
        other => panic!("{other:?}"),
    };
    assert!(matches!(command(&change, tag), CrmCommand::AddTags(tags) if tags == ["Partner", "Menlo Park"]));
    change.contact.tags = vec!["partner".into()];
    assert!(matches!(command(&change, tag), CrmCommand::AddTags(tags) if tags == ["Menlo Park"]));
    change.contact.tags.push("menlo park".into());
    assert_eq!(skipped(tag, &change).2, "the contact has these tags already");
    let task = "[[rule]]\nname = \"call\"\ncommand = { create_task = { title = \"Call {contact.first_name}\", due_in = \"1h\" } }";
    let CrmCommand::CreateTask(draft) = command(&change, task) else { panic!("no task") };
    assert_eq!(
        (draft.title.as_deref(), draft.due_at, draft.completed),
        (Some("Call Ann"), Some(change.occurred_at + 3_600_000), Some(false))
    );
    change.contact.consent.do_not_disturb = true;
    assert!(matches!(command(&change, task), CrmCommand::CreateTask(_)), "the CRM is not the ad platform");
    assert_eq!(skipped(task, &Change { trigger: Trigger::ContactDeleted, ..change }).2, "the contact is gone");
}

#[test]
fn limited_data_use_goes_by_state() {
    let settings = "limited_data_use = [\"CA\"]\n[events]\ncontact-created = \"Lead\"";
    let mut change = change(Trigger::ContactCreated);
    assert!(told(settings, &change).limited_data_use, "California");
    change.contact.state = Some("Texas".into());
    assert!(!told(settings, &change).limited_data_use);
    change.contact.state = None;
    assert!(told(settings, &change).limited_data_use, "who says no state may live there");
    change.contact.country = Some("DE".into());
    assert!(!told(settings, &change).limited_data_use);
}

proptest! {
    #[test]
    fn no_text_breaks_it(texts in prop::collection::vec("\\PC{0,16}|[0-9+./@: -]{0,18}", 24), value in any::<f64>(), at in any::<u64>()) {
        let mut texts = texts.into_iter();
        let mut next = || texts.next();
        let mut change = change(Trigger::ConversionReported(ReportedConversion {
            event_type: next().unwrap_or_default(), value: Some(value), currency: next(), external_id: next(),
        }));
        (change.id, change.occurred_at, change.seen_at) = (next().unwrap_or_default(), at, at);
        (change.country, change.currency) = (next(), next());
        let contact = &mut change.contact;
        contact.id = next().unwrap_or_default();
        (contact.first_name, contact.last_name, contact.full_name) = (None, None, next());
        (contact.emails, contact.phones) = (next().into_iter().collect(), next().into_iter().collect());
        (contact.gender, contact.date_of_birth, contact.city, contact.state) = (next(), next(), next(), next());
        (contact.postal_code, contact.country, contact.created_at) = (next(), next(), Some(at));
        contact.last_touch = Some(Attribution {
            fbclid: next(), fbc: next(), fbp: next(), client_ip: next(), user_agent: next(), url: next(), lead_id: next(), ..touch()
        });
        let settings = default_mapping::settings();
        prop_assert_eq!(translate(&settings, &change), translate(&settings, &change));
    }
}
