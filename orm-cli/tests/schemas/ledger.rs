// As `diesel print-schema` writes tables of two schemas, `main` and `ledger`.

pub mod ledger {
    diesel::table! {
        ledger.invoices (shop, number) {
            shop -> Text,
            number -> BigInt,
            person_id -> Integer,
            seller_id -> Nullable<Integer>,
        }
    }

    diesel::table! {
        ledger.lines (id) {
            id -> BigInt,
            people_id -> Integer,
            values -> Text,
            record -> Nullable<Text>,
        }
    }

    diesel::table! {
        ledger.line_marks (line_id, mark_id) {
            line_id -> BigInt,
            mark_id -> Integer,
        }
    }

    diesel::joinable!(line_marks -> lines (line_id));
    diesel::allow_tables_to_appear_in_same_query!(invoices, line_marks, lines,);
}

diesel::table! {
    people (id) {
        id -> Integer,
        #[sql_name = "type"]
        type_ -> Text,
        parent_id -> Nullable<Integer>,
        node_id -> Integer,
    }
}

diesel::table! {
    friends (a_id, b_id) {
        a_id -> Integer,
        b_id -> Integer,
    }
}

diesel::table! {
    marks (id) {
        id -> Integer,
    }
}

diesel::table! {
    nodes (id) {
        id -> Integer,
        node_id -> Nullable<Integer>,
        nodes_id -> Integer,
    }
}

diesel::joinable!(friends -> people (a_id));
