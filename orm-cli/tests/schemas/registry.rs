// @generated automatically by Diesel CLI.

pub mod sql_types {
    #[derive(diesel::query_builder::QueryId, Clone, diesel::sql_types::SqlType)]
    #[diesel(sqlite_type(name = "Text"))]
    pub struct License;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::License;

    packages (id) {
        id -> BigInt,
        name -> Text,
        license -> License,
        parent_id -> Nullable<BigInt>,
        /// Methods of records and words of Rust are called so, too.
        count -> Integer,
        #[sql_name = "type"]
        r#type -> Text,
        hash -> Nullable<Binary>,
        score -> Float,
        created_at -> Timestamp,
        updated_at -> TimestamptzSqlite,
    }
}

diesel::table! {
    versions (id) {
        id -> Integer,
        package_id -> BigInt,
        num -> Text,
        yanked -> Bool,
        published_by -> Nullable<Text>,
        approved_by_user_id -> Nullable<Text>,
    }
}

diesel::table! { dependencies (id) { id -> Integer, version_id -> Integer, package_id -> BigInt, req -> Text, optional -> Bool } }
diesel::table! { keywords (id) { id -> Integer, keyword -> Text } }
diesel::table! { packages_keywords (package_id, keyword_id) { package_id -> BigInt, keyword_id -> Integer } }
diesel::table! { users (login) { login -> Text, name -> Nullable<Text>, joined_on -> Date } }
diesel::table! { emails (user_id) { user_id -> Text, address -> Text, verified_at -> Nullable<Timestamp> } }
diesel::table! { follows (user_id, package_id) { user_id -> Text, package_id -> BigInt } }
diesel::table! { downloads (version_id, date) { version_id -> Integer, date -> Date, #[sql_name = "downloads"] number -> Integer } }
diesel::table! { default_versions (package_id) { package_id -> BigInt, version_id -> Integer } }
diesel::table! { results (id) { id -> Integer, version_id -> Integer, passed -> Bool } }
diesel::table! { settings (name) { name -> Nullable<Text>, value -> Text } }
diesel::table! { reserved (id) { id -> Integer, user_id -> Integer } }

diesel::joinable!(default_versions -> packages (package_id));
diesel::joinable!(default_versions -> versions (version_id));
diesel::joinable!(dependencies -> packages (package_id));
diesel::joinable!(dependencies -> versions (version_id));
diesel::joinable!(downloads -> versions (version_id));
diesel::joinable!(emails -> users (user_id));
diesel::joinable!(follows -> packages (package_id));
diesel::joinable!(follows -> users (user_id));
diesel::joinable!(packages_keywords -> keywords (keyword_id));
diesel::joinable!(packages_keywords -> packages (package_id));
diesel::joinable!(versions -> packages (package_id));
diesel::joinable!(versions -> users (published_by));

diesel::allow_tables_to_appear_in_same_query!(
    default_versions, dependencies, downloads, emails, follows, keywords, packages, packages_keywords, reserved, results, settings,
    users, versions,
);
