//! What a filter says, it says of each record.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Partner>>,
    #[model(inverse = Partner::COUNTRY_ID, filter = diesel::dsl::count(partners::id).gt(1))]
    child_ids: OneToMany<Partner>,
}

fn main() {}
