//! Where would it lead?
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    tag_ids: ManyToMany<Tag>,
}

#[derive(Model)]
struct Tag {
    id: i32,
}

fn main() {
    let _ = |partner: Record<Partner>| partner.tag_ids().id();
}
