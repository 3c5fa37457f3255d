use clap::error::ErrorKind;
use common_core::settings;
use common_core::settings::{Settings, from_variables};
use serde_json::json;

use super::*;
use crate::settings::{Origin, ServingSettings};

#[derive(Debug, Default, Args)]
struct Options {
    /// Maximum number of ads
    #[arg(long)]
    limit: Option<u64>,
    /// Process unchanged ads, too
    #[arg(long)]
    force: bool,
}

const FUNCTION: Function = Function { name: "embed-x", version: "1.2.3", about: "Embeds every x." };

settings! {
    /// The settings of the function.
    struct XSettings, "Model" {
        /// Device: auto, cpu
        pub device: String = "auto", flag "device DEVICE";
        /// Location
        pub somewhere: Option<String>;
    }
}

fn read(line: &str) -> Result<Parsed<Options>, clap::Error> {
    let arguments = std::iter::once("embed-x").chain(line.split_whitespace()).map(OsString::from);
    Cli::read(FUNCTION, &XSettings::variables(), arguments)
}

/// The settings with these environment variables.
fn settings_from<S: Settings>(variables: &[(&str, &str)]) -> S {
    from_variables(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
}

/// The mode and the address that flags and variables select.
fn mode_and_address(line: &str, variables: &[(&str, &str)]) -> (Mode, ([u8; 4], u16)) {
    let run = read(line).unwrap().cli.run;
    let (process, listen) = (settings_from(variables), settings_from(variables));
    (run.mode(&process, &listen), run.address(&listen))
}

const PORT: (&str, &str) = ("PORT", "80");
const JOB: (&str, &str) = ("CLOUD_RUN_JOB", "embed");

#[test]
fn the_command_is_valid() {
    command::<Cli<Options>>(FUNCTION, &XSettings::variables()).debug_assert();
}

#[test]
fn help_and_version_are_those_of_the_function() {
    let help = read("--help").unwrap_err();
    assert_eq!((help.kind(), help.exit_code()), (ErrorKind::DisplayHelp, 0));
    let help = help.to_string();
    for expected in [
        "Embeds every x.",
        "--limit <LIMIT>",
        "--once",
        "--serve",
        "--dry-run",
        "--config",
        "--names",
        "--device <DEVICE>",
        "[default: auto]",
    ] {
        assert!(help.contains(expected), "{expected} is not in\n{help}");
    }
    for unexpected in ["--warehouse-url", "--precision", "somewhere"] {
        assert!(!help.contains(unexpected), "{unexpected} is in\n{help}");
    }
    assert_eq!(read("--version").unwrap_err().to_string(), "embed-x 1.2.3\n");
}

#[test]
fn usage_errors_exit_with_2() {
    for line in ["--limt 5", "--limit many", "--once --serve", "--port 80", "--port 70000 --serve", "stray"] {
        assert_eq!(read(line).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn a_job_wins_then_a_flag_then_the_port() {
    assert_eq!(mode_and_address("", &[]).0, Mode::Local);
    assert_eq!(mode_and_address("", &[PORT]).0, Mode::Http);
    assert_eq!(mode_and_address("--once", &[PORT]).0, Mode::Local);
    assert_eq!(mode_and_address("--serve", &[]).0, Mode::Http);
    assert_eq!(mode_and_address("--serve", &[PORT, JOB]).0, Mode::Job);
    assert_eq!(mode_and_address("--once", &[JOB]).0, Mode::Job);
}

#[test]
fn a_server_listens_on_all_interfaces_only_if_port_is_set() {
    assert_eq!(mode_and_address("--serve", &[]).1, ([127, 0, 0, 1], 8080));
    assert_eq!(mode_and_address("--serve --port 9000", &[]).1, ([127, 0, 0, 1], 9000));
    assert_eq!(mode_and_address("", &[PORT]).1, ([0, 0, 0, 0], 80));
    assert_eq!(mode_and_address("--serve --port 9000", &[PORT]).1, ([0, 0, 0, 0], 9000));
}

#[test]
fn a_server_rejects_the_options_of_a_run() {
    let Parsed { cli, given, .. } = read("--limit 5 --force --dry-run").unwrap();
    assert_eq!((cli.options.limit, cli.options.force, cli.run.dry_run), (Some(5), true, true));
    let error = refuse_options(&given).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid options --limit, --force for a server: send the options of a run in the body of POST /"
    );
    refuse_options(&read("--serve --dry-run --device cpu").unwrap().given).unwrap();
}

#[test]
fn a_flag_overrides_its_variable() {
    let declared = XSettings::variables();
    let matches = read("--device cpu").unwrap().matches;
    let variables = flags::variables(&matches, &declared).unwrap();
    assert_eq!(XSettings::read(&variables).unwrap().device, "cpu");
    let described = variables.describe(&declared);
    assert_eq!(described["DEVICE"], json!({ "value": "cpu", "source": "flag", "given_by": "operator" }));
    assert_eq!(described["SOMEWHERE"], json!({ "value": null, "source": "unset", "given_by": "operator" }));
}

#[test]
fn a_service_has_the_flags_of_its_settings_and_no_modes() {
    let declared = [ServingSettings::variables(), ListenSettings::variables()].concat();
    let read = |line: &str| {
        let arguments = std::iter::once("s").chain(line.split_whitespace()).map(OsString::from);
        ServiceCli::read(FUNCTION, &declared, arguments)
    };
    command::<ServiceCli>(FUNCTION, &declared).debug_assert();
    let (cli, matches) = read("--port 9000 --max-concurrent 5 --cors-allow-origin *").unwrap();
    let serving = ServingSettings::read(&flags::variables(&matches, &declared).unwrap()).unwrap();
    assert_eq!((serving.max_concurrent.get(), serving.request_deadline_ms.get()), (5, 10_000));
    assert_eq!(serving.cors_allow_origin.as_ref().map(Origin::as_str), Some("*"));
    assert_eq!(cli.address(&settings_from(&[])), ([127, 0, 0, 1], 9000));
    assert_eq!(read("").unwrap().0.address(&settings_from(&[PORT])), ([0, 0, 0, 0], 80));
    for line in ["--once", "--serve", "--dry-run", "stray"] {
        assert_eq!(read(line).unwrap_err().exit_code(), 2, "{line}");
    }
    let wrong = flags::variables(&read("--max-concurrent 0").unwrap().1, &declared).unwrap();
    let error = ServingSettings::read(&wrong).unwrap_err();
    assert_eq!(error.to_string(), "invalid MAX_CONCURRENT \"0\": expected a whole number from 1 to 10000");
}
