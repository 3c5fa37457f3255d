use serde_json::{Value, json};

use super::*;
use crate::ErrorKind;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Recipe {
    cooks: u32,
}

impl Body for Recipe {
    const KIND: Kind = Kind { name: "recipe", format: 4, oldest_format: 3, built_by: "write-recipes" };

    fn check(manifest: &Manifest<Self>) -> Result<()> {
        match manifest.body.cooks {
            0 => Err(Error::corrupt("invalid cooks 0: expected at least 1")),
            _ => Ok(()),
        }
    }
}

fn whole() -> Value {
    json!({
        "kind": "recipe",
        "format": 4,
        "version": "v1",
        "created_at": "2025-01-02T03:04:05Z",
        "provenance": { "code_version": "0.1.0", "embedding_space": "m/1/t1" },
        "rows": 7,
        "metrics": { "taste": 0.5 },
        "decision": { "promoted": true, "reason": "taste is 0.5" },
        "files": { "dish.bin": { "bytes": 3, "sha256": "00" } },
        "body": { "cooks": 2 },
    })
}

fn parse(text: &Value) -> Result<Manifest<Recipe>> {
    Manifest::parse(text.to_string().as_bytes(), "recipes/v1/manifest.json")
}

fn refused(member: &str, value: Value) -> String {
    let mut text = whole();
    text[member] = value;
    let error = parse(&text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.chain());
    assert!(error.to_string().contains("recipes/v1/manifest.json"), "{error}");
    error.to_string()
}

#[test]
fn a_manifest_comes_back_as_it_was_written_and_unknown_members_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = parse(&whole()).unwrap();
    manifest.write(folder.path()).unwrap();
    assert_eq!(Manifest::read(folder.path()).unwrap(), manifest);
    assert_eq!((manifest.bytes(), manifest.metric("taste"), manifest.metric("x")), (3, Some(0.5), None));
    let mut later = whole();
    for place in ["", "/provenance", "/decision", "/files/dish.bin", "/body"] {
        later.pointer_mut(place).unwrap()["later"] = json!([1]);
    }
    assert_eq!(parse(&later).unwrap(), manifest);
    // A format between the oldest and the current one.
    later["format"] = json!(3);
    assert_eq!(parse(&later).unwrap().format, 3);
}

#[test]
fn another_format_is_refused_with_the_command_that_builds_a_new_version() {
    let newer = refused("format", json!(5));
    assert!(newer.contains("has format 5, and this program reads up to 4: update the program"), "{newer}");
    let older = refused("format", json!(2));
    assert!(older.contains("has format 2, and this program reads 3 and later"), "{older}");
    for sentence in [newer, older] {
        assert!(sentence.ends_with("run write-recipes for a new version"), "{sentence}");
    }
    // Before there was a header.
    let bare = parse(&json!({ "format": 1, "files": [] })).unwrap_err().to_string();
    assert!(bare.contains("has format 1") && bare.contains("run write-recipes"), "{bare}");
}

#[test]
fn another_kind_damage_and_contradictions_are_refused() {
    assert!(refused("kind", json!("poem")).contains("expected kind recipe, found \"poem\""));
    assert!(refused("rows", json!("many")).contains("expected kind recipe of format 4: run write-recipes"));
    assert!(refused("format", Value::Null).contains("invalid manifest"));
    assert!(refused("body", json!({ "cooks": 0 })).contains("invalid cooks 0"));
    for name in ["", ".hidden", "a/b", "..", "a\\b"] {
        let facts = json!({ name: { "bytes": 3, "sha256": "00" } });
        assert!(refused("files", facts).contains("invalid file name"), "{name}");
    }
    assert_eq!(parse(&json!([])).unwrap_err().kind(), ErrorKind::Corrupt);
    let mut manifest = parse(&whole()).unwrap();
    manifest.metrics.insert("loss".into(), f64::NAN);
    let folder = tempfile::tempdir().unwrap();
    let error = manifest.write(folder.path()).unwrap_err();
    assert!(error.to_string().contains("invalid metric \"loss\""), "{error}");
    assert!(!folder.path().join(MANIFEST).exists());
}

#[test]
fn a_files_facts_are_its_length_and_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dish.bin");
    let missing = FileFacts::of(&path).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(missing.to_string().contains("dish.bin"), "{missing}");
    let long = vec![7; HASHED_BYTES + 13];
    for bytes in [b"".as_slice(), b"abc", &long] {
        std::fs::write(&path, bytes).unwrap();
        let expected = FileFacts { bytes: bytes.len() as u64, sha256: hex::encode(Sha256::digest(bytes)) };
        assert_eq!(FileFacts::of(&path).unwrap(), expected);
    }
}
