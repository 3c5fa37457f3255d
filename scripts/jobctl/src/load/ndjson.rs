//! NDJSON: one JSON object a line.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use common::job::JobAd;
use common::{Error, Result};
use serde_json::{Map, Value as Json};

use super::reader::{AdReader, Notes, Place, batch, note_ignored, put};
use crate::columns::{self, COLUMNS, Value};

/// A longer line is taken for a file of another kind.
const LINE_BYTES: u64 = 64 << 20;
const BUFFER_BYTES: usize = 1 << 18;
/// How many spellings of column names are remembered.
const NAMES_KNOWN: usize = 1_000;

/// The ads of an NDJSON file.
pub(super) struct Reader {
    source: BufReader<File>,
    place: Place,
    line: Vec<u8>,
    names: HashMap<String, Option<usize>>,
    seen: Vec<bool>,
    ignored: Vec<String>,
    is_over: bool,
}

impl Reader {
    pub(super) fn open(path: &Path, file: File) -> Self {
        Self {
            source: BufReader::with_capacity(BUFFER_BYTES, file),
            place: Place { file: PathBuf::from(path), row: 0, line: Some(0) },
            line: Vec::new(),
            names: HashMap::new(),
            seen: vec![false; COLUMNS.len()],
            ignored: Vec::new(),
            is_over: false,
        }
    }

    fn read(&mut self) -> Result<Option<JobAd>> {
        loop {
            self.line.clear();
            let length = self.source.by_ref().take(LINE_BYTES).read_until(b'\n', &mut self.line);
            let length = length.map_err(|error| Error::from(error).context(self.place.file.display()))?;
            if length == 0 {
                return Ok(None);
            }
            let number = self.place.line.unwrap_or_default() + 1;
            self.place.line = Some(number);
            if length as u64 == LINE_BYTES && !self.line.ends_with(b"\n") {
                self.place.row += 1;
                return Err(self.place.error(format_args!(" is longer than {} MiB", LINE_BYTES >> 20)));
            }
            if number == 1 && self.line.starts_with(b"\xEF\xBB\xBF") {
                self.line.drain(..3);
            }
            if !self.line.trim_ascii().is_empty() {
                self.place.row += 1;
                return self.parse().map(Some);
            }
        }
    }

    fn parse(&mut self) -> Result<JobAd> {
        let line = std::mem::take(&mut self.line);
        let object = match serde_json::from_slice(line.trim_ascii()) {
            Ok(Json::Object(object)) => object,
            Ok(other) => {
                let what = format_args!(" is {}; every line must be one object", kind(&other));
                return Err(self.place.error(what));
            }
            // An error's own line is always 1 here, and its column says where in the line.
            Err(error) => {
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or_default();
                return Err(self.place.error(format_args!(
                    " is not one JSON object a line: {what} at character {}",
                    error.column()
                )));
            }
        };
        self.line = line;
        self.fill(object)
    }

    fn fill(&mut self, object: Map<String, Json>) -> Result<JobAd> {
        let mut ad = JobAd::default();
        let mut filled = [false; COLUMNS.len()];
        for (name, value) in object {
            let Some(column) = self.target(&name) else { continue };
            if filled[column] {
                let what = format_args!(", column {}: is there twice", COLUMNS[column].name);
                return Err(self.place.error(what));
            }
            (filled[column], self.seen[column]) = (true, true);
            put(&mut ad, column, plain(value), &self.place)?;
        }
        let lacking = COLUMNS.iter().zip(filled).find(|(column, filled)| column.is_required() && !filled);
        match lacking {
            Some((column, _)) => Err(self.place.error(format_args!(", column {}: is missing", column.name))),
            None => Ok(ad),
        }
    }

    fn target(&mut self, name: &str) -> Option<usize> {
        if let Some(known) = self.names.get(name) {
            return *known;
        }
        let target = columns::find(name);
        if target.is_none() {
            note_ignored(&mut self.ignored, name);
        }
        if self.names.len() < NAMES_KNOWN {
            self.names.insert(name.to_owned(), target);
        }
        target
    }
}

impl Iterator for Reader {
    type Item = Result<Vec<JobAd>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut is_over = self.is_over;
        let batch = batch(&mut is_over, || self.read());
        self.is_over = is_over;
        batch
    }
}

impl AdReader for Reader {
    fn notes(&self) -> Notes {
        let absent = COLUMNS.iter().zip(&self.seen).filter(|(_, seen)| !**seen);
        Notes { ignored: self.ignored.clone(), absent: absent.map(|(column, _)| column.name).collect() }
    }
}

fn plain(value: Json) -> Value<'static> {
    match value {
        Json::Null => Value::Null,
        Json::String(text) => Value::Text(text.into()),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::Integer(integer.into()),
            (_, Some(integer)) => Value::Integer(integer.into()),
            _ => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        },
        other => Value::Other(kind(&other)),
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(true) => "true",
        Json::Bool(false) => "false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
