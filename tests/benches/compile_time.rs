//! What the compiler takes for a crate of 20 models with 8 fields each, beside the same tables with diesel's derives; and for an
//! application of as many, in release, after the file of one model was touched, beside the same application by hand.
//!
//! What is measured is processor time, that of the compiler and the linker and of all their threads.
//!
//! Run with: cargo bench -p orm-tests --bench compile_time (takes some minutes: it builds the dependencies twice more)
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use orm_tests::harness::{head, report, side_by_side};

const MODELS: usize = 20;

const COLUMNS: &str = "id -> Integer, name -> Text, code -> Text, note -> Nullable<Text>, size -> Integer, price -> Double, \
                       active -> Bool, other_id -> Nullable<Integer>";

fn tables() -> String {
    let mut text = String::from("#![allow(dead_code)]\nuse diesel::prelude::*;\n");
    for n in 0..MODELS {
        let _ = writeln!(text, "diesel::table! {{ t{n} {{ {COLUMNS} }} }}");
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

/// A file of an application: a model, its page, and what is written; `OTHER` is what its link leads to, `FROM` what leads to it
const OURS: &str = r#"use std::fmt::Write;

use diesel::prelude::*;
use orm_core::prelude::*;

use crate::OTHER::OTHER_MODEL;
use crate::FROM::FROM_MODEL;
use crate::schema::{OWN_TABLE, FROM_TABLE};

#[derive(Model)]
#[model(table = OWN_TABLE)]
pub struct OWN_MODEL {
    id: i32,
    name: String,
    code: String,
    note: Option<String>,
    size: i32,
    price: f64,
    active: bool,
    other_id: Option<Id<OTHER_MODEL>>,
    #[model(inverse = FROM_MODEL::OTHER_ID, order = FROM_TABLE::id)]
    from_ids: OneToMany<FROM_MODEL>,
}

pub fn page(env: &Environment, number: i64) -> orm_core::Result<String> {
    let mut page = String::new();
    let all = OWN_TABLE::table.filter(OWN_TABLE::active.eq(true)).order(OWN_TABLE::name).limit(50).offset(number * 50);
    for record in &all.records::<OWN_MODEL>(env)? {
        let other = record.other_id().name()?;
        let (name, note) = (record.name()?, record.note()?);
        let _ = write!(page, "<tr><td>{name}</td><td>{}</td><td>{}</td><td><ul>", note.unwrap_or_default(), other.unwrap_or_default());
        let from = record.from_ids().load()?;
        let mut total = 0.0;
        for member in &from {
            let price = member.price()?;
            let _ = write!(page, "<li>{} {} {price}</li>", member.id(), member.code()?);
            total += price;
        }
        let _ = write!(page, "</ul></td><td>{} {total}</td></tr>", from.len());
    }
    Ok(page)
}

pub fn change(env: &Environment, id: i32, name: &str, size: i32) -> orm_core::Result<()> {
    let record = env.record::<OWN_MODEL>(id);
    env.transaction(|| {
        record.set_name(name)?;
        record.set_size(size)
    })
}

pub fn raise(env: &Environment) -> orm_core::Result<()> {
    env.transaction(|| {
        for record in &OWN_TABLE::table.filter(OWN_TABLE::active.eq(true)).records::<OWN_MODEL>(env)? {
            record.set_price(record.price()? * 1.1)?;
        }
        Ok(())
    })
}

pub fn add(env: &Environment, name: &str, other: Option<i32>) -> orm_core::Result<i32> {
    let values = OWN_MODEL::values().name(name).code("new").size(1).price(1.0).active(true);
    let record = env.create(values.other_id(other.map(Id::<OTHER_MODEL>::new)))?;
    Ok(record.id())
}

pub fn remove(env: &Environment, id: i32) -> orm_core::Result<()> {
    env.record::<OWN_MODEL>(id).delete()
}
"#;

/// The same by hand
const BY_HAND: &str = r#"use std::collections::HashMap;
use std::fmt::Write;

use diesel::prelude::*;

use crate::FROM::FROM_MODEL;
use crate::schema::{OTHER_TABLE, OWN_TABLE, FROM_TABLE};

#[derive(Queryable, Selectable, Identifiable, AsChangeset)]
#[diesel(table_name = OWN_TABLE)]
pub struct OWN_MODEL {
    pub id: i32,
    pub name: String,
    pub code: String,
    pub note: Option<String>,
    pub size: i32,
    pub price: f64,
    pub active: bool,
    pub other_id: Option<i32>,
}

#[derive(Insertable)]
#[diesel(table_name = OWN_TABLE)]
pub struct NewOWN_MODEL<'a> {
    name: &'a str,
    code: &'a str,
    size: i32,
    price: f64,
    active: bool,
    other_id: Option<i32>,
}

pub fn page(connection: &mut SqliteConnection, number: i64) -> QueryResult<String> {
    let mut page = String::new();
    let all = OWN_TABLE::table.filter(OWN_TABLE::active.eq(true)).order(OWN_TABLE::name).limit(50).offset(number * 50);
    let rows = all.select(OWN_MODEL::as_select()).load(connection)?;
    let mut others: Vec<i32> = rows.iter().filter_map(|row| row.other_id).collect();
    others.sort_unstable();
    others.dedup();
    let others = OTHER_TABLE::table.filter(OTHER_TABLE::id.eq_any(others));
    let others = others.select((OTHER_TABLE::id, OTHER_TABLE::name)).load::<(i32, String)>(connection)?;
    let others: HashMap<i32, String> = others.into_iter().collect();
    let from = FROM_TABLE::table.filter(FROM_TABLE::other_id.eq_any(rows.iter().map(|row| row.id).collect::<Vec<_>>()));
    let mut members: HashMap<i32, Vec<FROM_MODEL>> = HashMap::new();
    for member in from.order(FROM_TABLE::id).select(FROM_MODEL::as_select()).load(connection)? {
        members.entry(member.other_id.unwrap_or_default()).or_default().push(member);
    }
    for row in &rows {
        let other = row.other_id.and_then(|id| others.get(&id)).map_or("", |name| name);
        let _ = write!(page, "<tr><td>{}</td><td>{}</td><td>{other}</td><td><ul>", row.name, row.note.as_deref().unwrap_or_default());
        let from = members.get(&row.id).map_or(&[][..], |members| members);
        let mut total = 0.0;
        for member in from {
            let _ = write!(page, "<li>{} {} {}</li>", member.id, member.code, member.price);
            total += member.price;
        }
        let _ = write!(page, "</ul></td><td>{} {total}</td></tr>", from.len());
    }
    Ok(page)
}

pub fn change(connection: &mut SqliteConnection, id: i32, name: &str, size: i32) -> QueryResult<()> {
    let row = OWN_TABLE::table.find(id).select(OWN_MODEL::as_select()).first(connection)?;
    connection.transaction(|connection| {
        let changed = OWN_MODEL { name: name.to_owned(), size, ..row };
        diesel::update(OWN_TABLE::table.find(id)).set(&changed).execute(connection)?;
        Ok(())
    })
}

pub fn raise(connection: &mut SqliteConnection) -> QueryResult<()> {
    connection.transaction(|connection| {
        let all = OWN_TABLE::table.filter(OWN_TABLE::active.eq(true)).select(OWN_MODEL::as_select());
        for row in all.load::<OWN_MODEL>(connection)? {
            diesel::update(OWN_TABLE::table.find(row.id)).set(OWN_TABLE::price.eq(row.price * 1.1)).execute(connection)?;
        }
        Ok(())
    })
}

pub fn add(connection: &mut SqliteConnection, name: &str, other_id: Option<i32>) -> QueryResult<i32> {
    let values = NewOWN_MODEL { name, code: "new", size: 1, price: 1.0, active: true, other_id };
    diesel::insert_into(OWN_TABLE::table).values(&values).returning(OWN_TABLE::id).get_result(connection)
}

pub fn remove(connection: &mut SqliteConnection, id: i32) -> QueryResult<()> {
    diesel::delete(OWN_TABLE::table.find(id)).execute(connection)?;
    Ok(())
}
"#;

/// An application: a file for each model, and a `main` that calls all that stands in them
fn application(file: &str, opening: &str, result: &str) -> Vec<(String, String)> {
    let mut schema = String::new();
    let (mut modules, mut calls) = (String::from("mod schema;\n"), String::new());
    let mut files = Vec::new();
    for n in 0..MODELS {
        let (other, from) = ((n + 1) % MODELS, (n + MODELS - 1) % MODELS);
        let _ = writeln!(schema, "diesel::table! {{ t{n} {{ {COLUMNS} }} }}");
        let _ = writeln!(modules, "mod m{n};");
        let _ = writeln!(
            calls,
            "    println!(\"{{}}\", m{n}::page(at, 0)?);\n    let id = m{n}::add(at, \"new\", None)?;\n    \
             m{n}::change(at, id, \"other\", 2)?;\n    m{n}::raise(at)?;\n    m{n}::remove(at, id)?;"
        );
        let mut text = file.to_owned();
        for (role, n) in [("OWN", n), ("OTHER", other), ("FROM", from)] {
            text = text
                .replace(&format!("{role}_MODEL"), &format!("M{n}"))
                .replace(&format!("{role}_TABLE"), &format!("t{n}"));
        }
        text = text
            .replace("crate::OTHER::", &format!("crate::m{other}::"))
            .replace("crate::FROM::", &format!("crate::m{from}::"));
        files.push((format!("m{n}.rs"), text));
    }
    files.push(("schema.rs".to_owned(), schema));
    let main = format!(
        "#![allow(dead_code)]\n{modules}\nfn main() -> {result} {{\n{opening}\n{calls}    Ok(())\n}}\n"
    );
    files.push(("main.rs".to_owned(), main));
    files
}

fn make(folder: &Path, name: &str, files: &[(String, String)]) {
    let core = concat!(env!("CARGO_MANIFEST_DIR"), "/../orm-core");
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         diesel = {{ version = \"2.3\", default-features = false, features = [\"sqlite\", \"r2d2\", \"returning_clauses_for_sqlite_3_35\"] }}\n\
         orm-core = {{ path = \"{core}\", features = [\"sqlite\"] }}\n"
    );
    let crate_folder = folder.join(name);
    fs::create_dir_all(crate_folder.join("src")).expect("folder");
    fs::write(crate_folder.join("Cargo.toml"), manifest).expect("manifest");
    for (file, text) in files {
        fs::write(crate_folder.join("src").join(file), text).expect("source");
    }
    fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"), crate_folder.join("Cargo.lock"))
        .expect("lock");
}

/// The processor time of all processes that were waited for: other work on the machine counts less than in time by the clock
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    // After the name, which may hold anything, in hundredths of a second: the 14th and 15th are those of the children.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks: u64 =
        fields.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn compile(folder: &Path, name: &str, file: &str, how: &[&str]) -> Duration {
    let crate_folder = folder.join(name);
    let source = crate_folder.join("src").join(file);
    let text = fs::read_to_string(&source).expect("source");
    fs::write(&source, text + "// touched\n").expect("touch");
    let before = processor_time();
    let status = Command::new(env!("CARGO"))
        .args(how)
        .arg("--quiet")
        .current_dir(&crate_folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .expect("cargo");
    assert!(status.success());
    processor_time() - before
}

fn main() {
    // A folder that is given stays, to be looked at.
    let (kept, fresh) = (std::env::var_os("ORM_COMPILE_TIME_IN"), tempfile::tempdir().expect("folder"));
    let folder = kept.as_deref().map_or(fresh.path(), Path::new);
    let library = |text: String| [("lib.rs".to_owned(), text)];
    make(folder, "ours", &library(ours()));
    make(folder, "by_hand", &library(by_hand()));
    let opening = "    let at = &orm_core::prelude::Environment::connect(\"application.db\")?;";
    make(folder, "ours_app", &application(OURS, opening, "orm_core::Result<()>"));
    let opening = "    use diesel::Connection;\n    let at = &mut diesel::SqliteConnection::establish(\"application.db\")?;";
    make(folder, "by_hand_app", &application(BY_HAND, opening, "Result<(), Box<dyn std::error::Error>>"));
    head();
    for (how, budget) in [("check", 0.7), ("build", 1.25)] {
        let run = |name: &'static str| compile(folder, name, "lib.rs", &[how]);
        let measured = side_by_side(5, || run("ours"), || run("by_hand"));
        report(&format!("cargo {how}, {MODELS} models x 8 fields"), measured, budget);
    }
    let run = |name: &'static str| compile(folder, name, "m7.rs", &["build", "--release"]);
    let measured = side_by_side(5, || run("ours_app"), || run("by_hand_app"));
    report(&format!("touch of one of {MODELS} models in release"), measured, 1.5);
}
