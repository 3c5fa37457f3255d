//! A service: a function that answers requests for as long as its process lives.

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
use crate::server::{Drain, Server, listen, most_connections};
use crate::settings::{ListenSettings, ProcessSettings};
use crate::shutdown::CLOSE;
use crate::{cli, flags, process};

/// What a service is opened with.
#[derive(Debug, Clone)]
pub struct Start<S> {
    /// The service's settings.
    pub settings: S,
    /// Cancelled by SIGTERM and SIGINT. Requests are answered for up to 5 s after it; what runs beside them may stop.
    pub shutdown: CancellationToken,
}

/// Answers requests, many at once.
pub trait Service: Send + Sync + 'static {
    /// Answers one request, whatever its path; `/health` and `/ready` are answered by the shim. Dropped where the
    /// client goes away. A request carries its `http_util::RequestId` as an extension.
    fn answer(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;

    /// Why no traffic should come yet, or `None` where it may: what `/ready` says.
    fn unready(&self) -> Option<Problem>;

    /// Called after the last answer: returns once no thread works any more. It has two seconds.
    fn close(self: Arc<Self>) -> impl Future<Output = ()> + Send;
}

/// Runs a service as a program, and returns its exit status: 0 after SIGTERM or SIGINT, 2 for usage and configuration,
/// else 1.
///
/// It listens on every interface where `PORT` is set, else on 127.0.0.1. `open` is called once, with the port bound and
/// nobody answered yet: what takes long belongs into tasks and threads that it starts, and into [`Service::unready`].
///
/// After SIGTERM it answers on: `/ready` with 503, everything else as before, and every answer closes its connection.
/// Once nobody has asked for half a second, after 5 s at the latest, it stops listening and ends.
pub fn run_service<C, S, F, Fut>(function: Function, open: F) -> ExitCode
where
    C: Settings,
    S: Service,
    F: FnOnce(Start<C>) -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let declared = [ProcessSettings::variables(), ListenSettings::variables(), C::variables()].concat();
    let declared = flags::once(declared);
    let (cli, matches) = match cli::ServiceCli::read(function, &declared, std::env::args_os()) {
        Ok(read) => read,
        Err(error) => return process::usage(&error),
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
                "CLOUD_RUN_JOB is set, and {} is a service: deploy it as a Cloud Run service",
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

/// Answers requests on `listener` until `shutdown` is cancelled, and then as [`run_service`] says; closes the service.
pub async fn serve<S: Service>(service: Arc<S>, listener: TcpListener, shutdown: CancellationToken) {
    let (answering, asked) = (Arc::clone(&service), Arc::clone(&service));
    let server = Server {
        listener,
        shutdown,
        work: TaskTracker::new(),
        drain: Drain::SERVICE,
        most: most_connections(),
        is_trigger: false,
        unready: move || asked.unready(),
        handler: move |request| Arc::clone(&answering).answer(request),
    };
    server.serve().await;
    if tokio::time::timeout(CLOSE, service.close()).await.is_err() {
        tracing::warn!("the service's threads did not end within {CLOSE:?}; they are cut off");
    }
}
