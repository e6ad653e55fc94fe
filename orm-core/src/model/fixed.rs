//! What the filter of a link says of columns, where it says that they hold constants: whoever becomes a member gets these.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use diesel::associations::HasTable;
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::query_builder::QueryFragment;
use diesel::sql_types::SqlType;

use super::{DbOf, Entity, table_name};
use crate::Str;
use crate::backend::{Connection, System};

/// A column that holds the same for all members of a link
pub struct Fixed<C: Connection> {
    /// The column's table, as SQL names it
    pub(crate) table: fn(&System) -> String,
    pub(crate) column: &'static str,
    /// `None`: it is NULL
    pub(crate) constant: Option<Constant<C>>,
}

/// What a column is compared with
pub(crate) struct Constant<C: Connection> {
    /// The value in each of the forms that a field can have it in
    pub(crate) forms: Vec<Box<dyn Any>>,
    /// What diesel makes of it
    pub(crate) expression: Box<dyn QueryFragment<C::Backend>>,
}

impl<C: Connection> fmt::Debug for Fixed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixed").field("column", &self.column).finish_non_exhaustive()
    }
}

/// All that a filter fixes, made anew for each write; `None` for what is no equation of a column with a value
pub type FixedBy<C> = fn() -> Vec<Option<Fixed<C>>>;

/// `column = value`, by the words of a filter
///
/// Whether these are a column and a value of its type is found out by name resolution: the inherent method where its bounds hold, else
/// that of [`NotFixed`]. So what is wrong with them is the error of the filter, and no second one.
pub struct Fix<T, Col, U, F> {
    value: F,
    of: PhantomData<Equation<T, Col, U>>,
}

/// A column of a model's link, and the value that it holds
type Equation<T, Col, U> = fn() -> (T, Col, U);

/// `column IS NULL`, by the words of a filter
pub struct FixNull<T, Col>(PhantomData<fn() -> (T, Col)>);

impl<T, Col, U, F: Fn() -> U> Fix<T, Col, U, F> {
    /// Called by generated code.
    pub fn new(_: Col, value: F) -> Self {
        Self { value, of: PhantomData }
    }
}

impl<T, Col> FixNull<T, Col> {
    /// Called by generated code.
    pub fn new(_: Col) -> Self {
        Self(PhantomData)
    }
}

impl<T, Col, U, F> fmt::Debug for Fix<T, Col, U, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fix")
    }
}

impl<T, Col> fmt::Debug for FixNull<T, Col> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FixNull")
    }
}

/// A column's table, as SQL names it
fn table_of<T, Col>(system: &System) -> String
where
    T: Entity,
    Col: diesel::Column<Table: HasTable<Table = Col::Table> + QueryFragment<DbOf<T>>>,
{
    table_name::<_, DbOf<T>>(system, &Col::Table::table())
}

impl<T, Col, U, F> Fix<T, Col, U, F>
where
    T: Entity,
    Col: diesel::Column<
            SqlType: SqlType + TypedExpressionType,
            Table: HasTable<Table = Col::Table> + QueryFragment<DbOf<T>>,
        >,
    U: AsExpression<Col::SqlType, Expression: QueryFragment<DbOf<T>> + 'static> + 'static,
    F: Fn() -> U,
{
    /// What is fixed
    pub fn fixed(&self) -> Option<Fixed<T::Connection>> {
        let value = || (self.value)();
        let mut forms: Vec<Box<dyn Any>> = vec![Box::new(value()), Box::new(Some(value()))];
        let text = (*forms[0]).downcast_ref::<&'static str>().copied();
        let text = text.or_else(|| forms[0].downcast_ref::<String>().map(String::as_str)).map(Str::from);
        if let Some(text) = text {
            forms.push(Box::new(text.clone()));
            forms.push(Box::new(Some(text)));
        }
        let constant = Constant { forms, expression: Box::new(value().as_expression()) };
        Some(Fixed { table: table_of::<T, Col>, column: Col::NAME, constant: Some(constant) })
    }
}

impl<T, Col> FixNull<T, Col>
where
    T: Entity,
    Col: diesel::Column<Table: HasTable<Table = Col::Table> + QueryFragment<DbOf<T>>>,
{
    /// What is fixed
    pub fn fixed(&self) -> Option<Fixed<T::Connection>> {
        Some(Fixed { table: table_of::<T, Col>, column: Col::NAME, constant: None })
    }
}

/// What [`Fix`] and [`FixNull`] fall back to
pub trait NotFixed<C: Connection> {
    /// Nothing is fixed.
    fn fixed(&self) -> Option<Fixed<C>> {
        None
    }
}

impl<C: Connection, T, Col, U, F> NotFixed<C> for Fix<T, Col, U, F> {}
impl<C: Connection, T, Col> NotFixed<C> for FixNull<T, Col> {}
