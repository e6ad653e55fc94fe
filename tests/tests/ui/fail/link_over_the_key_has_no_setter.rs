//! A key stays as it is, whatever field shows it.
include!("../schema.rs");

#[derive(Model)]
#[model(table = tags)]
struct Tag {
    id: i32,
    #[model(column = id)]
    country: Id<Country>,
}

#[derive(Model)]
#[model(table = countries)]
struct Country {
    id: i32,
}

fn main() {
    let _ = Tag::values().country(1);
    let _ = |tag: Record<Tag>| tag.set_country(1);
}
