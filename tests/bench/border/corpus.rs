//! Invented contacts as a CRM answers them, one JSON line each: the same lines for the same count, on every machine.

use serde_json::{Value, json};

const SEED: u64 = 20_261_122;
/// 2026-11-22, in milliseconds: nobody was added later.
const NEWEST: u64 = 1_795_305_600_000;
const DAY: u64 = 86_400_000;

const FIRST: [&str; 20] = [
    "Maria",
    "James",
    "Olivia",
    "Noah",
    "Emma",
    "Sofía",
    "José",
    "Renée",
    "Zoë",
    "Mary Ann",
    "Jean-Luc",
    "D'Angelo",
    "Aisha",
    "Mohammed",
    "Priya",
    "Wei",
    "Björn",
    "Jennifer",
    "Robert",
    "Elizabeth",
];
const LAST: [&str; 20] = [
    "Smith",
    "Johnson",
    "O'Brien",
    "García",
    "Müller",
    "Nguyen",
    "St. John",
    "Van der Berg",
    "Lee",
    "Kim",
    "Brown",
    "López",
    "Hernández",
    "Smith-Jones",
    "McDonald",
    "Patel",
    "Kowalski",
    "Ivanov",
    "Andersson",
    "Clark",
];
const HOME: [[&str; 4]; 8] = [
    ["Los Angeles", "California", "CA", "90012"],
    ["New York", "New York", "NY", "10001"],
    ["St. Louis", "Missouri", "MO", "63101"],
    ["Austin", "Texas", "TX", "73301"],
    ["Winston-Salem", "North Carolina", "NC", "27101"],
    ["Boston", "Massachusetts", "MA", "02108"],
    ["Seattle", "Washington", "WA", "98101"],
    ["Coeur d'Alene", "Idaho", "ID", "83814"],
];
const ABROAD: [[&str; 5]; 7] = [
    ["Toronto", "Ontario", "CA", "M5V 2T6", "1"],
    ["London", "England", "GB", "SW1A 1AA", "44"],
    ["São Paulo", "SP", "BR", "01310-100", "55"],
    ["München", "Bayern", "DE", "80331", "49"],
    ["Sydney", "NSW", "AU", "2000", "61"],
    ["Mumbai", "Maharashtra", "IN", "400001", "91"],
    ["Madrid", "Madrid", "ES", "28001", "34"],
];
const DOMAINS: [&str; 4] = ["gmail.com", "example.org", "acme-plumbing.com", "mail.example.co.uk"];
const TAGS: [&str; 8] =
    ["lead", "customer", "newsletter", "vip", "fb-lead-form", "webinar-2026", "no-show", "hot lead"];
const AGENTS: [&str; 2] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
];

/// That many contacts.
pub fn lines(count: usize) -> Vec<String> {
    let mut dice = Dice(fastrand::Rng::with_seed(SEED));
    (0..count).map(|_| dice.contact().to_string()).collect()
}

struct Dice(fastrand::Rng);

impl Dice {
    fn contact(&mut self) -> Value {
        let (first, last) = (self.one(&FIRST), self.one(&LAST));
        let (padded, shouted) = (self.falls(15), self.falls(15));
        let added = NEWEST - self.0.u64(..6 * DAY);
        let place = self.place();
        let [city, state, code] = if self.falls(10) { [const { None }; 3] } else { place.2.map(Some) };
        let (with_phone, with_email) = (!self.falls(8), !self.falls(5));
        let email = self.email(first, last);
        let born = format!("{}-{:02}-{:02}", self.0.u32(1945..2008), self.0.u32(1..13), self.0.u32(1..29));
        let born = if self.falls(30) { format!("{born}T00:00:00.000Z") } else { born };
        let mut tags = TAGS.to_vec();
        self.0.shuffle(&mut tags);
        tags.truncate(self.0.usize(..5));
        let fields: Vec<Value> = (0..self.0.usize(..6)).map(|_| self.field()).collect();
        let mut contact = json!({
            "id": self.id(20), "locationId": self.id(20),
            "firstName": if padded { format!(" {first} ") } else { first.to_owned() },
            "lastName": if shouted { last.to_uppercase() } else { last.to_owned() },
            "contactName": format!("{first} {last}").to_lowercase(),
            "email": with_email.then_some(email), "phone": with_phone.then_some(place.1), "companyName": null,
            "dateOfBirth": self.falls(40).then_some(born), "address1": format!("{} Main St", self.0.u32(1..9999)),
            "city": city, "state": state, "postalCode": code, "country": place.0, "timezone": "America/New_York",
            "type": "lead", "source": "form 1", "dnd": self.falls(5), "assignedTo": self.id(20),
            "dateAdded": iso(added), "dateUpdated": iso(added + self.0.u64(..10_000_000)), "tags": tags, "customFields": fields,
        });
        if self.falls(90) {
            contact["attributionSource"] = self.touch(added);
        }
        contact
    }

    /// Country, phone number, and city, state and postal code.
    fn place(&mut self) -> (&'static str, String, [String; 3]) {
        if self.falls(85) {
            let [city, state, short, code] = self.one(&HOME);
            let state = if self.falls(60) {
                short.to_owned()
            } else if self.falls(70) {
                state.to_owned()
            } else {
                short.to_lowercase()
            };
            let code = if self.falls(15) { format!("{code}-{:04}", self.0.u32(..10_000)) } else { code.to_owned() };
            return ("US", self.phone(), [city.to_owned(), state, code]);
        }
        let [city, state, country, code, calling] = self.one(&ABROAD);
        let number = self.0.u64(100_000_000..10_000_000_000).to_string();
        let (area, rest) = number.split_at(3);
        let phone = if self.falls(60) { format!("+{calling}{number}") } else { format!("+{calling} {area} {rest}") };
        (country, phone, [city, state, code].map(str::to_owned))
    }

    fn phone(&mut self) -> String {
        let (area, exchange, line) = (self.0.u32(201..990), self.0.u32(200..1000), self.0.u32(..10_000));
        match self.0.u32(..100) {
            0..45 => format!("+1{area}{exchange}{line:04}"),
            45..60 => format!("({area}) {exchange}-{line:04}"),
            60..75 => format!("{area}-{exchange}-{line:04}"),
            75..85 => format!("{area}{exchange}{line:04}"),
            85..92 => format!("+1 {area} {exchange} {line:04}"),
            92..96 => format!("1-{area}-{exchange}-{line:04}"),
            96..99 => format!("{area}.{exchange}.{line:04}"),
            _ => format!(" {area} {exchange} {line:04} ext"),
        }
    }

    fn email(&mut self, first: &str, last: &str) -> String {
        let local: String = format!("{first}.{last}")
            .to_lowercase()
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '.')
            .collect();
        let email = format!("{local}{}@{}", self.0.u32(1..9999), self.one(&DOMAINS));
        match self.0.u32(..20) {
            0..2 => email.to_uppercase(),
            2 => format!("  {email} "),
            _ => email,
        }
    }

    fn field(&mut self) -> Value {
        let value = match self.0.u32(..4) {
            0 => json!(self.0.u32(1..9999)),
            1 => json!(["a", "b"]),
            2 => json!("$5k - $10k"),
            _ => json!("Yes"),
        };
        json!({"id": self.id(20), "value": value})
    }

    fn touch(&mut self, added: u64) -> Value {
        let ip: Vec<String> = (0..4).map(|_| self.0.u32(1..255).to_string()).collect();
        let mut touch = json!({
            "sessionSource": "Social media", "medium": "form", "mediumId": self.id(20),
            "url": format!("https://go.acme-example.com/free-quote?utm_source=fb&x={}", self.0.u32(1..1_000_000)),
            "campaign": "fall-promo", "utmSource": "fb", "utmMedium": "paid", "utmContent": "video-3",
            "referrer": "https://l.facebook.com/", "ip": ip.join("."), "userAgent": self.one(&AGENTS),
        });
        match self.0.u32(..100) {
            0..60 => {
                touch["fbclid"] = json!(format!("IwAR{}", self.id(56)));
                if self.falls(50) {
                    touch["fbp"] = json!(format!(
                        "fb.1.{}.{}",
                        added - self.0.u64(..1_000_000),
                        self.0.u64(100_000_000..10_000_000_000)
                    ));
                }
            }
            60..75 => touch["gclid"] = json!(format!("Cj0KCQ{}", self.id(70))),
            _ => {}
        }
        touch
    }

    fn id(&mut self, length: usize) -> String {
        (0..length).map(|_| self.0.alphanumeric()).collect()
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    fn falls(&mut self, percent: u32) -> bool {
        self.0.u32(..100) < percent
    }
}

/// A moment in milliseconds as the CRM writes it.
fn iso(millis: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(millis.cast_signed()).expect("it is of this century");
    format!("{at:.3}")
}
