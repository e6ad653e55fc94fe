//! What a crate says once of all its models and environments.

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
/// #   env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT)"))?;
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
