//! What may be told of an address, and of what was said about it: never a password.

use std::fmt::Write;

/// An address as it can be told, and what of it must not be
#[derive(Debug)]
pub(crate) struct Address {
    told: String,
    secrets: Vec<String>,
    /// What is to be done about an address that can be taken for another one than is meant: whatever a driver says of that may hold a
    /// part of the password, in place of a host or a port
    ambiguous: Option<&'static str>,
}

/// The settings of a string of libpq's that may be told, then those that may not
const TOLD: &[&str] = &["host", "hostaddr", "port", "dbname", "user"];
const NOT_TOLD: &[&str] = &[
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_client_secret",
    "oauth_issuer",
    "oauth_scope",
    "options",
    "passfile",
    "password",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "scram_client_key",
    "scram_server_key",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

const ENCODE: &str =
    "write `@ / ? # % [ ]` and spaces in the user's name and the password as %40 %2F %3F %23 %25 %5B %5D %20";
const QUOTE: &str =
    r"each setting is `name=value`, a value with spaces is put into '…', with \' and \\ for ' and \ in it";

impl Address {
    /// Of a file
    pub(crate) fn of_file(name: &str) -> Self {
        // Extensions of SQLite take their keys there.
        let (told, rest) = name.split_once('?').map_or((name, ""), |(told, rest)| (told, rest));
        let told = if rest.is_empty() { told.to_owned() } else { format!("{told}?…") };
        Self {
            told,
            secrets: parameters(rest, &["mode", "cache", "vfs", "immutable", "nolock"]),
            ambiguous: None,
        }
    }

    /// Of a server
    pub(crate) fn of_server(address: &str) -> Self {
        match address.split_once("://") {
            Some((scheme, rest)) if scheme.chars().all(|c| c.is_ascii_alphanumeric()) => {
                Self::of_url(scheme, rest)
            }
            _ => Self::of_settings(address),
        }
    }

    /// `scheme://user:password@host:port/database?name=value`
    fn of_url(scheme: &str, rest: &str) -> Self {
        // The last one: a password in which it was not encoded is to be seen as a whole.
        let (user_info, place) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let (place, query) = place.split_once('?').unwrap_or((place, ""));
        let is_ambiguous = [user, password].iter().any(|part| {
            let is_special = |c: char| {
                matches!(c, '@' | '/' | '?' | '#' | '[' | ']') || c.is_whitespace() || c.is_control()
            };
            part.contains(is_special) || decoded(part).is_none()
        });
        if is_ambiguous {
            return Self { told: format!("{scheme}://…"), secrets: Vec::new(), ambiguous: Some(ENCODE) };
        }
        let mut told = format!("{scheme}://");
        if !user.is_empty() {
            let _ = write!(told, "{user}@");
        }
        told += place;
        if !query.is_empty() {
            told += "?…";
        }
        let mut secrets = parameters(query, TOLD);
        secrets.extend([password.to_owned(), decoded(password).unwrap_or_default()]);
        Self { told, secrets, ambiguous: None }
    }

    /// `name = value …`, as libpq reads it
    fn of_settings(text: &str) -> Self {
        let settings = settings(text).filter(|settings| {
            settings.iter().all(|(name, _)| TOLD.contains(&&**name) || NOT_TOLD.contains(&&**name))
        });
        let Some(settings) = settings else {
            return Self { told: "…".to_owned(), secrets: Vec::new(), ambiguous: Some(QUOTE) };
        };
        let (told, secret): (Vec<_>, Vec<_>) = settings.into_iter().partition(|(name, value)| {
            // The name of a database may be an address again.
            TOLD.contains(&&**name) && !(name == "dbname" && value.contains(['=', ':']))
        });
        let told: Vec<String> = told.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        Self {
            told: told.join(" "),
            secrets: secret.into_iter().map(|(_, value)| value).collect(),
            ambiguous: None,
        }
    }

    /// Why it could not be opened
    pub(crate) fn failed(&self, error: &diesel::ConnectionError) -> String {
        let Self { told, secrets, ambiguous } = self;
        if let Some(way_out) = ambiguous {
            return format!("cannot open `{told}`, which can be taken for another address: {way_out}");
        }
        let mut said = error.to_string();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            // A short one would be found in any text; where a driver repeats the whole address it stands between these.
            said = said.replace(&format!(":{secret}@"), ":…@");
            let parts = secret.split(|c: char| !c.is_alphanumeric());
            for part in std::iter::once(&**secret).chain(parts).filter(|part| part.chars().count() > 3) {
                said = said.replace(part, "…");
            }
        }
        format!("cannot open `{told}`: {}", without_secrets(&said))
    }
}

/// The values of parameters that may hold secrets, as they stand and decoded
fn parameters(query: &str, told: &[&str]) -> Vec<String> {
    let mut secrets = Vec::new();
    for parameter in query.split('&') {
        let (name, value) = parameter.split_once('=').unwrap_or(("", parameter));
        if !decoded(name).is_some_and(|name| told.contains(&&*name)) {
            secrets.extend([value.to_owned(), decoded(value).unwrap_or_default()]);
        }
    }
    secrets
}

/// The text that was percent-encoded, if it was well
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// The settings of libpq's other form of an address: spaces around `=`, values in quotes, `\` before any letter
fn settings(text: &str) -> Option<Vec<(String, String)>> {
    let mut settings = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim_end();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return None;
        }
        let (mut value, mut letters) = (String::new(), after.trim_start().char_indices());
        let source = after.trim_start();
        let quoted = source.starts_with('\'');
        if quoted {
            letters.next();
        }
        let mut end = None;
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
                '\'' if quoted => {
                    end = Some(at + 1);
                    break;
                }
                space if !quoted && space.is_whitespace() => {
                    end = Some(at);
                    break;
                }
                letter => value.push(letter),
            }
        }
        if quoted && end.is_none() {
            return None;
        }
        settings.push((name.to_owned(), value));
        rest = source[end.unwrap_or(source.len())..].trim_start();
    }
    Some(settings)
}

/// How libpq's complaints about an address begin: they repeat parts of it.
const COMPLAINTS: &[&str] = &[
    "missing \"=\"",
    "unterminated quoted string",
    "invalid connection option",
    "invalid percent-encoded token",
    "forbidden value",
    "extra key/value separator",
    "missing key/value separator",
    "invalid URI query parameter",
    "unexpected character",
    "end of string reached",
    "IPv6 host address may not be empty",
    "unexpected spaces found",
    "invalid port number",
    "invalid integer value",
    "could not match",
    "invalid sslmode value",
    "invalid URI",
];

/// What was said about an address that is not known, as a pool says it, without what may be a password
pub(crate) fn without_secrets(said: &str) -> String {
    let is_complaint = COMPLAINTS.iter().any(|complaint| said.contains(complaint));
    let hides = |quoted: &str| {
        let quoted = quoted.to_ascii_lowercase();
        is_complaint || quoted.contains(['@', '=']) || quoted.contains("://")
    };
    let mut shown = String::with_capacity(said.len());
    let mut parts = said.split('"');
    shown += parts.next().unwrap_or_default();
    for (number, part) in parts.enumerate() {
        let is_quoted = number % 2 == 0;
        shown.push('"');
        shown += if is_quoted && hides(part) { "…" } else { part };
    }
    // And what stands there without quotes
    let mut rest = &*shown;
    let mut safe = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once("://") {
        let end =
            after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')).unwrap_or(after.len());
        safe += before;
        if after.starts_with("[[user]") {
            // That of diesel, which says how it is to be written
            safe += "://";
            rest = after;
            continue;
        }
        safe += "://…";
        rest = &after[end..];
    }
    safe += rest;
    if let Some(at) =
        safe.to_ascii_lowercase().find("password=").or_else(|| safe.to_ascii_lowercase().find("password ="))
    {
        safe.truncate(at);
        safe += "password=…";
    }
    safe
}

#[cfg(test)]
mod tests {
    use diesel::ConnectionError::BadConnection;

    use super::{Address, without_secrets};

    /// The address, what a driver may say of it, and what is told of it
    fn told(address: &str) -> String {
        Address::of_server(address).failed(&BadConnection(String::new()))
    }

    #[test]
    fn a_password_is_never_told() {
        for address in [
            "postgres://me:s3cret@host/db",
            "postgres://me:s3cret@[::1/db",
            "postgres://me:pa@s3cret@host/db",
            "postgres://me:pa/s3cret@host/db",
            "postgres://me:pa%zzs3cret@host/db",
            "postgres://me:pa s3cret@host/db",
            "postgres://host/db?user=me&password=s3cret",
            "postgres://host/db?pass%77ord=s3cret&sslpassword=s3cret",
            "postgres://host/db?user=me&password=p@s3cret",
            "mysql://me:12#s3cret@host/db",
            "host=a password=s3cret user=me",
            "host=a password = s3cret user=me",
            "host=a password='s3cret' user=me",
            "host=a password = 'pa \\' s3cret' user=me",
            "host=a password=pa\\ s3cret user=me",
            "host=a password='pa s3cret",
            "host=a password=pa s3cret user=me",
            "host=a password=pa s3cret=1 user=me",
            "host=a sslpassword=s3cret",
            "password=s3cret",
            "s3cret",
        ] {
            // libpq repeats what it cannot make sense of, in whole or in part.
            for said in [
                format!(
                    "end of string reached when looking for matching \"]\" in IPv6 host address in URI: \"{address}\""
                ),
                "invalid port number: \"s3cret@host\"".to_owned(),
                "missing \"=\" after \"s3cret\" in connection info string".to_owned(),
                "could not translate host name \"s3cret@host\" to address".to_owned(),
                "the pool says s3cret".to_owned(),
            ] {
                let told = Address::of_server(address).failed(&BadConnection(said.clone()));
                assert!(!told.contains("s3cret"), "{told}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_told() {
        for (address, shown) in [
            ("postgres://me:s3cret@host:5432/db", "cannot open `postgres://me@host:5432/db`: "),
            ("mysql://me@host/db", "cannot open `mysql://me@host/db`: "),
            ("mysql://me:p!$&'()*+,;=:@host/db", "cannot open `mysql://me@host/db`: "),
            ("postgres://host/db?user=me", "cannot open `postgres://host/db?…`: "),
            (
                "host = a port=1 password='x y' dbname='b c' user=me",
                "cannot open `host=a port=1 dbname=b c user=me`: ",
            ),
            ("", "cannot open ``: "),
        ] {
            assert_eq!(told(address), shown, "{address}");
        }
        assert_eq!(
            Address::of_file("a/b=c.db").failed(&BadConnection("no".into())),
            "cannot open `a/b=c.db`: no"
        );
        assert_eq!(
            Address::of_file("file:a?key=s3cret").failed(&BadConnection("s3cret".into())),
            "cannot open `file:a?…`: …"
        );
        let refused = "connection to server at \"127.0.0.1\", port 1 failed: Connection refused";
        let said =
            Address::of_server("postgres://me:5432@127.0.0.1:1/db").failed(&BadConnection(refused.into()));
        assert_eq!(said, format!("cannot open `postgres://me@127.0.0.1:1/db`: {refused}"));
    }

    #[test]
    fn what_a_pool_says_has_no_password() {
        for (said, shown) in [
            (
                "could not translate host name \"host\" to address",
                "could not translate host name \"host\" to address",
            ),
            (
                "could not translate host name \"s3cret@host\" to address",
                "could not translate host name \"…\" to address",
            ),
            (
                "missing \"=\" after \"s3cret\" in connection info string",
                "missing \"…\" after \"…\" in connection info string",
            ),
            ("in URI: \"postgres://me:s3cret@[::1\"", "in URI: \"…\""),
            ("bad postgres://me:s3cret@[::1 there", "bad postgres://… there"),
            ("bad password = s3cret there", "bad password=…"),
        ] {
            assert_eq!(without_secrets(said), shown);
        }
    }
}
