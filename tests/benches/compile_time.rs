//! Compile time of a crate of 20 models with 8 fields each, beside the same tables with diesel's derives.
//!
//! Run with: cargo bench -p orm-tests --bench compile_time (takes a few minutes: it builds the dependencies once more)
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use orm_tests::harness::{head, report, side_by_side, timed};

const MODELS: usize = 20;

fn tables() -> String {
    let mut text = String::from("#![allow(dead_code)]\nuse diesel::prelude::*;\n");
    for n in 0..MODELS {
        let _ = writeln!(
            text,
            "diesel::table! {{ t{n} {{ id -> Integer, name -> Text, code -> Text, note -> Nullable<Text>, \
             size -> Integer, price -> Double, active -> Bool, other_id -> Nullable<Integer> }} }}"
        );
    }
    text
}

/// Models, and a function for each that loads and reads
fn ours() -> String {
    let mut text = tables() + "use orm_core::prelude::*;\n";
    for n in 0..MODELS {
        let other = (n + 1) % MODELS;
        let _ = writeln!(
            text,
            "#[derive(Model)] #[model(table = t{n})] pub struct M{n} {{ id: i32, name: String, code: String, \
             note: Option<String>, size: i32, price: f64, active: bool, other_id: Option<Id<M{other}>> }}\n\
             pub fn read{n}(env: &Environment<SqliteConnection>) -> orm_core::Result<usize> {{\n\
             let all: RecordSet<M{n}> = t{n}::table.filter(t{n}::active.eq(true)).order(t{n}::name).records(env)?;\n\
             let mut sum = 0; for m in &all {{ sum += m.name()?.len() + m.other_id().name()?.map_or(0, |n| n.len()); }} Ok(sum) }}"
        );
    }
    text
}

/// The derives that give the same powers: load, select, identify, insert, update
fn by_hand() -> String {
    let mut text = tables();
    for n in 0..MODELS {
        let other = (n + 1) % MODELS;
        let _ = writeln!(
            text,
            "#[derive(Queryable, Selectable, Identifiable, Insertable, AsChangeset)] #[diesel(table_name = t{n})] \
             pub struct M{n} {{ id: i32, name: String, code: String, note: Option<String>, size: i32, price: f64, \
             active: bool, other_id: Option<i32> }}\n\
             pub fn read{n}(conn: &mut SqliteConnection) -> QueryResult<usize> {{\n\
             let all = t{n}::table.filter(t{n}::active.eq(true)).order(t{n}::name).select(M{n}::as_select()).load(conn)?;\n\
             let others: std::collections::HashMap<i32, M{other}> = t{other}::table.select(M{other}::as_select())\
             .load::<M{other}>(conn)?.into_iter().map(|m| (m.id, m)).collect();\n\
             let mut sum = 0; for m in &all {{ sum += m.name.len() + m.other_id.map_or(0, |id| others[&id].name.len()); }} Ok(sum) }}"
        );
    }
    text
}

fn make(folder: &Path, name: &str, source: &str) {
    let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../orm-core");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         diesel = {{ version = \"2.3\", default-features = false, features = [\"sqlite\", \"r2d2\"] }}\n\
         orm-core = {{ path = \"{core}\", features = [\"sqlite\"] }}\n"
    );
    let crate_folder = folder.join(name);
    fs::create_dir_all(crate_folder.join("src")).expect("folder");
    fs::write(crate_folder.join("Cargo.toml"), manifest).expect("manifest");
    fs::write(crate_folder.join("src/lib.rs"), source).expect("source");
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"), crate_folder.join("Cargo.lock"))
        .expect("lock");
}

fn compile(folder: &Path, name: &str, how: &str) -> Duration {
    let crate_folder = folder.join(name);
    let source = crate_folder.join("src/lib.rs");
    let text = fs::read_to_string(&source).expect("source");
    fs::write(&source, text + "\n").expect("touch");
    timed(|| {
        let status = Command::new(env!("CARGO"))
            .args([how, "--quiet"])
            .current_dir(&crate_folder)
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .env("CARGO_INCREMENTAL", "0")
            .status()
            .expect("cargo");
        assert!(status.success());
    })
}

fn main() {
    let folder = tempfile::tempdir().expect("folder");
    make(folder.path(), "ours", &ours());
    make(folder.path(), "by_hand", &by_hand());
    head();
    for (how, budget) in [("check", 0.7), ("build", 1.25)] {
        let run = |name: &'static str| compile(folder.path(), name, how);
        let measured = side_by_side(5, || run("ours"), || run("by_hand"));
        report(&format!("cargo {how}, {MODELS} models x 8 fields"), measured, budget);
    }
}
