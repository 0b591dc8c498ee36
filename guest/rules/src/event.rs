//! One conversion event: its name, amount and custom data.

use convey_sdk::identity::{self, GIVES_AWAY};
use convey_sdk::normalise::currency::currency;
use convey_sdk::normalise::place::state;
use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::{
    ActionSource, Change, ConversionEvent, CustomValue, Effect, Omission, Opportunity, Proposal, Trigger,
};
use convey_sdk::{Person, click, event_id};

use crate::expression::{Evaluated, Facts};
use crate::settings::{Datum, EventRule, LimitedDataUse, Rule, Settings, Worth};
use crate::translate::Refusal;

/// The event a rule asks for, nobody's yet. `id` is the fact's own, if it is known already.
///
/// # Errors
/// When the change lacks what the event's name or the platform's rules for it need.
pub fn proposal(
    facts: Facts<'_>,
    rule: &Rule,
    asked: &EventRule,
    person: &Person,
    id: Option<String>,
    settings: &Settings,
) -> Result<Proposal, Refusal> {
    let Facts { change, fact } = facts;
    refuse_fallen_appointment(change)?;
    let name = name(facts, asked, settings)?;
    let mut omitted = person.omitted.clone();
    let action_source = asked.action_source.unwrap_or(settings.action_source);
    let (value, currency) = amount(facts, asked, settings, &mut omitted);
    // Meta, "Standard Events": a Purchase needs both, and one bad event sinks the request it travels in.
    if name == "Purchase" && (value.is_none() || currency.is_none()) {
        let missing = if value.is_none() { "value" } else { "currency" };
        return Err(Refusal::invalid(format!("Purchase needs a {missing}")));
    }
    let has_agent = person.user_data.user_agent.is_some();
    let event = ConversionEvent {
        id: id.unwrap_or_else(|| self::id(change, fact, asked, &name, &mut omitted)),
        occurred_at: change.occurred_at,
        action_source,
        source_url: source_url(change, action_source, has_agent, &mut omitted),
        limited_data_use: is_limited(change, settings),
        user_data: Person::nobody().user_data,
        value,
        currency: currency.map(str::to_owned),
        custom_data: custom_data(facts, asked, action_source, settings, &mut omitted),
        name,
    };
    Ok(Proposal { rule: rule.name.clone(), effect: Effect::Convert(event), omitted })
}

/// The fact's own id, or, where the rule mirrors the browser's event, the id the browser gave it: the platform then knows the two as one.
fn id(change: &Change, fact: TriggerKey, asked: &EventRule, name: &str, omitted: &mut Vec<Omission>) -> String {
    let own = || event_id(change, name, u32::from(fact.ordinal()));
    if !asked.pixel {
        return own();
    }
    let contact = &change.contact;
    // The first touch is the visit that made the contact.
    let touches = [&contact.first_touch, &contact.last_touch].into_iter().flatten();
    let browser = touches.filter_map(|touch| touch.event_id.as_deref()).map(str::trim).find(|id| !id.is_empty());
    let sound = |id: &&str| id.len() <= 256 && !id.chars().any(char::is_control) && !identity::gives_away(id, contact);
    match browser {
        Some(id) if sound(&id) => id.to_owned(),
        Some(_) => {
            leave_out(omitted, "event-id", "the browser's event has an unusable id");
            own()
        }
        None => {
            leave_out(omitted, "event-id", "the browser's event is not known");
            own()
        }
    }
}

/// An appointment is news while it stands. What became of it afterwards is not another appointment.
fn refuse_fallen_appointment(change: &Change) -> Result<(), Refusal> {
    let Trigger::AppointmentChanged(appointment) = &change.trigger else { return Ok(()) };
    let status = appointment.status.as_deref().map_or("", str::trim);
    let stands = ["", "new", "booked", "confirmed", "scheduled", "pending"];
    if stands.into_iter().any(|word| status.eq_ignore_ascii_case(word)) {
        return Ok(());
    }
    Err(Refusal::filtered("the appointment does not stand: it is cancelled, missed or over"))
}

fn name(facts: Facts<'_>, asked: &EventRule, settings: &Settings) -> Result<String, Refusal> {
    if let Some(name) = asked.name.plain() {
        return Ok(name.to_owned());
    }
    let name = asked.name.text(&settings.language, facts).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        return Err(Refusal::invalid("the event's name is not known: a field in it has no value"));
    }
    if name.chars().any(char::is_control) || identity::gives_away(name, &facts.change.contact) {
        return Err(Refusal::invalid("the event's name holds what a name may not hold"));
    }
    Ok(name.to_owned())
}

/// Value and currency, both or neither: an amount without its currency is no amount.
fn amount(
    facts: Facts<'_>,
    asked: &EventRule,
    settings: &Settings,
    omitted: &mut Vec<Omission>,
) -> (Option<f64>, Option<&'static str>) {
    let change = facts.change;
    let (own_value, own_currency) = match &change.trigger {
        Trigger::OpportunityChanged(opportunity) => (opportunity.value, None),
        Trigger::ConversionReported(reported) => (reported.value, reported.currency.as_deref()),
        _ => (None, None),
    };
    let value = match &asked.value {
        None => own_value,
        Some(Worth::Fixed(value)) => Some(*value),
        Some(Worth::Expression(expression)) => match expression.evaluate(&settings.language, facts) {
            Evaluated::Number(value) => Some(value),
            // A custom field may hold its number as a text; what is none is not finite.
            Evaluated::Text(text) => Some(text.trim().parse().unwrap_or(f64::NAN)),
            _ => {
                leave_out(omitted, "value", "it cannot be worked out");
                None
            }
        },
    };
    let Some(value) = value else { return (None, None) };
    if !value.is_finite() || value < 0.0 {
        leave_out(omitted, "value", "not an amount");
        return (None, None);
    }
    if asked.currency.is_some() {
        return (Some(value), asked.currency);
    }
    // A currency somebody named and nobody knows is never replaced: the amount would be another one.
    let named = own_currency.or(change.currency.as_deref()).map(str::trim).filter(|code| !code.is_empty());
    let known = match named {
        Some(code) => currency(code),
        None => settings.currency,
    };
    if known.is_none() {
        let reason = if named.is_some() { "not an ISO 4217 currency" } else { "no currency is known" };
        leave_out(omitted, "currency", reason);
        leave_out(omitted, "value", "an amount without a currency");
        return (None, None);
    }
    (Some(value), known)
}

fn source_url(change: &Change, source: ActionSource, has_agent: bool, omitted: &mut Vec<Omission>) -> Option<String> {
    let page = click::page(&change.contact);
    if source == ActionSource::Website {
        // Meta, "Server Event Parameters": website events need the page and the browser.
        if page.is_none() {
            leave_out(omitted, "source-url", "website events should have one, and none is known");
        }
        if !has_agent {
            leave_out(omitted, "user-agent", "website events should have one, and none is known");
        }
    }
    match page? {
        Ok(url) if identity::gives_away(&url, &change.contact) => leave_out(omitted, "source-url", GIVES_AWAY),
        Ok(url) => return Some(url),
        Err(reason) => leave_out(omitted, "source-url", reason),
    }
    None
}

/// Whether the platform is to limit what it uses the event for. In a list of states, whoever is in the United States and says no state
/// counts as living in one of them.
fn is_limited(change: &Change, settings: &Settings) -> bool {
    let states = match &settings.limited_data_use {
        LimitedDataUse::Never => return false,
        LimitedDataUse::Always => return true,
        LimitedDataUse::In(states) => states,
    };
    let country = change.contact.country.as_deref().or(change.country.as_deref());
    let country = country.and_then(convey_sdk::normalise::country::country).or(settings.country);
    let home = change.contact.state.as_deref().and_then(|raw| state(raw, Some("us")));
    match (country, home) {
        (Some("us"), None) => true,
        (Some("us") | None, Some(home)) => states.contains(&home),
        _ => false,
    }
}

fn custom_data(
    facts: Facts<'_>,
    asked: &EventRule,
    source: ActionSource,
    settings: &Settings,
    omitted: &mut Vec<Omission>,
) -> Vec<(String, CustomValue)> {
    let Facts { change, fact } = facts;
    let mut custom: Vec<(String, CustomValue)> = Vec::new();
    let mut tell = |key: &str, text: &str| {
        let is_named = asked.data.iter().any(|(named, _)| named == key);
        if !is_named && !text.trim().is_empty() {
            custom.push((key.to_owned(), CustomValue::Text(text.to_owned())));
        }
    };
    if source == ActionSource::SystemGenerated {
        // Meta, "Conversion Leads" integration: both mark an event as a CRM's.
        tell("event_source", "crm");
        tell("lead_event_source", &settings.lead_event_source);
    }
    match &change.trigger {
        Trigger::OpportunityChanged(opportunity) => opportunity_texts(opportunity, fact, &mut tell),
        Trigger::ConversionReported(reported) => tell("order_id", reported.external_id.as_deref().unwrap_or_default()),
        Trigger::TagsChanged(delta) => {
            tell("tags", &if fact == TriggerKey::TagRemoved { &delta.removed } else { &delta.added }.join(", "));
        }
        _ => {}
    }
    for (key, datum) in &asked.data {
        let value = match datum {
            Datum::Number(number) => Some(CustomValue::Number(*number)),
            Datum::Flag(flag) => Some(CustomValue::Flag(*flag)),
            Datum::Text(template) => match template.alone() {
                Some(expression) => match expression.evaluate(&settings.language, facts) {
                    Evaluated::Text(text) => Some(CustomValue::Text(text)),
                    Evaluated::Number(number) => Some(CustomValue::Number(number)),
                    Evaluated::Flag(flag) => Some(CustomValue::Flag(flag)),
                    Evaluated::Texts(texts) => Some(CustomValue::Text(texts.join(", "))),
                    Evaluated::Unknown => None,
                },
                None => template.text(&settings.language, facts).map(CustomValue::Text),
            },
        };
        match value {
            Some(value) => custom.push((key.clone(), value)),
            None => leave_out(omitted, key, "it has no value"),
        }
    }
    custom.retain(|(key, value)| match value {
        CustomValue::Text(text) if identity::gives_away(text, &change.contact) => {
            leave_out(omitted, key, GIVES_AWAY);
            false
        }
        CustomValue::Text(text) => !text.trim().is_empty(),
        _ => true,
    });
    custom
}

/// Names where the catalogue knows them, else ids. The opportunity's own name is left out: it is often the person's.
fn opportunity_texts(opportunity: &Opportunity, fact: TriggerKey, tell: &mut impl FnMut(&str, &str)) {
    if fact == TriggerKey::OpportunityWon {
        tell("order_id", &opportunity.id);
    }
    if let Some(stage) = &opportunity.stage {
        tell("pipeline", stage.pipeline.as_deref().unwrap_or(&stage.pipeline_id));
        tell("stage", stage.name.as_deref().unwrap_or(&stage.id));
    }
}

fn leave_out(omitted: &mut Vec<Omission>, field: &str, reason: &str) {
    omitted.push(Omission { field: field.to_owned(), reason: reason.to_owned() });
}
