use proptest::prelude::*;

use super::*;

/// 600 ads with different salaries.
fn salaries() -> Vec<Salary> {
    (0..600)
        .map(|n| Salary { min: 2000.0 + f64::from(n) * 10.0, max: 3000.0 + f64::from(n) * 20.0 })
        .collect()
}

fn assess_texts(texts: &[String]) -> TextLeaks {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    find_text_leaks(&[("description", &texts)], &salaries()).unwrap().remove(0)
}

#[test]
fn numbers_are_read_in_every_spelling() {
    for (text, expected) in [
        ("4500", vec![4500.0]),
        ("£4,500.00 pcm", vec![4500.0]),
        ("S$ 4 500 or 4'500", vec![4500.0, 4500.0]),
        ("54k, 4.5K", vec![54_000.0, 4500.0]),
        ("£30-40k", vec![30_000.0, 40_000.0]),
        ("30 to £40 k", vec![30_000.0, 40_000.0]),
        ("1,234,567", vec![1_234_567.0]),
        ("2017 300 people", vec![2017.0, 300.0]),
        ("5 kg, 12 months, 24/7, 40kb", vec![]),
        ("no. 99999999999999999999999999999999999", vec![1e35]),
        ("4500é 5000", vec![4500.0, 5000.0]),
    ] {
        let found = numbers(text);
        assert_eq!(found.len(), expected.len(), "{text}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= expected * 1e-9, "{text}: {found}");
        }
    }
}

#[test]
fn an_unmasked_amount_stops_the_run() {
    let spell: [fn(&Salary) -> String; 4] = [
        |s| format!("pay {:.0} a month", s.min),
        |s| format!("up to £{:.2}k a year", s.max * 12.0 / 1000.0),
        |s| format!("about {},{:03}", s.min as u32 / 1000, s.min as u32 % 1000),
        |s| format!("{:.0}", f64::midpoint(s.min, s.max)),
    ];
    for spell in spell {
        let text =
            |(n, salary): (usize, &Salary)| if n % 12 == 0 { spell(salary) } else { "good pay".into() };
        let texts: Vec<String> = salaries().iter().enumerate().map(text).collect();
        let leaks = assess_texts(&texts);
        assert!(leaks.is_leak && leaks.stating == 50, "{leaks:?}");
        let message = refuse_text_leaks(&[leaks]).unwrap_err().to_string();
        assert!(message.starts_with("invalid text \"description\" (8."), "{message}");
    }
}

#[test]
fn numbers_that_are_there_by_chance_pass() {
    let texts: Vec<String> =
        (0..600).map(|n| format!("since {} with {} staff", 1990 + n % 30, 2000 + n * 7 % 900)).collect();
    let leaks = assess_texts(&texts);
    assert!(!leaks.is_leak, "{leaks:?}");
    assert!(refuse_text_leaks(&[leaks]).is_ok());
    let masked: Vec<String> = (0..600).map(|_| "pay ¤ a month, ¤-¤ k".to_owned()).collect();
    assert_eq!(assess_texts(&masked).stating, 0);
}

#[test]
fn few_rows_are_survived() {
    assert!(!find_text_leaks(&[("title", &[])], &[]).unwrap()[0].is_leak);
    let one = Salary { min: 4500.0, max: f64::NAN };
    let found = find_text_leaks(&[("title", &["pays 4500"])], &[one]).unwrap().remove(0);
    assert_eq!((found.stating, found.is_leak), (1, false));
    assert!(find_text_leaks(&[("title", &[])], &[one]).is_err());
}

proptest! {
    #[test]
    fn any_text_can_be_read(text in "[0-9,.k €£é'-]{0,40}") {
        prop_assert!(numbers(&text).iter().all(|number| number.is_finite()));
    }
}
