//! The contract's functions, well and ill behaved.

use std::fmt::Write;
use std::hint::black_box;

use wstd::http::{Body, Client, Request, Response};
use wstd::runtime::block_on;
use wstd::time::Duration;

use crate::behaviour::Behaviour;
use crate::bindings::convey::pipeline::types::{ConversionEvent, Membership, UserData};
use crate::bindings::exports::convey::pipeline::conversions_sink::{
    ApiVersion, Destination, Guest, Outcome, Profile, Session, Shipment,
};
use crate::describe::{self, BASE_URL};

/// The component.
pub struct Misbehaving;

impl Guest for Misbehaving {
    fn describe() -> Profile {
        describe::profile()
    }

    fn configure(settings: String) -> Result<Vec<ApiVersion>, String> {
        Behaviour::parse(&settings).map(|_| Vec::new())
    }

    fn encode(_: Destination, events: Vec<ConversionEvent>) -> Vec<String> {
        events.iter().map(wire_form).collect()
    }

    fn probe(destination: Destination) -> Outcome {
        block_on(one_outcome(&destination, "[]".to_owned()))
    }

    fn deliver(destination: Destination, events: Vec<ConversionEvent>) -> Shipment {
        let body = format!("[{}]", events.iter().map(wire_form).collect::<Vec<_>>().join(","));
        let outcome = block_on(one_outcome(&destination, body));
        let missing = usize::from(Behaviour::parse(&destination.settings) == Ok(Behaviour::Short));
        shipment(outcome, events.len().saturating_sub(missing))
    }

    fn update_audience(
        _: Destination,
        _: String,
        _: Membership,
        members: Vec<UserData>,
        _: Option<Session>,
    ) -> Shipment {
        shipment(Outcome::Rejected("test-sink does not change audiences".into()), members.len())
    }
}

fn shipment(outcome: Outcome, count: usize) -> Shipment {
    Shipment { outcomes: vec![outcome; count], invalid_members: 0, usage: None }
}

fn wire_form(event: &ConversionEvent) -> String {
    format!("{{\"id\":{:?},\"name\":{:?}}}", event.id, event.name)
}

async fn one_outcome(destination: &Destination, body: String) -> Outcome {
    match Behaviour::parse(&destination.settings) {
        Err(text) => Outcome::Blocked(text),
        Ok(Behaviour::Well | Behaviour::Short) => post_events(body).await,
        Ok(Behaviour::Greedy(url)) => Outcome::Rejected(greedy(&url).await),
        Ok(Behaviour::Peek) => Outcome::Rejected(peek(body).await),
        Ok(Behaviour::Trap) => panic!("the sink broke on purpose"),
        Ok(Behaviour::Hang) => hang(),
        Ok(Behaviour::Hog) => hog(),
        Ok(Behaviour::Chatty(words)) => {
            eprintln!("{}\nasks for jo@example.com", words.to_uppercase());
            post_events(body).await
        }
        Ok(Behaviour::Slow(ms)) => {
            wstd::task::sleep(Duration::from_millis(ms)).await;
            post_events(body).await
        }
    }
}

async fn post_events(body: String) -> Outcome {
    match send("POST", &format!("{BASE_URL}/v1/events"), body).await {
        Ok(answer) if answer.status().is_success() => Outcome::Accepted(None),
        Ok(answer) => Outcome::Unavailable(format!("HTTP {}", answer.status().as_u16())),
        Err(text) => Outcome::Unavailable(text),
    }
}

async fn greedy(url: &str) -> String {
    match send("GET", url, String::new()).await {
        Ok(answer) => format!("got HTTP {}", answer.status().as_u16()),
        Err(text) => format!("refused: {text}"),
    }
}

/// Everything this guest can lay its hands on, as text.
async fn peek(body: String) -> String {
    let url = format!("{BASE_URL}/v1/echo");
    let mut seen = format!("request POST {url}\ncontent-type: application/json\n\n{body}\n");
    // Secrets that were lent through the environment or the command line would show up here.
    let _ = writeln!(seen, "environment {:?}\narguments {:?}", environment(), std::env::args().collect::<Vec<_>>());
    match send("POST", &url, body).await {
        Ok(answer) => {
            let _ = writeln!(seen, "response {}", answer.status().as_u16());
            for (name, value) in answer.headers() {
                let _ = writeln!(seen, "{name}: {}", String::from_utf8_lossy(value.as_bytes()));
            }
            let (_, mut body) = answer.into_parts();
            match body.contents().await {
                Ok(bytes) => seen.push_str(&String::from_utf8_lossy(bytes)),
                Err(error) => seen.push_str(&format!("{error:?}")),
            }
        }
        Err(text) => seen.push_str(&text),
    }
    seen
}

fn environment() -> Vec<(String, String)> {
    std::env::vars().collect()
}

async fn send(method: &str, url: &str, body: String) -> Result<Response<Body>, String> {
    let request =
        Request::builder().method(method).uri(url).header("content-type", "application/json").body(Body::from(body));
    let request = request.map_err(|error| error.to_string())?;
    Client::new().send(request).await.map_err(|error| format!("{error:?}"))
}

fn hang() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn hog() -> ! {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(vec![1; 1 << 20]);
        black_box(&hoard);
    }
}
