//! The guide's table of promises and tests: each test that it names is one.
#![allow(clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

/// Where the files that it names are
const FOLDERS: [&str; 4] = ["tests/tests", "tests/servers/tests", "tests/servers/tests/main_job", "tests"];

#[test]
fn each_of_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let guide = fs::read_to_string(root.join("docs/guide/src/failures.md")).expect("the guide");
    let (_, table) = guide.split_once("## What shows it").expect("the table");
    let (mut file, mut named) = (String::new(), 0);
    for name in table.split('`').filter(|name| name.contains("::") && !name.contains(' ')) {
        let (path, test) = name.rsplit_once("::").expect("a file and a test");
        // `…` is the file before.
        if path != "…" {
            let found = FOLDERS.iter().map(|folder| root.join(folder).join(path)).find(|path| path.is_file());
            file = fs::read_to_string(found.unwrap_or_else(|| panic!("no file {path}"))).expect("a file");
        }
        let (before, _) = file.split_once(&format!("fn {test}(")).unwrap_or_else(|| panic!("no {name}"));
        let attributes = before.rsplit("\n\n").next().expect("something");
        assert!(attributes.contains("#[test]") || attributes.contains("#[tokio::test"), "{name} is no test");
        named += 1;
    }
    assert!(named > 40, "{named}");
}
