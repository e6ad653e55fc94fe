//! `id()` is the key of every record, so a field of that name is the key.
include!("../schema.rs");

diesel::table! { flags (number) { number -> Integer, id -> Integer } }
diesel::table! { posts (number) { number -> Integer, flag -> Integer } }

#[derive(Model)]
struct Flag {
    #[model(primary_key)]
    number: i32,
    id: i32,
}

#[derive(Model)]
struct Post {
    #[model(primary_key)]
    number: i32,
    flag: Id<Post>,
    #[model(inverse = Post::FLAG)]
    id: OneToMany<Post>,
}

fn main() {
    let _ = |flag: Record<Flag>| flag.id() + 1;
    let _ = |post: Record<Post>| post.id() + 1;
}
