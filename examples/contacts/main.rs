//! Run with: cargo run --example contacts, and open the address that it prints.
//!
//! A web application: partners, their tags and orders, with what the database was asked for under each page. It makes its own SQLite
//! file, `contacts.db`, and fills it at its first start. Built with `--features postgres,mysql` it takes an empty database of these as
//! well: `--database-url postgres://…` or `mysql://…`.
//!
//! ```text
//! contacts [--database-url URL] [serve [PORT]]       the pages, at http://127.0.0.1:8080
//! contacts [--database-url URL] sample FILE [ROWS]   writes a CSV file of 50,000 partners …
//! contacts [--database-url URL] import FILE          … and imports one
//! contacts [--database-url URL] nightly              the job of the night, over all orders
//! contacts check                                    all of it once, on a database that is thrown away
//! ```
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;

use chrono::{NaiveDate, Utc};
use contacts::{App, db, import, nightly, router, seed};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const ROWS: usize = 50_000;

fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut database = "contacts.db".to_owned();
    let names = ["--database-url", "--database"];
    if arguments.len() > 1 && names.contains(&&*arguments[0]) {
        database = arguments.drain(..2).next_back().unwrap_or_default();
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments {
        [] | ["serve"] => serve(&filled(&database)?, 8080),
        ["serve", port] => serve(&filled(&database)?, port.parse()?),
        ["sample", path] => Ok(import::sample(path.as_ref(), ROWS)?),
        ["sample", path, rows] => Ok(import::sample(path.as_ref(), rows.parse()?)?),
        ["import", path] => import(&filled(&database)?, path.as_ref()),
        ["nightly"] => nightly(&filled(&database)?),
        ["check"] => check(),
        _ => Err(
            "contacts [--database-url URL] [serve [PORT] | sample FILE [ROWS] | import FILE | nightly | check]"
                .into(),
        ),
    }
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

fn filled(database: &str) -> Result<db::Pool> {
    let pool = db::open(database)?;
    seed::fill(&db::environment(pool.clone()), 200, 1_800, today())?;
    Ok(pool)
}

fn serve(pool: &db::Pool, port: u16) -> Result<()> {
    Runtime::new()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        println!("http://{}", listener.local_addr()?);
        let stop = async { drop(tokio::signal::ctrl_c().await) };
        Ok(axum::serve(listener, router(App::new(pool.clone()))).with_graceful_shutdown(stop).await?)
    })
}

fn import(pool: &db::Pool, path: &Path) -> Result<()> {
    // A job has its own settings: of the rows that are imported none is looked at again.
    let env = db::Environment::builder().pool(pool.clone()).cache_limit(10_000).build();
    let imported = import::import(&env, path, &bar()?)?;
    println!("{imported}");
    said(&env);
    Ok(())
}

fn nightly(pool: &db::Pool) -> Result<()> {
    let env = db::environment(pool.clone());
    println!("{}", nightly::run(&env, today(), &bar()?)?);
    said(&env);
    Ok(())
}

fn bar() -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% in {elapsed}, {eta} left")?;
    Ok(ProgressBar::new(0).with_style(style))
}

fn said(env: &db::Environment) {
    let stats = env.stats();
    println!("{} queries, {} of them writes; {} records cached", stats.queries, stats.writes, stats.records);
}

/// What the other commands do, one after the other: it ends, for a machine that looks whether it works.
fn check() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let pool = filled(&path("contacts.db").display().to_string())?;
    import::sample(&path("partners.csv"), ROWS)?;
    import(&pool, &path("partners.csv"))?;
    nightly(&pool)?;

    let runtime = Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    runtime.spawn(axum::serve(listener, router(App::new(pool))).into_future());
    for page in [
        "/partners",
        "/partners?q=imported&sort=total&down=true",
        "/partners/1",
        "/partners/new",
        "/countries",
        "/requests",
    ] {
        println!("{page}: {}", visit(address, page)?);
    }
    Ok(())
}

/// What was sent for a page, by its header
fn visit(address: SocketAddr, page: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let timing = answer.lines().find_map(|line| line.strip_prefix("server-timing: "));
    match timing {
        Some(timing) if answer.starts_with("HTTP/1.1 200") => Ok(timing.to_owned()),
        _ => Err(format!("{page} was answered with {}", answer.lines().next().unwrap_or_default()).into()),
    }
}
