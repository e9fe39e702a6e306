//! A Prisma client, and so a pool of connections, for each request.

use pgsteward_model::code::{Client, FunctionRole};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "client-per-request",
    group: Group::Code,
    severity: Severity::Error,
    needs: &[Need::Code],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("client_per_request.md"),
    check,
};

const OFTEN: [FunctionRole; 4] = [
    FunctionRole::RequestHandler,
    FunctionRole::Webhook,
    FunctionRole::FieldResolver,
    FunctionRole::Component,
];

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    flow.code
        .clients
        .iter()
        .filter(|client| flow.code.serves(&client.site) && !client.once)
        .filter_map(|client| judge(&flow, client))
        .collect()
}

fn judge(flow: &Flow, client: &Client) -> Option<Finding> {
    let function = flow.function(&client.site);
    let direct = OFTEN.contains(&function.role);
    let led_to = flow.has_role(&flow.entries(client.site.function), &OFTEN);
    if !direct && !led_to {
        return None;
    }
    let closed = flow.text_of(client.site.function).contains(".$disconnect(");
    let severity = if closed { Severity::Info } else { RULE.severity };
    let message = format!("\"{}\" makes a Prisma client each time it runs", function.name);
    Some(
        Finding::in_code(&RULE, shared::place(flow.facts, &client.site.at), &function.name, "new", 0, message)
            .severity(severity)
            .detail(
                "Each client opens a pool of its own and keeps it until its idle timeout: a hundred requests are up to a \
                 thousand connections, and PostgreSQL refuses the rest with \"too many clients already\".",
            )
            .hint("make one client in a module of its own and import it"),
    )
}
