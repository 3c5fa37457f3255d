//! Titles, occupations and ads, as the test data has them.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;

use common::job::embedding_text;
use common::{Error, ErrorKind, Result};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// ESCO's occupations.
pub(crate) struct Occupations {
    /// Every label, with its occupation's number.
    pub(crate) labels: Vec<(String, usize)>,
    /// How many occupations there are; their numbers are below it.
    pub(crate) count: usize,
}

/// A vacancy's title.
pub(crate) struct Title {
    pub(crate) text: String,
    pub(crate) occupation: usize,
}

/// An ad that has a classification.
pub(crate) struct Ad {
    pub(crate) title: String,
    /// What is embedded: title and description.
    pub(crate) text: String,
    pub(crate) company: String,
    pub(crate) classification: String,
}

/// The occupations of `title_relevance/occupations.tsv`.
///
/// # Errors
/// `NotFound` where there is no such file, `InvalidInput` where it is another.
pub(crate) fn occupations(folder: &Path) -> Result<Occupations> {
    let mut labels = Vec::new();
    let lines = Lines::read(folder, "occupations.tsv")?;
    for (number, line) in lines.iter() {
        let [id, preferred, others, _group] = line[..] else { return Err(lines.odd(number)) };
        if id.parse() != Ok(number) {
            return Err(lines.odd(number));
        }
        let all = std::iter::once(preferred).chain(others.split('|'));
        let all = all.filter(|label| !label.trim().is_empty());
        labels.extend(all.map(|label| (label.to_owned(), number)));
    }
    Ok(Occupations { labels, count: lines.iter().count() })
}

/// The titles of `title_relevance/titles.tsv`, those that differ in case alone once.
///
/// # Errors
/// As [`occupations`].
pub(crate) fn titles(folder: &Path) -> Result<Vec<Title>> {
    let mut seen = HashSet::new();
    let mut titles = Vec::new();
    let lines = Lines::read(folder, "titles.tsv")?;
    for (number, line) in lines.iter() {
        let [text, occupation] = line[..] else { return Err(lines.odd(number)) };
        let occupation = occupation.parse().map_err(|_| lines.odd(number))?;
        if seen.insert((text.to_lowercase(), occupation)) {
            titles.push(Title { text: text.to_owned(), occupation });
        }
    }
    Ok(titles)
}

/// The ads of `sg_jobs.parquet` that have a title and a classification.
///
/// # Errors
/// As [`occupations`].
pub(crate) fn ads(folder: &Path) -> Result<Vec<Ad>> {
    let path = folder.join("sg_jobs.parquet");
    let missing = |error: std::io::Error| absent(&path).caused_by(error);
    let odd = |error: ParquetError| {
        Error::new(ErrorKind::InvalidInput, format!("{} is no table of ads", path.display())).caused_by(error)
    };
    let reader = SerializedFileReader::new(File::open(&path).map_err(missing)?).map_err(odd)?;
    let mut ads = Vec::new();
    for row in reader.get_row_iter(None).map_err(odd)? {
        let row = row.map_err(odd)?;
        let text = |wanted: &str| match row.get_column_iter().find(|(name, _)| *name == wanted) {
            Some((_, Field::Str(text))) => text.clone(),
            _ => String::new(),
        };
        let (title, classification) = (text("job_title"), text("job_classification"));
        let embedded = embedding_text(Some(&title), Some(&text("job_description")));
        if let (false, false, Some(embedded)) =
            (title.trim().is_empty(), classification.trim().is_empty(), embedded)
        {
            let company = text("company_name").trim().to_lowercase();
            ads.push(Ad { title, text: embedded, company, classification });
        }
    }
    Ok(ads)
}

/// How many companies have ads.
pub(crate) fn companies(ads: &[Ad]) -> usize {
    ads.iter().map(|ad| ad.company.as_str()).collect::<HashSet<_>>().len()
}

/// A file of tab-separated columns, without its first line.
struct Lines {
    name: &'static str,
    text: String,
}

impl Lines {
    fn read(folder: &Path, name: &'static str) -> Result<Self> {
        let path = folder.join("title_relevance").join(name);
        let text = std::fs::read_to_string(&path).map_err(|error| absent(&path).caused_by(error))?;
        Ok(Self { name, text })
    }

    /// Every line's number, from 0, and columns.
    fn iter(&self) -> impl Iterator<Item = (usize, Vec<&str>)> {
        self.text.lines().skip(1).map(|line| line.split('\t').collect()).enumerate()
    }

    fn odd(&self, number: usize) -> Error {
        let line = number + 2;
        Error::new(ErrorKind::InvalidInput, format!("{}, line {line}: not the columns expected", self.name))
    }
}

fn absent(path: &Path) -> Error {
    Error::new(ErrorKind::NotFound, format!("{} cannot be read", path.display()))
        .remedy("name the folder of the test data in JOB_MARKET_TEST_DATA")
}
