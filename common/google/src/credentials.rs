//! Who we are: application-default credentials, whose tokens are cached and renewed before they expire.

use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common_core::{Error, ErrorKind, Result};
use google_cloud_auth::credentials::{AccessTokenCredentials, Builder, mds};
use tokio::sync::RwLock;

/// Everything that the bundle asks of Google Cloud lies in this scope; what is allowed is up to IAM.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// The longest wait for a token, whose server may be an address that swallows what it is sent.
const LONGEST_FETCH: Duration = Duration::from_secs(10);

/// A metadata server that has been silent from the first, for this long, is none.
const SEARCH: Duration = Duration::from_secs(2);

/// Where tokens come from.
#[derive(Debug)]
pub struct Credentials {
    source: Source,
    current: RwLock<Option<AccessTokenCredentials>>,
    /// When there was a token for the first time.
    first_token: OnceLock<Instant>,
    /// When there was none for the first time.
    first_silence: OnceLock<Instant>,
}

#[derive(Debug)]
enum Source {
    Anonymous,
    ApplicationDefault,
    MetadataServer(String),
}

impl Credentials {
    /// None: for emulators.
    pub fn anonymous() -> Self {
        Self::of(Source::Anonymous)
    }

    /// Application-default credentials: the file of `GOOGLE_APPLICATION_CREDENTIALS`, that of `gcloud auth
    /// application-default login`, or the metadata server of the machine, whichever is found first.
    pub fn application_default() -> Self {
        Self::of(Source::ApplicationDefault)
    }

    /// Tokens of the metadata server at `url` alone.
    pub fn metadata_server(url: &str) -> Self {
        Self::of(Source::MetadataServer(url.to_owned()))
    }

    fn of(source: Source) -> Self {
        let current = RwLock::new(None);
        Self { source, current, first_token: OnceLock::new(), first_silence: OnceLock::new() }
    }

    /// A token that is valid now, or `None` where none is needed; waits for `most` at most.
    ///
    /// # Errors
    /// `Forbidden` where there are no credentials, `Unavailable` where their server does not answer.
    pub async fn token(&self, most: Duration) -> Result<Option<String>> {
        if matches!(self.source, Source::Anonymous) {
            return Ok(None);
        }
        let credentials = self.current().await?;
        let fetched = tokio::time::timeout(most.min(LONGEST_FETCH), credentials.access_token()).await;
        let failure = match fetched {
            Ok(Ok(token)) => {
                self.first_token.get_or_init(Instant::now);
                return Ok(Some(token.token));
            }
            Ok(Err(error)) if error.is_transient() => self.silence().caused_by(first_cause(&error)),
            Ok(Err(error)) => Error::new(ErrorKind::Forbidden, NO_CREDENTIALS).caused_by(first_cause(&error)),
            Err(_) => self.silence().caused_by("no answer in time"),
        };
        // Kept, they would go on saying the same: for a while after most errors, for ever after some.
        self.forget().await;
        Err(failure)
    }

    async fn current(&self) -> Result<AccessTokenCredentials> {
        if let Some(current) = &*self.current.read().await {
            return Ok(current.clone());
        }
        let mut current = self.current.write().await;
        // Of requests that begin together the first asks for a token, and the others wait for it.
        if let Some(current) = &*current {
            return Ok(current.clone());
        }
        Ok(current.insert(self.build()?).clone())
    }

    /// The server of tokens does not answer: for a moment, or because there is none.
    fn silence(&self) -> Error {
        let since = self.first_silence.get_or_init(Instant::now).elapsed();
        match &self.source {
            Source::ApplicationDefault if !has_file() && self.first_token.get().is_none() => {
                let kind = if since > SEARCH { ErrorKind::Forbidden } else { ErrorKind::Unavailable };
                Error::new(kind, NO_CREDENTIALS)
            }
            _ => Error::unavailable("the server of access tokens gives none"),
        }
    }

    /// Drops what is cached: a server has refused the token.
    pub async fn forget(&self) {
        *self.current.write().await = None;
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
            // The sentences after the first say again what ours says.
            let text = error.to_string();
            let cause = text.split(". ").next().unwrap_or_default();
            Error::new(ErrorKind::Forbidden, NO_CREDENTIALS).caused_by(cause)
        })
    }
}

/// Whether application-default credentials are a file. Where they are not, the metadata server is asked, be there one
/// or not.
fn has_file() -> bool {
    let in_home =
        |home| Path::new(&home).join(".config/gcloud/application_default_credentials.json").exists();
    std::env::var_os("GOOGLE_APPLICATION_CREDENTIALS").is_some()
        || std::env::var_os("HOME").is_some_and(in_home)
}

/// What it was in the end: above that stand sentences of the library that repeat ours.
fn first_cause(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(cause) = error.source() {
        error = cause;
    }
    error.to_string()
}

const NO_CREDENTIALS: &str = "no Google Cloud credentials: run `gcloud auth application-default login`, or set \
                              GOOGLE_APPLICATION_CREDENTIALS to a key file";
