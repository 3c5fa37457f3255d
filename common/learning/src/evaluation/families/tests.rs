use proptest::prelude::*;

use super::cosine::dot;
use super::*;

fn ad(company: &str, title: &str, description: &str) -> Ad {
    Ad { company_name: company.into(), title: title.into(), description: description.into(), ..Ad::default() }
}

fn of(ads: &[Ad]) -> Vec<u32> {
    families(&ads.iter().collect::<Vec<_>>())
}

/// `count` different words, from word number `first` on.
fn words(first: usize, count: usize) -> String {
    (first..first + count).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn company_and_title_join_without_legal_form_digits_and_punctuation() {
    let ads = [
        ad("Acme Pte. Ltd.", "Nurse (12345)", "one text"),
        ad("ACME", "nurse", "quite another text"),
        ad("Acme", "Nurse Manager", "a third text"),
        ad("Other", "Nurse", "a fourth text"),
    ];
    assert_eq!(of(&ads), [0, 0, 1, 2]);
    assert_eq!(company_key("The Company Ltd").as_deref(), Some("the"));
    assert_eq!(company_key("Co. Pte Ltd").as_deref(), Some("co pte ltd"));
    assert_eq!(title_key("2024!"), None);
}

#[test]
fn an_ad_without_company_never_joins_by_names() {
    for company in ["", "  ", "N/A", "-"] {
        assert_eq!(
            of(&[ad(company, "Nurse", "one text"), ad(company, "Nurse", "another")]),
            [0, 1],
            "{company:?}"
        );
    }
}

#[test]
fn a_title_without_description_is_no_repost_of_an_equal_title() {
    let mut ads = [ad("One", "Data Scientist", ""), ad("Two", "Data Scientist", " ")];
    for ad in &mut ads {
        ad.embedding = vec![1.0, 0.0];
    }
    assert_eq!(of(&ads), [0, 1]);
}

#[test]
fn texts_that_differ_in_a_word_of_a_hundred_join_and_half_a_text_does_not() {
    let text = words(0, 100);
    let changed = text.replace("word50", "other");
    let half = format!("{} {}", words(0, 50), words(500, 50));
    let ads = [ad("A", "x", &text), ad("B", "x", &changed), ad("C", "x", &half)];
    assert_eq!(of(&ads), [0, 0, 1]);
}

#[test]
fn joining_is_transitive() {
    // Each differs from the next in the last 4 words of 100; first and last share less than 0.9.
    let texts: Vec<Ad> = (0..4).map(|n| ad(&format!("company {n}"), "x", &words(n * 4, 100))).collect();
    assert_eq!(of(&texts), [0, 0, 0, 0]);
    assert_eq!(of(&[texts[0].clone(), texts[3].clone()]), [0, 1]);
}

#[test]
fn vectors_join_from_a_cosine_of_097_and_only_at_equal_length() {
    let mut ads: Vec<Ad> = (0..6)
        .map(|n| {
            ad(&format!("c{n}"), &format!("title{}", ["a", "b", "c", "d", "e", "f"][n]), &words(n * 1000, 20))
        })
        .collect();
    let at = |cosine: f32| vec![cosine, (1.0 - cosine * cosine).sqrt(), 0.0];
    ads[0].embedding = at(1.0);
    ads[1].embedding = at(0.971);
    ads[2].embedding = vec![0.969, 0.0, (1.0f32 - 0.969 * 0.969).sqrt()];
    ads[3].embedding = vec![1.0, 0.0];
    ads[4].embedding = vec![f32::NAN, 0.0, 0.0];
    ads[5].embedding = vec![f32::NAN, 0.0, 0.0];
    assert_eq!(of(&ads), [0, 0, 1, 2, 3, 4]);
    // The masked vector counts, where there is one.
    ads[2].masked_embedding = at(0.999);
    assert_eq!(of(&ads)[2], 0);
}

#[test]
fn many_blocks_find_what_all_pairs_find() {
    let ads: Vec<Ad> = (0..700u64)
        .map(|n| {
            let value = |axis: u64| (shingles::scramble(n / 3 * 1000 + axis) % 1000) as f32 / 500.0 - 1.0;
            let mut embedding: Vec<f32> = (0..96).map(value).collect();
            embedding[90] += (n % 3) as f32 * 0.4;
            let title: String = format!("{n}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            Ad { embedding, ..ad("", &title, &words(n as usize * 50, 20)) }
        })
        .collect();
    let mut sets = DisjointSets::new(ads.len());
    let cosine = |a: &[f32], b: &[f32]| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    for a in 0..ads.len() {
        for b in 0..a {
            if cosine(&ads[a].embedding, &ads[b].embedding) >= MIN_COSINE {
                sets.join(b as u32, a as u32);
            }
        }
    }
    let found = of(&ads);
    assert_eq!(found, sets.dense());
    assert!(FamilyFacts::of(&found).reposts > 500);
}

#[test]
fn equal_texts_and_nearly_equal_texts_by_the_thousand_are_one_family() {
    let text = words(0, 200);
    let ads: Vec<Ad> = (0..4000)
        .map(|n| {
            let text = if n % 2 == 0 { text.clone() } else { text.replace("word77 ", &format!("other{n} ")) };
            Ad { embedding: vec![1.0, n as f32 * 1e-6], ..ad("", "x", &text) }
        })
        .collect();
    assert_eq!(FamilyFacts::of(&of(&ads)), FamilyFacts { families: 1, reposts: 4000, largest: 4000 });
    assert_eq!(FamilyFacts::of(&[]), FamilyFacts::default());
}

fn jaccard(one: &str, other: &str) -> f64 {
    let set = |text: &str| {
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        words.windows(3).map(<[String]>::to_vec).collect::<std::collections::BTreeSet<_>>()
    };
    let (one, other) = (set(one), set(other));
    one.intersection(&other).count() as f64 / one.union(&other).count() as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shingles_find_exactly_the_pairs_above_the_limit(
        edits in prop::collection::vec((0usize..60, 0usize..3, 55usize..60), 2..8),
    ) {
        let texts: Vec<String> = edits
            .iter()
            .map(|&(at, kinds, length)| {
                let replaced = |n: usize| (at..at + kinds).contains(&n);
                let word = |n: usize| if replaced(n) { format!("new{at}x{n}") } else { format!("word{n}") };
                (0..length).map(word).collect::<Vec<_>>().join(" ")
            })
            .collect();
        let ads: Vec<Ad> = texts.iter().map(|text| ad("", "t", text)).collect();
        let mut sets = DisjointSets::new(texts.len());
        for a in 0..texts.len() {
            for b in 0..a {
                if jaccard(&format!("t {}", texts[a]), &format!("t {}", texts[b])) >= 0.9 {
                    sets.join(b as u32, a as u32);
                }
            }
        }
        prop_assert_eq!(of(&ads), sets.dense());
    }

    #[test]
    fn the_order_of_ads_does_not_change_who_is_with_whom(
        names in prop::collection::vec((0u8..4, 0u8..4, 0u8..5), 0..20), turn in 0usize..20,
    ) {
        let mut ads: Vec<Ad> = names
            .iter()
            .map(|&(company, title, text)| {
                let letter = char::from(b'a' + title);
                ad(["", "A", "B", "C"][usize::from(company)], &format!("{letter}"), &words(usize::from(text) * 4, 60))
            })
            .collect();
        let before = of(&ads);
        let turn = if ads.is_empty() { 0 } else { turn % ads.len() };
        ads.rotate_left(turn);
        let mut after = of(&ads);
        after.rotate_right(turn);
        for a in 0..before.len() {
            for b in 0..a {
                prop_assert_eq!(before[a] == before[b], after[a] == after[b]);
            }
        }
    }
}
