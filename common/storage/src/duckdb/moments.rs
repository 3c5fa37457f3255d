//! Converts moments to and from microseconds, the form in which they cross the engine's bindings.

use ::duckdb::Row;
use chrono::DateTime;
use common_core::job::Timestamp;

/// A moment from a column of microseconds since 1970. All statements return timestamps in this form: the engine's
/// own conversion panics for moments before 1970 with fractional seconds, and for moments outside its calendar
/// type's range.
pub(super) fn moment(row: &Row<'_>, column: usize) -> ::duckdb::Result<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    Ok(micros.and_then(DateTime::from_timestamp_micros))
}

/// A moment as a parameter.
pub(super) fn micros(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(|moment| moment.timestamp_micros())
}
