//! What stored fields follow from is learned from the models that have them, and what they read is compared with it.

use std::cell::RefCell;

use crate::backend::Connection;
use crate::env::environment::Environment;
use crate::env::stored::{Allowed, Back, Mode, PairSource, Route, Rule, Source};
use crate::env::stores::{Side, Store, Stores};
use crate::model::{AnyModel, FieldInfo, LinkKind, field_id, linked, numbered};
use crate::number::FieldId;
use crate::store::{Change, ColumnId, Part, Read, Rows, Slot, Subject, TableId, Watched};
use crate::{Error, Result};

impl<C: Connection> Stores<C> {
    /// A model was opened: what the stored fields follow from to which its links lead is learned, once no model is being opened.
    #[cold]
    pub(super) fn opened(&self, model: &'static dyn AnyModel<C>) {
        if model.leads_to_stored() {
            self.stored.unlearned.borrow_mut().push(model);
        }
        if self.stored.opening.get() > 0 {
            return;
        }
        // Models that are opened on the way are learned afterwards.
        self.stored.opening.set(1);
        loop {
            let Some(model) = self.stored.unlearned.borrow_mut().pop() else { break };
            self.learn(model);
        }
        self.watch_joins();
        self.stored.opening.set(0);
    }

    fn learn(&self, model: &'static dyn AnyModel<C>) {
        for model in linked(model) {
            let fields = || numbered(model.fields()).filter(|(_, info)| info.stored.is_some());
            if fields().next().is_none() || !self.stored.known.borrow_mut().mark(model.number().0) {
                continue;
            }
            fields().for_each(|(field, info)| self.learn_field(model, field, info));
        }
    }

    fn learn_field(&self, model: &'static dyn AnyModel<C>, field: FieldId, info: &'static FieldInfo<C>) {
        let Some(stored) = info.stored else { return };
        let store = self.get(model);
        let (table, column) = (store.table_number(), store.column_of(field));
        let number = self.stored.rules.len();
        if let Some(other) = self.stored.rule_of(table, column).and_then(|other| self.stored.rule(other)) {
            *other.fault.borrow_mut() = Some(format!(
                "{}.{} computes the same column; let one of them do so, and leave the field out of the other",
                model.name(),
                info.name
            ));
            return;
        }
        let is_link = info.link.is_some();
        let mut rule =
            Rule { model, field, table, column, is_link, allowed: Vec::new(), fault: RefCell::default() };
        let root = self.route(model, None);
        // Its own columns need not be declared, but for those that are made when the row is written.
        let others = store.fields().iter().filter(|info| is_made_late(info)).flat_map(|info| info.columns);
        let version =
            store.version().map_or(&[][..], |version| store.table_store().field_of(version).1.columns);
        let others: Vec<&'static str> = others.chain(version).copied().collect();
        self.watch(store, Watched::AllBut(others.into()), Source { rule: number, route: root });
        for path in stored.depends {
            if let Err(fault) = self.learn_path(&mut rule, number, root, path) {
                rule.fault.get_mut().get_or_insert(fault);
            }
        }
        self.stored.rules.push(rule);
    }

    /// Learns what one path leads by.
    fn learn_path(
        &self,
        rule: &mut Rule<C>,
        number: usize,
        root: usize,
        path: &'static [&'static str],
    ) -> Result<(), String> {
        let (mut store, mut route) = (self.get(rule.model), root);
        for (at, &name) in path.iter().enumerate() {
            let is_last = at + 1 == path.len();
            let source = Source { rule: number, route };
            let Some(field) = field_id(store.fields(), |info| info.name == name) else {
                // A primary key stays as it is.
                return Ok(());
            };
            let info = store.field(field);
            let before = &path[..at];
            let table = store.table_number();
            let link = info.link.as_ref();
            let allowed = Allowed {
                table,
                columns: info.columns,
                list: info.is_list().then(|| store.column_of(field)),
                path: before,
            };
            rule.allowed.push(allowed);
            let Some(link) = link else {
                if info.columns.is_empty() {
                    return Err(format!(
                        "`{}` is computed when it is read: declare what it is computed from",
                        path.join(".")
                    ));
                }
                self.watch(store, Watched::Columns(info.columns, Rows::Neither), source);
                return Ok(());
            };
            let target = self.get(link.target);
            let owners = store.model();
            let (back, columns, rows): (_, &[&str], _) = match link.kind {
                LinkKind::Computed { .. } => {
                    return Err(format!(
                        "`{}` is computed when it is read: declare what it is computed from",
                        path[..=at].join(".")
                    ));
                }
                LinkKind::ToOne => {
                    self.watch(store, Watched::Columns(info.columns, Rows::Neither), source);
                    if is_last {
                        return Ok(());
                    }
                    (Back::Linking { owners, columns: info.columns }, &[], Rows::Go)
                }
                LinkKind::Inverse { field, .. } => {
                    let field = field();
                    let columns = target.field(field).columns;
                    let (table, path) = (target.table_number(), &path[..=at]);
                    rule.allowed.push(Allowed { table, columns, list: None, path });
                    (Back::Linked { owners, columns, field: Some(field) }, columns, Rows::ComeAndGo)
                }
                LinkKind::Through { .. } => {
                    let Some(Side::Pairs { join, own, other, is_symmetric }) = store.side(field) else {
                        return Ok(());
                    };
                    let pairs = PairSource { join, own, other, is_symmetric, source, watched: None };
                    self.stored.pairs.borrow_mut().push(pairs);
                    (Back::Paired { owners, join, own, other, is_symmetric }, &[], Rows::Go)
                }
            };
            route = self.route(target.model(), Some((back, route)));
            let source = Source { rule: number, route };
            self.watch(target, Watched::Columns(columns, rows), source);
            // Who is a member by a condition is so by any of its columns.
            if link.joining().is_selective() {
                self.watch(target, Watched::AllBut(Box::default()), source);
            }
            store = target;
        }
        Ok(())
    }

    /// A route, made now if there is none
    fn route(&self, model: &'static dyn AnyModel<C>, step: Option<(Back<C>, usize)>) -> usize {
        let key = |model: &'static dyn AnyModel<C>, step: &Option<(Back<C>, usize)>| {
            let step = step.as_ref().map(|(back, next)| (key_of(back), *next));
            (self.get(model).table_number(), step)
        };
        let wanted = key(model, &step);
        let mut routes = self.stored.routes.iter();
        if let Some(known) = routes.position(|route| key(route.model, &route.step) == wanted) {
            return known;
        }
        let next = step.as_ref().and_then(|(_, next)| self.stored.route(*next));
        let length = next.map_or(0, |next| next.length + 1);
        self.stored.routes.push(Route { model, step, length })
    }

    /// Has a table note what has become of its rows.
    fn watch(&self, store: Store<'_, C>, watched: Watched, source: Source) {
        let number = self.stored.sources.borrow().len();
        self.stored.sources.borrow_mut().push(source);
        store.table().watch(watched, number);
    }

    /// A join table may have a model of its own, by which its rows are written too.
    fn watch_joins(&self) {
        let pairs = self.stored.pairs.borrow().len();
        for place in 0..pairs {
            let PairSource { join, own, other, is_symmetric, source, watched } =
                self.stored.pairs.borrow()[place];
            let Some(table) = self.table_of_join(join).filter(|&table| watched != Some(table)) else {
                continue;
            };
            self.stored.pairs.borrow_mut()[place].watched = Some(table);
            let model = self.table(table).model();
            let Some(owners) = self.stored.route(source.route).map(|route| route.model) else { continue };
            for columns in std::iter::once(own).chain(is_symmetric.then_some(other)) {
                let leads = |info: &FieldInfo<C>| info.link.is_some() && info.columns == columns;
                let back = Back::Linked { owners, columns, field: field_id(model.fields(), leads) };
                let route = self.route(model, Some((back, source.route)));
                self.watch(self.get(model), Watched::AllBut(Box::default()), Source { route, ..source });
                self.watch(self.get(model), Watched::Columns(&[], Rows::Go), Source { route, ..source });
            }
        }
    }
}

/// Whether a column's value is made of the others when the row is written: it is computed, or says when that was
fn is_made_late<C: Connection>(info: &FieldInfo<C>) -> bool {
    info.stored.is_some() || info.stamp.is_some_and(|stamp| stamp.is_updated)
}

/// What a step is told from others by
fn key_of<C: Connection>(back: &Back<C>) -> (u8, usize, usize, Vec<&'static str>) {
    match *back {
        Back::Linking { owners, columns } => (0, owners.number().0, 0, columns.to_vec()),
        Back::Linked { owners, columns, .. } => (1, owners.number().0, 0, columns.to_vec()),
        Back::Paired { owners, join, own, other, is_symmetric } => {
            (2 + u8::from(is_symmetric), owners.number().0, join, [own, other].concat())
        }
    }
}

impl<C: Connection> Environment<C> {
    /// Whether values wait to be computed, or may
    pub(crate) fn has_stored_waiting(&self) -> bool {
        self.stores.signal.is_fed() || self.stores.stored.has_due()
    }

    /// Notes what has become of rows, for the stored values that follow from them: no read of one is a hit before they are found.
    pub(crate) fn feed(&self, store: Store<'_, C>, change: Change<'_>, slots: &[Slot]) {
        store.table().feed(change, slots);
        self.doubt();
    }

    /// The same of cells of a column that were written
    #[inline]
    pub(crate) fn feed_column(&self, store: Store<'_, C>, column: ColumnId, slots: &[Slot]) {
        if store.table().is_fed_on() {
            self.feed(store, Change::Written(store.table_store().field_of(column).1.columns), slots);
        }
    }

    /// Whether a field may follow from rows that have changed, and it is not known yet whether it does
    pub(crate) fn is_doubted(&self, store: Store<'_, C>, field: FieldId) -> bool {
        let follows = || {
            let is_computed = store.field(field).columns.is_empty() && store.field(field).link.is_none();
            let rule = self.stores.stored.rule_of(store.table_number(), store.column_of(field));
            is_computed || rule.is_some()
        };
        self.stores.signal.is_fed() && follows()
    }

    /// Notes rows that have changed, by what follows from them.
    pub(crate) fn note_rows(&self, rows: impl IntoIterator<Item = (Source, Vec<Slot>)>) {
        for (source, slots) in rows {
            self.stores.stored.note(source, slots);
            self.stores.signal.feed();
        }
        self.doubt();
    }

    /// Has the next read of what may follow from rows that have changed look whether it does.
    pub(crate) fn doubt(&self) {
        if !self.stores.signal.is_fed() || self.stores.stored.doubt() {
            return;
        }
        for table in self.tables() {
            for column in table.columns() {
                let is_rule = |column| self.stores.stored.rule_of(table.number(), column).is_some();
                let is_stored = || is_rule(column) || table.twins(column).into_iter().any(is_rule);
                // Lists may have a condition, and all else without columns is computed, or aggregated.
                if table.field_of(column).1.columns.is_empty() || is_stored() {
                    table.column(column).doubt();
                }
            }
        }
    }

    /// Forgets what waits to be computed.
    pub(super) fn forget_stored_waiting(&self) {
        if self.has_stored_waiting() {
            self.stores.signal.take_fed();
            self.tables().for_each(|table| {
                table.take_fed(&mut |_, _| {});
                table.forget_held();
            });
            self.stores.stored.forget_waiting();
        }
    }

    /// What is being computed before anything is sent is computed again afterwards: an error that nobody sees but what computes it.
    pub(super) fn computing_could_end(&self) -> Result<()> {
        match self.stores.stored.mode() {
            Mode::Before | Mode::Interrupted => {
                self.stores.stored.interrupt();
                Err(Error::other("what is stored is computed again when what waits to be written was sent"))
            }
            Mode::Nothing | Mode::Sent => Ok(()),
        }
    }

    /// The columns of a model's links by which it is found whose stored values follow from its rows
    pub(crate) fn links_followed(&self, store: Store<'_, C>) -> Vec<&'static str> {
        let stored = &self.stores.stored;
        let mut links: Vec<&'static str> = Vec::new();
        for route in stored.routes.iter() {
            if let Some((Back::Linked { columns, .. }, _)) = route.step
                && self.stores.get(route.model).table_number() == store.table_number()
            {
                links.extend_from_slice(columns);
            }
        }
        links
    }

    /// An error if a column is a stored field's: its value follows from others, so nobody sets it.
    #[inline]
    pub(crate) fn refuse_stored(&self, store: Store<'_, C>, column: ColumnId) -> Result<()> {
        let stored = &self.stores.stored;
        if stored.is_empty() || stored.is_putting() { Ok(()) } else { self.refuse_if_stored(store, column) }
    }

    fn refuse_if_stored(&self, store: Store<'_, C>, column: ColumnId) -> Result<()> {
        let stored = &self.stores.stored;
        let table = store.table_number();
        let columns = store.twins(column).into_iter().chain([column]);
        let rule = columns.filter_map(|column| stored.rule(stored.rule_of(table, column)?)).next();
        rule.map_or(Ok(()), |rule| {
            let (model, field) = (rule.model.name(), rule.model.fields()[rule.field.0].name);
            Err(Error::StoredField { model, field })
        })
    }

    /// An error if what a field declares does not do
    pub(crate) fn is_declared(&self, rule: &Rule<C>) -> Result<()> {
        let fault = rule.fault.borrow();
        let Some(fault) = &*fault else { return Ok(()) };
        let (model, field) = (rule.model.name(), rule.model.fields()[rule.field.0].name);
        Err(Error::other(format!("{model}.{field} cannot be kept up: {fault}")))
    }

    /// An error if something was read to compute a field that it does not declare: it would not be computed when that changes.
    pub(crate) fn check_reads(&self, rule: &Rule<C>, slots: &[Slot], reads: Vec<Read>) -> Result<()> {
        for read in reads {
            let undeclared = match read {
                Read::Search(_) => Some("what a search finds".to_owned()),
                Read::Part(table, part, slot) => {
                    let is_own = table == rule.table && slots.contains(&slot);
                    self.undeclared(rule, table, part, is_own)
                }
            };
            if let Some(read) = undeclared {
                let (model, field) = (rule.model.name(), rule.model.fields()[rule.field.0].name);
                return Err(Error::UndeclaredRead { model, field, read: read.into() });
            }
        }
        Ok(())
    }

    /// What of a table was read that a field does not declare, if so
    fn undeclared(&self, rule: &Rule<C>, table: TableId, part: Part, is_own: bool) -> Option<String> {
        let Part::Column(column) = part else {
            // Whose row is looked for is said by a link, or a list, which was read.
            return None;
        };
        let here = self.stores.table(table);
        let is_allowed = |column: ColumnId| {
            let shows = here.field_of(column).1.columns;
            rule.allowed.iter().filter(|allowed| allowed.table == table).any(|allowed| {
                allowed.list == Some(column) || shows.iter().any(|name| allowed.columns.contains(name))
            })
        };
        if let Some((over, subject)) = here.aggregate_of(column) {
            let members = here.target(over)?;
            let told = match subject {
                Subject::Column(subject) if !self.allows(rule, members, subject) => Some(self.describe_path(
                    rule,
                    members,
                    self.stores.table(members).field_of(subject).1.name,
                )),
                _ => None,
            };
            return if is_allowed(over) { told } else { self.describe_read(rule, table, over) };
        }
        let info = here.field_of(column).1;
        let is_late = |info: &FieldInfo<C>| is_made_late(info) || info.columns.is_empty();
        let is_stored = self.stores.stored.rule_of(table, column).is_some();
        if (is_own && !is_late(info) && !is_stored) || is_allowed(column) {
            return None;
        }
        self.describe_read(rule, table, column)
    }

    fn allows(&self, rule: &Rule<C>, table: TableId, column: ColumnId) -> bool {
        let shows = self.stores.table(table).field_of(column).1.columns;
        let mut allowed = rule.allowed.iter().filter(|allowed| allowed.table == table);
        allowed.any(|allowed| shows.iter().any(|name| allowed.columns.contains(name)))
    }

    fn describe_read(&self, rule: &Rule<C>, table: TableId, column: ColumnId) -> Option<String> {
        let info = self.stores.table(table).field_of(column).1;
        if info.columns.is_empty() && info.link.is_none() {
            let model = self.stores.table(table).field_of(column).0.name();
            return Some(format!("{model}.{}, which is computed when it is read", info.name));
        }
        Some(self.describe_path(rule, table, info.name))
    }

    /// The path that leads to a field of a table, as far as one is known
    fn describe_path(&self, rule: &Rule<C>, table: TableId, name: &str) -> String {
        let declared = rule.allowed.iter().find(|allowed| allowed.table == table && !allowed.path.is_empty());
        let links = rule.model.fields().iter();
        let link = || {
            let leads = |info: &&FieldInfo<C>| {
                info.link.as_ref().is_some_and(|link| self.stores.get(link.target).table_number() == table)
            };
            links.clone().find(leads).map(|info| info.name.to_owned())
        };
        let to = match declared {
            Some(declared) => Some(declared.path.join(".")),
            None if table == rule.table => None,
            None => link(),
        };
        match to {
            Some(path) => format!("`{path}.{name}`"),
            None if table == rule.table => format!("`{name}`"),
            None => format!("{}.{name}", self.stores.table(table).model().name()),
        }
    }
}
