// Written by `orm-cli models`: a draft, to be looked at and kept by hand. Text and blobs are candidates for `deferred`, a
// counter of writes for `version`, what the database makes for `read_only`.

use orm_core::prelude::*;

use super::schema::*;

/// A row of `packages`
#[derive(Debug, Model)]
#[model(table = packages)]
pub struct Package {
    id: i64,
    name: String,
    // license: `License` is no type that is known here; a field of your own type may read it
    parent_id: Option<Id<Package>>, // by its name
    #[model(column = count)]
    count_: i32,
    r#type: String,
    #[model(column = hash)]
    hash_: Option<Vec<u8>>,
    score: f32,
    created_at: chrono::NaiveDateTime,
    updated_at: chrono::DateTime<chrono::Utc>,
    #[model(inverse = DefaultVersion::PACKAGE)]
    default_version: OneToOne<DefaultVersion>,
    #[model(inverse = Dependency::PACKAGE_ID)]
    dependency_ids: OneToMany<Dependency>,
    #[model(inverse = Version::PACKAGE_ID)]
    version_ids: OneToMany<Version>,
    #[model(inverse = Package::PARENT_ID)]
    child_ids: OneToMany<Package>,
    #[model(through(packages_keywords::package_id, packages_keywords::keyword_id))]
    keyword_ids: ManyToMany<Keyword>,
    #[model(through(follows::package_id, follows::user_id))]
    user_ids: ManyToMany<User>,
}

/// A row of `versions`
#[derive(Debug, Model)]
#[model(table = versions)]
pub struct Version {
    id: i32,
    package_id: Id<Package>,
    num: String,
    yanked: bool,
    published_by: Option<Id<User>>,
    approved_by_user_id: Option<Id<User>>, // by its name
    #[model(inverse = DefaultVersion::VERSION_ID)]
    default_version_ids: OneToMany<DefaultVersion>,
    #[model(inverse = Dependency::VERSION_ID)]
    dependency_ids: OneToMany<Dependency>,
    #[model(inverse = Download::VERSION)]
    download_ids: OneToMany<Download>,
    #[model(inverse = ResultRow::VERSION_ID)]
    result_ids: OneToMany<ResultRow>,
}

/// A row of `dependencies`
#[derive(Debug, Model)]
#[model(table = dependencies)]
pub struct Dependency {
    id: i32,
    version_id: Id<Version>,
    package_id: Id<Package>,
    req: String,
    optional: bool,
}

/// A row of `keywords`
#[derive(Debug, Model)]
#[model(table = keywords)]
pub struct Keyword {
    id: i32,
    keyword: String,
    #[model(through(packages_keywords::keyword_id, packages_keywords::package_id))]
    package_ids: ManyToMany<Package>,
}

// `packages_keywords` is a link between `packages` and `keywords`.

/// A row of `users`
#[derive(Debug, Model)]
#[model(table = users)]
pub struct User {
    #[model(primary_key)]
    login: String,
    name: Option<String>,
    joined_on: chrono::NaiveDate,
    #[model(inverse = Email::USER)]
    email: OneToOne<Email>,
    #[model(inverse = Version::PUBLISHED_BY)]
    published_by_version_ids: OneToMany<Version>,
    #[model(inverse = Version::APPROVED_BY_USER_ID)]
    approved_by_user_version_ids: OneToMany<Version>,
    #[model(through(follows::user_id, follows::package_id))]
    package_ids: ManyToMany<Package>,
}

/// A row of `emails`
#[derive(Debug, Model)]
#[model(table = emails)]
pub struct Email {
    #[model(primary_key)]
    user_id: String,
    address: String,
    verified_at: Option<chrono::NaiveDateTime>,
    #[model(column = user_id)]
    user: Id<User>,
}

// `follows` is a link between `users` and `packages`.

/// A row of `downloads`
#[derive(Debug, Model)]
#[model(table = downloads, primary_key(version_id, date))]
pub struct Download {
    version_id: i32,
    date: chrono::NaiveDate,
    number: i32,
    #[model(column = version_id)]
    version: Id<Version>,
}

/// A row of `default_versions`
#[derive(Debug, Model)]
#[model(table = default_versions)]
pub struct DefaultVersion {
    #[model(primary_key)]
    package_id: i64,
    version_id: Id<Version>,
    #[model(column = package_id)]
    package: Id<Package>,
}

/// A row of `results`
#[derive(Debug, Model)]
#[model(table = results)]
pub struct ResultRow {
    id: i32,
    version_id: Id<Version>, // by its name
    passed: bool,
}

// `settings` has no model: its key `name` is nullable: say NOT NULL where it is created, SQLite does not by itself

/// A row of `reserved`
#[derive(Debug, Model)]
#[model(table = reserved)]
pub struct Reserved {
    id: i32,
    user_id: i32,
}
