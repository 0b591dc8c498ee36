//! What the person's clicks left behind: the fields the platform wants in clear.

use std::net::{IpAddr, Ipv4Addr};

use crate::scan::{all_bytes, any_byte, position};
use crate::types::{Attribution, Contact};

/// Why a value was left out.
pub type Reason = &'static str;

/// The first value some touch has, last touch before first: the later click is the one that led to the change. `None` when no
/// touch has one; an error when those that have one are all unusable.
fn latest<'c, T>(
    contact: &'c Contact,
    read: impl Fn(&'c Attribution) -> Option<Result<T, Reason>>,
) -> Option<Result<T, Reason>> {
    let mut refused = None;
    for touch in touches(contact) {
        match read(touch) {
            Some(Ok(value)) => return Some(Ok(value)),
            Some(Err(reason)) => refused = refused.or(Some(Err(reason))),
            None => {}
        }
    }
    refused
}

fn touches(contact: &Contact) -> impl Iterator<Item = &Attribution> {
    [&contact.last_touch, &contact.first_touch].into_iter().flatten()
}

/// The click's id as Meta writes it into its `_fbc` cookie: as it was kept, else built from the `fbclid` as
/// `fb.1.<ms of the click>.<fbclid>` ("Customer Information Parameters", ClickID). The time is the click's, else the contact's
/// creation, never now: a click after the conversion is worth nothing.
pub fn fbc(contact: &Contact) -> Option<Result<String, Reason>> {
    latest(contact, |touch| {
        let kept = visible(&touch.fbc)
            .map(|fbc| is_cookie(fbc, is_click_id).then(|| fbc.to_owned()).ok_or("not a well-formed fbc"));
        if let Some(Ok(fbc)) = kept {
            return Some(Ok(fbc));
        }
        let built = visible(&touch.fbclid).map(|fbclid| {
            if !is_click_id(fbclid) {
                return Err("not a well-formed fbclid");
            }
            let clicked =
                touch.clicked_at.or(contact.created_at).filter(|at| is_millis(*at)).ok_or("the click has no time")?;
            Ok(format!("fb.1.{clicked}.{fbclid}"))
        });
        built.or(kept)
    })
}

/// The browser's id as Meta writes it into its `_fbp` cookie.
pub fn fbp(contact: &Contact) -> Option<Result<String, Reason>> {
    latest(contact, |touch| {
        let is_random = |part: &str| part.len() <= 20 && all_bytes(part, |byte| byte.is_ascii_digit());
        visible(&touch.fbp).map(|fbp| is_cookie(fbp, is_random).then(|| fbp.to_owned()).ok_or("not a well-formed fbp"))
    })
}

/// The Lead Ads lead's id: 15 to 17 digits, without the `l:` of exported lists.
pub fn lead_id(contact: &Contact) -> Option<Result<String, Reason>> {
    latest(contact, |touch| {
        visible(&touch.lead_id).map(|raw| {
            let id = raw.strip_prefix("l:").unwrap_or(raw);
            let sound = (15..=17).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
            sound.then(|| id.to_owned()).ok_or("not 15 to 17 digits")
        })
    })
}

/// The client's public address in its shortest form.
pub fn client_ip(contact: &Contact) -> Option<Result<String, Reason>> {
    latest(contact, |touch| {
        visible(&touch.client_ip).map(|raw| {
            let address: IpAddr = raw.parse().map_err(|_| "not an IP address")?;
            if !is_public(address.to_canonical()) {
                return Err("not a public IP address");
            }
            // What is read as an IPv4 address has no other spelling.
            Ok(if address.is_ipv4() { raw.to_owned() } else { address.to_canonical().to_string() })
        })
    })
}

/// The browser's user agent, as it came.
pub fn user_agent(contact: &Contact) -> Option<Result<String, Reason>> {
    latest(contact, |touch| {
        visible(&touch.user_agent).map(|agent| {
            let sound = agent.len() <= 1024 && !holds_control(agent);
            sound.then(|| agent.to_owned()).ok_or("not a user agent")
        })
    })
}

/// The page, without query, fragment and credentials, which may hold anything about the person.
pub fn page(contact: &Contact) -> Option<Result<String, Reason>> {
    latest(contact, |touch| {
        visible(&touch.url).map(|raw| {
            let end = position(raw, |byte| byte == b'?' || byte == b'#');
            let page = end.map_or(raw, |end| &raw[..end]);
            let (scheme, rest) = cut(page, b':').ok_or("not an absolute web address")?;
            let rest = rest.strip_prefix("//").ok_or("not an absolute web address")?;
            let host = cut(rest, b'/').map_or(rest, |(host, _)| host);
            let sound = (scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http"))
                && !host.is_empty()
                && !any_byte(host, |byte| byte == b'@')
                && page.len() <= 2048
                && !holds_space_or_control(page);
            sound.then(|| page.to_owned()).ok_or("not an absolute web address")
        })
    })
}

fn visible(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// What stands before and after a byte of ASCII. Texts are short here: the library's own search, by words of memory, does not pay.
fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = position(text, |found| found == byte)?;
    Some((&text[..at], &text[at + 1..]))
}

fn holds_space_or_control(text: &str) -> bool {
    any_byte(text, |byte| byte <= b' ' || byte == 0x7f || !byte.is_ascii())
        && text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn holds_control(text: &str) -> bool {
    any_byte(text, |byte| byte.is_ascii_control() || !byte.is_ascii()) && text.chars().any(char::is_control)
}

/// `fb.<index>.<ms>.<id>`, and perhaps the token a parameter builder appends.
fn is_cookie(text: &str, is_id: impl Fn(&str) -> bool) -> bool {
    let index = text.strip_prefix("fb.").and_then(|rest| cut(rest, b'.'));
    let Some((index, (millis, id))) = index.and_then(|(index, rest)| Some((index, cut(rest, b'.')?))) else {
        return false;
    };
    let (id, builder) = cut(id, b'.').map_or((id, None), |(id, token)| (id, Some(token)));
    index.len() == 1
        && index.bytes().all(|byte| byte.is_ascii_digit())
        && millis.len() <= 14
        && all_bytes(millis, |byte| byte.is_ascii_digit())
        && millis.parse().is_ok_and(is_millis)
        && !id.is_empty()
        && is_id(id)
        && builder.is_none_or(|token| matches!(token.len(), 2 | 8) && token.bytes().all(is_base64url))
}

/// From 2001 to 2286, the span in which milliseconds have 12 or 13 digits: seconds do not pass for milliseconds.
fn is_millis(at: u64) -> bool {
    (1_000_000_000_000 - 21_000_000_000..10_000_000_000_000).contains(&at)
}

fn is_click_id(id: &str) -> bool {
    (1..=500).contains(&id.len()) && all_bytes(id, is_base64url)
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_unspecified()
                || v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4 == Ipv4Addr::BROADCAST)
        }
        IpAddr::V6(v6) => {
            !(v6.is_unspecified()
                || v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{contact, touch};

    fn clicked(last: Attribution) -> Contact {
        Contact { last_touch: Some(last), ..contact() }
    }

    #[test]
    fn fbc_is_kept_or_built_with_the_clicks_own_time() {
        let fbclid = Some("IwAR2Abc-_Xyz".to_owned());
        let at = Some(1_788_000_000_000);
        let built = clicked(Attribution { fbclid: fbclid.clone(), clicked_at: at, ..touch() });
        assert_eq!(fbc(&built), Some(Ok("fb.1.1788000000000.IwAR2Abc-_Xyz".into())));
        let kept = clicked(Attribution {
            fbc: Some("fb.1.1787000000000.Kept".into()),
            fbclid: fbclid.clone(),
            clicked_at: at,
            ..touch()
        });
        assert_eq!(fbc(&kept), Some(Ok("fb.1.1787000000000.Kept".into())));
        let broken = clicked(Attribution { fbc: Some("fb.one".into()), fbclid: fbclid.clone(), ..touch() });
        assert_eq!(fbc(&broken), Some(Ok("fb.1.1789000000000.IwAR2Abc-_Xyz".into())), "else the contact's creation");
        let untimed = Contact { created_at: None, ..clicked(Attribution { fbclid, ..touch() }) };
        assert_eq!(fbc(&untimed), Some(Err("the click has no time")));
        assert_eq!(fbc(&contact()), None);
    }

    #[test]
    fn the_last_touch_comes_first_unless_it_is_unusable() {
        let first = Attribution { client_ip: Some("203.0.113.9".into()), ..touch() };
        let both = |last: &str| Contact {
            first_touch: Some(first.clone()),
            ..clicked(Attribution { client_ip: Some(last.into()), ..touch() })
        };
        assert_eq!(client_ip(&both("2001:DB8::1")), Some(Ok("2001:db8::1".into())));
        assert_eq!(client_ip(&both("10.0.0.1")), Some(Ok("203.0.113.9".into())));
        assert_eq!(
            client_ip(&clicked(Attribution { client_ip: Some("300.1.1.1".into()), ..touch() })),
            Some(Err("not an IP address"))
        );
    }

    #[test]
    fn cookies_and_lead_ids_are_checked() {
        let fbp_of =
            |raw: &str| fbp(&clicked(Attribution { fbp: Some(raw.into()), ..touch() })).expect("a value").is_ok();
        assert!(fbp_of("fb.1.1596403881668.1116446470") && fbp_of("fb.1.1596403881668.1116446470.AQQCAQMC"));
        assert!(!fbp_of("fb.1.1596403881.1116446470") && !fbp_of("1116446470") && !fbp_of("fb.1.1596403881668.abc"));
        let lead_of = |raw: &str| {
            lead_id(&clicked(Attribution { lead_id: Some(raw.into()), ..touch() })).expect("a value").is_ok()
        };
        assert!(lead_of("525645896321548") && lead_of("l:525645896321548") && !lead_of("12345"));
    }

    #[test]
    fn pages_lose_what_may_name_the_person() {
        let page_of =
            |raw: &str| page(&clicked(Attribution { url: Some(raw.into()), ..touch() })).expect("a value").ok();
        assert_eq!(page_of("https://shop.test/p?email=a@b.co#top").as_deref(), Some("https://shop.test/p"));
        assert_eq!(page_of("https://ann:pw@shop.test/"), None);
        assert_eq!(page_of("shop.test/p"), None);
        assert_eq!(page_of("https:/shop.test/p"), None);
        assert_eq!(page_of("https://shop.test?x=://#").as_deref(), Some("https://shop.test"));
        assert_eq!(page_of("https://shop.test/a b"), None);
        assert_eq!(page_of("https://shop.test/a\u{2003}b"), None);
        assert_eq!(page_of("javascript://x"), None);
    }
}
