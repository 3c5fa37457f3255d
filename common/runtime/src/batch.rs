//! Runs a batch function as a program: once locally, once as a task of a Cloud Run job, or once per HTTP request.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use common_core::settings::{Settings, Variable};
use common_core::{Result, compose_settings};
use common_storage::Storage;
use common_storage::settings::StorageSettings;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::cli::{self, Cli, Parsed};
use crate::function::{Function, Invocation, Mode, Report};
use crate::http::Endpoint;
use crate::run::{self, Answer, RunRequest, RunStatus, Runner};
use crate::server::{Drain, Server, listen, max_connections};
use crate::settings::{ListenSettings, ProcessSettings, TaskSettings};
use crate::{flags, held, lease, process};

/// Tokio worker threads of a batch function; its CPU-bound work runs on other threads.
const BATCH_WORKERS: usize = 2;

/// A batch function: opened once per process, then run once or, in HTTP mode, once per request.
pub trait Batch: Sized + Send + Sync + 'static {
    /// The options of a run: flags on the command line and members of the JSON body, under the same names
    /// (`--batch-size`, `batch_size`). The type needs `#[serde(default, deny_unknown_fields)]`.
    type Options: Args + DeserializeOwned + Send + 'static;
    /// The settings that the function reads in addition to those of the process and of storage.
    type Settings: Settings;
    /// The report of a run.
    type Report: Report;

    /// Opens the state that the runs of one process share. Defer slow work to the first run that needs it: a server
    /// responds to `/health` only after `open` returns.
    ///
    /// # Errors
    /// `Configuration` if the settings contradict each other.
    fn open(settings: Self::Settings, storage: Arc<Storage>) -> Result<Self>;

    /// Runs once.
    ///
    /// # Errors
    /// Any error fails the run, except that `Cancelled` after `invocation.shutdown` is cancelled interrupts it.
    fn run(
        self: Arc<Self>,
        invocation: Invocation<Self::Options>,
    ) -> impl Future<Output = Result<Self::Report>> + Send;
}

compose_settings! {
    /// The settings of every batch program, in addition to those of its function.
    struct BatchSettings {
        /// Logging, the Google project, and the Cloud Run service or job.
        pub process: ProcessSettings,
        /// The address that an HTTP function listens on.
        pub listen: ListenSettings,
        /// The task of a Cloud Run job.
        pub task: TaskSettings,
        /// The locations of rows and artifacts.
        pub storage: StorageSettings,
    }
}

/// Runs a batch function as a program, in the mode that the environment and the flags select, and returns its exit
/// code.
///
/// The exit code is 0 if the run succeeded (in local mode also if it was interrupted), 2 for usage and configuration
/// errors, and 1 otherwise. A code other than 0 makes Cloud Run retry the task of a job.
pub fn run_batch<B: Batch>(function: Function) -> ExitCode {
    let declared = declared::<B>();
    match Cli::<B::Options>::read(function, &declared, std::env::args_os()) {
        Ok(parsed) => process::exit(start::<B>(function, &declared, parsed)),
        Err(error) => process::print_usage(&error),
    }
}

/// The variables of the process and of the function, without duplicates.
fn declared<B: Batch>() -> Vec<Variable> {
    flags::dedup([BatchSettings::variables(), B::Settings::variables()].concat())
}

fn start<B: Batch>(
    function: Function,
    declared: &[Variable],
    parsed: Parsed<B::Options>,
) -> Result<ExitCode> {
    let Parsed { cli, given, matches } = parsed;
    if cli.run.print.names {
        return process::print_names(declared);
    }
    let variables = flags::variables(&matches, declared)?;
    let settings = BatchSettings::read(&variables)?;
    let function_settings = B::Settings::read(&variables)?;
    let shard = settings.task.shard(&settings.storage.warehouse_url)?;
    let mode = cli.run.mode(&settings.process, &settings.listen);
    if mode == Mode::Http {
        cli::refuse_options(&given)?;
    }
    if cli.run.print.config {
        return process::print_config(mode, &variables, declared);
    }
    let BatchSettings { process, listen, task, storage } = settings;
    process::boot(function, &process, BATCH_WORKERS, |shutdown| async move {
        let storage = Arc::new(Storage::new(storage));
        let batch = Arc::new(B::open(function_settings, Arc::clone(&storage))?);
        let handler = run::handler(move |invocation| Arc::clone(&batch).run(invocation));
        let program = Program { runner: Runner { function, shard, handler }, task, storage, shutdown };
        match mode {
            Mode::Http => program.serve(cli.run.address(&listen), cli.run.dry_run).await,
            mode => {
                let run_id = Uuid::now_v7().to_string();
                let (options, dry_run) = (cli.options, cli.run.dry_run);
                let cancel = program.shutdown.child_token();
                program.run_once(RunRequest { run_id, options, dry_run, cancel, mode, lease: None }).await
            }
        }
    })
}

/// An open batch function, with the process state that its runs need.
struct Program<O> {
    runner: Runner<O>,
    task: TaskSettings,
    storage: Arc<Storage>,
    shutdown: CancellationToken,
}

impl<O: DeserializeOwned + Send + 'static> Program<O> {
    /// Runs once and prints the result.
    async fn run_once(self, request: RunRequest<O>) -> Result<ExitCode> {
        let mode = request.mode;
        let answer = match self.run_with_lease(request).await {
            Ok(answer) => answer,
            // The error of a task is already logged.
            Err(error) if mode == Mode::Job => return Ok(ExitCode::from(error.kind().exit_code())),
            Err(error) => return Err(error),
        };
        process::print_line(&answer.to_json().to_string())?;
        Ok(match answer.status {
            // Cloud Run retries only failed tasks, and the rest of the shard still has to be processed.
            RunStatus::Interrupted if mode == Mode::Job => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        })
    }

    /// Runs once, with the lease that the mode requires. A dry run takes no lease.
    async fn run_with_lease(&self, mut request: RunRequest<O>) -> Result<Answer> {
        let mode = request.mode;
        if request.dry_run {
            return self.runner.run(request).await;
        }
        let run = held::LeaseRequest {
            function: self.runner.function.name,
            run_id: &request.run_id,
            mode,
            task: &self.task,
            warehouse: &self.storage.settings().warehouse_url,
        };
        let acquired =
            held::acquire(|| self.storage.artifacts(), run, &self.shutdown).await.inspect_err(|error| {
                // In local mode the process prints the error on stderr.
                if mode == Mode::Job {
                    tracing::error!("run not started: {}", error.chain());
                }
            })?;
        let Some((mut lease, held)) = acquired else { return self.runner.run(request).await };
        request.lease = Some(held);
        let answer = self.runner.run_with_lease(&mut lease, request).await;
        held::release(lease, mode, &self.shutdown).await;
        answer
    }

    /// Runs once per request, until the process receives SIGTERM or SIGINT.
    async fn serve(self, address: ([u8; 4], u16), dry_run: bool) -> Result<ExitCode> {
        let Self { runner, storage, shutdown, .. } = self;
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        tracing::info!(port = address.port(), "{} listens on http://{address}", runner.function.name);
        let work = TaskTracker::new();
        let endpoint = Arc::new(Endpoint {
            runner,
            store: storage.artifacts()?,
            lease_ttl: lease::TTL,
            dry_run,
            is_local: address.ip().is_loopback(),
            shutdown: shutdown.clone(),
            work: work.clone(),
        });
        let handler = move |request| Arc::clone(&endpoint).answer(request);
        let (drain, max_connections) = (Drain::NONE, max_connections());
        Server {
            listener,
            shutdown,
            work,
            drain,
            max_connections,
            is_trigger: true,
            unready: || None,
            handler,
        }
        .serve()
        .await;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}
