//! Panics at fail points that a seed chooses: no run reports success unless all of its work is done.
//!
//! `JOB_MARKET_DEATH_SEEDS` is the number of seeds (default 20) or a range of seeds: `40..60`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::support::{Ended, Market, Running, ads_with_text};

const ADS: u32 = 300;

/// An assertion about a market and the ended process.
type Check = Box<dyn Fn(&Market, &Ended)>;

/// A run of a program, with assertions about its results.
struct Work {
    program: &'static str,
    arguments: Vec<String>,
    /// Restores the market to its state before the run.
    prepare: Box<dyn Fn(&Market)>,
    /// Asserts that the work is complete.
    assert_complete: Check,
    /// Asserts that the state after a failed run is consistent.
    assert_consistent: Box<dyn Fn(&Market)>,
}

impl Work {
    fn run(&self, market: &Market, variable: &str, value: &str) -> Ended {
        let mut command = market.command(self.program);
        command.env("DEVICE", "cpu").env("THREADS", "2").env(variable, value);
        Running::start(command.args(&self.arguments)).end()
    }

    /// The fail points that the run reaches, with their number of times.
    fn points(&self, market: &Market, trace: &Path) -> BTreeMap<String, u32> {
        (self.prepare)(market);
        let _ = fs::remove_file(trace);
        let ended = self.run(market, "JOB_MARKET_FAILPOINT_TRACE", trace.to_str().unwrap());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        (self.assert_complete)(market, &ended);
        let mut points = BTreeMap::new();
        for name in fs::read_to_string(trace).unwrap().lines() {
            *points.entry(name.to_owned()).or_insert(0) += 1;
        }
        points
    }

    /// Runs with a panic at `point`; returns whether it happened.
    fn run_with_panic(&self, market: &Market, point: &str) -> bool {
        (self.prepare)(market);
        let ended = self.run(market, "JOB_MARKET_FAILPOINT", point);
        if ended.code == Some(0) {
            (self.assert_complete)(market, &ended);
            return false;
        }
        assert_eq!(ended.code, Some(1), "{point}: {ended:?}");
        let errors: Vec<_> = ended.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "{point}: {}", ended.stderr);
        assert!(!ended.stdout.contains("succeeded"), "{point}: {}", ended.stdout);
        (self.assert_consistent)(market);
        true
    }
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("JOB_MARKET_DEATH_SEEDS") else { return 0..20 };
    let number = |text: &str| text.parse().expect("JOB_MARKET_DEATH_SEEDS is a number or a range");
    text.split_once("..").map_or_else(|| 0..number(&text), |(from, to)| number(from)..number(to))
}

fn succeeded(market: &Market, function: &str) -> i64 {
    market.count(&format!(
        "SELECT count(*) FROM ml_runs WHERE function = '{function}' AND status = 'succeeded'"
    ))
}

fn embed() -> Work {
    Work {
        program: "embed-new-jobs",
        arguments: vec!["--once".to_owned()],
        prepare: Box::new(|market| {
            market.execute("DROP TABLE IF EXISTS job_embeddings; DROP TABLE IF EXISTS ml_runs;");
        }),
        assert_complete: Box::new(|market, ended| {
            market.assert_current(ads_with_text(&ended.answer()["report"]));
            assert_eq!(
                market.count("SELECT count(*) FROM (SELECT DISTINCT source, job_id FROM cleaned_jobs)"),
                ended.answer()["report"]["ads"]
            );
        }),
        assert_consistent: Box::new(|market| {
            let has = |table: &str| {
                market.count(&format!("SELECT count(*) FROM duckdb_tables() WHERE table_name = '{table}'"))
                    > 0
            };
            if has("ml_runs") {
                assert_eq!(succeeded(market, "embed-new-jobs"), 0);
            }
            if has("job_embeddings") {
                let rows = market.count("SELECT count(*) FROM job_embeddings");
                market.assert_current(rows.try_into().unwrap());
            }
        }),
    }
}

fn index() -> Work {
    let champion = |market: &Market| fs::read_to_string(market.artifact_dir().join("indexes/champion.json"));
    Work {
        program: "build-vector-index",
        arguments: ["--once", "--graph-texts", "50"].map(str::to_owned).into(),
        prepare: Box::new(|market| {
            let _ = fs::remove_dir_all(market.artifact_dir());
            market.execute("DROP TABLE IF EXISTS ml_runs");
        }),
        assert_complete: Box::new(move |market, ended| {
            let rows = market.count("SELECT count(*) FROM job_embeddings");
            assert_eq!(ended.answer()["report"]["index"]["ads"], rows);
            assert!(champion(market).is_ok());
        }),
        assert_consistent: Box::new(move |market| {
            // A champion must have a complete index.
            let served = champion(market).is_ok();
            let folder = market.artifact_dir().join("indexes/v1/manifest.json");
            assert!(!served || folder.exists());
        }),
    }
}

fn load(file: &Path) -> Work {
    let lines = i64::try_from(fs::read_to_string(file).unwrap().lines().count()).unwrap();
    Work {
        program: "jobctl",
        arguments: vec!["load".to_owned(), file.to_str().unwrap().to_owned()],
        prepare: Box::new(|market| {
            let _ = fs::remove_file(market.file());
            let _ = fs::remove_file(market.file().with_extension("duckdb.wal"));
        }),
        assert_complete: Box::new(move |market, _| {
            assert_eq!(market.count("SELECT count(*) FROM cleaned_jobs"), lines);
        }),
        assert_consistent: Box::new(move |market| {
            if market.count("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'cleaned_jobs'") > 0 {
                let rows = market.count("SELECT count(*) FROM cleaned_jobs");
                assert!(rows == 0 || rows == lines, "{rows} of {lines}");
            }
        }),
    }
}

fn export(file: PathBuf) -> Work {
    let (written, kept) = (file.clone(), file.clone());
    let (arguments, old) = (["export", "cleaned_jobs", file.to_str().unwrap()], "old");
    let arguments = arguments.map(str::to_owned).into();
    Work {
        program: "jobctl",
        arguments,
        prepare: Box::new(move |_| fs::write(&file, old).unwrap()),
        assert_complete: Box::new(move |market, _| {
            let rows = market.count("SELECT count(*) FROM cleaned_jobs");
            let lines = fs::read_to_string(&written).unwrap().lines().count();
            assert_eq!(lines, usize::try_from(rows).unwrap());
        }),
        assert_consistent: Box::new(move |market| {
            let text = fs::read_to_string(&kept).unwrap();
            let rows = market.count("SELECT count(*) FROM cleaned_jobs");
            assert!(text == old || text.lines().count() == usize::try_from(rows).unwrap());
        }),
    }
}

#[test]
fn runs_with_panics_do_not_report_success() {
    let embedded = Market::with_vectors(ADS);
    let (plain, loaded) = (Market::titles(ADS), Market::empty());
    let ads = loaded.file().with_file_name("ads.ndjson");
    let exported = embedded.run("jobctl", &["export", "cleaned_jobs", ads.to_str().unwrap()]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    let out = plain.file().with_file_name("out.ndjson");
    let works = [(embed(), &plain), (index(), &embedded), (load(&ads), &loaded), (export(out), &plain)];
    let trace = loaded.file().with_file_name("trace");
    let points: Vec<_> = works.iter().map(|(work, market)| work.points(market, &trace)).collect();
    let mut panics = 0;
    for seed in seeds() {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Programs take turns, so that a few seeds cover all of them; the first two have more fail points.
        let turn = [0, 1, 0, 1, 2, 0, 1, 3][(seed % 8) as usize];
        let (work, market) = &works[turn];
        let names: Vec<_> = points[turn].iter().collect();
        let (name, times) = names.choose(&mut random).expect("a point");
        let point = format!("{name}:{}", random.random_range(1..=**times));
        eprintln!("seed {seed}: {} panics at {point}", work.program);
        panics += usize::from(work.run_with_panic(market, &point));
    }
    assert!(panics * 4 >= seeds().count() * 3, "only {panics} panics: the fail points are not reached");
    // The next run completes the work.
    (works[0].0.prepare)(&plain);
    assert!(works[0].0.run_with_panic(&plain, "embed::worker:3"));
    let report = plain.embedded(&[]);
    plain.assert_current(ads_with_text(&report));
}
