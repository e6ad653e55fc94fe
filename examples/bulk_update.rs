//! Run with: cargo run --release --example bulk_update
//!
//! Gives 10,000 records another name each, the same city all, and creates 10,000 more: through orm-core, and by hand in
//! diesel. diesel itself counts the statements. Makes its own SQLite files and removes them.
#![allow(clippy::print_stdout, missing_docs)]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { partners { id -> Integer, name -> Text, city -> Text } }

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    city: String,
}

const ROWS: i32 = 10_000;
/// Each way is run so many times, in turns; the fastest run counts.
const RUNS: u32 = 5;

/// What one way took: statements, and time
type Took = (usize, Duration);

fn name(n: i32, run: u32) -> String {
    format!("Partner {n}, renamed {run} times")
}

mod by_hand {
    //! In plain diesel

    use super::*;

    /// An UPDATE for each record, prepared once by diesel
    pub(super) fn update_each(connection: &mut SqliteConnection, run: u32) -> QueryResult<()> {
        connection.transaction(|connection| {
            (1..=ROWS).try_for_each(|id| {
                let update = diesel::update(partners::table.find(id)).set(partners::name.eq(name(id, run)));
                update.execute(connection).map(drop)
            })
        })
    }

    /// One UPDATE: the best that can be written
    pub(super) fn update_all(connection: &mut SqliteConnection, run: u32) -> QueryResult<()> {
        let update = diesel::update(partners::table.filter(partners::id.le(ROWS)));
        update.set(partners::city.eq(format!("City {run}"))).execute(connection).map(drop)
    }

    /// A multi-row INSERT for a thousand: SQLite takes no more binds than 32,766
    pub(super) fn create(connection: &mut SqliteConnection, run: u32) -> QueryResult<()> {
        connection.transaction(|connection| {
            (0..ROWS).collect::<Vec<_>>().chunks(1000).try_for_each(|ns| {
                let row = |&n: &i32| (partners::name.eq(name(n, run)), partners::city.eq("new"));
                let rows: Vec<_> = ns.iter().map(row).collect();
                diesel::insert_into(partners::table).values(rows).execute(connection).map(drop)
            })
        })
    }
}

mod through_orm_core {
    //! With records

    use super::*;

    pub(super) fn update_each(
        partners: &RecordSet<'_, Partner>,
        env: &Environment,
        run: u32,
    ) -> orm_core::Result<()> {
        env.transaction(|| {
            partners.iter().zip(1..).try_for_each(|(partner, n)| partner.set_name(name(n, run)))
        })
    }

    pub(super) fn update_all(partners: &RecordSet<'_, Partner>, run: u32) -> orm_core::Result<()> {
        partners.set_city(format!("City {run}"))
    }

    pub(super) fn create(env: &Environment, run: u32) -> orm_core::Result<()> {
        env.create_many((0..ROWS).map(|n| Partner::values().name(name(n, run)).city("new"))).map(drop)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = |file: &str| folder.path().join(file).display().to_string();
    let (mut plain, plain_sent) = filled(&path("plain.db"))?;
    let (connection, sent) = filled(&path("orm_core.db"))?;
    let env = Environment::builder().connection(connection).build();
    let partners: RecordSet<Partner> = partners::table.order(partners::id).records(&env)?;

    let mut took = [[(0, Duration::MAX); 2]; 3];
    for run in 1..=RUNS {
        let [each, all, create] = &mut took;
        measure(&plain_sent, &mut each[0], || by_hand::update_each(&mut plain, run))?;
        measure(&sent, &mut each[1], || through_orm_core::update_each(&partners, &env, run))?;
        measure(&plain_sent, &mut all[0], || by_hand::update_all(&mut plain, run))?;
        measure(&sent, &mut all[1], || through_orm_core::update_all(&partners, run))?;
        measure(&plain_sent, &mut create[0], || by_hand::create(&mut plain, run))?;
        measure(&sent, &mut create[1], || through_orm_core::create(&env, run))?;
    }

    println!("{ROWS} records, SQLite in a file; statements, and the time of the fastest of {RUNS} runs\n");
    println!("{:<34} {:>26} {:>26}", "", "plain diesel", "orm-core");
    let what = ["a name of its own for each", "the same city for all", "as many new ones"];
    for (what, [hand, ours]) in what.iter().zip(&took) {
        let shown = |&(statements, time): &Took| format!("{statements} in {time:.1?}");
        println!("{what:<34} {:>26} {:>26}", shown(hand), shown(ours));
    }

    let stored = partners::table.order(partners::id).load::<(i32, String, String)>(&mut plain)?;
    let ours: Vec<(i32, String, String)> =
        env.with_connection(|connection| Ok(partners::table.order(partners::id).load(connection)?))?;
    if stored != ours {
        return Err("the two ways wrote different rows".into());
    }
    println!("\nBoth files hold the same {} rows.", ours.len());
    drop((plain, env));
    Ok(folder.close()?)
}

/// Runs something; keeps its time if it is the fastest so far, and how many statements it sent.
fn measure<E>(sent: &AtomicUsize, took: &mut Took, run: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
    let (before, start) = (sent.load(Ordering::Relaxed), Instant::now());
    run()?;
    *took = (sent.load(Ordering::Relaxed) - before, took.1.min(start.elapsed()));
    Ok(())
}

/// A file with the records, and diesel's own count of the statements that its connection is sent, without those that
/// begin and end transactions
fn filled(path: &str) -> Result<(SqliteConnection, Arc<AtomicUsize>), Box<dyn Error>> {
    let mut connection = SqliteConnection::establish(path)?;
    connection.batch_execute(
        "CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, city TEXT NOT NULL)",
    )?;
    by_hand::create(&mut connection, 0)?;
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if let InstrumentationEvent::StartQuery { query, .. } = event
            && !["BEGIN", "COMMIT"].contains(&query.to_string().as_str())
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok((connection, sent))
}
