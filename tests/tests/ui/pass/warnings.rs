//! What the derive writes gives no warning, in a module with every model public, documented or not.
#![deny(warnings, missing_docs, unused, unreachable_pub, unused_qualifications, missing_debug_implementations)]
#![deny(rust_2018_idioms, single_use_lifetimes, trivial_casts, unnameable_types, missing_copy_implementations)]

/// Models
pub mod models {
    #[allow(missing_docs)]
    mod schema {
        diesel::table! { parts { id -> Integer, name -> Text, html -> Nullable<Text>, text -> Nullable<Text>, part_id -> Nullable<Integer> } }
    }
    use orm_core::prelude::*;

    /// A part
    #[derive(Model, Debug)]
    #[model(table = schema::parts)]
    pub struct Part {
        id: i32,
        /// What it is called
        ///
        /// In capitals.
        name: String,
        #[model(group = "html")]
        html: Option<String>,
        #[model(group = "html")]
        /// As plain text
        pub text: Option<String>,
        part_id: Option<Id<Part>>,
        #[model(inverse = Part::PART_ID)]
        part_ids: OneToMany<Part>,
    }

    // Nobody reads its fields.
    #[derive(Model)]
    #[model(table = schema::parts)]
    #[allow(dead_code)]
    struct Unread {
        id: i32,
        name: String,
    }
}

fn main() {
    let _ = models::Part::TEXT;
}
