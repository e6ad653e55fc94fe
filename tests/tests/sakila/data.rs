//! The rows, loaded once, and what plain SQL says of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::LazyLock;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::Db;
use orm_tests::{File, TestDb};

/// In any order: the keys are not checked while the rows come, as `store` and `staff` name each other.
const TABLES: [&str; 15] = [
    "language",
    "category",
    "actor",
    "country",
    "city",
    "address",
    "film",
    "film_actor",
    "film_category",
    "staff",
    "store",
    "customer",
    "inventory",
    "rental",
    "payment",
];

static DATABASE: LazyLock<Option<File>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/sakila");
    if !folder.is_dir() {
        use std::io::Write;
        // Not by `eprintln!`: what that prints in a test that passes is never shown.
        let _ =
            std::io::stderr().write_all(b"\nskipped: no ../../shared/data/sakila beside the tests crate\n");
        return None;
    }
    Some(load(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())))
});

/// A SQLite file with Sakila's own schema and the rows of the folder's CSV files
fn load(folder: &Path) -> std::result::Result<File, Box<dyn std::error::Error>> {
    let file = File::new("SELECT 1");
    let mut connection = file.connect();
    connection.batch_execute("PRAGMA foreign_keys = OFF")?;
    connection.batch_execute(&std::fs::read_to_string(folder.join("sqlite-sakila-schema.sql"))?)?;
    for table in TABLES {
        let mut rows = csv::Reader::from_path(folder.join(format!("csv/{table}.csv")))?;
        // The schema has no `activebool`, and wants of a payment when it was last updated.
        let taken: Vec<(usize, String)> = rows
            .headers()?
            .iter()
            .enumerate()
            .filter(|&(_, column)| column != "activebool")
            .map(|(index, column)| (index, column.to_owned()))
            .collect();
        let mut columns: Vec<&str> = taken.iter().map(|(_, column)| &**column).collect();
        let paid = columns.iter().position(|&column| column == "payment_date");
        if paid.is_some() {
            columns.push("last_update");
        }
        let (mut sql, columns) = (String::from("BEGIN"), columns.join(", "));
        for (count, row) in csv::Reader::records(&mut rows).enumerate() {
            let start = if count % 500 == 0 {
                format!(";\nINSERT INTO {table} ({columns}) VALUES ")
            } else {
                ",".into()
            };
            let row = row?;
            let mut values: Vec<String> = taken
                .iter()
                .map(|&(index, _)| match &row[index] {
                    "" => "NULL".to_owned(),
                    value => format!("'{}'", value.replace('\'', "''")),
                })
                .collect();
            values.extend(paid.map(|paid| values[paid].clone()));
            write!(sql, "{start}({})", values.join(","))?;
        }
        connection.batch_execute(&(sql + ";\nCOMMIT"))?;
    }
    // The data names no original language at all; a link that is always NULL would prove nothing.
    connection
        .batch_execute("UPDATE film SET original_language_id = 1 + film_id % 6 WHERE film_id % 3 = 0")?;
    Ok(file)
}

/// An environment over the data, and a connection for plain SQL; `None` without the data
pub(crate) fn sakila() -> Option<(TestDb, Db)> {
    let file = DATABASE.as_ref()?;
    let (connection, statements) = file.recorded();
    let env = Environment::builder().connection(connection).build();
    // The recorder needs a file of its own to hold; this one is never used.
    Some((TestDb { env, statements, file: File::new("SELECT 1") }, file.connect()))
}

macro_rules! data {
    () => {
        match sakila() {
            Some(data) => data,
            None => return Ok(()),
        }
    };
}
pub(crate) use data;

/// What one number is by plain SQL
pub(crate) fn number(sql: &mut Db, query: &str) -> Result<usize> {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = BigInt)]
        n: i64,
    }
    Ok(diesel::sql_query(query).get_result::<Number>(sql)?.n as usize)
}

/// The keys that each SELECT asks for when so many are missing: a thousand, and the rest
pub(crate) fn windows(missing: usize) -> Vec<usize> {
    (0..missing).step_by(1000).map(|start| 1000.min(missing - start)).collect()
}

#[derive(QueryableByName)]
struct Pair {
    #[diesel(sql_type = Integer)]
    of: i32,
    #[diesel(sql_type = Text)]
    name: String,
}

/// The names in the order of the rows, by whose they are
pub(crate) fn by_owner(sql: &mut Db, query: &str) -> Result<BTreeMap<i32, Vec<String>>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for Pair { of, name } in diesel::sql_query(query).load::<Pair>(sql)? {
        all.entry(of).or_default().push(name);
    }
    Ok(all)
}
