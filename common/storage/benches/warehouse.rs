//! Writing and reading embeddings through the `Warehouse` trait, whatever engine is behind it.
//!
//! `scripts/bench warehouse` starts it once an engine and direction: a process has one peak of memory, and that of
//! writing would hide that of reading.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use common_core::job::{ContentHash, JobKey, Timestamp};
use common_core::settings::{Settings, Variables};
use common_core::{Error, Result};
use common_storage::settings::{StorageSettings, WarehouseUrl};
use common_storage::warehouse::{EmbeddingRow, EmbeddingTable, FilterColumns, Warehouse};
use common_storage::{Access, open_warehouse};
use futures::StreamExt;
use serde_json::{Value, json};

const MODEL: &str = "all-MiniLM-L6-v2";
const SPACE: &str = "all-MiniLM-L6-v2/c9745ed1d9f2/t1-256";
const DIMENSION: usize = 384;
const SOURCES: [&str; 3] = ["JobHarbour", "LionJobs", "MCF"];
const LOCATIONS: [&str; 5] = ["Bedok", "Central", "Jurong East", "Tampines", "Woodlands Industrial Park"];
const CLASSIFICATIONS: [&str; 4] =
    ["Accounting", "Healthcare & Medical", "Information & Communication Technology", "Sales"];
const WORK_TYPES: [&str; 3] = ["Full time", "Contract/Temp", "Part time"];

/// When the first row was made; the others follow by a microsecond each, which no engine may round away.
const FIRST_CREATED_MICROS: i64 = 1_793_000_000_000_001;

#[tokio::main]
async fn main() -> ExitCode {
    // Cargo adds one to what it starts.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        // `scripts/bench hot` starts every benchmark; this one needs an engine and minutes.
        [] => return ExitCode::SUCCESS,
        [direction @ ("write" | "read"), url, rows] => measure(direction, url, rows).await,
        _ => Err(Error::invalid_input("usage: warehouse write|read URL ROWS")),
    };
    match outcome {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("warehouse: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

async fn measure(direction: &str, url: &str, rows: &str) -> Result<Value> {
    let rows: u64 =
        rows.parse().map_err(|_| Error::invalid_input(format!("{rows:?} is no number of rows")))?;
    let variables = Variables::of_process(&StorageSettings::variables())?.with_flag("warehouse_url", url);
    let settings = StorageSettings::read(&variables)?;
    let engine = match settings.warehouse_url {
        WarehouseUrl::DuckDb(_) => "DuckDB",
        WarehouseUrl::BigQuery { .. } => "BigQuery",
    };
    let table = EmbeddingTable::of_model(MODEL, DIMENSION);
    let progress = Progress::new(format!("{engine}, {direction}"), rows);
    let spent = if direction == "write" {
        let maker = open_warehouse(&settings, Access::Create).await?;
        maker.create_jobs().await?;
        maker.create_embeddings(&table).await?;
        drop(maker);
        // As a run opens it, which gets by with less memory than the operator's tool.
        write(&open_warehouse(&settings, Access::Write).await?, &table, rows, progress).await?
    } else {
        read(&open_warehouse(&settings, Access::Read).await?, &table, rows, progress).await?
    };
    let seconds = spent.wall.as_secs_f64();
    Ok(json!({
        "engine": engine,
        "direction": direction,
        "rows": rows,
        "rows_a_call": spent.rows_a_call,
        "seconds": seconds,
        "cpu_seconds": spent.cpu.as_secs_f64(),
        "rows_a_second": rows as f64 / seconds,
        "peak_memory_bytes": spent.peak_memory_bytes,
    }))
}

/// What a measurement took.
struct Spent {
    rows_a_call: usize,
    wall: Duration,
    /// Of this process, on all its threads.
    cpu: Duration,
    peak_memory_bytes: u64,
}

async fn write(
    warehouse: &Arc<dyn Warehouse>,
    table: &EmbeddingTable,
    rows: u64,
    mut progress: Progress,
) -> Result<Spent> {
    let rows_a_call = warehouse.write_size().rows;
    let (mut wall, mut cpu) = (Duration::ZERO, Duration::ZERO);
    let mut first = 0;
    while first < rows {
        let end = rows.min(first + rows_a_call as u64);
        // Making rows is not what is measured, but a run holds a batch of them, too: it counts as memory.
        let batch: Vec<EmbeddingRow> = (first..end).map(row).collect();
        let (started, cpu_before) = (Instant::now(), cpu_time());
        let refused = warehouse.merge_embeddings(table, batch).await?;
        wall += started.elapsed();
        cpu += cpu_time().saturating_sub(cpu_before);
        if let Some(row) = refused.first() {
            return Err(Error::corrupt(format!("{} was refused: {}", row.key, row.reason)));
        }
        first = end;
        progress.show(first);
    }
    Ok(Spent { rows_a_call, wall, cpu, peak_memory_bytes: peak_memory_bytes() })
}

async fn read(
    warehouse: &Arc<dyn Warehouse>,
    table: &EmbeddingTable,
    rows: u64,
    mut progress: Progress,
) -> Result<Spent> {
    let (started, cpu_before) = (Instant::now(), cpu_time());
    let (mut count, mut found, mut rows_a_call) = (0, 0_u64, 0);
    let mut pages = warehouse.scan_embeddings(table, SPACE);
    while let Some(page) = pages.next().await {
        let page = page?;
        rows_a_call = rows_a_call.max(page.len());
        count += page.len() as u64;
        found = page.iter().map(checksum).fold(found, u64::wrapping_add);
        progress.show(count);
    }
    let (wall, cpu) = (started.elapsed(), cpu_time().saturating_sub(cpu_before));
    let spent = Spent { rows_a_call, wall, cpu, peak_memory_bytes: peak_memory_bytes() };
    let wanted = (0..rows).map(|n| checksum(&row(n))).fold(0, u64::wrapping_add);
    if (count, found) != (rows, wanted) {
        return Err(Error::corrupt(format!(
            "{rows} rows with checksum {wanted:016x} were written, and {count} with {found:016x} came back"
        )));
    }
    Ok(spent)
}

/// Row `n`, the same whenever it is asked for: the reader makes again what it should have found.
fn row(n: u64) -> EmbeddingRow {
    let mut dice = Dice::seeded(n);
    let source = dice.one_of(&SOURCES);
    let filters = FilterColumns {
        job_location: Some(dice.one_of(&LOCATIONS).to_owned()),
        job_classification: Some(dice.one_of(&CLASSIFICATIONS).to_owned()),
        job_work_type: (dice.below(10) > 0).then(|| dice.one_of(&WORK_TYPES).to_owned()),
        job_posted_timestamp: Some(moment(
            FIRST_CREATED_MICROS - dice.below(5_000_000_000_000).cast_signed(),
        )),
        // Half of the ads name no salary.
        salary_mid: (dice.below(2) > 0).then(|| (4000 + dice.below(16_000)) as f64 / 2.0),
    };
    let text = format!("An ad with number {n}");
    EmbeddingRow {
        key: JobKey { source: source.to_owned(), job_id: format!("{source}-2026-{n:07}") },
        embedding: dice.unit_vector(),
        model_name: MODEL.to_owned(),
        created_at: moment(FIRST_CREATED_MICROS + n.cast_signed()),
        embedding_space: SPACE.to_owned(),
        model_version: format!("{SPACE}/fp32-cpu-g1"),
        content_hash: ContentHash::of(&text),
        filters,
    }
}

fn moment(micros: i64) -> Timestamp {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// `SplitMix64`: a row's numbers without those of the rows before it.
struct Dice(u64);

impl Dice {
    fn seeded(seed: u64) -> Self {
        // Not the seed itself: streams that begin close to each other would run into each other.
        Self(Self(seed).next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len() as u64) as usize]
    }

    /// Elements about as a model's are: normally distributed, and with all the digits that a JSON answer must carry.
    fn unit_vector(&mut self) -> Vec<f32> {
        // The sum of four even throws is close enough to normal.
        let element =
            |bits: u64| (0..4).map(|part| ((bits >> (16 * part)) & 0xffff) as f32 - 32767.5).sum::<f32>();
        let raw: Vec<f32> = (0..DIMENSION).map(|_| element(self.next())).collect();
        let norm = raw.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt() as f32;
        raw.into_iter().map(|x| x / norm).collect()
    }
}

/// A number for everything in the row. Those of all rows are added up, because no engine promises an order.
fn checksum(row: &EmbeddingRow) -> u64 {
    let EmbeddingRow {
        key, embedding, model_name, created_at, embedding_space, model_version, filters, ..
    } = row;
    let FilterColumns { job_location, job_classification, job_work_type, job_posted_timestamp, salary_mid } =
        filters;
    let mut sum = Checksum(0);
    let hash = row.content_hash.to_string();
    for text in [&key.source, &key.job_id, model_name, embedding_space, model_version, &hash] {
        sum.text(Some(text));
    }
    for text in [job_location, job_classification, job_work_type] {
        sum.text(text.as_deref());
    }
    sum.add(created_at.timestamp_micros() as u64);
    sum.add(job_posted_timestamp.map_or(u64::MAX, |moment| moment.timestamp_micros() as u64));
    sum.add(salary_mid.map_or(u64::MAX, f64::to_bits));
    for element in embedding {
        sum.add(u64::from(element.to_bits()));
    }
    sum.0
}

struct Checksum(u64);

impl Checksum {
    fn add(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// With its length, so that no two columns can trade characters, and NULL is not `''`.
    fn text(&mut self, text: Option<&str>) {
        self.add(text.map_or(u64::MAX, |text| text.len() as u64));
        text.unwrap_or_default().bytes().for_each(|byte| self.add(u64::from(byte)));
    }
}

/// A line on stderr every few seconds.
struct Progress {
    what: String,
    rows: u64,
    started: Instant,
    shown: Instant,
}

impl Progress {
    fn new(what: String, rows: u64) -> Self {
        Self { what, rows, started: Instant::now(), shown: Instant::now() }
    }

    fn show(&mut self, done: u64) {
        if self.shown.elapsed() >= Duration::from_secs(5) {
            self.shown = Instant::now();
            let seconds = self.started.elapsed().as_secs();
            eprintln!("{}: {done} of {} rows after {seconds} s", self.what, self.rows);
        }
    }
}

/// CPU time of this process so far; nothing where the system does not say.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The program's name may contain anything, and ends with the last parenthesis.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    // Linux counts in hundredths of a second here, whatever its clock does.
    Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// Most memory that this process has held at once; nothing where the system does not say.
fn peak_memory_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}
