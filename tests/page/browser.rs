//! A headless Chromium, controlled through `WebDriver` (W3C) as a user would: clicks, keys and touches.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Request, left_out};

/// Timeout of every step. Generous, because test machines are busy.
const PATIENCE: Duration = Duration::from_mins(2);

/// Errors that are transient while the page renders: the command is sent again.
const PASSING: [&str; 4] =
    ["no such element", "stale element reference", "element click intercepted", "element not interactable"];

pub(crate) const TAB: char = '\u{e004}';
pub(crate) const ENTER: char = '\u{e007}';
pub(crate) const SHIFT: char = '\u{e008}';
pub(crate) const ESCAPE: char = '\u{e00c}';
pub(crate) const RIGHT: char = '\u{e014}';
pub(crate) const DOWN: char = '\u{e015}';

/// The device that the page is shown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    Desktop,
    /// 390 pixels wide, with touch instead of a mouse.
    Phone,
}

/// A browser with its own empty profile; it ends when dropped.
pub(crate) struct Browser {
    driver: Child,
    /// Kept open: the driver would end when it writes to a closed pipe.
    _stdout: BufReader<ChildStdout>,
    /// URL of the session.
    session: String,
    screen: Screen,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser; `None`, with a message, if none is installed.
    pub(crate) fn open(test: &str, screen: Screen) -> Option<Self> {
        let spawned =
            Command::new("chromedriver").arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let Ok(mut driver) = spawned else {
            left_out(test, "chromedriver is not installed (Debian: chromium-driver)");
            return None;
        };
        let mut stdout = BufReader::new(driver.stdout.take().expect("piped"));
        let port: u16 = stdout
            .by_ref()
            .lines()
            .find_map(|line| {
                line.ok()?.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok()
            })
            .expect("chromedriver says its port");
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let mut options = json!({ "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
            // Requests to other hosts fail, and the log shows the error.
            "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
            format!("--user-data-dir={}", profile.path().display()),
        ] });
        if screen == Screen::Phone {
            options["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2, "touch": true } });
        }
        let mut browser = Self {
            driver,
            _stdout: stdout,
            session: format!("http://127.0.0.1:{port}/session"),
            screen,
            _profile: profile,
        };
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let session = browser.post("", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session.push('/');
        browser.session.push_str(session["sessionId"].as_str().expect("a session"));
        if screen == Screen::Desktop {
            let size = json!({ "width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": false });
            browser.devtools("Emulation.setDeviceMetricsOverride", &size);
        }
        browser.prefer("light");
        Some(browser)
    }

    /// Sets the system's preference for a light or a dark page, and for reduced motion.
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    pub(crate) fn visit(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    pub(crate) fn back(&self) {
        self.post("/back", &json!({}));
    }

    pub(crate) fn reload(&self) {
        self.post("/refresh", &json!({}));
    }

    pub(crate) fn url(&self) -> String {
        self.get("/url").as_str().expect("a URL").to_owned()
    }

    /// Runs a function with this body on the page, and returns its result.
    pub(crate) fn script(&self, body: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": body, "args": [] }))
    }

    /// Waits until an expression is true on the page.
    pub(crate) fn wait(&self, expression: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.script(&format!("return Boolean({expression})")) != true {
            assert!(Instant::now() < deadline, "not true within {PATIENCE:?}: {expression}; {}", self.body());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Texts of all elements that match, without text that is only for screen readers.
    pub(crate) fn texts(&self, css: &str) -> Vec<String> {
        let texts = self.script(&format!(
            "return [...document.querySelectorAll('{css}')].map((one) => {{
               const copy = one.cloneNode(true);
               copy.querySelectorAll('.unseen').forEach((unseen) => unseen.remove());
               return copy.textContent.trim();
             }})"
        ));
        let texts = texts.as_array().expect("a list").iter();
        texts.map(|text| text.as_str().expect("a text").to_owned()).collect()
    }

    /// Text of the first element that matches.
    pub(crate) fn text(&self, css: &str) -> String {
        self.texts(css).into_iter().next().unwrap_or_else(|| panic!("no {css}: {}", self.body()))
    }

    /// Clicks or taps the first element that matches, as soon as possible.
    pub(crate) fn click(&self, css: &str) {
        self.act(css, "click", &json!({}));
    }

    /// Types into the first element that matches, as soon as possible.
    pub(crate) fn write(&self, css: &str, text: &str) {
        self.act(css, "value", &json!({ "text": text }));
    }

    fn act(&self, css: &str, command: &str, body: &Value) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let done = self.try_post("/element", &json!({ "using": "css selector", "value": css })).and_then(
                |found| {
                    let element = reference(&found).to_owned();
                    self.try_post(&format!("/element/{element}/{command}"), body)
                },
            );
            let Err(problem) = done else { return };
            let passes = PASSING.contains(&problem["error"].as_str().unwrap_or_default());
            assert!(passes && Instant::now() < deadline, "{command} {css}: {}", problem["message"]);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses keys one after the other at the focus; holds Shift if it is the first key.
    pub(crate) fn press(&self, keys: impl IntoIterator<Item = char>) {
        let mut keys: Vec<char> = keys.into_iter().collect();
        let shift = keys.first() == Some(&SHIFT);
        if shift {
            keys.remove(0);
        }
        let key = |kind: &str, key: char| json!({ "type": kind, "value": key.to_string() });
        let mut actions: Vec<Value> = Vec::new();
        actions.extend(shift.then(|| key("keyDown", SHIFT)));
        actions.extend(keys.into_iter().flat_map(|one| [key("keyDown", one), key("keyUp", one)]));
        actions.extend(shift.then(|| key("keyUp", SHIFT)));
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }));
    }

    /// Moves the mouse to a position in the window.
    pub(crate) fn point_at(&self, x: i64, y: i64) {
        self.pointer(x, y, false);
    }

    /// Clicks or taps a position in the window.
    pub(crate) fn click_at(&self, x: i64, y: i64) {
        self.pointer(x, y, true);
    }

    fn pointer(&self, x: i64, y: i64, press: bool) {
        let kind = if self.screen == Screen::Phone { "touch" } else { "mouse" };
        let mut actions = vec![json!({ "type": "pointerMove", "duration": 0, "x": x, "y": y })];
        if press {
            actions.push(json!({ "type": "pointerDown", "button": 0 }));
            actions.push(json!({ "type": "pointerUp", "button": 0 }));
        }
        let parameters = json!({ "pointerType": kind });
        let device = json!({ "type": "pointer", "id": kind, "parameters": parameters, "actions": actions });
        self.post("/actions", &json!({ "actions": [device] }));
    }

    /// Accessible name of the element that has the focus.
    pub(crate) fn focused_name(&self) -> String {
        let element = self.get("/element/active");
        let name = self.get(&format!("/element/{}/computedlabel", reference(&element)));
        name.as_str().unwrap_or_default().to_owned()
    }

    /// Errors and warnings of the browser since the last call.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().expect("a log").iter();
        entries.map(|entry| format!("{} {}", entry["source"], entry["message"])).collect()
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    /// URL and text of the page, for messages of failed assertions.
    fn body(&self) -> String {
        self.script("return location.href + '\\n' + document.body.innerText")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn get(&self, path: &str) -> Value {
        let reply = Request::new("GET", format!("{}{path}", self.session)).send();
        assert_eq!(reply.status, 200, "{path}: {}", reply.json);
        reply.json["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|problem| panic!("{path} {body}: {}", problem["message"]))
    }

    fn try_post(&self, path: &str, body: &Value) -> Result<Value, Value> {
        let reply = Request::new("POST", format!("{}{path}", self.session)).body(body.to_string()).send();
        let value = reply.json["value"].clone();
        if reply.status == 200 { Ok(value) } else { Err(value) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser; it would outlive its driver otherwise.
        let _ = ureq::delete(&self.session).call();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// `WebDriver`'s reference to an element.
fn reference(element: &Value) -> &str {
    element
        .as_object()
        .and_then(|members| members.values().next())
        .and_then(Value::as_str)
        .expect("an element")
}
