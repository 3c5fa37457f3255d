//! The ads that `--job-ids` names.

use common::job::JobKey;
use common::storage::warehouse::Predictions;
use common::{Error, Result};

/// The keys of the ads with these ids. An id may have its source in front, as in `MCF/123`.
///
/// # Errors
/// `NotFound` for an id that no ad has; `InvalidInput`, with both sources, for an id that two sources have.
pub(crate) async fn keys(warehouse: &dyn Predictions, asked: &[String]) -> Result<Vec<JobKey>> {
    let without_source = asked.iter().filter_map(|id| Some(id.split_once('/')?.1.to_owned()));
    let ids: Vec<String> = asked.iter().cloned().chain(without_source).collect();
    let found = warehouse.ads_with_ids(&ids).await?;
    let mut keys = Vec::new();
    for id in asked {
        keys.push(key(id, &found)?);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

fn key(id: &str, found: &[JobKey]) -> Result<JobKey> {
    let bare: Vec<&JobKey> = found.iter().filter(|key| key.job_id == id).collect();
    let with_source = || {
        let (source, job_id) = id.split_once('/')?;
        found.iter().find(|key| key.source == source && key.job_id == job_id)
    };
    match bare[..] {
        [one] => Ok(one.clone()),
        [one, other, ..] => Err(Error::invalid_input(format!(
            "invalid --job-ids {id:?}: {} and {} have this id: expected one of {one} and {other}",
            one.source, other.source
        ))
        .for_caller()),
        [] => with_source().cloned().ok_or_else(|| {
            Error::not_found(format!(
                "invalid --job-ids {id:?}: no ad in cleaned_jobs has this id: expected an id, or a source and an id as in MCF/123"
            ))
            .for_caller()
        }),
    }
}

#[cfg(test)]
mod tests {
    use common::ErrorKind;

    use super::*;

    #[test]
    fn an_id_is_that_of_one_ad() {
        let ad = |source: &str, job_id: &str| JobKey { source: source.into(), job_id: job_id.into() };
        let found = [ad("MCF", "1"), ad("MCF", "2"), ad("MCF", "a/b"), ad("UK", "1")];
        assert_eq!(key("2", &found).unwrap(), ad("MCF", "2"));
        assert_eq!(key("UK/1", &found).unwrap(), ad("UK", "1"));
        assert_eq!(key("a/b", &found).unwrap(), ad("MCF", "a/b"));
        assert_eq!(key("MCF/a/b", &found).unwrap(), ad("MCF", "a/b"));
        let ambiguous = key("1", &found).unwrap_err();
        assert_eq!(ambiguous.kind(), ErrorKind::InvalidInput);
        assert!(
            ambiguous.to_string().contains("MCF and UK have this id: expected one of MCF/1 and UK/1"),
            "{ambiguous}"
        );
        for missing in ["3", "UK/2", "/1", ""] {
            assert_eq!(key(missing, &found).unwrap_err().kind(), ErrorKind::NotFound, "{missing}");
        }
    }
}
