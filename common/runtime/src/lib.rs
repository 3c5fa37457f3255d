//! Runs a function as a program. A batch function ([`run_batch`]) has one `run` method and three modes:
//!
//! 1. **Local**: runs once, shows a progress bar, and prints the result as one line of JSON on stdout.
//! 2. **Cloud Run job** (`CLOUD_RUN_JOB`): runs once for this task's shard; exits with 0 or 1.
//! 3. **HTTP function** (`PORT`): `POST /` with JSON or a `CloudEvent` runs the function and responds with its result.
//!
//! A service ([`run_service`]) serves requests until its process ends.
//!
//! - `function`: [`Function`], [`Invocation`], [`Report`]: the interface to a function's code
//! - `batch`: [`Batch`], opened once per process; `service`: [`Service`]
//! - `process`, `cli`, [`flags`], [`mod@settings`]: start, command line and environment variables
//! - `run`: one run and its result; [`runs`]: its rows in `ml_runs`
//! - `http`, `event`, `trigger`, `origin`: triggers over HTTP, with duplicates detected
//! - `lease`, `held`: one run at a time across instances; `exclusive`: the same for work of several runs
//! - [`http_util`], `body`, `problem`, `limits`: requests and responses of every HTTP handler
//! - `server`, `access_log`, `compress`, `write_timeout`: the HTTP server
//! - [`shutdown`]: shutdown and the time limit of each of its steps
//! - [`telemetry`], `progress`: log lines for terminals and for Cloud Logging, progress bars

mod access_log;
mod batch;
mod body;
mod cli;
mod compress;
mod event;
mod exclusive;
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
mod write_timeout;

pub use batch::{Batch, run_batch};
pub use exclusive::exclusively;
pub use function::{Function, Invocation, Mode, Report};
pub use held::{HeldLease, LeaseLocation};
pub use progress::Progress;
pub use runs::Run;
pub use service::{Service, Start, run_service, serve};
