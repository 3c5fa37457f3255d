//! Detects the format of a file from its first bytes.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use common::{Error, Result};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::decode::{Decode, Gunzip, Peeked, Source, read_failed};
use super::reader::refuse;

/// Number of bytes from which format, encoding and CSV dialect are detected.
const HEAD_BYTES: usize = 1 << 18;
/// Maximum number of nested gzip layers: servers sometimes compress a file that is compressed already.
const MAX_GZIP_LAYERS: usize = 2;

/// An opened file by format.
pub(super) enum Content {
    Parquet(File),
    Json(Text),
    Csv(Text),
}

/// The content of a text file. It is UTF-8 without a byte order mark unless the file is invalid, which readers check.
pub(super) struct Text {
    pub(super) peeked: Peeked,
    /// Notes for the report about compression and encoding.
    pub(super) notes: Vec<String>,
    /// Whether the encoding is known from a byte order mark or from `--encoding`.
    pub(super) is_declared: bool,
}

/// Opens `path` and detects its format. `declared` is the encoding of `--encoding`.
///
/// # Errors
/// That of opening and reading the file; `InvalidInput`, with a remedy, if it is empty or in an unsupported format.
pub(super) fn open(path: &Path, declared: Option<&'static Encoding>) -> Result<Content> {
    let mut file = File::open(path).map_err(|error| Error::from(error).context(path.display()))?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(refuse(path, "expected a file, found a folder; name the files in it"));
    }
    let failed = |error| read_failed(path, error);
    let mut magic = Vec::new();
    file.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
    let is_parquet = magic == b"PAR1" || magic == b"PARE";
    if is_parquet {
        file.rewind().map_err(failed)?;
        return Ok(Content::Parquet(file));
    }
    let whole: Source = Box::new(std::io::Cursor::new(magic).chain(file));
    let mut peeked = Peeked::of(whole, HEAD_BYTES).map_err(failed)?;
    let mut notes = Vec::new();
    for _ in 0..MAX_GZIP_LAYERS {
        if !peeked.head.starts_with(&[0x1f, 0x8b]) {
            break;
        }
        peeked = Peeked::of(Box::new(Gunzip::new(peeked.into_source(0))), HEAD_BYTES).map_err(failed)?;
        notes.push("gzip".to_owned());
    }
    let is_empty = peeked.is_whole && peeked.head.trim_ascii().is_empty();
    let is_named_lines = path
        .extension()
        .is_some_and(|extension| ["ndjson", "jsonl"].iter().any(|name| extension.eq_ignore_ascii_case(name)));
    if is_empty && is_named_lines {
        // `jobctl export` of an empty table writes such a file.
        notes.push("an empty file".to_owned());
        return Ok(Content::Json(Text { peeked, notes, is_declared: false }));
    }
    if is_empty {
        return Err(refuse(path, "the file is empty"));
    }
    if let Some(what) = unsupported_binary(&peeked.head) {
        return Err(refuse(path, what));
    }
    let is_named_parquet =
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"));
    if is_named_parquet && (peeked.head.contains(&0) || !begins_as_text(&peeked.head)) {
        return Err(refuse(path, "not a readable Parquet file: it does not begin with PAR1"));
    }
    let text = decode(path, peeked, declared, notes)?;
    let skipped = text.peeked.head.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let begin = &text.peeked.head[skipped..];
    if begin.is_empty() && text.peeked.is_whole {
        return Err(refuse(path, "the file is empty"));
    }
    if let Some(what) = unsupported_text(begin) {
        return Err(refuse(path, what));
    }
    if matches!(begin.first(), Some(b'{' | b'[')) {
        return Ok(Content::Json(text));
    }
    Ok(Content::Csv(text))
}

/// Decodes a text file by its byte order mark, or else by `declared`, or else as UTF-8.
fn decode(
    path: &Path,
    peeked: Peeked,
    declared: Option<&'static Encoding>,
    mut notes: Vec<String>,
) -> Result<Text> {
    let failed = |error| read_failed(path, error);
    let head = &peeked.head;
    if head.starts_with(&[0xff, 0xfe, 0, 0]) || head.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Err(refuse(path, "this is UTF-32; save the file as UTF-8"));
    }
    let (encoding, mark) = match Encoding::for_bom(head) {
        Some((encoding, length)) => (Some(encoding), length),
        None => (declared, 0),
    };
    if let Some(encoding) = encoding.filter(|encoding| *encoding != UTF_8) {
        if mark == 0 && encoding.is_single_byte() && is_non_ascii_utf8(head, peeked.is_whole) {
            let what = format!("this is UTF-8, not {}; load it without --encoding", encoding.name());
            return Err(refuse(path, what));
        }
        notes.push(encoding.name().to_owned());
        let source: Source = Box::new(Decode::new(peeked.into_source(0), encoding));
        let peeked = Peeked::of(source, HEAD_BYTES).map_err(failed)?;
        return Ok(Text { peeked, notes, is_declared: true });
    }
    if mark == 0
        && let Some(guess) = utf16_without_bom(head)
    {
        let what = format!(
            "this looks like UTF-16 without a byte order mark; load it with --encoding {}",
            guess.name().to_lowercase()
        );
        return Err(refuse(path, what));
    }
    if !begins_as_text(head) {
        return Err(refuse(
            path,
            "this is neither text nor Parquet; expected Parquet, CSV or JSON, or one of them in gzip",
        ));
    }
    let peeked = match mark {
        0 => peeked,
        _ => Peeked::of(peeked.into_source(mark), HEAD_BYTES).map_err(failed)?,
    };
    Ok(Text { peeked, notes, is_declared: encoding.is_some() })
}

/// Returns whether `head` contains non-ASCII characters and is valid UTF-8, which text in a single-byte encoding is
/// only by rare accident.
fn is_non_ascii_utf8(head: &[u8], is_whole: bool) -> bool {
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && !is_whole,
    };
    is_utf8 && !head.is_ascii()
}

/// Detects UTF-16 without a byte order mark. It assumes mostly Latin text, in which every other byte is zero.
fn utf16_without_bom(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len().min(64) / 2;
    let zeros = |odd: usize| (0..pairs).filter(|pair| head[pair * 2 + odd] == 0).count();
    let (high_first, low_first) = (zeros(0), zeros(1));
    match () {
        () if pairs < 4 => None,
        () if low_first * 4 > pairs * 3 && high_first == 0 => Some(UTF_16LE),
        () if high_first * 4 > pairs * 3 && low_first == 0 => Some(UTF_16BE),
        () => None,
    }
}

/// Returns whether the first 512 bytes could be text: at most 5 % are control characters other than white space.
fn begins_as_text(head: &[u8]) -> bool {
    let first = &head[..head.len().min(512)];
    let controls =
        first.iter().filter(|byte| **byte < 32 && !byte.is_ascii_whitespace() && **byte != 0x0b).count();
    controls * 20 <= first.len()
}

/// The error for a binary file in a known format that is not supported: the format and the remedy.
fn unsupported_binary(head: &[u8]) -> Option<&'static str> {
    let contains = |text: &[u8]| memchr::memmem::find(head, text).is_some();
    Some(match head {
        [b'P', b'K', 3 | 5 | 7, ..] if contains(b"xl/") || contains(b"[Content_Types].xml") => {
            "this is an Excel workbook (.xlsx); save the sheet as \"CSV UTF-8\" and load that"
        }
        [b'P', b'K', 3 | 5 | 7, ..] => "this is a zip archive; unpack it and load the files in it",
        [0xd0, 0xcf, 0x11, 0xe0, ..] => {
            "this is an old Excel workbook (.xls); save the sheet as \"CSV UTF-8\" and load that"
        }
        [0x1f, 0x8b, ..] => "this file is compressed with gzip more than twice; unpack it first",
        [b'P', b'A', b'R', b'1', ..] => {
            "this is a Parquet file inside gzip; unpack it with gunzip and load that"
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            "this file is compressed with zstd; unpack it with unzstd and load that"
        }
        [b'B', b'Z', b'h', ..] if head.len() > 10 && head[4..].starts_with(&[0x31, 0x41, 0x59]) => {
            "this file is compressed with bzip2; unpack it with bunzip2 and load that"
        }
        [0xfd, b'7', b'z', b'X', b'Z', ..] => {
            "this file is compressed with xz; unpack it with unxz and load that"
        }
        [b'7', b'z', 0xbc, 0xaf, ..] => "this is a 7z archive; unpack it and load the files in it",
        [b'R', b'a', b'r', b'!', 0x1a, ..] => "this is a rar archive; unpack it and load the files in it",
        [b'%', b'P', b'D', b'F', b'-', ..] => "this is a PDF document; expected Parquet, CSV or JSON",
        _ if head.starts_with(b"SQLite format 3\0") => {
            "this is an SQLite database; export its table as CSV and load that"
        }
        _ if head.get(8..12) == Some(b"DUCK") => {
            "this is a DuckDB database; export its table as Parquet and load that"
        }
        _ if head.starts_with(b"Obj\x01") => "this is an Avro file; convert it to Parquet and load that",
        _ if head.starts_with(b"ORC") && head.contains(&0) => {
            "this is an ORC file; convert it to Parquet and load that"
        }
        _ if head.starts_with(b"ARROW1") || head.starts_with(b"FEA1") => {
            "this is an Arrow (Feather) file; convert it to Parquet and load that"
        }
        [0x80, 2..=5, ..] => {
            "this is a Python pickle; write the frame with to_parquet or to_csv and load that"
        }
        _ if head.get(257..262) == Some(b"ustar") => {
            "this is a tar archive; unpack it and load the files in it"
        }
        _ => return None,
    })
}

/// The same for formats that are text.
fn unsupported_text(begin: &[u8]) -> Option<&'static str> {
    let begin = String::from_utf8_lossy(&begin[..begin.len().min(64)]).to_ascii_lowercase();
    match () {
        () if begin.starts_with("version https://git-lfs") => {
            Some("this is a Git LFS pointer, not the file; fetch the file with git lfs pull")
        }
        () if begin.starts_with("<?xml") => Some("this is XML; expected Parquet, CSV or JSON"),
        () if begin.starts_with('<') => Some(
            "this is an HTML page, perhaps a sign-in or error page instead of the download; download the file itself",
        ),
        () => None,
    }
}
