//! The connection of models and environments that do not name one: the crate's, else that of the only backend.

/// The connection of models and environments that do not name one: that of the only backend feature turned on
#[cfg(all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql", feature = "__default_any"))))]
pub type DefaultConnection = diesel::SqliteConnection;
/// The connection of models and environments that do not name one: that of the only backend feature turned on
#[cfg(all(feature = "postgres", not(any(feature = "sqlite", feature = "mysql", feature = "__default_any"))))]
pub type DefaultConnection = diesel::PgConnection;
/// The connection of models and environments that do not name one: that of the only backend feature turned on
#[cfg(all(feature = "mysql", not(any(feature = "sqlite", feature = "postgres", feature = "__default_any"))))]
pub type DefaultConnection = diesel::MysqlConnection;
/// That of the tests, which are run on it too
#[cfg(feature = "__default_any")]
pub type DefaultConnection = super::any::AnyConnection;
/// No or several backend features are on: the crate says which one by [`connection!`](crate::connection), or each model by
/// `#[model(connection = …)]`
#[cfg(not(any(
    feature = "__default_any",
    all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))),
    all(feature = "postgres", not(any(feature = "sqlite", feature = "mysql"))),
    all(feature = "mysql", not(any(feature = "sqlite", feature = "postgres"))),
)))]
pub type DefaultConnection = Unspecified;

/// Stands for the connection that has to be named when no or several backend features are on
#[derive(Debug)]
#[allow(unreachable_pub)]
#[cfg(not(any(
    feature = "__default_any",
    all(feature = "sqlite", not(any(feature = "postgres", feature = "mysql"))),
    all(feature = "postgres", not(any(feature = "sqlite", feature = "mysql"))),
    all(feature = "mysql", not(any(feature = "sqlite", feature = "postgres"))),
)))]
pub enum Unspecified {}

/// Says once, in the crate root, which connection the models and environments of this crate have
///
/// So nothing changes where another backend's feature is turned on, be it by another crate of the workspace. It makes two names in the crate
/// root: `OrmConnection`, which the derive finds there, and `Environment`, whose connection is that one unless another is named.
/// Modules say `use crate::Environment;` beside `use orm_core::prelude::*;`: it goes before that of the prelude. A model that
/// says `#[model(connection = …)]` has its own.
///
/// ```
/// use diesel::prelude::*;
/// use orm_core::prelude::*;
///
/// orm_core::connection!(pub SqliteConnection);
///
/// mod partners {
///     use crate::Environment;
///     use orm_core::prelude::*;
///
///     diesel::table! { partners { id -> Integer, name -> Text } }
///
///     #[derive(Model)]
///     pub struct Partner { id: i32, name: String }
///
///     pub fn count(env: &Environment) -> orm_core::Result<usize> {
///         Ok(env.all::<Partner>()?.len())
///     }
/// }
///
/// fn main() -> orm_core::Result<()> {
///     let env: Environment = Environment::connect(":memory:")?;
/// #   env.with_connection(|c| diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT)").execute(c))?;
///     assert_eq!(partners::count(&env)?, 0);
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! connection {
    ($vis:vis $connection:ty) => {
        /// The connection of this crate's models and environments
        #[allow(dead_code, unreachable_pub)]
        $vis type OrmConnection = $connection;

        /// An environment over the connection of this crate, unless another is named
        #[allow(dead_code, unreachable_pub)]
        $vis type Environment<C = OrmConnection> = $crate::Environment<C>;
    };
}
