//! Data flows one way: a file of orm-core imports from its own layer and from those below.
//!
//! What does not yet stands in `UPWARD`, by folder or file. The list may only become shorter: an import that is not in it
//! fails, and so does an entry that is not needed any more.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The lowest first
const LAYERS: &[&[&str]] = &[
    &["error", "text", "key", "fragment"],
    &["store"],
    &["backend"],
    &["codec"],
    &["model"],
    &["env"],
    &["load"],
    &["write"],
    &["records"],
    &["assert", "serde"],
];

/// What the crate's root exports under another name than its module's
const EXPORTS: &[(&str, &str)] = &[
    ("Environment", "env"),
    ("Error", "error"),
    ("Result", "error"),
    ("Record", "records"),
    ("RecordSet", "records"),
    ("Records", "records"),
    ("ToMany", "records"),
    ("ToOne", "records"),
    ("ToOptional", "records"),
    ("Str", "text"),
    ("Id", "model"),
    ("Model", "records"),
    ("Entity", "model"),
    ("ManyToMany", "model"),
    ("OneToMany", "model"),
    ("Connection", "backend"),
];

/// Who imports from above, and what
const UPWARD: &[(&str, &str)] =
    &[("env", "load"), ("env", "records"), ("env", "write"), ("load", "records"), ("write", "records")];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The modules that a file's `use crate::…` lines name
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let mut modules = Vec::new();
    for line in code.split("use crate::").skip(1) {
        let names = line.split(';').next().unwrap_or_default();
        let mut depth = 0;
        let grouped = names.strip_prefix('{').map(|names| names.trim_end_matches('}'));
        let parts = grouped.unwrap_or(names).split(|letter| {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            letter == ',' && depth == 0 && grouped.is_some()
        });
        for part in parts {
            let name = part.trim().split([':', ' ']).next().unwrap_or_default();
            let module =
                EXPORTS.iter().find(|(export, _)| *export == name).map_or(name, |(_, module)| module);
            modules.push(module.to_owned());
        }
    }
    modules
}

fn each_file(folder: &Path, f: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            each_file(&path, f);
        } else {
            f(&path, &fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn imports_go_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../orm-core/src");
    let mut upward = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    each_file(&source, &mut |path, text| {
        let inside = path.strip_prefix(&source).expect("a file of the sources");
        let module =
            inside.iter().next().and_then(|name| Path::new(name).file_stem()).unwrap().to_str().unwrap();
        if matches!(module, "lib" | "private") {
            return;
        }
        let Some(own) = layer(module) else {
            unknown.insert(module.to_owned());
            return;
        };
        for import in imports(text) {
            if layer(&import).is_some_and(|layer| layer > own) {
                upward.insert((module.to_owned(), import));
            }
        }
    });
    assert!(unknown.is_empty(), "give these a layer: {unknown:?}");
    let known: BTreeSet<_> = UPWARD.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    let new: Vec<_> = upward.difference(&known).collect();
    assert!(new.is_empty(), "these import from above: {new:?}");
    let gone: Vec<_> = known.difference(&upward).collect();
    assert!(gone.is_empty(), "these do not import from above any more, take them from the list: {gone:?}");
}

#[test]
fn the_store_knows_nothing_but_keys_and_text() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../orm-core/src/store");
    each_file(&source, &mut |path, text| {
        for import in imports(text) {
            assert!(["key", "text"].contains(&&*import), "{} imports {import}", path.display());
        }
        let names_diesel =
            text.lines().any(|line| !line.trim_start().starts_with("///") && line.contains("diesel"));
        assert!(!names_diesel, "{} names diesel", path.display());
    });
}
