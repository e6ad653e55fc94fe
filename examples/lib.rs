//! The small database that the guide's chapters read, and the doctests of those chapters and of the README.
#![allow(missing_docs, clippy::use_self)]

// Whatever other databases an example is built for
orm_core::connection!(pub diesel::SqliteConnection);

/// All that a chapter's code needs: `use orm_examples::demo::*;`
pub mod demo {
    pub use crate::Environment;
    pub use diesel::prelude::*;
    pub use orm_core::prelude::*;

    diesel::table! { countries { id -> Integer, name -> Text, code -> Text } }
    diesel::table! {
        partners {
            id -> Integer, name -> Text, lang -> Nullable<Text>, country_id -> Nullable<Integer>,
            parent_id -> Nullable<Integer>, notes -> Nullable<Text>, html_title -> Text, html_body -> Text,
        }
    }
    diesel::table! { tags { id -> Integer, name -> Text } }
    diesel::table! { partner_tags (partner_id, tag_id) { partner_id -> Integer, tag_id -> Integer } }
    diesel::joinable!(partners -> countries (country_id));
    diesel::allow_tables_to_appear_in_same_query!(partners, countries);

    #[derive(Debug, Model)]
    #[model(table = countries)]
    pub struct Country {
        id: i32,
        name: String,
        code: String,
        #[model(inverse = Partner::COUNTRY_ID)]
        partner_ids: OneToMany<Partner>,
    }

    #[derive(Debug, Model)]
    pub struct Partner {
        pub id: i32,
        pub name: String,
        pub lang: Option<String>,
        country_id: Option<Id<Country>>,
        parent_id: Option<Id<Partner>>,
        #[model(inverse = Partner::PARENT_ID, order = partners::name.asc())]
        child_ids: OneToMany<Partner>,
        #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
        tag_ids: ManyToMany<Tag>,
        #[model(deferred)]
        notes: Option<String>,
        #[model(group = "html")]
        html_title: String,
        #[model(group = "html")]
        html_body: String,
    }

    #[derive(Debug, Model)]
    pub struct Tag {
        id: i32,
        name: String,
    }

    /// An environment over a database in memory: three countries, six partners, three tags.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub fn demo() -> orm_core::Result<Environment> {
        Ok(Environment::builder().connection(connection()?).build())
    }

    /// A connection to the same rows, for an environment with settings of its own
    pub fn connection() -> orm_core::Result<SqliteConnection> {
        use diesel::connection::SimpleConnection;
        let mut connection = SqliteConnection::establish(":memory:").map_err(orm_core::Error::other)?;
        connection.batch_execute(include_str!("data/demo.sql"))?;
        Ok(connection)
    }
}

macro_rules! doctests {
    ($($name:ident = $path:literal;)*) => {$(
        #[cfg(doctest)]
        #[doc = include_str!($path)]
        pub struct $name;
    )*};
}
doctests! {
    Readme = "../README.md";
    Starting = "../docs/guide/src/starting.md";
    Recordsets = "../docs/guide/src/recordsets.md";
    Relations = "../docs/guide/src/relations.md";
    Prefetching = "../docs/guide/src/prefetching.md";
    Cache = "../docs/guide/src/cache.md";
    Writing = "../docs/guide/src/writing.md";
    Transactions = "../docs/guide/src/transactions.md";
    Connections = "../docs/guide/src/connections.md";
    Failures = "../docs/guide/src/failures.md";
    Computed = "../docs/guide/src/computed.md";
    Aggregates = "../docs/guide/src/aggregates.md";
    Seeing = "../docs/guide/src/seeing.md";
    Testing = "../docs/guide/src/testing.md";
    Adopting = "../docs/guide/src/adopting.md";
}
