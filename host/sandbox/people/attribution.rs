//! Where somebody came from: what the CRM keeps of the first and the last visit.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::sandbox::ids::{alphanumeric, digits, happens, one};

const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/512.0.0.41.98]",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 15; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
];

/// A visit that ended at `at`: most come through an advertisement, some from a search, some were typed in by staff and carry no address.
pub fn touch(rng: &mut Rng, at: Millis) -> Value {
    if happens(rng, 0.12) {
        return json!({ "sessionSource": "CRM UI", "medium": "manual", "mediumId": null });
    }
    let clicked = at.saturating_sub(rng.u64(20_000..2_400_000));
    let page = *one(rng, &["free-quote", "book", "spring-offer", "pricing"]);
    let mut touch = json!({
        "sessionSource": "Direct traffic", "medium": "form", "mediumId": alphanumeric(rng, 20),
        "url": format!("https://www.example.com/{page}"), "ip": address(rng), "userAgent": one(rng, &AGENTS),
    });
    match rng.u32(..100) {
        0..65 => {
            let click = format!("IwZXh0bgNhZW0{}", click_id(rng, 48));
            touch["sessionSource"] = "Paid Social".into();
            touch["campaign"] = (*one(rng, &["Spring offer", "Lookalike 1%", "Retargeting"])).into();
            touch["utmSource"] = "facebook".into();
            touch["utmMedium"] = "paid".into();
            touch["utmContent"] = format!("video {}", rng.u32(1..6)).into();
            touch["referrer"] = "https://l.facebook.com/".into();
            touch["url"] = format!("https://www.example.com/{page}?utm_source=facebook&fbclid={click}").into();
            if happens(rng, 0.15) {
                touch["fbc"] = format!("fb.1.{clicked}.{click}").into();
            }
            touch["fbclid"] = click.into();
            if happens(rng, 0.6) {
                // The vendor's own example carries this stray space.
                let gap = if happens(rng, 0.05) { " " } else { "" };
                touch["fbp"] = format!("fb.{gap}1.{clicked}.{}", digits(rng, 10)).into();
            }
        }
        65..80 => {
            touch["sessionSource"] = "Paid Search".into();
            touch["gclid"] = format!("Cj0KCQ{}", click_id(rng, 60)).into();
            touch["utmSource"] = "google".into();
        }
        80..90 => {
            touch["sessionSource"] = "Organic Search".into();
            touch["referrer"] = "https://www.google.com/".into();
        }
        _ => {}
    }
    touch
}

fn click_id(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| if happens(rng, 0.04) { *one(rng, &['_', '-']) } else { rng.alphanumeric() }).collect()
}

/// An address reserved for documentation (RFC 5737, RFC 3849): nobody's.
fn address(rng: &mut Rng) -> String {
    match rng.u32(..4) {
        0 => format!("2001:db8:{:x}:{:x}::{:x}", rng.u16(1..), rng.u16(..), rng.u16(1..)),
        1 => format!("192.0.2.{}", rng.u8(1..255)),
        2 => format!("198.51.100.{}", rng.u8(1..255)),
        _ => format!("203.0.113.{}", rng.u8(1..255)),
    }
}
