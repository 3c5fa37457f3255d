//! Search for the parameters of the trees: TPE, with pruning and a journal that a killed search goes on from.
//!
//! The sampler draws by seed, trial, parameter and number of draws, so that a resumed search makes the same trials as one
//! that was not interrupted.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::LazyLock;

use common_core::error::OnPath;
use common_core::{Error, Result, failpoint};
use optimizer::parameter::{IntParam, Parameter};
use optimizer::pruner::MedianPruner;
use optimizer::sampler::tpe::TpeSampler;
use optimizer::sampler::{CompletedTrial, Sampler};
use optimizer::storage::JournalStorage;
use optimizer::{AttrValue, Direction, Study, Trial};
use serde::Serialize;

use super::trees::TreeParameters;

/// Parameters of a trial.
const DRAWS: usize = 4;

/// Trials before a trial may be pruned.
const UNPRUNED_TRIALS: usize = 5;

/// Attribute of the trials that were stopped early.
const PRUNED: &str = "pruned";

/// Learning rates are whole numbers of such parts: these are read from the journal as they were written, fractions may not
/// be.
const RATE_UNITS: f64 = 1e4;
/// Values are rounded to so many parts of one, for the same reason.
const VALUE_PARTS: f64 = 1e6;

/// The parameters that are searched. They are made once in a process, because their ids are their order.
struct Space {
    leaves: IntParam,
    /// In parts of [`RATE_UNITS`].
    rate: IntParam,
    rounds: IntParam,
    min_leaf_ads: IntParam,
}

static SPACE: LazyLock<Space> = LazyLock::new(|| Space {
    leaves: IntParam::new(31, 100).name("num_leaves"),
    rate: IntParam::new(100, 1000).log_scale().name("learning_rate in 1/10000"),
    rounds: IntParam::new(100, 1000).name("n_estimators"),
    min_leaf_ads: IntParam::new(20, 100).name("min_child_samples"),
});

/// A search.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// Number of trials, those of the journal included.
    pub trials: usize,
    /// Seed of the sampler.
    pub seed: u64,
    /// File with a line for each finished trial. Its folder exists.
    pub journal: &'a Path,
}

/// A finished trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialResult {
    /// Number of the trial, from 0.
    pub number: u64,
    /// Its parameters.
    pub parameters: TreeParameters,
    /// The value that is minimised; of a pruned trial, the mean of the folds that it has seen.
    pub value: Option<f64>,
    /// Whether the trial was stopped early.
    pub is_pruned: bool,
}

/// Minimises `objective`, which gets the parameters of a trial, reports the value after each fold by the second
/// argument, and returns `None` when that returns false: the trial is pruned.
///
/// Returns all trials in order. The search ends early if `stop` returns true between two trials.
///
/// # Errors
/// Errors of the objective; `Corrupt` if the journal cannot be read; `Internal` for other errors of the search.
pub fn search(
    search: Search<'_>,
    mut objective: impl FnMut(&TreeParameters, &mut dyn FnMut(f64) -> bool) -> Result<Option<f64>>,
    mut stop: impl FnMut(usize) -> bool,
) -> Result<Vec<TrialResult>> {
    drop_unfinished_line(search.journal)?;
    let journal = JournalStorage::<f64>::open(search.journal).map_err(|error| {
        Error::corrupt(format!(
            "invalid journal {:?}: expected a line for each trial: remove it",
            search.journal.display()
        ))
        .caused_by(error)
    })?;
    let sampler = TpeSampler::builder().seed(search.seed).build().map_err(failed)?;
    // The sampler counts its draws: as many as the trials of the journal took, a draw a parameter.
    for _ in 0..finished(search.journal)? * DRAWS {
        sampler.sample(&SPACE.leaves.distribution(), 0, &[]);
    }
    let pruner = MedianPruner::new(Direction::Minimize).n_min_trials(UNPRUNED_TRIALS);
    let study = Study::with_sampler_pruner_and_storage(Direction::Minimize, sampler, pruner, journal);
    loop {
        let done = study.trials().len();
        if done >= search.trials || stop(done) {
            break;
        }
        let mut trial = study.ask();
        let parameters = suggest(&mut trial)?;
        let (mut fold, mut last) = (0, f64::MAX);
        let mut report = |value: f64| {
            last = rounded(value);
            trial.report(fold, last);
            fold += 1;
            !trial.should_prune()
        };
        let value = objective(&parameters, &mut report)?;
        // A trial that the library records as pruned has the value 0, which its sampler takes for the best of all.
        trial.set_user_attr(PRUNED, value.is_none());
        study.tell(trial, Ok::<_, Error>(value.map_or(last, rounded)));
        failpoint::reach("training::trial");
    }
    let mut trials = study.trials();
    trials.sort_unstable_by_key(|trial| trial.id);
    trials.iter().map(result).collect()
}

/// The best finished trial; the first of equal ones.
pub fn best(trials: &[TrialResult]) -> Option<&TrialResult> {
    let finished = trials.iter().filter(|trial| !trial.is_pruned && trial.value.is_some());
    finished.min_by(|a, b| a.value.unwrap_or(f64::MAX).total_cmp(&b.value.unwrap_or(f64::MAX)))
}

/// Number of trials in the journal, a line each.
fn finished(journal: &Path) -> Result<usize> {
    Ok(std::fs::read_to_string(journal).on_path("cannot read the journal", journal)?.lines().count())
}

fn rounded(value: f64) -> f64 {
    (value * VALUE_PARTS).round() / VALUE_PARTS
}

fn suggest(trial: &mut Trial) -> Result<TreeParameters> {
    let whole = |value: i64| u32::try_from(value).map_err(|_| Error::internal("a parameter is out of range"));
    Ok(TreeParameters {
        leaves: whole(SPACE.leaves.suggest(trial).map_err(failed)?)?,
        rate: f64::from(whole(SPACE.rate.suggest(trial).map_err(failed)?)?) / RATE_UNITS,
        rounds: whole(SPACE.rounds.suggest(trial).map_err(failed)?)?,
        min_leaf_ads: whole(SPACE.min_leaf_ads.suggest(trial).map_err(failed)?)?,
        ..TreeParameters::default()
    })
}

fn result(trial: &CompletedTrial<f64>) -> Result<TrialResult> {
    let missing =
        || Error::corrupt(format!("trial {} of the journal lacks a parameter: remove the journal", trial.id));
    let whole = |parameter: &IntParam| {
        trial.get(parameter).and_then(|value| u32::try_from(value).ok()).ok_or_else(missing)
    };
    Ok(TrialResult {
        number: trial.id,
        parameters: TreeParameters {
            leaves: whole(&SPACE.leaves)?,
            rate: f64::from(whole(&SPACE.rate)?) / RATE_UNITS,
            rounds: whole(&SPACE.rounds)?,
            min_leaf_ads: whole(&SPACE.min_leaf_ads)?,
            ..TreeParameters::default()
        },
        value: Some(trial.value).filter(|value| value.is_finite()),
        is_pruned: trial.user_attrs.get(PRUNED) == Some(&AttrValue::Bool(true)),
    })
}

/// Cuts what follows the last line end: a trial that was being written when its process was killed.
fn drop_unfinished_line(path: &Path) -> Result<()> {
    const DOING: &str = "cannot repair the journal";
    let Ok(mut file) = OpenOptions::new().read(true).write(true).open(path) else {
        // The first search makes the file.
        File::create(path).on_path("cannot create the journal", path)?;
        return Ok(());
    };
    let mut text = Vec::new();
    file.read_to_end(&mut text).on_path(DOING, path)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < text.len() {
        file.set_len(whole as u64).on_path(DOING, path)?;
        file.seek(SeekFrom::End(0)).on_path(DOING, path)?;
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("the search for parameters failed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::unnecessary_wraps)] // As objectives are.
    fn objective(parameters: &TreeParameters, report: &mut dyn FnMut(f64) -> bool) -> Result<Option<f64>> {
        let value = (f64::from(parameters.leaves) - 60.0).powi(2) + (parameters.rate - 0.05).abs() * 1e3;
        for fold in 0..3 {
            if !report(value + f64::from(fold)) {
                return Ok(None);
            }
        }
        Ok(Some(value))
    }

    #[test]
    fn a_resumed_search_makes_the_trials_of_an_uninterrupted_one() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, parts) = (folder.path().join("whole.jsonl"), folder.path().join("parts.jsonl"));
        let all = search(Search { trials: 20, seed: 5, journal: &whole }, objective, |_| false).unwrap();
        let some =
            search(Search { trials: 20, seed: 5, journal: &parts }, objective, |done| done == 8).unwrap();
        assert_eq!(some[..], all[..8]);
        let text = std::fs::read_to_string(&parts).unwrap();
        std::fs::write(&parts, format!("{text}{{\"id\":8,\"par")).unwrap();
        let resumed = search(Search { trials: 20, seed: 5, journal: &parts }, objective, |_| false).unwrap();
        assert_eq!(resumed, all);
        let other =
            search(Search { trials: 20, seed: 6, journal: &folder.path().join("other") }, objective, |_| {
                false
            });
        assert_ne!(other.unwrap(), all);
    }

    #[test]
    fn the_best_trial_is_near_the_minimum_and_hopeless_ones_are_pruned() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        let trials = search(Search { trials: 40, seed: 1, journal: &journal }, objective, |_| false).unwrap();
        assert!(best(&trials).unwrap().parameters.leaves.abs_diff(60) < 8);
        assert!(trials.iter().any(|trial| trial.is_pruned));
        assert!(trials.iter().all(|trial| (31..=100).contains(&trial.parameters.leaves)));
    }

    #[test]
    fn an_error_stops_the_search_and_a_foreign_journal_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        let fails = |_: &TreeParameters, _: &mut dyn FnMut(f64) -> bool| Err(Error::internal("no memory"));
        let refused = search(Search { trials: 3, seed: 1, journal: &journal }, fails, |_| false);
        assert!(refused.unwrap_err().to_string().contains("no memory"));
        std::fs::write(&journal, "nonsense\n").unwrap();
        assert!(search(Search { trials: 3, seed: 1, journal: &journal }, objective, |_| false).is_err());
    }
}
