//! The rules against a file of cases with their SHA-256, when one lies beside the repository.

use serde_json::Value;

use super::{country, date, email, external_id, gender, name, phone, place};
use crate::hash::{already_hashed, looks_like_md5, sha256, to_hex};

const TODAY: u64 = 1_790_000_000_000;

fn normalised(field: &str, raw: &str, context: &Value) -> Option<String> {
    let place = context["country"].as_str();
    match field {
        "em" => email::email(raw).map(Into::into),
        "ph" => phone::phone(raw, context["region"].as_str()),
        "fn" | "ln" => name::name(raw).map(Into::into),
        "ge" => gender::gender(raw).map(Into::into),
        "db" => date::date_of_birth(raw, TODAY),
        "ct" => place::city(raw),
        "st" => place::state(raw, place),
        "zp" => place::postal_code(raw, place).map(Into::into),
        "country" => country::country(raw).map(Into::into),
        _ => external_id(raw).map(Into::into),
    }
}

#[test]
fn agrees_with_every_sample() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/normalization.json");
    let Ok(text) = std::fs::read_to_string(&path) else {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "skipped: {} is not there", path.display());
        return;
    };
    let samples: Value = serde_json::from_str(&text).expect("the file is JSON");
    let mut wrong = Vec::new();
    let mut tried = 0;
    for sample in samples["cases"].as_array().expect("a list of cases") {
        let (Some(field), Some(raw), Some(wanted)) =
            (sample["field"].as_str(), sample["input"].as_str(), sample.get("recommended"))
        else {
            continue;
        };
        tried += 1;
        let hashed = already_hashed(raw).map(|hashed| (to_hex(hashed), to_hex(hashed))).or_else(|| {
            let unusable = field != "external_id" && looks_like_md5(raw);
            let text = if unusable { None } else { normalised(field, raw, &sample["context"]) }?;
            Some((text.clone(), to_hex(sha256(&text))))
        });
        let expected = wanted
            .as_str()
            .map(|text| (text.to_owned(), sample["recommended_sha256"].as_str().unwrap_or("").to_owned()));
        if hashed != expected {
            wrong.push(format!("{field} {raw:?} {}: {hashed:?}, not {expected:?}", sample["context"]));
        }
    }
    assert!(tried > 150, "only {tried} samples were read");
    assert!(wrong.is_empty(), "{} of {tried} samples:\n{}", wrong.len(), wrong.join("\n"));
}
