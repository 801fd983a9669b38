#include "oci/sign/evidence_json.h"

#include "base/jval.h"
#include "base/memory.h"
#include "oci/sign/notation_envelope.h"

#include <stdlib.h>
#include <string.h>

static const char *const forms[] = {
    [EVIDENCE_SIMPLE] = "simple", [EVIDENCE_BUNDLE] = "bundle", [EVIDENCE_NOTATION] = "notation"};

// By which trust it was judged, and until when that holds, is for the next judgement to say.
static json_t *notation_json(const struct evidence *item, json_t *value)
{
    jval_set_string(value, "subject", item->subject);
    jval_set_string(value, "media", item->media_type);
    jval_set_string(value, "envelope", item->envelope);
    jval_set_string(value, "manifest", item->manifest.text);
    return value;
}

static json_t *item_json(const struct evidence *item)
{
    json_t *value = json_object();
    jval_set_string(value, "form", forms[item->form]);
    jval_set_string(value, "signer", item->signer.text);
    if (item->form == EVIDENCE_NOTATION)
        return notation_json(item, value);
    jval_set_string(value, "subject", item->subject);
    jval_set_string(value, "issuer", item->issuer);
    jval_set_string(value, "sourceRepository", item->source_repository);
    jval_set_string(value, "sourceRef", item->source_ref);
    jval_set_string(value, "certificateIssuer", item->certificate_issuer);
    jval_set_string(value, "certificateSerial", item->certificate_serial);
    jval_set_string(value, "root", *item->root.text != '\0' ? item->root.text : NULL);
    jval_set_string(value, "repository", item->repository);
    jval_set_string(value, "manifest", *item->manifest.text != '\0' ? item->manifest.text : NULL);
    if (item->statement.root != NULL)
        json_object_set_new(value, "statement", json_deep_copy(item->statement.root));
    return value;
}

json_t *evidence_to_json(const struct evidence_set *set, size_t max_bytes, bool *ret_whole)
{
    json_t *array = json_array();
    size_t used = 0;
    *ret_whole = !set->cut;
    vec_foreach (const struct evidence, item, &set->items) {
        json_t *value = item_json(item);
        cleanup_free char *text = jval_compact(value);
        size_t size = strlen(text);
        if (size > max_bytes - used) {
            *ret_whole = false;
            json_decref(value);
            continue;
        }
        used += size;
        json_array_append_new(array, value);
    }
    return array;
}

static int read_digest(const json_t *value, const char *name, bool required, struct digest *digest,
                       struct error *err)
{
    const char *text = jval_string(value, name);
    if (text == NULL && !required)
        return 0;
    if (text == NULL || !digest_is_valid(text))
        return error_set(err, ERROR_INVALID, "%s is no digest", name);
    memcpy(digest->text, text, strlen(text) + 1);
    return 0;
}

static int read_statement(const json_t *value, const char *digest, struct evidence *item,
                          struct error *err)
{
    const json_t *statement = jval_object(value, "statement");
    item->kind = STATEMENT_SIGN;
    if (statement == NULL)
        return 0;
    cleanup_free char *text = jval_compact(statement);
    if (statement_parse(text, strlen(text), digest, &item->statement, err) < 0)
        return -1;
    item->kind = item->statement.kind;
    return 0;
}

static int read_envelope(const json_t *value, struct evidence *item, struct error *err)
{
    const char *media_type = jval_string_or(value, "media", "");
    if (item->form != EVIDENCE_NOTATION)
        return 0;
    item->media_type = strcmp(media_type, NOTATION_JWS_MEDIA) == 0    ? NOTATION_JWS_MEDIA
                       : strcmp(media_type, NOTATION_COSE_MEDIA) == 0 ? NOTATION_COSE_MEDIA
                                                                      : NULL;
    item->envelope = xstrdup_or_null(jval_string(value, "envelope"));
    if (item->media_type == NULL || item->envelope == NULL)
        return error_set(err, ERROR_INVALID, "media and envelope hold no Notation signature");
    return 0;
}

static int read_item(const json_t *value, const char *digest, struct evidence *item,
                     struct error *err)
{
    const char *form = jval_string_or(value, "form", "");
    size_t kind = 0;
    while (kind < ARRAY_LENGTH(forms) && strcmp(forms[kind], form) != 0)
        kind++;
    if (kind == ARRAY_LENGTH(forms))
        return error_set(err, ERROR_INVALID,
                         "form \"%.32s\" is none of simple, bundle and notation", form);
    item->form = (enum evidence_form)kind;
    if (read_digest(value, "signer", true, &item->signer, err) < 0 ||
        read_digest(value, "root", false, &item->root, err) < 0 ||
        read_digest(value, "manifest", false, &item->manifest, err) < 0 ||
        read_statement(value, digest, item, err) < 0 || read_envelope(value, item, err) < 0)
        return -1;
    item->subject = xstrdup_or_null(jval_string(value, "subject"));
    item->issuer = xstrdup_or_null(jval_string(value, "issuer"));
    item->source_repository = xstrdup_or_null(jval_string(value, "sourceRepository"));
    item->source_ref = xstrdup_or_null(jval_string(value, "sourceRef"));
    item->certificate_issuer = xstrdup_or_null(jval_string(value, "certificateIssuer"));
    item->certificate_serial = xstrdup_or_null(jval_string(value, "certificateSerial"));
    item->repository = xstrdup_or_null(jval_string(value, "repository"));
    return 0;
}

int evidence_from_json(const json_t *array, const char *digest, struct evidence_set *set,
                       struct error *err)
{
    size_t index;
    json_t *value;
    jval_array_foreach(array, index, value)
    {
        struct evidence item = {0};
        if (read_item(value, digest, &item, err) < 0) {
            evidence_release(&item);
            return error_wrap(err, "evidence %zu", index);
        }
        *(struct evidence *)vec_push(&set->items) = item;
    }
    return 0;
}
