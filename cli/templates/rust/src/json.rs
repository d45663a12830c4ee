//! JSON values, as much as a handler needs. Volley sends valid JSON, at most 64 levels deep.

use std::fmt;

#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    /// As it was written, so that no digit is lost.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Returns nothing if the text is not one JSON value.
    pub fn parse(text: &str) -> Option<Json> {
        let mut reader = Reader { rest: text };
        let value = reader.value()?;
        reader.skip_space();
        reader.rest.is_empty().then_some(value)
    }

    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
        Json::Object(
            members
                .into_iter()
                .map(|(name, value)| (name.to_string(), value))
                .collect(),
        )
    }

    pub fn text(text: &str) -> Json {
        Json::Text(text.to_string())
    }

    /// Returns a member of an object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Returns a whole number, also one that is written as 9.0 or 9e0.
    pub fn as_i64(&self) -> Option<i64> {
        let Json::Number(digits) = self else {
            return None;
        };
        digits.parse().ok().or_else(|| {
            let number: f64 = digits.parse().ok()?;
            (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
        })
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self) -> Option<Json> {
        if self.take("null") {
            Some(Json::Null)
        } else if self.take("true") {
            Some(Json::Bool(true))
        } else if self.take("false") {
            Some(Json::Bool(false))
        } else if self.take("[") {
            self.members("]", Self::value).map(Json::List)
        } else if self.take("{") {
            self.members("}", Self::member).map(Json::Object)
        } else if self.take("\"") {
            self.text().map(Json::Text)
        } else {
            self.number()
        }
    }

    /// The members of a list or an object, up to its closing bracket.
    fn members<T>(&mut self, close: &str, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let mut all = Vec::new();
        if self.take(close) {
            return Some(all);
        }
        loop {
            all.push(read(self)?);
            if self.take(close) {
                return Some(all);
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn member(&mut self) -> Option<(String, Json)> {
        if !self.take("\"") {
            return None;
        }
        let name = self.text()?;
        if !self.take(":") {
            return None;
        }
        Some((name, self.value()?))
    }

    fn number(&mut self) -> Option<Json> {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)))
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        digits
            .parse::<f64>()
            .ok()
            .map(|_| Json::Number(digits.to_string()))
    }

    /// What follows an opening quotation mark, up to the closing one.
    fn text(&mut self) -> Option<String> {
        let mut out = String::new();
        loop {
            let end = self.rest.find(['"', '\\'])?;
            out.push_str(&self.rest[..end]);
            let found = self.rest.as_bytes()[end];
            self.rest = &self.rest[end + 1..];
            if found == b'"' {
                return Some(out);
            }
            let escape = self.rest.chars().next()?;
            self.rest = &self.rest[escape.len_utf8()..];
            out.push(match escape {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => self.code_point()?,
                other => other,
            });
        }
    }

    fn code_point(&mut self) -> Option<char> {
        let high = self.hex()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let low = self.hex()?.checked_sub(0xdc00)?;
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4)?;
        self.rest = &self.rest[4..];
        u32::from_str_radix(digits, 16).ok()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(digits) => f.write_str(digits),
            Json::Text(text) => write_text(f, text),
            Json::List(all) => {
                f.write_str("[")?;
                for (n, value) in all.iter().enumerate() {
                    write!(f, "{}{value}", if n == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Json::Object(all) => {
                f.write_str("{")?;
                for (n, (name, value)) in all.iter().enumerate() {
                    f.write_str(if n == 0 { "" } else { "," })?;
                    write_text(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_text(f: &mut fmt::Formatter, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c < ' ' => write!(f, "\\u{:04x}", c as u32)?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_it_was_read() {
        let text = r#"{"a":[1.50,-2e3,null,true,false,{}],"b":"\"\\\u0001é🌍"}"#;
        assert_eq!(Json::parse(text).unwrap().to_string(), text);
        assert_eq!(
            Json::parse(r#" [ "\u00e9\ud83c\udf0d\n\/" ] "#),
            Some(Json::List(vec![Json::text("é🌍\n/")]))
        );
        assert_eq!(Json::parse("9.0").unwrap().as_i64(), Some(9));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in ["", "{", "[1,]", "{\"a\"}", "\"", "1 2", "nul", "\"\\u12\""] {
            assert_eq!(Json::parse(text), None, "{text}");
        }
    }
}
