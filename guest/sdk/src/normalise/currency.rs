//! Currencies of amounts (ISO 4217).

/// The active codes for money (ISO 4217:2015, list one), without funds, metals and test codes; sorted.
const CODES: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP \
                     CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG \
                     HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL \
                     MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR \
                     RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD \
                     TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG";

/// The code in capitals, if it is one. Never a default: the wrong currency is a wrong amount.
pub fn currency(raw: &str) -> Option<&'static str> {
    let code = raw.trim();
    (code.len() == 3).then(|| CODES.split(' ').find(|known| known.eq_ignore_ascii_case(code))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_iso_codes_only() {
        assert_eq!(currency(" usd "), Some("USD"));
        for raw in ["XXX", "US$", "Dollar", "", "XAU", "D E"] {
            assert_eq!(currency(raw), None, "{raw}");
        }
        assert!(CODES.split(' ').is_sorted() && CODES.split(' ').all(|code| code.len() == 3));
    }
}
