//! `application/x-www-form-urlencoded`, as token requests (RFC 6749, appendix B) and the queries of authorisation addresses are written.

/// The pairs as one text.
pub(super) fn encoded(pairs: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        push(&mut out, name);
        out.push('=');
        push(&mut out, value);
    }
    out
}

/// A blank is `%20`: every reader of forms and of queries takes it, and some readers of queries take no `+`.
fn push(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.extend(['%', char::from(HEX[usize::from(byte >> 4)]), char::from(HEX[usize::from(byte & 15)])]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::encoded;

    #[test]
    fn what_means_something_in_a_form_is_escaped() {
        assert_eq!(
            encoded(&[("a b", "x&y=z"), ("é", "locations/tags.write")]),
            "a%20b=x%26y%3Dz&%C3%A9=locations%2Ftags.write"
        );
    }

    proptest! {
        #[test]
        fn pairs_come_back_as_they_went(name in "\\PC{1,20}", value in "\\PC{0,20}") {
            let query = format!("/?{}", encoded(&[(&name, &value), ("last", "1")]));
            let uri: axum::http::Uri = query.parse().unwrap();
            let axum::extract::Query(pairs) = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri).unwrap();
            prop_assert_eq!(pairs, vec![(name, value), ("last".to_owned(), "1".to_owned())]);
        }
    }
}
