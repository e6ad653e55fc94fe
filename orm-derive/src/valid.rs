//! Every rule, one function each; all errors of a struct are reported together.
//!
//! An error stands at the smallest thing the user typed, and says what to do.

use std::collections::HashMap;

use quote::ToTokens;
use syn::{Data, DeriveInput, Fields, LitInt, Type};

use crate::attr::Given;
use crate::error::Errors;
use crate::model::{Field, Model, TableIs};
use crate::names;
use crate::shape::{self, Shape, Value};

pub(crate) fn check(input: &DeriveInput, model: &Model, errors: &mut Errors) {
    no_parameters(input, errors);
    if !named_fields(input, errors) {
        return;
    }
    a_table_that_may_be(model, errors);
    one_key(model, errors);
    distinct_constants(model, errors);
    one_version(model, errors);
    version_is_no_field(model, errors);
    unchecked_has_no_version(model, errors);
    for field in &model.fields {
        computed_by_a_function(model, field, errors);
        stored_is_computed(model, field, errors);
        made_by_the_database(field, errors);
        tells_the_time(field, errors);
        supported_type(field, errors);
        key_is_a_plain_column(field, errors);
        deferred_or_group(field, errors);
        to_many_has_a_source(field, errors);
        source_fits_the_type(field, errors);
        column_keys_on_columns(field, errors);
        columns_of_a_link(field, errors);
        clauses_on_to_many(field, errors);
        limit_is_a_number(field, errors);
        symmetric_on_pairs(field, errors);
        callable_accessor(model, field, errors);
        free_setter(model, field, errors);
        version_is_counted(field, errors);
    }
}

fn no_parameters(input: &DeriveInput, errors: &mut Errors) {
    if !input.generics.params.is_empty() {
        errors.at(&input.generics, "a model takes no parameters: a table's columns have one type each");
    }
}

fn named_fields(input: &DeriveInput, errors: &mut Errors) -> bool {
    let advice = "derive `Model` on a struct with named fields, one per column";
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(_) => return true,
            Fields::Unnamed(fields) => errors.at(fields, advice),
            Fields::Unit => errors.at(&input.ident, advice),
        },
        Data::Enum(data) => errors.at(data.enum_token, advice),
        Data::Union(data) => errors.at(data.union_token, advice),
    }
    false
}

/// A module that is not there would be no more than that to the compiler, which then tells of crates.
fn a_table_that_may_be(model: &Model, errors: &mut Errors) {
    if let (TableIs::Odd, Some(plural)) = (model.table_is, names::odd_plural(&model.ident)) {
        let table = names::table(&model.ident);
        errors.at(
            &model.ident,
            format!(
                "no table is named, and `{table}` is a guess: name it, as in `#[model(table = {plural})]`"
            ),
        );
    }
}

fn one_key(model: &Model, errors: &mut Errors) {
    if let Some(given) = &model.key_fields {
        for name in &given.value {
            if !model.fields.iter().any(|field| *name == field.name.as_str() || *name == field.ident) {
                errors.at(name, format!("there is no field `{name}` here"));
            }
        }
    }
    let parts = model.parts();
    if parts.len() > 4 {
        errors.at(&parts[4].ident, "a primary key has four columns at most");
    }
    if model.key().is_none() && parts.is_empty() && !model.fields.iter().any(|field| field.attrs.faulty) {
        errors.at(
            &model.ident,
            "there is no primary key: name a field `id`, or mark one with `#[model(primary_key)]`",
        );
    }
}

fn distinct_constants(model: &Model, errors: &mut Errors) {
    let mut seen = HashMap::new();
    for field in &model.fields {
        let constant = names::constant(&field.ident);
        if let Some(first) = seen.insert(constant.clone(), &field.name) {
            errors.at(
                &field.ident,
                format!(
                    "`{first}` and `{}` would both have the constant `{constant}`; rename one",
                    field.name
                ),
            );
        }
    }
}

fn one_version(model: &Model, errors: &mut Errors) {
    let of_struct = model.version.as_ref().map(|version| &version.key);
    let of_fields = model.fields.iter().filter_map(|field| Some(&field.attrs.version.as_ref()?.key));
    for second in of_struct.into_iter().chain(of_fields).skip(1) {
        errors.at(second, "there are two versions; keep one: it counts the writes of the whole row");
    }
}

fn version_is_no_field(model: &Model, errors: &mut Errors) {
    let Some(version) = &model.version else { return };
    let holds = |field: &&Field| field.is_column() && field.columns().contains(&&version.value);
    if let Some(field) = model.fields.iter().find(holds)
        && field.attrs.version.is_none()
    {
        errors.at(
            &version.value,
            format!("the field `{}` holds this column: mark it `#[model(version)]` instead", field.name),
        );
    }
}

fn unchecked_has_no_version(model: &Model, errors: &mut Errors) {
    if let Some(unchecked) = &model.unchecked
        && model.version().is_some()
    {
        errors.at(
            &unchecked.key,
            "a version is compared by how many rows a write found; leave `unchecked` out, or the version",
        );
    }
}

fn version_is_counted(field: &Field, errors: &mut Errors) {
    let Some(version) = &field.attrs.version else { return };
    if field.is_key || field.part.is_some() {
        errors.at(&version.key, "a primary key stays as it is: give the version a field of its own");
        return;
    }
    let is_number = |ty: &Type| matches!(ty, Type::Path(path) if ["i16", "i32", "i64"].iter().any(|number| path.path.is_ident(number)));
    if !matches!(&field.shape, Shape::Value { value: Value::Plain(ty), nullable: false } if is_number(ty)) {
        errors.at(&field.ty, "a version is a whole number that is never NULL: use `i32` or `i64`");
    }
}

/// The setter of another field would have the name of this one's accessor.
fn free_setter(model: &Model, field: &Field, errors: &mut Errors) {
    if let Some(other) = field.name.strip_prefix("create_")
        && model.fields.iter().any(|field| field.name == other && field.is_one_to_one())
    {
        let (name, renamed) = (&field.name, names::prefixed(&model.ident, &field.name));
        errors
            .at(&field.ident, format!("`{name}` creates the `{other}`; rename the field, as in `{renamed}`"));
    }
    let Some(other) = field.name.strip_prefix("set_") else { return };
    if model.fields.iter().any(|field| field.name == other && field.has_setter()) {
        let (name, renamed) = (&field.name, names::prefixed(&model.ident, &field.name));
        errors.at(
            &field.ident,
            format!("`{name}` is the setter of `{other}`; rename the field, as in `{renamed}`"),
        );
    }
}

fn computed_by_a_function(model: &Model, field: &Field, errors: &mut Errors) {
    let attrs = &field.attrs;
    let keys = [
        attrs.compute.as_ref().map(|given| &given.key),
        attrs.compute_all.as_ref().map(|given| &given.key),
        attrs.related.as_ref().map(|given| &given.key),
    ];
    let mut keys = keys.into_iter().flatten();
    if let Some(depends_on) = &attrs.depends_on
        && attrs.compute.is_none()
        && attrs.compute_all.is_none()
        && !attrs.faulty
    {
        errors.at(
            &depends_on.key,
            "`depends_on` says what the searches of a function depend on: it is for `compute` and `compute_all`",
        );
    }
    if !field.is_computed() {
        if !matches!(field.shape, Shape::Unsupported(_)) {
            keys.for_each(|key| {
                let ty = field.ty.to_token_stream().to_string().replace(' ', "");
                errors.at(key, format!("what is computed has no column: give it the type `Computed<{ty}>`"));
            });
        }
        return;
    }
    if field.is_key || field.part.is_some() {
        errors.at(&field.ty, "a primary key is a column: give it the column's type");
    }
    match (keys.next(), keys.next()) {
        (None, _) if !attrs.faulty => errors.at(
            &field.ty,
            "say by which function: `#[model(compute = f)]`, `f` takes `&Record<Self>` and returns `orm_core::Result`",
        ),
        (Some(first), Some(second)) => {
            errors.at(second, format!("it is computed in one way; keep `{first}` or `{second}`"));
        }
        _ => {}
    }
    if let (Some(Given { key, value: None }), None, false) = (&attrs.inverse, &attrs.related, attrs.faulty) {
        errors.at(
            key,
            "say by which function it is set: `inverse = f`, `f` takes `&Record<Self>` and the value",
        );
    }
    let Some(related) = &attrs.related else { return };
    let steps = &related.value.0;
    if steps.len() < 2 {
        errors
            .at(&steps[0], "name a link, and a field of what it leads to, as in `related = country_id.code`");
    } else if !model.fields.iter().any(|field| steps[0] == field.ident) {
        errors.at(&steps[0], format!("there is no field `{}` here", steps[0]));
    } else if let Some(Given { key, value: None }) = &attrs.inverse
        && steps.last().is_some_and(|last| last == "id")
    {
        errors.at(key, "a primary key stays as it is; leave `inverse` out");
    }
}

fn stored_is_computed(model: &Model, field: &Field, errors: &mut Errors) {
    let attrs = &field.attrs;
    if let (Some(depends), None) = (&attrs.depends, &attrs.stored) {
        errors.at(
            &depends.key,
            "what is computed when it is read follows from whatever it reads; leave `depends` out, or add `stored`",
        );
    }
    let Some(stored) = &attrs.stored else { return };
    match &field.shape {
        Shape::Unsupported(_) => return,
        Shape::Computed { .. } | Shape::ComputedLink { .. } => {}
        _ if attrs.compute.is_none() && attrs.compute_all.is_none() => {
            let ty = field.ty.to_token_stream().to_string().replace(' ', "");
            errors.at(
                &stored.key,
                format!("what is stored here is computed: give it the type `Computed<{ty}>`, and say by which function, as in `compute = f`"),
            );
            return;
        }
        _ => return,
    }
    // The path of a related field has errors of its own.
    for path in attrs.depends.iter().flat_map(|depends| &depends.value) {
        let first = &path.0[0];
        match model.fields.iter().find(|field| *first == field.name.as_str() || *first == field.ident) {
            None => errors.at(first, format!("there is no field `{first}` here")),
            Some(other) if other.name == field.name && path.0.len() == 1 => {
                errors.at(first, "a field does not follow from itself; leave it out");
            }
            Some(other) if path.0.len() > 1 && other.shape.target().is_none() => {
                errors.at(first, format!("`{first}` is no link, so nothing is behind it"));
            }
            Some(other)
                if matches!(other.shape, Shape::Computed { .. } | Shape::ComputedLink { .. })
                    && !other.is_stored() =>
            {
                errors.at(
                    first,
                    format!("`{first}` is computed when it is read: name what it is computed from, or store it too"),
                );
            }
            Some(_) => {}
        }
    }
}

fn made_by_the_database(field: &Field, errors: &mut Errors) {
    let keys = [&field.attrs.read_only, &field.attrs.refresh].into_iter().flatten();
    if let (Some(_), Some(refresh)) = (&field.attrs.read_only, &field.attrs.refresh) {
        errors.at(&refresh.key, "what is only read is read anew after each write anyway; keep `read_only`");
    }
    for key in keys.map(|given| &given.key) {
        if field.is_key || field.part.is_some() {
            errors.at(key, format!("a primary key stays as it is; leave `{key}` out"));
        } else if field.attrs.version.is_some() {
            errors.at(key, format!("a version is counted here and not by the database; leave `{key}` out"));
        } else if (!field.is_column() || field.is_stored()) && !matches!(field.shape, Shape::Unsupported(_)) {
            errors.at(key, format!("`{key}` is for a column; leave it out"));
        }
    }
}

fn tells_the_time(field: &Field, errors: &mut Errors) {
    if let (Some(_), Some(updated)) = (&field.attrs.created_at, &field.attrs.updated_at) {
        errors.at(
            &updated.key,
            "what is set when the row is created and when it is written is `updated_at` alone",
        );
    }
    let Some(given) = field.stamp() else { return };
    let key = &given.key;
    if field.is_key || field.part.is_some() || field.is_of_key {
        errors.at(key, format!("a primary key stays as it is; leave `{key}` out"));
    } else if field.attrs.version.is_some() {
        errors.at(key, format!("a version counts the writes; give `{key}` a field of its own"));
    } else if field.attrs.read_only.is_some() || field.attrs.refresh.is_some() {
        errors.at(key, format!("the application's clock or the database: leave `{key}` out, or the other"));
    } else if matches!(
        field.shape,
        Shape::Link { .. }
            | Shape::OneToMany(_)
            | Shape::OneToOne(_)
            | Shape::ManyToMany(_)
            | Shape::Computed { .. }
            | Shape::ComputedLink { .. }
    ) {
        errors.at(key, format!("`{key}` is for a column that holds a time; leave it out"));
    } else if let (None, Shape::Value { value: Value::Text | Value::Blob, .. }) = (&given.value, &field.shape)
    {
        let ty = field.ty.to_token_stream().to_string().replace(' ', "");
        errors.at(
            key,
            format!(
                "name the function that writes the time down: `{key} = f`, `fn f(now: SystemTime) -> {ty}`"
            ),
        );
    }
}

fn supported_type(field: &Field, errors: &mut Errors) {
    let Shape::Unsupported(ty) = &field.shape else { return };
    errors.at(ty, advice_for(ty));
}

/// What to use in place of a type that no column can have
fn advice_for(ty: &Type) -> String {
    let text = |ty: &Type| ty.to_token_stream().to_string().replace(' ', "");
    match ty {
        Type::Reference(reference) => match text(shape::bare(&reference.elem)).as_str() {
            "str" => "a record owns its values: use `String`".to_owned(),
            "[u8]" => "a record owns its values: use `Vec<u8>`".to_owned(),
            other => format!("a record owns its values: use `{other}`"),
        },
        Type::Array(array) => format!("a column has no fixed length: use `Vec<{}>`", text(&array.elem)),
        Type::Slice(slice) => format!("a record owns its values: use `Vec<{}>`", text(&slice.elem)),
        Type::Tuple(_) => "a column holds one value: use a field for each".to_owned(),
        Type::Path(path) => match shape::generic(ty, "Option").map(shape::bare) {
            Some(inner) if shape::generic(inner, "Option").is_some() => {
                format!("a column is nullable once: use `{}`", text(inner))
            }
            Some(inner) if shape::generic(inner, "OneToOne").is_some() => {
                format!("it may lead nowhere as it is: use `{}`", text(inner))
            }
            Some(inner) => format!("a to-many link may be empty but is never NULL: use `{}`", text(inner)),
            None if path.path.segments.last().is_some_and(|last| last.ident == "Computed") => {
                "say what is computed, a value or an `Option` of one: `Computed<String>`".to_owned()
            }
            None => format!("say of which model: `{}<Partner>`", text(&Type::Path(path.clone()))),
        },
        _ => "no column holds this: use a type that diesel reads from one".to_owned(),
    }
}

fn key_is_a_plain_column(field: &Field, errors: &mut Errors) {
    if !field.is_key && field.part.is_none() {
        return;
    }
    for key in [field.attrs.deferred.as_ref().map(|k| &k.key), field.attrs.group.as_ref().map(|k| &k.key)] {
        let Some(key) = key else { continue };
        errors.at(key, format!("every record has its primary key from the start; leave `{key}` out"));
    }
    match &field.shape {
        Shape::Link { nullable: true, .. } if field.part.is_some() => {
            errors.at(&field.ty, "a primary key is never NULL: leave the `Option` out");
        }
        Shape::Link { .. } if field.part.is_some() => {}
        Shape::Value { nullable: true, .. } => {
            errors.at(&field.ty, "a primary key is never NULL: leave the `Option` out");
        }
        Shape::Link { .. } => errors.at(
            &field.ty,
            "a primary key is no link: give it the type of the column, and the link a field of its own",
        ),
        Shape::OneToMany(_) | Shape::OneToOne(_) | Shape::ManyToMany(_) => {
            errors.at(&field.ty, "a primary key is a column: give it the column's type");
        }
        Shape::Value { .. } | Shape::Computed { .. } | Shape::ComputedLink { .. } | Shape::Unsupported(_) => {
        }
    }
}

fn deferred_or_group(field: &Field, errors: &mut Errors) {
    if let (Some(_), Some(group), false) = (&field.attrs.deferred, &field.attrs.group, field.is_key) {
        errors.at(
            &group.key,
            "a deferred field is loaded alone, one of a group with the group; keep `deferred` or `group`",
        );
    }
}

fn to_many_has_a_source(field: &Field, errors: &mut Errors) {
    let attrs = &field.attrs;
    // A source of the wrong kind, or one that could not be read, has its own error.
    if attrs.faulty || attrs.inverse.is_some() || attrs.through.is_some() {
        return;
    }
    match &field.shape {
        Shape::OneToMany(target) | Shape::OneToOne(target) => {
            let target = target.to_token_stream();
            errors.at(
                &field.ty,
                format!("say which link points back here: `#[model(inverse = {target}::…)]`, a field of `{target}`"),
            );
        }
        Shape::ManyToMany(_) => errors.at(
            &field.ty,
            "say through which table: `#[model(through(pairs::own_id, pairs::other_id))]`, two columns of it",
        ),
        _ => {}
    }
}

fn source_fits_the_type(field: &Field, errors: &mut Errors) {
    let (inverse, through) = (&field.attrs.inverse, &field.attrs.through);
    if let (Some(Given { key, value: None }), Some(_), false) =
        (inverse, field.shape.target(), field.is_computed())
    {
        errors.at(key, "`inverse` needs a value, as in `inverse = Partner::COUNTRY_ID`");
    }
    match &field.shape {
        Shape::OneToMany(_) | Shape::OneToOne(_) => {
            if let Some(through) = through {
                let ty = if field.is_one_to_one() { "OneToOne" } else { "OneToMany" };
                errors.at(
                    &through.key,
                    format!("a `{ty}` takes `inverse`; for a table of pairs use `ManyToMany`"),
                );
            }
        }
        Shape::ManyToMany(_) => {
            if let Some(inverse) = inverse {
                errors.at(
                    &inverse.key,
                    "a `ManyToMany` takes `through`; for a link that points back use `OneToMany`",
                );
            }
        }
        Shape::Value { .. } | Shape::Link { .. } | Shape::Computed { .. } | Shape::ComputedLink { .. } => {
            let is_computed = matches!(field.shape, Shape::Computed { .. } | Shape::ComputedLink { .. });
            let what = if is_computed { "computed" } else { "a column" };
            // Of what is computed it is the function that sets it.
            let inverse = inverse.as_ref().filter(|_| !is_computed);
            for (key, ty) in [
                (inverse.map(|given| &given.key), "`OneToMany<…>` or `OneToOne<…>`"),
                (through.as_ref().map(|given| &given.key), "`ManyToMany<…>`"),
            ] {
                let Some(key) = key else { continue };
                errors.at(key, format!("`{key}` is for a field of type {ty}; this one is {what}"));
            }
        }
        Shape::Unsupported(_) => {}
    }
}

fn column_keys_on_columns(field: &Field, errors: &mut Errors) {
    if field.is_column() || field.is_key || matches!(field.shape, Shape::Unsupported(_)) {
        return;
    }
    let attrs = &field.attrs;
    let advice = match field.shape {
        Shape::Computed { .. } | Shape::ComputedLink { .. } => {
            "a computed field is no column, and is computed when it is read"
        }
        Shape::OneToOne(_) => "a link that points back is no column, and is loaded when it is read",
        _ => "a to-many link is no column, and is loaded when it is read",
    };
    for key in [
        attrs.column.as_ref().map(|given| &given.key),
        attrs.columns.as_ref().map(|given| &given.key),
        attrs.deferred.as_ref().map(|given| &given.key),
        attrs.group.as_ref().map(|given| &given.key),
    ] {
        let Some(key) = key else { continue };
        errors.at(key, format!("{advice}; leave `{key}` out"));
    }
}

fn columns_of_a_link(field: &Field, errors: &mut Errors) {
    let Some(columns) = &field.attrs.columns else { return };
    match &field.shape {
        Shape::Link { .. } if field.part.is_some() => {
            errors.at(&columns.key, "a column of the primary key is one column; use `column`");
        }
        Shape::Link { .. } | Shape::ComputedLink { .. } if !(2..=4).contains(&columns.value.len()) => {
            errors.at(
                &columns.key,
                "`columns` is for a link to a key of two to four columns; use `column` for one",
            );
        }
        Shape::Link { .. } | Shape::ComputedLink { .. } => {}
        _ => errors.at(&columns.key, "only a link has several columns, to a key of several; use `column`"),
    }
    if let Some(column) = &field.attrs.column {
        errors.at(&column.key, "keep `column` or `columns`");
    }
}

fn clauses_on_to_many(field: &Field, errors: &mut Errors) {
    if matches!(field.shape, Shape::OneToMany(_) | Shape::ManyToMany(_) | Shape::Unsupported(_)) {
        return;
    }
    if let Some(order) = &field.attrs.order {
        errors.at(&order.key, "only a to-many link has an order; leave `order` out");
    }
    if let Some(filter) = &field.attrs.filter {
        errors.at(&filter.key, "only a to-many link has a filter; leave `filter` out");
    }
    if let Some(limit) = &field.attrs.limit {
        errors.at(&limit.key, "only a to-many link has a limit; leave `limit` out");
    }
    if let (Some(unscoped), false) = (&field.attrs.unscoped, field.is_one_to_one()) {
        errors.at(
            &unscoped.key,
            "only a list keeps to a scope, a link to one record does not; leave `unscoped` out",
        );
    }
}

fn limit_is_a_number(field: &Field, errors: &mut Errors) {
    let is_fine =
        |limit: &LitInt| limit.suffix().is_empty() && limit.base10_parse::<u32>().is_ok_and(|most| most > 0);
    if let Some(limit) = field.limit().filter(|limit| !is_fine(limit)) {
        errors.at(limit, "a limit is how many members a list has at most, one or more: `limit = 5`");
    }
}

fn symmetric_on_pairs(field: &Field, errors: &mut Errors) {
    let Some(symmetric) = &field.attrs.symmetric else { return };
    if !matches!(field.shape, Shape::ManyToMany(_) | Shape::Unsupported(_)) {
        errors.at(
            &symmetric.key,
            "only the pairs of a `ManyToMany` count in either direction; leave `symmetric` out",
        );
    }
}

fn callable_accessor(model: &Model, field: &Field, errors: &mut Errors) {
    let name = &field.name;
    let what = match name.as_str() {
        "id" if !field.is_key => "the key of all records, whatever its field is called",
        name if names::TAKEN.contains(&name) => "a method of all records",
        _ => return,
    };
    let other = names::prefixed(&model.ident, name);
    let advice = if !field.is_column() {
        format!("rename the field, as in `{other}`")
    } else {
        let column = field.column();
        format!("rename the field and keep the column: `#[model(column = {column})] {other}: …`")
    };
    errors.at(&field.ident, format!("`{name}` is {what}; {advice}"));
}
