//! Numbers of what the derive tells of: models, and their fields.

/// A model's number in the process: dense, so that an environment finds what it knows of it by index
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelId(pub(crate) usize);

/// A field's number in its model
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(pub(crate) usize);
