//! One conversion event: its name, amount and custom data.

use crate::settings::{EventName, EventRule, Settings};
use convey_sdk::click;
use convey_sdk::identity::{self, GIVES_AWAY};
use convey_sdk::normalise::currency::currency;
use convey_sdk::trigger::TriggerKey;
use convey_sdk::types::{
    ActionSource, Change, ConversionEvent, CustomValue, Effect, Omission, Opportunity, Proposal, SkipCode, Trigger,
};
use convey_sdk::user_data::Person;

/// Why a fact that has a rule still gives no event.
#[derive(Debug, PartialEq)]
pub struct Refusal {
    /// What kind of reason.
    pub code: SkipCode,
    /// The reason in words.
    pub reason: String,
}

/// The event a rule asks for.
///
/// # Errors
/// When the change lacks what the event's name or the platform's rules for it need.
pub fn proposal(
    change: &Change,
    key: TriggerKey,
    rule: &EventRule,
    person: &Person,
    settings: &Settings,
) -> Result<Proposal, Refusal> {
    refuse_fallen_appointment(change)?;
    let name = name(change, rule)?;
    let mut omitted = person.omitted.clone();
    let action_source = rule.action_source.unwrap_or(settings.action_source);
    let (value, currency) = amount(change, settings, &mut omitted);
    // Meta, "Standard Events": a Purchase needs both, and one bad event sinks the request it travels in.
    if name == "Purchase" && (value.is_none() || currency.is_none()) {
        let missing = if value.is_none() { "value" } else { "currency" };
        return Err(Refusal { code: SkipCode::Invalid, reason: format!("Purchase needs a {missing}") });
    }
    let event = ConversionEvent {
        id: convey_sdk::event_id(change, &name, u32::from(key.ordinal())),
        occurred_at: change.occurred_at,
        action_source,
        source_url: source_url(change, action_source, person, &mut omitted),
        user_data: person.user_data.clone(),
        value,
        currency: currency.map(str::to_owned),
        custom_data: custom_data(change, key, action_source, settings, &mut omitted),
        limited_data_use: settings.limited_data_use,
        name,
    };
    Ok(Proposal { rule: key.as_str().to_owned(), effect: Effect::Convert(event), omitted })
}

/// An appointment is news while it stands. What became of it afterwards is not another appointment.
fn refuse_fallen_appointment(change: &Change) -> Result<(), Refusal> {
    let Trigger::AppointmentChanged(appointment) = &change.trigger else { return Ok(()) };
    let status = appointment.status.as_deref().map_or("", str::trim);
    let stands = ["", "new", "booked", "confirmed", "scheduled", "pending"];
    if stands.into_iter().any(|word| status.eq_ignore_ascii_case(word)) {
        return Ok(());
    }
    Err(Refusal {
        code: SkipCode::Filtered,
        reason: "the appointment does not stand: it is cancelled, missed or over".to_owned(),
    })
}

fn name(change: &Change, rule: &EventRule) -> Result<String, Refusal> {
    let invalid = |reason: &str| Refusal { code: SkipCode::Invalid, reason: reason.to_owned() };
    let (name, missing) = match (&rule.name, &change.trigger) {
        (EventName::Fixed(name), _) => return Ok(name.clone()),
        (EventName::Stage, Trigger::OpportunityChanged(opportunity)) => (
            opportunity.stage.as_ref().and_then(|stage| stage.name.as_deref()),
            "the opportunity's stage has no known name",
        ),
        (EventName::Reported, Trigger::ConversionReported(reported)) => {
            (Some(reported.event_type.as_str()), "the reported conversion has no type")
        }
        _ => (None, "the rule's name does not fit its trigger"),
    };
    let name = name.map(str::trim).filter(|name| !name.is_empty()).ok_or_else(|| invalid(missing))?;
    if name.chars().any(char::is_control) || identity::gives_away(name, &change.contact) {
        return Err(invalid("the event's name holds what a name may not hold"));
    }
    Ok(name.to_owned())
}

/// Value and currency, both or neither: an amount without its currency is no amount.
fn amount(change: &Change, settings: &Settings, omitted: &mut Vec<Omission>) -> (Option<f64>, Option<&'static str>) {
    let (value, own) = match &change.trigger {
        Trigger::OpportunityChanged(opportunity) => (opportunity.value, None),
        Trigger::ConversionReported(reported) => (reported.value, reported.currency.as_deref()),
        _ => return (None, None),
    };
    let Some(value) = value else { return (None, None) };
    if !value.is_finite() || value < 0.0 {
        leave_out(omitted, "value", "not an amount");
        return (None, None);
    }
    // A currency somebody named and nobody knows is never replaced: the amount would be another one.
    let named = own.or(change.currency.as_deref()).map(str::trim).filter(|code| !code.is_empty());
    let known = match named {
        Some(code) => currency(code),
        None => settings.currency,
    };
    if known.is_none() {
        leave_out(
            omitted,
            "currency",
            if named.is_some() { "not an ISO 4217 currency" } else { "no currency is known" },
        );
        leave_out(omitted, "value", "an amount without a currency");
        return (None, None);
    }
    (Some(value), known)
}

fn source_url(change: &Change, source: ActionSource, person: &Person, omitted: &mut Vec<Omission>) -> Option<String> {
    let page = click::page(&change.contact);
    if source == ActionSource::Website {
        // Meta, "Server Event Parameters": website events need the page and the browser.
        if page.is_none() {
            leave_out(omitted, "source-url", "website events should have one, and none is known");
        }
        if person.user_data.user_agent.is_none() {
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

fn custom_data(
    change: &Change,
    key: TriggerKey,
    source: ActionSource,
    settings: &Settings,
    omitted: &mut Vec<Omission>,
) -> Vec<(String, CustomValue)> {
    let mut texts: Vec<(&str, String)> = Vec::new();
    if source == ActionSource::SystemGenerated {
        // Meta, "Conversion Leads" integration: both mark an event as a CRM's.
        texts.push(("event_source", "crm".to_owned()));
        texts.push(("lead_event_source", settings.lead_event_source.clone()));
    }
    match &change.trigger {
        Trigger::OpportunityChanged(opportunity) => opportunity_texts(opportunity, key, &mut texts),
        Trigger::ConversionReported(reported) => {
            texts.extend(reported.external_id.as_ref().map(|id| ("order_id", id.clone())));
        }
        Trigger::TagsChanged(delta) => {
            let tags = if key == TriggerKey::TagRemoved { &delta.removed } else { &delta.added };
            texts.push(("tags", tags.join(", ")));
        }
        _ => {}
    }
    let mut custom = Vec::with_capacity(texts.len());
    for (key, text) in texts {
        if text.trim().is_empty() {
            continue;
        }
        if identity::gives_away(&text, &change.contact) {
            leave_out(omitted, key, GIVES_AWAY);
        } else {
            custom.push((key.to_owned(), CustomValue::Text(text)));
        }
    }
    custom
}

/// Names where the catalogue knows them, else ids. The opportunity's own name is left out: it is often the person's.
fn opportunity_texts(opportunity: &Opportunity, key: TriggerKey, texts: &mut Vec<(&'static str, String)>) {
    if key == TriggerKey::OpportunityWon {
        texts.push(("order_id", opportunity.id.clone()));
    }
    if let Some(stage) = &opportunity.stage {
        texts.push(("pipeline", stage.pipeline.clone().unwrap_or_else(|| stage.pipeline_id.clone())));
        texts.push(("stage", stage.name.clone().unwrap_or_else(|| stage.id.clone())));
    }
}

fn leave_out(omitted: &mut Vec<Omission>, field: &str, reason: &str) {
    omitted.push(Omission { field: field.to_owned(), reason: reason.to_owned() });
}
