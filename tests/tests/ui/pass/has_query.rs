//! A query that diesel's `HasQuery` has begun gives records, too.
include!("../schema.rs");
#[path = "../database.rs"]
mod database;

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
}

#[derive(HasQuery)]
#[diesel(table_name = tags)]
struct Row {
    name: String,
}

fn main() -> orm_core::Result<()> {
    let env = database::open("CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL); INSERT INTO tags VALUES (1, 'a'), (2, 'b')");
    let found = Row::query().filter(tags::name.eq("b")).records::<Tag>(&env)?;
    assert_eq!(found.ids(), [2]);
    assert_eq!(found.name()?, [Row { name: "b".into() }.name]);
    assert_eq!(env.stats().queries, 1);
    Ok(())
}
