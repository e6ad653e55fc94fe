//! In one attribute or in two.
include!("../schema.rs");

#[derive(Model)]
#[model(table = partners, table = partners)]
struct Partner {
    id: i32,
    #[model(column = name, column = lang)]
    name: String,
    #[model(deferred)]
    #[model(deferred)]
    lang: Option<String>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
