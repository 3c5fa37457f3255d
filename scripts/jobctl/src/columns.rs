//! The 23 columns of `cleaned_jobs`: their names, what may stand in them, and their place in a [`JobAd`].

use common::job::{JobAd, Timestamp};
use common::storage::warehouse::{Cell, ColumnType};

/// Where in a [`JobAd`] a column is, and of which type.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// Text that may be missing.
    Text(fn(&mut JobAd) -> &mut Option<String>),
    /// Text that identifies the ad.
    Key(fn(&mut JobAd) -> &mut String),
    /// An amount of money.
    Salary(fn(&mut JobAd) -> &mut Option<f64>),
    /// A moment that may be missing.
    Moment(fn(&mut JobAd) -> &mut Option<Timestamp>),
    /// The moment of the sighting.
    Sighted(fn(&mut JobAd) -> &mut Timestamp),
}

/// A column of `cleaned_jobs`.
pub(crate) struct Column {
    /// Its name, in lower case.
    pub(crate) name: &'static str,
    /// Where it is.
    pub(crate) place: Place,
}

macro_rules! columns {
    ($($field:ident: $place:ident),+ $(,)?) => {
        /// Every column, in the table's order.
        pub(crate) const COLUMNS: &[Column] = &[
            $(Column { name: stringify!($field), place: Place::$place(|ad| &mut ad.$field) }),+
        ];
    };
}

columns! {
    source: Key,
    scrape_timestamp: Sighted,
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
    /// Says whether every row must have it.
    pub(crate) fn is_required(&self) -> bool {
        matches!(self.place, Place::Key(_) | Place::Sighted(_))
    }

    /// Says whether the column holds identifiers, whose integral floats are written as digits.
    pub(crate) fn is_id(&self) -> bool {
        matches!(self.place, Place::Key(_)) || self.name == "company_id"
    }

    /// What the column holds, in words.
    pub(crate) fn holds(&self) -> &'static str {
        match self.place {
            Place::Text(_) | Place::Key(_) => "text",
            Place::Salary(_) => "a number",
            Place::Moment(_) | Place::Sighted(_) => "a timestamp",
        }
    }

    /// Type of the column in the warehouse.
    pub(crate) fn column_type(&self) -> ColumnType {
        match self.place {
            Place::Text(_) | Place::Key(_) => ColumnType::Text,
            Place::Salary(_) => ColumnType::Float,
            Place::Moment(_) | Place::Sighted(_) => ColumnType::Timestamp,
        }
    }

    /// Takes the column's value out of `ad`.
    fn take(&self, ad: &mut JobAd) -> Cell {
        match self.place {
            Place::Text(field) => field(ad).take().map_or(Cell::Null, Cell::Text),
            Place::Key(field) => Cell::Text(std::mem::take(field(ad))),
            Place::Salary(field) => field(ad).map_or(Cell::Null, Cell::Float),
            Place::Moment(field) => field(ad).map_or(Cell::Null, Cell::Timestamp),
            Place::Sighted(field) => Cell::Timestamp(*field(ad)),
        }
    }
}

/// The ad as a row of cells in the order of [`COLUMNS`].
pub(crate) fn cells(mut ad: JobAd) -> Vec<Cell> {
    COLUMNS.iter().map(|column| column.take(&mut ad)).collect()
}

/// Names and types as a query of the whole table gives them.
pub(crate) fn query_columns() -> Vec<(String, ColumnType)> {
    COLUMNS.iter().map(|column| (column.name.to_owned(), column.column_type())).collect()
}

/// Place in [`COLUMNS`] of the column that a file calls `name`, whatever the case.
pub(crate) fn find(name: &str) -> Option<usize> {
    COLUMNS.iter().position(|column| column.name.eq_ignore_ascii_case(name.trim()))
}

/// The beginning of a text from a file.
pub(crate) fn shortened(text: &str) -> String {
    const SHOWN_CHARS: usize = 40;
    let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// What an ad is after a format that has no NULL.
#[cfg(test)]
pub(crate) fn null_texts_to_empty(mut ad: JobAd) -> JobAd {
    for column in COLUMNS {
        if let Place::Text(field) = column.place {
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
