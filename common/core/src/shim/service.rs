//! A service: a function that answers requests for as long as its process lives.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::http_util::{Body, Problem};
use super::server::{Drain, Server, listen, most_connections};
use super::shutdown::CLOSE;
use super::{Function, boot, cli, print_config};
use crate::config::{Config, Mode};
use crate::error::{Error, Result};

/// What a service is made from.
#[derive(Debug, Clone)]
pub struct Start {
    /// Where and how it runs.
    pub config: Arc<Config>,
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
pub fn run_service<S, F, Fut>(function: Function, open: F) -> ExitCode
where
    S: Service,
    F: FnOnce(Start) -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let cli = match cli::ServiceCli::read(function, std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout with 0, a usage error to stderr with 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    run(function, &cli, open).unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "error: {}", error.chain());
        ExitCode::from(error.kind().exit_code())
    })
}

fn run<S, F, Fut>(function: Function, cli: &cli::ServiceCli, open: F) -> Result<ExitCode>
where
    S: Service,
    F: FnOnce(Start) -> Fut,
    Fut: Future<Output = Result<S>>,
{
    let config = Config::load_for_service(&cli.common, &cli.embedding, &cli.serving)?;
    if config.is_cloud_run_job {
        return Err(Error::configuration(format!(
            "CLOUD_RUN_JOB is set, and {} is a service: deploy it as one",
            function.name
        )));
    }
    if cli.print_config {
        return print_config(&config, Mode::Http);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let address = cli.address(&config);
    let config = Arc::new(config);
    boot(function, &Arc::clone(&config), cores, |shutdown| async move {
        let listener = listen(address)?;
        let address = listener.local_addr()?;
        let service = Arc::new(open(Start { config, shutdown: shutdown.clone() }).await?);
        tracing::info!(port = address.port(), "{} listens on http://{address}", function.name);
        serve(service, listener, shutdown).await;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    })
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
