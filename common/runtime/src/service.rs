//! A service: a function that serves requests until its process ends.

use std::process::ExitCode;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use common_core::settings::Settings;
use common_core::{Error, Result};

use crate::function::{Function, Mode};
use crate::http_util::{Body, Problem};
use crate::server::{Drain, Server, listen, max_connections};
use crate::settings::{ListenSettings, ProcessSettings};
use crate::shutdown::CLOSE;
use crate::{cli, flags, process};

/// The input of the function that opens a service.
#[derive(Debug, Clone)]
pub struct Start<S> {
    /// The settings of the service.
    pub settings: S,
    /// Cancelled by SIGTERM and SIGINT. Requests are served for up to 5 s after that; background tasks may stop.
    pub shutdown: CancellationToken,
}

/// Handles requests concurrently.
pub trait Service: Send + Sync + 'static {
    /// Handles one request with any path except `/health` and `/ready`, which the runtime handles. The future is
    /// dropped if the client disconnects. A request has its `http_util::RequestId` as an extension.
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;

    /// The problem that `/ready` responds with, or `None` if the service is ready.
    fn unready(&self) -> Option<Problem>;

    /// Called after the last response: returns when the threads of the service have ended, within two seconds.
    fn close(self: Arc<Self>) -> impl Future<Output = ()> + Send;
}

/// Runs a service as a program, and returns its exit code: 0 after SIGTERM or SIGINT, 2 for usage and configuration
/// errors, 1 otherwise.
///
/// The service listens on all interfaces if `PORT` is set, otherwise on 127.0.0.1. `open` is called once, after the
/// port is bound and before the first request is handled: do slow work in background tasks, and report it with
/// [`Service::unready`].
///
/// After SIGTERM, `/ready` responds with 503, other requests are still handled, and every response closes its
/// connection. After half a second without requests, and at the latest after 5 s, the service stops listening and ends.
pub fn run_service<C, S, F, Fut>(function: Function, open: F) -> ExitCode
where
    C: Settings,
    S: Service,
    F: FnOnce(Start<C>) -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let declared = [ProcessSettings::variables(), ListenSettings::variables(), C::variables()].concat();
    let declared = flags::dedup(declared);
    let (cli, matches) = match cli::ServiceCli::read(function, &declared, std::env::args_os()) {
        Ok(read) => read,
        Err(error) => return process::print_usage(&error),
    };
    if cli.print.names {
        return process::exit(process::print_names(&declared));
    }
    let outcome = flags::variables(&matches, &declared).and_then(|variables| {
        let process_settings = ProcessSettings::read(&variables)?;
        let listen_settings = ListenSettings::read(&variables)?;
        let settings = C::read(&variables)?;
        if process_settings.cloud_run_job.is_some() {
            return Err(Error::configuration(format!(
                "CLOUD_RUN_JOB is set, but {} is a service: deploy it as a Cloud Run service",
                function.name
            )));
        }
        if cli.print.config {
            return process::print_config(Mode::Http, &variables, &declared);
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let address = cli.address(&listen_settings);
        process::boot(function, &process_settings, cores, |shutdown| async move {
            let listener = listen(address)?;
            let address = listener.local_addr()?;
            let service = Arc::new(open(Start { settings, shutdown: shutdown.clone() }).await?);
            tracing::info!(port = address.port(), "{} listens on http://{address}", function.name);
            serve(service, listener, shutdown).await;
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        })
    });
    process::exit(outcome)
}

/// Serves requests on `listener` until `shutdown` is cancelled, shuts down as in [`run_service`], and closes the
/// service.
pub async fn serve<S: Service>(service: Arc<S>, listener: TcpListener, shutdown: CancellationToken) {
    let (handling, unready) = (Arc::clone(&service), Arc::clone(&service));
    let server = Server {
        listener,
        shutdown,
        work: TaskTracker::new(),
        drain: Drain::SERVICE,
        max_connections: max_connections(),
        is_trigger: false,
        unready: move || unready.unready(),
        handler: move |request| Arc::clone(&handling).answer(request),
    };
    server.serve().await;
    if tokio::time::timeout(CLOSE, service.close()).await.is_err() {
        tracing::warn!("the threads of the service did not end within {CLOSE:?}: ending the process anyway");
    }
}
