//! Names of operator classes as the schema language spells them (`JsonbPathOps`) and as SQL does
//! (`jsonb_path_ops`). Source: Prisma's schema reference, "Configuring index operator classes".

/// Parts that SQL writes together though the schema language capitalizes them.
const JOINED: [(&str, &str); 5] = [
    ("min_max", "minmax"),
    ("timestamp_tz", "timestamptz"),
    ("time_tz", "timetz"),
    ("var_bit", "varbit"),
    ("bp_char", "bpchar"),
];

/// `Int4MinMaxMultiOps` → `int4_minmax_multi_ops`.
pub(crate) fn sql_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    for (at, c) in name.char_indices() {
        if c.is_uppercase() && at > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    JOINED.iter().fold(out, |text, (apart, joined)| text.replace(apart, joined))
}

/// Classes without a type in their name, or of one kind only.
const SINGLE: [&str; 8] = [
    "InetOps",
    "InetInclusionOps",
    "JsonbOps",
    "JsonbPathOps",
    "ArrayOps",
    "TextOps",
    "BitMinMaxOps",
    "VarBitMinMaxOps",
];

/// Types with classes of the kinds bloom and minmax.
const TWO_KINDS: [&str; 3] = ["Bpchar", "Bytea", "Text"];

/// Types that have minmax-multi as well.
const THREE_KINDS: [&str; 14] = [
    "Date",
    "Float4",
    "Float8",
    "Inet",
    "Int2",
    "Int4",
    "Int8",
    "Numeric",
    "Oid",
    "Timestamp",
    "TimestampTz",
    "Time",
    "TimeTz",
    "Uuid",
];

/// `int4_minmax_multi_ops` → `Int4MinMaxMultiOps`; none for a class that has to be written `raw("…")`.
pub(crate) fn schema_name(class: &str) -> Option<String> {
    let two = TWO_KINDS.iter().map(|ty| (ty, ["Bloom", "MinMax"].as_slice()));
    let three = THREE_KINDS.iter().map(|ty| (ty, ["Bloom", "MinMax", "MinMaxMulti"].as_slice()));
    let kinds =
        two.chain(three).flat_map(|(ty, kinds)| kinds.iter().map(move |kind| format!("{ty}{kind}Ops")));
    SINGLE.iter().map(|name| (*name).to_owned()).chain(kinds).find(|name| sql_name(name) == class)
}

#[cfg(test)]
mod tests {
    use super::{schema_name, sql_name};

    #[test]
    fn spells_operator_classes_as_sql_does() {
        for (schema, sql) in [
            ("JsonbPathOps", "jsonb_path_ops"),
            ("ArrayOps", "array_ops"),
            ("Int4MinMaxMultiOps", "int4_minmax_multi_ops"),
            ("TimestampTzBloomOps", "timestamptz_bloom_ops"),
            ("VarBitMinMaxOps", "varbit_minmax_ops"),
            ("InetInclusionOps", "inet_inclusion_ops"),
        ] {
            assert_eq!(sql_name(schema), sql);
            assert_eq!(schema_name(sql).as_deref(), Some(schema));
        }
        assert_eq!(schema_name("gin_trgm_ops"), None);
    }
}
