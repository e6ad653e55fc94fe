//! Which fields a violated constraint is about.

use crate::Violation;
use crate::backend::Dialect;
use crate::model::{self, DbOf};
use crate::records::Model;
use crate::records::field::{Field, Kind};

impl Violation {
    /// Whether it is about a field: one of the field's columns is among those of the constraint
    ///
    /// What a form needs to show the error where it belongs. Of several fields that are unique together it is about each. It goes by the
    /// table that was written, whichever struct has written it. `false` also where it is not known: PostgreSQL names the partition of a table that
    /// has some, and a table that a trigger has written, in the same way. Where MariaDB names no table (of unique values and of NULL) a trigger's
    /// statement is taken for that of the table.
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// use orm_core::{Violation, ViolationKind};
    /// # diesel::table! { partners { id -> Integer, name -> Text, email -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String, email: String }
    /// fn wrong(violation: &Violation) -> Option<(&'static str, &'static str)> {
    ///     match violation.kind {
    ///         ViolationKind::Unique if violation.is_of(Partner::EMAIL) => Some(("email", "Another partner has this address.")),
    ///         ViolationKind::NotNull => Some((violation.fields::<Partner>().first().copied()?, "This is needed.")),
    ///         _ => None,
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    pub fn is_of<M: Model, T: 'static, K: Kind>(&self, field: Field<M, T, K>) -> bool {
        self.is_of_table::<M>() && self.has_one_of(field.column_names())
    }

    /// The names of the model's fields that it is about, in their order; none of another table, nor where the database does not say it
    ///
    /// No database says it of a CHECK over several columns, SQLite of no foreign key. MySQL tells the name of a unique key, which is called as its first
    /// column if nobody has named it.
    pub fn fields<M: Model>(&self) -> Vec<&'static str> {
        if !self.is_of_table::<M>() {
            return Vec::new();
        }
        let key = self.has_one_of(M::KEY_COLUMNS).then_some(M::KEY_FIELD);
        let others = M::FIELDS.iter().filter(|field| self.has_one_of(field.columns)).map(|field| field.name);
        key.into_iter().chain(others).collect()
    }

    /// Whether it is about the columns of a model's table: that was written, and no other one is named, as of a trigger's statement
    fn is_of_table<M: Model>(&self) -> bool {
        let (model, system) = (model::any::<M>(), <DbOf<M> as Dialect>::SYSTEM);
        let table = model.table(system);
        self.has_written(&table)
            && (self.may_be_of(&table) || model.view_of(system).iter().any(|sql| self.may_be_of(sql)))
    }

    fn has_one_of(&self, columns: &[&str]) -> bool {
        self.columns.iter().any(|named| columns.contains(&&**named))
    }
}
