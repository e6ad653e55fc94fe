//! What a to-many link says of its members: which they are, in what order, how many.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, ExprPath, LitInt};

use crate::model::{Field, span_of};

/// Which of the records that a to-many link leads to are members, and in what order
pub(super) fn clauses(target: &syn::Type, field: &Field) -> TokenStream {
    // Of the two rows that one pair may be in nobody could say by which it is put in order.
    let is_symmetric = field.attrs.symmetric.is_some();
    let checked = |clause: Option<&Expr>, check: TokenStream, is_of_pair: bool| match clause {
        Some(clause) => {
            let (source, items) = clause_source(target, field, is_of_pair);
            let at = span_of(clause);
            let checked = quote_spanned!(at=> ::orm_core::private::#check::<#target, #source, _>(#clause));
            quote!(::core::option::Option::Some(|| { #items #checked }))
        }
        None => quote!(::core::option::Option::None),
    };
    let order = checked(field.order(), quote!(order), !is_symmetric);
    let filter = checked(field.filter(), quote!(filter), true);
    let limit = match field.limit().map(LitInt::base10_parse::<u32>) {
        Some(Ok(limit)) => quote!(::core::option::Option::Some(#limit)),
        _ => quote!(::core::option::Option::None),
    };
    let none = quote!(::core::option::Option::None);
    let fixed = field.filter().and_then(equations).map_or(none, |equations| {
        let fixed = equations.into_iter().map(|Equation { column, holds }| {
            let at = span_of(&column);
            match holds {
                Holds::This(value) => {
                    quote_spanned!(at=> (&::orm_core::private::Fix::<#target, _, _, _>::new(#column, || #value)).fixed())
                }
                Holds::Null => quote_spanned!(at=> (&::orm_core::private::FixNull::<#target, _>::new(#column)).fixed()),
            }
        });
        quote!(::core::option::Option::Some(|| ::orm_core::private::vec![#(#fixed),*]))
    });
    let is_unscoped = field.attrs.unscoped.is_some();
    quote! {
        ::orm_core::private::Clauses {
            order: #order,
            filter: #filter,
            fixed: #fixed,
            limit: #limit,
            is_unscoped: #is_unscoped,
        }
    }
}

/// What the words of a filter say of a column, as far as a macro can tell
struct Equation {
    column: ExprPath,
    holds: Holds,
}

/// What it says that the column holds
enum Holds {
    This(TokenStream),
    Null,
}

/// The equations that a filter is made of: `column.eq(value)`, `column.is_null()` and columns that are true, joined by `and`; `None` if
/// it is anything else
fn equations(filter: &Expr) -> Option<Vec<Equation>> {
    let column = |expression: &Expr| match expression {
        Expr::Path(column) if column.path.segments.len() > 1 => Some(column.clone()),
        _ => None,
    };
    match filter {
        Expr::Paren(inner) => equations(&inner.expr),
        Expr::Group(inner) => equations(&inner.expr),
        Expr::Path(_) => Some(vec![Equation { column: column(filter)?, holds: Holds::This(quote!(true)) }]),
        Expr::MethodCall(call) => {
            let arguments: Vec<&Expr> = call.args.iter().collect();
            match (call.method.to_string().as_str(), &arguments[..]) {
                ("and", [other]) => {
                    let mut all = equations(&call.receiver)?;
                    all.extend(equations(other)?);
                    Some(all)
                }
                ("eq", [value]) => {
                    let holds = Holds::This(value.to_token_stream());
                    Some(vec![Equation { column: column(&call.receiver)?, holds }])
                }
                ("is_null", []) => {
                    Some(vec![Equation { column: column(&call.receiver)?, holds: Holds::Null }])
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The tables that an order and a filter can be of, as diesel's query source, and what declares that: the members' own, and the table
/// of pairs
fn clause_source(target: &syn::Type, field: &Field, is_of_pair: bool) -> (TokenStream, TokenStream) {
    let Some((own, _)) = field.through().filter(|_| is_of_pair) else {
        return (quote!(<#target as ::orm_core::private::Entity>::Table), TokenStream::new());
    };
    let (diesel, own) = (quote!(::orm_core::private::diesel), &own[0]);
    let items = quote! {
        struct __Joined;
        impl #diesel::query_source::AppearsInFromClause<<#target as ::orm_core::private::Entity>::Table> for __Joined {
            type Count = #diesel::query_source::Once;
        }
        impl #diesel::query_source::AppearsInFromClause<<#own as #diesel::Column>::Table> for __Joined {
            type Count = #diesel::query_source::Once;
        }
    };
    (quote!(__Joined), items)
}
