//! Where requests go instead of the vendor's own address.

use std::net::IpAddr;

use http::Uri;

/// Checks an address that stands in for a vendor's: https anywhere, http to this machine only, no credentials, no query.
/// The error is what is wrong and what to write instead; it repeats nothing of an address that holds credentials.
pub(super) fn checked(text: &str) -> Result<Uri, (String, String)> {
    let example = || "base_url = \"https://proxy.example.com/crm\"".to_owned();
    let uri: Uri = text.parse().map_err(|_| ("is not an address".to_owned(), example()))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(("is not an absolute address".to_owned(), example()));
    };
    if authority.as_str().contains('@') {
        let hint = "credentials are named by `token = { env = \"…\" }`; write the address without them";
        return Err(("holds credentials".to_owned(), hint.to_owned()));
    }
    if authority.host().is_empty() {
        return Err(("names no host".to_owned(), example()));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(("may not have a query or a fragment".to_owned(), example()));
    }
    match scheme {
        "https" => Ok(uri),
        "http" if is_loopback(authority.host()) => Ok(uri),
        "http" => Err((
            "is plain http to another machine: tokens and people's details would travel readable".to_owned(),
            format!("base_url = \"https{}\"", &text[scheme.len()..]),
        )),
        _ => Err(("must begin with https://".to_owned(), example())),
    }
}

/// Whether a host can only be this machine: 127.0.0.0/8 and ::1 (RFC 6890), `localhost` (RFC 6761).
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::checked;

    #[test]
    fn https_anywhere_and_http_only_here() {
        for good in [
            "https://services.example.com",
            "https://proxy/a/b",
            "http://127.0.0.1:9001",
            "http://127.9.9.9/x",
            "http://[::1]:80",
            "http://localhost:1",
            "http://LOCALHOST",
        ] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.1",
            "http://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://[::2]",
            "http://0.0.0.0",
            "http://0x7f.1",
            "ftp://localhost",
            "localhost:9001",
            "/path",
            "",
            "https://h/?q=1",
            "https://h/#f",
            "https://u:p@h",
            "http://127.0.0.1@example.com",
            "http://example.com@127.0.0.1",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_refusal_is_the_fix_and_hides_credentials() {
        let (_, fix) = checked("http://crm.example.com:81/v1").unwrap_err();
        assert_eq!(fix, "base_url = \"https://crm.example.com:81/v1\"");
        let (wrong, fix) = checked("https://user:hunter2@h").unwrap_err();
        assert!(!format!("{wrong}{fix}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn plain_http_is_never_accepted_beyond_this_machine(host in "[a-z0-9.-]{1,20}") {
            if let Ok(uri) = checked(&format!("http://{host}")) {
                let host = uri.host().unwrap_or_default();
                prop_assert!(host == "localhost" || host.starts_with("127."));
            }
        }
    }
}
