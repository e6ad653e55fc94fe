//! The application over a database of its own
#![allow(dead_code, reason = "each of the tests uses a part of it")]

use chrono::NaiveDate;
use contacts::{App, db, seed};
use tempfile::TempDir;

pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) pool: db::Pool,
    pub(crate) pages: axum::Router,
}

pub(crate) fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 27).unwrap()
}

impl Site {
    pub(crate) fn new(companies: usize, people: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pool = db::open(folder.path().join("contacts.db").to_str().unwrap()).unwrap();
        seed::fill(&db::environment(pool.clone()), companies, people, today()).unwrap();
        Self { folder, pages: contacts::router(App::new(pool.clone())), pool }
    }

    pub(crate) fn env(&self) -> db::Environment {
        db::environment(self.pool.clone())
    }
}
