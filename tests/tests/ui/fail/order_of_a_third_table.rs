//! The order of a many2many link is of its members' columns, or of those of the table of pairs.
include!("../schema.rs");

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id), order = (partner_tags::tag_id, countries::name.asc()))]
    tag_ids: ManyToMany<Tag>,
}

fn main() {}
