//! Contract of the models that are served together, for any store.

use std::sync::Arc;

use common_core::ErrorKind;
use serde_json::json;

use super::registry::{KIND, overwrite, publish};
use crate::artifacts::ArtifactStore;
use crate::registry::champions::{CHAMPIONS, Changes};
use crate::registry::{ChampionSet, Champions, Registry, list};

const SPACE: &str = "model/weights/t1";
const ANOTHER: &str = "model/other weights/t1";

fn changes(models: &[(&str, &str)]) -> Changes {
    models.iter().map(|(model, version)| ((*model).to_owned(), Some((*version).to_owned()))).collect()
}

fn versions(champions: &Champions) -> Vec<(&str, &str)> {
    champions.models.iter().map(|(model, version)| (model.as_str(), version.as_str())).collect()
}

/// Tests that a set is read and swapped as a whole, that no writer loses another's change, and that all models of a
/// set have the same embedding space.
pub(super) async fn champions(store: Arc<dyn ArtifactStore>) {
    let set = ChampionSet::new(Arc::clone(&store));
    let model = |name: &str| Registry::new(Arc::clone(&store), KIND, &format!("models/{name}"));
    assert_eq!(set.load().await.unwrap(), None);
    for name in ["salary_predictor", "salary_predictor_gbp", "role_classifier", "clustering"] {
        for _ in 0..2 {
            publish(&model(name), "text", Some(SPACE)).await;
        }
        assert_eq!(publish(&model(name), "text", Some(ANOTHER)).await, "v3");
    }

    let alone = model("clustering").promote("v1", None).await.unwrap_err();
    assert_eq!(alone.kind(), ErrorKind::InvalidInput, "{}", alone.chain());
    let first = [("clustering", "v1"), ("role_classifier", "v1"), ("salary_predictor", "v1")];
    let first = set.promote(None, &changes(&first)).await.unwrap();
    assert_eq!(set.load().await.unwrap().as_ref(), Some(&first));
    assert_eq!(first.embedding_space, SPACE);
    a_set_that_does_not_fit_together_is_refused(&set, &first).await;
    two_writers_keep_each_others_change(&set, &first).await;
    earlier_champions_are_remembered(&set).await;
    a_set_moves_to_another_space_at_once(&set).await;
    versions_that_are_served_are_not_removed(&store, &model("clustering")).await;
    a_missing_version_is_named(&set, &store).await;
    an_invalid_pointer_is_replaced_only_by_a_whole_set(&set, &store).await;
}

async fn a_set_that_does_not_fit_together_is_refused(set: &ChampionSet, first: &Champions) {
    let refused = async |models: &[(&str, &str)], kind: ErrorKind, words: &[&str]| {
        let error = set.promote(Some(first), &changes(models)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", error.chain());
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
        assert_eq!(set.load().await.unwrap().as_ref(), Some(first));
    };
    let both = ["models/clustering/v1", SPACE, "models/role_classifier/v3", ANOTHER];
    refused(&[("role_classifier", "v3")], ErrorKind::InvalidInput, &both).await;
    refused(&[("role_classifier", "v9")], ErrorKind::NotFound, &["models/role_classifier/v9"]).await;
    refused(&[("../indexes", "v1")], ErrorKind::InvalidInput, &["invalid model"]).await;
}

async fn two_writers_keep_each_others_change(set: &ChampionSet, first: &Champions) {
    let (role, salary) = (changes(&[("role_classifier", "v2")]), changes(&[("salary_predictor", "v2")]));
    // Both propose before either swaps: one succeeds; the other tries again and keeps its change.
    let of_role = set.propose(Some(first), &role).await.unwrap();
    let of_salary = set.propose(Some(first), &salary).await.unwrap();
    set.swap(of_role).await.unwrap();
    assert_eq!(set.swap(of_salary).await.unwrap_err().kind(), ErrorKind::Conflict);
    set.promote(Some(first), &salary).await.unwrap();
    let both = set.load().await.unwrap().unwrap();
    let expected = [("clustering", "v1"), ("role_classifier", "v2"), ("salary_predictor", "v2")];
    assert_eq!(versions(&both), expected);

    // Two writers change the same model: the second one compared its version with a champion that has been
    // replaced.
    let stale = set.promote(Some(first), &changes(&[("salary_predictor", "v3")])).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Conflict);
    assert!(stale.to_string().contains("salary_predictor is v2 and no longer v1"), "{stale}");

    // Concurrent writers.
    let each = [("clustering", "v2"), ("role_classifier", "v1"), ("salary_predictor_gbp", "v2")];
    let promotions =
        each.map(|change| async move { set.promote(set.load().await?.as_ref(), &changes(&[change])).await });
    for promoted in futures::future::join_all(promotions).await {
        promoted.unwrap();
    }
    let all = set.load().await.unwrap().unwrap();
    assert_eq!(versions(&all), [each[0], each[1], ("salary_predictor", "v2"), each[2]]);
}

async fn earlier_champions_are_remembered(set: &ChampionSet) {
    let model = "clustering";
    let promote = async |version: &str| {
        let before = set.load().await.unwrap();
        let after = set.promote(before.as_ref(), &changes(&[(model, version)])).await.unwrap();
        after.earlier.get(model).cloned().unwrap_or_default()
    };
    assert_eq!(promote("v1").await, Vec::<String>::new(), "it was v1 before v2");
    assert_eq!(promote("v2").await, ["v1"]);
    assert_eq!(promote("v2").await, ["v1"], "nothing changes");
    for _ in 0..2 {
        assert_eq!(promote("v1").await, Vec::<String>::new(), "a return is not remembered");
        assert_eq!(promote("v2").await, ["v1"]);
    }
}

async fn a_set_moves_to_another_space_at_once(set: &ChampionSet) {
    let before = set.load().await.unwrap();
    let mut moved = changes(&[("clustering", "v3"), ("role_classifier", "v3"), ("salary_predictor", "v3")]);
    let part = set.promote(before.as_ref(), &moved).await.unwrap_err();
    assert!(part.to_string().contains("models/salary_predictor_gbp/v2"), "{part}");
    moved.insert("salary_predictor_gbp".to_owned(), None);
    let after = set.promote(before.as_ref(), &moved).await.unwrap();
    assert_eq!((after.embedding_space.as_str(), after.models.len()), (ANOTHER, 3));
    let nothing: Changes = after.models.keys().map(|model| (model.clone(), None)).collect();
    let error = set.promote(Some(&after), &nothing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    // Restores the first space for the tests that follow.
    let back = changes(&[("clustering", "v1"), ("role_classifier", "v1"), ("salary_predictor", "v1")]);
    set.promote(Some(&after), &back).await.unwrap();
}

async fn versions_that_are_served_are_not_removed(store: &Arc<dyn ArtifactStore>, clustering: &Registry) {
    assert_eq!(clustering.prune(1).await.unwrap(), ["v2"]);
    let entries = list(store, Some("models/clustering")).await.unwrap();
    let found: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.is_champion)).collect();
    assert_eq!(found, [("models/clustering/v1", true), ("models/clustering/v3", false)]);
}

async fn a_missing_version_is_named(set: &ChampionSet, store: &Arc<dyn ArtifactStore>) {
    let before = set.load().await.unwrap();
    store.delete("models/clustering/v1/manifest.json").await.unwrap();
    let salary = changes(&[("salary_predictor", "v2")]);
    let error = set.promote(before.as_ref(), &salary).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("models/clustering/v1 is not published"), "{error}");
    assert_eq!(set.load().await.unwrap(), before, "the pointer can be read although a version is missing");
    let mut without = salary;
    without.insert("clustering".to_owned(), None);
    let after = set.promote(before.as_ref(), &without).await.unwrap();
    assert_eq!(versions(&after), [("role_classifier", "v1"), ("salary_predictor", "v2")]);
}

async fn an_invalid_pointer_is_replaced_only_by_a_whole_set(
    set: &ChampionSet,
    store: &Arc<dyn ArtifactStore>,
) {
    let before = set.load().await.unwrap();
    let pointer = |model: &str, version: &str| {
        json!({
            "format": 1,
            "embedding_space": SPACE,
            "models": { model: version },
            "promoted_at": "2025-01-02T03:04:05Z",
        })
    };
    let role = changes(&[("role_classifier", "v2")]);
    let invalid = [
        "{".to_owned(),
        "{}".to_owned(),
        pointer("role_classifier", "latest").to_string(),
        pointer("../indexes", "v1").to_string(),
    ];
    for text in invalid {
        overwrite(store.as_ref(), CHAMPIONS, &text).await;
        let error = set.load().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
        assert!(error.to_string().contains("invalid champions \"models/champions.json\""), "{error}");
        // A writer that has seen another set must not lose the other models of that set.
        assert_eq!(set.promote(before.as_ref(), &role).await.unwrap_err().kind(), ErrorKind::Corrupt);
        // Nothing is removed while the champions are unknown.
        let registry = Registry::new(Arc::clone(store), KIND, "models/role_classifier");
        assert_eq!(registry.prune(1).await.unwrap_err().kind(), ErrorKind::Corrupt);
        let whole = set.promote(None, &role).await.unwrap();
        assert_eq!(set.load().await.unwrap(), Some(whole));
    }
    let mut later = pointer("role_classifier", "v2");
    later["note"] = json!("unknown members are ignored");
    overwrite(store.as_ref(), CHAMPIONS, &later.to_string()).await;
    assert_eq!(versions(&set.load().await.unwrap().unwrap()), [("role_classifier", "v2")]);
    later["format"] = json!(2);
    overwrite(store.as_ref(), CHAMPIONS, &later.to_string()).await;
    for error in [set.load().await.err().unwrap(), set.promote(None, &role).await.err().unwrap()] {
        assert!(error.to_string().contains("has format 2, and this program reads up to 1"), "{error}");
    }
}
