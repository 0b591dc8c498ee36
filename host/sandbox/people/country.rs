//! Where invented people live: names, places and phone numbers of eight countries.

/// A country as far as its people's entries in a CRM show it.
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: &'static str,
    /// An IANA time zone of it.
    pub timezone: &'static str,
    /// That zone's offset in winter, minutes east of UTC.
    pub offset_minutes: i32,
    /// Calling code.
    pub dial: &'static str,
    /// What a number begins with inside the country, before its significant part.
    pub trunk: &'static str,
    /// Beginnings of significant numbers that are in use.
    pub prefixes: &'static [&'static str],
    /// Digits of a significant number.
    pub digits: usize,
    /// First names.
    pub first: &'static [&'static str],
    /// Last names.
    pub last: &'static [&'static str],
    /// City, state or region, postal code.
    pub places: &'static [(&'static str, &'static str, &'static str)],
    /// Street names.
    pub streets: &'static [&'static str],
}

/// The first one is the vendor's home market.
pub const COUNTRIES: [Country; 8] = [
    Country {
        code: "US",
        timezone: "America/Chicago",
        offset_minutes: -360,
        dial: "1",
        trunk: "",
        prefixes: &["2122", "3053", "3124", "4155", "5126", "6027", "6178", "7024", "7133", "8182"],
        digits: 10,
        first: &["Grace", "Ethan", "Caleb", "D'Arcy", "Mary-Kate", "Anne Marie", "Tyrone", "Renée", "Logan", "Zoë"],
        last: &[
            "Whitfield",
            "O'Connell",
            "St. Clair",
            "Peña",
            "Washington",
            "Nguyen",
            "Van Buren",
            "Hughes-Ortiz",
            "Cho",
        ],
        places: &[
            ("Nashville", "TN", "37203"),
            ("St. Paul", "Minnesota", "55102"),
            ("Tucson", "AZ", "85701-1234"),
            ("Winston-Salem", "nc", "27101"),
            ("Boise", "Idaho", "83702"),
            ("Boston", "MA", "02108"),
        ],
        streets: &["Maple Ave", "2nd St", "Sunset Blvd", "County Road 9"],
    },
    Country {
        code: "GB",
        timezone: "Europe/London",
        offset_minutes: 0,
        dial: "44",
        trunk: "0",
        prefixes: &["7400", "7511", "7712", "7803", "7911"],
        digits: 10,
        first: &["Siobhán", "Oliver", "Imogen", "Rhys", "Zara", "Alfie"],
        last: &["Llewellyn", "MacDonald", "Ashworth", "Khan", "Fox-Pitt"],
        places: &[
            ("Leeds", "West Yorkshire", "LS1 4DY"),
            ("Bristol", "England", "BS1 5TR"),
            ("Cardiff", "Wales", "cf10 1ep"),
        ],
        streets: &["High Street", "Church Lane", "Station Road"],
    },
    Country {
        code: "DE",
        timezone: "Europe/Berlin",
        offset_minutes: 60,
        dial: "49",
        trunk: "0",
        prefixes: &["1511", "1522", "1577", "1601", "1705"],
        digits: 11,
        first: &["Jürgen", "Anneliese", "Björn", "Käthe", "Lukas", "Hans-Peter"],
        last: &["Groß", "Schäfer", "Müller-Lüdenscheid", "von Braun", "Yılmaz", "Krüger"],
        places: &[("Köln", "Nordrhein-Westfalen", "50667"), ("München", "Bayern", "80331"), ("Görlitz", "SN", "02826")],
        streets: &["Gartenweg", "Hauptstraße", "Am Bahnhof"],
    },
    Country {
        code: "FR",
        timezone: "Europe/Paris",
        offset_minutes: 60,
        dial: "33",
        trunk: "0",
        prefixes: &["612", "634", "667", "681", "698"],
        digits: 9,
        first: &["Benoît", "Chloé", "Jean-François", "Maëlle", "Anaïs"],
        last: &["Lefèvre", "d'Ormesson", "Garçon", "Le Goff", "Bélanger"],
        places: &[
            ("Saint-Étienne", "Loire", "42000"),
            ("Besançon", "Doubs", "25000"),
            ("Paris 15", "Île-de-France", "75015"),
        ],
        streets: &["rue de la République", "avenue Foch"],
    },
    Country {
        code: "ES",
        timezone: "Europe/Madrid",
        offset_minutes: 60,
        dial: "34",
        trunk: "",
        prefixes: &["612", "633", "655", "677", "699"],
        digits: 9,
        first: &["Íñigo", "Begoña", "María José", "Andrés", "Lucía"],
        last: &["Núñez", "Ibáñez de la Torre", "Muñoz", "Pérez-Reverte"],
        places: &[("A Coruña", "Galicia", "15001"), ("Málaga", "Andalucía", "29001")],
        streets: &["Calle Mayor", "Plaza España"],
    },
    Country {
        code: "BR",
        timezone: "America/Sao_Paulo",
        offset_minutes: -180,
        dial: "55",
        trunk: "",
        prefixes: &["11987", "21991", "31984", "41996"],
        digits: 11,
        first: &["João", "Conceição", "Thaís", "Antônio", "Márcia"],
        last: &["Gonçalves", "dos Anjos", "Magalhães", "Araújo"],
        places: &[("São Paulo", "SP", "01310-100"), ("Belo Horizonte", "Minas Gerais", "30110-000")],
        streets: &["Rua das Flores", "Avenida Brasil"],
    },
    Country {
        code: "AU",
        timezone: "Australia/Sydney",
        offset_minutes: 660,
        dial: "61",
        trunk: "0",
        prefixes: &["412", "423", "438", "451"],
        digits: 9,
        first: &["Lachlan", "Matilda", "Jack", "Kirra"],
        last: &["O'Shea", "Papadopoulos", "Tran", "McKenzie"],
        places: &[("Wagga Wagga", "NSW", "2650"), ("Perth", "Western Australia", "6000")],
        streets: &["Wattle St", "Ocean Parade"],
    },
    Country {
        code: "IN",
        timezone: "Asia/Kolkata",
        offset_minutes: 330,
        dial: "91",
        trunk: "0",
        prefixes: &["9811", "9823", "9845", "9886"],
        digits: 10,
        first: &["Aarav", "Lakshmi", "Priyanka", "Vikram"],
        last: &["Chatterjee", "Venkataraman", "Sharma", "D'Souza"],
        places: &[("Pune", "Maharashtra", "411001"), ("Bengaluru", "Karnataka", "560001")],
        streets: &["MG Road", "Station Road"],
    },
];
