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

#[cfg(test)]
mod tests {
    use super::sql_name;

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
        }
    }
}
