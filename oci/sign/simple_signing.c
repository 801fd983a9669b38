#include "oci/sign/simple_signing.h"

#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "oci/sign/json_strict.h"

#include <stdlib.h>
#include <string.h>

static const char signature_type[] = "cosign container image signature";

void simple_signing_release(struct simple_signing *payload)
{
    free(payload->reference);
    *payload = (struct simple_signing){0};
}

// A JSON string as Go's encoding/json writes it: also <, > and & as \u00XX.
static void add_go_string(struct strbuf *out, const char *text)
{
    strbuf_addch(out, '"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            strbuf_addf(out, "\\%c", *at);
        else if (*at < 0x20 || *at == '<' || *at == '>' || *at == '&')
            strbuf_addf(out, "\\u%04x", *at);
        else
            strbuf_addch(out, (char)*at);
    }
    strbuf_addch(out, '"');
}

char *simple_signing_build(const char *reference, const char *digest)
{
    struct strbuf out;
    strbuf_init(&out, 6 * strlen(reference) + 512);
    strbuf_addstr(&out, "{\"critical\":{\"identity\":{\"docker-reference\":");
    add_go_string(&out, reference);
    strbuf_addf(&out,
                "},\"image\":{\"docker-manifest-digest\":\"%s\"},\"type\":\"%s\"},"
                "\"optional\":null}",
                digest, signature_type);
    return strbuf_steal(&out);
}

static int parse_critical(const json_t *critical, struct simple_signing *payload, struct error *err)
{
    static const char *const names[] = {"identity", "image", "type", NULL};
    static const char *const identity_names[] = {"docker-reference", NULL};
    static const char *const image_names[] = {"docker-manifest-digest", NULL};
    const json_t *identity = json_object_get(critical, "identity");
    const json_t *image = json_object_get(critical, "image");
    const char *type = NULL;
    const char *reference = NULL;
    const char *digest = NULL;
    if (json_strict_members(critical, "critical", names, err) < 0 ||
        json_strict_members(identity, "identity", identity_names, err) < 0 ||
        json_strict_members(image, "image", image_names, err) < 0 ||
        json_strict_string(critical, "type", &type, err) < 0 ||
        json_strict_string(identity, "docker-reference", &reference, err) < 0 ||
        json_strict_string(image, "docker-manifest-digest", &digest, err) < 0)
        return -1;
    if (strcmp(type, signature_type) != 0)
        return error_set(err, ERROR_INVALID, "its type is \"%.64s\", not \"%s\"", type,
                         signature_type);
    if (!digest_is_valid(digest))
        return error_set(err, ERROR_INVALID, "docker-manifest-digest is no sha256 digest");
    payload->reference = xstrdup(reference);
    memcpy(payload->digest.text, digest, strlen(digest) + 1);
    return 0;
}

int simple_signing_parse(const char *data, size_t size, struct simple_signing *ret_payload,
                         struct error *err)
{
    static const char *const names[] = {"critical", "optional", NULL};
    cleanup_json json_t *root = NULL;
    cleanup_simple_signing struct simple_signing payload = {0};
    if (size > SIMPLE_SIGNING_MAX_BYTES)
        return error_set(err, ERROR_LIMIT,
                         "the signature's payload has %zu bytes; at most %d are "
                         "read",
                         size, SIMPLE_SIGNING_MAX_BYTES);
    if (jval_parse_object(data, size, "the signature's payload", &root, err) < 0)
        return -1;
    const json_t *optional = json_object_get(root, "optional");
    if (json_strict_members(root, "the document", names, err) < 0 ||
        parse_critical(json_object_get(root, "critical"), &payload, err) < 0)
        return error_wrap(err, "the signature's payload");
    if (optional != NULL && !json_is_null(optional) && !json_is_object(optional))
        return error_set(err, ERROR_INVALID, "the signature's payload: optional is no object");
    *ret_payload = payload;
    payload = (struct simple_signing){0};
    return 0;
}
