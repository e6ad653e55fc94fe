//! `AnyModel`: a model, its type forgotten.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;

use diesel::QueryResult;
use diesel::associations::HasTable;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment};

use super::{DbOf, Entity, FieldInfo, Filter};
use crate::backend::{Connection, Dialect, KeyList, System};
use crate::codec::{Binds, ColumnNames, KeyCodec};
use crate::error::BoxError;
use crate::number::{FieldId, ModelId};
use crate::store::{self, AnyKeys, Slot, TOO_MANY, Table};

/// A model, its type forgotten: all that loading and writing have to know of it
pub trait AnyModel<C: Connection>: Sync {
    /// The struct's name
    fn name(&self) -> &'static str;
    /// The primary key field's name
    fn key_field(&self) -> &'static str;
    /// The names of the primary key's columns
    fn key_columns(&self) -> &'static [&'static str];
    /// The fields that have cells
    fn fields(&self) -> &'static [FieldInfo<C>];
    /// The field that counts the writes of each row
    fn version(&self) -> Option<FieldId>;
    /// The model that counts the writes of the table's rows, if it is not this one
    fn versioned_by(&self) -> OtherModel<C>;
    /// Whether nobody looks at how many rows a write found
    fn is_unchecked(&self) -> bool;
    /// Which rows searches by `env.all`, lists and what is worked out over them keep to
    fn scope(&self) -> Option<Filter<C>>;
    /// What validates new and changed records, whose type is known above
    fn validator(&self) -> Option<&'static (dyn Any + Send + Sync)>;
    /// The model's number in this process
    fn number(&self) -> ModelId;
    /// Whether it has a field that is computed and stored, or links lead from it to a model that has one
    fn leads_to_stored(&self) -> bool;
    /// The table, as SQL names it
    fn table(&self, system: &System) -> String;
    /// The tables that a view shows, as SQL names them
    fn view_of(&self, system: &System) -> Vec<String>;
    /// The type of the keys
    fn key_type(&self) -> TypeId;
    /// Keys for a table that has not been met
    #[doc(hidden)]
    fn new_keys(&self) -> NewKeys;
    /// The keys of records, for a condition
    fn key_list(
        &self,
        system: &'static System,
        table: &Table,
        slots: &[Slot],
    ) -> Box<dyn KeyCondition<C::Backend>>;
    /// The keys of records, as binds; NULL for what is none
    fn key_binds(&self, table: &Table, slots: Vec<Option<Slot>>) -> Box<dyn Binds<C::Backend>>;
    /// Whether a row may hold another key than the one that it is given: its columns round, cut or pad
    fn may_alter_key(&self, system: &System, table: &Table, slot: Slot) -> bool;
    /// Binds one column of a key of the model's type.
    fn push_key<'b>(
        &self,
        key: &'b dyn Any,
        part: usize,
        out: AstPass<'_, 'b, C::Backend>,
    ) -> QueryResult<()>;
    /// Reads keys, as slots.
    fn key_reader<'a>(&self, table: &'a Table) -> Box<dyn KeyReader<C::Backend> + 'a>;
}

/// Another model, if there is one
pub type OtherModel<C> = Option<&'static dyn AnyModel<C>>;

impl<C: Connection> fmt::Debug for dyn AnyModel<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Keys of a table that has not been met
pub struct NewKeys(pub(crate) Box<dyn AnyKeys>);

impl fmt::Debug for NewKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewKeys")
    }
}

/// A condition that columns hold one of some keys
pub trait KeyCondition<DB: Backend> {
    /// Writes the condition.
    fn push<'b>(&'b self, columns: ColumnNames<'b>, out: AstPass<'_, 'b, DB>) -> QueryResult<()>;
}

/// Reads the keys of rows, as slots.
pub trait KeyReader<DB: Backend> {
    /// Reads a column of the key that is not its last one.
    fn part(&mut self, part: usize, value: Option<DB::RawValue<'_>>) -> Result<(), BoxError>;
    /// Reads the last column; gives the slot of the key.
    fn read(&mut self, value: Option<DB::RawValue<'_>>) -> Result<Slot, BoxError>;
}

/// A model as [`AnyModel`]
#[derive(Debug)]
pub struct ModelOf<M>(PhantomData<fn() -> M>);

/// A model, its type forgotten
pub const fn any<M: Entity>() -> &'static dyn AnyModel<M::Connection> {
    &ModelOf::<M>(PhantomData)
}

/// A model, and all that links lead to from it, step by step
pub(crate) fn linked<C: Connection>(model: &'static dyn AnyModel<C>) -> Vec<&'static dyn AnyModel<C>> {
    let mut all = vec![model];
    let mut next = 0;
    while let Some(&model) = all.get(next) {
        next += 1;
        for target in model.fields().iter().filter_map(|field| Some(field.link.as_ref()?.target)) {
            if all.iter().all(|known| known.number() != target.number()) {
                all.push(target);
            }
        }
    }
    all
}

/// A table as SQL names it, in diesel's own quoting
pub fn table_name<T, DB>(system: &System, table: &T) -> String
where
    T: QueryFragment<DB>,
    DB: Dialect,
{
    // A name is pushed, nothing else: that cannot fail.
    DB::text(system, table).unwrap_or_default()
}

impl<M: Entity> AnyModel<M::Connection> for ModelOf<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn key_field(&self) -> &'static str {
        M::KEY_FIELD
    }

    fn key_columns(&self) -> &'static [&'static str] {
        M::KEY_COLUMNS
    }

    fn fields(&self) -> &'static [FieldInfo<M::Connection>] {
        M::FIELDS
    }

    fn version(&self) -> Option<FieldId> {
        M::VERSION.map(FieldId)
    }

    fn versioned_by(&self) -> OtherModel<M::Connection> {
        M::versioned_by()
    }

    fn is_unchecked(&self) -> bool {
        M::UNCHECKED
    }

    fn scope(&self) -> Option<Filter<M::Connection>> {
        M::SCOPE
    }

    fn validator(&self) -> Option<&'static (dyn Any + Send + Sync)> {
        M::VALIDATOR
    }

    fn number(&self) -> ModelId {
        M::number().get()
    }

    fn leads_to_stored(&self) -> bool {
        M::number().once(|| {
            linked(any::<M>()).iter().any(|model| model.fields().iter().any(|field| field.stored.is_some()))
        })
    }

    fn table(&self, system: &System) -> String {
        table_name::<_, DbOf<M>>(system, &M::Table::table())
    }

    fn view_of(&self, system: &System) -> Vec<String> {
        M::view_of(system)
    }

    fn key_type(&self) -> TypeId {
        TypeId::of::<M::Key>()
    }

    fn new_keys(&self) -> NewKeys {
        NewKeys(Box::<RefCell<store::Keys<M::Key>>>::default())
    }

    fn key_list(
        &self,
        system: &'static System,
        table: &Table,
        slots: &[Slot],
    ) -> Box<dyn KeyCondition<DbOf<M>>> {
        Box::new(Condition::<M>(DbOf::<M>::key_list(system, table.keys_of(slots))))
    }

    fn key_binds(&self, table: &Table, slots: Vec<Option<Slot>>) -> Box<dyn Binds<DbOf<M>>> {
        let keys = table.keys::<M::Key>().borrow();
        Box::new(KeyBinds::<M>(slots.into_iter().map(|slot| Some(keys.key(slot?).clone())).collect()))
    }

    fn may_alter_key(&self, system: &System, table: &Table, slot: Slot) -> bool {
        M::KeyCodec::may_alter(system, table.keys::<M::Key>().borrow().key(slot))
    }

    fn push_key<'b>(&self, key: &'b dyn Any, part: usize, out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        M::KeyCodec::push_one(key.downcast_ref(), part, out)
    }

    fn key_reader<'a>(&self, table: &'a Table) -> Box<dyn KeyReader<DbOf<M>> + 'a> {
        Box::new(Reader::<M> { keys: table.keys(), parts: Default::default() })
    }
}

struct Condition<M: Entity>(KeyList<M::Key>);

impl<M: Entity> KeyCondition<DbOf<M>> for Condition<M> {
    fn push<'b>(&'b self, columns: ColumnNames<'b>, out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        M::KeyCodec::push_condition(&self.0, columns, out)
    }
}

struct KeyBinds<M: Entity>(Vec<Option<M::Key>>);

impl<M: Entity> Binds<DbOf<M>> for KeyBinds<M> {
    fn push<'b>(&'b self, row: usize, part: usize, out: AstPass<'_, 'b, DbOf<M>>) -> QueryResult<()> {
        M::KeyCodec::push_one(crate::codec::row(&self.0, row)?.as_ref(), part, out)
    }
}

struct Reader<'a, M: Entity> {
    keys: &'a RefCell<store::Keys<M::Key>>,
    parts: <M::KeyCodec as KeyCodec<DbOf<M>>>::Parts,
}

impl<M: Entity> KeyReader<DbOf<M>> for Reader<'_, M> {
    fn part(
        &mut self,
        part: usize,
        value: Option<<DbOf<M> as Backend>::RawValue<'_>>,
    ) -> Result<(), BoxError> {
        M::KeyCodec::part(&mut self.parts, part, value)
    }

    fn read(&mut self, value: Option<<DbOf<M> as Backend>::RawValue<'_>>) -> Result<Slot, BoxError> {
        let key = M::KeyCodec::read(&mut self.parts, value)?;
        Ok(self.keys.borrow_mut().try_intern(key).ok_or(TOO_MANY)?)
    }
}
