//! Both columns are of the table of pairs.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(through(partner_tags::partner_id, tags::id))]
    tag_ids: ManyToMany<Partner>,
}

fn main() {}
