//! What `tracing` is told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// One event, its fields as text
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its level
    pub level: Level,
    fields: BTreeMap<&'static str, String>,
}

impl Seen {
    /// One field, which has to be there
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).unwrap_or_else(|| panic!("no `{name}` in {self:?}"))
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

/// Keeps the events of `orm_core`.
#[derive(Debug, Default, Clone)]
struct Listener(Arc<Mutex<Vec<Seen>>>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("orm_core")
    }

    fn event(&self, event: &Event<'_>) {
        let mut seen = Seen { level: *event.metadata().level(), fields: BTreeMap::new() };
        event.record(&mut seen);
        self.0.lock().expect("not poisoned").push(seen);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The events of a piece of work
pub fn events(work: impl FnOnce()) -> Vec<Seen> {
    let listener = Listener::default();
    // While there is one listener only, the thread that comes to an event first says for all whether anybody wants it, and
    // that may be one of another test.
    static OTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Listener::default()));
    LazyLock::force(&OTHER);
    tracing::subscriber::with_default(listener.clone(), work);
    let events = listener.0.lock().expect("not poisoned");
    events.clone()
}
