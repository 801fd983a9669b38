#define PCRE2_CODE_UNIT_WIDTH 8
#include "base/regexp.h"

#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    MAX_PATTERN_BYTES = 1024,
    MAX_COMPILED_BYTES = 16 << 10,
    MAX_TEXT_BYTES = 64 << 10,
    MAX_REPEAT = 1000,
    WORKSPACE_INTS = 4096, // three for each way that is followed at the same time
};

struct regexp {
    char *pattern; // as given
    enum regexp_extent extent;
    pcre2_code *code; // NULL: the pattern holds nothing but what it stands for
};

void regexp_free(struct regexp *regexp)
{
    if (regexp == NULL)
        return;
    free(regexp->pattern);
    pcre2_code_free(regexp->code);
    free(regexp);
}

void cleanup_regexp_pointer(struct regexp **regexp)
{
    regexp_free(*regexp);
    *regexp = NULL;
}

static int refuse(const char *pattern, size_t offset, const char *why, struct error *err)
{
    return error_set(err, ERROR_INVALID, "the regular expression \"%s\" at %zu: %s", pattern,
                     offset, why);
}

// Behind "(?": flags and named groups only.
static const char *judge_group(const char *text)
{
    if (strncmp(text, "P<", 2) == 0)
        return NULL;
    if (text[0] == '<' && text[1] != '=' && text[1] != '!')
        return NULL;
    size_t flags = strspn(text, "imsU-");
    if (text[flags] == ')' || text[flags] == ':')
        return NULL;
    return "only groups (?:…), (?P<name>…) and flags (?imsU) are known";
}

static bool is_word(char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
}

static const char *judge_escape(char ch)
{
    if (!is_word(ch) || strchr("aftnrvxdDsSwWbBAzpPQE0", ch) != NULL)
        return NULL;
    return "this escape is not known; references to groups are none of them";
}

// "{n}", "{n,}" or "{n,m}": its length, 0 where it is no repetition.
static size_t repeat_length(const char *text, bool *ret_too_many)
{
    size_t at = 1 + strspn(text + 1, "0123456789");
    if (at == 1)
        return 0;
    *ret_too_many = strtoul(text + 1, NULL, 10) > MAX_REPEAT;
    if (text[at] == ',') {
        *ret_too_many |= strtoul(text + at + 1, NULL, 10) > MAX_REPEAT;
        at += 1 + strspn(text + at + 1, "0123456789");
    }
    return text[at] == '}' ? at + 1 : 0;
}

struct scan {
    const char *pattern;
    size_t at;
    bool in_class;
    bool in_quote;   // \Q … \E
    bool repeated;   // what was read last is a repetition
    size_t class_at; // where the class's first member stands
};

// Reads one piece; a message where RE2 would refuse it and PCRE2 not.
static const char *scan_piece(struct scan *scan)
{
    const char *text = scan->pattern + scan->at;
    bool repeated = scan->repeated;
    scan->repeated = false;
    if (scan->in_quote) {
        scan->in_quote = strncmp(text, "\\E", 2) != 0;
        scan->at += scan->in_quote ? 1 : 2;
        return NULL;
    }
    if (text[0] == '\\') {
        scan->in_quote = text[1] == 'Q';
        scan->at += text[1] == '\0' ? 1 : 2;
        return judge_escape(text[1]);
    }
    if (scan->in_class) {
        scan->in_class = text[0] != ']' || scan->at == scan->class_at;
        if (strncmp(text, "[:", 2) == 0 && strstr(text, ":]") != NULL)
            scan->at += (size_t)(strstr(text, ":]") - text) + 1;
        scan->at++;
        return NULL;
    }
    bool too_many = false;
    size_t repeat = text[0] == '{' ? repeat_length(text, &too_many) : 0;
    if (repeat > 0 || strchr("*+?", text[0]) != NULL) {
        scan->repeated = true;
        scan->at += repeat > 0 ? repeat : 1;
        if (too_many)
            return "a repetition beyond 1000";
        if (repeated)
            return "a repetition of a repetition";
        if (scan->pattern[scan->at] == '?')
            scan->at++;
        return NULL;
    }
    scan->at++;
    if (text[0] == '[') {
        scan->in_class = true;
        scan->at += text[1] == '^';
        scan->class_at = scan->at;
    }
    if (strncmp(text, "(*", 2) == 0)
        return "a repetition without anything to repeat";
    return strncmp(text, "(?", 2) == 0 ? judge_group(text + 2) : NULL;
}

static int check_syntax(const char *pattern, struct error *err)
{
    struct scan scan = {.pattern = pattern};
    while (pattern[scan.at] != '\0') {
        size_t start = scan.at;
        bool group = strncmp(pattern + start, "(?", 2) == 0 && !scan.in_class && !scan.in_quote;
        const char *why = scan_piece(&scan);
        if (why != NULL)
            return refuse(pattern, start, why, err);
        // The question mark of a group is no repetition.
        if (group)
            scan.at = start + 2;
    }
    return 0;
}

static int compile(struct regexp *regexp, const char *text, struct error *err)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    int code = 0;
    PCRE2_SIZE offset = 0;
    uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE |
                       PCRE2_NEVER_BACKSLASH_C | PCRE2_DUPNAMES;
    regexp->code =
        pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (regexp->code == NULL) {
        PCRE2_UCHAR message[160] = "";
        pcre2_get_error_message(code, message, sizeof message);
        return refuse(text, offset, (const char *)message, err);
    }
    size_t size = 0;
    pcre2_pattern_info(regexp->code, PCRE2_INFO_SIZE, &size);
    if (size > MAX_COMPILED_BYTES)
        return error_set(err, ERROR_LIMIT,
                         "the regular expression \"%s\" stands for too much; repeat less in it",
                         regexp->pattern);
    return 0;
}

int regexp_compile(const char *pattern, enum regexp_extent extent, struct regexp **ret_regexp,
                   struct error *err)
{
    if (strlen(pattern) > MAX_PATTERN_BYTES)
        return error_set(err, ERROR_LIMIT, "a regular expression of more than %d bytes",
                         MAX_PATTERN_BYTES);
    if (check_syntax(pattern, err) < 0)
        return -1;
    cleanup_regexp struct regexp *regexp = xcalloc(1, sizeof *regexp);
    regexp->pattern = xstrdup(pattern);
    regexp->extent = extent;
    bool literal = strpbrk(pattern, "\\^$.|?*+()[]{}") == NULL;
    cleanup_free char *whole = xasprintf("^(?:%s)$", pattern);
    if (!literal && compile(regexp, extent == REGEXP_WHOLE ? whole : pattern, err) < 0)
        return -1;
    *ret_regexp = STEAL(regexp);
    return 0;
}

int regexp_match(const struct regexp *regexp, const char *text, bool *ret_matches,
                 struct error *err)
{
    if (regexp->code == NULL) {
        *ret_matches = regexp->extent == REGEXP_WHOLE ? strcmp(regexp->pattern, text) == 0
                                                      : strstr(text, regexp->pattern) != NULL;
        return 0;
    }
    size_t length = strlen(text);
    if (length > MAX_TEXT_BYTES)
        return error_set(err, ERROR_LIMIT,
                         "a text of more than %d bytes for the regular expression \"%s\"",
                         MAX_TEXT_BYTES, regexp->pattern);
    int workspace[WORKSPACE_INTS];
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int status = pcre2_dfa_match(regexp->code, (PCRE2_SPTR)text, length, 0, PCRE2_DFA_SHORTEST,
                                 data, NULL, workspace, WORKSPACE_INTS);
    pcre2_match_data_free(data);
    if (status < 0 && status != PCRE2_ERROR_NOMATCH)
        return error_set(
            err, ERROR_LIMIT,
            "the regular expression \"%s\" has too many ways to match; make it simpler",
            regexp->pattern);
    *ret_matches = status >= 0;
    return 0;
}
