//! Moments across the engine's bindings, as whole microseconds.

use ::duckdb::Row;
use chrono::DateTime;
use common_core::job::Timestamp;

/// The moment in a column of microseconds since 1970, which every statement of ours makes of a timestamp: the engine's own conversion panics
/// at moments before 1970 that are no whole seconds, and outside the calendar of its type.
pub(super) fn moment(row: &Row<'_>, column: usize) -> ::duckdb::Result<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    Ok(micros.and_then(DateTime::from_timestamp_micros))
}

/// A moment as a parameter.
pub(super) fn micros(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(|moment| moment.timestamp_micros())
}
