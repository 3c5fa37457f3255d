//! What makes a program of a function. A batch function ([`run_batch`]) has one `run` and three ways in:
//!
//! 1. **Local**: run once, a progress bar, the answer as one line of JSON on stdout.
//! 2. **Cloud Run job** (`CLOUD_RUN_JOB`): run once for this task's shard; exit 0 or 1.
//! 3. **HTTP function** (`PORT`): `POST /` with JSON or a `CloudEvent` runs the function and answers.
//!
//! A service ([`run_service`]) answers requests for as long as its process lives.
//!
//! - `function`: [`Function`], [`Invocation`], [`Report`]: what a function's code sees
//! - `batch`: [`Batch`], opened once by its process; `service`: [`Service`]
//! - `process`, `cli`, [`flags`], [`mod@settings`]: start, command line, and the variables behind it
//! - `run`: one run and its answer; [`runs`]: its rows in `ml_runs`
//! - `http`, `event`, `trigger`, `origin`: triggers over HTTP, each run once
//! - `lease`, `held`: one run at a time, across instances
//! - [`http_util`], `body`, `problem`, `limits`: what every HTTP answer needs; `server`, `access`, `compress`,
//!   `delivery`: the server under it
//! - [`shutdown`]: the end of a process and what each part of it may take
//! - [`telemetry`], `progress`: log lines for people and for Cloud Logging, progress bars

mod access;
mod batch;
mod body;
mod cli;
mod compress;
mod delivery;
mod event;
pub mod flags;
mod function;
mod held;
mod http;
pub mod http_util;
mod lease;
mod limits;
mod origin;
mod problem;
mod process;
mod progress;
mod run;
pub mod runs;
mod server;
mod service;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
mod trigger;

pub use batch::{Batch, run_batch};
pub use function::{Function, Invocation, Mode, Report};
pub use held::{HeldLease, LeasePlace};
pub use progress::Progress;
pub use runs::Run;
pub use service::{Service, Start, run_service, serve};
