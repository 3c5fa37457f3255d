use clap::Parser;
use common::ErrorKind;
use proptest::prelude::*;
use serde_json::json;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    options: Options,
}

fn flags(line: &str) -> Options {
    Line::try_parse_from(["train-models"].into_iter().chain(line.split_whitespace())).unwrap().options
}

fn version(model: &str, version: &str) -> Version {
    Version { model: model.to_owned(), version: version.to_owned() }
}

#[track_caller]
fn refused(options: &Options, sentence: &str) {
    let error = options.command().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, sentence));
    assert_eq!(error.outside(), Some(sentence), "a caller may read it");
}

#[test]
fn without_options_everything_is_trained_with_the_documented_defaults() {
    let options = flags("");
    assert_eq!(options.command().unwrap(), Command::Train);
    assert_eq!((options.trials(), options.seed(), options.keep()), (30, 42, 5));
    assert!(options.trains(ModelFamily::Salary) && options.currency().unwrap().is_none());
}

#[test]
fn flags_and_json_members_have_the_same_names_and_meaning() {
    let line = "--only salary --currency gbp --trials 0 --quick --seed 7 --limit 500 --ablation --materialise \
                --no-promote --keep 2";
    let body = json!({
        "only": ["salary"], "currency": "gbp", "trials": 0, "quick": true, "seed": 7, "limit": 500,
        "ablation": true, "materialise": true, "no_promote": true, "keep": 2,
    });
    let (from_flags, from_json) = (flags(line), serde_json::from_value::<Options>(body).unwrap());
    assert_eq!(format!("{from_flags:?}"), format!("{from_json:?}"));
    assert_eq!(from_json.command().unwrap(), Command::Train);
    assert_eq!((from_json.currency().unwrap(), from_json.trials()), (Some("GBP"), 0));
    for unknown in [json!({ "export_folds": "/tmp" }), json!({ "trial": 3 }), json!({ "only": ["wages"] })] {
        assert!(serde_json::from_value::<Options>(unknown.clone()).is_err(), "{unknown}");
    }
    assert!(flags("--export-folds folds").export_folds.is_some());
}

#[test]
fn each_command_is_read() {
    for (line, command) in [
        ("--list", Command::List),
        ("--show salary_predictor/v3", Command::Show(version("salary_predictor", "v3"))),
        (
            "--diff salary_predictor_gbp/v2 salary_predictor_gbp/v10",
            Command::Diff([version("salary_predictor_gbp", "v2"), version("salary_predictor_gbp", "v10")]),
        ),
        (
            "--promote salary_predictor/v1 --promote salary_predictor_gbp/v2",
            Command::Promote(vec![version("salary_predictor", "v1"), version("salary_predictor_gbp", "v2")]),
        ),
        ("--rollback salary_predictor_gbp", Command::RollBack("salary_predictor_gbp".to_owned())),
    ] {
        assert_eq!(flags(line).command().unwrap(), command, "{line}");
    }
}

#[test]
fn a_command_excludes_other_commands_and_the_options_of_a_training() {
    refused(
        &flags("--list --show salary_predictor/v1 --rollback salary_predictor"),
        "--list, --show and --rollback exclude each other: leave out all but one, for example --list",
    );
    refused(&flags("--list --quick"), "--list trains nothing: leave out --quick");
    refused(
        &flags("--promote salary_predictor/v1 --trials 30 --seed 42 --no-promote"),
        "--promote trains nothing: leave out --trials, --seed and --no-promote",
    );
    refused(
        &flags("--rollback salary_predictor --keep 5 --export-folds x"),
        "--rollback trains nothing: leave out --keep and --export-folds",
    );
}

#[test]
fn invalid_values_are_refused_with_what_is_expected() {
    let expected = "expected a model and a version, for example salary_predictor/v3";
    for text in ["salary_predictor", "v3", "salary_predictor/3", "salary_predictor/v0", "a/b/v1", ""] {
        let options = Options { show: Some(text.to_owned()), ..Options::default() };
        refused(&options, &format!("invalid --show {text:?}: {expected}"));
    }
    refused(
        &flags("--promote wages/v1"),
        "invalid --promote \"wages\": expected role_classifier, clustering, salary_predictor, or salary_predictor_ and \
         the code of a currency, for example salary_predictor_gbp",
    );
    refused(
        &flags("--diff salary_predictor/v1 salary_predictor_gbp/v1"),
        "invalid --diff \"salary_predictor/v1\" \"salary_predictor_gbp/v1\": expected two versions of the same model",
    );
    refused(
        &flags("--promote salary_predictor/v1 --promote salary_predictor/v2"),
        "invalid --promote \"salary_predictor/v2\": salary_predictor/v1 is to be promoted already",
    );
    let one = Options { diff: vec!["salary_predictor/v1".to_owned()], ..Options::default() };
    refused(&one, "invalid --diff: expected two versions, found 1");
    refused(&flags("--trials 10001"), "invalid --trials 10001: expected 0 to 10000");
    refused(&flags("--limit 0"), "invalid --limit 0: expected 1 or more");
    for text in ["GPB", "", "n/a", "pounds of tea"] {
        let options = Options { currency: Some(text.to_owned()), ..Options::default() };
        let sentence = "expected the code of a currency, such as SGD or GBP";
        refused(&options, &format!("invalid --currency {text:?}: {sentence}"));
    }
}

proptest! {
    #[test]
    fn no_text_of_a_version_is_read_as_another(text in "\\PC{0,30}", number in 1_u64.., prefix in "[a-z_/]{0,9}") {
        for text in [text, format!("{prefix}salary_predictor/v{number}"), format!("{prefix}/v{number}")] {
            if let Ok(version) = Version::parse("--show", &text) {
                prop_assert_eq!(version.to_string(), text);
            }
        }
    }
}
