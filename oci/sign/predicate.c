#include "oci/sign/predicate.h"

#include "base/clock.h"
#include "base/jval.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PATH_TEXT = 1024, MAX_SHOWN = 120, MAX_CONDITION_TEXT = 16 << 10 };

static const struct {
    const char *name;
    const char *type;
    const char *time_path;
} known_types[] = {
    {"custom", "https://cosign.sigstore.dev/attestation/v1", "/Timestamp"},
    {"vuln", "https://cosign.sigstore.dev/attestation/vuln/v1", "/metadata/scanFinishedOn"},
    {"slsaprovenance", "https://slsa.dev/provenance/v0.2", "/metadata/buildFinishedOn"},
    {"slsaprovenance02", "https://slsa.dev/provenance/v0.2", "/metadata/buildFinishedOn"},
    {"slsaprovenance1", "https://slsa.dev/provenance/v1", "/runDetails/metadata/finishedOn"},
    {"link", "https://in-toto.io/Link/v1", NULL},
    {"spdx", "https://spdx.dev/Document", "/creationInfo/created"},
    {"spdxjson", "https://spdx.dev/Document", "/creationInfo/created"},
    {"cyclonedx", "https://cyclonedx.org/bom", "/metadata/timestamp"},
    {"openvex", "https://openvex.dev/ns", "/timestamp"},
    {"test-result", "https://in-toto.io/attestation/test-result/v0.1", NULL},
};

const char *predicate_type(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(known_types); i++)
        if (strcmp(known_types[i].name, name) == 0)
            return known_types[i].type;
    return name;
}

const char *predicate_time_path(const char *type)
{
    for (size_t i = 0; i < ARRAY_LENGTH(known_types); i++)
        if (strcmp(known_types[i].type, type) == 0)
            return known_types[i].time_path;
    return NULL;
}

bool predicate_path_is_valid(const char *path)
{
    size_t depth = 0;
    if (*path != '/' || strlen(path) > MAX_PATH_TEXT)
        return false;
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '~' && at[1] != '0' && at[1] != '1')
            return false;
        if ((unsigned char)*at < 0x20)
            return false;
        depth += *at == '/';
    }
    return depth <= PREDICATE_MAX_DEPTH;
}

// One step of a path, without its escapes; *path is moved behind it. Owned.
static char *take_step(const char **path)
{
    const char *at = *path + 1;
    size_t size = strcspn(at, "/");
    *path = at + size;
    char *step = xstrndup(at, size);
    char *to = step;
    for (const char *from = step; *from != '\0'; from++) {
        if (*from == '~')
            *to++ = *++from == '0' ? '~' : '/';
        else
            *to++ = *from;
    }
    *to = '\0';
    return step;
}

// What a path finds. Values are new references, since some are parsed on the way.
struct findings {
    struct vec values; // json_t *
    bool too_many;
    bool broken; // before the first `*` something was missing
};

static void release_value(void *element)
{
    json_decref(*(json_t **)element);
}

static bool is_container(const json_t *value)
{
    return json_typeof(value) == JSON_OBJECT || json_typeof(value) == JSON_ARRAY;
}

static void find(const json_t *value, const char *path, bool wild, struct findings *findings);

static void find_each(const json_t *value, const char *path, struct findings *findings)
{
    const char *name;
    json_t *member;
    size_t index;
    if (!is_container(value)) {
        findings->broken = true;
        return;
    }
    jval_foreach (value, name, member)
        find(member, path, true, findings);
    jval_array_foreach(value, index, member) find(member, path, true, findings);
}

// An index as JSON pointers write it: no sign, no leading zero.
static json_t *element_of(const json_t *array, const char *step)
{
    size_t length = strspn(step, "0123456789");
    if (length == 0 || length > 9 || step[length] != '\0' || (length > 1 && *step == '0'))
        return NULL;
    return json_array_get(array, strtoul(step, NULL, 10));
}

static void find(const json_t *value, const char *path, bool wild, struct findings *findings)
{
    cleanup_json json_t *parsed = NULL;
    if (findings->too_many)
        return;
    if (*path == '\0') {
        if (findings->values.len >= PREDICATE_MAX_VALUES)
            findings->too_many = true;
        else
            *(json_t **)vec_push(&findings->values) = jval_ref(value);
        return;
    }
    if (json_typeof(value) == JSON_STRING &&
        jval_parse(json_string_value(value), json_string_length(value), "the text", &parsed,
                   NULL) == 0)
        value = parsed;
    cleanup_free char *step = take_step(&path);
    if (strcmp(step, "*") == 0) {
        // Behind another `*` an absent list is an empty one.
        if (!wild || is_container(value))
            find_each(value, path, findings);
        return;
    }
    const json_t *next =
        json_typeof(value) == JSON_ARRAY ? element_of(value, step) : json_object_get(value, step);
    if (next != NULL)
        find(next, path, wild, findings);
    else if (!wild)
        findings->broken = true;
}

static bool is_number(const json_t *value)
{
    return json_typeof(value) == JSON_INTEGER || json_typeof(value) == JSON_REAL;
}

static bool is_number_test(const char *name)
{
    return strcmp(name, "lessThan") == 0 || strcmp(name, "atMost") == 0 ||
           strcmp(name, "greaterThan") == 0 || strcmp(name, "atLeast") == 0;
}

static bool is_scalar(const json_t *value)
{
    return json_typeof(value) != JSON_NULL && !is_container(value);
}

static bool is_scalar_list(const json_t *value)
{
    size_t index;
    json_t *item;
    if (json_typeof(value) != JSON_ARRAY || json_array_size(value) == 0)
        return false;
    jval_array_foreach(value, index, item)
    {
        if (!is_scalar(item))
            return false;
    }
    return true;
}

static const char *operand_problem(const char *name, const json_t *operand)
{
    if (strcmp(name, "exists") == 0)
        return operand == json_true() || operand == json_false() ? NULL : "takes true or false";
    if (strcmp(name, "equals") == 0 || strcmp(name, "notEquals") == 0)
        return is_scalar(operand) ? NULL : "takes a text, a number, true or false";
    if (strcmp(name, "in") == 0 || strcmp(name, "notIn") == 0)
        return is_scalar_list(operand) ? NULL : "takes a list of texts, numbers, true or false";
    if (is_number_test(name))
        return is_number(operand) ? NULL : "takes a number";
    return "is no comparison that is known";
}

int predicate_condition_check(const json_t *condition, struct error *err)
{
    const char *name;
    json_t *operand;
    const char *path = jval_string_or(condition, "path", "");
    size_t tests = 0;
    if (!predicate_path_is_valid(path))
        return error_set(
            err, ERROR_INVALID,
            "path \"%.200s\" is no JSON pointer; write it like /scanner/result/critical", path);
    jval_foreach (condition, name, operand) {
        if (strcmp(name, "path") == 0)
            continue;
        const char *problem = operand_problem(name, operand);
        if (problem != NULL)
            return error_set(err, ERROR_INVALID, "the condition on %s: %s %s", path, name, problem);
        tests++;
    }
    if (tests == 0)
        return error_set(err, ERROR_INVALID,
                         "the condition on %s compares nothing; add equals, in, atMost or exists",
                         path);
    return 0;
}

// A value as a sentence may show it; owned.
static char *shown(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (text == NULL)
        abort();
    if (strlen(text) > MAX_SHOWN) {
        char *cut = xasprintf("%.*s…", MAX_SHOWN, text);
        free(text);
        return cut;
    }
    return text;
}

char *predicate_condition_text(const json_t *condition)
{
    struct strbuf out;
    const char *name;
    json_t *operand;
    bool first = true;
    strbuf_init(&out, MAX_CONDITION_TEXT);
    strbuf_addstr(&out, jval_string_or(condition, "path", ""));
    jval_foreach (condition, name, operand) {
        if (strcmp(name, "path") == 0)
            continue;
        cleanup_free char *text = shown(operand);
        strbuf_addf(&out, "%s %s %s", first ? "" : " and", name, text);
        first = false;
    }
    return strbuf_steal(&out);
}

static bool is_equal(const json_t *a, const json_t *b)
{
    if (json_typeof(a) == JSON_INTEGER && json_typeof(b) == JSON_INTEGER)
        return json_integer_value(a) == json_integer_value(b);
    if (is_number(a) && is_number(b))
        return json_number_value(a) >= json_number_value(b) &&
               json_number_value(a) <= json_number_value(b);
    return json_equal(a, b);
}

static bool is_among(const json_t *list, const json_t *value)
{
    size_t index;
    json_t *item;
    jval_array_foreach(list, index, item)
    {
        if (is_equal(item, value))
            return true;
    }
    return false;
}

static bool number_holds(const char *name, const json_t *operand, const json_t *value)
{
    if (!is_number(value))
        return false;
    double is = json_number_value(value);
    double limit = json_number_value(operand);
    if (strcmp(name, "lessThan") == 0)
        return is < limit;
    if (strcmp(name, "atMost") == 0)
        return is <= limit;
    return strcmp(name, "greaterThan") == 0 ? is > limit : is >= limit;
}

// Of one value. A list or map is equal to no scalar, and so among none; what shall not be it is
// no scalar either, and fails, since nobody can have meant that.
static bool test_holds(const char *name, const json_t *operand, const json_t *value)
{
    if (strcmp(name, "exists") == 0)
        return true;
    if (!is_scalar(value))
        return false;
    if (strcmp(name, "equals") == 0)
        return is_equal(operand, value);
    if (strcmp(name, "notEquals") == 0)
        return !is_equal(operand, value);
    if (strcmp(name, "in") == 0)
        return is_among(operand, value);
    if (strcmp(name, "notIn") == 0)
        return !is_among(operand, value);
    return number_holds(name, operand, value);
}

// The first value that fails some test; NULL when none does.
static const json_t *first_that_fails(const json_t *condition, const struct findings *findings)
{
    const char *name;
    json_t *operand;
    jval_foreach (condition, name, operand) {
        if (strcmp(name, "path") == 0)
            continue;
        for (size_t i = 0; i < findings->values.len; i++) {
            const json_t *value = *(json_t **)vec_at(&findings->values, i);
            if (!test_holds(name, operand, value))
                return value;
        }
    }
    return NULL;
}

bool predicate_condition_holds(const json_t *condition, const json_t *predicate, char **ret_found)
{
    const char *path = jval_string_or(condition, "path", "");
    const json_t *exists = json_object_get(condition, "exists");
    struct findings findings = {.values = VEC_OF(json_t *, release_value)};
    find(predicate != NULL ? predicate : json_null(), path, false, &findings);
    const json_t *failing = first_that_fails(condition, &findings);
    bool some = findings.values.len > 0;
    *ret_found = NULL;
    if (findings.too_many)
        *ret_found = xasprintf("%s finds more than %d values", path, PREDICATE_MAX_VALUES);
    else if (json_is_false(exists) && some)
        *ret_found = xasprintf("%s is there", path);
    else if (!some && !json_is_false(exists) && (json_is_true(exists) || findings.broken))
        *ret_found = xasprintf("%s is absent", path);
    else if (failing != NULL) {
        cleanup_free char *text = shown(failing);
        *ret_found = xasprintf("%s is %s", path, text);
    }
    vec_free(&findings.values);
    return *ret_found == NULL;
}

int predicate_time(const json_t *predicate, const char *path, int64_t *ret_wall_ms)
{
    struct findings findings = {.values = VEC_OF(json_t *, release_value)};
    find(predicate != NULL ? predicate : json_null(), path, false, &findings);
    int result = -1;
    if (findings.values.len == 1) {
        const json_t *value = *(json_t **)vec_at(&findings.values, 0);
        if (json_typeof(value) == JSON_STRING)
            result = time_parse(json_string_value(value), ret_wall_ms, NULL);
    }
    vec_free(&findings.values);
    return result;
}
