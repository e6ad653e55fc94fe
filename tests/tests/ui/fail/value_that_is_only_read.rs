//! A type that diesel reads and does not write.
use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql};
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
include!("../schema.rs");

#[derive(Clone)]
struct Lang(String);

impl FromSql<Text, Sqlite> for Lang {
    fn from_sql(value: <Sqlite as Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Text, Sqlite>::from_sql(value).map(Self)
    }
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: Lang,
    lang: Option<Lang>,
}

fn write(partner: Record<Partner>) -> orm_core::Result<()> {
    partner.set_name(Lang("fr".into()))?;
    partner.set_lang(None)?;
    partner.write(Partner::values().name(Lang("fr".into())))
}

fn main() {}
