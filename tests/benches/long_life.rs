//! What single calls cost while an environment has few or many records cached: none may grow with what is cached.
//!
//! Run with: cargo bench -p orm-tests --bench long_life
#![allow(missing_docs, clippy::expect_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel::sql_query;
use orm_core::prelude::*;

diesel::table! { orders { id -> Integer, name -> Text, note -> Text } }
diesel::table! { lines { id -> Integer, order_id -> Integer, text -> Text } }

#[derive(Model)]
#[model(table = orders)]
struct Order {
    id: i32,
    name: String,
    note: String,
    #[model(inverse = Line::ORDER_ID)]
    line_ids: OneToMany<Line>,
}

#[derive(Model)]
#[model(table = lines)]
struct Line {
    id: i32,
    order_id: Id<Order>,
    text: String,
}

const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Calls of each kind
const CALLS: usize = 200;

/// A quarter of the records are orders, each with three lines that are listed.
fn filled(records: usize) -> orm_core::Result<Environment> {
    let env = Environment::connect(":memory:")?;
    let orders = records / 4;
    let statements = [
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT NOT NULL)".to_owned(),
        "CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE, text TEXT NOT NULL)".to_owned(),
        "CREATE INDEX lines_of_orders ON lines (order_id)".to_owned(),
        format!("INSERT INTO orders WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {orders}) SELECT i, 'o' || i, '' FROM n"),
        "INSERT INTO lines SELECT 3 * (id - 1) + n.column1, id, 'l' FROM orders, (VALUES (1), (2), (3)) AS n".to_owned(),
        "PRAGMA foreign_keys = ON".to_owned(),
    ];
    env.with_connection(|connection| {
        statements
            .iter()
            .try_for_each(|statement| sql_query(statement).execute(connection).map(drop))
            .map_err(orm_core::Error::from)
    })?;
    let orders = env.all::<Order>()?;
    orders.line_ids().load()?;
    for order in &orders {
        order.line_ids().len()?;
    }
    Ok(env)
}

/// The time of one call: all of them in a transaction, after a first one, which may prepare what all need
fn each(env: &Environment, mut call: impl FnMut(usize) -> orm_core::Result<()>) -> Duration {
    let run = || -> orm_core::Result<Duration> {
        call(0)?;
        let start = Instant::now();
        (1..=CALLS).try_for_each(&mut call)?;
        Ok(start.elapsed() / CALLS as u32)
    };
    env.transaction(run).expect("the calls")
}

type Job = (&'static str, fn(&Environment, usize) -> Duration);

const JOBS: [Job; 9] = [
    ("delete of a record that nothing links to", |env, records| {
        let last = (records / 4 * 3) as i32;
        each(env, |call| env.record::<Line>(last - call as i32).delete())
    }),
    ("delete of a record with lines that go along", |env, records| {
        let last = (records / 4) as i32;
        each(env, |call| env.record::<Order>(last - call as i32).delete())
    }),
    ("create", |env, _| each(env, |_| env.create(Line::values().order_id(1).text("new")).map(drop))),
    ("create, and read what a default gave", |env, _| {
        each(env, |call| {
            let order = env.create(Order::values().name(format!("n{call}")).note("new"))?;
            order.line_ids().len()?;
            order.name().map(drop)
        })
    }),
    ("set a value, and flush it", |env, _| {
        each(env, |call| {
            env.record::<Order>(1 + call as i32).set_note("changed")?;
            env.flush()
        })
    }),
    ("set a link, and flush it", |env, _| {
        each(env, |call| {
            env.record::<Line>(1 + call as i32).set_order_id(7)?;
            env.flush()
        })
    }),
    ("rollback of nothing", |env, _| {
        each(env, |_| {
            let nothing: orm_core::Result<()> = env.transaction(|| Err(orm_core::Error::other("nothing")));
            nothing.expect_err("rolled back");
            Ok(())
        })
    }),
    ("stats", |env, _| {
        each(env, |_| {
            std::hint::black_box(env.stats());
            Ok(())
        })
    }),
    ("invalidate a record, and read it", |env, _| {
        each(env, |call| {
            let order = env.record::<Order>(10 + call as i32);
            env.cache().invalidate(Order::NAME, [order.id()]);
            order.name().map(drop)
        })
    }),
];

fn main() -> orm_core::Result<()> {
    print!("{:45}", "microseconds a call, of records cached:");
    SIZES.iter().for_each(|size| print!("{size:>12}"));
    println!();
    let mut rows = vec![Vec::new(); JOBS.len()];
    for size in SIZES {
        let env = filled(size)?;
        for (job, row) in JOBS.iter().zip(&mut rows) {
            row.push((job.1)(&env, size));
        }
    }
    for ((name, _), row) in JOBS.iter().zip(rows) {
        print!("{name:45}");
        row.iter().for_each(|time| print!("{:>12.1}", time.as_secs_f64() * 1e6));
        println!();
    }
    Ok(())
}
