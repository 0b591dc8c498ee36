//! `multipart/form-data` (RFC 7578) as far as form fields go: names and texts, in their order. Pure.

/// The fields of a body; None for one that is not in the shape its content type claims.
pub fn read(content_type: &str, body: &[u8]) -> Option<Vec<(String, String)>> {
    let parameters = content_type.split(';').skip(1).map(str::trim);
    let boundary = parameters.into_iter().find_map(|parameter| parameter.strip_prefix("boundary="))?.trim_matches('"');
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(&delimiter.as_bytes()[2..])?;
    let mut fields = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Some(fields);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let head_end = find(rest, b"\r\n\r\n")?;
        let (head, text) = (&rest[..head_end], &rest[head_end + 4..]);
        let text_end = find(text, delimiter.as_bytes())?;
        fields.push((name(head)?, String::from_utf8_lossy(&text[..text_end]).into_owned()));
        rest = &text[text_end + delimiter.len()..];
    }
}

/// The field's name, from the part's `Content-Disposition`.
fn name(head: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = line.split(';').map(str::trim).find_map(|parameter| parameter.strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::read;

    const FORM: &str = "multipart/form-data; boundary=\"--x\"";

    #[test]
    fn fields_come_in_their_order_and_may_hold_lines() {
        let body = "----x\r\ncontent-disposition: form-data; name=a\r\ncontent-type: text/plain\r\n\r\n1\r\n2\r\n\
             ----x\r\nContent-Disposition: form-data; name=\"b\"; filename=\"f\"\r\n\r\n\r\n----x--\r\n";
        let wanted = [("a", "1\r\n2"), ("b", "")].map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(read(FORM, body.as_bytes()).as_deref(), Some(&wanted[..]));
    }

    #[test]
    fn what_breaks_off_or_names_no_boundary_is_no_form() {
        for (content_type, body) in [
            ("multipart/form-data", "--x--"),
            (FORM, ""),
            (FORM, "----x\r\nContent-Disposition: form-data; name=a\r\n\r\n1"),
            (FORM, "----x\r\nno name\r\n\r\n1\r\n----x--"),
        ] {
            assert_eq!(read(content_type, body.as_bytes()), None, "{body}");
        }
    }
}
