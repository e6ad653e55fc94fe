//! Primary keys of other types and names; links take the key's type from the model.
use orm_core::prelude::*;

#[path = "../database.rs"]
mod database;

diesel::table! { langs (code) { code -> Text, name -> Text, parent -> Nullable<Text> } }
diesel::table! { logs (serial) { serial -> BigInt, lang -> Text } }
diesel::table! { flags (no) { no -> SmallInt, id -> Integer } }

#[derive(Model)]
struct Lang {
    #[model(primary_key)]
    code: String,
    name: String,
    parent: Option<Id<Lang>>,
    #[model(inverse = Log::LANG)]
    log_ids: OneToMany<Log>,
}

#[derive(Model)]
struct Log {
    #[model(primary_key, column = serial)]
    number: i64,
    lang: Id<Lang>,
}

#[derive(Model)]
struct Flag {
    // The column is called `id`, and another one is the key.
    #[model(column = id)]
    colour: i32,
    #[model(primary_key)]
    no: i16,
}

fn main() -> orm_core::Result<()> {
    let env = database::open(
        "CREATE TABLE langs (code TEXT PRIMARY KEY, name TEXT NOT NULL, parent TEXT);
         CREATE TABLE logs (serial INTEGER PRIMARY KEY, lang TEXT NOT NULL);
         CREATE TABLE flags (no INTEGER PRIMARY KEY, id INTEGER NOT NULL);
         INSERT INTO langs VALUES ('fr', 'French', NULL), ('fr_BE', 'Walloon', 'fr');
         INSERT INTO logs VALUES (7, 'fr_BE'), (8, 'fr');
         INSERT INTO flags VALUES (3, 30);",
    );
    let log = env.record::<Log>(7i64);
    assert_eq!(log.lang().parent().name()?.as_deref(), Some("French"));
    assert_eq!(log.lang().code()?, "fr_BE");
    assert_eq!(env.record::<Lang>("fr").log_ids().number()?, [8]);
    let owned = env.record::<Lang>("fr_BE").to_model()?;
    assert_eq!((owned.code.as_str(), owned.parent.as_ref().map(|id| id.key().as_str())), ("fr_BE", Some("fr")));
    assert_eq!(Log::NUMBER.name(), "number");
    // `id()` is the key, whatever its field is called; the field keeps its accessor.
    let flag = env.record::<Flag>(3i16);
    assert_eq!((flag.id(), flag.no()?, flag.colour()?), (3, 3, 30));
    assert_eq!((log.id(), log.lang().id()?, log.lang().parent().id()?), (7, "fr_BE".into(), Some("fr".into())));
    assert_eq!(env.all::<Log>()?.lang().code()?, ["fr_BE", "fr"]);
    Ok(())
}
