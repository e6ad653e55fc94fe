//! A read that finds its value in the cache is an index and a copy: it allocates nothing and hashes nothing.
//!
//! A binary of its own with one test, as the allocator counts for the whole process.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

use std::alloc::System;
use std::cell::Cell;
use std::hash::{Hash, Hasher};

use diesel::prelude::*;
use orm_core::Result;
use orm_core::aggregate::{count, max};
use orm_core::prelude::*;
use orm_tests::File;
use orm_tests::partners::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

thread_local! {
    static HASHES: Cell<usize> = const { Cell::new(0) };
}

/// A key that counts how often it is hashed
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow,
)]
#[diesel(sql_type = diesel::sql_types::Integer)]
struct Counted(i32);

impl Hash for Counted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        HASHES.with(|hashes| hashes.set(hashes.get() + 1));
        self.0.hash(state);
    }
}

impl diesel::serialize::ToSql<diesel::sql_types::Integer, diesel::sqlite::Sqlite> for Counted {
    fn to_sql<'b>(
        &'b self,
        out: &mut diesel::serialize::Output<'b, '_, diesel::sqlite::Sqlite>,
    ) -> diesel::serialize::Result {
        out.set_value(self.0);
        Ok(diesel::serialize::IsNull::No)
    }
}

impl diesel::deserialize::FromSql<diesel::sql_types::Integer, diesel::sqlite::Sqlite> for Counted {
    fn from_sql(value: diesel::sqlite::SqliteValue<'_, '_, '_>) -> diesel::deserialize::Result<Self> {
        <i32 as diesel::deserialize::FromSql<diesel::sql_types::Integer, diesel::sqlite::Sqlite>>::from_sql(
            value,
        )
        .map(Self)
    }
}

diesel::table! { nodes { id -> Integer, name -> Text, next -> Nullable<Integer> } }

#[derive(Model)]
#[model(table = nodes)]
struct Node {
    #[model(primary_key)]
    id: Counted,
    name: String,
    next: Option<Id<Node>>,
    #[model(inverse = Node::NEXT)]
    before_ids: OneToMany<Node>,
}

/// What a loop over partners reads; long names are shared, short ones lie in the value
fn partners_loop(set: &RecordSet<'_, Partner>) -> Result<usize> {
    let mut total = 0;
    for partner in set {
        total += partner.name()?.len();
        total += partner.country_id().name()?.map_or(0, |name| name.len());
        total += partner.country_id().continent_id().name()?.map_or(0, |name| name.len());
        total += partner.parent_id().name()?.map_or(0, |name| name.len());
        total += usize::from(partner.active()?) + partner.credit()? as usize;
        total += partner.country_id().id()?.unwrap_or(0) as usize + partner.id() as usize;
        total += partner.get(Partner::LANG)?.map_or(0, |lang| lang.len());
    }
    Ok(total)
}

fn nodes_loop(set: &RecordSet<'_, Node>) -> Result<usize> {
    let mut total = 0;
    for node in set {
        total += node.name()?.len() + node.next().next().name()?.map_or(0, |name| name.len());
    }
    Ok(total)
}

/// What is kept of lists that are not loaded
fn lists_loop(set: &RecordSet<'_, Node>) -> Result<usize> {
    let mut total = 0;
    for node in set {
        let (number, last) = node.before_ids().aggregate((count(), max(Node::NAME)))?;
        total += number + last.map_or(0, |last| last.len()) + node.before_ids().len()?;
    }
    Ok(total)
}

/// The allocations of a piece of work: the least of a few runs, as the test harness has threads of its own
fn allocations(mut work: impl FnMut() -> Result<usize>) -> Result<usize> {
    let mut least = usize::MAX;
    for _ in 0..3 {
        let region = Region::new(ALLOCATOR);
        let total = work()?;
        let change = region.change();
        assert!(total > 0);
        least = least.min(change.allocations + change.reallocations);
    }
    Ok(least)
}

#[test]
fn a_warm_loop_neither_allocates_nor_hashes() -> Result<()> {
    let file = File::of_partners(2_000, 250);
    file.run("UPDATE partners SET name = name || ' with a name too long to be kept in place' WHERE id % 2");
    let env: Environment = Environment::connect(&file.url())?;
    let set = partners::table.order(partners::id).records::<Partner>(&env)?;
    partners_loop(&set)?;
    assert_eq!(env.stats().queries, 3, "partners, countries, continents");
    let warm = env.stats();
    assert_eq!(allocations(|| partners_loop(&set))?, 0);
    assert_eq!((env.stats().queries, env.stats().misses), (warm.queries, warm.misses));

    let file = File::new(
        "CREATE TABLE nodes (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, next INTEGER);
         WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1000)
         INSERT INTO nodes SELECT n, 'node ' || n, CASE WHEN n % 10 <> 0 THEN n + 1 END FROM s",
    );
    let env: Environment = Environment::connect(&file.url())?;
    let set = env.all::<Node>()?;
    nodes_loop(&set)?;
    assert!(HASHES.with(Cell::get) > 0, "the key does count");
    HASHES.with(|hashes| hashes.set(0));
    assert_eq!(allocations(|| nodes_loop(&set))?, 0);
    assert_eq!(HASHES.with(Cell::get), 0);

    let before = env.stats().queries;
    lists_loop(&set)?;
    assert_eq!(env.stats().queries - before, 1, "numbers and names of all lists");
    HASHES.with(|hashes| hashes.set(0));
    assert_eq!(allocations(|| lists_loop(&set))?, 0);
    assert_eq!((HASHES.with(Cell::get), env.stats().queries - before), (0, 1));
    Ok(())
}
