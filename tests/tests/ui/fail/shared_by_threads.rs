//! An environment belongs to one thread at a time: it may be moved, not shared.
include!("../schema.rs");

use std::sync::Arc;

/// As the state of a web framework has to be
fn with_state<S: Clone + Send + Sync + 'static>(_: S) {}

fn main() -> orm_core::Result<()> {
    let env: Environment = Environment::connect("demo.db")?;
    let env = Arc::new(env);
    with_state(env);
    Ok(())
}
