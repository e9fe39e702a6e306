//! Digests as text.

/// Lower-case, two digits a byte. A history has a digest for each migration: to format byte by byte shows in its time.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(hexadecimal(&[0x00, 0x0a, 0xf0, 0xff]), "000af0ff");
        assert_eq!(hexadecimal(&[]), "");
    }
}
