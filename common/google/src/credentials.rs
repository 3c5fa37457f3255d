//! Credentials. Access tokens are cached and renewed before they expire.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use common_core::{Error, ErrorKind, Result};
use google_cloud_auth::credentials::{AccessTokenCredentials, Builder, mds};

use crate::failure::root_cause;

/// The OAuth scope of all requests; permissions are controlled by IAM.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// A metadata server that has never answered and does not answer for this long is assumed not to exist.
const METADATA_SERVER_TIMEOUT: Duration = Duration::from_secs(2);

/// A source of access tokens.
#[derive(Debug)]
pub struct Credentials {
    source: Source,
    /// The library's credentials, which cache the token.
    current: Mutex<Option<AccessTokenCredentials>>,
    /// Time of the first successful request for a token.
    first_token: OnceLock<Instant>,
    /// Time of the first request for a token that was not answered.
    first_timeout: OnceLock<Instant>,
}

#[derive(Debug)]
enum Source {
    Anonymous,
    ApplicationDefault,
    MetadataServer(String),
}

impl Credentials {
    /// Maximum wait for a token. Outside of Google Cloud, the address of the metadata server may drop packets silently.
    pub const TIMEOUT: Duration = Duration::from_secs(10);

    /// No credentials, for emulators.
    pub fn anonymous() -> Self {
        Self::new(Source::Anonymous)
    }

    /// Application-default credentials: the file named by `GOOGLE_APPLICATION_CREDENTIALS`, that of `gcloud auth
    /// application-default login`, or the metadata server of the machine, in this order.
    pub fn application_default() -> Self {
        Self::new(Source::ApplicationDefault)
    }

    /// Tokens of the metadata server at `url`.
    pub fn metadata_server(url: &str) -> Self {
        Self::new(Source::MetadataServer(url.to_owned()))
    }

    fn new(source: Source) -> Self {
        let current = Mutex::new(None);
        Self { source, current, first_token: OnceLock::new(), first_timeout: OnceLock::new() }
    }

    /// A valid token, or `None` if none is needed. Waits at most `timeout`.
    ///
    /// # Errors
    /// `Forbidden` if there are no credentials, `Unavailable` if the token server does not answer.
    pub async fn token(&self, timeout: Duration) -> Result<Option<String>> {
        if matches!(self.source, Source::Anonymous) {
            return Ok(None);
        }
        let credentials = self.current()?;
        let fetched = tokio::time::timeout(timeout.min(Self::TIMEOUT), credentials.access_token()).await;
        let failure = match fetched {
            Ok(Ok(token)) => {
                self.first_token.get_or_init(Instant::now);
                return Ok(Some(token.token));
            }
            Ok(Err(error)) if error.is_transient() => self.token_unavailable().caused_by(root_cause(&error)),
            Ok(Err(error)) => unusable().caused_by(root_cause(&error)),
            Err(_) => self.token_unavailable().caused_by("no answer in time"),
        };
        // The library caches errors, some of them forever: discard the credentials so that the next call retries.
        self.forget();
        Err(failure)
    }

    fn current(&self) -> Result<AccessTokenCredentials> {
        let mut current = self.lock();
        // Concurrent requests share the token that the first one fetches.
        if let Some(current) = &*current {
            return Ok(current.clone());
        }
        Ok(current.insert(self.build()?).clone())
    }

    /// The error for a token server that does not answer: transient, or permanent if it does not exist.
    fn token_unavailable(&self) -> Error {
        let since = self.first_timeout.get_or_init(Instant::now).elapsed();
        match &self.source {
            Source::ApplicationDefault if !has_file() && self.first_token.get().is_none() => {
                let kind = if since > METADATA_SERVER_TIMEOUT {
                    ErrorKind::Forbidden
                } else {
                    ErrorKind::Unavailable
                };
                Error::new(kind, NO_CREDENTIALS)
            }
            _ => Error::unavailable("the token server does not answer"),
        }
    }

    /// Discards the cached token, after a server has rejected it.
    pub fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<AccessTokenCredentials>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build(&self) -> Result<AccessTokenCredentials> {
        let built = match &self.source {
            Source::MetadataServer(url) => mds::Builder::default()
                .with_endpoint(url)
                .with_scopes([SCOPE])
                .build_access_token_credentials(),
            _ => Builder::default().with_scopes([SCOPE]).build_access_token_credentials(),
        };
        built.map_err(|error| {
            // The library's further sentences repeat the advice of NO_CREDENTIALS.
            let text = error.to_string();
            let cause = text.split(". ").next().unwrap_or_default();
            unusable().caused_by(cause)
        })
    }
}

/// Returns whether application-default credentials are a file. Otherwise the library asks the metadata server, whether
/// or not it exists.
fn has_file() -> bool {
    let in_home =
        |home| Path::new(&home).join(".config/gcloud/application_default_credentials.json").exists();
    std::env::var_os("GOOGLE_APPLICATION_CREDENTIALS").is_some()
        || std::env::var_os("HOME").is_some_and(in_home)
}

/// The error for credentials that give no token.
fn unusable() -> Error {
    Error::new(ErrorKind::Forbidden, if has_file() { UNUSABLE_CREDENTIALS } else { NO_CREDENTIALS })
}

const UNUSABLE_CREDENTIALS: &str = "the Google Cloud credentials cannot be used: run `gcloud auth application-default \
                                    login`, or set GOOGLE_APPLICATION_CREDENTIALS to a valid key file";

const NO_CREDENTIALS: &str = "no Google Cloud credentials: run `gcloud auth application-default login`, or set \
                              GOOGLE_APPLICATION_CREDENTIALS to a key file";
