//! Which column is the primary key? One error each, whatever key the table has.
include!("../schema.rs");

diesel::table! { words (word) { word -> Text, meaning -> Text } }

#[derive(Model)]
struct Partner {
    number: i32,
    name: String,
}

#[derive(Model)]
#[model(table = words)]
struct Word {
    meaning: String,
}

#[derive(Model)]
#[model(table = partner_tags)]
struct Pair {}

fn main() {
    let _ = Partner::NAME;
    let _ = |partner: Record<Partner>| partner.name();
    let _ = |word: Record<Word>| word.meaning();
}
