use proptest::prelude::*;
use serde_json::Value;

use super::{body, event};
use crate::bindings::convey::pipeline::types::{ActionSource, ConversionEvent, CustomValue, Hashed, UserData};
use crate::samples::nobody;

/// Some hash; its words show padding and order.
const EMAIL: Hashed = Hashed {
    a: 0x62a1_4e44,
    b: 0xf765_4190,
    c: 0x29f8_5a41,
    d: 0x1a1c_2f26,
    e: 0x0000_0001,
    f: 0xffff_ffff,
    g: 0x0012_3456,
    h: 0x89ab_cdef,
};
const EMAIL_HEX: &str = "62a14e44f765419029f85a411a1c2f2600000001ffffffff0012345689abcdef";

fn bare() -> ConversionEvent {
    ConversionEvent {
        id: "e1".into(),
        name: "Lead".into(),
        occurred_at: 1_789_000_000_999,
        action_source: ActionSource::SystemGenerated,
        source_url: None,
        user_data: nobody(),
        value: None,
        currency: None,
        custom_data: vec![],
        limited_data_use: false,
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("encode writes JSON")
}

#[test]
fn the_least_an_event_can_say() {
    let golden = r#"{"event_name":"Lead","event_time":1789000000,"event_id":"e1","action_source":"system_generated","user_data":{}}"#;
    assert_eq!(event(&bare()), golden);
}

#[test]
fn the_most_an_event_can_say() {
    let one = || vec![EMAIL];
    let user_data = UserData {
        emails: vec![EMAIL, EMAIL],
        phones: one(),
        first_names: one(),
        last_names: one(),
        genders: one(),
        dates_of_birth: one(),
        cities: one(),
        states: one(),
        postal_codes: one(),
        countries: one(),
        external_ids: one(),
        client_ip: Some("2001:db8::1".into()),
        user_agent: Some("Mozilla/5.0 \"x\"".into()),
        fbc: Some("fb.1.1.AbC".into()),
        fbp: Some("fb.1.1.2".into()),
        lead_id: Some("123456789012345".into()),
    };
    let full = ConversionEvent {
        action_source: ActionSource::PhysicalStore,
        source_url: Some("https://shop.example/ü".into()),
        user_data,
        value: Some(12.5),
        currency: Some("EUR".into()),
        custom_data: vec![
            ("lead_event_source".into(), CustomValue::Text("HighLevel".into())),
            ("num_items".into(), CustomValue::Number(3.0)),
            ("new".into(), CustomValue::Flag(true)),
            ("contents".into(), CustomValue::Json("[{\"id\":\"a\",\"quantity\":1}]".into())),
        ],
        limited_data_use: true,
        ..bare()
    };
    let h = format!("[\"{EMAIL_HEX}\"]");
    let golden = format!(
        concat!(
            r#"{{"event_name":"Lead","event_time":1789000000,"event_id":"e1","action_source":"physical_store","#,
            r#""event_source_url":"https://shop.example/ü","user_data":{{"em":["{x}","{x}"],"ph":{h},"fn":{h},"ln":{h},"ge":{h},"db":{h},"#,
            r#""ct":{h},"st":{h},"zp":{h},"country":{h},"external_id":{h},"client_ip_address":"2001:db8::1","#,
            r#""client_user_agent":"Mozilla/5.0 \"x\"","fbc":"fb.1.1.AbC","fbp":"fb.1.1.2","lead_id":123456789012345}},"#,
            r#""custom_data":{{"value":12.5,"currency":"EUR","lead_event_source":"HighLevel","num_items":3.0,"new":true,"#,
            r#""contents":[{{"id":"a","quantity":1}}]}},"data_processing_options":["LDU"],"#,
            r#""data_processing_options_country":0,"data_processing_options_state":0}}"#
        ),
        x = EMAIL_HEX,
        h = h
    );
    assert_eq!(event(&full), golden);
}

#[test]
fn wild_numbers_and_repeated_keys_are_left_out() {
    let wild = ConversionEvent {
        value: Some(f64::NAN),
        custom_data: vec![("a".into(), CustomValue::Number(f64::INFINITY))],
        ..bare()
    };
    assert_eq!(parsed(&event(&wild)).get("custom_data"), None);
    let twice = ConversionEvent {
        value: Some(1.0),
        custom_data: vec![
            ("value".into(), CustomValue::Number(2.0)),
            ("a".into(), CustomValue::Text("first".into())),
            ("a".into(), CustomValue::Text("second".into())),
            ("odd".into(), CustomValue::Json("{broken".into())),
        ],
        ..bare()
    };
    assert!(event(&twice).contains(r#""custom_data":{"value":1.0,"a":"first","odd":"{broken"}"#));
}

#[test]
fn a_lead_id_that_is_no_number_stays_text() {
    for (given, written) in [
        ("l:123", "\"l:123\""),
        ("007", "\"007\""),
        ("99999999999999999999999", "\"99999999999999999999999\""),
        ("7", "7"),
    ] {
        let lead = ConversionEvent { user_data: UserData { lead_id: Some(given.into()), ..nobody() }, ..bare() };
        assert!(event(&lead).contains(&format!("\"lead_id\":{written}}}")), "{given}");
    }
}

#[test]
fn a_body_carries_the_test_code_only_when_there_is_one() {
    let events = ["{\"a\":1}".to_owned(), "{\"b\":2}".to_owned()];
    assert_eq!(body(&events, None, None), r#"{"data":[{"a":1},{"b":2}]}"#);
    assert_eq!(
        body(&events[..1], Some("TEST\"1"), Some("convey")),
        r#"{"data":[{"a":1}],"test_event_code":"TEST\"1","partner_agent":"convey"}"#
    );
}

proptest! {
    #[test]
    fn any_text_and_any_number_make_valid_json(name in ".{0,20}", key in ".{0,10}", text in ".{0,20}", number in any::<f64>(), at in any::<u64>()) {
        let custom_data = vec![
            (key.clone(), CustomValue::Text(text.clone())),
            ("n".into(), CustomValue::Number(number)),
            ("j".into(), CustomValue::Json(text.clone())),
        ];
        let json = parsed(&event(&ConversionEvent { name: name.clone(), occurred_at: at, value: Some(number), custom_data, ..bare() }));
        prop_assert_eq!(&json["event_name"], &Value::from(name));
        prop_assert_eq!(&json["event_time"], &Value::from(at / 1000));
        if number.is_finite() {
            prop_assert_eq!(json["custom_data"]["value"].as_f64(), Some(number));
        }
        if !["n", "value"].contains(&key.as_str()) {
            prop_assert_eq!(&json["custom_data"][&key], &Value::from(text));
        }
    }
}
