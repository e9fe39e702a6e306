//! `db pull` for people.

use pgsteward_model::migrate::pull::PullReport;

use super::duration;

/// What was written, Prisma's warnings, and what the schema cannot say.
pub fn pull_text(report: &PullReport) -> String {
    let models = if report.models == 1 { "1 model".to_owned() } else { format!("{} models", report.models) };
    let mut out = format!(
        "Introspected {models} of {} and wrote {} in {}\n",
        report.database.name,
        report.written.join(", "),
        duration(report.milliseconds)
    );
    if let Some(warnings) = &report.warnings {
        out.push_str(&format!("\n{}\n", warnings.trim_end()));
    }
    let objects = objects_text(report);
    if !objects.is_empty() {
        out.push_str(&format!("\n{objects}"));
    }
    out.push_str("\nRun your generator (`npx prisma generate`) so that the client knows the schema.\n");
    out
}

/// What the schema cannot say, and where it is kept; empty where there is nothing.
pub fn objects_text(report: &PullReport) -> String {
    let mut out = String::new();
    if !report.objects.is_empty() {
        let kept = match &report.objects_file {
            Some(file) => format!("; kept as SQL in {file}"),
            None => String::new(),
        };
        out.push_str(&format!("The Prisma schema cannot say all of this{kept}:\n"));
        for object in &report.objects {
            out.push_str(&format!("  - {object}\n"));
        }
    }
    for (object, why) in &report.left_out {
        out.push_str(&format!("Left out: {object}, because {why}\n"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_schema_cannot() {
        let mut report = PullReport {
            database: pgsteward_model::migrate::DatabaseName { name: "shop".into(), ..Default::default() },
            models: 1,
            enums: 0,
            texts: Vec::new(),
            written: vec!["prisma/schema.prisma".into()],
            warnings: Some("*** WARNING ***\n".into()),
            objects: vec!["function public.f()".into()],
            left_out: vec![("foreign table x".into(), "its rows are elsewhere".into())],
            objects_file: Some("prisma/pgsteward.objects.sql".into()),
            milliseconds: 12.0,
        };
        assert_eq!(
            pull_text(&report),
            "Introspected 1 model of shop and wrote prisma/schema.prisma in 12 ms\n\n*** WARNING ***\n\n\
             The Prisma schema cannot say all of this; kept as SQL in prisma/pgsteward.objects.sql:\n  \
             - function public.f()\nLeft out: foreign table x, because its rows are elsewhere\n\n\
             Run your generator (`npx prisma generate`) so that the client knows the schema.\n"
        );
        report.objects.clear();
        report.left_out.clear();
        assert_eq!(objects_text(&report), "");
    }
}
