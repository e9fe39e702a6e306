//! `EXPLAIN (FORMAT JSON)` read as far as a proof needs it.
//!
//! Source of the names: PostgreSQL, `src/backend/commands/explain.c`.

use pgsteward_model::migration::ServerError;
use pgsteward_model::proof::Run;
use serde_json::Value;

/// One node of a plan, with what lies below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanNode {
    /// `Seq Scan`, `Index Scan`.
    pub kind: String,
    pub namespace: Option<String>,
    pub relation: Option<String>,
    pub index: Option<String>,
    pub cost: f64,
    pub estimated_rows: f64,
    /// Rows of all loops, where the statement ran.
    pub rows: f64,
    /// Read and thrown away, of all loops.
    pub removed: f64,
    /// Pages of 8 kB with those of the nodes below, in memory or not.
    pub buffers: u64,
    pub below: Vec<PlanNode>,
}

impl PlanNode {
    /// The node and all below it.
    pub fn all(&self) -> Vec<&PlanNode> {
        let mut found = vec![self];
        let mut at = 0;
        while at < found.len() {
            let node = found[at];
            found.extend(&node.below);
            at += 1;
        }
        found
    }

    /// Names of the indexes that the plan reads.
    pub fn indexes(&self) -> Vec<&str> {
        self.all().into_iter().filter_map(|node| node.index.as_deref()).collect()
    }

    /// The scan that costs the most, in words: `Seq Scan on "Order"`.
    pub fn main(&self) -> String {
        let scans = self.all().into_iter().filter(|node| node.relation.is_some());
        let heaviest = scans.max_by(|one, other| {
            (one.buffers, one.cost)
                .partial_cmp(&(other.buffers, other.cost))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        let node = heaviest.unwrap_or(self);
        let index =
            node.index.as_deref().or_else(|| node.below.iter().find_map(|node| node.index.as_deref()));
        let index = index.map(|name| format!(" using \"{name}\"")).unwrap_or_default();
        let relation = node.relation.as_deref().map(|name| format!(" on \"{name}\"")).unwrap_or_default();
        format!("{}{index}{relation}", node.kind)
    }

    /// Rows that the statement sends, or that a write reaches.
    pub fn reached(&self) -> f64 {
        match self.below.first() {
            Some(inner) if self.kind == "ModifyTable" => inner.rows,
            _ => self.rows,
        }
    }
}

pub(super) fn plan_of(rows: &[Vec<Option<String>>]) -> Result<PlanNode, ServerError> {
    read_plan(&text(rows)).ok_or_else(|| ServerError {
        message: "the server's plan could not be read".into(),
        ..ServerError::default()
    })
}

/// Reads what the server printed; none where it is no plan.
pub fn read_plan(json: &str) -> Option<PlanNode> {
    let value: Value = serde_json::from_str(json).ok()?;
    Some(node(value.get(0)?.get("Plan")?))
}

pub(super) fn micros_of(rows: &[Vec<Option<String>>]) -> u64 {
    let value: Value = serde_json::from_str(&text(rows)).unwrap_or_default();
    let millis = value.get(0).and_then(|one| one.get("Execution Time")).and_then(Value::as_f64);
    whole(millis.unwrap_or(0.0) * 1000.0)
}

fn text(rows: &[Vec<Option<String>>]) -> String {
    rows.iter().filter_map(|row| row.first().cloned().flatten()).collect::<Vec<_>>().join("\n")
}

fn node(value: &Value) -> PlanNode {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| value.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let loops = value.get("Actual Loops").and_then(Value::as_f64).unwrap_or(1.0);
    let removed = ["Rows Removed by Filter", "Rows Removed by Index Recheck", "Rows Removed by Join Filter"];
    PlanNode {
        kind: text("Node Type").unwrap_or_default(),
        namespace: text("Schema"),
        relation: text("Relation Name"),
        index: text("Index Name"),
        cost: number("Total Cost"),
        estimated_rows: number("Plan Rows"),
        rows: number("Actual Rows") * loops,
        removed: removed.iter().map(|name| number(name)).sum::<f64>() * loops,
        buffers: whole(number("Shared Hit Blocks") + number("Shared Read Blocks")),
        below: value.get("Plans").and_then(Value::as_array).into_iter().flatten().map(node).collect(),
    }
}

pub(super) fn run_of(what: &str, sql: &str, plan: &PlanNode, micros: u64) -> Run {
    let removed = plan.all().iter().map(|node| node.removed).sum();
    Run {
        what: what.to_owned(),
        sql: sql.to_owned(),
        statements: 1,
        rows_fetched: whole(plan.reached()),
        rows_returned: whole(plan.reached()),
        rows_removed: whole(removed),
        buffers: plan.buffers,
        micros,
        plan: plan.main(),
    }
}

fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what a u64 holds exactly"
    )]
    let whole = number.round().clamp(0.0, 9e15) as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::read_plan;

    #[test]
    fn a_plan_names_its_heaviest_scan() {
        let json = r#"[{"Plan": {"Node Type": "Limit", "Actual Rows": 3, "Actual Loops": 1, "Shared Hit Blocks": 12,
            "Plans": [{"Node Type": "Bitmap Heap Scan", "Relation Name": "Order", "Actual Rows": 2, "Actual Loops": 3,
            "Rows Removed by Filter": 5, "Shared Hit Blocks": 10, "Shared Read Blocks": 2,
            "Plans": [{"Node Type": "Bitmap Index Scan", "Index Name": "Order_email_idx"}]}]}, "Execution Time": 1.5}]"#;
        let plan = read_plan(json).unwrap();
        assert_eq!(plan.main(), "Bitmap Heap Scan using \"Order_email_idx\" on \"Order\"");
        assert_eq!(plan.indexes(), ["Order_email_idx"]);
        assert_eq!(plan.below[0].rows, 6.0);
        assert_eq!(plan.below[0].removed, 15.0);
        assert_eq!(plan.below[0].buffers, 12);
        assert!(read_plan("{}").is_none());
    }
}
