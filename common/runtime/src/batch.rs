//! A batch function as a program: run once here, once as a task of a Cloud Run job, or once a request of an HTTP function.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use common_core::settings::{Settings, Variable};
use common_core::{Result, rooms};
use common_storage::Storage;
use common_storage::settings::StorageSettings;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::cli::{self, Cli, Parsed};
use crate::function::{Function, Invocation, Mode, Report};
use crate::http::Endpoint;
use crate::run::{self, Answer, Order, RunStatus, Runner};
use crate::server::{Drain, Server, listen, most_connections};
use crate::settings::{ListenSettings, ProcessSettings, TaskSettings};
use crate::{flags, held, lease, process};

/// Threads of the runtime in a batch function, whose work is done elsewhere.
const BATCH_WORKERS: usize = 2;

/// A batch function: opened once by its process, then run once or, behind HTTP, many times.
pub trait Batch: Sized + Send + Sync + 'static {
    /// The command line's options and the members of the JSON body, under the same names (`--batch-size`,
    /// `batch_size`); it wants `#[serde(default, deny_unknown_fields)]`.
    type Options: Args + DeserializeOwned + Send + 'static;
    /// The variables that it reads besides those of the process and of storage.
    type Settings: Settings;
    /// What a run reports.
    type Report: Report;

    /// Opens what the runs of one process share. What takes long is left to the first run that needs it: a server
    /// answers `/health` only after `open`.
    ///
    /// # Errors
    /// `Configuration` where the settings contradict each other.
    fn open(settings: Self::Settings, storage: Arc<Storage>) -> Result<Self>;

    /// Runs once.
    ///
    /// # Errors
    /// Whatever made the run fail; `Cancelled` after `invocation.shutdown` makes an interrupted run.
    fn run(
        self: Arc<Self>,
        invocation: Invocation<Self::Options>,
    ) -> impl Future<Output = Result<Self::Report>> + Send;
}

rooms! {
    /// What a batch program reads, besides the settings of its function.
    struct BatchSettings {
        /// What is logged.
        pub process: ProcessSettings,
        /// Where an HTTP function listens.
        pub listen: ListenSettings,
        /// Which task of a job this is.
        pub task: TaskSettings,
        /// Where rows and artifacts are.
        pub storage: StorageSettings,
    }
}

/// Runs a batch function as a program, in the mode that environment and flags choose, and returns its exit status: 0
/// where the run succeeded (locally also where it was interrupted), 2 for usage and configuration, else 1, which makes
/// Cloud Run try a job's task again.
pub fn run_batch<B: Batch>(function: Function) -> ExitCode {
    let declared = declared::<B>();
    match Cli::<B::Options>::read(function, &declared, std::env::args_os()) {
        Ok(parsed) => process::exit(start::<B>(function, &declared, parsed)),
        Err(error) => process::usage(&error),
    }
}

/// The variables of the process and of the function.
fn declared<B: Batch>() -> Vec<Variable> {
    flags::once([BatchSettings::variables(), B::Settings::variables()].concat())
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
    let of_function = B::Settings::read(&variables)?;
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
        let batch = Arc::new(B::open(of_function, Arc::clone(&storage))?);
        let handler = run::handler(move |invocation| Arc::clone(&batch).run(invocation));
        let program = Program { runner: Runner { function, shard, handler }, task, storage, shutdown };
        match mode {
            Mode::Http => program.serve(cli.run.address(&listen), cli.run.dry_run).await,
            mode => {
                let run_id = Uuid::now_v7().to_string();
                let (options, dry_run) = (cli.options, cli.run.dry_run);
                let cancel = program.shutdown.child_token();
                program.once(Order { run_id, options, dry_run, cancel, mode, lease: None }).await
            }
        }
    })
}

/// A batch function that is open, and what its runs need from the process.
struct Program<O> {
    runner: Runner<O>,
    task: TaskSettings,
    storage: Arc<Storage>,
    shutdown: CancellationToken,
}

impl<O: DeserializeOwned + Send + 'static> Program<O> {
    /// Runs once and prints the answer.
    async fn once(self, order: Order<O>) -> Result<ExitCode> {
        let mode = order.mode;
        let answer = match self.with_lease(order).await {
            Ok(answer) => answer,
            // A task's error is in the log already.
            Err(error) if mode == Mode::Job => return Ok(ExitCode::from(error.kind().exit_code())),
            Err(error) => return Err(error),
        };
        process::print_line(&answer.to_json().to_string())?;
        Ok(match answer.status {
            // The task is tried again only if it fails, and what is left of its shard has to be done.
            RunStatus::Interrupted if mode == Mode::Job => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        })
    }

    /// Runs once, with the lease that the mode wants. A dry run wants none.
    async fn with_lease(&self, mut order: Order<O>) -> Result<Answer> {
        let mode = order.mode;
        if order.dry_run {
            return self.runner.run(order).await;
        }
        let run = held::OneRun {
            function: self.runner.function.name,
            run_id: &order.run_id,
            mode,
            task: &self.task,
            warehouse: &self.storage.settings().warehouse_url,
        };
        let taken =
            held::take(|| self.storage.artifacts(), run, &self.shutdown).await.inspect_err(|error| {
                // At a terminal the error is the last line that is printed; a task has its log alone.
                if mode == Mode::Job {
                    tracing::error!("no run: {}", error.chain());
                }
            })?;
        let Some((mut lease, held)) = taken else { return self.runner.run(order).await };
        order.lease = Some(held);
        let answer = self.runner.run_holding(&mut lease, order).await;
        held::end(lease, mode, &self.shutdown).await;
        answer
    }

    /// Runs once a request, until the process is asked to stop.
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
        let (drain, most) = (Drain::NONE, most_connections());
        Server { listener, shutdown, work, drain, most, is_trigger: true, unready: || None, handler }
            .serve()
            .await;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}
