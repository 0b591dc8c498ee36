//! Phone numbers in the formats people and forms write them in.

use fastrand::Rng;

use super::country::Country;
use crate::sandbox::ids::one;

/// A number of this country: mostly E.164, often not, rarely unusable.
pub fn phone(rng: &mut Rng, country: &Country) -> String {
    let prefix = *one(rng, country.prefixes);
    let rest: String = (prefix.len()..country.digits).map(|_| rng.digit(10)).collect();
    written(rng, country, &format!("{prefix}{rest}"))
}

fn written(rng: &mut Rng, country: &Country, significant: &str) -> String {
    let (a, rest) = significant.split_at(3);
    let (b, c) = rest.split_at(3);
    let (dial, trunk) = (country.dial, country.trunk);
    match rng.u32(..100) {
        0..45 => format!("+{dial}{significant}"),
        45..55 => format!("+{dial} {a} {b} {c}"),
        55..70 if country.code == "US" => format!("({a}) {b}-{c}"),
        70..76 if country.code == "US" => format!("{a}.{b}.{c}"),
        76..80 if country.code == "US" => format!("1-{a}-{b}-{c}"),
        55..68 => format!("{trunk}{a} {b}{c}"),
        68..80 if !trunk.is_empty() => format!("+{dial} ({trunk}){a} {b} {c}"),
        68..80 => format!("{a}-{b}-{c}"),
        80..88 => format!("{trunk}{significant}"),
        88..93 => format!("00{dial}{significant}"),
        93..97 => format!(" +{dial}-{a}-{b}-{c} "),
        97..99 => format!("+{dial}{significant} ext. {}", rng.u32(1..100)),
        _ => (*one(rng, &["n/a", "0000000000", "12345"])).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::COUNTRIES;
    use super::phone;

    #[test]
    fn numbers_come_in_many_formats_and_nearly_all_hold_the_significant_digits() {
        let mut rng = fastrand::Rng::with_seed(4);
        for country in &COUNTRIES {
            let numbers: Vec<String> = (0..500).map(|_| phone(&mut rng, country)).collect();
            let digits = |number: &String| number.chars().filter(char::is_ascii_digit).count();
            let whole = numbers.iter().filter(|number| digits(number) >= country.digits).count();
            assert!((470..500).contains(&whole), "{}: {whole}", country.code);
            let plain = numbers.iter().filter(|number| number[1..].chars().all(|c| c.is_ascii_digit())).count();
            assert!(plain < 400, "{}: {plain}", country.code);
        }
    }
}
