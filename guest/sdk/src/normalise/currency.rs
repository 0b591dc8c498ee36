//! Currencies of amounts (ISO 4217).

/// The active codes for money (ISO 4217:2015, list one), without funds, metals and test codes; sorted.
const CODES: &str = include_str!("currencies.txt");

/// The code in capitals, if it is one. Never a default: the wrong currency is a wrong amount.
pub fn currency(raw: &str) -> Option<&'static str> {
    let code = raw.trim();
    (code.len() == 3).then(|| CODES.split_whitespace().find(|known| known.eq_ignore_ascii_case(code))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_iso_codes_only() {
        assert_eq!(currency(" usd "), Some("USD"));
        for raw in ["XXX", "US$", "Dollar", "", "XAU", "D E"] {
            assert_eq!(currency(raw), None, "{raw}");
        }
        assert!(CODES.split_whitespace().is_sorted() && CODES.split_whitespace().all(|code| code.len() == 3));
    }
}
