//! What an environment has sent, to be looked at: as text, and as a page.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::backend::Connection;
use crate::env::trace::{Collected, Evicted, Traced};
use crate::env::watch::Place;
use crate::store::some;
use crate::{Environment, Stats};

impl<C: Connection> Environment<C> {
    /// Begins to collect the statements that are sent, for [`inspection`](Self::inspection); what was collected before is forgotten
    ///
    /// Their values are collected if [`trace_values`](crate::EnvironmentBuilder::trace_values) says so.
    pub fn inspect(&self) {
        self.trace.collect();
    }

    /// What was sent since [`inspect`](Self::inspect) was called, and what is cached; no statements if it was not
    ///
    /// ```
    /// # use orm_core::prelude::*;
    /// # diesel::table! { partners { id -> Integer, name -> Text } }
    /// # #[derive(Model)] struct Partner { id: i32, name: String }
    /// # fn main() -> orm_core::Result<()> {
    /// # let env: Environment = Environment::connect(":memory:")?;
    /// # env.execute(diesel::sql_query("CREATE TABLE partners (id INTEGER PRIMARY KEY, name TEXT NOT NULL)"))?;
    /// env.inspect();
    /// env.all::<Partner>()?;
    /// let inspection = env.inspection();
    /// assert_eq!(inspection.statements.len(), 1);
    /// println!("{inspection}");
    /// let page: String = inspection.to_html(); // a panel for a page, or a page of its own
    /// # assert!(page.contains("SELECT"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn inspection(&self) -> Inspection {
        let (took, told, evictions) = match self.trace.collected() {
            Some((took, Collected { statements, evictions, .. })) => (took, statements, evictions),
            None => Default::default(),
        };
        let mut times: HashMap<(&str, Option<Place>), usize> = HashMap::new();
        told.iter().for_each(|told| *times.entry((&told.text, told.place)).or_default() += 1);
        let times: Vec<usize> = told.iter().map(|told| times[&(&*told.text, told.place)]).collect();
        let statements =
            told.into_iter().zip(times).map(|(told, times)| Inspected::of(told, times)).collect();
        let evictions = evictions.into_iter().map(InspectedEviction::of).collect();
        Inspection { statements, evictions, took, stats: self.stats() }
    }
}

/// What an environment has sent while it was inspected; made by [`Environment::inspection`]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspection {
    /// The statements, in the order in which they were sent
    pub statements: Vec<Inspected>,
    /// What has left the cache to make room, in the order in which it did
    pub evictions: Vec<InspectedEviction>,
    /// The time since the inspection has begun
    pub took: Duration,
    /// What was done and is cached, by model
    pub stats: Stats,
}

/// A statement that was sent
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Inspected {
    /// `select`, `write`, `transaction` or `lent`
    pub kind: &'static str,
    /// Empty where it is no model's
    pub model: &'static str,
    /// Why it was sent
    pub reason: String,
    /// SQL, without the values unless these are traced
    pub text: String,
    /// How many rows came, or were changed
    pub rows: Option<usize>,
    /// When it was sent, since the inspection has begun
    pub begun: Duration,
    /// How long it took
    pub took: Duration,
    /// Why it failed, if it did
    pub error: Option<String>,
    /// The file and line that has caused it, as far as that is known
    pub place: Option<(&'static str, u32)>,
    /// How many of the statements are this one, with the same text from the same line: more than one is a loop, or could be kept
    pub times: usize,
}

/// Records that have left the cache to make room for others
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct InspectedEviction {
    /// As SQL names it
    pub table: String,
    /// How many of its records
    pub records: usize,
    /// When, since the inspection has begun
    pub at: Duration,
    /// The file and line that has caused it, as far as that is known
    pub place: Option<(&'static str, u32)>,
}

impl InspectedEviction {
    fn of(evicted: Evicted) -> Self {
        let Evicted { table, records, at, place } = evicted;
        Self { table, records, at, place: place.map(|place| (place.file(), place.line())) }
    }

    fn text(&self) -> String {
        format!("{} of {} have left the cache", some(self.records, "record"), self.table)
    }

    /// A line of the timeline
    fn push_html(&self, whole: f64, page: &mut String) {
        let start = 100.0 * milliseconds(self.at) / whole;
        let _ = write!(
            page,
            "<tr class=\"orm-evicted\"><td class=\"orm-time\"><i style=\"left:{start:.2}%;width:0.5%\"></i></td><td></td><td>{}</td><td><b>evicted</b> {}</td><td>{}</td></tr>",
            self.records,
            escaped(&self.text()),
            escaped(&place_text(self.place)),
        );
    }
}

fn place_text(place: Option<(&str, u32)>) -> String {
    place.map_or(String::new(), |(file, line)| format!("{file}:{line}"))
}

impl Inspected {
    fn of(told: Traced, times: usize) -> Self {
        let Traced { kind, model, reason, text, rows, begun, took, error, place } = told;
        let place = place.map(|place| (place.file(), place.line()));
        // A transaction is begun again and again, which is no loop.
        let times = if kind == "transaction" || kind == "lent" { 1 } else { times };
        Self { kind, model, reason, text, rows, begun, took, error, place, times }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Inspection {
    /// The time that the database took of all of it
    pub fn in_database(&self) -> Duration {
        self.statements.iter().map(|statement| statement.took).sum()
    }

    fn summary(&self) -> String {
        let Stats { hits, misses, records, bytes, .. } = self.stats;
        format!(
            "{} in {:.1} of {:.1} ms, {} from the cache, {misses} that missed, {} in {} KiB",
            some(self.statements.len(), "statement"),
            milliseconds(self.in_database()),
            milliseconds(self.took),
            some(hits, "read"),
            some(records, "record"),
            bytes / 1024
        )
    }

    /// HTML that needs nothing else: an element to be put into a page, or to be looked at by itself
    ///
    /// Each statement is a line with its place in time, its duration, rows, reason and the line of code; a click shows its SQL. What was sent
    /// several times from one line is marked, and so are columns that were brought and not read. What has left the cache stands in between.
    ///
    /// It has its [style](Self::style) with it. A page with several has that once: `<style>` in its head, and a [`panel`](Self::panel) for each.
    pub fn to_html(&self) -> String {
        format!("<style>{}</style>{}", Self::style(), self.panel())
    }

    /// The style sheet of what [`panel`](Self::panel) gives
    pub fn style() -> &'static str {
        STYLE
    }

    /// What [`to_html`](Self::to_html) gives, without its [style](Self::style)
    pub fn panel(&self) -> String {
        let mut page = String::from("<section class=\"orm-inspection\">");
        let whole = milliseconds(self.took).max(0.001);
        // Writing to a `String` does not fail.
        let _ = write!(page, "<p class=\"orm-sum\">{}</p>", escaped(&self.summary()));
        page.push_str("<table><thead><tr><th>when</th><th>ms</th><th>rows</th><th>what</th><th>where</th></tr></thead><tbody>");
        let mut evictions = self.evictions.iter().peekable();
        for statement in &self.statements {
            // Room is made while rows come, so in the line after the statement that has caused it.
            while let Some(eviction) = evictions.next_if(|eviction| eviction.at < statement.begun) {
                eviction.push_html(whole, &mut page);
            }
            let class = match (&statement.error, statement.times) {
                (Some(_), _) => "orm-failed",
                (None, 2..) => "orm-again",
                _ => statement.kind,
            };
            let start = 100.0 * milliseconds(statement.begun) / whole;
            let width = (100.0 * milliseconds(statement.took) / whole).max(0.5);
            let _ = write!(
                page,
                "<tr class=\"{class}\"><td class=\"orm-time\"><i style=\"left:{start:.2}%;width:{width:.2}%\"></i></td><td>{:.2}</td><td>{}</td><td>",
                milliseconds(statement.took),
                statement.rows.map_or(String::new(), |rows| rows.to_string()),
            );
            let what = match statement.model {
                "" => statement.reason.clone(),
                model if statement.reason.contains(model) => statement.reason.clone(),
                model => format!("{model}: {}", statement.reason),
            };
            let _ = write!(page, "<details><summary><b>{}</b> {}", statement.kind, escaped(&what));
            if statement.times > 1 {
                let _ = write!(page, " <em>{} times from this line</em>", statement.times);
            }
            let _ = write!(page, "</summary><pre>{}</pre>", escaped(&statement.text));
            if let Some(error) = &statement.error {
                let _ = write!(page, "<pre>{}</pre>", escaped(error));
            }
            let _ = write!(page, "</details></td><td>{}</td></tr>", escaped(&place_text(statement.place)));
        }
        evictions.for_each(|eviction| eviction.push_html(whole, &mut page));
        page.push_str("</tbody></table>");
        let models = || self.stats.models.iter().filter(|model| model.is_used());
        if models().next().is_none() {
            page.push_str("</section>");
            return page;
        }
        page.push_str("<table><thead><tr><th>model</th><th>records</th><th>hits</th><th>misses</th><th>KiB</th><th>brought and not read</th></tr></thead><tbody>");
        for model in models() {
            let _ = write!(
                page,
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escaped(model.name),
                model.records,
                model.hits,
                model.misses,
                model.bytes / 1024,
                escaped(&self.stats.unread_of(model.name).join(", "))
            );
        }
        page.push_str("</tbody></table></section>");
        page
    }
}

const STYLE: &str = "
.orm-inspection{font:13px/1.5 system-ui,sans-serif;color:#223;background:#fff;padding:1em;max-width:80em}
.orm-inspection table{border-collapse:collapse;width:100%;margin:0 0 1.5em}
.orm-inspection th{text-align:left;font-weight:600;color:#678;border-bottom:1px solid #cde}
.orm-inspection td{padding:.15em .6em .15em 0;vertical-align:top;border-bottom:1px solid #eef}
.orm-inspection .orm-time{width:22%;position:relative;background:#f6f8fb}
.orm-inspection .orm-time i{position:absolute;top:.45em;height:.7em;background:#4a90d9;border-radius:2px}
.orm-inspection .write i{background:#2f9e6e}.orm-inspection .transaction i,.orm-inspection .lent i{background:#aab}
.orm-inspection .orm-again i{background:#e0982c}.orm-inspection .orm-failed i{background:#d04545}
.orm-inspection .orm-evicted i{background:#8a63c9}
.orm-inspection .orm-again em,.orm-inspection .orm-failed b{color:#b06000;font-style:normal;font-weight:600}
.orm-inspection pre{white-space:pre-wrap;background:#f6f8fb;padding:.6em;margin:.3em 0}
.orm-inspection summary{cursor:pointer}.orm-inspection b{color:#456}.orm-sum{font-weight:600}
";

/// Text as HTML shows it
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut html, letter| {
        match letter {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            '"' => html.push_str("&quot;"),
            letter => html.push(letter),
        }
        html
    })
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        for statement in &self.statements {
            let rows = statement.rows.map_or(String::new(), |rows| rows.to_string());
            write!(
                f,
                "{:>9.2} ms {rows:>7} rows  {:<11} {}",
                milliseconds(statement.took),
                statement.kind,
                statement.reason
            )?;
            if statement.times > 1 {
                write!(f, " ({} times from this line)", statement.times)?;
            }
            writeln!(f, "  {}", place_text(statement.place))?;
            if let Some(error) = &statement.error {
                writeln!(f, "{:>20}{error}", "")?;
            }
        }
        for eviction in &self.evictions {
            writeln!(f, "{:>25}  evicted     {}  {}", "", eviction.text(), place_text(eviction.place))?;
        }
        Ok(())
    }
}
