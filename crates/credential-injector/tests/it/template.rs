//! Templates: which text is one, and its canonical form.

use credential_injector::{TEMPLATE_BYTES_MAX, Template, TemplateError};

#[test]
fn templates_read_and_write_alike() {
    for text in [
        "{{secret}}",
        "Bearer {{secret}}",
        "Basic {{secret|base64}}",
        "Token token=\"{{secret}}\", v=1",
        "{x{{secret}}y}",
    ] {
        assert_eq!(
            Template::parse(text).map(|t| t.to_string()).as_deref(),
            Ok(text)
        );
    }
    assert_eq!(Template::parse("Bearer {{secret}}"), Ok(Template::bearer()));
    assert_eq!(
        Template::parse("Basic {{secret|base64}}"),
        Ok(Template::basic())
    );
    assert_eq!(Template::parse("{{secret}}"), Ok(Template::verbatim()));
}

#[test]
fn refusals_have_their_reason() {
    use TemplateError as E;
    let long = format!("{}{{{{secret}}}}", "a".repeat(TEMPLATE_BYTES_MAX));
    for (text, reason) in [
        ("", E::NoPlaceholder),
        ("Bearer", E::NoPlaceholder),
        ("Bearer {secret}", E::NoPlaceholder),
        ("Bearer {{token}}", E::BadPlaceholder),
        ("{{ secret }}", E::BadPlaceholder),
        ("{{SECRET}}", E::BadPlaceholder),
        ("{{secret|hex}}", E::BadPlaceholder),
        ("{{secret}}{{secret}}", E::BadPlaceholder),
        ("{{secret}} {{secret|base64}}", E::BadPlaceholder),
        ("{{secret}}}}", E::BadPlaceholder),
        ("{{{{secret}}", E::BadPlaceholder),
        ("Bearer\t{{secret}}", E::ForbiddenCharacter),
        ("Bearer {{secret}}\r\nX: y", E::ForbiddenCharacter),
        ("Bearer {{secret}}\0", E::ForbiddenCharacter),
        ("Bäarer {{secret}}", E::ForbiddenCharacter),
        (" {{secret}}", E::EdgeSpace),
        ("{{secret}} ", E::EdgeSpace),
        (long.as_str(), E::TooLong),
    ] {
        assert_eq!(Template::parse(text), Err(reason), "{text:.40}");
    }
}
