//! A key is a plain column.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: Option<i32>,
    name: String,
}

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
    name: String,
}

#[derive(Model)]
#[model(table = partners)]
struct Part {
    id: Id<Country>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
