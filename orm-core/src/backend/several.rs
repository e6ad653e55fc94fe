//! Connections that are one of several, chosen when the program runs: diesel's `MultiConnection`, with the statements of each database.

use std::fmt::{Debug, Write as _};

use super::{Connection, Dialect as _, Kind, System, Written};
use crate::Error;

impl System {
    /// What stands for one of several until a connection says which
    #[doc(hidden)]
    pub const fn several(first: &Self) -> Self {
        Self { name: "the database", has_server: true, ..*first }
    }

    /// Whether it is that of a connection
    #[doc(hidden)]
    pub fn is<C: Connection>(&self) -> bool {
        C::Backend::SYSTEM.kind == self.kind
    }
}

/// Whether a connection takes such an address. Servers are asked before: what is no address of theirs may be a file.
#[doc(hidden)]
pub fn takes<C: Connection>(url: &str, by_server: bool) -> bool {
    C::Backend::SYSTEM.has_server == by_server && C::database_url(url).is_ok()
}

/// Nobody takes such an address.
#[doc(hidden)]
pub fn nobody_takes(url: &str, systems: &[&System]) -> Error {
    let expected = systems.iter().map(|system| match system.kind {
        Kind::Sqlite => "sqlite://… (or a file name)",
        Kind::Postgres => "postgres://…",
        Kind::Mysql => "mysql://…",
    });
    let expected = expected.collect::<Vec<_>>().join(", ");
    let found = match url.split_once("://") {
        Some((scheme, _)) if scheme.chars().all(char::is_alphanumeric) => format!("`{scheme}://…`"),
        _ => "the address".to_owned(),
    };
    Error::connection("the database", format_args!("{found} is of none that this program knows: {expected}"))
}

/// What a bind weighs, by how a backend's collector tells of it
#[doc(hidden)]
pub fn weight_of<C: Connection>(binds: &dyn Debug) -> usize {
    let mut written = Written(0);
    let _ = write!(written, "{binds:?}");
    written.0 / if C::Backend::SYSTEM.kind == Kind::Sqlite { 1 } else { 4 }
}

/// Lets environments stand on a connection of the application's own that is one of several: an enum with diesel's
/// `#[derive(MultiConnection)]`
///
/// Named are the enum and its variants as they are declared, in the module where it is. `AnyConnection` (feature "any") is made by it,
/// and shows what such a connection can do, and cannot.
///
/// ```
/// # #[cfg(all(feature = "sqlite", feature = "postgres"))] mod example {
/// use diesel::prelude::*;
///
/// #[derive(diesel::MultiConnection)]
/// pub enum AppConnection {
///     Postgres(PgConnection),
///     Sqlite(SqliteConnection),
/// }
/// orm_core::multi_connection!(AppConnection { Postgres(PgConnection), Sqlite(SqliteConnection) });
/// # }
/// ```
#[macro_export]
macro_rules! multi_connection {
    ($name:ident { $($variant:ident($connection:ty)),+ $(,)? }) => {
        #[allow(irrefutable_let_patterns, unreachable_code, unreachable_patterns, private_interfaces, clippy::all)]
        const _: () = {
            use $crate::private::diesel::backend::Backend;
            use $crate::private::diesel::internal::derives::multiconnection::{AstPassHelper, MultiConnectionHelper};
            use $crate::private::diesel::query_builder::{AstPass, BindCollector, QueryFragment};
            use $crate::private::diesel::result::Error::QueryBuilderError;
            use $crate::private::diesel::sql_types::HasSqlType;
            use $crate::private::diesel::{self, QueryResult};
            use $crate::private::{Begin, BindsKeys, Dialect, Key, KeyList, Knows, Numbers, Standing, System};

            type Binds<'a> = <MultiBackend as Backend>::BindCollector<'a>;
            type Builder = <MultiBackend as Backend>::QueryBuilder;
            type Value<'a> = <MultiBackend as Backend>::RawValue<'a>;

            /// The check of each
            #[allow(non_snake_case)]
            #[derive(::core::clone::Clone, ::core::marker::Copy)]
            pub struct Checks {
                $($variant: <<$connection as diesel::Connection>::Backend as Dialect>::Check,)+
            }

            impl $crate::Connection for $name {
                fn system(&self) -> &'static System {
                    match self {
                        $(Self::$variant(connection) => $crate::Connection::system(connection),)+
                    }
                }

                fn open(url: &str) -> $crate::Result<Self> {
                    for by_server in [true, false] {
                        $(if $crate::private::takes::<$connection>(url, by_server) {
                            return <$connection as $crate::Connection>::open(url).map(Self::$variant);
                        })+
                    }
                    let systems = [$(<<$connection as diesel::Connection>::Backend as Dialect>::SYSTEM),+];
                    ::core::result::Result::Err($crate::private::nobody_takes(url, &systems))
                }

                fn database_url(url: &str) -> ::core::result::Result<&str, $crate::private::String> {
                    for by_server in [true, false] {
                        $(if $crate::private::takes::<$connection>(url, by_server) {
                            return <$connection as $crate::Connection>::database_url(url);
                        })+
                    }
                    let systems = [$(<<$connection as diesel::Connection>::Backend as Dialect>::SYSTEM),+];
                    let error = $crate::private::nobody_takes(url, &systems);
                    ::core::result::Result::Err(::std::string::ToString::to_string(&error))
                }

                fn standing(&mut self, error: &diesel::result::Error) -> Standing {
                    match self {
                        $(Self::$variant(connection) => $crate::Connection::standing(connection, error),)+
                    }
                }

                fn has_open_transaction(&mut self) -> QueryResult<bool> {
                    match self {
                        $(Self::$variant(connection) => $crate::Connection::has_open_transaction(connection),)+
                    }
                }

                fn commits_at_once(&mut self) -> QueryResult<bool> {
                    match self {
                        $(Self::$variant(connection) => $crate::Connection::commits_at_once(connection),)+
                    }
                }

                fn lacks_windows(&mut self) -> QueryResult<::core::option::Option<$crate::private::String>> {
                    match self {
                        $(Self::$variant(connection) => $crate::Connection::lacks_windows(connection),)+
                    }
                }

                fn default_of(
                    &mut self,
                    table: &str,
                    column: &str,
                ) -> QueryResult<::core::option::Option<$crate::private::String>> {
                    match self {
                        $(Self::$variant(connection) => $crate::Connection::default_of(connection, table, column),)+
                    }
                }

                fn lacks(&self, begin: &Begin) -> ::core::option::Option<&'static str> {
                    match self {
                        $(Self::$variant(connection) => $crate::Connection::lacks(connection, begin),)+
                    }
                }

                fn begin_with(
                    &mut self,
                    begin: &Begin,
                ) -> QueryResult<::core::option::Option<$crate::private::String>> {
                    match self {
                        $(Self::$variant(connection) => $crate::Connection::begin_with(connection, begin),)+
                    }
                }

                fn set_busy_timeout(&mut self, timeout: ::core::option::Option<::core::time::Duration>) {
                    match self {
                        $(Self::$variant(connection) => {
                            $crate::Connection::set_busy_timeout(connection, timeout)
                        })+
                    }
                }

                fn has_expired(error: &diesel::result::Error) -> bool {
                    $(<$connection as $crate::Connection>::has_expired(error))||+
                }

                fn forget_failed_statement(&mut self, error: ::core::option::Option<&diesel::result::Error>) {
                    match self {
                        $(Self::$variant(connection) => {
                            $crate::Connection::forget_failed_statement(connection, error)
                        })+
                    }
                }
            }

            impl Dialect for MultiBackend {
                type Check = Checks;

                const SYSTEM: &'static System =
                    &System::several([$(<<$connection as diesel::Connection>::Backend as Dialect>::SYSTEM),+][0]);

                const IS_SEVERAL: bool = true;

                fn text(
                    system: &System,
                    statement: &dyn QueryFragment<Self>,
                ) -> QueryResult<$crate::private::String> {
                    $(if system.is::<$connection>() {
                        let out = Builder::$variant(::core::default::Default::default());
                        let backend = Self::$variant(::core::default::Default::default());
                        return $crate::private::text_by(statement, out, &backend);
                    })+
                    ::core::result::Result::Err(QueryBuilderError("a database that is none of these".into()))
                }

                fn describe(system: &System, statement: &dyn QueryFragment<Self>) -> $crate::private::String {
                    $(if system.is::<$connection>() {
                        let out = Builder::$variant(::core::default::Default::default());
                        let backend = Self::$variant(::core::default::Default::default());
                        return $crate::private::described_by(statement, out, &backend);
                    })+
                    $crate::private::String::new()
                }

                fn key_list<K: Key>(system: &'static System, keys: $crate::private::Vec<K>) -> KeyList<K> {
                    $(if system.is::<$connection>() {
                        return <<$connection as diesel::Connection>::Backend as Dialect>::key_list(system, keys);
                    })+
                    KeyList::plain(system, keys)
                }

                fn may_alter(system: &System, check: Checks) -> bool {
                    $((system.is::<$connection>()
                        && <<$connection as diesel::Connection>::Backend as Dialect>::may_alter(system, check.$variant)))||+
                }

                fn can_mix(system: &System, check: Checks) -> bool {
                    $((!system.is::<$connection>()
                        || <<$connection as diesel::Connection>::Backend as Dialect>::can_mix(system, check.$variant)))&&+
                }

                fn bound<ST, V>(value: &V) -> ::core::option::Option<$crate::private::String>
                where
                    Self: HasSqlType<ST>,
                    V: diesel::serialize::ToSql<ST, Self>,
                {
                    let mut nothing = ();
                    // PostgreSQL wants a connection for it. Any of the others tells the same values apart.
                    $(if <$connection as MultiConnectionHelper>::from_any(&mut nothing).is_some() {
                        let mut binds = Binds::$variant(::core::default::Default::default());
                        BindCollector::push_bound_value::<ST, V>(&mut binds, value, &mut nothing).ok()?;
                        if let Binds::$variant(binds) = &binds {
                            return ::core::option::Option::Some(::std::format!("{binds:?}"));
                        }
                    })+
                    ::core::option::Option::None
                }

                fn weight<ST, V>(value: &V) -> usize
                where
                    Self: HasSqlType<ST>,
                    V: diesel::serialize::ToSql<ST, Self>,
                {
                    let mut nothing = ();
                    $(if <$connection as MultiConnectionHelper>::from_any(&mut nothing).is_some() {
                        let mut binds = Binds::$variant(::core::default::Default::default());
                        let pushed = BindCollector::push_bound_value::<ST, V>(&mut binds, value, &mut nothing);
                        if let (Binds::$variant(binds), true) = (&binds, pushed.is_ok()) {
                            return $crate::private::weight_of::<$connection>(binds);
                        }
                    })+
                    0
                }

                fn push_number<'b>(number: &'b i64, mut out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
                    out.push_bind_param::<diesel::sql_types::BigInt, i64>(number)
                }

                fn read_count(
                    value: ::core::option::Option<Value<'_>>,
                ) -> diesel::deserialize::Result<usize> {
                    match value {
                        $(::core::option::Option::Some(MultiRawValue::$variant(value)) => {
                            <<$connection as diesel::Connection>::Backend as Dialect>::read_count(
                                ::core::option::Option::Some(value),
                            )
                        })+
                        ::core::option::Option::None => {
                            ::core::result::Result::Err(diesel::result::UnexpectedNullError.into())
                        }
                    }
                }

                fn around(system: &System, function: &str, numbers: Numbers) -> [$crate::private::String; 2] {
                    $(if system.is::<$connection>() {
                        return <<$connection as diesel::Connection>::Backend as Dialect>::around(
                            system, function, numbers,
                        );
                    })+
                    ::core::default::Default::default()
                }

                fn read_whole(value: Value<'_>) -> diesel::deserialize::Result<i128> {
                    match value {
                        $(MultiRawValue::$variant(value) => {
                            <<$connection as diesel::Connection>::Backend as Dialect>::read_whole(value)
                        })+
                    }
                }

                fn read_real(value: Value<'_>) -> diesel::deserialize::Result<f64> {
                    match value {
                        $(MultiRawValue::$variant(value) => {
                            <<$connection as diesel::Connection>::Backend as Dialect>::read_real(value)
                        })+
                    }
                }

                $crate::__with_numeric! {
                    fn read_decimal(
                        value: Value<'_>,
                    ) -> diesel::deserialize::Result<$crate::private::BigDecimal> {
                        match value {
                            $(MultiRawValue::$variant(value) => {
                                <<$connection as diesel::Connection>::Backend as Dialect>::read_decimal(value)
                            })+
                        }
                    }
                }

                fn is_sum_too_large(error: &diesel::result::Error) -> bool {
                    $(<<$connection as diesel::Connection>::Backend as Dialect>::is_sum_too_large(error))||+
                }

                #[inline]
                fn verify(
                    check: Checks,
                    value: &mut Value<'_>,
                ) -> ::core::result::Result<(), $crate::private::String> {
                    match value {
                        $(MultiRawValue::$variant(value) => {
                            <<$connection as diesel::Connection>::Backend as Dialect>::verify(check.$variant, value)
                        })+
                    }
                }
            }

            impl<ST> Knows<ST> for MultiBackend
            where
                Self: HasSqlType<ST>,
                $(<$connection as diesel::Connection>::Backend: Knows<ST>,)+
            {
                #[inline]
                fn check() -> Checks {
                    Checks {
                        $($variant: <<$connection as diesel::Connection>::Backend as Knows<ST>>::check(),)+
                    }
                }
            }

            /// Each as it does best
            impl<ST, K> BindsKeys<ST, K> for MultiBackend
            where
                Self: HasSqlType<ST>,
                $(<$connection as diesel::Connection>::Backend: BindsKeys<ST, K>,)+
            {
                fn push_keys<'b>(list: &'b KeyList<K>, out: AstPass<'_, 'b, Self>) -> QueryResult<()> {
                    $(if list.system().is::<$connection>() {
                        let out = out.cast_database::<<$connection as diesel::Connection>::Backend>(
                            |binds| match binds {
                                Binds::$variant(binds) => binds,
                                _ => ::core::unreachable!("the binds of another database"),
                            },
                            |builder| match builder {
                                Builder::$variant(builder) => builder,
                                _ => ::core::unreachable!("the text of another database"),
                            },
                            |backend| match backend {
                                MultiBackend::$variant(backend) => backend,
                                _ => ::core::unreachable!("another database"),
                            },
                            |lookup| match <$connection as MultiConnectionHelper>::from_any(lookup) {
                                ::core::option::Option::Some(lookup) => lookup,
                                ::core::option::Option::None => ::core::unreachable!("the types of another database"),
                            },
                        );
                        return <<$connection as diesel::Connection>::Backend as BindsKeys<ST, K>>::push_keys(list, out);
                    })+
                    ::core::result::Result::Err(QueryBuilderError("a database that is none of these".into()))
                }
            }

            impl diesel::deserialize::FromSql<diesel::sql_types::Text, MultiBackend> for $crate::Str {
                #[inline]
                fn from_sql(value: Value<'_>) -> diesel::deserialize::Result<Self> {
                    value.from_sql::<Self, diesel::sql_types::Text>()
                }
            }
        };
    };
}

/// What is there with the feature "numeric" alone
#[doc(hidden)]
#[cfg(feature = "numeric")]
#[macro_export]
macro_rules! __with_numeric {
    ($($item:item)*) => { $($item)* };
}

/// What is there with the feature "numeric" alone
#[doc(hidden)]
#[cfg(not(feature = "numeric"))]
#[macro_export]
macro_rules! __with_numeric {
    ($($item:item)*) => {};
}
