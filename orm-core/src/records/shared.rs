//! What is the same in every application over a database: compiled with this crate.
//!
//! An application that is built without optimisation calls what it finds compiled here, and does not compile it once more. In an
//! optimised build the compiler makes its own of all that is generic, as it may inline it.

use std::hint::black_box;

use super::walk::{self, Walk};
use crate::Environment;
use crate::backend::Connection;
use crate::load::{prefetch, query};
use crate::write::{create, delete, flush, members, put, update};

/// Names whatever leads from typed code to what is not: all else follows from that. It is called by nobody.
fn all<C: Connection>() {
    black_box([
        Environment::<C>::connect as *const (),
        Environment::<C>::new as *const (),
        flush::pending::<C> as *const (),
        prefetch::count::<C> as *const (),
        prefetch::load::<C> as *const (),
        prefetch::load_columns::<C> as *const (),
        prefetch::read_all::<C> as *const (),
        query::by_keys::<C> as *const (),
        query::next_rows::<C> as *const (),
        walk::load::<C> as *const (),
        Walk::<C>::count as *const (),
        Walk::<C>::behind_owner as *const (),
        Walk::<C>::has_moved as *const (),
        Walk::<C>::to_the_end as *const (),
        Walk::<C>::to_the_last_link as *const (),
        create::create::<C> as *const (),
        create::insert::<C> as *const (),
        delete::delete::<C> as *const (),
        members::change_list::<C> as *const (),
        put::put::<C> as *const (),
        update::update::<C> as *const (),
    ]);
}

/// What applications over SQLite share
#[cfg(feature = "sqlite")]
pub fn sqlite() {
    all::<diesel::SqliteConnection>();
}

/// What applications over PostgreSQL share
#[cfg(feature = "postgres")]
pub fn postgres() {
    all::<diesel::PgConnection>();
}

/// What applications over MySQL share
#[cfg(feature = "mysql")]
pub fn mysql() {
    all::<diesel::MysqlConnection>();
}
