//! Numbers about an environment.

use std::fmt;

/// What an environment has done and holds, exact at the moment it was asked
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Statements that this crate ran: SELECTs, and what is counted by `writes`
    pub queries: usize,
    /// INSERTs, UPDATEs and DELETEs, and statements run by [`execute`](crate::Environment::execute)
    pub writes: usize,
    /// Records with a value that waits to be written
    pub dirty: usize,
    /// Reads of a field that found its value in the cache
    pub hits: usize,
    /// Reads of a field that had to ask the database
    pub misses: usize,
    /// Records that were looked at to fill batches: about as many as were read, however they are walked
    pub planned: usize,
    /// Records of which at least one value is cached
    pub records: usize,
    /// Cached values
    pub values: usize,
    /// Bytes that values, keys and their tables take
    pub bytes: usize,
    /// Records that were dropped to keep to the limit
    pub evictions: usize,
    /// The same by model, for each model that was used
    pub models: Vec<ModelStats>,
}

impl Stats {
    /// The numbers of one model, by its name
    pub fn model(&self, name: &str) -> Option<&ModelStats> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The columns that searches and batches brought and no read has asked for, the largest first
    ///
    /// A column that is always here is one to make `deferred`, or to leave out with
    /// [`records_with_fields`](crate::RecordQuery::records_with_fields). A version is not among them, nor what told
    /// whose member a record of a list is: those were needed. [`Cache::get`](crate::Cache::get) is no read.
    ///
    /// ```
    /// use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// fn over_fetched(env: &Environment) {
    ///     for unread in env.stats().unread() {
    ///         println!("{}.{}: {} values in {} bytes", unread.model, unread.field, unread.values, unread.bytes);
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    pub fn unread(&self) -> Vec<Unread> {
        let of_model = |model: &ModelStats| {
            let model_name = model.name;
            let unread = model.fields.iter().filter(|field| field.is_unread()).map(move |field| Unread {
                model: model_name,
                field: field.name,
                values: field.brought,
                bytes: field.brought_bytes,
            });
            unread.collect::<Vec<_>>()
        };
        let mut unread: Vec<Unread> = self.models.iter().flat_map(of_model).collect();
        unread.sort_by_key(|unread| std::cmp::Reverse(unread.bytes));
        unread
    }

    /// The fields of a model that are among the columns that nobody has read
    pub(crate) fn unread_of(&self, model: &str) -> Vec<&'static str> {
        self.unread().into_iter().filter(|unread| unread.model == model).map(|unread| unread.field).collect()
    }
}

/// How many models a table names
const SHOWN: usize = 20;
/// How wide the names of what was not read may be together
const WIDTH: usize = 40;

/// A line with the sums, and a table of the models that hold or did something, the largest first; it fits a screen
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queries, writes, dirty, hits, misses, records, bytes, evictions, .. } = *self;
        write!(
            f,
            "{} ({writes} of them writes), {hits} reads from the cache, {misses} that missed, ",
            some(queries, "statement")
        )?;
        write!(f, "{} in {} KiB", some(records, "record"), bytes / 1024)?;
        for (count, what) in [(dirty, "waiting to be written"), (evictions, "dropped")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        let mut models: Vec<&ModelStats> = self.models.iter().filter(|model| model.is_used()).collect();
        models.sort_by_key(|model| std::cmp::Reverse(model.bytes));
        if models.is_empty() {
            return Ok(());
        }
        let width =
            models.iter().take(SHOWN).map(|model| model.name.chars().count()).max().unwrap_or(0).max(5);
        write!(
            f,
            "\n{:<width$} {:>8} {:>9} {:>7} {:>9} {:>7}  brought and not read",
            "model", "records", "values", "KiB", "hits", "misses"
        )?;
        for model in models.iter().take(SHOWN) {
            let ModelStats { name, hits, misses, records, values, bytes, .. } = model;
            write!(f, "\n{name:<width$} {records:>8} {values:>9} {:>7} {hits:>9} {misses:>7}", bytes / 1024)?;
            let unread = shortened(&self.unread_of(name));
            if !unread.is_empty() {
                write!(f, "  {unread}")?;
            }
        }
        match models.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {}", some(more, "smaller model")),
        }
    }
}

/// Names as far as they find room
fn shortened(names: &[&str]) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        if at > 0 && text.len() + name.len() > WIDTH {
            return format!("{text} and {} more", names.len() - at);
        }
        if at > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    text
}

/// `1 statement`, `2 statements`
pub(crate) fn some(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A column that was brought and not read; from [`Stats::unread`]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unread {
    /// The model's name
    pub model: &'static str,
    /// The field's name
    pub field: &'static str,
    /// How many values came
    pub values: usize,
    /// Bytes that they took in the cache
    pub bytes: usize,
}

/// What is cached of one model
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelStats {
    /// The model's name
    pub name: &'static str,
    /// Reads of a field that found its value in the cache
    pub hits: usize,
    /// Reads of a field that had to ask the database
    pub misses: usize,
    /// Records of which at least one value is cached
    pub records: usize,
    /// Cached values
    pub values: usize,
    /// Bytes that values, keys and their tables take
    pub bytes: usize,
    /// The same by field
    pub fields: Vec<FieldStats>,
}

impl ModelStats {
    /// Whether there is anything to tell of it: one that was only linked to has no numbers
    pub(crate) fn is_used(&self) -> bool {
        self.hits + self.misses + self.values > 0 || self.fields.iter().any(|field| field.brought > 0)
    }
}

/// What is cached of one field
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldStats {
    /// The field's name
    pub name: &'static str,
    /// Reads that found the value in the cache
    pub hits: usize,
    /// Reads that had to ask the database
    pub misses: usize,
    /// Cached values
    pub values: usize,
    /// Bytes that the values take
    pub bytes: usize,
    /// Values that SELECTs have brought so far, whether they are still cached or not
    pub brought: usize,
    /// Bytes that those took when they came
    pub brought_bytes: usize,
    /// Whether it is needed whether anybody reads it or not
    pub(crate) is_version: bool,
}

impl FieldStats {
    fn is_unread(&self) -> bool {
        self.brought > 0 && self.hits == 0 && self.misses == 0 && !self.is_version
    }
}
