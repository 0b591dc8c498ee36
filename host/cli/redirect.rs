//! What a person brings back from the browser: the address they were sent to, or the code in it.

use axum::extract::Query;
use http::Uri;
use serde::Deserialize;

use crate::flow::Redirected;

/// What a redirect may carry (RFC 6749 §4.1.2 and §4.1.2.1).
#[derive(Deserialize)]
struct Carried {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Reads an address or a bare code. The error repeats neither.
pub(super) fn read(pasted: &str) -> Result<Redirected, String> {
    let pasted = pasted.trim();
    let is_address = ["://", "code=", "error="].iter().any(|sign| pasted.contains(sign));
    if !is_address {
        return match pasted {
            "" => Err("paste the whole address that the browser was sent to".to_owned()),
            code => Ok(Redirected { code: code.to_owned(), state: None }),
        };
    }
    let query = pasted.split_once('?').map_or(pasted, |(_, query)| query);
    let uri = format!("/?{query}").parse::<Uri>();
    let uri = uri.map_err(|_| "that is no address: paste it whole, as the browser shows it".to_owned())?;
    let Query(carried) = Query::<Carried>::try_from_uri(&uri).map_err(|_| "its query cannot be read".to_owned())?;
    let filled = |value: Option<String>| value.filter(|text| !text.is_empty());
    match (filled(carried.code), carried.error) {
        (Some(code), _) => Ok(Redirected { code, state: filled(carried.state) }),
        (None, Some(_)) => Err("the CRM says that access was not given".to_owned()),
        (None, None) => Err("there is no code in it: paste the address that the browser was sent to last".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::read;

    fn parts(pasted: &str) -> Option<(String, Option<String>)> {
        read(pasted).ok().map(|read| (read.code, read.state))
    }

    #[test]
    fn addresses_queries_and_codes_are_read() {
        let both = Some(("c0de".to_owned(), Some("5tate".to_owned())));
        assert_eq!(parts("https://hooks.example.com/oauth/crm?code=c0de&state=5tate"), both);
        assert_eq!(parts("  https://hooks.example.com/oauth/crm?state=5tate&code=c0de#_=_\n"), both);
        assert_eq!(parts("code=c0de&state=5tate"), both);
        assert_eq!(parts("hooks.example.com/oauth/crm?code=c0de&state=5tate"), both);
        assert_eq!(parts("c0de=="), Some(("c0de==".to_owned(), None)));
        assert_eq!(parts("c0de"), Some(("c0de".to_owned(), None)));
        assert_eq!(parts("http://127.0.0.1/x?code=c0de&state="), Some(("c0de".to_owned(), None)));
        assert_eq!(parts("https://a/?code=a%2Fb%20c"), Some(("a/b c".to_owned(), None)));
    }

    #[test]
    fn what_holds_no_code_is_told() {
        let said = |pasted: &str| read(pasted).err().unwrap_or_default();
        assert!(said("https://a/?error=access_denied").contains("not given"));
        assert!(said("https://a/oauth/crm").contains("no"));
        assert!(said("").contains("paste"));
        assert!(!said("https://a/?stat=s3cret").contains("s3cret"));
    }

    proptest! {
        #[test]
        fn no_paste_breaks_it(pasted in "\\PC{0,60}") {
            let _ = read(&pasted);
        }
    }
}
