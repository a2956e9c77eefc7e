//! `application/x-www-form-urlencoded`, read strictly: forms and query strings.

/// Why a form cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// A `%` without two hexadecimal digits.
    #[error("a % is not followed by two hexadecimal digits; write a percent sign as %25")]
    Percent,
    /// Bytes that are not UTF-8.
    #[error("a field is not UTF-8; send the form as UTF-8")]
    Utf8,
}

/// The names and values in order. Unlike the browsers' own lenient parser, it refuses what would lose text.
pub(crate) fn parse(form: &[u8]) -> Result<Vec<(String, String)>, FormError> {
    let pairs = form.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let mut parts = pair.splitn(2, |&byte| byte == b'=');
            let name = decode(parts.next().unwrap_or_default())?;
            Ok((name, decode(parts.next().unwrap_or_default())?))
        })
        .collect()
}

fn decode(text: &[u8]) -> Result<String, FormError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next())? << 4 | hex(rest.next())?,
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| FormError::Utf8)
}

fn hex(digit: Option<&u8>) -> Result<u8, FormError> {
    let value = digit.and_then(|&digit| char::from(digit).to_digit(16)).ok_or(FormError::Percent)?;
    Ok(value as u8)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn names_and_values_come_in_order() {
        let pairs = parse("a=1+2&b=%D8%B3%D9%84%D8%A7%D9%85&a=&c&&d==%3d".as_bytes()).expect("a form");
        let expected = [("a", "1 2"), ("b", "سلام"), ("a", ""), ("c", ""), ("d", "==")];
        assert_eq!(pairs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[rstest]
    #[case(b"a=%", FormError::Percent)]
    #[case(b"a=%4", FormError::Percent)]
    #[case(b"a=%zz", FormError::Percent)]
    #[case(b"a=100% sure", FormError::Percent)]
    #[case(b"a=%ff", FormError::Utf8)]
    #[case(b"a=\xff", FormError::Utf8)]
    fn what_would_lose_text_is_refused(#[case] form: &[u8], #[case] error: FormError) {
        assert_eq!(parse(form), Err(error));
    }
}
