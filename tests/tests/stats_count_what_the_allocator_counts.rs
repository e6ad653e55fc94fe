//! C5: `stats().bytes` is within 10 % of what the allocator gave out for the cache.
//!
//! A binary of its own with one test, as the allocator counts for the whole process.
// diesel's tables are public modules.
#![allow(missing_docs, unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, clippy::use_self)]

use std::alloc::System;

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::File;
use orm_tests::partners::*;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes in use now, relative to the start of the region
fn held(region: &Region<'_, System>) -> isize {
    let change = region.change();
    change.bytes_allocated as isize - change.bytes_deallocated as isize
}

#[track_caller]
fn assert_near(env: &Environment, region: &Region<'_, System>, of_handles: usize, what: &str) {
    let (counted, real) = (env.stats().bytes as f64, held(region) as f64 - of_handles as f64);
    let off = (counted / real - 1.0) * 100.0;
    assert!(off.abs() <= 10.0, "{what}: stats say {counted}, the allocator {real}: {off:+.1} %");
}

#[test]
fn bytes_are_those_of_the_allocator() -> Result<()> {
    let file = File::of_partners(20_000, 250);
    file.run("UPDATE partners SET name = name || ' with a name that is too long to be kept in place' WHERE id % 3 = 0");
    file.run("CREATE TABLE texts (code TEXT PRIMARY KEY NOT NULL, picture BLOB NOT NULL);
         INSERT INTO texts SELECT 'a rather long code of a text ' || id, zeroblob(100 + id % 100) FROM partners");
    let env: Environment = Environment::connect(&file.url())?;
    // What the connection itself keeps, statements and pages, is there from the first query on; SQLite has its own allocator.
    env.all::<Tag>()?;
    env.record::<Partner>(1).name()?;
    env.cache().clear();
    let before = env.stats().bytes;

    let region = Region::new(ALLOCATOR);
    let set = partners::table.record_ids::<Partner>(&env)?;
    let slots = 4 * set.len().next_power_of_two();
    let real = held(&region);
    assert!(real > 0 && env.stats().bytes > before);
    set.name()?;
    assert_near(&env, &region, slots, "20,000 partners");

    set.country_id().name()?;
    assert_near(&env, &region, slots, "and their countries");

    set.prefetch_field(Partner::NOTES)?;
    assert_near(&env, &region, slots, "and their notes");

    set.get(0).expect("one").tag_ids().name()?;
    env.all::<Country>()?.partner_ids().ids()?;
    assert_near(&env, &region, slots, "and lists");

    env.cache().invalidate(Partner::NAME, set.ids().into_iter().filter(|id| id % 2 == 0));
    assert_near(&env, &region, slots, "half of the names gone");

    env.cache().invalidate_field(Partner::NOTES);
    assert_near(&env, &region, slots, "all notes gone");

    env.browse::<Text>(set.ids().iter().map(|id| format!("a rather long code of a text {id}"))).picture()?;
    assert_near(&env, &region, slots, "text keys and blobs");
    Ok(())
}

diesel::table! { texts (code) { code -> Text, picture -> Binary } }

#[derive(Model)]
#[model(table = texts)]
struct Text {
    #[model(primary_key)]
    code: String,
    picture: Vec<u8>,
}
