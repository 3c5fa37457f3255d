//! Who we are: application-default credentials, whose tokens are cached and renewed before they expire.

use common_core::{Error, ErrorKind, Result};
use google_cloud_auth::credentials::{AccessTokenCredentials, Builder, mds};
use tokio::sync::RwLock;

/// Everything that the bundle asks of Google Cloud lies in this scope; what is allowed is up to IAM.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Where tokens come from.
#[derive(Debug)]
pub struct Credentials {
    source: Source,
    current: RwLock<Option<AccessTokenCredentials>>,
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
        Self { source, current: RwLock::new(None) }
    }

    /// A token that is valid now, or `None` where none is needed.
    ///
    /// # Errors
    /// `Forbidden` where there are no credentials, `Unavailable` where their server does not answer.
    pub async fn token(&self) -> Result<Option<String>> {
        if matches!(self.source, Source::Anonymous) {
            return Ok(None);
        }
        let current = self.current.read().await.clone();
        let credentials = match current {
            Some(credentials) => credentials,
            None => self.current.write().await.insert(self.build()?).clone(),
        };
        match credentials.access_token().await {
            Ok(token) => Ok(Some(token.token)),
            Err(error) => {
                let kind =
                    if error.is_transient() { ErrorKind::Unavailable } else { ErrorKind::Forbidden };
                Err(Error::new(kind, NO_CREDENTIALS).caused_by(error))
            }
        }
    }

    /// Drops what is cached: a server has refused the token.
    pub async fn forget(&self) {
        *self.current.write().await = None;
    }

    fn build(&self) -> Result<AccessTokenCredentials> {
        let built = match &self.source {
            Source::MetadataServer(url) => {
                mds::Builder::default().with_endpoint(url).with_scopes([SCOPE]).build_access_token_credentials()
            }
            _ => Builder::default().with_scopes([SCOPE]).build_access_token_credentials(),
        };
        built.map_err(|error| Error::new(ErrorKind::Forbidden, NO_CREDENTIALS).caused_by(error))
    }
}

const NO_CREDENTIALS: &str = "no Google Cloud credentials: run `gcloud auth application-default login`, or set \
                              GOOGLE_APPLICATION_CREDENTIALS to a key file";
