//! Data flows one way: a file of orm-core imports from its own layer and from those below, and no files import each other but
//! those of one circle, which is named here.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The lowest first; a name is a folder or a file
const LAYERS: &[&[&str]] = &[
    &["error", "text", "key", "number", "fragment"],
    &["store"],
    &["backend"],
    &["codec"],
    &["model"],
    &["env"],
    &["load"],
    &["write"],
    &["records"],
    &["assert", "of_crate", "serde"],
];

/// A handle reads a field, a field reads a handle, the cardinality says how, and the model names them all.
const CIRCLE: &[&str] = &[
    "records",
    "records::cardinality",
    "records::field",
    "records::group",
    "records::handle",
    "records::model",
];

/// What the crate's root exports under another name than its module's
const EXPORTS: &[(&str, &str)] = &[
    ("Connection", "backend"),
    ("Entity", "model"),
    ("Environment", "env::environment"),
    ("Error", "error"),
    ("Id", "model"),
    ("ManyToMany", "model"),
    ("Model", "records::model"),
    ("OneToMany", "model"),
    ("Record", "records"),
    ("RecordSet", "records"),
    ("Records", "records"),
    ("Repeated", "error"),
    ("Result", "error"),
    ("Str", "text"),
    ("ToMany", "records"),
    ("ToOne", "records"),
    ("ToOptional", "records"),
    ("Violation", "error"),
];

/// The sources, by module: `load::plan`; without their unit tests and comments
fn sources() -> BTreeMap<String, String> {
    fn collect(folder: &Path, root: &Path, into: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).expect("the sources") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, root, into);
                continue;
            }
            let inside = path.strip_prefix(root).expect("a file of the sources").with_extension("");
            let names: Vec<&str> = inside.iter().map(|name| name.to_str().unwrap()).collect();
            let module = names.join("::");
            let module = module.strip_suffix("::mod").unwrap_or(&module).to_owned();
            let text = fs::read_to_string(&path).expect("a source");
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            into.insert(module, lines.collect::<Vec<_>>().join("\n"));
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../orm-core/src");
    let mut sources = BTreeMap::new();
    collect(&root, &root, &mut sources);
    sources.retain(|module, _| !matches!(&**module, "lib" | "private"));
    sources
}

/// The paths of a use tree: `a::{b, c::d}` are `a::b` and `a::c::d`
fn paths(prefix: &[String], tree: &str, into: &mut Vec<Vec<String>>) {
    let tree = tree.trim();
    if let Some(inner) = tree.strip_prefix('{') {
        let inner = inner.strip_suffix('}').expect("a closed group");
        let (mut depth, mut part) = (0, String::new());
        for letter in inner.chars().chain([',']) {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            if letter == ',' && depth == 0 {
                if !part.trim().is_empty() {
                    paths(prefix, &part, into);
                }
                part.clear();
            } else {
                part.push(letter);
            }
        }
    } else if let Some((name, rest)) = tree.split_once("::") {
        paths(&[prefix, &[name.trim().to_owned()]].concat(), rest, into);
    } else {
        let name = tree.split_whitespace().next().unwrap_or_default().to_owned();
        into.push([prefix, &[name]].concat());
    }
}

/// The use trees of a file: whether each is public, and its text
fn uses(code: &str) -> impl Iterator<Item = (bool, &str)> {
    code.split(';').filter_map(|statement| {
        let at = statement.rfind("use ").filter(|&at| {
            let before = statement[..at].trim_end();
            before.is_empty() || before.ends_with(['}', ')', ']', '{']) || before.ends_with("pub")
        })?;
        Some((statement[..at].contains("pub"), &statement[at + 4..]))
    })
}

struct Imports<'a> {
    sources: &'a BTreeMap<String, String>,
    /// Where a name that a module exports comes from
    exports: BTreeMap<(String, String), String>,
}

impl<'a> Imports<'a> {
    fn of(sources: &'a BTreeMap<String, String>) -> Self {
        let mut found = Self { sources, exports: BTreeMap::new() };
        for (module, code) in sources {
            for (_, tree) in uses(code).filter(|(public, _)| *public) {
                let mut all = Vec::new();
                paths(&[], tree, &mut all);
                for path in all {
                    let (name, from) = path.split_last().unwrap();
                    let from = match from.first().map(String::as_str) {
                        Some("crate") => from[1..].join("::"),
                        Some("self") => format!("{module}::{}", from[1..].join("::")),
                        _ => format!("{module}::{}", from.join("::")),
                    };
                    if sources.contains_key(&from) {
                        found.exports.insert((module.clone(), name.clone()), from);
                    }
                }
            }
        }
        found
    }

    /// The module that a path from the crate's root leads to
    fn module(&self, path: &[String]) -> Option<String> {
        if let [name] = path
            && let Some((_, module)) = EXPORTS.iter().find(|(export, _)| export == name)
        {
            return Some((*module).to_owned());
        }
        let (mut module, rest) = (1..=path.len()).rev().find_map(|length| {
            let module = path[..length].join("::");
            self.sources.contains_key(&module).then(|| (module, &path[length..]))
        })?;
        while let Some(from) = rest.first().and_then(|name| self.exports.get(&(module.clone(), name.clone())))
        {
            module = from.clone();
        }
        Some(module)
    }

    /// The modules that a file imports from
    fn from(&self, module: &str) -> BTreeSet<String> {
        let code = &self.sources[module];
        let mut all = Vec::new();
        for (_, tree) in uses(code) {
            paths(&[], tree, &mut all);
        }
        // A path that is written out where it is used
        for rest in code.split("crate::").skip(1).filter(|rest| !rest.starts_with('{')) {
            let path = rest.split(|letter: char| !(letter.is_alphanumeric() || "_:".contains(letter)));
            let path = path.into_iter().next().unwrap_or_default().trim_end_matches(':');
            all.push([vec!["crate".to_owned()], path.split("::").map(str::to_owned).collect()].concat());
        }
        let outer: Vec<String> = module.split("::").map(str::to_owned).collect();
        let paths = all.iter().filter_map(|path| match path[0].as_str() {
            "crate" => self.module(&path[1..]),
            "super" => self.module(&[&outer[..outer.len() - 1], &path[1..]].concat()),
            _ => None,
        });
        paths.filter(|import| import != module).collect()
    }
}

fn layer(module: &str) -> Option<usize> {
    let top = module.split("::").next().unwrap_or_default();
    LAYERS.iter().position(|layer| layer.contains(&top))
}

#[test]
fn imports_go_down() {
    let sources = sources();
    let imports = Imports::of(&sources);
    let (mut upward, mut count) = (Vec::new(), 0);
    for module in sources.keys() {
        let own = layer(module).unwrap_or_else(|| panic!("give `{module}` a layer"));
        for import in imports.from(module) {
            count += 1;
            if layer(&import).is_some_and(|layer| layer > own) {
                upward.push(format!("{module} imports {import}"));
            }
        }
    }
    // So that a reader of `use` lines that has gone blind is noticed
    assert!(count > 300, "{count} imports were found");
    assert!(upward.is_empty(), "these import from above: {upward:#?}");
}

#[test]
fn no_files_import_each_other_but_those_of_one_circle() {
    let sources = sources();
    let imports = Imports::of(&sources);
    let graph: BTreeMap<&str, BTreeSet<String>> =
        sources.keys().map(|module| (&**module, imports.from(module))).collect();
    let reached = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = next.pop() {
            for import in graph.get(&*module).into_iter().flatten() {
                if seen.insert(import.clone()) {
                    next.push(import.clone());
                }
            }
        }
        seen
    };
    let circle: BTreeSet<&str> =
        graph.keys().copied().filter(|module| reached(module).contains(*module)).collect();
    assert_eq!(circle, CIRCLE.iter().copied().collect(), "these import each other");
}

#[test]
fn the_store_knows_nothing_but_keys_numbers_and_text() {
    let sources = sources();
    let imports = Imports::of(&sources);
    for (module, code) in sources.iter().filter(|(module, _)| module.starts_with("store")) {
        for import in imports.from(module) {
            let top = import.split("::").next().unwrap();
            assert!(["store", "key", "number", "text"].contains(&top), "{module} imports {import}");
        }
        assert!(!code.contains("diesel"), "{module} names diesel");
    }
}

/// What an environment is and what users call on it; all else takes it as an argument, so that an import tells of it.
#[test]
fn an_environment_has_methods_in_two_places() {
    for (module, code) in sources() {
        let has = code.lines().any(|line| line.starts_with("impl") && line.contains("> Environment<C> {"));
        let may = module.starts_with("env::") || module.starts_with("records::env");
        assert!(!has || may, "{module} has an `impl Environment`");
    }
}

/// A SELECT is run by whoever shows that what it could see was sent, and only the flush can.
#[test]
fn the_proof_of_a_flush_is_made_in_one_place() {
    for (module, code) in sources() {
        let makes = code.contains("Flushed(())") || code.contains("Self(())") && code.contains("Flushed {");
        assert!(!makes || module == "env::pending", "{module} makes a `Flushed`");
        let excuses = code.contains("Flushed::not_for_a_write");
        assert!(!excuses || module == "load::query", "{module} reads without a flush");
    }
}
