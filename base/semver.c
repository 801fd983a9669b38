// Versions first, then ranges: a range is a list of alternatives, an alternative a list of
// comparators that must all hold, a comparator an operator and a version of which only the first
// `parts` numbers were written.
#include "base/semver.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/vec.h"

enum {
    MAX_TEXT_BYTES = 256,   // a tag or range of a person is far shorter
    MAX_COMPARATORS = 64,   // in one alternative, and as many alternatives
    MAX_NUMBER_DIGITS = 19, // fits uint64_t
};

void semver_release(struct semver *version)
{
    free(version->prerelease);
    free(version->build);
    *version = (struct semver){0};
}

static bool is_digit(char ch)
{
    return ch >= '0' && ch <= '9';
}

static bool is_identifier(char ch)
{
    return is_digit(ch) || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '-';
}

// The number at *cursor; -1 where there is none or it is too long.
static int take_number(const char **cursor, bool strict, uint64_t *ret_number)
{
    const char *start = *cursor;
    uint64_t number = 0;
    while (is_digit(**cursor)) {
        if (*cursor - start == MAX_NUMBER_DIGITS)
            return -1;
        number = number * 10 + (uint64_t)(**cursor - '0');
        (*cursor)++;
    }
    if (*cursor == start || (strict && *start == '0' && *cursor - start > 1))
        return -1;
    *ret_number = number;
    return 0;
}

// Identifiers with dots between them; owned text, or NULL when the form is wrong.
static char *take_identifiers(const char **cursor, bool leading_zeros)
{
    const char *start = *cursor;
    for (;;) {
        const char *identifier = *cursor;
        bool numeric = true;
        for (; is_identifier(**cursor); (*cursor)++)
            numeric = numeric && is_digit(**cursor);
        if (*cursor == identifier)
            return NULL;
        if (numeric && !leading_zeros && *identifier == '0' && *cursor - identifier > 1)
            return NULL;
        if (**cursor != '.')
            return xstrndup(start, (size_t)(*cursor - start));
        (*cursor)++;
    }
}

// "-rc.1+build" at *cursor, either part optional.
static int take_suffixes(const char **cursor, struct semver *version)
{
    if (**cursor == '-') {
        (*cursor)++;
        version->prerelease = take_identifiers(cursor, false);
        if (version->prerelease == NULL)
            return -1;
    }
    if (**cursor == '+') {
        (*cursor)++;
        version->build = take_identifiers(cursor, true);
        if (version->build == NULL)
            return -1;
    }
    if (version->prerelease == NULL)
        version->prerelease = xstrdup("");
    if (version->build == NULL)
        version->build = xstrdup("");
    return 0;
}

static int take_version(const char *text, bool strict, struct semver *version)
{
    const char *cursor = text;
    if (!strict && *cursor == 'v')
        cursor++;
    uint64_t *numbers[] = {&version->major, &version->minor, &version->patch};
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        if (i > 0) {
            if (*cursor != '.' && !strict)
                break;
            if (*cursor++ != '.')
                return -1;
        }
        if (take_number(&cursor, strict, numbers[i]) < 0)
            return -1;
    }
    if (take_suffixes(&cursor, version) < 0)
        return -1;
    return *cursor == '\0' ? 0 : -1;
}

static int parse(const char *text, bool strict, struct semver *ret_version, struct error *err)
{
    cleanup_semver struct semver version = {0};
    if (strlen(text) > MAX_TEXT_BYTES)
        return error_set(err, ERROR_INVALID, "a version is at most %d bytes long", MAX_TEXT_BYTES);
    if (take_version(text, strict, &version) < 0)
        return error_set(err, ERROR_INVALID, "\"%s\" is not a semantic version such as 1.2.3",
                         text);
    *ret_version = version;
    version = (struct semver){0};
    return 0;
}

int semver_parse(const char *text, struct semver *ret_version, struct error *err)
{
    return parse(text, false, ret_version, err);
}

int semver_parse_strict(const char *text, struct semver *ret_version, struct error *err)
{
    return parse(text, true, ret_version, err);
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

// One identifier each: numbers by value, texts by byte, a number below a text.
static int compare_identifiers(const char *a, size_t a_size, const char *b, size_t b_size)
{
    bool a_number = strspn(a, "0123456789") >= a_size;
    bool b_number = strspn(b, "0123456789") >= b_size;
    if (a_number != b_number)
        return a_number ? -1 : 1;
    if (a_number && a_size != b_size)
        return a_size < b_size ? -1 : 1; // there are no leading zeros
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order != 0 ? order : compare_numbers(a_size, b_size);
}

static int compare_prereleases(const char *a, const char *b)
{
    if (*a == '\0' || *b == '\0')
        return (*a == '\0') - (*b == '\0');
    for (;;) {
        size_t a_size = strcspn(a, ".");
        size_t b_size = strcspn(b, ".");
        int order = compare_identifiers(a, a_size, b, b_size);
        if (order != 0)
            return order;
        a += a_size;
        b += b_size;
        if (*a == '\0' || *b == '\0')
            return (*a != '\0') - (*b != '\0');
        a++;
        b++;
    }
}

int semver_compare(const struct semver *a, const struct semver *b)
{
    int order = compare_numbers(a->major, b->major);
    if (order == 0)
        order = compare_numbers(a->minor, b->minor);
    if (order == 0)
        order = compare_numbers(a->patch, b->patch);
    return order != 0 ? order : compare_prereleases(a->prerelease, b->prerelease);
}

char *semver_format(const struct semver *version)
{
    return xasprintf("%llu.%llu.%llu%s%s%s%s", (unsigned long long)version->major,
                     (unsigned long long)version->minor, (unsigned long long)version->patch,
                     *version->prerelease != '\0' ? "-" : "", version->prerelease,
                     *version->build != '\0' ? "+" : "", version->build);
}

enum semver_op {
    EQUAL,
    NOT_EQUAL,
    GREATER,
    GREATER_EQUAL,
    LESS,
    LESS_EQUAL,
    TILDE,
    CARET,
};

struct comparator {
    enum semver_op op;
    int parts; // 0 ("*") to 3: how many numbers were written
    struct semver version;
};

struct alternative {
    struct vec comparators;
    bool names_prerelease;
};

struct semver_range {
    struct vec alternatives;
    bool include_prereleases;
};

static void comparator_release(void *comparator)
{
    semver_release(&((struct comparator *)comparator)->version);
}

static void alternative_release(void *alternative)
{
    vec_free(&((struct alternative *)alternative)->comparators);
}

void semver_range_free(struct semver_range *range)
{
    if (range == NULL)
        return;
    vec_free(&range->alternatives);
    free(range);
}

void cleanup_semver_range_pointer(struct semver_range **range)
{
    semver_range_free(*range);
}

void semver_range_include_prereleases(struct semver_range *range)
{
    range->include_prereleases = true;
}

static void skip_spaces(const char **cursor)
{
    while (**cursor == ' ' || **cursor == '\t')
        (*cursor)++;
}

static enum semver_op take_operator(const char **cursor, bool *ret_written)
{
    static const struct {
        const char *text;
        enum semver_op op;
    } operators[] = {
        {"!=", NOT_EQUAL},  {">=", GREATER_EQUAL}, {"=>", GREATER_EQUAL}, {"<=", LESS_EQUAL},
        {"=<", LESS_EQUAL}, {"~>", TILDE},         {"=", EQUAL},          {">", GREATER},
        {"<", LESS},        {"~", TILDE},          {"^", CARET},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(operators); i++) {
        size_t length = strlen(operators[i].text);
        if (strncmp(*cursor, operators[i].text, length) == 0) {
            *cursor += length;
            *ret_written = true;
            return operators[i].op;
        }
    }
    *ret_written = false;
    return EQUAL;
}

// "1.2", "1.x", "*" with suffixes. What follows a wildcard counts as a wildcard too.
static int take_partial_version(const char **cursor, struct comparator *comparator)
{
    uint64_t *numbers[] = {&comparator->version.major, &comparator->version.minor,
                           &comparator->version.patch};
    bool wild = false;
    if (**cursor == 'v')
        (*cursor)++;
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        if (i > 0 && **cursor != '.')
            break;
        if (i > 0)
            (*cursor)++;
        uint64_t number = 0;
        if (**cursor == 'x' || **cursor == 'X' || **cursor == '*') {
            wild = true;
            (*cursor)++;
        } else if (take_number(cursor, false, &number) < 0) {
            return -1;
        } else if (!wild) {
            *numbers[i] = number;
            comparator->parts++;
        }
    }
    return take_suffixes(cursor, &comparator->version);
}

// "A - B": turns the comparator that holds A into >=A and adds <=B.
static int take_hyphen(const char **cursor, struct alternative *alternative)
{
    const char *ahead = *cursor;
    skip_spaces(&ahead);
    if (ahead == *cursor || ahead[0] != '-' || (ahead[1] != ' ' && ahead[1] != '\t'))
        return 0;
    ahead++;
    skip_spaces(&ahead);
    struct comparator *low = vec_at(&alternative->comparators, alternative->comparators.len - 1);
    low->op = GREATER_EQUAL;
    struct comparator *high = vec_push(&alternative->comparators);
    high->op = LESS_EQUAL;
    *cursor = ahead;
    return take_partial_version(cursor, high);
}

static int take_alternative(const char **cursor, struct alternative *alternative)
{
    for (;;) {
        bool operator_written = false;
        skip_spaces(cursor);
        if (alternative->comparators.len >= MAX_COMPARATORS)
            return -1;
        struct comparator *comparator = vec_push(&alternative->comparators);
        comparator->op = take_operator(cursor, &operator_written);
        skip_spaces(cursor);
        if (take_partial_version(cursor, comparator) < 0)
            return -1;
        if (!operator_written && take_hyphen(cursor, alternative) < 0)
            return -1;
        const char *end = *cursor;
        skip_spaces(cursor);
        if (**cursor == '\0' || strncmp(*cursor, "||", 2) == 0)
            return 0;
        if (**cursor == ',')
            (*cursor)++;
        else if (*cursor == end)
            return -1;
    }
}

static int take_range(const char *text, struct semver_range *range)
{
    const char *cursor = text;
    for (;;) {
        if (range->alternatives.len >= MAX_COMPARATORS)
            return -1;
        struct alternative *alternative = vec_push(&range->alternatives);
        alternative->comparators = VEC_OF(struct comparator, comparator_release);
        if (take_alternative(&cursor, alternative) < 0)
            return -1;
        vec_foreach (struct comparator, comparator, &alternative->comparators) {
            if (*comparator->version.prerelease != '\0')
                alternative->names_prerelease = true;
        }
        if (*cursor == '\0')
            return 0;
        cursor += strlen("||");
    }
}

int semver_range_parse(const char *text, struct semver_range **ret_range, struct error *err)
{
    if (strlen(text) > MAX_TEXT_BYTES)
        return error_set(err, ERROR_INVALID, "a version range is at most %d bytes long",
                         MAX_TEXT_BYTES);
    cleanup_semver_range struct semver_range *range = xcalloc(1, sizeof *range);
    range->alternatives = VEC_OF(struct alternative, alternative_release);
    if (take_range(*text != '\0' ? text : "*", range) < 0)
        return error_set(err, ERROR_INVALID,
                         "\"%s\" is not a version range such as \"^1.2\" or \">=1.2 <2\"", text);
    *ret_range = STEAL(range);
    return 0;
}

static bool tilde_allows(const struct comparator *comparator, const struct semver *version)
{
    const struct semver *low = &comparator->version;
    if (semver_compare(version, low) < 0)
        return false;
    // ~0.0.0 and ~* allow everything, as the peers have it.
    if (low->major == 0 && low->minor == 0 && low->patch == 0 &&
        (comparator->parts == 0 || comparator->parts == 3))
        return true;
    return version->major == low->major && (comparator->parts == 1 || version->minor == low->minor);
}

// Nothing left of and including the first number that is not zero may change.
static bool caret_allows(const struct comparator *comparator, const struct semver *version)
{
    const struct semver *low = &comparator->version;
    if (semver_compare(version, low) < 0)
        return false;
    if (comparator->parts == 0)
        return true;
    if (version->major != low->major)
        return false;
    if (low->major > 0 || comparator->parts == 1)
        return true;
    if (version->minor != low->minor)
        return false;
    return low->minor > 0 || comparator->parts == 2 || version->patch == low->patch;
}

static bool differs(const struct comparator *comparator, const struct semver *version)
{
    const struct semver *other = &comparator->version;
    if (comparator->parts == 0 || comparator->parts == 3 || version->major != other->major)
        return semver_compare(version, other) != 0;
    if (comparator->parts == 1)
        return false;
    return version->minor != other->minor ||
           compare_prereleases(version->prerelease, other->prerelease) != 0;
}

static bool is_above(const struct comparator *comparator, const struct semver *version)
{
    const struct semver *other = &comparator->version;
    if (comparator->parts == 1)
        return version->major > other->major;
    if (comparator->parts == 2)
        return version->major > other->major ||
               (version->major == other->major && version->minor > other->minor);
    return semver_compare(version, other) > 0;
}

static bool comparator_allows(const struct comparator *comparator, const struct semver *version,
                              bool prereleases)
{
    const struct semver *other = &comparator->version;
    if (*version->prerelease != '\0' && *other->prerelease == '\0' && !prereleases)
        return false;
    switch (comparator->op) {
    case EQUAL:
        return comparator->parts < 3 ? tilde_allows(comparator, version)
                                     : semver_compare(version, other) == 0;
    case NOT_EQUAL:
        return differs(comparator, version);
    case GREATER:
        return is_above(comparator, version);
    case GREATER_EQUAL:
        return semver_compare(version, other) >= 0;
    case LESS:
        return semver_compare(version, other) < 0;
    case LESS_EQUAL:
        // "<=1.2" allows 1.2.9.
        return comparator->parts == 3 ? semver_compare(version, other) <= 0
                                      : !is_above(comparator, version);
    case TILDE:
        return tilde_allows(comparator, version);
    case CARET:
        return caret_allows(comparator, version);
    }
    return false;
}

bool semver_range_allows(const struct semver_range *range, const struct semver *version)
{
    vec_foreach (struct alternative, alternative, &range->alternatives) {
        bool prereleases = range->include_prereleases || alternative->names_prerelease;
        bool all = true;
        vec_foreach (struct comparator, comparator, &alternative->comparators)
            all = all && comparator_allows(comparator, version, prereleases);
        if (all)
            return true;
    }
    return false;
}
