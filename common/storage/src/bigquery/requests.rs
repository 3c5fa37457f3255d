//! The clients of the service, and the requests of `gcp-bigquery-client`, which makes one attempt each and neither
//! limits its time nor tells the status of a response that is not BigQuery's JSON.

use common_core::Result;
use common_google::{Allowance, Call, Client, Credentials, Failure, Limits, Session};
use gcp_bigquery_client::error::BQError;

use super::dataset::Dataset;
use crate::settings::StorageSettings;

/// What [`BigQuery::open`](super::BigQuery::open) needs of the service. Clones share connections and tokens.
#[derive(Clone)]
pub struct Connection {
    /// Base URL of the API: Google's or an emulator's.
    pub(super) root: String,
    pub(super) api: gcp_bigquery_client::Client,
    /// For the requests that `api` cannot make.
    pub(super) plain: Client,
    pub(super) session: Session,
}

/// Creates the clients for [`BigQuery::open`](super::BigQuery::open); sends nothing.
///
/// # Errors
/// `Internal` if the clients cannot be created.
pub async fn connect(settings: &StorageSettings) -> Result<Connection> {
    let emulator = settings.bigquery_emulator_host.as_deref().map(common_google::emulator);
    let credentials = match &emulator {
        Some(_) => Credentials::anonymous(),
        None => Credentials::application_default(),
    };
    let root = emulator.unwrap_or_else(|| "https://bigquery.googleapis.com".to_owned());
    let session = Session::new(&root, credentials, Limits::of_seconds(settings.request_timeout_s.get()));
    let api = common_google::bigquery::client(&session, &root).await?;
    Ok(Connection { root, api, plain: Client::new(session.clone())?, session })
}

impl Dataset {
    /// Sends the request of `call`, a call of `api`, until it succeeds, fails permanently, or the time limit is
    /// reached.
    pub(super) async fn request<T, F>(&self, doing: &str, call: impl FnMut() -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, BQError>>,
    {
        self.request_within(Allowance::default(), doing, call).await
    }

    /// [`Dataset::request`] with an allowance.
    pub(super) async fn request_within<T, F>(
        &self,
        allowance: Allowance,
        doing: &str,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, BQError>>,
    {
        let attempt = |_| {
            let sent = call();
            async {
                match sent.await.map_err(Failure::from) {
                    Err(failure) if failure.is_unreadable => Err(self.with_status(failure).await),
                    outcome => outcome,
                }
            }
        };
        self.google.session.repeat(doing, allowance, attempt).await
    }

    /// The failure of a response that could not be read, or that of a request for the dataset if it fails in the same
    /// way: a front end that rejects one request rejects the other, and tells the status and when to retry.
    async fn with_status(&self, failure: Failure) -> Failure {
        let call = Call::get("reading the dataset", self.dataset_url(""));
        match self.google.plain.once(&call).await {
            Err(found) if found.is_unreadable || matches!(found.status, Some(401 | 429 | 500..)) => found,
            _ => failure,
        }
    }
}
