//! Two fields, one constant.
include!("../schema.rs");

#[allow(non_snake_case)]
#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
    #[model(column = lang)]
    Name: Option<String>,
}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
}
