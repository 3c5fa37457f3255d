//! The client of BigQuery's datasets, tables and jobs.

use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use common_core::{Error, Result};
use gcp_bigquery_client::Client;
use gcp_bigquery_client::auth::Authenticator;
use gcp_bigquery_client::client_builder::ClientBuilder;
use gcp_bigquery_client::error::BQError;
use reqwest_of_bigquery as reqwest;

use crate::client::USER_AGENT;
use crate::credentials::Credentials;
use crate::failure::{Failure, causes, shorten};
use crate::repeat::Session;

/// A client of the API at `root`, with the credentials of `session`. It makes every request once: call it within
/// [`Session::repeat`].
///
/// # Errors
/// `Internal` if the TLS certificates of the system cannot be read.
pub async fn client(session: &Session, root: &str) -> Result<Client> {
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::internal("cannot create a client of BigQuery").caused_by(error)
    };
    let http = reqwest::Client::builder()
        .connect_timeout(session.limits().connect())
        .user_agent(USER_AGENT)
        .build()
        .map_err(|error| failed(error.into()))?;
    ClientBuilder::new()
        .with_v2_base_url(format!("{root}/bigquery/v2"))
        .with_client(http)
        .build_from_authenticator(Arc::new(Tokens(Arc::clone(session.credentials()))))
        .await
        .map_err(|error| failed(error.into()))
}

/// Access tokens of our credentials.
#[derive(Clone)]
struct Tokens(Arc<Credentials>);

#[async_trait]
impl Authenticator for Tokens {
    async fn access_token(&self) -> Result<String, BQError> {
        match self.0.token(Credentials::TIMEOUT).await {
            // The client always sends a token; an emulator ignores it.
            Ok(token) => Ok(token.unwrap_or_else(|| "none".to_owned())),
            // Of the variants, this one can hold our error.
            Err(error) => {
                Err(BQError::InvalidApplicationDefaultCredentialsAuthenticator(io::Error::other(error)))
            }
        }
    }
}

impl From<BQError> for Failure {
    fn from(error: BQError) -> Self {
        match error {
            BQError::ResponseError { error } => {
                let error = error.error;
                let reason = error.errors.first().and_then(|error| error.get("reason"));
                Self::of_status(
                    u16::try_from(error.code).unwrap_or_default(),
                    reason.unwrap_or(&error.status),
                    shorten(&error.message),
                    // The client does not pass the headers on.
                    &http::HeaderMap::new(),
                )
            }
            BQError::RequestError(error) => {
                match causes(&error).find_map(|cause| cause.downcast_ref::<serde_json::Error>()) {
                    // The client does not pass the status on.
                    Some(cause) => Self::unreadable("BigQuery's JSON", cause),
                    None => Self::of_transport(error.is_timeout(), &error),
                }
            }
            BQError::InvalidApplicationDefaultCredentialsAuthenticator(error) => {
                match error.get_ref().and_then(|error| error.downcast_ref()) {
                    Some(error) => Self::of_token(error),
                    None => Self::local("noCredentials", error.to_string()),
                }
            }
            other => Self::local("client", other.to_string()),
        }
    }
}
