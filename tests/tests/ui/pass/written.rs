//! Setters and values: of raw identifiers, of types that diesel only reads, as visible as the struct, without a prelude.
#![deny(warnings, missing_docs, unused)]

#[path = "../database.rs"]
mod database;

/// Models
pub mod models {
    use diesel::backend::Backend;
    use diesel::deserialize::{self, FromSql};
    use diesel::sql_types::Text;
    use diesel::sqlite::Sqlite;

    mod schema {
        diesel::table! {
            r#loops {
                id -> Integer, r#type -> Text, r#match -> Nullable<Integer>, state -> Text, maybe -> Nullable<Text>,
                version -> Integer,
            }
        }
    }

    /// What diesel can read and not write; not even comparable
    #[derive(Clone, Debug)]
    pub struct State(pub String);

    impl FromSql<Text, Sqlite> for State {
        fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
            FromSql::<Text, Sqlite>::from_sql(value).map(Self)
        }
    }

    /// A loop
    #[derive(::orm_core::Model)]
    #[model(table = schema::loops)]
    pub struct r#Loop {
        id: i32,
        r#type: String,
        r#match: Option<::orm_core::Id<Loop>>,
        state: State,
        maybe: Option<State>,
        #[model(version)]
        version: i32,
        #[model(inverse = Loop::MATCH)]
        r#while: ::orm_core::OneToMany<r#Loop>,
    }

    #[derive(::orm_core::Model)]
    #[model(table = schema::loops)]
    pub(super) struct Inner {
        id: i32,
        r#type: String,
    }
}

fn main() -> orm_core::Result<()> {
    use models::{Inner, Loop};
    let env = database::open(
        "CREATE TABLE loops (id INTEGER PRIMARY KEY, type TEXT NOT NULL, match INTEGER, state TEXT NOT NULL DEFAULT 'open',
             maybe TEXT, version INTEGER NOT NULL);
         INSERT INTO loops VALUES (1, 'a', NULL, 'x', 'y', 1);",
    );
    let first = env.record::<Loop>(1);
    let second = env.create(Loop::values().r#type("b").r#match(&first))?;
    second.set_type("c")?;
    second.set_match(None)?;
    second.set_match(1)?;
    first.write(Loop::values().r#type("d").r#match(Some(orm_core::Id::new(second.id()))))?;
    assert_eq!(first.r#while().r#type()?, ["c"]);
    assert_eq!(second.r#while().create(Loop::values().r#type("e"))?.state()?.0, "open");
    assert_eq!((first.state()?.0.as_str(), first.maybe()?.map(|state| state.0).as_deref()), ("x", Some("y")));
    assert_eq!((first.version()?, second.version()?), (2, 4));
    env.record::<Inner>(1).set_type("f")?;
    let inner: orm_core::Values<Inner> = Inner::values().r#type("g");
    env.record::<Inner>(1).write(inner.clone())?;
    assert_eq!(env.record::<Inner>(1).r#type()?, "g");
    Ok(())
}
