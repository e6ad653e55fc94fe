//! Sets whose rows refer to each other, or take each other along: they go together, in whatever order a server goes

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orm_core::prelude::*;

use super::Db;
use super::shop::{self, Account};
use crate::place::{Outcome, Place};

diesel::table! { nodes { id -> Integer, parent_id -> Nullable<Integer>, name -> Text } }

#[derive(Model)]
#[model(table = nodes, connection = Db)]
pub struct Node {
    id: i32,
    parent_id: Option<Id<Self>>,
    name: String,
}

/// A tree in which each node has three below it, and one row beside it
fn tree(place: &Place<Db>, nodes: i32, action: &str) -> Outcome {
    let mut connection = place.connect()?;
    connection.batch_execute(&format!(
        "CREATE TABLE nodes (id INTEGER PRIMARY KEY, parent_id INTEGER NULL, name VARCHAR(20) NOT NULL,
            FOREIGN KEY (parent_id) REFERENCES nodes (id) {action})"
    ))?;
    let row = |id: i32| {
        let parent = (id > 0).then(|| (id - 1) / 3);
        (nodes::id.eq(id), nodes::parent_id.eq(parent), nodes::name.eq(format!("n{id}")))
    };
    for start in (0..nodes).step_by(1000) {
        let rows: Vec<_> = (start..nodes.min(start + 1000)).map(row).collect();
        diesel::insert_into(nodes::table).values(&rows).execute(&mut connection)?;
    }
    let beside = (nodes::id.eq(90_000), nodes::name.eq("beside"));
    diesel::insert_into(nodes::table).values(beside).execute(&mut connection)?;
    Ok(())
}

#[test]
fn a_tree_goes_at_once() -> Outcome {
    for (action, nodes) in [("", 40), ("", 3_000), ("ON DELETE CASCADE", 13), ("ON DELETE CASCADE", 3_000)] {
        let Some(place) = Place::<Db>::new()? else { return Ok(()) };
        tree(&place, nodes, action)?;
        let env = place.environment()?;
        let all = env.all::<Node>()?;
        all.filter(|node| Ok(node.name()? != "beside"))?.delete()?;
        assert_eq!(env.all::<Node>()?.ids(), [90_000], "{action} {nodes}");
        assert!(env.record::<Node>(1).name().is_err_and(|error| error.is_missing_record()));
    }
    Ok(())
}

/// Of the same table, without its links
#[derive(Model)]
#[model(table = nodes, connection = Db)]
pub struct Slim {
    id: i32,
    name: String,
}

#[test]
fn a_model_without_the_links_deletes_a_tree_too() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    tree(&place, 40, "")?;
    let env = place.environment()?;
    // By now the environment knows that rows of this table link to each other.
    assert_eq!(env.record::<Node>(39).parent_id().id()?, Some(12));
    env.all::<Slim>()?.filter(|node| Ok(node.id() < 1000))?.delete()?;
    assert_eq!(env.all::<Node>()?.ids(), [90_000]);
    Ok(())
}

#[test]
fn one_that_was_not_there_is_told_of_all_the_same() -> Outcome {
    let Some(place) = Place::<Db>::new()? else { return Ok(()) };
    tree(&place, 40, "ON DELETE CASCADE")?;
    let env = place.environment()?;
    let all = env.all::<Node>()?;
    let mut other = place.connect()?;
    other.batch_execute("DELETE FROM nodes WHERE id = 39")?;
    let error = all.delete().err().ok_or("it is gone")?;
    assert!(error.is_missing_record() && error.to_string().contains("39"), "{error}");
    assert_eq!(shop::number(&mut other, "SELECT COUNT(*) AS number FROM nodes")?, 40);
    Ok(())
}

#[test]
fn a_delete_is_based_on_what_was_read() -> Outcome {
    let Some((place, env, log)) = shop::open()? else { return Ok(()) };
    let accounts = env.create_many((1..=5).map(|id| Account::values().id(id).amount(100)))?;
    let mut other = place.connect()?;
    let elsewhere = "UPDATE accounts SET amount = amount + 1, version = version + 1 WHERE id = ";
    diesel::sql_query(format!("{elsewhere}2")).execute(&mut other)?;
    // One by one, and as a set, of which then none is deleted.
    assert!(env.record::<Account>(2).delete().is_err_and(|error| error.is_conflict()));
    diesel::sql_query(format!("{elsewhere}3")).execute(&mut other)?;
    assert!(accounts.delete().is_err_and(|error| error.is_conflict()));
    assert_eq!(shop::number(&mut other, "SELECT COUNT(*) AS number FROM accounts")?, 5);
    env.cache().clear();
    // What was never read is not compared.
    env.record::<Account>(4).amount()?;
    diesel::sql_query(format!("{elsewhere}5")).execute(&mut other)?;
    env.browse::<Account>([4, 5]).delete()?;
    accounts.slice(..3).refresh()?;
    log.take();
    // What waits for them alone is not sent.
    env.transaction(|| {
        accounts.slice(..3).set_amount(1)?;
        accounts.slice(..3).delete()
    })?;
    let sent = log.take();
    assert!(sent.iter().all(|sql| !sql.starts_with("UPDATE")), "{sent:?}");
    assert_eq!(shop::number(&mut other, "SELECT COUNT(*) AS number FROM accounts")?, 0);
    assert!(env.record::<Account>(1).delete().is_err_and(|error| error.is_missing_record()));
    Ok(())
}
