/// An environment on a database of its own, in memory
pub fn open(sql: &str) -> orm_core::Environment {
    use diesel::connection::{Connection, SimpleConnection};
    let mut connection = diesel::SqliteConnection::establish(":memory:").unwrap();
    connection.batch_execute(sql).unwrap();
    orm_core::Environment::builder().connection(connection).build()
}
