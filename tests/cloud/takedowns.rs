//! A takedown that fails before its deletes.

use common::job::{JobAd, JobKey, Shard};
use common::storage::warehouse::{Appended, EmbeddingTable, JobCount, JobScan};
use common::storage::{Access, open_warehouse};
use futures::{StreamExt, TryStreamExt, stream};

use super::World;
use crate::support::proxy::Proxy;

fn ad(job_id: &str) -> JobAd {
    let scrape_timestamp = chrono::DateTime::UNIX_EPOCH;
    JobAd { source: "MCF".into(), job_id: job_id.into(), scrape_timestamp, ..JobAd::default() }
}

#[tokio::test]
async fn an_incomplete_takedown_hides_the_ads_and_is_completed_by_a_repeat() {
    let Some(world) = World::on_emulators() else { return };
    let direct = world.warehouse().await;
    direct.create_jobs().await.unwrap();
    let append = async || {
        let ads = vec![Ok(vec![ad("gone"), ad("kept")])];
        direct.append_jobs(stream::iter(ads).boxed()).await.unwrap()
    };
    assert_eq!(append().await, Appended { sightings: 2, forgotten: 0 });
    let proxy = Proxy::start(&world.bigquery, 0, 0, std::time::Duration::from_millis(1)).await;
    // BigQuery rejects deletes of rows that were just streamed.
    proxy.refuse("DELETE FROM");
    let broken = World { bigquery: proxy.url.clone(), ..world };
    let gone = [JobKey { source: "MCF".into(), job_id: "gone".into() }];
    let halfway = open_warehouse(&broken.settings(), Access::Write).await.unwrap();
    let error = halfway.forget(&gone).await.unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.contains("cleaned_jobs") && sentence.contains("forget them again"), "{sentence}");

    let scan = JobScan { embeddings: EmbeddingTable::of_model("m", 3), shard: Shard::ALL, source: None };
    let counted = direct.count_jobs(&scan).await.unwrap();
    assert_eq!(counted, JobCount { ads: 1, forgotten_ads: 1, ..counted });
    let pages: Vec<_> = direct.scan_jobs(scan.clone()).try_collect().await.unwrap();
    assert_eq!(pages.concat().into_iter().map(|ad| ad.key.job_id).collect::<Vec<_>>(), ["kept"]);
    assert_eq!(append().await, Appended { sightings: 1, forgotten: 1 });

    let left = direct.forget(&gone).await.unwrap();
    assert_eq!(left.iter().map(|left| left.rows).sum::<u64>(), 1);
    let counted = direct.count_jobs(&scan).await.unwrap();
    assert_eq!((counted.ads, counted.forgotten_ads), (1, 0));
}
