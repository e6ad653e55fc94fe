//! `AnyConnection`: one of the backends whose features are on, chosen by the address.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]

#[cfg(feature = "mysql")]
use diesel::MysqlConnection;
#[cfg(feature = "postgres")]
use diesel::PgConnection;
#[cfg(feature = "sqlite")]
use diesel::SqliteConnection;
use diesel::r2d2::ConnectionManager;

use super::Connection as _;
use crate::{Error, Result};

macro_rules! any_connection {
    ($($variant:ident($connection:ident),)+) => {
        /// A connection to one of the databases whose features are on, chosen by the address when the program runs
        ///
        /// Models over it say `#[model(connection = orm_core::AnyConnection)]`, or once in the crate root
        /// `orm_core::connection!(orm_core::AnyConnection);`. The statements of environments are those that each database does best with. Queries
        /// of your own are diesel's: what all of the databases have, `sql_query` for the rest. The guide's chapter on connections tells the limits.
        ///
        /// ```
        /// use orm_core::{AnyConnection, Environment};
        ///
        /// let env = Environment::<AnyConnection>::connect("sqlite://:memory:")?;
        /// # Ok::<(), orm_core::Error>(())
        /// ```
        #[derive(diesel::MultiConnection)]
        pub enum AnyConnection {
            $($variant($connection),)+
        }

        crate::multi_connection!(AnyConnection { $($variant($connection)),+ });
    };
}

// Of what diesel tries one after the other the servers come first: what they do not know may be a file.
#[cfg(feature = "postgres")]
macro_rules! postgres {
    ($($before:tt)*) => { mysql! { $($before)* Postgres(PgConnection), } };
}
#[cfg(not(feature = "postgres"))]
macro_rules! postgres {
    ($($before:tt)*) => { mysql! { $($before)* } };
}
#[cfg(feature = "mysql")]
macro_rules! mysql {
    ($($before:tt)*) => { sqlite! { $($before)* Mysql(MysqlConnection), } };
}
#[cfg(not(feature = "mysql"))]
macro_rules! mysql {
    ($($before:tt)*) => { sqlite! { $($before)* } };
}
#[cfg(feature = "sqlite")]
macro_rules! sqlite {
    ($($before:tt)*) => { any_connection! { $($before)* Sqlite(SqliteConnection), } };
}
#[cfg(not(feature = "sqlite"))]
macro_rules! sqlite {
    ($($before:tt)*) => { any_connection! { $($before)* } };
}
postgres! {}

impl super::MayBeSqlite for AnyConnection {}

impl AnyConnection {
    /// A connection to the database that the address names: `sqlite://…` or a file name, `postgres://…`, `mysql://…`
    ///
    /// diesel's own `establish` tries one database after the other, and tells of none why it did not answer.
    ///
    /// # Errors
    ///
    /// [`Error::Connection`]: that of the database which the address names; where it names none of those that are on, which these are.
    pub fn connect(url: &str) -> Result<Self> {
        Self::open(url)
    }

    /// What a pool makes connections with
    ///
    /// It connects once, so that an address that leads nowhere is told with the error of its own database: in a pool diesel tries one after
    /// the other, and tells of none.
    ///
    /// ```
    /// use diesel::r2d2::Pool;
    /// use orm_core::{AnyConnection, Environment};
    ///
    /// # fn main() -> orm_core::Result<()> {
    /// let pool = Pool::builder().max_size(4).build(AnyConnection::manager("sqlite://:memory:")?);
    /// let env = Environment::<AnyConnection>::new(pool.map_err(orm_core::Error::other)?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Connection`].
    pub fn manager(url: &str) -> Result<ConnectionManager<Self>> {
        drop(Self::connect(url)?);
        let address =
            Self::database_url(url).map_err(|message| Error::connection("the database", message))?;
        Ok(ConnectionManager::new(address))
    }
}
