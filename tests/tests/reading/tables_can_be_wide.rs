//! More columns than diesel's tuples hold by default, and column names that need quoting.

use orm_core::Result;
use orm_core::prelude::*;
use orm_tests::TestDb;

macro_rules! wide {
    ($($field:ident),*) => {
        diesel::table! {
            widest {
                id -> Integer,
                $($field -> Integer,)*
                #[sql_name = "select"]
                select_ -> Text,
                #[sql_name = "two words"]
                two_words -> Nullable<Text>,
                #[sql_name = "type"]
                type_ -> Text,
            }
        }

        #[derive(Model)]
        #[model(table = widest)]
        struct Widest {
            id: i32,
            $($field: i32,)*
            #[model(column = select_)]
            choice: String,
            two_words: Option<String>,
            #[model(column = type_)]
            r#type: String,
        }

        const NAMES: &[&str] = &[$(stringify!($field)),*];

        fn all_fields(record: &Record<'_, Widest>) -> Result<Vec<i32>> {
            Ok(vec![$(record.$field()?),*])
        }
    };
}
wide!(
    c01, c02, c03, c04, c05, c06, c07, c08, c09, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21,
    c22, c23, c24, c25, c26, c27, c28, c29, c30, c31, c32, c33, c34, c35, c36, c37, c38, c39, c40, c41, c42,
    c43, c44, c45, c46, c47, c48
);

#[test]
fn fifty_two_columns_come_in_one_select() -> Result<()> {
    let columns: Vec<String> = NAMES.iter().map(|name| format!("{name} INTEGER NOT NULL")).collect();
    let values: Vec<String> = (1..=NAMES.len()).map(|n| format!("value * {n}")).collect();
    let db = TestDb::new(&format!(
        "CREATE TABLE widest (id INTEGER PRIMARY KEY NOT NULL, {}, \"select\" TEXT NOT NULL, \"two words\" TEXT, \"type\" TEXT NOT NULL);
         WITH RECURSIVE s(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM s WHERE value < 20)
         INSERT INTO widest SELECT value, {}, 'chosen ' || value, NULL, 'type ' || value FROM s",
        columns.join(", "),
        values.join(", ")
    ));
    let set = db.browse::<Widest>(1..=20);
    let (fields, statements) = db.watch(|| set.map(all_fields));
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].columns().len(), 52);
    for (row, fields) in (1..).zip(fields?) {
        assert_eq!(fields, (1..=48).map(|n| n * row).collect::<Vec<_>>());
    }
    db.assert_queries(0, || {
        assert_eq!(set.choice()?[4], "chosen 5");
        assert_eq!(set.two_words()?, vec![None; 20]);
        assert_eq!(set.r#type()?[19], "type 20");
        Ok(())
    })
}
