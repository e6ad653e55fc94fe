//! More than 32 columns: diesel wants its feature `64-column-tables` for the table, the derive nothing.
use orm_core::prelude::*;

#[path = "../database.rs"]
mod database;

diesel::table! { wides { id -> Integer, c0 -> Integer, c1 -> Integer, c2 -> Integer, c3 -> Integer, c4 -> Integer, c5 -> Integer, c6 -> Integer, c7 -> Integer, c8 -> Integer, c9 -> Integer, c10 -> Integer, c11 -> Integer, c12 -> Integer, c13 -> Integer, c14 -> Integer, c15 -> Integer, c16 -> Integer, c17 -> Integer, c18 -> Integer, c19 -> Integer, c20 -> Integer, c21 -> Integer, c22 -> Integer, c23 -> Integer, c24 -> Integer, c25 -> Integer, c26 -> Integer, c27 -> Integer, c28 -> Integer, c29 -> Integer, c30 -> Integer, c31 -> Integer, c32 -> Integer, c33 -> Integer, c34 -> Integer, c35 -> Integer, c36 -> Integer, c37 -> Integer, c38 -> Integer, c39 -> Integer } }

#[derive(Model)]
struct Wide {
    id: i32,
    c0: i32, c1: i32, c2: i32, c3: i32, c4: i32, c5: i32, c6: i32, c7: i32,
    c8: i32, c9: i32, c10: i32, c11: i32, c12: i32, c13: i32, c14: i32, c15: i32,
    c16: i32, c17: i32, c18: i32, c19: i32, c20: i32, c21: i32, c22: i32, c23: i32,
    c24: i32, c25: i32, c26: i32, c27: i32, c28: i32, c29: i32, c30: i32, c31: i32,
    c32: i32, c33: i32, c34: i32, c35: i32, c36: i32, c37: i32, c38: i32, c39: i32,
}

fn main() -> orm_core::Result<()> {
    let columns: Vec<String> = (0..40).map(|i| format!("c{i} INTEGER NOT NULL")).collect();
    let values: Vec<String> = (0..40).map(|i| i.to_string()).collect();
    let sql = format!(
        "CREATE TABLE wides (id INTEGER PRIMARY KEY, {}); INSERT INTO wides VALUES (1, {});",
        columns.join(", "),
        values.join(", ")
    );
    let env = database::open(&sql);
    assert_eq!(env.record::<Wide>(1).c39()?, 39);
    assert_eq!(env.record::<Wide>(1).to_model()?.c17, 17);
    Ok(())
}
