//! The three output formats, chosen by the extension of the file name.

use std::path::Path;

use common::{Error, Result};

/// A file format of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// `.parquet`
    Parquet,
    /// `.csv`, with a header.
    Csv,
    /// `.ndjson` or `.jsonl`: one object a line.
    Ndjson,
}

impl FileFormat {
    /// The format of the extension of `path`, without regard to case.
    ///
    /// # Errors
    /// `InvalidInput` if the extension is missing or belongs to no format.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let extension = path.extension().map(|text| text.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("parquet") => Ok(Self::Parquet),
            Some("csv") => Ok(Self::Csv),
            Some("ndjson" | "jsonl") => Ok(Self::Ndjson),
            _ => Err(Error::invalid_input(format!(
                "invalid file name \"{}\": expected the extension .parquet, .csv, .ndjson or .jsonl",
                path.display()
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides() {
        assert_eq!(FileFormat::of(Path::new("a/b.Parquet")).unwrap(), FileFormat::Parquet);
        assert_eq!(FileFormat::of(Path::new("b.CSV")).unwrap(), FileFormat::Csv);
        assert_eq!(FileFormat::of(Path::new("b.jsonl")).unwrap(), FileFormat::Ndjson);
        for name in ["b", "b.csv.gz", "b.xlsx", ".csv", ""] {
            let error = FileFormat::of(Path::new(name)).unwrap_err();
            assert_eq!(error.kind(), common::ErrorKind::InvalidInput, "{name}");
        }
    }
}
