//! Two structs over one table take the same for a record.
include!("../schema.rs");

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Integer;
use diesel::sqlite::{Sqlite, SqliteValue};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, FromSqlRow, AsExpression)]
#[diesel(sql_type = Integer)]
struct Number(i32);

impl FromSql<Integer, Sqlite> for Number {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        FromSql::<Integer, Sqlite>::from_sql(value).map(Self)
    }
}

impl ToSql<Integer, Sqlite> for Number {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0);
        Ok(serialize::IsNull::No)
    }
}

#[derive(Model)]
#[model(table = partners)]
struct Full {
    id: i32,
    #[model(version, column = len)]
    number: i32,
}

#[derive(Model)]
#[model(table = partners)]
struct Slim {
    id: Number,
}

fn main() {}
