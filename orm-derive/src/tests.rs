//! What the derive writes for three models; `INSTA_UPDATE=always cargo test -p orm-derive` writes it anew.

use proc_macro2::TokenStream;
use quote::quote;

fn written(input: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(super::derive(input)).unwrap())
}

fn assert_written(name: &str, input: TokenStream) {
    let written = written(input);
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, written) });
}

#[test]
fn plain_columns() {
    assert_written(
        "plain_columns",
        quote! {
            #[model(validate = checks::is_sound)]
            pub struct Partner {
                id: i32,
                /// What it is called
                name: String,
                #[model(column = language)]
                lang: Option<String>,
                credit: f64,
                since: Option<chrono::NaiveDate>,
                photo: Vec<u8>,
                #[model(deferred)]
                scan: Option<Vec<u8>>,
                #[model(group = "html")]
                notes: Option<String>,
            }
        },
    );
}

#[test]
fn links() {
    assert_written(
        "links",
        quote! {
            #[model(table = schema::partners, connection = diesel::PgConnection)]
            pub(crate) struct Partner {
                id: i32,
                country_id: Id<Country>,
                parent_id: Option<Id<Self>>,
                #[model(inverse = Self::PARENT_ID, order = schema::partners::name.asc(), filter = schema::partners::len.gt(1))]
                child_ids: OneToMany<Self>,
                #[model(through(partner_tags::partner_id, partner_tags::tag_id))]
                tag_ids: ManyToMany<Tag>,
            }
        },
    );
}

#[test]
fn keys_and_raw_identifiers() {
    assert_written(
        "keys_and_raw_identifiers",
        quote! {
            struct r#Loop {
                #[model(primary_key)]
                r#type: String,
                r#match: i64,
            }
        },
    );
}

/// Whatever the error is, what is written is still Rust.
#[test]
fn errors_come_with_a_stub() {
    let number = quote! {
        struct Partner {
            number: i32,
            #[model(deferred)]
            label: Computed<String>,
            name: String,
        }
    };
    assert_written("errors_come_with_a_stub", number);
    for (input, has_stub) in [
        (
            quote!(
                #[model(table = partners)]
                enum Partner {}
            ),
            true,
        ),
        (
            quote!(
                #[model(table = partners)]
                struct Partner;
            ),
            true,
        ),
        (
            quote!(
                struct Partner;
            ),
            false,
        ),
        (
            quote!(
                #[model(tabel = partners)]
                struct Partner {
                    id: i32,
                }
            ),
            false,
        ),
        (
            quote!(
                struct Partner<T> {
                    id: T,
                }
            ),
            false,
        ),
    ] {
        let written = written(input);
        assert!(written.contains("compile_error"), "{written}");
        assert_eq!(written.contains("private::Model for Partner"), has_stub, "{written}");
    }
}
