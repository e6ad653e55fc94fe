//! The filter of a many2many link is over its members' columns, or over those of the table of pairs.
include!("../schema.rs");

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id), filter = countries::name.eq("Belgium"))]
    tag_ids: ManyToMany<Tag>,
}

fn main() {}
