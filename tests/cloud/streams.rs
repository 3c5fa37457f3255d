//! Incomplete responses of BigQuery: a run detects them and fails.

use std::time::Duration;

use common::ErrorKind;
use common::job::JobAd;
use futures::{StreamExt, TryStreamExt, stream};

use super::World;
use crate::faults::assert_refused;
use crate::support::proxy::Proxy;
use crate::support::{Ended, Market, Running};

/// The delay of a late response; these tests inject none.
const LATE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_missing_page_token_is_detected() {
    let Some(mut world) = World::on_emulators() else { return };
    let proxy = Proxy::start(&world.bigquery, 0, 0, LATE).await;
    world.bigquery.clone_from(&proxy.url);
    let warehouse = world.warehouse().await;
    let sql = "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 1200)) AS n";
    let rows = async || -> common::Result<usize> {
        let pages: Vec<_> = warehouse.query(sql, &[]).await?.pages.try_collect().await?;
        Ok(pages.concat().len())
    };
    assert_eq!(rows().await.unwrap(), 1200);
    proxy.alter("\"pageToken\"", "\"pageToken\"", "\"pageTokem\"");
    let error = rows().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.to_string().ends_with("stopped before the end: BigQuery sent 500 of 1200 rows"), "{error}");
}

fn ads(from: usize, to: usize) -> Vec<JobAd> {
    let ad = |n: usize| JobAd {
        source: "MCF".into(),
        job_id: n.to_string(),
        scrape_timestamp: chrono::DateTime::UNIX_EPOCH,
        job_title: Some(format!("Keeper of {n} bees")),
        ..JobAd::default()
    };
    (from..to).map(ad).collect()
}

fn run(world: &World, program: &str) -> Ended {
    let market = Market::on(world);
    let mut command = market.command(program);
    Running::start(command.env("DEVICE", "cpu").env("THREADS", "1").arg("--once")).end()
}

/// The query returns fewer ads than were counted, and reports a consistent number of rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_scans_fewer_ads_than_were_counted_fails() {
    let Some(mut world) = World::on_emulators() else { return };
    let warehouse = world.warehouse().await;
    warehouse.create_jobs().await.unwrap();
    warehouse.append_jobs(stream::iter([Ok(ads(0, 5))]).boxed()).await.unwrap();
    assert_eq!(run(&world, "embed-new-jobs").code, Some(0));
    warehouse.append_jobs(stream::iter([Ok(ads(5, 8))]).boxed()).await.unwrap();

    let proxy = Proxy::start(&world.bigquery, 0, 0, LATE).await;
    world.bigquery.clone_from(&proxy.url);
    proxy.alter("stored_salary_mid", "LEFT JOIN", "     JOIN");
    let ended = run(&world, "embed-new-jobs");
    assert_refused(&ended, 1, &["reading cleaned_jobs: 8 ads were counted", "after 5", "run again"]);

    let stored = "stored.source = ads.source AND stored.job_id = ads.job_id";
    let fewer = "stored.job_id = ads.job_id AND stored.job_id = '3'       ";
    proxy.alter("ads.job_currency", stored, fewer);
    let ended = run(&world, "build-vector-index");
    assert_refused(&ended, 1, &["reading job_embeddings: 5 ads were counted", "is not published"]);
    let registry =
        common::storage::Registry::new(world.artifacts(), common::index::manifest::KIND, "indexes");
    assert!(registry.versions().await.unwrap().is_empty());
}
