//! The report of a load.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::reader::Notes;
use super::rules::{Rule, Tally};
use crate::quality::Quality;
use crate::table::count;

/// The statistics of a loaded file.
pub(super) struct Loaded {
    pub(super) file: Quality,
    /// Statistics of this file and the files before it.
    pub(super) total: Quality,
    pub(super) notes: Notes,
    pub(super) tally: Tally,
    /// Sightings left out because their ads were taken down.
    pub(super) forgotten: u64,
}

impl Loaded {
    /// The file's part of the report as text.
    pub(super) fn render(&self, path: &Path) -> String {
        let mut text = self.file.render(&path.display().to_string());
        let Notes { ignored, absent, read_as } = &self.notes;
        for (what, names) in [
            ("read as", read_as.join("; ")),
            ("ignored columns", ignored.join(", ")),
            ("absent columns", absent.join(", ")),
        ] {
            if !names.is_empty() {
                text = format!("{text}  {what}: {names}\n");
            }
        }
        text.push_str(&self.tally.render());
        let skipped = self.tally.uses(Rule::SkippedRow);
        if skipped > 0 {
            text =
                format!("{text}  left out: {} of {} rows\n", count(skipped), count(skipped + self.file.rows));
        }
        text.push_str(&left_out(self.forgotten));
        text.push('\n');
        text
    }

    /// The file's part of the report as JSON.
    pub(super) fn json(&self, path: &Path) -> Json {
        json!({
            "file": path, "read_as": self.notes.read_as, "ignored_columns": self.notes.ignored,
            "absent_columns": self.notes.absent, "quality": self.file, "rules": self.tally.json(),
            "skipped_rows": self.tally.uses(Rule::SkippedRow), "forgotten_sightings": self.forgotten,
        })
    }
}

/// A line about sightings that were left out because of takedowns; empty if there are none.
pub(crate) fn left_out(forgotten: u64) -> String {
    match forgotten {
        0 => String::new(),
        1 => "  left out: 1 sighting of an ad that was taken down (jobctl forget)\n".to_owned(),
        _ => format!(
            "  left out: {} sightings of ads that were taken down (jobctl forget)\n",
            count(forgotten)
        ),
    }
}
