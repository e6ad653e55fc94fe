//! Numbers about an environment.

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
