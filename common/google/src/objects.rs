//! The client of Cloud Storage's objects.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use common_core::{Error, Result};
use google_cloud_auth::credentials::{CacheableResource, CredentialsProvider, EntityTag};
use google_cloud_auth::errors::CredentialsError;
use google_cloud_gax::error::Error as ClientError;
use google_cloud_gax::error::rpc::StatusDetails;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_storage::client::Storage;
use google_cloud_storage::error::{ReadError, WriteError};
use google_cloud_storage::read_resume_policy::NeverResume;
use http::Extensions;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use crate::credentials::Credentials;
use crate::failure::{Failure, causes, root_cause, shorten};
use crate::repeat::Session;

/// A client of the API at `root`, with the credentials of `session`. By default, it makes every request once, and
/// without a time limit: call it within [`Session::repeat`].
///
/// # Errors
/// `Internal` if the TLS certificates of the system cannot be read.
pub async fn client(session: &Session, root: &str) -> Result<Storage> {
    Storage::builder()
        .with_endpoint(root)
        .with_credentials(Headers(Arc::clone(session.credentials())))
        .with_retry_policy(NeverRetry)
        .with_read_resume_policy(NeverResume)
        .build()
        .await
        .map_err(|error| Error::internal("cannot create a client of Cloud Storage").caused_by(error))
}

/// Request headers with an access token of our credentials.
#[derive(Debug)]
struct Headers(Arc<Credentials>);

impl CredentialsProvider for Headers {
    async fn headers(&self, _: Extensions) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let failed = |error: Error| CredentialsError::from_source(false, error);
        let mut headers = HeaderMap::new();
        if let Some(token) = self.0.token(Credentials::TIMEOUT).await.map_err(failed)? {
            let value = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut value = value.map_err(|error| CredentialsError::from_source(false, error))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(CacheableResource::New { entity_tag: EntityTag::new(), data: headers })
    }

    async fn universe_domain(&self) -> Option<String> {
        None
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::from(&error)
    }
}

impl From<&ClientError> for Failure {
    fn from(error: &ClientError) -> Self {
        if let Some(failure) = Self::of_credentials(error) {
            return failure;
        }
        if let Some(status) = error.http_status_code() {
            let none = HeaderMap::new();
            let headers = error.http_headers().unwrap_or(&none);
            return match error.status() {
                Some(answer) => {
                    let reason = answer.details.iter().find_map(|details| match details {
                        StatusDetails::ErrorInfo(info) => Some(reason_of(&info.reason)),
                        _ => None,
                    });
                    Self::of_status(status, reason.unwrap_or_default(), shorten(&answer.message), headers)
                }
                None => Self::of_answer(status, headers, error.http_payload().map_or(&[], |body| body)),
            };
        }
        let is_of = |is: fn(&(dyn StdError + 'static)) -> bool| causes(error).any(is);
        if is_of(is_checksum) {
            return Self::local("damaged", root_cause(error));
        }
        // The content could not be read.
        if error.is_serialization() && is_of(<dyn StdError>::is::<io::Error>) {
            return Self::local("file", root_cause(error));
        }
        if error.is_binding() {
            return Self::local("client", root_cause(error));
        }
        // The others are failures of the connection, or disagree with what the server said before: a repeat helps.
        let mut failure = Self::of_transport(error.is_timeout(), error);
        failure.is_unreadable = error.is_deserialization();
        failure
    }
}

/// The JSON API's name of a reason; errors with details have other names for some.
fn reason_of(reason: &str) -> &str {
    match reason {
        "RATE_LIMIT_EXCEEDED" => "rateLimitExceeded",
        "SERVICE_DISABLED" => "accessNotConfigured",
        "BILLING_DISABLED" => "billingNotEnabled",
        other => other,
    }
}

fn is_checksum(cause: &(dyn StdError + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(ReadError::ChecksumMismatch(_)))
        || matches!(cause.downcast_ref(), Some(WriteError::ChecksumMismatch { .. }))
}
