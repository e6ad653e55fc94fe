//! An environment belongs to one request, job or thread: it is `Send` and not `Sync`. Handles stay with it.

use orm_core::prelude::*;
use orm_core::{Cache, Error, Stats};
use orm_tests::database::Db;
use orm_tests::partners::*;
use static_assertions::{assert_impl_all, assert_not_impl_any};

assert_impl_all!(Environment: Send);
assert_not_impl_any!(Environment: Sync, Clone);
assert_not_impl_any!(Record<'static, Partner>: Send, Sync);
assert_not_impl_any!(RecordSet<'static, Partner>: Send, Sync);
assert_not_impl_any!(ToMany<'static, Partner>: Send, Sync);
assert_not_impl_any!(Cache<'static, Db>: Send, Sync);

assert_impl_all!(Error: Send, Sync, Clone, std::error::Error);
assert_impl_all!(Stats: Send, Sync, Clone);
assert_impl_all!(Str: Send, Sync, Clone, std::hash::Hash, Ord, Default, std::borrow::Borrow<str>, AsRef<str>, Into<String>);
assert_impl_all!(Id<Partner>: Send, Sync, Copy, Ord, std::fmt::Display);
assert_impl_all!(Partner: Send, Sync);

#[test]
fn markers_take_no_space() {
    assert_eq!(size_of::<OneToMany<Partner>>() + size_of::<ManyToMany<Tag>>(), 0);
    assert_eq!(size_of::<Id<Partner>>(), size_of::<i32>());
}

#[test]
fn handles_are_small() {
    assert!(size_of::<Record<'_, Partner>>() <= 40, "{}", size_of::<Record<'_, Partner>>());
    assert_eq!(size_of::<Option<Record<'_, Partner>>>(), size_of::<Record<'_, Partner>>());
}
