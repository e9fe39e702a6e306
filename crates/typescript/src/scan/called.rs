//! What calls tell of the source of their values: requests, sessions, clocks, results.

use oxc_ast::ast::{CallExpression, Expression, NewExpression};
use pgsteward_model::code::Source;

use super::reader::Reader;
use super::sources::Found;
use super::syntax::{Code, as_call, as_member, bare, span};

/// Functions that hand on what they are given in another form.
const CONVERTS: [&str; 14] = [
    "Number",
    "String",
    "parseInt",
    "parseFloat",
    "Boolean",
    "BigInt",
    "decodeURIComponent",
    "encodeURIComponent",
    "Date",
    "toDate",
    "Decimal",
    "structuredClone",
    "isNaN",
    "trim",
];

/// Methods of strings, numbers, dates, lists and maps.
const VALUE_METHODS: [&str; 24] = [
    "toLowerCase",
    "toUpperCase",
    "trim",
    "toString",
    "toISOString",
    "getTime",
    "split",
    "join",
    "slice",
    "map",
    "filter",
    "flatMap",
    "concat",
    "replace",
    "replaceAll",
    "substring",
    "at",
    "get",
    "keys",
    "values",
    "flat",
    "pop",
    "shift",
    "find",
];

impl<'a> Reader<'_, 'a> {
    pub(super) fn find_new(&mut self, new: &'a NewExpression<'a>, depth: u32, found: &mut Found) {
        let name = self.cut(span(&new.callee), 40);
        if name == "Date" && new.arguments.is_empty() {
            return found.add(Source::Time);
        }
        for one in &new.arguments {
            if let Some(one) = one.as_expression() {
                self.find(one, &[], depth, found);
            }
        }
        if new.arguments.is_empty() {
            found.add(Source::Constant);
        }
    }

    pub(super) fn find_call(
        &mut self,
        call: &'a CallExpression<'a>,
        path: &[super::syntax::Name<'a>],
        depth: u32,
        found: &mut Found,
    ) {
        if let Some(of) = self.calls.get(&call.node_id()) {
            return found
                .add(Source::Result { call: *of, path: path.iter().map(ToString::to_string).collect() });
        }
        let text = self.cut(span(&call.callee), 80);
        let last = text.rsplit(['.', '?']).next().unwrap_or(&text);
        if let Some(source) = called(&text, last, call.arguments.is_empty()) {
            return found.add(source);
        }
        let arguments = |reader: &mut Reader<'_, 'a>, found: &mut Found| {
            for one in &call.arguments {
                if let Some(one) = one.as_expression()
                    && Code::of_expression(one).is_none()
                {
                    reader.find(one, &[], depth, found);
                }
            }
        };
        if let Some(member) = as_member(&call.callee) {
            let name = member.name.unwrap_or("");
            // `schema.parse(input)`, `schema.safeParse(input).data`, `z.object({ … }).parse(…)`
            if matches!(
                name,
                "parse" | "safeParse" | "parseAsync" | "safeParseAsync" | "validate" | "validateSync"
            ) {
                arguments(self, found);
                return;
            }
            if matches!(bare(member.object), Expression::Identifier(of) if matches!(of.name.as_str(), "Math" | "Number" | "Object" | "Array" | "JSON" | "Promise" | "Buffer" | "String"))
            {
                if call.arguments.is_empty() {
                    found.add(Source::Constant);
                }
                return arguments(self, found);
            }
            // A function of a module or of the file is what it is; a method of a value speaks of the value.
            let origin = self.origin(member.object);
            let of_value = !matches!(
                origin,
                crate::unit::Origin::Import(_) | crate::unit::Origin::This(_) | crate::unit::Origin::Class(_)
            );
            let service = matches!(&origin, crate::unit::Origin::Member(of, _) if matches!(**of, crate::unit::Origin::This(_)));
            if of_value
                && !service
                && (!self.invocations.contains_key(&call.node_id()) || VALUE_METHODS.contains(&name))
            {
                if let Some(source) = self.by_name(&call.callee) {
                    return found.add(source);
                }
                // `rows.map((row) => row.id)` is made of what the callback returns.
                if matches!(name, "map" | "flatMap")
                    && let Some(made) = super::syntax::argument(&call.arguments, 0)
                        .and_then(Code::of_expression)
                        .and_then(Code::expression)
                {
                    return self.find(made, path, depth, found);
                }
                self.find(member.object, path, depth, found);
                // How much of it is taken says nothing of what it is made of.
                if matches!(name, "slice" | "substring" | "substr" | "at") {
                    return;
                }
                return arguments(self, found);
            }
        } else if CONVERTS.contains(&text.as_str()) {
            return arguments(self, found);
        }
        found.add(Source::Function { name: text });
    }
}

/// What the name of a function tells of what it returns.
fn called(text: &str, last: &str, no_arguments: bool) -> Option<Source> {
    let lower = last.to_ascii_lowercase();
    if matches!(text, "Date.now" | "performance.now") || (text == "Date" && no_arguments) {
        return Some(Source::Time);
    }
    if text == "Math.random"
        || matches!(
            last,
            "randomUUID" | "nanoid" | "cuid" | "createId" | "uuid" | "uuidv4" | "v4" | "randomBytes" | "ulid"
        )
    {
        return Some(Source::Random);
    }
    let root = text.split('.').next().unwrap_or("").to_ascii_lowercase();
    if matches!(root.as_str(), "req" | "request" | "c" | "event")
        && matches!(
            last,
            "json" | "text" | "formData" | "param" | "query" | "header" | "valid" | "parseBody" | "get"
        )
    {
        return Some(Source::Request);
    }
    if matches!(
        lower.as_str(),
        "useparams" | "usesearchparams" | "readbody" | "getquery" | "getrouterparam" | "getvalidatedquery"
    ) {
        return Some(Source::Request);
    }
    if matches!(last, "cookies" | "headers") && no_arguments && text == last {
        return Some(Source::Request);
    }
    let session = matches!(
        lower.as_str(),
        "auth" | "currentuser" | "getauth" | "getuser" | "requireuser" | "requireauth"
    ) || holds(&lower, "session") && !holds(&lower, "sessions")
        || holds(&lower, "viewer")
        || holds(&lower, "currentuser");
    session.then_some(Source::Session)
}

/// As `contains`, which prepares a search that names are too short for.
fn holds(name: &str, word: &str) -> bool {
    let (name, word) = (name.as_bytes(), word.as_bytes());
    name.len() >= word.len() && name.windows(word.len()).any(|part| part[0] == word[0] && part == word)
}

/// In whatever case.
pub(super) fn session_name(name: &str) -> bool {
    const NAMES: [&str; 7] =
        ["session", "viewer", "currentuser", "authuser", "loggedinuser", "auth", "sessionuser"];
    (4..=12).contains(&name.len()) && NAMES.iter().any(|one| one.eq_ignore_ascii_case(name))
}

/// `Promise.all([a, b])`, `prisma.$transaction([a, b])`, `[a, b]`: an element.
pub(super) fn element_of<'a>(list: &'a Expression<'a>, index: usize) -> Option<&'a Expression<'a>> {
    let inner = super::syntax::settled(list);
    if let Some(call) = as_call(inner) {
        let member = as_member(&call.callee)?;
        if !matches!(member.name, Some("all" | "allSettled" | "$transaction")) {
            return None;
        }
        let first = super::syntax::argument(&call.arguments, 0)?;
        return match bare(first) {
            Expression::ArrayExpression(list) => list.elements.get(index)?.as_expression(),
            _ => None,
        };
    }
    match inner {
        Expression::ArrayExpression(list) => list.elements.get(index)?.as_expression(),
        _ => None,
    }
}
