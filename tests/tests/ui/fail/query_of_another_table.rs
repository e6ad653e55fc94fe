//! Records are found in their own table.
include!("../schema.rs");

#[derive(Model)]
struct Tag {
    id: i32,
    name: String,
}

fn search(env: &Environment) -> orm_core::Result<()> {
    countries::table.filter(countries::code.eq("BE")).records::<Tag>(env)?;
    Ok(())
}

fn main() {}
