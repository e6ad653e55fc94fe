//! What is no condition on the model's rows.
include!("../schema.rs");

#[derive(Model)]
struct Partner {
    id: i32,
    name: String,
}

fn find(env: &Environment) -> orm_core::Result<()> {
    env.find::<Partner>(partners::name)?;
    env.find::<Partner>(tags::name.eq("press"))?;
    env.one::<Partner>("name = 'Azure'")?;
    env.one::<Partner>(diesel::dsl::count(partners::id).gt(1))?;
    Ok(())
}

fn main() {}
