//! Many threads that read, write, create, delete, move members, pair, nest and undo, on the connection that `super::Db` is
//!
//! Each account says how much its entries are together and how many tags it has. Whoever changes one changes the other in the same transaction, and
//! looks whether they agree, as the cache tells it. `ORM_TEST_LOAD_SECONDS=60 cargo test --release … load -- --nocapture` is the long run;
//! it prints how often a second it was done, beside the same steps by hand in diesel. SQLite, whose other tests are elsewhere, is tried here, too.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool};
use orm_core::prelude::*;
use orm_core::{Error, Isolation, TransactionOptions};

use super::{Db, Place};
use crate::place::Outcome;

diesel::table! { accounts { id -> Integer, amount -> Integer, entered -> Integer, tagged -> Integer } }
diesel::table! { entries { id -> Integer, account_id -> Integer, amount -> Integer } }
diesel::table! { account_tags (account_id, tag_id) { account_id -> Integer, tag_id -> Integer } }
diesel::table! { tags { id -> Integer, name -> Text } }

#[derive(Model)]
#[model(table = accounts, connection = Db)]
struct Account {
    id: i32,
    amount: i32,
    entered: i32,
    tagged: i32,
    #[model(inverse = Entry::ACCOUNT_ID)]
    entry_ids: OneToMany<Entry>,
    #[model(through(account_tags::account_id, account_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
}

#[derive(Model)]
#[model(table = entries, connection = Db)]
struct Entry {
    id: i32,
    account_id: Id<Account>,
    amount: i32,
}

#[derive(Model)]
#[model(table = tags, connection = Db)]
struct Tag {
    id: i32,
    name: String,
    #[model(through(account_tags::tag_id, account_tags::account_id))]
    account_ids: ManyToMany<Account>,
}

const TABLES: &str = "
    CREATE TABLE accounts (id INTEGER NOT NULL PRIMARY KEY, amount INTEGER NOT NULL, entered INTEGER NOT NULL, tagged INTEGER NOT NULL);
    CREATE TABLE entries (id SERIAL_KEY, account_id INTEGER NOT NULL, amount INTEGER NOT NULL, FOREIGN KEY (account_id) REFERENCES accounts (id));
    CREATE INDEX entries_of ON entries (account_id);
    CREATE TABLE tags (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL);
    CREATE TABLE account_tags (account_id INTEGER NOT NULL, tag_id INTEGER NOT NULL, PRIMARY KEY (account_id, tag_id))";

const THREADS: u64 = 16;
const ACCOUNTS: i32 = 60;
const TAGS: i32 = 8;
/// How often a step is tried: with `SERIALIZABLE` most of sixteen are refused.
const TRIES: usize = 200;

/// What one transaction does; drawn before it begins, so that it does the same when it is tried again
#[derive(Debug, Clone, Copy)]
enum Step {
    Move { from: i32, to: i32, amount: i32 },
    Enter { account: i32, amount: i32 },
    Change { account: i32, which: usize, amount: i32 },
    Hand { from: i32, to: i32, which: usize },
    Remove { account: i32, which: usize },
    Tag { account: i32, tag: i32 },
    Undone { account: i32, tag: i32, amount: i32 },
    Look { account: i32 },
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: i32) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from((self.0 >> 33) % u64::from(sides.unsigned_abs())).unwrap_or(0)
    }

    fn step(&mut self) -> Step {
        let (account, other) = (1 + self.roll(ACCOUNTS), 1 + self.roll(ACCOUNTS));
        let to = if other == account { 1 + account % ACCOUNTS } else { other };
        let (which, amount, tag) =
            (self.roll(1_000).unsigned_abs() as usize, self.roll(50), 1 + self.roll(TAGS));
        match self.roll(20) {
            0..5 => Step::Move { from: account, to, amount },
            5..9 => Step::Enter { account, amount },
            9..11 => Step::Change { account, which, amount },
            11..13 => Step::Hand { from: account, to, which },
            13..15 => Step::Remove { account, which },
            15..17 => Step::Tag { account, tag },
            17..19 => Step::Undone { account, tag, amount },
            _ => Step::Look { account },
        }
    }
}

impl Step {
    /// Whether it writes after it has read
    fn writes(self) -> bool {
        !matches!(self, Self::Look { .. })
    }

    fn accounts(self) -> Vec<i32> {
        match self {
            Self::Move { from, to, .. } | Self::Hand { from, to, .. } => vec![from.min(to), from.max(to)],
            Self::Enter { account, .. }
            | Self::Change { account, .. }
            | Self::Remove { account, .. }
            | Self::Tag { account, .. }
            | Self::Undone { account, .. }
            | Self::Look { account } => vec![account],
        }
    }
}

fn other(error: impl std::fmt::Display) -> Error {
    Error::other(error.to_string())
}

/// What an account says of its entries and tags is what they are.
fn agree(account: &Record<'_, Account>) -> Result<(), Error> {
    let counted = account.entry_ids().len()?;
    let entered: i32 = account.entry_ids().amount()?.iter().sum();
    let listed = account.entry_ids().ids()?.len();
    let tagged = account.tag_ids().len()?;
    let (said, said_tags) = (account.entered()?, account.tagged()?);
    if entered != said || counted != listed || usize::try_from(said_tags).ok() != Some(tagged) {
        let id = account.id();
        return Err(other(format!(
            "{id}: {said} for {entered}, {counted} for {listed}, {said_tags} tags for {tagged}"
        )));
    }
    Ok(())
}

fn run(env: &Environment<Db>, step: Step, locks: bool) -> Result<(), Error> {
    let ids = step.accounts();
    if locks {
        env.browse::<Account>(ids.iter().copied()).lock()?;
    }
    let account = |id: i32| env.record::<Account>(id);
    let nth = |account: &Record<'_, Account>, which: usize| -> Result<Option<_>, Error> {
        let entries = account.entry_ids().ids()?;
        Ok(entries.get(which % entries.len().max(1)).map(|&entry| env.record::<Entry>(entry)))
    };
    let tag = |id: i32, tag: i32| -> Result<(), Error> {
        let (account, tag) = (account(id), env.record::<Tag>(tag));
        if account.tag_ids().ids()?.contains(&tag.id()) {
            account.tag_ids().remove(&tag)?;
            account.set_tagged(account.tagged()? - 1)
        } else {
            account.tag_ids().add(&tag)?;
            account.set_tagged(account.tagged()? + 1)
        }
    };
    let enter = |id: i32, amount: i32| -> Result<(), Error> {
        let account = account(id);
        account.entry_ids().create(Entry::values().amount(amount))?;
        account.set_entered(account.entered()? + amount)
    };
    match step {
        Step::Move { from, to, amount } => {
            let (from, to) = (account(from), account(to));
            from.set_amount(from.amount()? - amount)?;
            to.set_amount(to.amount()? + amount)?;
        }
        Step::Enter { account, amount } => enter(account, amount)?,
        Step::Change { account: id, which, amount } => {
            let account = account(id);
            if let Some(entry) = nth(&account, which)? {
                account.set_entered(account.entered()? - entry.amount()? + amount)?;
                entry.set_amount(amount)?;
            }
        }
        Step::Hand { from, to, which } => {
            let (from, to) = (account(from), account(to));
            if let Some(entry) = nth(&from, which)? {
                let amount = entry.amount()?;
                entry.set_account_id(&to)?;
                from.set_entered(from.entered()? - amount)?;
                to.set_entered(to.entered()? + amount)?;
            }
        }
        Step::Remove { account: id, which } => {
            let account = account(id);
            if let Some(entry) = nth(&account, which)? {
                account.set_entered(account.entered()? - entry.amount()?)?;
                entry.delete()?;
            }
        }
        Step::Tag { account, tag: which } => tag(account, which)?,
        Step::Undone { account: id, tag: which, amount } => {
            enter(id, amount)?;
            let undone = env.transaction(|| {
                tag(id, which)?;
                enter(id, amount)?;
                let account = account(id);
                account.set_amount(account.amount()? - amount)?;
                env.flush()?;
                agree(&account)?;
                Err::<(), _>(other("undone"))
            });
            match undone {
                Err(error) if error.to_string() == "undone" => {}
                Err(error) => return Err(error),
                Ok(()) => return Err(other("it was not undone")),
            }
        }
        Step::Look { .. } => {}
    }
    ids.into_iter().try_for_each(|id| agree(&account(id)))
}

/// The same by hand
fn run_by_hand(connection: &mut Db, step: Step, locks: bool) -> diesel::QueryResult<()> {
    let ids = step.accounts();
    let of_these = || accounts::table.filter(accounts::id.eq_any(&ids)).order(accounts::id);
    #[allow(clippy::if_same_then_else, reason = "SQLite locks no rows")]
    let rows: Vec<(i32, i32, i32, i32)> =
        if locks { super::for_update!(of_these()).load(connection)? } else { of_these().load(connection)? };
    let row = |id: i32| rows.iter().find(|row| row.0 == id).copied().ok_or(diesel::NotFound);
    let entries = |connection: &mut Db, id: i32| -> diesel::QueryResult<Vec<(i32, i32, i32)>> {
        entries::table.filter(entries::account_id.eq(id)).load(connection)
    };
    let nth = |connection: &mut Db, id: i32, which: usize| -> diesel::QueryResult<Option<(i32, i32, i32)>> {
        let entries = entries(connection, id)?;
        Ok(entries.get(which % entries.len().max(1)).copied())
    };
    let enter_more = |connection: &mut Db, id: i32, amount: i32| {
        let account = diesel::update(accounts::table.find(id));
        account.set(accounts::entered.eq(accounts::entered + amount)).execute(connection)
    };
    let enter = |connection: &mut Db, id: i32, amount: i32| {
        let values = (entries::account_id.eq(id), entries::amount.eq(amount));
        diesel::insert_into(entries::table).values(values).execute(connection)?;
        enter_more(connection, id, amount)
    };
    let tag = |connection: &mut Db, id: i32, tag: i32| {
        let pair = || account_tags::table.find((id, tag));
        let there: i64 = pair().count().get_result(connection)?;
        if there > 0 {
            diesel::delete(pair()).execute(connection)?;
        } else {
            let pair = (account_tags::account_id.eq(id), account_tags::tag_id.eq(tag));
            diesel::insert_into(account_tags::table).values(pair).execute(connection)?;
        }
        let change = if there > 0 { -1 } else { 1 };
        let account = diesel::update(accounts::table.find(id));
        account.set(accounts::tagged.eq(accounts::tagged + change)).execute(connection)
    };
    let give = |connection: &mut Db, id: i32, amount: i32| {
        diesel::update(accounts::table.find(id)).set(accounts::amount.eq(amount)).execute(connection)
    };
    match step {
        Step::Move { from, to, amount } => {
            give(connection, from, row(from)?.1 - amount)?;
            give(connection, to, row(to)?.1 + amount)?;
        }
        Step::Enter { account, amount } => drop(enter(connection, account, amount)?),
        Step::Change { account, which, amount } => {
            if let Some((entry, _, before)) = nth(connection, account, which)? {
                enter_more(connection, account, amount - before)?;
                diesel::update(entries::table.find(entry))
                    .set(entries::amount.eq(amount))
                    .execute(connection)?;
            }
        }
        Step::Hand { from, to, which } => {
            if let Some((entry, _, amount)) = nth(connection, from, which)? {
                diesel::update(entries::table.find(entry))
                    .set(entries::account_id.eq(to))
                    .execute(connection)?;
                enter_more(connection, from, -amount)?;
                enter_more(connection, to, amount)?;
            }
        }
        Step::Remove { account, which } => {
            if let Some((entry, _, amount)) = nth(connection, account, which)? {
                diesel::delete(entries::table.find(entry)).execute(connection)?;
                enter_more(connection, account, -amount)?;
            }
        }
        Step::Tag { account, tag: which } => drop(tag(connection, account, which)?),
        Step::Undone { account, tag: which, amount } => {
            enter(connection, account, amount)?;
            let undone = connection.transaction(|connection| {
                tag(connection, account, which)?;
                enter(connection, account, amount)?;
                give(connection, account, row(account)?.1 - amount)?;
                Err::<(), _>(diesel::result::Error::RollbackTransaction)
            });
            match undone {
                Err(diesel::result::Error::RollbackTransaction) => {}
                undone => undone?,
            }
        }
        Step::Look { .. } => {}
    }
    for id in ids {
        let (_, _, entered, tagged) =
            accounts::table.find(id).get_result::<(i32, i32, i32, i32)>(connection)?;
        let sum: i32 = entries(connection, id)?.iter().map(|entry| entry.2).sum();
        let tags: i64 =
            account_tags::table.filter(account_tags::account_id.eq(id)).count().get_result(connection)?;
        assert_eq!((entered, i64::from(tagged)), (sum, tags), "by hand, {id}");
    }
    Ok(())
}

/// What the rows say, beside any cache: all amounts together, and accounts that do not agree with their entries and tags
const AMOUNTS: &str = "SELECT CAST(sum(amount) AS INTEGER) AS number FROM accounts";
const TORN: &str = "SELECT CAST(count(*) AS INTEGER) AS number FROM accounts
    WHERE entered <> (SELECT coalesce(sum(e.amount), 0) FROM entries e WHERE e.account_id = accounts.id)
    OR tagged <> (SELECT count(*) FROM account_tags t WHERE t.account_id = accounts.id)";

fn number(connection: &mut Db, sql: &str) -> Outcome<i64> {
    #[derive(QueryableByName)]
    struct Number {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        number: i64,
    }
    let sql = sql.replace("AS INTEGER", &format!("AS {}", super::INTEGER));
    Ok(diesel::sql_query(sql).get_result::<Number>(connection)?.number)
}

/// What a careful application tells each of its connections
#[derive(Debug)]
struct Settings;

impl CustomizeConnection<Db, diesel::r2d2::Error> for Settings {
    fn on_acquire(&self, connection: &mut Db) -> Result<(), diesel::r2d2::Error> {
        connection.batch_execute(super::SETTINGS).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// What each thread does until the time is over, beside a pool
fn threads<T: Send + 'static>(
    address: &str,
    work: impl Fn(Pool<ConnectionManager<Db>>, Dice, Instant) -> Result<T, String> + Send + Sync + 'static,
) -> Outcome<Vec<T>> {
    let seconds =
        std::env::var("ORM_TEST_LOAD_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(1.0);
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let pool = Pool::builder()
        .max_size(THREADS as u32)
        .connection_customizer(Box::new(Settings))
        .build(ConnectionManager::<Db>::new(address))?;
    let work = Arc::new(work);
    let one = |seed: u64| {
        let (pool, work) = (pool.clone(), Arc::clone(&work));
        std::thread::spawn(move || work(pool, Dice(seed * 7_919 + 1), until))
    };
    let threads: Vec<_> = (0..THREADS).map(one).collect();
    let mut results = Vec::new();
    for thread in threads {
        results.push(thread.join().map_err(|_| "a thread panicked")??);
    }
    Ok(results)
}

fn is_refused(error: &diesel::result::Error) -> bool {
    let text = error.to_string();
    ["serialize", "deadlock", "Deadlock", "Record has changed", "lock wait", "database is locked"]
        .iter()
        .any(|refused| text.contains(refused))
}

/// Whether rows have to be locked, or the database refuses what would be lost
fn locks(isolation: Isolation) -> bool {
    super::LOCKS_ROWS
        && isolation != Isolation::Serializable
        && !(isolation == Isolation::RepeatableRead && super::SNAPSHOTS_REFUSE)
}

#[test]
fn sixteen_threads_keep_what_must_hold() -> Outcome {
    let Some(place) = Place::new()? else { return Ok(()) };
    let mut admin = place.connect()?;
    admin.batch_execute(&TABLES.replace("SERIAL_KEY", super::SERIAL_KEY))?;
    let row = |id: i32| {
        let none = (accounts::entered.eq(0), accounts::tagged.eq(0));
        (accounts::id.eq(id), accounts::amount.eq(100), none.0, none.1)
    };
    diesel::insert_into(accounts::table)
        .values((1..=ACCOUNTS).map(row).collect::<Vec<_>>())
        .execute(&mut admin)?;
    let tag = |id: i32| (tags::id.eq(id), tags::name.eq(format!("tag {id}")));
    diesel::insert_into(tags::table).values((1..=TAGS).map(tag).collect::<Vec<_>>()).execute(&mut admin)?;

    for &isolation in super::LEVELS {
        let started = Instant::now();
        let tried = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&tried);
        let done = threads(&place.address, move |pool, mut dice, until| {
            let env = Environment::new(pool);
            let (mut done, mut gave_up) = (0_u64, 0_u64);
            while Instant::now() < until {
                let step = dice.step();
                let options = TransactionOptions::new().isolation(isolation).fresh(true);
                let options =
                    if super::IS_IMMEDIATE && step.writes() { options.immediate() } else { options };
                let ran = env.transaction_with_retry(TRIES, options, || {
                    counted.fetch_add(1, Ordering::Relaxed);
                    run(&env, step, locks(isolation))
                });
                match ran {
                    Ok(()) => done += 1,
                    Err(Error::GaveUp { .. }) => gave_up += 1,
                    Err(error) => return Err(format!("{step:?}: {error} ({error:?})")),
                }
                if env.stats().dirty != 0 {
                    return Err(format!("{step:?}: something waits"));
                }
            }
            Ok((done, gave_up))
        })
        .map_err(|error| format!("{isolation:?}: {error}"))?;
        let ours = done.iter().map(|&(done, _)| done).sum::<u64>() as f64 / started.elapsed().as_secs_f64();
        let gave_up: u64 = done.iter().map(|&(_, gave_up)| gave_up).sum();
        assert_eq!(number(&mut admin, AMOUNTS)?, i64::from(100 * ACCOUNTS), "{isolation:?}");
        assert_eq!(number(&mut admin, TORN)?, 0, "{isolation:?}");

        let started = Instant::now();
        let done = threads(&place.address, move |pool, mut dice, until| {
            let mut done = 0_u64;
            while Instant::now() < until {
                let step = dice.step();
                let mut connection = pool.get().map_err(|error| error.to_string())?;
                for _ in 0..TRIES {
                    match super::transaction_by_hand(
                        &mut connection,
                        isolation,
                        step.writes(),
                        |connection| run_by_hand(connection, step, locks(isolation)),
                    ) {
                        Ok(()) => {
                            done += 1;
                            break;
                        }
                        Err(error) if is_refused(&error) => super::after_a_refusal(&mut connection),
                        Err(error) => return Err(format!("by hand: {step:?}: {error}")),
                    }
                }
            }
            Ok(done)
        })?;
        let by_hand = done.iter().sum::<u64>() as f64 / started.elapsed().as_secs_f64();
        assert_eq!(number(&mut admin, TORN)?, 0, "by hand, {isolation:?}");
        println!(
            "{:<12} {isolation:?}: {ours:.0} transactions a second, {by_hand:.0} by hand, {:.2}; {} tries, {gave_up} gave up",
            std::any::type_name::<Db>().rsplit("::").next().unwrap_or_default(),
            ours / by_hand,
            tried.load(Ordering::Relaxed),
        );
    }
    Ok(())
}
