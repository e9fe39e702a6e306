//! What functions are for, by the conventions of frameworks.

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Decorator, Expression, NewExpression};
use pgsteward_model::code::FunctionRole;
use pgsteward_model::source::Span;

use super::functions::Named;
use super::reader::Reader;
use super::syntax::{Code, argument, as_call, as_member, bare, key_name, span};

const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "all", "options", "head"];

/// A function that is given to a framework as an argument: routes, workers, timers, tasks.
pub(super) fn registered<'a>(
    reader: &Reader<'_, 'a>,
    code: Code<'a>,
    call: &'a CallExpression<'a>,
    child: Span,
) -> Option<Named> {
    let first_text = || match argument(&call.arguments, 0).map(bare) {
        Some(Expression::StringLiteral(text)) => Some(text.value.to_string()),
        Some(Expression::TemplateLiteral(text)) => Some(reader.cut(span(&**text), 80).replace('`', "")),
        _ => None,
    };
    if let Some(member) = as_member(&call.callee) {
        let name = member.name?;
        let receiver = reader.cut(span(member.object), 60).to_ascii_lowercase();
        if METHODS.contains(&name)
            && let Some(path) = first_text()
            && (path.is_empty()
                || path.starts_with(['/', '*'])
                || begins_with_value(call) && (value_is_folder(call) || takes_routes(&receiver)))
            && !["axios", "fetch", "client", "http", "ky", "got", "api"].contains(&receiver.as_str())
        {
            let upper = if name == "all" { "ALL".into() } else { name.to_ascii_uppercase() };
            return Some(handler(reader, code.span(), format!("{upper} {path}"), &path));
        }
        // `router.route('/x').get(handler)`
        if METHODS.contains(&name)
            && let Some(route) = as_call(member.object)
            && as_member(&route.callee).is_some_and(|member| member.name == Some("route"))
            && let Some(Expression::StringLiteral(path)) = argument(&route.arguments, 0).map(bare)
        {
            let name = format!("{} {}", name.to_ascii_uppercase(), path.value);
            return Some(handler(reader, code.span(), name, &path.value));
        }
        let job = match name {
            "schedule" if receiver.contains("cron") || receiver.contains("schedul") => true,
            "scheduleJob" | "createFunction" | "addJob" | "defineJob" => true,
            "process" if receiver.contains("queue") => true,
            "define" if receiver.contains("agenda") => true,
            "work" if receiver.contains("boss") => true,
            _ => false,
        };
        if job {
            let name = first_text().unwrap_or_else(|| name.to_string());
            return Some(named(format!("job {name}"), FunctionRole::Job));
        }
        // `app.use('/x', (req, res) => …)`
        if name == "use"
            && code.parameters().items.len() >= 2
            && (receiver == "app" || receiver.contains("router"))
        {
            let path = first_text().unwrap_or_default();
            return Some(named(format!("USE {path}").trim().to_string(), FunctionRole::RequestHandler));
        }
    }
    let _ = child;
    None
}

/// The template of `` cache.get(`${id}:profile`, load) `` and of `` router.get(`${base}/posts`, list) ``.
fn begins_with_value(call: &CallExpression) -> bool {
    matches!(
        argument(&call.arguments, 0).map(bare),
        Some(Expression::TemplateLiteral(text))
            if !text.expressions.is_empty() && text.quasis.first().is_some_and(|first| first.value.raw.is_empty())
    )
}

/// A slash right behind the first value of a template: a cache's keys rather have a colon there.
fn value_is_folder(call: &CallExpression) -> bool {
    matches!(
        argument(&call.arguments, 0).map(bare),
        Some(Expression::TemplateLiteral(text))
            if text.quasis.get(1).is_some_and(|second| second.value.raw.starts_with('/'))
    )
}

fn takes_routes(receiver: &str) -> bool {
    let last = receiver.rsplit('.').next().unwrap_or(receiver);
    receiver.contains("router")
        || matches!(last, "app" | "server" | "fastify" | "express" | "hono" | "route" | "routes")
}

/// `new Worker('mail', async (job) => …)`, `new CronJob('* * *', () => …)`
pub(super) fn registered_worker<'a>(reader: &Reader<'_, 'a>, new: &'a NewExpression<'a>) -> Option<Named> {
    let class = reader.cut(span(&new.callee), 40);
    if !matches!(
        class.rsplit('.').next().unwrap_or(&class),
        "Worker" | "CronJob" | "Cron" | "SimpleIntervalJob" | "AsyncTask"
    ) {
        return None;
    }
    let name = match argument(&new.arguments, 0).map(bare) {
        Some(Expression::StringLiteral(text)) => text.value.to_string(),
        Some(Expression::Identifier(name)) => name.name.to_string(),
        _ => class,
    };
    Some(named(format!("job {name}"), FunctionRole::Job))
}

/// A function in an object of options: `fastify.route({ handler })`, `task({ run })`.
pub(super) fn registered_by_options<'a>(
    reader: &Reader<'_, 'a>,
    call: &'a CallExpression<'a>,
    property: &str,
) -> Option<Named> {
    let callee = reader.cut(span(&call.callee), 80);
    let last = callee.rsplit('.').next().unwrap_or(&callee);
    let option = |wanted: &str| {
        call.arguments.iter().filter_map(|one| one.as_expression()).find_map(|one| {
            let Expression::ObjectExpression(object) = bare(one) else { return None };
            object.properties.iter().filter_map(|property| property.as_property()).find_map(|property| {
                if key_name(&property.key).as_deref() != Some(wanted) {
                    return None;
                }
                match bare(&property.value) {
                    Expression::StringLiteral(text) => Some(text.value.to_string()),
                    _ => None,
                }
            })
        })
    };
    match (last, property) {
        ("route", "handler") => {
            let path = option("url").or_else(|| option("path")).unwrap_or_default();
            let method = option("method").unwrap_or_else(|| "ALL".into());
            Some(handler(reader, span(call), format!("{method} {path}"), &path))
        }
        ("task" | "schemaTask", "run") | ("defineJob", "run" | "handler") => {
            let id = option("id").unwrap_or_else(|| last.to_string());
            Some(named(format!("job {id}"), FunctionRole::Job))
        }
        // Pothos and nexus: `builder.queryField('me', (t) => …)`, `t.field('posts', { resolve })`.
        (_, "resolve") => {
            let field = match argument(&call.arguments, 0).map(bare) {
                Some(Expression::StringLiteral(text)) => text.value.to_string(),
                _ => last.to_string(),
            };
            // Fields of the root types are asked for once, whatever calls build them.
            let root = |text: &str| {
                let text = text.to_ascii_lowercase();
                ["query", "mutation", "subscription"].iter().any(|word| text.contains(word))
            };
            let top = root(&callee)
                || reader.nodes.ancestor_kinds(call.node_id()).any(|kind| match kind {
                    AstKind::CallExpression(outer) => root(&reader.cut(span(&outer.callee), 80)),
                    _ => false,
                });
            let role = if top { FunctionRole::RequestHandler } else { FunctionRole::FieldResolver };
            let graphql = top || matches!(last, "field" | "list" | "connection" | "prismaField" | "loadable");
            graphql.then(|| named(format!("{field}.resolve"), role))
        }
        _ => None,
    }
}

fn handler(reader: &Reader, code: Span, name: String, path: &str) -> Named {
    let role = match receives_events(&path.to_ascii_lowercase(), reader.head(code)) {
        true => FunctionRole::Webhook,
        false => FunctionRole::RequestHandler,
    };
    named(name, role)
}

/// A path that another service calls, or a body that checks another service's signature. `/:vendorId/webhooks` lets
/// users manage theirs.
fn receives_events(path: &str, body: &str) -> bool {
    let managed = path.split('/').any(|part| matches!(part, "webhooks" | "webhook-endpoints"))
        && path
            .split('/')
            .any(|part| part.starts_with(':') || part.starts_with('[') || part.starts_with('$'));
    let signed = ["constructEvent", "-signature", "verifySignature", "verifyWebhook", "svix"]
        .iter()
        .any(|word| body.contains(word));
    signed || (path.contains("webhook") && !managed)
}

fn named(name: String, role: FunctionRole) -> Named {
    Named { name, method: None, class: None, role, given_away: true }
}

/// The role of a function that has a name.
pub(super) fn function_role<'a>(
    reader: &Reader<'_, 'a>,
    code: Code<'a>,
    named: &Named,
    parent: usize,
) -> FunctionRole {
    if named.role != FunctionRole::Plain {
        return named.role;
    }
    let path = reader.file.to_ascii_lowercase();
    let file = path.rsplit('/').next().unwrap_or(&path);
    let stem = file.split('.').next().unwrap_or(file);
    let name = named.name.as_str();
    let request = || match receives_events(&path, reader.head(code.span())) {
        true => FunctionRole::Webhook,
        false => FunctionRole::RequestHandler,
    };
    if parent == 0 && named.class.is_none() {
        if stem == "route" && matches!(name, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS")
        {
            return request();
        }
        if path.contains("pages/api/") || path.starts_with("api/") && name == "default" {
            return request();
        }
        if matches!(name, "getServerSideProps" | "getStaticProps" | "getInitialProps") {
            return FunctionRole::RequestHandler;
        }
        let remix = path.contains("/routes/") || path.starts_with("app/routes");
        if matches!(name, "loader" | "action") && remix {
            return request();
        }
        let exported = exported_declaration(reader, code);
        if reader.unit.directive.as_deref() == Some("use server") && exported {
            return FunctionRole::RequestHandler;
        }
    }
    if code.body().is_some_and(|body| body.directives.iter().any(|one| one.directive == "use server")) {
        return FunctionRole::RequestHandler;
    }
    if let Some(role) = decorated(reader, code, named) {
        return role;
    }
    if let Some(role) = resolver(name, named, code) {
        return role;
    }
    if takes_request_and_answer(reader, code) {
        return request();
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    let component_file = file.ends_with(".tsx") || file.ends_with(".jsx");
    if component_file && last.starts_with(|first: char| first.is_ascii_uppercase()) && named.class.is_none() {
        return FunctionRole::Component;
    }
    if component_file && name == "default" && ["page", "layout"].contains(&stem) {
        return FunctionRole::Component;
    }
    FunctionRole::Plain
}

fn exported_declaration<'a>(reader: &Reader<'_, 'a>, code: Code<'a>) -> bool {
    reader.nodes.ancestor_kinds(code.id()).take(5).any(|kind| {
        matches!(
            kind,
            AstKind::ExportDeclaration(_)
                | AstKind::ExportNamedDeclaration(_)
                | AstKind::ExportDefaultDeclaration(_)
        )
    })
}

/// `(req, res) => …`, `(request: FastifyRequest, reply)`, `(c: Context)`
fn takes_request_and_answer<'a>(reader: &Reader<'_, 'a>, code: Code<'a>) -> bool {
    let items = &code.parameters().items;
    let ty = |index: usize| {
        items
            .get(index)
            .and_then(|item| reader.type_text(item.type_annotation.as_deref()))
            .unwrap_or_default()
    };
    let name = |index: usize| {
        items.get(index).and_then(|item| item.pattern.get_identifier_name()).map_or("", |name| name.as_str())
    };
    let answer = ["Response", "NextApiResponse", "FastifyReply", "ServerResponse"];
    let second = ty(1);
    let typed = answer
        .iter()
        .any(|one| second.strip_prefix(one).is_some_and(|rest| rest.is_empty() || rest.starts_with('<')));
    let named =
        matches!(name(0), "req" | "request" | "_req") && matches!(name(1), "res" | "reply" | "response");
    if !typed && !named {
        return false;
    }
    // A helper is handed both and answers its caller. Fastify sends what a handler returns.
    let answers = |name: &str| reader.head(code.span()).contains(&format!("{name}."));
    second.starts_with("FastifyReply") || name(1) == "reply" || name(1).is_empty() || answers(name(1))
}

/// NestJS, type-graphql and the like.
fn decorated<'a>(reader: &Reader<'_, 'a>, code: Code<'a>, named: &Named) -> Option<FunctionRole> {
    let AstKind::MethodDefinition(method) = reader.nodes.parent_kind(code.id()) else { return None };
    let AstKind::Class(class) = reader.nodes.kind(named.class?) else { return None };
    let on_method: Vec<String> = method.decorators.iter().filter_map(decorator_name).collect();
    let on_class: Vec<String> = class.decorators.iter().filter_map(decorator_name).collect();
    let has = |list: &[String], names: &[&str]| list.iter().any(|name| names.contains(&name.as_str()));
    if has(&on_method, &["ResolveField", "FieldResolver", "ResolveProperty"]) {
        return Some(FunctionRole::FieldResolver);
    }
    if has(&on_method, &["Cron", "Interval", "Process", "OnWorkerEvent", "Processor", "OnEvent"])
        || has(&on_class, &["Processor"]) && named.method.as_deref() == Some("process")
    {
        return Some(FunctionRole::Job);
    }
    let routes = [
        "Get",
        "Post",
        "Put",
        "Patch",
        "Delete",
        "All",
        "Head",
        "Options",
        "Sse",
        "MessagePattern",
        "EventPattern",
    ];
    if has(&on_method, &routes) {
        let webhook = named.name.to_ascii_lowercase().contains("webhook")
            || reader.file.to_ascii_lowercase().contains("webhook");
        return Some(if webhook { FunctionRole::Webhook } else { FunctionRole::RequestHandler });
    }
    if has(&on_method, &["Query", "Mutation", "Subscription"]) && !on_class.is_empty() {
        return Some(FunctionRole::RequestHandler);
    }
    None
}

pub(super) fn decorator_name(decorator: &Decorator) -> Option<String> {
    let expression = match as_call(&decorator.expression) {
        Some(call) => bare(&call.callee),
        None => bare(&decorator.expression),
    };
    match expression {
        Expression::Identifier(name) => Some(name.name.to_string()),
        other => as_member(other).and_then(|member| member.name).map(str::to_string),
    }
}

/// `resolvers.Query.posts`, `resolvers.User.posts`
fn resolver<'a>(name: &str, named: &Named, code: Code<'a>) -> Option<FunctionRole> {
    named.method.as_ref()?;
    let parts: Vec<&str> = name.split('.').collect();
    let (first, of) = (parts.first()?, parts.get(parts.len().checked_sub(2)?)?);
    let resolvers = first.to_ascii_lowercase().contains("resolver") || parts.contains(&"resolvers");
    if parts.len() < 2 {
        return None;
    }
    if matches!(*of, "Query" | "Mutation" | "Subscription")
        && (resolvers || code.parameters().items.len() >= 2)
    {
        return Some(FunctionRole::RequestHandler);
    }
    if resolvers && parts.len() >= 3 && of.starts_with(|first: char| first.is_ascii_uppercase()) {
        return Some(FunctionRole::FieldResolver);
    }
    None
}
