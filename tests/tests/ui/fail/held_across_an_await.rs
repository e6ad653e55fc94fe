//! Neither an environment by reference nor a record is held across an `.await`.
include!("../schema.rs");

use std::future::Future;

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

/// As `tokio::spawn` and a handler of a web framework want it
fn spawn(_: impl Future<Output = ()> + Send + 'static) {}

async fn wait() {}

async fn by_reference(env: &Environment) {
    let _ = env.all::<Partner>();
    wait().await;
}

async fn a_record(env: &Environment) {
    let partner = env.record::<Partner>(1);
    wait().await;
    drop(partner);
}

fn main() {
    spawn(async {
        let Ok(env) = Environment::connect("demo.db") else { return };
        let env: Environment = env;
        by_reference(&env).await;
    });
    spawn(async {
        let Ok(env) = Environment::connect("demo.db") else { return };
        let env: Environment = env;
        a_record(&env).await;
    });
}
