//! Artifacts in a Cloud Storage bucket.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use common_core::{Error, ErrorKind, Result};
use common_google::client::Payload;
use common_google::{Answer, Body, Call, Client, Credentials, Failure, Limits, segment};
use futures::stream;
use futures::{StreamExt, TryStreamExt};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{ArtifactStore, Facts, Generation, Reading, check_name};
use crate::settings::StorageSettings;

/// Range size of one request when an object is streamed: at most this much is read again after a broken connection.
const PART_BYTES: u64 = 8 << 20;

/// Artifacts below a prefix of a bucket.
#[derive(Debug, Clone)]
pub struct Gcs(Arc<Bucket>);

#[derive(Debug)]
struct Bucket {
    client: Client,
    /// Base URL of the API: Google's or an emulator's.
    root: String,
    name: String,
    prefix: String,
}

impl Gcs {
    /// Artifacts in `bucket`, below `prefix`.
    ///
    /// # Errors
    /// `Internal` if the HTTP client cannot be created.
    pub fn open(settings: &StorageSettings, bucket: &str, prefix: &str) -> Result<Self> {
        let (root, credentials) = match &settings.storage_emulator_host {
            Some(host) => (common_google::emulator(host), Credentials::anonymous()),
            None => ("https://storage.googleapis.com".to_owned(), Credentials::application_default()),
        };
        let client = Client::new(credentials, Limits::of_seconds(settings.request_timeout_s.get()))?;
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self(Arc::new(Bucket { client, root, name: bucket.to_owned(), prefix })))
    }
}

impl Bucket {
    fn object_url(&self, name: &str) -> String {
        let object = format!("{}{name}", self.prefix);
        format!("{}/storage/v1/b/{}/o/{}", self.root, segment(&self.name), segment(&object))
    }

    /// The object's URL, for messages.
    fn shown(&self, name: &str) -> String {
        format!("gs://{}/{}{name}", self.name, self.prefix)
    }

    /// Fails if the bucket does not exist. A missing object and a missing bucket both answer 404 with reason
    /// `notFound`; only the text of the message differs, and that may also contain names.
    ///
    /// # Errors
    /// `NotFound` if the bucket does not exist.
    async fn must_exist(&self, doing: &str) -> Result<()> {
        // Listing objects needs a permission that this program has anyway; reading the bucket's metadata needs
        // another.
        let url = format!("{}/storage/v1/b/{}/o", self.root, segment(&self.name));
        let call = Call::get(doing, url).with("maxResults", "1").with("fields", "kind");
        match self.client.send(&call).await {
            Err(failure) if failure.kind() == ErrorKind::NotFound => Err(failure
                .into_error(doing)
                .remedy(format!("create bucket {}, or correct ARTIFACTS_URL", self.name))),
            // Any other failure of the listing says nothing about the object.
            _ => Ok(()),
        }
    }

    /// Converts the failure of a request for which only a missing bucket can be the reason of a 404.
    async fn error(&self, failure: Failure, doing: &str) -> Error {
        if failure.kind() == ErrorKind::NotFound
            && let Err(error) = self.must_exist(doing).await
        {
            return error;
        }
        failure.into_error(doing)
    }

    /// `None` if the object does not exist.
    async fn found(&self, call: &Call) -> Result<Option<Answer>> {
        match self.client.send(call).await {
            Ok(answer) => Ok(Some(answer)),
            Err(failure) if failure.kind() == ErrorKind::NotFound => {
                self.must_exist(&call.doing).await.map(|()| None)
            }
            Err(failure) => Err(failure.into_error(&call.doing)),
        }
    }

    async fn metadata(&self, name: &str) -> Result<Option<Value>> {
        let call = Call::get(format!("looking for {}", self.shown(name)), self.object_url(name));
        let Some(answer) = self.found(&call).await? else { return Ok(None) };
        let facts = serde_json::from_slice(&answer.body);
        facts.map(Some).map_err(|error| Error::internal(format!("{} failed", call.doing)).caused_by(error))
    }

    /// Writes the object if its generation is still `expected`; `0` expects that it does not exist.
    async fn write(&self, name: &str, payload: Payload, expected: &str) -> Result<Generation> {
        check_name(name)?;
        // Identifies this write: if the answer is lost and the retry is refused, it tells this write from
        // another's.
        let writer = uuid::Uuid::now_v7().to_string();
        let facts = json!({"name": format!("{}{name}", self.prefix), "metadata": {"writer": writer}});
        let url = format!("{}/upload/storage/v1/b/{}/o", self.root, segment(&self.name));
        let call = Call::post(format!("writing {}", self.shown(name)), url, Body::Upload(facts, payload))
            .with("uploadType", "multipart")
            .with("ifGenerationMatch", expected);
        match self.client.json(&call).await {
            Ok(written) => generation(&written),
            Err(failure) if failure.kind() == ErrorKind::Conflict => {
                if failure.attempts > 1
                    && let Some(found) = self.metadata(name).await?
                    && text(&found, "/metadata/writer") == writer
                {
                    return generation(&found);
                }
                Err(Error::conflict(format!("object {name} was written by another process")))
            }
            Err(failure) => Err(self.error(failure, &call.doing).await),
        }
    }

    /// A range of one generation of an object.
    async fn part(&self, name: &str, generation: &str, from: u64, size: u64) -> Result<Bytes> {
        let to = size.min(from + PART_BYTES);
        let doing = format!("reading {}", self.shown(name));
        let call = Call::get(doing, self.object_url(name))
            .with("alt", "media")
            .with("generation", generation)
            .range(from, to);
        let Some(answer) = self.found(&call).await? else {
            return Err(Error::conflict(format!("object {name} was replaced while it was read")));
        };
        if answer.body.len() as u64 == to - from {
            Ok(answer.body)
        } else {
            Err(Error::corrupt(format!("{} is shorter than its {size} bytes", self.shown(name))))
        }
    }
}

#[async_trait]
impl ArtifactStore for Gcs {
    async fn get(&self, name: &str) -> Result<Option<(Bytes, Generation)>> {
        check_name(name)?;
        let call = Call::get(format!("reading {}", self.0.shown(name)), self.0.object_url(name))
            .with("alt", "media");
        let Some(Answer { headers, body, .. }) = self.0.found(&call).await? else { return Ok(None) };
        if let Some(expected) = crc32c_of(&headers)
            && expected != crc32c::crc32c(&body)
        {
            return Err(altered(&self.0.shown(name)));
        }
        let generation = headers.get("x-goog-generation").and_then(|value| value.to_str().ok());
        let generation =
            generation.ok_or_else(|| Error::internal("Cloud Storage answered without a generation"))?;
        Ok(Some((body, Generation(generation.to_owned()))))
    }

    async fn compare_and_set(
        &self,
        name: &str,
        bytes: Bytes,
        expected: Option<&Generation>,
    ) -> Result<Generation> {
        let expected = expected.map_or("0", |generation| &generation.0);
        if expected.parse::<u64>().is_err() {
            return Err(Error::invalid_input(format!("invalid generation {expected:?}: expected a number")));
        }
        self.0.write(name, Payload::Bytes(bytes), expected).await
    }

    async fn put_new(&self, name: &str, file: &Path) -> Result<Generation> {
        self.0.write(name, Payload::File(file.to_owned()), "0").await
    }

    async fn read(&self, name: &str) -> Result<Option<Reading>> {
        check_name(name)?;
        let Some(found) = self.0.metadata(name).await? else { return Ok(None) };
        let facts = facts(&self.0.prefix, &found)?;
        let expected = found.get("crc32c").and_then(Value::as_str).and_then(decoded);
        let (this, name, size) = (Arc::clone(&self.0), name.to_owned(), facts.size_bytes);
        let generation = facts.generation.0.clone();
        let chunks = stream::try_unfold((0, 0), move |(from, crc)| {
            let (this, name, generation) = (Arc::clone(&this), name.clone(), generation.clone());
            async move {
                if from >= size {
                    return match expected {
                        Some(expected) if expected != crc => Err(altered(&this.shown(&name))),
                        _ => Ok(None),
                    };
                }
                let part = this.part(&name, &generation, from, size).await?;
                let next = (from + part.len() as u64, crc32c::crc32c_append(crc, &part));
                Ok(Some((part, next)))
            }
        });
        Ok(Some(Reading { facts, chunks: chunks.boxed() }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Facts>> {
        let this = &self.0;
        let doing = format!("listing {}", this.shown(prefix));
        let first = Some(None);
        let pages = stream::try_unfold(first, |token: Option<Option<String>>| {
            let doing = doing.clone();
            async move {
                let Some(token) = token else { return Ok(None) };
                let url = format!("{}/storage/v1/b/{}/o", this.root, segment(&this.name));
                let mut call = Call::get(&doing, url).with("prefix", format!("{}{prefix}", this.prefix));
                if let Some(token) = token {
                    call = call.with("pageToken", token);
                }
                let page = match this.client.json(&call).await {
                    Ok(page) => page,
                    Err(failure) => return Err(this.error(failure, &doing).await),
                };
                let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
                let items = items.map(|item| facts(&this.prefix, item)).collect::<Result<Vec<_>>>()?;
                let next =
                    page.get("nextPageToken").and_then(Value::as_str).map(|token| Some(token.to_owned()));
                Ok::<_, Error>(Some((items, next)))
            }
        });
        let pages: Vec<Vec<Facts>> = pages.try_collect().await?;
        let mut found = pages.concat();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    async fn delete(&self, name: &str) -> Result<()> {
        check_name(name)?;
        let call = Call::delete(format!("removing {}", self.0.shown(name)), self.0.object_url(name));
        self.0.found(&call).await.map(|_| ())
    }
}

fn facts(prefix: &str, object: &Value) -> Result<Facts> {
    let name = text(object, "/name");
    Ok(Facts {
        name: name.strip_prefix(prefix).unwrap_or(&name).to_owned(),
        size_bytes: text(object, "/size").parse().unwrap_or_default(),
        generation: generation(object)?,
    })
}

fn generation(object: &Value) -> Result<Generation> {
    let found = text(object, "/generation");
    if found.is_empty() {
        Err(Error::internal("Cloud Storage answered without a generation"))
    } else {
        Ok(Generation(found))
    }
}

fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The CRC32C checksum among the hashes in the headers of an answer.
fn crc32c_of(headers: &HeaderMap) -> Option<u32> {
    let hashes = headers.get_all("x-goog-hash").iter().filter_map(|value| value.to_str().ok());
    hashes.flat_map(|line| line.split(',')).find_map(|hash| decoded(hash.trim().strip_prefix("crc32c=")?))
}

fn decoded(base64: &str) -> Option<u32> {
    Some(u32::from_be_bytes(BASE64.decode(base64).ok()?.try_into().ok()?))
}

fn altered(shown: &str) -> Error {
    Error::corrupt(format!("{shown} is damaged: its checksum differs from that of the bytes written"))
}
