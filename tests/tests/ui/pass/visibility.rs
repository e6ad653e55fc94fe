//! Constants and accessors are as visible as the struct, whatever its fields are.
mod shop {
    pub(crate) mod schema {
        diesel::table! { goods { id -> Integer, name -> Text, box_id -> Integer } }
        diesel::table! { boxes { id -> Integer, name -> Text } }
        diesel::table! { shelfs { id -> Integer } }
    }
    use orm_core::prelude::*;

    #[derive(Model)]
    #[model(table = schema::goods)]
    pub(crate) struct Good {
        id: i32,
        name: String,
        pub box_id: Id<Crate>,
    }

    #[derive(Model)]
    #[model(table = self::schema::boxes)]
    pub struct Crate {
        id: i32,
        name: String,
        // A public model may have links to one that is not.
        #[model(inverse = Good::BOX_ID)]
        good_ids: OneToMany<Good>,
    }

    mod inner {
        use super::schema::shelfs;
        use orm_core::Model;
        #[derive(Model)]
        pub(super) struct Shelf {
            id: i32,
        }
        #[derive(Model)]
        #[model(table = shelfs)]
        pub(in crate::shop) struct Other {
            id: i32,
        }
    }

    pub(crate) fn ids(env: &Environment) -> (i32, i32) {
        let (shelf, other) = (env.record::<inner::Shelf>(1), env.record::<inner::Other>(2));
        let _ = (inner::Shelf::ID, inner::Other::ID);
        (shelf.id(), other.id())
    }
}

#[derive(orm_core::Model)]
#[model(table = shop::schema::shelfs)]
struct Private {
    id: i32,
}

fn main() {
    use orm_core::prelude::*;
    let env = Environment::connect(":memory:").unwrap();
    let read = || env.record::<shop::Good>(1).box_id().name();
    assert!(read().is_err());
    let _ = (shop::Good::NAME, shop::Crate::GOOD_IDS, shop::Good::BOX_ID, Private::ID);
    assert_eq!(shop::ids(&env), (1, 2));
    assert_eq!(env.record::<Private>(3).id(), 3);
}
