"""Every sentence that users are told, in English, by its code."""

SENTENCES = {
    "model.missing": "model '{name}' not found",
    "model.missing_alias": "model '{name}' not found: it is an alias of '{meant}', which isn't there",
    "needs_img": "{field} needs the picture that it belongs to, as img",
    "no_effect.without": "{field} has no effect without {other}",
    "body.too_large": "the body is too large; at most {most} bytes are taken",
    "body.too_slow": "the body did not arrive in time",
    "body.broken": "the body was cut off, or is not encoded as its headers say",
    "http.path": "there is nothing at this path",
    "http.method": "this path doesn't take this method",
    "http.compressed": "the body is compressed; send it as it is",
    "http.expect": "the Expect header asks for what this server doesn't do",
    "http.internal": "an internal error, logged under request id {request}",
    "recipe.none": "{field} does not say how it was made",
}
