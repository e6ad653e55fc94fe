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
