//! Run with: cargo run --release --example load -- orm|hand FILE PORT
//!
//! The pages of `tests/benches/page.rs` over HTTP, by records or by hand, for a load generator: `/totals?number=3` and `/orders?number=3`, 50
//! partners each. `load fill FILE EACH` makes the database: 1,000 partners with so many orders.
#![allow(missing_docs, unreachable_pub, clippy::expect_used, clippy::print_stdout)]

#[path = "../../tests/benches/pages/mod.rs"]
mod pages;

use std::error::Error;
use std::net::Ipv4Addr;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use diesel::prelude::*;
use diesel::r2d2::ConnectionManager;
use orm_web::{Environments, Failure};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::spawn_blocking;

use pages::{Db, fill, orders_by_hand, orders_of, totals, totals_by_hand};

orm_core::connection!(SqliteConnection);

#[derive(Deserialize)]
struct Wanted {
    number: i64,
}

fn by_records(page: fn(&Environment, i64) -> orm_core::Result<String>) -> axum::routing::MethodRouter<Db> {
    get(move |State(pool): State<Db>, Query(Wanted { number }): Query<Wanted>| async move {
        let page = Environments::<SqliteConnection>::new(pool).run(move |env| page(env, number)).await;
        Ok::<_, Failure>(Html(page?))
    })
}

fn by_hand(page: fn(&mut SqliteConnection, i64) -> QueryResult<String>) -> axum::routing::MethodRouter<Db> {
    get(move |State(pool): State<Db>, Query(Wanted { number }): Query<Wanted>| async move {
        let work =
            move || -> Result<String, Box<dyn Error + Send + Sync>> { Ok(page(&mut *pool.get()?, number)?) };
        let page = spawn_blocking(work).await.unwrap_or_else(|error| Err(error.into()));
        page.map_or_else(failed, |page| Html(page).into_response())
    })
}

fn failed(error: Box<dyn Error + Send + Sync>) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (path, port, router) = match *arguments {
        ["fill", path, each] => return Ok(fill(path, 1_000, each.parse()?)?),
        ["orm", path, port] => {
            let router = Router::new().route("/totals", by_records(totals));
            (path, port, router.route("/orders", by_records(orders_of)))
        }
        ["hand", path, port] => {
            let router = Router::new().route("/totals", by_hand(totals_by_hand));
            (path, port, router.route("/orders", by_hand(orders_by_hand)))
        }
        _ => return Err("load fill FILE EACH | orm FILE PORT | hand FILE PORT".into()),
    };
    let pool = Db::builder().max_size(16).build(ConnectionManager::new(path))?;
    let port: u16 = port.parse()?;
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(axum::serve(listener, router.with_state(pool)).await?)
    })
}
