//! How relevant what is found is: vectors, words (BM25), and both together, by people's own labels.
//!
//! `scripts/bench relevance` starts it with the folder of the test data; it prints a section of BENCHMARKS.md.
//!
//! - [`data`]: titles, occupations and ads
//! - [`texts`]: their vectors
//! - [`bm25`], [`fusion`]: the ways to rank that compete with vectors
//! - [`measure`]: what a ranking is worth, and how sure that is
//! - [`tasks`]: what is ranked for whom

// A benchmark that cannot go on says why and ends.
#![allow(clippy::expect_used)]

mod bm25;
mod data;
mod fusion;
mod measure;
mod tasks;
mod texts;

use std::path::Path;
use std::process::ExitCode;

use common::Result;
use common::embedding::Precision;

use fusion::WEIGHTS;
use measure::Table;

fn main() -> ExitCode {
    // Cargo adds one to what it starts.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    // `scripts/bench hot` starts every benchmark; this one needs data and minutes.
    let Some(folder) = arguments.first() else { return ExitCode::SUCCESS };
    match report(Path::new(folder)) {
        Ok(section) => {
            println!("{section}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("relevance: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn report(folder: &Path) -> Result<String> {
    let occupations = data::occupations(folder)?;
    let titles = data::titles(folder)?;
    let ads = data::ads(folder)?;
    let labels: Vec<&str> = occupations.labels.iter().map(|(label, _)| label.as_str()).collect();
    let asked: Vec<&str> = titles.iter().map(|title| title.text.as_str()).collect();
    let ad_titles: Vec<&str> = ads.iter().map(|ad| ad.title.as_str()).collect();
    let ad_texts: Vec<&str> = ads.iter().map(|ad| ad.text.as_str()).collect();
    let all = [&labels, &asked, &ad_titles, &ad_texts];
    let fp32 = texts::embed(Precision::Fp32, all)?;
    let int8 = texts::embed(Precision::Int8, all)?;
    eprintln!("relevance: titles to occupations");
    let found = tasks::occupations(&occupations, &titles, &fp32, &int8);
    let (weight, mrr) = found.chosen;
    eprintln!("relevance: titles to ads, ads to ads");
    let by_title = tasks::ads(&ads, tasks::Asks::Title, &fp32, &int8, weight);
    let by_ad = tasks::ads(&ads, tasks::Asks::Ad, &fp32, &int8, weight);
    let weights = WEIGHTS.map(|weight| weight.to_string()).join(", ");
    let counts = [asked.len(), occupations.count, labels.len(), asked.len() - found.asked, found.asked];
    let [titles, occupations, labels, choosing, rest] = counts.map(with_commas);
    let (described, companies) = (with_commas(ads.len()), data::companies(&ads));
    let repost = tasks::REPOST;
    let lines = [
        "Differences are of the same queries by two methods, with 95% confidence intervals (standard errors clustered by occupation, or\n\
         by company).\n"
            .to_owned(),
        format!(
            "**A typed title to occupations.** {titles} titles of Malaysian vacancies (those that differ in case alone count once) and\n\
             {occupations} ESCO occupations with {labels} labels; an occupation is as good as its best label. {choosing} titles chose the weight\n\
             {weight} (of {weights}; MRR {mrr:.3} there), the table is of the other {rest}. Weighted is the cosine plus the\n\
             weight times the BM25 score, the best candidate's being 1.\n"
        ),
        found.table.markdown(),
        format!(
            "**A typed title to ads, and an ad to ads.** {described} Singapore ads with a classification, of {companies} companies: the share of the\n\
             ten best that have the classification of the ad that was asked for, by its title alone or as a whole. An ad of the same\n\
             text is left out, and so is one of the same company with a cosine above {repost} (fp32): both are reposts. The weight is that\n\
             of the titles above.\n"
        ),
        Table::beside(&by_title, &by_ad).markdown(),
    ];
    Ok(lines.join("\n"))
}

/// A number with commas between thousands.
fn with_commas(number: usize) -> String {
    match number {
        ..1000 => number.to_string(),
        _ => format!("{},{:03}", with_commas(number / 1000), number % 1000),
    }
}
