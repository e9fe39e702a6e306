//! Whether a default is a value of its field's type.

use pgsteward_model::prisma::{DefaultValue, FieldType, Scalar};

/// Why a value is none of the type's, if so.
pub(super) fn misfit(value: &DefaultValue, ty: &FieldType) -> Option<String> {
    if let FieldType::Enum(name) = ty {
        let fits = matches!(value, DefaultValue::EnumValue(_) | DefaultValue::DbGenerated(_));
        return (!fits).then(|| format!("the default is no value of the enum \"{name}\""));
    }
    let FieldType::Scalar(scalar) = ty else { return None };
    let fits = match (value, scalar) {
        (DefaultValue::String(_), Scalar::String) => true,
        (DefaultValue::String(text), Scalar::Json) => serde_json::from_str::<serde_json::Value>(text).is_ok(),
        (DefaultValue::String(text), Scalar::Bytes) => is_base64(text),
        (DefaultValue::String(text), Scalar::DateTime) => is_rfc_3339(text),
        (DefaultValue::String(text), Scalar::Decimal) => text.parse::<f64>().is_ok(),
        (DefaultValue::Number(digits), Scalar::Int | Scalar::BigInt) => digits.parse::<i64>().is_ok(),
        (DefaultValue::Number(_), Scalar::Float | Scalar::Decimal) => true,
        (DefaultValue::Boolean(_), Scalar::Boolean) => true,
        (DefaultValue::Now, Scalar::DateTime) => true,
        (DefaultValue::Autoincrement, Scalar::Int | Scalar::BigInt) => true,
        (DefaultValue::DbGenerated(text), _) => {
            return (text.as_deref() == Some("")).then(|| "dbgenerated() takes no empty text".to_owned());
        }
        (DefaultValue::Client { function, arguments }, Scalar::String) => {
            let number = arguments.first().map(|text| text.parse::<u32>().ok());
            match (function.as_str(), number) {
                ("uuid", Some(version)) => matches!(version, Some(4 | 7)),
                ("nanoid", Some(length)) => length.is_some_and(|length| (2..=255).contains(&length)),
                ("cuid", Some(version)) => matches!(version, Some(1 | 2)),
                _ => true,
            }
        }
        _ => false,
    };
    (!fits).then(|| format!("the default is no value of the type {scalar:?}"))
}

/// Base64 of RFC 4648, section 4, padded.
fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - body.len() <= 2
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// `2020-01-01T00:00:00.5+02:00`: a date, a time and an offset.
fn is_rfc_3339(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't', ' ']) else { return false };
    let Some(at) = time.find(['Z', 'z', '+', '-']) else { return false };
    let (clock, offset) = time.split_at(at);
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let number = |text: &str, length: usize, range: std::ops::RangeInclusive<u32>| {
        text.len() == length && text.parse().is_ok_and(|number| range.contains(&number))
    };
    let parts = |text: &str, sign: char, wanted: &[(usize, std::ops::RangeInclusive<u32>)]| {
        let given: Vec<&str> = text.split(sign).collect();
        given.len() == wanted.len()
            && given.iter().zip(wanted).all(|(text, (length, range))| number(text, *length, range.clone()))
    };
    parts(date, '-', &[(4, 0..=9999), (2, 1..=12), (2, 1..=31)])
        && parts(whole, ':', &[(2, 0..=23), (2, 0..=59), (2, 0..=60)])
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (offset.eq_ignore_ascii_case("z")
            || offset.get(1..).is_some_and(|offset| parts(offset, ':', &[(2, 0..=23), (2, 0..=59)])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_a_date_a_clock_and_an_offset() {
        for good in ["2020-01-01T00:00:00Z", "2020-12-31t23:59:60.25-08:00"] {
            assert!(is_rfc_3339(good), "{good}");
        }
        for bad in [
            "2020-01-01",
            "x",
            "2020-13-01T00:00:00Z",
            "2020-01-01T00:00:00",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T24:00:00Z",
        ] {
            assert!(!is_rfc_3339(bad), "{bad}");
        }
    }

    #[test]
    fn bytes_are_padded_base64() {
        for (text, good) in [
            ("aGVsbG8=", true),
            ("", true),
            ("aGVsbG8", false),
            ("x", false),
            ("a===", false),
            ("!!!!", false),
        ] {
            assert_eq!(is_base64(text), good, "{text}");
        }
    }
}
