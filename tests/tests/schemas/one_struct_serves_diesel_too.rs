//! One struct derives `Model` and diesel's `Queryable`, `Selectable`, `Insertable`, `AsChangeset`, `Identifiable`, `QueryableByName`;
//! `Id` and records stand in diesel's filters. Run on each database.

#![allow(clippy::use_self, reason = "diesel's derives take `Self` for a reference to it")]

use std::collections::{BTreeSet, HashMap};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use super::Db;
use crate::place::{Outcome, Place};

diesel::table! { regions (code) { code -> VarChar, name -> Text } }
diesel::table! { customers { id -> Integer, name -> Text, region_code -> Nullable<VarChar>, parent_id -> Nullable<Integer> } }
diesel::table! { labels { id -> Integer, name -> Text } }
diesel::table! { customer_labels (customer_id, label_id) { customer_id -> Integer, label_id -> Integer } }

diesel::allow_tables_to_appear_in_same_query!(regions, customers);

#[derive(
    Model,
    Queryable,
    Selectable,
    Insertable,
    AsChangeset,
    Identifiable,
    QueryableByName,
    Debug,
    Clone,
    PartialEq,
)]
#[model(connection = Db)]
#[diesel(table_name = regions, primary_key(code))]
pub struct Region {
    // First, so that what diesel reads after it has to be in its place.
    #[diesel(embed, skip_insertion, skip_update)]
    #[model(inverse = Customer::REGION_CODE)]
    customer_ids: OneToMany<Customer>,
    #[model(primary_key)]
    code: String,
    name: String,
}

#[derive(
    Model,
    Queryable,
    Selectable,
    Insertable,
    AsChangeset,
    Identifiable,
    QueryableByName,
    Debug,
    Clone,
    PartialEq,
)]
#[model(connection = Db)]
#[diesel(table_name = customers, check_for_backend(<Db as diesel::Connection>::Backend))]
pub struct Customer {
    id: i32,
    name: String,
    #[diesel(embed, skip_insertion, skip_update)]
    #[model(through(customer_labels::customer_id, customer_labels::label_id))]
    label_ids: ManyToMany<Label>,
    region_code: Option<Id<Region>>,
    parent_id: Option<Id<Customer>>,
    #[diesel(embed, skip_insertion, skip_update)]
    #[model(inverse = Customer::PARENT_ID)]
    child_ids: OneToMany<Customer>,
}

#[derive(Model, Queryable, Selectable, Insertable, Debug, PartialEq)]
#[model(connection = Db)]
#[diesel(table_name = labels)]
pub struct Label {
    id: i32,
    name: String,
}

/// A row of the join table, for diesel alone
#[derive(Queryable, Selectable, Insertable, Identifiable, Debug, PartialEq, Eq, Hash)]
#[diesel(table_name = customer_labels, primary_key(customer_id, label_id))]
struct CustomerLabel {
    customer_id: Id<Customer>,
    label_id: Id<Label>,
}

fn region(code: &str, name: &str) -> Region {
    Region { customer_ids: OneToMany::new(), code: code.to_owned(), name: name.to_owned() }
}

fn customer(id: i32, region: Option<&str>, parent: Option<i32>) -> Customer {
    Customer {
        id,
        name: format!("customer {id}"),
        label_ids: ManyToMany::new(),
        region_code: region.map(Id::from),
        parent_id: parent.map(Id::from),
        child_ids: OneToMany::new(),
    }
}

fn filled() -> Outcome<Option<Place<Db>>> {
    let Some(place) = Place::<Db>::new()? else { return Ok(None) };
    let connection = &mut place.connect()?;
    connection.batch_execute(
        "CREATE TABLE regions (code VARCHAR(20) PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, region_code VARCHAR(20), parent_id INTEGER);
         CREATE TABLE labels (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE customer_labels (customer_id INTEGER NOT NULL, label_id INTEGER NOT NULL, PRIMARY KEY (customer_id, label_id))",
    )?;
    diesel::insert_into(regions::table)
        .values([region("be", "Belgium"), region("nl", "Netherlands")].to_vec())
        .execute(connection)?;
    let customers = [
        customer(1, Some("be"), None),
        customer(2, Some("nl"), Some(1)),
        customer(3, None, Some(1)),
        customer(4, Some("be"), Some(2)),
    ];
    customers
        .iter()
        .try_for_each(|customer| customer.insert_into(customers::table).execute(connection).map(drop))?;
    Label { id: 7, name: "good".to_owned() }.insert_into(labels::table).execute(connection)?;
    let pair = CustomerLabel { customer_id: 1.into(), label_id: 7.into() };
    pair.insert_into(customer_labels::table).execute(connection)?;
    Ok(Some(place))
}

#[test]
fn diesel_reads_and_writes_the_struct_of_a_model() -> Outcome {
    let Some(place) = filled()? else { return Ok(()) };
    let connection = &mut place.connect()?;
    let all: Vec<Customer> =
        customers::table.order(customers::id).select(Customer::as_select()).load(connection)?;
    let expected = [
        customer(1, Some("be"), None),
        customer(2, Some("nl"), Some(1)),
        customer(3, None, Some(1)),
        customer(4, Some("be"), Some(2)),
    ];
    assert_eq!(all, expected);
    // The markers stand first, between and last: each other column in its place, beside another struct too.
    let joined: Vec<(Customer, Region)> = customers::table
        .inner_join(regions::table.on(customers::region_code.eq(regions::code.nullable())))
        .order(customers::id)
        .select((Customer::as_select(), Region::as_select()))
        .load(connection)?;
    let expected = [
        (expected[0].clone(), region("be", "Belgium")),
        (expected[1].clone(), region("nl", "Netherlands")),
        (expected[3].clone(), region("be", "Belgium")),
    ];
    assert_eq!(joined, expected);
    let by_name: Vec<Customer> =
        diesel::sql_query("SELECT * FROM customers WHERE id = 2").load(connection)?;
    assert_eq!(by_name, [expected[1].0.clone()]);
    let ids: Vec<(Id<Customer>, Option<Id<Region>>)> = customers::table
        .order(customers::id)
        .select((customers::id, customers::region_code))
        .load(connection)?;
    assert_eq!(ids[1..3], [(Id::new(2), Some("nl".into())), (Id::new(3), None)]);
    // An update by the struct
    let changed =
        Customer { name: "changed".to_owned(), region_code: Some(Id::new("nl")), ..customer(1, None, None) };
    diesel::update(&changed).set(&changed).execute(connection)?;
    let env = place.environment()?;
    let read = env.record::<Customer>(1);
    assert_eq!(
        (read.name()?.as_str(), read.region_code().name()?.as_deref()),
        ("changed", Some("Netherlands"))
    );
    assert_eq!(read.label_ids().ids()?, [7]);
    assert_eq!(read.to_model()?, changed);
    assert_eq!(customer_labels::table.load::<CustomerLabel>(connection)?.len(), 1);
    Ok(())
}

#[test]
fn ids_and_records_stand_in_filters() -> Outcome {
    let Some(place) = filled()? else { return Ok(()) };
    let env = place.environment()?;
    let belgium = env.record::<Region>("be");
    let id: Id<Region> = (&belgium).into();
    let found = |query: orm_core::Result<RecordSet<'_, Customer>>| query.map(|found| found.ids());
    let by = customers::table.order(customers::id);
    assert_eq!(found(by.filter(customers::region_code.eq(&belgium)).records(&env))?, [1, 4]);
    assert_eq!(found(by.filter(customers::region_code.eq(&id)).records(&env))?, [1, 4]);
    assert_eq!(found(by.filter(customers::region_code.ne(id.clone())).records(&env))?, [2]);
    assert_eq!(found(by.filter(customers::id.eq(Id::<Customer>::new(3))).records(&env))?, [3]);
    // Keys of sets, and ids
    let regions: RecordSet<Region> = regions::table.order(regions::code).records(&env)?;
    assert_eq!(found(by.filter(customers::region_code.eq_any(regions.ids())).records(&env))?, [1, 2, 4]);
    assert_eq!(found(by.filter(customers::region_code.eq_any([&id])).records(&env))?, [1, 4]);
    let children: RecordSet<Customer> = by.filter(customers::parent_id.is_not_null()).records(&env)?;
    let parents: RecordSet<Customer> = children.parent_id().load()?;
    assert_eq!(found(by.filter(customers::id.eq_any(parents.ids())).records(&env))?, [1, 2]);
    assert_eq!(
        env.find::<Customer>(customers::id.eq(Id::<Customer>::new(2)))?.map(|found| found.id()),
        Some(2)
    );
    Ok(())
}

#[test]
fn an_id_is_a_value_like_its_key() -> Outcome {
    let id: Id<Customer> = "12".parse()?;
    assert_eq!((i32::from(id), id.into_key(), id.to_string().as_str()), (12, 12, "12"));
    assert!("x".parse::<Id<Customer>>().is_err());
    let (be, nl): (Id<Region>, Id<Region>) = ("be".into(), "nl".parse()?);
    assert_eq!(String::from(be.clone()), "be");
    let named = HashMap::from([(be.clone(), "Belgium"), (nl.clone(), "Netherlands")]);
    assert_eq!((named[&be], named[&nl]), ("Belgium", "Netherlands"));
    assert_eq!(BTreeSet::from([nl.clone(), be.clone()]).into_iter().collect::<Vec<_>>(), [be.clone(), nl]);
    let Some(place) = filled()? else { return Ok(()) };
    let env = place.environment()?;
    // By reference and by value, wherever a key is taken
    assert_eq!(env.record::<Region>(&be).name()?, "Belgium");
    assert_eq!(env.browse::<Region>([&be]).name()?, ["Belgium"]);
    assert_eq!(env.get::<Region>(be.clone())?.map(|region| region.id()), Some("be".into()));
    assert_eq!(env.cache().get(Region::NAME, &be).as_deref(), Some("Belgium"));
    Ok(())
}
