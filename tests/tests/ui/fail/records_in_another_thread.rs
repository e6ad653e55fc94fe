//! A record stays with its environment: a thread takes the environment, or a key.
include!("../schema.rs");

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

/// As `tokio::task::spawn_blocking` wants it
fn spawn_blocking<T: Send + 'static>(_: impl FnOnce() -> T + Send + 'static) {}

fn take(partner: Record<'static, Partner>) {
    spawn_blocking(move || drop(partner.name()));
}

fn give(env: Environment) {
    spawn_blocking(move || env.record::<Partner>(1).name().map(|_| env.all::<Partner>().map(|partners| partners.first().map(|_| ()))));
}

fn without_move(env: Environment) {
    spawn_blocking(|| {
        let _ = env.all::<Partner>();
    });
}

fn main() {}
