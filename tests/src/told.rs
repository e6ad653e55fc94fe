//! What a loop that cannot be batched is told of, and refused for.

use std::cell::Cell;
use std::panic::Location;

use orm_core::{Error, Repeated, Result};
use tracing::Level;

use crate::database::asks_for_keys;
use crate::events::events;
use crate::{File, TestDb, test_db};

/// A call whose line is noted: that is where what it does is told to come from.
#[macro_export]
macro_rules! noting_line {
    ($line:ident, $call:expr) => {{
        $line.set(line!());
        $call
    }};
}
pub use crate::noting_line as here;

/// What a loop over a database must be told
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// The database
    pub file: fn() -> File,
    /// What is done again and again
    pub work: Repeated,
    /// The model's name
    pub model: &'static str,
    /// The field's name
    pub field: &'static str,
}

impl Told {
    /// Runs the loop in a lenient environment twice, which warns of it once, and in a strict one, which refuses it after
    /// so many statements. The loop notes in which line it calls.
    #[track_caller]
    pub fn after(self, statements: usize, work: impl Fn(&TestDb, &Cell<u32>) -> Result<()>) {
        let (file, line) = (Location::caller().file(), Cell::new(0));
        let lenient = TestDb { ..test_db!((self.file)()) };
        let told = events(|| {
            work(&lenient, &line).and_then(|()| work(&lenient, &line)).expect("a warning is all");
        });
        let warnings: Vec<_> = told.into_iter().filter(|seen| seen.level == Level::WARN).collect();
        let [warning] = &warnings[..] else { panic!("one warning expected: {warnings:#?}") };
        let place = (warning.field("file"), warning.field("line"));
        assert_eq!((warning.field("model"), warning.field("field")), (self.model, self.field));
        assert_eq!(place, (file, &*line.get().to_string()), "{warning:?}");
        assert_eq!(warning.field("times"), "10");

        let strict = test_db!((self.file)(), strict());
        let before = strict.statements.count();
        let refused = work(&strict, &line);
        let mut sent = strict.statements.since(before);
        sent.retain(|statement| !asks_for_keys(&statement.sql));
        match refused.expect_err("a strict environment refuses it") {
            Error::Unbatched { work, model, field, times, at } => {
                assert_eq!((work, model, field, times), (self.work, self.model, self.field, 10));
                assert_eq!((at.file(), at.line()), (file, line.get()));
            }
            error => panic!("{error:?}"),
        }
        assert_eq!(sent.len(), statements, "before the tenth is sent: {sent:#?}");
        assert_eq!(strict.stats().dirty, 0);
        let name = if self.field.is_empty() {
            self.model.to_owned()
        } else {
            format!("{}.{}", self.model, self.field)
        };
        assert!(warning.field("message").starts_with(&name), "{warning:?}");
    }
}

/// Does work that a strict environment must not refuse.
#[track_caller]
pub fn assert_not_told(file: File, work: impl FnOnce(&TestDb) -> Result<()>) {
    let db = test_db!(file, strict());
    work(&db).expect("no loop that could be batched");
}
