//! `#[derive(Model)]`, used through `orm-core`.
#[proc_macro_derive(Model, attributes(model))]
pub fn model(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    proc_macro::TokenStream::new()
}
