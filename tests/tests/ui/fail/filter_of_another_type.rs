//! A filter is a condition.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Partner>>,
    #[model(inverse = Partner::COUNTRY_ID, filter = partners::len + 1)]
    child_ids: OneToMany<Partner>,
}

fn main() {}
