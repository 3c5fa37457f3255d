//! Words: hybrid search, reasons, and search by words alone.

use common_core::job::IndexedAd;
use common_index::ads::Column;
use common_index::search::WORDS_WEIGHT;
use common_index::{Filter, JobIndex, Query, Reason};

use crate::{Passes, ad, build, ids, query, vector};

#[test]
fn hybrid_search_adds_the_weighted_word_score() {
    let folder = tempfile::tempdir().unwrap();
    let ads: Vec<IndexedAd> = (0..300).map(ad).collect();
    build(folder.path(), ads.clone(), 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let vector = vector(6);
    // BM25 of one word. Ads with fewer words in title and company name score higher. Titles have four words, and three
    // of four ads have a company name of one word.
    let length = |ad: &IndexedAd| if ad.company_name.is_some() { 5.0 } else { 4.0 };
    let bm25 = |ad: &IndexedAd| 1.0 / (1.0 + 1.2 * (0.25 + 0.75 * length(ad) / 4.75));
    let mcf = Filter { source: vec!["MCF".into()], ..Filter::default() };
    for (filter, passes) in
        [(Filter::default(), (|_| true) as Passes), (mcf, (|ad| ad.key.source == "MCF") as Passes)]
    {
        let has = |ad: &&IndexedAd| ad.job_title.as_ref().unwrap().ends_with("sourdough6");
        let best = ads.iter().filter(has).map(bm25).fold(0.0, f32::max);
        let mut expected_order: Vec<(f32, f32, &str)> = ads
            .iter()
            .filter(|ad| passes(ad))
            .map(|ad| {
                let cosine: f32 = ad.embedding.iter().zip(&vector).map(|(a, b)| a * b).sum();
                let words = if has(&ad) { bm25(ad) / best } else { 0.0 };
                (cosine + WORDS_WEIGHT * words, cosine, ad.key.job_id.as_str())
            })
            .collect();
        expected_order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let plain = query(&vector, &filter);
        let both = Query { words: Some("the Sourdough6"), ..plain };
        let hits = index.search(&both);
        let expected: Vec<&str> = expected_order[..10].iter().map(|(_, _, id)| *id).collect();
        assert_eq!(ids(&index, &hits), expected);
        assert_ne!(ids(&index, &index.search(&plain)), expected, "the words do not change the order");
        for (hit, (_, cosine, id)) in hits.iter().zip(&expected_order) {
            assert!((hit.similarity - cosine).abs() < 1e-5, "{id}: {hit:?} {cosine}");
        }
        let near = index.search(&Query { min_similarity: Some(0.5), ..both });
        let expected: Vec<&str> = expected_order
            .iter()
            .filter(|(_, cosine, _)| *cosine >= 0.5)
            .take(10)
            .map(|(_, _, id)| *id)
            .collect();
        assert_eq!(ids(&index, &near), expected);
        for nothing in ["", "of the and", "xyzzy"] {
            assert_eq!(
                index.search(&Query { words: Some(nothing), ..plain }),
                index.search(&plain),
                "{nothing}"
            );
        }
    }
}

#[test]
fn numbers_are_not_words_and_spellings_are_counted_together() {
    let folder = tempfile::tempdir().unwrap();
    let spelled = |n: u64, class: &str| IndexedAd { job_classification: Some(class.into()), ..ad(n) };
    let ads = vec![spelled(1, "Zoology"), spelled(2, "zoology"), spelled(3, "Zoology"), spelled(4, "Art")];
    build(folder.path(), ads, 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    for nothing in ["1234", "4 2", ""] {
        assert_eq!(index.find(nothing, 0, 10), (vec![], false), "{nothing}");
    }
    // A single letter matches as a prefix.
    assert_eq!(index.find("b", 0, 10).0.len(), 4);
    let counted = index.facets(Column::Classification);
    assert_eq!(counted, [("Zoology".to_owned(), 3), ("Art".to_owned(), 1)]);
    let zoology = Filter { classification: vec!["ZOOLOGY".into()], ..Filter::default() };
    let vector = vector(1);
    assert_eq!(index.search(&query(&vector, &zoology)).len(), 3);
}

#[test]
fn frequent_words_do_not_displace_ads_with_rare_words() {
    let folder = tempfile::tempdir().unwrap();
    // More texts than MAX_WORD_CANDIDATES contain the frequent word.
    build(folder.path(), (0..4500).map(ad).collect(), 100_000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let filter = Filter::default();
    // Queries in the clusters that contain the rarer word.
    for seed in (6..200).step_by(10) {
        let vector = vector(seed);
        let both = Query { words: Some("baker sourdough6"), ..query(&vector, &filter) };
        let exact = index.search(&Query { exact: true, ..both });
        assert_eq!(index.search(&both), exact, "{seed}");
        let has_rare = |hit: &common_index::Hit| {
            index.ad(hit.row).job_title.is_some_and(|title| title.ends_with("sourdough6"))
        };
        assert!(exact.iter().any(has_rare), "{seed}: {exact:?}");
    }
}

#[test]
fn reasons_contain_only_what_both_ads_share() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), (0..300).map(ad).collect(), 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let row = |n: u64| index.row_of(&ad(n).key.source, &ad(n).key.job_id).unwrap();
    // 10 and 190: the same class, level, sourdough and ferment; salaries of 3,000 to 3,500 and 4,000 to 4,500... or
    // none.
    let reasons = index.reasons_between(row(10), row(190));
    assert!(reasons.contains(&Reason::Classification("Class 1".into())), "{reasons:?}");
    let Some(Reason::Terms(terms)) = reasons.iter().find(|reason| matches!(reason, Reason::Terms(_))) else {
        panic!("{reasons:?}")
    };
    assert!(terms.contains(&"sourdough10".to_owned()), "{terms:?}");
    for term in terms {
        let says = |n: u64| {
            let ad = ad(n);
            format!("{} {}", ad.job_title.unwrap(), ad.job_description.unwrap())
                .to_lowercase()
                .contains(term.as_str())
        };
        assert!(says(10) && says(190), "{term}");
    }
    let salaries: Vec<Reason> = index.reasons_between(row(10), row(11));
    let overlap = Reason::Salary { from: 3100.0, to: 3500.0, currency: "SGD".into() };
    assert!(salaries.contains(&overlap), "{salaries:?}");
    assert!(
        !index.reasons_between(row(10), row(12)).iter().any(|reason| matches!(reason, Reason::Salary { .. }))
    );
    let asked = index.reasons_for_text("SOURDOUGH10, and nothing else", row(10));
    assert_eq!(asked, [Reason::Terms(vec!["sourdough10".into()])]);
    assert_eq!(index.reasons_for_text("the and of 12345", row(10)), []);
}

#[test]
fn words_of_both_titles_are_reasons_even_if_frequent() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), (0..300).map(ad).collect(), 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let row = |n: u64| index.row_of(&ad(n).key.source, &ad(n).key.job_id).unwrap();
    let terms = |reasons: Vec<Reason>| {
        reasons.into_iter().find_map(|reason| match reason {
            Reason::Terms(terms) => Some(terms),
            _ => None,
        })
    };
    // Every title contains baker. Ads 3 and 4 share only that, 10 and 40 also the rarer sourdough10. "of" is a stop
    // word.
    assert_eq!(terms(index.reasons_between(row(3), row(4))).unwrap(), ["baker"]);
    let both = terms(index.reasons_between(row(10), row(40))).unwrap();
    assert_eq!(both[..2], ["sourdough10", "baker"], "{both:?}");
    assert_eq!(terms(index.reasons_for_text("Baker (night)", row(10))).unwrap(), ["baker"]);
    // Every description and no title contains bakery, so that it is not distinctive.
    assert!(!both.contains(&"bakery".to_owned()), "{both:?}");
    assert_eq!(terms(index.reasons_for_text("bakery", row(10))), None);
}

#[test]
fn ads_are_found_by_words_with_a_prefix_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), (0..300).map(ad).collect(), 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let all = |words: &str| index.find(words, 0, 1000).0.len();
    assert_eq!(all("sourdough10"), 10);
    assert_eq!(all("Sourdough10 "), 10);
    assert_eq!(all("sourdough"), 300);
    assert_eq!(all("sourdough "), 0);
    assert_eq!((all(""), all("?!"), all("xyzzy")), (0, 0, 0));
    let (rows, more) = index.find("level3 sourdough10", 0, 5);
    assert!(more && rows.len() == 5);
    let title = index.ad(rows[0]).job_title.unwrap();
    assert!(title.contains("level3") && title.contains("sourdough10"), "{title}");
    let (next, _) = index.find("level3 sourdough10", 5, 5);
    assert!(rows.iter().all(|row| !next.contains(row)));
    assert!(index.find("baker", usize::MAX, 5).0.is_empty());
}

#[test]
fn technical_terms_and_non_latin_words_rank_first() {
    let folder = tempfile::tempdir().unwrap();
    let titles = [
        ("R&D Engineer", vec!["R&D", "r & d", "r&", "Ｒ＆Ｄ", "r&d eng"]),
        ("F&B Service Captain", vec!["F&B", "f&", "f&amp;b"]),
        ("M&E Coordinator", vec!["M&E"]),
        ("Café Manager", vec!["café", "cafe", "CAFE\u{301}", "caf"]),
        ("资深销售经理", vec!["销售", "售", "经理", "资深销售经理", "资"]),
        ("C Programmer", vec!["C", "c "]),
        ("R Developer", vec!["R", "r "]),
        (".NET Developer", vec![".NET", ".n", ".ne", ".net dev"]),
        ("ASP.NET Architect", vec!["asp.net", "asp.", "ASP.N"]),
        ("C++/C# Lead", vec!["C++", "c+", "c#"]),
        ("Node.js Designer", vec!["node.js", "node.", "node", "nod"]),
        ("Ｎｕｒｓｅ", vec!["nurse", "ｎｕｒｓｅ", "NUR"]),
        ("Rigger", vec!["rigger", "rig"]),
        ("Commis Chef", vec!["commis"]),
        ("A&E Nurse", vec!["A&E", "a&"]),
        ("Straße Cleaner", vec!["strasse"]),
        ("İnşaat Foreman", vec!["insaat"]),
        ("シェフ募集", vec!["募集", "シェフ", "ｼｪﾌ"]),
        ("พนักงานขาย", vec!["ขาย"]),
    ];
    let ads = titles.iter().enumerate().map(|(n, (title, _))| IndexedAd {
        job_title: Some((*title).into()),
        company_name: Some("Acme".into()),
        ..ad(n as u64)
    });
    build(folder.path(), ads.collect(), 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    for (title, queries) in &titles {
        for query in queries {
            let found: Vec<_> =
                index.find(query, 0, 10).0.into_iter().map(|row| index.ad(row).job_title.unwrap()).collect();
            assert_eq!(found.first(), Some(title), "{query}: {found:?}");
        }
    }
    // A reason contains compound words without their parts.
    let row = |n: u64| index.row_of(&ad(n).key.source, &ad(n).key.job_id).unwrap();
    let terms = index.reasons_for_text("ASP.NET", row(8));
    assert_eq!(terms, [Reason::Terms(vec!["asp.net".into()])]);
}

#[test]
fn filters_fold_accents_width_and_white_space() {
    let folder = tempfile::tempdir().unwrap();
    let placed = |n: u64, place: &str| IndexedAd { job_location: Some(place.into()), ..ad(n) };
    let towns = ["Zürich", "ZURICH ", "Zu\u{308}rich", "Ｚｕｒｉｃｈ", "Zurich  West", "Zug"];
    build(folder.path(), (0..).zip(towns).map(|(n, place)| placed(n, place)).collect(), 1000, None);
    let index = JobIndex::open(folder.path()).unwrap();
    let vector = vector(1);
    for (asked, count) in [("zurich", 4), (" ZÜRICH\u{a0}", 4), ("zurich west", 1), ("zu", 0)] {
        let filter = Filter { location: vec![asked.into()], ..Filter::default() };
        assert_eq!(index.search(&query(&vector, &filter)).len(), count, "{asked}");
    }
    assert_eq!(index.facets(Column::Location)[0].1, 4);
}
