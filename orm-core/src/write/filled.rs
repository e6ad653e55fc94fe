//! What is put into records that become members of a link with a filter, and into their pairs: the filter fixes it.

use std::any::Any;

use super::put;
use super::rows::Otherwise;
use crate::backend::{Connection, Dialect as _};
use crate::env::stores::{Side, Store};
use crate::model::{Constant, FieldInfo, Fixed, numbered};
use crate::number::FieldId;
use crate::store::{Filling, Slot};
use crate::{Environment, Error, Result};

/// What a link's filter fixes
pub(crate) struct Filled<C: Connection> {
    /// Fields of the members
    pub(crate) fields: Vec<Otherwise>,
    /// Columns of the join table
    pub(super) pair: Vec<Fixed<C>>,
}

impl<C: Connection> Filled<C> {
    /// What the filter of a link fixes: nothing where it has none. An error if that does not decide who is a member.
    pub(crate) fn of(env: &Environment<C>, store: Store<'_, C>, field: FieldId) -> Result<Self> {
        let mut filled = Self { fields: Vec::new(), pair: Vec::new() };
        let Some(link) = &store.field(field).link else { return Ok(filled) };
        let clauses = link.clauses();
        if clauses.limit.is_none() && clauses.filter.is_none() {
            return Ok(filled);
        }
        let refused = || Error::FilteredLink { model: store.name(), field: store.field_name(field) };
        let fixed = clauses.fixed.filter(|_| clauses.limit.is_none()).ok_or_else(refused)?;
        let members = env.stores.get(link.target);
        let join = match store.side(field) {
            Some(Side::Pairs { join, .. }) => Some(env.stores.join_sql(join)),
            _ => None,
        };
        for fixed in fixed() {
            let fixed = fixed.filter(|fixed| is_constant(env, fixed)).ok_or_else(refused)?;
            let table = (fixed.table)(env.system());
            if Some(&*table) == join {
                filled.add_to_pair(fixed).ok_or_else(refused)?;
            } else {
                let is_members = table == members.sql();
                let other = is_members.then(|| field_of(env, members, fixed)).flatten();
                filled.add_to_fields(other.ok_or_else(refused)?).ok_or_else(refused)?;
            }
        }
        Ok(filled)
    }

    /// Of two that say what one column holds only the database knows what they come to.
    fn add_to_pair(&mut self, fixed: Fixed<C>) -> Option<()> {
        let is_new = !self.pair.iter().any(|other| other.column == fixed.column);
        is_new.then(|| self.pair.push(fixed))
    }

    fn add_to_fields(&mut self, other: Otherwise) -> Option<()> {
        let is_new = !self.fields.iter().any(|known| known.field == other.field);
        is_new.then(|| self.fields.push(other))
    }

    /// Puts it into the fields of members.
    pub(super) fn put(&self, env: &Environment<C>, members: Store<'_, C>, slots: &[Slot]) -> Result<()> {
        self.fields.iter().try_for_each(|other| put::put(env, members, other.field, slots, &*other.value))
    }

    /// What its pairs are told from others of the same join table by
    pub(super) fn kind(&self, env: &Environment<C>) -> String {
        let told = |fixed: &Fixed<C>| match &fixed.constant {
            Some(constant) => {
                format!("{} = {}", fixed.column, C::Backend::describe(env.system(), &*constant.expression))
            }
            None => format!("{} IS NULL", fixed.column),
        };
        let mut told: Vec<String> = self.pair.iter().map(told).collect();
        told.sort();
        told.join(", ")
    }
}

/// Whether it is a bind, or NULL, and no other expression
fn is_constant<C: Connection>(env: &Environment<C>, fixed: &Fixed<C>) -> bool {
    let is_bind = |text: &str| {
        text == "?" || text.strip_prefix('$').is_some_and(|number| number.parse::<usize>().is_ok())
    };
    let text = |constant: &Constant<C>| env.text_of(&*constant.expression);
    fixed.constant.as_ref().is_none_or(|constant| text(constant).is_ok_and(|text| is_bind(&text)))
}

/// The field that holds a column, and the value in the form that it has there
fn field_of<C: Connection>(
    env: &Environment<C>,
    members: Store<'_, C>,
    fixed: Fixed<C>,
) -> Option<Otherwise> {
    let mut fields = numbered(members.fields());
    let is_key = members.model().key_columns().contains(&fixed.column);
    let (field, info) = fields.find(|(_, info)| info.columns == [fixed.column] && !is_key)?;
    let value = value_of(env, info, fixed)?;
    Some(Otherwise::new(members, field, value))
}

fn value_of<C: Connection>(
    env: &Environment<C>,
    info: &FieldInfo<C>,
    fixed: Fixed<C>,
) -> Option<Box<dyn Any>> {
    let encode = info.encode?;
    if let Some(Constant { forms, .. }) = fixed.constant {
        return forms.into_iter().find(|form| encode.takes(&**form));
    }
    if !info.is_nullable || info.link.is_some() {
        return None;
    }
    // As it is read from a row
    let cells = (info.cells)();
    let filling = Filling { now: env.moment(), renews: false };
    info.decode?.writer(&*cells, None, filling).write(Slot::at(0), None).ok()?;
    encode.copy(&*cells, Slot::at(0))
}
