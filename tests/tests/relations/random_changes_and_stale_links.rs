//! Links are read, then somebody else moves, deletes and adds rows, then members are counted, listed and summed up: what was read
//! last says who is a member, whatever the older links say, and whatever is done through them afterwards is put right by it, in
//! transactions that are committed or rolled back.

use std::collections::BTreeMap;

use diesel::prelude::*;
use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::database::{ENFORCING, File, TestDb};
use orm_tests::{on, test_db};
use proptest::prelude::*;

diesel::table! { owners { id -> Integer, name -> Text } }
diesel::table! { items { id -> Integer, owner_id -> Nullable<Integer>, amount -> Integer } }

#[derive(Model)]
#[model(table = owners)]
struct Owner {
    id: i32,
    name: String,
    #[model(inverse = Item::OWNER_ID)]
    item_ids: OneToMany<Item>,
}

#[derive(Model)]
#[model(table = items)]
struct Item {
    id: i32,
    owner_id: Option<Id<Owner>>,
    amount: i32,
}

const OWNERS: i32 = 4;
const ITEMS: i32 = 8;

/// A key that was somebody else's does not come again: what was read of a row stays what was read of it.
fn schema() -> TestDb {
    test_db!(File::new(
        "CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE items (id INTEGER PRIMARY KEY AUTOINCREMENT, owner_id INTEGER REFERENCES owners, amount INTEGER NOT NULL);
         INSERT INTO owners VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
         INSERT INTO items VALUES (1, 1, 1), (2, 1, 2), (3, 2, 4), (4, 2, 8), (5, 3, 16), (6, 3, 32), (7, NULL, 64), (8, NULL, 128)"
    ))
}

/// What somebody else does
#[derive(Debug, Clone)]
enum Elsewhere {
    Move(i32, Option<i32>),
    Delete(i32),
    Add(Option<i32>, i32),
}

impl Elsewhere {
    fn sql(&self) -> String {
        let owner = |owner: &Option<i32>| owner.map_or_else(|| "NULL".to_owned(), |owner| owner.to_string());
        match self {
            Self::Move(item, to) => format!("UPDATE items SET owner_id = {} WHERE id = {item}", owner(to)),
            Self::Delete(item) => format!("DELETE FROM items WHERE id = {item}"),
            Self::Add(to, amount) => {
                format!("INSERT INTO items (owner_id, amount) VALUES ({}, {amount})", owner(to))
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Move(i32, Option<i32>),
    Amount(i32, i32),
    Delete(i32),
    Create(Option<i32>, i32),
    Upsert(i32, Option<i32>, i32),
    Add(i32, i32),
    Remove(i32, i32),
    Assign(i32, i32),
    Read(What),
}

/// What is known of the members
#[derive(Debug, Clone, Copy)]
enum What {
    Counts,
    Lists,
    Sums,
    Largest,
    Expression,
}

const ALL: [What; 5] = [What::Counts, What::Lists, What::Sums, What::Largest, What::Expression];

type Known = BTreeMap<i32, Vec<i64>>;

/// As the environment has it
fn known(db: &TestDb, what: What) -> Result<Known> {
    let owners = db.browse::<Owner>(1..=OWNERS);
    let of = |owner: Record<'_, Owner>| -> Result<(i32, Vec<i64>)> {
        let items = owner.item_ids();
        let values = match what {
            What::Counts => vec![items.len()? as i64],
            What::Lists => items.ids()?.into_iter().map(i64::from).collect(),
            What::Sums => vec![items.sum(Item::AMOUNT)?],
            What::Largest => items.max(Item::AMOUNT)?.map(i64::from).into_iter().collect(),
            What::Expression => vec![items.sum(items::amount * 2)?],
        };
        Ok((owner.id(), values))
    };
    owners.iter().map(of).collect()
}

/// As the database has it
fn stored(db: &TestDb, what: What) -> Known {
    let selected = match what {
        What::Counts => "count(*)",
        What::Lists => "id",
        What::Sums => "coalesce(sum(amount), 0)",
        What::Largest => "max(amount)",
        What::Expression => "coalesce(sum(amount * 2), 0)",
    };
    let of = |owner: i32| {
        let rows = db.file.values(&format!(
            "SELECT CAST({selected} AS TEXT) AS value FROM items WHERE owner_id = {owner} ORDER BY {}",
            if matches!(what, What::Lists) { "id" } else { "1" }
        ));
        (owner, rows.iter().filter_map(|value| value.parse().ok()).collect())
    };
    (1..=OWNERS).map(of).collect()
}

fn take(db: &TestDb, step: &Step) -> Result<()> {
    let item = |id: i32| db.record::<Item>(id);
    match *step {
        Step::Move(id, to) => item(id).set_owner_id(&to),
        Step::Amount(id, amount) => item(id).set_amount(amount),
        Step::Delete(id) => item(id).delete(),
        Step::Create(owner, amount) => db.create(Item::values().owner_id(&owner).amount(amount)).map(drop),
        Step::Upsert(id, owner, amount) => {
            db.upsert(Item::ID, Item::values().id(id).owner_id(&owner).amount(amount)).map(drop)
        }
        Step::Add(owner, id) => db.record::<Owner>(owner).item_ids().add(&item(id)),
        Step::Remove(owner, id) => db.record::<Owner>(owner).item_ids().remove(&item(id)),
        Step::Assign(id, owner) => item(id).update(items::owner_id.eq(owner)),
        Step::Read(what) => known(db, what).map(drop),
    }
}

fn owner() -> impl Strategy<Value = Option<i32>> {
    prop::option::weighted(0.8, 1..=OWNERS)
}

fn elsewhere() -> impl Strategy<Value = Elsewhere> {
    prop_oneof![
        3 => (1..=ITEMS, owner()).prop_map(|(item, to)| Elsewhere::Move(item, to)),
        1 => (1..=ITEMS).prop_map(Elsewhere::Delete),
        1 => (owner(), 0..100).prop_map(|(to, amount)| Elsewhere::Add(to, amount)),
    ]
}

fn what() -> impl Strategy<Value = What> {
    prop::sample::select(ALL.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    // Some that somebody else may have added, and some that nobody has
    let item = || 1..=ITEMS + 3;
    prop_oneof![
        3 => (item(), owner()).prop_map(|(id, to)| Step::Move(id, to)),
        2 => (item(), 0..1000).prop_map(|(id, amount)| Step::Amount(id, amount)),
        2 => item().prop_map(Step::Delete),
        1 => (owner(), 0..100).prop_map(|(owner, amount)| Step::Create(owner, amount)),
        2 => (item(), owner(), 0..100).prop_map(|(id, owner, amount)| Step::Upsert(id, owner, amount)),
        2 => (1..=OWNERS, item()).prop_map(|(owner, id)| Step::Add(owner, id)),
        1 => (1..=OWNERS, item()).prop_map(|(owner, id)| Step::Remove(owner, id)),
        1 => (item(), 1..=OWNERS).prop_map(|(id, owner)| Step::Assign(id, owner)),
        2 => what().prop_map(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: on!(sqlite 256, postgres 24, mysql 24), ..ProptestConfig::default() })]

    #[test]
    fn what_was_read_last_says_who_is_a_member(
        read in prop::collection::btree_set(1..=ITEMS, 0..8),
        elsewhere in prop::collection::vec(elsewhere(), 0..6),
        then in prop::collection::vec(what(), 0..4),
        steps in prop::collection::vec((prop::collection::vec(step(), 1..4), any::<bool>(), any::<bool>()), 1..8),
        looks in prop::collection::vec(what(), 8),
    ) {
        let db = schema();
        for &id in &read {
            db.record::<Item>(id).owner_id().id().unwrap();
        }
        elsewhere.iter().for_each(|change| db.file.run(&change.sql()));
        for &what in &then {
            prop_assert_eq!(known(&db, what).unwrap(), stored(&db, what));
        }
        for ((steps, together, committed), look) in steps.iter().zip(looks) {
            if *together {
                let _: Result<()> = db.transaction(|| {
                    steps.iter().try_for_each(|step| take(&db, step))?;
                    if *committed { Ok(()) } else { Err(orm_core::Error::other("undone")) }
                });
            } else {
                // One that is not there is an error, and the next step goes on.
                steps.iter().for_each(|step| drop(take(&db, step)));
            }
            prop_assert_eq!(known(&db, look).unwrap(), stored(&db, look), "{:?} after {:?}", look, steps);
        }
        for what in ALL {
            prop_assert_eq!(known(&db, what).unwrap(), stored(&db, what), "{:?} in the end", what);
        }
    }
}

/// The same through a join table: the lists of one side are read, pairs come and go elsewhere, then the other side is read.
mod pairs {
    use super::*;

    diesel::table! { lefts { id -> Integer, name -> Text } }
    diesel::table! { rights { id -> Integer, weight -> Integer } }
    diesel::table! { pairs (left_id, right_id) { left_id -> Integer, right_id -> Integer } }
    diesel::allow_tables_to_appear_in_same_query!(lefts, rights, pairs);

    #[derive(Model)]
    #[model(table = lefts)]
    struct Left {
        id: i32,
        name: String,
        #[model(through(pairs::left_id, pairs::right_id))]
        right_ids: ManyToMany<Right>,
    }

    #[derive(Model)]
    #[model(table = rights)]
    struct Right {
        id: i32,
        weight: i32,
        #[model(through(pairs::right_id, pairs::left_id))]
        left_ids: ManyToMany<Left>,
    }

    const EACH: i32 = 4;

    /// Who is deleted takes the pairs along, and the database refuses those of nobody.
    fn schema() -> TestDb {
        let db = test_db!(File::new(
            "CREATE TABLE lefts (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE rights (id INTEGER PRIMARY KEY, weight INTEGER NOT NULL);
             CREATE TABLE pairs (left_id INTEGER NOT NULL REFERENCES lefts ON DELETE CASCADE,
                 right_id INTEGER NOT NULL REFERENCES rights, PRIMARY KEY (left_id, right_id));
             INSERT INTO lefts VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd');
             INSERT INTO rights VALUES (1, 1), (2, 2), (3, 4), (4, 8);
             INSERT INTO pairs VALUES (1, 1), (1, 2), (2, 1), (3, 4)"
        ));
        db.execute(diesel::sql_query(ENFORCING)).expect("a setting");
        db
    }

    type Pair = (i32, i32);

    #[derive(Debug, Clone)]
    enum Step {
        Add(Pair),
        Remove(Pair),
        AddFromRight(Pair),
        RemoveFromRight(Pair),
        Set(i32, Vec<i32>),
        Count,
        List,
        DeleteLeft(i32),
    }

    fn take(db: &TestDb, step: &Step) -> Result<()> {
        let left = |id: i32| db.record::<Left>(id);
        let right = |id: i32| db.record::<Right>(id);
        match step {
            Step::Add((a, b)) => left(*a).right_ids().add(&right(*b)),
            Step::Remove((a, b)) => left(*a).right_ids().remove(&right(*b)),
            Step::AddFromRight((a, b)) => right(*b).left_ids().add(&left(*a)),
            Step::RemoveFromRight((a, b)) => right(*b).left_ids().remove(&left(*a)),
            Step::Set(a, rights) => left(*a).right_ids().set(&db.browse::<Right>(rights.iter().copied())),
            Step::Count => counts(db).map(drop),
            Step::List => lists(db).map(drop),
            Step::DeleteLeft(id) => left(*id).delete(),
        }
    }

    fn counts(db: &TestDb) -> Result<Vec<usize>> {
        (1..=EACH).map(|id| db.record::<Right>(id)).map(|right| right.left_ids().len()).collect()
    }

    fn lists(db: &TestDb) -> Result<Vec<Vec<i32>>> {
        (1..=EACH).map(|id| db.record::<Right>(id)).map(|right| right.left_ids().ids()).collect()
    }

    fn stored(db: &TestDb) -> Vec<Vec<i32>> {
        let of = |right: i32| {
            let rows = db.file.values(&format!(
                "SELECT CAST(left_id AS TEXT) AS value FROM pairs INNER JOIN lefts ON lefts.id = left_id
                 WHERE right_id = {right} ORDER BY left_id"
            ));
            rows.iter().filter_map(|value| value.parse().ok()).collect()
        };
        (1..=EACH).map(of).collect()
    }

    fn pair() -> impl Strategy<Value = Pair> {
        (1..=EACH, 1..=EACH)
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => pair().prop_map(Step::Add),
            3 => pair().prop_map(Step::Remove),
            2 => pair().prop_map(Step::AddFromRight),
            2 => pair().prop_map(Step::RemoveFromRight),
            2 => (1..=EACH, prop::collection::vec(1..=EACH, 0..3)).prop_map(|(left, rights)| Step::Set(left, rights)),
            1 => Just(Step::Count),
            1 => Just(Step::List),
            1 => (1..=EACH).prop_map(Step::DeleteLeft),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: on!(sqlite 256, postgres 24, mysql 24), ..ProptestConfig::default() })]

        #[test]
        fn what_was_read_last_says_who_is_paired(
            read in prop::collection::btree_set(1..=EACH, 0..4),
            elsewhere in prop::collection::vec((pair(), any::<bool>()), 0..6),
            counted in any::<bool>(),
            steps in prop::collection::vec((prop::collection::vec(step(), 1..4), any::<bool>(), any::<bool>(), any::<bool>()), 1..8),
        ) {
            let db = schema();
            for &id in &read {
                db.record::<Left>(id).right_ids().ids().unwrap();
            }
            for ((left, right), add) in &elsewhere {
                db.file.run(&if *add {
                    format!("INSERT OR IGNORE INTO pairs VALUES ({left}, {right})")
                } else {
                    format!("DELETE FROM pairs WHERE left_id = {left} AND right_id = {right}")
                });
            }
            if counted {
                counts(&db).unwrap();
            }
            for (steps, together, committed, look) in &steps {
                if *together {
                    let _: Result<()> = db.transaction(|| {
                        steps.iter().try_for_each(|step| take(&db, step))?;
                        if *committed { Ok(()) } else { Err(orm_core::Error::other("undone")) }
                    });
                } else {
                    steps.iter().for_each(|step| drop(take(&db, step)));
                }
                let stored = stored(&db);
                if *look {
                    let lengths: Vec<usize> = stored.iter().map(Vec::len).collect();
                    prop_assert_eq!(counts(&db).unwrap(), lengths, "counts after {:?}", steps);
                } else {
                    prop_assert_eq!(lists(&db).unwrap(), stored, "lists after {:?}", steps);
                }
            }
        }
    }
}
