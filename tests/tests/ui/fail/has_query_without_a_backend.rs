//! diesel's `HasQuery` is for any backend: for records it is `<Partner as HasQuery<Sqlite>>::query()`.
include!("../schema.rs");

#[derive(Model, HasQuery)]
struct Partner {
    id: i32,
    name: String,
}

fn found(env: &Environment) -> orm_core::Result<RecordSet<'_, Partner>> {
    Partner::query().filter(partners::len.gt(1)).records(env)
}

fn named(env: &Environment) -> orm_core::Result<RecordSet<'_, Partner>> {
    <Partner as HasQuery<diesel::sqlite::Sqlite>>::query().filter(partners::len.gt(1)).records(env)
}

fn main() {}
