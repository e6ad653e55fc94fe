//! The builder takes a connection by value; one that is lent is worked over.
include!("../schema.rs");

fn main() {
    let mut connection = SqliteConnection::establish("demo.db").unwrap();
    let _env = Environment::builder().connection(&mut connection).build();
}
