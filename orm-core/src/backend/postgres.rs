//! PostgreSQL: all keys of a batch are one array bind.

use diesel::QueryResult;
use diesel::pg::{Pg, PgConnection, PgValue};
use diesel::query_builder::AstPass;
use diesel::serialize::ToSql;
use diesel::sql_types::{Array, HasSqlType, SingleValue};

use super::{Connection, Dialect, KeyList};
use crate::model::Key;

impl Connection for PgConnection {
    const NAME: &'static str = "PostgreSQL";

    fn database_url(url: &str) -> Result<&str, String> {
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) | None => Ok(url),
            Some((scheme, _)) => {
                Err(format!("`{scheme}://…` names another database; postgres://… was expected"))
            }
        }
    }
}

impl Dialect for Pg {
    type Check = ();

    fn key_list<K: Key>(keys: Vec<K>) -> KeyList<K> {
        KeyList { keys, json: None }
    }

    fn push_keys<'b, ST, K>(list: &'b KeyList<K>, mut out: AstPass<'_, 'b, Self>) -> QueryResult<()>
    where
        Self: HasSqlType<ST>,
        ST: SingleValue + 'static,
        K: Key + ToSql<ST, Self>,
    {
        out.push_sql(" = ANY(");
        out.push_bind_param::<Array<ST>, Vec<K>>(&list.keys)?;
        out.push_sql(")");
        Ok(())
    }

    fn check<ST>()
    where
        Self: HasSqlType<ST>,
    {
    }

    fn read_count(value: Option<Self::RawValue<'_>>) -> diesel::deserialize::Result<usize> {
        super::read_count::<Self>(value)
    }

    /// The binary protocol has typed values, and diesel reads no other length than its own.
    fn verify((): (), _: &PgValue<'_>) -> Result<(), String> {
        Ok(())
    }
}
