//! A user's own types, with diesel's traits: as columns, as keys, behind an alias.
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::{Integer, Text};
use diesel::sqlite::Sqlite;
use orm_core::prelude::*;

#[path = "../database.rs"]
mod database;

diesel::table! { tasks (number) { number -> Integer, state -> Text, before -> Nullable<Text>, title -> Text, next -> Nullable<Integer> } }

#[derive(Debug, Clone, Copy, PartialEq, FromSqlRow, AsExpression)]
#[diesel(sql_type = Text)]
enum State {
    Open,
    Done,
}

impl FromSql<Text, Sqlite> for State {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        match <String as FromSql<Text, Sqlite>>::from_sql(value)?.as_str() {
            "open" => Ok(Self::Open),
            "done" => Ok(Self::Done),
            other => Err(format!("no state: {other}").into()),
        }
    }
}

impl ToSql<Text, Sqlite> for State {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(if *self == Self::Open { "open" } else { "done" });
        Ok(serialize::IsNull::No)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromSqlRow, AsExpression)]
#[diesel(sql_type = Integer)]
struct Number(i32);

impl FromSql<Integer, Sqlite> for Number {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Integer, Sqlite>::from_sql(value).map(Self)
    }
}

impl ToSql<Integer, Sqlite> for Number {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(serialize::IsNull::No)
    }
}

type Title = String;
type Cardinality = Option<State>;

#[derive(Model)]
struct Task {
    #[model(primary_key)]
    number: Number,
    state: State,
    before: Option<State>,
    title: Title,
    next: Option<Id<Task>>,
}

/// An alias of an `Option` is a value like any other.
#[derive(Model)]
#[model(table = tasks)]
struct Aliased {
    #[model(primary_key)]
    number: Number,
    before: Cardinality,
}

fn main() -> orm_core::Result<()> {
    let env = database::open(
        "CREATE TABLE tasks (number INTEGER PRIMARY KEY, state TEXT NOT NULL, before TEXT, title TEXT NOT NULL, next INTEGER);
         INSERT INTO tasks VALUES (1, 'done', 'open', 'a', 2), (2, 'open', NULL, 'b', NULL);",
    );
    let task = env.record::<Task>(Number(1));
    assert_eq!((task.state()?, task.before()?), (State::Done, Some(State::Open)));
    assert_eq!(task.title()?, "a");
    assert_eq!(task.next().title()?.as_deref(), Some("b"));
    assert_eq!(task.next().next().before()?, None);
    assert_eq!(env.record::<Aliased>(Number(2)).before()?, None);
    assert_eq!(env.record::<Aliased>(Number(1)).to_model()?.before, Some(State::Open));
    Ok(())
}
