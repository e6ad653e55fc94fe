//! `orm-cli models src/schema.rs`: a first draft of the models of an application that has diesel's `schema.rs`.

use std::process::ExitCode;

use orm_cli::{Options, models};

const HELP: &str = "\
Writes orm-core models for the tables of a diesel schema.rs to the standard output.

    orm-cli models src/schema.rs > src/models.rs

Options:
    --schema PATH        the module of the tables, as the models name it [crate::schema]
    --connection TYPE    the connection of all models, where more than one backend of orm-core is on
    --only TABLE,TABLE   these tables alone, and the links between them
    -h, --help           this text

Links come from `joinable!`, and, as diesel leaves out what is ambiguous or refers to its own table, from columns that are called
after a table and have the type of its key (`country_id`, for countries); those are marked, look at them. A table of two links and
nothing else makes a many2many link of both sides. What could not be written is said in the file, where it would stand.";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(text) => {
            use std::io::Write as _;
            // Who reads may have seen enough.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<String, String> {
    let mut arguments = arguments.into_iter();
    let (mut command, mut file, mut options) = (None, None, Options::default());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value; see --help"));
        match &*argument {
            "-h" | "--help" => return Ok(format!("{HELP}\n")),
            "--schema" => options.schema = value()?,
            "--connection" => options.connection = Some(value()?),
            "--only" => options.only = value()?.split(',').map(|table| table.trim().to_owned()).collect(),
            flag if flag.starts_with('-') => return Err(format!("there is no option {flag}; see --help")),
            _ if command.is_none() => command = Some(argument),
            _ if file.is_none() => file = Some(argument),
            more => return Err(format!("{more} is one argument too many; see --help")),
        }
    }
    match command.as_deref() {
        Some("models") => {}
        Some(other) => return Err(format!("there is no command {other}, only `models`; see --help")),
        None => return Err(format!("a command is wanted\n\n{HELP}")),
    }
    let file = file.ok_or("which file? `orm-cli models src/schema.rs`")?;
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
    models(&text, &options).map_err(|error| format!("{file}:{error}"))
}
