//! `through` is for many, `inverse` for one.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
    child_ids: OneToMany<Partner>,
    #[model(inverse = Partner::ID)]
    tag_ids: ManyToMany<Partner>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
