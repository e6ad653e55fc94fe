//! What the derive writes needs no prelude, and minds no name of the user's.
mod schema {
    diesel::table! { stars { id -> Integer, name -> Text, other -> Nullable<Text>, star_id -> Nullable<Integer>, raw -> Binary } }
    diesel::table! { pairs (a, b) { a -> Integer, b -> Integer } }
}

#[no_implicit_prelude]
#[allow(dead_code)]
mod models {
    use super::schema;

    // Names that the expansion must not pick up.
    mod core {}
    mod std {}
    mod orm_core {}
    mod private {}
    mod diesel {}
    struct Vec;
    struct Box;
    struct Result;
    struct Option;
    struct Some;
    struct None;
    struct Ok;
    struct K;
    struct C;
    struct Handle;
    struct Field;
    struct Records;

    #[derive(::orm_core::Model)]
    #[model(table = schema::stars)]
    pub(super) struct Star {
        id: i32,
        name: ::std::string::String,
        other: ::core::option::Option<::std::string::String>,
        star_id: ::core::option::Option<::orm_core::Id<Self>>,
        raw: ::std::vec::Vec<u8>,
        #[model(inverse = Self::STAR_ID, order = ::diesel::ExpressionMethods::asc(schema::stars::name))]
        star_ids: ::orm_core::OneToMany<Self>,
        #[model(through(schema::pairs::a, schema::pairs::b))]
        pair_ids: ::orm_core::ManyToMany<Star>,
        #[model(related = star_id.name)]
        over: ::orm_core::Computed<::core::option::Option<::std::string::String>>,
        #[model(compute = Self::title, inverse = Self::set)]
        title: ::orm_core::Computed<::core::option::Option<::std::string::String>>,
        #[model(compute_all = numbers)]
        number: ::orm_core::Computed<i64>,
    }

    impl Star {
        fn title(
            star: &::orm_core::Record<'_, Self>,
        ) -> ::orm_core::Result<::core::option::Option<::std::string::String>> {
            ::core::result::Result::Ok(::core::option::Option::Some(::std::string::ToString::to_string(&star.name()?)))
        }
    }

    impl Star {
        fn set(
            star: &::orm_core::Record<'_, Self>,
            title: ::core::option::Option<::std::string::String>,
        ) -> ::orm_core::Result<()> {
            star.set_other(&title)
        }
    }

    fn numbers(stars: &::orm_core::RecordSet<'_, Star>) -> ::orm_core::Result<::std::vec::Vec<i64>> {
        ::core::result::Result::Ok(::std::vec![1; stars.len()])
    }
}

fn main() {
    let _ = models::Star::PAIR_IDS;
}
