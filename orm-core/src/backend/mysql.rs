//! MySQL and MariaDB: a bind for each key.

use diesel::QueryResult;
use diesel::connection::SimpleConnection;
use diesel::mysql::{Mysql, MysqlConnection, MysqlValue};
use diesel::query_builder::AstPass;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, SingleValue};

use super::{Connection, Dialect, KeyList};
use crate::key::Key;

impl Connection for MysqlConnection {
    const NAME: &'static str = "MySQL";

    fn database_url(url: &str) -> Result<&str, String> {
        match url.split_once("://") {
            Some(("mysql", _)) => Ok(url),
            Some((scheme, _)) => {
                Err(format!("`{scheme}://…` names another database; mysql://… was expected"))
            }
            None => Err("mysql://user:password@host:port/database was expected".to_owned()),
        }
    }

    /// A deadlock rolls back everything, a lock that was waited for too long if `innodb_rollback_on_timeout` is on. Outside of
    /// a transaction a savepoint is gone as soon as it was made; BEGIN would commit what is open.
    fn has_lost_transaction(&mut self) -> bool {
        self.batch_execute("SAVEPOINT orm_core_is_open").is_ok()
            && self.batch_execute("RELEASE SAVEPOINT orm_core_is_open").is_err()
            && self.batch_execute("BEGIN").is_ok()
    }
}

impl Dialect for Mysql {
    type Check = ();

    const MAX_BINDS: usize = 65_535;
    const HAS_VALUES: bool = false;
    const HAS_RETURNING: bool = false;
    const HAS_DEFAULT: bool = true;

    fn key_list<K: Key>(keys: Vec<K>) -> KeyList<K> {
        KeyList { keys, json: None, ends: None }
    }

    fn push_keys<'b, ST, K>(list: &'b KeyList<K>, out: AstPass<'_, 'b, Self>) -> QueryResult<()>
    where
        Self: HasSqlType<ST>,
        ST: SingleValue + 'static,
        K: Key + ToSql<ST, Self>,
    {
        super::push_key_binds(&list.keys, out)
    }

    fn check<ST>()
    where
        Self: HasSqlType<ST>,
    {
    }

    fn read_count(value: Option<Self::RawValue<'_>>) -> diesel::deserialize::Result<usize> {
        super::read_count::<Self>(value)
    }

    /// The protocol has typed values, and diesel refuses those it cannot convert.
    fn verify((): (), _: &mut MysqlValue<'_>) -> Result<(), String> {
        Ok(())
    }
}
