// Written by `orm-cli models`: a draft, to be looked at and kept by hand. Text and blobs are candidates for `deferred`, a
// counter of writes for `version`, what the database makes for `read_only`.

use orm_core::prelude::*;

use super::schema::*;

/// A row of `invoices`
#[derive(Debug, Model)]
#[model(table = ledger::invoices, primary_key(shop, number))]
pub struct Invoice {
    shop: String,
    number: i64,
    person_id: Id<Person>, // by its name
    seller_id: Option<i32>,
}

/// A row of `lines`
#[derive(Debug, Model)]
#[model(table = ledger::lines)]
pub struct Line {
    id: i64,
    people_id: Id<Person>, // by its name
    values: String,
    record: Option<String>,
    #[model(through(ledger::line_marks::line_id, ledger::line_marks::mark_id))]
    mark_ids: ManyToMany<Mark>,
}

// `line_marks` is a link between `lines` and `marks`.

/// A row of `people`
#[derive(Debug, Model)]
#[model(table = people)]
pub struct Person {
    id: i32,
    type_: String,
    parent_id: Option<Id<Person>>, // by its name
    node_id: Id<Node>, // by its name
    #[model(inverse = Friend::A)]
    friend_ids: OneToMany<Friend>,
    #[model(inverse = Invoice::PERSON_ID)]
    invoice_ids: OneToMany<Invoice>,
    #[model(inverse = Line::PEOPLE_ID)]
    line_ids: OneToMany<Line>,
    #[model(inverse = Person::PARENT_ID)]
    child_ids: OneToMany<Person>,
}

/// A row of `friends`
#[derive(Debug, Model)]
#[model(table = friends, primary_key(a_id, b_id))]
pub struct Friend {
    a_id: i32,
    b_id: i32,
    #[model(column = a_id)]
    a: Id<Person>,
}

/// A row of `marks`
#[derive(Debug, Model)]
#[model(table = marks)]
pub struct Mark {
    id: i32,
    #[model(through(ledger::line_marks::mark_id, ledger::line_marks::line_id))]
    line_ids: ManyToMany<Line>,
}

/// A row of `nodes`
#[derive(Debug, Model)]
#[model(table = nodes)]
pub struct Node {
    id: i32,
    node_id: Option<Id<Node>>, // by its name
    nodes_id: Id<Node>, // by its name
    #[model(inverse = Person::NODE_ID)]
    person_ids: OneToMany<Person>,
    #[model(inverse = Node::NODE_ID)]
    node_node_ids: OneToMany<Node>,
    #[model(inverse = Node::NODES_ID)]
    nodes_node_ids: OneToMany<Node>,
}
