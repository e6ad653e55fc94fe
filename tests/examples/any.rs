//! What it costs that the address says which database it is: the cold loop over partners and their countries, over the database's own
//! connection and over an `AnyConnection`, in turn, in one run. `any [--rounds N] URL …`; the tables are made there, and removed.
#![allow(clippy::expect_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;
use orm_core::{AnyConnection, Connection};

diesel::table! { any_countries { id -> Integer, name -> Text } }
diesel::table! { any_partners { id -> Integer, name -> Text, email -> Text, credit -> Double, country_id -> Nullable<Integer> } }

/// The models over one connection, and the loop: what it takes in the best of some rounds
macro_rules! loops {
    ($name:ident, $connection:ty) => {
        mod $name {
            use super::{any_countries, any_partners};
            use orm_core::prelude::*;

            #[derive(Model)]
            #[model(table = any_countries, connection = $connection)]
            struct Country {
                id: i32,
                name: String,
            }

            #[derive(Model)]
            #[model(table = any_partners, connection = $connection)]
            struct Partner {
                id: i32,
                name: String,
                email: String,
                credit: f64,
                country_id: Option<Id<Country>>,
            }

            pub(super) fn sum(env: &orm_core::Environment<$connection>) -> orm_core::Result<usize> {
                let mut sum = 0;
                for partner in &env.all::<Partner>()? {
                    sum += partner.name()?.len() + partner.country_id().name()?.map_or(0, |name| name.len());
                }
                Ok(sum)
            }
        }
    };
}
loops!(sqlite, diesel::SqliteConnection);
loops!(postgres, diesel::PgConnection);
loops!(mysql, diesel::MysqlConnection);
loops!(any, orm_core::AnyConnection);

fn time<C: Connection>(
    env: &Environment<C>,
    sum: impl Fn(&Environment<C>) -> orm_core::Result<usize>,
) -> Duration {
    env.cache().clear();
    let start = Instant::now();
    assert!(sum(env).expect("the loop") > 0);
    start.elapsed()
}

fn compare<C: Connection>(
    url: &str,
    rows: usize,
    rounds: usize,
    own: impl Fn(&Environment<C>) -> orm_core::Result<usize>,
) -> orm_core::Result<()> {
    let (one, several) = (Environment::<C>::connect(url)?, Environment::<AnyConnection>::connect(url)?);
    let (mut best_own, mut best_any) = (Duration::MAX, Duration::MAX);
    // One after the other, so that whatever else the machine does meets both.
    for _ in 0..rounds {
        best_own = best_own.min(time(&one, &own));
        best_any = best_any.min(time(&several, any::sum));
    }
    let ratio = best_any.as_secs_f64() / best_own.as_secs_f64();
    println!("{:<12} {rows:>7} rows {best_own:>12.2?} {best_any:>12.2?} {ratio:>6.3}", one.database_system());
    Ok(())
}

fn fill(url: &str, rows: usize) -> orm_core::Result<()> {
    let mut connection = AnyConnection::connect(url)?;
    connection.batch_execute(
        "CREATE TABLE any_countries (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);
         CREATE TABLE any_partners (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL, email VARCHAR(100) NOT NULL,
            credit DOUBLE PRECISION NOT NULL, country_id INTEGER);",
    )?;
    let countries: Vec<String> = (1..=250).map(|id| format!("({id}, 'Country {id}')")).collect();
    connection.batch_execute(&format!("INSERT INTO any_countries VALUES {}", countries.join(", ")))?;
    let partner =
        |id: usize| format!("({id}, 'Partner {id}', 'partner.{id}@example.com', {id}.5, {})", 1 + id % 250);
    for ids in (1..=rows).collect::<Vec<_>>().chunks(1_000) {
        let partners: Vec<String> = ids.iter().copied().map(partner).collect();
        connection.batch_execute(&format!("INSERT INTO any_partners VALUES {}", partners.join(", ")))?;
    }
    Ok(())
}

fn main() -> orm_core::Result<()> {
    let mut urls: Vec<String> = std::env::args().skip(1).collect();
    let mut rounds = 30;
    if urls.first().is_some_and(|first| first == "--rounds") {
        rounds = urls.drain(..2).next_back().and_then(|rounds| rounds.parse().ok()).unwrap_or(rounds);
    }
    println!("{:<12} {:>12} {:>12} {:>12} {:>6}", "", "", "its own", "any", "ratio");
    for url in &urls {
        for rows in [1_000, 10_000, 100_000] {
            fill(url, rows)?;
            let compared = match url.split(':').next().unwrap_or_default() {
                "postgres" => compare(url, rows, rounds, postgres::sum),
                "mysql" => compare(url, rows, rounds, mysql::sum),
                _ => compare(url, rows, rounds, sqlite::sum),
            };
            AnyConnection::connect(url)?
                .batch_execute("DROP TABLE any_partners; DROP TABLE any_countries;")?;
            compared?;
        }
    }
    Ok(())
}
