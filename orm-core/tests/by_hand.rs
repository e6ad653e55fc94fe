//! The runtime without the derive: this is what `#[derive(Model)]` writes.
#![allow(missing_docs, unreachable_pub)]
use diesel::prelude::*;
use orm_core::prelude::*;

diesel::table! { countries { id -> Integer, name -> Text, code -> Text } }
diesel::table! { partners { id -> Integer, name -> Text, language -> Nullable<Text>, country_id -> Nullable<Integer>, notes -> Nullable<Text> } }

pub struct Country {
    id: i32,
    name: String,
    code: String,
    partner_ids: OneToMany<Partner>,
}

pub struct Partner {
    id: i32,
    name: String,
    lang: Option<String>,
    country_id: Option<Id<Country>>,
    notes: Option<String>,
}

type C = orm_core::DefaultConnection;

#[allow(non_camel_case_types, clippy::all)]
const _: () = {
    use ::orm_core::private;

    #[derive(::core::default::Default)]
    pub struct CountryColumns {
        id: private::Column<()>,
        name: private::Stored<C, private::Scalar<private::Str, private::SqlTypeOf<countries::name>>>,
        code: private::Stored<C, private::Scalar<private::Str, private::SqlTypeOf<countries::code>>>,
        partner_ids: private::Stored<C, private::ToManyLink<Partner>>,
    }

    impl private::Columns<C> for CountryColumns {
        fn column(&self, index: usize) -> ::core::option::Option<&dyn private::AnyColumn<C>> {
            match index {
                0 => ::core::option::Option::Some(&self.name),
                1 => ::core::option::Option::Some(&self.code),
                2 => ::core::option::Option::Some(&self.partner_ids),
                _ => ::core::option::Option::None,
            }
        }
        fn each_mut(&mut self) -> private::Vec<&mut dyn private::AnyColumn<C>> {
            private::vec![&mut self.name, &mut self.code, &mut self.partner_ids]
        }
    }

    #[derive(::core::default::Default)]
    pub struct CountryLinks<'env> {
        partner_ids: private::Way<'env, Partner>,
        env: ::core::marker::PhantomData<&'env ()>,
    }

    pub struct CountryAccessors<'env, K: private::Cardinality>(private::Handle<'env, Country, K>);

    impl<'env, K: private::Cardinality> private::Accessors<'env, Country, K> for CountryAccessors<'env, K> {
        #[inline]
        fn wrap(handle: private::Handle<'env, Country, K>) -> Self {
            Self(handle)
        }
        #[inline]
        fn handle(&self) -> &private::Handle<'env, Country, K> {
            &self.0
        }
    }

    impl Country {
        pub const ID: private::Field<Country, <Country as private::Model>::Key, private::PrimaryKey> =
            private::Field::new(
                private::KEY,
                |columns: &CountryColumns| &columns.id,
                |columns: &mut CountryColumns| &mut columns.id,
                (),
            );
        pub const NAME: private::Field<Country, private::Str, private::Required> = private::Field::new(
            0,
            |columns: &CountryColumns| columns.name.column(),
            |columns: &mut CountryColumns| columns.name.column_mut(),
            (),
        );
        pub const CODE: private::Field<Country, private::Str, private::Required> = private::Field::new(
            1,
            |columns: &CountryColumns| columns.code.column(),
            |columns: &mut CountryColumns| columns.code.column_mut(),
            (),
        );
        pub const PARTNER_IDS: private::Field<
            Country,
            private::OneToMany<Partner>,
            private::LinkedMany<Partner>,
        > = private::Field::new(
            2,
            |columns: &CountryColumns| columns.partner_ids.column(),
            |columns: &mut CountryColumns| columns.partner_ids.column_mut(),
            {
                fn way<'a, 'env>(
                    links: &'a CountryLinks<'env>,
                    _: ::core::marker::PhantomData<&'env ()>,
                ) -> &'a private::Way<'env, Partner> {
                    &links.partner_ids
                }
                way as private::WayTo<Country, Partner>
            },
        );
    }

    impl<'env, K: private::Cardinality> CountryAccessors<'env, K> {
        #[inline]
        pub fn id(&self) -> K::Out<<Country as private::Model>::Key> {
            self.0.read(Country::ID)
        }
        #[inline]
        pub fn name(&self) -> K::Out<private::Str> {
            self.0.read(Country::NAME)
        }
        #[inline]
        pub fn code(&self) -> K::Out<private::Str> {
            self.0.read(Country::CODE)
        }
        #[inline]
        pub fn partner_ids(&self) -> private::ToMany<'env, Partner> {
            self.0.read(Country::PARTNER_IDS)
        }
    }

    impl private::Model for Country {
        type Connection = C;
        type Key = i32;
        type KeyCodec = private::KeyOf<i32, private::SqlTypeOf<countries::id>>;
        type Table = countries::table;
        type KeyColumn = countries::id;
        type Columns = CountryColumns;
        type Links<'env> = CountryLinks<'env>;
        type Accessors<'env, K: private::Cardinality> = CountryAccessors<'env, K>;
        const NAME: &'static str = "Country";
        const KEY_FIELD: &'static str = "id";
        const FIELDS: &'static [private::FieldInfo<Self>] = &[
            private::FieldInfo {
                name: "name",
                column: private::column_name::<countries::name>(),
                prefetch: private::Prefetch::Always,
                relation: ::core::option::Option::None,
            },
            private::FieldInfo {
                name: "code",
                column: private::column_name::<countries::code>(),
                prefetch: private::Prefetch::Always,
                relation: ::core::option::Option::None,
            },
            private::FieldInfo {
                name: "partner_ids",
                column: "partner_ids",
                prefetch: private::Prefetch::Never,
                relation: ::core::option::Option::Some(&private::Inverse::<Partner, _>::new(
                    Partner::COUNTRY_ID,
                    ::core::option::Option::Some(|| private::order::<Partner, _>(partners::name.desc())),
                )),
            },
        ];
        fn number() -> &'static private::ModelNumber {
            static NUMBER: private::ModelNumber = private::ModelNumber::new();
            &NUMBER
        }
        fn snapshot(record: &private::Record<'_, Self>) -> private::Result<Self> {
            ::core::result::Result::Ok(Self {
                id: private::owned(record, Country::ID)?,
                name: private::owned(record, Country::NAME)?,
                code: private::owned(record, Country::CODE)?,
                partner_ids: private::OneToMany::new(),
            })
        }
        fn touch(&self) {
            let _ = (&self.id, &self.name, &self.code, &self.partner_ids);
        }
    }

    #[derive(::core::default::Default)]
    pub struct PartnerColumns {
        id: private::Column<()>,
        name: private::Stored<C, private::Scalar<private::Str, private::SqlTypeOf<partners::name>>>,
        lang: private::Stored<
            C,
            private::Scalar<::core::option::Option<private::Str>, private::SqlTypeOf<partners::language>>,
        >,
        country_id: private::Stored<C, private::ToOneLink<Country, true>>,
        notes: private::Stored<
            C,
            private::Scalar<::core::option::Option<private::Str>, private::SqlTypeOf<partners::notes>>,
        >,
    }

    impl private::Columns<C> for PartnerColumns {
        fn column(&self, index: usize) -> ::core::option::Option<&dyn private::AnyColumn<C>> {
            match index {
                0 => ::core::option::Option::Some(&self.name),
                1 => ::core::option::Option::Some(&self.lang),
                2 => ::core::option::Option::Some(&self.country_id),
                3 => ::core::option::Option::Some(&self.notes),
                _ => ::core::option::Option::None,
            }
        }
        fn each_mut(&mut self) -> private::Vec<&mut dyn private::AnyColumn<C>> {
            private::vec![&mut self.name, &mut self.lang, &mut self.country_id, &mut self.notes]
        }
    }

    #[derive(::core::default::Default)]
    pub struct PartnerLinks<'env> {
        country_id: private::Way<'env, Country>,
        env: ::core::marker::PhantomData<&'env ()>,
    }

    pub struct PartnerAccessors<'env, K: private::Cardinality>(private::Handle<'env, Partner, K>);

    impl<'env, K: private::Cardinality> private::Accessors<'env, Partner, K> for PartnerAccessors<'env, K> {
        #[inline]
        fn wrap(handle: private::Handle<'env, Partner, K>) -> Self {
            Self(handle)
        }
        #[inline]
        fn handle(&self) -> &private::Handle<'env, Partner, K> {
            &self.0
        }
    }

    impl Partner {
        pub const ID: private::Field<Partner, <Partner as private::Model>::Key, private::PrimaryKey> =
            private::Field::new(
                private::KEY,
                |columns: &PartnerColumns| &columns.id,
                |columns: &mut PartnerColumns| &mut columns.id,
                (),
            );
        pub const NAME: private::Field<Partner, private::Str, private::Required> = private::Field::new(
            0,
            |columns: &PartnerColumns| columns.name.column(),
            |columns: &mut PartnerColumns| columns.name.column_mut(),
            (),
        );
        pub const LANG: private::Field<Partner, ::core::option::Option<private::Str>, private::Nullable> =
            private::Field::new(
                1,
                |columns: &PartnerColumns| columns.lang.column(),
                |columns: &mut PartnerColumns| columns.lang.column_mut(),
                (),
            );
        pub const COUNTRY_ID: private::Field<
            Partner,
            ::core::option::Option<private::Id<Country>>,
            private::LinkedNullable<Country>,
        > = private::Field::new(
            2,
            |columns: &PartnerColumns| columns.country_id.column(),
            |columns: &mut PartnerColumns| columns.country_id.column_mut(),
            {
                fn way<'a, 'env>(
                    links: &'a PartnerLinks<'env>,
                    _: ::core::marker::PhantomData<&'env ()>,
                ) -> &'a private::Way<'env, Country> {
                    &links.country_id
                }
                way as private::WayTo<Partner, Country>
            },
        );
        pub const NOTES: private::Field<Partner, ::core::option::Option<private::Str>, private::Nullable> =
            private::Field::new(
                3,
                |columns: &PartnerColumns| columns.notes.column(),
                |columns: &mut PartnerColumns| columns.notes.column_mut(),
                (),
            );
    }

    impl<'env, K: private::Cardinality> PartnerAccessors<'env, K> {
        #[inline]
        pub fn id(&self) -> K::Out<<Partner as private::Model>::Key> {
            self.0.read(Partner::ID)
        }
        #[inline]
        pub fn name(&self) -> K::Out<private::Str> {
            self.0.read(Partner::NAME)
        }
        #[inline]
        pub fn lang(&self) -> K::OutNullable<private::Str> {
            self.0.read(Partner::LANG)
        }
        #[inline]
        pub fn country_id(&self) -> private::Records<'env, Country, K::LinkNullable> {
            self.0.read(Partner::COUNTRY_ID)
        }
        #[inline]
        pub fn notes(&self) -> K::OutNullable<private::Str> {
            self.0.read(Partner::NOTES)
        }
    }

    impl private::Model for Partner {
        type Connection = C;
        type Key = i32;
        type KeyCodec = private::KeyOf<i32, private::SqlTypeOf<partners::id>>;
        type Table = partners::table;
        type KeyColumn = partners::id;
        type Columns = PartnerColumns;
        type Links<'env> = PartnerLinks<'env>;
        type Accessors<'env, K: private::Cardinality> = PartnerAccessors<'env, K>;
        const NAME: &'static str = "Partner";
        const KEY_FIELD: &'static str = "id";
        const FIELDS: &'static [private::FieldInfo<Self>] = &[
            private::FieldInfo {
                name: "name",
                column: private::column_name::<partners::name>(),
                prefetch: private::Prefetch::Always,
                relation: ::core::option::Option::None,
            },
            private::FieldInfo {
                name: "lang",
                column: private::column_name::<partners::language>(),
                prefetch: private::Prefetch::Always,
                relation: ::core::option::Option::None,
            },
            private::FieldInfo {
                name: "country_id",
                column: private::column_name::<partners::country_id>(),
                prefetch: private::Prefetch::Always,
                relation: ::core::option::Option::None,
            },
            private::FieldInfo {
                name: "notes",
                column: private::column_name::<partners::notes>(),
                prefetch: private::Prefetch::Deferred,
                relation: ::core::option::Option::None,
            },
        ];
        fn number() -> &'static private::ModelNumber {
            static NUMBER: private::ModelNumber = private::ModelNumber::new();
            &NUMBER
        }
        fn snapshot(record: &private::Record<'_, Self>) -> private::Result<Self> {
            ::core::result::Result::Ok(Self {
                id: private::owned(record, Partner::ID)?,
                name: private::owned(record, Partner::NAME)?,
                lang: private::owned(record, Partner::LANG)?,
                country_id: private::owned(record, Partner::COUNTRY_ID)?,
                notes: private::owned(record, Partner::NOTES)?,
            })
        }
        fn touch(&self) {
            let _ = (&self.id, &self.name, &self.lang, &self.country_id, &self.notes);
        }
    }
};

#[test]
fn the_seeds_loop_is_two_queries() -> orm_core::Result<()> {
    let mut connection = SqliteConnection::establish(":memory:").unwrap();
    diesel::connection::SimpleConnection::batch_execute(
        &mut connection,
        "CREATE TABLE countries (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, code TEXT NOT NULL);
         CREATE TABLE partners (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, language TEXT, country_id INTEGER, notes TEXT);
         INSERT INTO countries VALUES (1, 'Belgium', 'BE'), (2, 'Italy', 'IT');
         INSERT INTO partners VALUES (1, 'Azure', 'fr', 1, 'x'), (2, 'Gemini', NULL, 2, NULL), (3, 'Deco', 'en', 1, 'y'), (4, 'Ready', NULL, NULL, NULL);",
    )
    .unwrap();
    let env = Environment::builder().connection(connection).build();
    let partners: RecordSet<Partner> = partners::table.order(partners::id).records(&env)?;
    let mut seen = Vec::new();
    for partner in &partners {
        seen.push((partner.name()?, partner.country_id().name()?));
    }
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0], ("Azure".into(), Some("Belgium".into())));
    assert_eq!(seen[3], ("Ready".into(), None));
    assert_eq!(env.stats().queries, 2);
    assert_eq!(partners.notes()?, [Some(Str::from("x")), None, Some("y".into()), None]);
    assert_eq!(env.stats().queries, 3);
    let belgium = env.record::<Country>(1);
    assert_eq!(belgium.partner_ids().name()?, ["Deco", "Azure"]);
    assert_eq!(env.stats().queries, 4);
    let owned = partners.get(0).unwrap().to_model()?;
    assert_eq!(owned.name, "Azure");
    assert_eq!(owned.country_id.unwrap().key(), &1);
    assert!(matches!(
        env.record::<Partner>(77).name(),
        Err(orm_core::Error::MissingRecord { model: "Partner", .. })
    ));
    println!("{:?} {:?} {:?}", partners, belgium.partner_ids(), partners.get(0).unwrap().country_id());
    Ok(())
}
