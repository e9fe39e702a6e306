//! Calls of Prisma Client to the statements that Prisma 7 sends, and to the work it does in memory.
//!
//! [`lower`] takes one call with the schema and gives its statements, as text with numbered parameters and as facts on
//! how each table is met. It follows Prisma's query compiler (prisma-engines, `query-compiler`) construct by construct;
//! `bench/lowering.py` holds it against that compiler. It reads no file, asks no server and guesses nothing: what the
//! call does not say is refused with a reason.
//!
//! [`lower_raw`] does what it can for SQL that the code writes itself.
//!
//! A statement for values that a list brings (`IN ($1)`) has one parameter for the list. Where Prisma decides by the
//! rows of an earlier statement which way to go, the statements of both ways are given, first those of "there is one".

mod aggregate;
mod argument;
mod column;
mod condition;
mod cursor;
mod data;
mod emulate;
mod filter;
mod find;
mod include;
mod insert;
mod join;
mod json;
mod lateral;
mod nested;
mod nested_children;
mod order;
mod page;
mod plan;
mod raw;
mod read;
mod record;
mod scalar;
mod select;
mod sql;
mod test;
mod update;
mod world;
mod write;

use pgsteward_model::code::{Call, Lowered, Node, Operation, Variant};
use pgsteward_model::prisma::PrismaSchema;

pub use raw::lower_raw;

use argument::Argument;
use plan::Plan;
use world::World;

/// What the client's configuration changes about its statements, which are those of version 7 whatever the version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientFeatures {
    /// Names of preview features: `relationJoins`, `nativeDistinct`, `strictUndefinedChecks`.
    pub preview_features: Vec<String>,
}

impl ClientFeatures {
    /// The preview features that the schema's generators name.
    pub fn of_schema(schema: &PrismaSchema) -> ClientFeatures {
        let clients = schema.generators.iter().filter(|generator| {
            generator.provider.as_deref().is_some_and(|provider| provider.starts_with("prisma-client"))
        });
        ClientFeatures {
            preview_features: clients.flat_map(|generator| generator.preview_features.clone()).collect(),
        }
    }

    pub fn has(&self, feature: &str) -> bool {
        self.preview_features.iter().any(|one| one == feature)
    }
}

/// Why something is not understood: short, the same words for the same cause.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal(String);

type Outcome<T> = Result<T, Refusal>;

fn refuse(reason: impl Into<String>) -> Refusal {
    Refusal(reason.into())
}

/// The statements of a call, one variant for each shape that its arguments may take.
pub fn lower(call: &Call, schema: &PrismaSchema, client: &ClientFeatures) -> Lowered {
    Lowerer::new(schema, client.clone()).lower(call)
}

/// A schema that many calls are lowered with.
pub struct Lowerer<'a> {
    world: World<'a>,
}

impl<'a> Lowerer<'a> {
    pub fn new(schema: &'a PrismaSchema, client: ClientFeatures) -> Lowerer<'a> {
        Lowerer { world: World::new(schema, client) }
    }

    pub fn lower(&self, call: &Call) -> Lowered {
        self.lower_operation(&call.model, call.operation, &call.argument)
    }

    /// The same for what a call consists of.
    pub fn lower_operation(&self, model: &str, operation: Operation, argument: &Node) -> Lowered {
        match self.variants(model, operation, argument) {
            Ok(variants) => Lowered::Understood(variants),
            Err(Refusal(reason)) => Lowered::NotUnderstood { reason },
        }
    }

    fn variants(&self, model: &str, operation: Operation, argument: &Node) -> Outcome<Vec<Variant>> {
        let model = self.world.model(model)?;
        let mut variants: Vec<Variant> = Vec::new();
        for argument in argument::shapes(argument, &|name| self.world.json_alone(name))? {
            let argument = match argument {
                Argument::Object(_) => argument,
                other => {
                    other.known("the argument")?;
                    other
                }
            };
            let plan = Plan::new(&self.world);
            match operation {
                Operation::FindUnique
                | Operation::FindUniqueOrThrow
                | Operation::FindFirst
                | Operation::FindFirstOrThrow
                | Operation::FindMany => find::lower(&plan, model, operation, &argument)?,
                Operation::Count | Operation::Aggregate | Operation::GroupBy => {
                    aggregate::lower(&plan, model, operation, &argument)?;
                }
                _ => write::lower(&plan, model, operation, &argument)?,
            }
            let variant = plan.finish();
            if !variants.contains(&variant) {
                variants.push(variant);
            }
        }
        Ok(variants)
    }
}
