//! What reading vectors from BigQuery costs this side: CPU, memory and bytes a row, with canned answers instead of
//! the service.
//!
//! `vectors ROWS` reads that number of rows. The answers come from a child process, so that the CPU time of this one
//! is that of the client alone.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use common_core::settings::from_variables;
use common_core::{Error, Result};
use common_storage::warehouse::EmbeddingTable;
use common_storage::{Access, open_warehouse};
use futures::StreamExt;

const DIMENSION: usize = 384;

fn main() -> ExitCode {
    // Cargo adds one to what it starts.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        // `scripts/bench hot` starts every benchmark; this one has arguments.
        [] => return ExitCode::SUCCESS,
        ["serve", rows] => serve(rows),
        [rows] => measure(rows),
        _ => Err(Error::invalid_input("usage: vectors ROWS")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vectors: {}", error.chain());
            ExitCode::FAILURE
        }
    }
}

fn measure(rows: &str) -> Result<()> {
    let expected: u64 = rows.parse().map_err(|_| Error::invalid_input(format!("invalid rows {rows:?}")))?;
    let mut server = Command::new(std::env::current_exe()?)
        .args(["serve", rows])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = server.stdout.take().ok_or_else(|| Error::internal("the server has no output"))?;
    let mut lines = BufReader::new(output).lines();
    let mut line = || lines.next().transpose().map(Option::unwrap_or_default);
    let variables = [
        ("WAREHOUSE_URL".to_owned(), "bigquery://demo/canned".to_owned()),
        ("BIGQUERY_EMULATOR_HOST".to_owned(), line()?),
    ];
    let settings = from_variables(variables)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let table = EmbeddingTable::of_model("all-MiniLM-L6-v2", DIMENSION);
    let warehouse = runtime.block_on(open_warehouse(&settings, Access::Read))?;
    let before = cpu_time();
    let (mut read, mut checksum) = (0, 0_u64);
    runtime.block_on(async {
        let mut pages = warehouse.scan_embeddings(&table, "space");
        while let Some(page) = pages.next().await {
            for row in page? {
                read += 1;
                let bits = row.embedding.iter().map(|element| u64::from(element.to_bits()));
                checksum = bits.fold(checksum, |sum, bits| sum.wrapping_mul(31).wrapping_add(bits));
            }
        }
        Ok::<_, Error>(())
    })?;
    let cpu = cpu_time().saturating_sub(before);
    // The end of its input is the end of the server, which then says how much it sent.
    drop(server.stdin.take());
    let sent: f64 = line()?.parse().unwrap_or_default();
    server.wait()?;
    if read != expected {
        return Err(Error::corrupt(format!("{expected} rows were served, and {read} came back")));
    }
    println!(
        "{read} rows: {:.1} s of CPU, {:.1} us a row, {:.0} bytes a row, peak memory {} MB, \
         checksum {checksum:016x}",
        cpu.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / read as f64,
        sent / read as f64,
        peak_memory_bytes() / 1_000_000
    );
    Ok(())
}

/// Answers requests until its input ends; prints the address first and the bytes of the rows last.
fn serve(rows: &str) -> Result<()> {
    let rows: usize = rows.parse().map_err(|_| Error::invalid_input(format!("invalid rows {rows:?}")))?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream, rows));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    println!("{}", SENT.load(std::sync::atomic::Ordering::SeqCst));
    Ok(())
}

/// Bytes of pages.
static SENT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

fn answer(stream: TcpStream, rows: usize) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    // The rows of a page, the same in every page and every 500, so that sizes of pages do not matter.
    let mut pages: Vec<(usize, String)> = Vec::new();
    loop {
        let (mut length, mut path) = (0, String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let lower = line.trim_end().to_ascii_lowercase();
            if path.is_empty() {
                line.split_whitespace().nth(1).unwrap_or_default().clone_into(&mut path);
            } else if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or_default();
            } else if lower.is_empty() {
                break;
            }
        }
        reader.read_exact(&mut vec![0; length])?;
        let body = if path.contains("/queries/") {
            let number = |name: &str| {
                let value = path.split_once(&format!("{name}="))?.1;
                value.split('&').next()?.parse::<usize>().ok()
            };
            let (most, from) = (number("maxResults").unwrap_or(500), number("pageToken").unwrap_or(0));
            let count = most.min(rows - from);
            if !pages.iter().any(|(rows, _)| *rows == count) {
                let page: Vec<String> = (0..count as u64).map(|n| row(n % 500)).collect();
                pages.push((count, page.join(",")));
            }
            let text = pages.iter().find(|(rows, _)| *rows == count).map_or("", |(_, text)| text);
            let next = from + count;
            let token = if next < rows { format!(",\"pageToken\":\"{next}\"") } else { String::new() };
            let body = format!(
                r#"{{"jobComplete":true,"totalRows":"{rows}","schema":{{"fields":[]}}{token},"rows":[{text}]}}"#
            );
            SENT.fetch_add(body.len() as u64, std::sync::atomic::Ordering::SeqCst);
            body
        } else {
            // A dataset, a table, and a job.
            let table = r#"{"projectId":"demo","datasetId":"canned","tableId":"t"}"#;
            format!(
                r#"{{"datasetReference":{table},"tableReference":{table},"schema":{{"fields":[]}},"location":"US",
                    "status":{{"state":"DONE"}},"statistics":{{}}}}"#
            )
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        writer.write_all(head.as_bytes())?;
        writer.write_all(body.as_bytes())?;
    }
}

/// A row of `scan_embeddings.sql`.
fn row(n: u64) -> String {
    let mut state = n;
    let elements: Vec<String> = (0..DIMENSION)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let element = ((state >> 40) as f32 / 8_388_608.0 - 1.0) / 11.3;
            format!("{:?}", f64::from(element))
        })
        .collect();
    let vector = format!("\"[{}]\"", elements.join(","));
    let hash = format!("{n:064x}");
    let space = "all-MiniLM-L6-v2/c9745ed1d9f2/t1-256";
    let begin =
        format!(r#"{{"v":"MCF"}},{{"v":"MCF-2026-{n:07}"}},{{"v":{vector}}},{{"v":"all-MiniLM-L6-v2"}}"#);
    let middle = format!(
        r#"{{"v":"1793000000000001"}},{{"v":"{space}"}},{{"v":"{space}/fp32-cpu-g1"}},{{"v":"{hash}"}}"#
    );
    let end = r#"{"v":"Bedok"},{"v":"Accounting"},{"v":null},{"v":"1792000000000001"},{"v":"4500.5"}"#;
    format!(r#"{{"f":[{begin},{middle},{end}]}}"#)
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
