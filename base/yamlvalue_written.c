// Tags and quotes of scalars, held to the rules of go-yaml's encoder (encode.go, node) and decoder
// (resolve.go): a tag that the text alone would give is left out, one that it contradicts is not.
#include "base/yamlvalue_written.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/yamlvalue.h"
#include "base/yamlvalue_internal.h"

enum { MAX_PATH_BYTES = 4096 }; // in messages

static const char marks[] = "nsifbzta"; // plain, by tag; quoted ones are capitals

// Nulls that are spelt otherwise; like the common one they are told by their address.
static const struct {
    const char *text;
    struct value value;
} nulls[] = {
    {"~", VALUE_STATIC(VALUE_NULL)},
    {"Null", VALUE_STATIC(VALUE_NULL)},
    {"NULL", VALUE_STATIC(VALUE_NULL)},
};

static struct value *null_spelt(const char *text, size_t length)
{
    for (size_t i = 0; i < ARRAY_LENGTH(nulls); i++)
        if (strlen(nulls[i].text) == length && memcmp(nulls[i].text, text, length) == 0)
            return value_unconst(&nulls[i].value);
    return length == 0 ? yamlvalue_empty_null() : value_null();
}

static bool is_marked(const struct value *value)
{
    return value_is_string(value) &&
           value_string_length(value) > strlen(value_string_value(value)) + 1;
}

static void read_mark(const struct value *value, struct yamlvalue_written *ret)
{
    char mark = ret->text[ret->length + 1];
    (void)value;
    ret->quoted = mark >= 'A' && mark <= 'Z';
    const char *at = strchr(marks, mark | 0x20);
    ret->tag = at != NULL ? (enum yamlvalue_tag)(at - marks) : YAMLVALUE_TAG_STR;
}

void yamlvalue_written_of(const struct value *value, struct yamlvalue_written *ret)
{
    static const struct {
        const char *text;
        enum yamlvalue_tag tag;
    } words[] = {
        [VALUE_TRUE] = {"true", YAMLVALUE_TAG_BOOL},
        [VALUE_FALSE] = {"false", YAMLVALUE_TAG_BOOL},
        [VALUE_NULL] = {"null", YAMLVALUE_TAG_NULL},
    };
    *ret = (struct yamlvalue_written){.text = "", .tag = YAMLVALUE_TAG_NULL};
    enum value_type type = value == NULL ? VALUE_NULL : value_typeof(value);
    if (type == VALUE_STRING) {
        ret->text = value_string_value(value);
        ret->length = strlen(ret->text);
        ret->tag = YAMLVALUE_TAG_STR;
        ret->quote = value_string_noted(value);
        if (is_marked(value))
            read_mark(value, ret);
        else
            ret->quoted = !yamlvalue_may_be_plain(ret->text, ret->length);
        return;
    }
    if (type == VALUE_INTEGER) {
        snprintf(ret->room, sizeof ret->room, "%" PRId64, value_integer_value(value));
        ret->tag = YAMLVALUE_TAG_INT;
        ret->text = ret->room;
    } else if (type == VALUE_REAL) {
        cleanup_free char *text = yamlvalue_scalar_text(value);
        snprintf(ret->room, sizeof ret->room, "%s", text);
        ret->tag = YAMLVALUE_TAG_FLOAT;
        ret->text = ret->room;
    } else if (type != VALUE_OBJECT && type != VALUE_ARRAY && value != NULL &&
               value != yamlvalue_empty_null()) {
        ret->text = words[type].text;
        ret->tag = words[type].tag;
        for (size_t i = 0; i < ARRAY_LENGTH(nulls); i++)
            if (value == &nulls[i].value)
                ret->text = nulls[i].text;
    }
    ret->length = strlen(ret->text);
}

static enum yamlvalue_tag tag_of_kind(enum yamlvalue_kind kind)
{
    switch (kind) {
    case YAMLVALUE_NULL:
        return YAMLVALUE_TAG_NULL;
    case YAMLVALUE_BOOL:
        return YAMLVALUE_TAG_BOOL;
    case YAMLVALUE_INTEGER:
    case YAMLVALUE_UNSIGNED:
        return YAMLVALUE_TAG_INT;
    case YAMLVALUE_FLOAT:
    case YAMLVALUE_NOT_FINITE:
        return YAMLVALUE_TAG_FLOAT;
    case YAMLVALUE_TIMESTAMP:
        return YAMLVALUE_TAG_TIMESTAMP;
    case YAMLVALUE_STRING:
        break;
    }
    return YAMLVALUE_TAG_STR;
}

// The value that tells by itself that it was written like this, or NULL.
static struct value *bare_value(const char *text, size_t length, enum yamlvalue_tag tag,
                                bool quoted)
{
    if (tag == YAMLVALUE_TAG_STR)
        return yamlvalue_may_be_plain(text, length) != quoted ? value_stringn(text, length) : NULL;
    if (quoted || tag == YAMLVALUE_TAG_NONE || tag == YAMLVALUE_TAG_TIMESTAMP ||
        tag == YAMLVALUE_TAG_ALIAS)
        return NULL;
    struct value *value = yamlvalue_scalar(text, length);
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    bool same = value != NULL && written.tag == tag && written.length == length &&
                memcmp(written.text, text, length) == 0;
    if (same)
        return value;
    // A null always is one of JSON's type: too much asks for it.
    if (tag == YAMLVALUE_TAG_NULL && value_is_null(value))
        return null_spelt(text, length);
    value_decref(value);
    return NULL;
}

struct value *yamlvalue_written_new(const char *text, size_t length, enum yamlvalue_tag tag,
                                    bool quoted)
{
    struct value *bare = bare_value(text, length, tag, quoted);
    return bare != NULL ? bare : yamlvalue_written_marked(text, length, tag, quoted);
}

struct value *yamlvalue_written_marked(const char *text, size_t length, enum yamlvalue_tag tag,
                                       bool quoted)
{
    char room[256];
    bool fits = length + 3 <= sizeof room;
    cleanup_free char *large = fits ? NULL : xmalloc(length + 3);
    char *marked = fits ? room : large;
    memcpy(marked, text, length);
    marked[length] = '\0';
    marked[length + 1] = (char)(quoted ? marks[tag] & ~0x20 : marks[tag]);
    return value_stringn(marked, length + 2);
}

// kyaml's IsValueNonString: what go-yaml v2 makes of it as a document.
bool yamlvalue_written_as_other(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || memchr(text, '\n', length) != NULL)
        return false;
    struct yamlvalue_scalar scalar;
    yamlvalue_resolve_11(text, length, &scalar);
    if (scalar.kind != YAMLVALUE_STRING)
        return true;
    bool structured = strchr("-?:[{#&!|>%@`\"'*", *text) != NULL || text[length - 1] == ':' ||
                      strstr(text, ": ") != NULL || strstr(text, " #") != NULL;
    if (!structured)
        return false;
    cleanup_vec struct vec documents = YAMLVALUE_DOCUMENTS;
    static const struct yamlvalue_limits limits = {.yaml11 = true, .last_wins = true};
    if (yamlvalue_parse_all(text, length, "text", &limits, &documents, NULL) < 0)
        return false;
    return documents.len == 0 ||
           !value_is_string(((struct yamlvalue_document *)documents.data)->value);
}

struct value *yamlvalue_written_quote_other(const struct value *scalar)
{
    struct yamlvalue_written written;
    if (!yamlvalue_written_is_text(scalar))
        return NULL;
    yamlvalue_written_of(scalar, &written);
    if (written.quoted || !yamlvalue_written_as_other(written.text))
        return NULL;
    return yamlvalue_written_new(written.text, written.length, written.tag, true);
}

struct value *yamlvalue_written_put(const struct value *old, const char *text,
                                    enum yamlvalue_tag tag)
{
    struct yamlvalue_written written;
    yamlvalue_written_of(old, &written);
    bool quoted = old != NULL ? written.quoted : yamlvalue_written_as_other(text);
    struct value *put = yamlvalue_written_new(text, strlen(text), tag, quoted);
    value_string_note(put, written.quote);
    return put;
}

struct value *yamlvalue_written_anew(const char *text)
{
    if (strchr(text, '\n') == NULL)
        return yamlvalue_written_put(NULL, text, YAMLVALUE_TAG_STR);
    struct value *block = yamlvalue_written_new(text, strlen(text), YAMLVALUE_TAG_STR, true);
    value_string_note(block, '|');
    return block;
}

bool yamlvalue_written_is_text(const struct value *value)
{
    struct yamlvalue_written written;
    if (!is_marked(value))
        return value_is_string(value);
    yamlvalue_written_of(value, &written);
    return written.tag == YAMLVALUE_TAG_STR || written.tag == YAMLVALUE_TAG_NONE;
}

static bool is_folded(const struct value *value)
{
    return value_is_string(value) && value_string_noted(value) == '>';
}

struct value *yamlvalue_settled(const struct value *scalar)
{
    bool folded = is_folded(scalar);
    if (!is_marked(scalar) && !folded)
        return value_ref(scalar);
    struct yamlvalue_written written;
    yamlvalue_written_of(scalar, &written);
    if (folded) {
        struct value *refolded = yamlvalue_refolded(written.text, written.length);
        return refolded != NULL ? refolded : value_stringn(written.text, written.length);
    }
    bool many_lines = memchr(written.text, '\n', written.length) != NULL;
    if (written.tag == YAMLVALUE_TAG_STR ||
        (written.tag == YAMLVALUE_TAG_NONE && (many_lines || written.quoted)))
        return value_stringn(written.text, written.length);
    struct yamlvalue_scalar resolved;
    yamlvalue_resolve(written.text, written.length, &resolved);
    enum yamlvalue_tag own = tag_of_kind(resolved.kind);
    if (written.tag == own && written.quoted)
        return value_stringn(written.text, written.length); // the tag is left out, and quotes win
    bool as_float = written.tag == YAMLVALUE_TAG_FLOAT && own == YAMLVALUE_TAG_INT;
    if (written.tag != YAMLVALUE_TAG_NONE && written.tag != own && !as_float)
        return NULL;
    return yamlvalue_scalar(written.text, written.length);
}

bool yamlvalue_written_is_alias(const struct value *value)
{
    struct yamlvalue_written written;
    if (!is_marked(value))
        return false;
    yamlvalue_written_of(value, &written);
    return written.tag == YAMLVALUE_TAG_ALIAS;
}

// Where in the value: for messages, and whether between brackets.
struct place {
    const struct place *up;
    bool in_flow;
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

static int fail_scalar(const struct value *scalar, const struct place *place, struct error *err)
{
    static const char *const names[] = {
        [YAMLVALUE_TAG_NONE] = "a value",     [YAMLVALUE_TAG_STR] = "text",
        [YAMLVALUE_TAG_INT] = "an integer",   [YAMLVALUE_TAG_FLOAT] = "a number",
        [YAMLVALUE_TAG_BOOL] = "a boolean",   [YAMLVALUE_TAG_NULL] = "null",
        [YAMLVALUE_TAG_TIMESTAMP] = "a date", [YAMLVALUE_TAG_ALIAS] = "an alias",
    };
    cleanup_strbuf struct strbuf path;
    strbuf_init(&path, MAX_PATH_BYTES);
    add_place(&path, place);
    struct yamlvalue_written written;
    yamlvalue_written_of(scalar, &written);
    return error_set(err, ERROR_INVALID,
                     "%s: \"%s\" stands where %s is; put quotes around the value that was there to "
                     "make it text",
                     path.data, written.text, names[written.tag]);
}

static int settle_below(struct value *value, const struct place *place, struct error *err);

// What go-yaml does to texts without quotes between brackets: it puts the empty one in quotes, and
// a date that has a colon, so that both are read again as text. There are no blocks there.
static bool is_text_in_flow(const struct value *value)
{
    struct yamlvalue_written written;
    if (is_folded(value) || value == yamlvalue_empty_null())
        return true;
    if (!is_marked(value))
        return false;
    yamlvalue_written_of(value, &written);
    bool of_date = written.tag == YAMLVALUE_TAG_NONE || written.tag == YAMLVALUE_TAG_TIMESTAMP;
    if (written.quoted || (written.length > 0 && !of_date))
        return false;
    if (written.length == 0)
        return written.tag == YAMLVALUE_TAG_NONE || written.tag == YAMLVALUE_TAG_NULL;
    struct yamlvalue_scalar resolved;
    yamlvalue_resolve(written.text, written.length, &resolved);
    return resolved.kind == YAMLVALUE_TIMESTAMP &&
           memchr(written.text, ':', written.length) != NULL;
}

static struct value *text_in_flow(const struct value *value)
{
    struct yamlvalue_written written;
    yamlvalue_written_of(value, &written);
    return value_stringn(written.text, written.length);
}

// *ret_new is owned; NULL where the value stays as it is.
static int settle_member(struct value *member, const struct place *place, struct value **ret_new,
                         struct error *err)
{
    *ret_new = NULL;
    if (value_is_object(member) || value_is_array(member))
        return settle_below(member, place, err);
    bool in_flow = place->in_flow && is_text_in_flow(member);
    if (!in_flow && !is_marked(member) && !is_folded(member))
        return 0;
    *ret_new = in_flow ? text_in_flow(member) : yamlvalue_settled(member);
    return *ret_new != NULL ? 0 : fail_scalar(member, place, err);
}

static int settle_below(struct value *value, const struct place *place, struct error *err)
{
    struct value *member = NULL;
    struct value *settled = NULL;
    struct place here = {
        .up = place,
        .in_flow = (place != NULL && place->in_flow) || value_container_marked(value),
    };
    value_foreach (value, here.key, member) {
        if (settle_member(member, &here, &settled, err) < 0)
            return -1;
        if (settled != NULL)
            value_object_set_new(value, here.key, settled);
    }
    here.key = NULL;
    for (; here.index < value_array_size(value); here.index++) {
        if (settle_member(value_array_get(value, here.index), &here, &settled, err) < 0)
            return -1;
        if (settled != NULL)
            value_array_set_new(value, here.index, settled);
    }
    return 0;
}

static struct value *quoted_word(const struct value *value)
{
    if (!value_is_string(value) || is_marked(value))
        return NULL;
    const char *text = value_string_value(value);
    size_t length = value_string_length(value);
    return yamlvalue_looks_typed(text, length)
               ? yamlvalue_written_new(text, length, YAMLVALUE_TAG_STR, true)
               : NULL;
}

void yamlvalue_written_from_json(struct value *value)
{
    value_container_mark(value, value_object_size(value) + value_array_size(value) == 0);
    const char *key = NULL;
    struct value *member = NULL;
    value_foreach (value, key, member) {
        struct value *quoted = quoted_word(member);
        if (quoted != NULL)
            value_object_set_new(value, key, quoted);
        else
            yamlvalue_written_from_json(member);
    }
    for (size_t i = 0; i < value_array_size(value); i++) {
        struct value *quoted = quoted_word(value_array_get(value, i));
        if (quoted != NULL)
            value_array_set_new(value, i, quoted);
        else
            yamlvalue_written_from_json(value_array_get(value, i));
    }
}

// What go-yaml's encoder makes of folded texts and between brackets, its decoder does not.
static struct value *unfolded(const struct value *value)
{
    struct yamlvalue_written written;
    if (!is_folded(value))
        return NULL;
    yamlvalue_written_of(value, &written);
    return value_stringn(written.text, written.length);
}

static struct value *of_json(const struct value *value)
{
    if (value_is_string(value)) {
        struct value *text = yamlvalue_written_new(
            value_string_value(value), value_string_length(value), YAMLVALUE_TAG_STR, true);
        value_string_note(text, '"');
        return text;
    }
    if (value_is_null(value))
        return value_null();
    double real = value_real_value(value);
    bool whole = value_is_real(value) && real == trunc(real) && fabs(real) < 1e15;
    return whole ? value_integer((int64_t)real) : NULL;
}

// Puts what `make` gives in the place of every scalar that it gives something for.
static void replace_scalars(struct value *value, struct value *(*make)(const struct value *),
                            bool marked)
{
    const char *key = NULL;
    struct value *member = NULL;
    value_container_mark(value, marked);
    value_foreach (value, key, member) {
        struct value *made = make(member);
        if (made != NULL)
            value_object_set_new(value, key, made);
        else
            replace_scalars(member, make, marked);
    }
    for (size_t i = 0; i < value_array_size(value); i++) {
        struct value *made = make(value_array_get(value, i));
        if (made != NULL)
            value_array_set_new(value, i, made);
        else
            replace_scalars(value_array_get(value, i), make, marked);
    }
}

int yamlvalue_written_as_json(struct value *value, struct error *err)
{
    replace_scalars(value, unfolded, false);
    if (yamlvalue_settle(value, err) < 0)
        return -1;
    replace_scalars(value, of_json, true);
    return 0;
}

int yamlvalue_settle(struct value *value, struct error *err)
{
    return settle_below(value, NULL, err);
}
