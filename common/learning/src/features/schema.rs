//! The list of features: where each comes from, and which models may see it.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Which models read a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// Salary models, and models of roles and clusters.
    All,
    /// Salary models alone.
    Salary,
    /// Every model but the salary models: the feature contains the salary.
    NotSalary,
}

/// How the values of a feature are to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// A number; NaN is missing.
    Numeric,
    /// The index of a category; 0 is missing or unseen.
    Category,
    /// A number that was learned from the salaries of other ads.
    Learned,
    /// Many columns of numbers.
    Block,
}

/// One feature, or one block of columns of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Name of the column, or of the block.
    pub name: &'static str,
    /// The columns of `vw_ml_features` that it is made from.
    pub source: &'static str,
    /// What is done with them.
    pub transformation: &'static str,
    /// Unit or range of the values.
    pub unit: &'static str,
    /// The kind of values.
    pub kind: ValueKind,
    /// The models that read it.
    pub reads: Reads,
}

impl Feature {
    /// A numeric feature.
    pub const fn numeric(
        name: &'static str,
        source: &'static str,
        transformation: &'static str,
        unit: &'static str,
        reads: Reads,
    ) -> Self {
        Self { name, source, transformation, unit, kind: ValueKind::Numeric, reads }
    }

    /// The feature with another kind of values.
    #[must_use]
    pub const fn of_kind(mut self, kind: ValueKind) -> Self {
        self.kind = kind;
        self
    }
}

/// SHA-256 of the names and kinds of `features`: models of equal hashes read the same columns.
pub fn schema_hash(names: &[String]) -> String {
    let mut hasher = Sha256::new();
    for name in names {
        hasher.update(name);
        hasher.update([0]);
    }
    hex::encode(&hasher.finalize()[..8])
}

/// The features as the rows of a Markdown table.
pub fn markdown<'a>(features: impl IntoIterator<Item = &'a Feature>) -> String {
    let mut table =
        String::from("| feature | from | transformation | unit | read by |\n|---|---|---|---|---|\n");
    for Feature { name, source, transformation, unit, reads, .. } in features {
        let reads = match reads {
            Reads::All => "all models",
            Reads::Salary => "salary models",
            Reads::NotSalary => "all but salary models",
        };
        let _ = writeln!(table, "| `{name}` | {source} | {transformation} | {unit} | {reads} |");
    }
    table
}
