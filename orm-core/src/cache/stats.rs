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
}
