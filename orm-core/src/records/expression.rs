//! Records in diesel's queries: `partners::country_id.eq(&belgium)`.

use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::sql_types::SqlType;

use super::Record;
use crate::Model;

/// As its key. Of a set, give the keys: `eq_any(countries.ids())`
impl<M, ST> AsExpression<ST> for &Record<'_, M>
where
    M: Model<Key: AsExpression<ST>>,
    ST: SqlType + TypedExpressionType,
{
    type Expression = <M::Key as AsExpression<ST>>::Expression;

    fn as_expression(self) -> Self::Expression {
        self.id().as_expression()
    }
}
