//! Pairs count in either direction where both are records of one model.
include!("../schema.rs");

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id), symmetric)]
    tag_ids: ManyToMany<Tag>,
}

fn main() {}
