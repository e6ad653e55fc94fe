//! Partners, their tags and orders, in a browser: what orm-core looks like in an application.
//!
//! - `db`: which database it is
//! - `models`: the tables
//! - `web`: one environment for each request, and what it sent shown under the page
//! - `partners`, `countries`, `requests`: the pages
//! - `form`: what is entered of a partner, and what is wrong with it
//! - `import`, `nightly`: jobs over many rows
//! - `seed`: something to look at
//!
//! `main.rs` has the command line.
#![allow(missing_docs)]

mod countries;
pub mod db;
mod form;
pub mod import;
pub mod models;
pub mod nightly;
mod partners;
mod requests;
pub mod seed;
mod web;

use axum::Router;
use axum::routing::{get, post};

pub use web::App;

// Of all models, and of the application's environments
orm_core::connection!(pub orm_core::AnyConnection);

/// The guide's chapter, whose code is compiled and run here, as nothing else that it stands on knows of axum
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/src/web.md")]
pub struct Guide;

/// The pages
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(partners::home))
        .route("/partners", get(partners::list).post(partners::create))
        .route("/partners/new", get(partners::new))
        .route("/partners/{id}", get(partners::show).post(partners::update))
        .route("/partners/{id}/delete", post(partners::delete))
        .route("/countries", get(countries::list))
        .route("/requests", get(requests::list))
        .route("/style.css", get(web::style))
        .fallback(web::nothing)
        .with_state(app)
}
