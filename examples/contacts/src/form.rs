//! The form of a partner: what was entered, what is wrong with it, how it looks.

use std::collections::BTreeMap;

use diesel::prelude::*;
use maud::{Markup, html};
use orm_core::prelude::*;
use orm_core::{Result, Values, ViolationKind};

use crate::db::Environment;
use crate::models::{Country, Partner, Tag, countries, partners, tags};

/// What is wrong, by field; what belongs to none by `""`
pub(crate) type Errors = BTreeMap<&'static str, String>;

/// What was done with what was entered, unless that is wrong
pub(crate) type Checked<T> = Result<std::result::Result<T, Errors>>;

/// A partner as it is entered
#[derive(Debug, Default)]
pub(crate) struct Form {
    name: String,
    email: String,
    phone: String,
    city: String,
    notes: String,
    is_company: bool,
    country: Option<i32>,
    company: Option<i32>,
    tags: Vec<i32>,
    /// That of the partner when the form was opened
    version: i32,
}

impl From<Vec<(String, String)>> for Form {
    fn from(pairs: Vec<(String, String)>) -> Self {
        let mut form = Self::default();
        for (field, value) in pairs {
            let value = value.trim();
            match field.as_str() {
                "name" => form.name = value.to_owned(),
                "email" => form.email = value.to_owned(),
                "phone" => form.phone = value.to_owned(),
                "city" => form.city = value.to_owned(),
                "notes" => form.notes = value.to_owned(),
                "is_company" => form.is_company = true,
                "country" => form.country = value.parse().ok(),
                "company" => form.company = value.parse().ok(),
                "tag" => form.tags.extend(value.parse::<i32>()),
                "version" => form.version = value.parse().unwrap_or_default(),
                _ => {}
            }
        }
        form
    }
}

impl Form {
    pub(crate) fn of(partner: &Record<Partner>) -> Result<Self> {
        Ok(Self {
            name: partner.name()?.into(),
            email: partner.email()?.unwrap_or_default().into(),
            phone: partner.phone()?.unwrap_or_default().into(),
            city: partner.city()?.unwrap_or_default().into(),
            notes: partner.notes()?.unwrap_or_default().into(),
            is_company: partner.is_company()?,
            country: partner.country_id().id()?,
            company: partner.company_id().id()?,
            tags: partner.tag_ids().ids()?,
            version: partner.version()?,
        })
    }

    fn values(&self) -> Values<Partner> {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Partner::values()
            .name(&self.name)
            .email(&some(&self.email))
            .phone(&some(&self.phone))
            .city(&some(&self.city))
            .notes(&some(&self.notes))
            .is_company(self.is_company)
            .country_id(&self.country)
            .company_id(&self.company)
    }

    /// What can be seen without the database
    fn check(&self) -> Errors {
        let mut errors = Errors::new();
        if self.name.is_empty() {
            errors.insert("name", "A partner needs a name.".into());
        }
        let has_two_sides = |(name, host): (&str, &str)| !name.is_empty() && host.contains('.');
        if !self.email.is_empty() && !self.email.split_once('@').is_some_and(has_two_sides) {
            errors.insert("email", "This is no address: name@example.com would be one.".into());
        }
        if self.is_company && self.company.is_some() {
            errors.insert("company", "A company does not work for another one.".into());
        }
        errors
    }

    /// A new partner, or what is wrong
    pub(crate) fn create<'env>(&self, env: &'env Environment) -> Checked<Record<'env, Partner>> {
        self.written(|| {
            env.transaction(|| {
                let partner = env.create(self.values())?;
                partner.tag_ids().add_ids(&self.tags)?;
                Ok(partner)
            })
        })
    }

    /// Writes to a partner, or says what is wrong.
    pub(crate) fn update(&self, env: &Environment, partner: &Record<Partner>) -> Checked<()> {
        // Read now, it is compared once more by the UPDATE.
        if partner.version()? != self.version {
            let wrong = "Somebody else has changed this partner since you opened it: look at it again.";
            return Ok(Err(Errors::from([("", wrong.to_owned())])));
        }
        self.written(|| {
            env.transaction_with(crate::db::reads_then_writes(env), || {
                partner.write(self.values())?;
                partner.tag_ids().set_ids(&self.tags)
            })
        })
    }

    /// What the database refuses is an error at the field, as what is seen before is.
    fn written<T>(&self, write: impl FnOnce() -> Result<T>) -> Checked<T> {
        let errors = self.check();
        if !errors.is_empty() {
            return Ok(Err(errors));
        }
        let error = match write() {
            Ok(written) => return Ok(Ok(written)),
            Err(error) => error,
        };
        let Some(violation) = error.violation() else { return Err(error) };
        let (field, wrong) = match violation.kind {
            ViolationKind::Unique if violation.is_of(Partner::EMAIL) => {
                ("email", "Another partner has this address.")
            }
            ViolationKind::ForeignKey => ("", "The country, company or a tag is not there any more."),
            _ => return Err(error),
        };
        Ok(Err(Errors::from([(field, wrong.to_owned())])))
    }

    pub(crate) fn show(&self, env: &Environment, errors: &Errors) -> Result<Markup> {
        let countries: RecordSet<Country> = countries::table.order(countries::name).records(env)?;
        let tags: RecordSet<Tag> = tags::table.order(tags::name).records(env)?;
        let companies = partners::table.filter(partners::is_company).order(partners::name);
        let companies = companies.records_with_fields::<Partner>(env, Partner::NAME)?;
        let text = |label: &str, field: &str, value: &str| {
            html! {
                label.wrong[errors.contains_key(field)] {
                    (label)
                    input type="text" name=(field) value=(value);
                    (wrong(errors, field))
                }
            }
        };
        Ok(html! {
            (wrong(errors, ""))
            div.fields {
                (text("Name", "name", &self.name))
                (text("E-mail", "email", &self.email))
                (text("Phone", "phone", &self.phone))
                (text("City", "city", &self.city))
                label {
                    "Country"
                    select name="country" {
                        option value="" { "–" }
                        @for country in &countries {
                            option value=(country.id()) selected[Some(country.id()) == self.country] { (country.name()?) }
                        }
                    }
                }
                label.wrong[errors.contains_key("company")] {
                    "Works for"
                    select name="company" {
                        option value="" { "–" }
                        @for company in &companies {
                            option value=(company.id()) selected[Some(company.id()) == self.company] { (company.name()?) }
                        }
                    }
                    (wrong(errors, "company"))
                }
            }
            div.choices {
                label.choice { input type="checkbox" name="is_company" checked[self.is_company]; "A company" }
                @for tag in &tags {
                    label.choice {
                        input type="checkbox" name="tag" value=(tag.id()) checked[self.tags.contains(&tag.id())];
                        span.tag style={ "--hue:" (tag.hue()?) } { (tag.name()?) }
                    }
                }
            }
            label { "Notes" textarea name="notes" rows="3" { (self.notes) } }
            input type="hidden" name="version" value=(self.version);
        })
    }
}

fn wrong(errors: &Errors, field: &str) -> Markup {
    html! { @if let Some(wrong) = errors.get(field) { p.error { (wrong) } } }
}
