//! Artifacts in a Cloud Storage bucket.
//!
//! - `content`: what is written
//! - `upload`: writing an object once
//!
//! Objects are read and written by `google-cloud-storage`. Its metadata, list and delete methods use gRPC, which no
//! emulator serves; these are requests of the JSON API.

mod content;
mod upload;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use common_core::settings::Whole;
use common_core::{Error, ErrorKind, Result};
use common_google::{Allowance, Call, Client, Credentials, Failure, Limits, Session, segment};
use futures::stream;
use futures::{StreamExt, TryStreamExt};
use google_cloud_storage::client::Storage;
use google_cloud_storage::model_ext::ReadRange;
use serde_json::Value;
use tokio::sync::OnceCell;

use self::content::Content;
use self::upload::Upload;
use super::{ArtifactStore, Facts, Generation, Reading, check_name};
use crate::settings::StorageSettings;

/// Range size of one request when an object is streamed: at most this much is read again after a broken connection.
const PART_BYTES: u64 = 8 << 20;

/// Size from which an object is written in a resumable session, if the settings do not tell.
const RESUMABLE_FROM_BYTES: u64 = 8 << 20;

/// Artifacts below a prefix of a bucket.
#[derive(Debug, Clone)]
pub struct Gcs(Arc<Bucket>);

#[derive(Debug)]
struct Bucket {
    session: Session,
    /// For the requests of the JSON API.
    client: Client,
    /// For reading and writing objects; created by the first request, because creating it is asynchronous.
    objects: OnceCell<Storage>,
    /// Base URL of the API: Google's or an emulator's.
    root: String,
    name: String,
    prefix: String,
    /// Size from which an object is written in a resumable session.
    resumable_from_bytes: u64,
}

impl Gcs {
    /// Artifacts in `bucket`, below `prefix`.
    ///
    /// # Errors
    /// `Internal` if the HTTP client cannot be created.
    pub fn open(settings: &StorageSettings, bucket: &str, prefix: &str) -> Result<Self> {
        let (root, credentials, resumable_from_bytes) = match &settings.storage_emulator_host {
            // The emulator completes an object when it is asked how much of it has arrived.
            Some(host) => (common_google::emulator(host), Credentials::anonymous(), u64::MAX),
            None => (
                "https://storage.googleapis.com".to_owned(),
                Credentials::application_default(),
                RESUMABLE_FROM_BYTES,
            ),
        };
        let session = Session::new(&root, credentials, Limits::of_seconds(settings.request_timeout_s.get()));
        Ok(Self(Arc::new(Bucket {
            client: Client::new(session.clone())?,
            session,
            objects: OnceCell::new(),
            root,
            name: bucket.to_owned(),
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            resumable_from_bytes: settings.resumable_upload_bytes.map_or(resumable_from_bytes, Whole::get),
        })))
    }
}

impl Bucket {
    /// The client of objects, and the names of the bucket and of an object that it takes.
    async fn object(&self, name: &str) -> Result<(&Storage, String, String)> {
        let create = || common_google::objects::client(&self.session, &self.root);
        let objects = self.objects.get_or_try_init(create).await?;
        Ok((objects, format!("projects/_/buckets/{}", self.name), format!("{}{name}", self.prefix)))
    }

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
    async fn found<T>(&self, outcome: Result<T, Failure>, name: &str, doing: &str) -> Result<Option<T>> {
        match outcome {
            Ok(found) => Ok(Some(found)),
            Err(failure) => match failure.kind() {
                ErrorKind::NotFound => self.must_exist(doing).await.map(|()| None),
                ErrorKind::Corrupt => Err(self.altered(name)),
                _ => Err(failure.into_error(doing)),
            },
        }
    }

    /// Metadata of an object, in the form of the JSON API.
    async fn metadata(&self, name: &str) -> Result<Option<Value>> {
        let call = Call::get(format!("looking for {}", self.shown(name)), self.object_url(name));
        self.found(self.client.json(&call).await, name, &call.doing).await
    }

    /// Reads an object, or a range of one generation of it.
    async fn fetch(&self, name: &str, range: Option<(i64, ReadRange)>) -> Result<Option<(Bytes, i64)>> {
        let doing = format!("reading {}", self.shown(name));
        let (objects, bucket, object) = self.object(name).await?;
        let outcome = self
            .session
            .repeat(&doing, Allowance::default(), async |transfer| {
                let mut request = objects.read_object(&bucket, &object);
                if let Some((generation, range)) = &range {
                    request = request.set_generation(*generation).set_read_range(range.clone());
                }
                let mut answer = request.send().await?;
                transfer.advance(0);
                let mut body = BytesMut::new();
                while let Some(chunk) = answer.next().await.transpose()? {
                    transfer.advance(chunk.len());
                    body.extend_from_slice(&chunk);
                }
                Ok((body.freeze(), answer.object().generation))
            })
            .await;
        self.found(outcome, name, &doing).await
    }

    /// Writes the object if its generation is still `expected`; 0 expects that it does not exist.
    async fn write(&self, name: &str, content: Content, expected: i64) -> Result<Generation> {
        check_name(name)?;
        let doing = format!("writing {}", self.shown(name));
        let (objects, bucket, object) = self.object(name).await?;
        // If a response is lost and the retry is refused, it tells this write from another's.
        let writer = uuid::Uuid::now_v7().to_string();
        let upload = Upload {
            session: &self.session,
            objects,
            doing: &doing,
            bucket: &bucket,
            object: &object,
            content: &content,
            expected,
            writer: &writer,
        };
        let written = if content.size_bytes < self.resumable_from_bytes {
            upload.at_once().await
        } else {
            upload.in_session().await
        };
        let failure = match written {
            // After a resumed session, the client does not compare the checksums.
            Ok(object) => match object.checksums.as_ref().and_then(|checksums| checksums.crc32c) {
                Some(crc32c) if crc32c != content.crc32c => return Err(self.altered(name)),
                _ => return Ok(Generation(object.generation.to_string())),
            },
            Err(failure) => failure,
        };
        match failure.kind() {
            ErrorKind::Conflict => {
                if failure.attempts > 1
                    && let Some(found) = self.metadata(name).await?
                    && text(&found, "/metadata/writer") == writer
                {
                    return generation(&found);
                }
                Err(Error::conflict(format!("object {name} was written by another process")))
            }
            ErrorKind::Corrupt => Err(self.altered(name)),
            _ => Err(self.error(failure, &doing).await),
        }
    }

    /// A range of one generation of an object.
    async fn part(&self, name: &str, generation: i64, from: u64, size: u64) -> Result<Bytes> {
        let expected = (size - from).min(PART_BYTES);
        let range = ReadRange::segment(from, expected);
        let Some((part, _)) = self.fetch(name, Some((generation, range))).await? else {
            return Err(Error::conflict(format!("object {name} was replaced while it was read")));
        };
        let read = part.len() as u64;
        if read == expected {
            Ok(part)
        } else {
            let shown = self.shown(name);
            Err(Error::corrupt(format!("{shown}: {read} bytes were sent at {from}, not {expected}")))
        }
    }

    fn altered(&self, name: &str) -> Error {
        let shown = self.shown(name);
        Error::corrupt(format!("{shown} is damaged: its checksum differs from that of the bytes written"))
    }
}

#[async_trait]
impl ArtifactStore for Gcs {
    async fn get(&self, name: &str) -> Result<Option<(Bytes, Generation)>> {
        check_name(name)?;
        // The client compares the checksum of a whole object.
        let found = self.0.fetch(name, None).await?;
        Ok(found.map(|(bytes, generation)| (bytes, Generation(generation.to_string()))))
    }

    async fn compare_and_set(
        &self,
        name: &str,
        bytes: Bytes,
        expected: Option<&Generation>,
    ) -> Result<Generation> {
        self.0.write(name, Content::of_bytes(bytes), expected.map_or(Ok(0), number)?).await
    }

    async fn put_new(&self, name: &str, file: &Path) -> Result<Generation> {
        self.0.write(name, Content::of_file(file).await?, 0).await
    }

    async fn read(&self, name: &str) -> Result<Option<Reading>> {
        check_name(name)?;
        let Some(found) = self.0.metadata(name).await? else { return Ok(None) };
        let facts = facts(&self.0.prefix, &found)?;
        let expected = found.get("crc32c").and_then(Value::as_str).and_then(decoded);
        let (this, name, size) = (Arc::clone(&self.0), name.to_owned(), facts.size_bytes);
        let generation = number(&facts.generation)?;
        let chunks = stream::try_unfold((0, 0), move |(from, crc)| {
            let (this, name) = (Arc::clone(&this), name.clone());
            async move {
                if from >= size {
                    return match expected {
                        Some(expected) if expected != crc => Err(this.altered(&name)),
                        _ => Ok(None),
                    };
                }
                let part = this.part(&name, generation, from, size).await?;
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
        self.0.found(self.0.client.send(&call).await, name, &call.doing).await.map(|_| ())
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

/// The number of a generation.
fn number(generation: &Generation) -> Result<i64> {
    let Generation(text) = generation;
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| Error::invalid_input(format!("invalid generation {text:?}: expected a number")))
}

/// A CRC32C checksum of the JSON API.
fn decoded(base64: &str) -> Option<u32> {
    Some(u32::from_be_bytes(BASE64.decode(base64).ok()?.try_into().ok()?))
}
