use clap::error::ErrorKind;

use super::*;

#[derive(Debug, Default, Args)]
struct Options {
    /// Ads at most
    #[arg(long)]
    limit: Option<u64>,
    /// Even where nothing changed
    #[arg(long)]
    force: bool,
}

const FUNCTION: Function = Function { name: "embed-x", version: "1.2.3", about: "Embeds every x." };

fn read(line: &str) -> Result<(Cli<Options>, Vec<String>), clap::Error> {
    Cli::read(FUNCTION, std::iter::once("embed-x").chain(line.split_whitespace()).map(OsString::from))
}

/// The mode and address that flags and variables choose.
fn chosen(line: &str, port: Option<u16>, is_job: bool) -> (Mode, ([u8; 4], u16)) {
    let (cli, _) = read(line).unwrap();
    let config = Config::load(&cli.common, &cli.embedding).unwrap();
    let config = Config { port, is_cloud_run_job: is_job, ..config };
    (cli.run.mode(&config), cli.run.address(&config))
}

#[test]
fn the_command_is_sound() {
    Cli::<Options>::command().debug_assert();
}

#[test]
fn help_and_version_are_the_functions_own() {
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
        "--warehouse-url",
    ] {
        assert!(help.contains(expected), "{expected} is not in\n{help}");
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
    assert_eq!(chosen("", None, false).0, Mode::Local);
    assert_eq!(chosen("", Some(80), false).0, Mode::Http);
    assert_eq!(chosen("--once", Some(80), false).0, Mode::Local);
    assert_eq!(chosen("--serve", None, false).0, Mode::Http);
    assert_eq!(chosen("--serve", Some(80), true).0, Mode::Job);
    assert_eq!(chosen("--once", None, true).0, Mode::Job);
}

#[test]
fn only_a_container_listens_to_everybody() {
    assert_eq!(chosen("--serve", None, false).1, ([127, 0, 0, 1], 8080));
    assert_eq!(chosen("--serve --port 9000", None, false).1, ([127, 0, 0, 1], 9000));
    assert_eq!(chosen("", Some(80), false).1, ([0, 0, 0, 0], 80));
    assert_eq!(chosen("--serve --port 9000", Some(80), false).1, ([0, 0, 0, 0], 9000));
}

#[test]
fn a_server_refuses_the_options_of_a_run() {
    let (cli, given) = read("--limit 5 --force --dry-run").unwrap();
    assert_eq!((cli.options.limit, cli.options.force, cli.run.dry_run), (Some(5), true, true));
    let error = refuse_given(&given).unwrap_err();
    assert_eq!(
        error.to_string(),
        "--limit, --force is an option of one run; a server takes it in the body of POST /"
    );
    refuse_given(&read("--serve --dry-run --device cpu").unwrap().1).unwrap();
}

#[test]
fn a_service_has_flags_of_its_own_and_no_modes() {
    let read = |line: &str| {
        ServiceCli::read(FUNCTION, std::iter::once("s").chain(line.split_whitespace()).map(OsString::from))
    };
    ServiceCli::command().debug_assert();
    let cli =
        read("--port 9000 --search warehouse --max-concurrent 5 --index-poll-s 3 --cors-allow-origin *")
            .unwrap();
    let config = Config::load_for_service(&cli.common, &cli.embedding, &cli.serving).unwrap();
    assert_eq!((config.serving.max_concurrent, config.serving.index_poll_s), (5, 3));
    assert_eq!(
        (config.serving.request_deadline_ms, config.serving.search.to_string()),
        (10_000, "warehouse".into())
    );
    assert_eq!(config.serving.cors_allow_origin.as_deref(), Some("*"));
    assert_eq!(cli.address(&Config { port: None, ..config.clone() }), ([127, 0, 0, 1], 9000));
    assert_eq!(read("").unwrap().address(&Config { port: Some(80), ..config }), ([0, 0, 0, 0], 80));
    for line in ["--once", "--serve", "--dry-run", "stray"] {
        assert_eq!(read(line).unwrap_err().exit_code(), 2, "{line}");
    }
    let wrong = read("--max-concurrent 0").unwrap();
    let error = Config::load_for_service(&wrong.common, &wrong.embedding, &wrong.serving).unwrap_err();
    assert_eq!(error.to_string(), "MAX_CONCURRENT is \"0\"; allowed is a whole number from 1 to 10000");
}
