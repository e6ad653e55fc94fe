//! A to-many link is read by the loop, which may fail: `let tag = tag?;`, or `.iter()?` before it.
include!("../schema.rs");

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
}

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
    tag_ids: ManyToMany<Tag>,
}

fn print(partner: &Record<Partner>) -> orm_core::Result<()> {
    for tag in partner.tag_ids() {
        println!("{}", tag.name()?);
    }
    Ok(())
}

fn main() {}
