//! Units for keeping: each place names its file, and all places of a unit name the same one.

use std::sync::Arc;

use pgsteward_model::code::Site;
use pgsteward_model::prisma::At;

use crate::unit::{Unit, Usage, Use};

impl Unit {
    /// Shows the unit without the file in its places: smaller to write and faster to read.
    pub fn packed<T>(&mut self, write: impl FnOnce(&Unit) -> T) -> T {
        self.name_file(&Arc::from(""));
        let written = write(self);
        let file = self.file.clone();
        self.name_file(&file);
        written
    }

    /// The unit that [`Unit::packed`] was made of.
    #[must_use]
    pub fn unpacked(mut self) -> Unit {
        let file = self.file.clone();
        self.name_file(&file);
        self
    }

    fn name_file(&mut self, file: &Arc<str>) {
        let name = |at: &mut At| at.file = file.clone();
        let site = |site: &mut Site| name(&mut site.at);
        let usage = |usage: &mut Usage| {
            for one in &mut usage.uses {
                if let Use::Response { at, .. } = one {
                    name(at);
                }
            }
        };
        for function in &mut self.functions {
            name(&mut function.at);
            function.taken.iter_mut().for_each(usage);
        }
        self.classes.iter_mut().for_each(|one| name(&mut one.at));
        for call in &mut self.calls {
            site(&mut call.site);
            name(&mut call.name_at);
            usage(&mut call.usage);
        }
        for raw in &mut self.raw {
            site(&mut raw.site);
            usage(&mut raw.usage);
        }
        self.transactions.iter_mut().for_each(|one| site(&mut one.site));
        for invocation in &mut self.invocations {
            site(&mut invocation.site);
            usage(&mut invocation.usage);
        }
        self.effects.iter_mut().for_each(|one| site(&mut one.site));
        self.loops.iter_mut().for_each(|one| name(&mut one.at));
        self.tries.iter_mut().for_each(|one| name(&mut one.at));
        self.clients.iter_mut().for_each(|one| site(&mut one.site));
        self.validations.iter_mut().for_each(|one| name(&mut one.at));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn packing_is_undone_by_unpacking() {
        let text = "import { z } from 'zod'\nimport { PrismaClient } from '@prisma/client'\n\
                    const prisma = new PrismaClient()\nclass A { m() {} }\nconst s = z.object({ a: z.string().email() })\n\
                    export async function f(req, res) {\n  try {\n    for (const id of req.body) {\n\
                    await prisma.$transaction(async (tx) => { await tx.user.findMany() })\n      await fetch('x')\n    }\n\
                    res.json(await prisma.user.findMany())\n    await prisma.$queryRaw`SELECT 1`\n  } catch {}\n  g()\n}\n\
                    function g() { return f(1, 2) }\n";
        let mut unit = crate::scan("src/a.ts", text);
        assert!(!unit.calls.is_empty() && !unit.invocations.is_empty() && !unit.raw.is_empty());
        let before = unit.clone();
        let packed = unit.packed(Clone::clone);
        assert_eq!(unit, before);
        assert_ne!(packed, unit);
        assert!(!format!("{packed:?}").replacen("src/a.ts", "", 1).contains("src/a.ts"), "{packed:?}");
        assert_eq!(packed.unpacked(), unit);
    }
}
