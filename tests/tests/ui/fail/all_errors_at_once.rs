//! Every field tells what is wrong with it.
include!("../schema.rs");

#[derive(Model)]
#[model(tables = partners)]
struct Partner {
    #[model(deferred)]
    number: &'static str,
    #[model(inverse = Partner::ID)]
    len: i32,
    #[model(colum = lang)]
    lang: (i32, i32),
}

fn main() {}
