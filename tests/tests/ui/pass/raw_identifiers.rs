//! Fields, columns, tables and structs may be called as keywords are.
use orm_core::prelude::*;

#[path = "../database.rs"]
mod database;

diesel::table! { r#loops { id -> Integer, r#type -> Text, r#match -> Nullable<Integer>, plain -> Integer } }

#[derive(Model)]
struct r#Loop {
    id: i32,
    r#type: String,
    r#match: Option<Id<Loop>>,
    #[model(column = plain)]
    r#async: i32,
    #[model(inverse = Loop::MATCH)]
    r#while: OneToMany<r#Loop>,
}

fn main() -> orm_core::Result<()> {
    let env = database::open(
        "CREATE TABLE loops (id INTEGER PRIMARY KEY, type TEXT NOT NULL, match INTEGER, plain INTEGER NOT NULL);
         INSERT INTO loops VALUES (1, 'a', NULL, 3), (2, 'b', 1, 4);",
    );
    let record = env.record::<Loop>(2);
    assert_eq!(record.r#type()?, "b");
    assert_eq!(record.r#match().r#async()?, Some(3));
    assert_eq!(record.r#match().r#while().id()?, [2]);
    assert_eq!((Loop::TYPE.name(), Loop::ASYNC.name(), Loop::WHILE.name()), ("type", "async", "while"));
    assert_eq!(<Loop as orm_core::bounds::Entity>::NAME, "Loop");
    Ok(())
}
