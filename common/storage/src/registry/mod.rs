//! Versions of an artifact that consists of several files: `{prefix}/v1/…`, `{prefix}/v2/…`, and which of them is the champion.
//!
//! A version is published by its `manifest.json`, written last; one without is a draft that nobody reads. The champion is one small
//! object, swapped by compare-and-set: readers see the old one or the new one.

mod cache;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use common_core::error::OnPath;
use common_core::{Error, ErrorKind, Result, feed};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;

use crate::artifacts::{ArtifactStore, Generation};
use crate::staging::{Draft, discard};
use cache::{Contents, FileFacts, altered, verify};

const MANIFEST: &str = "manifest.json";

/// Drafts older than this are leftovers of publishers that were killed.
const DRAFT_HOURS: i64 = 24;

/// Versions that a machine keeps.
const PLACED: usize = 3;

/// The versions below one prefix of a store.
#[derive(Clone)]
pub struct Registry {
    store: Arc<dyn ArtifactStore>,
    prefix: String,
}

/// The version that is served, and the state of the pointer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Champion {
    /// `v7`.
    pub version: String,
    /// When it was promoted.
    pub promoted_at: DateTime<Utc>,
    /// The version that was the newest when somebody went back to this one.
    pub instead_of: Option<String>,
    /// What a swap expects.
    pub generation: Generation,
}

#[derive(Serialize, Deserialize)]
struct Pointer {
    version: String,
    promoted_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instead_of: Option<String>,
}

impl Pointer {
    fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().filter(|pointer: &Self| number(&pointer.version).is_some())
    }
}

#[derive(Serialize, Deserialize)]
struct Claim {
    claimed_at: DateTime<Utc>,
}

impl Registry {
    /// The versions below `prefix`, for example `indexes`.
    pub fn new(store: Arc<dyn ArtifactStore>, prefix: &str) -> Self {
        Self { store, prefix: prefix.to_owned() }
    }

    fn name(&self, version: &str, file: &str) -> String {
        format!("{}/{version}/{file}", self.prefix)
    }

    fn pointer(&self) -> String {
        format!("{}/champion.json", self.prefix)
    }

    /// The champion, if there is one.
    ///
    /// # Errors
    /// `Corrupt` where the pointer is not what [`Registry::promote`] writes.
    pub async fn champion(&self) -> Result<Option<Champion>> {
        let Some((bytes, generation)) = self.store.get(&self.pointer()).await? else { return Ok(None) };
        let Pointer { version, promoted_at, instead_of } = Pointer::parse(&bytes).ok_or_else(|| {
            Error::corrupt(format!("{} names no version: promote one that is there", self.pointer()))
        })?;
        Ok(Some(Champion { version, promoted_at, instead_of, generation }))
    }

    /// Makes `version` the champion, if the champion is still `expected`. A pointer that names no version is no champion.
    ///
    /// # Errors
    /// `Conflict` where somebody else promoted first.
    pub async fn promote(&self, version: &str, expected: Option<&Champion>) -> Result<()> {
        self.point(version, None, expected).await
    }

    /// As [`Registry::promote`], by hand: whoever publishes next sees that `newest` was passed over.
    ///
    /// # Errors
    /// `Conflict` where somebody else promoted first.
    pub async fn go_back(&self, version: &str, newest: &str, expected: Option<&Champion>) -> Result<()> {
        let instead_of = (version != newest).then(|| newest.to_owned());
        self.point(version, instead_of, expected).await
    }

    async fn point(
        &self,
        version: &str,
        instead_of: Option<String>,
        expected: Option<&Champion>,
    ) -> Result<()> {
        let pointer = Pointer { version: version.to_owned(), promoted_at: Utc::now(), instead_of };
        let bytes = json(&pointer)?;
        let expected = match expected {
            Some(champion) => Some(champion.generation.clone()),
            None => self.damaged_pointer().await?,
        };
        match self.store.compare_and_set(&self.pointer(), bytes.into(), expected.as_ref()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Err(Error::conflict(format!(
                "{version} is published and not promoted, because another run promoted its own meanwhile: run again"
            ))),
            outcome => outcome.map(|_| ()),
        }
    }

    /// The state of a pointer that names no version.
    async fn damaged_pointer(&self) -> Result<Option<Generation>> {
        let found = self.store.get(&self.pointer()).await?;
        Ok(found.filter(|(bytes, _)| Pointer::parse(bytes).is_none()).map(|(_, generation)| generation))
    }

    /// A version's manifest as it was published, if there is such a version.
    ///
    /// # Errors
    /// As the store says.
    pub async fn manifest(&self, version: &str) -> Result<Option<Bytes>> {
        Ok(self.store.get(&self.name(version, MANIFEST)).await?.map(|(bytes, _)| bytes))
    }

    /// Looks whether the store has every file of a version, as long as its manifest says: what this machine has of it may be whole
    /// where the store's is not.
    ///
    /// # Errors
    /// `NotFound` where there is no such version; `Corrupt`, with the file's name, where a file is missing or of another length.
    pub async fn check(&self, version: &str) -> Result<()> {
        let (_, contents) = self.contents(version).await?;
        let objects = self.store.list(&self.name(version, "")).await?;
        for file in &contents.files {
            let name = self.name(version, &file.name);
            match objects.iter().find(|object| object.name == name) {
                None => return Err(altered(&name, "it is missing")),
                Some(object) if object.size_bytes != file.bytes => {
                    let found = object.size_bytes;
                    return Err(altered(&name, &format!("it has {found} bytes instead of {}", file.bytes)));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn contents(&self, version: &str) -> Result<(Bytes, Contents)> {
        let name = self.name(version, MANIFEST);
        let lacks = || {
            Error::not_found(format!(
                "{name} is not in the store: build again, or promote a version that is there"
            ))
        };
        let manifest = self.manifest(version).await?.ok_or_else(lacks)?;
        let contents = serde_json::from_slice(&manifest).map_err(|error| {
            Error::corrupt(format!("{name} is no manifest: build again, or promote another version"))
                .caused_by(error)
        })?;
        Ok((manifest, contents))
    }

    /// Takes the next free version for a publisher: no two ever have the same.
    ///
    /// # Errors
    /// As the store says.
    pub async fn claim(&self) -> Result<String> {
        let mut next = self.numbers().await?.last().map_or(1, |last| last + 1);
        loop {
            let version = format!("v{next}");
            let claim = json(&Claim { claimed_at: Utc::now() })?;
            match self.store.compare_and_set(&self.name(&version, "claim.json"), claim.into(), None).await {
                Ok(_) => return Ok(version),
                Err(error) if error.kind() == ErrorKind::Conflict => next += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Puts `files` of `folder` into a claimed version, and last its manifest: from then on it is there.
    ///
    /// # Errors
    /// As the store says; the version is then no version.
    pub async fn publish(&self, version: &str, folder: &Path, files: &[&str]) -> Result<()> {
        for file in files.iter().copied().chain([MANIFEST]) {
            self.store.put_new(&self.name(version, file), &folder.join(file)).await?;
        }
        Ok(())
    }

    /// Published versions, oldest first.
    ///
    /// # Errors
    /// As the store says.
    pub async fn versions(&self) -> Result<Vec<String>> {
        let mut published = Vec::new();
        for object in self.store.list(&format!("{}/", self.prefix)).await? {
            if let Some((version, MANIFEST)) = self.parts(&object.name)
                && let Some(number) = number(version)
            {
                published.push((number, version.to_owned()));
            }
        }
        published.sort_unstable();
        Ok(published.into_iter().map(|(_, version)| version).collect())
    }

    async fn numbers(&self) -> Result<Vec<u64>> {
        let objects = self.store.list(&format!("{}/", self.prefix)).await?;
        let mut numbers: Vec<u64> =
            objects.iter().filter_map(|object| number(self.parts(&object.name)?.0)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        Ok(numbers)
    }

    fn parts<'a>(&self, name: &'a str) -> Option<(&'a str, &'a str)> {
        name.strip_prefix(&self.prefix)?.strip_prefix('/')?.split_once('/')
    }

    /// Removes all published versions but the last `keep` and the champion, and drafts that nobody works on any more; returns what
    /// left. The newest always stays, so that no number is given twice.
    ///
    /// # Errors
    /// As the store says.
    pub async fn sweep(&self, keep: usize) -> Result<Vec<String>> {
        let versions = self.versions().await?;
        let mut old: Vec<String> = versions[..versions.len().saturating_sub(keep.max(1))].to_vec();
        for number in self.numbers().await? {
            let version = format!("v{number}");
            if !versions.contains(&version) && self.is_abandoned(&version).await? {
                old.push(version);
            }
        }
        let mut gone = Vec::new();
        for version in old {
            // Asked each time: somebody may go back to this one meanwhile.
            if self.champion().await?.is_some_and(|champion| champion.version == version) {
                continue;
            }
            // The manifest first: from then on nobody begins to read it.
            self.store.delete(&self.name(&version, MANIFEST)).await?;
            for object in self.store.list(&self.name(&version, "")).await? {
                self.store.delete(&object.name).await?;
            }
            gone.push(version);
        }
        Ok(gone)
    }

    async fn is_abandoned(&self, version: &str) -> Result<bool> {
        let Some((bytes, _)) = self.store.get(&self.name(version, "claim.json")).await? else {
            return Ok(true);
        };
        let claim: Option<Claim> = serde_json::from_slice(&bytes).ok();
        let hours = claim.map(|claim| (Utc::now() - claim.claimed_at).num_hours());
        Ok(hours.is_none_or(|hours| hours >= DRAFT_HOURS))
    }

    /// Copies a version to this machine, below `cache`, and returns its folder; what is there already is not copied again, unless it
    /// was altered. A folder appears whole, each file as long and with the checksum that the manifest says.
    ///
    /// # Errors
    /// `NotFound` where there is no such version; `Corrupt`, with the file's name, where a file is not what the manifest says.
    pub async fn place(&self, version: &str, cache: &Path) -> Result<PathBuf> {
        let (manifest, contents) = self.contents(version).await?;
        // Versions of another store have the same names and other manifests.
        let digest = hex::encode(Sha256::digest(&manifest));
        let folder = cache.join(format!("{version}-{}", &digest[..16]));
        let contents = Arc::new(contents);
        if tokio::fs::try_exists(&folder).await.on_path("cannot look at", &folder)? {
            let origin = folder.display().to_string();
            let compared = match tokio::fs::read(folder.join(MANIFEST)).await {
                Ok(known) if known == manifest => verified(&folder, &contents, &origin).await,
                Ok(_) => Err(altered(&format!("{origin}/{MANIFEST}"), "the store has another")),
                Err(error) => {
                    Err(altered(&format!("{origin}/{MANIFEST}"), "it cannot be read").caused_by(error))
                }
            };
            match compared {
                Ok(()) => return Ok(folder),
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    tracing::warn!("a copy on this machine is replaced: {}", error.chain());
                    let altered = folder.clone();
                    on_a_thread(move || discard(&altered)).await?;
                }
                Err(error) => return Err(error),
            }
        }
        let draft = Draft::make(cache).await?;
        for file in &contents.files {
            self.copy(version, file, draft.path()).await?;
        }
        verified(draft.path(), &contents, &format!("{}/{version}", self.prefix)).await?;
        let path = draft.path().join(MANIFEST);
        tokio::fs::write(&path, &manifest).await.on_path("cannot write", &path)?;
        match tokio::fs::rename(draft.path(), &folder).await {
            Ok(()) => {
                draft.keep();
                let cache = cache.to_owned();
                // What is in use elsewhere stays readable to those who have it open.
                let _ = on_a_thread(move || forget_old(&cache)).await;
                Ok(folder)
            }
            // Another process placed it meanwhile.
            Err(_) if folder.join(MANIFEST).is_file() => Ok(folder),
            Err(error) => Err(error).on_path("cannot make", &folder),
        }
    }

    async fn copy(&self, version: &str, file: &FileFacts, folder: &Path) -> Result<()> {
        let name = self.name(version, &file.name);
        if file.name.is_empty() || file.name.starts_with('.') || file.name.contains(['/', '\\', '\0']) {
            return Err(altered(&name, "that is no name of a file"));
        }
        let mut reading = self.store.read(&name).await?.ok_or_else(|| altered(&name, "it is missing"))?;
        let found = reading.facts.size_bytes;
        if found != file.bytes {
            return Err(altered(&name, &format!("it has {found} bytes instead of {}", file.bytes)));
        }
        let path = folder.join(&file.name);
        let unwritten =
            |error| Error::from(error).context(format!("cannot write {name} to {}", path.display()));
        let mut target = tokio::fs::File::create(&path).await.map_err(unwritten)?;
        while let Some(chunk) = reading.chunks.try_next().await? {
            target.write_all(&chunk).await.map_err(unwritten)?;
        }
        target.flush().await.map_err(unwritten)
    }
}

async fn verified(folder: &Path, contents: &Arc<Contents>, origin: &str) -> Result<()> {
    let (folder, contents, origin) = (folder.to_owned(), Arc::clone(contents), origin.to_owned());
    on_a_thread(move || verify(&folder, &contents, &origin)).await
}

/// Reading and removing gigabytes is no work for the runtime.
async fn on_a_thread(work: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
    feed::blocking("work on an index's files", work).await
}

/// Removes all placed versions but the last few.
fn forget_old(cache: &Path) -> Result<()> {
    let mut placed = Vec::new();
    for entry in std::fs::read_dir(cache).on_path("cannot list", cache)? {
        let entry = entry.on_path("cannot list", cache)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.split_once('-').is_some_and(|(version, _)| number(version).is_some()) && entry.path().is_dir()
        {
            let modified = entry.metadata().and_then(|facts| facts.modified());
            placed.push((modified.on_path("cannot look at", &entry.path())?, entry.path()));
        }
    }
    placed.sort();
    let old = placed.len().saturating_sub(PLACED);
    placed[..old].iter().try_for_each(|(_, folder)| discard(folder))
}

fn number(version: &str) -> Option<u64> {
    let digits = version.strip_prefix('v')?;
    (!digits.starts_with('0')).then(|| digits.parse().ok())?
}

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::internal("no JSON form").caused_by(error))
}
