use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[test]
fn stated_pay_is_masked_and_the_words_around_it_stay() {
    for (text, masked) in [
        ("£30,000", "paymasked"),
        ("$4,500 or 4k", "paymasked or paymasked"),
        ("30-40k per annum", "paymasked per annum"),
        ("£30k - £40k p.a. + car", "paymasked p.a. + car"),
        ("$7,300 a month", "paymasked a month"),
        ("SGD 3,000 - 4,500", "paymasked"),
        ("SGD $3,000.00 to SGD $4,500.00 monthly", "paymasked monthly"),
        ("S$ 3000/mth, US$2500, HK$9", "paymasked/mth, paymasked, paymasked"),
        ("RM2500 and Rs. 50,000", "paymasked and Rs. paymasked"),
        ("€ 40.000 oder 40 000 €", "paymasked oder 40 paymasked"),
        ("£30 000 pa", "paymasked pa"),
        ("12.50 per hour, 15/hr, 9.75 p/h", "paymasked per hour, paymasked/hr, paymasked p/h"),
        ("up to 5000 monthly", "up to paymasked monthly"),
        ("Salary: 2000 + commission", "Salary: paymasked + commission"),
        ("basic salary of up to 2,500", "basic salary of up to paymasked"),
        ("3000-4000 basic", "paymasked basic"),
        ("salary£30kpa", "salary paymasked pa"),
        (
            "Web developer Woking circa 55,000 plus benefits",
            "Web developer Woking circa paymasked plus benefits",
        ),
        ("Nurse 30,000 London", "Nurse paymasked London"),
        ("Analyst, 60000 - 65000", "Analyst, paymasked"),
        ("Manager **** 45,000 care", "Manager **** paymasked care"),
        ("Cook \u{fffd}18,000", "Cook paymasked"),
        ("＄３０００", "paymasked"),
    ] {
        assert_eq!(mask_pay(text), masked, "{text}");
        assert!(states_pay(text), "{text}");
    }
}

#[test]
fn what_is_not_pay_is_kept() {
    for text in [
        "",
        "no digits",
        "since 2019, 5 years of experience",
        "Salary review 2019",
        "24/7, Office 365, ISO 9001",
        "expected salary to 6123 4567",
        "expected salary to +65 61234567",
        "bonus of 10% and 25 days",
        "40 hours a week, 5 days a week",
        "Competitive salary. 3000 people work here",
        "a turnover of £5 million, US$1.7 trillion, £2bn",
        "over 244,000 employees in 12 countries",
        "a package for 2,500 customers",
        "COVID19, B2B, 3D, 2nd floor, 10am",
        "built with .net 4500 times",
    ] {
        assert_eq!(mask_pay(text), text);
        assert!(!states_pay(text), "{text}");
    }
}

#[test]
fn the_mask_is_one_word_and_states_no_pay() {
    assert!(MASK.chars().all(|c| c.is_ascii_lowercase()));
    assert!(!states_pay(&format!("salary {MASK} per annum")));
}

#[test]
fn a_megabyte_is_masked_in_linear_time() {
    for piece in
        ["£30,000 ", "salary 3000 ", "3000-", "1,", "9", "5 ", "$", "SGD ", "p.", "6123 4567 ", "to ", "é1k"]
    {
        let text = piece.repeat((1 << 20) / piece.len());
        let started = Instant::now();
        mask_pay(&text);
        assert!(started.elapsed() < Duration::from_secs(5), "{piece:?} took {:?}", started.elapsed());
    }
}

/// Texts of the pieces that the rules know.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "£", "$", "S$", "SGD", "RM", "€", "k", "m", "30", "30,000", "4500", "2019", "12.50", "6123", "000",
        "7", "%", "per", "a", "annum", "month", "p.a.", "/hr", "monthly", "salary", "up", "to", "and", "-",
        "–", "/", ".", ",", ":", "?", "*", "(", "years", "staff", "ISO", "basic", "plus", "benefits",
        "Nurse", "nurse", "London", "to", MASK, "\n", "０", "net", "pa", "p", "\u{fffd}", "million", "001",
    ]);
    prop::collection::vec((piece, any::<bool>()), 0..14).prop_map(|pieces| {
        pieces.into_iter().flat_map(|(piece, is_apart)| [piece, if is_apart { " " } else { "" }]).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn masking_twice_changes_nothing_more(text in pieces()) {
        let once = mask_pay(&text).into_owned();
        prop_assert_eq!(mask_pay(&once), once.as_str(), "{:?}", text);
        prop_assert!(!states_pay(&once));
    }

    #[test]
    fn any_text_is_masked_without_a_panic(text in any::<String>()) {
        let once = mask_pay(&text).into_owned();
        prop_assert_eq!(mask_pay(&once), once.as_str());
    }

    /// Whatever is around it.
    #[test]
    fn an_amount_with_a_currency_never_remains(before in pieces(), pounds in 1000_u32..900_000, after in "[ .,)]{0,2}") {
        let text = format!("{before} £{pounds}{after}");
        prop_assert!(!mask_pay(&text).contains(&format!("£{pounds}")), "{:?}", mask_pay(&text));
    }
}
