//! The smallest whole: two derived models, the seeds' loop, a to-many link, a deferred field, a snapshot.
#![allow(missing_docs, unreachable_pub)]
#![allow(missing_debug_implementations)]
use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { countries { id -> Integer, name -> Text, code -> Text } }
diesel::table! { partners { id -> Integer, name -> Text, language -> Nullable<Text>, country_id -> Nullable<Integer>, notes -> Nullable<Text> } }

#[derive(Model)]
#[model(table = countries)]
pub struct Country {
    id: i32,
    name: String,
    code: String,
    #[model(inverse = Partner::COUNTRY_ID, order = partners::name.desc())]
    partner_ids: OneToMany<Partner>,
}

#[derive(Model)]
#[model(table = partners)]
pub struct Partner {
    id: i32,
    name: String,
    #[model(column = language)]
    lang: Option<String>,
    country_id: Option<Id<Country>>,
    #[model(deferred)]
    notes: Option<String>,
}

#[test]
fn the_seeds_loop_is_two_queries() -> orm_core::Result<()> {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    diesel::connection::SimpleConnection::batch_execute(
        &mut connection,
        "CREATE TABLE countries (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, code TEXT NOT NULL);
         CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, language TEXT, country_id INTEGER, notes TEXT);
         INSERT INTO countries VALUES (1, 'Belgium', 'BE'), (2, 'Italy', 'IT');
         INSERT INTO partners VALUES (1, 'Azure', 'fr', 1, 'x'), (2, 'Gemini', NULL, 2, NULL), (3, 'Deco', 'en', 1, 'y'), (4, 'Ready', NULL, NULL, NULL);",
    )
    .unwrap();
    let env = Environment::builder().connection(connection).build();
    let partners: RecordSet<Partner> = partners::table.order(partners::id).records(&env)?;
    let mut seen = Vec::new();
    for partner in &partners {
        seen.push((partner.name()?, partner.country_id().name()?));
    }
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0], ("Azure".into(), Some("Belgium".into())));
    assert_eq!(seen[3], ("Ready".into(), None));
    assert_eq!(env.stats().queries, 2);
    assert_eq!(partners.notes()?, [Some(Str::from("x")), None, Some("y".into()), None]);
    assert_eq!(env.stats().queries, 3);
    let belgium = env.record::<Country>(1);
    assert_eq!(belgium.partner_ids().name()?, ["Deco", "Azure"]);
    assert_eq!(env.stats().queries, 4);
    let owned = partners.get(0).unwrap().to_model()?;
    assert_eq!(owned.name, "Azure");
    assert_eq!(owned.country_id.unwrap().key(), &1);
    assert!(matches!(
        env.record::<Partner>(77).name(),
        Err(orm_core::Error::MissingRecord { model: "Partner", .. })
    ));
    println!("{:?} {:?} {:?}", partners, belgium.partner_ids(), partners.get(0).unwrap().country_id());
    Ok(())
}
