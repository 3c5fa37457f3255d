//! Objects in Cloud Storage: each is written once and whole, whatever happens to the requests.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use common::ErrorKind;
use common::settings::from_variables;
use common::storage::{ArtifactStore, open_artifacts};
use futures::TryStreamExt;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::NamedTempFile;

use super::World;
use crate::support::proxy::{Fault, Proxy};

const MIB: u64 = 1 << 20;

/// The delay of a late response, longer than the timeout of the client: [`World::timeout_s`] is 2 here.
const LATE: Duration = Duration::from_millis(2500);

/// A store behind a proxy; objects of at least `resumable_from_bytes` are uploaded in sessions.
async fn behind_proxy(
    world: &World,
    resumable_from_bytes: u64,
    timeout_s: u64,
) -> (Proxy, Arc<dyn ArtifactStore>) {
    let proxy = Proxy::start(&world.storage, 0, 0, LATE).await;
    let mut variables = world.variables();
    variables.extend([
        ("STORAGE_EMULATOR_HOST".to_owned(), proxy.url.clone()),
        ("RESUMABLE_UPLOAD_BYTES".to_owned(), resumable_from_bytes.to_string()),
        ("REQUEST_TIMEOUT_S".to_owned(), timeout_s.to_string()),
    ]);
    let store = open_artifacts(&from_variables(variables).expect("settings")).expect("the store opens");
    (proxy, store)
}

/// A file of random bytes.
fn file_of(bytes: u64) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(bytes);
    let mut chunk = vec![0; MIB as usize];
    let mut left = bytes;
    while left > 0 {
        let part = left.min(MIB) as usize;
        random.fill_bytes(&mut chunk[..part]);
        file.write_all(&chunk[..part]).unwrap();
        left -= part as u64;
    }
    file
}

/// Compares an object with a file, a part at a time.
async fn assert_same(store: &dyn ArtifactStore, name: &str, file: &NamedTempFile) {
    let mut object = store.read(name).await.unwrap().expect("the object exists");
    let mut file = std::io::BufReader::new(std::fs::File::open(file.path()).unwrap());
    while let Some(part) = object.chunks.try_next().await.unwrap() {
        let mut expected = vec![0; part.len()];
        std::io::Read::read_exact(&mut file, &mut expected).unwrap();
        assert!(part == expected, "{name} differs from its file");
    }
    assert_eq!(std::io::Read::read(&mut file, &mut [0]).unwrap(), 0, "{name} is shorter than its file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_request_survives_each_fault() {
    let Some(world) = World::on_emulators() else { return };
    let file = file_of(700 << 10);
    let all = [
        Fault::TooMany,
        Fault::TooManyPlain,
        Fault::Unavailable,
        Fault::HtmlPage,
        Fault::HtmlForbidden,
        Fault::HtmlNotFound,
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::TooLate,
        Fault::Silent,
        Fault::Truncated,
        Fault::Expired,
        Fault::UnauthorizedFrontEnd,
    ];
    let survived = all.map(|fault| survives(&world, fault, &file));
    futures::future::join_all(survived).await;
}

async fn survives(world: &World, fault: Fault, file: &NamedTempFile) {
    let direct = world.artifacts();
    let (proxy, store) = behind_proxy(world, 64 << 10, 2).await;
    let forced = |step: &str| assert_eq!(proxy.seen().last(), Some(&fault), "{step}");
    let name = format!("each {fault:?}/x");
    proxy.force(&[fault]);
    let first = store.compare_and_set(&name, b"first".to_vec().into(), None).await.unwrap();
    forced("create");
    proxy.force(&[fault]);
    let second = store.compare_and_set(&name, b"second".to_vec().into(), Some(&first)).await.unwrap();
    forced("replace");
    proxy.force(&[fault]);
    assert_eq!(store.get(&name).await.unwrap().unwrap(), (b"second".to_vec().into(), second));
    forced("get");
    proxy.force(&[fault]);
    assert!(store.get("none").await.unwrap().is_none(), "{fault:?}");
    forced("get an object that does not exist");
    proxy.force(&[fault]);
    store.put_new(&format!("{name} file"), file.path()).await.unwrap();
    forced("start an upload");
    assert_same(&*direct, &format!("{name} file"), file).await;
    proxy.force_content(&[fault]);
    store.put_new(&format!("{name} content"), file.path()).await.unwrap();
    forced("upload content");
    assert_same(&*direct, &format!("{name} content"), file).await;
    proxy.force(&[fault]);
    assert_eq!(store.list(&name).await.unwrap().len(), 3);
    forced("list");
    proxy.force(&[fault]);
    store.delete(&name).await.unwrap();
    forced("delete");
    assert!(direct.get(&name).await.unwrap().is_none());
    assert_eq!(proxy.seen().len(), 8);
}

#[tokio::test]
async fn a_write_that_finds_its_own_earlier_success_succeeds() {
    let Some(world) = World::on_emulators() else { return };
    let (proxy, store) = behind_proxy(&world, u64::MAX >> 1, 30).await;
    proxy.word_as_cloud_storage();
    for (name, bytes) in [("own", &b"own"[..]), ("own and empty", b"")] {
        proxy.force(&[Fault::CutAfter]);
        let written = store.compare_and_set(name, bytes.to_vec().into(), None).await.unwrap();
        assert_eq!(proxy.seen().last(), Some(&Fault::CutAfter));
        assert_eq!(store.get(name).await.unwrap().unwrap(), (bytes.to_vec().into(), written.clone()));
        // Of another writer, the same refusal is a conflict.
        let error = store.compare_and_set(name, bytes.to_vec().into(), None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert_eq!(store.get(name).await.unwrap().unwrap().1, written);
    }
}

#[tokio::test]
async fn an_upload_continues_where_its_connection_broke() {
    let Some(world) = World::on_emulators() else { return };
    let direct = world.artifacts();
    let size = 5 * MIB + 1234;
    let file = file_of(size);
    // A cut loses what was received beyond the last multiple of 256 KiB; a refusal loses all content of its request.
    let (cut, rest) = (MIB / 4, size - 3 * MIB + MIB / 4);
    let after = |after_bytes| Fault::CutUpload { after_bytes };
    for (name, faults, lost) in [
        ("in the middle", &[after(2 * MIB + 77), after(MIB), after(MIB)][..], 3 * cut),
        ("at the last byte", &[after(size - 1)], cut),
        ("after the last answer", &[Fault::CutAfter], 0),
        ("with a truncated last answer", &[Fault::Truncated], 0),
        ("with an expired token", &[after(3 * MIB), Fault::Expired], cut + rest),
        ("in an outage", &[after(3 * MIB), Fault::Unavailable, Fault::CutBefore], cut + 2 * rest),
    ] {
        let (proxy, store) = behind_proxy(&world, MIB, 30).await;
        proxy.force_content(faults);
        let written = store.put_new(name, file.path()).await.unwrap();
        assert_eq!(proxy.seen(), faults, "{name}");
        let (_, found) = direct.get(name).await.unwrap().unwrap();
        assert_eq!(found, written, "{name}");
        assert_same(&*direct, name, &file).await;
        assert!(proxy.uploaded_bytes() <= size + lost, "{name}: {} bytes", proxy.uploaded_bytes());
    }
}

/// All content has arrived, and the server was not told that it is complete.
#[tokio::test]
async fn an_upload_that_breaks_after_a_multiple_of_256_kib_is_completed() {
    let Some(world) = World::on_emulators() else { return };
    let (proxy, store) = behind_proxy(&world, MIB, 30).await;
    let file = file_of(2 * MIB);
    proxy.force_content(&[Fault::CutUpload { after_bytes: 2 * MIB }]);
    store.put_new("multiple", file.path()).await.unwrap();
    assert_eq!(proxy.seen().len(), 1);
    assert_same(&*world.artifacts(), "multiple", &file).await;
}

/// The size of the object is `JOB_MARKET_UPLOAD_MIB` (default 6), the rate of the line 20 Mbit/s.
#[tokio::test]
async fn an_upload_over_a_slow_line_is_resumed_after_each_of_three_cuts() {
    let Some(world) = World::on_emulators() else { return };
    let setting = std::env::var("JOB_MARKET_UPLOAD_MIB").unwrap_or_else(|_| "6".into());
    let size = MIB * setting.parse::<u64>().expect("JOB_MARKET_UPLOAD_MIB is a number") - 1;
    let file = file_of(size);
    let (proxy, store) = behind_proxy(&world, MIB, 30).await;
    proxy.limit_rate(20_000_000 / 8);
    proxy.force_content(&[Fault::CutUpload { after_bytes: size / 4 + 1 }; 3]);
    store.put_new("slow", file.path()).await.unwrap();
    assert_eq!(proxy.seen().len(), 3);
    assert!(proxy.uploaded_bytes() <= size + 3 * MIB / 4, "{} bytes", proxy.uploaded_bytes());
    assert_same(&*world.artifacts(), "slow", &file).await;
}

#[tokio::test]
async fn a_large_write_does_not_replace_an_object_of_another_writer() {
    let Some(world) = World::on_emulators() else { return };
    let (proxy, store) = behind_proxy(&world, MIB, 30).await;
    proxy.word_as_cloud_storage();
    let file = file_of(2 * MIB);
    let first = store.put_new("large", file.path()).await.unwrap();
    let error = store.put_new("large", file.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{}", error.chain());
    assert_eq!(error.to_string(), "object large was written by another process");
    // In memory, too.
    let bytes = vec![7; 3 * MIB as usize];
    let second = store.compare_and_set("large", bytes.clone().into(), Some(&first)).await.unwrap();
    assert_eq!(store.get("large").await.unwrap().unwrap(), (bytes.into(), second));
}

#[tokio::test]
async fn errors_of_a_write_are_named() {
    let Some(world) = World::on_emulators() else { return };
    let (proxy, store) = behind_proxy(&world, MIB, 1).await;
    let file = file_of(2 * MIB);
    let missing = file.path().with_extension("missing");
    let error = store.put_new("x", &missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{}", error.chain());
    assert!(error.to_string().contains("missing"), "{error}");
    // In the middle of an upload, too, where every attempt sends something.
    proxy.force_content(&[Fault::Unavailable; 1000]);
    let error = store.put_new("x", file.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{}", error.chain());
    assert!(error.to_string().contains("tries: HTTP 503"), "{error}");
    for (faults, kind, words) in [
        (vec![Fault::Forbidden; 1], ErrorKind::Forbidden, "storage.objects.get access"),
        (vec![Fault::HtmlForbidden; 20], ErrorKind::Forbidden, "HTTP 403, a response that is not JSON"),
        (vec![Fault::HtmlPage; 100], ErrorKind::Unavailable, "HTTP 502, a response that is not JSON"),
        (vec![Fault::CutBefore; 100], ErrorKind::Unavailable, "try again"),
    ] {
        for size in [3, 2 * MIB] {
            proxy.force(&faults);
            let bytes = vec![1; size as usize];
            let error = store.compare_and_set("x", bytes.into(), None).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{}", error.chain());
            let text = error.to_string();
            assert!(text.starts_with("writing gs://") && text.contains(words), "{faults:?}: {text}");
        }
    }
    proxy.force(&[]);
    assert!(store.get("x").await.unwrap().is_none());
}
