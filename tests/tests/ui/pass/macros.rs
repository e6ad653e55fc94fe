//! A struct that a `macro_rules!` writes, with types and names handed in or its own.
use orm_core::prelude::*;

diesel::table! { notes { id -> Integer, title -> Text, size -> Nullable<Integer>, note_id -> Nullable<Integer> } }

macro_rules! model {
    ($table:path, $name:ident, $field:ident: $ty:ty, $link:ty) => {
        #[derive(Model)]
        #[model(table = $table)]
        struct $name {
            id: i32,
            $field: $ty,
            size: Option<i32>,
            note_id: $link,
            #[model(inverse = $name::NOTE_ID)]
            note_ids: OneToMany<$name>,
        }
    };
}
model!(notes, Note, title: String, Option<Id<Note>>);

fn main() {
    let env = Environment::connect(":memory:").unwrap();
    let read = || env.record::<Note>(1).note_id().note_ids().title();
    assert!(read().is_err());
    let _ = (Note::TITLE, Note::SIZE, Note::NOTE_IDS);
}
