// The tables of the cases in `fail`, and what a user imports.
#[allow(unused_imports)]
use diesel::prelude::*;
#[allow(unused_imports)]
use orm_core::prelude::*;

diesel::table! { countries { id -> Integer, name -> Text, code -> Text } }
diesel::table! {
    partners { id -> Integer, name -> Text, lang -> Nullable<Text>, country_id -> Nullable<Integer>, len -> Integer }
}
diesel::table! { tags { id -> Integer, name -> Text } }
diesel::table! { partner_tags (partner_id, tag_id) { partner_id -> Integer, tag_id -> Integer } }
