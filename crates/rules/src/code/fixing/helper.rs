//! A function of the project that does one thing: it makes one call and returns what that returns. Beside it a sibling
//! can be written that does the same for a list.
//!
//! Read from the text: what is declared in any other way than the few below is no such function.

use std::sync::Arc;

use pgsteward_model::change::TextEdit;
use pgsteward_model::code::{Call, FunctionRole, Invocation, Node, Source, Value};
use pgsteward_model::source::Span;

use super::loop_fix::{line_ends, upper_first};
use crate::code::flow::Flow;
use crate::code::text::{closing, indent_unit, is_path, mentions_word, root};

/// How the function is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `export async function name(…) { … }`
    Function,
    /// `export const name = async (…) => …`
    Constant,
    /// `async name(…) { … }` of a class.
    Method,
}

pub(super) struct Helper<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) text: &'a str,
    pub(super) form: Form,
    pub(super) name: &'a str,
    /// Words before the name: `export`, `private`, `static`.
    modifiers: Vec<&'a str>,
    parameters: Vec<&'a str>,
    /// The parameter that the call's key comes from.
    pub(super) key: usize,
    indent: &'a str,
    /// Behind the declaration.
    end: usize,
    /// `latestPrice`, `this.prices.latest`: as it is called.
    pub(super) callee: &'a str,
}

/// The parameter that a list of keys takes the place of.
struct Listed {
    name: String,
    declared: String,
}

impl<'a> Helper<'a> {
    /// None where the function does more than the call, or is declared in some other way.
    pub(super) fn of(
        flow: &Flow<'a>,
        invocation: &'a Invocation,
        call: &'a Call,
        key: &Node,
    ) -> Option<Helper<'a>> {
        let function = &flow.code.functions[invocation.callee];
        let file = flow.facts.sources.get(&function.at.file)?;
        let text: &str = &file.text;
        let span = function.at.span;
        let line = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let indent = &text[line..line + (text[line..].len() - text[line..].trim_start().len())];
        let declaration = text.get(line + indent.len()..span.end)?;
        let open = declaration.find('(')?;
        let (form, name, modifiers) = head(&declaration[..open])?;
        let inside = closing(&declaration[open..])?;
        let parameters = parts(&declaration[open + 1..open + inside - 1]);
        let before = text.get(line + indent.len() + open + inside..call.site.at.span.start)?;
        let after = text.get(call.site.at.span.end..span.end)?;
        let top = form == Form::Method || indent.is_empty();
        let end = span.end + usize::from(form == Form::Constant && text[span.end..].starts_with(';'));
        let ends = text[end..].trim_start_matches([' ', '\t']);
        let index = parameter_of(key, &parameters)?;
        let callee = text_of_callee(flow, invocation)?;
        let fits = top
            && function.role == FunctionRole::Plain
            && !function.recursive
            && is_all_there_is(form, before, after)
            && (ends.is_empty() || ends.starts_with(['\n', '\r']))
            && parameters.len() == function.parameters.len()
            && invocation.arguments.len() == parameters.len();
        fits.then_some(Helper {
            file: &function.at.file,
            text,
            form,
            name,
            modifiers,
            parameters,
            key: index,
            indent,
            end,
            callee,
        })
    }

    /// What the loop gives for the key, as it is written there.
    pub(super) fn given(&self, flow: &Flow<'a>, invocation: &Invocation) -> Option<&'a str> {
        let argument = &invocation.arguments[self.key];
        let node = match self.pattern() {
            Some(name) => &argument.object().filter(|object| object.properties.len() == 1)?.get(name)?.value,
            None => argument,
        };
        let text = flow.facts.sources.get(&invocation.site.at.file)?.slice(node.span);
        is_path(text).then_some(text)
    }

    fn pattern(&self) -> Option<&'a str> {
        name_in_pattern(self.parameters.get(self.key)?)
    }

    fn listed(&self) -> Option<Listed> {
        let parameter = *self.parameters.get(self.key)?;
        let list = |name: &str| if name.ends_with('s') { format!("{name}List") } else { format!("{name}s") };
        let (name, ty) = match self.pattern() {
            Some(name) => {
                let (_, ty) = parameter.split_once('}')?;
                let ty = ty.trim().strip_prefix(':').map(str::trim);
                let ty = match ty {
                    None => None,
                    Some(ty) if is_path(ty) => Some(format!("{ty}['{name}']")),
                    Some(ty) => {
                        let inner =
                            ty.strip_prefix('{')?.strip_suffix('}')?.trim().trim_end_matches([';', ',']);
                        Some(inner.strip_prefix(name)?.strip_prefix(':')?.trim().to_owned())
                    }
                };
                (name, ty)
            }
            None => match parameter.split_once(':') {
                Some((name, ty)) => (name.trim(), Some(ty.trim().to_owned())),
                None => (parameter, None),
            },
        };
        let simple = |ty: &String| ty.chars().all(|one| one.is_alphanumeric() || "_.[]'\"".contains(one));
        if !is_path(name) || ty.as_ref().is_some_and(|ty| !simple(ty)) {
            return None;
        }
        let list = list(name);
        let others = self.parameters.iter().enumerate().filter(|(index, _)| *index != self.key);
        let taken = others.into_iter().any(|(_, other)| mentions_word(other, &list));
        let declared = ty.map_or(list.clone(), |ty| format!("{list}: {ty}[]"));
        (!taken).then_some(Listed { name: list, declared })
    }

    /// `customersById` beside `customer`, `markReadMany` beside `markRead`: a name that neither file has.
    pub(super) fn sibling_name(&self, key: &str, writes: bool, caller: &str) -> Option<String> {
        let by = format!("By{}", upper_first(key));
        let base = self.name.strip_suffix(by.as_str()).unwrap_or(self.name);
        let base = base.strip_suffix("One").unwrap_or(base);
        let verb = matches!(base, "get" | "find" | "load" | "fetch" | "read");
        let name = match base {
            _ if writes => format!("{base}Many"),
            _ if verb || self.name.ends_with("One") => format!("{base}Many{by}"),
            _ if base.ends_with('y') && !base.ends_with("ay") && !base.ends_with("ey") => {
                format!("{}ies{by}", &base[..base.len() - 1])
            }
            _ if base.ends_with('s') => format!("{base}List{by}"),
            _ => format!("{base}s{by}"),
        };
        (!mentions_word(self.text, &name) && !mentions_word(caller, &name)).then_some(name)
    }

    /// The sibling behind the function: `body` gets the name of the list, and gives its lines.
    pub(super) fn sibling(&self, name: &str, body: impl Fn(&str) -> Option<Vec<String>>) -> Option<TextEdit> {
        let listed = self.listed()?;
        let mut parameters: Vec<&str> = self.parameters.clone();
        parameters[self.key] = &listed.declared;
        let parameters = parameters.join(", ");
        let (_, newline) = line_ends(self.text);
        let (indent, unit) = (self.indent, indent_unit(self.text));
        let modifiers: String = self.modifiers.iter().map(|word| format!("{word} ")).collect();
        let head = match self.form {
            Form::Function => format!("{modifiers}async function {name}({parameters}) {{"),
            Form::Constant => format!("{modifiers}const {name} = async ({parameters}) => {{"),
            Form::Method => format!("{modifiers}async {name}({parameters}) {{"),
        };
        let mut lines = vec![String::new(), String::new(), format!("{indent}{head}")];
        lines.extend(body(&listed.name)?.into_iter().map(|line| format!("{indent}{unit}{line}")));
        let ended = self.form == Form::Constant && self.text[..self.end].ends_with(';');
        lines.push(format!("{indent}}}{}", if ended { ";" } else { "" }));
        Some(TextEdit { span: Span::new(self.end, self.end), text: lines.join(newline) })
    }

    /// The sibling's call, with a list for the key. None where another argument is the turn's own.
    pub(super) fn call(
        &self,
        flow: &Flow,
        invocation: &Invocation,
        sibling: &str,
        list: &str,
        own: &[&str],
    ) -> Option<String> {
        let file = flow.facts.sources.get(&invocation.site.at.file)?;
        let mut arguments = Vec::new();
        for (index, argument) in invocation.arguments.iter().enumerate() {
            let text = file.slice(argument.span);
            let of_turn = own.iter().any(|name| mentions_word(text, name)) || mentions_word(text, "await");
            match index == self.key {
                true => arguments.push(list),
                false if of_turn || text.is_empty() => return None,
                false => arguments.push(text),
            }
        }
        let through = self.callee.rsplit_once('.').map_or(String::new(), |(path, _)| format!("{path}."));
        let stands_still = !own.contains(&root(self.callee));
        stands_still.then(|| format!("{through}{sibling}({})", arguments.join(", ")))
    }
}

/// What stands before the parameters.
fn head(text: &str) -> Option<(Form, &str, Vec<&str>)> {
    const MODIFIERS: [&str; 5] = ["export", "public", "private", "protected", "static"];
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "async").collect();
    let count = words.iter().take_while(|word| MODIFIERS.contains(word)).count();
    let (modifiers, rest) = words.split_at(count);
    let (form, name) = match rest {
        ["function", name] => (Form::Function, *name),
        ["const", name, "="] => (Form::Constant, *name),
        [name] => (Form::Method, *name),
        _ => return None,
    };
    is_path(name).then(|| (form, name, modifiers.to_vec()))
}

/// The text around the call makes it all that the function does: `: Promise<Row> { return await` before it, `}` behind.
fn is_all_there_is(form: Form, before: &str, after: &str) -> bool {
    let before = before.trim_end();
    let before = before.strip_suffix("await").map_or(before, str::trim_end);
    let (returned, before) = match before.strip_suffix("return") {
        Some(rest) => (true, rest.trim_end()),
        None => (false, before),
    };
    let after = after.trim().trim_start_matches(';').trim_start();
    let (block, before) = match before.strip_suffix('{') {
        Some(rest) => (true, rest.trim_end()),
        None => (false, before),
    };
    let (arrow, between) = match before.strip_suffix("=>") {
        Some(rest) => (true, rest.trim()),
        None => (false, before.trim()),
    };
    let whole = if block { after == "}" } else { after.is_empty() && !returned };
    let declared = between.is_empty()
        || between.starts_with(':') && !between.contains([';', '=']) && is_balanced(between);
    whole && declared && arrow == (form == Form::Constant) && (block || arrow)
}

/// `: Promise<{ count: number } | null>` is a type; where a brace is left open a body has begun.
fn is_balanced(ty: &str) -> bool {
    ty.matches('{').count() == ty.matches('}').count()
}

/// The parameter that the key is. `email.toLowerCase()` comes from one, too, and a list of emails is no list of that.
fn parameter_of(key: &Node, parameters: &[&str]) -> Option<usize> {
    let Value::Expression { text, sources, .. } = &key.value else { return None };
    let [Source::Parameter { index }] = sources.as_slice() else { return None };
    let declared = parameters.get(*index)?;
    let name = match name_in_pattern(declared) {
        Some(name) => name,
        None => declared.split(':').next()?.trim_end(),
    };
    (is_path(name) && text == name).then_some(*index)
}

/// `token` of `{ token }: { token: string }`.
fn name_in_pattern(parameter: &str) -> Option<&str> {
    let (names, _) = parameter.strip_prefix('{')?.split_once('}')?;
    Some(names.trim().trim_end_matches(',').trim_end())
}

fn text_of_callee<'a>(flow: &Flow<'a>, invocation: &Invocation) -> Option<&'a str> {
    let at = &invocation.site.at;
    let text = flow.facts.sources.get(&at.file)?.slice(at.span);
    let callee = &text[..text.find('(')?];
    is_path(callee).then_some(callee)
}

/// The parts of a list, brackets looked through.
pub(super) fn parts(list: &str) -> Vec<&str> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, character) in list.char_indices() {
        match character {
            '{' | '(' | '[' | '<' => depth += 1,
            '}' | ')' | ']' | '>' => depth -= 1,
            ',' if depth == 0 => {
                found.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(list[start..].trim());
    found.retain(|part| !part.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_parameters() {
        assert_eq!(head("export async function price"), Some((Form::Function, "price", vec!["export"])));
        assert_eq!(head("const price = async "), Some((Form::Constant, "price", vec![])));
        assert_eq!(
            head("private static async price"),
            Some((Form::Method, "price", vec!["private", "static"]))
        );
        assert_eq!(head("export default async function "), None);
        assert_eq!(head("export const price: Find = async "), None);
        assert_eq!(head("export const price = cache"), None);
    }

    #[test]
    fn a_function_that_only_makes_the_call() {
        assert!(is_all_there_is(Form::Function, ": Promise<Row | null> {\n  return await ", ";\n}"));
        assert!(is_all_there_is(Form::Constant, " =>\n  ", ""));
        assert!(is_all_there_is(Form::Method, " {\n await ", "\n}"));
        assert!(is_all_there_is(Form::Function, ": Promise<{ id: number } | null> {\n  return ", "\n}"));
        assert!(!is_all_there_is(Form::Function, ": void {\n  if (id) {\n    return ", "\n  }\n}"));
        assert!(!is_all_there_is(Form::Function, " {\n  log(id);\n  return ", "\n}"));
        assert!(!is_all_there_is(Form::Function, " {\n  return ", ".name\n}"));
    }

    #[test]
    fn a_key_that_is_the_parameter_itself() {
        let of = |text: &str, index: usize, parameters: &[&str]| {
            let value = Value::Expression {
                text: text.into(),
                sources: vec![Source::Parameter { index }],
                undefined: None,
            };
            parameter_of(&Node { value, ..Node::default() }, parameters)
        };
        assert_eq!(of("id", 1, &["client: Client", "id: number"]), Some(1));
        assert_eq!(of("id", 0, &["id"]), Some(0));
        assert_eq!(of("token", 0, &["{ token }: { token: string }"]), Some(0));
        assert_eq!(of("email.toLowerCase()", 0, &["email: string"]), None);
        assert_eq!(of("`sess_${token}`", 0, &["{ token }: { token: string }"]), None);
        assert_eq!(of("Number(id)", 0, &["id: string"]), None);
        assert_eq!(of("order.customerId", 0, &["order: Order"]), None);
        assert_eq!(of("token", 0, &["{ session: token }: Session"]), None);
        assert_eq!(of("id", 0, &["id = 1"]), None);
    }

    #[test]
    fn parts_of_a_list() {
        assert_eq!(
            parts("a: Map<string, number>, { b }: { b: string; c: [x, y] },"),
            ["a: Map<string, number>", "{ b }: { b: string; c: [x, y] }"]
        );
        assert!(parts(" ").is_empty());
    }
}
