//! Why a setter takes one type of `Option` by value: with two of them `None` says no longer what it is. Nothing of
//! orm-core is in here. Should this compile one day, setters can take `Option<&str>` as well.

trait IntoText {
    fn into_text(self) -> String;
}

impl IntoText for String {
    fn into_text(self) -> String {
        self
    }
}

impl IntoText for &str {
    fn into_text(self) -> String {
        self.to_owned()
    }
}

trait IntoValue<T> {
    fn into_value(self) -> T;
}

impl<T: IntoText> IntoValue<Option<String>> for Option<T> {
    fn into_value(self) -> Option<String> {
        self.map(IntoText::into_text)
    }
}

fn set_lang(value: impl IntoValue<Option<String>>) -> Option<String> {
    value.into_value()
}

fn main() {
    set_lang(Some("nl"));
    set_lang(Some(String::from("nl")));
    set_lang(None);
}
