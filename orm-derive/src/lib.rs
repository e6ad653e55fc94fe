//! `#[derive(Model)]`, used through `orm-core`: depend on that, not on this crate.
//!
//! The derive writes data (types, names; a constant, an accessor and a setter per field; the struct that `values()`
//! gives); all behaviour is in the runtime. What it writes is to be seen in `src/snapshots`.
//!
//! # On the struct
//!
//! | | |
//! |---|---|
//! | `table = schema::partners` | the path of a diesel `table!`; without it the struct's name in snake case and an `s`, as with diesel |
//! | `primary_key(order_id, number)` | the fields of a key of two to four columns, in the order of diesel's `table!`; marking each does as well |
//! | `view_of(orders, lines)` | the model is over a view of these tables: what waits for them is sent before it is read, and a write to them makes it missing |
//! | `unchecked` | a write that finds fewer rows than it names is no error: for tables whose triggers or rules tell the client another number |
//! | `version = lock_version` | the column that counts the writes (`version` below), where no field of this struct holds it; without it a struct of the same table that has a version is found, if there is one in this crate or in those it depends on |
//! | `validate = is_sound` | a function of `&Record<Self>` that returns `Result<(), E>`: its error refuses a new or changed record, `Error::Invalid` |
//! | `scope = posts::deleted.eq(false)` | a condition on the model's table: `env.all`, lists, and what is worked out over them, keep to it; whoever names a row finds it |
//! | `connection = PgConnection` | the diesel connection of the model's rows; without it that which `orm_core::connection!` says in the crate root, else that of the only backend feature turned on |
//!
//! # On a field
//!
//! | | |
//! |---|---|
//! | `primary_key` | this is the primary key; without it the field named `id` |
//! | `column = name` | the column, where it is not called as the field |
//! | `columns(order_id, number)` | the columns of a link to a key of several, in the order of that key |
//! | `deferred` | loaded only when it is itself read |
//! | `group = "html"` | loaded with the other fields of that group only |
//! | `inverse = Partner::COUNTRY_ID` | of a `OneToMany`: the to-one link that points back |
//! | `through(pairs::own_id, pairs::other_id)` | of a `ManyToMany`: the two columns of the table of pairs; a side whose key has several stands in parentheses |
//! | `version` | this counts the writes of the row: a write that finds another number is `Error::Conflict` |
//! | `read_only` | the database makes the value (`GENERATED ALWAYS AS`, a trigger): no setter, and read anew after each write of the row |
//! | `refresh` | the database may make another value of it whenever the row is written: read anew after each write |
//! | `compute = display_name` | of a `Computed<T>`: the function of `&Record<Self>` that computes it, `orm_core::Result<T>` |
//! | `compute_all = open_orders` | the same for many: of `&RecordSet<Self>`, one value a record, `orm_core::Result<Vec<T>>` |
//! | `depends_on(Order::STATE)` | beside either: of these models the function's searches look at no more than these columns, and at who is there |
//! | `related = country_id.code` | of a `Computed<T>`: the value of that field of the record that the links lead to |
//! | `inverse = set_display_name` | of a `Computed<T>` that a function computes: what setting it does, a function of `&Record<Self>` and the value |
//! | `inverse` | of a `related` field: setting it sets that field of the record that the links lead to |
//! | `order = partners::name.asc()` | of either: the order of the records; without it that of the primary key |
//! | `filter = partners::is_company.eq(true)` | of either: which of the records are in it; one that is equations with constants, joined by `and`, is filled in by `add` and `create`, with any other the link is read, not written |
//! | `limit = 5` | of either: how many are in it at most, the first by its order; a link with a limit is read, not written |
//! | `unscoped` | of either, and of a `OneToOne`: it keeps to no scope of the model that it leads to |
//! | `symmetric` | of a `ManyToMany` to the same model: a pair counts in either direction, once |

mod attr;
mod error;
mod expand;
mod fallback;
mod model;
mod names;
mod shape;
#[cfg(test)]
mod tests;
mod valid;

use proc_macro2::TokenStream;

use crate::error::Errors;
use crate::model::Model;

/// Makes a struct the model of a table's rows; the crate's page lists what `#[model(…)]` takes.
#[proc_macro_derive(Model, attributes(model))]
pub fn derive_model(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input.into()).into()
}

fn derive(input: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let input = match names::without_self(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let model = Model::from_syn(&input, &mut errors);
    valid::check(&input, &model, &mut errors);
    match errors.finish() {
        Ok(()) => expand::model(&model),
        Err(error) => fallback::expand(&input, model, &error),
    }
}
