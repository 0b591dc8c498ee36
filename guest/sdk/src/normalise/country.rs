//! Countries: Meta's `country`, and the region a phone number, state or postal code is read in.

use super::fold::{letters, without_brackets};
use super::table;

/// Folded names and alpha-3 codes to alpha-2: ISO 3166-1, names of the Unicode CLDR in English, each country's own languages
/// and eight of its neighbours', and everyday names (`Holland`, `UK`).
const NAMES: &str = include_str!("countries.txt");

/// ISO 3166-1 alpha-2, with `xk`, which is user-assigned and in use for Kosovo; sorted.
const CODES: &str = "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by \
                     bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk \
                     fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir \
                     is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk \
                     ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm \
                     pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf \
                     tg th tj tk tl tm tn to tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws xk ye yt za zm zw";

/// The lowercase alpha-2 code of a code or a name. Unknown names are dropped, never cut to two letters.
pub fn country(raw: &str) -> Option<&'static str> {
    let text = raw.trim();
    if let Some(code) = code(text) {
        return Some(code);
    }
    let folded = letters(&without_brackets(text));
    if let Some(code) = code(&folded) {
        return Some(code);
    }
    table::find(NAMES, &folded).or_else(|| table::find(NAMES, folded.strip_prefix("the")?))
}

/// The code of that spelling, in any case.
fn code(text: &str) -> Option<&'static str> {
    let [first, second] = *text.as_bytes() else { return None };
    let wanted = [first.to_ascii_lowercase(), second.to_ascii_lowercase()];
    // Two letters and a space each, sorted: bisected where they stand.
    let (mut low, mut high) = (0, CODES.len() / 3 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let code = CODES.get(middle * 3..middle * 3 + 2)?;
        match code.as_bytes().cmp(&wanted[..]) {
            std::cmp::Ordering::Equal => return Some(code),
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sound() {
        table::assert_sorted(NAMES);
        assert!(CODES.split(' ').is_sorted() && CODES.split(' ').all(|known| code(known) == Some(known)));
        for line in NAMES.lines() {
            let (name, code) = line.split_once('=').expect("a key and a value");
            assert!(CODES.split(' ').any(|known| known == code), "{line}");
            assert_eq!(letters(name), name, "a key must be folded as look-ups are");
        }
    }

    #[test]
    fn knows_codes_names_and_aliases() {
        for (raw, wanted) in [
            (" US ", "us"),
            ("u.s.", "us"),
            ("UK", "gb"),
            ("Côte d'Ivoire", "ci"),
            ("Cabo Verde", "cv"),
            ("XK", "xk"),
            ("Northern Ireland", "gb"),
            ("Deutschland", "de"),
            ("Россия", "ru"),
            ("日本", "jp"),
            ("Bolivia (Plurinational State of)", "bo"),
        ] {
            assert_eq!(country(raw), Some(wanted), "{raw}");
        }
        for raw in ["", "ZZ", "EU", "840", "Atlantis", "u"] {
            assert_eq!(country(raw), None, "{raw}");
        }
    }
}
