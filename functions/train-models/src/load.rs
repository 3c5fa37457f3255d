//! The ads of the warehouse with their vectors.

use common::embedding::Identity;
use common::learning::Ad;
use common::runtime::Invocation;
use common::storage::Warehouse;
use common::storage::warehouse::{EmbeddingTable, FeatureCount, Features, refuse_fewer};
use common::{Error, Result};
use futures::StreamExt;
use sha2::{Digest, Sha256};

use crate::options::Options;

/// The ads of a run.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Ads that have a vector, ordered by source and id.
    pub(crate) ads: Vec<Ad>,
    /// Ads of the warehouse, and those without a vector.
    pub(crate) count: FeatureCount,
    /// SHA-256 of keys, texts, salaries and times.
    pub(crate) fingerprint: String,
}

impl Loaded {
    /// Names the ads together with what the search for parameters depends on.
    pub(crate) fn fingerprint_of(&self, seed: u64, quick: bool) -> String {
        let mut hasher = Sha256::new();
        hasher.update(&self.fingerprint);
        hasher.update(env!("CARGO_PKG_VERSION"));
        hasher.update(seed.to_le_bytes());
        hasher.update([u8::from(quick)]);
        hex::encode(&hasher.finalize()[..8])
    }
}

/// Reads every ad that has a vector of the model.
///
/// # Errors
/// `NotFound` if there is none, with the command that makes them; errors of the warehouse.
pub(crate) async fn load(
    warehouse: &dyn Warehouse,
    identity: &Identity,
    invocation: &Invocation<Options>,
) -> Result<Loaded> {
    let features: &dyn Features = warehouse;
    let table = EmbeddingTable::of_model(&identity.model_name, identity.dimension);
    let space = &identity.embedding_space;
    if !invocation.dry_run {
        warehouse.create_embeddings(&table).await?;
    }
    let count = features.count_features(&table, space).await?;
    if count.ads == 0 {
        let others = warehouse.embedding_spaces(&table).await?;
        let found = match others.first() {
            Some((other, rows)) => format!("{} has {rows} rows of {other} and none of {space}", table.name),
            None => format!("{} is empty", table.name),
        };
        return Err(Error::not_found(format!(
            "no ad has a vector of this model: {found}: run embed-new-jobs first"
        )));
    }
    if count.without_embedding > 0 {
        tracing::warn!(
            ads = count.without_embedding,
            "ads without a vector are left out: run embed-new-jobs for them"
        );
    }
    invocation.progress.start(count.ads, "reading ads");
    let mut ads = Vec::new();
    let mut batches = features.scan_features(&table, space);
    while let Some(batch) = batches.next().await {
        let read = Ad::from_batch(&batch?)?;
        invocation.progress.advance(read.len() as u64);
        ads.extend(read);
    }
    invocation.progress.finish();
    let recount = async { Ok(features.count_features(&table, space).await?.ads) };
    refuse_fewer(ads.len() as u64, count.ads, recount)
        .await
        .map_err(|error| error.context("reading ads").remedy("no model is published; run again"))?;
    ads.sort_unstable_by(|a, b| (&a.source, &a.job_id).cmp(&(&b.source, &b.job_id)));
    if let Some(limit) = invocation.options.limit {
        newest(&mut ads, usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let fingerprint = fingerprint(&ads);
    Ok(Loaded { ads, count, fingerprint })
}

/// Keeps the `limit` newest ads.
fn newest(ads: &mut Vec<Ad>, limit: usize) {
    ads.sort_by_key(|ad| std::cmp::Reverse(ad.moment()));
    ads.truncate(limit);
    ads.sort_unstable_by(|a, b| (&a.source, &a.job_id).cmp(&(&b.source, &b.job_id)));
}

fn fingerprint(ads: &[Ad]) -> String {
    let mut hasher = Sha256::new();
    for ad in ads {
        for text in [&ad.source, &ad.job_id, &ad.content_hash, &ad.currency, &ad.classification, &ad.location]
        {
            hasher.update(text);
            hasher.update([0]);
        }
        for number in [ad.salary_min_per_month, ad.salary_max_per_month] {
            hasher.update(number.unwrap_or(f64::NAN).to_bits().to_le_bytes());
        }
        hasher.update(ad.moment().timestamp_micros().to_le_bytes());
    }
    hex::encode(hasher.finalize())
}
