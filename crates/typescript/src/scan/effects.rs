//! What leaves the process and is no database: requests, mails, payments, queues, waits.

use oxc_ast::AstKind;
use oxc_ast::ast::{CallExpression, Expression};
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Effect, EffectKind};

use super::reader::Reader;
use super::syntax::{as_call, as_member, bare, span};
use crate::unit::Origin;

impl<'a> Reader<'_, 'a> {
    pub(super) fn read_effect(&mut self, node: NodeId) {
        let kind = match self.nodes.kind(node) {
            AstKind::CallExpression(call) => self.effect_of(call),
            AstKind::NewExpression(new) => {
                // `await new Promise((resolve) => setTimeout(resolve, 1000))`
                let text = self.head(span(new));
                let waits = text.len() < 300
                    && text.contains("setTimeout(")
                    && matches!(bare(&new.callee), Expression::Identifier(name) if name.name == "Promise")
                    && !is_deadline(text);
                waits.then_some(EffectKind::Sleep)
            }
            _ => None,
        };
        let Some(kind) = kind else { return };
        let (name, text) = match self.nodes.kind(node) {
            AstKind::CallExpression(call) => {
                (self.cut(span(&call.callee), 80), self.head(span(call)).to_ascii_lowercase())
            }
            _ => ("setTimeout".to_string(), String::new()),
        };
        let idempotent =
            ["idempotency", "jobid", "deduplication", "singletonkey"].iter().any(|word| text.contains(word));
        let site = self.site(node);
        self.unit.effects.push(Effect { site, kind, name, idempotent });
    }

    fn effect_of(&self, call: &'a CallExpression<'a>) -> Option<EffectKind> {
        let callee = bare(&call.callee);
        if let Expression::Identifier(identifier) = callee {
            let name = identifier.name.as_str();
            let package = match self.symbol_of(identifier) {
                Some(symbol) => self.package(&self.symbol_origin(symbol), 0)?,
                None => return (name == "fetch").then_some(EffectKind::Request),
            };
            if package.starts_with('.') {
                return None;
            }
            return match name {
                "fetch" | "$fetch" | "axios" | "got" | "ky" | "request" | "ofetch" => {
                    Some(EffectKind::Request)
                }
                "sleep" | "delay" | "setTimeout"
                    if package.contains("timers")
                        || package.contains("delay")
                        || package.contains("sleep") =>
                {
                    Some(EffectKind::Sleep)
                }
                "put" | "del" if package.starts_with("@vercel/blob") => Some(EffectKind::Storage),
                "upload" | "uploadFile" => Some(EffectKind::Storage),
                "sendMail" | "sendEmail" => Some(EffectKind::Mail),
                _ => None,
            };
        }
        let member = as_member(callee)?;
        let name = member.name?;
        let root = root_name(callee).unwrap_or_default();
        let root_is = |name: &str| root.eq_ignore_ascii_case(name);
        let package = self.package(&self.origin(member.object), 0).unwrap_or_default();
        let of = |names: &[&str]| {
            // Their first letters tell nearly all of them apart.
            package.as_bytes().first().is_some_and(|first| {
                names.iter().filter(|one| one.as_bytes()[0] == *first).any(|one| {
                    package.strip_prefix(one).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
            })
        };
        if matches!(
            name,
            "create"
                | "constructor"
                | "on"
                | "once"
                | "webhooks"
                | "constructEvent"
                | "toString"
                | "close"
                | "quit"
        ) && !(package == "stripe" || root_is("stripe"))
        {
            return None;
        }
        if name == "constructEvent" || name == "constructEventAsync" {
            return None;
        }
        if (package == "stripe" || root_is("stripe"))
            || of(&[
                "@paypal/checkout-server-sdk",
                "braintree",
                "square",
                "razorpay",
                "@adyen/api-library",
                "@lemonsqueezy/lemonsqueezy.js",
                "@paddle/paddle-node-sdk",
            ])
        {
            return Some(EffectKind::Payment);
        }
        if of(&["axios", "got", "ky", "undici", "node-fetch", "superagent", "ofetch", "needle"])
            || ["axios", "got", "ky"].into_iter().any(root_is)
        {
            return matches!(name, "get" | "post" | "put" | "patch" | "delete" | "request" | "head" | "json")
                .then_some(EffectKind::Request);
        }
        if matches!(name, "sendMail" | "sendEmail" | "sendMessage")
            && (name != "sendMessage" || of(&["mailgun.js"]))
            || of(&[
                "nodemailer",
                "@sendgrid/mail",
                "resend",
                "postmark",
                "mailgun.js",
                "@aws-sdk/client-ses",
            ]) && matches!(name, "send" | "sendEmail" | "sendMail" | "create" | "sendEmailWithTemplate")
            || root_is("resend") && name == "send"
        {
            return Some(EffectKind::Mail);
        }
        let receiver = || self.cut(span(member.object), 80).to_ascii_lowercase();
        let queue = || {
            receiver().ends_with("queue")
                || of(&["bullmq", "bull", "bee-queue", "pg-boss", "graphile-worker"])
        };
        if matches!(
            name,
            "add" | "addBulk" | "send" | "enqueue" | "publish" | "addJob" | "createJob" | "insert"
        ) && queue()
            || root_is("inngest") && name == "send"
            || of(&["@trigger.dev/sdk"]) && matches!(name, "trigger" | "batchTrigger" | "triggerAndWait")
            || matches!(name, "sendToQueue" | "lpush" | "rpush" | "xadd") && !package.starts_with('.')
            || of(&[
                "kafkajs",
                "amqplib",
                "@aws-sdk/client-sqs",
                "@aws-sdk/client-sns",
                "@google-cloud/pubsub",
            ]) && matches!(name, "send" | "publish" | "sendBatch" | "publishMessage")
        {
            return Some(EffectKind::Queue);
        }
        if of(&["@aws-sdk/client-s3", "@google-cloud/storage", "minio", "@azure/storage-blob", "aws-sdk"])
            && matches!(name, "send" | "upload" | "putObject" | "save" | "deleteObject" | "uploadData")
            || matches!(name, "send" | "upload" | "putObject" | "deleteObject" | "getObject")
                && matches!(receiver().as_str(), "s3" | "s3client" | "this.s3" | "this.s3client")
        {
            return Some(EffectKind::Storage);
        }
        None
    }

    /// The module that a value comes from.
    fn package(&self, origin: &Origin, depth: u32) -> Option<&str> {
        if depth > 8 {
            return None;
        }
        match origin.root() {
            Origin::Import(import) => Some(&self.unit.imports[*import].module),
            Origin::Variable(at) => self.package(&self.unit.variables[*at].origin, depth + 1),
            Origin::This(Some(class)) => {
                let Origin::Member(of, name) = origin else { return None };
                if !matches!(**of, Origin::This(_)) {
                    return self.package(of, depth + 1);
                }
                let field = self.unit.classes[*class].fields.iter().find(|field| field.name == *name)?;
                self.package(&field.origin, depth + 1)
            }
            _ => None,
        }
    }
}

/// `new Promise((_, reject) => setTimeout(() => reject(…), ms))`: nothing but a failure comes of the timer, so nobody waits
/// for it to end.
fn is_deadline(text: &str) -> bool {
    let Some((head, body)) = text.split_once("=>") else { return false };
    let resolve = head
        .rsplit('(')
        .next()
        .and_then(|names| names.split([',', ')', ':']).next())
        .map_or("", |name| name.trim().trim_start_matches("async "));
    let mut words = body.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '$')));
    !resolve.is_empty() && !words.any(|word| word == resolve)
}

fn root_name<'b>(expression: &'b Expression) -> Option<&'b str> {
    let mut node = expression;
    for _ in 0..40 {
        if let Some(member) = as_member(node) {
            // `this.stripe.charges.create`
            if matches!(bare(member.object), Expression::ThisExpression(_)) {
                return member.name;
            }
            node = member.object;
        } else if let Some(call) = as_call(node) {
            node = &call.callee;
        } else {
            break;
        }
    }
    match bare(node) {
        Expression::Identifier(name) => Some(name.name.as_str()),
        _ => None,
    }
}
