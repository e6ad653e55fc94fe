//! What is wrong with an equation is the filter's error, and none of what `add` would fill in.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    country_id: Option<Id<Partner>>,
    #[model(inverse = Partner::COUNTRY_ID, filter = partners::name.eq(5))]
    child_ids: OneToMany<Partner>,
    #[model(inverse = Partner::COUNTRY_ID, filter = partners::len.eq(5).and(partners::nam.eq("a")))]
    other_ids: OneToMany<Partner>,
}

fn main() {}
