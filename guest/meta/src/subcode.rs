//! What Meta's codes and subcodes mean, in our words: the platform's own are localised, and may repeat what was sent.
//! Sources: Graph API, "Handle Errors"; Conversions API, "Troubleshooting"; answers of the API itself.

/// One event is older than the platform takes.
pub const TOO_OLD: i64 = 2_804_003;

/// More members than a request may hold.
pub const TOO_MANY_MEMBERS: i64 = 1_870_144;
/// An audience was changed in part.
pub const PARTLY_CHANGED: i64 = 1_870_148;
/// An audience that Meta has put aside.
pub const FLAGGED_AUDIENCE: i64 = 1_713_230;

/// The meaning of a code with its subcode, where it is known.
pub fn meaning(code: i64, subcode: Option<i64>) -> Option<&'static str> {
    let of_subcode = subcode.and_then(|subcode| match (code, subcode) {
        (100, 33) => Some("the dataset or audience does not exist or the token cannot reach it"),
        (100, _) => parameter(subcode),
        (102 | 190, _) => token(subcode),
        (1, 99) => Some("Meta can make nothing of the request"),
        (2650, _) => audience(subcode),
        (200, 1_870_034 | 1_870_090) => Some("the terms of custom audiences are not accepted"),
        _ => None,
    });
    of_subcode.or(match code {
        1 | 2 | 5000 | 21_009 => Some("Meta has a trouble of its own"),
        80_001 => Some("too many requests for the page"),
        80_003 => Some("too many changes of audiences"),
        80_004 => Some("too many requests for the ad account"),
        80_005 => Some("too many requests for leads"),
        4 | 17 | 32 | 341 | 613 | 80_000..=80_014 => Some("too many requests"),
        100 => Some("a parameter is invalid"),
        102 | 190 => Some("the token is not valid"),
        104 => Some("the proof of the app's secret is missing or wrong: give the destination's `app_secret`, the secret of the app that made the token"),
        105 => Some("too many parameters"),
        368 => Some("blocked for a while by a policy"),
        294 => Some("the token lacks the permission ads_management"),
        506 => Some("the same was posted before"),
        803 => Some("the dataset does not exist"),
        2500 => Some("the address is not served"),
        2635 => Some("this version of the API is not served: set `api_version` (for audiences `audience_api_version`) to a current one"),
        2650 => Some("the audience could not be changed"),
        2655 => Some("the messaging terms are not accepted"),
        1_487_301 => Some("the audience is not shared with this account"),
        1_487_366 => Some("the audience was deleted"),
        3 | 10 | 200..=299 => Some("the token lacks a permission"),
        _ => None,
    })
}

fn audience(subcode: i64) -> Option<&'static str> {
    Some(match subcode {
        TOO_MANY_MEMBERS => "too many members in one request",
        1_870_145 => "another change of the audience is under way",
        1_870_147 => "the first request of a session must be number 1",
        PARTLY_CHANGED => "the audience was changed in part",
        1_870_158 => "the session has run out",
        1_870_159 => "the session is over",
        _ => return None,
    })
}

fn parameter(subcode: i64) -> Option<&'static str> {
    Some(match subcode {
        TOO_OLD => "the event is too old",
        2_804_004 => "the event lies in the future",
        2_804_008 => "custom_data has a wrong shape",
        2_804_009 => "a Purchase needs a value",
        2_804_010 => "a Purchase needs a currency",
        2_804_016 => "a field of custom_data is invalid",
        2_804_019 => "a parameter is missing or has a wrong type",
        2_804_023 => "a value needs a currency",
        2_804_036 => "the lead_id is invalid or deleted",
        2_804_043 => "extinfo is invalid",
        2_804_050 => "not enough customer information to match anybody",
        2_804_063 => "the messaging channel is missing",
        2_804_066 => "the event name is not allowed for messaging",
        2_804_069 => "the page id is missing",
        2_804_072 => "the page id is not the click's",
        2_804_079 => "the Instagram account id is missing",
        2_804_087 => "the ctwa_clid is invalid",
        2_804_116 => "the page or WhatsApp business account id is missing",
        2_804_118 => "dataset and WhatsApp business account do not belong together",
        2_804_131 => "the dataset is not connected to a page",
        FLAGGED_AUDIENCE => "Meta has flagged the audience: look at it in Ads Manager",
        2_804_030 => "limited data use must be stated",
        2_804_132 => "the dataset is not connected to a WhatsApp business account",
        _ => return None,
    })
}

fn token(subcode: i64) -> Option<&'static str> {
    Some(match subcode {
        458 => "the app was removed by its user",
        459 => "the token's user must log in to Facebook first",
        460 => "the token's user changed the password",
        463 => "the token has expired",
        464 => "the token's user is not confirmed",
        467 => "the token was withdrawn",
        492 => "the session is not valid",
        _ => return None,
    })
}
