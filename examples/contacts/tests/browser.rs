//! The application as Chromium shows it: every page, the form's round trip, the inspector. Screenshots are written to
//! `target/tmp/contacts`.
//!
//! Without Chromium nothing is tried, unless `ORM_TEST_REQUIRE` names it. `CHROMIUM` says where it is, if it is not on the path.
#![allow(clippy::panic, clippy::unwrap_used, missing_docs)]

use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

mod site;
use site::Site;

/// Chromium without a window, spoken to by its DevTools protocol: JSON over two pipes, which end with a NUL each
struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    calls: u64,
    session: Option<String>,
    screenshots: PathBuf,
}

impl Browser {
    fn open(profile: &Path) -> Option<Self> {
        let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into());
        if Command::new(&chromium)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_err()
        {
            return None;
        }
        // It reads from descriptor 3 and writes to 4: a shell makes these of its standard input and output. A click that leads nowhere
        // would be waited for without an end.
        let mut process = Command::new("sh")
            .args(["-c", "exec timeout 300 \"$0\" \"$@\" 3<&0 4>&1 >/dev/null"])
            .args([&chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args([
                "--remote-debugging-pipe",
                "--hide-scrollbars",
                "--no-first-run",
                "--window-size=1280,900",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, from) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contacts");
        std::fs::create_dir_all(&screenshots).unwrap();
        let mut browser = Self { process, to, from, calls: 0, session: None, screenshots };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        browser.call("Page.enable", json!({}));
        Some(browser)
    }

    fn hear(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "Chromium has gone");
        serde_json::from_slice(&message).unwrap()
    }

    fn send(&mut self, method: &str, parameters: Value) -> u64 {
        self.calls += 1;
        let mut message = json!({ "id": self.calls, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        write!(self.to, "{message}\0").unwrap();
        self.to.flush().unwrap();
        self.calls
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.send(method, parameters);
        loop {
            let heard = self.hear();
            if heard["id"] == id {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
        }
    }

    /// Does something that leads to another page, and waits until that is there.
    fn go(&mut self, method: &str, parameters: Value) {
        self.send(method, parameters);
        while self.hear()["method"] != "Page.loadEventFired" {}
    }

    fn visit(&mut self, address: &str) {
        self.go("Page.navigate", json!({ "url": address }));
    }

    /// What JavaScript says
    fn eval(&mut self, script: &str) -> Value {
        let parameters = json!({ "expression": script, "returnByValue": true });
        let said = self.call("Runtime.evaluate", parameters);
        assert!(said["exceptionDetails"].is_null(), "{script}: {said}");
        said["result"]["value"].clone()
    }

    fn text(&mut self, selector: &str) -> String {
        let script = format!("document.querySelector({selector:?})?.innerText ?? ''");
        self.eval(&script).as_str().unwrap().to_owned()
    }

    /// Clicks on something that leads to another page.
    fn click(&mut self, selector: &str) {
        let script = format!("document.querySelector({selector:?}).click()");
        self.go("Runtime.evaluate", json!({ "expression": script }));
    }

    fn enter(&mut self, field: &str, value: &str) {
        let focus = format!("document.querySelector('[name={field}]').select()");
        self.eval(&focus);
        self.call("Input.insertText", json!({ "text": value }));
    }

    /// How the whole page looks
    fn screenshot(&mut self, name: &str) {
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let shot = self.call("Page.captureScreenshot", parameters);
        std::fs::write(
            self.screenshots.join(name).with_extension("png"),
            base64(shot["data"].as_str().unwrap()),
        )
        .unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = write!(self.to, "{}\0", json!({ "id": 0, "method": "Browser.close" }));
        let _ = self.process.wait();
    }
}

fn base64(text: &str) -> Vec<u8> {
    let digit = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = text.bytes().filter(|&letter| letter != b'=').map(digit).collect();
    let bytes = |four: &[u8]| {
        let number =
            four.iter().fold(0, |number, &digit| number << 6 | u32::from(digit)) << (6 * (4 - four.len()));
        number.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(bytes).collect()
}

/// The address at which the application is served, until the runtime is dropped
fn served(site: &Site, runtime: &tokio::runtime::Runtime) -> String {
    let listening = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let listener = runtime.block_on(listening).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(axum::serve(listener, site.pages.clone()).into_future());
    address
}

#[test]
fn it_can_be_looked_at() {
    let site = Site::new(40, 260);
    let Some(mut browser) = Browser::open(&site.folder.path().join("profile")) else {
        let required = std::env::var("ORM_TEST_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|it| it == "chromium"), "Chromium is not installed");
        // Not by a macro, which is shown only where a test fails
        let _ = writeln!(
            std::io::stderr(),
            "not tried: the application in a browser (Chromium is not installed)"
        );
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = served(&site, &runtime);

    // The list
    browser.visit(&address);
    assert_eq!(browser.eval("document.querySelectorAll('.partners tbody tr').length"), 25);
    assert_eq!(browser.text("h1"), "");
    assert!(browser.text(".inspector summary").starts_with("7 statements in "));
    browser.screenshot("1-partners");

    // Its inspector, and a statement in it
    assert_eq!(browser.text(".inspector pre"), "", "it is closed");
    browser.eval("document.querySelector('.inspector > summary').click()");
    browser.eval("document.querySelectorAll('.inspector table summary')[1].click()");
    assert!(
        browser
            .eval("document.querySelectorAll('.inspector pre')[1].innerText")
            .as_str()
            .unwrap()
            .contains("LIMIT 25")
    );
    browser.screenshot("2-inspector");

    // Sorted, searched, the next page
    browser.click("th.number:last-child a");
    assert!(browser.text("th.number:last-child").contains('▼'));
    browser.click("[rel=next]");
    assert!(browser.text(".pager").contains("Page 2 of 12"));
    browser.enter("q", "belgium");
    browser.click(".search button");
    assert_eq!(browser.text(".partners tbody td:nth-child(3)"), "Belgium");
    browser.click(".tags .tag");
    assert_eq!(browser.text(".tags .chosen"), "customer");
    browser.screenshot("3-search");

    // One of them, changed with a mistake and without
    browser.visit(&format!("{address}/partners/1"));
    assert_eq!(browser.text("h1"), "Azure Atlas");
    browser.screenshot("4-partner");
    browser.enter("name", "Azure & Söhne <Atlas>");
    browser.enter("email", "nowhere");
    browser.click("form.card .actions button");
    assert_eq!(browser.eval("document.querySelector('[name=email]').value"), "nowhere");
    assert!(browser.text(".wrong .error").contains("no address"));
    browser.screenshot("5-mistake");
    browser.enter("email", "atlas@azure.example");
    browser.eval("document.querySelectorAll('[name=tag]').forEach(tag => tag.checked = tag.value < 3)");
    browser.click("form.card .actions button");
    assert_eq!(browser.text("h1"), "Azure & Söhne <Atlas>");
    assert_eq!(browser.text(".notice"), "Saved.");
    assert_eq!(browser.eval("document.querySelector('[name=email]').value"), "atlas@azure.example");
    assert_eq!(browser.eval("document.querySelectorAll('[name=tag]:checked').length"), 2);
    browser.screenshot("6-saved");

    // Who has ordered something stays
    browser.click(".danger");
    assert!(browser.text(".refused").contains("cannot be deleted"));

    // A new one, deleted again
    browser.click("header .button");
    browser.screenshot("7-new");
    browser.enter("name", "Zoë Zimmer");
    browser.enter("city", "Zürich");
    browser.click(".actions button");
    assert_eq!(browser.text("h1"), "Zoë Zimmer");
    browser.click(".danger");
    assert!(browser.text(".search").contains("300 partners"));

    browser.visit(&format!("{address}/countries"));
    assert_eq!(browser.eval("document.querySelectorAll('tbody tr').length > 10"), true);
    browser.screenshot("8-countries");

    // What was sent for a form that has led elsewhere
    browser.visit(&format!("{address}/requests"));
    let saved = "[...document.querySelectorAll('.request')].find(it => /^303\\s+POST \\/partners\\/1\\s/.test(it.innerText))";
    browser.eval(&format!("{saved}.querySelector('summary').click()"));
    assert!(browser.text(".request[open] table").contains("write"));
    browser.screenshot("9-requests");

    // On a telephone nothing is wider than the screen.
    let metrics = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.call("Emulation.setDeviceMetricsOverride", metrics);
    browser.visit(&format!("{address}/partners"));
    browser.screenshot("10-telephone");
    assert_eq!(browser.eval("document.documentElement.scrollWidth <= 390"), true);
}
