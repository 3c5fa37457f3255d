//! What makes a function's code a program. A batch function ([`run_batch`]) has one handler and three ways in:
//!
//! 1. **Local**: run once, a progress bar, the answer as one line of JSON on stdout.
//! 2. **Cloud Run job** (`CLOUD_RUN_JOB`): run once for this task's shard; exit 0 or 1.
//! 3. **HTTP function** (`PORT`): `POST /` with JSON or a `CloudEvent` runs the handler and answers.
//!
//! A service ([`run_service`]) answers requests for as long as its process lives.
//!
//! - `cli`: flags, and the choice among the three
//! - `run`: one run and its answer
//! - `http`, `event`: triggers in, answers out; `service`: requests in, answers out
//! - `origin`: who may trigger through a browser
//! - [`http_util`], `problem`: what both need; `server`, `access`, `compress`, `delivery`: the machinery below
//! - `lease`, `held`, `trigger`: one run at a time, and one run a trigger, across instances
//! - `progress`
//! - [`shutdown`]: what the end of a process may take

mod access;
mod cli;
mod compress;
mod delivery;
mod event;
mod held;
mod http;
pub mod http_util;
mod lease;
mod origin;
mod problem;
pub(crate) mod progress;
mod run;
mod server;
mod service;
pub mod shutdown;
mod trigger;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::config::{Config, Mode};
use crate::error::{Error, Result};
use crate::job::Timestamp;
use crate::{memory, telemetry};

use cli::{Cli, RunArgs};
use http::Endpoint;
use run::{Answer, Order, Runner, Status};
use server::{Drain, Server, allow_many_connections, listen, most_connections};

pub use held::{HeldLease, LeasePlace};
pub use lease::LeaseStore;
pub use progress::Progress;
pub use run::Report;
pub use service::{Service, Start, run_service, serve};

/// What a program says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// The binary's name; leases and log lines carry it.
    pub name: &'static str,
    /// The code's version.
    pub version: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
}

/// One run as the function's code sees it.
#[derive(Debug)]
pub struct Invocation<O> {
    /// The run's name in logs, answers and tables: a UUID of version 7.
    pub run_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The function's options, from the command line or the request.
    pub options: O,
    /// Where and how it runs.
    pub config: Arc<Config>,
    /// Whether nothing may be written.
    pub dry_run: bool,
    /// Cancelled when the run is to stop: SIGTERM, SIGINT, or another run that took its lease over.
    ///
    /// The code then has [`shutdown::WORK`] to keep what it did and to return: a report that says that it is interrupted,
    /// or an error of kind `Cancelled`.
    pub shutdown: CancellationToken,
    /// The lease that the run holds. None where the mode needs none, or a store of leases could not be reached.
    pub lease: Option<HeldLease>,
    /// Tells a person or the log how far it is.
    pub progress: Progress,
}

/// Runs a batch function as a program, in the mode that environment and flags choose, and returns its exit status.
///
/// `O` is both the command line's options and the members of the JSON body, under the same names (`--batch-size`,
/// `batch_size`); it wants `#[serde(default, deny_unknown_fields)]`. `leases` opens the place where instances agree on
/// who runs.
///
/// Exit status: 0 where the run succeeded (locally also where it was interrupted), 2 for usage and configuration, else
/// 1, which makes Cloud Run try a job's task again.
pub fn run_batch<O, R, F, Fut>(
    function: Function,
    leases: fn(&Config) -> Result<Arc<dyn LeaseStore>>,
    handler: F,
) -> ExitCode
where
    O: Args + DeserializeOwned + Send + 'static,
    R: Report,
    F: Fn(Invocation<O>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
{
    let (cli, given) = match Cli::<O>::read(function, std::env::args_os()) {
        Ok(read) => read,
        Err(error) => {
            // Help goes to stdout with 0, a usage error to stderr with 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let program = Program { function, leases, handler: run::handler(handler) };
    program.run(cli, &given).unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {}", error.chain());
        ExitCode::from(error.kind().exit_code())
    })
}

/// A function, before it is known how it is run.
struct Program<O> {
    function: Function,
    leases: fn(&Config) -> Result<Arc<dyn LeaseStore>>,
    handler: run::Handler<O>,
}

impl<O: Args + DeserializeOwned + Send + 'static> Program<O> {
    fn run(self, cli: Cli<O>, given: &[String]) -> Result<ExitCode> {
        let config = Config::load(&cli.common, &cli.embedding)?;
        let mode = cli.run.mode(&config);
        if mode == Mode::Http {
            cli::refuse_given(given)?;
        }
        if cli.run.print_config {
            return print_config(&config, mode);
        }
        let function = self.function;
        let runner = Runner { function, config: Arc::new(config), handler: self.handler };
        let config = Arc::clone(&runner.config);
        boot(function, &config, BATCH_WORKERS, |shutdown| async move {
            match mode {
                Mode::Http => serve_batch(runner, self.leases, cli.run, shutdown).await,
                mode => {
                    let run_id = Uuid::now_v7().to_string();
                    let (options, dry_run) = (cli.options, cli.run.dry_run);
                    let cancel = shutdown.child_token();
                    let order = Order { run_id, options, dry_run, cancel, mode, lease: None };
                    once(runner, self.leases, order, &shutdown).await
                }
            }
        })
    }
}

/// Threads of the runtime in a batch function, whose work is done elsewhere.
const BATCH_WORKERS: usize = 2;

/// Starts what every program has (log, allocator, runtime, signals), and does `work` until it ends.
fn boot<F, Fut>(function: Function, config: &Config, workers: usize, work: F) -> Result<ExitCode>
where
    F: FnOnce(CancellationToken) -> Fut,
    Fut: Future<Output = Result<ExitCode>>,
{
    telemetry::init(function, config)?;
    memory::use_one_arena();
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .map_err(|error| Error::internal("cannot start threads").caused_by(error))?;
    let code = runtime.block_on(async { work(shutdown::on_signal()?).await });
    // A blocking call that was left behind must not hold the process.
    runtime.shutdown_timeout(shutdown::THREADS);
    code
}

/// Runs once and prints the answer.
async fn once<O: Send + 'static>(
    runner: Runner<O>,
    leases: fn(&Config) -> Result<Arc<dyn LeaseStore>>,
    order: Order<O>,
    shutdown: &CancellationToken,
) -> Result<ExitCode> {
    let mode = order.mode;
    let answer = match holding(&runner, leases, order, shutdown).await {
        Ok(answer) => answer,
        // A task's error is in the log already.
        Err(error) if mode == Mode::Job => return Ok(ExitCode::from(error.kind().exit_code())),
        Err(error) => return Err(error),
    };
    print_line(&answer.to_json().to_string())?;
    Ok(match answer.status {
        // The task is tried again only if it fails, and what is left of its shard has to be done.
        Status::Interrupted if mode == Mode::Job => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    })
}

/// Runs once, with the lease that the mode wants. A dry run wants none.
async fn holding<O: Send + 'static>(
    runner: &Runner<O>,
    leases: fn(&Config) -> Result<Arc<dyn LeaseStore>>,
    mut order: Order<O>,
    shutdown: &CancellationToken,
) -> Result<Answer> {
    let mode = order.mode;
    if order.dry_run {
        return runner.run(order).await;
    }
    let whose = (runner.function.name, order.run_id.as_str(), mode);
    let taken = held::take(leases, &runner.config, whose, shutdown).await.inspect_err(|error| {
        // At a terminal the error is the last line that is printed; a task has its log alone.
        if mode == Mode::Job {
            tracing::error!("no run: {}", error.chain());
        }
    })?;
    let Some((mut lease, held)) = taken else { return runner.run(order).await };
    order.lease = Some(held);
    let answer = runner.run_holding(&mut lease, order).await;
    held::end(lease, mode, shutdown).await;
    answer
}

async fn serve_batch<O: DeserializeOwned + Send + 'static>(
    runner: Runner<O>,
    leases: fn(&Config) -> Result<Arc<dyn LeaseStore>>,
    args: RunArgs,
    shutdown: CancellationToken,
) -> Result<ExitCode> {
    let store = leases(&runner.config)?;
    let listener = listen(args.address(&runner.config))?;
    let address = listener.local_addr()?;
    tracing::info!(port = address.port(), "{} listens on http://{address}", runner.function.name);
    let work = TaskTracker::new();
    let endpoint = Arc::new(Endpoint {
        runner,
        store,
        lease_ttl: lease::TTL,
        dry_run: args.dry_run,
        is_local: address.ip().is_loopback(),
        shutdown: shutdown.clone(),
        work: work.clone(),
    });
    let handler = move |request| Arc::clone(&endpoint).answer(request);
    let (drain, most) = (Drain::NONE, most_connections());
    Server { listener, shutdown, work, drain, most, is_trigger: true, unready: || None, handler }
        .serve()
        .await;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

fn print_config(config: &Config, mode: Mode) -> Result<ExitCode> {
    #[derive(Serialize)]
    struct Effective<'a> {
        mode: Mode,
        #[serde(flatten)]
        config: &'a Config,
    }
    telemetry::filter(&config.log_filter)?;
    let text = serde_json::to_string_pretty(&Effective { mode, config })
        .map_err(|error| Error::internal("the configuration has no JSON form").caused_by(error))?;
    print_line(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes to stdout. A reader that has gone (`| head`) is no failure of ours.
fn print_line(line: &str) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
