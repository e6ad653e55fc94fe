//! With the features of all backends on, a crate says once which connection its models and environments have.
#![cfg(all(feature = "postgres", feature = "mysql"))]
#![allow(missing_docs, unreachable_pub)]

use diesel::prelude::*;

orm_core::connection!(SqliteConnection);

/// No model names a connection; one crate root is enough for modules at any depth.
mod shop {
    pub mod models {
        use orm_core::prelude::*;

        diesel::table! { countries { id -> Integer, name -> Text } }
        diesel::table! { partners { id -> Integer, name -> Text, country_id -> Nullable<Integer> } }

        #[derive(Debug, Model)]
        #[model(table = countries)]
        pub struct Country {
            pub id: i32,
            pub name: String,
            #[model(inverse = Partner::COUNTRY_ID)]
            pub partners: OneToMany<Partner>,
        }

        #[derive(Debug, Model)]
        pub struct Partner {
            pub id: i32,
            pub name: String,
            pub country_id: Option<Id<Country>>,
        }
    }

    use crate::Environment;
    use models::{Country, Partner, partners};
    use orm_core::prelude::*;

    /// The prelude's name gives way to the crate's.
    pub fn names(env: &Environment) -> orm_core::Result<Vec<String>> {
        use diesel::prelude::*;
        let found: RecordSet<'_, Partner> = partners::table.order(partners::name).records(env)?;
        let mut names = Vec::new();
        for partner in &found {
            names.push(format!(
                "{} in {}",
                partner.name()?,
                partner.country_id().name()?.unwrap_or_default()
            ));
        }
        Ok(names)
    }

    pub fn create(env: &Environment) -> orm_core::Result<()> {
        env.transaction(|| {
            let country = env.create(Country::values().name("Belgium"))?;
            env.create(Partner::values().name("Azure").country_id(&country))?;
            env.create(Partner::values().name("Deco").country_id(&country))?;
            assert_eq!(country.partners().len()?, 2);
            Ok(())
        })
    }
}

/// One that names another has that.
mod elsewhere {
    use orm_core::prelude::*;

    diesel::table! { towns { id -> Integer, name -> Text } }

    #[derive(Debug, Model)]
    #[model(connection = diesel::PgConnection)]
    pub struct Town {
        pub id: i32,
        pub name: String,
    }

    pub fn count(env: &orm_core::Environment<diesel::PgConnection>) -> orm_core::Result<usize> {
        Ok(env.all::<Town>()?.len())
    }
}

#[test]
fn models_have_the_connection_of_their_crate() -> orm_core::Result<()> {
    let env: Environment = Environment::connect(":memory:")?;
    env.with_connection(|connection| {
        diesel::sql_query("CREATE TABLE countries (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
            .execute(connection)?;
        let partners =
            "CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL, country_id INTEGER)";
        Ok(diesel::sql_query(partners).execute(connection)?)
    })?;
    shop::create(&env)?;
    env.cache().clear();
    let before = env.stats().queries;
    assert_eq!(shop::names(&env)?, ["Azure in Belgium", "Deco in Belgium"]);
    assert_eq!(env.stats().queries - before, 2);
    let _: fn(&Environment<PgConnection>) -> orm_core::Result<usize> = elsewhere::count;
    Ok(())
}
