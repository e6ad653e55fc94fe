//! Models of orm-core for the tables of a diesel `schema.rs`.

mod names;
mod schema;
mod types;
mod write;

/// How models are written
#[derive(Debug, Clone)]
pub struct Options {
    /// The module of the tables
    pub schema: String,
    /// The connection of the models, unless it is the usual one
    pub connection: Option<String>,
    /// The tables to be written; all if there are none
    pub only: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { schema: "crate::schema".to_owned(), connection: None, only: Vec::new() }
    }
}

/// The models for the tables of a `schema.rs`, given as text
///
/// # Errors
///
/// What cannot be read of it, with its line and column: `12:5: …`.
pub fn models(schema: &str, options: &Options) -> Result<String, String> {
    let mut schema = schema::read(schema).map_err(|error| {
        let at = error.span().start();
        format!("{}:{}: {error}", at.line, at.column + 1)
    })?;
    for (at, table) in schema.tables.iter().enumerate() {
        if schema.tables[..at].iter().any(|other| other.name == table.name) {
            return Err(format!(
                " there are two tables {} in it: give each module a file of its own",
                table.name
            ));
        }
    }
    for table in &options.only {
        if !schema.tables.iter().any(|known| known.name == *table) {
            return Err(format!(" there is no table {table} in it"));
        }
    }
    if !options.only.is_empty() {
        schema.tables.retain(|table| options.only.contains(&table.name));
    }
    if schema.tables.is_empty() {
        return Err(" there is no `table!` in it".to_owned());
    }
    Ok(write::models(&schema, options))
}
