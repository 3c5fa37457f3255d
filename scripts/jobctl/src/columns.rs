//! The 23 columns of `cleaned_jobs`: their names, types and the fields of [`JobAd`] that hold their values.

use common::job::{JobAd, Timestamp};
use common::storage::warehouse::{Cell, ColumnType};

/// The kind of a column, with an accessor of its field in a [`JobAd`].
#[derive(Clone, Copy)]
pub(crate) enum ColumnKind {
    /// Nullable text.
    Text(fn(&mut JobAd) -> &mut Option<String>),
    /// Required text that is part of the ad's key.
    Key(fn(&mut JobAd) -> &mut String),
    /// A nullable amount of money.
    Salary(fn(&mut JobAd) -> &mut Option<f64>),
    /// A nullable timestamp.
    Moment(fn(&mut JobAd) -> &mut Option<Timestamp>),
    /// The required timestamp of the scrape.
    ScrapeTimestamp(fn(&mut JobAd) -> &mut Timestamp),
}

/// A column of `cleaned_jobs`.
pub(crate) struct Column {
    /// Its name, in lower case.
    pub(crate) name: &'static str,
    /// Its kind and its field in a [`JobAd`].
    pub(crate) kind: ColumnKind,
}

macro_rules! columns {
    ($($field:ident: $kind:ident),+ $(,)?) => {
        /// Every column, in the table's order.
        pub(crate) const COLUMNS: &[Column] = &[
            $(Column { name: stringify!($field), kind: ColumnKind::$kind(|ad| &mut ad.$field) }),+
        ];
    };
}

columns! {
    source: Key,
    scrape_timestamp: ScrapeTimestamp,
    bq_timestamp: Moment,
    job_id: Key,
    job_url: Text,
    job_title: Text,
    job_description: Text,
    job_location: Text,
    job_classification: Text,
    job_work_type: Text,
    job_salary_min_sgd_raw: Salary,
    job_salary_max_sgd_raw: Salary,
    job_salary_type: Text,
    job_salary_min_sgd_monthly: Salary,
    job_salary_max_sgd_monthly: Salary,
    job_currency: Text,
    job_posted_timestamp: Moment,
    company_id: Text,
    company_url: Text,
    company_name: Text,
    company_description: Text,
    company_industry: Text,
    company_size: Text,
}

impl Column {
    /// Returns whether every row must have a value in the column.
    pub(crate) fn is_required(&self) -> bool {
        matches!(self.kind, ColumnKind::Key(_) | ColumnKind::ScrapeTimestamp(_))
    }

    /// Returns whether the column holds identifiers, in which `84112501.0` is read as `84112501`.
    pub(crate) fn is_id(&self) -> bool {
        matches!(self.kind, ColumnKind::Key(_)) || self.name == "company_id"
    }

    /// Name of the column's type in error messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.kind {
            ColumnKind::Text(_) | ColumnKind::Key(_) => "text",
            ColumnKind::Salary(_) => "a number",
            ColumnKind::Moment(_) | ColumnKind::ScrapeTimestamp(_) => "a timestamp",
        }
    }

    /// Type of the column in the warehouse.
    pub(crate) fn column_type(&self) -> ColumnType {
        match self.kind {
            ColumnKind::Text(_) | ColumnKind::Key(_) => ColumnType::Text,
            ColumnKind::Salary(_) => ColumnType::Float,
            ColumnKind::Moment(_) | ColumnKind::ScrapeTimestamp(_) => ColumnType::Timestamp,
        }
    }

    /// Takes the column's value out of `ad`.
    fn take(&self, ad: &mut JobAd) -> Cell {
        match self.kind {
            ColumnKind::Text(field) => field(ad).take().map_or(Cell::Null, Cell::Text),
            ColumnKind::Key(field) => Cell::Text(std::mem::take(field(ad))),
            ColumnKind::Salary(field) => field(ad).map_or(Cell::Null, Cell::Float),
            ColumnKind::Moment(field) => field(ad).map_or(Cell::Null, Cell::Timestamp),
            ColumnKind::ScrapeTimestamp(field) => Cell::Timestamp(*field(ad)),
        }
    }
}

/// The ad as a row of cells in the order of [`COLUMNS`].
pub(crate) fn cells(mut ad: JobAd) -> Vec<Cell> {
    COLUMNS.iter().map(|column| column.take(&mut ad)).collect()
}

/// Names and types of the columns of `SELECT *`.
pub(crate) fn query_columns() -> Vec<(String, ColumnType)> {
    COLUMNS.iter().map(|column| (column.name.to_owned(), column.column_type())).collect()
}

/// Index in [`COLUMNS`] of the column `name`, without regard to case and surrounding white space.
pub(crate) fn find(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|column| column.name.eq_ignore_ascii_case(name.trim()))
}

/// The first 40 characters of `text`, with `…` appended where characters were cut off.
pub(crate) fn truncated(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The ad with its NULL texts replaced by `''`, as a format without NULL returns it.
#[cfg(test)]
pub(crate) fn null_texts_to_empty(mut ad: JobAd) -> JobAd {
    for column in COLUMNS {
        if let ColumnKind::Text(field) = column.kind {
            field(&mut ad).get_or_insert_default();
        }
    }
    ad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(find(" Job_ID "), find("job_id"));
        assert_eq!(find("salary"), None);
        assert_eq!(COLUMNS.len(), 23);
    }

    #[test]
    fn cells_follow_the_order_of_the_columns() {
        let ad = JobAd { source: "MCF".into(), job_id: "1".into(), ..JobAd::default() };
        let row = cells(ad);
        assert_eq!(row.len(), COLUMNS.len());
        assert_eq!(row[0], Cell::Text("MCF".into()));
        assert_eq!(row[5], Cell::Null);
    }
}
