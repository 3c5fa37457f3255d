//! A generated market is reproducible, and its distributions resemble a real one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use chrono::Duration;
use common::job::ContentHash;
use proptest::prelude::*;

use super::content::{FAR_EMPLOYERS, FAR_FACTORS, PAY_SPREAD};
use super::*;

fn plan(seed: u64, ads: u64) -> Plan {
    Plan { seed, ads, sightings_per_ad: 1.1, until: market::default_until(), days: 730, titles_only: false }
}

fn rows(plan: Plan) -> Vec<JobAd> {
    Market::new(plan).unwrap().sightings().collect()
}

/// One market shared by the tests.
fn sample() -> &'static [JobAd] {
    static SAMPLE: OnceLock<Vec<JobAd>> = OnceLock::new();
    SAMPLE.get_or_init(|| rows(plan(1, 6_000)))
}

fn first_sightings() -> Vec<&'static JobAd> {
    let mut seen = HashSet::new();
    sample().iter().filter(|ad| seen.insert(ad.key())).collect()
}

/// The midpoint of the monthly pay, if it is plausible.
fn middle(ad: &JobAd) -> Option<f64> {
    let middle = f64::midpoint(ad.job_salary_min_sgd_monthly?, ad.job_salary_max_sgd_monthly?);
    (500.0..30_000.0).contains(&middle).then_some(middle)
}

fn median(ads: impl Iterator<Item = JobAd>) -> f64 {
    let mut middles: Vec<f64> = ads.filter_map(|ad| middle(&ad)).collect();
    middles.sort_by(f64::total_cmp);
    assert!(middles.len() > 20, "too few samples: {}", middles.len());
    middles[middles.len() / 2]
}

fn share(part: usize) -> f64 {
    part as f64 / sample().len() as f64
}

#[test]
fn a_plan_generates_the_same_bytes_on_every_machine() {
    let lines: Vec<String> = rows(plan(1, 500)).iter().map(|ad| serde_json::to_string(ad).unwrap()).collect();
    let digest = ContentHash::of(&lines.join("\n")).to_string();
    assert_eq!(
        digest, "54a7d6397146ca4dc0c7674e409604c704e0d88d4e3f40b2c73ba1aed044f6d4",
        "if this changes, the ads of every seed change"
    );
}

#[test]
fn markets_of_different_seeds_have_different_keys() {
    let (one, other) = (rows(plan(1, 300)), rows(plan(2, 300)));
    let keys: HashSet<_> = one.iter().map(JobAd::key).collect();
    assert!(other.iter().all(|ad| !keys.contains(&ad.key())), "markets of different seeds share a key");
}

#[test]
fn the_numbers_of_ads_and_sightings_follow_the_plan() {
    assert_eq!(first_sightings().len(), 6_000);
    let mean = sample().len() as f64 / 6_000.0;
    assert!((1.07..1.13).contains(&mean), "{mean}");
    let once = rows(Plan { sightings_per_ad: 1.0, ..plan(1, 400) });
    assert_eq!(once.len(), 400);
    let often = rows(Plan { sightings_per_ad: 3.0, ..plan(1, 400) });
    assert!((1_000..1_400).contains(&often.len()), "{}", often.len());
}

#[test]
fn sightings_are_in_order_and_some_differ() {
    let mut by_ad: HashMap<_, Vec<&JobAd>> = HashMap::new();
    for ad in sample() {
        by_ad.entry(ad.key()).or_default().push(ad);
    }
    let (mut texts, mut salaries) = (0, 0);
    for sightings in by_ad.values() {
        for pair in sightings.windows(2) {
            assert!(pair[0].scrape_timestamp < pair[1].scrape_timestamp);
            texts += u32::from(pair[0].job_description != pair[1].job_description);
            salaries += u32::from(pair[0].job_salary_max_sgd_raw != pair[1].job_salary_max_sgd_raw);
        }
    }
    assert!(texts > 20 && salaries > 10, "{texts} {salaries}");
    let last = market::default_until().and_hms_opt(23, 59, 59).unwrap().and_utc() + Duration::seconds(1);
    assert!(sample().iter().all(|ad| ad.scrape_timestamp <= last));
    assert!(
        sample().iter().all(|ad| ad.job_posted_timestamp.is_none_or(|posted| posted < ad.scrape_timestamp))
    );
    assert!(sample().iter().all(|ad| ad.bq_timestamp.is_none_or(|loaded| loaded > ad.scrape_timestamp)));
}

#[test]
fn values_are_missing_as_often_as_in_real_ads() {
    let count = |test: fn(&JobAd) -> bool| share(sample().iter().filter(|ad| test(ad)).count());
    let no_pay = count(|ad| ad.job_salary_min_sgd_monthly.or(ad.job_salary_max_sgd_monthly).is_none());
    assert!((0.10..0.14).contains(&no_pay), "{no_pay}");
    let null = count(|ad| ad.job_description.is_none());
    let empty = count(|ad| ad.job_description.as_deref() == Some(""));
    let blank = count(|ad| {
        ad.job_description.as_deref().is_some_and(|text| !text.is_empty() && text.trim().is_empty())
    });
    assert!(null > 0.01 && empty > 0.005 && blank > 0.001, "{null} {empty} {blank}");
    assert!(count(|ad| ad.company_id.as_deref() == Some("")) > 0.3);
    assert!(count(|ad| ad.job_salary_type.as_deref() == Some("yearly")) > 0.02);
    assert!(count(|ad| ad.job_salary_min_sgd_monthly > Some(30_000.0)) > 0.001);
    for text in ["🔥", "<li>", "\u{a0}", "â€", "诚聘", "Jawatan", "பணி"] {
        let holds =
            sample().iter().filter(|ad| ad.job_description.as_deref().is_some_and(|d| d.contains(text)));
        assert!(holds.count() > 0, "{text}");
    }
}

#[test]
fn reposts_repeat_the_text_under_a_new_id() {
    let mut texts: BTreeMap<&str, u32> = BTreeMap::new();
    for ad in first_sightings() {
        if let Some(text) = ad.job_description.as_deref().filter(|text| text.len() > 200) {
            *texts.entry(text).or_default() += 1;
        }
    }
    let reposts: u32 = texts.values().map(|count| count - 1).sum();
    assert!((90..350).contains(&reposts), "{reposts}");
}

#[test]
fn pay_follows_the_level_the_role_and_the_industry() {
    let of = |test: fn(&JobAd) -> bool| median(sample().iter().filter(|ad| test(ad)).cloned());
    let titled = |ad: &JobAd, word: &str| ad.job_title.as_deref().is_some_and(|title| title.contains(word));
    let in_it = |ad: &JobAd| ad.job_classification.as_deref() == Some("Information Technology");
    let junior = of(|ad| in_it_and(ad, "Junior"));
    let senior = of(|ad| in_it_and(ad, "Senior"));
    assert!(junior * 1.4 < senior, "{junior} {senior}");
    let it = median(sample().iter().filter(|ad| in_it(ad)).cloned());
    let cleaners =
        median(sample().iter().filter(|ad| titled(ad, "Cleaner") || titled(ad, "Packer")).cloned());
    assert!(it > 2.5 * cleaners, "{it} {cleaners}");
    let interns = of(|ad| ad.job_work_type.as_deref() == Some("Internship/Attachment"));
    assert!(interns < 2_000.0, "{interns}");
}

/// The best R² that a model of the demo's pay can reach. Two things are not in an ad: the factor f by which its employer
/// differs, which gives pay p a variance of E[p²] (1 - E[f]² / E[f²]), and the mistakes of its board.
#[test]
fn the_best_possible_r2_of_the_demo_is_known() {
    // `Dice::factor` multiplies six uniform numbers.
    let spread = (1.0 + PAY_SPREAD.powi(2) / 3.0).powi(6);
    let (share, (least, most)) = (f64::from(FAR_EMPLOYERS) / 1000.0, FAR_FACTORS);
    let far = f64::midpoint(least, most);
    let mean = 1.0 - share + share * far;
    let square = spread * (1.0 - share + share * (far.powi(2) + (most - least).powi(2) / 12.0));
    let unknown = 1.0 - mean.powi(2) / square;

    let market = Market::new(plan(7, 3_000)).unwrap();
    let of = |number: u64| {
        let ad = market.sighting(number, 0);
        let stated = f64::midpoint(ad.job_salary_min_sgd_monthly?, ad.job_salary_max_sgd_monthly?);
        let (low, high) = market.pay(number);
        // What a training sets aside.
        (500.0..=40_000.0).contains(&stated).then(|| (stated, f64::midpoint(low, high)))
    };
    let pairs: Vec<(f64, f64)> = (0..3_000).filter_map(of).collect();
    let average = pairs.iter().map(|(stated, _)| stated).sum::<f64>() / pairs.len() as f64;
    let sum =
        |part: fn(&(f64, f64), f64) -> f64, of: f64| pairs.iter().map(|pair| part(pair, of)).sum::<f64>();
    let all = sum(|(stated, _), average| (stated - average).powi(2), average);
    let of_employers = sum(|(_, pay), unknown| unknown * pay.powi(2), unknown);
    let of_mistakes = sum(|(stated, pay), _| (stated - pay).powi(2), 0.0);
    let best = |part: f64| 1.0 - part / all;
    let [without, with] = [best(of_employers), best(of_employers + of_mistakes)];
    assert!((0.93..0.95).contains(&without) && (0.81..0.83).contains(&with), "{without} {with}");
}

fn in_it_and(ad: &JobAd, word: &str) -> bool {
    ad.job_classification.as_deref() == Some("Information Technology")
        && ad.job_title.as_deref().is_some_and(|title| title.contains(word))
}

#[test]
fn descriptions_name_the_skills_of_their_field() {
    // The share of ads of a field whose description contains one of the words.
    let share = |field: &str, words: [&str; 3]| {
        let ads = sample().iter().filter(|ad| ad.job_classification.as_deref() == Some(field));
        let texts: Vec<&str> = ads.filter_map(|ad| ad.job_description.as_deref()).collect();
        let holds = texts.iter().filter(|text| words.iter().any(|word| text.contains(word)));
        holds.count() as f64 / texts.len() as f64
    };
    assert!(share("Security and Investigation", ["CCTV", "patrol", "guard"]) > 0.4);
    assert!(share("Information Technology", ["CCTV", "patrol", "guard"]) < 0.02);
}

#[test]
fn descriptions_have_realistic_lengths() {
    let words: Vec<usize> = sample()
        .iter()
        .filter_map(|ad| ad.job_description.as_deref())
        .filter(|text| !text.trim().is_empty())
        .map(|text| text.split_whitespace().count())
        .collect();
    let mean = words.iter().sum::<usize>() as f64 / words.len() as f64;
    // A word has about 1.3 tokens.
    assert!((95.0..140.0).contains(&mean), "{mean}");
    assert!(words.iter().any(|&count| count < 45) && words.iter().any(|&count| count > 200));
}

#[test]
fn titles_only_leaves_descriptions_empty() {
    let ads = rows(Plan { titles_only: true, ..plan(1, 300) });
    assert!(ads.iter().all(|ad| ad.job_description.as_deref().unwrap_or_default().is_empty()));
    assert!(
        ads.iter().filter(|ad| ad.job_title.as_deref().is_some_and(|title| !title.is_empty())).count() > 290
    );
}

#[test]
fn urls_are_in_the_example_domain() {
    for ad in sample() {
        for url in [&ad.job_url, &ad.company_url].into_iter().flatten().filter(|url| !url.is_empty()) {
            assert!(url.contains(".example/"), "{url}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_plan_generates_valid_rows(
        seed in any::<u64>(), ads in 1u64..60, days in 8u32..900, sightings in 1.0..4.0f64, titles_only in any::<bool>(),
    ) {
        let plan = Plan {
            seed, ads, sightings_per_ad: sightings, until: market::default_until(), days, titles_only,
        };
        let rows = rows(plan);
        let keys: HashSet<_> = rows.iter().map(JobAd::key).collect();
        let sightings: HashSet<_> = rows.iter().map(|ad| (ad.key(), ad.scrape_timestamp)).collect();
        prop_assert_eq!(keys.len() as u64, ads);
        prop_assert_eq!(sightings.len(), rows.len());
        for ad in &rows {
            let pay = [ad.job_salary_min_sgd_raw, ad.job_salary_max_sgd_raw, ad.job_salary_min_sgd_monthly];
            prop_assert!(pay.into_iter().flatten().all(|amount| amount.is_finite() && amount >= 0.0));
        }
    }
}
