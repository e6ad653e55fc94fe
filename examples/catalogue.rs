//! Run with: cargo run --example catalogue
//!
//! A small catalogue (data/catalogue.sql) walked five ways: to-one links, to-many links, many2many, columns that
//! wait until they are read, and sets. Each walk starts with an empty cache and prints how many SELECTs it took.
#![allow(clippy::print_stdout, clippy::use_self, missing_docs)]

use diesel::{connection::SimpleConnection, prelude::*};
use orm_core::{Result, prelude::*};

diesel::table! { suppliers { id -> Integer, name -> Text, city -> Text } }
diesel::table! { categories { id -> Integer, name -> Text, parent_id -> Nullable<Integer> } }
diesel::table! { products {
    id -> Integer, name -> Text, price -> Double, category_id -> Integer, supplier_id -> Nullable<Integer>,
    manual -> Text, page_title -> Text, page_body -> Text,
} }
diesel::table! { tags (name) { name -> Text, colour -> Text } }
diesel::table! { product_tags (product_id, tag_name) { product_id -> Integer, tag_name -> Text } }

#[derive(Model)]
struct Supplier {
    id: i32,
    name: String,
    city: String,
}

#[derive(Model)]
#[model(table = categories)]
struct Category {
    id: i32,
    parent_id: Option<Id<Category>>,
    name: String,
    #[model(inverse = Product::CATEGORY_ID, order = products::price.desc())]
    product_ids: OneToMany<Product>,
}

#[derive(Model)]
struct Product {
    id: i32,
    name: String,
    price: f64,
    category_id: Id<Category>,
    supplier_id: Option<Id<Supplier>>,
    #[model(deferred)]
    manual: String,
    #[model(group = "page")]
    page_title: String,
    #[model(group = "page")]
    page_body: String,
    #[model(through(product_tags::product_id, product_tags::tag_name))]
    tag_ids: ManyToMany<Tag>,
}

#[derive(Model)]
struct Tag {
    #[model(primary_key)]
    name: String,
    colour: String,
}

/// To-one links: any number of hops, one SELECT for each of them
fn to_one(env: &Environment) -> Result<()> {
    for product in &env.all::<Product>()? {
        let supplier = product.supplier_id().name()?.unwrap_or_else(|| "nobody".into());
        let above = product.category_id().parent_id().name()?.unwrap_or_default();
        println!("  {:<14} {above} / {} by {supplier}", product.name()?, product.category_id().name()?);
    }
    Ok(())
}

/// To-many links: the members of all categories come together
fn to_many(env: &Environment) -> Result<()> {
    for category in &env.all::<Category>()? {
        println!("  {:<14} {:?}", category.name()?, category.product_ids().name()?);
    }
    Ok(())
}

/// Many2many: the tags of all products come together
fn many_to_many(env: &Environment) -> Result<()> {
    for product in &env.all::<Product>()? {
        println!("  {:<14} {:?}", product.name()?, product.tag_ids().colour()?);
    }
    Ok(())
}

/// Heavy columns: a deferred one comes when it is read, a group of them together, for all the products at once
fn heavy(env: &Environment) -> Result<()> {
    for product in &env.all::<Product>()? {
        let page = product.page_title()?.len() + product.page_body()?.len();
        println!("  {:<14} manual {} bytes, page {page}", product.name()?, product.manual()?.len());
    }
    Ok(())
}

/// Sets: taken out of one another in memory, still loaded together
fn sets(env: &Environment) -> Result<()> {
    let products: RecordSet<Product> = products::table.order(products::name).records(env)?;
    let cheap = products.filter(|product| Ok(product.price()? < 50.0))?;
    let local = products.filter(|product| Ok(product.supplier_id().city()?.as_deref() == Some("Ghent")))?;
    println!("  cheap and local {:?}", (&cheap & &local).name()?);
    println!("  cheap or local {:?}, cheap only {:?}", (&cheap | &local).name()?, (&cheap - &local).ids());
    for (city, members) in products.group_by(|product| product.supplier_id().city())? {
        println!("  {city:?} {:?}", members.sort_by_key(|product| product.category_id().name())?.name()?);
    }
    Ok(())
}

fn main() -> Result<()> {
    let names = ["To-one links", "To-many links", "Many2many", "Heavy columns", "Sets"];
    let walks: [fn(&Environment) -> Result<()>; 5] = [to_one, to_many, many_to_many, heavy, sets];
    for (name, walk) in names.into_iter().zip(walks) {
        let mut connection = SqliteConnection::establish(":memory:").map_err(orm_core::Error::other)?;
        connection.batch_execute(include_str!("data/catalogue.sql"))?;
        let env = Environment::builder().connection(connection).build();
        println!("{name}");
        walk(&env)?;
        println!("  = {} SELECTs\n", env.stats().queries);
    }
    Ok(())
}
