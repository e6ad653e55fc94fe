//! Of which model? (rustc says so too: that the type lacks its parameter.)
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    child_ids: OneToMany,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
