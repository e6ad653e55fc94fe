//! The type of an environment is said where it is made, or where it is kept: `let env: Environment = …`.
include!("../schema.rs");

fn main() -> orm_core::Result<()> {
    let env = Environment::connect("demo.db")?;
    println!("{}", env.stats().queries);
    Ok(())
}
