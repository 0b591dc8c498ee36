//! Request paths. An id is the vendor's, but a path must not be what a body says it is: anything unusual is escaped.

/// One segment of a path, whatever the id.
pub fn segment(id: &str) -> String {
    escaped(id, b"-_")
}

/// `/contacts/{id}`.
pub fn contact(id: &str) -> String {
    format!("/contacts/{}", segment(id))
}

/// `/contacts/{id}/tasks` and the like.
pub fn of_contact(id: &str, kind: &str) -> String {
    format!("/contacts/{}/{kind}", segment(id))
}

/// `/contacts/{id}/tasks/{object}` and the like.
pub fn object(id: &str, kind: &str, object: &str) -> String {
    format!("/contacts/{}/{kind}/{}", segment(id), segment(object))
}

/// The path with its query. Values are percent-encoded as RFC 3986 has it; a `+` stays a plus on the other side.
pub fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value, b"-_.~"))).collect();
    format!("{path}?{}", pairs.join("&"))
}

fn escaped(text: &str, plain: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_has_one_segment_whatever_the_id() {
        assert_eq!(contact("nmFmQEsNgz6AVpgLVUJ0"), "/contacts/nmFmQEsNgz6AVpgLVUJ0");
        assert_eq!(contact("../a?b"), "/contacts/%2E%2E%2Fa%3Fb");
        assert_eq!(object("c", "tasks", "a/completed"), "/contacts/c/tasks/a%2Fcompleted");
    }

    #[test]
    fn a_plus_is_not_a_blank() {
        let path = with_query(
            "/contacts/search/duplicate",
            &[("locationId", "l"), ("number", "+1310 5"), ("email", "a&b=@c.org")],
        );
        assert_eq!(path, "/contacts/search/duplicate?locationId=l&number=%2B1310%205&email=a%26b%3D%40c.org");
    }

    proptest! {
        #[test]
        fn no_id_leaves_its_segment(id in ".{0,20}") {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'%');
            prop_assert!(segment(&id).bytes().all(plain));
            prop_assert_eq!(with_query("/a", &[("b", &id)]).matches(['?', '&', '#']).count(), 1);
        }
    }
}
