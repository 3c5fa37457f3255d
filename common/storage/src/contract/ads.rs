//! Contract of what building an index reads: every ad with its vector, and whether rows have changed.

use chrono::TimeDelta;
use common_core::job::{ContentHash, DESCRIPTION_CHARS, JobAd, TITLE_CHARS, URL_CHARS};
use futures::TryStreamExt;

use super::{SPACE, append, key, moment, row};
use crate::warehouse::{
    EmbeddingRow, EmbeddingTable, FilterColumns, IndexState, IndexedAd, SharedRow, Warehouse,
};

fn table() -> EmbeddingTable {
    EmbeddingTable::of_model("Contract/ads", 3)
}

async fn scan(warehouse: &dyn Warehouse) -> Vec<IndexedAd> {
    let pages: Vec<Vec<IndexedAd>> = warehouse.scan_ads(&table(), SPACE).try_collect().await.unwrap();
    let mut ads = pages.concat();
    ads.sort_by(|a, b| a.key.cmp(&b.key));
    ads
}

async fn state(warehouse: &dyn Warehouse) -> IndexState {
    warehouse.index_state(&table(), SPACE).await.unwrap()
}

/// Three ads: with every value, with no values, and with empty text.
fn seen() -> [JobAd; 3] {
    let text = |text: &str| Some(text.to_owned());
    let full = JobAd {
        job_url: text("https://example.com/?a=1&b='\"%_\\"),
        job_title: Some(format!("Pâtissier \u{0} 👩‍🍳 مرحبا\n\t{}", "é".repeat(TITLE_CHARS))),
        job_description: Some("é".repeat(DESCRIPTION_CHARS + 9)),
        job_location: Some(format!("Jurong \"East\"{}", "x".repeat(TITLE_CHARS))),
        job_classification: text("Hospitality & 'Tourism'"),
        job_work_type: text("Full-time"),
        job_salary_min_sgd_monthly: Some(0.1 + 0.2),
        job_salary_max_sgd_monthly: Some(1e300),
        job_currency: text("SGD"),
        job_posted_timestamp: Some(moment(-7)),
        company_name: Some(format!("Ümlaut % Co_{}", "é".repeat(TITLE_CHARS))),
        ..seen_only("full", 9)
    };
    let empty = JobAd {
        job_url: text(""),
        job_title: text(""),
        job_description: text(""),
        job_location: text(""),
        job_classification: text(""),
        job_work_type: text(""),
        job_currency: text(""),
        company_name: text(""),
        ..seen_only("empty", 0)
    };
    // A truncated URL would be invalid.
    let bare = JobAd { job_url: Some("x".repeat(URL_CHARS + 1)), ..seen_only("bare", 0) };
    [full, bare, empty]
}

fn seen_only(job_id: &str, at: i64) -> JobAd {
    JobAd { source: "MCF".into(), job_id: job_id.into(), scrape_timestamp: moment(at), ..JobAd::default() }
}

fn indexed(ad: &JobAd, row: &EmbeddingRow) -> IndexedAd {
    let cut = |text: &String| text.chars().take(DESCRIPTION_CHARS).collect::<String>();
    let title = |text: &String| text.chars().take(TITLE_CHARS).collect::<String>();
    IndexedAd {
        key: ad.key(),
        content_hash: row.content_hash,
        model_version: row.model_version.clone(),
        embedding: row.embedding.clone(),
        job_title: ad.job_title.as_ref().map(title),
        job_description: ad.job_description.as_ref().map(cut),
        company_name: ad.company_name.as_ref().map(title),
        job_location: ad.job_location.as_ref().map(title),
        job_classification: ad.job_classification.clone(),
        job_work_type: ad.job_work_type.clone(),
        job_currency: ad.job_currency.clone(),
        job_url: ad.job_url.clone().filter(|url| url.chars().count() <= URL_CHARS),
        salary_min_monthly: ad.job_salary_min_sgd_monthly,
        salary_max_monthly: ad.job_salary_max_sgd_monthly,
        job_posted_timestamp: ad.job_posted_timestamp,
    }
}

pub(super) async fn an_index_holds_every_ad_with_a_vector_as_it_was_last_seen(warehouse: &dyn Warehouse) {
    assert!(scan(warehouse).await.is_empty());
    assert_eq!(state(warehouse).await, IndexState::default());
    assert!(warehouse.embedding_spaces(&table()).await.unwrap().is_empty());
    warehouse.create_embeddings(&table()).await.unwrap();
    assert!(scan(warehouse).await.is_empty());
    assert_eq!(state(warehouse).await, IndexState::default());

    let [full, bare, empty] = seen();
    let later_load = JobAd { bq_timestamp: Some(moment(5)), ..full.clone() };
    let stale = |at, loaded| JobAd { bq_timestamp: loaded, ..seen_only("full", at) };
    let others = vec![stale(8, Some(moment(6))), stale(9, None), stale(9, Some(moment(4)))];
    let sightings =
        vec![Ok(vec![later_load, bare.clone(), empty.clone(), seen_only("unembedded", 0)]), Ok(others)];
    append(warehouse, sightings).await.unwrap();

    let exact = [f32::MIN_POSITIVE / 4.0, -0.0, 0.1 + 0.2];
    let written = [
        row("full", "full", exact, 3),
        row("bare", "bare", [1.0, 0.0, 0.0], 2),
        row("empty", "empty", [0.0, 1.0, 0.0], 1),
    ];
    let foreign =
        EmbeddingRow { embedding_space: "another/space".into(), ..row("unembedded", "x", exact, 9) };
    let vanished = row("vanished", "gone", [0.0, 0.0, 1.0], 2);
    let rows = [written.as_slice(), &[foreign, vanished]].concat();
    warehouse.merge_embeddings(&table(), rows).await.unwrap();

    let found = scan(warehouse).await;
    let [row_full, row_bare, row_empty] = &written;
    assert_eq!(found, [indexed(&bare, row_bare), indexed(&empty, row_empty), indexed(&full, row_full)]);
    let bits: Vec<u32> = found[2].embedding.iter().map(|x| x.to_bits()).collect();
    assert_eq!(bits, exact.map(f32::to_bits));
    assert_eq!(found[2].salary_min_monthly.map(f64::to_bits), Some((0.1_f64 + 0.2).to_bits()));
}

pub(super) async fn a_change_of_the_rows_is_seen_without_their_vectors(warehouse: &dyn Warehouse) {
    let spaces = warehouse.embedding_spaces(&table()).await.unwrap();
    assert_eq!(spaces, [(SPACE.to_owned(), 4), ("another/space".to_owned(), 1)]);
    let before = state(warehouse).await;
    // The fourth row belongs to an ad that is no longer in `cleaned_jobs`.
    assert_eq!((before.rows, before.ads, before.newest), (4, 3, Some(moment(3))));
    assert_eq!(state(warehouse).await, before);
    assert_ne!(warehouse.index_state(&table(), "another/space").await.unwrap(), before);

    // Replacing an ad by another with the same moment changes neither the number of rows nor the newest moment.
    let replace = async |old: &str, new: EmbeddingRow| {
        warehouse.delete_embeddings(&table(), &[key(old)]).await.unwrap();
        warehouse.merge_embeddings(&table(), vec![new]).await.unwrap();
    };
    replace("bare", row("other", "bare", [1.0, 0.0, 0.0], 2)).await;
    let replaced = state(warehouse).await;
    assert_eq!((replaced.rows, replaced.newest), (before.rows, before.newest));
    assert_ne!(replaced.checksum, before.checksum);
    replace("other", row("bare", "bare", [1.0, 0.0, 0.0], 2)).await;
    assert_eq!(state(warehouse).await, before);

    // An unchanged sighting, and then one with another company, which is not in the embeddings table.
    let [_, bare, _] = seen();
    let again =
        |hours| JobAd { scrape_timestamp: bare.scrape_timestamp + TimeDelta::hours(hours), ..bare.clone() };
    append(warehouse, vec![Ok(vec![again(1)])]).await.unwrap();
    assert_eq!(state(warehouse).await, before);
    let renamed = JobAd { company_name: Some("Renamed Pte Ltd".into()), ..again(2) };
    append(warehouse, vec![Ok(vec![renamed])]).await.unwrap();
    assert_ne!(state(warehouse).await.checksum, before.checksum);
    append(warehouse, vec![Ok(vec![again(3)])]).await.unwrap();
    assert_eq!(state(warehouse).await, before);

    let moved = FilterColumns { job_location: Some("Bedok".into()), ..FilterColumns::default() };
    let moved = SharedRow { key: key("bare"), content_hash: ContentHash::of("bare"), filters: moved };
    warehouse.update_filters(&table(), vec![moved]).await.unwrap();
    assert_ne!(state(warehouse).await.checksum, before.checksum);
    let newest = moment(3) + TimeDelta::microseconds(1);
    let newer = EmbeddingRow { created_at: newest, ..row("bare", "bare", [1.0, 0.0, 0.0], 0) };
    warehouse.merge_embeddings(&table(), vec![newer]).await.unwrap();
    assert_eq!(state(warehouse).await.newest, Some(newest));
}
