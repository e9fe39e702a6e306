//! Which operator classes are the default of their access method for the types that Prisma knows, so that
//! naming one or leaving it out is the same. Source: PostgreSQL documentation, "Built-in Operator Classes"
//! of GIN, GiST, SP-GiST and BRIN.

/// Names that are the default for some type of an access method, by which every other name is another class.
pub(crate) fn is_default(method: &str, name: &str) -> bool {
    match method {
        "gin" => matches!(name, "array_ops" | "jsonb_ops" | "tsvector_ops"),
        "spgist" => {
            matches!(name, "inet_ops" | "text_ops" | "range_ops" | "box_ops" | "quad_point_ops" | "poly_ops")
        }
        "gist" => matches!(
            name,
            "box_ops"
                | "circle_ops"
                | "multirange_ops"
                | "point_ops"
                | "poly_ops"
                | "range_ops"
                | "tsquery_ops"
                | "tsvector_ops"
        ),
        // All of BRIN's minmax classes are defaults but inet's, whose default is inclusion.
        "brin" => {
            (name.ends_with("_minmax_ops") && name != "inet_minmax_ops")
                || matches!(name, "inet_inclusion_ops" | "range_inclusion_ops" | "box_inclusion_ops")
        }
        _ => matches!(
            name,
            "array_ops"
                | "bit_ops"
                | "bool_ops"
                | "bpchar_ops"
                | "bytea_ops"
                | "date_ops"
                | "enum_ops"
                | "float4_ops"
                | "float8_ops"
                | "inet_ops"
                | "int2_ops"
                | "int4_ops"
                | "int8_ops"
                | "interval_ops"
                | "jsonb_ops"
                | "numeric_ops"
                | "oid_ops"
                | "text_ops"
                | "time_ops"
                | "timestamp_ops"
                | "timestamptz_ops"
                | "timetz_ops"
                | "uuid_ops"
                | "varbit_ops"
                | "varchar_ops"
        ),
    }
}
