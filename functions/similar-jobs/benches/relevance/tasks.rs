//! What is ranked, and for whom.

use std::collections::HashMap;

use common::index::search::WORDS_WEIGHT;

use crate::bm25::Bm25;
use crate::data::{Ad, Occupations, Title};
use crate::fusion::{WEIGHTS, reciprocal_ranks, weighted};
use crate::measure::{Table, Worth, rank, share_of_best};
use crate::texts::Vectors;

/// Ads of one company whose texts have a cosine above this are one ad.
pub(crate) const REPOST: f32 = 0.95;
/// Titles that are compared with the labels together.
const TOGETHER: usize = 32;
/// How many of the best count.
const BEST: usize = 10;

/// How well titles find their occupations.
pub(crate) struct Found {
    pub(crate) table: Table,
    /// How many titles the table is of.
    pub(crate) asked: usize,
    /// The weight of words that was best for the other titles, and its mean reciprocal rank there.
    pub(crate) chosen: (f32, f64),
}

/// Ranks the occupations for every title.
pub(crate) fn occupations(
    occupations: &Occupations,
    titles: &[Title],
    fp32: &Vectors,
    int8: &Vectors,
) -> Found {
    const METHODS: [&str; 4] =
        ["vectors, fp32", "vectors, int8", "words (BM25)", "fp32 and words, by ranks (k 60)"];
    let labels = || occupations.labels.iter().map(|(label, _)| label.as_str());
    let words = Bm25::new(labels());
    let (of_fp32, of_int8): (Vec<&[f32]>, Vec<&[f32]>) =
        labels().map(|label| (fp32.of(label), int8.of(label))).unzip();
    // By methods, then by weights: mean reciprocal rank, recall at 1, at 10.
    let mut worth = [(); 3].map(|()| Worth::of(METHODS.len() + WEIGHTS.len()));
    let mut choosing = Worth::of(WEIGHTS.len());
    let best = |scores: &[f32]| {
        let mut best = vec![f32::MIN; occupations.count];
        for ((_, occupation), score) in occupations.labels.iter().zip(scores) {
            best[*occupation] = best[*occupation].max(*score);
        }
        best
    };
    for (start, titles) in (0..).step_by(TOGETHER).zip(titles.chunks(TOGETHER)) {
        let texts: Vec<&str> = titles.iter().map(|title| title.text.as_str()).collect();
        let by_fp32 = fp32.cosines(&texts, &of_fp32);
        let by_int8 = int8.cosines(&texts, &of_int8);
        for (n, title) in titles.iter().enumerate() {
            let cosines = best(&by_fp32[n]);
            let words = best(&words.scores(&title.text));
            let sums = WEIGHTS.map(|weight| rank(&weighted(&cosines, &words, weight), title.occupation));
            if (start + n) % 2 == 0 {
                choosing.add(title.occupation, sums.map(|rank| 1.0 / rank));
                continue;
            }
            let others = [
                rank(&cosines, title.occupation),
                rank(&best(&by_int8[n]), title.occupation),
                rank(&words, title.occupation),
                rank(&reciprocal_ranks(&cosines, &words), title.occupation),
            ];
            let ranks = || others.into_iter().chain(sums);
            let within = |most: f64| ranks().map(move |rank| f64::from(u8::from(rank <= most)));
            worth[0].add(title.occupation, ranks().map(|rank| 1.0 / rank));
            worth[1].add(title.occupation, within(1.0));
            worth[2].add(title.occupation, within(BEST as f64));
        }
    }
    let order = |a: &usize, b: &usize| choosing.mean(*a).total_cmp(&choosing.mean(*b));
    let chosen = (0..WEIGHTS.len()).max_by(order).expect("a weight");
    let mut table = Table::with_head(["ranked by", "MRR", "recall@1", "recall@10", "MRR, to fp32"]);
    let weighted = format!("fp32 and words, weighted {}", WEIGHTS[chosen]);
    let methods = METHODS.iter().copied().enumerate();
    for (method, name) in methods.chain([(METHODS.len() + chosen, weighted.as_str())]) {
        let means = worth.iter().map(|worth| format!("{:.3}", worth.mean(method)));
        table.add(name, means.chain([worth[0].difference(method)]));
    }
    let count = occupations.count as f64;
    let by_chance = (1..=occupations.count).map(|rank| 1.0 / rank as f64).sum::<f64>() / count;
    let chances = [by_chance, 1.0 / count, BEST as f64 / count].map(|chance| format!("{chance:.3}"));
    table.add("chance", chances.into_iter().chain(["–".to_owned()]));
    Found { table, asked: titles.len() / 2, chosen: (WEIGHTS[chosen], choosing.mean(chosen)) }
}

/// By what an ad's neighbours are asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// By its title alone, as somebody would type it.
    Title,
    /// By the whole ad.
    Ad,
}

/// Ranks the ads for every ad.
pub(crate) fn ads(ads: &[Ad], asks: Asks, fp32: &Vectors, int8: &Vectors, weight: f32) -> Table {
    let weighted_name = format!("fp32 and title words, weighted {weight}");
    let served_name = format!("fp32 and words of title and company, weighted {WORDS_WEIGHT} (`hybrid`)");
    let methods = [
        "vectors, fp32",
        "vectors, int8",
        "title words (BM25)",
        "words of title and description (BM25)",
        "fp32 and title words, by ranks (k 60)",
        &weighted_name,
        &served_name,
        "fp32 and all words, by ranks (k 60)",
    ];
    let of_titles = Bm25::new(ads.iter().map(|ad| ad.title.as_str()));
    let labels: Vec<String> = ads.iter().map(|ad| format!("{} {}", ad.title, ad.company)).collect();
    let of_labels = Bm25::new(labels.iter().map(String::as_str));
    let of_texts = Bm25::new(ads.iter().map(|ad| ad.text.as_str()));
    let (of_fp32, of_int8): (Vec<&[f32]>, Vec<&[f32]>) =
        ads.iter().map(|ad| (fp32.of(&ad.text), int8.of(&ad.text))).unzip();
    let mut companies = HashMap::new();
    let mut worth = Worth::of(methods.len());
    for ad in ads {
        let asked = if asks == Asks::Title { &ad.title } else { &ad.text };
        let alike = fp32.cosines(&[&ad.text], &of_fp32).concat();
        let candidates: Vec<usize> = (0..ads.len())
            .filter(|&n| {
                let is_repost = ads[n].company == ad.company && alike[n] > REPOST;
                ads[n].text != ad.text && !is_repost
            })
            .collect();
        let only = |scores: Vec<f32>| candidates.iter().map(|&n| scores[n]).collect::<Vec<f32>>();
        let cosines = only(fp32.cosines(&[asked], &of_fp32).concat());
        let title_words = only(of_titles.scores(&ad.title));
        let all_words = only(of_texts.scores(asked));
        let rankings = [
            reciprocal_ranks(&cosines, &title_words),
            weighted(&cosines, &title_words, weight),
            weighted(&cosines, &only(of_labels.scores(&ad.title)), WORDS_WEIGHT),
            reciprocal_ranks(&cosines, &all_words),
        ];
        let int8 = only(int8.cosines(&[asked], &of_int8).concat());
        let is_right = |n: usize| ads[candidates[n]].classification == ad.classification;
        let all = [&cosines, &int8, &title_words, &all_words].into_iter().chain(&rankings);
        let next = companies.len();
        let company = *companies.entry(&ad.company).or_insert(next);
        worth.add(company, all.map(|scores| share_of_best(scores, is_right, BEST)));
    }
    let (share, difference) = match asks {
        Asks::Title => ("typed title", "typed title, to fp32"),
        Asks::Ad => ("ad", "ad, to fp32"),
    };
    let mut table = Table::with_head(["ranked by", share, difference]);
    for (method, name) in methods.into_iter().enumerate() {
        table.add(name, [format!("{:.3}", worth.mean(method)), worth.difference(method)]);
    }
    let mut classes: HashMap<&str, f64> = HashMap::new();
    for ad in ads {
        *classes.entry(&ad.classification).or_default() += 1.0 / ads.len() as f64;
    }
    let chance: f64 = classes.values().map(|share| share * share).sum();
    table.add("chance", [format!("{chance:.3}"), "–".into()]);
    table
}
