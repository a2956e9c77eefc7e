//! A form in whatever characters the blog writes.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The fields of a form. An absent one is an empty one; of several the last counts, as in PHP.
#[derive(Debug, Default)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form as browsers' own parser does: a stray `%` stands for itself, and what is no text becomes U+FFFD, so
    /// that nobody can keep a comment from being checked by writing it badly. NUL, which no database keeps, is left out.
    ///
    /// The characters are those of `blog_charset`, else of the content type, else UTF-8. But many clients write UTF-8
    /// whatever they name: a form whose fields all are UTF-8, beyond ASCII, is read as that.
    pub fn parse(form: &[u8], content_type: &str) -> Self {
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = form
            .split(|&byte| byte == b'&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let mut parts = pair.splitn(2, |&byte| byte == b'=');
                (decode(parts.next().unwrap_or_default()), decode(parts.next().unwrap_or_default()))
            })
            .collect();
        let label = pairs.iter().rev().find(|(name, _)| name == b"blog_charset").map(|(_, label)| label.as_slice());
        let encoding = encoding(label.filter(|label| !label.is_empty()), content_type, &pairs);
        let text = |bytes: &[u8]| encoding.decode_without_bom_handling(bytes).0.replace('\0', "");
        Self(pairs.iter().map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), text(value))).collect())
    }

    /// A field's value.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().rev().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

fn encoding(label: Option<&[u8]>, content_type: &str, pairs: &[(Vec<u8>, Vec<u8>)]) -> &'static Encoding {
    let values = || pairs.iter().map(|(_, value)| value.as_slice());
    let all_utf8 = values().all(|value| std::str::from_utf8(value).is_ok());
    if all_utf8 && !values().all(<[u8]>::is_ascii) {
        return UTF_8;
    }
    let charset = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').as_bytes())
    });
    let named = label.or(charset).and_then(Encoding::for_label);
    // Forms are never written in UTF-16: the URL standard names UTF-8 for it.
    let named = named.map_or(UTF_8, Encoding::output_encoding);
    // What calls itself UTF-8 and is not, is from the West more often than anything else.
    if named == UTF_8 && !all_utf8 { WINDOWS_1252 } else { named }
}

fn decode(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_encoding::percent_decode(&spaced).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::utf8(b"a=%D0%9F%D1%80%D0%B8%D0%B2%D0%B5%D1%82", "", "Привет")]
    #[case::cyrillic(b"blog_charset=windows-1251&a=%CF%F0%E8%E2%E5%F2", "", "Привет")]
    #[case::raw_bytes(b"blog_charset=koi8-r&a=\xf0\xd2\xc9\xd7\xc5\xd4", "", "Привет")]
    #[case::latin(b"blog_charset=ISO-8859-1&a=caf%E9", "", "café")]
    #[case::japanese(b"blog_charset=Shift_JIS&a=%83R%83%81%83%93%83g", "", "コメント")]
    #[case::stateful(b"blog_charset=ISO-2022-JP&a=%1B$B%25%33%1B(B", "", "コ")]
    #[case::by_the_content_type(b"a=caf%E9", "application/x-www-form-urlencoded; charset=\"ISO-8859-1\"", "café")]
    #[case::the_form_knows_better(b"blog_charset=windows-1251&a=%CF", "x; charset=iso-8859-1", "П")]
    #[case::utf8_under_another_name(b"blog_charset=ISO-8859-1&a=caf%C3%A9", "", "café")]
    #[case::another_under_the_name_of_utf8(b"blog_charset=UTF-8&a=caf%E9", "", "café")]
    #[case::unknown(b"blog_charset=klingon&a=caf%C3%A9", "", "café")]
    #[case::empty(b"blog_charset=&a=x", "", "x")]
    #[case::never_utf16(b"blog_charset=UTF-16LE&a=abc", "", "abc")]
    #[case::broken(b"blog_charset=Shift_JIS&a=a%FFb%81", "", "a\u{fffd}b\u{fffd}")]
    #[case::nul(b"a=a%00b", "", "ab")]
    #[case::stray_percent(b"a=100%+sure+%zz%4", "", "100% sure %zz%4")]
    #[case::the_last_counts(b"a=1&&=&b&a=2%3d=", "", "2==")]
    #[case::absent(b"", "", "")]
    fn the_text_is_read(#[case] form: &[u8], #[case] content_type: &str, #[case] expected: &str) {
        assert_eq!(Form::parse(form, content_type).get("a"), expected);
    }
}
