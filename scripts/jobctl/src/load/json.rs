//! Reads JSON: one object per ad, one per line, in a list, or in a list inside a document.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use common::Result;
use serde_json::{Map, Value as Json};

use super::builder::{Builder, Row};
use super::content::Text;
use super::decode::read_failed;
use super::items::{Items, Layout};
use super::members::{self, Member};
use super::plan::Plan;
use super::reader::{Built, Location, Notes, Rows};
use super::recipe::Recipe;
use super::suggest;
use super::unique::Unique;
use super::value::Value;
use crate::columns::COLUMNS;

/// Maximum number of member names in the cache of [`JsonRows::sources`].
const MAX_CACHED_NAMES: usize = 1_000;

type Object = Map<String, Json>;

/// The rows of a JSON file.
pub(super) struct JsonRows {
    path: Arc<Path>,
    items: Items,
    recipe: Arc<Recipe>,
    plan: Plan,
    members: Vec<Member>,
    /// A cache of [`Self::sources`].
    names: HashMap<String, Arc<[usize]>>,
    /// By source, whether a row had it.
    seen: Vec<bool>,
    /// The remaining ads of the current document.
    buffered: VecDeque<Json>,
    /// Whether a document had a list of ads at the path of the recipe.
    has_list: bool,
    line: u64,
    row: u64,
    notes: Notes,
}

impl JsonRows {
    pub(super) fn open(path: &Path, text: Text, recipe: &Arc<Recipe>) -> Self {
        let layout = Layout::detect(&text.peeked.head);
        let (plan, names) = Plan::of_members(recipe);
        let members: Vec<Member> = names.iter().map(|name| Member::new(name)).collect();
        Self {
            path: path.into(),
            items: Items::new(text.peeked.into_source(0), layout),
            recipe: Arc::clone(recipe),
            plan,
            seen: vec![false; members.len()],
            members,
            names: HashMap::new(),
            buffered: VecDeque::new(),
            has_list: false,
            line: 0,
            row: 0,
            notes: Notes { read_as: text.notes, ..Notes::default() },
        }
    }

    fn location(&self) -> Location {
        Location { file: Arc::clone(&self.path), row: self.row, line: Some(self.line) }
    }

    /// The next ad, from the current document or else from the file.
    fn next_object(&mut self) -> Result<Option<Object>> {
        let mut item = Vec::new();
        loop {
            if let Some(ad) = self.buffered.pop_front() {
                self.row += 1;
                return self.object(ad).map(Some);
            }
            let line = self.items.next(&mut item).map_err(|error| read_failed(&self.path, error))?;
            let Some(line) = line else { return self.check_flags().map(|()| None) };
            self.line = line;
            let value = self.parse(&item)?;
            let list = self.recipe.rows.as_ref().and_then(|rows| members::list_of(&value, rows));
            if list.is_none() {
                self.row += 1;
                return self.object(value).map(Some);
            }
            self.has_list = true;
            self.buffered = self
                .recipe
                .rows
                .as_ref()
                .map(|rows| members::take_list(value, rows))
                .unwrap_or_default()
                .into();
        }
    }

    fn parse(&mut self, item: &[u8]) -> Result<Json> {
        let item = item.trim_ascii();
        let error = match serde_json::from_slice::<Unique>(item) {
            Ok(Unique(value)) => return Ok(value),
            Err(error) => error,
        };
        // Python writes NaN and Infinity, which are not JSON.
        if let Some(quoted) = members::quote_non_finite(item)
            && let Ok(Unique(value)) = serde_json::from_slice(&quoted)
        {
            return Ok(value);
        }
        self.row += 1;
        let mut location = self.location();
        location.line = Some(self.line + (error.line() as u64).saturating_sub(1));
        let what = error.to_string();
        let what = what.split(" at line ").next().unwrap_or_default();
        let hint = if std::str::from_utf8(item).is_err() {
            "; it is not UTF-8; load the file with its encoding, for example --encoding windows-1252"
        } else {
            ""
        };
        Err(location
            .error(format_args!(" is not a JSON object: {what} at character {}{hint}", error.column())))
    }

    fn object(&self, value: Json) -> Result<Object> {
        match value {
            Json::Object(object) => Ok(object),
            other => Err(self
                .location()
                .error(format_args!(" is {}; expected one object per ad", members::kind(&other)))),
        }
    }

    /// Returns an error if no document had the list of `--rows`, or no row a member of `--map`.
    fn check_flags(&self) -> Result<()> {
        if self.recipe.is_rows_from_flag && !self.has_list && self.row > 0 {
            let rows = self.recipe.rows.as_deref().unwrap_or_default().join(".");
            let what = format_args!(
                "invalid --rows {rows:?}: expected the path of a list, which no document has there"
            );
            return Err(super::reader::refuse(&self.path, what));
        }
        for wanted in self.recipe.wanted.iter().filter(|wanted| wanted.is_from_flag && self.row > 0) {
            let sources = self.plan.fields.iter().find(|field| field.column == wanted.column);
            let unseen =
                sources.into_iter().flat_map(|field| &field.sources).find(|source| !self.seen[**source]);
            if let Some(source) = unseen {
                let (name, column) = (&self.members[*source].name, COLUMNS[wanted.column].name);
                let what = format_args!("invalid --map {name}={column}: no row has the member {name}");
                return Err(super::reader::refuse(&self.path, what));
            }
        }
        Ok(())
    }

    /// The sources whose path may begin with the member `name`.
    fn sources(&mut self, name: &str) -> Arc<[usize]> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let members = self.members.iter().enumerate();
        let sources: Arc<[usize]> =
            members.filter(|(_, member)| member.begins_with(name)).map(|(index, _)| index).collect();
        if sources.is_empty() {
            self.notes.ignore(name);
        }
        if self.names.len() < MAX_CACHED_NAMES {
            self.names.insert(name.to_owned(), Arc::clone(&sources));
        }
        sources
    }
}

/// An object with the value of each source.
struct ObjectRow<'a> {
    object: &'a Object,
    values: Vec<Option<Value<'a>>>,
    is_first: bool,
    has_preset: bool,
}

impl Row for ObjectRow<'_> {
    fn value(&self, source: usize) -> Option<Value<'_>> {
        self.values[source].clone()
    }

    fn missing_columns(&self, columns: &[usize]) -> String {
        let names: Vec<&str> = columns.iter().map(|column| COLUMNS[*column].name).collect();
        let begin = match names[..] {
            [only] => format!(", column {only}: is missing"),
            _ => format!(", columns {}: are missing", suggest::joined(&names)),
        };
        if !self.is_first {
            return begin;
        }
        let paths = members::paths(self.object);
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let inner = members::first_of_list(self.object).map(members::paths).unwrap_or_default();
        let inner: Vec<&str> = inner.iter().map(String::as_str).collect();
        let suggest_preset = |names: &[&str]| suggest::preset(names).filter(|_| !self.has_preset);
        let flags = suggest::remedy(columns, &paths, self.has_preset);
        let remedy = match (
            suggest_preset(&paths),
            suggest_preset(&inner),
            members::longest_list(self.object),
        ) {
            (None, Some(preset), _) => preset,
            (None, None, Some((name, length))) => {
                format!(
                    "if its list of {length} objects contains the ads, load it with --rows {name}; otherwise {flags}"
                )
            }
            _ => flags,
        };
        format!("{begin}; the object has {}; {remedy}", suggest::list(paths.iter().copied()))
    }
}

impl Rows for JsonRows {
    fn next(&mut self, builder: &mut Builder) -> Result<Option<Built>> {
        let Some(object) = self.next_object()? else { return Ok(None) };
        let location = self.location();
        let mut values: Vec<Option<Value<'_>>> = vec![None; self.members.len()];
        for (name, json) in &object {
            for &source in self.sources(name).iter() {
                let member = &self.members[source];
                if let Some(value) = member.find(name, json) {
                    if values[source].is_some() {
                        let name = &member.name;
                        return Err(
                            location.error(format_args!(", member {name}: appears twice in the object"))
                        );
                    }
                    values[source] = Some(value);
                    self.seen[source] = true;
                }
            }
        }
        let row = ObjectRow {
            object: &object,
            values,
            is_first: self.row == 1,
            has_preset: self.recipe.has_preset,
        };
        builder.build(&self.plan, &row, &location).map(Some)
    }

    fn notes(&self) -> Notes {
        let mut notes = self.notes.clone();
        for field in &self.plan.fields {
            let has_source = field.sources.iter().any(|source| self.seen[*source])
                || self.recipe.defaults.iter().any(|(column, _)| *column == field.column);
            if !has_source && !self.plan.is_computed(COLUMNS[field.column].name) {
                notes.absent.push(COLUMNS[field.column].name);
            }
        }
        notes
    }
}
