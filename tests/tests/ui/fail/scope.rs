//! What `scope`, `unscoped` and `symmetric` are given, and where they stand.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners, scope)]
struct Scoped {
    id: i32,
    #[model(scope = partners::id.gt(1))]
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(unscoped = true)]
    name: String,
    #[model(unscoped, symmetric)]
    country_id: Option<Id<Partner>>,
    #[model(inverse = Partner::COUNTRY_ID, symmetric)]
    partner_ids: OneToMany<Partner>,
}

fn main() {}
