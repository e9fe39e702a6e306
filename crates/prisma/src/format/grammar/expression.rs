//! Arguments and values, read into their canonical spelling.

use super::Reader;

impl<'a> Reader<'a> {
    /// `(…)`: arguments parted by `, `, a comma at the end dropped.
    pub(super) fn arguments(&mut self) -> Option<String> {
        self.literal("(")?;
        let list = self.list(Self::argument);
        self.next_literal(",");
        self.next_literal(")")?;
        Some(format!("({})", list.join(", ")))
    }

    /// Elements parted by commas; the place is after the last element.
    fn list(&mut self, element: fn(&mut Self) -> Option<String>) -> Vec<String> {
        let mut list = Vec::new();
        let first = self.attempt(|reader| {
            reader.blanks();
            element(reader)
        });
        list.extend(first);
        while !list.is_empty() {
            let next = self.attempt(|reader| {
                reader.next_literal(",")?;
                reader.blanks();
                element(reader)
            });
            match next {
                Some(next) => list.push(next),
                None => break,
            }
        }
        list
    }

    fn argument(&mut self) -> Option<String> {
        let named = self.attempt(|reader| {
            let name = reader.identifier()?;
            reader.next_literal(":")?;
            let value = reader.attempt(|reader| {
                reader.blanks();
                reader.expression()
            });
            Some(format!("{name}: {}", value.unwrap_or_default()))
        });
        named.or_else(|| self.expression())
    }

    pub(super) fn expression(&mut self) -> Option<String> {
        let call = self.attempt(|reader| {
            let name = reader.path()?;
            reader.blanks();
            Some(format!("{name}{}", reader.arguments()?))
        });
        call.or_else(|| self.attempt(Self::array))
            .or_else(|| self.attempt(Self::object))
            .or_else(|| self.attempt(Self::number))
            .or_else(|| self.attempt(|reader| reader.string().map(str::to_owned)))
            .or_else(|| self.path().map(str::to_owned))
    }

    fn array(&mut self) -> Option<String> {
        self.literal("[")?;
        let list = self.list(Self::expression);
        self.next_literal("]")?;
        Some(format!("[{}]", list.join(", ")))
    }

    fn object(&mut self) -> Option<String> {
        self.literal("{")?;
        let list = self.list(Self::member);
        self.next_literal("}")?;
        Some(if list.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", list.join(", ")) })
    }

    fn member(&mut self) -> Option<String> {
        let name = self.identifier()?;
        self.next_literal(":")?;
        self.blanks();
        Some(format!("{name}: {}", self.expression()?))
    }

    fn number(&mut self) -> Option<String> {
        let start = self.at;
        self.literal("-");
        self.digits()?;
        self.attempt(|reader| {
            reader.literal(".")?;
            reader.digits()
        });
        Some(self.since(start).to_owned())
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        self.at += length;
        (length > 0).then_some(())
    }

    /// A string with its quotes, as written.
    pub(super) fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.attempt(|reader| {
            reader.literal("\"")?;
            loop {
                match reader.rest().chars().next()? {
                    '"' => break,
                    '\\' => {
                        reader.at += 1;
                        reader.at += reader.rest().chars().next()?.len_utf8();
                    }
                    control if control < '\u{20}' => return None,
                    other => reader.at += other.len_utf8(),
                }
            }
            reader.literal("\"")
        })?;
        Some(self.since(start))
    }
}
