//! What is done again and again from one place: warned of once, refused where the environment is strict.

use diesel::query_builder::QueryFragment;

use crate::backend::Connection;
use crate::env::environment::Environment;
use crate::env::watch::{For, MANY_ROWS, Named, Place, Spot, TOLERATED};
use crate::error::Repeated;
use crate::model::Entity;
use crate::number::ModelId;
use crate::store::Slot;
use crate::{Error, Result};

impl<C: Connection> Environment<C> {
    /// Notes a statement for one record that is about to be sent: again and again from one place it is warned of, once,
    /// and a strict environment refuses it.
    pub(crate) fn watch(&self, spot: Spot, now: Option<For>) -> Result<()> {
        self.called_at(spot.place);
        let times =
            self.watched.note(spot, now, |last, next| spot.work.is_reading() && self.leads(last, next));
        if times < TOLERATED {
            return Ok(());
        }
        self.report(spot, times)
    }

    /// Notes that the same is done for many at once.
    pub(crate) fn watch_many(&self, spot: &Spot) {
        self.called_at(spot.place);
        self.watched.note_batch(spot);
    }

    #[cold]
    fn report(&self, spot: Spot, times: usize) -> Result<()> {
        let Spot { place, work, model, field, .. } = spot;
        let error = Error::Unbatched { work, model, field, times, at: place };
        if self.settings.strict {
            return Err(error);
        }
        if self.watched.is_news(&spot) {
            tracing::warn!(model, field, times, file = place.file(), line = place.line(), "{error}");
        }
        Ok(())
    }

    /// Whether a link of one record leads to the other
    fn leads(&self, (model, slot): Named, (to, target): Named) -> bool {
        let stores = self.store_by_number(model).zip(self.store_by_number(to));
        stores.is_some_and(|(store, to)| store.leads(slot, to.table_number(), target))
    }

    /// Runs a search, which is given its text, unless it is the same one again and again.
    pub(crate) fn watch_search<M: Entity<Connection = C>, T>(
        &self,
        at: Place,
        query: &dyn QueryFragment<C::Backend>,
        run: impl FnOnce(&str) -> Result<Vec<T>>,
    ) -> Result<Vec<T>> {
        // A statement that has no text is refused when it is run.
        let text = self.text_of(query).unwrap_or_default();
        let spot = Spot::new(at, Repeated::Search, M::NAME, "").with_text(&text);
        self.watch(spot, None)?;
        let rows = run(&text)?;
        self.watch_rows(&spot, rows.len());
        Ok(rows)
    }

    /// Notes how many rows something has brought or changed.
    pub(crate) fn watch_rows(&self, spot: &Spot, rows: usize) {
        if rows >= MANY_ROWS {
            self.watch_many(spot);
        }
    }

    /// Notes a statement for these records that is about to be sent.
    pub(crate) fn watch_records(&self, spot: Spot, model: ModelId, slots: &[Slot]) -> Result<()> {
        if let &[slot] = slots {
            return self.watch(spot, Some(For::record(model, slot)));
        }
        self.watch_many(&spot);
        Ok(())
    }

    /// Notes new rows that are about to be sent.
    pub(crate) fn watch_created(&self, spot: Spot, rows: usize) -> Result<()> {
        if rows == 1 {
            return self.watch(spot, None);
        }
        self.watch_many(&spot);
        Ok(())
    }

    /// Notes a write of one record, which is a commit of its own unless a transaction is open.
    pub(crate) fn watch_write(&self, spot: Spot, model: ModelId, slots: &[Slot]) -> Result<()> {
        match slots {
            &[slot] if !self.transactions.are_open() => self.watch(spot, Some(For::record(model, slot))),
            _ => Ok(()),
        }
    }
}
