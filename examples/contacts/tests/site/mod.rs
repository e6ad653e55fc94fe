//! The application over a database of its own: a file, or with `CONTACTS_TEST_ON=postgres` or `mysql` (and that feature) a place on a server
#![allow(dead_code, reason = "each of the tests uses a part of it")]

use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::NaiveDate;
use contacts::{App, db, seed};
use diesel::connection::SimpleConnection;
use tempfile::TempDir;

pub(crate) struct Site {
    pub(crate) pool: db::Pool,
    pub(crate) pages: axum::Router,
    pub(crate) folder: TempDir,
    /// Removed when the pool is gone
    place: Place,
}

pub(crate) fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 27).unwrap()
}

impl Site {
    pub(crate) fn new(companies: usize, people: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder);
        let pool = db::open(&place.address).unwrap();
        seed::fill(&db::environment(pool.clone()), companies, people, today()).unwrap();
        Self { pages: contacts::router(App::new(pool.clone())), pool, folder, place }
    }

    pub(crate) fn env(&self) -> db::Environment {
        db::environment(self.pool.clone())
    }
}

/// Whether the tests are on a server that tells of deleted rows, and of updated ones, by their number alone
pub(crate) fn is_mysql() -> bool {
    server() == "mysql"
}

fn server() -> String {
    std::env::var("CONTACTS_TEST_ON").unwrap_or_default()
}

struct Place {
    address: String,
    /// How it is removed, and where
    removed: Option<(String, String)>,
}

impl Place {
    fn new(folder: &TempDir) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("contacts_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let of =
            |variable: &str, otherwise: &str| std::env::var(variable).unwrap_or_else(|_| otherwise.into());
        let (server, made, removed, address) = match &*server() {
            "" | "sqlite" => {
                let address = folder.path().join("contacts.db").to_str().unwrap().to_owned();
                return Self { address, removed: None };
            }
            "postgres" => {
                let server = of("ORM_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/test");
                let address = format!("{server}?options=-csearch_path%3D{name}%2Cpublic");
                (server, format!("CREATE SCHEMA {name}"), format!("DROP SCHEMA {name} CASCADE"), address)
            }
            "mysql" => {
                let server = of("ORM_TEST_MYSQL", "mysql://root@127.0.0.1:3306/test");
                let address = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
                (server, format!("CREATE DATABASE {name}"), format!("DROP DATABASE {name}"), address)
            }
            other => panic!("CONTACTS_TEST_ON={other}: there is no such server"),
        };
        run(&server, &made);
        Self { address, removed: Some((server, removed)) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((server, sql)) = &self.removed {
            run(server, sql);
        }
    }
}

fn run(server: &str, sql: &str) {
    let env = db::Environment::connect(server).unwrap();
    env.with_connection(|connection| Ok(connection.batch_execute(sql)?)).unwrap();
}
