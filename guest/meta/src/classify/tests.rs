use super::{Finding, POLICY_WAIT_MS, events, probe};
use crate::bindings::exports::convey::pipeline::conversions_sink::Outcome;
use crate::exchange::Answer;
use crate::subcode::meaning;

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

fn envelope(code: i64, subcode: Option<i64>, transient: bool) -> String {
    let subcode = subcode.map(|subcode| format!(r#""error_subcode":{subcode},"#)).unwrap_or_default();
    format!(
        r#"{{"error":{{"message":"about jo@example.com","type":"OAuthException","code":{code},{subcode}"is_transient":{transient},
        "error_user_title":"Un\ntitre","error_user_msg":"jo@example.com","fbtrace_id":"Ax1"}}}}"#
    )
}

/// The outcome's name with a mark for how far it reaches: `+` everyone, `-` one culprit.
fn word(finding: &Finding) -> String {
    let (mark, outcome) = match finding {
        Finding::Accepted(_) => return "accepted".into(),
        Finding::Culprit(outcome) => ('-', outcome),
        Finding::Everyone(outcome) => ('+', outcome),
    };
    let name = match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Rejected(_) => "rejected",
        Outcome::Expired(_) => "expired",
        Outcome::Throttled(_) => "throttled",
        Outcome::Unauthorized(_) => "unauthorized",
        Outcome::Unavailable(_) => "unavailable",
        Outcome::Blocked(_) => "blocked",
        Outcome::Unknown(_) => "unknown",
    };
    format!("{mark}{name}")
}

#[test]
fn every_code_has_its_word() {
    type Codes = &'static [(i64, Option<i64>)];
    let table: &[(&str, Codes)] = &[
        (
            "+unavailable",
            &[(1, None), (2, None), (5000, None), (21009, None), (506, None), (424_242, None), (2650, Some(1_870_145))],
        ),
        ("-rejected", &[(1, Some(99)), (105, None), (100, None), (100, Some(123_456))]),
        (
            "+blocked",
            &[
                (3, None),
                (10, None),
                (200, None),
                (200, Some(1_870_034)),
                (200, Some(1_870_090)),
                (294, None),
                (299, None),
            ],
        ),
        ("+blocked", &[(100, Some(33)), (803, None), (2655, None), (1_487_301, None), (1_487_366, None)]),
        ("+throttled", &[(4, None), (17, None), (32, None), (341, None), (368, None), (613, None)]),
        (
            "+throttled",
            &[(80_000, None), (80_001, None), (80_003, None), (80_004, None), (80_005, None), (80_014, None)],
        ),
        (
            "+unauthorized",
            &[(102, None), (104, None), (190, None), (190, Some(458)), (190, Some(459)), (190, Some(460))],
        ),
        ("+unauthorized", &[(190, Some(463)), (190, Some(464)), (190, Some(467)), (190, Some(492))]),
        ("+blocked", &[(2500, None), (2635, None)]),
        ("+unavailable", &[(2650, Some(1_870_147)), (2650, Some(1_870_158)), (2650, Some(1_870_159))]),
        ("-expired", &[(100, Some(2_804_003))]),
    ];
    for (expected, codes) in table {
        for (code, subcode) in *codes {
            // The status is not authoritative: whatever it says, the code decides.
            for status in [400, 401, 403, 500, 200] {
                let finding = events(&answer(status, &envelope(*code, *subcode, false)), 2);
                assert_eq!(word(&finding), *expected, "{status} {code}/{subcode:?}");
            }
        }
    }
}

#[test]
fn every_known_subcode_of_an_invalid_parameter_isolates_one_event_and_says_why() {
    let known = [
        2_804_004, 2_804_008, 2_804_009, 2_804_010, 2_804_016, 2_804_019, 2_804_023, 2_804_030, 2_804_036, 2_804_043,
        2_804_050, 2_804_063, 2_804_066, 2_804_069, 2_804_072, 2_804_079, 2_804_087, 2_804_116, 2_804_118, 2_804_131,
        2_804_132,
    ];
    for subcode in known {
        let said = meaning(100, Some(subcode)).expect("a known subcode");
        assert_ne!(Some(said), meaning(100, None), "{subcode}");
        let Finding::Culprit(Outcome::Rejected(text)) = events(&answer(400, &envelope(100, Some(subcode), false)), 2)
        else {
            panic!("{subcode} isolates");
        };
        assert!(text.contains(said) && text.contains(&format!("100/{subcode}")), "{text}");
    }
    for unknown in [2_804_001, 2_804_007, 2_804_017, 2_804_048] {
        assert_eq!(word(&events(&answer(400, &envelope(100, Some(unknown), false)), 2)), "-rejected");
    }
}

#[test]
fn a_refusal_names_code_title_and_trace_and_never_what_was_sent() {
    let Finding::Culprit(Outcome::Rejected(text)) = events(&answer(400, &envelope(100, Some(2_804_050), false)), 1)
    else {
        panic!("a rejection");
    };
    assert_eq!(
        text,
        "Meta refused with code 100/2804050: not enough customer information to match anybody – “Untitre” (fbtrace_id Ax1)"
    );
}

#[test]
fn what_is_transient_is_tried_again() {
    for code in [1, 2, 100, 200, 999] {
        assert_eq!(word(&events(&answer(400, &envelope(code, None, true)), 1)), "+unavailable", "{code}");
    }
    assert_eq!(word(&events(&answer(400, &envelope(4, None, true)), 1)), "+throttled");
    assert_eq!(word(&events(&answer(400, &envelope(190, None, true)), 1)), "+unauthorized");
}

#[test]
fn answers_without_an_envelope() {
    let page = "<!DOCTYPE html><html><title>Sorry</title></html>";
    for (status, body, expected) in [
        (503, page, "+unavailable"),
        (502, "", "+unavailable"),
        (500, "{}", "+unavailable"),
        (504, "null", "+unavailable"),
        (403, page, "+unavailable"),
        (302, "", "+unavailable"),
        (400, "{\"error\":\"text\"}", "+unavailable"),
        (401, "", "+unauthorized"),
        (413, page, "-rejected"),
        (429, "", "+throttled"),
        // The events may well be in.
        (200, "", "+unknown"),
        (200, page, "+unknown"),
        (200, "{\"events_received\":1}", "+unknown"),
        (200, "{\"events_received\":2,\"messages\":[],\"fbtrace_id\":\"A\"}", "accepted"),
        (201, "{\"events_received\":2}", "accepted"),
    ] {
        assert_eq!(word(&events(&answer(status, body), 2)), expected, "{status} {body}");
    }
}

#[test]
fn a_throttle_says_how_long() {
    let mut throttled = answer(400, &envelope(80_004, Some(2_446_079), false));
    throttled.headers = vec![(
        "x-business-use-case-usage".into(),
        r#"{"1":[{"call_count":100,"estimated_time_to_regain_access":2}]}"#.into(),
    )];
    assert_eq!(events(&throttled, 1), Finding::Everyone(Outcome::Throttled(Some(120_000))));
    throttled.headers.push(("retry-after".into(), "7".into()));
    assert_eq!(events(&throttled, 1), Finding::Everyone(Outcome::Throttled(Some(7_000))));
    assert_eq!(events(&answer(400, &envelope(4, None, false)), 1), Finding::Everyone(Outcome::Throttled(None)));
    assert_eq!(
        events(&answer(400, &envelope(368, None, false)), 1),
        Finding::Everyone(Outcome::Throttled(Some(POLICY_WAIT_MS)))
    );
}

#[test]
fn the_trace_id_is_kept() {
    let taken = events(&answer(200, r#"{"events_received":1,"messages":[],"fbtrace_id":"AbC"}"#), 1);
    assert_eq!(taken, Finding::Accepted(Some("AbC".into())));
}

#[test]
fn a_probe_that_reaches_its_dataset() {
    assert_eq!(probe(&answer(200, r#"{"id":"123"}"#), "123"), Outcome::Accepted(None));
    assert!(matches!(probe(&answer(200, r#"{"id":"124"}"#), "123"), Outcome::Unavailable(_)));
    assert!(matches!(probe(&answer(400, &envelope(100, Some(33), false)), "123"), Outcome::Blocked(_)));
    assert!(matches!(probe(&answer(400, &envelope(100, None, false)), "123"), Outcome::Blocked(_)));
    assert!(matches!(probe(&answer(401, &envelope(190, Some(463), false)), "123"), Outcome::Unauthorized(_)));
}

#[test]
fn a_call_that_is_refused_as_a_call_sinks_no_event() {
    let body = r#"{"error":{"message":"m","type":"GraphMethodException","code":100}}"#;
    let finding = events(&answer(400, body), 3);
    assert_eq!(word(&finding), "+blocked");
    assert!(format!("{finding:?}").contains("`app_secret`"), "{finding:?}");
}
