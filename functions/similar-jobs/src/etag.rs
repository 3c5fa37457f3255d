//! Entity tags of responses, from every version that a response depends on.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::sync::OnceLock;

use common::index::Manifest;
use common::index::manifest::embedding_space;
use hyper::header::HeaderValue;
use tokio::task;

use crate::answer::model_versions;

/// The tag of responses made from `index` and from `others`: the settings that a response shows, and the versions of
/// the models that are used besides the index's own.
///
/// It also covers the program, because a new release may respond differently.
///
/// `None` if the index's version is not a valid header value.
pub(crate) async fn entity_tag(index: &Manifest, others: &[&str]) -> Option<HeaderValue> {
    tag(index, others, program_version().await)
}

fn tag(index: &Manifest, others: &[&str], program: u32) -> Option<HeaderValue> {
    let mut hasher = DefaultHasher::new();
    (program, model_versions(index), embedding_space(index), others).hash(&mut hasher);
    // Also the moment of the build: the index of another store may have the same version.
    let (version, created_at) = (&index.version, index.created_at.timestamp_micros());
    HeaderValue::from_str(&format!("\"{version}-{created_at:x}-{:016x}\"", hasher.finish())).ok()
}

/// Starts to compute the checksum of the program's file on a blocking thread, so that the first index does not wait for
/// it. Must be called in a Tokio runtime.
pub(crate) fn start_checksum() {
    // Not awaited here: `program_version` waits for it.
    drop(task::spawn_blocking(checksum));
}

/// The checksum of the program's file, computed once.
static CHECKSUM: OnceLock<u32> = OnceLock::new();

/// The checksum of the program's file, the same for all instances of an image. It covers the page, which is embedded
/// in the file.
async fn program_version() -> u32 {
    match CHECKSUM.get() {
        Some(checksum) => *checksum,
        // A task fails only at shutdown, because computing the checksum does not panic.
        None => task::spawn_blocking(checksum).await.unwrap_or_default(),
    }
}

/// The checksum of the program's file, or 0 if it cannot be read. Blocks while another thread computes it.
fn checksum() -> u32 {
    *CHECKSUM.get_or_init(|| {
        checksum_of_program().unwrap_or_else(|error| {
            tracing::warn!("entity tags do not cover the program: its file cannot be read: {error}");
            0
        })
    })
}

fn checksum_of_program() -> io::Result<u32> {
    let mut file = File::open(std::env::current_exe()?)?;
    let mut checksum = 0;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(checksum),
            length => checksum = crc32c::crc32c_append(checksum, &buffer[..length]),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};
    use std::time::Duration;

    use super::*;
    use crate::testing::market;

    #[test]
    fn every_version_that_a_response_depends_on_changes_its_tag() {
        let index = market("v1").manifest().clone();
        let first = tag(&index, &[], 1).unwrap();
        assert_eq!(tag(&index, &[], 1).unwrap(), first);
        let version = Manifest { version: "v2".into(), ..index.clone() };
        let moment = Manifest { created_at: chrono::DateTime::from_timestamp_nanos(7_000), ..index.clone() };
        let mut model = index.clone();
        model.body.model_versions = BTreeMap::from([("words/2/test".into(), 12)]);
        let mut space = index.clone();
        space.provenance.embedding_space = Some("words/2".into());
        let tags = [
            first,
            tag(&version, &[], 1).unwrap(),
            tag(&moment, &[], 1).unwrap(),
            tag(&model, &[], 1).unwrap(),
            tag(&space, &[], 1).unwrap(),
            tag(&index, &[], 2).unwrap(),
            tag(&index, &["salary/v1"], 1).unwrap(),
            tag(&index, &["salary/v2"], 1).unwrap(),
        ];
        assert_eq!(tags.iter().collect::<HashSet<_>>().len(), tags.len(), "{tags:?}");
        let broken = Manifest { version: "v\n1".into(), ..index };
        assert_eq!(tag(&broken, &[], 1), None);
    }

    #[tokio::test]
    async fn the_checksum_is_computed_at_the_start_and_covers_the_program() {
        start_checksum();
        let known = async {
            while CHECKSUM.get().is_none() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), known).await.unwrap();
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(program_version().await, crc32c::crc32c(&program));
    }
}
