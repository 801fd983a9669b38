// Tags and quotes of scalars, held to the rules of go-yaml's encoder (encode.go, node) and decoder
// (resolve.go): a tag that the text alone would give is left out, one that it contradicts is not.
#include "base/yamljson_written.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/yamljson.h"
#include "base/yamljson_internal.h"

enum { MAX_PATH_BYTES = 4096 }; // in messages

static const char marks[] = "nsifbzta"; // plain, by tag; quoted ones are capitals

// Nulls that are spelt otherwise; like JSON's own they are told by their address.
static struct {
    const char *text;
    json_t value;
} nulls[] = {
    {"~", {JSON_NULL, (size_t)-1}},
    {"Null", {JSON_NULL, (size_t)-1}},
    {"NULL", {JSON_NULL, (size_t)-1}},
};

static json_t *null_spelt(const char *text, size_t length)
{
    for (size_t i = 0; i < ARRAY_LENGTH(nulls); i++)
        if (strlen(nulls[i].text) == length && memcmp(nulls[i].text, text, length) == 0)
            return &nulls[i].value;
    return length == 0 ? yamljson_empty_null() : json_null();
}

static bool is_marked(const json_t *value)
{
    return json_is_string(value) &&
           json_string_length(value) > strlen(json_string_value(value)) + 1;
}

static void read_mark(const json_t *value, struct yamljson_written *ret)
{
    char mark = ret->text[ret->length + 1];
    (void)value;
    ret->quoted = mark >= 'A' && mark <= 'Z';
    const char *at = strchr(marks, mark | 0x20);
    ret->tag = at != NULL ? (enum yamljson_tag)(at - marks) : YAMLJSON_TAG_STR;
}

void yamljson_written_of(const json_t *value, struct yamljson_written *ret)
{
    static const struct {
        const char *text;
        enum yamljson_tag tag;
    } words[] = {
        [JSON_TRUE] = {"true", YAMLJSON_TAG_BOOL},
        [JSON_FALSE] = {"false", YAMLJSON_TAG_BOOL},
        [JSON_NULL] = {"null", YAMLJSON_TAG_NULL},
    };
    *ret = (struct yamljson_written){.text = "", .tag = YAMLJSON_TAG_NULL};
    json_type type = value == NULL ? JSON_NULL : json_typeof(value);
    if (type == JSON_STRING) {
        ret->text = json_string_value(value);
        ret->length = strlen(ret->text);
        ret->tag = YAMLJSON_TAG_STR;
        if (is_marked(value))
            read_mark(value, ret);
        else
            ret->quoted = !yamljson_may_be_plain(ret->text, ret->length);
        return;
    }
    if (type == JSON_INTEGER) {
        snprintf(ret->room, sizeof ret->room, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        ret->tag = YAMLJSON_TAG_INT;
        ret->text = ret->room;
    } else if (type == JSON_REAL) {
        cleanup_free char *text = yamljson_scalar_text(value);
        snprintf(ret->room, sizeof ret->room, "%s", text);
        ret->tag = YAMLJSON_TAG_FLOAT;
        ret->text = ret->room;
    } else if (type != JSON_OBJECT && type != JSON_ARRAY && value != NULL &&
               value != yamljson_empty_null()) {
        ret->text = words[type].text;
        ret->tag = words[type].tag;
        for (size_t i = 0; i < ARRAY_LENGTH(nulls); i++)
            if (value == &nulls[i].value)
                ret->text = nulls[i].text;
    }
    ret->length = strlen(ret->text);
}

static enum yamljson_tag tag_of_kind(enum yamljson_kind kind)
{
    switch (kind) {
    case YAMLJSON_NULL:
        return YAMLJSON_TAG_NULL;
    case YAMLJSON_BOOL:
        return YAMLJSON_TAG_BOOL;
    case YAMLJSON_INTEGER:
    case YAMLJSON_UNSIGNED:
        return YAMLJSON_TAG_INT;
    case YAMLJSON_FLOAT:
    case YAMLJSON_NOT_FINITE:
        return YAMLJSON_TAG_FLOAT;
    case YAMLJSON_TIMESTAMP:
        return YAMLJSON_TAG_TIMESTAMP;
    case YAMLJSON_STRING:
        break;
    }
    return YAMLJSON_TAG_STR;
}

// The value that tells by itself that it was written like this, or NULL.
static json_t *bare_value(const char *text, size_t length, enum yamljson_tag tag, bool quoted)
{
    if (tag == YAMLJSON_TAG_STR)
        return yamljson_may_be_plain(text, length) != quoted ? json_stringn(text, length) : NULL;
    if (quoted || tag == YAMLJSON_TAG_NONE || tag == YAMLJSON_TAG_TIMESTAMP ||
        tag == YAMLJSON_TAG_ALIAS)
        return NULL;
    json_t *value = yamljson_scalar(text, length);
    struct yamljson_written written;
    yamljson_written_of(value, &written);
    bool same = value != NULL && written.tag == tag && written.length == length &&
                memcmp(written.text, text, length) == 0;
    if (same)
        return value;
    // A null always is one of JSON's type: too much asks for it.
    if (tag == YAMLJSON_TAG_NULL && json_is_null(value))
        return null_spelt(text, length);
    json_decref(value);
    return NULL;
}

json_t *yamljson_written_new(const char *text, size_t length, enum yamljson_tag tag, bool quoted)
{
    json_t *bare = bare_value(text, length, tag, quoted);
    return bare != NULL ? bare : yamljson_written_marked(text, length, tag, quoted);
}

json_t *yamljson_written_marked(const char *text, size_t length, enum yamljson_tag tag, bool quoted)
{
    char room[256];
    bool fits = length + 3 <= sizeof room;
    cleanup_free char *large = fits ? NULL : xmalloc(length + 3);
    char *marked = fits ? room : large;
    memcpy(marked, text, length);
    marked[length] = '\0';
    marked[length + 1] = (char)(quoted ? marks[tag] & ~0x20 : marks[tag]);
    return json_stringn(marked, length + 2);
}

// kyaml's IsValueNonString: what go-yaml v2 makes of it as a document.
bool yamljson_written_as_other(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || memchr(text, '\n', length) != NULL)
        return false;
    struct yamljson_scalar scalar;
    yamljson_resolve_11(text, length, &scalar);
    if (scalar.kind != YAMLJSON_STRING)
        return true;
    bool structured = strchr("-?:[{#&!|>%@`\"'*", *text) != NULL || text[length - 1] == ':' ||
                      strstr(text, ": ") != NULL || strstr(text, " #") != NULL;
    if (!structured)
        return false;
    cleanup_vec struct vec documents = YAMLJSON_DOCUMENTS;
    static const struct yamljson_limits limits = {.yaml11 = true, .last_wins = true};
    if (yamljson_parse_all(text, length, "text", &limits, &documents, NULL) < 0)
        return false;
    return documents.len == 0 ||
           !json_is_string(((struct yamljson_document *)documents.data)->value);
}

json_t *yamljson_written_quote_other(const json_t *scalar)
{
    struct yamljson_written written;
    if (!yamljson_written_is_text(scalar))
        return NULL;
    yamljson_written_of(scalar, &written);
    if (written.quoted || !yamljson_written_as_other(written.text))
        return NULL;
    return yamljson_written_new(written.text, written.length, written.tag, true);
}

json_t *yamljson_written_put(const json_t *old, const char *text, enum yamljson_tag tag)
{
    struct yamljson_written written;
    yamljson_written_of(old, &written);
    bool quoted = old != NULL ? written.quoted : yamljson_written_as_other(text);
    return yamljson_written_new(text, strlen(text), tag, quoted);
}

bool yamljson_written_is_text(const json_t *value)
{
    struct yamljson_written written;
    if (!is_marked(value))
        return json_is_string(value);
    yamljson_written_of(value, &written);
    return written.tag == YAMLJSON_TAG_STR || written.tag == YAMLJSON_TAG_NONE;
}

json_t *yamljson_settled(const json_t *scalar)
{
    if (!is_marked(scalar))
        return json_incref((json_t *)(uintptr_t)scalar);
    struct yamljson_written written;
    yamljson_written_of(scalar, &written);
    bool many_lines = memchr(written.text, '\n', written.length) != NULL;
    if (written.tag == YAMLJSON_TAG_STR ||
        (written.tag == YAMLJSON_TAG_NONE && (many_lines || written.quoted)))
        return json_stringn(written.text, written.length);
    struct yamljson_scalar resolved;
    yamljson_resolve(written.text, written.length, &resolved);
    enum yamljson_tag own = tag_of_kind(resolved.kind);
    if (written.tag == own && written.quoted)
        return json_stringn(written.text, written.length); // the tag is left out, and quotes win
    bool as_float = written.tag == YAMLJSON_TAG_FLOAT && own == YAMLJSON_TAG_INT;
    if (written.tag != YAMLJSON_TAG_NONE && written.tag != own && !as_float)
        return NULL;
    return yamljson_scalar(written.text, written.length);
}

bool yamljson_written_is_alias(const json_t *value)
{
    struct yamljson_written written;
    if (!is_marked(value))
        return false;
    yamljson_written_of(value, &written);
    return written.tag == YAMLJSON_TAG_ALIAS;
}

// Where in the value, for messages.
struct place {
    const struct place *up;
    const char *key; // NULL for an element
    size_t index;
};

static void add_place(struct strbuf *text, const struct place *place)
{
    if (place == NULL)
        return;
    add_place(text, place->up);
    if (place->key == NULL)
        strbuf_addf(text, "[%zu]", place->index);
    else
        strbuf_addf(text, "%s%s", text->len > 0 ? "." : "", place->key);
}

static int fail_scalar(const json_t *scalar, const struct place *place, struct error *err)
{
    static const char *const names[] = {
        [YAMLJSON_TAG_NONE] = "a value",     [YAMLJSON_TAG_STR] = "text",
        [YAMLJSON_TAG_INT] = "an integer",   [YAMLJSON_TAG_FLOAT] = "a number",
        [YAMLJSON_TAG_BOOL] = "a boolean",   [YAMLJSON_TAG_NULL] = "null",
        [YAMLJSON_TAG_TIMESTAMP] = "a date", [YAMLJSON_TAG_ALIAS] = "an alias",
    };
    cleanup_strbuf struct strbuf path;
    strbuf_init(&path, MAX_PATH_BYTES);
    add_place(&path, place);
    struct yamljson_written written;
    yamljson_written_of(scalar, &written);
    return error_set(err, ERROR_INVALID,
                     "%s: \"%s\" stands where %s is; put quotes around the value that was there to "
                     "make it text",
                     path.data, written.text, names[written.tag]);
}

static int settle_below(json_t *value, const struct place *place, struct error *err);

// *ret_new is owned; NULL where the value stays as it is.
static int settle_member(json_t *member, const struct place *place, json_t **ret_new,
                         struct error *err)
{
    *ret_new = NULL;
    if (json_is_object(member) || json_is_array(member))
        return settle_below(member, place, err);
    if (!is_marked(member))
        return 0;
    *ret_new = yamljson_settled(member);
    return *ret_new != NULL ? 0 : fail_scalar(member, place, err);
}

static int settle_below(json_t *value, const struct place *place, struct error *err)
{
    json_t *member = NULL;
    json_t *settled = NULL;
    void *next = NULL;
    struct place here = {.up = place};
    json_object_foreach_safe (value, next, here.key, member) {
        if (settle_member(member, &here, &settled, err) < 0)
            return -1;
        if (settled != NULL)
            json_object_set_new(value, here.key, settled);
    }
    here.key = NULL;
    for (; here.index < json_array_size(value); here.index++) {
        if (settle_member(json_array_get(value, here.index), &here, &settled, err) < 0)
            return -1;
        if (settled != NULL)
            json_array_set_new(value, here.index, settled);
    }
    return 0;
}

int yamljson_settle(json_t *value, struct error *err)
{
    return settle_below(value, NULL, err);
}
