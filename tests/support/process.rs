//! Runs programs as processes, reads their logs, signals them, and kills them when the test ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::http::Request;

/// Time limit of every wait; long, because test machines are busy.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A running process. Dropping it kills the process.
pub(crate) struct Running {
    child: Child,
    stderr: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
    stdout: Arc<Mutex<String>>,
}

/// The result of an ended process.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status, or `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) seconds: f64,
}

impl Ended {
    /// The output on stdout, which must be one line of JSON.
    pub(crate) fn answer(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "stdout is not one line: {self:?}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (stdout, stderr) = (Arc::<Mutex<String>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let (all, lines) = (stdout.clone(), stderr.clone());
        let readers = vec![
            std::thread::spawn(move || {
                let mut text = String::new();
                BufReader::new(out).read_to_string(&mut text).expect("stdout is UTF-8");
                *all.lock().unwrap() = text;
            }),
            std::thread::spawn(move || {
                for line in BufReader::new(err).lines() {
                    lines.lock().unwrap().push(line.expect("stderr is UTF-8"));
                }
            }),
        ];
        Self { child, stderr, readers, stdout }
    }

    /// The log so far: the JSON lines on stderr.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.stderr.lock().unwrap().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits for a log line; `what` describes it in errors.
    pub(crate) fn wait_for_line(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let lines = self.wait_for_lines_after(0, what, &is_it);
        lines.into_iter().find(|line| is_it(line)).expect("it was there")
    }

    /// Waits for a log line after the first `before` lines, and returns all lines after those.
    pub(crate) fn wait_for_lines_after(
        &mut self,
        before: usize,
        what: &str,
        is_it: impl Fn(&Value) -> bool,
    ) -> Vec<Value> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let ended = self.child.try_wait().expect("a child");
            let lines: Vec<Value> = self.log().into_iter().skip(before).collect();
            if lines.iter().any(&is_it) {
                return lines;
            }
            let stderr = || self.stderr.lock().unwrap().join("\n");
            assert!(ended.is_none(), "ended before {what}: {}", stderr());
            assert!(Instant::now() < deadline, "no {what} within {TIMEOUT:?}: {}", stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until a run has started, and returns its id.
    pub(crate) fn wait_for_run(&mut self) -> String {
        let line = self.wait_for_line("run started", |line| line["message"] == "run started");
        let id = line["logging.googleapis.com/labels"]["run_id"].as_str();
        id.unwrap_or_else(|| panic!("no run_id in {line}")).to_owned()
    }

    /// Sends SIGTERM, as Cloud Run does.
    pub(crate) fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// Kills the process and those that it started; it must have been started in a process group of its own.
    pub(crate) fn kill_group(self) {
        // Fails if it has ended already.
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", self.child.id())]).status();
        self.end();
    }

    /// Waits for the process to end.
    pub(crate) fn end(mut self) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(started.elapsed() < TIMEOUT, "still running: {}", self.stderr.lock().unwrap().join("\n"));
            std::thread::sleep(Duration::from_millis(5));
        };
        let seconds = started.elapsed().as_secs_f64();
        for reader in std::mem::take(&mut self.readers) {
            reader.join().expect("a reader");
        }
        let (stdout, stderr) = (self.stdout.lock().unwrap().clone(), self.stderr.lock().unwrap().join("\n"));
        Ended { code: status.code(), stdout, stderr, seconds }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP service.
pub(crate) struct Service {
    pub(crate) process: Running,
    pub(crate) port: u16,
}

impl Service {
    /// Starts `command` on a free port and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Running::start(command.env("PORT", "0").env("LOG_FORMAT", "json"));
        let line = process.wait_for_line("port", |line| line["port"].is_u64());
        let port = line["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        Self { process, port }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// A request to `path`, for example `health`.
    pub(crate) fn request(&self, method: &'static str, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.url()))
    }

    /// `POST /` with a JSON body.
    pub(crate) fn post(&self, body: &Value) -> Request {
        self.request("POST", "").header("content-type", "application/json").body(body.to_string())
    }
}
